package audit

import (
	"crypto/x509"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"certaudit/audit/inventory"
	"certaudit/parsers"
)

// proxyConfig is the object that kubeadm's kube-proxy reads its kubeconfig from.
const proxyConfig = "ConfigMap kube-system/kube-proxy"

// The kubeconfigs in ConfigMaps that are this cluster's whatever stands in them.
var ownKubeconfigs = []string{clusterInfo, proxyConfig}

// podCA is the file from which a pod takes the CA of its own cluster (kubernetes
// plugin/pkg/admission/serviceaccount).
const podCA = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"

// checkObjectKubeconfig holds the kubeconfigs in ConfigMaps against what the API
// server presents.
func checkObjectKubeconfig(p *pass) {
	seen, bundles := 0, p.embeddedBundles()
	for _, o := range p.inv.Objects {
		if o.Kind != "ConfigMap" {
			continue
		}
		for _, c := range o.Clusters {
			if seen++; seen > maxContexts {
				p.unjudged("of the clusters in kubeconfigs of ConfigMaps only %d were judged", maxContexts)
				return
			}
			p.objectCluster(o, c, bundles[c.CAData.Origin])
		}
	}
}

// objectCluster judges a cluster of a kubeconfig in an object. trust is what it
// embeds of CAs, which may be nothing.
func (p *pass) objectCluster(o inventory.Object, c parsers.KubeCluster, trust bundle) {
	host := parsers.HostOf(c.Server.Value)
	if c.TLSServerName.Value != "" {
		host = c.TLSServerName.Value
	}
	if isPlain(c.Server.Value) || c.InsecureSkipTLSVerify {
		return
	}
	if !isHost(host) {
		p.unjudged("the address in a kubeconfig of %s is none, or a placeholder", o.Label())
		return
	}
	servers := p.apiServers(host)
	if len(servers) == 0 {
		p.unjudged("the API server's certificate is not in view, so that the kubeconfigs in ConfigMaps were not held against it")
		return
	}
	if !p.isOwnObject(o, c, trust, host, servers) {
		p.unjudged("the kubeconfig in %s is of another cluster, as far as can be seen", o.Label())
		return
	}
	p.examine()
	p.objectServer(o, c, trust, host, servers)
}

// objectServer reports a kubeconfig that no API server in view fits.
func (p *pass) objectServer(o inventory.Object, c parsers.KubeCluster, trust bundle, host string, servers []credentials) {
	f := finding{severity: Warning, component: o.Label(), at: c.Server.Origin, remedy: remedy{"# put the CA of " + servers[0].at.Path + "'s issuer into its certificate-authority-data", kubectl("edit configmap", o)}}
	if !slices.ContainsFunc(servers, func(s credentials) bool { return s.chain[0].VerifyHostname(host) == nil }) {
		f.message = fmt.Sprintf("calls the API server at %s, which is not in its certificate in %s: that is for %s; expected one of these, or the certificate with this one",
			host, servers[0].at.Path, listOr(sans(servers[0].chain[0]), "no name"))
		f.sha256, f.remedy = parsers.Fingerprint(servers[0].chain[0]), p.serverEdit(o, c.Server.Value, servers[0])
		p.report(f)
		return
	}
	trusted := func(s credentials) bool {
		err := p.verify(s.chain[0], s.chain[1:], trust, p.now)
		return err == nil || isUnverified(err)
	}
	if len(trust.certs) == 0 || slices.ContainsFunc(servers, trusted) || p.saidAt(trust.place) {
		return
	}
	if slices.Contains(ownKubeconfigs, o.Label()) {
		f.severity = Critical
	}
	f.at, f.sha256 = trust.place, parsers.Fingerprint(trust.certs[0])
	f.message = fmt.Sprintf("verifies the API server at %s with %s, which did not sign its certificate in %s: that is issued by %q", host, listOr(trust.names(), "nothing"), servers[0].at.Path, issuerName(servers[0].chain[0]))
	p.report(f)
}

// saidAt reports whether a check of the objects has found something at a place.
func (p *pass) saidAt(at parsers.Origin) bool {
	return slices.ContainsFunc(p.earlier, func(f Finding) bool {
		return strings.HasPrefix(f.Check, "objects/") && (parsers.Origin{Path: f.Path, Line: f.Line, Field: f.Field}) == at
	})
}

