package cmd_test

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"certaudit/audit"
	program "certaudit/cmd"
	"certaudit/fixtures"
)

// demoLogs are what the components of the demonstration node would write.
var demoLogs = map[string]string{
	"var/log/pods/kube-system_kube-apiserver-cp-1_0d9c/kube-apiserver/3.log": `2026-11-23T11:52:07.101Z stderr F E1123 11:52:07.100412       1 authentication.go:75] "Unable to authenticate the request" err="[x509: certificate has expired or is not yet valid: current time 2026-11-23T11:52:07Z is after 2026-11-20T12:00:00Z, verifying certificate SN=6020654038645705545, SKID=, AKID= failed: x509: certificate has expired or is not yet valid: current time 2026-11-23T11:52:07Z is after 2026-11-20T12:00:00Z]"
2026-11-23T11:58:07.101Z stderr F E1123 11:58:07.100412       1 authentication.go:75] "Unable to authenticate the request" err="[x509: certificate has expired or is not yet valid: current time 2026-11-23T11:58:07Z is after 2026-11-20T12:00:00Z, verifying certificate SN=6020654038645705545, SKID=, AKID= failed: x509: certificate has expired or is not yet valid: current time 2026-11-23T11:58:07Z is after 2026-11-20T12:00:00Z]"
2026-11-23T11:58:09.440Z stderr F F1123 11:58:09.439871       1 instance.go:226] Error creating leases: error creating storage factory: tls: private key does not match public key
`,
	"var/log/pods/kube-system_etcd-cp-1_77aa/etcd/0.log": `2026-11-23T11:50:31.002Z stderr F {"level":"warn","ts":"2026-11-23T11:50:31.001917Z","caller":"embed/config_logging.go:194","msg":"rejected connection on client endpoint","remote-addr":"127.0.0.1:41822","server-name":"","error":"tls: failed to verify certificate: x509: certificate specifies an incompatible key usage"}
2026-11-23T11:51:31.002Z stderr F {"level":"warn","ts":"2026-11-23T11:51:31.001917Z","caller":"embed/config_logging.go:194","msg":"rejected connection on client endpoint","remote-addr":"127.0.0.1:41830","server-name":"","error":"tls: failed to verify certificate: x509: certificate specifies an incompatible key usage"}
2026-11-23T11:51:33.002Z stderr F {"level":"info","ts":"2026-11-23T11:51:33.001917Z","caller":"etcdserver/server.go:800","msg":"a line without a failure"}
`,
}

// The page of logs shows what the logs of the demonstration say.
func TestReadingLogsPage(t *testing.T) {
	dir := t.TempDir()
	must(t, fixtures.Demo().Write(dir))
	for name, text := range demoLogs {
		name = filepath.Join(dir, filepath.FromSlash(name))
		must(t, os.MkdirAll(filepath.Dir(name), 0o755))
		must(t, os.WriteFile(name, []byte(text), 0o644))
	}
	t.Setenv("PATH", dir) // without a journalctl
	var stdout, stderr bytes.Buffer
	if code := program.Main([]string{"logs", "--root", dir, "--at", fixtures.Now.Format(time.RFC3339)}, strings.NewReader(""), &stdout, &stderr); code != 1 {
		t.Fatalf("it ends with %d: %s", code, stderr.String())
	}
	text, err := os.ReadFile("../docs/reading-logs.md")
	must(t, err)
	page(t, "docs/reading-logs.md", between(t, string(text), "logs", "```console\n$ sudo certaudit logs\n"+stdout.String()+"```\n"))
}

// The page lists every field of the JSON in the order in which it is written.
func TestLogsFieldsPage(t *testing.T) {
	text, err := os.ReadFile("../docs/reading-logs.md")
	must(t, err)
	got := map[string][]string{}
	for section := range strings.SplitSeq(string(text), "\n### ") {
		name, body, _ := strings.Cut(section, "\n")
		for _, m := range fieldRow.FindAllStringSubmatch(body, -1) {
			got[name] = append(got[name], m[1])
		}
	}
	want := map[string][]string{}
	for name, v := range map[string]any{"logs": audit.Logs{}, "events": audit.LogEvent{}, "causes": audit.LogCause{}, "components": audit.LogCount{}, "unknown": audit.LogUnknown{}, "sources": audit.LogSource{}} {
		want[name] = jsonFields(reflect.TypeOf(v))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/reading-logs.md (-code +page):\n%s", diff)
	}
}
