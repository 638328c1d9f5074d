//go:build !race

package proof

import (
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"certaudit/audit"
	"certaudit/fixtures"
)

// left is what a plan leaves to people.
type left struct {
	// open are the findings that are still there after it, by their labels in order;
	// nil for none. everything stands for all that there were.
	open []string
	// why says why no plan fixes them.
	why string
	// owner does by hand what the plan asks for.
	owner func(*trial)
}

// worthKnowing are the scenarios of which nothing is at warning or above.
var worthKnowing = map[string]bool{
	"bad-chain-rotation": true, "bad-files-unreferenced": true, "bad-kubelet-serving-self-signed": true, "bad-input-unreadable": true,
	"bad-input-unreadable-partial": true, "bad-files-malformed-home": true, "bad-input-unsupported": true, "bad-input-unsupported-native": true, "bad-input-unknown-version": true,
	"bad-identity-san-missing-gardener": true, "bad-identity-san-missing-hard-way-node": true, "bad-identity-san-missing-hard-way-worker": true,
	"bad-identity-san-missing-mumshad-node": true, "bad-identity-san-missing-mumshad-bootstrapped": true,
}

var everything = []string{"everything"}

// wantOpen are the findings that the plan leaves to people.
func (tr *trial) wantOpen() []string {
	switch {
	case slices.Equal(tr.left.open, everything):
		return tr.before.open()
	case tr.left.open == nil:
		return []string{}
	}
	return tr.left.open
}

// leftByName are the reasons for scenarios whose names begin with a word.
var leftByName = []struct{ name, why string }{
	{"bad-flags-missing-half", "whether a flag that a component does without is missing or not wanted is a decision"},
	{"bad-flags-missing-request-header", "whether a flag that a component does without is missing or not wanted is a decision"},
	{"bad-flags-unknown-field-rotation", "what a component does without may be meant for another version"},
	{"bad-flags-unknown-field-place", "what a configuration file holds is changed by those who wrote it"},
	{"bad-flags-missing-manifests", "what a configuration file holds is changed by those who wrote it"},
	{"bad-input-undecodable-second-start", "which of two commands is meant is a decision"},
	{"bad-flags-unknown-etcd-variable", "which of two settings is meant is a decision"},
	{"bad-input-undecodable-boolean", "what a configuration file holds is changed by those who wrote it"},
	{"bad-files-malformed-webhook", "what stood in a file, or should, is not guessed"},
	{"bad-files-missing-etcd-config", "what stood in a file, or should, is not guessed"},
	{"bad-files-missing-person", "which cluster somebody means is a decision"},
	{"bad-keys-mismatch-sni", "which of two files is the wrong one is a decision"},
	{"bad-keys-mismatch-authority", "keys that are gone can only be restored"},
	{"bad-chain-untrusted-worker", "which of two CAs is the cluster's is not written anywhere"},
	{"bad-connections-address-etcd-port", "whether etcd should listen elsewhere or be called elsewhere is a decision"},
	{"bad-flags-missing-kubelet", "what a configuration file holds is changed by those who wrote it"},
	{"bad-flags-plain-http", "what calls etcd has to change with it"},
	{"bad-connections-server-untrusted-plain-peers", "which of the two addresses was meant is a decision"},
	{"bad-flags-service-range", "which of two ranges services have is a decision"},
	{"bad-identity-san-missing-range", "what a component is started with is changed by those who chose it"},
	{"bad-input-component-unread", "what stood in a file, or should, is not guessed"},
	{"bad-files-missing-unmounted", "what a pod mounts is changed by those who wrote it"},
	{"bad-files-missing-no-volumes", "what a pod mounts is changed by those who wrote it"},
	{"bad-files-missing-stranger", "who issues for a program that is none of the cluster's is not known"},
	{"bad-files-malformed-stranger", "who issues for a program that is none of the cluster's is not known"},
	{"bad-chain-untrusted-stranger", "who issues for a program that is none of the cluster's is not known"},
	{"bad-validity-expired-k0s-worker", "a worker joins again with a token that a controller makes"},
	{"bad-validity-expired-microk8s-kubelet", "MicroK8s issues it again only together with the CA, and then all nodes join again"},
	{"bad-validity-expired-gardener", "the kubelet and the agent of Gardener request their certificates from the seed"},
	{"bad-chain-untrusted-gardener", "the kubelet and the agent of Gardener request their certificates from the seed"},
	{"bad-keys-mismatch-gardener", "the kubelet and the agent of Gardener request their certificates from the seed"},
	{"bad-files-dangling-link-gardener", "the kubelet and the agent of Gardener request their certificates from the seed"},
	{"bad-files-missing-hard-way", "what stood in a file, or should, is not guessed"},
	{"bad-files-missing-mumshad", "what stood in a file, or should, is not guessed"},
	{"bad-files-missing-minikube", "the certificate is an administrator's as well, and minikube itself has a copy"},
	{"bad-validity-expired-kubelet-folder", "what the node is, or was, is not known"},
}

