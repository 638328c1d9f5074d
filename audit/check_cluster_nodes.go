package audit

import (
	"certaudit/audit/inventory"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"certaudit/parsers"
)

// demand is a flag of the API server that says whom it lets in, and as whom.
type demand struct {
	flag     string
	severity Severity
	// isSet: the order of its words says nothing. Presence: it names a file, of which only
	// that there is one can be compared.
	isSet, presence bool
	// of is a flag without which this one says nothing: only the servers that have it are
	// compared; "" for none.
	of string
	// unset is what holds where the flag is not set, for a default that follows from other
	// flags; nil for any other.
	unset func(inventory.Component) string
	why   string
}

// demands are what the API servers of a cluster must agree in, since a client may reach
// any of them.
var demands = []demand{
	{flag: "anonymous-auth", severity: Warning, why: "who shows nothing is let in by one and refused by the other"},
	{flag: "client-ca-file", severity: Critical, presence: true, why: "one takes certificates, and to the other everybody is anonymous"},
	{flag: "requestheader-client-ca-file", severity: Warning, presence: true, why: "only one believes the front proxy"},
	{flag: "requestheader-allowed-names", severity: Warning, isSet: true, why: "a front proxy that one believes is refused by the other"},
	{flag: "requestheader-username-headers", severity: Warning, why: "the two read the user from different headers"},
	{flag: "requestheader-group-headers", severity: Warning, why: "the two read the groups from different headers"},
	{flag: "requestheader-extra-headers-prefix", severity: Warning, why: "the two read different headers"},
	{flag: "authorization-mode", severity: Warning, isSet: true, why: "the same certificate may do different things"},
	{flag: "authorization-config", severity: Warning, presence: true, why: "the same certificate may do different things"},
	{flag: "authentication-config", severity: Warning, presence: true, why: "they let in different clients"},
	{flag: "enable-admission-plugins", severity: Warning, isSet: true, why: "NodeRestriction and the plugins that guard certificate requests hold only where they are on"},
	{flag: "disable-admission-plugins", severity: Warning, isSet: true, why: "NodeRestriction and the plugins that guard certificate requests hold only where they are on"},
	{flag: "enable-bootstrap-token-auth", severity: Warning, why: "a node that joins is let in by one and refused by the other"},
	{flag: oidcIssuer, severity: Warning, why: "people who log in are let in by one and refused by the other"},
	{flag: "oidc-client-id", of: oidcIssuer, severity: Warning, why: "people who log in are let in by one and refused by the other"},
	{flag: "oidc-ca-file", of: oidcIssuer, severity: Warning, presence: true, why: "people who log in are let in by one and refused by the other"},
	{flag: "oidc-username-claim", of: oidcIssuer, severity: Warning, why: "the same person is another user to each"},
	{flag: "oidc-username-prefix", of: oidcIssuer, severity: Warning, unset: usernamePrefix, why: "the same person is another user to each"},
	{flag: "oidc-groups-claim", of: oidcIssuer, severity: Warning, why: "the same person is in other groups for each"},
	{flag: "oidc-groups-prefix", of: "oidc-groups-claim", severity: Warning, why: "the same person is in other groups for each"},
	{flag: "oidc-required-claim", of: oidcIssuer, severity: Warning, isSet: true, why: "people who log in are let in by one and refused by the other"},
	{flag: "oidc-signing-algs", of: oidcIssuer, severity: Warning, isSet: true, why: "people who log in are let in by one and refused by the other"},
	{flag: "api-audiences", severity: Warning, isSet: true, unset: audiences, why: "a token that is made for one is refused by the other"},
	{flag: "token-auth-file", severity: Warning, presence: true, why: "they let in different clients"},
	{flag: "authentication-token-webhook-config-file", severity: Warning, presence: true, why: "they let in different clients"},
	{flag: "authorization-webhook-config-file", severity: Warning, presence: true, why: "the same certificate may do different things"},
	{flag: "tls-min-version", severity: Warning, why: "a client that speaks an older TLS is taken by one and refused by the other"},
	{flag: "tls-cipher-suites", severity: Warning, isSet: true, why: "a client that one takes may be refused by the other"},
	{flag: encryptionConfig, severity: Critical, presence: true, why: "what one writes encrypted the other cannot read, the keys of TLS Secrets among them"},
}

