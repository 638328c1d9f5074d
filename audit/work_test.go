package audit

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"certaudit/audit/inventory"
	"certaudit/fixtures"
	"certaudit/parsers"
)

// rsaKey is a public key that nobody has the other half of.
func rsaKey(bits, exponent int) *rsa.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	return &rsa.PublicKey{N: n.SetBit(n, 0, 1), E: exponent}
}

func TestCost(t *testing.T) {
	ed, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		key     any
		want    int
		refused string
	}{
		{rsaKey(1024, 65537), 1, ""},
		{rsaKey(2048, 65537), 1, ""},
		{rsaKey(4096, 3), 4, ""},
		{rsaKey(8192, 65537), 16, ""},
		{rsaKey(8193, 65537), 16, "what an RSA key of 8193 bits signed is not verified; expected at most 8192 bits"},
		{rsaKey(2048, 65539), 1, "what an RSA key with the exponent 65539 signed is not verified; expected at most 65537"},
		{&ecdsa.PublicKey{Curve: elliptic.P256()}, 1, ""},
		{&ecdsa.PublicKey{Curve: elliptic.P384()}, 10, ""},
		{&ecdsa.PublicKey{Curve: elliptic.P521()}, 25, ""},
		{ed, 1, ""},
		{nil, 1, ""},
	} {
		if got, why := cost(tt.key), tooCostly(tt.key); got != tt.want || why != tt.refused {
			t.Errorf("%T: cost %d, refused %q; want %d, %q", tt.key, got, why, tt.want, tt.refused)
		}
	}
}

// authority makes a CA with a key of its own, or with a public key that is given.
func authority(t testing.TB, name string, public any) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if public == nil {
		public = key.Public()
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0), IsCA: true, BasicConstraintsValid: true}
	return certificate(t, template, template, public, key), key
}

func certificate(t testing.TB, template, parent *x509.Certificate, public any, key *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func leafOf(t testing.TB, serial int64, ca *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: fmt.Sprint("leaf ", serial)}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0)}
	return certificate(t, template, &x509.Certificate{Subject: ca.Subject}, key.Public(), key)
}

// TestUnverified: what a key signed that is not computed with is neither right nor
// wrong, and what is left out is said.
func TestUnverified(t *testing.T) {
	huge, key := authority(t, "CA", rsaKey(8200, 65537))
	sound, soundKey := authority(t, "CA", nil)
	leaf := leafOf(t, 2, huge, key)
	s := newSignatures(0, nil, nil)
	if s.signed(huge, leaf) || !s.maybeSigned(huge, leaf) || !s.selfSigned(huge) || s.spent != 0 {
		t.Errorf("signed %v, maybe %v, self %v, spent %d", s.signed(huge, leaf), s.maybeSigned(huge, leaf), s.selfSigned(huge), s.spent)
	}
	const why = "what an RSA key of 8200 bits signed is not verified; expected at most 8192 bits"
	if got := s.left(); !slices.Equal(got, []string{why}) {
		t.Errorf("left %q", got)
	}
	now := time.Unix(1<<31, 0)
	if err := s.verify(leaf, nil, bundle{certs: []*x509.Certificate{huge}}, now); !isUnverified(err) || err.Error() != why {
		t.Errorf("verified by the huge CA: %v", err)
	}
	if err := s.verify(leaf, nil, bundle{certs: []*x509.Certificate{sound}}, now); err == nil || isUnverified(err) {
		t.Errorf("verified by another CA of the name: %v", err)
	}
	both := bundle{certs: []*x509.Certificate{huge, sound}}
	if err := s.verify(leafOf(t, 3, sound, soundKey), nil, both, now); err != nil {
		t.Errorf("not verified by the sound CA beside the huge one: %v", err)
	}
}

// TestExhausted: when the work is used up nothing is taken for unsigned.
func TestExhausted(t *testing.T) {
	ca, key := authority(t, "CA", nil)
	s := newSignatures(2, nil, nil)
	s.spent = maxWork + 2*workPerInput - 2
	first, second, third := leafOf(t, 2, ca, key), leafOf(t, 3, ca, key), leafOf(t, 4, ca, key)
	if !s.signed(ca, first) || !s.signed(ca, second) || s.exhausted {
		t.Error("the last of the work is not done")
	}
	if s.signed(ca, third) || !s.maybeSigned(ca, third) || !s.exhausted {
		t.Error("more is done than there is work for, or it is taken for a result")
	}
	if !s.signed(ca, first) {
		t.Error("what is known is forgotten")
	}
	if err := s.verify(third, nil, bundle{certs: []*x509.Certificate{ca}}, time.Unix(1<<31, 0)); !isUnverified(err) {
		t.Errorf("verify gives %v", err)
	}
	if got := s.left(); !slices.Equal(got, []string{spentWords}) {
		t.Errorf("left %q", got)
	}
}

// TestRunOfManySignatures: a flood of certificates of one name ends in an audit
// that says that it is incomplete, and in no alarm about what was not verified.
func TestRunOfManySignatures(t *testing.T) {
	inv := inventory.New()
	m := parsers.Material{}
	add := func(c *x509.Certificate) {
		at := parsers.Origin{Path: "x.pem", Line: 1 + len(m.Certificates)}
		m.Certificates = append(m.Certificates, parsers.NewCertificate(at, len(m.Certificates), c))
	}
	const n = 60
	for range n {
		ca, _ := authority(t, "CA", rsaKey(8192, 65537))
		add(ca)
	}
	ca, key := authority(t, "CA", nil)
	for i := range n {
		add(leafOf(t, int64(i+2), ca, key))
	}
	inv.Materials["x.pem"] = m
	inv.Files["x.pem"] = inventory.File{Path: "x.pem", State: inventory.Readable}
	inv.References = append(inv.References, inventory.Reference{Component: inventory.ComponentFile, Path: "x.pem", Holds: inventory.HoldsBundle, Role: inventory.RoleOtherCA, Unclaimed: true})
	r := Run([]*inventory.Inventory{inv}, Options{At: time.Unix(1<<31, 0)})
	if !r.Summary.Incomplete || !slices.ContainsFunc(r.Outcomes, func(o Outcome) bool { return o.State == Incomplete && strings.Contains(o.Reason, spentWords) }) {
		t.Errorf("the audit is not incomplete: %+v", r.Outcomes)
	}
	for _, f := range r.Findings {
		if f.Severity != Info {
			t.Errorf("%s %s: %s", f.Severity, f.Check, f.Message)
		}
	}
}

// What is not judged when the time is up is incomplete, and says why.
func TestLate(t *testing.T) {
	asked := 0
	r := Run(Gathered(t, fixtures.ControlPlane(fixtures.Options{}).Node), Options{At: fixtures.Now, Late: func() bool { asked++; return asked > 3 }})
	states := map[string]int{}
	for _, o := range r.Outcomes {
		states[string(o.State)]++
		if o.State == Incomplete && o.Reason != "the audit had to end" {
			t.Errorf("%s: %q", o.Check, o.Reason)
		}
	}
	if states["incomplete"] != len(r.Outcomes)-3 {
		t.Errorf("%v of %d after %d questions", states, len(r.Outcomes), asked)
	}
	s := newSignatures(0, nil, func() bool { return true })
	if s.spend(lateEvery-1) != true || s.spend(1) || !s.exhausted {
		t.Errorf("spent %d, exhausted %v", s.spent, s.exhausted)
	}
}
