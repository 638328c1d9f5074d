package audit

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"certaudit/audit/inventory"
)

// foreseen is a node of a forecast.
type foreseen struct {
	// now is the node at the time of the forecast; then is judged again at each end.
	now, then *nodeAudit
	// order is the place in the result.
	order int
	// judged counts the ends.
	judged int
	// gap says why something was not judged; "" for nothing.
	gap string
}

// foreseeable are the nodes of a run, in its order.
func foreseeable(after *Memory, o Options) []*foreseen {
	var all []*foreseen
	for i, known := range after.nodes {
		then := &nodeAudit{node: known.node, policy: o.Policy, issuances: map[*entry]issuance{},
			signatures: newSignatures(known.node.inputs(), after.signed, o.Late)}
		all = append(all, &foreseen{now: newNodeAudit(known.node, o, after.signed), then: then, order: i})
	}
	return all
}

// foresights part nodes into those that are judged together, as the audit does: the
// clusters, and each node that is in none or that is another look at one.
func foresights(all []*foreseen, after *Memory, o Options) []*foresight {
	var audits []*nodeAudit
	byAudit := map[*nodeAudit]*foreseen{}
	for _, n := range all {
		audits = append(audits, n.then)
		byAudit[n.then] = n
	}
	var out []*foresight
	add := func(c *clusterAudit, members ...*nodeAudit) {
		s := &foresight{cluster: c, o: o, stayed: map[string]bool{}, local: map[string][]*nodeAudit{}, crossed: map[string]bool{}, of: byAudit, members: members}
		c.members = members
		c.indexHosts()
		s.look()
		out = append(out, s)
	}
	joined := map[*nodeAudit]bool{}
	if len(audits) > 1 {
		for _, c := range clustersOf(audits) {
			members := distinct(c.audits)
			for _, n := range members {
				joined[n] = true
			}
			add(c, members...)
		}
	}
	for _, n := range audits {
		if !joined[n] {
			add(&clusterAudit{}, n)
		}
	}
	return out
}

// foresight judges the connections of some nodes, and those between them, at the ends of
// their certificates.
type foresight struct {
	cluster *clusterAudit
	members []*nodeAudit
	of      map[*nodeAudit]*foreseen
	o       Options
	// stayed are the certificates, as their bytes, that have ended and that nothing needs:
	// nobody renews them. All others last, and are taken to be renewed.
	stayed map[string]bool
	// local are the nodes whose own connections look at a certificate, and crossed the
	// certificates that connections between nodes look at.
	local   map[string][]*nodeAudit
	crossed map[string]bool
	// etcd are the members of etcd, which are resolved together.
	etcd []*nodeAudit
	// sound are the connections of nodes at a time without an end, which several ends of
	// one second share.
	sound   map[*nodeAudit][]edge
	soundAt time.Time
}

// look notes who looks at which certificates.
func (s *foresight) look() {
	for _, n := range s.members {
		if _, ok := n.inv.Component(inventory.Etcd); ok {
			s.etcd = append(s.etcd, n)
		}
	}
	for _, n := range s.members {
		s.set(n, s.o.At, func(c *x509.Certificate) bool {
			raw := string(c.Raw)
			if by := s.local[raw]; len(by) == 0 || by[len(by)-1] != n {
				s.local[raw] = append(by, n)
			}
			return true
		})
		n.edges = n.connections()
	}
	if len(s.members) < 2 {
		return
	}
	for _, n := range s.members {
		s.set(n, s.o.At, func(c *x509.Certificate) bool {
			s.crossed[string(c.Raw)] = true
			return true
		})
	}
	s.resolve(s.members)
}

// set has a node judged at a time, where some certificates last whatever their dates.
func (s *foresight) set(n *nodeAudit, at time.Time, lasts func(*x509.Certificate) bool) {
	n.now, n.signatures = at, signatures{made: n.made, known: n.known, chains: n.chains, extra: n.extra, late: n.late, lasts: lasts}
	clear(n.issuances)
}

// resolve judges the connections of nodes that lead to others.
func (s *foresight) resolve(nodes []*nodeAudit) {
	s.cluster.resolve(nodes)
	s.cluster.refused = nil
}

