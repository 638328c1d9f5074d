package inventory

// Holding says what lies in the file that a flag or field names.
type Holding string

// What a reference can hold.
const (
	HoldsCertificate Holding = "certificate"
	HoldsPrivateKey  Holding = "private-key"
	// HoldsBundle: certificates that others are verified against.
	HoldsBundle Holding = "bundle"
	// HoldsSigner: the one certificate that signs requests.
	HoldsSigner Holding = "signer"
	// HoldsSignerKey: the private key of a [HoldsSigner].
	HoldsSignerKey Holding = "signer-key"
	// HoldsTokenKey: a private key that signs service account tokens.
	HoldsTokenKey Holding = "token-key"
	// HoldsTokenVerifier: public keys, private keys or certificates that
	// service account tokens are verified with.
	HoldsTokenVerifier Holding = "token-verifier"
	HoldsKubeconfig    Holding = "kubeconfig"
	// HoldsConfig: another configuration file, which may name more.
	HoldsConfig Holding = "config"
)

// use is one row of the table of references: what a flag of a component, or a
// field of a configuration file, holds.
type use struct {
	// component is the program's name, or the kind of a configuration file.
	component string
	// field is the flag without dashes, or a field pattern of parsers.Document.
	field string
	holds Holding
	// role of the certificates found there; for a key, of the certificate it
	// belongs to.
	role string
	// pair is the field that holds the other half of a pair.
	pair string
	// absent says what the component does without it.
	absent string
}

// The controller-manager, the scheduler and extension API servers take their
// serving and delegation flags from the same options as the API server
// (k8s.io/apiserver pkg/server/options).
func serving(component, role string) []use {
	return []use{
		{component, "tls-cert-file", HoldsCertificate, role, "tls-private-key-file", "serves a self-signed certificate made at start"},
		{component, "tls-private-key-file", HoldsPrivateKey, role, "tls-cert-file", ""},
	}
}

func delegation(component, role string) []use {
	return []use{
		{component, "kubeconfig", HoldsKubeconfig, role, "", "uses the in-cluster configuration"},
		{component, "authentication-kubeconfig", HoldsKubeconfig, role, "", "cannot authenticate callers of its own port"},
		{component, "authorization-kubeconfig", HoldsKubeconfig, role, "", "cannot authorize callers of its own port"},
		{component, "client-ca-file", HoldsBundle, RoleKubernetesCA, "", "looks it up in kube-system/extension-apiserver-authentication"},
		{component, "requestheader-client-ca-file", HoldsBundle, RoleFrontProxyCA, "", "looks it up in kube-system/extension-apiserver-authentication"},
	}
}

func signingPair(signer string) []use {
	cert, key := "cluster-signing-"+signer+"cert-file", "cluster-signing-"+signer+"key-file"
	return []use{
		{"kube-controller-manager", cert, HoldsSigner, RoleKubernetesCA, key, "this signer is off"},
		{"kube-controller-manager", key, HoldsSignerKey, RoleKubernetesCA, cert, ""},
	}
}

