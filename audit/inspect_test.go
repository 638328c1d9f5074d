package audit_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"certaudit/audit"
	"certaudit/fixtures"
	"certaudit/parsers"

	"github.com/google/go-cmp/cmp"
)

func noPassword() (string, error) { return "", errors.New("no password") }

// inspected is one line for each item, chain and problem.
func inspected(i *audit.Inspection) []string {
	var out []string
	for n, item := range i.Items {
		out = append(out, fmt.Sprintf("%d %s %d %s|%s|%s %d %v|by %d key %d", n, item.Kind, item.Origin.Line, item.Subject, item.KeyAlgorithm, item.Validity, item.DaysLeft, item.IsCA, item.IssuedBy, item.PrivateKey))
	}
	for _, c := range i.Chains {
		out = append(out, fmt.Sprintf("chain %v %s%s", c.Items, c.Missing, c.Order))
	}
	for _, p := range i.Problems {
		out = append(out, fmt.Sprintf("problem %d %s: %s", p.Origin.Line, p.Kind, p.Detail))
	}
	return out
}

func TestInspect(t *testing.T) {
	m := newMaker()
	deep, key := m.leaf("deep", "web-sub", "deep.example.org")
	webSub, webCA := m.ca("web-sub"), m.ca("web-ca")
	block, _ := pem.Decode([]byte(deep))
	lines := func(text string) int { return strings.Count(text, "\n") }
	second := 1 + lines(deep)
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"DER", string(block.Bytes), []string{"0 certificate 0 CN=deep|ECDSA-P256|valid 335 false|by -1 key -1", "chain [0] CN=web-sub"}},
		{"bundle", deep + webSub + webCA + key, []string{
			"0 certificate 1 CN=deep|ECDSA-P256|valid 335 false|by 1 key 3",
			fmt.Sprintf("1 certificate %d CN=web-sub|ECDSA-P256|valid 3620 true|by 2 key -1", second),
			fmt.Sprintf("2 certificate %d CN=web-ca|ECDSA-P256|valid 3620 true|by -1 key -1", second+lines(webSub)),
			fmt.Sprintf("3 private key %d |ECDSA-P256| 0 false|by -1 key -1", second+lines(webSub)+lines(webCA)), "chain [0 1 2] "}},
		{"out of order", deep + webCA + webSub, []string{
			"0 certificate 1 CN=deep|ECDSA-P256|valid 335 false|by 2 key -1",
			fmt.Sprintf("1 certificate %d CN=web-ca|ECDSA-P256|valid 3620 true|by -1 key -1", second),
			fmt.Sprintf("2 certificate %d CN=web-sub|ECDSA-P256|valid 3620 true|by 1 key -1", second+lines(webCA)),
			"chain [0 2 1] item 3 should follow item 1, which it signed"}},
		{"gap", deep + webCA, []string{
			"0 certificate 1 CN=deep|ECDSA-P256|valid 335 false|by -1 key -1",
			fmt.Sprintf("1 certificate %d CN=web-ca|ECDSA-P256|valid 3620 true|by -1 key -1", second),
			"chain [0] CN=web-sub", "chain [1] "}},
		{"object", secretObject("a", tlsType, "tls.crt", deep, "tls.key", key), []string{
			"0 certificate 1 CN=deep|ECDSA-P256|valid 335 false|by -1 key 1", "1 private key 1 |ECDSA-P256| 0 false|by -1 key -1", "chain [0] CN=web-sub"}},
		{"nothing", "", []string{"problem 0 empty: holds nothing"}},
		{"damaged request", "-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n", []string{"problem 1 syntax: is no request that can be read: asn1: syntax error: sequence truncated"}},
		{"key store without a password", "\xfe\xed\xfe\xed", []string{"problem 0 encrypted: no password"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, inspected(audit.Inspect("x", []byte(tt.text), noPassword, fixtures.Now))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// One certificate, every field.
func TestInspectItem(t *testing.T) {
	m := newMaker()
	m.c.Issue("/x/all", fixtures.Spec{CommonName: "all", Organizations: []string{"o"}, DNSNames: []string{"a.example.org"}, IPs: []string{"192.0.2.1", "2001:db8::1"},
		Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, NotAfter: fixtures.Now.Add(-36 * time.Hour)})
	got := audit.Inspect("x", m.c.Node["/x/all.crt"].Data, noPassword, fixtures.Now).Items
	c := parsers.ParseMaterial(parsers.Origin{Path: "x"}, m.c.Node["/x/all.crt"].Data).Certificates[0]
	want := []audit.Item{{Kind: "certificate", Origin: parsers.Origin{Path: "x", Line: 1}, Subject: "CN=all,O=o", Issuer: "CN=kubernetes",
		DNSNames: []string{"a.example.org"}, IPAddresses: []string{"192.0.2.1", "2001:db8::1"}, EmailAddresses: []string{}, URIs: []string{},
		NotBefore: c.NotBefore, NotAfter: fixtures.Now.Add(-36 * time.Hour), DaysLeft: -2, Validity: "expired", Serial: c.SerialNumber.Text(16),
		KeyAlgorithm: "ECDSA-P256", PublicKeySHA256: c.PublicKeySHA256(), SignatureAlgorithm: "ECDSA-SHA256", SHA256: c.SHA256(), SHA1: got[0].SHA1,
		Version: 3, Purposes: []string{"sign (digital signature)", "encrypt keys (key encipherment)", "be a TLS server (server auth)", "be a TLS client (client auth)"},
		AuthorityKeyID: fmt.Sprintf("%x", c.AuthorityKeyId), IssuedBy: -1, PrivateKey: -1}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(got[0].SHA1) != 40 {
		t.Errorf("SHA-1 %q", got[0].SHA1)
	}
}

func TestExpect(t *testing.T) {
	node := fixtures.Kubeadm("v1.34.4")
	scheduler, apiserver := node["/etc/kubernetes/scheduler.conf"].Data, node["/etc/kubernetes/pki/apiserver.crt"].Data
	for _, tt := range []struct {
		name, role, version string
		data                []byte
		want                []string
	}{
		{"another role", "kube-scheduler/client", "v1.34", apiserver, []string{
			`critical identity/common-name: the common name is "kube-apiserver"; expected "system:kube-scheduler"`,
			`critical usage/extended-key-usage: the extended key usages are "server auth"; expected "client auth" among them`}},
		{"a role of many names", "kube-apiserver/serving", "v1.34", apiserver, nil},
		{"no certificate", "kube-apiserver/serving", "", []byte(" "), nil},
	} {
		i := audit.Inspect("x", tt.data, noPassword, fixtures.KubeadmTime)
		if err := i.Expect(tt.role, audit.Options{Overrides: audit.Overrides{KubernetesVersion: tt.version}}); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range i.Findings {
			got = append(got, fmt.Sprintf("%s %s: %s", f.Severity, f.Check, f.Message))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	i := audit.Inspect("x", scheduler, noPassword, fixtures.KubeadmTime)
	if err := i.Expect("nobody/client", audit.Options{}); err == nil || err.Error() != `unknown role "nobody/client"; "certaudit requirements" lists them` {
		t.Errorf("an unknown role: %v", err)
	}
}

func TestEndpointAddress(t *testing.T) {
	for arg, want := range map[string]string{"localhost:6443": "localhost:6443", "[::1]:443": "[::1]:443", "https://example.org": "example.org:443",
		"https://example.org:8443/healthz": "example.org:8443", "https://[::1]": "[::1]:443", "example.org": "", "a/b:1": "", ":443": "", "x:0": "", "x:70000": "", "x:https": ""} {
		got, ok := audit.EndpointAddress(arg)
		if got != want || ok != (want != "") {
			t.Errorf("%s: %q, %v, want %q", arg, got, ok, want)
		}
	}
}

func TestInspectEndpoint(t *testing.T) {
	m := newMaker()
	cert, key := m.leaf("web", "web-sub", "web.example.org")
	pair, err := tls.X509KeyPair([]byte(cert+m.ca("web-sub")), []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	roots := []*x509.Certificate{parsers.ParseMaterial(parsers.Origin{}, []byte(m.ca("web-ca"))).Certificates[0].Certificate}
	server := func(config *tls.Config) func(net.Conn) {
		config.Certificates = []tls.Certificate{pair}
		return func(c net.Conn) { _ = tls.Server(c, config).Handshake() }
	}
	for _, tt := range []struct {
		name, serverName string
		serve            func(net.Conn)
		want             audit.Session
		items            int
	}{
		{"sound", "web.example.org", server(&tls.Config{}), audit.Session{Protocol: "TLS 1.3"}, 2},
		{"another name", "", server(&tls.Config{MaxVersion: tls.VersionTLS12}), audit.Session{Protocol: "TLS 1.2",
			NameError: "x509: cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs"}, 2},
		{"client certificate demanded", "web.example.org", server(&tls.Config{ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12}),
			audit.Session{Protocol: "TLS 1.2", Error: "the handshake failed: remote error: tls: handshake failure"}, 2},
		{"no TLS", "", func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 400 Bad Request\r\n\r\n") }, audit.Session{Error: "it speaks no TLS"}, 0},
		{"data without end", "", func(c net.Conn) {
			for _, err := c.Write(bytes.Repeat([]byte{22, 3, 3, 0x40, 0}, 1000)); err == nil; {
				_, err = c.Write(bytes.Repeat([]byte{0xff}, 1<<16))
			}
		}, audit.Session{Error: "the handshake failed: tls: handshake message of length 197440 bytes exceeds maximum of 65536 bytes"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			address := serve(t, tt.serve)
			i := audit.InspectEndpoint(context.Background(), address, tt.serverName, roots, "web-ca.crt", fixtures.Now)
			tt.want.Address, tt.want.Roots, tt.want.ServerName = address, "web-ca.crt", tt.serverName
			if tt.serverName == "" {
				tt.want.ServerName = "127.0.0.1"
			}
			tt.want.Cipher = i.Session.Cipher
			if diff := cmp.Diff(tt.want, *i.Session); diff != "" {
				t.Errorf("session (-want +got):\n%s", diff)
			}
			if len(i.Items) != tt.items || (i.Session.Protocol != "") != (i.Session.Cipher != "") {
				t.Errorf("%d items, cipher %q", len(i.Items), i.Session.Cipher)
			}
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	address := serve(t, func(net.Conn) { cancel(); <-t.Context().Done() })
	if i := audit.InspectEndpoint(ctx, address, "", roots, "", fixtures.Now); i.Session.Error == "" {
		t.Error("a server that says nothing was waited for")
	}
}

// What the guides for administrators have openssl make.
func TestInspectOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("there is no openssl")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "csr.conf"), []byte("[req]\ndistinguished_name = dn\nreq_extensions = ext\nprompt = no\n[dn]\nCN = web\n[ext]\nsubjectAltName = DNS:web.example.org, IP:192.0.2.7, email:a@example.org, URI:spiffe://example.org/web\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{
		"genrsa -out ca.key 2048", "req -x509 -new -nodes -key ca.key -subj /CN=my-ca -days 10000 -out ca.crt",
		"genrsa -out web.key 2048", "req -new -key web.key -config csr.conf -out web.csr",
		"x509 -req -in web.csr -CA ca.crt -CAkey ca.key -set_serial 4660 -days 1000 -extensions ext -extfile csr.conf -out web.crt",
		"x509 -in web.crt -outform DER -out web.der", "req -in web.csr -outform DER -out web.csr.der", "x509 -in web.crt -text -out web.txt",
	} {
		cmd := exec.Command(openssl, strings.Fields(args)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("openssl %s: %v\n%s", args, err, out)
		}
	}
	for name, want := range map[string]audit.Item{
		"web.crt":     {Kind: "certificate", Subject: "CN=web", Serial: "1234"},
		"web.der":     {Kind: "certificate", Subject: "CN=web", Serial: "1234"},
		"web.txt":     {Kind: "certificate", Subject: "CN=web", Serial: "1234"},
		"web.csr":     {Kind: "certificate request", Subject: "CN=web", SignatureValid: true},
		"web.csr.der": {Kind: "certificate request", Subject: "CN=web", SignatureValid: true},
	} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		i := audit.Inspect(name, data, noPassword, time.Now())
		if len(i.Items) != 1 || len(i.Problems) != 0 {
			t.Errorf("%s: items %+v, problems %v", name, i.Items, i.Problems)
			continue
		}
		got := audit.Item{Kind: i.Items[0].Kind, Subject: i.Items[0].Subject, Serial: i.Items[0].Serial, SignatureValid: i.Items[0].SignatureValid}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		names := [][]string{i.Items[0].DNSNames, i.Items[0].IPAddresses, i.Items[0].EmailAddresses, i.Items[0].URIs}
		if diff := cmp.Diff([][]string{{"web.example.org"}, {"192.0.2.7"}, {"a@example.org"}, {"spiffe://example.org/web"}}, names); diff != "" {
			t.Errorf("%s: names (-want +got):\n%s", name, diff)
		}
	}
}

func FuzzInspect(f *testing.F) {
	m := newMaker()
	cert, key := m.leaf("web", "web-sub", "web.example.org")
	f.Add([]byte(cert + m.ca("web-sub") + key))
	f.Add([]byte(secretObject("a", tlsType, "tls.crt", cert, "tls.key", key)))
	f.Add([]byte("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"))
	f.Add([]byte("\x30\x82\x00\x10\x02\x01\x03"))
	f.Fuzz(func(t *testing.T, data []byte) {
		i := audit.Inspect("x", data, func() (string, error) { return "secret", nil }, fixtures.Now)
		if len(i.Items)+len(i.Problems) == 0 && !bytes.Contains(data, []byte("apiVersion")) {
			t.Error("nothing is said of the input")
		}
		for _, c := range i.Chains {
			for _, n := range c.Items {
				if i.Items[n].Kind != audit.ItemCertificate {
					t.Errorf("item %d of a chain is a %s", n, i.Items[n].Kind)
				}
			}
		}
		if err := i.Expect("kube-apiserver/serving", audit.Options{}); err != nil {
			t.Error(err)
		}
	})
}

// A certificate of X.509 version 1 is not said to be no CA: it cannot say what it is.
func TestInspectVersion(t *testing.T) {
	m := newMaker()
	m.c.NewCA("old", fixtures.Spec{CommonName: "ca", VersionOne: true})
	m.c.WriteCA("old", "/x/ca")
	m.c.Issue("/x/leaf", fixtures.Spec{CommonName: "leaf", VersionOne: true})
	for name, want := range map[string]string{
		"/x/ca.crt":   "1 no extensions, so that it cannot say CA:TRUE: Go and the components of Kubernetes take it for a root CA where a file names it as one, not for a CA below another; kubeadm refuses it as a CA",
		"/x/leaf.crt": "1 no extensions, so that it has no alternative names and no usages: Go clients refuse it from a server; Go servers accept it from a client; it is no CA below another",
	} {
		item := audit.Inspect("x", m.c.Node[name].Data, noPassword, fixtures.Now).Items[0]
		if got := fmt.Sprint(item.Version, " ", item.VersionNote); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}
