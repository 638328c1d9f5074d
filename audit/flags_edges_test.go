package audit_test

import (
	"fmt"
	"strings"
	"testing"

	"certaudit/audit"
	"certaudit/fixtures"
)

// word puts a word behind the program's name of a static pod.
func word(component, w string) func(*fixtures.Cluster) {
	return replace(manifests+"/"+component+".yaml", "    - "+component+"\n", "    - "+component+"\n    - "+w+"\n")
}

// unset takes a flag from a static pod.
func unset(component, flag string) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) {
		name := manifests + "/" + component + ".yaml"
		for line := range strings.Lines(string(c.Node[name].Data)) {
			if strings.HasPrefix(line, "    - --"+flag+"=") {
				c.Node.Replace(name, line, "")
				return
			}
		}
		panic("no --" + flag)
	}
}

// image gives a static pod another tag, or another digest.
func image(component, from, to string) func(*fixtures.Cluster) {
	return replace(manifests+"/"+component+".yaml", component+":"+from, component+to)
}

// untagged leaves the version of the control plane untold.
func untagged(c *fixtures.Cluster) {
	for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
		image(name, "v1.34.4", ":latest")(c)
	}
}

// kubeletWord gives the kubelet one more flag.
func kubeletWord(w string) func(*fixtures.Cluster) {
	return replace("/var/lib/kubelet/kubeadm-flags.env", `ARGS="`, `ARGS="`+w+" ")
}

