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
		"step":    stepTitle,
	}).ParseFS(htmlFiles, "html/page.html"))
})

// writeHTML writes r as one page that asks nothing of anybody: styles, script
// and data stand in it, and its policy lets it load nothing else.
func writeHTML(w io.Writer, r audit.Result, o Options) error {
	var b bytes.Buffer
	page := newHTMLPage(r)
	page.Timeline.addOutages(o.Forecast, page.Certificates)
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
	Signing      htmlRequests
	Policy       string
	Style        template.CSS
	Script       template.JS
	Title        string
	Several      bool
	Conclusion   htmlConclusion
	Next         htmlNext
	Expired      int
	Nodes        []nodeSums
	Omissions    []omission
	Checks       []htmlCheck
	Timeline     htmlTimeline
	Certificates []htmlRow
	Findings     []htmlGroup
	Graph        htmlGraph
	Issuers      []htmlIssuer
	Data         htmlData
}

// PlanScript is the plan as a script, to be copied.
func (p htmlPage) PlanScript() string { return planScript(p.Result) }

func newHTMLPage(r audit.Result) htmlPage {
	style, script := htmlFile("style.css"), htmlFile("script.js")
	places := newHTMLPlaces(r)
	rows := htmlRows(r, places)
	return htmlPage{
		Result:       r,
		Signing:      newHTMLRequests(r),
		Policy:       contentSecurityPolicy(style, script),
		Style:        template.CSS(style),
		Script:       template.JS(script),
		Title:        htmlTitle(r.Nodes),
		Several:      severalNodes(r),
		Conclusion:   conclude(r),
		Next:         nextExpiry(r, rows),
		Expired:      countExpired(r),
		Nodes:        sumNodes(r),
		Omissions:    omissions(r),
		Checks:       htmlChecks(r),
		Timeline:     newTimeline(r, rows),
		Certificates: rows,
		Findings:     groupFindings(r),
		Graph:        newGraph(r.Connections),
		Issuers:      htmlIssuers(rows),
		Data:         newHTMLData(r, rows, places),
	}
}

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

// htmlTitle names what was audited.
func htmlTitle(nodes []audit.Node) string {
	switch {
	case len(nodes) > 1:
		return fmt.Sprintf("%d nodes", len(nodes))
	case len(nodes) == 1 && nodes[0].Name != "":
		return nodes[0].Name
	}
	return "a node"
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
	case len(r.Certificates) == 0:
		return htmlConclusion{levelUnknown, "Nothing found", "No certificates were found, so nothing was judged."}
	case r.Incomplete():
		return htmlConclusion{levelUnknown, "Incomplete", "Nothing is wrong with what was judged, but not everything could be."}
	}
	return htmlConclusion{levelOK, "Sound", "Every certificate that was found is as it should be."}
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

// htmlPlaces are the places that findings and certificates have in common.
type htmlPlaces struct {
	// findings are the indexes of the findings about each place.
	findings [][]int
	// of is the index of the place of each certificate, -1 for one that no finding
	// is about.
	of []int
}

func newHTMLPlaces(r audit.Result) htmlPlaces {
	p := htmlPlaces{findings: [][]int{}, of: slices.Repeat([]int{-1}, len(r.Certificates))}
	for i, f := range r.Findings {
		if len(f.Rows) == 0 {
			continue
		}
		if p.of[f.Rows[0]] < 0 {
			for _, row := range f.Rows {
				p.of[row] = len(p.findings)
			}
			p.findings = append(p.findings, nil)
		}
		at := p.of[f.Rows[0]]
		p.findings[at] = append(p.findings[at], i)
	}
	return p
}

// htmlRow is a certificate with what the page says of it.
type htmlRow struct {
	subject
	// ID numbers the rows in the order of the result, from 0.
	ID    int
	Level level
	// Infos counts the findings of severity info.
	Infos int
	// place is the index of its place, -1 for none.
	place int
}

func htmlRows(r audit.Result, places htmlPlaces) []htmlRow {
	infos := make([]int, len(places.findings))
	for place, findings := range places.findings {
		for _, i := range findings {
			if r.Findings[i].Severity == audit.Info {
				infos[place]++
			}
		}
	}
	rows := make([]htmlRow, len(r.Certificates))
	for i, c := range subjects(r) {
		rows[i] = htmlRow{subject: c, ID: i, Level: certificateLevel(c.Certificate), place: places.of[i]}
		if rows[i].place >= 0 {
			rows[i].Infos = infos[rows[i].place]
		}
	}
	return rows
}

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
	// Severity is the worst of those that count, or of all where none counts.
	Severity audit.Severity
	// Counts is how many are neither waived nor known.
	Counts int
	Items  []htmlFinding
}

// Level is that of the severity.
func (g htmlGroup) Level() level { return severityLevel(g.Severity) }

func (g *htmlGroup) add(f htmlFinding) {
	g.Items = append(g.Items, f)
	first := f.Counts() && g.Counts == 0
	if first || f.Counts() == (g.Counts > 0) && f.Severity.Rank() > g.Severity.Rank() {
		g.Severity = f.Severity
	}
	if f.Counts() {
		g.Counts++
	}
}

// Open reports whether the group is to be seen at once: not what is ignored or
// only worth knowing, and not a list that would push everything else off the
// page.
func (g htmlGroup) Open() bool {
	return g.Counts > 0 && g.Severity.Rank() >= audit.Warning.Rank() && len(g.Items) <= maxOpen
}

// compare puts the worst first, and what is ignored last.
func (g htmlGroup) compare(other htmlGroup) int {
	return cmp.Or(cmp.Compare(min(other.Counts, 1), min(g.Counts, 1)), cmp.Compare(other.Severity.Rank(), g.Severity.Rank()))
}

// maxOpen is how long a list may be and still be open from the start.
const maxOpen = 30

// htmlFinding is a finding with its index in the result, and that of the first
// certificate it is about, -1 for none.
type htmlFinding struct {
	audit.Finding
	ID, Row int
}

// Level is that of the severity.
func (f htmlFinding) Level() level { return severityLevel(f.Severity) }

// groupFindings puts findings under their checks, the worst first.
func groupFindings(r audit.Result) []htmlGroup {
	byID := map[string]audit.Check{}
	for _, c := range audit.Checks() {
		byID[c.ID] = c
	}
	index := map[string]int{}
	var out []htmlGroup
	for i, f := range r.Findings {
		g, ok := index[f.Check]
		if !ok {
			g, index[f.Check] = len(out), len(out)
			check := byID[f.Check]
			check.ID = f.Check
			out = append(out, htmlGroup{Check: check})
		}
		row := -1
		if len(f.Rows) > 0 {
			row = f.Rows[0]
		}
		out[g].add(htmlFinding{f, i, row})
	}
	for _, g := range out {
		slices.SortStableFunc(g.Items, func(a, b htmlFinding) int { return cmp.Compare(b.Severity.Rank(), a.Severity.Rank()) })
	}
	slices.SortStableFunc(out, htmlGroup.compare)
	for i := range out {
		out[i].ID = i
	}
	return out
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
