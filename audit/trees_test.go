package audit_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"certaudit/audit"
	"certaudit/audit/inventory"
	"certaudit/fixtures"
)

// auditPaths judges paths below the working folder, as the command does but for the
// joining of several nodes.
func auditPaths(t *testing.T, paths ...string) audit.Result {
	t.Helper()
	nodes, rest, err := inventory.GatherPaths(workingFolder(t), paths, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if rest != nil {
		nodes = append(nodes, rest)
	}
	return audit.Run(nodes, audit.Options{At: fixtures.Now})
}

// toldNodes writes findings with their nodes.
func toldNodes(r audit.Result) []string {
	var out []string
	for _, f := range r.Findings {
		if f.Severity != audit.Info {
			out = append(out, fmt.Sprintf("%s %s [%s] %s", f.Severity, f.Check, f.Node, f.Path))
		}
	}
	return out
}

func place(t *testing.T, dir string, n fixtures.Node) {
	t.Helper()
	if err := n.Write(dir); err != nil {
		t.Fatal(err)
	}
}

func nodesOf(r audit.Result) string {
	var names []string
	for _, n := range r.Nodes {
		count := 0
		for _, c := range r.Certificates {
			if c.Node == n.Name {
				count++
			}
		}
		names = append(names, fmt.Sprintf("%s: %d", n.Name, count))
	}
	return strings.Join(names, ", ")
}

// A folder that holds a node is judged as one, and so is each that lies below a
// path; what lies beside them is judged as before.
func TestTrees(t *testing.T) {
	expired := func(c *fixtures.Cluster) fixtures.Node {
		c.Reissue("/etc/kubernetes/pki/apiserver", func(s *fixtures.Spec) { s.NotAfter = fixtures.Now.Add(-time.Hour) })
		return c.Node
	}
	t.Chdir(t.TempDir())
	place(t, "fleet/cp-1", expired(fixtures.ControlPlane(fixtures.Options{})))
	place(t, "fleet/old/cp-1", fixtures.ControlPlane(fixtures.Options{}).Node)
	place(t, "fleet/deep/er/worker", fixtures.Worker(fixtures.Options{}).Node)
	unnamed := fixtures.ControlPlane(fixtures.Options{}).Node
	for _, name := range unnamed.Paths() {
		if !strings.HasPrefix(name, "/etc/kubernetes/pki/") {
			unnamed.Remove(name)
		}
	}
	place(t, "backup/nightly", unnamed)
	loose := fixtures.ControlPlane(fixtures.Options{})
	loose.Issue("/certs/www", fixtures.Spec{CommonName: "www", DNSNames: []string{"www.example.org"}, NotAfter: fixtures.Now.Add(-time.Hour)})
	place(t, "fleet", fixtures.Node{"/certs/www.crt": loose.Node["/certs/www.crt"]})
	for _, tt := range []struct {
		path, nodes string
		want        []string
	}{
		{"fleet/cp-1", "cp-1: 16", []string{"critical validity/expired [cp-1] /etc/kubernetes/pki/apiserver.crt"}},
		{"fleet/old", "cp-1: 16", nil},
		{"fleet", "cp-1 (fleet/cp-1): 16, worker-1: 3, cp-1 (fleet/old/cp-1): 16, : 1", []string{
			"critical validity/expired [] fleet/certs/www.crt", "critical validity/expired [cp-1 (fleet/cp-1)] /etc/kubernetes/pki/apiserver.crt",
			"warning cluster/same-node [cp-1 (fleet/old/cp-1)] "}},
		{"fleet/certs", ": 1", []string{"critical validity/expired [] fleet/certs/www.crt"}},
		{"fleet/cp-1/etc/kubernetes/pki", ": 10", []string{"critical validity/expired [] fleet/cp-1/etc/kubernetes/pki/apiserver.crt"}},
		{"backup", "nightly: 10", nil},
	} {
		t.Run(tt.path, func(t *testing.T) {
			r := auditPaths(t, tt.path)
			if got := nodesOf(r); got != tt.nodes {
				t.Errorf("nodes %q, want %q", got, tt.nodes)
			}
			if diff := cmp.Diff(tt.want, toldNodes(r)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// Where nothing of a node starts a component, what it does not name is judged too:
// a distribution keeps its certificates elsewhere.
func TestTreeWithoutComponents(t *testing.T) {
	c := fixtures.ControlPlane(fixtures.Options{})
	server := "/var/lib/rancher/k3s/server/tls/serving-kube-apiserver"
	c.Issue(server, fixtures.Spec{CommonName: "kube-apiserver", DNSNames: []string{"kubernetes"}, NotAfter: fixtures.Now.Add(-time.Hour)})
	k3s := fixtures.Node{server + ".crt": c.Node[server+".crt"], server + ".key": c.Node[server+".key"],
		"/var/lib/kubelet/pods/x": {Data: []byte("x"), Mode: 0o644}}
	t.Chdir(t.TempDir())
	place(t, "k3s", k3s)
	talos := fixtures.Node{"/etc/kubernetes/pki/ca.crt": c.Node["/etc/kubernetes/pki/ca.crt"], "/system/secrets/apiserver.crt": c.Node[server+".crt"]}
	place(t, "talos", talos)
	for path, want := range map[string]string{
		"k3s":   "k3s: 1 [critical identity/san-missing [k3s] " + server + ".crt critical validity/expired [k3s] " + server + ".crt]",
		"talos": "talos: 1, : 1 [critical validity/expired [] talos/system/secrets/apiserver.crt]",
	} {
		r := auditPaths(t, path)
		if got := fmt.Sprint(nodesOf(r), " ", toldNodes(r)); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

// Nodes of one cluster share its objects; those of several do not.
func TestControlPlaneOfNodes(t *testing.T) {
	gather := func(n fixtures.Node) *inventory.Inventory {
		dir := t.TempDir()
		place(t, dir, n)
		inv, err := inventory.Gather(dir)
		if err != nil {
			t.Fatal(err)
		}
		return inv
	}
	first, second := gather(fixtures.ControlPlane(fixtures.Options{}).Node), gather(fixtures.ControlPlane(fixtures.Options{NodeName: "cp-2"}).Node)
	worker, other := gather(fixtures.Worker(fixtures.Options{}).Node), gather(fixtures.ControlPlane(fixtures.Options{Seed: "other"}).Node)
	for name, tt := range map[string]struct {
		nodes []*inventory.Inventory
		want  *inventory.Inventory
	}{
		"one cluster":         {[]*inventory.Inventory{worker, first, second}, first},
		"two":                 {[]*inventory.Inventory{first, other}, nil},
		"no control plane":    {[]*inventory.Inventory{worker}, nil},
		"the same node twice": {[]*inventory.Inventory{first, first}, first},
	} {
		if got := inventory.ControlPlane(tt.nodes); got != tt.want {
			t.Errorf("%s: got %p, want %p", name, got, tt.want)
		}
	}
}

// The exporter sees the nodes below a path, and what changes in them.
func TestCacheOfTrees(t *testing.T) {
	c := fixtures.ControlPlane(fixtures.Options{})
	dir := t.TempDir()
	t.Chdir(dir)
	place(t, "cp-1", c.Node)
	aged(t, dir)
	cache := newCache(t)
	run := func() (string, int) {
		t.Helper()
		before := cache.Reads()
		nodes, rest, err := cache.GatherPaths([]string{"."}, nil)
		do(t, err)
		if rest != nil {
			nodes = append(nodes, rest)
		}
		r := audit.Run(nodes, audit.Options{At: fixtures.Now})
		return fmt.Sprint(nodesOf(r), " ", toldNodes(r)), cache.Reads() - before
	}
	got, reads := run()
	if want := "cp-1: 16 []"; got != want || reads == 0 {
		t.Errorf("%s after %d reads, want %s", got, reads, want)
	}
	if got, reads := run(); got != "cp-1: 16 []" || reads != 0 || cache.Changed() {
		t.Errorf("again: %s after %d reads", got, reads)
	}
	if !slices.ContainsFunc(cache.Folders(), func(f string) bool { return strings.HasSuffix(f, "/cp-1/etc/kubernetes/pki") }) {
		t.Errorf("the folders of the node are not among %q", cache.Folders())
	}
	do(t, os.Remove("cp-1/etc/kubernetes/pki/apiserver.crt"))
	if !cache.Changed() {
		t.Error("a change in a node is not seen")
	}
	if got, _ := run(); got != "cp-1: 16 [critical files/missing [cp-1] /etc/kubernetes/pki/apiserver.crt]" {
		t.Errorf("with a file gone: %s", got)
	}
	do(t, os.RemoveAll("cp-1"))
	do(t, os.WriteFile("x.crt", c.Node["/etc/kubernetes/pki/ca.crt"].Data, 0o600))
	if got, _ := run(); got != ": 1 []" {
		t.Errorf("with a file in place of the node: %s", got)
	}
}

// A kubeconfig among files is followed to the files that it names.
func TestKubeconfigsAmongFiles(t *testing.T) {
	c := fixtures.ControlPlane(fixtures.Options{})
	c.NewCA("old", fixtures.Spec{CommonName: "kubernetes"})
	c.Issue("/admin", fixtures.Spec{CommonName: "kubernetes-admin"})
	c.Issue("/john", fixtures.Spec{CommonName: "john", NotAfter: fixtures.Now.Add(-time.Hour)})
	c.Issue("/stale", fixtures.Spec{CommonName: "stale", Signer: "old"})
	text := func(ca, cert, key string) string {
		return fmt.Sprintf("apiVersion: v1\nkind: Config\nclusters:\n- {name: a, cluster: {server: \"https://192.0.2.11:6443\", certificate-authority: %s}}\n"+
			"users:\n- {name: u, user: {client-certificate: %s, client-key: %s}}\ncontexts:\n- {name: x, context: {cluster: a, user: u}}\ncurrent-context: x\n", ca, cert, key)
	}
	file := func(name string) string { return string(c.Node[name].Data) }
	ca := string(c.CertificatePEM(fixtures.CA))
	named := func(file, field, line string) string {
		return fmt.Sprintf("does not exist; it is named by kubeconfig %s (%s)", field, line)
	}
	const caField, certField, keyField = "clusters[0].cluster.certificate-authority", "users[0].user.client-certificate", "users[0].user.client-key"
	for _, tt := range []struct {
		name  string
		files map[string]string
		paths []string
		want  []string
		rows  []string
	}{
		{name: "beside it", files: map[string]string{"d/config": text("ca.crt", "pki/admin.crt", "pki/admin.key"), "d/ca.crt": ca, "d/pki/admin.crt": file("/admin.crt"), "d/pki/admin.key": file("/admin.key")},
			paths: []string{"d/config"}, rows: []string{"d/ca.crt kubernetes", "d/pki/admin.crt kubernetes-admin"}},
		{name: "with its folder", files: map[string]string{"d/config.yaml": text("ca.crt", "admin.crt", "admin.key"), "d/ca.crt": ca, "d/admin.crt": file("/admin.crt"), "d/admin.key": file("/admin.key")},
			paths: []string{"d"}, rows: []string{"d/ca.crt kubernetes", "d/admin.crt kubernetes-admin"}},
		{name: "above it", files: map[string]string{"d/e/config": text("../ca.crt", "../admin.crt", "../admin.key"), "d/ca.crt": ca, "d/admin.crt": file("/admin.crt"), "d/admin.key": file("/admin.key")},
			paths: []string{"d/e"}, rows: []string{"d/ca.crt kubernetes", "d/admin.crt kubernetes-admin"}},
		{name: "that does not say what it is", files: map[string]string{"config": strings.TrimPrefix(text("ca.crt", "admin.crt", "admin.key"), "apiVersion: v1\nkind: Config\n"), "ca.crt": ca, "admin.crt": file("/admin.crt"), "admin.key": file("/admin.key")},
			paths: []string{"config"}, rows: []string{"ca.crt kubernetes", "admin.crt kubernetes-admin"}},
		{name: "expired", files: map[string]string{"config": text("ca.crt", "john.crt", "john.key"), "ca.crt": ca, "john.crt": file("/john.crt"), "john.key": file("/john.key")},
			paths: []string{"config"}, rows: []string{"ca.crt kubernetes", "john.crt john"}, want: []string{
				"critical validity/expired john.crt kubeconfig " + certField + ": expired on 2026-11-23 11:00 UTC, 60 minutes ago; it must be renewed"}},
		{name: "another key", files: map[string]string{"config": text("ca.crt", "admin.crt", "john.key"), "ca.crt": ca, "admin.crt": file("/admin.crt"), "john.key": file("/john.key")},
			paths: []string{"config"}, rows: []string{"ca.crt kubernetes", "admin.crt kubernetes-admin"}, want: []string{
				"critical keys/mismatch admin.crt kubeconfig " + certField + ": the private key of john.key is not that of this certificate; expected a pair"}},
		{name: "of another CA", files: map[string]string{"config": text("ca.crt", "stale.crt", "stale.key"), "ca.crt": ca, "stale.crt": file("/stale.crt"), "stale.key": file("/stale.key")},
			paths: []string{"config"}, rows: []string{"ca.crt kubernetes", "stale.crt stale"}, want: []string{
				"warning chain/untrusted stale.crt kubeconfig " + certField + `: names "kubernetes" as its issuer, but was not signed with the key of a CA of that name in view: ca.crt:1; expected a signature by one of them`}},
		{name: "missing", files: map[string]string{"config": text("nothere.crt", "admin.crt", "admin.key"), "admin.crt": file("/admin.crt")},
			paths: []string{"config"}, rows: []string{"nothere.crt ", "admin.crt kubernetes-admin"}, want: []string{
				"warning files/missing admin.key kubeconfig " + keyField + ": " + named("admin.key", keyField, "config:6"),
				"warning files/missing nothere.crt kubeconfig " + caField + ": " + named("nothere.crt", caField, "config:4")}},
		{name: "missing on this machine", files: map[string]string{"config": text("/nowhere/ca.crt", "admin.crt", "admin.key"), "admin.crt": file("/admin.crt"), "admin.key": file("/admin.key")},
			paths: []string{"config"}, rows: []string{"/nowhere/ca.crt ", "admin.crt kubernetes-admin"}, want: []string{
				"warning files/missing /nowhere/ca.crt kubeconfig " + caField + ": " + named("", caField, "config:4")}},
		{name: "of another machine, in a repository", files: map[string]string{"d/config": text("/nowhere/ca.crt", "admin.crt", "admin.key"), "d/admin.crt": file("/admin.crt"), "d/admin.key": file("/admin.key")},
			paths: []string{"d"}, rows: []string{"/nowhere/ca.crt ", "d/admin.crt kubernetes-admin"}, want: []string{
				"info files/missing /nowhere/ca.crt kubeconfig " + caField + ": " + named("", caField, "d/config:4")}},
		{name: "in a pod", files: map[string]string{"config": text("/var/run/secrets/kubernetes.io/serviceaccount/ca.crt", "admin.crt", "admin.key"), "admin.crt": file("/admin.crt"), "admin.key": file("/admin.key")},
			paths: []string{"config"}, rows: []string{"admin.crt kubernetes-admin"}, want: []string{
				`info input/unsupported config kubeconfig ` + caField + `: "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt" lies in the pod that reads the kubeconfig; it was not judged`}},
		{name: "no context", files: map[string]string{"config": text("ca.crt", "admin.crt", "admin.key")[:len(text("ca.crt", "admin.crt", "admin.key"))-len("contexts:\n- {name: x, context: {cluster: a, user: u}}\ncurrent-context: x\n")], "ca.crt": ca, "admin.crt": file("/admin.crt"), "admin.key": file("/admin.key")},
			paths: []string{"config"}, rows: []string{"ca.crt kubernetes", "admin.crt kubernetes-admin"}, want: []string{
				"info files/malformed config kubeconfig contexts: has 1 user and no context: kubectl uses none of them until one says for which cluster"}},
		{name: "another current context", files: map[string]string{"config": strings.Replace(text("ca.crt", "admin.crt", "admin.key"), "current-context: x", "current-context: y", 1), "ca.crt": ca, "admin.crt": file("/admin.crt"), "admin.key": file("/admin.key")},
			paths: []string{"config"}, rows: []string{"ca.crt kubernetes", "admin.crt kubernetes-admin"}, want: []string{
				`info files/malformed config kubeconfig current-context: the current context is "y", and there is no such context; kubectl fails unless it is given one`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			for name, data := range tt.files {
				do(t, os.MkdirAll(filepath.Dir(name), 0o755))
				do(t, os.WriteFile(name, []byte(data), 0o600))
			}
			r := auditPaths(t, tt.paths...)
			var got, rows []string
			for _, f := range r.Findings {
				got = append(got, fmt.Sprintf("%s %s %s %s %s: %s", f.Severity, f.Check, f.Path, f.Component, strings.TrimPrefix(f.Field, f.Component+" "), f.Message))
			}
			for _, c := range r.Certificates {
				rows = append(rows, c.Path+" "+c.CommonName)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.rows, rows); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
		})
	}
	r := auditObjects(t, text("ca.crt", "admin.crt", "admin.key"))
	want := []string{"info input/unsupported -:4 kubeconfig " + caField + ": names a file, as 3 fields do, which was not read; certaudit audit follows them from the path of the kubeconfig"}
	if diff := cmp.Diff(want, toldObjects(r)); diff != "" || !r.Incomplete() {
		t.Errorf("from a stream, incomplete %v (-want +got):\n%s", r.Incomplete(), diff)
	}
}
