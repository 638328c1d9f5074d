//go:build unix

package deploy_test

import (
	"bufio"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"certaudit/fixtures"
)

var listening = regexp.MustCompile(`msg=listening address=(\S+)`)

// The program, built as the Dockerfile does, serves a node with nothing else in
// its file system, as in the image; it is started, and asked whether it is alive
// and ready, as the DaemonSet has it.
func TestProgramNeedsNothingBeside(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can change the root folder")
	}
	dir := t.TempDir()
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(dir, "certaudit"), "certaudit/cmd/certaudit")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := fixtures.ControlPlane(fixtures.Options{Now: time.Now()}).Node.Write(filepath.Join(dir, "host")); err != nil {
		t.Fatal(err)
	}
	var ds daemonSet
	readYAML(t, base+"/daemonset.yaml", &ds)
	container := ds.Spec.Template.Spec.Containers[0]
	c := &exec.Cmd{Path: "/certaudit", Dir: "/", Env: []string{}, SysProcAttr: &syscall.SysProcAttr{Chroot: dir},
		Args: append(append([]string{"/certaudit"}, container.Args...), "--web.listen-address=127.0.0.1:0")}
	log, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	}()
	lines := bufio.NewScanner(log)
	var address, audit string
	for (address == "" || audit == "") && lines.Scan() {
		if m := listening.FindStringSubmatch(lines.Text()); m != nil {
			address = m[1]
		}
		if strings.Contains(lines.Text(), " msg=audit ") {
			audit = lines.Text()
		}
	}
	if !sound.MatchString(audit) {
		t.Errorf("the audit of a sound node: %s", audit)
	}
	for _, p := range []probe{container.Startup, container.Readiness, container.Liveness} {
		resp, err := http.Get("http://" + address + p.Get.Path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s answers %s", p.Get.Path, resp.Status)
		}
	}
}

// sound is the log line of a whole audit of a sound node.
var sound = regexp.MustCompile(`msg=audit why=start .*certificates=16 critical=0 warning=0 .*complete=true`)
