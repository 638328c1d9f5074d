package audit

import (
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"

	"certaudit/parsers"
)

// nodeFacts is what the requirement table's placeholders stand for on one
// node. A placeholder that is absent from values could not be known; one with
// no values is known to demand nothing.
type nodeFacts struct {
	version parsers.Text
	profile string
	values  map[string][]string
}

// Overrides are what the user says of a node in place of what is found there.
type Overrides struct {
	KubernetesVersion string
	Profile           string
}

// Validate returns an error for a version or profile that does not exist.
func (o Overrides) Validate() error {
	if o.KubernetesVersion != "" && canonicalVersion(o.KubernetesVersion) == "" {
		return fmt.Errorf("%q is no Kubernetes version; write it like 1.34 or v1.34.4", o.KubernetesVersion)
	}
	if o.Profile != "" && !slices.Contains(Profiles(), o.Profile) {
		return fmt.Errorf("unknown profile %q; profiles are %s", o.Profile, strings.Join(Profiles(), ", "))
	}
	return nil
}

func factsOf(inv *Inventory, o Overrides) nodeFacts {
	f := nodeFacts{version: versionOf(inv), profile: profileOf(inv), values: map[string][]string{}}
	if o.KubernetesVersion != "" {
		f.version = parsers.Text{Value: canonicalVersion(o.KubernetesVersion)}
	}
	if o.Profile != "" {
		f.profile = o.Profile
	}
	f.set("nodeName", nodeName(inv))
	f.set("clusterDomain", clusterDomain(inv))
	f.set("serviceIP", serviceIP(inv))
	f.set("advertiseAddress", advertiseAddress(inv))
	f.set("allowedNames", strings.FieldsFunc(inv.setting("kube-apiserver", "requestheader-allowed-names").Value, isComma)...)
	f.values["serverHosts"] = serverHosts(inv, f.values)
	f.values["etcdClientHosts"] = etcdClientHosts(inv)
	f.values["etcdPeerHosts"] = hostsOf(inv.setting("etcd", "initial-advertise-peer-urls").Value)
	f.values["etcdClientUsage"] = etcdClientUsage(inv)
	return f
}

func isComma(r rune) bool { return r == ',' }

// set keeps the values that are known.
func (f nodeFacts) set(name string, values ...string) {
	for _, v := range values {
		if v != "" {
			f.values[name] = append(f.values[name], v)
		}
	}
}

// expand replaces the placeholders of a requirement's value. known is false if
// one of them could not be known.
func (f nodeFacts) expand(value string) (values []string, known bool) {
	before, rest, found := strings.Cut(value, "{")
	if !found {
		return []string{value}, true
	}
	name, after, _ := strings.Cut(rest, "}")
	replacements, known := f.values[name]
	for _, r := range replacements {
		values = append(values, before+r+after)
	}
	return values, known
}

// versionOf reads the version from the tag of the first control-plane image
// that has one.
func versionOf(inv *Inventory) parsers.Text {
	for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
		c, _ := inv.component(name)
		if v := imageVersion(c.Image.Value); v != "" {
			return parsers.Text{Value: v, Origin: c.Image.Origin}
		}
	}
	return parsers.Text{}
}

func profileOf(inv *Inventory) string {
	if inv.Kubeadm != (parsers.Origin{}) {
		return ProfileKubeadm
	}
	return ProfileGeneric
}

// nodeName is the name under which the kubelet registers the node: the one it
// is told, else the one kubeadm wrote down, else the host's. An in-tree cloud
// provider makes up its own, which no file tells.
func nodeName(inv *Inventory) string {
	if name := strings.TrimSpace(inv.setting("kubelet", "hostname-override").Value); name != "" {
		return strings.ToLower(name) // k8s.io/component-helpers/node/util GetHostname
	}
	for _, u := range inv.Kubeconfigs[kubeletConfPath(inv)].Users {
		if name, ok := strings.CutPrefix(u.Name, "system:node:"); ok {
			return name
		}
	}
	if name := inv.setting("etcd", "name").Value; name != "" && inv.Kubeadm != (parsers.Origin{}) {
		return name
	}
	if cloud := inv.setting("kubelet", "cloud-provider").Value; cloud != "" && cloud != "external" {
		return ""
	}
	return inv.Hostname.Value
}

func kubeletConfPath(inv *Inventory) string {
	return path.Clean("/" + inv.setting("kubelet", "kubeconfig").Value)
}

// clusterDomain is the kubelet's, else the one in the issuer of service account
// tokens as kubeadm writes it.
func clusterDomain(inv *Inventory) string {
	if d := inv.setting("kubelet", "cluster-domain").Value; d != "" {
		return strings.TrimSuffix(d, ".")
	}
	issuer := inv.setting("kube-apiserver", "service-account-issuer").Value
	domain, _ := strings.CutPrefix(issuer, "https://kubernetes.default.svc.")
	if domain == issuer {
		return ""
	}
	return strings.TrimSuffix(domain, "/")
}

