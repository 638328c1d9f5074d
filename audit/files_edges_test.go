package audit_test

import (
	"io/fs"
	"testing"

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
			"not-applicable chain/wrong-issuer: no CA is in view that kubelet/client could be verified with",
			"not-applicable chain/untrusted: no CA is in view that kubelet/client could be verified with",
		}},
	})
}
