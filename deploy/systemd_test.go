package deploy_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// maxExposure is in the units of systemd-analyze security: 0 is none, 10 is all.
const maxExposure = 2.0

func TestUnitsAreHardened(t *testing.T) {
	analyze := tool(t, "systemd-analyze")
	overall := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`)
	for _, unit := range []string{"certaudit.service", "certaudit-textfile.service"} {
		out := run(t, analyze, "security", "--offline=true", "--no-pager", filepath.Join("systemd", unit))
		m := overall.FindSubmatch(out)
		if m == nil {
			t.Fatalf("%s: no verdict in\n%s", unit, out)
		}
		exposure, err := strconv.ParseFloat(string(m[1]), 64)
		if err != nil {
			t.Fatal(err)
		}
		if exposure >= maxExposure {
			t.Errorf("%s: exposure %g, want less than %g\n%s", unit, exposure, maxExposure, out)
		}
	}
}

// systemd accepts every line of the units and says nothing, and the programs
// that they start exist once certaudit is installed.
func TestUnitsAreValid(t *testing.T) {
	analyze := tool(t, "systemd-analyze")
	dir := t.TempDir()
	program := filepath.Join(dir, "certaudit")
	if err := os.WriteFile(program, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	units := []string{"certaudit.service", "certaudit-textfile.service", "certaudit-textfile.timer"}
	args := []string{"verify", "--man=no", "--recursive-errors=no"}
	for _, unit := range units {
		text := string(readFile(t, filepath.Join("systemd", unit)))
		installed := strings.ReplaceAll(text, "/usr/local/bin/certaudit ", program+" ")
		if strings.HasSuffix(unit, ".service") && installed == text {
			t.Errorf("%s does not start /usr/local/bin/certaudit", unit)
		}
		name := filepath.Join(dir, unit)
		writeFile(t, name, installed)
		args = append(args, name)
	}
	if out := run(t, analyze, args...); len(out) != 0 {
		t.Errorf("systemd-analyze verify:\n%s", out)
	}
}
