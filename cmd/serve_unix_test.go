//go:build unix

package cmd

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestServeRefusesPolicies sends SIGHUP with what is no policy: the one before stays in
// force, and it is told, in time.
func TestServeRefusesPolicies(t *testing.T) {
	f := serveNode(controlPlane(t))
	f.config = filepath.Join(t.TempDir(), "policy.yaml")
	ok(t, os.WriteFile(f.config, []byte("checks: {kubelet/serving-self-signed: warning}\n"), 0o644))
	r := startServer(t, f, newWatcher, nil)
	const inForce = `certaudit_findings{check="kubelet/serving-self-signed",severity="warning"} 1`
	r.until(inForce, "certaudit_config_last_reload_successful 1")
	quadratic := "waivers:\n" + strings.Repeat("- {check: a, check: b, path: x, reason: y, until: 2027-01-01}\n", 20000)
	for name, place := range map[string]func() error{
		"nothing":   func() error { return nil },
		"a folder":  func() error { return os.Mkdir(f.config, 0o755) },
		"a FIFO":    func() error { return syscall.Mkfifo(f.config, 0o644) },
		"huge":      func() error { return os.WriteFile(f.config, bytes.Repeat([]byte("# \n"), 1<<22), 0o644) },
		"quadratic": func() error { return os.WriteFile(f.config, []byte(quadratic), 0o644) },
	} {
		ok(t, os.RemoveAll(f.config))
		ok(t, place())
		r.reload <- syscall.SIGHUP
		t.Log(name)
		r.until("certaudit_config_last_reload_successful 0", inForce)
		ok(t, os.RemoveAll(f.config))
		ok(t, os.WriteFile(f.config, []byte("checks: {kubelet/serving-self-signed: warning}\n"), 0o644))
		r.reload <- syscall.SIGHUP
		r.until("certaudit_config_last_reload_successful 1", inForce)
	}
}
