package audit

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"certaudit/audit/inventory"
	"certaudit/parsers"
)

// Policy is what a team decides about its audits: what is early enough, how bad
// a finding is, and which are waived for a while. The zero Policy changes nothing.
type Policy struct {
	// Path of the file it was read from, for findings about the policy itself.
	Path string `yaml:"-"`
	// From says who named that file, as in [PolicyFile].
	From string `yaml:"-"`
	// Profile replaces the one that is chosen by what is found; empty keeps it.
	Profile string `yaml:"profile"`
	// Thresholds by role, or by [ThresholdLeaf] and [ThresholdCA] for all others.
	Thresholds map[string]Threshold `yaml:"thresholds"`
	// Checks gives a check another severity, or switches it [Off].
	Checks map[string]string `yaml:"checks"`
	// Paths are files and folders to be audited beside the node; relative ones
	// against the folder of the policy.
	Paths        []string           `yaml:"paths"`
	Requirements PolicyRequirements `yaml:"requirements"`
	// Requests bounds certificate signing requests.
	Requests PolicyRequests `yaml:"requests"`
	Waivers  []Waiver       `yaml:"waivers"`
	// Layouts are of distributions that the program does not know, or take the place of
	// those of their names.
	Layouts []inventory.Layout `yaml:"layouts"`
}

// Off switches a check off in [Policy.Checks].
const Off = "off"

// The thresholds for certificates whose role has none of its own.
const (
	ThresholdLeaf = "leaf"
	ThresholdCA   = "ca"
)

// Threshold says when a certificate counts as expiring: with fewer days left, or
// less than a share of its lifetime where that is shorter. What is not set stays
// as it is.
type Threshold struct {
	WarnDays      *int     `yaml:"warnDays"`
	CriticalDays  *int     `yaml:"criticalDays"`
	WarnShare     *float64 `yaml:"warnShare"`
	CriticalShare *float64 `yaml:"criticalShare"`
}

// PolicyRequirements changes the requirement table.
type PolicyRequirements struct {
	// Add holds more rows.
	Add []Requirement `yaml:"add"`
	// Replace holds rows that take the place of all that state the same fact of
	// the same role.
	Replace []Requirement `yaml:"replace"`
}

// PolicyRequests says what is wanted of certificate signing requests. What is
// not set stays as it is.
type PolicyRequests struct {
	// LifetimeDays is the longest lifetime; 365 unless set.
	LifetimeDays *int `yaml:"lifetimeDays"`
	// PendingHours is how long a request may wait; 1 unless set.
	PendingHours *int `yaml:"pendingHours"`
}

// Waiver ignores findings for a while. Every field is demanded.
type Waiver struct {
	Check string `yaml:"check" json:"check"`
	// Path is a glob (path.Match) for the finding's path.
	Path string `yaml:"path" json:"path"`
	// Node is a glob for the node's name; "*" for any.
	Node   string `yaml:"node" json:"node"`
	Reason string `yaml:"reason" json:"reason"`
	// Until is the last day on which it holds, "2027-01-31", in UTC.
	Until string `yaml:"until" json:"until"`
	// Line of the policy's file.
	Line int `yaml:"-" json:"-"`
}

// ParsePolicy reads a policy strictly: an unknown key, a value that means
// nothing and a policy that contradicts itself are errors, each with its line.
func ParsePolicy(name string, data []byte) (*Policy, error) {
	p := &Policy{Path: name}
	root, err := decodeStrict(name, data, p)
	if err != nil {
		return nil, err
	}
	lines := linesOf(root)
	for i := range p.Waivers {
		p.Waivers[i].Line = lines(fmt.Sprintf("waivers[%d]", i))
	}
	faults := p.faults()
	if len(faults) == 0 {
		return p, nil
	}
	var all []error
	first, more := bounded(faults, maxFaults)
	for _, f := range first {
		all = append(all, fmt.Errorf("%s:%d: %s", shownName(name), lines(f.field), f.message))
	}
	if more > 0 {
		all = append(all, fmt.Errorf("%s: and %d more", shownName(name), more))
	}
	return nil, errors.Join(all...)
}

