package audit_test

import (
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"certaudit/audit"
	"certaudit/fixtures"
)

// verified is one comparison of a script that looks at nodes made by hand:
// mmumshad/kubernetes-the-hard-way vagrant/ubuntu/cert_verify.sh compares texts, and stops
// at the first that differs.
type verified struct {
	// function and what are the script's.
	function, what string
	by             func(fixtures.Options) *fixtures.Cluster
	fault          func(*fixtures.Cluster)
	// want are all findings at warning or above, "check path"; none where the text that
	// differs is no fault for all that the node says.
	want []string
}

const (
	mumshadPKI = "/var/lib/kubernetes/pki"
	unitFolder = "/etc/systemd/system"
)

func gone(name string) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) { c.Node.Remove(name) }
}

func anothersKey(name string) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) { c.WriteKey(name, "another") }
}

func subject(base, commonName string, organizations ...string) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) {
		c.Reissue(base, func(s *fixtures.Spec) { s.CommonName, s.Organizations = commonName, organizations })
	}
}

func byOther(base string) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) {
		c.NewCA("other", fixtures.Spec{CommonName: "OTHER-CA", Organizations: []string{"Kubernetes"}})
		c.Reissue(base, func(s *fixtures.Spec) { s.Signer = "other" })
	}
}

func text(file, old, new string) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) { c.Node.Replace(file, old, new) }
}

