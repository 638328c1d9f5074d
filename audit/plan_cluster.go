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
	ordered := slices.Clone(audits)
	slices.SortStableFunc(ordered, func(a, b *nodeAudit) int { return cmp.Compare(turnOf(a), turnOf(b)) })
	var before *nodeAudit
	for _, n := range ordered {
		first := len(r.Plan)
		r.planFor(n, own[n.name])
		if len(r.Plan) == first || !slices.ContainsFunc(r.Plan[first:], func(s Step) bool { return !s.Manual() }) {
			continue
		}
		if before != nil {
			r.Plan = slices.Insert(r.Plan, first, Step{Node: n.name, Phase: PhaseLook, Title: betweenWords(before, n), Commands: []string{}, Findings: []string{}})
		}
		before = n
	}
}

// turnOf says when a node's turn comes: hosts of etcd alone, control planes, the others.
// An API server needs etcd, and a kubelet an API server.
func turnOf(n *nodeAudit) int {
	_, etcd := n.inv.Component(inventory.Etcd)
	_, server := n.inv.Component(inventory.APIServer)
	switch {
	case etcd && !server:
		return 0
	case server:
		return 1
	}
	return 2
}

// betweenWords say what must hold before a node is touched after another one.
func betweenWords(before, n *nodeAudit) string {
	_, etcd := before.inv.Component(inventory.Etcd)
	switch {
	case etcd && turnOf(n) < 2:
		return "go on only when " + before.name + " is done and every member of etcd is healthy: etcdctl endpoint health --cluster"
	case turnOf(n) < 2:
		return "go on only when " + before.name + " is done and its API server answers: kubectl get --raw /readyz"
	}
	return "go on only when " + before.name + " is done"
}
