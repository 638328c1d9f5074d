package audit

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"certaudit/parsers"
)

// Options say how inventories are judged.
type Options struct {
	// At is the time to judge for. It must be set: nothing here reads a clock.
	At time.Time
	// Overrides replace what is found on the nodes.
	Overrides
	// Requirements is the table to hold certificates against; nil means
	// [DefaultRequirements].
	Requirements *Requirements
	// Policy is what the team decided; nil for nothing.
	Policy *Policy
	// Cache remembers signatures from one run to the next; nil remembers none.
	// It changes no result.
	Cache *Cache
	// Baseline holds the findings that are known; nil for none.
	Baseline *Baseline
}

func (o Options) requirements() *Requirements {
	table := o.Requirements
	if table == nil {
		table = DefaultRequirements()
	}
	return o.Policy.table(table)
}

// Run judges inventories. It is pure: the same arguments give the same Result.
func Run(inventories []*Inventory, o Options) Result {
	r := newResult(o)
	var nodes []*subjectNode
	for _, inv := range inventories {
		n := newSubjectNode(inv, o)
		r.addNode(n)
		o.Cache.keepSignatures(n.made)
		nodes = append(nodes, n)
	}
	o.Cache.turn()
	r.finish(o)
	if len(nodes) == 1 {
		nodes[0].rows = r.Certificates
	}
	return r
}

func newResult(o Options) Result {
	return Result{Schema: Schema, At: o.At.UTC(), Nodes: []Node{}, Certificates: []Certificate{},
		Connections: []Connection{}, Findings: []Finding{}, Outcomes: []Outcome{}}
}

// finish brings in what was decided of the findings, and what follows from them.
func (r *Result) finish(o Options) {
	o.Policy.judge(r)
	slices.SortStableFunc(r.Findings, compareFindings)
	o.Baseline.judge(r)
	r.setStatus()
	r.decide()
	r.Summary = summarize(*r)
}

// judge runs checks over a node.
func (r *Result) judge(n *subjectNode, checks []Check) {
	for _, c := range checks {
		findings, outcome := c.runOn(n)
		n.earlier = append(n.earlier, findings...)
		r.Findings = append(r.Findings, findings...)
		r.Outcomes = append(r.Outcomes, outcome)
	}
}

func (r *Result) addNode(n *subjectNode) {
	r.Nodes = append(r.Nodes, Node{Name: n.name, KubernetesVersion: n.facts.version.Value, Profile: n.facts.profile, Expirations: expirations(n)})
	first := len(r.Findings)
	r.judge(n, nodeChecks())
	if n.hasObjects() {
		r.judge(n, objectChecks())
	}
	n.tellBroken(r.Findings[first:])
	for _, e := range n.edges {
		r.Connections = append(r.Connections, e.Connection)
	}
	if rows := n.certificates(); len(r.Certificates) > 0 {
		r.Certificates = append(r.Certificates, rows...)
	} else {
		r.Certificates = rows
	}
}

// row is the table's row of an entry of a node, without its status.
func (e *entry) row(node string) Certificate {
	c := Certificate{Node: node, Component: e.component, Type: e.kind(), Role: e.role.name,
		Path: e.place.Path, Line: e.place.Line, Field: e.place.Field, Index: e.index,
		Organizations: []string{}, DNSNames: []string{}, IPAddresses: []string{}, Usages: []string{}, UsedBy: e.usedBy()}
	if e.cert == nil {
		return c
	}
	x := e.cert.Certificate
	c.CommonName, c.Issuer = x.Subject.CommonName, issuerName(x)
	c.Organizations = append(c.Organizations, x.Subject.Organization...)
	c.DNSNames = append(c.DNSNames, x.DNSNames...)
	c.IPAddresses = texts(x.IPAddresses)
	c.Serial, c.SHA256, c.KeyAlgorithm = x.SerialNumber.Text(16), e.cert.SHA256(), keyAlgorithm(x)
	c.NotBefore, c.NotAfter = x.NotBefore.UTC(), x.NotAfter.UTC()
	c.Usages = usages(x)
	return c
}

// texts writes out a list; none of nothing, never nil.
func texts[T fmt.Stringer](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = v.String()
	}
	return out
}

// kind is the role's type, or what the certificate says that it is for.
func (e *entry) kind() string {
	if e.role.kind != typeByUsage || e.cert == nil {
		return e.role.kind
	}
	server := slices.Contains(e.cert.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	client := slices.Contains(e.cert.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	switch {
	case server == client:
		return typeBoth
	case server:
		return typeServer
	}
	return typeClient
}

// place is what a row and a finding have in common: a certificate where it
// stands, or, where there is none, the place itself.
type place struct{ node, path, sha256 string }

func placeOf(c Certificate) place { return place{c.Node, c.Path, c.SHA256} }

// worstFindings returns the first of the worst findings at warning or above about
// each place, without those that are waived.
func worstFindings(findings []Finding) map[place]Finding {
	worst := map[place]Finding{}
	for _, f := range findings {
		at := place{f.Node, f.Path, f.SHA256}
		if f.Waiver == nil && f.Severity.Rank() > max(worst[at].Severity.Rank(), Info.Rank()) {
			worst[at] = f
		}
	}
	return worst
}

// compareFindings puts the worst first, then sorts by node, place and check.
func compareFindings(a, b Finding) int {
	return cmp.Or(-cmp.Compare(a.Severity.Rank(), b.Severity.Rank()), cmp.Compare(a.Node, b.Node),
		cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Field, b.Field),
		cmp.Compare(a.Check, b.Check), cmp.Compare(a.Message, b.Message))
}

func summarize(r Result) Summary {
	s := Summary{Requests: len(r.Requests)}
	for _, c := range r.Certificates {
		if c.SHA256 == "" {
			continue
		}
		s.Certificates++
		if c.NotAfter.After(r.At) && (s.NextExpiry.IsZero() || c.NotAfter.Before(s.NextExpiry)) {
			s.NextExpiry = c.NotAfter
		}
	}
	count := map[Severity]int{}
	for _, f := range r.Findings {
		switch {
		case f.Waiver != nil:
			s.Waived++
		case f.Known:
			s.Known++
		default:
			count[f.Severity]++
		}
	}
	s.Critical, s.Warning, s.Info = count[Critical], count[Warning], count[Info]
	return s
}

func keyAlgorithm(c *x509.Certificate) string { return parsers.KeyAlgorithm(c.PublicKey) }

// joinOr writes a list as "a, b or c".
func joinOr(values []string) string {
	if len(values) < 2 {
		return strings.Join(values, "")
	}
	return strings.Join(values[:len(values)-1], ", ") + " or " + values[len(values)-1]
}