// serviceIP is the first address of the first service range, also with dual
// stack (kubernetes cmd/kubeadm/app/constants GetAPIServerVirtualIP).
func serviceIP(inv *Inventory) string {
	first, _, _ := strings.Cut(inv.setting("kube-apiserver", "service-cluster-ip-range").Value, ",")
	prefix, err := netip.ParsePrefix(strings.TrimSpace(first))
	if err != nil {
		return ""
	}
	return prefix.Masked().Addr().Next().String()
}

// advertiseAddress is the address that the API server gives out as its own.
func advertiseAddress(inv *Inventory) string {
	c, _ := inv.component("kube-apiserver")
	endpoint := c.Annotations["kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint"]
	for _, s := range []string{c.Setting("advertise-address").Value, hostOf("//" + endpoint)} {
		if a, err := netip.ParseAddr(s); err == nil && !a.IsUnspecified() {
			return a.String()
		}
	}
	return ""
}

// serverHosts are the names by which the kubeconfigs of this node call the API
// server that runs on it. One that calls another member of the control plane
// says nothing of this one's certificate.
func serverHosts(inv *Inventory, known map[string][]string) []string {
	others := otherMembers(inv)
	var hosts []string
	for _, ref := range inv.References {
		if ref.Holds != HoldsKubeconfig || !callsOwnServer[ref.Role] {
			continue
		}
		cluster, _, ok := inv.Kubeconfigs[ref.Path].Current()
		if !ok || cluster.InsecureSkipTLSVerify {
			continue
		}
		host := hostOf(cluster.Server.Value)
		if cluster.TLSServerName.Value != "" {
			host = cluster.TLSServerName.Value
		}
		if host != "" && !slices.Contains(others, host) && !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	slices.Sort(hosts)
	return hosts
}

// callsOwnServer are the roles whose kubeconfigs lead to this node's API server
// or to the balancer in front of all of them.
var callsOwnServer = map[string]bool{roleAdmin: true, roleSuperAdmin: true, roleControllerClient: true,
	roleSchedulerClient: true, roleKubeletClient: true}

// otherMembers are the hosts of the etcd members that are not this one.
func otherMembers(inv *Inventory) []string {
	own := hostsOf(inv.setting("etcd", "initial-advertise-peer-urls").Value)
	var others []string
	for member := range strings.SplitSeq(inv.setting("etcd", "initial-cluster").Value, ",") {
		_, u, _ := strings.Cut(member, "=")
		if host := hostOf(u); host != "" && !slices.Contains(own, host) {
			others = append(others, host)
		}
	}
	return others
}

// etcdClientHosts are the names by which the members and the API server of this
// node call its etcd.
func etcdClientHosts(inv *Inventory) []string {
	hosts := hostsOf(inv.setting("etcd", "advertise-client-urls").Value)
	listens := hostsOf(inv.setting("etcd", "listen-client-urls").Value)
	var dialled []string
	for _, u := range etcdServers(inv) {
		dialled = append(dialled, u.Value)
	}
	for _, h := range hostsOf(strings.Join(dialled, ",")) {
		if slices.Contains(listens, h) && !slices.Contains(hosts, h) {
			hosts = append(hosts, h)
		}
	}
	return hosts
}

// etcdServers are the URLs of etcd that the API server dials, each once: those
// for everything, and those for single resources, "group/resource#url;url"
// (k8s.io/apiserver pkg/server/options/etcd.go).
func etcdServers(inv *Inventory) []parsers.Text {
	var urls []parsers.Text
	seen := map[string]bool{"": true}
	add := func(u string, at parsers.Origin) {
		if u = strings.TrimSpace(u); !seen[u] {
			seen[u] = true
			urls = append(urls, parsers.Text{Value: u, Origin: at})
		}
	}
	servers := inv.setting("kube-apiserver", "etcd-servers")
	for u := range strings.SplitSeq(servers.Value, ",") {
		add(u, servers.Origin)
	}
	overrides := inv.setting("kube-apiserver", "etcd-servers-overrides")
	for override := range strings.SplitSeq(overrides.Value, ",") {
		_, list, _ := strings.Cut(override, "#")
		for u := range strings.SplitSeq(list, ";") {
			add(u, overrides.Origin)
		}
	}
	return urls
}

// etcdClientUsage is demanded of etcd's serving certificate while etcd demands
// certificates of its clients, of which its own gateway is one, and no other
// client certificate is set for it.
func etcdClientUsage(inv *Inventory) []string {
	demands := inv.setting("etcd", "client-cert-auth").Value == "true" || inv.setting("etcd", "trusted-ca-file").Value != ""
	if demands && inv.setting("etcd", "client-cert-file").Value == "" {
		return []string{"client auth"}
	}
	return nil
}

// hostsOf returns the hosts of a comma-separated list of https URLs, without
// the unspecified addresses, which nobody dials.
func hostsOf(urls string) []string {
	var hosts []string
	for u := range strings.SplitSeq(urls, ",") {
		if !strings.HasPrefix(strings.TrimSpace(u), "https://") {
			continue
		}
		host := hostOf(u)
		if a, err := netip.ParseAddr(host); err == nil && a.IsUnspecified() {
			continue
		}
		if host != "" && !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// hostOf returns the host of a URL without port and brackets, or "".
func hostOf(s string) string {
	s = strings.TrimSpace(s)
	if !strings.Contains(s, "//") {
		s = "//" + s
	}
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
