package logs

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	klogText = `E0920 16:30:36.852849      11 dynamic_serving_content.go:218] key failed with : tls: private key does not match public key`
	zapText  = `{"level":"warn","ts":"2026-06-16T09:22:28.579816Z","caller":"embed/config_logging.go:169","msg":"rejected connection","remote-addr":"[::1]:35480","error":"tls: bad \"certificate\""}`
	zapJSON  = `{\"level\":\"warn\",\"ts\":\"2026-06-16T09:22:28.579816Z\",\"caller\":\"embed/config_logging.go:169\",\"msg\":\"rejected connection\",\"remote-addr\":\"[::1]:35480\",\"error\":\"tls: bad \\\"certificate\\\"\"}`
	oldEtcd  = `2026-04-02 18:29:05.514387 I | embed: rejected connection from "172.30.0.13:32802" (error "remote error: tls: bad certificate", ServerName "")`
	pods     = "/var/log/pods/kube-system_kube-apiserver-cp1_0a1b2c3d4e5f60718293a4b5c6d7e8f9/kube-apiserver/0.log"
)

// klogAt is when klogText was written, and zapAt when zapText was.
var (
	klogAt = time.Date(2026, 9, 20, 16, 30, 36, 852849000, time.UTC)
	zapAt  = time.Date(2026, 6, 16, 9, 22, 28, 579816000, time.UTC)
)

func utc(month time.Month, day, hour, minute, second, nanosecond int) time.Time {
	return time.Date(2026, month, day, hour, minute, second, nanosecond, time.UTC)
}

