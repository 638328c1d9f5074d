package audit

import (
	"certaudit/audit/inventory"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"certaudit/parsers"
)

// issuance is what verifying an entry against the bundle it belongs to gave.
type issuance struct {
	bundle bundle
	err    error
	source string
}

// issuanceOf is [nodeAudit.issuance], and says where nothing is in view to verify with.
func (p *pass) issuanceOf(e *entry) (i issuance, ok bool) {
	i, ok = p.issuance(e)
	if !ok && len(p.requirements(e.role.name, FactIssuer)) > 0 {
		if signers, others := p.namesakes(e); len(signers)+len(others) == 0 {
			p.unjudged("no CA is in view that %s could be verified with", e.role.name)
		}
	}
	return i, ok
}

// issuance verifies an entry against the bundle that the requirement table names for it.
// ok is false where there is nothing to verify or to verify with.
func (n *nodeAudit) issuance(e *entry) (i issuance, ok bool) {
	if i, ok = n.issuances[e]; ok {
		return i, true
	}
	for _, r := range n.requirements(e.role.name, FactIssuer) {
		if b, found := bundleNamed(n.inv, r.Values); found {
			n.issuances[e] = issuance{b, n.verify(e.cert.Certificate, e.chain(), b, n.now), r.Source}
			return n.issuances[e], true
		}
	}
	return issuance{}, false
}

// isIssued selects the entries that a CA should have issued.
func (e *entry) isIssued() bool { return e.isLeaf() || e.isAmongCAs() }

func checkWrongIssuer(p *pass) { p.checkIssuer(false) }

func checkUntrusted(p *pass) { p.checkIssuer(true) }

// checkCAReplaced counts the files that could hold another CA: [nodeAudit.replacedCAs]
// tells it from what checkUntrusted and checkWrongIssuer find.
func checkCAReplaced(p *pass) {
	for e := range p.decoded((*entry).isFirst) {
		if clusterCAs[e.role.name] {
			p.examine()
		}
	}
}

// checkIssuer reports the certificates that do not verify: those of a CA that is
// not known, or those that name the CA which was expected, or lead to it by a
// chain that breaks a rule.
func (p *pass) checkIssuer(expected bool) {
	beside := p.secretsWithCA()
	for e := range p.decoded((*entry).isIssued) {
		i, ok := p.issuanceOf(e)
		if !ok {
			if expected && (e.object == "" || !beside[e.object]) {
				p.checkNamesakes(e)
			}
			continue
		}
		if isUnverified(i.err) {
			p.unjudged("%s", i.err)
			continue
		}
		p.examine()
		if i.err == nil || refusedAlgorithm(i.err) || (i.bundle.sameName(e.cert.Certificate) || !isUnknownAuthority(i.err)) != expected || p.holdsKeyOf(i.bundle, e.cert.Certificate) || p.isForeign(i.bundle, e) {
			continue
		}
		seen := fmt.Sprintf("is issued by %q", issuerName(e.cert.Certificate))
		if slices.Contains(i.bundle.names(), issuerName(e.cert.Certificate)) { // the bytes of the names differ
			seen = fmt.Sprintf("is issued by another CA that is called %q", issuerName(e.cert.Certificate))
		}
		if expected {
			seen = fmt.Sprintf("names %q as its issuer, but %s", issuerName(e.cert.Certificate), reason(i.err))
		}
		message := fmt.Sprintf("%s%s; expected a signature by %s of %s", seen, p.realSigner(e), listOr(i.bundle.names(), "a CA"), i.bundle.place.Path)
		p.reportEntry(e, finding{severity: e.role.soften(Critical), message: message, remedy: p.renew(e.role), reference: i.source})
	}
}

// namesakes are the CAs in view that have the name of an entry's issuer: those that
// signed it, and those that did not.
func (n *nodeAudit) namesakes(e *entry) (signers, others []parsers.Certificate) {
	for _, ca := range n.authoritiesByName()[string(e.cert.RawIssuer)] {
		if n.maybeIssued(ca.Certificate, e.cert.Certificate) {
			signers = append(signers, ca)
		} else {
			others = append(others, ca)
		}
	}
	return signers, others
}

// checkNamesakes reports a certificate of which nothing says who should have signed
// it, and that was signed by none of the CAs in view that are called like its issuer.
func (p *pass) checkNamesakes(e *entry) {
	if p.selfSigned(e.cert.Certificate) || weakSignatures[e.cert.SignatureAlgorithm] || e.role.name == inventory.RoleTokenVerifier {
		return
	}
	signers, others := p.namesakes(e)
	if len(signers)+len(others) == 0 || p.exhausted {
		return
	}
	p.examine()
	if len(signers) > 0 || slices.ContainsFunc(others, func(ca parsers.Certificate) bool { return !maySign(ca.Certificate) }) {
		return // usage/not-a-ca tells of one that may not sign
	}
	var places []string
	for _, ca := range others {
		if at := strings.TrimSpace(where(ca.Origin) + " " + ca.Origin.Field); !slices.Contains(places, at) {
			places = append(places, at)
		}
	}
	p.reportEntry(e, finding{severity: e.role.soften(Warning), remedy: p.renew(e.role),
		message: fmt.Sprintf("names %q as its issuer, but was not signed with the key of a CA of that name in view: %s; expected a signature by one of them", issuerName(e.cert.Certificate), strings.Join(clipAll(places), ", "))})
}

