package report

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"certaudit/audit"
)

// requestFormats are the names of the formats that have something to say of
// requests, or of what was found.
var requestFormats = []string{"table", "wide", "json", "yaml", "csv", "markdown", "sarif", "junit", "github", "gitlab", "html", "ics"}

// RequestFormats returns the formats of an audit of certificate signing
// requests, the default first.
func RequestFormats() []Format {
	return slices.DeleteFunc(Formats(), func(f Format) bool { return !slices.Contains(requestFormats, f.Name) })
}

// LookupRequests is [Lookup] among [RequestFormats].
func LookupRequests(name string) (Format, error) { return lookup(RequestFormats(), name) }

// requestColumn is one property of a request: its title, and how its cell is
// read off. An empty cell is shown as "-".
type requestColumn struct {
	title string
	cell  func(q audit.Request, at time.Time) cell
}

// verdictTitle is the title of the column that is coloured.
const verdictTitle = "VERDICT"

// requestColumns begin with those of kubectl get csr.
var requestColumns = []requestColumn{
	{"NAME", func(q audit.Request, _ time.Time) cell { return requestName(q) }},
	{"AGE", func(q audit.Request, at time.Time) cell { return whole(age(q.Created, at)) }},
	{"SIGNER", func(q audit.Request, _ time.Time) cell { return names(q.Signer) }},
	{"REQUESTOR", func(q audit.Request, _ time.Time) cell { return names(q.Username) }},
	{"CONDITION", func(q audit.Request, _ time.Time) cell { return pieces(q.Condition) }},
	{"CN", func(q audit.Request, _ time.Time) cell { return names(q.CommonName) }},
	{"ORGANIZATION", func(q audit.Request, _ time.Time) cell { return names(strings.Join(q.Organizations, ", ")) }},
	{"ALT NAMES", func(q audit.Request, _ time.Time) cell {
		return names(strings.Join(slices.Concat(q.DNSNames, q.IPAddresses, q.OtherNames), ", "))
	}},
	{"KEY", func(q audit.Request, _ time.Time) cell { return whole(q.KeyAlgorithm) }},
	{"USAGES", func(q audit.Request, _ time.Time) cell { return list(q.Usages) }},
	{"LIFETIME", func(q audit.Request, _ time.Time) cell { return whole(lifetime(q.ExpirationSeconds)) }},
	{verdictTitle, func(q audit.Request, _ time.Time) cell { return verdictCell(q) }},
}

// wideRequestColumns follow the requestColumns in the wide format.
var wideRequestColumns = []requestColumn{
	{"GROUPS", func(q audit.Request, _ time.Time) cell { return list(q.Groups) }},
	{"CREATED", func(q audit.Request, _ time.Time) cell { return whole(minute(q.Created)) }},
	{"ISSUED UNTIL", func(q audit.Request, at time.Time) cell { return expiration(q.NotAfter, at) }},
	{"PATH", func(q audit.Request, _ time.Time) cell { return whole(requestPlace(q)) }},
}

// requestName is the name of the object, or where a bare request stands.
func requestName(q audit.Request) cell {
	if q.Name == "" {
		return whole(requestPlace(q))
	}
	return whole(q.Name)
}

func requestPlace(q audit.Request) string {
	if q.Line == 0 {
		return q.Path
	}
	return fmt.Sprintf("%s:%d", q.Path, q.Line)
}

// age is the time since created, as kubectl rounds it down; empty for the zero
// time, and "0s" for one that is still to come.
func age(created, at time.Time) string {
	if created.IsZero() {
		return ""
	}
	return span(max(0, at.Unix()-created.Unix()))
}

// lifetime is what was asked for; empty where it is left to the signer.
func lifetime(seconds int64) string {
	if seconds == 0 {
		return ""
	}
	return span(seconds)
}

// verdictCell is the verdict, and behind it the checks that led to it.
func verdictCell(q audit.Request) cell {
	if len(q.Reasons) == 0 {
		return whole(q.Verdict)
	}
	return names(q.Verdict + ": " + strings.Join(q.Reasons, ", "))
}

// verdictColors has no entry for what is no verdict.
var verdictColors = map[string]string{audit.VerdictSound: green, audit.VerdictDoubtful: yellow, audit.VerdictUnfit: red}

// writeRequests writes the requests as a table, then findings and summary.
func writeRequests(w io.Writer, r audit.Result, o Options, columns []requestColumn) error {
	g := requestGrid(r, columns)
	if o.Color {
		g.paint = func(i int, s string) string { return paint(verdictColors[r.Requests[i].Verdict], s) }
	}
	return writeGrid(w, g, r, o)
}

func requestGrid(r audit.Result, columns []requestColumn) grid {
	var g grid
	for _, col := range columns {
		g.columns = append(g.columns, column{title: col.title})
	}
	for _, q := range r.Requests {
		row := make([]cell, len(columns))
		for i, col := range columns {
			row[i] = col.cell(q, r.At)
		}
		g.rows = append(g.rows, row)
	}
	return g
}

// requestCSV are the fields of a request.
var requestCSV = []csvColumn[audit.Request]{
	{"name", func(q audit.Request) string { return csvText(q.Name) }},
	{"path", func(q audit.Request) string { return csvText(q.Path) }},
	{"line", func(q audit.Request) string { return positive(q.Line) }},
	{"field", func(q audit.Request) string { return csvText(q.Field) }},
	{"created", func(q audit.Request) string { return rfc3339(q.Created) }},
	{"signer", func(q audit.Request) string { return csvText(q.Signer) }},
	{"username", func(q audit.Request) string { return csvText(q.Username) }},
	{"groups", func(q audit.Request) string { return csvList(q.Groups) }},
	{"condition", func(q audit.Request) string { return csvText(q.Condition) }},
	{"commonName", func(q audit.Request) string { return csvText(q.CommonName) }},
	{"organizations", func(q audit.Request) string { return csvList(q.Organizations) }},
	{"dnsNames", func(q audit.Request) string { return csvList(q.DNSNames) }},
	{"ipAddresses", func(q audit.Request) string { return csvList(q.IPAddresses) }},
	{"otherNames", func(q audit.Request) string { return csvList(q.OtherNames) }},
	{"keyAlgorithm", func(q audit.Request) string { return csvText(q.KeyAlgorithm) }},
	{"usages", func(q audit.Request) string { return csvList(q.Usages) }},
	{"expirationSeconds", func(q audit.Request) string {
		if q.ExpirationSeconds == 0 {
			return ""
		}
		return csvText(strconv.FormatInt(q.ExpirationSeconds, 10))
	}},
	{"sha256", func(q audit.Request) string { return csvText(q.SHA256) }},
	{"notAfter", func(q audit.Request) string { return rfc3339(q.NotAfter) }},
	{"verdict", func(q audit.Request) string { return csvText(q.Verdict) }},
	{"reasons", func(q audit.Request) string { return csvList(q.Reasons) }},
}

func markdownRequests(r audit.Result) string {
	if len(r.Requests) == 0 {
		return ""
	}
	g := requestGrid(r, requestColumns)
	titles := make([]string, len(g.columns))
	for i, col := range g.columns {
		titles[i] = col.title
	}
	rows := make([][]string, len(g.rows))
	for i, row := range g.rows {
		for _, c := range row {
			rows[i] = append(rows[i], code(strings.Join(c, "")))
		}
	}
	return "### Certificate signing requests\n\n" + markdownTable(titles, rows)
}
