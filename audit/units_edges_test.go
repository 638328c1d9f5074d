package audit_test

import (
	"crypto/x509"
	"strings"
	"testing"

	"certaudit/audit"
	"certaudit/fixtures"
)

const (
	ownUnits     = "/etc/systemd/system"
	packageUnits = "/usr/lib/systemd/system"
)

func link(path, target string) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) { c.Node[path] = fixtures.File{Link: target} }
}

// A unit counts if somebody wrote or enabled it, and nothing else runs what it starts.
func TestUnitEdges(t *testing.T) {
	const start = "[Service]\nExecStart=/usr/bin/etcd --trusted-ca-file=/gone.crt\n"
	const nonsense = "nonsense\n"
	unit := func(folder string) func(*fixtures.Cluster) { return put(folder+"/etcd.service", start) }
	testEdges(t, fixtures.Worker, []edge{
		{name: "of a package", change: unit(packageUnits)},
		{name: "of a package, wanted", change: both(unit(packageUnits), link(ownUnits+"/multi-user.target.wants/etcd.service", packageUnits+"/etcd.service")), want: []string{
			"critical files/missing /gone.crt etcd --trusted-ca-file: does not exist; it is named by etcd --trusted-ca-file (/usr/lib/systemd/system/etcd.service:2)",
		}},
		{name: "of a package, required", change: both(unit(packageUnits), link(ownUnits+"/multi-user.target.requires/etcd.service", packageUnits+"/etcd.service")), want: []string{
			"critical files/missing /gone.crt etcd --trusted-ca-file: does not exist; it is named by etcd --trusted-ca-file (/usr/lib/systemd/system/etcd.service:2)",
		}},
		{name: "of a package, wanted by a link that leads nowhere here", change: both(unit(packageUnits), link(ownUnits+"/multi-user.target.wants/etcd.service", "/nix/store/etcd.service")), want: []string{
			"critical files/missing /gone.crt etcd --trusted-ca-file: does not exist; it is named by etcd --trusted-ca-file (/usr/lib/systemd/system/etcd.service:2)",
		}},
		{name: "of a package, in a folder that is none of a target", change: both(unit(packageUnits), link(ownUnits+"/multi-user.target.d/etcd.service", packageUnits+"/etcd.service"))},
		{name: "of one's own", change: unit(ownUnits), want: []string{
			"critical files/missing /gone.crt etcd --trusted-ca-file: does not exist; it is named by etcd --trusted-ca-file (/etc/systemd/system/etcd.service:2)",
		}},
		{name: "made while the node runs", change: unit("/run/systemd/system"), want: []string{
			"critical files/missing /gone.crt etcd --trusted-ca-file: does not exist; it is named by etcd --trusted-ca-file (/run/systemd/system/etcd.service:2)",
		}},
		{name: "of one's own before that of a package", change: both(unit(ownUnits), put(packageUnits+"/etcd.service", strings.Replace(start, "gone", "lost", 1))), want: []string{
			"critical files/missing /gone.crt etcd --trusted-ca-file: does not exist; it is named by etcd --trusted-ca-file (/etc/systemd/system/etcd.service:2)",
		}},
		{name: "masked", change: both(unit(packageUnits), link(ownUnits+"/etcd.service", "/dev/null"), link(ownUnits+"/multi-user.target.wants/etcd.service", packageUnits+"/etcd.service"))},
		{name: "with a drop-in", change: both(unit(ownUnits), put(ownUnits+"/etcd.service.d/10-ca.conf", "[Service]\nExecStart=\nExecStart=/usr/bin/etcd --trusted-ca-file=/lost.crt\n")), want: []string{
			"critical files/missing /lost.crt etcd --trusted-ca-file: does not exist; it is named by etcd --trusted-ca-file (/etc/systemd/system/etcd.service.d/10-ca.conf:3)",
		}},
		{name: "with what is no drop-in", change: both(unit(ownUnits), put(ownUnits+"/etcd.service.d/10-ca.bak", "[Service]\nExecStart=\nExecStart=/usr/bin/etcd --trusted-ca-file=/lost.crt\n")), want: []string{
			"critical files/missing /gone.crt etcd --trusted-ca-file: does not exist; it is named by etcd --trusted-ca-file (/etc/systemd/system/etcd.service:2)",
		}},
		{name: "with a file of variables that may be absent", change: put(ownUnits+"/etcd.service", "[Service]\nEnvironmentFile=-/etc/etcd.env\nExecStart=/usr/bin/etcd\n")},
		{name: "with a file of variables that must not", change: put(ownUnits+"/etcd.service", "[Service]\nEnvironmentFile=/etc/etcd.env\nExecStart=/usr/bin/etcd\n"), want: []string{
			"critical files/missing /etc/etcd.env etcd EnvironmentFile: does not exist; it is named by etcd EnvironmentFile (/etc/systemd/system/etcd.service:2)",
		}},
		{name: "with three lines that are none", change: put(ownUnits+"/etcd.service", "[Service]\nExecStart=/usr/bin/etcd\n"+strings.Repeat(nonsense, 3)), want: []string{
			`warning input/undecodable /etc/systemd/system/etcd.service: the line has no "="`,
			`warning input/undecodable /etc/systemd/system/etcd.service: the line has no "="`,
			`warning input/undecodable /etc/systemd/system/etcd.service: the line has no "="`,
		}},
		{name: "with four lines that are none", change: put(ownUnits+"/etcd.service", "[Service]\nExecStart=/usr/bin/etcd\n"+strings.Repeat(nonsense, 4)), want: []string{
			`warning input/undecodable /etc/systemd/system/etcd.service: the line has no "="; 3 more lines of the file are not understood either`,
		}},
		{name: "in a folder of its own", change: put(ownUnits+"/etcd.service", "[Service]\nWorkingDirectory=-/srv/etcd\nExecStart=/usr/bin/etcd --trusted-ca-file=gone.crt\n"), want: []string{
			"critical files/missing /srv/etcd/gone.crt etcd --trusted-ca-file: does not exist; it is named by etcd --trusted-ca-file (/etc/systemd/system/etcd.service:3)",
		}},
	})
}

