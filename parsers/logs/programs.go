package logs

import (
	"bytes"
	"strings"
)

const etcd = "etcd"

// programs are the names under which programs write, with that of the component; the
// components of Kubernetes have the names of the inventory, all others their own.
var programs = func() map[string]string {
	out := map[string]string{
		"kube-controller": "kube-controller-manager", // the kernel keeps 15 bytes of a name
		"k3s-agent":       "k3s", "k3s-server": "k3s", "rke2-server": "rke2", "rke2-agent": "rke2", "etcd-member": etcd,
		"cri-o": "crio",
	}
	for _, name := range []string{
		"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet", etcd,
		"cloud-controller-manager", "kubeadm", "kubectl", "etcdctl", "etcdutl", "curl", "openssl", "helm",
		"k3s", "rke2", "k0s", "minikube", "microk8s", "kubelite", "rancher",
		"metrics-server", "cert-manager", "cert-manager-controller", "cert-manager-webhook", "cert-manager-cainjector",
		"coredns", "containerd", "dockerd", "crio", "cri-dockerd", "konnectivity-server", "konnectivity-agent",
		"haproxy", "nginx", "keepalived", "kube-vip", "envoy", "flanneld", "kube-flannel", "calico-node", "cilium-agent",
		"kube-rbac-proxy", "prometheus", "node-exporter", "ingress-nginx-controller", "systemd", "sshd", "kernel", "sudo", "CRON",
	} {
		out[name] = name
	}
	return out
}()

// wrappers are programs under whose name others write.
var wrappers = map[string]bool{
	"sh": true, "bash": true, "env": true, "conmon": true, "hyperkube": true, "docker": true, "docker-compose": true, "compose": true,
	"podman": true, "nerdctl": true, "unknown": true, "stdout": true, "stderr": true, "root": true, "logger": true,
	"init": true, "tini": true, "runc": true, "crun": true, "nohup": true,
}

// bareName returns a name without its folder, the kind and instance of a unit, and the
// extension of a script: "etcd" of "etcd@main.service".
func bareName(b []byte) []byte {
	if i := bytes.LastIndexByte(b, '/'); i >= 0 {
		b = b[i+1:]
	}
	for _, end := range []string{".service", ".scope", ".sh", ".exe"} {
		b = bytes.TrimSuffix(b, []byte(end))
	}
	if i := bytes.IndexByte(b, '@'); i > 0 {
		b = b[:i]
	}
	return b
}

func isProgram(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	_, known := programs[string(bareName(b))]
	return known
}

// isWrapper reports whether a name says nothing of who wrote the text: that of a wrapper,
// the identifier of a container, or none.
func isWrapper(b []byte) bool {
	b = bareName(b)
	return len(b) == 0 || wrappers[string(b)] || len(b) >= 12 && len(bytes.Trim(b, "0123456789abcdef")) == 0
}

// replicated are the components that are run several times side by side, under names that
// begin with that of the component.
var replicated = []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet", etcd}

// componentOf is the component that a name is of: that of a program that is known, or of
// one with a number, a host or a domain behind it, "etcd1.local"; else the name itself,
// unless it is weak.
func componentOf(name []byte, weak bool) string {
	bare := string(bareName(name))
	if c := programs[bare]; c != "" {
		return c
	}
	for _, c := range replicated {
		if after, ok := strings.CutPrefix(bare, c); ok && isNumbered(after) {
			return c
		}
	}
	if weak || isWrapper(name) || len(bare) > maxName {
		return ""
	}
	return bare
}

// isNumbered reports whether what is behind the name of a component is a number, with a
// dash or without, or a domain. Words make it another program: kube-apiserver-operator.
func isNumbered(after string) bool {
	if strings.HasPrefix(after, ".") {
		return true
	}
	after = strings.TrimLeft(after, "-_")
	return after != "" && after[0] >= '0' && after[0] <= '9'
}

// maxName is how long the name of a component or a host may be, in bytes.
const maxName = 253

// etcdPackages are those of which etcd's server alone logs, as its text and zap's caller
// have them; its client, which other programs have in them, logs of none.
var etcdPackages = []string{"embed", "etcdmain", "etcdserver", "rafthttp", "membership", "mvcc", "v3rpc", "osutil", "raft", "wal"}

// isEtcdCaller reports whether a place in the source, "embed/config_logging.go:169", is in
// etcd's server.
func isEtcdCaller(caller []byte) bool {
	pkg, _, ok := bytes.Cut(caller, []byte("/"))
	return ok && isEtcdPackage(pkg)
}

