package report

import (
	"cmp"
	"fmt"
	"strings"

	"certaudit/audit"
)

// placed is a path with a line, "tls.yaml:5"; the path alone where the line is 0.
func placed(path string, line int) string {
	if line == 0 {
		return path
	}
	return fmt.Sprintf("%s:%d", path, line)
}

// ordinal is the number of what has an index of at least 1: "#2".
func ordinal(index int) string { return fmt.Sprintf("#%d", index+1) }

// relative is a path on the node relative to its root, as code review tools
// want it; "." for none, since they refuse a finding without a file.
func relative(path string) string {
	if path = strings.TrimLeft(path, "/"); path != "" {
		return path
	}
	return "."
}

// locator gives the path of a finding for a tool that knows files alone: relative to
// the root of the node or, of several nodes, to the folder in which each has its root
// under its name, so that files of two nodes are never taken for one.
func locator(r audit.Result) func(audit.Finding) string {
	several := severalNodes(r)
	return func(f audit.Finding) string {
		if !several || f.Node == "" {
			return relative(f.Path)
		}
		folder := strings.ReplaceAll(f.Node, "/", "_")
		if strings.Trim(folder, ".") == "" {
			folder = "_"
		}
		return folder + "/" + strings.TrimLeft(f.Path, "/")
	}
}

// statement says where something was seen and what, in one line for a reader
// who is not shown the node: "cp-1:/etc/kubernetes/pki/ca.crt: expired ...".
func statement(f audit.Finding, nodes bool) string {
	where := f.Path
	if nodes && f.Node != "" {
		where = strings.TrimSuffix(f.Node+":"+f.Path, ":")
	}
	return brief(strings.Join(nonEmpty(where, seen(f)), ": "))
}

// seen is the message of a finding, and why it does not count.
func seen(f audit.Finding) string {
	if reason := ignoredFor(f); reason != "" {
		return strings.TrimSpace(f.Message + " (" + reason + ")")
	}
	return f.Message
}

// ignoredFor says why a finding does not fail the gate; empty for one that counts.
func ignoredFor(f audit.Finding) string {
	switch {
	case f.Waiver != nil:
		return fmt.Sprintf("waived until %s: %s", f.Waiver.Until, f.Waiver.Reason)
	case f.Known:
		return "known from the baseline"
	}
	return ""
}

// weight is the severity that a tool is to show: a finding that does not count
// for the gate is worth knowing, no more.
func weight(f audit.Finding) audit.Severity {
	if !f.Counts() {
		return audit.Info
	}
	return f.Severity
}

// isPartial reports whether a check left something unjudged.
func isPartial(o audit.Outcome) bool { return o.State == audit.Incomplete || o.Reason != "" }

// unjudged says why.
func unjudged(o audit.Outcome) string { return cmp.Or(o.Reason, "incomplete, no reason given") }

// fingerprints returns one for each finding, all different: the second finding
// of one fingerprint has ":2" behind it.
func fingerprints(findings []audit.Finding) []string {
	out := make([]string, len(findings))
	seen := map[string]int{}
	for i, f := range findings {
		out[i] = f.Fingerprint()
		seen[out[i]]++
		if n := seen[out[i]]; n > 1 {
			out[i] = fmt.Sprintf("%s:%d", out[i], n)
		}
	}
	return out
}
