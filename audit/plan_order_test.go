package audit_test

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"certaudit/audit"
	"certaudit/audit/inventory"
	"certaudit/fixtures"
)

// What docs/clusters.md promises of the order holds for the plans of all sets of nodes, as
// they are and where something is to be done on each node besides.
func TestOrderOfNodes(t *testing.T) {
	// readable has others read the private keys of all nodes, those of etcd of the last alone.
	readable := func(nodes []fixtures.Node) []fixtures.Node {
		for i, n := range nodes {
			for name, f := range n {
				if path.Ext(name) == ".key" && (i == len(nodes)-1 || !strings.Contains(name, "etcd")) {
					f.Mode = 0o644
					n[name] = f
				}
			}
		}
		return nodes
	}
	backwards := func(nodes []fixtures.Node) []fixtures.Node {
		slices.Reverse(nodes)
		return readable(nodes)
	}
	every := 1
	if testing.Short() {
		every = 6
	}
	for about, change := range map[string]func([]fixtures.Node) []fixtures.Node{"readable keys": readable, "readable keys, backwards": backwards,
		"as they are": func(nodes []fixtures.Node) []fixtures.Node { return nodes }} {
		for i, s := range fixtures.ClusterScenarios() {
			if i%every > 0 {
				continue
			}
			t.Run(s.Name+"/"+about, func(t *testing.T) {
				t.Parallel()
				nodes := change(s.Nodes())
				inventories := audit.Gathered(t, nodes...)
				for i := range inventories {
					inventories[i].Folder = fmt.Sprintf("node-%d", i)
				}
				r := audit.Run(inventories, audit.Options{At: fixtures.Now})
				turns := map[string]int{}
				for i, n := range r.Nodes {
					turns[n.Name] = promisedTurn(r, n.Name, inventories[i])
				}
				if diff := cmp.Diff(promisedOrder(r, turns), orderOf(r.Plan)); diff != "" {
					t.Errorf("nodes of the plan (-promised +got):\n%s", diff)
				}
				if diff := cmp.Diff(promisedWaits(r, turns, inventories), waitsOf(r.Plan)); diff != "" {
					t.Errorf("what must hold before a node (-promised +got):\n%s", diff)
				}
			})
		}
	}
}

// promisedTurn is the place of a node in the page's list.
func promisedTurn(r audit.Result, name string, inv *inventory.Inventory) int {
	_, etcd := inv.Component(inventory.Etcd)
	_, server := inv.Component(inventory.APIServer)
	fixed := slices.ContainsFunc(r.Findings, func(f audit.Finding) bool {
		return f.Node == name && f.Component == inventory.Etcd && slices.ContainsFunc(r.Plan, func(s audit.Step) bool {
			return s.Node == name && slices.Contains(s.Findings, strings.TrimSpace(f.Check+" "+f.Path))
		})
	})
	switch {
	case etcd && !server:
		return 1
	case etcd && fixed:
		return 2
	case server:
		return 3
	}
	return 4
}

// promisedOrder are the nodes of which something is to be done, in the order of their turns.
func promisedOrder(r audit.Result, turns map[string]int) []string {
	var names []string
	for _, n := range r.Nodes {
		if slices.ContainsFunc(r.Plan, func(s audit.Step) bool { return s.Node == n.Name }) {
			names = append(names, n.Name)
		}
	}
	slices.SortStableFunc(names, func(a, b string) int { return turns[a] - turns[b] })
	return names
}

// orderOf are the nodes of a plan; one whose steps do not stand together is there twice.
func orderOf(plan []audit.Step) []string {
	var names []string
	for _, s := range plan {
		names = append(names, s.Node)
	}
	return slices.Compact(names)
}

const waits = "go on only when "

// promisedWaits are what must hold before each node on which commands are run is touched.
func promisedWaits(r audit.Result, turns map[string]int, inventories []*inventory.Inventory) []string {
	var out []string
	before := -1
	for _, name := range promisedOrder(r, turns) {
		if !slices.ContainsFunc(r.Plan, func(s audit.Step) bool { return s.Node == name && !s.Manual() }) {
			continue
		}
		if before >= 0 && turns[r.Nodes[before].Name] < 4 {
			_, etcd := inventories[before].Component(inventory.Etcd)
			_, server := inventories[before].Component(inventory.APIServer)
			what := "its API server answers: kubectl get --raw /readyz"
			if etcd && (turns[name] < 4 || !server) {
				what = "every member of etcd is healthy: etcdctl endpoint health --cluster"
			}
			out = append(out, name+": "+waits+r.Nodes[before].Name+" is done and "+what)
		}
		before = slices.IndexFunc(r.Nodes, func(n audit.Node) bool { return n.Name == name })
	}
	return out
}

// waitsOf are the steps between nodes, each of which has to be the first of its node.
func waitsOf(plan []audit.Step) []string {
	var out []string
	for i, s := range plan {
		switch {
		case !strings.HasPrefix(s.Title, waits):
		case i > 0 && plan[i-1].Node == s.Node:
			out = append(out, s.Node+": too late: "+s.Title)
		default:
			out = append(out, s.Node+": "+s.Title)
		}
	}
	return out
}
