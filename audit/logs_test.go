package audit_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"certaudit/audit"
	"certaudit/audit/inventory"
	"certaudit/fixtures"
	"certaudit/parsers/logs"

	gocmp "github.com/google/go-cmp/cmp"
)

// explainLogs ties logs, by the names of their files, to nodes.
// change changes the inventories before they are judged.
func explainLogs(t *testing.T, nodes []fixtures.Node, files map[string]string, change ...func(*inventory.Inventory)) audit.Logs {
	t.Helper()
	inventories := audit.Gathered(t, nodes...)
	for _, inv := range inventories {
		for _, f := range change {
			f(inv)
		}
	}
	o := audit.Options{At: fixtures.Now}
	var r audit.Result
	var after *audit.Memory
	if len(nodes) > 0 {
		r, after = audit.Rerun(nil, inventories, o)
	}
	return audit.NewLogTies(r, after, o).Explain(digestOf(files))
}

func digestOf(files map[string]string) logs.Digest {
	reader := logs.NewReader(logs.Options{Now: fixtures.Now})
	for _, name := range sortedNames(files) {
		reader.Read(name, strings.NewReader(files[name]))
	}
	return reader.Digest()
}

func sortedNames(files map[string]string) []string {
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// tied is an event in short: how bad it is, who wrote it about whom, and its causes.
func tied(e audit.LogEvent) string {
	text := fmt.Sprintf("%s %s: %s %s %s: %s", e.Severity, e.Kind, e.Component, e.Direction, e.Peer, e.Tie)
	for _, c := range e.Causes {
		text += fmt.Sprintf(", %s %s", c.Check, c.Path)
	}
	return text
}

const (
	klogTime    = "1123 11:58:39.081474       1 "
	endOfCert   = "2026-11-20T00:00:00Z"
	expiredGo   = "tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-11-23T11:58:39Z is after " + endOfCert
	unknownGo   = `tls: failed to verify certificate: x509: certificate signed by unknown authority (possibly because of \"crypto/rsa: verification error\" while trying to verify candidate authority certificate \"kubernetes\")`
	leaseURL    = `Get \"https://192.0.2.11:6443/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-controller-manager?timeout=5s\"`
	toEtcdLine  = `W` + klogTime + `logging.go:55] [core] [Channel #3 SubChannel #6] grpc: addrConn.createTransport failed to connect to {Addr: "127.0.0.1:2379", ServerName: "127.0.0.1:2379", }. Err: connection error: desc = `
	etcdRejects = `{"level":"warn","ts":"2026-11-23T11:58:39.081Z","caller":"embed/config_logging.go:160","msg":"rejected connection","remote-addr":"127.0.0.1:53838","server-name":"","error":`
)

// endedBefore has a certificate end at the time of the lines.
func endedBefore(s *fixtures.Spec) {
	s.NotBefore, s.NotAfter = fixtures.Now.AddDate(-1, 0, 0), must(time.Parse(time.RFC3339, endOfCert))
}

// lease is the line of a client that does not get its lease.
func lease(why string) string {
	return `E` + klogTime + `leaderelection.go:473] "Error retrieving lease lock" err="` + leaseURL + `: ` + why + `" lock="kube-system/kube-controller-manager"` + "\n"
}

// loggedFault is a node with a fault, and lines that tell of it.
type loggedFault struct {
	name   string
	change func(c *fixtures.Cluster)
	files  map[string]string
	// want are the events, worst first, as tied has them.
	want []string
}

var loggedFaults = []loggedFault{
	{"etcd-server-expired", func(c *fixtures.Cluster) { c.Reissue(pki+"/etcd/server", endedBefore) },
		map[string]string{
			"kube-apiserver.log": toEtcdLine + `"transport: authentication handshake failed: ` + expiredGo + `"` + "\n",
			"etcd.log":           etcdRejects + `"remote error: tls: bad certificate"}` + "\n",
		},
		[]string{
			"critical expired: kube-apiserver refuses etcd: cause, validity/expired /etc/kubernetes/pki/etcd/server.crt",
			"critical bad-certificate: etcd refused kube-apiserver: cause, validity/expired /etc/kubernetes/pki/etcd/server.crt",
		}},
	{"etcd-client-expired", func(c *fixtures.Cluster) { c.Reissue(pki+"/apiserver-etcd-client", endedBefore) },
		map[string]string{
			"kube-apiserver.log": toEtcdLine + `"error reading server preface: remote error: tls: bad certificate"` + "\n",
			"etcd.log":           etcdRejects + `"` + strings.Replace(expiredGo, "verify certificate", "verify client certificate", 1) + `"}` + "\n",
		},
		[]string{
			"critical expired: etcd refuses kube-apiserver: cause, validity/expired /etc/kubernetes/pki/apiserver-etcd-client.crt",
			"critical bad-certificate: kube-apiserver refused etcd: cause, validity/expired /etc/kubernetes/pki/apiserver-etcd-client.crt",
		}},
	{"etcd-usage", func(c *fixtures.Cluster) {
		c.Reissue(pki+"/etcd/server", func(s *fixtures.Spec) { s.Usages = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
	},
		map[string]string{"kube-apiserver.log": toEtcdLine + `"transport: authentication handshake failed: tls: failed to verify certificate: x509: certificate specifies an incompatible key usage"` + "\n"},
		[]string{"critical key-usage: kube-apiserver refuses etcd: cause, usage/extended-key-usage /etc/kubernetes/pki/etcd/server.crt"}},
	{"apiserver-expired", func(c *fixtures.Cluster) { c.Reissue(pki+"/apiserver", endedBefore) },
		map[string]string{
			"kube-controller-manager.log": lease(expiredGo),
			"curl.log":                    "curl: (60) SSL certificate problem: certificate has expired\n",
		},
		[]string{
			"critical expired: kube-controller-manager refuses kube-apiserver: cause, validity/expired /etc/kubernetes/pki/apiserver.crt",
			"warning expired: curl refuses : open",
		}},
	{"apiserver-not-yet-valid", func(c *fixtures.Cluster) {
		c.Reissue(pki+"/apiserver", func(s *fixtures.Spec) {
			s.NotBefore = time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC)
		})
	},
		map[string]string{"kube-controller-manager.log": lease("tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-11-23T11:58:39Z is before 2026-11-23T18:00:00Z")},
		[]string{"critical not-yet-valid: kube-controller-manager refuses kube-apiserver: cause, validity/not-yet-valid /etc/kubernetes/pki/apiserver.crt"}},
	{"apiserver-name", func(c *fixtures.Cluster) {
		c.Reissue(pki+"/apiserver", func(s *fixtures.Spec) { s.IPs = []string{"10.96.0.1"} })
	},
		map[string]string{"kube-controller-manager.log": lease("tls: failed to verify certificate: x509: certificate is valid for 10.96.0.1, not 192.0.2.11")},
		[]string{"critical name-mismatch: kube-controller-manager refuses kube-apiserver: cause, identity/san-missing /etc/kubernetes/pki/apiserver.crt"}},
	{"apiserver-key-missing", func(c *fixtures.Cluster) { c.Node.Remove(pki + "/apiserver.key") },
		map[string]string{"kube-apiserver.log": `E` + klogTime + `run.go:72] "command failed" err="open /etc/kubernetes/pki/apiserver.key: no such file or directory"` + "\n"},
		[]string{"critical file-missing: kube-apiserver own : cause, files/missing /etc/kubernetes/pki/apiserver.key"}},
	{"controller-manager-expired", func(c *fixtures.Cluster) { c.Reissue(etc+"/controller-manager.conf", endedBefore) },
		map[string]string{
			"kube-controller-manager.log": `E` + klogTime + `leaderelection.go:473] "Error retrieving lease lock" err="Unauthorized" lock="kube-system/kube-controller-manager"` + "\n",
			"kube-apiserver.log":          `E` + klogTime + `authentication.go:76] "Unable to authenticate the request" err="[x509: certificate has expired or is not yet valid: current time 2026-11-23T11:58:39Z is after ` + endOfCert + `, verifying certificate SN=2384433918854289415, SKID=, AKID=70:2A failed: x509: certificate has expired or is not yet valid: current time 2026-11-23T11:58:39Z is after ` + endOfCert + `]"` + "\n",
		},
		[]string{
			"critical expired: kube-apiserver refuses kube-controller-manager: cause, validity/expired /etc/kubernetes/controller-manager.conf",
			"critical unauthorized: kube-controller-manager refused kube-apiserver: cause, validity/expired /etc/kubernetes/controller-manager.conf",
		}},
	{"kubeconfig-old-ca", func(c *fixtures.Cluster) {
		c.NewCA("old", fixtures.Spec{CommonName: "kubernetes"})
		c.Node.Replace(etc+"/controller-manager.conf", "authority-data: "+base64.StdEncoding.EncodeToString(c.CertificatePEM(fixtures.CA)), "authority-data: "+base64.StdEncoding.EncodeToString(c.CertificatePEM("old")))
	},
		map[string]string{"kube-controller-manager.log": lease(unknownGo)},
		[]string{"critical unknown-authority: kube-controller-manager refuses kube-apiserver: cause, connections/server-untrusted /etc/kubernetes/controller-manager.conf"}},
	// etcd's start-up line has another file than its manifest, and another API server's CA.
	{"etcd-other-ca", func(*fixtures.Cluster) {},
		map[string]string{"etcd.log": `{"level":"info","ts":"2026-11-23T10:00:00.000Z","caller":"embed/etcd.go:124","msg":"configuring peer listeners","listen-peer-urls":["https://192.0.2.11:2380"]}` + "\n" +
			`2026-11-23 10:00:00.000000 I | embed: ClientTLS: cert = /etc/kubernetes/pki/etcd/server.crt, key = /etc/kubernetes/pki/etcd/server.key, trusted-ca = /etc/kubernetes/pki/etcd/old-ca.crt, client-cert-auth = true, crl-file = ` + "\n" +
			etcdRejects + `"tls: failed to verify client certificate: x509: certificate signed by unknown authority (possibly because of \"crypto/rsa: verification error\" while trying to verify candidate authority certificate \"etcd-ca\")"}` + "\n"},
		[]string{"critical unknown-authority: etcd refuses : restart, processes/differs /etc/kubernetes/manifests/etcd.yaml"}},
	{"etcd-ca-of-the-apiserver", func(c *fixtures.Cluster) {
		c.Node.Replace(manifests+"/kube-apiserver.yaml", "--etcd-cafile="+pki+"/etcd/ca.crt", "--etcd-cafile="+pki+"/ca.crt")
	},
		map[string]string{
			"kube-apiserver.log": toEtcdLine + `"transport: authentication handshake failed: tls: failed to verify certificate: x509: certificate signed by unknown authority"` + "\n",
			"etcd.log":           etcdRejects + `"remote error: tls: bad certificate"}` + "\n",
		},
		[]string{
			"critical unknown-authority: kube-apiserver refuses etcd: cause, connections/server-untrusted /etc/kubernetes/pki/ca.crt",
			"critical bad-certificate: etcd refused kube-apiserver: cause, connections/server-untrusted /etc/kubernetes/pki/ca.crt",
		}},
	{"etcd-without-tls", func(c *fixtures.Cluster) {
		c.Node.Replace(manifests+"/kube-apiserver.yaml", "--etcd-servers=https://127.0.0.1:2379", "--etcd-servers=http://127.0.0.1:2379")
	},
		map[string]string{"etcd.log": etcdRejects + `"tls: first record does not look like a TLS handshake"}` + "\n"},
		[]string{"critical http-to-tls: etcd refuses kube-apiserver: cause, connections/server-untrusted /etc/kubernetes/manifests/kube-apiserver.yaml"}},
	{"apiserver-other-key", func(c *fixtures.Cluster) { c.WriteKey(pki+"/apiserver.key", "another") },
		map[string]string{"kube-apiserver.log": `E` + klogTime + `run.go:72] "command failed" err="failed to load certificate or key: tls: private key does not match public key"` + "\n"},
		[]string{"critical key-mismatch: kube-apiserver own : cause, keys/mismatch /etc/kubernetes/pki/apiserver.crt"}},
	{"apiserver-client-ca", func(c *fixtures.Cluster) {
		c.NewCA("old", fixtures.Spec{CommonName: "kubernetes"})
		c.WriteCA("old", pki+"/old-ca")
		c.Node.Replace(manifests+"/kube-apiserver.yaml", "--client-ca-file="+pki+"/ca.crt", "--client-ca-file="+pki+"/old-ca.crt")
	},
		map[string]string{
			"kube-apiserver.log":          `E` + klogTime + `authentication.go:76] "Unable to authenticate the request" err="[x509: certificate signed by unknown authority]"` + "\n",
			"kube-controller-manager.log": `E` + klogTime + `leaderelection.go:473] "Error retrieving lease lock" err="Unauthorized" lock="kube-system/kube-controller-manager"` + "\n",
		},
		[]string{
			"critical unknown-authority: kube-apiserver refuses : cause, connections/client-untrusted /etc/kubernetes/pki/old-ca.crt",
			"critical unauthorized: kube-controller-manager refused kube-apiserver: cause, connections/client-untrusted /etc/kubernetes/pki/old-ca.crt",
		}},
	{"controller-manager-token-key", func(c *fixtures.Cluster) {
		c.WriteKey(pki+"/old-sa.key", "another")
		c.Node.Replace(manifests+"/kube-controller-manager.yaml", "--service-account-private-key-file="+pki+"/sa.key", "--service-account-private-key-file="+pki+"/old-sa.key")
	},
		map[string]string{
			"kube-apiserver.log":          `E` + klogTime + `authentication.go:75] "Unable to authenticate the request" err="[invalid bearer token, square/go-jose: error in cryptographic primitive]"` + "\n",
			"kube-controller-manager.log": `E` + klogTime + `reflector.go:166] "Unhandled Error" err="k8s.io/client-go/informers/factory.go:160: Failed to watch *v1.Pod: failed to list *v1.Pod: Unauthorized"` + "\n",
		},
		[]string{
			"critical token-unverified: kube-apiserver refuses service account tokens of kube-controller-manager: cause, keys/service-account /etc/kubernetes/pki/old-sa.key",
			"critical unauthorized: kube-controller-manager refused kube-apiserver: cause, keys/service-account /etc/kubernetes/pki/old-sa.key",
		}},
	{"kubelet-serving-unapproved", func(c *fixtures.Cluster) {
		c.Node.Append(kubeletConfig, []byte("serverTLSBootstrap: true\n"))
		c.Node.Remove(kubeletPKI+"/kubelet.crt", kubeletPKI+"/kubelet.key")
	},
		map[string]string{
			"kube-apiserver.log": `E` + klogTime + `status.go:71] "Unhandled Error" err="apiserver received an error that is not an metav1.Status: &url.Error{Op:\"Get\", URL:\"https://192.0.2.11:10250/containerLogs/kube-system/x/y\", Err:(*net.OpError)(0xc0)}: Get \"https://192.0.2.11:10250/containerLogs/kube-system/x/y\": remote error: tls: internal error"` + "\n",
			"kubelet.log":        `I` + klogTime + `log.go:245] http: TLS handshake error from 192.0.2.11:40122: no serving certificate available for the kubelet` + "\n",
		},
		[]string{
			"warning no-serving-certificate: kubelet refuses kube-apiserver: cause, kubelet/serving-unapproved /var/lib/kubelet/pki/kubelet-server-current.pem",
			"warning internal-error: kube-apiserver refused kubelet: cause, kubelet/serving-unapproved /var/lib/kubelet/pki/kubelet-server-current.pem",
		}},
	{"kubelet-serving-names", func(*fixtures.Cluster) {},
		map[string]string{"metrics-server.log": `E` + klogTime + `scraper.go:149] "Failed to scrape node" err="Get \"https://192.0.2.11:10250/metrics/resource\": x509: cannot validate certificate for 192.0.2.11 because it doesn't contain any IP SANs" node="cp-1"` + "\n"},
		[]string{"warning no-names: metrics-server refuses kubelet: cause, kubelet/serving-self-signed /var/lib/kubelet/pki/kubelet.crt"}},
	{"kubelet-client-expired", func(c *fixtures.Cluster) {
		c.Reissue("/var/lib/kubelet/pki/kubelet-client-2026-10-24-12-00-00.pem", endedBefore)
	},
		map[string]string{"kubelet.log": `E` + klogTime + `bootstrap.go:265] part of the existing bootstrap client certificate in /etc/kubernetes/kubelet.conf is expired: 2026-11-20 00:00:00 +0000 UTC` + "\n"},
		[]string{"critical expired: kubelet own : cause, validity/expired /var/lib/kubelet/pki/kubelet-client-current.pem"}},
}

// A line is tied to the finding of the fault that was put into the node, and, as lines of
// the same kind about a node that is in order, to none.
func TestLoggedFaults(t *testing.T) {
	for _, f := range loggedFaults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			c := fixtures.ControlPlane(fixtures.Options{})
			f.change(c)
			l := explainLogs(t, []fixtures.Node{c.Node}, f.files)
			var got []string
			for _, e := range l.Events {
				got = append(got, tied(e))
			}
			if diff := gocmp.Diff(f.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			golden(t, filepath.Join("testdata", "logs", f.name+".json"), append(must(json.MarshalIndent(l, "", "  ")), '\n'))
		})
	}
}

