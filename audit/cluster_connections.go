package audit

import (
	"certaudit/audit/inventory"
	"certaudit/parsers"
	"cmp"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"net"
	"slices"
	"strings"
)

// rejection is a verification that fails between two nodes.
type rejection struct {
	client, server *nodeAudit
	connection     Connection
	role           role
	verification
	// dialled is where the client has the address from.
	dialled parsers.Origin
	// host is the one that was dialled, byClient says that the server refuses the client.
	host     string
	byClient bool
	// also are further clients for which the same fails; nil for none.
	also *[]caller
}

// caller is a node from which something is dialled, and the label of the connection.
type caller struct {
	node  *nodeAudit
	label string
}

// place is the node where the fix starts, and the place on it: what is presented, or
// what it is verified with. Which of the two is wrong where a signature is not trusted
// the node of the one tells that shows it.
func (f rejection) place() (*nodeAudit, parsers.Origin) {
	presents, verifies := f.server, f.client
	if f.byClient {
		presents, verifies = f.client, f.server
	}
	if f.fault == faultUntrusted && f.presented != nil && presents.signerIn(f.presented) == "" {
		for e := range presents.decoded(func(e *entry) bool { return e.cert.Equal(f.presented) }) {
			return presents, e.labelled() // not even a CA of its own node signed it
		}
	}
	if f.presents {
		return presents, f.at
	}
	return verifies, f.at
}

// resolver judges the connections between the nodes of a cluster.
type resolver struct {
	*clusterAudit
	// takers are the servers by what they verify clients with: one of each kind.
	takers []*nodeAudit
	// behind are the servers that refuse, or are refused by, whoever has the same trust
	// and dials the same host through something in front of all.
	behind map[trustKey]*balanced
	// calls are the API servers that kubelets with the same CA refuse, clients is what each
	// shows to kubelets, and shown what all of them do.
	calls   map[[sha256.Size]byte][]*nodeAudit
	clients map[*nodeAudit]credentials
	shown   []*x509.Certificate
	// serving and taking remember what API servers present to those who dial a host, and
	// verify them with.
	serving map[dialledAt]credentials
	taking  map[dialledAt]anchors
	// callers are the servers by how they call kubelets: one of each kind. alike are the
	// others of its kind.
	callers []*nodeAudit
	alike   map[*nodeAudit]*[]caller
}

// dialledAt is a node by the host that somebody dials.
type dialledAt struct {
	node *nodeAudit
	host string
}

// once returns what was remembered of a node and a host, or else remembers it.
func once[T any](known map[dialledAt]T, m *nodeAudit, host string, find func(string) T) T {
	at := dialledAt{m, host}
	v, ok := known[at]
	if !ok {
		v = find(host)
		known[at] = v
	}
	return v
}

// serves is what the API server of a node presents to those who dial a host.
func (r *resolver) serves(m *nodeAudit, host string) credentials {
	return once(r.serving, m, host, m.apiServer)
}

// takes is what the API server of a node verifies those with who dial a host.
func (r *resolver) takes(m *nodeAudit, host string) anchors {
	return once(r.taking, m, host, m.apiServerClients)
}

type trustKey struct {
	host  string
	trust [sha256.Size]byte
}

// balanced are the verdicts on all API servers that a host may lead to.
type balanced struct {
	// seen answer well, and named have the host in their certificates.
	seen, named int
	why         string
	broken      []*nodeAudit
	// shown are the certificates of all of them.
	shown []*x509.Certificate
	// also are those who dialled after the first; nil where nobody has yet.
	also *[]caller
}

