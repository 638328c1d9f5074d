package inventory

import (
	"certaudit/parsers"
	"cmp"
	"net/netip"
	"slices"
	"strings"
)

// ReferenceOf returns the first reference of a component's flag.
func (inv *Inventory) ReferenceOf(component, name string, holds ...Holding) (Reference, bool) {
	for i := range inv.References { // references are large: none is copied to look at it
		ref := &inv.References[i]
		if ref.Component == component && ref.Name == name && (len(holds) == 0 || slices.Contains(holds, ref.Holds)) {
			return *ref, true
		}
	}
	return Reference{}, false
}

// ReferenceTo returns the first reference to a file that holds something.
func (inv *Inventory) ReferenceTo(name string, holds Holding) (Reference, bool) {
	i := slices.IndexFunc(inv.References, func(r Reference) bool { return r.Path == name && r.Holds == holds })
	if i < 0 {
		return Reference{}, false
	}
	return inv.References[i], true
}

// ReferenceAt returns the reference that stands at a place.
func (inv *Inventory) ReferenceAt(at parsers.Origin) (Reference, bool) {
	i := slices.IndexFunc(inv.References, func(r Reference) bool { return r.Origin == at })
	if at == (parsers.Origin{}) || i < 0 {
		return Reference{}, false
	}
	return inv.References[i], true
}

// AdvertiseAddress is the address that the API server gives out as its own.
func (inv *Inventory) AdvertiseAddress() string {
	c, runs := inv.Component(APIServer)
	if !runs {
		return ""
	}
	endpoint := c.Annotations["kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint"]
	for _, s := range []string{c.Setting("advertise-address").Value, parsers.HostOf("//" + endpoint)} {
		if a, err := netip.ParseAddr(s); err == nil && !a.IsUnspecified() {
			return a.String()
		}
	}
	return ""
}

// EtcdServers are the URLs of etcd that the API server dials, each once: those
// for everything, and those for single resources, "group/resource#url;url"
// (k8s.io/apiserver pkg/server/options/etcd.go).
func (inv *Inventory) EtcdServers() []parsers.Text {
	var urls []parsers.Text
	seen := map[string]bool{"": true}
	add := func(u string, at parsers.Origin) {
		if u = strings.TrimSpace(u); !seen[u] {
			seen[u] = true
			urls = append(urls, parsers.Text{Value: u, Origin: at})
		}
	}
	servers := inv.Setting("kube-apiserver", "etcd-servers")
	for u := range strings.SplitSeq(servers.Value, ",") {
		add(u, servers.Origin)
	}
	overrides := inv.Setting("kube-apiserver", "etcd-servers-overrides")
	for override := range strings.SplitSeq(overrides.Value, ",") {
		_, list, _ := strings.Cut(override, "#")
		for u := range strings.SplitSeq(list, ";") {
			add(u, overrides.Origin)
		}
	}
	return urls
}

// EtcdMembers are the entries of etcd's --initial-cluster, "name=URL".
func (inv *Inventory) EtcdMembers() []string {
	return parsers.List(inv.Setting("etcd", "initial-cluster").Value)
}

// Component returns the first component of a name.
func (inv *Inventory) Component(name string) (Component, bool) {
	i := slices.IndexFunc(inv.Components, func(c Component) bool { return c.Name == name })
	if i < 0 {
		return Component{}, false
	}
	return inv.Components[i], true
}

// Setting returns a setting of the first component of a name that has it.
func (inv *Inventory) Setting(component, name string) parsers.Text {
	for _, c := range inv.Components {
		if c.Name != component {
			continue
		}
		if t := c.Setting(name); !t.IsZero() {
			return t
		}
	}
	return parsers.Text{}
}

// inEffect is the value of a setting, or its default.
func (inv *Inventory) inEffect(component, name string) string {
	p, _ := ProgramNamed(component)
	f, _ := p.Flag(name)
	return cmp.Or(inv.Setting(component, name).Value, f.Default)
}

// InEffect returns the value of a setting, or the flag's default, "" for none.
func (c Component) InEffect(name string) string {
	p, _ := ProgramNamed(c.Name)
	f, _ := p.Flag(name)
	return cmp.Or(c.Setting(name).Value, f.Default)
}

// All returns all values of a setting that appends, the last of any other, or the flag's
// default; nil for none.
func (c Component) All(name string) []string {
	p, _ := ProgramNamed(c.Name)
	f, _ := p.Flag(name)
	f.Name = name
	var all []string
	for _, t := range effective(c, f) {
		all = append(all, t.Value)
	}
	if all == nil && f.Default != "" {
		all = []string{f.Default}
	}
	return all
}

// Material returns what a reference leads to; the zero Material where there is
// nothing to read, as in a container that does not see the path.
func (inv *Inventory) Material(r Reference) parsers.Material {
	if r.Unmounted {
		return parsers.Material{}
	}
	if r.Embedded != nil {
		return *r.Embedded
	}
	return inv.Materials[r.Path]
}
