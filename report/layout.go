package report

import (
	"iter"
	"slices"
	"strings"

	"certaudit/audit"
)

// layout is one of several ways to show the same rows, for as much room as there is.
type layout struct {
	grid
	// tall allows the rows any number of lines.
	tall bool
	// wide allows them to be wider than the terminal: nothing is wrapped.
	wide bool
}

// choose returns the first of the layouts that fits into the width, with the width of
// each column: rows have a line each, but for a few. Without a width that is the first.
// Where none fits, ok is false, and the first is returned.
func choose(list iter.Seq[layout], width int) (first grid, widths []int, ok bool) {
	for l := range list {
		g := l.grid
		if first.titles == nil {
			first = g
		}
		if l.wide {
			width = 0
		}
		widths, fits := g.fit(width)
		if !fits {
			continue
		}
		most := max(maxExtra, len(g.rows)/maxExtraShare)
		extra := 0
		if width > 0 {
			extra = g.extra(widths)
		}
		if extra > 0 && (l.tall || extra <= maxBalance*most) {
			extra = g.balance(widths, extra)
		}
		if l.tall || extra <= most {
			return g, widths, true
		}
	}
	return first, nil, false
}

// How many lines a table may have beyond one for each row: so many, or one for so many
// rows.
const maxExtra, maxExtraShare = 2, 4

// maxBalanced are the rows of tables whose columns are balanced, and maxBalance is how
// many times as many lines as it may have a table may have before.
const maxBalanced, maxBalance = 64, 3

// balance gives room of columns to others, where that saves lines; it returns how many
// there are beyond one for each row.
func (g grid) balance(widths []int, lines int) int {
	if len(g.rows) > maxBalanced {
		return lines
	}
	_, least := g.extents()
	for better := true; better && lines > 0; {
		better = false
		for from := range widths {
			for to := range widths {
				for n := 1; from != to && widths[from]-n >= least[from]; n++ {
					widths[from], widths[to] = widths[from]-n, widths[to]+n
					if now := g.extra(widths); now < lines {
						lines, better = now, true
						break
					}
					widths[from], widths[to] = widths[from]+n, widths[to]-n
				}
			}
		}
	}
	return lines
}

// extra counts the lines that a table of these widths has beyond one for each row.
func (g grid) extra(widths []int) int {
	lines := 0
	for _, row := range g.rows {
		most := 1
		for i, c := range row {
			most = max(most, len(c.wrap(widths[i])))
		}
		lines += most - 1
	}
	return lines
}

// leaving yields layouts with fewer and fewer columns, the whole first: the titles say
// which leave, in their order, and the hint where they are to be seen.
func leaving[T any](columns []column[T], titles []string, hint string, gridOf func([]column[T]) grid) iter.Seq[layout] {
	return func(yield func(layout) bool) {
		more := yield(layout{grid: gridOf(columns)})
		for i := 0; more && i < len(titles); i++ {
			columns = slices.DeleteFunc(slices.Clone(columns), func(c column[T]) bool { return c.title == titles[i] })
			g := gridOf(columns)
			g.hint += hint
			more = yield(layout{grid: g})
		}
	}
}

// tableLayouts are those of the table of certificates: the columns of the sheet where they
// fit, then with dates and short paths, and fewer and fewer of them.
func tableLayouts(r audit.Result) iter.Seq[layout] {
	return func(yield func(layout) bool) {
		rows, f := shareSubjects(r, !exact), newFleet(r)
		gridOn := func(nodes column[subject], columns []column[subject]) grid {
			if f.several {
				columns = slices.Concat([]column[subject]{nodes}, columns)
			}
			return subjectGrid(rows, columns).marked()
		}
		if !yield(layout{grid: gridOn(nodeColumn(f), tableColumns)}) {
			return
		}
		short := shorten(rows)
		gridOf := func(columns []column[subject]) grid {
			g := gridOn(narrowNodeColumn(f), columns)
			g.hint = short.hint
			return g
		}
		for l := range leaving(shortColumns(short, tableColumns, split), leavingColumns, leftOut, gridOf) {
			if !yield(l) {
				return
			}
		}
		for _, cut := range narrowCuts {
			last := gridOn(countedNodes, shortColumns(short, narrowColumns(cut.component), cut.path))
			last.hint = short.hint + leftOut
			if !yield(layout{grid: last, tall: true}) {
				return
			}
		}
	}
}

// single is one layout, which is wrapped as much as it takes.
func single(g grid) iter.Seq[layout] {
	return func(yield func(layout) bool) { yield(layout{grid: g, tall: true}) }
}

// unwrapped is one layout, which may be wider than the terminal.
func unwrapped(g grid) iter.Seq[layout] {
	return func(yield func(layout) bool) { _ = yield(layout{grid: g}) && yield(layout{grid: g, wide: true}) }
}

// then yields a last layout behind others: their last one, wrapped as much as it takes.
func then(list iter.Seq[layout]) iter.Seq[layout] {
	return func(yield func(layout) bool) {
		var last layout
		for last = range list {
			if !yield(last) {
				return
			}
		}
		last.tall = true
		yield(last)
	}
}

