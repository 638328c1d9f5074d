package audit_test

import (
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"certaudit/audit"
	"certaudit/fixtures"
)

// mode gives a file another mode.
func mode(path string, m fs.FileMode) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) { c.Node.Chmod(path, m) }
}

// A group that may read a secret is worth a word; one that may write it, or
// anybody else, more. Of what is public only the writing counts.
func TestPermissionEdges(t *testing.T) {
	testEdges(t, fixtures.ControlPlane, []edge{
		{name: "key that its owner may execute", change: mode(pki+"/apiserver.key", 0o700)},
		{name: "key that nobody may read", change: mode(pki+"/apiserver.key", 0o400)},
		{name: "key that the group may read", change: mode(pki+"/apiserver.key", 0o640), want: []string{
			"info files/permissions /etc/kubernetes/pki/apiserver.key kube-apiserver --tls-private-key-file: has the mode 0640; expected 0600 or less, for whoever reads it can act in its name",
		}},
		{name: "key that the group may execute", change: mode(pki+"/apiserver.key", 0o610)},
		{name: "key that the group may write", change: mode(pki+"/apiserver.key", 0o620), want: []string{
			"warning files/permissions /etc/kubernetes/pki/apiserver.key kube-apiserver --tls-private-key-file: has the mode 0620; expected 0600 or less, for whoever reads it can act in its name",
		}},
		{name: "key that others may read", change: mode(pki+"/apiserver.key", 0o604), want: []string{
			"warning files/permissions /etc/kubernetes/pki/apiserver.key kube-apiserver --tls-private-key-file: has the mode 0604; expected 0600 or less, for whoever reads it can act in its name",
		}},
		{name: "key that others may execute", change: mode(pki+"/apiserver.key", 0o601), want: []string{
			"warning files/permissions /etc/kubernetes/pki/apiserver.key kube-apiserver --tls-private-key-file: has the mode 0601; expected 0600 or less, for whoever reads it can act in its name",
		}},
		{name: "CA's key that the group may write", change: mode(pki+"/ca.key", 0o660), want: []string{
			"warning files/permissions /etc/kubernetes/pki/ca.key kube-controller-manager --cluster-signing-key-file: has the mode 0660; expected 0600 or less, for whoever reads it can act in its name",
		}},
		{name: "token key that the group may write", change: mode(pki+"/sa.key", 0o660), want: []string{
			"warning files/permissions /etc/kubernetes/pki/sa.key kube-apiserver --service-account-signing-key-file: has the mode 0660; expected 0600 or less, for whoever reads it can act in its name",
		}},
		{name: "kubeconfig that the group may read", change: mode(etc+"/scheduler.conf", 0o640), want: []string{
			"info files/permissions /etc/kubernetes/scheduler.conf kube-scheduler --kubeconfig: has the mode 0640; expected 0600 or less, for whoever reads it can act in its name",
		}},
		{name: "kubeconfig that the group may write", change: mode(etc+"/scheduler.conf", 0o660), want: []string{
			"warning files/permissions /etc/kubernetes/scheduler.conf kube-scheduler --kubeconfig: has the mode 0660; expected 0600 or less, for whoever reads it can act in its name",
		}},
		{name: "rotated file of which the group may write what the link leads to", change: mode(kubeletClient, 0o660), want: []string{
			"warning files/permissions /var/lib/kubelet/pki/kubelet-client-current.pem kubelet users[0].user.client-certificate: has the mode 0660; expected 0600 or less, for whoever reads it can act in its name",
		}},
		{name: "certificate that everybody may read and execute", change: mode(pki+"/apiserver.crt", 0o755)},
		{name: "certificate that the group may write", change: mode(pki+"/apiserver.crt", 0o664), want: []string{
			"warning files/permissions /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: has the mode 0664; expected 0644 or less, for whoever changes it decides whom the cluster trusts",
		}},
		{name: "certificate that others may write", change: mode(pki+"/apiserver.crt", 0o646), want: []string{
			"warning files/permissions /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: has the mode 0646; expected 0644 or less, for whoever changes it decides whom the cluster trusts",
		}},
		{name: "CA that the group may write", change: mode(pki+"/ca.crt", 0o664), want: []string{
			"warning files/permissions /etc/kubernetes/pki/ca.crt kubelet authentication.x509.clientCAFile: has the mode 0664; expected 0644 or less, for whoever changes it decides whom the cluster trusts",
		}},
		{name: "public key that everybody may read", change: mode(pki+"/sa.pub", 0o644)},
		{name: "public key that the group may write", change: mode(pki+"/sa.pub", 0o660), want: []string{
			"warning files/permissions /etc/kubernetes/pki/sa.pub kube-apiserver --service-account-key-file: has the mode 0660; expected 0644 or less, for whoever changes it decides whom the cluster trusts",
		}},
		{name: "configuration that the group may write", change: mode(kubeletConfig, 0o664), want: []string{
			"warning files/permissions /var/lib/kubelet/config.yaml kubelet --config: has the mode 0664; expected 0644 or less, for whoever changes it decides whom the cluster trusts",
		}},
	})
}