// Which of several values counts.
func TestSettingEdges(t *testing.T) {
	const cm = manifests + "/kube-controller-manager.yaml"
	flags := func(lines ...string) func(*fixtures.Cluster) { return apiFlag(lines...) }
	etcdFile := func(text string) func(*fixtures.Cluster) {
		return both(put(pki+"/etcd/etcd.yaml", text), replace(etcdManifest, "    - --cert-file=", "    - --config-file="+pki+"/etcd/etcd.yaml\n    - --cert-file="))
	}
	testEdges(t, fixtures.ControlPlane, []edge{
		{name: "a flag that an empty value turns off", change: flags("--oidc-ca-file=/gone.crt", "--oidc-ca-file=")},
		{name: "a flag that is given twice", change: flags("--oidc-ca-file="+pki+"/gone.crt", "--oidc-ca-file="+pki+"/ca.crt")},
		{name: "verifying keys that are given twice", change: flags("--service-account-key-file=" + pki + "/gone.pub"), want: []string{
			"critical files/missing /etc/kubernetes/pki/gone.pub kube-apiserver --service-account-key-file: does not exist; it is named by kube-apiserver --service-account-key-file (/etc/kubernetes/manifests/kube-apiserver.yaml:36)",
		}},
		{name: "etcd's own file", change: etcdFile("name: cp-1\nlisten-client-urls: https://127.0.0.1:2379\nclient-transport-security: {cert-file: " + pki + "/etcd/server.crt, key-file: " + pki + "/etcd/server.key, trusted-ca-file: " + pki + "/etcd/ca.crt}\n" +
			"peer-transport-security: {cert-file: " + pki + "/etcd/peer.crt, key-file: " + pki + "/etcd/gone.key, trusted-ca-file: " + pki + "/etcd/ca.crt}\n"), want: []string{
			"critical files/missing /etc/kubernetes/pki/etcd/gone.key etcd peer-transport-security.key-file: does not exist; it is named by etcd peer-transport-security.key-file (/etc/kubernetes/pki/etcd/etcd.yaml:4)",
		}},
		{name: "kubeconfig of a component without its context has ended", change: both(lasts(scheduler, 365*day, -day), func(c *fixtures.Cluster) {
			c.Node.Replace(scheduler, "current-context: ", "current-context: no-")
		}), want: []string{
			`critical files/malformed /etc/kubernetes/scheduler.conf current-context: the current context is "no-system:kube-scheduler@kubernetes", and there is no such context with a cluster; kube-scheduler cannot use the file`,
			"critical validity/expired /etc/kubernetes/scheduler.conf users[0].user.client-certificate-data: expired on 2026-11-22 12:00 UTC, 24 hours ago; it must be renewed",
		}},
		{name: "kubeconfig of a component with an entry that is not in use", change: replace(scheduler, "users:\n", "users:\n- name: other\n  user: {client-certificate: /etc/kubernetes/gone.crt, client-key: /etc/kubernetes/gone.key}\n")},
		{name: "kubeconfig of a webhook with an entry for another server", change: both(hooked("--audit-webhook-config-file", strings.Replace(webhook("https://hook.example.com", "    certificate-authority: ca.crt\n", ""),
			"users:\n", "users:\n- name: other.example.com\n  user: {client-certificate: gone.crt, client-key: gone.key}\n", 1)), mode(pki+"/hook.conf", 0o600)), want: []string{
			"critical files/missing /etc/kubernetes/pki/gone.crt kube-apiserver users[0].user.client-certificate: does not exist; it is named by kube-apiserver users[0].user.client-certificate (/etc/kubernetes/pki/hook.conf:16); its key /etc/kubernetes/pki/gone.key is missing as well",
		}},
		{name: "admission plugin without a kind", change: both(flags("--admission-control-config-file="+pki+"/admission.yaml"), put(pki+"/admission.yaml", "kind: AdmissionConfiguration\nplugins:\n- {name: ImagePolicyWebhook, path: image.yaml}\n"),
			put(pki+"/image.yaml", "imagePolicy: {kubeConfigFile: gone.conf}\n")), want: []string{
			"critical files/missing /etc/kubernetes/pki/gone.conf kube-apiserver imagePolicy.kubeConfigFile: does not exist; it is named by kube-apiserver imagePolicy.kubeConfigFile (/etc/kubernetes/pki/image.yaml:1)",
		}},
		{name: "rotation in other words", change: both(replace(kubeletConfig, "rotateCertificates: true", "rotateCertificates: yes"), lasts(kubeletClient, 335*day, 30*day)), want: []string{
			"warning validity/rotation-overdue /var/lib/kubelet/pki/kubelet-client-current.pem kubelet users[0].user.client-certificate: is past 90 % of its life and was not rotated; it expires on 2026-12-23 12:00 UTC, in 30 days",
		}},
		{name: "serving certificate that is not asked for", change: func(c *fixtures.Cluster) { c.Node.Append(kubeletConfig, []byte("serverTLSBootstrap: false\n")) }},

		{name: "volume of a name that begins like another", change: both(replace(apiManifest, "tls-cert-file="+pki, "tls-cert-file=/scratches"),
			replace(apiManifest, "    volumeMounts:\n", "    volumeMounts:\n    - mountPath: /scratch\n      name: scratch\n"),
			replace(apiManifest, "  volumes:\n", "  volumes:\n  - emptyDir: {}\n    name: scratch\n")), want: []string{
			"critical files/missing /scratches/apiserver.crt kube-apiserver --tls-cert-file: no volume brings this path into the container; it is named by kube-apiserver --tls-cert-file (/etc/kubernetes/manifests/kube-apiserver.yaml:40)",
		}},
		{name: "relative to where the container has it", change: both(func(c *fixtures.Cluster) {
			c.Issue("/srv/cm", fixtures.Spec{CommonName: "system:kube-controller-manager", Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
			c.Node["/srv/cm.pem"] = fixtures.File{Mode: 0o600, Data: append(c.Node["/srv/cm.crt"].Data, c.Node["/srv/cm.key"].Data...)}
			c.Node.Remove("/srv/cm.crt", "/srv/cm.key")
			f := c.Node[etc+"/controller-manager.conf"]
			before, _, _ := strings.Cut(string(f.Data), "    client-certificate-data:")
			f.Data = []byte(before + "    client-certificate: cm.pem\n    client-key: cm.pem\n")
			c.Node["/srv/cm.conf"] = f
			c.Node.Remove(etc + "/controller-manager.conf")
		}, replace(cm, "=/etc/kubernetes/controller-manager.conf", "=/conf/cm.conf"), replace(cm, "    - mountPath: "+etc+"/controller-manager.conf\n", "    - mountPath: /conf\n"),
			replace(cm, "      path: "+etc+"/controller-manager.conf\n      type: FileOrCreate\n", "      path: /srv\n"))},
	})
	testEdges(t, fixtures.ControlPlane, []edge{
		{name: "configuration relative to where the container has it", change: both(put(manifests+"/kube-proxy.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: kube-proxy}\nspec:\n"+
			"  containers: [{name: kube-proxy, command: [kube-proxy, --config=/conf/proxy.yaml], volumeMounts: [{name: conf, mountPath: /conf}]}]\n  volumes: [{name: conf, hostPath: {path: /srv}}]\n"),
			put("/srv/proxy.yaml", "kind: KubeProxyConfiguration\nclientConnection: {kubeconfig: proxy.conf}\n"), func(c *fixtures.Cluster) {
				c.Node["/srv/proxy.conf"] = c.Node[scheduler]
				c.Embed("/srv/proxy.conf", fixtures.Spec{CommonName: "system:kube-proxy", Organizations: []string{"system:node-proxier"}, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
			})},
	})
	testEdges(t, fixtures.Native, []edge{
		{name: "etcd's flag before its variable", change: replace(ownUnits+"/etcd.service", "/usr/local/bin/etcd", "/usr/local/bin/etcd --trusted-ca-file=gone.crt"), want: []string{
			"critical files/missing /etc/etcd/gone.crt etcd --trusted-ca-file: does not exist; it is named by etcd --trusted-ca-file (/etc/systemd/system/etcd.service:8)",
			"info flags/unknown /etc/etcd/etcd.env ETCD_TRUSTED_CA_FILE: says the same as --trusted-ca-file (/etc/systemd/system/etcd.service:8): etcd from 3.4 on does not start with both, be they equal",
			"done identity/organization-extra: the Kubernetes version is not known, so the organizations of kube-apiserver/kubelet-client were not judged",
			"not-applicable input/unknown-version: no image tag tells the Kubernetes version; say it with --kubernetes-version",
		}},
	})
}

// What cannot be understood is said, and nothing that does not count is.
func TestWhatIsNotRead(t *testing.T) {
	const gone = "/etc/kubernetes/pki/gone.crt"
	for _, tt := range []struct {
		name   string
		change func(*fixtures.Cluster)
		// said is a path that something is said of, and unsaid one of which nothing is.
		said, unsaid string
	}{
		{"etcd's own file is missing", both(replace(etcdManifest, "    - --cert-file=", "    - --config-file="+pki+"/etcd/etcd.yaml\n    - --cert-file="), replace(etcdManifest, "trusted-ca-file="+pki+"/etcd/ca.crt", "trusted-ca-file="+gone)), pki + "/etcd/etcd.yaml", gone},
		{"kubeconfig that is none", both(put(scheduler, "kind: Pod\nclientCAFile: "+gone+"\n"), mode(scheduler, 0o600)), scheduler, gone},
		{"kubelet's configuration of another kind", both(replace(kubeletConfig, "kind: KubeletConfiguration", "kind: KubeProxyConfiguration"), replace(kubeletConfig, "clientCAFile: "+pki+"/ca.crt", "clientCAFile: "+gone)), kubeletConfig, gone},
	} {
		c := fixtures.ControlPlane(fixtures.Options{})
		tt.change(c)
		said := map[string]bool{}
		for _, f := range auditNode(t, c.Node, audit.Options{}).Findings {
			said[f.Path] = true
		}
		if !said[tt.said] || said[tt.unsaid] {
			t.Errorf("%s: something is said of %s: %t; of %s: %t", tt.name, tt.said, said[tt.said], tt.unsaid, said[tt.unsaid])
		}
	}
}

// Files that nobody names are listed where certificates of the cluster lie.
func TestFolderEdges(t *testing.T) {
	testEdges(t, fixtures.ControlPlane, []edge{
		{name: "folder of the host's own certificates", change: both(apiFlag("--oidc-ca-file=/etc/ssl/certs/oidc.pem"), func(c *fixtures.Cluster) {
			c.Node["/etc/ssl/certs/oidc.pem"] = c.Node[pki+"/ca.crt"]
			put("/etc/ssl/certs/other.pem", "")(c)
		})},
		{name: "folder of a path that no volume brings", change: both(replace(apiManifest, "tls-cert-file="+pki, "tls-cert-file=/opt"), put("/opt/other.crt", "")), want: []string{
			"critical files/missing /opt/apiserver.crt kube-apiserver --tls-cert-file: no volume brings this path into the container; it is named by kube-apiserver --tls-cert-file (/etc/kubernetes/manifests/kube-apiserver.yaml:40)",
		}},
		{name: "folder of the kubeconfigs", change: put(etc+"/other.crt", "")},
		{name: "folder of certificates", change: put(pki+"/other.crt", ""), want: []string{
			"info files/unreferenced /etc/kubernetes/pki/other.crt: is named by no component; it was not judged",
		}},
		{name: "file that is no certificate by its name", change: put(pki+"/README", "")},
	})
}

// Only what kubeadm leaves behind makes a node one of kubeadm's.
func TestProfiles(t *testing.T) {
	pod := "apiVersion: v1\nkind: Pod\nmetadata: {name: proxy, annotations: {kubernetes.io/config.source: file}}\nspec: {containers: [{name: proxy, command: [haproxy]}]}\n"
	for _, tt := range []struct {
		name   string
		build  func(fixtures.Options) *fixtures.Cluster
		change func(*fixtures.Cluster)
		want   string
	}{
		{"control plane", fixtures.ControlPlane, func(*fixtures.Cluster) {}, audit.ProfileKubeadm},
		{"worker", fixtures.Worker, func(*fixtures.Cluster) {}, audit.ProfileKubeadm},
		{"worker without kubeadm's flags", fixtures.Worker, remove("/var/lib/kubelet/kubeadm-flags.env"), audit.ProfileGeneric},
		{"made by hand", fixtures.Native, func(*fixtures.Cluster) {}, audit.ProfileGeneric},
		{"made by hand, with a static pod", fixtures.Native, put(manifests+"/proxy.yaml", pod), audit.ProfileGeneric},
	} {
		c := tt.build(fixtures.Options{})
		tt.change(c)
		if got := auditNode(t, c.Node, audit.Options{}).Nodes[0].Profile; got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
