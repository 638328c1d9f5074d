package audit

import (
	"bytes"
	"crypto/x509"
	"errors"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"certaudit/audit/inventory"
	"certaudit/parsers"
)

// bundle is a set of certificates that something is verified against.
type bundle struct {
	// label is the reference that names it: "etcd --trusted-ca-file".
	label string
	// role is that of the reference.
	role  string
	place parsers.Origin
	certs []*x509.Certificate
}

// selectors are what a requirement can name as an issuer, "component --flag" or
// "kubeadm file": everything whose file may hold a CA.
var selectors = sync.OnceValue(func() []string {
	var out []string
	for _, p := range inventory.Programs() {
		for _, f := range p.Flags {
			if mayHoldCA(f.Holds) {
				out = append(out, p.Name+" --"+f.Name)
			}
		}
	}
	for _, k := range inventory.KubeadmFiles() {
		if mayHoldCA(k.Holds) {
			out = append(out, "kubeadm "+k.Path)
		}
	}
	return out
})

// mayHoldCA reports whether a file can be one that others are verified with: a
// certificate that signed itself is its own CA.
func mayHoldCA(h inventory.Holding) bool {
	return h == inventory.HoldsBundle || h == inventory.HoldsSigner || h == inventory.HoldsCertificate
}

// bundleNamed returns the first bundle that one of [selectors] names, whoever names
// that, and that holds a certificate.
func bundleNamed(inv *inventory.Inventory, selectors []string) (bundle, bool) {
	for _, s := range selectors {
		component, name, _ := strings.Cut(s, " ")
		name = strings.TrimPrefix(name, "--")
		for _, ref := range inv.References {
			// etcd's CA may be there to verify servers alone: only kubeadm's own says more.
			own := component == "kubeadm" && ref.Role == inventory.RoleKubernetesCA && ref.Path == path.Join(inv.CertificatesDir, name)
			if !own && (ref.Component != component || ref.Name != name) {
				continue
			}
			if b := bundleOf(inv, ref); len(b.certs) > 0 {
				return b, true
			}
		}
	}
	return bundle{}, false
}

func bundleOf(inv *inventory.Inventory, ref inventory.Reference) bundle {
	b := bundle{label: ref.Label(), role: ref.Role, place: ref.Place()}
	for _, c := range inv.Material(ref).Certificates {
		b.certs = append(b.certs, c.Certificate)
	}
	return b
}

