package inventory

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"testing"

	"certaudit/fixtures"
)

// Several connections may have the same certificate in memory.
func TestPeerCertificatesAreNotChanged(t *testing.T) {
	block, _ := pem.Decode(fixtures.ControlPlane(fixtures.Options{}).CertificatePEM(fixtures.CA))
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	extension, name := &c.Extensions[0].Id[0], &c.Subject.Names[0].Type[0]
	certs := PeerCertificates("192.0.2.11:6443", tls.ConnectionState{PeerCertificates: []*x509.Certificate{c}})
	if len(certs) != 1 || certs[0].Certificate != c || certs[0].SHA256() == "" || certs[0].Origin.Path != "192.0.2.11:6443" {
		t.Errorf("got %+v", certs)
	}
	if &c.Extensions[0].Id[0] != extension || &c.Subject.Names[0].Type[0] != name {
		t.Error("the certificate was changed")
	}
}
