package audit

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"certaudit/parsers"
)

// issuedFor examines the requests that have a certificate.
func (p *pass) issuedFor(keep func(*request) bool) []*request {
	return p.each(func(r *request) bool {
		_, ok := r.leaf()
		return ok && keep(r)
	})
}

func (p *pass) reportIssued(r *request, f finding) {
	leaf, _ := r.leaf()
	f.at, f.sha256 = r.Certificate.Origin, leaf.SHA256()
	p.reportRequest(r, f)
}

func checkIssuedFits(p *pass) {
	for _, r := range p.issuedFor(isDecoded) {
		leaf, _ := r.leaf()
		asked := r.PKCS10
		if !bytes.Equal(leaf.RawSubjectPublicKeyInfo, asked.RawSubjectPublicKeyInfo) {
			p.reportIssued(r, finding{message: "the certificate has another key than the request: who asked cannot use it, and somebody else can"})
		}
		severity := Critical
		if !r.builtin {
			severity = Warning // a signer of one's own may choose the names itself
		}
		for _, d := range []struct {
			what        string
			asked, have []string
		}{
			{"the common name", []string{asked.Subject.CommonName}, []string{leaf.Subject.CommonName}},
			{"the organizations", asked.Subject.Organization, leaf.Subject.Organization},
			{"the alternative names", r.names(), namesOf(leaf.Certificate)},
		} {
			if !sameSet(d.asked, d.have) {
				p.reportIssued(r, finding{severity: severity, message: fmt.Sprintf("the certificate has %s %s; asked for: %s",
					d.what, listOr(clipAll(d.have), "none"), listOr(clipAll(d.asked), "none"))})
			}
		}
	}
}

// namesOf are all alternative names of a certificate.
func namesOf(c *x509.Certificate) []string {
	return (&request{Request: parsers.Request{PKCS10: &x509.CertificateRequest{DNSNames: c.DNSNames, IPAddresses: c.IPAddresses, EmailAddresses: c.EmailAddresses, URIs: c.URIs}}}).names()
}

// sameSet reports whether two lists hold the same values, in whatever order.
func sameSet(a, b []string) bool {
	set := func(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }
	return slices.Equal(set(a), set(b))
}

// sameHost reports whether two texts are one address or one name.
func sameHost(a, b string) bool {
	if x, err := netip.ParseAddr(a); err == nil {
		y, err := netip.ParseAddr(b)
		return err == nil && x.Unmap() == y.Unmap()
	}
	return strings.EqualFold(a, b)
}

// maxIssuedChain is how many certificates of status.certificate are tried as
// intermediates.
const maxIssuedChain = 10

func checkIssuedBy(p *pass) {
	for _, r := range p.issuedFor(anyRequest) {
		roots, label := p.requests.authorities(r)
		switch {
		case !r.builtin:
			p.unjudged("the CA of signers that are not part of Kubernetes is not known")
			continue
		case len(roots) == 0:
			p.unjudged("the signing CA is not known; give it with --ca, or the control-plane node with --root")
			continue
		}
		all := r.Certificate.Material.Certificates
		chain := (&entry{all: all[:min(len(all), maxIssuedChain)]}).chain()
		if slices.ContainsFunc(roots, func(ca *x509.Certificate) bool { return p.maybeSigned(ca, all[0].Certificate) }) {
			continue
		}
		if len(chain) > 0 {
			if err := p.verify(all[0].Certificate, chain, bundle{certs: roots}, p.now); err == nil || isUnverified(err) {
				continue
			}
		}
		p.reportIssued(r, finding{message: fmt.Sprintf("the certificate was issued by %q and not signed by %s", clip(issuerName(all[0].Certificate)), label)})
	}
}

func (n *nodeAudit) signedByAny(cas []*x509.Certificate, leaf *x509.Certificate) bool {
	return slices.ContainsFunc(cas, func(ca *x509.Certificate) bool { return n.signed(ca, leaf) })
}

