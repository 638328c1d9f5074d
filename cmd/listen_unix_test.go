//go:build unix

package cmd_test

import (
	"bytes"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestServeUnreadable takes away the right to read, and gives it back. The server
// runs as somebody whom rights concern.
func TestServeUnreadable(t *testing.T) {
	dir := soundNode(t)
	c := certaudit(t, "serve", "--root", dir, "--web.listen-address", "127.0.0.1:0")
	if os.Getuid() == 0 {
		asNobody(t, c, dir)
	}
	url := "http://" + started(t, c, 1)[0] + "/metrics"
	const complete, missing, unreadable = "\ncertaudit_audit_complete 1\n", "\ncertaudit_certificate_missing{", "\ncertaudit_certificate_unreadable{"
	says(t, url, complete, "!"+missing, "!"+unreadable)
	must(t, os.Chmod(dir+apiserver, 0))
	says(t, url, "!"+complete, "!"+missing, unreadable)
	must(t, os.Chmod(dir+apiserver, 0o644))
	says(t, url, complete, "!"+missing, "!"+unreadable)
	ended(t, c)
}

// asNobody has the program run as nobody, who owns the tree.
func asNobody(t *testing.T, c *exec.Cmd, tree string) {
	t.Helper()
	const nobody = 65534
	program := filepath.Join(t.TempDir(), "certaudit")
	data, err := os.ReadFile(c.Path)
	must(t, err)
	must(t, os.WriteFile(program, data, 0o755))
	for _, dir := range []string{filepath.Dir(program), filepath.Dir(filepath.Dir(program)), tree} {
		must(t, os.Chmod(dir, 0o755))
	}
	must(t, filepath.WalkDir(tree, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(name, nobody, nobody)
	}))
	c.Path, c.Dir = program, "/"
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
}

// says waits until the metrics hold some text, or with a "!" before it do not.
func says(t *testing.T, url string, texts ...string) {
	t.Helper()
	var body []byte
	for end := time.Now().Add(patient); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		resp, err := http.Get(url)
		must(t, err)
		body, err = io.ReadAll(resp.Body)
		must(t, err)
		must(t, resp.Body.Close())
		if !slices.ContainsFunc(texts, func(text string) bool {
			absent, negated := strings.CutPrefix(text, "!")
			return bytes.Contains(body, []byte(absent)) == negated
		}) {
			return
		}
	}
	t.Fatalf("the metrics never say %q:\n%s", texts, body)
}
