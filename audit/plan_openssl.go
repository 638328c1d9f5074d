package audit

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"certaudit/audit/inventory"
	"certaudit/parsers"
)

// order is a certificate to be issued with openssl.
type order struct {
	// commonName, organizations, names and usages are what it is to hold.
	commonName    string
	organizations []string
	names, usages []string
	days          int
	// caCert and caKey sign it; algorithm is that of its new key.
	caCert, caKey, algorithm string
	// anonymousCA: the CA has no key identifier, as one of X.509 version 1 has none, and
	// openssl issues nothing that is to name it.
	anonymousCA bool
	// made is the certificate, and newKey the key that goes with it; place is where
	// they will be.
	made, newKey, place string
}

// maker adds the steps that make the certificate and the key of an order in stages.
type maker func(p *planner, o order, s *stage, of work)

// ordered is the work that has an order filled and puts it into place: signed here
// where the CA's key is, else by its owner, as the answer to a request.
func (p *planner) ordered(o order, owner string, ask work, place func(p *planner, o order, make maker, of work)) work {
	return work{key: "order " + o.place, ask: ask.ask, steps: func(p *planner, of work) bool {
		if o.caKey != "" {
			place(p, o, (*planner).issue, of)
			return true
		}
		p.request(o, owner, place, of)
		return true
	}}
}

// opensslWork has the certificate of a role issued with openssl, with the subject,
// names and usages that it has and those that it lacks.
func (p *planner) opensslWork(r *role, name string, ask work) work {
	e := p.certificateAt(name, r)
	if e == nil || r.isCA() {
		return ask
	}
	ca, key := p.signingFiles(e)
	o, ok := p.orderFor(e, ca, key)
	o.place = e.place.Path
	if !ok || !quotable(o.place) || !p.addKubeletNames(e, &o) {
		return ask
	}
	owner := fmt.Sprintf("the owner of the CA in %s", ca)
	if e.place.Field != "" {
		return p.embeddedWork(e, o, owner, ask)
	}
	keyPath := p.keyPath(e)
	switch {
	case !quotable(keyPath):
		return ask
	case keyPath == o.place && !slices.ContainsFunc(e.refs, func(r *inventory.Reference) bool {
		return inventory.IsProgram(r.Component) && r.Origin.Path != "" && p.inv.Setting(r.Component, r.Name).Origin == r.Origin
	}):
		return ask // nobody is set up to read it
	case keyPath == o.place:
		return p.jointWork(e, o, owner, ask)
	}
	return p.ordered(o, owner, ask, func(p *planner, o order, make maker, of work) {
		s, keys := p.stageFor(path.Dir(o.place), of), p.stageFor(path.Dir(keyPath), of)
		o.made, o.newKey = s.path(path.Base(o.place)), keys.path(path.Base(keyPath))
		p.changes(o.place, keyPath)
		make(p, o, s, of)
		p.add(PhaseMake, of, "give the new pair for "+o.place+" the owner and the mode of the old", likeOld(o.place, o.made), likeOld(keyPath, o.newKey))
		p.add(PhasePlace, of, "put "+o.place+" and its key in place", put(o.made, o.place, o.newKey, keyPath))
		p.noticed(e.role.name)
		p.noticedByUnit(e)
	})
}

// jointWork puts a new pair into the place of a file that holds both.
func (p *planner) jointWork(e *entry, o order, owner string, ask work) work {
	return p.ordered(o, owner, ask, func(p *planner, o order, make maker, of work) {
		s := p.stageFor(path.Dir(o.place), of)
		joint := s.path(path.Base(o.place))
		o.made, o.newKey = joint+".crt", joint+".key"
		p.changes(o.place)
		make(p, o, s, of)
		s.leave(o.made, o.newKey)
		p.add(PhaseMake, of, "join certificate and key for "+o.place, "cat "+words(o.made, o.newKey)+" > "+words(joint), likeOld(o.place, joint))
		p.add(PhasePlace, of, "put "+o.place+" in place", "mv -f -- "+words(joint, o.place))
		p.noticed(e.role.name)
		p.noticedByUnit(e)
	})
}

