package audit

import (
	"cmp"
	"crypto/x509"
	"slices"
	"strings"

	"certaudit/audit/inventory"
	"certaudit/parsers"
)

// explains lists the checks whose findings are the cause of a fault, so that it
// is not reported a second time.
var explains = map[fault][]string{
	faultAbsent:    {"files/missing", "files/dangling-link", "files/malformed", "keys/mismatch", "chain/signing-bundle", "kubelet/serving-unapproved", "input/unreadable"},
	faultUnmade:    {"files/missing", "files/dangling-link", "files/malformed", "input/undecodable"},
	faultUntrusted: {"chain/untrusted", "chain/wrong-issuer", "chain/ca-replaced", "usage/not-a-ca", "keys/weak-signature", "keys/service-account", "files/malformed", "chain/signing-bundle"},
	faultName:      {"identity/san-missing"},
	faultTime:      {"validity/expired", "validity/not-yet-valid"},
	faultUsage:     {"usage/extended-key-usage"},
	faultIdentity:  {"identity/common-name", "identity/organization-missing"},
}

// explainedBy reports whether a finding is the cause of a broken verification.
func (h verification) explainedBy(f Finding) bool {
	if h.unset.flag != "" && h.verdict == VerdictBroken && (parsers.Origin{Path: f.Path, Line: f.Line, Field: f.Field}) == h.unset.at {
		return true
	}
	if h.served != "" && f.Check == "served/differs" && f.Path == h.served {
		return h.verdict == VerdictBroken
	}
	if f.Check == "usage/not-a-ca" && f.Severity == Info {
		return false // a CA of X.509 version 1, which Go takes all the same
	}
	if h.verdict != VerdictBroken || !slices.Contains(explains[h.fault], f.Check) {
		return false
	}
	copied := !strings.Contains(f.Field, "certificate-authority") // a copy matters to its own kubeconfig alone
	return slices.Contains(h.paths, f.Path) || copied && h.judges(f.SHA256)
}

// judges reports whether a certificate, by its SHA-256, is one of those whose findings explain
// a verification.
func (h verification) judges(sum string) bool {
	return slices.ContainsFunc(h.certificates[:], func(list []*x509.Certificate) bool {
		return slices.ContainsFunc(list, func(c *x509.Certificate) bool { return parsers.Fingerprint(c) == sum })
	})
}

// recordImpact notes in findings which connections break because of them.
func (n *nodeAudit) recordImpact(findings []Finding) {
	for i := range findings {
		for _, e := range n.edges {
			for _, h := range []verification{e.serverSide, e.clientSide, e.authorization} {
				if h.explainedBy(findings[i]) && !slices.Contains(findings[i].Breaks, e.Label()) {
					findings[i].Breaks = append(findings[i].Breaks, e.Label())
				}
			}
		}
	}
}

// unexplained reports whether no finding so far is the cause of a broken verification.
func (p *nodeAudit) unexplained(h verification) bool {
	return h.verdict == VerdictBroken && h.fault != faultUnmade && !slices.ContainsFunc(p.earlier, h.explainedBy)
}

func checkServerUntrusted(p *pass) {
	for _, e := range p.edges {
		p.examineVerification(e.serverSide)
		if p.unexplained(e.serverSide) && e.serverSide.fault != faultName {
			p.reportEdge(e, e.serverSide, p.retrust(e.serverSide))
		}
	}
}

// fixes say what to do about a fault for which there is no command.
var fixes = map[fault]string{
	faultAbsent:    "# correct the file or flag that is named here, then restart what reads it",
	faultUntrusted: "# put the CA that signed the server's certificate into what the client verifies with, or have the right CA sign it",
	faultTime:      "# renew what is out of its time",
	faultUsage:     "# reissue the certificate, and what stands between it and the CA, with the usage that is demanded",
	faultKey:       "# reissue the certificate with a key that TLS knows: RSA of 2048 bits, ECDSA P-256 or Ed25519",
}

// retrust returns the commands that have an end accept what the other presents: it
// verifies with the file of the CA that signed that.
func (n *nodeAudit) retrust(v verification) remedy {
	if v.fault == faultUntrusted && v.presented != nil {
		if ca := n.signerIn(v.presented); ca != "" && ca != v.at.Path {
			return n.trust(v.at, ca)
		}
	}
	return remedy{fixes[v.fault]}
}

