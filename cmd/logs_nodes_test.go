package cmd_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"certaudit/audit"
	program "certaudit/cmd"
	"certaudit/fixtures"
)

// logsSay are what certaudit logs says with some arguments, an event a line: on which node, who,
// how often and when, and the likeliest cause.
func logsSay(t *testing.T, stdin string, args ...string) []string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := program.Main(append([]string{"logs", "-o", "json", "--at", fixtures.Now.Format(time.RFC3339)}, args...), strings.NewReader(stdin), &stdout, &stderr)
	var told audit.Logs
	if err := json.Unmarshal(stdout.Bytes(), &told); err != nil {
		t.Fatalf("it ends with %d: %s", code, stderr.String())
	}
	var out []string
	for _, e := range told.Events {
		out = append(out, fmt.Sprintf("%s: %s %d×, %s to %s: %s: %s", e.Node, e.Component, e.Count, e.First.Format(time.TimeOnly), e.Last.Format(time.TimeOnly), e.Kind, e.Cause))
	}
	for _, s := range told.Sources {
		if len(s.Problems) > 0 {
			t.Errorf("%s: %q", s.Name, s.Problems)
		}
	}
	return out
}

// rejects is a line of etcd's, as the log of its pod has it.
func rejects(why string) string {
	return `2026-11-23T11:50:31.002Z stderr F {"level":"warn","ts":"2026-11-23T11:50:31.001917Z","caller":"embed/config_logging.go:194","msg":"rejected connection on client endpoint","remote-addr":"127.0.0.1:41822","server-name":"","error":"` + why + `"}` + "\n"
}

// Without a log, those of each node below a --root are read, and held against that node
// alone, even where two of them are looks at one.
func TestLogsOfRoots(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // without a journalctl
	old := func(file string) *fixtures.Cluster {
		c := fixtures.ControlPlane(fixtures.Options{})
		c.Reissue(file, func(s *fixtures.Spec) {
			s.NotBefore, s.NotAfter = fixtures.Now.AddDate(-1, 0, 0), fixtures.Now.AddDate(0, 0, -3)
		})
		return c
	}
	write := func(c *fixtures.Cluster, text string) string {
		dir := t.TempDir()
		must(t, c.Node.Write(dir))
		name := filepath.Join(dir, "var/log/pods/kube-system_etcd-cp-1_77aa/etcd/0.log")
		must(t, os.MkdirAll(filepath.Dir(name), 0o755))
		must(t, os.WriteFile(name, []byte(text), 0o644))
		return dir
	}
	ended := rejects("tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-11-23T11:50:31Z is after 2026-11-20T12:00:00Z")
	a := write(old("/etc/kubernetes/pki/apiserver-etcd-client"), ended)
	b := write(old("/etc/kubernetes/pki/etcd/server"), rejects("remote error: tls: bad certificate"))
	alone := "cp-1: etcd 1×, 11:50:31 to 11:50:31: expired: validity/expired /etc/kubernetes/pki/apiserver-etcd-client.crt:1 on cp-1"
	want := []string{
		strings.ReplaceAll(alone, "cp-1", fmt.Sprintf("cp-1 (%s)", a)),
		fmt.Sprintf("cp-1 (%s): etcd 1×, 11:50:31 to 11:50:31: bad-certificate: validity/expired /etc/kubernetes/pki/etcd/server.crt:1 on cp-1 (%[1]s)", b),
	}
	if diff := cmp.Diff(want, logsSay(t, "", "--root", a, "--root", b)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{alone}, logsSay(t, "", "--root", a)); diff != "" {
		t.Errorf("of one root: -want +got:\n%s", diff)
	}
}