func TestUnknownFlagEdges(t *testing.T) {
	mistyped := word("kube-scheduler", "--tls-certfile=/etc/kubernetes/pki/ca.crt")
	const where = "/etc/kubernetes/manifests/kube-scheduler.yaml --tls-certfile: --tls-certfile is no flag of kube-scheduler, in no release from 1.20 to 1.37"
	removed := word("kube-scheduler", "--address=127.0.0.1")
	const left = "/etc/kubernetes/manifests/kube-scheduler.yaml --address: "
	v := func(version string) fixtures.Options { return fixtures.Options{Version: version} }
	testEdges(t, fixtures.ControlPlane, []edge{
		{name: "mistyped", change: mistyped, want: []string{"critical flags/unknown " + where + ": it does not start; the nearest is --tls-cert-file"}},
		{name: "mistyped, in the oldest release that is known", options: v("v1.20.0"), change: mistyped, want: []string{"critical flags/unknown " + where + ": it does not start; the nearest is --tls-cert-file"}},
		{name: "mistyped, of a pre-release", change: both(mistyped, image("kube-scheduler", "v1.34.4", ":v1.35.0-rc.1")), want: []string{"critical flags/unknown " + where + ": it does not start; the nearest is --tls-cert-file"}},
		{name: "mistyped, older than what is known", change: both(mistyped, image("kube-scheduler", "v1.34.4", ":v1.18.3")), want: []string{"info flags/unknown " + where + ": this one is older, and may have it; the nearest is --tls-cert-file"}},
		{name: "mistyped, newer than what is known", change: both(mistyped, image("kube-scheduler", "v1.34.4", ":v1.38.0")), want: []string{"warning flags/unknown " + where + ": unless this one has it, it does not start; the nearest is --tls-cert-file"}},
		{name: "mistyped, of a vendor's build", change: both(mistyped, image("kube-scheduler", "v1.34.4", ":v1.34.4-eks-ab12cd3")), want: []string{"info flags/unknown " + where + ": it does not start; unless the vendor of this build has given it the flag; the nearest is --tls-cert-file"}},
		{name: "mistyped in etcd of no version", change: both(word("etcd", "--trusted-cafile=/etc/kubernetes/pki/etcd/ca.crt"), image("etcd", "3.6.5-0", "@sha256:"+strings.Repeat("0", 64))), want: []string{
			"warning flags/unknown /etc/kubernetes/manifests/etcd.yaml --trusted-cafile: --trusted-cafile is no flag of etcd, in no release from 3.4 to 3.7: unless it is of another release, it does not start; the nearest is --trusted-ca-file"}},
		{name: "by its value", change: word("kube-apiserver", "--frobnicate=/etc/kubernetes/pki/ca.crt"), want: []string{
			"critical flags/unknown /etc/kubernetes/manifests/kube-apiserver.yaml --frobnicate: --frobnicate is no flag of kube-apiserver, in no release from 1.20 to 1.37: it does not start"}},
		{name: "a flag of another component", change: word("kube-apiserver", "--kubeconfig=/etc/kubernetes/admin.conf"), want: []string{
			"critical flags/unknown /etc/kubernetes/manifests/kube-apiserver.yaml --kubeconfig: --kubeconfig is no flag of kube-apiserver, in no release from 1.20 to 1.37: it does not start"}},
		{name: "given twice, it is one fault", change: both(mistyped, mistyped), want: []string{"critical flags/unknown " + where + ": it does not start; the nearest is --tls-cert-file"}},
		{name: "nothing to do with certificates", change: both(word("kube-apiserver", "--frobnicate=10"), word("etcd", "--quota-backend-bytez=10"), kubeletWord("--max-pod=10"))},

		{name: "removed", change: removed, want: []string{"critical flags/unknown " + left + "kube-scheduler 1.34.4 has no --address, which went with 1.24: it does not start; expected --bind-address"}},
		{name: "removed with the very version", options: v("v1.24.17"), change: removed, want: []string{"critical flags/unknown " + left + "kube-scheduler 1.24.17 has no --address, which went with 1.24: it does not start; expected --bind-address"}},
		{name: "not yet removed", options: v("v1.23.17"), change: removed},
		{name: "removed, the version is not known", change: both(removed, untagged), want: []string{
			"info flags/unknown " + left + "kube-scheduler has no --address from 1.24 on: if it is of that version or later, it does not start; expected --bind-address",
			"done identity/organization-extra: the Kubernetes version is not known, so the organizations of kube-apiserver/etcd-client were not judged; the Kubernetes version is not known, so the organizations of kube-apiserver/kubelet-client were not judged; the Kubernetes version is not known, so the organizations of etcd/healthcheck-client were not judged; the Kubernetes version is not known, so the organizations of admin/client were not judged; the Kubernetes version is not known, so the organizations of super-admin/client were not judged",
			"not-applicable input/unknown-version: no image tag tells the Kubernetes version; say it with --kubernetes-version"}},
		{name: "each by its own image", change: both(removed, image("kube-scheduler", "v1.34.4", ":v1.23.17"))},
		{name: "come later", change: both(word("kube-scheduler", "--tls-curve-preferences=29"), image("kube-scheduler", "v1.34.4", ":v1.35.9")), want: []string{
			"critical flags/unknown /etc/kubernetes/manifests/kube-scheduler.yaml --tls-curve-preferences: kube-scheduler 1.35.9 has no --tls-curve-preferences, which came with 1.36: it does not start"}},
		{name: "come with the version", change: both(word("kube-scheduler", "--tls-curve-preferences=29"), image("kube-scheduler", "v1.34.4", ":v1.36.0"))},
		{name: "the kubelet may be older than the rest", options: v("v1.26.15"), change: kubeletWord("--network-plugin=cni"), want: []string{
			"info flags/unknown /var/lib/kubelet/kubeadm-flags.env --network-plugin: kubelet has no --network-plugin from 1.24 on: it may be 1.23.0 to 1.26.15 here, and of that version or later it does not start"}},
		{name: "the kubelet is too new in any case", options: v("v1.27.16"), change: kubeletWord("--network-plugin=cni"), want: []string{
			"critical flags/unknown /var/lib/kubelet/kubeadm-flags.env --network-plugin: kubelet 1.24.0 to 1.27.16 has no --network-plugin, which went with 1.24: it does not start"}},
		{name: "the kubelet may be too old", options: v("v1.30.14"), change: both(kubeletWord("--config-dir=/etc/kubernetes/kubelet.d"), put(etc+"/kubelet.d/10.conf", "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n")), want: []string{
			"info flags/unknown /var/lib/kubelet/kubeadm-flags.env --config-dir: kubelet has no --config-dir before 1.28: it may be 1.27.0 to 1.30.14 here, and before that version it does not start"}},
		{name: "etcd by its own versions", change: word("etcd", "--peer-ca-file=/etc/kubernetes/pki/etcd/ca.crt"), want: []string{
			"critical flags/unknown /etc/kubernetes/manifests/etcd.yaml --peer-ca-file: etcd 3.6.5 has no --peer-ca-file, which went with 3.4: it does not start; expected --peer-trusted-ca-file"}},

		{name: "one dash", change: word("kube-apiserver", "-oidc-ca-file=/etc/kubernetes/pki/ca.crt"), want: []string{
			"critical flags/unknown /etc/kubernetes/manifests/kube-apiserver.yaml --oidc-ca-file: kube-apiserver does not take -oidc-ca-file, and does not start; expected --oidc-ca-file"}},
		{name: "underscores", change: replace(apiManifest, "--client-ca-file=", "--client_ca_file=")},
		{name: "one dash in etcd", change: replace(manifests+"/etcd.yaml", "- --cert-file=", "- -cert-file=")},
		{name: "underscores in etcd", change: replace(manifests+"/etcd.yaml", "- --cert-file=", "- --cert_file="), want: []string{
			"critical flags/unknown /etc/kubernetes/manifests/etcd.yaml --cert-file: etcd does not take --cert_file, and does not start; expected --cert-file"}},

		{name: "not etcd, but its proxy", change: put(manifests+"/proxy.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: proxy}\nspec:\n  containers:\n  - name: proxy\n    command: [etcd, grpc-proxy, start, --cacert=/etc/kubernetes/pki/etcd/ca.crt]\n")},
	})
}

