package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"certaudit/audit"
	"certaudit/audit/inventory"
)

var distributionOfTest = inventory.Distribution{Name: "k3s", Mode: "agent", Data: "/var/lib/rancher/k3s"}

// within returns the elements of a name below the element with an id.
func (p parsedPage) within(id, name string) []*html.Node {
	var out []*html.Node
	for _, n := range p.all("") {
		if attribute(n, "id") == id {
			for c := range n.Descendants() {
				if c.Type == html.ElementNode && c.Data == name {
					out = append(out, c)
				}
			}
		}
	}
	return out
}

// words are the words of the text below n, with one blank between.
func wordsOf(n *html.Node) string { return strings.Join(strings.Fields(textOf(n)), " ") }

// The matrix says of each node and role in words what is the worst, and leads to it.
func TestHTMLMatrix(t *testing.T) {
	r := auditOf(t, controlPlane(1, ends("/etc/kubernetes/pki/apiserver", 5)), worker(1), worker(2, ends(kubeletClient, -3)))
	p := parsePage(t, r)
	var rows [][]string
	var links []string
	for _, tr := range p.within("nodes", "tr") {
		var row []string
		for c := tr.FirstChild; c != nil; c = c.NextSibling {
			if c.Type != html.ElementNode {
				continue
			}
			if scope := attribute(c, "scope"); c.Data == "th" && scope != map[bool]string{true: "col", false: "row"}[len(rows) == 0] {
				t.Errorf("the header %q has the scope %q", wordsOf(c), scope)
			}
			row = append(row, wordsOf(c))
		}
		rows = append(rows, row)
	}
	for _, a := range p.within("nodes", "a") {
		if a.Parent.Data == "td" && strings.Contains(textOf(a), "exp") {
			links = append(links, attribute(a, "data-filter"))
		}
	}
	ok := func(n int, s string) []string { return strings.Fields(strings.Repeat(s+" ", n)) }
	none := func(n int) []string { return make([]string, n) }
	join := func(lists ...[]string) (out []string) {
		for _, l := range lists {
			out = append(out, l...)
		}
		return out
	}
	want := [][]string{
		{"Node", "Findings", "kubernetes/ca", "etcd/ca", "front-proxy/ca", "kube-apiserver/serving", "kube-apiserver/etcd-client", "kube-apiserver/kubelet-client", "kube-apiserver/front-proxy-client", "etcd/serving",
			"etcd/peer", "etcd/healthcheck-client", "kube-controller-manager/client", "kube-scheduler/client", "admin/client", "super-admin/client", "kubelet/client", "kubelet/serving-self-signed"},
		join([]string{"cp-1 control plane, v1.34.4", "1 warning, 1 info"}, ok(3, "3620d"), []string{"expiring 5d"}, ok(11, "335d"), ok(1, "334d")),
		join([]string{"worker-0001 worker", "1 info", "3620d"}, none(13), ok(2, "334d")),
		join([]string{"worker-0002 worker", "1 critical, 1 info", "3620d"}, none(13), []string{"expired 3d ago", "334d"}),
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"cp-1 kube-apiserver/serving", "worker-0002 kubelet/client"}, links); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A cell has the worst status and, of certificates alike, the earliest end.
func TestHTMLMatrixCell(t *testing.T) {
	cell := func(status string, worst audit.Severity, days int) audit.Certificate {
		c := audit.Certificate{Node: "n", Role: "r", Status: status, Worst: worst}
		if days != 0 {
			c.NotAfter = now.AddDate(0, 0, days)
		}
		return c
	}
	missing := cell("files/missing", audit.Critical, 0)
	for _, tt := range []struct {
		about        string
		certificates []audit.Certificate
		want         [3]string
	}{
		{"the earliest", []audit.Certificate{cell("ok", "", 9), cell("ok", "", 5), cell("ok", "", 7)}, [3]string{"ok", "", "5d"}},
		{"the worst", []audit.Certificate{cell("ok", "", 5), cell("keys/weak", audit.Warning, 300), cell("ok", "", 4)}, [3]string{"warning", "weak", "300d"}},
		{"the past", []audit.Certificate{cell("validity/expired", audit.Critical, -2)}, [3]string{"critical", "expired", "2d ago"}},
		{"past, for another reason", []audit.Certificate{cell("keys/weak", audit.Critical, -2)}, [3]string{"critical", "weak", "expired 2d ago"}},
		{"nothing there", []audit.Certificate{missing}, [3]string{"critical", "missing", ""}},
		{"one there", []audit.Certificate{missing, cell("ok", "", 5)}, [3]string{"critical", "missing", ""}},
		{"of two as bad the first to end", []audit.Certificate{cell("keys/weak", audit.Warning, 300), cell("validity/expiring", audit.Warning, 5), cell("keys/reused", audit.Warning, 9)}, [3]string{"warning", "expiring", "5d"}},
		{"of two alike the first", []audit.Certificate{cell("keys/weak", audit.Warning, 5), cell("keys/reused", audit.Warning, 5)}, [3]string{"warning", "weak", "5d"}},
		{"a status without a family", []audit.Certificate{cell("odd", "", 5)}, [3]string{"unknown", "odd", "5d"}},
	} {
		c := newMatrix(audit.Result{Certificates: tt.certificates})["n"]["r"]
		c.finish(now, "")
		if got := [3]string{string(c.Level), c.Word, c.Left}; got != tt.want {
			t.Errorf("%s: %q, want %q", tt.about, got, tt.want)
		}
	}
}

