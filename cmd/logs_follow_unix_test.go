//go:build unix

package cmd_test

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	program "certaudit/cmd"
	"certaudit/fixtures"
)

// following is a run of certaudit logs -f whose clock is the test's.
type following struct {
	t     *testing.T
	now   atomic.Int64
	ticks chan time.Time
	lines chan string
	code  chan int
	said  bytes.Buffer
}

// follow starts certaudit logs -f.
func follow(t *testing.T, stdin io.Reader, args ...string) *following {
	t.Helper()
	f := &following{t: t, ticks: make(chan time.Time), code: make(chan int, 1)}
	f.now.Store(fixtures.Now.Unix())
	f.lines = make(chan string, 1000)
	r, w := io.Pipe()
	go func() {
		defer close(f.lines)
		for lines := bufio.NewScanner(r); lines.Scan(); {
			f.lines <- lines.Text()
		}
	}()
	go func() {
		code := program.MainAt(func() time.Time { return time.Unix(f.now.Load(), 0).UTC() }, f.ticks, append([]string{"logs", "-f"}, args...), stdin, w, &f.said)
		w.Close()
		f.code <- code
	}()
	return f
}

// tick lets so many seconds pass, and has the files looked at.
func (f *following) tick(seconds int64) {
	f.now.Add(seconds)
	f.ticks <- time.Time{}
}

// wants holds the next line against a part of it.
func (f *following) wants(part string) {
	f.t.Helper()
	line, ok := <-f.lines
	if !ok {
		f.t.Fatalf("it ended; expected a line with %q", part)
	}
	if !strings.Contains(line, part) {
		f.t.Errorf("it tells %q; expected %q in it", line, part)
	}
}

// interrupt ends it, and returns its report and its exit code.
func (f *following) interrupt() (string, int) {
	f.t.Helper()
	must(f.t, syscall.Kill(os.Getpid(), syscall.SIGINT))
	return f.end()
}

func (f *following) end() (string, int) {
	var report strings.Builder
	for line := range f.lines {
		report.WriteString(line + "\n")
	}
	return report.String(), <-f.code
}

func appended(t *testing.T, name, text string) {
	t.Helper()
	h, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	must(t, err)
	_, err = h.WriteString(text)
	must(t, err)
	must(t, h.Close())
}

const (
	unknownAuthority = "E1123 11:00:01.000000       1 a.go:1] \"failed\" err=\"tls: failed to verify certificate: x509: certificate signed by unknown authority\"\n"
	expiredLine      = "E1123 11:00:02.000000       1 a.go:1] \"failed\" err=\"tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-11-23T11:00:00Z is after 2026-11-20T00:00:00Z\"\n"
	noClient         = "I1123 11:00:03.000000       1 log.go:1] \"http: TLS handshake error from 192.0.2.9:41000: tls: client didn't provide a certificate\"\n"
	fine             = "I1123 11:00:04.000000       1 a.go:1] \"fine\"\n"
)

// What fails for the first time is a line at once, what goes on failing is one now and then,
// and a file that is emptied or replaced is read on; an interrupt ends with the report.
func TestLogsFollow(t *testing.T) {
	name := filepath.Join(t.TempDir(), "kube-apiserver.log")
	appended(t, name, unknownAuthority+unknownAuthority)
	f := follow(t, strings.NewReader(""), name)
	f.wants("certificate signed by unknown authority (2 times)")

	appended(t, name, unknownAuthority+expiredLine[:40])
	f.tick(1) // nothing: it was told of a moment ago, and half a line is none
	appended(t, name, expiredLine[40:])
	f.tick(1)
	f.wants("  expired  ")
	f.tick(9)
	f.wants(" refuses its server: 1 more, 3 in all")

	must(t, os.Truncate(name, 0)) // as copytruncate of logrotate does
	f.tick(1)
	appended(t, name, fine+noClient)
	f.tick(1)
	f.wants("  certificate-required  ")

	appended(t, name, unknownAuthority) // and then a new file, as the kubelet rotates
	must(t, os.Rename(name, name+".1"))
	f.tick(20)
	f.wants(": 1 more, 4 in all")
	appended(t, name, unknownAuthority)
	f.tick(20)
	f.wants(": 1 more, 5 in all")

	report, code := f.interrupt()
	if code != 1 || !strings.Contains(report, "3 TLS failures in ") || !strings.Contains(report, "5 times") {
		t.Errorf("it ends with %d and\n%s", code, report)
	}
	if !strings.Contains(f.said.String(), "interrupted") {
		t.Errorf("it says %q", f.said.String())
	}
}

// A log that is new in a folder is followed too, the standard input is followed to its end.
func TestLogsFollowMore(t *testing.T) {
	dir := t.TempDir()
	appended(t, filepath.Join(dir, "0.log"), fine)
	f := follow(t, strings.NewReader(""), dir)
	f.tick(1)
	appended(t, filepath.Join(dir, "1.log"), expiredLine)
	for range 4 {
		f.tick(1)
	}
	f.wants("  expired  ")
	if report, code := f.interrupt(); code != 1 || !strings.Contains(report, "in 2 lines of 2 logs") {
		t.Errorf("it ends with %d and\n%s", code, report)
	}

	in, out := io.Pipe()
	f = follow(t, in, "-")
	_, err := io.WriteString(out, fine+expiredLine)
	must(t, err)
	f.wants("  expired  ")
	must(t, out.Close())
	if report, code := f.end(); code != 1 || !strings.Contains(report, "in 2 lines of 1 log") || strings.Contains(report, "not everything was read") {
		t.Errorf("it ends with %d and\n%s", code, report)
	}

	f = follow(t, strings.NewReader(""), filepath.Join(dir, "0.log"), "-")
	f.tick(1)
	if report, code := f.interrupt(); code != 0 || !strings.Contains(report, "no TLS failure in 1 line of 1 log") {
		t.Errorf("it ends with %d and\n%s", code, report)
	}
}

// The journal of a node is followed by a journalctl that is ended with the run.
func TestLogsFollowJournal(t *testing.T) {
	dir, bin := t.TempDir(), t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "var", "log", "journal"), 0o755))
	must(t, os.WriteFile(filepath.Join(bin, "journalctl"), []byte("#!/bin/sh\n"+
		"echo \"$$ $*\" >"+filepath.Join(bin, "arguments")+"\n"+
		"printf '__REALTIME_TIMESTAMP=1795431600000000\\n_HOSTNAME=cp-1\\n_SYSTEMD_UNIT=kubelet.service\\nSYSLOG_IDENTIFIER=kubelet\\nMESSAGE=%s\\n\\n' 'failed: x509: certificate signed by unknown authority'\n"+
		"exec /bin/sleep 600\n"), 0o755))
	t.Setenv("PATH", bin)
	f := follow(t, strings.NewReader(""), "--root", dir)
	f.wants("  unknown-authority  kubelet refuses the other end")
	if report, code := f.interrupt(); code != 1 || !strings.Contains(report, "1 TLS failure in 1 line of 1 log") {
		t.Errorf("it ends with %d and\n%s", code, report)
	}
	words, err := os.ReadFile(filepath.Join(bin, "arguments"))
	must(t, err)
	pid, arguments, _ := strings.Cut(string(words), " ")
	if !strings.Contains(arguments, " --output=export --follow --no-tail --unit=kubelet.service ") || strings.Contains(arguments, "--since") {
		t.Errorf("journalctl is given %q", arguments)
	}
	if _, err := os.Stat("/proc/" + pid); err == nil {
		t.Errorf("journalctl, %s, still runs", pid)
	}
}
