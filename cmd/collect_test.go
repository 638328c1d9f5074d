package cmd_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"certaudit/audit"
	"certaudit/audit/inventory"
	program "certaudit/cmd"
	"certaudit/fixtures"
)

// lab is some hosts on the loopback, each with an sshd of its own that runs as the user
// of the test, and a configuration of ssh by which they are reached.
type lab struct {
	t           *testing.T
	dir         string
	sshd        string
	user        string
	config      strings.Builder
	certaudit   string
	connections sync.WaitGroup
}

// labHost is a host of a lab.
type labHost struct {
	// bin comes first in PATH on the host, and tmp is its folder of temporary files.
	bin, tmp string
	port     int
	listener net.Listener
	sessions chan *net.TCPConn
}

const keyType = "ed25519"

func newLab(t *testing.T) *lab {
	t.Helper()
	t.Parallel()
	sshd, err := exec.LookPath("sshd")
	if err != nil {
		sshd = "/usr/sbin/sshd"
	}
	if _, err := os.Stat(sshd); err != nil {
		t.Skip("needs openssh-server")
	}
	if os.Getuid() == 0 { // where sshd drops its privileges
		do(t, os.MkdirAll("/run/sshd", 0o755))
	}
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, dir: t.TempDir(), sshd: sshd, user: u.Username}
	for _, name := range []string{"host", "user", "stranger"} {
		command := exec.Command("ssh-keygen", "-q", "-t", keyType, "-N", "", "-C", "", "-f", filepath.Join(l.dir, name))
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	l.certaudit = filepath.Join(l.dir, "certaudit") // TestMain makes this program of it
	do(t, os.Symlink(own, l.certaudit))
	t.Cleanup(l.connections.Wait)
	return l
}

func do(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// host adds a host that this test's user logs in to. It takes that user for root.
func (l *lab) host(name string) *labHost {
	l.t.Helper()
	h := &labHost{bin: filepath.Join(l.dir, name, "bin"), tmp: filepath.Join(l.dir, name, "tmp"), sessions: make(chan *net.TCPConn, 16)}
	do(l.t, os.MkdirAll(h.bin, 0o755))
	do(l.t, os.MkdirAll(h.tmp, 0o755))
	h.script(l.t, "id", "echo 0")
	config := filepath.Join(l.dir, name, "sshd_config")
	do(l.t, os.WriteFile(config, []byte(fmt.Sprintf("HostKey %[1]s/host\nAuthorizedKeysFile %[1]s/user.pub\nStrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nSetEnv PATH=%[2]s:/usr/bin:/bin TMPDIR=%[3]s\n", l.dir, h.bin, h.tmp)), 0o600))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	do(l.t, err)
	h.listener, h.port = listener, listener.Addr().(*net.TCPAddr).Port
	l.t.Cleanup(func() { listener.Close() })
	l.connections.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			l.connections.Go(func() { l.serve(h, conn.(*net.TCPConn), config) })
		}
	})
	l.reached(name, h.port, "user")
	return h
}

// serve lets sshd serve one connection, as inetd does.
func (l *lab) serve(h *labHost, conn *net.TCPConn, config string) {
	defer conn.Close()
	f, err := conn.File()
	if err != nil {
		return
	}
	defer f.Close()
	select {
	case h.sessions <- conn:
	default:
	}
	c := exec.Command(l.sshd, "-i", "-f", config)
	c.Stdin, c.Stdout = f, f
	_ = c.Run() // ends as the connection does
}

