package audit

import (
	"fmt"
	"slices"
	"strings"

	"certaudit/audit/inventory"
	"certaudit/parsers"
)

// nodeList is what a file or stream holds of the Node objects of a cluster.
type nodeList struct {
	path  string
	nodes []parsers.NodeObject
	// listed are the members of the cluster that are among them, by the place of their
	// object in nodes.
	listed map[int]*nodeAudit
	// absent are those that are no member of the cluster.
	absent []parsers.NodeObject
}

// hasNodeObjects reports whether Node objects are among the input.
func hasNodeObjects(audits []*nodeAudit) bool {
	return slices.ContainsFunc(audits, func(n *nodeAudit) bool { return len(n.inv.Nodes) > 0 })
}

// nodeLists returns the lists of Node objects that are of the cluster: those that have a
// member of it by its name, and none of another cluster. Of the others it is said that
// they were not used.
func (p *clusterPass) nodeLists() []nodeList {
	byPath, paths := map[string][]parsers.NodeObject{}, []string{}
	for _, n := range p.nodes {
		for _, o := range n.inv.Nodes {
			if byPath[o.Origin.Path] == nil {
				paths = append(paths, o.Origin.Path)
			}
			byPath[o.Origin.Path] = append(byPath[o.Origin.Path], o)
		}
	}
	paths, more := bounded(paths, maxListed)
	if more > 0 {
		p.unjudged("%d more files of Node objects were not used", more)
	}
	var lists []nodeList
	for _, path := range paths {
		own := p.listOf(path, byPath[path])
		if len(own.listed) == 0 {
			p.unjudged("no Node object of %s is a node of this cluster by its name: they are of another one, and were not used", clip(path))
			continue
		}
		if slices.ContainsFunc(p.clusters, func(c *clusterAudit) bool {
			return c != p.clusterAudit && len(c.listOf(path, byPath[path]).listed) > 0
		}) {
			p.unjudged("the Node objects of %s have names of nodes of several clusters; which one's they are is not known, and they were not used", clip(path))
			continue
		}
		lists = append(lists, own)
	}
	return lists
}

// listOf holds Node objects against the members of the cluster.
func (c *clusterAudit) listOf(path string, nodes []parsers.NodeObject) nodeList {
	l := nodeList{path: path, nodes: nodes, listed: map[int]*nodeAudit{}}
	byName := map[string]*nodeAudit{}
	for _, n := range c.members {
		_, hasKubelet := n.inv.Component(inventory.Kubelet)
		if name := n.registers(); name != "" {
			byName[name] = n
		} else if hasKubelet {
			byName[n.ownName()] = n
		}
	}
	for i, o := range nodes {
		if n := byName[o.Name]; n != nil {
			l.listed[i] = n
		} else {
			l.absent = append(l.absent, o)
		}
	}
	return l
}

// registers is the name by which a node's kubelet registers; "" where it is not known, or
// the node has no kubelet that is a client of the cluster.
func (n *nodeAudit) registers() string {
	for e := range n.decoded(func(e *entry) bool { return e.role.name == inventory.RoleKubeletClient && e.index == 0 }) {
		if name, ok := strings.CutPrefix(e.cert.Subject.CommonName, "system:node:"); ok {
			return name // that of the Node: the authorizer lets it write no other
		}
	}
	return ""
}

// absentNodes returns the names of the Nodes that are not among the input by the names and
// addresses that their objects give them.
func (p *clusterPass) absentNodes(lists []nodeList) map[string]string {
	names := map[string]string{}
	for _, l := range lists {
		for _, o := range l.absent {
			for _, address := range o.Addresses {
				names[parsers.CanonicalHost(address)] = parsers.CanonicalHost(o.Name)
			}
		}
	}
	return names
}

// reportUnlisted reports the nodes of a cluster that its list of Node objects has not.
func (p *clusterPass) reportUnlisted(l nodeList) {
	var unlisted []*nodeAudit
	listed := map[string]bool{}
	for _, o := range l.nodes {
		listed[o.Name] = true
	}
	for _, n := range p.members {
		name := n.registers()
		if name == "" {
			continue
		}
		p.examine()
		if !listed[name] {
			unlisted = append(unlisted, n)
		}
	}
	if len(unlisted) == 0 {
		return
	}
	p.report(nil, finding{at: parsers.Origin{Path: l.path},
		message: fmt.Sprintf("%s %s not among the %s: removed or renamed since, not registered yet, or left out of the list. Expected the Node objects of all nodes",
			namesOfNodes(unlisted), have(len(unlisted), "is", "are"), plural(len(l.nodes), "Node object")),
		remedy: remedy{"# kubectl get nodes shows what is registered; leave out nodes that are no longer of the cluster, and revoke what they still hold"}})
}

// maxBehind is how many minor versions a kubelet may be older than an API server
// (https://kubernetes.io/releases/version-skew-policy/#kubelet).
func maxBehind(kubelet string) int {
	if isOlder(kubelet, "v1.25.0-0") {
		return 2
	}
	return 3
}

// kubeletSkew reports the kubelets of Node objects that the API servers of the cluster, of
// which the oldest and the newest are given, do not support. nil is for no API server of
// which the version is known.
func (p *clusterPass) kubeletSkew(oldest, newest *nodeAudit) {
	for _, l := range p.nodeLists() {
		if oldest == nil {
			p.unjudged("the version of no API server is known, and the kubelets of %s were not held against it", clip(l.path))
			continue
		}
		var newer, ahead, behind []parsers.NodeObject
		for i, o := range l.nodes {
			v := canonicalVersion(o.KubeletVersion)
			if v == "" {
				p.unjudged("the version of the kubelet is not known of some Node objects of %s", clip(l.path))
				continue
			}
			p.examine()
			switch own := l.listed[i]; {
			case isMinorOlder(v, olderBy(serverVersion(newest), maxBehind(v))):
				behind = append(behind, o)
			case !isMinorOlder(serverVersion(oldest), v):
			case own != nil && serverVersion(own) != "" && !isMinorOlder(serverVersion(own), v):
				ahead = append(ahead, o)
			default:
				newer = append(newer, o)
			}
		}
		p.reportKubelets(Warning, newer, oldest, "a kubelet must not be newer than any API server that it may reach", "# upgrade the API servers, one minor version after the other: "+sourceSkew)
		p.reportKubelets(Info, ahead, oldest, "no newer than the API server of its own node, as in the middle of an upgrade; expected that all API servers are upgraded before the kubelets", "# upgrade the other API servers next: "+sourceSkew)
		p.reportKubelets(Warning, behind, newest, "a kubelet may be at most three minor versions older than an API server, and two where it is older than 1.25", "# upgrade these kubelets, one minor version after the other: "+sourceSkew)
	}
}

// reportKubelets reports kubelets that do not go with the API server of a node.
func (p *clusterPass) reportKubelets(s Severity, nodes []parsers.NodeObject, server *nodeAudit, expected, fix string) {
	if len(nodes) == 0 {
		return
	}
	var list []string
	for _, o := range nodes {
		list = append(list, fmt.Sprintf("%s (%s)", clip(o.Name), clip(o.KubeletVersion)))
	}
	p.report(nil, finding{severity: s, component: inventory.Kubelet, at: nodes[0].Origin,
		message: fmt.Sprintf("%s of Node objects: %s; the API server of %s is %s: %s",
			plural(len(nodes), "kubelet"), strings.Join(clipAll(list), ", "), server.shown(), serverVersion(server), expected),
		remedy: remedy{fix}})
}
