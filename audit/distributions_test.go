package audit_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"certaudit/audit"
	"certaudit/fixtures"
)

// embeddedData matches what a kubeconfig or a Secret embeds.
var embeddedData = regexp.MustCompile(`(?:certificate-data|certificate-authority-data|tls\.crt)"?:\s*"?([A-Za-z0-9+/=]{64,})`)

// certificatesIn are the digests of all certificates that the files of a node hold, each
// once, with a file that holds it.
func certificatesIn(n fixtures.Node) map[string]string {
	out := map[string]string{}
	add := func(name string, data []byte) {
		for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
			if sum := sha256.Sum256(block.Bytes); block.Type == "CERTIFICATE" {
				out[hex.EncodeToString(sum[:])] = name
			}
		}
	}
	for _, name := range n.Paths() {
		data := n[name].Data
		add(name, data)
		for _, m := range embeddedData.FindAllSubmatch(data, -1) {
			if decoded, err := base64.StdEncoding.DecodeString(string(m[1])); err == nil {
				add(name, decoded)
			}
		}
	}
	return out
}

// unused reports whether nothing uses what a scenario has in a file.
func unused(scenario, name string) bool {
	base := path.Base(name)
	switch scenario {
	case "ok-k3s-own-serving": // the administrator's are served
		return base == "serving-kubelet.crt" || base == "serving-kube-apiserver.crt"
	case "ok-microk8s-worker": // it had a control plane before it joined
		return !slices.Contains([]string{"ca.remote.crt", "kubelet.crt", "kubelet.config", "proxy.crt", "proxy.config"}, base)
	}
	return false
}

// Every certificate that lies on a node of a distribution is in the report, and the
// report has no other.
func TestDistributionsAreFound(t *testing.T) {
	for _, s := range fixtures.Distributions() {
		if len(s.Checks) > 0 {
			continue
		}
		want, missing := certificatesIn(s.Node()), []string{}
		for _, c := range resultOf(t, s.Name, s.Node).Certificates {
			delete(want, c.SHA256)
		}
		for _, name := range want {
			if unused(s.Name, name) {
				continue
			}
			if name != "/var/lib/kubelet/pki/kubelet.crt" { // a kubelet throws the CA with which it signs for itself away
				missing = append(missing, name)
			}
		}
		slices.Sort(missing)
		if diff := gocmp.Diff([]string{}, missing); diff != "" {
			t.Errorf("%s (-want +missing):\n%s", s.Name, diff)
		}
	}
}

