package report

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"certaudit/audit"
)

// writeNotes writes what stands below the table: findings, the plan in short, what
// was not judged, and the summary line.
func writeNotes(b *bytes.Buffer, r audit.Result, o Options) error {
	plan := newPlanIndex(r)
	nodes, err := nodesSection(r, o)
	if err != nil {
		return err
	}
	for _, section := range []string{findingsSection(r, plan, o), logsSection(r, o), planSection(r, plan), omissionsSection(r, o), nodes, summaryLine(r)} {
		if section == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(section)
	}
	return nil
}

// findingsSection lists the findings, worst first; what several nodes share once.
func findingsSection(r audit.Result, plan *planIndex, o Options) string {
	if len(r.Findings) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("Findings\n")
	f := newFleet(r)
	for _, g := range shareFindings(r) {
		b.WriteString("\n" + findingBlock(g, f, remedyLines(g, r, plan), o))
	}
	return b.String()
}

// maxPlans is how many different plans of nodes are shown in short.
const maxPlans = 20

// planSection is the plan in short, one line a step; that of several nodes once, by the
// numbers of the steps of the first.
func planSection(r audit.Result, plan *planIndex) string {
	if len(r.Plan) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("Plan (certaudit plan prints the commands)\n")
	for i, p := range plan.plans {
		if i == maxPlans {
			fmt.Fprintf(&b, "\n  and %s more; certaudit plan on a node prints its own\n", plural(len(plan.plans)-i, "other plan"))
			break
		}
		b.WriteString("\n" + planHead(r, p))
		for _, step := range p.steps {
			fmt.Fprintf(&b, "  %2d. %s\n", step+1, p.title(r.Plan[step]))
		}
	}
	return b.String()
}

// planHead says on which nodes the steps are to be done; "" where there is one node.
func planHead(r audit.Result, p sharedPlan) string {
	if !severalNodes(r) || p.nodes[0] == "" {
		return ""
	}
	head := "  on " + printable(someNodes(p.nodes))
	if len(p.nodes) > 1 {
		head += ", one after the other"
	}
	return head + ":\n"
}

// title is that of a step, in words that hold for all nodes of the plan.
func (p sharedPlan) title(s audit.Step) string {
	if len(p.nodes) > 1 {
		s.Title = nodeless(s.Title, s.Node)
	}
	return stepTitle(s, false)
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
func findingBlock(g sharedFinding, all fleet, remedy []string, o Options) string {
	var b strings.Builder
	f := g.Finding
	b.WriteString(headline(g, all, o) + "\n")
	for _, part := range []struct {
		label string
		lines []string
	}{
		{"nodes:", nonEmpty(g.list())},
		{"at:", nonEmpty(findingPlace(f))},
		{"ignored:", nonEmpty(printable(ignoredFor(f)))},
		{"seen:", wrapText(f.Message, o.Width, len(indent))},
		{"explains:", nonEmpty(printable(consequences(f)))},
		{"breaks:", nonEmpty(printable(strings.Join(f.Breaks, ", ")))},
		{"remedy:", nonEmpty(remedy...)},
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

// list names the nodes of a finding that the headline only counts.
func (g sharedFinding) list() string {
	if len(g.nodes) <= maxNodes {
		return ""
	}
	return printable(someNodes(g.nodes))
}

// maxSteps are the numbers of steps with one title.
const maxSteps = 5

// remedyLines are the steps of the plan that fix a finding, by their numbers, or the
// remedy itself where no plan has any.
func remedyLines(g sharedFinding, r audit.Result, plan *planIndex) []string {
	var titles groups[string]
	for _, i := range plan.of(g, r.Findings) {
		s := r.Plan[i]
		if len(g.nodes) > 1 {
			s.Title = nodeless(s.Title, s.Node)
		}
		titles.add(stepTitle(s, false), strconv.Itoa(i+1))
	}
	if len(titles.keys) == 0 {
		return ownRemedy(g)
	}
	var out []string
	for _, title := range titles.keys {
		numbers, word := titles.members[title], "steps "
		if len(numbers) == 1 {
			word = "step "
		}
		if len(numbers) > maxSteps {
			numbers = append(numbers[:maxSteps:maxSteps], thousands(len(numbers)-maxSteps)+" more")
		}
		out = append(out, word+strings.Join(numbers, ", ")+": "+title)
	}
	return out
}

// ownRemedy is the remedy of a finding, which may be that of the first of its nodes
// alone.
func ownRemedy(g sharedFinding) []string {
	lines := printableLines(strings.TrimRight(g.Remedy, "\n"))
	if g.ownRemedy {
		lines = append([]string{"# on " + printable(g.nodes[0]) + "; certaudit plan prints that of each other node there"}, lines...)
	}
	return lines
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

func headline(g sharedFinding, all fleet, o Options) string {
	f := g.Finding
	parts := nonEmpty(severityWord(f, o), printable(f.Check), printable(f.Component))
	if all.several && len(g.nodes) > 0 {
		parts = append(parts, "on "+printable(all.nodes(g.nodes)))
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
	said := map[string]string{}
	for _, o := range r.Outcomes {
		if !isPartial(o) {
			continue
		}
		reason := unjudged(o)
		if severalNodes(r) {
			// Of one node the reason stays as it is.
			shared := nodeless(reason, o.Node)
			if known, ok := said[shared]; ok && known != reason {
				said[shared] = shared
			} else {
				said[shared] = reason
			}
			reason = shared
		} else {
			said[reason] = reason
		}
		onNodes.add(cause{reason, o.Check}, o.Node)
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
		left = append(left, omission{ofChecks.members[p], p.where, said[p.reason]})
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
	if severalNodes(r) {
		line += fmt.Sprintf(" on %d nodes", len(r.Nodes))
	}
	counts := counted(s)
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

// counted are the counts of a summary that are not 0.
func counted(s audit.Summary) []string {
	return slices.DeleteFunc([]string{
		fmt.Sprintf("%d critical", s.Critical),
		fmt.Sprintf("%d warning", s.Warning),
		fmt.Sprintf("%d info", s.Info),
		fmt.Sprintf("%d waived", s.Waived),
		fmt.Sprintf("%d known", s.Known),
	}, func(c string) bool { return strings.HasPrefix(c, "0 ") })
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
