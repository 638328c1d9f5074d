package audit

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"certaudit/audit/inventory"
	"certaudit/parsers"
)

// anchorWork has the flags that name the file of another CA name the one whose key
// signed what the other end shows.
func (p *planner) anchorWork(f Finding, ask work) work {
	for _, e := range p.edges {
		for _, v := range []verification{e.serverSide, e.clientSide} {
			if v.fault != faultUntrusted || v.presented == nil || v.at.Path != f.Path {
				continue
			}
			var all []assignment
			for _, ref := range p.inv.References {
				if ref.Path != f.Path || ref.Embedded != nil || ref.Origin.Path == "" {
					continue
				}
				if ca, ok := p.signerFile(ref.Role, v.presented); ok && ca != f.Path {
					all = append(all, assignmentOf(ref, ca))
				}
			}
			if len(all) > 0 {
				return p.assignWork(ask, all...)
			}
		}
	}
	return ask
}

// signerWork has the controller-manager sign with the CA that the API server accepts
// clients of, where its key is on the node.
func (p *planner) signerWork(f Finding, ask work) work {
	clients, ok := p.inv.ReferenceOf(inventory.APIServer, "client-ca-file")
	certs := p.inv.Material(clients).Certificates
	if !ok || len(certs) != 1 {
		return ask
	}
	key := p.keyOf(clients, certs[0].Certificate)
	for _, ref := range p.inv.References {
		if ref.Holds != inventory.HoldsSigner || ref.Path != f.Path || key == "" {
			continue
		}
		for _, k := range p.privates[ref.Pair] {
			return p.assignWork(ask, assignmentOf(ref, clients.Path), assignmentOf(*k, key))
		}
	}
	return ask
}

// domainWork has the kubelet give the domain that the API server's certificate is for.
func (p *planner) domainWork(f Finding, ask work) work {
	setting := p.inv.Setting(inventory.Kubelet, "cluster-domain")
	e := p.first(inventory.RoleAPIServerServing)
	if e == nil || setting.Origin.Path != f.Path || setting.Origin.Line != f.Line {
		return ask
	}
	i := slices.IndexFunc(e.cert.DNSNames, func(name string) bool { return strings.HasPrefix(name, serviceName) })
	if i < 0 {
		return ask
	}
	return p.assignWork(ask, assignment{inventory.Kubelet, setting.Origin, "cluster-domain", setting.Value, strings.TrimPrefix(e.cert.DNSNames[i], serviceName)})
}

// addressWork has the API server advertise the address that the kubeconfigs call.
func (p *planner) addressWork(f Finding, ask work) work {
	setting := p.inv.Setting(inventory.APIServer, "advertise-address")
	if setting.Origin.Path != f.Path || setting.Origin.Line != f.Line {
		return ask
	}
	for _, host := range p.facts.values["serverHosts"] {
		if parsers.IsAddress(host) && host != p.inv.AdvertiseAddress() {
			return p.assignWork(ask, assignment{inventory.APIServer, setting.Origin, "advertise-address", setting.Value, host})
		}
	}
	return ask
}

// tokenKeyWork makes the keys of service accounts fit. No key is written over: the
// public half is added to those that verify.
func (p *planner) tokenKeyWork(f Finding, ask work) work {
	verifiers := p.references(inventory.APIServer, "service-account-key-file")
	signers := p.references(inventory.APIServer, "service-account-signing-key-file")
	if len(verifiers) == 0 {
		return ask
	}
	for _, ref := range p.references(inventory.ControllerManager, "service-account-private-key-file") {
		if ref.Path == f.Path && len(signers) > 0 && signers[0].Path != f.Path && p.verifies(verifiers, signers[0]) {
			return p.assignWork(ask, assignmentOf(ref, signers[0].Path))
		}
	}
	target := verifiers[0].Path
	if slices.ContainsFunc(p.inv.Materials[target].Keys, func(k parsers.Key) bool { return k.Private }) || !quotable(target) {
		return ask
	}
	return work{key: "verify tokens", ask: ask.ask, steps: func(p *planner, of work) bool {
		made := p.stageFor(path.Dir(target), of).path(path.Base(target))
		p.needs("openssl")
		p.changes(target)
		p.add(PhaseLook, of, "see that "+target+" does not hold the public half of "+f.Path+" yet", fmt.Sprintf(`[ "$(grep -cF "$(openssl pkey -in %s -pubout | sed -n 2p)" %s)" = 0 ]`, words(f.Path), words(target)))
		p.add(PhaseMake, of, "add the public half of "+f.Path+" to a copy of "+target, "cp -p -- "+words(target, made), "openssl pkey -in "+words(f.Path)+" -pubout >> "+words(made))
		p.add(PhaseCheck, of, "see that the copy of "+target+" holds it", fmt.Sprintf(`[ "$(grep -c 'BEGIN' %s)" -gt "$(grep -c 'BEGIN' %s)" ]`, words(made), words(target)))
		p.add(PhasePlace, of, "put "+target+" in place", "mv -f -- "+words(made, target))
		p.restart(inventory.APIServer)
		return true
	}}
}

