package audit

import (
	"cmp"
	"crypto/x509"
	"slices"
	"time"
)

// ForecastSchema names the form of a [Forecast] in JSON. Fields are added under this
// name, never renamed or removed.
const ForecastSchema = "certaudit-forecast/v1"

// Forecast says which certificates end when, and what that breaks. No slice is nil.
type Forecast struct {
	Schema string    `json:"schema"`
	At     time.Time `json:"at"`
	// Until is the last instant that was asked for; zero for no limit.
	Until time.Time `json:"until,omitzero"`
	// Policy is the file of the policy that was judged by; nil for none.
	Policy *PolicyFile `json:"policy,omitempty"`
	// Nodes are the names of the nodes, in the order of the result.
	Nodes []string `json:"nodes"`
	// Ends are in the order of time, then of nodes. Of those before At, only the ones
	// that break something are there.
	Ends []End `json:"ends"`
	// Renewals are what is to be renewed together, in the order of their last days.
	Renewals []Renewal `json:"renewals"`
	// Broken are the connections that are broken at At, and by no end of a certificate:
	// what will become of them is not known.
	Broken []Connection `json:"broken"`
	// Absent are the files that something needs and that are missing or malformed at At:
	// when what they should hold ends, and what that breaks, is not known.
	Absent []AbsentFile `json:"absent"`
	// Gaps say what could not be judged, and why.
	Gaps []Gap `json:"gaps"`
}

// AbsentFile is a needed file or folder of which nothing can be foreseen.
type AbsentFile struct {
	Node string `json:"node"`
	Path string `json:"path"`
	// Reason is the message of the finding.
	Reason string `json:"reason"`
}

// End is the end of a certificate on a node, in all its places there.
type End struct {
	Node string `json:"node"`
	// Role is that of the first place.
	Role       string     `json:"role"`
	CommonName string     `json:"commonName"`
	Issuer     string     `json:"issuer"`
	SHA256     string     `json:"sha256"`
	Places     []EndPlace `json:"places"`
	NotAfter   time.Time  `json:"notAfter"`
	// LastDay is the latest day, "2027-01-31" in UTC, on which renewing still prevents
	// it: the one before the end, or that of the forecast. It is "" where the end is over,
	// and where nobody has to do anything.
	LastDay string `json:"lastDay,omitempty"`
	// RenewedBy says whose work it is: [RenewedByKubeadm] and so on.
	RenewedBy string `json:"renewedBy"`
	// Rotation is set for a certificate that the kubelet renews.
	Rotation *Rotation `json:"rotation,omitempty"`
	// Breaks are the connections that were not broken, or not in this direction, and are
	// with this end alone: whatever else ends before and is needed is taken to be renewed.
	// They are in the order of how bad it is.
	Breaks []Break `json:"breaks"`
}

// EndPlace is where a certificate stands.
type EndPlace struct {
	Path  string `json:"path"`
	Line  int    `json:"line,omitempty"`
	Field string `json:"field,omitempty"`
}

// Rotation is when a program renews a certificate that it has the renewal of: some time
// between the two (client-go util/certificate: between 70 % and 90 % of its life).
type Rotation struct {
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
}

// Break is a connection that an end breaks.
type Break struct {
	Client string `json:"client"`
	Server string `json:"server"`
	// Address is "" where it is another on each of several nodes.
	Address string `json:"address,omitempty"`
	// Nodes are those that have the connection, in the order of the result; nil where it
	// is the node of the end.
	Nodes []string `json:"nodes,omitempty"`
	// Reason is what crypto/x509 says then.
	Reason string `json:"reason"`
	// Stops is what people notice of it, and Source where that is documented.
	Stops  string `json:"stops"`
	Source string `json:"source"`
	// Rank is the lower the worse that is.
	Rank int `json:"-"`
}

// Label names the connection as [Connection.Label] does.
func (b Break) Label() string { return b.Client + " -> " + b.Server }

// nodesOr are the nodes that have the connection, of an end on a node.
func (b Break) nodesOr(own string) []string {
	if b.Nodes == nil {
		return []string{own}
	}
	return b.Nodes
}

