package audit_test

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"certaudit/audit"
	"certaudit/audit/inventory"
	"certaudit/fixtures"

	"github.com/google/go-cmp/cmp"
	"github.com/pavlo-v-chernykh/keystore-go/v4"
	"software.sslmate.com/src/go-pkcs12"
)

// foundFiles are files as people keep them beside certificates, all of them made
// of one CA, one leaf and its key.
func foundFiles(t *testing.T) map[string]string {
	t.Helper()
	c := fixtures.ControlPlane(fixtures.Options{})
	c.NewCA("web-ca", fixtures.Spec{CommonName: "web-ca"})
	c.Issue("/web", fixtures.Spec{CommonName: "web", DNSNames: []string{"web.example.org"}, Signer: "web-ca"})
	leaf, key, ca := string(c.Node["/web.crt"].Data), string(c.Node["/web.key"].Data), string(c.CertificatePEM("web-ca"))
	x, authority := parseOne(t, leaf), parseOne(t, ca)
	block, _ := pem.Decode([]byte(key))
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		if private, err = x509.ParseECPrivateKey(block.Bytes); err != nil {
			t.Fatal(err)
		}
	}
	store := func(password string) string {
		data, err := pkcs12.Modern.Encode(private, x, []*x509.Certificate{authority}, password)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	java := keystore.New(keystore.WithOrderedAliases())
	if err := java.SetTrustedCertificateEntry("root", keystore.TrustedCertificateEntry{CreationTime: fixtures.Now, Certificate: keystore.Certificate{Type: "X509", Content: authority.Raw}}); err != nil {
		t.Fatal(err)
	}
	var jks bytes.Buffer
	if err := java.Store(&jks, []byte("nobody knows")); err != nil {
		t.Fatal(err)
	}
	armour := func(label, body string) string {
		return "-----BEGIN " + label + "-----\n" + body + "\n-----END " + label + "-----\n"
	}
	indented := "tls:\n  crt: |\n    " + strings.ReplaceAll(strings.TrimSpace(leaf+ca), "\n", "\n    ") + "\n"
	account, err := json.Marshal(map[string]string{"type": "service_account", "private_key": key})
	if err != nil {
		t.Fatal(err)
	}
	wrapped := base64.StdEncoding.EncodeToString([]byte(leaf))
	return map[string]string{
		"tls.crt": leaf, "tls.key": key, "ca.crt": ca,
		"keystore.p12": store("changeit"), "empty.p12": store(""), "closed.p12": store("secret"), "truststore.jks": jks.String(),
		"web.csr": armour("CERTIFICATE REQUEST", "MIIB"), "ca.crl": armour("X509 CRL", "MIIB"), "dhparam.pem": armour("DH PARAMETERS", "MAYCAQsCAQI="),
		"chain.p7b": armour("PKCS7", "MIIB"), "id_ed25519": armour("OPENSSH PRIVATE KEY", "MIIB"), "id_ed25519.pub": "ssh-ed25519 AAAAC3 jane\n",
		"release.pem": armour("PGP PUBLIC KEY BLOCK", "\nmDME\n=abcd"), "encrypted.key": armour("ENCRYPTED PRIVATE KEY", "MIIB"), "curve.pem": armour("EC PARAMETERS", "BggqhkjOPQMBBw=="),
		"hmac.key": "\x93\x01random", "base64.crt": wrapped[:76] + "\n" + wrapped[76:] + "\n",
		"values.yaml": indented, "account.json": string(account), "README.md": "Like this:\n\n" + armour("CERTIFICATE", "MIIC..."),
		"trusted.pem":         strings.Repeat(armour("TRUSTED CERTIFICATE", "MIIB"), 3),
		"with-parameters.pem": armour("EC PARAMETERS", "BggqhkjOPQMBBw==") + key,
		// The damaged ones.
		"cut.crt": leaf[:len(leaf)/2], "page.crt": "<html>404</html>", "empty.crt": "", "mark.crt": "\ufeff" + leaf, "cut.jks": jks.String()[:20],
	}
}

