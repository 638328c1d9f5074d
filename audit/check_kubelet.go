package audit

import (
	"certaudit/audit/inventory"
	"fmt"
	"path"

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
		if _, user, ok := k.Current(); ok && !user.CertificateData.IsZero() {
			current := path.Join(inventory.KubeletCertDir, "kubelet-client-current.pem")
			p.report(finding{component: "kubelet", at: user.CertificateData.Origin,
				message: fmt.Sprintf("embeds the client certificate, which the rotation never updates; expected client-certificate: %s", current),
				remedy:  remedy{fmt.Sprintf("# in %s name %s in place of the embedded certificate and key", ref.Path, current)}})
		}
	}
}

func checkLink(p *pass) {
	for _, g := range p.groups {
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
			remedy: remedy{"# set serverTLSBootstrap: true in the kubelet's configuration and approve its requests: https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-certs/#kubelet-serving-certs"}})
	}
}
