package audit_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"certaudit/audit"
	"certaudit/fixtures"
)

// Paths and durations of the default nodes.
const (
	etc           = "/etc/kubernetes"
	pki           = etc + "/pki"
	manifests     = etc + "/manifests"
	kubeletPKI    = "/var/lib/kubelet/pki"
	kubeletClient = kubeletPKI + "/kubelet-client-2026-10-24-12-00-00.pem"
	kubeletConfig = "/var/lib/kubelet/config.yaml"
	day           = 24 * time.Hour
)

// edge is a sound control plane with one thing changed, and all that an audit
// says of it but for what it says of every sound one.
type edge struct {
	name    string
	options fixtures.Options
	change  func(*fixtures.Cluster)
	want    []string
}

func testEdges(t *testing.T, build func(fixtures.Options) *fixtures.Cluster, edges []edge) {
	t.Helper()
	for _, e := range edges {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			c := build(e.options)
			if e.change != nil {
				e.change(c)
			}
			got := told(auditNode(t, c.Node, audit.Options{}))
			compare(t, e.want, got)
		})
	}
}

// told lists the findings as "severity check path field: message", without the
// one of every node whose kubelet serves what it made itself, and then the
// reasons of the outcomes. The connections have tests of their own.
func told(r audit.Result) []string {
	var lines []string
	for _, f := range r.Findings {
		if f.Check == "kubelet/serving-self-signed" || strings.HasPrefix(f.Check, "connections/") {
			continue
		}
		lines = append(lines, fmt.Sprintf("%s %s %s: %s", f.Severity, f.Check, strings.TrimSpace(f.Path+" "+f.Field), f.Message))
	}
	for _, o := range r.Outcomes {
		unbound := strings.Contains(o.Reason, "is in no group that may call kubelets") // TestBindings
		if o.Reason != "" && !unbound && !strings.HasPrefix(o.Check, "connections/") {
			lines = append(lines, fmt.Sprintf("%s %s: %s", o.State, o.Check, o.Reason))
		}
	}
	return lines
}

// lasts gives a certificate dates around [fixtures.Now].
func lasts(base string, before, after time.Duration) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) {
		c.Reissue(base, func(s *fixtures.Spec) {
			s.NotBefore, s.NotAfter = fixtures.Now.Add(-before), fixtures.Now.Add(after)
		})
	}
}

// both makes two changes.
func both(changes ...func(*fixtures.Cluster)) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) {
		for _, change := range changes {
			change(c)
		}
	}
}

func replace(path, old, new string) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) { c.Node.Replace(path, old, new) }
}

// frontProxyCAEnds gives the front proxy's CA, and with it its client, an end.
func frontProxyCAEnds(left time.Duration) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) {
		end := fixtures.Now.Add(left)
		c.NewCA(fixtures.FrontProxyCA, fixtures.Spec{CommonName: "front-proxy-ca", NotBefore: end.Add(-3650 * day), NotAfter: end})
		c.WriteCA(fixtures.FrontProxyCA, pki+"/front-proxy-ca")
		c.Reissue(pki+"/front-proxy-client", func(s *fixtures.Spec) { s.NotBefore, s.NotAfter = end.Add(-365*day), end })
	}
}

// oldCA puts a CA that ended yesterday behind the cluster's own.
func oldCA(c *fixtures.Cluster) {
	c.NewCA("old", fixtures.Spec{CommonName: "kubernetes", NotBefore: fixtures.Now.Add(-3650 * day), NotAfter: fixtures.Now.Add(-day)})
	c.Node.Append(pki+"/ca.crt", c.CertificatePEM("old"))
}

