package cmd_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	program "certaudit/cmd"
)

// The page of commands is what --help prints of each, which the manual pages are made
// of as well. Its fences are others than those around command lines that people type.
func TestCommandsPage(t *testing.T) {
	root := program.Commands()
	var b strings.Builder
	b.WriteString("# Commands\n\n" + generated + "What `--help` prints. The manual pages of a [release](install.md), `man certaudit-audit` and so on, are made of the same texts.\n")
	help := func(args ...string) {
		var out bytes.Buffer
		if code := program.Main(append(args, "--help"), nil, &out, &out); code != 0 {
			t.Fatalf("certaudit %q ends with %d", args, code)
		}
		fmt.Fprintf(&b, "\n## %s\n\n~~~\n%s~~~\n", strings.Join(append([]string{"certaudit"}, args...), " "), out.String())
	}
	help()
	for _, c := range root.Commands() {
		if c.Name() != "help" {
			help(c.Name())
		}
	}
	page(t, "docs/commands.md", b.String())
}
