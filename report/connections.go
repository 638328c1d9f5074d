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

// ConnectionFormats returns the formats of the connections alone, the default
// first.
func ConnectionFormats() []Format {
	all := []Format{{Name: "table", Summary: "who talks to whom, and whether they would accept each other", Write: writeConnections}}
	for _, f := range Formats() {
		if slices.Contains([]string{"json", "mermaid", "dot"}, f.Name) {
			all = append(all, f)
		}
	}
	return all
}

// connectionColumns are the columns of the connections table.
var connectionColumns = []column[audit.Connection]{
	{"CLIENT", func(c audit.Connection) cell { return names(c.Client) }},
	{"SERVER", func(c audit.Connection) cell { return names(c.Server) }},
	{"ADDRESS", func(c audit.Connection) cell { return names(c.Address) }},
	{"SERVER TRUST", func(c audit.Connection) cell { return names(c.ServerTrust) }},
	{"CLIENT TRUST", func(c audit.Connection) cell { return names(c.ClientTrust) }},
	{"IDENTITY", func(c audit.Connection) cell { return names(c.Identity) }},
	{verdictTitle, func(c audit.Connection) cell { return names(c.Status) }},
}

// leavingConnections leave the table where there is no room for them.
var leavingConnections = []string{"IDENTITY", "ADDRESS", "CLIENT TRUST", "SERVER TRUST"}

// connectionNode is the first column where a result has several nodes.
var connectionNode = column[audit.Connection]{"NODE", func(c audit.Connection) cell { return whole(c.Node) }}

// writeConnections writes the connections as a table, then the reasons of those
// that are not ok, then one summary line.
func writeConnections(w io.Writer, r audit.Result, o Options) error {
	columns := connectionColumns
	if severalNodes(r) {
		columns = slices.Concat([]column[audit.Connection]{connectionNode}, columns)
	}
	var b bytes.Buffer
	gridOf := func(columns []column[audit.Connection]) grid { return newGrid(columns, r.Connections) }
	if err := writeLayouts(&b, then(leaving(columns, leavingConnections, "More: -o json.", gridOf)), o); err != nil {
		return err
	}
	b.WriteString(connectionReasons(r, o))
	fmt.Fprintf(&b, "\n%s\n", connectionSummary(r))
	_, err := w.Write(bytes.TrimLeft(b.Bytes(), "\n"))
	return err
}

// connectionReasons says why connections are not ok, those that are broken
// first and in colour; one reason of several connections is said once.
func connectionReasons(r audit.Result, o Options) string {
	var b strings.Builder
	for _, status := range []string{audit.VerdictBroken, audit.VerdictUnknown, audit.VerdictUnverified} {
		var reasons []string
		who := map[string][]string{}
		for _, c := range r.Connections {
			if c.Status != status {
				continue
			}
			if who[c.Reason] == nil {
				reasons = append(reasons, c.Reason)
			}
			if label := c.Client + " -> " + c.Server; !slices.Contains(who[c.Reason], label) {
				who[c.Reason] = append(who[c.Reason], label)
			}
		}
		for _, reason := range reasons {
			word := status
			if status == audit.VerdictBroken {
				word = o.paint(connectionLevel(status), word)
			}
			fmt.Fprintf(&b, "\n%s  %s\n", word, printable(strings.Join(who[reason], ", ")))
			for _, line := range wrapText(reason, o.Width, len(indent)) {
				b.WriteString("  " + line + "\n")
			}
		}
	}
	return b.String()
}

func connectionSummary(r audit.Result) string {
	if len(r.Connections) == 0 {
		return "no connections found" + incompleteness(r)
	}
	count := map[string]int{}
	for _, c := range r.Connections {
		count[c.Status]++
	}
	var parts []string
	for _, status := range []string{audit.VerdictBroken, audit.VerdictUnverified, audit.VerdictUnknown, audit.VerdictOK} {
		if count[status] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", count[status], status))
		}
	}
	return fmt.Sprintf("%s: %s", plural(len(r.Connections), "connection"), strings.Join(parts, ", ")) + incompleteness(r)
}

// graph numbers the ends of the connections in their order.
type graph struct {
	ends []string
	ids  map[string]int
}

