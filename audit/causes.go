package audit

import (
	"crypto/x509"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"certaudit/audit/inventory"
	"certaudit/parsers"
)

// cause is a finding that explains others: they are gone once it is fixed, and
// fixing them one by one would be wrong or in vain.
type cause struct {
	Finding
	// explains reports whether a finding follows from it.
	explains func(Finding) bool
}

// causes find what has several findings for its consequences. Each looks at what
// those before it have left.
var causes = []func(*nodeAudit, []Finding) []cause{
	(*nodeAudit).missingFolders, (*nodeAudit).missingPairs, (*nodeAudit).missingVolumes, (*nodeAudit).swappedPairs,
	(*nodeAudit).wrongClock, (*nodeAudit).replacedCAs, (*nodeAudit).expiredCAs, (*nodeAudit).wrongRanges, (*nodeAudit).wrongFacts,
	(*nodeAudit).mistypedFlags, (*nodeAudit).wrongTrust,
}

// explain puts findings that have one cause into one, where the fix starts.
func (n *nodeAudit) explain(findings []Finding) []Finding {
	for _, find := range causes {
		for _, c := range find(n, findings) {
			findings = c.join(findings)
		}
	}
	return findings
}

// join replaces what a cause explains by the cause. A finding of the same check
// about the same thing is the cause itself, in other words.
func (c cause) join(findings []Finding) []Finding {
	kept := make([]Finding, 0, len(findings))
	for _, f := range findings {
		itself := f.Check == c.Check && f.Path == c.Path && f.SHA256 == c.SHA256 && (f.SHA256 != "" || f.Field == c.Field)
		if !itself && !c.explains(f) {
			kept = append(kept, f)
			continue
		}
		if !itself {
			c.Causes = append(c.Causes, f.consequence())
		}
		c.Causes = append(c.Causes, f.Causes...)
		for _, b := range f.Breaks {
			if !slices.Contains(c.Breaks, b) {
				c.Breaks = append(c.Breaks, b)
			}
		}
	}
	return append(kept, c.Finding)
}

func (f Finding) consequence() Consequence {
	return Consequence{Check: f.Check, Severity: f.Severity, Component: f.Component, Path: f.Path, Line: f.Line, Field: f.Field, SHA256: f.SHA256, Message: f.Message}
}

// finding completes what a cause says, as the pass of a check does.
func (n *nodeAudit) finding(check string, f finding) Finding {
	p := &pass{nodeAudit: n, tally: tally{check: roster[slices.IndexFunc(roster, func(c Check) bool { return c.ID == check })]}}
	p.report(f)
	return p.findings[0]
}

// selected are the findings that a function selects.
func selected(findings []Finding, is func(Finding) bool) []Finding {
	var out []Finding
	for _, f := range findings {
		if is(f) {
			out = append(out, f)
		}
	}
	return out
}

// severest is the worst severity of some findings.
func severest(findings []Finding) Severity {
	return slices.MaxFunc(findings, func(a, b Finding) int { return a.Severity.Rank() - b.Severity.Rank() }).Severity
}

// missingFolders explains missing files by the folder that is missing.
func (n *nodeAudit) missingFolders(findings []Finding) []cause {
	var out []cause
	for _, dir := range n.inv.MissingFolders {
		inside := func(f Finding) bool { return f.Check == "files/missing" && strings.HasPrefix(f.Path, dir+"/") }
		missing := selected(findings, inside)
		if len(missing) < 2 {
			continue
		}
		out = append(out, cause{n.finding("files/missing", finding{severity: severest(missing), component: missing[0].Component,
			at:      parsers.Origin{Path: dir, Field: missing[0].Field},
			message: fmt.Sprintf("the folder does not exist; %d files that are named in it are missing, the first %s", len(missing), missing[0].Path),
			remedy:  remedy{"# restore the folder with its keys from a backup, or correct the paths that name it"}}), inside})
	}
	return out
}

// certificateAndKey are the two files of a pair.
type certificateAndKey struct{ certificate, key string }

// pairs are the files of certificates and keys that are named as pairs, each once.
func (n *node) pairs() []certificateAndKey {
	return slices.DeleteFunc(n.namedPairs(), func(p certificateAndKey) bool { return p.certificate == p.key })
}

