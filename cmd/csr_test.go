package cmd_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"certaudit/audit"
	program "certaudit/cmd"
	"certaudit/fixtures"
)

// requests runs certaudit csr and returns its exit code and result.
func requests(t *testing.T, args ...string) (int, audit.Result) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := program.Main(append([]string{"csr", "-o", "json"}, args...), strings.NewReader(""), &stdout, &stderr)
	var r audit.Result
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		t.Fatalf("certaudit csr %q: %v\n%s", args, err, stderr.String())
	}
	return code, r
}

// OpenSSL makes the requests and signs them, with the commands that the guides
// for administrators show.
func TestRequestsOfOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	t.Chdir(t.TempDir())
	if err := os.WriteFile("csr.conf", fixtures.RequestFile("openssl/csr.conf"), 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(line string) {
		t.Helper()
		c := exec.Command(openssl, strings.Fields(line)...)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("openssl %s: %v\n%s", line, err, out)
		}
	}
	for _, line := range []string{
		"genrsa -out ca.key 2048",
		"req -x509 -new -noenc -key ca.key -subj /CN=kubernetes -days 10000 -out ca.crt",
		"genrsa -out jane.key 2048",
		"req -new -key jane.key -subj /CN=jane/O=developers -out jane.csr",
		"x509 -req -in jane.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out jane.crt -days 500",
		"genrsa -out server.key 2048",
		"req -new -key server.key -out server.csr -config csr.conf",
		"x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out server.crt -days 365 -extensions v3_ext -extfile csr.conf -sha256",
		"genrsa -out short.key 1024",
		"req -new -key short.key -subj /CN=short -out short.csr",
		"ecparam -name secp384r1 -genkey -noout -out ec.key",
		"req -new -key ec.key -subj /CN=john -addext subjectAltName=DNS:john.example.com -newhdr -text -out ec.csr",
		"genpkey -algorithm ed25519 -out ed.key",
		"req -new -key ed.key -subj /CN=ed -out ed.csr",
	} {
		run(line)
	}
	var got []string
	for _, file := range []string{"jane.csr", "server.csr", "short.csr", "ec.csr", "ed.csr"} {
		code, r := requests(t, file)
		q := r.Requests[0]
		got = append(got, fmt.Sprintf("%s: %d %s %v %v %v %s %s %v", file, code, q.CommonName, q.Organizations, q.DNSNames, q.IPAddresses, q.KeyAlgorithm, q.Verdict, q.Reasons))
	}
	want := []string{
		"jane.csr: 0 jane [developers] [] [] RSA-2048 sound []",
		"server.csr: 0 system:node:worker-1 [system:nodes] [worker-1 worker-1.example.com] [192.0.2.21] RSA-2048 sound []",
		"short.csr: 1 short [] [] [] RSA-1024 doubtful [csr/weak-key]",
		"ec.csr: 0 john [] [john.example.com] [] ECDSA-P384 sound []",
		"ed.csr: 0 ed [] [] [] Ed25519 sound []",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	// openssl x509 -req signs what it is told to, not what was asked for: no
	// usages at all, or those of csr.conf.
	object := func(name, signer, usages, user string) string {
		request, err := os.ReadFile(name + ".csr")
		if err != nil {
			t.Fatal(err)
		}
		issued, err := os.ReadFile(name + ".crt")
		if err != nil {
			t.Fatal(err)
		}
		file := name + ".yaml"
		text := fmt.Sprintf("apiVersion: certificates.k8s.io/v1\nkind: CertificateSigningRequest\nmetadata: {name: %s}\nspec:\n  request: %s\n  signerName: %s\n  usages: [%s]\n  username: %q\nstatus:\n  certificate: %s\n  conditions: [{type: Approved, status: \"True\"}]\n",
			name, base64.StdEncoding.EncodeToString(request), signer, usages, user, base64.StdEncoding.EncodeToString(issued))
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	jane := object("jane", "kubernetes.io/kube-apiserver-client", "client auth", "jane")
	server := object("server", "kubernetes.io/kubelet-serving", "digital signature, key encipherment, server auth", "system:node:worker-1")
	code, r := requests(t, "--ca", "ca.crt", jane, server)
	got = nil
	for _, f := range r.Findings {
		got = append(got, fmt.Sprintf("%s %s %s: %s", f.Severity, f.Check, f.Path, f.Message))
	}
	want = []string{
		`warning csr/issued-terms jane.yaml: the certificate has the usages none; asked for: "client auth"`,
		`warning csr/issued-terms server.yaml: the certificate has the usages "key encipherment", "data encipherment", "server auth", "client auth"; asked for: "digital signature", "key encipherment", "server auth"`,
	}
	if diff := cmp.Diff(want, got); code != 1 || diff != "" {
		t.Errorf("exit code %d, findings (-want +got):\n%s", code, diff)
	}
}

// A thousand objects of which some are hostile are judged in a moment, each for
// itself.
func TestManyRequests(t *testing.T) {
	if testing.Short() {
		t.Skip("writes and reads 1000 requests")
	}
	request := base64.StdEncoding.EncodeToString(fixtures.Request(fixtures.RequestSpec{CommonName: "jane"}))
	var b strings.Builder
	for i := range 1000 {
		content := request
		switch i % 4 {
		case 1:
			content = strings.Repeat("QUJD", 10_000)
		case 2:
			content = "${CSR}"
		case 3:
			content = request[:len(request)/2]
		}
		fmt.Fprintf(&b, "---\napiVersion: certificates.k8s.io/v1\nkind: CertificateSigningRequest\nmetadata: {name: csr-%d}\nspec: {request: %q, signerName: kubernetes.io/kube-apiserver-client, usages: [client auth]}\n", i, content)
	}
	name := filepath.Join(t.TempDir(), "many.yaml")
	if err := os.WriteFile(name, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	code, r := requests(t, name)
	verdicts := map[string]int{}
	for _, q := range r.Requests {
		verdicts[q.Verdict]++
	}
	if diff := cmp.Diff(map[string]int{audit.VerdictSound: 250, audit.VerdictReject: 750}, verdicts); code != 1 || diff != "" {
		t.Errorf("exit code %d, verdicts (-want +got):\n%s", code, diff)
	}
}

// The requests that people keep in public repositories.
func TestRequestsOfTheField(t *testing.T) {
	dir := os.Getenv("CERTAUDIT_CORPUS")
	if dir == "" {
		t.Skip("CERTAUDIT_CORPUS is not set")
	}
	_, r := requests(t, filepath.Join(dir, "csr"), "--at", "2026-11-23")
	seen := map[string]bool{}
	for _, f := range r.Findings {
		seen[f.Check] = true
	}
	for _, check := range []string{"csr/undecodable", "csr/refused", "csr/usages", "csr/subject", "csr/requestor", "csr/pending", "csr/lifetime"} {
		if !seen[check] {
			t.Errorf("nothing shows %s among %d requests", check, len(r.Requests))
		}
	}
	if len(r.Requests) < 30 {
		t.Errorf("%d requests", len(r.Requests))
	}
}
