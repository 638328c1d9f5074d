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
	result := filepath.Join(t.TempDir(), "result.json")
	if err := exec.Command(programFile(t), "audit", "--root", dir, "--fail-on", "never", "-o", "json="+result).Run(); err != nil {
		t.Fatal(err)
	}
	request := filepath.Join(t.TempDir(), "none.yaml")
	if err := os.WriteFile(request, []byte("kind: List\napiVersion: v1\nitems: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"audit", "--root", dir}, "the report \"table\""},
		{[]string{"connections", "--root", dir}, "the report \"table\""},
		{[]string{"csr", "--root", dir, request}, "the report \"table\""},
		{[]string{"plan", "--root", dir}, "the plan"},
		{[]string{"snapshot", "--root", dir}, "the snapshot"},
		{[]string{"forecast", "--root", dir}, "the forecast"},
		{[]string{"diff", result, result}, "the difference"},
		{[]string{"inspect", result}, "what was found"},
		{[]string{"requirements"}, "the requirements"},
		{[]string{"checks"}, "the checks"},
		{[]string{"checks", "validity/expired"}, "the checks"},
		{[]string{"version"}, "the version"},
		{[]string{"demo"}, "the report \"table\""},
		{[]string{"--help"}, "the help"},
		{[]string{"help", "audit"}, "the help"},
		{[]string{"audit", "--help"}, "the help"},
		{[]string{"completion", "bash"}, "the help"},
	} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		defer w.Close()
		var stderr bytes.Buffer
		command := exec.Command(programFile(t), c.args...)
		command.Stdout, command.Stderr = w, &stderr
		err = command.Run()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 3 {
			t.Errorf("%s ended with %v, want exit status 3", c.args[0], err)
		}
		if want := "certaudit: cannot write " + c.want + " to the standard output: broken pipe\n"; stderr.String() != want {
			t.Errorf("%s: error stream %q, want %q", c.args[0], stderr.String(), want)
		}
	}
}
