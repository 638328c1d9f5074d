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
	// want are the events, as tied has them; says and unsaid are parts of what the first
	// means and of what is to be done then.
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
	{"a program without a name is told to log in", func(c *fixtures.Cluster) { c.Reissue(pki+"/apiserver-etcd-client", endedBefore) },
		map[string]string{"some.txt": "error: You must be logged in to the server (Unauthorized)\n"},
		[]string{"warning unauthorized:  refused : open"}, []string{"another kubeconfig"}, []string{"restart", "etcd"}},
	{"a kubelet elsewhere", func(c *fixtures.Cluster) {
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
}

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
			e := l.Events[0]
			text := e.Meaning + " " + e.Next + strings.Join(e.Commands, " ")
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
