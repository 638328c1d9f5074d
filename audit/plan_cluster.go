package audit

import (
	"cmp"
	"slices"

	"certaudit/audit/inventory"
)

// planAll adds the plans of nodes, in the order in which the nodes are to be worked on.
func (r *Result) planAll(audits []*nodeAudit) {
	own := map[string][]int{}
	for i, f := range r.Findings {
		own[f.Node] = append(own[f.Node], i)
	}
	turn := map[*nodeAudit]int{}
	for _, n := range audits {
		turn[n] = turnOf(n, slices.ContainsFunc(own[n.name], func(i int) bool { return r.Findings[i].Component == inventory.Etcd && n.planned(r.Findings[i]) }))
	}
	ordered := slices.Clone(audits)
	slices.SortStableFunc(ordered, func(a, b *nodeAudit) int { return cmp.Compare(turn[a], turn[b]) })
	var before *nodeAudit
	for _, n := range ordered {
		first := len(r.Plan)
		r.planFor(n, own[n.name])
		if len(r.Plan) == first || !slices.ContainsFunc(r.Plan[first:], func(s Step) bool { return !s.Manual() }) {
			continue
		}
		if before != nil && turn[before] < turnWorker { // workers wait for none of each other
			r.Plan = slices.Insert(r.Plan, first, Step{Node: n.name, Phase: PhaseLook, Title: betweenWords(before, turn[n] < turnWorker), Commands: []string{}, Findings: []string{}})
		}
		before = n
	}
}

// The turns of nodes: an API server needs etcd, and a kubelet an API server.
const (
	turnEtcd = iota
	turnEtcdBeside
	turnServer
	turnWorker
)

// turnOf says when a node's turn comes: hosts of etcd alone, control planes of which the
// etcd is to be fixed, the other control planes, everything else.
func turnOf(n *nodeAudit, fixesEtcd bool) int {
	_, etcd := n.inv.Component(inventory.Etcd)
	_, server := n.inv.Component(inventory.APIServer)
	switch {
	case etcd && !server:
		return turnEtcd
	case etcd && fixesEtcd:
		return turnEtcdBeside
	case server:
		return turnServer
	}
	return turnWorker
}

// betweenWords say what must hold before the next node is touched after another one: what
// the next needs of it, etcd for one that serves, and for any other an API server.
func betweenWords(before *nodeAudit, nextServes bool) string {
	_, etcd := before.inv.Component(inventory.Etcd)
	_, server := before.inv.Component(inventory.APIServer)
	if etcd && (nextServes || !server) {
		return "go on only when " + before.name + " is done and every member of etcd is healthy: etcdctl endpoint health --cluster"
	}
	return "go on only when " + before.name + " is done and its API server answers: kubectl get --raw /readyz"
}