// edges are the connections of nodes at a time, where some certificates last.
func (s *foresight) edges(nodes []*nodeAudit, at time.Time, lasts func(*x509.Certificate) bool) map[*nodeAudit][]edge {
	touched := slices.Concat(nodes, s.cluster.servers, s.etcd)
	for _, n := range touched {
		s.set(n, at, lasts)
	}
	onAllProcessors(len(nodes), func(i int) { nodes[i].edges = nodes[i].connections() })
	if len(s.members) > 1 {
		s.resolve(nodes)
	}
	out := make(map[*nodeAudit][]edge, len(nodes))
	for _, n := range nodes {
		out[n] = n.edges
	}
	for _, n := range touched {
		for _, why := range n.left() {
			s.of[n].gap = why
		}
	}
	return out
}

// affected are the nodes whose connections the end of a certificate may break, in order:
// those whose own look at it, and of those between nodes the ones that end at a holder.
// What an API server or a member of etcd has may be seen by all.
func (s *foresight) affected(e ending) []*nodeAudit {
	c := e.cert()
	set := map[*nodeAudit]bool{}
	for _, n := range s.local[string(c.Raw)] {
		set[n] = true
	}
	if s.crossed[string(c.Raw)] {
		for _, h := range e.holders {
			if s.isSeen(h.node.then) {
				return s.members
			}
			set[h.node.then] = true
		}
	}
	if slices.ContainsFunc(s.etcd, func(n *nodeAudit) bool { return set[n] }) {
		for _, n := range s.etcd {
			set[n] = true
		}
	}
	nodes := make([]*nodeAudit, 0, len(set))
	for n := range set {
		nodes = append(nodes, n)
	}
	slices.SortFunc(nodes, func(a, b *nodeAudit) int { return cmp.Compare(s.of[a].order, s.of[b].order) })
	return nodes
}

// isSeen reports whether other nodes call a node.
func (s *foresight) isSeen(n *nodeAudit) bool {
	return slices.Contains(s.cluster.servers, n) || slices.Contains(s.etcd, n)
}

// endHolder is a node that has a certificate, with its places there.
type endHolder struct {
	node    *foreseen
	entries []*entry
}

// ending is a certificate with the nodes that have it, in their order.
type ending struct {
	holders []endHolder
}

func (e ending) cert() *x509.Certificate { return e.holders[0].entries[0].cert.Certificate }

// endings are the certificates of the nodes in the order in which they end.
func (s *foresight) endings() []ending {
	var out []ending
	index := map[string]int{}
	for _, n := range s.members {
		for e := range n.everyPlace() {
			raw := string(e.cert.Raw)
			i, known := index[raw]
			if !known {
				i = len(out)
				index[raw], out = i, append(out, ending{})
			}
			if all := out[i].holders; len(all) == 0 || all[len(all)-1].node.then != n {
				out[i].holders = append(all, endHolder{node: s.of[n]})
			}
			last := &out[i].holders[len(out[i].holders)-1]
			last.entries = append(last.entries, e)
		}
	}
	slices.SortStableFunc(out, func(a, b ending) int { return a.cert().NotAfter.Compare(b.cert().NotAfter) })
	return out
}

// ends are those of the nodes, in the order of time.
func (s *foresight) ends(until time.Time) []End {
	out := []End{}
	for _, e := range s.endings() {
		c := e.cert()
		if !c.NotAfter.Before(noEnd) {
			continue
		}
		var own, others []End
		var due []endHolder
		for _, h := range e.holders {
			end := h.described()
			begins := c.NotAfter
			if end.Rotation = h.rotation(); end.Rotation != nil {
				begins = end.Rotation.From
			}
			switch {
			case !until.IsZero() && begins.After(until):
			case end.Rotation != nil || h.node.now.renewsItself() && !c.NotAfter.Before(s.o.At):
				end.RenewedBy = RenewedByItself
				others = append(others, end)
			default:
				own, due = append(own, end), append(due, h)
			}
		}
		if len(due) > 0 {
			s.judge(e, due, own)
		}
		for _, end := range slices.Concat(own, others) {
			if !c.NotAfter.Before(s.o.At) || len(end.Breaks) > 0 {
				out = append(out, end)
			}
		}
	}
	return out
}

