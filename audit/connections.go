package audit

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"certaudit/parsers"
)

// Verdicts on a connection and on its halves.
const (
	// VerdictOK: the handshake succeeds.
	VerdictOK = "ok"
	// VerdictBroken: it does not.
	VerdictBroken = "broken"
	// VerdictUnverified: the configuration turns verification off.
	VerdictUnverified = "unverified"
	// VerdictUnknown: the other end is not in view.
	VerdictUnknown = "unknown"
	// VerdictNone: this half does not exist for the connection.
	VerdictNone = "-"
)

// fault says why a half of a connection is broken.
type fault string

const (
	// faultAbsent: an end has nothing to present or to verify with.
	faultAbsent    fault = "absent"
	faultUntrusted fault = "untrusted"
	faultName      fault = "name"
	faultTime      fault = "time"
	faultUsage     fault = "usage"
	faultIdentity  fault = "identity"
	// faultKey: TLS can do nothing with the key.
	faultKey fault = "key"
)

// Reasons that several connections have.
const (
	noTLS     = "the address is http: there is no TLS"
	hostRoots = "the client verifies with the host's root certificates"
)

// half is one direction of a connection: one end presents a certificate, the
// other verifies it.
type half struct {
	verdict string
	fault   fault
	reason  string
	// paths are the files, and certificates the SHA-256 of what lies in them and
	// elsewhere, whose findings could explain the fault.
	paths        []string
	certificates map[string]bool
	// at is where the mending starts.
	at parsers.Origin
}

// A node has fifteen connections or so. What a list or a user's kubeconfig names
// beyond these bounds is counted only.
const (
	maxListed   = 64
	maxContexts = 500
)

// bounded returns the first values of a list, and how many it leaves out.
func bounded[T any](values []T, most int) ([]T, int) {
	most = min(len(values), max(most, 0))
	return values[:most], len(values) - most
}

// more stands for the connections that a list is too long for.
func more(client, server string, left int, at parsers.Origin) []edge {
	if left == 0 {
		return nil
	}
	l := edge{dialled: at, server: half{verdict: VerdictUnknown, reason: fmt.Sprintf("%d more were not resolved", left)}}
	l.Client, l.Server = client, server
	l.client, l.identity = half{verdict: VerdictNone}, half{verdict: VerdictNone}
	return []edge{l}
}

// edge is a connection with what the checks need to know beside.
type edge struct {
	Connection
	server, client, identity half
	// component is the one that a finding names; empty for the client.
	component string
	// role is that of the client's certificate.
	role role
	// dialled is where the address stands.
	dialled parsers.Origin
}

// credentials are what one end presents: a chain, leaf first.
type credentials struct {
	chain []*x509.Certificate
	at    parsers.Origin
	paths []string
	// none: nothing is configured; unseen: it is not in view.
	none, unseen bool
	// lack says why the end cannot present what is configured, and so does not
	// even start; madeUp, that what it presents is of nobody's CA.
	lack, madeUp string
	// reason explains unseen; "" is that the end is not on the node.
	reason string
}

// anchors are what one end verifies with.
type anchors struct {
	certs []*x509.Certificate
	at    parsers.Origin
	paths []string
	// none: the end does not verify; unseen: what it verifies with is not in view.
	none, unseen bool
	lack         string
	// reason explains none and unseen.
	reason string
}

// connections resolves every connection that the node's configuration defines.
func (n *subjectNode) connections() []edge {
	var edges []edge
	for _, resolve := range []func(*subjectNode) []edge{
		(*subjectNode).kubeconfigEdges, (*subjectNode).podEdges, (*subjectNode).etcdEdges, (*subjectNode).peerEdges,
		(*subjectNode).kubeletEdges, (*subjectNode).frontProxyEdges, (*subjectNode).signingEdges, (*subjectNode).tokenEdges,
		(*subjectNode).outboundEdges,
	} {
		edges = append(edges, resolve(n)...)
	}
	for i := range edges {
		edges[i].finish(n.name)
	}
	return edges
}

// finish derives the printed connection from its halves.
func (l *edge) finish(node string) {
	l.Node, l.ServerTrust, l.ClientTrust = node, l.server.verdict, l.client.verdict
	verdicts := []string{l.server.verdict, l.client.verdict, l.identity.verdict}
	l.Status = VerdictOK
	for _, worst := range []string{VerdictBroken, VerdictUnknown, VerdictUnverified} {
		if slices.Contains(verdicts, worst) {
			l.Status = worst
			break
		}
	}
	var reasons []string
	for _, h := range []half{l.server, l.client, l.identity} {
		if h.reason != "" && !slices.Contains(reasons, h.reason) {
			reasons = append(reasons, h.reason)
		}
	}
	l.Reason = strings.Join(reasons, "; ")
}

