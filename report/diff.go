package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"certaudit/audit"
)

// DiffFormats returns the formats of certaudit diff, the default first.
func DiffFormats() []FormatOf[audit.Difference] {
	return []FormatOf[audit.Difference]{
		{Name: "text", Summary: "what changed, what got worse first", Write: writeDiff},
		{Name: "json", Summary: "the whole difference, schema " + audit.DiffSchema, Write: func(w io.Writer, d audit.Difference, _ Options) error { return writeJSONValue(w, d) }},
		{Name: "markdown", Summary: "what changed as lists, for a change request", Write: writeDiffMarkdown},
	}
}

// diffSection is a part of a difference for readers. Lines may have several, the first
// of which says what changed.
type diffSection struct {
	title string
	lines []diffLine
}

type diffLine struct {
	change string
	level  level
	text   string
	// more are further lines below.
	more []string
}

// diffSections are those that say something.
func diffSections(d audit.Difference) []diffSection {
	nodes := max(d.Old.Nodes, d.New.Nodes) > 1
	sections := []diffSection{
		{"Findings", findingLines(d, nodes)},
		{"Connections", connectionLines(d, nodes)},
		{"Certificates", certificateLines(d, nodes)},
		{"Flags", settingLines(d, nodes)},
		{"Nodes", nodeLines(d)},
		{"Seen by one side alone", gapLines(d.Unseen, nodes)},
		{"Judged by neither", gapLines(d.Neither, nodes)},
	}
	return slices.DeleteFunc(sections, func(s diffSection) bool { return len(s.lines) == 0 })
}

// nodeIn puts a node before a text where there are several.
func nodeIn(nodes bool, node, text string) string {
	if nodes && node != "" {
		return node + ": " + text
	}
	return text
}

func findingLines(d audit.Difference, nodes bool) []diffLine {
	var out []diffLine
	for _, c := range d.Findings {
		f := c.Finding
		l := diffLine{change: string(c.Change), level: levelOK, text: nodeIn(nodes, f.Node, fmt.Sprintf("%s %s %s", f.Severity, f.Check, strings.Join(nonEmpty(f.Path, f.Field), " "))), more: []string{seen(f)}}
		switch c.Change {
		case audit.ChangeNew, audit.ChangeWorse, audit.ChangeUnseen:
			l.level = severityLevel(weight(f))
		}
		if c.Was != "" && c.Was != f.Severity {
			l.more = append(l.more, fmt.Sprintf("was %s", c.Was))
		} else if c.Was != "" {
			l.more = append(l.more, map[audit.Change]string{audit.ChangeWorse: "counts again", audit.ChangeMilder: "counts no more"}[c.Change])
		}
		out = append(out, l)
	}
	return out
}

func connectionLines(d audit.Difference, nodes bool) []diffLine {
	var out []diffLine
	for _, c := range d.Connections {
		l := diffLine{change: string(c.Change), level: levelOK, text: nodeIn(nodes, c.Node, strings.Join(nonEmpty(c.Client+" -> "+c.Server, c.Address), " "))}
		verdicts := strings.Join(nonEmpty(c.Old, c.New), ", now ")
		if c.Broke() {
			l.change, l.level = "broke", level(audit.Critical)
		} else if c.Change == audit.ChangeVerdict && c.Old == audit.VerdictBroken && c.New == audit.VerdictOK {
			l.change = string(audit.ChangeFixed)
		}
		l.more = nonEmpty(strings.Join(nonEmpty(verdicts, c.Reason), ": "))
		out = append(out, l)
	}
	slices.SortStableFunc(out, func(a, b diffLine) int { return -cmp.Compare(looks[a.level].rank, looks[b.level].rank) })
	return joinAlike(out)
}

// joinAlike makes one line of those of which the same is said.
func joinAlike(lines []diffLine) []diffLine {
	var out []diffLine
	at := map[string]int{}
	for _, l := range lines {
		said := strings.Join(append([]string{l.change}, l.more...), "\x00")
		if i, known := at[said]; known {
			out[i].text += ", " + l.text
			continue
		}
		at[said], out = len(out), append(out, l)
	}
	return out
}

