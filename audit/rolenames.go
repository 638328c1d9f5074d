package audit

// Roles: what a certificate is. A CA is a role of its own; what is wrong with
// a CA is said once, however many flags name its file.
const (
	roleKubernetesCA     = "kubernetes/ca"
	roleEtcdCA           = "etcd/ca"
	roleFrontProxyCA     = "front-proxy/ca"
	roleOtherCA          = "other/ca"
	roleIntermediate     = "intermediate/ca"
	roleAPIServerServing = "kube-apiserver/serving"
	roleAPIServerSNI     = "kube-apiserver/sni"
	roleAPIServerKubelet = "kube-apiserver/kubelet-client"
	roleAPIServerEtcd    = "kube-apiserver/etcd-client"
	roleFrontProxyClient = "kube-apiserver/front-proxy-client"
	roleEtcdServing      = "etcd/serving"
	roleEtcdPeer         = "etcd/peer"
	roleEtcdClient       = "etcd/client"
	roleEtcdHealthcheck  = "etcd/healthcheck-client"
	roleControllerClient = "kube-controller-manager/client"
	roleControllerServe  = "kube-controller-manager/serving"
	roleSchedulerClient  = "kube-scheduler/client"
	roleSchedulerServe   = "kube-scheduler/serving"
	roleKubeletClient    = "kubelet/client"
	roleKubeletServing   = "kubelet/serving"
	roleKubeletSelf      = "kubelet/serving-self-signed"
	roleProxyClient      = "kube-proxy/client"
	roleAdmin            = "admin/client"
	roleSuperAdmin       = "super-admin/client"
	roleUser             = "user/client"
	roleOutbound         = "outbound/client"
	roleTokenVerifier    = "service-account/verifier"
	// Certificates that were found by their content, not by what names them.
	roleFileCA   = "file/ca"
	roleFileLeaf = "file/certificate"
)
