package audit

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"certaudit/parsers"
)

// referenceOf returns the first reference of a component's flag.
func (n *subjectNode) referenceOf(component, name string, holds ...Holding) (Reference, bool) {
	for _, ref := range n.inv.References {
		if ref.Component == component && ref.Name == name && (len(holds) == 0 || slices.Contains(holds, ref.Holds)) {
			return ref, true
		}
	}
	return Reference{}, false
}

// referenceAt returns the reference that stands at a place.
func (n *subjectNode) referenceAt(at parsers.Origin) (Reference, bool) {
	i := slices.IndexFunc(n.inv.References, func(r Reference) bool { return r.Origin == at })
	if at == (parsers.Origin{}) || i < 0 {
		return Reference{}, false
	}
	return n.inv.References[i], true
}

// presentedBy returns what an end that is configured by a reference presents.
func (n *subjectNode) presentedBy(ref Reference, ok bool) credentials {
	if !ok {
		return credentials{none: true}
	}
	c := credentials{at: ref.place(), paths: []string{ref.place().Path}}
	if c.at.Field == "" {
		c.at.Field = ref.Label()
	}
	if n.inv.Files[ref.Path].State == Unreadable {
		c.unseen, c.reason = true, ref.Path+" may not be read"
		return c
	}
	for _, cert := range n.inv.material(ref).Certificates {
		c.chain = append(c.chain, cert.Certificate)
	}
	for _, other := range n.inv.References {
		if ref.Pair != "" && other.Pair == ref.Pair && holdsPrivate(other) {
			c.paths = append(c.paths, other.place().Path)
		}
	}
	key, keyPath, hasKey := n.privateKey(ref)
	switch {
	case len(c.chain) == 0:
		c.lack = n.lackOf(ref, "no certificate can be read")
	case n.damage(ref) != "":
		c.lack = n.damage(ref)
	case !hasKey && ref.Pair != "":
		c.lack = fmt.Sprintf("the private key of %s cannot be read", ref.place().Path)
		if n.unreadablePair(ref) {
			c.lack = ""
		}
	case hasKey && key.PublicKeySHA256 != n.inv.material(ref).Certificates[0].PublicKeySHA256():
		c.lack = fmt.Sprintf("the private key of %s is not that of the certificate", keyPath)
	}
	return c
}

// unreadablePair reports whether the key of a pair is there and only may not be
// read by this program.
func (n *subjectNode) unreadablePair(ref Reference) bool {
	return slices.ContainsFunc(n.inv.References, func(other Reference) bool {
		return other.Pair == ref.Pair && holdsPrivate(other) && n.inv.Files[other.Path].State == Unreadable
	})
}

// holdsPrivate reports whether a reference is to the private half of a pair.
func holdsPrivate(ref Reference) bool {
	return ref.Holds == HoldsPrivateKey || ref.Holds == HoldsSignerKey
}

func (n *subjectNode) lackOf(ref Reference, otherwise string) string {
	if f := n.inv.Files[ref.Path]; f.Reason != "" {
		return fmt.Sprintf("%s %s", ref.Path, f.Reason)
	}
	return fmt.Sprintf("%s: %s", ref.place().Path, otherwise)
}

// damage says why programs refuse a file of which some can be read: one
// certificate that Go cannot parse spoils a chain, and a bundle too unless
// client-go reads it; none of them reads DER. "" if nothing is wrong.
func (n *subjectNode) damage(ref Reference) string {
	m := n.inv.material(ref)
	if i := slices.IndexFunc(m.Problems, func(p parsers.Problem) bool { return p.Kind == parsers.KindCertificate }); i >= 0 {
		return fmt.Sprintf("%s holds a certificate that Go refuses: %s", ref.place().Path, m.Problems[i].Detail)
	}
	if ref.Embedded == nil && m.Certificates[0].Origin.Line == 0 {
		return fmt.Sprintf("%s is DER, and PEM is demanded", ref.Path)
	}
	return ""
}

