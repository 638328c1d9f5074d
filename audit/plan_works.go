package audit

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"certaudit/audit/inventory"
	"certaudit/parsers"
)

// work is what fixes one or several findings.
type work struct {
	// findings are their labels.
	findings []string
	// key is equal for works that are one.
	key string
	// steps adds the steps; it returns false where the node does not say enough.
	steps func(p *planner, of work) bool
	// ask is what somebody has to do where there are no steps.
	ask string
	// open: which of several things is right is for somebody to decide, so that nothing
	// else is tried.
	open bool
	// renews is the file that kubeadm renews; all such works are one.
	renews inventory.KubeadmFile
}

// planned reports whether a finding is to be fixed: it is not waived, and at warning or
// above, or of a certificate that ends soon and that kubeadm renews with the others.
func (n *nodeAudit) planned(f Finding) bool {
	return f.Waiver == nil && (f.Severity.Rank() >= Warning.Rank() || n.endsWithOthers(f))
}

// endsWithOthers reports whether a finding is of a certificate that ends soon and that
// kubeadm renews.
func (n *nodeAudit) endsWithOthers(f Finding) bool {
	if f.Check != "validity/expiring" {
		return false
	}
	e := n.entryOf(f)
	return e != nil && n.renewedBy([]*entry{e}, true) == RenewedByKubeadm
}

// Label names what a step fixes: the check and the path, "validity/expired
// /etc/kubernetes/pki/apiserver.crt".
func (f Finding) Label() string { return strings.TrimSpace(f.Check + " " + f.Path) }

// renewedBy are the checks of what another certificate with the same names fixes.
var renewedBy = []string{"validity/expired", "validity/expiring", "validity/not-yet-valid", "validity/outlives-issuer", "chain/wrong-issuer", "chain/untrusted",
	"chain/duplicate-serial", "keys/mismatch", "keys/weak", "keys/weak-signature", "keys/reused"}

// reissuedBy are the checks of what a certificate from the configuration fixes.
var reissuedBy = []string{"identity/common-name", "identity/organization-missing", "identity/organization-extra", "identity/san-missing",
	"identity/organizational-unit", "usage/extended-key-usage", "usage/key-usage", "usage/not-a-ca", "files/missing", "files/malformed", "files/dangling-link", "input/undecodable",
	"cluster/copied-leaf"}

// works returns what fixes those findings that are to be fixed.
func (p *planner) works(findings []Finding) []work {
	var out []work
	for _, f := range slices.Concat(findings, p.alsoEarly(findings)) {
		if !p.planned(f) {
			continue
		}
		w := p.workFor(f)
		if f.Check != checkDiffers && slices.Contains(p.unsettled, f.Component) {
			w = settle(f.Component)
		}
		w.findings = []string{f.Label()}
		if i := slices.IndexFunc(out, func(o work) bool { return o.key == w.key && w.key != "" }); i >= 0 {
			out[i].findings = union(out[i].findings, w.findings)
			continue
		}
		out = append(out, w)
	}
	return p.joinRenewals(out)
}

// alsoEarly are the findings that were put into one because one clock is to blame for
// all of them: each certificate has to be issued again, unless their CA is among them.
func (p *planner) alsoEarly(findings []Finding) []Finding {
	var out []Finding
	for _, f := range findings {
		if f.Check != "validity/not-yet-valid" || !p.planned(f) {
			continue
		}
		for _, c := range f.Causes {
			if ca := p.entryOf(Finding{Path: c.Path, SHA256: c.SHA256}); ca == nil || ca.role.isCA() {
				return nil // what it signs does not verify before it does
			}
			if c.Check == f.Check {
				out = append(out, Finding{Check: c.Check, Severity: c.Severity, Component: c.Component, Path: c.Path, Line: c.Line, Field: c.Field, SHA256: c.SHA256, Message: c.Message, Remedy: f.Remedy})
			}
		}
	}
	return out
}

// joinRenewals makes one work of all that kubeadm renews, without what it issues
// anew for another reason.
func (p *planner) joinRenewals(works []work) []work {
	var files []renewal
	all := work{findings: []string{}}
	rest := works[:0:0]
	for _, w := range works {
		if w.renews.Path == "" {
			rest = append(rest, w)
		}
	}
	for _, w := range works {
		if w.renews.Path == "" {
			continue
		}
		if i := slices.IndexFunc(rest, func(o work) bool { return o.key == reissueKey(w.renews) }); i >= 0 {
			rest[i].findings = union(rest[i].findings, w.findings)
			continue
		}
		files, all.findings = append(files, renewal{w.renews, w.findings}), union(all.findings, w.findings)
	}
	if len(files) == 0 {
		return rest
	}
	all.steps = func(p *planner, of work) bool { return p.renewKubeadm(files, of) }
	all.ask = "renew them with kubeadm certs renew"
	for _, r := range files {
		p.noticed(r.file.Role)
	}
	return append(rest, all)
}

