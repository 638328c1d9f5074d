package audit_test

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"testing"

	"certaudit/audit"
	"certaudit/fixtures"
	"certaudit/parsers"
)

// kinds are nodes that tools around kubeadm made, and those that people made by a guide.
var kinds = map[string]struct {
	by    func(fixtures.Options) *fixtures.Cluster
	named string
}{
	"minikube":             {fixtures.Minikube, "minikube node /var/lib/minikube "},
	"kind":                 {fixtures.Kind, "kind node /kind "},
	"kubespray":            {fixtures.Kubespray, "kubespray control plane /etc/kubernetes "},
	"kubespray, no etcd":   {fixtures.KubesprayWithoutEtcd, "kubespray control plane /etc/kubernetes "},
	"kubespray, etcd":      {fixtures.KubesprayEtcd, "kubespray etcd /etc/kubernetes "},
	"kubespray, worker":    {fixtures.KubesprayWorker, "kubespray node /etc/kubernetes "},
	"KubeKey 3":            {fixtures.KubeKey, "KubeKey node /etc/kubernetes "},
	"KubeKey 4":            {fixtures.KubeKey4, "KubeKey node /etc/kubernetes "},
	"Cluster API":          {fixtures.ClusterAPI, "Cluster API control plane /run/kubeadm "},
	"Cluster API, worker":  {fixtures.ClusterAPIWorker, "Cluster API node /run/kubeadm "},
	"Gardener":             {fixtures.Gardener, "Gardener node /var/lib/gardener-node-agent "},
	"hard way, 2025":       {fixtures.HardWayServer, "Kubernetes The Hard Way control plane /var/lib/kubernetes "},
	"hard way, 2025, node": {fixtures.HardWayNode, "Kubernetes The Hard Way node /var/lib/kubernetes "},
	"hard way, 2019":       {fixtures.HardWayController, "Kubernetes The Hard Way control plane /var/lib/kubernetes "},
	"hard way, 2019, node": {fixtures.HardWayWorker, "Kubernetes The Hard Way node /var/lib/kubernetes "},
	"mumshad, 2024":        {fixtures.Mumshad, "Kubernetes The Hard Way control plane /var/lib/kubernetes "},
	"mumshad, 2020":        {fixtures.MumshadOld, "Kubernetes The Hard Way control plane /var/lib/kubernetes "},
	"mumshad, node":        {fixtures.MumshadNode, "Kubernetes The Hard Way node /var/lib/kubernetes "},
	"mumshad, TLS":         {fixtures.MumshadBootstrapped, "Kubernetes The Hard Way node /var/lib/kubernetes "},
}

// filesByCertificate are the SHA-256 of all certificates in the files of a node, by a way of
// its own, with the files that hold each.
func filesByCertificate(t *testing.T, n fixtures.Node) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for _, name := range n.Paths() {
		texts := [][]byte{n[name].Data}
		for _, m := range embeddedData.FindAllSubmatch(n[name].Data, -1) {
			data, err := base64.StdEncoding.DecodeString(string(m[1]))
			do(t, err)
			texts = append(texts, data)
		}
		for _, rest := range texts {
			for block, rest := pem.Decode(rest); block != nil; block, rest = pem.Decode(rest) {
				if own := name == "/var/lib/kubelet/pki/kubelet.crt" && len(rest) == 0; block.Type == "CERTIFICATE" && !own { // the CA that the kubelet makes for itself signs nothing else
					m := parsers.ParseMaterial(parsers.Origin{}, pem.EncodeToMemory(block))
					found[m.Certificates[0].SHA256()] = append(found[m.Certificates[0].SHA256()], name)
				}
			}
		}
	}
	return found
}

// Every kind is recognised, all its certificates are found, and a sound one is silent.
func TestKinds(t *testing.T) {
	for name, k := range kinds {
		t.Run(name, func(t *testing.T) {
			node := k.by(fixtures.Options{}).Node
			r := auditNode(t, node, audit.Options{})
			if got, want := fmt.Sprint(described(r)), "["+k.named+"]"; got != want {
				t.Errorf("%s, want %s", got, want)
			}
			if r.AtOrAbove(audit.Warning) > 0 || r.Incomplete() {
				t.Errorf("findings %v, incomplete %t", told(r), r.Incomplete())
			}
			reported := map[string]bool{}
			for _, c := range r.Certificates {
				reported[c.SHA256] = true
			}
			in := filesByCertificate(t, node)
			for sum, files := range in {
				if !reported[sum] {
					t.Errorf("the certificate in %s is not reported", files)
				}
			}
			if len(in) != len(reported) {
				t.Errorf("%d certificates reported, there are %d", len(reported), len(in))
			}
		})
	}
}