// references are those of a flag of a component.
func (n *node) references(component, flag string) []inventory.Reference {
	var out []inventory.Reference
	for _, ref := range n.inv.References {
		if ref.Component == component && ref.Name == flag {
			out = append(out, ref)
		}
	}
	return out
}

// verifies reports whether the key of a signer is among some that verify.
func (n *node) verifies(verifiers []inventory.Reference, signer inventory.Reference) bool {
	for _, k := range n.inv.Material(signer).Keys {
		for _, v := range verifiers {
			m := n.inv.Material(v)
			if slices.ContainsFunc(m.Keys, func(o parsers.Key) bool { return o.PublicKeySHA256 == k.PublicKeySHA256 }) {
				return true
			}
		}
	}
	return false
}

// publicKeyWork makes a missing file of public keys from the private key that signs.
func (p *planner) publicKeyWork(f Finding, ask work) work {
	signers, verifiers := p.references(inventory.APIServer, "service-account-signing-key-file"), p.references(inventory.APIServer, "service-account-key-file")
	if len(signers) == 0 || p.inv.Files[signers[0].Path].State != inventory.Readable || len(verifiers) != 1 || verifiers[0].Path != f.Path || f.Path == signers[0].Path || p.inv.Files[f.Path].Mode.IsDir() || holds(inventory.HoldsTokenVerifier, p.inv.Materials[f.Path]) {
		return ask
	}
	return work{key: "public " + f.Path, ask: ask.ask, steps: func(p *planner, of work) bool {
		made := p.stageFor(path.Dir(f.Path), of).path(path.Base(f.Path))
		p.needs("openssl")
		p.changes(f.Path)
		p.add(PhaseMake, of, "make "+f.Path+" from the key that signs", "openssl pkey -in "+words(signers[0].Path)+" -pubout -out "+words(made), "chmod 0644 "+words(made), likeOld(f.Path, made))
		p.add(PhasePlace, of, "put "+f.Path+" in place", "mv -f -- "+words(made, f.Path))
		p.restart(inventory.APIServer)
		return true
	}}
}

// pemWork writes a certificate or a key as PEM that lies there as DER, which no
// component reads.
func (p *planner) pemWork(f Finding, ask work) work {
	m, file := p.inv.Materials[f.Path], target(p.inv.Files[f.Path])
	read, write := "openssl x509 -inform DER", "openssl x509 -outform DER"
	switch {
	case len(p.refsTo(f.Path)) == 0 || !quotable(file) || len(m.Certificates)+len(m.Keys) != 1:
		return ask
	case len(m.Keys) == 1 && m.Keys[0].Private && m.Keys[0].Origin.Line == 0:
		read, write = "openssl pkey -inform DER", "openssl pkey -pubout"
	case len(m.Certificates) == 0 || m.Certificates[0].Origin.Line != 0:
		return ask
	}
	return work{key: "pem " + f.Path, ask: ask.ask, steps: func(p *planner, of work) bool {
		made := p.stageFor(path.Dir(file), of).path(path.Base(file))
		p.needs("openssl")
		p.changes(file)
		p.add(PhaseMake, of, "write "+file+" as PEM", fmt.Sprintf("%s -in %s -out %s", read, words(file), words(made)), likeOld(file, made))
		p.add(PhaseCheck, of, "see that it is the same", fmt.Sprintf(`[ "$(%s -in %s | cksum)" = "$(%s -in %s | %s | cksum)" ]`, write, words(made), read, words(file), write))
		p.add(PhasePlace, of, "put "+file+" in place", "mv -f -- "+words(made, file))
		for _, ref := range p.refsTo(f.Path) {
			p.restart(ref.Component)
		}
		return true
	}}
}

