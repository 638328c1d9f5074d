package audit

import (
	"cmp"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"

	"certaudit/audit/inventory"
	"certaudit/parsers"
)

// callsOwnServer are the roles whose kubeconfigs lead to this node's API server
// or to the balancer in front of all of them.
var callsOwnServer = map[string]bool{inventory.RoleAdmin: true, inventory.RoleSuperAdmin: true, inventory.RoleControllerClient: true,
	inventory.RoleSchedulerClient: true, inventory.RoleKubeletClient: true}

// localCallers are the roles whose kubeconfigs kubeadm points at the API server
// beside them, since 1.20 (kubernetes#94398); callsEndpoint are those that it points
// at what is in front of all, and farCallers those that have a reason to go there.
var (
	localCallers  = map[string]bool{inventory.RoleControllerClient: true, inventory.RoleSchedulerClient: true, inventory.RoleProxyClient: true}
	callsEndpoint = map[string]bool{inventory.RoleAdmin: true, inventory.RoleSuperAdmin: true}
	farCallers    = map[string]bool{inventory.RoleAdmin: true, inventory.RoleSuperAdmin: true, inventory.RoleKubeletClient: true}
)

// calls reports whether a kubeconfig of one of some roles dials a host.
func calls(inv *inventory.Inventory, roles map[string]bool, host string) bool {
	return slices.ContainsFunc(inv.References, func(ref inventory.Reference) bool { return roles[ref.Role] && inv.SameHost(called(inv, ref), host) })
}

// called is the host that a kubeconfig in use dials; "" where there is none or
// it is not verified.
func called(inv *inventory.Inventory, ref inventory.Reference) string {
	cluster, _, ok := inv.Kubeconfigs[ref.Path].Current()
	if ref.Holds != inventory.HoldsKubeconfig || !ok || cluster.InsecureSkipTLSVerify {
		return ""
	}
	return hostOf(cluster)
}

// hostOf is the host by which the server of a kubeconfig's cluster is verified.
func hostOf(c parsers.KubeCluster) string {
	if c.TLSServerName.Value != "" {
		return c.TLSServerName.Value
	}
	return parsers.HostOf(c.Server.Value)
}

