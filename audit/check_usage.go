package audit

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"

	"certaudit/audit/inventory"
)

func checkExtendedKeyUsage(p *pass) {
	p.judgeTargets()
	for e := range p.decoded((*entry).isLeaf) {
		rows := p.wants(e, FactUsage)
		if len(rows) == 0 {
			continue
		}
		p.examine()
		have := usages(e.cert.Certificate)
		if unrestricted(e.cert.Certificate) {
			continue
		}
		for _, w := range rows {
			var missing []string
			for _, u := range w.values {
				if !slices.Contains(have, u) {
					missing = append(missing, u)
				}
			}
			if len(missing) > 0 {
				p.reportEntry(e, finding{severity: e.role.soften(Critical), reference: w.Source, remedy: p.reissue(e),
					message: fmt.Sprintf("the extended key usages are %s; expected %s among them", listOr(have, "none"), strings.Join(quoted(missing), " and "))})
			}
		}
	}
}

// judgeTargets judges what the services that the API server calls serve with: where no
// certificate in view for the name of one may be a server's, the API server refuses it.
func (p *pass) judgeTargets() {
	p.targets(func(o inventory.Object, t inventory.Target, _ bundle, secrets []tlsSecret) {
		named := slices.DeleteFunc(slices.Clone(secrets), func(s tlsSecret) bool { return s.leaf().VerifyHostname(t.DNSName()) != nil })
		if len(named) == 0 {
			return
		}
		p.examine()
		if slices.ContainsFunc(named, func(s tlsSecret) bool { return mayServe(s.leaf()) }) {
			return
		}
		s := named[0]
		p.report(finding{severity: targetImpact(t), component: s.Label(), at: s.ref.Origin, sha256: s.sum(), reference: sourceWebhook,
			message: fmt.Sprintf("the extended key usages are %s, and the certificate is that of the %s of %s; expected %q among them", listOr(usages(s.leaf()), "none"), targetWords(t), o.Label(), usageServerAuth),
			remedy:  remedy{fmt.Sprintf("# issue the certificate in %s with the usage %s", s.Label(), usageServerAuth)}})
	})
}

// mayServe reports whether a certificate may be that of a server.
func mayServe(c *x509.Certificate) bool {
	return unrestricted(c) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
}

func checkKeyUsage(p *pass) {
	for e := range p.decoded((*entry).isForTLS) {
		p.examine()
		severity, message := keyUsageFault(e.cert.Certificate)
		if message != "" {
			p.reportEntry(e, finding{severity: e.role.soften(severity), message: message, remedy: p.reissue(e)})
		}
	}
}

// isForTLS reports whether an entry is shown in handshakes: all that components
// present are, and of other certificates those that say so.
func (e *entry) isForTLS() bool {
	switch e.role.kind {
	case typeCA, typeVerifier:
		return false
	case typeByUsage:
		return e.index == 0 && !unrestricted(e.cert.Certificate) && (slices.Contains(e.cert.ExtKeyUsage, x509.ExtKeyUsageServerAuth) || slices.Contains(e.cert.ExtKeyUsage, x509.ExtKeyUsageClientAuth))
	}
	return e.index == 0
}

var oidKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 15}

// keyUsageFault says why programs refuse a certificate for the usage of its key; ""
// if none does. Handshakes of today sign with the key (RFC 8446 4.4.2.2); that of an
// RSA key may also be encrypted to, as long as both ends speak TLS 1.2 without
// ECDHE. Go does not look; OpenSSL wants one of the two of a server and the signature
// of a client (crypto/x509/v3_purp.c), Java the signature (sun.security.validator
// EndEntityChecker).
func keyUsageFault(x *x509.Certificate) (Severity, string) {
	restricted := slices.ContainsFunc(x.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidKeyUsage) })
	if !restricted || x.KeyUsage&x509.KeyUsageDigitalSignature != 0 {
		return "", ""
	}
	have := listOr(keyUsages(x.KeyUsage), "none")
	if x.PublicKeyAlgorithm == x509.RSA && x.KeyUsage&x509.KeyUsageKeyEncipherment != 0 {
		return Info, fmt.Sprintf("the key usages are %s; expected %q as well: Java and others sign with the key in every handshake and refuse it, Go and OpenSSL do not", have, usageSignature)
	}
	who := "OpenSSL, curl, Python and Java refuse it"
	if x.KeyUsage&(x509.KeyUsageKeyEncipherment|x509.KeyUsageKeyAgreement) != 0 {
		who = "Java refuses it, and OpenSSL with TLS 1.2"
	}
	return Warning, fmt.Sprintf("the key usages are %s; expected %q: Go programs do not look, and %s", have, usageSignature, who)
}

// keyUsageNames are the words of the Certificates API for the bits of a key usage,
// from the first on.
var keyUsageNames = []string{usageSignature, "content commitment", usageEncipher, "data encipherment", "key agreement", usageCertSigning, "crl sign",
	"encipher only", "decipher only"}

func keyUsages(usage x509.KeyUsage) []string {
	var out []string
	for i, name := range keyUsageNames {
		if usage&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	return out
}

// unrestricted reports whether a certificate may be used for any purpose: the
// extension is absent or says so (RFC 5280 4.2.1.12).
func unrestricted(c *x509.Certificate) bool {
	return len(c.ExtKeyUsage) == 0 && len(c.UnknownExtKeyUsage) == 0 || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
}

func checkNotACA(p *pass) {
	for e := range p.decoded(func(e *entry) bool { return e.role.isCA() }) {
		p.examine()
		what, states := "has a key usage without certificate signing", e.cert.BasicConstraintsValid && e.cert.IsCA
		switch {
		case maySign(e.cert.Certificate) && states:
			continue
		case maySign(e.cert.Certificate) && e.role.name != inventory.RoleIntermediate:
			p.reportEntry(e, finding{severity: Info, remedy: remedy{"# when the CA is replaced, make the next one with basicConstraints=critical,CA:TRUE"},
				message: "is of X.509 version 1, which cannot say CA:TRUE: Go takes it for a root all the same, and not every program does"})
			continue
		case !states:
			what = "has no basic constraint CA:TRUE"
		}
		f := finding{message: fmt.Sprintf("stands in a CA's place and %s: nothing that it signed is accepted", what), remedy: p.reissue(e)}
		if e.role.fallback || e.role.name == inventory.RoleFileCA && e.index > 0 {
			// A server's own certificate among the roots is accepted as itself.
			f.severity = Info
			f.message = fmt.Sprintf("stands among the trusted certificates and %s: only it itself is accepted, nothing that it signed", what)
		}
		p.reportEntry(e, f)
	}
}
