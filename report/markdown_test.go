package report

import (
	"fmt"
	"html"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"

	"certaudit/audit"
)

// markdownDocument is what a forge makes of the text.
type markdownDocument struct {
	paragraphs []string
	headings   []string
	tables     [][][]string
	summaries  []string
	blocks     []string
}

var (
	detailsOpen  = regexp.MustCompile(`^<details><summary>(Remedy for \d+): <code>([^<>"']*)</code></summary>\n$`)
	detailsClose = "</details>\n"
)

// readMarkdown parses GitHub Flavored Markdown. Anything that is not known to
// be of the writer's making fails.
func readMarkdown(t *testing.T, source string) markdownDocument {
	t.Helper()
	var d markdownDocument
	src := []byte(source)
	tree := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(text.NewReader(src))
	for n := tree.FirstChild(); n != nil; n = n.NextSibling() {
		switch n := n.(type) {
		case *ast.Paragraph:
			d.paragraphs = append(d.paragraphs, inline(t, n, src))
		case *ast.Heading:
			d.headings = append(d.headings, inline(t, n, src))
		case *extast.Table:
			var rows [][]string
			for row := n.FirstChild(); row != nil; row = row.NextSibling() {
				var cells []string
				for cell := row.FirstChild(); cell != nil; cell = cell.NextSibling() {
					cells = append(cells, inline(t, cell, src))
				}
				rows = append(rows, cells)
			}
			d.tables = append(d.tables, rows)
		case *ast.HTMLBlock:
			raw := string(n.Lines().Value(src))
			if n.HasClosure() {
				raw += string(n.ClosureLine.Value(src))
			}
			if m := detailsOpen.FindStringSubmatch(raw); m != nil {
				d.summaries = append(d.summaries, m[1]+": "+html.UnescapeString(m[2]))
			} else if raw != detailsClose {
				t.Errorf("the HTML %q", raw)
			}
		case *ast.FencedCodeBlock:
			if got := string(n.Language(src)); got != "sh" {
				t.Errorf("code in %q", got)
			}
			d.blocks = append(d.blocks, string(n.Lines().Value(src)))
		default:
			t.Errorf("a %s: %q", n.Kind(), n.Lines().Value(src))
		}
	}
	return d
}

