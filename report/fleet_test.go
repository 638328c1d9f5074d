package report

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"

	"certaudit/audit"
	"certaudit/fixtures"
)

// endpoint is before the API servers of the fleet.
const endpoint = "cp.example.com:6443"

// controlPlane and worker are nodes of the cluster of the fleet.
func controlPlane(n int, change ...func(*fixtures.Cluster)) fixtures.Node {
	return altered(fixtures.ControlPlane(fixtures.Options{NodeName: fmt.Sprintf("cp-%d", n), AdvertiseAddress: fmt.Sprintf("192.0.2.1%d", n), ControlPlaneEndpoint: endpoint}), change)
}

// worker joined an hour before the one with the next number.
func worker(n int, change ...func(*fixtures.Cluster)) fixtures.Node {
	o := fixtures.Options{NodeName: fmt.Sprintf("worker-%04d", n), ControlPlaneEndpoint: endpoint}
	joined := func(s *fixtures.Spec) {
		s.NotAfter = fixtures.Now.AddDate(0, 0, 335).Add(-time.Duration(n) * time.Hour)
	}
	return altered(fixtures.Worker(o), append([]func(*fixtures.Cluster){func(c *fixtures.Cluster) {
		c.Reissue(kubeletClient, joined)
		c.Reissue("/var/lib/kubelet/pki/kubelet", joined)
	}}, change...))
}

// kubeletClient is the file that the kubelet's current certificate is a link to.
const kubeletClient = "/var/lib/kubelet/pki/kubelet-client-2026-10-24-12-00-00.pem"

func altered(c *fixtures.Cluster, change []func(*fixtures.Cluster)) fixtures.Node {
	for _, f := range change {
		f(c)
	}
	return c.Node
}

// ends makes a certificate end so many days after the audit.
func ends(base string, days int) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) {
		c.Reissue(base, func(s *fixtures.Spec) { s.NotAfter = fixtures.Now.AddDate(0, 0, days) })
	}
}

// fleetOf is the audit of three control planes and workers, every hundredth of which
// has a kubelet that did not renew its certificate; on one control plane two are to end.
func fleetOf(t testing.TB, nodes int) audit.Result {
	t.Helper()
	list := []fixtures.Node{controlPlane(1), controlPlane(2, ends("/etc/kubernetes/pki/apiserver", 5), ends("/etc/kubernetes/scheduler.conf", 20)), controlPlane(3)}
	for n := 1; len(list) < nodes; n++ {
		if n%100 == 7 {
			list = append(list, worker(n, ends(kubeletClient, -n/100-1)))
		} else {
			list = append(list, worker(n))
		}
	}
	return auditOf(t, list...)
}

// fleet1000 is made once for all tests and benchmarks that need it.
func fleet1000(t testing.TB) audit.Result {
	t.Helper()
	if testing.Short() {
		t.Skip("makes a thousand nodes")
	}
	fleetOnce.Do(func() { fleetResult = fleetOf(t, 1000) })
	return fleetResult
}

var (
	fleetOnce   sync.Once
	fleetResult audit.Result
)

// BenchmarkFleet writes the audit of nodes in each format; four times as many take
// about four times as long.
func BenchmarkFleet(b *testing.B) {
	for _, n := range []int{250, 1000} {
		r := fleetOf(b, n)
		for _, f := range Formats() {
			b.Run(fmt.Sprintf("%s/%d", f.Name, n), func(b *testing.B) {
				var out bytes.Buffer
				for b.Loop() {
					out.Reset()
					if err := f.Write(&out, r, Options{}); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(out.Len()), "bytes")
			})
		}
	}
}