// flagUses says what the flags of the components hold. Sources: kubernetes
// cmd/kube-apiserver/app/options, pkg/kubeapiserver/options/authentication.go,
// cmd/kube-controller-manager/app/options, cmd/kubelet/app/options/options.go;
// k8s.io/apiserver pkg/server/options; etcd server/embed/config.go.
var flagUses = concat(
	serving("kube-apiserver", RoleAPIServerServing),
	[]use{
		{"kube-apiserver", "tls-sni-cert-key", HoldsCertificate, RoleAPIServerSNI, "", ""},
		{"kube-apiserver", "client-ca-file", HoldsBundle, RoleKubernetesCA, "", "client certificates are not accepted"},
		{"kube-apiserver", "requestheader-client-ca-file", HoldsBundle, RoleFrontProxyCA, "", "front proxies are not accepted"},
		{"kube-apiserver", "proxy-client-cert-file", HoldsCertificate, RoleFrontProxyClient, "proxy-client-key-file", "extension API servers see no client identity"},
		{"kube-apiserver", "proxy-client-key-file", HoldsPrivateKey, RoleFrontProxyClient, "proxy-client-cert-file", ""},
		{"kube-apiserver", "kubelet-client-certificate", HoldsCertificate, RoleAPIServerKubelet, "kubelet-client-key", "calls kubelets as nobody"},
		{"kube-apiserver", "kubelet-client-key", HoldsPrivateKey, RoleAPIServerKubelet, "kubelet-client-certificate", ""},
		{"kube-apiserver", "kubelet-certificate-authority", HoldsBundle, RoleOtherCA, "", "kubelet serving certificates are not verified"},
		{"kube-apiserver", "etcd-cafile", HoldsBundle, RoleEtcdCA, "", "etcd is verified against the host's roots"},
		{"kube-apiserver", "etcd-certfile", HoldsCertificate, RoleAPIServerEtcd, "etcd-keyfile", "calls etcd as nobody"},
		{"kube-apiserver", "etcd-keyfile", HoldsPrivateKey, RoleAPIServerEtcd, "etcd-certfile", ""},
		{"kube-apiserver", "oidc-ca-file", HoldsBundle, RoleOtherCA, "", "the issuer is verified against the host's roots"},
		{"kube-apiserver", "peer-ca-file", HoldsBundle, RoleOtherCA, "", ""},
		{"kube-apiserver", "service-account-key-file", HoldsTokenVerifier, "", "", "tokens are verified with --tls-private-key-file"},
		{"kube-apiserver", "service-account-signing-key-file", HoldsTokenKey, "", "", ""},
		{"kube-apiserver", "authentication-token-webhook-config-file", HoldsKubeconfig, RoleOutbound, "", ""},
		{"kube-apiserver", "authorization-webhook-config-file", HoldsKubeconfig, RoleOutbound, "", ""},
		{"kube-apiserver", "audit-webhook-config-file", HoldsKubeconfig, RoleOutbound, "", ""},
		{"kube-apiserver", "authentication-config", HoldsConfig, "", "", ""},
		{"kube-apiserver", "authorization-config", HoldsConfig, "", "", ""},
		{"kube-apiserver", "admission-control-config-file", HoldsConfig, "", "", ""},
		{"kube-apiserver", "egress-selector-config-file", HoldsConfig, "", "", ""},
	},
	serving("kube-controller-manager", RoleControllerServe),
	delegation("kube-controller-manager", RoleControllerClient),
	[]use{
		{"kube-controller-manager", "root-ca-file", HoldsBundle, RoleKubernetesCA, "", "pods are given the CA of its own kubeconfig"},
		{"kube-controller-manager", "service-account-private-key-file", HoldsTokenKey, "", "", "makes no service account tokens"},
	},
	signingPair(""), signingPair("kubelet-serving-"), signingPair("kubelet-client-"),
	signingPair("kube-apiserver-client-"), signingPair("legacy-unknown-"),
	serving("kube-scheduler", RoleSchedulerServe),
	delegation("kube-scheduler", RoleSchedulerClient),
	[]use{
		{"kube-scheduler", "config", HoldsConfig, RoleSchedulerClient, "", ""},
		{"kube-proxy", "config", HoldsConfig, RoleProxyClient, "", ""},
		{"kube-proxy", "kubeconfig", HoldsKubeconfig, RoleProxyClient, "", ""},
		{"kubelet", "kubeconfig", HoldsKubeconfig, RoleKubeletClient, "", "runs without an API server"},
		{"kubelet", "client-ca-file", HoldsBundle, RoleKubernetesCA, "", "client certificates are not accepted"},
		{"kubelet", "tls-cert-file", HoldsCertificate, RoleKubeletServing, "tls-private-key-file", ""},
		{"kubelet", "tls-private-key-file", HoldsPrivateKey, RoleKubeletServing, "tls-cert-file", ""},
		{"etcd", "cert-file", HoldsCertificate, RoleEtcdServing, "key-file", "serves clients without TLS"},
		{"etcd", "key-file", HoldsPrivateKey, RoleEtcdServing, "cert-file", ""},
		{"etcd", "trusted-ca-file", HoldsBundle, RoleEtcdCA, "", "client certificates are not demanded"},
		{"etcd", "client-cert-file", HoldsCertificate, RoleEtcdClient, "client-key-file", ""},
		{"etcd", "client-key-file", HoldsPrivateKey, RoleEtcdClient, "client-cert-file", ""},
		{"etcd", "peer-cert-file", HoldsCertificate, RoleEtcdPeer, "peer-key-file", "talks to peers without TLS"},
		{"etcd", "peer-key-file", HoldsPrivateKey, RoleEtcdPeer, "peer-cert-file", ""},
		{"etcd", "peer-trusted-ca-file", HoldsBundle, RoleEtcdCA, "", "peer certificates are not demanded"},
		{"etcd", "peer-client-cert-file", HoldsCertificate, RoleEtcdPeer, "peer-client-key-file", ""},
		{"etcd", "peer-client-key-file", HoldsPrivateKey, RoleEtcdPeer, "peer-client-cert-file", ""},
		{"etcd", "discovery-cert", HoldsCertificate, RoleOutbound, "discovery-key", ""},
		{"etcd", "discovery-key", HoldsPrivateKey, RoleOutbound, "discovery-cert", ""},
		{"etcd", "discovery-cacert", HoldsBundle, RoleOtherCA, "", ""},
	},
)

