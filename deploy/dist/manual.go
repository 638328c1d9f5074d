package main

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"certaudit/cmd"
)

// manuals are the pages of the commands, of the texts that --help prints, and those that
// are made of pages of the documentation.
func (r *release) manuals() ([]file, error) {
	root := cmd.Commands()
	out := []file{r.commandPage(root)}
	for _, c := range root.Commands() {
		if c.Name() != "help" {
			out = append(out, r.commandPage(c))
		}
	}
	for _, p := range documents {
		text, err := r.read("docs", p.source)
		if err != nil {
			return nil, err
		}
		page, err := r.documentPage(p, text)
		if err != nil {
			return nil, err
		}
		out = append(out, file{fmt.Sprintf("man/man%d/%s.%d", p.section, p.title, p.section), 0o644, page})
	}
	return out, nil
}

// A document is a page of the documentation that is a manual page as well.
type document struct {
	source, title, summary string
	section                int
}

var documents = []document{
	{"policy.md", "certaudit.yaml", "policy, waivers and baseline of certaudit", 5},
	{"checks.md", "certaudit-checks", "the checks of certaudit, their severities and remedies", 7},
	{"metrics.md", "certaudit-metrics", "the metrics that certaudit serves", 7},
}

// head is the title line of a page.
func (r *release) head(title string, section int) string {
	return fmt.Sprintf(".TH %s %d %s \"certaudit %s\" \"certaudit manual\"\n", roff(strings.ToUpper(title)), section, r.date.Format("2006-01-02"), roff(r.version))
}

// roff is a text as troff prints it: no character of it is a request, a quote or an
// escape.
func roff(text string) string {
	text = roffSpecial.Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		return `\&` + text
	}
	return text
}

var roffSpecial = strings.NewReplacer(`\`, `\e`, "-", `\-`, `"`, `\(dq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`)

// commandPage is the page of a command.
func (r *release) commandPage(c *cobra.Command) file {
	title := strings.ReplaceAll(c.CommandPath(), " ", "-")
	var b strings.Builder
	b.WriteString(r.head(title, 1))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(title), roff(c.Short))
	b.WriteString(".SH SYNOPSIS\n.B " + roff(c.CommandPath()) + "\n")
	if _, args, _ := strings.Cut(c.UseLine(), c.CommandPath()+" "); args != "" {
		b.WriteString(roff(args) + "\n")
	} else if c.HasSubCommands() {
		b.WriteString(roff("[command]") + "\n")
	}
	b.WriteString(".SH DESCRIPTION\n")
	paragraphs(&b, strings.TrimSpace(c.Long+"\n"))
	if c.Long == "" {
		b.WriteString(roff(c.Short) + ".\n")
	}
	if c.HasSubCommands() {
		b.WriteString(".SH COMMANDS\n")
		for _, below := range c.Commands() {
			fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(below.Name()), roff(below.Short))
		}
	}
	if c.HasAvailableLocalFlags() {
		b.WriteString(".SH OPTIONS\n")
		c.LocalFlags().VisitAll(func(f *pflag.Flag) { option(&b, f) })
	}
	if c.Example != "" {
		b.WriteString(".SH EXAMPLES\n")
		verbatim(&b, c.Example)
	}
	b.WriteString(".SH SEE ALSO\n" + strings.Join(r.related(c), ",\n") + "\n")
	return file{fmt.Sprintf("man/man1/%s.1", title), 0o644, []byte(b.String())}
}

// related are the pages beside that of a command.
func (r *release) related(c *cobra.Command) []string {
	var out []string
	link := func(title string, section int) { out = append(out, fmt.Sprintf(`\fB%s\fR(%d)`, roff(title), section)) }
	if c.HasParent() {
		link(name, 1)
	} else {
		for _, below := range c.Commands() {
			if below.Name() != "help" {
				link(name+"-"+below.Name(), 1)
			}
		}
	}
	for _, d := range documents {
		link(d.title, d.section)
	}
	return out
}

