package audit

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"certaudit/parsers"
)

// reportRequest reports a request. The line is that of the object, unless the
// finding has one.
func (p *pass) reportRequest(r *request, f finding) {
	line := f.at.Line
	if line == 0 {
		line = r.Origin.Line
	}
	f.at = parsers.Origin{Path: r.Origin.Path, Line: line, Field: r.field}
	if f.remedy == nil {
		f.remedy = r.turnDown()
	}
	p.report(f)
}

// each examines the requests that keep selects.
func (p *pass) each(keep func(*request) bool) []*request {
	var out []*request
	for _, r := range p.requests.list {
		if keep(r) {
			p.examine()
			out = append(out, r)
		}
	}
	return out
}

func anyRequest(*request) bool        { return true }
func isObjectRequest(r *request) bool { return !r.Bare }
func isDecoded(r *request) bool       { return r.PKCS10 != nil }
func isBuiltin(r *request) bool       { return r.builtin && r.PKCS10 != nil }

// turnDown is what to do with a request that is not to be approved.
func (r *request) turnDown() remedy {
	name := shellWord(r.Name.Value)
	leaf, issued := r.leaf()
	switch {
	case !r.served():
		return remedy{"# correct it before it is handed in: openssl req -new, then base64 -w0"}
	case issued:
		return remedy{fmt.Sprintf("# a certificate cannot be recalled, and this one ends on %s: take the rights from whom it names", instant(leaf.NotAfter)),
			"kubectl delete csr -- " + name}
	case r.pending():
		return remedy{"kubectl certificate deny -- " + name}
	}
	return remedy{"# make a new request, and remove this one:", "kubectl delete csr -- " + name}
}

func checkRequestDecodes(p *pass) {
	for _, r := range p.each(anyRequest) {
		if r.Fault != "" {
			f := finding{at: r.Content, message: "spec.request " + r.Fault}
			if r.Bare {
				f.message = r.Fault
			}
			if strings.Contains(r.Fault, parsers.FaultPrivateKey) {
				f.remedy = remedy{"# the key is no secret any more: make another one, and a request from it; remove this object wherever it is kept"}
			}
			p.reportRequest(r, f)
		}
		for _, problem := range r.Certificate.Material.Problems {
			p.reportRequest(r, finding{severity: Warning, at: problem.Origin, message: "status.certificate " + problem.Detail})
		}
		if _, ok := r.leaf(); r.issued() && !ok && len(r.Certificate.Material.Problems) == 0 {
			p.reportRequest(r, finding{severity: Warning, at: r.Certificate.Origin, message: "status.certificate holds no certificate"})
		}
	}
}

// validName matches the name of an object: a DNS subdomain (RFC 1123).
var validName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)

const maxName = 253

func checkRequestAccepted(p *pass) {
	for _, r := range p.each(isObjectRequest) {
		for _, problem := range r.Problems {
			p.reportRequest(r, finding{at: problem.Origin, message: fmt.Sprintf("%s %s", problem.Origin.Field, problem.Detail)})
		}
		for _, fault := range r.refusals() {
			p.reportRequest(r, finding{at: fault.at, severity: fault.severity, message: fault.message})
		}
	}
}

// refusal is why the API server does not take an object.
type refusal struct {
	at       parsers.Origin
	severity Severity
	message  string
}

