package audit

import (
	"certaudit/audit/inventory"
	"fmt"
	"path"
	"slices"

	"certaudit/parsers"
)

func checkEmbeddedClient(p *pass) {
	if p.inv.Setting("kubelet", "rotate-certificates").Value != "true" {
		return
	}
	for _, ref := range p.inv.References {
		if ref.Component != "kubelet" || ref.Name != "kubeconfig" {
			continue
		}
		k, ok := p.inv.Kubeconfigs[ref.Path]
		if !ok {
			continue
		}
		p.examine()
		if _, user, ok := k.Current(); ok {
			p.reportUnrotated(ref, user)
		}
	}
}

// reportUnrotated reports a kubelet's kubeconfig with a client certificate that
// the rotation does not renew: it writes kubelet-client-current.pem, and at its
// start the kubelet asks the kubeconfig (kubernetes/kubernetes#71825,
// kubernetes/kubeadm#1317).
func (p *pass) reportUnrotated(ref inventory.Reference, user parsers.KubeUser) {
	c, _ := p.inv.Component("kubelet")
	current := path.Join(c.CertDir(), "kubelet-client-current.pem")
	f, fields := finding{component: "kubelet"}, "client-certificate-data and client-key-data"
	switch named := parsers.ResolvePath(ref.Path, user.CertificateFile.Value); {
	case !user.CertificateData.IsZero():
		f.at = user.CertificateData.Origin
		f.message = fmt.Sprintf("embeds the client certificate, which the rotation never updates; expected client-certificate: %s", current)
	case named != "" && named != current && p.inv.Files[named].Resolved != p.inv.Files[current].Resolved && slices.Contains(p.inv.Folders[path.Dir(current)], path.Base(current)):
		f.at, fields = user.CertificateFile.Origin, "client-certificate and client-key"
		f.message = fmt.Sprintf("names %s, which the rotation never updates: it renews %s; expected client-certificate: %s", named, path.Base(current), current)
	default:
		return
	}
	f.remedy = remedy{fmt.Sprintf("# in %s replace %s by", ref.Path, fields),
		"#   client-certificate: " + current, "#   client-key: " + current, p.restartKubelet()}
	p.report(f)
}

func checkLink(p *pass) {
	for _, g := range p.named() {
		base := path.Base(g.path)
		if base != "kubelet-client-current.pem" && base != "kubelet-server-current.pem" || g.file.State != inventory.Readable {
			continue
		}
		p.examine()
		newest := p.inv.NewestRotated(g.path)
		f := finding{component: "kubelet", at: g.at()}
		switch {
		case g.file.Link == "":
			f.message = "is a file; expected the link that the kubelet's rotation moves to each new certificate"
			f.remedy = remedy{"# make it the link to a file with a date in its name"}
		case path.Base(newest) > path.Base(g.file.Link):
			f.message = fmt.Sprintf("leads to %s; expected the newest, %s", path.Base(g.file.Link), path.Base(newest))
			f.remedy = p.relink(g)
		default:
			continue
		}
		p.report(f)
	}
}

func checkServingUnapproved(p *pass) {
	c, ok := p.inv.Component("kubelet")
	if !ok || c.Setting("rotate-server-certificates").Value != "true" || c.Setting("tls-cert-file").Value != "" {
		return
	}
	p.examine()
	name := path.Join(c.CertDir(), "kubelet-server-current.pem")
	if p.inv.Files[name].State != inventory.Missing {
		return
	}
	p.report(finding{component: "kubelet", at: parsers.Origin{Path: name, Field: "kubelet " + c.Setting("rotate-server-certificates").Origin.Field},
		message: "does not exist although the kubelet asks the cluster for its serving certificate: nobody approved the request; kubectl logs, exec and the metrics server fail",
		remedy: remedy{"kubectl get csr --field-selector spec.signerName=kubernetes.io/kubelet-serving",
			"# after a look at the names that it asks for, approve it: kubectl certificate approve"}})
}

func checkServingSelfSigned(p *pass) {
	if _, ok := p.inv.Component("kubelet"); ok {
		p.examine()
	}
	for e := range p.decoded(func(e *entry) bool { return e.role.name == inventory.RoleKubeletSelf }) {
		p.reportEntry(e, finding{message: "is the certificate that the kubelet made for itself: no client can verify it, and nothing renews it",
			remedy: remedy{"# set serverTLSBootstrap: true in the kubelet's configuration and approve its requests: " + p.servingSource()}})
	}
}

// servingSource is where it stands how kubelets get serving certificates from the cluster.
func (n *nodeAudit) servingSource() string {
	if l := n.layout(); l != nil && issuesCertificates(*l) {
		return "https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/#certificate-rotation"
	}
	return "https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-certs/#kubelet-serving-certs"
}
