package audit

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"slices"
	"time"

	"certaudit/audit/inventory"
	"certaudit/parsers"
)

// Schema names the form of a [Result] in JSON. Fields are added under this
// name, never renamed or removed.
const Schema = "certaudit/v1"

// Result is everything an audit says. It holds public material only, and two
// runs over the same inventories at the same time give equal Results: every
// slice is sorted, and none is nil.
type Result struct {
	Schema string    `json:"schema"`
	At     time.Time `json:"at"`
	// Policy is the file of the policy that was judged by; nil for none.
	Policy *PolicyFile `json:"policy,omitempty"`
	Nodes  []Node      `json:"nodes"`
	// Clusters are those that the nodes belong to, by their first node; nil for one node.
	Clusters     []Cluster     `json:"clusters,omitempty"`
	Certificates []Certificate `json:"certificates"`
	Connections  []Connection  `json:"connections"`
	Requests     []Request     `json:"requests,omitempty"`
	// RevocationLists are those that were found in files, by node and place.
	RevocationLists []RevocationList `json:"revocationLists,omitempty"`
	Findings        []Finding        `json:"findings"`
	// Plan is what fixes the findings, in the order in which it is to be done.
	Plan     []Step    `json:"plan,omitempty"`
	Outcomes []Outcome `json:"outcomes"`
	Summary  Summary   `json:"summary"`
	// Shown is set where something is hidden from this document; the summary counts all.
	Shown *Shown `json:"shown,omitempty"`
	// Logs is what logs beside the nodes say, as [LogTies] tie it to this result; nil
	// where none were read.
	Logs *Logs `json:"logs,omitempty"`
	// Uses are the rows of the health-check sheet, by node; nil where nobody asked.
	Uses []Use `json:"-"`
	// Changes is the first instant after At at which the same files may be judged
	// otherwise, by the dates of certificates; zero for none.
	Changes time.Time `json:"-"`
}

// PolicyFile says which policy was taken, and why that one.
type PolicyFile struct {
	Path string `json:"path"`
	// From is the flag or the environment variable that named it, or [PolicyFromDefault].
	From string `json:"from"`
}

// PolicyFromDefault is the From of a policy that nobody named: it lies where one is
// looked for.
const PolicyFromDefault = "default"

// Node is one audited machine.
type Node struct {
	Name string `json:"name"`
	// Cluster is the name of the one that the node belongs to; "" where it is the only
	// node of the result, or in no cluster that shows.
	Cluster string `json:"cluster,omitempty"`
	// Unreached says that nothing of the node could be read.
	Unreached bool `json:"unreached,omitempty"`
	// TakenAt is when the snapshot was taken from which the node is known; zero for a node
	// that was read by this audit.
	TakenAt time.Time `json:"-"`
	// KubernetesVersion is as the image tags say it, "v1.34.4", or empty where it
	// is not known.
	KubernetesVersion string `json:"kubernetesVersion"`
	// Profile names the requirement table the node was held against.
	Profile string `json:"profile"`
	// Distribution is the one that made the node; nil where kubeadm did, or nobody who is
	// recognised.
	Distribution *inventory.Distribution `json:"distribution,omitempty"`
	// Hosts are the names and addresses by which others know the node, each once.
	Hosts []string `json:"-"`
	// Expirations are the rows of kubeadm certs check-expiration for this node.
	Expirations []Expiration `json:"-"`
	// ExpirationError is what that command ends with instead of printing them; ""
	// for nothing.
	ExpirationError string `json:"-"`
	// ShortResidual says that kubeadm of the node's version prints what is left in
	// one unit: before 1.31.
	ShortResidual bool `json:"-"`
}

// Expiration is one row of kubeadm certs check-expiration.
type Expiration struct {
	// Name is kubeadm's own: "admin.conf", "apiserver", "etcd-ca".
	Name string
	// Authority is the kubeadm name of the signing CA ("ca", "etcd-ca"); empty
	// for the CAs themselves.
	Authority string
	// NotAfter is the zero time for a file that is missing.
	NotAfter time.Time
	// ExternallyManaged says that the CA's key is not on the node.
	ExternallyManaged bool
	Missing           bool
	// IsCA puts the row into the second table.
	IsCA bool
}

