package report

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"certaudit/audit"
)

// htmlNodes is a cluster as a matrix: a row for each node, or for several of which there
// is nothing to say, and a column for each role.
type htmlNodes struct {
	nodeGroup
	Roles []string
	// MoreRoles counts those that have no column.
	MoreRoles int
	Rows      []htmlNodeRow
}

// Bounds of a matrix.
const maxMatrixRows, maxMatrixRoles = 100, 40

// htmlNodeRow is a node, or what several of a kind have in common.
type htmlNodeRow struct {
	nodeSums
	// Count is how many nodes it stands for.
	Count int
	Cells []htmlNodeCell
}

// Title is the node's name, or how many nodes there are more.
func (r htmlNodeRow) Title() string {
	if r.Count == 1 {
		return cmp.Or(printable(r.Name), "not known")
	}
	return thousands(r.Count) + " more"
}

// Found are the counts of the findings.
func (r htmlNodeRow) Found() string {
	return strings.Join(r.found(), ", ")
}

// Filter finds the node's certificates in the table; "" where the row is of several.
func (r htmlNodeRow) Filter() string {
	if r.Count == 1 {
		return r.Name
	}
	return ""
}

// htmlNodeCell is the worst and the earliest of the certificates of a role on a node; the
// zero value is none.
type htmlNodeCell struct {
	Level level
	// Word is the status, without the family of the check; "" for ok.
	Word string
	// Left is the time that is left.
	Left string
	// Filter finds the certificates in the table.
	Filter string

	end    time.Time
	status string
}

// add takes in a certificate: it is the one to be shown where it is worse or, of two as
// bad, ends first.
func (c *htmlNodeCell) add(other htmlNodeCell) {
	worse := cmp.Compare(looks[other.Level].rank, looks[c.Level].rank)
	if c.Level == "" || worse > 0 || worse == 0 && !c.end.IsZero() && other.end.Before(c.end) {
		*c = other
	}
}

// matrix are the cells of each node by role.
type matrix map[string]map[string]*htmlNodeCell

func newMatrix(r audit.Result) matrix {
	m := matrix{}
	for _, c := range r.Certificates {
		if m[c.Node] == nil {
			m[c.Node] = map[string]*htmlNodeCell{}
		}
		if m[c.Node][c.Role] == nil {
			m[c.Node][c.Role] = &htmlNodeCell{}
		}
		m[c.Node][c.Role].add(htmlNodeCell{Level: certificateLevel(c), status: c.Status, end: c.NotAfter})
	}
	return m
}

// newHTMLNodes are the clusters of a result of several nodes; nil for one.
func newHTMLNodes(r audit.Result) []htmlNodes {
	if !severalNodes(r) {
		return nil
	}
	cells := newMatrix(r)
	order := map[string]int{}
	for _, c := range r.Certificates {
		if _, ok := order[c.Role]; !ok {
			order[c.Role] = len(order)
		}
	}
	var out []htmlNodes
	for _, g := range groupNodes(r, maxMatrixRows) {
		n := htmlNodes{nodeGroup: g}
		n.addRoles(cells, order)
		for _, node := range g.Listed {
			n.addRow(r, cells, []nodeSums{node})
		}
		for _, rest := range [][]nodeSums{g.Loud, g.Quiet} {
			for _, kind := range kinds {
				of := slices.DeleteFunc(slices.Clone(rest), func(n nodeSums) bool { return n.Kind != kind })
				if len(of) > 0 {
					n.addRow(r, cells, of)
				}
			}
		}
		out = append(out, n)
	}
	return out
}

// addRoles adds a column for each role of the nodes, in the order of the result.
func (n *htmlNodes) addRoles(cells matrix, order map[string]int) {
	has := map[string]bool{}
	for _, node := range n.Nodes {
		for role := range cells[node.Name] {
			if !has[role] {
				has[role] = true
				n.Roles = append(n.Roles, role)
			}
		}
	}
	slices.SortFunc(n.Roles, func(a, b string) int { return cmp.Compare(order[a], order[b]) })
	if len(n.Roles) > maxMatrixRoles {
		n.Roles, n.MoreRoles = n.Roles[:maxMatrixRoles], len(n.Roles)-maxMatrixRoles
	}
}

// addRow adds the row of a node, or of several.
func (n *htmlNodes) addRow(r audit.Result, cells matrix, nodes []nodeSums) {
	row := htmlNodeRow{nodeSums: nodes[0], Count: len(nodes)}
	for _, other := range nodes[1:] {
		row.Critical, row.Warning, row.Info = row.Critical+other.Critical, row.Warning+other.Warning, row.Info+other.Info
		row.Certificates, row.Incomplete = row.Certificates+other.Certificates, row.Incomplete || other.Incomplete
		if other.KubernetesVersion != row.KubernetesVersion {
			row.KubernetesVersion = "several"
		}
	}
	for _, role := range n.Roles {
		cell := htmlNodeCell{}
		for _, node := range nodes {
			if c := cells[node.Name][role]; c != nil {
				cell.add(*c)
			}
		}
		if cell.Level != "" {
			cell.finish(r.At, strings.TrimSpace(row.Filter()+" "+role))
		}
		row.Cells = append(row.Cells, cell)
	}
	n.Rows = append(n.Rows, row)
}

// finish puts a cell into words.
func (c *htmlNodeCell) finish(at time.Time, filter string) {
	c.Filter = filter
	if c.status != "ok" {
		_, c.Word, _ = strings.Cut(c.status, "/")
		c.Word = cmp.Or(c.Word, c.status)
	}
	if !c.end.IsZero() {
		c.Left = strings.TrimPrefix(remaining(c.end, at), c.Word+" ")
	}
}

// htmlPlan is what is to be done on a node, or on several alike.
type htmlPlan struct {
	// On says where; "" where there is one node.
	On    string
	Steps []htmlStep
	// Script is that of the first node, whose name is Of.
	Script, Of string
}

// htmlStep is a step under its number in the plan.
type htmlStep struct {
	Number int
	Title  string
	Manual bool
}

// htmlPlans returns up to maxPlans of the plans of a result, and how many more there are.
func htmlPlans(r audit.Result) (plans []htmlPlan, more int) {
	all := newPlanIndex(r).plans
	for i, p := range all {
		if i == maxPlans {
			return plans, len(all) - i
		}
		out := htmlPlan{On: strings.Trim(planHead(r, p), " :\n"), Of: p.nodes[0]}
		var own []audit.Step
		for _, i := range p.steps {
			out.Steps = append(out.Steps, htmlStep{i + 1, p.title(r.Plan[i]), r.Plan[i].Manual()})
			own = append(own, r.Plan[i])
		}
		out.Script = planScript(audit.Result{Plan: own})
		plans = append(plans, out)
	}
	return plans, 0
}

// htmlConnection is a connection with its nodes, named or counted.
type htmlConnection struct {
	audit.Connection
	On string
}

// htmlConnections returns the connections, of many the worst, and how many more there
// are.
func htmlConnections(r audit.Result) (out []htmlConnection, more int) {
	f, shared := newFleet(r), shareConnections(r)
	if len(shared) > maxConnections {
		slices.SortStableFunc(shared, func(a, b sharedConnection) int {
			return cmp.Compare(connectionRank(b.Status), connectionRank(a.Status))
		})
		shared, more = shared[:maxConnections], len(shared)-maxConnections
	}
	for _, c := range shared {
		out = append(out, htmlConnection{c.Connection, f.nodes(c.nodes)})
	}
	return out, more
}
