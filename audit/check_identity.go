package audit

import (
	"crypto/x509"
	"fmt"
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
			if w, ok := p.expand(r); ok {
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
					message: fmt.Sprintf("the organizations are %s; expected %s among them", listOr(has, "none"), joinOr(quoted(w.values)))})
			}
		}
	}
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
	if legacy != "" {
		f.severity, f.reference = Info, legacy
		f.message = fmt.Sprintf("has the organization %q of an earlier Kubernetes version, which a renewal copies; new certificates come without it", o)
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

// extraSeverity follows what the group may do. etcd looks at no organization.
// A group that only this cluster's own rules know is worth a warning where
// kubeadm issues the certificates, which gives none of them.
func (p *node) extraSeverity(e *entry, o string) Severity {
	switch {
	case e.role.kind == typeToEtcd:
		return Info
	case o == mastersGroup:
		return Critical
	case strings.HasPrefix(o, "system:") || p.facts.profile == ProfileKubeadm:
		return Warning
	}
	return Info
}

func checkSANMissing(p *pass) {
	for e := range p.decoded((*entry).isLeaf) {
		var missing []string
		asked := map[string]bool{}
		f := finding{severity: Info}
		rows := p.wants(e, FactDNSName, FactIPAddress)
		for _, w := range rows {
			for _, host := range w.values {
				if e.cert.VerifyHostname(host) == nil {
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
		if len(rows) > 0 {
			p.examine()
		}
		if len(missing) > 0 {
			f.message = fmt.Sprintf("lacks %s; it has %s", strings.Join(missing, ", "), listOr(sans(e.cert.Certificate), "no alternative names"))
			f.remedy = p.reissue(e)
			p.reportEntry(e, f)
		}
	}
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
