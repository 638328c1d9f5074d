package inventory

import (
	"net/netip"
	"slices"
	"strings"

	"certaudit/parsers"
)

// hostsFile resolves names on the node, before any other (nsswitch.conf(5), Go
// net/conf.go). Services of systemd and static pods read it alike: these use the
// host's network, and the kubelet gives pods of that kind the node's own file
// (kubernetes pkg/kubelet/kubelet_pods.go, ensureHostsFile).
const hostsFile = "/etc/hosts"

// hosts keeps what /etc/hosts says of the names that the configuration holds.
func (g *gatherer) hosts() {
	data, ok := g.config(hostsFile, "")
	if !ok {
		return
	}
	names := g.inv.names()
	g.inv.Hosts = parsers.ParseHosts(hostsFile, data, func(name string) bool { return names[name] })
}

// names are those that stand in settings and kubeconfigs where a host can stand,
// and the node's own, as [parsers.CanonicalHost] has them. Words that are no
// hosts among them do no harm.
func (inv *Inventory) names() map[string]bool {
	out := map[string]bool{parsers.CanonicalHost(inv.Hostname.Value): true}
	add := func(text string) {
		if host := parsers.HostOf(text); host != "" {
			out[parsers.CanonicalHost(host)] = true
		}
	}
	for _, c := range inv.Components {
		for _, setting := range c.Settings {
			for _, word := range strings.FieldsFunc(setting.Value, func(r rune) bool { return strings.ContainsRune(",;#=", r) }) {
				add(word)
			}
		}
	}
	for _, k := range inv.Kubeconfigs {
		for _, cluster := range k.Clusters {
			add(cluster.Server.Value)
		}
		for _, user := range k.Users {
			if name, ok := strings.CutPrefix(user.Name, "system:node:"); ok {
				add(name)
			}
		}
	}
	return out
}

// Resolve returns the addresses that a host means on the node, without asking the
// DNS: an address itself, the loopback for localhost (RFC 6761, 6.3), what
// /etc/hosts says of a name. None where only the DNS could tell. at is the first
// line of /etc/hosts that names it, and zero where none does.
func (inv *Inventory) Resolve(host string) (addresses []netip.Addr, at parsers.Origin) {
	host = parsers.CanonicalHost(host)
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, at
	}
	for _, e := range inv.Hosts {
		if e.Name != host {
			continue
		}
		if len(addresses) == 0 {
			at = e.Origin
		}
		addresses = append(addresses, e.Address)
	}
	if len(addresses) == 0 && (host == "localhost" || strings.HasSuffix(host, ".localhost")) {
		addresses = []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback()}
	}
	return addresses, at
}

// IsLoopback reports whether a host means the node itself by an address of its
// loopback, or by the unspecified one, which leads there when it is dialled.
func (inv *Inventory) IsLoopback(host string) bool {
	addresses, _ := inv.Resolve(host)
	return slices.ContainsFunc(addresses, func(a netip.Addr) bool { return a.IsLoopback() || a.IsUnspecified() })
}

// SameHost reports whether two hosts are one on the node: one name, or one address.
func (inv *Inventory) SameHost(a, b string) bool {
	return a != "" && b != "" && inv.sameAs(a)(b)
}

// sameAs returns [Inventory.SameHost] for one host and any others.
func (inv *Inventory) sameAs(host string) func(other string) bool {
	name := parsers.CanonicalHost(host)
	addresses, _ := inv.Resolve(host)
	return func(other string) bool {
		if parsers.CanonicalHost(other) == name {
			return true
		}
		if len(addresses) == 0 {
			return false
		}
		others, _ := inv.Resolve(other)
		return slices.ContainsFunc(others, func(a netip.Addr) bool { return slices.Contains(addresses, a) })
	}
}

// IsOwn reports whether the node's own files say that a host is the node: it is
// on the loopback, is the node's name, or has an address at which one of its
// components listens or which one of them gives out as its own. A host of which
// they say nothing may be the node's all the same.
func (inv *Inventory) IsOwn(host string) bool {
	if host == "" {
		return false
	}
	return inv.IsLoopback(host) || slices.ContainsFunc(inv.OwnHosts(), inv.sameAs(host))
}

// OwnHosts are the hosts by which the components of the node speak of it, those of its
// loopback among them; a host may stand there twice.
func (inv *Inventory) OwnHosts() []string {
	out := []string{inv.Hostname.Value, inv.AdvertiseAddress(), inv.Setting(APIServer, "bind-address").Value, inv.Setting(Kubelet, "address").Value}
	out = append(out, parsers.List(inv.Setting(Kubelet, "node-ip").Value)...)
	for _, flag := range []string{"listen-client-urls", "advertise-client-urls", "listen-peer-urls", "initial-advertise-peer-urls"} {
		for _, c := range inv.Components {
			if c.Name == Etcd {
				out = append(out, URLHosts(c.Setting(flag).Value)...)
			}
		}
	}
	return slices.DeleteFunc(out, func(host string) bool {
		a, err := netip.ParseAddr(host)
		return host == "" || err == nil && a.IsUnspecified()
	})
}

// URLHosts returns the hosts of a comma-separated list of URLs of any scheme, in
// their order.
func URLHosts(urls string) []string {
	var hosts []string
	for u := range strings.SplitSeq(urls, ",") {
		if host := parsers.HostOf(u); host != "" {
			hosts = append(hosts, host)
		}
	}
	return hosts
}
