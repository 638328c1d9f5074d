package cmd_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"certaudit/fixtures"
)

// alertsHost is a server that Prometheus scrapes beside others, with the rules that are
// shipped.
type alertsHost struct {
	*prometheus
	instance string
	// dir has what is served, and away is where files are put that shall be gone.
	dir, away string
	// arguments are those of the server, and process is it.
	arguments []string
	process   *exec.Cmd
}

// firing lists the alerts that fire, as "severity name place check", each once, sorted.
// Places are those below dir.
func (a *alertsHost) firing() []string {
	a.Helper()
	fire := []string{}
	for _, sample := range a.samples(`ALERTS{alertstate="firing",instance=~"|` + a.instance + `"}`) {
		m := sample.Metric
		name, place := strings.TrimPrefix(m["alertname"], "Certaudit"), strings.TrimPrefix(m["path"], a.dir)
		fire = append(fire, strings.TrimSpace(m["severity"]+" "+name+" "+place+" "+m["check"]))
	}
	slices.Sort(fire)
	return slices.Compact(fire)
}

// settle waits until exactly these alerts fire, and for a while longer that no other does.
func (a *alertsHost) settle(what string, hold time.Duration, want ...string) {
	a.Helper()
	want = append([]string{}, want...)
	slices.Sort(want)
	var got []string
	var since time.Time
	for end := time.Now().Add(patient); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if got = a.firing(); !slices.Equal(got, want) {
			since = time.Time{}
			continue
		}
		if since.IsZero() {
			since = time.Now()
		}
		if time.Since(since) >= hold {
			return
		}
	}
	a.Errorf("%s (-want +got):\n%s", what, cmp.Diff(want, got))
}

// held is longer than it takes from an audit to an alert of the test's rules.
const held = 600 * time.Millisecond

// follow makes the changes, one after the other, and takes each back.
func (a *alertsHost) follow(changes []alertChange) {
	a.settle("at the start", held)
	for _, c := range changes {
		if c.first != nil {
			c.first()
		}
		a.audited(c.unseen, c.do)
		a.settle(c.name, held, c.want...)
		a.audited(c.unseen, c.undo)
		a.settle(c.name+", taken back", 0)
	}
}

// audited makes a change and waits until an audit after it was scraped, unless there is none.
func (a *alertsHost) audited(unseen bool, change func()) {
	a.Helper()
	count := func() string {
		return strings.Join(a.query(`sum(certaudit_audits_total{instance="`+a.instance+`"})`), "")
	}
	before := count()
	change()
	for end := time.Now().Add(patient); !unseen; time.Sleep(100 * time.Millisecond) {
		if now := count(); now != "" && now != before {
			return
		}
		if time.Now().After(end) {
			a.Error("there is no audit")
			return
		}
	}
}

func (a *alertsHost) move(from, to string) { must(a.T, os.Rename(from, to)) }

// put writes a file by renaming, as those do who renew.
func (a *alertsHost) put(name string, data []byte, mode os.FileMode) {
	must(a.T, os.WriteFile(a.dir+name+".new", data, mode))
	a.move(a.dir+name+".new", a.dir+name)
}

// link lets a link lead elsewhere, at once.
func (a *alertsHost) link(name, target string) {
	must(a.T, os.Symlink(target, a.dir+name+".new"))
	a.move(a.dir+name+".new", a.dir+name)
}

// forWhole matches how long an alert of the rules is pending.
var forWhole = regexp.MustCompile(`(?m)^( +for: ).*$`)

