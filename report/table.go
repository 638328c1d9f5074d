package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"iter"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"

	"certaudit/audit"
)

// gap stands between two columns.
const gap = "  "

// cell is a text in pieces that are never cut; a line may end after any of
// them. Joined, the pieces are the text.
type cell []string

// column is one property of what the rows of a table are about: its title and
// how its cell is read off. An empty cell is shown as "-".
type column[T any] struct {
	title string
	cell  func(T) cell
}

// subject is a certificate of a result with what its cells need to know beside.
type subject struct {
	audit.Certificate
	at time.Time
	// alone: no other field of the same file holds a certificate.
	alone bool
	// nodes are those that share the row; nil for a certificate of one.
	nodes []string
	// until is the latest expiry of those that share the row; zero for one.
	until time.Time
	// soonest is the node with the earliest expiry of those that share the row.
	soonest string
}

// apart is the latest expiry of those that share the row; the zero time where all end
// on one day.
func (c subject) apart() time.Time {
	if day(c.NotAfter) == day(c.until) {
		return time.Time{}
	}
	return c.until
}

// subjects are the certificates of a result in their order.
func subjects(r audit.Result) []subject {
	type file struct{ node, path string }
	field, several := map[file]string{}, map[file]bool{}
	for _, c := range r.Certificates {
		f := file{c.Node, c.Path}
		if first, seen := field[f]; seen && first != c.Field {
			several[f] = true
		} else {
			field[f] = c.Field
		}
	}
	out := make([]subject, len(r.Certificates))
	for i, c := range r.Certificates {
		out[i] = subject{Certificate: c, at: r.At, alone: !several[file{c.Node, c.Path}]}
	}
	return out
}

// nodeColumn is the first where a result has several nodes.
func nodeColumn(f fleet) column[subject] {
	return column[subject]{"NODE", func(c subject) cell { return hostNames(c.on(f)) }}
}

// narrowNodeColumn is the same where there is little room: all nodes of a result are
// counted, however few they are.
func narrowNodeColumn(f fleet) column[subject] {
	return column[subject]{"NODE", func(c subject) cell {
		if len(c.nodes) == f.total {
			return whole(thousands(f.total) + " nodes")
		}
		return hostNames(c.on(f))
	}}
}

var componentColumn = column[subject]{componentTitle, func(c subject) cell { return component(c.Component) }}

// tableColumns are those of the kubeadm certificate health-check sheet, then
// the verdict.
var tableColumns = []column[subject]{
	componentColumn,
	{"TYPE", func(c subject) cell { return pieces(c.Type) }},
	{pathTitle, place},
	{"CN", func(c subject) cell { return names(c.CommonName) }},
	{"ALT NAMES", func(c subject) cell { return names(strings.Join(slices.Concat(c.DNSNames, c.IPAddresses), ", ")) }},
	{"ORGANIZATION", func(c subject) cell { return names(strings.Join(c.Organizations, ", ")) }},
	{"ISSUER", func(c subject) cell { return names(c.Issuer) }},
	{endTitle, func(c subject) cell { return rowEnd(c, minute) }},
	{statusTitle, func(c subject) cell { return names(c.Status) }},
}

// wideColumns follow the tableColumns in the wide format.
var wideColumns = []column[subject]{
	{"ROLE", func(c subject) cell { return names(c.Role) }},
	{"SERIAL", func(c subject) cell { return whole(c.Serial) }},
	{"KEY", func(c subject) cell { return pieces(c.KeyAlgorithm) }},
	{"NOT BEFORE", func(c subject) cell { return whole(minute(c.NotBefore)) }},
	{"USAGES", func(c subject) cell { return list(c.Usages) }},
	{"USED BY", func(c subject) cell { return list(c.UsedBy) }},
}

// The titles of columns that are shown in more than one way.
const (
	componentTitle = "COMPONENT"
	pathTitle      = "CERTIFICATE PATH"
	endTitle       = "EXPIRATION"
	statusTitle    = "STATUS"
)

// writeTable writes the certificates, or the requests that were audited, as a
// table, then findings and summary.
func writeTable(w io.Writer, r audit.Result, o Options) error {
	if len(r.Requests) > 0 {
		return writeGrid(w, requestLayouts(r), r, o)
	}
	return writeGrid(w, tableLayouts(r), r, o)
}

// writeWide writes the same with more columns, and a row for each use of a certificate.
func writeWide(w io.Writer, r audit.Result, o Options) error {
	if len(r.Requests) > 0 {
		return writeGrid(w, unwrapped(requestGrid(r, slices.Concat(requestColumns, wideRequestColumns))), r, o)
	}
	columns := slices.Concat(tableColumns, wideColumns)
	if severalNodes(r) {
		columns = slices.Concat([]column[subject]{nodeColumn(newFleet(r))}, columns)
	}
	return writeGrid(w, unwrapped(subjectGrid(byUse(shareSubjects(r, exact)), columns).marked()), r, o)
}