// The head of the report names each distribution, and how the node is part of it.
func TestDistributionsAreNamed(t *testing.T) {
	want := map[string]string{
		"ok-rke1": "RKE control plane", "ok-rke1-worker": "RKE node", "ok-rke1-etcd": "RKE node", "ok-talos": "Talos control plane", "ok-talos-worker": "Talos node",
		"ok-kops": "kops control plane", "ok-kops-older": "kops control plane", "ok-kops-node": "kops node",
		"ok-openshift": "OpenShift master", "ok-openshift-first-day": "OpenShift master", "ok-openshift-worker": "OpenShift worker",
		"ok-eks-al2": "EKS node", "ok-eks": "EKS node", "ok-gke": "GKE node", "ok-aks": "AKS node", "ok-rke2-agent": "RKE2 agent",
		"ok-k3s-datastore": "k3s server", "ok-k3s-without-agent": "k3s server", "ok-k3s-custom-ca": "k3s server", "ok-k3s-own-serving": "k3s server",
		"ok-k3s-registry": "k3s server", "ok-k3s-data-dir": "k3s server", "ok-microk8s-worker": "MicroK8s worker",
	}
	got := map[string]string{}
	for _, s := range fixtures.Distributions() {
		if len(s.Checks) > 0 {
			continue
		}
		got[s.Name] = "nobody"
		if d := resultOf(t, s.Name, s.Node).Nodes[0].Distribution; d != nil {
			got[s.Name] = d.Name + " " + d.Mode
		}
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Words of a remedy that a distribution's own documents have, by the end of a scenario's
// name; no remedy on such a node speaks of kubeadm.
var ownWords = map[string]string{
	"rke1": "rke cert rotate", "rke1-etcd": "rke cert rotate --service etcd", "rke1-worker": "rke cert rotate --service kubelet", "rke1-worker-serving": "rke cert rotate --service kubelet",
	"talos": "talosctl reboot", "talos-etcd": "talosctl reboot", "talos-scheduler": "talosctl reboot", "talos-worker": "talosctl reboot",
	"kops": "kops rolling-update cluster", "kops-etcd": "3.0.20200428", "kops-etcd-peer": "3.0.20200428", "kops-node": "kops rolling-update cluster", "kops-node-serving": "kops rolling-update cluster",
	"openshift": "oc get clusteroperators", "openshift-etcd": "oc get clusteroperator etcd", "openshift-worker": "oc adm certificate approve", "openshift-worker-serving": "oc adm certificate approve",
	"eks": "kubectl get csr", "eks-al2": "kubectl get csr", "gke": "gcloud container clusters upgrade", "gke-serving": "gcloud container clusters upgrade", "aks": "az aks rotate-certs",
	"rke2-agent": "rke2 certificate rotate", "rke2-agent-serving": "rke2 certificate rotate", "k3s-custom-ca": "k3s certificate rotate", "k3s-data-dir": "k3s certificate rotate --data-dir /srv/k3s",
	"k0s-worker": "k0s token create", "microk8s-worker": "microk8s add-node --worker",
}

func TestDistributionsHaveRemediesOfTheirOwn(t *testing.T) {
	tried := map[string]bool{}
	for _, s := range fixtures.Distributions() {
		if len(s.Checks) == 0 {
			continue
		}
		r := resultOf(t, s.Name, s.Node)
		var text strings.Builder
		for _, f := range r.Findings {
			fmt.Fprintln(&text, f.Remedy)
		}
		for _, step := range r.Plan {
			fmt.Fprintln(&text, step.Title, step.Commands)
		}
		if strings.Contains(text.String(), "kubeadm") {
			t.Errorf("%s speaks of kubeadm:\n%s", s.Name, text.String())
		}
		for end, want := range ownWords {
			if name := "bad-" + strings.ReplaceAll(s.Checks[0], "/", "-") + "-" + end; name == s.Name {
				tried[end] = true
				if !strings.Contains(text.String(), want) {
					t.Errorf("%s lacks %q:\n%s", s.Name, want, text.String())
				}
			}
		}
	}
	for end := range ownWords {
		if !tried[end] {
			t.Errorf("no scenario of %q", end)
		}
	}
}

// What lies about the rules for distributions: each neighbour of a fault is silent, and
// each neighbour of what is silent is told.
func TestDistributionEdges(t *testing.T) {
	const talosAPI = "/system/secrets/kubernetes/kube-apiserver/apiserver"
	ranged := func(base, address string) func(*fixtures.Cluster) {
		return func(c *fixtures.Cluster) {
			c.Reissue(base, func(s *fixtures.Spec) {
				s.IPs = []string{"127.0.0.1", c.Options.AdvertiseAddress, address}
			})
		}
	}
	changed := func(base string, change func(*fixtures.Spec)) func(*fixtures.Cluster) {
		return func(c *fixtures.Cluster) { c.Reissue(base, change) }
	}
	config := put("/system/state/config.yaml", "version: v1alpha1\ncluster:\n  network:\n    serviceSubnets: [10.50.0.0/16]\n")
	const lacks = "critical identity/san-missing " + talosAPI + `.crt kube-apiserver --tls-cert-file: lacks "%s" (the first address of the service range); it has "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "localhost", "talos-c1", "127.0.0.1", "192.0.2.11", "%s"`
	for _, tt := range []struct {
		name   string
		by     func(fixtures.Options) *fixtures.Cluster
		change func(*fixtures.Cluster)
		want   []string
	}{
		{"Talos with a range of its own, which no file says", fixtures.TalosControlPlane, ranged(talosAPI, "10.50.0.1"), nil},
		{"Talos with a range of its own, which its configuration says", fixtures.TalosControlPlane, both(ranged(talosAPI, "10.50.0.1"), config), nil},
		{"Talos with another range than its configuration says", fixtures.TalosControlPlane, both(ranged(talosAPI, "203.0.113.7"), config), []string{fmt.Sprintf(lacks, "10.50.0.1", "203.0.113.7")}},
		{"Talos without an address of any range", fixtures.TalosControlPlane, ranged(talosAPI, "203.0.113.7"), []string{fmt.Sprintf(lacks, "10.96.0.1", "203.0.113.7")}},
		{"EKS with a token for all to read", fixtures.EKSAL2023, func(c *fixtures.Cluster) {
			c.Node["/var/lib/kubelet/kubeconfig"] = fixtures.File{Mode: 0o644, Data: []byte("clusters:\n- {name: a, cluster: {server: https://a}}\ncontexts:\n- {name: a, context: {cluster: a, user: a}}\ncurrent-context: a\nusers:\n- {name: a, user: {token: not-a-token}}\n")}
		}, []string{"warning files/permissions /var/lib/kubelet/kubeconfig kubelet --kubeconfig: has the mode 0644; expected 0600 or less, for whoever reads it can act in its name"}},
		{"AKS with a token for all to change", fixtures.AKSNode, func(c *fixtures.Cluster) { c.Node.Chmod("/var/lib/kubelet/bootstrap-kubeconfig", 0o666) },
			[]string{"warning files/permissions /var/lib/kubelet/bootstrap-kubeconfig kubelet --bootstrap-kubeconfig: has the mode 0666; expected 0600 or less, for whoever reads it can act in its name"}},
		{"OpenShift whose configuration is copied without what the operator adds", fixtures.OpenShiftMaster, func(c *fixtures.Cluster) {
			name := "/etc/kubernetes/static-pod-resources/kube-apiserver-pod-12/configmaps/config/config.yaml"
			f := c.Node[name]
			f.Data = regexp.MustCompile(`"namedCertificates":\[[^\]]*\]`).ReplaceAll(f.Data, []byte(`"namedCertificates":null`))
			c.Node[name] = f
			c.Node.Remove("/etc/kubernetes/static-pod-resources/kube-apiserver-certs/secrets/node-kubeconfigs/localhost-recovery.kubeconfig")
		}, nil},
		{"OpenShift with the folder of a revision before, where all has ended", fixtures.OpenShiftMaster, func(c *fixtures.Cluster) {
			for _, name := range c.Node.Paths() {
				if before := strings.Replace(name, "kube-apiserver-pod-12", "kube-apiserver-pod-11", 1); before != name {
					c.Node[before] = c.Node[name]
				}
			}
			for _, base := range []string{"etcd-client", "localhost-recovery-serving-certkey"} {
				c.Issue("/etc/kubernetes/static-pod-resources/kube-apiserver-pod-11/secrets/"+base+"/tls", fixtures.Spec{CommonName: base, NotBefore: fixtures.Now.AddDate(-2, 0, 0), NotAfter: fixtures.Now.AddDate(-1, 0, 0)})
			}
		}, nil},
		{"OpenShift copied without the system's name", fixtures.OpenShiftWorker, func(c *fixtures.Cluster) { c.Node.Remove("/etc/os-release") }, nil},
		{"an agent of RKE2 without its address", fixtures.RKE2Agent, changed("/var/lib/rancher/rke2/agent/serving-kubelet", func(s *fixtures.Spec) { s.IPs = nil }),
			[]string{"critical identity/san-missing /var/lib/rancher/rke2/agent/serving-kubelet.crt kubelet tlsCertFile: has no address among its alternative names, and is dialled by address"}},
		{"an agent of RKE2 with the loopback's address alone", fixtures.RKE2Agent, changed("/var/lib/rancher/rke2/agent/serving-kubelet", func(s *fixtures.Spec) { s.DNSNames, s.IPs = []string{"localhost"}, []string{"127.0.0.1"} }),
			[]string{"critical identity/san-missing /var/lib/rancher/rke2/agent/serving-kubelet.crt kubelet tlsCertFile: has no address among its alternative names but the loopback's, and is dialled by another"}},
		{"MicroK8s with the modes that it gives to its group", fixtures.MicroK8s, func(c *fixtures.Cluster) {
			for _, name := range c.Node.Paths() {
				if f := c.Node[name]; strings.HasPrefix(name, "/var/snap/microk8s/current/") && f.Link == "" {
					f.Mode = 0o660
					c.Node[name] = f
				}
			}
		}, nil},
		{"MicroK8s with a key that everybody may read", fixtures.MicroK8s, func(c *fixtures.Cluster) { c.Node.Chmod("/var/snap/microk8s/current/certs/server.key", 0o664) },
			[]string{"warning files/permissions /var/snap/microk8s/current/certs/server.key kube-apiserver --tls-private-key-file: has the mode 0664; expected 0600 or less, for whoever reads it can act in its name"}},
		{"a node of GKE without its address", fixtures.GKENode, changed("/var/lib/kubelet/pki/kubelet-server-2026-10-24-12-00-00.pem", func(s *fixtures.Spec) { s.IPs = nil }), nil},
		{"a registry without what k3s shows to it", fixtures.K3sServer, put("/etc/rancher/k3s/registries.yaml", "configs:\n  r.example.org: {tls: {ca_file: /etc/ssl/r.crt}}\n"),
			[]string{`critical files/missing /etc/ssl/r.crt k3s configs["r.example.org"].tls.ca_file: does not exist; it is named by k3s configs["r.example.org"].tls.ca_file (/etc/rancher/k3s/registries.yaml:2)`}},
	} {
		c := tt.by(fixtures.Options{})
		tt.change(c)
		got := slices.DeleteFunc(told(auditNode(t, c.Node, audit.Options{})), func(s string) bool { return !strings.HasPrefix(s, "critical ") && !strings.HasPrefix(s, "warning ") })
		if diff := gocmp.Diff(tt.want, append([]string(nil), got...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// Other clusters have some of what shows a distribution.
func TestOthersAreNoDistribution(t *testing.T) {
	for name, change := range map[string]func(*fixtures.Cluster){
		"kubeadm on Azure":               put("/etc/kubernetes/azure.json", "{}"),
		"kubeadm behind OpenShift's way": replace("/etc/systemd/system/kubelet.service.d/10-kubeadm.conf", "ExecStart=/usr/bin/kubelet", "ExecStart=/usr/local/bin/kubenswrapper /usr/bin/kubelet"),
	} {
		c := fixtures.Worker(fixtures.Options{})
		change(c)
		if got := described(auditNode(t, c.Node, audit.Options{})); len(got) > 0 {
			t.Errorf("%s is taken for %s", name, got)
		}
	}
}