// label names the connection in other findings.
func (l edge) label() string { return l.Client + " -> " + l.Server }

// verifyServer judges the half in which a client verifies the server it dials.
func verifyServer(c credentials, a anchors, host string, now time.Time) half {
	h := verifyHalf("server", c, a, host, x509.ExtKeyUsageServerAuth, now)
	if host == "" && h.verdict == VerdictOK {
		return half{verdict: VerdictUnknown, reason: "the server's certificate is trusted; which host is dialled is not known"}
	}
	return h
}

// verifyClient judges the half in which a server verifies a client.
func verifyClient(c credentials, a anchors, now time.Time) half {
	return verifyHalf("client", c, a, "", x509.ExtKeyUsageClientAuth, now)
}

func verifyHalf(end string, c credentials, a anchors, host string, usage x509.ExtKeyUsage, now time.Time) half {
	h := half{verdict: VerdictBroken, paths: slices.Concat(c.paths, a.paths), at: a.at}
	switch {
	case c.lack != "":
		h.fault, h.reason, h.at, h.paths = faultAbsent, c.lack, c.at, c.paths
	case a.none:
		h.verdict, h.reason = VerdictUnverified, a.reason
	case a.lack != "":
		h.fault, h.reason, h.paths = faultAbsent, a.lack, a.paths
	case c.madeUp != "":
		h.fault, h.reason, h.at = faultUntrusted, c.madeUp, c.at
	case len(c.chain) > 0 && a.unseen:
		h.judge(end, c, c.chain[:1], host, usage, now)
		if h.verdict == VerdictOK {
			h.verdict, h.reason = VerdictUnknown, a.reason
		}
	case c.unseen || a.unseen:
		h.verdict, h.reason = VerdictUnknown, cmp.Or(a.reason, c.reason, "the "+end+" is not in view")
	case c.none:
		h.fault, h.reason, h.at = faultAbsent, "the "+end+" has no certificate, and one is demanded", c.at
	default:
		h.judge(end, c, a.certs, host, usage, now)
	}
	return h
}

// judge lets crypto/x509 decide, and what crypto/tls demands beyond it.
func (h *half) judge(end string, c credentials, roots []*x509.Certificate, host string, usage x509.ExtKeyUsage, now time.Time) {
	opts := x509.VerifyOptions{DNSName: host, Roots: pool(roots), Intermediates: pool(c.chain[1:]),
		CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{usage}}
	_, err := c.chain[0].Verify(opts)
	switch {
	case err != nil:
		h.fault, h.reason = faultOf(err), fmt.Sprintf("the %s's certificate: %s", end, err)
		opts.DNSName = ""
		if _, deeper := c.chain[0].Verify(opts); h.fault == faultName && deeper != nil {
			// Another name would not do: the name is only what is looked at first.
			h.fault, h.reason = faultOf(deeper), fmt.Sprintf("%s; %s", h.reason, deeper)
		}
	case !usableKey(c.chain[0].PublicKey):
		h.fault, h.reason = faultKey, fmt.Sprintf("the %s's certificate: TLS has no use for a key of the type %s", end, cmp.Or(keyAlgorithm(c.chain[0]), "unknown to Go"))
	default:
		h.verdict = VerdictOK
		return
	}
	if h.fault != faultUntrusted {
		h.at = c.at
	}
	h.certificates = map[string]bool{}
	for _, x := range slices.Concat(c.chain, roots) {
		h.certificates[parsers.Certificate{Certificate: x}.SHA256()] = true
	}
}

// usableKey reports whether crypto/tls makes a handshake with a key: it knows
// no curve below P-256, no RSA above 8192 bits, and crypto/rsa none below 1024.
func usableKey(public any) bool {
	switch key := public.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen() >= 1024 && key.N.BitLen() <= 8192
	case *ecdsa.PublicKey:
		return key.Curve != elliptic.P224()
	case ed25519.PublicKey:
		return true
	}
	return false
}

// faultOf sorts the errors of x509.Certificate.Verify.
func faultOf(err error) fault {
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	switch {
	case errors.As(err, &name):
		return faultName
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return faultTime
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return faultUsage
	}
	return faultUntrusted
}