// swapWork exchanges the names of a certificate and its key.
func (p *planner) swapWork(f Finding, ask work) work {
	pairs := p.pairs()
	for _, k := range inventory.KubeadmFiles() {
		if k.IsCA() {
			pairs = append(pairs, certificateAndKey{p.inv.KubeadmPath(k), p.certPath(k.Pair)})
		}
	}
	for _, pair := range pairs {
		cert, key := p.inv.Materials[pair.certificate], p.inv.Materials[pair.key]
		if pair.certificate != f.Path && pair.key != f.Path || len(cert.Certificates) > 0 || !holds(inventory.HoldsPrivateKey, cert) || len(key.Certificates) == 0 || len(key.Keys) > 0 {
			continue
		}
		if path.Dir(pair.certificate) != path.Dir(pair.key) {
			return ask
		}
		return work{key: "swap " + pair.certificate, steps: func(p *planner, of work) bool {
			s := p.stageFor(path.Dir(pair.certificate), of)
			c, k := s.path(path.Base(pair.certificate)), s.path(path.Base(pair.key))
			p.changes(pair.certificate, pair.key)
			p.add(PhaseLook, of, "see that "+pair.certificate+" still holds the key, and "+pair.key+" the certificate", "grep -q 'PRIVATE KEY' "+words(pair.certificate), "grep -q 'BEGIN CERTIFICATE' "+words(pair.key))
			p.add(PhaseMake, of, "copy the two files under each other's name", "cp -p -- "+words(pair.key, c), "cp -p -- "+words(pair.certificate, k), "chmod 0644 "+words(c), "chmod 0600 "+words(k))
			p.add(PhasePlace, of, "put them in place", "mv -f -- "+words(c, k, path.Dir(pair.certificate)+"/"))
			return true
		}}
	}
	return ask
}

// restoreCAWork brings the certificate of a CA back from a kubeconfig that embeds it,
// where the CA's key is still here.
func (p *planner) restoreCAWork(f Finding, ask work) work {
	k, ok := p.kubeadmCAAt(f.Path)
	if !ok {
		return ask
	}
	ref, ca, ok := p.embeddedCA(k, f.Check)
	if !ok {
		return ask
	}
	return work{key: "restore " + f.Path, ask: ask.ask, steps: func(p *planner, of work) bool {
		made := p.stageFor(path.Dir(f.Path), of).path(path.Base(f.Path))
		p.needs("openssl", "sed")
		p.changes(f.Path)
		p.add(PhaseMake, of, "take the CA's certificate out of "+ref.Origin.Path, decodeField(ref.Origin, "certificate-authority-data")+" > "+words(made), "chmod 0644 "+words(made), likeOld(f.Path, made))
		p.add(PhaseCheck, of, "see that it is the CA's certificate", fmt.Sprintf(`[ "$(openssl x509 -in %s -outform DER | openssl dgst -sha256 -r | cut -c1-64)" = %s ]`, words(made), ca.SHA256()))
		p.add(PhasePlace, of, "put "+f.Path+" in place", "mv -f -- "+words(made, f.Path))
		p.restart(inventory.ControllerManager)
		return true
	}}
}