// Only the kubelet makes its own kubeconfig, and only with one to bootstrap with.
func TestMissingEdges(t *testing.T) {
	bootstrap := func(c *fixtures.Cluster) {
		c.Node[etc+"/bootstrap-kubelet.conf"] = fixtures.File{Mode: 0o600, Data: []byte(webhook("https://192.0.2.11:6443",
			"    certificate-authority: "+pki+"/ca.crt\n", "token: abcdef.0123456789abcdef"))}
	}
	testEdges(t, fixtures.ControlPlane, []edge{
		{name: "kubelet.conf, with one to bootstrap with", change: both(bootstrap, remove(etc+"/kubelet.conf")), want: []string{
			"warning files/missing /etc/kubernetes/kubelet.conf kubelet --kubeconfig: does not exist, for the node has not joined yet: the kubelet makes it with the bootstrap kubeconfig",
		}},
		{name: "kubelet.conf, and nothing to bootstrap with", change: remove(etc + "/kubelet.conf"), want: []string{
			"critical files/missing /etc/kubernetes/kubelet.conf kubelet --kubeconfig: does not exist; it is named by kubelet --kubeconfig (/etc/systemd/system/kubelet.service.d/10-kubeadm.conf:3)",
		}},
		{name: "the kubelet's configuration", change: both(bootstrap, remove(kubeletConfig)), want: []string{
			"critical files/missing /var/lib/kubelet/config.yaml kubelet --config: does not exist; it is named by kubelet --config (/etc/systemd/system/kubelet.service.d/10-kubeadm.conf:4)",
			"done flags/missing: /var/lib/kubelet/config.yaml, which configures kubelet, was not read, so what is not set there was not judged",
		}},
		{name: "controller-manager.conf", change: both(bootstrap, remove(etc+"/controller-manager.conf")), want: []string{
			"critical files/missing /etc/kubernetes/controller-manager.conf kube-controller-manager --kubeconfig: does not exist; it is named by kube-controller-manager --kubeconfig (/etc/kubernetes/manifests/kube-controller-manager.yaml:23), kube-controller-manager --authentication-kubeconfig (/etc/kubernetes/manifests/kube-controller-manager.yaml:14), kube-controller-manager --authorization-kubeconfig (/etc/kubernetes/manifests/kube-controller-manager.yaml:15)",
		}},
		{name: "scheduler.conf", change: both(bootstrap, remove(etc+"/scheduler.conf")), want: []string{
			"critical files/missing /etc/kubernetes/scheduler.conf kube-scheduler --kubeconfig: does not exist; it is named by kube-scheduler --kubeconfig (/etc/kubernetes/manifests/kube-scheduler.yaml:16), kube-scheduler --authentication-kubeconfig (/etc/kubernetes/manifests/kube-scheduler.yaml:13), kube-scheduler --authorization-kubeconfig (/etc/kubernetes/manifests/kube-scheduler.yaml:14)",
		}},
		{name: "admin.conf, which nothing needs", change: remove(etc + "/admin.conf")},
	})
	testEdges(t, fixtures.Worker, []edge{
		{name: "CA of a worker", change: both(bootstrap, remove(pki+"/ca.crt")), want: []string{
			"critical files/missing /etc/kubernetes/pki/ca.crt kubelet authentication.x509.clientCAFile: does not exist; it is named by kubelet authentication.x509.clientCAFile (/var/lib/kubelet/config.yaml:9), kubelet clusters[0].cluster.certificate-authority (/etc/kubernetes/bootstrap-kubelet.conf:7)",
		}},
	})
}

