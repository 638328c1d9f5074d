package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"certaudit/audit"
)

// toldLogs is an awkward view of logs: two nodes, more events than fill a screen, causes
// with and without a step, hostile texts, lines that are not understood, and logs that
// were not read.
func toldLogs() audit.Logs {
	at := func(minutes int) time.Time { return now.Add(time.Duration(minutes) * time.Minute) }
	l := audit.Logs{Schema: audit.LogsSchema, At: now, Nodes: []string{"cp-1", "cp-2"}, Findings: []audit.Finding{{
		Check: "files/other-in-use", Severity: audit.Warning, Node: "cp-1", Component: "etcd", Path: "/etc/etcd/old-ca.crt", Message: "etcd uses this file; its configuration names /etc/etcd/ca.crt"}},
		Events: []audit.LogEvent{
			{Kind: "unknown-authority", Severity: audit.Critical, Node: "cp-1", Component: "kube-apiserver", Side: "client", Peer: "etcd", PeerNode: "cp-1", Address: "https://127.0.0.1:2379", Direction: "refuses",
				First: at(-60), Last: at(-1), Count: 12345, Source: "/var/log/pods/a/0.log", Line: 7, Message: "tls: failed to verify certificate: x509: certificate signed by unknown authority (possibly because of \"crypto/rsa: verification error\" while trying to verify candidate authority certificate \"etcd-ca\")",
				Meaning: "the API server does not trust what etcd presents", Next: "never shown", Tie: audit.TieCause,
				Cause: "chain/untrusted /etc/kubernetes/pki/etcd/server.crt:1 on cp-1",
				Causes: []audit.LogCause{
					{Node: "cp-1", Check: "chain/untrusted", Severity: audit.Critical, Path: "/etc/kubernetes/pki/etcd/server.crt", Line: 1, Message: "is signed by another key than that of /etc/kubernetes/pki/etcd/ca.crt; expected this CA", Step: 4},
					{Node: "cp-2", Check: "chain/wrong-issuer", Severity: audit.Warning, Path: "/etc/kubernetes/pki/etcd/ca.crt", Message: "differs"},
					{Node: "cp-2", Check: "chain/wrong-issuer", Path: "/other", Message: "differs too"},
				},
				Raw: []string{"E1123 raw \x1b[31mone", "E1123 raw two"}},
			{Kind: "expired", Severity: audit.Critical, Component: "kubelet", Side: "client", Peer: "kube-apiserver", PeerNode: "cp-2", Address: "192.0.2.11:6443", Direction: "refused", Node: "cp-2",
				First: at(-2880), Last: at(-5), Count: 2, Message: "tls: expired certificate", Meaning: "the API server refuses the kubelet's certificate", Next: "certaudit audit --root / says why", Commands: []string{"certaudit audit --root /", "restart\x1b[31m", "docker ps -q --filter \"name=k8s_kube-apiserver_\" --filter \"label=io.kubernetes.pod.namespace=kube-system\" | xargs -r docker stop `true`"}, Tie: audit.TieOpen},
			{Kind: "key-mismatch", Severity: audit.Critical, Component: "etcd", Direction: "own", Count: 1, First: at(-3), Last: at(-3), Message: "tls: private key does not match public key", Tie: audit.TieCause, Node: "cp-1",
				Cause:  "keys/mismatch /etc/etcd/server.key on cp-1",
				Causes: []audit.LogCause{{Node: "cp-1", Check: "keys/mismatch", Path: "/etc/etcd/server.key", Field: "etcd --key-file", Message: "is not the key", Remedy: "# take care\nopenssl pkey -in server.key\nmore"}}},
			{Kind: "bad-certificate", Severity: audit.Critical, Node: "cp-1", Component: "etcd", Side: "server", Peer: "kube-apiserver", PeerNode: "cp-1", Address: "127.0.0.1", Direction: "refused", First: at(-61), Last: at(-2), Count: 3, Message: "remote error: tls: bad certificate",
				Meaning: "the other end says why", Tie: audit.TieCause, Cause: "chain/untrusted /etc/kubernetes/pki/etcd/server.crt:1 on cp-1",
				Causes: []audit.LogCause{{Node: "cp-1", Check: "chain/untrusted", Severity: audit.Critical, Path: "/etc/kubernetes/pki/etcd/server.crt", Line: 1, Message: "is signed by another key", Step: 4}}},
			{Kind: "unknown-authority", Severity: audit.Warning, Component: "curl", Side: "client", Direction: "refuses", Count: 1, Message: "SSL certificate problem", Meaning: "it may be about another server", Tie: audit.TieOpen, Cause: "chain/untrusted /etc/kubernetes/pki/etcd/server.crt:1 on cp-1"},
			{Kind: "certificate-required", Severity: audit.Warning, Component: "kube-apiserver", Side: "server", Direction: "refuses", Count: 3, Message: "tls: client didn't provide a certificate", Meaning: "somebody calls without a certificate"},
			{Kind: "handshake-failure", Severity: audit.Warning, Component: "coredns\u202e", Address: "192.0.2.9:443", Count: 4, Message: "remote error: \x1b[2Jtls: " + strings.Repeat("handshake ", 20), Meaning: "nobody knows"},
			{Kind: "malformed", Severity: audit.Warning, Count: 5, Message: "asn1: structure error | `code`"},
			{Kind: "internal-error", Severity: audit.Info, Count: 6, Message: "tls: internal error"},
			{Kind: "http-to-tls", Severity: audit.Info, Component: "kubelet", Side: "server", Direction: "refuses", Count: 7, Message: "client sent an HTTP request to an HTTPS server"},
		},
		Components: []audit.LogCount{{Component: "", Lines: 5, Unknown: 3}, {Component: "etcd", Lines: 100, Events: 1, Unknown: 1200}, {Component: "kubelet", Lines: 900, Events: 9}},
		Unknown:    []audit.LogUnknown{{Component: "etcd", Source: "etcd.log", Line: 3, Count: 1200, Text: "odd x509 thing \x1b[31m"}, {Count: 2, Text: strings.Repeat("certificate ", 20)}},
		Unlisted:   1, Ungrouped: 17,
		Sources:    []audit.LogSource{{Name: "etcd.log", Format: "cri", Lines: 1005}, {Name: "gone.log", Problems: []string{"may not be read by this user"}}},
		Notes:      []string{"logs: files that are no logs by their names or kinds: 3"},
		Incomplete: true,
	}
	return l
}