// TestAlertsFollowTheFiles makes changes to hosts, one after the other, and takes each
// back: a real Prometheus with the rules that are shipped fires what the change is worth,
// and nothing else, and nothing after it. It watches all of them, and the nodes have the
// same name: none silences another.
func TestAlertsFollowTheFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	needPrometheus(t)
	work := t.TempDir()
	rules, err := os.ReadFile("../deploy/prometheus/rules.yaml")
	must(t, err)
	must(t, os.WriteFile(filepath.Join(work, "rules.yaml"), forWhole.ReplaceAll(rules, []byte("${1}100ms")), 0o600))
	secureWeb(t, work)
	now := time.Now()
	control := fixtures.ControlPlane(fixtures.Options{Now: now})
	hosts := map[string]*alertsHost{}
	var addresses []string
	start := func(name, dir string, arguments ...string) {
		a := &alertsHost{dir: dir, away: filepath.Join(t.TempDir(), "away"), arguments: arguments}
		a.process = unprivileged(t, append([]string{"serve", "--web.listen-address", "127.0.0.1:0"}, arguments...)...)
		a.instance = started(t, a.process, 1)[0]
		hosts[name], addresses = a, append(addresses, a.instance)
	}
	web := []string{"--web.config.file", filepath.Join(work, "web.yaml")}
	for _, name := range []string{"certificates", "surroundings", "rights"} {
		dir := t.TempDir()
		must(t, control.Node.Write(dir))
		start(name, dir, append(web, "--root", dir)...)
	}
	server, own := filepath.Join(t.TempDir(), "node"), t.TempDir()
	must(t, control.Node.Write(server))
	secureWeb(t, own)
	must(t, copyFile(filepath.Join(work, "tls.crt"), filepath.Join(own, "tls.crt")))
	must(t, copyFile(filepath.Join(work, "tls.key"), filepath.Join(own, "tls.key")))
	must(t, os.WriteFile(filepath.Join(own, "policy.yaml"), nil, 0o600))
	start("server", server, "--web.config.file", filepath.Join(own, "web.yaml"), "--config", filepath.Join(own, "policy.yaml"), "--root", server)
	files := t.TempDir()
	servedFiles(t, files, control.Node)
	start("files", files, append(web, files+"/certs", files+"/volume", files+"/named.crt", files+"/linked")...)
	p := startPrometheus(t, work, addresses...)

	old := fixtures.ControlPlane(fixtures.Options{Now: now.AddDate(-2, 0, 0)}).Node
	for name, changes := range map[string]func(*alertsHost) []alertChange{
		"certificates": func(a *alertsHost) []alertChange { return certificateChanges(a, control, old) },
		"surroundings": func(a *alertsHost) []alertChange { return surroundingChanges(a, control, old) },
		"rights":       rightChanges,
		"server":       func(a *alertsHost) []alertChange { return serverChanges(a, own, control.Options) },
		"files":        func(a *alertsHost) []alertChange { return fileChanges(a, control.Node, old) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := hosts[name]
			a.prometheus = &prometheus{t, p.url}
			a.follow(changes(a))
		})
	}
}

// alertChange is a change of a host and what is to fire for it.
type alertChange struct {
	name     string
	do, undo func()
	// first is what comes before the change, nil for nothing.
	first func()
	want  []string
	// unseen: the server makes no audit for it.
	unseen bool
}

// changesOf are what the changes of a node are made of.
type changesOf struct {
	*alertsHost
	node fixtures.Node
}

func (c changesOf) original(name string) func() {
	return func() { c.put(name, c.node[name].Data, c.node[name].Mode) }
}

// replaced puts other data in the place of a file.
func (c changesOf) replaced(name string, data []byte, want ...string) alertChange {
	return alertChange{name: name + " is another", do: func() { c.put(name, data, c.node[name].Mode) }, undo: c.original(name), want: want}
}

// gone takes a file or a folder away.
func (c changesOf) gone(name string, want ...string) alertChange {
	return alertChange{name: name + " is gone", do: func() { c.move(c.dir+name, c.away) }, undo: func() { c.move(c.away, c.dir+name) }, want: want}
}

const pki = "/etc/kubernetes/pki"

// missingNode fires where the folder of the certificates is gone, or all of Kubernetes.
const missingNode = "critical CertificateMissing " + pki + "/etcd/ca.crt files/missing"