// refusals are what the API server says to an object when it is created. What
// came from an API server has passed, so that only its version can be amiss; an
// object of v1 without a signer cannot have come from one.
func (r *request) refusals() []refusal {
	var out []refusal
	add := func(at parsers.Text, format string, args ...any) {
		out = append(out, refusal{at: at.Origin, message: fmt.Sprintf(format, args...)})
	}
	version := r.APIVersion
	switch version.Value {
	case apiV1, "":
	case apiV1beta1:
		out = append(out, refusal{version.Origin, map[bool]Severity{true: Info, false: Warning}[r.served()],
			"has the API version certificates.k8s.io/v1beta1, which no cluster serves since Kubernetes 1.22; certificates.k8s.io/v1 demands signerName and usages"})
	default:
		add(version, "has the API version %q; expected %s", clip(version.Value), apiV1)
	}
	if version.Value != apiV1beta1 && r.SignerName.Value == "" {
		add(r.SignerName, "names no signer; %s demands signerName", apiV1)
	}
	if r.served() {
		return out
	}
	switch name := r.Name.Value; {
	case name == "" && r.GenerateName.Value == "":
		add(r.Name, "has no name")
	case name != "" && (!validName.MatchString(name) || len(name) > maxName):
		add(r.Name, "has the name %q; expected lower-case letters, digits, dashes and dots, at most %d", clip(name), maxName)
	}
	if version.Value != apiV1beta1 {
		out = append(out, r.specRefusals()...)
	}
	return out
}

// specRefusals are those of the signer and the usages.
func (r *request) specRefusals() []refusal {
	var out []refusal
	add := func(at parsers.Text, format string, args ...any) {
		out = append(out, refusal{at: at.Origin, message: fmt.Sprintf(format, args...)})
	}
	switch signer := r.SignerName.Value; {
	case signer == "":
	case strings.Count(signer, "/") != 1 || !strings.Contains(strings.Split(signer, "/")[0], "."):
		add(r.SignerName, "has the signerName %q; expected DOMAIN/PATH", clip(signer))
	case signer == signerLegacy:
		add(r.SignerName, "names the signer %s, to which no object of %s may be sent", signerLegacy, apiV1)
	}
	if len(r.usages) == 0 {
		out = append(out, refusal{message: "asks for no usages; " + apiV1 + " demands at least one"})
	}
	for i, u := range r.Usages {
		switch {
		case !slices.Contains(knownUsages, u.Value):
			add(u, "asks for the usage %q, which does not exist", clip(u.Value))
		case slices.Contains(r.usages[:i], u.Value):
			add(u, "asks for the usage %q twice", u.Value)
		}
		if i >= len(knownUsages) {
			break
		}
	}
	return out
}

func checkRequestSignature(p *pass) {
	for _, r := range p.each(isDecoded) {
		x := r.PKCS10
		if x.PublicKey == nil || !p.mayVerify(x.PublicKey) {
			continue // csr/weak-key tells, or the pass
		}
		if err := x.CheckSignature(); err != nil {
			p.reportRequest(r, finding{at: r.Content, message: fmt.Sprintf("the signature was not made with the key of the request (%s)", err)})
		}
	}
}

func checkRequestKey(p *pass) {
	for _, r := range p.each(isDecoded) {
		algorithm := parsers.KeyAlgorithm(r.PKCS10.PublicKey)
		if algorithm == "" {
			p.reportRequest(r, finding{severity: Critical, at: r.Content, message: fmt.Sprintf("has a key of the kind %s, which Go programs cannot use; expected RSA, ECDSA or Ed25519", r.PKCS10.PublicKeyAlgorithm)})
		} else if severity := weakness(algorithm); severity != "" {
			p.reportRequest(r, finding{severity: severity, at: r.Content, message: weakWords(algorithm)})
		}
	}
}

func checkRequestSigner(p *pass) {
	for _, r := range p.each(func(r *request) bool { return r.signer != "" }) {
		if strings.HasPrefix(r.signer, builtinDomain) && !r.builtin {
			p.reportRequest(r, finding{at: r.SignerName.Origin,
				message: fmt.Sprintf("names the signer %q; kube-controller-manager has %s", clip(r.signer), joinOr(signerNames()))})
		}
	}
}

func signerNames() []string {
	var names []string
	for _, s := range Signers() {
		names = append(names, s.Name)
	}
	return names
}

func checkRequestPrivileges(p *pass) {
	for _, r := range p.each(isDecoded) {
		for _, what := range r.privileges() {
			p.reportRequest(r, finding{severity: what.severity, at: r.Content, message: what.message})
		}
		if asksForCA(r.PKCS10) {
			severity := Warning
			if r.builtin {
				severity = Info // set to CA:FALSE, pkg/controller/certificates/authority/policies.go
			}
			p.reportRequest(r, finding{severity: severity, at: r.Content, message: "asks to become a CA, with which more certificates could be signed"})
		}
	}
}