func graphOf(r audit.Result) graph {
	g := graph{ids: map[string]int{}}
	for _, c := range r.Connections {
		for _, end := range []string{endOf(r, c, c.Client), endOf(r, c, c.Server)} {
			if _, known := g.ids[end]; !known {
				g.ids[end] = len(g.ends)
				g.ends = append(g.ends, end)
			}
		}
	}
	return g
}

// endOf names an end of a connection; with several nodes, on its node.
func endOf(r audit.Result, c audit.Connection, name string) string {
	if severalNodes(r) {
		return c.Node + ": " + name
	}
	return name
}

// arrowLabel is what stands at an arrow: the verdict and, if broken, why.
func arrowLabel(c audit.Connection) string {
	if c.Status == audit.VerdictBroken {
		return c.Status + ": " + c.Reason
	}
	return c.Status
}

// lineStyles draw a verdict, in Mermaid's words and Graphviz's.
var lineStyles = map[string]struct{ mermaid, dot string }{
	audit.VerdictOK:         {"stroke:#2a7d2a", `color="#2a7d2a"`},
	audit.VerdictBroken:     {"stroke:#c62828,stroke-width:3px", `color="#c62828", penwidth=3`},
	audit.VerdictUnverified: {"stroke:#777777,stroke-dasharray:4", `color="#777777", style=dashed`},
	audit.VerdictUnknown:    {"stroke:#777777,stroke-dasharray:2", `color="#777777", style=dotted`},
}

// writeMermaid writes the connections as a Mermaid flowchart
// (https://mermaid.js.org/syntax/flowchart.html).
func writeMermaid(w io.Writer, r audit.Result, _ Options) error {
	var b strings.Builder
	g := graphOf(r)
	b.WriteString("flowchart LR\n")
	for i, end := range g.ends {
		fmt.Fprintf(&b, "  n%d[\"%s\"]\n", i, mermaidText(end))
	}
	for _, c := range r.Connections {
		fmt.Fprintf(&b, "  n%d -->|\"%s\"| n%d\n", g.ids[endOf(r, c, c.Client)], mermaidText(arrowLabel(c)), g.ids[endOf(r, c, c.Server)])
	}
	for i, c := range r.Connections {
		fmt.Fprintf(&b, "  linkStyle %d %s\n", i, lineStyles[c.Status].mermaid)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// maxLabel bounds a text in a graph in bytes: Graphviz refuses a string of more
// than 16384, and five may stand for one.
const maxLabel = 2048

// graphText returns what a graph shows of a text.
func graphText(s string) string {
	head, left := clip(printable(s), maxLabel)
	if left > 0 {
		return head + "..."
	}
	return head
}

// mermaidText is s for a quoted label: Mermaid knows entities, and reads
// Markdown and HTML in what is not one.
func mermaidText(s string) string {
	var b strings.Builder
	for _, c := range graphText(s) {
		if c == ' ' || c == '-' || c == '.' || c == ',' || c == ':' || c == '/' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			b.WriteRune(c)
		} else {
			fmt.Fprintf(&b, "#%d;", c)
		}
	}
	return b.String()
}

// writeDot writes the connections as a graph for Graphviz
// (https://graphviz.org/doc/info/lang.html).
func writeDot(w io.Writer, r audit.Result, _ Options) error {
	var b strings.Builder
	g := graphOf(r)
	b.WriteString("digraph connections {\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\", fontsize=10];\n")
	for i, end := range g.ends {
		fmt.Fprintf(&b, "  n%d [label=\"%s\"];\n", i, dotText(end))
	}
	for _, c := range r.Connections {
		fmt.Fprintf(&b, "  n%d -> n%d [label=\"%s\", tooltip=\"%s\", %s];\n", g.ids[endOf(r, c, c.Client)], g.ids[endOf(r, c, c.Server)],
			dotText(c.Status), dotText(cmp.Or(c.Reason, c.Address, c.Status)), lineStyles[c.Status].dot)
	}
	b.WriteString("}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// dotText is s for a double-quoted string, in which a backslash starts an escape
// and an ampersand an entity.
func dotText(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, `&`, `&amp;`).Replace(graphText(s))
}
