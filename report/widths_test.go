package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"certaudit/audit"
	"certaudit/fixtures"
)

// widthResults are what people look at: a sound node, a broken one, one that lost its
// certificates, and a fleet of twelve.
func widthResults(t *testing.T) map[string]audit.Result {
	half := controlPlane(1, func(c *fixtures.Cluster) {
		for name := range c.Node {
			if strings.HasPrefix(name, "/etc/kubernetes/pki/") {
				delete(c.Node, name)
			}
		}
	})
	return map[string]audit.Result{
		"good":   auditOf(t, controlPlane(1)),
		"broken": auditOf(t, fixtures.Demo()),
		"half":   auditOf(t, half),
		"fleet":  fleetOf(t, 12),
	}
}

// At every width there is a table, no wider than it may be, and the last line is the
// verdict, whole.
func TestWidths(t *testing.T) {
	for name, r := range widthResults(t) {
		for _, width := range []int{80, 100, 120, 160, 200} {
			out := render(t, "table", r, Options{Width: width})
			golden(t, fmt.Sprintf("widths/%s-%d.txt", name, width), out)
			table, _, _ := strings.Cut(out, "\n\n")
			for line := range strings.Lines(table) {
				if w := textWidth(strings.TrimSuffix(line, "\n")); w > width {
					t.Errorf("%s at %d has a line of %d columns: %s", name, width, w, line)
				}
			}
			if last := lastLine(out); last != summaryLine(r) {
				t.Errorf("%s at %d ends in %q", name, width, last)
			}
		}
	}
}

func lastLine(s string) string {
	return s[strings.LastIndexByte(strings.TrimSuffix(s, "\n"), '\n')+1:]
}