func parseOne(t *testing.T, text string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const (
	opened = "is PKCS#12 that a well-known password opens: its certificates were judged, its key was not"
	closed = "is PKCS#12 that needs a password; certaudit inspect asks for it; it was not judged"
	inJava = "is a Java key store (JKS): its certificates were judged, its keys were not, for these need a password"
)

// foundWords are what is said of each file of foundFiles, in a folder and as a field
// of an object; those that are not here are silent.
var foundWords = map[string]string{
	"keystore.p12": "info input/unsupported " + opened, "empty.p12": "info input/unsupported " + opened, "closed.p12": "info input/unsupported " + closed,
	"truststore.jks": "info input/unsupported " + inJava,
	"web.csr":        `info input/unsupported "CERTIFICATE REQUEST" block: a certificate request; certaudit csr judges it`,
	"trusted.pem":    `info input/unsupported "TRUSTED CERTIFICATE" block: Go and Kubernetes read certificates from "CERTIFICATE" blocks only; it was not judged (3 times)`,
	"ca.crl":         `info input/unsupported "X509 CRL" block: a revocation list; it was not judged`,
	"dhparam.pem":    `info input/unsupported "DH PARAMETERS" block: Diffie-Hellman parameters; it was not judged`,
	"chain.p7b":      `info input/unsupported "PKCS7" block: PKCS#7; it was not judged`,
	"id_ed25519":     `info input/unsupported "OPENSSH PRIVATE KEY" block: a private key of OpenSSH; it was not judged`,
	"id_ed25519.pub": "info input/unsupported is a public key of OpenSSH; it was not judged",
	"release.pem":    `info input/unsupported "PGP PUBLIC KEY BLOCK" block: OpenPGP; it was not judged`,
	"encrypted.key":  `info input/unsupported "ENCRYPTED PRIVATE KEY" block: only a passphrase opens it; it was not judged`,
	"curve.pem":      "info input/unsupported holds the parameters of a key alone; they were not judged",
	"hmac.key":       "info input/unsupported holds neither PEM nor DER; it was not judged",
	"base64.crt":     "info input/unsupported is base64 of a PEM file: it was decoded once more, and judged",
	"README.md":      `info input/unsupported "CERTIFICATE" block: the base64 between BEGIN and END cannot be decoded; the text may be an example; it was not judged`,
	"cut.crt":        `critical files/malformed "CERTIFICATE" block: no END line`,
	"page.crt":       "critical files/malformed holds neither PEM nor DER",
	"empty.crt":      "critical files/malformed holds nothing",
	"mark.crt":       `critical files/malformed "CERTIFICATE" block: BEGIN follows a UTF-8 byte order mark instead of starting its line`,
	"cut.jks":        "critical files/malformed is a damaged Java key store: its lengths lead past its end",
}

// foundRows are the certificates that each of the files gives. The CA in the key
// stores is shown once, in ca.crt.
var foundRows = map[string][]string{
	"tls.crt": {"web"}, "ca.crt": {"web-ca"}, "keystore.p12": {"web"}, "empty.p12": {"web"}, "base64.crt": {"web"}, "values.yaml": {"web", "web-ca"},
}

// judged writes the findings and the names of the certificates by the file, or the
// key of the field, that they are about.
func judged(r audit.Result, nameOf func(path, field string) string) (words map[string]string, rows map[string][]string) {
	words, rows = map[string]string{}, map[string][]string{}
	for _, f := range r.Findings {
		name := nameOf(f.Path, f.Field)
		words[name] = strings.TrimPrefix(words[name]+"\n"+fmt.Sprintf("%s %s %s", f.Severity, f.Check, f.Message), "\n")
	}
	for _, c := range r.Certificates {
		if c.SHA256 != "" {
			name := nameOf(c.Path, c.Field)
			rows[name] = append(rows[name], c.CommonName)
			slices.Sort(rows[name])
		}
	}
	return words, rows
}

// TestFoundInFolder: of what lies in a folder, what claims to be a certificate or
// a key and is damaged is a fault, and nothing else.
func TestFoundInFolder(t *testing.T) {
	dir := t.TempDir()
	want, rows := map[string]string{}, map[string][]string{}
	for name, text := range foundFiles(t) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if slices.Contains([]string{"values.yaml", "account.json", "README.md"}, name) {
			continue // no Kubernetes object, and no PEM: nothing here reads it
		}
		if w, ok := foundWords[name]; ok {
			want[name] = w
		}
		if w, ok := foundRows[name]; ok {
			rows[name] = w
		}
	}
	_, inv, err := inventory.GatherPaths(dir, []string{"."}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now})
	words, got := judged(r, func(path, _ string) string { return path })
	if diff := cmp.Diff(want, words); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(rows, got); diff != "" {
		t.Errorf("certificates (-want +got):\n%s", diff)
	}
	if r.Incomplete() {
		t.Error("the audit is incomplete")
	}
}

