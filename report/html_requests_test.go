package report

import (
	"bytes"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"certaudit/audit"
)

// The page shows every request, and what stands in one as text.
func TestHTMLRequests(t *testing.T) {
	r := audit.Result{Requests: []audit.Request{
		{Name: "jane", CommonName: "</td><script>alert(1)</script>", Verdict: audit.VerdictReject, Reasons: []string{"csr/usages"}},
		{Name: "node02", CommonName: "system:node:node02", Verdict: audit.VerdictSound},
	}}
	var b bytes.Buffer
	if err := writeHTML(&b, r, Options{}); err != nil {
		t.Fatal(err)
	}
	doc, err := html.Parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	scripts := 0
	var walk func(n *html.Node, inside bool)
	walk = func(n *html.Node, inside bool) {
		for _, a := range n.Attr {
			inside = inside || a.Key == "id" && a.Val == "requests"
		}
		if n.Data == "script" {
			scripts++
		}
		if inside && n.Data == "tr" {
			rows = append(rows, textOf(n))
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c, inside)
		}
	}
	walk(doc, false)
	if len(rows) != 3 || !strings.Contains(rows[1], "</td><script>alert(1)</script>") || !strings.Contains(rows[1], "reject: csr/usages") || !strings.Contains(rows[2], "sound") {
		t.Errorf("rows: %q", rows)
	}
	if scripts != 2 {
		t.Errorf("%d script elements, want the data and the page's own", scripts)
	}
}
