package report

import (
	"encoding/csv"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"certaudit/audit"
)

// validCSV: a header with the fields of the JSON, a row for each certificate,
// every text in its cell, and no cell that a spreadsheet would run.
func validCSV(t *testing.T, r audit.Result, out string) {
	t.Helper()
	records, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{jsonNames(reflect.TypeFor[audit.Certificate]())}
	for _, c := range r.Certificates {
		want = append(want, csvRow(c))
	}
	got := [][]string{records[0]}
	for _, record := range records[1:] {
		row := make([]string, len(record))
		for i, cell := range record {
			parts := strings.Split(cell, "; ")
			for j, part := range parts {
				if runs(part) && j == 0 {
					t.Errorf("a spreadsheet runs the cell %q", cell)
				}
				parts[j] = undefused(part)
			}
			row[i] = strings.Join(parts, "; ")
		}
		got = append(got, row)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

func jsonNames(t reflect.Type) []string {
	var names []string
	for f := range t.Fields() {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "-" {
			names = append(names, name)
		}
	}
	return names
}

// csvRow is what the cells of c say once the quotes that defuse are gone.
func csvRow(c audit.Certificate) []string {
	text := func(s string) string {
		parts := strings.Split(printable(s), "; ")
		for i, part := range parts {
			parts[i] = undefused(part)
		}
		return strings.Join(parts, "; ")
	}
	list := func(values []string) string { return text(strings.Join(values, "; ")) }
	return []string{text(c.Node), text(c.Component), text(c.Type), text(c.Role), text(c.Path), positive(c.Line), text(c.Field), positive(c.Index + 10)[1:],
		text(c.CommonName), list(c.Organizations), list(c.DNSNames), list(c.IPAddresses), text(c.Issuer), text(c.Serial), text(c.SHA256), text(c.PublicKeySHA256), text(c.KeyAlgorithm),
		rfc3339(c.NotBefore), rfc3339(c.NotAfter), text(c.Absent), list(c.Usages), list(c.UsedBy), text(c.Status)}
}

// runs reports whether a spreadsheet takes a cell for a formula.
func runs(cell string) bool {
	for _, r := range cell {
		switch {
		case unicode.IsSpace(r):
		case strings.ContainsRune("=+-@＝＋－＠﹦﹢﹣﹫−", r):
			return true
		default:
			return false
		}
	}
	return false
}

// undefused is the cell without the quote before a formula.
func undefused(cell string) string {
	if rest, ok := strings.CutPrefix(cell, "'"); ok && runs(rest) {
		return rest
	}
	return cell
}

func TestCSVText(t *testing.T) {
	for in, want := range map[string]string{
		"":                   "",
		"kubernetes":         "kubernetes",
		"*.example.com":      "*.example.com",
		"a=b":                "a=b",
		"'=1":                "'=1",
		"=HYPERLINK(\"x\")":  "'=HYPERLINK(\"x\")",
		"+1":                 "'+1",
		"-1":                 "'-1",
		"@SUM(1)":            "'@SUM(1)",
		"  =1":               "'  =1",
		"\u00a0\u3000＝1":     "'\u00a0\u3000＝1",
		"＋1":                 "'＋1",
		"\t=1":               `\t=1`,
		"\r=1":               `\r=1`,
		"\n=1":               `\n=1`,
		"\u200b=1":           `\u200b=1`,
		"system:node:\x00cp": `system:node:\x00cp`,
	} {
		if got := csvText(in); got != want {
			t.Errorf("csvText(%q) = %q, want %q", in, got, want)
		}
	}
	if got, want := csvList([]string{"a", "=1", " @x"}), "a; '=1; ' @x"; got != want {
		t.Errorf("csvList = %q, want %q", got, want)
	}
}
