package audit

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"math/big"
	"testing"

	"certaudit/parsers"
)

// rsaOf is a public key of RSA with a modulus of some bits.
func rsaOf(bits uint) *rsa.PublicKey {
	return &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), bits-1), E: 65537}
}

// crypto/tls refuses a certificate with a larger RSA key (handshake_client.go,
// checkKeySize), and has no signature scheme for P-224.
func TestUsableKey(t *testing.T) {
	for _, c := range []struct {
		name   string
		public any
		want   bool
	}{
		{"RSA of 1023 bits", rsaOf(1023), false},
		{"RSA of 1024 bits", rsaOf(1024), true},
		{"RSA of 8192 bits", rsaOf(8192), true},
		{"RSA of 8193 bits", rsaOf(8193), false},
		{"P-224", &ecdsa.PublicKey{Curve: elliptic.P224()}, false},
		{"P-256", &ecdsa.PublicKey{Curve: elliptic.P256()}, true},
		{"P-384", &ecdsa.PublicKey{Curve: elliptic.P384()}, true},
		{"P-521", &ecdsa.PublicKey{Curve: elliptic.P521()}, true},
		{"Ed25519", ed25519.PublicKey(make([]byte, ed25519.PublicKeySize)), true},
		{"none that Go knows", nil, false},
	} {
		if got := usableKey(c.public); got != c.want {
			t.Errorf("%s: %t, want %t", c.name, got, c.want)
		}
	}
}

func TestWeakness(t *testing.T) {
	for algorithm, want := range map[string]Severity{
		"RSA-512": Critical, "RSA-1023": Critical, "RSA-1024": Warning, "RSA-2047": Warning, "RSA-2048": "", "RSA-16384": "",
		"ECDSA-P224": "", "ECDSA-P256": "", "ECDSA-P521": "", "Ed25519": "", "": "",
	} {
		if got := weakness(algorithm); got != want {
			t.Errorf("%q is worth %q, want %q", algorithm, got, want)
		}
	}
}

// No signature is computed with a key that would take too long.
func TestLargeRequestKey(t *testing.T) {
	for bits, want := range map[uint]string{8192: "", 8193: "what an RSA key of 8193 bits signed is not verified; expected at most 8192 bits"} {
		r := &request{Request: parsers.Request{PKCS10: &x509.CertificateRequest{PublicKey: rsaOf(bits)}}}
		_, outcome := Check{run: checkRequestSignature}.runOn(&nodeAudit{node: &node{}, requests: &requestSet{list: []*request{r}}})
		if outcome.Reason != want {
			t.Errorf("%d bits: %q, want %q", bits, outcome.Reason, want)
		}
	}
}