// Certificate is one row of the certificate table: a certificate in one role.
// A certificate that should be there and is not has a row as well, with no
// decoded fields and the status "files/missing".
type Certificate struct {
	Node      string `json:"node"`
	Component string `json:"component"`
	// Type is the sheet's word: "Server", "Client (etcd)", "Server, Client", "CA".
	Type string `json:"type"`
	// Role is what the certificate is, such as "kube-apiserver/serving".
	Role string `json:"role"`
	Path string `json:"path"`
	Line int    `json:"line,omitempty"`
	// Field is set for what is embedded in a field of Path.
	Field string `json:"field,omitempty"`
	// Index counts the certificates of one file or field, from 0.
	Index         int      `json:"index"`
	CommonName    string   `json:"commonName"`
	Organizations []string `json:"organizations"`
	DNSNames      []string `json:"dnsNames"`
	IPAddresses   []string `json:"ipAddresses"`
	// Issuer is the issuer's common name, or its whole name where it has none.
	Issuer string `json:"issuer"`
	// Serial and SHA256 are lower-case hexadecimal without separators.
	Serial string `json:"serial"`
	SHA256 string `json:"sha256"`
	// PublicKeySHA256 is that of the key: the same after a renewal that kept it.
	PublicKeySHA256 string    `json:"publicKeySHA256,omitempty"`
	KeyAlgorithm    string    `json:"keyAlgorithm"`
	NotBefore       time.Time `json:"notBefore,omitzero"`
	NotAfter        time.Time `json:"notAfter,omitzero"`
	// Absent says why there is no certificate: [AbsentMissing], [AbsentUnreadable] or
	// [AbsentMalformed]; "" where there is one.
	Absent string `json:"absent,omitempty"`
	// Dangling says that it is missing because a link leads nowhere.
	Dangling bool `json:"-"`
	// Usages are the extended key usages: "server auth", "client auth"; for a
	// CA "cert sign".
	Usages []string `json:"usages"`
	// UsedBy lists the flags and fields that name this certificate, as
	// "kube-apiserver --tls-cert-file".
	UsedBy []string `json:"usedBy"`
	// Status is "ok", or the check of the worst finding at warning or above.
	Status string `json:"status"`
	// Worst is the severity of that finding; empty where Status is "ok".
	Worst Severity `json:"-"`
	// X509 is the certificate itself; nil where there is none, and in a result that was
	// read from JSON.
	X509 *x509.Certificate `json:"-"`
	// Kubeconfigs are the entries of kubeconfigs that hold the certificate, or name its
	// file, in the order of the references; nil for none.
	Kubeconfigs []KubeconfigEntry `json:"-"`
}

// KubeconfigEntry is a cluster or a user of a kubeconfig.
type KubeconfigEntry struct {
	// Path is that of the kubeconfig.
	Path string
	// Kind is [KubeconfigCluster] or [KubeconfigUser].
	Kind string
	// Name is the entry's own.
	Name string
}

// The kinds of entry of a kubeconfig that certificates belong to.
const (
	KubeconfigCluster = "cluster"
	KubeconfigUser    = "user"
)

// RevocationList is a list of revoked certificates in a file.
type RevocationList struct {
	Node string `json:"node"`
	Path string `json:"path"`
	Line int    `json:"line,omitempty"`
	// Issuer is the issuer's common name, or its whole name where it has none.
	Issuer string `json:"issuer"`
	// Number is that of the list, in decimal; "" where it has none.
	Number     string    `json:"number,omitempty"`
	ThisUpdate time.Time `json:"thisUpdate"`
	// NextUpdate is when a newer list is due; zero where the list does not say.
	NextUpdate time.Time `json:"nextUpdate,omitzero"`
	// IssuerName is the whole name of the issuer.
	IssuerName pkix.Name `json:"-"`
}

// Why a row has no certificate.
const (
	// AbsentMissing: its file does not exist.
	AbsentMissing = "missing"
	// AbsentUnreadable: its file could not be read, and may be sound.
	AbsentUnreadable = "unreadable"
	// AbsentMalformed: what lies there holds no certificate that can be decoded.
	AbsentMalformed = "malformed"
)

// Connection is one edge of the cluster: who talks to whom, and whether the
// handshake would succeed.
type Connection struct {
	Node string `json:"node"`
	// Client and Server are components, or words for several of a kind.
	Client string `json:"client"`
	Server string `json:"server"`
	// Address is the URL that is dialled; empty where nothing is.
	Address string `json:"address"`
	// ServerTrust is the verdict on the client verifying the server, and
	// ClientTrust that on the server verifying the client: [VerdictOK],
	// [VerdictBroken], [VerdictUnverified], [VerdictUnknown] or [VerdictNone].
	ServerTrust string `json:"serverTrust"`
	ClientTrust string `json:"clientTrust"`
	// Identity is the user that the server sees, "name (groups)".
	Identity string `json:"identity"`
	// Status is the worst of the two and of the verdict on the identity.
	Status string `json:"status"`
	// Reason says why the status is not ok.
	Reason string `json:"reason"`
}

