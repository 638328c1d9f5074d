package report

import (
	"cmp"
	"io"

	"certaudit/audit"
)

// gitlabIssue is one entry of a Code Quality report.
//
// Source: https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format.
type gitlabIssue struct {
	Description string         `json:"description"`
	CheckName   string         `json:"check_name"`
	Fingerprint string         `json:"fingerprint"`
	Severity    string         `json:"severity"`
	Location    gitlabLocation `json:"location"`
}

type gitlabLocation struct {
	Path  string      `json:"path"`
	Lines gitlabLines `json:"lines"`
}

type gitlabLines struct {
	Begin int `json:"begin"`
}

var gitlabSeverities = map[audit.Severity]string{audit.Critical: "critical", audit.Warning: "major", audit.Info: "info"}

// writeGitLab writes the findings as a Code Quality report. GitLab shows a
// finding as new or fixed by its fingerprint.
func writeGitLab(w io.Writer, r audit.Result, _ Options) error {
	issues := make([]gitlabIssue, len(r.Findings))
	prints, at := fingerprints(r.Findings), locator(r)
	for i, f := range r.Findings {
		issues[i] = gitlabIssue{
			Description: statement(f, severalNodes(r)),
			CheckName:   printable(f.Check),
			Fingerprint: prints[i],
			Severity:    cmp.Or(gitlabSeverities[weight(f)], "info"),
			Location:    gitlabLocation{printable(at(f)), gitlabLines{max(1, f.Line)}},
		}
	}
	return writeJSONValue(w, issues)
}
