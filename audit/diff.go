package audit

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"certaudit/audit/inventory"
)

// DiffSchema names the form of a [Difference] in JSON. Fields are added under this
// name, never renamed or removed.
const DiffSchema = "certaudit-diff/v1"

// Difference is what changed from one result to another. No slice is nil but Settings.
type Difference struct {
	Schema string   `json:"schema"`
	Old    DiffSide `json:"old"`
	New    DiffSide `json:"new"`
	// Nodes are those that came and went, and those of another version.
	Nodes        []NodeChange        `json:"nodes"`
	Certificates []CertificateChange `json:"certificates"`
	Connections  []ConnectionChange  `json:"connections"`
	// Findings are in the order of their severity, and of those of one severity what
	// got worse before what got better.
	Findings []FindingChange `json:"findings"`
	// Settings are the flags and fields that changed; nil where they were not compared,
	// since a result does not hold them: see [DiffSettings].
	Settings []SettingChange `json:"settings,omitempty"`
	// Unseen is what one side says something of and the other could not see.
	Unseen []Gap `json:"unseen"`
	// Neither is what neither side could judge.
	Neither []Gap `json:"neither"`
}

// DiffSide is one of the results.
type DiffSide struct {
	At    time.Time `json:"at"`
	Nodes int       `json:"nodes"`
	// Findings counts them.
	Findings int `json:"findings"`
	// Policy is the file of the policy that it was judged by; nil for none.
	Policy *PolicyFile `json:"policy,omitempty"`
}

// Change says what became of something.
type Change string

// The changes.
const (
	// ChangeNew: it is in the new result alone.
	ChangeNew Change = "new"
	// ChangeGone: it is in the old result alone.
	ChangeGone Change = "gone"
	// ChangeRenewed: a certificate for the same subject, names and issuer, of other dates
	// or another key; of a CA, with its key.
	ChangeRenewed Change = "renewed"
	// ChangeReplaced: another certificate in the same place.
	ChangeReplaced Change = "replaced"
	// ChangeVersion: a node is of another version of Kubernetes, or was made otherwise.
	ChangeVersion Change = "version"
	// ChangeVerdict: a connection that both have is judged otherwise.
	ChangeVerdict Change = "verdict"
	// ChangeFixed: a finding is gone, and its check has looked.
	ChangeFixed Change = "fixed"
	// ChangeUnseen: a finding is gone, and its check has not looked.
	ChangeUnseen Change = "unseen"
	// ChangeWorse and ChangeMilder: a finding has another severity, or counts again.
	ChangeWorse  Change = "worse"
	ChangeMilder Change = "milder"
)

// NodeChange is a node that came, went or is another now.
type NodeChange struct {
	Change Change `json:"change"`
	Node   string `json:"node"`
	// Old and New are version and profile; "" where there is no such node.
	Old string `json:"old,omitempty"`
	New string `json:"new,omitempty"`
}

// CertificateChange is a place with another certificate.
type CertificateChange struct {
	Change Change `json:"change"`
	Node   string `json:"node"`
	Role   string `json:"role"`
	Path   string `json:"path"`
	Field  string `json:"field,omitempty"`
	// SameKey says of one that was renewed or replaced whether the key is the old one;
	// nil where a result does not hold it.
	SameKey *bool `json:"sameKey,omitempty"`
	// Old and New are the certificates; nil for none.
	Old *Certificate `json:"old,omitempty"`
	New *Certificate `json:"new,omitempty"`
	// Fields are those of the subject, the names and the issuer that differ.
	Fields []FieldChange `json:"fields,omitempty"`
}

// FieldChange is a field of a certificate with the values that only one of the two has.
type FieldChange struct {
	Field string   `json:"field"`
	Old   []string `json:"old"`
	New   []string `json:"new"`
}

// ConnectionChange is a connection that came, went or is judged otherwise.
type ConnectionChange struct {
	Change  Change `json:"change"`
	Node    string `json:"node"`
	Client  string `json:"client"`
	Server  string `json:"server"`
	Address string `json:"address"`
	// Old and New are the verdicts; "" for none.
	Old string `json:"old,omitempty"`
	New string `json:"new,omitempty"`
	// Reason is that of the new verdict, or of the old one where there is no new.
	Reason string `json:"reason"`
}

