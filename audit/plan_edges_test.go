package audit_test

import (
	"testing"

	"certaudit/audit"
	"certaudit/fixtures"

	"github.com/google/go-cmp/cmp"
)

// TestPlanAsks: what a plan leaves to people while something else has to be right
// first.
func TestPlanAsks(t *testing.T) {
	otherCA := func(c *fixtures.Cluster) {
		c.NewCA("other", fixtures.Spec{CommonName: "kubernetes", NotBefore: fixtures.Now.AddDate(0, 0, -1)})
		c.Node["/etc/kubernetes/pki/ca.crt"] = fixtures.File{Data: c.CertificatePEM("other"), Mode: 0o644}
	}
	for name, tt := range map[string]struct {
		build  func(fixtures.Options) *fixtures.Cluster
		change func(*fixtures.Cluster)
		want   []string
	}{
		"the certificate of the CA is not the one of its key": {fixtures.ControlPlane, func(c *fixtures.Cluster) {
			c.Reissue("/etc/kubernetes/pki/apiserver", func(s *fixtures.Spec) { s.NotAfter = fixtures.Now.AddDate(0, 0, -3) })
			otherCA(c)
		}, []string{"once /etc/kubernetes/pki/ca.crt and /etc/kubernetes/pki/ca.key are a pair that kubeadm can use, make the plan again"}},
		"a worker's file of the CA is another's": {fixtures.Worker, otherCA, []string{
			"see which CA the cluster has: /etc/kubernetes/pki/ca.crt signed neither the kubelet's certificate nor what /etc/kubernetes/kubelet.conf verifies with, and these two fit; if the file was replaced by accident, put the CA of /etc/kubernetes/kubelet.conf there; if the cluster's CA was replaced, join the node again"}},
		"nothing": {fixtures.ControlPlane, func(*fixtures.Cluster) {}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := tt.build(fixtures.Options{})
			tt.change(c)
			var got []string
			for _, s := range auditNode(t, c.Node, audit.Options{At: fixtures.Now}).Plan {
				if s.Manual() {
					got = append(got, s.Title)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("what is asked of people (-want +got):\n%s", diff)
			}
		})
	}
}

// Where etcd has other members, a restart of the API server is waited for before the
// next control-plane node.
func TestOneControlPlaneAtATime(t *testing.T) {
	for members, want := range map[string]string{
		"":                              "wait until the API server is ready, and etcd behind it",
		",cp-2=https://192.0.2.12:2380": "wait until the API server is ready, and etcd behind it, before anything is done on another control-plane node",
	} {
		node := fixtures.ControlPlane(fixtures.Options{}).Node
		node[pki+"/sa.pub"] = fixtures.ControlPlane(fixtures.Options{Seed: "another"}).Node[pki+"/sa.pub"]
		node.Replace(manifests+"/etcd.yaml", "--initial-cluster=cp-1=https://192.0.2.11:2380", "--initial-cluster=cp-1=https://192.0.2.11:2380"+members)
		var got []string
		for _, s := range auditNode(t, node, audit.Options{}).Plan {
			if s.Phase == audit.PhaseWait {
				got = append(got, s.Title)
			}
		}
		if diff := cmp.Diff([]string{want}, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", members, diff)
		}
	}
}
