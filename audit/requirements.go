package audit

import (
	_ "embed"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	"golang.org/x/mod/semver"

	"certaudit/parsers"
)

//go:embed requirements.yaml
var requirementsYAML []byte

// Fact names what a requirement is about.
type Fact string

// The facts that a requirement can state; requirements.yaml says what each means.
const (
	FactCommonName          Fact = "commonName"
	FactOrganization        Fact = "organization"
	FactOrganizationAllowed Fact = "organizationAllowed"
	FactOrganizationLegacy  Fact = "organizationLegacy"
	FactDNSName             Fact = "dnsName"
	FactIPAddress           Fact = "ipAddress"
	FactUsage               Fact = "usage"
	FactIssuer              Fact = "issuer"
)

var facts = []Fact{FactCommonName, FactOrganization, FactOrganizationAllowed, FactOrganizationLegacy,
	FactDNSName, FactIPAddress, FactUsage, FactIssuer}

// Profiles that the requirement table knows.
const (
	// ProfileKubeadm is what kubeadm issues.
	ProfileKubeadm = "kubeadm"
	// ProfileDocs is the page "PKI certificates and requirements".
	ProfileDocs = "docs"
	// ProfileGeneric holds only what every cluster needs, whoever made it.
	ProfileGeneric = "generic"
	// ProfileK3s is ProfileGeneric with what k3s and RKE2 issue.
	ProfileK3s = "k3s"
	// ProfileK0s is ProfileGeneric with what k0s issues.
	ProfileK0s = "k0s"
	// ProfileMicroK8s is ProfileGeneric with what MicroK8s issues.
	ProfileMicroK8s = "microk8s"
)

// Profiles returns the names that --profile takes.
func Profiles() []string {
	return []string{ProfileKubeadm, ProfileDocs, ProfileGeneric, ProfileK3s, ProfileK0s, ProfileMicroK8s}
}

// isGeneric reports whether a profile holds what every cluster needs, and no names
// that somebody chose for all.
func isGeneric(profile string) bool { return profile != ProfileKubeadm && profile != ProfileDocs }

// Requirement is one row of the table: one fact about the certificates of one
// role, for a range of Kubernetes versions.
type Requirement struct {
	Role   string   `yaml:"role" json:"role"`
	Fact   Fact     `yaml:"fact" json:"fact"`
	Values []string `yaml:"values" json:"values"`
	// Interval bounds the versions that the row holds for.
	Interval `yaml:",inline"`
	// Intervals do so where there are several, as for what was ported back.
	Intervals []Interval `yaml:"versions" json:"versions,omitempty"`
	// Severity replaces that of the check which judges the fact.
	Severity Severity `yaml:"severity" json:"severity,omitempty"`
	// Profiles the row holds for; none means all.
	Profiles []string `yaml:"profiles" json:"profiles,omitempty"`
	Source   string   `yaml:"source" json:"source"`
}

// intervals are those that the row holds for.
func (r *Requirement) intervals() []Interval {
	if len(r.Intervals) > 0 {
		return r.Intervals
	}
	return []Interval{r.Interval}
}

// holds reports whether the row speaks of a version.
func (r *Requirement) holds(version string) bool {
	return slices.ContainsFunc(r.intervals(), func(iv Interval) bool { return iv.holds(version) })
}

// always reports whether the row speaks of every version.
func (r *Requirement) always() bool { return slices.Contains(r.intervals(), Interval{}) }

// Requirements is a table with the versions that it covers.
type Requirements struct {
	Covers Interval      `yaml:"covers"`
	Rows   []Requirement `yaml:"rows"`
}

// DefaultRequirements returns the table that is part of the program. It is
// shared: do not change it.
var DefaultRequirements = sync.OnceValue(func() *Requirements {
	t, err := parseRequirements(requirementsYAML)
	if err != nil {
		panic("requirements.yaml: " + err.Error()) // a test reads it before any user does
	}
	return t
})

// parseRequirements reads a table strictly: a row that says something unknown
// is an error, since it would judge nothing.
func parseRequirements(data []byte) (*Requirements, error) {
	var t Requirements
	if _, err := decodeStrict("requirements.yaml", data, &t); err != nil {
		return nil, err
	}
	var errs []error
	if canonicalVersion(t.Covers.Since) == "" || canonicalVersion(t.Covers.Until) == "" {
		errs = append(errs, fmt.Errorf("covers: since %q or until %q is no version", t.Covers.Since, t.Covers.Until))
	}
	for i, r := range t.Rows {
		if err := r.validate(); err != nil {
			errs = append(errs, fmt.Errorf("row %d: %w", i+1, err))
		}
	}
	return &t, errors.Join(errs...)
}