// policyKeys are the keys of each part of a policy, by the name of its type, for error
// messages.
var policyKeys = func() map[string][]string {
	keys := map[string][]string{}
	addKeys(keys, reflect.TypeFor[Policy]())
	addKeys(keys, reflect.TypeFor[Requirements]())
	return keys
}()

// addKeys adds the keys of a type, and of those of its fields.
func addKeys(keys map[string][]string, t reflect.Type) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || keys[t.Name()] != nil {
		return
	}
	own := []string{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, inline, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case name == "-" || !f.IsExported():
			continue
		case inline == "inline":
			addKeys(keys, f.Type)
			own = append(own, keys[f.Type.Name()]...)
			continue
		case name != "":
			own = append(own, name)
		}
		addKeys(keys, f.Type)
	}
	keys[t.Name()] = own
}

// linesOf returns the line on which a field stands, or of the nearest parent.
func linesOf(doc *yaml.Node) func(field string) int {
	lines := map[string]int{}
	var walk func(n *yaml.Node, field string)
	walk = func(n *yaml.Node, field string) {
		switch n.Kind {
		case yaml.DocumentNode:
			for _, c := range n.Content {
				walk(c, field)
			}
		case yaml.MappingNode:
			for i := 0; i+1 < len(n.Content); i += 2 {
				key := strings.TrimPrefix(field+"."+n.Content[i].Value, ".")
				lines[key] = n.Content[i].Line
				walk(n.Content[i+1], key)
			}
		case yaml.SequenceNode:
			for i, c := range n.Content {
				key := fmt.Sprintf("%s[%d]", field, i)
				lines[key] = c.Line
				walk(c, key)
			}
		}
	}
	walk(doc, "")
	return func(field string) int {
		for field != "" {
			if line, ok := lines[field]; ok {
				return line
			}
			field = field[:max(strings.LastIndexAny(field, ".["), 0)]
		}
		return 1
	}
}

// policyFault is one mistake in a policy.
type policyFault struct{ field, message string }

// layoutFaults are the mistakes in layouts.
func layoutFaults(layouts []inventory.Layout) []policyFault {
	var out []policyFault
	for i, l := range layouts {
		at := fmt.Sprintf("layouts[%d]", i)
		if part, err := l.Validate(); err != nil {
			out = append(out, policyFault{at + part, err.Error()})
		}
		for j, a := range l.Advice {
			for k, pattern := range a.Checks {
				if !slices.ContainsFunc(CheckIDs(), func(id string) bool { fits, _ := path.Match(pattern, id); return fits }) {
					out = append(out, policyFault{fmt.Sprintf("%s.advice[%d].checks[%d]", at, j, k), fmt.Sprintf("%q is the pattern of no check; \"certaudit checks\" lists them", pattern)})
				}
			}
		}
		if err := (Overrides{Profile: l.Profile}).Validate(); err != nil {
			out = append(out, policyFault{at + ".profile", err.Error()})
		}
	}
	return out
}