// leftByEnd are the reasons for scenarios whose names end with a word: those of
// distributions that do nothing on the node itself.
var leftByEnd = []struct{ names, why string }{
	{"rke1 rke1-etcd rke1-front-proxy rke1-worker rke1-worker-serving", "rke is run where cluster.yml is kept"},
	{"talos talos-etcd talos-scheduler talos-worker", "Talos has no shell, and issues its certificates by itself"},
	{"kops kops-etcd kops-etcd-peer kops-front-proxy kops-node kops-node-serving", "kops is run elsewhere, and makes the node again"},
	{"openshift openshift-balancer openshift-etcd openshift-front-proxy openshift-worker openshift-worker-serving", "the operators issue it, once people approve what the kubelets ask for"},
	{"eks eks-al2 gke gke-serving aks aks-waiting", "the cloud signs it, or makes the node again"},
	{"k3s-own-serving k3s-datastore k3s-registry", "who issues a certificate of the administrator's is not known"},
	{"k0s-worker microk8s-worker", "a worker joins again with a token that a controller makes"},
}

// leftOf is what the plan for a scenario leaves to people.
func leftOf(scenario string) left {
	for _, l := range leftByName {
		if strings.HasPrefix(scenario, l.name) {
			return left{everything, l.why, nil}
		}
	}
	for _, l := range leftByEnd {
		for name := range strings.FieldsSeq(l.names) {
			if s, found := strings.CutSuffix(scenario, "-"+name); found && slices.ContainsFunc(audit.Checks(), func(c audit.Check) bool { return s == "bad-"+strings.ReplaceAll(c.ID, "/", "-") }) {
				return left{everything, l.why, nil}
			}
		}
	}
	return leftToPeople[scenario]
}

