//go:build unix

package cmd_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
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
	t         *testing.T
	dir       string
	sshd      string
	user      string
	config    strings.Builder
	certaudit string
	// key is what the hosts to come are reached with, "user" lets in.
	key         string
	hosts       map[string]*labHost
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
	l := &lab{t: t, dir: t.TempDir(), sshd: sshd, user: u.Username, key: "user", hosts: map[string]*labHost{}}
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

// host adds a host that this test's user logs in to. It takes that user for root.
func (l *lab) host(name string) *labHost {
	l.t.Helper()
	h := &labHost{bin: filepath.Join(l.dir, name, "bin"), tmp: filepath.Join(l.dir, name, "tmp"), sessions: make(chan *net.TCPConn, 16)}
	do(l.t, os.MkdirAll(h.bin, 0o755))
	do(l.t, os.MkdirAll(h.tmp, 0o755))
	h.script(l.t, "id", "echo 0")
	config := filepath.Join(l.dir, name, "sshd_config")
	do(l.t, os.WriteFile(config, []byte(fmt.Sprintf("HostKey %[1]s/host\nAuthorizedKeysFile %[1]s/user.pub\nStrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nSetEnv PATH=%[2]s:/usr/bin:/bin TMPDIR=%[3]s CERTAUDIT_COLLECT_ROOT=%[3]s/../root\n", l.dir, h.bin, h.tmp)), 0o600))
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
	l.hosts[name] = h
	l.reached(name, h.port)
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
func (l *lab) reached(name string, port int) {
	fmt.Fprintf(&l.config, "Host %s\n\tPort %d\n\tIdentityFile %s\n", name, port, filepath.Join(l.dir, l.key))
	l.know(name, port)
}

// know adds a host to those of which the key is known.
func (l *lab) know(name string, port int) {
	key, err := os.ReadFile(filepath.Join(l.dir, "host.pub"))
	do(l.t, err)
	f, err := os.OpenFile(filepath.Join(l.dir, "known_hosts"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	do(l.t, err)
	fmt.Fprintf(f, "[127.0.0.1]:%d %s", port, key)
	do(l.t, f.Close())
}

// clientConfig writes the configuration of ssh.
func (l *lab) clientConfig() string {
	config := filepath.Join(l.dir, "ssh_config")
	common := fmt.Sprintf("Host *\n\tHostName 127.0.0.1\n\tUser %s\n\tIdentitiesOnly yes\n\tIdentityAgent none\n\tUserKnownHostsFile %s/known_hosts\n\tGlobalKnownHostsFile none\n", l.user, l.dir)
	do(l.t, os.WriteFile(config, []byte(l.config.String()+common), 0o600))
	return config
}

// collect runs certaudit collect, and returns how it ended and what it wrote.
func (l *lab) collect(args ...string) (code int, stdout, stderr string) {
	l.t.Helper()
	var out, errs bytes.Buffer
	code = program.Main(append([]string{"collect", "-F", l.clientConfig()}, args...), strings.NewReader(""), &out, &errs)
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
	r := inventory.NewSnapshotReader(strings.NewReader(set))
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
	const helps = "case $2 in --help) exit 0;; esac; "
	for name, text := range map[string]string{
		"garbage": helps + `printf '{"a": "\033[2J"}\n'`,
		"other":   helps + `echo '{"a": 1}'`,
		"nothing": ":",
		"twice":   l.certaudit + ` "$@" --root ` + l.tree("ok-1.34") + "; echo more",
		"breaks":  helps + `printf '{"schema":"certaudit-inventory/v1",'`,
		"fails":   helps + `printf 'certaudit: no \033[2J node\nmore\n' >&2; exit 3`,
		"floods":  helps + "yes '                                                       '",
	} {
		l.host(name).script(t, "certaudit", text)
	}
	for name, says := range map[string]string{"sudo": "sudo: a password is required", "nosudo": "sh: 1: sudo: not found"} {
		h := l.host(name)
		l.install(h, "ok-1.34")
		h.script(t, "id", "echo 1000")
		h.script(t, "sudo", "echo '"+says+"' >&2; exit 1")
	}
	l.key = "stranger"
	l.install(l.host("wrong"), "ok-1.34")
	l.key = "user"
	down, err := net.Listen("tcp", "127.0.0.1:0")
	do(t, err)
	l.reached("down", down.Addr().(*net.TCPAddr).Port)
	do(t, down.Close())
	unknown := l.host("unknown")
	do(t, os.Remove(filepath.Join(l.dir, "known_hosts")))
	for name, h := range l.hosts {
		if h != unknown {
			l.know(name, h.port)
		}
	}

	want := map[string]string{
		"garbage": `its answer is no snapshot: invalid character '\x1b' in string literal`,
		"other":   `its answer is no snapshot: its schema is ""`,
		"nothing": "it answers with nothing",
		"twice":   "its answer goes on behind the snapshot",
		"breaks":  "its answer is cut off in the middle of a snapshot",
		"fails":   `certaudit: no \x1b[2J node`,
		"floods":  "its answer is larger than 64 MiB",
		"sudo":    "sudo: a password is required; let this user run it without one (NOPASSWD in sudoers), or log in as root",
		"nosudo":  "sh: 1: sudo: not found; log in as root",
		"wrong":   l.user + "@127.0.0.1: Permission denied (publickey).; none of your keys lets this user in, and passwords are not asked for: ssh-add the key, or give --ssh-option User=NAME or IdentityFile=FILE",
		"down":    "ssh: connect to host 127.0.0.1 port PORT: Connection refused",
		"unknown": "Host key verification failed.; log in once by hand to see and keep its key; if that has changed, find out why first",
	}
	hosts := slices.Sorted(maps.Keys(want))
	code, set, said := l.collect(append([]string{"good"}, hosts...)...)
	if code != 3 {
		t.Errorf("ended with %d", code)
	}
	ports := regexp.MustCompile(`port \d+`)
	told := strings.Split(strings.TrimSpace(ports.ReplaceAllString(said, "port PORT")), "\n")
	slices.Sort(told)
	lines, kept, findings := []string{}, []string{"good: cp-1"}, []string{}
	for _, h := range hosts {
		lines = append(lines, "certaudit: "+h+": "+want[h])
		raw := strings.ReplaceAll(want[h], `\x1b[2J`, "\x1b[2J") // printed, it is escaped
		kept = append(kept, fmt.Sprintf("%s: the host %q was not read: %s", h, h, raw))
		findings = append(findings, h+" input/unreadable")
	}
	if diff := cmp.Diff(lines, told); diff != "" {
		t.Errorf("what is said (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(kept, shownSet(t, ports.ReplaceAllString(set, "port PORT"))); diff != "" {
		t.Errorf("the set (-want +got):\n%s", diff)
	}
	code, got := audited(t, set)
	if diff := cmp.Diff(append(findings, "cp-1 kubelet/serving-self-signed"), got); diff != "" || code != 1 {
		t.Errorf("the audit ended with %d (-want +got):\n%s", code, diff)
	}
}

// Where certaudit is not installed, this program is sent; nothing is left of it.
func TestCollectSendsItself(t *testing.T) {
	l := newLab(t)
	h, old := l.host("a"), l.host("old")
	for _, host := range []*labHost{h, old} { // what is sent reads the node of sudo
		host.script(t, "id", "echo 1000")
		host.script(t, "sudo", `shift 2; exec "$@" --root `+l.tree("ok-worker"))
	}
	old.script(t, "certaudit", "echo 'certaudit: unknown command' >&2; exit 2")
	code, set, said := l.collect("a", "old")
	if diff := cmp.Diff([]string{"a: worker-1", "old: worker-1"}, shownSet(t, set)); diff != "" || code != 0 {
		t.Fatalf("ended with %d: %s(-want +got):\n%s", code, said, diff)
	}
	h.leaves(t)
	old.leaves(t)
}

// The program that is sent is the one for the system of the host.
func TestCollectSendsWhatFits(t *testing.T) {
	l := newLab(t)
	arm, riscv, full := l.host("arm"), l.host("riscv"), l.host("full")
	arm.script(t, "uname", "echo Linux aarch64")
	riscv.script(t, "uname", "echo Linux riscv64")
	full.script(t, "wc", "echo 7")
	other := filepath.Join(t.TempDir(), "certaudit-arm64")
	do(t, os.WriteFile(other, []byte("#!/bin/sh\n[ \"$(stat -c %a \"$0\" \"${0%/*}\" | tr '\\n' ' ')\" = '700 700 ' ] || exit 9\n"+l.reading("ok-1.34")+"\n"), 0o644))
	code, set, _ := l.collect("--binary", "linux/arm64="+other, "arm", "riscv", "full")
	want := []string{"arm: cp-1",
		`riscv: the host "riscv" was not read: certaudit is not installed there, and of this program there is none at hand for "Linux riscv64"; give --binary linux/riscv64=FILE, or --tar to send none`,
		`full: the host "full" was not read: certaudit: the program did not arrive as a whole`}
	if diff := cmp.Diff(want, shownSet(t, set)); diff != "" || code != 3 {
		t.Errorf("ended with %d (-want +got):\n%s", code, diff)
	}
	for _, h := range []*labHost{arm, riscv, full} {
		h.leaves(t)
	}
}

// A connection that breaks while the program is on its way leaves nothing there.
func TestCollectBreaks(t *testing.T) {
	l := newLab(t)
	h := l.host("a")
	h.script(t, "certaudit", "exit 2")
	large := filepath.Join(t.TempDir(), "large")
	do(t, os.WriteFile(large, nil, 0o644))
	do(t, os.Truncate(large, 1<<40))
	go func() {
		conn := <-h.sessions
		for { // the folder is there before the program is asked for
			if found, _ := os.ReadDir(h.tmp); len(found) > 0 {
				break
			}
			time.Sleep(time.Millisecond)
		}
		_ = conn.CloseRead()
		_ = conn.CloseWrite()
	}()
	code, set, _ := l.collect("--binary", runtime.GOOS+"/"+runtime.GOARCH+"="+large, "a")
	if got := shownSet(t, set); code != 3 || len(got) != 1 || !strings.Contains(got[0], `the host "a" was not read: `) {
		t.Errorf("ended with %d: %v", code, got)
	}
	for range 10_000 { // the shell there outlives the connection by a moment
		if left, _ := os.ReadDir(h.tmp); len(left) == 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
	h.leaves(t)
}

// A host on which something hangs ends it once nobody waits any more, and nothing is left.
func TestCollectHangs(t *testing.T) {
	if testing.Short() {
		t.Skip("waits until what hangs is given up")
	}
	l := newLab(t)
	pid := func(name string) string { return filepath.Join(l.dir, name+".pid") }
	hangs := func(name string) string { return "echo $$ >" + pid(name) + "; exec sleep 1000 >/dev/null" }
	program, stubborn := l.host("program"), l.host("stubborn")
	installed, plain := l.host("installed"), l.host("plain")
	installed.script(t, "certaudit", `[ "$2" != --help ] || exit 0; `+hangs("installed"))
	asked := filepath.Join(l.dir, "asked")
	plain.script(t, "id", "echo 1000")
	plain.script(t, "sudo", `shift 2; [ "$1" != sh ] || echo "$2 $3" >>`+asked+`; exec "$@"`)
	copying := l.host("copying")
	copying.script(t, "touch", hangs("copying"))
	do(t, os.Rename(l.tree("ok-1.34"), filepath.Join(copying.tmp, "..", "root")))
	for _, h := range []struct {
		host *labHost
		args []string
		text string
	}{
		{program, []string{"program"}, hangs("program")},
		{stubborn, []string{"stubborn"}, "trap '' TERM; " + hangs("stubborn")},
		{installed, []string{"installed"}, ""},
		{plain, []string{"plain"}, hangs("plain")},
		{copying, []string{"--tar", "copying"}, ""},
	} {
		name := h.args[len(h.args)-1]
		sent := filepath.Join(t.TempDir(), "certaudit")
		do(t, os.WriteFile(sent, []byte("#!/bin/sh\n"+h.text+"\n"), 0o644))
		code, set, _ := l.collect(append([]string{"--timeout", "3s", "--binary", runtime.GOOS + "/" + runtime.GOARCH + "=" + sent}, h.args...)...)
		want := fmt.Sprintf("%s: the host %q was not read: it took longer than 3s; --timeout gives it more", name, name)
		if diff := cmp.Diff([]string{want}, shownSet(t, set)); diff != "" || code != 3 {
			t.Errorf("ended with %d (-want +got):\n%s", code, diff)
		}
		text, err := os.ReadFile(pid(name))
		do(t, err)
		hung, err := strconv.Atoi(strings.TrimSpace(string(text)))
		do(t, err)
		gone := func() bool {
			left, _ := os.ReadDir(h.host.tmp)
			return len(left) == 0 && errors.Is(syscall.Kill(hung, 0), syscall.ESRCH)
		}
		for range 10_000 {
			if gone() {
				break
			}
			time.Sleep(time.Millisecond)
		}
		if h.host.leaves(t); !gone() {
			t.Errorf("%s: process %d is still there", name, hung)
		}
	}
	// The user of a host may not end what root runs there.
	if text, err := os.ReadFile(asked); err != nil || string(text) != "-c kill -s KILL -- \"-$1\"\n" {
		t.Errorf("sudo was asked for %q, %v", text, err)
	}
}

// One that is told to end ends all connections, and what is there is whole.
func TestCollectStops(t *testing.T) {
	l := newLab(t)
	l.install(l.host("good"), "ok-1.34")
	slow := l.host("slow")
	reached := filepath.Join(t.TempDir(), "reached")
	do(t, syscall.Mkfifo(reached, 0o600))
	slow.script(t, "certaudit", "case $2 in --help) exit 0;; esac; echo >"+reached+"; exec sleep 1000")
	file := filepath.Join(t.TempDir(), "set.json.gz")
	c := exec.Command(l.certaudit, append([]string{"collect", "-F", l.clientConfig()}, "-o", file, "--parallel", "1", "good", "slow", "never")...)
	var errs bytes.Buffer
	c.Stderr = &errs
	do(t, c.Start())
	_, err := os.ReadFile(reached)
	do(t, err)
	do(t, c.Process.Signal(os.Interrupt))
	if err := c.Wait(); c.ProcessState.ExitCode() != 3 {
		t.Errorf("ended with %v", err)
	}
	f, err := os.Open(file)
	do(t, err)
	defer f.Close()
	if info, _ := f.Stat(); info.Mode().Perm() != 0o600 {
		t.Errorf("the set has the mode %v", info.Mode())
	}
	z, err := gzip.NewReader(f)
	do(t, err)
	set, err := io.ReadAll(z)
	do(t, err)
	want := []string{"good: cp-1", `slow: the host "slow" was not read: it was stopped`, `never: the host "never" was not read: it was stopped`}
	if diff := cmp.Diff(want, shownSet(t, string(set))); diff != "" {
		t.Errorf("%s(-want +got):\n%s", errs.String(), diff)
	}
}

// Of a host that complains without end, the end is kept.
func TestCollectKeepsTheEndOfComplaints(t *testing.T) {
	end := "sudo: a password is required\n"
	said := program.KeptComplaints(io.MultiReader(strings.NewReader(strings.Repeat("no\n", 1<<20)), strings.NewReader(end)))
	if len(said) != 64<<10 || !strings.HasSuffix(said, "no\n"+end) {
		t.Errorf("%d bytes are kept, which end in %q", len(said), said[max(0, len(said)-40):])
	}
}

// One that never answers is given up.
func TestCollectTimeout(t *testing.T) {
	l := newLab(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	do(t, err)
	defer silent.Close()
	l.reached("silent", silent.Addr().(*net.TCPAddr).Port)
	code, set, _ := l.collect("--timeout", "200ms", "silent")
	if diff := cmp.Diff([]string{`silent: the host "silent" was not read: it took longer than 200ms; --timeout gives it more`}, shownSet(t, set)); diff != "" || code != 3 {
		t.Errorf("ended with %d (-want +got):\n%s", code, diff)
	}
}

// Several hosts are read at once, and no more than that.
func TestCollectInParallel(t *testing.T) {
	l := newLab(t)
	// Each waits for the other before it answers.
	meet := filepath.Join(t.TempDir(), "meet")
	do(t, syscall.Mkfifo(meet, 0o600))
	for name, does := range map[string]string{"a": "echo >" + meet, "b": "cat " + meet + " >/dev/null"} {
		l.host(name).script(t, "certaudit", "case $2 in --help) exit 0;; esac; "+does+"; "+l.reading("ok-worker"))
	}
	code, set, said := l.collect("--parallel", "2", "a", "b")
	if diff := cmp.Diff([]string{"a: worker-1", "b: worker-1"}, shownSet(t, set)); diff != "" || code != 0 {
		t.Errorf("ended with %d: %s(-want +got):\n%s", code, said, diff)
	}
	code, _, said = l.collect("--parallel", "1", "--timeout", "1s", "a", "b")
	if want := "certaudit: a: it took longer than 1s; --timeout gives it more\n"; code != 3 || !strings.HasPrefix(said, want) {
		t.Errorf("one at a time: ended with %d: %s", code, said)
	}
}

// Nothing that is called a host becomes an option of ssh, or a command.
func TestCollectHosts(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		do(t, os.WriteFile(name, []byte(text), 0o600))
		return name
	}
	const nodes = `{"kind":"List","apiVersion":"v1","items":[
		{"kind":"Node","apiVersion":"v1","metadata":{"name":"cp-1"},"status":{"addresses":[{"type":"Hostname","address":"cp-1"},{"type":"InternalIP","address":"127.0.0.1"},{"type":"InternalIP","address":"::1"}]}},
		{"kind":"Node","apiVersion":"v1","metadata":{"name":"cp-2"},"status":{"addresses":[{"type":"Hostname","address":"cp-2"}]}}]}`
	for _, p := range []struct {
		name string
		args []string
		want string
	}{
		{"none", nil, "no host is named"},
		{"option", []string{"--", "-oProxyCommand=id"}, `the host "-oProxyCommand=id" is refused: no name of a host or user begins with a dash`},
		{"option behind a user", []string{"root@-oProxyCommand=id"}, "is refused: no name"},
		{"option in a URL", []string{"ssh://-oProxyCommand=id"}, "is refused: no name"},
		{"command", []string{"a;id"}, `the host "a;id" is refused: it holds what no name of a host does`},
		{"substitution", []string{"$(id)"}, "is refused: it holds"},
		{"blank", []string{"a b"}, "is refused: it holds"},
		{"control", []string{"a\x1b"}, `the host "a\x1b" is refused`},
		{"empty", []string{""}, "a host of 0 bytes is refused"},
		{"long", []string{strings.Repeat("a", 513)}, "a host of 513 bytes is refused"},
		{"line of a file", []string{"--hosts", write("bad", "# hosts\n\na # one\n -b\n")}, `the host "-b" is refused`},
		{"no file", []string{"--hosts", filepath.Join(dir, "nowhere")}, "cannot read the hosts"},
		{"no nodes", []string{"--nodes", write("pods", "kind: Pod\n")}, "holds no Node objects"},
		{"node without address", []string{"--nodes", write("nodes", nodes)}, `the node "cp-2" of`},
		{"names of no nodes", []string{"--node-names", "a"}, "--node-names says how to reach the hosts of --nodes"},
		{"twice the input", []string{"--nodes", "-", "--hosts", "-"}, "the standard input can be read once only"},
		{"system", []string{"--binary", "arm64=x", "a"}, `--binary takes OS/ARCH=FILE`},
		{"none at once", []string{"--parallel", "0", "a"}, "--parallel takes a number from 1 on"},
		{"no time", []string{"--timeout", "0s", "a"}, "--timeout takes a time"},
	} {
		t.Run(p.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			if code := program.Main(append([]string{"collect"}, p.args...), strings.NewReader(""), &out, &errs); code != 2 || !strings.Contains(errs.String(), p.want) {
				t.Errorf("ended with %d: %s", code, errs.String())
			}
		})
	}
}

// Hosts come from arguments, files and Node objects.
func TestCollectNamesHosts(t *testing.T) {
	l := newLab(t)
	for _, name := range []string{"a", "b", "cp-1"} {
		l.install(l.host(name), "ok-worker")
	}
	hosts, nodes := filepath.Join(t.TempDir(), "hosts"), filepath.Join(t.TempDir(), "nodes.yaml")
	do(t, os.WriteFile(hosts, []byte("# all\nb # second\r\n\na\n"), 0o600))
	do(t, os.WriteFile(nodes, []byte("apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Node\n  metadata: {name: cp-1}\n"), 0o600))
	code, set, said := l.collect("--hosts", hosts, "--nodes", nodes, "--node-names", "a")
	if diff := cmp.Diff([]string{"a: worker-1", "b: worker-1", "cp-1: worker-1"}, shownSet(t, set)); diff != "" || code != 0 {
		t.Errorf("ended with %d: %s(-want +got):\n%s", code, said, diff)
	}
}

// A host may be behind another.
func TestCollectJumps(t *testing.T) {
	l := newLab(t)
	l.install(l.host("behind"), "ok-1.34")
	l.host("bastion")
	code, set, said := l.collect("--ssh-option", "ProxyJump=bastion", "behind")
	if diff := cmp.Diff([]string{"behind: cp-1"}, shownSet(t, set)); diff != "" || code != 0 {
		t.Fatalf("ended with %d: %s(-want +got):\n%s", code, said, diff)
	}
}