// namedPairs are those, and the files that hold both.
func (n *node) namedPairs() []certificateAndKey {
	var out []certificateAndKey
	seen := map[certificateAndKey]bool{}
	for _, ref := range n.inv.References {
		if ref.Pair == "" || ref.Embedded != nil || ref.Holds != inventory.HoldsCertificate {
			continue
		}
		for _, key := range n.privates[ref.Pair] {
			if p := (certificateAndKey{ref.Path, key.Path}); key.Embedded == nil && !seen[p] {
				seen[p] = true
				out = append(out, p)
			}
		}
	}
	return out
}

// hasFinding reports whether a check is among findings.
func hasFinding(findings []Finding, check string) bool {
	return slices.ContainsFunc(findings, func(f Finding) bool { return f.Check == check })
}

// missingPairs explains a missing key by its certificate, which is missing too.
func (n *nodeAudit) missingPairs(findings []Finding) []cause {
	if !hasFinding(findings, "files/missing") {
		return nil
	}
	var out []cause
	for _, pair := range n.pairs() {
		missing := func(name string) int {
			return slices.IndexFunc(findings, func(f Finding) bool { return f.Check == "files/missing" && f.Path == name })
		}
		cert, key := missing(pair.certificate), missing(pair.key)
		if cert < 0 || key < 0 {
			continue
		}
		c := cause{findings[cert], func(f Finding) bool { return f.Check == "files/missing" && f.Path == pair.key }}
		c.Message += fmt.Sprintf("; its key %s is missing as well", pair.key)
		out = append(out, c)
	}
	return out
}

// missingVolumes explains paths that a container does not see by the pod, which
// mounts none of them.
func (n *nodeAudit) missingVolumes(findings []Finding) []cause {
	var out []cause
	for _, c := range n.inv.Components {
		unseen := map[string]bool{}
		for _, ref := range n.inv.References {
			if ref.Unmounted && ref.Component == c.Name {
				unseen[ref.Path] = true
			}
		}
		about := func(f Finding) bool { return f.Check == "files/missing" && f.Component == c.Name && unseen[f.Path] }
		missing := selected(findings, about)
		if len(missing) < 3 {
			continue
		}
		var folders []string
		for _, f := range missing {
			if dir := path.Dir(f.Path); !slices.Contains(folders, dir) {
				folders = append(folders, dir)
			}
		}
		out = append(out, cause{n.finding("files/missing", finding{severity: severest(missing), component: c.Name, at: c.Origin,
			message: fmt.Sprintf("no volume brings %s into the container; %s that are named there are not seen, the first %s", strings.Join(folders, ", "), plural(len(unseen), "file"), missing[0].Path),
			remedy:  mountRemedy(strings.Join(folders, ", "), c.Origin.Path)}), about})
	}
	return out
}

// swappedPairs explains two malformed files by their names, which are exchanged.
func (n *nodeAudit) swappedPairs(findings []Finding) []cause {
	if !hasFinding(findings, "files/malformed") {
		return nil
	}
	var out []cause
	for _, pair := range n.pairs() {
		cert, key := n.inv.Materials[pair.certificate], n.inv.Materials[pair.key]
		if len(cert.Certificates) > 0 || !holds(inventory.HoldsPrivateKey, cert) || len(key.Keys) > 0 || len(key.Certificates) == 0 {
			continue
		}
		about := func(f Finding) bool {
			return (f.Check == "files/malformed" || f.Check == "files/permissions") && (f.Path == pair.certificate || f.Path == pair.key)
		}
		if i := slices.IndexFunc(findings, func(f Finding) bool { return f.Check == "files/malformed" && f.Path == pair.certificate }); i >= 0 {
			c := cause{findings[i], about}
			c.Message = fmt.Sprintf("holds the private key, and %s the certificate; expected them the other way round", pair.key)
			c.Remedy = remedy{"# exchange the names of the two files"}.text()
			out = append(out, c)
		}
	}
	return out
}

// issuedTogether is how far apart certificates are issued of which one wrong clock
// is to blame: kubeadm init takes minutes.
const issuedTogether = time.Hour

