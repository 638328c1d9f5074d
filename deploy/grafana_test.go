package deploy_test

import (
	"bytes"
	"certaudit/audit/inventory"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"certaudit/audit"
	"certaudit/fixtures"
	"certaudit/report"

	"github.com/google/go-cmp/cmp"
)

const dashboardFile = "grafana/certaudit.json"

type dashboard struct {
	UID         string `json:"uid"`
	Annotations struct {
		List []struct {
			Name string `json:"name"`
			Expr string `json:"expr"`
		} `json:"list"`
	} `json:"annotations"`
	Templating struct {
		List []struct {
			Name       string `json:"name"`
			Type       string `json:"type"`
			Definition string `json:"definition"`
		} `json:"list"`
	} `json:"templating"`
	Panels []panel `json:"panels"`
}

type panel struct {
	ID         int        `json:"id"`
	Type       string     `json:"type"`
	Title      string     `json:"title"`
	Datasource datasource `json:"datasource"`
	GridPos    struct {
		X, Y, W, H int
	} `json:"gridPos"`
	Targets     []target `json:"targets"`
	FieldConfig struct {
		Overrides []struct {
			Matcher    struct{ Options string } `json:"matcher"`
			Properties []struct {
				ID    string          `json:"id"`
				Value json.RawMessage `json:"value"`
			} `json:"properties"`
		} `json:"overrides"`
	} `json:"fieldConfig"`
}

// links are the addresses that a column of a table leads to.
func (p panel) links(t *testing.T, column string) []string {
	t.Helper()
	var out []string
	for _, o := range p.FieldConfig.Overrides {
		for _, property := range o.Properties {
			if o.Matcher.Options != column || property.ID != "links" {
				continue
			}
			var links []struct{ URL string }
			if err := json.Unmarshal(property.Value, &links); err != nil {
				t.Fatal(err)
			}
			for _, l := range links {
				out = append(out, l.URL)
			}
		}
	}
	return out
}

var headings = regexp.MustCompile(`(?m)^## ([a-z0-9-]+)/([a-z0-9-]+)$`)

// A finding leads to its check's section of the documentation, and a node to its rows.
func TestDashboardLinks(t *testing.T) {
	d := readDashboard(t)
	page := repository(t) + "/blob/main/docs/checks.md#${__data.fields.anchor}"
	node := "/d/" + d.UID + "?${datasource:queryparam}&${cluster:queryparam}&${job:queryparam}&var-node=${__value.raw}&${__url_time_range}"
	got := map[string][]string{}
	for _, p := range d.Panels {
		if p.Type != "table" {
			continue
		}
		for _, column := range []string{"check", "node"} {
			if l := p.links(t, column); l != nil {
				got[p.Title+" "+column] = l
			}
		}
		if len(p.links(t, "check")) > 0 && !strings.Contains(p.Targets[0].Expr, `"anchor", "$1$2", "check", "(.+)/(.+)"`) {
			t.Errorf("%q links to an anchor that it does not make of the check: %s", p.Title, p.Targets[0].Expr)
		}
	}
	want := map[string][]string{"Findings by check check": {page}, "Findings by certificate check": {page}, "Findings by certificate node": {node},
		"Broken connections check": {page}, "Broken connections node": {node}, "Soonest to expire node": {node},
		"Missing certificates node": {node}, "Firing alerts node": {node}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("links (-want +got):\n%s", diff)
	}
	// GitHub's anchor of "## validity/expired" is validityexpired: every check has such a
	// heading, of letters, digits and hyphens on both sides of the stroke.
	documented := map[string]bool{}
	for _, m := range headings.FindAllStringSubmatch(string(readFile(t, "../docs/checks.md")), -1) {
		documented[m[1]+"/"+m[2]] = true
	}
	for _, c := range audit.Checks() {
		if !documented[c.ID] {
			t.Errorf("docs/checks.md has no heading %q", c.ID)
		}
	}
}

