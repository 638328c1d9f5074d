package audit_test

import (
	"slices"
	"testing"
	"time"

	"certaudit/audit"
	"certaudit/fixtures"
)

// Between two of the instants that a result names as those of its change nothing
// changes, and of those at which a finding comes or goes none is left out.
func TestResultChanges(t *testing.T) {
	node := fixtures.ControlPlane(fixtures.Options{}).Node
	judged := func(at time.Time) ([]string, time.Time) {
		r := auditNode(t, node, audit.Options{At: at})
		var lines []string
		for _, f := range r.Findings {
			lines = append(lines, string(f.Severity)+" "+f.Check+" "+f.Path+" "+f.Field)
		}
		slices.Sort(lines)
		return lines, r.Changes
	}
	at, end := fixtures.Now.AddDate(-1, 0, 0), fixtures.Now.AddDate(11, 0, 0)
	before, next := judged(at)
	steps, changed := 0, 0
	for !next.IsZero() && next.Before(end) {
		if steps++; steps > 200 {
			t.Fatal("more than 200 instants of change")
		}
		if last, _ := judged(next.Add(-time.Nanosecond)); !slices.Equal(last, before) {
			t.Errorf("what is found changes between %s and %s", at, next)
		}
		at = next.Add(time.Millisecond)
		now, after := judged(at)
		if !slices.Equal(now, before) {
			changed++
		}
		before, next = now, after
	}
	if changed < 10 {
		t.Errorf("%d changes in %d steps", changed, steps)
	}
}
