// Package report turns an audit result into bytes for a reader or a program.
// It decides nothing: what is wrong, and how badly, comes with the result.
package report

import (
	"fmt"
	"io"
	"path"
	"strings"

	"certaudit/audit"
	"certaudit/parsers"
)

// Options say where the output goes. Formats for programs ignore them.
type Options struct {
	// Width is the number of columns of the terminal, 0 where there is none;
	// then each certificate is one line that is never wrapped.
	Width int
	// Color allows ANSI colours.
	Color bool
	// Verbose asks for all, where a format for people leaves out what is much: the sources of
	// findings, whole remedies, the steps of the plan, what was not judged, lines of logs.
	Verbose bool
	// Quiet leaves of a table its last line.
	Quiet bool
	// Sheet asks for the rows of the health-check sheet in formats that have either.
	Sheet bool
	// Plan has the steps that the causes of what logs say refer to; nil for none.
	Plan []audit.Step
	// Host is where the result was made.
	Host Host
	// Paths are what was audited in place of a node, as they were given, "-" for the
	// standard input; nil where a node was.
	Paths []string
	// Compat asks for the metrics of x509-certificate-exporter beside the program's own;
	// nil for none.
	Compat *X509
	// Forecast is shown beside the result where a format shows it; nil for none.
	Forecast *audit.Forecast
}

// Host is the machine on which files lie that belong to no node. Metrics have its name
// as their node, and whole paths. The zero Host leaves both as they are.
type Host struct {
	Name string
	// Folder is an absolute path, with slashes, from which relative ones start.
	Folder string
}

// path is a whole path of the host.
func (h Host) path(name string) string {
	if h.Folder == "" || name == "" || name == "-" || path.IsAbs(name) {
		return name
	}
	return path.Join(h.Folder, name)
}

// FormatOf is one way to write something: a result, a plan, a forecast, a difference.
type FormatOf[T any] struct {
	// Name selects the format, "kubeadm-json".
	Name string
	// Summary is what it is, in one line without a full stop.
	Summary string
	// Write writes it to w. It fails where w does, and where the format cannot show it.
	Write func(w io.Writer, it T, o Options) error
	// ShowsAll says that it shows a whole result, whatever a filter selects: an alert must not
	// miss what a reader hides, kubeadm hides nothing, a test that is not said to have failed
	// counts as passed, and the page filters by itself.
	ShowsAll bool
	// NoVerdict says that it has no place for how much a filter hides, and for whether the audit
	// is complete.
	NoVerdict bool
}

// Format is one way to write a result, or a part of it such as its plan.
type Format = FormatOf[audit.Result]

// Formats returns every format in the order for a help page, the default first.
func Formats() []Format {
	return []Format{
		{Name: "table", Summary: "certificates in as many columns as fit, findings, the plan in short and the verdict", Write: writeTable},
		{Name: "wide", Summary: "all columns, with role, serial, key, start, usages and a row for each use of a certificate", Write: writeWide},
		{Name: SheetFormat, Summary: "the certificate health-check sheet: a row for each use, keys and CAs among them", Write: writeSheet},
		{Name: "lines", Summary: "one finding a line, path:line: severity check: message, for grep and editors", Write: writeLines, NoVerdict: true},
		{Name: "json", Summary: "the whole result, schema " + audit.Schema, Write: writeJSON},
		{Name: "yaml", Summary: "the document of json as YAML", Write: writeYAML},
		{Name: "csv", Summary: "the certificates for a spreadsheet", Write: writeCSV, NoVerdict: true},
		{Name: "markdown", Summary: "findings and certificates for a CI job summary or a merge request", Write: writeMarkdown},
		{Name: "sarif", Summary: "the findings as SARIF 2.1.0, for code scanning", Write: writeSARIF, NoVerdict: true},
		{Name: "junit", Summary: "every check as a test case of JUnit's XML", Write: writeJUnit, ShowsAll: true},
		{Name: "github", Summary: "the findings as annotations of a GitHub workflow", Write: writeGitHub},
		{Name: "gitlab", Summary: "the findings as a GitLab Code Quality report", Write: writeGitLab, NoVerdict: true},
		{Name: "html", Summary: "one self-contained page for people", Write: writeHTML, ShowsAll: true},
		{Name: "ics", Summary: "the expiry dates as a calendar with alarms, without what renews itself", Write: writeICS, NoVerdict: true},
		{Name: "prometheus", Summary: "metrics for the textfile collector of node_exporter", Write: writePrometheus, ShowsAll: true},
		{Name: "kubeadm", Summary: "the tables of kubeadm certs check-expiration, byte for byte", Write: writeKubeadm, ShowsAll: true},
		{Name: "kubeadm-json", Summary: "the JSON of kubeadm certs check-expiration, byte for byte", Write: writeKubeadmJSON, ShowsAll: true},
		{Name: "mermaid", Summary: "the connections as a Mermaid flowchart", Write: writeMermaid},
		{Name: "dot", Summary: "the connections as a graph for Graphviz", Write: writeDot},
	}
}

// SheetFormat is the name of the format that needs [audit.Result.Uses].
const SheetFormat = "sheet"

// Lookup returns the format of that name. The error for an unknown name lists
// those that there are.
func Lookup(name string) (Format, error) { return lookup(Formats(), name) }

// LookupConnections returns the format of connections of that name. The error for
// an unknown name lists those that there are.
func LookupConnections(name string) (Format, error) { return lookup(ConnectionFormats(), name) }

func lookup(formats []Format, name string) (Format, error) {
	var names []string
	for _, f := range formats {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return Format{}, fmt.Errorf("%s; formats are %s", parsers.Unknown("format", name, names), strings.Join(names, ", "))
}