// authorities are the CAs that may have signed for a request, and what they are
// called: those given by hand, else the controller-manager's own.
func (s *requestSet) authorities(r *request) ([]*x509.Certificate, string) {
	certs, label := s.roots, "the CA of --ca"
	if len(certs) == 0 && s.signing != nil {
		pair := s.signing.pairs[r.signer]
		certs, label = pair.certs, "the CA in "+pair.path
	}
	var out []*x509.Certificate
	for _, c := range certs {
		out = append(out, c.Certificate)
	}
	return out, label
}

// keyUsageBits are the usages of the API that are bits of the key usage
// (kubernetes pkg/controller/certificates/authority and k8s.io/client-go
// util/certificate/csr).
var keyUsageBits = map[string]x509.KeyUsage{
	"signing": x509.KeyUsageDigitalSignature, usageSignature: x509.KeyUsageDigitalSignature, "content commitment": x509.KeyUsageContentCommitment,
	usageEncipher: x509.KeyUsageKeyEncipherment, "key agreement": x509.KeyUsageKeyAgreement, "data encipherment": x509.KeyUsageDataEncipherment,
	usageCertSigning: x509.KeyUsageCertSign, "crl sign": x509.KeyUsageCRLSign, "encipher only": x509.KeyUsageEncipherOnly, "decipher only": x509.KeyUsageDecipherOnly,
}

// purposes are the usages of the API that are extended key usages.
var purposes = map[string]x509.ExtKeyUsage{
	"any": x509.ExtKeyUsageAny, usageServerAuth: x509.ExtKeyUsageServerAuth, usageClientAuth: x509.ExtKeyUsageClientAuth,
	"code signing": x509.ExtKeyUsageCodeSigning, "email protection": x509.ExtKeyUsageEmailProtection, "s/mime": x509.ExtKeyUsageEmailProtection,
	"ipsec end system": x509.ExtKeyUsageIPSECEndSystem, "ipsec tunnel": x509.ExtKeyUsageIPSECTunnel, "ipsec user": x509.ExtKeyUsageIPSECUser,
	"timestamping": x509.ExtKeyUsageTimeStamping, "ocsp signing": x509.ExtKeyUsageOCSPSigning,
	"microsoft sgc": x509.ExtKeyUsageMicrosoftServerGatedCrypto, "netscape sgc": x509.ExtKeyUsageNetscapeServerGatedCrypto,
}

// usageWords are the usages of a certificate in the words of the API, the first
// of two words for one.
func usageWords(c *x509.Certificate) []string {
	var out []string
	for _, word := range knownUsages {
		bit, purpose := keyUsageBits[word], x509.ExtKeyUsage(-1)
		if p, ok := purposes[word]; ok {
			purpose = p
		}
		if word != "signing" && word != "s/mime" && (c.KeyUsage&bit != 0 || slices.Contains(c.ExtKeyUsage, purpose)) {
			out = append(out, word)
		}
	}
	for _, oid := range c.UnknownExtKeyUsage {
		out = append(out, oid.String())
	}
	return out
}

// synonyms are the words of the API that mean the same as another.
var synonyms = map[string]string{"signing": usageSignature, "s/mime": "email protection"}

// lifetimeGrace is how much longer than asked for a certificate may last:
// kube-controller-manager dates it five minutes back.
const lifetimeGrace = 10 * time.Minute

func checkIssuedTerms(p *pass) {
	for _, r := range p.issuedFor(isObjectRequest) {
		leaf, _ := r.leaf()
		if leaf.IsCA {
			p.reportIssued(r, finding{severity: Critical, message: "the certificate is one of a CA: with it more can be signed"})
		}
		var asked []string
		for _, u := range r.usages {
			if other, ok := synonyms[u]; ok {
				u = other
			}
			asked = append(asked, u)
		}
		if have := usageWords(leaf.Certificate); !sameSet(asked, have) {
			p.reportIssued(r, finding{message: fmt.Sprintf("the certificate has the usages %s; asked for: %s", listOr(have, "none"), listOr(clipAll(asked), "none"))})
		}
		lasts := leaf.NotAfter.Sub(leaf.NotBefore)
		if asked := time.Duration(r.seconds) * time.Second; asked > 0 && lasts > max(asked, minSeconds*time.Second)+lifetimeGrace {
			p.reportIssued(r, finding{message: fmt.Sprintf("the certificate lasts %s; asked for: %s", roughly(lasts), roughly(asked))})
		}
	}
}
