package audit

import (
	"certaudit/audit/inventory"
	"certaudit/parsers"
	"cmp"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// etcdEdges are the connections of the API server, and of kubeadm's client, to
// etcd.
func (n *nodeAudit) etcdEdges() []edge {
	var edges []edge
	listed, left := bounded(n.inv.EtcdServers(), maxListed)
	for i, u := range listed {
		if strings.HasPrefix(u.Value, "unix:") {
			continue // a datastore that speaks etcd's protocol without TLS
		}
		l := n.etcdEdge("kube-apiserver", u.Value, "etcd-cafile", "etcd-certfile", roleNamed(inventory.RoleAPIServerEtcd))
		l.dialled = u.Origin
		if i == 0 {
			l.doubt = n.etcdPassedBy(listed)
		}
		edges = append(edges, l)
	}
	edges = append(edges, more("kube-apiserver", "etcd", left, n.inv.Setting("kube-apiserver", "etcd-servers").Origin)...)
	if ref, ok := n.inv.ReferenceOf("kubeadm", "etcd/healthcheck-client.crt"); ok && n.inv.Files[ref.Path].Exists() {
		address := n.etcdLoopback()
		l := n.etcdEdge("kubeadm", address, "etcd/ca.crt", ref.Name, roleNamed(inventory.RoleEtcdHealthcheck))
		l.Client = etcdHealthCheck
		trust, ok := n.inv.ReferenceTo(n.certPath("etcd/ca.crt"), inventory.HoldsBundle)
		if !ok {
			trust, ok = n.inv.ReferenceOf("etcd", "trusted-ca-file")
		}
		if ok && l.serverSide.verdict == VerdictUnverified {
			l.serverSide = n.verifyServer(n.etcdServer(address), n.trustedBy(trust, true, ""), to(parsers.HostOf(address)))
		} else if l.serverSide.verdict == VerdictUnverified {
			l.serverSide = verification{verdict: VerdictUnknown, reason: n.certPath("etcd/ca.crt") + ", with which it verifies etcd, is not in view"}
		}
		edges = append(edges, l)
	}
	return append(edges, n.gatewayEdges()...)
}

// etcdHealthCheck is what kubeadm's client of etcd is called.
const etcdHealthCheck = "etcd health check"

// etcdLoopback is where kubeadm's client finds the etcd of this node: at its loopback
// address, and the port of the first URL that leads there.
func (n *node) etcdLoopback() string {
	port := "2379"
	for u := range strings.SplitSeq(etcdListens(n.inv, "listen-client-urls"), ",") {
		if at := parsers.PortOf(u); at != "" && !isPlain(strings.TrimSpace(u)) && n.inv.IsLoopback(parsers.HostOf(u)) {
			port = at
			break
		}
	}
	return "https://" + net.JoinHostPort("127.0.0.1", port)
}

// etcdPassedBy says that none of the addresses that the API server calls is one of
// the etcd beside it; "" if one is, or leads to another member, or may lead to
// it: a name that etcd's certificate holds is one by which it is called.
func (n *node) etcdPassedBy(urls []parsers.Text) string {
	if _, runs := n.inv.Component(inventory.Etcd); !runs {
		return ""
	}
	serving, _ := n.inv.ReferenceOf("etcd", "cert-file")
	certs := n.inv.Material(serving).Certificates
	var hosts []string
	for _, u := range urls {
		host := parsers.HostOf(u.Value)
		silent := silentPort(n.inv, u.Value)
		switch {
		case silent == "" && listensAt(n.inv, host), host == "", isMember(n.inv, host):
			return ""
		case silent != "":
			host = net.JoinHostPort(host, silent)
		case len(certs) > 0 && certs[0].VerifyHostname(host) == nil && !n.inv.IsLoopback(host):
			return ""
		}
		hosts = append(hosts, host)
	}
	return fmt.Sprintf("calls etcd at %s, and neither in the addresses nor in the certificate of the etcd of this node is one of these: it listens at %s and gives out %s", joinOr(hosts),
		cmp.Or(n.inv.Setting("etcd", "listen-client-urls").Value, "no address that is known"), cmp.Or(n.inv.Setting("etcd", "advertise-client-urls").Value, "none"))
}

// gatewayEdges is the connection of etcd's JSON gateway to etcd itself: it does
// not verify the server, and presents the serving certificate as its own unless
// it has another (etcd server/embed/etcd.go, etcd-io/etcd#9785). No component of
// Kubernetes calls the gateway.
func (n *nodeAudit) gatewayEdges() []edge {
	serving, hasServing := n.inv.ReferenceOf("etcd", "cert-file")
	trust, hasTrust := n.inv.ReferenceOf("etcd", "trusted-ca-file")
	if !hasServing || !hasTrust || !strings.Contains(n.inv.Setting("etcd", "listen-client-urls").Value, "https://") {
		return nil
	}
	if ref, own := n.inv.ReferenceOf("etcd", "client-cert-file"); own {
		serving = ref
	}
	l := edge{role: *roleNamed(inventory.RoleEtcdServing), dialled: serving.Origin}
	l.role.impact = Warning
	l.Client, l.Server = "etcd gateway", "etcd"
	offered := n.presentedBy(serving, true)
	l.serverSide = verification{verdict: VerdictUnverified, reason: "etcd does not verify itself"}
	l.clientSide = n.verifyClient(offered, n.trustedBy(trust, true, ""))
	l.authorization, l.Identity = n.gatewayIdentity(), identityOf(offered)
	return []edge{l}
}

// gatewayIdentity is broken by a rule for the names of clients: the gateway
// holds the server against it as well, whose chain nobody has verified, and
// finds no name.
func (n *node) gatewayIdentity() verification {
	for _, r := range clientNames {
		if setting := n.inv.Setting("etcd", r.flag); setting.Value != "" {
			return verification{verdict: VerdictBroken, fault: faultIdentity, at: setting.Origin,
				reason: "with --" + r.flag + " etcd refuses the calls of its own gateway"}
		}
	}
	return verification{verdict: VerdictOK}
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
func (n *node) allowed(rules []nameRule, c credentials, otherwise verification) verification {
	for _, r := range rules {
		setting := n.inv.Setting("etcd", r.flag)
		names := parsers.List(setting.Value)
		if len(names) == 0 || len(c.chain) == 0 || slices.ContainsFunc(names, func(name string) bool { return r.fits(c.chain[0], name) }) {
			continue
		}
		return verification{verdict: VerdictBroken, fault: faultIdentity, at: setting.Origin,
			reason: fmt.Sprintf("the client is %q to etcd, which by --%s accepts %s", c.chain[0].Subject.CommonName, r.flag, joinOr(quoted(names)))}
	}
	return otherwise
}

func (n *nodeAudit) etcdEdge(component, address, caFlag, certFlag string, r *role) edge {
	l := edge{role: *r}
	l.Client, l.Server, l.Address = component, "etcd", address
	host := parsers.HostOf(address)
	cert, hasCert := n.inv.ReferenceOf(component, certFlag)
	offered := n.presentedBy(cert, hasCert)
	if u := n.unset(component, certFlag); offered.none {
		offered.unset, offered.at = u, u.at
	}
	l.authorization, l.Identity = n.identify(r, offered), identityOf(offered)
	if etcdElsewhere(n.inv, address) == "" {
		l.authorization = n.allowed(clientNames, offered, l.authorization)
		if n.speaksOtherwise(&l, "listen-client-urls") {
			return l
		}
	}
	ca, hasCA := n.inv.ReferenceOf(component, caFlag)
	server := n.etcdServer(address)
	trust, clients := n.trustedBy(ca, hasCA, ""), n.etcdClients(address, offered)
	if etcdElsewhere(n.inv, address) != "" {
		l.far = farEnd{inventory.Etcd, host, trust, offered, nil}
	}
	switch {
	case isPlain(address):
		trust = anchors{none: true, reason: noTLS}
		clients, l.far = trust, farEnd{}
	case !hasCA && component == inventory.APIServer:
		trust = n.rootsWithout(component, caFlag, hostRoots, server)
	}
	l.serverSide = n.verifyServer(server, trust, to(host))
	l.clientSide = n.verifyClient(offered, clients)
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

// speaksOtherwise reports whether one end of a connection to the etcd of this node speaks
// TLS and the other does not, by the URLs that a flag of etcd's listens at, and breaks the
// connection then.
func (n *node) speaksOtherwise(l *edge, flag string) bool {
	spoken, known := plainAt(n.inv, l.Address, etcdListens(n.inv, flag))
	if !known || spoken == isPlain(l.Address) {
		return false
	}
	l.serverSide = verification{verdict: VerdictBroken, fault: faultAbsent, reason: "etcd speaks " + protocol(spoken) + " there, and the client " + protocol(isPlain(l.Address))}
	if u := n.unset(inventory.Etcd, flag); u.flag != "" {
		l.serverSide.at, l.serverSide.unset, l.serverSide.reason = u.at, u, u.name()+" is not set: "+l.serverSide.reason
	} else if spoken {
		l.component, l.serverSide.at = inventory.Etcd, n.inv.Setting(inventory.Etcd, flag).Origin
	}
	l.clientSide = verification{verdict: VerdictNone}
	return true
}

// plainAt reports whether a server that listens at some URLs speaks no TLS at an address.
// known is false where none of them is of the host and port.
func plainAt(inv *inventory.Inventory, address, urls string) (plain, known bool) {
	host, port := parsers.HostOf(address), parsers.PortOf(address)
	for u := range strings.SplitSeq(urls, ",") {
		listens := parsers.HostOf(u)
		if port != "" && parsers.PortOf(u) != port {
			continue
		}
		a, err := netip.ParseAddr(listens)
		if inv.SameHost(listens, host) || err == nil && a.IsUnspecified() || inv.IsLoopback(listens) && inv.IsLoopback(host) && !known {
			plain, known = isPlain(strings.TrimSpace(u)), true
		}
	}
	return plain, known
}

// etcdListens are the URLs of a flag by which the etcd of this node listens: the default
// where none are set.
func etcdListens(inv *inventory.Inventory, flag string) string {
	c, _ := inv.Component(inventory.Etcd)
	if whole, _ := isWhole(inv, c); !whole {
		return c.Setting(flag).Value
	}
	return c.InEffect(flag)
}

// etcdServer is what the etcd that listens at an address presents.
func (n *node) etcdServer(address string) credentials {
	if why := etcdElsewhere(n.inv, address); why != "" {
		return credentials{unseen: true, reason: why}
	}
	return n.etcdServing(parsers.HostOf(address))
}

// etcdServing is what the etcd of this node presents to clients that dial a host.
func (n *node) etcdServing(host string) credentials {
	ref, _ := n.inv.ReferenceOf(inventory.Etcd, "cert-file")
	return n.asServed(n.etcdPresents("cert-file", "auto-tls"), inventory.Etcd, ref, host)
}

// peerServing is what the etcd of this node presents to members that dial a host.
func (n *node) peerServing(host string) credentials {
	ref, _ := n.inv.ReferenceOf(inventory.Etcd, "peer-cert-file")
	return n.asServed(n.etcdPresents("peer-cert-file", "peer-auto-tls"), inventory.Etcd, ref, host)
}

// etcdPresents is what the etcd of this node serves with; it makes a certificate itself
// if a flag says so.
func (n *node) etcdPresents(certFlag, autoFlag string) credentials {
	ref, ok := n.inv.ReferenceOf(inventory.Etcd, certFlag)
	c := n.presentedBy(ref, ok)
	switch u := n.unset(inventory.Etcd, certFlag); {
	case ok:
	case isOn(n.inv.Setting(inventory.Etcd, autoFlag)):
		return credentials{unseen: true, reason: "--" + autoFlag + ": etcd makes its certificate itself"}
	default:
		c.at, c.unset = u.at, u
		if whole, reason := n.etcdIsWhole(); !whole {
			c = credentials{unseen: true, reason: reason}
		}
	}
	return c
}

// etcdIsWhole is [isWhole] for the etcd of this node.
func (n *node) etcdIsWhole() (bool, string) {
	c, _ := n.inv.Component(inventory.Etcd)
	return isWhole(n.inv, c)
}

// etcdElsewhere says why those who dial an address do not reach the etcd of this node;
// "" where they do.
func etcdElsewhere(inv *inventory.Inventory, address string) string {
	_, runs := inv.Component(inventory.Etcd)
	host := parsers.HostOf(address)
	addresses, at := inv.Resolve(host)
	switch {
	case listensAt(inv, host):
		if port := silentPort(inv, address); port != "" {
			return fmt.Sprintf("the etcd of this node does not listen at port %s of %s", port, host)
		}
		return ""
	case !runs && isUnread(inv, inventory.Etcd):
		return "what starts etcd was not read"
	case !runs && host != "" && inv.IsOwn(host):
		return fmt.Sprintf("what listens at %s on this node is not known", host)
	case !runs:
		return notHere(inv, "etcd")
	case isMember(inv, host):
		return fmt.Sprintf("%s is another member of etcd", host)
	case len(addresses) == 0:
		return fmt.Sprintf("whether %s is this node only the DNS can tell", host)
	}
	not := fmt.Sprintf("the etcd of this node does not listen at %s", host)
	if at != (parsers.Origin{}) {
		not += fmt.Sprintf(", which is %s by %s", joinOr(texts(addresses)), where(at))
	}
	return not
}

// isMember reports whether a host is that of another member of this node's etcd.
func isMember(inv *inventory.Inventory, host string) bool {
	return slices.ContainsFunc(otherMembers(inv), func(member string) bool { return inv.SameHost(member, host) })
}

// etcdClients is what the etcd that listens at an address verifies a client with. It
// demands certificates as soon as it has a CA (etcd client/pkg/transport).
func (n *nodeAudit) etcdClients(address string, offered credentials) anchors {
	if why := etcdElsewhere(n.inv, address); why != "" {
		return anchors{unseen: true, reason: why}
	}
	return n.etcdTakes(offered)
}

// etcdTakes is what the etcd of this node verifies its clients with.
func (n *nodeAudit) etcdTakes(offered credentials) anchors {
	return n.etcdDemands("trusted-ca-file", "client-cert-auth", "etcd accepts clients without a certificate", offered)
}

// peersTake is what the etcd of this node verifies other members with.
func (n *nodeAudit) peersTake(offered credentials) anchors {
	return n.etcdDemands("peer-trusted-ca-file", "peer-client-cert-auth", "etcd accepts peers without a certificate", offered)
}

// etcdDemands is what etcd verifies those with who call it. Without a CA of its
// own it takes the host's, if it is to demand certificates.
func (n *nodeAudit) etcdDemands(caFlag, authFlag, absent string, offered credentials) anchors {
	ref, ok := n.inv.ReferenceOf("etcd", caFlag)
	if !ok && isOn(n.inv.Setting("etcd", authFlag)) {
		return n.rootsWithout(inventory.Etcd, caFlag, "etcd verifies with the host's root certificates", offered)
	}
	if whole, reason := n.etcdIsWhole(); !ok && !whole {
		return anchors{unseen: true, reason: reason}
	}
	return n.trustedBy(ref, ok, absent)
}

// peerEdges are the connections of etcd's members to this one and from it.
func (n *nodeAudit) peerEdges() []edge {
	if _, ok := n.inv.Component("etcd"); !ok {
		return nil
	}
	own := inventory.URLHosts(n.inv.Setting("etcd", "initial-advertise-peer-urls").Value)
	var edges []edge
	cluster := n.inv.Setting("etcd", "initial-cluster")
	members, left := bounded(n.inv.EtcdMembers(), maxListed)
	for _, member := range members {
		name, address, ok := strings.Cut(member, "=")
		host := parsers.HostOf(address)
		if !ok || host == "" {
			continue
		}
		l := edge{role: *roleNamed(inventory.RoleEtcdPeer), dialled: cluster.Origin}
		l.Client, l.Server, l.Address = "etcd", "etcd peer "+name, address
		offered, peer := n.peerClient(), credentials{unseen: true}
		clients := n.peersTake(offered)
		if slices.ContainsFunc(own, func(o string) bool { return n.inv.SameHost(o, host) }) {
			l.Client, l.Server = "etcd peers", "etcd"
			peer = n.peerServing(host)
		} else {
			clients = anchors{unseen: true, reason: "the other member is not on this node"}
		}
		trust := n.peerTrust(peer)
		if peer.unseen {
			l.far = farEnd{etcdPeer, host, trust, offered, nil}
		}
		if isPlain(address) {
			trust = anchors{none: true, reason: noTLS}
			clients, l.far = trust, farEnd{}
		}
		if l.Server == inventory.Etcd && n.speaksOtherwise(&l, "listen-peer-urls") {
			if isAlone(n.inv) {
				l.role.impact = Warning // nobody calls it yet
			}
			edges = append(edges, l)
			continue
		}
		l.serverSide = n.verifyServer(peer, trust, to(host))
		l.clientSide = n.verifyClient(offered, clients)
		l.authorization, l.Identity = n.allowed(peerNames, offered, verification{verdict: VerdictOK}), identityOf(offered)
		edges = append(edges, l)
	}
	return append(edges, more("etcd", "etcd peer of others", left, cluster.Origin)...)
}

// etcdPeer stands for the peers' end of etcd.
const etcdPeer = "etcd peer"

// peerTrust is what a member verifies a peer with that it calls.
func (n *nodeAudit) peerTrust(peer credentials) anchors {
	ref, ok := n.inv.ReferenceOf("etcd", "peer-trusted-ca-file")
	if !ok {
		return n.rootsWithout(inventory.Etcd, "peer-trusted-ca-file", hostRoots, peer)
	}
	return n.trustedBy(ref, true, "")
}

// peerClient is what a member presents when it calls another: its serving pair,
// unless it has one of its own for that.
func (n *node) peerClient() credentials {
	if ref, own := n.inv.ReferenceOf("etcd", "peer-client-cert-file"); own {
		return n.presentedBy(ref, true)
	}
	return n.etcdPresents("peer-cert-file", "peer-auto-tls")
}
