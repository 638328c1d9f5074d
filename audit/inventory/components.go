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
//
// Since and Until compare these sources at v1.19.16, v1.20.15 and so on to
// v1.37.2, and etcd's server/embed/config.go and etcdmain/config.go at 3.4.13,
// 3.5.24, 3.6.8 and 3.7.0. What left before the first of them has its number,
// unless a release note says more: #89069 (--basic-auth-file), #58367
// (--require-kubeconfig).
var programs = []Program{
	{
		Name: APIServer, Executables: []string{"apiserver"}, UnitWords: []string{"kube", "apiserver"}, Since: "1.20", Until: "1.38",
		KeptPair: "apiserver",
		Flags: slices.Concat(
			servingFlags(RoleAPIServerServing, RoleAPIServerSNI, "/var/run/kubernetes"), requestHeaderFlags,
			[]Flag{
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
				{Name: "peer-ca-file", Holds: HoldsBundle, Role: RoleOtherCA, Since: "1.28"},
				{Name: "service-account-key-file", Holds: HoldsTokenVerifier, Repeats: true, ReadOnce: true},
				{Name: "service-account-signing-key-file", Holds: HoldsTokenKey, ReadOnce: true},
				{Name: "authentication-token-webhook-config-file", Holds: HoldsKubeconfig, Role: RoleOutbound},
				{Name: "authorization-webhook-config-file", Holds: HoldsKubeconfig, Role: RoleOutbound},
				{Name: "audit-webhook-config-file", Holds: HoldsKubeconfig, Role: RoleOutbound},
				{Name: "authentication-config", Holds: HoldsConfig, Since: "1.29"},
				{Name: "authorization-config", Holds: HoldsConfig, Since: "1.29"},
				{Name: "admission-control-config-file", Holds: HoldsConfig},
				{Name: "admission-control"},
				{Name: "disable-admission-plugins"},
				{Name: "egress-selector-config-file", Holds: HoldsConfig},
				{Name: "openshift-config", Holds: HoldsConfig},
				{Name: "advertise-address"},
				{Name: "bind-address", Default: "0.0.0.0"},
				{Name: "secure-port", Default: "6443"},
				{Name: "kubelet-preferred-address-types", Default: "Hostname,InternalDNS,InternalIP,ExternalDNS,ExternalIP"},
				{Name: "etcd-servers"},
				{Name: "etcd-servers-overrides"},
				{Name: "oidc-issuer-url"},
				{Name: "oidc-client-id"},
				// kubernetes pkg/kubeapiserver/options/authentication.go AddFlags
				{Name: "oidc-signing-algs", Repeats: true, Default: "RS256"},
				{Name: "oidc-username-claim", Default: "sub"},
				{Name: "oidc-username-prefix"},
				{Name: "oidc-groups-claim"},
				{Name: "oidc-groups-prefix"},
				{Name: "oidc-required-claim", Repeats: true},
				{Name: "api-audiences", Repeats: true},
				{Name: "requestheader-allowed-names"},
				{Name: "service-account-issuer"},
				{Name: "service-account-signing-endpoint", Since: "1.32"},
				{Name: "service-account-jwks-uri"},
				{Name: "service-account-lookup", Switch: true},
				{Name: "service-account-extend-token-expiration", Switch: true},
				{Name: "service-account-max-token-expiration"},
				// kubernetes pkg/kubeapiserver/options DefaultServiceIPCIDR
				{Name: "service-cluster-ip-range", Default: "10.0.0.0/24"},
				{Name: "anonymous-auth", Switch: true, Default: "true"},
				{Name: "enable-bootstrap-token-auth", Switch: true},
				{Name: "authentication-token-webhook-cache-ttl"},
				{Name: "authentication-token-webhook-version"},
				{Name: "authorization-mode"},
				{Name: "token-auth-file"},
				{Name: "encryption-provider-config"},
				{Name: "encryption-provider-config-automatic-reload", Switch: true, Since: "1.26"},
				{Name: "kubelet-port"},
				{Name: "kubelet-timeout"},
				{Name: "peer-advertise-ip", Since: "1.28"},
				{Name: "peer-advertise-port", Since: "1.28"},
				{Name: "etcd-prefix"},

				{Name: "insecure-port", Until: "1.24"},
				{Name: "port", Until: "1.24"},
				{Name: "insecure-bind-address", Until: "1.24"},
				{Name: "address", Until: "1.24"},
				{Name: "kubelet-https", Switch: true, Until: "1.22"},
				{Name: "ssh-keyfile", Until: "1.22"},
				{Name: "ssh-user", Until: "1.22"},
				{Name: "experimental-encryption-provider-config", Until: "1.24", Instead: "encryption-provider-config"},
				{Name: "service-account-api-audiences", Until: "1.25", Instead: "api-audiences"},
				{Name: "basic-auth-file", Until: "1.19"},
				{Name: "tls-ca-file", Until: "1.19"},
				{Name: "experimental-keystone-url", Until: "1.19"},
				{Name: "experimental-keystone-ca-file", Until: "1.19"},
				{Name: "experimental-bootstrap-token-auth", Switch: true, Until: "1.19", Instead: "enable-bootstrap-token-auth"},
				{Name: "insecure-allow-any-token", Switch: true, Until: "1.19"},
				{Name: "google-json-key", Until: "1.19"},
			}),
		Switches: []string{"allow-privileged", "audit-log-compress", "audit-log-truncate-enabled",
			"contention-profiling", "disable-http2-serving", "enable-aggregator-routing",
			"enable-garbage-collector", "enable-logs-handler",
			"enable-priority-and-fairness", "enable-swagger-ui",
			"permit-address-sharing", "permit-port-sharing", "profiling",
			"shutdown-send-retry-after", "watch-cache"},
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
		// OpenShift's KubeAPIServerConfig: openshift/kubernetes
		// openshift-kube-apiserver/openshiftkubeapiserver/flags.go.
		ConfigFlag: "openshift-config", ConfigSections: []ConfigSection{{Section: "apiServerArguments."}},
		ConfigFields: []ConfigField{
			{"servingInfo.certFile", "tls-cert-file"}, {"servingInfo.keyFile", "tls-private-key-file"}, {"servingInfo.clientCA", "client-ca-file"},
			{"kubeletClientInfo.ca", "kubelet-certificate-authority"}, {"kubeletClientInfo.certFile", "kubelet-client-certificate"}, {"kubeletClientInfo.keyFile", "kubelet-client-key"},
			{"aggregatorConfig.proxyClientInfo.certFile", "proxy-client-cert-file"}, {"aggregatorConfig.proxyClientInfo.keyFile", "proxy-client-key-file"},
			{"authConfig.requestHeader.clientCA", "requestheader-client-ca-file"}, {"authConfig.requestHeader.clientCommonNames[]", "requestheader-allowed-names"},
			{"storageConfig.ca", "etcd-cafile"}, {"storageConfig.certFile", "etcd-certfile"}, {"storageConfig.keyFile", "etcd-keyfile"}, {"storageConfig.urls[]", "etcd-servers"},
			{"serviceAccountPublicKeyFiles[]", "service-account-key-file"}, {"servicesSubnet", "service-cluster-ip-range"},
		},
		ConfigPairs: "servingInfo.namedCertificates",
		Listeners:   []Listener{{Address: "bind-address", Port: "secure-port", Certificate: "tls-cert-file"}},
		Reload:      rereadEveryMinute,
	},
	{
		Name: ControllerManager, Executables: []string{"controller-manager"}, UnitWords: []string{"kube", "controller-manager"}, Since: "1.20", Until: "1.38",
		KeptPair: "kube-controller-manager",
		Flags: slices.Concat(
			servingFlags(RoleControllerServe, RoleControllerServe, ""), delegationFlags(RoleControllerClient), requestHeaderFlags,
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
				{Name: "service-cluster-ip-range"},
				{Name: "allocate-node-cidrs", Switch: true},
				{Name: "concurrent-serviceaccount-token-syncs"},
				{Name: "legacy-service-account-token-clean-up-period", Since: "1.28"},

				{Name: "experimental-cluster-signing-duration", Until: "1.25", Instead: "cluster-signing-duration"},
				{Name: "address", Until: "1.24", Instead: "bind-address"},
				{Name: "port", Until: "1.24"},
				{Name: "insecure-experimental-approve-all-kubelet-csrs-for-group", Until: "1.19"},
				{Name: "google-json-key", Until: "1.19"},
			}),
		Switches: []string{"configure-cloud-routes", "disable-attach-detach-reconcile-sync", "enable-dynamic-provisioning",
			"enable-leader-migration", "leader-elect", "use-service-account-credentials"},
		Listeners: []Listener{{Address: "bind-address", Port: "secure-port", Certificate: "tls-cert-file"}},
		Reload:    rereadEveryMinute,
	},
	{
		Name: Scheduler, Executables: []string{"scheduler"}, UnitWords: []string{"kube", "scheduler"}, Since: "1.20", Until: "1.38",
		KeptPair: "kube-scheduler",
		Flags: slices.Concat(
			servingFlags(RoleSchedulerServe, RoleSchedulerServe, ""), delegationFlags(RoleSchedulerClient), requestHeaderFlags,
			[]Flag{
				{Name: "config", Holds: HoldsConfig, Role: RoleSchedulerClient},
				{Name: "bind-address", Default: "0.0.0.0"},
				{Name: "secure-port", Default: "10259"},

				{Name: "address", Until: "1.24", Instead: "bind-address"},
				{Name: "port", Until: "1.24"},
				{Name: "google-json-key", Until: "1.19"},
			}),
		// kubernetes pkg/scheduler/apis/config/scheme.
		ConfigKind: "KubeSchedulerConfiguration", StrictConfig: true,
		Fields: []Field{
			{Kind: "KubeSchedulerConfiguration", Field: "clientConnection.kubeconfig", Holds: HoldsKubeconfig, Role: RoleSchedulerClient},
		},
		Listeners: []Listener{{Address: "bind-address", Port: "secure-port", Certificate: "tls-cert-file"}},
		Reload:    rereadEveryMinute,
	},
	{
		Name: Proxy, Executables: []string{"proxy"}, UnitWords: []string{"kube"}, Since: "1.20", Until: "1.38",
		Flags: []Flag{
			{Name: "config", Holds: HoldsConfig, Role: RoleProxyClient},
			{Name: "kubeconfig", Holds: HoldsKubeconfig, Role: RoleProxyClient},
			{Name: "master"},
			{Name: "google-json-key", Until: "1.19"},
		},
		Switches:   []string{"bind-address-hard-fail", "cleanup", "masquerade-all"},
		ConfigKind: "KubeProxyConfiguration",
		Fields: []Field{
			{Kind: "KubeProxyConfiguration", Field: "clientConnection.kubeconfig", Holds: HoldsKubeconfig, Role: RoleProxyClient},
		},
	},
	{
		Name: Kubelet, UnitWords: []string{"kube"}, Since: "1.20", Until: "1.38",
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
			{Name: "config-dir", Since: "1.28"},
			{Name: "hostname-override"},
			{Name: "node-ip"},
			// The defaults of these three depend on whether there is a
			// configuration file (kubernetes cmd/kubelet/app/options applyLegacyDefaults).
			{Name: "anonymous-auth", Field: "authentication.anonymous.enabled", Switch: true},
			{Name: "authentication-token-webhook", Field: "authentication.webhook.enabled", Switch: true},
			{Name: "authorization-mode", Field: "authorization.mode"},
			{Name: "authentication-token-webhook-cache-ttl"},
			{Name: "tls-cipher-suites"},
			{Name: "tls-min-version"},
			{Name: "read-only-port"},

			{Name: "experimental-bootstrap-kubeconfig", Until: "1.23", Instead: "bootstrap-kubeconfig"},
			{Name: "require-kubeconfig", Switch: true, Until: "1.10"},
			{Name: "api-servers", Until: "1.19"},
			{Name: "auth-path", Until: "1.19"},
			{Name: "cadvisor-port", Until: "1.19"},
			{Name: "google-json-key", Until: "1.19"},
			{Name: "enable-cadvisor-json-endpoints", Switch: true, Until: "1.21"},
			{Name: "docker-tls", Switch: true, Until: "1.24"},
			{Name: "docker-tls-ca", Until: "1.24"},
			{Name: "docker-tls-cert", Until: "1.24"},
			{Name: "docker-tls-key", Until: "1.24"},
			{Name: "network-plugin", Until: "1.24"},
			{Name: "cni-bin-dir", Until: "1.24"},
			{Name: "cni-conf-dir", Until: "1.24"},
			{Name: "container-runtime", Until: "1.27"},
		},
		Switches: []string{"cgroups-per-qos", "enable-controller-attach-detach", "enable-debugging-handlers", "enable-server",
			"exit-on-lock-contention", "fail-swap-on", "kernel-memcg-notification", "make-iptables-util-chains",
			"protect-kernel-defaults", "register-node", "register-schedulable", "runonce",
			"seccomp-default", "serialize-image-pulls"},
		// What it does not know it logs (kubernetes pkg/kubelet/kubeletconfig/util/codec).
		ConfigKind: "KubeletConfiguration",
		Listeners:  []Listener{{Address: "address", Port: "port"}},
		Reload:     "It reads the file at its start; only from 1.31 on it takes up a new one by itself.",
	},
	{
		Name: Etcd, UnitWords: []string{"etcd"}, Environment: "ETCD_", Since: "3.4", Until: "3.8",
		Flags: []Flag{
			{Name: "cert-file", Holds: HoldsCertificate, Role: RoleEtcdServing, Pair: "key-file"},
			{Name: "key-file", Holds: HoldsPrivateKey, Role: RoleEtcdServing, Pair: "cert-file"},
			{Name: "trusted-ca-file", Holds: HoldsBundle, Role: RoleEtcdCA, ReadOnce: true},
			{Name: "client-cert-file", Holds: HoldsCertificate, Role: RoleEtcdClient, Pair: "client-key-file", Since: "3.5"},
			{Name: "client-key-file", Holds: HoldsPrivateKey, Role: RoleEtcdClient, Pair: "client-cert-file", Since: "3.5"},
			{Name: "peer-cert-file", Holds: HoldsCertificate, Role: RoleEtcdPeer, Pair: "peer-key-file"},
			{Name: "peer-key-file", Holds: HoldsPrivateKey, Role: RoleEtcdPeer, Pair: "peer-cert-file"},
			{Name: "peer-trusted-ca-file", Holds: HoldsBundle, Role: RoleEtcdCA, ReadOnce: true},
			{Name: "peer-client-cert-file", Holds: HoldsCertificate, Role: RoleEtcdPeer, Pair: "peer-client-key-file", Since: "3.5"},
			{Name: "peer-client-key-file", Holds: HoldsPrivateKey, Role: RoleEtcdPeer, Pair: "peer-client-cert-file", Since: "3.5"},
			{Name: "discovery-cert", Holds: HoldsCertificate, Role: RoleOutbound, Pair: "discovery-key", Since: "3.6"},
			{Name: "discovery-key", Holds: HoldsPrivateKey, Role: RoleOutbound, Pair: "discovery-cert", Since: "3.6"},
			{Name: "discovery-cacert", Holds: HoldsBundle, Role: RoleOtherCA, Since: "3.6"},
			{Name: "name"},
			{Name: "config-file"},
			{Name: "listen-client-urls", Default: "http://localhost:2379"},
			{Name: "listen-peer-urls"},
			{Name: "advertise-client-urls"},
			{Name: "initial-advertise-peer-urls"},
			{Name: "initial-cluster"},
			{Name: "client-cert-auth", Switch: true},
			{Name: "client-cert-allowed-hostname"},
			{Name: "peer-client-cert-auth", Switch: true},
			{Name: "peer-cert-allowed-cn"},
			{Name: "peer-cert-allowed-hostname"},
			{Name: "client-crl-file"},
			{Name: "peer-crl-file"},
			{Name: "auto-tls", Switch: true},
			{Name: "peer-auto-tls", Switch: true},
			{Name: "self-signed-cert-validity", Since: "3.5"},
			{Name: "cipher-suites"},
			{Name: "tls-min-version"},
			{Name: "tls-max-version"},
			{Name: "auth-token"},
			{Name: "auth-token-ttl"},
			{Name: "listen-metrics-urls"},
			{Name: "listen-client-http-urls"},
			{Name: "peer-skip-client-san-verification", Switch: true, Since: "3.6"},
			{Name: "discovery-insecure-skip-tls-verify", Switch: true, Since: "3.6"},
			{Name: "discovery-insecure-transport", Switch: true, Since: "3.6"},

			{Name: "experimental-peer-skip-client-san-verification", Switch: true, Until: "3.7", Instead: "peer-skip-client-san-verification"},
			{Name: "ca-file", Until: "3.4", Instead: "trusted-ca-file"},
			{Name: "peer-ca-file", Until: "3.4", Instead: "peer-trusted-ca-file"},
		},
		Switches: []string{"debug", "enable-grpc-gateway", "enable-log-rotation", "enable-pprof",
			"enable-v2", "experimental-compact-hash-check-enabled", "experimental-enable-distributed-tracing",
			"experimental-enable-lease-checkpoint", "experimental-initial-corrupt-check", "experimental-memory-mlock",
			"experimental-stop-grpc-service-on-defrag",
			"force-new-cluster", "initial-election-tick-advance", "pre-vote",
			"socket-reuse-address", "socket-reuse-port", "strict-reconfig-check", "unsafe-no-fsync"},
		Modes:      []string{"gateway", "grpc-proxy"}, // etcd server/etcdmain/main.go
		ConfigFlag: "config-file", ConfigAlone: true,  // etcd server/etcdmain/config.go
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

// wrappers are programs that run the rest of their command line. Sources: the
// manual pages of coreutils, util-linux, daemontools, sudo and systemd;
// openshift/library-go test/library/watch-termination, machine-config-operator
// templates/common (kubenswrapper). What is not listed is looked through by
// [parsers.Grammar.Programs].
var wrappers = map[string]parsers.Wrapper{
	"exec":              {Valued: []string{"-a"}},
	"env":               {Valued: []string{"-u", "--unset", "-C", "--chdir"}, Assignments: true},
	"nice":              {Valued: []string{"-n", "--adjustment"}},
	"ionice":            {Valued: []string{"-c", "--class", "-n", "--classdata"}},
	"chrt":              {Valued: []string{"-T", "--sched-runtime", "-P", "--sched-period", "-D", "--sched-deadline"}, Operands: 1},
	"taskset":           {Operands: 1},
	"timeout":           {Valued: []string{"-s", "--signal", "-k", "--kill-after"}, Operands: 1},
	"time":              {Valued: []string{"-f", "--format", "-o", "--output"}},
	"nohup":             {},
	"setsid":            {},
	"stdbuf":            {Valued: []string{"-i", "--input", "-o", "--output", "-e", "--error"}},
	"chroot":            {Operands: 1},
	"nsenter":           {Valued: []string{"-t", "--target", "-S", "--setuid", "-G", "--setgid"}},
	"setpriv":           {Valued: []string{"--reuid", "--ruid", "--euid", "--regid", "--rgid", "--egid", "--groups", "--inh-caps", "--ambient-caps", "--bounding-set", "--securebits", "--pdeathsig", "--selinux-label", "--apparmor-profile"}},
	"sudo":              {Valued: []string{"-u", "--user", "-g", "--group", "-C", "-D", "-R", "-T", "-h", "-p", "-r", "-t"}, Assignments: true},
	"gosu":              {Operands: 1},
	"su-exec":           {Operands: 1},
	"setuidgid":         {Operands: 1},
	"s6-setuidgid":      {Operands: 1},
	"systemd-cat":       {Valued: []string{"-t", "--identifier", "-p", "--priority"}},
	"dumb-init":         {Valued: []string{"-r", "--rewrite"}},
	"tini":              {Valued: []string{"-p", "-e"}},
	"docker-init":       {Valued: []string{"-p", "-e"}},
	"catatonit":         {},
	"flock":             {Valued: []string{"-w", "--wait", "--timeout", "-E", "--conflict-exit-code"}, Operands: 1},
	"watch-termination": {},
	"kubenswrapper":     {},
	"kube-log-runner":   logRunner,
	"go-runner":         logRunner,
	"hyperkube":         {}, // its first word is the component
}

// mentions are programs whose words may name a component, or show how it would be
// started, and that start none.
var mentions = []string{
	"kubectl", "oc", "crictl", "ctr", "docker", "podman", "nerdctl", "etcdctl", "etcdutl",
	"systemctl", "journalctl", "service", "rc-service", "supervisorctl", "snap",
	"echo", "printf", "logger", "test", "[", "command", "type", "which", "whereis",
	"grep", "egrep", "fgrep", "sed", "awk", "find", "ls", "cat", "head", "tail", "diff", "stat", "file", "md5sum", "sha256sum",
	"cp", "mv", "ln", "rm", "mkdir", "install", "chmod", "chown", "chcon", "setcap", "tar", "curl", "wget", "rsync", "scp",
	"ps", "pgrep", "pkill", "pidof", "kill", "killall", "fuser", "lsof",
}

// logRunner is that of the images of Kubernetes (k8s.io/component-base
// logs/kube-log-runner).
var logRunner = parsers.Wrapper{Valued: []string{"-log-file", "--log-file", "-log-file-size", "--log-file-size",
	"-flush-interval", "--flush-interval"}}

// servingFlags are those by which the API server, the controller-manager, the
// scheduler and extension API servers name what they serve (k8s.io/apiserver
// pkg/server/options). sni is the role of what is served to those who call by a certain
// name. certDir is where a program keeps the pair that it makes itself; "" where that
// stays in memory.
func servingFlags(role, sni, certDir string) []Flag {
	return []Flag{
		{Name: sniFlag, Holds: HoldsCertificate, Role: sni, Repeats: true},
		{Name: "tls-cert-file", Holds: HoldsCertificate, Role: role, Pair: "tls-private-key-file"},
		{Name: "tls-private-key-file", Holds: HoldsPrivateKey, Role: role, Pair: "tls-cert-file"},
		{Name: "cert-dir", Default: certDir},
		{Name: "tls-cipher-suites"},
		{Name: "tls-curve-preferences", Since: "1.36"},
		{Name: "tls-min-version"},
	}
}

// requestHeaderFlags say in which headers a front proxy names those for whom it
// speaks.
var requestHeaderFlags = []Flag{
	{Name: "requestheader-username-headers"},
	{Name: "requestheader-uid-headers", Since: "1.32"},
	{Name: "requestheader-group-headers"},
	{Name: "requestheader-extra-headers-prefix"},
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
		{Name: "master"},
		{Name: "requestheader-allowed-names"},
		{Name: "authentication-skip-lookup", Switch: true},
		{Name: "authentication-tolerate-lookup-failure", Switch: true},
		{Name: "authentication-token-webhook-cache-ttl"},
		{Name: "authorization-always-allow-paths"},
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