// admissionOfCertificates are the plugins whose presence concerns certificates.
var admissionOfCertificates = []string{"NodeRestriction", "CertificateApproval", "CertificateSigning", "CertificateSubjectRestriction"}

const oidcIssuer = "oidc-issuer-url"

// usernamePrefix is what users are called with where no prefix is set, and "-" for nothing
// (kubernetes pkg/kubeapiserver/options/authentication.go ToAuthenticationConfig).
func usernamePrefix(c inventory.Component) string {
	if c.InEffect("oidc-username-claim") == "email" {
		return "-"
	}
	return c.InEffect(oidcIssuer) + "#"
}

// audiences are those of an API server that names none: its issuers (as above).
func audiences(c inventory.Component) string {
	if old := c.Setting("service-account-api-audiences").Value; old != "" {
		return old
	}
	_, issuers := issuersOf(c)
	return strings.Join(issuers, ",")
}

func (d demand) value(c inventory.Component) string {
	value := c.InEffect(d.flag)
	if d.isSet && value != "" {
		value = strings.Join(c.All(d.flag), ",")
	}
	if value == "" && d.unset != nil {
		value = d.unset(c)
	}
	switch {
	case d.presence && value != "":
		return "a file"
	case d.isSet:
		words := parsers.List(value)
		if strings.HasSuffix(d.flag, "admission-plugins") {
			words = slices.DeleteFunc(words, func(w string) bool { return !slices.Contains(admissionOfCertificates, w) })
		}
		slices.Sort(words)
		return strings.Join(slices.Compact(words), ",")
	}
	return value
}

// compared are the servers of which a flag says something; nil where none of them sets it, and
// what follows from other flags is compared with those.
func (d demand) compared(servers []*nodeAudit) []*nodeAudit {
	without := func(flag string) func(*nodeAudit) bool {
		return func(n *nodeAudit) bool {
			c, _ := n.inv.Component(inventory.APIServer)
			return c.InEffect(flag) == ""
		}
	}
	if d.of != "" {
		servers = slices.DeleteFunc(slices.Clone(servers), without(d.of))
	}
	if d.unset != nil && len(slices.DeleteFunc(slices.Clone(servers), without(d.flag))) == 0 {
		return nil
	}
	return servers
}

func checkSettingsDiffer(p *clusterPass) {
	var servers []*nodeAudit
	for _, n := range p.members {
		c, runs := n.inv.Component(inventory.APIServer)
		if !runs {
			continue
		}
		if whole, reason := isWhole(n.inv, c); !whole {
			p.unjudged("%s: %s", n.name, reason)
			continue
		}
		p.examine()
		servers = append(servers, n)
	}
	plain := p.encryptionDiffers(servers)
	for _, d := range demands {
		if d.flag == encryptionConfig {
			p.demandDiffers(d, plain) // the others were compared by their keys
			continue
		}
		p.demandDiffers(d, d.compared(servers))
	}
}