// Of a thousand nodes a page that runs no script shows the worst, and counts the rest.
func TestHTMLThousandNodes(t *testing.T) {
	r := fleet1000(t)
	p := parsePage(t, r)
	if n := len(p.within("certificates", "tr")); n != 1+firstRows {
		t.Errorf("%d rows, want %d", n-1, firstRows)
	}
	if n := len(p.within("findings", "article")); n != 3 {
		t.Errorf("%d findings, want 3", n)
	}
	var names []string
	for _, tr := range p.within("nodes", "tr")[1:] {
		names = append(names, wordsOf(tr.FirstChild))
	}
	var want []string
	for i := range 10 {
		want = append(want, fmt.Sprintf("worker-0%d07 worker", i))
	}
	want = append(want, "cp-2 control plane, v1.34.4", "2 more control plane, v1.34.4", "987 more worker")
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, text := range []string{"These are the worst; the page shows 1936 more rows where scripts may run.", "on 1,000 nodes", "worker-0007 and 990 more", "3 control planes, 997 workers; 10 critical, 1 warning, 1000 info"} {
		if !strings.Contains(textOf(p.all("main")[0]), text) {
			t.Errorf("the page does not say %q", text)
		}
	}
}

// What there is too much of is counted in every section.
func TestHTMLBounds(t *testing.T) {
	r := audit.Result{Schema: audit.Schema, At: now}
	for i := range 700 {
		node := fmt.Sprint("n", i)
		r.Nodes = append(r.Nodes, audit.Node{Name: node})
		r.Certificates = append(r.Certificates, audit.Certificate{Node: node, Role: fmt.Sprint("r/", i%50), Type: "CA", CommonName: fmt.Sprint("ca ", i), Issuer: fmt.Sprint("ca ", i), SHA256: fmt.Sprint(i), Status: "ok", NotAfter: now.AddDate(1, 0, 0)})
		r.Findings = append(r.Findings, audit.Finding{Check: "keys/weak", Severity: audit.Warning, Node: node, Message: fmt.Sprint("number ", i), Rows: []int{i}})
		r.Connections = append(r.Connections, audit.Connection{Node: node, Client: fmt.Sprint("client ", i), Server: "s", Status: audit.VerdictOK})
		r.Plan = append(r.Plan, audit.Step{Node: node, Title: fmt.Sprint("step ", i)})
	}
	r.Connections[600].Status = audit.VerdictBroken
	r.Certificates[650].Status, r.Certificates[650].Worst = "keys/weak", audit.Warning
	p := parsePage(t, r)
	for section, want := range map[string]struct {
		name  string
		count int
		says  string
	}{
		"certificates": {"tr", 1 + firstRows, "600 more rows"},
		"findings":     {"article", maxArticles, "650 more findings"},
		"connections":  {"tr", 1 + maxConnections, "400 more connections that are no worse"},
		"plan":         {"li", maxPlans, "680 more plans"},
		"issuers":      {"details", maxIssuers, "600 more issuers"},
		"nodes":        {"tr", 1 + maxMatrixRows + 1, "10 more roles"},
	} {
		if n := len(p.within(section, want.name)); n != want.count {
			t.Errorf("%s has %d of <%s>, want %d", section, n, want.name, want.count)
		}
		text := ""
		for _, n := range p.within(section, "p") {
			text += textOf(n)
		}
		if !strings.Contains(text, want.says) {
			t.Errorf("%s does not say %q: %s", section, want.says, text)
		}
	}
	if first := wordsOf(p.within("connections", "tr")[1]); !strings.HasPrefix(first, "brokenclient 600") {
		t.Errorf("the first connection is %q", first)
	}
	if first := attribute(p.within("certificates", "tr")[1], "id"); first != "cert-650" {
		t.Errorf("the first certificate is %q", first)
	}
}