// certificateChanges are those of single files; old is the node two years ago.
func certificateChanges(a *alertsHost, control *fixtures.Cluster, old fixtures.Node) []alertChange {
	c := changesOf{a, control.Node}
	gone, replaced := c.gone, c.replaced
	other := misissued(control.Options)
	return append([]alertChange{
		replaced(apiserver, old[apiserver].Data, "critical CertificateExpired "+apiserver+" validity/expired"),
		replaced(pki+"/etcd/healthcheck-client.crt", old[pki+"/etcd/healthcheck-client.crt"].Data, "warning CertificateExpired "+pki+"/etcd/healthcheck-client.crt validity/expired"),
		replaced("/etc/kubernetes/scheduler.conf", old["/etc/kubernetes/scheduler.conf"].Data, "critical CertificateExpired /etc/kubernetes/scheduler.conf validity/expired"),
		replaced("/etc/kubernetes/admin.conf", old["/etc/kubernetes/admin.conf"].Data, "critical CertificateExpired /etc/kubernetes/admin.conf validity/expired"),
		replaced(apiserver, control.Node[apiserver].Data[:300], "critical FindingCritical "+apiserver+" files/malformed"),
		replaced(apiserver, nil, "critical FindingCritical "+apiserver+" files/malformed"),
		replaced(pki+"/apiserver.key", control.Node[pki+"/apiserver-kubelet-client.key"].Data, "critical CertificateMisissued "+apiserver+" keys/mismatch"),
		gone(apiserver, "critical CertificateMissing "+apiserver+" files/missing"),
		gone(pki+"/apiserver.key", "critical ReferenceMissing "+pki+"/apiserver.key files/missing"),
		gone(pki+"/etcd/peer.crt", "critical CertificateMissing "+pki+"/etcd/peer.crt files/missing"),
		gone(pki+"/ca.key", "critical ReferenceMissing "+pki+"/ca.key files/missing"),
		gone(pki+"/sa.pub", "critical ReferenceMissing "+pki+"/sa.pub files/missing"),
		replaced(apiserver, other[apiserver].Data, "critical CertificateNotYetValid "+apiserver+" validity/not-yet-valid"),
		replaced(pki+"/apiserver-etcd-client.crt", other[pki+"/apiserver-etcd-client.crt"].Data, "critical CertificateMisissued "+pki+"/apiserver-etcd-client.crt chain/untrusted"),
		replaced(pki+"/front-proxy-client.crt", other[pki+"/front-proxy-client.crt"].Data, "critical CertificateMisissued "+pki+"/front-proxy-client.crt chain/untrusted"),
		replaced(pki+"/ca.crt", old[pki+"/ca.crt"].Data),
		replaced(pki+"/etcd/ca.crt", control.Node[pki+"/front-proxy-ca.crt"].Data, "critical CertificateMisissued "+pki+"/etcd/ca.crt chain/ca-replaced"),
		replaced(pki+"/sa.key", control.Node[pki+"/ca.key"].Data, "critical FindingCritical "+pki+"/sa.key keys/service-account"),
		replaced(pki+"/apiserver.key", control.Node[pki+"/apiserver.key"].Data[:90], "critical FindingCritical "+pki+"/apiserver.key files/malformed"),
		replaced("/etc/kubernetes/controller-manager.conf", []byte("nonsense"), "critical FindingCritical /etc/kubernetes/controller-manager.conf input/undecodable", "warning AuditIncomplete"),
		replaced("/etc/kubernetes/controller-manager.conf", control.Node["/etc/kubernetes/scheduler.conf"].Data, "critical CertificateMisissued /etc/kubernetes/controller-manager.conf identity/common-name"),
		replaced(manifests+"kube-apiserver.yaml", bytes.Replace(control.Node[manifests+"kube-apiserver.yaml"].Data, []byte("--tls-cert-file="), []byte("--tls-certfile="), 1), "critical FindingCritical "+manifests+"kube-apiserver.yaml flags/unknown"),
		replaced(manifests+"kube-apiserver.yaml", bytes.Replace(control.Node[manifests+"kube-apiserver.yaml"].Data, []byte("--client-ca-file="+pki+"/ca.crt"), []byte("--client-ca-file="+pki+"/gone.crt"), 1), "critical CertificateMissing "+pki+"/gone.crt files/missing"),
		replaced(manifests+"kube-scheduler.yaml", []byte("{"), "critical FindingCritical "+manifests+"kube-scheduler.yaml input/undecodable", "warning AuditIncomplete"),
		replaced("/var/lib/kubelet/config.yaml", []byte("kind: ["), "critical FindingCritical /var/lib/kubelet/config.yaml input/undecodable", "warning AuditIncomplete"),
	}, renewals(c, control.Options)...)
}