// inline is the text of a block that has nothing but text, code and bold.
func inline(t *testing.T, block ast.Node, src []byte) string {
	t.Helper()
	var b strings.Builder
	err := ast.Walk(block, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering || n == block {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Text:
			b.Write(n.Segment.Value(src))
		case *ast.CodeSpan, *ast.Emphasis:
		case *ast.String:
			b.Write(n.Value)
		default:
			t.Errorf("a %s in %q", n.Kind(), block.Lines().Value(src))
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// codeSpan is what a reader of Markdown sees of a text in code: without one of the blanks
// at either end.
func codeSpan(s string) string {
	s = escaped(s)
	if strings.HasPrefix(s, " ") && strings.HasSuffix(s, " ") && strings.Trim(s, " ") != "" {
		return s[1 : len(s)-1]
	}
	return s
}

// validMarkdown: the tables have the rows and the text of the result, remedies
// are code, and nothing of the audited node has become markup.
func validMarkdown(t *testing.T, r audit.Result, out string) {
	t.Helper()
	got := readMarkdown(t, out)
	want := markdownDocument{paragraphs: []string{"certaudit: " + strings.TrimSuffix(summaryIn(r, codeSpan), "\n")}}
	if len(r.Nodes) > 1 {
		want.headings = append(want.headings, "Nodes")
		for _, g := range groupNodes(r, maxSummed) {
			want.paragraphs = append(want.paragraphs, g.Name()+": "+g.Count()+"; "+g.Found())
			nodes := [][]string{{"NODE", "KIND", "KUBERNETES", "CERTIFICATES", "FINDINGS", "NEXT EXPIRY"}}
			for _, c := range newGrid(sumColumns, g.Listed).rows {
				var row []string
				for _, cell := range c {
					row = append(row, escaped(strings.Join(cell, "")))
				}
				nodes = append(nodes, row)
			}
			want.tables = append(want.tables, nodes)
		}
	}
	findings := [][]string{{"#", "Severity", "Check", "Node", "Component", "Place", "Seen"}}
	for i, g := range shareFindings(r) {
		f := g.Finding
		findings = append(findings, []string{fmt.Sprint(i + 1), shown(string(f.Severity)), shown(f.Check), shown(strings.Join(g.nodes, ", ")), shown(f.Component), shown(findingPlace(f)), shown(seen(f))})
		if f.Remedy != "" {
			want.summaries = append(want.summaries, fmt.Sprintf("Remedy for %d: %s", i+1, brief(f.Check)))
			want.blocks = append(want.blocks, strings.Join(ownRemedy(g), "\n")+"\n")
		}
	}
	gaps := [][]string{{"Check", "Node", "Reason"}}
	if len(r.Nodes) > 1 {
		for _, o := range omissions(r) {
			gaps = append(gaps, []string{shown(strings.Join(o.Checks, ", ")), shown(strings.TrimPrefix(o.Where, " on ")), shown(o.Reason)})
		}
	}
	for _, o := range r.Outcomes {
		if len(r.Nodes) <= 1 && (o.State == audit.Incomplete || o.Reason != "") {
			reason := o.Reason
			if reason == "" {
				reason = "incomplete, no reason given"
			}
			gaps = append(gaps, []string{shown(o.Check), shown(o.Node), shown(reason)})
		}
	}
	certificates := [][]string{{"COMPONENT", "TYPE", "CERTIFICATE PATH", "CN", "ALT NAMES", "ORGANIZATION", "ISSUER", "EXPIRATION", "STATUS"}}
	if len(r.Nodes) > 1 {
		certificates[0] = append([]string{"NODE"}, certificates[0]...)
	}
	for _, c := range certificateGrid(r, tableColumns, !exact).rows {
		var row []string
		for _, cell := range c {
			row = append(row, escaped(strings.Join(cell, "")))
		}
		certificates = append(certificates, row)
	}
	for _, table := range []struct {
		heading string
		rows    [][]string
	}{{"Findings", findings}, {"Not judged", gaps}, {"Certificates", certificates}} {
		if len(table.rows) > 1 {
			want.headings = append(want.headings, table.heading)
			want.tables = append(want.tables, table.rows)
		}
	}
	trim := cmp.Transformer("trimmed", strings.TrimSpace) // code spans and HTML drop blanks at their ends
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(markdownDocument{}), trim); diff != "" {
		t.Errorf("document (-want +got):\n%s", diff)
	}
}

// shown is s as a reader of a table sees it.
func shown(s string) string { return escaped(brief(s)) }

func escaped(s string) string {
	return strings.NewReplacer("`", `\x60`, "|", `\x7c`).Replace(printable(s))
}

func TestCode(t *testing.T) {
	for in, want := range map[string]string{
		"":                     "",
		"kubernetes":           "`kubernetes`",
		"a|b`c\n<b>@x":         "`a\\x7cb\\x60c\\n<b>@x`",
		`back\slash`:           "`back\\slash`",
		strings.Repeat("`", 3): "`\\x60\\x60\\x60`",
	} {
		if got := code(in); got != want {
			t.Errorf("code(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestMarkdownRemedyFence(t *testing.T) {
	want := "<details><summary>Remedy for 7: <code>a&lt;b</code></summary>\n\n`````sh\necho ````\n</details>\n`````\n\n</details>\n"
	if diff := cmp.Diff(want, markdownRemedy(7, sharedFinding{Finding: audit.Finding{Check: "a<b", Remedy: "echo ````\n</details>\n\n"}})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What the rules of SARIF say in Markdown is text and links to their sources.
func TestSARIFHelpMarkdown(t *testing.T) {
	for _, rule := range sarifRules(audit.Checks()) {
		src := []byte(rule.Help.Markdown)
		tree := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(text.NewReader(src))
		err := ast.Walk(tree, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
			switch n.(type) {
			case *ast.RawHTML, *ast.HTMLBlock, *ast.Link, *ast.Image, *ast.CodeBlock:
				t.Errorf("%s has a %s", rule.ID, n.Kind())
			}
			return ast.WalkContinue, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
