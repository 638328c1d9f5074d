package audit

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"certaudit/audit/inventory"
)

// openQuorum is what is said of members of etcd where it is not known what the others do.
const openQuorum = "where that leaves no majority, nothing in the cluster can be changed"

// peerPrefix is what the names of the members of etcd begin with as servers.
const peerPrefix = etcdPeer + " "

// way leads from a member of etcd to another, by the names of their nodes.
type way struct{ from, to string }

// quorum is what is known of an etcd of which all members that one of them names are in
// view.
type quorum struct {
	// nodes are the names of the members' nodes, by those of the members.
	nodes map[string]string
	// cut are the ways that are broken whatever ends.
	cut map[way]bool
}

// quorum is that of the members of etcd among the nodes; nil where the ways between them
// are not all known.
func (s *foresight) quorum() *quorum {
	q := &quorum{nodes: map[string]string{}, cut: map[way]bool{}}
	var members []*foreseen
	for _, n := range s.members {
		if _, runs := n.now.inv.Component(inventory.Etcd); runs {
			q.nodes[cmp.Or(n.now.inv.Setting(inventory.Etcd, "name").Value, n.now.name)] = n.now.name
			members = append(members, n)
		}
	}
	if len(members) < 2 || len(q.nodes) < len(members) {
		return nil
	}
	known := map[way]bool{}
	for _, n := range members {
		for _, l := range n.whole {
			name, isPeer := strings.CutPrefix(l.Server, peerPrefix)
			if !isPeer || l.Client != inventory.Etcd {
				continue
			}
			to, inView := q.nodes[name]
			if !inView || l.Status == VerdictUnknown {
				return nil
			}
			known[way{n.now.name, to}] = true
			if l.Status == VerdictBroken {
				q.cut[way{n.now.name, to}] = true
			}
		}
	}
	if len(known) < len(members)*(len(members)-1) {
		return nil
	}
	return q
}

// decide says of the ends, which are in the order of time, what they leave of a majority.
// What ends on one day counts together.
func (q *quorum) decide(ends []End) {
	day := func(e End) string { return e.NotAfter.Format(time.DateOnly) }
	sofar := maps.Clone(q.cut)
	for len(ends) > 0 {
		n := slices.IndexFunc(ends, func(e End) bool { return day(e) != day(ends[0]) })
		if n < 0 {
			n = len(ends)
		}
		today := maps.Clone(q.cut)
		for _, e := range ends[:n] {
			for _, b := range e.Breaks {
				q.add(today, b, e.Node)
			}
		}
		maps.Copy(sofar, today)
		words := q.words(today, sofar)
		for _, e := range ends[:n] {
			for i := range e.Breaks {
				e.Breaks[i].Stops = strings.Replace(e.Breaks[i].Stops, openQuorum, words, 1)
			}
		}
		ends = ends[n:]
	}
}

// add adds the ways that a break of an end on a node cuts.
func (q *quorum) add(cut map[way]bool, b Break, node string) {
	name, isPeer := strings.CutPrefix(b.Server, peerPrefix)
	if !isPeer || b.Client != inventory.Etcd {
		return
	}
	for _, from := range b.nodesOr(node) {
		cut[way{from, q.nodes[name]}] = true
	}
}

// words say what is left where some ways are cut on a day, and others are so far unless
// what ended was renewed.
func (q *quorum) words(today, sofar map[way]bool) string {
	all := len(q.nodes)
	needed := all/2 + 1
	lost := fmt.Sprintf("of the %d members in view no %d reach each other then: if these are all, etcd loses its quorum, and nothing in the cluster can be changed", all, needed)
	atMost := func(cut map[way]bool) int {
		return q.led(func(a, b string) bool { return !cut[way{a, b}] || !cut[way{b, a}] })
	}
	atLeast := q.led(func(a, b string) bool { return !today[way{a, b}] && !today[way{b, a}] })
	switch {
	case atMost(today) < needed:
		return lost
	case atMost(sofar) < needed:
		return "unless what ends before is renewed, " + lost
	case atLeast >= needed:
		return fmt.Sprintf("of the %d members in view %d still reach each other, and go on", all, atLeast)
	}
	return openQuorum
}

// led is how many members the best leader has, itself among them, of those that it can
// speak with. Members pass nothing on for others (https://raft.github.io/raft.pdf, 5.1).
func (q *quorum) led(speak func(a, b string) bool) int {
	best := 0
	for _, leader := range q.nodes {
		n := 1
		for _, other := range q.nodes {
			if other != leader && speak(leader, other) {
				n++
			}
		}
		best = max(best, n)
	}
	return best
}
