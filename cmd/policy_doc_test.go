package cmd_test

import (
	"os"
	"strings"
	"testing"

	"certaudit/audit"
)

// The example of the page is a sound policy.
func TestPolicyPage(t *testing.T) {
	text, err := os.ReadFile("../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```yaml\n")
	example, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("the page has no example")
	}
	p, err := audit.ParsePolicy("docs/policy.md", []byte(example))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Thresholds) != 3 || len(p.Checks) != 2 || len(p.Paths) != 1 || len(p.Waivers) != 1 || len(p.Requirements.Add) != 1 || len(p.Requirements.Replace) != 1 ||
		p.Requests.LifetimeDays == nil || p.Requests.PendingHours == nil {
		t.Errorf("the example lost a part: %+v", p)
	}
}
