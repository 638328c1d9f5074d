package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"certaudit/audit"
)

// RequirementFormats returns the formats of rows of the requirement table, the default
// first.
func RequirementFormats() []FormatOf[[]audit.Requirement] {
	return []FormatOf[[]audit.Requirement]{
		{Name: "table", Summary: "a row for each fact", Write: func(w io.Writer, rows []audit.Requirement, o Options) error {
			return writeSections(w, o, section(requirementColumns, rows, ""))
		}},
		{Name: "json", Summary: "the rows as JSON", Write: func(w io.Writer, rows []audit.Requirement, _ Options) error {
			return writeJSONValue(w, append([]audit.Requirement{}, rows...))
		}},
		{Name: "csv", Summary: "the rows for a spreadsheet", Write: func(w io.Writer, rows []audit.Requirement, _ Options) error {
			return writeRows(w, csvOf(requirementColumns), rows)
		}},
		{Name: "markdown", Summary: "the rows as a table in Markdown", Write: func(w io.Writer, rows []audit.Requirement, _ Options) error {
			_, err := io.WriteString(w, newGrid(columnsOf(requirementColumns), rows).markdown())
			return err
		}},
	}
}

// DocumentedFormats returns the formats of the documentation's two tables, the default
// first.
func DocumentedFormats() []FormatOf[audit.Documented] {
	return []FormatOf[audit.Documented]{
		{Name: "table", Summary: "the two tables", Write: func(w io.Writer, d audit.Documented, o Options) error {
			return writeSections(w, o, section(documentedColumns, d.Certificates, certificatesTitle), section(pathColumns, d.Paths, pathsTitle))
		}},
		{Name: "json", Summary: "the two tables as JSON", Write: func(w io.Writer, d audit.Documented, _ Options) error { return writeJSONValue(w, d) }},
		{Name: "csv", Summary: "the two tables for a spreadsheet, an empty line between them", Write: writeDocumentedCSV},
		{Name: "markdown", Summary: "the two tables in Markdown", Write: writeDocumentedMarkdown},
	}
}

// The titles of the documentation's tables.
const (
	certificatesTitle = "Required certificates"
	pathsTitle        = "Certificate paths, below /etc/kubernetes/pki"
)

// textColumn is a column of the same text in every format.
type textColumn[T any] struct {
	title string
	text  func(T) string
}

var requirementColumns = []textColumn[audit.Requirement]{
	{"ROLE", func(r audit.Requirement) string { return r.Role }},
	{"FACT", func(r audit.Requirement) string { return string(r.Fact) }},
	{"VALUES", func(r audit.Requirement) string { return strings.Join(r.Values, ", ") }},
	{"VERSIONS", audit.Requirement.Versions},
	{"SEVERITY", func(r audit.Requirement) string { return string(r.Severity) }},
	{"SOURCE", func(r audit.Requirement) string { return r.Source }},
}

var documentedColumns = []textColumn[audit.DocumentedCertificate]{
	{"Default CN", func(c audit.DocumentedCertificate) string { return c.DefaultCN }},
	{"Parent CA", func(c audit.DocumentedCertificate) string { return c.ParentCA }},
	{"O (in Subject)", func(c audit.DocumentedCertificate) string { return strings.Join(c.Organizations, ", ") }},
	{"kind", func(c audit.DocumentedCertificate) string { return strings.Join(c.Kind, ", ") }},
	{"hosts (SAN)", func(c audit.DocumentedCertificate) string { return strings.Join(c.Hosts, ", ") }},
}

var pathColumns = []textColumn[audit.DocumentedPath]{
	{"Default CN", func(p audit.DocumentedPath) string { return p.DefaultCN }},
	{"recommended key path", func(p audit.DocumentedPath) string { return p.KeyPath }},
	{"recommended cert path", func(p audit.DocumentedPath) string { return p.CertPath }},
	{"command", func(p audit.DocumentedPath) string { return p.Command }},
	{"key argument", func(p audit.DocumentedPath) string { return p.KeyArgument }},
	{"cert argument", func(p audit.DocumentedPath) string { return strings.Join(p.CertArgument, ", ") }},
}

// columnsOf and csvOf are such columns for a table and for CSV.
func columnsOf[T any](columns []textColumn[T]) []column[T] {
	out := make([]column[T], len(columns))
	for i, c := range columns {
		out[i] = column[T]{c.title, func(t T) cell { return names(c.text(t)) }}
	}
	return out
}

func csvOf[T any](columns []textColumn[T]) []csvColumn[T] {
	out := make([]csvColumn[T], len(columns))
	for i, c := range columns {
		out[i] = csvColumn[T]{c.title, func(t T) string { return csvText(c.text(t)) }}
	}
	return out
}

// titled is a table with what stands above it; "" for nothing.
type titled struct {
	title string
	grid  grid
}

func section[T any](columns []textColumn[T], things []T, title string) titled {
	return titled{title, newGrid(columnsOf(columns), things)}
}

// writeSections writes tables below one another.
func writeSections(w io.Writer, o Options, sections ...titled) error {
	var b bytes.Buffer
	for i, s := range sections {
		if i > 0 {
			b.WriteByte('\n')
		}
		if s.title != "" {
			b.WriteString(s.title + "\n\n")
		}
		if err := s.grid.write(&b, o); err != nil {
			return err
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

func writeDocumentedCSV(w io.Writer, d audit.Documented, _ Options) error {
	if err := writeRows(w, csvOf(documentedColumns), d.Certificates); err != nil {
		return err
	}
	if _, err := io.WriteString(w, "\n"); err != nil {
		return err
	}
	return writeRows(w, csvOf(pathColumns), d.Paths)
}

func writeDocumentedMarkdown(w io.Writer, d audit.Documented, _ Options) error {
	_, err := fmt.Fprintf(w, "### %s\n\n%s\n### %s\n\n%s", certificatesTitle, newGrid(columnsOf(documentedColumns), d.Certificates).markdown(),
		pathsTitle, newGrid(columnsOf(pathColumns), d.Paths).markdown())
	return err
}
