package audit

import (
	"bytes"
	"certaudit/audit/inventory"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"certaudit/parsers"
)

// caUse is what a component of several nodes verifies with, the same on all of them.
type caUse struct{ component, flag, role string }

// caUses are the bundles that are compared between nodes: each with those of the same
// flag, for a cluster may have CAs of its own for clients, servers and peers.
var caUses = []caUse{
	{inventory.APIServer, "client-ca-file", inventory.RoleKubernetesCA},
	{inventory.ControllerManager, "root-ca-file", inventory.RoleKubernetesCA},
	{inventory.Kubelet, "client-ca-file", inventory.RoleKubernetesCA},
	{inventory.Etcd, "trusted-ca-file", inventory.RoleEtcdCA},
	{inventory.Etcd, "peer-trusted-ca-file", inventory.RoleEtcdCA},
	{inventory.APIServer, "etcd-cafile", inventory.RoleEtcdCA},
	{inventory.APIServer, "requestheader-client-ca-file", inventory.RoleFrontProxyCA},
}

// caRoles are the kinds of CA of a cluster, as a message calls them, and how bad it is
// if nodes trust different ones. The API servers gather the front-proxy CAs of all of
// them in the ConfigMap extension-apiserver-authentication, so that extension API
// servers believe each (kubernetes pkg/controlplane/controller/clusterauthenticationtrust).
var caRoles = []struct {
	role, words string
	severity    Severity
}{
	{inventory.RoleKubernetesCA, "Kubernetes CA", Critical},
	{inventory.RoleEtcdCA, "etcd CA", Critical},
	{inventory.RoleFrontProxyCA, "front-proxy CA", Warning},
}

// trusted are the CAs of one bundle of a node, by their keys.
type trusted struct {
	node *nodeAudit
	keys []string
	at   parsers.Origin
}

// set is the keys as one word.
func (t trusted) set() string { return strings.Join(t.keys, " ") }

// caTrust is what the nodes of a cluster trust for one kind of CA.
type caTrust struct {
	// uses are the bundles by their use, in the order of [caUses].
	uses [][]trusted
	// cas are the newest certificates of the keys.
	cas map[string]parsers.Certificate
}

// trustOf gathers what the nodes trust as a kind of CA. A CA that another one above it
// signed counts as that one: a bundle may hold both, or either.
func (c *clusterAudit) trustOf(role string) caTrust {
	t := caTrust{cas: map[string]parsers.Certificate{}}
	bundles := [][]trusted{}
	for _, use := range caUses {
		if use.role != role {
			continue
		}
		var of []trusted
		for _, n := range c.members {
			ref, ok := n.inv.ReferenceOf(use.component, use.flag)
			if !ok || ref.Guessed {
				continue
			}
			if keys := t.add(n.inv.Material(ref).Certificates); len(keys) > 0 {
				of = append(of, trusted{n, keys, parsers.Origin{Path: ref.Place().Path, Field: ref.Label()}})
			}
		}
		if len(of) > 0 {
			bundles = append(bundles, of)
		}
	}
	above := t.above(c)
	for _, of := range bundles {
		for i := range of {
			for j, key := range of[i].keys {
				of[i].keys[j] = cmp.Or(above[key], key)
			}
			slices.Sort(of[i].keys)
			of[i].keys = slices.Compact(of[i].keys)
		}
	}
	t.uses = bundles
	return t
}

// maxCAs bounds the CAs of a cluster that are compared.
const maxCAs = 64