// leftToPeople are the scenarios that no plan fixes. A plan does not guess: not which of two
// things is the wrong one, not what stood in a file, not a key.
var leftToPeople = map[string]left{
	"bad-chain-ca-replaced": {[]string{"chain/ca-replaced /etc/kubernetes/pki/ca.crt"},
		"the CA's key is gone with its certificate, and whether that was meant is not written anywhere", restore(sound, "/etc/kubernetes/pki/ca.crt", "/etc/kubernetes/pki/ca.key")},
	"bad-chain-ca-replaced-etcd": {[]string{"chain/ca-replaced /etc/kubernetes/pki/etcd/ca.crt"},
		"the CA's key is gone with its certificate, and whether that was meant is not written anywhere", restore(sound, "/etc/kubernetes/pki/etcd/ca.crt", "/etc/kubernetes/pki/etcd/ca.key")},
	"bad-chain-shared-ca": {[]string{"chain/shared-ca /etc/kubernetes/manifests/kube-apiserver.yaml"},
		"another CA has to be made known to every extension API server", restore(sound, "/etc/kubernetes/pki/front-proxy-ca.crt", "/etc/kubernetes/pki/front-proxy-ca.key",
			"/etc/kubernetes/pki/front-proxy-client.crt", "/etc/kubernetes/manifests/kube-apiserver.yaml", "/etc/kubernetes/manifests/kube-controller-manager.yaml")},
	"bad-chain-wrong-issuer-native": {[]string{"chain/wrong-issuer /etc/etcd/etcd.crt"}, keyElsewhere, sign(byHand, fixtures.EtcdCA)},
	"bad-validity-expired-quadlet":  {[]string{"validity/expired /etc/etcd/etcd.crt"}, keyElsewhere, sign(byHand, fixtures.EtcdCA)},
	"bad-connections-identity": {[]string{"connections/identity /etc/kubernetes/manifests/etcd.yaml"},
		"whom etcd is to accept is a decision", restore(sound, "/etc/kubernetes/manifests/etcd.yaml")},
	"bad-connections-server-name": {[]string{"connections/server-name /root/.kube/config"},
		"whether the name or the certificate is the wrong one is a decision", func(tr *trial) {
			tr.put("/root/.kube/config", fixtures.File{Data: tr.files["/etc/kubernetes/admin.conf"].data, Mode: 0o600})
		}},
	"bad-connections-address-etcd": {[]string{"connections/address /etc/kubernetes/manifests/kube-apiserver.yaml"},
		"whether etcd should listen elsewhere or be called elsewhere is a decision", restore(sound, "/etc/kubernetes/manifests/kube-apiserver.yaml")},
	"bad-connections-address-etcd-loopback": {[]string{"connections/address /etc/kubernetes/manifests/kube-apiserver.yaml"},
		"whether etcd should listen elsewhere or be called elsewhere is a decision", restore(sound, "/etc/kubernetes/manifests/etcd.yaml")},
	"bad-chain-untrusted-by-hand":       {[]string{"chain/untrusted /var/lib/kubelet/pki/kubelet-client-current.pem"}, keyElsewhere, sign(sound, fixtures.CA)},
	"bad-chain-untrusted-native-worker": {[]string{"chain/untrusted /etc/kubernetes/kubelet.conf"}, keyElsewhere, sign(madeAgain, "again")},
	"bad-flags-missing-required": {[]string{"flags/missing /etc/kubernetes/manifests/kube-apiserver.yaml"}, "what a flag held that is gone is not guessed",
		restore(sound, "/etc/kubernetes/manifests/kube-apiserver.yaml")},
	"bad-flags-unknown-native": {[]string{"flags/unknown /etc/systemd/system/kube-apiserver.service"}, "a release that is not known may have the flag",
		restore(byHand, "/etc/systemd/system/kube-apiserver.service")},
	"bad-files-dangling-link-optional": {[]string{"files/dangling-link /etc/kubernetes/super-admin.conf"}, "few nodes have the file, and nobody needs it", func(tr *trial) {
		must(0, os.Remove(filepath.Join(tr.tree(), "/etc/kubernetes/super-admin.conf")))
	}},
	"bad-files-missing-folder": {[]string{"files/missing /etc/kubernetes/pki"}, "keys that are gone can only be restored", restore(sound, "/etc/kubernetes/pki/")},
	"bad-files-missing-native": {[]string{"files/missing /etc/etcd/ca.crt"}, "no other file of the node holds the certificate", restore(byHand, "/etc/etcd/ca.crt")},
	"bad-files-missing-signer": {[]string{"files/missing /etc/kubernetes/pki/ca.key"}, "keys that are gone can only be restored", restore(sound, "/etc/kubernetes/pki/ca.key")},
	"bad-input-duplicate-component-native": {[]string{"input/duplicate-component /usr/lib/systemd/system/etcd.service"},
		"which of the two should run is a decision", func(tr *trial) {
			must(0, os.Remove(filepath.Join(tr.tree(), "/etc/systemd/system/multi-user.target.wants/etcd.service")))
		}},
	"bad-input-undecodable": {[]string{"input/undecodable /etc/kubernetes/manifests/kube-scheduler.yaml"}, "what stood in a file is not guessed",
		restore(sound, "/etc/kubernetes/manifests/kube-scheduler.yaml")},
	"bad-kubelet-serving-unapproved": {[]string{"kubelet/serving-unapproved /var/lib/kubelet/pki/kubelet-server-current.pem"},
		"somebody has to look at the names and to approve", restore(approved, "/var/lib/kubelet/pki/kubelet-server-")},
	"bad-validity-expired-home": {[]string{"validity/expired /root/.kube/config"}, "which of several clusters is the one is a decision", func(tr *trial) {
		tr.put("/root/.kube/config", fixtures.File{Data: tr.files["/etc/kubernetes/admin.conf"].data, Mode: 0o600})
	}},
	"bad-validity-expired-stranger-folder": {[]string{"validity/expired /etc/haproxy/certs/lb.pem"}, "who issues for a program that is none of the cluster's is not known", nil},
	"bad-validity-expired-ca": {[]string{"validity/expired /etc/kubernetes/pki/ca.crt"},
		"every node and client has to trust the CA that takes its place", renewCA},
	"bad-validity-expired-kubelet": {[]string{"validity/expired /var/lib/kubelet/pki/kubelet-client-current.pem"}, keyElsewhere, sign(sound, fixtures.CA)},
	"bad-validity-expired-native":  {[]string{"validity/expired /etc/etcd/etcd.crt"}, keyElsewhere, sign(byHand, fixtures.EtcdCA)},
	"bad-identity-san-missing-hard-way-range": {[]string{"flags/service-range /etc/systemd/system/kube-controller-manager.service"},
		"which of two ranges services have is a decision", restore(by(fixtures.HardWayServer), "/etc/systemd/system/", "/var/lib/kubernetes/kube-api-server")},
	"bad-validity-expired-kubespray-client":        elsewhere(fixtures.KubesprayWithoutEtcd, fixtures.EtcdCA, "validity/expired /etc/ssl/etcd/ssl/node-node1.pem"),
	"bad-validity-expired-kubespray-calico":        elsewhere(fixtures.KubesprayWorker, fixtures.EtcdCA, "validity/expired /etc/calico/certs/cert.crt", "validity/expired /etc/ssl/etcd/ssl/node-node1.pem"),
	"bad-validity-expired-kubekey-4-client":        elsewhere(fixtures.KubeKey4, fixtures.EtcdCA, "validity/expired /etc/kubernetes/pki/etcd/client.crt"),
	"bad-validity-expired-cluster-api-worker":      elsewhere(fixtures.ClusterAPIWorker, fixtures.CA, "validity/expired /var/lib/kubelet/pki/kubelet-client-current.pem"),
	"bad-validity-expired-hard-way-proxy":          elsewhere(fixtures.HardWayNode, fixtures.CA, "validity/expired /var/lib/kube-proxy/kubeconfig"),
	"bad-validity-expired-hard-way-node":           elsewhere(fixtures.HardWayNode, fixtures.CA, "validity/expired /var/lib/kubelet/kubeconfig", "validity/expired /var/lib/kubelet/kubelet.crt"),
	"bad-chain-untrusted-hard-way-node":            elsewhere(fixtures.HardWayNode, fixtures.CA, "chain/untrusted /var/lib/kubelet/kubeconfig", "chain/untrusted /var/lib/kubelet/kubelet.crt"),
	"bad-keys-mismatch-hard-way-node":              elsewhere(fixtures.HardWayNode, fixtures.CA, "keys/mismatch /var/lib/kubelet/kubelet.crt"),
	"bad-validity-expired-hard-way-worker":         elsewhere(fixtures.HardWayWorker, fixtures.CA, "validity/expired /var/lib/kubelet/kubeconfig", "validity/expired /var/lib/kubelet/worker-0.pem"),
	"bad-chain-untrusted-hard-way-worker":          elsewhere(fixtures.HardWayWorker, fixtures.CA, "chain/untrusted /var/lib/kubelet/kubeconfig", "chain/untrusted /var/lib/kubelet/worker-0.pem"),
	"bad-keys-mismatch-hard-way-worker":            elsewhere(fixtures.HardWayWorker, fixtures.CA, "keys/mismatch /var/lib/kubelet/worker-0.pem"),
	"bad-validity-expired-mumshad-node":            elsewhere(fixtures.MumshadNode, fixtures.CA, "validity/expired /var/lib/kubernetes/pki/node01.crt"),
	"bad-chain-untrusted-mumshad-node":             elsewhere(fixtures.MumshadNode, fixtures.CA, "chain/untrusted /var/lib/kubernetes/pki/node01.crt"),
	"bad-keys-mismatch-mumshad-node":               elsewhere(fixtures.MumshadNode, fixtures.CA, "keys/mismatch /var/lib/kubernetes/pki/node01.crt"),
	"bad-validity-expired-mumshad-bootstrapped":    elsewhere(fixtures.MumshadBootstrapped, fixtures.CA, "validity/expired /var/lib/kubelet/pki/kubelet-client-current.pem"),
	"bad-chain-untrusted-mumshad-bootstrapped":     elsewhere(fixtures.MumshadBootstrapped, fixtures.CA, "chain/untrusted /var/lib/kubelet/pki/kubelet-client-current.pem"),
	"bad-keys-mismatch-mumshad-bootstrapped":       elsewhere(fixtures.MumshadBootstrapped, fixtures.CA, "keys/mismatch /var/lib/kubelet/pki/kubelet-client-current.pem"),
	"bad-files-dangling-link-mumshad-bootstrapped": elsewhere(fixtures.MumshadBootstrapped, fixtures.CA, "files/dangling-link /var/lib/kubelet/pki/kubelet-client-current.pem"),
	"bad-validity-not-yet-valid-clock": {[]string{"validity/not-yet-valid /etc/kubernetes/pki/ca.crt"},
		"which clock is wrong is not written anywhere", func(tr *trial) { tr.later = 3 * time.Hour }},
}

