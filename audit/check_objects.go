package audit

import (
	"certaudit/audit/inventory"
	"crypto/x509"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"certaudit/parsers"
)

// Pages that the checks of objects cite.
const (
	sourceWebhook     = "https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#service-reference"
	sourceSecret      = "https://kubernetes.io/docs/concepts/configuration/secret/#tls-secrets"
	sourceKubeadm     = "https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-reconfigure/"
	sourceCertManager = "https://cert-manager.io/docs/usage/certificate/"
	sourcePodRequest  = "https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#pod-certificate-requests"
)

// hasObjects reports whether there is something for the checks of objects.
func hasObjects(inv *inventory.Inventory) bool {
	if len(inv.Objects) > 0 {
		return true
	}
	for i := range inv.References {
		if inv.References[i].Object != "" {
			return true
		}
	}
	return false
}

// byHolder lists the references of each Secret and ConfigMap.
func (n *node) byHolder() map[string][]inventory.Reference {
	out := map[string][]inventory.Reference{}
	for _, ref := range n.inv.References {
		if h := ref.Holder(); h != "" {
			out[h] = append(out[h], ref)
		}
	}
	return out
}

// tlsSecret is a Secret with a certificate that a server presents.
type tlsSecret struct {
	inventory.Object
	// ref is the field with the chain, certs what it holds, leaf first.
	ref   inventory.Reference
	certs []*x509.Certificate
	// ca is what stands in ca.crt; nil for nothing.
	ca []*x509.Certificate
}

func (s tlsSecret) leaf() *x509.Certificate { return s.certs[0] }

func (s tlsSecret) sum() string { return parsers.Fingerprint(s.leaf()) }

