package audit_test

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"certaudit/audit"
	"certaudit/fixtures"
)

// running puts a process into the node's proc file system that started some time
// after every file of the node was written.
func running(pid int, comm string, after time.Duration) func(*fixtures.Cluster) {
	const boot = 1_600_000_000
	ticks := fixtures.Written.Add(after).Sub(time.Unix(boot, 0)).Milliseconds() / 10
	return func(c *fixtures.Cluster) {
		put("/proc/stat", fmt.Sprintf("cpu  1 2 3\nbtime %d\n", boot))(c)
		put(fmt.Sprintf("/proc/%d/comm", pid), comm+"\n")(c)
		put(fmt.Sprintf("/proc/%d/stat", pid), fmt.Sprintf("%d (%s) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 9 0 %d 0 0\n", pid, comm, ticks))(c)
	}
}

// What a process reads at its start only is stale when it was written later; what
// it reads again never is.
func TestStaleFiles(t *testing.T) {
	const tick = 10 * time.Millisecond
	kubelet := both(running(100, "kubelet", -day), served)
	// named has a kubeconfig name the files of a certificate and its key.
	named := func(path string) func(*fixtures.Cluster) {
		return func(c *fixtures.Cluster) {
			f := c.Node[path]
			f.Data = regexp.MustCompile(`client-(certificate|key)-data: .*`).ReplaceAll(f.Data, []byte("client-$1: "+pki+"/client.pem"))
			c.Node[path] = f
		}
	}
	for _, tt := range []struct {
		name, version string
		change        func(*fixtures.Cluster)
		want          []string
	}{
		{name: "kubelet of 1.30", version: "1.30.14", change: kubelet, want: []string{
			"kubelet started on 2026-10-23 12:00 UTC and reads some files at its start only; it still uses what was there before these were written: /var/lib/kubelet/pki/serving.crt (2026-10-24 12:00 UTC)",
		}},
		{name: "kubelet of a version that nothing tells", change: both(kubelet, func(c *fixtures.Cluster) {
			for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
				c.Node.Replace(manifests+"/"+name+".yaml", "image: ", "image: registry.example/unversioned #")
			}
		})},
		{name: "two flags name one file", change: running(100, "etcd", -day), want: []string{
			"etcd started on 2026-10-23 12:00 UTC and reads some files at its start only; it still uses what was there before these were written: /etc/kubernetes/pki/etcd/ca.crt (2026-10-24 12:00 UTC)",
		}},
		{name: "kubelet of 1.31", version: "1.31.0", change: kubelet},
		{name: "kubelet of a pre-release of 1.31", version: "1.31.0-rc.1", change: kubelet},
		{name: "kubelet of 1.34", version: "1.34.4", change: kubelet},
		{name: "started a moment after", change: running(100, "kube-controller", tick)},
		{name: "started when they were written", change: running(100, "kube-controller", 0)},
		{name: "started a moment before", change: running(100, "kube-controller", -tick), want: []string{
			"kube-controller-manager started on 2026-10-24 11:59 UTC and reads some files at its start only; it still uses what was there before these were written: /etc/kubernetes/controller-manager.conf (2026-10-24 12:00 UTC), /etc/kubernetes/pki/sa.key (2026-10-24 12:00 UTC)",
		}},
		{name: "the older of two processes ends", change: both(running(100, "kube-controller", -day), running(101, "kube-controller", day))},
		{name: "the newer one is found first", change: both(running(100, "kube-controller", day), running(101, "kube-controller", -day))},
		{name: "kubeconfig that holds its certificate", change: running(100, "kube-scheduler", -day), want: []string{
			"kube-scheduler started on 2026-10-23 12:00 UTC and reads some files at its start only; it still uses what was there before these were written: /etc/kubernetes/scheduler.conf (2026-10-24 12:00 UTC)",
		}},
		{name: "kubeconfig that names its certificate", change: both(running(100, "kube-scheduler", -day), named(scheduler))},
		{name: "the API server", change: running(100, "kube-apiserver", -day), want: []string{
			"kube-apiserver started on 2026-10-23 12:00 UTC and reads some files at its start only; it still uses what was there before these were written: /etc/kubernetes/pki/etcd/ca.crt (2026-10-24 12:00 UTC), /etc/kubernetes/pki/sa.pub (2026-10-24 12:00 UTC), /etc/kubernetes/pki/sa.key (2026-10-24 12:00 UTC)",
		}},
		{name: "a program that is no component", change: running(100, "kube-controllers", -day)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := fixtures.ControlPlane(fixtures.Options{})
			tt.change(c)
			var got []string
			for _, f := range auditNode(t, c.Node, audit.Options{Overrides: audit.Overrides{KubernetesVersion: tt.version}}).Findings {
				if f.Check == "served/stale" {
					got = append(got, f.Message)
				}
			}
			compare(t, tt.want, got)
		})
	}
}
