package report

import (
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"certaudit/audit"
)

// requestFormats are the names of the formats that have something to say of
// requests, or of what was found.
var requestFormats = []string{"table", "wide", "lines", "json", "yaml", "csv", "markdown", "sarif", "junit", "github", "gitlab", "html", "ics"}

// RequestFormats returns the formats of an audit of certificate signing
// requests, the default first.
func RequestFormats() []Format {
	return slices.DeleteFunc(Formats(), func(f Format) bool { return !slices.Contains(requestFormats, f.Name) })
}

// LookupRequests returns the format of requests of that name. The error for an
// unknown name lists those that there are.
func LookupRequests(name string) (Format, error) { return lookup(RequestFormats(), name) }

// dated is a request of a result with the time that the result is judged for.
type dated struct {
	audit.Request
	at time.Time
}

// verdictTitle is the title of the column that is coloured.
const verdictTitle = "VERDICT"

// requestColumns begin with those of kubectl get csr.
var requestColumns = []column[dated]{
	{"NAME", func(q dated) cell { return requestName(q.Request) }},
	{"AGE", func(q dated) cell { return whole(age(q.Created, q.at)) }},
	{"SIGNER", func(q dated) cell { return names(q.Signer) }},
	{"REQUESTOR", func(q dated) cell { return names(q.Username) }},
	{"CONDITION", func(q dated) cell { return pieces(q.Condition) }},
	{"CN", func(q dated) cell { return names(q.CommonName) }},
	{"ORGANIZATION", func(q dated) cell { return names(strings.Join(q.Organizations, ", ")) }},
	{"ALT NAMES", func(q dated) cell {
		return names(strings.Join(slices.Concat(q.DNSNames, q.IPAddresses, q.OtherNames), ", "))
	}},
	{"KEY", func(q dated) cell { return whole(q.KeyAlgorithm) }},
	{"USAGES", func(q dated) cell { return list(q.Usages) }},
	{"LIFETIME", func(q dated) cell { return whole(lifetime(q.ExpirationSeconds)) }},
	{verdictTitle, func(q dated) cell { return verdictCell(q.Request) }},
}

// wideRequestColumns follow the requestColumns in the wide format.
var wideRequestColumns = []column[dated]{
	{"GROUPS", func(q dated) cell { return list(q.Groups) }},
	{"CREATED", func(q dated) cell { return whole(minute(q.Created)) }},
	{"ISSUED UNTIL", func(q dated) cell { return expiration(q.NotAfter, q.at) }},
	{"PATH", func(q dated) cell { return whole(requestPlace(q.Request)) }},
}

// requestName is the name of the object; of a bare request, where it stands.
func requestName(q audit.Request) cell {
	if q.Name == "" {
		return whole(requestPlace(q))
	}
	return whole(q.Name)
}

func requestPlace(q audit.Request) string { return placed(q.Path, q.Line) }

// verdictCell is the verdict, and behind it the checks that led to it.
func verdictCell(q audit.Request) cell {
	if len(q.Reasons) == 0 {
		return whole(q.Verdict)
	}
	return names(q.Verdict + ": " + strings.Join(q.Reasons, ", "))
}

// leavingRequests leave the table of requests where there is no room for them.
var leavingRequests = []string{"KEY", "LIFETIME", "USAGES", "ALT NAMES", "ORGANIZATION", "AGE", "SIGNER"}

// requestLayouts are those of the table of requests.
func requestLayouts(r audit.Result) iter.Seq[layout] {
	return then(leaving(requestColumns, leavingRequests, leftOut, func(columns []column[dated]) grid { return requestGrid(r, columns) }))
}

func requestGrid(r audit.Result, columns []column[dated]) grid {
	requests := make([]dated, len(r.Requests))
	for i, q := range r.Requests {
		requests[i] = dated{q, r.At}
	}
	g := newGrid(columns, requests)
	g.level = func(i int) level { return requestLevel(r.Requests[i].Verdict) }
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
	return "### Certificate signing requests\n\n" + requestGrid(r, requestColumns).markdown()
}
