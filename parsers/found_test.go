package parsers_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"certaudit/parsers"

	"github.com/google/go-cmp/cmp"
	"software.sslmate.com/src/go-pkcs12"
)

// issued are a leaf "web" with its key, and the CA "ca" that signed it.
type issued struct {
	key      *ecdsa.PrivateKey
	leaf, ca *x509.Certificate
}

func issue(t testing.TB) issued {
	t.Helper()
	key := func(seed byte) *ecdsa.PrivateKey {
		key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{seed}, 32))
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	certificate := func(template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) *x509.Certificate {
		der, err := x509.CreateCertificate(nil, template, parent, key.Public(), signer)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	from, to := time.Unix(0, 0), time.Unix(1<<31, 0)
	authority := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, NotBefore: from, NotAfter: to, IsCA: true, BasicConstraintsValid: true}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "web"}, NotBefore: from, NotAfter: to}
	return issued{key(7), certificate(leaf, authority, key(7), key(8)), certificate(authority, authority, key(8), key(8))}
}

func block(label string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}))
}

// outline writes what was found, one line for each thing.
func outline(found []parsers.Found) []string {
	out := []string{}
	for _, f := range found {
		part := f.Part
		if f.Trust {
			part += ", trusted"
		}
		for _, c := range f.Certificates {
			out = append(out, fmt.Sprintf("%s: certificate %s on %d", part, c.Subject.CommonName, c.Origin.Line))
		}
		for _, k := range f.Keys {
			out = append(out, fmt.Sprintf("%s: key %s %v", part, k.Algorithm, k.Private))
		}
		for _, p := range f.Problems {
			out = append(out, fmt.Sprintf("%s: %s on %d: %s", part, p.Kind, p.Origin.Line, p.Detail))
		}
	}
	return out
}