// addKubeletNames adds what a kubelet may be called to an order for its serving
// certificate, and reports false where nobody could verify it all the same.
func (p *planner) addKubeletNames(e *entry, o *order) bool {
	if e.role.name != inventory.RoleKubeletServing {
		return true
	}
	o.names = union(o.names, p.kubeletNames())
	dialled, _ := kubeletTarget(p.inv, p.ownName())
	return len(o.names) > 0 && (!dialled.byAddress || slices.ContainsFunc(o.names, parsers.IsAddress))
}

// kubeletNames are those by which the kubelet is called, as far as they are known:
// its node's name, and the address that an API server beside it gives out.
func (n *node) kubeletNames() []string {
	names := union(nil, n.facts.values["kubeletHosts"])
	for _, name := range []string{n.ownName(), n.inv.AdvertiseAddress()} {
		if name != "" {
			names = union(names, []string{name})
		}
	}
	return names
}

// likeOld is the command that gives a new file the owner and the mode of the old, if
// there is one: not every component runs as root.
func likeOld(old, made string) string {
	as := words(made + ".as")
	return fmt.Sprintf("if [ -f %s ]; then cp -p -- %s %s; cat %s > %s; mv -f -- %s %s; fi", words(old), words(old), as, words(made), as, as, words(made))
}

// certificateAt is the entry of a role whose file, or whose key, lies at a path.
func (p *planner) certificateAt(name string, r *role) *entry {
	for e := range p.decoded((*entry).isLeaf) {
		if e.role == r && (e.place.Path == name || p.keyPath(e) == name) {
			return e
		}
	}
	return nil
}

// signingFiles are the files of the CA that should sign an entry and of its key; ""
// for what is not on the node.
func (p *planner) signingFiles(e *entry) (cert, key string) {
	if ca, ok := e.role.kubeadm().SignedBy(); ok && p.facts.profile == ProfileKubeadm && p.isThere(ca) {
		cert = p.inv.KubeadmPath(ca)
		if p.inv.Files[p.certPath(ca.Pair)].State == inventory.Readable {
			key = p.certPath(ca.Pair)
		}
		return cert, key
	}
	if e.role.name == inventory.RoleKubeletClient && p.facts.profile == ProfileKubeadm {
		cert, key = p.certPath("ca.crt"), p.certPath("ca.key")
		if p.inv.Files[key].State != inventory.Readable {
			key = ""
		}
		return cert, key
	}
	for _, ref := range p.inv.References {
		if ref.Embedded != nil || ref.Path == "" || ref.Holds != inventory.HoldsBundle && ref.Holds != inventory.HoldsSigner {
			continue
		}
		certs := bundleOf(p.inv, ref).certs
		if len(certs) == 1 && p.now.Before(certs[0].NotAfter) && p.isIssuerOf(certs[0], e) {
			k := p.keyOf(ref, certs[0])
			if k != "" && path.Dir(k) == path.Dir(ref.Path) {
				return ref.Path, k
			}
			if key == "" {
				cert, key = ref.Path, k
			}
		}
	}
	return cert, key
}

// usedOtherwise reports whether the certificate at a path is that of another role as
// well: minikube has its own kubeconfig name the API server's.
func (p *planner) usedOtherwise(name, role string) bool {
	return slices.ContainsFunc(p.inv.References, func(r inventory.Reference) bool {
		return r.Path == name && r.Holds == inventory.HoldsCertificate && r.Role == inventory.RoleDistribution && role != r.Role
	})
}

// isThere reports whether a file of kubeadm's is: with etcd elsewhere its CA lies where
// whoever made it put it.
func (p *planner) isThere(k inventory.KubeadmFile) bool {
	return !k.Etcd || p.inv.Files[p.inv.KubeadmPath(k)].Exists()
}

