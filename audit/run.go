package audit

import (
	"cmp"
	"crypto/x509"
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
	r := Result{Schema: Schema, At: o.At.UTC(), Nodes: []Node{}, Certificates: []Certificate{},
		Connections: []Connection{}, Findings: []Finding{}, Outcomes: []Outcome{}}
	for _, inv := range inventories {
		r.addNode(newSubjectNode(inv, o))
	}
	o.Policy.judge(&r)
	slices.SortStableFunc(r.Findings, compareFindings)
	o.Baseline.judge(&r)
	for i, c := range r.Certificates {
		r.Certificates[i].Status = statusOf(c, r.Findings)
	}
	r.Summary = summarize(r)
	return r
}

func (r *Result) addNode(n *subjectNode) {
	r.Nodes = append(r.Nodes, Node{Name: n.name, KubernetesVersion: n.facts.version.Value, Profile: n.facts.profile, Expirations: expirations(n)})
	first := len(r.Findings)
	for _, c := range Checks() {
		findings, outcome := c.runOn(n)
		n.earlier = append(n.earlier, findings...)
		r.Findings = append(r.Findings, findings...)
		r.Outcomes = append(r.Outcomes, outcome)
	}
	n.tellBroken(r.Findings[first:])
	for _, e := range n.edges {
		r.Connections = append(r.Connections, e.Connection)
	}
	for _, e := range n.entries {
		r.Certificates = append(r.Certificates, n.row(e))
	}
}

// row is the table's row of an entry, without its status.
func (n *subjectNode) row(e *entry) Certificate {
	c := Certificate{Node: n.name, Component: e.component, Type: e.kind(), Role: e.role.name,
		Path: e.place.Path, Line: e.place.Line, Field: e.place.Field, Index: e.index,
		Organizations: []string{}, DNSNames: []string{}, IPAddresses: []string{}, Usages: []string{}, UsedBy: e.usedBy()}
	if e.cert == nil {
		return c
	}
	x := e.cert.Certificate
	c.CommonName, c.Issuer = x.Subject.CommonName, cmp.Or(x.Issuer.CommonName, x.Issuer.String())
	c.Organizations = append(c.Organizations, x.Subject.Organization...)
	c.DNSNames = append(c.DNSNames, x.DNSNames...)
	for _, ip := range x.IPAddresses {
		c.IPAddresses = append(c.IPAddresses, ip.String())
	}
	c.Serial, c.SHA256, c.KeyAlgorithm = x.SerialNumber.Text(16), e.cert.SHA256(), keyAlgorithm(x)
	c.NotBefore, c.NotAfter = x.NotBefore.UTC(), x.NotAfter.UTC()
	c.Usages = usages(x)
	return c
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

// statusOf is the check of the worst finding at warning or above about a row.
func statusOf(c Certificate, findings []Finding) string {
	status, worst := "ok", Info.Rank()
	for _, f := range findings {
		if f.Waiver == nil && f.Severity.Rank() > worst && f.concerns(c) {
			status, worst = f.Check, f.Severity.Rank()
		}
	}
	return status
}

// concerns reports whether a finding is about a row: about its certificate in
// its place, or, where there is none, about the place.
func (f Finding) concerns(c Certificate) bool {
	return f.Node == c.Node && f.Path == c.Path && f.SHA256 == c.SHA256 && (f.SHA256 != "" || c.SHA256 == "")
}

// compareFindings puts the worst first, then sorts by node, place and check.
func compareFindings(a, b Finding) int {
	return cmp.Or(-cmp.Compare(a.Severity.Rank(), b.Severity.Rank()), cmp.Compare(a.Node, b.Node),
		cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Field, b.Field),
		cmp.Compare(a.Check, b.Check), cmp.Compare(a.Message, b.Message))
}

func summarize(r Result) Summary {
	s := Summary{}
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
