package report

import (
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"

	"certaudit/audit"
)

// nodeWord stands for the name of each of several nodes, as in the table of
// requirements.
const nodeWord = "{node}"

// nodeless is s with the name of its node replaced by [nodeWord]: texts of several
// nodes that differ in the name alone become equal. A name that is only part of a
// longer word stays: "cp-1" is not in "cp-10".
func nodeless(s, node string) string {
	name, _, _ := strings.Cut(node, " ") // a second node of one name has something behind it
	return replaceName(s, name, nodeWord)
}

// replaceName is s with a name or an address replaced, but where it is part of a longer
// one. "" is in no text.
func replaceName(s, name, by string) string {
	if name == "" || !strings.Contains(s, name) {
		return s
	}
	var b strings.Builder
	for {
		i := strings.Index(s, name)
		if i < 0 {
			b.WriteString(s)
			return b.String()
		}
		end := i + len(name)
		if i > 0 && isWord(s[i-1]) || end < len(s) && isWord(s[end]) {
			b.WriteString(s[:end])
		} else {
			b.WriteString(s[:i] + by)
		}
		s = s[end:]
	}
}

// isWord reports whether a byte next to a name makes a longer word of it.
func isWord(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= 0x80
}

func allNodeless(list []string, node string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = nodeless(s, node)
	}
	return out
}

// made is the time in the names that the kubelet gives its own certificates:
// "cp-1-ca@1792843200" (k8s.io/client-go util/cert GenerateSelfSignedCertKey).
var made = regexp.MustCompile(`@[0-9]+$`)

// nodeName is a name in a certificate, without what differs by node.
func nodeName(s, node string) string { return made.ReplaceAllString(nodeless(s, node), "@…") }

// datesIn matches the times in the messages of findings.
var datesIn = regexp.MustCompile(`[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9]{2}:[0-9]{2} UTC)?|[0-9]+ (days?|hours?|minutes?)\b`)

// fleet knows of each node which cluster it is in. The zero value is of one node.
type fleet struct {
	several  bool
	total    int
	clusters int
	cluster  map[string]string
	// hosts are the names and addresses of each node, as of [audit.Node].
	hosts map[string][]string
}

func newFleet(r audit.Result) fleet {
	f := fleet{several: severalNodes(r), total: len(r.Nodes), clusters: len(r.Clusters), cluster: map[string]string{}, hosts: map[string][]string{}}
	for _, n := range r.Nodes {
		f.cluster[n.Name], f.hosts[n.Name] = n.Cluster, n.Hosts
	}
	return f
}

// addressWord stands for the address of each of several nodes.
const addressWord = "{address}"

// general is s with the names and addresses of a node replaced by [nodeWord] and
// [addressWord], so that texts of several nodes that differ in these alone become equal.
func (f fleet) general(s, node string) string {
	s = nodeless(s, node)
	for _, host := range f.hosts[node] {
		if net.ParseIP(host) != nil {
			s = replaceName(s, host, addressWord)
		} else {
			s = replaceName(s, host, nodeWord)
		}
	}
	return s
}

// example says which address of a node a general text leaves out, " ({address} is
// 192.0.2.11 on cp-1)"; "" where it leaves out none.
func (f fleet) example(s, node string) string {
	var left []string
	for _, host := range f.hosts[node] {
		if net.ParseIP(host) != nil && replaceName(s, host, addressWord) != s {
			left = append(left, host)
		}
	}
	if left == nil {
		return ""
	}
	return fmt.Sprintf(" (%s is %s on %s)", addressWord, strings.Join(left, ", "), node)
}

// nodes lists names, up to maxNodes of them; of more it says how many there are, and
// in which cluster where there are several.
func (f fleet) nodes(names []string) string {
	if len(names) <= maxNodes {
		return strings.Join(names, ", ")
	}
	text := thousands(len(names)) + " nodes"
	if home := f.cluster[names[0]]; f.clusters > 1 && home != "" {
		text += " of " + home
	}
	return text
}

// maxNamed are the names of nodes in a list of many.
const maxNamed = 10

// someNodes lists up to maxNamed names, and counts the others: "w-1, w-2 and 4,990 more".
func someNodes(names []string) string {
	if len(names) <= maxNamed {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:maxNamed], ", ") + " and " + thousands(len(names)-maxNamed) + " more"
}