// fieldUses says what the fields of configuration files hold, by the file's
// kind. Sources: k8s.io/apiserver pkg/apis/apiserver, k8s.io/kubelet
// config/v1beta1, k8s.io/kube-scheduler and kube-proxy config/v1.
var fieldUses = []use{
	{"AdmissionConfiguration", "plugins[].path", HoldsConfig, "", "", ""},
	{"AdmissionConfiguration", "plugins[].configuration.kubeConfigFile", HoldsKubeconfig, RoleOutbound, "", ""},
	{"AdmissionConfiguration", "plugins[].configuration.imagePolicy.kubeConfigFile", HoldsKubeconfig, RoleOutbound, "", ""},
	{"WebhookAdmissionConfiguration", "kubeConfigFile", HoldsKubeconfig, RoleOutbound, "", ""},
	{"WebhookAdmission", "kubeConfigFile", HoldsKubeconfig, RoleOutbound, "", ""},
	{"", "imagePolicy.kubeConfigFile", HoldsKubeconfig, RoleOutbound, "", ""},
	{"AuthorizationConfiguration", "authorizers[].webhook.connectionInfo.kubeConfigFile", HoldsKubeconfig, RoleOutbound, "", ""},
	{"AuthenticationConfiguration", "jwt[].issuer.certificateAuthority", HoldsBundle, RoleOtherCA, "", ""},
	{"EgressSelectorConfiguration", "egressSelections[].connection.transport.tcp.tlsConfig.caBundle", HoldsBundle, RoleOtherCA, "", ""},
	{"EgressSelectorConfiguration", "egressSelections[].connection.transport.tcp.tlsConfig.clientCert", HoldsCertificate, RoleOutbound, "clientKey", ""},
	{"EgressSelectorConfiguration", "egressSelections[].connection.transport.tcp.tlsConfig.clientKey", HoldsPrivateKey, RoleOutbound, "clientCert", ""},
	{"KubeSchedulerConfiguration", "clientConnection.kubeconfig", HoldsKubeconfig, RoleSchedulerClient, "", ""},
	{"KubeProxyConfiguration", "clientConnection.kubeconfig", HoldsKubeconfig, RoleProxyClient, "", ""},
}

// kubeletSettings maps fields of the KubeletConfiguration to the flags that say
// the same, so that the rest of this package knows one word for each. Source:
// k8s.io/kubelet config/v1beta1, cmd/kubelet/app/options/options.go.
var kubeletSettings = []struct{ field, flag string }{
	{"authentication.x509.clientCAFile", "client-ca-file"},
	{"tlsCertFile", "tls-cert-file"},
	{"tlsPrivateKeyFile", "tls-private-key-file"},
	{"rotateCertificates", "rotate-certificates"},
	{"serverTLSBootstrap", "rotate-server-certificates"},
	{"staticPodPath", "pod-manifest-path"},
	{"clusterDomain", "cluster-domain"},
	{"address", "address"},
	{"port", "port"},
}

