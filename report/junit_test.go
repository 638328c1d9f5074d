package report

import (
	"encoding/xml"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	junit "github.com/joshdk/go-junit"

	"certaudit/audit"
)

// validJUnit: a reader of JUnit files finds a suite for each node, a test for
// each check, and the status that outcome and findings ask for.
func validJUnit(t *testing.T, r audit.Result, out string) {
	t.Helper()
	suites, err := junit.IngestReader(strings.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	type test struct{ Suite, Name, Status string }
	var got, want []test
	for _, s := range suites {
		for _, c := range s.Tests {
			got = append(got, test{s.Name, c.Name, string(c.Status)})
			if c.Classname != s.Name {
				t.Errorf("class %q in suite %q", c.Classname, s.Name)
			}
		}
		wantCounts := []string{strconv.Itoa(s.Totals.Tests), strconv.Itoa(s.Totals.Failed), strconv.Itoa(s.Totals.Error), strconv.Itoa(s.Totals.Skipped)}
		gotCounts := []string{s.Properties["tests"], s.Properties["failures"], s.Properties["errors"], s.Properties["skipped"]}
		if diff := cmp.Diff(wantCounts, gotCounts); diff != "" {
			t.Errorf("counts of %q (-want +got):\n%s", s.Name, diff)
		}
		if at, err := time.Parse("2006-01-02T15:04:05", s.Properties["timestamp"]); err != nil || !at.Equal(r.At.Truncate(time.Second)) {
			t.Errorf("timestamp %q: %v", s.Properties["timestamp"], err)
		}
	}
	for _, key := range wantCases(r) {
		suite := printable(key[0])
		if key[0] == "" {
			suite = "cluster"
		}
		want = append(want, test{xmlText(suite), xmlText(printable(key[1])), wantStatus(r, key[0], key[1])})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tests (-want +got):\n%s", diff)
	}
	wellFormedJUnit(t, out)
	for _, f := range r.Findings {
		lines := append(printableLines(f.Remedy), printable(f.Message))
		if f.Waiver != nil {
			lines = append(lines, printable(f.Waiver.Reason), printable(f.Waiver.Until))
		}
		for _, line := range lines {
			if !strings.Contains(junitText(t, out), xmlText(line)) {
				t.Errorf("%q of a finding is not in the text", line)
			}
		}
	}
}

// wantCases are node and check of each case: suites in the order in which
// their nodes appear, in a suite the checks likewise.
func wantCases(r audit.Result) [][2]string {
	var nodes []string
	checks := map[string][]string{}
	add := func(node, check string) {
		if checks[node] == nil {
			nodes = append(nodes, node)
		}
		for _, c := range checks[node] {
			if c == check {
				return
			}
		}
		checks[node] = append(checks[node], check)
	}
	for _, o := range r.Outcomes {
		add(o.Node, o.Check)
	}
	for _, f := range urgent(r) {
		add(f.Node, f.Check)
	}
	var out [][2]string
	for _, n := range nodes {
		for _, c := range checks[n] {
			out = append(out, [2]string{n, c})
		}
	}
	return out
}

func wantStatus(r audit.Result, node, check string) string {
	for _, f := range r.Findings {
		if f.Node == node && f.Check == check && gateSeverity(f) != audit.Info {
			return "failed"
		}
	}
	status := "passed"
	for _, o := range r.Outcomes {
		if o.Node == node && o.Check == check {
			status = map[audit.State]string{audit.Done: "passed", audit.Incomplete: "error", audit.NotApplicable: "skipped"}[o.State]
		}
	}
	return status
}

// xmlText is s without the two characters that XML cannot hold and printable
// leaves.
func xmlText(s string) string {
	return strings.NewReplacer("\ufffe", "\ufffd", "\uffff", "\ufffd").Replace(s)
}

// wellFormedJUnit holds the elements against the schema that Ant documents: at
// most one of skipped, error and failure in a testcase, then its output.
func wellFormedJUnit(t *testing.T, out string) {
	t.Helper()
	children := map[string]string{"": "testsuites", "testsuites": "testsuite", "testsuite": "testcase", "testcase": "skipped error failure system-out"}
	d := xml.NewDecoder(strings.NewReader(out))
	var open []string
	verdicts, output := 0, false
	for {
		token, err := d.Token()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			parent := ""
			if len(open) > 0 {
				parent = open[len(open)-1]
			}
			if !strings.Contains(" "+children[parent]+" ", " "+e.Name.Local+" ") {
				t.Errorf("%q in %q", e.Name.Local, parent)
			}
			switch e.Name.Local {
			case "testcase":
				verdicts, output = 0, false
			case "system-out":
				output = true
			case "skipped", "error", "failure":
				if verdicts++; verdicts > 1 || output {
					t.Errorf("%d verdicts in a testcase, or one behind the output", verdicts)
				}
			}
			open = append(open, e.Name.Local)
		case xml.EndElement:
			open = open[:len(open)-1]
		}
	}
}

// junitText is all text and all attributes.
func junitText(t *testing.T, out string) string {
	t.Helper()
	var b strings.Builder
	d := xml.NewDecoder(strings.NewReader(out))
	for {
		token, err := d.Token()
		if err == io.EOF {
			return b.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			for _, a := range e.Attr {
				b.WriteString(a.Value + "\n")
			}
		case xml.CharData:
			b.Write(e)
		}
	}
}

// An incomplete check that found something is a failure, and still tells that
// it is incomplete.
func TestJUnitFailureOfIncomplete(t *testing.T) {
	r := nothing()
	r.Outcomes = []audit.Outcome{{Check: "keys/mismatch", Node: "cp-1", State: audit.Incomplete, Reason: "permission denied"}}
	r.Findings = []audit.Finding{
		{Check: "keys/mismatch", Node: "cp-1", Severity: audit.Info, Path: "/a", Message: "is odd"},
		{Check: "keys/mismatch", Node: "cp-1", Severity: audit.Warning, Path: "/b", Message: "is bad"},
		{Check: "keys/mismatch", Node: "cp-1", Severity: audit.Critical, Path: "/c", Message: "is worse", Remedy: "one\ntwo"},
	}
	want := `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="certaudit" tests="1" failures="1" errors="0" skipped="0">
  <testsuite name="cp-1" tests="1" failures="1" errors="0" skipped="0" timestamp="2026-11-23T06:14:06">
    <testcase classname="cp-1" name="keys/mismatch">
      <failure message="/c: is worse (and 1 more)" type="critical">✗ CRITICAL keys/mismatch: is worse
    at   /c
    fix  one
         two

! WARNING keys/mismatch: is bad
    at   /b
</failure>
      <system-out>i INFO keys/mismatch: is odd
    at   /a

not judged: permission denied
</system-out>
    </testcase>
  </testsuite>
</testsuites>
`
	if diff := cmp.Diff(want, render(t, "junit", r, Options{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