// Renewal is what is renewed together on a node: by the same means, and within thirty
// days of the first end, which is how early kubeadm's are renewed.
type Renewal struct {
	Node      string `json:"node"`
	RenewedBy string `json:"renewedBy"`
	// LastDay is as of [End], for the first of them.
	LastDay string `json:"lastDay"`
	// NotAfter is the first end.
	NotAfter time.Time `json:"notAfter"`
	// Certificates are their SHA256, in the order of their ends.
	Certificates []string `json:"certificates"`
}

// Gap is a part of a node that the forecast says nothing of.
type Gap struct {
	Node   string `json:"node"`
	Reason string `json:"reason"`
}

// Whose work the renewal of a certificate is.
const (
	// RenewedByKubeadm: kubeadm certs renew, for its CA's key is on the node.
	RenewedByKubeadm = "kubeadm"
	// RenewedByRotation: it is a CA, which takes a rotation.
	RenewedByRotation = "rotation"
	// RenewedByDistribution: what the distribution that made the node has for it.
	RenewedByDistribution = "distribution"
	// RenewedByIssuer: whoever issued it.
	RenewedByIssuer = "issuer"
	// RenewedByItself: the kubelet, or controllers of the distribution, long before its end.
	RenewedByItself = "itself"
	// RenewedByNobody: nothing needs it.
	RenewedByNobody = "nobody"
)

// maxForecast bounds the ends of a node that are judged. A node has twenty or so that its
// connections look at.
const maxForecast = 500

// ForecastOf says what ends after a run over inventories, from what the run left, with
// the options of the run, until an instant; the zero one for no limit. What breaks is
// decided by judging the connections again, as the run did, at each end.
func ForecastOf(r Result, after *Memory, o Options, until time.Time) Forecast {
	f := Forecast{Schema: ForecastSchema, At: r.At, Until: until, Policy: r.Policy, Nodes: []string{}, Ends: []End{}, Renewals: []Renewal{}, Broken: []Connection{}, Absent: absentFiles(r), Gaps: []Gap{}}
	for _, n := range r.Nodes {
		f.Nodes = append(f.Nodes, n.Name)
	}
	all := foreseeable(after, o)
	for _, s := range foresights(all, o) {
		f.Ends = append(f.Ends, s.ends(until)...)
	}
	order := map[string]int{}
	for i, n := range all {
		order[n.now.name] = i
		if n.gap != "" {
			f.Gaps = append(f.Gaps, Gap{n.now.name, n.gap})
		}
	}
	for _, outcome := range r.Outcomes {
		if gap := (Gap{outcome.Node, outcome.Reason}); outcome.State == Incomplete && !slices.Contains(f.Gaps, gap) {
			f.Gaps = append(f.Gaps, gap)
		}
	}
	if r.Incomplete() && len(f.Gaps) == 0 {
		f.Gaps = append(f.Gaps, Gap{Reason: "there was nothing to examine"})
	}
	slices.SortStableFunc(f.Ends, func(a, b End) int {
		return cmp.Or(a.NotAfter.Compare(b.NotAfter), cmp.Compare(order[a.Node], order[b.Node]))
	})
	f.Renewals = renewals(f.Ends)
	f.Broken = f.brokenOtherwise(r.Connections)
	return f
}

// Incomplete reports whether the forecast leaves something out, or had nothing to examine.
func (f Forecast) Incomplete() bool { return len(f.Gaps)+len(f.Absent) > 0 }

// absenceChecks are those that report files of which nothing can be judged.
var absenceChecks = []string{"files/missing", "files/dangling-link", "files/malformed"}

// absentFiles are the needed files that are missing or malformed, in the order of the
// findings, and those that are a consequence of another finding with that one.
func absentFiles(r Result) []AbsentFile {
	out := []AbsentFile{}
	for _, f := range r.Findings {
		if !f.Counts() {
			continue
		}
		if slices.Contains(absenceChecks, f.Check) {
			if f.Severity != Info {
				out = append(out, AbsentFile{f.Node, f.Path, f.Message})
			}
			continue
		}
		for _, c := range f.Causes {
			if slices.Contains(absenceChecks, c.Check) && c.Severity != Info {
				out = append(out, AbsentFile{f.Node, c.Path, c.Message})
			}
		}
	}
	return out
}