func material(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "material", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

const (
	openedPKCS12 = ": unsupported on 0: is PKCS#12 that a well-known password opens: its certificates were judged, its key was not"
	closedPKCS12 = ": unsupported on 0: is PKCS#12 that needs a password; certaudit inspect asks for it"
	workPKCS12   = ": unsupported on 0: is PKCS#12 that wants more work than is spent on it here; certaudit inspect opens it with its password"
)

// TestParseFoundPKCS12: every encryption that programs write, with every
// password that is tried, and one that is not.
func TestParseFoundPKCS12(t *testing.T) {
	i := issue(t)
	for name, encoder := range map[string]*pkcs12.Encoder{"RC2": pkcs12.LegacyRC2, "3DES": pkcs12.LegacyDES, "AES": pkcs12.Modern2023, "PBMAC1": pkcs12.Modern2026} {
		for password, want := range map[string][]string{
			"":         {openedPKCS12, "(certificate 1): certificate web on 0", "(CAs), trusted: certificate ca on 0"},
			"changeit": {openedPKCS12, "(certificate 1): certificate web on 0", "(CAs), trusted: certificate ca on 0"},
			"secret":   {closedPKCS12},
		} {
			data, err := encoder.Encode(i.key, i.leaf, []*x509.Certificate{i.ca}, password)
			if err != nil {
				t.Fatal(err)
			}
			got := parsers.ParseFound(parsers.Origin{Path: "s"}, data, &parsers.Effort{Iterations: 100_000})
			if diff := cmp.Diff(want, outline(got)); diff != "" {
				t.Errorf("%s, password %q (-want +got):\n%s", name, password, diff)
			}
		}
	}
	for name, encode := range map[string]func() ([]byte, error){
		"without encryption": func() ([]byte, error) { return pkcs12.Passwordless.EncodeTrustStore([]*x509.Certificate{i.ca}, "") },
		"trust store":        func() ([]byte, error) { return pkcs12.Modern.EncodeTrustStore([]*x509.Certificate{i.ca}, "changeit") },
	} {
		data, err := encode()
		if err != nil {
			t.Fatal(err)
		}
		got := outline(parsers.ParseFound(parsers.Origin{Path: "s"}, data, &parsers.Effort{Iterations: 100_000}))
		if diff := cmp.Diff([]string{openedPKCS12, "(CAs), trusted: certificate ca on 0"}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestParseFoundEffort: no store makes the program work longer than it may, and
// what one has spent is missing to the next.
func TestParseFoundEffort(t *testing.T) {
	i := issue(t)
	encode := func(iterations int) []byte {
		data, err := pkcs12.Modern2023.WithIterations(iterations).Encode(i.key, i.leaf, nil, "changeit")
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	parse := func(iterations int, e *parsers.Effort) []string {
		return outline(parsers.ParseFound(parsers.Origin{Path: "s"}, encode(iterations), e))
	}
	opened := []string{openedPKCS12, "(certificate 1): certificate web on 0"}
	e := &parsers.Effort{Iterations: 10_000}
	for n, want := range [][]string{opened, opened, {workPKCS12}} {
		if diff := cmp.Diff(want, parse(1000, e)); diff != "" {
			t.Errorf("store %d (-want +got):\n%s", n, diff)
		}
	}
	// Each password takes two hashes for each iteration, and two are tried.
	if e.Iterations != 0 {
		t.Errorf("%d iterations are left, want none", e.Iterations)
	}
	if diff := cmp.Diff([]string{workPKCS12}, parse(600_000, &parsers.Effort{Iterations: 1 << 40})); diff != "" {
		t.Errorf("a store of many iterations (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{workPKCS12}, parse(1, nil)); diff != "" {
		t.Errorf("no effort (-want +got):\n%s", diff)
	}
}

func TestParseFound(t *testing.T) {
	i := issue(t)
	_, _, jks, _ := stores(t)
	leaf, authority := block("CERTIFICATE", i.leaf.Raw), block("CERTIFICATE", i.ca.Raw)
	pkcs7, _ := pem.Decode(material(t, "pkcs7.pem"))
	wrapped := base64.StdEncoding.EncodeToString([]byte(leaf))
	wrapped = wrapped[:60] + "\n" + wrapped[60:] + "\n"
	tests := []struct {
		name string
		data string
		want []string
	}{
		{"PEM", leaf + authority, []string{": certificate web on 1", ": certificate ca on " + fmt.Sprint(1+strings.Count(leaf, "\n"))}},
		{"base64 of PEM in lines", wrapped, []string{": certificate web on 1", ": unsupported on 0: is base64 of a PEM file: it was decoded once more, and judged"}},
		{"base64 of PEM, damaged", wrapped[:70] + "*", []string{": syntax on 0: is base64 of a PEM file; decode it once more"}},
		{"PKCS#7", string(material(t, "pkcs7.pem")), []string{`: unsupported on 1: "PKCS7" block: PKCS#7; its certificates were judged`, "line 1 (CAs), trusted: certificate parser test on 1"}},
		{"PKCS#7 in DER", string(pkcs7.Bytes), []string{": unsupported on 0: is PKCS#7; its certificates were judged", "(CAs), trusted: certificate parser test on 0"}},
		{"trusted certificate of OpenSSL", string(material(t, "trusted.pem")), []string{
			`: unsupported on 1: "TRUSTED CERTIFICATE" block: Go and Kubernetes read certificates from "CERTIFICATE" blocks only; its certificates were judged`, "line 1 (CAs), trusted: certificate parser test on 1"}},
		{"X509 CERTIFICATE", authority + strings.ReplaceAll(leaf, "CERTIFICATE", "X509 CERTIFICATE"), []string{
			": certificate ca on 1", `: unsupported on 10: "X509 CERTIFICATE" block: Go and Kubernetes read certificates from "CERTIFICATE" blocks only; its certificates were judged`, "line 10 (certificate 1): certificate web on 10"}},
		{"JKS", string(jks), []string{": unsupported on 0: is a Java key store (JKS): its certificates were judged, its keys were not, for these need a password",
			`the entry "a": certificate web on 0`, `the entry "b": certificate web on 0`, "trusted certificates, trusted: certificate web on 0"}},
		{"JCEKS with a secret key", jceksMagic + string(jks[4:11]) + "\x04" + string(jks[12:]) + "\x00\x00\x00\x03", []string{
			": unsupported on 0: is a Java key store (JCEKS): its certificates were judged up to an entry that is none",
			`the entry "a": certificate web on 0`, `the entry "b": certificate web on 0`, "trusted certificates, trusted: certificate web on 0"}},
		{"JKS, cut off", string(jks[:40]), []string{": block on 0: is a damaged Java key store: its lengths lead past its end"}},
		{"PKCS#12 of Java", "\x30\x80\x02\x01\x03\x30\x80", []string{": unsupported on 0: is PKCS#12 of a form that is not understood: asn1: syntax error: indefinite length found (not DER)"}},
		{"nothing", "", []string{": empty on 0: holds nothing"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := strings.Clone(tt.data)
			got := parsers.ParseFound(parsers.Origin{Path: "s"}, []byte(tt.data), nil)
			if diff := cmp.Diff(tt.want, outline(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if before != tt.data {
				t.Error("the input was changed")
			}
		})
	}
}

const jceksMagic = "\xce\xce\xce\xce"

func TestParseText(t *testing.T) {
	i := issue(t)
	leaf, authority := block("CERTIFICATE", i.leaf.Raw), block("CERTIFICATE", i.ca.Raw)
	der, err := x509.MarshalPKCS8PrivateKey(i.key)
	if err != nil {
		t.Fatal(err)
	}
	key := block("PRIVATE KEY", der)
	indent := func(prefix, text string) string {
		return prefix + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n"+prefix) + "\n"
	}
	escaped, err := json.Marshal(map[string]string{"ca": leaf + authority, "key": key})
	if err != nil {
		t.Fatal(err)
	}
	const example = "-----BEGIN CERTIFICATE-----\nMIIC...\n-----END CERTIFICATE-----\n"
	lines := strings.Count(leaf, "\n")
	tests := []struct {
		name string
		text string
		want []string
	}{
		{"no block", "text", []string{}},
		{"values of a chart", "tls:\n  crt: |\n" + indent("    ", leaf+authority) + "  key: |\n" + indent("    ", key), []string{
			"line 3: certificate web on 1", "line 3: certificate ca on 1", fmt.Sprintf("line %d: key ECDSA-P256 true", 4+strings.Count(leaf+authority, "\n"))}},
		{"a list", "- |\n" + indent("  ", leaf) + "- |\n" + indent("  ", leaf), []string{"line 2: certificate web on 1", fmt.Sprintf("line %d: certificate web on 1", 3+lines)}},
		{"JSON", string(escaped), []string{"line 1: certificate web on 1", "line 1: certificate ca on 1", "line 1: key ECDSA-P256 true"}},
		{"a script", "cat > ca.pem <<EOF\n" + leaf + "EOF\n", []string{"line 2: certificate web on 1"}},
		{"comments", indent("# ", leaf), []string{"line 1: certificate web on 1"}},
		{"one line", "cert=" + strings.ReplaceAll(leaf, "\n", " "), []string{"line 1: certificate web on 1"}},
		{"old Macs", strings.ReplaceAll(leaf, "\n", "\r"), []string{"line 1: certificate web on 1"}},
		{"an example", "Paste it here:\n" + example, []string{`line 2: unsupported on 2: "CERTIFICATE" block: the base64 between BEGIN and END cannot be decoded; the text may be an example`}},
		{"a certificate that Go refuses", "  " + strings.Replace(example, "MIIC...", "MIIC", 1), []string{"line 1: unsupported on 1: x509: malformed certificate"}},
		{"prose", "a file that begins with -----BEGIN CERTIFICATE----- is PEM", []string{}},
		{"a request", indent("  ", strings.ReplaceAll(example, "CERTIFICATE", "CERTIFICATE REQUEST")), []string{
			`line 1: unsupported on 1: "CERTIFICATE REQUEST" block: the BEGIN line is indented; the text may be an example`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := parsers.ParseText(parsers.Origin{Path: "s"}, []byte(tt.text))
			if diff := cmp.Diff(tt.want, outline(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	at := parsers.Origin{Path: "s", Line: 7, Field: "data"}
	for _, f := range parsers.ParseText(at, []byte(indent("  ", leaf)+example)) {
		for _, c := range f.Certificates {
			if c.Origin != at {
				t.Errorf("a certificate of a field has the origin %+v", c.Origin)
			}
		}
		for _, p := range f.Problems {
			if p.Origin != at {
				t.Errorf("a problem of a field has the origin %+v", p.Origin)
			}
		}
	}
}

// FuzzParseFound: nothing panics, every certificate parses to its bytes again,
// nothing of the input changes, and the work stays within what is allowed.
func FuzzParseFound(f *testing.F) {
	i := issue(f)
	for _, encoder := range []*pkcs12.Encoder{pkcs12.LegacyRC2, pkcs12.LegacyDES, pkcs12.Modern2023} {
		data, err := encoder.Encode(i.key, i.leaf, []*x509.Certificate{i.ca}, "changeit")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	_, _, jks, _ := stores(f)
	f.Add(jks)
	for _, name := range []string{"pkcs7.pem", "trusted.pem", "x509-text.pem", "bag-attributes.pem"} {
		f.Add(material(f, name))
	}
	f.Add([]byte("  " + strings.ReplaceAll(block("CERTIFICATE", i.leaf.Raw), "\n", "\n  ")))
	f.Add([]byte(base64.StdEncoding.EncodeToString([]byte(block("CERTIFICATE", i.leaf.Raw)))))
	f.Fuzz(func(t *testing.T, data []byte) {
		before, e := bytes.Clone(data), &parsers.Effort{Iterations: 20_000}
		all := append(parsers.ParseFound(parsers.Origin{Path: "x"}, data, e), parsers.ParseText(parsers.Origin{Path: "x"}, data)...)
		if !bytes.Equal(before, data) || e.Iterations < 0 {
			t.Error("the input was changed, or too much was done")
		}
		for _, found := range all {
			for _, c := range found.Certificates {
				again, err := x509.ParseCertificate(c.Raw)
				if err != nil || !bytes.Equal(again.Raw, c.Raw) {
					t.Errorf("a certificate does not parse again: %v", err)
				}
			}
			for _, p := range found.Problems {
				if strings.ContainsAny(p.Detail, "\r\n") {
					t.Errorf("%q is not one line", p.Detail)
				}
			}
		}
	})
}
