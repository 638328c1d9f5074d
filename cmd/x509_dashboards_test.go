package cmd_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"certaudit/fixtures"
)

// asked is what a panel or an alert asks Prometheus.
type asked struct {
	by, expr string
	// labels are those that a table has as columns.
	labels []string
	// zero: all samples may be 0.
	zero bool
	// unwatched is why there is no answer, empty where there must be one.
	unwatched string
}

const secrets = "certaudit serve reads no Secrets by the API"

// x509Asked are the queries of Grafana's dashboard 13922 and of the chart's alerts, which
// are the same in versions 3.21.0 and 4.2.0 of enix/x509-certificate-exporter but for the
// metric of errors, with the chart's default thresholds
// (deploy/charts/x509-certificate-exporter of 3.21.0, chart of 4.2.0: grafana-dashboards/
// x509-certificate-exporter.json and templates/prometheusrule.yaml).
var x509Asked = []asked{
	{by: "total", expr: `count(x509_cert_not_after)`},
	{by: "expired", expr: `sum(((x509_cert_not_after - time()) / 86400) < bool 0)`},
	{by: "expiring within 7 days", expr: `sum(0 < ((x509_cert_not_after - time()) / 86400) < bool 7)`},
	{by: "expiring within 28 days", expr: `sum(0 < ((x509_cert_not_after - time()) / 86400) < bool 28)`},
	{by: "media, Secrets", expr: `count(x509_cert_not_after{secret_name!=""})`, unwatched: secrets},
	{by: "media, kubeconfigs", expr: `count(x509_cert_not_after{filepath!="",embedded_key!=""})`},
	{by: "media, files", expr: `count(x509_cert_not_after{filepath!="",embedded_key=""})`},
	{by: "time left of Secrets", expr: `((x509_cert_not_after{secret_name!=""} - time()) / 86400) < 180`, unwatched: secrets},
	{by: "time left of files", expr: `sort(((x509_cert_not_after{filepath!=""} - time()) / 86400) < 180)`, labels: []string{"subject_CN", "instance", "filepath"}},
	{by: "top issuers", expr: `topk(10, count by (issuer_CN) (x509_cert_not_after))`, labels: []string{"issuer_CN"}},
	{by: "top namespaces", expr: `count by (secret_namespace) (x509_cert_not_after{secret_namespace!=""})`, unwatched: secrets},
	{by: "top instances", expr: `topk(10, count by (instance) (x509_cert_not_after{filepath!=""}))`, labels: []string{"instance"}},
	{by: "validity of Secrets", expr: `(x509_cert_not_after{secret_name!=""} - x509_cert_not_before) / 86400`, unwatched: secrets},
	{by: "shortest validity of files", expr: `bottomk(10, (x509_cert_not_after{filepath!=""} - x509_cert_not_before) / 86400)`, labels: []string{"subject_CN", "instance", "filepath"}},
	{by: "longest validity of files", expr: `topk(10, (x509_cert_not_after{filepath!=""} - x509_cert_not_before) / 86400)`, labels: []string{"subject_CN", "instance", "filepath"}},

	{by: "version 3, exporters", expr: `count(x509_read_errors)`},
	{by: "version 3, errors", expr: `sum(x509_read_errors)`},
	{by: "version 3, exporters with errors", expr: `sum(x509_read_errors > bool 0)`},
	{by: "version 3, error rate", expr: `sum(rate(x509_read_errors[15m]))`, zero: true},
	{by: "version 3, top by rate", expr: `topk(10, rate(x509_read_errors[6h]))`, labels: []string{"instance"}, zero: true},
	{by: "version 3, top by errors", expr: `topk(10, x509_read_errors)`, labels: []string{"instance"}},
	{by: "version 4, exporters", expr: `count(x509_source_errors_total)`},
	{by: "version 4, errors", expr: `sum(x509_source_errors_total)`},
	{by: "version 4, exporters with errors", expr: `sum(x509_source_errors_total > bool 0)`},
	{by: "version 4, error rate", expr: `sum(rate(x509_source_errors_total[15m]))`},
	{by: "version 4, top by rate", expr: `topk(10, rate(x509_source_errors_total[6h]))`, labels: []string{"instance"}},
	{by: "version 4, top by errors", expr: `topk(10, x509_source_errors_total)`, labels: []string{"instance"}},

	{by: "alert X509ExporterReadErrors of version 3, of a file that breaks now", expr: `delta(x509_read_errors[15m]) > 0`},
	{by: "alert CertificateError", expr: `x509_cert_error > 0`, labels: []string{"filepath"}},
	{by: "alert CertificateRenewal", expr: `(x509_cert_not_after - time()) < (28 * 86400) and (x509_cert_not_after - time()) > 0`, labels: []string{"subject_CN", "filepath"}},
	{by: "alert CertificateExpiration", expr: `(x509_cert_not_after - time()) < (14 * 86400)`, labels: []string{"subject_CN", "filepath"}},
	{by: "alert CertificateNotYetValid", expr: `(x509_cert_not_before - time()) > 0`, labels: []string{"subject_CN", "filepath"}},
	{by: "alerts SourceErrors, SourceErrorsSustained", expr: `sum without (reason) (increase(x509_source_errors_total[15m])) > 5`, labels: []string{"source_name", "source_kind"}},
	{by: "alert SourceDown", expr: `x509_source_up == 0`, labels: []string{"source_name", "source_kind"}, zero: true},
	{by: "alert KeystorePassphraseFailures", expr: `(increase(x509_pkcs12_passphrase_failures_total[15m]) > 0) or (increase(x509_jks_passphrase_failures_total[15m]) > 0)`, labels: []string{"source_name"}},
	{by: "alert CertificateCollision, which asks for more than 0", expr: `increase(x509_cert_collision_dropped_total[1h])`, labels: []string{"source_kind"}, zero: true},
	{by: "alert CRLNeedsRefresh", expr: `(x509_crl_next_update - time()) < (7 * 86400) and x509_crl_stale == 0`, labels: []string{"issuer_CN", "filepath"}},
	{by: "alert CRLStale", expr: `x509_crl_stale > 0`, labels: []string{"issuer_CN", "filepath"}},
	{by: "alerts KubeTransportErrors, KubeTransportErrorsSustained", expr: `x509_kube_transport_errors_total`, unwatched: secrets},
}

