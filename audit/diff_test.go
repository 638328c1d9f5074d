package audit_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"certaudit/audit"
	"certaudit/audit/inventory"
	"certaudit/fixtures"
)

// changesOf is a difference, a line a change.
func changesOf(d audit.Difference) []string {
	var out []string
	for _, n := range d.Nodes {
		out = append(out, fmt.Sprintf("node %s %s: %s, %s", n.Change, n.Node, n.Old, n.New))
	}
	for _, c := range d.Certificates {
		key := "?"
		if c.SameKey != nil {
			key = map[bool]string{true: "same key", false: "new key"}[*c.SameKey]
		}
		line := fmt.Sprintf("certificate %s %s %s, %s", c.Change, c.Path, c.Field, key)
		for _, f := range c.Fields {
			line += fmt.Sprintf(", %s %q to %q", f.Field, f.Old, f.New)
		}
		out = append(out, line)
	}
	for _, c := range d.Connections {
		out = append(out, fmt.Sprintf("connection %s %s -> %s: %s, %s", c.Change, c.Client, c.Server, c.Old, c.New))
	}
	for _, f := range d.Findings {
		out = append(out, fmt.Sprintf("finding %s %s %s %s %s", f.Change, f.Was, f.Finding.Severity, f.Finding.Check, f.Finding.Path))
	}
	for _, g := range d.Unseen {
		out = append(out, "unseen "+g.Node+" "+g.Reason)
	}
	for _, g := range d.Neither {
		out = append(out, "neither "+g.Node+" "+g.Reason)
	}
	return out
}

// resultAt is the result of a node at a time, as it is read from its JSON.
func resultAt(t *testing.T, at time.Time, nodes ...fixtures.Node) audit.Result {
	t.Helper()
	var inventories []*inventory.Inventory
	for _, n := range nodes {
		inventories = append(inventories, gathered(t, n))
	}
	data, err := json.Marshal(audit.Run(inventories, audit.Options{At: at}))
	do(t, err)
	r, err := audit.ParseResult(bytes.NewReader(data))
	do(t, err)
	return r
}

const apiserverPair = "/etc/kubernetes/pki/apiserver"

