package audit_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"certaudit/audit"
	"certaudit/audit/inventory"
	"certaudit/fixtures"
)

// Signatures that other processors check before they are asked for decide as those that are
// checked when they are.
func TestSignaturesCheckedAhead(t *testing.T) {
	dir := t.TempDir()
	key := must(ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{1}, 32)))
	other := must(ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{2}, 32)))
	of := func(serial int, name string) *x509.Certificate {
		return &x509.Certificate{SerialNumber: big.NewInt(int64(serial)), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, BasicConstraintsValid: true,
			NotBefore: fixtures.Now.AddDate(0, -1, 0), NotAfter: fixtures.Now.AddDate(0, 11, 0), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	}
	write := func(name string, template, parent *x509.Certificate, signer *ecdsa.PrivateKey) {
		do(t, os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: must(x509.CreateCertificate(nil, template, parent, key.Public(), signer))}), 0o644))
	}
	ca := of(1, "web-ca")
	ca.IsCA, ca.DNSNames, ca.ExtKeyUsage, ca.KeyUsage, ca.NotAfter = true, nil, nil, x509.KeyUsageCertSign, fixtures.Now.AddDate(10, 0, 0)
	write("ca.crt", ca, ca, key)
	want := []string{}
	for i := range 300 {
		name, signer := fmt.Sprintf("web-%03d", i), key
		if i%50 == 25 {
			signer, want = other, append(want, name+".crt")
		}
		write(name+".crt", of(i+2, name), ca, signer)
	}
	judged := func(processors int) audit.Result {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
		_, files, err := inventory.GatherPaths(dir, []string{"."}, nil, nil)
		do(t, err)
		return audit.Run([]*inventory.Inventory{files}, audit.Options{At: fixtures.Now})
	}
	alone, helped := judged(1), judged(4)
	if diff := gocmp.Diff(alone, helped); diff != "" {
		t.Errorf("(-on one processor +on four):\n%s", diff)
	}
	var got []string
	for _, f := range helped.Findings {
		if f.Check == "chain/wrong-issuer" || f.Check == "chain/untrusted" {
			got = append(got, f.Path)
		} else {
			t.Errorf("%s: %s", f.Check, f.Message)
		}
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("signed by another key (-want +got):\n%s", diff)
	}
}
