package audit_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"certaudit/audit"
	"certaudit/fixtures"
)

// Between three control planes that real kubeadm made nothing is found; then one thing is
// wrong at a time, and that is said, on its node.
func TestJoinedByKubeadm(t *testing.T) {
	other := fixtures.ControlPlane(fixtures.Options{NodeName: "cp3", AdvertiseAddress: "10.0.0.13", Seed: "other"}).Node
	take := func(n fixtures.Node, from fixtures.Node, names ...string) {
		for _, name := range names {
			for path := range from {
				if path == name || strings.HasPrefix(path, name+"/") || strings.HasPrefix(path, name+".") {
					n[path] = from[path]
				}
			}
		}
	}
	const etcd, api = "/etc/kubernetes/manifests/etcd.yaml", "/etc/kubernetes/manifests/kube-apiserver.yaml"
	for _, c := range []struct {
		about  string
		change func(n []fixtures.Node) []fixtures.Node
		want   []string
	}{
		{"nothing", func(n []fixtures.Node) []fixtures.Node { return n }, nil},
		{"the etcd of cp3 has a CA of its own", func(n []fixtures.Node) []fixtures.Node {
			take(n[2], other, pki+"/etcd", pki+"/apiserver-etcd-client")
			return n
		}, []string{"critical cluster/ca-differs [cp3] " + pki + "/etcd/ca.crt"}},
		{"cp3 has a front-proxy CA of its own", func(n []fixtures.Node) []fixtures.Node {
			take(n[2], other, pki+"/front-proxy-ca", pki+"/front-proxy-client")
			return n
		}, []string{"warning cluster/ca-differs [cp3] " + pki + "/front-proxy-ca.crt"}},
		{"cp3 signs tokens with keys of its own", func(n []fixtures.Node) []fixtures.Node {
			take(n[2], other, pki+"/sa")
			return n
		}, []string{"critical cluster/service-account-differs [cp3] " + pki + "/sa.pub"}},
		{"cp2 has the certificate of cp1", func(n []fixtures.Node) []fixtures.Node {
			take(n[1], n[0], pki+"/apiserver")
			return n
		}, []string{"critical cluster/copied-leaf [cp2] " + pki + "/apiserver.crt"}},
		{"a new CA was brought to cp1", func(n []fixtures.Node) []fixtures.Node {
			n[0].Append(pki+"/etcd/ca.crt", other[pki+"/etcd/ca.crt"].Data)
			return n
		}, []string{"info cluster/rotation [cp1] " + pki + "/etcd/ca.crt"}},
		{"cp2 gives out the address of cp1", func(n []fixtures.Node) []fixtures.Node {
			n[1].Replace(etcd, "advertise-client-urls=https://10.0.0.12", "advertise-client-urls=https://10.0.0.11")
			return n
		}, []string{"warning cluster/etcd-members [cp2] " + etcd}},
		{"cp3 has the name of cp2", func(n []fixtures.Node) []fixtures.Node {
			n[2].Replace(etcd, "--name=cp3", "--name=cp2")
			return n
		}, []string{"warning cluster/etcd-members [cp3] " + etcd}},
		{"cp2 lets in itself alone", func(n []fixtures.Node) []fixtures.Node {
			n[1].Replace(etcd, "--peer-client-cert-auth=true", "--peer-cert-allowed-hostname=cp2\n    - --peer-client-cert-auth=true")
			return n
		}, []string{"critical cluster/refused [cp2] " + etcd}},
		{"cp3 lets in nobody without a certificate", func(n []fixtures.Node) []fixtures.Node {
			n[2].Replace(api, "--allow-privileged=true", "--allow-privileged=true\n    - --anonymous-auth=false")
			return n
		}, []string{"warning cluster/settings-differ [cp3] " + api}},
		{"cp3 was not upgraded", func(n []fixtures.Node) []fixtures.Node {
			n[2].Replace(api, "kube-apiserver:v1.37.2", "kube-apiserver:v1.35.1")
			return n
		}, []string{"warning cluster/version-skew [cp3] " + api, "warning identity/organization-missing [cp3] " + pki + "/apiserver-kubelet-client.crt"}},
		{"cp2 is not in the set", func(n []fixtures.Node) []fixtures.Node { return []fixtures.Node{n[0], n[2]} }, []string{"info cluster/not-in-view [] "}},
		{"cp1 is there twice", func(n []fixtures.Node) []fixtures.Node { return append(n, n[0]) }, []string{"info cluster/same-node [cp1 #2] "}},
	} {
		t.Run(c.about, func(t *testing.T) {
			var got []string
			for _, f := range auditNodes(t, c.change(fixtures.KubeadmJoined())...).Findings {
				if strings.HasPrefix(f.Check, "cluster/") || f.Severity != audit.Info {
					got = append(got, fmt.Sprintf("%s %s [%s] %s", f.Severity, f.Check, f.Node, f.Path))
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
