package audit

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// joined is a result with every relation that there is between rows and findings.
func joined() Result {
	row := func(node, path, sha256 string) Certificate {
		return Certificate{Node: node, Path: path, SHA256: sha256, Status: statusOK}
	}
	about := func(check string, s Severity, node, path, sha256 string) Finding {
		return Finding{Check: check, Severity: s, Node: node, Path: path, SHA256: sha256}
	}
	waived := about("keys/mismatch", Critical, "a", "/all", "2")
	waived.Waiver = &WaivedBy{}
	known := about("chain/untrusted", Warning, "a", "/all", "3")
	known.Known = true
	r := Result{
		Certificates: []Certificate{row("a", "/all", "1"), row("a", "/all", "2"), row("a", "/all", "1"), row("a", "/all", "3"), row("a", "/copy", "1"),
			row("b", "/all", "1"), row("a", "/gone", ""), row("a", "/fine", "4")},
		Findings: []Finding{about("keys/weak", Warning, "a", "/all", "1"), about("validity/expired", Critical, "a", "/all", "1"),
			about("usage/extended-key-usage", Critical, "a", "/all", "1"), about("files/unreferenced", Info, "a", "/all", "2"), waived, known,
			about("files/missing", Critical, "a", "/gone", ""), about("files/permissions", Warning, "a", "/all", ""), about("cluster/ca-differs", Critical, "", "", "")},
	}
	r.join()
	return r
}

// A row has the status of the worst finding about the certificate where it
// stands: not of those about another in the same file, about the file as a whole,
// about a copy or on another node; and of no waived one.
func TestJoinStatus(t *testing.T) {
	type status struct {
		Status string
		Worst  Severity
	}
	var got []status
	for _, c := range joined().Certificates {
		got = append(got, status{c.Status, c.Worst})
	}
	expired := status{"validity/expired", Critical}
	want := []status{expired, {statusOK, ""}, expired, {"chain/untrusted", Warning}, {statusOK, ""}, {statusOK, ""}, {"files/missing", Critical}, {statusOK, ""}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// A finding has all rows of its certificate where it stands, whatever becomes of
// the finding.
func TestJoinRows(t *testing.T) {
	var got [][]int
	for _, f := range joined().Findings {
		got = append(got, f.Rows)
	}
	want := [][]int{{0, 2}, {0, 2}, {0, 2}, {1}, {1}, {3}, {6}, nil, nil}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows of the findings (-want +got):\n%s", diff)
	}
	// A file may hold a certificate thousands of times, with as many findings.
	if &got[0][0] != &got[1][0] {
		t.Error("findings about one place have copies of its rows")
	}
}

// Rows that another result shares are neither changed nor, where nothing changes,
// copied.
func TestJoinSharesRows(t *testing.T) {
	before := joined()
	same := Result{Certificates: before.Certificates, Findings: joined().Findings}
	same.join()
	if &same.Certificates[0] != &before.Certificates[0] {
		t.Error("rows are copied although they stay as they are")
	}
	worse := Result{Certificates: before.Certificates, Findings: joined().Findings}
	worse.Findings[5].Severity = Critical
	worse.join()
	if c := worse.Certificates[3]; c.Status != "chain/untrusted" || c.Worst != Critical {
		t.Errorf("the row of a finding with another severity is %q, %q", c.Status, c.Worst)
	}
	if diff := cmp.Diff(joined(), before); diff != "" {
		t.Errorf("the rows of the other result (-want +got):\n%s", diff)
	}
}