const keyElsewhere = "the key of the CA is not on the node"

// Clusters as they were before anything went wrong.
func sound() *fixtures.Cluster  { return fixtures.ControlPlane(fixtures.Options{}) }
func byHand() *fixtures.Cluster { return fixtures.Native(fixtures.Options{}) }

// by is a cluster of a kind.
func by(kind func(fixtures.Options) *fixtures.Cluster) func() *fixtures.Cluster {
	return func() *fixtures.Cluster { return kind(fixtures.Options{}) }
}

// elsewhere is what a plan leaves where the key of a CA is not on the node: its owner
// signs, then nothing is left.
func elsewhere(kind func(fixtures.Options) *fixtures.Cluster, ca string, open ...string) left {
	return left{open, keyElsewhere, sign(by(kind), ca)}
}

// madeAgain is a cluster whose CA was made again.
func madeAgain() *fixtures.Cluster {
	c := byHand()
	c.NewCA("again", fixtures.Spec{CommonName: "Example Kubernetes CA", NotBefore: fixtures.Now.Add(-day)})
	return c
}

// approved is a node whose kubelet has its serving certificate.
func approved() *fixtures.Cluster {
	for _, s := range fixtures.Scenarios() {
		if s.Name == "ok-serving-bootstrap" {
			return &fixtures.Cluster{Node: s.Node()}
		}
	}
	panic("no such scenario")
}

