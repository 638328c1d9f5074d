package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"certaudit/audit"
)

// LogsFormats returns the formats of certaudit logs, the default first.
func LogsFormats() []FormatOf[audit.Logs] {
	return []FormatOf[audit.Logs]{
		{Name: "text", Summary: "what failed, the worst first, with its cause and what to do", Write: writeLogs},
		{Name: "json", Summary: "everything, schema " + audit.LogsSchema, Write: func(w io.Writer, l audit.Logs, _ Options) error { return writeJSONValue(w, l) }},
		{Name: "markdown", Summary: "what failed as a table, for a CI job summary or an issue", Write: writeLogsMarkdown},
	}
}

const (
	// logsWidth is that of a text about logs where there is no terminal.
	logsWidth = 100
	// maxEvents are the events that fill a screen.
	maxEvents = 6
)

// writeLogs writes what failed, what is not understood and what was not read, and the
// verdict in the last line.
func writeLogs(w io.Writer, l audit.Logs, o Options) error {
	if o.Width == 0 {
		o.Width = logsWidth
	}
	b := bytes.NewBufferString(PolicyLine(l.Policy) + logsSections(l, o))
	writeWrapped(b, "", logsSummary(l), o)
	_, err := w.Write(b.Bytes())
	return err
}

// logsSections are the parts of the text before the verdict, each with an empty line behind
// it; "" for none.
func logsSections(l audit.Logs, o Options) string {
	var b bytes.Buffer
	b.WriteString(logEvents(l, o))
	if len(l.Findings) > 0 {
		r := audit.Result{Findings: l.Findings}
		for _, name := range l.Nodes {
			r.Nodes = append(r.Nodes, audit.Node{Name: name})
		}
		b.WriteString(findingsSection(r, newPlanIndex(r), o) + "\n")
	}
	writeLogsList(&b, "Looks like TLS, and is not understood", unknownLines(l, o), o)
	if o.Verbose {
		writeLogsList(&b, "Read", sourceLines(l), o)
	}
	writeLogsList(&b, "Not read", unreadLogs(l), o)
	writeLogsList(&b, "Notes", l.Notes, o)
	return b.String()
}

// writeLogsList writes lines under a title; nothing for none.
func writeLogsList(b *bytes.Buffer, title string, lines []string, o Options) {
	if len(lines) == 0 {
		return
	}
	b.WriteString(title + "\n\n")
	for i, line := range lines {
		if i == maxListed && !o.Verbose {
			fmt.Fprintf(b, "  %d more, -v shows them\n", len(lines)-i)
			break
		}
		writeWrapped(b, "  ", line, o)
	}
	b.WriteByte('\n')
}

// logEvents are the events by what explains them, as many as fill a screen.
func logEvents(l audit.Logs, o Options) string {
	var b strings.Builder
	entries := l.Entries()
	for i, entry := range entries {
		if i == maxEvents && !o.Verbose {
			left := slices.Concat(entries[i:]...)
			fmt.Fprintf(&b, "%s more: %s; -v shows all\n\n", thousands(len(left)), countedEvents(left))
			break
		}
		b.WriteString(entryBlock(entry, len(l.Nodes) > 1, o) + "\n")
	}
	return b.String()
}

// entryBlock is a cause and what to do about it, and below it who says what of it; or an
// event that nothing explains for certain.
func entryBlock(entry audit.LogEntry, several bool, o Options) string {
	first, sum := entry[0], entry.Sum()
	on := func(node string) string {
		if several && node != "" {
			return "on " + node
		}
		return ""
	}
	next := []labelled{
		{"fix", nonEmpty(eventFix(first, o.Plan))},
		{"next", nonEmpty(eventNext(first, o))},
		{"run", eventCommands(first, o)},
	}
	if len(first.Causes) == 0 {
		rows := append([]labelled{{"seen", []string{eventTimes(sum)}}, {"says", nonEmpty(said(first))}, {"means", nonEmpty(eventMeaning(first, o))}}, next...)
		rows = append(rows, labelled{"line", first.Raw})
		return logBlock(sum.Severity, []string{first.Kind, eventEnds(first), on(first.Node)}, append(rows, sayings(entry[1:], o)...), o)
	}
	c := first.Causes[0]
	rows := append([]labelled{{"cause", nonEmpty(c.Message)}, {"or", otherCauses(first)}}, next...)
	rows = append(rows, labelled{"seen", []string{eventTimes(sum)}})
	return logBlock(sum.Severity, []string{cmp.Or(c.Check, first.Kind), placed(c.Path, c.Line), on(c.Node)}, append(rows, sayings(entry, o)...), o)
}