// etcd ignores what it does not know in its variables and its configuration file.
func TestUnknownSettingsOfEtcd(t *testing.T) {
	const env = "/etc/etcd/etcd.env"
	file := func(change func(string) string) func(*fixtures.Cluster) {
		return func(c *fixtures.Cluster) {
			text := change("name: cp-1\nlisten-client-urls: https://192.0.2.11:2379,https://127.0.0.1:2379\nadvertise-client-urls: https://192.0.2.11:2379\n" +
				"listen-peer-urls: https://192.0.2.11:2380\ninitial-advertise-peer-urls: https://192.0.2.11:2380\ninitial-cluster: cp-1=https://192.0.2.11:2380\n" +
				"client-transport-security:\n  cert-file: etcd.crt\n  key-file: etcd.key\n  trusted-ca-file: ca.crt\n  client-cert-auth: true\n" +
				"peer-transport-security:\n  cert-file: etcd.crt\n  key-file: etcd.key\n  trusted-ca-file: ca.crt\n  client-cert-auth: true\n")
			c.Node["/etc/etcd/etcd.yaml"] = fixtures.File{Data: []byte(text), Mode: 0o644}
			c.Node[env] = fixtures.File{Data: []byte("ETCD_CONFIG_FILE=etcd.yaml\n"), Mode: 0o644}
		}
	}
	natives := []string{
		"done identity/organization-extra: the Kubernetes version is not known, so the organizations of kube-apiserver/kubelet-client were not judged",
		"not-applicable input/unknown-version: no image tag tells the Kubernetes version; say it with --kubernetes-version"}
	says := func(lines ...string) []string { return append(lines, natives...) }
	testEdges(t, fixtures.Native, []edge{
		{name: "a variable", change: replace(env, "ETCD_TRUSTED_CA_FILE", "ETCD_TRUSTED_CAFILE"), want: []string{
			"critical flags/unknown /etc/etcd/etcd.env ETCD_TRUSTED_CAFILE: etcd has no setting of this name and ignores it; expected that of --trusted-ca-file",
			natives[0], natives[1]}},
		{name: "a variable of somebody else's", change: func(c *fixtures.Cluster) {
			c.Node.Append(env, []byte("ETCD_CERTS=/etc/etcd\nETCD_CA=/etc/etcd/ca.crt\nETCD_TRUSTED_CAFILE=/etc/etcd/ca.crt\n"))
		}, want: says()},
		{name: "a configuration file", change: file(strings.Clone), want: says()},
		{name: "a key of the configuration file", change: file(func(text string) string {
			return strings.Replace(text, "  trusted-ca-file: ca.crt\n  client-cert-auth: true\npeer", "  trusted-cafile: ca.crt\n  client-cert-auth: true\npeer", 1)
		}), want: []string{
			"critical flags/unknown /etc/etcd/etcd.yaml client-transport-security.trusted-cafile: etcd has no setting of this name and ignores it; expected that of --trusted-ca-file",
			natives[0], natives[1]}},
		{name: "a flag beside a configuration file", change: both(file(strings.Clone), replace("/etc/systemd/system/etcd.service", "/usr/local/bin/etcd", "/usr/local/bin/etcd --trusted-cafile=ca.crt")), want: says(
			"warning flags/unknown /etc/systemd/system/etcd.service --trusted-cafile: --trusted-cafile is no flag of etcd, in no release from 3.4 to 3.7: unless it is of another release, it does not start; the nearest is --trusted-ca-file")},
		{name: "a flag beside its variable", change: replace("/etc/systemd/system/etcd.service", "/usr/local/bin/etcd", "/usr/local/bin/etcd --name=${ETCD_NAME}"), want: says(
			"info flags/unknown /etc/etcd/etcd.env ETCD_NAME: says the same as --name (/etc/systemd/system/etcd.service:8): etcd from 3.4 on does not start with both, be they equal")},
		{name: "a flag beside its variable, and a configuration file", change: both(file(strings.Clone), replace("/etc/systemd/system/etcd.service", "/usr/local/bin/etcd", "/usr/local/bin/etcd --name=cp-1"),
			func(c *fixtures.Cluster) { c.Node.Append(env, []byte("ETCD_NAME=cp-1\n")) }), want: says()},
	})
}

