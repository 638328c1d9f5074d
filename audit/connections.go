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
	"iter"
	"net"
	"slices"
	"strings"

	"certaudit/parsers"
)

// Verdicts on a connection and on its verifications.
const (
	// VerdictOK: the handshake succeeds.
	VerdictOK = "ok"
	// VerdictBroken: it does not.
	VerdictBroken = "broken"
	// VerdictUnverified: the configuration turns verification off.
	VerdictUnverified = "unverified"
	// VerdictUnknown: the other end is not in view.
	VerdictUnknown = "unknown"
	// VerdictNone: this verification does not exist for the connection.
	VerdictNone = "-"
)

// fault says why a verification is broken.
type fault string

const (
	// faultAbsent: an end has nothing to present or to verify with.
	faultAbsent fault = "absent"
	// faultUnmade: nothing is got from the file that says whom to call. That file is always
	// reported.
	faultUnmade    fault = "unmade"
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

// verification is one direction of a connection: one end presents a certificate, the
// other verifies it.
type verification struct {
	verdict string
	fault   fault
	reason  string
	// by are the certificates by whose dates it was judged: what is presented, and what that
	// is verified with.
	by [2][]*x509.Certificate
	// paths are the files, and certificates what lies in them and elsewhere, whose findings
	// could explain the fault.
	paths        []string
	certificates [2][]*x509.Certificate
	// served is the file of another certificate than the one that was shown and
	// judged; "" where the files were.
	served string
	// at is where the fix starts.
	at parsers.Origin
	// presented is the certificate that was refused, or would be shown; nil for none.
	presented *x509.Certificate
	// offered is where what is presented stands, and trusted what it is verified with;
	// zero where that is not in view.
	offered, trusted parsers.Origin
	// unset is the flag without which it is broken; the zero one for none.
	unset unsetFlag
	// presents says that the fix starts with what is presented, and not with what that
	// is verified with.
	presents bool
}

// A node has fifteen connections or so. What a list or a user's kubeconfig names
// beyond these bounds is counted only.
const (
	maxListed   = 64
	maxContexts = 500
)

// more stands for the connections that a list is too long for.
func more(client, server string, left int, at parsers.Origin) []edge {
	if left == 0 {
		return nil
	}
	l := edge{dialled: at, serverSide: verification{verdict: VerdictUnknown, reason: fmt.Sprintf("%d more were not resolved", left)}}
	l.Client, l.Server = client, server
	l.clientSide, l.authorization = verification{verdict: VerdictNone}, verification{verdict: VerdictNone}
	return []edge{l}
}

// edge is a connection with what the checks need to know beside.
type edge struct {
	Connection
	serverSide, clientSide, authorization verification
	// component is the one that a finding names; empty for the client.
	component string
	// role is that of the client's certificate.
	role role
	// dialled is where the address stands.
	dialled parsers.Origin
	// far is what is needed to judge the connection once its other end is in view.
	far farEnd
	// beside are the certificates by whose dates it was judged beside those of its
	// verifications: of several ends, these show one.
	beside [][]*x509.Certificate
	// doubt says why the address may not be the server's although nothing shows it;
	// "" for no doubt.
	doubt string
}

// farEnd is the other end of a connection, which is or may be on another node.
type farEnd struct {
	// component is the server that is dialled at a host; "" where it is on the node alone,
	// or nobody can tell where.
	component, host string
	// trust is what the client verifies it with, offered what it shows; of the call of a
	// kubelet, what that shows.
	trust   anchors
	offered credentials
	// node is that of the server, where it is not found by the host; nil for none.
	node *nodeAudit
}

// credentials are what one end presents: a chain, leaf first.
type credentials struct {
	chain []*x509.Certificate
	at    parsers.Origin
	paths []string
	// none: nothing is configured; unseen: it is not in view.
	none, unseen bool
	// missing says why the end cannot present what is configured, and so does not
	// even start; generated, that what it presents is of nobody's CA.
	missing, generated string
	// reason explains unseen; "" is that the end is not on the node.
	reason string
	// unset is the flag that would name the certificate; the zero one for none.
	unset unsetFlag
	// served says where the end was seen to show the chain, which is not what its
	// file holds; "" where the chain is the file's.
	served string
}

// anchors are what one end verifies with.
type anchors struct {
	certs []*x509.Certificate
	at    parsers.Origin
	paths []string
	// none: the end does not verify; unseen: what it verifies with is not in view.
	none, unseen bool
	missing      string
	// refuses: no certificate at all is accepted, or not this one.
	refuses bool
	// reason explains none, unseen and refuses.
	reason string
	// unset is the flag without which it is so; the zero one for none.
	unset unsetFlag
}

// connections resolves every connection that the node's configuration defines.
func (n *nodeAudit) connections() []edge {
	var edges []edge
	for _, resolve := range []func(*nodeAudit) []edge{
		(*nodeAudit).kubeconfigEdges, (*nodeAudit).podEdges, (*nodeAudit).etcdEdges, (*nodeAudit).peerEdges,
		(*nodeAudit).kubeletEdges, (*nodeAudit).frontProxyEdges, (*nodeAudit).signingEdges, (*nodeAudit).tokenEdges,
		(*nodeAudit).outboundEdges,
	} {
		edges = append(edges, resolve(n)...)
	}
	for i := range edges {
		edges[i].finish(n.name)
	}
	return edges
}

// dated are the certificates by whose dates a connection was judged; some stand there
// several times.
func (l *edge) dated() iter.Seq[*x509.Certificate] {
	return func(yield func(*x509.Certificate) bool) {
		for _, list := range slices.Concat(l.serverSide.by[:], l.clientSide.by[:], l.beside) {
			for _, c := range list {
				if !yield(c) {
					return
				}
			}
		}
	}
}

// finish derives the printed connection from its verifications.
func (l *edge) finish(node string) {
	l.Node, l.ServerTrust, l.ClientTrust = node, l.serverSide.verdict, l.clientSide.verdict
	verdicts := []string{l.serverSide.verdict, l.clientSide.verdict, l.authorization.verdict}
	l.Status = VerdictOK
	for _, worst := range []string{VerdictBroken, VerdictUnknown, VerdictUnverified} {
		if slices.Contains(verdicts, worst) {
			l.Status = worst
			break
		}
	}
	var reasons []string
	for _, h := range []verification{l.serverSide, l.clientSide, l.authorization} {
		if h.reason != "" && !slices.Contains(reasons, h.reason) {
			reasons = append(reasons, h.reason)
		}
	}
	l.Reason = strings.Join(reasons, "; ")
}

// destination is the host that a client dials; "" where that is not known. Then
// byAddress says that it is one of the server's addresses.
type destination struct {
	host      string
	byAddress bool
}

// to is a host that is known, or "".
func to(host string) destination { return destination{host: host} }

// verifyServer judges how a client verifies the server that it dials.
func (n *nodeAudit) verifyServer(c credentials, a anchors, dialled destination) verification {
	h := n.verifyEnd("server", c, a, dialled.host, x509.ExtKeyUsageServerAuth)
	if dialled.host != "" || h.verdict != VerdictOK {
		return h
	}
	if why := matchesNoHost(c.chain[0], dialled.byAddress); why != "" {
		h.verdict, h.fault, h.at, h.presents, h.reason = VerdictBroken, faultName, c.at, true, fmt.Sprintf("%s %s", c.words("server"), why)
		return h
	}
	return verification{verdict: VerdictUnknown, reason: "the server's certificate is trusted; which host is dialled is not known", by: h.by}
}

// matchesNoHost says why a certificate is refused whatever host is dialled, or, if
// that is known, whatever address; "" if it may fit one.
func matchesNoHost(x *x509.Certificate, byAddress bool) string {
	switch {
	case len(x.DNSNames)+len(x.IPAddresses) == 0:
		return "has no alternative names, so that no host matches it: Go programs look at no common name since Go 1.15"
	case byAddress && len(x.IPAddresses) == 0:
		return "has no address among its alternative names, and is dialled by address"
	case byAddress && !slices.ContainsFunc(x.IPAddresses, func(ip net.IP) bool { return !ip.IsLoopback() }):
		return "has no address among its alternative names but the loopback's, and is dialled by another"
	}
	return ""
}

// words name what an end shows.
func (c credentials) words(end string) string {
	if c.served != "" {
		return "what is served at " + c.served
	}
	return "the " + end + "'s certificate"
}

// verifyClient judges how a server verifies a client.
func (n *nodeAudit) verifyClient(c credentials, a anchors) verification {
	return n.verifyEnd("client", c, a, "", x509.ExtKeyUsageClientAuth)
}

func (n *nodeAudit) verifyEnd(end string, c credentials, a anchors, host string, usage x509.ExtKeyUsage) verification {
	h := verification{verdict: VerdictBroken, paths: slices.Concat(c.paths, a.paths), at: a.at, offered: c.at, trusted: a.at}
	if c.served != "" {
		h.paths, h.served = a.paths, c.at.Path
	}
	switch {
	case c.missing != "":
		h.fault, h.reason, h.at, h.paths, h.unset, h.presents = faultAbsent, c.missing, c.at, c.paths, c.unset, true
	case a.refuses && !c.none:
		h.fault, h.reason, h.paths, h.unset = faultAbsent, a.reason, a.paths, a.unset
	case a.none:
		h.verdict, h.reason = VerdictUnverified, a.reason
	case a.missing != "":
		h.fault, h.reason, h.paths = faultAbsent, a.missing, a.paths
	case c.generated != "":
		h.fault, h.reason, h.at, h.unset, h.presents = faultUntrusted, c.generated, c.at, c.unset, true
	case len(c.chain) > 0 && a.unseen:
		n.judge(&h, end, c, c.chain[:1], host, usage)
		if h.verdict == VerdictOK {
			h.verdict, h.reason = VerdictUnknown, a.reason
		}
	case c.unseen || a.unseen:
		h.verdict, h.reason = VerdictUnknown, cmp.Or(a.reason, c.reason, "the "+end+" is not in view")
	case c.none:
		h.fault, h.reason, h.at, h.unset, h.presents = faultAbsent, "the "+end+" has no certificate, and one is demanded", c.at, c.unset, true
		if c.unset.flag != "" {
			h.reason = c.unset.name() + " is not set: " + h.reason
		}
	default:
		n.judge(&h, end, c, a.certs, host, usage)
	}
	if h.verdict != VerdictBroken && len(c.chain) > 0 {
		h.presented = c.chain[0]
	}
	return h
}

// judge lets crypto/x509 decide, and what crypto/tls demands beyond it.
func (n *nodeAudit) judge(h *verification, end string, c credentials, roots []*x509.Certificate, host string, usage x509.ExtKeyUsage) {
	h.by = [2][]*x509.Certificate{c.chain, roots}
	opts := x509.VerifyOptions{DNSName: host, CurrentTime: n.now, KeyUsages: []x509.ExtKeyUsage{usage}}
	err := n.build(c.chain[0], c.chain[1:], roots, opts)
	switch {
	case isUnverified(err):
		h.verdict, h.reason = VerdictUnknown, fmt.Sprintf("the %s's certificate: %s", end, err)
		return
	case err != nil:
		h.fault, h.reason = faultOf(err), fmt.Sprintf("%s: %s", c.words(end), err)
		if opts.DNSName = ""; h.fault == faultName {
			if deeper := n.build(c.chain[0], c.chain[1:], roots, opts); deeper != nil && !isUnverified(deeper) {
				// Another name would not do: the name is only what is looked at first.
				h.fault, h.reason = faultOf(deeper), fmt.Sprintf("%s; %s", h.reason, deeper)
			}
		}
		if h.fault == faultTime && n.signerIn(c.chain[0]) != "" {
			if deeper := n.verify(c.chain[0], c.chain[1:], bundle{certs: roots}, n.now); deeper != nil && faultOf(deeper) == faultUntrusted && !isUnverified(deeper) {
				// Other dates would not do: they are only what is looked at first.
				h.fault, h.reason = faultUntrusted, fmt.Sprintf("%s; %s", h.reason, deeper)
			}
		}
	case !usableKey(c.chain[0].PublicKey):
		h.fault, h.reason = faultKey, fmt.Sprintf("%s: TLS has no use for a key of the type %s", c.words(end), cmp.Or(keyAlgorithm(c.chain[0]), "unknown to Go"))
	default:
		h.verdict = VerdictOK
		return
	}
	if h.fault != faultUntrusted {
		h.at, h.presents = c.at, true
	}
	h.presented, h.certificates = c.chain[0], h.by
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
func (n *node) identify(r *role, c credentials) verification {
	if len(c.chain) == 0 {
		return verification{verdict: VerdictNone}
	}
	h := verification{verdict: VerdictOK, paths: c.paths, at: c.at}
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

func (n *node) expandAll(values []string) (out []string, known bool) {
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

// bounded returns the first values of a list, and how many it leaves out.
func bounded[T any](values []T, most int) ([]T, int) {
	most = min(len(values), max(most, 0))
	return values[:most], len(values) - most
}