// What one may do without and another needs is missing.
func TestNeededByOne(t *testing.T) {
	c := fixtures.Native(fixtures.Options{})
	c.Node.Replace("/etc/systemd/system/kube-apiserver.service", "kubelet-certificate-authority=/var/lib/kubernetes/ca.crt", "kubelet-certificate-authority="+kubeletPKI+"/kubelet.crt")
	c.Node.Replace(kubeletConfig, "tlsCertFile: pki/kubelet.crt\ntlsPrivateKeyFile: pki/kubelet.key\n", "")
	c.Node.Remove(kubeletPKI+"/kubelet.crt", kubeletPKI+"/kubelet.key")
	var got []string
	for _, f := range auditNode(t, c.Node, audit.Options{}).Findings {
		if f.Check == "files/missing" {
			got = append(got, f.Path+" "+f.Message)
		}
	}
	compare(t, []string{kubeletPKI + "/kubelet.crt does not exist; it is named by kubelet cert-dir, kube-apiserver --kubelet-certificate-authority (/etc/systemd/system/kube-apiserver.service:6)"}, got)
}

// A fault counts as much as what the file is for.
func TestMalformedEdges(t *testing.T) {
	const trusted = "-----BEGIN TRUSTED CERTIFICATE-----\nTUlJQg==\n-----END TRUSTED CERTIFICATE-----\n"
	// contextless takes the current context from a kubeconfig.
	contextless := func(config string) string {
		return strings.Replace(config, "current-context: ", "current-context: no-", 1)
	}
	hook := webhook("https://hook.example.com", "    certificate-authority: ca.crt\n", "")
	testEdges(t, fixtures.ControlPlane, []edge{
		{name: "nothing but what Go does not read", change: put(serving+".crt", trusted), want: []string{
			`critical files/malformed /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: "TRUSTED CERTIFICATE" block: Go and Kubernetes read certificates from "CERTIFICATE" blocks only; ` +
				`expected a certificate in PEM for kube-apiserver --tls-cert-file (/etc/kubernetes/manifests/kube-apiserver.yaml:40)`,
		}},
		{name: "what Go does not read behind a certificate", change: func(c *fixtures.Cluster) { c.Node.Append(serving+".crt", []byte(trusted)) }, want: []string{
			`info files/malformed /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: "TRUSTED CERTIFICATE" block: Go and Kubernetes read certificates from "CERTIFICATE" blocks only`,
		}},
		{name: "CA's key that is none and that everybody may read", change: put(pki+"/ca.key", "none"), want: []string{
			"critical files/malformed /etc/kubernetes/pki/ca.key kube-controller-manager --cluster-signing-key-file: holds neither PEM nor DER",
			"warning files/permissions /etc/kubernetes/pki/ca.key kube-controller-manager --cluster-signing-key-file: has the mode 0644; expected 0600 or less, for whoever reads it can act in its name",
		}},
		{name: "token key that is none and that everybody may read", change: put(pki+"/sa.key", "none"), want: []string{
			"critical files/malformed /etc/kubernetes/pki/sa.key kube-apiserver --service-account-signing-key-file: holds neither PEM nor DER",
			"warning files/permissions /etc/kubernetes/pki/sa.key kube-apiserver --service-account-signing-key-file: has the mode 0644; expected 0600 or less, for whoever reads it can act in its name",
		}},
		{name: "kubeconfig of a component without its context", change: func(c *fixtures.Cluster) {
			f := c.Node[scheduler]
			f.Data = []byte(contextless(string(f.Data)))
			c.Node[scheduler] = f
		}, want: []string{
			`critical files/malformed /etc/kubernetes/scheduler.conf current-context: the current context is "no-system:kube-scheduler@kubernetes", and there is no such context with a cluster; kube-scheduler cannot use the file`,
		}},
		{name: "kubeconfig of a user without its context", change: user(contextless), want: []string{
			`info files/malformed /root/.kube/config current-context: the current context is "no-kubernetes-admin@kubernetes", and there is no such context; kubectl fails unless it is given one`,
		}},
		{name: "kubeconfig of a webhook without its context", change: both(hooked("--audit-webhook-config-file", contextless(hook)), mode(pki+"/hook.conf", 0o600)), want: []string{
			`critical files/malformed /etc/kubernetes/pki/hook.conf current-context: the current context is "no-hook", and there is no such context with a cluster; kube-apiserver cannot use the file`,
		}},
		{name: "certificate that people use is missing", change: remove(pki + "/etcd/healthcheck-client.crt"), want: []string{
			"warning files/missing /etc/kubernetes/pki/etcd/healthcheck-client.crt kubeadm etcd/healthcheck-client.crt: does not exist; it is named by kubeadm etcd/healthcheck-client.crt",
		}},
		{name: "CA of a user's kubeconfig is missing", change: user(func(config string) string {
			return regexp.MustCompile(`certificate-authority-data: \S+`).ReplaceAllString(config, "certificate-authority: gone.crt")
		}), want: []string{
			"warning files/missing /root/.kube/gone.crt kubectl clusters[0].cluster.certificate-authority: does not exist; it is named by kubectl clusters[0].cluster.certificate-authority (/root/.kube/config:4)",
		}},
	})
}

