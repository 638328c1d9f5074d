package audit_test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"certaudit/audit"
	"certaudit/fixtures"
)

// named is a node with one thing changed that is about names, addresses, usages or
// groups, and all that an audit says of it but for what it says of every sound one.
type named struct {
	name    string
	build   func(fixtures.Options) *fixtures.Cluster
	options fixtures.Options
	change  func(*fixtures.Cluster)
	want    []string
}

func testNamed(t *testing.T, rows []named) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			build := row.build
			if build == nil {
				build = fixtures.ControlPlane
			}
			c := build(row.options)
			if row.change != nil {
				row.change(c)
			}
			var got []string
			for _, f := range auditNode(t, c.Node, audit.Options{}).Findings {
				if f.Check != "kubelet/serving-self-signed" && f.Check != "files/unreferenced" {
					got = append(got, fmt.Sprintf("%s %s %s: %s", f.Severity, f.Check, strings.TrimSpace(f.Path+" "+f.Field), f.Message))
				}
			}
			compare(t, row.want, got)
		})
	}
}

// hosts writes /etc/hosts.
func hosts(lines ...string) func(*fixtures.Cluster) {
	return put("/etc/hosts", "127.0.0.1 localhost\n"+strings.Join(lines, "\n")+"\n")
}

// calls has a kubeconfig call another server.
func calls(file, server string) func(*fixtures.Cluster) {
	return replace(etc+"/"+file, "server: https://192.0.2.11:6443", "server: "+server)
}

// callsEtcd has the API server call etcd elsewhere.
func callsEtcd(urls string) func(*fixtures.Cluster) {
	return replace(apiManifest, "--etcd-servers=https://127.0.0.1:2379", "--etcd-servers="+urls)
}

// kubeletServes gives the kubelet a serving certificate of the cluster's CA with
// names and addresses.
func kubeletServes(dns, ips []string) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) {
		served(c)
		c.Reissue(kubeletPKI+"/serving", func(s *fixtures.Spec) { s.DNSNames, s.IPs = dns, ips })
	}
}

// preferred has the API server call kubelets by some kinds of address.
func preferred(kinds string) func(*fixtures.Cluster) {
	return replace(apiManifest, "--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname", "--kubelet-preferred-address-types="+kinds)
}

// nameless takes all alternative names from a certificate.
func nameless(base string) func(*fixtures.Cluster) {
	return spec(base, func(s *fixtures.Spec) { s.DNSNames, s.IPs = nil, nil })
}

// managerServes gives kube-controller-manager a serving certificate.
func managerServes(change func(*fixtures.Spec)) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) {
		s := fixtures.Spec{CommonName: "kube-controller-manager", DNSNames: []string{"localhost"}, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
		change(&s)
		c.Issue(pki+"/manager", s)
		c.Node.Replace(manifests+"/kube-controller-manager.yaml", "    - --kubeconfig=", "    - --tls-cert-file="+pki+"/manager.crt\n    - --tls-private-key-file="+pki+"/manager.key\n    - --kubeconfig=")
	}
}

const noNames = ": has no alternative names, so that no host matches it: Go programs look at no common name since Go 1.15"

