package report

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"certaudit/audit"
	"certaudit/fixtures"

	gocmp "github.com/google/go-cmp/cmp"
)

// planned is a plan with what makes plans hard to write: several lines, quotes, names
// from the node that try to be more than names, and something for people.
func planned() audit.Result {
	return audit.Result{At: fixtures.Now, Nodes: []audit.Node{{Name: "cp-1"}}, Plan: []audit.Step{
		{Node: "cp-1", Phase: audit.PhaseLook, Title: "see that 'x' is there", Commands: []string{`[ -e /dev/null ]`}, Findings: []string{}},
		{Node: "cp-1", Phase: audit.PhaseMake, Title: "write a file", Commands: []string{"cat > \"$T\" <<END\none: \"1\"\n\ttwo\nEND", `printf '%s\n' 'it'\''s $HOME'`}, Findings: []string{"validity/expired /a|b"}},
		{Node: "cp-1", Phase: audit.PhaseAsk, Title: "look at '/etc/x\nPLAN\n$(touch owned)'\x1b[31m; `touch owned`", Commands: []string{}, Findings: []string{"files/malformed /etc/x"}},
	}}
}

func planOutput(t *testing.T, name string, r audit.Result) string {
	t.Helper()
	for _, f := range PlanFormats() {
		if f.Name == name {
			var b bytes.Buffer
			if err := f.Write(&b, r, Options{}); err != nil {
				t.Fatal(err)
			}
			return b.String()
		}
	}
	t.Fatalf("no format %q", name)
	return ""
}

func TestPlanFormats(t *testing.T) {
	for format, file := range map[string]string{"text": "plan.txt", "sh": "plan.sh", "json": "plan.json", "markdown": "plan.md"} {
		golden(t, file, planOutput(t, format, planned()))
	}
	for format, want := range map[string]string{"text": "Nothing to do.\n", "json": "[]\n", "markdown": "Nothing to do.\n"} {
		if diff := gocmp.Diff(want, planOutput(t, format, audit.Result{})); diff != "" {
			t.Errorf("%s of no plan (-want +got):\n%s", format, diff)
		}
	}
	const rest = "Not everything could be judged, so that more may have to be done: certaudit audit says what.\n"
	for format, want := range map[string]string{"text": "Nothing to do.\n" + rest, "json": "[]\n", "markdown": "Nothing to do.\n" + rest} {
		if diff := gocmp.Diff(want, planOutput(t, format, audit.Result{Summary: audit.Summary{Incomplete: true}})); diff != "" {
			t.Errorf("%s of no plan for what could not be judged (-want +got):\n%s", format, diff)
		}
	}
}

// The script says first what it does, does that, and runs nothing that a name from the
// node holds.
func TestPlanScript(t *testing.T) {
	shells := []string{"sh", "bash", "dash", "zsh"}
	tried := 0
	for _, shell := range shells {
		if _, err := exec.LookPath(shell); err != nil {
			continue
		}
		tried++
		dir := t.TempDir()
		script := filepath.Join(dir, "plan.sh")
		text := strings.Replace(planOutput(t, "sh", planned()), "L=/run; [ -w \"$L\" ] || L=/tmp\n", "L="+dir+"\n", 1)
		if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		run := func(env string) (string, int) {
			c := exec.Command(shell, script)
			c.Dir, c.Env = dir, append(os.Environ(), "T="+filepath.Join(dir, "made"), "HOME=/home/x", env)
			out, _ := c.CombinedOutput()
			return string(out), c.ProcessState.ExitCode()
		}
		dry, code := run("DRY_RUN=1")
		if _, err := os.Stat(filepath.Join(dir, "made")); err == nil || code != 0 || !strings.HasPrefix(dry, "# steps\nstep 'see that '\\''x'\\'' is there'\n") {
			t.Errorf("%s: dry run ended with %d:\n%s", shell, code, dry)
		}
		want := `certaudit: for cp-1 alone, as of NOW.
certaudit: what this plan does, in its order:
   1. see that 'x' is there
   2. write a file
   3. by hand: look at '/etc/x\nPLAN\n$(touch owned)'\x1b[31m; ` + "`touch owned`" + `
== see that 'x' is there
== write a file
it's $HOME
by hand: look at '/etc/x\nPLAN\n$(touch owned)'\x1b[31m; ` + "`touch owned`" + `
certaudit: done, but for what is left to do by hand
`
		want = strings.Replace(want, "NOW", minute(fixtures.Now), 1)
		out, code := run("DRY_RUN=0")
		if diff := gocmp.Diff(want, out); diff != "" || code != 3 {
			t.Errorf("%s ended with %d (-want +got):\n%s", shell, code, diff)
		}
		made, err := os.ReadFile(filepath.Join(dir, "made"))
		if err != nil || string(made) != "one: \"1\"\n\ttwo\n" {
			t.Errorf("%s: %q, %v", shell, made, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "owned")); err == nil {
			t.Errorf("%s: a name was run", shell)
		}
		if _, err := os.Stat(filepath.Join(dir, "certaudit-plan.lock")); err == nil {
			t.Errorf("%s: the lock is left", shell)
		}
	}
	if tried == 0 {
		t.Skip("there is no shell")
	}
}

// The head says for which nodes the steps are, and of when what is known of them is.
func TestPlanHead(t *testing.T) {
	steps := func(nodes ...string) (out []audit.Step) {
		for _, node := range nodes {
			out = append(out, audit.Step{Node: node, Title: "do", Commands: []string{"true"}})
		}
		return out
	}
	nodes := []audit.Node{{Name: "cp-1"}, {Name: "cp-2\n", TakenAt: fixtures.Now.AddDate(0, 0, -7)}, {Name: "cp-3"}, {}}
	for _, tc := range []struct {
		name string
		plan []audit.Step
		want []string
	}{
		{"nothing to do", nil, nil},
		{"a node", steps("cp-1", "cp-1"), []string{"For cp-1 alone, as of 2026-11-23 12:00 UTC."}},
		{"a snapshot and files", steps("cp-2\n", ""), []string{`For cp-2\n alone, as of its snapshot of 2026-11-16 12:00 UTC.`, "For the files that were audited, as of 2026-11-23 12:00 UTC."}},
	} {
		if diff := gocmp.Diff(tc.want, planFor(audit.Result{At: fixtures.Now, Nodes: nodes, Plan: tc.plan})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}