// Lines of the same kind about a node that is in order: what was put right since, what a
// process goes on with, and what is not in view. Nothing is blamed that is sound.
func TestLoggedFaultsOfASoundNode(t *testing.T) {
	want := map[string][]string{
		"etcd-server-expired": {
			"critical expired: kube-apiserver refuses etcd: restart",
			"critical bad-certificate: etcd refused kube-apiserver: restart",
		},
		"etcd-client-expired": {
			"critical expired: etcd refuses kube-apiserver: restart",
			"critical bad-certificate: kube-apiserver refused etcd: restart",
		},
		"etcd-usage": {"critical key-usage: kube-apiserver refuses etcd: restart"},
		"apiserver-expired": {
			"critical expired: kube-controller-manager refuses kube-apiserver: restart",
			"warning expired: curl refuses : elsewhere",
		},
		"apiserver-not-yet-valid": {"critical not-yet-valid: kube-controller-manager refuses kube-apiserver: restart"},
		"apiserver-name":          {"critical name-mismatch: kube-controller-manager refuses kube-apiserver: restart"},
		"apiserver-key-missing":   {"critical file-missing: kube-apiserver own : restart"},
		"controller-manager-expired": {
			"critical unauthorized: kube-controller-manager refused kube-apiserver: restart",
			"warning expired: kube-apiserver refuses : elsewhere",
		},
		"kubeconfig-old-ca":      {"critical unknown-authority: kube-controller-manager refuses kube-apiserver: restart"},
		"kubelet-client-expired": {"critical expired: kubelet own : restart"},
	}
	for _, f := range loggedFaults {
		if want[f.name] == nil {
			continue // the fault is in the lines, or in every node
		}
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			l := explainLogs(t, []fixtures.Node{fixtures.ControlPlane(fixtures.Options{}).Node}, f.files)
			var got []string
			for _, e := range l.Events {
				got = append(got, tied(e))
			}
			if diff := gocmp.Diff(want[f.name], got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			golden(t, filepath.Join("testdata", "logs", "sound-"+f.name+".json"), append(must(json.MarshalIndent(l, "", "  ")), '\n'))
		})
	}
}

