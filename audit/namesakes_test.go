package audit_test

import (
	"crypto/x509"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"certaudit/fixtures"
)

// A certificate is held against every CA in view that is called like its issuer.
// Signatures decide: one of them is enough.
func TestNamesakes(t *testing.T) {
	c := fixtures.ControlPlane(fixtures.Options{})
	c.NewCA("old", fixtures.Spec{CommonName: "kubernetes"})
	c.NewCA("sub", fixtures.Spec{CommonName: "sub"})
	c.NewCA("new-sub", fixtures.Spec{CommonName: "sub", Signer: "old"})
	c.NewCA("other", fixtures.Spec{CommonName: "other"})
	c.NewCA("unable", fixtures.Spec{CommonName: "kubernetes", KeyName: "unable", KeyUsage: x509.KeyUsageDigitalSignature})
	c.NewCA("again", fixtures.Spec{CommonName: "kubernetes", KeyName: "ca/old", SubjectKeyID: []byte("another")})
	leaf := func(signer string, change func(*fixtures.Spec)) string {
		s := fixtures.Spec{CommonName: "web", Signer: signer, DNSNames: []string{"web.example.org"}, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
		if change != nil {
			change(&s)
		}
		c.Issue("/web", s)
		return string(c.Node["/web.crt"].Data)
	}
	ca := func(name string) string { return string(c.CertificatePEM(name)) }
	refused := func(name, at string) string {
		return fmt.Sprintf("warning chain/untrusted web.crt file : names %q as its issuer, but was not signed with the key of a CA of that name in view: %s; expected a signature by one of them", name, at)
	}
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"the CA", map[string]string{"web.crt": leaf("old", nil), "ca.crt": ca("old")}, nil},
		{"another of its name", map[string]string{"web.crt": leaf("old", nil), "ca.crt": ca(fixtures.CA)}, []string{refused("kubernetes", "ca.crt:1")}},
		{"another of its name, and one of another", map[string]string{"web.crt": leaf("old", nil), "ca.crt": ca(fixtures.CA), "unlike.crt": ca("other")}, []string{refused("kubernetes", "ca.crt:1")}},
		{"both", map[string]string{"web.crt": leaf("old", nil), "ca.crt": ca(fixtures.CA), "old.crt": ca("old")}, nil},
		{"both in one file", map[string]string{"web.crt": leaf("old", nil), "ca.crt": ca(fixtures.CA) + ca("old")}, nil},
		{"renewed with its key", map[string]string{"web.crt": leaf("old", nil), "ca.crt": ca("again")}, nil},
		{"none of its name", map[string]string{"web.crt": leaf("old", nil), "ca.crt": ca("other")}, nil},
		{"an intermediate that is sent along", map[string]string{"web.crt": leaf("new-sub", nil) + ca("new-sub"), "ca.crt": ca("old"), "sub.crt": ca("sub")}, nil},
		{"another intermediate that is sent along", map[string]string{"web.crt": leaf("new-sub", nil) + ca("sub"), "ca.crt": ca("old")}, []string{refused("sub", "web.crt:12")}},
		{"another of its name in front of it", map[string]string{"web.crt": ca(fixtures.CA) + leaf("old", nil)}, []string{
			refused("kubernetes", "web.crt:1"),
			"info usage/not-a-ca web.crt file : stands among the trusted certificates and has no basic constraint CA:TRUE: only it itself is accepted, nothing that it signed"}},
		{"a signature that Go refuses", map[string]string{"web.crt": leaf("old", func(s *fixtures.Spec) { s.SignatureAlgorithm = x509.ECDSAWithSHA1 }), "ca.crt": ca(fixtures.CA)}, []string{
			"critical keys/weak-signature web.crt file : is signed with ECDSA-SHA1, which Go programs refuse; expected SHA-256 or better"}},
		{"a CA that may not sign", map[string]string{"web.crt": leaf("unable", nil), "ca.crt": ca("unable")}, []string{
			"critical usage/not-a-ca ca.crt file : stands in a CA's place and has a key usage without certificate signing: nothing that it signed is accepted"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			for name, data := range tt.files {
				do(t, os.WriteFile(name, []byte(data), 0o600))
			}
			var got []string
			for _, f := range auditPaths(t, slices.Sorted(maps.Keys(tt.files))...).Findings {
				got = append(got, fmt.Sprintf("%s %s %s %s %s: %s", f.Severity, f.Check, f.Path, f.Component, f.Field, f.Message))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// The same for objects: what stands in one Secret is held together there.
func TestNamesakesInObjects(t *testing.T) {
	m := newMaker()
	m.c.NewCA("again", fixtures.Spec{CommonName: "web-ca", KeyName: "again"})
	cert, key := m.leaf("web", "web-ca", "web.prod.svc")
	again, webCA := m.ca("again"), m.ca("web-ca")
	alone := secretObject("web", tlsType, "tls.crt", cert, "tls.key", key)
	for _, tt := range []struct {
		name    string
		objects []string
		want    []string
	}{
		{"its CA elsewhere", []string{alone, configMap("prod", "trust", "ca.crt", webCA)}, nil},
		{"another of its name elsewhere", []string{alone, configMap("prod", "trust", "ca.crt", again)}, []string{
			`warning chain/untrusted -:1 Secret prod/web data["tls.crt"]: names "web-ca" as its issuer, but was not signed with the key of a CA of that name in view: -:2 data["ca.crt"]; expected a signature by one of them`}},
		{"another of its name beside it", []string{secretObject("web", tlsType, "tls.crt", cert, "tls.key", key, "ca.crt", again)}, []string{
			`warning objects/chain -:1 Secret prod/web data["tls.crt"]: ca.crt holds "web-ca", which did not sign the certificate that "web-ca" issued; expected its CA`}},
		{"both", []string{alone, configMap("prod", "trust", "ca.crt", again+webCA)}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := withoutInfo(toldObjects(auditObjects(t, "["+strings.Join(tt.objects, ",\n")+"]")))
			if !slices.Equal(got, tt.want) {
				t.Errorf("findings %q, want %q", got, tt.want)
			}
		})
	}
}
