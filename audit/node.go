package audit

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"slices"
	"sync"

	"certaudit/audit/inventory"
	"certaudit/parsers"
)

// node is what an inventory shows at any time. Runs over one inventory may share
// it; none of them changes anything in it.
type node struct {
	inv   *inventory.Inventory
	facts nodeFacts
	// name is what the node is called in the result: its own name, else that of its
	// folder; "" for input that belongs to none.
	name    string
	entries []*entry
	// copies are the CAs of kubeconfigs that one of the entries shows.
	copies []*entry
	reqs   map[string][]*Requirement
	table  *Requirements
	// foreign are the kubeconfigs that speak of other clusters as well.
	foreign []string
	// privates are the references to private keys by their pair.
	privates map[string][]*inventory.Reference
	// authorityKeys are the keys of the CAs in view, by their SHA-256.
	authorityKeys map[string]bool
}

func newNode(inv *inventory.Inventory, o Options) *node {
	inv, foreign := ownOnly(inv)
	own := o.requirements()
	n := &node{inv: inv, foreign: foreign, facts: factsOf(inv, o.Overrides), table: own.table, privates: map[string][]*inventory.Reference{}, authorityKeys: map[string]bool{}}
	n.entries, n.copies = entriesOf(inv)
	for _, e := range n.entries {
		if e.cert != nil && e.cert.IsCA {
			n.authorityKeys[e.cert.PublicKeySHA256()] = true
		}
	}
	n.reqs = own.byRole(selection{n.facts.profile, n.facts.version.Value, n.facts.profile == ProfileKubeadm && !inv.KubeadmEtcd()})
	n.name = cmp.Or(n.ownName(), inv.FolderName())
	for i := range inv.References {
		if ref := &inv.References[i]; ref.Pair != "" && holdsPrivate(*ref) {
			n.privates[ref.Pair] = append(n.privates[ref.Pair], ref)
		}
	}
	return n
}

// inputs counts the Kubernetes objects, and the files with certificates.
func inputs(inv *inventory.Inventory) int { return len(inv.Objects) + len(inv.Materials) }

// ownName is the name under which the node is registered; "" if it is not known.
func (n *node) ownName() string {
	if names := n.facts.values["nodeName"]; len(names) > 0 {
		return names[0]
	}
	return ""
}

// selection is what decides which requirements a node has.
type selection struct {
	profile, version string
	// ownEtcd: whoever runs etcd may call its certificates anything.
	ownEtcd bool
}

// selections are the requirements of nodes by their roles, which nodes of one kind share. They
// may be used by several goroutines.
type selections struct {
	table *Requirements
	mu    sync.Mutex
	made  map[selection]map[string][]*Requirement
}

// byRole returns the requirements of a selection, which are not to be changed.
func (s *selections) byRole(of selection) map[string][]*Requirement {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.made[of]; ok {
		return known
	}
	reqs := map[string][]*Requirement{}
	for r := range s.table.selected(of.profile, of.version) {
		if !of.ownEtcd || !isEtcdOfKubeadm(*r) {
			reqs[r.Role] = append(reqs[r.Role], r)
		}
	}
	s.made[of] = reqs
	return reqs
}

// isEtcdOfKubeadm reports whether a requirement is about what kubeadm issues for an
// etcd of its own.
func isEtcdOfKubeadm(r Requirement) bool {
	k, made := inventory.KubeadmFileOf(r.Role)
	return made && k.Etcd && len(r.Profiles) > 0
}

// certificates returns the rows of the entries, each with the status ok.
func (n *node) certificates() []Certificate {
	rows := n.describedRows()
	holders := kubeconfigEntries(n.inv)
	for i, e := range n.entries {
		rows[i] = e.completed(n.name, rows[i])
		row := &rows[i]
		row.Status = statusOK
		for _, ref := range e.refs {
			if holder, ok := holders[ref.Origin]; ok && !slices.Contains(row.Kubeconfigs, holder) {
				row.Kubeconfigs = append(row.Kubeconfigs, holder)
			}
		}
		if e.cert == nil {
			f := n.inv.Files[e.place.Path]
			row.Absent, row.Dangling = absence(f), f.State == inventory.DanglingLink
		}
	}
	return rows
}

// describedRows are the rows of the entries with what each certificate says, many of them
// made on all processors. Those of one certificate share what they have in common.
func (n *node) describedRows() []Certificate {
	rows := make([]Certificate, len(n.entries))
	first := make(map[*x509.Certificate]int, len(n.entries))
	like := make([]int, len(n.entries)) // the first entry of the same certificate
	for i, e := range n.entries {
		like[i] = i
		if e.cert == nil {
			continue
		}
		if _, known := first[e.cert.Certificate]; !known {
			first[e.cert.Certificate] = i
		}
		like[i] = first[e.cert.Certificate]
	}
	inParts(len(rows), func(i int) {
		if like[i] == i {
			rows[i] = n.entries[i].described()
		}
	})
	for i := range rows {
		rows[i] = rows[like[i]]
	}
	return rows
}