// resolver returns one for the members, which are given the connections that the nodes
// know of only together.
func (c *clusterAudit) resolver() *resolver {
	r := &resolver{clusterAudit: c, clients: map[*nodeAudit]credentials{}, serving: map[dialledAt]credentials{}, taking: map[dialledAt]anchors{}}
	r.forget()
	r.takers = oneOfEach(r.servers, func(m *nodeAudit) string {
		sum := sumOf(m.apiServerClients("").certs)
		return string(sum[:])
	})
	r.sortCallers()
	for _, m := range r.servers {
		r.clients[m] = m.kubeletClient()
		r.shown = append(r.shown, r.clients[m].chain...)
	}
	for _, n := range r.members {
		for i := range n.edges {
			if e := &n.edges[i]; e.far.component == etcdPeer && e.far.node == nil {
				r.answer(n, e)
			}
		}
		if _, runs := n.inv.Component(inventory.APIServer); !runs && r.isCalled(n) {
			n.edges = append(n.edges, r.kubeletCall(n))
		}
	}
	return r
}

// forget has everything judged again.
func (r *resolver) forget() {
	r.behind, r.calls, r.refused = map[trustKey]*balanced{}, map[[sha256.Size]byte][]*nodeAudit{}, nil
}

// resolve judges the connections of the members of which the other end is on another
// one, in both directions, with what both of them really have.
func (c *clusterAudit) resolve() {
	r := c.resolver()
	for _, n := range r.members {
		for i := range n.edges {
			r.resolveEdge(n, &n.edges[i])
		}
		if _, runs := n.inv.Component(inventory.APIServer); runs && r.isCalled(n) {
			e := r.kubeletCall(n) // by the others: its own is among its connections
			r.kubelet(n, &e)
		}
	}
}

// sortCallers notes the API servers by how they call kubelets.
func (r *resolver) sortCallers() {
	r.alike = map[*nodeAudit]*[]caller{}
	first := map[string]*nodeAudit{}
	for _, m := range r.servers {
		kind := kubeletCaller(m)
		if first[kind] == nil {
			first[kind] = m
			r.callers = append(r.callers, m)
			r.alike[m] = &[]caller{}
			continue
		}
		*r.alike[first[kind]] = append(*r.alike[first[kind]], caller{m, Connection{Client: inventory.APIServer, Server: inventory.Kubelet}.Label()})
	}
}

// oneOfEach returns the first node of each kind.
func oneOfEach(nodes []*nodeAudit, kind func(*nodeAudit) string) []*nodeAudit {
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(nodes), func(n *nodeAudit) bool {
		key := kind(n)
		known := seen[key]
		seen[key] = true
		return known
	})
}

// indexHosts notes by which names and addresses the members know themselves, and which
// have an API server. A name is never taken for a node because it looks like one.
func (c *clusterAudit) indexHosts() {
	c.hosts, c.servers = map[string][]*nodeAudit{}, nil
	for _, m := range c.members {
		if _, ok := m.inv.Component(inventory.APIServer); ok {
			c.servers = append(c.servers, m)
		}
		own := append(m.inv.OwnHosts(), m.ownName())
		for _, host := range own {
			for _, name := range hostNames(m.inv, host) {
				if !slices.Contains(c.hosts[name], m) {
					c.hosts[name] = append(c.hosts[name], m)
				}
			}
		}
	}
}

// hostNames are a host and the addresses that it has on a node, but those of the loopback,
// which are every node's.
func hostNames(inv *inventory.Inventory, host string) []string {
	if host == "" || inv.IsLoopback(host) && parsers.IsAddress(host) {
		return nil
	}
	names := []string{}
	if name := parsers.CanonicalHost(host); name != "localhost" && !strings.HasSuffix(name, ".localhost") {
		names = append(names, name)
	}
	addresses, _ := inv.Resolve(host)
	for _, a := range addresses {
		if !a.IsLoopback() && !a.IsUnspecified() && !slices.Contains(names, a.String()) {
			names = append(names, a.String())
		}
	}
	return names
}

