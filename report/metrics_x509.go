package report

import (
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/hex"
	"math/big"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"

	dto "github.com/prometheus/client_model/go"

	"certaudit/audit"
)

// X509 says how the metrics of enix/x509-certificate-exporter are made. The zero X509
// is version 3's of a node.
type X509 struct {
	// V4 asks for the labels of version 4 instead of version 3. The families are those
	// of both.
	V4 bool
	// Paths are the PATHs that were audited, whole, with slashes; none for a node.
	Paths []string
	// Errors are what the counters of errors show, as [X509.Count] returns them; nil for
	// the errors of the result alone.
	Errors map[X509Error]int
}

// X509Error is a counter of errors, by the labels of x509_source_errors_total.
type X509Error struct{ Kind, Source, Reason string }

// x509Labels are those of the exporter that a certificate in a file has. The others of
// its labels are empty there, which Prometheus takes for absent.
var x509Labels = slices.Concat(x509Place, []string{"serial_number"}, attributesOf("issuer"), attributesOf("subject"), []string{"discriminator"})

// x509Place are the labels that say where a certificate lies.
var x509Place = []string{"filename", "filepath", "embedded_kind", "embedded_key"}

// x509ListLabels are those of revocation lists.
var x509ListLabels = slices.Concat([]string{"filename", "filepath", "crl_number"}, attributesOf("issuer"))

var x509Source = []string{"source_kind", "source_name"}

var x509Roster = []Metric{
	{"x509_cert_not_after", "gauge", x509Labels, "When the certificate ends, in seconds since 1970", "the certificate is missing or cannot be decoded", "(x509_cert_not_after - time()) / 86400 < 28"},
	{"x509_cert_not_before", "gauge", x509Labels, "When the certificate begins, in seconds since 1970", "as above", "x509_cert_not_before - time() > 0"},
	{"x509_cert_expired", "gauge", x509Labels, "1 if the certificate had expired at the last audit, which there is at each such date", "as above", "x509_cert_expired == 1"},
	{"x509_cert_error", "gauge", []string{"filename", "filepath"}, "1 for a file of which a certificate is missing or cannot be decoded, 0 for any other", "there is no file", "x509_cert_error > 0"},
	{"x509_read_errors", "gauge", nil, "Files that are missing, cannot be read, or hold no certificate where one should be", "never", "sum(x509_read_errors)"},
	{"x509_crl_next_update", "gauge", x509ListLabels, "When a newer list of revoked certificates is due, in seconds since 1970", "there is no list, or it does not say", "x509_crl_next_update - time() < 86400"},
	{"x509_crl_this_update", "gauge", x509ListLabels, "When the list was made, in seconds since 1970", "there is no list", "time() - x509_crl_this_update"},
	{"x509_crl_number", "gauge", x509ListLabels, "The number of the list, 0 for none", "as above", "x509_crl_number"},
	{"x509_crl_stale", "gauge", x509ListLabels, "1 if a newer list was due at the last audit, which there is at each such date", "as above", "x509_crl_stale > 0"},
	{"x509_source_up", "gauge", x509Source, "0 for a source of which a file or folder is missing, or a link leads nowhere", "never", "x509_source_up == 0"},
	{"x509_source_bundles", "gauge", x509Source, "Files, or entries of kubeconfigs, of a source", "never", "sum(x509_source_bundles)"},
	{"x509_source_errors_total", "counter", append(slices.Clip(x509Source), "reason"), "Errors of a source by reason, each counted at every audit that finds it", "never", "sum without (reason) (increase(x509_source_errors_total[15m])) > 5"},
	{"x509_pkcs12_passphrase_failures_total", "counter", []string{"source_name"}, "PKCS#12 files that no password opens, each counted at every audit", "never", "increase(x509_pkcs12_passphrase_failures_total[15m]) > 0"},
	{"x509_jks_passphrase_failures_total", "counter", []string{"source_name"}, "Java key stores that no password opens, each counted at every audit", "never", "increase(x509_jks_passphrase_failures_total[15m]) > 0"},
	{"x509_cert_collision_total", "counter", []string{"source_kind"}, "Certificates that only the label discriminator tells from others", "never", "x509_cert_collision_total > 0"},
	{"x509_cert_collision_dropped_total", "counter", []string{"source_kind"}, "Always 0: no certificate is left out because of its labels", "never", "increase(x509_cert_collision_dropped_total[1h]) > 0"},
	{"x509_exporter_build_info", "gauge", []string{"version", "goversion", "goos", "goarch", "go_runtime", "go_os", "go_arch"}, "Always 1; which program this is, once with the labels of either version", "never", "x509_exporter_build_info"},
}

