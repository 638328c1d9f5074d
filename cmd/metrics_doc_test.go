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
out. One certificate in several roles has a series for each; a finding about it has one, with the first by name. Values are valid UTF-8; of a longer one the first 512 bytes
and … are left, and what a terminal would obey is escaped as in Go.

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
` + "`certaudit serve --metrics-compat x509`" + ` adds these, and so does ` + "`certaudit audit -o prometheus --metrics-compat x509`" + `: the names and
labels that enix/x509-certificate-exporter 3.21 has for certificates in files, beside what 4.2 has and 3.21 has not, for the dashboards
(Grafana 13922) and alerts of both. ` + "`--metrics-compat x509-v4`" + ` has the labels of 4.2 instead. They are there to switch over, not to
stay: they more than double the scrape, and have no bound of 1000 certificates. Give the files, folders and kubeconfigs that the exporter watched as PATHs; the sources are called as
4.2 calls those of its command line, and ` + "`node`" + ` without a PATH.

A test holds them against what both versions serve in 26 cases. Of 208 series of 3.21 200 are equal with ` + "`x509`" + `, and of 657 of 4.2
about files 650 with ` + "`x509-v4`" + ` (627 with ` + "`x509`" + `). What differs, and why:

| subject | 3.21 | 4.2 | here | why |
|---|---|---|---|---|
| user or cluster of a kubeconfig | ` + "`embedded_kind=\"users[:]\"`" + `, a bundle counts in ` + "`embedded_key=\"name(0)\"`" + ` | ` + "`user`, `name`" + ` | as the version that is asked for | they contradict each other |
| ` + "`issuer_ST`, `subject_ST`" + ` | the street | the province | as the version that is asked for | as above |
| a certificate twice in a bundle | the scrape fails | ` + "`discriminator`" + ` | ` + "`discriminator`" + ` | |
| ` + "`x509_cert_error`" + ` | for each file | for each certificate, if asked for | for each file | it is about what has no certificate |
| a file in DER, PKCS#7, PKCS#12 or JKS | an error | an error, unless its format is configured | its certificates | recognised by content |
| a private key in a folder | an error | ` + "`no_certificate_found`" + ` | nothing | a key is no fault |
| folders below a folder | not read | not read | read | nothing is to be overlooked; ` + "`--exclude NAME`" + `, or a pattern in quotes such as ` + "`'/etc/ssl/*.crt'`" + `, is as narrow as theirs |
| ` + "`..data`" + ` of a volume | an error | passed over | passed over | it is the folder that the links lead to |
| a file that is missing | ` + "`x509_read_errors`" + ` alone | nothing | ` + "`x509_read_errors`, `x509_cert_error`, `not_found`" + `, source down | nothing in silence |
| a kubeconfig whose file is missing | no certificate of it | the others | the others, and ` + "`x509_cert_error`" + ` | as above |
| the CA in each kubeconfig of a node | one series each | one series each | one series, of its file | without a PATH a CA that the node has is one; a kubeconfig as a PATH has all |
| ` + "`x509_source_errors_total`" + ` | none | counts at each reading | counts at each audit | ` + "`increase()`" + ` stays above 0 for as long as the fault is there; the chart's SourceErrors asks for more than five in 15 minutes: two files at an interval of five minutes, which is the chart's too, or one with ` + "`--interval 2m`" + ` |
| ` + "`x509_cert_collision_total`" + ` | none | counts at each scrape | the collisions of the last audit | none of them loses a certificate |
| revocation lists (` + "`x509_crl_*`" + `) | none | in PEM | in PEM and DER; without ` + "`x509_crl_stale_in_seconds`, `x509_crl_fresh_since_seconds`" + ` | ` + "`x509_crl_next_update - time()`" + ` says the same at any time |
| passphrases of key stores | none | for each source | ` + "`--keystore-password-file`" + `, tried on all; without one the certificates of what needs none | one that none opens is a finding too, ` + "`input/unreadable`" + ` |
| ` + "`x509_exporter_build_info`" + ` | ` + "`goversion`, `goos`, `goarch`" + ` | ` + "`go_runtime`, `go_os`, `go_arch`" + ` | a series each | the version is certaudit's |
| ` + "`x509_cert_expires_in_seconds`, `x509_cert_valid_since_seconds`" + ` | if asked for | if asked for | left out | ` + "`x509_cert_not_after - time()`" + ` says the same at any time |
| ` + "`x509_scrape_duration_seconds`" + ` | none | a histogram | left out | ` + "`scrape_duration_seconds`" + ` of Prometheus itself, or ` + "`certaudit_audit_duration_seconds`" + ` |

What certaudit does not watch, so that whoever needs it keeps the exporter for it: Secrets and ConfigMaps by the API, with
` + "`secret_namespace`, `secret_name`, `secret_key`" + ` and the labels of Secrets; the caBundles of webhooks, APIServices and CustomResourceDefinitions
by the API; ` + "`x509_kube_*`" + ` and the alerts on them; ` + "`--trim-path-components`" + ` (with ` + "`--root`" + ` paths are the node's own).
` + "`kubectl get secrets -A -o json | certaudit audit - -o prometheus=FILE`" + ` looks at them now and then.
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
