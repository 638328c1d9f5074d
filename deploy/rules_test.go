package deploy_test

import (
	"bytes"
	"certaudit/audit/inventory"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"certaudit/audit"
	"certaudit/fixtures"
	"certaudit/report"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

const (
	rulesFile     = "prometheus/rules.yaml"
	ruleTestsFile = "prometheus/rules_test.yaml"
	operatorFile  = "kubernetes/overlays/prometheus-operator/prometheusrule.yaml"
	runbookFile   = "../docs/runbook.md"
)

type rule struct {
	Record      string            `yaml:"record"`
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

type ruleGroups struct {
	Groups []struct {
		Name  string `yaml:"name"`
		Rules []rule `yaml:"rules"`
	} `yaml:"groups"`
}

// alerts returns the alerting rules, in order.
func alerts(t *testing.T) []rule {
	t.Helper()
	var file ruleGroups
	readYAML(t, rulesFile, &file)
	var out []rule
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			if r.Alert != "" {
				out = append(out, r)
			}
		}
	}
	return out
}

func alertNames(t *testing.T) []string {
	names := map[string]bool{}
	for _, a := range alerts(t) {
		names[a.Alert] = true
	}
	return slices.Sorted(maps.Keys(names))
}

func TestRulesAreValid(t *testing.T) {
	out := run(t, tool(t, "promtool"), "check", "rules", "--lint=all", "--lint-fatal", rulesFile)
	if !bytes.Contains(out, []byte("SUCCESS")) {
		t.Errorf("promtool check rules:\n%s", out)
	}
}

func TestAlertsFire(t *testing.T) {
	if testing.Short() {
		t.Skip("takes promtool seconds")
	}
	t.Parallel()
	run(t, tool(t, "promtool"), "test", "rules", ruleTestsFile)
}

