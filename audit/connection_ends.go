package audit

import (
	"certaudit/audit/inventory"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"certaudit/parsers"
)

// presentedBy returns what an end that is configured by a reference presents.
func (n *node) presentedBy(ref inventory.Reference, ok bool) credentials {
	if !ok {
		return credentials{none: true}
	}
	if lacking := n.otherHalf(ref); lacking.flag != "" {
		return halfPair(lacking, ref.Name)
	}
	c := credentials{at: ref.Place(), paths: []string{ref.Place().Path}}
	if c.at.Field == "" {
		c.at.Field = ref.Label()
	}
	if why := n.unseen(ref); why != "" {
		c.unseen, c.reason = true, why
		return c
	}
	for _, cert := range n.inv.Material(ref).Certificates {
		c.chain = append(c.chain, cert.Certificate)
	}
	for _, other := range n.inv.References {
		if ref.Pair != "" && other.Pair == ref.Pair && holdsPrivate(other) {
			c.paths = append(c.paths, other.Place().Path)
		}
	}
	key, keyPath, hasKey := n.privateKey(ref)
	switch {
	case len(c.chain) == 0:
		c.missing = n.missingReason(ref, "no certificate can be read")
	case n.damage(ref) != "":
		c.missing = n.damage(ref)
	case !hasKey && ref.Pair != "":
		c.missing = fmt.Sprintf("the private key of %s cannot be read", ref.Place().Path)
		if n.unreadablePair(ref) {
			c.missing = ""
		}
	case hasKey && key.PublicKeySHA256 != n.inv.Material(ref).Certificates[0].PublicKeySHA256():
		c.missing = fmt.Sprintf("the private key of %s is not that of the certificate", keyPath)
	}
	return c
}

// unseen says why what a reference leads to cannot be judged although it may be there;
// "" if it can.
func (n *node) unseen(ref inventory.Reference) string {
	switch {
	case ref.Hidden:
		return "what " + ref.Label() + " names comes from a volume that cannot be seen"
	case n.inv.Files[ref.Path].State == inventory.Unreadable:
		return ref.Path + " may not be read"
	case wantsKey(ref) && n.leftOut(ref):
		return "the private key of " + ref.Place().Path + " was left out of the copy"
	}
	return ""
}

// leftOut reports whether a private key was cut out of what a reference leads to.
func (n *node) leftOut(ref inventory.Reference) bool { return isLeftOut(n.inv.Material(ref)) }

func isLeftOut(m parsers.Material) bool {
	return slices.ContainsFunc(m.Problems, func(p parsers.Problem) bool { return p.Kind == parsers.KindLeftOut })
}

// wantsKey reports whether a reference is to a private key, or to a public one that may
// be given as a private one.
func wantsKey(ref inventory.Reference) bool {
	return holdsPrivate(ref) || ref.Holds == inventory.HoldsTokenKey || ref.Holds == inventory.HoldsTokenVerifier
}

// unreadablePair reports whether the key of a pair is there and only may not be
// read by this program.
func (n *node) unreadablePair(ref inventory.Reference) bool {
	return slices.ContainsFunc(n.inv.References, func(other inventory.Reference) bool {
		return other.Pair == ref.Pair && holdsPrivate(other) && n.unseen(other) != ""
	})
}

// holdsPrivate reports whether a reference is to the private half of a pair.
func holdsPrivate(ref inventory.Reference) bool {
	return ref.Holds == inventory.HoldsPrivateKey || ref.Holds == inventory.HoldsSignerKey
}

func (n *node) missingReason(ref inventory.Reference, otherwise string) string {
	if f := n.inv.Files[ref.Path]; f.Reason != "" {
		return fmt.Sprintf("%s %s", ref.Path, f.Reason)
	}
	return fmt.Sprintf("%s: %s", ref.Place().Path, otherwise)
}

// damage says why programs refuse a file of which some can be read: one
// certificate that Go cannot parse spoils a chain, and a bundle too unless
// client-go reads it; none of them reads DER. "" if nothing is wrong.
func (n *node) damage(ref inventory.Reference) string {
	m := n.inv.Material(ref)
	if i := slices.IndexFunc(m.Problems, func(p parsers.Problem) bool { return p.Kind == parsers.KindCertificate }); i >= 0 {
		return fmt.Sprintf("%s holds a certificate that Go refuses: %s", ref.Place().Path, m.Problems[i].Detail)
	}
	if ref.Embedded == nil && m.Certificates[0].Origin.Line == 0 {
		return fmt.Sprintf("%s is DER, and PEM is demanded", ref.Path)
	}
	return ""
}

