//go:build unix

package cmd_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	program "certaudit/cmd"
	"certaudit/fixtures"
)

// An interrupt ends an audit at once: what was read by then is judged, and it is said that
// it is not all.
func TestInterrupt(t *testing.T) {
	dir := t.TempDir()
	must(t, fixtures.Worker(fixtures.Options{}).Node.Write(dir))
	var snapshot, stdout, stderr bytes.Buffer
	if code := program.Main([]string{"snapshot", "--root", dir}, strings.NewReader(""), &snapshot, &stderr); code != 0 {
		t.Fatalf("%d: %s", code, stderr.String())
	}
	for _, c := range []struct {
		args   []string
		stdin  string
		stdout string
	}{
		{[]string{"audit", "-", "--at", fixtures.Now.Format(time.RFC3339), "-o", "csv"}, snapshot.String(), "worker-1"},
		{[]string{"audit", "-"}, "", ""},
		{[]string{"logs", "-"}, "fine\n", "not everything was read"},
	} {
		stdout.Reset()
		cmd := certaudit(t, c.args...)
		cmd.Stdout = &stdout
		in, err := cmd.StdinPipe()
		must(t, err)
		said, err := cmd.StderrPipe()
		must(t, err)
		must(t, cmd.Start())
		// A pipe holds less than the spaces: once they are written, what came before was read.
		_, err = io.WriteString(in, c.stdin+strings.Repeat(" ", 200_000))
		must(t, err)
		must(t, cmd.Process.Signal(syscall.SIGINT))
		text, err := io.ReadAll(said)
		must(t, err)
		var ended *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &ended) || ended.ExitCode() != 3 {
			t.Errorf("%q ended with %v\n%s", c.args, err, text)
		}
		if !strings.Contains(stdout.String(), c.stdout) || !strings.Contains(string(text), "interrupted") {
			t.Errorf("%q writes %q and says %q", c.args, stdout.String(), text)
		}
	}
}

// An interrupt ends the wait for somebody who writes to a FIFO.
func TestInterruptBeforeWriter(t *testing.T) {
	first, second := filepath.Join(t.TempDir(), "first"), filepath.Join(t.TempDir(), "second")
	must(t, syscall.Mkfifo(first, 0o600))
	must(t, syscall.Mkfifo(second, 0o600))
	var stdout, stderr bytes.Buffer
	cmd := certaudit(t, "logs", first, second)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	must(t, cmd.Start())
	h, err := os.OpenFile(first, os.O_WRONLY, 0) // waits for the program, which listens to interrupts by then
	must(t, err)
	_, err = io.WriteString(h, "fine\n")
	must(t, err)
	must(t, h.Close())
	must(t, cmd.Process.Signal(syscall.SIGINT))
	var ended *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &ended) || ended.ExitCode() != 3 {
		t.Errorf("ended with %v\n%s", err, stderr.String())
	}
	if !strings.Contains(stdout.String(), second+": interrupted") {
		t.Errorf("writes %q and says %q", stdout.String(), stderr.String())
	}
}