// joinedLines are lines of several nodes, as journals have them.
func journal(lines ...string) map[string]string {
	text := ""
	for _, l := range lines {
		text += "2026-11-23T11:58:39+00:00 " + l + "\n"
	}
	return map[string]string{"journal.log": text}
}

// Lines of several nodes are tied to what is wrong on these, and between them.
func TestLogsOfSeveralNodes(t *testing.T) {
	const peers = `{"level":"warn","ts":"2026-11-23T11:58:39.081Z","caller":"embed/config_logging.go:160","msg":"rejected connection","remote-addr":"%s:53838","server-name":"","error":"%s"}`
	const byUnknown = `tls: failed to verify client certificate: x509: certificate signed by unknown authority`
	tests := []struct {
		scenario string
		lines    []string
		want     []string
	}{
		{"bad-cluster-ca-differs-etcd", []string{
			"cp-1 etcd[712]: " + fmt.Sprintf(peers, "192.0.2.13", byUnknown),
			"cp-3 etcd[712]: " + fmt.Sprintf(peers, "192.0.2.11", byUnknown),
			"cp-2 etcd[712]: " + fmt.Sprintf(peers, "198.51.100.7", "remote error: tls: bad certificate"),
		}, []string{
			"cp-1 critical unknown-authority: etcd refuses etcd: cause, cluster/ca-differs /etc/kubernetes/pki/etcd/ca.crt [cp-3]",
			"cp-3 critical unknown-authority: etcd refuses etcd: cause, cluster/ca-differs /etc/kubernetes/pki/etcd/ca.crt [cp-1]",
			"cp-2 warning bad-certificate: etcd refused : elsewhere []",
		}},
		{"ok-joined", []string{
			"cp-1 etcd[712]: " + fmt.Sprintf(peers, "192.0.2.13", byUnknown),
			"cp-2 etcd[712]: " + fmt.Sprintf(peers, "198.51.100.7", "remote error: tls: bad certificate"),
			`worker-9 kubelet[700]: E1123 11:58:39.081474     700 reflector.go:158] "Unhandled Error" err="k8s.io/client-go/informers/factory.go:160: Failed to watch *v1.Service: failed to list *v1.Service: Get \"https://lb.example.com:6443/api/v1/services?limit=500\": ` + unknownGo + `"`,
		}, []string{
			"cp-1 critical unknown-authority: etcd refuses etcd: restart [cp-3]",
			" warning unknown-authority: kubelet refuses kube-apiserver: elsewhere []",
			"cp-2 warning bad-certificate: etcd refused : elsewhere []",
		}},
		{"bad-cluster-service-account-differs", []string{
			`cp-1 kube-apiserver[700]: E1123 11:58:39.081474       1 authentication.go:75] "Unable to authenticate the request" err="[invalid bearer token, square/go-jose: error in cryptographic primitive]"`,
		}, []string{"cp-1 critical token-unverified: kube-apiserver refuses : cause, cluster/service-account-differs /etc/kubernetes/pki/sa.pub []"}},
		{"bad-identity-san-missing", []string{
			`worker-1 kubelet[700]: E1123 11:58:39.081474     700 kubelet_node_status.go:95] "Unable to register node with API server" err="Post \"https://lb.example.com:6443/api/v1/nodes\": tls: failed to verify certificate: x509: certificate is valid for cp-3, kubernetes, kubernetes.default, kubernetes.default.svc, kubernetes.default.svc.cluster.local, not lb.example.com" node="worker-1"`,
		}, []string{"worker-1 critical name-mismatch: kubelet refuses kube-apiserver: cause, identity/san-missing /etc/kubernetes/pki/apiserver.crt []"}},
		{"bad-usage-extended-key-usage", []string{
			`worker-2 kubelet[700]: E1123 11:58:39.081474     700 kubelet_node_status.go:95] "Unable to register node with API server" err="Unauthorized" node="worker-2"`,
			`cp-1 kube-apiserver[700]: E1123 11:58:39.081474       1 authentication.go:75] "Unable to authenticate the request" err="x509: certificate specifies an incompatible key usage"`,
		}, []string{
			"cp-1 critical key-usage: kube-apiserver refuses kubelet: cause, usage/extended-key-usage " + kubeletPKI + "/kubelet-client-current.pem []",
			"worker-2 critical unauthorized: kubelet refused kube-apiserver: cause, usage/extended-key-usage " + kubeletPKI + "/kubelet-client-current.pem []",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.scenario, func(t *testing.T) {
			t.Parallel()
			all := fixtures.ClusterScenarios()
			i := slices.IndexFunc(all, func(s fixtures.ClusterScenario) bool { return s.Name == tt.scenario })
			l := explainLogs(t, all[i].Nodes(), journal(tt.lines...))
			var got []string
			for _, e := range l.Events {
				got = append(got, e.Node+" "+tied(e)+" ["+e.PeerNode+"]")
			}
			if diff := gocmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			golden(t, filepath.Join("testdata", "logs", "cluster-"+tt.scenario+".json"), append(must(json.MarshalIndent(l, "", "  ")), '\n'))
		})
	}
}

// What is known of files and processes decides whether a line is old or a process is, and
// what may be restarted.
func TestLogsOfWhatWasPutRight(t *testing.T) {
	written := func(path string, at time.Time) func(*inventory.Inventory) {
		return func(inv *inventory.Inventory) {
			f := inv.Files[path]
			f.ModTime = at
			inv.Files[path] = f
		}
	}
	started := func(component string, at time.Time) func(*inventory.Inventory) {
		return func(inv *inventory.Inventory) {
			inv.Processes = append(inv.Processes, inventory.Process{Component: component, PID: 7, Started: at})
		}
	}
	files := map[string]string{"kube-controller-manager.log": lease(expiredGo)}
	unauthorized := map[string]string{"kube-controller-manager.log": `E` + klogTime + `leaderelection.go:473] "Error retrieving lease lock" err="Unauthorized" lock="kube-system/kube-controller-manager"` + "\n"}
	sound := func(*fixtures.Cluster) {}
	tests := []struct {
		name     string
		cluster  func(*fixtures.Cluster)
		node     []func(*inventory.Inventory)
		files    map[string]string
		want     string
		commands bool
	}{
		{"renewed since", sound, []func(*inventory.Inventory){written(pki+"/apiserver.crt", fixtures.Now)}, files,
			"info expired: kube-controller-manager refuses kube-apiserver: over", false},
		{"restarted since", sound, []func(*inventory.Inventory){started("kube-apiserver", fixtures.Now)}, files,
			"info expired: kube-controller-manager refuses kube-apiserver: over", false},
		{"renewed before", sound, []func(*inventory.Inventory){written(pki+"/apiserver.crt", fixtures.Now.Add(-time.Hour))}, files,
			"critical expired: kube-controller-manager refuses kube-apiserver: restart", true},
		{"renewed and not restarted", sound,
			[]func(*inventory.Inventory){written(etc+"/controller-manager.conf", fixtures.Now.Add(-time.Hour)), started("kube-controller-manager", fixtures.Now.Add(-48*time.Hour))}, unauthorized,
			"critical unauthorized: kube-controller-manager refused kube-apiserver: restart, served/stale /etc/kubernetes/controller-manager.conf", true},
		{"not to be restarted", func(c *fixtures.Cluster) {
			c.Reissue(pki+"/etcd/server", func(s *fixtures.Spec) { s.NotAfter = fixtures.Now.AddDate(0, 0, -1) })
		}, nil, files,
			"critical expired: kube-controller-manager refuses kube-apiserver: restart", false},
		{"another certificate of the same end", func(c *fixtures.Cluster) { c.Reissue(pki+"/apiserver-etcd-client", endedBefore) }, nil, files,
			"critical expired: kube-controller-manager refuses kube-apiserver: restart", false},
		{"valid when it was written", func(c *fixtures.Cluster) {
			c.Reissue(pki+"/apiserver-etcd-client", func(s *fixtures.Spec) { s.NotAfter = fixtures.Now.AddDate(0, 0, -1) })
		}, nil, map[string]string{"kube-apiserver.log": strings.Replace(toEtcdLine, "1123", "1101", 1) + `"error reading server preface: remote error: tls: bad certificate"` + "\n"},
			"warning bad-certificate: kube-apiserver refused etcd: open", false},
		{"another CA in the manifest", func(c *fixtures.Cluster) {
			c.NewCA("old", fixtures.Spec{CommonName: "etcd-ca"})
			c.WriteCA("old", pki+"/etcd/old-ca")
			c.Node.Replace(manifests+"/etcd.yaml", "--trusted-ca-file="+pki+"/etcd/ca.crt", "--trusted-ca-file="+pki+"/etcd/old-ca.crt")
		}, nil, map[string]string{"etcd.log": etcdRejects + `"tls: failed to verify client certificate: x509: certificate signed by unknown authority"}` + "\n"},
			"critical unknown-authority: etcd refuses : cause, connections/client-untrusted /etc/kubernetes/pki/etcd/old-ca.crt", false},
		{"another extension CA", func(c *fixtures.Cluster) {
			c.Reissue(pki+"/front-proxy-client", func(s *fixtures.Spec) { s.Signer = fixtures.CA })
		}, nil, map[string]string{"metrics-server.log": `E` + klogTime + `authentication.go:70] "Unable to authenticate the request" err="x509: certificate signed by unknown authority"` + "\n"},
			"critical unknown-authority: metrics-server refuses kube-apiserver: cause, chain/wrong-issuer /etc/kubernetes/pki/front-proxy-client.crt", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := fixtures.ControlPlane(fixtures.Options{})
			tt.cluster(c)
			l := explainLogs(t, []fixtures.Node{c.Node}, tt.files, tt.node...)
			if len(l.Events) != 1 || tied(l.Events[0]) != tt.want || (l.Events[0].Commands != nil) != tt.commands {
				t.Errorf("got %+v\nwant %s", l.Events, tt.want)
			}
			golden(t, filepath.Join("testdata", "logs", strings.ReplaceAll(tt.name, " ", "-")+".json"), append(must(json.MarshalIndent(l, "", "  ")), '\n'))
		})
	}
}