// renewal is a file that kubeadm renews, with the labels of what that fixes.
type renewal struct {
	file     inventory.KubeadmFile
	findings []string
}

func reissueKey(k inventory.KubeadmFile) string { return "reissue " + k.Path }

// add adds the steps of a work, or what somebody has to do.
func (w work) add(p *planner) {
	if w.steps != nil && w.steps(p, w) {
		return
	}
	p.add(PhaseAsk, w, w.ask)
}

// noticed notes who has to be restarted for a certificate of a role: those that
// read it at their start alone.
func (p *planner) noticed(role string) {
	switch role {
	case inventory.RoleControllerClient:
		p.restart(inventory.ControllerManager)
	case inventory.RoleSchedulerClient:
		p.restart(inventory.Scheduler)
	case inventory.RoleKubeletServing, inventory.RoleKubeletSelf:
		p.restart(inventory.Kubelet)
	case inventory.RoleProxyClient:
		p.restart(inventory.Proxy)
	}
}

// workFor chooses what fixes a finding.
func (p *planner) workFor(f Finding) work {
	ask := work{ask: prose(f.Remedy)}
	if ask.ask == "" {
		ask.ask = "look at " + f.Label() + ": " + f.Message
	}
	if !quotable(f.Path) || p.inv.IsPacked(f.Path) {
		return ask
	}
	if w, ok := p.distributionWork(f, ask); ok {
		return w
	}
	e := p.entryOf(f)
	if (slices.Contains(renewedBy, f.Check) || slices.Contains(reissuedBy, f.Check)) && e != nil && p.isKeyOfOthers(e) {
		return ask // another pair would take the key from those
	}
	for _, r := range repairs {
		if !slices.Contains(r.checks, f.Check) {
			continue
		}
		w := r.work(p, f, e, ask)
		if w.steps != nil || w.renews.Path != "" || w.open {
			return w
		}
		ask.ask = w.ask
	}
	return ask
}

// isKeyOfOthers reports whether the file that is named as the key of a certificate is
// that of something else as well.
func (p *planner) isKeyOfOthers(e *entry) bool {
	key := p.keyPath(e)
	return key != "" && slices.ContainsFunc(p.inv.References, func(r inventory.Reference) bool {
		if r.Path != key || !holdsPrivate(r) && r.Holds != inventory.HoldsTokenKey {
			return false
		}
		return !slices.ContainsFunc(p.inv.References, func(cert inventory.Reference) bool {
			return cert.Pair == r.Pair && r.Pair != "" && cert.Path == e.place.Path
		})
	})
}

// repair is what may fix the findings of some checks.
type repair struct {
	checks []string
	work   func(p *planner, f Finding, e *entry, ask work) work
}