// maxPrivileges bounds what is said of one request.
const maxPrivileges = 8

// privilege is a name or a group with rights of its own.
type privilege struct {
	severity Severity
	message  string
}

// privileges are what a request asks for beyond a name and groups of one's own.
// Only of what kube-controller-manager signs is it known that the API server
// accepts it; system:masters is nothing that anybody should sign unawares.
func (r *request) privileges() []privilege {
	subject := r.PKCS10.Subject
	var out []privilege
	add := func(bad bool, format string, args ...any) {
		severity := Warning
		if bad {
			severity = Critical
		}
		out = append(out, privilege{severity, fmt.Sprintf(format, args...)})
	}
	node := r.rules.Node || r.signer == "" && strings.HasPrefix(subject.CommonName, nodeNamePrefix)
	for _, group := range subject.Organization {
		if len(out) == maxPrivileges {
			add(r.builtin, "asks for more groups of this kind")
			break
		}
		switch group := clip(group); {
		case group == mastersGroup:
			add(r.builtin || r.signer == "", "asks for the group %q, which may do everything and of which no RBAC rule can take it back; the API server refuses it for %s", group, signerClient)
		case group == groupAdmins:
			add(r.builtin, "asks for the group %q, which kubeadm binds to cluster-admin", group)
		case group == groupNodes && node:
		case group == groupNodes:
			add(r.builtin, "asks for the group %q of another signer than those of kubelets", group)
		case strings.HasPrefix(group, reservedPrefix):
			add(r.builtin, "asks for the group %q; groups in %s belong to Kubernetes", group, reservedPrefix)
		}
	}
	if name := clip(subject.CommonName); strings.HasPrefix(name, reservedPrefix) && !(node && strings.HasPrefix(name, nodeNamePrefix)) {
		add(r.builtin, "asks for the user %q; names in %s belong to Kubernetes", name, reservedPrefix)
	}
	return out
}

var oidBasicConstraints = asn1.ObjectIdentifier{2, 5, 29, 19}

func asksForCA(x *x509.CertificateRequest) bool {
	for _, e := range x.Extensions {
		var constraints struct {
			IsCA       bool `asn1:"optional"`
			MaxPathLen int  `asn1:"optional,default:-1"`
		}
		if e.Id.Equal(oidBasicConstraints) {
			_, err := asn1.Unmarshal(e.Value, &constraints)
			return err == nil && constraints.IsCA
		}
	}
	return false
}

// bySigner holds those requests to built-in signers that keep selects against
// one of their rules.
func (p *pass) bySigner(keep func(*request) bool, faults func(*request) (parsers.Origin, []string)) {
	for _, r := range p.each(keep) {
		at, found := faults(r)
		if len(found) == 0 {
			continue
		}
		p.reportRequest(r, finding{at: at, reference: r.rules.Source, message: strings.Join(clipAll(found), "; ")})
	}
	for _, r := range p.requests.list {
		if !r.builtin && r.signer != "" && !strings.HasPrefix(r.signer, builtinDomain) {
			p.unjudged("the rules of signers that are not part of Kubernetes are not known")
		}
	}
}

func checkRequestUsages(p *pass) {
	p.bySigner(func(r *request) bool { return r.builtin }, func(r *request) (parsers.Origin, []string) {
		var at parsers.Origin
		if len(r.Usages) > 0 {
			at = r.Usages[0].Origin
		}
		found := r.rules.usageFaults(r.usages)
		if len(found) > 0 {
			found = append(found, fmt.Sprintf("%s signs for %s, and at most %s with it", r.signer, listOr(r.rules.Required, "none"), listOr(r.rules.Allowed, "nothing")))
		}
		return at, found
	})
}

