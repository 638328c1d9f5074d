package cmd_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"certaudit/fixtures"
)

// alertsTree is a node under a server, Prometheus and the rules that are shipped.
type alertsTree struct {
	*prometheus
	dir, away string
}

// firing lists the alerts that fire, as "severity name place", each once, sorted.
func (a alertsTree) firing() []string {
	a.Helper()
	fire := []string{}
	for _, sample := range a.samples(`ALERTS{alertstate="firing"}`) {
		m := sample.Metric
		fire = append(fire, strings.TrimSpace(m["severity"]+" "+strings.TrimPrefix(m["alertname"], "Certaudit")+" "+m["path"]+" "+m["check"]))
	}
	slices.Sort(fire)
	return slices.Compact(fire)
}

// settle waits until exactly these alerts fire, and for a while longer that no other does.
func (a alertsTree) settle(what string, want ...string) {
	a.Helper()
	want = append([]string{}, want...)
	slices.Sort(want)
	var got []string
	var since time.Time
	for end := time.Now().Add(patient); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if got = a.firing(); !slices.Equal(got, want) {
			since = time.Time{}
		} else if since.IsZero() {
			since = time.Now()
		} else if time.Since(since) > held {
			return
		}
	}
	a.Errorf("%s (-want +got):\n%s", what, cmp.Diff(want, got))
}

// held is longer than an alert of the test's rules is pending.
const held = 800 * time.Millisecond

func (a alertsTree) move(from, to string) { must(a.T, os.Rename(from, to)) }

// forWhole matches how long an alert of the rules is pending.
var forWhole = regexp.MustCompile(`(?m)^( +for: ).*$`)

// TestAlertsFollowTheFiles makes changes to a node, one after the other, and takes each
// back: a real Prometheus with the rules that are shipped fires what the change is worth,
// and nothing else, and nothing after it.
func TestAlertsFollowTheFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("takes two minutes")
	}
	needPrometheus(t)
	work := t.TempDir()
	a := alertsTree{dir: t.TempDir(), away: filepath.Join(t.TempDir(), "away")}
	now := time.Now()
	control := fixtures.ControlPlane(fixtures.Options{Now: now})
	must(t, control.Node.Write(a.dir))
	old := fixtures.ControlPlane(fixtures.Options{Now: now.AddDate(-2, 0, 0)}).Node
	rules, err := os.ReadFile("../deploy/prometheus/rules.yaml")
	must(t, err)
	must(t, os.WriteFile(filepath.Join(work, "rules.yaml"), forWhole.ReplaceAll(rules, []byte("${1}300ms")), 0o600))
	secureWeb(t, work)
	serve := certaudit(t, "serve", "--web.listen-address", "127.0.0.1:0", "--root", a.dir, "--web.config.file", filepath.Join(work, "web.yaml"))
	a.prometheus = startPrometheus(t, work, started(t, serve, 1)[0])
	a.settle("at the start")
	for _, c := range alertChanges(a, control, old) {
		c.do()
		a.settle(c.name, c.want...)
		c.undo()
		a.settle(c.name + ", taken back")
	}
}

// alertChange is a change of a node and what is to fire for it.
type alertChange struct {
	name     string
	do, undo func()
	want     []string
}