func TestDiff(t *testing.T) {
	cp := func(changes ...func(*fixtures.Cluster)) fixtures.Node {
		c := fixtures.ControlPlane(fixtures.Options{})
		for _, change := range changes {
			change(c)
		}
		return c.Node
	}
	reissue := func(change func(*fixtures.Spec)) func(*fixtures.Cluster) {
		return func(c *fixtures.Cluster) { c.Reissue(apiserverPair, change) }
	}
	expired := reissue(func(s *fixtures.Spec) { s.NotAfter = fixtures.Now.AddDate(0, 0, -10) })
	longer := func(s *fixtures.Spec) { s.NotAfter = fixtures.Now.AddDate(1, 0, 0) }
	onKey := []string{"kubelet", "kube-controller-manager", "kube-scheduler", "admin", "super-admin", "pods"}
	verdicts := func(from, to string) []string {
		var out []string
		for _, client := range onKey {
			out = append(out, fmt.Sprintf("connection verdict %s -> kube-apiserver: %s, %s", client, from, to))
		}
		return out
	}
	worker := fixtures.Worker(fixtures.Options{}).Node
	for _, tt := range []struct {
		name     string
		old, new []fixtures.Node
		worse    bool
		want     []string
	}{
		{"nothing", []fixtures.Node{cp()}, []fixtures.Node{cp()}, false, nil},
		{"renewed with its key", []fixtures.Node{cp()}, []fixtures.Node{cp(reissue(longer))}, false,
			[]string{"certificate renewed /etc/kubernetes/pki/apiserver.crt , same key"}},
		{"renewed with another key", []fixtures.Node{cp()}, []fixtures.Node{cp(reissue(func(s *fixtures.Spec) { longer(s); s.KeyName = "another" }))}, false,
			[]string{"certificate renewed /etc/kubernetes/pki/apiserver.crt , new key"}},
		{"fixed", []fixtures.Node{cp(expired)}, []fixtures.Node{cp(reissue(longer))}, false, slices.Concat(
			[]string{"certificate renewed /etc/kubernetes/pki/apiserver.crt , same key"}, verdicts("broken", "ok"),
			[]string{"finding fixed  critical validity/expired /etc/kubernetes/pki/apiserver.crt"})},
		{"worse", []fixtures.Node{cp()}, []fixtures.Node{cp(expired)}, true, slices.Concat(
			[]string{"certificate renewed /etc/kubernetes/pki/apiserver.crt , same key"}, verdicts("ok", "broken"),
			[]string{"finding new  critical validity/expired /etc/kubernetes/pki/apiserver.crt"})},
		{"other names", []fixtures.Node{cp()}, []fixtures.Node{cp(reissue(func(s *fixtures.Spec) {
			s.CommonName, s.DNSNames = "other", append(s.DNSNames, "added.example.com")
		}))}, false, []string{`certificate replaced /etc/kubernetes/pki/apiserver.crt , same key, common name ["kube-apiserver"] to ["other"], alternative names [] to ["added.example.com"]`,
			"finding new  info identity/common-name /etc/kubernetes/pki/apiserver.crt"}},
		{"a node came", []fixtures.Node{cp()}, []fixtures.Node{cp(), worker}, false, []string{"node new worker-1: , kubeadm",
			"certificate new /etc/kubernetes/pki/ca.crt , ?", "certificate new /var/lib/kubelet/pki/kubelet-client-current.pem , ?", "certificate new /var/lib/kubelet/pki/kubelet.crt , ?",
			"connection new kubelet -> kube-apiserver: , ok", "connection new kube-apiserver -> kubelet: , unverified",
			"finding new  info kubelet/serving-self-signed /var/lib/kubelet/pki/kubelet.crt", "unseen  OLD did not run the check (cluster/same-node, cluster/ca-differs, cluster/rotation, cluster/copied-leaf, cluster/duplicate-serial, cluster/etcd-members, cluster/server-name, cluster/refused, 4 more)"}},
		{"a node went", []fixtures.Node{cp(), worker}, []fixtures.Node{cp()}, false, []string{"node gone worker-1: kubeadm, ",
			"certificate gone /etc/kubernetes/pki/ca.crt , ?", "certificate gone /var/lib/kubelet/pki/kubelet-client-current.pem , ?", "certificate gone /var/lib/kubelet/pki/kubelet.crt , ?",
			"connection gone kubelet -> kube-apiserver: ok, ", "connection gone kube-apiserver -> kubelet: unverified, ", "finding unseen  info kubelet/serving-self-signed /var/lib/kubelet/pki/kubelet.crt",
			"unseen worker-1 NEW does not have the node", "unseen  NEW did not run the check (cluster/same-node, cluster/ca-differs, cluster/rotation, cluster/copied-leaf, cluster/duplicate-serial, cluster/etcd-members, cluster/server-name, cluster/refused, 4 more)"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := audit.Diff(resultAt(t, fixtures.Now, tt.old...), resultAt(t, fixtures.Now, tt.new...))
			if diff := gocmp.Diff(tt.want, changesOf(d)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if d.Worse(audit.Warning) != tt.worse {
				t.Errorf("worse: %v", d.Worse(audit.Warning))
			}
		})
	}
}

// A result is no different from itself, and of two the one direction is the other's
// reverse.
func TestDiffOfScenarios(t *testing.T) {
	base := resultOf(t, "ok-1.34", func() fixtures.Node { return scenarioNode(t, "ok-1.34") })
	for i, s := range fixtures.Scenarios() {
		if testing.Short() && i%8 != 0 {
			continue
		}
		r := resultOf(t, s.Name, s.Node)
		own := audit.Diff(r, r)
		if len(own.Nodes)+len(own.Certificates)+len(own.Connections)+len(own.Findings)+len(own.Unseen) > 0 || own.Worse(audit.Info) {
			t.Errorf("%s differs from itself: %q", s.Name, changesOf(own))
		}
		there, back := audit.Diff(base, r), audit.Diff(r, base)
		if len(there.Certificates) != len(back.Certificates) || len(there.Connections) != len(back.Connections) || len(there.Findings) != len(back.Findings) || len(there.Nodes) != len(back.Nodes) {
			t.Errorf("%s: %d, %d, %d, %d changes there and %d, %d, %d, %d back", s.Name, len(there.Certificates), len(there.Connections), len(there.Findings), len(there.Nodes),
				len(back.Certificates), len(back.Connections), len(back.Findings), len(back.Nodes))
		}
	}
}

// Findings are told apart as a baseline does, and count as a gate counts.
func TestDiffOfFindings(t *testing.T) {
	finding := func(s audit.Severity, path string) audit.Finding {
		return audit.Finding{Check: "validity/expiring", Severity: s, Node: "n", Component: "c", Path: path}
	}
	waived := finding(audit.Critical, "/a")
	waived.Waiver = &audit.WaivedBy{Reason: "r", Until: "2027-01-01"}
	const done = audit.Done
	for _, tt := range []struct {
		name     string
		old, new []audit.Finding
		state    audit.State
		want     []string
		worse    bool
	}{
		{"worse", []audit.Finding{finding(audit.Warning, "/a")}, []audit.Finding{finding(audit.Critical, "/a")}, done, []string{"worse warning critical"}, true},
		{"milder", []audit.Finding{finding(audit.Critical, "/a")}, []audit.Finding{finding(audit.Warning, "/a")}, done, []string{"milder critical warning"}, false},
		{"a rotated file", []audit.Finding{finding(audit.Warning, "/p/kubelet-client-2026-10-24-12-00-00.pem")}, []audit.Finding{finding(audit.Warning, "/p/kubelet-client-2027-10-24-12-00-00.pem")}, done, nil, false},
		{"a second of its kind", []audit.Finding{finding(audit.Warning, "/a")}, []audit.Finding{finding(audit.Warning, "/a"), finding(audit.Warning, "/a")}, done, []string{"new  warning"}, true},
		{"an info", nil, []audit.Finding{finding(audit.Info, "/a")}, done, []string{"new  info"}, false},
		{"waived", nil, []audit.Finding{waived}, done, []string{"new  critical"}, false},
		{"no longer waived", []audit.Finding{waived}, []audit.Finding{finding(audit.Critical, "/a")}, done, []string{"worse critical critical"}, true},
		{"not looked for again", []audit.Finding{finding(audit.Warning, "/a")}, nil, audit.Incomplete, []string{"unseen  warning"}, false},
		{"fixed", []audit.Finding{finding(audit.Warning, "/a")}, nil, done, []string{"fixed  warning"}, false},
	} {
		side := func(findings []audit.Finding, state audit.State) audit.Result {
			return audit.Result{Nodes: []audit.Node{{Name: "n"}}, Findings: findings, Outcomes: []audit.Outcome{{Check: "validity/expiring", Node: "n", State: state}}}
		}
		d := audit.Diff(side(tt.old, done), side(tt.new, tt.state))
		var got []string
		for _, f := range d.Findings {
			got = append(got, fmt.Sprintf("%s %s %s", f.Change, f.Was, f.Finding.Severity))
		}
		if diff := gocmp.Diff(tt.want, got); diff != "" || d.Worse(audit.Warning) != tt.worse {
			t.Errorf("%s: worse %v (-want +got):\n%s", tt.name, d.Worse(audit.Warning), diff)
		}
		if (len(d.Unseen) > 0) != (tt.state == audit.Incomplete) {
			t.Errorf("%s: unseen %v", tt.name, d.Unseen)
		}
	}
}

// Certificates are renewed in their places; a CA with a new key is another, and a file that
// the kubelet rotated is the same place.
func TestDiffOfCertificates(t *testing.T) {
	cert := func(kind, path, sum, key string) audit.Certificate {
		return audit.Certificate{Type: kind, Role: "r", Path: path, SHA256: sum, PublicKeySHA256: key, CommonName: "n", Issuer: "n"}
	}
	absent := audit.Certificate{Role: "r", Path: "/a", Absent: audit.AbsentMissing}
	for _, tt := range []struct {
		name     string
		old, new []audit.Certificate
		want     []string
	}{
		{"a CA with its key", []audit.Certificate{cert("CA", "/a", "1", "k")}, []audit.Certificate{cert("CA", "/a", "2", "k")}, []string{"certificate renewed /a , same key"}},
		{"a CA with a new key", []audit.Certificate{cert("CA", "/a", "1", "k")}, []audit.Certificate{cert("CA", "/a", "2", "l")}, []string{"certificate replaced /a , new key"}},
		{"a leaf with a new key", []audit.Certificate{cert("Server", "/a", "1", "k")}, []audit.Certificate{cert("Server", "/a", "2", "l")}, []string{"certificate renewed /a , new key"}},
		{"of a result without keys", []audit.Certificate{cert("CA", "/a", "1", "")}, []audit.Certificate{cert("CA", "/a", "2", "l")}, []string{"certificate renewed /a , ?"}},
		{"in a rotated file", []audit.Certificate{cert("Server", "/kubelet-client-2026-10-24-12-00-00.pem", "1", "k")}, []audit.Certificate{cert("Server", "/kubelet-client-2027-10-24-12-00-00.pem", "2", "l")},
			[]string{"certificate renewed /kubelet-client-2027-10-24-12-00-00.pem , new key"}},
		{"was missing", []audit.Certificate{absent}, []audit.Certificate{cert("Server", "/a", "1", "k")}, []string{"certificate new /a , ?"}},
		{"is missing", []audit.Certificate{cert("Server", "/a", "1", "k")}, []audit.Certificate{absent}, []string{"certificate gone /a , ?"}},
		{"in two roles of a place", []audit.Certificate{cert("Server", "/a", "1", "k"), {Role: "s", Path: "/a", SHA256: "1"}}, []audit.Certificate{}, []string{"certificate gone /a , ?"}},
	} {
		got := changesOf(audit.Diff(audit.Result{Nodes: []audit.Node{{}}, Certificates: tt.old}, audit.Result{Nodes: []audit.Node{{}}, Certificates: tt.new}))
		if diff := gocmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// A connection that was ok and is unknown was not seen; one that was broken may be so, as
// that to extension API servers always is.
func TestDiffOfConnections(t *testing.T) {
	side := func(status string) audit.Result {
		r := audit.Result{Nodes: []audit.Node{{}}, Connections: []audit.Connection{{Client: "a", Server: "b", Status: status, Reason: "why"}}}
		if status == "" {
			r.Connections = nil
		}
		return r
	}
	for _, tt := range []struct {
		old, new string
		want     []string
		worse    bool
	}{
		{audit.VerdictOK, audit.VerdictOK, nil, false},
		{audit.VerdictOK, audit.VerdictUnknown, []string{"connection verdict a -> b: ok, unknown", "unseen  a -> b was ok in OLD, and is unknown in NEW: why"}, false},
		{audit.VerdictBroken, audit.VerdictUnknown, []string{"connection verdict a -> b: broken, unknown"}, false},
		{audit.VerdictUnknown, audit.VerdictBroken, []string{"connection verdict a -> b: unknown, broken"}, true},
		{"", audit.VerdictBroken, []string{"connection new a -> b: , broken"}, true},
		{audit.VerdictBroken, "", []string{"connection gone a -> b: broken, "}, false},
	} {
		d := audit.Diff(side(tt.old), side(tt.new))
		if diff := gocmp.Diff(tt.want, changesOf(d)); diff != "" || d.Worse(audit.Critical) != tt.worse {
			t.Errorf("%s to %s: worse %v (-want +got):\n%s", tt.old, tt.new, d.Worse(audit.Critical), diff)
		}
	}
}

// What one side could not judge is told, and so is what neither could.
func TestDiffOfOutcomes(t *testing.T) {
	side := func(outcomes ...audit.Outcome) audit.Result {
		return audit.Result{Nodes: []audit.Node{{Name: "n"}}, Outcomes: outcomes}
	}
	done := func(check string) audit.Outcome {
		return audit.Outcome{Check: check, Node: "n", State: audit.Done, Examined: 1}
	}
	cut := func(check, why string) audit.Outcome {
		return audit.Outcome{Check: check, Node: "n", State: audit.Incomplete, Reason: why}
	}
	idle := func(check string) audit.Outcome {
		return audit.Outcome{Check: check, Node: "n", State: audit.NotApplicable}
	}
	for _, tt := range []struct {
		name     string
		old, new audit.Result
		want     []string
	}{
		{"both done", side(done("a/b")), side(done("a/b")), nil},
		{"the new one", side(done("a/b"), done("a/c")), side(cut("a/b", "no rights"), cut("a/c", "no rights")), []string{"unseen n NEW: no rights (a/b, a/c)"}},
		{"the old one", side(cut("a/b", "no rights")), side(done("a/b")), []string{"unseen n OLD: no rights (a/b)"}},
		{"neither", side(cut("a/b", "no rights")), side(cut("a/b", "no rights")), []string{"neither n both: no rights (a/b)"}},
		{"neither, otherwise", side(cut("a/b", "no rights")), side(cut("a/b", "too large")), []string{"neither n both: too large (a/b)"}},
		{"a check that only the new one has", side(), side(done("a/b")), []string{"unseen n OLD did not run the check (a/b)"}},
		{"one that had nothing to look at", side(), side(idle("a/b")), nil},
		{"an old result of nothing", audit.Result{}, side(done("a/b")), []string{"unseen  OLD examined nothing"}},
	} {
		d := audit.Diff(tt.old, tt.new)
		d.Nodes = nil
		if diff := gocmp.Diff(tt.want, changesOf(d)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestDiffSettings(t *testing.T) {
	with := func(flag string) []*inventory.Inventory {
		c := fixtures.ControlPlane(fixtures.Options{})
		if flag != "" {
			c.Node.Replace("/etc/kubernetes/manifests/kube-apiserver.yaml", "--client-ca-file=/etc/kubernetes/pki/ca.crt", flag)
		}
		return []*inventory.Inventory{gathered(t, c.Node)}
	}
	if got := audit.DiffSettings(with(""), with("")); got == nil || len(got) > 0 {
		t.Errorf("no change: %v", got)
	}
	want := []audit.SettingChange{{Node: "cp-1", Component: "kube-apiserver", Name: "client-ca-file", Old: "/etc/kubernetes/pki/ca.crt", New: "/other.crt"}}
	if diff := gocmp.Diff(want, audit.DiffSettings(with(""), with("--client-ca-file=/other.crt"))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	gone := audit.DiffSettings([]*inventory.Inventory{gathered(t, fixtures.Worker(fixtures.Options{}).Node)}, []*inventory.Inventory{})
	if diff := gocmp.Diff([]audit.SettingChange{{Node: "worker-1", Component: "kubelet", Old: "runs"}}, gone); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

const emptyResult = `{"schema":"certaudit/v1","at":"2026-11-23T12:00:00Z","nodes":[],"certificates":[],"connections":[],"findings":[],"outcomes":[],"summary":{}}`

func TestParseResult(t *testing.T) {
	with := func(old, new string) string { return strings.Replace(emptyResult, old, new, 1) }
	const expected = "; expected what certaudit audit -o json writes"
	for _, tt := range []struct{ name, text, want string }{
		{"empty lists", emptyResult, ""},
		{"unknown fields", with(`"nodes":`, `"later":{"a":[1,{"b":null}]},"nodes":`), ""},
		{"an unknown field of a row", with(`"outcomes":[]`, `"outcomes":[{"check":"a/b","state":"done","later":1}]`), ""},
		{"nothing", "", "is empty" + expected},
		{"another document", `{"a":1}`, `is no result: it has no "schema"` + expected},
		{"a list", `[]`, `is no result: found "[" where { should stand` + expected},
		{"a later schema", with("certaudit/v1", "certaudit/v2"), `is no result: its schema is "certaudit/v2", expected "certaudit/v1"` + expected},
		{"a baseline", `{"schema":"certaudit-baseline/v1","findings":[]}`, `is no result: its schema is "certaudit-baseline/v1", expected "certaudit/v1"` + expected},
		{"cut off", emptyResult[:len(emptyResult)-30], "ends in the middle of the result; write it again"},
		{"cut off behind its last list", emptyResult[:len(emptyResult)-1], "ends in the middle of the result; write it again"},
		{"cut off in what is passed over", `{"later":[{`, "ends in the middle of the result; write it again"},
		{"two of them", emptyResult + emptyResult, "is no result: something stands behind it" + expected},
		{"no list of outcomes", with(`,"outcomes":[]`, ""), `is no result: it has no "outcomes"` + expected},
		{"a list that is null", with(`"findings":[]`, `"findings":null`), `is no result: found "<nil>" where [ should stand` + expected},
		{"a key twice", with(`"nodes":[]`, `"nodes":[],"nodes":[]`), `is no result: the key "nodes" is given twice` + expected},
		{"no certificate", with(`"certificates":[]`, `"certificates":[{}]`), `is no result: certificates[0] has no "role"` + expected},
		{"no connection", with(`"connections":[]`, `"connections":[{"client":"a"}]`), `is no result: connections[0] has no "server"` + expected},
		{"no severity", with(`"findings":[]`, `"findings":[{"check":"a/b","severity":"bad"}]`), `is no result: findings[0] has the severity "bad", which is unknown` + expected},
		{"no time", with("2026-11-23T12:00:00Z", "today"), `is no result: "today" is no time, expected one such as 2027-01-31T15:04:05Z` + expected},
		{"deep", `{"later":` + strings.Repeat("[", 20_000), "is no result: it is nested more than 10000 deep" + expected},
	} {
		_, err := audit.ParseResult(strings.NewReader(tt.text))
		if got := fmt.Sprint(err); got != tt.want && (err != nil || tt.want != "") {
			t.Errorf("%s: %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

// Whatever is read, what was read can be compared; and a result that was written is read
// as it was.
func FuzzParseResult(f *testing.F) {
	f.Add([]byte(emptyResult))
	f.Add([]byte(strings.Replace(emptyResult, `"findings":[]`, `"findings":[{"check":"a/b","severity":"info","causes":[{},1]}]`, 1)))
	f.Add([]byte(strings.Replace(emptyResult, `"certificates":[]`, `"certificates":[{"role":"a","path":"/b","sha256":"1"},{"role":"a","path":"/b","sha256":"2","dnsNames":null}]`, 1)))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := audit.ParseResult(bytes.NewReader(data))
		if err != nil {
			return
		}
		written, err := json.Marshal(r)
		if err != nil {
			t.Skip(err) // a year that JSON has no words for
		}
		again, err := audit.ParseResult(bytes.NewReader(written))
		if err != nil {
			t.Fatalf("%s: %v", written, err)
		}
		if d := audit.Diff(r, again); len(d.Certificates)+len(d.Connections)+len(d.Findings)+len(d.Nodes) > 0 {
			t.Errorf("%s differs from itself: %q", written, changesOf(d))
		}
	})
}

// Of a node that one side could not read nothing else is said: its certificates are not
// gone, its flags not unset.
func TestDiffOfUnreachedNodes(t *testing.T) {
	cp, worker := gathered(t, fixtures.ControlPlane(fixtures.Options{}).Node), gathered(t, fixtures.Worker(fixtures.Options{}).Node)
	lost := inventory.Unreached("worker-1", fixtures.Now, `the host "worker-1" was not read: ssh ended`)
	both, half := []*inventory.Inventory{cp, worker}, []*inventory.Inventory{cp, lost}
	read := func(inventories []*inventory.Inventory) audit.Result {
		data, err := json.Marshal(audit.Run(inventories, audit.Options{At: fixtures.Now}))
		do(t, err)
		r, err := audit.ParseResult(bytes.NewReader(data))
		do(t, err)
		return r
	}
	told := func(d audit.Difference) []string {
		return slices.DeleteFunc(changesOf(d), func(line string) bool { return strings.Contains(line, "did not run the check (cluster/") })
	}
	for _, tt := range []struct {
		name     string
		old, new []*inventory.Inventory
		want     []string
	}{
		{"in NEW", both, half, []string{"unseen worker-1 the node could not be seen in NEW"}},
		{"in OLD", half, both, []string{"unseen worker-1 the node could not be seen in OLD"}},
		{"in both", half, half, []string{"neither worker-1 neither side could see the node"}},
		{"under another name", both, []*inventory.Inventory{cp, inventory.Unreached("10.0.0.5", fixtures.Now, "ssh ended")}, nil},
		{"the only one", []*inventory.Inventory{worker}, []*inventory.Inventory{lost}, []string{"unseen worker-1 the node could not be seen in NEW"}},
		{"seen by both", both, both, nil},
	} {
		d := audit.Diff(read(tt.old), read(tt.new))
		if tt.name == "under another name" {
			if want := []audit.Gap{{Node: "10.0.0.5", Reason: "the node could not be seen in NEW"}, {Node: "worker-1", Reason: "NEW does not have the node"}}; !gocmp.Equal(want, d.Unseen[:2]) {
				t.Errorf("%s: %v", tt.name, d.Unseen)
			}
			continue
		}
		if diff := gocmp.Diff(tt.want, told(d)); diff != "" || d.Worse(audit.Info) {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		if settings := audit.DiffSettings(tt.old, tt.new); len(settings) > 0 {
			t.Errorf("%s: %v", tt.name, settings)
		}
	}
}
