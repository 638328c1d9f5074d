package report

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"certaudit/audit"
)

// validSARIF: the log is valid by the official schema, and tells of every
// finding what the result does.
func validSARIF(t *testing.T, r audit.Result, out string) {
	t.Helper()
	if err := validateSARIF(out); err != nil {
		t.Fatal(err)
	}
	run := readSARIF(t, out)
	checks := audit.Checks()
	if got := len(run.Tool.Driver.Rules); got != len(checks) {
		t.Errorf("%d rules for %d checks", got, len(checks))
	}
	levels := map[audit.Severity]string{audit.Critical: "error", audit.Warning: "warning", audit.Info: "note"}
	if len(run.Results) != len(r.Findings) {
		t.Fatalf("%d results for %d findings", len(run.Results), len(r.Findings))
	}
	for i, f := range r.Findings {
		got := run.Results[i]
		if got.RuleID != printable(f.Check) || got.Level != levels[f.Severity] {
			t.Errorf("result %d is %s, %s; the finding %s, %s", i, got.RuleID, got.Level, f.Check, f.Severity)
		}
		if known := slices.ContainsFunc(checks, func(c audit.Check) bool { return c.ID == f.Check }); known != (got.RuleIndex != nil) || known && checks[*got.RuleIndex].ID != f.Check {
			t.Errorf("the rule of result %d is %v", i, got.RuleIndex)
		}
		if want := strings.ReplaceAll(statement(f, len(r.Nodes) > 1), "](", `]\(`); displayed(t, got.Message.Text) != want {
			t.Errorf("message %d is %q, want %q", i, got.Message.Text, want)
		}
		physical := got.Locations[0].PhysicalLocation
		uri, err := url.Parse(physical.ArtifactLocation.URI)
		if err != nil || uri.IsAbs() || uri.Host != "" || strings.HasPrefix(uri.Path, "/") || strings.TrimPrefix(uri.Path, "./") != strings.TrimPrefix(locator(r)(f), "./") {
			t.Errorf("the URI of %q is %q: %v", f.Path, physical.ArtifactLocation.URI, err)
		}
		if _, ok := run.OriginalURIBaseIDs[physical.ArtifactLocation.URIBaseID]; !ok {
			t.Errorf("the base %q is not declared", physical.ArtifactLocation.URIBaseID)
		}
		if diff := cmp.Diff(map[bool]*sarifRegion{true: {f.Line}}[f.Line > 0], physical.Region); diff != "" {
			t.Errorf("region (-want +got):\n%s", diff)
		}
		if ignored := f.Known || f.Waiver != nil; ignored != (len(got.Suppressions) == 1) {
			t.Errorf("the suppressions of result %d are %v", i, got.Suppressions)
		}
		if f.Waiver != nil && !strings.Contains(got.Suppressions[0].Justification, printable(f.Waiver.Reason)) {
			t.Errorf("suppressed for %q", got.Suppressions[0].Justification)
		}
		var names []string
		for _, l := range got.Locations[0].LogicalLocations {
			names = append(names, l.Name)
		}
		if diff := cmp.Diff(nonEmptyPrintable(f.Component, f.Field), names); diff != "" {
			t.Errorf("logical locations (-want +got):\n%s", diff)
		}
	}
	incomplete := 0
	for _, o := range r.Outcomes {
		if o.State == audit.Incomplete {
			incomplete++
		}
	}
	if got := len(run.Invocations[0].Notifications); got != incomplete {
		t.Errorf("%d notifications for %d checks that are incomplete", got, incomplete)
	}
}

func nonEmptyPrintable(list ...string) []string {
	var out []string
	for _, s := range list {
		if s != "" {
			out = append(out, printable(s))
		}
	}
	return out
}

// sarifSchema is the schema of OASIS; see the README beside the file.
var sarifSchema = sync.OnceValue(func() *jsonschema.Schema {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	return c.MustCompile("testdata/sarif/sarif-schema-2.1.0.json")
})

func validateSARIF(text string) error {
	log, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return err
	}
	return sarifSchema().Validate(log)
}