// From 3.4 on etcd does not start where a variable and a flag say the same.
func TestShadowedVariables(t *testing.T) {
	variable := func(name, value string) func(*fixtures.Cluster) {
		return replace(manifests+"/etcd.yaml", "    image:", "    env:\n    - {name: "+name+", value: "+value+"}\n    image:")
	}
	testEdges(t, fixtures.ControlPlane, []edge{
		{name: "of another flag", change: variable("ETCD_QUOTA_BACKEND_BYTES", "\"8\"")},
		{name: "of a program of the same pod", change: variable("ETCDCTL_CERT", pki+"/etcd/server.crt")},
		{name: "equal", change: variable("ETCD_NAME", "cp-1"), want: []string{
			"critical flags/unknown /etc/kubernetes/manifests/etcd.yaml spec.containers[0].env[0].value: says the same as --name (/etc/kubernetes/manifests/etcd.yaml:26): etcd from 3.4 on does not start with both, be they equal"}},
		{name: "of an etcd before", change: both(variable("ETCD_NAME", "cp-1"), image("etcd", "3.6.5-0", ":3.3.10"))},
	})
}

func TestMissingFlagEdges(t *testing.T) {
	kubelet := func(old, new string) func(*fixtures.Cluster) { return replace(kubeletConfig, old, new) }
	noCA := kubelet("    clientCAFile: "+pki+"/ca.crt\n", "    clientCAFile: \"\"\n")
	testEdges(t, fixtures.ControlPlane, []edge{
		{name: "nobody shows the API server a certificate", change: both(unset("kube-apiserver", "client-ca-file"), unset("kube-controller-manager", "cluster-signing-cert-file"), unset("kube-controller-manager", "cluster-signing-key-file"),
			remove(etc+"/admin.conf", etc+"/super-admin.conf"),
			func(c *fixtures.Cluster) {
				for _, name := range []string{"controller-manager.conf", "scheduler.conf", "kubelet.conf"} {
					before, _, _ := strings.Cut(string(c.Node[etc+"/"+name].Data), "    client-certificate")
					c.Node[etc+"/"+name] = fixtures.File{Data: []byte(before + "    token: abcdef.0123456789abcdef\n"), Mode: 0o600}
				}
				c.Node.Remove(kubeletPKI+"/kubelet-client-current.pem", kubeletClient)
			})},
		{name: "a token beside the certificate", change: both(unset("kube-apiserver", "client-ca-file"), unset("kube-controller-manager", "cluster-signing-cert-file"), unset("kube-controller-manager", "cluster-signing-key-file"),
			func(c *fixtures.Cluster) {
				for _, name := range []string{"admin.conf", "super-admin.conf", "controller-manager.conf", "scheduler.conf", "kubelet.conf"} {
					c.Node.Append(etc+"/"+name, []byte("    token: abcdef.0123456789abcdef\n"))
				}
			})},
		{name: "an empty value is none", change: replace(apiManifest, "--etcd-cafile="+pki+"/etcd/ca.crt", "--etcd-cafile="), want: []string{
			"critical flags/missing /etc/kubernetes/manifests/kube-apiserver.yaml --etcd-cafile: --etcd-cafile is not set: the client verifies with the host's root certificates, and the CA in /etc/kubernetes/pki/etcd/ca.crt, which signed /etc/kubernetes/pki/etcd/server.crt, is not one of them"}},
		{name: "etcd demands a certificate of the API server", change: both(unset("kube-apiserver", "etcd-certfile"), unset("kube-apiserver", "etcd-keyfile")), want: []string{
			"critical flags/missing /etc/kubernetes/manifests/kube-apiserver.yaml --etcd-certfile: --etcd-certfile is not set: the client has no certificate, and one is demanded"}},
		{name: "etcd makes its certificates itself", change: both(unset("etcd", "cert-file"), unset("etcd", "key-file"), unset("etcd", "peer-cert-file"), unset("etcd", "peer-key-file"), unset("etcd", "peer-trusted-ca-file"), unset("etcd", "peer-client-cert-auth"),
			word("etcd", "--auto-tls=true"), word("etcd", "--peer-auto-tls"))},
		{name: "etcd listens at its default", change: unset("etcd", "listen-client-urls"), want: []string{
			"critical flags/missing /etc/kubernetes/manifests/etcd.yaml --listen-client-urls: --listen-client-urls is not set: etcd speaks HTTP there, and the client TLS"}},
		{name: "etcd gives out no URL", change: unset("etcd", "advertise-client-urls"), want: []string{
			"critical flags/missing /etc/kubernetes/manifests/etcd.yaml --advertise-client-urls: --advertise-client-urls of etcd is not set: it does not start beside --listen-client-urls"}},
		{name: "etcd listens to itself at its default", change: unset("etcd", "listen-peer-urls")},
		{name: "etcd listens to its peers at its default", change: both(unset("etcd", "listen-peer-urls"),
			replace(manifests+"/etcd.yaml", "--initial-cluster=cp-1=https://192.0.2.11:2380", "--initial-cluster=cp-1=https://192.0.2.11:2380,cp-2=https://192.0.2.12:2380")), want: []string{
			"critical flags/missing /etc/kubernetes/manifests/etcd.yaml --listen-peer-urls: --listen-peer-urls of etcd is not set: it listens to its peers at localhost alone"}},
		{name: "etcd listens to clients without TLS at every address", change: etcdListens("http://0.0.0.0:2379", "http://127.0.0.1:2379"), want: []string{
			"warning flags/plain-http /etc/kubernetes/manifests/etcd.yaml --listen-client-urls: etcd listens without TLS at http://0.0.0.0:2379: whoever reaches it can read and change all that the cluster stores; expected https://; --cert-file is ignored there"}},
		{name: "etcd listens to clients without TLS at an address of IPv6", change: etcdListens("https://127.0.0.1:2379,http://[2001:db8::1]:2379,http://[::1]:2382,http://localhost:2382", "https://127.0.0.1:2379"), want: []string{
			"warning flags/plain-http /etc/kubernetes/manifests/etcd.yaml --listen-client-urls: etcd listens without TLS at http://[2001:db8::1]:2379: whoever reaches it can read and change all that the cluster stores; expected https://; --cert-file is ignored there"}},
		{name: "etcd is called with TLS where it listens without", change: etcdListens("http://192.0.2.11:2379", "https://192.0.2.11:2379")},
		{name: "etcd listens to itself without TLS", change: etcdListens("http://127.0.0.1:2379", "http://127.0.0.1:2379")},
		{name: "etcd has no TLS for its members", change: both(unset("etcd", "peer-cert-file"), unset("etcd", "peer-key-file"), unset("etcd", "peer-trusted-ca-file"), unset("etcd", "peer-client-cert-auth"),
			replace(manifests+"/etcd.yaml", "--listen-peer-urls=https://", "--listen-peer-urls=http://"), replace(manifests+"/etcd.yaml", "--initial-advertise-peer-urls=https://", "--initial-advertise-peer-urls=http://"),
			replace(manifests+"/etcd.yaml", "--initial-cluster=cp-1=https://", "--initial-cluster=cp-1=http://")), want: []string{
			"warning flags/plain-http /etc/kubernetes/manifests/etcd.yaml --listen-peer-urls: etcd listens without TLS at http://192.0.2.11:2380: whoever reaches it can speak as a member of etcd; expected https://"}},
		{name: "the API server makes its certificate itself", change: both(unset("kube-apiserver", "tls-cert-file"), unset("kube-apiserver", "tls-private-key-file")), want: []string{
			"critical flags/missing /etc/kubernetes/manifests/kube-apiserver.yaml --tls-cert-file: --tls-cert-file is not set: the API server generates a certificate at its start, which nobody can verify"}},
		{name: "the API server keeps its certificate in a folder", change: both(unset("kube-apiserver", "tls-cert-file"), unset("kube-apiserver", "tls-private-key-file"), word("kube-apiserver", "--cert-dir="+pki))},
		{name: "what the API server keeps is no pair", change: both(unset("kube-apiserver", "tls-cert-file"), unset("kube-apiserver", "tls-private-key-file"), word("kube-apiserver", "--cert-dir="+pki),
			func(c *fixtures.Cluster) { c.WriteKey(pki+"/apiserver.key", "another") }), want: []string{
			"critical keys/mismatch /etc/kubernetes/pki/apiserver.crt kube-apiserver --cert-dir: the private key of /etc/kubernetes/pki/apiserver.key is not that of this certificate; expected a pair"}},
		{name: "only a key to sign with", change: unset("kube-controller-manager", "cluster-signing-cert-file"), want: []string{
			"critical flags/missing /etc/kubernetes/manifests/kube-controller-manager.yaml --cluster-signing-cert-file: --cluster-signing-key-file is set, and --cluster-signing-cert-file is not: kube-controller-manager does not start"}},
		{name: "only a certificate to sign with", change: unset("kube-controller-manager", "cluster-signing-key-file"), want: []string{
			"critical flags/missing /etc/kubernetes/manifests/kube-controller-manager.yaml --cluster-signing-key-file: --cluster-signing-cert-file is set, and --cluster-signing-key-file is not: kube-controller-manager does not start"}},
		{name: "a mistyped service range", change: replace(apiManifest, "--service-cluster-ip-range=", "--service-cluster-ip-rang="), want: []string{
			"critical flags/unknown /etc/kubernetes/manifests/kube-apiserver.yaml --service-cluster-ip-rang: --service-cluster-ip-rang is no flag of kube-apiserver, in no release from 1.20 to 1.37: it does not start; the nearest is --service-cluster-ip-range"}},
		{name: "etcd without TLS", change: both(unset("etcd", "cert-file"), unset("etcd", "key-file"), unset("etcd", "trusted-ca-file"), unset("etcd", "client-cert-auth"), unset("kube-apiserver", "etcd-cafile"), unset("kube-apiserver", "etcd-certfile"), unset("kube-apiserver", "etcd-keyfile"),
			replace(manifests+"/etcd.yaml", "listen-client-urls=https://127.0.0.1:2379,https://192.0.2.11:2379", "listen-client-urls=http://127.0.0.1:2379"),
			replace(apiManifest, "etcd-servers=https://", "etcd-servers=http://"), remove(pki+"/etcd/healthcheck-client.crt", pki+"/etcd/healthcheck-client.key", pki+"/etcd/server.crt", pki+"/etcd/server.key", pki+"/apiserver-etcd-client.crt", pki+"/apiserver-etcd-client.key")), want: []string{
			"warning files/missing /etc/kubernetes/pki/etcd/healthcheck-client.crt kubeadm etcd/healthcheck-client.crt: does not exist; it is named by kubeadm etcd/healthcheck-client.crt; its key /etc/kubernetes/pki/etcd/healthcheck-client.key is missing as well"}},

		{name: "the kubelet lets everybody in", change: both(noCA, kubelet("    enabled: false\n", "    enabled: true\n"), kubelet("  mode: Webhook\n", "  mode: AlwaysAllow\n"))},
		{name: "the kubelet asks what the anonymous may", change: both(noCA, kubelet("    enabled: false\n", "    enabled: true\n"))},
		{name: "the kubelet has a flag for it", change: both(noCA, kubeletWord("--client-ca-file="+pki+"/ca.crt"))},
		{name: "the kubelet has a flag for who is anonymous", change: both(noCA, kubeletWord("--anonymous-auth=true"), kubeletWord("--authorization-mode=AlwaysAllow"))},
		{name: "the kubelet's configuration is not in view", change: remove(kubeletConfig), want: []string{
			"critical files/missing /var/lib/kubelet/config.yaml kubelet --config: does not exist; it is named by kubelet --config (/etc/systemd/system/kubelet.service.d/10-kubeadm.conf:4)",
			"done flags/missing: /var/lib/kubelet/config.yaml, which configures kubelet, was not read, so what is not set there was not judged"}},

		{name: "the signing key alone is enough before 1.20, and is not after", change: both(unset("kube-apiserver", "service-account-issuer"), untagged), want: []string{
			"info flags/missing /etc/kubernetes/manifests/kube-apiserver.yaml --service-account-issuer: --service-account-issuer of kube-apiserver is not set: from 1.20 on it does not start",
			"done identity/organization-extra: the Kubernetes version is not known, so the organizations of kube-apiserver/etcd-client were not judged; the Kubernetes version is not known, so the organizations of kube-apiserver/kubelet-client were not judged; the Kubernetes version is not known, so the organizations of etcd/healthcheck-client were not judged; the Kubernetes version is not known, so the organizations of admin/client were not judged; the Kubernetes version is not known, so the organizations of super-admin/client were not judged",
			"not-applicable input/unknown-version: no image tag tells the Kubernetes version; say it with --kubernetes-version"}},
		{name: "somebody else signs tokens", change: both(unset("kube-apiserver", "service-account-signing-key-file"), unset("kube-apiserver", "service-account-key-file"), word("kube-apiserver", "--service-account-signing-endpoint=/run/signer.sock"))},
		{name: "the command line is a script with a variable", change: both(unset("kube-apiserver", "client-ca-file"), unset("kube-apiserver", "etcd-cafile"),
			replace(apiManifest, "    - kube-apiserver\n", "    - sh\n    - -c\n    - exec kube-apiserver $MORE --advertise-address=192.0.2.11 --etcd-servers=https://127.0.0.1:2379\n")), want: []string{
			`info input/unsupported /etc/kubernetes/manifests/kube-apiserver.yaml spec.containers[0].command[2]: the value of "$MORE" is not known before the shell runs`,
			"done identity/san-missing: the first address of the service range is not known, so the ipAddress of kube-apiserver/serving was not held against it",
			"done flags/missing: the settings of kube-apiserver were not read as a whole (/etc/kubernetes/manifests/kube-apiserver.yaml:16), so what is not set there was not judged",
			"not-applicable flags/service-range: the service range of kube-apiserver is not known"}},
		{name: "the scheduler's configuration names the kubeconfig", change: both(unset("kube-scheduler", "kubeconfig"), word("kube-scheduler", "--config=/etc/kubernetes/scheduler.conf.yaml"),
			put(etc+"/scheduler.conf.yaml", "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\nclientConnection: {kubeconfig: /etc/kubernetes/scheduler.conf}\n"),
			replace(manifests+"/kube-scheduler.yaml", "  volumes:\n", "  volumes:\n  - {name: more, hostPath: {path: /etc/kubernetes/scheduler.conf.yaml}}\n"),
			replace(manifests+"/kube-scheduler.yaml", "    volumeMounts:\n", "    volumeMounts:\n    - {name: more, mountPath: /etc/kubernetes/scheduler.conf.yaml}\n"))},
		{name: "the scheduler's configuration names none", change: both(unset("kube-scheduler", "kubeconfig"), word("kube-scheduler", "--config=/etc/kubernetes/scheduler.conf.yaml"),
			put(etc+"/scheduler.conf.yaml", "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"),
			replace(manifests+"/kube-scheduler.yaml", "  volumes:\n", "  volumes:\n  - {name: more, hostPath: {path: /etc/kubernetes/scheduler.conf.yaml}}\n"),
			replace(manifests+"/kube-scheduler.yaml", "    volumeMounts:\n", "    volumeMounts:\n    - {name: more, mountPath: /etc/kubernetes/scheduler.conf.yaml}\n")), want: []string{
			"critical flags/missing /etc/kubernetes/manifests/kube-scheduler.yaml --kubeconfig: --kubeconfig of kube-scheduler is not set: it does not start, for it finds no way to the API server"}},
		{name: "the controller manager has the address alone", change: both(unset("kube-controller-manager", "kubeconfig"), word("kube-controller-manager", "--master=https://192.0.2.11:6443"))},
		{name: "no service range for the controller manager", change: unset("kube-controller-manager", "service-cluster-ip-range")},
	})
}