// byUse makes of a row one for each flag or field that names the certificate.
func byUse(rows []subject) []subject {
	var out []subject
	for _, row := range rows {
		for _, use := range row.UsedBy {
			one := row
			one.UsedBy = []string{use}
			out = append(out, one)
		}
		if len(row.UsedBy) == 0 {
			out = append(out, row)
		}
	}
	return out
}

// certificateGrid has the node before the columns where there are several.
func certificateGrid(r audit.Result, columns []column[subject], exact bool) grid {
	if severalNodes(r) {
		columns = slices.Concat([]column[subject]{nodeColumn(newFleet(r))}, columns)
	}
	return subjectGrid(shareSubjects(r, exact), columns)
}

func subjectGrid(rows []subject, columns []column[subject]) grid {
	g := newGrid(columns, rows)
	g.level = func(i int) level { return certificateLevel(rows[i].Certificate) }
	return g
}

// writeGrid writes a table in the first of the layouts that fits, then findings and
// summary.
func writeGrid(w io.Writer, list iter.Seq[layout], r audit.Result, o Options) error {
	var b bytes.Buffer
	if o.Quiet {
		_, err := io.WriteString(w, summaryLine(r))
		return err
	}
	b.WriteString(incomplete(r, o) + PolicyLine(r.Policy))
	if made := distributions(r.Nodes); made != "" {
		b.WriteString(made + "\n")
	}
	if err := writeLayouts(&b, list, o); err != nil {
		return err
	}
	if err := writeNotes(&b, r, o); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// distributions says of each node which distribution made it, one line each, and one
// for all nodes of one; "" where none is recognised.
func distributions(nodes []audit.Node) string {
	var made groups[string]
	for _, n := range nodes {
		if d := n.Distribution; d != nil {
			parts := nonEmpty("of "+printable(d.Name)+" ("+printable(d.Mode)+")", "files in "+printable(d.Data), printable(d.Unit))
			text := strings.Join(parts, ", ") + "\n"
			if d.Elsewhere != "" {
				text += "not on this node: " + printable(d.Elsewhere) + "\n"
			}
			made.add(text, n.Name)
		}
	}
	var b strings.Builder
	for _, text := range made.keys {
		on, what := made.members[text], ", a node "
		if len(on) > 1 {
			what = ", nodes "
		}
		b.WriteString(printable(someNodes(on)) + what + text)
	}
	return b.String()
}

// whole is a text without a place to wrap.
func whole(s string) cell {
	if s == "" {
		return nil
	}
	return cell{brief(s)}
}

// names is a text that may also be wrapped inside the names in it, behind a
// separator that a letter follows: an address stays whole.
func names(s string) cell {
	var out cell
	for _, piece := range pieces(s) {
		start := 0
		for i := 1; i < len(piece); i++ {
			if strings.IndexByte(":-/@", piece[i-1]) >= 0 && 'a' <= piece[i] && piece[i] <= 'z' {
				out = append(out, piece[start:i])
				start = i
			}
		}
		out = append(out, piece[start:])
	}
	return out
}

// maxUnbroken is how wide a name of a component or a node is at most that is never wrapped.
const maxUnbroken = len("kube-apiserver")

// component is the name of a component, which is wrapped once at most, behind its last
// hyphen: a reader looks for it. One that is too wide even so is wrapped as any name.
func component(s string) cell {
	shown := brief(s)
	last := strings.LastIndexByte(shown, '-') + 1
	if head, tail := shown[:last], shown[last:]; textWidth(shown) > maxUnbroken && max(textWidth(head), textWidth(tail)) <= maxPiece {
		return nonEmpty(head, tail)
	}
	return componentParts(s)
}

// componentParts is the name of a component, which is wrapped behind each of its hyphens
// where it is wide.
func componentParts(s string) cell {
	if textWidth(brief(s)) <= maxUnbroken {
		return whole(s)
	}
	return names(s)
}

// hostNames are names of nodes; wide ones may be wrapped behind every dot and hyphen, for
// there is no end to the names that clouds give.
func hostNames(s string) cell {
	var out cell
	for _, piece := range pieces(s) {
		if textWidth(piece) <= maxUnbroken {
			out = append(out, piece)
			continue
		}
		for _, part := range strings.SplitAfter(piece, ".") {
			out = append(out, nonEmpty(strings.SplitAfter(part, "-")...)...)
		}
	}
	return out
}

// pieces is a text that may be wrapped behind its commas and blanks.
func pieces(s string) cell { return split(brief(s)) }

// split cuts s behind its commas and runs of blanks.
func split(s string) cell {
	var out cell
	for start := 0; start < len(s); {
		end := len(s)
		if i := strings.IndexAny(s[start:], ", "); i >= 0 {
			end = start + i + 1
		}
		for end < len(s) && s[end] == ' ' {
			end++
		}
		out = append(out, s[start:end])
		start = end
	}
	return out
}

func list(values []string) cell { return pieces(strings.Join(values, ", ")) }

// place is where the certificate stands. The path is one piece, so that it can
// be copied from the screen; the field is left out where the file has but one.
func place(c subject) cell {
	out := whole(c.Path)
	if c.Field != "" && !c.alone {
		out = append(out, " "+brief(c.Field))
	}
	if c.Index > 0 {
		out = append(out, " "+ordinal(c.Index))
	}
	return out
}

func expiration(notAfter, at time.Time) cell { return expirationTo(notAfter, at, minute) }

// expirationTo is when a certificate ends, to the minute or to the day.
func expirationTo(notAfter, at time.Time, to func(time.Time) string) cell {
	if notAfter.IsZero() {
		return nil
	}
	return cell{to(notAfter), " (" + remaining(notAfter, at) + ")"}
}

// rowEnd is when the certificate of a row ends, or the first and the last of several.
func rowEnd(c subject, to func(time.Time) string) cell {
	out := expirationTo(c.NotAfter, c.at, to)
	if last := c.apart(); !last.IsZero() {
		out = append(append(out, " on "), hostNames(c.soonest)...)
		out[len(out)-1] += ","
		out = append(out, " last ", day(last))
	}
	return out
}

// grid is a table of cells, and what the layouts need to know about it.
type grid struct {
	titles []string
	rows   [][]cell
	// level is that of the status, or the verdict, of row i; nil where none is
	// coloured.
	level func(i int) level
	// hint stands below the table: sentences, each with a blank behind it.
	hint string
}

// newGrid is a table with a row for each thing.
func newGrid[T any](columns []column[T], things []T) grid {
	var g grid
	for _, col := range columns {
		g.titles = append(g.titles, col.title)
	}
	for _, thing := range things {
		row := make([]cell, len(columns))
		for i, col := range columns {
			row[i] = col.cell(thing)
		}
		g.rows = append(g.rows, row)
	}
	return g
}

// marked is the grid with a mark before the status of each row that shows its level
// without colour.
func (g grid) marked() grid {
	at := slices.Index(g.titles, statusTitle)
	for i, row := range g.rows {
		if mark := looks[g.level(i)].mark; mark != "" {
			first := cell{mark + " " + strings.Join(row[at][:min(1, len(row[at]))], "")}
			row[at] = append(first, row[at][min(1, len(row[at])):]...)
		}
	}
	return g
}

// write writes the grid as a table, wrapped to the width where there is one, or
// block by block where no wrapping makes it fit. An empty grid writes nothing.
func (g grid) write(b *bytes.Buffer, o Options) error {
	return writeLayouts(b, single(g), o)
}

// writeLayouts writes the first of the layouts that fits, or the last of them block by
// block. An empty one writes nothing.
func writeLayouts(b *bytes.Buffer, list iter.Seq[layout], o Options) error {
	g, widths, ok := choose(list, o.Width)
	if len(g.rows) == 0 {
		return nil
	}
	if !ok {
		g.writeBlocks(b, o)
		return nil
	}
	if err := g.writeTable(b, widths, o); err != nil {
		return err
	}
	if g.hint != "" {
		b.WriteString(strings.Join(wrapText(strings.TrimSpace(g.hint), o.Width, 0), "\n") + "\n")
	}
	return nil
}

// fit returns the width of each column so that the table is at most width
// columns wide, taking from the widest first; false where it cannot be. With a
// width of 0 every column is as wide as its widest cell.
func (g grid) fit(width int) ([]int, bool) {
	natural, least := g.extents()
	if width == 0 {
		return natural, true
	}
	widths := func(limit int) []int {
		out := make([]int, len(natural))
		for i := range out {
			out[i] = max(least[i], min(natural[i], limit))
		}
		return out
	}
	limit := sort.Search(width+1, func(n int) bool { return total(widths(n)) > width }) - 1
	if limit < 0 {
		return nil, false
	}
	return spread(widths(limit), natural, width-total(widths(limit))), true
}

// total is the width of a table with columns of these widths.
func total(widths []int) int {
	sum := len(gap) * (len(widths) - 1)
	for _, n := range widths {
		sum += n
	}
	return sum
}

// spread gives the columns what is left, those first that need least to be as
// wide as they would like.
func spread(widths, natural []int, left int) []int {
	order := make([]int, len(widths))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(natural[a]-widths[a], natural[b]-widths[b]) })
	for _, i := range order {
		more := min(natural[i]-widths[i], left)
		widths[i] += more
		left -= more
	}
	return widths
}