// brokenOtherwise are the connections that no end before the forecast broke.
func (f Forecast) brokenOtherwise(connections []Connection) []Connection {
	ended := map[[4]string]bool{}
	for _, e := range f.Ends {
		for _, b := range e.Breaks {
			if !e.NotAfter.After(f.At) {
				for _, node := range b.nodesOr(e.Node) {
					ended[[4]string{node, b.Client, b.Server, b.Address}] = true
				}
			}
		}
	}
	out := []Connection{}
	for _, c := range connections {
		if c.Status == VerdictBroken && !ended[[4]string{c.Node, c.Client, c.Server, c.Address}] && !ended[[4]string{c.Node, c.Client, c.Server}] {
			out = append(out, c)
		}
	}
	return out
}

// newFault says why a connection is broken in a direction in which it was not before; ""
// where there is none.
func newFault(before, after edge) string {
	for _, pair := range [][2]verification{{before.serverSide, after.serverSide}, {before.clientSide, after.clientSide}, {before.authorization, after.authorization}} {
		if pair[0].verdict != VerdictBroken && pair[1].verdict == VerdictBroken {
			return cmp.Or(pair[1].reason, "it is refused")
		}
	}
	return ""
}

// rotation is when the kubelet renews a certificate; nil where it does not, and where
// that is overdue.
func (h endHolder) rotation() *Rotation {
	n := h.node.now
	for _, place := range h.entries {
		if n.rotates(place) && place.index == 0 && !place.expired(n.now) && !n.rotationOverdue(place) {
			c := place.cert
			return &Rotation{rotationBegin(c.Certificate).UTC().Truncate(time.Second), rotationDue(c.Certificate).UTC().Truncate(time.Second)}
		}
	}
	return nil
}

// rotationBegins is the part of its life after which a kubelet may rotate a certificate,
// as [rotationShare] is the one after which it has.
const rotationBegins = 0.7

// rotationBegin is when a kubelet may rotate a certificate for the first time.
func rotationBegin(c *x509.Certificate) time.Time {
	return c.NotBefore.Add(time.Duration(rotationBegins * float64(c.NotAfter.Sub(c.NotBefore))))
}

// renewedBy says whose work the renewal of a certificate is, which something needs or
// not.
func (n *nodeAudit) renewedBy(entries []*entry, needed bool) string {
	first := entries[0]
	for _, place := range entries {
		k := place.role.kubeadm()
		ca, signed := k.SignedBy()
		if n.facts.profile == ProfileKubeadm && signed && place.place.Path == n.inv.KubeadmPath(k) && n.canSign(ca) {
			return RenewedByKubeadm
		}
	}
	l := n.layout()
	switch {
	case !needed && (n.softenDates(first, Critical) == Info || n.superseded(first)):
		return RenewedByNobody
	case first.role.isCA():
		return RenewedByRotation
	case l != nil && issuesCertificates(*l):
		return RenewedByDistribution
	}
	return RenewedByIssuer
}

// renewsItself reports whether controllers of the distribution renew what is on the node.
func (n *nodeAudit) renewsItself() bool {
	l := n.layout()
	return l != nil && l.Renews
}

// lastDay is that of [End].
func lastDay(e End, at time.Time) string {
	if e.RenewedBy == RenewedByNobody || e.NotAfter.Before(at) {
		return ""
	}
	last := e.NotAfter.AddDate(0, 0, -1)
	if last.Before(at) {
		last = at
	}
	return last.UTC().Format(time.DateOnly)
}

// renewalWindow is how far apart the ends of what is renewed together are.
const renewalWindow = 30 * 24 * time.Hour

// renewals joins ends, in the order of time, into what is renewed together.
func renewals(ends []End) []Renewal {
	out := []Renewal{}
	open := map[[2]string]int{}
	for _, e := range ends {
		if e.LastDay == "" {
			continue
		}
		key := [2]string{e.Node, e.RenewedBy}
		if i, known := open[key]; known && e.NotAfter.Sub(out[i].NotAfter) <= renewalWindow {
			out[i].Certificates = append(out[i].Certificates, e.SHA256)
			continue
		}
		open[key] = len(out)
		out = append(out, Renewal{Node: e.Node, RenewedBy: e.RenewedBy, LastDay: e.LastDay, NotAfter: e.NotAfter, Certificates: []string{e.SHA256}})
	}
	return out
}
