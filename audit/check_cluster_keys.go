package audit

import (
	"bytes"
	"certaudit/audit/inventory"
	"cmp"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"certaudit/parsers"
)

// tokenSide is what a node signs and verifies service account tokens with.
type tokenSide struct {
	node *nodeAudit
	// signs are the keys that sign, with their places.
	signs []tokenKey
	// verifies are those of its API server; known is false where not all are in view.
	verifies []string
	known    bool
	// issuer is the one that its API server writes into tokens, issuers those that it
	// accepts; "" and nil where that is not known.
	issuer   parsers.Text
	accepted []string
}

type tokenKey struct {
	key string
	at  parsers.Origin
	of  string
}

// tokenSides gathers those of the control planes of a cluster.
func (c *clusterAudit) tokenSides() []tokenSide {
	var out []tokenSide
	for _, n := range c.members {
		s := tokenSide{node: n}
		seen := map[string]bool{}
		for _, ref := range n.inv.References {
			if ref.Holds != inventory.HoldsTokenKey || ref.Component == "kubeadm" {
				continue
			}
			for _, k := range n.inv.Material(ref).Keys {
				if k.Private && !seen[k.PublicKeySHA256] {
					seen[k.PublicKeySHA256] = true
					s.signs = append(s.signs, tokenKey{k.PublicKeySHA256, parsers.Origin{Path: ref.Path, Line: k.Origin.Line, Field: ref.Label()}, ref.Component})
				}
			}
		}
		server, runs := n.inv.Component(inventory.APIServer)
		if whole, _ := isWhole(n.inv, server); runs && whole && server.Setting("service-account-signing-endpoint").Value == "" {
			s.verifies, _ = n.verifyingKeys()
			s.known = len(s.verifies) > 0
			s.issuer, s.accepted = issuersOf(server)
		}
		if runs || len(s.signs) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// issuersOf returns the issuer of an API server's tokens, and all that it accepts: the
// first of the flag is the one that it writes (kube-apiserver --help).
func issuersOf(server inventory.Component) (first parsers.Text, all []string) {
	for _, f := range server.Settings {
		if f.Name != "service-account-issuer" || f.Value == "" {
			continue
		}
		if first.IsZero() {
			first = parsers.Text{Value: f.Value, Origin: f.Origin}
		}
		all = append(all, f.Value)
	}
	return first, all
}

// hasFinding reports whether a check has found something on the node itself.
func (n *nodeAudit) hasFinding(check string) bool {
	return slices.ContainsFunc(n.earlier, func(f Finding) bool { return f.Check == check })
}

func checkServiceAccountDiffers(p *clusterPass) {
	sides := slices.DeleteFunc(p.tokenSides(), func(s tokenSide) bool {
		return s.node.hasFinding("keys/service-account") // said of the node; its fix starts there
	})
	servers := slices.DeleteFunc(slices.Clone(sides), func(s tokenSide) bool { return !s.known })
	if len(sides) < 2 || len(servers) == 0 {
		return
	}
	p.examined += len(sides)
	p.tokenKeysDiffer(sides, servers)
	p.issuersDiffer(servers)
}

// tokenKeysDiffer reports once for each set of signing keys that an API server elsewhere
// does not verify with, at those nodes that are in the minority.
func (p *clusterPass) tokenKeysDiffer(sides, servers []tokenSide) {
	kind := func(s tokenSide) string {
		keys := slices.Clone(s.verifies)
		slices.Sort(keys)
		return strings.Join(slices.Compact(keys), " ")
	}
	count, kinds := map[string]int{}, []tokenSide{}
	for _, s := range servers {
		if count[kind(s)]++; count[kind(s)] == 1 {
			kinds = append(kinds, s)
		}
	}
	slices.SortStableFunc(kinds, func(a, b tokenSide) int { return cmp.Compare(count[kind(b)], count[kind(a)]) })
	type clash struct{ key, kind string }
	reported := map[clash]bool{}
	for _, s := range sides {
		for _, k := range s.signs {
			for _, v := range kinds[:min(len(kinds), maxListed)] {
				c := clash{k.key, kind(v)}
				back := clash{strings.Join(keysOfSigns(v), " "), kind(s)}
				if slices.Contains(v.verifies, k.key) || reported[c] || reported[back] {
					continue
				}
				reported[c] = true
				p.reportTokenKey(s, k, v, count[kind(s)] >= count[kind(v)], selectSides(sides, func(o tokenSide) bool { return slices.Contains(keysOfSigns(o), k.key) }),
					selectSides(servers, func(o tokenSide) bool { return kind(o) == kind(v) }))
			}
		}
	}
}

func keysOfSigns(s tokenSide) []string {
	var keys []string
	for _, k := range s.signs {
		keys = append(keys, k.key)
	}
	return keys
}

func selectSides(sides []tokenSide, is func(tokenSide) bool) []*nodeAudit {
	var out []*nodeAudit
	for _, s := range sides {
		if is(s) {
			out = append(out, s.node)
		}
	}
	return out
}

// reportTokenKey reports a key whose tokens are refused elsewhere: where the key is, or,
// if most API servers verify with it, where it is not.
func (p *clusterPass) reportTokenKey(s tokenSide, k tokenKey, v tokenSide, most bool, signers, refusers []*nodeAudit) {
	at, node, component, right := k.at, s.node, k.of, v.node
	if most {
		if ref, ok := v.node.inv.ReferenceOf(inventory.APIServer, tokenVerifierFlag); ok {
			at, component = parsers.Origin{Path: ref.Path, Field: ref.Label()}, inventory.APIServer
		}
		node, right = v.node, s.node
	}
	p.report(node, finding{component: component, at: at,
		message: fmt.Sprintf("%s %s service account tokens with the key %s, which %s %s not verify with: pods and controllers get \"Unauthorized\" whenever they reach the other. Expected a key that every API server of the cluster verifies with",
			namesOfNodes(signers), have(len(signers), "signs", "sign"), shortKey(k.key), namesOfNodes(refusers), have(len(refusers), "does", "do")),
		remedy: remedy{fmt.Sprintf("# if it is no rotation: have --service-account-signing-key-file, --service-account-private-key-file and --%s name here what they name on %s, with copies of its files, then restart kube-apiserver and kube-controller-manager", tokenVerifierFlag, right.shown()),
			"# a key that is being replaced belongs into --" + tokenVerifierFlag + " of every API server before anything signs with it"}})
}

// issuersDiffer reports API servers that do not accept what another one writes.
func (p *clusterPass) issuersDiffer(servers []tokenSide) {
	count, first := map[string]int{}, map[string]tokenSide{}
	var issuers []string
	for _, s := range servers {
		if s.issuer.Value == "" {
			continue
		}
		if count[s.issuer.Value]++; count[s.issuer.Value] == 1 {
			issuers = append(issuers, s.issuer.Value)
			first[s.issuer.Value] = s
		}
	}
	slices.SortStableFunc(issuers, func(a, b string) int { return cmp.Compare(count[b], count[a]) })
	for i, issuer := range issuers {
		if i == 0 || i > maxListed {
			continue
		}
		few, most := first[issuer], first[issuers[0]]
		if slices.Contains(few.accepted, most.issuer.Value) && slices.Contains(most.accepted, issuer) {
			continue // each accepts the other's: the issuer is being changed
		}
		nodes := selectSides(servers, func(s tokenSide) bool { return s.issuer.Value == issuer })
		p.report(few.node, finding{component: inventory.APIServer, at: few.issuer.Origin,
			message: fmt.Sprintf("%s %s %q as the issuer of service account tokens, and %s %q; expected that each API server accepts what the others issue: it refuses tokens of an issuer that none of its --service-account-issuer is",
				namesOfNodes(nodes), have(len(nodes), "gives", "give"), clip(issuer), namesOfNodes(selectSides(servers, func(s tokenSide) bool { return s.issuer.Value == issuers[0] })), clip(issuers[0])),
			remedy: remedy{"# set the same --service-account-issuer on every API server; while it is being changed, name both: the one that is written first"}})
	}
}

// ownLeaves are the roles of which each node has a certificate of its own. What else
// kubeadm makes may be shared: some installers make one pair for all control planes.
var ownLeaves = map[string]bool{inventory.RoleAPIServerServing: true, inventory.RoleEtcdServing: true, inventory.RoleEtcdPeer: true,
	inventory.RoleKubeletClient: true, inventory.RoleKubeletServing: true, inventory.RoleKubeletSelf: true}

// holder is a node that has a leaf.
type holder struct {
	node *nodeAudit
	e    *entry
}

func checkCopiedLeaf(p *clusterPass) {
	byKey, order := map[string][]holder{}, []string{}
	for _, n := range p.members {
		seen := map[string]bool{}
		for e := range n.decoded(func(e *entry) bool { return e.isLeaf() && ownLeaves[e.role.name] }) {
			p.examine()
			key := string(e.cert.RawSubjectPublicKeyInfo)
			if seen[key] {
				continue // one for several roles
			}
			seen[key] = true
			if byKey[key] == nil {
				order = append(order, key)
			}
			byKey[key] = append(byKey[key], holder{n, e})
		}
	}
	for _, key := range order {
		if holders := byKey[key]; len(holders) > 1 {
			p.reportCopied(holders)
		}
	}
}

// reportCopied reports a leaf that several nodes have. It was copied where it names one
// of them and not another. One that is in the names of all is meant for all, as in
// clusters made by hand with one certificate for each kind of server, and one that names
// none is the cluster's, as OpenShift's for the service network.
func (p *clusterPass) reportCopied(holders []holder) {
	owner, named := holders[0], false
	if i := slices.IndexFunc(holders, func(h holder) bool { return h.node.isNamedBy(h.e) }); i >= 0 {
		owner, named = holders[i], true
	}
	var all, copies []*nodeAudit
	var wrong *entry
	for _, h := range holders {
		all = append(all, h.node)
		ofNode := named || h.e.role.name == inventory.RoleKubeletClient
		if ofNode && h != owner && !h.node.isOf(h.e) {
			wrong = cmp.Or(wrong, h.e)
			copies = append(copies, h.node)
		}
	}
	if wrong == nil {
		p.reportEntry(owner.node, owner.e, finding{severity: Info,
			message: fmt.Sprintf("%s have the same key for %s, in %s: whoever gets into one can answer for each", namesOfNodes(all), owner.e.role.name, sharedWords(holders)),
			remedy:  remedy{"# issue one for each node when they are next renewed, unless it is meant so"}})
		return
	}
	f := finding{severity: wrong.role.soften(Critical),
		message: fmt.Sprintf("%s %s the certificate or key of %s for %s (%q): expected one of its own on each node; to those who verify it %s somebody else",
			namesOfNodes(copies), have(len(copies), "has", "have"), owner.node.shown(), wrong.role.name, clip(wrong.cert.Subject.CommonName), have(len(copies), "the node is", "the nodes are")),
		remedy: remedy{"# have a certificate with a new key and its own names issued for each of these nodes, then remove the copy; renewing would copy the names of the other node"}}
	if wrong.role.name == inventory.RoleKubeletSelf {
		f.severity = Info // nobody verifies it, and clones of one image have it
	}
	p.reportEntry(copies[0], wrong, f).absorb(p.result, p.byNode[copies[0].name], wrong)
}

// sharedWords say in what certificates nodes have a key in common.
func sharedWords(holders []holder) string {
	if slices.ContainsFunc(holders, func(h holder) bool { return !h.e.cert.Equal(holders[0].e.cert.Certificate) }) {
		return "different certificates"
	}
	return "a certificate that is not one node's"
}

// reportEntry reports a certificate of a node.
func (p *clusterPass) reportEntry(n *nodeAudit, e *entry, f finding) *Finding {
	f.component, f.at, f.sha256 = e.component, e.labelled(), e.cert.SHA256()
	return p.report(n, f)
}

// labelled is the place of an entry, with the flag that names it.
func (e *entry) labelled() parsers.Origin {
	at := e.place
	if at.Field == "" && len(e.refs) > 0 {
		at.Field = e.refs[0].Label()
	}
	return at
}

// absorb makes what was found on the node about the names of a certificate a
// consequence: it is gone with the copy, or with the address that is not the node's. own
// are the indexes of the node's findings.
func (f *Finding) absorb(r *Result, own []int, e *entry) {
	for _, i := range own {
		o := &r.Findings[i]
		if f.Severity == Info || o.SHA256 != e.cert.SHA256() || !slices.Contains([]string{"identity/common-name", "identity/san-missing"}, o.Check) {
			continue
		}
		f.Causes = append(append(f.Causes, o.consequence()), o.Causes...)
		f.Breaks = union(f.Breaks, o.Breaks)
		o.Check = ""
	}
}

// isOf reports whether a leaf may be the node's own by its names: a server's holds one
// by which the node is known, a kubelet's user is the node, or no node in particular.
func (n *nodeAudit) isOf(e *entry) bool {
	if e.role.name == inventory.RoleKubeletClient {
		name, ofNode := strings.CutPrefix(e.cert.Subject.CommonName, "system:node:")
		return !ofNode || name == n.ownName() && n.isHost(name)
	}
	return slices.ContainsFunc(n.ownHosts(), func(host string) bool { return e.cert.VerifyHostname(host) == nil })
}

// isNamedBy reports whether a leaf has a name or address of the node among its names as
// it stands, and no pattern that fits it; of a kubelet's client, whether it is its user.
func (n *nodeAudit) isNamedBy(e *entry) bool {
	if e.role.name == inventory.RoleKubeletClient {
		return n.isOf(e)
	}
	names := append(texts(e.cert.IPAddresses), e.cert.DNSNames...)
	return slices.ContainsFunc(n.ownHosts(), func(host string) bool { return slices.Contains(names, parsers.CanonicalHost(host)) })
}

// ownHosts are the names and addresses by which the node is known to others, each once.
func (n *nodeAudit) ownHosts() []string {
	return slices.DeleteFunc(union(nil, append(n.inv.OwnHosts(), n.ownName())), func(host string) bool { return host == "" || n.inv.IsLoopback(host) })
}

// isHost reports whether a node's name is the one that its host has, as far as both are
// known: a kubeconfig that was copied tells of another node.
func (n *nodeAudit) isHost(name string) bool {
	host := n.inv.Hostname.Value
	return host == "" || n.inv.Setting(inventory.Kubelet, "hostname-override").Value != "" ||
		strings.EqualFold(host, name) || strings.HasPrefix(strings.ToLower(name), strings.ToLower(host)+".") || strings.HasPrefix(strings.ToLower(host), strings.ToLower(name)+".")
}

func checkClusterSerial(p *clusterPass) {
	type numbered struct{ issuer, serial string }
	first := map[numbered]holder{}
	reported := map[string]bool{}
	for _, n := range p.members {
		cas, keys := n.authoritiesByName(), map[*x509.Certificate]string{}
		for e := range n.decoded(func(e *entry) bool { return e.isLeaf() && e.role.name != inventory.RoleKubeletSelf }) {
			if bytes.Equal(e.cert.RawSubject, e.cert.RawIssuer) {
				continue
			}
			p.examine()
			key := numbered{n.issuerKey(e.cert.Certificate, cas, keys), string(e.cert.SerialNumber.Bytes())}
			old, taken := first[key]
			if !taken {
				first[key] = holder{n, e}
				continue
			}
			sum := e.cert.SHA256()
			if old.node == n || old.e.cert.SHA256() == sum || reported[sum] {
				continue // chain/duplicate-serial tells of those of one node
			}
			reported[sum] = true
			p.reportEntry(n, e, finding{severity: e.role.soften(Warning),
				message: fmt.Sprintf("has the serial number %s, as has %s on %s, of the same CA; they cannot be distinguished when one is revoked", e.cert.SerialNumber.Text(16), old.e.place.Path, old.node.shown()),
				remedy:  n.renew(e.role)})
		}
	}
}
