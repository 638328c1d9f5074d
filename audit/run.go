package audit

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"certaudit/audit/inventory"
	"certaudit/parsers"
)

// Options say how inventories are judged.
type Options struct {
	// At is the time to judge for. It must be set: nothing here reads a clock.
	At time.Time
	// Now is when the audit is made, by which a snapshot is old or of the future; zero
	// where that is not to be judged. At may be any other time.
	Now time.Time
	// Within is how far ahead to look: what ends within this time is expiring, however
	// early that is. 0 leaves the windows as they are.
	Within time.Duration
	// Overrides replace what is found on the nodes.
	Overrides
	// Requirements is the table to hold certificates against; nil means
	// [DefaultRequirements].
	Requirements *Requirements
	// Policy is what the team decided; nil for nothing.
	Policy *Policy
	// Baseline holds the findings that are known; nil for none.
	Baseline *Baseline
	// Again is how the audit is repeated at the end of a plan.
	Again Again
	// Uses asks for the rows of the health-check sheet in [Result.Uses].
	Uses bool
	// Late reports whether the audit has to end, and may be called by several goroutines; nil
	// for one that may take any time.
	// What was not judged by then is incomplete.
	Late func() bool
	// selections are what several nodes share; nil where there is one.
	selections *selections
}

// requirements are those of nodes by the options.
func (o Options) requirements() *selections {
	if o.selections != nil {
		return o.selections
	}
	table := o.Requirements
	if table == nil {
		table = DefaultRequirements()
	}
	return &selections{table: o.Policy.table(table), made: map[selection]map[string][]*Requirement{}}
}

// Run judges inventories. It is pure: the same arguments give the same Result.
func Run(inventories []*inventory.Inventory, o Options) Result {
	r, _ := Rerun(nil, inventories, o)
	return r
}

// Rerun is [Run] with the memory of an earlier run, and returns its own beside
// the same result.
func Rerun(before *Memory, inventories []*inventory.Inventory, o Options) (Result, *Memory) {
	var audits []*nodeAudit
	o.selections = o.requirements()
	r, after := newResult(o), &Memory{signed: newVerdicts(before.signatures())}
	names := nodeNames(inventories, o.Overrides)
	room, outcomes := roomForOutcomes(inventories)
	all := judgeAll(before, after.signed, inventories, names, outcomes, o)
	r.Outcomes = room
	r.grow(all)
	for i, j := range all {
		first := len(r.Certificates)
		r.add(j.part)
		all[i] = judged{} // a fleet's parts take as much memory as the whole
		j.known.rows = r.Certificates[first:]
		if r.Changes.IsZero() || !j.next.IsZero() && j.next.Before(r.Changes) {
			r.Changes = j.next
		}
		audits = append(audits, j.audit)
		after.nodes = append(after.nodes, j.known)
	}
	if len(audits) > 1 || hasNodeObjects(audits) {
		r.judgeClusters(clustersOf(audits), audits, o)
	}
	for _, n := range audits {
		for _, e := range n.edges {
			r.Connections = append(r.Connections, e.Connection)
		}
		if o.Uses {
			r.Uses = append(r.Uses, n.uses()...)
		}
	}
	r.finish(o)
	r.planAll(audits)
	rest := r.Certificates
	for i := range after.nodes {
		known := &after.nodes[i]
		known.rows, rest = slices.Clip(rest[:len(known.rows)]), rest[len(known.rows):]
	}
	return r, after
}

// judged is a node that was audited: its part of the result, and what is remembered of it.
type judged struct {
	audit *nodeAudit
	part  Result
	known remembered
	// next is as of [nodeAudit.nextChange].
	next time.Time
}