// add notes the CAs of a bundle and returns their keys.
func (t *caTrust) add(certs []parsers.Certificate) (keys []string) {
	for _, cert := range certs[:min(len(certs), maxCAs)] {
		if !maySign(cert.Certificate) {
			continue
		}
		key := cert.PublicKeySHA256()
		if old, known := t.cas[key]; !known || cert.NotBefore.After(old.NotBefore) {
			t.cas[key] = cert
		}
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// above maps the key of each CA that is no root to the key at its top, as far as that is
// among the CAs.
func (t *caTrust) above(c *clusterAudit) map[string]string {
	out := map[string]string{}
	keys := slices.Sorted(maps.Keys(t.cas))
	if len(keys) < 2 || len(keys) > maxCAs {
		return out
	}
	signer := map[string]string{}
	for _, key := range keys {
		below := t.cas[key]
		if bytes.Equal(below.RawSubject, below.RawIssuer) {
			continue
		}
		for _, other := range keys {
			if other != key && c.members[0].signed(t.cas[other].Certificate, below.Certificate) {
				signer[key] = other
			}
		}
	}
	for _, key := range keys {
		top := key
		for range maxDepth {
			top = cmp.Or(signer[top], top)
		}
		if top != key {
			out[key] = top
		}
	}
	return out
}

// groups are the bundles of a use that hold the same keys, the most common first.
func groups(of []trusted) [][]trusted {
	bySet := map[string][]trusted{}
	for _, t := range of {
		bySet[t.set()] = append(bySet[t.set()], t)
	}
	out := [][]trusted{}
	for _, set := range slices.Sorted(maps.Keys(bySet)) {
		out = append(out, bySet[set])
	}
	slices.SortStableFunc(out, func(a, b []trusted) int { return cmp.Compare(len(b), len(a)) })
	return out
}

// rotating returns the old and the new CA where a bundle of the cluster holds two, no
// bundle of the same use any other, and both look like CAs of the cluster: of one name,
// or each has signed something. ok is false where that is not a rotation.
func (t caTrust) rotating(c *clusterAudit) (old, new string, ok bool) {
	keys, both := []string{}, false
	for _, of := range t.uses {
		own := []string{}
		for _, b := range of {
			own = union(own, b.keys)
		}
		if len(own) < 2 {
			continue
		}
		keys = union(keys, own)
		both = both || slices.ContainsFunc(of, func(b trusted) bool { return len(b.keys) > 1 })
		for _, b := range of {
			if l := b.node.layout(); l != nil && l.Bundles {
				return "", "", false // each of the CAs signs something of its own
			}
		}
	}
	if len(keys) != 2 || !both {
		return "", "", false
	}
	a, b := t.cas[keys[0]], t.cas[keys[1]]
	signedA, signedB := c.signedBy(a), c.signedBy(b)
	if a.Subject.String() != b.Subject.String() && (len(signedA) == 0 || len(signedB) == 0) { // openssl writes a name in another encoding than kubeadm
		return "", "", false
	}
	older := cmp.Or(a.NotBefore.Compare(b.NotBefore), cmp.Compare(countOf(signedB), countOf(signedA)), cmp.Compare(keys[0], keys[1]))
	if older > 0 {
		return keys[1], keys[0], true
	}
	return keys[0], keys[1], true
}

// signedBy counts the leaves that a CA signed, by node.
func (c *clusterAudit) signedBy(ca parsers.Certificate) map[*nodeAudit]int {
	count := map[*nodeAudit]int{}
	for _, n := range c.members {
		seen := map[string]bool{}
		for e := range n.decoded((*entry).isLeaf) {
			if bytes.Equal(ca.RawSubject, e.cert.RawIssuer) && !seen[string(e.cert.Raw)] && n.signed(ca.Certificate, e.cert.Certificate) {
				seen[string(e.cert.Raw)] = true
				count[n]++
			}
		}
	}
	return count
}

func countOf(count map[*nodeAudit]int) (all int) {
	for _, n := range count {
		all += n
	}
	return all
}

// caWords tell a CA from others of its name.
func caWords(c parsers.Certificate) string {
	return fmt.Sprintf("%q (key %s, until %s)", clip(c.Subject.CommonName), shortKey(c.PublicKeySHA256()), c.NotAfter.UTC().Format("2006-01-02"))
}

func (t caTrust) words(keys []string) string {
	var out []string
	for _, key := range keys {
		out = append(out, caWords(t.cas[key]))
	}
	return strings.Join(clipAll(out), " and ")
}

func checkCADiffers(p *clusterPass) {
	for _, c := range p.clusters {
		one := *p
		one.clusterAudit, one.findings = c, nil
		for _, kind := range caRoles {
			t := c.trustOf(kind.role)
			for _, of := range t.uses {
				p.examined += len(of)
			}
			if _, _, ok := t.rotating(c); !ok {
				one.caDiffers(kind.role, kind.words, kind.severity, t)
			}
		}
		p.findings = append(p.findings, one.findings...)
	}
	p.splitClusters()
}

// caDiffers reports once for each set of CAs that is not that of most nodes. Where a set
// lacks none of the others' it is only wider.
func (p *clusterPass) caDiffers(role, words string, severity Severity, t caTrust) {
	said := map[string]bool{}
	for _, of := range t.uses {
		all := groups(of)
		if len(all) == 0 {
			continue
		}
		most := all[0]
		for _, g := range all[1:min(len(all), maxListed)] {
			if said[g[0].set()] {
				continue
			}
			said[g[0].set()] = true
			first := g[max(0, slices.IndexFunc(g, func(t trusted) bool { return p.toldAt(t.node, t.at) == nil }))]
			f := finding{severity: severity, component: first.node.roleComponent(role), at: first.at}
			if containsAll(g[0].keys, most[0].keys) || containsAll(most[0].keys, g[0].keys) {
				f.severity = Warning
			}
			if l := g[0].node.layout(); f.severity == Warning && l != nil && l.Bundles {
				f.severity = Info // an operator brings new ones to one node after the other
			}
			f.message = fmt.Sprintf("%s %s %s as %s, and %s %s; expected the same on every node: what a CA signs is refused where it is not trusted",
				namesOfNodes(nodesOf(g)), have(len(nodesOf(g)), "trusts", "trust"), t.words(g[0].keys), words, namesOfNodes(nodesOf(most)), t.words(most[0].keys))
			f.remedy = remedy{fmt.Sprintf("# if it is no rotation: compare %s with that of %s, and restore the CA that signed what the nodes present; do not make a new one", first.at.Path, most[0].node.shown()),
				"# if it is one: both CAs belong into the bundles of every node before the new one signs: " + sourceRotateCA}
			p.report(first.node, f)
			p.follow(p.toldAt(first.node, first.at))
		}
	}
}

// toldAt returns what a node itself tells of a bundle with which it verifies; nil for
// nothing.
func (p *clusterPass) toldAt(n *nodeAudit, at parsers.Origin) *Finding {
	return p.told(n, func(f Finding) bool {
		return f.Path == at.Path && slices.Contains([]string{"chain/ca-replaced", "connections/server-untrusted", "connections/client-untrusted"}, f.Check)
	})
}

// roleComponent is the component of a role.
func (n *nodeAudit) roleComponent(role string) string { return roleNamed(role).component }

func containsAll(set, part []string) bool {
	return !slices.ContainsFunc(part, func(key string) bool { return !slices.Contains(set, key) })
}

func nodesOf(of []trusted) []*nodeAudit {
	out := make([]*nodeAudit, len(of))
	for i, t := range of {
		out[i] = t.node
	}
	return out
}

// splitClusters reports nodes that are of two clusters by their Kubernetes CAs and have
// in common what only one cluster has: the keys of service accounts, the front-proxy CA.
func (p *clusterPass) splitClusters() {
	first, seen := map[string]*clusterAudit{}, map[[2]*clusterAudit][]string{}
	pairs := [][2]*clusterAudit{}
	for _, c := range p.clusters {
		own := c.ownKeys()
		for _, key := range slices.Sorted(maps.Keys(own)) {
			kind := own[key]
			other, known := first[key]
			if !known {
				first[key] = c
				continue
			}
			pair := [2]*clusterAudit{other, c}
			if other == c || slices.Contains(seen[pair], kind) {
				continue
			}
			if seen[pair] == nil {
				pairs = append(pairs, pair)
			}
			seen[pair] = append(seen[pair], kind)
		}
	}
	for _, pair := range pairs {
		most, few := pair[0], pair[1]
		if len(few.members) > len(most.members) {
			most, few = few, most
		}
		p.reportSplit(most, few, seen[pair])
	}
}

func (p *clusterPass) reportSplit(most, few *clusterAudit, kinds []string) {
	a, b := most.trustOf(inventory.RoleKubernetesCA), few.trustOf(inventory.RoleKubernetesCA)
	if len(a.uses) == 0 || len(b.uses) == 0 {
		return
	}
	slices.Sort(kinds)
	f := finding{severity: Critical, component: roleNamed(inventory.RoleKubernetesCA).component, at: b.uses[0][0].at}
	if len(kinds) < 2 {
		f.severity = Warning
	}
	f.message = fmt.Sprintf("%s %s %s as Kubernetes CA, and %s %s, although they have the same %s; expected one CA if they are one cluster, and keys of their own if they are two",
		namesOfNodes(few.members), have(len(few.members), "trusts", "trust"), b.words(b.uses[0][0].keys), namesOfNodes(most.members), a.words(a.uses[0][0].keys), strings.Join(kinds, " and "))
	f.remedy = remedy{fmt.Sprintf("# one cluster: restore %s and its key from %s; do not make a new CA", b.uses[0][0].at.Path, most.members[0].shown()),
		"# two clusters: whoever has the key of one can speak for the other; give one of them keys of its own: " + sourceRotateCA}
	one := *p
	one.clusterAudit, one.findings = few, nil
	one.report(b.uses[0][0].node, f)
	one.follow(p.toldAt(b.uses[0][0].node, b.uses[0][0].at))
	p.findings = append(p.findings, one.findings...)
}

// ownKeys are the keys that the control planes of one cluster alone have in common, and
// what each is.
func (c *clusterAudit) ownKeys() map[string]string {
	out := map[string]string{}
	for _, n := range c.members {
		for _, ref := range n.inv.References {
			if ref.Component != inventory.APIServer && ref.Component != inventory.ControllerManager {
				continue
			}
			m := n.inv.Material(ref)
			switch {
			case ref.Holds == inventory.HoldsTokenKey || ref.Holds == inventory.HoldsTokenVerifier:
				for _, k := range m.Keys {
					out[k.PublicKeySHA256] = "service account key"
				}
			case ref.Role == inventory.RoleFrontProxyCA && ref.Holds == inventory.HoldsBundle:
				for _, ca := range m.Certificates {
					if !n.isMereRoot(ca, m.Certificates) {
						out[ca.PublicKeySHA256()] = "front-proxy CA"
					}
				}
			}
		}
	}
	return out
}