// calmLogs are logs without a failure.
func calmLogs() audit.Logs {
	return audit.Logs{Schema: audit.LogsSchema, At: now, Nodes: []string{"cp-1"}, Events: []audit.LogEvent{}, Findings: []audit.Finding{}, Unknown: []audit.LogUnknown{},
		Components: []audit.LogCount{{Component: "etcd", Lines: 1}}, Sources: []audit.LogSource{{Name: "-", Format: "text", Lines: 1}}}
}

func renderLogs(t *testing.T, name string, l audit.Logs, o Options) string {
	t.Helper()
	o.Plan = []audit.Step{3: {Title: "have kubeadm renew etcd-server", Commands: []string{"kubeadm certs renew etcd-server"}}}
	formats := LogsFormats()
	i := slices.IndexFunc(formats, func(form FormatOf[audit.Logs]) bool { return form.Name == name })
	var b bytes.Buffer
	if err := formats[i].Write(&b, l, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestLogsFormats(t *testing.T) {
	for name, l := range map[string]audit.Logs{"told": toldLogs(), "calm": calmLogs(), "no": {Schema: audit.LogsSchema}} {
		for _, width := range []int{0, 80} {
			golden(t, fmt.Sprintf("%s-logs-%d.txt", name, width), renderLogs(t, "text", l, Options{Width: width}))
		}
		golden(t, name+"-logs-v.txt", renderLogs(t, "text", l, Options{Verbose: true}))
		golden(t, name+"-logs.json", renderLogs(t, "json", l, Options{}))
		golden(t, name+"-logs.md", renderLogs(t, "markdown", l, Options{}))
	}
}

// The text fits a terminal, and a screen of it; nothing in any format is obeyed by one.
func TestLogsText(t *testing.T) {
	for _, width := range []int{80, 100, 200} {
		for line := range strings.Lines(renderLogs(t, "text", toldLogs(), Options{Width: width})) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > width {
				t.Errorf("%d columns of %d: %s", n, width, line)
			}
		}
	}
	many := calmLogs()
	for i := range 100 {
		many.Events = append(many.Events, toldLogs().Events[0])
		many.Notes = append(many.Notes, fmt.Sprint(i))
	}
	if n := strings.Count(renderLogs(t, "text", many, Options{Width: 100}), "\n"); n > 100 {
		t.Errorf("%d lines", n)
	}
	for _, form := range LogsFormats() {
		for _, o := range []Options{{}, {Verbose: true}, {Width: 80}} {
			for _, r := range renderLogs(t, form.Name, toldLogs(), o) {
				if unprintable(r) && r != '\n' {
					t.Errorf("%s holds %q", form.Name, r)
				}
			}
		}
	}
}

// A failure that is followed is one line, which says what it is the first time, and how
// often it was afterwards.
func TestLogEventLine(t *testing.T) {
	for _, c := range []struct {
		times int64
		want  string
	}{
		{12345, "06:13:06  CRITICAL  unknown-authority  kube-apiserver refuses etcd https://127.0.0.1:2379: tls: failed to verify certificate: x509: certificate signed by unknown authority (possibly because of \"crypto/rsa: verification error\" while trying to verify candidate authority certificate \"etcd-ca\") (12,345 times); cause: /etc/kubernetes/pki/etcd/server.crt:1: chain/untrusted: is signed by another key than that of /etc/kubernetes/pki/etcd/ca.crt; expected this CA\n"},
		{1045, "06:13:06  CRITICAL  unknown-authority  kube-apiserver refuses etcd https://127.0.0.1:2379: 1,045 more, 12,345 in all\n"},
	} {
		var b bytes.Buffer
		if err := WriteLogEventLine(&b, toldLogs().Events[0], c.times, Options{}); err != nil || b.String() != c.want {
			t.Errorf("got %v\n%s\nwant\n%s", err, b.String(), c.want)
		}
	}
}

// An audit shows the logs beside it in its table, its page and its JSON, and nothing where
// there are none.
func TestResultWithLogs(t *testing.T) {
	l := toldLogs()
	for name, shows := range map[string]string{"table": "\nLogs\n\nCRITICAL  chain/untrusted", "html": `<section id="logs">`, "json": `"schema": "certaudit-logs/v1"`, "yaml": "schema: certaudit-logs/v1"} {
		r := awkward()
		if got := render(t, name, r, Options{}); strings.Contains(got, shows) {
			t.Errorf("%s shows %q without logs", name, shows)
		}
		r.Logs = &l
		got := render(t, name, r, Options{})
		if !strings.Contains(got, shows) {
			t.Errorf("%s does not show %q", name, shows)
		}
		if i := strings.IndexFunc(got, func(r rune) bool { return unprintable(r) && r != '\n' }); i >= 0 {
			t.Errorf("%s holds %q", name, got[max(0, i-20):i+20])
		}
		if name == "json" {
			var back audit.Result
			if err := json.Unmarshal([]byte(got), &back); err != nil || len(back.Logs.Events) != len(l.Events) {
				t.Errorf("%v: %+v", err, back.Logs)
			}
		}
	}
}
