package report

import (
	"cmp"
	"io"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"certaudit/audit"
)

// Health is what the server knows of its own work. The zero Health stands for
// a single run, which knows nothing of the kind.
type Health struct {
	// Ended is when the last audit that gave a Result ended; zero for the time
	// that the Result is judged for.
	Ended time.Time
	// Duration of that audit; 0 if it was not measured.
	Duration time.Duration
	// Server is nil for a single run.
	Server *ServerHealth
	// Host is where the result was made.
	Host Host
}

// ServerHealth is what only a running server knows.
type ServerHealth struct {
	// Audits and Failures count the audits since the start, and those of them
	// that gave no Result.
	Audits, Failures int
	// Failed says that the last audit gave no Result, so that an older one is shown.
	Failed bool
	// Watching says that changed files are noticed at once, not at the next look.
	Watching bool
	// ConfigRefused says that the policy or the passwords could not be read again, so
	// that those before are in force.
	ConfigRefused bool
}

// Metric describes one metric family, for the documentation.
type Metric struct {
	Name string
	// Type is "gauge" or "counter".
	Type string
	// Labels that a series may have. A label without a value is left out, which
	// Prometheus takes for the same.
	Labels []string
	// Help is one line without a full stop.
	Help string
	// Absent says when there is no series.
	Absent string
	// Example is a query.
	Example string
}

// identity are the labels that say which certificate a series is about.
var identity = []string{"node", "component", "role", "path", "field", "index"}

// connection are the labels that say which connection a series is about.
var connection = []string{"node", "client", "server", "address"}

// maxDetailed bounds the certificates that have more than their notAfter and
// their findings: beyond it a scrape would be mostly text that nobody joins on.
// A node has about 25.
const maxDetailed = 1000

// maxFindingSeries bounds certificate_findings; certaudit_findings counts all.
const maxFindingSeries = 2000

// Metrics returns the metrics of a Result in the form of client_model. It is
// pure; every label value is valid UTF-8, and no two series are the same. The
// families are in the order of [MetricRoster], and none is empty.
func Metrics(r audit.Result, h Health) []*dto.MetricFamily {
	m := newFamilies(metricRoster)
	m.host = h.Host
	m.certificates(r)
	m.revocationLists(r)
	m.findings(r)
	m.connections(r)
	m.audit(r, h)
	return m.list()
}

