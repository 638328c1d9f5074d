package report

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"certaudit/audit"
)

// writeNotes writes what stands below the table: findings, the plan in short, how much
// was not judged, and the summary line.
func writeNotes(b *bytes.Buffer, r audit.Result, o Options) error {
	plan := newPlanIndex(r)
	nodes, err := nodesSection(r, o)
	if err != nil {
		return err
	}
	last := []string{planSection(r, plan, o), omissionsSection(r, o), summaryLine(r)}
	if !o.Verbose {
		last = []string{strings.Join(last, "")}
	}
	for _, section := range slices.Concat([]string{findingsSection(r, plan, o), logsSection(r, o), nodes}, last) {
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

// findingsSection lists the findings in the order of their urgency; what several nodes
// share once.
func findingsSection(r audit.Result, plan *planIndex, o Options) string {
	var b strings.Builder
	f := newFleet(r)
	for _, g := range shareFindings(r) {
		b.WriteString(findingBlock(g, f, remedyLines(g, r, plan), o))
	}
	return b.String()
}

// maxPlans is how many different plans of nodes are shown in short.
const maxPlans = 20

// planSection is the plan in short: how many steps it has, and what they restart. Verbose,
// it has a line for each step. That of several nodes is said once.
func planSection(r audit.Result, plan *planIndex, o Options) string {
	if len(r.Plan) == 0 {
		return ""
	}
	if !severalNodes(r) && !o.Verbose {
		return wrapLine("Plan: "+planBrief(r, plan.plans[0])+"; certaudit plan prints them with their commands\n", o)
	}
	var b strings.Builder
	b.WriteString("Plan (certaudit plan prints the commands)\n")
	for i, p := range plan.plans {
		if i == maxPlans {
			fmt.Fprintf(&b, "  and %s more; certaudit plan on a node prints its own\n", plural(len(plan.plans)-i, "other plan"))
			break
		}
		head := planHead(r, p)
		if !o.Verbose {
			b.WriteString("  " + wrapLine(strings.TrimLeft(head+" ", " ")+planBrief(r, p)+"\n", o.narrower(2)))
			continue
		}
		if head != "" {
			b.WriteString("  " + head + "\n")
		}
		for _, step := range p.steps {
			fmt.Fprintf(&b, "  %2d. %s\n", step+1, p.title(r.Plan[step]))
		}
	}
	return b.String()
}

// planBrief counts the steps of a plan, and names those that restart something: "22 steps,
// 1 by hand, with "restart the kubelet"".
func planBrief(r audit.Result, p sharedPlan) string {
	manual := 0
	var restarts []string
	for _, i := range p.steps {
		switch s := r.Plan[i]; {
		case s.Manual():
			manual++
		case s.Phase == audit.PhaseRestart:
			restarts = append(restarts, strconv.Quote(p.title(s)))
		}
	}
	text := plural(len(p.steps), "step")
	if manual > 0 {
		text += fmt.Sprintf(", %d by hand", manual)
	}
	if len(restarts) > 0 {
		text += ", with " + strings.Join(restarts, ", ")
	}
	return text
}

// planHead says on which nodes the steps are to be done; "" where there is one node.
func planHead(r audit.Result, p sharedPlan) string {
	if !severalNodes(r) || p.nodes[0] == "" {
		return ""
	}
	head := "on " + printable(someNodes(p.nodes))
	if len(p.nodes) > 1 {
		head += ", one after the other"
	}
	return head + ":"
}

// title is that of a step, in words that hold for all nodes of the plan.
func (p sharedPlan) title(s audit.Step) string {
	if len(p.nodes) > 1 {
		s.Title = nodeless(s.Title, s.Node)
	}
	return stepTitle(s, false)
}

// labelWidth is the room for the words before the lines of a finding.
const labelWidth = 5

// maxRemedy is the length of a remedy that a table shows of a finding.
const maxRemedy = 200

// findingBlock is one finding: what was seen, where, and what to do, a line each where
// there is room. A place is never wrapped: it is there to be copied.
func findingBlock(g sharedFinding, all fleet, remedy []string, o Options) string {
	var b strings.Builder
	f := g.Finding
	for i, line := range wrapText(headline(g, all)+": "+what(f, o), o.Width, len(indent)) {
		if rest, ok := strings.CutPrefix(line, severityWord(f)); i == 0 && ok {
			line = o.paint(severityLevel(f.Severity), severityWord(f)) + rest
		} else if i > 0 {
			line = indent + line
		}
		b.WriteString(line + "\n")
	}
	labelled := o.narrower(len(indent) + labelWidth)
	parts := []struct {
		label string
		lines []string
	}{
		{"on", wrapText(g.list(), labelled.Width, 0)},
		{"at", nonEmpty(ownedPlace(f))},
		{"fix", toDo(remedy, labelled)},
	}
	if o.Verbose {
		parts = append(parts, struct {
			label string
			lines []string
		}{"see", nonEmpty(printable(f.Reference))})
	}
	for _, part := range parts {
		for i, line := range part.lines {
			if i > 0 {
				part.label = ""
			}
			fmt.Fprintf(&b, "%s%-*s%s\n", indent, labelWidth, part.label, line)
		}
	}
	return b.String()
}

// toDo are the lines of a remedy, the first alone unless the reader wants all. Sentences
// are wrapped; commands are there to be copied.
func toDo(remedy []string, o Options) []string {
	if !o.Verbose {
		remedy = shortRemedy(remedy)
	}
	var out []string
	for _, line := range remedy {
		sentence := strings.HasPrefix(line, "# ") || strings.HasPrefix(line, "step")
		if len(remedy) == 1 {
			line = strings.TrimPrefix(line, "# ")
		}
		if !sentence {
			out = append(out, nonEmpty(line)...)
			continue
		}
		out = append(out, wrapText(line, o.Width, 0)...)
	}
	return out
}

// shortRemedy is the first of some lines, or as much of it as there is room for.
func shortRemedy(lines []string) []string {
	if len(lines) == 0 {
		return nil
	}
	head, left := clip(lines[0], maxRemedy)
	switch {
	case left > 0:
		head += "... (--verbose has all of it)"
	case len(lines) > 1:
		head += fmt.Sprintf(" (--verbose has %s)", plural(len(lines)-1, "more line"))
	}
	return []string{head}
}

// what is the message of a finding with what follows from it.
func what(f audit.Finding, o Options) string {
	return strings.Join(nonEmpty(seen(f), impact(f, o), consequences(f)), "; ")
}

// maxBroken are the connections that a finding names.
const maxBroken = 2

// impact says which connections a finding breaks: all of a few, or all where the reader
// wants to know everything.
func impact(f audit.Finding, o Options) string {
	switch n := len(f.Breaks); {
	case n == 0:
		return ""
	case n > maxBroken && !o.Verbose:
		return fmt.Sprintf("breaks %d connections, such as %s", n, f.Breaks[0])
	}
	return "breaks " + strings.Join(f.Breaks, ", ")
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

// consequences counts what follows from a finding by its checks, "explains
// chain/wrong-issuer (3)"; "" for nothing.
func consequences(f audit.Finding) string {
	counts := map[string]int{}
	for _, c := range f.Causes {
		counts[c.Check]++
	}
	var out []string
	for _, check := range slices.Sorted(maps.Keys(counts)) {
		out = append(out, fmt.Sprintf("%s (%d)", check, counts[check]))
	}
	if len(out) == 0 {
		return ""
	}
	return "explains " + strings.Join(out, ", ")
}

// narrower has so many columns less, of a terminal.
func (o Options) narrower(n int) Options {
	if o.Width > 0 {
		o.Width = max(1, o.Width-n)
	}
	return o
}

// indent is where the lines of a finding begin behind its first.
const indent = "    "

// headline is the severity with its mark, the check and, where there are several, the
// nodes.
func headline(g sharedFinding, all fleet) string {
	parts := []string{severityWord(g.Finding), g.Check}
	if all.several && len(g.nodes) > 0 {
		parts = append(parts, "on "+all.nodes(g.nodes))
	}
	return strings.Join(parts, " ")
}

// severityWord is the severity of a finding in capitals, behind its mark.
func severityWord(f audit.Finding) string {
	return looks[severityLevel(f.Severity)].mark + " " + strings.ToUpper(printable(string(f.Severity)))
}

// findingPlace is "path:line  field" with what is known of it.
func findingPlace(f audit.Finding) string {
	where := ""
	if f.Path != "" {
		where = placed(printable(f.Path), f.Line)
	}
	return strings.Join(nonEmpty(where, printable(f.Field)), "  ")
}

// ownedPlace is the same with the component, where the field does not begin with it.
func ownedPlace(f audit.Finding) string {
	if f.Component != audit.ComponentFile && !strings.HasPrefix(f.Field, f.Component) {
		f.Field = strings.TrimSpace(f.Component + " " + f.Field)
	}
	return findingPlace(f)
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
	nodes := newFleet(r)
	said := map[string]string{}
	for _, o := range r.Outcomes {
		if !isPartial(o) {
			continue
		}
		reason := unjudged(o)
		if severalNodes(r) {
			// Of one node the reason stays as it is.
			shared := nodes.general(reason, o.Node)
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

// omissionsSection lists the omissions, one line for each, or counts those that are more
// than one.
func omissionsSection(r audit.Result, o Options) string {
	left := omissions(r)
	if len(left) == 0 {
		return ""
	}
	text := strings.Join(left[0].Checks, ", ") + left[0].Where + ": " + left[0].Reason
	if !o.Verbose && len(left) == 1 && len(text) <= maxRemedy {
		return wrapLine("Not judged: "+text+"\n", o)
	}
	if !o.Verbose {
		checks := map[string]bool{}
		for _, g := range left {
			for _, check := range g.Checks {
				checks[check] = true
			}
		}
		return wrapLine(fmt.Sprintf("Not judged: part of %s, for %s; --verbose says which and why\n", plural(len(checks), "check"), plural(len(left), "reason")), o)
	}
	var b strings.Builder
	b.WriteString("Not judged\n")
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

// summaryLine is the verdict: how many certificates, what was found, the worst of it, the
// next expiry, and whether the audit is complete.
func summaryLine(r audit.Result) string { return summaryIn(r, printable) }

// summaryIn is the summaryLine with names of the node as shown makes them.
func summaryIn(r audit.Result, shown func(string) string) string {
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
	line += worst(entire(r), shown)
	if hidden := Hidden(r); hidden != "" {
		line += "; not shown: " + hidden
	}
	if !s.NextExpiry.IsZero() {
		line += fmt.Sprintf("; next expiry %s (%s)", day(s.NextExpiry), remainingDays(s.NextExpiry, r.At))
	}
	return line + unfinished(r) + "\n"
}

// entire is a result with what a filter hides.
func entire(r audit.Result) audit.Result {
	if r.Shown != nil && r.Shown.Whole != nil {
		return *r.Shown.Whole
	}
	return r
}

// Hidden says how much of a result a filter hides, "5 findings, 12 certificates"; "" for
// nothing.
func Hidden(r audit.Result) string {
	if r.Shown == nil {
		return ""
	}
	var parts []string
	if n := r.Shown.HiddenFindings; n > 0 {
		parts = append(parts, plural(n, "finding"))
	}
	if n := r.Shown.HiddenCertificates; n > 0 {
		parts = append(parts, plural(n, "certificate"))
	}
	return strings.Join(parts, ", ")
}

// maxName is how much of a file's name the summary has.
const maxName = 256

// worst names the most urgent of the findings that count, at warning or above; "" for
// none.
func worst(r audit.Result, shown func(string) string) string {
	f, ok := mostUrgent(r)
	if !ok || !f.Counts() || f.Severity.Rank() <= audit.Info.Rank() {
		return ""
	}
	text := "; worst " + shown(f.Check)
	if f.Path != "" {
		name, _ := clip(path.Base(f.Path), maxName)
		text += " of " + shown(name)
	}
	if severalNodes(r) && f.Node != "" {
		text += " on " + shown(f.Node)
	}
	return text
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

// unfinished is what a summary adds: whether something could not be read or judged.
func unfinished(r audit.Result) string {
	return cmp.Or(incompleteness(r), "; complete")
}

// incompleteness is what a summary adds where something could not be read or judged.
func incompleteness(r audit.Result) string {
	if r.Summary.Incomplete {
		return "; the audit is incomplete"
	}
	return ""
}

// incomplete is the first line of an audit that could not read or judge everything; ""
// for one that could.
func incomplete(r audit.Result, o Options) string {
	if !r.Summary.Incomplete {
		return ""
	}
	whole := entire(r)
	why, node := "nothing was found to judge", ""
	if i := slices.IndexFunc(whole.Outcomes, func(out audit.Outcome) bool { return out.State == audit.Incomplete }); i >= 0 {
		out := whole.Outcomes[i]
		why, node = out.Check+": "+unjudged(out), out.Node
		if i := slices.IndexFunc(whole.Findings, func(f audit.Finding) bool { return f.Check == out.Check && f.Node == out.Node }); i >= 0 {
			why = strings.Join(nonEmpty(whole.Findings[i].Path, whole.Findings[i].Message), ": ")
		}
	}
	if i := slices.IndexFunc(whole.Findings, func(f audit.Finding) bool { return f.Obstacle == audit.ObstacleDenied }); i >= 0 {
		why, node = whole.Findings[i].Message, whole.Findings[i].Node
	}
	if node != "" && severalNodes(whole) {
		why = node + ": " + why
	}
	mark := looks[level(audit.Warning)].mark
	return o.paint(level(audit.Warning), mark+" INCOMPLETE") + strings.TrimPrefix(wrapLine(mark+" INCOMPLETE: "+why, o), mark+" INCOMPLETE") + "\n"
}

// wrapLine is a text of one line, wrapped to the width.
func wrapLine(s string, o Options) string {
	return strings.Join(wrapText(strings.TrimSuffix(s, "\n"), o.Width, 0), "\n") + "\n"
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