// carriedLines are lines as they stand in a log, and what they are without what carries
// them.
var carriedLines = []struct {
	name, source, text, format string
	want                       Line
}{
	{"klog", "-", klogText, "text", Line{Time: klogAt, Text: klogText}},
	{"klog in a file of a name", "logs/kube-apiserver.log", klogText, "text", Line{Time: klogAt, Component: "kube-apiserver", Text: klogText}},
	{"klog in a rotated file", "logs/kube-apiserver.log-20260921.gz", klogText, "text", Line{Time: klogAt, Component: "kube-apiserver", Text: klogText}},
	{"klog in its own file", "kube-scheduler.cp1.root.log.INFO.20260920-163036.11", klogText, "text", Line{Time: klogAt, Component: "kube-scheduler", Text: klogText}},
	{"klog in a file of no program's name", "clients.log", klogText, "text", Line{Time: klogAt, Text: klogText}},
	{"indented", "-", "\t  " + klogText, "text", Line{Time: klogAt, Text: klogText}},
	{"with a line feed of DOS", "-", klogText + "\r", "text", Line{Time: klogAt, Text: klogText}},
	{"behind a hole", "-", "\x00\x00\x00" + klogText, "text", Line{Time: klogAt, Text: klogText}},
	{"no UTF-8", "-", "E0920 16:30:36.852849 11 a.go:1] tls \xff\xfe error", "text", Line{Time: klogAt, Text: "E0920 16:30:36.852849 11 a.go:1] tls \ufffd error"}},
	{"zap", "-", zapText, "text", Line{Time: zapAt, Component: "etcd", Text: zapText}},
	{"zap of etcd's client", "kube-apiserver.log", `{"level":"warn","ts":1781601748.5,"logger":"etcd-client","caller":"v3@v3.5.21/retry_interceptor.go:63","msg":"tls: bad certificate"}`, "text",
		Line{Time: utc(6, 16, 9, 22, 28, 500000000), Component: "kube-apiserver", Text: `{"level":"warn","ts":1781601748.5,"logger":"etcd-client","caller":"v3@v3.5.21/retry_interceptor.go:63","msg":"tls: bad certificate"}`}},
	{"klog in JSON", "-", `{"ts":1781601748579.816,"caller":"app/server.go:1","msg":"x509: no","v":0}`, "text",
		Line{Time: zapAt, Text: `{"ts":1781601748579.816,"caller":"app/server.go:1","msg":"x509: no","v":0}`}},
	{"zap, cut off", "-", zapText[:90], "text", Line{Time: zapAt, Component: "etcd", Text: zapText[:90]}},
	{"etcd's old text", "-", oldEtcd, "text", Line{Time: utc(4, 2, 18, 29, 5, 514387000), Component: "etcd", Text: oldEtcd}},
	{"Go's log", "-", `2026/04/02 18:29:05 http: TLS handshake error from 10.0.0.1:34: EOF`, "text", Line{Time: utc(4, 2, 18, 29, 5, 0), Text: `2026/04/02 18:29:05 http: TLS handshake error from 10.0.0.1:34: EOF`}},
	{"gRPC's log", "-", `WARNING: 2026/04/02 18:29:05 Failed to dial 0.0.0.0:2379`, "text", Line{Time: utc(4, 2, 18, 29, 5, 0), Text: `WARNING: 2026/04/02 18:29:05 Failed to dial 0.0.0.0:2379`}},
	{"logfmt", "containerd.log", `time="2026-04-02T20:29:05.5+02:00" level=error msg="x509: certificate signed by unknown authority"`, "text",
		Line{Time: utc(4, 2, 18, 29, 5, 500000000), Component: "containerd", Text: `time="2026-04-02T20:29:05.5+02:00" level=error msg="x509: certificate signed by unknown authority"`}},
	{"curl", "-", "curl: (60) SSL certificate problem: certificate has expired", "text", Line{Component: "curl", Text: "curl: (60) SSL certificate problem: certificate has expired"}},
	{"kubectl", "-", "Unable to connect to the server: x509: no", "text", Line{Component: "kubectl", Text: "Unable to connect to the server: x509: no"}},
	{"journalctl", "-", "Sep 20 16:30:37 node-1 kubelet[20520]: " + klogText, "syslog",
		Line{Time: utc(9, 20, 16, 30, 37, 0), Host: "node-1", Component: "kubelet", Text: klogText}},
	{"journalctl -o short-precise", "-", "Sep 20 16:30:37.000123 node-1 kubelet[20520]: " + klogText, "syslog",
		Line{Time: utc(9, 20, 16, 30, 37, 123000), Host: "node-1", Component: "kubelet", Text: klogText}},
	{"journalctl -o short-iso", "-", "2026-09-20T18:30:37+0200 node-1 kubelet[20520]: " + klogText, "journal",
		Line{Time: utc(9, 20, 16, 30, 37, 0), Host: "node-1", Component: "kubelet", Text: klogText}},
	{"journalctl -o short-iso-precise", "-", "2026-09-20T18:30:37.000123+02:00 node-1 k3s[7]: " + klogText, "journal",
		Line{Time: utc(9, 20, 16, 30, 37, 123000), Host: "node-1", Component: "k3s", Text: klogText}},
	{"journalctl -o short-full", "-", "Sun 2026-09-20 16:30:37 UTC node-1 etcd[7]: " + zapText, "journal",
		Line{Time: utc(9, 20, 16, 30, 37, 0), Host: "node-1", Component: "etcd", Text: zapText}},
	{"journalctl -o short-full in a zone of a name", "-", "Sun 2026-09-20 18:30:37 CEST node-1 etcd[7]: " + zapText, "journal",
		Line{Time: utc(9, 20, 16, 30, 37, 0), Host: "node-1", Component: "etcd", Text: zapText}},
	{"journalctl -o short-full in zones of one name", "-", "Sun 2026-09-20 18:30:37 CST node-1 etcd[7]: " + zapText, "journal",
		Line{Time: zapAt, Host: "node-1", Component: "etcd", Text: zapText}},
	{"journalctl -o short-full in a zone of half an hour", "-", "Sun 2026-09-20 18:30:37 -0330 node-1 etcd[7]: x509", "journal",
		Line{Time: utc(9, 20, 22, 0, 37, 0), Host: "node-1", Component: "etcd", Text: "x509"}},
	{"journalctl -o with-unit", "-", "Sun 2026-09-20 18:30:37 +02 node-1 kubelet.service[20520]: " + klogText, "journal",
		Line{Time: utc(9, 20, 16, 30, 37, 0), Host: "node-1", Component: "kubelet", Text: klogText}},
	{"journalctl -o short-unix", "-", "1789921837.000123 node-1 kubelet[20520]: " + klogText, "journal",
		Line{Time: utc(9, 20, 16, 30, 37, 123000), Host: "node-1", Component: "kubelet", Text: klogText}},
	{"journalctl -o short-monotonic", "-", "[   12.345678] node-1 kubelet[20520]: " + klogText, "journal", Line{Time: klogAt, Host: "node-1", Component: "kubelet", Text: klogText}},
	{"journalctl --no-hostname", "-", "Sep 20 16:30:37 kubelet[20520]: x509: no", "syslog", Line{Time: utc(9, 20, 16, 30, 37, 0), Component: "kubelet", Text: "x509: no"}},
	{"journalctl -o json", "-", `{"__CURSOR":"s=8;i=1","__REALTIME_TIMESTAMP":"1781601749000001","_HOSTNAME":"cp1","SYSLOG_IDENTIFIER":"bash","_COMM":"etcd","_SYSTEMD_UNIT":"etcd.service","MESSAGE":"` + zapJSON + `"}`, "journal-json",
		Line{Time: utc(6, 16, 9, 22, 29, 1000), Host: "cp1", Component: "etcd", Text: zapText}},
	{"journalctl -o json, of old", "-", `{ "__CURSOR" : "s=8;i=1", "__REALTIME_TIMESTAMP" : "1781601749000001", "_HOSTNAME" : "cp1", "SYSLOG_IDENTIFIER" : "kubelet", "MESSAGE" : "tls: \u003cno\u003e \ud83d\ude00" }`, "journal-json",
		Line{Time: utc(6, 16, 9, 22, 29, 1000), Host: "cp1", Component: "kubelet", Text: "tls: <no> \U0001f600"}},
	{"journalctl -o json, no UTF-8", "-", `{"__REALTIME_TIMESTAMP":"1781601749000001","SYSLOG_IDENTIFIER":["kubelet","x"],"MESSAGE":[120,53,48,57,32,255,33]}`, "journal-json",
		Line{Time: utc(6, 16, 9, 22, 29, 1000), Component: "kubelet", Text: "x509 \ufffd!"}},
	{"journalctl -o json-sse", "-", `data: {"__REALTIME_TIMESTAMP":"1781601749000001","SYSLOG_IDENTIFIER":"kubelet","MESSAGE":"x509"}`, "journal-json",
		Line{Time: utc(6, 16, 9, 22, 29, 1000), Component: "kubelet", Text: "x509"}},
	{"journalctl -o json-seq", "-", "\x1e" + `{"__REALTIME_TIMESTAMP":"1781601749000001","SYSLOG_IDENTIFIER":"kubelet","MESSAGE":"x509"}`, "journal-json",
		Line{Time: utc(6, 16, 9, 22, 29, 1000), Component: "kubelet", Text: "x509"}},
	{"the journal of Docker", "-", `{"__REALTIME_TIMESTAMP":"1781601749000001","SYSLOG_IDENTIFIER":"4f1b0c2d9e8a","CONTAINER_NAME":"k8s_kube-scheduler_kube-scheduler-cp1_kube-system_0a1b_2","MESSAGE":"` + klogText + `"}`, "journal-json",
		Line{Time: utc(6, 16, 9, 22, 29, 1000), Component: "kube-scheduler", Text: klogText}},
	{"CRI", pods, "2026-09-20T16:30:37.000000123Z stderr F " + klogText, "cri", Line{Time: utc(9, 20, 16, 30, 37, 123), Component: "kube-apiserver", Text: klogText}},
	{"CRI with tags", "/var/log/containers/etcd-cp1_kube-system_etcd-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.log",
		"2026-09-20T18:30:37.000000123+02:00 stderr F:x " + zapText, "cri", Line{Time: utc(9, 20, 16, 30, 37, 123), Component: "etcd", Text: zapText}},
	{"CRI of a name that is no program's", "/var/log/pods/prod_shop-7d9_0a1b2c3d/my-shop/3.log.20260920-163036", "2026-09-20T16:30:37Z stdout F x509: no", "cri",
		Line{Time: utc(9, 20, 16, 30, 37, 0), Component: "my-shop", Text: "x509: no"}},
	{"json-file", "0123-json.log", `{"log":"E0920 16:30:36.852849 1 a.go:1] \"x509\"\n","stream":"stderr","time":"2026-09-20T16:30:37.5Z"}`, "json-file",
		Line{Time: utc(9, 20, 16, 30, 37, 500000000), Text: `E0920 16:30:36.852849 1 a.go:1] "x509"`}},
	{"json-file around zap", "-", `{"log":"` + zapJSON + `\n","stream":"stderr","attrs":{"a":"}\""},"time":"2026-09-20T16:30:37.5Z"}`, "json-file",
		Line{Time: utc(9, 20, 16, 30, 37, 500000000), Component: "etcd", Text: zapText}},
	{"Fluent Bit", "-", `{"log":"x509: no","kubernetes":{"pod_name":"etcd-cp1","container_name":"etcd","labels":{"container_name":"x"},"host":"cp1"},"@timestamp":"2026-09-20T16:30:37.5Z"}`, "json-file",
		Line{Time: utc(9, 20, 16, 30, 37, 500000000), Host: "cp1", Component: "etcd", Text: "x509: no"}},
	{"kubectl logs --prefix", "-", "[pod/kube-apiserver-cp1/kube-apiserver] " + klogText, "kubectl", Line{Time: klogAt, Component: "kube-apiserver", Text: klogText}},
	{"kubectl logs --prefix --timestamps", "-", "[pod/etcd-cp1/etcd] 2026-09-20T16:30:37.000000123Z " + zapText, "kubectl",
		Line{Time: utc(9, 20, 16, 30, 37, 123), Component: "etcd", Text: zapText}},
	{"kubectl logs --timestamps", "kube-apiserver.txt", "2026-09-20T16:30:37.000000123Z " + klogText, "timestamps", Line{Time: utc(9, 20, 16, 30, 37, 123), Component: "kube-apiserver", Text: klogText}},
	{"docker compose", "-", "etcd1.local  | " + oldEtcd, "prefixed", Line{Time: utc(4, 2, 18, 29, 5, 514387000), Component: "etcd", Text: oldEtcd}},
	{"docker compose in colours", "-", "\x1b[36mkube-apiserver-1  |\x1b[0m " + klogText, "prefixed", Line{Time: klogAt, Component: "kube-apiserver", Text: klogText}},
	{"docker compose of no program's name", "-", "web-1  | x509: no", "prefixed", Line{Text: "x509: no"}},
	{"stern", "-", "\x1b[36mkube-apiserver-cp1\x1b[0m \x1b[32mkube-apiserver\x1b[0m " + klogText, "prefixed", Line{Time: klogAt, Component: "kube-apiserver", Text: klogText}},
	{"stern of all namespaces", "-", "kube-system etcd-cp1 etcd " + zapText, "prefixed", Line{Time: zapAt, Component: "etcd", Text: zapText}},
	{"stern of a container that is no program's", "-", "shop-7d9 shop " + klogText, "prefixed", Line{Time: klogAt, Component: "shop", Text: klogText}},
	{"words", "-", "etcdctl and etcd say x509: no", "text", Line{Text: "etcdctl and etcd say x509: no"}},
	{"a row of a table", "-", "│ kube-apiserver " + klogText + "           │\r", "table", Line{Time: klogAt, Component: "kube-apiserver", Text: klogText}},
	{"syslog", "/var/log/messages", "Sep  8 06:25:31 cp1 etcd: x509: no", "syslog", Line{Time: utc(9, 8, 6, 25, 31, 0), Host: "cp1", Component: "etcd", Text: "x509: no"}},
	{"syslog around a time with a year", "-", "Sep 20 16:30:37 cp1 etcd[7]: 2025/09/20 18:30:37 x509", "syslog",
		Line{Time: time.Date(2025, 9, 20, 18, 30, 37, 0, time.UTC), Host: "cp1", Component: "etcd", Text: "2025/09/20 18:30:37 x509"}},
	{"syslog around JSON", "-", "Sep  8 06:25:31 cp1 etcd[10992]: " + zapText, "syslog", Line{Time: zapAt, Host: "cp1", Component: "etcd", Text: zapText}},
	{"syslog of rsyslog's file", "-", "2026-09-20T16:30:37.000123+00:00 cp1 etcd: x509: no", "journal", Line{Time: utc(9, 20, 16, 30, 37, 123000), Host: "cp1", Component: "etcd", Text: "x509: no"}},
	{"RFC 3164", "-", "<30>Sep 20 16:30:37 cp1 kubelet[1]: x509: no", "syslog", Line{Time: utc(9, 20, 16, 30, 37, 0), Host: "cp1", Component: "kubelet", Text: "x509: no"}},
	{"RFC 5424", "-", `<30>1 2026-09-20T16:30:37.5Z cp1 kube-scheduler 7 ID47 [a@1 b="\]" c="]x"][d e="f"] ` + "\ufeff" + klogText, "syslog",
		Line{Time: utc(9, 20, 16, 30, 37, 500000000), Host: "cp1", Component: "kube-scheduler", Text: klogText}},
	{"RFC 5424 with nothing", "-", "<30>1 - - - - - - x509: no", "syslog", Line{Text: "x509: no"}},
	{"a shell of a unit", "etcd.log", "Sep 20 16:30:37 cp1 etcd-start.sh[7]: x509: no", "syslog", Line{Time: utc(9, 20, 16, 30, 37, 0), Host: "cp1", Component: "etcd", Text: "x509: no"}},
	{"compose as a unit", "-", "Sep 20 16:30:37 cp1 docker-compose[7]: etcd-1  | " + zapText, "syslog", Line{Time: zapAt, Host: "cp1", Component: "etcd", Text: zapText}},
	{"a program nobody knows", "-", "Sep 20 16:30:37 cp1 my-agent[7]: x509: no", "syslog", Line{Time: utc(9, 20, 16, 30, 37, 0), Host: "cp1", Component: "my-agent", Text: "x509: no"}},
	{"a time without a year, after now", "-", "E1201 16:30:36.852849 11 a.go:1] x509", "text", Line{Time: time.Date(2025, 12, 1, 16, 30, 36, 852849000, time.UTC), Text: "E1201 16:30:36.852849 11 a.go:1] x509"}},
	{"a time without a year, by a clock ahead", "-", "E1127 11:59:59.000000 11 a.go:1] x509", "text", Line{Time: utc(11, 27, 11, 59, 59, 0), Text: "E1127 11:59:59.000000 11 a.go:1] x509"}},
	{"a leap day", "-", "E0229 11:59:59.000000 11 a.go:1] x509", "text", Line{Time: time.Date(2024, 2, 29, 11, 59, 59, 0, time.UTC), Text: "E0229 11:59:59.000000 11 a.go:1] x509"}},
	{"no time that there is", "-", "E1345 11:59:59.000000 11 a.go:1] x509", "text", Line{Text: "E1345 11:59:59.000000 11 a.go:1] x509"}},
	{"an audit line with level and colon", "-", "2026-09-20T16:30:37Z INFO setup: x509", "timestamps", Line{Time: utc(9, 20, 16, 30, 37, 0), Text: "INFO setup: x509"}},
	{"a repeated message", "-", "Sep 20 16:30:37 last message repeated 3 times x509", "text", Line{Text: "Sep 20 16:30:37 last message repeated 3 times x509"}},
	{"Envoy", "-", "[2026-09-20 16:30:37.500][15][debug][connection] [source/common/tls/ssl_socket.cc:251] x509", "text",
		Line{Time: utc(9, 20, 16, 30, 37, 500000000), Component: "envoy", Text: "[2026-09-20 16:30:37.500][15][debug][connection] [source/common/tls/ssl_socket.cc:251] x509"}},
	{"brackets that are not Envoy's", "-", "[2026-09-20 16:30:37.500][main][debug] of a program that is not known: x509", "text",
		Line{Time: utc(9, 20, 16, 30, 37, 500000000), Text: "[2026-09-20 16:30:37.500][main][debug] of a program that is not known: x509"}},
	{"nothing", "-", "", "text", Line{}},
	{"an empty object", "-", "{}", "text", Line{Text: "{}"}},
}

func TestLines(t *testing.T) {
	for _, test := range carriedLines {
		t.Run(test.name, func(t *testing.T) {
			s := NewReader(Options{Now: now}).Source(test.source)
			s.at, s.source.Lines = 1, 1
			l := peel([]byte(test.text))
			s.carried[l.carrier]++
			got, _ := s.lineOf(l, nil)
			test.want.Source, test.want.Number = test.source, 1
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("want -, got +\n%s", diff)
			}
			if got := s.told().Format; got != test.format {
				t.Errorf("the format is %q, want %q", got, test.format)
			}
			brief := s.tallyOf(l).Component
			if brief != got.Component {
				t.Errorf("a line that is only counted is of %q, one that is read of %q", brief, got.Component)
			}
		})
	}
}