func certificateLines(d audit.Difference, nodes bool) []diffLine {
	var out []diffLine
	for _, c := range d.Certificates {
		l := diffLine{change: string(c.Change), level: levelOK, text: nodeIn(nodes, c.Node, strings.Join(nonEmpty(c.Path, c.Field), " "))}
		switch {
		case c.Old == nil:
			l.more = []string{fmt.Sprintf("%s, until %s", cmp.Or(c.New.CommonName, c.Role), day(c.New.NotAfter))}
		case c.New == nil:
			l.more = []string{fmt.Sprintf("%s, until %s", cmp.Or(c.Old.CommonName, c.Role), day(c.Old.NotAfter))}
		default:
			l.more = []string{fmt.Sprintf("until %s, was %s; %s", day(c.New.NotAfter), day(c.Old.NotAfter), keyWords(c.SameKey))}
		}
		for _, f := range c.Fields {
			for _, part := range []struct {
				word   string
				values []string
			}{{"new", f.New}, {"gone", f.Old}} {
				if len(part.values) > 0 {
					l.more = append(l.more, fmt.Sprintf("%s %s: %s", part.word, f.Field, strings.Join(briefList(part.values), ", ")))
				}
			}
		}
		out = append(out, l)
	}
	return out
}

// keyWords say whether the key is the same.
func keyWords(same *bool) string {
	switch {
	case same == nil:
		return "whether the key is another is not known"
	case *same:
		return "the same key"
	}
	return "a new key"
}

func settingLines(d audit.Difference, nodes bool) []diffLine {
	var out []diffLine
	for _, s := range d.Settings {
		change := audit.ChangeReplaced
		switch {
		case s.Old == "":
			change = audit.ChangeNew
		case s.New == "":
			change = audit.ChangeGone
		}
		text := nodeIn(nodes, s.Node, strings.Join(nonEmpty(s.Component, s.Name), " "))
		more := fmt.Sprintf("%s, was %s", cmp.Or(s.New, "not set"), cmp.Or(s.Old, "not set"))
		switch {
		case s.Name != "":
		case s.New == "":
			more = "nothing starts it any more"
		default:
			more = "something starts it now"
		}
		out = append(out, diffLine{change: string(change), level: levelOK, text: text, more: []string{more}})
	}
	return out
}

func nodeLines(d audit.Difference) []diffLine {
	var out []diffLine
	for _, n := range d.Nodes {
		out = append(out, diffLine{change: string(n.Change), level: levelOK, text: strings.Join(nonEmpty(n.Node, strings.Join(nonEmpty(n.Old, n.New), ", now ")), "  ")})
	}
	return out
}

func gapLines(gaps []audit.Gap, nodes bool) []diffLine {
	var out []diffLine
	for _, g := range gaps {
		out = append(out, diffLine{level: level(audit.Warning), text: nodeIn(nodes, g.Node, g.Reason)})
	}
	return out
}

// changeWidth is that of the longest word for a change.
const changeWidth = len("replaced")

// maxDiffLines bounds the lines of a section; the rest is counted.
const maxDiffLines = 200

func writeDiff(w io.Writer, d audit.Difference, o Options) error {
	if o.Width == 0 {
		o.Width = forecastWidth
	}
	var b bytes.Buffer
	b.WriteString(diffPolicies(d))
	for _, s := range diffSections(d) {
		b.WriteString(s.title + "\n\n")
		for i, l := range s.lines {
			if i == maxDiffLines {
				fmt.Fprintf(&b, "  %d more, see the json format\n", len(s.lines)-i)
				break
			}
			l.write(&b, o)
		}
		b.WriteByte('\n')
	}
	if d.Settings == nil {
		writeWrapped(&b, "", "Flags were not compared: results do not hold them.", o)
	}
	writeWrapped(&b, "", diffSummary(d), o)
	_, err := w.Write(b.Bytes())
	return err
}