// Broke reports whether the connection is broken and was not.
func (c ConnectionChange) Broke() bool { return c.New == VerdictBroken && c.Old != VerdictBroken }

// FindingChange is a finding that came, went or is of another severity.
type FindingChange struct {
	Change Change `json:"change"`
	// Was is the old severity of one that got worse or milder.
	Was Severity `json:"was,omitempty"`
	// Finding is the new one, or the old one where there is no new.
	Finding Finding `json:"finding"`
}

// SettingChange is a flag of a component, or a field of its configuration.
type SettingChange struct {
	Node      string `json:"node"`
	Component string `json:"component"`
	// Name is the flag's without dashes; "" where the component itself came or went, and
	// "image" for its image.
	Name string `json:"name,omitempty"`
	Old  string `json:"old"`
	New  string `json:"new"`
}

// Worse reports whether something got worse: a connection broke, or there is a finding
// that counts, at or above a severity, that was not there or was milder.
func (d Difference) Worse(s Severity) bool {
	return slices.ContainsFunc(d.Connections, ConnectionChange.Broke) || slices.ContainsFunc(d.Findings, func(f FindingChange) bool {
		return (f.Change == ChangeNew || f.Change == ChangeWorse) && f.Finding.Counts() && f.Finding.Severity.Rank() >= s.Rank()
	})
}

// Diff says what changed from one result to another. Certificates are told apart by
// their places and roles, findings by [Finding.Fingerprint]. It is pure, and in order.
func Diff(old, new Result) Difference {
	d := Difference{Schema: DiffSchema, Old: sideOf(old), New: sideOf(new), Unseen: []Gap{}, Neither: []Gap{}}
	hidden := d.addUnreached(old, new)
	old, new = old.without(hidden), new.without(hidden)
	d.Nodes, d.Certificates = nodeChanges(old, new), certificateChanges(old, new)
	d.Connections, d.Findings = connectionChanges(old, new), findingChanges(old, new)
	d.addGaps(old, new)
	return d
}

// addUnreached says which nodes could not be read on one side or on both, and returns
// their names: nothing is known of how they changed.
func (d *Difference) addUnreached(old, new Result) map[string]bool {
	hidden := map[string]bool{}
	inOld := unreachedNodes(old)
	for _, name := range unreachedNodes(new) {
		hidden[name] = true
		if slices.Contains(inOld, name) {
			d.Neither = append(d.Neither, Gap{name, "neither side could see the node"})
		} else {
			d.Unseen = append(d.Unseen, Gap{name, "the node could not be seen in NEW"})
		}
	}
	for _, name := range inOld {
		if !hidden[name] {
			d.Unseen = append(d.Unseen, Gap{name, "the node could not be seen in OLD"})
		}
		hidden[name] = true
	}
	return hidden
}

// unreachedNodes are the names of those of which nothing could be read.
func unreachedNodes(r Result) []string {
	var out []string
	for _, n := range r.Nodes {
		if n.Unreached {
			out = append(out, n.Name)
		}
	}
	return out
}

// without is a result without what it says of some nodes, as far as [Diff] looks at it.
func (r Result) without(names map[string]bool) Result {
	if len(names) == 0 {
		return r
	}
	r.Nodes = slices.DeleteFunc(slices.Clone(r.Nodes), func(n Node) bool { return names[n.Name] })
	r.Certificates = slices.DeleteFunc(slices.Clone(r.Certificates), func(c Certificate) bool { return names[c.Node] })
	r.Connections = slices.DeleteFunc(slices.Clone(r.Connections), func(c Connection) bool { return names[c.Node] })
	r.Findings = slices.DeleteFunc(slices.Clone(r.Findings), func(f Finding) bool { return names[f.Node] })
	r.Outcomes = slices.DeleteFunc(slices.Clone(r.Outcomes), func(o Outcome) bool { return names[o.Node] })
	return r
}

func sideOf(r Result) DiffSide { return DiffSide{r.At, len(r.Nodes), len(r.Findings), r.Policy} }