// renewals are changes that are nobody's business.
func renewals(c changesOf, o fixtures.Options) []alertChange {
	o.CreatedAt, o.Now = time.Time{}, o.Now.Add(-time.Hour)
	renewed := fixtures.ControlPlane(o).Node
	leaves := []string{apiserver, pki + "/apiserver-kubelet-client.crt", pki + "/apiserver-etcd-client.crt", pki + "/front-proxy-client.crt",
		pki + "/etcd/server.crt", pki + "/etcd/peer.crt", pki + "/etcd/healthcheck-client.crt"}
	nothing := func() {}
	return []alertChange{
		{name: "touched", do: func() { must(c.T, os.Chtimes(c.dir+apiserver, time.Now(), time.Now())) }, undo: nothing, unseen: true},
		{name: "renewed by renaming", do: func() { c.put(apiserver, renewed[apiserver].Data, 0o644) }, undo: c.original(apiserver)},
		{name: "renewed in place", do: func() { must(c.T, os.WriteFile(c.dir+apiserver, renewed[apiserver].Data, 0o644)) }, undo: c.original(apiserver)},
		{name: "seven leaves renewed at once", do: func() {
			for _, name := range leaves {
				c.put(name, renewed[name].Data, 0o644)
			}
		}, undo: func() {
			for _, name := range leaves {
				c.original(name)()
			}
		}},
		{name: "the kubelet rotates", do: func() {
			const current, next = "/var/lib/kubelet/pki/kubelet-client-current.pem", "/var/lib/kubelet/pki/kubelet-client-2026-12-24-12-00-00.pem"
			must(c.T, os.WriteFile(c.dir+next, renewed[renewed[current].Link].Data, 0o600))
			c.link(current, next)
		}, undo: nothing, unseen: true},
	}
}

// surroundingChanges are those of folders, manifests and what else makes a node.
func surroundingChanges(a *alertsHost, control *fixtures.Cluster, old fixtures.Node) []alertChange {
	c := changesOf{a, control.Node}
	gone := c.gone
	at := func(name string) string { return a.dir + name }
	write := func(name string, data []byte, mode os.FileMode) func() { return func() { a.put(name, data, mode) } }
	unread := func(component string) string {
		return "warning FindingWarning " + manifests + component + ".yaml input/component-unread"
	}
	return append([]alertChange{
		gone(pki, missingNode),
		gone("/etc/kubernetes", missingNode),
		gone("/etc/kubernetes/admin.conf"),
		gone("/etc/kubernetes/super-admin.conf"),
		gone("/etc/kubernetes/scheduler.conf", "critical CertificateMissing /etc/kubernetes/scheduler.conf files/missing"),
		gone(manifests+"etcd.yaml", "warning AuditIncomplete", unread("etcd")),
		{name: "everybody may read a key", do: func() { must(a.T, os.Chmod(at(pki+"/ca.key"), 0o644)) }, undo: func() { must(a.T, os.Chmod(at(pki+"/ca.key"), 0o600)) },
			want: []string{"warning FindingWarning " + pki + "/ca.key files/permissions"}},
		{name: "an expired kubeconfig in a home", do: func() {
			must(a.T, os.MkdirAll(at("/root/.kube"), 0o700))
			must(a.T, os.WriteFile(at("/root/.kube/config"), old["/etc/kubernetes/admin.conf"].Data, 0o600))
		}, undo: func() { must(a.T, os.RemoveAll(at("/root"))) }, want: []string{"warning CertificateExpired /root/.kube/config validity/expired"}},
		gone(manifests+"kube-apiserver.yaml", "warning AuditIncomplete", unread("kube-apiserver")),
		gone(strings.TrimSuffix(manifests, "/"), "warning AuditIncomplete", unread("etcd"), unread("kube-apiserver"), unread("kube-controller-manager"), unread("kube-scheduler")),
		gone("/var/lib/kubelet/pki/kubelet-client-current.pem", "critical CertificateMissing /var/lib/kubelet/pki/kubelet-client-current.pem files/missing"),
		gone("/var/lib/kubelet/pki", "critical CertificateMissing /var/lib/kubelet/pki/kubelet-client-current.pem files/missing"),
		gone("/var/lib/kubelet/config.yaml", "critical ReferenceMissing /var/lib/kubelet/config.yaml files/missing"),
		gone("/etc/kubernetes/kubelet.conf", "critical ReferenceMissing /etc/kubernetes/kubelet.conf files/missing"),
		gone(pki+"/etcd", missingNode),
		gone(pki+"/front-proxy-ca.crt", "critical CertificateMissing "+pki+"/front-proxy-ca.crt files/missing"),
		gone("/etc/hostname"),
		{name: "a copy of a manifest", do: write(manifests+"old-etcd.yaml", control.Node[manifests+"etcd.yaml"].Data, 0o600), undo: func() { must(a.T, os.Remove(at(manifests+"old-etcd.yaml"))) }, want: []string{"critical FindingCritical " + manifests + "old-etcd.yaml input/duplicate-component"}},
		{name: "a certificate that nothing names", do: write(pki+"/old.crt", old[apiserver].Data, 0o644), undo: func() { must(a.T, os.Remove(at(pki+"/old.crt"))) }},
	}, returns(c, old)...)
}

