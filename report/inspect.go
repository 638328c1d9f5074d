package report

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"certaudit/audit"
	"certaudit/parsers"
)

// InspectionFormats are the names of the formats of [WriteInspection], the
// default first.
func InspectionFormats() []string { return []string{"text", "json"} }

// WriteInspections writes what files or endpoints show, as one readable block for
// each item ("text"), or as a document of schema [audit.InspectionSchema] ("json"). Of
// several, each stands under its name, or is one of a list. It fails for another format, and
// where w does.
func WriteInspections(w io.Writer, format string, all []*audit.Inspection, o Options) error {
	switch format {
	case "text":
		b := bufio.NewWriter(w)
		for n, i := range all {
			if len(all) > 1 {
				fmt.Fprintf(b, "%s==> %s <==\n\n", strings.Repeat("\n", min(n, 1)), printable(i.Source))
			}
			writeInspection(b, i, o)
		}
		return b.Flush()
	case "json":
		if len(all) == 1 {
			return writeJSONValue(w, all[0])
		}
		return writeJSONValue(w, all)
	}
	return fmt.Errorf("%s; formats are %s", parsers.Unknown("format", format, InspectionFormats()), strings.Join(InspectionFormats(), ", "))
}

func writeInspection(w *bufio.Writer, i *audit.Inspection, o Options) {
	if i.Session != nil {
		writeBlock(w, "endpoint "+printable(i.Session.Address), sessionRows(i.Session, o))
	}
	for n, item := range i.Items {
		writeBlock(w, fmt.Sprintf("%d  %s  %s", n+1, item.Kind, itemPlace(item)), itemRows(i, item, o))
	}
	for _, c := range i.Chains {
		if text := chainText(i, c); text != "" {
			fmt.Fprintf(w, "chain  %s\n", text)
			if c.Order != "" {
				fmt.Fprintf(w, "       out of order: %s\n", c.Order)
			}
		}
	}
	if i.Expected != "" {
		writeExpected(w, i, o)
	}
	for _, p := range i.Problems {
		fmt.Fprintf(w, "problem  %s\n", problemText(p))
	}
	if len(i.Items)+len(i.Problems) == 0 && i.Session == nil {
		fmt.Fprintln(w, "nothing was found")
	}
}

// row is one line of a block; an empty value is left out.
type row struct{ name, value string }

func writeBlock(w *bufio.Writer, title string, rows []row) {
	fmt.Fprintln(w, title)
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, r := range rows {
		if r.value != "" {
			fmt.Fprintf(t, "  %s\t%s\n", r.name, r.value)
		}
	}
	_ = t.Flush() // into memory
	fmt.Fprintln(w)
}

// itemPlace is where an item stands: "tls.yaml:5 (Secret prod/web data[...])".
func itemPlace(item audit.Item) string {
	place := placed(item.Origin.Path, item.Origin.Line)
	if within := strings.Join(nonEmpty(item.Holder, item.Origin.Field), " "); within != "" {
		place += " (" + within + ")"
	}
	return printable(place)
}

func itemRows(i *audit.Inspection, item audit.Item, o Options) []row {
	list := func(values []string) string { return printable(strings.Join(values, ", ")) }
	rows := []row{
		{"version", versionText(item)},
		{"subject", printable(item.Subject)},
		{"DNS names", list(item.DNSNames)},
		{"IP addresses", list(item.IPAddresses)},
		{"e-mail", list(item.EmailAddresses)},
		{"URIs", list(item.URIs)},
		{"issuer", issuerText(i, item)},
		{"valid", validityText(item, o)},
		{"key", item.KeyAlgorithm + keyText(i, item)},
		{"signature", signatureText(item)},
		{"purposes", list(item.Purposes)},
		{"CA", authorityText(item)},
		{"serial", colons(item.Serial)},
		{"SHA-256", colons(item.SHA256)},
		{"SHA-1", colons(item.SHA1)},
		{"public key", "SHA-256 " + item.PublicKeySHA256},
		{"subject key", colons(item.SubjectKeyID)},
		{"issuer's key", colons(item.AuthorityKeyID)},
	}
	return rows
}

// versionText is the version of X.509, and what is to be known of an old one.
func versionText(item audit.Item) string {
	switch {
	case item.Version == 0:
		return ""
	case item.VersionNote != "":
		return strconv.Itoa(item.Version) + ": " + item.VersionNote
	}
	return strconv.Itoa(item.Version)
}

func issuerText(i *audit.Inspection, item audit.Item) string {
	issuer := printable(item.Issuer)
	switch {
	case item.Kind != audit.ItemCertificate:
		return ""
	case item.SelfSigned:
		return "itself (self-signed)"
	case item.IssuedBy >= 0:
		return fmt.Sprintf("%s (item %d)", issuer, item.IssuedBy+1)
	}
	return issuer + " (not here)"
}

