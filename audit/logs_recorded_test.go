package audit_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"certaudit/audit"
	"certaudit/fixtures"
	"certaudit/parsers/logs"
)

// recordedAt is when what programs wrote of the faults is judged.
var recordedAt = time.Date(2026, 11, 26, 22, 0, 0, 0, time.UTC)

// recordedFault is a fault that real programs ran with: on a node, by the files and flags
// that it has. testdata/recorded/NAME.txt has their versions and what is wrong, what they
// wrote, each distinct line once, and what is to be said of it.
type recordedFault struct {
	// name begins with peer- where there are three members of etcd, each on a node; the
	// second has the fault.
	name   string
	change func(c *fixtures.Cluster)
}

var recordedFaults = []recordedFault{
	{"healthy", together()},

	{"etcd-server-expired", issued(pki+"/etcd/server", endedBefore)},
	{"etcd-server-name", issued(pki+"/etcd/server", func(s *fixtures.Spec) { s.IPs, s.DNSNames = []string{"192.0.2.11"}, []string{"cp-1"} })},
	{"etcd-server-serverauth", issued(pki+"/etcd/server", forServers)},
	{"etcd-server-key", anotherKey(pki + "/etcd/server.key")},
	{"etcd-server-der", asDER(pki + "/etcd/server.crt")},
	{"etcd-client-expired", issued(pki+"/apiserver-etcd-client", endedBefore)},
	{"etcd-client-other-ca", byAnotherCA(pki+"/apiserver-etcd-client", "etcd-ca")},
	{"etcd-client-usage", issued(pki+"/apiserver-etcd-client", forServers)},
	{"etcd-cafile", flagged("kube-apiserver", "--etcd-cafile="+pki+"/etcd/ca.crt", "--etcd-cafile="+pki+"/ca.crt")},
	{"etcd-old-ca", together(anotherCA("etcd-ca", pki+"/etcd/old-ca"), flagged("etcd", "- --trusted-ca-file="+pki+"/etcd/ca.crt", "- --trusted-ca-file="+pki+"/etcd/old-ca.crt"))},
	{"etcd-ca-missing", lacking(pki + "/etcd/ca.crt")},
	{"etcd-ca-malformed", holding(pki+"/etcd/ca.crt", "nothing\n")},
	{"etcd-http", flagged("kube-apiserver", "https://127.0.0.1:2379", "http://127.0.0.1:2379")},
	{"etcd-no-client-cert", together(flagged("kube-apiserver", "    - --etcd-certfile="+pki+"/apiserver-etcd-client.crt\n", ""), flagged("kube-apiserver", "    - --etcd-keyfile="+pki+"/apiserver-etcd-client.key\n", ""))},
	{"etcd-permission", together()}, // etcd ran as another user

	{"peer-expired", issued(pki+"/etcd/peer", endedBefore)},
	{"peer-expired-3.4", issued(pki+"/etcd/peer", endedBefore)},
	{"peer-name", peerElsewhere},
	{"peer-name-3.5", peerElsewhere},
	{"peer-usage", issued(pki+"/etcd/peer", forServers)},
	{"peer-other-ca", byAnotherCA(pki+"/etcd/peer", "etcd-ca")},
	{"peer-trusted-ca", peersTrustingAnother},
	{"peer-trusted-ca-3.4", peersTrustingAnother},

	{"apiserver-expired", issued(pki+"/apiserver", endedBefore)},
	{"apiserver-no-ips", issued(pki+"/apiserver", func(s *fixtures.Spec) { s.IPs = nil })},
	{"apiserver-other-ca", byAnotherCA(pki+"/apiserver", "kubernetes")},
	{"apiserver-usage", issued(pki+"/apiserver", forClients)},
	{"apiserver-key", anotherKey(pki + "/apiserver.key")},
	{"apiserver-der", asDER(pki + "/apiserver.crt")},
	{"apiserver-empty", holding(pki+"/apiserver.crt", "")},
	{"apiserver-client-ca", together(anotherCA("kubernetes", pki+"/old-ca"), flagged("kube-apiserver", "--client-ca-file="+pki+"/ca.crt", "--client-ca-file="+pki+"/old-ca.crt"))},
	{"apiserver-client-ca-malformed", holding(pki+"/ca.crt", "nothing\n")},
	{"apiserver-client-ca-empty", holding(pki+"/ca.crt", "")},
	{"apiserver-sa-pub", func(c *fixtures.Cluster) {
		other := fixtures.ControlPlane(fixtures.Options{Version: "v1.37.2", Seed: "another"})
		c.Node[pki+"/sa.pub"] = other.Node[pki+"/sa.pub"]
	}},
	{"front-proxy-key-missing", lacking(pki + "/front-proxy-client.key")},

	{"kubeadm-admin-old-ca", func(c *fixtures.Cluster) {
		old := fixtures.ControlPlane(fixtures.Options{Version: "v1.37.2", Seed: "another"})
		c.Node[etc+"/admin.conf"] = old.Node[etc+"/admin.conf"]
	}},
	{"kubeadm-apiserver-other-ca", byAnotherCA(pki+"/apiserver", "kubernetes")},
	{"kubeadm-apiserver-expired", issued(pki+"/apiserver", endedBefore)},

	{"controller-manager-usage", issued(etc+"/controller-manager.conf", forServers)},
	{"controller-manager-other-ca", byAnotherCA(etc+"/controller-manager.conf", "kubernetes")},
	{"controller-manager-embedded", func(c *fixtures.Cluster) {
		c.Node.Replace(etc+"/controller-manager.conf", "client-key-data: ", "client-key-data: QUJD")
	}},
	{"scheduler-expired", issued(etc+"/scheduler.conf", endedBefore)},
	{"scheduler-old-ca", embeddingAnotherCA(etc + "/scheduler.conf")},
	{"scheduler-missing", lacking(etc + "/scheduler.conf")},
	{"admin-expired", issued(etc+"/admin.conf", endedBefore)},
	{"ca-key", anotherKey(pki + "/ca.key")},
	{"csr-expired", together(func(c *fixtures.Cluster) {
		c.NewCA("signing", fixtures.Spec{CommonName: "signing", NotBefore: fixtures.Now.AddDate(-1, 0, 0), NotAfter: must(time.Parse(time.RFC3339, endOfCert))})
		c.WriteCA("signing", pki+"/signing")
	}, flagged("kube-controller-manager", "--cluster-signing-cert-file="+pki+"/ca.crt", "--cluster-signing-cert-file="+pki+"/signing.crt"),
		flagged("kube-controller-manager", "--cluster-signing-key-file="+pki+"/ca.key", "--cluster-signing-key-file="+pki+"/signing.key"))},

	{"signing-ca-two", func(c *fixtures.Cluster) {
		c.Node.Append(pki+"/ca.crt", c.CertificatePEM(fixtures.FrontProxyCA))
	}},

	{"kubelet-expired", issued(recordedKubelet, endedBefore)},
	{"kubelet-other-ca", byAnotherCA(recordedKubelet, "kubernetes")},
	{"kubelet-old-ca", embeddingAnotherCA(etc + "/kubelet.conf")},
	{"kubelet-missing", lacking(recordedKubelet)},
	{"kubelet-name", issued(recordedKubelet, func(s *fixtures.Spec) { s.CommonName = "system:node:cp-9" })},
	{"kubelet-organization", issued(recordedKubelet, func(s *fixtures.Spec) { s.Organizations = nil })},
	{"kubelet-client-ca", together(anotherCA("kubernetes", pki+"/old-ca"), func(c *fixtures.Cluster) {
		c.Node.Replace(kubeletConfig, "clientCAFile: "+pki+"/ca.crt", "clientCAFile: "+pki+"/old-ca.crt")
	})},
	{"kubelet-serving-ca", flagged("kube-apiserver", "    - --kubelet-client-certificate=", "    - --kubelet-certificate-authority="+pki+"/ca.crt\n    - --kubelet-client-certificate=")},
	{"kubelet-serving-key", anotherKey(kubeletPKI + "/kubelet.key")},
	{"kubelet-rotation", together(servingByRequest, issued(recordedKubelet, func(s *fixtures.Spec) {
		s.NotBefore, s.NotAfter = fixtures.Now.AddDate(-1, 0, 0), time.Date(2026, 11, 26, 23, 30, 0, 0, time.UTC)
	}))},
	{"kubelet-unsigned", issued(recordedKubelet, endedBefore)},
	{"apiserver-kubelet-client-expired", issued(pki+"/apiserver-kubelet-client", endedBefore)},

	{"metrics-front-proxy-expired", issued(pki+"/front-proxy-client", endedBefore)},
	{"metrics-front-proxy-name", issued(pki+"/front-proxy-client", func(s *fixtures.Spec) { s.CommonName = "aggregator" })},
	{"metrics-requestheader-ca", flagged("kube-apiserver", "--requestheader-client-ca-file="+pki+"/front-proxy-ca.crt", "--requestheader-client-ca-file="+pki+"/ca.crt")},

	{"tokens", together()}, // the faults are in the tokens
	{"mixups", together()}, // and here in what people did
}