func TestValidityEdges(t *testing.T) {
	const apiserver = pki + "/apiserver"
	rotationOff := replace(kubeletConfig, "rotateCertificates: true", "rotateCertificates: false")
	testEdges(t, fixtures.ControlPlane, []edge{
		{name: "at notAfter", change: lasts(apiserver, 365*day, 0), want: []string{
			"critical validity/expiring /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: expires on 2026-11-23 12:00 UTC, in 0 minutes; renew it before",
		}},
		{name: "a second after notAfter", change: lasts(apiserver, 365*day, -time.Second), want: []string{
			"critical validity/expired /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: expired on 2026-11-23 11:59 UTC, 0 minutes ago; it must be renewed",
		}},
		{name: "leaf with 30 days", change: lasts(apiserver, 335*day, 30*day)},
		{name: "leaf with less than 30 days", change: lasts(apiserver, 335*day, 30*day-time.Second), want: []string{
			"warning validity/expiring /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: expires on 2026-12-23 11:59 UTC, in 29 days; renew it before",
		}},
		{name: "leaf with 7 days", change: lasts(apiserver, 358*day, 7*day), want: []string{
			"warning validity/expiring /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: expires on 2026-11-30 12:00 UTC, in 7 days; renew it before",
		}},
		{name: "leaf with less than 7 days", change: lasts(apiserver, 358*day, 7*day-time.Second), want: []string{
			"critical validity/expiring /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: expires on 2026-11-30 11:59 UTC, in 6 days; renew it before",
		}},
		{name: "leaf of 24 hours at 70 %", change: lasts(apiserver, 1008*time.Minute, 432*time.Minute)},
		{name: "leaf of 24 hours past 70 %", change: lasts(apiserver, 1008*time.Minute+time.Second, 432*time.Minute-time.Second), want: []string{
			"warning validity/expiring /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: expires on 2026-11-23 19:11 UTC, in 7 hours; renew it before",
		}},
		{name: "leaf of 24 hours at 90 %", change: lasts(apiserver, 1296*time.Minute, 144*time.Minute), want: []string{
			"warning validity/expiring /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: expires on 2026-11-23 14:24 UTC, in 2 hours; renew it before",
		}},
		{name: "leaf of 24 hours past 90 %", change: lasts(apiserver, 1296*time.Minute+time.Second, 144*time.Minute-time.Second), want: []string{
			"critical validity/expiring /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: expires on 2026-11-23 14:23 UTC, in 2 hours; renew it before",
		}},
		{name: "leaf of 10 days, new", change: lasts(apiserver, 0, 10*day)},
		{name: "leaf of 10 days with 3", change: lasts(apiserver, 7*day, 3*day)},
		{name: "leaf of 10 days with less than 3", change: lasts(apiserver, 7*day+time.Second, 3*day-time.Second), want: []string{
			"warning validity/expiring /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: expires on 2026-11-26 11:59 UTC, in 2 days; renew it before",
		}},
		{name: "ends before it begins", change: lasts(apiserver, -day, -2*day), want: []string{
			"critical validity/expired /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: expired on 2026-11-21 12:00 UTC, 2 days ago; it must be renewed",
			"critical validity/not-yet-valid /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: is not valid before 2026-11-24 12:00 UTC, in 24 hours",
		}},
		{name: "CA with 180 days", change: frontProxyCAEnds(180 * day)},
		{name: "CA with less than 180 days", change: frontProxyCAEnds(180*day - time.Second), want: []string{
			"warning validity/expiring /etc/kubernetes/pki/front-proxy-ca.crt kube-apiserver --requestheader-client-ca-file: expires on 2027-05-22 11:59 UTC, in 179 days; renew it before",
		}},
		{name: "CA with 30 days", change: frontProxyCAEnds(30 * day), want: []string{
			"warning validity/expiring /etc/kubernetes/pki/front-proxy-ca.crt kube-apiserver --requestheader-client-ca-file: expires on 2026-12-23 12:00 UTC, in 30 days; renew it before",
		}},
		{name: "CA with less than 30 days", change: frontProxyCAEnds(30*day - time.Second), want: []string{
			"critical validity/expiring /etc/kubernetes/pki/front-proxy-ca.crt kube-apiserver --requestheader-client-ca-file: expires on 2026-12-23 11:59 UTC, in 29 days; renew it before",
			"warning validity/expiring /etc/kubernetes/pki/front-proxy-client.crt kube-apiserver --proxy-client-cert-file: expires on 2026-12-23 11:59 UTC, in 29 days; renew it before",
		}},
		{name: "rotated at 90 %", change: lasts(kubeletClient, 90*day, 10*day)},
		{name: "rotated past 90 %", change: lasts(kubeletClient, 90*day+time.Second, 10*day-time.Second), want: []string{
			"warning validity/rotation-overdue /var/lib/kubelet/pki/kubelet-client-current.pem kubelet users[0].user.client-certificate: is past 90 % of its life and was not rotated; it expires on 2026-12-03 11:59 UTC, in 9 days",
		}},
		{name: "rotated past 97 %", change: lasts(kubeletClient, 97*day+time.Second, 3*day-time.Second), want: []string{
			"critical validity/rotation-overdue /var/lib/kubelet/pki/kubelet-client-current.pem kubelet users[0].user.client-certificate: is past 90 % of its life and was not rotated; it expires on 2026-11-26 11:59 UTC, in 2 days",
		}},
		{name: "rotated of 24 hours at 90 %", change: lasts(kubeletClient, 1296*time.Minute, 144*time.Minute)},
		{name: "rotated of 24 hours past 90 %", change: lasts(kubeletClient, 1296*time.Minute+time.Second, 144*time.Minute-time.Second), want: []string{
			"warning validity/rotation-overdue /var/lib/kubelet/pki/kubelet-client-current.pem kubelet users[0].user.client-certificate: is past 90 % of its life and was not rotated; it expires on 2026-11-23 14:23 UTC, in 2 hours",
		}},
		{name: "rotated and expired", change: lasts(kubeletClient, 365*day, -time.Second), want: []string{
			"critical validity/expired /var/lib/kubelet/pki/kubelet-client-current.pem kubelet users[0].user.client-certificate: expired on 2026-11-23 11:59 UTC, 0 minutes ago; it must be renewed",
		}},
		{name: "rotation is off", change: both(rotationOff, lasts(kubeletClient, 345*day, 20*day)), want: []string{
			"warning validity/expiring /var/lib/kubelet/pki/kubelet-client-current.pem kubelet users[0].user.client-certificate: expires on 2026-12-13 12:00 UTC, in 20 days; renew it before",
		}},
		{name: "rotation is off, with 30 days", change: both(rotationOff, lasts(kubeletClient, 335*day, 30*day))},
		{name: "self-signed with 30 days", change: lasts(kubeletPKI+"/kubelet", 335*day, 30*day)},
		{name: "begins now", change: lasts(apiserver, 0, 300*day)},
		{name: "begins in a second", change: lasts(apiserver, -time.Second, 300*day), want: []string{
			"warning validity/not-yet-valid /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: is not valid before 2026-11-23 12:00 UTC, in 1 minute, and is refused until then: this node's clock is behind, or that of the issuer was ahead",
		}},
		{name: "begins in 10 minutes", change: lasts(apiserver, -10*time.Minute, 300*day), want: []string{
			"warning validity/not-yet-valid /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: is not valid before 2026-11-23 12:10 UTC, in 10 minutes, and is refused until then: this node's clock is behind, or that of the issuer was ahead",
		}},
		{name: "begins in more than 10 minutes", change: lasts(apiserver, -10*time.Minute-time.Second, 300*day), want: []string{
			"critical validity/not-yet-valid /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: is not valid before 2026-11-23 12:10 UTC, in 10 minutes",
		}},
		{name: "old CA that nothing needs", change: oldCA, want: []string{
			"critical chain/signing-bundle /etc/kubernetes/pki/ca.crt kube-controller-manager --cluster-signing-cert-file: holds 2 certificates; kube-controller-manager signs with a file of exactly one and does not start the signer with any other",
			`info chain/rotation /etc/kubernetes/pki/ca.crt kubelet authentication.x509.clientCAFile: the bundle holds 2 CAs, as during a rotation: "kubernetes" (serial 6c7f1fa539a665bf) until 2036-10-21 signed kube-apiserver/serving, kube-apiserver/kubelet-client, kube-controller-manager/client, kube-scheduler/client, admin/client, super-admin/client, kubelet/client; "kubernetes" (serial 5e7d2f2037a9a2c1) until 2026-11-22 signed nothing in view`,
			"info validity/expired /etc/kubernetes/pki/ca.crt kubelet authentication.x509.clientCAFile: expired on 2026-11-22 12:00 UTC; a valid CA stands beside it and nothing needs this one",
		}},
		{name: "old CA that the scheduler hangs on", change: both(oldCA, func(c *fixtures.Cluster) {
			c.Reissue(etc+"/scheduler.conf", func(s *fixtures.Spec) { s.Signer = "old" })
		}), want: []string{
			"critical chain/signing-bundle /etc/kubernetes/pki/ca.crt kube-controller-manager --cluster-signing-cert-file: holds 2 certificates; kube-controller-manager signs with a file of exactly one and does not start the signer with any other",
			"critical validity/expired /etc/kubernetes/pki/ca.crt kubelet authentication.x509.clientCAFile: expired on 2026-11-22 12:00 UTC, 24 hours ago; it must be renewed; 1 certificate here that it signed would not verify even if renewed",
			`info chain/rotation /etc/kubernetes/pki/ca.crt kubelet authentication.x509.clientCAFile: the bundle holds 2 CAs, as during a rotation: "kubernetes" (serial 6c7f1fa539a665bf) until 2036-10-21 signed kube-apiserver/serving, kube-apiserver/kubelet-client, kube-controller-manager/client, admin/client, super-admin/client, kubelet/client; "kubernetes" (serial 5e7d2f2037a9a2c1) until 2026-11-22 signed kube-scheduler/client`,
		}},
	})
}

