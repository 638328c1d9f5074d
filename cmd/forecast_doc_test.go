package cmd_test

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"certaudit/audit"
	"certaudit/audit/inventory"
	"certaudit/fixtures"
	"certaudit/report"
)

// between puts a text between two marks of a page.
func between(t *testing.T, text, mark, with string) string {
	t.Helper()
	before, rest, ok1 := strings.Cut(text, "<!-- "+mark+" -->\n")
	_, after, ok2 := strings.Cut(rest, "<!-- /"+mark+" -->\n")
	if !ok1 || !ok2 {
		t.Fatalf("the page has no section %q", mark)
	}
	return before + "<!-- " + mark + " -->\n" + with + "<!-- /" + mark + " -->\n" + after
}

// The page of the forecast shows that of the demonstration, and README its last line.
func TestForecastPage(t *testing.T) {
	dir := t.TempDir()
	if err := fixtures.Demo().Write(dir); err != nil {
		t.Fatal(err)
	}
	inv, err := inventory.Gather(dir)
	if err != nil {
		t.Fatal(err)
	}
	o := audit.Options{At: fixtures.Now}
	r, after := audit.Rerun(nil, []*inventory.Inventory{inv}, o)
	var out bytes.Buffer
	if err := report.ForecastFormats()[0].Write(&out, audit.ForecastOf(r, after, o, fixtures.Now.Add(90*24*time.Hour)), report.Options{}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../docs/forecast.md")
	if err != nil {
		t.Fatal(err)
	}
	page(t, "docs/forecast.md", between(t, string(text), "forecast", "```console\n$ certaudit forecast --within 90d\n"+out.String()+"```\n"))
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if last := lines[len(lines)-1]; !strings.Contains(string(readme), "\n"+last+"\n") {
		t.Errorf("README.md does not show %q", last)
	}
}
