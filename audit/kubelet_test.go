package audit_test

import (
	"certaudit/audit/inventory"
	"fmt"
	"strings"
	"testing"

	"certaudit/fixtures"
)

// unit is a kubelet that nobody but systemd knows of.
const unit = "/etc/systemd/system/kubelet.service"

// byHand is a worker without anything of kubeadm's.
func byHand(files map[string]string) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) {
		c.Node.Remove("/usr/lib/systemd/system/kubelet.service", "/etc/systemd/system/kubelet.service.d/10-kubeadm.conf",
			"/var/lib/kubelet/kubeadm-flags.env", "/var/lib/kubelet/instance-config.yaml", kubeletConfig)
		for path, data := range files {
			put(path, data)(c)
		}
	}
}

// What the kubelet is configured with, from its unit on, and what it leads to.
func TestKubelet(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*fixtures.Cluster)
		want   []string
	}{
		{name: "as kubeadm sets it up", want: []string{
			"unit /usr/lib/systemd/system/kubelet.service",
			"client-ca-file=/etc/kubernetes/pki/ca.crt /var/lib/kubelet/config.yaml:9",
			"rotate-certificates=true /var/lib/kubelet/config.yaml:41",
			"pod-manifest-path=/etc/kubernetes/manifests /var/lib/kubelet/config.yaml:45",
			"cluster-domain=cluster.local /var/lib/kubelet/config.yaml:18",
			"anonymous-auth=false /var/lib/kubelet/config.yaml:4",
			"authentication-token-webhook=true /var/lib/kubelet/config.yaml:7",
			"authorization-mode=Webhook /var/lib/kubelet/config.yaml:11",
			"bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf /etc/systemd/system/kubelet.service.d/10-kubeadm.conf:3",
			"kubeconfig=/etc/kubernetes/kubelet.conf /etc/systemd/system/kubelet.service.d/10-kubeadm.conf:3",
			"config=/var/lib/kubelet/config.yaml /etc/systemd/system/kubelet.service.d/10-kubeadm.conf:4",
			"pod-infra-container-image=registry.k8s.io/pause:3.10.1 /var/lib/kubelet/kubeadm-flags.env:1",
			"kubelet --config -> config /var/lib/kubelet/config.yaml (readable)",
			"kubelet --kubeconfig -> kubeconfig /etc/kubernetes/kubelet.conf (readable)",
			"kubelet users[0].user.client-certificate -> certificate /var/lib/kubelet/pki/kubelet-client-current.pem (readable)",
			"kubelet users[0].user.client-key -> private-key /var/lib/kubelet/pki/kubelet-client-current.pem (readable)",
			"kubelet authentication.x509.clientCAFile -> bundle /etc/kubernetes/pki/ca.crt (readable)",
			"kubelet cert-dir -> certificate /var/lib/kubelet/pki/kubelet.crt (readable)",
			"kubelet cert-dir -> private-key /var/lib/kubelet/pki/kubelet.key (readable)",
		}},
		{name: "no units were copied", change: remove("/usr/lib/systemd/system/kubelet.service", "/etc/systemd/system/kubelet.service.d/10-kubeadm.conf"), want: []string{
			"unit ",
			"client-ca-file=/etc/kubernetes/pki/ca.crt /var/lib/kubelet/config.yaml:9",
			"rotate-certificates=true /var/lib/kubelet/config.yaml:41",
			"pod-manifest-path=/etc/kubernetes/manifests /var/lib/kubelet/config.yaml:45",
			"cluster-domain=cluster.local /var/lib/kubelet/config.yaml:18",
			"anonymous-auth=false /var/lib/kubelet/config.yaml:4",
			"authentication-token-webhook=true /var/lib/kubelet/config.yaml:7",
			"authorization-mode=Webhook /var/lib/kubelet/config.yaml:11",
			"bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf :2",
			"kubeconfig=/etc/kubernetes/kubelet.conf :2",
			"config=/var/lib/kubelet/config.yaml :3",
			"pod-infra-container-image=registry.k8s.io/pause:3.10.1 /var/lib/kubelet/kubeadm-flags.env:1",
			"kubelet --config -> config /var/lib/kubelet/config.yaml (readable)",
			"kubelet --kubeconfig -> kubeconfig /etc/kubernetes/kubelet.conf (readable)",
			"kubelet users[0].user.client-certificate -> certificate /var/lib/kubelet/pki/kubelet-client-current.pem (readable)",
			"kubelet users[0].user.client-key -> private-key /var/lib/kubelet/pki/kubelet-client-current.pem (readable)",
			"kubelet authentication.x509.clientCAFile -> bundle /etc/kubernetes/pki/ca.crt (readable)",
			"kubelet cert-dir -> certificate /var/lib/kubelet/pki/kubelet.crt (readable)",
			"kubelet cert-dir -> private-key /var/lib/kubelet/pki/kubelet.key (readable)",
		}},
		{name: "only a configuration", change: both(byHand(nil), remove(etc+"/kubelet.conf"), put(kubeletConfig, "kind: KubeletConfiguration\nclusterDomain: a.example\n")), want: []string{
			"unit ",
			"cluster-domain=a.example /var/lib/kubelet/config.yaml:2",
			"config=/var/lib/kubelet/config.yaml :2",
			"kubelet --config -> config /var/lib/kubelet/config.yaml (readable)",
			"kubelet cert-dir -> certificate /var/lib/kubelet/pki/kubelet-client-current.pem (readable)",
			"kubelet cert-dir -> private-key /var/lib/kubelet/pki/kubelet-client-current.pem (readable)",
			"kubelet cert-dir -> certificate /var/lib/kubelet/pki/kubelet.crt (readable)",
			"kubelet cert-dir -> private-key /var/lib/kubelet/pki/kubelet.key (readable)",
		}},
		{name: "no kubelet", change: both(byHand(nil), remove(etc+"/kubelet.conf", kubeletPKI+"/kubelet-client-current.pem", kubeletPKI+"/kubelet.crt")),
			want: []string{"incomplete input/component-unread: no component of a cluster was recognised: no kubelet, no static pod, no service of systemd, and no files of k3s, RKE2, k0s, MicroK8s, Talos or RKE; a layout in the policy describes another (docs/layouts.md)"}},
		{name: "nothing but a kubeconfig that embeds its certificate", change: func(c *fixtures.Cluster) {
			for _, name := range c.Node.Paths() {
				if name != etc+"/kubelet.conf" {
					c.Node.Remove(name)
				}
			}
			c.Node.Replace(etc+"/kubelet.conf", "client-certificate: /var/lib/kubelet/pki/kubelet-client-current.pem", "client-certificate-data:")
			c.Node.Replace(etc+"/kubelet.conf", "client-key: /var/lib/kubelet/pki/kubelet-client-current.pem", "client-key-data:")
			c.Embed(etc+"/kubelet.conf", fixtures.Spec{CommonName: "system:node:worker-1", Organizations: []string{"system:nodes"}, NotBefore: fixtures.Now.Add(-30 * day), NotAfter: fixtures.Now.Add(-day)})
		}, want: []string{
			"unit ",
			"kubeconfig=/etc/kubernetes/kubelet.conf :0",
			"kubelet kubeconfig -> kubeconfig /etc/kubernetes/kubelet.conf (readable)",
			"kubelet cert-dir -> certificate /var/lib/kubelet/pki/kubelet.crt (missing)",
			"kubelet cert-dir -> private-key /var/lib/kubelet/pki/kubelet.key (missing)",
			"critical validity/expired /etc/kubernetes/kubelet.conf users[0].user.client-certificate-data: expired on 2026-11-22 12:00 UTC, 24 hours ago; it must be renewed",
			"info input/unreadable /var/lib/kubelet: does not exist, and neither do the kubelet's units: they were not copied with the tree; what it holds was not judged",
			"not-applicable identity/common-name: the node's name is not known, so the commonName of kubelet/client was not held against it",
			"incomplete input/unreadable: 1 file or folder could not be read",
		}},
		{name: "nothing but its folder", change: both(byHand(nil), remove(etc+"/kubelet.conf")), want: []string{
			"unit ",
			"kubelet cert-dir -> certificate /var/lib/kubelet/pki/kubelet-client-current.pem (readable)",
			"kubelet cert-dir -> private-key /var/lib/kubelet/pki/kubelet-client-current.pem (readable)",
			"kubelet cert-dir -> certificate /var/lib/kubelet/pki/kubelet.crt (readable)",
			"kubelet cert-dir -> private-key /var/lib/kubelet/pki/kubelet.key (readable)",
			"info input/unsupported /var/lib/kubelet/pki: holds the kubelet's certificates, and nothing here says how the kubelet is started; what lies in its default folders was judged, its configuration was not",
			"not-applicable identity/common-name: the node's name is not known, so the commonName of kubelet/client was not held against it",
			"incomplete input/unsupported: some input could not be understood",
		}},
		{name: "unit of one's own", change: byHand(map[string]string{
			unit: "[Service]\nExecStart=/opt/kubelet --kubeconfig /etc/kubernetes/kubelet.conf \\\n  --hostname-override=worker-1 \\\n  --cert-dir=/srv/kubelet\n",
		}), want: []string{
			"unit /etc/systemd/system/kubelet.service",
			"kubeconfig=/etc/kubernetes/kubelet.conf /etc/systemd/system/kubelet.service:2",
			"hostname-override=worker-1 /etc/systemd/system/kubelet.service:2",
			"cert-dir=/srv/kubelet /etc/systemd/system/kubelet.service:2",
			"kubelet --kubeconfig -> kubeconfig /etc/kubernetes/kubelet.conf (readable)",
			"kubelet users[0].user.client-certificate -> certificate /var/lib/kubelet/pki/kubelet-client-current.pem (readable)",
			"kubelet users[0].user.client-key -> private-key /var/lib/kubelet/pki/kubelet-client-current.pem (readable)",
			"kubelet --cert-dir -> certificate /srv/kubelet/kubelet.crt (missing)",
			"kubelet --cert-dir -> private-key /srv/kubelet/kubelet.key (missing)",
			"info files/unreferenced /var/lib/kubelet/pki/kubelet.crt: is named by no component; it was not judged",
			"info files/unreferenced /var/lib/kubelet/pki/kubelet.key: is named by no component; it was not judged",
		}},
		{name: "drop-ins", change: byHand(map[string]string{
			unit: "[Service]\nEnvironment=A=--cluster-domain=first.example\nExecStart=/opt/kubelet --v=1\n",
			// By name, whatever the folder; /etc is in front of /usr for one name.
			"/usr/lib/systemd/system/kubelet.service.d/20-b.conf": "[Service]\nEnvironment=A=--cluster-domain=shadowed.example\n",
			"/etc/systemd/system/kubelet.service.d/20-b.conf":     "[Service]\nEnvironment=A=--cluster-domain=b.example\n",
			"/usr/lib/systemd/system/kubelet.service.d/10-a.conf": "[Service]\nEnvironment=A=--cluster-domain=a.example\nExecStart=\nExecStart=/opt/kubelet $A --config=/etc/kubelet.yaml\n",
			"/etc/systemd/system/kubelet.service.d/30-c.bak":      "[Service]\nEnvironment=A=--cluster-domain=backup.example\n",
			"/etc/kubelet.yaml": "kind: KubeletConfiguration\nclusterDomain: config.example\n",
		}), want: []string{
			"unit /etc/systemd/system/kubelet.service",
			"cluster-domain=config.example /etc/kubelet.yaml:2",
			"cluster-domain=b.example /etc/systemd/system/kubelet.service.d/20-b.conf:2",
			"config=/etc/kubelet.yaml /usr/lib/systemd/system/kubelet.service.d/10-a.conf:4",
			"kubelet --config -> config /etc/kubelet.yaml (readable)",
			"kubelet cert-dir -> certificate /var/lib/kubelet/pki/kubelet-client-current.pem (readable)",
			"kubelet cert-dir -> private-key /var/lib/kubelet/pki/kubelet-client-current.pem (readable)",
			"kubelet cert-dir -> certificate /var/lib/kubelet/pki/kubelet.crt (readable)",
			"kubelet cert-dir -> private-key /var/lib/kubelet/pki/kubelet.key (readable)",
		}},
		{name: "environment files", change: byHand(map[string]string{
			unit: "[Service]\nEnvironmentFile=-/nowhere\nEnvironmentFile=/etc/default/kubelet\nEnvironmentFile=-/etc/sysconfig/kubelet\nEnvironment=ARGS=--cluster-domain=unit.example\n" +
				"ExecStart=/opt/kubelet $ARGS ${MORE}\n",
			"/etc/default/kubelet":   "# defaults\nARGS=\"--cluster-domain=default.example --rotate-certificates\"\nMORE=--cloud-provider=external\n",
			"/etc/sysconfig/kubelet": "ARGS='--cluster-domain=sysconfig.example --hostname-override=w'\n",
		}), want: []string{
			"unit /etc/systemd/system/kubelet.service",
			"cluster-domain=sysconfig.example /etc/sysconfig/kubelet:1",
			"hostname-override=w /etc/sysconfig/kubelet:1",
			"cloud-provider=external /etc/default/kubelet:3",
			"kubelet cert-dir -> certificate /var/lib/kubelet/pki/kubelet-client-current.pem (readable)",
			"kubelet cert-dir -> private-key /var/lib/kubelet/pki/kubelet-client-current.pem (readable)",
			"kubelet cert-dir -> certificate /var/lib/kubelet/pki/kubelet.crt (readable)",
			"kubelet cert-dir -> private-key /var/lib/kubelet/pki/kubelet.key (readable)",
			`critical identity/common-name /var/lib/kubelet/pki/kubelet-client-current.pem kubelet cert-dir: the common name is "system:node:worker-1"; expected "system:node:w"`,
		}},
		{name: "drop-ins of the configuration", change: byHand(map[string]string{
			unit:                     "[Service]\nExecStart=/opt/kubelet --config=/etc/kubelet.yaml --config-dir=/etc/kubelet.d --rotate-certificates=false\n",
			"/etc/kubelet.yaml":      "kind: KubeletConfiguration\nclusterDomain: one.example\nrotateCertificates: true\nauthentication: {x509: {clientCAFile: ca.crt}}\n",
			"/etc/kubelet.d/10.conf": "kind: KubeletConfiguration\nclusterDomain: two.example\n",
			"/etc/kubelet.d/20.conf": "kind: KubeletConfiguration\nauthentication: {x509: {clientCAFile: ../ca.crt}}\n",
			"/etc/kubelet.d/30.yaml": "kind: KubeletConfiguration\nclusterDomain: ignored.example\n",
			"/etc/ca.crt":            "",
		}), want: []string{
			"unit /etc/systemd/system/kubelet.service",
			"client-ca-file=/etc/ca.crt /etc/kubelet.yaml:4",
			"rotate-certificates=true /etc/kubelet.yaml:3",
			"cluster-domain=one.example /etc/kubelet.yaml:2",
			"cluster-domain=two.example /etc/kubelet.d/10.conf:2",
			"client-ca-file=/etc/ca.crt /etc/kubelet.d/20.conf:2",
			"config=/etc/kubelet.yaml /etc/systemd/system/kubelet.service:2",
			"config-dir=/etc/kubelet.d /etc/systemd/system/kubelet.service:2",
			"rotate-certificates=false /etc/systemd/system/kubelet.service:2",
			"kubelet --config -> config /etc/kubelet.yaml (readable)",
			"kubelet authentication.x509.clientCAFile -> bundle /etc/ca.crt (readable)",
			"kubelet cert-dir -> certificate /var/lib/kubelet/pki/kubelet-client-current.pem (readable)",
			"kubelet cert-dir -> private-key /var/lib/kubelet/pki/kubelet-client-current.pem (readable)",
			"kubelet cert-dir -> certificate /var/lib/kubelet/pki/kubelet.crt (readable)",
			"kubelet cert-dir -> private-key /var/lib/kubelet/pki/kubelet.key (readable)",
			"critical files/malformed /etc/ca.crt kubelet authentication.x509.clientCAFile: holds nothing",
			"not-applicable chain/wrong-issuer: no CA is in view that kubelet/client could be verified with",
			"not-applicable chain/untrusted: no CA is in view that kubelet/client could be verified with",
		}},
		{name: "relative paths", change: byHand(map[string]string{
			unit:                       "[Service]\nExecStart=/opt/kubelet --config=/etc/kubelet/config.yaml\n",
			"/etc/kubelet/config.yaml": "kind: KubeletConfiguration\ntlsCertFile: tls.crt\ntlsPrivateKeyFile: ../tls.key\nstaticPodPath: pods\nserverTLSBootstrap: true\n",
		}), want: []string{
			"unit /etc/systemd/system/kubelet.service",
			"tls-cert-file=/etc/kubelet/tls.crt /etc/kubelet/config.yaml:2",
			"tls-private-key-file=/etc/tls.key /etc/kubelet/config.yaml:3",
			"rotate-server-certificates=true /etc/kubelet/config.yaml:5",
			"pod-manifest-path=/etc/kubelet/pods /etc/kubelet/config.yaml:4",
			"config=/etc/kubelet/config.yaml /etc/systemd/system/kubelet.service:2",
			"kubelet --config -> config /etc/kubelet/config.yaml (readable)",
			"kubelet tlsCertFile -> certificate /etc/kubelet/tls.crt (missing)",
			"kubelet tlsPrivateKeyFile -> private-key /etc/tls.key (missing)",
			"kubelet cert-dir -> certificate /var/lib/kubelet/pki/kubelet-client-current.pem (readable)",
			"kubelet cert-dir -> private-key /var/lib/kubelet/pki/kubelet-client-current.pem (readable)",
			"critical files/missing /etc/kubelet/tls.crt kubelet tlsCertFile: does not exist; it is named by kubelet tlsCertFile (/etc/kubelet/config.yaml:2); its key /etc/tls.key is missing as well",
			"info files/unreferenced /var/lib/kubelet/pki/kubelet.crt: is named by no component; it was not judged",
			"info files/unreferenced /var/lib/kubelet/pki/kubelet.key: is named by no component; it was not judged",
		}},
		{name: "configuration of another kind", change: byHand(map[string]string{
			unit:                "[Service]\nExecStart=/opt/kubelet --config=/etc/kubelet.yaml\n",
			"/etc/kubelet.yaml": "kind: KubeProxyConfiguration\nclusterDomain: one.example\n",
		}), want: []string{
			"unit /etc/systemd/system/kubelet.service",
			"config=/etc/kubelet.yaml /etc/systemd/system/kubelet.service:2",
			"kubelet --config -> config /etc/kubelet.yaml (readable)",
			"kubelet cert-dir -> certificate /var/lib/kubelet/pki/kubelet-client-current.pem (readable)",
			"kubelet cert-dir -> private-key /var/lib/kubelet/pki/kubelet-client-current.pem (readable)",
			"kubelet cert-dir -> certificate /var/lib/kubelet/pki/kubelet.crt (readable)",
			"kubelet cert-dir -> private-key /var/lib/kubelet/pki/kubelet.key (readable)",
			`warning input/component-unread /etc/kubelet.yaml kind: kind is "KubeProxyConfiguration"; the kubelet expects KubeletConfiguration`,
			"incomplete input/component-unread: some input could not be understood",
		}},
		{name: "configuration is missing", change: byHand(map[string]string{
			unit: "[Service]\nExecStart=/opt/kubelet --config=/nowhere.yaml\n",
		}), want: []string{
			"unit /etc/systemd/system/kubelet.service",
			"config=/nowhere.yaml /etc/systemd/system/kubelet.service:2",
			"kubelet --config -> config /nowhere.yaml (missing)",
			"kubelet cert-dir -> certificate /var/lib/kubelet/pki/kubelet-client-current.pem (readable)",
			"kubelet cert-dir -> private-key /var/lib/kubelet/pki/kubelet-client-current.pem (readable)",
			"kubelet cert-dir -> certificate /var/lib/kubelet/pki/kubelet.crt (readable)",
			"kubelet cert-dir -> private-key /var/lib/kubelet/pki/kubelet.key (readable)",
			"critical files/missing /nowhere.yaml kubelet --config: does not exist; it is named by kubelet --config (/etc/systemd/system/kubelet.service:2)",
		}},
		{name: "serving certificate from the cluster", change: byHand(map[string]string{
			unit: "[Service]\nExecStart=/opt/kubelet --rotate-server-certificates --cert-dir=/srv/../srv/kubelet/\n",
		}), want: []string{
			"unit /etc/systemd/system/kubelet.service",
			"rotate-server-certificates=true /etc/systemd/system/kubelet.service:2",
			"cert-dir=/srv/../srv/kubelet/ /etc/systemd/system/kubelet.service:2",
			"kubelet --rotate-server-certificates -> certificate /srv/kubelet/kubelet-server-current.pem (missing)",
			"kubelet --rotate-server-certificates -> private-key /srv/kubelet/kubelet-server-current.pem (missing)",
			"warning kubelet/serving-unapproved /srv/kubelet/kubelet-server-current.pem kubelet --rotate-server-certificates: does not exist although the kubelet asks the cluster for its serving certificate: nobody approved the request; kubectl logs, exec and the metrics server fail",
		}},
		{name: "bootstrap kubeconfig, not joined", change: both(byHand(map[string]string{
			unit:                    "[Service]\nExecStart=/opt/kubelet --bootstrap-kubeconfig=/etc/kubernetes/bootstrap.conf --kubeconfig=/etc/kubernetes/kubelet.conf\n",
			etc + "/bootstrap.conf": "kind: Config\nclusters: [{name: c, cluster: {server: 'https://192.0.2.11:6443'}}]\nusers: []\ncontexts: [{name: x, context: {cluster: c}}]\ncurrent-context: x\n",
		}), remove(etc+"/kubelet.conf", kubeletPKI+"/kubelet-client-current.pem")), want: []string{
			"unit /etc/systemd/system/kubelet.service",
			"bootstrap-kubeconfig=/etc/kubernetes/bootstrap.conf /etc/systemd/system/kubelet.service:2",
			"kubeconfig=/etc/kubernetes/kubelet.conf /etc/systemd/system/kubelet.service:2",
			"kubelet --kubeconfig -> kubeconfig /etc/kubernetes/kubelet.conf (missing)",
			"kubelet --bootstrap-kubeconfig -> kubeconfig /etc/kubernetes/bootstrap.conf (readable)",
			"kubelet cert-dir -> certificate /var/lib/kubelet/pki/kubelet.crt (readable)",
			"kubelet cert-dir -> private-key /var/lib/kubelet/pki/kubelet.key (readable)",
			"warning files/permissions /etc/kubernetes/bootstrap.conf kubelet --bootstrap-kubeconfig: has the mode 0644; expected 0600 or less, for whoever reads it can act in its name",
			"warning files/missing /etc/kubernetes/kubelet.conf kubelet --kubeconfig: does not exist, for the node has not joined yet: the kubelet makes it with the bootstrap kubeconfig",
		}},
		{name: "another program", change: byHand(map[string]string{
			unit: "[Service]\nExecStart=/opt/k3s agent\n",
		}), want: []string{
			"unit /etc/systemd/system/kubelet.service",
			"kubeconfig=/etc/kubernetes/kubelet.conf :0",
			"kubelet kubeconfig -> kubeconfig /etc/kubernetes/kubelet.conf (readable)",
			"kubelet users[0].user.client-certificate -> certificate /var/lib/kubelet/pki/kubelet-client-current.pem (readable)",
			"kubelet users[0].user.client-key -> private-key /var/lib/kubelet/pki/kubelet-client-current.pem (readable)",
			"kubelet cert-dir -> certificate /var/lib/kubelet/pki/kubelet.crt (readable)",
			"kubelet cert-dir -> private-key /var/lib/kubelet/pki/kubelet.key (readable)",
			"warning input/component-unread /etc/systemd/system/kubelet.service ExecStart: starts no program that is known to be the kubelet, so its settings were not read; what lies in its default folders was judged",
			"not-applicable identity/common-name: the node's name is not known, so the commonName of kubelet/client was not held against it",
			"incomplete input/component-unread: some input could not be understood",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			node := fixtures.Worker(fixtures.Options{})
			if c.change != nil {
				c.change(node)
			}
			dir := t.TempDir()
			if err := node.Node.Write(dir); err != nil {
				t.Fatal(err)
			}
			inv, r := auditFolder(t, dir)
			compare(t, c.want, append(kubeletLines(inv), told(r)...))
		})
	}
}

// kubeletLines lists the settings of the kubelet, then where it leads.
func kubeletLines(inv *inventory.Inventory) []string {
	var lines []string
	for _, c := range inv.Components {
		if c.Name != "kubelet" {
			continue
		}
		lines = append(lines, "unit "+c.Origin.Path)
		for _, s := range c.Settings {
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s=%s %s:%d", s.Name, s.Value, s.Origin.Path, s.Origin.Line)))
		}
	}
	for _, r := range inv.References {
		if r.Component == "kubelet" && r.Embedded == nil {
			lines = append(lines, fmt.Sprintf("%s -> %s %s (%s)", r.Label(), r.Holds, r.Path, inv.Files[r.Path].State))
		}
	}
	return lines
}
