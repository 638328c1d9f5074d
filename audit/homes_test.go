package audit_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"certaudit/audit"
	"certaudit/fixtures"
)

// Kubeconfigs that lie in a home are judged as that in .kube is, and nothing else there.
func TestLooseKubeconfigs(t *testing.T) {
	const home = "/home/ann/"
	of := func(change func(*fixtures.Cluster)) []string {
		c := fixtures.HardWayController(fixtures.Options{})
		change(c)
		return slices.DeleteFunc(told(auditNode(t, c.Node, audit.Options{})), func(s string) bool { return !strings.Contains(s, home) })
	}
	another := fixtures.Native(fixtures.Options{Seed: "another"})
	another.Reissue("/etc/kubernetes/scheduler.conf", func(s *fixtures.Spec) {
		s.NotAfter, s.NotBefore = fixtures.Now.AddDate(0, 0, -3), fixtures.Now.AddDate(-1, 0, 0)
	})
	foreign := another.Node["/etc/kubernetes/scheduler.conf"]
	foreign.Data = []byte(strings.ReplaceAll(string(foreign.Data), "192.0.2.11", "203.0.113.9"))
	for _, tt := range []struct {
		name   string
		change func(*fixtures.Cluster)
		want   []string
	}{
		{"sound", func(c *fixtures.Cluster) { c.Node[home+"admin.kubeconfig"] = c.Node["/home/ubuntu/admin.kubeconfig"] }, []string{}},
		{"no kubeconfig", func(c *fixtures.Cluster) {
			c.Node[home+"x.kubeconfig"] = fixtures.File{Data: []byte("a note"), Mode: 0o600}
		}, []string{}},
		{"another cluster's, expired", func(c *fixtures.Cluster) { c.Node[home+"x.kubeconfig"] = foreign }, []string{
			"done validity/expired: /home/ann/x.kubeconfig speaks of other clusters as well, which were not judged"}},
		{"of another name", func(c *fixtures.Cluster) { c.Node[home+"notes.yaml"] = foreign }, []string{}},
	} {
		got := of(tt.change)
		if got == nil {
			got = []string{}
		}
		if diff := gocmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	many := of(func(c *fixtures.Cluster) {
		for i := range 40 {
			c.Node[fmt.Sprintf("%s%02d.kubeconfig", home, i)] = foreign
		}
	})
	const limit = "/home/ann/20.kubeconfig: is kubeconfig 21 in a home; it and the rest there were not read"
	if all := strings.Join(many, "\n"); !strings.Contains(all, limit) || !strings.Contains(all, "19.kubeconfig") || strings.Contains(all, "21.kubeconfig") {
		t.Errorf("forty of them: %s", all)
	}
}