// secretsWithCA are the holders of the Secrets that keep a CA beside their
// certificate: objects/chain holds the one against the other.
func (n *node) secretsWithCA() map[string]bool {
	out := map[string]bool{}
	for _, r := range n.inv.References {
		if strings.HasPrefix(r.Object, "Secret ") && inventory.FieldKey(r.Origin.Field) == "ca.crt" {
			out[r.Holder()] = true
		}
	}
	return out
}

// isAmongCAs reports whether an entry is a leaf behind a CA in a file of which
// nothing says what it is for.
func (e *entry) isAmongCAs() bool {
	return e.role.name == inventory.RoleFileCA && e.index > 0 && !e.cert.IsCA && e.cert.BasicConstraintsValid
}

// isForeign reports whether a bundle is to blame for not verifying an entry, and not
// the entry: it signed nothing that it should have signed, and another file that is
// named for the same CA signed the entry. connections/* name the flag.
func (p *pass) isForeign(b bundle, e *entry) bool {
	if _, ok := p.signerFile(b.role, e.cert.Certificate); !ok {
		return false
	}
	shared := p.isOtherCA(b)
	for leaf := range p.decoded((*entry).isLeaf) {
		i, judged := p.issuanceOf(leaf)
		if (judged && i.bundle.role == b.role || !judged && !shared) && p.signedByAny(b.certs, leaf.cert.Certificate) {
			return false
		}
	}
	return true
}

// isOtherCA reports whether a bundle is named for another CA as well.
func (n *node) isOtherCA(b bundle) bool {
	return slices.ContainsFunc(n.inv.References, func(ref inventory.Reference) bool {
		return clusterCAs[ref.Role] && ref.Role != b.role && sharedKey(bundleOf(n.inv, ref).certs, b.certs) != nil
	})
}

// signerFile returns the file that is named for a CA and holds the one that signed
// a certificate.
func (n *nodeAudit) signerFile(role string, cert *x509.Certificate) (path string, ok bool) {
	for _, ref := range n.inv.References {
		if ref.Role == role && ref.Holds == inventory.HoldsBundle && ref.Embedded == nil && n.signedByAny(bundleOf(n.inv, ref).certs, cert) {
			return ref.Path, true
		}
	}
	return "", false
}

// reason says why crypto/x509 built no chain.
func reason(err error) string {
	if isUnknownAuthority(err) {
		return "was not signed with that CA's key"
	}
	return "does not verify: " + err.Error()
}

// isUnknownAuthority reports whether no trusted key signed a certificate.
func isUnknownAuthority(err error) bool {
	var unknown x509.UnknownAuthorityError
	return errors.As(err, &unknown)
}

// holdsKeyOf reports whether a certificate of the bundle has the key that made
// a signature. If it does not verify all the same, the fault is the CA's and
// usage/not-a-ca or keys/weak-signature names it.
func (s *signatures) holdsKeyOf(b bundle, c *x509.Certificate) bool {
	return slices.ContainsFunc(b.certs, func(ca *x509.Certificate) bool {
		made, known := false, true
		if !maySign(ca) {
			made, known = s.plain(ca, c)
		}
		return made || !known
	})
}

// realSigner names the CA in view that did sign an entry.
func (n *nodeAudit) realSigner(e *entry) string {
	for _, ca := range n.authorities() {
		if n.signed(ca.Certificate, e.cert.Certificate) && ca.SHA256() != e.cert.SHA256() {
			return fmt.Sprintf(" (signed by %q of %s)", issuerName(e.cert.Certificate), ca.Origin.Path)
		}
	}
	return ""
}

func issuerName(c *x509.Certificate) string {
	if c.Issuer.CommonName != "" {
		return c.Issuer.CommonName
	}
	return c.Issuer.String()
}

// names are the common names in a bundle, each once.
func (b bundle) names() []string {
	var out []string
	for _, c := range b.certs {
		if !slices.Contains(out, c.Subject.CommonName) {
			out = append(out, c.Subject.CommonName)
		}
	}
	return out
}