// paired calls both for each pair of things of two lists that have one key, and one for
// what is left, in the order of the keys in the old list and then in the new. Of several
// with one key, those that are the same are paired first.
func paired[T any](old, new []T, key func(T) string, same func(a, b T) bool, found func(a, b *T)) {
	var order []string
	groups := map[string]*[2][]T{}
	for side, list := range [][]T{old, new} {
		for _, v := range list {
			k := key(v)
			if groups[k] == nil {
				order = append(order, k)
				groups[k] = &[2][]T{}
			}
			groups[k][side] = append(groups[k][side], v)
		}
	}
	for _, k := range order {
		a, b := groups[k][0], groups[k][1]
		if len(a) > 1 || len(b) > 1 {
			a, b = withoutSame(a, b, same)
		}
		for i := range max(len(a), len(b)) {
			var x, y *T
			if i < len(a) {
				x = &a[i]
			}
			if i < len(b) {
				y = &b[i]
			}
			found(x, y)
		}
	}
}

// maxSame bounds the pairs that are looked at among things of one key.
const maxSame = 1_000_000

// withoutSame are two lists without the pairs that are the same.
func withoutSame[T any](a, b []T, same func(a, b T) bool) (restA, restB []T) {
	if len(a)*len(b) > maxSame {
		return a, b
	}
	restB = slices.Clone(b)
	for _, x := range a {
		if i := slices.IndexFunc(restB, func(y T) bool { return same(x, y) }); i >= 0 {
			restB = slices.Delete(restB, i, i+1)
		} else {
			restA = append(restA, x)
		}
	}
	return restA, restB
}

// tied makes one key of several words.
func tied(parts ...string) string { return strings.Join(parts, "\x00") }

func nodeChanges(old, new Result) []NodeChange {
	out := []NodeChange{}
	kind := func(n Node) string {
		return strings.Join(slices.DeleteFunc([]string{n.KubernetesVersion, n.Profile}, func(s string) bool { return s == "" }), ", ")
	}
	paired(old.Nodes, new.Nodes, func(n Node) string { return n.Name }, func(a, b Node) bool { return kind(a) == kind(b) }, func(a, b *Node) {
		switch {
		case b == nil:
			out = append(out, NodeChange{Change: ChangeGone, Node: a.Name, Old: kind(*a)})
		case a == nil:
			out = append(out, NodeChange{Change: ChangeNew, Node: b.Name, New: kind(*b)})
		case kind(*a) != kind(*b):
			out = append(out, NodeChange{ChangeVersion, a.Name, kind(*a), kind(*b)})
		}
	})
	return out
}

// certificateChanges are those of places; one certificate in several roles of a place is
// one change.
func certificateChanges(old, new Result) []CertificateChange {
	out := []CertificateChange{}
	seen := map[string]bool{}
	present := func(r Result) []Certificate {
		return slices.DeleteFunc(slices.Clone(r.Certificates), func(c Certificate) bool { return c.SHA256 == "" })
	}
	key := func(c Certificate) string {
		return tied(c.Node, c.Role, steadyPath(c.Path), steadyField(c.Field), fmt.Sprint(c.Index))
	}
	paired(present(old), present(new), key, func(a, b Certificate) bool { return a.SHA256 == b.SHA256 }, func(a, b *Certificate) {
		if a != nil && b != nil && a.SHA256 == b.SHA256 {
			return
		}
		change := certificateChange(a, b)
		id := tied(change.Node, change.Path, change.Field)
		for _, c := range []*Certificate{a, b} {
			if c != nil {
				id = tied(id, c.SHA256, fmt.Sprint(c.Index))
			}
		}
		if !seen[id] {
			seen[id] = true
			out = append(out, change)
		}
	})
	return out
}

func certificateChange(a, b *Certificate) CertificateChange {
	at := cmp.Or(b, a)
	c := CertificateChange{Node: at.Node, Role: at.Role, Path: at.Path, Field: at.Field, Old: a, New: b}
	switch {
	case b == nil:
		c.Change = ChangeGone
		return c
	case a == nil:
		c.Change = ChangeNew
		return c
	}
	if a.PublicKeySHA256 != "" && b.PublicKeySHA256 != "" {
		same := a.PublicKeySHA256 == b.PublicKeySHA256
		c.SameKey = &same
	}
	c.Fields = fieldChanges(*a, *b)
	c.Change = ChangeRenewed
	if len(c.Fields) > 0 || b.Type == typeCA && c.SameKey != nil && !*c.SameKey {
		c.Change = ChangeReplaced
	}
	return c
}

