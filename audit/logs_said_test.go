package audit_test

import (
	"strings"
	"testing"

	"certaudit/fixtures"

	gocmp "github.com/google/go-cmp/cmp"
)

// said is a node, lines, and what is to be said of them and what is not.
type said struct {
	name   string
	change func(c *fixtures.Cluster)
	files  map[string]string
	// want are the events, as tied has them; says and unsaid are parts of what they
	// mean and of what is to be done then.
	want         []string
	says, unsaid []string
}

const hosted = "2026-11-23T11:58:39+00:00 "

// kubectlLine is what kubectl, as all programs of its library, ends with.
func kubectlLine(why string) string {
	return "kubectl[7]: Unable to connect to the server: " + why + "\n"
}

var saidOfLines = []said{
	{"an unnamed program and a file that is there", nil,
		map[string]string{"some.txt": "failed to load: open /etc/kubernetes/pki/apiserver.key: no such file or directory\n"},
		[]string{"warning file-missing:  own : open"}, nil, []string{"restart"}},
	{"kubectl and another CA", nil,
		map[string]string{"journal.log": hosted + "cp-1 " + kubectlLine(`Get "https://192.0.2.11:6443/api?timeout=32s": tls: failed to verify certificate: x509: certificate signed by unknown authority`)},
		[]string{"warning unknown-authority: kubectl refuses kube-apiserver: open"},
		[]string{"another kubeconfig or CA file than those in view", "certificate-authority-data of the kubeconfig, or the CA file, that was used with /etc/kubernetes/pki/ca.crt on cp-1", "the kubeconfig /etc/kubernetes/admin.conf verifies"},
		[]string{"restart", "admin verifies"}},
	{"kubectl is told to log in", nil,
		map[string]string{"journal.log": hosted + "cp-1 kubectl[7]: error: You must be logged in to the server (Unauthorized)\n"},
		[]string{"warning unauthorized: kubectl refused kube-apiserver: open"}, []string{"another kubeconfig"}, []string{"restart", "etcd"}},
	{"an unnamed log, and somebody is told to log in", func(c *fixtures.Cluster) { c.Reissue(pki+"/apiserver-etcd-client", endedBefore) },
		map[string]string{"some.txt": "error: You must be logged in to the server (Unauthorized)\n"},
		[]string{"warning unauthorized: kubectl refused kube-apiserver: open"}, []string{"another kubeconfig"}, []string{"restart", "etcd"}},
	{"a kubelet elsewhere", func(c *fixtures.Cluster) {
		c.Reissue("/var/lib/kubelet/pki/kubelet-client-2026-10-24-12-00-00.pem", endedBefore)
	},
		map[string]string{"journal.log": hosted + "otherhost kubelet[7]: E" + klogTime + `bootstrap.go:265] part of the existing bootstrap client certificate in /etc/kubernetes/kubelet.conf is expired: 2026-11-20 00:00:00 +0000 UTC` + "\n"},
		[]string{"warning expired: kubelet own : elsewhere"}, []string{"not among the nodes"}, []string{"cp-1", ": restart"}},
	{"a kubelet elsewhere, and a node that kubelet.conf alone names", func(c *fixtures.Cluster) {
		c.Node.Remove("/etc/hostname")
		c.Reissue("/var/lib/kubelet/pki/kubelet-client-2026-10-24-12-00-00.pem", endedBefore)
	},
		map[string]string{"journal.log": hosted + "otherhost kubelet[7]: E" + klogTime + `bootstrap.go:265] part of the existing bootstrap client certificate in /etc/kubernetes/kubelet.conf is expired: 2026-11-20 00:00:00 +0000 UTC` + "\n"},
		[]string{"warning expired: kubelet own : elsewhere"}, []string{"not among the nodes"}, []string{"cp-1", ": restart"}},
	{"an API server that a kubelet elsewhere calls on its own machine", func(c *fixtures.Cluster) { c.Reissue(pki+"/apiserver", endedBefore) },
		map[string]string{"journal.log": hosted + "otherhost kubelet[7]: " + lease2("127.0.0.1:6443", expiredGo)},
		[]string{"warning expired: kubelet refuses kube-apiserver: elsewhere"}, nil, []string{"cp-1", ": restart"}},
	{"an API server in view that a kubelet elsewhere calls", func(c *fixtures.Cluster) { c.Reissue(pki+"/apiserver", endedBefore) },
		map[string]string{"journal.log": hosted + "otherhost kubelet[7]: " + lease2("192.0.2.11:6443", expiredGo)},
		[]string{"critical expired: kubelet refuses kube-apiserver: cause, validity/expired /etc/kubernetes/pki/apiserver.crt"}, nil, []string{"kubelet on cp-1"}},
	{"a CA with control characters in its name", nil,
		map[string]string{"kube-controller-manager.log": lease(strings.ReplaceAll(unknownGo, `"kubernetes`, `"ku\x1bbernetes`))},
		[]string{"critical unknown-authority: kube-controller-manager refuses kube-apiserver: restart"}, []string{`A CA called "ku`}, []string{`\\`, "\x1b"}},
	{"both ends of a handshake with etcd that went on with its old certificate", nil,
		map[string]string{
			"kube-apiserver.log": toEtcdLine + `"transport: authentication handshake failed: ` + expiredGo + `"` + "\n",
			"etcd.log":           etcdRejects + `"remote error: tls: bad certificate"}` + "\n" + etcdRejects + `"` + clientExpiredGo + `"}` + "\n",
		},
		[]string{
			"critical expired: kube-apiserver refuses etcd: restart",
			"critical expired: etcd refuses etcd: restart",
			"critical bad-certificate: etcd refused kube-apiserver: restart",
		}, []string{"The other end tells why, in kube-apiserver.log:1: a certificate past its end.", "restart etcd"}, []string{"restart kube-apiserver"}},
	{"etcd refuses a client of its own machine", nil,
		map[string]string{"etcd.log": etcdRejects + `"` + clientExpiredGo + `"}` + "\n"},
		[]string{"critical expired: etcd refuses : restart"}, []string{"The client may be kube-apiserver or etcd itself."}, nil},
	{"etcd refuses the API server, which tells of it", nil,
		map[string]string{
			"etcd.log":           etcdRejects + `"` + clientExpiredGo + `"}` + "\n",
			"kube-apiserver.log": toEtcdLine + `"error reading server preface: remote error: tls: bad certificate"` + "\n",
		},
		[]string{
			"critical expired: etcd refuses kube-apiserver: restart",
			"critical bad-certificate: kube-apiserver refused etcd: restart",
		}, []string{"restart kube-apiserver"}, []string{"restart etcd", "itself"}},
	{"a clock at 1970", func(c *fixtures.Cluster) { c.Reissue(pki+"/apiserver", endedBefore) },
		map[string]string{"kube-controller-manager.log": lease(notYetAt("1970-01-01T00:00:39Z", "2025-11-23T12:00:00Z"))},
		[]string{"warning not-yet-valid: kube-controller-manager refuses kube-apiserver: open"}, []string{"The cause is the clock", "timedatectl"}, []string{"restart", "apiserver.crt"}},
	{"a clock three months behind", nil,
		map[string]string{"kube-controller-manager.log": lease(notYetAt("2026-08-20T00:00:39Z", "2026-10-24T12:00:00Z"))},
		[]string{"warning not-yet-valid: kube-controller-manager refuses kube-apiserver: open"}, []string{"The cause is the clock", "timedatectl"}, []string{"restart", "apiserver.crt"}},
	{"a certificate before its begin is not the one that ended", func(c *fixtures.Cluster) { c.Reissue(pki+"/apiserver", endedBefore) },
		map[string]string{"kube-controller-manager.log": lease(notYetAt("2026-11-23T11:58:39Z", endOfCert))},
		[]string{"warning not-yet-valid: kube-controller-manager refuses kube-apiserver: open"}, nil, []string{"The cause is", "clock of the machine"}},
	{"servers elsewhere, whose certificates end at the same time", func(c *fixtures.Cluster) { c.Reissue(pki+"/apiserver", endedBefore) },
		map[string]string{
			"a.log": hosted + "cp-1 containerd[7]: " + `failed to pull: Get "https://registry.example.com/v2/": ` + expiredGo + "\n",
			"b.log": hosted + "cp-1 node-exporter[7]: " + `Get "https://10.9.8.7:9999/": ` + expiredGo + "\n",
		},
		[]string{
			"warning expired: containerd refuses : elsewhere",
			"warning expired: node-exporter refuses : elsewhere",
		}, nil, []string{"apiserver.crt"}},
	{"a server in view at another port", func(c *fixtures.Cluster) { c.Reissue(pki+"/apiserver", endedBefore) },
		map[string]string{"b.log": hosted + "cp-1 node-exporter[7]: " + `Get "https://192.0.2.11:9999/": ` + expiredGo + "\n"},
		[]string{"critical expired: node-exporter refuses : cause, validity/expired /etc/kubernetes/pki/apiserver.crt"}, nil, nil},
	{"curl calls nobody knows whom", func(c *fixtures.Cluster) { c.Reissue(pki+"/apiserver", endedBefore) },
		map[string]string{"curl.log": "curl: (60) SSL certificate problem: certificate has expired\n"},
		[]string{"warning expired: curl refuses : open"}, []string{"may be about /etc/kubernetes/pki/apiserver.crt"}, []string{"cause is"}},
	{"a program without a name refuses nobody knows whom", nil,
		map[string]string{"some.txt": expiredGo + "\n"},
		[]string{"warning expired:  refuses : open"}, nil, []string{": restart", "apiserver.crt"}},
	{"kubectl, and an API server that goes on with its old certificate", nil,
		map[string]string{"journal.log": hosted + "cp-1 " + kubectlLine(`Get "https://192.0.2.11:6443/api?timeout=32s": `+expiredGo)},
		[]string{"critical expired: kubectl refuses kube-apiserver: restart"}, []string{"restart kube-apiserver"}, nil},
}