// thousands is n with commas: "4,990".
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// exact asks for rows of one certificate each.
const exact = true

// shareSubjects are the rows of [shareRows].
func shareSubjects(r audit.Result, exact bool) []subject {
	rows, _ := shareRows(r, exact)
	return rows
}

// shareRows makes one row of what several nodes of a cluster have in common: the
// same certificate at the same place and, unless exact, other certificates than CAs
// that have the same place, role, status and, but for the node, names. Rows are in
// the order of their first. It returns also the row of each certificate of the result.
func shareRows(r audit.Result, exact bool) (rows []subject, of []int) {
	f := newFleet(r)
	list := subjects(r)
	of = make([]int, len(list))
	if !f.several {
		for i := range of {
			of[i] = i
		}
		return list, of
	}
	type key struct {
		cluster, component, kind, role, path, field, absent, status, identity string
		index                                                                 int
	}
	index := map[key]int{}
	var merged []sharedRow
	for at := range list {
		s := &list[at]
		k := key{f.cluster[s.Node], s.Component, s.Type, s.Role, nodeless(s.Path, s.Node), s.Field, s.Absent, s.Status, "", s.Index}
		switch {
		case exact || s.Type == typeCA:
			k.identity = s.SHA256
		default:
			k.identity = strings.Join([]string{nodeName(s.CommonName, s.Node), nodeName(s.Issuer, s.Node), strings.Join(s.Organizations, "\x00")}, "\x01")
		}
		i, ok := index[k]
		if !ok || s.Node == "" || merged[i].last().Node == s.Node {
			i, index[k] = len(merged), len(merged)
			merged = append(merged, sharedRow{})
		}
		merged[i] = append(merged[i], s)
		of[at] = i
	}
	rows = make([]subject, len(merged))
	for i, m := range merged {
		rows[i] = m.subject()
	}
	return rows, of
}

// typeCA is the type of what signs others.
const typeCA = "CA"

// sharedRow are the certificates of several nodes that one row shows.
type sharedRow []*subject

func (m sharedRow) last() *subject { return m[len(m)-1] }

// subject is the row: what all say alike, the earliest expiry, and of names those that
// all have.
func (m sharedRow) subject() subject {
	s := *m[0]
	if len(m) == 1 {
		return s
	}
	s.nodes, s.UsedBy = nil, slices.Clone(s.UsedBy)
	s.until, s.soonest = s.NotAfter, s.Node
	for _, c := range m {
		for _, user := range c.UsedBy {
			if !slices.Contains(s.UsedBy, user) {
				s.UsedBy = append(s.UsedBy, user)
			}
		}
		s.nodes = append(s.nodes, c.Node)
		if c.NotAfter.Before(s.NotAfter) {
			s.NotAfter, s.soonest = c.NotAfter, c.Node
		}
		if c.NotAfter.After(s.until) {
			s.until = c.NotAfter
		}
		if c.NotBefore.Before(s.NotBefore) {
			s.NotBefore = c.NotBefore
		}
	}
	s.Path = m.text(func(c *subject) string { return c.Path }, nodeless)
	s.CommonName = m.text(func(c *subject) string { return c.CommonName }, nodeName)
	s.Issuer = m.text(func(c *subject) string { return c.Issuer }, nodeName)
	s.DNSNames = m.common(func(c *subject) []string { return c.DNSNames })
	s.IPAddresses = m.common(func(c *subject) []string { return c.IPAddresses })
	return s
}

// text is what all say, without what differs by node where that is needed.
func (m sharedRow) text(of func(*subject) string, without func(s, node string) string) string {
	first := of(m[0])
	for _, c := range m {
		if of(c) != first {
			return without(first, m[0].Node)
		}
	}
	return first
}

// common are the values that all have, and how many each has beside.
func (m sharedRow) common(of func(*subject) []string) []string {
	first := of(m[0])
	if !slices.ContainsFunc(m, func(c *subject) bool { return !slices.Equal(of(c), first) }) {
		return first
	}
	out := allNodeless(first, m[0].Node)
	least, most := len(first), len(first)
	for _, c := range m[1:] {
		has := allNodeless(of(c), c.Node)
		out = slices.DeleteFunc(out, func(v string) bool { return !slices.Contains(has, v) })
		least, most = min(least, len(has)), max(most, len(has))
	}
	switch {
	case least != most:
		out = append(out, "more on each node")
	case most > len(out):
		out = append(out, fmt.Sprintf("%d more on each node", most-len(out)))
	}
	return out
}