// certificateFields are what makes a certificate another one when it changes.
var certificateFields = []struct {
	name   string
	values func(Certificate) []string
}{
	{"common name", func(c Certificate) []string { return []string{c.CommonName} }},
	{"organizations", func(c Certificate) []string { return c.Organizations }},
	{"alternative names", func(c Certificate) []string { return slices.Concat(c.DNSNames, c.IPAddresses) }},
	{"issuer", func(c Certificate) []string { return []string{c.Issuer} }},
	{"usages", func(c Certificate) []string { return c.Usages }},
}

func fieldChanges(a, b Certificate) []FieldChange {
	var out []FieldChange
	for _, f := range certificateFields {
		before, after := f.values(a), f.values(b)
		if c := (FieldChange{f.name, except(before, after), except(after, before)}); len(c.Old)+len(c.New) > 0 {
			out = append(out, c)
		}
	}
	return out
}

// except are the values of one list that another does not have, sorted; never nil.
func except(values, others []string) []string {
	has := map[string]bool{}
	for _, v := range others {
		has[v] = true
	}
	out := slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" || has[v] })
	slices.Sort(out)
	return append([]string{}, slices.Compact(out)...)
}

func connectionChanges(old, new Result) []ConnectionChange {
	out := []ConnectionChange{}
	key := func(c Connection) string { return tied(c.Node, c.Client, c.Server, c.Address) }
	same := func(a, b Connection) bool { return a.Status == b.Status }
	paired(old.Connections, new.Connections, key, same, func(a, b *Connection) {
		at := cmp.Or(b, a)
		c := ConnectionChange{Node: at.Node, Client: at.Client, Server: at.Server, Address: at.Address, Reason: at.Reason}
		switch {
		case b == nil:
			c.Change, c.Old = ChangeGone, a.Status
		case a == nil:
			c.Change, c.New = ChangeNew, b.Status
		case a.Status != b.Status:
			c.Change, c.Old, c.New = ChangeVerdict, a.Status, b.Status
		default:
			return
		}
		out = append(out, c)
	})
	return out
}

func findingChanges(old, new Result) []FindingChange {
	out := []FindingChange{}
	looked := lookedAt(new)
	same := func(a, b Finding) bool { return a.Severity == b.Severity && a.Counts() == b.Counts() }
	paired(old.Findings, new.Findings, Finding.Fingerprint, same, func(a, b *Finding) {
		switch {
		case b == nil && looked[[2]string{a.Node, a.Check}]:
			out = append(out, FindingChange{Change: ChangeFixed, Finding: *a})
		case b == nil:
			out = append(out, FindingChange{Change: ChangeUnseen, Finding: *a})
		case a == nil:
			out = append(out, FindingChange{Change: ChangeNew, Finding: *b})
		case weightOf(*a) < weightOf(*b):
			out = append(out, FindingChange{ChangeWorse, a.Severity, *b})
		case weightOf(*a) > weightOf(*b):
			out = append(out, FindingChange{ChangeMilder, a.Severity, *b})
		}
	})
	slices.SortStableFunc(out, func(a, b FindingChange) int {
		return cmp.Or(cmp.Compare(slices.Index(changeOrder, a.Change), slices.Index(changeOrder, b.Change)), compareFindings(a.Finding, b.Finding))
	})
	return out
}

// changeOrder has first what needs attention.
var changeOrder = []Change{ChangeWorse, ChangeNew, ChangeUnseen, ChangeMilder, ChangeFixed}

// weightOf is the severity of a finding, and nothing for one that does not count.
func weightOf(f Finding) int {
	if !f.Counts() {
		return 0
	}
	return f.Severity.Rank()
}

// lookedAt are the nodes and checks of which a result can say that nothing was found.
func lookedAt(r Result) map[[2]string]bool {
	out := map[[2]string]bool{}
	for _, o := range r.Outcomes {
		if o.State != Incomplete {
			out[[2]string{o.Node, o.Check}] = true
		}
	}
	return out
}

