package report

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"certaudit/audit"
)

// writeNotes writes what stands below the table: findings, the plan in short, what
// was not judged, and the summary line.
func writeNotes(b *bytes.Buffer, r audit.Result, o Options) {
	for _, section := range []string{findingsSection(r, o), planSection(r), omissionsSection(r, o), summaryLine(r)} {
		if section == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(section)
	}
}

// findingsSection lists the findings, worst first.
func findingsSection(r audit.Result, o Options) string {
	if len(r.Findings) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("Findings\n")
	for _, f := range worstFirst(r.Findings) {
		b.WriteString("\n" + findingBlock(f, r.Plan, severalNodes(r), o))
	}
	return b.String()
}

// planSection is the plan in short, one line a step.
func planSection(r audit.Result) string {
	if len(r.Plan) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("Plan (certaudit plan prints the commands)\n\n")
	for i, s := range r.Plan {
		fmt.Fprintf(&b, "  %2d. %s\n", i+1, stepTitle(s, severalNodes(r)))
	}
	return b.String()
}

// worstFirst returns a new slice of findings, the worst first and otherwise in
// their order.
func worstFirst(findings []audit.Finding) []audit.Finding {
	sorted := slices.Clone(findings)
	slices.SortStableFunc(sorted, func(a, b audit.Finding) int { return cmp.Compare(b.Severity.Rank(), a.Severity.Rank()) })
	return sorted
}

// findingBlock is one finding: a headline and labelled lines. Only the message
// is wrapped: a place and a command are there to be copied.
func findingBlock(f audit.Finding, plan []audit.Step, nodes bool, o Options) string {
	var b strings.Builder
	b.WriteString(headline(f, nodes, o) + "\n")
	for _, part := range []struct {
		label string
		lines []string
	}{
		{"at:", nonEmpty(findingPlace(f))},
		{"ignored:", nonEmpty(printable(ignoredFor(f)))},
		{"seen:", wrapText(f.Message, o.Width, len(indent))},
		{"explains:", nonEmpty(printable(consequences(f)))},
		{"breaks:", nonEmpty(printable(strings.Join(f.Breaks, ", ")))},
		{"remedy:", nonEmpty(remedyLines(f, plan)...)},
		{"source:", nonEmpty(printable(f.Reference))},
	} {
		for i, line := range part.lines {
			if i > 0 {
				part.label = ""
			}
			fmt.Fprintf(&b, "  %-*s%s\n", len(indent)-2, part.label, line)
		}
	}
	return b.String()
}

// remedyLines are the steps of the plan that fix a finding, by their numbers, or the
// remedy itself where no plan has any.
func remedyLines(f audit.Finding, plan []audit.Step) []string {
	var out []string
	for i, s := range plan {
		if s.Node == f.Node && slices.Contains(s.Findings, f.Label()) && (s.Phase == audit.PhasePlace || s.Phase == audit.PhaseFollow || s.Phase == audit.PhaseAsk) {
			out = append(out, fmt.Sprintf("step %d: %s", i+1, stepTitle(s, false)))
		}
	}
	if len(out) == 0 {
		return printableLines(f.Remedy)
	}
	return out
}

// consequences counts what follows from a finding by its checks; "" for nothing.
func consequences(f audit.Finding) string {
	counts := map[string]int{}
	for _, c := range f.Causes {
		counts[c.Check]++
	}
	var out []string
	for _, check := range slices.Sorted(maps.Keys(counts)) {
		out = append(out, fmt.Sprintf("%s (%d)", check, counts[check]))
	}
	return strings.Join(out, ", ")
}

// indent is where the text of a finding's lines begins.
const indent = "           "

func headline(f audit.Finding, nodes bool, o Options) string {
	parts := nonEmpty(severityWord(f, o), printable(f.Check), printable(f.Component))
	if nodes && f.Node != "" {
		parts = append(parts, "on "+printable(f.Node))
	}
	return strings.Join(parts, "  ")
}

// severityWord is the severity of a finding in capitals.
func severityWord(f audit.Finding, o Options) string {
	return o.paint(severityLevel(f.Severity), strings.ToUpper(printable(string(f.Severity))))
}

// findingPlace is "path:line  field" with what is known of it.
func findingPlace(f audit.Finding) string {
	where := ""
	if f.Path != "" {
		where = placed(printable(f.Path), f.Line)
	}
	return strings.Join(nonEmpty(where, printable(f.Field)), "  ")
}

