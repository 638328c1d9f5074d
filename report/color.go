package report

import "certaudit/audit"

// The ANSI colours in use.
const (
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	reset  = "\x1b[0m"
)

// severityColor has no entry for what needs no attention.
var severityColor = map[audit.Severity]string{audit.Critical: red, audit.Warning: yellow}

// paint returns s in color; s itself where color is empty.
func paint(color, s string) string {
	if color == "" {
		return s
	}
	return color + s + reset
}

// statusColors returns a function that colours the status s of certificate i
// of r by its severity.
func statusColors(r audit.Result) func(i int, s string) string {
	worst := map[verdict]audit.Severity{}
	for _, f := range r.Findings {
		for _, v := range verdicts(f.Node, f.Check, f.SHA256, f.Path) {
			if f.Severity.Rank() > worst[v].Rank() {
				worst[v] = f.Severity
			}
		}
	}
	return func(i int, s string) string {
		c := r.Certificates[i]
		if c.Status == "ok" {
			return paint(green, s)
		}
		for _, v := range verdicts(c.Node, c.Status, c.SHA256, c.Path) {
			if severity, ok := worst[v]; ok {
				return paint(severityColor[severity], s)
			}
		}
		return s
	}
}

// verdict is a check that found something, at a certificate or a path.
type verdict struct{ node, check, at string }

// verdicts are the ways to find the finding behind a status, the surest first:
// a finding about a missing file has no fingerprint, and one about a reference
// has the path of the manifest.
func verdicts(node, check, sha256, path string) []verdict {
	list := []verdict{{node, check, ""}}
	if path != "" {
		list = append([]verdict{{node, check, path}}, list...)
	}
	if sha256 != "" {
		list = append([]verdict{{node, check, sha256}}, list...)
	}
	return list
}