func (r Requirement) validate() error {
	_, known := roleByName[r.Role]
	switch {
	case !known:
		return errors.New(parsers.Unknown("role", r.Role, roleNames()))
	case !slices.Contains(facts, r.Fact):
		return errors.New(parsers.Unknown("fact", r.Fact, facts))
	case len(r.Values) == 0:
		return fmt.Errorf("%s of %s has no values", r.Fact, r.Role)
	case r.Source == "":
		return fmt.Errorf("%s of %s has no source", r.Fact, r.Role)
	case r.Severity != "" && r.Severity.Rank() == 0:
		return errors.New(parsers.Unknown("severity", r.Severity, severities))
	}
	for _, p := range r.Profiles {
		if !slices.Contains(Profiles(), p) {
			return errors.New(parsers.Unknown("profile", p, Profiles()))
		}
	}
	for _, v := range r.Values {
		if !knownPlaceholder(v) {
			return fmt.Errorf("unknown placeholder in %q", v)
		}
	}
	if err := r.validateIssuer(); err != nil {
		return err
	}
	if len(r.Intervals) > 0 && r.Interval != (Interval{}) {
		return fmt.Errorf("%s of %s has since or until beside versions; give one of them", r.Fact, r.Role)
	}
	for _, iv := range r.intervals() {
		if err := iv.validate(); err != nil {
			return err
		}
	}
	return nil
}

// validateIssuer returns an error for an issuer that nothing on any node is called,
// so that the row would judge nothing.
func (r Requirement) validateIssuer() error {
	if r.Fact != FactIssuer {
		return nil
	}
	for _, v := range r.Values {
		if !slices.Contains(selectors(), v) {
			return fmt.Errorf("unknown issuer %q; it is a flag of a component or a file of kubeadm's, and the nearest is %q", clip(v), parsers.Nearest(v, selectors()))
		}
	}
	return nil
}

// knownPlaceholder reports whether a value has no placeholder, or one that
// stands for something.
func knownPlaceholder(value string) bool {
	if !strings.ContainsAny(value, "{}") {
		return true
	}
	name := placeholder(value)
	_, known := placeholderWords[name]
	return known && !strings.ContainsAny(strings.Replace(value, "{"+name+"}", "", 1), "{}")
}

// Select returns the rows that hold for a profile and a version, in the order
// of the table. An empty version keeps every row that holds for all versions;
// one outside of what the table covers is judged by the rows nearest to it.
func (t *Requirements) Select(profile, version string) []Requirement {
	var out []Requirement
	for r := range t.selected(profile, version) {
		out = append(out, *r)
	}
	return out
}

// selected yields what Select returns, as it stands in the table.
func (t *Requirements) selected(profile, version string) iter.Seq[*Requirement] {
	v := t.clamp(canonicalVersion(version))
	return func(yield func(*Requirement) bool) {
		for i := range t.Rows {
			r := &t.Rows[i]
			if r.forProfile(profile) && (v == "" && r.always() || v != "" && r.holds(v)) && !yield(r) {
				return
			}
		}
	}
}

// For returns the rows of a profile for a reader, in the order of the table:
// those of one version as [Requirements.Select] does, or, for an empty version,
// those of all.
func (t *Requirements) For(profile, version string) []Requirement {
	if version != "" {
		return t.Select(profile, version)
	}
	var out []Requirement
	for _, r := range t.Rows {
		if r.forProfile(profile) {
			out = append(out, r)
		}
	}
	return out
}

// Versions says for which versions the row holds: "all", "1.29 and later",
// "before 1.29", "1.29 up to 1.34", or several of these.
func (r Requirement) Versions() string {
	var words []string
	for _, iv := range r.intervals() {
		words = append(words, iv.words())
	}
	return strings.Join(words, ", ")
}

func (r *Requirement) forProfile(profile string) bool {
	return len(r.Profiles) == 0 || slices.Contains(r.Profiles, profile) || isGeneric(profile) && slices.Contains(r.Profiles, ProfileGeneric)
}

// clamp moves a version that is too old for the table to the first one that it
// covers. One that is too new needs no moving: the newest rows have no end.
func (t *Requirements) clamp(version string) string {
	since := canonicalVersion(t.Covers.Since)
	if version != "" && semver.Compare(version, since) < 0 {
		return since
	}
	return version
}

// Outside says that the table does not cover a version, and by which one it is judged; "" for
// one that it covers, and for what is no version.
func (t *Requirements) Outside(version string) string {
	v := canonicalVersion(version)
	first, last := t.Covers.Since, lastBefore(t.Covers.Until)
	switch {
	case v == "":
		return ""
	case t.Covers.startsAfter(v):
		return fmt.Sprintf("no Kubernetes version before %s is known; %s is judged by the requirements of %s", first, version, first)
	case t.Covers.endsBefore(v):
		return fmt.Sprintf("no Kubernetes version after %s is known; %s is judged by the requirements of %s", last, version, last)
	}
	return ""
}
