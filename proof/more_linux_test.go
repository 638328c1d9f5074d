//go:build !race

package proof

import (
	"encoding/pem"
	"slices"
	"strings"

	"certaudit/fixtures"
)

const (
	apiserverYAML = conf + "/manifests/kube-apiserver.yaml"
	etcdYAML      = conf + "/manifests/etcd.yaml"
	managerYAML   = conf + "/manifests/kube-controller-manager.yaml"
	schedulerYAML = conf + "/manifests/kube-scheduler.yaml"
	kubeletYAML   = "/var/lib/kubelet/config.yaml"
)

// rareFaults are tried on one sort of node: what they are about has little to do with
// how a node is set up.
var rareFaults = []fault{
	{"the API server's certificate, which has expired, and its key are in one file", func(c *fixtures.Cluster) {
		end(c, -3, pki(c, "apiserver"))
		c.Node.Append(pki(c, "apiserver.crt"), c.Node[pki(c, "apiserver.key")].Data)
		c.Node.Chmod(pki(c, "apiserver.crt"), 0o600)
		c.Node.Remove(pki(c, "apiserver.key"))
		c.Node.Replace(apiserverYAML, pki(c, "apiserver.key"), pki(c, "apiserver.crt"))
	}, left{}},
	{"the key of etcd's certificate, which has expired, has a name of its own", func(c *fixtures.Cluster) {
		end(c, -3, pki(c, "etcd/server"))
		c.Node[pki(c, "etcd/own.key")] = c.Node[pki(c, "etcd/server.key")]
		c.Node.Remove(pki(c, "etcd/server.key"))
		c.Node.Replace(etcdYAML, pki(c, "etcd/server.key"), pki(c, "etcd/own.key"))
	}, left{}},
	{"certificates are from the future, and their CA is not", func(c *fixtures.Cluster) {
		for _, base := range []string{pki(c, "apiserver"), pki(c, "etcd/peer"), conf + "/scheduler.conf"} {
			c.Reissue(base, func(s *fixtures.Spec) {
				s.NotBefore = fixtures.Now.AddDate(0, 1, 0)
				s.NotAfter = s.NotBefore.AddDate(1, 0, 0)
			})
		}
	}, left{}},
	{"a folder that is not empty is in the place of scheduler.conf", func(c *fixtures.Cluster) {
		c.Node[conf+"/scheduler.conf/notes"] = fixtures.File{Data: []byte("to do\n"), Mode: 0o600}
		c.Node.Remove(conf + "/scheduler.conf")
	}, left{}},
	{"mistyped flags have their values on the next line, or true", func(c *fixtures.Cluster) {
		c.Node.Replace(apiserverYAML, "--client-ca-file=", "--clientca-file\n    - ")
		c.Node.Replace(etcdYAML, "--peer-client-cert-auth=true", "--peer-client-cert-auht=true")
	}, left{}},
	{"paths to kubeconfigs and keys for tokens are mistyped", func(c *fixtures.Cluster) {
		c.Node.Replace(schedulerYAML, "--authentication-kubeconfig="+conf+"/", "--authentication-kubeconfig="+conf+"/kube-")
		c.Node.Replace(managerYAML, "--kubeconfig="+conf+"/", "--kubeconfig="+conf+"/kube-")
		c.Node.Replace(managerYAML, "--service-account-private-key-file="+pki(c, "sa.key"), "--service-account-private-key-file="+pki(c, "sa.key.old"))
		c.Node.Replace(apiserverYAML, "--service-account-signing-key-file="+pki(c, "sa.key"), "--service-account-signing-key-file="+pki(c, "sa.pem"))
		c.Node.Replace(apiserverYAML, "--service-account-key-file="+pki(c, "sa.pub"), "--service-account-key-file="+pki(c, "sa.pubb"))
		c.Node.Replace(kubeletYAML, "clientCAFile: "+pki(c, "ca.crt"), "clientCAFile: "+pki(c, "cca.crt"))
	}, left{}},
	{"sa.pub ends in the middle", func(c *fixtures.Cluster) { cut(c, pki(c, "sa.pub")) }, left{}},
	{"kubelet.conf is empty", func(c *fixtures.Cluster) { c.Node[conf+"/kubelet.conf"] = fixtures.File{Mode: 0o600} }, left{}},
	{"kubelet.conf is gone, and the folder of its certificates", func(c *fixtures.Cluster) {
		c.Node.Remove(conf + "/kubelet.conf")
		for _, name := range c.Node.Paths() {
			if strings.HasPrefix(name, kubeletPKI+"/") {
				c.Node.Remove(name)
			}
		}
	}, left{}},
	{"kubelet.conf embeds a certificate, and there is no link", func(c *fixtures.Cluster) {
		embeddedAs(c, "cp-1", 300)
		c.Node.Remove(kubeletLink)
	}, left{}},
	{"kubelet.conf embeds one that has expired, and there is no other", func(c *fixtures.Cluster) {
		embeddedAs(c, "cp-1", -3)
		c.Node.Remove(kubeletLink, kubeletClient)
	}, left{}},
	{"ca.crt holds another CA first, and certificates have expired", func(c *fixtures.Cluster) {
		end(c, -3, pki(c, "apiserver"), conf+"/scheduler.conf")
		f := c.Node[pki(c, "ca.crt")]
		f.Data = slices.Concat(c.CertificatePEM(other(c, "kubernetes", "kubernetes")), f.Data)
		c.Node[pki(c, "ca.crt")] = f
	}, left{}},
	{"ca.crt and ca.key have each other's name", func(c *fixtures.Cluster) {
		cert, key := c.Node[pki(c, "ca.crt")], c.Node[pki(c, "ca.key")]
		c.Node[pki(c, "ca.crt")], c.Node[pki(c, "ca.key")] = key, cert
	}, left{}},
	{"a folder is in the place of kubelet.conf", func(c *fixtures.Cluster) {
		c.Node.Remove(conf + "/kubelet.conf")
		c.Node[conf+"/kubelet.conf/notes"] = fixtures.File{Data: []byte("to do\n"), Mode: 0o600}
	}, left{}},
	{"the API server's certificate is DER", func(c *fixtures.Cluster) { asDER(c, "apiserver.crt") }, left{}},
	{"etcd's CA is DER", func(c *fixtures.Cluster) { asDER(c, "etcd/ca.crt") }, left{}},
	{"the API server's certificate has expired, and a kubeconfig trusts another CA", func(c *fixtures.Cluster) {
		end(c, -3, pki(c, "apiserver"))
		c.Node.Replace(conf+"/controller-manager.conf", encoded(c.CertificatePEM(fixtures.CA)), encoded(c.CertificatePEM(other(c, "kubernetes", "kubernetes"))))
	}, left{}},
	{"what was the API server's certificate stands behind it", func(c *fixtures.Cluster) {
		before := c.Node[pki(c, "apiserver.crt")].Data
		end(c, 5, pki(c, "apiserver"))
		c.Node.Append(pki(c, "apiserver.crt"), before)
	}, left{}},
}

// rareWorkerFaults are those of workers.
var rareWorkerFaults = []fault{
	{"ca.crt is gone", func(c *fixtures.Cluster) { c.Node.Remove(pki(c, "ca.crt")) }, left{}},
	{"kubelet.conf embeds a certificate that has expired, and there is no other", func(c *fixtures.Cluster) {
		embedded(c, -3)
		c.Node.Remove(kubeletLink, kubeletClient)
	}, left{[]string{"kubelet/embedded-client " + conf + "/kubelet.conf", "validity/expired " + conf + "/kubelet.conf"}, keyElsewhere, sign(sound, fixtures.CA)}},
	{"ca.crt is another cluster's", func(c *fixtures.Cluster) {
		c.Node[pki(c, "ca.crt")] = fixtures.File{Data: c.CertificatePEM(other(c, "kubernetes", "kubernetes")), Mode: 0o644}
	}, left{everything, "which of two CAs the cluster has is not written on the node", nil}},
}

// asDER writes a certificate as its bytes.
func asDER(c *fixtures.Cluster, name string) {
	f := c.Node[pki(c, name)]
	block, _ := pem.Decode(f.Data)
	f.Data = block.Bytes
	c.Node[pki(c, name)] = f
}