// Every query is about the chosen clusters, jobs and nodes, and lists of what many
// nodes have are bounded.
func TestDashboardIsNarrowedAndBounded(t *testing.T) {
	d := readDashboard(t)
	exprs := map[string]string{}
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			exprs[p.Title+" "+q.RefID] = q.Expr
			if (p.Type == "table" || p.Type == "timeseries" || p.Type == "state-timeline") && !bounded.MatchString(q.Expr) {
				t.Errorf("%q has a row for every node: %s", p.Title, q.Expr)
			}
		}
	}
	for _, a := range d.Annotations.List {
		exprs["annotation "+a.Name] = a.Expr
	}
	for name, expr := range exprs {
		for _, variable := range []string{"cluster", "job", "node"} {
			if !strings.Contains(expr, variable+`=~"$`+variable) {
				t.Errorf("%s is not narrowed by %s: %s", name, variable, expr)
			}
		}
	}
	if exprs["annotation Renewals"] == "" {
		t.Error("renewals are no annotations")
	}
}

// bounded are queries with an end: the worst of many, sums by what is few, and alerts.
var bounded = regexp.MustCompile(`(top|bottom)k\(\d+, |(sum|min|count) by \((check|status|severity|role|version)|^ALERTS`)

type target struct {
	RefID      string     `json:"refId"`
	Datasource datasource `json:"datasource"`
	Expr       string     `json:"expr"`
	Instant    bool       `json:"instant"`
	Range      bool       `json:"range"`
}

type datasource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	var d dashboard
	if err := json.Unmarshal(readFile(t, dashboardFile), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// The dashboard works on any Grafana: its data source is a variable, and its
// panels neither share a number nor overlap.
func TestDashboardIsWellFormed(t *testing.T) {
	d := readDashboard(t)
	ids, cells := map[int]string{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if other, taken := ids[p.ID]; taken {
			t.Errorf("%q and %q are both number %d", other, p.Title, p.ID)
		}
		ids[p.ID] = p.Title
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other, taken := cells[[2]int{x, y}]; taken || x >= 24 {
					t.Fatalf("%q and %q are both at column %d, row %d", other, p.Title, x, y)
				}
				cells[[2]int{x, y}] = p.Title
			}
		}
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("%q asks nothing", p.Title)
		}
		for _, q := range p.Targets {
			if want := (datasource{"prometheus", "${datasource}"}); p.Datasource != want || q.Datasource != want {
				t.Errorf("%q: data sources %+v and %+v, want %+v", p.Title, p.Datasource, q.Datasource, want)
			}
			if q.Instant == q.Range {
				t.Errorf("%q: its query %q is to be an instant or a range", p.Title, q.RefID)
			}
		}
	}
	var variables []string
	for _, v := range d.Templating.List {
		variables = append(variables, v.Name+" "+v.Type+" "+v.Definition)
	}
	want := []string{"datasource datasource ", "cluster query label_values(certaudit_references_missing, cluster)",
		`job query label_values(certaudit_references_missing{cluster=~"$cluster"}, job)`,
		`node query label_values(certaudit_references_missing{cluster=~"$cluster",job=~"$job"}, node)`}
	if diff := cmp.Diff(want, variables); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
}

// The dashboard asks for exported metrics alone, so that it works without the
// rules; what the rules and it ask for is exported.
func TestOnlyExportedMetricsAreAskedFor(t *testing.T) {
	exported := map[string]bool{}
	for _, m := range report.MetricRoster() {
		exported[m.Name] = true
	}
	name := regexp.MustCompile(`\bcertaudit_\w+`)
	asked := map[string]bool{}
	for _, p := range readDashboard(t).Panels {
		for _, q := range p.Targets {
			if strings.Contains(q.Expr, "certaudit:") {
				t.Errorf("%q asks for a recorded series: %s", p.Title, q.Expr)
			}
			for _, m := range name.FindAllString(q.Expr, -1) {
				asked[m] = true
			}
		}
	}
	var rules ruleGroups
	readYAML(t, rulesFile, &rules)
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			for _, m := range name.FindAllString(r.Expr, -1) {
				asked[m] = true
			}
		}
	}
	if len(asked) == 0 {
		t.Fatal("nothing is asked for")
	}
	for m := range asked {
		if !exported[m] {
			t.Errorf("%s is asked for and not exported", m)
		}
	}
}

