package audit

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"certaudit/audit/inventory"
	"certaudit/parsers"
)

// Cluster is a set of nodes that share a CA, by its key: a name says nothing, since
// kubeadm calls the CA of every cluster "kubernetes".
type Cluster struct {
	// Name is the host that most of its kubeconfigs call the API server by, else that of
	// the first CA's key; no other cluster of a result has it.
	Name string `json:"name"`
	// CAKeys are the SHA-256 of the public keys of its Kubernetes CAs, of those of etcd
	// where a cluster has nothing else; sorted.
	CAKeys []string `json:"caKeys"`
	// Nodes are the names of its nodes, in the order of the result.
	Nodes []string `json:"nodes"`
}

// clusterAudit is one run over the nodes of a cluster.
type clusterAudit struct {
	Cluster
	audits []*nodeAudit
	// members are the same without those that are another look at one of them.
	members []*nodeAudit
	// hosts are the members by the names and addresses that their own files give them.
	hosts map[string][]*nodeAudit
	// servers are the members with an API server.
	servers []*nodeAudit
	// refused are the connections between them that fail.
	refused []rejection
}

// clustersOf joins nodes into clusters: those that have a key of a Kubernetes CA in
// common, directly or by others between them, as during a rotation; and to each of these
// the hosts of etcd alone that have its CA of etcd and that of no other cluster. A node
// with no CA in view is in none.
func clustersOf(audits []*nodeAudit) []*clusterAudit {
	kubernetes, etcd := keysOf(audits, inventory.RoleKubernetesCA), keysOf(audits, inventory.RoleEtcdCA)
	groups := joinByKey(audits, kubernetes)
	lone := slices.DeleteFunc(slices.Clone(audits), func(a *nodeAudit) bool { return len(kubernetes[a]) > 0 })
	for _, g := range joinByKey(lone, etcd) {
		var homes []int
		for i, c := range groups {
			if slices.ContainsFunc(c.audits, func(a *nodeAudit) bool {
				return slices.ContainsFunc(etcd[a], func(key string) bool { return slices.Contains(g.CAKeys, key) })
			}) {
				homes = append(homes, i)
			}
		}
		if len(homes) == 1 {
			home := groups[homes[0]]
			home.audits = append(home.audits, g.audits...)
		} else {
			groups = append(groups, g)
		}
	}
	order := map[*nodeAudit]int{}
	for i, a := range audits {
		order[a] = i
	}
	for _, g := range groups {
		slices.SortFunc(g.audits, func(a, b *nodeAudit) int { return cmp.Compare(order[a], order[b]) })
	}
	slices.SortFunc(groups, func(a, b *clusterAudit) int { return cmp.Compare(order[a.audits[0]], order[b.audits[0]]) })
	nameClusters(groups)
	return groups
}

// keysOf returns the keys of the CAs of a role that join each node to others.
func keysOf(audits []*nodeAudit, role string) map[*nodeAudit][]string {
	keys := map[*nodeAudit][]string{}
	for _, a := range audits {
		keys[a] = a.joiningKeys(role)
	}
	return keys
}

// joinByKey groups those nodes that have keys: two are in one group where a key joins
// them, directly or through others.
func joinByKey(audits []*nodeAudit, keys map[*nodeAudit][]string) []*clusterAudit {
	parent := map[string]string{}
	find := func(key string) string {
		for parent[key] != key {
			parent[key] = parent[parent[key]]
			key = parent[key]
		}
		return key
	}
	for _, a := range audits {
		for _, key := range keys[a] {
			if _, known := parent[key]; !known {
				parent[key] = key
			}
			parent[find(key)] = find(keys[a][0])
		}
	}
	groups := map[string]*clusterAudit{}
	for _, key := range slices.Sorted(maps.Keys(parent)) {
		root := find(key)
		if groups[root] == nil {
			groups[root] = &clusterAudit{}
		}
		groups[root].CAKeys = append(groups[root].CAKeys, key)
	}
	for _, a := range audits {
		if len(keys[a]) > 0 {
			g := groups[find(keys[a][0])]
			g.audits = append(g.audits, a)
		}
	}
	joined := make([]*clusterAudit, 0, len(groups))
	for _, root := range slices.Sorted(maps.Keys(groups)) {
		joined = append(joined, groups[root])
	}
	return joined
}

// joiningKeys are the keys of the CAs of a role that join the node to others, sorted:
// those of its components' bundles, but no root that signed another CA of the bundle and
// nothing else here: two clusters may have intermediates of one company's root.
func (a *nodeAudit) joiningKeys(role string) []string {
	keys := map[string]bool{}
	for _, ref := range a.inv.References {
		if ref.Role != role || ref.Guessed || ref.Component == "kubectl" {
			continue
		}
		certs := a.inv.Material(ref).Certificates
		for _, c := range certs {
			if c.IsCA && !a.isMereRoot(c, certs) {
				keys[c.PublicKeySHA256()] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(keys))
}

// isMereRoot reports whether a CA signed another one of its bundle, and no other
// certificate of the node.
func (a *nodeAudit) isMereRoot(ca parsers.Certificate, bundle []parsers.Certificate) bool {
	return slices.ContainsFunc(bundle, func(c parsers.Certificate) bool {
		return c.PublicKeySHA256() != ca.PublicKeySHA256() && c.IsCA && a.signed(ca.Certificate, c.Certificate)
	}) && !slices.ContainsFunc(a.entries, func(e *entry) bool {
		return e.cert != nil && !e.cert.IsCA && a.signed(ca.Certificate, e.cert.Certificate)
	})
}

// nameClusters gives each its name and the names of its nodes.
func nameClusters(groups []*clusterAudit) {
	taken := map[string]int{}
	for _, g := range groups {
		for _, a := range g.audits {
			g.Nodes = append(g.Nodes, a.name)
		}
		g.Name = cmp.Or(endpointOf(g.audits), "CA "+g.CAKeys[0][:8])
		taken[g.Name]++
	}
	for _, g := range groups {
		if taken[g.Name] > 1 {
			g.Name = fmt.Sprintf("%s (CA %s)", g.Name, g.CAKeys[0][:8])
		}
	}
}

// endpointOf is the host that most administrators' kubeconfigs among some nodes call the
// API server by, else most of the components'; "" where they say none but a loopback one.
func endpointOf(audits []*nodeAudit) string {
	admins, components := map[string]int{}, map[string]int{}
	for _, a := range audits {
		for _, ref := range a.inv.References {
			k, ok := a.inv.Kubeconfigs[ref.Path]
			if !ok || ref.Holds != inventory.HoldsKubeconfig || ref.Component == "kubectl" || ref.Role == inventory.RoleOutbound {
				continue
			}
			own, _, ok := k.Current()
			host := parsers.HostOf(own.Server.Value)
			if addr, err := netip.ParseAddr(host); !ok || host == "" || host == "localhost" || err == nil && addr.IsLoopback() {
				continue
			}
			if ref.Role == inventory.RoleAdmin {
				admins[host]++
			}
			components[host]++
		}
	}
	return cmp.Or(mostOften(admins), mostOften(components))
}

// mostOften is the word with the highest count, the first by name of several; "" for none.
func mostOften(count map[string]int) string {
	best := ""
	for _, word := range slices.Sorted(maps.Keys(count)) {
		if best == "" || count[word] > count[best] {
			best = word
		}
	}
	return best
}
