package audit

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"certaudit/parsers"
)

// clusterPass is one run of one check over several nodes: those of a cluster, or, with
// a check of [scopeNodes], all of a result.
type clusterPass struct {
	*clusterAudit
	// clusters are all of the result, and nodes all its nodes.
	clusters []*clusterAudit
	nodes    []*nodeAudit
	// everybody knows the hosts of all of them.
	everybody *clusterAudit
	// at and now are as of [Options].
	at, now time.Time
	tally
	// result is what is known so far, byNode the indexes of its findings.
	result *Result
	byNode map[string][]int
}

// report adds a finding at a node; at none where that is nil.
func (p *clusterPass) report(n *nodeAudit, f finding) *Finding {
	found := p.asFinding(f)
	if n != nil {
		found.Node = n.name
	}
	if p.clusterAudit != nil {
		found.Cluster = p.Name
	}
	p.findings = append(p.findings, found)
	return &p.findings[len(p.findings)-1]
}

// told returns the finding of a node alone by which it tells what a check over several
// nodes has found as well; nil for none.
func (p *clusterPass) told(n *nodeAudit, is func(Finding) bool) *Finding {
	for _, i := range p.byNode[n.name] {
		if f := &p.result.Findings[i]; f.Severity != Info && is(*f) {
			return f
		}
	}
	return nil
}

// follow makes the finding that was reported last a consequence of one of its node, where
// the fix starts; nil leaves it as it is.
func (p *clusterPass) follow(cause *Finding) {
	if cause == nil {
		return
	}
	last := len(p.findings) - 1
	cause.Causes = append(cause.Causes, p.findings[last].consequence())
	p.findings = p.findings[:last]
}

// runOver runs a check over several nodes.
func (c Check) runOver(p clusterPass) (findings []Finding, o Outcome) {
	p.tally = tally{check: c}
	p.tally.run(len(p.nodes) > 0 && p.nodes[0].isLate(), func() { c.runCluster(&p) })
	o = p.outcome()
	if c.scope == scopeCluster {
		o.Cluster = p.Name
	}
	return p.findings, o
}

// judgeClusters tells which nodes belong together, resolves their connections to each
// other, and runs the checks of what shows only between nodes, or between a node and the
// Node objects.
func (r *Result) judgeClusters(clusters []*clusterAudit, audits []*nodeAudit, o Options) {
	r.addClusters(clusters)
	for _, c := range clusters {
		c.members = distinct(c.audits)
		c.indexHosts()
		c.resolve()
	}
	byNode := map[string][]int{}
	for i, f := range r.Findings {
		byNode[f.Node] = append(byNode[f.Node], i)
	}
	everybody := &clusterAudit{members: audits}
	everybody.indexHosts()
	listed := hasNodeObjects(audits)
	all := clusterPass{clusters: clusters, nodes: audits, everybody: everybody, at: o.At, now: o.Now, result: r, byNode: byNode}
	for _, c := range Checks() {
		switch {
		case c.scope&scopeNodes != 0:
			r.addCluster(c.runOver(all))
		case c.scope&scopeCluster != 0:
			for _, cluster := range clusters {
				if len(cluster.audits) > 1 || listed {
					one := all
					one.clusterAudit = cluster
					r.addCluster(c.runOver(one))
				}
			}
		}
	}
	r.Findings = slices.DeleteFunc(r.Findings, func(f Finding) bool { return f.Check == "" })
}

// addCluster adds what a check over several nodes has found. A finding that became a
// consequence of one of these has lost its check, and goes once all are run.
func (r *Result) addCluster(findings []Finding, o Outcome) {
	r.Findings, r.Outcomes = append(r.Findings, findings...), append(r.Outcomes, o)
}

// distinct returns nodes without those that are another look at one of them: of the
// same hostname and node name. The latest look is kept; what was read now is later
// than any snapshot.
func distinct(audits []*nodeAudit) []*nodeAudit {
	kept := map[string]*nodeAudit{}
	for _, n := range audits {
		key := n.identity()
		if old, known := kept[key]; key != "" && (!known || isLater(n, old)) {
			kept[key] = n
		}
	}
	return slices.DeleteFunc(slices.Clone(audits), func(n *nodeAudit) bool {
		key := n.identity()
		return key != "" && kept[key] != n
	})
}

func isLater(n, old *nodeAudit) bool {
	return !old.inv.TakenAt.IsZero() && (n.inv.TakenAt.IsZero() || n.inv.TakenAt.After(old.inv.TakenAt))
}

