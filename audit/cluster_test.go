package audit_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"certaudit/audit"
	"certaudit/audit/inventory"
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
	return auditBeside(t, all[i].NodeObjects(), all[i].Nodes()...)
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
		for _, c := range f.Causes {
			if strings.HasPrefix(f.Check, "cluster/") || strings.HasPrefix(c.Check, "cluster/") {
				fmt.Fprintf(&b, "  and so %s %s: %s\n", c.Severity, c.Check, c.Message)
			}
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

// A node alone has no checks between nodes, and no cluster.
func TestNoClusterOfOneNode(t *testing.T) {
	r := auditNodes(t, member("", "cp-1", "192.0.2.11").Node)
	for _, o := range r.Outcomes {
		if strings.HasPrefix(o.Check, "cluster/") {
			t.Errorf("%s has an outcome for one node", o.Check)
		}
	}
}

// Snapshots are judged by when they were taken.
func TestSnapshotAge(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		about string
		taken time.Duration
		want  string
	}{
		{"today", 0, ""},
		{"a week ago", -7 * day, ""},
		{"eight days ago", -8 * day, "info: was taken on 2026-11-15 12:00 UTC, 8 days before this audit; what was renewed since is not seen"},
		{"a month ago", -31 * day, "warning: was taken on 2026-10-23 12:00 UTC, 31 days before this audit; what was renewed or has changed since is not seen. Expected one of the last 7 days"},
		{"within what clocks differ", 10 * time.Minute, ""},
		{"in the future", 3 * day, "warning: was taken on 2026-11-26 12:00 UTC, 3 days after this audit: the clock of the node was ahead, or the one here is behind"},
	} {
		t.Run(c.about, func(t *testing.T) {
			live, snapshot := gathered(t, member("", "cp-1", "192.0.2.11").Node), gathered(t, member("", "cp-2", "192.0.2.12").Node)
			snapshot.TakenAt = fixtures.Now.Add(c.taken)
			got := ""
			for _, f := range audit.Run([]*inventory.Inventory{live, snapshot}, audit.Options{At: fixtures.Now.Add(90 * day), Now: fixtures.Now}).Findings {
				if f.Check == "cluster/snapshot-age" {
					got += fmt.Sprintf("%s: %s", f.Severity, f.Message)
					if f.Node != "cp-2" {
						t.Errorf("is said of %q", f.Node)
					}
				}
			}
			if got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// Of several looks at a node the latest counts, and what is equal is only said.
func TestSameNode(t *testing.T) {
	one, two := gathered(t, member("", "cp-1", "192.0.2.11").Node), gathered(t, member("", "cp-2", "192.0.2.12").Node)
	old := member("", "cp-2", "192.0.2.12")
	old.Reissue("/etc/kubernetes/pki/apiserver", func(s *fixtures.Spec) { s.DNSNames = []string{"cp-2"} })
	older, same := gathered(t, old.Node), gathered(t, member("", "cp-2", "192.0.2.12").Node)
	two.TakenAt, same.TakenAt, older.TakenAt = fixtures.Now, fixtures.Now.Add(-time.Hour), fixtures.Now.Add(-2*time.Hour)
	var got []string
	for _, f := range audit.Run([]*inventory.Inventory{older, one, two, same}, audit.Options{At: fixtures.Now}).Findings {
		if f.Check == "cluster/same-node" {
			got = append(got, fmt.Sprintf("%s %s: %s", f.Severity, f.Node, f.Message))
		}
	}
	want := []string{
		`warning cp-2 #1: is the same node as cp-2 #2 by its names (host "cp-2", node "cp-2"), and shows something else (this is taken on 2026-11-23 10:00 UTC, the other taken on 2026-11-23 12:00 UTC); between nodes cp-2 #2 counts. Expected each node once, and a name of its own for each`,
		"info cp-2 #3: shows the same as cp-2 #2, and is the same node by its names: it was read twice, and counts once between nodes",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Snapshots of nodes are judged together as the nodes are.
func TestClusterOfSnapshots(t *testing.T) {
	for _, s := range fixtures.ClusterScenarios() {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			var live, read []*inventory.Inventory
			for _, n := range s.Nodes() {
				inv := gathered(t, n)
				live, read = append(live, inv), append(read, readSnapshot(t, snapshotOf(t, inv)))
			}
			o := audit.Options{At: fixtures.Now}
			if diff := cmp.Diff(audit.Run(live, o), audit.Run(read, o)); diff != "" {
				t.Errorf("the result of the snapshots (-gathered +read):\n%s", diff)
			}
		})
	}
}
