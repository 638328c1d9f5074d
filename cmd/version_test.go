package cmd_test

import (
	"bytes"
	"regexp"
	"testing"

	program "certaudit/cmd"
	"certaudit/fixtures"
)

// The command and the metrics say the same version.
func TestVersionIsThatOfTheMetrics(t *testing.T) {
	dir := t.TempDir()
	must(t, fixtures.Demo().Write(dir))
	said := func(pattern string, args ...string) string {
		var stdout, stderr bytes.Buffer
		program.Main(args, nil, &stdout, &stderr)
		m := regexp.MustCompile(pattern).FindSubmatch(stdout.Bytes())
		if m == nil {
			t.Fatalf("certaudit %q says no version: %s%s", args, stdout.Bytes(), stderr.Bytes())
		}
		return string(m[1])
	}
	command := said(`^certaudit (\S+)\n`, "version")
	metric := said(`(?m)^certaudit_build_info\{version="([^"]+)",`, "audit", "--root", dir, "-o", "prometheus")
	if command != metric {
		t.Errorf("the command says version %q, the metrics %q", command, metric)
	}
}
