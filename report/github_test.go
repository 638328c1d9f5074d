package report

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"certaudit/audit"
)

// workflowCommand is what the runner makes of one line.
type workflowCommand struct {
	name       string
	properties map[string]string
	data       string
}

// parseCommand reads a line as the runner does: ActionCommand.TryParseV2 of
// actions/runner. Later escapes win, as there.
func parseCommand(line string) (workflowCommand, bool) {
	line = strings.TrimSpace(line)
	if !strings.HasPrefix(line, "::") {
		return workflowCommand{}, false
	}
	head, data, ok := strings.Cut(line[2:], "::")
	if !ok {
		return workflowCommand{}, false
	}
	name, list, _ := strings.Cut(head, " ")
	c := workflowCommand{name: name, properties: map[string]string{}, data: unescapeCommand(data, "\r", "\n", "%")}
	for _, pair := range strings.Split(list, ",") {
		if key, value, ok := strings.Cut(pair, "="); ok {
			c.properties[key] = unescapeCommand(value, "\r", "\n", ":", ",", "%")
		}
	}
	return c, true
}

func unescapeCommand(s string, characters ...string) string {
	codes := map[string]string{"\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C", "%": "%25"}
	for _, c := range characters {
		s = strings.ReplaceAll(s, codes[c], c)
	}
	return s
}

// validGitHub: the runner gets a command for each finding and each check that
// is incomplete, then one line that is none.
func validGitHub(t *testing.T, r audit.Result, out string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	var got []workflowCommand
	for _, line := range lines[:len(lines)-1] {
		c, ok := parseCommand(line)
		if !ok {
			t.Errorf("no command: %q", line)
		}
		got = append(got, c)
	}
	if last := lines[len(lines)-1]; last+"\n" != summaryIn(r, uncommanding) || strings.Contains(last, "##[") || strings.Contains(last, "::") {
		t.Errorf("the last line is %q", last)
	}
	var want []workflowCommand
	for _, f := range urgent(r) {
		c := workflowCommand{map[audit.Severity]string{audit.Critical: "error", audit.Warning: "warning", audit.Info: "notice"}[gateSeverity(f)],
			map[string]string{"title": printable(f.Check)}, statement(f, len(r.Nodes) > 1)}
		if f.Path != "" {
			c.properties["file"] = printable(locator(r)(f))
			if f.Line > 0 {
				c.properties["line"] = strconv.Itoa(f.Line)
			}
		}
		for line := range strings.SplitSeq(strings.TrimRight(f.Remedy, "\n"), "\n") {
			if line != "" {
				c.data = strings.TrimPrefix(c.data+"\n"+printable(line), "\n")
			}
		}
		want = append(want, c)
	}
	for _, o := range r.Outcomes {
		if o.State == audit.Incomplete {
			c := workflowCommand{"warning", map[string]string{"title": printable(o.Check + " is incomplete")}, printable(unjudged(o))}
			if o.Node != "" {
				c.data = printable(o.Node) + ": " + c.data
			}
			want = append(want, c)
		}
	}
	trim := cmp.Transformer("trimmed", func(c workflowCommand) map[string]string {
		out := map[string]string{"name": c.name, "data": strings.TrimSpace(c.data)}
		for k, v := range c.properties {
			out["property "+k] = strings.TrimSpace(v)
		}
		return out
	})
	if diff := cmp.Diff(want, got, trim); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
}

func TestAnnotation(t *testing.T) {
	for _, tt := range []struct {
		command, path string
		line          int
		title         string
		message       string
		want          string
	}{
		{"error", "/etc/a,b:c%d.crt", 7, "validity/expired", "50% of a: b, c\nd\re", "::error file=etc/a%2Cb%3Ac%25d.crt,line=7,title=validity/expired::50%25 of a: b, c%0Ad%0De\n"},
		{"notice", "/etc/a", 0, "x", "", "::notice file=etc/a,title=x::\n"},
		{"warning", "", 7, "%0A::", "::error::x", "::warning title=%250A%3A%3A::::error::x\n"},
	} {
		if got := annotation(tt.command, tt.path, tt.line, tt.title, tt.message); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