// readByClientGo reports whether a bundle is one of those that client-go hands
// to x509.CertPool.AppendCertsFromPEM, which passes over what it cannot parse.
func readByClientGo(ref Reference) bool { return strings.HasSuffix(ref.Name, "certificate-authority") }

// trustedBy returns what an end that is configured by a reference verifies with.
func (n *subjectNode) trustedBy(ref Reference, ok bool, absent string) anchors {
	if !ok {
		return anchors{none: true, reason: absent}
	}
	b := bundleOf(n.inv, ref)
	a := anchors{certs: b.certs, at: ref.place(), paths: []string{ref.place().Path}}
	if a.at.Field == "" {
		a.at.Field = ref.Label()
	}
	switch {
	case n.inv.Files[ref.Path].State == Unreadable:
		a.unseen, a.reason = true, ref.Path+" may not be read"
	case len(b.certs) == 0:
		a.lack = n.lackOf(ref, "no CA can be read")
	case !readByClientGo(ref):
		a.lack = n.damage(ref)
	}
	return a
}

// serverTrust is what a kubeconfig verifies its server with.
func (n *subjectNode) serverTrust(c parsers.KubeCluster) anchors {
	hasData, hasFile := !c.CAData.IsZero(), c.CAFile.Value != ""
	switch {
	case c.InsecureSkipTLSVerify && (hasData || hasFile):
		return anchors{at: c.Origin, lack: "insecure-skip-tls-verify is set beside a CA, and client-go refuses that"}
	case c.InsecureSkipTLSVerify:
		return anchors{none: true, reason: "insecure-skip-tls-verify is set"}
	case isPlain(c.Server.Value):
		return anchors{none: true, reason: noTLS}
	case !hasData && !hasFile:
		return anchors{unseen: true, reason: hostRoots}
	}
	at := c.CAFile.Origin
	if hasData {
		at = c.CAData.Origin
	}
	ref, ok := n.referenceAt(at)
	if !ok {
		return anchors{unseen: true, reason: "its CA is not in view"}
	}
	return n.trustedBy(ref, true, "")
}

// userCredentials are what a kubeconfig presents. A kubelet that rotates
// presents the file that it keeps beside.
func (n *subjectNode) userCredentials(u parsers.KubeUser, r *role) credentials {
	if r.name == roleKubeletClient {
		if ref, ok := n.referenceOf("kubelet", "cert-dir", HoldsCertificate); ok && ref.Role == roleKubeletClient {
			return n.presentedBy(ref, true)
		}
	}
	at := u.CertificateFile.Origin
	if !u.CertificateData.IsZero() {
		at = u.CertificateData.Origin
	}
	ref, ok := n.referenceAt(at)
	return n.presentedBy(ref, ok)
}

// apiServer says what this node's API server presents to those who dial a host.
func (n *subjectNode) apiServer(host string) credentials {
	server, _ := n.inv.component("kube-apiserver")
	if !n.isOwnServer(host) {
		return credentials{unseen: true}
	}
	for _, pair := range n.sniPairs() {
		if c := n.presentedBy(pair.ref, true); c.lack != "" {
			return c
		}
	}
	ref, ok := n.referenceOf("kube-apiserver", "tls-cert-file")
	c := n.presentedBy(ref, ok)
	if !ok {
		c = credentials{at: server.Origin, madeUp: "the API server makes up a certificate at its start, which nobody can verify"}
	}
	if ref, ok := n.sniReference(host); ok && c.lack == "" {
		return n.presentedBy(ref, true)
	}
	return c
}

// isOwnServer reports whether those who dial a host may reach the API server of
// this node: it runs, and the host is no other member of the control plane.
func (n *subjectNode) isOwnServer(host string) bool {
	if _, ok := n.inv.component("kube-apiserver"); !ok {
		return false
	}
	members, _ := n.members()
	own := n.inv.setting("etcd", "initial-advertise-peer-urls").Value
	return isAmong(own, host) || !slices.ContainsFunc(members, func(member string) bool {
		_, address, _ := strings.Cut(member, "=")
		return host != "" && hostOf(address) == host
	})
}

