// Package deploy_test checks what lies beside it: rules, dashboard, manifests and
// units, each with the tool that will read it.
package deploy_test

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"certaudit/cmd"
)

var update = flag.Bool("update", false, "write the files that are made from others")

// tool returns the first of some programs that is installed, and skips the test
// where none is.
func tool(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skipf("none of %q is installed", names)
	return ""
}

// run returns the standard output of a program that must succeed.
func run(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s%s", name, args, err, out, stderr.Bytes())
	}
	return out
}

// defaultPort is the one that certaudit serve listens on unless told otherwise,
// and so what everything here speaks of.
func defaultPort(t *testing.T) string {
	t.Helper()
	var out bytes.Buffer
	cmd.Main([]string{"serve", "--help"}, nil, &out, &out)
	m := regexp.MustCompile(`--web\.listen-address .*default \[:(\d+)\]`).FindSubmatch(out.Bytes())
	if m == nil {
		t.Fatalf("no default address in\n%s", out.Bytes())
	}
	return string(m[1])
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// readYAML decodes a file of one document.
func readYAML(t *testing.T, name string, into any) {
	t.Helper()
	if err := yaml.Unmarshal(readFile(t, name), into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// made compares a file with what is made of others. The tests that call it are
// named TestMade..., and with -update, as from "make docs", they write it.
func made(t *testing.T, name, want string) {
	t.Helper()
	if *update {
		writeFile(t, name, want)
	}
	if diff := cmp.Diff(want, string(readFile(t, name))); diff != "" {
		t.Errorf("%s; make docs writes it (-want +got):\n%s", name, diff)
	}
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
