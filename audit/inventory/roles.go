package inventory

// The roles: what a certificate is. A CA is a role of its own; what is wrong with
// a CA is said once, however many flags name its file.
const (
	RoleKubernetesCA     = "kubernetes/ca"
	RoleEtcdCA           = "etcd/ca"
	RoleFrontProxyCA     = "front-proxy/ca"
	RoleOtherCA          = "other/ca"
	RoleIntermediate     = "intermediate/ca"
	RoleAPIServerServing = "kube-apiserver/serving"
	RoleAPIServerSNI     = "kube-apiserver/sni"
	RoleAPIServerKubelet = "kube-apiserver/kubelet-client"
	RoleAPIServerEtcd    = "kube-apiserver/etcd-client"
	RoleFrontProxyClient = "kube-apiserver/front-proxy-client"
	RoleEtcdServing      = "etcd/serving"
	RoleEtcdPeer         = "etcd/peer"
	RoleEtcdClient       = "etcd/client"
	RoleEtcdHealthcheck  = "etcd/healthcheck-client"
	RoleControllerClient = "kube-controller-manager/client"
	RoleControllerServe  = "kube-controller-manager/serving"
	RoleSchedulerClient  = "kube-scheduler/client"
	RoleSchedulerServe   = "kube-scheduler/serving"
	RoleKubeletClient    = "kubelet/client"
	RoleKubeletServing   = "kubelet/serving"
	RoleKubeletSelf      = "kubelet/serving-self-signed"
	RoleProxyClient      = "kube-proxy/client"
	RoleAdmin            = "admin/client"
	RoleSuperAdmin       = "super-admin/client"
	RoleUser             = "user/client"
	RoleUserCA           = "user/ca"
	// What a distribution's own programs show to the API server.
	RoleDistribution  = "distribution/client"
	RoleOutbound      = "outbound/client"
	RoleTokenVerifier = "service-account/verifier"
	// Certificates that were found by their content, not by what names them.
	RoleFileCA   = "file/ca"
	RoleFileLeaf = "file/certificate"
	// Those in a folder that a program can read of which it is not known what it reads.
	RoleMountedCA   = "mounted/ca"
	RoleMountedLeaf = "mounted/certificate"
)

// roleNames are those of which a layout may have files.
var roleNames = []string{
	RoleKubernetesCA, RoleEtcdCA, RoleFrontProxyCA, RoleAPIServerServing, RoleAPIServerSNI, RoleAPIServerKubelet, RoleAPIServerEtcd,
	RoleFrontProxyClient, RoleEtcdServing, RoleEtcdPeer, RoleEtcdClient, RoleEtcdHealthcheck, RoleControllerClient, RoleControllerServe,
	RoleSchedulerClient, RoleSchedulerServe, RoleKubeletClient, RoleKubeletServing, RoleProxyClient, RoleAdmin, RoleSuperAdmin,
	RoleDistribution, RoleOtherCA, RoleOutbound, RoleFileCA, RoleFileLeaf,
}
