package audit

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"strings"

	"certaudit/audit/inventory"
	"certaudit/parsers"
	"certaudit/parsers/logs"
)

// writer is the node whose component wrote a line; nil where that is not known. foreign
// says that it was written on another machine than those in view.
type writer struct {
	node    *nodeAudit
	foreign bool
}

// writerOf returns the writer of a line.
func (t *LogTies) writerOf(at logs.Line) (*nodeAudit, bool) {
	key := logs.Line{Node: at.Node, Host: at.Host, Component: at.Component}
	known, ok := t.writers[key]
	if !ok {
		known.node, known.foreign = t.findWriter(at)
		t.writers[key] = known
	}
	return known.node, known.foreign
}

func (t *LogTies) findWriter(at logs.Line) (n *nodeAudit, foreign bool) {
	if n := t.nodeNamed(at.Node); at.Node != "" && n != nil && (at.Host == "" || n.isCalled(at.Host) || n.isNameless()) {
		return n, false
	}
	if at.Host == "" {
		if len(t.nodes) == 1 {
			return t.nodes[0], false
		}
		if running := t.running(at.Component); len(running) == 1 {
			return running[0], false
		}
		return nil, false
	}
	named := slices.DeleteFunc(slices.Clone(t.nodes), func(m *nodeAudit) bool { return !m.isCalled(at.Host) })
	switch {
	case len(named) == 1:
		return named[0], false
	case len(named) == 0 && len(t.nodes) == 1 && t.nodes[0].isNameless():
		return t.nodes[0], false // nothing in the copy says what its host is called
	}
	return nil, true
}

// HostOf is the name of the node that the path of a log has, as a folder or behind that of a
// component, as static pods are called; "" for none, and where there are not several nodes.
func (t *LogTies) HostOf(source string) string {
	if len(t.nodes) < 2 {
		return ""
	}
	for part := range strings.FieldsFuncSeq(source, func(r rune) bool { return r == '/' || r == '\\' || r == '_' }) {
		part = strings.TrimSuffix(part, ".log")
		for _, n := range t.nodes {
			name := cmp.Or(n.ownName(), n.name)
			component, ok := strings.CutSuffix(part, "-"+name)
			if part == name || ok && inventory.IsProgram(component) {
				return name
			}
		}
	}
	return ""
}

// isNameless reports whether nothing in the files of the node says what its host is called.
func (n *nodeAudit) isNameless() bool {
	own := n.ownName()
	return n.inv.Hostname.Value == "" && (own == "" || parsers.IsAddress(own))
}

// isCalled reports whether a host is one of the node's own names or addresses, with or
// without a domain.
func (n *nodeAudit) isCalled(host string) bool {
	short := func(name string) string {
		if parsers.IsAddress(name) {
			return name
		}
		name, _, _ = strings.Cut(parsers.CanonicalHost(name), ".")
		return name
	}
	for _, own := range append(n.inv.OwnHosts(), n.name, n.ownName()) {
		if own == "" || n.inv.IsLoopback(own) {
			continue
		}
		if n.inv.SameHost(own, host) || !parsers.IsAddress(host) && !parsers.IsAddress(own) && short(own) == short(host) {
			return true
		}
	}
	return false
}

// remote is an end of a connection as an address tells it.
type remote struct {
	// node has the address; nil where no node in view does.
	node *nodeAudit
	// component listens there; "" where that is not known, and for a client.
	component string
	// host, in the form in which it can be compared, and port are the line's; "" where
	// it has none.
	host, port string
}

// remoteOf reads the address of the other end. from wrote the line, as a client or not;
// nil for a writer that is not known.
func (t *LogTies) remoteOf(from *nodeAudit, peer string, client bool) remote {
	r := remote{host: parsers.HostOf(peer), port: parsers.PortOf(peer)}
	if r.host == "" {
		return r
	}
	r.host = parsers.CanonicalHost(r.host)
	if r.port == "" && strings.HasPrefix(peer, "https://") {
		r.port = "443"
	}
	r.node = t.nodeAt(from, r.host)
	if !client {
		return r
	}
	if r.node != nil {
		r.component = r.node.listener(r.port)
	}
	var called []string
	for _, s := range slices.Concat(t.of[from], t.at[r.host]) {
		if s.Address != "" && (from == nil || s.client == nil || s.client == from) && s.isAt(r) {
			called = union(called, []string{s.called})
		}
	}
	if r.component == "" && len(called) == 1 {
		r.component = called[0]
	}
	if r.component == "" && isServiceOfAPI(r.host) {
		r.component = inventory.APIServer
	}
	if servers := t.running(inventory.APIServer); r.component == inventory.APIServer && r.node == nil && len(servers) == 1 {
		r.node = servers[0]
	}
	r.component = cmp.Or(r.component, usualPorts[r.port])
	return r
}

// usualPorts say what listens at a port of a node that is not in view (website
// reference/networking/ports-and-protocols).
var usualPorts = map[string]string{"2379": inventory.Etcd, "2380": inventory.Etcd, "6443": inventory.APIServer,
	"10250": inventory.Kubelet, "10257": inventory.ControllerManager, "10259": inventory.Scheduler}

// isServiceOfAPI reports whether a host is the name that pods call the API server by
// (kubernetes pkg/controlplane/controller/kubernetesservice).
func isServiceOfAPI(host string) bool {
	name := parsers.CanonicalHost(host)
	return name == "kubernetes" || name == "kubernetes.default" || name == "kubernetes.default.svc" || strings.HasPrefix(name, "kubernetes.default.svc.")
}

// serviceOf is the service that a host is the name of within a cluster, "service
// prod/web"; "" for any other host (website concepts/services-networking/dns-pod-service).
func serviceOf(host string) string {
	if parts := strings.Split(host, "."); len(parts) >= 3 && parts[2] == "svc" {
		return "service " + clip(parts[1]+"/"+parts[0])
	}
	return ""
}

// running are the nodes that have a component.
func (t *LogTies) running(component string) []*nodeAudit {
	return slices.DeleteFunc(slices.Clone(t.nodes), func(n *nodeAudit) bool {
		_, ok := n.inv.Component(component)
		return !ok
	})
}

// nodeAt returns the node that a host means to another one; nil for none in view.
func (t *LogTies) nodeAt(from *nodeAudit, host string) *nodeAudit {
	if from != nil {
		if from.inv.IsLoopback(host) || from.inv.IsOwn(host) {
			return from
		}
		n, _ := t.home[from].nodeAt(from.inv, host)
		return n
	}
	if a, err := netip.ParseAddr(host); err == nil && (a.IsLoopback() || a.IsUnspecified()) {
		return nil
	}
	var found *nodeAudit
	for _, n := range t.nodes {
		if n.isCalled(host) {
			if found != nil {
				return nil
			}
			found = n
		}
	}
	return found
}

// listener is the component of the node that serves with TLS at a port; "" for none.
func (n *nodeAudit) listener(port string) string {
	for _, e := range n.inv.Endpoints() {
		if _, p, err := net.SplitHostPort(e.Address); err == nil && p == port {
			return e.Component
		}
	}
	return ""
}