// isHost reports whether a text may be dialled: an address, or a name that is no
// placeholder.
func isHost(host string) bool {
	return parsers.IsAddress(host) || validName.MatchString(strings.ToLower(host))
}

// apiServers are what API servers in view present to those who dial a host: that of
// the node, or the files that hold the certificate of one, which is for the name of
// its service.
func (p *pass) apiServers(host string) []credentials {
	var out []credentials
	if _, ok := p.inv.Component(inventory.APIServer); ok {
		if c := p.apiServer(host); len(c.chain) > 0 {
			out = append(out, c)
		}
		return out
	}
	for e := range p.decoded((*entry).isLeaf) {
		if e.role.name == inventory.RoleAPIServerServing || e.object == "" && slices.Contains(e.cert.DNSNames, "kubernetes.default.svc") {
			out = append(out, credentials{chain: append([]*x509.Certificate{e.cert.Certificate}, e.chain()...), at: e.place})
		}
	}
	return out
}

// isOwnObject reports whether a kubeconfig in a ConfigMap is for the cluster whose
// API servers are in view: it is one of the cluster's own, takes the CA of the pod
// that reads it, trusts the API server, or calls it by a name that no other cluster
// has.
func (p *pass) isOwnObject(o inventory.Object, c parsers.KubeCluster, trust bundle, host string, servers []credentials) bool {
	if slices.Contains(ownKubeconfigs, o.Label()) || strings.TrimPrefix(c.CAFile.Value, "/var") == strings.TrimPrefix(podCA, "/var") {
		return true
	}
	return slices.ContainsFunc(servers, func(s credentials) bool {
		return len(trust.certs) > 0 && (p.verify(s.chain[0], s.chain[1:], trust, p.now) == nil || isUnique(host) && s.chain[0].VerifyHostname(host) == nil)
	})
}

// isUnique reports whether a name or address means one API server: neither what
// stands for the machine itself nor what every cluster calls its own.
func isUnique(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return !a.IsLoopback()
	}
	return host != "localhost" && host != "kubernetes" && !strings.HasPrefix(host, "kubernetes.default")
}

// access is what a client may do by a ClusterRoleBinding that kubeadm makes.
type access struct {
	// role is that of the client's certificate.
	role string
	// roles are the ClusterRoles that give the rights; the first is what binding, of
	// kubeadm's, gives.
	roles   []string
	binding string
	// lacking says what fails without it.
	lacking string
	impact  Severity
}

// accesses are the clients that are nobody without a ClusterRoleBinding. Sources:
// kubernetes#138957 and #121305.
var accesses = []access{
	{inventory.RoleAPIServerKubelet, []string{"system:kubelet-api-admin", "cluster-admin"}, "kubeadm:apiserver-kubelet-client",
		"logs, exec and port-forward fail, for the kubelets refuse the API server", Critical},
	{inventory.RoleAdmin, []string{"cluster-admin"}, "kubeadm:cluster-admins", "kubectl with admin.conf is refused everything", Warning},
}

// boundBy are the subjects that a binding may name to mean a certificate.
func boundBy(c *x509.Certificate) []string {
	subjects := []string{"User " + c.Subject.CommonName, "Group system:authenticated"}
	for _, group := range c.Subject.Organization {
		subjects = append(subjects, "Group "+group)
	}
	return subjects
}

// bootstrapBindings are some that every API server makes at its start (kubernetes
// plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go): where one of them is in
// view, all bindings of the cluster are.
var bootstrapBindings = []string{"cluster-admin", "system:basic-user", "system:discovery", "system:kube-scheduler",
	"system:kube-controller-manager", "system:node-proxier", "system:public-info-viewer"}

// everybodysRoles are bound to every user by those.
var everybodysRoles = []string{"system:basic-user", "system:discovery", "system:public-info-viewer"}

// clusterBindings are the ClusterRoleBindings in view; whole says that they are all
// of the cluster, and not those of some application.
func (n *node) clusterBindings() (bindings []inventory.Object, whole bool) {
	for _, o := range n.inv.Objects {
		if o.Binding != nil {
			bindings = append(bindings, o)
			whole = whole || slices.Contains(bootstrapBindings, o.Name) || strings.HasPrefix(o.Name, "kubeadm:")
		}
	}
	return bindings, whole
}