// eventLabel is how wide the labels of an entry's lines are, with what is in front of them.
const eventLabel = 11

// labelled are texts under a label.
type labelled struct {
	label string
	texts []string
}

// maxSayings are the events of one cause of which a text shows what they say.
const maxSayings = 5

// sayings are who says what of a cause; with what that means and the lines where all is
// asked for.
func sayings(events []audit.LogEvent, o Options) []labelled {
	var rows []labelled
	who := labelled{label: "who"}
	for i, e := range events {
		switch {
		case o.Verbose:
			rows = append(rows, labelled{"who", []string{saying(e)}}, labelled{"means", nonEmpty(e.Meaning)}, labelled{"line", e.Raw})
			continue
		case i == maxSayings:
			who.texts = append(who.texts, fmt.Sprintf("%d more: %s; -v shows all", len(events)-i, countedEvents(events[i:])))
			return []labelled{who}
		}
		who.texts = append(who.texts, saying(e))
	}
	return append(rows, who)
}

// saying is how often who said what of a cause.
func saying(e audit.LogEvent) string {
	return perhaps(e, fmt.Sprintf("%s× %s (%s): %s", thousands(int(e.Count)), eventEnds(e), e.Kind, said(e)))
}

// perhaps is a text about an event of an entry, which says so where the cause is not
// certain.
func perhaps(e audit.LogEvent, text string) string {
	if e.Cause != "" && (e.Tie == audit.TieOpen || e.Tie == audit.TieElsewhere) {
		return "perhaps " + text
	}
	return text
}

// said is the part of a line that tells what failed.
func said(e audit.LogEvent) string { return verifyPrefix.ReplaceAllString(e.Message, "") }

// logBlock is a headline, and labelled lines that end before the width.
func logBlock(severity audit.Severity, heads []string, rows []labelled, o Options) string {
	var b strings.Builder
	word := strings.ToUpper(printable(string(severity)))
	for i, line := range wrapText(word+"  "+strings.Join(nonEmpty(briefList(heads)...), "  "), o.Width, 4) {
		if i == 0 {
			line = o.paint(severityLevel(severity), word) + strings.TrimPrefix(line, word)
		} else {
			line = "    " + line
		}
		b.WriteString(line + "\n")
	}
	for _, row := range rows {
		label := row.label
		for _, text := range row.texts {
			for _, line := range eventText(text, row.label, o) {
				fmt.Fprintf(&b, "    %-*s%s\n", eventLabel-4, label, line)
				label = ""
			}
		}
	}
	return b.String()
}

// verifyPrefix is what crypto/tls has in front of what crypto/x509 says.
var verifyPrefix = regexp.MustCompile(`^tls: failed to verify (client )?certificate: `)

// maxSays are the lines of a message that a text shows.
const maxSays = 3

// eventText are the lines of what is said of an event: words are wrapped, a line of a log
// is cut to one unless all is asked for, and a command stays whole, to be copied.
func eventText(text, label string, o Options) []string {
	switch label {
	case "says", "who":
		return wrapText(fitted(text, maxSays*(o.Width-eventLabel), o), o.Width, eventLabel)
	case "line", "seen":
		return []string{fitted(text, o.Width-eventLabel, o)}
	case "run":
		return []string{printable(text)}
	}
	return wrapText(strings.ReplaceAll(text, "`", ""), o.Width, eventLabel) // they are Markdown's
}

// fitted is a text in printable form that is not longer than a width, unless all is asked
// for. It is cut in its middle: a failure begins with what it is, and ends with what was
// seen.
func fitted(s string, width int, o Options) string {
	s = strings.TrimSpace(brief(s))
	letters := []rune(s)
	if len(letters) <= width || o.Verbose {
		return s
	}
	const cut = "..."
	tail := max(0, width-len(cut)) / 2
	head := max(0, width-len(cut)-tail)
	return string(letters[:head]) + cut + string(letters[len(letters)-tail:])
}