// The kubelet never removes what it has replaced.
func TestRotatedFiles(t *testing.T) {
	old := func(name string) func(*fixtures.Cluster) {
		return func(c *fixtures.Cluster) { c.Node[kubeletPKI+"/"+name] = c.Node[kubeletClient] }
	}
	newer := "kubelet-client-2026-11-20-12-00-00.pem"
	testEdges(t, fixtures.ControlPlane, []edge{
		{name: "an old one of a client", change: old("kubelet-client-2025-10-24-12-00-00.pem"), want: []string{
			"info files/unreferenced /var/lib/kubelet/pki: holds files that the kubelet has replaced and never removes: 1, the newest kubelet-client-2025-10-24-12-00-00.pem",
		}},
		{name: "an old one of a server", change: both(old("kubelet-server-2025-10-24-12-00-00.pem"), old("kubelet-server-2026-10-24-12-00-00.pem")), want: []string{
			"info files/unreferenced /var/lib/kubelet/pki: holds files that the kubelet has replaced and never removes: 1, the newest kubelet-server-2025-10-24-12-00-00.pem",
		}},
		{name: "a newer one", change: old(newer), want: []string{
			"warning kubelet/link /var/lib/kubelet/pki/kubelet-client-current.pem kubelet users[0].user.client-certificate: leads to kubelet-client-2026-10-24-12-00-00.pem; expected the newest, kubelet-client-2026-11-20-12-00-00.pem",
		}},
		{name: "of another form", change: old("kubelet-client-2025-10-24.pem"), want: []string{
			"info files/unreferenced /var/lib/kubelet/pki/kubelet-client-2025-10-24.pem: is named by no component; it was not judged",
		}},
		{name: "of another program", change: old("kubelet-peer-2025-10-24-12-00-00.pem"), want: []string{
			"info files/unreferenced /var/lib/kubelet/pki/kubelet-peer-2025-10-24-12-00-00.pem: is named by no component; it was not judged",
		}},
	})
}

// Files that nobody names are listed one by one, up to twenty of a folder.
func TestManyStrays(t *testing.T) {
	for n, want := range map[int][2]int{20: {20, 0}, 21: {20, 1}, 25: {20, 1}} {
		c := fixtures.ControlPlane(fixtures.Options{})
		for i := range n {
			put(fmt.Sprintf("%s/stray-%d.crt", pki, i), "")(c)
		}
		var got [2]int
		for _, f := range auditNode(t, c.Node, audit.Options{}).Findings {
			switch {
			case f.Check != "files/unreferenced":
			case f.Path == pki:
				got[1]++
				if want := fmt.Sprintf("holds %d more files that no component names; they were not judged", n-20); f.Message != want {
					t.Errorf("%d files: %s, want: %s", n, f.Message, want)
				}
			default:
				got[0]++
			}
		}
		if got != want {
			t.Errorf("%d files: %v are listed and summed, want %v", n, got, want)
		}
	}
}

// remedyOf is what an audit advises for the one finding of a check.
func remedyOf(t *testing.T, check string, change func(*fixtures.Cluster)) string {
	t.Helper()
	c := fixtures.ControlPlane(fixtures.Options{})
	change(c)
	var found []string
	for _, f := range auditNode(t, c.Node, audit.Options{}).Findings {
		if f.Check == check {
			found = append(found, f.Remedy)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d findings of %s", len(found), check)
	}
	return found[0]
}

// No remedy makes a CA anew, or changes the mode of a link.
func TestRemediesOfFiles(t *testing.T) {
	want := "(\nset -eu\numask 077\nchmod 0600 " + kubeletClient + "\n)"
	if got := remedyOf(t, "files/permissions", mode(kubeletClient, 0o644)); got != want {
		t.Errorf("of a link: %s, want %s", got, want)
	}
	for _, ca := range []string{"ca", "front-proxy-ca", "etcd/ca"} {
		if got := remedyOf(t, "files/missing", remove(pki+"/"+ca+".crt")); strings.Contains(got, "kubeadm init phase") {
			t.Errorf("of %s.crt, which is missing: %s", ca, got)
		}
	}
}