// demandDiffers reports a flag that some API servers have otherwise than most.
func (p *clusterPass) demandDiffers(d demand, servers []*nodeAudit) {
	byValue, values := map[string][]*nodeAudit{}, []string{}
	for _, n := range servers {
		c, _ := n.inv.Component(inventory.APIServer)
		value := d.value(c)
		if byValue[value] == nil {
			values = append(values, value)
		}
		byValue[value] = append(byValue[value], n)
	}
	if len(values) < 2 {
		return
	}
	slices.SortStableFunc(values, func(a, b string) int { return cmp.Compare(len(byValue[b]), len(byValue[a])) })
	told := func(n *nodeAudit) *Finding {
		return p.told(n, func(f Finding) bool { return strings.HasPrefix(f.Check, "flags/") && f.Field == "--"+d.flag })
	}
	for _, value := range values[1:min(len(values), maxListed)] {
		few, most := byValue[value], byValue[values[0]]
		n := few[max(0, slices.IndexFunc(few, func(n *nodeAudit) bool { return told(n) == nil }))]
		c, _ := n.inv.Component(inventory.APIServer)
		p.report(n, finding{severity: d.severity, component: inventory.APIServer, at: cmp.Or(c.Setting(d.flag).Origin, c.Origin),
			message: fmt.Sprintf("--%s is %s on %s and %s on %s: %s; expected the same on every API server", d.flag, valueWords(value), namesOfNodes(few), valueWords(values[0]), namesOfNodes(most), d.why),
			remedy:  remedy{fmt.Sprintf("# set --%s on every control plane as it is meant to be, one node at a time; of kubeadm: apiServer.extraArgs in the ConfigMap kubeadm-config as well", d.flag)}})
		p.follow(told(n))
	}
}

func valueWords(value string) string {
	if value == "" {
		return "not set"
	}
	return clip(value)
}

func checkVersionSkew(p *clusterPass) {
	var oldest, newest *nodeAudit
	for _, n := range p.members {
		c, _ := n.inv.Component(inventory.APIServer)
		v := imageVersion(c.Image.Value)
		if v == "" {
			continue
		}
		p.examine()
		if oldest == nil || isOlder(v, serverVersion(oldest)) {
			oldest = n
		}
		if newest == nil || isOlder(serverVersion(newest), v) {
			newest = n
		}
	}
	p.kubeletSkew(oldest, newest)
	if oldest == nil || !isOlder(serverVersion(oldest), olderBy(serverVersion(newest), 1)) {
		return
	}
	c, _ := oldest.inv.Component(inventory.APIServer)
	p.report(oldest, finding{component: inventory.APIServer, at: c.Image.Origin,
		message: fmt.Sprintf("the API server of %s is %s, and that of %s %s; expected at most one minor version between them: the rules by which requests for certificates are admitted and signed, and the groups that kubeadm puts into certificates, are those of the version that is reached",
			oldest.name, serverVersion(oldest), newest.shown(), serverVersion(newest)),
		remedy: remedy{"# finish the upgrade: kubeadm upgrade node on " + shellComment(oldest.name) + ", one minor version after the other"}})
}

// shellComment is a name of the input's as a comment may hold it.
func shellComment(name string) string {
	if !quotable(name) {
		return "that node"
	}
	return name
}

func serverVersion(n *nodeAudit) string {
	c, _ := n.inv.Component(inventory.APIServer)
	return imageVersion(c.Image.Value)
}

// checkKubeletBehind reports kubelets that do not rotate in a cluster where others do.
// What a kubelet that rotates has missed, validity/rotation-overdue says.
func checkKubeletBehind(p *clusterPass) {
	var rotating []*nodeAudit
	type still struct {
		node *nodeAudit
		e    *entry
	}
	var left []still
	for _, n := range p.members {
		for e := range n.decoded(func(e *entry) bool { return e.role.name == inventory.RoleKubeletClient && e.index == 0 }) {
			p.examine()
			switch {
			case n.rotates(e):
				rotating = append(rotating, n)
			case n.now.After(rotationBegin(e.cert.Certificate)) && !e.expired(n.now) && !n.told(e):
				left = append(left, still{n, e})
			}
			break
		}
	}
	if len(rotating) == 0 {
		return
	}
	for _, s := range left {
		p.reportEntry(s.node, s.e, finding{
			message: fmt.Sprintf("is past 70 %% of its life and ends on %s, in %s, and this kubelet does not rotate it, as %s of this cluster do; the node drops out on that day",
				instant(s.e.cert.NotAfter), roughly(max(s.e.cert.NotAfter.Sub(p.at), time.Minute)), plural(len(rotating), "other kubelet")),
			remedy: remedy{"# set rotateCertificates: true in the kubelet's configuration, and have kubelet.conf name /var/lib/kubelet/pki/kubelet-client-current.pem"}})
	}
}