// What is said of recorded logs names the fault that was made, and blames nothing else.
func TestRecordedLogs(t *testing.T) {
	for _, f := range recordedFaults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			var nodes []fixtures.Node
			o := fixtures.Options{Version: "v1.37.2"}
			all := []*fixtures.Cluster{fixtures.ControlPlane(o)}
			if strings.HasPrefix(f.name, "peer-") {
				all = fixtures.Joined(o, 3, 0)
			}
			f.change(all[len(all)/2])
			for _, c := range all {
				nodes = append(nodes, c.Node)
			}
			name := filepath.Join("testdata", "recorded", f.name+".txt")
			text, files := recording(t, name)
			golden(t, name, []byte(text+saidOf(t, nodes, files, recordedAt)))
		})
	}
}

const saidMark = "-- said --\n"

// recording reads a file of testdata/recorded: all of it up to what is said, and the logs
// by their names.
func recording(t *testing.T, name string) (text string, files map[string]string) {
	t.Helper()
	text, _, _ = strings.Cut(string(must(os.ReadFile(name))), saidMark)
	files = map[string]string{}
	for part := range strings.SplitSeq("\n"+text, "\n-- ") {
		if log, lines, ok := strings.Cut(part, " --\n"); ok {
			files[log] = lines + "\n"
		}
	}
	return text + saidMark, files
}

