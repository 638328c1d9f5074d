package inventory

import (
	"slices"

	"certaudit/parsers"
)

// The components.
const (
	APIServer         = "kube-apiserver"
	ControllerManager = "kube-controller-manager"
	Scheduler         = "kube-scheduler"
	Proxy             = "kube-proxy"
	Kubelet           = "kubelet"
	Etcd              = "etcd"
)

// programs has one row for each component. Sources of the flags: kubernetes
// cmd/kube-apiserver/app/options, pkg/kubeapiserver/options/authentication.go,
// cmd/kube-controller-manager/app/options, cmd/kubelet/app/options/options.go;
// k8s.io/apiserver pkg/server/options; etcd server/embed/config.go. Of the fields:
// k8s.io/apiserver pkg/apis/apiserver, k8s.io/kubelet config/v1beta1,
// k8s.io/kube-scheduler and kube-proxy config/v1. Of what is read once:
// kubernetes#79083, #84200, #124574; etcd client/pkg/transport.
var programs = []Program{
	{
		Name: APIServer, Executables: []string{"apiserver"}, UnitWords: []string{"kube", "apiserver"},
		Flags: slices.Concat(
			servingFlags(RoleAPIServerServing),
			[]Flag{
				{Name: "tls-sni-cert-key", Holds: HoldsCertificate, Role: RoleAPIServerSNI, Repeats: true},
				{Name: "client-ca-file", Holds: HoldsBundle, Role: RoleKubernetesCA},
				{Name: "requestheader-client-ca-file", Holds: HoldsBundle, Role: RoleFrontProxyCA},
				{Name: "proxy-client-cert-file", Holds: HoldsCertificate, Role: RoleFrontProxyClient, Pair: "proxy-client-key-file"},
				{Name: "proxy-client-key-file", Holds: HoldsPrivateKey, Role: RoleFrontProxyClient, Pair: "proxy-client-cert-file"},
				{Name: "kubelet-client-certificate", Holds: HoldsCertificate, Role: RoleAPIServerKubelet, Pair: "kubelet-client-key"},
				{Name: "kubelet-client-key", Holds: HoldsPrivateKey, Role: RoleAPIServerKubelet, Pair: "kubelet-client-certificate"},
				{Name: "kubelet-certificate-authority", Holds: HoldsBundle, Role: RoleOtherCA},
				{Name: "etcd-cafile", Holds: HoldsBundle, Role: RoleEtcdCA, ReadOnce: true},
				{Name: "etcd-certfile", Holds: HoldsCertificate, Role: RoleAPIServerEtcd, Pair: "etcd-keyfile"},
				{Name: "etcd-keyfile", Holds: HoldsPrivateKey, Role: RoleAPIServerEtcd, Pair: "etcd-certfile"},
				{Name: "oidc-ca-file", Holds: HoldsBundle, Role: RoleOtherCA},
				{Name: "peer-ca-file", Holds: HoldsBundle, Role: RoleOtherCA},
				{Name: "service-account-key-file", Holds: HoldsTokenVerifier, Repeats: true, ReadOnce: true},
				{Name: "service-account-signing-key-file", Holds: HoldsTokenKey, ReadOnce: true},
				{Name: "authentication-token-webhook-config-file", Holds: HoldsKubeconfig, Role: RoleOutbound},
				{Name: "authorization-webhook-config-file", Holds: HoldsKubeconfig, Role: RoleOutbound},
				{Name: "audit-webhook-config-file", Holds: HoldsKubeconfig, Role: RoleOutbound},
				{Name: "authentication-config", Holds: HoldsConfig},
				{Name: "authorization-config", Holds: HoldsConfig},
				{Name: "admission-control-config-file", Holds: HoldsConfig},
				{Name: "egress-selector-config-file", Holds: HoldsConfig},
				{Name: "advertise-address"},
				{Name: "bind-address", Default: "0.0.0.0"},
				{Name: "secure-port", Default: "6443"},
				{Name: "etcd-servers"},
				{Name: "etcd-servers-overrides"},
				{Name: "oidc-issuer-url"},
				{Name: "requestheader-allowed-names"},
				{Name: "service-account-issuer"},
				{Name: "service-cluster-ip-range"},
			}),
		Switches: []string{"allow-privileged", "anonymous-auth", "audit-log-compress", "audit-log-truncate-enabled",
			"contention-profiling", "disable-http2-serving", "enable-aggregator-routing",
			"enable-bootstrap-token-auth", "enable-garbage-collector", "enable-logs-handler",
			"enable-priority-and-fairness", "enable-swagger-ui", "encryption-provider-config-automatic-reload",
			"kubelet-https", "permit-address-sharing", "permit-port-sharing", "profiling",
			"service-account-extend-token-expiration", "service-account-lookup", "shutdown-send-retry-after",
			"watch-cache"},
		Fields: []Field{
			{Kind: "AdmissionConfiguration", Field: "plugins[].path", Holds: HoldsConfig},
			{Kind: "AdmissionConfiguration", Field: "plugins[].configuration.kubeConfigFile", Holds: HoldsKubeconfig, Role: RoleOutbound},
			{Kind: "AdmissionConfiguration", Field: "plugins[].configuration.imagePolicy.kubeConfigFile", Holds: HoldsKubeconfig, Role: RoleOutbound},
			{Kind: "WebhookAdmissionConfiguration", Field: "kubeConfigFile", Holds: HoldsKubeconfig, Role: RoleOutbound},
			{Kind: "WebhookAdmission", Field: "kubeConfigFile", Holds: HoldsKubeconfig, Role: RoleOutbound},
			{Kind: "", Field: "imagePolicy.kubeConfigFile", Holds: HoldsKubeconfig, Role: RoleOutbound},
			{Kind: "AuthorizationConfiguration", Field: "authorizers[].webhook.connectionInfo.kubeConfigFile", Holds: HoldsKubeconfig, Role: RoleOutbound},
			{Kind: "AuthenticationConfiguration", Field: "jwt[].issuer.certificateAuthority", Holds: HoldsBundle, Role: RoleOtherCA},
			{Kind: "EgressSelectorConfiguration", Field: "egressSelections[].connection.transport.tcp.tlsConfig.caBundle", Holds: HoldsBundle, Role: RoleOtherCA},
			{Kind: "EgressSelectorConfiguration", Field: "egressSelections[].connection.transport.tcp.tlsConfig.clientCert", Holds: HoldsCertificate, Role: RoleOutbound, Pair: "clientKey"},
			{Kind: "EgressSelectorConfiguration", Field: "egressSelections[].connection.transport.tcp.tlsConfig.clientKey", Holds: HoldsPrivateKey, Role: RoleOutbound, Pair: "clientCert"},
		},
		Listeners: []Listener{{Address: "bind-address", Port: "secure-port", Certificate: "tls-cert-file"}},
		Reload:    rereadEveryMinute,
	},
	{
		Name: ControllerManager, Executables: []string{"controller-manager"}, UnitWords: []string{"kube", "controller-manager"},
		Flags: slices.Concat(
			servingFlags(RoleControllerServe), delegationFlags(RoleControllerClient),
			[]Flag{
				{Name: "root-ca-file", Holds: HoldsBundle, Role: RoleKubernetesCA},
				{Name: "service-account-private-key-file", Holds: HoldsTokenKey, ReadOnce: true},
			},
			signerFlags(""), signerFlags("kubelet-serving-"), signerFlags("kubelet-client-"),
			signerFlags("kube-apiserver-client-"), signerFlags("legacy-unknown-"),
			[]Flag{
				{Name: "bind-address", Default: "0.0.0.0"},
				{Name: "secure-port", Default: "10257"},
				{Name: "controllers"},
				{Name: "cluster-signing-duration"},
				{Name: "experimental-cluster-signing-duration"},
			}),
		Switches: []string{"allocate-node-cidrs", "authentication-skip-lookup", "authentication-tolerate-lookup-failure",
			"configure-cloud-routes", "disable-attach-detach-reconcile-sync", "enable-dynamic-provisioning",
			"enable-leader-migration", "leader-elect", "use-service-account-credentials"},
		Listeners: []Listener{{Address: "bind-address", Port: "secure-port", Certificate: "tls-cert-file"}},
		Reload:    rereadEveryMinute,
	},
	{
		Name: Scheduler, Executables: []string{"scheduler"}, UnitWords: []string{"kube", "scheduler"},
		Flags: slices.Concat(
			servingFlags(RoleSchedulerServe), delegationFlags(RoleSchedulerClient),
			[]Flag{
				{Name: "config", Holds: HoldsConfig, Role: RoleSchedulerClient},
				{Name: "bind-address", Default: "0.0.0.0"},
				{Name: "secure-port", Default: "10259"},
			}),
		Fields: []Field{
			{Kind: "KubeSchedulerConfiguration", Field: "clientConnection.kubeconfig", Holds: HoldsKubeconfig, Role: RoleSchedulerClient},
		},
		Listeners: []Listener{{Address: "bind-address", Port: "secure-port", Certificate: "tls-cert-file"}},
		Reload:    rereadEveryMinute,
	},
	{
		Name: Proxy, Executables: []string{"proxy"}, UnitWords: []string{"kube"},
		Flags: []Flag{
			{Name: "config", Holds: HoldsConfig, Role: RoleProxyClient},
			{Name: "kubeconfig", Holds: HoldsKubeconfig, Role: RoleProxyClient},
		},
		Switches: []string{"bind-address-hard-fail", "cleanup", "masquerade-all"},
		Fields: []Field{
			{Kind: "KubeProxyConfiguration", Field: "clientConnection.kubeconfig", Holds: HoldsKubeconfig, Role: RoleProxyClient},
		},
	},
	{
		Name: Kubelet, UnitWords: []string{"kube"},
		Flags: []Flag{
			{Name: "kubeconfig", Holds: HoldsKubeconfig, Role: RoleKubeletClient},
			{Name: "client-ca-file", Field: "authentication.x509.clientCAFile", Holds: HoldsBundle, Role: RoleKubernetesCA},
			{Name: "tls-cert-file", Field: "tlsCertFile", Holds: HoldsCertificate, Role: RoleKubeletServing, Pair: "tls-private-key-file", ReadOnce: true, Rereads: "1.31"},
			{Name: "tls-private-key-file", Field: "tlsPrivateKeyFile", Holds: HoldsPrivateKey, Role: RoleKubeletServing, Pair: "tls-cert-file"},
			{Name: "rotate-certificates", Field: "rotateCertificates", Switch: true},
			{Name: "rotate-server-certificates", Field: "serverTLSBootstrap", Switch: true},
			{Name: "pod-manifest-path", Field: "staticPodPath", Default: "/etc/kubernetes/manifests"},
			{Name: "cluster-domain", Field: "clusterDomain"},
			{Name: "address", Field: "address", Default: "0.0.0.0"},
			{Name: "port", Field: "port", Default: "10250"},
			{Name: "bootstrap-kubeconfig"},
			{Name: "cert-dir", Default: KubeletCertDir},
			{Name: "cloud-provider"},
			{Name: "config"},
			{Name: "config-dir"},
			{Name: "hostname-override"},
			{Name: "node-ip"},
		},
		Switches: []string{"cgroups-per-qos", "enable-controller-attach-detach", "enable-debugging-handlers", "enable-server",
			"exit-on-lock-contention", "fail-swap-on", "kernel-memcg-notification", "make-iptables-util-chains",
			"protect-kernel-defaults", "register-node", "register-schedulable", "require-kubeconfig",
			"runonce", "seccomp-default", "serialize-image-pulls"},
		Listeners: []Listener{{Address: "address", Port: "port"}},
		Reload:    "It reads the file at its start; only from 1.31 on it takes up a new one by itself.",
	},
	{
		Name: Etcd, UnitWords: []string{"etcd"}, Environment: "ETCD_",
		Flags: []Flag{
			{Name: "cert-file", Holds: HoldsCertificate, Role: RoleEtcdServing, Pair: "key-file"},
			{Name: "key-file", Holds: HoldsPrivateKey, Role: RoleEtcdServing, Pair: "cert-file"},
			{Name: "trusted-ca-file", Holds: HoldsBundle, Role: RoleEtcdCA, ReadOnce: true},
			{Name: "client-cert-file", Holds: HoldsCertificate, Role: RoleEtcdClient, Pair: "client-key-file"},
			{Name: "client-key-file", Holds: HoldsPrivateKey, Role: RoleEtcdClient, Pair: "client-cert-file"},
			{Name: "peer-cert-file", Holds: HoldsCertificate, Role: RoleEtcdPeer, Pair: "peer-key-file"},
			{Name: "peer-key-file", Holds: HoldsPrivateKey, Role: RoleEtcdPeer, Pair: "peer-cert-file"},
			{Name: "peer-trusted-ca-file", Holds: HoldsBundle, Role: RoleEtcdCA, ReadOnce: true},
			{Name: "peer-client-cert-file", Holds: HoldsCertificate, Role: RoleEtcdPeer, Pair: "peer-client-key-file"},
			{Name: "peer-client-key-file", Holds: HoldsPrivateKey, Role: RoleEtcdPeer, Pair: "peer-client-cert-file"},
			{Name: "discovery-cert", Holds: HoldsCertificate, Role: RoleOutbound, Pair: "discovery-key"},
			{Name: "discovery-key", Holds: HoldsPrivateKey, Role: RoleOutbound, Pair: "discovery-cert"},
			{Name: "discovery-cacert", Holds: HoldsBundle, Role: RoleOtherCA},
			{Name: "name"},
			{Name: "config-file"},
			{Name: "listen-client-urls"},
			{Name: "listen-peer-urls"},
			{Name: "advertise-client-urls"},
			{Name: "initial-advertise-peer-urls"},
			{Name: "initial-cluster"},
			{Name: "client-cert-auth", Switch: true},
			{Name: "client-cert-allowed-hostname"},
			{Name: "peer-client-cert-auth", Switch: true},
			{Name: "peer-cert-allowed-cn"},
			{Name: "peer-cert-allowed-hostname"},
		},
		Switches: []string{"auto-tls", "debug", "enable-grpc-gateway", "enable-log-rotation", "enable-pprof",
			"enable-v2", "experimental-compact-hash-check-enabled", "experimental-enable-distributed-tracing",
			"experimental-enable-lease-checkpoint", "experimental-initial-corrupt-check", "experimental-memory-mlock",
			"experimental-peer-skip-client-san-verification", "experimental-stop-grpc-service-on-defrag",
			"force-new-cluster", "initial-election-tick-advance", "peer-auto-tls", "pre-vote",
			"socket-reuse-address", "socket-reuse-port", "strict-reconfig-check", "unsafe-no-fsync"},
		ConfigSections: []ConfigSection{
			{Section: ""},
			{Section: "client-transport-security."},
			{Section: "peer-transport-security.", Prefix: "peer-"},
		},
		Listeners: []Listener{
			{URLs: "listen-client-urls", Certificate: "cert-file"},
			{URLs: "listen-peer-urls", Certificate: "peer-cert-file"},
		},
		Reload: "It reads the file at every handshake: it sees another file, or another process listens there.",
	},
}