// countedNodes counts the nodes of a row that has several.
var countedNodes = column[subject]{"NODE", func(c subject) cell {
	if len(c.nodes) > 1 {
		return whole(thousands(len(c.nodes)) + " nodes")
	}
	return hostNames(c.Node)
}}

// leavingColumns leave the table where there is no room for them, in this order.
var leavingColumns = []string{"ALT NAMES", "ISSUER", "ORGANIZATION", "CN", "TYPE"}

// leftOut stands below a table of which some have left.
const leftOut = "More: -o wide."

// narrowColumns are those that are left in the end.
func narrowColumns(component func(string) cell) []column[subject] {
	return []column[subject]{
		{componentTitle, func(c subject) cell { return component(c.Component) }},
		{pathTitle, place},
		{endTitle, func(c subject) cell { return rowEnd(c, minute) }},
		{statusTitle, func(c subject) cell { return names(c.Status[strings.LastIndexByte(c.Status, '/')+1:]) }},
	}
}

// narrowCuts say where the cells of narrow columns may be wrapped, that which hurts least
// first: a path is there to be copied, and its lines are more than those of the few components
// with long names.
var narrowCuts = []struct{ component, path func(string) cell }{
	{component, split},
	{componentParts, split},
	{component, chopped},
	{componentParts, chopped},
}

// shortColumns are columns with short paths and dates; cut says where a path may be
// wrapped.
func shortColumns(short shortPaths, columns []column[subject], cut func(string) cell) []column[subject] {
	columns = slices.Clone(columns)
	for i := range columns {
		switch columns[i].title {
		case pathTitle:
			columns[i].cell = func(c subject) cell {
				c.Path = short.path(c.Path)
				return cut(strings.Join(place(c), ""))
			}
		case endTitle:
			columns[i].cell = func(c subject) cell {
				out := rowEnd(c, day)
				for i := range out {
					out[i] = shortEnds.Replace(out[i])
				}
				if len(out) > 1 {
					return slices.Concat(cell{out[0] + out[1]}, out[2:])
				}
				return out
			}
		}
	}
	return columns
}

// shortEnds leaves out what the dates of a row say already.
var shortEnds = strings.NewReplacer("(expired ", "", "(", "", ")", "")

// maxPiece is how wide a piece of a text is at most where a table has little room.
const maxPiece = 24

// chopped cuts a path behind its separators, and wherever a piece were too wide.
func chopped(s string) cell {
	var out cell
	start, width := 0, 0
	for i, c := range s {
		n := textWidth(string(c))
		if i > start && (strings.IndexByte("/-._ ", s[i-1]) >= 0 || width+n > maxPiece) {
			out = append(out, s[start:i])
			start, width = i, 0
		}
		width += n
	}
	return append(out, s[start:])
}

// shortPaths leave out where most files lie, which is said once.
type shortPaths struct {
	// prefixes are folders with a slash at their end, and what stands for each.
	prefixes []shortPrefix
	// hint says what stands for them, in a line; "" for none.
	hint string
}

type shortPrefix struct{ folder, mark string }

// shorten chooses the two folders that save most in the paths of the rows. Where all paths
// are whole, nothing stands for the first of them.
func shorten(rows []subject) shortPaths {
	relative := slices.ContainsFunc(rows, func(c subject) bool { return !strings.HasPrefix(c.Path, "/") })
	var left []string
	for _, c := range rows {
		left = append(left, c.Path)
	}
	marks := []string{"", "…/"}
	if relative {
		marks = marks[1:]
	}
	var s shortPaths
	var said []string
	for _, mark := range marks {
		folder := widestFolder(left)
		if len(folder) <= len(mark) {
			break
		}
		s.prefixes = append(s.prefixes, shortPrefix{folder, mark})
		if mark == "" {
			said = append(said, "Paths below "+printable(folder))
		} else {
			said = append(said, mark+" is "+printable(folder))
		}
		left = slices.DeleteFunc(left, func(p string) bool { return strings.HasPrefix(p, folder) })
	}
	if len(said) > 0 {
		s.hint = strings.Join(said, "; ") + ". "
	}
	return s
}

// maxFolders bounds the folders of a path that are looked at.
const maxFolders = 16

// widestFolder is the folder whose name takes most room in the paths of at least two
// files; "" for none.
func widestFolder(paths []string) string {
	count := map[string]int{}
	for _, p := range paths {
		deep := 0
		for i, c := range p {
			if c == '/' && i > 0 {
				count[p[:i+1]]++
				if deep++; deep == maxFolders {
					break
				}
			}
		}
	}
	best := ""
	for folder, n := range count {
		if n < 2 {
			continue
		}
		saves, most := n*len(folder), count[best]*len(best)
		if saves > most || saves == most && folder < best {
			best = folder
		}
	}
	return best
}

// path is a path with what stands for its folder.
func (s shortPaths) path(p string) string {
	for _, prefix := range s.prefixes {
		if rest, ok := strings.CutPrefix(p, prefix.folder); ok && rest != "" {
			return prefix.mark + rest
		}
	}
	return p
}
