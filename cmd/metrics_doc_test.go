package cmd_test

import (
	"fmt"
	"strings"
	"testing"

	"certaudit/report"
)

const metricsIntro = `
` + "`certaudit serve`" + ` serves these at ` + "`/metrics`" + `, as Prometheus text or OpenMetrics, and none
of its own process: what that takes, the system tells. ` + "`certaudit audit -o prometheus=FILE.prom`" + ` writes them, without timestamps, for the textfile collector of
node_exporter.

All are of one audit: a scrape never sees half of one. Dates are instants, so that what is left is computed when it is asked for:
` + "`certaudit_certificate_not_after_timestamp_seconds - time()`" + `.

The identity of a certificate is the same in every family that has it: ` + "`node`, `component`, `role`, `path`" + `; ` + "`field`" + ` where it is
embedded in a field of the file; ` + "`index`" + ` for the second and later certificates of one place, from 1. A label without a value is left
out. One certificate in several roles has a series for each; a finding about it has one, with the first by name. Values are valid UTF-8 of at most 512 bytes; what a terminal would
obey is escaped as in Go.

Certificates whose files vanish are ` + "`certaudit_certificate_missing`" + ` from then on: those that the configuration names for as long as it
does, others until the file returns or the server gets SIGHUP. Files that may be absent without anything being wrong, such as a
user's own kubeconfig, are forgotten.

With more than 1000 certificates the files that no component names have no more than their notAfter and findings, so that
10,000 certificates make a scrape of less than 2.5 MB.

What a sound node costs, measured (` + "`go test ./report -bench Scrape`" + `):

| node | certificates | series | kB a scrape | compressed |
|---|---|---|---|---|
| worker, as kubeadm makes it | 3 | 23 | 5 | 1.4 |
| worker, 25 certificates | 25 | 89 | 26 | 1.7 |
| control plane, as kubeadm makes it | 16 | 63 | 15 | 2.8 |
| control plane, 25 certificates | 25 | 90 | 22 | 3.0 |

A certificate has three series. A finding adds one, the first of its check another, and a broken connection one for each finding that explains it. What is 0 has no series, but for a
severity without findings and for counts that a query compares with before. 5,000 nodes with 25 certificates are at most 450,000 series.
`

const compatIntro = `
` + "`certaudit serve --metrics-compat x509`" + ` adds these, with those labels of x509-certificate-exporter that certificates in files have, for
its alerts and its dashboard (Grafana 13922). They are there to switch over, not to stay: they double the scrape.
Its relative metrics are left out; ` + "`x509_cert_not_after - time()`" + ` says the same at any time.
`

// TestMetricsPage keeps docs/metrics.md true.
func TestMetricsPage(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Metrics\n\n" + generated + strings.TrimPrefix(metricsIntro, "\n"))
	describe(&b, report.MetricRoster())
	b.WriteString("\n# Metrics of x509-certificate-exporter\n" + compatIntro)
	describe(&b, report.X509Roster())
	page(t, "docs/metrics.md", b.String())
}

func describe(b *strings.Builder, roster []report.Metric) {
	for _, m := range roster {
		labels := "none"
		if len(m.Labels) > 0 {
			labels = "`" + strings.Join(m.Labels, "`, `") + "`"
		}
		fmt.Fprintf(b, "\n## %s\n\n%s.\n\n- Type: %s\n- Labels: %s\n- Absent: %s\n- Example: `%s`\n", m.Name, m.Help, m.Type, labels, m.Absent, m.Example)
	}
}
