package report

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"certaudit/audit"
)

//go:embed html
var htmlFiles embed.FS

// htmlTemplate is parsed once, and only by those who want the page. It shows no
// text of a result but in printable form.
var htmlTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page.html").Funcs(template.FuncMap{
		"p":       printable,
		"list":    func(values []string) string { return strings.Join(briefList(values), ", ") },
		"lines":   func(s string) string { return strings.Join(printableLines(s), "\n") },
		"links":   htmlLinks,
		"minute":  minute,
		"day":     day,
		"plural":  plural,
		"at":      findingPlace,
		"ignored": ignoredFor,
		"level":   connectionLevel,
		"step":    cutStep,
	}).ParseFS(htmlFiles, "html/page.html"))
})

// writeHTML writes r as one page that asks nothing of anybody: styles, script
// and data stand in it, and its policy lets it load nothing else.
func writeHTML(w io.Writer, r audit.Result, o Options) error {
	var b bytes.Buffer
	page := newHTMLPage(r, o.Paths)
	page.Timeline.addOutages(o.Forecast)
	if err := htmlTemplate().Execute(&b, page); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// htmlPage is what the template shows.
type htmlPage struct {
	audit.Result
	// Signing is the table of certificate signing requests.
	Signing htmlRequests
	Policy  string
	Style   template.CSS
	Script  template.JS
	Title   string
	// Files says that no node was audited, but files that belong to none.
	Files      bool
	Several    bool
	Conclusion htmlConclusion
	Next       htmlNext
	Expired    int
	Nodes      []htmlNodes
	Plans      []htmlPlan
	// MorePlans counts those that are left out.
	MorePlans int
	Omissions []omission
	Checks    []htmlCheck
	Timeline  htmlTimeline
	// Certificates are the rows that stand in the page, the most urgent first; Rows is how
	// many there are.
	Certificates []htmlRow
	Rows         int
	Findings     []htmlGroup
	Connections  []htmlConnection
	// MoreConnections counts those that are left out.
	MoreConnections int
	Graph           htmlGraph
	Issuers         []htmlIssuer
	// MoreIssuers counts those that are left out.
	MoreIssuers int
	// LogsView is what logs say; nil where none were read.
	LogsView *htmlLogs
	Data     htmlData
}

// What of a large result stands in the page. The script has the other rows and findings
// as data, and makes more of them when they are asked for.
const (
	// maxRows is how long a table may be and still stand in the page as a whole.
	maxRows = 500
	// firstRows are those of a longer one.
	firstRows = 100
	// maxArticles are the findings of one check.
	maxArticles    = 50
	maxConnections = 300
	maxIssuers     = 100
	maxIssued      = 200
)

// newHTMLPage is the page of a result; paths are what was audited in place of a node.
func newHTMLPage(r audit.Result, paths []string) htmlPage {
	style, script := htmlFile("style.css"), htmlFile("script.js")
	all := newHTMLRows(r)
	p := htmlPage{
		Result:     r,
		Signing:    newHTMLRequests(r),
		Policy:     contentSecurityPolicy(style, script),
		Style:      template.CSS(style),
		Script:     template.JS(script),
		Title:      htmlTitle(r, paths),
		Files:      isOfFiles(r, paths),
		Several:    severalNodes(r),
		Conclusion: conclude(r),
		Next:       nextExpiry(r, all.rows),
		Expired:    countExpired(r),
		Nodes:      newHTMLNodes(r),
		Omissions:  omissions(r),
		Checks:     htmlChecks(r),
		Timeline:   newTimeline(r, all.rows),
		Rows:       len(all.rows),
		Findings:   groupFindings(all),
		Graph:      newGraph(r.Connections),
		LogsView:   newHTMLLogs(r.Logs, r.Plan, severalNodes(r)),
	}
	p.Certificates = all.first()
	p.Plans, p.MorePlans = htmlPlans(r)
	p.Connections, p.MoreConnections = htmlConnections(r)
	p.Issuers = htmlIssuers(all.loose(r))
	if len(p.Issuers) > maxIssuers {
		p.Issuers, p.MoreIssuers = p.Issuers[:maxIssuers], len(p.Issuers)-maxIssuers
	}
	p.Data = newHTMLData(r, all, p.Findings, len(p.Certificates) < p.Rows)
	return p
}

// first are all rows, or of a long table the most urgent, in the order in which the page
// shows them.
func (set htmlRowSet) first() []htmlRow {
	urgent := set.byUrgency()
	if len(urgent) > maxRows {
		urgent = urgent[:firstRows]
	}
	out := make([]htmlRow, len(urgent))
	for i, id := range urgent {
		out[i] = set.rows[id]
	}
	return out
}

// byUrgency are the IDs of the rows: those with the worst findings first and, of rows as
// bad, what is missing and then what ends first.
func (set htmlRowSet) byUrgency() []int {
	order := make([]int, len(set.rows))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := set.rows[a], set.rows[b]
		return cmp.Or(cmp.Compare(y.urgency(), x.urgency()), x.NotAfter.Compare(y.NotAfter))
	})
	return order
}