// eventEnds says who refused whom.
func eventEnds(e audit.LogEvent) string {
	writer := cmp.Or(e.Component, "a program")
	other := strings.Join(nonEmpty(e.Peer, e.Address), " ")
	if e.PeerNode != "" && e.PeerNode != e.Node {
		other += " on " + e.PeerNode
	}
	if other == "" {
		other = map[string]string{"client": "its server", "server": "a client"}[e.Side]
	}
	switch {
	case e.Direction == "own":
		return writer + ", its own files"
	case e.Direction == "refuses":
		return writer + " refuses " + cmp.Or(other, "the other end")
	case e.Direction == "refused":
		return writer + " is refused by " + cmp.Or(other, "the other end")
	case other == "":
		return writer
	}
	return writer + " and " + other
}

// eventTimes says how often an event was, and when.
func eventTimes(e audit.LogEvent) string {
	text := "once"
	if e.Count != 1 {
		text = thousands(int(e.Count)) + " times"
	}
	first, last := e.First.UTC().Truncate(time.Second), e.Last.UTC().Truncate(time.Second)
	switch {
	case first.IsZero():
		return text
	case first.Equal(last):
		return text + ", " + first.Format("2006-01-02 15:04:05") + " UTC"
	case day(first) == day(last):
		return text + ", " + first.Format("2006-01-02 15:04:05") + " to " + last.Format(time.TimeOnly) + " UTC"
	}
	return text + ", " + first.Format("2006-01-02 15:04") + " to " + last.Format("2006-01-02 15:04") + " UTC"
}

// eventCauses are the causes of an event, the likeliest first; the others are counted.
func eventCauses(e audit.LogEvent) []string {
	var out []string
	for i, c := range e.Causes {
		if i == maxCauses {
			return append(out, fmt.Sprintf("and %d more, see the json format", len(e.Causes)-i))
		}
		out = append(out, causeText(c, e.Node))
	}
	return out
}

// maxCauses are the causes of an event that a text shows.
const maxCauses = 2

// otherCauses are where what else may explain an event is, and what finds it.
func otherCauses(e audit.LogEvent) []string {
	var out []string
	for _, c := range e.Causes[1:] {
		c.Message = ""
		out = append(out, causeText(c, e.Node))
	}
	if more := len(out) - maxCauses; more > 0 {
		out = append(out[:maxCauses], fmt.Sprintf("%d more, see the json format", more))
	}
	return out
}

// causeText is where a cause is, and what it is.
func causeText(c audit.LogCause, node string) string {
	where := c.Path
	if where != "" {
		where = placed(where, c.Line)
	}
	if c.Node != "" && c.Node != node {
		where += " on " + c.Node
	}
	return strings.Join(nonEmpty(strings.TrimSpace(where), c.Check, c.Message), ": ")
}

// eventMeaning is what an event means, where no cause says it or all is asked for. Without
// nodes there is much that it may mean, of which the beginning is shown.
func eventMeaning(e audit.LogEvent, o Options) string {
	switch {
	case o.Verbose:
		return e.Meaning
	case len(e.Causes) > 0:
		return ""
	case e.Tie == audit.TieNone:
		return firstSentences(e.Meaning, maxMeaning)
	}
	return e.Meaning
}

// maxMeaning is how much is shown of what an event may mean, in bytes.
const maxMeaning = 250

// firstSentences are as many whole sentences as have at most so many bytes, the first
// among them in any case.
func firstSentences(s string, most int) string {
	end := len(s)
	for i := len(s) - 2; i > 0; i-- {
		if s[i] == '.' && s[i+1] == ' ' && end > most {
			end = i + 1
		}
	}
	return s[:end]
}

// eventFix is the step of the plan that fixes the likeliest cause, or the remedy's first
// command.
func eventFix(e audit.LogEvent, plan []audit.Step) string {
	if len(e.Causes) == 0 {
		return ""
	}
	c := e.Causes[0]
	if c.Step == 0 {
		return strings.TrimSpace(strings.TrimLeft(firstCommand(c.Remedy), "# "))
	}
	title := ""
	if c.Step <= len(plan) {
		title = stepTitle(plan[c.Step-1], false)
	}
	return strings.Join(nonEmpty(fmt.Sprintf("step %d of certaudit plan", c.Step), title), ": ")
}

// firstCommand is the first line of a remedy that is no comment, or else its first line.
func firstCommand(remedy string) string {
	lines := strings.Split(strings.TrimSpace(remedy), "\n")
	for _, line := range lines {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			return line
		}
	}
	return lines[0]
}

// eventNext is what to look at or do where no step fixes the event.
func eventNext(e audit.LogEvent, o Options) string {
	switch {
	case eventFix(e, nil) != "":
		return ""
	case len(e.Commands) > 0 && !o.Verbose:
		return e.Next + " (-v shows the commands)"
	}
	return e.Next
}

