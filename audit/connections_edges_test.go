package audit_test

import (
	"crypto/x509"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

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
			"critical connections/server-untrusted, etcd, at /etc/kubernetes/manifests/etcd.yaml:23 --listen-client-urls",
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
			"    the etcd of this node does not listen at 192.0.2.12",
			"warning connections/address, kube-apiserver, at /etc/kubernetes/manifests/kube-apiserver.yaml:24 --etcd-servers",
			"    kube-apiserver calls etcd at 192.0.2.12, and neither in the addresses nor in the certificate of the etcd of this node is one of these: it listens at https://127.0.0.1:2379 and gives out https://192.0.2.11:2379",
		}},
		{name: "at an address that it only gives out", about: about, change: etcdListens("https://127.0.0.1:2379", "https://192.0.2.11:2379"), want: []string{
			"ok: kube-apiserver -> etcd https://192.0.2.11:2379 ok/ok",
			"    kube-apiserver-etcd-client",
		}},
	})
}

func TestServerEdges(t *testing.T) {
	const about = "kube-scheduler -> kube-apiserver"
	sub := authority("sub", fixtures.Spec{CommonName: "sub", Signer: fixtures.CA})
	brokenCA := encodedPEM([]byte(notCertificate))
	// besides adds a file to what scheduler.conf embeds; the data counts.
	besides := func(data, file string) func(*fixtures.Cluster) {
		return replace(scheduler, "    "+data+":", "    "+file+": /etc/kubernetes/gone\n    "+data+":")
	}
	testLinks(t, fixtures.ControlPlane, []linked{
		{name: "of another CA and another name", about: about, change: both(other, signer(serving, "other"), addresses(without("192.0.2.11"))), want: []string{
			"broken: kube-scheduler -> kube-apiserver https://192.0.2.11:6443 broken/ok",
			"    system:kube-scheduler",
			"    the server's certificate: x509: certificate is valid for 10.96.0.1, not 192.0.2.11; x509: certificate signed by unknown authority",
			"critical chain/wrong-issuer, kube-apiserver, at /etc/kubernetes/pki/apiserver.crt:1 kube-apiserver --tls-cert-file",
			`    is issued by "another"; expected a signature by "kubernetes" of /etc/kubernetes/pki/ca.crt`,
			"    breaks kubelet -> kube-apiserver",
			"    breaks kube-controller-manager -> kube-apiserver",
			"    breaks kube-scheduler -> kube-apiserver",
			"    breaks admin -> kube-apiserver",
			"    breaks super-admin -> kube-apiserver",
			"    breaks pods -> kube-apiserver",
		}},
		{name: "its key is another, and nobody verifies it", about: about, change: both(insecure, own(serving+".key", "another")), want: []string{
			"broken: kube-scheduler -> kube-apiserver https://192.0.2.11:6443 broken/ok",
			"    system:kube-scheduler",
			"    the private key of /etc/kubernetes/pki/apiserver.key is not that of the certificate",
			"critical keys/mismatch, kube-apiserver, at /etc/kubernetes/pki/apiserver.crt:1 kube-apiserver --tls-cert-file",
			"    the private key of /etc/kubernetes/pki/apiserver.key is not that of this certificate; expected a pair",
			"    breaks kubelet -> kube-apiserver",
			"    breaks kube-controller-manager -> kube-apiserver",
			"    breaks kube-scheduler -> kube-apiserver",
			"    breaks admin -> kube-apiserver",
			"    breaks super-admin -> kube-apiserver",
			"    breaks pods -> kube-apiserver",
		}},
		{name: "of a CA between that it sends", about: about, change: both(sub, signer(serving, "sub"), behind(serving+".crt", "sub")), want: []string{
			"ok: kube-scheduler -> kube-apiserver https://192.0.2.11:6443 ok/ok",
			"    system:kube-scheduler",
		}},
		{name: "of a CA between that it does not send", about: about, change: both(sub, signer(serving, "sub")), want: []string{
			"broken: kube-scheduler -> kube-apiserver https://192.0.2.11:6443 broken/ok",
			"    system:kube-scheduler",
			"    the server's certificate: x509: certificate signed by unknown authority",
			"critical chain/wrong-issuer, kube-apiserver, at /etc/kubernetes/pki/apiserver.crt:1 kube-apiserver --tls-cert-file",
			`    is issued by "sub"; expected a signature by "kubernetes" of /etc/kubernetes/pki/ca.crt`,
			"    breaks kubelet -> kube-apiserver",
			"    breaks kube-controller-manager -> kube-apiserver",
			"    breaks kube-scheduler -> kube-apiserver",
			"    breaks admin -> kube-apiserver",
			"    breaks super-admin -> kube-apiserver",
			"    breaks pods -> kube-apiserver",
		}},
		{name: "not yet valid", about: about, change: spec(serving, func(s *fixtures.Spec) { s.NotBefore = fixtures.Now.Add(11 * time.Minute) }), want: []string{
			"broken: kube-scheduler -> kube-apiserver https://192.0.2.11:6443 broken/ok",
			"    system:kube-scheduler",
			"    the server's certificate: x509: certificate has expired or is not yet valid: current time 2026-11-23T12:00:00Z is before 2026-11-23T12:11:00Z",
			"critical validity/not-yet-valid, kube-apiserver, at /etc/kubernetes/pki/apiserver.crt:1 kube-apiserver --tls-cert-file",
			"    is not valid before 2026-11-23 12:11 UTC, in 11 minutes",
			"    breaks kubelet -> kube-apiserver",
			"    breaks kube-controller-manager -> kube-apiserver",
			"    breaks kube-scheduler -> kube-apiserver",
			"    breaks admin -> kube-apiserver",
			"    breaks super-admin -> kube-apiserver",
			"    breaks pods -> kube-apiserver",
		}},
		{name: "of a CA for clients alone", about: about, change: constrained(func(x *x509.Certificate) { x.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), want: []string{
			"broken: kube-scheduler -> kube-apiserver https://192.0.2.11:6443 broken/ok",
			"    system:kube-scheduler",
			"    the server's certificate: x509: certificate specifies an incompatible key usage",
			"critical connections/server-untrusted, kube-scheduler, at /etc/kubernetes/pki/apiserver.crt:0 kube-apiserver --tls-cert-file",
			"    kube-scheduler -> kube-apiserver https://192.0.2.11:6443: the server's certificate: x509: certificate specifies an incompatible key usage",
			"    breaks kube-scheduler -> kube-apiserver",
			"    breaks pods -> kube-apiserver",
		}},
		{name: "in DER", about: about, change: inDER(serving + ".crt"), want: []string{
			"broken: kube-scheduler -> kube-apiserver https://192.0.2.11:6443 broken/ok",
			"    system:kube-scheduler",
			"    /etc/kubernetes/pki/apiserver.crt is DER, and PEM is demanded",
			"critical connections/server-untrusted, kubelet, at /etc/kubernetes/pki/apiserver.crt:0 kube-apiserver --tls-cert-file",
			"    kubelet -> kube-apiserver https://192.0.2.11:6443: /etc/kubernetes/pki/apiserver.crt is DER, and PEM is demanded",
			"    breaks kubelet -> kube-apiserver",
			"    breaks kube-controller-manager -> kube-apiserver",
			"    breaks kube-scheduler -> kube-apiserver",
			"    breaks admin -> kube-apiserver",
			"    breaks super-admin -> kube-apiserver",
			"    breaks pods -> kube-apiserver",
		}},
		{name: "verified by another name", about: about, change: both(dials("api."+domain), serverName("kubernetes")), want: []string{
			"ok: kube-scheduler -> kube-apiserver https://api.example.org:6443 ok/ok",
			"    system:kube-scheduler",
		}},
		{name: "verified by a name that it does not have", about: about, change: serverName("api." + domain), want: []string{
			"broken: kube-scheduler -> kube-apiserver https://192.0.2.11:6443 broken/ok",
			"    system:kube-scheduler",
			"    the server's certificate: x509: certificate is valid for cp-1, kubernetes, kubernetes.default, kubernetes.default.svc, kubernetes.default.svc.cluster.local, not api.example.org",
			"critical identity/san-missing, kube-apiserver, at /etc/kubernetes/pki/apiserver.crt:1 kube-apiserver --tls-cert-file",
			`    lacks "api.example.org" (the server that a kubeconfig calls); it has "cp-1", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "10.96.0.1", "192.0.2.11"`,
			"    breaks kube-scheduler -> kube-apiserver",
		}},
		{name: "not verified, and a CA is given", about: about, change: replace(scheduler, "    server:", "    insecure-skip-tls-verify: true\n    server:"), want: []string{
			"broken: kube-scheduler -> kube-apiserver https://192.0.2.11:6443 broken/ok",
			"    system:kube-scheduler",
			"    insecure-skip-tls-verify is set beside a CA, and client-go refuses that",
			"critical connections/server-untrusted, kube-scheduler, at /etc/kubernetes/scheduler.conf:4 clusters[0].cluster",
			"    kube-scheduler -> kube-apiserver https://192.0.2.11:6443: insecure-skip-tls-verify is set beside a CA, and client-go refuses that",
			"    breaks kube-scheduler -> kube-apiserver",
		}},
		{name: "verified with data beside a file", about: about, change: besides("certificate-authority-data", "certificate-authority"), want: []string{
			"ok: kube-scheduler -> kube-apiserver https://192.0.2.11:6443 ok/ok",
			"    system:kube-scheduler",
		}},
		{name: "verified with a bundle of which client-go passes over a part", about: about, change: func(c *fixtures.Cluster) {
			c.Node.Replace(scheduler, encodedPEM(c.CertificatePEM(fixtures.CA)), encodedPEM(append([]byte(notCertificate), c.CertificatePEM(fixtures.CA)...)))
		}, want: []string{
			"ok: kube-scheduler -> kube-apiserver https://192.0.2.11:6443 ok/ok",
			"    system:kube-scheduler",
		}},
		{name: "verified with nothing that can be read", about: about, change: func(c *fixtures.Cluster) {
			c.Node.Replace(scheduler, encodedPEM(c.CertificatePEM(fixtures.CA)), brokenCA)
		}, want: []string{
			"broken: kube-scheduler -> kube-apiserver https://192.0.2.11:6443 broken/ok",
			"    system:kube-scheduler",
			"    /etc/kubernetes/scheduler.conf: no CA can be read",
			"critical files/malformed, kube-scheduler, at /etc/kubernetes/scheduler.conf:4 clusters[0].cluster.certificate-authority-data",
			"    holds a certificate that Go, and so every component, refuses: x509: malformed certificate",
			"    breaks kube-scheduler -> kube-apiserver",
		}},
		{name: "one of its other certificates has no key", about: about, change: both(sni(pki+"/sni", ":api."+domain, public), remove(pki+"/sni.key")), want: []string{
			"broken: kube-scheduler -> kube-apiserver https://192.0.2.11:6443 broken/ok",
			"    system:kube-scheduler",
			"    the private key of /etc/kubernetes/pki/sni.crt cannot be read",
			"critical files/missing, kube-apiserver, at /etc/kubernetes/pki/sni.key:0 kube-apiserver --tls-sni-cert-key",
			"    does not exist; it is named by kube-apiserver --tls-sni-cert-key (/etc/kubernetes/manifests/kube-apiserver.yaml:40)",
			"    breaks kubelet -> kube-apiserver",
			"    breaks kube-controller-manager -> kube-apiserver",
			"    breaks kube-scheduler -> kube-apiserver",
			"    breaks admin -> kube-apiserver",
			"    breaks super-admin -> kube-apiserver",
			"    breaks pods -> kube-apiserver",
		}},
		{name: "serves another certificate by name, and its own is broken", about: about, change: both(sni(pki+"/sni", ":kubernetes.default", public), dials("kubernetes.default"), own(serving+".key", "another")), want: []string{
			"broken: kube-scheduler -> kube-apiserver https://kubernetes.default:6443 broken/ok",
			"    system:kube-scheduler",
			"    the private key of /etc/kubernetes/pki/apiserver.key is not that of the certificate",
			"critical keys/mismatch, kube-apiserver, at /etc/kubernetes/pki/apiserver.crt:1 kube-apiserver --tls-cert-file",
			"    the private key of /etc/kubernetes/pki/apiserver.key is not that of this certificate; expected a pair",
			"    breaks kubelet -> kube-apiserver",
			"    breaks kube-controller-manager -> kube-apiserver",
			"    breaks kube-scheduler -> kube-apiserver",
			"    breaks admin -> kube-apiserver",
			"    breaks super-admin -> kube-apiserver",
			"    breaks pods -> kube-apiserver",
		}},
		{name: "is a member among others", about: about, change: members("https", "192.0.2.11", "192.0.2.12"), want: []string{
			"ok: kube-scheduler -> kube-apiserver https://192.0.2.11:6443 ok/ok",
			"    system:kube-scheduler",
		}},
		{name: "is another member", about: about, change: both(members("https", "192.0.2.11", "192.0.2.12"), dials("192.0.2.12")), want: []string{
			"unknown: kube-scheduler -> kube-apiserver https://192.0.2.12:6443 unknown/unknown",
			"    system:kube-scheduler",
			"    192.0.2.12 is another member of the control plane",
		}},
		{name: "stale CA in a file that others may read", about: about, change: both(namesake, trusts("namesake"), mode(scheduler, 0o644)), want: []string{
			"broken: kube-scheduler -> kube-apiserver https://192.0.2.11:6443 broken/ok",
			"    system:kube-scheduler",
			`    the server's certificate: x509: certificate signed by unknown authority (possibly because of "x509: ECDSA verification failure" while trying to verify candidate authority certificate "kubernetes")`,
			"critical connections/server-untrusted, kube-scheduler, at /etc/kubernetes/scheduler.conf:4 clusters[0].cluster.certificate-authority-data",
			`    kube-scheduler -> kube-apiserver https://192.0.2.11:6443: the server's certificate: x509: certificate signed by unknown authority (possibly because of "x509: ECDSA verification failure" while trying to verify candidate authority certificate "kubernetes")`,
			"    breaks kube-scheduler -> kube-apiserver",
		}},
	})
}

func TestClientEdges(t *testing.T) {
	const about = "kube-scheduler -> kube-apiserver"
	sub := authority("sub", fixtures.Spec{CommonName: "sub", Signer: fixtures.CA})
	admin := func(old, new string) func(*fixtures.Cluster) {
		return user(func(config string) string { return strings.Replace(config, old, new, 1) })
	}
	testLinks(t, fixtures.ControlPlane, []linked{
		{name: "of a CA between that it sends", about: about, change: both(sub, signer(scheduler, "sub"), behindClient("sub")), want: []string{
			"ok: kube-scheduler -> kube-apiserver https://192.0.2.11:6443 ok/ok",
			"    system:kube-scheduler",
		}},
		{name: "of a CA between that it does not send", about: about, change: both(sub, signer(scheduler, "sub")), want: []string{
			"broken: kube-scheduler -> kube-apiserver https://192.0.2.11:6443 ok/broken",
			"    system:kube-scheduler",
			"    the client's certificate: x509: certificate signed by unknown authority",
			"critical chain/wrong-issuer, kube-scheduler, at /etc/kubernetes/scheduler.conf:17 users[0].user.client-certificate-data",
			`    is issued by "sub"; expected a signature by "kubernetes" of /etc/kubernetes/pki/ca.crt`,
			"    breaks kube-scheduler -> kube-apiserver",
		}},
		{name: "for servers alone", about: about, change: usages(scheduler, x509.ExtKeyUsageServerAuth), want: []string{
			"broken: kube-scheduler -> kube-apiserver https://192.0.2.11:6443 ok/broken",
			"    system:kube-scheduler",
			"    the client's certificate: x509: certificate specifies an incompatible key usage",
			"critical usage/extended-key-usage, kube-scheduler, at /etc/kubernetes/scheduler.conf:17 users[0].user.client-certificate-data",
			`    the extended key usages are "server auth"; expected "client auth" among them`,
			"    breaks kube-scheduler -> kube-apiserver",
		}},
		{name: "shows data beside a file", about: about, change: replace(scheduler, "    client-certificate-data:", "    client-certificate: /etc/kubernetes/gone\n    client-key: /etc/kubernetes/gone\n    client-certificate-data:"), want: []string{
			"ok: kube-scheduler -> kube-apiserver https://192.0.2.11:6443 ok/ok",
			"    system:kube-scheduler",
		}},
		{name: "shows a certificate beside a token", about: "kubectl", change: admin("    client-key-data:", "    token: abc\n    client-key-data:"), want: []string{
			"ok: kubectl (/root/.kube/config, context kubernetes-admin@kubernetes) -> kube-apiserver https://192.0.2.11:6443 ok/ok",
			"    kubernetes-admin (kubeadm:cluster-admins)",
		}},
		{name: "shows what a plugin gives", about: "kubectl", change: user(func(config string) string {
			before, _, _ := strings.Cut(config, "    client-certificate-data:")
			return before + "    exec: {apiVersion: client.authentication.k8s.io/v1, command: login}\n"
		}), want: []string{
			"ok: kubectl (/root/.kube/config, context kubernetes-admin@kubernetes) -> kube-apiserver https://192.0.2.11:6443 ok/-",
			"    the client shows a token",
		}},
		{name: "is admitted by nobody", about: about, change: replace(apiManifest, "    - --client-ca-file="+pki+"/ca.crt\n", ""), want: []string{
			"broken: kube-scheduler -> kube-apiserver https://192.0.2.11:6443 ok/broken",
			"    system:kube-scheduler",
			"    --client-ca-file is not set: the API server takes nobody's certificate, and whoever has nothing else to show is anonymous",
			"critical flags/missing, kube-apiserver, at /etc/kubernetes/manifests/kube-apiserver.yaml:15 --client-ca-file",
			"    --client-ca-file is not set: the API server takes nobody's certificate, and whoever has nothing else to show is anonymous",
			"    breaks kubelet -> kube-apiserver",
			"    breaks kube-controller-manager -> kube-apiserver",
			"    breaks kube-scheduler -> kube-apiserver",
			"    breaks admin -> kube-apiserver",
			"    breaks super-admin -> kube-apiserver",
			"    breaks certificates signed by kube-controller-manager -> kube-apiserver",
		}},
		{name: "signing CA, and nobody is admitted", about: "signed by", change: replace(apiManifest, "    - --client-ca-file="+pki+"/ca.crt\n", ""), want: []string{
			"broken: certificates signed by kube-controller-manager -> kube-apiserver -/broken",
			"    --client-ca-file is not set: the API server takes nobody's certificate, and whoever has nothing else to show is anonymous",
			"critical flags/missing, kube-apiserver, at /etc/kubernetes/manifests/kube-apiserver.yaml:15 --client-ca-file",
			"    --client-ca-file is not set: the API server takes nobody's certificate, and whoever has nothing else to show is anonymous",
			"    breaks kubelet -> kube-apiserver",
			"    breaks kube-controller-manager -> kube-apiserver",
			"    breaks kube-scheduler -> kube-apiserver",
			"    breaks admin -> kube-apiserver",
			"    breaks super-admin -> kube-apiserver",
			"    breaks certificates signed by kube-controller-manager -> kube-apiserver",
		}},
		{name: "front proxy of any name", about: "extension", change: both(replace(apiManifest, "--requestheader-allowed-names=front-proxy-client", "--requestheader-allowed-names="), spec(pki+"/front-proxy-client", func(s *fixtures.Spec) { s.CommonName = "any" })), want: []string{
			"unknown: kube-apiserver -> extension API servers unknown/ok",
			"    any",
			"    the APIService objects, which say how they are verified, are in the cluster",
		}},
		{name: "webhook that is not verified and verifies", about: "hook", change: hooked("--authorization-webhook-config-file",
			webhook("https://hook.example.com", "    insecure-skip-tls-verify: true\n", "client-certificate: front-proxy-client.crt, client-key: front-proxy-client.key")), want: []string{
			"unknown: kube-apiserver -> hook.conf hook https://hook.example.com unverified/unknown",
			"    front-proxy-client",
			"    insecure-skip-tls-verify is set; the server is not in view",
		}},
		{name: "kubelet calls by another name", about: "-> kubelet", change: spec(pki+"/apiserver-kubelet-client", func(s *fixtures.Spec) { s.CommonName = "another" }), want: []string{
			"unverified: kube-apiserver -> kubelet https://cp-1:10250 unverified/ok",
			"    another (kubeadm:cluster-admins)",
			"    --kubelet-certificate-authority is not set: the API server does not verify kubelets",
		}},
		{name: "kubelet verified, and it serves nothing yet", about: "-> kubelet", change: both(strict, remove(kubeletPKI+"/kubelet.crt", kubeletPKI+"/kubelet.key")), want: []string{
			"unknown: kube-apiserver -> kubelet https://cp-1:10250 unknown/ok",
			"    kube-apiserver-kubelet-client (kubeadm:cluster-admins)",
			"    the server is not in view",
		}},
		{name: "kubelet verified with a bundle of which client-go passes over a part", about: "-> kubelet", change: both(apiFlag("--kubelet-certificate-authority="+pki+"/kubelet-ca.crt"), served, nodeIP("192.0.2.11"), func(c *fixtures.Cluster) {
			c.Node[pki+"/kubelet-ca.crt"] = fixtures.File{Mode: 0o644, Data: append([]byte(notCertificate), c.CertificatePEM(fixtures.CA)...)}
		}), want: []string{
			"ok: kube-apiserver -> kubelet https://192.0.2.11:10250 ok/ok",
			"    kube-apiserver-kubelet-client (kubeadm:cluster-admins)",
		}},
		{name: "clients verified with a bundle of which a part is broken", about: about, change: func(c *fixtures.Cluster) { c.Node.Append(pki+"/ca.crt", []byte(notCertificate)) }, want: []string{
			"broken: kube-scheduler -> kube-apiserver https://192.0.2.11:6443 ok/broken",
			"    system:kube-scheduler",
			"    /etc/kubernetes/pki/ca.crt holds a certificate that Go refuses: x509: malformed certificate",
			"critical files/malformed, kubelet, at /etc/kubernetes/pki/ca.crt:11 kubelet authentication.x509.clientCAFile",
			"    holds a certificate that Go, and so every component, refuses: x509: malformed certificate",
			"    breaks kubelet -> kube-apiserver",
			"    breaks kube-controller-manager -> kube-apiserver",
			"    breaks kube-scheduler -> kube-apiserver",
			"    breaks admin -> kube-apiserver",
			"    breaks super-admin -> kube-apiserver",
			"    breaks pods -> kube-apiserver",
			"    breaks kube-apiserver -> kubelet",
			"    breaks certificates signed by kube-controller-manager -> kube-apiserver",
		}},
	})
}

func TestSignerEdges(t *testing.T) {
	const cm, about = manifests + "/kube-controller-manager.yaml", "signed by"
	pair := "    - --cluster-signing-cert-file=" + pki + "/ca.crt\n    - --cluster-signing-key-file=" + pki + "/ca.key\n"
	signers := func(lines ...string) func(*fixtures.Cluster) {
		return replace(cm, pair, "    - --cluster-signing-"+strings.Join(lines, "\n    - --cluster-signing-")+"\n")
	}
	testLinks(t, fixtures.ControlPlane, []linked{
		{name: "another CA signs for kubelets' servers alone", about: about, change: signers("kubelet-serving-cert-file="+pki+"/front-proxy-ca.crt", "kubelet-serving-key-file="+pki+"/front-proxy-ca.key"), want: []string{
			"",
		}},
		{name: "one CA signs for two", about: about, change: signers("kubelet-client-cert-file="+pki+"/ca.crt", "kubelet-client-key-file="+pki+"/ca.key",
			"kube-apiserver-client-cert-file="+pki+"/ca.crt", "kube-apiserver-client-key-file="+pki+"/ca.key"), want: []string{
			"ok: certificates signed by kube-controller-manager -> kube-apiserver -/ok",
		}},
		{name: "the CA under another name", about: about, change: func(c *fixtures.Cluster) {
			c.NewCA("alias", fixtures.Spec{CommonName: "alias", KeyName: "ca/ca"})
			c.WriteCA("alias", pki+"/signer")
			signers("cert-file="+pki+"/signer.crt", "key-file="+pki+"/signer.key")(c)
		}, want: []string{
			"broken: certificates signed by kube-controller-manager -> kube-apiserver -/broken",
			"    the CA that signs is not in /etc/kubernetes/pki/ca.crt: the API server accepts nothing that it signs",
			"critical connections/client-untrusted, kube-controller-manager, at /etc/kubernetes/pki/signer.crt:0 kube-controller-manager --cluster-signing-cert-file",
			"    certificates signed by kube-controller-manager -> kube-apiserver: the CA that signs is not in /etc/kubernetes/pki/ca.crt: the API server accepts nothing that it signs",
			"    breaks certificates signed by kube-controller-manager -> kube-apiserver",
		}},
		{name: "the CA renewed with its key", about: about, change: func(c *fixtures.Cluster) {
			c.NewCA("renewed", fixtures.Spec{CommonName: "kubernetes", KeyName: "ca/ca", NotAfter: fixtures.Now.Add(5000 * day)})
			c.WriteCA("renewed", pki+"/signer")
			signers("cert-file="+pki+"/signer.crt", "key-file="+pki+"/signer.key")(c)
		}, want: []string{
			"ok: certificates signed by kube-controller-manager -> kube-apiserver -/ok",
		}},
		{name: "a member without a URL", about: about, change: replace(etcdManifest, "--initial-cluster=cp-1=https://192.0.2.11:2380", "--initial-cluster=cp-1=https://192.0.2.11:2380,cp-2="), want: []string{
			"ok: certificates signed by kube-controller-manager -> kube-apiserver -/ok",
		}},
		{name: "tokens of kubeadm's own key, which nothing uses", about: "tokens", change: both(func(c *fixtures.Cluster) {
			c.Issue(pki+"/token", fixtures.Spec{CommonName: "tokens"})
		}, replace(apiManifest, "key-file="+pki+"/sa.pub", "key-file="+pki+"/token.crt"), replace(apiManifest, "key-file="+pki+"/sa.key", "key-file="+pki+"/token.key"), replace(cm, "key-file="+pki+"/sa.key", "key-file="+pki+"/token.key")), want: []string{
			"ok: service account tokens of kube-apiserver -> kube-apiserver -/ok",
			"ok: service account tokens of kube-controller-manager -> kube-apiserver -/ok",
		}},
	})
}

func TestEtcdEdges(t *testing.T) {
	flag := func(flags ...string) func(*fixtures.Cluster) {
		return replace(etcdManifest, "    - --trusted-ca-file", "    - --"+strings.Join(flags, "\n    - --")+"\n    - --trusted-ca-file")
	}
	noCA := replace(etcdManifest, "    - --trusted-ca-file="+pki+"/etcd/ca.crt\n", "")
	noAuth := replace(etcdManifest, "--client-cert-auth=true", "--client-cert-auth=false")
	testLinks(t, fixtures.ControlPlane, []linked{
		{name: "demands no certificates", about: "-> etcd", change: both(noCA, noAuth), want: []string{
			"unverified: kube-apiserver -> etcd https://127.0.0.1:2379 ok/unverified",
			"    kube-apiserver-etcd-client",
			"    etcd accepts clients without a certificate",
			"unverified: etcd health check -> etcd https://127.0.0.1:2379 ok/unverified",
			"    kube-etcd-healthcheck-client",
			"    etcd accepts clients without a certificate",
			"ok: etcd peers -> etcd https://192.0.2.11:2380 ok/ok",
			"    cp-1",
		}},
		{name: "demands certificates of the host's roots", about: "kube-apiserver -> etcd", change: noCA, want: []string{
			"broken: kube-apiserver -> etcd https://127.0.0.1:2379 ok/broken",
			"    kube-apiserver-etcd-client",
			"    --trusted-ca-file is not set: etcd verifies with the host's root certificates, and the CA in /etc/kubernetes/pki/etcd/ca.crt, which signed /etc/kubernetes/pki/apiserver-etcd-client.crt, is not one of them",
			"critical flags/missing, etcd, at /etc/kubernetes/manifests/etcd.yaml:15 --trusted-ca-file",
			"    --trusted-ca-file is not set: etcd verifies with the host's root certificates, and the CA in /etc/kubernetes/pki/etcd/ca.crt, which signed /etc/kubernetes/pki/apiserver-etcd-client.crt, is not one of them",
			"    breaks kube-apiserver -> etcd",
			"    breaks etcd health check -> etcd",
		}},
		{name: "gateway with a certificate of its own", about: "gateway", change: flag("client-cert-file="+pki+"/etcd/healthcheck-client.crt", "client-key-file="+pki+"/etcd/healthcheck-client.key"), want: []string{
			"unverified: etcd gateway -> etcd unverified/ok",
			"    kube-etcd-healthcheck-client",
			"    etcd does not verify itself",
		}},
		{name: "clients of a name alone", about: "-> etcd", change: flag("client-cert-allowed-hostname=apiserver.example.com"), want: []string{
			"broken: kube-apiserver -> etcd https://127.0.0.1:2379 ok/ok",
			"    kube-apiserver-etcd-client",
			`    the client is "kube-apiserver-etcd-client" to etcd, which by --client-cert-allowed-hostname accepts "apiserver.example.com"`,
			"broken: etcd health check -> etcd https://127.0.0.1:2379 ok/ok",
			"    kube-etcd-healthcheck-client",
			`    the client is "kube-etcd-healthcheck-client" to etcd, which by --client-cert-allowed-hostname accepts "apiserver.example.com"`,
			"broken: etcd gateway -> etcd unverified/ok",
			"    cp-1",
			"    etcd does not verify itself; with --client-cert-allowed-hostname etcd refuses the calls of its own gateway",
			"ok: etcd peers -> etcd https://192.0.2.11:2380 ok/ok",
			"    cp-1",
			"critical connections/identity, kube-apiserver, at /etc/kubernetes/manifests/etcd.yaml:32 --client-cert-allowed-hostname",
			`    kube-apiserver -> etcd https://127.0.0.1:2379: the client is "kube-apiserver-etcd-client" to etcd, which by --client-cert-allowed-hostname accepts "apiserver.example.com"`,
			"    breaks kube-apiserver -> etcd",
			"    breaks etcd health check -> etcd",
			"    breaks etcd gateway -> etcd",
		}},
		{name: "clients of their name", about: "kube-apiserver -> etcd", change: both(flag("client-cert-allowed-hostname=apiserver.example.com"), spec(etcdClient, func(s *fixtures.Spec) { s.DNSNames = []string{"apiserver.example.com"} })), want: []string{
			"ok: kube-apiserver -> etcd https://127.0.0.1:2379 ok/ok",
			"    kube-apiserver-etcd-client",
			"warning connections/identity, etcd, at /etc/kubernetes/manifests/etcd.yaml:32 --client-cert-allowed-hostname",
			`    etcd health check -> etcd https://127.0.0.1:2379: the client is "kube-etcd-healthcheck-client" to etcd, which by --client-cert-allowed-hostname accepts "apiserver.example.com"`,
			"    breaks etcd health check -> etcd",
			"    breaks etcd gateway -> etcd",
		}},
		{name: "peers of a common name alone", about: "peers", change: flag("peer-cert-allowed-cn=etcd"), want: []string{
			"broken: etcd peers -> etcd https://192.0.2.11:2380 ok/ok",
			"    cp-1",
			`    the client is "cp-1" to etcd, which by --peer-cert-allowed-cn accepts "etcd"`,
			"critical connections/identity, etcd, at /etc/kubernetes/manifests/etcd.yaml:32 --peer-cert-allowed-cn",
			`    etcd peers -> etcd https://192.0.2.11:2380: the client is "cp-1" to etcd, which by --peer-cert-allowed-cn accepts "etcd"`,
			"    breaks etcd peers -> etcd",
		}},
		{name: "peers of their common name", about: "peers", change: both(flag("peer-cert-allowed-cn=member"), spec(pki+"/etcd/peer", func(s *fixtures.Spec) { s.CommonName = "member" })), want: []string{
			"ok: etcd peers -> etcd https://192.0.2.11:2380 ok/ok",
			"    member",
		}},
		{name: "peers of a host name alone", about: "peers", change: flag("peer-cert-allowed-hostname=etcd.example.com"), want: []string{
			"broken: etcd peers -> etcd https://192.0.2.11:2380 ok/ok",
			"    cp-1",
			`    the client is "cp-1" to etcd, which by --peer-cert-allowed-hostname accepts "etcd.example.com"`,
			"critical connections/identity, etcd, at /etc/kubernetes/manifests/etcd.yaml:32 --peer-cert-allowed-hostname",
			`    etcd peers -> etcd https://192.0.2.11:2380: the client is "cp-1" to etcd, which by --peer-cert-allowed-hostname accepts "etcd.example.com"`,
			"    breaks etcd peers -> etcd",
		}},
		{name: "peers of their host name", about: "peers", change: flag("peer-cert-allowed-hostname=cp-1"), want: []string{
			"ok: etcd peers -> etcd https://192.0.2.11:2380 ok/ok",
			"    cp-1",
		}},
		{name: "nobody checks its health", about: "health", change: remove(pki+"/etcd/healthcheck-client.crt", pki+"/etcd/healthcheck-client.key"), want: []string{
			"",
		}},
		{name: "health is checked without kubeadm's CA", about: "health", change: both(func(c *fixtures.Cluster) {
			c.WriteCA(fixtures.EtcdCA, pki+"/etcd/trusted")
			c.Node.Remove(pki+"/etcd/ca.crt", pki+"/etcd/ca.key")
		},
			replace(etcdManifest, pki+"/etcd/ca.crt", pki+"/etcd/trusted.crt"), replace(apiManifest, pki+"/etcd/ca.crt", pki+"/etcd/trusted.crt")), want: []string{
			"ok: etcd health check -> etcd https://127.0.0.1:2379 ok/ok",
			"    kube-etcd-healthcheck-client",
		}},
	})
	testLinks(t, func(o fixtures.Options) *fixtures.Cluster { o.ExternalEtcd = true; return fixtures.ControlPlane(o) }, []linked{
		{name: "a tunnel to etcd elsewhere", about: "-> etcd", change: func(c *fixtures.Cluster) {
			f := c.Node[apiManifest]
			f.Data = regexp.MustCompile(`--etcd-servers=\S+`).ReplaceAll(f.Data, []byte("--etcd-servers=https://127.0.0.1:2379"))
			c.Node[apiManifest] = f
		}, want: []string{
			"unknown: kube-apiserver -> etcd https://127.0.0.1:2379 unknown/unknown",
			"    kube-apiserver-etcd-client",
			"    what listens at 127.0.0.1 on this node is not known",
		}},
	})
}

// What a component is to call the API server with and gets nothing from is a connection
// that is broken; what nobody is started with, or the kubelet makes at its start, is none.
func TestUnmadeConnections(t *testing.T) {
	for _, tt := range []struct {
		name, client string
		change       func(*fixtures.Cluster)
		want         []string
	}{
		{"sound", "kube-scheduler", func(*fixtures.Cluster) {}, []string{"https://192.0.2.11:6443 ok "}},
		{"missing", "kube-scheduler", remove(etc + "/scheduler.conf"), []string{" broken " + etc + "/scheduler.conf does not exist; files/missing"}},
		{"empty", "kube-scheduler", emptied(etc + "/scheduler.conf"), []string{" broken " + etc + "/scheduler.conf is empty; input/undecodable"}},
		{"something else", "kube-scheduler", replace(etc+"/scheduler.conf", "kind: Config", "kind: Pod"),
			[]string{" broken " + etc + "/scheduler.conf is not a kubeconfig: it has neither clusters nor users; input/undecodable"}},
		{"an administrator's is empty", "admin", emptied(etc + "/admin.conf"), nil},
		{"the kubelet's is yet to be made", "kubelet", both(remove(etc+"/kubelet.conf"), copied(etc+"/admin.conf", etc+"/bootstrap-kubelet.conf")), nil},
	} {
		c := fixtures.ControlPlane(fixtures.Options{})
		tt.change(c)
		r := auditNode(t, c.Node, audit.Options{})
		var got []string
		for _, l := range r.Connections {
			if l.Client != tt.client || l.Server != "kube-apiserver" {
				continue
			}
			line := l.Address + " " + l.Status + " " + l.Reason
			for _, f := range r.Findings {
				if slices.Contains(f.Breaks, l.Label()) {
					line += "; " + f.Check
				}
			}
			got = append(got, line)
		}
		if diff := gocmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}