// Label names the connection as [Finding.Breaks] does: "kube-scheduler -> kube-apiserver".
// Connections to several addresses of one server share it.
func (c Connection) Label() string { return c.Client + " -> " + c.Server }

// Severity orders findings by their consequence.
type Severity string

// The severities, mildest first.
const (
	// Info: worth knowing.
	Info Severity = "info"
	// Warning: something will stop or may stop.
	Warning Severity = "warning"
	// Critical: something has stopped, or somebody has rights they must not have.
	Critical Severity = "critical"
)

// Rank is 1 for info, 2 for warning, 3 for critical and 0 for anything else.
func (s Severity) Rank() int {
	switch s {
	case Info:
		return 1
	case Warning:
		return 2
	case Critical:
		return 3
	}
	return 0
}

// Finding is one thing that is not as it should be.
type Finding struct {
	// Check is the ID of the check that found it, "validity/expired".
	Check    string   `json:"check"`
	Severity Severity `json:"severity"`
	Node     string   `json:"node"`
	// Cluster is the name of the cluster, where the finding is about several nodes of
	// it; Node is then where the fix starts, or "".
	Cluster   string `json:"cluster,omitempty"`
	Component string `json:"component"`
	// Path, Line and Field say where to look; Line is 0 where there is none.
	Path  string `json:"path"`
	Line  int    `json:"line,omitempty"`
	Field string `json:"field,omitempty"`
	// SHA256 is the certificate's, where the finding is about one.
	SHA256 string `json:"sha256,omitempty"`
	// Message says what was seen, then what was expected.
	Message string `json:"message"`
	// Remedy is what to do: commands, one to a line, comments behind a #.
	Remedy string `json:"remedy"`
	// Causes lists what follows from the finding and is not a finding of its own;
	// nil for nothing.
	Causes []Consequence `json:"causes,omitempty"`
	// Breaks lists the connections that fail because of it, "kube-scheduler ->
	// kube-apiserver".
	Breaks []string `json:"breaks,omitempty"`
	// Reference is the source of the rule.
	Reference string `json:"reference"`
	// Waiver is set for a finding that the policy waives for a while; it does not
	// fail the gate.
	Waiver *WaivedBy `json:"waiver,omitempty"`
	// Known is set for a finding of the baseline; it does not fail the gate.
	Known bool `json:"known,omitempty"`
	// Obstacle says of a finding about a file that gives no certificate what is in the
	// way, such as [ObstacleLink]; "" for any other finding.
	Obstacle string `json:"-"`
	// Rows are the indexes in [Result.Certificates] of the rows that the finding
	// is about, in their order: those of one certificate in one file, or those of a
	// file that holds none; nil for none. The findings about one such place share
	// the slice, which is not to be changed.
	Rows []int `json:"-"`
}

// What keeps the certificates of a file from being judged.
const (
	// ObstacleLink: a link leads nowhere.
	ObstacleLink = "link"
	// ObstacleDenied: this user may not read it.
	ObstacleDenied = "denied"
	// ObstacleRead: it cannot be read for another reason.
	ObstacleRead = "read"
	// ObstaclePKCS12: a PKCS#12 file that no password opens.
	ObstaclePKCS12 = parsers.StorePKCS12
	// ObstacleJKS: a Java key store that no password opens.
	ObstacleJKS = parsers.StoreJKS
	// ObstacleNothing: there is nothing to judge where somebody wanted something judged.
	ObstacleNothing = "nothing"
)

// Consequence is what a check found that follows from another finding, and is gone
// once that is fixed.
type Consequence struct {
	Check     string   `json:"check"`
	Severity  Severity `json:"severity"`
	Component string   `json:"component"`
	Path      string   `json:"path"`
	Line      int      `json:"line,omitempty"`
	Field     string   `json:"field,omitempty"`
	SHA256    string   `json:"sha256,omitempty"`
	Message   string   `json:"message"`
}

// WaivedBy is the waiver of a finding.
type WaivedBy struct {
	Reason string `json:"reason"`
	// Until is the last day on which it holds, "2027-01-31".
	Until string `json:"until"`
}

// Counts reports whether the finding counts for the gate: it is neither waived
// nor known from the baseline.
func (f Finding) Counts() bool { return f.Waiver == nil && !f.Known }

// State says how far a check got.
type State string

