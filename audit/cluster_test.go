package audit_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"certaudit/audit"
	"certaudit/fixtures"
)

// clusterResult audits the nodes of a cluster as one set.
func clusterResult(t *testing.T, name string) audit.Result {
	t.Helper()
	all := fixtures.ClusterScenarios()
	i := slices.IndexFunc(all, func(s fixtures.ClusterScenario) bool { return s.Name == name })
	if i < 0 {
		t.Fatalf("no scenario %q", name)
	}
	return auditNodes(t, all[i].Nodes()...)
}

// Every set of nodes is audited at a fixed time. Between the nodes of a sound one
// nothing is at warning or above; a faulty one has exactly the findings of its golden
// file.
func TestClusterScenarios(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range fixtures.ClusterScenarios() {
		if seen[s.Name] || s.About == "" {
			t.Errorf("%s is there twice, or says nothing of itself", s.Name)
		}
		seen[s.Name] = true
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			r := clusterResult(t, s.Name)
			var found []string
			for _, f := range r.Findings {
				if strings.HasPrefix(f.Check, "cluster/") && f.Severity != audit.Info && !slices.Contains(found, f.Check) {
					found = append(found, f.Check)
				}
			}
			slices.Sort(found)
			if !slices.Equal(found, s.Checks) {
				t.Errorf("found %q between the nodes; want %q", found, s.Checks)
			}
			if strings.HasPrefix(s.Name, "ok-") && r.AtOrAbove(audit.Warning) > 0 {
				t.Error("a sound cluster has findings at warning or above")
			}
			golden(t, filepath.Join("testdata", "clusters", s.Name+".txt"), []byte(clusterSummary(s, r)))
		})
	}
	files, err := os.ReadDir(filepath.Join("testdata", "clusters"))
	do(t, err)
	for _, f := range files {
		if !seen[strings.TrimSuffix(f.Name(), ".txt")] {
			t.Errorf("%s is of no scenario", f.Name())
		}
	}
}

// clusterSummary is what differs between sets of nodes, for a reader.
func clusterSummary(s fixtures.ClusterScenario, r audit.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", s.Name, s.About)
	for _, c := range r.Clusters {
		fmt.Fprintf(&b, "cluster %q: %s\n", c.Name, strings.Join(c.Nodes, ", "))
	}
	fmt.Fprintln(&b)
	for _, c := range r.Connections {
		fmt.Fprintf(&b, "%s | %s | %s -> %s %s | %s/%s | %s\n", c.Status, c.Node, c.Client, c.Server, c.Address, c.ServerTrust, c.ClientTrust, c.Reason)
	}
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "\n%s %s, %s %s, %s\n  %s:%d %s\n  %s\n", f.Severity, f.Check, f.Node, f.Cluster, f.Component, f.Path, f.Line, f.Field, f.Message)
		if len(f.Breaks) > 0 {
			fmt.Fprintf(&b, "  breaks %s\n", strings.Join(f.Breaks, ", "))
		}
		if strings.HasPrefix(f.Check, "cluster/") {
			for line := range strings.SplitSeq(f.Remedy, "\n") {
				fmt.Fprintf(&b, "  > %s\n", line)
			}
		}
	}
	var turns []string
	for _, step := range r.Plan {
		if len(turns) == 0 || turns[len(turns)-1] != step.Node {
			turns = append(turns, step.Node)
		}
		if step.Manual() && step.Phase == "look" {
			fmt.Fprintf(&b, "\n%s: %s", step.Node, step.Title)
		}
	}
	fmt.Fprintf(&b, "\nplan: %s\n", strings.Join(turns, ", "))
	for _, o := range r.Outcomes {
		if strings.HasPrefix(o.Check, "cluster/") {
			fmt.Fprintf(&b, "%s %s %s: %d %s\n", o.Check, o.Cluster, o.State, o.Examined, o.Reason)
		}
	}
	return b.String()
}
