//go:build !race

package proof

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"path"
	"slices"
	"strings"
	"time"

	"certaudit/fixtures"

	"gopkg.in/yaml.v3"
)

// proofCase is a node with something wrong, and the machine that it is.
type proofCase struct {
	// group is the row of the table that it is counted in.
	group, name, about string
	node               func() fixtures.Node
	setting
	left left
}

// setting is what a machine has that no file of the node says: see [machine].
type setting struct {
	host, gateway string
	addresses     []string
	// version is that of the machine's kubeadm; "" for [kubeadmVersion].
	version string
}

var usual = setting{host: "cp-1", addresses: []string{"192.0.2.11/24"}, gateway: "192.0.2.1"}

// hostOf is the usual setting with the host's name that a node has.
func hostOf(n fixtures.Node) setting {
	s := usual
	if name := strings.TrimSpace(string(n["/etc/hostname"].Data)); name != "" {
		s.host = name
	}
	return s
}

// shape is a sort of node. Every fault of its list is tried on it.
type shape struct {
	name    string
	options fixtures.Options
	build   func(fixtures.Options) *fixtures.Cluster
	change  func(*fixtures.Cluster)
	faults  []fault
	setting
}

// fault is something that goes wrong on a node.
type fault struct {
	name  string
	apply func(*fixtures.Cluster)
	left  left
}

func shapes() []shape {
	return []shape{
		{name: "its certificates in another folder", options: fixtures.Options{CertificatesDir: "/etc/kubernetes/ssl"}, faults: kubeadmFaults},
		{name: "its certificates outside /etc", options: fixtures.Options{CertificatesDir: "/opt/k8s/pki"}, faults: kubeadmFaults},
		{name: "two network cards, the default route on the other", faults: kubeadmFaults,
			setting: setting{host: "cp-1", addresses: []string{"10.0.2.15/24", "192.0.2.11/24"}, gateway: "10.0.2.2"}},
		{name: "a host name that is not the node's", faults: kubeadmFaults, change: otherHostName,
			setting: setting{host: "ip-192-0-2-11", addresses: usual.addresses, gateway: usual.gateway}},
		{name: "dual stack", faults: kubeadmFaults, options: fixtures.Options{ServiceSubnet: "10.96.0.0/12,fd00:10:96::/108", ExtraSANs: []string{"2001:db8::11"}},
			setting: setting{host: "cp-1", addresses: []string{"192.0.2.11/24", "2001:db8::11/64"}, gateway: usual.gateway}},
		{name: "IPv6", faults: kubeadmFaults, options: fixtures.Options{AdvertiseAddress: "2001:db8::11", ServiceSubnet: "fd00:10:96::/108"},
			setting: setting{host: "cp-1", addresses: []string{"2001:db8::11/64"}}},
		{name: "RSA", faults: kubeadmFaults, options: fixtures.Options{KeyAlgorithm: fixtures.RSAEach}},
		{name: "etcd elsewhere", faults: append(etcdElsewhereFaults, kubeadmFaults...), options: fixtures.Options{ExternalEtcd: true}},
		{name: "Kubernetes 1.29", faults: kubeadmFaults, options: fixtures.Options{Version: "v1.29.15"},
			setting: setting{host: "cp-1", addresses: usual.addresses, gateway: usual.gateway, version: "v1.29.15"}},
		{name: "one of three members, behind a balancer", faults: kubeadmFaults, change: joined,
			options: fixtures.Options{ControlPlaneEndpoint: "lb.example.com:6443"}},
		{name: "a control-plane endpoint, a domain of its own", faults: kubeadmFaults,
			options: fixtures.Options{ControlPlaneEndpoint: "lb.example.com:8443", Domain: "k8s.example.com", ExtraSANs: []string{"192.0.2.100"}}},
		{name: "a node with what is rare", faults: rareFaults},
		{name: "the key of its CA elsewhere", faults: keyElsewhereFaults, options: fixtures.Options{ExternalCA: true}},
		{name: "made by hand", faults: nativeFaults, build: fixtures.Native},
		{name: "a worker", faults: slices.Concat(workerFaults, rareWorkerFaults), build: fixtures.Worker, options: fixtures.Options{ControlPlaneEndpoint: "lb.example.com:6443"},
			setting: setting{host: "worker-1", addresses: []string{"192.0.2.21/24"}, gateway: usual.gateway}},
	}
}

