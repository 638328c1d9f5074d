package audit_test

import (
	"certaudit/audit/inventory"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"certaudit/audit"
	"certaudit/fixtures"
)

// onDisk writes a fresh control plane of 1.34.
func onDisk(b *testing.B) (dir string, node fixtures.Node) {
	b.Helper()
	node = fixtures.ControlPlane(fixtures.Options{Version: "v1.34.4"}).Node
	dir = b.TempDir()
	if err := node.Write(dir); err != nil {
		b.Fatal(err)
	}
	return dir, node
}

// BenchmarkNode gathers and judges a node.
func BenchmarkNode(b *testing.B) {
	dir, _ := onDisk(b)
	b.ReportAllocs()
	for b.Loop() {
		inv, err := inventory.Gather(dir)
		if err != nil {
			b.Fatal(err)
		}
		if r := audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now}); r.Summary.Certificates != 16 {
			b.Fatalf("%d certificates, want 16", r.Summary.Certificates)
		}
	}
}

// BenchmarkRun judges a node that was gathered before.
func BenchmarkRun(b *testing.B) {
	dir, _ := onDisk(b)
	inv, err := inventory.Gather(dir)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now})
	}
}

var certificateData = regexp.MustCompile(`(?:certificate-authority|client-certificate)-data: (\S+)`)

// BenchmarkNodeFloor does what no audit can do without: it reads the same files,
// decodes each certificate and checks one signature of each.
func BenchmarkNodeFloor(b *testing.B) {
	dir, node := onDisk(b)
	paths := node.Paths()
	b.ReportAllocs()
	for b.Loop() {
		var certs []*x509.Certificate
		for _, path := range paths {
			// A link is followed inside dir, as it is when a node is gathered.
			if link := node[path].Link; link != "" {
				path = link
			}
			data, err := os.ReadFile(filepath.Join(dir, path))
			if err != nil {
				b.Fatal(err)
			}
			certs = append(certs, decode(b, data)...)
			for _, m := range certificateData.FindAllSubmatch(data, -1) {
				text, err := base64.StdEncoding.DecodeString(string(m[1]))
				if err != nil {
					b.Fatal(err)
				}
				certs = append(certs, decode(b, text)...)
			}
		}
		for _, c := range certs {
			if c.CheckSignatureFrom(issuer(c, certs)) != nil {
				b.Fatalf("%s has no issuer", c.Subject)
			}
		}
	}
}

func decode(b *testing.B, data []byte) []*x509.Certificate {
	var certs []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			b.Fatal(err)
		}
		certs = append(certs, c)
	}
	return certs
}

// issuer finds by name whom a certificate is to be verified with.
func issuer(c *x509.Certificate, certs []*x509.Certificate) *x509.Certificate {
	for _, ca := range certs {
		if ca.IsCA && string(ca.RawSubject) == string(c.RawIssuer) {
			return ca
		}
	}
	return c
}