// judgeAll audits each node for itself, on all processors. outcomes are where those of each
// node go.
func judgeAll(before *Memory, signed *verdicts, inventories []*inventory.Inventory, names []string, outcomes [][]Outcome, o Options) []judged {
	all := make([]judged, len(inventories))
	onAllProcessors(len(inventories), func(i int) {
		end := signed.checkAhead(inventories[i], o.Late)
		defer end()
		known := before.node(inventories[i], names[i], o)
		a := newNodeAudit(known.node, o, signed)
		a.named() // which the checks ask for once all signatures are checked
		j := judged{audit: a, known: known, part: newResult(o)}
		j.part.Outcomes = outcomes[i]
		j.part.addNode(a, known.rows)
		j.next = j.audit.nextChange()
		j.audit.groups = nil // a fleet's take much memory, and only plans ask again
		all[i] = j
	})
	return all
}

// onAllProcessors calls a function with each number below n, and returns once all calls
// have. A panic in one ends those of its processor, and is the caller's.
func onAllProcessors(n int, do func(i int)) {
	var workers sync.WaitGroup
	var next atomic.Int64
	panicked := make([]any, min(n, runtime.GOMAXPROCS(0)))
	for w := range panicked {
		workers.Go(func() {
			defer func() { panicked[w] = recover() }()
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	workers.Wait()
	for _, p := range panicked {
		if p != nil {
			panic(p)
		}
	}
}

// inParts is onAllProcessors for what takes too little to be handed out one by one.
func inParts(n int, do func(i int)) {
	const part = 256
	onAllProcessors((n+part-1)/part, func(p int) {
		for i := p * part; i < min(n, (p+1)*part); i++ {
			do(i)
		}
	})
}

// roomForOutcomes returns room for all outcomes, and the part of it that is each node's: a
// fleet has a hundred for each node, which are put where they stay.
func roomForOutcomes(inventories []*inventory.Inventory) (room []Outcome, parts [][]Outcome) {
	ofNode, ofObjects := len(checksOf(scopeNode)), len(checksOf(scopeObjects))
	count := func(inv *inventory.Inventory) int {
		if hasObjects(inv) {
			return ofNode + ofObjects
		}
		return ofNode
	}
	all := len(roster) // for those of the cluster
	for _, inv := range inventories {
		all += count(inv)
	}
	room, parts = make([]Outcome, 0, all), make([][]Outcome, len(inventories))
	rest := room[:all]
	for i, inv := range inventories {
		n := count(inv)
		parts[i], rest = rest[:0:n], rest[n:]
	}
	return room, parts
}

// grow makes room for the rows and findings of all nodes.
func (r *Result) grow(all []judged) {
	if len(all) == 1 {
		return
	}
	var rows, findings int
	for _, j := range all {
		rows, findings = rows+len(j.part.Certificates), findings+len(j.part.Findings)
	}
	r.Certificates, r.Findings = make([]Certificate, 0, rows), make([]Finding, 0, findings)
}

// add adds the part of a node, behind those of the nodes before it. Its outcomes are where
// they belong already, or behind that.
func (r *Result) add(part Result) {
	r.Nodes = append(r.Nodes, part.Nodes...)
	r.RevocationLists = append(r.RevocationLists, part.RevocationLists...)
	r.Findings = append(r.Findings, part.Findings...)
	r.Outcomes = append(r.Outcomes, part.Outcomes...)
	if len(r.Certificates) == 0 && cap(r.Certificates) == 0 {
		r.Certificates = slices.Clip(part.Certificates) // shared until a status changes
	} else {
		r.Certificates = append(r.Certificates, part.Certificates...)
	}
}

// planFor adds the plan of a node for those findings that are its own, by their
// indexes, and gives each the plan that would fix it alone.
func (r *Result) planFor(n *nodeAudit, own []int) {
	findings := make([]Finding, 0, len(own))
	for _, i := range own {
		findings = append(findings, r.Findings[i])
	}
	r.Plan = append(r.Plan, n.plan(findings, true)...)
	for _, i := range own {
		if f := &r.Findings[i]; n.planned(*f) && len(r.Findings) <= maxPlanned {
			f.Remedy = remedyOf(n.plan([]Finding{*f}, false), f.Remedy)
		}
	}
}

// maxPlanned is how many findings are given a plan of their own each.
const maxPlanned = 1000

// nodeNames are what nodes are called in a result: none like another, except that
// input which belongs to no node has no name. Nodes of one name have their folders behind
// it, each of them, or, where that does not tell them apart, numbers.
func nodeNames(inventories []*inventory.Inventory, o Overrides) []string {
	names := make([]string, len(inventories))
	for i, inv := range inventories {
		names[i] = cmp.Or(nodeName(inv, o.version(inv).Value), inv.FolderName())
	}
	apart(names, func(i int) string {
		if inventories[i].Folder == "" {
			return names[i]
		}
		return fmt.Sprintf("%s (%s)", names[i], inventories[i].Folder)
	})
	numbers := map[string]int{}
	for again := true; again; { // a number may lead to what another is called
		again = apart(names, func(i int) string {
			base := names[i]
			numbers[base]++
			return fmt.Sprintf("%s #%d", base, numbers[base])
		})
	}
	return names
}

// apart gives those of some names that are equal, and not empty, others, and reports whether
// there were any.
func apart(names []string, other func(i int) string) (changed bool) {
	times := map[string]int{}
	for _, name := range names {
		times[name]++
	}
	for i, name := range names {
		if name != "" && times[name] > 1 {
			names[i], changed = other(i), true
		}
	}
	return changed
}

func newResult(o Options) Result {
	return Result{Schema: Schema, At: o.At.UTC(), Policy: o.Policy.File(), Nodes: []Node{}, Certificates: []Certificate{},
		Connections: []Connection{}, Findings: []Finding{}, Plan: []Step{}, Outcomes: []Outcome{}}
}

// finish brings in what was decided of the findings, and what follows from them.
func (r *Result) finish(o Options) {
	o.Policy.judge(r)
	slices.SortStableFunc(r.Findings, compareFindings)
	o.Baseline.judge(r)
	r.join()
	r.decide()
	r.Summary = summarize(*r)
}

// judge runs checks over a node. What they say is in their order.
func (r *Result) judge(n *nodeAudit, checks []Check) {
	findings, outcomes := make([][]Finding, len(checks)), make([]Outcome, len(checks))
	for _, behind := range []bool{false, true} {
		for i, c := range checks {
			if c.behind == behind {
				findings[i], outcomes[i] = c.runOn(n)
				n.earlier = append(n.earlier, findings[i]...)
			}
		}
	}
	r.Findings = append(r.Findings, slices.Concat(findings...)...)
	r.Outcomes = append(r.Outcomes, outcomes...)
}

func (r *Result) addNode(n *nodeAudit, rows []Certificate) {
	r.Nodes = append(r.Nodes, n.described())
	first := len(r.Findings)
	r.judge(n, checksOf(scopeNode))
	if hasObjects(n.inv) {
		r.judge(n, checksOf(scopeObjects))
	}
	n.recordImpact(r.Findings[first:])
	r.Findings = append(r.Findings[:first:first], n.explain(r.Findings[first:])...)
	r.RevocationLists = append(r.RevocationLists, n.revocationLists()...)
	r.Certificates = rows
}

// addClusters tells which nodes belong together.
func (r *Result) addClusters(clusters []*clusterAudit) {
	home := map[string]string{}
	for _, c := range clusters {
		r.Clusters = append(r.Clusters, c.Cluster)
		for _, name := range c.Nodes {
			home[name] = c.Name
		}
	}
	for i := range r.Nodes {
		r.Nodes[i].Cluster = home[r.Nodes[i].Name]
	}
}

// described is the node as the result has it.
func (n *nodeAudit) described() Node {
	version := n.facts.version.Value
	d := Node{Name: n.name, Hosts: n.ownHosts(), KubernetesVersion: version, Profile: n.facts.profile, Distribution: n.inv.Distribution, Unreached: n.inv.IsUnreached(), TakenAt: n.inv.TakenAt,
		ShortResidual: version != "" && (Interval{Until: "1.31"}).holds(version)}
	rows, err := expirations(n)
	if d.Expirations = rows; err != nil {
		d.ExpirationError = err.Error()
	}
	return d
}

// row is the table's row of an entry of a node, without its status. known are the
// descriptions of certificates of rows before, which it adds to: rows share what they
// have in common.
func (e *entry) row(node string, known map[*x509.Certificate]Certificate) Certificate {
	if e.cert == nil {
		return e.completed(node, e.described())
	}
	described, ok := known[e.cert.Certificate]
	if !ok {
		described = e.described()
		known[e.cert.Certificate] = described
	}
	return e.completed(node, described)
}

// described is the row of an entry with what its certificate says, if it has one.
func (e *entry) described() Certificate {
	if e.cert == nil {
		return Certificate{Organizations: []string{}, DNSNames: []string{}, IPAddresses: []string{}, Usages: []string{}}
	}
	return describe(*e.cert)
}

// completed is a row with what the entry says of itself.
func (e *entry) completed(node string, c Certificate) Certificate {
	c.Node, c.Component, c.Type, c.Role = node, e.component, e.kind(), e.role.name
	c.Path, c.Line, c.Field, c.Index = e.place.Path, e.place.Line, e.place.Field, e.index
	if e.cert != nil {
		c.Index = e.cert.Index
	}
	c.UsedBy = e.usedBy()
	return c
}

// describe returns what every row of a certificate has.
func describe(cert parsers.Certificate) Certificate {
	x := cert.Certificate
	return Certificate{X509: x, CommonName: x.Subject.CommonName, Issuer: issuerName(x),
		Organizations: append([]string{}, x.Subject.Organization...), DNSNames: append([]string{}, x.DNSNames...), IPAddresses: texts(x.IPAddresses),
		Serial: x.SerialNumber.Text(16), SHA256: cert.SHA256(), PublicKeySHA256: cert.PublicKeySHA256(), KeyAlgorithm: keyAlgorithm(x),
		NotBefore: x.NotBefore.UTC(), NotAfter: x.NotAfter.UTC(), Usages: usages(x)}
}

// kind is the role's type, or what the certificate says that it is for.
func (e *entry) kind() string {
	if e.role.kind != typeByUsage || e.cert == nil {
		return e.role.kind
	}
	server := slices.Contains(e.cert.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	client := slices.Contains(e.cert.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	switch {
	case server == client:
		return typeBoth
	case server:
		return typeServer
	}
	return typeClient
}

// compareFindings puts the worst first, then sorts by node, place and check.
func compareFindings(a, b Finding) int {
	return cmp.Or(-cmp.Compare(a.Severity.Rank(), b.Severity.Rank()), cmp.Compare(a.Node, b.Node),
		cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Field, b.Field),
		cmp.Compare(a.Check, b.Check), cmp.Compare(a.Message, b.Message))
}

func summarize(r Result) Summary {
	s := Summary{Requests: len(r.Requests), Incomplete: r.Incomplete()}
	for _, c := range r.Certificates {
		if c.SHA256 == "" {
			continue
		}
		s.Certificates++
		if c.NotAfter.After(r.At) && (s.NextExpiry.IsZero() || c.NotAfter.Before(s.NextExpiry)) {
			s.NextExpiry = c.NotAfter
		}
	}
	count := map[Severity]int{}
	for _, f := range r.Findings {
		switch {
		case f.Waiver != nil:
			s.Waived++
		case f.Known:
			s.Known++
		default:
			count[f.Severity]++
		}
	}
	s.Critical, s.Warning, s.Info = count[Critical], count[Warning], count[Info]
	return s
}

func keyAlgorithm(c *x509.Certificate) string { return parsers.KeyAlgorithm(c.PublicKey) }