// paragraphs writes a text of which empty lines part the paragraphs. Lines that are
// indented stay as they are.
func paragraphs(b *strings.Builder, text string) {
	for i, p := range strings.Split(text, "\n\n") {
		if i > 0 {
			b.WriteString(".PP\n")
		}
		if strings.HasPrefix(p, " ") {
			verbatim(b, p)
			continue
		}
		for line := range strings.Lines(p) {
			b.WriteString(roff(strings.TrimSpace(line)) + "\n")
		}
	}
}

// verbatim writes lines as they are.
func verbatim(b *strings.Builder, text string) {
	b.WriteString(".nf\n")
	for line := range strings.Lines(strings.Trim(text, "\n")) {
		b.WriteString(roff(strings.TrimRight(line, "\n")) + "\n")
	}
	b.WriteString(".fi\n")
}

// option writes a flag as --help has it.
func option(b *strings.Builder, f *pflag.Flag) {
	if f.Hidden {
		return
	}
	value, usage := pflag.UnquoteUsage(f)
	b.WriteString(".TP\n")
	if f.Shorthand != "" {
		b.WriteString(`\fB` + roff("-"+f.Shorthand) + `\fR, `)
	}
	b.WriteString(`\fB` + roff("--"+f.Name) + `\fR`)
	switch {
	case f.NoOptDefVal != "" && value != "":
		b.WriteString(`[=\fI` + roff(value) + `\fR]`)
	case value != "":
		b.WriteString(` \fI` + roff(value) + `\fR`)
	}
	b.WriteString("\n" + roff(usage))
	if d := f.DefValue; d != "" && d != "false" && d != "[]" {
		b.WriteString(roff(" (default " + strings.Trim(d, "[]") + ")"))
	}
	b.WriteString("\n")
}

var (
	comment   = regexp.MustCompile(`(?s)<!--.*?-->\n*`)
	reference = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	topHead   = regexp.MustCompile(`(?m)\A# .*\n`)
	tables    = regexp.MustCompile(`(?m)(^\|.*\n)+`)
	cells     = regexp.MustCompile(`((?:[^|\\]|\\.)*)\|`)
)

// listed is a table as a list, which fits a terminal: of each row the first cell, then the
// others behind what heads their columns.
func listed(table []byte) []byte {
	var b strings.Builder
	var heads []string
	for i, line := range strings.Split(strings.TrimSpace(string(table)), "\n") {
		var row []string
		for _, m := range cells.FindAllStringSubmatch(strings.TrimPrefix(line, "|"), -1) {
			row = append(row, strings.ReplaceAll(strings.TrimSpace(m[1]), `\|`, "|"))
		}
		switch i {
		case 0:
			heads = row
			continue
		case 1: // the line below the heads
			continue
		}
		b.WriteString("- " + row[0])
		for j, cell := range row[1:] {
			if head := heads[j+1]; head != "" {
				cell = head + ": " + cell
			}
			b.WriteString("; " + cell)
		}
		b.WriteString("\n")
	}
	return []byte(b.String())
}

// documentPage is a page of the documentation as a manual page. Links lose their
// addresses, which lead from page to page.
func (r *release) documentPage(d document, text []byte) ([]byte, error) {
	text = comment.ReplaceAll(text, nil)
	text = topHead.ReplaceAll(text, nil)
	text = reference.ReplaceAll(text, []byte("$1"))
	text = tables.ReplaceAllFunc(text, listed)
	// The first heading would be the title line.
	_, body, found := bytes.Cut(md2man.Render(append([]byte("# TITLE\n\n## DESCRIPTION\n\n"), text...)), []byte("\n.SH DESCRIPTION"))
	if !found {
		return nil, fmt.Errorf("docs/%s makes no manual page", d.source)
	}
	return fmt.Appendf(nil, "%s.ad l\n.nh\n.SH NAME\n%s \\- %s\n.SH DESCRIPTION%s", r.head(d.title, d.section), roff(d.title), roff(d.summary), body), nil
}
