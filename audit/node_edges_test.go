package audit_test

import (
	"strings"
	"testing"

	"certaudit/audit"
	"certaudit/fixtures"
)

// elsewhereConfig is the admin.conf of another cluster, which ended days ago.
func elsewhereConfig() string {
	other := fixtures.ControlPlane(fixtures.Options{Seed: "other", AdvertiseAddress: "198.51.100.1"})
	other.Reissue(etc+"/admin.conf", func(s *fixtures.Spec) {
		s.NotBefore, s.NotAfter = fixtures.Now.Add(-400*day), fixtures.Now.Add(-35*day)
	})
	return string(other.Node[etc+"/admin.conf"].Data)
}

// home writes a kubeconfig into root's home.
func home(config string) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) {
		c.Node["/root/.kube/config"] = fixtures.File{Data: []byte(config), Mode: 0o600}
	}
}

// A user's kubeconfig may speak of other clusters, which are not this node's matter.
func TestOwnCluster(t *testing.T) {
	elsewhere := elsewhereConfig()
	testEdges(t, fixtures.ControlPlane, []edge{
		{name: "a webhook is called by the same name", change: both(home(strings.ReplaceAll(elsewhere, "198.51.100.1:6443", "hook.example.com")),
			hooked("--audit-webhook-config-file", webhook("https://hook.example.com", "    certificate-authority: ca.crt\n", "")), mode(pki+"/hook.conf", 0o600)), want: []string{
			"done validity/expired: /root/.kube/config speaks of other clusters as well, which were not judged",
		}},
		{name: "it trusts the CA of etcd", change: func(c *fixtures.Cluster) {
			f := c.Node[etc+"/admin.conf"]
			f.Data = []byte(strings.NewReplacer("192.0.2.11", "198.51.100.1", encodedPEM(c.CertificatePEM(fixtures.CA)), encodedPEM(c.CertificatePEM(fixtures.EtcdCA))).Replace(string(f.Data)))
			c.Node["/root/.kube/config"] = f
		}, want: []string{
			"done validity/expired: /root/.kube/config speaks of other clusters as well, which were not judged",
		}},
		{name: "others may write it", change: both(home(elsewhere), mode("/root/.kube/config", 0o606)), want: []string{
			"warning files/permissions /root/.kube/config kubectl ~/.kube/config: has the mode 0606; expected 0600 or less, for whoever reads it can act in its name",
			"done validity/expired: /root/.kube/config speaks of other clusters as well, which were not judged",
		}},
		{name: "a component's kubeconfig has a second context", change: func(c *fixtures.Cluster) {
			c.Node[scheduler] = fixtures.File{Mode: 0o600, Data: merged(c.Node[scheduler].Data, []byte(elsewhere))}
			c.Node.Replace(scheduler, "current-context: kubernetes-admin@", "current-context: system:kube-scheduler@")
		}},
		{name: "its own key is not that of its certificate", change: both(home(elsewhere), func(c *fixtures.Cluster) {
			own := c.Node[etc+"/admin.conf"]
			own.Data = []byte(strings.Replace(string(own.Data), "client-key-data: ", "client-key-data: "+encodedPEM(c.Node[serving+".key"].Data)+" # ", 1))
			c.Node["/root/.kube/config"] = fixtures.File{Mode: 0o600, Data: merged(own.Data, []byte(elsewhere))}
		}), want: []string{
			"warning keys/mismatch /root/.kube/config users[0].user.client-certificate-data: the private key of kubectl users[0].user.client-key-data is not that of this certificate; expected a pair",
			"done validity/expired: /root/.kube/config speaks of other clusters as well, which were not judged",
		}},
	})
	testEdges(t, func(o fixtures.Options) *fixtures.Cluster {
		o.ControlPlaneEndpoint = "lb.example.com:6443"
		return fixtures.ControlPlane(o)
	}, []edge{
		{name: "it calls this node past the balancer, and trusts a CA of before", change: home(strings.ReplaceAll(elsewhere, "198.51.100.1", "192.0.2.11")), want: []string{
			`warning chain/untrusted /root/.kube/config users[0].user.client-certificate-data: names "kubernetes" as its issuer, but was not signed with that CA's key (signed by "kubernetes" of /root/.kube/config); expected a signature by "kubernetes" of /etc/kubernetes/pki/ca.crt`,
			"warning validity/expired /root/.kube/config users[0].user.client-certificate-data: expired on 2026-10-19 12:00 UTC, 35 days ago; it must be renewed",
		}},
	})
	testEdges(t, fixtures.Worker, []edge{
		{name: "it calls nothing", change: home(strings.ReplaceAll(elsewhere, "https://198.51.100.1:6443", `""`)), want: []string{
			"done validity/expired: /root/.kube/config speaks of other clusters as well, which were not judged",
		}},
		{name: "nothing tells which cluster the node is of", change: both(home(elsewhere), func(c *fixtures.Cluster) {
			for _, path := range c.Node.Paths() {
				if path != "/root/.kube/config" {
					c.Node.Remove(path)
				}
			}
		}), want: []string{
			"warning validity/expired /root/.kube/config users[0].user.client-certificate-data: expired on 2026-10-19 12:00 UTC, 35 days ago; it must be renewed",
			"incomplete input/component-unread: no component of a cluster was recognised: no kubelet, no static pod, no service of systemd, and no files of k3s, RKE2, k0s, MicroK8s, Talos or RKE; a layout in the policy describes another (docs/layouts.md)",
		}},
	})
}