// repairs are tried in their order: the first that has steps for a finding fixes it.
var repairs = []repair{
	{[]string{"identity/san-missing", "keys/mismatch"}, func(_ *planner, f Finding, e *entry, ask work) work { return knownToPeople(f, e, ask) }},
	{[]string{"files/permissions"}, func(p *planner, f Finding, _ *entry, ask work) work { return p.chmodWork(f, ask) }},
	{[]string{"files/malformed", "connections/client-untrusted", "connections/server-untrusted"}, func(p *planner, f Finding, _ *entry, ask work) work {
		return p.pemWork(f, ask)
	}},
	{[]string{"files/malformed"}, func(p *planner, f Finding, _ *entry, ask work) work { return p.mendWork(f, ask) }},
	{[]string{"files/malformed"}, func(p *planner, f Finding, _ *entry, ask work) work { return p.swapWork(f, ask) }},
	{[]string{"chain/ca-replaced", "files/malformed", "files/missing"}, func(p *planner, f Finding, _ *entry, ask work) work { return p.restoreCAWork(f, ask) }},
	{[]string{"files/missing"}, func(p *planner, f Finding, _ *entry, ask work) work { return p.mistypedPathWork(f, ask) }},
	{[]string{"files/missing", "files/malformed", "files/dangling-link", "input/undecodable"}, func(p *planner, f Finding, _ *entry, ask work) work { return p.kubeletConfigWork(f, ask) }},
	{[]string{"files/missing", "files/malformed"}, func(p *planner, f Finding, _ *entry, ask work) work { return p.publicKeyWork(f, ask) }},
	{[]string{"flags/unknown", "flags/missing", "keys/service-account"}, func(p *planner, f Finding, _ *entry, ask work) work { return p.flagWork(f, ask) }},
	{[]string{"connections/client-untrusted", "connections/server-untrusted"}, func(p *planner, f Finding, _ *entry, ask work) work { return p.anchorWork(f, ask) }},
	{[]string{"connections/client-untrusted"}, func(p *planner, f Finding, _ *entry, ask work) work { return p.signerWork(f, ask) }},
	{[]string{"connections/address", "connections/server-name"}, func(p *planner, f Finding, _ *entry, ask work) work { return p.formerWork(f, ask) }},
	{[]string{"files/dangling-link"}, func(p *planner, f Finding, _ *entry, ask work) work { return p.linkTargetWork(f, ask) }},
	{[]string{"connections/client-untrusted"}, func(p *planner, f Finding, _ *entry, ask work) work { return p.strangerWork(f, ask) }},
	{[]string{"connections/server-untrusted", "validity/expired", "validity/expiring"}, func(p *planner, f Finding, _ *entry, ask work) work { return p.trustWork(f, ask) }},
	{[]string{"identity/san-missing"}, func(p *planner, f Finding, _ *entry, ask work) work { return p.domainWork(f, ask) }},
	{[]string{"identity/san-missing"}, func(p *planner, f Finding, _ *entry, ask work) work { return p.addressWork(f, ask) }},
	{[]string{"keys/service-account"}, func(p *planner, f Finding, _ *entry, ask work) work { return p.tokenKeyWork(f, ask) }},
	{[]string{"usage/not-a-ca"}, func(p *planner, f Finding, e *entry, ask work) work { return p.notACAWork(f, e, ask) }},
	{[]string{"chain/signing-bundle"}, func(p *planner, f Finding, _ *entry, ask work) work { return p.signingFileWork(f, ask) }},
	{[]string{"input/duplicate-component"}, func(p *planner, f Finding, _ *entry, ask work) work { return p.moveOutWork(f, ask) }},
	{[]string{"served/stale", "served/differs"}, func(p *planner, f Finding, _ *entry, _ work) work { return p.restartWork(f) }},
	{slices.Concat([]string{"kubelet/link", "kubelet/embedded-client", "kubelet/serving-unapproved", "files/dangling-link", "validity/rotation-overdue"}, renewedBy, reissuedBy),
		func(p *planner, f Finding, e *entry, ask work) work { return p.kubeletWork(f, e, ask) }},
	{slices.Concat(renewedBy, reissuedBy), func(p *planner, f Finding, e *entry, ask work) work { return p.userWork(f, e, ask) }},
	{renewedBy, func(p *planner, f Finding, e *entry, ask work) work {
		return p.certificateWork(p.roleOf(f, e), f.Path, true, ask)
	}},
	{reissuedBy, func(p *planner, f Finding, e *entry, ask work) work {
		return p.certificateWork(p.roleOf(f, e), f.Path, false, ask)
	}},
}

// knownToPeople leaves to people what no file tells: the names by which the server of a file is
// called, and which of the keys that were exchanged is to be named how.
func knownToPeople(f Finding, e *entry, ask work) work {
	nameless := f.Check == "identity/san-missing" && e != nil && e.role.name == inventory.RoleFileLeaf
	if nameless || f.Remedy == exchangedKeys {
		return work{open: true, ask: ask.ask}
	}
	return ask
}

// strangerWork gives a kubeconfig that shows no certificate one.
func (p *planner) strangerWork(f Finding, ask work) work {
	k, ok := p.inv.Kubeconfigs[f.Path]
	if _, user, found := k.Current(); !ok || found && (user.CertificateFile.Value != "" || !user.CertificateData.IsZero()) {
		return ask
	}
	return p.certificateWork(p.roleOf(f, nil), f.Path, false, ask)
}

// restartWork restarts a component that goes on with what there was.
func (p *planner) restartWork(f Finding) work {
	return work{key: "restart " + f.Component, steps: func(p *planner, of work) bool {
		p.restart(f.Component)
		p.restarted[f.Component] = union(p.restarted[f.Component], of.findings)
		return true
	}}
}

// entryOf is the certificate that a finding is about; nil for none.
func (n *node) entryOf(f Finding) *entry {
	for _, e := range slices.Concat(n.entries, n.copies) {
		if e.cert != nil && e.place.Path == f.Path && e.cert.SHA256() == f.SHA256 {
			return e
		}
	}
	return nil
}

