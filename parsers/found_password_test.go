package parsers_test

import (
	"bytes"
	"testing"
	"time"

	"certaudit/parsers"

	"github.com/google/go-cmp/cmp"
	"github.com/pavlo-v-chernykh/keystore-go/v4"
	"software.sslmate.com/src/go-pkcs12"
)

// TestParseFoundPasswords: a store that one of the passwords opens is like any other,
// and one that none opens says so; without passwords nobody expected to open it.
func TestParseFoundPasswords(t *testing.T) {
	i := issue(t)
	pfx, err := pkcs12.Modern2023.Encode(i.key, i.leaf, nil, "secret")
	if err != nil {
		t.Fatal(err)
	}
	java := keystore.New()
	if err := java.SetTrustedCertificateEntry("root", keystore.TrustedCertificateEntry{CreationTime: time.Unix(0, 0), Certificate: keystore.Certificate{Type: "X509", Content: i.ca.Raw}}); err != nil {
		t.Fatal(err)
	}
	var jks bytes.Buffer
	if err := java.Store(&jks, []byte("secret")); err != nil {
		t.Fatal(err)
	}
	const judged = ": unsupported on 0: is a Java key store (JKS): its certificates were judged, its keys were not, for these need a password"
	for _, tt := range []struct {
		name      string
		data      []byte
		passwords []string
		locked    string
		want      []string
	}{
		{"PKCS#12, its own", pfx, []string{"other", "secret"}, "", []string{
			": unsupported on 0: is PKCS#12 that a password that was given opens: its certificates were judged, its key was not", "(certificate 1): certificate web on 0"}},
		{"PKCS#12, another", pfx, []string{"other"}, parsers.StorePKCS12, []string{": encrypted on 0: is PKCS#12 that none of the passwords which were given opens"}},
		{"PKCS#12, none", pfx, nil, "", []string{closedPKCS12}},
		{"JKS, its own", jks.Bytes(), []string{"other", "secret"}, "", []string{judged, "trusted certificates, trusted: certificate ca on 0"}},
		{"JKS, none", jks.Bytes(), nil, "", []string{judged, "trusted certificates, trusted: certificate ca on 0"}},
		{"JKS, another", jks.Bytes(), []string{"Secret"}, parsers.StoreJKS, []string{
			": encrypted on 0: is a Java key store (JKS): none of the passwords that were given is its own, so that nobody knows whether it was changed; its certificates were judged",
			"trusted certificates, trusted: certificate ca on 0"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := parsers.ParseFound(parsers.Origin{Path: "s"}, tt.data, &parsers.Effort{Iterations: 100_000, Passwords: tt.passwords})
			if diff := cmp.Diff(tt.want, outline(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got[0].Locked != tt.locked {
				t.Errorf("locked: %q, want %q", got[0].Locked, tt.locked)
			}
		})
	}
}
