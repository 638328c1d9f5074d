package report

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"certaudit/audit"
)

// codeQuality is the form that GitLab documents.
type codeQuality struct {
	Description, CheckName, Fingerprint, Severity, Path string
	Begin                                               int
}

func readGitLab(t *testing.T, out string) []codeQuality {
	t.Helper()
	var issues []struct {
		Description *string `json:"description"`
		CheckName   *string `json:"check_name"`
		Fingerprint *string `json:"fingerprint"`
		Severity    *string `json:"severity"`
		Location    *struct {
			Path  *string `json:"path"`
			Lines *struct {
				Begin *int `json:"begin"`
			} `json:"lines"`
		} `json:"location"`
	}
	d := json.NewDecoder(strings.NewReader(out))
	d.DisallowUnknownFields()
	if err := d.Decode(&issues); err != nil {
		t.Fatal(err)
	}
	if issues == nil || d.More() {
		t.Fatalf("not one list: %.40q", out)
	}
	var list []codeQuality
	for _, i := range issues {
		// A field that is missing is a nil pointer, and fails here.
		list = append(list, codeQuality{*i.Description, *i.CheckName, *i.Fingerprint, *i.Severity, *i.Location.Path, *i.Location.Lines.Begin})
	}
	return list
}

// validGitLab: all required fields and no others, allowed severities, relative
// paths, lines from 1, and fingerprints that differ.
func validGitLab(t *testing.T, r audit.Result, out string) {
	t.Helper()
	severities := map[audit.Severity]string{audit.Critical: "critical", audit.Warning: "major", audit.Info: "info"}
	seen := map[string]bool{}
	var want []codeQuality
	got := readGitLab(t, out)
	for i, f := range r.Findings {
		begin := f.Line
		if begin == 0 {
			begin = 1
		}
		want = append(want, codeQuality{statement(f, len(r.Nodes) > 1), printable(f.Check), got[i].Fingerprint, severities[gateSeverity(f)], printable(locator(r)(f)), begin})
		if seen[got[i].Fingerprint] || !strings.HasPrefix(got[i].Fingerprint, f.Fingerprint()) {
			t.Errorf("the fingerprint of finding %d is %s", i, got[i].Fingerprint)
		}
		seen[got[i].Fingerprint] = true
		if strings.HasPrefix(got[i].Path, "/") {
			t.Errorf("the path %q is not relative", got[i].Path)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("issues (-want +got):\n%s", diff)
	}
}

// gateSeverity is info for what does not fail the gate.
func gateSeverity(f audit.Finding) audit.Severity {
	if f.Known || f.Waiver != nil {
		return audit.Info
	}
	return f.Severity
}

func gitlabFingerprints(t *testing.T, out string) []string {
	var prints []string
	for _, i := range readGitLab(t, out) {
		prints = append(prints, i.Fingerprint)
	}
	return prints
}