// judge says what an end breaks, of the holders for whom it is due.
func (s *foresight) judge(e ending, due []endHolder, ends []End) {
	c := e.cert()
	raw := string(c.Raw)
	needed := false
	if len(s.local[raw]) > 0 || s.crossed[raw] {
		needed = s.broken(e, due, ends)
	}
	if !needed {
		s.stayed[raw], s.sound = true, nil
	}
	for i, h := range due {
		ends[i].RenewedBy = h.node.now.renewedBy(h.entries, needed)
		ends[i].LastDay = lastDay(ends[i], s.o.At)
	}
}

func (h endHolder) described() End {
	first := h.entries[0]
	c := first.cert.Certificate
	end := End{Node: h.node.now.name, Role: first.role.name, CommonName: c.Subject.CommonName, Issuer: issuerName(c), SHA256: first.cert.SHA256(),
		NotAfter: c.NotAfter.UTC(), Breaks: []Break{}}
	for _, place := range h.entries {
		if at := (EndPlace{place.place.Path, place.place.Line, place.place.Field}); !slices.Contains(end.Places, at) {
			end.Places = append(end.Places, at)
		}
	}
	return end
}

// broken adds the connections that a certificate breaks from the second after its end on,
// or from now on, to the end of the node that has the connection; where that does not
// have the certificate, to the first, and to those that others call with nothing of their own. It reports whether there are any.
func (s *foresight) broken(e ending, due []endHolder, ends []End) bool {
	switch first := due[0].node; {
	case first.now.isLate():
		first.gap = lateWords
		return false
	case first.judged >= maxForecast:
		first.gap = fmt.Sprintf("more than %d ends were not judged", maxForecast)
		return false
	default:
		first.judged++
	}
	at := e.cert().NotAfter.Add(time.Second)
	if at.Before(s.o.At) {
		at = s.o.At
	}
	raw := string(e.cert().Raw)
	nodes := s.affected(e)
	before := s.soundEdges(nodes, at)
	after := s.edges(nodes, at, func(c *x509.Certificate) bool { return !s.stayed[string(c.Raw)] && string(c.Raw) != raw })
	home := map[*nodeAudit]int{}
	for i, h := range due {
		home[h.node.then] = i
	}
	var elsewhere []Break
	needed := false
	for _, n := range nodes {
		i, own := home[n]
		for j := range min(len(before[n]), len(after[n])) {
			reason := newFault(before[n][j], after[n][j])
			if reason == "" {
				continue
			}
			needed = true
			if b := breakOf(after[n][j], reason); own {
				ends[i].Breaks = append(ends[i].Breaks, b)
			} else {
				b.Nodes = []string{n.name}
				elsewhere = append(elsewhere, b)
			}
		}
	}
	elsewhere = joinBreaks(elsewhere)
	for i, h := range due {
		if i == 0 || len(ends[i].Breaks) == 0 && s.isSeen(h.node.then) {
			ends[i].Breaks = append(ends[i].Breaks, elsewhere...)
		}
		slices.SortStableFunc(ends[i].Breaks, func(a, b Break) int { return cmp.Compare(a.Rank, b.Rank) })
	}
	return needed
}

// soundEdges are the connections of nodes at a time at which nothing ends.
func (s *foresight) soundEdges(nodes []*nodeAudit, at time.Time) map[*nodeAudit][]edge {
	if s.sound == nil || !s.soundAt.Equal(at) {
		s.sound, s.soundAt = map[*nodeAudit][]edge{}, at
	}
	left := slices.DeleteFunc(slices.Clone(nodes), func(n *nodeAudit) bool { return s.sound[n] != nil })
	for _, n := range s.etcd {
		if slices.ContainsFunc(left, func(m *nodeAudit) bool { return slices.Contains(s.etcd, m) }) && !slices.Contains(left, n) {
			left = append(left, n)
		}
	}
	for n, edges := range s.edges(left, at, func(c *x509.Certificate) bool { return !s.stayed[string(c.Raw)] }) {
		s.sound[n] = edges
	}
	return s.sound
}

// joinBreaks makes one of those that several nodes have alike.
func joinBreaks(all []Break) []Break {
	var out []Break
	at := map[[2]string]int{}
	for _, b := range all {
		key := [2]string{b.Client, b.Server}
		i, known := at[key]
		if !known {
			at[key], out = len(out), append(out, b)
			continue
		}
		first := &out[i]
		if first.Address != b.Address {
			first.Address = ""
		}
		if first.Nodes[len(first.Nodes)-1] != b.Nodes[0] {
			first.Nodes = append(first.Nodes, b.Nodes[0])
		}
	}
	return out
}