func checkRequestSubject(p *pass) {
	p.bySigner(isBuiltin, func(r *request) (parsers.Origin, []string) {
		return r.Content, r.rules.subjectFaults(r.PKCS10.Subject)
	})
}

func checkRequestUnits(p *pass) {
	for _, r := range p.each(isDecoded) {
		subject := r.PKCS10.Subject
		told := r.rules.Node && !slices.Equal(subject.Organization, []string{groupNodes}) // by csr/subject
		if misplaced := misplacedGroups(subject); len(misplaced) > 0 && !told {
			p.reportRequest(r, finding{at: r.Content, message: fmt.Sprintf("asks for OU=%s, and groups are read from O alone, which is %s; expected O=%s, if the group is to be had",
				strings.Join(quoted(clipAll(misplaced)), ", OU="), listOr(clipAll(subject.Organization), "empty"), strings.Join(quoted(clipAll(misplaced)), ", O="))})
		}
	}
}

func checkRequestNames(p *pass) {
	p.bySigner(isBuiltin, func(r *request) (parsers.Origin, []string) { return r.Content, r.rules.sanFaults(r) })
}

func checkRequestRequestor(p *pass) {
	for _, r := range p.each(func(r *request) bool { return !r.served() && len(r.Requestor) > 0 }) {
		var fields []string
		for _, at := range r.Requestor {
			fields = append(fields, at.Field)
		}
		p.reportRequest(r, finding{severity: Info, at: r.Requestor[0], message: "sets " + strings.Join(fields, ", ") +
			", which the API server ignores: it fills in who hands the object in. Groups that the certificate is to have stand in the request itself, as organizations",
			remedy: remedy{"# leave them out; a group is asked for with openssl req -new -subj /O=GROUP/CN=USER"}})
	}
	for _, r := range p.each(func(r *request) bool { return isDecoded(r) && r.Username.Value != "" }) {
		severity, why := r.impersonation()
		if why == "" {
			continue
		}
		f := finding{severity: severity, at: r.Username.Origin, message: why}
		if severity == Info {
			f.remedy = remedy{"# no action needed if this is intended"}
		}
		p.reportRequest(r, f)
	}
}

// impersonation says whether the requestor asks for somebody else, and how bad
// that is: administrators do so on purpose, as the documentation shows it.
func (r *request) impersonation() (Severity, string) {
	user, name := r.Username.Value, r.PKCS10.Subject.CommonName
	if user == name || !r.builtin && !strings.HasPrefix(user, nodeNamePrefix) {
		return "", ""
	}
	seen := fmt.Sprintf("%q asks for a certificate of %q", clip(user), clip(name))
	administrator := slices.Contains(r.groups, mastersGroup) || slices.Contains(r.groups, groupAdmins)
	switch {
	case strings.HasPrefix(user, nodeNamePrefix):
		return Critical, seen + "; a node asks for itself alone"
	case r.rules.Requestor == RequestorBootstrap && slices.Contains(r.groups, groupBootstrap):
		return "", ""
	case administrator:
		return Info, seen + ", as an administrator may; expected " + string(r.rules.Requestor)
	}
	return Warning, seen + "; expected " + string(r.rules.Requestor)
}

func checkRequestAddresses(p *pass) {
	serving := func(r *request) bool { return isBuiltin(r) && r.rules.SANs == SANHosts }
	claims := p.requests.claims(serving)
	for _, r := range p.each(serving) {
		node := r.node()
		f := finding{at: r.Content}
		if known, ok := p.requests.nodes[node]; ok {
			if others := r.hostsBut(func(name string) bool {
				return strings.EqualFold(name, node) || slices.ContainsFunc(known, func(k string) bool { return sameHost(k, name) })
			}); len(others) > 0 {
				f.message = fmt.Sprintf("asks for %s, which the Node %s does not have; it has %s", listOr(clipAll(others), "none"), clip(node), listOr(clipAll(known), "no address"))
				p.reportRequest(r, f)
			}
			continue
		}
		p.unjudged("the addresses of the node are not known; give its Node object as well: kubectl get csr,nodes -o yaml")
		if others := r.hostsBut(func(name string) bool { return isOwnName(node, name) && len(claims[strings.ToLower(name)]) < 2 }); len(others) > 0 {
			f.severity = Warning
			f.message = fmt.Sprintf("asks for %s, which is not the node's own by its form, or which is another node's too; without the Node %s nobody can tell", listOr(clipAll(others), "none"), clip(node))
			f.remedy = remedy{"# give its Node object as well: kubectl get csr,nodes -o yaml"}
			p.reportRequest(r, f)
		}
	}
}

