package audit

import (
	"certaudit/audit/inventory"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"certaudit/parsers"
)

// trustedAs is the kind of CA that a server, and who calls it, are verified with.
var trustedAs = map[string]string{inventory.APIServer: inventory.RoleKubernetesCA, inventory.Kubelet: inventory.RoleKubernetesCA, inventory.Etcd: inventory.RoleEtcdCA}

// callers are all for whom the connection fails.
func (f rejection) callers() []caller {
	all := []caller{{f.client, f.connection.Label()}}
	if f.also != nil {
		all = append(all, *f.also...)
	}
	return all
}

// explained notes a failing connection in the findings that are its cause, if there are
// any: of one of the two nodes, or of the cluster.
func (p *clusterPass) explained(f rejection, ofCluster []int) bool {
	found := false
	note := func(cause *Finding) {
		found = true
		for _, c := range f.callers() {
			if !slices.Contains(cause.Breaks, c.label) {
				cause.Breaks = append(cause.Breaks, c.label)
			}
		}
	}
	for _, n := range []*nodeAudit{f.client, f.server} {
		for _, i := range p.byNode[n.name] {
			cause := &p.result.Findings[i]
			if f.toldBy(n, *cause) || slices.ContainsFunc(cause.Causes, func(c Consequence) bool {
				return f.toldBy(n, Finding{Check: c.Check, Severity: c.Severity, Path: c.Path, Line: c.Line, Field: c.Field, SHA256: c.SHA256})
			}) {
				note(cause)
			}
		}
	}
	server, _, _ := strings.Cut(f.connection.Server, " ")
	ca := roleNamed(trustedAs[server]).component
	for _, i := range ofCluster {
		cause := &p.result.Findings[i]
		switch cause.Check {
		case "cluster/ca-differs", "cluster/rotation":
			if f.fault == faultUntrusted && cause.Component == ca {
				note(cause)
			}
		case "cluster/copied-leaf":
			if f.presented != nil && cause.SHA256 == parsers.Fingerprint(f.presented) {
				note(cause)
			}
		}
	}
	return found
}

// toldBy reports whether a finding of one of the two nodes is the cause. The files of the
// other may have the same paths, and what is presented lies on one of them.
func (f rejection) toldBy(n *nodeAudit, cause Finding) bool {
	presents := f.server
	if f.byClient {
		presents = f.client
	}
	switch {
	case strings.HasPrefix(cause.Check, "connections/"):
		node, at := f.place()
		return f.client == f.server && slices.Contains(cause.Breaks, f.connection.Label()) || node == n && cause.Path == at.Path && cause.Field == at.Field
	case n != presents && cause.Path == f.offered.Path && !f.judges(cause.SHA256):
		return false
	}
	return f.explainedBy(cause)
}

// rejected are the connections that fail for one reason at one place.
type rejected struct {
	first   rejection
	node    *nodeAudit
	at      parsers.Origin
	clients []*nodeAudit
	servers []*nodeAudit
	labels  []string
	hosts   []string
}

// unexplainedRejections are the connections between nodes that fail although nothing
// else says why, one for each place where a fix starts.
func (p *clusterPass) unexplainedRejections(is func(rejection) bool) []*rejected {
	type place struct {
		node  *nodeAudit
		at    parsers.Origin
		fault fault
	}
	type said struct {
		place
		label string
	}
	byPlace, order, explained := map[place]*rejected{}, []*rejected{}, map[said]bool{}
	var ofCluster []int
	for i, cause := range p.result.Findings {
		if cause.Cluster == p.Name && (cause.Severity != Info || cause.Check == "cluster/copied-leaf") {
			ofCluster = append(ofCluster, i)
		}
	}
	for _, f := range p.refused {
		if !is(f) {
			continue
		}
		n, at := f.place()
		key := place{n, at, f.fault}
		r := byPlace[key]
		if r == nil {
			if label := (said{key, f.connection.Label()}); explained[label] || p.explained(f, ofCluster) {
				explained[label] = true
				continue
			}
			r = &rejected{first: f, node: n, at: at}
			byPlace[key] = r
			order = append(order, r)
		}
		for _, c := range f.callers() {
			r.clients = append(r.clients, c.node)
			if !slices.Contains(r.labels, c.label) {
				r.labels = append(r.labels, c.label)
			}
		}
		if len(r.servers) < maxListed && !slices.Contains(r.servers, f.server) {
			r.servers = append(r.servers, f.server)
		}
		r.hosts = union(r.hosts, []string{f.host})
	}
	for _, r := range order {
		slices.SortStableFunc(r.clients, func(a, b *nodeAudit) int { return cmp.Compare(a.name, b.name) })
		r.clients = slices.Compact(r.clients)
	}
	return order
}

