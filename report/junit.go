package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"certaudit/audit"
)

// The elements of JUnit's XML, in the order and with the attributes that
// Ant, Jenkins and GitLab agree on.
type (
	junitSuites struct {
		XMLName xml.Name `xml:"testsuites"`
		Name    string   `xml:"name,attr"`
		junitCounts
		Suites []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name string `xml:"name,attr"`
		junitCounts
		Timestamp string      `xml:"timestamp,attr"`
		Cases     []junitCase `xml:"testcase"`
	}
	junitCounts struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
		Skipped  int `xml:"skipped,attr"`
	}
	// junitCase has at most one of Skipped, Error and Failure.
	junitCase struct {
		Class     string        `xml:"classname,attr"`
		Name      string        `xml:"name,attr"`
		Skipped   *junitProblem `xml:"skipped"`
		Error     *junitProblem `xml:"error"`
		Failure   *junitProblem `xml:"failure"`
		SystemOut string        `xml:"system-out,omitempty"`
	}
	junitProblem struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

// writeJUnit writes a test suite for each node and in it a test case for each
// check.
func writeJUnit(w io.Writer, r audit.Result, _ Options) error {
	document := junitSuites{Name: "certaudit"}
	for _, node := range junitNodes(r) {
		suite := junitSuite{Name: clusterWide(node.name), Timestamp: r.At.UTC().Format("2006-01-02T15:04:05")}
		for _, check := range node.checks {
			c := check.testCase(suite.Name)
			suite.count(c)
			document.count(c)
			suite.Cases = append(suite.Cases, c)
		}
		document.Suites = append(document.Suites, suite)
	}
	data, err := xml.MarshalIndent(document, "", "  ")
	if err != nil {
		return err
	}
	// The encoder escapes line feeds. There are none in attributes, the only
	// place where that matters.
	_, err = io.WriteString(w, xml.Header+strings.ReplaceAll(string(data), "&#xA;", "\n")+"\n")
	return err
}

// clusterWide names the suite of what belongs to no node.
func clusterWide(node string) string {
	if node == "" {
		return "cluster"
	}
	return printable(node)
}

// junitNode is what a suite is made of.
type junitNode struct {
	name   string
	checks []*junitCheck
}

// junitCheck is what a test case is made of.
type junitCheck struct {
	id       string
	outcome  audit.Outcome
	findings []audit.Finding
}

// junitNodes collects outcomes, then findings, by node and check in the order
// they come. A finding without an outcome has a test case all the same.
func junitNodes(r audit.Result) []*junitNode {
	var nodes []*junitNode
	byName := map[string]*junitNode{}
	checks := map[[2]string]*junitCheck{}
	check := func(node, id string) *junitCheck {
		n := byName[node]
		if n == nil {
			n = &junitNode{name: node}
			byName[node] = n
			nodes = append(nodes, n)
		}
		c := checks[[2]string{node, id}]
		if c == nil {
			c = &junitCheck{id: id}
			checks[[2]string{node, id}] = c
			n.checks = append(n.checks, c)
		}
		return c
	}
	for _, o := range r.Outcomes {
		check(o.Node, o.Check).outcome = o
	}
	for _, f := range urgent(r) {
		c := check(f.Node, f.Check)
		c.findings = append(c.findings, f)
	}
	return nodes
}

// testCase is a failure where something is wrong, else an error where the
// check is incomplete, else skipped where there was nothing to look at. What
// else there is to say goes to its output.
func (c *junitCheck) testCase(suite string) junitCase {
	out := junitCase{Class: suite, Name: printable(c.id)}
	var wrong, worthKnowing []audit.Finding
	for _, f := range c.findings {
		if weight(f).Rank() >= audit.Warning.Rank() {
			wrong = append(wrong, f)
		} else {
			worthKnowing = append(worthKnowing, f)
		}
	}
	said := findingTexts(worthKnowing)
	reason := ""
	if isPartial(c.outcome) {
		reason = printable(unjudged(c.outcome))
	}
	switch {
	case len(wrong) > 0:
		out.Failure = failure(wrong)
	case c.outcome.State == audit.Incomplete:
		out.Error = &junitProblem{Message: reason, Type: string(audit.Incomplete)}
		reason = ""
	case c.outcome.State == audit.NotApplicable:
		out.Skipped = &junitProblem{Message: "nothing here to look at"}
	}
	if reason != "" {
		said = append(said, "not judged: "+reason+"\n")
	}
	out.SystemOut = strings.Join(said, "\n")
	return out
}

// failure has the worst finding in its message and all of them in its text.
func failure(findings []audit.Finding) *junitProblem {
	message := statement(findings[0], false)
	if more := len(findings) - 1; more > 0 {
		message += fmt.Sprintf(" (and %d more)", more)
	}
	return &junitProblem{message, printable(string(findings[0].Severity)), strings.Join(findingTexts(findings), "\n")}
}

// findingTexts are the findings as blocks of labelled lines.
func findingTexts(findings []audit.Finding) []string {
	var out []string
	for _, f := range findings {
		alone := sharedFinding{Finding: f}
		out = append(out, findingBlock(alone, fleet{}, printableLines(f.Remedy), Options{Verbose: true}))
	}
	return out
}

func (n *junitCounts) count(c junitCase) {
	n.Tests++
	switch {
	case c.Failure != nil:
		n.Failures++
	case c.Error != nil:
		n.Errors++
	case c.Skipped != nil:
		n.Skipped++
	}
}
