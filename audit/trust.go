package audit

import (
	"bytes"
	"certaudit/audit/inventory"
	"crypto/x509"
	"errors"
	"maps"
	"path"
	"runtime"
	"strings"
	"sync"
	"time"

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
// for, is no matter of time and stands. The nil error means that there is a chain.
func verify(cert *x509.Certificate, chain []*x509.Certificate, b bundle, now time.Time) error {
	opts := x509.VerifyOptions{Roots: pool(b.certs), Intermediates: pool(chain), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	var fault error
	for _, at := range instants(cert, chain, b.certs, now) {
		opts.CurrentTime = at
		_, err := cert.Verify(opts)
		if err == nil {
			return nil
		}
		if fault == nil || isExpiry(fault) {
			fault = err
		}
	}
	if isExpiry(fault) && len(signers(cert, b.certs)) > 0 {
		return nil
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

// signers returns those of the candidates that a chain can lead to from a
// certificate: those that have the issuer's name and made the signature.
func signers(cert *x509.Certificate, candidates []*x509.Certificate) []*x509.Certificate {
	var out []*x509.Certificate
	for _, ca := range candidates {
		if couldSign(ca, cert) && cert.CheckSignatureFrom(ca) == nil {
			out = append(out, ca)
		}
	}
	return out
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

// maxSignatures bounds the signatures that are checked for one node. The largest
// honest one, a host's whole bundle of public roots, takes a few hundred.
const maxSignatures = 20_000

// signaturesPerObject is how many more there may be for each object: a list of
// all Secrets of a cluster has many.
const signaturesPerObject = 4

// signatures remembers which certificate signed which.
type signatures struct {
	// extra is added to maxSignatures.
	extra int
	made  map[[2]*x509.Certificate]bool
	// before holds those of an earlier run.
	before map[[2]*x509.Certificate]bool
	// exhausted says that maxSignatures were not enough.
	exhausted bool
}

// signed is [signers] for one CA, remembered.
func (s *signatures) signed(ca, cert *x509.Certificate) bool {
	return couldSign(ca, cert) && s.verified(ca, cert)
}

// issued is signed whatever key identifiers the two have: those of a CA that was
// renewed with its key may differ, and crypto/x509 accepts what it signed before.
func (s *signatures) issued(ca, cert *x509.Certificate) bool {
	return bytes.Equal(ca.RawSubject, cert.RawIssuer) && s.verified(ca, cert)
}

// verified reports whether a CA made the signature of a certificate.
func (s *signatures) verified(ca, cert *x509.Certificate) bool {
	pair := [2]*x509.Certificate{ca, cert}
	made, known := s.made[pair]
	if known {
		return made
	}
	if len(s.made) >= maxSignatures+s.extra {
		s.exhausted = true
		return false
	}
	if made, known = s.before[pair]; !known {
		made = cert.CheckSignatureFrom(ca) == nil
	}
	s.made[pair] = made
	return made
}

// aheadFrom is how many certificates make it worth while to check signatures on
// all processors.
const aheadFrom = 200

// checkAhead checks the signatures that the checks are going to ask for, on all
// processors. It decides nothing: they find the answers where those of an
// earlier run are.
func (n *nodeAudit) checkAhead() {
	if len(n.entries) < aheadFrom {
		return
	}
	var pairs [][2]*x509.Certificate
	cas := n.authoritiesByName()
	for e := range n.decoded((*entry).isLeaf) {
		for _, ca := range cas[string(e.cert.RawIssuer)] {
			pair := [2]*x509.Certificate{ca.Certificate, e.cert.Certificate}
			if _, known := n.before[pair]; !known && couldSign(pair[0], pair[1]) && len(pairs) < maxSignatures {
				pairs = append(pairs, pair)
			}
		}
	}
	if len(pairs) < aheadFrom {
		return
	}
	made, done := make([]bool, len(pairs)), make([]bool, len(pairs))
	var all sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		all.Go(func() {
			// What panics here is left for the check that asks for it.
			defer func() { _ = recover() }()
			for i := w; i < len(pairs); i += workers {
				made[i] = pairs[i][1].CheckSignatureFrom(pairs[i][0]) == nil
				done[i] = true
			}
		})
	}
	all.Wait()
	known := make(map[[2]*x509.Certificate]bool, len(n.before)+len(pairs))
	maps.Copy(known, n.before)
	for i, pair := range pairs {
		if done[i] {
			known[pair] = made[i]
		}
	}
	n.before = known
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

// isSelfSigned reports whether a certificate signed itself.
func isSelfSigned(cert *x509.Certificate) bool {
	return bytes.Equal(cert.RawSubject, cert.RawIssuer) && cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature) == nil
}

// refusedAlgorithm reports whether Go would not even look at the signature.
func refusedAlgorithm(err error) bool {
	var insecure x509.InsecureAlgorithmError
	return errors.As(err, &insecure) || strings.Contains(err.Error(), "insecure algorithm")
}