func checkClusterServerName(p *clusterPass) {
	for _, m := range p.members {
		p.examined += len(m.edges)
	}
	for _, r := range p.unexplainedRejections(func(f rejection) bool { return f.fault == faultName }) {
		f := finding{severity: r.first.role.soften(Critical), component: componentOf(r.first.connection.Server), at: r.at,
			message: fmt.Sprintf("%s on %s: it is dialled as %s, and %s; expected the name that others call it by in the certificate",
				strings.Join(clipAll(r.labels), ", "), namesOfNodes(r.clients), joinOr(clipAll(r.hosts)), r.first.reason),
			remedy: remedy{"# have the certificate issued with this name" + r.node.whereNames(componentOf(r.first.connection.Server)),
				fmt.Sprintf("# or, if the name is wrong, correct it where it is dialled: %s on %s", where(r.first.dialled), r.clients[0].name)}}
		if r.first.presented != nil {
			f.sha256 = parsers.Fingerprint(r.first.presented)
		}
		p.report(r.node, f).Breaks = r.labels
	}
}

func checkClusterRefused(p *clusterPass) {
	for _, m := range p.members {
		p.examined += len(m.edges)
	}
	p.foreignSigners()
	for _, r := range p.unexplainedRejections(func(f rejection) bool { return f.fault != faultName }) {
		who := "the client on %s refuses the server on %s"
		if r.first.byClient {
			who = "the client on %s is refused by the server on %s"
		}
		f := finding{severity: r.first.role.soften(Critical), component: componentOf(r.first.connection.Client), at: r.at,
			message: fmt.Sprintf("%s: "+who+": %s", strings.Join(clipAll(r.labels), ", "), namesOfNodes(r.clients), namesOfNodes(r.servers), r.first.reason),
			remedy:  remedy{fixes[r.first.fault]}}
		switch {
		case r.first.fault == faultIdentity:
			f.remedy = remedy{"# have the server accept this name, or reissue the client's certificate"}
		case r.first.fault == faultUntrusted && r.first.byClient:
			f.remedy = remedy{"# put the CA that signed the client's certificate into what the server verifies with, or have the right CA sign it"}
		}
		p.report(r.node, f).Breaks = r.labels
	}
}

// componentOf is the component of an end of a connection.
func componentOf(end string) string {
	component, _, _ := strings.Cut(end, " ")
	return component
}

// foreignSigners reports controller managers whose certificates the API server of
// another node does not accept.
func (p *clusterPass) foreignSigners() {
	servers := oneOfEach(slices.DeleteFunc(slices.Clone(p.members), func(n *nodeAudit) bool {
		_, runs := n.inv.Component(inventory.APIServer)
		return !runs
	}), func(n *nodeAudit) string {
		sum := sumOf(n.apiServerClients("").certs)
		return string(sum[:])
	})
	noted := map[[2]*nodeAudit]bool{}
	for _, n := range p.members {
		for _, ref := range n.inv.References {
			certs := n.inv.Material(ref).Certificates
			if ref.Holds != inventory.HoldsSigner || !signsClients(ref.Name) || len(certs) != 1 {
				continue
			}
			p.examine()
			for _, m := range servers {
				a := m.apiServerClients("")
				if m == n || len(a.certs) == 0 {
					continue
				}
				h := verification{verdict: VerdictBroken, at: a.at}
				h.verifySigner(certs[0].Certificate, a, p.at)
				f := rejection{client: n, server: m, verification: h, byClient: true}
				f.connection = Connection{Client: "certificates signed by kube-controller-manager", Server: inventory.APIServer}
				if pair := [2]*nodeAudit{n, m}; h.verdict == VerdictBroken && n.signerTrusted(ref).verdict != VerdictBroken && !noted[pair] {
					noted[pair] = true
					p.refused = append(p.refused, f)
				}
			}
		}
	}
}

// givenOut are the flags by which a member of etcd gives out its addresses, and the roles
// of what it serves there.
var givenOut = []struct{ flag, role string }{
	{"initial-advertise-peer-urls", inventory.RoleEtcdPeer},
	{"advertise-client-urls", inventory.RoleEtcdServing},
}

func checkClusterEtcd(p *clusterPass) {
	names, urls := map[string][]*nodeAudit{}, map[string][]*nodeAudit{}
	var members []*nodeAudit
	for _, n := range p.members {
		if _, ok := n.inv.Component(inventory.Etcd); !ok {
			continue
		}
		p.examine()
		members = append(members, n)
		name := n.inv.Setting(inventory.Etcd, "name").Value
		names[name] = append(names[name], n)
		for _, g := range givenOut {
			for u := range strings.SplitSeq(n.inv.Setting(inventory.Etcd, g.flag).Value, ",") {
				u = strings.TrimSpace(u)
				if host := parsers.HostOf(u); host != "" && !n.inv.IsLoopback(host) && !slices.Contains(urls[u], n) {
					urls[u] = append(urls[u], n)
				}
			}
		}
	}
	p.sharedNames(members, names)
	p.sharedURLs(members, urls)
	p.listedOtherwise(members, names)
}

