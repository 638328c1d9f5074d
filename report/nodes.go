package report

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"certaudit/audit"
)

// nodeSums is a node with what was found on it and is not ignored.
type nodeSums struct {
	audit.Node
	// Kind is what the node does, by its certificates: "control plane".
	Kind                                  string
	Certificates, Critical, Warning, Info int
	Next                                  time.Time
	// Incomplete: something of it could not be read or judged.
	Incomplete bool
}

// The kinds of node.
const (
	kindControlPlane = "control plane"
	kindEtcd         = "etcd member"
	kindWorker       = "worker"
	kindOther        = "other"
)

// kinds are in the order in which they are counted.
var kinds = []string{kindControlPlane, kindEtcd, kindWorker, kindOther}

// kindOf is what a node with a certificate in this role does; "" where it does not show.
func kindOf(role string) string {
	of, what, _ := strings.Cut(role, "/")
	switch {
	case of == "kube-apiserver" || of == "kube-controller-manager" || of == "kube-scheduler":
		return kindControlPlane
	case of == "etcd" && (what == "serving" || what == "peer"):
		return kindEtcd
	case of == "kubelet":
		return kindWorker
	}
	return ""
}

// sumNodes returns the nodes of a result in their order.
func sumNodes(r audit.Result) []nodeSums {
	nodes := make([]nodeSums, len(r.Nodes))
	byName := map[string]*nodeSums{}
	for i, n := range r.Nodes {
		nodes[i].Node, nodes[i].Kind = n, kindOther
		byName[n.Name] = &nodes[i]
	}
	for _, c := range r.Certificates {
		n := byName[c.Node]
		if n == nil {
			continue
		}
		if kind := kindOf(c.Role); kind != "" && slices.Index(kinds, kind) < slices.Index(kinds, n.Kind) {
			n.Kind = kind
		}
		if !c.NotAfter.IsZero() {
			n.Certificates++
			if c.NotAfter.After(r.At) && (n.Next.IsZero() || c.NotAfter.Before(n.Next)) {
				n.Next = c.NotAfter
			}
		}
	}
	for _, f := range r.Findings {
		if n := byName[f.Node]; n != nil && f.Counts() {
			n.count(f.Severity)
		}
	}
	for _, o := range r.Outcomes {
		if n := byName[o.Node]; n != nil && o.State == audit.Incomplete {
			n.Incomplete = true
		}
	}
	return nodes
}

func (n *nodeSums) count(s audit.Severity) {
	switch s {
	case audit.Critical:
		n.Critical++
	case audit.Warning:
		n.Warning++
	case audit.Info:
		n.Info++
	}
}

// Level is that of the worst that was found.
func (n nodeSums) Level() level {
	switch {
	case n.Critical > 0:
		return level(audit.Critical)
	case n.Warning > 0:
		return level(audit.Warning)
	case n.Info > 0:
		return level(audit.Info)
	case n.Certificates == 0 || n.Incomplete:
		return levelUnknown
	}
	return levelOK
}

// quiet reports whether there is nothing at warning or above to say of a node, of which
// everything was judged.
func (n nodeSums) quiet() bool { return n.Critical+n.Warning == 0 && !n.Incomplete }

// found are the numbers of findings of a node, and that there may be more.
func (n nodeSums) found() []string {
	parts := counted(audit.Summary{Critical: n.Critical, Warning: n.Warning, Info: n.Info})
	if n.Incomplete {
		parts = append(parts, "incomplete")
	}
	return parts
}

// compare puts the node first of which there is more to say.
func (n nodeSums) compare(other nodeSums) int {
	return cmp.Or(cmp.Compare(other.Critical, n.Critical), cmp.Compare(other.Warning, n.Warning))
}

// nodeGroup are the nodes of a cluster, or those in none.
type nodeGroup struct {
	Cluster *audit.Cluster
	Nodes   []nodeSums
	// Listed are those to be named, the others are counted: all of a few; of many those
	// with findings at warning or above, the worst first.
	Listed []nodeSums
	// Loud and Quiet are those that are not listed.
	Loud, Quiet []nodeSums
}

// How many nodes of a cluster are all listed, and how many of more at most.
const maxAll, maxSummed = 8, 20

// groupNodes puts the nodes of a result under their clusters, in their order; those in
// none come last.
func groupNodes(r audit.Result, most int) []nodeGroup {
	var out []nodeGroup
	index := map[string]int{}
	for i := range r.Clusters {
		index[r.Clusters[i].Name] = len(out)
		out = append(out, nodeGroup{Cluster: &r.Clusters[i]})
	}
	var loose nodeGroup
	for _, n := range sumNodes(entire(r)) {
		if i, ok := index[n.Cluster]; ok {
			out[i].Nodes = append(out[i].Nodes, n)
		} else {
			loose.Nodes = append(loose.Nodes, n)
		}
	}
	if len(loose.Nodes) > 0 {
		out = append(out, loose)
	}
	for i := range out {
		out[i].list(most)
	}
	return out
}

func (g *nodeGroup) list(most int) {
	if len(g.Nodes) <= maxAll {
		g.Listed = g.Nodes
		return
	}
	for _, n := range g.Nodes {
		if n.quiet() {
			g.Quiet = append(g.Quiet, n)
		} else {
			g.Listed = append(g.Listed, n)
		}
	}
	slices.SortStableFunc(g.Listed, nodeSums.compare)
	if len(g.Listed) > most {
		g.Listed, g.Loud = g.Listed[:most], g.Listed[most:]
	}
}

