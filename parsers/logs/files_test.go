package logs

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestComponentOfPath(t *testing.T) {
	const id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for _, test := range []struct {
		name, want string
		sure       bool
	}{
		{"-", "", false},
		{"", "", false},
		{"/var/log/pods/kube-system_etcd-cp1_0a1b2c3d/etcd/0.log", "etcd", true},
		{"node1/pods/kube-system_etcd-cp1_0a1b2c3d/etcd/12.log.20260920-163036.gz", "etcd", true},
		{`C:\logs\pods\kube-system_kube-proxy-x_0a1b2c3d\kube-proxy\0.log`, "kube-proxy", true},
		{"/var/log/pods/prod_shop-7d9_0a1b2c3d/scheduler/0.log", "scheduler", true},
		{"/var/log/containers/kube-apiserver-cp1_kube-system_kube-apiserver-" + id + ".log", "kube-apiserver", true},
		{"/var/log/containers/kas-operator-1_openshift_kube-apiserver-operator-" + id + ".log", "kube-apiserver-operator", true},
		{"namespaces/openshift-etcd/pods/etcd-cp1/etcd/etcd/logs/current.log", "etcd", true},
		{"/var/log/kube-apiserver.log", "kube-apiserver", false},
		{"kube-controller-manager.log-20260920.gz", "kube-controller-manager", false},
		{"kubelet.log.1", "kubelet", false},
		{"etcd", "etcd", false},
		{"etcd.txt.old", "etcd", false},
		{"etcd-2.log", "etcd", false},
		{"kube-apiserver-operator.log", "", false},
		{"kube-apiserver-operator-7d9.log", "", false},
		{"kube-apiserver-cp1.log", "kube-apiserver", false},
		{"etcd-master.example.com.log.1.gz", "etcd", false},
		{"etcd-.log", "", false},
		{"etcdutl-x.log", "", false},
		{"kubelet.INFO", "kubelet", false},
		{"kube-scheduler.cp1.root.log.ERROR.20260920-163036.11", "kube-scheduler", false},
		{"/var/log/syslog.1", "", false},
		{"/var/log/etcd/messages", "", false},
		{"scheduler.log", "", false},
	} {
		if got, sure := componentOfPath(test.name); got != test.want || sure != test.sure {
			t.Errorf("%s is of %q (%t), want %q (%t)", test.name, got, sure, test.want, test.sure)
		}
	}
}

func TestCandidate(t *testing.T) {
	for _, name := range []string{
		"kube-apiserver.log", "messages", "syslog.1", "syslog.2.gz", "a.txt", "a.out", "a.json", "0.log", "0.log.20260920-163036", "0.log.20260920-163036.gz",
		"a.log.xz", "a.log.zst", "a.bz2", "a.log-20260920", "kubelet.INFO", "kube-apiserver.cp1.root.log.ERROR.20260920-163036.11", "a.log.old", "pods/x/0.log",
		"etcd.log.2026-09-20T16:30:36Z", "access.log.1.gz",
	} {
		if !Candidate(name) {
			t.Errorf("%s is no log", name)
		}
	}
	for _, name := range []string{"ca.crt", "apiserver.key", "etcd.conf", "a.yaml", "x.tar.gz", "a.zip", ".bash_history", "wtmp", "btmp.1", "lastlog", "user-1000.journal", "a.png", "kubelet.conf", "snapshot.db"} {
		if Candidate(name) {
			t.Errorf("%s is a log", name)
		}
	}
}

func TestOrder(t *testing.T) {
	want := []string{
		"a.log.10.gz", "a.log.2.gz", "a.log.1", "a.log",
		"b.log-20260919.gz", "b.log-20260920", "b.log",
		"c.old", "c",
		"d.log.2026-09-19T00:00:00Z.gz", "d.log.2026-09-20T00:00:00Z", "d.log",
		"pods/x/0.log.20260918-100000.gz", "pods/x/0.log.20260919-100000", "pods/x/0.log",
		"pods/x/1.log", "pods/x/2.log.20260920-000000", "pods/x/2.log", "pods/x/10.log",
		"pods/y/0.log",
	}
	names := slices.Clone(want)
	slices.Reverse(names)
	given := slices.Clone(names)
	if diff := cmp.Diff(want, Order(names)); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	if !slices.Equal(names, given) {
		t.Error("the names that were given are changed")
	}
	slices.Sort(names)
	if diff := cmp.Diff(want, Order(names)); diff != "" {
		t.Errorf("of names in their order: want -, got +\n%s", diff)
	}
}