// readByClientGo reports whether a bundle is one of those that client-go hands
// to x509.CertPool.AppendCertsFromPEM, which passes over what it cannot parse.
func readByClientGo(ref inventory.Reference) bool {
	return strings.HasSuffix(ref.Name, "certificate-authority")
}

// trustedBy returns what an end that is configured by a reference verifies with.
func (n *node) trustedBy(ref inventory.Reference, ok bool, absent string) anchors {
	if !ok {
		return anchors{none: true, reason: absent}
	}
	b := bundleOf(n.inv, ref)
	a := anchors{certs: b.certs, at: ref.Place(), paths: []string{ref.Place().Path}}
	if a.at.Field == "" {
		a.at.Field = ref.Label()
	}
	switch {
	case n.unseen(ref) != "":
		a.unseen, a.reason = true, n.unseen(ref)
	case len(b.certs) == 0:
		a.missing = n.missingReason(ref, "no CA can be read")
	case !readByClientGo(ref):
		a.missing = n.damage(ref)
	}
	return a
}

// serverTrust is what a kubeconfig verifies a server with.
func (n *nodeAudit) serverTrust(c parsers.KubeCluster, server credentials) anchors {
	hasData, hasFile := !c.CAData.IsZero(), c.CAFile.Value != ""
	switch {
	case c.InsecureSkipTLSVerify && (hasData || hasFile):
		return anchors{at: c.Origin, missing: "insecure-skip-tls-verify is set beside a CA, and client-go refuses that"}
	case c.InsecureSkipTLSVerify:
		return anchors{none: true, reason: "insecure-skip-tls-verify is set"}
	case isPlain(c.Server.Value):
		return anchors{none: true, reason: noTLS}
	case !hasData && !hasFile:
		return n.hostAnchors(server, hostRoots, c.Server.Origin, unsetFlag{})
	}
	at := c.CAFile.Origin
	if hasData {
		at = c.CAData.Origin
	}
	ref, ok := n.inv.ReferenceAt(at)
	if !ok {
		return anchors{unseen: true, reason: "its CA is not in view"}
	}
	return n.trustedBy(ref, true, "")
}

// userCredentials are what a kubeconfig presents. A kubelet that rotates
// presents the file that it keeps beside.
func (n *node) userCredentials(u parsers.KubeUser, r *role) credentials {
	if r.name == inventory.RoleKubeletClient {
		if ref, ok := n.inv.ReferenceOf("kubelet", "cert-dir", inventory.HoldsCertificate); ok && ref.Role == inventory.RoleKubeletClient {
			return n.presentedBy(ref, true)
		}
	}
	at := u.CertificateFile.Origin
	if !u.CertificateData.IsZero() {
		at = u.CertificateData.Origin
	}
	ref, ok := n.inv.ReferenceAt(at)
	return n.presentedBy(ref, ok)
}

// apiServer says what this node's API server presents to those who dial a host.
func (n *node) apiServer(host string) credentials {
	server, _ := n.inv.Component("kube-apiserver")
	if why := elsewhere(n.inv, n.facts.profile, host); why != "" {
		return credentials{unseen: true, reason: why}
	}
	for _, pair := range n.inv.SNIPairs() {
		if c := n.presentedBy(pair.Ref, true); c.missing != "" {
			return c
		}
	}
	ref, ok := n.inv.ReferenceOf("kube-apiserver", "tls-cert-file")
	if !ok {
		ref, ok = n.inv.ReferenceOf("kube-apiserver", "cert-dir", inventory.HoldsCertificate)
	}
	c := n.presentedBy(ref, ok)
	if whole, reason := isWhole(n.inv, server); !ok && !whole {
		c = credentials{unseen: true, reason: reason}
	} else if u := n.unset(inventory.APIServer, "tls-cert-file"); !ok && n.inv.Setting(inventory.APIServer, "tls-private-key-file").Value != "" {
		c = halfPair(u, "tls-private-key-file")
	} else if !ok {
		c = credentials{at: u.at, unset: u, generated: "--tls-cert-file is not set: the API server generates a certificate at its start, which nobody can verify"}
	}
	if sni, ok := n.inv.SNIReference(host); ok && c.missing == "" {
		ref, c = sni, n.presentedBy(sni, true)
	}
	return n.asServed(c, inventory.APIServer, ref, host)
}