// roleOf is the role of the certificate that a finding is about, or of the file that
// is missing or malformed; what stands behind a certificate goes with it.
func (n *nodeAudit) roleOf(f Finding, e *entry) *role {
	if e != nil && e.index == 0 {
		return e.role
	}
	for _, g := range n.named() {
		if g.path == f.Path {
			return g.role()
		}
	}
	if e != nil {
		return e.role
	}
	return &noRole
}

// certificateWork has the certificate of a role issued again at a path, renewed or
// from the configuration.
func (p *planner) certificateWork(r *role, name string, renew bool, ask work) work {
	k := r.kubeadm()
	ca, signed := k.SignedBy()
	own := p.facts.profile == ProfileKubeadm && signed && (name == p.inv.KubeadmPath(k) || name == p.certPath(k.Pair)) && p.isPairOf(k)
	switch {
	case r.isCA() || r == &noRole:
		return ask
	case k.Role == inventory.RoleSuperAdmin && (p.inv.Files[name].Mode.IsDir() || p.inv.Files[name].State == inventory.DanglingLink):
		return ask // few nodes have it, and what made the folder or the link is to be corrected
	case own && p.inv.Files[p.certPath(ca.Pair)].State == inventory.Readable && p.signingIndex(ca) < 0:
		return work{open: true, ask: fmt.Sprintf("once %s and %s are a pair that kubeadm can use, make the plan again", p.inv.KubeadmPath(ca), p.certPath(ca.Pair))}
	case own && p.canSign(ca) && renew && p.signsFirst(ca):
		return work{key: "renew " + k.Path, renews: k}
	case own && p.usedOtherwise(name, k.Role):
		break // kubeadm issues it for one of its uses
	case own && p.canSign(ca):
		return work{key: reissueKey(k), ask: ask.ask, steps: func(p *planner, of work) bool {
			p.noticed(k.Role)
			if p.inv.Files[name].Mode.IsDir() && k.Holds != inventory.HoldsKubeconfig {
				p.add(PhasePlace, of, "move the folder "+name+" out of the way", "mv -- "+words(name)+` "$B"/folder-`+words(flat(name)))
			}
			return p.reissueKubeadm(k, of)
		}}
	}
	return p.opensslWork(r, name, ask)
}

// isPairOf reports whether the key that goes with one of kubeadm's certificates is
// named where kubeadm writes it: else the old key would stay with the new certificate.
func (n *node) isPairOf(k inventory.KubeadmFile) bool {
	if k.Pair == "" {
		return true
	}
	for _, pair := range n.namedPairs() {
		if (pair.certificate == n.inv.KubeadmPath(k)) != (pair.key == n.certPath(k.Pair)) {
			return false
		}
	}
	return true
}

// canSign reports whether a CA of kubeadm's is here with its key and in its time.
func (n *nodeAudit) canSign(ca inventory.KubeadmFile) bool {
	certs, err := n.certificateFile(n.inv.KubeadmPath(ca))
	if i := n.signingIndex(ca); err == nil && i >= 0 {
		certs = certs[i:]
	} else {
		return false
	}
	return n.inv.Files[n.certPath(ca.Pair)].State == inventory.Readable && n.now.Before(certs[0].NotAfter) && maySign(certs[0].Certificate)
}

// signingIndex is the place of the certificate of a CA's key in the CA's file, which
// may hold another CA as well; -1 for none, and where either is not PEM.
func (n *node) signingIndex(ca inventory.KubeadmFile) int {
	keys := n.inv.Materials[n.certPath(ca.Pair)].Keys
	return slices.IndexFunc(n.inv.Materials[n.inv.KubeadmPath(ca)].Certificates, func(c parsers.Certificate) bool {
		return c.Origin.Line > 0 && slices.ContainsFunc(keys, func(k parsers.Key) bool {
			return k.Private && k.Origin.Line > 0 && k.PublicKeySHA256 == c.PublicKeySHA256()
		})
	})
}

// signsFirst reports whether kubeadm can use the file of a CA as it is: it reads the
// first certificate (cmd/kubeadm/app/util/pkiutil, TryLoadCertFromDisk).
func (n *node) signsFirst(ca inventory.KubeadmFile) bool { return n.signingIndex(ca) == 0 }

// modeChange is the mode that a file is to have.
type modeChange struct {
	file string
	mode uint32
	of   work
}

