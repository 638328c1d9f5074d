package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"certaudit/audit"
)

// ForecastFormats returns the formats of certaudit forecast, the default first.
func ForecastFormats() []FormatOf[audit.Forecast] {
	return []FormatOf[audit.Forecast]{
		{Name: "table", Summary: "day by day what ends, what stops, and the last day to renew it", Write: writeForecast},
		{Name: "json", Summary: "the whole forecast, schema " + audit.ForecastSchema, Write: func(w io.Writer, f audit.Forecast, _ Options) error { return writeJSONValue(w, f) }},
		{Name: "ics", Summary: "the last days as a calendar with alarms", Write: writeForecastICS},
		{Name: "markdown", Summary: "the days and the renewals as tables", Write: writeForecastMarkdown},
	}
}

// forecastWidth is that of a forecast as text where there is no terminal.
const forecastWidth = 100

// outage is a day on which connections break, in one way on one or several nodes.
type outage struct {
	day   string
	nodes []string
	// ends are those of the first node.
	ends []audit.End
	// breaks are theirs, the worst first.
	breaks []audit.Break
}

// first is the earliest end.
func (g outage) first() time.Time { return g.ends[0].NotAfter }

// lastDay is the one on which renewing still prevents all; "" where it is over.
func (g outage) lastDay() string { return g.ends[0].LastDay }

// stops are what people notice, each with the connections whose loss it is.
func (g outage) stops() []outageStop {
	var out []outageStop
	for _, b := range g.breaks {
		i := slices.IndexFunc(out, func(s outageStop) bool { return s.what == b.Stops })
		if i < 0 {
			i, out = len(out), append(out, outageStop{what: b.Stops, source: b.Source})
		}
		if label := b.Label() + ofNodes(b.Nodes); !slices.Contains(out[i].labels, label) {
			out[i].labels = append(out[i].labels, label)
		}
	}
	return out
}

// ofNodes says on which other nodes a connection is, or on how many; "" for none.
func ofNodes(nodes []string) string {
	switch {
	case len(nodes) == 0:
		return ""
	case len(nodes) > maxNodesNamed:
		return " on " + plural(len(nodes), "node")
	}
	return " on " + strings.Join(briefList(nodes), ", ")
}

// maxNodesNamed is how many nodes of a connection are named.
const maxNodesNamed = 3

type outageStop struct {
	what, source string
	labels       []string
}

// outages are the days on which connections break, in the order of time and on one day
// the worst first. Nodes of which the same breaks by the same files share one.
func outages(f audit.Forecast) []outage {
	var out []outage
	at := map[[2]string]int{}
	for _, e := range f.Ends {
		if len(e.Breaks) == 0 {
			continue
		}
		key := [2]string{day(e.NotAfter), e.Node}
		i, known := at[key]
		if !known {
			i = len(out)
			at[key], out = i, append(out, outage{day: key[0], nodes: []string{e.Node}})
		}
		out[i].ends = append(out[i].ends, e)
		out[i].breaks = append(out[i].breaks, e.Breaks...)
	}
	for i := range out {
		slices.SortStableFunc(out[i].breaks, func(a, b audit.Break) int { return cmp.Compare(a.Rank, b.Rank) })
	}
	out = alike(out)
	slices.SortStableFunc(out, func(a, b outage) int {
		return cmp.Or(strings.Compare(a.day, b.day), cmp.Compare(a.breaks[0].Rank, b.breaks[0].Rank))
	})
	return out
}

// alike joins the outages of nodes that differ in their names alone.
func alike(all []outage) []outage {
	var out []outage
	at := map[string]int{}
	for _, g := range all {
		shape := g.shape()
		if i, known := at[shape]; known {
			out[i].nodes = append(out[i].nodes, g.nodes...)
			continue
		}
		at[shape], out = len(out), append(out, g)
	}
	return out
}

