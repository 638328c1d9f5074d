package audit

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"certaudit/audit/inventory"
	"certaudit/parsers"
)

// Request is a certificate signing request: one row of the table of requests.
type Request struct {
	// Name of the object; empty for a bare PEM request.
	Name string `json:"name"`
	Path string `json:"path"`
	Line int    `json:"line,omitempty"`
	// Field identifies the request in its file, and in the findings about it.
	Field string `json:"field"`
	// Created is when the API server took it; zero for a manifest.
	Created time.Time `json:"created,omitzero"`
	// Signer is spec.signerName, or what v1beta1 made of its absence.
	Signer string `json:"signer"`
	// Username and Groups are the requestor's, set by the API server; empty for
	// what no API server has seen, whatever stands there.
	Username string   `json:"username"`
	Groups   []string `json:"groups"`
	// Condition is in the words of kubectl: "Pending", "Approved,Issued"; empty
	// for what no API server has seen.
	Condition     string   `json:"condition"`
	CommonName    string   `json:"commonName"`
	Organizations []string `json:"organizations"`
	DNSNames      []string `json:"dnsNames"`
	IPAddresses   []string `json:"ipAddresses"`
	// OtherNames are email addresses and URIs.
	OtherNames   []string `json:"otherNames"`
	KeyAlgorithm string   `json:"keyAlgorithm"`
	// Usages are those asked for, as spec.usages has them.
	Usages []string `json:"usages"`
	// ExpirationSeconds is the lifetime asked for; 0 leaves it to the signer.
	ExpirationSeconds int64 `json:"expirationSeconds,omitempty"`
	// SHA256 is that of the issued certificate, which has a row of its own among
	// the certificates; empty where there is none.
	SHA256 string `json:"sha256,omitempty"`
	// NotAfter is that of the issued certificate.
	NotAfter time.Time `json:"notAfter,omitzero"`
	// Verdict is [VerdictSound], [VerdictDoubtful] or [VerdictReject].
	Verdict string `json:"verdict"`
	// Reasons are the checks behind the verdict, the worst first.
	Reasons []string `json:"reasons"`
}

// The verdicts on a request.
const (
	// VerdictSound: nothing at warning or above was found.
	VerdictSound = "sound"
	// VerdictDoubtful: a finding of severity warning; somebody has to look.
	VerdictDoubtful = "doubtful"
	// VerdictReject: a critical finding; it is not to be approved, or should not
	// have been.
	VerdictReject = "reject"
)

// request is a request with what its rules need to know.
type request struct {
	parsers.Request
	// field identifies it in its file.
	field string
	// signer is the one in effect, "" if none is named; rules are those of a
	// built-in one.
	signer  string
	rules   Signer
	builtin bool
	usages  []string
	groups  []string
	// seconds is the lifetime asked for, where timed says that there is one.
	seconds int64
	timed   bool
}

// requestSet is what the checks of requests share.
type requestSet struct {
	list  []*request
	nodes map[string][]string
	// roots are the CAs given by hand.
	roots []parsers.Certificate
	// signing is the controller-manager's side; nil where it is not in view.
	signing *signing
}

// RunRequests judges requests, and with them the controller-manager of node,
// which is nil where there is none in view. It is pure, as [Run] is.
func RunRequests(in *inventory.RequestInventory, node *inventory.Inventory, o Options) Result {
	r := newResult(o)
	set := newRequestSet(in, node)
	cluster := newNodeAudit(newNode(in.Input, o), o, nil)
	cluster.requests = set
	r.judge(cluster, checksOf(scopeRequests))
	if node != nil {
		n := newNodeAudit(newNode(node, o), o, nil)
		n.requests = set
		r.Nodes = append(r.Nodes, Node{Name: n.name, KubernetesVersion: n.facts.version.Value, Profile: n.facts.profile})
		r.judge(n, checksOf(scopeSigning))
	}
	r.Certificates = issuedRows(set)
	r.Requests = []Request{}
	for _, q := range set.list {
		r.Requests = append(r.Requests, q.row())
	}
	r.finish(o)
	return r
}

func newRequestSet(in *inventory.RequestInventory, node *inventory.Inventory) *requestSet {
	set := &requestSet{nodes: map[string][]string{}, roots: in.Authorities}
	fields := map[[2]string]int{}
	for _, q := range in.Requests {
		p := newRequest(q)
		key := [2]string{p.Origin.Path, p.field}
		if fields[key]++; fields[key] > 1 {
			p.field += fmt.Sprintf(" #%d", fields[key])
		}
		set.list = append(set.list, p)
	}
	for _, n := range in.Nodes {
		set.nodes[n.Name] = append(set.nodes[n.Name], n.Addresses...)
	}
	if node != nil {
		set.signing = signingOf(node)
	}
	return set
}

const (
	apiV1      = "certificates.k8s.io/v1"
	apiV1beta1 = "certificates.k8s.io/v1beta1"
)

func newRequest(q parsers.Request) *request {
	if !q.Stored {
		q.Username, q.Groups = parsers.Text{}, nil // whoever hands it in is the requestor
	}
	r := &request{Request: q, field: "CertificateSigningRequest " + q.Name.Value, signer: q.SignerName.Value, usages: values(q.Usages), groups: values(q.Groups)}
	if q.Bare {
		r.field = "CERTIFICATE REQUEST"
		return r
	}
	if q.APIVersion.Value == apiV1beta1 {
		if len(r.usages) == 0 {
			r.usages = []string{usageSignature, usageEncipher}
		}
		if r.signer == "" {
			r.signer = defaultSigner(r)
		}
	}
	r.rules, r.builtin = signerNamed(r.signer)
	if seconds, err := strconv.ParseInt(q.ExpirationSeconds.Value, 10, 32); err == nil {
		r.seconds, r.timed = seconds, true
	}
	return r
}