// eventCommands are what is to be run for eventNext, where all is asked for.
func eventCommands(e audit.LogEvent, o Options) []string {
	if eventNext(e, o) == "" || !o.Verbose {
		return nil
	}
	return e.Commands
}

// unknownLines are the lines that look like TLS and are not understood, and how many of
// them who wrote.
func unknownLines(l audit.Logs, o Options) []string {
	var out []string
	for _, u := range l.Unknown {
		head := fmt.Sprintf("%s× %s: ", thousands(int(u.Count)), cmp.Or(u.Component, "unknown writer"))
		out = append(out, head+fitted(u.Text, o.Width-len([]rune(head))-2, o))
	}
	if l.Unlisted > 0 {
		out = append(out, "and "+countedLines(l.Unlisted)+" of other kinds")
	}
	var counts []string
	for _, c := range l.Components {
		if c.Unknown > 0 {
			counts = append(counts, fmt.Sprintf("%s %s", cmp.Or(c.Component, "unknown writer"), thousands(int(c.Unknown))))
		}
	}
	if len(counts) > 0 {
		out = append(out, "by component: "+someOf(counts, maxListed))
	}
	return out
}

// sourceLines are the logs that were read.
func sourceLines(l audit.Logs) []string {
	var out []string
	for _, s := range l.Sources {
		out = append(out, fmt.Sprintf("%s: %s, %s", s.Name, countedLines(s.Lines), cmp.Or(s.Format, "text")))
	}
	return out
}

// unreadLogs are what could not be read of logs.
func unreadLogs(l audit.Logs) []string {
	var out []string
	for _, s := range l.Sources {
		for _, problem := range s.Problems {
			out = append(out, s.Name+": "+problem)
		}
	}
	return out
}

// countedLines is a number of lines in words.
func countedLines(n int64) string {
	if n == 1 {
		return "1 line"
	}
	return thousands(int(n)) + " lines"
}

// countedEvents counts events by severity.
func countedEvents(events []audit.LogEvent) string {
	var out []string
	for _, s := range []audit.Severity{audit.Critical, audit.Warning, audit.Info} {
		n := 0
		for _, e := range events {
			if e.Severity == s {
				n++
			}
		}
		if n > 0 {
			out = append(out, fmt.Sprintf("%d %s", n, s))
		}
	}
	return strings.Join(out, ", ")
}

// logsSummary is the verdict.
func logsSummary(l audit.Logs) string {
	var lines int64 // of text a log has more: of the journal, each field is one
	for _, c := range l.Components {
		lines += c.Lines
	}
	var logs int
	for _, s := range l.Sources {
		if s.Lines > 0 {
			logs++
		}
	}
	read := countedLines(lines) + " of " + plural(logs, "log")
	line := "no TLS failure in " + read
	switch n := len(l.Events); {
	case lines == 0:
		line = "no lines were read"
	case n > 0:
		line = fmt.Sprintf("%s in %s: %s", plural(n, "TLS failure"), read, countedEvents(l.Events))
	}
	if n := len(l.Findings); n > 0 {
		line += "; " + plural(n, "finding") + " about files in use"
	}
	if l.Ungrouped > 0 {
		line += "; " + countedLines(l.Ungrouped) + " of more failures than are kept"
	}
	return line + tiedSummary(l) + incompleteLogs(l)
}

// tieWords say how far the nodes beside logs explain events, the most telling first.
var tieWords = []struct {
	tie  audit.Tie
	word string
}{
	{audit.TieCause, "explained"},
	{audit.TieRestart, "over or in need of a restart"},
	{audit.TieOver, "over"},
	{audit.TieOpen, "unexplained"},
	{audit.TieElsewhere, "from elsewhere"},
}

// tiedSummary says how far the nodes beside the logs explain the events.
func tiedSummary(l audit.Logs) string {
	switch {
	case len(l.Events) == 0:
		return ""
	case len(l.Nodes) == 0:
		return "; --root or a snapshot ties them to certificates"
	}
	where := plural(len(l.Nodes), "node")
	if len(l.Nodes) == 1 {
		where = cmp.Or(l.Nodes[0], "the node")
	}
	var counts []string
	for _, w := range tieWords {
		n := 0
		for _, e := range l.Events {
			if e.Tie == w.tie {
				n++
			}
		}
		switch {
		case n > 0 && w.tie == audit.TieCause:
			counts = append(counts, fmt.Sprintf("%d %s by %s", n, w.word, plural(explaining(l), "cause")))
		case n > 0:
			counts = append(counts, fmt.Sprintf("%d %s", n, w.word))
		}
	}
	return fmt.Sprintf("; held against %s: %s", brief(where), cmp.Or(strings.Join(counts, ", "), "none explained"))
}

