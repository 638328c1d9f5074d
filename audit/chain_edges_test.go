package audit_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"net"
	"slices"
	"testing"

	"certaudit/audit"
	"certaudit/fixtures"
)

// What is not what it looks like: names that are equal, keys that are not.
func TestChainOfNamesakes(t *testing.T) {
	const cm = manifests + "/kube-controller-manager.yaml"
	// self serves a certificate that signed itself, and has the scheduler trust it.
	self := func(c *fixtures.Cluster) {
		c.Node[serving+".crt"] = fixtures.File{Mode: 0o644, Data: craft(c, serving+".key", "", x509.Certificate{Subject: pkix.Name{CommonName: "kube-apiserver"},
			DNSNames: []string{"cp-1", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"}, IPAddresses: []net.IP{net.ParseIP("10.96.0.1"), net.ParseIP("192.0.2.11")},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})}
		c.Node.Replace(scheduler, encodedPEM(c.CertificatePEM(fixtures.CA)), encodedPEM(c.Node[serving+".crt"].Data))
	}
	serial := func(base string) func(*fixtures.Cluster) {
		return spec(base, func(s *fixtures.Spec) { s.Serial = big.NewInt(4711) })
	}
	frontProxy := func(s fixtures.Spec) func(*fixtures.Cluster) {
		return func(c *fixtures.Cluster) {
			c.NewCA(fixtures.FrontProxyCA, s)
			c.WriteCA(fixtures.FrontProxyCA, pki+"/front-proxy-ca")
			c.Reissue(pki+"/front-proxy-client", func(*fixtures.Spec) {})
		}
	}
	twoFrontProxies := func(c *fixtures.Cluster) {
		c.NewCA("second", fixtures.Spec{CommonName: "front-proxy-ca", NotBefore: fixtures.Now.Add(-day)})
		c.Node.Append(pki+"/front-proxy-ca.crt", c.CertificatePEM("second"))
		c.Issue(pki+"/second", fixtures.Spec{CommonName: "second", DNSNames: []string{"second.example.org"}, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, Signer: "second", Serial: big.NewInt(4711)})
		c.Node.Replace(apiManifest, "    - --tls-cert-file", "    - --tls-sni-cert-key="+pki+"/second.crt,"+pki+"/second.key\n    - --tls-cert-file")
	}
	testEdges(t, fixtures.ControlPlane, []edge{
		{name: "self-signed, and trusted as it is", change: self, want: []string{
			`critical chain/wrong-issuer /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: is issued by "kube-apiserver"; expected a signature by "kubernetes" of /etc/kubernetes/pki/ca.crt`,
		}},
		{name: "webhook that is trusted by its own certificate", change: both(hooked("--audit-webhook-config-file", webhook("https://hook.example.com", "    certificate-authority: server.pem\n", "")), mode(pki+"/hook.conf", 0o600), func(c *fixtures.Cluster) {
			c.WriteKey("/tmp/hook.key", "hook")
			c.Node[pki+"/server.pem"] = fixtures.File{Mode: 0o644, Data: craft(c, "/tmp/hook.key", "", x509.Certificate{Subject: pkix.Name{CommonName: "hook"}, DNSNames: []string{"hook.example.com"}, BasicConstraintsValid: true})}
			c.Node.Remove("/tmp/hook.key")
		}), want: []string{
			"info usage/not-a-ca /etc/kubernetes/pki/server.pem kube-apiserver clusters[0].cluster.certificate-authority: stands among the trusted certificates and has no basic constraint CA:TRUE: only it itself is accepted, nothing that it signed",
		}},
		{name: "front proxy's CA of the name of the clients'", change: frontProxy(fixtures.Spec{CommonName: "kubernetes"}), want: []string{
			`info identity/common-name /etc/kubernetes/pki/front-proxy-ca.crt kube-apiserver --requestheader-client-ca-file: the common name is "kubernetes"; expected "front-proxy-ca"`,
		}},
		{name: "front proxy's CA of another name", change: frontProxy(fixtures.Spec{CommonName: "aggregation"}), want: []string{
			`info identity/common-name /etc/kubernetes/pki/front-proxy-ca.crt kube-apiserver --requestheader-client-ca-file: the common name is "aggregation"; expected "front-proxy-ca"`,
		}},
		{name: "front proxy's CA of the key of the clients'", change: frontProxy(fixtures.Spec{CommonName: "front-proxy-ca", KeyName: "ca/ca"}), want: []string{
			`warning chain/shared-ca /etc/kubernetes/manifests/kube-apiserver.yaml --requestheader-client-ca-file: the request-header CA "front-proxy-ca" is also a client CA: with --requestheader-allowed-names="front-proxy-client", whoever gets a certificate of that name from it can speak for anybody; expected a CA of its own`,
		}},
		{name: "one serial of two CAs of one name", change: both(twoFrontProxies, serial(pki+"/front-proxy-client")), want: []string{
			`info chain/rotation /etc/kubernetes/pki/front-proxy-ca.crt kube-apiserver --requestheader-client-ca-file: the bundle holds 2 CAs, as during a rotation: "front-proxy-ca" (serial 62b4f8b7617918a4) until 2036-10-21 signed kube-apiserver/front-proxy-client; "front-proxy-ca" (serial 2f7adf6f9049e869) until 2036-10-21 signed kube-apiserver/sni`,
		}},
		{name: "one serial of one CA", change: both(serial(pki+"/apiserver-etcd-client"), serial(etcdServing)), want: []string{
			"warning chain/duplicate-serial /etc/kubernetes/pki/etcd/server.crt etcd --cert-file: has the serial number 1267, as has /etc/kubernetes/pki/apiserver-etcd-client.crt of the same CA; they cannot be distinguished when one is revoked",
		}},
		{name: "bundle of two that is no CA of the cluster's", change: both(other, apiFlag("--oidc-ca-file="+pki+"/oidc.crt"), verifies(pki+"/oidc.crt", "other", fixtures.EtcdCA))},
		{name: "public key in front of the private one", change: func(c *fixtures.Cluster) {
			key := readKey(c, serving+".key")
			public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(key.Public()))})
			c.Node[serving+".key"] = fixtures.File{Mode: 0o600, Data: append(public, c.Node[serving+".key"].Data...)}
		}},
		{name: "CA that kube-controller-manager gives to pods is gone", change: replace(cm, "--root-ca-file="+pki+"/ca.crt", "--root-ca-file="+pki+"/gone.crt"), want: []string{
			"critical files/missing /etc/kubernetes/pki/gone.crt kube-controller-manager --root-ca-file: does not exist; it is named by kube-controller-manager --root-ca-file (/etc/kubernetes/manifests/kube-controller-manager.yaml:26)",
		}},
	})
}

// An expired chain is one for its dates alone.
func TestChainOfDates(t *testing.T) {
	testEdges(t, fixtures.ControlPlane, []edge{
		{name: "expired leaf behind a CA between", change: both(sub(fixtures.Spec{}), lasts(serving, 20*day, -day), behindLeaf("sub")), want: []string{
			"critical validity/expired /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: expired on 2026-11-22 12:00 UTC, 24 hours ago; it must be renewed",
		}},
	})
}

// A certificate that signed itself has no other signer, wherever it is trusted.
func TestSelfSignedHasNoSigner(t *testing.T) {
	const base = pki + "/front-proxy-client"
	c := fixtures.ControlPlane(fixtures.Options{})
	self := craft(c, base+".key", "", x509.Certificate{Subject: pkix.Name{CommonName: "front-proxy-client"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	c.Node[base+".crt"] = fixtures.File{Mode: 0o644, Data: self}
	c.Node.Append(pki+"/ca.crt", self)
	var got []string
	for _, f := range auditNode(t, c.Node, audit.Options{}).Findings {
		if f.Check == "chain/wrong-issuer" {
			got = append(got, f.Message)
		}
	}
	compare(t, []string{`is issued by "front-proxy-client"; expected a signature by "front-proxy-ca" of /etc/kubernetes/pki/front-proxy-ca.crt`}, got)
}

// A certificate of X.509 version 1 may be a root, and nothing between.
func TestVersion1Between(t *testing.T) {
	c := fixtures.ControlPlane(fixtures.Options{})
	both(sub(fixtures.Spec{VersionOne: true}), behindLeaf("sub"))(c)
	if want, got := "critical usage/not-a-ca "+apiserver, verdicts(auditNode(t, c.Node, audit.Options{})); !slices.Contains(got, want) {
		t.Errorf("%q is not among %q", want, got)
	}
}

// What a certificate may be used for.
func TestUsageEdges(t *testing.T) {
	testEdges(t, fixtures.ControlPlane, []edge{
		{name: "peer for clients alone", change: usages(pki+"/etcd/peer", x509.ExtKeyUsageClientAuth), want: []string{
			`critical usage/extended-key-usage /etc/kubernetes/pki/etcd/peer.crt etcd --peer-cert-file: the extended key usages are "client auth"; expected "server auth" among them`,
		}},
		{name: "peer for servers alone", change: usages(pki+"/etcd/peer", x509.ExtKeyUsageServerAuth), want: []string{
			`critical usage/extended-key-usage /etc/kubernetes/pki/etcd/peer.crt etcd --peer-cert-file: the extended key usages are "server auth"; expected "client auth" among them`,
		}},
		{name: "peer for neither", change: usages(pki+"/etcd/peer", x509.ExtKeyUsageCodeSigning), want: []string{
			`critical usage/extended-key-usage /etc/kubernetes/pki/etcd/peer.crt etcd --peer-cert-file: the extended key usages are "code signing"; expected "server auth" and "client auth" among them`,
		}},
		{name: "server for any use", change: usages(serving, x509.ExtKeyUsageAny)},
		{name: "server for no stated use", change: usages(serving)},
		{name: "client for a use that Go does not know", change: func(c *fixtures.Cluster) {
			base := pki + "/front-proxy-client"
			c.Node[base+".crt"] = fixtures.File{Mode: 0o644, Data: craft(c, base+".key", pki+"/front-proxy-ca", x509.Certificate{Subject: pkix.Name{CommonName: "front-proxy-client"},
				UnknownExtKeyUsage: []asn1.ObjectIdentifier{{1, 2, 3, 4}}})}
		}, want: []string{
			`critical usage/extended-key-usage /etc/kubernetes/pki/front-proxy-client.crt kube-apiserver --proxy-client-cert-file: the extended key usages are "1.2.3.4"; expected "client auth" among them`,
		}},
	})
}

// More rights than are needed are as bad as what they give.
func TestOrganizationEdges(t *testing.T) {
	in := func(base string, organizations ...string) func(*fixtures.Cluster) {
		return spec(base, func(s *fixtures.Spec) { s.Organizations = organizations })
	}
	const kubeletClient = pki + "/apiserver-kubelet-client"
	testEdges(t, fixtures.ControlPlane, []edge{
		{name: "client of kubelets of no group", change: in(kubeletClient), want: []string{
			`warning identity/organization-missing /etc/kubernetes/pki/apiserver-kubelet-client.crt kube-apiserver --kubelet-client-certificate: the organizations are none; expected "kubeadm:cluster-admins" or "system:masters" among them`,
		}},
		{name: "client of kubelets of 1.28", change: in(kubeletClient, "system:masters")},
		{name: "client of etcd of a group", change: in(etcdClient, "developers"), want: []string{
			`info identity/organization-extra /etc/kubernetes/pki/apiserver-etcd-client.crt kube-apiserver --etcd-certfile: has the organization "developers", which kube-apiserver/etcd-client does not need; expected none; etcd reads no groups`,
		}},
		{name: "client of etcd of the masters", change: in(etcdClient, "system:masters"), want: []string{
			`info identity/organization-extra /etc/kubernetes/pki/apiserver-etcd-client.crt kube-apiserver --etcd-certfile: has the organization "system:masters" of an earlier Kubernetes version, which a renewal copies; new certificates come without it`,
		}},
		{name: "scheduler of a group of the cluster's own", change: in(scheduler, "developers"), want: []string{
			`warning identity/organization-extra /etc/kubernetes/scheduler.conf users[0].user.client-certificate-data: has the organization "developers", which kube-scheduler/client does not need; expected none`,
		}},
		{name: "scheduler of its own group", change: in(scheduler, "system:kube-scheduler")},
	})
	testEdges(t, fixtures.Native, []edge{
		{name: "made by hand, scheduler of a group of the cluster's own", change: in(scheduler, "developers"), want: []string{
			`info identity/organization-extra /etc/kubernetes/scheduler.conf users[0].user.client-certificate-data: has the organization "developers", which kube-scheduler/client does not need; expected none`,
			"done identity/organization-extra: the Kubernetes version is not known, so the organizations of kube-apiserver/kubelet-client were not judged",
			"not-applicable input/unknown-version: no image tag tells the Kubernetes version; say it with --kubernetes-version",
		}},
		{name: "made by hand, scheduler of a group of Kubernetes", change: in(scheduler, "system:monitoring"), want: []string{
			`warning identity/organization-extra /etc/kubernetes/scheduler.conf users[0].user.client-certificate-data: has the organization "system:monitoring", which kube-scheduler/client does not need; expected none`,
			"done identity/organization-extra: the Kubernetes version is not known, so the organizations of kube-apiserver/kubelet-client were not judged",
			"not-applicable input/unknown-version: no image tag tells the Kubernetes version; say it with --kubernetes-version",
		}},
	})
}

// Of several CAs that may have issued a certificate, those in view count.
func TestIssuerOutOfView(t *testing.T) {
	p := policy(t, `
requirements:
  replace:
  - {role: kube-apiserver/serving, fact: issuer, values: ["kube-apiserver --oidc-ca-file"], source: ours}
  - {role: kube-apiserver/serving, fact: issuer, values: ["kube-apiserver --client-ca-file"], source: ours}
`)
	c := fixtures.ControlPlane(fixtures.Options{})
	both(other, signer(serving, "other"))(c)
	if want, got := "critical chain/wrong-issuer "+apiserver, verdicts(auditNode(t, c.Node, audit.Options{Policy: p})); !slices.Contains(got, want) {
		t.Errorf("%q is not among %q", want, got)
	}
}