func values(texts []parsers.Text) []string {
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = t.Value
	}
	return out
}

// served reports whether an API server has taken the request, so that its
// requestor and its condition mean something.
func (r *request) served() bool { return r.Stored }

func (r *request) condition(kind string) (parsers.Condition, bool) {
	i := slices.IndexFunc(r.Conditions, func(c parsers.Condition) bool { return c.Type == kind })
	if i < 0 {
		return parsers.Condition{}, false
	}
	return r.Conditions[i], true
}

func (r *request) has(kind string) bool {
	_, ok := r.condition(kind)
	return ok
}

// The types of condition (kubernetes staging/src/k8s.io/api/certificates/v1/types.go).
const (
	conditionApproved = "Approved"
	conditionDenied   = "Denied"
	conditionFailed   = "Failed"
)

// pending reports whether nobody has decided.
func (r *request) pending() bool {
	return r.served() && !r.has(conditionApproved) && !r.has(conditionDenied) && !r.has(conditionFailed)
}

// issued reports whether there is a certificate.
func (r *request) issued() bool { return !r.Certificate.IsZero() }

// leaf is the issued certificate.
func (r *request) leaf() (parsers.Certificate, bool) {
	if certs := r.Certificate.Material.Certificates; len(certs) > 0 {
		return certs[0], true
	}
	return parsers.Certificate{}, false
}

// words are the condition as kubectl prints it (kubernetes
// staging/src/k8s.io/kubectl/pkg/util/certificate and pkg/printers).
func (r *request) words() string {
	if !r.served() {
		return ""
	}
	var out []string
	for _, kind := range []string{conditionDenied, conditionApproved} {
		if r.has(kind) {
			out = append(out, kind)
			break
		}
	}
	if len(out) == 0 {
		out = append(out, "Pending")
	}
	if r.has(conditionFailed) {
		out = append(out, conditionFailed)
	}
	if r.issued() {
		out = append(out, "Issued")
	}
	return strings.Join(out, ",")
}

// names are all alternative names of the request.
func (r *request) names() []string {
	dns, ips, others := alternativeNames(r)
	return slices.Concat(dns, ips, others)
}

func alternativeNames(r *request) (dns, ips, others []string) {
	dns, ips, others = []string{}, []string{}, []string{}
	if r.PKCS10 == nil {
		return dns, ips, others
	}
	dns = append(dns, r.PKCS10.DNSNames...)
	others = append(append(others, r.PKCS10.EmailAddresses...), texts(r.PKCS10.URIs)...)
	return dns, texts(r.PKCS10.IPAddresses), others
}

func (r *request) row() Request {
	row := Request{Name: r.Name.Value, Path: r.Origin.Path, Line: r.Origin.Line, Field: r.field, Created: r.Created,
		Signer: r.signer, Username: r.Username.Value, Groups: r.groups, Condition: r.words(), Organizations: []string{},
		Usages: r.usages, ExpirationSeconds: r.seconds, Reasons: []string{}}
	row.DNSNames, row.IPAddresses, row.OtherNames = alternativeNames(r)
	if x := r.PKCS10; x != nil {
		row.CommonName, row.KeyAlgorithm = x.Subject.CommonName, parsers.KeyAlgorithm(x.PublicKey)
		row.Organizations = append(row.Organizations, x.Subject.Organization...)
	}
	if leaf, ok := r.leaf(); ok {
		row.SHA256, row.NotAfter = leaf.SHA256(), leaf.NotAfter.UTC()
	}
	return row
}

// issuedRows are the rows of the certificates that were issued.
func issuedRows(set *requestSet) []Certificate {
	rows, known := []Certificate{}, map[*x509.Certificate]Certificate{}
	for _, r := range set.list {
		if leaf, ok := r.leaf(); ok {
			e := &entry{cert: &leaf, role: roleNamed(inventory.RoleFileLeaf), component: "CertificateSigningRequest", place: r.Certificate.Origin}
			e.place.Field = r.field
			row := e.row("", known)
			row.UsedBy = []string{}
			rows = append(rows, row)
		}
	}
	return rows
}

// decide sets the verdicts by the findings, which are sorted.
func (r *Result) decide() {
	about := map[[2]string][]Finding{}
	for _, f := range r.Findings {
		if f.Waiver == nil && f.Severity.Rank() > Info.Rank() {
			key := [2]string{f.Path, f.Field}
			about[key] = append(about[key], f)
		}
	}
	for i, q := range r.Requests {
		r.Requests[i].decide(about[[2]string{q.Path, q.Field}])
	}
}

func (r *Request) decide(findings []Finding) {
	r.Verdict, r.Reasons = VerdictSound, []string{}
	worst := Info.Rank()
	for _, f := range findings {
		worst = max(worst, f.Severity.Rank())
		if !slices.Contains(r.Reasons, f.Check) {
			r.Reasons = append(r.Reasons, f.Check)
		}
	}
	switch worst {
	case Critical.Rank():
		r.Verdict = VerdictReject
	case Warning.Rank():
		r.Verdict = VerdictDoubtful
	}
}