// identify judges whether a verified client is who the requirement table says.
func (n *subjectNode) identify(r role, c credentials) half {
	if len(c.chain) == 0 {
		return half{verdict: VerdictNone}
	}
	h := half{verdict: VerdictOK, paths: c.paths, at: c.at}
	subject := c.chain[0].Subject
	for _, row := range n.reqs[r.name] {
		if row.severityOr(Critical) != Critical {
			continue
		}
		values, known := n.expandAll(row.Values)
		switch {
		case !known || len(values) == 0:
		case row.Fact == FactCommonName && !slices.Contains(values, subject.CommonName):
			h.verdict, h.fault = VerdictBroken, faultIdentity
			h.reason = fmt.Sprintf("the client is %q to the server, which expects %s", subject.CommonName, joinOr(quoted(values)))
		case row.Fact == FactOrganization && !slices.ContainsFunc(values, func(v string) bool { return slices.Contains(subject.Organization, v) }):
			h.verdict, h.fault = VerdictBroken, faultIdentity
			h.reason = fmt.Sprintf("the client is not of the group %s", joinOr(quoted(values)))
		}
	}
	return h
}

func (n *subjectNode) expandAll(values []string) (out []string, known bool) {
	for _, v := range values {
		expanded, known := n.facts.expand(v)
		if !known {
			return nil, false
		}
		out = append(out, expanded...)
	}
	return out, true
}