// isIssuerOf reports whether a CA is the one that an entry should be signed by.
func (p *planner) isIssuerOf(ca *x509.Certificate, e *entry) bool {
	for _, r := range p.requirements(e.role.name, FactIssuer) {
		if b, ok := bundleNamed(p.inv, r.Values); ok {
			return slices.ContainsFunc(b.certs, func(c *x509.Certificate) bool {
				return string(c.RawSubjectPublicKeyInfo) == string(ca.RawSubjectPublicKeyInfo)
			})
		}
	}
	if signers, _ := p.namesakes(e); len(signers) > 0 {
		return p.signed(ca, e.cert.Certificate)
	}
	return e.role.component != "" && bytes.Equal(ca.RawSubject, e.cert.RawIssuer) // what signed it is not in view, and its name is
}

// keyOf is the file with the private key of a CA, "" where none is known: one that a
// flag names beside it. Its public half has been compared.
func (p *planner) keyOf(ref inventory.Reference, ca *x509.Certificate) string {
	sum := parsers.Certificate{Certificate: ca}.PublicKeySHA256()
	for _, other := range p.inv.References {
		if other.Holds != inventory.HoldsSignerKey && other.Holds != inventory.HoldsPrivateKey || other.Path == "" {
			continue
		}
		if slices.ContainsFunc(p.inv.Material(other).Keys, func(k parsers.Key) bool { return k.Private && k.PublicKeySHA256 == sum }) {
			return other.Path
		}
	}
	return ""
}

// orderFor is what an entry should be, signed by a CA. ok is false where something
// cannot be written into openssl's configuration.
func (p *planner) orderFor(e *entry, ca, caKey string) (o order, ok bool) {
	x := e.cert.Certificate
	o = order{commonName: x.Subject.CommonName, organizations: x.Subject.Organization, algorithm: keyAlgorithm(x),
		days: max(1, int(x.NotAfter.Sub(x.NotBefore)/(24*time.Hour)))}
	p.signedBy(&o, ca, caKey)
	o.names = union(sans(x), p.missingHosts(e))
	o.usages = usages(x)
	for _, w := range p.reqs[e.role.name] {
		values, known := p.expandAll(w.Values)
		switch {
		case !known || len(values) == 0:
		case w.Fact == FactUsage && len(o.usages) > 0: // without any it may be used for all
			o.usages = union(o.usages, values)
		case w.Fact == FactCommonName && w.severityOr(Critical).Rank() > Info.Rank() && !slices.Contains(values, o.commonName):
			o.commonName = values[0]
		case w.Fact == FactOrganization && !slices.ContainsFunc(values, func(v string) bool { return slices.Contains(o.organizations, v) }):
			o.organizations = append(slices.Clone(o.organizations), values[0])
		}
	}
	o.organizations = slices.DeleteFunc(slices.Clone(o.organizations), func(v string) bool {
		return v == mastersGroup && e.role.name != inventory.RoleSuperAdmin && !p.usedOtherwise(e.place.Path, e.role.name)
	})
	for _, v := range slices.Concat([]string{o.commonName}, o.organizations, o.names) {
		if !opensslValue(v) {
			return o, false
		}
	}
	return o, ca != "" && quotable(ca)
}

// signedBy has the CA in a file sign an order, whose time ends before that of the CA.
func (p *planner) signedBy(o *order, ca, key string) {
	o.caCert, o.caKey = ca, key
	certs := p.inv.Materials[ca].Certificates
	if len(certs) == 0 {
		return
	}
	o.anonymousCA = len(certs[0].SubjectKeyId) == 0
	if left := int(certs[0].NotAfter.Sub(p.now)/(24*time.Hour)) - 1; left > 0 { // a day for whoever runs the plan
		o.days = min(o.days, left)
	}
}

