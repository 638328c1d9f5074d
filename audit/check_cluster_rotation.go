package audit

import (
	"certaudit/audit/inventory"
	"fmt"
	"slices"
	"strings"

	"certaudit/parsers"
)

// caRotation is how far the nodes of a cluster are in the rotation of a CA.
type caRotation struct {
	words, old, new string
	caTrust
	// oldOnly, both and newOnly are the nodes by what they trust.
	oldOnly, both, newOnly []*nodeAudit
	// at is the bundle of a node that has to be changed for the node to be at another stage.
	at map[*nodeAudit]parsers.Origin
	// byOld and byNew count by node what the two have signed.
	byOld, byNew map[*nodeAudit]int
}

func checkClusterRotation(p *clusterPass) {
	for _, kind := range caRoles {
		t := p.trustOf(kind.role)
		old, new, ok := t.rotating(p.clusterAudit)
		for _, of := range t.uses {
			p.examined += len(of)
		}
		if !ok {
			continue
		}
		r := caRotation{words: kind.words, old: old, new: new, caTrust: t, at: map[*nodeAudit]parsers.Origin{},
			byOld: p.signedBy(t.cas[old]), byNew: p.signedBy(t.cas[new])}
		r.sort(p.clusterAudit, kind.role)
		p.reportRotation(kind.role, r)
	}
}

// sort puts each node to those that trust the old CA, both, or the new one: everything
// with which it verifies has to.
func (r *caRotation) sort(c *clusterAudit, role string) {
	lacks := map[*nodeAudit][2]bool{}
	judge := func(n *nodeAudit, keys []string, at parsers.Origin) {
		hasOld, hasNew := slices.Contains(keys, r.old), slices.Contains(keys, r.new)
		if !hasOld && !hasNew {
			return
		}
		old := lacks[n]
		if _, known := r.at[n]; !known || old == [2]bool{} && !(hasOld && hasNew) {
			r.at[n] = at
		}
		lacks[n] = [2]bool{old[0] || !hasOld, old[1] || !hasNew}
	}
	for _, of := range r.uses {
		for _, t := range of {
			judge(t.node, t.keys, t.at)
		}
	}
	for _, n := range c.members {
		for _, ref := range n.inv.References {
			if role == inventory.RoleKubernetesCA && strings.HasSuffix(ref.Name, "certificate-authority") && ref.Role == inventory.RoleOtherCA && inventory.IsProgram(ref.Component) {
				var own caTrust
				own.cas = map[string]parsers.Certificate{}
				judge(n, own.add(n.inv.Material(ref).Certificates), parsers.Origin{Path: ref.Place().Path, Field: ref.Label()})
			}
		}
		state, known := lacks[n]
		switch {
		case !known:
		case state[1]: // what lacks both somewhere has to learn the new one first
			r.oldOnly = append(r.oldOnly, n)
		case state[0]:
			r.newOnly = append(r.newOnly, n)
		default:
			r.both = append(r.both, n)
		}
	}
}

// cutOff says who refuses what one of the CAs has signed, now; "" for nobody.
func (r caRotation) cutOff() string {
	var out []string
	for _, side := range []struct {
		nodes  []*nodeAudit
		signed map[*nodeAudit]int
		word   string
	}{{r.oldOnly, r.byNew, "new"}, {r.newOnly, r.byOld, "old"}} {
		if len(side.nodes) > 0 && countOf(side.signed) > 0 {
			out = append(out, fmt.Sprintf("%s %s the %s that the %s CA has signed", namesOfNodes(side.nodes), have(len(side.nodes), "refuses", "refuse"), plural(countOf(side.signed), "certificate"), side.word))
		}
	}
	return strings.Join(out, "; ")
}

// next is the step that comes next, the node that it starts at, and who would be cut off
// by the one after it.
func (r caRotation) next(c *clusterAudit) (step string, at *nodeAudit, early string) {
	holders := func(signed map[*nodeAudit]int) []*nodeAudit {
		return slices.DeleteFunc(slices.Clone(c.members), func(n *nodeAudit) bool { return signed[n] == 0 })
	}
	old, withOld := countOf(r.byOld), holders(r.byOld)
	switch {
	case len(r.newOnly) > 0 && old > 0:
		return fmt.Sprintf("bring the old CA back beside the new one on %s, until nothing of the old one is in use", namesOfNodes(r.newOnly)), r.newOnly[0], ""
	case len(r.oldOnly) > 0:
		return fmt.Sprintf("put the new CA beside the old one into what verifies on %s", namesOfNodes(r.oldOnly)), r.oldOnly[0],
			fmt.Sprintf("whatever the new CA signs before that %s refused by %s", "is", namesOfNodes(r.oldOnly))
	case old > 0:
		return fmt.Sprintf("have the %s that the old CA signed issued by the new one, on %s", plural(old, "certificate"), namesOfNodes(withOld)), withOld[0],
			fmt.Sprintf("if the old CA were taken away before that, %s would be refused by all", namesOfNodes(withOld))
	case len(r.both) > 0:
		return fmt.Sprintf("take the old CA out of what verifies on %s", namesOfNodes(r.both)), r.both[0], ""
	}
	return "nothing", c.members[0], ""
}

func (p *clusterPass) reportRotation(role string, r caRotation) {
	step, n, early := r.next(p.clusterAudit)
	var states []string
	for _, s := range []struct {
		nodes []*nodeAudit
		words string
	}{{r.oldOnly, "the old one only"}, {r.both, "both"}, {r.newOnly, "the new one only"}} {
		if len(s.nodes) > 0 {
			states = append(states, fmt.Sprintf("%s %s %s", namesOfNodes(s.nodes), have(len(s.nodes), "trusts", "trust"), s.words))
		}
	}
	f := finding{severity: Info, component: roleNamed(role).component, at: r.at[n]}
	f.message = fmt.Sprintf("the %s is being rotated from %s, which signed %s, to %s, which signed %s: %s", r.words,
		caWords(r.cas[r.old]), plural(countOf(r.byOld), "certificate"), caWords(r.cas[r.new]), plural(countOf(r.byNew), "certificate"), strings.Join(states, "; "))
	if off := r.cutOff(); off != "" {
		f.severity = Critical
		f.message += "; " + off
	}
	f.message += ". Next: " + step
	if early != "" {
		f.message += "; " + early
	}
	f.remedy = remedy{"# next: " + step, "# " + sourceRotateCA}
	p.report(n, f)
}