// example is what a control plane exports whose certificates have every fault
// that the dashboard shows: the API server's ends in five days, the front
// proxy's bears another name, the kubelet's has ended three days ago, and etcd's
// for its peers is not there.
func example(t *testing.T, now time.Time) string {
	t.Helper()
	const pki, day = "/etc/kubernetes/pki", 24 * time.Hour
	c := fixtures.ControlPlane(fixtures.Options{Now: now})
	for _, name := range c.Node.Paths() {
		if strings.HasPrefix(name, "/var/lib/kubelet/pki/kubelet-client-2") {
			c.Reissue(name, func(s *fixtures.Spec) { s.NotBefore, s.NotAfter = now.Add(-368*day), now.Add(-3*day) })
		}
	}
	c.Reissue(pki+"/apiserver", func(s *fixtures.Spec) { s.NotBefore, s.NotAfter = now.Add(-360*day), now.Add(5*day) })
	c.Reissue(pki+"/front-proxy-client", func(s *fixtures.Spec) { s.CommonName = "another" })
	c.Node.Remove(pki + "/etcd/peer.crt")
	r := audit.Run([]*inventory.Inventory{gathered(t, c.Node)}, audit.Options{At: now})
	var b strings.Builder
	health := report.Health{Ended: now, Duration: 12 * time.Millisecond, Server: &report.ServerHealth{Audits: 1, Watching: true}}
	if err := report.WriteMetrics(&b, report.Metrics(r, health)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// exampleAlerts are those that the example gives rise to, with their severity.
var exampleAlerts = []string{
	"CertauditCertificateExpired critical", "CertauditCertificateExpiring critical", "CertauditCertificateMisissued critical",
	"CertauditCertificateMissing critical",
}

// everything is what the variables stand for when nothing is chosen.
var everything = strings.NewReplacer("$cluster", ".*", "$job", ".*", "$node", ".*")

// Every query of the dashboard is answered by a real Prometheus that scrapes the
// example and evaluates the rules, and none with nothing.
func TestDashboardQueriesAnswer(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Prometheus")
	}
	t.Parallel()
	program := tool(t, "prometheus")
	text := example(t, time.Now())
	exporter := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		io.WriteString(w, text)
	}))
	defer exporter.Close()
	p := startPrometheus(t, program, strings.TrimPrefix(exporter.URL, "http://"))

	// The slowest part: a rule without "for" has fired on what was scraped, and the
	// other groups of rules, each evaluated in its own time, have seen it as well.
	p.until(t, `count(ALERTS{alertname="CertauditCertificateExpired",alertstate="firing"})`)
	p.untilAlerts(t, exampleAlerts)

	if diff := cmp.Diff([]string{"cp-1"}, p.labelValues(t, "certaudit_references_missing", "node")); diff != "" {
		t.Errorf("the variable node (-want +got):\n%s", diff)
	}
	stats := map[string]string{}
	for _, panel := range readDashboard(t).Panels {
		for _, q := range panel.Targets {
			expr := everything.Replace(q.Expr)
			if strings.Contains(strings.ReplaceAll(expr, "$1$2", ""), "$") {
				t.Errorf("%q: a variable that is not known stands in %s", panel.Title, q.Expr)
			}
			result := p.query(t, expr)
			if len(result) == 0 {
				t.Errorf("%q: nothing answers %s", panel.Title, expr)
			}
			if panel.Type == "stat" && len(result) == 1 {
				stats[panel.Title] = result[0].Value[1].(string)
			}
		}
	}
	for _, a := range readDashboard(t).Annotations.List {
		p.query(t, everything.Replace(a.Expr)) // nothing was renewed
	}
	delete(stats, "Oldest audit") // depends on the clock
	want := map[string]string{"Certificates": "15", "Expired": "1", "Expiring in 30 days": "1", "Missing": "1",
		"Critical findings": "4", "Broken connections": "3", "Nodes": "1"}
	if diff := cmp.Diff(want, stats); diff != "" {
		t.Errorf("state at a glance (-want +got):\n%s", diff)
	}
	p.rulesAreHealthy(t)
}

// server is a running Prometheus.
type server struct{ base string }