// extents returns the width of each column unwrapped, and wrapped behind every
// piece.
func (g grid) extents() (natural, least []int) {
	natural, least = make([]int, len(g.titles)), make([]int, len(g.titles))
	for i, title := range g.titles {
		natural[i], least[i] = len(title), len(title)
		for _, row := range g.rows {
			natural[i] = max(natural[i], textWidth(row[i].String()))
			for _, piece := range row[i] {
				least[i] = max(least[i], textWidth(strings.Trim(piece, " ")))
			}
		}
	}
	return natural, least
}

// writeTable writes the grid as a table with columns of the given widths.
func (g grid) writeTable(b *bytes.Buffer, widths []int, o Options) error {
	var out bytes.Buffer
	t := tablewriter.NewTable(&out,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders: tw.BorderNone,
			Symbols: tw.NewSymbolCustom("gap").WithColumn(gap),
			Settings: tw.Settings{
				Lines:      tw.LinesNone,
				Separators: tw.Separators{ShowHeader: tw.Off, ShowFooter: tw.Off, BetweenRows: tw.Off, BetweenColumns: tw.On},
			},
		})),
		tablewriter.WithPadding(tw.PaddingNone),
		tablewriter.WithHeaderAlignment(tw.AlignLeft),
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithHeaderAutoWrap(tw.WrapNone),
		tablewriter.WithRowAlignment(tw.AlignLeft),
		tablewriter.WithRowAutoFormat(tw.Off),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithTrimSpace(tw.Off),
		tablewriter.WithTrimTab(tw.Off),
		tablewriter.WithTrimLine(tw.Off),
		tablewriter.WithEastAsian(tw.Off),
	)
	t.Header(g.titles)
	for i, row := range g.rows {
		var texts []string
		for j, c := range row {
			texts = append(texts, strings.Join(g.painted(i, j, c.wrap(widths[j]), o), "\n"))
		}
		if err := t.Append(texts); err != nil {
			return err
		}
	}
	if err := t.Render(); err != nil {
		return err
	}
	// The table pads its last column as well.
	for line := range strings.Lines(out.String()) {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return nil
}

