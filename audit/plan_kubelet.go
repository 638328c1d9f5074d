package audit

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"certaudit/audit/inventory"
	"certaudit/parsers"
)

// kubeletWork fixes what is the kubelet's own.
func (p *planner) kubeletWork(f Finding, e *entry, ask work) work {
	switch {
	case e != nil && e.role.name == inventory.RoleKubeletSelf:
		return p.selfSignedWork(e, ask)
	case f.Check == "kubelet/link":
		return p.linkWork(f, ask)
	case f.Check == "kubelet/embedded-client":
		return p.repointWork(f, ask)
	case f.Check == "files/dangling-link" && f.Path == p.currentPEM():
		return p.kubeletClientWork(f.Path, ask)
	case f.Check == "kubelet/serving-unapproved":
		ask.ask = "approve the kubelet's request after a look at its names: kubectl get csr, then kubectl certificate approve NAME"
		return ask
	case e != nil && e.role.name == inventory.RoleKubeletClient:
		return p.kubeletClientWork(p.namedBy(e), ask)
	case p.roleOf(f, e).name == inventory.RoleKubeletClient && f.Path == p.currentPEM():
		return p.kubeletClientWork(f.Path, ask)
	}
	return ask
}

// namedBy is the kubeconfig that names the kubelet's client certificate, if it is
// not the one that the rotation keeps; else where it lies.
func (p *planner) namedBy(e *entry) string {
	for _, ref := range e.refs {
		if _, ok := p.inv.Kubeconfigs[ref.Origin.Path]; ok && e.place.Path != p.currentPEM() {
			return ref.Origin.Path
		}
	}
	return e.place.Path
}

// selfSignedWork has the kubelet make its throw-away certificate again, which it
// does where there is none (kubernetes pkg/kubelet/certificate, InitializeTLS). Where
// the API server verifies kubelets it is of no use, and the cluster's CA signs one.
func (p *planner) selfSignedWork(e *entry, ask work) work {
	key := strings.TrimSuffix(e.place.Path, ".crt") + ".key"
	if _, verified := kubeletVerifier(p.inv); verified {
		return p.servingWork(e.place.Path, key, ask)
	}
	return work{key: "self-signed", steps: func(p *planner, of work) bool {
		p.changes(e.place.Path, key)
		p.add(PhasePlace, of, "put the kubelet's self-signed certificate aside; the kubelet makes another", "mv -- "+words(e.place.Path, key)+` "$B"/`)
		p.restart(inventory.Kubelet)
		return true
	}}
}

// servingWork has the cluster's CA sign a certificate that the kubelet serves with, in
// the place of what it made for itself.
func (p *planner) servingWork(at, key string, ask work) work {
	o := order{commonName: "system:node:" + p.ownName(), organizations: []string{groupNodes}, names: p.kubeletNames(), usages: []string{usageServerAuth}, days: 365, algorithm: "RSA-2048", place: at}
	o.caCert, o.caKey = p.clientCA()
	if p.ownName() == "" || !opensslValue(o.commonName) || o.caCert == "" || len(o.names) == 0 {
		return ask
	}
	return p.ordered(o, "a control-plane node that has the CA's key", ask, func(p *planner, o order, make maker, of work) {
		s := p.stageFor(path.Dir(at), of)
		o.made, o.newKey = s.path(path.Base(at)), s.path(path.Base(key))
		p.changes(at, key)
		make(p, o, s, of)
		p.add(PhasePlace, of, "put "+at+" and its key in place", put(o.made, at, o.newKey, key))
		p.restart(inventory.Kubelet)
	})
}

// linkWork makes the link that the kubelet's rotation moves: to what lies in its
// place as a file, or to the newest file, whichever is valid.
func (p *planner) linkWork(f Finding, ask work) work {
	newest, link := p.inv.NewestRotated(f.Path), p.inv.Files[f.Path].Link
	switch {
	case link == "" && p.validClient(f.Path):
		return p.keepWork(f)
	case p.validClient(newest):
	case f.Path == p.currentPEM() && !p.validClient(f.Path):
		return p.kubeletClientWork(f.Path, ask)
	default:
		return ask
	}
	return work{key: "link " + f.Path, steps: func(p *planner, of work) bool {
		p.changes(f.Path)
		p.add(PhaseLook, of, "see that "+f.Path+" still leads where it did", fmt.Sprintf(`[ "$(readlink %s)" = %s ]`, words(f.Path), shellWord(link)))
		p.add(PhasePlace, of, "lead "+f.Path+" to the newest certificate", "ln -sfn -- "+words(newest, f.Path))
		p.restart(inventory.Kubelet)
		return true
	}}
}

// keepWork keeps what lies in the place of the link under a name that it may lead to.
func (p *planner) keepWork(f Finding) work {
	return work{key: "link " + f.Path, steps: func(p *planner, of work) bool {
		p.changes(f.Path)
		p.add(PhaseLook, of, "see that "+f.Path+" is still no link", "[ ! -L "+words(f.Path)+" ]")
		dated := words(strings.TrimSuffix(f.Path, "current.pem")) + `"$D".pem`
		p.add(PhaseMake, of, "keep "+f.Path+" under a dated name", freeDate(dated), "cp -p -- "+words(f.Path)+" "+dated)
		p.add(PhasePlace, of, "make "+f.Path+" the link to it", "ln -sfn -- "+dated+" "+words(f.Path))
		p.restart(inventory.Kubelet)
		return true
	}}
}