func (p *Policy) faults() []policyFault {
	out := layoutFaults(p.Layouts)
	add := func(field, format string, args ...any) {
		out = append(out, policyFault{field, fmt.Sprintf(format, args...)})
	}
	if err := (Overrides{Profile: p.Profile}).Validate(); err != nil {
		add("profile", "%s", err)
	}
	for _, name := range sortedKeys(p.Thresholds) {
		if _, isRole := roleByName[name]; !isRole && name != ThresholdLeaf && name != ThresholdCA {
			add("thresholds."+name, "%s; it is %s, %s or a role that \"certaudit requirements\" lists", parsers.Unknown("role", name, append(roleNames(), ThresholdLeaf, ThresholdCA)), ThresholdLeaf, ThresholdCA)
		}
		if fault := p.window(name).fault(); fault != "" {
			add("thresholds."+name, "%s", fault)
		}
	}
	ids := CheckIDs()
	for _, id := range sortedKeys(p.Checks) {
		if !slices.Contains(ids, id) {
			add("checks."+id, "%s; \"certaudit checks\" lists them", parsers.Unknown("check", id, CheckIDs()))
		}
		if s := p.Checks[id]; s != Off && Severity(s).Rank() == 0 {
			add("checks."+id, "%s; it is info, warning, critical or off", parsers.Unknown("severity", s, []string{string(Info), string(Warning), string(Critical), Off}))
		}
	}
	for _, part := range []struct {
		field string
		rows  []Requirement
	}{{"add", p.Requirements.Add}, {"replace", p.Requirements.Replace}} {
		for i, r := range part.rows {
			if err := r.validate(); err != nil {
				add(fmt.Sprintf("requirements.%s[%d]", part.field, i), "%s", err)
			}
		}
	}
	for _, r := range []struct {
		key   string
		value *int
	}{{"lifetimeDays", p.Requests.LifetimeDays}, {"pendingHours", p.Requests.PendingHours}} {
		if r.value != nil && (*r.value < 1 || *r.value > maxPolicySpan) {
			add("requests."+r.key, "%d is not between 1 and %d", *r.value, maxPolicySpan)
		}
	}
	first := map[[3]string]int{}
	for i, w := range p.Waivers {
		for _, fault := range w.faults(ids) {
			add(fmt.Sprintf("waivers[%d]", i), "%s", fault)
		}
		if p.Checks[w.Check] == Off {
			add(fmt.Sprintf("waivers[%d]", i), "waives %q, which the policy switches off", w.Check)
		}
		what := [3]string{w.Check, w.Path, w.Node}
		if line, twice := first[what]; twice {
			add(fmt.Sprintf("waivers[%d]", i), "says the same as the waiver on line %d", line)
		} else {
			first[what] = w.Line
		}
	}
	return out
}

// maxPolicySpan is the most days or hours that a policy takes: a century of days.
const maxPolicySpan = 36500

func (w Waiver) faults(ids []string) []string {
	var out []string
	for _, f := range []struct{ key, value string }{{"check", w.Check}, {"path", w.Path}, {"node", w.Node}, {"reason", w.Reason}, {"until", w.Until}} {
		if strings.TrimSpace(f.value) == "" {
			out = append(out, fmt.Sprintf("the waiver has no %q; check, path, node, reason and until are all demanded", f.key))
		}
	}
	if w.Check != "" && !slices.Contains(ids, w.Check) {
		out = append(out, parsers.Unknown("check", w.Check, CheckIDs())+"; \"certaudit checks\" lists them")
	}
	for _, glob := range []string{w.Path, w.Node} {
		if _, err := path.Match(glob, ""); err != nil {
			out = append(out, fmt.Sprintf("%q is no glob: a [ without its ], or a backslash at the end", glob))
		}
	}
	if _, err := w.end(); w.Until != "" && err != nil {
		out = append(out, fmt.Sprintf("until: %q is no date; write it like 2027-01-31", w.Until))
	}
	return out
}

// end is the first moment at which the waiver no longer holds.
func (w Waiver) end() (time.Time, error) {
	t, err := time.Parse(time.DateOnly, w.Until)
	return t.AddDate(0, 0, 1), err
}

func (w Waiver) covers(f Finding) bool {
	onPath, _ := path.Match(w.Path, f.Path)
	onNode, _ := path.Match(w.Node, f.Node)
	return w.Check == f.Check && onPath && onNode
}

// window is the window of a role or of a group of roles with what the policy
// sets.
func (p *Policy) window(name string) window {
	w := leafWindow
	if r, ok := roleByName[name]; ok {
		w = r.window
	} else if name == ThresholdCA {
		w = caWindow
	}
	return p.Thresholds[name].over(w)
}

func (t Threshold) over(w window) window {
	set := func(days *int, share *float64, toDays *int, toShare *float64) {
		if days != nil {
			*toDays = *days
			if share == nil {
				*toShare = 1 // the days that somebody wrote are meant as they stand
			}
		}
		if share != nil {
			*toShare = *share
		}
	}
	set(t.WarnDays, t.WarnShare, &w.warnDays, &w.warnShare)
	set(t.CriticalDays, t.CriticalShare, &w.criticalDays, &w.criticalShare)
	return w
}

