package report

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"certaudit/audit"
)

// served is the health of a server in the middle of its life.
func served() Health {
	return Health{Ended: time.Unix(1_800_000_000, 0), Duration: 1500 * time.Millisecond,
		Server: &ServerHealth{Audits: 7, Failures: 2, Watching: true}}
}

func exposition(t *testing.T, families []*dto.MetricFamily) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteMetrics(&b, families); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// unbuilt drops what differs between builds of the program.
func unbuilt(s string) string {
	var kept []string
	for line := range strings.Lines(s) {
		if !strings.Contains(line, "_build_info{") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

func TestMetrics(t *testing.T) {
	for name, r := range map[string]audit.Result{"fine": fine(), "awkward": awkward(), "nothing": nothing()} {
		t.Run(name, func(t *testing.T) {
			own, x509 := exposition(t, Metrics(r, served())), exposition(t, X509Metrics(r, Host{}, X509{}))
			golden(t, name+".prom", unbuilt(own+x509))
			checkText(t, own+x509)
			if diff := cmp.Diff(own, exposition(t, Metrics(r, served()))); diff != "" {
				t.Errorf("twice the same result gives different metrics:\n%s", diff)
			}
		})
	}
}

// checkText reads metrics as Prometheus does, which refuses a scrape for one
// series that occurs twice.
func checkText(t *testing.T, s string) {
	t.Helper()
	roster := map[string]Metric{}
	for _, m := range append(MetricRoster(), X509Roster()...) {
		roster[m.Name] = m
	}
	p := expfmt.NewTextParser(model.UTF8Validation)
	families, err := p.TextToMetricFamilies(strings.NewReader(s))
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range families {
		m, known := roster[name]
		if !known || f.GetHelp() != m.Help || strings.ToLower(f.GetType().String()) != m.Type {
			t.Errorf("%s is not as MetricRoster describes it", name)
		}
		seen := map[string]bool{}
		for _, metric := range f.Metric {
			var labels []string
			for _, l := range metric.Label {
				if !slices.Contains(m.Labels, l.GetName()) {
					t.Errorf("%s has a label %q that MetricRoster does not know", name, l.GetName())
				}
				if v := l.GetValue(); v == "" || !utf8.ValidString(v) || strings.ContainsFunc(v, unprintable) {
					t.Errorf("%s{%s=%q}", name, l.GetName(), v)
				}
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			slices.Sort(labels)
			key := strings.Join(labels, "\n")
			if seen[key] {
				t.Errorf("%s{%q} occurs twice", name, labels)
			}
			seen[key] = true
			if metric.TimestampMs != nil {
				t.Errorf("%s has a timestamp", name)
			}
		}
	}
	if _, err := exec.LookPath("promtool"); err != nil {
		t.Log("promtool is not there to check the metrics")
		return
	}
	c := exec.Command("promtool", "check", "metrics")
	c.Stdin = strings.NewReader(s)
	if out, err := c.CombinedOutput(); (err != nil || len(out) > 0) && !strings.Contains(s, "x509_cert") {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

// TestMetricsOfHostileResults makes series of whatever somebody may write into
// certificates and file names, many of them alike.
func TestMetricsOfHostileResults(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pick := func() string { s := hostileStrings(); return s[random.IntN(len(s))] }
	r := nothing()
	for range 300 {
		c := audit.Certificate{Node: pick(), Component: pick(), Role: pick(), Path: pick(), Field: pick(), Index: random.IntN(2),
			CommonName: pick(), Organizations: []string{pick()}, DNSNames: []string{pick(), pick()}, Issuer: pick(), Serial: "0a",
			NotAfter: time.Unix(random.Int64N(1<<40)-1<<39, 0)}
		if random.IntN(2) > 0 {
			c.SHA256 = fmt.Sprint(random.IntN(5))
		}
		r.Certificates = append(r.Certificates, c)
		r.Findings = append(r.Findings, audit.Finding{Check: pick(), Severity: audit.Severity(pick()), Node: c.Node, Path: pick(), Component: pick(), Field: pick()})
		r.Connections = append(r.Connections, audit.Connection{Node: pick(), Client: pick(), Server: pick(), Address: pick(), Status: audit.VerdictOK})
		r.Nodes = append(r.Nodes, audit.Node{Name: pick()})
	}
	checkText(t, exposition(t, Metrics(r, served()))+exposition(t, X509Metrics(r, Host{}, X509{})))
}

// TestMetricsStayWithinBounds holds the size of a scrape against its promise.
func TestMetricsStayWithinBounds(t *testing.T) {
	r := nothing()
	add := func(component string, n int) {
		for i := range n {
			r.Certificates = append(r.Certificates, audit.Certificate{Component: component, Role: "file/certificate", Path: fmt.Sprintf("/etc/ssl/private/%05d.crt", i),
				CommonName: "svc.example.com", SHA256: fmt.Sprintf("%064x", i), NotAfter: time.Unix(1_800_000_000, 0), NotBefore: time.Unix(1_700_000_000, 0)})
		}
	}
	add(fileComponent, 9990)
	add("kube-apiserver", 10)
	for i, c := range r.Certificates {
		r.Findings = append(r.Findings, audit.Finding{Check: "validity/expired", Severity: audit.Critical, Path: c.Path, SHA256: c.SHA256, Rows: []int{i}})
	}
	families := Metrics(r, served())
	got := map[string]int{}
	for _, f := range families {
		got[f.GetName()] = len(f.Metric)
	}
	want := map[string]int{
		"certaudit_certificate_not_after_timestamp_seconds":  10000,
		"certaudit_certificate_not_before_timestamp_seconds": 1000,
		"certaudit_certificate_info":                         1000,
		"certaudit_certificate_findings":                     maxFindingSeries,
	}
	for name, n := range want {
		if got[name] != n {
			t.Errorf("%s has %d series, want %d", name, got[name], n)
		}
	}
	out := exposition(t, families)
	if len(out) > 2_500_000 {
		t.Errorf("the scrape has %d bytes", len(out))
	}
	for _, line := range []string{
		"certaudit_certificates_without_details 9000",
		`certaudit_findings{check="validity/expired",severity="critical"} 10000`,
		`certaudit_certificate_info{component="kube-apiserver",role="file/certificate",path="/etc/ssl/private/00009.crt",subject="CN=svc.example.com",sha256="` + fmt.Sprintf("%064x", 9) + `"} 1`,
	} {
		if !strings.Contains(out, line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
}

// TestMetricsSayWhatIsMissing follows a certificate that vanished through all
// families.
func TestMetricsSayWhatIsMissing(t *testing.T) {
	r := nothing()
	r.Nodes = []audit.Node{{Name: "cp-1"}}
	r.Certificates = []audit.Certificate{
		{Node: "cp-1", Component: "etcd", Role: "etcd/serving", Path: "/pki/server.crt", Absent: audit.AbsentMissing},
		{Node: "cp-1", Component: "etcd", Role: "etcd/peer", Path: "/pki/server.crt", Absent: audit.AbsentMissing},
		{Node: "cp-1", Component: "etcd", Role: "etcd/ca", Path: "/pki/ca.crt", Absent: audit.AbsentUnreadable},
		{Node: "cp-1", Component: "kubelet", Role: "kubelet/client", Path: "/pki/kubelet.pem", Absent: audit.AbsentMalformed}}
	r.Findings = []audit.Finding{
		{Check: "files/missing", Severity: audit.Critical, Node: "cp-1", Component: "etcd", Path: "/pki/server.crt", Field: "etcd --cert-file", Rows: []int{0, 1}},
		{Check: "files/permissions", Severity: audit.Warning, Node: "cp-1", Component: "etcd", Path: "/pki/server.key"},
		{Check: "files/missing", Severity: audit.Critical, Node: "cp-1", Path: "/pki/known.crt", Known: true},
		{Check: "keys/weak", Severity: audit.Warning, Node: "cp-1", Path: "/pki/waived.crt", Waiver: &audit.WaivedBy{}}}
	r.Connections = []audit.Connection{{Node: "cp-1", Client: "a", Server: "d", Status: audit.VerdictUnknown}}
	var got []string
	for line := range strings.Lines(exposition(t, Metrics(r, Health{}))) {
		if strings.HasPrefix(line, "certaudit_") && !strings.HasSuffix(line, "} 0\n") && !strings.HasPrefix(line, "certaudit_build") {
			got = append(got, strings.TrimSuffix(line, "\n"))
		}
	}
	want := []string{
		`certaudit_certificate_missing{node="cp-1",component="etcd",role="etcd/serving",path="/pki/server.crt"} 1`,
		`certaudit_certificate_missing{node="cp-1",component="etcd",role="etcd/peer",path="/pki/server.crt"} 1`,
		`certaudit_certificate_unreadable{node="cp-1",component="etcd",role="etcd/ca",path="/pki/ca.crt"} 1`,
		`certaudit_certificate_findings{node="cp-1",component="etcd",role="etcd/peer",path="/pki/server.crt",check="files/missing",severity="critical"} 1`,
		`certaudit_certificate_findings{node="cp-1",component="etcd",path="/pki/server.key",check="files/permissions",severity="warning"} 1`,
		`certaudit_findings{check="files/missing",severity="critical"} 1`,
		`certaudit_findings{check="files/permissions",severity="warning"} 1`,
		`certaudit_references_missing{node="cp-1"} 2`,
		"certaudit_audit_complete 1",
		"certaudit_audit_last_success_timestamp_seconds " + fmt.Sprint(float64(r.At.Unix())),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A broken connection says which findings explain it, and which of them count.
func TestMetricsSayWhyConnectionsBreak(t *testing.T) {
	r := nothing()
	broken := func(client, server, address string) audit.Connection {
		return audit.Connection{Node: "cp-1", Client: client, Server: server, Address: address, Status: audit.VerdictBroken}
	}
	r.Certificates = []audit.Certificate{{Node: "cp-1", Component: "admin", Role: "user/client", Path: "/root/.kube/config", Field: "users[0].user.client-certificate-data"}}
	r.Findings = []audit.Finding{
		{Check: "validity/expired", Severity: audit.Warning, Node: "cp-1", Path: "/root/.kube/config", Field: "kubectl", Rows: []int{0}, Breaks: []string{"kubectl -> kube-apiserver"}},
		{Check: "connections/client-untrusted", Severity: audit.Critical, Node: "cp-1", Component: "etcd", Path: "/etcd.yaml", Field: "--trusted-ca-file", Breaks: []string{"kube-apiserver -> etcd", "etcd gateway -> etcd"}},
		{Check: "validity/expired", Severity: audit.Critical, Node: "cp-1", Path: "/waived.crt", Waiver: &audit.WaivedBy{}, Breaks: []string{"kubelet -> kube-apiserver"}},
		{Check: "validity/expired", Severity: audit.Critical, Node: "cp-2", Path: "/elsewhere.crt", Breaks: []string{"kubelet -> kube-apiserver"}}}
	r.Connections = []audit.Connection{
		broken("kubectl", "kube-apiserver", "https://192.0.2.11:6443"), broken("kube-apiserver", "etcd", "https://127.0.0.1:2379"),
		broken("kube-apiserver", "etcd", "https://192.0.2.12:2379"), broken("kubelet", "kube-apiserver", ""),
		{Node: "cp-1", Client: "a", Server: "b", Status: audit.VerdictOK}, {Node: "cp-1", Client: "a", Server: "c", Status: audit.VerdictUnverified},
		{Node: "cp-1", Client: "a", Server: "d", Status: audit.VerdictUnknown}, {Node: "cp-2", Client: "a", Server: "d", Status: audit.VerdictUnknown}}
	var got []string
	for line := range strings.Lines(exposition(t, Metrics(r, Health{}))) {
		if strings.HasPrefix(line, "certaudit_connection") {
			got = append(got, strings.TrimSuffix(line, "\n"))
		}
	}
	const etcd = `path="/etcd.yaml",field="--trusted-ca-file",check="connections/client-untrusted",severity="critical"} 1`
	want := []string{
		`certaudit_connections{node="cp-1",status="broken"} 4`,
		`certaudit_connections{node="cp-1",status="ok"} 2`,
		`certaudit_connection_broken{node="cp-1",client="kubectl",server="kube-apiserver",address="https://192.0.2.11:6443",path="/root/.kube/config",field="users[0].user.client-certificate-data",check="validity/expired",severity="warning"} 1`,
		`certaudit_connection_broken{node="cp-1",client="kube-apiserver",server="etcd",address="https://127.0.0.1:2379",` + etcd,
		`certaudit_connection_broken{node="cp-1",client="kube-apiserver",server="etcd",address="https://192.0.2.12:2379",` + etcd,
		`certaudit_connection_broken{node="cp-1",client="kubelet",server="kube-apiserver"} 1`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
