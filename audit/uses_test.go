package audit_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"certaudit/audit"
	"certaudit/fixtures"
)

// The rows of the API server are those of the health-check sheet, in its order, with the
// front proxy's behind them; keys say whose they are and what comparing them gave.
func TestUses(t *testing.T) {
	c := fixtures.ControlPlane(fixtures.Options{})
	c.Node["/etc/kubernetes/pki/apiserver-etcd-client.key"] = c.Node["/etc/kubernetes/pki/apiserver.key"]
	delete(c.Node, "/etc/kubernetes/pki/front-proxy-client.key")
	var got []string
	for _, u := range auditNode(t, c.Node, audit.Options{Uses: true}).Uses {
		if u.Component == "kube-apiserver" {
			got = append(got, strings.TrimSuffix(fmt.Sprintf("%s | %s | %s | %s | %s", u.Type, u.Part, u.Path, u.CommonName, u.Key), " | "))
		}
	}
	const pki = "/etc/kubernetes/pki/"
	want := []string{
		"Server | certificate | " + pki + "apiserver.crt | kube-apiserver",
		"Server | key | " + pki + "apiserver.key |  | a pair",
		"Server | CA | " + pki + "ca.crt | kubernetes",
		"Server | CA | " + pki + "front-proxy-ca.crt | front-proxy-ca",
		"Client (kubelet) | certificate | " + pki + "apiserver-kubelet-client.crt | kube-apiserver-kubelet-client",
		"Client (kubelet) | key | " + pki + "apiserver-kubelet-client.key |  | a pair",
		"Client (etcd) | certificate | " + pki + "apiserver-etcd-client.crt | kube-apiserver-etcd-client",
		"Client (etcd) | key | " + pki + "apiserver-etcd-client.key |  | not a pair",
		"Client (etcd) | CA | " + pki + "etcd/ca.crt | etcd-ca",
		"Client (front-proxy) | certificate | " + pki + "front-proxy-client.crt | front-proxy-client",
		"Client (front-proxy) | key | " + pki + "front-proxy-client.key |  | " + pki + "front-proxy-client.key does not exist",
		"Service account | key | " + pki + "sa.pub |  | tokens of service accounts are verified with it",
		"Service account | key | " + pki + "sa.key |  | it signs the tokens of service accounts",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if r := auditNode(t, c.Node, audit.Options{}); r.Uses != nil {
		t.Errorf("%d rows that nobody asked for", len(r.Uses))
	}
}

// Every file that the certificates of a node are in has a row, whoever made the cluster.
func TestUsesOfScenarios(t *testing.T) {
	if testing.Short() {
		t.Skip("audits hundreds of nodes")
	}
	for _, s := range fixtures.Scenarios() {
		if !strings.HasPrefix(s.Name, "ok-") {
			continue
		}
		r := auditNode(t, s.Node(), audit.Options{Uses: true})
		has := map[string]bool{}
		for _, u := range r.Uses {
			has[u.Path] = true
			if u.Key == audit.KeyDiffers {
				t.Errorf("%s: %s is no pair", s.Name, u.Path)
			}
		}
		for _, c := range r.Certificates {
			if !has[c.Path] && c.Type != "Service account" {
				t.Errorf("%s: no row has %s", s.Name, c.Path)
			}
		}
	}
}
