package audit

import (
	"certaudit/audit/inventory"
	"certaudit/parsers"
)

// authority is one of kubeadm's CAs.
type authority struct{ name, file, key, role string }

// authorities of kubeadm in the order of its table.
var authorities = []authority{
	{"ca", "ca.crt", "ca.key", inventory.RoleKubernetesCA},
	{"etcd-ca", "etcd/ca.crt", "etcd/ca.key", inventory.RoleEtcdCA},
	{"front-proxy-ca", "front-proxy-ca.crt", "front-proxy-ca.key", inventory.RoleFrontProxyCA},
}

// renewable is one row of kubeadm certs check-expiration: the file, and the CA
// that signs it. Source: kubernetes cmd/kubeadm/app/phases/certs/renewal/manager.go.
type renewable struct {
	name, file, authority, role string
	// etcd: only listed while kubeadm runs etcd on the node.
	etcd  bool
	since string
}

var renewables = []renewable{
	{name: "admin.conf", file: "admin.conf", authority: "ca", role: inventory.RoleAdmin},
	{name: "apiserver", file: "apiserver.crt", authority: "ca", role: inventory.RoleAPIServerServing},
	{name: "apiserver-etcd-client", file: "apiserver-etcd-client.crt", authority: "etcd-ca", role: inventory.RoleAPIServerEtcd, etcd: true},
	{name: "apiserver-kubelet-client", file: "apiserver-kubelet-client.crt", authority: "ca", role: inventory.RoleAPIServerKubelet},
	{name: "controller-manager.conf", file: "controller-manager.conf", authority: "ca", role: inventory.RoleControllerClient},
	{name: "etcd-healthcheck-client", file: "etcd/healthcheck-client.crt", authority: "etcd-ca", role: inventory.RoleEtcdHealthcheck, etcd: true},
	{name: "etcd-peer", file: "etcd/peer.crt", authority: "etcd-ca", role: inventory.RoleEtcdPeer, etcd: true},
	{name: "etcd-server", file: "etcd/server.crt", authority: "etcd-ca", role: inventory.RoleEtcdServing, etcd: true},
	{name: "front-proxy-client", file: "front-proxy-client.crt", authority: "front-proxy-ca", role: inventory.RoleFrontProxyClient},
	{name: "scheduler.conf", file: "scheduler.conf", authority: "ca", role: inventory.RoleSchedulerClient},
	{name: "super-admin.conf", file: "super-admin.conf", authority: "ca", role: inventory.RoleSuperAdmin, since: "1.29"},
}

// authorityOf returns kubeadm's CA for the certificates of a role; the zero
// authority for a role that kubeadm does not sign.
func authorityOf(role string) authority {
	for _, r := range renewables {
		if r.role != role {
			continue
		}
		for _, a := range authorities {
			if a.name == r.authority {
				return a
			}
		}
	}
	return authority{}
}

// expirations returns the rows of kubeadm certs check-expiration, in its order;
// none on a node without kubeadm's control plane.
func expirations(n *nodeAudit) []Expiration {
	if !n.controlPlane() {
		return nil
	}
	external := n.externalEtcd()
	var rows []Expiration
	for _, r := range renewables {
		if r.etcd && external || n.facts.version.Value != "" && !(interval{since: r.since}).holds(n.facts.version.Value) {
			continue
		}
		rows = append(rows, n.expiration(r))
	}
	for _, a := range authorities {
		if a.name == "etcd-ca" && external {
			continue
		}
		row := Expiration{Name: a.name, IsCA: true, Missing: true}
		if c, ok := n.firstCertificate(n.certPath(a.file)); ok {
			row = Expiration{Name: a.name, IsCA: true, NotAfter: c.NotAfter.UTC(), ExternallyManaged: n.external(a)}
		}
		rows = append(rows, row)
	}
	return rows
}

// controlPlane reports whether kubeadm's control plane lives on the node.
func (n *node) controlPlane() bool {
	if n.facts.profile != ProfileKubeadm {
		return false
	}
	if _, ok := n.inv.Component("kube-apiserver"); ok {
		return true
	}
	for _, r := range renewables {
		if n.inv.Files[n.renewablePath(r)].Exists() {
			return true
		}
	}
	return false
}

func (n *node) renewablePath(r renewable) string {
	if r.isKubeconfig() {
		return inventory.DefaultKubeconfigDir + "/" + r.file
	}
	return n.certPath(r.file)
}

func (r renewable) isKubeconfig() bool { return r.name == r.file }

// externalEtcd reports whether etcd runs elsewhere, so that kubeadm renews
// nothing for it.
func (n *node) externalEtcd() bool {
	_, local := n.inv.Component("etcd")
	return !local && !n.inv.Files[n.certPath("etcd/server.crt")].Exists()
}

func (n *node) expiration(r renewable) Expiration {
	row := Expiration{Name: r.name, Authority: r.authority}
	for _, a := range authorities {
		if a.name == r.authority {
			row.ExternallyManaged = n.external(a)
		}
	}
	c, ok := n.renewableCertificate(r)
	if !ok {
		return Expiration{Name: r.name, Missing: true}
	}
	row.NotAfter = c.NotAfter.UTC()
	return row
}

// renewableCertificate is the certificate that kubeadm looks at: the first of a
// file, or that of the current user of a kubeconfig.
func (n *node) renewableCertificate(r renewable) (parsers.Certificate, bool) {
	path := n.renewablePath(r)
	if !r.isKubeconfig() {
		return n.firstCertificate(path)
	}
	_, user, ok := n.inv.Kubeconfigs[path].Current()
	if !ok {
		return parsers.Certificate{}, false
	}
	if certs := user.CertificateData.Material.Certificates; len(certs) > 0 {
		return certs[0], true
	}
	return n.firstCertificate(parsers.ResolvePath(path, user.CertificateFile.Value))
}

func (n *node) firstCertificate(path string) (parsers.Certificate, bool) {
	certs := n.inv.Materials[path].Certificates
	if len(certs) == 0 {
		return parsers.Certificate{}, false
	}
	return certs[0], true
}

// external reports whether a CA is there and its key is not.
func (n *node) external(a authority) bool {
	_, ok := n.firstCertificate(n.certPath(a.file))
	return ok && !n.inv.Files[n.certPath(a.key)].Exists()
}