var certVerify = []verified{
	{"check_cert_only", "/etc/etcd/ca.crt is there", fixtures.Mumshad, gone("/etc/etcd/ca.crt"), []string{"files/missing /etc/etcd/ca.crt"}},
	{"check_cert_and_key", "ca.crt is there", fixtures.Mumshad, gone(mumshadPKI + "/ca.crt"), []string{"files/dangling-link /etc/etcd/ca.crt", "files/missing /var/lib/kubernetes/pki/ca.crt"}},
	{"check_cert_and_key", "ca.key is there", fixtures.Mumshad, gone(mumshadPKI + "/ca.key"), []string{"files/missing /var/lib/kubernetes/pki/ca.key"}},
	{"check_cert_and_key", "ca.key is that of ca.crt", fixtures.Mumshad, anothersKey(mumshadPKI + "/ca.key"), []string{"chain/signing-bundle /var/lib/kubernetes/pki/ca.crt"}},
	{"check_cert_and_key", "kube-apiserver.crt is there", fixtures.Mumshad, gone(mumshadPKI + "/kube-apiserver.crt"), []string{"files/missing /var/lib/kubernetes/pki/kube-apiserver.crt"}},
	{"check_cert_and_key", "kube-apiserver.key is there", fixtures.Mumshad, gone(mumshadPKI + "/kube-apiserver.key"), []string{"files/missing /var/lib/kubernetes/pki/kube-apiserver.key"}},
	{"check_cert_and_key", "the keys of kube-apiserver are one", fixtures.Mumshad, anothersKey(mumshadPKI + "/kube-apiserver.key"), []string{"keys/mismatch /var/lib/kubernetes/pki/kube-apiserver.crt"}},
	{"check_cert_and_key", "the issuer of kube-apiserver", fixtures.Mumshad, byOther(mumshadPKI + "/kube-apiserver"), []string{"connections/server-untrusted /var/lib/kubernetes/pki/ca.crt", "connections/server-untrusted /home/vagrant/admin.kubeconfig"}},
	{"check_cert_and_key", "kube-controller-manager.crt is there", fixtures.Mumshad, gone(mumshadPKI + "/kube-controller-manager.crt"), []string{"files/missing /var/lib/kubernetes/pki/kube-controller-manager.crt"}},
	{"check_cert_and_key", "the keys of kube-controller-manager are one", fixtures.Mumshad, anothersKey(mumshadPKI + "/kube-controller-manager.key"), []string{"keys/mismatch /var/lib/kubernetes/pki/kube-controller-manager.crt"}},
	{"check_cert_and_key", "the subject of kube-controller-manager", fixtures.Mumshad, subject(mumshadPKI+"/kube-controller-manager", "kube-controller-manager"), []string{"identity/common-name /var/lib/kubernetes/pki/kube-controller-manager.crt"}},
	{"check_cert_and_key", "the issuer of kube-controller-manager", fixtures.Mumshad, byOther(mumshadPKI + "/kube-controller-manager"), []string{"chain/wrong-issuer /var/lib/kubernetes/pki/kube-controller-manager.crt"}},
	{"check_cert_and_key", "the subject of kube-scheduler", fixtures.Mumshad, subject(mumshadPKI+"/kube-scheduler", "kube-scheduler"), []string{"identity/common-name /var/lib/kubernetes/pki/kube-scheduler.crt"}},
	{"check_cert_and_key", "the keys of kube-scheduler are one", fixtures.Mumshad, anothersKey(mumshadPKI + "/kube-scheduler.key"), []string{"keys/mismatch /var/lib/kubernetes/pki/kube-scheduler.crt"}},
	{"check_cert_and_key", "service-account.crt is there", fixtures.Mumshad, gone(mumshadPKI + "/service-account.crt"), []string{"files/missing /var/lib/kubernetes/pki/service-account.crt"}},
	{"check_cert_and_key", "service-account.key is there", fixtures.Mumshad, gone(mumshadPKI + "/service-account.key"), []string{"files/missing /var/lib/kubernetes/pki/service-account.key"}},
	{"check_cert_and_key", "the keys of service-account are one", fixtures.Mumshad, anothersKey(mumshadPKI + "/service-account.key"), []string{"keys/service-account /var/lib/kubernetes/pki/service-account.key"}},
	{"check_cert_and_key", "the subject of apiserver-kubelet-client", fixtures.Mumshad, subject(mumshadPKI+"/apiserver-kubelet-client", "kube-apiserver-kubelet-client"), []string{}}, // what lets the user call kubelets is in no file
	{"check_cert_and_key", "the keys of apiserver-kubelet-client are one", fixtures.Mumshad, anothersKey(mumshadPKI + "/apiserver-kubelet-client.key"), []string{"keys/mismatch /var/lib/kubernetes/pki/apiserver-kubelet-client.crt"}},
	{"check_cert_and_key", "etcd-server.crt is there", fixtures.Mumshad, gone("/etc/etcd/etcd-server.crt"), []string{"files/missing /etc/etcd/etcd-server.crt"}},
	{"check_cert_and_key", "the issuer of etcd-server", fixtures.Mumshad, byOther("/etc/etcd/etcd-server"), []string{"chain/wrong-issuer /etc/etcd/etcd-server.crt", "keys/reused /etc/etcd/etcd-server.crt"}},
	{"check_cert_and_key", "the keys of etcd-server are one", fixtures.Mumshad, anothersKey("/etc/etcd/etcd-server.key"), []string{"keys/mismatch /etc/etcd/etcd-server.crt"}},
	{"check_cert_and_key", "the keys of the API server's etcd-server are one", fixtures.Mumshad, anothersKey(mumshadPKI + "/etcd-server.key"), []string{"keys/mismatch /var/lib/kubernetes/pki/etcd-server.crt"}},

	{"check_cert_adminkubeconfig", "the subject", fixtures.Mumshad, subject("/home/vagrant/admin.kubeconfig", "admin"), []string{}}, // what a person may do is in no file
	{"check_cert_adminkubeconfig", "the issuer", fixtures.Mumshad, byOther("/home/vagrant/admin.kubeconfig"), []string{"chain/wrong-issuer /home/vagrant/admin.kubeconfig"}},
	{"check_cert_adminkubeconfig", "the server", fixtures.Mumshad, text("/home/vagrant/admin.kubeconfig", "127.0.0.1:6443", "127.0.0.1:8443"), []string{}}, // another program may listen there, as a balancer of the node does

	{"check_kubeconfig", "kube-controller-manager.kubeconfig is there", fixtures.Mumshad, gone("/var/lib/kubernetes/kube-controller-manager.kubeconfig"), []string{"files/missing /var/lib/kubernetes/kube-controller-manager.kubeconfig"}},
	{"check_kubeconfig", "kube-scheduler.kubeconfig is there", fixtures.Mumshad, gone("/var/lib/kubernetes/kube-scheduler.kubeconfig"), []string{"files/missing /var/lib/kubernetes/kube-scheduler.kubeconfig"}},
	{"check_kubeconfig", "the CA's path", fixtures.Mumshad, text("/var/lib/kubernetes/kube-scheduler.kubeconfig", "/pki/ca.crt", "/ca.crt"), []string{"files/missing /var/lib/kubernetes/ca.crt"}},
	{"check_kubeconfig", "the certificate's path", fixtures.Mumshad, text("/var/lib/kubernetes/kube-scheduler.kubeconfig", "/pki/kube-scheduler.crt", "/kube-scheduler.crt"), []string{"files/missing /var/lib/kubernetes/kube-scheduler.crt"}},
	{"check_kubeconfig", "the key's path", fixtures.Mumshad, text("/var/lib/kubernetes/kube-scheduler.kubeconfig", "/pki/kube-scheduler.key", "/kube-scheduler.key"), []string{"files/missing /var/lib/kubernetes/kube-scheduler.key"}},
	{"check_kubeconfig", "the server", fixtures.Mumshad, text("/var/lib/kubernetes/kube-scheduler.kubeconfig", "127.0.0.1:6443", "127.0.0.1:443"), []string{}}, // another program may listen there, as a balancer of the node does

	{"check_systemd_etcd", "--cert-file", fixtures.Mumshad, text(unitFolder+"/etcd.service", "--cert-file=/etc/etcd/etcd-server.crt", "--cert-file=/etc/etcd/kube-apiserver.crt"), []string{"files/missing /etc/etcd/kube-apiserver.crt"}},
	{"check_systemd_etcd", "--key-file", fixtures.Mumshad, text(unitFolder+"/etcd.service", " --key-file=/etc/etcd/etcd-server.key", " --key-file=/etc/etcd/ca.key"), []string{"files/missing /etc/etcd/ca.key"}},
	{"check_systemd_etcd", "--peer-cert-file", fixtures.Mumshad, text(unitFolder+"/etcd.service", "--peer-cert-file=/etc/etcd/etcd-server.crt", "--peer-cert-file=/var/lib/kubernetes/pki/kube-scheduler.crt"), []string{"identity/san-missing /var/lib/kubernetes/pki/kube-scheduler.crt", "keys/mismatch /var/lib/kubernetes/pki/kube-scheduler.crt"}},
	{"check_systemd_etcd", "--trusted-ca-file", fixtures.Mumshad, text(unitFolder+"/etcd.service", " --trusted-ca-file=/etc/etcd/ca.crt", " --trusted-ca-file=/etc/etcd/etcd-server.crt"), []string{"usage/not-a-ca /etc/etcd/etcd-server.crt"}},
	{"check_systemd_etcd", "--peer-trusted-ca-file", fixtures.Mumshad, text(unitFolder+"/etcd.service", "--peer-trusted-ca-file=/etc/etcd/ca.crt", "--peer-trusted-ca-file=/etc/etcd/etcd-server.crt"), []string{"usage/not-a-ca /etc/etcd/etcd-server.crt"}},
	{"check_systemd_etcd", "--listen-client-urls", fixtures.Mumshad, text(unitFolder+"/etcd.service", "https://192.0.2.11:2379,https://127.0.0.1:2379", "https://127.0.0.1:2379"), []string{}}, // whether the address is forwarded is not known
	{"check_systemd_etcd", "--advertise-client-urls", fixtures.Mumshad, text(unitFolder+"/etcd.service", "--advertise-client-urls https://192.0.2.11:2379", "--advertise-client-urls https://192.0.2.111:2379"), []string{"identity/san-missing /etc/etcd/etcd-server.crt"}},
	{"check_systemd_etcd", "--initial-advertise-peer-urls", fixtures.Mumshad, text(unitFolder+"/etcd.service", "--initial-advertise-peer-urls https://192.0.2.11:2380", "--initial-advertise-peer-urls https://192.0.2.111:2380"), []string{"identity/san-missing /etc/etcd/etcd-server.crt"}},

	{"check_systemd_api", "--advertise-address", fixtures.Mumshad, text(unitFolder+"/kube-apiserver.service", "--advertise-address=192.0.2.11", "--advertise-address=192.0.2.111"), []string{"identity/san-missing /etc/systemd/system/kube-apiserver.service"}},
	{"check_systemd_api", "--client-ca-file", fixtures.Mumshad, text(unitFolder+"/kube-apiserver.service", "--client-ca-file=/var/lib/kubernetes/pki/ca.crt", "--client-ca-file=/var/lib/kubernetes/pki/kube-apiserver.crt"), []string{"usage/not-a-ca /var/lib/kubernetes/pki/kube-apiserver.crt"}},
	{"check_systemd_api", "--etcd-cafile", fixtures.Mumshad, text(unitFolder+"/kube-apiserver.service", "--etcd-cafile=/var/lib/kubernetes/pki/ca.crt", "--etcd-cafile=/var/lib/kubernetes/pki/etcd-server.crt"), []string{"usage/not-a-ca /var/lib/kubernetes/pki/etcd-server.crt"}},
	{"check_systemd_api", "--etcd-certfile", fixtures.Mumshad, text(unitFolder+"/kube-apiserver.service", "--etcd-certfile=/var/lib/kubernetes/pki/etcd-server.crt", "--etcd-certfile=/var/lib/kubernetes/pki/kube-apiserver.crt"), []string{"keys/mismatch /var/lib/kubernetes/pki/kube-apiserver.crt", "usage/extended-key-usage /var/lib/kubernetes/pki/kube-apiserver.crt"}},
	{"check_systemd_api", "--etcd-keyfile", fixtures.Mumshad, text(unitFolder+"/kube-apiserver.service", "--etcd-keyfile=/var/lib/kubernetes/pki/etcd-server.key", "--etcd-keyfile=/var/lib/kubernetes/pki/kube-apiserver.key"), []string{"keys/mismatch /var/lib/kubernetes/pki/etcd-server.crt"}},
	{"check_systemd_api", "--kubelet-certificate-authority", fixtures.Mumshad, text(unitFolder+"/kube-apiserver.service", "--kubelet-certificate-authority=/var/lib/kubernetes/pki/ca.crt", "--kubelet-certificate-authority=/var/lib/kubernetes/ca.crt"), []string{"files/missing /var/lib/kubernetes/ca.crt"}},
	{"check_systemd_api", "--kubelet-client-certificate", fixtures.Mumshad, text(unitFolder+"/kube-apiserver.service", "--kubelet-client-certificate=/var/lib/kubernetes/pki/apiserver-kubelet-client.crt", "--kubelet-client-certificate=/var/lib/kubernetes/pki/kube-apiserver.crt"), []string{"keys/mismatch /var/lib/kubernetes/pki/kube-apiserver.crt", "usage/extended-key-usage /var/lib/kubernetes/pki/kube-apiserver.crt"}},
	{"check_systemd_api", "--kubelet-client-key", fixtures.Mumshad, text(unitFolder+"/kube-apiserver.service", "--kubelet-client-key=/var/lib/kubernetes/pki/apiserver-kubelet-client.key", "--kubelet-client-key=/var/lib/kubernetes/pki/kube-apiserver.key"), []string{"keys/mismatch /var/lib/kubernetes/pki/apiserver-kubelet-client.crt"}},
	{"check_systemd_api", "--service-account-key-file", fixtures.Mumshad, text(unitFolder+"/kube-apiserver.service", "--service-account-key-file=/var/lib/kubernetes/pki/service-account.crt", "--service-account-key-file=/var/lib/kubernetes/pki/kube-apiserver.crt"), []string{"keys/service-account /var/lib/kubernetes/pki/service-account.key"}},
	{"check_systemd_api", "--tls-cert-file", fixtures.Mumshad, text(unitFolder+"/kube-apiserver.service", "--tls-cert-file=/var/lib/kubernetes/pki/kube-apiserver.crt", "--tls-cert-file=/var/lib/kubernetes/pki/kube-scheduler.crt"), []string{"identity/san-missing /var/lib/kubernetes/pki/kube-scheduler.crt", "keys/mismatch /var/lib/kubernetes/pki/kube-scheduler.crt"}},
	{"check_systemd_api", "--tls-private-key-file", fixtures.Mumshad, text(unitFolder+"/kube-apiserver.service", "--tls-private-key-file=/var/lib/kubernetes/pki/kube-apiserver.key", "--tls-private-key-file=/var/lib/kubernetes/pki/ca.key"), []string{"keys/mismatch /var/lib/kubernetes/pki/kube-apiserver.crt"}},

	{"check_systemd_kcm", "--cluster-signing-cert-file", fixtures.Mumshad, text(unitFolder+"/kube-controller-manager.service", "--cluster-signing-cert-file=/var/lib/kubernetes/pki/ca.crt", "--cluster-signing-cert-file=/var/lib/kubernetes/pki/kube-apiserver.crt"), []string{"chain/signing-bundle /var/lib/kubernetes/pki/kube-apiserver.crt", "usage/not-a-ca /var/lib/kubernetes/pki/kube-apiserver.crt"}},
	{"check_systemd_kcm", "--cluster-signing-key-file", fixtures.Mumshad, text(unitFolder+"/kube-controller-manager.service", "--cluster-signing-key-file=/var/lib/kubernetes/pki/ca.key", "--cluster-signing-key-file=/var/lib/kubernetes/pki/service-account.key"), []string{"chain/signing-bundle /var/lib/kubernetes/pki/ca.crt"}},
	{"check_systemd_kcm", "--kubeconfig", fixtures.Mumshad, text(unitFolder+"/kube-controller-manager.service", " --kubeconfig=/var/lib/kubernetes/kube-controller-manager.kubeconfig", " --kubeconfig=/var/lib/kubernetes/kube-scheduler.kubeconfig"), []string{"identity/common-name /var/lib/kubernetes/pki/kube-scheduler.crt", "identity/organization-extra /var/lib/kubernetes/pki/kube-scheduler.crt"}},
	{"check_systemd_kcm", "--root-ca-file", fixtures.Mumshad, text(unitFolder+"/kube-controller-manager.service", "--root-ca-file=/var/lib/kubernetes/pki/ca.crt", "--root-ca-file=/var/lib/kubernetes/pki/kube-apiserver.crt"), []string{"usage/not-a-ca /var/lib/kubernetes/pki/kube-apiserver.crt"}},
	{"check_systemd_kcm", "--service-account-private-key-file", fixtures.Mumshad, text(unitFolder+"/kube-controller-manager.service", "--service-account-private-key-file=/var/lib/kubernetes/pki/service-account.key", "--service-account-private-key-file=/var/lib/kubernetes/pki/ca.key"), []string{"keys/service-account /var/lib/kubernetes/pki/ca.key"}},

	{"check_systemd_ks", "--kubeconfig", fixtures.Mumshad, text(unitFolder+"/kube-scheduler.service", "/var/lib/kubernetes/kube-scheduler.kubeconfig", "/var/lib/kubernetes/kube-controller-manager.kubeconfig"), []string{"identity/common-name /var/lib/kubernetes/pki/kube-controller-manager.crt", "identity/organization-extra /var/lib/kubernetes/pki/kube-controller-manager.crt"}},

	{"check_cert_only", "ca.crt of node01 is there", fixtures.MumshadNode, gone(mumshadPKI + "/ca.crt"), []string{"files/missing /var/lib/kubernetes/pki/ca.crt"}},
	{"check_cert_and_key", "kube-proxy.crt of node01 is there", fixtures.MumshadNode, gone(mumshadPKI + "/kube-proxy.crt"), []string{"files/missing /var/lib/kubernetes/pki/kube-proxy.crt"}},
	{"check_cert_and_key", "the subject of kube-proxy", fixtures.MumshadNode, subject(mumshadPKI+"/kube-proxy", "kube-proxy"), []string{"identity/common-name /var/lib/kubernetes/pki/kube-proxy.crt"}},
	{"check_cert_and_key", "the issuer of kube-proxy", fixtures.MumshadNode, byOther(mumshadPKI + "/kube-proxy"), []string{}}, // the API server is not on this node, and may know the CA
	{"check_cert_and_key", "the subject of node01", fixtures.MumshadNode, subject(mumshadPKI+"/node01", "system:node:node02", "system:nodes"), []string{"identity/common-name /var/lib/kubernetes/pki/node01.crt"}},
	{"check_cert_and_key", "the group of node01", fixtures.MumshadNode, subject(mumshadPKI+"/node01", "system:node:node01", "system:node"), []string{"identity/organization-missing /var/lib/kubernetes/pki/node01.crt"}},
	{"check_cert_and_key", "the keys of node01 are one", fixtures.MumshadNode, anothersKey(mumshadPKI + "/node01.key"), []string{"keys/mismatch /var/lib/kubernetes/pki/node01.crt"}},
	{"check_kubeconfig", "the paths of kube-proxy's kubeconfig", fixtures.MumshadNode, text("/var/lib/kube-proxy/kube-proxy.kubeconfig", "/pki/kube-proxy.key", "/kube-proxy.key"), []string{"files/missing /var/lib/kubernetes/kube-proxy.key"}},
	{"check_kubeconfig", "the kubelet's kubeconfig is there", fixtures.MumshadNode, gone("/var/lib/kubelet/kubelet.kubeconfig"), []string{"files/missing /var/lib/kubelet/kubelet.kubeconfig"}},
	{"check_kubeconfig", "the server of kube-proxy", fixtures.MumshadNode, text("/var/lib/kube-proxy/kube-proxy.kubeconfig", "https://192.0.2.100:6443", "https://192.0.2.101:6443"), []string{}}, // a cluster may have several balancers
	{"check_cert_only", "kubelet-client-current.pem of node02 is there", fixtures.MumshadBootstrapped, gone("/var/lib/kubelet/pki/kubelet-client-current.pem"), []string{"files/missing /var/lib/kubelet/pki/kubelet-client-current.pem"}},
	{"check_cert_only", "the subject of kubelet-client-current.pem", fixtures.MumshadBootstrapped, subject("/var/lib/kubelet/pki/kubelet-client-2026-10-24-12-00-00.pem", "system:node:node03", "system:nodes"), []string{"identity/common-name /var/lib/kubelet/pki/kubelet-client-current.pem"}},
	{"check_cert_only", "the issuer of kubelet-client-current.pem", fixtures.MumshadBootstrapped, byOther("/var/lib/kubelet/pki/kubelet-client-2026-10-24-12-00-00.pem"), []string{}}, // the API server is not on this node, and may know the CA
}

// What cert_verify.sh compares, an audit sees, by what it means to the components; and
// where a text differs that means nothing to them, it is silent.
func TestCertVerify(t *testing.T) {
	for _, v := range certVerify {
		t.Run(v.function+": "+v.what, func(t *testing.T) {
			t.Parallel()
			c := v.by(fixtures.Options{})
			v.fault(c)
			got := []string{}
			for _, f := range auditNode(t, c.Node, audit.Options{}).Findings {
				if f.Severity != audit.Info {
					got = append(got, f.Label())
				}
			}
			slices.Sort(got)
			slices.Sort(v.want)
			if diff := gocmp.Diff(v.want, slices.Compact(got)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}
