package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"certaudit/audit"
)

// kindsOf has nodes of every kind.
func kindsOf() audit.Result {
	r := audit.Result{Schema: audit.Schema, At: now}
	for _, n := range []struct {
		name  string
		roles []string
	}{
		{"cp", []string{"kubelet/client", "etcd/serving", "kube-apiserver/serving"}},
		{"etcd", []string{"etcd/peer", "kubelet/client"}},
		{"w", []string{"kubernetes/ca", "kubelet/serving"}},
		{"empty", nil},
		{"files", []string{"file/certificate"}},
	} {
		r.Nodes = append(r.Nodes, audit.Node{Name: n.name})
		for _, role := range n.roles {
			r.Certificates = append(r.Certificates, audit.Certificate{Node: n.name, Role: role, Status: "ok", NotAfter: now.AddDate(1, 0, 0)})
		}
	}
	return r
}

// A node is what its certificates are for, the most important first.
func TestNodeKinds(t *testing.T) {
	got := map[string]string{}
	for _, n := range sumNodes(kindsOf()) {
		got[n.Name] = n.Kind
	}
	want := map[string]string{"cp": "control plane", "etcd": "etcd member", "w": "worker", "empty": "other", "files": "other"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, want := countKinds(sumNodes(kindsOf())), "1 control plane, 1 etcd member, 1 worker, 2 other"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// All of few nodes are listed; of many those with warnings, the worst first, and the
// others are counted.
func TestNodesSection(t *testing.T) {
	r := threeNodes()
	want := "Nodes\n" +
		"\ncluster one, CA key 11111111: 2 etcd members; no findings\n" +
		"NODE  KIND         KUBERNETES  CERTIFICATES  FINDINGS  NEXT EXPIRY\n" +
		"cp-1  etcd member  v1.37.2     2             -         2027-09-19\n" +
		"cp-2  etcd member  v1.37.2     2             -         2027-09-18\n" +
		"\ncluster other, CA key 22222222: 1 etcd member; no findings\n" +
		"NODE  KIND         KUBERNETES  CERTIFICATES  FINDINGS  NEXT EXPIRY\n" +
		"x-1   etcd member  v1.37.2     2             -         2027-09-17\n"
	section := func() string {
		t.Helper()
		got, err := nodesSection(r, Options{})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if diff := cmp.Diff(want, section()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	r = audit.Result{At: now}
	for i := range 100 {
		node := fmt.Sprint("n", i)
		r.Nodes = append(r.Nodes, audit.Node{Name: node})
		for j := range i % 4 { // 25 nodes of each
			r.Findings = append(r.Findings, audit.Finding{Node: node, Severity: []audit.Severity{audit.Info, audit.Warning, audit.Critical}[j]})
		}
	}
	got := section()
	head, rest, _ := strings.Cut(got, "\nn3 ")
	if want := "Nodes\n\nnodes of no cluster that shows: 100 other; 25 critical, 50 warning, 75 info\nNODE  KIND   KUBERNETES  CERTIFICATES  FINDINGS                       NEXT EXPIRY"; head != want {
		t.Errorf("got %s", head)
	}
	if !strings.HasSuffix(rest, "\nn79   other  -           0             1 critical, 1 warning, 1 info  -\nand 30 more with findings, 50 more without findings above info\n") {
		t.Errorf("got %s", rest)
	}
	r.Findings = nil
	if got, want := section(), "Nodes\n\nnodes of no cluster that shows: 100 other; no findings\nand 100 more without findings\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	r.Nodes = r.Nodes[:1]
	if got := section(); got != "" {
		t.Errorf("of one node: %q", got)
	}
}

// A cluster is told from another by the key of its CA, which may be in its name already.
func TestClusterNames(t *testing.T) {
	for want, c := range map[string]*audit.Cluster{
		"nodes of no cluster that shows":                               nil,
		"cluster prod, CA key 01234567":                                {Name: "prod", CAKeys: []string{"0123456789"}},
		"cluster CA 01234567":                                          {Name: "CA 01234567", CAKeys: []string{"0123456789"}},
		"cluster prod, CA keys 01234567, abcdefgh":                     {Name: "prod", CAKeys: []string{"0123456789", "abcdefghi"}},
		`cluster \u202e, CA keys a, b, c, 2 more`:                      {Name: "\u202e", CAKeys: []string{"a", "b", "c", "d", "e"}},
		"cluster lb (CA 01234567), CA keys 01234567, abc, def, 1 more": {Name: "lb (CA 01234567)", CAKeys: []string{"0123456789", "abc", "def", "x"}},
	} {
		if got := (nodeGroup{Cluster: c}).Name(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Nodes of one distribution are named together.
func TestDistributionsOfMany(t *testing.T) {
	r := kindsOf()
	for i := range 4000 {
		r.Nodes = append(r.Nodes, audit.Node{Name: fmt.Sprint("k", i), Distribution: &distributionOfTest})
	}
	want := "k0, k1, k2, k3, k4, k5, k6, k7, k8, k9 and 3,990 more, nodes of k3s (agent), files in /var/lib/rancher/k3s\n"
	if got := distributions(r.Nodes); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// A node of which something could not be judged is not listed as clean, nor left out of a
// long list as one of those without findings.
func TestIncompleteNodes(t *testing.T) {
	r := audit.Result{At: now}
	for i := range maxAll + 1 {
		name := fmt.Sprintf("node-%d", i)
		r.Nodes = append(r.Nodes, audit.Node{Name: name})
		r.Outcomes = append(r.Outcomes, audit.Outcome{Check: "input/unreadable", Node: name, State: audit.Done})
	}
	r.Outcomes[3].State = audit.Incomplete
	groups := groupNodes(r, maxSummed)
	var listed []string
	for _, n := range groups[0].Listed {
		listed = append(listed, n.Name+": "+strings.Join(n.found(), ", "))
	}
	if diff := cmp.Diff([]string{"node-3: incomplete"}, listed); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, want := groups[0].Rest(), fmt.Sprintf("and %d more without findings", maxAll); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := groupNodes(r, 0)[0].Rest(), fmt.Sprintf("and 1 more with findings or incomplete, %d more without findings", maxAll); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Of several nodes the first line says which of them was not judged as a whole.
func TestIncompleteLine(t *testing.T) {
	out := audit.Outcome{Check: "input/unreadable", Node: "cp-2", State: audit.Incomplete, Reason: "1 file or folder could not be read"}
	one := audit.Result{Nodes: []audit.Node{{Name: "cp-2"}}, Outcomes: []audit.Outcome{out}, Summary: audit.Summary{Incomplete: true}}
	two := one
	two.Nodes = []audit.Node{{Name: "cp-1"}, {Name: "cp-2"}}
	const why = "input/unreadable: 1 file or folder could not be read\n\n"
	for want, r := range map[string]audit.Result{"! INCOMPLETE: " + why: one, "! INCOMPLETE: cp-2: " + why: two} {
		if got := incomplete(r, Options{}); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
