package audit

import (
	"crypto/x509"
	"encoding/pem"
	"testing"

	"certaudit/fixtures"
)

// maySign says of a CA what crypto/x509 says of a leaf that it signed.
func TestMaySign(t *testing.T) {
	for _, c := range []struct {
		name string
		ca   fixtures.Spec
		want bool
	}{
		{"a CA", fixtures.Spec{}, true},
		{"version 1", fixtures.Spec{VersionOne: true}, true},
		{"a key usage without certificate signing", fixtures.Spec{KeyUsage: x509.KeyUsageDigitalSignature}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			cluster := fixtures.ControlPlane(fixtures.Options{})
			c.ca.CommonName = "Tested"
			cluster.NewCA("tested", c.ca)
			cluster.Issue("/leaf", fixtures.Spec{CommonName: "leaf", Signer: "tested"})
			cluster.Issue("/none", fixtures.Spec{CommonName: "none"})
			ca, leaf, none := parsed(t, cluster.CertificatePEM("tested")), parsed(t, cluster.Node["/leaf.crt"].Data), parsed(t, cluster.Node["/none.crt"].Data)
			roots := x509.NewCertPool()
			roots.AddCert(ca)
			_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: fixtures.Now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
			if got := maySign(ca); got != c.want || got != (err == nil) {
				t.Errorf("maySign gives %t, want %t; crypto/x509 says %v", got, c.want, err)
			}
			if maySign(none) {
				t.Error("a leaf with CA:FALSE may sign")
			}
		})
	}
}

func parsed(t *testing.T, data []byte) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(data)
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