// Without nodes the line alone has to do; nothing is claimed of files.
func TestLogsWithoutNodes(t *testing.T) {
	files := map[string]string{}
	for _, f := range loggedFaults {
		for name, text := range f.files {
			files[f.name+"/"+name] = text
		}
	}
	l := explainLogs(t, nil, files)
	for _, e := range l.Events {
		if e.Tie != audit.TieNone || e.Causes != nil || e.Node != "" || e.Meaning == "" || e.Next == "" || e.Commands != nil {
			t.Errorf("%s: tie %q, causes %v, next %q", tied(e), e.Tie, e.Causes, e.Next)
		}
	}
	golden(t, filepath.Join("testdata", "logs", "without-nodes.json"), append(must(json.MarshalIndent(l, "", "  ")), '\n'))
}

// What the programs of a node that is in order write at their start is no event and no
// finding, and neither is noise worth more than a mention.
func TestLogsOfAHealthyNode(t *testing.T) {
	files := map[string]string{
		"etcd.log": "2026-11-23 10:00:00.000000 I | embed: peerTLS: cert = /etc/kubernetes/pki/etcd/peer.crt, key = /etc/kubernetes/pki/etcd/peer.key, trusted-ca = /etc/kubernetes/pki/etcd/ca.crt, client-cert-auth = true, crl-file = \n" +
			"2026-11-23 10:00:00.000000 I | embed: ClientTLS: cert = /etc/kubernetes/pki/etcd/server.crt, key = /etc/kubernetes/pki/etcd/server.key, trusted-ca = /etc/kubernetes/pki/etcd/ca.crt, client-cert-auth = true, crl-file = \n",
		"kube-apiserver.log": `I` + klogTime + `dynamic_serving_content.go:135] "Starting controller" name="serving-cert::/etc/kubernetes/pki/apiserver.crt::/etc/kubernetes/pki/apiserver.key"` + "\n" +
			`I` + klogTime + `dynamic_cafile_content.go:161] "Starting controller" name="client-ca-bundle::/etc/kubernetes/pki/ca.crt"` + "\n" +
			`I` + klogTime + `log.go:245] http: TLS handshake error from 192.0.2.99:40122: EOF` + "\n",
	}
	l := explainLogs(t, []fixtures.Node{fixtures.ControlPlane(fixtures.Options{}).Node}, files)
	var got []string
	for _, e := range l.Events {
		got = append(got, tied(e))
	}
	if diff := gocmp.Diff([]string{"info handshake-ended: kube-apiserver  : open"}, got); diff != "" || len(l.Findings) != 0 || l.Incomplete {
		t.Errorf("-want +got:\n%s\nfindings %v, incomplete %v", diff, l.Findings, l.Incomplete)
	}
}

