package audit

import (
	"certaudit/audit/inventory"
	"slices"
)

// Memory is what one run leaves to the next over the same inventories: what an
// unchanged inventory shows, and which signatures were checked. It changes no
// result. The nil Memory is that of no run.
type Memory struct {
	// signed are the signatures that were checked.
	signed *verdicts
	nodes  []remembered
}

// remembered is a node with its rows as the run left them.
type remembered struct {
	key  nodeKey
	node *node
	rows []Certificate
}

// nodeKey is what a node depends on.
type nodeKey struct {
	inv       *inventory.Inventory
	name      string
	overrides Overrides
	table     *Requirements
	policy    *Policy
}

// node returns, under a name, what an inventory shows and its rows as they were last, which are
// not to be changed: from memory where nothing that they depend on is another.
func (m *Memory) node(inv *inventory.Inventory, name string, o Options) remembered {
	key := nodeKey{inv, name, o.Overrides, o.Requirements, o.Policy}
	if m != nil {
		if i := slices.IndexFunc(m.nodes, func(r remembered) bool { return r.key == key }); i >= 0 {
			return m.nodes[i]
		}
	}
	n := newNode(inv, o)
	n.name = name
	return remembered{key, n, n.certificates()}
}

// signatures are those that an earlier run knew of; nil for none.
func (m *Memory) signatures() *verdicts {
	if m == nil {
		return nil
	}
	return m.signed
}