// The defaults of the kubelet differ with and without a configuration file.
func TestKubeletWithoutConfiguration(t *testing.T) {
	testEdges(t, fixtures.Worker, []edge{
		{name: "flags alone let everybody in", change: byHand(map[string]string{unit: "[Service]\nExecStart=/usr/bin/kubelet --kubeconfig=/etc/kubernetes/kubelet.conf\n"})},
		{name: "flags alone, and nobody is anonymous", change: byHand(map[string]string{unit: "[Service]\nExecStart=/usr/bin/kubelet --kubeconfig=/etc/kubernetes/kubelet.conf --anonymous-auth=false\n"}), want: []string{
			"critical flags/missing /etc/systemd/system/kubelet.service --client-ca-file: --client-ca-file of kubelet is not set: the API server is anonymous to it and refused: kubectl logs and exec fail"}},
		{name: "a mistyped flag with a file that there is", change: byHand(map[string]string{unit: "[Service]\nExecStart=/usr/bin/kubelet --kubeconfig=/etc/kubernetes/kubelet.conf --anonymous-auth=false --client-cafile=" + pki + "/ca.crt\n"}), want: []string{
			"critical flags/unknown /etc/systemd/system/kubelet.service --client-cafile: --client-cafile is no flag of kubelet, in no release from 1.20 to 1.37: unless it is of another release, it does not start; the nearest is --client-ca-file"}},
	})
}