// Programs that have nothing to do with the cluster write much, and no line of theirs is held
// against a certificate or a component of a node that is in order.
func TestLogsOfOtherPrograms(t *testing.T) {
	recorded := string(must(os.ReadFile(filepath.Join("..", "parsers", "logs", "testdata", "recorded", "others.txt"))))
	var others []string
	program := ""
	for line := range strings.SplitSeq(recorded, "\n") {
		switch {
		case strings.HasPrefix(line, "# "):
			program = line
		case strings.HasPrefix(line, "= "), strings.HasPrefix(program, "# skopeo"), strings.HasPrefix(program, "# podman"), strings.HasPrefix(program, "# Caddy"):
		default:
			others = append(others, line)
		}
	}
	l := explainLogs(t, []fixtures.Node{fixtures.ControlPlane(fixtures.Options{}).Node}, map[string]string{"others.log": strings.Join(others, "\n")})
	if len(l.Events) < 100 {
		t.Errorf("%d events, expected those of hundreds of lines", len(l.Events))
	}
	for _, e := range l.Events {
		if said := e.Meaning + e.Next; e.Tie == audit.TieCause || e.Tie == audit.TieRestart || strings.Contains(said, "/etc/kubernetes") || strings.Contains(said, "restart ") {
			t.Errorf("%s\nis tied to the node: %s: %s %s", e.Message, tied(e), e.Meaning, e.Next)
		}
	}
}

