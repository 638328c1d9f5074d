package audit

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Verifying is bounded by what it costs, not by how often it is done: whoever can
// put certificates in front of an audit chooses their keys. One unit is what a
// signature by RSA of 2048 bits costs, less than a tenth of a millisecond.
const (
	// maxWork is spent on one node. The largest honest one, a host's whole bundle
	// of public roots, takes about a thousand units.
	maxWork = 50_000
	// workPerInput is how much more is spent for each Kubernetes object and each file with
	// certificates: a list of all Secrets of a cluster has many, and so have folders. It is
	// a signature by ECDSA of 384 bits.
	workPerInput = 10
	// maxRSABits and maxRSAExponent bound the keys that signatures are verified
	// with. crypto/tls takes no larger key, and no CA issues for a larger exponent;
	// the work grows with the square of the one and the logarithm of the other.
	maxRSABits     = 8192
	maxRSAExponent = 65537
	// maxChecks is how many signatures x509.Certificate.Verify checks at most
	// (maxChainSignatureChecks).
	maxChecks = 100
)

// cost is what one signature by a key costs to verify, in units.
func cost(public any) int {
	switch key := public.(type) {
	case *rsa.PublicKey:
		return max(1, key.N.BitLen()*key.N.BitLen()/(2048*2048))
	case *ecdsa.PublicKey:
		switch key.Params().BitSize {
		case 256:
			return 1
		case 384:
			return 10
		}
		return 25
	}
	return 1
}

// tooCostly says why nothing is verified with a key, "" where it is.
func tooCostly(public any) string {
	key, ok := public.(*rsa.PublicKey)
	switch {
	case !ok:
		return ""
	case key.N.BitLen() > maxRSABits:
		return fmt.Sprintf("what an RSA key of %d bits signed is not verified; expected at most %d bits", key.N.BitLen(), maxRSABits)
	case key.E > maxRSAExponent:
		return fmt.Sprintf("what an RSA key with the exponent %d signed is not verified; expected at most %d", key.E, maxRSAExponent)
	}
	return ""
}

// unverified is the error of something that was not verified, which says nothing
// of whether it is sound.
type unverified struct{ reason string }

func (u unverified) Error() string { return u.reason }

func isUnverified(err error) bool {
	var u unverified
	return errors.As(err, &u)
}

// lateEvery is how much work is done between two looks at the time.
const lateEvery = 100

// lateWords say that the time is up.
const lateWords = "the audit had to end"

// spentWords say that the work is used up.
const spentWords = "more signatures would have to be verified than time is spent on"

// signatures remembers which certificate signed which, and what finding it out
// has cost.
type signatures struct {
	// extra is added to maxWork.
	extra, spent int
	made         map[signature]bool
	// known are those of all nodes and of an earlier run.
	known *verdicts
	// exhausted says that the work was used up; passed, why something was not
	// verified. Whoever wants to know clears them first.
	exhausted bool
	passed    string
	// chains remember what chains led to.
	chains *chains
	// late is as of [Options].
	late func() bool
	// lasts says which certificates are taken to last, whatever their dates say; nil for
	// none.
	lasts func(*x509.Certificate) bool
}

// newSignatures returns the memory of nothing for so many inputs.
func newSignatures(inputs int, known *verdicts, late func() bool) signatures {
	if known == nil {
		known = newVerdicts(nil)
	}
	return signatures{made: make(map[signature]bool, inputs), known: known, chains: known.chains, extra: workPerInput * inputs, late: late}
}

// signature is a certificate behind the one that may have signed it; without that, the
// one that may have signed itself.
type signature [2]*x509.Certificate

// verdicts say of signatures whether they are so, which is the same on every node. They may be
// used by several goroutines.
type verdicts struct {
	mu sync.Mutex
	// before are those of an earlier run, and made those that this one asked for.
	before, made map[signature]bool
	// chains are what those of this run led to.
	chains *chains
}

// newVerdicts returns the verdicts of a run behind another; nil for none.
func newVerdicts(earlier *verdicts) *verdicts {
	v := &verdicts{made: map[signature]bool{}, chains: newChains()}
	if earlier != nil {
		v.before = earlier.made
	}
	return v
}

func (v *verdicts) of(s signature) (made, known bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if made, known = v.made[s]; known {
		return made, true
	}
	if made, known = v.before[s]; known {
		v.made[s] = made
	}
	return made, known
}

func (v *verdicts) note(s signature, made bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.made[s] = made
}

// check finds out whether a CA made the signature of a certificate, unless that is known.
func (v *verdicts) check(s signature) {
	defer func() { _ = recover() }() // whoever asks for it panics
	if _, known := v.of(s); !known {
		v.note(s, s[1].CheckSignatureFrom(s[0]) == nil)
	}
}

func (s *signatures) isLate() bool { return s.late != nil && s.late() }