// names gives the API server's certificate other names.
func names(change func([]string) []string) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) {
		c.Reissue(pki+"/apiserver", func(s *fixtures.Spec) { s.DNSNames = change(slices.Clone(s.DNSNames)) })
	}
}

// addresses gives the API server's certificate other addresses.
func addresses(change func([]string) []string) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) {
		c.Reissue(pki+"/apiserver", func(s *fixtures.Spec) { s.IPs = change(slices.Clone(s.IPs)) })
	}
}

func without(value string) func([]string) []string {
	return func(values []string) []string {
		return slices.DeleteFunc(values, func(v string) bool { return v == value })
	}
}

func with(value string) func([]string) []string {
	return func(values []string) []string { return append(values, value) }
}

func remove(paths ...string) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) { c.Node.Remove(paths...) }
}

// put writes a file that everybody may read.
func put(path, data string) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) { c.Node[path] = fixtures.File{Data: []byte(data), Mode: 0o644} }
}

// emptied leaves nothing in a file, which keeps its mode.
func emptied(path string) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) { c.Node[path] = fixtures.File{Mode: c.Node[path].Mode} }
}

// copied puts a file in a second place as well.
func copied(from, to string) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) { c.Node[to] = c.Node[from] }
}

func TestIdentityEdges(t *testing.T) {
	const apiserver = manifests + "/kube-apiserver.yaml"
	tag := func(new string) func(*fixtures.Cluster) {
		return func(c *fixtures.Cluster) {
			for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
				c.Node.Replace(manifests+"/"+name+".yaml", name+":v1.34.4", name+new)
			}
		}
	}
	noDomain := both(replace(kubeletConfig, "clusterDomain: cluster.local\n", ""),
		replace(apiserver, "https://kubernetes.default.svc.cluster.local", "https://issuer.example.com"))
	noName := both(remove("/etc/hostname"), replace(etc+"/kubelet.conf", "system:node:", "node-"),
		replace(manifests+"/etcd.yaml", "    - --name=cp-1\n", ""))
	advertised := func(address string) func(*fixtures.Cluster) {
		return replace(apiserver, "advertise-address=192.0.2.11", "advertise-address="+address)
	}
	noAdvertise := replace(apiserver, "    - --advertise-address=192.0.2.11\n", "")
	masters := func(c *fixtures.Cluster) {
		c.Reissue(etc+"/scheduler.conf", func(s *fixtures.Spec) { s.Organizations = []string{"system:masters"} })
	}
	balanced := fixtures.Options{ControlPlaneEndpoint: "lb.example.com:6443"}
	testEdges(t, fixtures.ControlPlane, []edge{
		{name: "node name unknown", change: noName, want: []string{
			"done identity/common-name: the node's name is not known, so the commonName of etcd/serving was not held against it; the node's name is not known, so the commonName of etcd/peer was not held against it; the node's name is not known, so the commonName of kubelet/client was not held against it",
			"done identity/san-missing: the node's name is not known, so the dnsName of kube-apiserver/serving was not held against it; the node's name is not known, so the dnsName of etcd/serving was not held against it; the node's name is not known, so the dnsName of etcd/peer was not held against it",
		}},
		{name: "node name from hostname-override", change: replace("/var/lib/kubelet/kubeadm-flags.env", "ARGS=\"", "ARGS=\"--hostname-override=cp-9 "), want: []string{
			`critical identity/common-name /var/lib/kubelet/pki/kubelet-client-current.pem kubelet users[0].user.client-certificate: the common name is "system:node:cp-1"; expected "system:node:cp-9"`,
			`warning identity/san-missing /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: lacks "cp-9" (the node's name); it has "cp-1", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "10.96.0.1", "192.0.2.11"`,
			`info identity/common-name /etc/kubernetes/pki/etcd/peer.crt etcd --peer-cert-file: the common name is "cp-1"; expected "cp-9"`,
			`info identity/san-missing /etc/kubernetes/pki/etcd/peer.crt etcd --peer-cert-file: lacks "cp-9" (the node's name); it has "cp-1", "localhost", "127.0.0.1", "192.0.2.11", "::1"`,
			`info identity/common-name /etc/kubernetes/pki/etcd/server.crt etcd --cert-file: the common name is "cp-1"; expected "cp-9"`,
			`info identity/san-missing /etc/kubernetes/pki/etcd/server.crt etcd --cert-file: lacks "cp-9" (the node's name); it has "cp-1", "localhost", "127.0.0.1", "192.0.2.11", "::1"`,
		}},
		{name: "node name from hostname-override in capitals", change: replace("/var/lib/kubelet/kubeadm-flags.env", "ARGS=\"", "ARGS=\"--hostname-override=CP-1 ")},
		{name: "node name of a cloud provider", change: both(noName, put("/etc/hostname", "cp-1\n"),
			replace("/var/lib/kubelet/kubeadm-flags.env", "ARGS=\"", "ARGS=\"--cloud-provider=aws ")), want: []string{
			"done identity/common-name: the node's name is not known, so the commonName of etcd/serving was not held against it; the node's name is not known, so the commonName of etcd/peer was not held against it; the node's name is not known, so the commonName of kubelet/client was not held against it",
			"done identity/san-missing: the node's name is not known, so the dnsName of kube-apiserver/serving was not held against it; the node's name is not known, so the dnsName of etcd/serving was not held against it; the node's name is not known, so the dnsName of etcd/peer was not held against it",
		}},
		{name: "node name in capitals", change: both(noName, put("/etc/hostname", "# the name\nCP-1\n"))},
		{name: "no domain is set", change: noDomain},
		{name: "no domain is set, and the certificate is for another", change: both(noDomain, names(without("kubernetes.default.svc.cluster.local"))), want: []string{
			`critical identity/san-missing /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: lacks "kubernetes.default.svc.cluster.local" (the cluster's domain); it has "cp-1", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "10.96.0.1", "192.0.2.11"`,
		}},
		{name: "no domain is set, and the kubelet's configuration is not in view", change: both(noDomain, remove(kubeletConfig)), want: []string{
			"critical files/missing /var/lib/kubelet/config.yaml kubelet --config: does not exist; it is named by kubelet --config (/etc/systemd/system/kubelet.service.d/10-kubeadm.conf:4)",
			"done identity/san-missing: the cluster's domain is not known, so the dnsName of kube-apiserver/serving was not held against it",
			"done flags/missing: /var/lib/kubelet/config.yaml, which configures kubelet, was not read, so what is not set there was not judged",
		}},
		{name: "domain from the issuer", change: replace(kubeletConfig, "clusterDomain: cluster.local\n", "")},
		{name: "domain with a dot behind", change: replace(kubeletConfig, "clusterDomain: cluster.local", "clusterDomain: cluster.local.")},
		{name: "version unknown", change: both(tag(":latest"), masters), want: []string{
			`critical identity/organization-extra /etc/kubernetes/scheduler.conf users[0].user.client-certificate-data: has the organization "system:masters", which kube-scheduler/client does not need; expected none`,
			"done identity/organization-extra: the Kubernetes version is not known, so the organizations of kube-apiserver/etcd-client were not judged; the Kubernetes version is not known, so the organizations of kube-apiserver/kubelet-client were not judged; the Kubernetes version is not known, so the organizations of etcd/healthcheck-client were not judged; the Kubernetes version is not known, so the organizations of admin/client were not judged; the Kubernetes version is not known, so the organizations of super-admin/client were not judged",
			"not-applicable input/unknown-version: no image tag tells the Kubernetes version; say it with --kubernetes-version",
		}},
		{name: "version in front of a digest", change: tag(":v1.34.4@sha256:" + strings.Repeat("0", 64))},
		{name: "version of a vendor", change: tag(":v1.34.4-eks-1234567")},
		{name: "version before the table", change: tag(":v1.19.16"), want: []string{
			`critical identity/organization-missing /etc/kubernetes/admin.conf users[0].user.client-certificate-data: the organizations are "kubeadm:cluster-admins"; expected "system:masters" among them`,
			`critical identity/organization-missing /etc/kubernetes/pki/apiserver-kubelet-client.crt kube-apiserver --kubelet-client-certificate: the organizations are "kubeadm:cluster-admins"; expected "system:masters" among them`,
			"info input/unknown-version /etc/kubernetes/manifests/kube-apiserver.yaml spec.containers[0].image: no Kubernetes version before 1.20 is known; v1.19.16 is judged by the requirements of 1.20",
		}},
		{name: "wildcard for the balancer", options: balanced, change: names(func(n []string) []string {
			return with("*.example.com")(without("lb.example.com")(n))
		})},
		{name: "wildcard of one label only", options: fixtures.Options{ControlPlaneEndpoint: "a.lb.example.com:6443"}, change: names(func(n []string) []string {
			return with("*.example.com")(without("a.lb.example.com")(n))
		}), want: []string{
			`critical identity/san-missing /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: lacks "a.lb.example.com" (the server that a kubeconfig calls); it has "cp-1", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "*.example.com", "10.96.0.1", "192.0.2.11"`,
		}},
		{name: "balancer in capitals", options: balanced, change: replace(etc+"/admin.conf", "lb.example.com", "LB.Example.COM")},
		{name: "balancer is missing", options: balanced, change: names(without("lb.example.com")), want: []string{
			`critical identity/san-missing /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: lacks "lb.example.com" (the server that a kubeconfig calls); it has "cp-1", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "10.96.0.1", "192.0.2.11"`,
		}},
		{name: "balancer by address", options: fixtures.Options{ControlPlaneEndpoint: "192.0.2.100:6443"}, change: addresses(without("192.0.2.100")), want: []string{
			`critical identity/san-missing /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: lacks "192.0.2.100" (the server that a kubeconfig calls); it has "cp-1", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "10.96.0.1", "192.0.2.11"`,
		}},
		{name: "balancer by tls-server-name", options: balanced, change: both(names(without("lb.example.com")),
			func(c *fixtures.Cluster) {
				for _, name := range []string{"admin.conf", "super-admin.conf"} {
					c.Node.Replace(etc+"/"+name, "    server:", "    tls-server-name: kubernetes\n    server:")
				}
			})},
		{name: "tls-server-name is missing", change: replace(etc+"/scheduler.conf", "    server:", "    tls-server-name: api.example.com\n    server:"), want: []string{
			`critical identity/san-missing /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: lacks "api.example.com" (the server that a kubeconfig calls); it has "cp-1", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "10.96.0.1", "192.0.2.11"`,
		}},
		{name: "balancer that is not verified", change: replace(etc+"/admin.conf", "    server: https://192.0.2.11:6443", "    insecure-skip-tls-verify: true\n    server: https://lb.example.com:6443")},
		{name: "kubeconfigs with two servers", change: both(replace(etc+"/admin.conf", "192.0.2.11:6443", "a.example.com:6443"),
			replace(etc+"/scheduler.conf", "192.0.2.11:6443", "b.example.com")), want: []string{
			`critical identity/san-missing /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: lacks "a.example.com" (the server that a kubeconfig calls), "b.example.com" (the server that a kubeconfig calls); it has "cp-1", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "10.96.0.1", "192.0.2.11"`,
		}},
		{name: "IPv6", change: both(advertised("2001:db8::11"), addresses(with("2001:db8::11")))},
		{name: "IPv6 spelled out", change: both(advertised("2001:0db8:0:0::0011"), addresses(with("2001:db8::11")))},
		{name: "IPv6 is missing", change: advertised("2001:db8::11"), want: []string{
			"critical identity/san-missing /etc/kubernetes/manifests/kube-apiserver.yaml --advertise-address: advertises 2001:db8::11, which is not in the certificate in /etc/kubernetes/pki/apiserver.crt, while the kubeconfigs of this node call 192.0.2.11, which is; expected one address in all",
		}},
		{name: "IPv6 in a kubeconfig is missing", change: replace(etc+"/admin.conf", "192.0.2.11:6443", "[2001:db8::11]:6443"), want: []string{
			`critical identity/san-missing /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: lacks "2001:db8::11" (the server that a kubeconfig calls); it has "cp-1", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "10.96.0.1", "192.0.2.11"`,
		}},
		{name: "IPv6 service range", options: fixtures.Options{ServiceSubnet: "fd00:10:96::/108"}},
		{name: "dual stack with IPv6 first", options: fixtures.Options{ServiceSubnet: "fd00:10:96::/108,10.96.0.0/12"}},
		{name: "dual stack, first of the second range", options: fixtures.Options{ServiceSubnet: "10.96.0.0/12,fd00:10:96::/108"},
			change: addresses(func(ips []string) []string { return with("fd00:10:96::1")(without("10.96.0.1")(ips)) }), want: []string{
				`critical identity/san-missing /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: lacks "10.96.0.1" (the first address of the service range); it has "cp-1", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "192.0.2.11", "fd00:10:96::1"`,
			}},
		{name: "service range unknown", change: both(replace(apiserver, "10.96.0.0/12", "$(SERVICE_RANGE)"), addresses(without("10.96.0.1"))), want: []string{
			"done identity/san-missing: the first address of the service range is not known, so the ipAddress of kube-apiserver/serving was not held against it",
			"not-applicable flags/service-range: the service range of kube-apiserver is not known",
		}},
		{name: "service range with host bits", change: replace(apiserver, "10.96.0.0/12", "10.96.3.7/12")},
		{name: "address from the annotation", change: noAdvertise},
		{name: "address from the annotation is missing", change: both(noAdvertise,
			replace(apiserver, "advertise-address.endpoint: 192.0.2.11:", "advertise-address.endpoint: 192.0.2.12:")), want: []string{
			`critical identity/san-missing /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: lacks "192.0.2.12" (the API server's advertised address); it has "cp-1", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "10.96.0.1", "192.0.2.11"`,
		}},
		{name: "address is unspecified", change: both(replace(apiserver, "advertise-address=192.0.2.11", "advertise-address=0.0.0.0"),
			replace(apiserver, "endpoint: 192.0.2.11", "endpoint: 0.0.0.0")), want: []string{
			"done identity/san-missing: the API server's advertised address is not known, so the ipAddress of kube-apiserver/serving was not held against it",
		}},
		{name: "any front proxy is allowed", change: both(replace(apiserver, "allowed-names=front-proxy-client", "allowed-names="),
			func(c *fixtures.Cluster) {
				c.Reissue(pki+"/front-proxy-client", func(s *fixtures.Spec) { s.CommonName = "aggregator" })
			})},
		{name: "no front proxy names are said", change: both(replace(apiserver, "    - --requestheader-allowed-names=front-proxy-client\n", ""),
			func(c *fixtures.Cluster) {
				c.Reissue(pki+"/front-proxy-client", func(s *fixtures.Spec) { s.CommonName = "aggregator" })
			})},
		{name: "two front proxies are allowed", change: replace(apiserver, "allowed-names=front-proxy-client", "allowed-names=aggregator,front-proxy-client")},
		{name: "no common name and no names", change: func(c *fixtures.Cluster) {
			c.Reissue(pki+"/apiserver", func(s *fixtures.Spec) { s.CommonName, s.DNSNames, s.IPs = "", nil, nil })
		}, want: []string{
			`critical identity/san-missing /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: lacks "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local" (the cluster's domain), "cp-1" (the node's name), "192.0.2.11" (the server that a kubeconfig calls), "10.96.0.1" (the first address of the service range); it has no alternative names`,
			`info identity/common-name /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: the common name is ""; expected "kube-apiserver"`,
		}},
		{name: "control characters in a subject", change: func(c *fixtures.Cluster) {
			c.Reissue(etc+"/scheduler.conf", func(s *fixtures.Spec) {
				s.CommonName, s.Organizations = "system:\x1b[31mkube-scheduler\x00", []string{"a\r\nb", "\u202egnp"}
			})
		}, want: []string{
			`critical identity/common-name /etc/kubernetes/scheduler.conf users[0].user.client-certificate-data: the common name is "system:\x1b[31mkube-scheduler\x00"; expected "system:kube-scheduler"`,
			`warning identity/organization-extra /etc/kubernetes/scheduler.conf users[0].user.client-certificate-data: has the organization "\u202egnp", which kube-scheduler/client does not need; expected none`,
			`warning identity/organization-extra /etc/kubernetes/scheduler.conf users[0].user.client-certificate-data: has the organization "a\r\nb", which kube-scheduler/client does not need; expected none`,
		}},
	})
}

func TestIdentityOfWorkers(t *testing.T) {
	testEdges(t, fixtures.Worker, []edge{
		{name: "node name unknown", change: remove("/etc/hostname"), want: []string{
			"done identity/common-name: the node's name is not known, so the commonName of kubelet/client was not held against it",
		}},
		{name: "another node's name", change: put("/etc/hostname", "worker-2\n"), want: []string{
			`critical identity/common-name /var/lib/kubelet/pki/kubelet-client-current.pem kubelet users[0].user.client-certificate: the common name is "system:node:worker-1"; expected "system:node:worker-2"`,
		}},
	})
}
