package audit_test

import (
	"certaudit/audit/inventory"
	"crypto/x509"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"certaudit/audit"
	"certaudit/fixtures"
)

// aged sets nothing of a file, but lets its last change be old enough that a
// look at it can be trusted.
func aged(t *testing.T, dir string) {
	t.Helper()
	var newest time.Time
	err := filepath.WalkDir(dir, func(name string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(name)
		if err == nil && info.ModTime().After(newest) {
			newest = info.ModTime()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for time.Since(newest) < 200*time.Millisecond {
		time.Sleep(10 * time.Millisecond)
	}
}

type audited struct {
	result audit.Result
	reads  int
}

// again audits a node with a cache and says how many files that read.
func again(t *testing.T, c *cache, dir string) audited {
	t.Helper()
	before := c.Reads()
	inv, err := c.Gather(dir)
	if err != nil {
		t.Fatal(err)
	}
	return audited{c.run(inv, audit.Options{At: fixtures.Now}), c.Reads() - before}
}

// cache is all that is remembered from one audit to the next.
type cache struct {
	*inventory.Cache
	memory *audit.Memory
}

func newCache(t *testing.T) *cache {
	t.Helper()
	return &cache{Cache: inventory.NewCache(time.Now, workingFolder(t))}
}

func workingFolder(t *testing.T) string {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return here
}

// run judges an inventory with what is remembered.
func (c *cache) run(inv *inventory.Inventory, o audit.Options) (r audit.Result) {
	r, c.memory = audit.Rerun(c.memory, []*inventory.Inventory{inv}, o)
	return r
}

// vanished are the missing certificates of a result.
func vanished(r audit.Result) []string {
	out := []string{}
	for _, c := range r.Certificates {
		if c.SHA256 == "" {
			out = append(out, c.Role+" "+c.Path+" "+c.Status)
		}
	}
	return out
}

func placeNode(t *testing.T, n fixtures.Node) string {
	t.Helper()
	dir := t.TempDir()
	if err := n.Write(dir); err != nil {
		t.Fatal(err)
	}
	aged(t, dir)
	return dir
}

func TestCacheReadsNothingTwice(t *testing.T) {
	node := fixtures.ControlPlane(fixtures.Options{Version: "v1.34.4"}).Node
	dir := placeNode(t, node)
	c := newCache(t)
	if !c.Changed() {
		t.Error("a cache that has seen nothing says that nothing changed")
	}
	first := again(t, c, dir)
	if first.reads == 0 || c.Changed() {
		t.Errorf("the first run read %d files, and then something changed: %t", first.reads, c.Changed())
	}
	second := again(t, c, dir)
	if second.reads != 0 {
		t.Errorf("the second run read %d files", second.reads)
	}
	if diff := cmp.Diff(first.result, second.result); diff != "" {
		t.Errorf("the second run says something else:\n%s", diff)
	}
	inv, err := inventory.Gather(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now}), first.result); diff != "" {
		t.Errorf("with a cache an audit says something else:\n%s", diff)
	}
}

// TestCacheChangesNoResult judges one inventory for several times and under
// several policies: each result is what it would be without a cache, and stays
// so while others are made.
func TestCacheChangesNoResult(t *testing.T) {
	dir := placeNode(t, fixtures.ControlPlane(fixtures.Options{Version: "v1.34.4"}).Node)
	lenient, err := audit.ParsePolicy("policy.yaml", []byte("checks: {validity/expired: info}\n"))
	if err != nil {
		t.Fatal(err)
	}
	var options []audit.Options
	for _, days := range []int{0, 340, 400, 4000, 340, 0} {
		for _, policy := range []*audit.Policy{nil, lenient} {
			for _, profile := range []string{"", audit.ProfileGeneric} {
				options = append(options, audit.Options{At: fixtures.Now.AddDate(0, 0, days), Policy: policy, Overrides: audit.Overrides{Profile: profile}})
			}
		}
	}
	c := newCache(t)
	var cached, fresh []audit.Result
	for _, o := range options {
		inv, err := inventory.Gather(dir)
		do(t, err)
		fresh = append(fresh, audit.Run([]*inventory.Inventory{inv}, o))
		inv, err = c.Gather(dir)
		do(t, err)
		cached = append(cached, c.run(inv, o))
	}
	if diff := cmp.Diff(fresh, cached); diff != "" {
		t.Errorf("without and with a cache:\n%s", diff)
	}
}

// TestCacheNoticesWhatAppears enables a unit of a package, and installs another
// distribution, on nodes that have neither.
func TestCacheNoticesWhatAppears(t *testing.T) {
	worker := fixtures.Worker(fixtures.Options{}).Node
	worker["/usr/lib/systemd/system/etcd.service"] = fixtures.File{Data: []byte("[Service]\nExecStart=/usr/bin/etcd --cert-file=/nowhere.crt\n"), Mode: 0o644}
	worker["/etc/systemd/system/multi-user.target.wants/other.service"] = fixtures.File{Link: "/usr/lib/systemd/system/other.service"}
	for _, c := range []struct {
		name, path string
		node       fixtures.Node
		appear     func(name string) error
	}{
		{"a unit", "/etc/systemd/system/multi-user.target.wants/etcd.service", worker,
			func(name string) error { return os.Symlink("/usr/lib/systemd/system/etcd.service", name) }},
		{"a distribution", "/var/lib/rancher/k3s/agent", fixtures.Node{"/var/lib/other": {Data: []byte("x"), Mode: 0o644}},
			func(name string) error { return os.MkdirAll(name, 0o755) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := placeNode(t, c.node)
			cache := newCache(t)
			before := again(t, cache, dir).result
			if cache.Changed() {
				t.Error("something changed before anything did")
			}
			do(t, c.appear(dir+c.path))
			if !cache.Changed() {
				t.Error("the cache does not notice it")
			}
			if diff := cmp.Diff(before.Findings, again(t, cache, dir).result.Findings); diff == "" {
				t.Error("the audit finds nothing new")
			}
		})
	}
}

// TestCacheNoticesChanges changes a node in every way that a kubelet, kubeadm or
// a person does.
func TestCacheNoticesChanges(t *testing.T) {
	const pki = "/etc/kubernetes/pki/"
	other := fixtures.ControlPlane(fixtures.Options{Version: "v1.34.4", ControlPlaneEndpoint: "api.example.com:6443"}).Node
	tests := map[string]func(t *testing.T, dir string){
		"written again": func(t *testing.T, dir string) { rewrite(t, dir+pki+"apiserver.crt", other[pki+"apiserver.crt"].Data) },
		"renamed into place": func(t *testing.T, dir string) {
			rewrite(t, dir+pki+"new", other[pki+"apiserver.crt"].Data)
			do(t, os.Rename(dir+pki+"new", dir+pki+"apiserver.crt"))
		},
		"same size and time": func(t *testing.T, dir string) {
			name := dir + pki + "apiserver.crt"
			info, err := os.Stat(name)
			do(t, err)
			data, err := os.ReadFile(name)
			do(t, err)
			slices.Reverse(data)
			rewrite(t, name, data)
			do(t, os.Chtimes(name, info.ModTime(), info.ModTime()))
		},
		"removed":       func(t *testing.T, dir string) { do(t, os.Remove(dir+pki+"apiserver.crt")) },
		"mode":          func(t *testing.T, dir string) { do(t, os.Chmod(dir+pki+"apiserver.key", 0o644)) },
		"folder gone":   func(t *testing.T, dir string) { do(t, os.RemoveAll(dir+pki)) },
		"new manifest":  func(t *testing.T, dir string) { rewrite(t, dir+"/etc/kubernetes/manifests/z.yaml", []byte("{")) },
		"new neighbour": func(t *testing.T, dir string) { rewrite(t, dir+pki+"stray.crt", other[pki+"ca.crt"].Data) },
		"link swapped": func(t *testing.T, dir string) {
			link := dir + "/var/lib/kubelet/pki/kubelet-client-current.pem"
			do(t, os.Remove(link))
			do(t, os.Symlink("/var/lib/kubelet/pki/gone.pem", link))
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			dir := placeNode(t, fixtures.ControlPlane(fixtures.Options{Version: "v1.34.4"}).Node)
			c := newCache(t)
			first := again(t, c, dir)
			change(t, dir)
			if !c.Changed() {
				t.Error("Changed() is false")
			}
			if cmp.Equal(first.result, again(t, c, dir).result) {
				t.Error("the result is the same")
			}
		})
	}
}

