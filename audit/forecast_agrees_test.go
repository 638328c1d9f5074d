//go:build !race

package audit_test

import (
	"strings"
	"testing"
	"time"

	"certaudit/audit"
	"certaudit/audit/inventory"
	"certaudit/fixtures"
)

// What a forecast says to break is broken in an audit of that time, and nothing breaks in
// one that the forecast did not say: there is one judge.
func TestForecastAgreesWithTheAudit(t *testing.T) {
	every := 3 // all of them take minutes
	if testing.Short() {
		every = 12
	}
	for i, s := range fixtures.Scenarios() {
		if i%every != 0 {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			node := s.Node()
			do(t, node.Write(dir))
			inv, err := inventory.Clock{Processes: node.FromProcesses()}.Gather(dir)
			do(t, err)
			agrees(t, inv)
		})
	}
}

// So it is for what several nodes have between them.
func TestForecastOfClustersAgreesWithTheAudit(t *testing.T) {
	every := 1
	if testing.Short() {
		every = 9
	}
	for i, s := range fixtures.ClusterScenarios() {
		if i%every != 0 {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			var inventories []*inventory.Inventory
			for _, n := range s.Nodes() {
				inventories = append(inventories, gathered(t, n))
			}
			agrees(t, inventories...)
		})
	}
}

func agrees(t *testing.T, inventories ...*inventory.Inventory) {
	t.Helper()
	o := audit.Options{At: fixtures.Now}
	r, after := audit.Rerun(nil, inventories, o)
	f := audit.ForecastOf(r, after, o, time.Time{})
	said := broken(r)
	var then map[string]bool
	var judged time.Time
	for i, e := range f.Ends {
		at := e.NotAfter.Add(time.Second)
		if at.Before(f.At) {
			at = f.At
		}
		if !at.Equal(judged) {
			then, judged = broken(audit.Run(inventories, audit.Options{At: at})), at
		}
		for _, b := range e.Breaks {
			nodes := b.Nodes
			if nodes == nil {
				nodes = []string{e.Node}
			}
			for _, node := range nodes {
				label, meant := node+": "+b.Label()+" "+b.Address, false
				for other := range then {
					// of several nodes the addresses differ, and none is said
					if other == label || b.Address == "" && strings.HasPrefix(other, label) {
						said[other], meant = true, true
					}
				}
				if !meant {
					t.Errorf("%s of %s ends on %s and is said to break %s, which is not broken then", e.Places[0].Path, e.Node, e.NotAfter, label)
				}
			}
		}
		if i+1 < len(f.Ends) && f.Ends[i+1].NotAfter.Equal(e.NotAfter) {
			continue
		}
		for label := range then {
			if !said[label] && !rotates(f, label, at) {
				t.Errorf("%s is broken on %s, and no end was said to break it", label, at)
			}
		}
	}
}