// The node's name, its cluster's domain and its version, from wherever they are.
func TestFactsOfNodes(t *testing.T) {
	anonymous := both(replace(etc+"/kubelet.conf", "system:node:", "node-"), put("/etc/hostname", "cp-1\n"))
	noDomain := replace(kubeletConfig, "clusterDomain: cluster.local\n", "")
	cloud := func(name string) func(*fixtures.Cluster) {
		return replace("/var/lib/kubelet/kubeadm-flags.env", "ARGS=\"", "ARGS=\"--cloud-provider="+name+" ")
	}
	testEdges(t, fixtures.ControlPlane, []edge{
		{name: "host is called otherwise", change: put("/etc/hostname", "host-9\n")},
		{name: "cloud provider outside of the tree", change: both(anonymous, replace(etcdManifest, "    - --name=cp-1\n", ""), cloud("external"))},
		{name: "etcd of kubeadm is called otherwise than the host", change: both(anonymous, put("/etc/hostname", "host-9\n"))},
		{name: "issuer with a slash", change: both(noDomain, replace(apiManifest, "svc.cluster.local", "svc.cluster.local/"))},
		{name: "scheduler of an older version", change: replace(manifests+"/kube-scheduler.yaml", ":v1.34.4", ":v1.27.16")},
		{name: "API server without a version", change: replace(apiManifest, "kube-apiserver:v1.34.4", "kube-apiserver:mine")},

		{name: "etcd demands certificates by its CA alone", change: both(usages(etcdServing, 1), replace(etcdManifest, "--client-cert-auth=true", "--client-cert-auth=false")), want: []string{
			`critical usage/extended-key-usage /etc/kubernetes/pki/etcd/server.crt etcd --cert-file: the extended key usages are "server auth"; expected "client auth" among them`,
		}},
		{name: "etcd demands certificates by the host's roots", change: both(usages(etcdServing, 1), replace(etcdManifest, "    - --trusted-ca-file="+pki+"/etcd/ca.crt\n", "")), want: []string{
			"critical flags/missing /etc/kubernetes/manifests/etcd.yaml --trusted-ca-file: --trusted-ca-file is not set: etcd verifies with the host's root certificates, and the CA in /etc/kubernetes/pki/etcd/ca.crt, which signed /etc/kubernetes/pki/apiserver-etcd-client.crt, is not one of them",
			`critical usage/extended-key-usage /etc/kubernetes/pki/etcd/server.crt etcd --cert-file: the extended key usages are "server auth"; expected "client auth" among them`,
		}},
		{name: "etcd demands no certificates", change: both(usages(etcdServing, 1), replace(etcdManifest, "--client-cert-auth=true", "--client-cert-auth=false"), replace(etcdManifest, "    - --trusted-ca-file="+pki+"/etcd/ca.crt\n", ""))},
		{name: "etcd calls itself with another certificate", change: both(usages(etcdServing, 1), replace(etcdManifest, "    - --trusted-ca-file", "    - --client-cert-file="+pki+"/etcd/healthcheck-client.crt\n    - --client-key-file="+pki+"/etcd/healthcheck-client.key\n    - --trusted-ca-file"))},
	})
	testEdges(t, fixtures.Native, []edge{
		{name: "etcd made by hand is called otherwise than the host", change: both(anonymous, replace("/etc/etcd/etcd.env", "ETCD_NAME=cp-1", "ETCD_NAME=controller")), want: []string{
			"done identity/organization-extra: the Kubernetes version is not known, so the organizations of kube-apiserver/kubelet-client were not judged",
			"not-applicable input/unknown-version: no image tag tells the Kubernetes version; say it with --kubernetes-version",
		}},
	})
	c := fixtures.ControlPlane(fixtures.Options{})
	c.Node.Replace(manifests+"/kube-scheduler.yaml", ":v1.34.4", ":v1.33.1")
	r := auditNode(t, c.Node, audit.Options{})
	if got := r.Nodes[0].KubernetesVersion; got != "v1.34.4" {
		t.Errorf("beside a scheduler of 1.33 the version is %s, want that of the API server, v1.34.4", got)
	}
}