// returns are changes of what was away, or of what a link leads to now.
func returns(c changesOf, old fixtures.Node) []alertChange {
	const admin = "/etc/kubernetes/admin.conf"
	away := func(name string, want ...string) {
		gone := c.gone(name, want...)
		c.audited(false, gone.do)
		c.settle(gone.name, held, want...)
		c.audited(false, gone.undo)
		c.settle(gone.name+", taken back", 0)
	}
	var changes []alertChange
	for _, folder := range []string{pki, "/etc/kubernetes"} {
		after := c.gone(apiserver, "critical CertificateMissing "+apiserver+" files/missing")
		after.name += ", after " + folder + " was"
		after.first = func() { away(folder, missingNode) }
		changes = append(changes, after)
	}
	return append(changes,
		alertChange{name: "an expired kubeconfig where there was none", first: func() {
			c.audited(false, func() { must(c.T, os.Remove(c.dir+admin)) })
		}, do: func() { c.put(admin, old[admin].Data, 0o600) }, undo: c.original(admin), want: []string{"critical CertificateExpired " + admin + " validity/expired"}},
		alertChange{name: "a folder by a link, the link by another, and the old folder removed", first: func() {
			c.audited(false, func() {
				c.move(c.dir+pki, c.dir+"/etc/kubernetes/pki-1")
				must(c.T, os.Symlink("pki-1", c.dir+pki))
			})
			c.settle("a folder by a link", held)
		}, do: func() {
			another := c.TempDir()
			must(c.T, c.node.Write(another))
			c.move(another+pki, c.dir+"/etc/kubernetes/pki-2")
			c.link(pki, "pki-2")
			must(c.T, os.RemoveAll(c.dir+"/etc/kubernetes/pki-1"))
		}, undo: func() {
			must(c.T, os.Remove(c.dir+pki))
			c.move(c.dir+"/etc/kubernetes/pki-2", c.dir+pki)
		}},
	)
}

// rightChanges are of files that belong to somebody else. What cannot be read is not
// missing.
func rightChanges(a *alertsHost) []alertChange {
	if !dropsRights() {
		a.Skip("only root can give up root's rights, with setpriv")
	}
	var changes []alertChange
	for _, name := range []string{pki + "/etcd", pki, apiserver, pki + "/ca.key", "/etc/kubernetes/admin.conf", "/etc/kubernetes/kubelet.conf", "/var/lib/kubelet/pki", "/var/lib/kubelet/config.yaml"} {
		changes = append(changes, a.closed(name))
	}
	return changes
}

// closed takes the right to read a file or a folder away.
func (a *alertsHost) closed(name string) alertChange {
	const stranger = 65533
	var before os.FileMode
	return alertChange{name: name + " is another user's", do: func() {
		info, err := os.Stat(a.dir + name)
		must(a.T, err)
		before = info.Mode().Perm()
		must(a.T, os.Chmod(a.dir+name, before&0o700))
		must(a.T, os.Chown(a.dir+name, stranger, stranger))
	}, undo: func() {
		must(a.T, os.Chown(a.dir+name, 0, 0))
		must(a.T, os.Chmod(a.dir+name, before))
	}, want: []string{"warning AuditIncomplete"}}
}

