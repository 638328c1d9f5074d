package audit

import (
	"certaudit/audit/inventory"
	"cmp"
	"fmt"
	"net/netip"
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
	// stated says that the user gave the version.
	stated  bool
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
		return fmt.Errorf("%s; profiles are %s", parsers.Unknown("profile", o.Profile, Profiles()), strings.Join(Profiles(), ", "))
	}
	return nil
}

func factsOf(inv *inventory.Inventory, o Overrides) nodeFacts {
	f := nodeFacts{version: o.version(inv), stated: o.KubernetesVersion != "", profile: profileOf(inv), values: map[string][]string{}}
	if o.Profile != "" {
		f.profile = o.Profile
	}
	f.set("nodeName", nodeName(inv, f.version.Value))
	f.set("clusterDomain", clusterDomain(inv, f.profile))
	f.set("serviceIP", serviceIP(inv))
	f.set("advertiseAddress", inv.AdvertiseAddress())
	f.set("allowedNames", parsers.List(inv.Setting("kube-apiserver", "requestheader-allowed-names").Value)...)
	f.values["serverHosts"] = serverHosts(inv, f.profile)
	f.values["etcdClientHosts"], f.values["etcdSpareHosts"] = etcdClientHosts(inv)
	f.values["etcdPeerHosts"], f.values["etcdSparePeerHosts"] = etcdPeerHosts(inv)
	f.values["etcdClientUsage"] = etcdClientUsage(inv)
	f.setKubeletHosts(inv)
	return f
}

// set keeps the values that are known.
func (f nodeFacts) set(name string, values ...string) {
	for _, v := range values {
		if v != "" {
			f.values[name] = append(f.values[name], v)
		}
	}
}

// setKubeletHosts keeps how the API server calls the kubelet, and nothing where it
// does not verify it.
func (f nodeFacts) setKubeletHosts(inv *inventory.Inventory) {
	if _, verified := kubeletVerifier(inv); !verified {
		f.values["kubeletHosts"] = nil
		return
	}
	dialled, _ := kubeletTarget(inv, strings.Join(f.values["nodeName"], ""))
	f.set("kubeletHosts", dialled.host)
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

// version is the stated version, else the one that an inventory shows.
func (o Overrides) version(inv *inventory.Inventory) parsers.Text {
	if o.KubernetesVersion != "" {
		return parsers.Text{Value: canonicalVersion(o.KubernetesVersion)}
	}
	return versionOf(inv)
}

// versionOf reads the version from the tag of the first control-plane image
// that has one.
func versionOf(inv *inventory.Inventory) parsers.Text {
	for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
		c, _ := inv.Component(name)
		if v := imageVersion(c.Image.Value); v != "" {
			return parsers.Text{Value: v, Origin: c.Image.Origin}
		}
	}
	return parsers.Text{}
}

func profileOf(inv *inventory.Inventory) string {
	if inv.Kubeadm != (parsers.Origin{}) {
		return ProfileKubeadm
	}
	if d := inv.Distribution; d != nil && slices.Contains(Profiles(), d.Profile) {
		return d.Profile
	}
	return ProfileGeneric
}

// nodeName is the name under which the kubelet registers the node: the one it
// is given, else the one kubeadm wrote down, else the host's. An in-tree cloud
// provider chooses its own, which no file says, whatever the kubelet is given
// (kubernetes pkg/kubelet/kubelet.go getNodeName; #54482).
func nodeName(inv *inventory.Inventory, version string) string {
	cloud := inv.Setting("kubelet", "cloud-provider").Value
	inTree := cloud != "" && cloud != "external"
	overrides := !inTree || version != "" && !inTreeClouds.holds(version)
	if name := strings.TrimSpace(inv.Setting("kubelet", "hostname-override").Value); name != "" && overrides {
		return strings.ToLower(name) // k8s.io/component-helpers/node/util GetHostname
	}
	for _, u := range inv.Kubeconfigs[kubeletConfPath(inv)].Users {
		if name, ok := strings.CutPrefix(u.Name, "system:node:"); ok {
			return name
		}
	}
	if etcd, _ := inv.Component(inventory.Etcd); etcd.Setting("name").Value != "" && etcd.Unit == "" && inv.Kubeadm != (parsers.Origin{}) {
		return etcd.Setting("name").Value // of kubeadm's static pod; a service has a name of its own
	}
	if inTree {
		return ""
	}
	if c, _ := inv.Component("kubelet"); c.Assumed {
		return "" // --hostname-override was not read
	}
	return inv.Hostname.Value
}

// inTreeClouds are the versions whose kubelet has cloud providers of its own
// (website blog/2024/05/20/completing-cloud-provider-migration).
var inTreeClouds = Interval{Until: "1.31"}

