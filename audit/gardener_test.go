package audit_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"certaudit/fixtures"
)

// shootSecrets are the Secrets of a control plane of Gardener's in the namespace of its
// cluster in the seed: a CA with its key, its bundle, servers and clients that each name
// the CA beside (gardener/gardener pkg/utils/secrets/certificate.go, bundle.go and
// manager/manager.go,
// pkg/component/kubernetes/apiserver, pkg/component/etcd/etcd).
func shootSecrets(c *fixtures.Cluster) string {
	const namespace = "shoot--dev--c1"
	var items []string
	add := func(name string, fields ...string) {
		items = append(items, typed(namespace, name, "Opaque", fields...))
	}
	text := func(name string) string { return string(c.Node[name].Data) }
	for _, ca := range []string{"ca", "ca-client", "ca-etcd", "ca-etcd-peer", "ca-front-proxy", "ca-kubelet"} {
		add(ca, "ca.crt", text("/x/"+ca+".crt"), "ca.key", text("/x/"+ca+".key"))
		add(ca+"-bundle", "bundle.crt", text("/x/"+ca+".crt"))
	}
	for _, pair := range shootPairs {
		fields := []string{"tls.crt", text("/x/" + pair.name + ".crt"), "tls.key", text("/x/" + pair.name + ".key")}
		if pair.withCA {
			fields = append(fields, "ca.crt", text("/x/"+pair.ca+".crt"))
		}
		items = append(items, typed(namespace, pair.name, tlsType, fields...))
	}
	add("service-account-key", "id_rsa", text("/x/sa.key"))
	add("service-account-key-bundle", "bundle.key", text("/x/sa.key"))
	return fmt.Sprintf(`{"apiVersion": "v1", "kind": "List", "items": [%s]}`, strings.Join(items, ",\n"))
}

// shootPairs are the certificates in Secrets, and the CAs that sign them.
var shootPairs = []struct {
	name, ca string
	withCA   bool
}{
	{"kube-apiserver-server", "ca", true}, {"etcd-main-server", "ca-etcd", false}, {"etcd-main-peer-server", "ca-etcd-peer", false}, {"etcd-client", "ca-etcd", true},
	{"kube-apiserver-kubelet-client", "ca-client", false}, {"kube-aggregator", "ca-front-proxy", false}, {"kube-controller-manager-server", "ca", true},
}

// shoot has all certificates of such a control plane as files.
func shoot() *fixtures.Cluster {
	c := fixtures.Gardener(fixtures.Options{})
	for ca, name := range map[string]string{"ca": "kubernetes", "ca-client": "kubernetes-client", "ca-etcd": "etcd", "ca-etcd-peer": "etcd-peer", "ca-front-proxy": "front-proxy", "ca-kubelet": "kubelet"} {
		c.NewCA(ca, fixtures.Spec{CommonName: name})
		c.WriteCA(ca, "/x/"+ca)
	}
	for _, pair := range shootPairs {
		c.Issue("/x/"+pair.name, fixtures.Spec{CommonName: pair.name, DNSNames: []string{"kube-apiserver", "kube-apiserver.shoot--dev--c1.svc", "kubernetes.default.svc"}, Signer: pair.ca})
	}
	c.WriteKey("/x/sa.key", "sa")
	return c
}

// The control plane of a node of Gardener's is judged where it is: as Secrets.
func TestGardenerControlPlane(t *testing.T) {
	const secret = "Secret shoot--dev--c1/"
	for _, tt := range []struct {
		name   string
		change func(*fixtures.Cluster)
		want   []string
	}{
		{"sound", func(*fixtures.Cluster) {}, []string{}},
		{"expired", func(c *fixtures.Cluster) {
			c.Reissue("/x/kube-apiserver-server", func(s *fixtures.Spec) {
				s.NotAfter, s.NotBefore = fixtures.Now.AddDate(0, 0, -3), fixtures.Now.AddDate(-1, 0, 0)
			})
		}, []string{"critical validity/expired " + secret + `kube-apiserver-server data["tls.crt"]`}},
		{"another CA of the name", func(c *fixtures.Cluster) {
			c.NewCA("another", fixtures.Spec{CommonName: "kubernetes"})
			c.Reissue("/x/kube-apiserver-server", func(s *fixtures.Spec) { s.Signer = "another" })
		}, []string{"warning objects/chain " + secret + `kube-apiserver-server data["tls.crt"]`}},
		{"another CA of etcd's name", func(c *fixtures.Cluster) {
			c.NewCA("another", fixtures.Spec{CommonName: "etcd"})
			c.Reissue("/x/etcd-main-server", func(s *fixtures.Spec) { s.Signer = "another" })
		}, []string{"warning chain/untrusted " + secret + `etcd-main-server data["tls.crt"]`}},
		{"another key", func(c *fixtures.Cluster) { c.WriteKey("/x/kube-apiserver-server.key", "another") }, []string{"critical keys/mismatch " + secret + `kube-apiserver-server data["tls.crt"]`}},
		{"another key of the CA", func(c *fixtures.Cluster) { c.WriteKey("/x/ca.key", "another") }, []string{"warning keys/mismatch " + secret + `ca data["ca.crt"]`}},
		{"an expired CA", func(c *fixtures.Cluster) {
			c.NewCA("ca-etcd", fixtures.Spec{CommonName: "etcd", NotBefore: fixtures.Now.AddDate(-10, 0, 0), NotAfter: fixtures.Now.AddDate(0, 0, -3)})
			c.WriteCA("ca-etcd", "/x/ca-etcd")
		}, []string{"critical validity/expired " + secret + `ca-etcd data["ca.crt"]`, "critical validity/expired " + secret + `ca-etcd-bundle data["bundle.crt"]`, "critical validity/expired " + secret + `etcd-client data["ca.crt"]`}},
		{"a certificate gone", func(c *fixtures.Cluster) { c.Node["/x/kube-apiserver-server.crt"] = fixtures.File{} }, []string{"warning objects/incomplete " + secret + "kube-apiserver-server "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := shoot()
			tt.change(c)
			r := auditObjects(t, shootSecrets(c))
			got := []string{}
			for _, f := range r.Findings {
				got = append(got, fmt.Sprintf("%s %s %s %s", f.Severity, f.Check, f.Component, f.Field))
			}
			slices.Sort(got)
			if diff := gocmp.Diff(tt.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			seen := map[string]bool{}
			for _, c := range r.Certificates {
				seen[c.SHA256] = true
			}
			if want := len(shootPairs) + 6; tt.name == "sound" && len(seen) != want {
				t.Errorf("%d certificates, want %d", len(seen), want)
			}
		})
	}
}