func do(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func rewrite(t *testing.T, name string, data []byte) {
	t.Helper()
	do(t, os.WriteFile(name, data, 0o644))
}

// TestCacheRemembersTheVanished removes what nothing names, or what is named by
// a file that went with it.
func TestCacheRemembersTheVanished(t *testing.T) {
	dir := placeNode(t, fixtures.ControlPlane(fixtures.Options{Version: "v1.34.4"}).Node)
	c := newCache(t)
	if got := vanished(again(t, c, dir).result); len(got) != 0 {
		t.Fatalf("at first %q are missing", got)
	}
	conf := dir + "/etc/kubernetes/scheduler.conf"
	data, err := os.ReadFile(conf)
	do(t, err)
	do(t, os.Remove(conf))
	do(t, os.Remove(dir+"/etc/kubernetes/super-admin.conf")) // nothing needs it
	want := []string{"kube-scheduler/client /etc/kubernetes/scheduler.conf files/missing"}
	for range 3 {
		if diff := cmp.Diff(want, vanished(again(t, c, dir).result)); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	}
	rewrite(t, conf, data)
	if got := vanished(again(t, c, dir).result); len(got) != 0 {
		t.Errorf("after its return %q are missing", got)
	}
}

func TestCacheOfPaths(t *testing.T) {
	node := fixtures.ControlPlane(fixtures.Options{Version: "v1.34.4"}).Node
	dir := t.TempDir()
	t.Chdir(dir)
	do(t, os.Mkdir("certs", 0o755))
	for _, n := range []string{"ca", "apiserver", "front-proxy-ca"} {
		rewrite(t, "certs/"+n+".crt", node["/etc/kubernetes/pki/"+n+".crt"].Data)
	}
	aged(t, dir)
	now := fixtures.Now
	c := &cache{Cache: inventory.NewCache(func() time.Time { return now }, dir)}
	run := func() audited {
		t.Helper()
		before := c.Reads()
		_, inv, err := c.GatherPaths([]string{"certs", "never.crt"}, nil)
		do(t, err)
		return audited{c.run(inv, audit.Options{At: fixtures.Now}), c.Reads() - before}
	}
	missing := func(r audit.Result) []string {
		var out []string
		for _, f := range r.Findings {
			if f.Check == "files/missing" {
				out = append(out, string(f.Severity)+" "+f.Path)
			}
		}
		return out
	}
	const never = "critical never.crt" // which somebody named
	expect := func(r audit.Result, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, missing(r)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	first := run()
	if expect(first.result, never); first.reads != 3 {
		t.Errorf("read %d files", first.reads)
	}
	do(t, os.Remove("certs/apiserver.crt"))
	second := run()
	if expect(second.result, never, "info certs/apiserver.crt"); second.reads != 0 {
		t.Errorf("read %d files to find that one is gone", second.reads)
	}
	now = now.Add(30 * time.Minute)
	do(t, os.RemoveAll("certs"))
	expect(run().result, "critical certs", never, "info certs/apiserver.crt", "info certs/ca.crt", "info certs/front-proxy-ca.crt")
	now = now.Add(31 * time.Minute)
	do(t, os.Mkdir("certs", 0o755))
	rewrite(t, "certs/ca.crt", node["/etc/kubernetes/pki/ca.crt"].Data)
	expect(run().result, never, "info certs/front-proxy-ca.crt")
	now = now.Add(time.Hour)
	rewrite(t, "certs/ca.crt", node["/etc/kubernetes/pki/ca.crt"].Data)
	expect(run().result, never)
}

// A volume's folder is replaced behind links by the kubelet: each file counts once, and
// none is missing after it.
func TestCacheOfVolumes(t *testing.T) {
	node := fixtures.ControlPlane(fixtures.Options{Version: "v1.34.4"}).Node
	dir := t.TempDir()
	rotate := func(name, certificate string) {
		do(t, os.Mkdir(dir+"/"+name, 0o755))
		rewrite(t, dir+"/"+name+"/tls.crt", node["/etc/kubernetes/pki/"+certificate+".crt"].Data)
		do(t, os.Symlink(name, dir+"/..data_tmp"))
		do(t, os.Rename(dir+"/..data_tmp", dir+"/..data"))
	}
	rotate("..2026_01", "ca")
	do(t, os.Symlink("..data/tls.crt", dir+"/tls.crt"))
	rewrite(t, dir+"/again.pem", node["/etc/kubernetes/pki/ca.crt"].Data)
	do(t, os.Symlink("again.pem", dir+"/link.pem"))
	do(t, os.Symlink("again.pem", dir+"/0123abcd.0"))
	rewrite(t, dir+"/old.bak", node["/etc/kubernetes/pki/ca.crt"].Data)
	c := newCache(t)
	c.Exclude = []string{"*.bak"}
	run := func() []string {
		t.Helper()
		_, inv, err := c.GatherPaths([]string{dir, dir + "/*.nothing"}, nil)
		do(t, err)
		var out []string
		for _, row := range c.run(inv, audit.Options{At: fixtures.Now}).Certificates {
			out = append(out, strings.TrimPrefix(row.Path, dir+"/")+" "+row.CommonName)
		}
		slices.Sort(out)
		return out
	}
	if diff := cmp.Diff([]string{"link.pem kubernetes", "tls.crt kubernetes"}, run()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	rotate("..2026_02", "front-proxy-ca")
	do(t, os.RemoveAll(dir+"/..2026_01"))
	if diff := cmp.Diff([]string{"link.pem kubernetes", "tls.crt front-proxy-ca"}, run()); diff != "" {
		t.Errorf("after a rotation (-want +got):\n%s", diff)
	}
}

func TestCacheFolders(t *testing.T) {
	dir := placeNode(t, fixtures.ControlPlane(fixtures.Options{Version: "v1.34.4"}).Node)
	c := newCache(t)
	again(t, c, dir)
	root, err := filepath.EvalSymlinks(dir)
	do(t, err)
	got := c.Folders()
	for _, want := range []string{"", "/etc", "/etc/kubernetes", "/etc/kubernetes/manifests", "/etc/kubernetes/pki", "/etc/kubernetes/pki/etcd", "/var/lib/kubelet", "/var/lib/kubelet/pki"} {
		if !slices.Contains(got, root+want) {
			t.Errorf("%q is not among %q", root+want, got)
		}
	}
	for _, g := range got {
		if info, err := os.Stat(g); err != nil || !info.IsDir() {
			t.Errorf("%q is no folder", g)
		}
	}
}

func TestCacheBearsFailure(t *testing.T) {
	dir := placeNode(t, fixtures.ControlPlane(fixtures.Options{Version: "v1.34.4"}).Node)
	c := newCache(t)
	first := again(t, c, dir)
	moved := dir + "-moved"
	do(t, os.Rename(dir, moved))
	if _, err := c.Gather(dir); err == nil || !c.Changed() {
		t.Errorf("a folder that vanished gives the error %v and is unchanged", err)
	}
	do(t, os.Rename(moved, dir))
	if diff := cmp.Diff(first.result, again(t, c, dir).result); diff != "" {
		t.Errorf("after its return:\n%s", diff)
	}
}

// A process that was started again is seen although no file changed.
func TestCacheNoticesProcesses(t *testing.T) {
	c := fixtures.ControlPlane(fixtures.Options{})
	running(100, "etcd", -day)(c)
	dir := placeNode(t, c.Node)
	cache := newCache(t)
	stale := func() bool { return slices.Contains(checksOf(again(t, cache, dir).result), "served/stale") }
	if !stale() {
		t.Error("the first process is not stale")
	}
	running(100, "etcd", day)(c)
	rewrite(t, dir+"/proc/100/stat", c.Node["/proc/100/stat"].Data)
	if stale() {
		t.Error("the second process is stale")
	}
}

// So is what a process runs with that was started again.
func TestCacheNoticesCommandLines(t *testing.T) {
	c := &fixtures.Cluster{Node: scenarioNode(t, "ok-processes")}
	dir := placeNode(t, c.Node)
	cache := newCache(t)
	cache.Processes = true
	differs := func() bool { return slices.Contains(checksOf(again(t, cache, dir).result), "processes/differs") }
	if differs() {
		t.Error("the first process differs")
	}
	reads := cache.Reads()
	if differs() || cache.Reads() != reads {
		t.Errorf("%d files were read again", cache.Reads()-reads)
	}
	c.Run(fixtures.Process{PID: 1203, Args: []string{"kube-scheduler", "--kubeconfig=/etc/kubernetes/admin.conf"}, Days: 1})
	for _, name := range []string{"/proc/1203/cmdline", "/proc/1203/stat"} {
		rewrite(t, dir+name, c.Node[name].Data)
	}
	if !differs() {
		t.Error("the second process does not differ")
	}
}

// What is named no more and lies where it lay has not vanished.
func TestCacheForgetsTheUnnamed(t *testing.T) {
	c := fixtures.ControlPlane(fixtures.Options{})
	c.Issue(pki+"/second", fixtures.Spec{CommonName: "kube-apiserver-etcd-client", Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, Signer: fixtures.EtcdCA})
	dir := placeNode(t, c.Node)
	cache := newCache(t)
	again(t, cache, dir)
	c.Node.Replace(apiManifest, etcdClient+".", pki+"/second.")
	rewrite(t, dir+apiManifest, c.Node[apiManifest].Data)
	if got := vanished(again(t, cache, dir).result); len(got) != 0 {
		t.Errorf("missing are %q", got)
	}
}

// A run that failed counts as a change, also when the folder is back.
func TestCacheChangedByFailure(t *testing.T) {
	dir := placeNode(t, fixtures.Worker(fixtures.Options{}).Node)
	c := newCache(t)
	again(t, c, dir)
	do(t, os.Rename(dir, dir+"-moved"))
	if _, err := c.Gather(dir); err == nil {
		t.Error("a folder that is gone gives no error")
	}
	do(t, os.Rename(dir+"-moved", dir))
	if !c.Changed() {
		t.Error("after its return nothing has changed")
	}
}

// The folder that a link leads to is watched as well.
func TestCacheFoldersOfLinks(t *testing.T) {
	node := fixtures.Worker(fixtures.Options{}).Node
	node["/srv/kubelet/client.pem"] = node[kubeletClient]
	node[kubeletPKI+"/kubelet-client-current.pem"] = fixtures.File{Link: "/srv/kubelet/client.pem"}
	dir := placeNode(t, node)
	c := newCache(t)
	again(t, c, dir)
	root, err := filepath.EvalSymlinks(dir)
	do(t, err)
	if got := c.Folders(); !slices.Contains(got, root+"/srv/kubelet") {
		t.Errorf("%q is not among %q", root+"/srv/kubelet", got)
	}
}
