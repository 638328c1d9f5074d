package parsers

import (
	"net/netip"
	"strings"
)

// HostEntry is a name that a file such as /etc/hosts gives an address.
type HostEntry struct {
	// Name is in lower case, without a dot at its end.
	Name    string     `json:"name"`
	Address netip.Addr `json:"address"`
	Origin  Origin     `json:"origin"`
}

// maxAddresses bounds the addresses that are kept of one file.
const maxAddresses = 1000

// ParseHosts reads from a file such as /etc/hosts the names that are wanted, each
// as [CanonicalHost] has it, with their addresses, in the order of the file. Lists
// of blocked names have hundreds of thousands that no component calls. A line that
// begins with no address says nothing, as for those who resolve names with the
// file (hosts(5); Go net/hosts.go).
func ParseHosts(path string, data []byte, wanted func(name string) bool) []HostEntry {
	var out []HostEntry
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		address, err := netip.ParseAddr(fields[0])
		if err != nil {
			continue
		}
		for _, name := range fields[1:] {
			if name = CanonicalHost(name); name != "" && wanted(name) && len(out) < maxAddresses {
				out = append(out, HostEntry{Name: name, Address: address.Unmap().WithZone(""), Origin: Origin{Path: path, Line: number}})
			}
		}
	}
	return out
}

// CanonicalHost is a host in the one form in which it can be compared: an
// address as netip writes it, without a zone; a name in lower case without a dot
// at its end.
func CanonicalHost(host string) string {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap().WithZone("").String()
	}
	return strings.ToLower(strings.TrimRight(host, "."))
}