// embeddedCA is the certificate of one of kubeadm's CAs that a kubeconfig embeds: the
// one of the CA's key, or, where a file is gone whose key is elsewhere, the only one
// that signed something here.
func (p *planner) embeddedCA(k inventory.KubeadmFile, check string) (at inventory.Reference, ca parsers.Certificate, ok bool) {
	keys := p.inv.Materials[p.certPath(k.Pair)].Keys
	keyed := slices.ContainsFunc(keys, func(k parsers.Key) bool { return k.Private })
	if !keyed && (check == "chain/ca-replaced" || k.Role != inventory.RoleKubernetesCA) {
		return at, ca, false
	}
	for _, ref := range p.inv.References {
		certs := p.inv.Material(ref).Certificates
		if ref.Embedded == nil || ref.Holds != inventory.HoldsBundle || len(certs) != 1 || !strings.HasSuffix(ref.Origin.Field, "certificate-authority-data") || ref.Object != "" || ref.Origin.Line == 0 || !quotable(ref.Origin.Path) || p.crowded(ref.Origin.Path) {
			continue
		}
		c := certs[0]
		if p.now.After(c.NotAfter) || !maySign(c.Certificate) || keyed && c.PublicKeySHA256() != keys[0].PublicKeySHA256 || !keyed && !p.signedSome(c) {
			continue
		}
		if ok && ca.PublicKeySHA256() != c.PublicKeySHA256() {
			return at, ca, false
		}
		if !ok {
			at, ca, ok = ref, c, true
		}
	}
	return at, ca, ok
}

// signedSome reports whether a CA signed a leaf of the node's.
func (p *planner) signedSome(ca parsers.Certificate) bool {
	for e := range p.decoded((*entry).isLeaf) {
		if p.signed(ca.Certificate, e.cert.Certificate) {
			return true
		}
	}
	return false
}

// decodeField is the command that writes what a field of a kubeconfig embeds.
func decodeField(at parsers.Origin, field string) string {
	return fmt.Sprintf(`sed -n "%ds|.*%s[\"']*: *[\"']*\([A-Za-z0-9+/=]*\).*|\1|p" %s | openssl base64 -A -d`, at.Line, field, words(at.Path))
}

// kubeadmCAAt is the CA of kubeadm's that lies at a path.
func (n *node) kubeadmCAAt(name string) (inventory.KubeadmFile, bool) {
	for _, k := range inventory.KubeadmFiles() {
		if k.IsCA() && n.inv.KubeadmPath(k) == name {
			return k, true
		}
	}
	return inventory.KubeadmFile{}, false
}

// notACAWork makes the certificate of a CA that says it is none again, with the same
// key and name, so that what it signed verifies.
func (p *planner) notACAWork(f Finding, e *entry, ask work) work {
	k, ok := p.kubeadmCAAt(f.Path)
	if !ok || e == nil || len(e.all) != 1 || p.inv.Files[p.certPath(k.Pair)].State != inventory.Readable {
		return ask
	}
	return work{key: "ca " + f.Path, ask: ask.ask, steps: func(p *planner, of work) bool {
		s := p.stageFor(path.Dir(f.Path), of)
		made := s.path(path.Base(f.Path))
		s.leave(made + ".cnf")
		extensions := []string{"[ext]", "basicConstraints = critical,CA:TRUE", "keyUsage = critical,digitalSignature,keyEncipherment,keyCertSign", "subjectKeyIdentifier = hash"}
		if id := e.cert.SubjectKeyId; len(id) > 0 {
			extensions[3] = "subjectKeyIdentifier = " + extension(id)
		}
		p.needs("openssl")
		p.changes(f.Path)
		p.add(PhaseMake, of, "make "+f.Path+" again as a CA, with its key and its name", hereDocument(words(made+".cnf"), extensions),
			fmt.Sprintf("openssl x509 -in %s -signkey %s -sha256 -days 3650 -set_serial 0x$(openssl rand -hex 16) -clrext -extfile %s -extensions ext -out %s 2>> \"$B\"/openssl.log", words(f.Path), words(p.certPath(k.Pair)), words(made+".cnf"), words(made)), "chmod 0644 "+words(made), likeOld(f.Path, made))
		p.add(PhaseCheck, of, "see that it has the CA's key", samePublicKey(words(made), words(p.certPath(k.Pair))))
		p.add(PhasePlace, of, "put "+f.Path+" in place", "mv -f -- "+words(made, f.Path))
		return true
	}}
}

