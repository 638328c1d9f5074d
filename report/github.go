package report

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"certaudit/audit"
)

var githubCommands = map[audit.Severity]string{audit.Critical: "error", audit.Warning: "warning", audit.Info: "notice"}

// writeGitHub writes one workflow command for each finding and each check that
// is incomplete, then the summary for the reader of the log. Nothing of the
// audited node begins a line, so nothing of it can be a command.
//
// Source: https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions.
func writeGitHub(w io.Writer, r audit.Result, _ Options) error {
	var b strings.Builder
	at := locator(r)
	for _, f := range urgent(r) {
		command := cmp.Or(githubCommands[weight(f)], "notice")
		message := append([]string{statement(f, severalNodes(r))}, printableLines(strings.TrimRight(f.Remedy, "\n"))...)
		file := ""
		if f.Path != "" {
			file = at(f)
		}
		b.WriteString(annotation(command, file, f.Line, f.Check, strings.Join(nonEmpty(message...), "\n")))
	}
	for _, o := range r.Outcomes {
		if o.State == audit.Incomplete {
			message := printable(strings.Join(nonEmpty(o.Node, unjudged(o)), ": "))
			b.WriteString(annotation("warning", "", 0, o.Check+" is incomplete", message))
		}
	}
	b.WriteString(summaryIn(r, uncommanding))
	_, err := io.WriteString(w, b.String())
	return err
}

// annotation is one workflow command; path and line are left out where there
// are none.
func annotation(command, path string, line int, title, message string) string {
	var properties []string
	if path != "" {
		properties = append(properties, "file="+propertyEscapes.Replace(printable(relative(path))))
		if line > 0 {
			properties = append(properties, fmt.Sprintf("line=%d", line))
		}
	}
	properties = append(properties, "title="+propertyEscapes.Replace(printable(title)))
	return fmt.Sprintf("::%s %s::%s\n", command, strings.Join(properties, ","), messageEscapes.Replace(message))
}

// What the runner unescapes again. Source: actions/toolkit
// packages/core/src/command.ts, actions/runner src/Runner.Common/ActionCommand.cs.
var (
	messageEscapes  = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	propertyEscapes = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// uncommanding is a name in which no command of a workflow begins.
func uncommanding(s string) string {
	return strings.NewReplacer(":", `\x3a`, "#", `\x23`).Replace(printable(s))
}