// alertChanges are the changes; old is the node two years ago.
func alertChanges(a alertsTree, control *fixtures.Cluster, old fixtures.Node) []alertChange {
	at := func(name string) string { return a.dir + name }
	write := func(name string, data []byte, mode os.FileMode) func() {
		return func() {
			must(a.T, os.WriteFile(at(name)+".new", data, mode))
			must(a.T, os.Rename(at(name)+".new", at(name)))
		}
	}
	original := func(name string) func() { return write(name, control.Node[name].Data, control.Node[name].Mode) }
	replaced := func(name string, data []byte, want ...string) alertChange {
		return alertChange{name: name + " is another", do: write(name, data, control.Node[name].Mode), undo: original(name), want: want}
	}
	gone := func(name string, want ...string) alertChange {
		return alertChange{name: name + " is gone", do: func() { a.move(at(name), a.away) }, undo: func() { a.move(a.away, at(name)) }, want: want}
	}
	const pki, manifests = "/etc/kubernetes/pki", "/etc/kubernetes/manifests"
	unread := func(component string) string {
		return "warning FindingWarning " + manifests + "/" + component + ".yaml input/component-unread"
	}
	other := misissued(control.Options)
	return []alertChange{
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
		gone(pki, "critical CertificateMissing "+pki+"/etcd/ca.crt files/missing"),
		gone("/etc/kubernetes", "critical CertificateMissing "+pki+"/etcd/ca.crt files/missing"),
		gone("/etc/kubernetes/admin.conf"),
		gone("/etc/kubernetes/super-admin.conf"),
		gone("/etc/kubernetes/scheduler.conf", "critical CertificateMissing /etc/kubernetes/scheduler.conf files/missing"),
		gone(manifests+"/etcd.yaml", "warning AuditIncomplete", unread("etcd")),
		{name: "everybody may read a key", do: func() { must(a.T, os.Chmod(at(pki+"/ca.key"), 0o644)) }, undo: func() { must(a.T, os.Chmod(at(pki+"/ca.key"), 0o600)) },
			want: []string{"warning FindingWarning " + pki + "/ca.key files/permissions"}},
		{name: "an expired kubeconfig in a home", do: func() {
			must(a.T, os.MkdirAll(at("/root/.kube"), 0o700))
			must(a.T, os.WriteFile(at("/root/.kube/config"), old["/etc/kubernetes/admin.conf"].Data, 0o600))
		}, undo: func() { must(a.T, os.RemoveAll(at("/root"))) }, want: []string{"warning CertificateExpired /root/.kube/config validity/expired"}},
		replaced(apiserver, other[apiserver].Data, "critical CertificateNotYetValid "+apiserver+" validity/not-yet-valid"),
		replaced(pki+"/apiserver-etcd-client.crt", other[pki+"/apiserver-etcd-client.crt"].Data, "critical CertificateMisissued "+pki+"/apiserver-etcd-client.crt chain/untrusted"),
		replaced(pki+"/front-proxy-client.crt", other[pki+"/front-proxy-client.crt"].Data, "critical CertificateMisissued "+pki+"/front-proxy-client.crt chain/untrusted"),
		replaced(pki+"/ca.crt", old[pki+"/ca.crt"].Data),
		replaced(pki+"/etcd/ca.crt", control.Node[pki+"/front-proxy-ca.crt"].Data, "critical CertificateMisissued "+pki+"/etcd/ca.crt chain/ca-replaced"),
		replaced(pki+"/sa.key", control.Node[pki+"/ca.key"].Data, "critical FindingCritical "+pki+"/sa.key keys/service-account"),
		replaced(pki+"/apiserver.key", control.Node[pki+"/apiserver.key"].Data[:90], "critical FindingCritical "+pki+"/apiserver.key files/malformed"),
		replaced("/etc/kubernetes/controller-manager.conf", []byte("nonsense"), "warning AuditIncomplete"),
		replaced("/etc/kubernetes/controller-manager.conf", control.Node["/etc/kubernetes/scheduler.conf"].Data, "critical CertificateMisissued /etc/kubernetes/controller-manager.conf identity/common-name"),
		replaced(manifests+"/kube-apiserver.yaml", bytes.Replace(control.Node[manifests+"/kube-apiserver.yaml"].Data, []byte("--tls-cert-file="), []byte("--tls-certfile="), 1), "critical FindingCritical "+manifests+"/kube-apiserver.yaml flags/unknown"),
		replaced(manifests+"/kube-apiserver.yaml", bytes.Replace(control.Node[manifests+"/kube-apiserver.yaml"].Data, []byte("--client-ca-file="+pki+"/ca.crt"), []byte("--client-ca-file="+pki+"/gone.crt"), 1), "critical CertificateMissing "+pki+"/gone.crt files/missing"),
		replaced(manifests+"/kube-scheduler.yaml", []byte("{"), "warning AuditIncomplete", "warning FindingWarning "+manifests+"/kube-scheduler.yaml input/undecodable"),
		replaced("/var/lib/kubelet/config.yaml", []byte("kind: ["), "warning AuditIncomplete", "warning FindingWarning /var/lib/kubelet/config.yaml input/undecodable"),
		gone(manifests+"/kube-apiserver.yaml", "warning AuditIncomplete", unread("kube-apiserver")),
		gone(manifests, "warning AuditIncomplete", unread("etcd"), unread("kube-apiserver"), unread("kube-controller-manager"), unread("kube-scheduler")),
		gone("/var/lib/kubelet/pki/kubelet-client-current.pem", "critical CertificateMissing /var/lib/kubelet/pki/kubelet-client-current.pem files/missing"),
		gone("/var/lib/kubelet/pki", "critical CertificateMissing /var/lib/kubelet/pki/kubelet-client-current.pem files/missing"),
		gone("/var/lib/kubelet/config.yaml", "critical ReferenceMissing /var/lib/kubelet/config.yaml files/missing"),
		gone("/etc/kubernetes/kubelet.conf", "critical ReferenceMissing /etc/kubernetes/kubelet.conf files/missing"),
		gone(pki+"/etcd", "critical CertificateMissing "+pki+"/etcd/ca.crt files/missing"),
		gone(pki+"/front-proxy-ca.crt", "critical CertificateMissing "+pki+"/front-proxy-ca.crt files/missing"),
		gone("/etc/hostname"),
		{name: "a copy of a manifest", do: write(manifests+"/old-etcd.yaml", control.Node[manifests+"/etcd.yaml"].Data, 0o600), undo: func() { must(a.T, os.Remove(at(manifests+"/old-etcd.yaml"))) }, want: []string{"critical FindingCritical " + manifests + "/old-etcd.yaml input/duplicate-component"}},
		{name: "a certificate that nothing names", do: write(pki+"/old.crt", old[apiserver].Data, 0o644), undo: func() { must(a.T, os.Remove(at(pki+"/old.crt"))) }},
		{name: "the kubelet rotates", do: func() {
			const from, to = "/var/lib/kubelet/pki/kubelet-client-current.pem", "/var/lib/kubelet/pki/kubelet-client-2026-12-24-12-00-00.pem"
			target, err := os.Readlink(at(from))
			must(a.T, err)
			data, err := os.ReadFile(at(target))
			must(a.T, err)
			must(a.T, os.WriteFile(at(to), data, 0o600))
			must(a.T, os.Symlink(to, at(from)+".new"))
			must(a.T, os.Rename(at(from)+".new", at(from)))
		}, undo: func() {}},
		{name: "a folder by a link", do: func() {
			a.move(at(pki), at("/etc/kubernetes/pki-1"))
			must(a.T, os.Symlink("pki-1", at(pki)))
		}, undo: func() {
			must(a.T, os.Remove(at(pki)))
			a.move(at("/etc/kubernetes/pki-1"), at(pki))
		}},
		{name: "touched", do: func() { must(a.T, os.Chtimes(at(apiserver), time.Now(), time.Now())) }, undo: func() {}},
		{name: "renewed in place", do: original(apiserver), undo: func() {}},
	}
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