// notYetAt is what Go says of a certificate before its begin.
func notYetAt(clock, begin string) string {
	return "tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time " + clock + " is before " + begin
}

var clientExpiredGo = strings.Replace(expiredGo, "verify certificate", "verify client certificate", 1)

// lease2 is the line of a client that does not get its lease from a server.
func lease2(address, why string) string {
	return strings.Replace(lease(why), "192.0.2.11:6443", address, 1)
}

// What is said of lines is what they and the nodes show, and no more.
func TestLogsSayNothingFalse(t *testing.T) {
	for _, tt := range saidOfLines {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := fixtures.ControlPlane(fixtures.Options{})
			if tt.change != nil {
				tt.change(c)
			}
			l := explainLogs(t, []fixtures.Node{c.Node}, tt.files)
			var got []string
			for _, e := range l.Events {
				got = append(got, tied(e))
			}
			if diff := gocmp.Diff(tt.want, got); diff != "" || len(l.Events) == 0 {
				t.Fatalf("-want +got:\n%s\nunknown %+v", diff, l.Unknown)
			}
			text := ""
			for _, e := range l.Events {
				text += e.Meaning + " " + e.Next + strings.Join(e.Commands, " ") + " "
			}
			for _, part := range tt.says {
				if !strings.Contains(text, part) {
					t.Errorf("not said: %q in %s", part, text)
				}
			}
			for _, part := range tt.unsaid {
				if strings.Contains(text, part) {
					t.Errorf("said: %q in %s", part, text)
				}
			}
		})
	}
}