// nodeAt returns the node that a host means to one that dials it. known is true where
// some node has it: several have it where the node is nil.
func (c *clusterAudit) nodeAt(from *inventory.Inventory, host string) (m *nodeAudit, known bool) {
	if from.IsLoopback(host) {
		return nil, true
	}
	for _, name := range hostNames(from, host) {
		if nodes := c.hosts[name]; len(nodes) > 0 {
			if len(nodes) > 1 {
				return nil, true
			}
			return nodes[0], true
		}
	}
	return nil, false
}

// resolveEdge judges a connection that leads to another node.
func (r *resolver) resolveEdge(n *nodeAudit, e *edge) {
	if e.far.component == "" {
		return
	}
	m, known := e.far.node, true
	if m == nil {
		m, known = r.nodeAt(n.inv, hostDialled(e))
	}
	switch {
	case e.far.component == inventory.Kubelet:
		r.kubelet(n, e)
	case m == nil && known && !n.inv.IsLoopback(hostDialled(e)):
		why := fmt.Sprintf("several nodes give out %s as theirs", hostDialled(e))
		for _, h := range []*verification{&e.serverSide, &e.clientSide} {
			if h.verdict == VerdictUnknown {
				h.reason = why
			}
		}
	case m == n, m == nil && known:
		return
	case e.far.component == inventory.APIServer && m == nil:
		r.throughBalancer(n, e)
	case m == nil:
		return
	case e.far.component == inventory.APIServer:
		r.toServer(n, m, e)
	default:
		r.toEtcd(n, m, e)
	}
	e.finish(n.name)
}

// hostDialled is the host of an edge's address: the name that is verified may be another.
func hostDialled(e *edge) string { return cmp.Or(parsers.HostOf(e.Address), e.far.host) }

// refuse notes what fails of an edge between two nodes.
func (r *resolver) refuse(n, m *nodeAudit, e *edge) {
	for i, h := range []verification{e.serverSide, e.clientSide} {
		if h.verdict == VerdictBroken {
			r.refused = append(r.refused, rejection{client: n, server: m, connection: e.Connection, role: e.role, verification: h,
				dialled: e.dialled, host: e.far.host, byClient: i > 0})
		}
	}
}

// toServer judges a call of the API server of a node.
func (r *resolver) toServer(n, m *nodeAudit, e *edge) {
	if _, ok := m.inv.Component(inventory.APIServer); !ok || m.inv.MayServeApart(e.far.host) {
		return
	}
	if server := r.serves(m, e.far.host); !server.unseen {
		e.serverSide = n.verifyServer(server, e.far.trust, to(e.far.host))
	}
	if e.clientSide.verdict != VerdictNone {
		e.clientSide = n.verifyClient(e.far.offered, r.takes(m, e.far.host))
	}
	r.refuse(n, m, e)
}

// throughBalancer judges a call of whatever stands before the API servers: each of them
// may be reached, that of the caller's own node among them. Where the client trusts no CA
// of the cluster, what answers it may be no API server, but something in front of them
// that ends TLS.
func (r *resolver) throughBalancer(n *nodeAudit, e *edge) {
	if own := e.serverSide.verdict; own != VerdictUnverified && len(e.far.trust.certs) > 0 {
		key := trustKey{e.far.host, sumOf(e.far.trust.certs)}
		all := r.behind[key]
		if all == nil {
			all = r.balance(n, e)
			r.behind[key] = all
		}
		e.beside = append(e.beside, all.shown, e.far.trust.certs)
		switch {
		case own == VerdictOK && all.named == 1:
			// the API server of the caller's node alone has the name: it may be that node's
		case len(all.broken) > 0:
			r.refuseBehind(n, e, all)
		case own == VerdictUnknown && all.seen > 0:
			e.serverSide = verification{verdict: VerdictOK}
		case own == VerdictUnknown && all.why != "":
			e.serverSide.reason = all.why
		}
	}
	if e.clientSide.verdict == VerdictNone || e.serverSide.verdict == VerdictUnknown {
		return
	}
	for _, m := range r.takers {
		e.clientSide = n.verifyClient(e.far.offered, r.takes(m, e.far.host))
		e.beside = append(e.beside, e.clientSide.by[:]...)
		if e.clientSide.verdict == VerdictBroken {
			r.refuse(n, m, &edge{Connection: e.Connection, clientSide: e.clientSide, role: e.role, dialled: e.dialled, far: e.far})
			return
		}
	}
}