// Columns leave in the order that is promised, and come back in no other.
func TestLeavingColumns(t *testing.T) {
	r := auditOf(t, fixtures.Demo())
	want := []string{
		"COMPONENT PATH EXPIRATION STATUS",
		"COMPONENT TYPE PATH EXPIRATION STATUS",
		"COMPONENT TYPE PATH CN EXPIRATION STATUS",
		"COMPONENT TYPE PATH CN ORGANIZATION EXPIRATION STATUS",
		"COMPONENT TYPE PATH CN ORGANIZATION ISSUER EXPIRATION STATUS",
		"COMPONENT TYPE PATH CN ALT NAMES ORGANIZATION ISSUER EXPIRATION STATUS",
	}
	var got []string
	for width := 80; width <= 400; width += 5 {
		head, _, _ := strings.Cut(render(t, "table", r, Options{Width: width}), "\n")
		head = strings.ReplaceAll(strings.Join(strings.Fields(head), " "), "CERTIFICATE PATH", "PATH")
		if len(got) == 0 || got[len(got)-1] != head {
			got = append(got, head)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Where names of components may be wrapped: not at all where they are short, once where that
// is enough.
func TestComponentCell(t *testing.T) {
	for name, want := range map[string]cell{
		"":                                     nil,
		"etcd":                                 {"etcd"},
		"kube-apiserver":                       {"kube-apiserver"},
		"kube-controller-manager":              {"kube-controller-", "manager"},
		"cert-manager-webhook-of-another-team": {"cert-", "manager-", "webhook-", "of-", "another-", "team"},
		"componentwithoutanyhyphen":            {"componentwithoutanyhyphen"},
		"componentofmanynames":                 {"componentofmanynames"},
	} {
		if diff := cmp.Diff(want, component(name)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", name, diff)
		}
	}
}

// What stands for a folder is said, and no path becomes another.
func TestShorten(t *testing.T) {
	for _, tt := range []struct {
		paths, want []string
		hint        string
	}{
		{[]string{"/etc/a/1", "/etc/a/2", "/var/b/3", "/var/b/4", "/opt/5"}, []string{"1", "2", "…/3", "…/4", "/opt/5"}, "Paths below /etc/a/; …/ is /var/b/. "},
		{[]string{"/one/file"}, []string{"/one/file"}, ""},
		{[]string{"certs/a.crt", "certs/b.crt", "/etc/x/c.crt"}, []string{"…/a.crt", "…/b.crt", "/etc/x/c.crt"}, "…/ is certs/. "},
		{[]string{"Secret prod/web", "", "/"}, []string{"Secret prod/web", "", "/"}, ""},
		{[]string{"/a\x1b/1", "/a\x1b/2"}, []string{"1", "2"}, `Paths below /a\x1b/. `},
	} {
		var rows []subject
		for _, p := range tt.paths {
			rows = append(rows, subject{Certificate: audit.Certificate{Path: p}})
		}
		s := shorten(rows)
		var got []string
		for _, p := range tt.paths {
			got = append(got, s.path(p))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || s.hint != tt.hint {
			t.Errorf("%q: %q (-want +got):\n%s", tt.paths, s.hint, diff)
		}
	}
}

// The most urgent come first: what counts, the worst, what breaks most, what ends first.
func TestUrgency(t *testing.T) {
	at := func(days int) audit.Certificate { return audit.Certificate{NotAfter: now.AddDate(0, 0, days)} }
	r := audit.Result{Certificates: []audit.Certificate{at(5), at(2), at(-3)}, Findings: []audit.Finding{
		{Check: "info", Severity: audit.Info, Breaks: []string{"a", "b", "c"}},
		{Check: "waived", Severity: audit.Critical, Waiver: &audit.WaivedBy{}},
		{Check: "undated", Severity: audit.Critical},
		{Check: "in 5", Severity: audit.Critical, Rows: []int{0}},
		{Check: "in 2", Severity: audit.Critical, Rows: []int{0, 1}},
		{Check: "past", Severity: audit.Warning, Rows: []int{2}},
		{Check: "one", Severity: audit.Critical, Breaks: []string{"a"}},
		{Check: "two", Severity: audit.Critical, Breaks: []string{"a", "b"}},
	}}
	var got []string
	for _, f := range urgent(r) {
		got = append(got, f.Check)
	}
	if diff := cmp.Diff([]string{"two", "one", "in 2", "in 5", "undated", "past", "info", "waived"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Whoever sees no colours sees a mark, and no two levels have the same.
func TestMarks(t *testing.T) {
	seen := map[string]level{}
	for l, look := range looks {
		if other, twice := seen[look.mark]; twice {
			t.Errorf("%s and %s have the mark %q", l, other, look.mark)
		}
		seen[look.mark] = l
	}
}

// Quiet is the verdict alone; verbose adds sources, steps and what was not judged.
func TestQuietVerbose(t *testing.T) {
	r := auditOf(t, fixtures.Demo())
	r.Outcomes = append(r.Outcomes, audit.Outcome{Check: "keys/weak", State: audit.Done, Reason: "it is dark"}, audit.Outcome{Check: "keys/weak-signature", State: audit.Done, Reason: "it is night"})
	for _, format := range []string{"table", "wide", SheetFormat} {
		if got := render(t, format, r, Options{Quiet: true}); got != summaryLine(r) {
			t.Errorf("%s, quiet: %q", format, got)
		}
	}
	plain, verbose := render(t, "table", r, Options{}), render(t, "table", r, Options{Verbose: true})
	for _, words := range []string{"see  crypto/tls X509KeyPair\n", "\n  17. put ", "keys/weak: it is dark\n"} {
		if strings.Contains(plain, words) || !strings.Contains(verbose, words) {
			t.Errorf("%q: plain %v, verbose %v", words, strings.Contains(plain, words), strings.Contains(verbose, words))
		}
	}
	if !strings.Contains(plain, "\nNot judged: part of 2 checks, for 2 reasons; --verbose says which and why\n") {
		t.Errorf("nothing says that something was not judged:\n%s", plain)
	}
}

// What a filter hides is counted in the last line, which otherwise says what it says
// without one.
func TestFiltered(t *testing.T) {
	r := auditOf(t, fixtures.Demo())
	shown := r.Only(audit.Filter{Severity: audit.Critical, Components: []string{"kubelet"}})
	want := "16 certificates: 4 critical, 1 info; worst validity/expired of kubelet-client-current.pem; not shown: 4 findings, 13 certificates; next expiry 2026-11-28 (5 days); complete\n"
	out := render(t, "table", shown, Options{Width: 100})
	if got := lastLine(out); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if strings.Contains(out, "etcd/server.crt") || !strings.Contains(out, "kubelet-client-current.pem") {
		t.Errorf("it shows the wrong rows:\n%s", out)
	}
}

// A finding is a line that compilers could have written.
func TestLines(t *testing.T) {
	r := audit.Result{Nodes: []audit.Node{{Name: "cp-1"}}, Findings: []audit.Finding{
		{Check: "files/missing", Severity: audit.Warning, Node: "cp-1", Path: "/etc/a\nb", Message: "is not there\x1b"},
		{Check: "validity/expired", Severity: audit.Critical, Node: "cp-1", Path: "/etc/c", Line: 7, Message: "ended", Known: true},
		{Check: "keys/weak", Severity: audit.Critical, Message: "is weak"},
	}}
	want := ".:1: critical keys/weak: is weak\n" + `/etc/a\nb:1: warning files/missing: is not there\x1b` + "\n/etc/c:7: critical validity/expired: ended (known from the baseline)\n"
	if diff := cmp.Diff(want, render(t, "lines", r, Options{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	r.Nodes = append(r.Nodes, audit.Node{Name: "cp-2"})
	if out := render(t, "lines", r, Options{}); !strings.Contains(out, "\ncp-1/etc/c:7: critical") {
		t.Errorf("the nodes are not told apart: %s", out)
	}
}