// serverHosts are the names by which the kubeconfigs of this node call the API
// server that runs on it. One that calls another member of the control plane, or
// an address that the node no longer has, says nothing of this one's certificate.
func serverHosts(inv *inventory.Inventory, profile string) []string {
	var hosts []string
	for _, ref := range inv.References {
		host := called(inv, ref)
		if host == "" || !callsOwnServer[ref.Role] || elsewhere(inv, profile, host) != "" || isFormer(inv, profile, host) {
			continue
		}
		if _, apart := inv.SNIReference(host); apart || inv.MayServeApart(host) {
			continue // another certificate is served to who calls it so
		}
		if !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	slices.Sort(hosts)
	return hosts
}

// elsewhere says why those who dial a host do not reach the API server of this
// node; "" where they do or may, as through a balancer.
func elsewhere(inv *inventory.Inventory, profile, host string) string {
	c, runs := inv.Component(inventory.APIServer)
	switch {
	case c.Assumed:
		return "what the API server is started with was not read, and so not where it listens"
	case !runs && isUnread(inv, inventory.APIServer):
		return "what starts the API server was not read"
	case !runs && host != "" && inv.IsOwn(host):
		return fmt.Sprintf("what listens at %s on this node is not known", host)
	case !runs:
		return notHere(inv, "the API server")
	case host == "" || inv.IsOwn(host):
		return ""
	}
	if isMember(inv, host) {
		return fmt.Sprintf("%s is another member of the control plane", host)
	}
	addresses, at := inv.Resolve(host)
	if at == (parsers.Origin{}) || profile == ProfileKubeadm || holdsName(inv, host) {
		return "" // the DNS may say anything, and kubeadm's kubeconfigs lead here or to the balancer
	}
	return fmt.Sprintf("%s is %s by %s, which nothing here gives to this node", host, joinOr(texts(addresses)), where(at))
}

// notHere says that an end is not on the node or, where what would start it could
// not be read, that nobody knows.
func notHere(inv *inventory.Inventory, what string) string {
	for _, p := range inv.Problems {
		if p.Kind == inventory.KindUnreadable && (p.Origin.Path == inv.ManifestDir || path.Dir(p.Origin.Path) == inv.ManifestDir) {
			return fmt.Sprintf("whether %s is on this node cannot be told: %s %s", what, p.Origin.Path, p.Detail)
		}
	}
	return what + " is not on this node"
}

// holdsName reports whether the API server of this node shows a certificate with
// a name or address to those who dial it.
func holdsName(inv *inventory.Inventory, host string) bool {
	ref, ok := inv.ReferenceOf(inventory.APIServer, "tls-cert-file")
	if sni, picked := inv.SNIReference(host); picked {
		ref, ok = sni, true
	}
	certs := inv.Material(ref).Certificates
	return ok && len(certs) > 0 && certs[0].VerifyHostname(host) == nil
}

// isFormer reports whether an address that kubeconfigs dial is one that the node
// had: it is none of the node's now, a component calls it that has no reason to
// leave the node, and those that would call a balancer do not. That the address
// which is given out now is the right one, others say: a kubeconfig that calls it,
// or the certificate of the API server.
func isFormer(inv *inventory.Inventory, profile, host string) bool {
	own := inv.AdvertiseAddress()
	if own == "" || !parsers.IsAddress(host) || inv.IsOwn(host) || elsewhere(inv, profile, host) != "" || !calls(inv, localCallers, host) {
		return false
	}
	if !holdsName(inv, own) && !calls(inv, callsOwnServer, own) {
		return false
	}
	if profile == ProfileKubeadm {
		return !calls(inv, callsEndpoint, host)
	}
	return !calls(inv, farCallers, host) && !(holdsName(inv, host) && holdsName(inv, own))
}

// otherMembers are the hosts of the etcd members that are not this one.
func otherMembers(inv *inventory.Inventory) []string {
	own := inventory.URLHosts(inv.Setting("etcd", "initial-advertise-peer-urls").Value)
	members, _ := bounded(inv.EtcdMembers(), maxListed)
	var others []string
	for _, member := range members {
		_, u, _ := strings.Cut(member, "=")
		host := parsers.HostOf(u)
		if host != "" && !slices.ContainsFunc(own, func(o string) bool { return inv.SameHost(o, host) }) {
			others = append(others, host)
		}
	}
	return others
}

// listensAt reports whether the etcd of this node can be reached at a host: it
// listens there, or gives the host out, or listens everywhere and the host is the
// node's.
func listensAt(inv *inventory.Inventory, host string) bool {
	if _, ok := inv.Component(inventory.Etcd); !ok || host == "" {
		return false
	}
	listens := inventory.URLHosts(cmp.Or(etcdListens(inv, "listen-client-urls"), "http://localhost:2379")) // etcd's default, unless a file that was not read says otherwise
	for _, l := range append(listens, inventory.URLHosts(inv.Setting("etcd", "advertise-client-urls").Value)...) {
		a, err := netip.ParseAddr(l)
		everywhere := err == nil && a.IsUnspecified()
		if everywhere && inv.IsOwn(host) || inv.SameHost(l, host) || inv.IsLoopback(l) && inv.IsLoopback(host) {
			return true
		}
	}
	return false
}

// silentPort returns the port of an address of this node at which its etcd does not
// listen; "" where it does, or where that is not known. What it gives out beside may be
// the port that a container runner maps to its own.
func silentPort(inv *inventory.Inventory, address string) string {
	host, port, listens := parsers.HostOf(address), parsers.PortOf(address), etcdListens(inv, "listen-client-urls")
	if port == "" || !listensAt(inv, host) {
		return ""
	}
	known, everywhere := false, false
	for u := range strings.SplitSeq(listens, ",") {
		a, err := netip.ParseAddr(parsers.HostOf(u))
		unspecified := err == nil && a.IsUnspecified()
		if !unspecified && !inv.SameHost(parsers.HostOf(u), host) && !(inv.IsLoopback(parsers.HostOf(u)) && inv.IsLoopback(host)) {
			continue
		}
		if at := parsers.PortOf(u); at == port || at == "" {
			return ""
		}
		known, everywhere = true, everywhere || unspecified
	}
	if everywhere && slices.ContainsFunc(parsers.List(inv.Setting(inventory.Etcd, "advertise-client-urls").Value), func(u string) bool {
		return inv.SameHost(parsers.HostOf(u), host) && parsers.PortOf(u) == port
	}) || !known {
		return ""
	}
	return port
}

// isAlone reports whether the etcd of this node seems to be called from this node
// alone: the API server beside it reaches it, no other member is known, and
// nothing calls another member of the control plane or a balancer. The etcd of a
// first member does not know of the others.
func isAlone(inv *inventory.Inventory) bool {
	reached := slices.ContainsFunc(inv.EtcdServers(), func(u parsers.Text) bool { return listensAt(inv, parsers.HostOf(u.Value)) })
	if !reached || len(otherMembers(inv)) > 0 {
		return false
	}
	return !slices.ContainsFunc(inv.References, func(ref inventory.Reference) bool {
		host := called(inv, ref)
		return host != "" && farCallers[ref.Role] && !inv.IsOwn(host)
	})
}

// etcdClientHosts are the names by which the members and the API server of this
// node call its etcd, and those that etcd gives out although nobody calls it so.
func etcdClientHosts(inv *inventory.Inventory) (called, spare []string) {
	var dialled []string
	for _, u := range inv.EtcdServers() {
		dialled = append(dialled, u.Value)
	}
	for _, h := range parsers.HostsOf(strings.Join(dialled, ",")) {
		if listensAt(inv, h) {
			called = append(called, h)
		}
	}
	for _, h := range parsers.HostsOf(inv.Setting("etcd", "advertise-client-urls").Value) {
		switch {
		case slices.Contains(called, h):
		case isAlone(inv):
			spare = append(spare, h)
		default:
			called = append(called, h)
		}
	}
	return called, spare
}

// etcdPeerHosts are the names by which other members call the etcd of this node,
// and those by which they would if there were any.
func etcdPeerHosts(inv *inventory.Inventory) (called, spare []string) {
	hosts := parsers.HostsOf(inv.Setting("etcd", "initial-advertise-peer-urls").Value)
	if isAlone(inv) {
		return nil, hosts
	}
	return hosts, nil
}

// kubeletVerifier is what the API server of this node verifies kubelets with;
// false if there is none, or it verifies none.
func kubeletVerifier(inv *inventory.Inventory) (inventory.Reference, bool) {
	return inv.ReferenceOf(inventory.APIServer, "kubelet-certificate-authority")
}

// kubeletTarget is how the API server of this node calls its kubelet: by the first
// of --kubelet-preferred-address-types that the node has. Without a cloud provider
// a node has its name and one address: the one that the kubelet is given, that of
// its name, else that of the default route, which no file says (kubernetes
// pkg/kubelet/nodestatus/setters.go, pkg/util/node GetPreferredNodeAddress). at is
// where the host stands.
func kubeletTarget(inv *inventory.Inventory, nodeName string) (dialled destination, at parsers.Origin) {
	return kubeletTargetBy(inv.Setting(inventory.APIServer, "kubelet-preferred-address-types").Value, inv, nodeName)
}

// kubeletTargetBy is [kubeletTarget] for the API server of another node, which has some
// --kubelet-preferred-address-types; "" for the default.
func kubeletTargetBy(preferred string, inv *inventory.Inventory, nodeName string) (dialled destination, at parsers.Origin) {
	cloud := inv.Setting(inventory.Kubelet, "cloud-provider").Value != ""
	server, _ := inventory.ProgramNamed(inventory.APIServer)
	flag, _ := server.Flag("kubelet-preferred-address-types")
	for _, kind := range parsers.List(cmp.Or(preferred, flag.Default)) {
		switch {
		case kind == "InternalIP":
			host, at := kubeletAddress(inv, nodeName, cloud)
			return destination{host, host == ""}, at
		case cloud:
			return destination{}, at // the provider chooses
		case kind == "Hostname":
			return to(nodeName), inv.Setting(inventory.Kubelet, "hostname-override").Origin
		}
	}
	return destination{}, at
}

// kubeletAddress is the address that a kubelet registers, and where that stands;
// "" if no file says it. An unspecified one leaves the choice to the kubelet.
func kubeletAddress(inv *inventory.Inventory, nodeName string, cloud bool) (string, parsers.Origin) {
	given := inv.Setting(inventory.Kubelet, "node-ip")
	first, _, _ := strings.Cut(given.Value, ",")
	if a, err := netip.ParseAddr(strings.TrimSpace(first)); err == nil && !a.IsUnspecified() {
		return a.String(), given.Origin
	}
	if cloud || nodeName == "" {
		return "", given.Origin
	}
	addresses, at := inv.Resolve(nodeName)
	for _, wanted := range []func(netip.Addr) bool{netip.Addr.Is4, netip.Addr.Is6} {
		for _, a := range addresses {
			if a.IsGlobalUnicast() && wanted(a) {
				return a.String(), at
			}
		}
	}
	return "", given.Origin
}