func TestServingNames(t *testing.T) {
	const lb = "lb.example.com:6443"
	external := replace("/var/lib/kubelet/kubeadm-flags.env", `ARGS="`, `ARGS="--cloud-provider=external `)
	testNamed(t, []named{
		{name: "a kubelet without names that nobody verifies", change: kubeletServes(nil, nil)},
		{name: "a worker's kubelet without names", build: fixtures.Worker, change: kubeletServes(nil, nil), want: []string{
			"info identity/san-missing /var/lib/kubelet/pki/serving.crt kubelet tlsCertFile" + noNames}},
		{name: "a worker's kubelet with a name", build: fixtures.Worker, change: kubeletServes([]string{"worker-1"}, nil)},
		{name: "a kubelet without names, called by one", change: both(strict, preferred("Hostname"), kubeletServes(nil, nil)), want: []string{
			`critical identity/san-missing /var/lib/kubelet/pki/serving.crt kubelet tlsCertFile: lacks "cp-1" (how the API server calls the kubelet); it has no alternative names`}},
		{name: "a kubelet called by its name", change: both(strict, preferred("Hostname,InternalIP"), kubeletServes([]string{"cp-1"}, nil))},
		{name: "a kubelet called by an address that no file says", change: both(strict, kubeletServes([]string{"cp-1"}, []string{"192.0.2.11"}))},
		{name: "a kubelet called as a cloud provider says", change: both(strict, external, preferred("ExternalDNS,InternalIP"), kubeletServes([]string{"cp-1.cloud.example"}, nil))},
		{name: "a kubelet of a cloud provider, called by its address", change: both(strict, external, kubeletServes([]string{"cp-1"}, nil)), want: []string{
			"critical identity/san-missing /var/lib/kubelet/pki/serving.crt kubelet tlsCertFile: has no address among its alternative names, and is dialled by address"}},
		{name: "a kubelet of a cloud provider without names", change: both(strict, external, preferred("ExternalDNS"), kubeletServes(nil, nil)), want: []string{
			"critical identity/san-missing /var/lib/kubelet/pki/serving.crt kubelet tlsCertFile" + noNames}},
		{name: "a kubelet whose name is on the loopback", change: both(strict, hosts("127.0.1.1 cp-1"), kubeletServes(nil, []string{"192.0.2.11"}))},
		{name: "a kubelet of two addresses", change: both(strict, hosts("2001:db8::11 cp-1", "192.0.2.11 cp-1"), kubeletServes(nil, []string{"192.0.2.11"}))},

		{name: "etcd without names", change: nameless(etcdServing), want: []string{
			`critical identity/san-missing /etc/kubernetes/pki/etcd/server.crt etcd --cert-file: lacks "localhost", "cp-1" (the node's name), "127.0.0.1" (the host of etcd's client URL), "192.0.2.11" (the host of etcd's client URL, which nothing on this node calls), "::1"; it has no alternative names`}},
		{name: "etcd among others without its address", change: both(members("https", "192.0.2.11", "192.0.2.12"), spec(pki+"/etcd/peer", func(s *fixtures.Spec) { s.IPs = without("192.0.2.11")(s.IPs) })), want: []string{
			`critical identity/san-missing /etc/kubernetes/pki/etcd/peer.crt etcd --peer-cert-file: lacks "192.0.2.11" (the host of etcd's peer URL); it has "cp-1", "localhost", "127.0.0.1", "::1"`}},
		{name: "the first etcd of a control plane behind a balancer", options: fixtures.Options{ControlPlaneEndpoint: lb}, change: spec(pki+"/etcd/peer", func(s *fixtures.Spec) { s.IPs = without("192.0.2.11")(s.IPs) }), want: []string{
			`critical identity/san-missing /etc/kubernetes/pki/etcd/peer.crt etcd --peer-cert-file: lacks "192.0.2.11" (the host of etcd's peer URL); it has "cp-1", "localhost", "127.0.0.1", "::1"`}},

		{name: "a pair for SNI without names", change: func(c *fixtures.Cluster) {
			c.Issue(pki+"/sni", fixtures.Spec{CommonName: "api.example.org", Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
			apiFlag("--tls-sni-cert-key=" + pki + "/sni.crt," + pki + "/sni.key")(c)
		}, want: []string{"critical identity/san-missing /etc/kubernetes/pki/sni.crt kube-apiserver --tls-sni-cert-key" + noNames}},
		{name: "a pair for SNI that answers for a name", change: both(names(without("kubernetes.default")), func(c *fixtures.Cluster) {
			c.Issue(pki+"/sni", fixtures.Spec{CommonName: "service", DNSNames: []string{"kubernetes.default"}, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
			apiFlag("--tls-sni-cert-key=" + pki + "/sni.crt," + pki + "/sni.key")(c)
		})},
		{name: "a manager that serves without names", change: managerServes(func(s *fixtures.Spec) { s.DNSNames = nil }), want: []string{
			"info identity/san-missing /etc/kubernetes/pki/manager.crt kube-controller-manager --tls-cert-file" + noNames}},
		{name: "a manager that serves", change: managerServes(func(*fixtures.Spec) {})},

		{name: "made by hand, no name of the Service", build: fixtures.Native, change: spec("/var/lib/kubernetes/apiserver", func(s *fixtures.Spec) { s.DNSNames = []string{"cp-1"} }), want: []string{
			`warning identity/san-missing /var/lib/kubernetes/apiserver.crt kube-apiserver --tls-cert-file: lacks "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local" (the cluster's domain); it has "cp-1", "10.96.0.1", "192.0.2.11", "127.0.0.1"`}},
		{name: "made by hand, a domain of its own that only the certificate says", build: fixtures.Native, options: fixtures.Options{Domain: "k8s.example.com"}, change: noDomainByHand("k8s.example.com")},
		{name: "made by hand, the usual domain, which no file says", build: fixtures.Native, change: both(noDomainByHand("cluster.local"), spec("/var/lib/kubernetes/apiserver", func(s *fixtures.Spec) {
			s.DNSNames = without("kubernetes.default.svc.cluster.local")(s.DNSNames)
		})), want: []string{
			`warning identity/san-missing /var/lib/kubernetes/apiserver.crt kube-apiserver --tls-cert-file: lacks "kubernetes.default.svc.cluster.local" (the cluster's domain); it has "cp-1", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "10.96.0.1", "192.0.2.11", "127.0.0.1"`}},
	})
}

// noDomainByHand takes the cluster's domain from what says it on a node made by
// hand.
func noDomainByHand(domain string) func(*fixtures.Cluster) {
	return both(replace(kubeletConfig, "clusterDomain: "+domain+"\n", ""),
		replace("/etc/systemd/system/kube-apiserver.service", "https://kubernetes.default.svc."+domain, "https://issuer.example.com"))
}

func TestCalledAddresses(t *testing.T) {
	former := func(file, component string) string {
		return "warning connections/address /etc/kubernetes/" + file + " clusters[0].cluster.server: " + component + " calls 192.0.2.7, and the API server of this node gives out 192.0.2.11: it looks like an address that the node had before"
	}
	old := fixtures.Options{ExtraSANs: []string{"192.0.2.7"}}
	all := func(server string) func(*fixtures.Cluster) {
		return both(calls("admin.conf", server), calls("super-admin.conf", server), calls("controller-manager.conf", server), calls("scheduler.conf", server), calls("kubelet.conf", server))
	}
	const etcdLine = " and neither in the addresses nor in the certificate of the etcd of this node is one of these: it listens at https://127.0.0.1:2379,https://192.0.2.11:2379 and gives out https://192.0.2.11:2379"
	const etcdPlace = "warning connections/address /etc/kubernetes/manifests/kube-apiserver.yaml --etcd-servers: kube-apiserver calls etcd at "
	testNamed(t, []named{
		{name: "a balancer's address, called by all", options: old, change: all("https://192.0.2.7:6443")},
		{name: "an old address, called by two", options: old, change: both(calls("controller-manager.conf", "https://192.0.2.7:6443"), calls("kubelet.conf", "https://192.0.2.7:6443")), want: []string{
			former("controller-manager.conf", "kube-controller-manager"), former("kubelet.conf", "kubelet")}},
		{name: "an address that is not the node's, called by the kubelet alone", options: old, change: calls("kubelet.conf", "https://192.0.2.7:6443")},
		{name: "a name of a balancer", options: fixtures.Options{ExtraSANs: []string{"lb.example.com"}}, change: calls("scheduler.conf", "https://lb.example.com:6443")},
		{name: "the loopback", options: fixtures.Options{ExtraSANs: []string{"127.0.0.1"}}, change: calls("scheduler.conf", "https://127.0.0.1:6443")},
		{name: "another member of the control plane", change: both(members("https", "192.0.2.11", "192.0.2.12"), calls("scheduler.conf", "https://192.0.2.12:6443"))},
		{name: "another member of the control plane by a name of /etc/hosts", change: both(members("https", "192.0.2.11", "192.0.2.12"), hosts("192.0.2.12 cp-2"), calls("scheduler.conf", "https://cp-2:6443"))},
		{name: "a second address of the node", options: old, change: both(nodeIP("192.0.2.7"), calls("scheduler.conf", "https://192.0.2.7:6443"))},
		{name: "a second address that /etc/hosts gives the node's name", options: old, change: both(hosts("192.0.2.7 cp-1"), calls("scheduler.conf", "https://192.0.2.7:6443"))},

		{name: "etcd by its other address", change: callsEtcd("https://192.0.2.11:2379")},
		{name: "etcd by localhost", change: callsEtcd("https://localhost:2379")},
		{name: "etcd by a name of /etc/hosts, which the certificate has", change: both(hosts("192.0.2.11 etcd"), callsEtcd("https://etcd:2379"), spec(etcdServing, func(s *fixtures.Spec) { s.DNSNames = append(s.DNSNames, "etcd") }))},
		{name: "etcd by a name that only the DNS knows, which the certificate has", change: both(callsEtcd("https://etcd.example.com:2379"), spec(etcdServing, func(s *fixtures.Spec) { s.DNSNames = append(s.DNSNames, "etcd.example.com") }))},
		{name: "etcd by a name that only the DNS knows", change: callsEtcd("https://etcd.example.com:2379"), want: []string{etcdPlace + "etcd.example.com," + etcdLine}},
		{name: "another member of etcd alone", change: both(members("https", "192.0.2.11", "192.0.2.12"), replace(apiManifest, "https://192.0.2.11:2379,https://192.0.2.12:2379", "https://192.0.2.12:2379"))},
		{name: "etcd at one of two addresses", change: callsEtcd("https://192.0.2.99:2379,https://127.0.0.1:2379")},
		{name: "etcd at none of two addresses", change: callsEtcd("https://192.0.2.98:2379,https://192.0.2.99:2379"), want: []string{etcdPlace + "192.0.2.98 or 192.0.2.99," + etcdLine}},
		{name: "etcd that listens everywhere", change: both(callsEtcd("https://192.0.2.11:2379"), replace(etcdManifest, "--listen-client-urls=https://127.0.0.1:2379,https://192.0.2.11:2379", "--listen-client-urls=https://0.0.0.0:2379"))},
		{name: "etcd elsewhere", options: fixtures.Options{ExternalEtcd: true}},
		{name: "etcd of the loopback that is not in view", options: fixtures.Options{ExternalEtcd: true}, change: replace(apiManifest, "https://etcd-0.example.com:2379", "https://127.0.0.1:4001")},
	})
}

// A name or an address that means no server in view has the reason why.
func TestReasonsOfUnknownServers(t *testing.T) {
	for _, tt := range []struct {
		name     string
		build    func(fixtures.Options) *fixtures.Cluster
		options  fixtures.Options
		change   func(*fixtures.Cluster)
		from, to string
		want     string
	}{
		{"a worker's proxy on the loopback", fixtures.Worker, fixtures.Options{}, calls("kubelet.conf", "https://localhost:6443"), "kubelet", "kube-apiserver",
			"what listens at localhost on this node is not known"},
		{"etcd on the loopback", fixtures.ControlPlane, fixtures.Options{ExternalEtcd: true}, replace(apiManifest, "https://etcd-0.example.com:2379,https://etcd-1.example.com:2379,https://etcd-2.example.com:2379", "https://[::1]:4001"),
			"kube-apiserver", "etcd", "what listens at ::1 on this node is not known"},
		{"a name of /etc/hosts", fixtures.ControlPlane, fixtures.Options{}, both(hosts("192.0.2.99 etcd"), callsEtcd("https://etcd:2379")), "kube-apiserver", "etcd",
			"the etcd of this node does not listen at etcd, which is 192.0.2.99 by /etc/hosts:2"},
		{"a name of the DNS", fixtures.ControlPlane, fixtures.Options{}, callsEtcd("https://etcd.example.com:2379"), "kube-apiserver", "etcd", "whether etcd.example.com is this node only the DNS can tell"},
		{"a member by a name of /etc/hosts", fixtures.ControlPlane, fixtures.Options{}, both(members("https", "192.0.2.11", "192.0.2.12"), hosts("192.0.2.12 cp-2"), calls("scheduler.conf", "https://cp-2:6443")),
			"kube-scheduler", "kube-apiserver", "cp-2 is another member of the control plane"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := tt.build(tt.options)
			tt.change(c)
			got := connection(t, auditNode(t, c.Node, audit.Options{}), tt.from, tt.to)
			if got.Status != audit.VerdictUnknown || got.Reason != tt.want {
				t.Errorf("%s: %s; expected %s: %s", got.Status, got.Reason, audit.VerdictUnknown, tt.want)
			}
		})
	}
}

func TestWorkersTrust(t *testing.T) {
	trust := func(cas ...string) func(*fixtures.Cluster) {
		return func(c *fixtures.Cluster) {
			c.Node.Replace(etc+"/kubelet.conf", encodedPEM(c.CertificatePEM(fixtures.CA)), encodedPEM(bundle(c, cas)))
		}
	}
	above := authority("above", fixtures.Spec{CommonName: "root", NotBefore: fixtures.Now.Add(-day)})
	testNamed(t, []named{
		{name: "both CAs of a rotation", build: fixtures.Worker, change: both(namesake, trust("namesake", fixtures.CA))},
		{name: "both in ca.crt", build: fixtures.Worker, change: both(namesake, behind(pki+"/ca.crt", "namesake"), trust("namesake")), want: []string{
			`info chain/rotation /etc/kubernetes/pki/ca.crt kubelet authentication.x509.clientCAFile: the bundle holds 2 CAs, as during a rotation: "kubernetes" (serial ` + caSerial(nil, fixtures.CA) + `) until 2036-10-21 signed kubelet/client; "kubernetes" (serial ` + caSerial(namesake, "namesake") + `) until 2036-10-21 signed nothing in view`}},
		{name: "the CA was renewed with its key", build: fixtures.Worker, change: both(authority("renewed", fixtures.Spec{CommonName: "kubernetes", KeyName: "ca/" + fixtures.CA}), trust("renewed"))},
		{name: "the root above the CA of ca.crt", build: fixtures.Worker, change: both(above, func(c *fixtures.Cluster) {
			old := encodedPEM(c.CertificatePEM(fixtures.CA))
			c.NewCA(fixtures.CA, fixtures.Spec{CommonName: "kubernetes", Signer: "above", KeyName: "below"})
			c.Node[pki+"/ca.crt"] = fixtures.File{Mode: 0o644, Data: c.CertificatePEM(fixtures.CA)}
			c.Reissue(kubeletClient, func(*fixtures.Spec) {})
			c.Node.Replace(etc+"/kubelet.conf", old, encodedPEM(c.CertificatePEM("above")))
		})},
		{name: "made by hand, another CA for servers", build: fixtures.Native, change: both(other, func(c *fixtures.Cluster) {
			for _, component := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"} {
				c.Node.Remove("/etc/systemd/system/" + component + ".service")
			}
			c.Node.Remove("/var/lib/kubernetes/apiserver.crt", "/var/lib/kubernetes/ca.key")
			trust("other")(c)
		})},
		{name: "the CA of another cluster", build: fixtures.Worker, change: both(other, trust("other")), want: []string{
			`critical connections/server-untrusted /etc/kubernetes/kubelet.conf clusters[0].cluster.certificate-authority-data: kubelet -> kube-apiserver https://192.0.2.11:6443: the client trusts "another" (serial ` + caSerial(other, "other") + `) alone, and the CA of /etc/kubernetes/pki/ca.crt is "kubernetes" (serial ` + caSerial(nil, fixtures.CA) + `)`}},
	})
}

// caSerial is the serial number of a CA of every cluster.
func caSerial(change func(*fixtures.Cluster), ca string) string {
	c := fixtures.Worker(fixtures.Options{})
	if change != nil {
		change(c)
	}
	block, _ := pem.Decode(c.CertificatePEM(ca))
	return must(x509.ParseCertificate(block.Bytes)).SerialNumber.Text(16)
}

func TestGroups(t *testing.T) {
	units := func(base string, units ...string) func(*fixtures.Cluster) {
		return spec(base, func(s *fixtures.Spec) { s.Units = units })
	}
	masters := func(base string) func(*fixtures.Cluster) {
		return spec(base, func(s *fixtures.Spec) { s.Organizations = []string{"system:masters"} })
	}
	misplaced := func(at, unit string) string {
		return fmt.Sprintf(`warning identity/organizational-unit %s: has OU="%s", and groups are read from O alone, which is empty; expected O="%[2]s"`, at, unit)
	}
	const inScheduler = "/etc/kubernetes/scheduler.conf users[0].user.client-certificate-data"
	testNamed(t, []named{
		{name: "OU of Kubernetes", change: units(scheduler, "system:masters"), want: []string{misplaced(inScheduler, "system:masters")}},
		{name: "OU of kubeadm", change: units(scheduler, "kubeadm:cluster-admins"), want: []string{misplaced(inScheduler, "kubeadm:cluster-admins")}},
		{name: "OU of an identity provider", change: units(scheduler, "oidc:team-blue"), want: []string{misplaced(inScheduler, "oidc:team-blue")}},
		{name: "OU of a company", change: units(scheduler, "IT Operations", "Cost centre: 4711", "R&D", "k8s")},
		{name: "OU of the client to kubelets", change: units(pki+"/apiserver-kubelet-client", "system:masters"), want: []string{
			`warning identity/organizational-unit /etc/kubernetes/pki/apiserver-kubelet-client.crt kube-apiserver --kubelet-client-certificate: has OU="system:masters", and groups are read from O alone, which is "kubeadm:cluster-admins"; expected O="system:masters"`}},
		{name: "OU where no groups are read", change: both(units(etcdClient, "system:masters"), units(serving, "system:masters"), units(pki+"/front-proxy-client", "system:masters"))},

		{name: "system:masters on the API server's own certificate", change: masters(serving), want: []string{
			`info identity/organization-extra /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: has the organization "system:masters", which kube-apiserver/serving does not need; expected none; whoever has the API server's own key may do everything anyway, and until the certificate ends also as a client`}},
		{name: "system:masters of another CA", change: masters(pki + "/front-proxy-client"), want: []string{
			`info identity/organization-extra /etc/kubernetes/pki/front-proxy-client.crt kube-apiserver --proxy-client-cert-file: has the organization "system:masters", which kube-apiserver/front-proxy-client does not need; expected none; no API server takes it for a client's: its CA is not in /etc/kubernetes/pki/ca.crt`}},
		{name: "system:masters of the scheduler", change: masters(scheduler), want: []string{
			`critical identity/organization-extra ` + inScheduler + `: has the organization "system:masters", which kube-scheduler/client does not need; expected none`}},
		{name: "made by hand, the proxy's group is called as itself", build: fixtures.Native, change: spec(etc+"/kube-proxy.conf", func(s *fixtures.Spec) { s.Organizations = []string{"system:kube-proxy"} })},
		{name: "made by hand, etcd's clients are of a group", build: fixtures.Native, change: masters("/var/lib/kubernetes/apiserver-etcd-client")},
	})
}

func TestKeyUsages(t *testing.T) {
	usage := func(base string, algorithm fixtures.KeyAlgorithm, u x509.KeyUsage) func(*fixtures.Cluster) {
		return spec(base, func(s *fixtures.Spec) { s.KeyAlgorithm, s.KeyUsage = algorithm, u })
	}
	const at = " usage/key-usage /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: the key usages are "
	const encipherment, signature, agreement, content = x509.KeyUsageKeyEncipherment, x509.KeyUsageDigitalSignature, x509.KeyUsageKeyAgreement, x509.KeyUsageContentCommitment
	testNamed(t, []named{
		{name: "RSA, signature alone", change: usage(serving, fixtures.RSA2048, signature)},
		{name: "RSA, encipherment alone", change: usage(serving, fixtures.RSA2048, encipherment), want: []string{
			"info" + at + `"key encipherment"; expected "digital signature" as well: Java and others sign with the key in every handshake and refuse it, Go and OpenSSL do not`}},
		{name: "RSA, neither", change: usage(serving, fixtures.RSA2048, content), want: []string{
			"warning" + at + `"content commitment"; expected "digital signature": Go programs do not look, and OpenSSL, curl, Python and Java refuse it`}},
		{name: "RSA, key agreement", change: usage(serving, fixtures.RSA2048, agreement), want: []string{
			"warning" + at + `"key agreement"; expected "digital signature": Go programs do not look, and Java refuses it, and OpenSSL with TLS 1.2`}},
		{name: "ECDSA, signature alone", change: usage(serving, fixtures.ECDSAP256, signature)},
		{name: "ECDSA, encipherment alone", change: usage(serving, fixtures.ECDSAP256, encipherment), want: []string{
			"warning" + at + `"key encipherment"; expected "digital signature": Go programs do not look, and Java refuses it, and OpenSSL with TLS 1.2`}},
		{name: "Ed25519, signature of certificates", change: usage(serving, fixtures.Ed25519, x509.KeyUsageCertSign), want: []string{
			"warning" + at + `"cert sign"; expected "digital signature": Go programs do not look, and OpenSSL, curl, Python and Java refuse it`}},
		{name: "a client", change: usage(scheduler, fixtures.ECDSAP256, content), want: []string{
			`warning usage/key-usage /etc/kubernetes/scheduler.conf users[0].user.client-certificate-data: the key usages are "content commitment"; expected "digital signature": Go programs do not look, and OpenSSL, curl, Python and Java refuse it`}},
	})
}

func TestWhoseFilesTheyAre(t *testing.T) {
	elsewhere := func(c *fixtures.Cluster) {
		for _, flag := range []string{"etcd-cafile=" + pki + "/etcd/ca.crt", "etcd-certfile=" + etcdClient + ".crt", "etcd-keyfile=" + etcdClient + ".key"} {
			name, file, _ := strings.Cut(flag, "=")
			c.Node.Replace(apiManifest, "--"+name+"="+file, "--"+name+"="+pki+"/external/"+file[strings.LastIndex(file, "/")+1:])
			c.Node[pki+"/external/"+file[strings.LastIndex(file, "/")+1:]] = c.Node[file]
		}
	}
	testNamed(t, []named{
		{name: "etcd of others, any names", options: fixtures.Options{ExternalEtcd: true}, change: both(
			authority("company", fixtures.Spec{CommonName: "Company CA"}),
			spec(etcdClient, func(s *fixtures.Spec) { s.CommonName, s.Organizations, s.Signer = "etcd", []string{"k8s"}, "company" }),
			verifies(pki+"/etcd/ca.crt", "company"))},
		{name: "etcd of others, and kubeadm's files are left over", options: fixtures.Options{ExternalEtcd: true}, change: both(elsewhere, func(c *fixtures.Cluster) {
			c.Issue(pki+"/etcd/server", fixtures.Spec{CommonName: "cp-1", Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, Signer: fixtures.EtcdCA, NotBefore: fixtures.Now.Add(-400 * day), NotAfter: fixtures.Now.Add(-day)})
			c.Reissue(etcdClient, over)
		})},
		{name: "kubeadm's own etcd under another name", change: spec(pki+"/etcd/peer", func(s *fixtures.Spec) { s.CommonName = "etcd" }), want: []string{
			`info identity/common-name /etc/kubernetes/pki/etcd/peer.crt etcd --peer-cert-file: the common name is "etcd"; expected "cp-1"`}},
		{name: "kubeadm's manifest of etcd is away", change: both(remove(etcdManifest), spec(pki+"/etcd/peer", over)), want: []string{
			"critical validity/expired /etc/kubernetes/pki/etcd/peer.crt kubeadm etcd/peer.crt: expired on 2026-11-23 11:59 UTC, 0 minutes ago; it must be renewed",
			"warning input/component-unread /etc/kubernetes/manifests/etcd.yaml: nothing on this node starts etcd, although there is /etc/kubernetes/pki/etcd/server.crt; what it is configured with was not judged"}},
		{name: "an old root beside the CA and those above it", options: fixtures.Options{ExternalCA: true}, change: both(
			authority("root", fixtures.Spec{CommonName: "root", NotBefore: fixtures.Now.Add(-day)}), namesake, behind(pki+"/ca.crt", "namesake")), want: []string{
			`info chain/rotation /etc/kubernetes/pki/ca.crt kubelet authentication.x509.clientCAFile: the bundle holds 2 CAs, as during a rotation: "kubernetes" (serial ` + caSerial(nil, fixtures.CA) + `) until 2036-10-21 signed kube-apiserver/serving, kube-apiserver/kubelet-client, kube-controller-manager/client, kube-scheduler/client, admin/client, super-admin/client, kubelet/client; "kubernetes" (serial ` + caSerial(namesake, "namesake") + `) until 2036-10-21 signed nothing in view`}},
		{name: "a node name of a cloud provider that is gone", change: replace("/var/lib/kubelet/kubeadm-flags.env", `ARGS="`, `ARGS="--cloud-provider=aws --hostname-override=cp-9 `), options: fixtures.Options{Version: "v1.31.14"}, want: []string{
			`critical identity/common-name /var/lib/kubelet/pki/kubelet-client-current.pem kubelet users[0].user.client-certificate: the common name is "system:node:cp-1"; expected "system:node:cp-9"`,
			`warning identity/san-missing /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: lacks "cp-9" (the node's name); it has "cp-1", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "10.96.0.1", "192.0.2.11"`,
			`info identity/common-name /etc/kubernetes/pki/etcd/peer.crt etcd --peer-cert-file: the common name is "cp-1"; expected "cp-9"`,
			`info identity/san-missing /etc/kubernetes/pki/etcd/peer.crt etcd --peer-cert-file: lacks "cp-9" (the node's name); it has "cp-1", "localhost", "127.0.0.1", "192.0.2.11", "::1"`,
			`info identity/common-name /etc/kubernetes/pki/etcd/server.crt etcd --cert-file: the common name is "cp-1"; expected "cp-9"`,
			`info identity/san-missing /etc/kubernetes/pki/etcd/server.crt etcd --cert-file: lacks "cp-9" (the node's name); it has "cp-1", "localhost", "127.0.0.1", "192.0.2.11", "::1"`,
		}},
		{name: "a node name of a cloud provider outside", change: replace("/var/lib/kubelet/kubeadm-flags.env", `ARGS="`, `ARGS="--cloud-provider=external --hostname-override=cp-1 `), options: fixtures.Options{Version: "v1.24.17"}},
	})
}
