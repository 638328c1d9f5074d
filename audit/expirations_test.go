package audit_test

import (
	"slices"
	"strings"
	"testing"

	"certaudit/audit"
	"certaudit/audit/inventory"
	"certaudit/fixtures"

	gocmp "github.com/google/go-cmp/cmp"
)

const (
	etcDir = "/etc/kubernetes"
	pkiDir = etcDir + "/pki"
)

// TestExpirationErrors: what kubeadm 1.37.2 ended with where one file of a sound
// tree was changed so.
func TestExpirationErrors(t *testing.T) {
	put := func(path, text string) func(fixtures.Node) {
		return func(n fixtures.Node) { n[path] = fixtures.File{Data: []byte(text), Mode: 0o600} }
	}
	remove := func(paths ...string) func(fixtures.Node) { return func(n fixtures.Node) { n.Remove(paths...) } }
	const external = "Error checking external CA condition for "
	const garbage = "data does not contain any valid RSA or ECDSA certificates"
	for _, tt := range []struct {
		name   string
		change func(fixtures.Node)
		want   string
	}{
		{"sound", func(fixtures.Node) {}, ""},
		{"no PEM", put(pkiDir+"/apiserver.crt", "garbage"), "failed to load existing certificate apiserver: error reading " + pkiDir + "/apiserver.crt: " + garbage},
		{"empty", put(pkiDir+"/etcd/peer.crt", ""), "failed to load existing certificate etcd/peer: error reading " + pkiDir + "/etcd/peer.crt: " + garbage},
		{"one bad certificate behind the CA", func(n fixtures.Node) {
			n.Append(pkiDir+"/ca.crt", []byte("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"))
		}, external + "ca certificate authority: failure loading certificate for CA: couldn't load the certificate file " + pkiDir + "/ca.crt: error reading " + pkiDir + "/ca.crt: x509: malformed certificate"},
		{"a damaged block behind the CA", func(n fixtures.Node) {
			n.Append(pkiDir+"/ca.crt", []byte("-----BEGIN CERTIFICATE-----\nMII*\n-----END CERTIFICATE-----\n"))
		}, ""},
		{"no CA", remove(pkiDir + "/ca.crt"), external + "ca certificate authority: failure loading certificate for CA: couldn't load the certificate file " + pkiDir + "/ca.crt: open " + pkiDir + "/ca.crt: no such file or directory"},
		{"no CA of etcd", remove(pkiDir + "/etcd/ca.crt"), external + "etcd/ca certificate authority: failure loading certificate for etcd CA: couldn't load the certificate file " + pkiDir + "/etcd/ca.crt: open " + pkiDir + "/etcd/ca.crt: no such file or directory"},
		{"a leaf in the CA's place", func(n fixtures.Node) { n[pkiDir+"/ca.crt"] = n[pkiDir+"/apiserver.crt"] }, external + "ca certificate authority: certificate CA is not a CA"},
		{"external CA", remove(pkiDir + "/ca.key"), ""},
		{"external CA, and a key is gone", remove(pkiDir+"/ca.key", pkiDir+"/apiserver-kubelet-client.key"), external + "ca certificate authority: failure loading key for apiserver-kubelet-client: couldn't load the private key file " +
			pkiDir + "/apiserver-kubelet-client.key: open " + pkiDir + "/apiserver-kubelet-client.key: no such file or directory"},
		{"external CA that did not sign", func(n fixtures.Node) {
			n.Remove(pkiDir + "/ca.key")
			n[pkiDir+"/apiserver.crt"] = n[pkiDir+"/front-proxy-client.crt"]
		}, external + "ca certificate authority: certificate API server is not signed by corresponding CA: x509: certificate signed by unknown authority"},
		{"empty kubeconfig", put(etcDir+"/admin.conf", ""), "invalid kubeConfig file " + etcDir + "/admin.conf: missing context "},
		{"another context", func(n fixtures.Node) {
			n.Replace(etcDir+"/scheduler.conf", "current-context: ", "current-context: other-")
		}, "invalid kubeConfig file " + etcDir + "/scheduler.conf: missing context other-system:kube-scheduler@kubernetes"},
		{"client certificate in a file", func(n fixtures.Node) {
			n.Replace(etcDir+"/scheduler.conf", "client-certificate-data: ", "client-certificate: /x.crt\n    x-data: ")
		}, "kubeConfig file " + etcDir + "/scheduler.conf does not have an embedded client certificate"},
		{"CA in a file", func(n fixtures.Node) {
			n.Replace(etcDir+"/scheduler.conf", "certificate-authority-data: ", "certificate-authority: /x.crt\n    x-data: ")
		}, "kubeConfig file " + etcDir + "/scheduler.conf does not have an embedded server certificate"},
		{"folder", func(n fixtures.Node) {
			n.Remove(etcDir + "/super-admin.conf")
			put(etcDir+"/super-admin.conf/x", "")(n)
		}, ""},
		{"dangling link", func(n fixtures.Node) { n[etcDir+"/super-admin.conf"] = fixtures.File{Link: "nowhere"} }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := fixtures.ControlPlane(fixtures.Options{}).Node
			tt.change(n)
			node := auditNode(t, n, audit.Options{}).Nodes[0]
			if diff := gocmp.Diff(tt.want, node.ExpirationError); diff != "" || (tt.want == "") != (len(node.Expirations) == 14) {
				t.Errorf("%d rows; error (-want +got):\n%s", len(node.Expirations), diff)
			}
		})
	}
}

