package audit

import (
	"certaudit/audit/inventory"
	"testing"

	"certaudit/parsers"

	"github.com/google/go-cmp/cmp"
)

// A check that fails costs itself, and what it had found is kept.
func TestPanicIsIncomplete(t *testing.T) {
	n := &nodeAudit{node: &node{name: "cp-1", inv: &inventory.Inventory{}}}
	c := Check{ID: "test/panics", Severity: Warning, Source: "RFC 0", run: func(p *pass) {
		p.examine()
		p.unjudged("half of %s was not looked at", "it")
		p.report(finding{component: "etcd", at: parsers.Origin{Path: "/etc/a", Line: 3}, message: "is wrong", remedy: remedy{"mend it", "restart"}})
		var none *inventory.Inventory
		_ = none.Components[0]
	}}
	findings, outcome := c.runOn(n)
	wantFindings := []Finding{{Check: "test/panics", Severity: Warning, Node: "cp-1", Component: "etcd", Path: "/etc/a", Line: 3,
		Message: "is wrong", Remedy: "mend it\nrestart", Reference: "RFC 0"}}
	wantOutcome := Outcome{Check: "test/panics", Node: "cp-1", State: Incomplete, Examined: 1,
		Reason: "half of it was not looked at; the check failed: runtime error: invalid memory address or nil pointer dereference; please report it"}
	if diff := cmp.Diff(wantFindings, findings); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(wantOutcome, outcome); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
}

func TestOutcomeStates(t *testing.T) {
	for _, c := range []struct {
		name string
		run  func(*pass)
		want Outcome
	}{
		{"nothing to look at", func(*pass) {}, Outcome{State: NotApplicable}},
		{"looked at", func(p *pass) { p.examine(); p.examine() }, Outcome{State: Done, Examined: 2}},
		{"partly", func(p *pass) { p.examine(); p.unjudged("a"); p.unjudged("b"); p.unjudged("a") }, Outcome{State: Done, Examined: 1, Reason: "a; b"}},
		{"lost", func(p *pass) { p.lost = true }, Outcome{State: Incomplete}},
	} {
		_, got := Check{run: c.run}.runOn(&nodeAudit{node: &node{}})
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestSoften(t *testing.T) {
	for _, c := range []struct {
		harm, in, want Severity
	}{
		{"", Critical, Critical}, {"", Warning, Warning}, {"", Info, Info},
		{Critical, Critical, Critical},
		{Warning, Critical, Warning}, {Warning, Warning, Info}, {Warning, Info, Info},
		{Info, Critical, Info}, {Info, Warning, Info}, {Info, Info, Info},
	} {
		if got := (&role{impact: c.harm}).soften(c.in); got != c.want {
			t.Errorf("a role that does harm %q softens %s to %s, want %s", c.harm, c.in, got, c.want)
		}
	}
}