// signingFileWork gives the controller-manager a file with the one certificate whose
// key it has.
func (p *planner) signingFileWork(f Finding, ask work) work {
	for _, ref := range p.inv.References {
		certs := p.inv.Material(ref).Certificates
		if ref.Holds != inventory.HoldsSigner || ref.Path != f.Path || len(certs) < 2 {
			continue
		}
		key, _, ok := p.privateKey(ref)
		i := slices.IndexFunc(certs, func(c parsers.Certificate) bool { return c.PublicKeySHA256() == key.PublicKeySHA256 })
		if !ok || i < 0 {
			continue
		}
		made := strings.TrimSuffix(f.Path, path.Ext(f.Path)) + "-signing" + path.Ext(f.Path)
		if p.inv.Files[made].Exists() {
			return ask
		}
		assign := p.assignWork(ask, assignmentOf(ref, made))
		if assign.steps == nil {
			return ask
		}
		return work{key: "signing file", ask: ask.ask, steps: func(p *planner, of work) bool {
			p.changes(made)
			p.add(PhaseMake, of, "write the certificate that signs into "+made, fmt.Sprintf("sed -n %d,/-----END/p %s > %s", certs[i].Origin.Line, words(f.Path), words(made)), "chmod 0644 "+words(made))
			return assign.steps(p, of)
		}}
	}
	return ask
}

// formerWork has a kubeconfig call the API server of the node at the address that it
// gives out, in place of one that the node had before.
func (p *planner) formerWork(f Finding, ask work) work {
	cluster, _, ok := p.inv.Kubeconfigs[f.Path].Current()
	u, err := url.Parse(cluster.Server.Value)
	if !ok || err != nil || cluster.TLSServerName.Value != "" || p.crowded(f.Path) || cluster.Server.Origin.Line == 0 || !isFormer(p.inv, p.facts.profile, u.Hostname()) {
		return ask
	}
	u.Host = strings.Replace(u.Host, parsers.Bracketed(u.Hostname()), parsers.Bracketed(p.inv.AdvertiseAddress()), 1)
	if !quotable(f.Path) || !serverValue.MatchString(u.String()) {
		return ask
	}
	return work{key: "address " + f.Path, ask: ask.ask, steps: func(p *planner, of work) bool {
		p.edit(f.Path, of, edit{line: cluster.Server.Origin.Line, name: "server", value: u.String()})
		p.restartReaders(f.Path)
		return true
	}}
}

// serverValue matches the address of a server that is written as it stands.
var serverValue = regexp.MustCompile(`^https://[A-Za-z0-9.:\[\]-]+/?$`)

// linkTargetWork makes what a link leads to, where kubeadm makes it.
func (p *planner) linkTargetWork(f Finding, ask work) work {
	for _, k := range inventory.KubeadmFiles() {
		if name := p.inv.KubeadmPath(k); name == p.inv.Files[f.Path].Link && name != f.Path && k.Role != inventory.RoleSuperAdmin {
			return p.certificateWork(roleNamed(k.Role), name, false, ask)
		}
	}
	return ask
}

// userWork puts a copy of admin.conf in place of a person's kubeconfig that was one,
// or one of super-admin.conf, which is for emergencies.
func (p *planner) userWork(f Finding, e *entry, ask work) work {
	admin := inventory.DefaultKubeconfigDir + "/admin.conf"
	if e == nil || p.roleOf(f, e).name != inventory.RoleUser || len(p.inv.Kubeconfigs[f.Path].Contexts) != 1 || len(p.embeddedClient(admin)) == 0 {
		return ask
	}
	known := slices.Concat(p.embeddedClient(admin), p.embeddedClient(inventory.DefaultKubeconfigDir+"/super-admin.conf"))
	if !slices.ContainsFunc(known, func(c parsers.Certificate) bool { return c.Subject.CommonName == e.cert.Subject.CommonName }) {
		return ask
	}
	return work{key: "user " + f.Path, ask: ask.ask, steps: func(p *planner, of work) bool {
		made := path.Join(path.Dir(f.Path), ".certaudit-new-"+path.Base(f.Path))
		p.changes(f.Path)
		p.add(PhaseFollow, of, "copy admin.conf to "+f.Path, "cp -p -- "+words(f.Path, made), "cp -- "+words(admin, made), "mv -f -- "+words(made, f.Path))
		return true
	}}
}

// embeddedClient are the client certificates that the user of a kubeconfig's current
// context embeds; nil for none.
func (n *node) embeddedClient(kubeconfig string) []parsers.Certificate {
	_, user, _ := n.inv.Kubeconfigs[kubeconfig].Current()
	return user.CertificateData.Material.Certificates
}