// entry is one of the journal in the export format.
func entry(seconds int64, unit, identifier, message string) string {
	at := fixtures.Now.Add(time.Duration(seconds) * time.Second).UnixMicro()
	text := fmt.Sprintf("__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=0123456789abcdef0123456789abcdef\n_MACHINE_ID=%s\n_HOSTNAME=cp-1\n_TRANSPORT=stdout\nPRIORITY=6\nSYSLOG_IDENTIFIER=%s\n_SYSTEMD_UNIT=%s\n_PID=700\n",
		at, 10_000_000_000+seconds*1_000_000, machine, identifier, unit)
	if !strings.Contains(message, "\n") {
		return text + "MESSAGE=" + message + "\n\n"
	}
	return text + "MESSAGE\n" + string(binary.LittleEndian.AppendUint64(nil, uint64(len(message)))) + message + "\n\n"
}

const machine = "fedcba9876543210fedcba9876543210"

// journalFile writes a journal as systemd does.
func journalFile(t *testing.T, dir string, entries ...string) {
	t.Helper()
	if _, err := exec.LookPath("journalctl"); err != nil {
		t.Skip("there is no journalctl")
	}
	for _, remote := range []string{"/usr/lib/systemd/systemd-journal-remote", "/lib/systemd/systemd-journal-remote"} {
		if _, err := os.Stat(remote); err != nil {
			continue
		}
		must(t, os.MkdirAll(dir, 0o755))
		c := exec.Command(remote, "--output="+filepath.Join(dir, "system.journal"), "-")
		c.Stdin = strings.NewReader(strings.Join(entries, ""))
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return
	}
	t.Skip("there is no systemd-journal-remote")
}

// A journal of systemd is read as certaudit asks journalctl for it, and in whatever form
// journalctl writes it.
func TestJournal(t *testing.T) {
	c := fixtures.ControlPlane(fixtures.Options{})
	c.Reissue("/etc/kubernetes/pki/apiserver", func(s *fixtures.Spec) {
		s.NotBefore, s.NotAfter = fixtures.Now.AddDate(-1, 0, 0), fixtures.Now.AddDate(0, 0, -3)
	})
	dir := t.TempDir()
	must(t, c.Node.Write(dir))
	fails := `"Unable to register node with API server" err="Post \"https://192.0.2.11:6443/api/v1/nodes\": tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-11-23T12:00:00Z is after 2026-11-20T12:00:00Z" node="cp-1"`
	journals := filepath.Join(dir, "var/log/journal", machine)
	journalFile(t, journals,
		entry(-7200, "kubelet.service", "kubelet", fails),
		entry(-60, "kubelet.service", "kubelet", fails),
		entry(-59, "kubelet.service", "kubelet", "two lines\n"+fails),
		entry(-58, "kubelet.service", "kubelet", `I1123 11:59:02.081474     700 kubelet.go:95] "Nothing of interest"`),
		entry(-57, "nginx.service", "nginx", fails))
	event := func(count int, first, last string) []string {
		return []string{fmt.Sprintf("cp-1: kubelet %d×, %s to %s: expired: validity/expired /etc/kubernetes/pki/apiserver.crt:1 on cp-1", count, first, last)}
	}
	if diff := cmp.Diff(event(3, "10:00:00", "11:59:01"), logsSay(t, "", "--root", dir)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(event(2, "11:59:00", "11:59:01"), logsSay(t, "", "--root", dir, "--since", "2026-11-23T11:00:00Z")); diff != "" {
		t.Errorf("since: -want +got:\n%s", diff)
	}
	for _, form := range []string{"short", "short-full", "short-iso", "short-iso-precise", "short-unix", "verbose", "export", "json", "json-sse", "json-seq"} {
		out, err := exec.Command("journalctl", "--directory="+journals, "--utc", "--no-pager", "--unit=kubelet.service", "--output="+form).Output()
		must(t, err)
		if diff := cmp.Diff(event(3, "10:00:00", "11:59:01"), logsSay(t, string(out), "--root", dir, "-")); diff != "" {
			t.Errorf("%s: -want +got:\n%s\n%s", form, diff, out)
		}
	}
}