// wrongClock explains certificates that are not valid yet and were issued together
// by a clock that is wrong, theirs or this node's.
func (n *nodeAudit) wrongClock(findings []Finding) []cause {
	early := selected(findings, func(f Finding) bool { return f.Check == "validity/not-yet-valid" })
	if len(early) < 2 {
		return nil
	}
	begins := map[string]time.Time{}
	for e := range n.decoded(anyEntry) {
		begins[e.cert.SHA256()] = e.cert.NotBefore
	}
	first, last := begins[early[0].SHA256], begins[early[0].SHA256]
	for _, f := range early {
		if b := begins[f.SHA256]; b.Before(first) {
			first = b
		} else if b.After(last) {
			last = b
		}
	}
	if last.Sub(first) > issuedTogether {
		return nil
	}
	c := cause{early[0], func(f Finding) bool { return f.Check == "validity/not-yet-valid" }}
	c.Severity = severest(early)
	c.Message = fmt.Sprintf("is not valid before %s, in %s, as %s issued within an hour of it: this node's clock is behind, or that of the issuer was ahead",
		instant(begins[c.SHA256]), roughly(begins[c.SHA256].Sub(n.now)), plural(len(early)-1, "other certificate"))
	c.Remedy = remedy{"# see whether this node's clock is right (timedatectl)",
		"# if this node's clock is wrong, set it, and nothing else is needed",
		fmt.Sprintf("# if the issuer's was: wait until %s, or reissue them", instant(last))}.text()
	return []cause{c}
}

// replacedCAs explains certificates that do not verify by the file with the CA, of
// which none of them is: it was replaced.
func (n *nodeAudit) replacedCAs(findings []Finding) []cause {
	var out []cause
	for _, e := range n.entries {
		if !clusterCAs[e.role.name] || e.cert == nil || e.index > 0 || slices.ContainsFunc(out, func(c cause) bool { return c.Path == e.place.Path }) {
			continue
		}
		refused, all := n.refusedBy(e.place)
		if len(refused) < 2 || len(refused) < all { // where it is one, such as a worker's, that may be to blame
			continue
		}
		if _, ok := n.signerFile(e.role.name, refused[0].cert.Certificate); ok {
			continue // a flag names the wrong file
		}
		explains := func(f Finding) bool {
			return (f.Check == "chain/untrusted" || f.Check == "chain/wrong-issuer") && slices.ContainsFunc(refused, func(leaf *entry) bool {
				return f.SHA256 == leaf.cert.SHA256() && f.Path == leaf.place.Path
			}) || f.Path == e.place.Path && (strings.HasPrefix(f.Check, "connections/") || f.Check == "chain/signing-bundle" || f.Check == "keys/mismatch")
		}
		if len(selected(findings, explains)) == 0 {
			continue
		}
		out = append(out, cause{n.replacedCA(e, refused), explains})
	}
	return out
}

// wrongTrust explains connections that break in both directions, and what
// kube-controller-manager signs and the API server refuses, by the one flag with the
// CAs that others are verified with.
func (n *nodeAudit) wrongTrust(findings []Finding) []cause {
	isTrust := func(f Finding) bool {
		return f.Check == "connections/client-untrusted" || f.Check == "connections/server-untrusted"
	}
	ofSigner := func(f Finding) bool {
		ref, ok := n.inv.ReferenceTo(f.Path, inventory.HoldsSigner)
		return ok && f.Field == ref.Label()
	}
	var out []cause
	for _, f := range selected(findings, isTrust) {
		clients, _ := n.inv.ReferenceOf(inventory.APIServer, "client-ca-file")
		refusesClients := f.Path == clients.Path && f.Field == clients.Label()
		known := slices.ContainsFunc(out, func(c cause) bool { return c.explains(f) })
		if known || ofSigner(f) {
			continue
		}
		explains := func(g Finding) bool {
			return isTrust(g) && (g.Path == f.Path && g.Line == f.Line && g.Field == f.Field || refusesClients && ofSigner(g))
		}
		if len(selected(findings, explains)) > 1 {
			out = append(out, cause{f, explains})
		}
	}
	return out
}

// refusedBy are the leaves that should have been signed by what lies at a place and
// were not, and the number of those that should have been.
func (n *nodeAudit) refusedBy(place parsers.Origin) (refused []*entry, all int) {
	seen := map[string]bool{}
	for e := range n.decoded((*entry).isLeaf) {
		i, judged := n.issuances[e]
		if !judged || i.bundle.place.Path != place.Path || seen[e.cert.SHA256()] {
			continue
		}
		seen[e.cert.SHA256()] = true
		all++
		if isUnknownAuthority(i.err) && !n.holdsKeyOf(i.bundle, e.cert.Certificate) {
			refused = append(refused, e)
		}
	}
	return refused, all
}

