package report

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"certaudit/audit"
	"certaudit/fixtures"
)

func TestNodeless(t *testing.T) {
	for _, tt := range []struct{ s, node, want string }{
		{"system:node:cp-1", "cp-1", "system:node:{node}"},
		{"cp-1 and cp-1.example.com, not cp-10 nor xcp-1", "cp-1", "{node} and {node}.example.com, not cp-10 nor xcp-1"},
		{"cp-1", "cp-1 #2", "{node}"},
		{"cp-1", "", "cp-1"},
		{"cp-1", "#2", "cp-1"},
		{"écp-1", "cp-1", "écp-1"},
		{"", "cp-1", ""},
	} {
		if got := nodeless(tt.s, tt.node); got != tt.want {
			t.Errorf("nodeless(%q, %q) = %q, want %q", tt.s, tt.node, got, tt.want)
		}
	}
	if got := nodeName("cp-1-ca@1792843200", "cp-1"); got != "{node}-ca@…" {
		t.Errorf("got %q", got)
	}
}

// Few nodes are named, of many some, and the others are counted.
func TestNodeLists(t *testing.T) {
	var names []string
	for i := range 5000 {
		names = append(names, fmt.Sprint("w", i))
	}
	f := fleet{several: true, clusters: 1, cluster: map[string]string{"w0": "prod"}}
	of := f
	of.clusters = 2
	for got, want := range map[string]string{
		f.nodes(nil):           "",
		f.nodes(names[:3]):     "w0, w1, w2",
		f.nodes(names[:4]):     "4 nodes",
		f.nodes(names):         "5,000 nodes",
		of.nodes(names[:4]):    "4 nodes of prod",
		of.nodes(names[1:5]):   "4 nodes",
		someNodes(names[:10]):  "w0, w1, w2, w3, w4, w5, w6, w7, w8, w9",
		someNodes(names):       "w0, w1, w2, w3, w4, w5, w6, w7, w8, w9 and 4,990 more",
		thousands(0):           "0",
		thousands(999):         "999",
		thousands(1000):        "1,000",
		thousands(1234567):     "1,234,567",
		brief(someNodes(nil)):  "",
		f.nodes([]string{"a"}): "a",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// threeNodes has the same certificates on cp-1 and cp-2 of one cluster, and one node of
// another cluster that looks the same.
func threeNodes() audit.Result {
	r := audit.Result{Schema: audit.Schema, At: now, Clusters: []audit.Cluster{
		{Name: "one", CAKeys: []string{"1111111122"}, Nodes: []string{"cp-1", "cp-2"}}, {Name: "other", CAKeys: []string{"2222222233"}, Nodes: []string{"x-1"}}}}
	for i, node := range []string{"cp-1", "cp-2", "x-1"} {
		home, ca := "one", "ca"
		if node == "x-1" {
			home, ca = "other", "other-ca"
		}
		r.Nodes = append(r.Nodes, audit.Node{Name: node, Cluster: home, KubernetesVersion: "v1.37.2", Profile: "kubeadm"})
		r.Certificates = append(r.Certificates,
			audit.Certificate{Node: node, Component: "kubernetes", Type: "CA", Role: "kubernetes/ca", Path: "/pki/ca.crt", CommonName: "kubernetes", Issuer: "kubernetes", SHA256: ca,
				UsedBy: []string{"everybody", fmt.Sprint("user ", i%2)}, NotAfter: now.AddDate(9, 0, 0), Status: "ok"},
			audit.Certificate{Node: node, Component: "etcd", Type: "Server", Role: "etcd/serving", Path: "/pki/" + node + ".crt", CommonName: node, Issuer: node + "-ca@1234" + fmt.Sprint(i),
				DNSNames: []string{node, "localhost"}, IPAddresses: []string{"127.0.0.1", fmt.Sprint("192.0.2.", i)}, SHA256: "leaf-" + node, NotAfter: now.AddDate(0, 0, 300-i), Status: "ok"})
	}
	return r
}

// rowsOf are the cells of a table in text.
func rowsOf(g grid) [][]string {
	var out [][]string
	for _, row := range g.rows {
		var texts []string
		for _, c := range row {
			texts = append(texts, c.String())
		}
		out = append(out, texts)
	}
	return out
}

// One row has what the nodes of a cluster share, in words that hold for all.
func TestShareRows(t *testing.T) {
	columns := append(tableColumns[:0:0], tableColumns[2], tableColumns[3], tableColumns[4], tableColumns[6], tableColumns[7], wideColumns[5])
	r := threeNodes()
	ca := func(nodes, users string) []string {
		return []string{nodes, "/pki/ca.crt", "kubernetes", "-", "kubernetes", "2035-11-23 06:14 UTC (3287d)", users}
	}
	want := [][]string{
		ca("cp-1, cp-2", "everybody, user 0, user 1"),
		{"cp-1, cp-2", "/pki/{node}.crt", "{node}", "{node}, localhost, 127.0.0.1, 1 more on each node", "{node}-ca@…", "2027-09-18 06:14 UTC (299d) on cp-2, last 2027-09-19", "-"},
		ca("x-1", "everybody, user 0"),
		{"x-1", "/pki/x-1.crt", "x-1", "x-1, localhost, 127.0.0.1, 192.0.2.2", "x-1-ca@12342", "2027-09-17 06:14 UTC (298d)", "-"},
	}
	if diff := cmp.Diff(want, rowsOf(certificateGrid(r, columns, !exact))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, of := shareRows(r, !exact)
	if diff := cmp.Diff([]int{0, 1, 0, 1, 2, 3}, of); diff != "" {
		t.Errorf("the rows of the certificates (-want +got):\n%s", diff)
	}
	// Exact: but for the CA each has its own.
	_, of = shareRows(r, exact)
	if diff := cmp.Diff([]int{0, 1, 0, 2, 3, 4}, of); diff != "" {
		t.Errorf("the rows of the certificates, exact (-want +got):\n%s", diff)
	}
}

// What differs is not made one: another CA, status, subject, place, or no cluster.
func TestShareRowsApart(t *testing.T) {
	for about, change := range map[string]func(r *audit.Result){
		"another CA at the same place": func(r *audit.Result) { r.Certificates[2].SHA256 = "renewed" },
		"another status":               func(r *audit.Result) { r.Certificates[2].Status, r.Certificates[2].Worst = "keys/weak", audit.Warning },
		"another path":                 func(r *audit.Result) { r.Certificates[2].Path = "/elsewhere/ca.crt" },
		"another role":                 func(r *audit.Result) { r.Certificates[2].Role = "etcd/ca" },
		"another position":             func(r *audit.Result) { r.Certificates[2].Index = 1 },
		"a leaf of another issuer":     func(r *audit.Result) { r.Certificates[3].Issuer = "somebody" },
		"a leaf of another subject":    func(r *audit.Result) { r.Certificates[3].CommonName = "somebody" },
		"a leaf of other groups":       func(r *audit.Result) { r.Certificates[3].Organizations = []string{"system:masters"} },
		"a missing file":               func(r *audit.Result) { r.Certificates[3].Absent = audit.AbsentMissing },
		"of no node":                   func(r *audit.Result) { r.Certificates[0].Node, r.Certificates[2].Node = "loose", "" },
	} {
		r := threeNodes()
		change(&r)
		if n := len(shareSubjects(r, !exact)); n != 5 {
			t.Errorf("%s: %d rows, want 5", about, n)
		}
	}
}

// One finding has what several nodes have in common, and says so where dates differ.
func TestShareFindings(t *testing.T) {
	r := threeNodes()
	add := func(node, check, message, remedy string, severity audit.Severity) {
		r.Findings = append(r.Findings, audit.Finding{Check: check, Severity: severity, Node: node, Component: "etcd", Path: "/pki/" + node + ".crt", Message: message, Remedy: remedy, Breaks: []string{node + " -> etcd"}})
	}
	add("cp-1", "files/modes", "is open", "chmod 600 f", audit.Info)
	add("cp-2", "files/modes", "is open", "chmod 600 f", audit.Info)
	add("x-1", "files/modes", "is open", "chmod 600 f", audit.Info)
	add("cp-1", "validity/expired", "of cp-1 expired on 2026-11-20 12:00 UTC, 3 days ago", "renew cp-1", audit.Critical)
	add("cp-2", "validity/expired", "of cp-2 expired on 2026-11-21 12:00 UTC, 2 days ago", "renew cp-2", audit.Critical)
	add("cp-1", "keys/weak", "has 1024 bits", "", audit.Critical)
	add("cp-2", "keys/weak", "has 512 bits", "", audit.Critical)
	add("", "cluster/ca-differs", "two CAs", "", audit.Warning)
	add("cp-2", "keys/reused", "of cp-2", "", audit.Info)
	add("cp-1", "keys/reused", "of cp-1", "", audit.Info)
	r.Findings[9].Waiver = &audit.WaivedBy{Reason: "so be it", Until: "2027-01-31"}
	type finding struct{ Nodes, Members, Path, Message, Breaks, Remedy string }
	var got []finding
	for _, g := range shareFindings(r) {
		got = append(got, finding{strings.Join(g.nodes, " "), fmt.Sprint(g.members), g.Path, g.Message, g.Breaks[0], strings.Join(ownRemedy(g), "\n")})
	}
	want := []finding{
		{"cp-1 cp-2", "[3 4]", "/pki/{node}.crt", "of {node} expired on 2026-11-20 12:00 UTC, 3 days ago (so on cp-1; the dates of the others differ)", "{node} -> etcd",
			"# on cp-1; certaudit plan prints that of each other node there\nrenew cp-1"},
		{"cp-1", "[5]", "/pki/cp-1.crt", "has 1024 bits", "cp-1 -> etcd", ""},
		{"cp-2", "[6]", "/pki/cp-2.crt", "has 512 bits", "cp-2 -> etcd", ""},
		{"", "[7]", "/pki/.crt", "two CAs", " -> etcd", ""},
		{"cp-1 cp-2", "[0 1]", "/pki/{node}.crt", "is open", "{node} -> etcd", "chmod 600 f"},
		{"x-1", "[2]", "/pki/x-1.crt", "is open", "x-1 -> etcd", "chmod 600 f"},
		{"cp-2", "[8]", "/pki/cp-2.crt", "of cp-2", "cp-2 -> etcd", ""},
		{"cp-1", "[9]", "/pki/cp-1.crt", "of cp-1", "cp-1 -> etcd", ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// Of one node nothing is joined, whatever it says.
	r.Nodes = r.Nodes[:1]
	if n := len(shareFindings(r)); n != len(r.Findings) {
		t.Errorf("%d findings of one node, want %d", n, len(r.Findings))
	}
}

// What differs by the nodes' own names and addresses is said once, with those of one node.
func TestShareFindingsOfAddresses(t *testing.T) {
	r := threeNodes()
	hosts := [][]string{{"cp-1", "ip-192-0-2-1", "192.0.2.1", "2001:db8::1"}, {"cp-2", "ip-192-0-2-2", "192.0.2.2", "2001:db8::2"}, {"192.0.2.3"}}
	for i, f := range []audit.Finding{
		{Check: "a", Message: "lacks 192.0.2.1 and 2001:db8::1; https://192.0.2.1:6443 is dialled"}, {Check: "a", Message: "lacks 192.0.2.2 and 2001:db8::2; https://192.0.2.2:6443 is dialled"},
		{Check: "b", Message: "lacks 192.0.2.11"}, {Check: "b", Message: "lacks 192.0.2.22"},
		{Check: "c", Message: "is ip-192-0-2-1"}, {Check: "c", Message: "is ip-192-0-2-2"},
		{Check: "d", Message: "has 192.0.2.1"}, {Check: "d", Message: "has 192.0.2.1"},
		{Check: "e", Message: "192.0.2.1 ended on 2026-11-20"}, {Check: "e", Message: "192.0.2.2 ended on 2026-11-21"},
	} {
		f.Node, f.Severity = []string{"cp-1", "cp-2"}[i%2], audit.Warning
		r.Findings = append(r.Findings, f)
	}
	for i := range r.Nodes {
		r.Nodes[i].Hosts = hosts[i]
	}
	got := []string{}
	for _, g := range shareFindings(r) {
		got = append(got, strings.Join(g.nodes, " ")+" "+g.Check+" "+g.Message)
	}
	want := []string{
		"cp-1 cp-2 a lacks {address} and {address}; https://{address}:6443 is dialled ({address} is 192.0.2.1, 2001:db8::1 on cp-1)",
		"cp-1 b lacks 192.0.2.11", "cp-2 b lacks 192.0.2.22",
		"cp-1 cp-2 c is {node}",
		"cp-1 cp-2 d has 192.0.2.1",
		"cp-1 cp-2 e {address} ended on 2026-11-20 ({address} is 192.0.2.1 on cp-1) (so on cp-1; the dates of the others differ)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The plan of nodes that have the same steps is shown once, and a finding names the
// steps that are shown.
func TestSharePlans(t *testing.T) {
	r := threeNodes()
	for _, node := range []string{"cp-1", "cp-2", "x-1"} {
		r.Findings = append(r.Findings, audit.Finding{Check: "a/b", Severity: audit.Warning, Node: node, Path: "/f", Message: "is wrong"})
		r.Plan = append(r.Plan, audit.Step{Node: node, Phase: audit.PhaseLook, Title: "look at " + node}, audit.Step{Node: node, Phase: audit.PhasePlace, Title: "put /f in place", Findings: []string{"a/b /f"}, Commands: []string{"true"}})
	}
	r.Findings[0].Severity, r.Findings[1].Severity = audit.Critical, audit.Critical
	plan := newPlanIndex(r)
	want := "Plan (certaudit plan prints the commands)\n" +
		"  on cp-1, cp-2, one after the other:\n   1. by hand: look at {node}\n   2. put /f in place\n" +
		"  on x-1:\n   5. by hand: look at x-1\n   6. put /f in place\n"
	if diff := cmp.Diff(want, planSection(r, plan, Options{Verbose: true})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var remedies []string
	for _, g := range shareFindings(r) {
		remedies = append(remedies, strings.Join(remedyLines(g, r, plan), "\n"))
	}
	if diff := cmp.Diff([]string{"step 2: put /f in place", "step 6: put /f in place"}, remedies); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// Plans that differ are named apart, and many numbers of one step are counted.
	r.Clusters, r.Plan, r.Findings, r.Nodes = nil, nil, nil, nil
	for i := range 30 {
		node := fmt.Sprint("n", i)
		r.Nodes = append(r.Nodes, audit.Node{Name: node})
		r.Findings = append([]audit.Finding{{Check: "a/b", Node: node, Path: "/f"}}, r.Findings...) // in another order than the plan
		r.Plan = append(r.Plan, audit.Step{Node: node, Title: fmt.Sprint("look ", i)}, audit.Step{Node: node, Phase: audit.PhaseAsk, Title: "do", Findings: []string{"a/b /f"}})
	}
	plan = newPlanIndex(r)
	if got := planSection(r, plan, Options{Verbose: true}); strings.Count(got, "  on n") != maxPlans || !strings.HasSuffix(got, "  and 10 other plans more; certaudit plan on a node prints its own\n") {
		t.Errorf("got %s", got)
	}
	if got, want := remedyLines(shareFindings(r)[0], r, plan), []string{"steps 2, 4, 6, 8, 10, 25 more: by hand: do"}; !cmp.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestShareConnections(t *testing.T) {
	r := threeNodes()
	for _, node := range []string{"cp-1", "cp-2", "x-1"} {
		r.Connections = append(r.Connections,
			audit.Connection{Node: node, Client: "kubelet", Server: "kube-apiserver", Address: "https://cp:6443", Identity: "system:node:" + node, Status: audit.VerdictOK},
			audit.Connection{Node: node, Client: "etcd", Server: "etcd", Address: "https://" + node, Status: audit.VerdictOK})
	}
	r.Connections[3].Status = audit.VerdictBroken
	type row struct{ Nodes, Identity, Address, Status string }
	var got []row
	for _, c := range shareConnections(r) {
		got = append(got, row{strings.Join(c.nodes, " "), c.Identity, c.Address, c.Status})
	}
	want := []row{
		{"cp-1 cp-2", "system:node:{node}", "https://cp:6443", "ok"}, {"cp-1", "", "https://cp-1", "ok"}, {"cp-2", "", "https://cp-2", "broken"},
		{"x-1", "system:node:x-1", "https://cp:6443", "ok"}, {"x-1", "", "https://x-1", "ok"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What was not judged for reasons that name each node is said once.
func TestShareOmissions(t *testing.T) {
	r := threeNodes()
	for _, node := range []string{"cp-1", "cp-2"} {
		r.Outcomes = append(r.Outcomes, audit.Outcome{Check: "a/b", Node: node, State: audit.Incomplete, Reason: "the key of " + node + " cannot be read"})
	}
	r.Outcomes = append(r.Outcomes, audit.Outcome{Check: "c/d", Node: "x-1", State: audit.Incomplete, Reason: "the key of x-1 is gone"})
	want := []omission{{[]string{"a/b"}, " on cp-1, cp-2", "the key of {node} cannot be read"}, {[]string{"c/d"}, " on x-1", "the key of x-1 is gone"}}
	if diff := cmp.Diff(want, omissions(r)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// On a terminal of 100 columns a sound cluster of three is short, and faults on a few of
// its nodes stand out.
func TestFleetGolden(t *testing.T) {
	sound := auditOf(t, controlPlane(1), controlPlane(2), controlPlane(3))
	faulty := auditOf(t, controlPlane(1, ends("/etc/kubernetes/pki/apiserver", 5)), controlPlane(2),
		controlPlane(3, func(c *fixtures.Cluster) { delete(c.Node, "/etc/kubernetes/pki/apiserver-etcd-client.crt") }),
		worker(1), worker(2, ends(kubeletClient, -3)), worker(3, ends(kubeletClient, -4)), worker(4, ends(kubeletClient, -5)), worker(5, ends(kubeletClient, -5)), worker(6))
	for name, r := range map[string]audit.Result{"sound": sound, "faulty": faulty} {
		golden(t, name+"-table-100.txt", render(t, "table", r, Options{Width: 100}))
		golden(t, name+"-table-0.txt", render(t, "table", r, Options{}))
		golden(t, name+".md", render(t, "markdown", r, Options{}))
	}
	if n := strings.Count(render(t, "table", sound, Options{Width: 100}), "\n"); n > 60 {
		t.Errorf("%d lines for a sound cluster", n)
	}
}

// Every format for programs names every node.
func TestFormatsNameNodes(t *testing.T) {
	r := auditOf(t, controlPlane(1), worker(1), worker(2))
	for _, name := range []string{"json", "yaml", "csv", "sarif", "junit", "github", "gitlab", "ics", "prometheus"} {
		out := strings.ReplaceAll(render(t, name, r, Options{}), "\r\n ", "")
		for _, node := range []string{"cp-1", "worker-0001", "worker-0002"} {
			if !strings.Contains(out, node) {
				t.Errorf("%s does not name %s", name, node)
			}
		}
	}
	// No two findings are at one place, or are one to a tool.
	for format, unique := range map[string]func(*testing.T, string) []string{"sarif": sarifFingerprints, "gitlab": gitlabFingerprints} {
		seen := map[string]bool{}
		for _, print := range unique(t, render(t, format, r, Options{})) {
			if seen[print] {
				t.Errorf("%s has the fingerprint %s twice", format, print)
			}
			seen[print] = true
		}
	}
	files := map[string]bool{}
	for _, f := range r.Findings {
		if at := locator(r)(f); files[at] || filepath.IsAbs(at) {
			t.Errorf("the file %s stands twice", at)
		} else {
			files[at] = true
		}
	}
	if len(files) != 3 {
		t.Errorf("%d files, want one on each node", len(files))
	}
}

// A thousand nodes fill a page of text, not a book.
func TestFleetIsShort(t *testing.T) {
	r := fleet1000(t)
	for format, most := range map[string]int{"table": 200, "markdown": 120} {
		if n := strings.Count(render(t, format, r, Options{Width: 100}), "\n"); n > most {
			t.Errorf("%s has %d lines, want at most %d", format, n, most)
		}
	}
	if n := len(render(t, "html", r, Options{})); n > 1_200_000 {
		t.Errorf("the page has %d bytes", n)
	}
}

// What is said once of several nodes is found in time that grows with their number, not
// with its square: eight times as many take about eight times as long.
func TestFleetIsLinear(t *testing.T) {
	if testing.Short() {
		t.Skip("writes megabytes")
	}
	took := func(r audit.Result, format string) time.Duration {
		best := time.Hour
		for range 3 {
			start := time.Now()
			render(t, format, r, Options{})
			best = min(best, time.Since(start))
		}
		return best
	}
	small, large := many(250), many(2000)
	for _, format := range []string{"table", "markdown", "html"} {
		if few, lots := took(small, format), took(large, format); lots > 3*8*few+200*time.Millisecond {
			t.Errorf("%s takes %v for 250 nodes and %v for 2,000", format, few, lots)
		}
	}
}

// many has the same findings, rows, steps and connections on n nodes, half of them with
// words of their own.
func many(n int) audit.Result {
	one := awkward()
	r := audit.Result{Schema: one.Schema, At: one.At, Summary: one.Summary}
	for i := range n {
		node := fmt.Sprintf("n-%05d", i)
		r.Nodes = append(r.Nodes, audit.Node{Name: node, Expirations: one.Nodes[0].Expirations})
		for j, c := range one.Certificates {
			c.Node, c.SHA256 = node, fmt.Sprintf("%d-%d", i*(j%2), j)
			r.Certificates = append(r.Certificates, c)
		}
		for _, f := range one.Findings {
			f.Node, f.Rows = node, nil
			if i%2 == 0 {
				f.Message += fmt.Sprint(" number ", i)
			}
			r.Findings = append(r.Findings, f)
		}
		r.Plan = append(r.Plan, audit.Step{Node: node, Phase: audit.PhasePlace, Title: fmt.Sprint("step ", i*(i%2)), Findings: []string{one.Findings[1].Label()}})
		r.Connections = append(r.Connections, audit.Connection{Node: node, Client: "kubelet", Server: fmt.Sprint("server ", i%2*i), Status: audit.VerdictOK})
	}
	return r
}