// cases are the faulty scenarios, and each fault on each shape. What runs otherwise than
// files say is left to people, and the nodes here have processes of their own.
func cases() []proofCase {
	var out []proofCase
	for _, s := range fixtures.Scenarios() {
		if !strings.HasPrefix(s.Name, "bad-") || worthKnowing[s.Name] {
			continue
		}
		if node := s.Node(); !node.FromProcesses() {
			out = append(out, proofCase{"the scenarios", s.Name, s.About, s.Node, hostOf(node), leftOf(s.Name)})
		}
	}
	for _, s := range shapes() {
		for _, f := range s.faults {
			c := proofCase{group: s.name, name: s.name + ": " + f.name, about: f.name, setting: s.setting, left: f.left}
			if c.host == "" {
				c.setting = usual
			}
			c.node = func() fixtures.Node { return s.cluster(f).Node }
			out = append(out, c)
		}
	}
	return out
}

func (s shape) cluster(f fault) *fixtures.Cluster {
	build := s.build
	if build == nil {
		build = fixtures.ControlPlane
	}
	c := build(s.options)
	if s.change != nil {
		s.change(c)
	}
	f.apply(c)
	return c
}

// otherHostName gives the kubelet the name that it registers with, as kubeadm does
// where the host has another.
func otherHostName(c *fixtures.Cluster) {
	c.Node["/etc/hostname"] = fixtures.File{Data: []byte("ip-192-0-2-11\n"), Mode: 0o644}
	c.Node.Replace("/var/lib/kubelet/kubeadm-flags.env", `ARGS="`, `ARGS="--hostname-override=cp-1 `)
}

// joined makes a node the second member of a cluster that has three.
func joined(c *fixtures.Cluster) {
	c.Node.Replace(conf+"/manifests/etcd.yaml", "--initial-cluster=cp-1=https://192.0.2.11:2380", "--initial-cluster=cp-0=https://192.0.2.10:2380,cp-1=https://192.0.2.11:2380,cp-2=https://192.0.2.12:2380")
	c.Node.Replace(conf+"/manifests/etcd.yaml", "    - --initial-cluster=", "    - --initial-cluster-state=existing\n    - --initial-cluster=")
	c.Node.Remove(conf + "/super-admin.conf")
}

// Paths of a node.
const (
	conf          = "/etc/kubernetes"
	kubeletPKI    = "/var/lib/kubelet/pki"
	kubeletClient = kubeletPKI + "/kubelet-client-2026-10-24-12-00-00.pem"
	kubeletLink   = kubeletPKI + "/kubelet-client-current.pem"
	day           = 24 * time.Hour
)

// pki is a file in the folder of the certificates.
func pki(c *fixtures.Cluster, name string) string { return path.Join(c.Options.CertificatesDir, name) }

// leaves are what kubeadm issues on a node, as [fixtures.Cluster.Reissue] takes it.
func leaves(c *fixtures.Cluster) []string {
	out := []string{pki(c, "apiserver"), pki(c, "apiserver-kubelet-client"), pki(c, "front-proxy-client")}
	if !c.Options.ExternalEtcd {
		out = append(out, pki(c, "apiserver-etcd-client"), pki(c, "etcd/server"), pki(c, "etcd/peer"), pki(c, "etcd/healthcheck-client"))
	}
	for _, name := range []string{"admin.conf", "super-admin.conf", "controller-manager.conf", "scheduler.conf"} {
		if c.Node[conf+"/"+name].Data != nil {
			out = append(out, conf+"/"+name)
		}
	}
	return out
}

// end lets certificates end some days from now.
func end(c *fixtures.Cluster, days int, bases ...string) {
	for _, base := range bases {
		c.Reissue(base, func(s *fixtures.Spec) {
			s.NotAfter = fixtures.Now.AddDate(0, 0, days)
			s.NotBefore = s.NotAfter.AddDate(-1, 0, 0)
		})
	}
}

// cut leaves half of files.
func cut(c *fixtures.Cluster, names ...string) {
	for _, name := range names {
		f := c.Node[name]
		f.Data = f.Data[:len(f.Data)/2]
		c.Node[name] = f
	}
}