// copiesOf are the kubeconfigs that embed the CA which signed a certificate.
func (n *nodeAudit) copiesOf(signed *x509.Certificate) []string {
	var copies []string
	for _, ref := range n.inv.References {
		if ref.Embedded != nil && ref.Holds == inventory.HoldsBundle && n.signedByAny(bundleOf(n.inv, ref).certs, signed) {
			copies = append(copies, ref.Origin.Path)
		}
	}
	return copies
}

func (n *nodeAudit) replacedCA(e *entry, refused []*entry) Finding {
	leaf := refused[0].cert.Certificate
	copies := n.copiesOf(leaf)
	f := finding{component: e.component, at: e.place, sha256: e.cert.SHA256()}
	f.message = fmt.Sprintf("signed none of the %d certificates that it should have signed", len(refused))
	if made, _ := n.plain(e.cert.Certificate, leaf); made && e.cert.Subject.String() == leaf.Issuer.String() {
		f.message = fmt.Sprintf("has the key that signed %s, and not the name: it is written in other bytes than that of their issuer, with which Go compares it", plural(len(refused), "certificate"))
	}
	switch len(copies) {
	case 0:
	case 1:
		f.message += ", nor is it what " + copies[0] + " verifies with"
	default:
		f.message += ", nor is it what " + plural(len(copies), "kubeconfig") + " here verify with"
	}
	f.message += fmt.Sprintf("; expected the CA that %q issued them with", issuerName(refused[0].cert.Certificate))
	f.remedy = remedy{fmt.Sprintf("# if the file was replaced by accident: restore %s and its key from a backup or from another control-plane node", e.place.Path)}
	if len(copies) > 0 {
		f.remedy = append(f.remedy, "# the certificate of the CA that signed them stands in "+copies[0])
	}
	for _, r := range refused {
		if r.place.Field == "" && quotable(r.place.Path) && quotable(e.place.Path) {
			f.remedy = append(f.remedy, command("# it is the right one if this says OK: openssl verify -CAfile %s %s", e.place.Path, r.place.Path))
			break
		}
	}
	f.remedy = append(f.remedy, rotation(e.role.name)...)
	return n.finding("chain/ca-replaced", f)
}

// rotations say, by the role of a CA, what verifies with it and what has to start again.
var rotations = map[string]struct{ verifies, restarts string }{
	inventory.RoleKubernetesCA: {"--client-ca-file, --root-ca-file and the certificate-authority-data of each kubeconfig",
		"kube-apiserver and kube-controller-manager, then the kubelets, and what talks to the API server from pods"},
	inventory.RoleEtcdCA:       {"--trusted-ca-file, --peer-trusted-ca-file and --etcd-cafile", "etcd, one member after the other, and kube-apiserver"},
	inventory.RoleFrontProxyCA: {"--requestheader-client-ca-file", "kube-apiserver"},
}

// rotation is what is left to do where a CA was replaced on purpose and nothing else
// was: the documented steps from there on.
func rotation(role string) remedy {
	begun := "# if the CA was replaced on purpose, its rotation is at the beginning (" + sourceRotateCA + ")"
	r, known := rotations[role]
	if !known {
		return remedy{begun}
	}
	return remedy{
		begun,
		"# 1. bring the old certificate back beside the new one: both into what verifies, " + r.verifies + ", on every node; what signs has the new one alone",
		"# 2. restart " + r.restarts,
		"# 3. have everything that the old one signed issued again",
		"# 4. once nothing of the old one is in use, take it out of the files of step 1",
	}
}

// expiredCAs explains certificates that have expired, or soon will, by their CA,
// which has: what it signs is refused, however new.
func (n *nodeAudit) expiredCAs(findings []Finding) []cause {
	var out []cause
	for _, e := range n.entries {
		if !clusterCAs[e.role.name] || e.cert == nil || !e.expired(n.now) || n.superseded(e) {
			continue
		}
		i := slices.IndexFunc(findings, func(f Finding) bool { return f.Check == "validity/expired" && f.SHA256 == e.cert.SHA256() })
		if i < 0 {
			continue
		}
		signed := map[string]bool{}
		for leaf := range n.decoded((*entry).isLeaf) {
			if n.signed(e.cert.Certificate, leaf.cert.Certificate) {
				signed[leaf.cert.SHA256()] = true
			}
		}
		if len(signed) == 0 {
			continue
		}
		c := cause{findings[i], func(f Finding) bool {
			return signed[f.SHA256] && (f.Check == "validity/expired" || f.Check == "validity/expiring")
		}}
		c.Message += fmt.Sprintf("; %s here that it signed would not verify even if renewed", plural(len(signed), "certificate"))
		out = append(out, c)
	}
	return out
}

