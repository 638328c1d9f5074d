package audit_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"certaudit/audit"
	"certaudit/audit/inventory"
	"certaudit/fixtures"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// revocationList is a list of a CA "corp" in DER.
func revocationList(t *testing.T, number int64, next time.Time) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{Subject: pkix.Name{CommonName: "corp", Organization: []string{"Acme"}}, SubjectKeyId: []byte{1}, KeyUsage: x509.KeyUsageCRLSign}
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(number), ThisUpdate: fixtures.Now.AddDate(0, -1, 0), NextUpdate: next}, ca, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// TestRevocationLists: a list is a finding from the moment on at which another is due,
// and not before; an audit that saw nothing else is complete.
func TestRevocationLists(t *testing.T) {
	dir := t.TempDir()
	past, now, next := fixtures.Now.Add(-2*time.Hour), fixtures.Now, fixtures.Now.Add(time.Hour)
	armoured := func(der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}) }
	for name, data := range map[string][]byte{
		"past.crl": armoured(revocationList(t, 1, past)), "past.der.crl": revocationList(t, 2, past),
		"now.crl": armoured(revocationList(t, 3, now)), "next.crl": armoured(revocationList(t, 4, next)),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, inv, err := inventory.GatherPaths(dir, []string{"."}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := audit.Run([]*inventory.Inventory{inv}, audit.Options{At: now})
	list := func(path string, line int, number string, next time.Time) audit.RevocationList {
		return audit.RevocationList{Path: path, Line: line, Issuer: "corp", Number: number, ThisUpdate: now.AddDate(0, -1, 0).UTC(), NextUpdate: next.UTC()}
	}
	want := []audit.RevocationList{list("next.crl", 1, "4", next), list("now.crl", 1, "3", now), list("past.crl", 1, "1", past), list("past.der.crl", 0, "2", past)}
	if diff := cmp.Diff(want, r.RevocationLists, cmpopts.IgnoreFields(audit.RevocationList{}, "IssuerName")); diff != "" {
		t.Errorf("lists (-want +got):\n%s", diff)
	}
	words := map[string]string{}
	for _, f := range r.Findings {
		words[f.Path] += string(f.Severity) + " " + f.Check + " " + f.Message
	}
	message := `warning validity/revocation-list the revocation list of "corp" was to be followed by a newer one by 2026-11-23 10:00 UTC, 2 hours ago; expected that one`
	if diff := cmp.Diff(map[string]string{"past.crl": message, "past.der.crl": message}, words); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if r.Incomplete() {
		t.Error("the audit is incomplete")
	}
	if !r.Changes.Equal(next) {
		t.Errorf("the findings change at %s, want %s", r.Changes, next)
	}
}