// identityOf writes the user that a server sees: its name, and its groups.
func identityOf(c credentials) string {
	if len(c.chain) == 0 {
		return ""
	}
	s := c.chain[0].Subject
	if len(s.Organization) == 0 {
		return s.CommonName
	}
	return fmt.Sprintf("%s (%s)", s.CommonName, strings.Join(s.Organization, ", "))
}

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
		if ref.Pair != "" && other.Pair == ref.Pair && other.Holds == HoldsPrivateKey {
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
		return other.Pair == ref.Pair && (other.Holds == HoldsPrivateKey || other.Holds == HoldsSignerKey) && n.inv.Files[other.Path].State == Unreadable
	})
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
func (n *subjectNode) userCredentials(u parsers.KubeUser, r role) credentials {
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

// kubeconfigEdges are the connections of everything that calls the API server
// with a kubeconfig.
func (n *subjectNode) kubeconfigEdges() []edge {
	var edges []edge
	resolved := 0
	seen := map[string]bool{}
	for _, ref := range n.inv.References {
		r := roleByName[ref.Role]
		k, ok := n.inv.Kubeconfigs[ref.Path]
		if ref.Holds != HoldsKubeconfig || !ok || r.name == roleOutbound || seen[ref.Role+ref.Path] {
			continue
		}
		seen[ref.Role+ref.Path] = true
		contexts, left := bounded(contextsOf(k, r), maxContexts-resolved)
		resolved += len(contexts)
		for _, context := range contexts {
			if l, ok := n.kubeconfigEdge(k, context, r, ref); ok {
				edges = append(edges, l)
			}
		}
		edges = append(edges, more("kubectl ("+ref.Path+", other contexts)", "kube-apiserver", left, ref.Origin)...)
	}
	return edges
}

// contextsOf are the contexts of a kubeconfig that are in use: the current one
// of a component, all of a user.
func contextsOf(k parsers.Kubeconfig, r role) []parsers.KubeContext {
	if r.name == roleUser {
		return k.Contexts
	}
	for _, c := range k.Contexts {
		if c.Name == k.CurrentContext.Value {
			return []parsers.KubeContext{c}
		}
	}
	return nil
}

func (n *subjectNode) kubeconfigEdge(k parsers.Kubeconfig, context parsers.KubeContext, r role, ref Reference) (edge, bool) {
	cluster, ok := k.Cluster(context.Cluster)
	if !ok || r.name == roleUser && !isOwnCluster(n.inv, cluster) {
		return edge{}, false
	}
	user, _ := k.User(context.User)
	l := edge{role: r, dialled: cluster.Server.Origin}
	l.Client, l.Server, l.Address = clientName(r, ref, context), "kube-apiserver", cluster.Server.Value
	host := cmp.Or(cluster.TLSServerName.Value, hostOf(cluster.Server.Value))
	l.server = verifyServer(n.apiServer(host), n.serverTrust(cluster), host, n.now)
	offered := n.userCredentials(user, r)
	if offered.none && (user.TokenAuth || user.Exec) {
		l.client, l.identity = half{verdict: VerdictNone, reason: "the client shows a token"}, half{verdict: VerdictNone}
		return l, true
	}
	l.client = verifyClient(offered, n.apiServerClients(host), n.now)
	l.identity, l.Identity = n.identify(r, offered), identityOf(offered)
	return l, true
}

// clientName is the component, or, for a person's file, the file and context.
func clientName(r role, ref Reference, context parsers.KubeContext) string {
	switch {
	case r.name == roleUser:
		return fmt.Sprintf("kubectl (%s, context %s)", ref.Path, context.Name)
	case ref.Name == "bootstrap-kubeconfig":
		return "kubelet (bootstrap)"
	case r.component != "":
		return r.component
	}
	return ref.Component
}

// podEdges is the connection of every pod to the API server, with the CA that
// the controller-manager gives it.
func (n *subjectNode) podEdges() []edge {
	ref, ok := n.referenceOf("kube-controller-manager", "root-ca-file")
	hosts := n.facts.values["serviceIP"]
	if !ok || len(hosts) == 0 {
		return nil
	}
	l := edge{dialled: n.inv.setting("kube-apiserver", "service-cluster-ip-range").Origin}
	l.Client, l.Server, l.Address = "pods", "kube-apiserver", (&url.URL{Scheme: "https", Host: bracketed(hosts[0])}).String()
	l.server = verifyServer(n.apiServer(hosts[0]), n.trustedBy(ref, true, ""), hosts[0], n.now)
	l.client, l.identity = half{verdict: VerdictNone, reason: "the client shows a token"}, half{verdict: VerdictNone}
	return []edge{l}
}

func bracketed(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// etcdEdges are the connections of the API server, and of kubeadm's client, to
// etcd.
func (n *subjectNode) etcdEdges() []edge {
	var edges []edge
	listed, left := bounded(etcdServers(n.inv), maxListed)
	for _, u := range listed {
		l := n.etcdEdge("kube-apiserver", u.Value, "etcd-cafile", "etcd-certfile", roleByName[roleAPIServerEtcd])
		l.dialled = u.Origin
		edges = append(edges, l)
	}
	edges = append(edges, more("kube-apiserver", "etcd", left, n.inv.setting("kube-apiserver", "etcd-servers").Origin)...)
	if ref, ok := n.referenceOf("kubeadm", "etcd/healthcheck-client.crt"); ok && n.inv.Files[ref.Path].exists() {
		l := n.etcdEdge("kubeadm", "https://127.0.0.1:2379", "etcd/ca.crt", ref.Name, roleByName[roleEtcdHealthcheck])
		l.Client = "etcd health check"
		if trust, ok := n.referenceOf("etcd", "trusted-ca-file"); ok && l.server.verdict == VerdictUnverified {
			l.server = verifyServer(n.etcdServer("127.0.0.1"), n.trustedBy(trust, true, ""), "127.0.0.1", n.now)
		}
		edges = append(edges, l)
	}
	return append(edges, n.gatewayEdges()...)
}

// gatewayEdges is the connection of etcd's JSON gateway to etcd itself: it does
// not verify the server, and presents the serving certificate as its own unless
// it has another (etcd server/embed/etcd.go, etcd-io/etcd#9785). No component of
// Kubernetes calls the gateway.
func (n *subjectNode) gatewayEdges() []edge {
	serving, hasServing := n.referenceOf("etcd", "cert-file")
	trust, hasTrust := n.referenceOf("etcd", "trusted-ca-file")
	if !hasServing || !hasTrust || !strings.Contains(n.inv.setting("etcd", "listen-client-urls").Value, "https://") {
		return nil
	}
	if ref, own := n.referenceOf("etcd", "client-cert-file"); own {
		serving = ref
	}
	l := edge{role: roleByName[roleEtcdServing], dialled: serving.Origin}
	l.role.harm = Warning
	l.Client, l.Server = "etcd gateway", "etcd"
	offered := n.presentedBy(serving, true)
	l.server = half{verdict: VerdictUnverified, reason: "etcd does not verify itself"}
	l.client = verifyClient(offered, n.trustedBy(trust, true, ""), n.now)
	l.identity, l.Identity = n.gatewayIdentity(), identityOf(offered)
	return []edge{l}
}

// gatewayIdentity is broken by a rule for the names of clients: the gateway
// holds the server against it as well, whose chain nobody has verified, and
// finds no name.
func (n *subjectNode) gatewayIdentity() half {
	for _, r := range clientNames {
		if setting := n.inv.setting("etcd", r.flag); setting.Value != "" {
			return half{verdict: VerdictBroken, fault: faultIdentity, at: setting.Origin,
				reason: "with --" + r.flag + " etcd refuses the calls of its own gateway"}
		}
	}
	return half{verdict: VerdictOK}
}

// nameRule is a flag of etcd's that restricts whom it accepts by their names.
// etcd has none for the common names of clients (etcd server/embed/config.go,
// client/pkg/transport/listener.go).
type nameRule struct {
	flag string
	fits func(c *x509.Certificate, name string) bool
}

var (
	clientNames = []nameRule{{"client-cert-allowed-hostname", isFor}}
	peerNames   = []nameRule{{"peer-cert-allowed-cn", isNamed}, {"peer-cert-allowed-hostname", isFor}}
)

func isNamed(c *x509.Certificate, name string) bool { return c.Subject.CommonName == name }
func isFor(c *x509.Certificate, name string) bool   { return c.VerifyHostname(name) == nil }

// allowed holds a client of etcd against the rules for its names.
func (n *subjectNode) allowed(rules []nameRule, c credentials, otherwise half) half {
	for _, r := range rules {
		setting := n.inv.setting("etcd", r.flag)
		names := strings.FieldsFunc(setting.Value, isComma)
		if len(names) == 0 || len(c.chain) == 0 || slices.ContainsFunc(names, func(name string) bool { return r.fits(c.chain[0], name) }) {
			continue
		}
		return half{verdict: VerdictBroken, fault: faultIdentity, at: setting.Origin,
			reason: fmt.Sprintf("the client is %q to etcd, which by --%s accepts %s", c.chain[0].Subject.CommonName, r.flag, joinOr(quoted(names)))}
	}
	return otherwise
}

func (n *subjectNode) etcdEdge(component, address, caFlag, certFlag string, r role) edge {
	l := edge{role: r}
	l.Client, l.Server, l.Address = component, "etcd", address
	host := hostOf(address)
	cert, hasCert := n.referenceOf(component, certFlag)
	offered := n.presentedBy(cert, hasCert)
	l.identity, l.Identity = n.identify(r, offered), identityOf(offered)
	if n.isOwnEtcd(host) {
		l.identity = n.allowed(clientNames, offered, l.identity)
		if dialled, spoken := isPlain(address), n.plainEtcd(host); dialled != spoken {
			l.server = half{verdict: VerdictBroken, fault: faultAbsent, reason: "etcd speaks " + protocol(spoken) + " there, and the client " + protocol(dialled)}
			if spoken {
				l.server.at = n.inv.setting("etcd", "listen-client-urls").Origin
			}
			l.client = half{verdict: VerdictNone}
			return l
		}
	}
	ca, hasCA := n.referenceOf(component, caFlag)
	trust, clients := n.trustedBy(ca, hasCA, ""), n.etcdClients(host)
	switch {
	case isPlain(address):
		trust = anchors{none: true, reason: noTLS}
		clients = trust
	case !hasCA && component == "kube-apiserver":
		trust = anchors{unseen: true, reason: hostRoots}
	}
	l.server = verifyServer(n.etcdServer(host), trust, host, n.now)
	l.client = verifyClient(offered, clients, n.now)
	return l
}

// isPlain reports whether an address is dialled without TLS.
func isPlain(address string) bool { return strings.HasPrefix(address, "http://") }

func protocol(plain bool) string {
	if plain {
		return "HTTP"
	}
	return "TLS"
}

// plainEtcd reports whether the etcd of this node speaks no TLS at a host.
func (n *subjectNode) plainEtcd(host string) bool {
	plain := false
	for u := range strings.SplitSeq(n.inv.setting("etcd", "listen-client-urls").Value, ",") {
		a, err := netip.ParseAddr(hostOf(u))
		if hostOf(u) == host || err == nil && a.IsUnspecified() {
			plain = isPlain(strings.TrimSpace(u))
		}
	}
	return plain
}

// etcdServer is what the etcd that listens at a host presents.
func (n *subjectNode) etcdServer(host string) credentials {
	if !n.isOwnEtcd(host) {
		return credentials{unseen: true}
	}
	ref, ok := n.referenceOf("etcd", "cert-file")
	return n.presentedBy(ref, ok)
}

func (n *subjectNode) isOwnEtcd(host string) bool {
	if _, ok := n.inv.component("etcd"); !ok {
		return false
	}
	return isAmong(n.inv.setting("etcd", "listen-client-urls").Value, host) || isAmong(n.inv.setting("etcd", "advertise-client-urls").Value, host) ||
		host == "localhost" || host == "127.0.0.1" || host == "::1"
}

// isAmong reports whether one of some URLs, with or without TLS, has a host.
func isAmong(urls, host string) bool {
	for u := range strings.SplitSeq(urls, ",") {
		if host != "" && hostOf(u) == host {
			return true
		}
	}
	return false
}

// etcdClients is what the etcd that listens at a host verifies clients with. It
// demands certificates as soon as it has a CA (etcd client/pkg/transport).
func (n *subjectNode) etcdClients(host string) anchors {
	if !n.isOwnEtcd(host) {
		return anchors{unseen: true, reason: "etcd is not on this node"}
	}
	return n.etcdDemands("trusted-ca-file", "client-cert-auth", "etcd accepts clients without a certificate")
}

// etcdDemands is what etcd verifies those with who call it. Without a CA of its
// own it takes the host's, if it is to demand certificates.
func (n *subjectNode) etcdDemands(caFlag, authFlag, absent string) anchors {
	ref, ok := n.referenceOf("etcd", caFlag)
	if !ok && n.inv.setting("etcd", authFlag).Value == "true" {
		return anchors{unseen: true, reason: "etcd verifies with the host's root certificates"}
	}
	return n.trustedBy(ref, ok, absent)
}

// peerEdges are the connections of etcd's members to this one and from it.
func (n *subjectNode) peerEdges() []edge {
	if _, ok := n.inv.component("etcd"); !ok {
		return nil
	}
	own := n.inv.setting("etcd", "initial-advertise-peer-urls").Value
	var edges []edge
	cluster := n.inv.setting("etcd", "initial-cluster")
	members, left := n.members()
	for _, member := range members {
		name, address, ok := strings.Cut(member, "=")
		host := hostOf(address)
		if !ok || host == "" {
			continue
		}
		l := edge{role: roleByName[roleEtcdPeer], dialled: cluster.Origin}
		l.Client, l.Server, l.Address = "etcd", "etcd peer "+name, address
		cert, hasCert := n.referenceOf("etcd", "peer-cert-file")
		trust, clients := n.peerTrust(), n.etcdDemands("peer-trusted-ca-file", "peer-client-cert-auth", "etcd accepts peers without a certificate")
		peer := credentials{unseen: true}
		if isAmong(own, host) {
			l.Client, l.Server = "etcd peers", "etcd"
			peer = n.presentedBy(cert, hasCert)
		} else {
			clients = anchors{unseen: true, reason: "the other member is not on this node"}
		}
		if isPlain(address) {
			trust = anchors{none: true, reason: noTLS}
			clients = trust
		}
		offered := n.peerClient(cert, hasCert)
		l.server = verifyServer(peer, trust, host, n.now)
		l.client = verifyClient(offered, clients, n.now)
		l.identity, l.Identity = n.allowed(peerNames, offered, half{verdict: VerdictOK}), identityOf(offered)
		edges = append(edges, l)
	}
	return append(edges, more("etcd", "etcd peer of others", left, cluster.Origin)...)
}

// members returns the first entries of --initial-cluster, "name=URL", and how
// many are left out.
func (n *subjectNode) members() ([]string, int) {
	return bounded(strings.FieldsFunc(n.inv.setting("etcd", "initial-cluster").Value, isComma), maxListed)
}

// peerTrust is what a member verifies those with whom it calls.
func (n *subjectNode) peerTrust() anchors {
	ref, ok := n.referenceOf("etcd", "peer-trusted-ca-file")
	if !ok {
		return anchors{unseen: true, reason: hostRoots}
	}
	return n.trustedBy(ref, true, "")
}

// peerClient is what a member presents when it calls another: its serving pair,
// unless it has one of its own for that.
func (n *subjectNode) peerClient(serving Reference, ok bool) credentials {
	if ref, own := n.referenceOf("etcd", "peer-client-cert-file"); own {
		return n.presentedBy(ref, true)
	}
	return n.presentedBy(serving, ok)
}

// kubeletEdges is the connection of the API server to the kubelet of this node.
func (n *subjectNode) kubeletEdges() []edge {
	_, hasServer := n.inv.component("kube-apiserver")
	if _, ok := n.inv.component("kubelet"); !ok || !hasServer {
		return nil
	}
	r := roleByName[roleAPIServerKubelet]
	l := edge{role: r, dialled: n.inv.setting("kubelet", "node-ip").Origin}
	host := n.kubeletHost()
	l.Client, l.Server = "kube-apiserver", "kubelet"
	if shown := cmp.Or(host, n.name); shown != "" {
		l.Address = "https://" + net.JoinHostPort(shown, cmp.Or(n.inv.setting("kubelet", "port").Value, "10250"))
	}
	ca, hasCA := n.referenceOf("kube-apiserver", "kubelet-certificate-authority")
	l.server = verifyServer(n.kubeletServer(), n.trustedBy(ca, hasCA, "--kubelet-certificate-authority is not set: the API server does not verify kubelets"), host, n.now)
	cert, hasCert := n.referenceOf("kube-apiserver", "kubelet-client-certificate")
	offered := n.presentedBy(cert, hasCert)
	clients, hasClients := n.referenceOf("kubelet", "client-ca-file")
	l.client = verifyClient(offered, n.trustedBy(clients, hasClients, "the kubelet accepts no client certificates"), n.now)
	l.identity, l.Identity = n.identify(r, offered), identityOf(offered)
	return []edge{l}
}

// kubeletHost is the first address that the kubelet is told to register; "" if
// it finds one itself, as it also does for an unspecified address.
func (n *subjectNode) kubeletHost() string {
	first, _, _ := strings.Cut(n.inv.setting("kubelet", "node-ip").Value, ",")
	if a, err := netip.ParseAddr(strings.TrimSpace(first)); err == nil && !a.IsUnspecified() {
		return a.String()
	}
	return ""
}

// kubeletServer is what the kubelet of this node serves.
func (n *subjectNode) kubeletServer() credentials {
	for _, ref := range n.inv.References {
		if ref.Component == "kubelet" && ref.Holds == HoldsCertificate && (ref.Role == roleKubeletServing || ref.Role == roleKubeletSelf) {
			c := n.presentedBy(ref, true)
			if ref.Optional && !n.inv.Files[ref.Path].exists() && ref.Role == roleKubeletSelf {
				return credentials{unseen: true}
			}
			return c
		}
	}
	return credentials{unseen: true}
}

// frontProxyEdges is the connection of the API server to extension API servers,
// in which it speaks for others.
func (n *subjectNode) frontProxyEdges() []edge {
	cert, ok := n.referenceOf("kube-apiserver", "proxy-client-cert-file")
	if !ok {
		return nil
	}
	r := roleByName[roleFrontProxyClient]
	ca, hasCA := n.referenceOf("kube-apiserver", "requestheader-client-ca-file")
	l := edge{role: r, dialled: cert.Origin}
	l.Client, l.Server = "kube-apiserver", "extension API servers"
	offered := n.presentedBy(cert, true)
	l.server = half{verdict: VerdictUnknown, reason: "the APIService objects, which say how they are verified, are in the cluster"}
	l.client = verifyClient(offered, n.trustedBy(ca, hasCA, "--requestheader-client-ca-file is not set: nobody believes the front proxy"), n.now)
	l.identity, l.Identity = n.identify(r, offered), identityOf(offered)
	return []edge{l}
}

// signingEdges says whether what the controller-manager signs is accepted by the
// API server. Nobody sends intermediates along, so the API server's bundle must
// hold the very certificate that signs.
func (n *subjectNode) signingEdges() []edge {
	var edges []edge
	seen := map[string]bool{}
	for _, ref := range n.inv.References {
		if ref.Holds != HoldsSigner || seen[ref.Path] || !signsClients(ref.Name) {
			continue
		}
		seen[ref.Path] = true
		l := edge{dialled: ref.Origin, component: ref.Component}
		l.Client, l.Server = "certificates signed by kube-controller-manager", "kube-apiserver"
		l.server, l.identity = half{verdict: VerdictNone}, half{verdict: VerdictNone}
		l.client = n.signerTrusted(ref)
		edges = append(edges, l)
	}
	return edges
}

// signsClients reports whether a signer's certificates are shown to the API
// server.
func signsClients(flag string) bool { return !strings.Contains(flag, "kubelet-serving") }

func (n *subjectNode) signerTrusted(ref Reference) half {
	a := n.apiServerClients("")
	c := n.presentedBy(ref, true)
	h := half{verdict: VerdictBroken, at: parsers.Origin{Path: ref.Path, Field: ref.Label()}, paths: slices.Concat(c.paths, a.paths)}
	switch {
	case len(c.chain) > 1:
		h.fault, h.reason = faultAbsent, fmt.Sprintf("%s holds %d certificates, and kube-controller-manager signs with one", ref.Path, len(c.chain))
	case c.unseen:
		return half{verdict: VerdictUnknown, reason: ref.Path + " may not be read"}
	case a.unseen || a.none:
		return half{verdict: VerdictUnknown, reason: a.reason}
	case c.lack != "" || a.lack != "":
		h.fault, h.reason = faultAbsent, cmp.Or(c.lack, a.lack)
	case !slices.ContainsFunc(a.certs, func(ca *x509.Certificate) bool {
		return string(ca.RawSubject) == string(c.chain[0].RawSubject) && string(ca.RawSubjectPublicKeyInfo) == string(c.chain[0].RawSubjectPublicKeyInfo)
	}):
		h.fault = faultUntrusted
		h.reason = fmt.Sprintf("the CA that signs is not in %s: the API server accepts nothing that it signs", a.at.Path)
	default:
		h.verdict = VerdictOK
	}
	return h
}

// tokenEdges says whether the tokens of service accounts are accepted.
func (n *subjectNode) tokenEdges() []edge {
	verifiers, files := n.verifyingKeys()
	var edges []edge
	seen := map[string]bool{}
	for _, ref := range n.inv.References {
		if ref.Holds != HoldsTokenKey || ref.Component == "kubeadm" || seen[ref.Component+ref.Path] {
			continue
		}
		seen[ref.Component+ref.Path] = true
		l := edge{dialled: ref.Origin, component: ref.Component}
		l.Client, l.Server = "service account tokens of "+ref.Component, "kube-apiserver"
		l.server, l.identity = half{verdict: VerdictNone}, half{verdict: VerdictNone}
		l.client = half{verdict: VerdictOK, at: ref.place(), paths: append([]string{ref.Path}, files...)}
		keys := n.inv.material(ref).Keys
		i := slices.IndexFunc(keys, func(k parsers.Key) bool { return k.Private })
		switch {
		case len(verifiers) == 0:
			l.client.verdict, l.client.reason = VerdictUnknown, "the keys that verify are not in view"
		case i < 0:
			l.client.verdict, l.client.fault, l.client.reason = VerdictBroken, faultAbsent, n.lackOf(ref, "no private key can be read")
		case !slices.Contains(verifiers, keys[i].PublicKeySHA256):
			l.client.verdict, l.client.fault, l.client.reason = VerdictBroken, faultUntrusted, "the signing key is not among the keys that verify"
		}
		edges = append(edges, l)
	}
	return edges
}

// outboundEdges are the calls to webhooks, audit sinks and token issuers that
// the configuration names. Their other ends are not on the node.
func (n *subjectNode) outboundEdges() []edge {
	var edges []edge
	seen := map[string]bool{}
	for _, ref := range n.inv.References {
		k, ok := n.inv.Kubeconfigs[ref.Path]
		if ref.Holds != HoldsKubeconfig || ref.Role != roleOutbound || !ok || seen[ref.Path] {
			continue
		}
		seen[ref.Path] = true
		for _, context := range contextsOf(k, roleByName[roleOutbound]) {
			c, _ := k.Cluster(context.Cluster)
			u, _ := k.User(context.User)
			l := edge{role: roleByName[roleOutbound], dialled: c.Server.Origin}
			l.Client, l.Server, l.Address = ref.Component, path.Base(ref.Path)+" "+c.Name, c.Server.Value
			l.server = verifyServer(credentials{unseen: true}, n.serverTrust(c), hostOf(c.Server.Value), n.now)
			l.client, l.identity = half{verdict: VerdictNone}, half{verdict: VerdictNone}
			if offered := n.userCredentials(u, l.role); !offered.none {
				l.client = verifyClient(offered, anchors{unseen: true, reason: "the server is not in view"}, n.now)
				l.Identity = identityOf(offered)
			}
			edges = append(edges, l)
		}
	}
	if issuer := n.inv.setting("kube-apiserver", "oidc-issuer-url"); issuer.Value != "" {
		l := edge{role: roleByName[roleOutbound], dialled: issuer.Origin}
		l.Client, l.Server, l.Address = "kube-apiserver", "OIDC issuer", issuer.Value
		ca, ok := n.referenceOf("kube-apiserver", "oidc-ca-file")
		trust := anchors{unseen: true, reason: hostRoots}
		if ok {
			trust = n.trustedBy(ca, true, "")
		}
		l.server = verifyServer(credentials{unseen: true}, trust, hostOf(issuer.Value), n.now)
		l.client, l.identity = half{verdict: VerdictNone}, half{verdict: VerdictNone}
		edges = append(edges, l)
	}
	return edges
}