// refuseBehind notes that some API servers behind a host fail whoever dials it: for each
// of them with the first who does, to whom the others are added.
func (r *resolver) refuseBehind(n *nodeAudit, e *edge, all *balanced) {
	if all.also != nil {
		e.serverSide = n.verifyServer(r.serves(all.broken[0], e.far.host), e.far.trust, to(e.far.host))
		*all.also = append(*all.also, caller{n, e.Label()})
		return
	}
	all.also = &[]caller{}
	for _, m := range all.broken {
		e.serverSide = n.verifyServer(r.serves(m, e.far.host), e.far.trust, to(e.far.host))
		r.refuse(n, m, &edge{Connection: e.Connection, serverSide: e.serverSide, role: e.role, dialled: e.dialled, far: e.far})
		r.refused[len(r.refused)-1].also = all.also
	}
}

// balance judges every API server as one that a host leads to.
func (r *resolver) balance(n *nodeAudit, e *edge) *balanced {
	all := &balanced{}
	for _, m := range r.servers {
		server := r.serves(m, e.far.host)
		if server.unseen || m.inv.MayServeApart(e.far.host) {
			all.why = cmp.Or(server.reason, "another certificate may be served to those who dial "+e.far.host)
			continue
		}
		all.shown = append(all.shown, server.chain...)
		h := n.verifyServer(server, e.far.trust, to(e.far.host))
		if h.fault != faultName {
			all.named++
		}
		switch {
		case h.verdict == VerdictOK:
			all.seen++
		case h.verdict == VerdictBroken && (h.fault != faultUntrusted || r.knowsCluster(e.far.trust.certs)):
			if len(all.broken) < maxListed {
				all.broken = append(all.broken, m)
			}
		case h.verdict == VerdictBroken:
			all.why = fmt.Sprintf("the client trusts another CA than that of the API servers; what answers at %s is not in view", e.far.host)
		}
	}
	if all.seen == 0 && len(all.broken) > 0 && !r.isEndpoint(n, e.far.host) {
		all.broken, all.why = nil, fmt.Sprintf("%s may be an API server that is not in view: none that is has it in its certificate", e.far.host)
	}
	return all
}

// isEndpoint reports whether a host stands before all API servers: an administrator's
// kubeconfig on one of them calls it, or it is the name in a kubeconfig of kubeadm's, which
// takes the cluster's endpoint, or, without one, the address of the first control plane
// (kubernetes cmd/kubeadm/app/phases/bootstraptoken/clusterinfo).
func (r *resolver) isEndpoint(n *nodeAudit, host string) bool {
	if n.facts.profile == ProfileKubeadm && !parsers.IsAddress(host) {
		return true
	}
	return slices.ContainsFunc(r.servers, func(m *nodeAudit) bool { return calls(m.inv, callsEndpoint, host) })
}

// knowsCluster reports whether a bundle has a CA of the cluster, as far as that one is
// known by its key.
func (c *clusterAudit) knowsCluster(bundle []*x509.Certificate) bool {
	return slices.ContainsFunc(bundle, func(ca *x509.Certificate) bool {
		return slices.Contains(c.CAKeys, parsers.Certificate{Certificate: ca}.PublicKeySHA256())
	})
}