var metricRoster = []Metric{
	{"certaudit_certificate_not_after_timestamp_seconds", "gauge", identity,
		"When the certificate ends, in seconds since 1970",
		"there is no certificate: certaudit_certificate_missing or certaudit_certificate_unreadable says so, or a finding of files/malformed",
		"certaudit_certificate_not_after_timestamp_seconds - time() < 30 * 86400"},
	{"certaudit_certificate_not_before_timestamp_seconds", "gauge", identity,
		"When the certificate begins, in seconds since 1970",
		"as above, and for files beyond the first 1000 certificates",
		"(certaudit_certificate_not_after_timestamp_seconds - time()) / (certaudit_certificate_not_after_timestamp_seconds - certaudit_certificate_not_before_timestamp_seconds) < 0.3"},
	{"certaudit_certificate_info", "gauge", append(identity[:len(identity):len(identity)], "type", "subject", "issuer", "serial", "sans", "key_algorithm", "sha256"),
		"Always 1; what else is known of the certificate, to join on",
		"as above",
		"certaudit_certificate_not_after_timestamp_seconds * on (node, component, role, path, field, index) group_left (subject, serial) certaudit_certificate_info"},
	{"certaudit_certificate_missing", "gauge", identity,
		"1 for a certificate whose file should exist and does not",
		"the file is there, or it could not be looked at",
		"certaudit_certificate_missing == 1"},
	{"certaudit_certificate_unreadable", "gauge", identity,
		"1 for a certificate whose file could not be read by this program; it may be sound",
		"the file was read, or is missing",
		"certaudit_certificate_unreadable == 1"},
	{"certaudit_certificate_findings", "gauge", append(identity[:len(identity):len(identity)], "check", "severity"),
		"Findings that count about a certificate, a file or a setting, by check; one about a certificate in several roles has the first by name",
		"nothing is found there; findings beyond the worst 2000 are only in certaudit_findings",
		`certaudit_certificate_findings{severity="critical"} > 0`},
	{"certaudit_certificates_without_details", "gauge", nil,
		"Certificates beyond the first 1000, which have a notAfter and nothing else",
		"there are none",
		"certaudit_certificates_without_details > 0"},
	{"certaudit_revocation_list_next_update_timestamp_seconds", "gauge", []string{"node", "path", "issuer", "number"},
		"When a newer list of revoked certificates is due, in seconds since 1970",
		"there is no list, or it does not say",
		"certaudit_revocation_list_next_update_timestamp_seconds - time() < 0"},
	{"certaudit_findings", "gauge", []string{"check", "severity"},
		"Findings that count: neither waived nor known from the baseline; a severity of which there is none has a 0 without a check, so that a sum by severity has an answer",
		"nothing of the check is found",
		"sum by (severity) (certaudit_findings)"},
	{"certaudit_connections", "gauge", []string{"node", "status"},
		"Connections that the configuration defines and whose ends are in view, by status: ok, for a handshake that would succeed, or broken",
		"the node has no connection of that status",
		`sum(certaudit_connections{status="broken"}) or vector(0)`},
	{"certaudit_connection_broken", "gauge", append(connection[:len(connection):len(connection)], "path", "field", "check", "severity"),
		"1 for a connection whose handshake would fail, by the finding that explains it: one of connections/... is its own, another one is about a certificate, a file or a flag",
		"the handshake would succeed, or the other end is not in view; without a check and a severity, no finding that counts explains it: it is waived or known",
		`certaudit_connection_broken{check!~"connections/.+"}`},
	{"certaudit_references_missing", "gauge", []string{"node"},
		"Files that the configuration names and that do not exist, dangling links among them",
		"never",
		"certaudit_references_missing > 0"},
	{"certaudit_audit_complete", "gauge", nil,
		"1 if everything could be read and judged, and there was something to judge",
		"never",
		"certaudit_audit_complete == 0"},
	{"certaudit_audit_last_success_timestamp_seconds", "gauge", nil,
		"When the last audit that gave a result ended, in seconds since 1970",
		"never",
		"time() - certaudit_audit_last_success_timestamp_seconds > 3600"},
	{"certaudit_audit_duration_seconds", "gauge", nil,
		"How long that audit took",
		"written by certaudit audit",
		"certaudit_audit_duration_seconds"},
	{"certaudit_audit_success", "gauge", nil,
		"1 if the last audit gave a result, 0 if an older one is shown",
		"written by certaudit audit",
		"certaudit_audit_success == 0"},
	{"certaudit_audits_total", "counter", []string{"outcome"},
		"Audits since the start, by outcome: success or failure",
		"written by certaudit audit",
		`increase(certaudit_audits_total{outcome="failure"}[1h]) > 0`},
	{"certaudit_watching", "gauge", nil,
		"1 if changed files are noticed at once, 0 if only at the next look",
		"written by certaudit audit",
		"certaudit_watching == 0"},
	{"certaudit_config_last_reload_successful", "gauge", nil,
		"1 if the policy and the passwords in force are those on disk as of the last reload",
		"written by certaudit audit",
		"certaudit_config_last_reload_successful == 0"},
	{"certaudit_build_info", "gauge", []string{"version", "revision", "date", "goversion"},
		"Always 1; which program this is, and of which commit: its revision and date",
		"never",
		"certaudit_build_info"},
}

// MetricRoster returns the families of [Metrics] in their order. The slice is
// the caller's own.
func MetricRoster() []Metric { return append([]Metric(nil), metricRoster...) }

// writePrometheus writes the text exposition format without timestamps, as the
// textfile collector of node_exporter demands.
func writePrometheus(w io.Writer, r audit.Result, o Options) error {
	families := Metrics(r, Health{Host: o.Host})
	if o.Compat != nil {
		families = append(families, X509Metrics(r, o.Host, *o.Compat)...)
	}
	return WriteMetrics(w, families)
}

