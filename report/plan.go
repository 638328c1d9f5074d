package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"certaudit/audit"
)

// PlanFormats returns the formats of certaudit plan, the default first.
func PlanFormats() []Format {
	return []Format{
		{Name: "text", Summary: "the steps with their commands, for reading", Write: writePlanText},
		{Name: "sh", Summary: "the steps as a script", Write: writePlanScript},
		{Name: "json", Summary: "the steps as JSON", Write: writePlanJSON},
		{Name: "markdown", Summary: "the steps as a list to tick off", Write: writePlanMarkdown},
	}
}

func writePlanJSON(w io.Writer, r audit.Result, _ Options) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(append([]audit.Step{}, r.Plan...))
}

// PlanIncomplete says that a plan may lack steps.
const PlanIncomplete = "not everything could be judged, so that more may have to be done: certaudit audit says what"

// planRest is what a plan for reading says beside its steps: that there are none, and
// that there may be more.
func planRest(r audit.Result) string {
	rest := ""
	if len(r.Plan) == 0 {
		rest = "Nothing to do.\n"
	}
	if r.Summary.Incomplete {
		rest += "N" + PlanIncomplete[1:] + ".\n"
	}
	return rest
}

func writePlanText(w io.Writer, r audit.Result, _ Options) error {
	var b strings.Builder
	b.WriteString(PolicyLine(r.Policy))
	for _, line := range planFor(r) {
		b.WriteString(line + "\n")
	}
	for i, s := range r.Plan {
		fmt.Fprintf(&b, "%d. %s\n", i+1, stepTitle(s, severalNodes(r)))
		for _, label := range places(s) {
			b.WriteString("     for " + label + "\n")
		}
		for _, c := range s.Commands {
			for _, line := range printableLines(c) {
				b.WriteString("     " + line + "\n")
			}
		}
	}
	b.WriteString(planRest(r))
	_, err := io.WriteString(w, b.String())
	return err
}

// planFor says for which nodes the steps are, and of when that is what is known of them:
// one line each, none where there is nothing to do.
func planFor(r audit.Result) []string {
	var lines []string
	for _, n := range r.Nodes {
		if !slices.ContainsFunc(r.Plan, func(s audit.Step) bool { return s.Node == n.Name }) {
			continue
		}
		on, from := "the files that were audited", "as of "+minute(r.At)
		if n.Name != "" {
			on = printable(n.Name) + " alone"
		}
		if !n.TakenAt.IsZero() {
			from = "as of its snapshot of " + minute(n.TakenAt)
		}
		lines = append(lines, "For "+on+", "+from+".")
	}
	return lines
}

// stepTitle is the title of a step, with its node where there are several, and a
// word in front of what somebody has to do.
func stepTitle(s audit.Step, nodes bool) string {
	title := printable(s.Title)
	if s.Manual() {
		title = "by hand: " + title
	}
	if nodes && s.Node != "" {
		title = printable(s.Node) + ": " + title
	}
	return title
}

// places are the findings for which somebody has to do a step, where its title names none
// of their files.
func places(s audit.Step) []string {
	if !s.Manual() {
		return nil
	}
	var out []string
	for _, label := range s.Findings {
		if _, file, _ := strings.Cut(label, " "); file == "" || strings.Contains(s.Title, file) {
			return nil
		}
		out = append(out, printable(label))
	}
	return out
}

func writePlanMarkdown(w io.Writer, r audit.Result, _ Options) error {
	var b strings.Builder
	for _, line := range planFor(r) {
		b.WriteString(line + "\n\n")
	}
	for _, s := range r.Plan {
		b.WriteString("- [ ] " + stepTitle(s, severalNodes(r)) + "\n")
		for _, label := range places(s) {
			b.WriteString("  - " + label + "\n")
		}
		if len(s.Commands) > 0 {
			b.WriteString("\n  ```sh\n")
			for _, c := range s.Commands {
				for _, line := range printableLines(c) {
					b.WriteString("  " + line + "\n")
				}
			}
			b.WriteString("  ```\n\n")
		}
	}
	b.WriteString(planRest(r))
	_, err := io.WriteString(w, b.String())
	return err
}

// scriptHead is what a plan as a script begins with. What comes from the node stands
// in it nowhere but in quotes.
const scriptHead = `#!/bin/sh
# Made by certaudit plan -o sh. DRY_RUN=1 prints the commands and runs none.
set -eu
umask 077
if [ "${DRY_RUN:-0}" = 1 ]; then sed -n '/^# steps$/,$p' "$0"; exit 0; fi
L=/run; [ -w "$L" ] || L=/tmp
L=$L/certaudit-plan.lock
mkdir "$L" || { echo "certaudit: another plan runs, or one was killed: see $L" >&2; exit 1; }
N=start B= LEFT=
finish() { r=$?; rmdir "$L"; [ "$N" = end ] || printf 'certaudit: stopped at: %s (exit %s). Nothing after it was done; copies are in %s.\n' "$N" "$r" "${B:-no folder yet}" >&2; }
trap finish EXIT
trap 'exit 143' HUP INT TERM
step() { N=$1; printf '== %s\n' "$1"; if [ -n "$B" ]; then printf '%s\n' "$P" > "$U"; printf '%s %s\n' "$(TZ=UTC0 date +%Y-%m-%dT%H:%M:%SZ)" "$1" >> "$B/plan.log"; fi; }
`

func writePlanScript(w io.Writer, r audit.Result, _ Options) error {
	_, err := io.WriteString(w, planScript(r))
	return err
}

func planScript(r audit.Result) string {
	var b strings.Builder
	b.WriteString(scriptHead)
	if len(r.Plan) == 0 {
		b.WriteString("echo 'certaudit: nothing to do'\n")
	} else {
		b.WriteString("cat <<'PLAN'\n" + planOverview(r) + "\nPLAN\n")
	}
	b.WriteString("# steps\n")
	for _, s := range r.Plan {
		if s.Manual() {
			b.WriteString(`printf '%s\n' ` + shellQuote("by hand: "+printable(s.Title)))
			for _, label := range places(s) {
				b.WriteString(" " + shellQuote("  for "+label))
			}
			b.WriteString("\n")
			if s.Phase != audit.PhaseLook { // what must hold before is not left to do
				b.WriteString("LEFT=1\n")
			}
			continue
		}
		b.WriteString("step " + shellQuote(printable(s.Title)) + "\n")
		for _, c := range s.Commands {
			b.WriteString(c + "\n")
		}
	}
	b.WriteString("N=end\n[ -z \"$B\" ] || rm -f -- \"$U\"\nif [ -n \"$LEFT\" ]; then echo 'certaudit: done, but for what is left to do by hand' >&2; exit 3; fi\necho 'certaudit: done'\n")
	return b.String()
}

// planOverview says in a line each what a plan does.
func planOverview(r audit.Result) string {
	lines := planFor(r)
	for i, line := range lines {
		lines[i] = "certaudit: " + strings.ToLower(line[:1]) + line[1:]
	}
	lines = append(lines, "certaudit: what this plan does, in its order:")
	for i, s := range r.Plan {
		lines = append(lines, fmt.Sprintf("%4d. %s", i+1, stepTitle(s, false)))
	}
	return strings.Join(lines, "\n")
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
