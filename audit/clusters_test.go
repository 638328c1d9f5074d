package audit_test

import (
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"certaudit/audit"
	"certaudit/audit/inventory"
	"certaudit/fixtures"
	"certaudit/parsers"
)

// auditNodes audits some nodes as one set, under the names of their folders where they
// have none of their own.
func auditNodes(t *testing.T, nodes ...fixtures.Node) audit.Result {
	t.Helper()
	return auditBeside(t, "", nodes...)
}

// auditBeside audits nodes with objects beside them, which the command joins in the same
// way.
func auditBeside(t *testing.T, objects string, nodes ...fixtures.Node) audit.Result {
	t.Helper()
	var inventories []*inventory.Inventory
	for i, n := range nodes {
		dir := path.Join(t.TempDir(), string(rune('a'+i)))
		do(t, n.Write(dir))
		inv, err := inventory.Gather(dir)
		do(t, err)
		inventories = append(inventories, inv)
	}
	if objects != "" {
		rest, err := inventory.GatherObjects("-", strings.NewReader(objects), nil)
		do(t, err)
		if server := inventory.ControlPlane(inventories); server != nil {
			do(t, server.Join(rest))
		} else {
			inventories = append(inventories, rest)
		}
	}
	return audit.Run(inventories, audit.Options{At: fixtures.Now})
}

// member is a control plane of the cluster of three that is called cp.example.com.
func member(seed, name, address string) *fixtures.Cluster {
	return fixtures.ControlPlane(fixtures.Options{Seed: seed, NodeName: name, AdvertiseAddress: address, ControlPlaneEndpoint: "cp.example.com:6443"})
}

// etcdHost is a member of etcd with nothing else on its host.
func etcdHost(seed, name string) fixtures.Node {
	const pki = "/etc/kubernetes/pki/etcd"
	c := member(seed, name, "192.0.2.31")
	n := fixtures.Node{}
	for file, f := range c.Node {
		if path.Dir(file) == pki || path.Base(file) == "etcd.yaml" {
			n[file] = f
		}
	}
	return n
}

// Nodes are of one cluster where a CA's key joins them, whatever they are called.
func TestClusters(t *testing.T) {
	one, two := member("", "cp-1", "192.0.2.11"), member("", "cp-2", "192.0.2.12")
	other := member("other", "cp-1", "192.0.2.11")
	worker := fixtures.Worker(fixtures.Options{ControlPlaneEndpoint: "cp.example.com:6443"})
	both := fixtures.Worker(fixtures.Options{NodeName: "both", ControlPlaneEndpoint: "cp.example.com:6443"})
	both.Node["/etc/kubernetes/pki/ca.crt"] = fixtures.File{Mode: 0o644, Data: append(one.CertificatePEM(fixtures.CA), other.CertificatePEM(fixtures.CA)...)}
	key := func(c *fixtures.Cluster, ca string) string {
		return parsers.ParseMaterial(parsers.Origin{}, c.CertificatePEM(ca)).Certificates[0].PublicKeySHA256()
	}
	kubernetes, foreign, etcd := key(one, fixtures.CA), key(other, fixtures.CA), key(other, fixtures.EtcdCA)
	const name = "cp.example.com"
	for _, c := range []struct {
		about string
		nodes []fixtures.Node
		want  []audit.Cluster
	}{
		{"a node alone is not called a cluster", []fixtures.Node{one.Node}, nil},
		{"a cluster", []fixtures.Node{one.Node, two.Node, worker.Node}, []audit.Cluster{{Name: name, CAKeys: []string{kubernetes}, Nodes: []string{"cp-1", "cp-2", "worker-1"}}}},
		{"two of one name", []fixtures.Node{one.Node, other.Node}, []audit.Cluster{
			{Name: name + " (CA " + kubernetes[:8] + ")", CAKeys: []string{kubernetes}, Nodes: []string{"cp-1 #1"}},
			{Name: name + " (CA " + foreign[:8] + ")", CAKeys: []string{foreign}, Nodes: []string{"cp-1 #2"}}}},
		{"a rotation: old, both and new", []fixtures.Node{one.Node, both.Node, other.Node}, []audit.Cluster{
			{Name: name, CAKeys: []string{kubernetes, foreign}, Nodes: []string{"cp-1 #1", "both", "cp-1 #2"}}}},
		{"hosts of etcd: one of the cluster, one of another", []fixtures.Node{etcdHost("", "etcd-1"), one.Node, etcdHost("other", "etcd-2")}, []audit.Cluster{
			{Name: name, CAKeys: []string{kubernetes}, Nodes: []string{"etcd-1", "cp-1"}},
			{Name: "CA " + etcd[:8], CAKeys: []string{etcd}, Nodes: []string{"etcd-2"}}}},
	} {
		t.Run(c.about, func(t *testing.T) {
			r := auditNodes(t, c.nodes...)
			if diff := cmp.Diff(c.want, r.Clusters); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, cluster := range r.Clusters {
				for _, n := range r.Nodes {
					for _, name := range cluster.Nodes {
						if n.Name == name && n.Cluster != cluster.Name {
							t.Errorf("%s is in %q; want %q", name, n.Cluster, cluster.Name)
						}
					}
				}
			}
		})
	}
}

// A panic while one of several nodes is judged is the caller's, who may bear it: a server
// goes on.
func TestPanicOfOneNode(t *testing.T) {
	sound, broken := inventory.New(), inventory.New()
	broken.Materials["/ca.crt"] = parsers.Material{Certificates: []parsers.Certificate{{}}} // of no certificate
	broken.References = []inventory.Reference{{Component: inventory.ComponentFile, Holds: inventory.HoldsBundle, Role: inventory.RoleFileCA, Path: "/ca.crt"}}
	defer func() {
		if recover() == nil {
			t.Error("nobody is told")
		}
	}()
	audit.Run([]*inventory.Inventory{sound, broken}, audit.Options{At: fixtures.Now})
}