// Before 1.20 the API server verified tokens with its serving key where it was given
// no other.
func TestTokensOfTheServingKey(t *testing.T) {
	old := both(unset("kube-apiserver", "service-account-key-file"), unset("kube-apiserver", "service-account-signing-key-file"))
	for _, c := range []struct {
		name   string
		change func(*fixtures.Cluster)
		want   string
	}{
		{"signed with another key", old,
			"--service-account-key-file is not set, so that the API server verifies service account tokens with /etc/kubernetes/pki/apiserver.key, its serving key, and refuses what kube-controller-manager signs with /etc/kubernetes/pki/sa.key"},
		{"signed with the serving key", both(old, replace(manifests+"/kube-controller-manager.yaml", pki+"/sa.key", pki+"/apiserver.key")), ""},
	} {
		cluster := fixtures.ControlPlane(fixtures.Options{Version: "v1.20.15"})
		c.change(cluster)
		got := ""
		for _, f := range auditNode(t, cluster.Node, audit.Options{Overrides: audit.Overrides{KubernetesVersion: "1.19"}}).Findings {
			if f.Check == "keys/service-account" {
				got += f.Message
			}
			if f.Check == "flags/missing" {
				t.Errorf("%s: %s", c.name, f.Message)
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, expected %q", c.name, got, c.want)
		}
	}
}

// The version that the user states counts for every component.
func TestStatedVersionOfFlags(t *testing.T) {
	for _, c := range []struct{ version, want string }{{"1.23", ""}, {"1.24", "critical"}, {"", "info"}} {
		cluster := fixtures.Native(fixtures.Options{})
		cluster.Node.Replace("/etc/systemd/system/kube-apiserver.service", "  --tls-cert-file=", "  --insecure-port=0 \\\n  --tls-cert-file=")
		got := ""
		for _, f := range auditNode(t, cluster.Node, audit.Options{Overrides: audit.Overrides{KubernetesVersion: c.version}}).Findings {
			if f.Check == "flags/unknown" {
				got += string(f.Severity)
			}
		}
		if got != c.want {
			t.Errorf("%q: %q, expected %q", c.version, got, c.want)
		}
	}
}

// The flags of a lesson, of which none exists: each is named once, with what there is,
// and no file that they name is called unnamed.
func TestFlagsOfALesson(t *testing.T) {
	const service = "/etc/systemd/system/kube-apiserver.service"
	const release = " is no flag of kube-apiserver, in no release from 1.20 to 1.37: unless it is of another release, it does not start; the nearest is "
	testEdges(t, fixtures.Native, []edge{
		{name: "as written", change: both(replace(service, "--etcd-cafile=", "--etcd-ca-file="), replace(service, "--kubelet-certificate-authority=", "--kubelet-ca-file="),
			replace(service, "--kubelet-client-certificate=", "--kubelet-certfile="), replace(service, "--kubelet-client-key=", "--kubelet-keyfile=")), want: []string{
			"critical flags/unknown " + service + " --etcd-ca-file: --etcd-ca-file" + release + "--etcd-cafile",
			"critical flags/unknown " + service + " --kubelet-certfile: --kubelet-certfile" + release + "--kubelet-client-certificate",
			"warning flags/unknown " + service + " --kubelet-ca-file: --kubelet-ca-file" + release + "--kubelet-certificate-authority",
			"warning flags/unknown " + service + " --kubelet-keyfile: --kubelet-keyfile" + release + "--kubelet-client-key",
			"not-applicable input/unknown-version: no image tag tells the Kubernetes version; say it with --kubernetes-version",
		}},
	})
}

// Thousands of flags that do not exist cost little, and are not listed to the last.
func TestManyUnknownFlags(t *testing.T) {
	cluster := fixtures.ControlPlane(fixtures.Options{})
	var b strings.Builder
	for i := range 9000 {
		fmt.Fprintf(&b, "    - --tls-cert-file-%d=x\n", i)
	}
	cluster.Node.Replace(apiManifest, "    - kube-apiserver\n", "    - kube-apiserver\n"+b.String())
	r := auditNode(t, cluster.Node, audit.Options{})
	found := 0
	for _, f := range r.Findings {
		if f.Check == "flags/unknown" {
			found++
		}
	}
	if found != 100 {
		t.Errorf("%d findings", found)
	}
	for _, o := range r.Outcomes {
		if o.Check == "flags/unknown" && (o.State != audit.Incomplete || o.Reason != "more than 100 flags are not as they should be; the rest were not judged") {
			t.Errorf("%s: %s", o.State, o.Reason)
		}
	}
}
