package audit

import (
	"crypto/x509"
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
		return p.embeddedClientWork(f, ask)
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

// kubeletConfig is the kubelet's kubeconfig; "" for none.
func (n *node) kubeletConfig() string {
	ref, _ := n.inv.ReferenceOf(inventory.Kubelet, "kubeconfig")
	return ref.Path
}

// divided says what to do where the kubelet's certificate is of the CA that its
// kubeconfig verifies with, the node's file of the CA holds another, and the key of
// neither is here: nothing on the node says which of the two the cluster has. It is ""
// elsewhere.
func (p *planner) divided() string {
	own, ok := ownCA(p.inv)
	cluster, _, found := p.inv.Kubeconfigs[p.kubeletConfig()].Current()
	e := p.first(inventory.RoleKubeletClient)
	if !ok || !found || e == nil || len(own.certs) != 1 || p.signedByAny(own.certs, e.cert.Certificate) || p.caKey(own.certs[0]) {
		return ""
	}
	for _, c := range cluster.CAData.Material.Certificates {
		if p.signed(c.Certificate, e.cert.Certificate) {
			return fmt.Sprintf("see which CA the cluster has: %s signed neither the kubelet's certificate nor what %s verifies with, and these two fit; if the file was replaced by accident, put the CA of %s there; if the cluster's CA was replaced, join the node again", own.place.Path, p.kubeletConfig(), p.kubeletConfig())
		}
	}
	return ""
}

// caKey reports whether the private key of a CA is on the node.
func (n *node) caKey(ca *x509.Certificate) bool {
	sum := parsers.Certificate{Certificate: ca}.PublicKeySHA256()
	for _, m := range n.inv.Materials {
		if slices.ContainsFunc(m.Keys, func(k parsers.Key) bool { return k.Private && k.PublicKeySHA256 == sum }) {
			return true
		}
	}
	return false
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

// kubeletConfigWork writes kubelet.conf again as kubeadm does: with the CA's
// certificate, the address that another kubeconfig of the node calls, and the file
// that the rotation keeps (cmd/kubeadm/app/phases/kubeconfig, kubelet-finalize).
func (p *planner) kubeletConfigWork(f Finding, ask work) work {
	own, ok := ownCA(p.inv)
	server, user, current := p.calledServer(), "system:node:"+p.ownName(), p.currentPEM()
	if !ok || f.Path != p.kubeletConfig() || p.facts.profile != ProfileKubeadm || p.ownName() == "" || !kubeadmValue.MatchString(user) || server == "" || own.place.Field != "" || !quotable(own.place.Path) || !plainValue.MatchString(current) {
		return ask
	}
	var client work
	if !p.validClient(current) {
		if client = p.kubeletClientWork(current, ask); client.steps == nil {
			return ask
		}
	}
	return work{key: "write " + f.Path, ask: ask.ask, steps: func(p *planner, of work) bool {
		if client.steps != nil && !client.steps(p, of) { // first, for the file names it
			return false
		}
		made := p.stageFor(path.Dir(f.Path), of).path(path.Base(f.Path))
		p.needs("openssl")
		p.changes(f.Path)
		p.add(PhaseMake, of, "write "+f.Path+", from what the node is configured with", hereDocument(words(made), []string{
			"apiVersion: v1", "kind: Config", "clusters:", "- cluster:", "    certificate-authority-data: " + base64Of(own.place.Path), "    server: " + server, "  name: kubernetes",
			"contexts:", "- context:", "    cluster: kubernetes", "    user: " + user, "  name: " + user + "@kubernetes", "current-context: " + user + "@kubernetes",
			"users:", "- name: " + user, "  user:", "    client-certificate: " + current, "    client-key: " + current}))
		p.add(PhasePlace, of, "put "+f.Path+" in place", p.putFile(made, f.Path))
		p.restart(inventory.Kubelet)
		return true
	}}
}

// calledServer is the address of the API server that kubeadm's other kubeconfigs on
// the node call: that of people first, which is the one of all control planes.
func (p *planner) calledServer() string {
	for _, name := range []string{"admin.conf", "super-admin.conf", "controller-manager.conf", "scheduler.conf"} {
		cluster, _, ok := p.inv.Kubeconfigs[path.Join(inventory.DefaultKubeconfigDir, name)].Current()
		if ok && serverValue.MatchString(cluster.Server.Value) {
			return cluster.Server.Value
		}
	}
	return ""
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
	o, ok := p.kubeletOrder(at, usageServerAuth)
	o.names = p.kubeletNames()
	if !ok || len(o.names) == 0 {
		return ask
	}
	return p.ordered(o, hasClientCA, ask, func(p *planner, o order, make maker, of work) {
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
		p.add(PhasePlace, of, "point "+f.Path+" at the newest certificate", "ln -sfn -- "+words(newest, f.Path))
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
	if !ok || cert == key || cert == 0 || key == 0 || p.crowded(f.Path) || !plainValue.MatchString(current) {
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
	case at != current && !p.inv.Files[current].Exists() && !p.rotates(at):
		return ask // nothing rotates: it is a certificate like others
	}
	if said := p.divided(); said != "" {
		return work{ask: said, open: true}
	}
	o, ok := p.kubeletOrder(current, usageClientAuth)
	if !ok {
		return ask
	}
	also := p.repointWork(Finding{Path: at}, ask)
	late := at != current && o.caKey == "" && !p.inv.Files[current].Exists() // kubelet.conf must not name what is still to come
	w := p.ordered(o, hasClientCA, ask, func(p *planner, o order, make maker, of work) {
		s := p.stageFor(path.Dir(current), of)
		o.made, o.newKey = s.path("kubelet-client.crt"), s.path("kubelet-client.key")
		make(p, o, s, of)
		s.leave(o.made, o.newKey)
		p.changes(current)
		dated := words(strings.TrimSuffix(current, "current.pem")) + `"$D".pem`
		p.add(PhaseMake, of, "join certificate and key as the kubelet keeps them", "cat "+words(o.made, o.newKey)+" > "+words(s.path("kubelet-client.pem")))
		p.add(PhasePlace, of, "point "+current+" at the new certificate", freeDate(dated), "mv -- "+words(s.path("kubelet-client.pem"))+" "+dated, "ln -sfn -- "+dated+" "+words(current))
		p.restart(inventory.Kubelet)
		if late && also.steps != nil {
			also.steps(p, of)
		}
	})
	if at == current || late {
		return w
	}
	return work{key: "client of " + at, ask: ask.ask, steps: func(p *planner, of work) bool {
		return w.steps(p, of) && (also.steps == nil || also.steps(p, of))
	}}
}

// rotates reports whether the kubelet of a kubeconfig that embeds a certificate keeps
// another elsewhere: kubeadm's does (certificate rotation is on in its configuration).
func (p *planner) rotates(kubeconfig string) bool {
	return p.facts.profile == ProfileKubeadm && kubeconfig == p.kubeletConfig() && len(p.embeddedClient(kubeconfig)) > 0
}

// embeddedClientWork has kubelet.conf name the file that the rotation keeps. Where there
// is none, the pair that it embeds becomes that file if it is valid, and another is made
// if it is not.
func (p *planner) embeddedClientWork(f Finding, ask work) work {
	current := p.currentPEM()
	_, user, _ := p.inv.Kubeconfigs[f.Path].Current()
	certs := p.embeddedClient(f.Path)
	switch {
	case p.validClient(current), p.inv.Files[current].Exists() && len(certs) == 0:
		return p.repointWork(f, ask)
	case !p.rotates(f.Path):
		return ask
	}
	m := user.CertificateData.Material
	m.Keys = slices.Concat(m.Keys, user.KeyData.Material.Keys)
	also := p.repointWork(f, ask)
	if p.inv.Files[current].Exists() || !p.isValidClient(m) || also.steps == nil || !quotable(f.Path) {
		return p.kubeletClientWork(f.Path, ask)
	}
	return work{key: "client of " + f.Path, ask: ask.ask, steps: func(p *planner, of work) bool {
		made := p.stageFor(path.Dir(current), of).path("kubelet-client.pem")
		dated := words(strings.TrimSuffix(current, "current.pem")) + `"$D".pem`
		p.needs("openssl", "sed")
		p.changes(current)
		p.add(PhaseMake, of, "take the kubelet's pair out of "+f.Path, decodeField(user.CertificateData.Origin, "client-certificate-data")+" > "+words(made), decodeField(user.KeyData.Origin, "client-key-data")+" >> "+words(made))
		p.add(PhaseCheck, of, "see that it is a pair", samePublicKey(words(made), words(made)))
		p.add(PhasePlace, of, "point "+current+" at it", freeDate(dated), "mv -- "+words(made)+" "+dated, "ln -sfn -- "+dated+" "+words(current))
		return also.steps(p, of)
	}}
}

// hasClientCA says who signs for a kubelet where [planner.clientCA] has no key.
const hasClientCA = "a control-plane node that has the CA's key"

// kubeletOrder is a certificate of the kubelet's user for a purpose, by the CA that
// signs for kubelets. ok is false where the node's name or that CA is not known.
func (p *planner) kubeletOrder(place, usage string) (o order, ok bool) {
	o = order{commonName: "system:node:" + p.ownName(), organizations: []string{groupNodes}, usages: []string{usage}, days: 365, algorithm: "RSA-2048", place: place}
	ca, key := p.clientCA()
	p.signedBy(&o, ca, key)
	return o, p.ownName() != "" && opensslValue(o.commonName) && o.caCert != ""
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
	return p.isValidClient(p.inv.Materials[name])
}

// isValidClient is the same of what was read.
func (p *planner) isValidClient(m parsers.Material) bool {
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