// writeBlocks writes each row as lines of title and text, wrapped to width;
// what is empty is left out.
func (g grid) writeBlocks(b *bytes.Buffer, o Options) {
	label := 0
	for _, title := range g.titles {
		label = max(label, len(title)+len(":  "))
	}
	indent := "\n" + strings.Repeat(" ", label)
	for i, row := range g.rows {
		if i > 0 {
			b.WriteByte('\n')
		}
		for j, c := range row {
			if len(c) == 0 {
				continue
			}
			lines := g.painted(i, j, c.wrap(max(1, o.Width-label)), o)
			fmt.Fprintf(b, "%-*s%s\n", label, g.titles[j]+":", strings.Join(lines, indent))
		}
	}
}

// painted colours lines where they are the status or the verdict of row i.
func (g grid) painted(i, j int, lines []string, o Options) []string {
	if title := g.titles[j]; g.level == nil || title != statusTitle && title != verdictTitle {
		return lines
	}
	for k, line := range lines {
		lines[k] = o.paint(g.level(i), line)
	}
	return lines
}

// String returns the text of c, "-" for none.
func (c cell) String() string {
	if len(c) == 0 {
		return "-"
	}
	return strings.Join(c, "")
}

// wrap returns the text of c in lines at most width columns wide, but for
// pieces that are wider by themselves. The blanks at a line's ends are dropped
// where it was wrapped.
func (c cell) wrap(width int) []string {
	if len(c) == 0 {
		return []string{c.String()}
	}
	var lines []string
	start, used := 0, 0
	for i, piece := range c {
		n := textWidth(piece)
		if i > start && used+n-blanks(piece) > width {
			lines = append(lines, strings.TrimRight(c.line(start, i), " "))
			start, used = i, 0
			n = textWidth(strings.TrimLeft(piece, " "))
		}
		used += n
	}
	return append(lines, c.line(start, len(c)))
}

// line joins the pieces from start to before end.
func (c cell) line(start, end int) string {
	s := strings.Join(c[start:end], "")
	if start > 0 {
		s = strings.TrimLeft(s, " ")
	}
	return s
}

// blanks counts the blanks at the end of s, which need no room on a line.
func blanks(s string) int { return len(s) - len(strings.TrimRight(s, " ")) }

// textWidth is the number of terminal columns of s, by the same measure as the
// table's and whatever the locale.
func textWidth(s string) int { return twwidth.WidthWithOptions(s, twwidth.Options{}) }

// severalNodes reports whether a reader must be shown which node is meant.
func severalNodes(r audit.Result) bool { return len(r.Nodes) > 1 }

// DropWidthCache gives up the memory in which the widths of texts are kept from
// one table to the next, for a program that writes none. Tables written after it
// are the same.
func DropWidthCache() { twwidth.SetCacheCapacity(0) }