// omission is one reason why something was not judged: by which checks, and, where
// there are several nodes, on which.
type omission struct {
	Checks        []string
	Where, Reason string
}

// omissions lists what was not judged, one entry for each reason.
func omissions(r audit.Result) []omission {
	type cause struct{ reason, check string }
	var onNodes groups[cause]
	for _, o := range r.Outcomes {
		if isPartial(o) {
			onNodes.add(cause{unjudged(o), o.Check}, o.Node)
		}
	}
	type place struct{ reason, where string }
	var ofChecks groups[place]
	for _, c := range onNodes.keys {
		where := ""
		if severalNodes(r) {
			where = nodeList(onNodes.members[c])
		}
		ofChecks.add(place{c.reason, where}, c.check)
	}
	var left []omission
	for _, p := range ofChecks.keys {
		left = append(left, omission{ofChecks.members[p], p.where, p.reason})
	}
	return left
}

// omissionsSection lists the omissions, one line for each.
func omissionsSection(r audit.Result, o Options) string {
	left := omissions(r)
	if len(left) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("Not judged\n\n")
	for _, g := range left {
		text := strings.Join(g.Checks, ", ") + g.Where + ": " + g.Reason
		b.WriteString("  " + strings.Join(wrapText(text, o.Width, 4), "\n    ") + "\n")
	}
	return b.String()
}

// groups collects members under keys, both in the order they came.
type groups[K comparable] struct {
	keys    []K
	members map[K][]string
}

func (g *groups[K]) add(key K, member string) {
	if g.members == nil {
		g.members = map[K][]string{}
	}
	if g.members[key] == nil {
		g.keys = append(g.keys, key)
	}
	g.members[key] = append(g.members[key], member)
}

// maxNodes are named before they are only counted.
const maxNodes = 3

// nodeList says on which nodes, nothing for a check of the whole cluster.
func nodeList(nodes []string) string {
	nodes = distinct(nonEmpty(nodes...))
	switch {
	case len(nodes) == 0:
		return ""
	case len(nodes) > maxNodes:
		return fmt.Sprintf(" on %d nodes", len(nodes))
	}
	return " on " + strings.Join(nodes, ", ")
}

// summaryLine counts, and says when the next certificate expires.
func summaryLine(r audit.Result) string {
	s := r.Summary
	line := plural(s.Certificates, "certificate")
	switch {
	case s.Requests > 0:
		line = fmt.Sprintf("%s, %s issued", plural(s.Requests, "request"), line)
	case s.Certificates == 0:
		line = "no certificates found"
	}
	counts := slices.DeleteFunc([]string{
		fmt.Sprintf("%d critical", s.Critical),
		fmt.Sprintf("%d warning", s.Warning),
		fmt.Sprintf("%d info", s.Info),
		fmt.Sprintf("%d waived", s.Waived),
		fmt.Sprintf("%d known", s.Known),
	}, func(c string) bool { return strings.HasPrefix(c, "0 ") })
	switch {
	case len(counts) > 0:
		line += ": " + strings.Join(counts, ", ")
	case s.Certificates+s.Requests > 0:
		line += ": no findings"
	}
	if !s.NextExpiry.IsZero() {
		line += fmt.Sprintf("; next expiry %s (%s)", day(s.NextExpiry), remainingDays(s.NextExpiry, r.At))
	}
	return line + unfinished(r) + "\n"
}

// unfinished is what a summary adds where something could not be read or judged.
func unfinished(r audit.Result) string {
	if r.Summary.Incomplete {
		return "; the audit is incomplete"
	}
	return ""
}

// wrapText returns s in printable lines that end before width when they begin
// at column start; a width of 0 leaves it one line. An empty s has no lines.
func wrapText(s string, width, start int) []string {
	c := split(printable(s))
	if len(c) == 0 {
		return nil
	}
	if width == 0 {
		return []string{c.String()}
	}
	return c.wrap(max(1, width-start))
}

// nonEmpty returns a new slice of those that are not empty.
func nonEmpty(list ...string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == "" })
}

// distinct sorts values and returns each once.
func distinct(values []string) []string {
	slices.Sort(values)
	return slices.Compact(values)
}