// saidOf is what is said at a time of logs of some nodes, for people to read.
func saidOf(t *testing.T, nodes []fixtures.Node, files map[string]string, at time.Time) string {
	t.Helper()
	o := audit.Options{At: at}
	r, after := audit.Rerun(nil, audit.Gathered(t, nodes...), o)
	ties := audit.NewLogTies(r, after, o)
	reader := logs.NewReader(logs.Options{Now: at, HostOf: ties.HostOf})
	for _, name := range sortedNames(files) {
		reader.Read(name, strings.NewReader(files[name]))
	}
	l := ties.Explain(reader.Digest())
	var b strings.Builder
	for _, f := range l.Findings {
		fmt.Fprintf(&b, "%s %s %s: %s\n", f.Severity, f.Check, f.Path, f.Message)
	}
	for _, e := range l.Events {
		fmt.Fprintf(&b, "%s %s: %s %s %s: %s\n", e.Severity, e.Kind, strings.TrimSpace(e.Node+" "+e.Component), e.Direction, strings.TrimSpace(e.PeerNode+" "+e.Peer+" "+e.Address), e.Tie)
		for _, c := range e.Causes {
			fmt.Fprintf(&b, "  %s %s on %s; %s\n", c.Check, c.Path, c.Node, stepWords(r, c))
		}
		if e.Tie != audit.TieCause {
			fmt.Fprintf(&b, "  %s\n  %s\n", e.Meaning, e.Next)
		}
	}
	for _, u := range l.Unknown {
		fmt.Fprintf(&b, "not understood: %s\n", u.Text)
	}
	return b.String()
}

// stepWords are the title of the step that fixes a cause, or what to do where there is none.
func stepWords(r audit.Result, c audit.LogCause) string {
	if c.Step == 0 {
		return c.Remedy
	}
	return r.Plan[c.Step-1].Title
}

// recordedKubelet is the client certificate of the kubelet.
const recordedKubelet = kubeletPKI + "/kubelet-client-2026-10-24-12-00-00.pem"

// together makes several changes, or none.
func together(changes ...func(*fixtures.Cluster)) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) {
		for _, change := range changes {
			change(c)
		}
	}
}

func issued(base string, change func(*fixtures.Spec)) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) { c.Reissue(base, change) }
}

var (
	peerElsewhere        = issued(pki+"/etcd/peer", func(s *fixtures.Spec) { s.IPs, s.DNSNames = []string{"192.0.2.99"}, []string{"cp-2"} })
	peersTrustingAnother = together(anotherCA("etcd-ca", pki+"/etcd/old-ca"), flagged("etcd", "--peer-trusted-ca-file="+pki+"/etcd/ca.crt", "--peer-trusted-ca-file="+pki+"/etcd/old-ca.crt"))
)

func forServers(s *fixtures.Spec) { s.Usages = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }
func forClients(s *fixtures.Spec) { s.Usages = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }

// byAnotherCA has a certificate signed by a CA of the name of the right one.
func byAnotherCA(base, name string) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) {
		c.NewCA("other", fixtures.Spec{CommonName: name})
		c.Reissue(base, func(s *fixtures.Spec) { s.Signer = "other" })
	}
}

// anotherCA writes a CA of the name of the right one.
func anotherCA(name, base string) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) {
		c.NewCA("old", fixtures.Spec{CommonName: name})
		c.WriteCA("old", base)
	}
}

func embeddingAnotherCA(kubeconfig string) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) {
		c.NewCA("old", fixtures.Spec{CommonName: "kubernetes"})
		const field = "authority-data: "
		c.Node.Replace(kubeconfig, field+base64.StdEncoding.EncodeToString(c.CertificatePEM(fixtures.CA)), field+base64.StdEncoding.EncodeToString(c.CertificatePEM("old")))
	}
}

func flagged(component, from, to string) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) { c.Node.Replace(manifests+"/"+component+".yaml", from, to) }
}

func lacking(name string) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) { c.Node.Remove(name) }
}

func anotherKey(name string) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) { c.WriteKey(name, "another") }
}

func holding(name, data string) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) { c.Node[name] = fixtures.File{Data: []byte(data), Mode: c.Node[name].Mode} }
}

func asDER(name string) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) {
		block, _ := pem.Decode(c.Node[name].Data)
		holding(name, string(block.Bytes))(c)
	}
}

func servingByRequest(c *fixtures.Cluster) {
	c.Node.Append(kubeletConfig, []byte("serverTLSBootstrap: true\n"))
	c.Node.Remove(kubeletPKI+"/kubelet.crt", kubeletPKI+"/kubelet.key")
}