// opensslValue reports whether openssl's configuration takes a text as it stands, and
// so does the shell around it.
func opensslValue(v string) bool {
	return quotable(v) && !strings.ContainsAny(v, "$`\\\"'#;,")
}

// configuration is the file that openssl reads, with the requests and extensions of
// an order.
func (o order) configuration() []string {
	out := []string{"[req]", "prompt = no", "utf8 = yes", "string_mask = utf8only", "distinguished_name = dn", "[dn]"}
	for i, org := range o.organizations {
		out = append(out, fmt.Sprintf("%d.O = %s", i, org))
	}
	out = append(out, "CN = "+o.commonName)
	out = append(append(out, "[ext]"), o.extensions()...)
	out = append(append(out, "[issued]"), o.extensions()...)
	if o.anonymousCA {
		return out
	}
	return append(out, "authorityKeyIdentifier = keyid")
}

// extensions are what the certificate is for.
func (o order) extensions() []string {
	out := []string{"basicConstraints = critical,CA:FALSE", "keyUsage = critical,digitalSignature,keyEncipherment"}
	var purposes, names []string
	for _, u := range o.usages {
		switch u {
		case usageServerAuth:
			purposes = append(purposes, "serverAuth")
		case usageClientAuth:
			purposes = append(purposes, "clientAuth")
		}
	}
	if len(purposes) > 0 {
		out = append(out, "extendedKeyUsage = "+strings.Join(purposes, ","))
	}
	for _, name := range o.names {
		kind := "DNS:"
		if parsers.IsAddress(name) {
			kind = "IP:"
		}
		names = append(names, kind+name)
	}
	if len(names) > 0 {
		out = append(out, "subjectAltName = "+strings.Join(names, ","))
	}
	return out
}

// newKeyCommand makes a key.
func (o order) newKeyCommand() string {
	options := "-algorithm RSA -pkeyopt rsa_keygen_bits:" + strings.TrimPrefix(kubeadmAlgorithm(o.algorithm), "RSA-")
	if curve, ok := strings.CutPrefix(o.algorithm, "ECDSA-P"); ok {
		options = "-algorithm EC -pkeyopt ec_paramgen_curve:P-" + curve
	}
	return "openssl genpkey " + options + " -out " + words(o.newKey) + ` 2>> "$B"/openssl.log`
}

// issue adds the steps that make and check the certificate of an order in a stage.
func (p *planner) issue(o order, s *stage, of work) {
	config, request := o.made+".cnf", o.made+".csr"
	s.leave(config, request)
	p.needs("openssl")
	p.add(PhaseLook, of, "see that "+o.caKey+" is the key of "+o.caCert,
		samePublicKey(words(o.caCert), words(o.caKey)))
	p.add(PhaseMake, of, "issue a certificate for "+o.place,
		hereDocument(words(config), o.configuration()), o.newKeyCommand(),
		"openssl req -new -sha256 -config "+words(config)+" -key "+words(o.newKey)+" -out "+words(request),
		fmt.Sprintf("openssl x509 -req -sha256 -in %s -CA %s -CAkey %s -set_serial 0x$(openssl rand -hex 16) -days %d -extfile %s -extensions issued -out %s 2>> \"$B\"/openssl.log",
			words(request), words(o.caCert), words(o.caKey), o.days, words(config), words(o.made)),
		"chmod 0644 "+words(o.made))
	p.add(PhaseCheck, of, "check what was issued for "+o.place, "openssl verify -CAfile "+words(o.caCert, o.made)+" > /dev/null")
}

// requestDir is where requests and their keys wait for who signs them.
const requestDir = "/etc/kubernetes/certaudit-requests"

