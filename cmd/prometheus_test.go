package cmd_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	program "certaudit/cmd"
	"certaudit/fixtures"
	"certaudit/report"
)

const (
	apiserver = "/etc/kubernetes/pki/apiserver.crt"
	password  = program.Password
	hashed    = program.Hashed
	// patient is how long the tests wait for what must come.
	patient = 60 * time.Second
)

// TestPrometheus has a real Prometheus scrape a real server over TLS with basic
// authentication, changes the files below it, and asks Prometheus what it knows.
func TestPrometheus(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Prometheus")
	}
	needPrometheus(t)
	dir, work := t.TempDir(), t.TempDir()
	control := fixtures.ControlPlane(fixtures.Options{Now: time.Now()})
	if err := control.Node.Write(dir); err != nil {
		t.Fatal(err)
	}
	secureWeb(t, work)
	serve := certaudit(t, "serve", "--web.listen-address", "127.0.0.1:0", "--root", dir, "--web.config.file", filepath.Join(work, "web.yaml"), "--metrics-compat", "x509")
	address := started(t, serve, 1)[0]
	p := startPrometheus(t, work, address)

	const series = `{role="kube-apiserver/serving", path="/etc/kubernetes/pki/apiserver.crt"}`
	const notAfter, missing = "certaudit_certificate_not_after_timestamp_seconds" + series, "certaudit_certificate_missing" + series
	p.until("up", "1")
	p.until(notAfter, endOf(t, dir+apiserver))
	p.until("count("+missing+")", "")
	p.until("certaudit_audit_complete", "1")
	p.until(`count(certaudit_connections{status="broken"})`, "")
	p.until("max(certaudit_findings{severity!=\"info\"})", "0")
	p.until(`count(x509_cert_not_after{filepath="/etc/kubernetes/pki/apiserver.crt"})`, "1")

	data, err := os.ReadFile(dir + apiserver)
	must(t, err)
	must(t, os.WriteFile(dir+apiserver, data[:len(data)/2], 0o644))
	p.until("count("+missing+")", "")
	p.until("count("+notAfter+")", "")
	p.until(`sum(certaudit_certificate_findings{check="files/malformed"})`, "1")
	p.until("x509_read_errors", "1")

	must(t, os.Remove(dir+apiserver))
	p.until(`certaudit_findings{check="files/missing"}`, "1")
	p.until(missing, "1")
	p.until("certaudit_references_missing", "1")

	expired := fixtures.ControlPlane(fixtures.Options{Now: time.Now().AddDate(-2, 0, 0)}).Node
	must(t, os.WriteFile(dir+apiserver, expired[apiserver].Data, 0o644))
	p.until(notAfter, endOf(t, dir+apiserver))
	p.until("count("+missing+")", "")
	p.until(`sum(certaudit_certificate_findings{check="validity/expired", component="kube-apiserver"})`, "1")
	p.until(`min(certaudit_connection_broken{check="validity/expired"})`, "1")

	must(t, os.WriteFile(dir+"/renewed", data, 0o644))
	must(t, os.Rename(dir+"/renewed", dir+apiserver))
	p.until(notAfter, endOf(t, dir+apiserver))
	p.until("max(certaudit_findings{severity!=\"info\"})", "0")
	p.until(`count(certaudit_connections{status="broken"})`, "")

	for _, m := range append(report.MetricRoster(), report.X509Roster()...) {
		p.query(m.Example) // fails where Prometheus does not understand it
	}
	p.scrapeChecked(work, address)

	must(t, serve.Process.Signal(syscall.SIGTERM))
	if err := serve.Wait(); err != nil {
		t.Errorf("SIGTERM ended the server with %v", err)
	}
	p.until("up", "0")
}