// diffPolicies says which policies the sides were judged by: in one line where it is the
// same, or where there is none.
func diffPolicies(d audit.Difference) string {
	before, after := PolicyLine(d.Old.Policy), PolicyLine(d.New.Policy)
	if before == after {
		return before
	}
	var b strings.Builder
	for _, side := range []struct{ name, line string }{{"old", before}, {"new", after}} {
		b.WriteString(side.name + " " + cmp.Or(side.line, "policy: none\n"))
	}
	return b.String()
}

func (l diffLine) write(b *bytes.Buffer, o Options) {
	label := "  "
	if l.change != "" {
		label += fmt.Sprintf("%-*s  ", changeWidth, l.change)
	}
	for i, line := range wrapText(briefText(l.text), o.Width, len(label)) {
		shown := label
		if i > 0 {
			shown = strings.Repeat(" ", len(label))
		} else if l.change != "" {
			shown = "  " + o.paint(l.level, l.change) + label[2+len(l.change):]
		}
		b.WriteString(shown + line + "\n")
	}
	for _, text := range l.more {
		writeWrapped(b, strings.Repeat(" ", len(label)+2), briefText(text), o)
	}
}

// briefText is a text of which no more than a cell's worth is left; what is left over is
// escaped later.
func briefText(s string) string {
	if head, left := clip(s, maxCell); left > 0 {
		return head + fmt.Sprintf("... (%d more bytes, see the json format)", left)
	}
	return s
}

// diffSummary counts, and says what got worse.
func diffSummary(d audit.Difference) string {
	counts := map[audit.Change]int{}
	for _, f := range d.Findings {
		counts[f.Change]++
	}
	broke := 0
	for _, c := range d.Connections {
		if c.Broke() {
			broke++
		}
	}
	var parts []string
	for _, p := range []struct {
		n    int
		word string
	}{{counts[audit.ChangeNew], "new"}, {counts[audit.ChangeWorse], "worse"}, {counts[audit.ChangeFixed], "fixed"}, {counts[audit.ChangeMilder], "milder"}, {counts[audit.ChangeUnseen], "not looked for again"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.word))
		}
	}
	line := "findings: " + cmp.Or(strings.Join(parts, ", "), "none new, none fixed")
	line += fmt.Sprintf(" (%d, now %d)", d.Old.Findings, d.New.Findings)
	if broke > 0 {
		line += fmt.Sprintf("; %s broke", plural(broke, "connection"))
	}
	if len(d.Certificates) > 0 {
		line += fmt.Sprintf("; %s changed", plural(len(d.Certificates), "certificate"))
	}
	if len(d.Unseen) > 0 {
		line += "; one side did not see all that the other did"
	}
	if d.New.At.Before(d.Old.At) && minute(d.New.At) != minute(d.Old.At) {
		line += fmt.Sprintf("; NEW was judged for a time before OLD, %s and %s", minute(d.New.At), minute(d.Old.At))
	}
	return line
}

func writeDiffMarkdown(w io.Writer, d audit.Difference, _ Options) error {
	parts := []string{"**certaudit diff**: " + diffSummary(d) + "\n"}
	for _, s := range diffSections(d) {
		var b strings.Builder
		b.WriteString("### " + s.title + "\n\n")
		for i, l := range s.lines {
			if i == maxDiffLines {
				fmt.Fprintf(&b, "- %d more\n", len(s.lines)-i)
				break
			}
			b.WriteString("- " + strings.Join(nonEmpty(l.change, code(brief(l.text))), " ") + "\n")
			for _, text := range l.more {
				b.WriteString("  - " + code(brief(text)) + "\n")
			}
		}
		parts = append(parts, b.String())
	}
	if d.Settings == nil {
		parts = append(parts, "Flags were not compared: results do not hold them.\n")
	}
	_, err := io.WriteString(w, strings.Join(parts, "\n"))
	return err
}