// identity is what tells a node of a cluster from its others: its own name for itself,
// and the one that its kubelet registers; "" where neither is known.
func (n *nodeAudit) identity() string {
	if own := parsers.CanonicalHost(n.inv.Hostname.Value) + "/" + n.ownName(); own != "/" {
		return own
	}
	return ""
}

func checkSameNode(p *clusterPass) {
	kept := map[string]*nodeAudit{}
	for _, n := range p.members {
		if key := n.identity(); key != "" {
			kept[key] = n
		}
	}
	for _, n := range p.audits {
		p.examine()
		other := kept[n.identity()]
		if other == nil || other == n {
			continue
		}
		f := finding{severity: Info, message: fmt.Sprintf("shows the same as %s, and is the same node by its names: it was read twice, and counts once between nodes", other.shown()),
			remedy: remedy{"# leave one of the two out"}}
		if !sameContent(n, other) {
			f.severity = Warning
			f.message = fmt.Sprintf("is the same node as %s by its names (host %q, node %q), and shows something else%s; between nodes %s counts. Expected each node once, and a name of its own for each",
				other.shown(), clip(n.inv.Hostname.Value), clip(n.ownName()), takenWords(n, other), other.shown())
			f.remedy = remedy{"# two looks at one node: leave the older one out; two machines: give one of them another host name, and a certificate in that name"}
		}
		p.report(n, f)
	}
}

// takenWords say when two looks at a node were taken, as far as that is known.
func takenWords(n, other *nodeAudit) string {
	if n.inv.TakenAt.IsZero() && other.inv.TakenAt.IsZero() {
		return ""
	}
	when := func(n *nodeAudit) string {
		if n.inv.TakenAt.IsZero() {
			return "read now"
		}
		return "taken on " + instant(n.inv.TakenAt)
	}
	return fmt.Sprintf(" (this is %s, the other %s)", when(n), when(other))
}

// sameContent reports whether two inventories differ in nothing but where and when they
// were taken.
func sameContent(a, b *nodeAudit) bool {
	text := func(n *nodeAudit) string {
		inv := *n.inv
		inv.Folder, inv.TakenAt, inv.Proc = "", time.Time{}, nil
		inv.Problems = nil // those of the whole input stand in the first inventory
		data, _ := json.Marshal(inv)
		return string(data)
	}
	return text(a) == text(b)
}

// How old a snapshot may be before what it says is doubtful: a kubelet's certificate may
// be replaced within hours, and a window of warning is thirty days.
const (
	agedAfter = 7 * 24 * time.Hour
	staleFrom = 30 * 24 * time.Hour
)

func checkSnapshotAge(p *clusterPass) {
	for _, n := range p.nodes {
		if n.inv.TakenAt.IsZero() {
			continue
		}
		if p.now.IsZero() {
			p.unjudged("how old snapshots are was not asked for")
			continue
		}
		p.examine()
		age := p.now.Sub(n.inv.TakenAt)
		f := finding{severity: Warning, remedy: remedy{"# take another snapshot of the node"}}
		switch {
		case age < -clockSkew:
			f.message = fmt.Sprintf("was taken on %s, %s after this audit: the clock of the node was ahead, or the one here is behind", instant(n.inv.TakenAt), roughly(-age))
			f.remedy = remedy{"# set the clocks (timedatectl), then take another snapshot"}
		case age > staleFrom:
			f.message = fmt.Sprintf("was taken on %s, %s before this audit; what was renewed or has changed since is not seen. Expected one of the last %d days", instant(n.inv.TakenAt), roughly(age), int(agedAfter.Hours()/24))
		case age > agedAfter:
			f.severity = Info
			f.message = fmt.Sprintf("was taken on %s, %s before this audit; what was renewed since is not seen", instant(n.inv.TakenAt), roughly(age))
		default:
			continue
		}
		p.report(n, f)
	}
}

// namesOfNodes lists the names of nodes for a message.
func namesOfNodes(nodes []*nodeAudit) string {
	var names []string
	for _, n := range nodes {
		names = append(names, n.shown())
	}
	names = clipAll(names)
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// shown is the node's name, else that of its host.
func (n *nodeAudit) shown() string {
	return cmp.Or(n.name, n.inv.Hostname.Value, "a node without a name")
}

// have is a verb for one, as "has", or for several, as "have".
func have(n int, one, several string) string {
	if n == 1 {
		return one
	}
	return several
}

// shortKey is the beginning of a key's SHA-256, by which a reader tells keys apart.
func shortKey(sum string) string { return sum[:min(len(sum), 8)] }