// other makes a CA of the same name as another.
func other(c *fixtures.Cluster, name, commonName string) string {
	c.NewCA("other-"+name, fixtures.Spec{CommonName: commonName, DNSNames: []string{commonName}, NotBefore: fixtures.Now.Add(-day)})
	return "other-" + name
}

var kubeadmFaults = []fault{
	{"everything has expired", func(c *fixtures.Cluster) { end(c, -3, append(leaves(c), kubeletClient)...) }, left{}},
	{"some certificates end soon", func(c *fixtures.Cluster) {
		end(c, 5, pki(c, "apiserver"), pki(c, "front-proxy-client"), conf+"/scheduler.conf")
	}, left{}},
	{"names are missing", func(c *fixtures.Cluster) {
		c.Reissue(pki(c, "apiserver"), func(s *fixtures.Spec) { s.DNSNames = s.DNSNames[:1] })
		if !c.Options.ExternalEtcd {
			c.Reissue(pki(c, "etcd/peer"), func(s *fixtures.Spec) { s.IPs = []string{"127.0.0.1"} })
		}
	}, left{}},
	{"the API server's certificate is another node's", func(c *fixtures.Cluster) {
		c.Reissue(pki(c, "apiserver"), func(s *fixtures.Spec) {
			s.DNSNames[slices.Index(s.DNSNames, "cp-1")] = "cp-2"
			s.IPs[slices.Index(s.IPs, c.Options.AdvertiseAddress)] = "198.51.100.9"
		})
	}, left{}},
	{"a purpose and two groups are wrong", func(c *fixtures.Cluster) {
		c.Reissue(pki(c, "apiserver-kubelet-client"), func(s *fixtures.Spec) { s.Usages = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
		c.Reissue(conf+"/admin.conf", func(s *fixtures.Spec) { s.Organizations = nil })
		c.Reissue(conf+"/controller-manager.conf", func(s *fixtures.Spec) { s.Organizations = []string{"system:masters"} })
	}, left{}},
	{"files are missing", func(c *fixtures.Cluster) {
		c.Node.Remove(pki(c, "apiserver.crt"), pki(c, "apiserver.key"), pki(c, "apiserver-kubelet-client.key"), conf+"/scheduler.conf", pki(c, "sa.pub"))
		if !c.Options.ExternalEtcd {
			c.Node.Remove(pki(c, "etcd/server.crt"))
		}
	}, left{}},
	{"files end in the middle", func(c *fixtures.Cluster) {
		cut(c, pki(c, "front-proxy-client.crt"), pki(c, "apiserver.key"), conf+"/controller-manager.conf")
	}, left{}},
	{"another CA of the same name signed", func(c *fixtures.Cluster) {
		ca, proxy := other(c, "kubernetes", "kubernetes"), other(c, "proxy", "front-proxy-ca")
		c.Reissue(pki(c, "apiserver-kubelet-client"), func(s *fixtures.Spec) { s.Signer = ca })
		c.Reissue(conf+"/scheduler.conf", func(s *fixtures.Spec) { s.Signer = ca })
		c.Reissue(pki(c, "front-proxy-client"), func(s *fixtures.Spec) { s.Signer = proxy })
	}, left{}},
	{"keys are others'", func(c *fixtures.Cluster) {
		c.WriteKey(pki(c, "apiserver.key"), "another")
		c.WriteKey(pki(c, "front-proxy-client.key"), "yet another")
	}, left{}},
	{"ca.crt is another cluster's", func(c *fixtures.Cluster) {
		c.Node[pki(c, "ca.crt")] = fixtures.File{Data: c.CertificatePEM(other(c, "kubernetes", "kubernetes")), Mode: 0o644}
	}, left{}},
	{"the kubelet missed its rotation", func(c *fixtures.Cluster) { end(c, -2, kubeletClient) }, left{}},
	{"the kubelet's link leads nowhere", func(c *fixtures.Cluster) { c.Node.Remove(kubeletClient) }, left{}},
	{"everybody may read all keys, and some certificates have expired", func(c *fixtures.Cluster) {
		end(c, -3, pki(c, "apiserver"), conf+"/scheduler.conf")
		c.Reissue(pki(c, "apiserver-kubelet-client"), func(s *fixtures.Spec) { s.Usages = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
		for _, name := range c.Node.Paths() {
			if ext := path.Ext(name); c.Node[name].Link == "" && (ext == ".key" || ext == ".conf" && strings.HasPrefix(name, conf+"/")) {
				c.Node.Chmod(name, 0o644)
			}
		}
	}, left{}},
	{"several things at once", func(c *fixtures.Cluster) {
		end(c, 5, pki(c, "apiserver"), conf+"/admin.conf")
		c.Reissue(conf+"/scheduler.conf", func(s *fixtures.Spec) { s.CommonName = "system:kube-schedular" })
		end(c, -3, kubeletClient)
		c.WriteKey(pki(c, "apiserver-kubelet-client.key"), "another")
		c.Node["/root/.kube/config"] = c.Node[conf+"/admin.conf"]
		c.Node.Remove(pki(c, "front-proxy-client.crt"))
		c.Node.Chmod(pki(c, "sa.key"), 0o640|0o004)
	}, left{}},
}

const (
	handPKI  = "/var/lib/kubernetes"
	handEtcd = "/etc/etcd"
)

var nativeFaults = []fault{
	{"everything of the cluster's CA has expired", func(c *fixtures.Cluster) {
		end(c, -3, handPKI+"/apiserver", handPKI+"/apiserver-kubelet-client", kubeletPKI+"/kubelet",
			conf+"/controller-manager.conf", conf+"/scheduler.conf", conf+"/kube-proxy.conf", conf+"/kubelet.conf")
	}, left{}},
	{"a name is missing", func(c *fixtures.Cluster) {
		c.Reissue(handPKI+"/apiserver", func(s *fixtures.Spec) { s.IPs = []string{"127.0.0.1", "192.0.2.11"} })
	}, left{}},
	{"a key is another's", func(c *fixtures.Cluster) { c.WriteKey(handPKI+"/apiserver-kubelet-client.key", "another") }, left{}},
	{"a key is missing", func(c *fixtures.Cluster) { c.Node.Remove(handPKI + "/apiserver.key") }, left{}},
	{"a certificate ends in the middle", func(c *fixtures.Cluster) { cut(c, handPKI+"/apiserver.crt") },
		left{[]string{"files/malformed /var/lib/kubernetes/apiserver.crt"}, "what stood in a file is not guessed", restore(byHand, handPKI+"/apiserver.crt")}},
	{"the scheduler's user is misspelt", func(c *fixtures.Cluster) {
		c.Reissue(conf+"/scheduler.conf", func(s *fixtures.Spec) { s.CommonName = "system:kube-schedular" })
	}, left{}},
	{"the kubelet's group is missing", func(c *fixtures.Cluster) {
		c.Reissue(conf+"/kubelet.conf", func(s *fixtures.Spec) { s.Organizations = nil })
	}, left{}},
	{"a certificate is for servers alone", func(c *fixtures.Cluster) {
		c.Reissue(handPKI+"/apiserver-kubelet-client", func(s *fixtures.Spec) { s.Usages = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
	}, left{}},
	{"sa.pub is another cluster's", func(c *fixtures.Cluster) {
		c.Node[handPKI+"/sa.pub"] = fixtures.Native(fixtures.Options{Seed: "another"}).Node[handPKI+"/sa.pub"]
	}, left{}},
	{"a kubeconfig trusts another CA", func(c *fixtures.Cluster) {
		c.Node.Replace(conf+"/scheduler.conf", encoded(c.CertificatePEM(fixtures.CA)), encoded(c.CertificatePEM(other(c, "kubernetes", "Example Kubernetes CA"))))
	}, left{}},
	{"flags name others' CAs", func(c *fixtures.Cluster) {
		c.WriteCA(other(c, "kubernetes", "Example Kubernetes CA"), handPKI+"/other-ca")
		c.WriteCA(other(c, "etcd", "Example etcd CA"), handPKI+"/other-etcd-ca")
		c.Node.Replace("/etc/systemd/system/kube-apiserver.service", "--etcd-cafile=/etc/etcd/ca.crt", "--etcd-cafile=/var/lib/kubernetes/other-etcd-ca.crt")
		c.Node.Replace("/var/lib/kubelet/config.yaml", "clientCAFile: /var/lib/kubernetes/ca.crt", "clientCAFile: /var/lib/kubernetes/other-ca.crt")
	}, left{}},
	{"the controller manager signs with another CA", func(c *fixtures.Cluster) {
		c.WriteCA(other(c, "kubernetes", "Example Kubernetes CA"), handPKI+"/other-ca")
		for _, ext := range []string{"cert-file=" + handPKI + "/ca.crt", "key-file=" + handPKI + "/ca.key"} {
			c.Node.Replace("/etc/systemd/system/kube-controller-manager.service", "--cluster-signing-"+ext, "--cluster-signing-"+strings.Replace(ext, "/ca.", "/other-ca.", 1))
		}
	}, left{}},
	{"a kubeconfig is JSON and its certificate has expired", func(c *fixtures.Cluster) {
		end(c, -3, conf+"/scheduler.conf")
		c.Node[conf+"/scheduler.conf"] = asJSON(c.Node[conf+"/scheduler.conf"])
	}, left{}},
	{"everybody may read all keys, which have expired", func(c *fixtures.Cluster) {
		end(c, -3, handPKI+"/apiserver", conf+"/scheduler.conf")
		for _, name := range []string{handPKI + "/apiserver.key", handPKI + "/ca.key", handEtcd + "/etcd.key", conf + "/scheduler.conf"} {
			c.Node.Chmod(name, 0o644)
		}
	}, left{}},
	{"the API server's certificate for etcd has expired", func(c *fixtures.Cluster) { end(c, -3, handPKI+"/apiserver-etcd-client") },
		left{[]string{"validity/expired /var/lib/kubernetes/apiserver-etcd-client.crt"}, keyElsewhere, sign(byHand, fixtures.EtcdCA)}},
}

var workerFaults = []fault{
	{"the kubelet missed its rotation", func(c *fixtures.Cluster) { end(c, -2, kubeletClient) }, kubeletLeft("validity/expired")},
	{"the link leads nowhere", func(c *fixtures.Cluster) { c.Node.Remove(kubeletClient) }, kubeletLeft("files/dangling-link")},
	{"the link leads to an older file, which is gone", func(c *fixtures.Cluster) {
		c.Node[kubeletPKI+"/kubelet-client-2026-11-01-12-00-00.pem"] = c.Node[kubeletClient]
		c.Node.Remove(kubeletClient)
	}, left{}},
	{"a file is in the place of the link", func(c *fixtures.Cluster) { c.Node[kubeletLink] = c.Node[kubeletClient] }, left{}},
	{"kubelet.conf embeds a certificate", func(c *fixtures.Cluster) { embedded(c, 300) }, left{}},
	{"kubelet.conf embeds one that has expired", func(c *fixtures.Cluster) { embedded(c, -3) }, left{}},
	{"all of the kubelet's has expired", func(c *fixtures.Cluster) {
		embedded(c, -3)
		end(c, -2, kubeletClient)
	}, kubeletLeft("validity/expired")},
	{"the kubelet's own serving certificate can be written by all", func(c *fixtures.Cluster) { c.Node.Chmod(kubeletPKI+"/kubelet.key", 0o666) }, left{}},
}

// asJSON is a file of YAML as JSON with line breaks.
func asJSON(f fixtures.File) fixtures.File {
	var v any
	must(0, yaml.Unmarshal(f.Data, &v))
	f.Data = must(json.MarshalIndent(v, "", "  "))
	return f
}

// kubeletLeft is what a worker's plan leaves to people: the CA's key is on the control
// plane.
func kubeletLeft(check string) left {
	return left{[]string{check + " " + kubeletLink}, keyElsewhere, sign(sound, fixtures.CA)}
}

// embedded has kubelet.conf hold a certificate of the node's, as kubeadm before 1.17
// wrote it, which ends some days from now.
func embedded(c *fixtures.Cluster, days int) { embeddedAs(c, "worker-1", days) }

func embeddedAs(c *fixtures.Cluster, node string, days int) {
	file := conf + "/kubelet.conf"
	c.Node.Replace(file, "client-certificate: "+kubeletLink, "client-certificate-data: eA==")
	c.Node.Replace(file, "client-key: "+kubeletLink, "client-key-data: eA==")
	c.Embed(file, fixtures.Spec{CommonName: "system:node:" + node, Organizations: []string{"system:nodes"}, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		NotBefore: fixtures.Now.AddDate(-1, 0, days), NotAfter: fixtures.Now.AddDate(0, 0, days)})
}

func encoded(data []byte) string { return base64.StdEncoding.EncodeToString(data) }
