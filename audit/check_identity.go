package audit

import (
	"certaudit/audit/inventory"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// wanted is a requirement with its placeholders replaced.
type wanted struct {
	Requirement
	// values are what the requirement asks for; why says it of each value.
	values []string
	why    map[string]string
}

// wants returns the requirements of an entry's role that state one of the
// facts. One whose placeholders cannot be known is left out, and said.
func (p *pass) wants(e *entry, about ...Fact) []wanted {
	var out []wanted
	for _, fact := range about {
		for _, r := range p.requirements(e.role.name, fact) {
			if w, ok := p.expand(*r); ok {
				out = append(out, w)
			}
		}
	}
	return out
}

func (p *pass) expand(r Requirement) (wanted, bool) {
	w := wanted{Requirement: r, why: map[string]string{}}
	for _, v := range r.Values {
		values, known := p.facts.expand(v)
		if !known {
			if name := placeholder(v); name != "allowedNames" {
				p.unjudged("%s is not known, so the %s of %s was not held against it", placeholderWords[name], r.Fact, r.Role)
			}
			return wanted{}, false
		}
		for _, value := range values {
			w.values = append(w.values, value)
			w.why[value] = placeholderWords[placeholder(v)]
		}
	}
	return w, true
}

// placeholder is the name between the braces of a requirement's value.
func placeholder(value string) string {
	_, rest, _ := strings.Cut(value, "{")
	name, _, _ := strings.Cut(rest, "}")
	return name
}

// placeholderWords say what the placeholders of the requirement table stand for.
var placeholderWords = map[string]string{
	"nodeName":         "the node's name",
	"clusterDomain":    "the cluster's domain",
	"serviceIP":        "the first address of the service range",
	"advertiseAddress": "the API server's advertised address",
	"allowedNames":     "--requestheader-allowed-names",
	"serverHosts":      "the server that a kubeconfig calls",
	"etcdClientHosts":  "the host of etcd's client URL",
	"etcdPeerHosts":    "the host of etcd's peer URL",
	"etcdClientUsage":  "etcd's calls to itself",
	// Nobody in view calls etcd by these.
	"etcdSpareHosts":     "the host of etcd's client URL, which nothing on this node calls",
	"etcdSparePeerHosts": "the host of etcd's peer URL, which no other member calls",
	"kubeletHosts":       "how the API server calls the kubelet",
}

func checkCommonName(p *pass) {
	for e := range p.decoded((*entry).isFirst) {
		for _, w := range p.wants(e, FactCommonName) {
			if len(w.values) == 0 || e.role.isCA() && p.sharesCA(e) {
				continue
			}
			p.examine()
			if cn := e.cert.Subject.CommonName; !slices.Contains(w.values, cn) {
				p.reportEntry(e, finding{severity: w.Severity, reference: w.Source, remedy: p.reissue(e),
					message: fmt.Sprintf("the common name is %q; expected %s", cn, joinOr(quoted(w.values)))})
			}
		}
	}
}

// sharesCA reports whether the same certificate stands in for another CA as
// well, so that its name can fit one of them only.
func (n *node) sharesCA(e *entry) bool {
	return slices.ContainsFunc(n.entries, func(other *entry) bool {
		return other.cert != nil && other.role.isCA() && other.role.name != e.role.name && other.cert.SHA256() == e.cert.SHA256()
	})
}

// isFirst reports whether an entry is the first certificate of its place.
func (e *entry) isFirst() bool { return e.index == 0 }

func checkOrganizationMissing(p *pass) {
	for e := range p.decoded((*entry).isLeaf) {
		rows := p.wants(e, FactOrganization)
		if len(rows) == 0 {
			p.unbound(e)
		}
		for _, w := range rows {
			p.examine()
			has := e.cert.Subject.Organization
			if !slices.ContainsFunc(w.values, func(v string) bool { return slices.Contains(has, v) }) {
				p.reportEntry(e, finding{severity: w.Severity, reference: w.Source, remedy: p.reissue(e),
					message: fmt.Sprintf("the organizations are %s; expected %s among them%s", listOr(has, "none"), joinOr(quoted(w.values)), misplacedWords(e.cert.Subject))})
			}
		}
	}
}

// groupName matches what has the form of a group of Kubernetes or of one that is
// mapped to it, "system:masters".
var groupName = regexp.MustCompile(`^[A-Za-z0-9][\w.-]*(:[\w.-]+)+$`)

// misplacedGroups are the organizational units of a subject that have the form of
// a group and are none of its organizations, from which alone groups are read
// (k8s.io/apiserver pkg/authentication/request/x509 CommonNameUserConversion).
func misplacedGroups(subject pkix.Name) []string {
	var out []string
	for _, unit := range subject.OrganizationalUnit {
		if groupName.MatchString(unit) && !slices.Contains(subject.Organization, unit) && !slices.Contains(out, unit) {
			out = append(out, unit)
		}
	}
	return out
}

// misplacedWords say that groups stand where nobody reads them; "" for none.
func misplacedWords(subject pkix.Name) string {
	misplaced := misplacedGroups(subject)
	if len(misplaced) == 0 {
		return ""
	}
	return fmt.Sprintf("; %s in OU is no group, for groups are read from O alone", listOr(clipAll(misplaced), ""))
}

func checkOrganizationalUnit(p *pass) {
	for e := range p.decoded(func(e *entry) bool { return e.isLeaf() && e.hasGroups() }) {
		p.examine()
		misplaced := misplacedGroups(e.cert.Subject)
		if len(misplaced) == 0 || p.reportedMissing(e) {
			continue
		}
		p.reportEntry(e, finding{remedy: p.reissue(e), message: fmt.Sprintf("has OU=%s, and groups are read from O alone, which is %s; expected %s",
			strings.Join(quoted(clipAll(misplaced)), ", OU="), listOr(e.cert.Subject.Organization, "empty"), "O="+strings.Join(quoted(clipAll(misplaced)), ", O="))})
	}
}

// hasGroups reports whether the organizations of an entry are groups to whom it
// is shown: to API servers and kubelets, and to those that are not in view.
func (e *entry) hasGroups() bool {
	switch e.role.kind {
	case typeToAPI, typeToKubelet, typeClient:
		return true
	case typeByUsage:
		return unrestricted(e.cert.Certificate) || slices.Contains(e.cert.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	}
	return false
}

// reportedMissing reports whether a finding says of an entry that it lacks an
// organization, and with it where that stands instead.
func (p *pass) reportedMissing(e *entry) bool {
	return slices.ContainsFunc(p.earlier, func(f Finding) bool {
		return f.Check == "identity/organization-missing" && f.Path == e.place.Path && f.SHA256 == e.cert.SHA256()
	})
}

// mastersGroup may do everything, and no RBAC rule can take that back.
const mastersGroup = "system:masters"

func checkOrganizationExtra(p *pass) {
	for e := range p.decoded((*entry).isLeaf) {
		rows := p.wants(e, FactOrganization, FactOrganizationAllowed, FactOrganizationLegacy)
		if len(rows) == 0 && !p.hasRows(e.role.name, FactCommonName) {
			continue
		}
		if p.facts.version.Value == "" && p.table.dependsOnVersion(e.role.name) {
			p.unjudged("the Kubernetes version is not known, so the organizations of %s were not judged", e.role.name)
			continue
		}
		p.examine()
		for _, o := range e.cert.Subject.Organization {
			p.extraOrganization(e, o, rows)
		}
	}
}

func (n *node) hasRows(role string, fact Fact) bool {
	return len(n.requirements(role, fact)) > 0
}

// dependsOnVersion reports whether what the table says of a role's
// organizations changes with the version.
func (t *Requirements) dependsOnVersion(role string) bool {
	return slices.ContainsFunc(t.Rows, func(r Requirement) bool {
		return r.Role == role && strings.HasPrefix(string(r.Fact), string(FactOrganization)) && !r.always()
	})
}

func (p *pass) extraOrganization(e *entry, o string, rows []wanted) {
	legacy := ""
	for _, w := range rows {
		if !slices.Contains(w.values, o) {
			continue
		}
		if w.Fact != FactOrganizationLegacy {
			return
		}
		legacy = w.Source
	}
	f := finding{severity: p.extraSeverity(e, o), remedy: p.reissue(e),
		message: fmt.Sprintf("has the organization %q, which %s does not need; %s", o, e.role.name, p.expectedOrganizations(rows))}
	if why := p.powerless(e); why != "" {
		f.severity, f.message = Info, f.message+"; "+why
	}
	if legacy != "" {
		f.severity, f.reference = Info, legacy
		f.message = fmt.Sprintf("has the organization %q of an earlier Kubernetes version, which a renewal copies; new certificates come without it", o)
	}
	if f.severity != Critical && p.reportedMissing(e) {
		return // what stands there in place of the right one was said with it
	}
	p.reportEntry(e, f)
}

func (p *node) expectedOrganizations(rows []wanted) string {
	var values []string
	for _, w := range rows {
		if w.Fact == FactOrganization {
			values = append(values, w.values...)
		}
	}
	if len(values) == 0 {
		return "expected none"
	}
	return "expected " + joinOr(quoted(values))
}

// powerless says why the groups of a certificate give nobody more rights than the
// holder of its key has without them; "" if they may.
func (p *pass) powerless(e *entry) string {
	switch clients, inView := bundleNamed(p.inv, []string{"kube-apiserver --client-ca-file"}); {
	case e.role.name == inventory.RoleAPIServerServing || e.role.name == inventory.RoleAPIServerSNI:
		return "whoever has the API server's own key may do everything anyway, and until the certificate ends also as a client"
	case e.role.kind == typeToEtcd:
		return "etcd reads no groups"
	case !inView:
		return ""
	case !unrestricted(e.cert.Certificate) && !slices.Contains(e.cert.ExtKeyUsage, x509.ExtKeyUsageClientAuth):
		return "it is for servers alone, and nobody takes it for a client's"
	case isUnknownAuthority(p.verify(e.cert.Certificate, e.chain(), clients, p.now)):
		return "no API server takes it for a client's: its CA is not in " + clients.place.Path
	}
	return ""
}

// extraSeverity follows what the group may do. A group that only this cluster's
// own rules know is worth a warning where kubeadm issues the certificates, which
// gives none of them.
func (p *node) extraSeverity(e *entry, o string) Severity {
	switch {
	case o == mastersGroup:
		return Critical
	case strings.HasPrefix(o, "system:") || p.facts.profile == ProfileKubeadm:
		return Warning
	}
	return Info
}

func checkSANMissing(p *pass) {
	for e := range p.decoded((*entry).isLeaf) {
		rows := p.wants(e, FactDNSName, FactIPAddress)
		f, missing := p.missingNames(e, rows)
		severity, why := p.unmatched(e)
		if len(rows) > 0 || why != "" {
			p.examine()
		}
		switch {
		case len(missing) > 0:
			f.message = fmt.Sprintf("lacks %s; it has %s", strings.Join(missing, ", "), listOr(sans(e.cert.Certificate), "no alternative names"))
		case why != "":
			f.message, f.reference = why, sourceNoNames
		default:
			continue
		}
		if why != "" && severity.Rank() > f.severity.Rank() {
			f.severity = severity
		}
		f.remedy = p.reissue(e)
		if e.role.name == inventory.RoleFileLeaf {
			f.remedy = remedy{"# have its CA issue it with the names and addresses by which its server is called"}
		}
		p.reportEntry(e, f)
	}
}

// missingNames are the names and addresses that the requirements ask of a
// certificate and that it does not have, with the worst that follows from one.
func (p *pass) missingNames(e *entry, rows []wanted) (f finding, missing []string) {
	f.severity = Info
	asked := map[string]bool{}
	for _, w := range rows {
		for _, host := range w.values {
			if e.cert.VerifyHostname(host) == nil || p.answeredApart(e, host) {
				continue
			}
			if !asked[host] {
				missing = append(missing, sanWords(host, w.why[host]))
			}
			asked[host] = true
			if severity := w.severityOr(Critical); f.reference == "" || severity.Rank() > f.severity.Rank() {
				f.severity, f.reference = severity, w.Source
			}
		}
	}
	return f, missing
}

// answeredApart reports whether the API server shows those who call it by a name
// another certificate than the default one, and that has the name.
func (n *node) answeredApart(e *entry, host string) bool {
	if e.role.name != inventory.RoleAPIServerServing {
		return false
	}
	_, apart := n.inv.SNIReference(host)
	return apart && holdsName(n.inv, host)
}

const sourceNoNames = "https://go.dev/doc/go1.15#commonname; RFC 6125"

// unmatched says why a serving certificate is refused by whatever host its server
// is called, and what that is worth; "" if it may fit one, or nobody verifies it.
func (n *nodeAudit) unmatched(e *entry) (Severity, string) {
	if e.role.name == inventory.RoleFileLeaf {
		return e.nameless()
	}
	severity, byAddress := n.matchless(e.role.name)
	if severity == "" {
		return "", ""
	}
	return severity, matchesNoHost(e.cert.Certificate, byAddress)
}

// nameless is unmatched for a certificate of which nothing says who shows it: it has to be a
// server's by its usages alone, since some give those of a server to clients as well, or to
// be called as kubeadm calls that of a server. One that is known by a URI or a mail address
// has a name.
func (e *entry) nameless() (Severity, string) {
	x := e.cert.Certificate
	why := matchesNoHost(x, false)
	if why == "" || x.IsCA || len(x.URIs)+len(x.EmailAddresses) > 0 {
		return "", ""
	}
	may := func(u x509.ExtKeyUsage) bool {
		return slices.Contains(x.ExtKeyUsage, u) || slices.Contains(x.ExtKeyUsage, x509.ExtKeyUsageAny)
	}
	unlimited := len(x.ExtKeyUsage)+len(x.UnknownExtKeyUsage) == 0
	switch {
	case e.isCalledServer() && (unlimited || may(x509.ExtKeyUsageServerAuth)):
		return Critical, why
	case may(x509.ExtKeyUsageServerAuth) && !may(x509.ExtKeyUsageClientAuth):
		return Warning, why
	}
	return "", ""
}

// isCalledServer reports whether a file has the name that kubeadm gives to the certificate of
// a server: "apiserver.crt", "etcd/server.crt".
func (e *entry) isCalledServer() bool {
	return e.place.Field == "" && slices.ContainsFunc(inventory.KubeadmFiles(), func(k inventory.KubeadmFile) bool {
		kind := roleNamed(k.Role).kind
		return k.Holds == inventory.HoldsCertificate && (kind == typeServer || kind == typeBoth) && strings.HasSuffix("/"+e.place.Path, "/"+k.Path)
	})
}

// matchless says what it is worth if nobody accepts a certificate of a role as a
// server's; "" where nobody looks at it. byAddress says that its server is called
// by an address.
func (n *nodeAudit) matchless(role string) (severity Severity, byAddress bool) {
	switch role {
	case inventory.RoleAPIServerServing, inventory.RoleAPIServerSNI:
		return Critical, false
	case inventory.RoleEtcdServing:
		return n.speaksTLS("listen-client-urls", Critical), false
	case inventory.RoleEtcdPeer:
		if isAlone(n.inv) {
			return n.speaksTLS("listen-peer-urls", Warning), false
		}
		return n.speaksTLS("listen-peer-urls", Critical), false
	case inventory.RoleKubeletServing:
		if _, ok := kubeletVerifier(n.inv); ok {
			dialled, _ := kubeletTarget(n.inv, n.ownName())
			return Critical, dialled.byAddress
		}
		if _, ok := n.inv.Component(inventory.APIServer); ok {
			return "", false
		}
		return n.matchlessElsewhere()
	case inventory.RoleControllerServe, inventory.RoleSchedulerServe:
		return Info, false // nothing of Kubernetes verifies them, and monitoring may
	}
	return "", false
}

// matchlessElsewhere is what it is worth if nobody accepts what the kubelet serves, where
// the API servers are elsewhere: how they call it, and whether they verify it, is known of
// some distributions alone, which call it by its address (--kubelet-preferred-address-types
// in their layouts). Who asks the cluster for a certificate wants it verified.
func (n *nodeAudit) matchlessElsewhere() (severity Severity, byAddress bool) {
	switch l := n.layout(); {
	case l != nil && l.Verifies:
		return Critical, true
	case n.inv.Setting(inventory.Kubelet, "rotate-server-certificates").Value == "true":
		return Warning, false
	}
	return Info, false
}

// speaksTLS is a severity if the etcd of this node serves with TLS at one of some
// URLs.
func (n *node) speaksTLS(flag string, severity Severity) Severity {
	if strings.Contains(n.inv.Setting(inventory.Etcd, flag).Value, "https://") {
		return severity
	}
	return ""
}

func sanWords(host, why string) string {
	if why == "" {
		return fmt.Sprintf("%q", host)
	}
	return fmt.Sprintf("%q (%s)", host, why)
}

func (r Requirement) severityOr(s Severity) Severity {
	if r.Severity != "" {
		return r.Severity
	}
	return s
}

// sans lists the alternative names of a certificate, DNS names first.
func sans(c *x509.Certificate) []string { return slices.Concat(c.DNSNames, texts(c.IPAddresses)) }