func (p *planner) chmodWork(f Finding, ask work) work {
	groups := p.withModes()
	i := slices.IndexFunc(groups, func(g group) bool { return g.path == f.Path })
	if i < 0 {
		return ask
	}
	file := groups[i].file
	_, expected := p.permissions(groups[i])
	if expected.mode == 0 || !quotable(target(file)) {
		return ask
	}
	return work{key: "chmod " + f.Path, steps: func(p *planner, of work) bool {
		p.modes = append(p.modes, modeChange{target(file), expected.mode, of})
		p.needs("chmod")
		return true
	}}
}

func (n *nodeAudit) refsTo(name string) []*inventory.Reference {
	for _, g := range n.named() {
		if g.path == name {
			return g.refs
		}
	}
	return nil
}

// mendWork mends a file in place, which is no reason for another.
func (p *planner) mendWork(f Finding, ask work) work {
	if strings.Contains(f.Message, wrappedBase64) {
		ask.ask = f.Path + ": " + ask.ask
		return ask // unless it is issued again
	}
	title, script := mend(f.Message)
	if title == "" || len(p.refsTo(f.Path)) == 0 {
		return ask
	}
	return work{key: "mend " + f.Path, steps: func(p *planner, of work) bool {
		file := target(p.inv.Files[f.Path])
		made := p.stageFor(path.Dir(file), of).path(path.Base(file))
		p.needs("sed")
		p.changes(file)
		p.add(PhaseMake, of, title+" a copy of "+file, "cp -p -- "+words(file, made), fmt.Sprintf(`sed -i "%s" %s`, script, words(made)))
		p.add(PhaseCheck, of, "see that the copy of "+file+" is changed", fmt.Sprintf(`[ "$(cksum < %s)" != "$(cksum < %s)" ]`, words(file), words(made)))
		p.add(PhasePlace, of, "put the changed "+file+" in place", "mv -f -- "+words(made, file))
		p.restartReaders(f.Path)
		return true
	}}
}

// moveOutWork moves a second manifest out of the folder of static pods.
func (p *planner) moveOutWork(f Finding, ask work) work {
	if !p.isManifest(f.Path) {
		return ask
	}
	return work{key: "move " + f.Path, steps: func(p *planner, of work) bool {
		p.changes(f.Path)
		p.add(PhasePlace, of, "move "+f.Path+" out of the folder of static pods", "mv -- "+words(f.Path)+` "$B"/out-of-the-manifests`)
		return true
	}}
}

// trustWork puts the CA that a kubeconfig should verify with in place of what it
// embeds.
func (p *planner) trustWork(f Finding, ask work) work {
	at := parsers.Origin{Path: f.Path, Line: f.Line, Field: f.Field}
	ca := p.trustedInstead(f, at)
	if _, ok := p.inv.Kubeconfigs[f.Path]; !ok || ca == "" || !strings.HasSuffix(f.Field, "certificate-authority-data") || f.Line == 0 || p.crowded(f.Path) {
		return ask
	}
	if said := p.divided(); said != "" && f.Path == p.kubeletConfig() {
		return work{ask: said, open: true}
	}
	return work{key: "trust " + f.Path, steps: func(p *planner, of work) bool {
		p.needs("openssl")
		p.edit(f.Path, of, edit{line: f.Line, name: "certificate-authority-data", value: base64Of(ca)})
		p.restartReaders(f.Path)
		return true
	}}
}

// restartReaders restarts the components that a kubeconfig is the own one of.
func (p *planner) restartReaders(name string) {
	for _, ref := range p.inv.References {
		if ref.Path == name && inventory.IsProgram(ref.Component) {
			p.restart(ref.Component)
		}
	}
}

// trustedInstead is the file of the CA that what stands at a place should be; "" for
// unknown.
func (p *planner) trustedInstead(f Finding, at parsers.Origin) string {
	if e := p.entryOf(f); e != nil && e.role.fallback {
		for ca := range p.decoded(func(ca *entry) bool { return clusterCAs[ca.role.name] && !ca.expired(p.now) }) {
			if string(ca.cert.RawSubjectPublicKeyInfo) == string(e.cert.RawSubjectPublicKeyInfo) {
				return ca.place.Path
			}
		}
	}
	for _, e := range p.edges {
		if e.serverSide.at != at || e.serverSide.fault != faultUntrusted {
			continue
		}
		if e.serverSide.presented == nil { // it is not in view, and was held against the node's own CA
			own, _ := ownCA(p.inv)
			return own.place.Path
		}
		if ca, ok := p.signerFile(inventory.RoleKubernetesCA, e.serverSide.presented); ok {
			return ca
		}
	}
	return ""
}

// prose is the text of a remedy in one line, what it names as commands among it.
func prose(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimPrefix(line, "# ")
	}
	return strings.Join(lines, "; ")
}
