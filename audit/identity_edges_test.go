package audit_test

import (
	"crypto/x509"
	"testing"

	"certaudit/fixtures"
)

// A member's certificate must hold the hosts by which this member is called, and
// no others.
func TestEtcdHosts(t *testing.T) {
	calls := func(urls string) func(*fixtures.Cluster) {
		return replace(apiManifest, "--etcd-servers=https://127.0.0.1:2379", "--etcd-servers="+urls)
	}
	ownNames := func(names ...string) func(*fixtures.Cluster) {
		return spec(etcdServing, func(s *fixtures.Spec) { s.DNSNames = names })
	}
	testEdges(t, fixtures.ControlPlane, []edge{
		{name: "two of the three members are elsewhere", change: members("https", "192.0.2.11", "192.0.2.12", "192.0.2.13")},
		{name: "a member elsewhere is called by its name", change: calls("https://127.0.0.1:2379,https://etcd-2.example.com:2379")},
		{name: "listens where nobody calls it", change: replace(etcdManifest, "--listen-client-urls=https://127.0.0.1:2379", "--listen-client-urls=https://198.51.100.7:2379,https://127.0.0.1:2379")},
		{name: "listens where it is called", change: both(calls("https://198.51.100.7:2379"),
			replace(etcdManifest, "--listen-client-urls=https://127.0.0.1:2379", "--listen-client-urls=https://198.51.100.7:2379,https://127.0.0.1:2379")), want: []string{
			`critical identity/san-missing /etc/kubernetes/pki/etcd/server.crt etcd --cert-file: lacks "198.51.100.7" (the host of etcd's client URL); it has "cp-1", "localhost", "127.0.0.1", "192.0.2.11", "::1"`,
		}},
		{name: "gives out a name", change: replace(etcdManifest, "--advertise-client-urls=https://192.0.2.11:2379", "--advertise-client-urls=https://etcd-1.example.com:2379"), want: []string{
			`warning identity/san-missing /etc/kubernetes/pki/etcd/server.crt etcd --cert-file: lacks "etcd-1.example.com" (the host of etcd's client URL, which nothing on this node calls); it has "cp-1", "localhost", "127.0.0.1", "192.0.2.11", "::1"`,
		}},
		{name: "gives out a name without TLS", change: replace(etcdManifest, "--advertise-client-urls=https://192.0.2.11:2379", "--advertise-client-urls=http://etcd-1.example.com:2379")},
		{name: "gives out an unspecified address", change: replace(etcdManifest, "--advertise-client-urls=https://192.0.2.11:2379", "--advertise-client-urls=https://0.0.0.0:2379")},
		{name: "has a second name", change: ownNames("cp-1", "localhost", "etcd-1.example.com")},
		{name: "is called as a peer by a name", change: replace(etcdManifest, "--initial-advertise-peer-urls=https://192.0.2.11:2380", "--initial-advertise-peer-urls=https://etcd-1.example.com:2380"), want: []string{
			`critical identity/san-missing /etc/kubernetes/pki/etcd/peer.crt etcd --peer-cert-file: lacks "etcd-1.example.com" (the host of etcd's peer URL); it has "cp-1", "localhost", "127.0.0.1", "192.0.2.11", "::1"`,
		}},
		{name: "other peers have other names", change: replace(etcdManifest, "--initial-cluster=cp-1=https://192.0.2.11:2380", "--initial-cluster=cp-1=https://192.0.2.11:2380,cp-2=https://etcd-2.example.com:2380")},
	})
}

// A kubeconfig says what the API server of this node is called, unless it calls
// another one.
func TestServerHosts(t *testing.T) {
	second := replace(etcdManifest, "--initial-cluster=cp-1=https://192.0.2.11:2380", "--initial-cluster=cp-1=https://192.0.2.11:2380,cp-2=https://192.0.2.12:2380")
	testEdges(t, fixtures.ControlPlane, []edge{
		{name: "another member of the control plane", change: both(second, replace(scheduler, "192.0.2.11:6443", "192.0.2.12:6443"))},
		{name: "an address that is no member's, and that the administrator calls", change: both(second, replace(etc+"/admin.conf", "192.0.2.11:6443", "192.0.2.13:6443")), want: []string{
			`critical identity/san-missing /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: lacks "192.0.2.13" (the server that a kubeconfig calls); it has "cp-1", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "10.96.0.1", "192.0.2.11"`,
		}},
		{name: "an address that is no member's, and that the scheduler alone calls", change: both(second, replace(scheduler, "192.0.2.11:6443", "192.0.2.13:6443"))}, // connections/server-name
		{name: "this member by the address of its peers", change: both(second, addresses(without("192.0.2.11"))), want: []string{
			`critical identity/san-missing /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: lacks "192.0.2.11" (the server that a kubeconfig calls); it has "cp-1", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "10.96.0.1"`,
		}},
		{name: "a user's kubeconfig", change: user(func(config string) string { return config + "# mine\n" })},
		{name: "a webhook's kubeconfig", change: both(hooked("--audit-webhook-config-file", webhook("https://hook.example.com", "    certificate-authority: ca.crt\n", "")),
			mode(pki+"/hook.conf", 0o600))},
		{name: "the kubelet's kubeconfig", change: replace(etc+"/kubelet.conf", "192.0.2.11:6443", "api.example.com:6443"), want: []string{
			`critical identity/san-missing /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: lacks "api.example.com" (the server that a kubeconfig calls); it has "cp-1", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "10.96.0.1", "192.0.2.11"`,
		}},
		{name: "kube-proxy's kubeconfig", change: both(proxy("--kubeconfig=/etc/kubernetes/proxy.conf"), func(c *fixtures.Cluster) {
			c.Embed(etc+"/proxy.conf", fixtures.Spec{CommonName: "system:kube-proxy", Organizations: []string{"system:node-proxier"}, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
			c.Node.Replace(etc+"/proxy.conf", "192.0.2.11:6443", "api.example.com:6443")
		})},
	})
}
