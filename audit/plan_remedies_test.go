package audit_test

import (
	"slices"
	"strings"
	"testing"

	"certaudit/audit"
	"certaudit/fixtures"

	gocmp "github.com/google/go-cmp/cmp"
)

// unplanned are the severities and checks of findings whose remedy has a command that no
// step of the plan stands for, with the reason.
var unplanned = map[string]string{
	"info files/permissions": "a group that reads a key is what some want",
	"info files/malformed":   "the commands have placeholders: which cluster a user means is for them to say",
	"info validity/expired":  "nothing fails because of what the kubelet made for itself",
	"info processes/unfiled": "the command looks and changes nothing",
}

// What a finding names a command for is done by the plan too, unless it is known why not.
func TestPlanHasTheRemedies(t *testing.T) {
	missing, used := map[string][]string{}, map[string]bool{}
	for _, s := range fixtures.Scenarios() {
		for _, f := range withoutStep(resultOf(t, s.Name, s.Node)) {
			kind := string(f.Severity) + " " + f.Check
			if used[kind] = true; unplanned[kind] == "" {
				missing[kind] = append(missing[kind], s.Name+" "+f.Path)
			}
		}
	}
	if diff := gocmp.Diff(map[string][]string{}, missing); diff != "" {
		t.Errorf("no step of the plan (-want +got):\n%s", diff)
	}
	for kind := range unplanned {
		if !used[kind] {
			t.Errorf("%s is in the plan, or has no command", kind)
		}
	}
}

// withoutStep are the findings whose remedy has a command, and which no step of the plan
// fixes.
func withoutStep(r audit.Result) []audit.Finding {
	var out []audit.Finding
	for _, f := range r.Findings {
		commands := slices.ContainsFunc(strings.Split(f.Remedy, "\n"), func(line string) bool { return line != "" && !strings.HasPrefix(line, "#") })
		if commands && !slices.ContainsFunc(r.Plan, func(s audit.Step) bool { return s.Fixes() && slices.Contains(s.Findings, f.Label()) }) {
			out = append(out, f)
		}
	}
	return out
}
