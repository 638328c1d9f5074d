package report

import (
	"math/big"
	"path"
	"strings"

	dto "github.com/prometheus/client_model/go"

	"certaudit/audit"
)

// x509Labels are those of enix/x509-certificate-exporter that a certificate in
// a file has. The others of its labels are empty there, which Prometheus takes
// for absent.
var x509Labels = []string{"filename", "filepath", "embedded_kind", "embedded_key", "serial_number", "issuer_CN", "subject_O", "subject_CN"}

var x509Roster = []Metric{
	{"x509_cert_not_after", "gauge", x509Labels, "When the certificate ends, in seconds since 1970", "the certificate is missing or cannot be decoded", "(x509_cert_not_after - time()) / 86400 < 28"},
	{"x509_cert_not_before", "gauge", x509Labels, "When the certificate begins, in seconds since 1970", "as above", "x509_cert_not_before - time() > 0"},
	{"x509_cert_expired", "gauge", x509Labels, "1 if the certificate had expired at the last audit", "as above", "x509_cert_expired == 1"},
	{"x509_cert_error", "gauge", x509Labels, "1 for a certificate that is missing or cannot be decoded, 0 for any other", "never", "x509_cert_error > 0"},
	{"x509_read_errors", "gauge", nil, "Certificates that are missing or cannot be decoded", "never", "sum(x509_read_errors)"},
}

// X509Roster returns the families of [X509Metrics] in their order. The slice is
// the caller's own.
func X509Roster() []Metric { return append([]Metric(nil), x509Roster...) }

// X509Metrics returns a Result under the names and labels of
// enix/x509-certificate-exporter, for its dashboard (Grafana 13922) and alerts.
// It is pure, and no two series are the same. host is where the result was made.
func X509Metrics(r audit.Result, host Host) []*dto.MetricFamily {
	m := newFamilies(x509Roster)
	m.host = host
	m.zero("x509_read_errors")
	for i := range r.Certificates {
		c := &r.Certificates[i]
		at := m.x509LabelsOf(c)
		if c.SHA256 == "" {
			m.add("x509_cert_error", 1, at)
			m.count("x509_read_errors")
			continue
		}
		m.add("x509_cert_not_after", seconds(c.NotAfter), at)
		m.add("x509_cert_not_before", seconds(c.NotBefore), at)
		m.add("x509_cert_expired", truth(r.At.After(c.NotAfter)), at)
		m.add("x509_cert_error", 0, at)
	}
	return m.list()
}

func (m *families) x509LabelsOf(c *audit.Certificate) []*dto.LabelPair {
	kind := ""
	switch {
	case strings.HasPrefix(c.Field, "users"):
		kind = "user"
	case strings.HasPrefix(c.Field, "clusters"):
		kind = "cluster"
	}
	organization := ""
	if len(c.Organizations) > 0 {
		organization = c.Organizations[0]
	}
	serial := ""
	if n, ok := new(big.Int).SetString(c.Serial, 16); ok {
		serial = n.String()
	}
	return m.pairs("filename", path.Base(c.Path), "filepath", m.host.path(c.Path), "embedded_kind", kind, "embedded_key", c.Field,
		"serial_number", serial, "issuer_CN", c.Issuer, "subject_O", organization, "subject_CN", c.CommonName)
}