// verify reports whether crypto/x509 builds a chain from a certificate to one
// of a bundle. Expiry is a matter of its own, so the certificates are given any
// instant at which they were all valid; where there is none, a direct signature
// decides. Any other fault of a chain, such as a name that the CA may not sign
// for, is no matter of time and stands. The nil error means that there is a
// chain; one that [isUnverified] knows, that it was not looked for.
func (s *signatures) verify(cert *x509.Certificate, chain []*x509.Certificate, b bundle, now time.Time) error {
	if slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageClientAuth) {
		// As servers will ask: what holds for one usage and today holds for any.
		if err := s.build(cert, chain, b.certs, x509.VerifyOptions{CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err == nil || isUnverified(err) {
			return err
		}
	}
	var fault error
	for _, at := range instants(cert, chain, b.certs, now) {
		err := s.build(cert, chain, b.certs, x509.VerifyOptions{CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		if err == nil || isUnverified(err) {
			return err
		}
		if fault == nil || isExpiry(fault) {
			fault = err
		}
	}
	if !isExpiry(fault) {
		return fault
	}
	for _, ca := range b.certs {
		switch made, known := s.verdict(ca, cert); {
		case made:
			return nil
		case !known:
			fault = unverified{strings.Join(s.left(), "; ")}
		}
	}
	return fault
}

// isExpiry reports whether a certificate was refused for its dates alone.
func isExpiry(err error) bool {
	var invalid x509.CertificateInvalidError
	return errors.As(err, &invalid) && invalid.Reason == x509.Expired
}

// maxInstants bounds the attempts over hostile bundles of thousands.
const maxInstants = 16

// instants are the times at which a chain could be valid: now, and the limits
// of the certificates themselves.
func instants(cert *x509.Certificate, chain, roots []*x509.Certificate, now time.Time) []time.Time {
	at := []time.Time{now, cert.NotAfter, cert.NotBefore}
	for _, c := range append(chain[:len(chain):len(chain)], roots...) {
		if len(at) >= maxInstants {
			break
		}
		at = append(at, c.NotBefore, c.NotAfter)
	}
	return at
}

func pool(certs []*x509.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	for _, c := range certs {
		p.AddCert(c)
	}
	return p
}

// couldSign saves the work of checking a signature where the names or the key
// identifiers exclude each other.
func couldSign(ca, cert *x509.Certificate) bool {
	return bytes.Equal(ca.RawSubject, cert.RawIssuer) &&
		(len(cert.AuthorityKeyId) == 0 || len(ca.SubjectKeyId) == 0 || bytes.Equal(cert.AuthorityKeyId, ca.SubjectKeyId))
}

// maySign reports whether crypto/x509 accepts what a certificate signed: it asks
// with a certificate that has no signature, so that only what is amiss with the
// signer is reported. A root of X.509 version 1, which has no extensions, may sign.
func maySign(ca *x509.Certificate) bool {
	var refused x509.ConstraintViolationError
	return !errors.As(new(x509.Certificate).CheckSignatureFrom(ca), &refused)
}

// aheadFrom is how many references make it worth while to check signatures on all
// processors.
const aheadFrom = 200

// checkAhead begins to check the signatures that the checks of a node are going to ask for, on
// the other processors, the last of them first: the checks begin with the first, and find the
// answers where those of an earlier run are. It decides nothing. end stops it, and returns
// once it has.
func (v *verdicts) checkAhead(inv *inventory.Inventory, late func() bool) (end func()) {
	others := runtime.GOMAXPROCS(0) - 1
	if len(inv.References) < aheadFrom || others == 0 {
		return func() {}
	}
	var workers sync.WaitGroup
	var left atomic.Int64
	pairs := pairsAhead(inv)
	left.Store(int64(len(pairs)))
	for range others {
		workers.Go(func() {
			for i := left.Add(-1); i >= 0 && (late == nil || !late()); i = left.Add(-1) {
				v.check(pairs[i])
			}
		})
	}
	return func() {
		left.Store(0)
		workers.Wait()
	}
}

// pairsAhead are the certificates of a node that may have signed one another, as far as a
// node's work goes.
func pairsAhead(inv *inventory.Inventory) []signature {
	var leaves []*x509.Certificate
	cas, known := map[string][]*x509.Certificate{}, map[*x509.Certificate]bool{}
	for i := range inv.References {
		for k, c := range inv.Material(inv.References[i]).Certificates {
			switch {
			case c.IsCA && !known[c.Certificate] && tooCostly(c.PublicKey) == "":
				known[c.Certificate] = true
				cas[string(c.RawSubject)] = append(cas[string(c.RawSubject)], c.Certificate)
			case !c.IsCA && k == 0:
				leaves = append(leaves, c.Certificate)
			}
		}
	}
	pairs := make([]signature, 0, len(leaves))
	units := maxWork + workPerInput*inputs(inv)
	for _, leaf := range leaves {
		for _, ca := range cas[string(leaf.RawIssuer)] {
			if units -= cost(ca.PublicKey); units < 0 {
				return pairs
			}
			if couldSign(ca, leaf) {
				pairs = append(pairs, signature{ca, leaf})
			}
		}
	}
	return pairs
}

// sameName reports whether one of the bundle's certificates has the name that
// a certificate gives as its issuer.
func (b bundle) sameName(cert *x509.Certificate) bool {
	for _, ca := range b.certs {
		if bytes.Equal(ca.RawSubject, cert.RawIssuer) {
			return true
		}
	}
	return false
}

// refusedAlgorithm reports whether Go would not even look at the signature.
func refusedAlgorithm(err error) bool {
	var insecure x509.InsecureAlgorithmError
	return errors.As(err, &insecure) || strings.Contains(err.Error(), "insecure algorithm")
}