// startPrometheus starts a Prometheus on loopback that scrapes one address as
// the job certaudit and loads the rules. It ends with the test.
func startPrometheus(t *testing.T, program, scrape string) server {
	t.Helper()
	dir := t.TempDir()
	rules, err := filepath.Abs(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "prometheus.yml")
	text := fmt.Sprintf("global: {scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 200ms}\nrule_files: [%q]\n"+
		"scrape_configs:\n- job_name: certaudit\n  static_configs: [{targets: [%q]}]\n", rules, scrape)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+address, "--log.level=warn")
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		cmd.Wait()
		if t.Failed() {
			t.Logf("prometheus: %s", log.Bytes())
		}
	})
	return server{"http://" + address}
}

type sample struct {
	Metric map[string]string `json:"metric"`
	Value  [2]any            `json:"value"`
}

// get asks the HTTP API and decodes the data of its answer.
func (s server) get(path string, values url.Values, into any) error {
	resp, err := http.Get(s.base + path + "?" + values.Encode())
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct {
		Status string          `json:"status"`
		Error  string          `json:"error"`
		Data   json.RawMessage `json:"data"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return err
	}
	if answer.Status != "success" {
		return fmt.Errorf("%s: %s", answer.Status, answer.Error)
	}
	return json.Unmarshal(answer.Data, into)
}

func (s server) ask(expr string) ([]sample, error) {
	var data struct {
		Result []sample `json:"result"`
	}
	err := s.get("/api/v1/query", url.Values{"query": {expr}}, &data)
	return data.Result, err
}

func (s server) query(t *testing.T, expr string) []sample {
	t.Helper()
	result, err := s.ask(expr)
	if err != nil {
		t.Errorf("%s: %v", expr, err)
	}
	return result
}

// until asks until there is an answer.
func (s server) until(t *testing.T, expr string) {
	t.Helper()
	s.askUntil(t, expr, func(result []sample) string {
		if len(result) == 0 {
			return "no answer"
		}
		return ""
	})
}

// untilAlerts asks until these alerts, and no others, are pending or firing: each
// group of rules is evaluated in its own time.
func (s server) untilAlerts(t *testing.T, want []string) {
	t.Helper()
	s.askUntil(t, `group by (alertname, severity) (ALERTS)`, func(result []sample) string {
		var active []string
		for _, r := range result {
			active = append(active, r.Metric["alertname"]+" "+r.Metric["severity"])
		}
		slices.Sort(active)
		if diff := cmp.Diff(want, active); diff != "" {
			return "alerts that are pending or firing (-want +got):\n" + diff
		}
		return ""
	})
}

// askUntil asks until nothing is wrong with the answer.
func (s server) askUntil(t *testing.T, expr string, wrong func([]sample) string) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for {
		result, err := s.ask(expr)
		what := wrong(result)
		if err == nil && what == "" {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: %s, last error %v", expr, what, err)
		}
	}
}

func (s server) labelValues(t *testing.T, metric, label string) []string {
	t.Helper()
	var values []string
	if err := s.get("/api/v1/label/"+label+"/values", url.Values{"match[]": {metric}}, &values); err != nil {
		t.Error(err)
	}
	return values
}

// rulesAreHealthy holds what Prometheus makes of the rules against the file: it
// knows each, and each could be evaluated.
func (s server) rulesAreHealthy(t *testing.T) {
	t.Helper()
	var data struct {
		Groups []struct {
			Rules []struct {
				Name      string `json:"name"`
				Health    string `json:"health"`
				LastError string `json:"lastError"`
			} `json:"rules"`
		} `json:"groups"`
	}
	if err := s.get("/api/v1/rules", nil, &data); err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, g := range data.Groups {
		for _, r := range g.Rules {
			if !strings.Contains(r.Name, ":") {
				names[r.Name] = true
			}
			if r.LastError != "" {
				t.Errorf("%s is %s: %s", r.Name, r.Health, r.LastError)
			}
		}
	}
	if diff := cmp.Diff(alertNames(t), slices.Sorted(maps.Keys(names))); diff != "" {
		t.Errorf("alerts (-file +prometheus):\n%s", diff)
	}
}