// needPrometheus skips a test where Prometheus is not installed.
func needPrometheus(t *testing.T) {
	t.Helper()
	for _, tool := range []string{"prometheus", "promtool"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// endOf is the notAfter of a file's certificate.
func endOf(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	must(t, err)
	block, _ := pem.Decode(data)
	c, err := x509.ParseCertificate(block.Bytes)
	must(t, err)
	return strconv.FormatInt(c.NotAfter.Unix(), 10)
}

type prometheus struct {
	*testing.T
	url string
}

// startPrometheus starts one that scrapes these addresses, and has the rules of dir.
func startPrometheus(t *testing.T, dir string, targets ...string) *prometheus {
	t.Helper()
	addresses, err := json.Marshal(targets)
	must(t, err)
	config := fmt.Sprintf(`global: {scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms}
rule_files: [rules*.yaml]
scrape_configs:
- job_name: certaudit
  scheme: https
  basic_auth: {username: prometheus, password: %s}
  tls_config: {ca_file: tls.crt}
  static_configs: [{targets: %s}]
`, password, addresses)
	must(t, os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o600))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	address := l.Addr().String()
	must(t, l.Close())
	c := exec.CommandContext(t.Context(), "prometheus", "--config.file", filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path", filepath.Join(dir, "tsdb"), "--web.listen-address", address, "--log.level", "warn")
	log := &strings.Builder{}
	c.Stderr = log
	must(t, c.Start())
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
		if t.Failed() {
			t.Logf("prometheus says:\n%s", log)
		}
	})
	p := &prometheus{t, "http://" + address}
	for end := time.Now().Add(patient); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if resp, err := http.Get(p.url + "/-/ready"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return p
			}
		}
	}
	t.Fatal("prometheus is not ready")
	return nil
}

// sample is a series that an expression gives, with its value.
type sample struct {
	Metric map[string]string
	Value  [2]any
}

// samples returns the series that an expression gives.
func (p *prometheus) samples(expr string) []sample {
	p.Helper()
	resp, err := http.Get(p.url + "/api/v1/query?query=" + url.QueryEscape(expr))
	must(p.T, err)
	defer resp.Body.Close()
	var answer struct {
		Status, Error string
		Data          struct{ Result []sample }
	}
	must(p.T, json.NewDecoder(resp.Body).Decode(&answer))
	if answer.Status != "success" {
		p.Fatalf("%s: %s", expr, answer.Error)
	}
	return answer.Data.Result
}

// query returns the values of the series that an expression gives.
func (p *prometheus) query(expr string) []string {
	p.Helper()
	var values []string
	for _, s := range p.samples(expr) {
		values = append(values, fmt.Sprint(s.Value[1]))
	}
	return values
}

// until waits until an expression gives one series of a value, or none for "".
func (p *prometheus) until(expr, want string) {
	p.Helper()
	var got []string
	for end := time.Now().Add(patient); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if got = p.query(expr); strings.Join(got, " ") == want {
			return
		}
	}
	p.Fatalf("%s gives %q, want %q", expr, got, want)
}

// scrapeChecked has promtool look at all that is served, and tries to get in
// without the password and without TLS.
func (p *prometheus) scrapeChecked(dir, address string) {
	p.Helper()
	ca, err := os.ReadFile(filepath.Join(dir, "tls.crt"))
	must(p.T, err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	defer client.CloseIdleConnections()
	get := func(user, secret string) (int, []byte) {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://"+address+"/metrics", nil)
		must(p.T, err)
		if user != "" {
			req.SetBasicAuth(user, secret)
		}
		resp, err := client.Do(req)
		must(p.T, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		must(p.T, err)
		return resp.StatusCode, body
	}
	for _, secret := range []string{"", "wrong"} {
		if code, _ := get("prometheus", secret); code != http.StatusUnauthorized {
			p.Errorf("the password %q gives %d", secret, code)
		}
	}
	if resp, err := http.Get("http://" + address + "/metrics"); err == nil {
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			p.Error("served without TLS")
		}
	}
	code, body := get("prometheus", password)
	if code != http.StatusOK {
		p.Fatalf("a scrape gives %d", code)
	}
	c := exec.Command("promtool", "check", "metrics")
	// The names of the other exporter are not ours to choose.
	c.Stdin = strings.NewReader(regexp.MustCompile(`(?m)^(# \w+ )?x509_.*\n`).ReplaceAllString(string(body), ""))
	if out, err := c.CombinedOutput(); err != nil || len(out) > 0 {
		p.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}