// WriteMetrics writes families as the text exposition format 0.0.4.
func WriteMetrics(w io.Writer, families []*dto.MetricFamily) error {
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(w, f); err != nil {
			return err
		}
	}
	return nil
}

func (m *families) certificates(r audit.Result) {
	detailed := 0
	for _, named := range []bool{true, false} {
		for i := range r.Certificates {
			c := &r.Certificates[i]
			if (c.Component != fileComponent) != named {
				continue
			}
			at := m.identityOf(c)
			if family, absent := absentFamilies[c.Absent]; absent {
				m.add(family, 1, at)
			}
			if c.SHA256 == "" {
				continue
			}
			m.add("certaudit_certificate_not_after_timestamp_seconds", seconds(c.NotAfter), at)
			if !named && detailed >= maxDetailed {
				m.count("certaudit_certificates_without_details", nil)
				continue
			}
			detailed++
			m.add("certaudit_certificate_not_before_timestamp_seconds", seconds(c.NotBefore), at)
			m.add("certaudit_certificate_info", 1, at, m.pairs("type", c.Type, "subject", distinguished(c), "issuer", c.Issuer,
				"serial", c.Serial, "sans", sans(c), "key_algorithm", c.KeyAlgorithm, "sha256", c.SHA256))
		}
	}
}

func (m *families) revocationLists(r audit.Result) {
	for _, l := range r.RevocationLists {
		if !l.NextUpdate.IsZero() {
			m.add("certaudit_revocation_list_next_update_timestamp_seconds", seconds(l.NextUpdate),
				m.pairs("node", m.node(l.Node), "path", m.host.path(l.Path), "issuer", l.Issuer, "number", l.Number))
		}
	}
}

// absentFamilies say that there is no certificate. What cannot be decoded is a finding.
var absentFamilies = map[string]string{audit.AbsentMissing: "certaudit_certificate_missing", audit.AbsentUnreadable: "certaudit_certificate_unreadable"}

// fileComponent is the component of certificates that no component names.
const fileComponent = "file"

// node is the name of a node, or of the host for what belongs to none.
func (m *families) node(name string) string { return cmp.Or(name, m.host.Name) }

func (m *families) identityOf(c *audit.Certificate) []*dto.LabelPair {
	index := ""
	if c.Index > 0 {
		index = strconv.Itoa(c.Index)
	}
	return m.pairs("node", m.node(c.Node), "component", c.Component, "role", c.Role, "path", m.host.path(c.Path), "field", c.Field, "index", index)
}

// seconds is a time as Prometheus has it. The zero time stands for nothing.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.Unix())
}

// distinguished is "CN=kubernetes-admin,O=system:masters".
func distinguished(c *audit.Certificate) string {
	parts := []string{"CN=" + c.CommonName}
	for _, o := range c.Organizations {
		parts = append(parts, "O="+o)
	}
	return strings.Join(parts, ",")
}

// maxLabelValue bounds a label value, in bytes: a certificate may hold thousands of
// names.
const maxLabelValue = 512

func sans(c *audit.Certificate) string {
	return strings.Join(append(c.DNSNames[:len(c.DNSNames):len(c.DNSNames)], c.IPAddresses...), ",")
}

func (m *families) findings(r audit.Result) {
	const total, each = "certaudit_findings", "certaudit_certificate_findings"
	none := map[audit.Severity]bool{audit.Critical: true, audit.Warning: true, audit.Info: true}
	missing := map[string]int{}
	for _, n := range r.Nodes {
		missing[m.node(n.Name)] = 0
	}
	if len(r.Nodes) == 0 && m.host.Name != "" {
		missing[m.host.Name] = 0
	}
	for _, f := range r.Findings {
		if f.Check == "files/missing" || f.Check == "files/dangling-link" {
			missing[m.node(f.Node)]++
		}
		if !f.Counts() {
			continue
		}
		what := m.pairs("check", f.Check, "severity", string(f.Severity))
		m.count(total, what)
		delete(none, f.Severity)
		if m.size(each) < maxFindingSeries {
			m.count(each, m.placeOf(r, f), what)
		}
	}
	for _, severity := range slices.Sorted(maps.Keys(none)) {
		m.zero(total, m.pairs("severity", string(severity)))
	}
	for _, node := range slices.Sorted(maps.Keys(missing)) {
		m.add("certaudit_references_missing", float64(missing[node]), m.pairs("node", node))
	}
}