// reached adds how ssh reaches a host.
func (l *lab) reached(name string, port int, key string) {
	fmt.Fprintf(&l.config, "Host %s\n\tPort %d\n\tIdentityFile %s\n", name, port, filepath.Join(l.dir, key))
	known, err := os.ReadFile(filepath.Join(l.dir, "host.pub"))
	do(l.t, err)
	f, err := os.OpenFile(filepath.Join(l.dir, "known_hosts"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	do(l.t, err)
	fmt.Fprintf(f, "[127.0.0.1]:%d %s", port, known)
	do(l.t, f.Close())
}

// collect runs certaudit collect, and returns how it ended and what it wrote.
func (l *lab) collect(args ...string) (code int, stdout, stderr string) {
	l.t.Helper()
	config := filepath.Join(l.dir, "ssh_config")
	common := fmt.Sprintf("Host *\n\tHostName 127.0.0.1\n\tUser %s\n\tIdentitiesOnly yes\n\tIdentityAgent none\n\tUserKnownHostsFile %s/known_hosts\n\tGlobalKnownHostsFile none\n", l.user, l.dir)
	do(l.t, os.WriteFile(config, []byte(l.config.String()+common), 0o600))
	var out, errs bytes.Buffer
	code = program.Main(append([]string{"collect", "-F", config}, args...), strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

// script puts a program into the PATH of a host.
func (h *labHost) script(t *testing.T, name, text string) {
	t.Helper()
	do(t, os.WriteFile(filepath.Join(h.bin, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755))
}

// install puts a certaudit into the PATH of a host that takes a scenario for its node.
func (l *lab) install(h *labHost, scenario string) {
	l.t.Helper()
	h.script(l.t, "certaudit", l.reading(scenario))
}

// reading is what a script has to do to be a certaudit that reads a scenario.
func (l *lab) reading(scenario string) string {
	l.t.Helper()
	return fmt.Sprintf(`exec %s "$@" --root %s`, l.certaudit, l.tree(scenario))
}

// tree writes a scenario.
func (l *lab) tree(scenario string) string {
	l.t.Helper()
	dir := filepath.Join(l.t.TempDir(), scenario)
	for _, s := range fixtures.Scenarios() {
		if s.Name == scenario {
			do(l.t, s.Node().Write(dir))
			return dir
		}
	}
	l.t.Fatalf("no scenario %q", scenario)
	return ""
}

// leaves fails a test if something is left in the folder of temporary files of a host.
func (h *labHost) leaves(t *testing.T) {
	t.Helper()
	if left, _ := os.ReadDir(h.tmp); len(left) > 0 {
		t.Errorf("%d temporary files are left, the first is %s", len(left), left[0].Name())
	}
}

// shownSet tells of each snapshot of a set the host, the node, and why nothing is known.
func shownSet(t *testing.T, set string) []string {
	t.Helper()
	var got []string
	r := inventory.NewSnapshotReader(strings.NewReader(set), nil)
	for {
		inv, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		do(t, err)
		line := inv.Folder + ": " + inv.Hostname.Value
		for _, p := range inv.Problems {
			line += p.Detail
		}
		got = append(got, line)
	}
	if n := strings.Count(set, "\n"); n != len(got) {
		t.Errorf("%d snapshots are on %d lines", len(got), n)
	}
	return got
}

// audited is how certaudit audit ends for a set, and its findings by node and check.
func audited(t *testing.T, set string) (code int, findings []string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = program.Main([]string{"audit", "--at", fixtures.Now.Format(time.RFC3339), "-o", "json", "-"}, strings.NewReader(set), &out, &errs)
	var r audit.Result
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	for _, f := range r.Findings {
		findings = append(findings, f.Node+" "+f.Check)
	}
	return code, findings
}

// What is installed is used; the order of the hosts is that of the set, and each is
// audited as if one stood on it.
func TestCollectInstalled(t *testing.T) {
	l := newLab(t)
	l.install(l.host("a"), "ok-1.34")
	l.install(l.host("b"), "ok-worker")
	code, set, said := l.collect("b", "a", "b")
	if diff := cmp.Diff([]string{"b: worker-1", "a: cp-1"}, shownSet(t, set)); diff != "" || code != 0 || said != "" {
		t.Fatalf("ended with %d: %s(-want +got):\n%s", code, said, diff)
	}
	code, findings := audited(t, set)
	if diff := cmp.Diff([]string{"cp-1 kubelet/serving-self-signed", "worker-1 kubelet/serving-self-signed"}, findings); diff != "" || code != 0 {
		t.Errorf("the audit ended with %d (-want +got):\n%s", code, diff)
	}
}

// A host that fails is part of the set, and the others are judged.
func TestCollectFailures(t *testing.T) {
	l := newLab(t)
	l.install(l.host("good"), "ok-1.34")
	answers := func(name, text string) {
		l.host(name).script(l.t, "certaudit", text)
	}
	answers("garbage", "echo '{\"a\": 1}'; printf '\\033[2J'")
	answers("nothing", ":")
	answers("twice", l.reading("ok-1.34")[len("exec "):]+"\ncase $2 in --help) ;; *) echo more;; esac")
	answers("breaks", "case $2 in --help) exit 0;; esac; printf '{\"schema\":\"certaudit-inventory/v1\",'")
	answers("fails", "case $2 in --help) exit 0;; esac; echo 'certaudit: no certificates were found' >&2; exit 3")
	h := l.host("sudo")
	l.install(h, "ok-1.34")
	h.script(t, "id", "echo 1000")
	h.script(t, "sudo", "echo 'sudo: a password is required' >&2; exit 1")
	l.host("noisy").script(t, "certaudit", "case $2 in --help) exit 0;; esac; yes | head -c 70000000")
	wrong := l.host("wrong")
	l.config.Reset()
	for name, h := range map[string]*labHost{"wrong": wrong} {
		l.reached(name, h.port, "stranger")
	}
	_ = h
}

func TestCollectJumps(t *testing.T) {
	l := newLab(t)
	l.install(l.host("behind"), "ok-1.34")
	l.host("bastion")
	code, set, said := l.collect("--ssh-option", "ProxyJump=bastion", "behind")
	if diff := cmp.Diff([]string{"behind: cp-1"}, shownSet(t, set)); diff != "" || code != 0 {
		t.Fatalf("ended with %d: %s(-want +got):\n%s", code, said, diff)
	}
}

var _ = []any{regexp.MustCompile, runtime.GOOS, slices.Sort[[]string]}
