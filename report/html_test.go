package report

import (
	"bytes"
	"certaudit/audit/inventory"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"certaudit/audit"
	"certaudit/fixtures"
)

// htmlResults are all kinds of results that the page is held against.
func htmlResults(t testing.TB) map[string]audit.Result {
	return map[string]audit.Result{
		"fine": fine(), "awkward": awkward(), "nothing": nothing(), "zero": {}, "hostile": hostileHTMLResult(), "demo": htmlDemo(t),
	}
}

// htmlDemo is the audit of the demonstration node.
func htmlDemo(t testing.TB) audit.Result {
	t.Helper()
	return auditOf(t, fixtures.Demo())
}

// auditOf is the result of nodes.
func auditOf(t testing.TB, nodes ...fixtures.Node) audit.Result {
	t.Helper()
	return auditBy(t, audit.Options{At: fixtures.Now}, nodes...)
}

func auditBy(t testing.TB, o audit.Options, nodes ...fixtures.Node) audit.Result {
	t.Helper()
	var inventories []*inventory.Inventory
	for _, n := range nodes {
		dir := t.TempDir()
		if err := n.Write(dir); err != nil {
			t.Fatal(err)
		}
		inv, err := inventory.Gather(dir)
		if err != nil {
			t.Fatal(err)
		}
		inventories = append(inventories, inv)
	}
	return audit.Run(inventories, o)
}

// hostileHTML is what somebody may have written into any name.
const hostileHTML = "</script><img src=x onerror=alert(1)>\"'`--><style>*{display:none}</style>{{.}}\u202e\x1b[31m\u2028\x00\xff&lt;"

// hostileHTMLResult has hostileHTML in every text there is, its lists included.
func hostileHTMLResult() audit.Result {
	r := awkward()
	r.Connections = []audit.Connection{{}, {Client: "a", Server: "b"}}
	r.Findings[0].Waiver = &audit.WaivedBy{}
	fill(reflect.ValueOf(&r).Elem())
	return r
}

// fill puts hostileHTML behind every string below v.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + hostileHTML)
	case reflect.Slice:
		if v.Len() == 0 && v.Type().Elem().Kind() == reflect.String {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		}
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			fill(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type() != reflect.TypeFor[time.Time]() {
				fill(v.Field(i))
			}
		}
	}
}

// manyResult has n certificates on nodes of 16, every fifth with a finding.
func manyResult(t testing.TB, n int) audit.Result {
	t.Helper()
	one := htmlDemo(t)
	r := audit.Result{Schema: one.Schema, At: one.At}
	for node := 0; len(r.Certificates) < n; node++ {
		name, first := fmt.Sprintf("node-%03d", node), len(r.Certificates)
		for _, c := range one.Certificates[:min(len(one.Certificates), n-len(r.Certificates))] {
			sum := sha256.Sum256([]byte(name + c.SHA256))
			c.Node, c.SHA256, c.Serial = name, fmt.Sprintf("%x", sum), fmt.Sprintf("%x", sum[:16])
			c.NotAfter = c.NotAfter.Add(time.Duration(node) * time.Hour)
			r.Certificates = append(r.Certificates, c)
		}
		for _, f := range one.Findings {
			f.Node, f.Rows = name, moved(f.Rows, first, len(r.Certificates))
			r.Findings = append(r.Findings, f)
		}
		for _, c := range one.Connections {
			c.Node = name
			r.Connections = append(r.Connections, c)
		}
		for _, o := range one.Outcomes {
			o.Node = name
			r.Outcomes = append(r.Outcomes, o)
		}
		r.Nodes = append(r.Nodes, audit.Node{Name: name, KubernetesVersion: one.Nodes[0].KubernetesVersion, Profile: one.Nodes[0].Profile})
	}
	r.Summary = audit.Summary{Certificates: n, NextExpiry: one.Summary.NextExpiry}
	for _, f := range r.Findings {
		switch f.Severity {
		case audit.Critical:
			r.Summary.Critical++
		case audit.Warning:
			r.Summary.Warning++
		case audit.Info:
			r.Summary.Info++
		}
	}
	return r
}

// moved are rows that stand by places further down, those before end.
func moved(rows []int, by, end int) []int {
	var out []int
	for _, row := range rows {
		if row += by; row < end {
			out = append(out, row)
		}
	}
	return out
}

// parsedPage is a page as a browser reads it.
type parsedPage struct {
	text string
	root *html.Node
}