// spend takes some work, and reports false where there is not enough left.
func (s *signatures) spend(units int) bool {
	looks := (s.spent+units)/lateEvery > s.spent/lateEvery
	if s.spent+units > maxWork+s.extra || looks && s.isLate() {
		s.exhausted = true
		return false
	}
	s.spent += units
	return true
}

// mayVerify reports whether a signature by a key is verified, and spends the work.
func (s *signatures) mayVerify(public any) bool {
	if why := tooCostly(public); why != "" {
		s.passed = why
		return false
	}
	return s.spend(cost(public))
}

// signed reports whether a CA made the signature of a certificate, and so that a
// chain can lead from the one to the other. It is false where that was not verified.
func (s *signatures) signed(ca, cert *x509.Certificate) bool {
	made, _ := s.verdict(ca, cert)
	return made
}

// maybeSigned is signed, and true where that was not verified: for those who
// would report that there is no signature.
func (s *signatures) maybeSigned(ca, cert *x509.Certificate) bool {
	made, known := s.verdict(ca, cert)
	return made || !known
}

func (s *signatures) verdict(ca, cert *x509.Certificate) (made, known bool) {
	if !couldSign(ca, cert) {
		return false, true
	}
	return s.verified(ca, cert)
}

// maybeIssued is maybeSigned whatever key identifiers the two have: those of a CA
// that was renewed with its key may differ, and crypto/x509 accepts what it signed
// before.
func (s *signatures) maybeIssued(ca, cert *x509.Certificate) bool {
	if !bytes.Equal(ca.RawSubject, cert.RawIssuer) {
		return false
	}
	made, known := s.verified(ca, cert)
	return made || !known
}

// verified reports whether the key of a CA, which may sign, made the signature of a
// certificate.
func (s *signatures) verified(ca, cert *x509.Certificate) (made, known bool) {
	return s.once(signature{ca, cert}, ca.PublicKey, func() bool { return cert.CheckSignatureFrom(ca) == nil })
}

// once reports what a signature is found to be the first time that any node asks.
func (s *signatures) once(of signature, public any, check func() bool) (made, known bool) {
	if made, known = s.made[of]; known {
		return made, true
	}
	if !s.mayVerify(public) {
		return false, false
	}
	if made, known = s.known.of(of); !known {
		made = check()
		s.known.note(of, made)
	}
	s.made[of] = made
	return made, true
}

// selfSigned reports whether a certificate signed itself, and takes it for that
// where its names say so and it was not verified.
func (s *signatures) selfSigned(cert *x509.Certificate) bool {
	if !bytes.Equal(cert.RawSubject, cert.RawIssuer) {
		return false
	}
	made, known := s.plain(cert, cert)
	return made || !known
}

// plain reports whether the key of one certificate made the signature of another,
// whatever the first one may do.
func (s *signatures) plain(signer, cert *x509.Certificate) (made, known bool) {
	check := func() bool {
		return signer.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature) == nil
	}
	if signer == cert {
		return s.once(signature{cert, nil}, cert.PublicKey, check)
	}
	if !s.mayVerify(signer.PublicKey) {
		return false, false
	}
	return check(), true
}

// affordable are those certificates that signatures are verified with. why is not
// "" where one was left out that a chain might have led to.
func affordable(names map[string]bool, certs []*x509.Certificate) (kept []*x509.Certificate, why string) {
	for _, c := range certs {
		reason := tooCostly(c.PublicKey)
		if reason == "" {
			kept = append(kept, c)
		} else if names[string(c.RawSubject)] {
			why = reason
		}
	}
	return kept, why
}

// left says what was not verified, in words.
func (s *signatures) left() []string {
	var out []string
	if s.passed != "" {
		out = append(out, s.passed)
	}
	if s.exhausted {
		out = append(out, spentWords)
	}
	return out
}

// lasting are certificates, those that are taken to last as copies without an end.
func (s *signatures) lasting(certs []*x509.Certificate) []*x509.Certificate {
	if s.lasts == nil {
		return certs
	}
	out := make([]*x509.Certificate, len(certs))
	for i, c := range certs {
		if out[i] = c; s.lasts(c) {
			endless := *c
			endless.NotAfter = noEnd
			out[i] = &endless
		}
	}
	return out
}

// noEnd is the notAfter of a certificate that has no end (RFC 5280 4.1.2.5).
var noEnd = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// build calls x509.Certificate.Verify with options that have no pools yet, the first time
// that any node asks. What would cost too much is an error of the type [unverified].
func (s *signatures) build(cert *x509.Certificate, chain, roots []*x509.Certificate, o x509.VerifyOptions) error {
	key := s.buildKey(cert, chain, roots, o)
	t := s.trial(cert, chain, roots)
	if !s.spend(t.units) {
		return unverified{spentWords}
	}
	if err, known := s.chains.of(key); known {
		return err
	}
	err := s.attempt(t, o, false)
	if !isUnverified(err) {
		s.chains.note(key, err)
	}
	return err
}

