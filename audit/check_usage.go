package audit

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"certaudit/audit/inventory"
)

func checkExtendedKeyUsage(p *pass) {
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
