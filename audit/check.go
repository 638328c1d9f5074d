package audit

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"certaudit/parsers"
)

// Check is one rule. Selection says to what it applies, the body judges.
type Check struct {
	// ID is "family/name"; it never changes and says nothing of severity.
	ID string `json:"id"`
	// Severity is the usual one; a finding may differ where its consequence does.
	Severity Severity `json:"severity"`
	// Summary says in one line what is wrong where the check finds something.
	Summary string `json:"summary"`
	// Why says what follows from it.
	Why string `json:"why"`
	// Example is how it comes about.
	Example string `json:"example"`
	// Remedy is what to do, in general; a finding holds the exact commands.
	Remedy string `json:"remedy"`
	// Source is where the rule is from.
	Source string `json:"source"`
	scope  scope
	// behind: it asks who signed each certificate, or what such a check has found. It is run
	// behind those of its scope that do not, while other processors check signatures.
	behind bool
	// run judges one node; nil for a check of [scopePolicy], and for those of several
	// nodes.
	run func(*pass)
	// runCluster judges the nodes of a cluster, or of all; nil for any other check.
	runCluster func(*clusterPass)
}

// tally is what one run of a check says, and of how much.
type tally struct {
	check    Check
	findings []Finding
	examined int
	reasons  []string
	lost     bool
}

// examine counts a thing that is judged.
func (t *tally) examine() { t.examined++ }

// unjudged says why something was passed over.
func (t *tally) unjudged(format string, args ...any) {
	if reason := fmt.Sprintf(format, args...); !slices.Contains(t.reasons, reason) {
		t.reasons = append(t.reasons, reason)
	}
}

// run runs the check, unless it is too late. A panic costs that check alone.
func (t *tally) run(late bool, check func()) {
	defer func() {
		if r := recover(); r != nil {
			t.lost = true
			t.unjudged("the check failed: %v; please report it", r)
		}
	}()
	if late {
		t.lost = true
		t.unjudged(lateWords)
		return
	}
	check()
}

func (t *tally) outcome() Outcome {
	o := Outcome{Check: t.check.ID, State: Done, Examined: t.examined, Reason: strings.Join(t.reasons, "; ")}
	switch {
	case t.lost:
		o.State = Incomplete
	case t.examined == 0:
		o.State = NotApplicable
	}
	return o
}

// asFinding is what the check says of one place as a Finding, which is of no node yet.
func (t *tally) asFinding(f finding) Finding {
	return Finding{Check: t.check.ID, Severity: t.check.usual(f.severity), Component: f.component, Path: f.at.Path, Line: f.at.Line, Field: f.at.Field,
		SHA256: f.sha256, Message: f.message, Remedy: f.remedy.text(), Reference: cmp.Or(f.reference, t.check.Source), Obstacle: f.obstacle}
}

// pass is one run of one check over one node.
type pass struct {
	*nodeAudit
	tally
	// reported are the indexes of the findings about certificates.
	reported map[statementKey]int
}

// finding is what a check says of one place; the pass fills in the rest.
type finding struct {
	severity  Severity
	component string
	at        parsers.Origin
	sha256    string
	message   string
	remedy    remedy
	reference string
	obstacle  string
}

func (p *pass) report(f finding) {
	found := p.asFinding(f)
	found.Node = p.name
	p.findings = append(p.findings, found)
}

// reportEntry reports a certificate. Its field is the flag that names it, so
// that a reader knows who is hurt. What was said of the same certificate in
// another of its roles is not said again.
func (p *pass) reportEntry(e *entry, f finding) {
	f.component = e.component
	f.at = e.place
	if f.at.Field == "" && len(e.refs) > 0 {
		f.at.Field = e.refs[0].Label()
	}
	if e.cert != nil {
		f.sha256 = e.cert.SHA256()
		what := statementKey{e.place, f.message}
		if i, known := p.reported[what]; known {
			p.findings[i].join(p.check.usual(f.severity), f.remedy)
			return
		}
		if p.reported == nil {
			p.reported = map[statementKey]int{}
		}
		p.reported[what] = len(p.findings)
	}
	p.report(f)
}

// statementKey is what a check said of the certificate at a place.
type statementKey struct {
	at      parsers.Origin
	message string
}

// join adds to a finding what it means in another role.
func (f *Finding) join(severity Severity, more remedy) {
	if severity.Rank() > f.Severity.Rank() {
		f.Severity = severity
	}
	lines := strings.Split(f.Remedy, "\n")
	for line := range strings.SplitSeq(more.text(), "\n") {
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	f.Remedy = strings.Join(lines, "\n")
}

// usual is a severity, or that of the check for none.
func (c Check) usual(severity Severity) Severity { return cmp.Or(severity, c.Severity) }

// runOn runs a check over a node.
func (c Check) runOn(n *nodeAudit) (findings []Finding, o Outcome) {
	p := &pass{nodeAudit: n, tally: tally{check: c}}
	n.exhausted, n.passed = false, ""
	p.tally.run(n.isLate(), func() {
		c.run(p)
		if n.passed != "" {
			p.unjudged("%s", n.passed)
		}
		if n.exhausted || n.cut && strings.HasPrefix(c.ID, "connections/") {
			p.lost = true
			p.unjudged(spentWords)
		}
	})
	o = p.outcome()
	o.Node = n.name
	return p.findings, o
}

// usageNames are the words for the extended key usages that matter here.
var usageNames = map[x509.ExtKeyUsage]string{
	x509.ExtKeyUsageAny: "any", x509.ExtKeyUsageServerAuth: "server auth", x509.ExtKeyUsageClientAuth: "client auth",
	x509.ExtKeyUsageCodeSigning: "code signing", x509.ExtKeyUsageEmailProtection: "email protection",
	x509.ExtKeyUsageTimeStamping: "time stamping", x509.ExtKeyUsageOCSPSigning: "ocsp signing",
}

// usages lists the extended key usages of a certificate in words, and
// "cert sign" for one that may sign others.
func usages(c *x509.Certificate) []string {
	out := []string{}
	if c.IsCA && (c.KeyUsage == 0 || c.KeyUsage&x509.KeyUsageCertSign != 0) {
		out = append(out, "cert sign")
	}
	for _, u := range c.ExtKeyUsage {
		if name, ok := usageNames[u]; ok {
			out = append(out, name)
		}
	}
	for _, oid := range c.UnknownExtKeyUsage {
		out = append(out, oid.String())
	}
	return out
}