// urgency is the rank of the worst finding about a row, 0 for none.
func (r htmlRow) urgency() int {
	if r.Infos > 0 {
		return max(r.Rank(), looks[level(audit.Info)].rank)
	}
	return r.Rank()
}

// HasCertificates reports whether the page is about certificates: that of requests may
// have none.
func (p htmlPage) HasCertificates() bool { return p.Rows > 0 || len(p.Signing.Rows) == 0 }

// MoreRows counts the rows that are in the data alone.
func (p htmlPage) MoreRows() int { return p.Rows - len(p.Certificates) }

// htmlFile returns one of the embedded files.
func htmlFile(name string) string {
	data, err := htmlFiles.ReadFile("html/" + name)
	if err != nil {
		panic(err) // the name is none of those embedded: a mistake in this file
	}
	return string(data)
}

// contentSecurityPolicy allows the two blocks of the page and nothing else
// (https://www.w3.org/TR/CSP3/).
func contentSecurityPolicy(style, script string) string {
	return fmt.Sprintf("default-src 'none'; style-src %s; script-src %s; base-uri 'none'; form-action 'none'",
		hashSource(style), hashSource(script))
}

func hashSource(block string) string {
	sum := sha256.Sum256([]byte(block))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// htmlTitle names what was audited: nodes, or the paths that were given in place of one.
func htmlTitle(r audit.Result, paths []string) string {
	switch {
	case len(r.Requests) > 0:
		return "Certificate signing requests"
	case len(r.Nodes) > 1:
		return fmt.Sprintf("Certificates of %d nodes", len(r.Nodes))
	case isOfFiles(r, paths):
		return "Certificates in " + someOf(namedPaths(paths), maxTitled)
	case len(r.Nodes) == 1 && r.Nodes[0].Name != "":
		return "Certificates of " + printable(r.Nodes[0].Name)
	}
	return "Certificates of a node"
}

// maxTitled is how many paths a title names.
const maxTitled = 4

// namedPaths are paths in words.
func namedPaths(paths []string) []string {
	out := slices.Clone(paths)
	for i, p := range out {
		if p == "-" {
			out[i] = "the standard input"
		}
	}
	return out
}

// isOfFiles reports whether r is of files at paths that belong to no node.
func isOfFiles(r audit.Result, paths []string) bool {
	return len(paths) > 0 && !slices.ContainsFunc(r.Nodes, func(n audit.Node) bool { return n.Name != "" })
}

// htmlConclusion is the state of everything in a word and a sentence.
type htmlConclusion struct {
	Level          level
	Word, Sentence string
}

func conclude(r audit.Result) htmlConclusion {
	switch {
	case r.Summary.Critical > 0:
		return htmlConclusion{level(audit.Critical), "Critical", "Something has stopped or is about to, or somebody has rights they must not have."}
	case r.Summary.Warning > 0:
		return htmlConclusion{level(audit.Warning), "Warning", "Something will stop or may stop. Nothing has yet."}
	case len(r.Certificates)+len(r.Requests) == 0:
		return htmlConclusion{levelUnknown, "Nothing found", "No certificates were found, so nothing was judged."}
	case r.Incomplete():
		return htmlConclusion{levelUnknown, "Incomplete", "Nothing is wrong with what was judged, but not everything could be."}
	}
	what := "certificate"
	if len(r.Requests) > 0 {
		what = "request"
	}
	return htmlConclusion{levelOK, "Sound", "Every " + what + " that was found is as it should be."}
}

// htmlNext is the expiry that comes next; Row is the first certificate of
// Count that end then. The zero value is none.
type htmlNext struct {
	Row   *htmlRow
	Count int
}

// Others counts those beside Row.
func (n htmlNext) Others() int { return n.Count - 1 }

func nextExpiry(r audit.Result, rows []htmlRow) (n htmlNext) {
	for i := range rows {
		if at := rows[i].NotAfter; !at.IsZero() && at.Equal(r.Summary.NextExpiry) {
			if n.Count++; n.Count == 1 {
				n.Row = &rows[i]
			}
		}
	}
	return n
}

func countExpired(r audit.Result) (n int) {
	for _, c := range r.Certificates {
		if isPast(c.NotAfter, r.At) {
			n++
		}
	}
	return n
}

// htmlCheck is what a check looked at on all nodes together.
type htmlCheck struct {
	audit.Check
	Examined, Findings              int
	Done, NotApplicable, Incomplete int
}

// State says how far the check got, in the words of the JSON.
func (c htmlCheck) State() audit.State {
	switch {
	case c.Incomplete > 0:
		return audit.Incomplete
	case c.Done > 0:
		return audit.Done
	}
	return audit.NotApplicable
}

// htmlChecks returns the checks that ran, in the order of the documentation.
func htmlChecks(r audit.Result) []htmlCheck {
	sum := map[string]*htmlCheck{}
	for _, o := range r.Outcomes {
		if sum[o.Check] == nil {
			sum[o.Check] = &htmlCheck{Check: audit.Check{ID: o.Check}}
		}
		c := sum[o.Check]
		c.Examined += o.Examined
		switch o.State {
		case audit.Done:
			c.Done++
		case audit.Incomplete:
			c.Incomplete++
		default:
			c.NotApplicable++
		}
	}
	for _, f := range r.Findings {
		if c := sum[f.Check]; c != nil {
			c.Findings++
		}
	}
	var checks []htmlCheck
	for _, c := range audit.Checks() {
		if s := sum[c.ID]; s != nil {
			s.Check = c
			checks = append(checks, *s)
			delete(sum, c.ID)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(sum)) {
		checks = append(checks, *sum[id])
	}
	return checks
}

// htmlRowSet is everything that the page says of certificates and findings.
type htmlRowSet struct {
	rows []htmlRow
	// of is the row of each certificate of the result.
	of       []int
	findings []sharedFinding
	// places are lists of findings, by their indexes: those about one row or several.
	places [][]int
	// steps are, for each finding, those of the plan that fix it.
	steps [][]string
	fleet fleet
}

func newHTMLRows(r audit.Result) htmlRowSet {
	rows, of := shareRows(r, exact)
	set := htmlRowSet{of: of, findings: shareFindings(r), places: [][]int{}, fleet: newFleet(r)}
	plan := newPlanIndex(r)
	for _, f := range set.findings {
		var steps []string
		if len(plan.of(f, r.Findings)) > 0 {
			steps = remedyLines(f, r, plan)
		}
		set.steps = append(set.steps, steps)
	}
	about := set.about(r)
	index := map[string]int{}
	for i, c := range rows {
		row := htmlRow{subject: c, ID: i, Level: certificateLevel(c.Certificate), On: c.on(set.fleet), place: -1}
		if len(about[i]) > 0 {
			key := fmt.Sprint(about[i])
			at, ok := index[key]
			if !ok {
				at, index[key] = len(set.places), len(set.places)
				set.places = append(set.places, about[i])
			}
			row.place = at
		}
		for _, g := range about[i] {
			if set.findings[g].Severity == audit.Info {
				row.Infos++
			}
		}
		set.rows = append(set.rows, row)
	}
	return set
}

// about returns, for each row, the indexes of the findings about it.
func (set htmlRowSet) about(r audit.Result) [][]int {
	out := make([][]int, len(r.Certificates))
	for g, f := range set.findings {
		for _, i := range f.members {
			for _, c := range r.Findings[i].Rows {
				row := set.of[c]
				if n := len(out[row]); n == 0 || out[row][n-1] != g {
					out[row] = append(out[row], g)
				}
			}
		}
	}
	return out
}

// loose are rows in which also other certificates share one, each with the ID of the
// row that the first of them has in the table.
func (set htmlRowSet) loose(r audit.Result) []htmlRow {
	rows, of := shareRows(r, !exact)
	out := make([]htmlRow, len(rows))
	for i, row := range slices.Backward(of) {
		out[row].ID = set.of[i]
	}
	for i, c := range rows {
		out[i] = htmlRow{subject: c, ID: out[i].ID, Level: certificateLevel(c.Certificate), On: c.on(set.fleet), place: -1}
	}
	return out
}

// on names or counts the nodes of a row.
func (c subject) on(f fleet) string {
	if c.nodes == nil {
		return c.Node
	}
	return f.nodes(c.nodes)
}

// htmlRow is a certificate with what the page says of it.
type htmlRow struct {
	subject
	// ID numbers the rows in the order of the result, from 0.
	ID    int
	Level level
	// Infos counts the findings of severity info.
	Infos int
	// On names or counts its nodes.
	On string
	// place is the index of its place, -1 for none.
	place int
}

// Count is how many certificates share the row.
func (r htmlRow) Count() int { return max(1, len(r.nodes)) }

// Rank orders rows by what needs attention: 3 for critical, 0 for ok.
func (r htmlRow) Rank() int { return looks[r.Level].rank }

// Who is the component, or the role of what belongs to none.
func (r htmlRow) Who() string { return cmp.Or(r.Component, r.Role) }

// Remaining is the time that is left, "5d", or how long it is past.
func (r htmlRow) Remaining() string {
	if r.NotAfter.IsZero() {
		return ""
	}
	return remaining(r.NotAfter, r.at)
}

// Inside says where in its file the certificate stands, where that is not all
// of it.
func (r htmlRow) Inside() string {
	var parts []string
	if r.Field != "" && !r.alone {
		parts = append(parts, r.Field)
	}
	if r.Index > 0 {
		parts = append(parts, ordinal(r.Index))
	}
	return printable(strings.Join(parts, " "))
}

// Names are the alternative names, as many as a cell holds.
func (r htmlRow) Names() string {
	return strings.Join(briefList(slices.Concat(r.DNSNames, r.IPAddresses)), ", ")
}

// IsCA reports whether the certificate is there to sign others.
func (r htmlRow) IsCA() bool { return r.Type == "CA" }

// htmlGroup are the findings of one check.
type htmlGroup struct {
	// ID numbers the groups in their order, from 0.
	ID    int
	Check audit.Check
	// Severity is that of the most urgent.
	Severity audit.Severity
	// Counts is how many are neither waived nor known.
	Counts int
	// Items are in the order of their urgency.
	Items []htmlFinding
}

// Level is that of the severity.
func (g htmlGroup) Level() level { return severityLevel(g.Severity) }

// Open reports whether the group is to be seen at once: not what is ignored or
// only worth knowing, and not a list that would push everything else off the
// page.
func (g htmlGroup) Open() bool {
	return g.Counts > 0 && g.Severity.Rank() >= audit.Warning.Rank() && len(g.Items) <= maxOpen
}

// maxOpen is how long a list may be and still be open from the start.
const maxOpen = 30

// htmlFinding is a finding of a node, or of several, with its index in the result, that
// among those of the page, and that of the first row it is about, -1 for none.
type htmlFinding struct {
	sharedFinding
	ID, Index, Row int
	// On names or counts its nodes.
	On string
	// Steps are those of the plan that fix it, by their numbers; nil where none does.
	Steps []string
}

// cutStep cuts a line of [htmlFinding.Steps] into the number, which leads to the plan, and
// what is done.
func cutStep(line string) (s struct{ Number, Title string }) {
	s.Number, s.Title, _ = strings.Cut(line, ": ")
	return s
}

// maxCommands are as many lines of a remedy as are shown unfolded.
const maxCommands = 8

// Folded says how the commands of a long remedy, or of one that the plan has too, are
// announced; "" for what is shown at once.
func (f htmlFinding) Folded() string {
	lines := len(ownRemedy(f.sharedFinding))
	switch {
	case len(f.Steps) > 0 && lines > 0:
		return "The commands for this finding alone"
	case lines > maxCommands:
		return "The commands"
	}
	return ""
}

// Level is that of the severity.
func (f htmlFinding) Level() level { return severityLevel(f.Severity) }

// List names nodes that On only counts.
func (f htmlFinding) List() string { return f.list() }

// Remedy is what to do, with a word on whose it is where it is not that of all.
func (f htmlFinding) Remedy() string { return strings.Join(ownRemedy(f.sharedFinding), "\n") }

// groupFindings puts findings under their checks, in the order of their urgency: that of a
// check is that of the first of its findings.
func groupFindings(all htmlRowSet) []htmlGroup {
	byID := map[string]audit.Check{}
	for _, c := range audit.Checks() {
		byID[c.ID] = c
	}
	index := map[string]int{}
	var out []htmlGroup
	for i, f := range all.findings {
		g, ok := index[f.Check]
		if !ok {
			g, index[f.Check] = len(out), len(out)
			check := byID[f.Check]
			check.ID = f.Check
			out = append(out, htmlGroup{ID: g, Check: check, Severity: f.Severity})
		}
		row := -1
		if len(f.Rows) > 0 {
			row = all.of[f.Rows[0]]
		}
		out[g].Items = append(out[g].Items, htmlFinding{sharedFinding: f, ID: f.members[0], Index: i, Row: row, On: all.fleet.nodes(f.nodes), Steps: all.steps[i]})
		if f.Counts() {
			out[g].Counts++
		}
	}
	return out
}

// Shown are the items that stand in the page, More counts the others.
func (g htmlGroup) Shown() []htmlFinding { return g.Items[:min(len(g.Items), maxArticles)] }

// More counts the items that are in the data alone.
func (g htmlGroup) More() int { return len(g.Items) - len(g.Shown()) }

// Total counts the findings, those of every node.
func (g htmlGroup) Total() int {
	n := 0
	for _, f := range g.Items {
		n += len(f.members)
	}
	return n
}

// Worst returns the groups that the conclusion is about.
func (p htmlPage) Worst() []htmlGroup {
	i := slices.IndexFunc(p.Findings, func(g htmlGroup) bool { return g.Counts == 0 || g.Level() != p.Conclusion.Level })
	if i < 0 {
		i = len(p.Findings)
	}
	return p.Findings[:i]
}

// htmlLink is a piece of a text; URL is set where it leads somewhere.
type htmlLink struct{ Text, URL string }

// htmlLinks cuts s into pieces, so that the addresses in it can be followed.
func htmlLinks(s string) []htmlLink {
	var out []htmlLink
	for s != "" {
		start := strings.Index(s, "https://")
		if start < 0 {
			return append(out, htmlLink{Text: printable(s)})
		}
		if start > 0 {
			out = append(out, htmlLink{Text: printable(s[:start])})
		}
		end := start + len(s[start:])
		if i := strings.IndexAny(s[start:], " ;,\n\t"); i >= 0 {
			end = start + i
		}
		url := printable(s[start:end])
		out = append(out, htmlLink{url, url})
		s = s[end:]
	}
	return out
}