// shape is the same for nodes on which the same ends.
func (g outage) shape() string {
	parts := []string{g.day, g.lastDay()}
	for _, e := range g.ends {
		parts = append(parts, e.RenewedBy, e.Places[0].Path, e.Places[0].Field)
	}
	for _, s := range g.stops() {
		parts = append(append(parts, s.what), s.labels...)
	}
	return strings.Join(parts, "\x00")
}

// maxListed bounds what a text lists of one kind; the rest is counted.
const maxListed = 20

// someOf joins values, and counts those beyond a bound.
func someOf(values []string, most int) string {
	if len(values) > most {
		values = append(slices.Clone(values[:most]), fmt.Sprintf("%d more", len(values)-most))
	}
	return strings.Join(briefList(values), ", ")
}

// writeForecast writes days, renewals and what is left to say as text, and the verdict in
// its last line.
func writeForecast(w io.Writer, f audit.Forecast, o Options) error {
	if o.Width == 0 {
		o.Width = forecastWidth
	}
	var b bytes.Buffer
	b.WriteString(PolicyLine(f.Policy))
	writeForecastList(&b, "Broken today already, and not by an end (certaudit audit says why)", brokenToday(f), o)
	writeForecastList(&b, "Missing or malformed today: when what they should hold ends was not judged", absent(f), o)
	for _, g := range outages(f) {
		writeOutage(&b, g, f, o)
	}
	if err := writeRenewals(&b, f, o); err != nil {
		return err
	}
	for _, s := range []struct {
		title string
		lines []string
	}{
		{"Ends as well, and no connection that is seen here needs it", spareEnds(f)},
		{"Renewed by the kubelet or by the distribution itself; nothing to do", rotations(f)},
		{"Not judged", gaps(f)},
	} {
		writeForecastList(&b, s.title, s.lines, o)
	}
	writeWrapped(&b, "", forecastSummary(f), o)
	_, err := w.Write(b.Bytes())
	return err
}

func writeOutage(b *bytes.Buffer, g outage, f audit.Forecast, o Options) {
	fmt.Fprintf(b, "%s  %s\n", o.paint(outageLevel(g), g.day), outageWhen(g, f))
	if where := nonEmpty(g.nodes...); len(where) > 0 {
		writeWrapped(b, "  on: ", someOf(where, maxListed), o)
	}
	for _, s := range g.stops() {
		writeWrapped(b, "  - ", fmt.Sprintf("%s (%s)", s.what, someOf(s.labels, maxListed)), o)
	}
	b.WriteString("  because these end:\n")
	for i, e := range g.ends {
		if i == maxListed {
			fmt.Fprintf(b, "    %d more\n", len(g.ends)-i)
			break
		}
		fmt.Fprintf(b, "    %s  %s\n", e.NotAfter.UTC().Format(time.TimeOnly), brief(placesOf(e)))
	}
	b.WriteByte('\n')
}

// outageLevel is critical where it is over or the last day is near.
func outageLevel(g outage) level {
	if g.lastDay() == "" {
		return level(audit.Critical)
	}
	return level(audit.Warning)
}

// outageWhen says how far away a day is, and by when to renew.
func outageWhen(g outage, f audit.Forecast) string {
	if g.lastDay() == "" {
		return remaining(g.first(), f.At) + ": renew now"
	}
	return fmt.Sprintf("in %s: renew by %s", remainingDays(g.first(), f.At), g.lastDay())
}

// placesOf is the first place of a certificate, and how many others there are.
func placesOf(e audit.End) string {
	text := strings.Join(nonEmpty(e.Places[0].Path, e.Places[0].Field), " ")
	if n := len(e.Places) - 1; n > 0 {
		text += fmt.Sprintf(" and %s", plural(n, "other place"))
	}
	return text
}

// writeWrapped writes a text behind a label, under which its other lines begin.
func writeWrapped(b *bytes.Buffer, label, text string, o Options) {
	for _, line := range wrapText(text, o.Width, len(label)) {
		b.WriteString(label + line + "\n")
		label = strings.Repeat(" ", len(label))
	}
}