func isEtcdPackage(pkg []byte) bool {
	for _, p := range etcdPackages {
		if string(pkg) == p {
			return true
		}
	}
	return false
}

// writers are beginnings of lines that one program alone writes.
var writers = []struct{ begin, component string }{
	{"curl: (", "curl"},
	{"Unable to connect to the server: ", "kubectl"},
	{"error: You must be logged in to the server", "kubectl"},
	{"Error from server", "kubectl"},
	{"[ERROR] plugin/", "coredns"},
	{"[discovery] ", "kubeadm"},
	{"[preflight] ", "kubeadm"},
	{"[kubelet-start] ", "kubeadm"},
	{"error execution phase ", "kubeadm"},
	{"error: error execution phase ", "kubeadm"},
	{"error: invalid or incomplete external CA: ", "kubeadm"},
	{"WARNING: could not validate bounds for certificate ", "kubeadm"},
	{"[ALERT]    (", "haproxy"},
	{"[WARNING]  (", "haproxy"},
}

// writerOf is who wrote a text, as far as the text leaves no doubt; "" for nobody.
func writerOf(b []byte) string {
	// 2019-04-02 18:29:05.514387 I | embed: rejected connection
	if len(b) > 32 && b[4] == '-' && b[10] == ' ' {
		if n, t, _ := isoLength(b); n > 20 && !t && len(b) > n+5 && string(b[n+2:n+5]) == " | " {
			if pkg, _, ok := bytes.Cut(b[n+5:min(len(b), n+40)], []byte(": ")); ok && isEtcdPackage(pkg) {
				return etcd
			}
		}
		return ""
	}
	if isNginx(b) {
		return "nginx"
	}
	if isCaddy(b) {
		return "caddy"
	}
	if isEnvoy(b) {
		return "envoy"
	}
	for _, w := range writers {
		if len(b) > len(w.begin) && b[0] == w.begin[0] && string(b[:len(w.begin)]) == w.begin {
			return w.component
		}
	}
	return ""
}

// isNginx reports whether a line of text begins as those of the error log of nginx do:
// 2026/11/26 20:03:46 [info] 28647#28647: *1 client
func isNginx(b []byte) bool {
	if len(b) < 32 || b[4] != '/' || b[7] != '/' || b[20] != '[' {
		return false
	}
	_, after, _ := bytes.Cut(b[20:min(len(b), 60)], []byte("] "))
	process, _, ok := bytes.Cut(after, []byte(": "))
	return ok && bytes.IndexByte(process, '#') > 0
}

// isCaddy reports whether a line of JSON is of a logger of Caddy's server (modules/caddyhttp).
func isCaddy(b []byte) bool {
	return len(b) > 1 && b[0] == '{' && bytes.Contains(b[:min(len(b), 100)], []byte(`"logger":"http.`))
}

// isEnvoy reports whether a line of text begins as those of Envoy do:
// [2025-03-05 07:22:38.631][15][debug][connection] [source/common/tls/ssl_socket.cc:251]
func isEnvoy(b []byte) bool {
	if len(b) < 32 || b[0] != '[' {
		return false
	}
	n, _, _ := isoLength(b[1:])
	after, ok := bytes.CutPrefix(b[1+n:], []byte("]["))
	thread, _, closed := bytes.Cut(after[:min(len(after), 20)], []byte("]["))
	return n > 0 && ok && closed && len(thread) > 0 && len(bytes.Trim(thread, "0123456789")) == 0
}

// heading is the component that a heading names whose lines follow, "" for none that is
// known: of tail and of minikube logs, "==> etcd [3f1c2b] <==", and of kubectl cluster-info
// dump, "==== START logs for container etcd of pod kube-system/etcd-cp1 ====", of which the
// end is one too.
func heading(b []byte) (component string, ok bool) {
	if inside, ok := bytes.CutPrefix(b, []byte("==> ")); ok {
		inside, ok = bytes.CutSuffix(bytes.TrimRight(inside, " "), []byte(" <=="))
		if i := bytes.Index(inside, []byte(" [")); i >= 0 {
			inside = inside[:i]
		}
		component, _ = componentOfPath(string(inside))
		return component, ok
	}
	if after, ok := bytes.CutPrefix(b, []byte("==== START logs for container ")); ok {
		container, _, _ := bytes.Cut(after, []byte(" "))
		return componentOf(container, false), true
	}
	return "", bytes.HasPrefix(b, []byte("==== END logs for container "))
}