// TestX509Dashboards has a real Prometheus scrape what replaces the other exporter, with a
// file of every fault: what its dashboard and its alerts ask about files has an answer.
func TestX509Dashboards(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Prometheus")
	}
	needPrometheus(t)
	for _, compat := range []string{"x509", "x509-v4"} {
		t.Run(compat, func(t *testing.T) {
			t.Parallel()
			dir, work := t.TempDir(), t.TempDir()
			faultyFiles(t, dir)
			secureWeb(t, work)
			serve := certaudit(t, "serve", "--web.listen-address", "127.0.0.1:0", "--web.config.file", filepath.Join(work, "web.yaml"),
				"--metrics-compat", compat, "--interval", "1s", "--keystore-password-file", filepath.Join(dir, "password"), dir+"/certs", dir+"/admin.conf", dir+"/gone.crt")
			p := startPrometheus(t, work, started(t, serve, 1)[0])
			p.until(`count(x509_cert_not_after) > bool 1`, "1")
			must(t, os.WriteFile(dir+"/certs/broken-now.crt", []byte("no certificate\n"), 0o644))
			for _, a := range x509Asked {
				p.answers(a)
			}
		})
	}
}

// answers waits for the answer that a query must have, if any.
func (p *prometheus) answers(a asked) {
	p.Helper()
	var got []sample
	for end := time.Now().Add(patient); ; time.Sleep(100 * time.Millisecond) {
		got = p.samples(a.expr)
		if a.unwatched != "" || alive(got, a.zero) || time.Now().After(end) {
			break
		}
	}
	if (a.unwatched != "") != (len(got) == 0) || a.unwatched == "" && !alive(got, a.zero) {
		p.Errorf("%s: %s gives %v; not watched: %q", a.by, a.expr, got, a.unwatched)
	}
	for _, s := range got {
		for _, label := range a.labels {
			if s.Metric[label] == "" {
				p.Errorf("%s: %s has a sample without %s: %v", a.by, a.expr, label, s.Metric)
			}
		}
	}
}

// alive reports whether there are samples, and one that is not 0 unless all may be.
func alive(samples []sample, zero bool) bool {
	for _, s := range samples {
		if zero || s.Value[1] != "0" {
			return true
		}
	}
	return false
}

// faultyFiles writes files with what alerts are about.
func faultyFiles(t *testing.T, dir string) {
	t.Helper()
	now := time.Now()
	c := fixtures.ControlPlane(fixtures.Options{Now: now})
	c.Reissue(pki+"/front-proxy-client", func(s *fixtures.Spec) { s.NotBefore, s.NotAfter = now.AddDate(0, -11, 0), now.AddDate(0, 0, 5) })
	old := fixtures.ControlPlane(fixtures.Options{Now: now.AddDate(-2, 0, 0)}).Node
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "ca"}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, SubjectKeyId: []byte{7}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	ca, err := x509.ParseCertificate(der)
	must(t, err)
	store, err := pkcs12.Modern.Encode(key, ca, nil, "nobody knows")
	must(t, err)
	revoked := func(number int64, next time.Time) []byte {
		list, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(number), ThisUpdate: now.AddDate(0, 0, -9), NextUpdate: next}, ca, key)
		must(t, err)
		return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: list})
	}
	for name, data := range map[string][]byte{
		"certs/sound.crt": c.Node[pki+"/apiserver-etcd-client.crt"].Data, "certs/soon.crt": c.Node[pki+"/front-proxy-client.crt"].Data,
		"certs/expired.crt": old[pki+"/apiserver-kubelet-client.crt"].Data, "certs/early.crt": misissued(c.Options)[apiserver].Data,
		"certs/broken.crt": []byte("-----BEGIN CERTIFICATE-----\nMIIBbroken\n-----END CERTIFICATE-----\n"), "certs/store.p12": store,
		"certs/stale.crl": revoked(1, now.AddDate(0, 0, -1)), "certs/soon.crl": revoked(2, now.AddDate(0, 0, 1)),
		"password": []byte("another\n"), "admin.conf": c.Node["/etc/kubernetes/admin.conf"].Data,
	} {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		must(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
}