// buildKey is what the verdict on a chain depends on. Of dates that is which certificates are
// not valid at a time, and, where there are any, the time, which the error tells.
type buildKey struct {
	cert, chain, roots, invalid [sha256.Size]byte
	host                        string
	at                          int64
	usage                       x509.ExtKeyUsage
}

func (s *signatures) buildKey(cert *x509.Certificate, chain, roots []*x509.Certificate, o x509.VerifyOptions) buildKey {
	leaf := []*x509.Certificate{cert}
	key := buildKey{cert: s.chains.sumOf(leaf), chain: s.chains.sumOf(chain), roots: s.chains.sumOf(roots), host: o.DNSName, usage: slices.Max(o.KeyUsages)}
	var invalid []*x509.Certificate
	for _, c := range slices.Concat(leaf, chain, roots) {
		lasts := s.lasts != nil && s.lasts(c)
		if o.CurrentTime.Before(c.NotBefore) || !lasts && o.CurrentTime.After(c.NotAfter) {
			invalid = append(invalid, c)
		}
	}
	if len(invalid) > 0 {
		key.invalid, key.at = s.chains.sumOf(invalid), o.CurrentTime.UnixNano()
	}
	return key
}

// chains say of chains what they led to, which is the same on every node. They may be used by
// several goroutines.
type chains struct {
	mu   sync.Mutex
	made map[buildKey]error
	// sums are those of single certificates.
	sums sync.Map
}

func newChains() *chains { return &chains{made: map[buildKey]error{}} }

func (c *chains) of(key buildKey) (err error, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	err, known = c.made[key]
	return err, known
}

func (c *chains) note(key buildKey, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made[key] = err
}

// sumOf identifies a list of certificates.
func sumOf(certs []*x509.Certificate) [sha256.Size]byte {
	return sumBy(certs, func(c *x509.Certificate) [sha256.Size]byte { return sha256.Sum256(c.Raw) })
}

// sumOf is [sumOf], and remembers the sums of single certificates.
func (c *chains) sumOf(certs []*x509.Certificate) [sha256.Size]byte {
	return sumBy(certs, func(x *x509.Certificate) [sha256.Size]byte {
		if sum, known := c.sums.Load(x); known {
			return sum.([sha256.Size]byte)
		}
		sum := sha256.Sum256(x.Raw)
		c.sums.Store(x, sum)
		return sum
	})
}

func sumBy(certs []*x509.Certificate, sumOne func(*x509.Certificate) [sha256.Size]byte) (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, c := range certs {
		one := sumOne(c)
		h.Write(one[:])
	}
	h.Sum(sum[:0])
	return sum
}

// buildTo is build with the roots of the system, if these are to be taken. It remembers
// nothing.
func (s *signatures) buildTo(cert *x509.Certificate, chain, roots []*x509.Certificate, o x509.VerifyOptions, system bool) error {
	t := s.trial(cert, chain, roots)
	if !s.spend(t.units) {
		return unverified{spentWords}
	}
	return s.attempt(t, o, system)
}

// attempt builds a chain that is paid for.
func (s *signatures) attempt(t trial, o x509.VerifyOptions, system bool) error {
	if o.Intermediates = pool(s.lasting(t.between)); !system {
		o.Roots = pool(s.lasting(t.trusted))
	}
	found, err := s.lasting([]*x509.Certificate{t.cert})[0].Verify(o)
	s.noteChains(found)
	for _, why := range []string{t.whyTrusted, t.whyBetween} {
		if err != nil && why != "" && isUnknownAuthority(err) {
			s.passed = why
			return unverified{why}
		}
	}
	return err
}

// noteChains remembers the signatures that crypto/x509 has checked to build chains, but
// those of copies.
func (s *signatures) noteChains(chains [][]*x509.Certificate) {
	if s.lasts != nil {
		return
	}
	for _, chain := range chains {
		for i, ca := range chain[1:] {
			link := signature{ca, chain[i]}
			s.known.note(link, true)
			s.made[link] = true
		}
	}
}

// trial is a chain that is to be built.
type trial struct {
	cert             *x509.Certificate
	between, trusted []*x509.Certificate
	// units are what it may cost.
	units int
	// whyTrusted and whyBetween say why a CA is left out.
	whyTrusted, whyBetween string
}

// trial looks at what building a chain takes.
func (s *signatures) trial(cert *x509.Certificate, chain, roots []*x509.Certificate) (t trial) {
	t.cert = cert
	names := map[string]bool{string(t.cert.RawIssuer): true}
	for _, c := range chain {
		names[string(c.RawIssuer)] = true
	}
	t.between, t.whyBetween = affordable(names, chain)
	t.trusted, t.whyTrusted = affordable(names, roots)
	checks := 0
	for _, list := range [][]*x509.Certificate{t.trusted, t.between} {
		for _, c := range list {
			if names[string(c.RawSubject)] && checks < maxChecks {
				checks++
				t.units = max(t.units, cost(c.PublicKey))
			}
		}
	}
	t.units *= checks
	return t
}