// wrongFacts explains a name or address that the API server's certificate lacks by
// the setting that alone asks for it, while everything else of the node agrees with
// the certificate.
func (n *nodeAudit) wrongFacts(findings []Finding) []cause {
	var out []cause
	for e := range n.decoded(func(e *entry) bool { return e.role.name == inventory.RoleAPIServerServing && e.index == 0 }) {
		about := func(f Finding) bool {
			return f.Check == "identity/san-missing" && f.SHA256 == e.cert.SHA256() && f.Path == e.place.Path
		}
		if !slices.ContainsFunc(findings, about) {
			continue
		}
		for _, doubt := range []finding{n.doubtfulDomain(e), n.doubtfulAddress(e)} {
			if doubt.message != "" {
				doubt.severity = severest(selected(findings, about))
				out = append(out, cause{n.finding("identity/san-missing", doubt), about})
				break
			}
		}
	}
	return out
}

// missingHosts are the names that the requirement table demands of a certificate
// and that it lacks.
func (n *node) missingHosts(e *entry) []string {
	var out []string
	for _, r := range n.reqs[e.role.name] {
		if r.Fact != FactDNSName && r.Fact != FactIPAddress {
			continue
		}
		values, _ := n.expandAll(r.Values)
		for _, host := range values {
			if e.cert.VerifyHostname(host) != nil && !slices.Contains(out, host) {
				out = append(out, host)
			}
		}
	}
	return out
}

// serviceName is the API server's in the service network, before the domain.
const serviceName = "kubernetes.default.svc."

// doubtfulDomain is what there is to say of the cluster's domain that the kubelet is
// given, where nothing but that domain is missing; the zero finding for nothing.
func (n *node) doubtfulDomain(e *entry) finding {
	setting := n.inv.Setting(inventory.Kubelet, "cluster-domain")
	domain := strings.TrimSuffix(setting.Value, ".")
	if domain == "" || !slices.Equal(n.missingHosts(e), []string{serviceName + domain}) {
		return finding{}
	}
	i := slices.IndexFunc(e.cert.DNSNames, func(name string) bool {
		return strings.HasPrefix(name, serviceName) && name != serviceName+"cluster" // as the documentation has it beside the full name
	})
	if i < 0 {
		return finding{}
	}
	issued := strings.TrimPrefix(e.cert.DNSNames[i], serviceName)
	return finding{component: inventory.Kubelet, at: setting.Origin,
		message: fmt.Sprintf("gives %q as the cluster's domain, and the API server's certificate in %s is for %q; expected the same in both", domain, e.place.Path, issued),
		remedy: remedy{fmt.Sprintf("# if the setting is wrong: write %s in %s, then restart the kubelet", shellWord(issued), where(setting.Origin)),
			"# if the cluster's domain was changed: reissue the API server's certificate with it"}}
}

// doubtfulAddress is what there is to say of the address that the API server
// advertises, where nothing but that is missing and no kubeconfig calls it.
func (n *node) doubtfulAddress(e *entry) finding {
	setting := n.inv.Setting(inventory.APIServer, "advertise-address")
	if setting.Value == "" || !slices.Equal(n.missingHosts(e), []string{n.inv.AdvertiseAddress()}) {
		return finding{}
	}
	called := slices.DeleteFunc(slices.Clone(n.facts.values["serverHosts"]), func(host string) bool {
		return !parsers.IsAddress(host) || e.cert.VerifyHostname(host) != nil
	})
	if len(called) == 0 {
		return finding{}
	}
	return finding{component: inventory.APIServer, at: setting.Origin,
		message: fmt.Sprintf("advertises %s, which is not in the certificate in %s, while the kubeconfigs of this node call %s, which is; expected one address in all", setting.Value, e.place.Path, joinOr(called)),
		remedy: remedy{fmt.Sprintf("# if the flag is wrong: write --advertise-address=%s in %s", called[0], where(setting.Origin)),
			"# if the node's address was changed: reissue the API server's certificate with it, and change the kubeconfigs"}}
}