// addGaps says what one side saw and the other did not.
func (d *Difference) addGaps(old, new Result) {
	for _, n := range d.Nodes {
		if n.Change == ChangeGone {
			d.Unseen = append(d.Unseen, Gap{n.Node, "NEW does not have the node"})
		}
	}
	for _, side := range []struct {
		name string
		DiffSide
		r Result
	}{{"OLD", d.Old, old}, {"NEW", d.New, new}} {
		if side.Nodes+len(side.r.Certificates)+len(side.r.Outcomes) == 0 {
			d.Unseen = append(d.Unseen, Gap{Reason: side.name + " examined nothing"})
		}
	}
	d.addOutcomeGaps(old, new)
	for _, c := range d.Connections {
		if c.Old == VerdictOK && c.New == VerdictUnknown {
			d.Unseen = append(d.Unseen, Gap{c.Node, fmt.Sprintf("%s -> %s was %s in OLD, and is unknown in NEW: %s", c.Client, c.Server, c.Old, c.Reason)})
		}
	}
}

// addOutcomeGaps compares how far the checks got on the nodes that both have. Checks with
// one reason are one gap.
func (d *Difference) addOutcomeGaps(old, new Result) {
	shared := map[string]int{}
	for side, r := range []Result{old, new} {
		for _, n := range r.Nodes {
			shared[n.Name] |= 1 << side
		}
	}
	checks := map[Gap][]string{}
	neither := map[Gap]bool{}
	add := func(o Outcome, reason string, both bool) {
		g := Gap{o.Node, reason}
		checks[g] = append(checks[g], o.Check)
		neither[g] = both
	}
	why := func(side string, o *Outcome) string {
		if o == nil {
			return side + " did not run the check"
		}
		return side + ": " + cmp.Or(o.Reason, "incomplete")
	}
	key := func(o Outcome) string { return tied(o.Node, o.Check) }
	paired(old.Outcomes, new.Outcomes, key, func(a, b Outcome) bool { return a == b }, func(a, b *Outcome) {
		at := cmp.Or(b, a)
		lostA, lostB := a == nil || a.State == Incomplete, b == nil || b.State == Incomplete
		idle := at.State == NotApplicable && (a == nil || b == nil)
		switch {
		case shared[at.Node] != 3 && len(shared) > 0 && at.Node != "" || idle:
		case lostA && lostB && a != nil && b != nil:
			add(*at, why("both", b), true)
		case lostA:
			add(*at, why("OLD", a), false)
		case lostB:
			add(*at, why("NEW", b), false)
		}
	})
	for _, g := range slices.SortedFunc(maps.Keys(checks), func(a, b Gap) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Reason, b.Reason))
	}) {
		told := Gap{g.Node, fmt.Sprintf("%s (%s)", g.Reason, strings.Join(clipAll(checks[g]), ", "))}
		if neither[g] {
			d.Neither = append(d.Neither, told)
		} else {
			d.Unseen = append(d.Unseen, told)
		}
	}
}

// DiffSettings says which flags and fields of components differ between two sets of
// inventories, by the names of the nodes; of nodes that one of the two could not read
// nothing is said. It is never nil.
func DiffSettings(old, new []*inventory.Inventory) []SettingChange {
	type component struct {
		node string
		inventory.Component
	}
	unreached := map[string]bool{}
	all := func(inventories []*inventory.Inventory) []component {
		var out []component
		names := nodeNames(inventories, Overrides{})
		for i, inv := range inventories {
			if inv.IsUnreached() {
				unreached[names[i]] = true
			}
			for _, c := range inv.Components {
				out = append(out, component{names[i], c})
			}
		}
		return out
	}
	out := []SettingChange{}
	key := func(c component) string { return tied(c.node, c.Name) }
	paired(all(old), all(new), key, func(a, b component) bool { return a.Origin == b.Origin }, func(a, b *component) {
		switch {
		case unreached[cmp.Or(a, b).node]:
			return
		case b == nil:
			out = append(out, SettingChange{a.node, a.Name, "", "runs", ""})
			return
		case a == nil:
			out = append(out, SettingChange{b.node, b.Name, "", "", "runs"})
			return
		case a.Image.Value != b.Image.Value:
			out = append(out, SettingChange{a.node, a.Name, "image", a.Image.Value, b.Image.Value})
		}
		names := map[string]bool{}
		for _, f := range slices.Concat(a.Settings, b.Settings) {
			names[f.Name] = true
		}
		for _, name := range slices.Sorted(maps.Keys(names)) {
			if before, after := a.Setting(name).Value, b.Setting(name).Value; before != after {
				out = append(out, SettingChange{a.node, a.Name, name, before, after})
			}
		}
	})
	return out
}