// put writes a file.
func (tr *trial) put(name string, f fixtures.File) {
	if err := os.RemoveAll(filepath.Join(tr.tree(), name)); err != nil {
		tr.t.Fatal(err)
	}
	if err := (fixtures.Node{name: f}).Write(tr.tree()); err != nil {
		tr.t.Fatal(err)
	}
}

// restore brings files back that begin with some words, as from a backup.
func restore(from func() *fixtures.Cluster, prefixes ...string) func(*trial) {
	return func(tr *trial) {
		for name, f := range from().Node {
			for _, prefix := range prefixes {
				if strings.HasPrefix(name, prefix) {
					tr.put(name, f)
				}
			}
		}
	}
}

// renewCA gives the CA a certificate with the same key and name.
func renewCA(tr *trial) {
	c := sound()
	c.NewCA("renewed", fixtures.Spec{CommonName: "kubernetes", DNSNames: []string{"kubernetes"}, KeyName: "ca/" + fixtures.CA, NotBefore: fixtures.Now.Add(-day)})
	tr.put("/etc/kubernetes/pki/ca.crt", fixtures.File{Data: c.CertificatePEM("renewed"), Mode: 0o644})
}

// sign does as the plan says: with a CA's key that is elsewhere, then here.
func sign(from func() *fixtures.Cluster, ca string) func(*trial) {
	return func(tr *trial) {
		c := from()
		c.WriteCA(ca, "/root/ca")
		tr.put("/root/ca.crt", c.Node["/root/ca.crt"])
		tr.put("/root/ca.key", c.Node["/root/ca.key"])
		for _, title := range tr.asked(tr.look()) {
			_, command, found := strings.Cut(title, ", as by: ")
			command, then, found2 := strings.Cut(command, "; bring the certificate back as ")
			answer, run, found3 := strings.Cut(then, ", then run here: ")
			if !found || !found2 || !found3 {
				continue
			}
			base := strings.TrimSuffix(answer, ".crt")
			script := fmt.Sprintf("set -e\nmkdir /root/elsewhere\ncp %s.csr %s.cnf /root/ca.crt /root/ca.key /root/elsewhere\ncd /root/elsewhere\n%s\ncp %s %s\nrm -r /root/elsewhere\n%s\n",
				base, base, command, filepath.Base(answer), answer, run)
			if out, code := tr.run([]byte(script), nil); code != 0 {
				tr.t.Errorf("what the plan asks for ended with %d:\n%s\n%s", code, script, out)
			}
		}
		must(0, os.Remove(filepath.Join(tr.tree(), "/root/ca.key")))
	}
}