// The states of an outcome.
const (
	// Done: everything the check applies to was examined.
	Done State = "done"
	// NotApplicable: nothing here for the check to look at.
	NotApplicable State = "not-applicable"
	// Incomplete: something could not be judged; Reason says why.
	Incomplete State = "incomplete"
)

// Outcome says what a check looked at, so that "clean" is never mistaken for
// "not looked at".
type Outcome struct {
	Check string `json:"check"`
	Node  string `json:"node"`
	// Cluster is the name of the cluster of a check that is run once for all its nodes;
	// "" for any other, and for one that is run once for all clusters.
	Cluster string `json:"cluster,omitempty"`
	State   State  `json:"state"`
	// Examined counts the things the check judged.
	Examined int `json:"examined"`
	// Reason is set when State is [Incomplete], or when part was left unjudged
	// because a fact (version, node name, domain) cannot be known.
	Reason string `json:"reason,omitempty"`
}

// Summary counts.
type Summary struct {
	Certificates int `json:"certificates"`
	Requests     int `json:"requests,omitempty"`
	Critical     int `json:"critical"`
	Warning      int `json:"warning"`
	Info         int `json:"info"`
	// Waived and Known count findings that are in none of the three above.
	Waived int `json:"waived"`
	Known  int `json:"known"`
	// NextExpiry is the earliest notAfter that is still to come; zero for none.
	NextExpiry time.Time `json:"nextExpiry,omitzero"`
	// Incomplete: something could not be read or judged as a whole, as the outcomes
	// say.
	Incomplete bool `json:"incomplete,omitempty"`
}

// IsEmpty reports whether there was nothing to judge.
func (r Result) IsEmpty() bool {
	return len(r.Certificates)+len(r.RevocationLists)+len(r.Requests) == 0 &&
		!slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Obstacle != ObstacleNothing })
}

// AtOrAbove counts the findings at or above severity s that count for the gate.
func (r Result) AtOrAbove(s Severity) int {
	n := 0
	for _, f := range r.Findings {
		if f.Counts() && f.Severity.Rank() >= s.Rank() {
			n++
		}
	}
	return n
}

// Incomplete reports whether something could not be read or judged as a whole,
// or whether there was nothing to examine.
func (r Result) Incomplete() bool {
	return slices.ContainsFunc(r.Outcomes, func(o Outcome) bool { return o.State == Incomplete }) || len(r.Certificates)+len(r.Requests)+len(r.RevocationLists) == 0
}

// place is what a finding and a row have in common when the one is about the
// other: a certificate where it stands, or, where there is none, the file itself.
type place struct{ node, path, sha256 string }

// concern is what the findings about a place mean for the rows there.
type concern struct {
	rows []int
	// status is the check of the first of the worst findings at warning or above
	// that are not waived, and worst its severity.
	status string
	worst  Severity
}

// join gives every row its status, and every finding its rows. Rows that runs
// share are copied before one of them is changed.
func (r *Result) join() {
	at, own := concerns(r.Findings), false
	for i := range r.Certificates {
		c := &r.Certificates[i]
		status, worst := statusOK, Severity("")
		if about := at[place{c.Node, c.Path, c.SHA256}]; about != nil {
			about.rows = append(about.rows, i)
			status, worst = about.status, about.worst
		}
		if c.Status == status && c.Worst == worst {
			continue
		}
		if !own {
			r.Certificates, own = slices.Clone(r.Certificates), true
		}
		r.Certificates[i].Status, r.Certificates[i].Worst = status, worst
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		f.Rows = at[f.place()].rows
		for _, c := range f.Causes {
			if p := c.place(f.Node); p != f.place() {
				f.Rows = append(slices.Clip(f.Rows), at[p].rows...)
			}
		}
	}
}

// concerns returns the places of findings, without the rows.
func concerns(findings []Finding) map[place]*concern {
	at := map[place]*concern{}
	add := func(p place, check string, severity Severity, waived bool) {
		about := at[p]
		if about == nil {
			about = &concern{status: statusOK}
			at[p] = about
		}
		if !waived && severity.Rank() > max(about.worst.Rank(), Info.Rank()) {
			about.status, about.worst = check, severity
		}
	}
	for i := range findings {
		f := &findings[i]
		for _, c := range f.Causes {
			add(c.place(f.Node), c.Check, c.Severity, f.Waiver != nil)
		}
		add(f.place(), f.Check, f.Severity, f.Waiver != nil)
	}
	return at
}

func (c Consequence) place(node string) place { return place{node, c.Path, c.SHA256} }

func (f *Finding) place() place { return place{f.Node, f.Path, f.SHA256} }