const rereadEveryMinute = "It reads the file again every minute: if it still does not, it sees another file, or another process listens there."

// commonSwitches are those of logging and help, which all components have.
var commonSwitches = []string{"add-dir-header", "alsologtostderr", "help", "logtostderr", "one-output", "skip-headers",
	"skip-log-headers", "version"}

// wrappers are programs that run the rest of their command line.
var wrappers = map[string]parsers.Wrapper{
	"exec":            {Valued: []string{"-a"}},
	"env":             {Valued: []string{"-u", "--unset", "-C", "--chdir"}, Assignments: true},
	"nice":            {Valued: []string{"-n", "--adjustment"}},
	"ionice":          {Valued: []string{"-c", "--class", "-n", "--classdata"}},
	"chroot":          {Operands: 1},
	"nsenter":         {Valued: []string{"-t", "--target", "-S", "--setuid", "-G", "--setgid"}},
	"dumb-init":       {Valued: []string{"-r", "--rewrite"}},
	"tini":            {Valued: []string{"-p", "-e"}},
	"flock":           {Valued: []string{"-w", "--wait", "--timeout", "-E", "--conflict-exit-code"}, Operands: 1},
	"kube-log-runner": logRunner,
	"go-runner":       logRunner,
	"hyperkube":       {}, // its first word is the component
}