// Every alert has a test in which it fires and one in which it does not, and
// each severity of it fires.
func TestEveryAlertIsTested(t *testing.T) {
	var file struct {
		Tests []struct {
			Alerts []struct {
				Name string `yaml:"alertname"`
				Exp  []struct {
					Labels map[string]string `yaml:"exp_labels"`
				} `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		} `yaml:"tests"`
	}
	readYAML(t, ruleTestsFile, &file)
	got := map[string]bool{}
	for _, test := range file.Tests {
		for _, a := range test.Alerts {
			if len(a.Exp) == 0 {
				got[a.Name+" silent"] = true
			}
			for _, e := range a.Exp {
				got[a.Name+" "+e.Labels["severity"]] = true
			}
		}
	}
	want := map[string]bool{}
	for _, a := range alerts(t) {
		want[a.Alert+" silent"] = true
		for _, s := range severities(a) {
			want[a.Alert+" "+s] = true
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
		t.Errorf("alerts and their tests (-rules +tests):\n%s", diff)
	}
}

var matchedSeverities = regexp.MustCompile(`severity=~"([a-z|]+)"`)

// severities are those that an alert may have: the rule's own, or that of the finding
// that it is made from.
func severities(a rule) []string {
	if own := a.Labels["severity"]; own != "" {
		return []string{own}
	}
	if m := matchedSeverities.FindStringSubmatch(expanded(a.Expr)); m != nil {
		return strings.Split(m[1], "|")
	}
	return nil
}

// expanded adds to an expression that asks for the judged dates what these are made of.
func expanded(expr string) string {
	return strings.ReplaceAll(expr, "certaudit:certificate_judged_seconds", `certaudit:certificate_judged_seconds{severity=~"critical|warning"}`)
}

// Whoever is woken learns from the alert alone what it is about and where to
// read on.
func TestAlertsSayWhatTheyMean(t *testing.T) {
	runbook := repository(t) + "/blob/main/docs/runbook.md#"
	for _, a := range alerts(t) {
		for _, s := range severities(a) {
			if s != "critical" && s != "warning" {
				t.Errorf("%s: severity %q", a.Alert, s)
			}
		}
		if len(severities(a)) == 0 {
			t.Errorf("%s: no severity", a.Alert)
		}
		if want := runbook + strings.ToLower(a.Alert); a.Annotations["runbook_url"] != want {
			t.Errorf("%s: runbook_url is %q, want %q", a.Alert, a.Annotations["runbook_url"], want)
		}
		text := a.Annotations["summary"] + a.Annotations["description"]
		for _, label := range subjects(a) {
			if !strings.Contains(text, "$labels."+label+" ") {
				t.Errorf("%s: its text does not name the %s", a.Alert, label)
			}
		}
	}
}

// subjects are the labels that an alert's text has to name.
func subjects(a rule) []string {
	switch {
	case strings.HasPrefix(a.Alert, "CertauditCertificate"), a.Alert == "CertauditReferenceMissing", strings.HasPrefix(a.Alert, "CertauditFinding"):
		return []string{"component", "path", "node"}
	case a.Alert == "CertauditConnectionBroken":
		return []string{"component", "path", "node"}
	case slices.Contains([]string{"CertauditAuditIncomplete", "CertauditAuditFailing", "CertauditAuditStale", "CertauditConfigRefused", "CertauditDown"}, a.Alert):
		return []string{"instance"}
	case a.Alert == "CertauditAbsent":
		return nil
	}
	return []string{"node"}
}

var heading = regexp.MustCompile(`(?m)^## (Certaudit\w+)$`)

func TestRunbookHasASectionPerAlert(t *testing.T) {
	page := readFile(t, runbookFile)
	var sections []string
	bounds := heading.FindAllSubmatchIndex(page, -1)
	for i, b := range bounds {
		name, end := string(page[b[2]:b[3]]), len(page)
		if i+1 < len(bounds) {
			end = bounds[i+1][0]
		}
		sections = append(sections, name)
		for _, part := range []string{"**Meaning.**", "**Impact.**", "**Diagnosis.**", "**Mitigation.**", "```console"} {
			if !bytes.Contains(page[b[1]:end], []byte(part)) {
				t.Errorf("%s: the section %s has no %s", runbookFile, name, part)
			}
		}
	}
	slices.Sort(sections)
	if diff := cmp.Diff(alertNames(t), sections); diff != "" {
		t.Errorf("alerts and the sections of %s (-rules +page):\n%s", runbookFile, diff)
	}
}

const operatorHeader = `# Made from deploy/prometheus/rules.yaml: make docs
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: certaudit
spec:
`

// The operator's form of the rules is the rules file, indented under spec.
func TestMadeFromTheRulesFile(t *testing.T) {
	want := []byte(operatorHeader)
	for line := range bytes.Lines(readFile(t, rulesFile)) {
		if len(bytes.TrimSpace(line)) > 0 {
			want = append(want, "  "...)
		}
		want = append(want, line...)
	}
	made(t, operatorFile, string(want))
	var bare ruleGroups
	var wrapped struct {
		Spec ruleGroups `yaml:"spec"`
	}
	readYAML(t, rulesFile, &bare)
	readYAML(t, operatorFile, &wrapped)
	if diff := cmp.Diff(bare, wrapped.Spec); diff != "" {
		t.Errorf("groups of the two (-rules +operator):\n%s", diff)
	}
}

// The fallback by dates and the audit's own verdicts draw one line: at each of
// these days the same certificates are expired, expiring and nearly expired.
func TestExpiryAlertsAgreeWithTheAudit(t *testing.T) {
	t.Parallel()
	promtool := tool(t, "promtool")
	inv := gathered(t, fixtures.ControlPlane(fixtures.Options{}).Node)
	file := newUnitTests(t)
	var names []string
	for _, day := range []int{0, 298, 299, 304, 306, 327, 329, 334, 336, 3439, 3441, 3589, 3591, 3621} {
		test := expiryTest(day, audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now.AddDate(0, 0, day)}))
		file.Tests, names = append(file.Tests, test), append(names, test.Name)
	}
	// What the audit says, so that agreement is never that of two silences.
	if diff := cmp.Diff([]string{
		"day 0: 0 critical, 0 warning",
		"day 298: 0 critical, 0 warning",
		"day 299: 0 critical, 1 warning",
		"day 304: 0 critical, 1 warning",
		"day 306: 0 critical, 11 warning",
		"day 327: 0 critical, 11 warning",
		"day 329: 11 critical, 1 warning",
		"day 334: 11 critical, 1 warning",
		"day 336: 11 critical, 1 warning",
		"day 3439: 11 critical, 1 warning",
		"day 3441: 11 critical, 4 warning",
		"day 3589: 11 critical, 4 warning",
		"day 3591: 14 critical, 1 warning",
		"day 3621: 14 critical, 1 warning",
	}, names); diff != "" {
		t.Errorf("days and findings (-want +got):\n%s", diff)
	}
	file.run(t, promtool)
}

// gathered is the inventory of a node.
func gathered(t *testing.T, node fixtures.Node) *inventory.Inventory {
	t.Helper()
	tree := t.TempDir()
	if err := node.Write(tree); err != nil {
		t.Fatal(err)
	}
	inv, err := inventory.Gather(tree)
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

// run has promtool run the tests.
func (file unitTests) run(t *testing.T, promtool string) {
	t.Helper()
	data, err := yaml.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "tests.yaml")
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, promtool, "test", "rules", name)
}

// newUnitTests are tests of the rules whose clock goes by quarters of an hour.
func newUnitTests(t *testing.T) unitTests {
	t.Helper()
	rules, err := filepath.Abs(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	return unitTests{RuleFiles: []string{rules}, Interval: "15m"}
}

// unitTests is the input of promtool test rules.
type unitTests struct {
	RuleFiles []string   `yaml:"rule_files"`
	Interval  string     `yaml:"evaluation_interval"`
	Tests     []unitTest `yaml:"tests"`
}

type unitTest struct {
	Name     string       `yaml:"name"`
	Interval string       `yaml:"interval"`
	Series   []testSeries `yaml:"input_series"`
	Exprs    []testExpr   `yaml:"promql_expr_test"`
}

type testSeries struct {
	Series string `yaml:"series"`
	Values string `yaml:"values"`
}

type testExpr struct {
	Expr    string       `yaml:"expr"`
	At      string       `yaml:"eval_time"`
	Samples []testSample `yaml:"exp_samples"`
}

type testSample struct {
	Labels string `yaml:"labels"`
	Value  int    `yaml:"value"`
}

// expiryTest holds the alerts of one instant against the findings of a result
// for that instant. promtool's clock starts at 0; the result's time is there
// at fifteen minutes, when what is pending has come to fire.
func expiryTest(day int, r audit.Result) unitTest {
	zero := r.At.Add(-15 * time.Minute).Unix()
	test := unitTest{Interval: "15m"}
	byPlace := map[string]audit.Certificate{}
	for _, c := range r.Certificates {
		labels := fmt.Sprintf("{node=%q,component=%q,role=%q,path=%q,field=%q,index=\"%d\"}", c.Node, c.Component, c.Role, c.Path, c.Field, c.Index)
		for metric, at := range map[string]time.Time{"not_after": c.NotAfter, "not_before": c.NotBefore} {
			test.Series = append(test.Series, testSeries{"certaudit_certificate_" + metric + "_timestamp_seconds" + labels, fmt.Sprintf("%d+0x2", at.Unix()-zero)})
		}
		byPlace[c.SHA256] = c
	}
	alertOf := map[string]string{
		"validity/expired":          "CertauditCertificateExpired",
		"validity/expiring":         "CertauditCertificateExpiring",
		"validity/rotation-overdue": "CertauditCertificateExpiring",
	}
	expr := testExpr{Expr: `sum by (alertname, severity, path) (ALERTS{alertname=~"CertauditCertificateExpir.+",alertstate="firing"})`, At: "15m"}
	count := map[audit.Severity]int{}
	// Alerts know of no causes: what follows from the end of a CA has its own.
	var all []audit.Consequence
	for _, f := range r.Findings {
		all = append(append(all, audit.Consequence{Check: f.Check, Severity: f.Severity, SHA256: f.SHA256}), f.Causes...)
	}
	for _, f := range all {
		alert, ok := alertOf[f.Check]
		place := byPlace[f.SHA256]
		switch {
		case !ok:
		case f.Severity == audit.Info:
			test.Series = append(test.Series, testSeries{fmt.Sprintf("certaudit_certificate_findings{node=%q,component=%q,role=%q,path=%q,field=%q,index=\"%d\",check=%q,severity=%q}",
				place.Node, place.Component, place.Role, place.Path, place.Field, place.Index, f.Check, f.Severity), "1+0x2"})
		default:
			count[f.Severity]++
			expr.Samples = append(expr.Samples, testSample{fmt.Sprintf("{alertname=%q, severity=%q, path=%q}", alert, f.Severity, place.Path), 1})
		}
	}
	test.Name = fmt.Sprintf("day %d: %d critical, %d warning", day, count[audit.Critical], count[audit.Warning])
	test.Exprs = []testExpr{expr}
	return test
}

// One fault is one alert, and has the severity of the finding: for what is wrong with
// the nodes of all scenarios, as the exporter tells it.
func TestFindingsAreAlerts(t *testing.T) {
	if testing.Short() {
		t.Skip("takes promtool a minute")
	}
	t.Parallel()
	promtool := tool(t, "promtool")
	file := newUnitTests(t)
	scenarios := append(fixtures.Scenarios(), ownKubeconfig())
	for _, s := range scenarios {
		r := audit.Run([]*inventory.Inventory{gathered(t, s.Node())}, audit.Options{At: fixtures.Now})
		file.Tests = append(file.Tests, findingsTest(t, s.Name, r))
	}
	file.run(t, promtool)
}

// ownKubeconfig is a node on which root's kubeconfig has expired, as "kubeadm certs
// renew" leaves it behind.
func ownKubeconfig() fixtures.Scenario {
	return fixtures.Scenario{Name: "an expired ~/.kube/config", Node: func() fixtures.Node {
		old := fixtures.ControlPlane(fixtures.Options{Now: fixtures.Now.AddDate(-2, 0, 0)})
		c := fixtures.ControlPlane(fixtures.Options{})
		c.Node["/root/.kube/config"] = old.Node["/etc/kubernetes/admin.conf"]
		return c.Node
	}}
}

var exportedLine = regexp.MustCompile(`(?m)^(certaudit_\S+?(?:\{.*\})?) (\S+)$`)

// findingsTest holds the alerts of a result against its findings. Alerts about the
// audit itself are left out.
func findingsTest(t *testing.T, name string, r audit.Result) unitTest {
	t.Helper()
	var text strings.Builder
	if err := report.WriteMetrics(&text, report.Metrics(r, report.Health{})); err != nil {
		t.Fatal(err)
	}
	test := unitTest{Name: name, Interval: "15m"}
	zero := r.At.Add(-15 * time.Minute).Unix()
	for _, m := range exportedLine.FindAllStringSubmatch(text.String(), -1) {
		value, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(m[1], "_timestamp_seconds") {
			value -= float64(zero)
		}
		test.Series = append(test.Series, testSeries{m[1], fmt.Sprintf("%.0f+0x2", value)})
	}
	type place struct {
		node, component, path, field string
		row                          int
	}
	places := map[string]map[place]bool{}
	for _, f := range r.Findings {
		if !f.Counts() || f.Severity == audit.Info {
			continue
		}
		at := place{f.Node, f.Component, f.Path, f.Field, -1}
		if len(f.Rows) > 0 {
			at = place{row: slices.Min(f.Rows)}
		}
		labels := fmt.Sprintf("{check=%q, severity=%q}", f.Check, f.Severity)
		if places[labels] == nil {
			places[labels] = map[place]bool{}
		}
		places[labels][at] = true
	}
	expr := testExpr{Expr: `count by (check, severity) (ALERTS{alertname!~"Certaudit(Audit|Absent).*",alertstate="firing"})`, At: "15m"}
	for _, labels := range slices.Sorted(maps.Keys(places)) {
		expr.Samples = append(expr.Samples, testSample{labels, len(places[labels])})
	}
	test.Exprs = []testExpr{expr}
	return test
}

var chosenLabels = regexp.MustCompile(`\b(on|by) \(([^)]*)\) *(\S*)`)

// Rules keep the labels that tell clusters and hosts apart, whatever these are
// called: they choose labels only to ask for what is not certaudit's.
func TestRulesKeepForeignLabels(t *testing.T) {
	var file ruleGroups
	readYAML(t, rulesFile, &file)
	chosen := 0
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			for _, m := range chosenLabels.FindAllStringSubmatch(r.Expr, -1) {
				chosen++
				if m[1] != "on" || !strings.HasPrefix(m[2], "cluster, ") || m[3] != "up" && m[3] != "kube_node_info" {
					t.Errorf("%s%s chooses labels: %s", r.Alert, r.Record, m[0])
				}
			}
		}
	}
	if chosen == 0 {
		t.Error("nothing is chosen, not even for up and kube_node_info")
	}
}
