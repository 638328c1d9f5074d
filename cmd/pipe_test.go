package cmd_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"certaudit/fixtures"
)

// programFile returns a file that is the program: TestMain runs it under this
// name.
func programFile(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "certaudit")
	if err := os.Symlink(self, name); err != nil {
		t.Fatal(err)
	}
	return name
}

// A reader that went away makes the report incomplete, with a sentence.
func TestBrokenPipe(t *testing.T) {
	dir := t.TempDir()
	if err := fixtures.Demo().Write(dir); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	var stderr bytes.Buffer
	c := exec.Command(programFile(t), "audit", "--root", dir)
	c.Stdout, c.Stderr = w, &stderr
	err = c.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Errorf("the program ended with %v, want exit status 3", err)
	}
	if want := "certaudit: cannot write the report \"table\" to the standard output: broken pipe\n"; stderr.String() != want {
		t.Errorf("error stream %q, want %q", stderr.String(), want)
	}
}