// logRunner is that of the images of Kubernetes (k8s.io/component-base
// logs/kube-log-runner).
var logRunner = parsers.Wrapper{Valued: []string{"-log-file", "--log-file", "-log-file-size", "--log-file-size",
	"-flush-interval", "--flush-interval"}}

// servingFlags are those by which the API server, the controller-manager and the
// scheduler name what they serve (k8s.io/apiserver pkg/server/options).
func servingFlags(role string) []Flag {
	return []Flag{
		{Name: "tls-cert-file", Holds: HoldsCertificate, Role: role, Pair: "tls-private-key-file"},
		{Name: "tls-private-key-file", Holds: HoldsPrivateKey, Role: role, Pair: "tls-cert-file"},
	}
}

// delegationFlags are those of a component that asks the API server who its own
// callers are. Without the two CAs it looks them up in the ConfigMap
// kube-system/extension-apiserver-authentication.
func delegationFlags(role string) []Flag {
	return []Flag{
		{Name: "kubeconfig", Holds: HoldsKubeconfig, Role: role, ReadOnce: true},
		{Name: "authentication-kubeconfig", Holds: HoldsKubeconfig, Role: role},
		{Name: "authorization-kubeconfig", Holds: HoldsKubeconfig, Role: role},
		{Name: "client-ca-file", Holds: HoldsBundle, Role: RoleKubernetesCA},
		{Name: "requestheader-client-ca-file", Holds: HoldsBundle, Role: RoleFrontProxyCA},
	}
}

// signerFlags are those of one signer of kube-controller-manager, "" for all.
func signerFlags(signer string) []Flag {
	cert, key := "cluster-signing-"+signer+"cert-file", "cluster-signing-"+signer+"key-file"
	return []Flag{
		{Name: cert, Holds: HoldsSigner, Role: RoleKubernetesCA, Pair: key},
		{Name: key, Holds: HoldsSignerKey, Role: RoleKubernetesCA, Pair: cert},
	}
}