// X509Roster returns the families of [X509Metrics] in their order. The slice is
// the caller's own.
func X509Roster() []Metric { return append([]Metric(nil), x509Roster...) }

// X509Metrics returns a Result under the names and labels of
// enix/x509-certificate-exporter, for its dashboards (Grafana 13922) and alerts.
// It is pure, and no two series are the same. host is where the result was made.
func X509Metrics(r audit.Result, host Host, x X509) []*dto.MetricFamily {
	m := newFamilies(x509Roster)
	m.host = host
	v := x.view(r, host)
	m.x509Certificates(r, v, x.V4)
	m.x509Lists(r, x.V4)
	m.x509Files(v)
	counts := x.Errors
	if counts == nil {
		counts = v.counts()
	}
	m.x509Sources(v, counts)
	// The versions have other labels for the same.
	m.add("x509_exporter_build_info", 1, m.pairs("version", Version(), "goversion", runtime.Version(), "goos", runtime.GOOS, "goarch", runtime.GOARCH))
	m.add("x509_exporter_build_info", 1, m.pairs("version", Version(), "go_runtime", runtime.Version(), "go_os", runtime.GOOS, "go_arch", runtime.GOARCH))
	return m.list()
}

// Count returns the counters of errors after one more audit: x.Errors, and one more for
// each error of its result.
func (x X509) Count(r audit.Result, host Host) map[X509Error]int {
	counts := x.view(r, host).counts()
	for e, n := range x.Errors {
		counts[e] += n
	}
	return counts
}

// x509Certificates adds the series of each certificate. Certificates with the same
// labels have the discriminator, as version 4 has it; version 3 fails there.
func (m *families) x509Certificates(r audit.Result, v *x509View, v4 bool) {
	embedded := map[x509Location]int{}
	for _, item := range v.items {
		embedded[item.x509Location]++
	}
	labels, keys := make([][]string, len(v.items)), make([]string, len(v.items))
	same := map[string]int{}
	for i, item := range v.items {
		labels[i] = x509LabelsOf(item, v4, embedded[item.x509Location])
		keys[i] = item.kind() + "\xff" + strings.Join(labels[i], "\xff")
		same[keys[i]]++
	}
	for _, kind := range v.kinds() {
		m.zero("x509_cert_collision_total", m.pairs("source_kind", kind))
		m.zero("x509_cert_collision_dropped_total", m.pairs("source_kind", kind))
	}
	seen := map[string]bool{}
	for i, item := range v.items {
		if same[keys[i]] > 1 {
			labels[i] = append(labels[i], "discriminator", discriminator(item))
			if seen[keys[i]] {
				m.count("x509_cert_collision_total", m.pairs("source_kind", item.kind()))
			}
			seen[keys[i]] = true
		}
		at, c := m.pairs(labels[i]...), item.certificate
		m.add("x509_cert_not_after", seconds(c.NotAfter), at)
		m.add("x509_cert_not_before", seconds(c.NotBefore), at)
		m.add("x509_cert_expired", truth(r.At.After(c.NotAfter)), at)
	}
}

// x509Lists adds the series of revocation lists, which version 4 alone has.
func (m *families) x509Lists(r audit.Result, v4 bool) {
	for _, l := range r.RevocationLists {
		at := m.pairs(append([]string{"filename", path.Base(l.Path), "filepath", m.host.path(l.Path), "crl_number", l.Number}, attributeLabels("issuer", l.IssuerName, v4)...)...)
		if !l.NextUpdate.IsZero() {
			m.add("x509_crl_next_update", seconds(l.NextUpdate), at)
		}
		m.add("x509_crl_this_update", seconds(l.ThisUpdate), at)
		number, _ := strconv.ParseFloat(l.Number, 64) // 0 for none
		m.add("x509_crl_number", number, at)
		m.add("x509_crl_stale", truth(!l.NextUpdate.IsZero() && r.At.After(l.NextUpdate)), at)
	}
}

// x509Files adds what is known of each file as a whole.
func (m *families) x509Files(v *x509View) {
	m.zero("x509_read_errors")
	failed := map[string]bool{}
	for _, e := range v.errors {
		if !failed[e.path] {
			failed[e.path] = true
			m.count("x509_read_errors")
			m.add("x509_cert_error", 1, m.pairs("filename", path.Base(e.path), "filepath", e.path))
		}
	}
	for _, item := range v.items {
		if !failed[item.path] {
			m.add("x509_cert_error", 0, m.pairs("filename", path.Base(item.path), "filepath", item.path))
		}
	}
}