// toEtcd judges a call of a member of etcd.
func (r *resolver) toEtcd(n, m *nodeAudit, e *edge) {
	if _, ok := m.inv.Component(inventory.Etcd); !ok {
		return
	}
	server, takes, rules := m.etcdServing(e.far.host), m.etcdTakes(e.far.offered), clientNames
	if e.far.component == etcdPeer {
		server, takes, rules = m.peerServing(e.far.host), m.peersTake(e.far.offered), peerNames
	}
	e.serverSide = n.verifyServer(server, e.far.trust, to(e.far.host))
	e.clientSide = n.verifyClient(e.far.offered, takes)
	r.refuse(n, m, e)
	if h := m.allowed(rules, e.far.offered, e.authorization); h.verdict == VerdictBroken && e.authorization.verdict != VerdictBroken {
		e.authorization = h
		r.refuse(n, m, &edge{Connection: e.Connection, clientSide: h, role: e.role, dialled: e.dialled, far: e.far})
	}
}

// answer adds the call of a member by one that it calls, as one of its connections says,
// and that does not name it: the list of a member that was there first ends with itself.
func (r *resolver) answer(caller *nodeAudit, call *edge) {
	callee, _ := r.nodeAt(caller.inv, hostDialled(call))
	if callee == nil || callee == caller {
		return
	}
	if _, ok := callee.inv.Component(inventory.Etcd); !ok {
		return
	}
	hosts := inventory.URLHosts(caller.inv.Setting(inventory.Etcd, "initial-advertise-peer-urls").Value)
	listed := slices.ContainsFunc(otherMembers(callee.inv), func(host string) bool {
		m, _ := r.nodeAt(callee.inv, host)
		return m == caller
	})
	if listed || len(hosts) == 0 || len(callee.edges) > maxListed+maxContexts {
		return
	}
	offered := callee.peerClient()
	e := edge{role: *roleNamed(inventory.RoleEtcdPeer), dialled: caller.inv.Setting(inventory.Etcd, "initial-advertise-peer-urls").Origin}
	address, _, _ := strings.Cut(caller.inv.Setting(inventory.Etcd, "initial-advertise-peer-urls").Value, ",")
	if slices.ContainsFunc(callee.edges, func(known edge) bool { return known.Address == address && known.Client == inventory.Etcd }) {
		return
	}
	e.Client, e.Server, e.Address = "etcd", "etcd peer "+cmp.Or(caller.inv.Setting(inventory.Etcd, "name").Value, caller.name), address
	e.far = farEnd{etcdPeer, hosts[0], callee.peerTrust(caller.peerServing(hosts[0])), offered, caller}
	if isPlain(address) {
		e.serverSide, e.far = verification{verdict: VerdictUnverified, reason: noTLS}, farEnd{}
		e.clientSide = e.serverSide
	}
	e.authorization, e.Identity = caller.allowed(peerNames, offered, verification{verdict: VerdictOK}), identityOf(offered)
	e.finish(callee.name)
	callee.edges = append(callee.edges, e)
}

// kubeletCaller identifies how an API server calls kubelets, but for its own certificate.
func kubeletCaller(m *nodeAudit) string {
	ca, ok := kubeletVerifier(m.inv)
	sum := sumOf(m.trustedBy(ca, ok, "").certs)
	return fmt.Sprint(ok, string(sum[:]), m.inv.Setting(inventory.APIServer, "kubelet-preferred-address-types").Value)
}

// isCalled reports whether API servers call the kubelet of a node.
func (r *resolver) isCalled(n *nodeAudit) bool {
	_, runs := n.inv.Component(inventory.Kubelet)
	return runs && len(r.servers) > 0 && !n.isUnreadKubelet()
}

// kubeletCall is the call of a node's kubelet by the API servers of others.
func (r *resolver) kubeletCall(n *nodeAudit) edge {
	e := edge{role: *roleNamed(inventory.RoleAPIServerKubelet), far: farEnd{component: inventory.Kubelet, offered: n.kubeletServer()}}
	e.Client, e.Server = inventory.APIServer, inventory.Kubelet
	for _, m := range r.callers {
		dialled, _ := kubeletTargetOf(m, n)
		if host := cmp.Or(dialled.host, n.ownName()); m != n && host != "" {
			e.Address = "https://" + net.JoinHostPort(host, cmp.Or(n.inv.Setting(inventory.Kubelet, "port").Value, "10250"))
			break
		}
	}
	offered := r.clients[r.servers[0]]
	e.authorization, e.Identity = r.servers[0].identify(&e.role, offered), identityOf(offered)
	return e
}

