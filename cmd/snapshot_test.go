package cmd

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"certaudit/fixtures"
)

// What is served at /snapshot is what the command writes, where it is switched on.
func TestServeSnapshot(t *testing.T) {
	dir := controlPlane(t)
	f := serveNode(dir)
	f.snapshot, f.webConfig = true, filepath.Join(t.TempDir(), "web.yaml")
	const users = "basic_auth_users: {prometheus: " + Hashed + "}\n"
	ok(t, os.WriteFile(f.webConfig, []byte(users), 0o644))
	r := startServer(t, f, newWatcher, nil)
	r.user, r.secret = "prometheus", Password
	r.until("certaudit_audit_success 1")
	code, body := r.get("/snapshot")
	var want bytes.Buffer
	p := &program{stdout: &want, now: r.server.now}
	ok(t, p.snapshot(auditFlags{roots: []string{dir}}, ""))
	if code != http.StatusOK || body != want.String() {
		t.Errorf("%d with %d bytes; the command writes %d", code, len(body), want.Len())
	}
	for _, config := range []string{"{}\n", "", "basic_auth_users: {}\n", "http_server_config: {http2: false}\n"} {
		ok(t, os.WriteFile(f.webConfig, []byte(config), 0o644))
		if code, _ := r.get("/snapshot"); code != http.StatusForbidden {
			t.Errorf("with the web configuration %q: %d", config, code)
		}
		if code, _ := r.get("/metrics"); code != http.StatusOK {
			t.Errorf("metrics with the web configuration %q: %d", config, code)
		}
	}
	ok(t, os.WriteFile(f.webConfig, []byte(users), 0o644))
	if code, _ := r.get("/snapshot"); code != http.StatusOK {
		t.Errorf("with users again: %d", code)
	}
	r.user = ""
	if code, _ := r.get("/snapshot"); code != http.StatusUnauthorized {
		t.Errorf("without a password: %d", code)
	}

	r = startServer(t, serveNode(dir), newWatcher, nil)
	if code, _ := r.get("/snapshot"); code != http.StatusNotFound {
		t.Errorf("without the flag: %d", code)
	}
}

// A snapshot is served where the web configuration asks clients who they are.
func TestServeSnapshotNeedsAuthentication(t *testing.T) {
	const refused = "lets everybody in"
	pair := filepath.Join(t.TempDir(), "server")
	node := fixtures.ControlPlane(fixtures.Options{}).Node
	for _, kind := range []string{".crt", ".key"} {
		ok(t, os.WriteFile(pair+kind, node["/etc/kubernetes/pki/apiserver"+kind].Data, 0o600))
	}
	tls := fmt.Sprintf("tls_server_config: {cert_file: %s, key_file: %s", pair+".crt", pair+".key")
	for config, want := range map[string]string{
		"": refused, "{}\n": refused, "basic_auth_users: {}\n": refused, tls + "}\n": refused,
		tls + ", client_auth_type: RequireAnyClientCert}\n":                                         refused,
		tls + ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: " + pair + ".crt}\n": "",
		tls + ", client_auth_type: VerifyClientCertIfGiven, client_ca_file: " + pair + ".crt}\n":    "",
		"basic_auth_users: {prometheus: " + Hashed + "}\n":                                          "",
	} {
		f := serveNode(t.TempDir())
		f.interval, f.snapshot, f.webConfig = time.Minute, true, filepath.Join(t.TempDir(), "web.yaml")
		ok(t, os.WriteFile(f.webConfig, []byte(config), 0o644))
		if err := f.validate(); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v; want %q", config, err, want)
		}
		f.snapshot = false
		ok(t, f.validate())
	}
}