func parsePage(t *testing.T, r audit.Result) parsedPage {
	t.Helper()
	text := render(t, "html", r, Options{})
	root, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return parsedPage{text, root}
}

// all returns the elements of a name in the order of the page, or all elements.
func (p parsedPage) all(name string) []*html.Node {
	var out []*html.Node
	for n := range p.root.Descendants() {
		if n.Type == html.ElementNode && (name == "" || n.Data == name) {
			out = append(out, n)
		}
	}
	return out
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// textOf is the text below n.
func textOf(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return b.String()
}

// The policy allows the hashes of the blocks that are there, computed from the
// page itself, and nothing that would load or send anything.
func TestHTMLPolicy(t *testing.T) {
	for name, r := range htmlResults(t) {
		p := parsePage(t, r)
		policy := ""
		for _, n := range p.all("meta") {
			if attribute(n, "http-equiv") == "Content-Security-Policy" {
				policy = attribute(n, "content")
			}
		}
		hashes := map[string][]string{}
		for _, n := range append(p.all("style"), p.all("script")...) {
			if attribute(n, "type") == "application/json" {
				continue
			}
			sum := sha256.Sum256([]byte(textOf(n)))
			hashes[n.Data] = append(hashes[n.Data], "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
		}
		want := fmt.Sprintf("default-src 'none'; style-src %s; script-src %s; base-uri 'none'; form-action 'none'",
			strings.Join(hashes["style"], " "), strings.Join(hashes["script"], " "))
		if policy != want || len(hashes["style"]) != 1 || len(hashes["script"]) != 1 {
			t.Errorf("%s: the policy is %q, want %q", name, policy, want)
		}
	}
}

// Nothing in the page loads anything, links lead to a part of the page that is
// there or to an https source, ids are unique, and no element or attribute
// carries code.
func TestHTMLStructure(t *testing.T) {
	for name, r := range htmlResults(t) {
		p := parsePage(t, r)
		ids := map[string]bool{}
		for _, n := range p.all("") {
			if id := attribute(n, "id"); id != "" {
				if ids[id] {
					t.Errorf("%s: the id %q is there twice", name, id)
				}
				ids[id] = true
			}
		}
		for _, n := range p.all("") {
			switch n.Data {
			case "img", "link", "iframe", "object", "embed", "base", "form", "video", "audio", "source":
				t.Errorf("%s: the page has <%s>", name, n.Data)
			}
			for _, a := range n.Attr {
				switch {
				case a.Key == "style" || strings.HasPrefix(a.Key, "on"):
					t.Errorf("%s: <%s> has the attribute %s=%q", name, n.Data, a.Key, a.Val)
				case a.Key == "src" || a.Key == "srcset" || a.Key == "action" || a.Key == "data":
					t.Errorf("%s: <%s> has %s=%q", name, n.Data, a.Key, a.Val)
				case a.Key == "href" && strings.HasPrefix(a.Val, "#"):
					if !ids[a.Val[1:]] {
						t.Errorf("%s: a link leads to %s, which is not there", name, a.Val)
					}
				case a.Key == "href" && !strings.HasPrefix(a.Val, "https://"):
					t.Errorf("%s: a link leads to %q", name, a.Val)
				}
			}
		}
	}
}

// Whatever stands in a result shows as text: the page of a hostile result has
// the elements of the page of the same result without.
func TestHTMLHostileTexts(t *testing.T) {
	p := parsePage(t, hostileHTMLResult())
	if strings.ContainsFunc(strings.ReplaceAll(p.text, "\n", ""), unprintable) || !utf8.ValidString(p.text) {
		i := strings.IndexFunc(strings.ReplaceAll(p.text, "\n", ""), unprintable)
		t.Errorf("the page holds a character that a reader cannot see behind %q", strings.ReplaceAll(p.text, "\n", "")[max(0, i-300):i])
	}
	for _, name := range []string{"script", "style"} {
		if got, want := len(p.all(name)), map[string]int{"script": 2, "style": 1}[name]; got != want {
			t.Errorf("%d <%s>, want %d", got, name, want)
		}
	}
	body := textOf(p.all("main")[0])
	if n := strings.Count(body, `</script><img src=x onerror=alert(1)>"'`); n < 50 {
		t.Errorf("the hostile text shows %d times", n)
	}
	var data htmlData
	if err := json.Unmarshal([]byte(dataBlock(p)), &data); err != nil {
		t.Fatal(err)
	}
	if got, want := data.Strings[data.Certificates[0].Values[0][0]], "ok"+printable(hostileHTML); got != want {
		t.Errorf("the script reads the status %q, want %q", got, want)
	}
}

func dataBlock(p parsedPage) string {
	for _, n := range p.all("script") {
		if attribute(n, "type") == "application/json" {
			return textOf(n)
		}
	}
	return ""
}

func TestHTMLIsDeterministic(t *testing.T) {
	for name, r := range htmlResults(t) {
		first := render(t, "html", r, Options{})
		for range 5 {
			if diff := cmp.Diff(first, render(t, "html", r, Options{Width: 80, Color: true})); diff != "" {
				t.Fatalf("%s: two pages of one result differ:\n%s", name, diff)
			}
		}
	}
}

// Without a script the page shows every certificate, the most urgent first, and every
// finding and connection.
func TestHTMLWithoutScript(t *testing.T) {
	r := htmlDemo(t)
	p := parsePage(t, r)
	var rows []int
	var articles, edges int
	for _, n := range p.all("") {
		switch {
		case n.Data == "tr" && strings.HasPrefix(attribute(n, "id"), "cert-"):
			id, err := strconv.Atoi(strings.TrimPrefix(attribute(n, "id"), "cert-"))
			if err != nil {
				t.Fatal(err)
			}
			c := r.Certificates[id]
			for _, text := range []string{c.Component, c.Type, c.CommonName, c.Path, c.Issuer, day(c.NotAfter), strings.Join(c.DNSNames, ", ")} {
				if !strings.Contains(textOf(n), text) {
					t.Errorf("row %d lacks %q: %s", id, text, textOf(n))
				}
			}
			rows = append(rows, id)
		case n.Data == "article":
			id, err := strconv.Atoi(strings.TrimPrefix(attribute(n, "id"), "finding-"))
			if err != nil {
				t.Fatal(err)
			}
			f := r.Findings[id]
			for _, text := range []string{f.Component, f.Path, f.Message, f.Remedy, f.Reference} {
				if !strings.Contains(textOf(n), text) {
					t.Errorf("finding %d lacks %q: %s", id, text, textOf(n))
				}
			}
			articles++
		case n.Data == "g" && strings.Contains(attribute(n, "class"), "box"):
			edges++
		}
	}
	if diff := cmp.Diff([]int{14, 3, 4, 7, 15, 5, 6, 8, 9, 10, 11, 12, 13, 0, 1, 2}, rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if articles != len(r.Findings) || edges == 0 {
		t.Errorf("%d findings and %d boxes of %d findings and %d connections", articles, edges, len(r.Findings), len(r.Connections))
	}
}

func TestHTMLConclusion(t *testing.T) {
	sound := fine()
	sound.Summary.Warning = 0
	partial := sound
	partial.Outcomes = []audit.Outcome{{State: audit.Incomplete}}
	for name, tt := range map[string]struct {
		result audit.Result
		want   [2]string
	}{
		"sound":    {sound, [2]string{"ok", "Sound"}},
		"warning":  {fine(), [2]string{"warning", "Warning"}},
		"critical": {awkward(), [2]string{"critical", "Critical"}},
		"partial":  {partial, [2]string{"unknown", "Incomplete"}},
		"nothing":  {nothing(), [2]string{"unknown", "Nothing found"}},
		"requests": {audit.Result{Requests: []audit.Request{{}}}, [2]string{"ok", "Sound"}},
	} {
		c := conclude(tt.result)
		if got := [2]string{string(c.Level), c.Word}; got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// Findings and the plan stand before everything else, and nothing in the connections of a
// sound cluster asks for attention.
func TestHTMLSections(t *testing.T) {
	sound := auditOf(t, fixtures.ControlPlane(fixtures.Options{}).Node)
	withLogs, logs := htmlDemo(t), toldLogs()
	withLogs.Logs = &logs
	for _, tt := range []struct {
		result audit.Result
		want   []string
	}{
		{htmlDemo(t), []string{"glance", "findings", "plan", "timeline", "certificates", "connections", "issuers", "checks"}},
		{sound, []string{"glance", "findings", "timeline", "certificates", "connections", "issuers", "checks"}},
		{crowded(), []string{"glance", "findings", "nodes", "timeline", "certificates", "connections", "issuers", "checks"}},
		{withLogs, []string{"glance", "findings", "plan", "logs", "timeline", "certificates", "connections", "issuers", "checks"}},
		{nothing(), []string{"glance", "findings", "timeline", "certificates", "issuers", "checks"}},
		{audit.Result{Requests: []audit.Request{{}}}, []string{"glance", "findings", "requests", "checks"}},
	} {
		var got []string
		p := parsePage(t, tt.result)
		for _, n := range p.all("section") {
			got = append(got, attribute(n, "id"))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	statuses := map[string]string{}
	for _, n := range parsePage(t, sound).within("connections", "span") {
		statuses[textOf(n)] = attribute(n, "class")
	}
	if diff := cmp.Diff(map[string]string{"ok": "badge ok", "unverified": "badge unknown", "unknown": "badge unknown"}, statuses); diff != "" {
		t.Errorf("statuses of a sound cluster (-want +got):\n%s", diff)
	}
}

// The title names the node, or what was audited in place of one.
func TestHTMLTitle(t *testing.T) {
	named := func(names ...string) (r audit.Result) {
		for _, n := range names {
			r.Nodes = append(r.Nodes, audit.Node{Name: n})
		}
		return r
	}
	requests := named("")
	requests.Requests = []audit.Request{{}}
	for _, tt := range []struct {
		about  string
		result audit.Result
		paths  []string
		want   string
		files  bool
	}{
		{"a node", named("cp-1"), nil, "Certificates of cp-1", false},
		{"a hostile node", named("a\x1b"), nil, `Certificates of a\x1b`, false},
		{"a node without a name", named(""), nil, "Certificates of a node", false},
		{"nodes", named("a", "b", "c"), nil, "Certificates of 3 nodes", false},
		{"files", named(""), []string{"./certs", "deploy/"}, "Certificates in ./certs, deploy/", true},
		{"files where nothing was found", named(), []string{"certs"}, "Certificates in certs", true},
		{"the standard input", named(""), []string{"-", "a\nb"}, `Certificates in the standard input, a\nb`, true},
		{"many files", named(""), []string{"1", "2", "3", "4", "5", "6"}, "Certificates in 1, 2, 3, 4, 2 more", true},
		{"a copy of a node", named("cp-1"), []string{"backup/cp-1"}, "Certificates of cp-1", false},
		{"copies of nodes", named("cp-1", "cp-2"), []string{"backup"}, "Certificates of 2 nodes", false},
		{"requests", requests, nil, "Certificate signing requests", false},
	} {
		if got := htmlTitle(tt.result, tt.paths); got != tt.want || isOfFiles(tt.result, tt.paths) != tt.files {
			t.Errorf("%s: %q, of files %t; want %q, %t", tt.about, got, isOfFiles(tt.result, tt.paths), tt.want, tt.files)
		}
	}
	var b bytes.Buffer
	if err := writeHTML(&b, named(""), Options{Paths: []string{"<certs>"}}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<title>Certificates in &lt;certs&gt;: Nothing found</title>", "<h1>Certificates in &lt;certs&gt;</h1>", "; files without a node: what only its configuration says was not judged"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(b.String(), "Kubernetes of") {
		t.Error("the page of files speaks of a version of Kubernetes")
	}
}

// Rows stand by the worst finding about them and, of rows as bad, by their ends.
func TestHTMLUrgency(t *testing.T) {
	at := func(days int, worst audit.Severity) audit.Certificate {
		c := audit.Certificate{Status: "ok", Worst: worst, SHA256: fmt.Sprint(days), NotAfter: now.AddDate(0, 0, days)}
		if worst != "" {
			c.Status = "keys/weak"
		}
		return c
	}
	gone := audit.Certificate{Status: "files/missing", Worst: audit.Critical}
	r := audit.Result{Certificates: []audit.Certificate{
		at(30, ""), at(3, audit.Warning), at(9, ""), at(300, audit.Critical), at(301, ""), gone, at(-1, audit.Critical), at(2, audit.Warning), at(8, ""), at(300, audit.Critical),
	}, Findings: []audit.Finding{{Severity: audit.Info, Rows: []int{4}}}}
	r.Certificates[9].SHA256 = "another"
	if diff := cmp.Diff([]int{5, 6, 3, 9, 7, 1, 4, 8, 2, 0}, newHTMLRows(r).byUrgency()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestHTMLLinks(t *testing.T) {
	for in, want := range map[string][]htmlLink{
		"":         nil,
		"RFC 5280": {{"RFC 5280", ""}},
		"RFC 5280 4.1; https://example.org/a#b, k/k": {{"RFC 5280 4.1; ", ""}, {"https://example.org/a#b", "https://example.org/a#b"}, {", k/k", ""}},
		"http://example.org javascript:alert(1)":     {{"http://example.org javascript:alert(1)", ""}},
		"https://a\u202e":                            {{`https://a\u202e`, `https://a\u202e`}},
	} {
		if diff := cmp.Diff(want, htmlLinks(in)); diff != "" {
			t.Errorf("htmlLinks(%q) (-want +got):\n%s", in, diff)
		}
	}
}

func TestBriefList(t *testing.T) {
	long := strings.Repeat("x", 3000)
	for _, tt := range []struct{ in, want []string }{
		{nil, []string{}},
		{[]string{"a", "b\n"}, []string{"a", `b\n`}},
		{[]string{long, long, "c"}, []string{long, "... (2 more, see the json format)"}},
	} {
		if diff := cmp.Diff(tt.want, briefList(tt.in)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// Marks are in the order of time from the left to the right, and certificates
// that would cover each other share one.
func TestHTMLTimeline(t *testing.T) {
	r := nothing()
	for _, days := range []int{-3, 0, 7, 30, 90, 365, 365, 366, 3650, 2900000} {
		r.Certificates = append(r.Certificates, audit.Certificate{Role: "x", Path: "/p", SHA256: "1", Status: "ok", NotAfter: time.Unix(now.Unix()+int64(days)*secondsPerDay, 0)})
	}
	r.Certificates = append(r.Certificates, audit.Certificate{Role: "y", Status: "files/missing"})
	line := newTimeline(r, newHTMLRows(r).rows)
	if line.Undated != 1 || len(line.Lanes) != 1 {
		t.Fatalf("%d without a date and %d lanes", line.Undated, len(line.Lanes))
	}
	type mark struct {
		days, count int
		expired     bool
	}
	var got []mark
	before := -1.0
	for _, m := range line.Lanes[0].Marks {
		x, err := strconv.ParseFloat(strings.TrimSuffix(m.X, "%"), 64)
		if err != nil || x <= before || x > 100 {
			t.Errorf("a mark stands at %s, behind %.2f%%", m.X, before)
		}
		before = x
		got = append(got, mark{int((m.Row.NotAfter.Unix() - now.Unix()) / secondsPerDay), m.Count, m.Expired})
	}
	want := []mark{{-3, 1, true}, {0, 1, false}, {7, 1, false}, {30, 1, false}, {90, 1, false}, {365, 3, false}, {3650, 1, false}, {2900000, 1, false}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(mark{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A mark of several counts those that are not ok.
func TestHTMLMark(t *testing.T) {
	row := func(level level) htmlRow {
		return htmlRow{subject: subject{Certificate: audit.Certificate{Role: "r", Path: "/p", NotAfter: now.AddDate(0, 0, 5)}, at: now, alone: true}, Level: level}
	}
	axis := newTimeAxis(now, nil)
	for _, tt := range []struct {
		levels []level
		level  level
		bad    *htmlBad
	}{
		{[]level{"warning"}, "warning", nil},
		{[]level{"ok", "ok"}, "ok", nil},
		{[]level{"warning", "critical"}, "critical", nil},
		{[]level{"ok", "warning", "ok", "critical"}, "ok", &htmlBad{Level: "critical", Count: 2, Left: 3, Width: 13}},
	} {
		var rows []htmlRow
		for _, l := range tt.levels {
			rows = append(rows, row(l))
		}
		m := axis.mark(rows)
		if m.Level != tt.level || !cmp.Equal(m.Bad, tt.bad) {
			t.Errorf("%v: %s %+v, want %s %+v", tt.levels, m.Level, m.Bad, tt.level, tt.bad)
		}
	}
}

// A node counts what the tiles above it count: not what is ignored.
func TestHTMLNodes(t *testing.T) {
	type node struct {
		name                                  string
		certificates, critical, warning, info int
		next                                  string
	}
	var got []node
	for _, n := range sumNodes(crowded()) {
		got = append(got, node{n.Name, n.Certificates, n.Critical, n.Warning, n.Info, day(n.Next)})
	}
	want := []node{{"cp-1", 3, 0, 1, 0, "2026-11-23"}, {"cp-2", 3, 2, 0, 2, "9999-12-31"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(node{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Rows of one certificate share a place, with the findings about it.
func TestHTMLPlaces(t *testing.T) {
	r := crowded()
	all := newHTMLRows(r)
	if diff := cmp.Diff([][]int{{3}, {0, 4, 6, 7}}, all.places); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	type row struct{ rank, infos, place int }
	var got []row
	for _, r := range all.rows {
		got = append(got, row{r.Rank(), r.Infos, r.place})
	}
	wantRows := []row{{0, 0, -1}, {2, 0, 0}, {0, 0, -1}, {3, 0, -1}, {3, 1, 1}, {0, 0, -1}, {3, 1, 1}}
	if diff := cmp.Diff(wantRows, got, cmp.AllowUnexported(row{})); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	var links []int
	for _, g := range groupFindings(all) {
		for _, f := range g.Items {
			links = append(links, f.ID, f.Row)
		}
	}
	if diff := cmp.Diff([]int{3, 4, 2, -1, 4, -1, 1, 1, 7, 4, 0, -1, 6, 4, 5, 4}, links); diff != "" {
		t.Errorf("findings with their rows (-want +got):\n%s", diff)
	}
}

// Checks stand in the order in which the text first names them: the most urgent first.
func TestHTMLGroupsByUrgency(t *testing.T) {
	for name, r := range map[string]audit.Result{"awkward": awkward(), "demo": auditOf(t, fixtures.Demo()), "fleet": fleetOf(t, 12)} {
		var want, got []string
		for _, f := range urgent(r) {
			if !slices.Contains(want, f.Check) {
				want = append(want, f.Check)
			}
		}
		for _, g := range newHTMLPage(r, nil).Findings {
			got = append(got, g.Check.ID)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// The tree survives chains of any length and circles.
func TestHTMLIssuers(t *testing.T) {
	ca := func(name, issuer string) audit.Certificate {
		return audit.Certificate{Type: "CA", CommonName: name, Issuer: issuer, SHA256: name + issuer}
	}
	leaf := func(issuer string) audit.Certificate { return audit.Certificate{Issuer: issuer, SHA256: "leaf"} }
	r := nothing()
	r.Certificates = []audit.Certificate{ca("b", "a"), ca("root", "root"), ca("a", "b"), ca("middle", "root"), leaf("middle"), leaf("nobody"),
		ca("root", "root"), {Type: "CA", Status: "files/missing"}}
	type node struct {
		name               string
		depth, own, issued int
	}
	var got []node
	for _, i := range htmlIssuers(newHTMLRows(r).rows) {
		got = append(got, node{i.Name, i.Depth, len(i.Own), len(i.Issued)})
	}
	want := []node{{"root", 0, 1, 0}, {"middle", 1, 1, 1}, {"nobody", 0, 0, 1}, {"a", 0, 1, 0}, {"b", 1, 1, 0}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(node{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestHTMLGraph(t *testing.T) {
	g := newGraph([]audit.Connection{
		{Client: "kubelet", Server: "kube-apiserver", Status: audit.VerdictOK},
		{Client: "kubelet", Server: "kube-apiserver", Status: audit.VerdictBroken},
		{Client: "kube-apiserver", Server: "etcd", Status: audit.VerdictUnverified},
		{Client: "kube-apiserver", Server: "kubelet", Status: "a word of another version"},
	})
	type edge struct {
		ends, status, level string
		count               int
	}
	var got []edge
	for _, e := range g.Edges {
		got = append(got, edge{e.Client + " " + e.Server, e.Status, string(e.Level), e.Count})
	}
	want := []edge{{"kubelet kube-apiserver", "broken", "critical", 2}, {"kube-apiserver etcd", "unverified", "unknown", 1}, {"kube-apiserver kubelet", "a word of another version", "unknown", 1}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(edge{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var many []audit.Connection
	for i := range maxEdges + 7 {
		many = append(many, audit.Connection{Client: strconv.Itoa(i), Server: "s", Status: audit.VerdictOK})
	}
	if g := newGraph(many); g.Left != 7 || len(g.Edges) != maxEdges {
		t.Errorf("%d edges are drawn and %d left", len(g.Edges), g.Left)
	}
}

// A page of two thousand certificates can still be mailed.
func TestHTMLSize(t *testing.T) {
	const limit = 5 << 20
	r := manyResult(t, 2000)
	if n := len(render(t, "html", r, Options{})); n > limit {
		t.Errorf("%d certificates and %d findings make %d bytes, more than %d", len(r.Certificates), len(r.Findings), n, limit)
	}
}

// Four times as many certificates take about four times as long.
func BenchmarkHTML(b *testing.B) {
	for _, n := range []int{500, 2000, 8000} {
		r := manyResult(b, n)
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			var out bytes.Buffer
			for b.Loop() {
				out.Reset()
				if err := writeHTML(&out, r, Options{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(out.Len()), "page-bytes")
		})
	}
}
