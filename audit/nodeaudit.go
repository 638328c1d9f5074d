package audit

import (
	"iter"
	"time"

	"certaudit/parsers"
)

// nodeAudit is one run over one node: what the checks share.
type nodeAudit struct {
	*node
	now time.Time
	// within is as of [Options].
	within time.Duration
	policy *Policy
	// again is as of [Options].
	again Again
	// issuances remembers what verifying an entry gave.
	issuances map[*entry]issuance
	// groups are the files that something names, once something asked for them.
	groups []group
	// cas are the CAs in view by their subject, once something asked for them.
	cas map[string][]parsers.Certificate
	signatures
	// edges are the connections; earlier are the findings of the checks that
	// ran before, which may explain why one is broken.
	edges []edge
	// flags are what is wrong with the flags of the components.
	flags   flagFaults
	earlier []Finding
	// unsettled are the components that run otherwise than their files say.
	unsettled []string
	// cut says that not all edges could be verified.
	cut bool
	// requests are what [RunRequests] judges; nil in [Run].
	requests *requestSet
}

// newNodeAudit begins a run. known are as of [newSignatures].
func newNodeAudit(n *node, o Options, known *verdicts) *nodeAudit {
	a := &nodeAudit{node: n, now: o.At, within: o.Within, policy: o.Policy, again: o.Again, issuances: map[*entry]issuance{},
		signatures: newSignatures(inputs(n.inv), known, o.Late)}
	a.edges = a.connections()
	a.cut = a.exhausted
	a.flags = a.flagFaults()
	a.unsettled = a.unsettledComponents()
	// crypto/x509 checks signatures in any case: those it has checked are not checked once more.
	for e := range a.decoded((*entry).isIssued) {
		a.issuance(e)
	}
	return a
}

// named are the files that something names.
func (n *nodeAudit) named() []group {
	if n.groups == nil {
		n.groups = groupsOf(n.inv)
	}
	return n.groups
}

// requirements returns those of a role that state a fact.
func (n *node) requirements(role string, fact Fact) []*Requirement {
	var out []*Requirement
	for _, r := range n.reqs[role] {
		if r.Fact == fact {
			out = append(out, r)
		}
	}
	return out
}

// decoded returns the entries that have a certificate and that keep selects.
func (n *node) decoded(keep func(*entry) bool) iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		for _, e := range n.entries {
			if e.cert != nil && keep(e) && !yield(e) {
				return
			}
		}
	}
}

// anyEntry selects every entry.
func anyEntry(*entry) bool { return true }