// asServed is what a server was seen to show to those who dial a host, if that is
// another certificate than the one of its file; else what its files hold.
func (n *node) asServed(c credentials, component string, ref inventory.Reference, host string) credentials {
	var shown *inventory.Served
	for i, s := range n.inv.Served {
		if s.Component != component || s.Path != ref.Path || s.Reference != ref.Name || len(s.Certificates) == 0 {
			continue
		}
		if shown == nil || n.inv.SameHost(parsers.HostOf("//"+s.Address), host) {
			shown = &n.inv.Served[i]
		}
	}
	if shown == nil || len(c.chain) > 0 && c.missing == "" && parsers.Fingerprint(c.chain[0]) == shown.Certificates[0].SHA256() {
		return c
	}
	out := credentials{at: parsers.Origin{Path: ref.Path, Field: component + " at " + shown.Where()}, served: shown.Where()}
	for _, cert := range shown.Certificates {
		out.chain = append(out.chain, cert.Certificate)
	}
	return out
}

// apiServerClients is what this node's API server verifies clients with.
func (n *node) apiServerClients(host string) anchors {
	if why := elsewhere(n.inv, n.facts.profile, host); why != "" {
		return anchors{unseen: true, reason: why}
	}
	ref, ok := n.inv.ReferenceOf("kube-apiserver", "client-ca-file")
	if ok {
		return n.trustedBy(ref, true, "")
	}
	return n.refusing(inventory.APIServer, "client-ca-file", "--client-ca-file is not set: the API server takes nobody's certificate, and whoever has nothing else to show is anonymous")
}

// refusing is an end that accepts no certificate, since a flag is not set.
func (n *node) refusing(component, flag, reason string) anchors {
	c, _ := n.inv.Component(component)
	if whole, why := isWhole(n.inv, c); !whole {
		return anchors{unseen: true, reason: why}
	}
	u := n.unset(component, flag)
	return anchors{refuses: true, none: true, reason: reason, at: u.at, unset: u}
}

// halfPair is an end of which only one half of a pair is set, one that does not start
// with it, or shows nothing.
func halfPair(lacking unsetFlag, set string) credentials {
	c := credentials{at: lacking.at, unset: lacking}
	if _, c.none = ignoredHalves[set]; !c.none {
		c.missing = fmt.Sprintf("--%s is set, and %s is not", set, lacking.name())
	}
	return c
}

// ignoredHalves are the flags of a pair that are ignored without the other half, and
// how bad that is: there may be no extension API server (k8s.io/client-go transport
// HasCertAuth; kube-aggregator pkg/apiserver). With one half of any other pair the
// component does not start.
var ignoredHalves = map[string]Severity{"kubelet-client-certificate": Critical, "kubelet-client-key": Critical,
	"proxy-client-cert-file": Warning, "proxy-client-key-file": Warning}

// otherHalf returns the flag of the other half of a pair, if it is not set though the
// one that a reference is from is.
func (n *node) otherHalf(ref inventory.Reference) unsetFlag {
	p, _ := inventory.ProgramNamed(ref.Component)
	if row, ok := p.Flag(ref.Name); ok && row.Pair != "" {
		return n.unset(ref.Component, row.Pair)
	}
	return unsetFlag{}
}

// rootsWithout are what an end verifies with that no flag gives a CA.
func (n *nodeAudit) rootsWithout(component, flag, reason string, c credentials) anchors {
	u := n.unset(component, flag)
	if u.flag == "" {
		return anchors{unseen: true, reason: reason}
	}
	return n.hostAnchors(c, "--"+flag+" is not set: "+reason, u.at, u)
}

// hostAnchors are the host's root certificates, which an end verifies with that is
// given no others. Those are not looked at one by one: what it verifies is refused if
// a CA in view signed it that is not among them.
func (n *nodeAudit) hostAnchors(c credentials, reason string, at parsers.Origin, u unsetFlag) anchors {
	ca, private := n.privateCA(c)
	if !private {
		return anchors{unseen: true, reason: reason}
	}
	return anchors{refuses: true, at: at, unset: u, reason: fmt.Sprintf("%s, and the CA in %s, which signed %s, is not one of them", reason, ca.place.Path, c.at.Path)}
}

// privateCA returns the root in view that signed what an end presents, unless it is
// one of the host's.
func (n *nodeAudit) privateCA(c credentials) (*entry, bool) {
	for e := range n.decoded(func(e *entry) bool { return e.role.isCA() && e.role.name != inventory.RoleIntermediate }) {
		if !n.selfSigned(e.cert.Certificate) || slices.Contains(n.inv.HostRoots, e.cert.SHA256()) {
			continue
		}
		if slices.ContainsFunc(c.chain, func(x *x509.Certificate) bool { return n.signed(e.cert.Certificate, x) }) {
			return e, true
		}
	}
	return nil, false
}