// signerIn is the file of the cluster's CA that signed a certificate; "" for none.
func (n *nodeAudit) signerIn(cert *x509.Certificate) string {
	for _, role := range []string{inventory.RoleKubernetesCA, inventory.RoleEtcdCA, inventory.RoleFrontProxyCA} {
		if ca, ok := n.signerFile(role, cert); ok {
			return ca
		}
	}
	return ""
}

// whereNames says where further names of a server are taken from before its certificate
// is issued again: by the distribution that made the node, else by kubeadm.
func (n *nodeAudit) whereNames(server string) string {
	switch l := n.layout(); {
	case l == nil || !issuesCertificates(*l):
		return kubeadmNames[server]
	case l.Names != "" && server == inventory.APIServer:
		return ": " + n.filled(l.Names, "")
	}
	return ""
}

// kubeadmNames says where kubeadm takes further names of a server from
// (kubeadm.k8s.io/v1beta4).
var kubeadmNames = map[string]string{
	inventory.APIServer: ": kubeadm takes more from apiServer.certSANs in the ConfigMap kubeadm-config",
	inventory.Etcd:      ": kubeadm takes more from etcd.local.serverCertSANs in the ConfigMap kubeadm-config",
}

func checkServerName(p *pass) {
	for _, e := range p.edges {
		p.examineVerification(e.serverSide)
		if p.unexplained(e.serverSide) && e.serverSide.fault == faultName {
			e.serverSide.at = e.dialled
			p.reportEdge(e, e.serverSide, remedy{"# dial a name that the certificate holds, or have it issued with this one" + p.whereNames(e.Server)})
		}
	}
}

func checkClientUntrusted(p *pass) {
	for _, e := range p.edges {
		p.examineVerification(e.clientSide)
		if p.unexplained(e.clientSide) {
			r := p.retrust(e.clientSide)
			if len(r) == 1 && r[0] == fixes[faultUntrusted] {
				r = remedy{"# put the CA that signed the client's certificate into what the server verifies with, or have the right CA sign it"}
			}
			p.reportEdge(e, e.clientSide, r)
		}
	}
}

func checkConnectionIdentity(p *pass) {
	for _, e := range p.edges {
		p.examineVerification(e.authorization)
		if p.unexplained(e.authorization) {
			p.reportEdge(e, e.authorization, remedy{"# have the server accept this name, or reissue the client's certificate"})
		}
	}
}

func checkAddress(p *pass) {
	for _, e := range p.edges {
		if e.Address != "" {
			p.examine()
		}
		if e.doubt == "" || e.serverSide.fault == faultName {
			continue
		}
		component, _, _ := strings.Cut(e.Client, " ")
		p.report(finding{component: component, at: e.dialled, message: e.Client + " " + e.doubt,
			remedy: append(remedy{"# correct the address in " + e.dialled.Path + " if nothing answers there, or another node does"}, p.restartComponent(component)...)})
	}
}

// examineVerification counts a verification that was judged.
func (p *pass) examineVerification(h verification) {
	if h.verdict == VerdictOK || h.verdict == VerdictBroken {
		p.examine()
	}
}

// reportEdge reports a broken verification. What else is broken at the same place has
// the same cause, and the first finding lists it.
func (p *pass) reportEdge(e edge, h verification, r remedy) {
	client, _, _ := strings.Cut(e.Client, " ")
	program, _ := p.inv.Component(client)
	at := cmp.Or(h.at, e.dialled, program.Origin)
	severity := e.role.soften(Critical)
	i := slices.IndexFunc(p.findings, func(f Finding) bool { return (parsers.Origin{Path: f.Path, Line: f.Line, Field: f.Field}) == at })
	if i < 0 {
		i = len(p.findings)
		p.report(finding{severity: severity, component: cmp.Or(e.component, client), at: at,
			message: e.Client + " -> " + strings.TrimSpace(e.Server+" "+e.Address) + ": " + h.reason, remedy: r})
	}
	f := &p.findings[i]
	if severity.Rank() > f.Severity.Rank() {
		f.Severity = severity
	}
	if !slices.Contains(f.Breaks, e.Label()) {
		f.Breaks = append(f.Breaks, e.Label())
	}
}