// TestFoundInSecret: the same for the fields of a Secret, where text is read too.
func TestFoundInSecret(t *testing.T) {
	files, data := foundFiles(t), map[string][]byte{}
	want, rows := map[string]string{}, map[string][]string{}
	for name, text := range files {
		if text == "" {
			continue // a field of nothing is as good as none
		}
		data[name] = []byte(text)
		if w, ok := foundWords[name]; ok {
			want[name] = w
		}
		if w, ok := foundRows[name]; ok {
			rows[name] = w
		}
	}
	object, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]string{"name": "web", "namespace": "prod"}, "data": data})
	if err != nil {
		t.Fatal(err)
	}
	words, got := judged(auditObjects(t, string(object)), func(_, field string) string {
		if i, j := strings.Index(field, `["`), strings.Index(field, `"]`); i >= 0 && j > i {
			return field[i+2 : j]
		}
		return strings.TrimPrefix(field, "data.")
	})
	if diff := cmp.Diff(want, words); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(rows, got); diff != "" {
		t.Errorf("certificates (-want +got):\n%s", diff)
	}
}

// TestTLSSecret: the two halves of a TLS Secret are PEM, whatever else may be read
// elsewhere; a key with a passphrase is for who knows it.
func TestTLSSecret(t *testing.T) {
	files := foundFiles(t)
	for _, tt := range []struct {
		name, crt, key string
		want           []string
	}{
		{"sound", files["tls.crt"] + files["ca.crt"], files["tls.key"], nil},
		{"base64 of base64", files["base64.crt"], files["tls.key"], []string{
			`critical files/malformed -:1 Secret prod/web data["tls.crt"]: is base64 of a PEM file; decode it once more`}},
		{"a key with a passphrase", files["tls.crt"] + files["ca.crt"], files["encrypted.key"], []string{
			`info input/unsupported -:1 Secret prod/web data["tls.key"]: "ENCRYPTED PRIVATE KEY" block: only a passphrase opens it; it was not judged`}},
		{"a curve in front of the key", files["tls.crt"] + files["ca.crt"], files["with-parameters.pem"], nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			object, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": map[string]string{"name": "web", "namespace": "prod"},
				"data": map[string][]byte{"tls.crt": []byte(tt.crt), "tls.key": []byte(tt.key)}})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, toldObjects(auditObjects(t, string(object)))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestFoundExpired: what is found in a store or in a text is judged like any other
// certificate.
func TestFoundExpired(t *testing.T) {
	files := foundFiles(t)
	later := fixtures.Now.Add(400 * 24 * time.Hour)
	for name, place := range map[string]string{"keystore.p12": `data["keystore.p12"]: (certificate 1)`, "values.yaml": `data["values.yaml"]: line 3`, "base64.crt": `data["base64.crt"]`} {
		object, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]string{"name": "web", "namespace": "prod"}, "data": map[string][]byte{name: []byte(files[name])}})
		if err != nil {
			t.Fatal(err)
		}
		inv, err := inventory.GatherObjects("-", bytes.NewReader(object), nil)
		if err != nil {
			t.Fatal(err)
		}
		r := audit.Run([]*inventory.Inventory{inv}, audit.Options{At: later})
		if !slices.ContainsFunc(r.Findings, func(f audit.Finding) bool {
			return f.Check == "validity/expired" && f.Field == place && f.Component == "Secret prod/web"
		}) {
			t.Errorf("%s: nothing has expired at %s: %+v", name, place, r.Findings)
		}
	}
}

// TestLargeList: kubectl puts the kind of a list, and of each object in it, behind
// the data, which may be long.
func TestLargeList(t *testing.T) {
	files := foundFiles(t)
	list := fmt.Sprintf(`{"apiVersion": "v1", "items": [{"apiVersion": "v1", "data": {"big": %q, "tls.crt": %q}, "kind": "Secret", "metadata": {"name": "web"}}], "kind": "List"}`,
		base64.StdEncoding.EncodeToString(make([]byte, 100_000)), base64.StdEncoding.EncodeToString([]byte(files["tls.crt"])))
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "list.json"), []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	_, inv, err := inventory.GatherPaths(dir, []string{"list.json"}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r := audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now}); r.Summary.Certificates != 1 {
		t.Errorf("%d certificates, want 1", r.Summary.Certificates)
	}
}