// sharedFinding is a finding of one node, or the same finding of several nodes of a
// cluster: that of the first, in words that hold for all.
type sharedFinding struct {
	audit.Finding
	// nodes are those that have it; nil for what belongs to none.
	nodes []string
	// members are the indexes of all in the result.
	members []int
	// general says that the messages of several are without the addresses of the nodes.
	general bool
	// apart says that the dates in the messages differ.
	apart bool
	// ownRemedy says that the remedy is that of the first node alone.
	ownRemedy bool
}

// findingKey is what findings of several nodes have in common that are shown as one.
type findingKey struct {
	cluster, check, component, path, field, message, ignored, explains, breaks, reference string
	severity                                                                              audit.Severity
	// general says that the message is without the addresses of the node.
	general bool
}

// findingKeys are those of the findings of a result. The addresses of a node stay in a
// message that another node says as well.
func findingKeys(r audit.Result, f fleet) []findingKey {
	undated := memo(func(s string) string { return datesIn.ReplaceAllString(s, "…") })
	keys, said := make([]findingKey, len(r.Findings)), map[findingKey]int{}
	for i, one := range r.Findings {
		keys[i] = findingKey{f.cluster[one.Node], one.Check, one.Component, nodeless(one.Path, one.Node), one.Field, undated(nodeless(one.Message, one.Node)), ignoredFor(one),
			consequences(one), strings.Join(allNodeless(one.Breaks, one.Node), "\x00"), one.Reference, one.Severity, false}
		said[keys[i]]++
	}
	for i, one := range r.Findings {
		if said[keys[i]] == 1 {
			keys[i].message, keys[i].general = undated(f.general(one.Message, one.Node)), true
		}
	}
	return keys
}

// shareFindings puts the most urgent first, and makes one of those that say the same but for
// the names and addresses of the node and dates.
func shareFindings(r audit.Result) []sharedFinding {
	f := newFleet(r)
	var keys []findingKey
	if f.several {
		keys = findingKeys(r, f)
	}
	index := map[findingKey]int{}
	type member struct {
		at   int
		node string
	}
	has := map[member]bool{}
	var out []sharedFinding
	for _, i := range byUrgency(r) {
		one := r.Findings[i]
		if !f.several || one.Node == "" {
			out = append(out, sharedFinding{Finding: one, nodes: nonEmpty(one.Node), members: []int{i}})
			continue
		}
		at, ok := index[keys[i]]
		if !ok || has[member{at, one.Node}] {
			index[keys[i]] = len(out)
			has[member{len(out), one.Node}] = true
			out = append(out, sharedFinding{Finding: one, nodes: []string{one.Node}, members: []int{i}, general: keys[i].general})
			continue
		}
		g := &out[at]
		has[member{at, one.Node}] = true
		g.nodes, g.members = append(g.nodes, one.Node), append(g.members, i)
	}
	for i := range out {
		out[i].join(r.Findings, f)
	}
	return out
}

// join words a finding of several nodes so that it holds for all.
func (g *sharedFinding) join(findings []audit.Finding, all fleet) {
	first, words := findings[g.members[0]], nodeless
	if g.general {
		words = all.general
	}
	for _, i := range g.members[1:] {
		f := findings[i]
		if f.Message != first.Message {
			g.Message = words(first.Message, first.Node)
			g.apart = g.apart || words(f.Message, f.Node) != g.Message
		}
		if f.Path != first.Path {
			g.Path = nodeless(first.Path, first.Node)
		}
		if !slices.Equal(f.Breaks, first.Breaks) {
			g.Breaks = allNodeless(first.Breaks, first.Node)
		}
		g.ownRemedy = g.ownRemedy || f.Remedy != first.Remedy
	}
	g.sort(findings)
	if g.general && g.Message != first.Message {
		g.Message += all.example(first.Message, first.Node)
	}
	if g.apart {
		g.Message += " (so on " + first.Node + "; the dates of the others differ)"
	}
}