// sniReference returns the certificate of --tls-sni-cert-key that the API
// server picks for a host: the first that is registered for the name, then for
// its wildcard; then, unless the default certificate holds the name, one that
// does (crypto/tls Config.getCertificate). Nobody sends the name of a server
// whose address is dialled (RFC 6066, 3).
func (n *subjectNode) sniReference(host string) (Reference, bool) {
	host = strings.TrimRight(strings.ToLower(host), ".")
	if _, err := netip.ParseAddr(host); err == nil || host == "" {
		return Reference{}, false
	}
	_, parent, _ := strings.Cut(host, ".")
	pairs := n.sniPairs()
	for _, name := range []string{host, strings.TrimSuffix("*."+parent, ".")} {
		for _, pair := range pairs {
			if slices.Contains(pair.names, name) {
				return pair.ref, true
			}
		}
	}
	if standard, ok := n.referenceOf("kube-apiserver", "tls-cert-file"); ok && n.isFor(standard, host) {
		return Reference{}, false
	}
	i := slices.IndexFunc(pairs, func(p sniPair) bool { return n.isFor(p.ref, host) })
	if i < 0 {
		return Reference{}, false
	}
	return pairs[i].ref, true
}

// isFor reports whether the first certificate of a reference holds a name.
func (n *subjectNode) isFor(ref Reference, host string) bool {
	certs := n.inv.material(ref).Certificates
	return len(certs) > 0 && isFor(certs[0].Certificate, host)
}

// sniPair is a certificate of --tls-sni-cert-key and the names that it is
// registered for.
type sniPair struct {
	ref   Reference
	names []string
}

// sniPairs returns the pairs of --tls-sni-cert-key in the order in which they
// are registered: those whose names the flag gives come first; those of the
// others are in the certificate, whose addresses do not count (k8s.io/apiserver
// pkg/server/dynamiccertificates/named_certificates.go).
func (n *subjectNode) sniPairs() []sniPair {
	given := map[parsers.Origin]string{}
	for _, t := range (parsers.Command{Flags: n.apiServerSettings()}).FlagAll("tls-sni-cert-key") {
		_, given[t.Origin], _ = strings.Cut(t.Value, ":")
	}
	var named, others []sniPair
	for _, ref := range n.inv.References {
		if ref.Name != "tls-sni-cert-key" || ref.Holds != HoldsCertificate || len(named)+len(others) == maxListed {
			continue
		}
		certs := n.inv.material(ref).Certificates
		if names := strings.FieldsFunc(given[ref.Origin], isComma); len(names) > 0 {
			named = append(named, sniPair{ref, names})
		} else if len(certs) > 0 {
			others = append(others, sniPair{ref, append([]string{certs[0].Subject.CommonName}, certs[0].DNSNames...)})
		} else {
			others = append(others, sniPair{ref, nil})
		}
	}
	return append(named, others...)
}

// sniNames are the names that the pair of a reference is registered for.
func (n *subjectNode) sniNames(ref Reference) []string {
	for _, pair := range n.sniPairs() {
		if pair.ref.Origin == ref.Origin {
			return pair.names
		}
	}
	return nil
}

func (n *subjectNode) apiServerSettings() []parsers.Flag {
	c, _ := n.inv.component("kube-apiserver")
	return c.Settings
}

// apiServerClients is what this node's API server verifies clients with.
func (n *subjectNode) apiServerClients(host string) anchors {
	if !n.isOwnServer(host) {
		return anchors{unseen: true, reason: "the API server is not on this node"}
	}
	ref, ok := n.referenceOf("kube-apiserver", "client-ca-file")
	return n.trustedBy(ref, ok, "the API server accepts no client certificates")
}
