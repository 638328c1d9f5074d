package audit

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"iter"
	"slices"
	"time"

	"certaudit/audit/inventory"
)

// foreseen is a node of a forecast.
type foreseen struct {
	// now is the node at the time of the forecast; then is judged again at each end.
	now, then *nodeAudit
	// own are its connections as it judges them itself, and whole with the other ends, both
	// at a time at which nothing ends.
	own, whole []edge
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
		look := func() *nodeAudit {
			return &nodeAudit{node: known.node, now: o.At, policy: o.Policy, signatures: newSignatures(inputs(known.node.inv), after.signed, o.Late)}
		}
		all = append(all, &foreseen{now: look(), then: look(), order: i})
	}
	return all
}

// foresights part nodes into those that are judged together, as the audit does: the
// clusters, and each node that is in none or that is another look at one.
func foresights(all []*foreseen, o Options) []*foresight {
	var audits []*nodeAudit
	byAudit := map[*nodeAudit]*foreseen{}
	for _, n := range all {
		audits = append(audits, n.then)
		byAudit[n.then] = n
	}
	var out []*foresight
	add := func(c *clusterAudit, members ...*nodeAudit) {
		s := &foresight{o: o, looks: map[string]*looked{}, of: byAudit}
		for _, n := range members {
			s.members = append(s.members, byAudit[n])
		}
		s.look(c, members)
		out = append(out, s)
	}
	joined := map[*nodeAudit]bool{}
	if len(audits) > 1 {
		for _, c := range clustersOf(audits) {
			c.members = distinct(c.audits)
			c.indexHosts()
			for _, n := range c.members {
				joined[n] = true
			}
			add(c, c.members...)
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
	members []*foreseen
	between *resolver
	of      map[*nodeAudit]*foreseen
	o       Options
	// looks are the certificates, by their bytes, and begins those of them that begin later.
	looks  map[string]*looked
	begins []*looked
}

// looked is a certificate with the connections that were judged by its dates, in order.
type looked struct {
	cert *x509.Certificate
	at   []seat
	// over says that it has ended. All others last, and are taken to be renewed.
	over bool
}

// seat is the place of a connection. own says that its node looks at the certificate itself,
// and not only with the other end.
type seat struct {
	node *foreseen
	i    int
	own  bool
}

func (a seat) compare(b seat) int {
	return cmp.Or(cmp.Compare(a.node.order, b.node.order), cmp.Compare(a.i, b.i))
}

// look judges all connections, and notes by which certificates.
func (s *foresight) look(c *clusterAudit, nodes []*nodeAudit) {
	onAllProcessors(len(nodes), func(i int) {
		nodes[i].lasts = s.lasts
		nodes[i].edges = nodes[i].connections()
	})
	s.between = c.resolver()
	for _, n := range s.members {
		n.own, n.whole = n.then.edges, slices.Clone(n.then.edges)
		for i := range n.whole {
			s.between.resolveEdge(n.then, &n.whole[i])
			s.note(n, i)
		}
	}
	s.tell(nodes)
}

// looked is what is known of a certificate.
func (s *foresight) looked(c *x509.Certificate) *looked {
	l := s.looks[string(c.Raw)]
	if l == nil {
		l = &looked{cert: c}
		if s.looks[string(c.Raw)] = l; c.NotBefore.After(s.o.At) {
			s.begins = append(s.begins, l)
		}
	}
	return l
}

// lasts reports whether a certificate is taken to last.
func (s *foresight) lasts(c *x509.Certificate) bool {
	l := s.looks[string(c.Raw)]
	return l == nil || !l.over
}

// note remembers by which certificates a connection was judged.
func (s *foresight) note(n *foreseen, i int) {
	for _, look := range []struct {
		dated iter.Seq[*x509.Certificate]
		own   bool
	}{{n.own[i].dated(), true}, {n.whole[i].dated(), false}} {
		at := seat{n, i, look.own}
		for c := range look.dated {
			l := s.looked(c)
			if k, known := slices.BinarySearchFunc(l.at, at, seat.compare); !known {
				l.at = slices.Insert(l.at, k, at)
			}
		}
	}
}

// tell notes what could not be judged of nodes.
func (s *foresight) tell(nodes []*nodeAudit) {
	for _, n := range nodes {
		for _, why := range n.left() {
			s.of[n].gap = why
		}
	}
}

// rejudged is a connection as its node judges it itself, and with the other end.
type rejudged struct {
	own   *edge
	whole edge
}

// again judges the connections at a time that look at a certificate.
func (s *foresight) again(l *looked, at time.Time) []rejudged {
	touched := slices.Clone(s.between.callers)
	var alone []*nodeAudit
	for _, seat := range l.at {
		touched = append(touched, seat.node.then)
		if seat.own {
			alone = append(alone, seat.node.then)
		}
	}
	touched, alone = slices.Compact(touched), slices.Compact(alone)
	for _, n := range touched {
		n.now, n.spent, n.exhausted, n.passed = at, 0, false, ""
	}
	onAllProcessors(len(alone), func(i int) { alone[i].edges = alone[i].connections() })
	s.between.forget()
	out := make([]rejudged, len(l.at))
	for k, seat := range l.at {
		own := &seat.node.own[seat.i]
		if seat.own && seat.i < len(seat.node.then.edges) {
			own = &seat.node.then.edges[seat.i]
		}
		out[k] = rejudged{own, *own}
		s.between.resolveEdge(seat.node.then, &out[k].whole)
	}
	s.tell(touched)
	return out
}

// keep has connections that were judged again as they are from now on.
func (s *foresight) keep(l *looked, again []rejudged) {
	for k, seat := range slices.Clone(l.at) {
		seat.node.own[seat.i], seat.node.whole[seat.i] = *again[k].own, again[k].whole
		s.note(seat.node, seat.i)
	}
}

// begin judges those connections again that look at what has begun by a time.
func (s *foresight) begin(at time.Time) {
	begins := s.begins
	s.begins = nil
	for _, l := range begins {
		if l.cert.NotBefore.After(at) {
			s.begins = append(s.begins, l)
		} else {
			s.keep(l, s.again(l, at))
		}
	}
}

// isSeen reports whether other nodes call a node.
func (s *foresight) isSeen(n *foreseen) bool {
	_, server := n.now.inv.Component(inventory.APIServer)
	_, member := n.now.inv.Component(inventory.Etcd)
	return server || member
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
		for e := range n.now.everyPlace() {
			raw := string(e.cert.Raw)
			i, known := index[raw]
			if !known {
				i = len(out)
				index[raw], out = i, append(out, ending{})
			}
			if all := out[i].holders; len(all) == 0 || all[len(all)-1].node != n {
				out[i].holders = append(all, endHolder{node: n})
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
	quorum := s.quorum()
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
	if quorum != nil {
		quorum.decide(out)
	}
	return out
}

// judge says what an end breaks, of the holders for whom it is due.
func (s *foresight) judge(e ending, due []endHolder, ends []End) {
	needed := s.broken(e, due, ends)
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
	l := s.looked(e.cert())
	switch first := due[0].node; {
	case len(l.at) == 0:
		l.over = true
		return false
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
	s.begin(at)
	l.over = true
	again := s.again(l, at)
	home := map[*foreseen]int{}
	for i, h := range due {
		home[h.node] = i
	}
	var elsewhere []Break
	needed := false
	for k, seat := range l.at {
		n, after := seat.node, again[k].whole
		reason := newFault(n.whole[seat.i], after)
		if reason == "" {
			continue
		}
		needed = true
		b := breakOf(after, reason)
		if i, own := home[n]; own {
			ends[i].Breaks = append(ends[i].Breaks, b)
		} else {
			b.Nodes = []string{n.now.name}
			elsewhere = append(elsewhere, b)
		}
	}
	if l.over = !needed; l.over {
		s.keep(l, again)
	}
	elsewhere = joinBreaks(elsewhere)
	for i, h := range due {
		if i == 0 || len(ends[i].Breaks) == 0 && s.isSeen(h.node) {
			ends[i].Breaks = append(ends[i].Breaks, elsewhere...)
		}
		slices.SortStableFunc(ends[i].Breaks, func(a, b Break) int { return cmp.Compare(a.Rank, b.Rank) })
	}
	return needed
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