// node is the name of the node that a kubelet's request is for.
func (r *request) node() string {
	return strings.TrimPrefix(r.PKCS10.Subject.CommonName, nodeNamePrefix)
}

// hostsBut lists the DNS names and addresses of a request but those that fit.
func (r *request) hostsBut(fits func(name string) bool) []string {
	dns, ips, _ := alternativeNames(r)
	return slices.DeleteFunc(slices.Concat(dns, ips), fits)
}

// claims are the nodes that have a name or address, or for which it is asked, by
// it in lower case.
func (s *requestSet) claims(keep func(*request) bool) map[string]map[string]bool {
	out := map[string]map[string]bool{}
	add := func(node string, names []string) {
		for _, name := range names {
			name = strings.ToLower(name)
			if out[name] == nil {
				out[name] = map[string]bool{}
			}
			out[name][node] = true
		}
	}
	for node, names := range s.nodes {
		add(node, names)
	}
	for _, r := range s.list {
		if keep(r) {
			add(r.node(), r.hostsBut(func(string) bool { return false }))
		}
	}
	return out
}

// isOwnName reports whether a name may be a node's own, as far as it shows: an
// address, or the name of the node with or without a domain. Cloud providers give
// a node other names as well, which its Node object tells.
func isOwnName(node, name string) bool {
	node, name = strings.ToLower(node), strings.ToLower(name)
	return parsers.IsAddress(name) || name == node || strings.HasPrefix(name, node+".") || strings.HasPrefix(node, name+".")
}

// The bounds of a lifetime (kubernetes pkg/apis/certificates/validation/validation.go)
// and the one that is wanted unless the policy says otherwise.
const (
	minSeconds   = 600
	wantedDays   = 365
	pendingHours = 1
)

func (p *Policy) wantedLifetime() time.Duration {
	days := wantedDays
	if p != nil && p.Requests.LifetimeDays != nil {
		days = *p.Requests.LifetimeDays
	}
	return time.Duration(days) * 24 * time.Hour
}

func (p *Policy) pendingLimit() time.Duration {
	hours := pendingHours
	if p != nil && p.Requests.PendingHours != nil {
		hours = *p.Requests.PendingHours
	}
	return time.Duration(hours) * time.Hour
}

func checkRequestLifetime(p *pass) {
	wanted := p.policy.wantedLifetime()
	for _, r := range p.each(func(r *request) bool { return r.timed }) {
		asked := time.Duration(r.seconds) * time.Second
		f := finding{at: r.ExpirationSeconds.Origin}
		switch {
		case r.seconds < minSeconds:
			f.message = fmt.Sprintf("asks for %s; the API server takes no less than %d seconds", exactly(asked), minSeconds)
		case asked > wanted:
			f.message = fmt.Sprintf("asks for %s; expected at most %s", exactly(asked), exactly(wanted))
		case r.builtin && p.requests.signing != nil && p.requests.signing.duration > 0 && asked > p.requests.signing.duration:
			f.severity = Info
			f.message = fmt.Sprintf("asks for %s; kube-controller-manager cuts it to its --cluster-signing-duration, %s", exactly(asked), exactly(p.requests.signing.duration))
			f.remedy = remedy{"# no action needed if the shorter lifetime will do"}
		default:
			continue
		}
		p.reportRequest(r, f)
	}
}

// cleanedAfter is when kube-controller-manager removes a pending request.
const cleanedAfter = 24 * time.Hour

