package audit

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"certaudit/audit/inventory"
	"certaudit/parsers"
)

// Filter selects what is shown of a result. It decides nothing: what is hidden counts.
type Filter struct {
	// Severity is the least of the findings that are shown; "" for all.
	Severity Severity `json:"severity,omitempty"`
	// Checks are patterns of the checks whose findings are shown, "validity/*"; nil for all.
	Checks []string `json:"checks,omitempty"`
	// Components are those whose findings, certificates and connections are shown; nil for
	// all.
	Components []string `json:"components,omitempty"`
}

// Shown says what a result was filtered by, and how much of it is hidden.
type Shown struct {
	Filter
	// HiddenFindings and HiddenCertificates count what is left out; the summary counts it.
	HiddenFindings     int `json:"hiddenFindings"`
	HiddenCertificates int `json:"hiddenCertificates"`
	// Whole is what the filter was applied to.
	Whole *Result `json:"-"`
}

// Empty reports whether the filter hides nothing.
func (f Filter) Empty() bool { return f.Severity == "" && len(f.Checks)+len(f.Components) == 0 }

// Validate returns an error for a severity that there is not, and for a pattern that no
// check has.
func (f Filter) Validate() error {
	if f.Severity != "" && f.Severity.Rank() == 0 {
		return fmt.Errorf("%s; --severity takes %s, %s or %s", parsers.Unknown("severity", f.Severity, severities), Info, Warning, Critical)
	}
	for _, pattern := range f.Checks {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("%q of --check is no pattern: expected one such as validity/*", pattern)
		}
		if ids := CheckIDs(); !slices.ContainsFunc(ids, func(id string) bool { return matchesCheck(pattern, id) }) {
			return fmt.Errorf("no check is called %q; the nearest is %q, and certaudit checks lists them", clip(pattern), parsers.Nearest(pattern, append(ids, CheckFamilies()...)))
		}
	}
	if slices.Contains(f.Components, "") {
		return errors.New("--component is empty; expected one such as etcd")
	}
	return nil
}

// ValidateFor returns an error for a component that is neither a program of a cluster nor
// anything that the result speaks of.
func (f Filter) ValidateFor(r Result) error {
	var known []string
	add := func(name string) {
		if name != "" && !slices.Contains(known, name) {
			known = append(known, name)
		}
	}
	for _, p := range inventory.Programs() {
		add(p.Name)
	}
	if len(f.Components) > 0 {
		for _, c := range r.Certificates {
			add(c.Component)
		}
		for _, found := range r.Findings {
			add(found.Component)
		}
		for _, c := range r.Connections {
			add(c.Client)
			add(c.Server)
		}
	}
	for _, name := range f.Components {
		if only := (Filter{Components: []string{name}}); !slices.ContainsFunc(known, only.isOf) {
			return fmt.Errorf("%s; --component takes one that a finding, certificate or connection names, such as %s", parsers.Unknown("component", name, known), inventory.APIServer)
		}
	}
	return nil
}

// matchesCheck reports whether a pattern, or the name of a family, selects a check.
func matchesCheck(pattern, id string) bool {
	matched, _ := path.Match(pattern, id)
	return matched || strings.HasPrefix(id, pattern+"/")
}

// isOf reports whether a name is that of one of the components, or says more of it:
// "etcd gateway".
func (f Filter) isOf(name string) bool {
	return slices.ContainsFunc(f.Components, func(c string) bool { return name == c || strings.HasPrefix(name, c+" ") })
}

func (f Filter) keepsCheck(id string) bool {
	return len(f.Checks) == 0 || slices.ContainsFunc(f.Checks, func(p string) bool { return matchesCheck(p, id) })
}

// keepsFinding reports whether a finding is shown.
func (f Filter) keepsFinding(found Finding) bool {
	return found.Severity.Rank() >= f.Severity.Rank() && f.keepsCheck(found.Check) && (len(f.Components) == 0 || f.isOf(found.Component))
}

// keepsUser reports whether a certificate is shown: that of a component, and what it uses.
func (f Filter) keepsUser(component string, usedBy []string) bool {
	return len(f.Components) == 0 || f.isOf(component) || slices.ContainsFunc(usedBy, f.isOf)
}

// ComponentFile stands for the component of a file that nothing names.
const ComponentFile = inventory.ComponentFile

// Only is the result with what a filter selects; plan, summary and nodes stay as they are.
// It shares with r what it does not change.
func (r Result) Only(f Filter) Result {
	if f.Empty() {
		return r
	}
	shown := Shown{Filter: f, Whole: &r}
	out := r
	at := make([]int, len(r.Certificates))
	certificates := []Certificate{}
	for i, c := range r.Certificates {
		if at[i] = -1; f.keepsUser(c.Component, c.UsedBy) {
			at[i] = len(certificates)
			certificates = append(certificates, c)
		}
	}
	findings := []Finding{}
	for _, found := range r.Findings {
		if !f.keepsFinding(found) {
			continue
		}
		var rows []int
		for _, row := range found.Rows {
			if at[row] >= 0 {
				rows = append(rows, at[row])
			}
		}
		found.Rows = rows
		findings = append(findings, found)
	}
	shown.HiddenFindings, shown.HiddenCertificates = len(r.Findings)-len(findings), len(r.Certificates)-len(certificates)
	out.Certificates, out.Findings, out.Shown = certificates, findings, &shown
	out.Outcomes = slices.DeleteFunc(slices.Clone(r.Outcomes), func(o Outcome) bool { return !f.keepsCheck(o.Check) })
	if len(f.Components) > 0 {
		out.Connections = slices.DeleteFunc(slices.Clone(r.Connections), func(c Connection) bool { return !f.isOf(c.Client) && !f.isOf(c.Server) })
		out.Uses = slices.DeleteFunc(slices.Clone(r.Uses), func(u Use) bool { return !f.isOf(u.Component) })
	}
	return out
}