// A file in use that is not the one that is configured is a finding, once for each flag;
// an earlier start, another node's and an unknown setting are not.
func TestFilesInUse(t *testing.T) {
	start := func(day int, ca string) string {
		return fmt.Sprintf("2026-11-%d 10:00:00.000000 I | embed: ClientTLS: cert = /etc/kubernetes/pki/etcd/server.crt, key = /etc/kubernetes/pki/etcd/server.key, trusted-ca = %s, client-cert-auth = true, crl-file = \n", day, ca)
	}
	const right, old = pki + "/etcd/ca.crt", pki + "/etcd/old-ca.crt"
	tests := []struct {
		name, text string
		started    time.Time
		want       []string
	}{
		{"right", start(22, right), time.Time{}, nil},
		{"old", start(22, old), time.Time{}, []string{"warning processes/differs /etc/kubernetes/manifests/etcd.yaml --trusted-ca-file"}},
		{"old, then right", start(21, old) + start(22, right), time.Time{}, nil},
		{"right, then old", start(21, right) + start(22, old), time.Time{}, []string{"warning processes/differs /etc/kubernetes/manifests/etcd.yaml --trusted-ca-file"}},
		{"a later process", start(22, old), fixtures.Now, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := explainLogs(t, []fixtures.Node{fixtures.ControlPlane(fixtures.Options{}).Node}, map[string]string{"etcd.log": tt.text}, func(inv *inventory.Inventory) {
				if !tt.started.IsZero() {
					inv.Processes = append(inv.Processes, inventory.Process{Component: "etcd", PID: 7, Started: tt.started})
				}
			})
			var got []string
			for _, f := range l.Findings {
				got = append(got, fmt.Sprintf("%s %s %s %s", f.Severity, f.Check, f.Path, f.Field))
			}
			if diff := gocmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// A webhook that the API server cannot verify is tied to the object that names its CA, and
// not where the CA is the right one or another service is meant.
func TestLogsOfWebhooks(t *testing.T) {
	m := newMaker()
	cert, key := m.leaf("guard", "web-ca", "guard.prod.svc")
	secret := secretObject("guard-tls", tlsType, "tls.crt", cert, "tls.key", key)
	line := func(service, why string) string {
		return `W` + klogTime + `dispatcher.go:210] Failed calling webhook, failing closed guard.example.org: failed calling webhook "guard.example.org": failed to call webhook: Post "https://` + service + `.prod.svc:443/check?timeout=10s": ` + why + "\n"
	}
	const unknown, name = "tls: failed to verify certificate: x509: certificate signed by unknown authority", "tls: failed to verify certificate: x509: certificate is valid for guard.prod.svc, not other.prod.svc"
	tests := []struct {
		name, objects, line, want string
	}{
		{"another CA", secret + webhookObject(m.ca("other-ca"), ""), line("guard", unknown),
			"critical unknown-authority: kube-apiserver refuses service prod/guard: cause, objects/ca-bundle -"},
		{"its CA", secret + webhookObject(m.ca("web-ca"), ""), line("guard", unknown),
			"warning unknown-authority: kube-apiserver refuses service prod/guard: elsewhere"},
		{"another service", secret + webhookObject(m.ca("other-ca"), ""), line("other", unknown),
			"warning unknown-authority: kube-apiserver refuses service prod/other: elsewhere"},
		{"another fault", secret + webhookObject(m.ca("other-ca"), ""), line("other", name),
			"warning name-mismatch: kube-apiserver refuses service prod/other: elsewhere"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			objects, err := inventory.GatherObjects("-", strings.NewReader(tt.objects), nil)
			do(t, err)
			o := audit.Options{At: fixtures.Now}
			r, after := audit.Rerun(nil, []*inventory.Inventory{objects}, o)
			l := audit.NewLogTies(r, after, o).Explain(digestOf(map[string]string{"kube-apiserver.log": tt.line}))
			if len(l.Events) != 1 || tied(l.Events[0]) != tt.want {
				t.Errorf("got %+v\nwant %s", l.Events, tt.want)
			}
		})
	}
}

// What ended while its log went on, and nothing explains, is worth a mention alone.
func TestLogsOfWhatEnded(t *testing.T) {
	burst := etcdRejects + `"remote error: tls: bad certificate"}` + "\n"
	later := `{"level":"info","ts":"2026-11-23T12:%02d:39.081Z","caller":"mvcc/index.go:214","msg":"compact tree index","revision":1}` + "\n"
	for minutes, want := range map[int]string{
		5:  "critical bad-certificate: etcd refused kube-apiserver: restart",
		30: "info bad-certificate: etcd refused kube-apiserver: restart",
	} {
		l := explainLogs(t, []fixtures.Node{fixtures.ControlPlane(fixtures.Options{}).Node}, map[string]string{"etcd.log": burst + fmt.Sprintf(later, minutes)})
		if len(l.Events) != 1 || tied(l.Events[0]) != want {
			t.Errorf("%d minutes: got %+v\nwant %s", minutes, l.Events, want)
		}
	}
}

// Events of one cause are one entry, whoever tells of it; what only may be of it says so, and
// what nothing explains is an entry of its own.
func TestEventsOfOneCause(t *testing.T) {
	const tlsError = "http: TLS handshake error from "
	expired := func(c *fixtures.Cluster) { c.Reissue(pki+"/apiserver", endedBefore) }
	sound := func(*fixtures.Cluster) {}
	for _, tt := range []struct {
		name   string
		change func(*fixtures.Cluster)
		files  map[string]string
		want   [][]string
	}{
		{"a server, its clients and a stranger", expired, map[string]string{
			"kube-controller-manager.log": lease(expiredGo),
			"kube-scheduler.log":          strings.ReplaceAll(lease(expiredGo), "kube-controller-manager", "kube-scheduler"),
			"kube-apiserver.log":          "I" + klogTime + "log.go:245] " + tlsError + "192.0.2.11:51234: remote error: tls: bad certificate\n",
			"curl.log":                    "curl: (60) SSL certificate problem: certificate has expired\n",
			"etcd.log":                    `{"level":"warn","ts":"2026-11-23T11:58:39.081Z","msg":"rejected connection","remote-addr":"198.51.100.9:53838","server-name":"","error":"tls: failed to verify certificate: x509: certificate signed by unknown authority"}` + "\n",
		}, [][]string{
			{"critical expired: kube-controller-manager refuses kube-apiserver: cause, validity/expired /etc/kubernetes/pki/apiserver.crt",
				"critical expired: kube-scheduler refuses kube-apiserver: cause, validity/expired /etc/kubernetes/pki/apiserver.crt",
				"critical bad-certificate: kube-apiserver refused : cause, validity/expired /etc/kubernetes/pki/apiserver.crt",
				"warning expired: curl refuses : open"},
			{"warning unknown-authority: etcd refuses : elsewhere"},
		}},
		{"an alert of somebody whose address is not known", expired, map[string]string{
			"kube-controller-manager.log": lease(expiredGo),
			"kube-apiserver.log":          "I" + klogTime + "log.go:245] " + tlsError + "198.51.100.9:51234: remote error: tls: bad certificate\n",
		}, [][]string{
			{"critical expired: kube-controller-manager refuses kube-apiserver: cause, validity/expired /etc/kubernetes/pki/apiserver.crt",
				"critical bad-certificate: kube-apiserver refused : cause, validity/expired /etc/kubernetes/pki/apiserver.crt"},
		}},
		{"an alert of somebody beside a client with another CA", func(c *fixtures.Cluster) {
			c.NewCA("old", fixtures.Spec{CommonName: "kubernetes"})
			c.Node.Replace(etc+"/controller-manager.conf", "authority-data: "+base64.StdEncoding.EncodeToString(c.CertificatePEM(fixtures.CA)), "authority-data: "+base64.StdEncoding.EncodeToString(c.CertificatePEM("old")))
		}, map[string]string{
			"kube-controller-manager.log": lease(unknownGo),
			"kube-apiserver.log":          "I" + klogTime + "log.go:245] " + tlsError + "198.51.100.9:51234: remote error: tls: bad certificate\n",
		}, [][]string{
			{"critical unknown-authority: kube-controller-manager refuses kube-apiserver: cause, connections/server-untrusted /etc/kubernetes/controller-manager.conf",
				"warning bad-certificate: kube-apiserver refused : elsewhere"},
		}},
		{"a process that goes on with what was", sound, map[string]string{
			"kube-apiserver.log": toEtcdLine + `"transport: authentication handshake failed: ` + expiredGo + `"` + "\n",
			"etcd.log":           etcdRejects + `"remote error: tls: bad certificate"}` + "\n",
		}, [][]string{
			{"critical expired: kube-apiserver refuses etcd: restart", "critical bad-certificate: etcd refused kube-apiserver: restart"},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := fixtures.ControlPlane(fixtures.Options{})
			tt.change(c)
			l := explainLogs(t, []fixtures.Node{c.Node}, tt.files)
			var got [][]string
			for _, entry := range l.Entries() {
				var told []string
				for _, e := range entry {
					told = append(told, tied(e))
				}
				got = append(got, told)
				if sum := entry.Sum(); sum.Count != int64(len(entry)) || sum.Severity != entry[0].Severity {
					t.Errorf("the sum of %q is %+v", told, sum)
				}
			}
			if diff := gocmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// The serial number that the API server gives of a certificate names it: of several that
// ended at one time it is that one, and none that is here where nothing has it.
func TestSerialNumberOfARefusedCertificate(t *testing.T) {
	refuses := func(why, serial string) map[string]string {
		return map[string]string{"kube-apiserver.log": `E` + klogTime + `authentication.go:76] "Unable to authenticate the request" err="[` + why + `, verifying certificate SN=` + serial + `, SKID=, AKID= failed: ` + why + `]"` + "\n"}
	}
	ended := strings.TrimPrefix(expiredGo, "tls: failed to verify certificate: ")
	const unknown = "x509: certificate signed by unknown authority"
	both := func(c *fixtures.Cluster) {
		for i, name := range []string{"/controller-manager.conf", "/scheduler.conf"} {
			c.Reissue(etc+name, endedBefore)
			c.Reissue(etc+name, func(s *fixtures.Spec) { s.Serial = big.NewInt(4100 + int64(i)) })
		}
	}
	for _, tt := range []struct {
		name   string
		change func(*fixtures.Cluster)
		files  map[string]string
		want   string
		means  string
	}{
		{"the first", both, refuses(ended, "4100"), "critical expired: kube-apiserver refuses kube-controller-manager: cause, validity/expired /etc/kubernetes/controller-manager.conf", ""},
		{"the second", both, refuses(ended, "4101"), "critical expired: kube-apiserver refuses kube-scheduler: cause, validity/expired /etc/kubernetes/scheduler.conf", ""},
		{"of elsewhere", both, refuses(unknown, "4102"), "warning unknown-authority: kube-apiserver refuses : elsewhere",
			"No certificate in view has serial number 4102: the client is elsewhere, or goes on with one that was replaced."},
		{"one that nothing is wrong with", func(c *fixtures.Cluster) {
			c.Reissue(etc+"/scheduler.conf", func(s *fixtures.Spec) { s.Serial = big.NewInt(4101) })
		}, refuses(unknown, "4101"), "warning unknown-authority: kube-apiserver refuses : elsewhere",
			"The certificate with serial number 4101 is in /etc/kubernetes/scheduler.conf on cp-1, and nothing that the line tells of is wrong with it."},
		{"of another CA", func(c *fixtures.Cluster) {
			c.NewCA("other", fixtures.Spec{CommonName: "kubernetes"})
			c.Reissue(etc+"/scheduler.conf", func(s *fixtures.Spec) { s.Serial, s.Signer = big.NewInt(4101), "other" })
		}, refuses(unknown, "4101"), "critical unknown-authority: kube-apiserver refuses kube-scheduler: cause, chain/untrusted /etc/kubernetes/scheduler.conf", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := fixtures.ControlPlane(fixtures.Options{})
			tt.change(c)
			l := explainLogs(t, []fixtures.Node{c.Node}, tt.files)
			if len(l.Events) != 1 || tied(l.Events[0]) != tt.want || !strings.Contains(l.Events[0].Meaning, tt.means) {
				t.Errorf("got %s\n%+v\nwant %s: %s", tied(l.Events[0]), l.Events, tt.want, tt.means)
			}
		})
	}
}

// A kubelet that asks for a certificate in vain is tied to why it has to ask, or to why nobody
// answers, and to nothing where all is in order.
func TestLogsOfRequestsForCertificates(t *testing.T) {
	const (
		bootstrap = `E` + klogTime + `run.go:72] "command failed" err="failed to run Kubelet: unable to load bootstrap kubeconfig: stat /etc/kubernetes/bootstrap-kubelet.conf: no such file or directory"` + "\n"
		rotates   = `E` + klogTime + `certificate_manager.go:562] "Unhandled Error" err="kubernetes.io/kube-apiserver-client-kubelet: `
		asks      = rotates + `Failed while requesting a signed certificate from the control plane: cannot create certificate signing request: `
		post      = `Post \"https://192.0.2.11:6443/apis/certificates.k8s.io/v1/certificatesigningrequests\": `
		unsigned  = rotates + `certificate request was not signed: timed out waiting for the condition"` + "\n"
		current   = kubeletPKI + "/kubelet-client-current.pem"
	)
	sound := func(*fixtures.Cluster) {}
	old := func(c *fixtures.Cluster) {
		c.Reissue(kubeletPKI+"/kubelet-client-2026-10-24-12-00-00.pem", endedBefore)
	}
	for _, tt := range []struct {
		name   string
		change func(*fixtures.Cluster)
		line   string
		want   string
	}{
		{"its certificate ended", old, bootstrap, "critical bootstrap: kubelet own : cause, validity/expired " + current},
		{"its kubeconfig is gone", func(c *fixtures.Cluster) { c.Node.Remove(etc + "/kubelet.conf") }, bootstrap, "critical bootstrap: kubelet own : cause, files/missing " + etc + "/kubelet.conf"},
		{"its certificate is gone", func(c *fixtures.Cluster) { c.Node.Remove(current) }, bootstrap, "critical bootstrap: kubelet own : cause, files/missing " + current},
		{"it has one by now", sound, bootstrap, "critical bootstrap: kubelet own : restart"},
		{"the API server's ended", func(c *fixtures.Cluster) { c.Reissue(pki+"/apiserver", endedBefore) }, bootstrap, "critical bootstrap: kubelet own : restart"},

		{"asks with one that ended", old, asks + `Unauthorized"` + "\n", "critical rotation: kubelet refused kube-apiserver: cause, validity/expired " + current},
		{"asks with one that ended, and is told so", old, asks + post + `remote error: tls: expired certificate"` + "\n", "critical expired: kubelet refused kube-apiserver: cause, validity/expired " + current},
		{"asks a server whose certificate ended", func(c *fixtures.Cluster) { c.Reissue(pki+"/apiserver", endedBefore) }, asks + post + expiredGo + `"` + "\n", "critical expired: kubelet refuses kube-apiserver: cause, validity/expired /etc/kubernetes/pki/apiserver.crt"},
		{"asks in vain", sound, asks + `Unauthorized"` + "\n", "warning rotation: kubelet refused kube-apiserver: open"},

		{"nobody can sign", func(c *fixtures.Cluster) { c.WriteKey(pki+"/ca.key", "other") }, unsigned, "critical rotation: kubelet refused kube-apiserver: cause, chain/signing-bundle /etc/kubernetes/pki/ca.crt"},
		{"who signs is refused", func(c *fixtures.Cluster) { c.Reissue(etc+"/controller-manager.conf", endedBefore) }, unsigned, "critical rotation: kubelet refused kube-apiserver: cause, validity/expired /etc/kubernetes/controller-manager.conf"},
		{"nobody signs", sound, unsigned, "warning rotation: kubelet refused kube-apiserver: open"},
		{"nobody signs, and the scheduler's ended", func(c *fixtures.Cluster) { c.Reissue(etc+"/scheduler.conf", endedBefore) }, unsigned, "warning rotation: kubelet refused kube-apiserver: open"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := fixtures.ControlPlane(fixtures.Options{})
			tt.change(c)
			l := explainLogs(t, []fixtures.Node{c.Node}, map[string]string{"kubelet.log": tt.line})
			if len(l.Events) != 1 || tied(l.Events[0]) != tt.want {
				t.Errorf("got %s\n%+v\nwant %s", tied(l.Events[0]), l.Events, tt.want)
			}
		})
	}
}