func checkSharedCA(p *pass) {
	front, okFront := bundleNamed(p.inv, []string{"kube-apiserver --requestheader-client-ca-file"})
	clients, okClients := bundleNamed(p.inv, []string{"kube-apiserver --client-ca-file"})
	if !okFront || !okClients {
		return
	}
	p.examine()
	shared := sharedKey(front.certs, clients.certs)
	if shared == nil {
		return
	}
	allowed := p.inv.Setting("kube-apiserver", "requestheader-allowed-names")
	f := finding{component: "kube-apiserver", at: p.inv.Setting("kube-apiserver", "requestheader-client-ca-file").Origin,
		message: fmt.Sprintf("the request-header CA %q is also a client CA: with --requestheader-allowed-names=%q, whoever gets a certificate of that name from it can speak for anybody; expected a CA of its own", shared.Subject.CommonName, allowed.Value),
		remedy:  remedy{"# make a front-proxy CA of its own, sign front-proxy-client.crt with it and name it in --requestheader-client-ca-file"}}
	switch isAbove := p.isAbove(shared, front.certs) && p.isAbove(shared, clients.certs); {
	case isAbove && len(p.facts.values["allowedNames"]) > 0: // as contrib/util/generate-custom-ca-certs.sh of k3s-io/k3s makes them
		f.severity = Info
		f.message = fmt.Sprintf("the CA %q stands above the request-header CA and above the client CA, and in the bundles of both: with --requestheader-allowed-names=%q, whoever gets a certificate of that name from either can speak for anybody", shared.Subject.CommonName, allowed.Value)
		f.remedy = remedy{"# if it is not meant to be trusted for all, leave it out of the bundle of --requestheader-client-ca-file, which verifies up to any CA that it holds"}
	case len(p.facts.values["allowedNames"]) == 0:
		f.severity = Critical
		f.message = fmt.Sprintf("the request-header CA %q is also a client CA and --requestheader-allowed-names is empty: every client certificate can speak for anybody; expected a CA of its own", shared.Subject.CommonName)
	}
	p.report(f)
}

// isAbove reports whether a CA of a bundle is not the first of it and signed another one
// that stands there.
func (n *nodeAudit) isAbove(ca *x509.Certificate, bundle []*x509.Certificate) bool {
	return string(bundle[0].RawSubjectPublicKeyInfo) != string(ca.RawSubjectPublicKeyInfo) && slices.ContainsFunc(bundle, func(below *x509.Certificate) bool {
		return string(below.RawSubjectPublicKeyInfo) != string(ca.RawSubjectPublicKeyInfo) && n.signed(ca, below)
	})
}

// sharedKey returns a certificate of a whose key is also in b.
func sharedKey(a, b []*x509.Certificate) *x509.Certificate {
	for _, x := range a {
		for _, y := range b {
			if string(x.RawSubjectPublicKeyInfo) == string(y.RawSubjectPublicKeyInfo) {
				return x
			}
		}
	}
	return nil
}

func checkSigningBundle(p *pass) {
	judged := map[string]bool{}
	for _, ref := range p.inv.References {
		if ref.Holds != inventory.HoldsSigner || judged[ref.Path] {
			continue
		}
		judged[ref.Path] = true
		certs := p.inv.Material(ref).Certificates
		if len(certs) == 0 {
			continue // files/missing or files/malformed
		}
		p.examine()
		f := finding{component: ref.Component, at: parsers.Origin{Path: ref.Path, Field: ref.Label()}, sha256: certs[0].SHA256(),
			remedy: append(remedy{"# put the one CA certificate that signs, and the key that is its own, into files that only the signing flags name"}, p.restartComponent(ref.Component)...)}
		if len(certs) != 1 {
			f.message = fmt.Sprintf("holds %d certificates; kube-controller-manager signs with a file of exactly one and does not start the signer with any other", len(certs))
			p.report(f)
			continue
		}
		if key, path, ok := p.privateKey(ref); ok && key.PublicKeySHA256 != certs[0].PublicKeySHA256() {
			f.message = fmt.Sprintf("the key in %s is not that of this certificate; kube-controller-manager cannot sign with the pair", path)
			p.report(f)
		}
	}
}

// privateKey returns the private key of the reference that is paired with one,
// and the place it lies in.
func (n *node) privateKey(ref inventory.Reference) (parsers.Key, string, bool) {
	if ref.Pair == "" {
		return parsers.Key{}, "", false
	}
	for _, other := range n.privates[ref.Pair] {
		for _, k := range n.inv.Material(*other).Keys {
			if k.Private {
				return k, other.Place().Path, true
			}
		}
	}
	return parsers.Key{}, "", false
}