func writeForecastList(b *bytes.Buffer, title string, lines []string, o Options) {
	if len(lines) == 0 {
		return
	}
	b.WriteString(title + "\n\n")
	for i, line := range lines {
		if i == maxListed {
			line = fmt.Sprintf("%d more, see the json format", len(lines)-i)
		}
		writeWrapped(b, "  ", line, o)
		if i == maxListed {
			break
		}
	}
	b.WriteByte('\n')
}

// nodeTexts are texts with the nodes that each is said of, in their order.
type nodeTexts struct {
	several bool
	texts   []string
	nodes   map[string][]string
}

func newNodeTexts(f audit.Forecast) *nodeTexts {
	return &nodeTexts{several: len(f.Nodes) > 1, nodes: map[string][]string{}}
}

func (t *nodeTexts) add(node, text string) {
	if t.nodes[text] == nil {
		t.texts = append(t.texts, text)
	}
	if !slices.Contains(t.nodes[text], node) {
		t.nodes[text] = append(t.nodes[text], node)
	}
}

// lines are the texts, each with its nodes where there are several.
func (t *nodeTexts) lines() []string {
	var out []string
	for _, text := range t.texts {
		if on := nonEmpty(t.nodes[text]...); t.several && len(on) > 0 {
			text += "  on " + someOf(on, maxNodesInLine)
		}
		out = append(out, text)
	}
	return out
}

// maxNodesInLine bounds the nodes behind a text.
const maxNodesInLine = 8

func spareEnds(f audit.Forecast) []string {
	t := newNodeTexts(f)
	for _, e := range f.Ends {
		if len(e.Breaks) == 0 && e.RenewedBy != audit.RenewedByItself {
			t.add(e.Node, day(e.NotAfter)+"  "+placesOf(e))
		}
	}
	return t.lines()
}

func rotations(f audit.Forecast) []string {
	t := newNodeTexts(f)
	for _, e := range f.Ends {
		when := "before " + day(e.NotAfter)
		if r := e.Rotation; r != nil {
			when = fmt.Sprintf("between %s and %s", day(r.From), day(r.Until))
		}
		if e.RenewedBy == audit.RenewedByItself {
			t.add(e.Node, when+"  "+placesOf(e))
		}
	}
	return t.lines()
}

func brokenToday(f audit.Forecast) []string {
	t := newNodeTexts(f)
	for _, c := range f.Broken {
		t.add(c.Node, c.Label())
	}
	return t.lines()
}

func absent(f audit.Forecast) []string {
	t := newNodeTexts(f)
	for _, a := range f.Absent {
		t.add(a.Node, a.Path+": "+a.Reason)
	}
	return t.lines()
}

func gaps(f audit.Forecast) []string {
	t := newNodeTexts(f)
	for _, g := range f.Gaps {
		t.add(g.Node, g.Reason)
	}
	return t.lines()
}

// renewers say who renews, for a reader.
var renewers = map[string]string{
	audit.RenewedByKubeadm:      "kubeadm certs renew",
	audit.RenewedByRotation:     "a rotation of the CA",
	audit.RenewedByDistribution: "the distribution's own means",
	audit.RenewedByIssuer:       "whoever issued it",
}

// renewalRow is a renewal with the files of its certificates, on one or several nodes.
type renewalRow struct {
	audit.Renewal
	nodes []string
	files []string
}

// renewalRows are what is renewed together, in the order of time; nodes with the same
// files and day share a row.
func renewalRows(f audit.Forecast) []renewalRow {
	ends := map[[2]string]audit.End{}
	for _, e := range f.Ends {
		ends[[2]string{e.Node, e.SHA256}] = e
	}
	var out []renewalRow
	at := map[string]int{}
	for _, r := range f.Renewals {
		row := renewalRow{Renewal: r, nodes: []string{r.Node}}
		for _, sum := range r.Certificates {
			e := ends[[2]string{r.Node, sum}]
			row.files = append(row.files, e.Places[0].Path)
		}
		shape := strings.Join(append([]string{r.LastDay, r.RenewedBy}, row.files...), "\x00")
		if i, known := at[shape]; known {
			out[i].nodes = append(out[i].nodes, r.Node)
			continue
		}
		at[shape], out = len(out), append(out, row)
	}
	slices.SortStableFunc(out, func(a, b renewalRow) int { return strings.Compare(a.LastDay, b.LastDay) })
	return out
}

