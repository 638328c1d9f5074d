package audit

import "slices"

// picture is what an inventory shows at any time. The runs over one inventory share
// it; none of them changes anything in it but rows.
type picture struct {
	inv   *Inventory
	facts nodeFacts
	// name is the node's; "" for input that belongs to none.
	name    string
	entries []*entry
	reqs    map[string][]Requirement
	table   *Requirements
	// foreign are the kubeconfigs that speak of other clusters as well.
	foreign []string
	// privates are the references to private keys by their pair.
	privates map[string][]Reference
	// groups are the files that something names.
	groups []group
	// rows are those of the entries as the last run left them; nil before the
	// first.
	rows []Certificate
}

func newPicture(inv *Inventory, o Options) *picture {
	inv, foreign := ownOnly(inv)
	p := &picture{inv: inv, foreign: foreign, facts: factsOf(inv, o.Overrides), entries: entriesOf(inv), groups: groupsOf(inv), table: o.requirements(),
		reqs: map[string][]Requirement{}, privates: map[string][]Reference{}}
	for _, r := range p.table.Select(p.facts.profile, p.facts.version.Value) {
		p.reqs[r.Role] = append(p.reqs[r.Role], r)
	}
	if names := p.facts.values["nodeName"]; len(names) > 0 {
		p.name = names[0]
	}
	for _, ref := range inv.References {
		if ref.Pair != "" && holdsPrivate(ref) {
			p.privates[ref.Pair] = append(p.privates[ref.Pair], ref)
		}
	}
	return p
}

// pictureKey is what a picture depends on.
type pictureKey struct {
	inv       *Inventory
	overrides Overrides
	table     *Requirements
	policy    *Policy
}

// picture returns the picture of an inventory, the one of the last run where that was
// over the same.
func (c *Cache) picture(inv *Inventory, o Options) *picture {
	if c == nil {
		return newPicture(inv, o)
	}
	if as := (pictureKey{inv, o.Overrides, o.Requirements, o.Policy}); c.pictured == nil || c.picturedAs != as {
		c.pictured, c.picturedAs = newPicture(inv, o), as
	}
	return c.pictured
}

// certificates returns the rows of the entries, which are not to be changed.
func (p *picture) certificates() []Certificate {
	if p.rows == nil {
		p.rows = make([]Certificate, 0, len(p.entries))
		for _, e := range p.entries {
			row := e.row(p.name)
			row.Status = statusOK
			p.rows = append(p.rows, row)
		}
	}
	return slices.Clip(p.rows)
}

// statusOK is the status of a certificate that fails no check.
const statusOK = "ok"

// setStatus gives every row the worst check that it fails, or statusOK. Rows that runs
// share are copied before one of them is changed.
func (r *Result) setStatus() {
	worst, own := worstFindings(r.Findings), false
	for i, c := range r.Certificates {
		status := statusOK
		if f, ok := worst[placeOf(c)]; ok {
			status = f.Check
		}
		if c.Status == status {
			continue
		}
		if !own {
			r.Certificates, own = slices.Clone(r.Certificates), true
		}
		r.Certificates[i].Status = status
	}
}
