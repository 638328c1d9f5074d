package report

import (
	"fmt"
	"html"
	"io"
	"slices"
	"strconv"
	"strings"

	"certaudit/audit"
)

// writeMarkdown writes GitHub Flavored Markdown, which GitLab reads as well:
// the status, the findings with their remedies, what was not judged, the requests
// and the certificates.
func writeMarkdown(w io.Writer, r audit.Result, _ Options) error {
	sections := nonEmpty("**certaudit**: "+summaryIn(r, code), markdownNodes(r), markdownFindings(r), markdownGaps(r), markdownRequests(r), markdownCertificates(r))
	_, err := io.WriteString(w, strings.Join(sections, "\n"))
	return err
}

// codeEscapes are for the two characters that could end a code span or the
// cell it stands in.
var codeEscapes = strings.NewReplacer("`", `\x60`, "|", `\x7c`)

// code is s as a code span, the one place where names, links, mentions and
// references of the audited node stay text to every forge. It is empty for an
// empty s.
func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + codeEscapes.Replace(printable(s)) + "`"
}

// codes are the values as code spans, none longer than maxCell.
func codes(values ...string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = code(brief(v))
	}
	return out
}

func markdownFindings(r audit.Result) string {
	if len(r.Findings) == 0 {
		return ""
	}
	var rows [][]string
	var remedies strings.Builder
	for i, g := range shareFindings(r) {
		f := g.Finding
		cells := codes(string(f.Severity), f.Check, someNodes(g.nodes), f.Component, findingPlace(f), seen(f))
		rows = append(rows, append([]string{strconv.Itoa(i + 1)}, cells...))
		if f.Remedy != "" {
			remedies.WriteString("\n" + markdownRemedy(i+1, g))
		}
	}
	titles := []string{"#", "Severity", "Check", "Node", "Component", "Place", "Seen"}
	return "### Findings\n\n" + markdownTable(titles, rows) + remedies.String()
}

// markdownRemedy is what to do about finding number n, folded away.
func markdownRemedy(n int, f sharedFinding) string {
	body := strings.Join(ownRemedy(f), "\n")
	fence := strings.Repeat("`", max(3, longestRun(body, '`')+1))
	return fmt.Sprintf("<details><summary>Remedy for %d: <code>%s</code></summary>\n\n%ssh\n%s\n%s\n\n</details>\n",
		n, html.EscapeString(brief(f.Check)), fence, body, fence)
}

// longestRun counts the most of c in a row.
func longestRun(s string, c rune) int {
	longest, run := 0, 0
	for _, r := range s {
		run++
		if r != c {
			run = 0
		}
		longest = max(longest, run)
	}
	return longest
}

func markdownGaps(r audit.Result) string {
	var rows [][]string
	if severalNodes(r) {
		for _, o := range omissions(r) {
			rows = append(rows, codes(strings.Join(o.Checks, ", "), strings.TrimPrefix(o.Where, " on "), o.Reason))
		}
	} else {
		for _, o := range r.Outcomes {
			if isPartial(o) {
				rows = append(rows, codes(o.Check, o.Node, unjudged(o)))
			}
		}
	}
	if len(rows) == 0 {
		return ""
	}
	return "### Not judged\n\n" + markdownTable([]string{"Check", "Node", "Reason"}, rows)
}

func markdownCertificates(r audit.Result) string {
	if len(r.Certificates) == 0 {
		return ""
	}
	return "### Certificates\n\n" + certificateGrid(r, tableColumns, !exact).markdown()
}

// markdown is the grid as a table with every text in code.
func (g grid) markdown() string {
	rows := make([][]string, len(g.rows))
	for i, row := range g.rows {
		for _, c := range row {
			rows[i] = append(rows[i], code(strings.Join(c, "")))
		}
	}
	return markdownTable(g.titles, rows)
}

// markdownTable is a table of cells that are Markdown already.
func markdownTable(titles []string, rows [][]string) string {
	var b strings.Builder
	for _, row := range slices.Concat([][]string{titles, slices.Repeat([]string{"---"}, len(titles))}, rows) {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
	}
	return b.String()
}