// told reports whether something was found about the dates of an entry on its node.
func (n *nodeAudit) told(e *entry) bool {
	return slices.ContainsFunc(n.earlier, func(f Finding) bool {
		return f.SHA256 == e.cert.SHA256() && strings.HasPrefix(f.Check, "validity/") || f.Check == "kubelet/embedded-client"
	})
}

// maxNamed bounds the hosts that one finding lists.
const maxNamed = 1000

// checkNotInView lists what the nodes speak of as nodes and that is not among them.
func checkNotInView(p *clusterPass) {
	named, order := map[string][]string{}, []string{}
	lists := p.nodeLists()
	nodeOf := p.absentNodes(lists)
	add := func(n *nodeAudit, host, what string) {
		p.examine()
		if host == "" || n.inv.IsLoopback(host) || len(order) >= maxNamed {
			return
		}
		if _, known := p.everybody.nodeAt(n.inv, host); known {
			return
		}
		host = parsers.CanonicalHost(host)
		host = cmp.Or(nodeOf[host], host)
		if named[host] == nil {
			order = append(order, host)
		}
		named[host] = union(named[host], []string{what})
	}
	for _, l := range lists {
		p.reportUnlisted(l)
		for _, o := range l.absent {
			if !slices.ContainsFunc(o.Addresses, func(address string) bool { _, known := p.nodeAt(p.members[0].inv, address); return known }) {
				add(p.members[0], o.Name, "a Node object")
			}
		}
	}
	here := p.etcdNames()
	for _, n := range p.members {
		members, _ := bounded(n.inv.EtcdMembers(), maxListed)
		for _, member := range members {
			if name, u, _ := strings.Cut(member, "="); !here[name] { // else cluster/etcd-members tells of its address
				add(n, parsers.HostOf(u), "a member of etcd")
			}
		}
		urls, _ := bounded(n.inv.EtcdServers(), maxListed)
		for _, u := range urls {
			if !strings.HasPrefix(u.Value, "unix:") {
				add(n, parsers.HostOf(u.Value), "etcd to kube-apiserver")
			}
		}
		for i := range n.edges {
			if e := &n.edges[i]; e.far.component == inventory.APIServer && e.serverSide.verdict == VerdictUnknown {
				add(n, hostDialled(e), "an API server to "+componentOf(e.Client))
			}
		}
	}
	if len(order) == 0 {
		return
	}
	slices.Sort(order)
	var list []string
	for _, host := range order {
		slices.Sort(named[host])
		list = append(list, fmt.Sprintf("%s (%s)", clip(host), strings.Join(named[host], ", ")))
	}
	p.report(nil, finding{message: fmt.Sprintf("%s named by the nodes of this cluster%s and not among them: %s; what is there was not judged", plural(len(order), "host")+" "+have(len(order), "is", "are"), orItsList(lists), strings.Join(clipAll(list), ", ")),
		remedy: remedy{"# audit these nodes as well, or take them out of what names them"}})
}

// orItsList names the other source of hosts, where there is one.
func orItsList(lists []nodeList) string {
	if len(lists) == 0 {
		return ""
	}
	return " or its Node objects"
}

// etcdNames are the names of the members of etcd that are there.
func (c *clusterAudit) etcdNames() map[string]bool {
	names := map[string]bool{}
	for _, n := range c.members {
		if _, ok := n.inv.Component(inventory.Etcd); ok {
			names[n.inv.Setting(inventory.Etcd, "name").Value] = true
		}
	}
	return names
}
