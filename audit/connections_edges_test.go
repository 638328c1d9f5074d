package audit_test

import (
	"strings"
	"testing"

	"certaudit/audit"
	"certaudit/fixtures"
)

// linked is a node with one thing changed, and what is said of some of its
// connections.
type linked struct {
	name   string
	change func(*fixtures.Cluster)
	// about is as of configuration.
	about string
	want  []string
}

func testLinks(t *testing.T, build func(fixtures.Options) *fixtures.Cluster, rows []linked) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c := build(fixtures.Options{})
			row.change(c)
			lines := strings.TrimSpace(connectionLines(auditNode(t, c.Node, audit.Options{}), row.about))
			compare(t, row.want, strings.Split(lines, "\n"))
		})
	}
}

// etcdListens has etcd listen at other URLs, and the API server call it at one.
func etcdListens(urls, dialled string) func(*fixtures.Cluster) {
	return both(replace(etcdManifest, "--listen-client-urls=https://127.0.0.1:2379,https://192.0.2.11:2379", "--listen-client-urls="+urls),
		replace(apiManifest, "--etcd-servers=https://127.0.0.1:2379", "--etcd-servers="+dialled))
}

func TestEtcdListens(t *testing.T) {
	const about = "kube-apiserver -> etcd"
	testLinks(t, fixtures.ControlPlane, []linked{
		{name: "without TLS at every address", about: about, change: etcdListens("http://0.0.0.0:2379", "http://127.0.0.1:2379"), want: []string{
			"unverified: kube-apiserver -> etcd http://127.0.0.1:2379 unverified/unverified",
			"    kube-apiserver-etcd-client",
			"    the address is http: there is no TLS",
			"warning connections/server-untrusted, etcd, at /etc/kubernetes/manifests/etcd.yaml:23 --listen-client-urls",
			"    etcd health check -> etcd https://127.0.0.1:2379: etcd speaks HTTP there, and the client TLS",
			"    breaks etcd health check -> etcd",
		}},
		{name: "without TLS at every address of IPv6", about: about, change: etcdListens("http://[::]:2379", "http://192.0.2.11:2379"), want: []string{
			"unverified: kube-apiserver -> etcd http://192.0.2.11:2379 unverified/unverified",
			"    kube-apiserver-etcd-client",
			"    the address is http: there is no TLS",
			"warning connections/server-untrusted, etcd, at /etc/kubernetes/manifests/etcd.yaml:23 --listen-client-urls",
			"    etcd health check -> etcd https://127.0.0.1:2379: etcd speaks HTTP there, and the client TLS",
			"    breaks etcd health check -> etcd",
		}},
		{name: "without TLS at every address, and is called with it", about: about, change: etcdListens("http://0.0.0.0:2379", "https://127.0.0.1:2379"), want: []string{
			"broken: kube-apiserver -> etcd https://127.0.0.1:2379 broken/-",
			"    kube-apiserver-etcd-client",
			"    etcd speaks HTTP there, and the client TLS",
			"critical connections/server-untrusted, kube-apiserver, at /etc/kubernetes/manifests/etcd.yaml:23 --listen-client-urls",
			"    kube-apiserver -> etcd https://127.0.0.1:2379: etcd speaks HTTP there, and the client TLS",
			"    breaks kube-apiserver -> etcd",
			"    breaks etcd health check -> etcd",
		}},
		{name: "with TLS at every address", about: about, change: etcdListens("https://0.0.0.0:2379", "https://127.0.0.1:2379"), want: []string{
			"ok: kube-apiserver -> etcd https://127.0.0.1:2379 ok/ok",
			"    kube-apiserver-etcd-client",
		}},
		{name: "with TLS at every address, and is called without", about: about, change: etcdListens("https://0.0.0.0:2379", "http://127.0.0.1:2379"), want: []string{
			"broken: kube-apiserver -> etcd http://127.0.0.1:2379 broken/-",
			"    kube-apiserver-etcd-client",
			"    etcd speaks TLS there, and the client HTTP",
			"critical connections/server-untrusted, kube-apiserver, at /etc/kubernetes/manifests/kube-apiserver.yaml:24 --etcd-servers",
			"    kube-apiserver -> etcd http://127.0.0.1:2379: etcd speaks TLS there, and the client HTTP",
			"    breaks kube-apiserver -> etcd",
		}},
		{name: "without TLS at another address", about: about, change: etcdListens("https://127.0.0.1:2379,http://192.0.2.11:2379", "https://127.0.0.1:2379"), want: []string{
			"ok: kube-apiserver -> etcd https://127.0.0.1:2379 ok/ok",
			"    kube-apiserver-etcd-client",
		}},
		{name: "by its name", about: about, change: etcdListens("https://127.0.0.1:2379", "https://localhost:2379"), want: []string{
			"ok: kube-apiserver -> etcd https://localhost:2379 ok/ok",
			"    kube-apiserver-etcd-client",
		}},
		{name: "at the loopback of IPv6", about: about, change: etcdListens("https://[::1]:2379", "https://[::1]:2379"), want: []string{
			"ok: kube-apiserver -> etcd https://[::1]:2379 ok/ok",
			"    kube-apiserver-etcd-client",
		}},
		{name: "at an address of another machine", about: about, change: etcdListens("https://127.0.0.1:2379", "https://192.0.2.12:2379"), want: []string{
			"unknown: kube-apiserver -> etcd https://192.0.2.12:2379 unknown/unknown",
			"    kube-apiserver-etcd-client",
			"    the server is not in view; etcd is not on this node",
		}},
		{name: "at an address that it only gives out", about: about, change: etcdListens("https://127.0.0.1:2379", "https://192.0.2.11:2379"), want: []string{
			"ok: kube-apiserver -> etcd https://192.0.2.11:2379 ok/ok",
			"    kube-apiserver-etcd-client",
		}},
	})
}