// unbound says of the API server's kubelet client that its rights come from a
// ClusterRoleBinding alone, where none is in view.
func (p *pass) unbound(e *entry) {
	groups := e.cert.Subject.Organization
	if e.role.name != inventory.RoleAPIServerKubelet || slices.Contains(groups, mastersGroup) || slices.Contains(groups, groupAdmins) {
		return
	}
	if _, whole := p.clusterBindings(); !whole { // else objects/rbac judges
		p.unjudged("%s is in no group that may call kubelets, and the ClusterRoleBindings are not in view of which kubeadm:apiserver-kubelet-client, or another, lets it: kubectl get clusterrolebindings -o json", userWords(e.cert.Certificate))
	}
}

func userWords(c *x509.Certificate) string { return fmt.Sprintf("the user %q", c.Subject.CommonName) }

// checkRBAC holds the certificates that have their rights from a ClusterRoleBinding
// against those of the cluster.
func checkRBAC(p *pass) {
	bindings, whole := p.clusterBindings()
	if len(bindings) > 0 && !whole {
		p.unjudged("the ClusterRoleBindings in view are not those of the whole cluster: kubectl get clusterrolebindings -o json")
		return
	}
	if !whole {
		return
	}
	for _, a := range accesses {
		for e := range p.decoded(func(e *entry) bool { return e.role.name == a.role && e.index == 0 }) {
			if !slices.Contains(e.cert.Subject.Organization, mastersGroup) {
				p.examine()
				p.access(a, e, bindings)
			}
		}
	}
}

// access reports a certificate to which no binding gives the rights.
func (p *pass) access(a access, e *entry, bindings []inventory.Object) {
	subjects := boundBy(e.cert.Certificate)
	unknown := ""
	for _, o := range bindings {
		bound := slices.ContainsFunc(o.Binding.Subjects, func(s string) bool { return slices.Contains(subjects, s) })
		switch {
		case bound && slices.Contains(a.roles, o.Binding.Role):
			return
		case bound && !slices.Contains(everybodysRoles, o.Binding.Role):
			unknown = o.Binding.Role // a role of somebody's own, which may give the same
		}
	}
	if unknown != "" {
		p.unjudged("%s has the ClusterRole %s, of which is not known whether it is enough", userWords(e.cert.Certificate), unknown)
		return
	}
	role, subject := a.roles[0], command("--user=%s", e.cert.Subject.CommonName)
	if slices.Contains(e.cert.Subject.Organization, groupAdmins) {
		a.binding, role, subject = "kubeadm:cluster-admins", "cluster-admin", command("--group=%s", groupAdmins)
	}
	if i := slices.IndexFunc(p.findings, func(f Finding) bool { return strings.HasSuffix(f.Message, "; expected "+a.binding) }); i >= 0 {
		p.findings[i].Message = strings.TrimSuffix(p.findings[i].Message, "; expected "+a.binding) + "; " + a.lacking + "; expected " + a.binding
		return // one binding is missing
	}
	f := finding{severity: a.impact,
		message: fmt.Sprintf("no ClusterRoleBinding gives %s the ClusterRole %s: %s; expected %s", userWords(e.cert.Certificate), joinOr(a.roles), a.lacking, a.binding),
		remedy:  remedy{command("kubectl create clusterrolebinding %s --clusterrole=%s ", a.binding, role) + subject}}
	i := slices.IndexFunc(bindings, func(o inventory.Object) bool { return o.Name == a.binding })
	if i < 0 {
		p.reportEntry(e, f)
		return
	}
	f.component, f.at = bindings[i].Label(), bindings[i].Origin
	f.message = fmt.Sprintf("gives the ClusterRole %s to %s, and no other gives %s to %s: %s", bindings[i].Binding.Role, listOr(bindings[i].Binding.Subjects, "nobody"), joinOr(a.roles), userWords(e.cert.Certificate), a.lacking)
	f.remedy = append(remedy{command("kubectl delete clusterrolebinding %s", a.binding)}, f.remedy...)
	p.report(f)
}