func checkRequestPending(p *pass) {
	limit := p.policy.pendingLimit()
	for _, r := range p.each((*request).pending) {
		age := p.now.Sub(r.Created)
		if r.Created.IsZero() || age <= limit {
			continue
		}
		message := fmt.Sprintf("waits for %s, since %s", roughly(age), instant(r.Created))
		switch {
		case r.builtin:
			message += "; " + r.rules.Approval
		case r.signer != "":
			message += "; whoever runs the signer " + clip(r.signer) + " is to approve it"
		}
		if s := p.requests.signing; s != nil && r.signer == signerKubeletClient && !s.approving {
			message += "; its controller is switched off by --controllers"
		}
		if age > cleanedAfter {
			message += "; pending requests are removed after 24 hours, so nothing cleans up"
		}
		name := shellWord(r.Name.Value)
		p.reportRequest(r, finding{message: message, remedy: remedy{
			"# approve it if nothing else is said of it here, else deny it:",
			"kubectl certificate approve -- " + name,
			"kubectl certificate deny -- " + name}})
	}
}

// signingGrace is how long a signer may take.
const signingGrace = 5 * time.Minute

func checkRequestNotIssued(p *pass) {
	approved := func(r *request) bool {
		return r.has(conditionApproved) && !r.has(conditionFailed) && !r.issued()
	}
	for _, r := range p.each(approved) {
		c, _ := r.condition(conditionApproved)
		since := c.At
		if since.IsZero() {
			since = r.Created
		}
		if !since.IsZero() && p.now.Sub(since) < signingGrace {
			continue
		}
		message := "was approved and has no certificate"
		if !since.IsZero() {
			message = fmt.Sprintf("was approved on %s and has no certificate", instant(since))
		}
		p.reportRequest(r, finding{at: r.SignerName.Origin, message: message + "; " + p.requests.whyUnsigned(r),
			remedy: remedy{"# the log of kube-controller-manager says why:", "kubectl -n kube-system logs -l component=kube-controller-manager --tail=-1 | grep -i certificate"}})
	}
}

// whyUnsigned says what keeps a signer from signing, as far as it can be seen.
func (s *requestSet) whyUnsigned(r *request) string {
	switch {
	case !r.builtin:
		return fmt.Sprintf("the signer %q does not run, or does not sign", clip(r.signer))
	case s.signing == nil:
		return "kube-controller-manager does not sign: it does not run, its --controllers leave the signer out, or it has no signing key"
	case !s.signing.signs:
		return "the signing controller is switched off by --controllers"
	}
	if pair := s.signing.pairs[r.signer]; pair.cert.Value == "" || pair.key.Value == "" {
		return "kube-controller-manager has no files to sign with for " + r.signer
	}
	return "kube-controller-manager has the files to sign with; its log says why it does not"
}

// explained is a condition with what was said of it.
func explained(c parsers.Condition) string {
	out := ""
	if !c.At.IsZero() {
		out = " on " + instant(c.At)
	}
	for _, s := range []string{c.Reason, c.Message} {
		if s != "" {
			out += ": " + clip(s)
		}
	}
	return out
}

func (p *pass) reportCondition(kind, word string, r remedy) {
	for _, q := range p.each(func(r *request) bool { return r.has(kind) }) {
		c, _ := q.condition(kind)
		p.reportRequest(q, finding{message: word + explained(c), remedy: r})
	}
}

func checkRequestDenied(p *pass) {
	p.reportCondition(conditionDenied, "was denied", remedy{"# no action needed if this is intended; it is removed after an hour"})
}

func checkRequestFailed(p *pass) {
	p.reportCondition(conditionFailed, "the signer refused it", nil)
}

func checkRequestUnapproved(p *pass) {
	for _, r := range p.each((*request).issued) {
		if !r.has(conditionApproved) {
			p.reportRequest(r, finding{at: r.Certificate.Origin, message: "has a certificate, and its conditions do not say that it was approved"})
		}
	}
}