// sharedNames reports members that have the name of another one. It is that of the one
// that lists itself by it.
func (p *clusterPass) sharedNames(members []*nodeAudit, names map[string][]*nodeAudit) {
	for _, n := range members {
		setting := n.inv.Setting(inventory.Etcd, "name")
		alike := names[setting.Value]
		if setting.Value == "" || len(alike) < 2 || n == alike[max(0, slices.IndexFunc(alike, (*nodeAudit).listsItself))] {
			continue
		}
		others := slices.DeleteFunc(slices.Clone(alike), func(o *nodeAudit) bool { return o == n })
		p.report(n, finding{severity: Warning, component: inventory.Etcd, at: setting.Origin,
			message: fmt.Sprintf("calls this member %q, as %s the etcd of %s; expected a name of its own for each member: one that starts without data takes the address that --initial-cluster has for its name", clip(setting.Value), have(len(others), "does", "do"), namesOfNodes(others)),
			remedy:  remedy{"# set --name to what etcdctl member list calls the member at this node's address"}})
	}
}

// listsItself reports whether a member of etcd has its name and address in its own list.
func (n *nodeAudit) listsItself() bool {
	own, _ := bounded(parsers.List(n.inv.Setting(inventory.Etcd, "initial-advertise-peer-urls").Value), maxListed)
	return slices.ContainsFunc(own, func(u string) bool {
		return slices.Contains(n.inv.EtcdMembers(), n.inv.Setting(inventory.Etcd, "name").Value+"="+u)
	})
}

// sharedURLs reports members that give out an address of another one as theirs. That the
// certificate of such a member lacks the address is as it should be.
func (p *clusterPass) sharedURLs(members []*nodeAudit, urls map[string][]*nodeAudit) {
	for _, n := range members {
		for _, g := range givenOut {
			setting := n.inv.Setting(inventory.Etcd, g.flag)
			for u := range strings.SplitSeq(setting.Value, ",") {
				if u = strings.TrimSpace(u); len(urls[u]) < 2 || n == ownerOf(u, urls[u]) {
					continue
				}
				others := slices.DeleteFunc(slices.Clone(urls[u]), func(o *nodeAudit) bool { return o == n })
				f := p.report(n, finding{severity: Warning, component: inventory.Etcd, at: setting.Origin,
					message: fmt.Sprintf("gives out %s as its own address, as %s the etcd of %s; expected an address of its own for each member: who dials it reaches one of them", clip(u), have(len(others), "does", "do"), namesOfNodes(others)),
					remedy:  remedy{"# correct --" + g.flag + " where it is not the node's; of a member that has joined, etcdctl member update changes the address that the others dial"}})
				for e := range n.decoded(func(e *entry) bool {
					return e.role.name == g.role && e.index == 0 && e.cert.VerifyHostname(parsers.HostOf(u)) != nil
				}) {
					f.absorb(p.result, p.byNode[n.name], e)
				}
			}
		}
	}
}

// ownerOf is the member among some that listens at a URL, else the first of them.
func ownerOf(u string, members []*nodeAudit) *nodeAudit {
	i := slices.IndexFunc(members, func(m *nodeAudit) bool {
		listens := m.inv.Setting(inventory.Etcd, "listen-client-urls").Value + "," + m.inv.Setting(inventory.Etcd, "listen-peer-urls").Value
		return slices.Contains(parsers.List(listens), u)
	})
	return members[max(i, 0)]
}

// listedOtherwise reports members that others list under another address than they give
// out. etcd reads the list only as it starts without data, and kubeadm leaves it as it
// was when the node joined.
func (p *clusterPass) listedOtherwise(members []*nodeAudit, names map[string][]*nodeAudit) {
	for _, n := range members {
		setting := n.inv.Setting(inventory.Etcd, "initial-cluster")
		listed, _ := bounded(n.inv.EtcdMembers(), maxListed)
		for _, entry := range listed {
			name, u, ok := strings.Cut(entry, "=")
			if !ok || len(names[name]) != 1 {
				continue
			}
			m := names[name][0]
			own := parsers.List(m.inv.Setting(inventory.Etcd, "initial-advertise-peer-urls").Value)
			if len(own) == 0 || slices.Contains(own, u) || slices.ContainsFunc(own, func(o string) bool {
				return n.inv.SameHost(parsers.HostOf(o), parsers.HostOf(u)) && parsers.PortOf(o) == parsers.PortOf(u) && isPlain(o) == isPlain(u)
			}) {
				continue
			}
			f := finding{severity: Info, component: inventory.Etcd, at: setting.Origin,
				message: fmt.Sprintf("lists the member %q at %s, and the etcd of %s, which has the name, gives out %s. etcd reads the list only if it starts without data: then it would not find its cluster",
					clip(name), clip(u), m.shown(), strings.Join(clipAll(own), ", ")),
				remedy: remedy{"# compare with etcdctl member list; correct --initial-cluster before this member starts with an empty data folder"}}
			if m == n {
				f.severity = Warning
			}
			p.report(n, f)
		}
	}
}