func kubeletConfPath(inv *inventory.Inventory) string {
	return path.Clean("/" + inv.Setting("kubelet", "kubeconfig").Value)
}

// defaultDomain is that of a cluster whose makers chose none: CoreDNS and kubeadm
// take it (kubernetes cmd/kubeadm/app/apis/kubeadm/v1beta4 DefaultServiceDNSDomain).
const defaultDomain = "cluster.local"

// clusterDomain is the kubelet's, else the one in the issuer of service account
// tokens as kubeadm writes it, else, of a node made by hand, that of the name in the
// API server's certificate, else the default; "" where the kubelet's or the API
// server's settings could not be read as a whole.
func clusterDomain(inv *inventory.Inventory, profile string) string {
	if d := inv.Setting("kubelet", "cluster-domain").Value; d != "" {
		return strings.TrimSuffix(d, ".")
	}
	issuer := inv.Setting("kube-apiserver", "service-account-issuer").Value
	if domain, found := strings.CutPrefix(issuer, "https://kubernetes.default.svc."); found {
		return strings.TrimSuffix(domain, "/")
	}
	for _, name := range []string{inventory.APIServer, inventory.Kubelet} {
		c, ok := inv.Component(name)
		if whole, _ := isWhole(inv, c); !whole && (ok || name == inventory.APIServer) {
			return ""
		}
	}
	if isGeneric(profile) {
		return cmp.Or(certifiedDomain(inv), defaultDomain)
	}
	return defaultDomain
}

// certifiedDomain is that of the name in the API server's certificate; "" if it has
// none. "cluster" alone is a slip of the documentation's (website
// setup/best-practices/certificates).
func certifiedDomain(inv *inventory.Inventory) string {
	ref, _ := inv.ReferenceOf(inventory.APIServer, "tls-cert-file")
	for _, c := range inv.Material(ref).Certificates {
		for _, name := range c.DNSNames {
			if domain, ok := strings.CutPrefix(name, "kubernetes.default.svc."); ok && domain != "cluster" {
				return domain
			}
		}
	}
	return ""
}

// serviceIP is the first address of the first service range, also with dual
// stack (kubernetes cmd/kubeadm/app/constants GetAPIServerVirtualIP).
func serviceIP(inv *inventory.Inventory) string {
	ranges, ok := serviceRanges(apiServerRange(inv))
	if !ok || hasOtherRange(inv, ranges[0]) {
		return ""
	}
	return ranges[0].Addr().Next().String()
}

// hasOtherRange reports whether a certificate speaks for another service range than the
// one that is taken for a distribution's where nothing says what it starts the API server
// with: it holds the first address of another private range, and none of this one.
func hasOtherRange(inv *inventory.Inventory, assumed netip.Prefix) bool {
	if c, _ := inv.Component(inventory.APIServer); !c.Assumed {
		return false
	}
	ref, _ := inv.ReferenceOf(inventory.APIServer, "tls-cert-file", inventory.HoldsCertificate)
	certs, other := inv.Material(ref).Certificates, false
	for _, c := range certs[:min(len(certs), 1)] {
		for _, ip := range c.IPAddresses {
			a, _ := netip.AddrFromSlice(ip)
			if a = a.Unmap(); assumed.Contains(a) {
				return false
			}
			b := a.AsSlice()
			other = other || a.IsPrivate() && b[len(b)-1] == 1
		}
	}
	return other
}

// apiServerRange is what the API server takes service addresses from; "" where it is
// not on the node, or where that could not be read.
func apiServerRange(inv *inventory.Inventory) string {
	c, ok := inv.Component(inventory.APIServer)
	if whole, _ := isWhole(inv, c); !ok || !whole {
		return c.Setting("service-cluster-ip-range").Value
	}
	return c.InEffect("service-cluster-ip-range")
}

// serviceRanges parses one service range or two, without what lies behind their
// prefix. ok is false where one of them is none.
func serviceRanges(value string) (ranges []netip.Prefix, ok bool) {
	for text := range strings.SplitSeq(value, ",") {
		prefix, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil {
			return nil, false
		}
		ranges = append(ranges, prefix.Masked())
	}
	return ranges, true
}

// etcdClientUsage is demanded of etcd's serving certificate while etcd demands
// certificates of its clients, of which its own gateway is one, and no other
// client certificate is set for it.
func etcdClientUsage(inv *inventory.Inventory) []string {
	demands := isOn(inv.Setting("etcd", "client-cert-auth")) || inv.Setting("etcd", "trusted-ca-file").Value != ""
	if demands && inv.Setting("etcd", "client-cert-file").Value == "" {
		return []string{"client auth"}
	}
	return nil
}