// kubeconfigEntries are the entries of kubeconfigs by the fields of theirs that hold
// certificates, or name their files.
func kubeconfigEntries(inv *inventory.Inventory) map[parsers.Origin]KubeconfigEntry {
	entries := map[parsers.Origin]KubeconfigEntry{}
	for name, k := range inv.Kubeconfigs {
		for _, c := range k.Clusters {
			entries[c.CAData.Origin] = KubeconfigEntry{name, KubeconfigCluster, c.Name}
			entries[c.CAFile.Origin] = KubeconfigEntry{name, KubeconfigCluster, c.Name}
		}
		for _, u := range k.Users {
			entries[u.CertificateData.Origin] = KubeconfigEntry{name, KubeconfigUser, u.Name}
			entries[u.CertificateFile.Origin] = KubeconfigEntry{name, KubeconfigUser, u.Name}
		}
	}
	delete(entries, parsers.Origin{})
	return entries
}

// absence says why there is no certificate in a file.
func absence(f inventory.File) string {
	switch f.State {
	case inventory.Missing, inventory.DanglingLink:
		return AbsentMissing
	case inventory.Unreadable:
		return AbsentUnreadable
	}
	return AbsentMalformed
}

// statusOK is the status of a certificate that fails no check.
const statusOK = "ok"

// ownOnly returns an inventory without what a person's kubeconfig says of other
// clusters, and the paths of those that do.
func ownOnly(inv *inventory.Inventory) (*inventory.Inventory, []string) {
	own := map[parsers.Origin]bool{}
	var foreign []string
	for _, ref := range inv.References {
		k, ok := inv.Kubeconfigs[ref.Path]
		if !ok || ref.Role != inventory.RoleUser || ref.Holds != inventory.HoldsKubeconfig {
			continue
		}
		pairs, isForeign := ownPairs(inv, k)
		if isForeign && !slices.Contains(foreign, ref.Path) {
			foreign = append(foreign, ref.Path)
		}
		for _, pair := range pairs {
			for _, at := range []parsers.Origin{pair.cluster.CAFile.Origin, pair.cluster.CAData.Origin,
				pair.user.CertificateFile.Origin, pair.user.CertificateData.Origin, pair.user.KeyFile.Origin, pair.user.KeyData.Origin} {
				own[at] = true
			}
		}
	}
	other := func(r inventory.Reference) bool {
		return r.Component == "kubectl" && r.Holds != inventory.HoldsKubeconfig && !own[r.Origin]
	}
	if !slices.ContainsFunc(inv.References, other) {
		return inv, foreign
	}
	kept := *inv
	kept.References = slices.DeleteFunc(slices.Clone(inv.References), other)
	return &kept, foreign
}

// kubePair is a user of a kubeconfig and the cluster that it is for.
type kubePair struct {
	cluster parsers.KubeCluster
	user    parsers.KubeUser
}

// ownPairs are the entries of a person's kubeconfig that are for the node's cluster:
// those of its contexts or, where there is none, all, if no cluster in it is another.
// foreign says that something in it is for another cluster.
func ownPairs(inv *inventory.Inventory, k parsers.Kubeconfig) (own []kubePair, foreign bool) {
	for _, c := range k.Contexts {
		cluster, ok := k.Cluster(c.Cluster)
		if !ok || !isOwnCluster(inv, cluster) {
			foreign = true
			continue
		}
		user, _ := k.User(c.User)
		own = append(own, kubePair{cluster, user})
	}
	if len(k.Contexts) > 0 {
		return own, foreign
	}
	for _, cluster := range k.Clusters {
		if !isOwnCluster(inv, cluster) {
			return nil, true
		}
		own = append(own, kubePair{cluster: cluster})
	}
	for _, user := range k.Users {
		own = append(own, kubePair{user: user})
	}
	return own, false
}

// isOwnCluster reports whether a kubeconfig's cluster is the one that the node
// is part of: it trusts the same CA, or calls the same server, as the node's own
// files do. Where the node has none of these, every cluster may be its own.
func isOwnCluster(inv *inventory.Inventory, c parsers.KubeCluster) bool {
	var cas []parsers.Certificate
	hosts := []string{inv.AdvertiseAddress()}
	for _, ref := range inv.References {
		if ref.Component == "kubectl" || ref.Guessed {
			continue
		}
		if ref.Role == inventory.RoleKubernetesCA {
			cas = append(cas, inv.Material(ref).Certificates...)
		}
		if k, ok := inv.Kubeconfigs[ref.Path]; ok && ref.Role != inventory.RoleOutbound {
			if own, _, ok := k.Current(); ok {
				hosts = append(hosts, parsers.HostOf(own.Server.Value))
			}
		}
	}
	if len(cas) == 0 {
		return true
	}
	if host := parsers.HostOf(c.Server.Value); host != "" && slices.Contains(hosts, host) {
		return true
	}
	for _, ref := range inv.References {
		if at := ref.Origin; at != c.CAFile.Origin && at != c.CAData.Origin || at == (parsers.Origin{}) {
			continue
		}
		for _, cert := range inv.Material(ref).Certificates {
			if slices.ContainsFunc(cas, func(ca parsers.Certificate) bool {
				return bytes.Equal(ca.RawSubjectPublicKeyInfo, cert.RawSubjectPublicKeyInfo)
			}) {
				return true
			}
		}
	}
	return false
}
