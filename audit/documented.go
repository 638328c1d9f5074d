package audit

import (
	"slices"
	"strings"

	"certaudit/audit/inventory"
)

// Documented are the two tables of the page "PKI certificates and requirements", filled
// from the requirements of a profile and a version.
//
// Source: website setup/best-practices/certificates, "All certificates" and
// "Certificate paths".
type Documented struct {
	Profile string `json:"profile"`
	// KubernetesVersion is the one asked for; "" for all.
	KubernetesVersion string                  `json:"kubernetesVersion,omitempty"`
	Certificates      []DocumentedCertificate `json:"certificates"`
	Paths             []DocumentedPath        `json:"paths"`
}

// DocumentedCertificate is a row of the first table.
type DocumentedCertificate struct {
	Role      string `json:"role"`
	DefaultCN string `json:"defaultCN"`
	ParentCA  string `json:"parentCA"`
	// Organizations are those of which one is demanded; where they depend on the version
	// and none was asked for, each says for which it holds. Empty, not nil, for none.
	Organizations []string `json:"organizations"`
	// Kind is "server", "client" or both.
	Kind []string `json:"kind"`
	// Hosts are the alternative names; words in angle brackets stand for those of a node.
	Hosts []string `json:"hosts"`
}

// DocumentedPath is a row of the second table. Paths are below the certificates folder.
type DocumentedPath struct {
	DefaultCN    string   `json:"defaultCN"`
	KeyPath      string   `json:"keyPath"`
	CertPath     string   `json:"certPath"`
	Command      string   `json:"command"`
	KeyArgument  string   `json:"keyArgument"`
	CertArgument []string `json:"certArgument"`
}

// documentedRoles are those of the first table, in its order.
var documentedRoles = []string{
	inventory.RoleEtcdServing, inventory.RoleEtcdPeer, inventory.RoleEtcdHealthcheck, inventory.RoleAPIServerEtcd,
	inventory.RoleAPIServerServing, inventory.RoleAPIServerKubelet, inventory.RoleFrontProxyClient,
}

// documentedPaths are the rows of the second table, in its order: the role of the
// certificate, the command, and the arguments that name key and certificate.
var documentedPaths = []struct {
	role, command, key string
	certs              []string
}{
	{inventory.RoleEtcdCA, inventory.APIServer, "", []string{"etcd-cafile"}},
	{inventory.RoleAPIServerEtcd, inventory.APIServer, "etcd-keyfile", []string{"etcd-certfile"}},
	{inventory.RoleKubernetesCA, inventory.APIServer, "", []string{"client-ca-file"}},
	{inventory.RoleKubernetesCA, inventory.ControllerManager, "cluster-signing-key-file", []string{"client-ca-file", "root-ca-file", "cluster-signing-cert-file"}},
	{inventory.RoleAPIServerServing, inventory.APIServer, "tls-private-key-file", []string{"tls-cert-file"}},
	{inventory.RoleAPIServerKubelet, inventory.APIServer, "kubelet-client-key", []string{"kubelet-client-certificate"}},
	{inventory.RoleFrontProxyCA, inventory.APIServer, "", []string{"requestheader-client-ca-file"}},
	{inventory.RoleFrontProxyCA, inventory.ControllerManager, "", []string{"requestheader-client-ca-file"}},
	{inventory.RoleFrontProxyClient, inventory.APIServer, "proxy-client-key-file", []string{"proxy-client-cert-file"}},
	{inventory.RoleEtcdCA, inventory.Etcd, "", []string{"trusted-ca-file", "peer-trusted-ca-file"}},
	{inventory.RoleEtcdServing, inventory.Etcd, "key-file", []string{"cert-file"}},
	{inventory.RoleEtcdPeer, inventory.Etcd, "peer-key-file", []string{"peer-cert-file"}},
	{inventory.RoleEtcdCA, commandEtcdctl, "", []string{"cacert"}},
	{inventory.RoleEtcdHealthcheck, commandEtcdctl, "key", []string{"cert"}},
}

// commandEtcdctl is what people and probes ask etcd with.
const commandEtcdctl = "etcdctl"

// documentedWords are the page's words for what is to be filled in.
var documentedWords = map[string][]string{
	"nodeName":         {"<hostname>"},
	"advertiseAddress": {"<Host_IP>", "<advertise_IP>"},
	"serviceIP":        {"<service_IP>"},
	"serverHosts":      {"<every other host that kubeconfigs call>"},
	"etcdClientHosts":  {"<Host_IP>"},
	"etcdPeerHosts":    {"<Host_IP>"},
	"etcdClientUsage":  {usageClientAuth},
	"allowedNames":     {"front-proxy-client"},
	"clusterDomain":    {"cluster.local"},
	// What nobody in view calls is not in the tables.
	"etcdSpareHosts":     nil,
	"etcdSparePeerHosts": nil,
}

// Documented returns the documentation's tables for a profile that says what certificates
// are called, [ProfileDocs] or [ProfileKubeadm], and a version; "" for all.
func (t *Requirements) Documented(profile, version string) Documented {
	rows := t.For(profile, version)
	out := Documented{Profile: profile, KubernetesVersion: version}
	for _, role := range documentedRoles {
		c := DocumentedCertificate{Role: role, DefaultCN: documentedName(rows, role), Organizations: []string{}, Hosts: []string{}}
		if made, ok := inventory.KubeadmFileOf(role); ok {
			if ca, ok := made.SignedBy(); ok {
				c.ParentCA = documentedName(rows, ca.Role)
			}
		}
		for _, r := range rows {
			if r.Role != role {
				continue
			}
			switch values := documentedValues(r); r.Fact {
			case FactOrganization:
				text := strings.Join(values, " or ")
				if version == "" && !r.always() {
					text += " (" + r.Versions() + ")"
				}
				c.Organizations = append(c.Organizations, text)
			case FactUsage:
				for _, v := range values {
					c.Kind = append(c.Kind, strings.TrimSuffix(v, " auth"))
				}
			case FactDNSName, FactIPAddress:
				c.Hosts = union(c.Hosts, values)
			}
		}
		out.Certificates = append(out.Certificates, c)
	}
	for _, p := range documentedPaths {
		file, _ := inventory.KubeadmFileOf(p.role)
		row := DocumentedPath{DefaultCN: documentedName(rows, p.role), KeyPath: file.Pair, CertPath: file.Path, Command: p.command, CertArgument: []string{}}
		if p.command == commandEtcdctl && file.IsCA() {
			row.KeyPath = ""
		}
		if p.key != "" {
			row.KeyArgument = "--" + p.key
		}
		for _, c := range p.certs {
			row.CertArgument = append(row.CertArgument, "--"+c)
		}
		out.Paths = append(out.Paths, row)
	}
	return out
}

// documentedName is the common name that rows demand of a role; "" for none.
func documentedName(rows []Requirement, role string) string {
	name := ""
	for _, r := range rows {
		if r.Role == role && r.Fact == FactCommonName {
			name = strings.Join(documentedValues(r), " or ")
		}
	}
	return name
}

// documentedValues are the values of a row in the page's words.
func documentedValues(r Requirement) []string {
	var out []string
	for _, v := range r.Values {
		name := placeholder(v)
		words, known := documentedWords[name]
		if !known {
			out = append(out, v)
			continue
		}
		for _, w := range words {
			out = append(out, strings.Replace(v, "{"+name+"}", w, 1))
		}
	}
	return slices.Clip(out)
}
