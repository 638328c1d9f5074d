package report

import (
	"strings"
	"testing"

	"certaudit/audit"
	"certaudit/fixtures"
)

// usesOf audits nodes with the rows of the sheet.
func usesOf(t *testing.T, nodes ...fixtures.Node) audit.Result {
	t.Helper()
	return auditBy(t, audit.Options{At: fixtures.Now, Uses: true}, nodes...)
}

// The sheet of a kubeadm node, with a key that is another's and one that is not there, and
// that of two nodes.
func TestSheet(t *testing.T) {
	broken := fixtures.Demo()
	delete(broken, "/etc/kubernetes/pki/apiserver-kubelet-client.key")
	r := usesOf(t, broken)
	golden(t, "sheet.txt", render(t, SheetFormat, r, Options{}))
	golden(t, "sheet.csv", render(t, "csv", r, Options{Sheet: true}))
	two := usesOf(t, controlPlane(1), worker(1))
	out := render(t, "csv", two, Options{Sheet: true})
	for _, start := range []string{"Node,Component,Type,", "cp-1,kube-apiserver,Server,/etc/kubernetes/pki/apiserver.crt,", "worker-0001,kubelet,Client (kube-apiserver),"} {
		if !strings.Contains("\n"+out, "\n"+start) {
			t.Errorf("no line begins with %q:\n%s", start, out)
		}
	}
}

// Nothing in it reaches a terminal, or is run by a spreadsheet.
func TestSheetHostile(t *testing.T) {
	r := awkward()
	for _, c := range r.Certificates {
		r.Uses = append(r.Uses, audit.Use{Certificate: c, Part: audit.PartCertificate}, audit.Use{Certificate: audit.Certificate{Path: "=1+1\x1b"}, Part: audit.PartKey, Of: "@a\u202e", Key: "\x00"})
	}
	checkPrintable(t, render(t, SheetFormat, r, Options{Width: 80}))
	out := render(t, "csv", r, Options{Sheet: true})
	checkPrintable(t, out)
	if strings.Contains(out, ",=1+1") || !strings.Contains(out, ",'=1+1") {
		t.Errorf("a formula is left in\n%s", out)
	}
}