// sort puts the members in the order of the result; the first stays the first where its
// dates are those that are shown.
func (g *sharedFinding) sort(findings []audit.Finding) {
	rest := g.members
	if g.apart {
		rest = g.members[1:]
	}
	slices.Sort(rest)
	if len(g.members) > 1 {
		for i, at := range g.members {
			g.nodes[i] = findings[at].Node
		}
	}
}

// memo keeps what a function gave for a text.
func memo(f func(string) string) func(string) string {
	known := map[string]string{}
	return func(s string) string {
		out, ok := known[s]
		if !ok {
			out = f(s)
			known[s] = out
		}
		return out
	}
}

// sharedPlan are the steps of a node, or of several that have the same ones.
type sharedPlan struct {
	nodes []string
	// steps are the indexes, in the plan of the result, of the steps of the first node.
	steps []int
}

// planIndex says where the plan of a result, as the reports show it, has the step that
// fixes a finding.
type planIndex struct {
	plans []sharedPlan
	// shown is, for each step of the result, the index of the one that is shown for it.
	shown []int
	// fixes are the steps that fix the findings of a label on a node.
	fixes map[[2]string][]int
}

func newPlanIndex(r audit.Result) *planIndex {
	p := &planIndex{shown: make([]int, len(r.Plan)), fixes: map[[2]string][]int{}}
	var nodes []string
	stepsOf := map[string][]int{}
	for i, s := range r.Plan {
		if stepsOf[s.Node] == nil {
			nodes = append(nodes, s.Node)
		}
		stepsOf[s.Node] = append(stepsOf[s.Node], i)
		if s.Fixes() {
			for _, label := range distinct(slices.Clone(s.Findings)) {
				k := [2]string{s.Node, label}
				p.fixes[k] = append(p.fixes[k], i)
			}
		}
	}
	cluster := newFleet(r).cluster
	index := map[string]int{}
	for _, node := range nodes {
		key := cluster[node]
		for _, i := range stepsOf[node] {
			key += "\x00" + nodeless(stepTitle(r.Plan[i], false), node)
		}
		at, ok := index[key]
		if !ok {
			at, index[key] = len(p.plans), len(p.plans)
			p.plans = append(p.plans, sharedPlan{steps: stepsOf[node]})
		}
		p.plans[at].nodes = append(p.plans[at].nodes, node)
		for k, i := range stepsOf[node] {
			p.shown[i] = p.plans[at].steps[k]
		}
	}
	return p
}

// of are the steps that are shown for those that fix a finding, each once.
func (p *planIndex) of(g sharedFinding, findings []audit.Finding) []int {
	var out []int
	for _, i := range g.members {
		for _, step := range p.fixes[[2]string{findings[i].Node, findings[i].Label()}] {
			out = append(out, p.shown[step])
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// sharedConnection is a connection of one node, or the same of several of a cluster.
type sharedConnection struct {
	audit.Connection
	// nodes are those that have it; nil for what belongs to none.
	nodes []string
}

// shareConnections makes one of the connections that say the same but for the name of
// the node, in the order of their first.
func shareConnections(r audit.Result) []sharedConnection {
	f := newFleet(r)
	type key struct {
		cluster string
		audit.Connection
	}
	index := map[key]int{}
	var out []sharedConnection
	for _, c := range r.Connections {
		if !f.several || c.Node == "" {
			out = append(out, sharedConnection{c, nonEmpty(c.Node)})
			continue
		}
		k := key{f.cluster[c.Node], withoutNode(c)}
		i, ok := index[k]
		if !ok || out[i].nodes[len(out[i].nodes)-1] == c.Node {
			index[k] = len(out)
			out = append(out, sharedConnection{c, []string{c.Node}})
			continue
		}
		if one := out[i].Connection; len(out[i].nodes) == 1 && one != sameNode(c, one.Node) {
			out[i].Connection = sameNode(k.Connection, one.Node)
		}
		out[i].nodes = append(out[i].nodes, c.Node)
	}
	return out
}

func sameNode(c audit.Connection, node string) audit.Connection {
	c.Node = node
	return c
}

// withoutNode is a connection without what names its node.
func withoutNode(c audit.Connection) audit.Connection {
	for _, s := range []*string{&c.Client, &c.Server, &c.Address, &c.Identity, &c.Reason} {
		*s = nodeless(*s, c.Node)
	}
	c.Node = ""
	return c
}
