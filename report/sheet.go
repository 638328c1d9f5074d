package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"certaudit/audit"
)

// sheetColumns are those of the kubeadm certificate health-check sheet.
var sheetColumns = []csvColumn[audit.Use]{
	{"Component", func(u audit.Use) string { return u.Component }},
	{"Type", func(u audit.Use) string { return sheetTypes.Replace(u.Type) }},
	{"Certificate Path", func(u audit.Use) string { return strings.Join(nonEmpty(u.Path, u.Field, nth(u.Index)), " ") }},
	{"CN Name", sheetName},
	{"ALT Names", func(u audit.Use) string { return strings.Join(altNames(u), ", ") }},
	{"Organization", func(u audit.Use) string { return strings.Join(u.Organizations, ", ") }},
	{"Issuer", sheetIssuer},
	{"Expiration", func(u audit.Use) string {
		if u.NotAfter.IsZero() {
			return ""
		}
		return u.NotAfter.UTC().Format("Jan _2 15:04:05 2006 GMT")
	}},
}

// sheetNode is before them where there are several nodes.
var sheetNode = csvColumn[audit.Use]{"Node", func(u audit.Use) string { return u.Node }}

// sheetTypes are written as in the sheet.
var sheetTypes = strings.NewReplacer("(kubelet)", "(Kubelet)", "(etcd)", "(Etcd)")

// nth is the number of a certificate behind the first of a file.
func nth(index int) string {
	if index == 0 {
		return ""
	}
	return ordinal(index)
}

// sheetName is the common name; of a key, whose it is and what comparing it gave; and why
// there is none.
func sheetName(u audit.Use) string {
	switch {
	case u.Part == audit.PartKey && (u.Key == audit.KeyIsPair || u.Key == audit.KeyDiffers):
		return fmt.Sprintf("(key of %s, compared: %s)", u.Of, u.Key)
	case u.Part == audit.PartKey && u.Of == "":
		return fmt.Sprintf("(key: %s)", u.Key)
	case u.Part == audit.PartKey:
		return fmt.Sprintf("(key of %s, not compared: %s)", u.Of, u.Key)
	case u.Absent != "":
		return "(" + u.Absent + ")"
	}
	return u.CommonName
}

// altNames are the alternative names in the words of openssl.
func altNames(u audit.Use) []string {
	var out []string
	for _, name := range u.DNSNames {
		out = append(out, "DNS:"+name)
	}
	for _, address := range u.IPAddresses {
		out = append(out, "IP Address:"+address)
	}
	return out
}

// sheetIssuer is the issuer; "self" for what is no CA and signed by itself.
func sheetIssuer(u audit.Use) string {
	if x := u.X509; x != nil && !x.IsCA && bytes.Equal(x.RawIssuer, x.RawSubject) {
		return "self"
	}
	return u.Issuer
}

// sheet are the columns for a result.
func sheet(r audit.Result) []csvColumn[audit.Use] {
	if severalNodes(r) {
		return slices.Concat([]csvColumn[audit.Use]{sheetNode}, sheetColumns)
	}
	return sheetColumns
}

// writeSheet writes the sheet as a table, then the summary.
func writeSheet(w io.Writer, r audit.Result, o Options) error {
	var columns []column[audit.Use]
	for _, c := range sheet(r) {
		columns = append(columns, column[audit.Use]{c.title, func(u audit.Use) cell { return names(c.cell(u)) }})
	}
	var b bytes.Buffer
	if !o.Quiet {
		if err := writeLayouts(&b, unwrapped(newGrid(columns, r.Uses)), o); err != nil {
			return err
		}
	}
	if b.Len() > 0 {
		b.WriteString("\n")
	}
	b.WriteString(summaryLine(r))
	_, err := w.Write(b.Bytes())
	return err
}

// writeSheetCSV writes the sheet for a spreadsheet.
func writeSheetCSV(w io.Writer, r audit.Result) error {
	columns := slices.Clone(sheet(r))
	for i, c := range columns {
		columns[i].cell = func(u audit.Use) string { return csvText(c.cell(u)) }
	}
	return writeRows(w, columns, r.Uses)
}