// serverChanges are those of the server itself, and what the clock and the policy bring.
func serverChanges(a *alertsHost, own string, o fixtures.Options) []alertChange {
	config := func(name, text string) func() {
		return func() { must(a.T, os.WriteFile(filepath.Join(own, name), []byte(text), 0o600)) }
	}
	reloaded := func(text string) func() {
		return func() {
			config("policy.yaml", text)()
			must(a.T, a.process.Process.Signal(syscall.SIGHUP))
		}
	}
	web, err := os.ReadFile(filepath.Join(own, "web.yaml"))
	must(a.T, err)
	var all []string
	for _, path := range []string{apiserver, pki + "/apiserver-kubelet-client.crt", pki + "/apiserver-etcd-client.crt", pki + "/front-proxy-client.crt", pki + "/etcd/server.crt", pki + "/etcd/peer.crt",
		"/etc/kubernetes/admin.conf", "/etc/kubernetes/super-admin.conf", "/etc/kubernetes/controller-manager.conf", "/etc/kubernetes/scheduler.conf", "/var/lib/kubelet/pki/kubelet-client-current.pem"} {
		all = append(all, "warning CertificateExpiring "+path+" validity/expiring")
	}
	return []alertChange{
		soonExpired(a, o),
		{name: "no policy", do: reloaded("nonsense: true\n"), undo: reloaded(""), want: []string{"warning ConfigRefused"}},
		{name: "thresholds", do: reloaded("thresholds: {leaf: {warnDays: 9999, warnShare: 1}}\n"), undo: reloaded(""), want: all},
		{name: "the root is gone", do: func() { a.move(a.dir, a.away) }, undo: func() { a.move(a.away, a.dir) }, want: []string{"warning AuditFailing"}, unseen: true},
		{name: "the web configuration is broken", do: config("web.yaml", "nonsense: true\n"), undo: config("web.yaml", string(web)), want: []string{"warning Down"}, unseen: true},
	}
}

// soonExpired is a certificate that is about to expire, and does.
func soonExpired(a *alertsHost, o fixtures.Options) alertChange {
	c := fixtures.ControlPlane(o)
	const expiring, expired = "critical CertificateExpiring " + apiserver + " validity/expiring", "critical CertificateExpired " + apiserver + " validity/expired"
	return alertChange{name: "a certificate expires", do: func() {
		end := time.Now().Add(7 * time.Second).Truncate(time.Second)
		c.Reissue(strings.TrimSuffix(apiserver, ".crt"), func(s *fixtures.Spec) { s.NotBefore, s.NotAfter = end.AddDate(-1, 0, 0), end })
		a.put(apiserver, c.Node[apiserver].Data, 0o644)
		a.settle("a certificate is about to expire", 0, expiring)
		if late := time.Since(end); late > 0 {
			a.Errorf("it was said that it would expire %v after it did", late)
		}
		a.settle("a certificate has expired", 0, expired)
		if late := time.Since(end); late > patient/6 {
			a.Errorf("it expired %v ago", late)
		}
	}, undo: changesOf{a, fixtures.ControlPlane(o).Node}.original(apiserver), want: []string{expired}}
}

// servedFiles writes what is served as PATHs: a folder, a volume as the kubelet makes it,
// a file, and a folder by a link.
func servedFiles(t *testing.T, dir string, node fixtures.Node) {
	t.Helper()
	for name, from := range map[string]string{"certs/a.crt": apiserver, "certs/b.crt": pki + "/ca.crt", "certs/c.crt": pki + "/front-proxy-ca.crt",
		"volume/..2026_01/tls.crt": apiserver, "named.crt": pki + "/front-proxy-client.crt", "v1/d.crt": pki + "/etcd/ca.crt", "v1/e.crt": pki + "/etcd/peer.crt"} {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		must(t, os.WriteFile(filepath.Join(dir, name), node[from].Data, 0o644))
	}
	for name, target := range map[string]string{"volume/..data": "..2026_01", "volume/tls.crt": "..data/tls.crt", "linked": "v1"} {
		must(t, os.Symlink(target, filepath.Join(dir, name)))
	}
}