var renewalColumns = []column[renewalRow]{
	{"LAST DAY", func(r renewalRow) cell { return whole(r.LastDay) }},
	{"NODE", func(r renewalRow) cell { return names(someOf(nonEmpty(r.nodes...), 4)) }},
	{"BY", func(r renewalRow) cell { return pieces(renewers[r.RenewedBy]) }},
	{"TOGETHER", func(r renewalRow) cell { return pieces(someOf(r.files, maxListed)) }},
}

func writeRenewals(b *bytes.Buffer, f audit.Forecast, o Options) error {
	rows := renewalRows(f)
	if len(rows) == 0 {
		return nil
	}
	b.WriteString("Renew\n\n")
	if err := newGrid(renewalColumns, rows).write(b, o); err != nil {
		return err
	}
	b.WriteByte('\n')
	return nil
}

// brokenWords say what is broken at the time of the forecast; "" for nothing.
func brokenWords(f audit.Forecast, ended bool) string {
	var parts []string
	switch {
	case len(f.Broken) > 0:
		parts = append(parts, "broken today already")
	case ended:
		parts = append(parts, "broken already by what has ended")
	}
	if n := len(f.Absent); n > 0 {
		parts = append(parts, fmt.Sprintf("files missing or malformed: %d", n))
	}
	return strings.Join(parts, ", ")
}

// forecastSummary says when the next outage is.
func forecastSummary(f audit.Forecast) string {
	line := "nothing that is seen here will break for want of a renewal"
	if len(f.Broken)+len(f.Absent) > 0 {
		line = "nothing else that is seen here will break for want of a renewal"
	}
	if !f.Until.IsZero() {
		line += " until " + minute(f.Until)
	}
	over := 0
	for _, g := range outages(f) {
		if g.lastDay() == "" {
			over++
			continue
		}
		line = fmt.Sprintf("next outage %s (%s): renew by %s", g.day, remainingDays(g.first(), f.At), g.lastDay())
		break
	}
	if today := brokenWords(f, over > 0); today != "" {
		line = today + "; " + line
	}
	if f.Incomplete() {
		line += "; the forecast is incomplete"
	}
	return line
}

func writeForecastMarkdown(w io.Writer, f audit.Forecast, _ Options) error {
	parts := []string{"**certaudit forecast**: " + forecastSummary(f) + "\n"}
	list := func(title string, lines []string) {
		if len(lines) > 0 {
			parts = append(parts, "### "+title+"\n\n"+markdownList(lines))
		}
	}
	list("Broken today already", brokenToday(f))
	list("Missing or malformed today", absent(f))
	var rows [][]string
	for _, g := range outages(f) {
		for i, s := range g.stops() {
			first := []string{g.day, cmp.Or(g.lastDay(), "over"), someOf(nonEmpty(g.nodes...), maxListed)}
			if i > 0 {
				first = []string{"", "", ""}
			}
			rows = append(rows, codes(append(first, s.what, strings.Join(s.labels, ", "))...))
		}
	}
	if len(rows) > 0 {
		parts = append(parts, "### What stops\n\n"+markdownTable([]string{"Day", "Renew by", "Node", "Stops", "Connections"}, rows))
	}
	if renew := renewalRows(f); len(renew) > 0 {
		parts = append(parts, "### Renew\n\n"+newGrid(renewalColumns, renew).markdown())
	}
	list("Renewed by itself", rotations(f))
	list("Not judged", gaps(f))
	_, err := io.WriteString(w, strings.Join(parts, "\n"))
	return err
}

// markdownList lists texts as code.
func markdownList(lines []string) string {
	var b strings.Builder
	for i, line := range lines {
		if i == maxListed {
			fmt.Fprintf(&b, "- %d more\n", len(lines)-i)
			break
		}
		b.WriteString("- " + code(brief(line)) + "\n")
	}
	return b.String()
}