// repointWork has kubelet.conf name the file that the rotation keeps, in place of
// the pair that it embeds, or names elsewhere (website setup/production-environment/tools/kubeadm/
// troubleshooting-kubeadm, "Kubelet client certificate rotation fails").
func (p *planner) repointWork(f Finding, ask work) work {
	_, user, ok := p.inv.Kubeconfigs[f.Path].Current()
	current := p.currentPEM()
	cert, key, suffix := user.CertificateData.Origin.Line, user.KeyData.Origin.Line, "-data"
	if user.CertificateData.IsZero() && user.KeyData.IsZero() {
		cert, key, suffix = user.CertificateFile.Origin.Line, user.KeyFile.Origin.Line, ""
	}
	if !ok || cert == key || cert == 0 || key == 0 || !p.inv.Files[current].Exists() || p.crowded(f.Path) || !plainValue.MatchString(current) {
		return ask
	}
	return work{key: "repoint " + f.Path, steps: func(p *planner, of work) bool {
		p.edit(f.Path, of, edit{line: cert, name: "client-certificate" + suffix, rename: "client-certificate", value: current},
			edit{line: key, name: "client-key" + suffix, rename: "client-key", value: current})
		p.restart(inventory.Kubelet)
		return true
	}}
}

// currentPEM is the link to the kubelet's client certificate.
func (n *node) currentPEM() string {
	c, _ := n.inv.Component(inventory.Kubelet)
	return path.Join(c.CertDir(), "kubelet-client-current.pem")
}

// kubeletClientWork gives the kubelet a client certificate: the valid one that the
// rotation keeps, one that the CA's key on this node signs, or else a request.
func (p *planner) kubeletClientWork(at string, ask work) work {
	current := p.currentPEM()
	switch {
	case at != current && p.validClient(current):
		return p.repointWork(Finding{Path: at}, ask)
	case at == current && p.validClient(p.inv.NewestRotated(current)):
		return p.linkWork(Finding{Path: at}, ask)
	case at != current && !p.inv.Files[current].Exists():
		return ask // nothing rotates: it is a certificate like others
	}
	o := order{commonName: "system:node:" + p.ownName(), organizations: []string{groupNodes}, usages: []string{usageClientAuth}, days: 365, algorithm: "RSA-2048", place: current}
	o.caCert, o.caKey = p.clientCA()
	if p.ownName() == "" || !opensslValue(o.commonName) || o.caCert == "" {
		return ask
	}
	w := p.ordered(o, "a control-plane node that has the CA's key", ask, func(p *planner, o order, make maker, of work) {
		s := p.stageFor(path.Dir(current), of)
		o.made, o.newKey = s.path("kubelet-client.crt"), s.path("kubelet-client.key")
		make(p, o, s, of)
		s.leave(o.made, o.newKey)
		p.changes(current)
		dated := words(strings.TrimSuffix(current, "current.pem")) + `"$D".pem`
		p.add(PhaseMake, of, "join certificate and key as the kubelet keeps them", freeDate(dated), "cat "+words(o.made, o.newKey)+" > "+dated)
		p.add(PhasePlace, of, "lead "+current+" to the new certificate", "ln -sfn -- "+dated+" "+words(current))
		p.restart(inventory.Kubelet)
	})
	if at == current {
		return w
	}
	also := p.repointWork(Finding{Path: at}, ask)
	return work{key: "order for " + at, ask: ask.ask, steps: func(p *planner, of work) bool {
		return w.steps(p, of) && (also.steps == nil || also.steps(p, of))
	}}
}

// clientCA are the files of the CA that signs kubelets' client certificates and of its
// key; "" for what is not on the node.
func (p *planner) clientCA() (cert, key string) {
	for _, ref := range p.inv.References {
		certs := p.inv.Material(ref).Certificates
		if ref.Role != inventory.RoleKubernetesCA || ref.Embedded != nil || len(certs) == 0 || p.now.After(certs[0].NotAfter) {
			continue
		}
		if k := p.keyOf(ref, certs[0].Certificate); k != "" {
			return ref.Path, k
		}
		cert = ref.Path
	}
	return cert, ""
}

// validClient reports whether a file holds a certificate of this node's kubelet, of
// the cluster's CA and in its time, with its key.
func (p *planner) validClient(name string) bool {
	m := p.inv.Materials[name]
	if len(m.Certificates) == 0 {
		return false
	}
	c := m.Certificates[0]
	_, trusted := p.signerFile(inventory.RoleKubernetesCA, c.Certificate)
	return trusted && p.now.After(c.NotBefore) && p.now.Before(c.NotAfter) && c.Subject.CommonName == "system:node:"+p.ownName() && slices.Contains(c.Subject.Organization, groupNodes) &&
		slices.ContainsFunc(m.Keys, func(k parsers.Key) bool { return k.Private && k.PublicKeySHA256 == c.PublicKeySHA256() })
}

// freeDate is the command that sets D to a date of which there is no file yet. dated
// is the file's name as the shell reads it.
func freeDate(dated string) string {
	return "D=$(TZ=UTC0 date +%Y-%m-%d-%H-%M-%S); while [ -e " + dated + " ]; do sleep 1; D=$(TZ=UTC0 date +%Y-%m-%d-%H-%M-%S); done"
}
