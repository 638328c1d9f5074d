package audit

import (
	"certaudit/audit/inventory"
	"cmp"
	"time"
)

// Types, in the words of the certificate health-check sheet.
const (
	typeCA         = "CA"
	typeServer     = "Server"
	typeBoth       = "Server, Client"
	typeToAPI      = "Client (kube-apiserver)"
	typeToEtcd     = "Client (etcd)"
	typeToKubelet  = "Client (kubelet)"
	typeFrontProxy = "Client (front-proxy)"
	typeClient     = "Client"
	typeVerifier   = "Service account"
	// typeByUsage stands for what the certificate itself says it is for.
	typeByUsage = ""
)

// window says when a certificate counts as expiring: when less than days of it
// are left, or share of its lifetime where that is shorter, so that a
// certificate of ten days is not expiring from its first hour.
type window struct {
	warnDays, criticalDays   int
	warnShare, criticalShare float64
	// ahead is the least that is left, whatever the lifetime; 0 for none.
	ahead time.Duration
}

var (
	// A leaf is renewed in minutes, by kubeadm or by hand.
	leafWindow = window{warnDays: 30, criticalDays: 7, warnShare: 0.30, criticalShare: 0.10}
	// A CA is replaced in weeks: every kubeconfig and every pod has to learn it.
	caWindow = window{warnDays: 180, criticalDays: 30, warnShare: 0.20, criticalShare: 0.05}
	// The kubelet renews by itself between 70 % and 90 % of the lifetime
	// (client-go util/certificate); only what lies past that is news.
	rotatedWindow = window{warnDays: 30, criticalDays: 7, warnShare: 0.10, criticalShare: 0.03}
)

// role describes one role.
type role struct {
	name      string
	component string
	kind      string
	window    window
	// impact is the worst that a fault of the certificate does; empty means
	// critical.
	impact Severity
	// fallback marks a CA role that is only shown when its certificate has no
	// other row: the file is usually one of the three CAs.
	fallback bool
}

// roles in the order of the table: the CAs, then who serves, then who calls.
var roles = []role{
	{name: inventory.RoleKubernetesCA, component: "kubernetes", kind: typeCA, window: caWindow},
	{name: inventory.RoleEtcdCA, component: "etcd", kind: typeCA, window: caWindow},
	{name: inventory.RoleFrontProxyCA, component: "front-proxy", kind: typeCA, window: caWindow},
	{name: inventory.RoleAPIServerServing, component: "kube-apiserver", kind: typeServer, window: leafWindow},
	{name: inventory.RoleAPIServerSNI, component: "kube-apiserver", kind: typeServer, window: leafWindow},
	{name: inventory.RoleAPIServerEtcd, component: "kube-apiserver", kind: typeToEtcd, window: leafWindow},
	{name: inventory.RoleAPIServerKubelet, component: "kube-apiserver", kind: typeToKubelet, window: leafWindow},
	{name: inventory.RoleFrontProxyClient, component: "kube-apiserver", kind: typeFrontProxy, window: leafWindow},
	{name: inventory.RoleEtcdServing, component: "etcd", kind: typeBoth, window: leafWindow},
	{name: inventory.RoleEtcdPeer, component: "etcd", kind: typeBoth, window: leafWindow},
	{name: inventory.RoleEtcdClient, component: "etcd", kind: typeToEtcd, window: leafWindow},
	// Since 1.17 etcd's probes need no certificate: people use it, nothing else.
	{name: inventory.RoleEtcdHealthcheck, component: "etcd", kind: typeToEtcd, window: leafWindow, impact: Warning},
	{name: inventory.RoleControllerClient, component: "kube-controller-manager", kind: typeToAPI, window: leafWindow},
	{name: inventory.RoleControllerServe, component: "kube-controller-manager", kind: typeServer, window: leafWindow},
	{name: inventory.RoleSchedulerClient, component: "kube-scheduler", kind: typeToAPI, window: leafWindow},
	{name: inventory.RoleSchedulerServe, component: "kube-scheduler", kind: typeServer, window: leafWindow},
	{name: inventory.RoleAdmin, component: "admin", kind: typeToAPI, window: leafWindow},
	{name: inventory.RoleSuperAdmin, component: "super-admin", kind: typeToAPI, window: leafWindow},
	{name: inventory.RoleKubeletClient, component: "kubelet", kind: typeToAPI, window: rotatedWindow},
	{name: inventory.RoleKubeletServing, component: "kubelet", kind: typeServer, window: rotatedWindow},
	{name: inventory.RoleKubeletSelf, component: "kubelet", kind: typeServer, window: leafWindow, impact: Warning},
	{name: inventory.RoleProxyClient, component: "kube-proxy", kind: typeToAPI, window: leafWindow},
	{name: inventory.RoleDistribution, component: "", kind: typeToAPI, window: leafWindow},
	{name: inventory.RoleUser, component: "kubectl", kind: typeToAPI, window: leafWindow, impact: Warning},
	{name: inventory.RoleOutbound, component: "", kind: typeClient, window: leafWindow},
	// Only the public key of it is used.
	{name: inventory.RoleTokenVerifier, component: "kube-apiserver", kind: typeVerifier, window: leafWindow, impact: Info},
	{name: inventory.RoleFileCA, component: "", kind: typeCA, window: caWindow},
	{name: inventory.RoleFileLeaf, component: "", kind: typeByUsage, window: leafWindow},
	// Whether the program reads it is not known.
	{name: inventory.RoleMountedCA, component: "", kind: typeCA, window: caWindow, impact: Warning},
	{name: inventory.RoleMountedLeaf, component: "", kind: typeByUsage, window: leafWindow, impact: Warning},
	{name: inventory.RoleIntermediate, component: "", kind: typeCA, window: caWindow},
	{name: inventory.RoleOtherCA, component: "", kind: typeCA, window: caWindow, fallback: true},
	{name: inventory.RoleUserCA, component: "", kind: typeCA, window: caWindow, fallback: true, impact: Warning},
}

// roleOrder and roleByName are derived from roles.
var roleOrder, roleByName = indexRoles()

func indexRoles() (map[string]int, map[string]*role) {
	order, byName := make(map[string]int, len(roles)), make(map[string]*role, len(roles))
	for i := range roles {
		r := &roles[i]
		order[r.name], byName[r.name] = i, r
	}
	return order, byName
}

// noRole is that of a reference which leads to no certificate.
var noRole role

// roleNames are the names of [roles], in their order.
func roleNames() []string {
	var names []string
	for _, r := range roles {
		names = append(names, r.name)
	}
	return names
}

// roleNamed returns the role of a name, or noRole.
func roleNamed(name string) *role {
	if r, ok := roleByName[name]; ok {
		return r
	}
	return &noRole
}

// soften lowers the severity of a fault by as much as the role's certificates
// matter less than those that the cluster stands on.
func (r *role) soften(s Severity) Severity {
	impact := cmp.Or(r.impact, Critical)
	return severities[max(s.Rank()-(Critical.Rank()-impact.Rank()), Info.Rank())-1]
}

// severities, mildest first.
var severities = []Severity{Info, Warning, Critical}

// kubeadm is the file in which kubeadm keeps certificates of the role; the zero
// one if it makes none.
func (r *role) kubeadm() inventory.KubeadmFile {
	k, _ := inventory.KubeadmFileOf(r.name)
	return k
}

// isCA reports whether certificates of the role are there to sign others.
func (r *role) isCA() bool { return r.kind == typeCA }