// tlsSecrets lists the Secrets that hold what a server presents: a leaf, or under
// tls.crt a certificate that is a CA as well, as openssl makes those that sign
// themselves.
func (n *node) tlsSecrets() []tlsSecret {
	holders := n.byHolder()
	var out []tlsSecret
	for _, o := range n.inv.Objects {
		if o.Kind != "Secret" {
			continue
		}
		s := tlsSecret{Object: o}
		for _, ref := range holders[o.Holder()] {
			switch {
			case (ref.Holds == inventory.HoldsCertificate || ref.Holds == inventory.HoldsBundle && inventory.FieldKey(ref.Origin.Field) == "tls.crt") && len(ref.Embedded.Certificates) > 0 && len(s.certs) == 0:
				s.ref, s.certs = ref, bundleOf(n.inv, ref).certs
			case inventory.FieldKey(ref.Origin.Field) == "ca.crt":
				s.ca = bundleOf(n.inv, ref).certs
			}
		}
		if len(s.certs) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// targets calls each for every service that the API server verifies, with the
// bundle that it is verified with, which has no certificates where there is none or
// none that can be read.
func (p *node) targets(each func(o inventory.Object, t inventory.Target, b bundle, secrets []tlsSecret)) {
	bundles := p.embeddedBundles()
	spaces := map[string][]tlsSecret{}
	for _, s := range p.tlsSecrets() {
		spaces[s.Namespace] = append(spaces[s.Namespace], s)
	}
	for _, o := range p.inv.Objects {
		for _, t := range o.Targets {
			if !t.Unverified {
				t.Injected = p.injectedFrom(t)
				each(o, t, bundles[t.Bundle], spaces[t.Namespace])
			}
		}
	}
}

// embeddedBundles are what fields hold that others are verified with, by their
// places.
func (n *node) embeddedBundles() map[parsers.Origin]bundle {
	bundles := map[parsers.Origin]bundle{}
	for _, ref := range n.inv.References {
		if ref.Embedded != nil && ref.Holds == inventory.HoldsBundle {
			bundles[ref.Origin] = bundleOf(n.inv, ref)
		}
	}
	return bundles
}

// injectedFrom is the label of the Secret that a bundle is filled in from: for a
// Certificate of cert-manager's in view, that which it is kept in.
func (n *node) injectedFrom(t inventory.Target) string {
	for _, o := range n.inv.Objects {
		if t.Injected != "" && o.Asks != nil && o.Label() == t.Injected {
			return inventory.ObjectLabel("Secret", o.Namespace, o.Asks.Secret)
		}
	}
	return t.Injected
}

// targetWords name a target in an object.
func targetWords(t inventory.Target) string {
	called := "service " + t.Namespace + "/" + t.Service
	if t.Host != "" {
		called = "host " + t.Host
	}
	if t.Name == "" {
		return called
	}
	return fmt.Sprintf("webhook %q (%s)", t.Name, called)
}

// targetImpact is what a target that cannot be called is worth.
func targetImpact(t inventory.Target) Severity {
	if t.Optional {
		return Warning
	}
	return Critical
}

func checkCABundle(p *pass) {
	p.targets(func(o inventory.Object, t inventory.Target, b bundle, secrets []tlsSecret) {
		named := slices.DeleteFunc(slices.Clone(secrets), func(s tlsSecret) bool { return s.leaf().VerifyHostname(t.DNSName()) != nil })
		switch {
		case t.Bundle == (parsers.Origin{}):
			p.withoutBundle(o, t, secrets)
			return
		case len(b.certs) == 0:
			return // files/malformed or input/undecodable
		case len(named) == 0:
			p.unjudged("no Secret in view holds the certificate of %s", t.DNSName())
			return
		}
		p.examine()
		if slices.ContainsFunc(named, func(s tlsSecret) bool {
			err := p.verify(s.leaf(), s.certs[1:], b, p.now)
			return err == nil || isUnverified(err)
		}) {
			return
		}
		s := named[0]
		p.report(finding{severity: targetImpact(t), component: o.Label(), at: t.Bundle, sha256: parsers.Fingerprint(b.certs[0]),
			message: fmt.Sprintf("the caBundle of %s holds %s, which does not verify the certificate in %s for %s: it is issued by %q; expected its CA", targetWords(t), listOr(b.names(), "nothing"), s.Label(), t.DNSName(), issuerName(s.leaf())),
			remedy:  p.bundlePatch(o, t, s)})
	})
}

// withoutBundle judges a service that the API server verifies with the roots of
// the system it runs on, since the object gives it nothing else.
func (p *pass) withoutBundle(o inventory.Object, t inventory.Target, secrets []tlsSecret) {
	injection := ""
	if t.Injector != "" {
		injection = fmt.Sprintf("; %s says that it is to be filled in, so that its injector has not run", t.Injector)
	}
	s, sure := p.servingSecret(t, bundle{}, secrets)
	if !sure || !p.isPrivate(t, *s) {
		p.unjudged("%s of %s has no caBundle, so that the API server verifies %s with the roots of its system%s; its certificate is not in view, or of a CA that may be among them",
			targetWords(t), o.Label(), t.DNSName(), injection)
		return
	}
	p.examine()
	f := finding{severity: targetImpact(t), component: o.Label(), at: t.Origin, sha256: s.sum(),
		message: fmt.Sprintf("%s has no caBundle, so that the API server verifies it with the roots of its system, and the certificate in %s for it is of a private CA, %q%s; expected that CA in the caBundle",
			targetWords(t), s.Label(), issuerName(s.leaf()), injection),
		remedy: p.bundlePatch(o, t, *s)}
	if t.Injector != "" {
		f.remedy = remedy{"# look why the injector does not fill in the caBundle: " + t.Injector + " names what it should come from"}
	}
	p.report(f)
}

// isPrivate reports whether the certificate that a target serves with is of a CA
// that no system knows: it signed itself, is to be injected, or is valid for the
// name of a service, for which public CAs may not issue (CA/Browser Forum,
// Baseline Requirements 4.2.2: internal names).
func (p *pass) isPrivate(t inventory.Target, s tlsSecret) bool {
	return p.selfSigned(s.leaf()) || t.Injector != "" || t.Service != "" && s.leaf().VerifyHostname(t.DNSName()) == nil
}

func checkServiceName(p *pass) {
	p.targets(func(o inventory.Object, t inventory.Target, b bundle, secrets []tlsSecret) {
		s, sure := p.servingSecret(t, b, secrets)
		if s == nil {
			return
		}
		p.examine()
		if s.leaf().VerifyHostname(t.DNSName()) == nil {
			return
		}
		severity := Warning
		if sure {
			severity = targetImpact(t)
		}
		p.report(finding{severity: severity, component: s.Label(), at: s.ref.Origin, sha256: s.sum(),
			message: fmt.Sprintf("the certificate for the %s of %s is valid for %s; expected %q, as the API server calls the service", targetWords(t), o.Label(), listOr(s.leaf().DNSNames, "no DNS name"), t.DNSName()),
			remedy:  remedy{fmt.Sprintf("# issue the certificate in %s with the DNS name %s", s.Label(), t.DNSName())}})
	})
}

// servingSecret is the Secret that a service most likely serves with: one that
// has its name, the one that the caBundle is injected from, or the one that
// the caBundle verifies and is called after the service. It is sure of the first
// two.
func (p *nodeAudit) servingSecret(t inventory.Target, b bundle, secrets []tlsSecret) (found *tlsSecret, sure bool) {
	for i, s := range secrets {
		switch {
		case s.leaf().VerifyHostname(t.DNSName()) == nil, t.Injected != "" && t.Injected == s.Label():
			return &secrets[i], true
		case found == nil && len(b.certs) > 0 && t.Service != "" && strings.HasPrefix(s.Name, t.Service) && p.verify(s.leaf(), s.certs[1:], b, p.now) == nil:
			found = &secrets[i]
		}
	}
	return found, false
}

func checkObjectChain(p *pass) {
	authorities := p.authoritiesByName()
	for _, s := range p.tlsSecrets() {
		if index := s.ref.Embedded.Certificates[0].Index; index > 0 {
			p.examine()
			p.report(finding{severity: Critical, component: s.Label(), at: s.ref.Origin, sha256: s.sum(), message: behindIssuers(index, len(s.certs)), remedy: remedy{chainOrder}})
			continue
		}
		if p.selfSigned(s.leaf()) {
			continue
		}
		p.examine()
		if severity, message := p.chainFault(s, authorities); message != "" {
			p.report(finding{severity: severity, component: s.Label(), at: s.ref.Origin, sha256: s.sum(), message: message,
				remedy: remedy{"# put the leaf, then the certificate of each issuer behind what it signed, into tls.crt; the root need not be there"}})
		}
	}
}

// chainFault says what is wrong with the chain of a Secret, "" for nothing.
func (p *nodeAudit) chainFault(s tlsSecret, authorities map[string][]parsers.Certificate) (Severity, string) {
	for i := 1; i < len(s.certs); i++ {
		if !p.maybeIssued(s.certs[i], s.certs[i-1]) {
			return Warning, fmt.Sprintf("certificate %d of %d, %q, did not sign the one in front of it, which %q issued; expected each to be followed by its issuer", i+1, len(s.certs), s.certs[i].Subject.CommonName, issuerName(s.certs[i-1]))
		}
	}
	last := s.certs[len(s.certs)-1]
	if p.selfSigned(last) {
		return "", ""
	}
	for _, ca := range s.ca {
		if !p.maybeIssued(ca, last) {
			continue
		}
		if !p.selfSigned(ca) {
			return Warning, fmt.Sprintf("the intermediate %q stands in ca.crt alone, so that the server does not send it; expected it in tls.crt", ca.Subject.CommonName)
		}
		return "", ""
	}
	if len(s.ca) > 0 {
		return Warning, fmt.Sprintf("ca.crt holds %s, which did not sign the certificate that %q issued; expected its CA", listOr(bundle{certs: s.ca}.names(), "nothing"), issuerName(last))
	}
	for _, ca := range authorities[string(last.RawIssuer)] {
		if !p.maybeIssued(ca.Certificate, last) {
			continue
		}
		if !p.selfSigned(ca.Certificate) {
			return Warning, fmt.Sprintf("the intermediate %q signed it and is not in tls.crt, so that the server does not send it; it stands in %s", ca.Subject.CommonName, ca.Origin.Path)
		}
		return "", ""
	}
	if len(s.certs) == 1 && len(authorities[string(last.RawIssuer)]) > 0 {
		return "", "" // chain/untrusted
	}
	return Info, fmt.Sprintf("is issued by %q, which is neither in tls.crt nor in ca.crt nor anywhere in view; whoever verifies it must have that certificate", issuerName(last))
}

// authoritiesByName are [node.authorities] by their subject. The map is not to be
// changed.
func (n *nodeAudit) authoritiesByName() map[string][]parsers.Certificate {
	if n.cas == nil {
		n.cas = map[string][]parsers.Certificate{}
		for _, ca := range n.authorities() {
			n.cas[string(ca.RawSubject)] = append(n.cas[string(ca.RawSubject)], ca)
		}
	}
	return n.cas
}

func checkIncompleteSecret(p *pass) {
	holders := p.byHolder()
	for _, o := range p.inv.Objects {
		if o.Type != "kubernetes.io/tls" {
			continue
		}
		p.examine()
		has := map[string]bool{}
		for _, ref := range holders[o.Holder()] {
			has[inventory.FieldKey(ref.Origin.Field)] = true
		}
		for _, key := range []string{"tls.crt", "tls.key"} {
			if !has[key] {
				p.report(finding{component: o.Label(), at: o.Origin,
					message: fmt.Sprintf("is of type kubernetes.io/tls and has nothing under %q; expected a certificate and its key", key),
					remedy:  remedy{"# fill it, or remove it: " + kubectl("delete secret", o)}})
			}
		}
	}
}

func checkExposedKey(p *pass) {
	for _, ref := range p.inv.References {
		if !strings.HasPrefix(ref.Object, "ConfigMap ") {
			continue
		}
		p.examine()
		if slices.ContainsFunc(ref.Embedded.Keys, func(k parsers.Key) bool { return k.Private }) && ref.Holds == inventory.HoldsPrivateKey {
			p.report(finding{component: ref.Component, at: ref.Origin,
				message: "a private key stands in a ConfigMap, which many may read and nothing encrypts; expected a Secret",
				remedy:  remedy{"# move it to a Secret, and issue the certificate with a new key: this one must count as known"}})
		}
	}
}

// caSources are the references of a node whose bundle a cluster copies.
var caSources = map[string][]string{
	inventory.RoleKubernetesCA: {"kube-controller-manager --root-ca-file", "kube-apiserver --client-ca-file", "kubeadm ca.crt"},
	inventory.RoleFrontProxyCA: {"kube-apiserver --requestheader-client-ca-file", "kubeadm front-proxy-ca.crt"},
}

func checkDrift(p *pass) {
	originals := map[string]bundle{}
	for role, sources := range caSources {
		if b, ok := bundleNamed(p.inv, sources); ok {
			originals[role] = b
		}
	}
	files := p.fileBundles()
	for _, ref := range p.inv.References {
		if ref.Embedded == nil || ref.Holds != inventory.HoldsBundle || len(ref.Embedded.Certificates) == 0 {
			continue
		}
		copied := bundleOf(p.inv, ref)
		if ref.CopyOf == "" {
			if ref.Object != "" {
				p.staleBundle(ref, copied, originals)
			}
			continue
		}
		original, ok := originals[ref.CopyOf]
		if !ok {
			if original, ok = files[string(copied.certs[0].RawSubject)]; !ok {
				original = copied // the first copy stands for the CA
			}
			originals[ref.CopyOf] = original
		}
		p.examine()
		p.drift(ref, copied, original)
	}
}

// fileBundles are the CA files that were given beside the objects, by the name
// of their first certificate.
func (n *node) fileBundles() map[string]bundle {
	out := map[string]bundle{}
	for _, ref := range n.inv.References {
		if b := bundleOf(n.inv, ref); ref.Component == inventory.ComponentFile && ref.Embedded == nil && ref.Holds == inventory.HoldsBundle && len(b.certs) > 0 {
			if name := string(b.certs[0].RawSubject); out[name].certs == nil {
				out[name] = b
			}
		}
	}
	return out
}

// drift reports a copy that is not what it is a copy of. A CA that was renewed
// with its key is the same CA.
func (p *pass) drift(ref inventory.Reference, copied, original bundle) {
	lacking, extra := without(original.certs, copied.certs), without(copied.certs, original.certs)
	f := finding{component: ref.Component, at: ref.Origin, sha256: ref.Embedded.Certificates[0].SHA256(), remedy: p.republish(ref, original)}
	switch {
	case len(lacking) == len(original.certs):
		f.severity = Critical
		f.message = fmt.Sprintf("holds %s and not the CA of %s, %s: who verifies with this copy refuses what that CA signed", described(copied.certs), where(original.place), described(original.certs))
	case len(lacking) > 0:
		f.message = fmt.Sprintf("lacks %s of %s: who verifies with this copy refuses what that CA signed", described(lacking), where(original.place))
	case len(extra) > 0:
		f.severity = Info
		f.message = fmt.Sprintf("holds %s, which is no longer in %s", described(extra), where(original.place))
	default:
		return
	}
	p.report(f)
}

// clusterInfo is the object that nodes which join read the CA from.
const clusterInfo = "ConfigMap kube-public/cluster-info"

// republish returns what brings a copy of a CA up to date. Nothing but kubeadm
// init writes the kubeconfig of cluster-info: the bootstrap signer of
// kube-controller-manager only adds signatures to it (kubernetes
// cmd/kubeadm/app/phases/bootstraptoken/clusterinfo, pkg/controller/bootstrap/bootstrapsigner.go).
func (p *pass) republish(ref inventory.Reference, original bundle) remedy {
	publisher := "kube-controller-manager"
	switch {
	case ref.Object == clusterInfo:
		return remedy{"# nothing updates it. Put the CA of " + original.place.Path + " into its certificate-authority-data, as base64 -w0 prints it:",
			"kubectl -n kube-public edit configmap cluster-info"}
	case strings.HasSuffix(ref.Component, "/extension-apiserver-authentication"):
		publisher = "kube-apiserver"
	}
	return append(remedy{"# once the CA's file is right on every control-plane node, restart what publishes the copy:"}, p.restartComponent(publisher)...)
}

// staleBundle reports a bundle with a CA that is called like one of the
// cluster's and has another key. Secrets may keep what belongs to other clusters:
// those of Cluster API hold the CAs and kubeconfigs of each, all called
// "kubernetes".
func (p *pass) staleBundle(ref inventory.Reference, b bundle, originals map[string]bundle) {
	for _, role := range []string{inventory.RoleKubernetesCA, inventory.RoleFrontProxyCA} {
		original := originals[role]
		for _, ca := range without(b.certs, original.certs) {
			if original.sameSubject(ca) && len(without(original.certs, b.certs)) == len(original.certs) {
				p.examine()
				severity := Warning
				if strings.HasPrefix(ref.Object, "Secret ") {
					severity = Info
				}
				p.report(finding{severity: severity, component: ref.Component, at: ref.Origin, sha256: parsers.Fingerprint(ca),
					message: fmt.Sprintf("holds a CA called %q, as the one of %s is, with another key: it is that of another cluster or of before a rotation", ca.Subject.CommonName, where(original.place)),
					remedy:  remedy{"# put the CA of " + original.place.Path + " in its place"}})
				return
			}
		}
	}
}

func (b bundle) sameSubject(cert *x509.Certificate) bool {
	return slices.ContainsFunc(b.certs, func(c *x509.Certificate) bool { return string(c.RawSubject) == string(cert.RawSubject) })
}

// without returns the certificates of a whose keys are not in b.
func without(a, b []*x509.Certificate) []*x509.Certificate {
	keys := map[string]bool{}
	for _, c := range b {
		keys[string(c.RawSubjectPublicKeyInfo)] = true
	}
	var out []*x509.Certificate
	for _, c := range a {
		if !keys[string(c.RawSubjectPublicKeyInfo)] {
			out = append(out, c)
		}
	}
	return out
}

// described names CAs by what tells those of one name apart.
func described(certs []*x509.Certificate) string {
	var out []string
	for _, c := range certs {
		out = append(out, fmt.Sprintf("%q (serial %s)", c.Subject.CommonName, c.SerialNumber.Text(16)))
	}
	return strings.Join(out, ", ")
}

func checkClusterConfig(p *pass) {
	for _, o := range p.inv.Objects {
		switch {
		case o.Kind == "ConfigMap" && o.Asks != nil:
			p.kubeadmConfig(o)
		case o.Kind == "ConfigMap" && o.Settings != nil:
			p.examine()
			p.kubeletConfig(o)
		}
	}
}

func (p *pass) kubeadmConfig(o inventory.Object) {
	for e := range p.decoded(func(e *entry) bool { return e.role.name == inventory.RoleAPIServerServing && e.index == 0 }) {
		p.examine()
		if missing := lacking(o.Asks, e.cert.Certificate); len(missing) > 0 {
			p.report(finding{component: o.Label(), at: o.Origin, sha256: e.cert.SHA256(),
				message: fmt.Sprintf("asks for %s in the API server's certificate, and %s is without", strings.Join(quoted(missing), ", "), e.place.Path),
				remedy:  p.reissue(e)})
		}
	}
}

// lacking lists the names and addresses that are asked for and that a
// certificate does not have.
func lacking(a *inventory.Asks, c *x509.Certificate) []string {
	var out []string
	for _, name := range a.DNSNames {
		if !slices.ContainsFunc(c.DNSNames, func(have string) bool { return strings.EqualFold(have, name) }) {
			out = append(out, name)
		}
	}
	for _, want := range a.IPAddresses {
		addr, _ := netip.ParseAddr(want)
		has := false
		for _, ip := range c.IPAddresses {
			have, _ := netip.AddrFromSlice(ip)
			has = has || have.Unmap() == addr.Unmap()
		}
		if !has {
			out = append(out, want)
		}
	}
	return out
}

func (p *pass) kubeletConfig(o inventory.Object) {
	report := func(at parsers.Origin, format string, args ...any) {
		p.report(finding{component: o.Label(), at: at, message: fmt.Sprintf(format, args...),
			remedy: remedy{"# change it, then on each node: kubeadm upgrade node phase kubelet-config", kubectl("edit configmap", o)}})
	}
	for _, name := range []string{"rotate-certificates", "rotate-server-certificates"} {
		if t := o.Settings[name]; t.Value != "" && !inventory.IsBoolean(t.Value) {
			report(t.Origin, "is %s, and the kubelet expects true or false without quotes: those that join do not start", t.Value)
		}
	}
	if rotate := o.Settings["rotate-certificates"]; rotate.Value == "false" {
		report(rotate.Origin, "switches the rotation of client certificates off for every node that joins: each drops out after a year; expected rotateCertificates: true")
	}
	ca := o.Settings["client-ca-file"]
	own := p.inv.Setting("kubelet", "client-ca-file")
	switch {
	case ca.Value == "":
		report(o.Origin, "names no authentication.x509.clientCAFile: the kubelets that join accept no client certificate, and the API server has no other credential for them")
	case own.Value != "" && own.Value != ca.Value:
		report(ca.Origin, "names %s as clientCAFile; the kubelet of this node takes %s", ca.Value, own.Value)
	}
}

func checkCertManager(p *pass) {
	secrets := map[string]tlsSecret{}
	for _, s := range p.tlsSecrets() {
		secrets[s.Label()] = s
	}
	for _, o := range p.inv.Objects {
		if o.Kind != "Certificate" || o.Asks == nil {
			continue
		}
		p.examine()
		describe := remedy{kubectl("describe certificate", o)}
		report := func(at parsers.Origin, format string, args ...any) {
			p.report(finding{component: o.Label(), at: at, message: fmt.Sprintf(format, args...), remedy: describe})
		}
		for _, c := range o.Conditions {
			if c.Type == "Ready" && c.Status == "False" {
				report(c.Origin, "is not ready (%s): %s", c.Reason, c.Message)
			}
		}
		if at := o.Asks.Renewal; !at.IsZero() && p.now.Sub(at) > renewalGrace {
			report(o.Origin, "should have been renewed on %s, %s ago", instant(at), roughly(p.now.Sub(at)))
		}
		s, inView := secrets[inventory.ObjectLabel("Secret", o.Namespace, o.Asks.Secret)]
		if !inView {
			p.unjudged("%s was not compared with its Secret, which is not in view", o.Label())
			continue
		}
		if missing := lacking(o.Asks, s.leaf()); len(missing) > 0 {
			report(s.ref.Origin, "asks for %s, and the certificate in %s is without", strings.Join(quoted(missing), ", "), s.Label())
		}
		if cn := s.leaf().Subject.CommonName; o.Asks.CommonName != "" && cn != o.Asks.CommonName {
			report(s.ref.Origin, "asks for the common name %q, and that of the certificate in %s is %q", o.Asks.CommonName, s.Label(), cn)
		}
	}
}

// renewalGrace is how long after its renewal time a certificate may still stand:
// cert-manager retries after an hour, and then more and more seldom.
const renewalGrace = 24 * time.Hour

func checkPodCertificate(p *pass) {
	chains := map[string]inventory.Reference{}
	for _, ref := range p.inv.References {
		if ref.Embedded != nil && ref.Origin.Field == "status.certificateChain" && len(ref.Embedded.Certificates) > 0 {
			chains[ref.Component] = ref
		}
	}
	for _, o := range p.inv.Objects {
		if o.Kind != "PodCertificateRequest" {
			continue
		}
		p.examine()
		for _, c := range o.Conditions {
			if (c.Type == "Failed" || c.Type == "Denied") && c.Status == "True" {
				p.report(finding{component: o.Label(), at: c.Origin, message: fmt.Sprintf("was %s (%s): %s", strings.ToLower(c.Type), c.Reason, c.Message),
					remedy: remedy{"# look at the log of the signer, and at the volume of the pod that asks"}})
			}
		}
		ref, issued := chains[o.Label()]
		if !issued {
			continue
		}
		leaf := ref.Embedded.Certificates[0]
		f := finding{component: o.Label(), at: ref.Origin, sha256: leaf.SHA256(), remedy: remedy{"# look at the signer: it issued something else than was asked for"}}
		if want := o.Asks.PublicKeySHA256; want != "" && leaf.PublicKeySHA256() != want {
			f.severity, f.message = Critical, "the certificate was issued for another key than the request's; the pod cannot use it"
			p.report(f)
		}
		if life := leaf.NotAfter.Sub(leaf.NotBefore); life > time.Duration(o.Asks.MaxSeconds)*time.Second+clockSkew {
			f.severity, f.message = Warning, fmt.Sprintf("the certificate is valid for %s; the request allows %d seconds", roughly(life), o.Asks.MaxSeconds)
			p.report(f)
		}
	}
}
