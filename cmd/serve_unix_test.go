//go:build unix

package cmd

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestServeWaitsForNoPipe has pipes in the place of what is read again while it serves:
// audits go on, and it is told.
func TestServeWaitsForNoPipe(t *testing.T) {
	for _, c := range []struct{ file, said string }{
		{"web.yaml", "nobody is answered"},
		{"tls.crt", "nobody is answered"},
		{"password", "passwords of key stores cannot be read"},
	} {
		t.Run(c.file, func(t *testing.T) {
			own := t.TempDir()
			f := serveNode(controlPlane(t))
			f.interval = 20 * time.Millisecond
			f.webConfig, f.passwordFiles = filepath.Join(own, "web.yaml"), []string{filepath.Join(own, "password")}
			const web = "{}\n"
			for name, text := range map[string]string{"web.yaml": web, "password": "open\n"} {
				ok(t, os.WriteFile(filepath.Join(own, name), []byte(text), 0o600))
			}
			r := startServer(t, f, newWatcher, func(s *server) { s.look = 10 * time.Millisecond })
			r.until("certaudit_audit_success 1")
			_ = os.Remove(filepath.Join(own, c.file))
			ok(t, syscall.Mkfifo(filepath.Join(own, c.file), 0o600))
			if c.file == "tls.crt" {
				ok(t, os.WriteFile(f.webConfig, []byte("tls_server_config: {cert_file: tls.crt, key_file: tls.crt}\n"), 0o600))
			}
			r.reload <- syscall.SIGHUP
			r.logs(c.said)
			before := strings.Count(r.log.String(), "msg=audit ")
			for end := time.Now().Add(patient); strings.Count(r.log.String(), "msg=audit ") <= before; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("there is no audit any more:\n%s", r.log)
				}
			}
		})
	}
}

// TestServeRefusesPolicies sends SIGHUP with what is no policy: the one before stays in
// force, and it is told, in time.
func TestServeRefusesPolicies(t *testing.T) {
	f := serveNode(controlPlane(t))
	config := filepath.Join(t.TempDir(), "policy.yaml")
	f.config = policyFile{name: config, given: true}
	ok(t, os.WriteFile(config, []byte("checks: {kubelet/serving-self-signed: warning}\n"), 0o644))
	r := startServer(t, f, newWatcher, nil)
	const inForce = `certaudit_findings{check="kubelet/serving-self-signed",severity="warning"} 1`
	r.until(inForce, "certaudit_config_last_reload_successful 1")
	quadratic := "waivers:\n" + strings.Repeat("- {check: a, check: b, path: x, reason: y, until: 2027-01-01}\n", 20000)
	for name, place := range map[string]func() error{
		"nothing":   func() error { return nil },
		"a folder":  func() error { return os.Mkdir(config, 0o755) },
		"a FIFO":    func() error { return syscall.Mkfifo(config, 0o644) },
		"huge":      func() error { return os.WriteFile(config, bytes.Repeat([]byte("# \n"), 1<<22), 0o644) },
		"quadratic": func() error { return os.WriteFile(config, []byte(quadratic), 0o644) },
	} {
		ok(t, os.RemoveAll(config))
		ok(t, place())
		r.reload <- syscall.SIGHUP
		t.Log(name)
		r.until("certaudit_config_last_reload_successful 0", inForce)
		ok(t, os.RemoveAll(config))
		ok(t, os.WriteFile(config, []byte("checks: {kubelet/serving-self-signed: warning}\n"), 0o644))
		r.reload <- syscall.SIGHUP
		r.until("certaudit_config_last_reload_successful 1", inForce)
	}
}