// Name is that of the cluster with the beginning of its CAs' keys, which tell it from
// others.
func (g nodeGroup) Name() string {
	if g.Cluster == nil {
		return "nodes of no cluster that shows"
	}
	var keys []string
	for _, k := range g.Cluster.CAKeys {
		head, _ := clip(k, 8)
		keys = append(keys, head)
	}
	name := "cluster " + printable(g.Cluster.Name)
	if len(keys) == 1 && strings.Contains(g.Cluster.Name, keys[0]) {
		return name
	}
	word := "CA key "
	if len(keys) > 1 {
		word = "CA keys "
	}
	return name + ", " + word + printable(strings.Join(briefKeys(keys), ", "))
}

// briefKeys are the first of many keys, as an attacker's bundle may hold.
func briefKeys(keys []string) []string {
	if len(keys) <= maxNodes {
		return keys
	}
	return append(slices.Clone(keys[:maxNodes]), thousands(len(keys)-maxNodes)+" more")
}

// Count says how many nodes of each kind there are: "3 control planes, 997 workers".
func (g nodeGroup) Count() string { return countKinds(g.Nodes) }

func countKinds(nodes []nodeSums) string {
	counts := map[string]int{}
	for _, n := range nodes {
		counts[n.Kind]++
	}
	var parts []string
	for _, kind := range kinds {
		switch n := counts[kind]; {
		case n == 1 || n > 0 && kind == kindOther:
			parts = append(parts, thousands(n)+" "+kind)
		case n > 1:
			parts = append(parts, thousands(n)+" "+kind+"s")
		}
	}
	return strings.Join(parts, ", ")
}

// Found sums up what was found on the nodes of a group.
func (g nodeGroup) Found() string {
	var sum audit.Summary
	for _, n := range g.Nodes {
		sum.Critical, sum.Warning, sum.Info = sum.Critical+n.Critical, sum.Warning+n.Warning, sum.Info+n.Info
	}
	return cmp.Or(strings.Join(counted(sum), ", "), "no findings")
}

// Rest says how many nodes are not listed; "" for none.
func (g nodeGroup) Rest() string {
	var parts []string
	if n := len(g.Loud); n > 0 {
		parts = append(parts, thousands(n)+" more with findings"+incompleteWords(g.Loud))
	}
	if n := len(g.Quiet); n > 0 {
		text := thousands(n) + " more without findings"
		if slices.ContainsFunc(g.Quiet, func(n nodeSums) bool { return n.Info > 0 }) {
			text += " above info"
		}
		parts = append(parts, text)
	}
	if len(parts) == 0 {
		return ""
	}
	return "and " + strings.Join(parts, ", ")
}

// incompleteWords say that some of the nodes with findings may have none.
func incompleteWords(nodes []nodeSums) string {
	if slices.ContainsFunc(nodes, func(n nodeSums) bool { return n.Incomplete }) {
		return " or incomplete"
	}
	return ""
}

var sumColumns = []column[nodeSums]{
	{"NODE", func(n nodeSums) cell { return hostNames(n.Name) }},
	{"KIND", func(n nodeSums) cell { return whole(n.Kind) }},
	{"KUBERNETES", func(n nodeSums) cell { return whole(n.KubernetesVersion) }},
	{"CERTIFICATES", func(n nodeSums) cell { return whole(strconv.Itoa(n.Certificates)) }},
	{"FINDINGS", func(n nodeSums) cell {
		return list(n.found())
	}},
	{"NEXT EXPIRY", func(n nodeSums) cell { return whole(day(n.Next)) }},
}

// leavingSums leave the table of nodes where there is no room for them.
var leavingSums = []string{"KUBERNETES", "CERTIFICATES"}

// nodesSection sums up clusters and nodes; "" for one node.
func nodesSection(r audit.Result, o Options) (string, error) {
	if !severalNodes(r) {
		return "", nil
	}
	var b bytes.Buffer
	b.WriteString("Nodes\n")
	for _, g := range groupNodes(r, maxSummed) {
		fmt.Fprintf(&b, "\n%s: %s; %s\n", g.Name(), g.Count(), g.Found())
		gridOf := func(columns []column[nodeSums]) grid { return newGrid(columns, g.Listed) }
		if err := writeLayouts(&b, then(leaving(sumColumns, leavingSums, "", gridOf)), o); err != nil {
			return "", err
		}
		if rest := g.Rest(); rest != "" {
			b.WriteString(rest + "\n")
		}
	}
	return b.String(), nil
}

// markdownNodes is the same in Markdown.
func markdownNodes(r audit.Result) string {
	if !severalNodes(r) {
		return ""
	}
	var b strings.Builder
	b.WriteString("### Nodes\n")
	for _, g := range groupNodes(r, maxSummed) {
		fmt.Fprintf(&b, "\n%s: %s; %s\n", code(g.Name()), g.Count(), g.Found())
		if len(g.Listed) > 0 {
			b.WriteString("\n" + newGrid(sumColumns, g.Listed).markdown())
		}
		if rest := g.Rest(); rest != "" {
			b.WriteString("\n" + rest + "\n")
		}
	}
	return b.String()
}