func (w window) fault() string {
	switch {
	case w.warnDays < 0 || w.criticalDays < 0:
		return "days are less than 0"
	case w.warnShare < 0 || w.warnShare > 1 || w.criticalShare < 0 || w.criticalShare > 1:
		return "a share of the lifetime lies between 0 and 1"
	case w.warnDays < w.criticalDays:
		return fmt.Sprintf("it would warn at %d days, after it is critical at %d", w.warnDays, w.criticalDays)
	case w.warnShare < w.criticalShare:
		return fmt.Sprintf("it would warn at a share of %g, after it is critical at %g", w.warnShare, w.criticalShare)
	}
	return ""
}

// windowFor is the window of a role under the policy; the nil Policy changes
// nothing.
func (p *Policy) windowFor(r *role, base window) window {
	if p == nil {
		return base
	}
	group := ThresholdLeaf
	if r.isCA() {
		group = ThresholdCA
	}
	for _, name := range []string{r.name, group} {
		if t, ok := p.Thresholds[name]; ok {
			return t.over(base)
		}
	}
	return base
}

// table returns a requirement table with the policy's rows.
func (p *Policy) table(t *Requirements) *Requirements {
	if p == nil || len(p.Requirements.Add)+len(p.Requirements.Replace) == 0 {
		return t
	}
	out := &Requirements{Covers: t.Covers}
	for _, r := range t.Rows {
		if !slices.ContainsFunc(p.Requirements.Replace, func(o Requirement) bool { return o.Role == r.Role && o.Fact == r.Fact }) {
			out.Rows = append(out.Rows, r)
		}
	}
	out.Rows = slices.Concat(out.Rows, p.Requirements.Replace, p.Requirements.Add)
	return out
}

// File returns what a result says of the policy; nil for none, and for one that nobody
// named.
func (p *Policy) File() *PolicyFile {
	if p == nil || p.From == "" {
		return nil
	}
	return &PolicyFile{Path: p.Path, From: p.From}
}

// judge waives findings of a result, drops those of checks that are off, and
// gives the others the policy's severities.
func (p *Policy) judge(r *Result) {
	if p == nil {
		return
	}
	for _, w := range p.Waivers {
		r.Findings = append(r.Findings, p.waive(r, w)...)
	}
	r.Findings = slices.DeleteFunc(r.Findings, func(f Finding) bool { return p.Checks[f.Check] == Off })
	for i, f := range r.Findings {
		r.Findings[i].Severity = cmp.Or(Severity(p.Checks[f.Check]), f.Severity)
	}
	for i, o := range r.Outcomes {
		if p.Checks[o.Check] == Off {
			r.Outcomes[i] = Outcome{Check: o.Check, Node: o.Node, State: NotApplicable, Reason: "switched off by " + p.Path}
		}
	}
}

// waive marks what a waiver covers, and returns what is wrong with the waiver.
func (p *Policy) waive(r *Result, w Waiver) []Finding {
	end, _ := w.end()
	ended, covered := !r.At.Before(end), 0
	for i := range r.Findings {
		if !w.covers(r.Findings[i]) {
			continue
		}
		covered++
		if !ended && r.Findings[i].Waiver == nil {
			r.Findings[i].Waiver = &WaivedBy{Reason: w.Reason, Until: w.Until}
		}
	}
	f := Finding{Path: p.Path, Line: w.Line, Field: "waivers", Reference: "docs/policy.md"}
	switch {
	case covered == 0 && !slices.ContainsFunc(r.Outcomes, func(o Outcome) bool { return o.Check == w.Check }):
		return nil // a check of another command
	case covered == 0:
		f.Check, f.Severity = checkWaiverUnused, Info
		f.Message = fmt.Sprintf("the waiver of %s for %s matches nothing: what it waived is fixed, or it never matched", w.Check, w.Path)
		f.Remedy = "# remove the waiver"
	case ended:
		f.Check, f.Severity = checkWaiverEnded, Warning
		f.Message = fmt.Sprintf("the waiver of %s for %s ended on %s and the finding is still there: %s", w.Check, w.Path, w.Until, w.Reason)
		f.Remedy = "# fix what was waived, or extend the waiver"
	default:
		return nil
	}
	return []Finding{f}
}

// The findings about the policy itself.
const (
	checkWaiverEnded  = "policy/waiver-ended"
	checkWaiverUnused = "policy/waiver-unused"
)
