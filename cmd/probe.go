package cmd

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"certaudit/audit/inventory"
)

// What --probe takes.
const (
	// probeHere: addresses that mean this machine.
	probeHere = "here"
	// probeAnywhere: all, and the loopback of a copied node at this machine's.
	probeAnywhere = "anywhere"
)

// ask asks the endpoints of a node what they serve. Those of a node that was
// copied are dialled from this machine, which is said.
func (p *program) ask(f auditFlags, inv *inventory.Inventory) {
	copied := filepath.Clean(f.roots[0]) != string(filepath.Separator) && !inv.RunsHere()
	dials := func(e inventory.Endpoint) bool {
		return !copied || f.probe == probeAnywhere || !e.OnNode && isAddressHere(e.Address)
	}
	if copied {
		var asked, left []string
		for _, e := range inv.Endpoints() {
			list := &left
			if dials(e) {
				list = &asked
			}
			if !slices.Contains(*list, e.Address) {
				*list = append(*list, e.Address)
			}
		}
		fmt.Fprintf(p.stderr, "certaudit: --probe asks from this machine what the node of %q serves: %s\n", f.roots[0], listOr(asked, "nothing"))
		if len(left) > 0 {
			fmt.Fprintf(p.stderr, "certaudit: not asked, for they are the node's own or not this machine's: %s; --probe=%s asks them from here\n", strings.Join(left, ", "), probeAnywhere)
		}
	}
	inventory.Probe(context.Background(), inv, dials)
}

func listOr(values []string, none string) string {
	if len(values) == 0 {
		return none
	}
	return strings.Join(values, ", ")
}

// isAddressHere reports whether the host of host:port is an address of this machine.
func isAddressHere(address string) bool {
	host, err := netip.ParseAddrPort(address)
	if err != nil {
		return false
	}
	here, err := net.InterfaceAddrs()
	return err == nil && slices.ContainsFunc(here, func(a net.Addr) bool {
		prefix, err := netip.ParsePrefix(a.String())
		return err == nil && prefix.Addr().Unmap() == host.Addr().Unmap().WithZone("")
	})
}