// etcdSections maps the sections of etcd's --config-file to the prefix that
// their keys have as flags. Source: etcd server/embed/config.go.
var etcdSections = []struct{ section, prefix string }{
	{"", ""},
	{"client-transport-security.", ""},
	{"peer-transport-security.", "peer-"},
}

// knownFile is a file of kubeadm's that no component has to name. path is
// below the certificates folder, or below /etc/kubernetes for a kubeconfig.
type knownFile struct {
	path  string
	holds Holding
	role  string
	pair  string
	// required: its absence is worth a finding while etcd runs on the node.
	required bool
}

// knownFiles of kubeadm. Source: kubernetes
// cmd/kubeadm/app/phases/certs/certlist.go, cmd/kubeadm/app/constants/constants.go.
var knownFiles = []knownFile{
	{"ca.crt", HoldsBundle, RoleKubernetesCA, "ca.key", false},
	{"ca.key", HoldsSignerKey, RoleKubernetesCA, "ca.crt", false},
	{"front-proxy-ca.crt", HoldsBundle, RoleFrontProxyCA, "front-proxy-ca.key", false},
	{"front-proxy-ca.key", HoldsSignerKey, RoleFrontProxyCA, "front-proxy-ca.crt", false},
	{"etcd/ca.crt", HoldsBundle, RoleEtcdCA, "etcd/ca.key", false},
	{"etcd/ca.key", HoldsSignerKey, RoleEtcdCA, "etcd/ca.crt", false},
	{"apiserver.crt", HoldsCertificate, RoleAPIServerServing, "apiserver.key", false},
	{"apiserver.key", HoldsPrivateKey, RoleAPIServerServing, "apiserver.crt", false},
	{"apiserver-kubelet-client.crt", HoldsCertificate, RoleAPIServerKubelet, "apiserver-kubelet-client.key", false},
	{"apiserver-kubelet-client.key", HoldsPrivateKey, RoleAPIServerKubelet, "apiserver-kubelet-client.crt", false},
	{"apiserver-etcd-client.crt", HoldsCertificate, RoleAPIServerEtcd, "apiserver-etcd-client.key", false},
	{"apiserver-etcd-client.key", HoldsPrivateKey, RoleAPIServerEtcd, "apiserver-etcd-client.crt", false},
	{"front-proxy-client.crt", HoldsCertificate, RoleFrontProxyClient, "front-proxy-client.key", false},
	{"front-proxy-client.key", HoldsPrivateKey, RoleFrontProxyClient, "front-proxy-client.crt", false},
	{"etcd/server.crt", HoldsCertificate, RoleEtcdServing, "etcd/server.key", false},
	{"etcd/server.key", HoldsPrivateKey, RoleEtcdServing, "etcd/server.crt", false},
	{"etcd/peer.crt", HoldsCertificate, RoleEtcdPeer, "etcd/peer.key", false},
	{"etcd/peer.key", HoldsPrivateKey, RoleEtcdPeer, "etcd/peer.crt", false},
	{"etcd/healthcheck-client.crt", HoldsCertificate, RoleEtcdHealthcheck, "etcd/healthcheck-client.key", true},
	{"etcd/healthcheck-client.key", HoldsPrivateKey, RoleEtcdHealthcheck, "etcd/healthcheck-client.crt", true},
	{"sa.key", HoldsTokenKey, "", "", false},
	{"sa.pub", HoldsTokenVerifier, "", "", false},
	{"admin.conf", HoldsKubeconfig, RoleAdmin, "", false},
	{"super-admin.conf", HoldsKubeconfig, RoleSuperAdmin, "", false},
	{"controller-manager.conf", HoldsKubeconfig, RoleControllerClient, "", false},
	{"scheduler.conf", HoldsKubeconfig, RoleSchedulerClient, "", false},
}

func concat(parts ...[]use) []use {
	var all []use
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// usesOf returns the rows for a component or a kind of configuration file.
func usesOf(table []use, component string) []use {
	var out []use
	for _, u := range table {
		if u.component == component {
			out = append(out, u)
		}
	}
	return out
}