func checkDuplicateSerial(p *pass) {
	cas := p.authoritiesByName()
	type numbered struct{ issuer, serial string }
	first := make(map[numbered]*entry, len(p.entries))
	reported := map[string]bool{}
	keys := map[*x509.Certificate]string{}
	for e := range p.decoded(func(e *entry) bool { return !p.selfSigned(e.cert.Certificate) }) {
		p.examine()
		key := numbered{p.issuerKey(e.cert.Certificate, cas, keys), string(e.cert.SerialNumber.Bytes())}
		old, taken := first[key]
		if !taken {
			first[key] = e
			continue
		}
		sum := e.cert.SHA256()
		if old.cert.SHA256() == sum || reported[sum] {
			continue
		}
		reported[sum] = true
		p.reportEntry(e, finding{severity: e.role.soften(Warning), remedy: p.renew(e.role),
			message: fmt.Sprintf("has the serial number %s, as has %s of the same CA; they cannot be distinguished when one is revoked", e.cert.SerialNumber.Text(16), old.place.Path)})
	}
}

// issuerKey identifies the key that signed a certificate: the signer's where it
// is in view, else what the certificate itself says of it. keys remembers those
// of the signers.
func (n *nodeAudit) issuerKey(c *x509.Certificate, cas map[string][]parsers.Certificate, keys map[*x509.Certificate]string) string {
	for _, ca := range cas[string(c.RawIssuer)] {
		if n.signed(ca.Certificate, c) {
			if keys[ca.Certificate] == "" {
				keys[ca.Certificate] = ca.PublicKeySHA256()
			}
			return keys[ca.Certificate]
		}
	}
	return hex.EncodeToString(c.AuthorityKeyId) + string(c.RawIssuer)
}

func checkRotation(p *pass) {
	if l := p.layout(); l != nil && l.Bundles {
		return // each of the CAs signs something of its own
	}
	reported := map[string]bool{}
	for e := range p.decoded(func(e *entry) bool { return e.index == 0 && clusterCAs[e.role.name] && len(e.all) > 1 }) {
		p.examine()
		if reported[e.place.Path] || p.isChain(e) {
			continue
		}
		reported[e.place.Path] = true
		p.reportEntry(e, finding{severity: Info, message: p.rotationState(e),
			remedy: remedy{"# once nothing needs the old CA, remove it from the bundle and from the kubeconfigs: https://kubernetes.io/docs/tasks/tls/manual-rotation-of-ca-certificates/"}})
	}
}

// maxDepth is how many CAs one above the other somebody may have.
const maxDepth = 16

// isChain reports whether a bundle is one CA with those that it leads to: each was
// signed by another of them, or is the one root. The CA of before a rotation and the
// one of after it are two, also where one has signed the other or both have one key.
func (n *nodeAudit) isChain(e *entry) bool {
	all := append([]*x509.Certificate{e.cert.Certificate}, e.chain()...)
	if len(all) > maxDepth {
		return false
	}
	keys, lowest, roots := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, ca := range all {
		key := string(ca.RawSubjectPublicKeyInfo)
		if keys[key] {
			return false
		}
		keys[key] = true
		if n.signed(ca, ca) {
			roots[key] = true
		}
		if !slices.ContainsFunc(all, func(below *x509.Certificate) bool {
			return string(below.RawSubjectPublicKeyInfo) != key && n.signed(ca, below)
		}) {
			lowest[key] = true
		}
	}
	return len(lowest) == 1 && len(roots) < 2
}

// clusterCAs are the roles of the CAs that a kubeadm cluster is made of.
var clusterCAs = map[string]bool{inventory.RoleKubernetesCA: true, inventory.RoleEtcdCA: true, inventory.RoleFrontProxyCA: true}

// rotationState says which CA of a bundle signed how many of the certificates
// in view.
func (n *nodeAudit) rotationState(e *entry) string {
	var parts []string
	for _, ca := range append([]*x509.Certificate{e.cert.Certificate}, e.chain()...) {
		var users []string
		for _, below := range append([]*x509.Certificate{e.cert.Certificate}, e.chain()...)[:min(len(e.all), maxDepth)] {
			if string(below.RawSubjectPublicKeyInfo) != string(ca.RawSubjectPublicKeyInfo) && n.signed(ca, below) {
				users = append(users, fmt.Sprintf("%q", below.Subject.CommonName))
			}
		}
		for leaf := range n.decoded((*entry).isLeaf) {
			if name := leaf.role.name; n.signed(ca, leaf.cert.Certificate) && !slices.Contains(users, name) {
				users = append(users, name)
			}
		}
		used := "signed nothing in view"
		if len(users) > 0 {
			used = "signed " + strings.Join(users, ", ")
		}
		parts = append(parts, fmt.Sprintf("%q (serial %s) until %s %s", ca.Subject.CommonName, ca.SerialNumber.Text(16), ca.NotAfter.UTC().Format("2006-01-02"), used))
	}
	return fmt.Sprintf("the bundle holds %d CAs, as during a rotation: %s", len(parts), strings.Join(parts, "; "))
}