// explaining counts the causes that explain events.
func explaining(l audit.Logs) int {
	n := 0
	for _, entry := range l.Entries() {
		if entry[0].Tie == audit.TieCause {
			n++
		}
	}
	return n
}

func incompleteLogs(l audit.Logs) string {
	if l.Incomplete && slices.ContainsFunc(l.Components, func(c audit.LogCount) bool { return c.Lines > 0 }) {
		return "; not everything was read"
	}
	return ""
}

// LogEventKey is the same for an event of a log that is read on.
func LogEventKey(e audit.LogEvent) string {
	return strings.Join([]string{e.Kind, e.Node, e.Component, e.Peer, e.Address, e.Direction, e.Source, fmt.Sprint(e.Line), e.Message}, "\x00")
}

// WriteLogEventLine writes one line about an event that has happened so many times since
// it was last told of; all of its times are told of where it never was.
func WriteLogEventLine(w io.Writer, e audit.LogEvent, times int64, o Options) error {
	parts := nonEmpty(logTime(e), o.paint(severityLevel(e.Severity), strings.ToUpper(printable(string(e.Severity)))), printable(e.Kind), printable(eventEnds(e)))
	text := strings.Join(parts, "  ")
	switch {
	case times < e.Count:
		text += fmt.Sprintf(": %s more, %s in all", thousands(int(times)), thousands(int(e.Count)))
	default:
		text += ": " + brief(e.Message)
		if times > 1 {
			text += fmt.Sprintf(" (%s times)", thousands(int(times)))
		}
		if causes := eventCauses(e); len(causes) > 0 {
			text += "; cause: " + brief(causes[0])
		}
	}
	_, err := fmt.Fprintln(w, text)
	return err
}

// logTime is when an event was last; "" where no line says so.
func logTime(e audit.LogEvent) string {
	if e.Last.IsZero() {
		return ""
	}
	return e.Last.UTC().Format(time.TimeOnly)
}

// logsSection is what logs beside a result say, with a line that sums it up; "" where none
// were read.
func logsSection(r audit.Result, o Options) string {
	if r.Logs == nil {
		return ""
	}
	if o.Width == 0 {
		o.Width = logsWidth
	}
	o.Plan = r.Plan
	b := bytes.NewBufferString("Logs\n\n" + logsSections(*r.Logs, o))
	writeWrapped(b, "", logsSummary(*r.Logs), o)
	return b.String()
}

func writeLogsMarkdown(w io.Writer, l audit.Logs, o Options) error {
	_, err := io.WriteString(w, strings.Join(append([]string{"**certaudit logs**: " + code(logsSummary(l)) + "\n"}, logsMarkdown(l, o)...), "\n"))
	return err
}

// logsMarkdown are the sections of what logs say.
func logsMarkdown(l audit.Logs, o Options) []string {
	var parts []string
	var rows [][]string
	for _, entry := range l.Entries() {
		first, sum := entry[0], entry.Sum()
		var says []string
		for _, e := range entry {
			says = append(says, saying(e))
		}
		rows = append(rows, codes(string(sum.Severity), strings.Join(append(eventCauses(first), nonEmpty(eventMeaning(first, Options{}))...), "; "),
			cmp.Or(eventFix(first, o.Plan), eventNext(first, Options{})), first.Node, eventTimes(sum), strings.Join(says, "; ")))
	}
	if len(rows) > 0 {
		parts = append(parts, "### TLS failures in logs\n\n"+markdownTable([]string{"Severity", "Cause", "Do", "Node", "When", "Who"}, rows))
	}
	if len(l.Findings) > 0 {
		parts = append(parts, markdownFindings(audit.Result{Findings: l.Findings}))
	}
	for _, s := range []struct {
		title string
		lines []string
	}{
		{"Looks like TLS, and is not understood", unknownLines(l, Options{Width: maxCell})},
		{"Not read", unreadLogs(l)},
		{"Notes", l.Notes},
	} {
		if len(s.lines) > 0 {
			parts = append(parts, "### "+s.title+"\n\n"+markdownList(s.lines))
		}
	}
	return parts
}