// placeOf is the identity of what a finding is about. A finding has one, so that one
// fault is one alert: of several roles the first by name.
func (m *families) placeOf(r audit.Result, f audit.Finding) []*dto.LabelPair {
	if len(f.Rows) == 0 {
		return m.pairs("node", m.node(f.Node), "component", f.Component, "path", m.host.path(f.Path), "field", f.Field)
	}
	first := slices.MinFunc(f.Rows, func(i, j int) int {
		a, b := &r.Certificates[i], &r.Certificates[j]
		return cmp.Or(cmp.Compare(a.Component, b.Component), cmp.Compare(a.Role, b.Role), cmp.Compare(a.Path, b.Path),
			cmp.Compare(a.Field, b.Field), cmp.Compare(a.Index, b.Index))
	})
	return m.identityOf(&r.Certificates[first])
}

// connectionStatuses are the two ways in which a verdict on a connection counts; the
// other verdicts say that an end is not in view.
var connectionStatuses = map[string]string{audit.VerdictOK: "ok", audit.VerdictUnverified: "ok", audit.VerdictBroken: "broken"}

func (m *families) connections(r audit.Result) {
	const total = "certaudit_connections"
	explained := map[[2]string][]audit.Finding{}
	for _, f := range r.Findings {
		for _, label := range f.Breaks {
			if f.Counts() {
				explained[[2]string{f.Node, label}] = append(explained[[2]string{f.Node, label}], f)
			}
		}
	}
	for _, c := range r.Connections {
		status, judged := connectionStatuses[c.Status]
		if !judged {
			continue
		}
		node := m.node(c.Node)
		m.count(total, m.pairs("node", node, "status", status))
		if status == "broken" {
			m.broken(r, c, explained[[2]string{c.Node, c.Label()}])
		}
	}
}

// broken adds a broken connection once for each finding that explains it.
func (m *families) broken(r audit.Result, c audit.Connection, findings []audit.Finding) {
	const family = "certaudit_connection_broken"
	ends := m.pairs("node", m.node(c.Node), "client", c.Client, "server", c.Server, "address", c.Address)
	if len(findings) == 0 {
		m.add(family, 1, ends)
	}
	for _, f := range findings {
		place := slices.DeleteFunc(m.placeOf(r, f), func(l *dto.LabelPair) bool { return l.GetName() != "path" && l.GetName() != "field" })
		m.add(family, 1, ends, place, m.pairs("check", f.Check, "severity", string(f.Severity)))
	}
}

func (m *families) audit(r audit.Result, h Health) {
	ended := h.Ended
	if ended.IsZero() {
		ended = r.At
	}
	m.add("certaudit_audit_complete", truth(!r.Incomplete()), nil)
	m.add("certaudit_audit_last_success_timestamp_seconds", seconds(ended), nil)
	if h.Duration > 0 {
		m.add("certaudit_audit_duration_seconds", h.Duration.Seconds(), nil)
	}
	if s := h.Server; s != nil {
		m.add("certaudit_audit_success", truth(s.Audits > 0 && !s.Failed), nil)
		m.add("certaudit_audits_total", float64(s.Audits-s.Failures), m.pairs("outcome", "success"))
		m.add("certaudit_audits_total", float64(s.Failures), m.pairs("outcome", "failure"))
		m.add("certaudit_watching", truth(s.Watching), nil)
		m.add("certaudit_config_last_reload_successful", truth(!s.ConfigRefused), nil)
	}
	m.add("certaudit_build_info", 1, m.pairs("version", Version(), "revision", Revision(), "date", Date(), "goversion", runtime.Version()))
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