// x509Reasons are all reasons that version 4 has a counter for from the start (its
// pkg/cert/reason.go).
var x509Reasons = []string{"bad_pem", "bad_crl", "bad_der", "bad_jks", "bad_pkcs12", "bad_passphrase", "no_certificate_found", "read_failed",
	"permission_denied", "not_found", "api_error", "decode_failed", "broken_symlink", "out_of_scope_symlink", "parse_timeout", "walk_error", "rate_limited"}

// x509Sources adds the health of each source.
func (m *families) x509Sources(v *x509View, counts map[X509Error]int) {
	for _, s := range v.sources() {
		at := m.pairs("source_kind", s.kind, "source_name", s.name)
		up := !slices.ContainsFunc(v.errors, func(e x509Problem) bool {
			return v.from[e.x509Location] == s && (e.reason == reasonMissing || e.reason == reasonLink)
		})
		m.add("x509_source_up", truth(up), at)
		m.add("x509_source_bundles", float64(v.bundles[s]), at)
		for _, reason := range x509Reasons {
			m.add("x509_source_errors_total", float64(counts[X509Error{s.kind, s.name, reason}]), at, m.pairs("reason", reason))
		}
		for _, store := range []string{"pkcs12", "jks"} {
			m.add("x509_"+store+"_passphrase_failures_total", float64(counts[X509Error{s.kind, s.name, store}]), m.pairs("source_name", s.name))
		}
	}
}

// x509LabelsOf are names and values by turns. of is how many certificates lie at the
// same place.
func x509LabelsOf(item x509Item, v4 bool, of int) []string {
	c := item.certificate
	labels := []string{"filename", path.Base(item.path), "filepath", item.path}
	switch {
	case item.entry == "":
	case v4 || item.embedded == "":
		labels = append(labels, "embedded_kind", item.embedded, "embedded_key", item.entry)
	default:
		// Version 3 has the path of the list for its name, and counts in the key.
		key := item.entry
		if of > 1 {
			key += "(" + strconv.Itoa(c.Index) + ")"
		}
		labels = append(labels, "embedded_kind", item.embedded+"s[:]", "embedded_key", key)
	}
	serial := ""
	if n, ok := new(big.Int).SetString(c.Serial, 16); ok {
		serial = n.String()
	}
	labels = append(labels, "serial_number", serial)
	issuer, subject := pkix.Name{CommonName: c.Issuer}, pkix.Name{CommonName: c.CommonName, Organization: c.Organizations}
	if c.X509 != nil {
		issuer, subject = c.X509.Issuer, c.X509.Subject
	}
	return slices.Concat(labels, attributeLabels("issuer", issuer, v4), attributeLabels("subject", subject, v4))
}

// attributes are those of names that the exporter shows, of several the first. What
// version 3 calls ST is the street.
var attributes = []struct {
	name string
	of   func(n pkix.Name, v4 bool) []string
}{
	{"C", func(n pkix.Name, _ bool) []string { return n.Country }},
	{"ST", func(n pkix.Name, v4 bool) []string {
		if v4 {
			return n.Province
		}
		return n.StreetAddress
	}},
	{"L", func(n pkix.Name, _ bool) []string { return n.Locality }},
	{"O", func(n pkix.Name, _ bool) []string { return n.Organization }},
	{"OU", func(n pkix.Name, _ bool) []string { return n.OrganizationalUnit }},
	{"CN", func(n pkix.Name, _ bool) []string { return []string{n.CommonName} }},
}

func attributesOf(prefix string) []string {
	var labels []string
	for _, a := range attributes {
		labels = append(labels, prefix+"_"+a.name)
	}
	return labels
}

// attributeLabels are names and values by turns.
func attributeLabels(prefix string, n pkix.Name, v4 bool) []string {
	var labels []string
	for _, a := range attributes {
		if values := a.of(n, v4); len(values) > 0 {
			labels = append(labels, prefix+"_"+a.name, values[0])
		}
	}
	return labels
}

// discriminator tells certificates with the same labels apart: by what they are, where
// they lie and which of the place they are (pkg/registry/labels.go, fingerprint).
func discriminator(item x509Item) string {
	h := sha256.New()
	h.Write(rawOf(item.certificate.X509))
	h.Write([]byte{0})
	h.Write([]byte(item.kind() + ":" + item.path))
	if item.embedded != "" {
		h.Write([]byte("#" + item.embedded + "/" + item.entry))
	}
	h.Write([]byte{0})
	h.Write(binary.BigEndian.AppendUint32(nil, uint32(item.certificate.Index)))
	return hex.EncodeToString(h.Sum(nil))[:8]
}

func rawOf(c *x509.Certificate) []byte {
	if c == nil {
		return nil
	}
	return c.Raw
}