// The validation is able to fail.
func TestValidateSARIF(t *testing.T) {
	good := render(t, "sarif", awkward(), Options{})
	if err := validateSARIF(good); err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{`"version": "2.1.0"`, `"version": "2.0.0"`},
		{`"level": "error"`, `"level": "fatal"`},
		{`"ruleId":`, `"rule_id":`},
		{`"startLine": 23`, `"startLine": 0`},
		{`"startLine": 23`, `"startLine": "23"`},
		{`"uri": "cp-2/etc/kubernetes/manifests/`, `"uri": "cp-2/etc kubernetes/%zz`},
		{`"executionSuccessful": true,`, ``},
		{`"name": "certaudit",`, ``},
		{`"helpUri": "https`, `"helpUri": " https`},
	} {
		bad := strings.ReplaceAll(good, change[0], change[1])
		if bad == good {
			t.Errorf("no %s", change[0])
		}
		if validateSARIF(bad) == nil {
			t.Errorf("valid with %s", change[1])
		}
	}
}

// readSARIF reads the one run of a log.
func readSARIF(t *testing.T, text string) sarifRun {
	t.Helper()
	var log struct{ Runs []sarifRun }
	if err := json.Unmarshal([]byte(text), &log); err != nil {
		t.Fatal(err)
	}
	if len(log.Runs) != 1 {
		t.Fatalf("%d runs", len(log.Runs))
	}
	return log.Runs[0]
}

func sarifFingerprints(t *testing.T, text string) []string {
	var prints []string
	for _, r := range readSARIF(t, text).Results {
		if r.PartialFingerprints["certaudit/v1"] != r.PartialFingerprints["primaryLocationLineHash"] {
			t.Errorf("two fingerprints: %v", r.PartialFingerprints)
		}
		prints = append(prints, r.PartialFingerprints["certaudit/v1"])
	}
	return prints
}

var (
	embeddedLink = regexp.MustCompile(`\[([^\\\[\]]|\\[\\\[\]])*\]\([^)]*\)`)
	placeholder  = regexp.MustCompile(`\{\{|\}\}|[{}]`)
)

// displayed is what a viewer makes of a message without arguments.
func displayed(t *testing.T, text string) string {
	t.Helper()
	if link := embeddedLink.FindString(text); link != "" {
		t.Errorf("the link %s", link)
	}
	return placeholder.ReplaceAllStringFunc(text, func(s string) string {
		if len(s) == 1 {
			t.Errorf("the placeholder of %q", text)
		}
		return s[:1]
	})
}

// The rules say what the checks do.
func TestSARIFRules(t *testing.T) {
	rules := sarifRules(audit.Checks())
	pages := 0
	for i, c := range audit.Checks() {
		rule := rules[i]
		if rule.ID != c.ID || displayed(t, rule.FullDescription.Text) != c.Summary+". "+c.Why {
			t.Errorf("rule %d is %+v", i, rule)
		}
		for _, text := range []string{c.Why, c.Example, c.Remedy, c.Source} {
			if !strings.Contains(displayed(t, rule.Help.Text), text) || !strings.Contains(displayed(t, rule.Help.Markdown), text) {
				t.Errorf("the help of %s lacks %q", c.ID, text)
			}
		}
		if rule.HelpURI != "" {
			pages++
			if page, err := url.Parse(rule.HelpURI); err != nil || page.Host == "" || !strings.Contains(c.Source, rule.HelpURI) {
				t.Errorf("%s has the page %q: %v", c.ID, rule.HelpURI, err)
			}
		} else if strings.Contains(c.Source, "://") {
			t.Errorf("%s has no page, its source is %s", c.ID, c.Source)
		}
	}
	if pages == 0 {
		t.Error("no rule has a page")
	}
}

func TestSARIFMessage(t *testing.T) {
	for in, want := range map[string]string{
		"plain":           "plain",
		"{0} {{1}}":       "{{0}} {{{{1}}}}",
		"[a](1) users[0]": `[a]\(1) users[0]`,
	} {
		if got := sarifMessage(in); got != want {
			t.Errorf("sarifMessage(%q) = %q, want %q", in, got, want)
		}
	}
}