// request adds the steps that make a request, and the script that puts the answer
// into place; whom to ask stands in a step without commands. The key is made once:
// an answer to an earlier request fits as well.
func (p *planner) request(o order, owner string, place func(p *planner, o order, make maker, of work), of work) {
	base := path.Join(requestDir, flat(o.place))
	config, request, script := words(base+".cnf"), words(base+".csr"), words(base+".sh")
	key := o
	key.newKey = base + ".key"
	q := &planner{nodeAudit: p.nodeAudit}
	place(q, o, fetch(base), of)
	p.needs("openssl")
	p.changes(requestDir)
	p.add(PhaseMake, of, "make a request for "+o.place, "mkdir -p -m 0700 "+words(requestDir), hereDocument(config, o.configuration()),
		"[ -e "+words(key.newKey)+" ] || "+key.newKeyCommand(), "openssl req -new -sha256 -config "+config+" -reqexts ext -key "+words(key.newKey)+" -out "+request)
	p.add(PhaseMake, of, "write the script that puts the answer into place", "cat > "+script+" <<'ANSWER'\n"+asRemedy(q.finish())+"\nANSWER")
	name := path.Base(base)
	p.add(PhaseAsk, of, fmt.Sprintf("have %s sign %s for %d days with the names and usages in %s, as by: openssl x509 -req -sha256 -in %s -CA ca.crt -CAkey ca.key -set_serial 0x$(openssl rand -hex 16) -days %d -extfile %s -extensions issued -out %s; bring the certificate back as %s, then run here: sh %s",
		owner, base+".csr", o.days, base+".cnf", words(name+".csr"), o.days, words(name+".cnf"), words(name+".crt"), base+".crt", script))
}

// fetch takes the certificate and the key from where a request waited.
func fetch(base string) maker {
	return func(p *planner, o order, s *stage, of work) {
		cert, key := words(base+".crt"), words(base+".key")
		p.needs("openssl")
		p.add(PhaseLook, of, "see that the answer to the request is there, signed by the right CA and for the key",
			"openssl verify -CAfile "+words(o.caCert)+" "+cert+" > /dev/null", samePublicKey(cert, key))
		p.add(PhaseMake, of, "take copies of it and of the key", "cp -- "+cert+" "+words(o.made), "chmod 0644 "+words(o.made), "cp -- "+key+" "+words(o.newKey))
		s.leave(base+".crt", base+".key", base+".csr", base+".cnf", base+".sh")
	}
}

// samePublicKey is the command that sees whether a certificate is a key's; both are
// words.
func samePublicKey(cert, key string) string {
	return fmt.Sprintf(`[ "$(openssl x509 -in %s -noout -pubkey)" = "$(openssl pkey -in %s -pubout)" ]`, cert, key)
}

// embeddedWork puts a new pair into a kubeconfig that embeds one.
func (p *planner) embeddedWork(e *entry, o order, owner string, ask work) work {
	_, user, ok := p.inv.Kubeconfigs[o.place].Current()
	if !ok || user.CertificateData.IsZero() || user.KeyData.IsZero() || p.crowded(o.place) {
		return ask
	}
	return p.ordered(o, owner, ask, func(p *planner, o order, make maker, of work) {
		s := p.stageFor(path.Dir(o.place), of)
		o.made, o.newKey = s.path(path.Base(o.place)+".crt"), s.path(path.Base(o.place)+".key")
		make(p, o, s, of)
		s.leave(o.made, o.newKey)
		p.edit(o.place, of, edit{line: user.CertificateData.Origin.Line, name: "client-certificate-data", value: base64Of(o.made)},
			edit{line: user.KeyData.Origin.Line, name: "client-key-data", value: base64Of(o.newKey)})
		p.restartReaders(o.place)
	})
}

// extension is a key identifier as openssl's configuration takes it.
func extension(id []byte) string { return strings.ToUpper(hex.EncodeToString(id)) }

// noticedByUnit restarts what runs as a unit and names the certificate in a flag that
// is read once.
func (p *planner) noticedByUnit(e *entry) {
	for _, ref := range e.refs {
		if once, known := p.readsOnce(*ref); once || !known {
			p.restart(ref.Component)
		}
	}
}