// TestExpirationRows: the rows that kubeadm shows by where etcd is, by version, and
// by what is missing.
func TestExpirationRows(t *testing.T) {
	all := func(more ...string) []string {
		return slices.Concat([]string{"admin.conf ca", "apiserver ca"}, []string{"apiserver-etcd-client etcd-ca"}, []string{"apiserver-kubelet-client ca", "controller-manager.conf ca",
			"etcd-healthcheck-client etcd-ca", "etcd-peer etcd-ca", "etcd-server etcd-ca", "front-proxy-client front-proxy-ca", "scheduler.conf ca"}, more, []string{"ca ", "etcd-ca ", "front-proxy-ca "})
	}
	noEtcd := []string{"admin.conf ca", "apiserver ca", "apiserver-kubelet-client ca", "controller-manager.conf ca", "front-proxy-client front-proxy-ca", "scheduler.conf ca", "super-admin.conf ca", "ca ", "front-proxy-ca "}
	missing := all("super-admin.conf ca")
	missing[0] = "admin.conf missing"
	old := all()
	for _, i := range []int{0, 4, 9} {
		old[i], _, _ = strings.Cut(old[i], "ca")
	}
	for _, tt := range []struct {
		name string
		node fixtures.Node
		want []string
	}{
		{"1.34", fixtures.ControlPlane(fixtures.Options{}).Node, all("super-admin.conf ca")},
		{"1.28", fixtures.ControlPlane(fixtures.Options{Version: "v1.28.15"}).Node, all()},
		{"1.22.4", fixtures.ControlPlane(fixtures.Options{Version: "v1.22.4"}).Node, old},
		{"1.22.5", fixtures.ControlPlane(fixtures.Options{Version: "v1.22.5"}).Node, all()},
		{"etcd elsewhere", fixtures.ControlPlane(fixtures.Options{ExternalEtcd: true}).Node, noEtcd},
		{"etcd as a service of the same host", scenarioNode(t, "ok-etcd-service"), noEtcd},
		{"etcd's manifest is gone", stripped(fixtures.ControlPlane(fixtures.Options{}).Node, "/etc/kubernetes/manifests/etcd.yaml"), all("super-admin.conf ca")},
		{"no admin.conf", stripped(fixtures.ControlPlane(fixtures.Options{}).Node, etcDir+"/admin.conf"), missing},
		{"worker", fixtures.Worker(fixtures.Options{}).Node, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, e := range auditNode(t, tt.node, audit.Options{}).Nodes[0].Expirations {
				if e.Missing {
					e.Authority = "missing"
				}
				got = append(got, e.Name+" "+e.Authority)
			}
			if diff := gocmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestExpirationsByConfiguration: where kubeadm's own configuration is among the
// input, it says who runs etcd.
func TestExpirationsByConfiguration(t *testing.T) {
	for etcd, want := range map[string]int{"": 14, "etcd:\n      local: {}": 14, "etcd:\n      external: {endpoints: [https://192.0.2.11:2379]}": 9} {
		inv := gathered(t, fixtures.ControlPlane(fixtures.Options{}).Node)
		config := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kubeadm-config, namespace: kube-system}\ndata:\n  ClusterConfiguration: |\n    kind: ClusterConfiguration\n    " + strings.ReplaceAll(etcd, "\n      ", "\n      ") + "\n"
		objects, err := inventory.GatherObjects("-", strings.NewReader(config), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := inv.Join(objects); err != nil {
			t.Fatal(err)
		}
		r := audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now})
		if got := len(r.Nodes[0].Expirations); got != want {
			t.Errorf("%q: %d rows, want %d", etcd, got, want)
		}
	}
}

// TestShortResidual: kubeadm before 1.31 rounds to one unit; a version that is not
// known is taken for the newest.
func TestShortResidual(t *testing.T) {
	for version, want := range map[string]bool{"v1.20.15": true, "v1.30.14": true, "v1.31.0": false, "v1.37.2": false} {
		r := auditNode(t, fixtures.ControlPlane(fixtures.Options{Version: version}).Node, audit.Options{})
		if got := r.Nodes[0].ShortResidual; got != want {
			t.Errorf("%s: %v, want %v", version, got, want)
		}
	}
	n := fixtures.ControlPlane(fixtures.Options{Version: "v1.20.15"}).Node
	for _, name := range []string{"apiserver", "controller-manager", "scheduler"} {
		n.Replace("/etc/kubernetes/manifests/kube-"+name+".yaml", ":v1.20.15", ":latest")
	}
	if auditNode(t, n, audit.Options{}).Nodes[0].ShortResidual {
		t.Error("a version that is not known is taken for an old one")
	}
}

func scenarioNode(t *testing.T, name string) fixtures.Node {
	t.Helper()
	all := fixtures.Scenarios()
	i := slices.IndexFunc(all, func(s fixtures.Scenario) bool { return s.Name == name })
	if i < 0 {
		t.Fatalf("no scenario %s", name)
	}
	return all[i].Node()
}

func stripped(n fixtures.Node, paths ...string) fixtures.Node {
	n.Remove(paths...)
	return n
}
