package audit

import (
	"certaudit/audit/inventory"
	"certaudit/parsers"
	"cmp"
	"slices"
)

// expirations returns the rows of kubeadm certs check-expiration, in its order;
// none on a node without kubeadm's control plane.
func expirations(n *nodeAudit) []Expiration {
	if !n.controlPlane() {
		return nil
	}
	external := n.externalEtcd()
	var rows, cas []Expiration
	for _, k := range kubeadmCertificates() {
		switch {
		case k.Etcd && external, n.facts.version.Value != "" && !(Interval{Since: k.Since}).holds(n.facts.version.Value):
		case k.IsCA():
			cas = append(cas, n.expiration(k))
		default:
			rows = append(rows, n.expiration(k))
		}
	}
	return slices.Concat(rows, cas)
}

// kubeadmCertificates are the files that kubeadm certs check-expiration lists, in
// its order.
func kubeadmCertificates() []inventory.KubeadmFile {
	files := slices.DeleteFunc(inventory.KubeadmFiles(), func(k inventory.KubeadmFile) bool { return k.Name == "" })
	slices.SortFunc(files, func(a, b inventory.KubeadmFile) int { return cmp.Compare(a.Name, b.Name) })
	return files
}

// controlPlane reports whether kubeadm's control plane lives on the node.
func (n *node) controlPlane() bool {
	if n.facts.profile != ProfileKubeadm {
		return false
	}
	if _, ok := n.inv.Component("kube-apiserver"); ok {
		return true
	}
	return slices.ContainsFunc(kubeadmCertificates(), func(k inventory.KubeadmFile) bool {
		return !k.IsCA() && n.inv.Files[n.inv.KubeadmPath(k)].Exists()
	})
}

// externalEtcd reports whether etcd runs elsewhere, so that kubeadm renews
// nothing for it.
func (n *node) externalEtcd() bool {
	_, local := n.inv.Component("etcd")
	return !local && !n.inv.Files[n.certPath("etcd/server.crt")].Exists()
}

func (n *node) expiration(k inventory.KubeadmFile) Expiration {
	c, ok := n.kubeadmCertificate(k)
	if !ok {
		return Expiration{Name: k.Name, IsCA: k.IsCA(), Missing: true}
	}
	return Expiration{Name: k.Name, Authority: k.Authority, IsCA: k.IsCA(), NotAfter: c.NotAfter.UTC(), ExternallyManaged: n.external(k)}
}

// kubeadmCertificate is the certificate that kubeadm looks at: the first of a
// file, or that of the current user of a kubeconfig.
func (n *node) kubeadmCertificate(k inventory.KubeadmFile) (parsers.Certificate, bool) {
	path := n.inv.KubeadmPath(k)
	if k.Holds != inventory.HoldsKubeconfig {
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

// external reports whether the CA that signs a file, or that the file is, is
// there without its key.
func (n *node) external(k inventory.KubeadmFile) bool {
	ca, signed := k.SignedBy()
	if !signed {
		ca = k
	}
	_, there := n.firstCertificate(n.inv.KubeadmPath(ca))
	return there && !n.inv.Files[n.certPath(ca.Pair)].Exists()
}