// validityText is "2026-11-23 06:35:30 UTC to 2027-11-23 06:35:30 UTC, 364 days left".
func validityText(item audit.Item, o Options) string {
	if item.Kind != audit.ItemCertificate {
		return ""
	}
	text := fmt.Sprintf("%s to %s, ", moment(item.NotBefore), moment(item.NotAfter))
	switch item.Validity {
	case "valid":
		return text + plural(item.DaysLeft, "day") + " left"
	case "expired":
		text += "expired, " + plural(max(0, -item.DaysLeft-1), "day") + " ago"
	default:
		text += item.Validity
	}
	return o.paint(level(audit.Critical), text)
}

func moment(t time.Time) string { return t.Format("2006-01-02 15:04:05 UTC") }

func keyText(i *audit.Inspection, item audit.Item) string {
	switch {
	case item.PrivateKey >= 0:
		return fmt.Sprintf(", its private key is item %d", item.PrivateKey+1)
	case item.Kind == audit.ItemPrivateKey:
		for n, other := range i.Items {
			if other.Kind == audit.ItemCertificate && other.PublicKeySHA256 == item.PublicKeySHA256 {
				return fmt.Sprintf(", belongs to item %d", n+1)
			}
		}
		return ", belongs to no certificate here"
	}
	return ""
}

func signatureText(item audit.Item) string {
	switch {
	case item.Kind != audit.ItemRequest:
		return item.SignatureAlgorithm
	case item.SignatureValid:
		return item.SignatureAlgorithm + ", made with its own key"
	}
	return item.SignatureAlgorithm + ", NOT made with its own key"
}

func authorityText(item audit.Item) string {
	switch {
	case item.Kind != audit.ItemCertificate:
		return ""
	case !item.IsCA && item.VersionNote != "" && item.SelfSigned:
		return "not said, as version " + strconv.Itoa(item.Version) + " cannot: see version"
	case !item.IsCA:
		return "no"
	case item.MaxPathLen == nil:
		return "yes, with any number of CAs below it"
	case *item.MaxPathLen == 0:
		return "yes, with no CA below it"
	}
	return fmt.Sprintf("yes, with at most %d CAs below one another", *item.MaxPathLen)
}

// colons writes hexadecimal as openssl does: "A1:B2".
func colons(hex string) string {
	if len(hex)%2 == 1 {
		hex = "0" + hex
	}
	var b strings.Builder
	for i := 0; i+2 <= len(hex); i += 2 {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(strings.ToUpper(hex[i : i+2]))
	}
	return b.String()
}

// chainText is "1 -> 2 -> 3 (self-signed)"; "" for a lone self-signed certificate.
func chainText(i *audit.Inspection, c audit.Chain) string {
	if len(c.Items) == 1 && c.Missing == "" {
		return ""
	}
	var names []string
	for _, n := range c.Items {
		names = append(names, fmt.Sprintf("%d", n+1))
	}
	text := strings.Join(names, " -> ")
	if c.Missing != "" {
		return text + " -> missing: " + printable(c.Missing)
	}
	return text + " (self-signed)"
}

func sessionRows(s *audit.Session, o Options) []row {
	verdict := func(err, ok string) string {
		switch {
		case s.Protocol == "":
			return ""
		case err == "":
			return ok
		}
		return o.paint(level(audit.Critical), printable(err))
	}
	return []row{
		{"error", printable(s.Error)},
		{"protocol", s.Protocol},
		{"cipher", s.Cipher},
		{"host name", verdict(s.NameError, printable(s.ServerName)+" is in the certificate")},
		{"chain", verdict(s.ChainError, "verifies against "+printable(s.Roots))},
	}
}

func writeExpected(w *bufio.Writer, i *audit.Inspection, o Options) {
	if len(i.Findings) == 0 {
		judged := ""
		if len(i.Unjudged) > 0 {
			judged = " with what could be judged"
		}
		fmt.Fprintf(w, "expected  %s: nothing is wrong%s\n", i.Expected, judged)
	}
	for _, f := range i.Findings {
		fmt.Fprintf(w, "expected  %s: %s %s: %s\n", i.Expected, o.paint(severityLevel(f.Severity), strings.ToUpper(printable(string(f.Severity)))), f.Check, printable(f.Message))
	}
	for _, reason := range i.Unjudged {
		fmt.Fprintf(w, "unjudged  %s\n", printable(reason))
	}
}

func problemText(p parsers.Problem) string {
	return printable(strings.Join(nonEmpty(placed(p.Origin.Path, p.Origin.Line), p.Origin.Field, p.Detail), ": "))
}