// kubeletTargetOf is [kubeletTarget] for the API server of one node and the kubelet of
// another.
func kubeletTargetOf(m, n *nodeAudit) (destination, parsers.Origin) {
	return kubeletTargetBy(m.inv.Setting(inventory.APIServer, "kubelet-preferred-address-types").Value, n.inv, n.ownName())
}

// kubelet judges the call of a node's kubelet by the API servers of others: by one of
// each kind, and by those whose certificate it refuses.
func (r *resolver) kubelet(n *nodeAudit, e *edge) {
	for _, m := range r.callers {
		if m == n {
			continue
		}
		dialled, at := kubeletTargetOf(m, n)
		ca, hasCA := kubeletVerifier(m.inv)
		trust := m.trustedBy(ca, hasCA, "--kubelet-certificate-authority is not set: the API server does not verify kubelets")
		server, _ := m.inv.Component(inventory.APIServer)
		if whole, reason := isWhole(m.inv, server); !hasCA && !whole {
			trust = anchors{unseen: true, reason: reason}
		}
		one := edge{Connection: e.Connection, role: e.role, dialled: at, far: farEnd{host: dialled.host}}
		one.serverSide = m.verifyServer(e.far.offered, trust, dialled)
		if r.refuse(m, n, &one); one.serverSide.verdict == VerdictBroken {
			r.refused[len(r.refused)-1].also = r.alike[m]
		}
		e.serverSide = worseOf(e.serverSide, one.serverSide)
		e.beside = append(e.beside, one.serverSide.by[:]...)
	}
	e.clientSide = r.kubeletRefuses(n, e)
}

// isUnreadKubelet reports whether what the kubelet is configured with was not read.
func (n *node) isUnreadKubelet() bool {
	c, _ := n.inv.Component(inventory.Kubelet)
	whole, _ := isWhole(n.inv, c)
	return c.Assumed || !whole
}

// kubeletRefuses judges how a kubelet verifies the API servers of other nodes.
func (r *resolver) kubeletRefuses(n *nodeAudit, e *edge) verification {
	verdict := func(m *nodeAudit) verification { return n.kubeletTakes(r.clients[m]) }
	ref, ok := n.inv.ReferenceOf(inventory.Kubelet, "client-ca-file")
	trust := n.trustedBy(ref, ok, "")
	if len(trust.certs) == 0 {
		return verdict(r.servers[0])
	}
	e.beside = append(e.beside, r.shown, trust.certs)
	key := sumOf(trust.certs)
	broken, known := r.calls[key]
	if !known {
		broken = slices.DeleteFunc(slices.Clone(r.servers), func(m *nodeAudit) bool { return verdict(m).verdict != VerdictBroken })
		broken, _ = bounded(broken, maxListed)
		r.calls[key] = broken
	}
	worst := verification{verdict: VerdictOK}
	for _, m := range broken {
		if m == n {
			continue
		}
		worst = verdict(m)
		r.refuse(m, n, &edge{Connection: e.Connection, clientSide: worst, role: e.role})
		if known {
			break // one is enough to tell where this kubelet is to be changed
		}
	}
	return worst
}

// worseOf returns the worse of two verdicts, the first of two that are as bad.
func worseOf(a, b verification) verification {
	order := []string{"", VerdictNone, VerdictOK, VerdictUnverified, VerdictUnknown, VerdictBroken}
	if slices.Index(order, b.verdict) > slices.Index(order, a.verdict) {
		return b
	}
	return a
}