// fileChanges are those of PATHs.
func fileChanges(a *alertsHost, node, old fixtures.Node) []alertChange {
	original := func(name, from string) func() { return func() { a.put(name, node[from].Data, 0o644) } }
	remove := func(name string) func() { return func() { must(a.T, os.RemoveAll(a.dir+name)) } }
	rotate := func(from, to string) func() {
		return func() {
			must(a.T, os.Mkdir(a.dir+"/volume/"+to, 0o755))
			must(a.T, os.WriteFile(a.dir+"/volume/"+to+"/tls.crt", node[apiserver].Data, 0o644))
			a.link("/volume/..data", to)
			remove("/volume/" + from)()
		}
	}
	const named, client = "/named.crt", pki + "/front-proxy-client.crt"
	missing := []string{"critical CertificateMissing " + named + " files/missing"}
	changes := []alertChange{
		{name: "removed from a folder", do: remove("/certs/a.crt"), undo: original("/certs/a.crt", apiserver)},
		{name: "renamed in a folder", do: func() { a.move(a.dir+"/certs/a.crt", a.dir+"/certs/z.crt") }, undo: func() { a.move(a.dir+"/certs/z.crt", a.dir+"/certs/a.crt") }},
		{name: "a volume rotates", do: rotate("..2026_01", "..2026_02"), undo: rotate("..2026_02", "..2026_03")},
		{name: "a folder by another link, and the old one removed", do: func() {
			must(a.T, os.CopyFS(a.dir+"/v2", os.DirFS(a.dir+"/v1")))
			a.link("/linked", "v2")
			remove("/v1")()
		}, undo: func() {
			must(a.T, os.Rename(a.dir+"/v2", a.dir+"/v1"))
			a.link("/linked", "v1")
		}},
		{name: "expired in a folder", do: func() { a.put("/certs/a.crt", old[pki+"/apiserver-kubelet-client.crt"].Data, 0o644) }, undo: original("/certs/a.crt", apiserver),
			want: []string{"critical CertificateExpired /certs/a.crt validity/expired"}},
		{name: "a file that somebody names is corrupt", do: func() { a.put(named, node[client].Data[:300], 0o644) }, undo: original(named, client),
			want: []string{"critical FindingCritical " + named + " files/malformed"}},
		{name: "a file that somebody names is gone", do: remove(named), undo: original(named, client), want: missing},
		{name: "a file that somebody names is gone, and the server starts anew", do: func() {
			_ = a.process.Process.Kill()
			_ = a.process.Wait()
			remove(named)()
			a.process = unprivileged(a.T, append([]string{"serve", "--web.listen-address", a.instance}, a.arguments...)...)
			started(a.T, a.process, 1)
		}, undo: original(named, client), want: missing},
		{name: "a folder that somebody names is gone", do: func() { a.move(a.dir+"/certs", a.away) }, undo: func() { a.move(a.away, a.dir+"/certs") },
			want: []string{"critical CertificateMissing /certs files/missing"}},
	}
	if !dropsRights() {
		a.Log("only root can give up root's rights, with setpriv: all can be read here")
		return changes
	}
	return append(changes, a.closed(named), a.closed("/certs/a.crt"), a.closed("/certs"))
}

// dropsRights reports whether [unprivileged] takes rights away.
func dropsRights() bool {
	_, err := exec.LookPath("setpriv")
	return err == nil && os.Getuid() == 0
}

// unprivileged is the program without root's right to read what is somebody else's, where
// that can be.
func unprivileged(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	if !dropsRights() {
		return certaudit(t, args...)
	}
	return exec.CommandContext(t.Context(), "setpriv", append([]string{"--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", programFile(t)}, args...)...)
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o600)
}

// misissued is a node of which the API server's certificate begins in a month, and others
// come from CAs of the same names with other keys.
func misissued(o fixtures.Options) fixtures.Node {
	c := fixtures.ControlPlane(o)
	c.Reissue("/etc/kubernetes/pki/apiserver", func(s *fixtures.Spec) { s.NotBefore, s.NotAfter = o.Now.AddDate(0, 1, 0), o.Now.AddDate(1, 1, 0) })
	for base, name := range map[string]string{"apiserver-etcd-client": "etcd-ca", "front-proxy-client": "front-proxy-ca"} {
		c.NewCA("other "+name, fixtures.Spec{CommonName: name, KeyName: "other/" + name})
		c.Reissue("/etc/kubernetes/pki/"+base, func(s *fixtures.Spec) { s.Signer = "other " + name })
	}
	return c.Node
}
