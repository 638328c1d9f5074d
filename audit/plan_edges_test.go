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