// etcdElsewhereFaults are those of a node whose etcd is others'.
var etcdElsewhereFaults = []fault{
	{"the API server's certificate for etcd has expired", func(c *fixtures.Cluster) { end(c, -3, pki(c, "apiserver-etcd-client")) },
		left{[]string{"validity/expired /etc/kubernetes/pki/apiserver-etcd-client.crt"}, keyElsewhere, sign(sound, fixtures.EtcdCA)}},
}

// keyElsewhereFaults are those of a node without the key of the cluster's CA.
var keyElsewhereFaults = []fault{
	{"everything has expired", func(c *fixtures.Cluster) { end(c, -3, append(leaves(c), kubeletClient)...) }, left{[]string{
		"validity/expired /etc/kubernetes/admin.conf", "validity/expired /etc/kubernetes/controller-manager.conf", "validity/expired /etc/kubernetes/pki/apiserver-kubelet-client.crt",
		"validity/expired /etc/kubernetes/pki/apiserver.crt", "validity/expired /etc/kubernetes/scheduler.conf", "validity/expired /etc/kubernetes/super-admin.conf",
		"validity/expired /var/lib/kubelet/pki/kubelet-client-current.pem"}, keyElsewhere, sign(sound, fixtures.CA)}},
	{"a name is missing", func(c *fixtures.Cluster) {
		c.Reissue(pki(c, "apiserver"), func(s *fixtures.Spec) { s.DNSNames = s.DNSNames[:1] })
	}, left{[]string{"identity/san-missing /etc/kubernetes/pki/apiserver.crt"}, keyElsewhere, sign(sound, fixtures.CA)}},
	{"a purpose is wrong, and so is the front proxy's", func(c *fixtures.Cluster) {
		for _, name := range []string{"apiserver-kubelet-client", "front-proxy-client"} {
			c.Reissue(pki(c, name), func(s *fixtures.Spec) { s.Usages = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
		}
	}, left{[]string{"usage/extended-key-usage /etc/kubernetes/pki/apiserver-kubelet-client.crt"}, keyElsewhere, sign(sound, fixtures.CA)}},
}
