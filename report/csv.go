package report

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"unicode"

	"certaudit/audit"
)

// csvColumn is one field of what a row shows, under its name in JSON.
type csvColumn[T any] struct {
	title string
	cell  func(T) string
}

// csvColumns are the fields of a certificate.
var csvColumns = []csvColumn[audit.Certificate]{
	{"node", func(c audit.Certificate) string { return csvText(c.Node) }},
	{"component", func(c audit.Certificate) string { return csvText(c.Component) }},
	{"type", func(c audit.Certificate) string { return csvText(c.Type) }},
	{"role", func(c audit.Certificate) string { return csvText(c.Role) }},
	{"path", func(c audit.Certificate) string { return csvText(c.Path) }},
	{"line", func(c audit.Certificate) string { return positive(c.Line) }},
	{"field", func(c audit.Certificate) string { return csvText(c.Field) }},
	{"index", func(c audit.Certificate) string { return strconv.Itoa(c.Index) }},
	{"commonName", func(c audit.Certificate) string { return csvText(c.CommonName) }},
	{"organizations", func(c audit.Certificate) string { return csvList(c.Organizations) }},
	{"dnsNames", func(c audit.Certificate) string { return csvList(c.DNSNames) }},
	{"ipAddresses", func(c audit.Certificate) string { return csvList(c.IPAddresses) }},
	{"issuer", func(c audit.Certificate) string { return csvText(c.Issuer) }},
	{"serial", func(c audit.Certificate) string { return csvText(c.Serial) }},
	{"sha256", func(c audit.Certificate) string { return csvText(c.SHA256) }},
	{"publicKeySHA256", func(c audit.Certificate) string { return csvText(c.PublicKeySHA256) }},
	{"keyAlgorithm", func(c audit.Certificate) string { return csvText(c.KeyAlgorithm) }},
	{"notBefore", func(c audit.Certificate) string { return rfc3339(c.NotBefore) }},
	{"notAfter", func(c audit.Certificate) string { return rfc3339(c.NotAfter) }},
	{"absent", func(c audit.Certificate) string { return csvText(c.Absent) }},
	{"usages", func(c audit.Certificate) string { return csvList(c.Usages) }},
	{"usedBy", func(c audit.Certificate) string { return csvList(c.UsedBy) }},
	{"status", func(c audit.Certificate) string { return csvText(c.Status) }},
}

// writeCSV writes a header and one row for each certificate, or each request
// that was audited, as RFC 4180 but for lines that end in LF alone; the rows of the
// health-check sheet where that is asked for beside it.
func writeCSV(w io.Writer, r audit.Result, o Options) error {
	if o.Sheet {
		return writeSheetCSV(w, r)
	}
	if len(r.Requests) > 0 {
		return writeRows(w, requestCSV, r.Requests)
	}
	return writeRows(w, csvColumns, r.Certificates)
}

// writeRows writes a header and a row for each thing.
func writeRows[T any](w io.Writer, columns []csvColumn[T], things []T) error {
	out := csv.NewWriter(w)
	header := make([]string, len(columns))
	for i, col := range columns {
		header[i] = col.title
	}
	out.Write(header)
	for _, thing := range things {
		row := make([]string, len(columns))
		for i, col := range columns {
			row[i] = col.cell(thing)
		}
		out.Write(row)
	}
	// The writer keeps its first error.
	out.Flush()
	return out.Error()
}

// csvText is a text that a spreadsheet shows and does not run. Tabs and carriage
// returns at its start need no quote: they are escaped.
//
// Source: OWASP, CSV Injection.
func csvText(s string) string {
	s = printable(s)
	if strings.IndexAny(strings.TrimLeftFunc(s, unicode.IsSpace), formulaStarts) == 0 {
		return "'" + s
	}
	return s
}

// formulaStarts are the characters that begin a formula: plain, full-width and
// small forms, and the minus sign.
const formulaStarts = "=+-@" + "＝＋－＠" + "﹦﹢﹣﹫" + "−"

// csvList joins values. Each is defused: where the semicolon separates cells,
// it begins one.
func csvList(values []string) string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = csvText(v)
	}
	return strings.Join(out, "; ")
}

// positive is n in digits, empty for none.
func positive(n int) string {
	if n <= 0 {
		return ""
	}
	return strconv.Itoa(n)
}
