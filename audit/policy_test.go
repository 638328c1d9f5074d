package audit_test

import (
	"certaudit/audit/inventory"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"certaudit/audit"
	"certaudit/fixtures"

	"github.com/google/go-cmp/cmp"
)

// scenario returns the node of a scenario.
func scenario(t *testing.T, name string) fixtures.Node {
	t.Helper()
	for _, s := range fixtures.Scenarios() {
		if s.Name == name {
			return s.Node()
		}
	}
	t.Fatalf("no scenario %q", name)
	return nil
}

// policy parses a policy that must be sound.
func policy(t *testing.T, text string) *audit.Policy {
	t.Helper()
	p, err := audit.ParsePolicy("certaudit.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// verdicts writes the findings but the one that every cluster has.
func verdicts(r audit.Result) []string {
	var out []string
	for _, f := range r.Findings {
		if f.Check == "kubelet/serving-self-signed" {
			continue
		}
		s := fmt.Sprintf("%s %s %s", f.Severity, f.Check, f.Path)
		if f.Waiver != nil {
			s += " waived"
		}
		if f.Known {
			s += " known"
		}
		out = append(out, s)
	}
	return out
}

const apiserver = "/etc/kubernetes/pki/apiserver.crt"

func TestPolicy(t *testing.T) {
	const expired = "bad-validity-expired"
	const waiver = `
waivers:
- {check: validity/expired, path: /etc/kubernetes/pki/*.crt, node: cp-1, reason: "CHG-4711", until: %s}
`
	for _, tt := range []struct {
		name, scenario, policy string
		want                   []string
		failing                int
	}{
		{"nothing", expired, "", []string{"critical validity/expired " + apiserver}, 1},
		{"milder", expired, "checks: {validity/expired: info}", []string{"info validity/expired " + apiserver}, 0},
		{"off", expired, "checks: {validity/expired: off}", nil, 0},
		{"worse", "bad-files-unreferenced", "checks: {files/unreferenced: critical}",
			[]string{"critical files/unreferenced /etc/kubernetes/pki/metrics.crt", "critical files/unreferenced /etc/kubernetes/pki/metrics.key"}, 2},
		{"waived", expired, fmt.Sprintf(waiver, "2026-11-24"), []string{"critical validity/expired " + apiserver + " waived"}, 0},
		{"waived on its last day", expired, fmt.Sprintf(waiver, "2026-11-23"), []string{"critical validity/expired " + apiserver + " waived"}, 0},
		{"waiver ended", expired, fmt.Sprintf(waiver, "2026-11-22"),
			[]string{"critical validity/expired " + apiserver, "warning policy/waiver-ended certaudit.yaml"}, 2},
		{"waiver of nothing", "ok-1.34", fmt.Sprintf(waiver, "2026-12-01"), []string{"info policy/waiver-unused certaudit.yaml"}, 0},
		{"waiver of another node", expired, strings.Replace(fmt.Sprintf(waiver, "2026-12-01"), "cp-1", "cp-2", 1),
			[]string{"critical validity/expired " + apiserver, "info policy/waiver-unused certaudit.yaml"}, 1},
		{"waiver of nothing, and nobody cares", "ok-1.34", "checks: {policy/waiver-unused: off}" + fmt.Sprintf(waiver, "2026-12-01"), nil, 0},
		{"threshold of a role", "bad-validity-expiring", "thresholds: {kube-apiserver/front-proxy-client: {warnDays: 5, criticalDays: 2}}", nil, 0},
		{"threshold of all leaves", "ok-1.34", "thresholds: {leaf: {warnDays: 340}, ca: {warnDays: 10, criticalDays: 5}}", []string{
			"warning validity/expiring /etc/kubernetes/admin.conf", "warning validity/expiring /etc/kubernetes/controller-manager.conf",
			"warning validity/expiring " + apiserver[:len(apiserver)-4] + "-etcd-client.crt", "warning validity/expiring " + apiserver[:len(apiserver)-4] + "-kubelet-client.crt",
			"warning validity/expiring " + apiserver,
			"warning validity/expiring /etc/kubernetes/pki/etcd/peer.crt", "warning validity/expiring /etc/kubernetes/pki/etcd/server.crt",
			"warning validity/expiring /etc/kubernetes/pki/front-proxy-client.crt", "warning validity/expiring /etc/kubernetes/scheduler.conf",
			"warning validity/expiring /etc/kubernetes/super-admin.conf", "warning validity/expiring /var/lib/kubelet/pki/kubelet-client-current.pem",
			"info validity/expiring /etc/kubernetes/pki/etcd/healthcheck-client.crt", "info validity/expiring /var/lib/kubelet/pki/kubelet.crt"}, 11},
		{"share of the lifetime", "ok-1.34", "thresholds: {kube-apiserver/serving: {warnDays: 400, criticalDays: 400, warnShare: 0.95, criticalShare: 0.9}}",
			[]string{"warning validity/expiring " + apiserver}, 1},
		{"a requirement more", "ok-1.34", `
requirements:
  add:
  - {role: kube-apiserver/serving, fact: dnsName, values: [api.example.org], severity: warning, source: "our handbook"}
`, []string{"warning identity/san-missing " + apiserver}, 1},
		{"a requirement instead", "bad-identity-common-name", `
requirements:
  replace:
  - {role: kube-scheduler/client, fact: commonName, values: ["system:kube-schedular"], source: "our handbook"}
`, nil, 0},
		{"another profile", "ok-1.34", "profile: generic", nil, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := policy(t, tt.policy)
			r := auditNode(t, scenario(t, tt.scenario), audit.Options{Policy: p, Overrides: audit.Overrides{Profile: p.Profile}})
			if diff := cmp.Diff(tt.want, verdicts(r)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if got := r.AtOrAbove(audit.Warning); got != tt.failing {
				t.Errorf("%d findings fail the gate, want %d", got, tt.failing)
			}
		})
	}
}

// lines repeats a line with its number from 0, and from 1.
func lines(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintln(&b, strings.NewReplacer("%d", fmt.Sprint(i), "%[1]d", fmt.Sprint(i), "%[2]d", fmt.Sprint(i+1)).Replace(format))
	}
	return b.String()
}

func TestPolicyErrors(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"unknown key", "profile: kubeadm\ncheks: {}\n", `certaudit.yaml: line 2: unknown key "cheks" (did you mean "checks"?); known are profile, thresholds, checks, paths, requirements, requests, waivers, layouts`},
		{"unknown key inside", "thresholds:\n  leaf:\n    warndays: 3\n", `certaudit.yaml: line 3: unknown key "warndays" (did you mean "warnDays"?); known are warnDays, criticalDays, warnShare, criticalShare`},
		{"no YAML", "checks: {", "certaudit.yaml:1: is neither YAML nor JSON: did not find expected node content"},
		{"wrong type", "thresholds: {leaf: {warnDays: many}}", `certaudit.yaml: line 1: "many" is no whole number`},
		{"no mapping", "root:x:0:0:root", `certaudit.yaml: line 1: "root:x:..." is no mapping`},
		{"a list", "- checks", "certaudit.yaml: line 1: expected a mapping"},
		{"a list inside", "waivers: {a: b}", "certaudit.yaml: line 1: expected a list"},
		{"a list of texts", "paths: [{a: b}]", "certaudit.yaml: line 1: expected a text"},
		{"key twice", "profile: kubeadm\nprofile: docs", "certaudit.yaml:2: profile is given twice; the first is on line 1, the last one counts"},
		{"key twice inside", "checks:\n  validity/expired: off\n  validity/expired: info", "certaudit.yaml:3: checks.validity/expired is given twice; the first is on line 2, the last one counts"},
		{"two documents", "profile: docs\n---\nprofile: kubeadm", "certaudit.yaml:3: a second document begins; expected one"},
		{"as many keys", strings.Repeat("k: v\n", 4000), "certaudit.yaml:2: k is given twice; the first is on line 1, the last one counts"},
		{"as many different keys", lines(1001, "k%d: v"), "certaudit.yaml:1: a mapping has more than 1000 keys"},
		{"more unknown keys than are told", lines(21, "k%d: v"), "certaudit.yaml: " + strings.TrimSuffix(strings.ReplaceAll(lines(20, "line %[2]d: unknown key \"k%[1]d\"; known are profile, thresholds, checks, paths, requirements, requests, waivers, layouts"), "\n", "; "), "; ") + "; and 1 more"},
		{"too large", "# " + strings.Repeat("x", 1<<20), "certaudit.yaml: is larger than 1024 KiB"},
		{"too many values", "paths: [" + strings.Repeat("a,", 50_000) + "]", "certaudit.yaml:1: has more than 50000 keys and values"},
		{"aliases of aliases", "checks: &a {k: v}\npaths: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nprofile: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nwaivers: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\nrequests: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nthresholds: [*e,*e,*e,*e,*e]",
			"certaudit.yaml:1: has more than 50000 keys and values"},
		{"unknown profile", "profile: kubeadmin", `certaudit.yaml:1: unknown profile "kubeadmin" (did you mean "kubeadm"?); profiles are kubeadm, docs, generic, k3s, k0s, microk8s`},
		{"unknown role", "thresholds:\n  apiserver: {warnDays: 3}", `certaudit.yaml:2: unknown role "apiserver"; it is leaf, ca or a role that "certaudit requirements" lists
certaudit.yaml:2: it would warn at 3 days, after it is critical at 7`},
		{"contradiction", "thresholds:\n  leaf: {warnDays: 3, criticalDays: 5}", "certaudit.yaml:2: it would warn at 3 days, after it is critical at 5"},
		{"share above 1", "thresholds: {ca: {warnShare: 30}}", "certaudit.yaml:1: a share of the lifetime lies between 0 and 1"},
		{"unknown check", "checks:\n  validity/expird: off", `certaudit.yaml:2: unknown check "validity/expird" (did you mean "validity/expired"?); "certaudit checks" lists them`},
		{"unknown severity", "checks:\n  validity/expired: high", `certaudit.yaml:2: unknown severity "high"; it is info, warning, critical or off`},
		{"bad requirement", "requirements:\n  add:\n  - {role: x, fact: commonName, values: [a], source: b}", `certaudit.yaml:3: unknown role "x"`},
		{"unknown issuer", "requirements:\n  replace:\n  - role: user/client\n    fact: issuer\n    values: [\"kube-apiserver --clientca-file\"]\n    source: b",
			`certaudit.yaml:3: unknown issuer "kube-apiserver --clientca-file"; it is a flag of a component or a file of kubeadm's, and the nearest is "kube-apiserver --client-ca-file"`},
		{"waiver without reason and end", "waivers:\n- {check: validity/expired, path: /a, node: '*'}", `certaudit.yaml:2: the waiver has no "reason"; check, path, node, reason and until are all demanded
certaudit.yaml:2: the waiver has no "until"; check, path, node, reason and until are all demanded`},
		{"waiver until never", "waivers:\n- {check: validity/expired, path: /a, node: '*', reason: r, until: never}", `certaudit.yaml:2: until: "never" is no date; write it like 2027-01-31`},
		{"waiver with a bad glob", "waivers:\n- {check: validity/expired, path: '/a[', node: '*', reason: r, until: 2027-01-31}", `certaudit.yaml:2: "/a[" is no glob: a [ without its ], or a backslash at the end`},
		{"waiver of a check that is off", "checks: {validity/expired: off}\nwaivers:\n- {check: validity/expired, path: /a, node: '*', reason: r, until: 2027-01-31}", `certaudit.yaml:3: waives "validity/expired", which the policy switches off`},
		{"waiver twice", "waivers:\n- {check: validity/expired, path: /a, node: '*', reason: r, until: 2027-01-31}\n- {check: validity/expired, path: /a, node: '*', reason: s, until: 2027-02-28}", "certaudit.yaml:3: says the same as the waiver on line 2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := audit.ParsePolicy("certaudit.yaml", []byte(tt.text))
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzParsePolicy(f *testing.F) {
	f.Add([]byte("waivers:\n- {check: validity/expired, path: /a, node: '*', reason: r, until: 2027-01-31}"))
	f.Add([]byte("thresholds: {leaf: {warnDays: 3}}\nchecks: &a {a: *a}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := audit.ParsePolicy("certaudit.yaml", data)
		if (p == nil) == (err == nil) {
			t.Errorf("policy %v, error %v", p, err)
		}
	})
}

// FuzzParseBaseline: what is read is written and read again alike.
func FuzzParseBaseline(f *testing.F) {
	f.Add([]byte(`{"schema":"certaudit-baseline/v1","findings":[{"fingerprint":"a","severity":"info","check":"c","node":"n","path":"p"}]}`))
	f.Add([]byte(`{"schema":"certaudit-baseline/v1","findings":[{]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := audit.ParseBaseline(data)
		if (b == nil) == (err == nil) {
			t.Fatalf("baseline %v, error %v", b, err)
		}
		if err != nil {
			return
		}
		again, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := audit.ParseBaseline(again); err != nil || len(back.Findings) != len(b.Findings) {
			t.Errorf("%s: %v", again, err)
		}
	})
}

func TestBaseline(t *testing.T) {
	known := func(name string) *audit.Baseline {
		data, err := json.Marshal(audit.NewBaseline(auditNode(t, scenario(t, name), audit.Options{})))
		if err != nil {
			t.Fatal(err)
		}
		b, err := audit.ParseBaseline(data)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	c := fixtures.ControlPlane(fixtures.Options{})
	c.Reissue("/etc/kubernetes/pki/apiserver", func(s *fixtures.Spec) { s.NotAfter = fixtures.Now.Add(-time.Hour); s.Serial = nil })
	c.Node.Append("/etc/kubernetes/manifests/kube-apiserver.yaml", []byte("# one more line\n"))
	for _, tt := range []struct {
		name     string
		baseline *audit.Baseline
		node     fixtures.Node
		want     []string
		failing  int
	}{
		{"all known", known("bad-validity-expired"), scenario(t, "bad-validity-expired"), []string{"critical validity/expired " + apiserver + " known"}, 0},
		{"another certificate with the same fault", known("bad-validity-expired"), c.Node, []string{"critical validity/expired " + apiserver + " known"}, 0},
		{"another fault", known("bad-validity-expired"), scenario(t, "bad-validity-expiring"),
			[]string{"critical validity/expiring /etc/kubernetes/pki/front-proxy-client.crt"}, 1},
		{"worse than it was", &audit.Baseline{Schema: audit.BaselineSchema, Findings: []audit.BaselineFinding{
			{Fingerprint: known("bad-validity-expired").Findings[0].Fingerprint, Severity: audit.Warning}}},
			scenario(t, "bad-validity-expired"), []string{"critical validity/expired " + apiserver}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := auditNode(t, tt.node, audit.Options{Baseline: tt.baseline})
			if diff := cmp.Diff(tt.want, verdicts(r)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if got := r.AtOrAbove(audit.Warning); got != tt.failing {
				t.Errorf("%d findings fail the gate, want %d", got, tt.failing)
			}
		})
	}
}

func TestParseBaselineErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":   "is no baseline: unexpected EOF",
		"{}": `is no baseline: its schema is "", expected "certaudit-baseline/v1"; write one with --write-baseline`,
		`{"schema":"certaudit-baseline/v1","findings":[{"severity":"bad"}]}`:                          `is no baseline: findings[0]: unknown severity "bad"`,
		`{"schema":"certaudit-baseline/v1","findings":[{"severity":"info"}]}`:                         `is no baseline: findings[0] has no fingerprint`,
		`{"schema":"certaudit-baseline/v1","findings":[{"severity":"info","fingerprint":"a","x":1}]}`: `is no baseline: findings[0]: unknown field "x"`,
		`{"schema":"certaudit-baseline/v1","findings":[{"severity":"info","fingerprint":"a"}`:         `is no baseline: unexpected EOF`,
		`{"schema":"certaudit-baseline/v1","findings":{}}`:                                            `is no baseline: found "{" where [ should stand`,
		`{"schema":"certaudit-baseline/v1","surprise":1}`:                                             `is no baseline: unknown key "surprise"; known are schema, findings`,
		`{"schema":"certaudit-baseline/v1","schema":"certaudit-baseline/v1"}`:                         `is no baseline: the key "schema" is given twice`,
		`{"schema":"certaudit-baseline/v1","findings":[]} {}`:                                         `is no baseline: something stands behind it`,
		`[]`: `is no baseline: found "[" where { should stand`,
	} {
		if _, err := audit.ParseBaseline([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%s: error %v, want %s", text, err, want)
		}
	}
}

// A policy's extra paths are looked at inside the node's root.
func TestPolicyPaths(t *testing.T) {
	c := fixtures.ControlPlane(fixtures.Options{})
	c.Issue("/etc/nginx/tls", fixtures.Spec{CommonName: "www", DNSNames: []string{"www.example.org"}, NotAfter: fixtures.Now.Add(-time.Hour)})
	dir := t.TempDir()
	if err := c.Node.Write(dir); err != nil {
		t.Fatal(err)
	}
	inv, err := inventory.Gather(dir, "/etc/nginx", "/not/there")
	if err != nil {
		t.Fatal(err)
	}
	r := audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now})
	want := []string{"critical validity/expired /etc/nginx/tls.crt", "info input/unreadable /not/there"}
	if diff := cmp.Diff(want, verdicts(r)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestGatherPaths(t *testing.T) {
	c := fixtures.ControlPlane(fixtures.Options{})
	c.Issue("/repo/certs/www", fixtures.Spec{CommonName: "www", DNSNames: []string{"www.example.org"}, NotAfter: fixtures.Now.Add(-time.Hour)})
	c.Issue("/repo/certs/mail", fixtures.Spec{CommonName: "mail", DNSNames: []string{"mail.example.org"}})
	c.WriteKey("/repo/certs/mail.key", "another")
	repo := fixtures.Node{}
	for _, name := range c.Node.Paths() {
		if rel, ok := strings.CutPrefix(name, "/repo"); ok {
			repo[rel] = c.Node[name]
		}
	}
	file := func(name, text string) { repo[name] = fixtures.File{Data: []byte(text), Mode: 0o644} }
	repo["/deploy/admin.conf"] = c.Node["/etc/kubernetes/admin.conf"]
	file("/deploy/secret.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: web, namespace: prod}\nstringData:\n  tls.crt: |\n"+indented(string(c.Node["/repo/certs/www.crt"].Data))+"  tls.key: |\n"+indented(string(c.Node["/repo/certs/mail.key"].Data)))
	file("/deploy/chart.yaml", "apiVersion: v1\nkind: Secret\n{{- if .Values.tls }}\ndata: {}\n")
	file("/deploy/broken.yaml", "apiVersion: v1\nkind: Secret\n  data: [\n")
	file("/README.md", "Put a -----BEGIN CERTIFICATE----- here.\n")
	file("/certs/notes.crt", "see the wiki\n")
	file("/.git/old.crt", "not looked at\n")
	repo["/loop"] = fixtures.File{Link: "."}
	dir := t.TempDir()
	if err := repo.Write(dir); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	files := 0
	_, inv, err := inventory.GatherPaths(workingFolder(t), []string{"."}, nil, func(p inventory.Progress) { files = p.Files })
	if err != nil {
		t.Fatal(err)
	}
	r := audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now})
	var got []string
	for _, f := range r.Findings {
		got = append(got, fmt.Sprintf("%s %s %s:%d %s %s", f.Severity, f.Check, f.Path, f.Line, f.Component, f.Field))
	}
	want := []string{
		"critical keys/mismatch certs/mail.crt:1 file ",
		"critical files/malformed certs/notes.crt:0 file ",
		"critical validity/expired certs/www.crt:1 file ",
		`critical keys/mismatch deploy/secret.yaml:5 Secret prod/web stringData["tls.crt"]`,
		`critical validity/expired deploy/secret.yaml:5 Secret prod/web stringData["tls.crt"]`,
		"warning input/undecodable deploy/broken.yaml:3 file ",
		"info input/unsupported deploy/chart.yaml:3 file ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if files != 10 {
		t.Errorf("%d files were told of, want 10", files)
	}
	if _, _, err := inventory.GatherPaths(workingFolder(t), []string{"nowhere"}, nil, nil); err == nil || err.Error() != `"nowhere" does not exist` {
		t.Errorf("a path that does not exist: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "loop")); err != nil {
		t.Fatal(err)
	}
}

func indented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString("    " + line)
	}
	return b.String()
}

// A waiver holds up to the last second of its last day, in UTC.
func TestWaiverEnds(t *testing.T) {
	p := policy(t, "waivers:\n- {check: validity/expired, path: /etc/kubernetes/pki/*.crt, node: '*', reason: r, until: 2026-11-23}\n")
	waived := []string{"critical validity/expired " + apiserver + " waived"}
	ended := []string{"critical validity/expired " + apiserver, "warning policy/waiver-ended certaudit.yaml"}
	for _, tt := range []struct {
		at   string
		want []string
	}{
		{"2026-11-23T00:00:00Z", waived},
		{"2026-11-23T23:59:59Z", waived},
		{"2026-11-24T00:00:00Z", ended},
		{"2026-11-24T01:59:59+02:00", waived},
		{"2026-11-23T23:00:00-01:00", ended},
	} {
		at, err := time.Parse(time.RFC3339, tt.at)
		if err != nil {
			t.Fatal(err)
		}
		r := auditNode(t, scenario(t, "bad-validity-expired"), audit.Options{At: at, Policy: p})
		if diff := cmp.Diff(tt.want, verdicts(r)); diff != "" {
			t.Errorf("at %s (-want +got):\n%s", tt.at, diff)
		}
	}
}

// A policy may go up to its bounds.
func TestPolicyBounds(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"thresholds: {leaf: {warnDays: 0, criticalDays: 0}}", ""},
		{"thresholds: {leaf: {warnDays: -1, criticalDays: -1}}", "p:1: days are less than 0"},
		{"thresholds: {leaf: {warnDays: 7, criticalDays: 7}}", ""},
		{"thresholds: {leaf: {warnDays: 6, criticalDays: 7}}", "p:1: it would warn at 6 days, after it is critical at 7"},
		{"thresholds: {leaf: {warnShare: 1, criticalShare: 1}}", ""},
		{"thresholds: {leaf: {warnShare: 0, criticalShare: 0}}", ""},
		{"thresholds: {leaf: {warnShare: 0.1, criticalShare: 0.2}}", "p:1: it would warn at a share of 0.1, after it is critical at 0.2"},
		{"thresholds: {leaf: {warnShare: 1.1}}", "p:1: a share of the lifetime lies between 0 and 1"},
		{"requests: {lifetimeDays: 36500, pendingHours: 1}", ""},
		{"requests: {lifetimeDays: 36501}", "p:1: 36501 is not between 1 and 36500"},
		{"waivers:\n- {check: validity/expired, path: /a, node: a, reason: r, until: 2027-01-31}\n- {check: validity/expired, path: /a, node: b, reason: r, until: 2027-01-31}", ""},
		{"waivers:\n- {check: validity/expired, path: /a, node: a, reason: r, until: 2027-02-29}", `p:2: until: "2027-02-29" is no date; write it like 2027-01-31`},
	} {
		_, err := audit.ParsePolicy("p", []byte(tt.text))
		if got := fmt.Sprint(err); got != tt.want && !(err == nil && tt.want == "") {
			t.Errorf("%s: %s, want %q", tt.text, got, tt.want)
		}
	}
}

// What a policy says of one role or fact changes no other.
func TestPolicyStaysApart(t *testing.T) {
	expiring := []string{"critical validity/expiring /etc/kubernetes/pki/front-proxy-client.crt"}
	usage := func(c *fixtures.Cluster) {
		c.Reissue(scheduler, func(s *fixtures.Spec) {
			s.CommonName, s.Usages = "system:kube-schedular", []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
			s.Organizations = []string{"system:masters"}
		})
	}
	const waiver = "- {check: validity/expiring, path: %q, node: '*', reason: %s, until: 2027-01-31}\n"
	for _, tt := range []struct {
		name, policy string
		change       func(*fixtures.Cluster)
		want         []string
	}{
		{name: "threshold of the CAs", policy: "thresholds: {ca: {warnDays: 4000, criticalDays: 1}}", want: []string{
			"warning validity/expiring /etc/kubernetes/pki/ca.crt", "warning validity/expiring /etc/kubernetes/pki/etcd/ca.crt", "warning validity/expiring /etc/kubernetes/pki/front-proxy-ca.crt"}},
		{name: "threshold of a role before that of all", policy: "thresholds: {leaf: {warnDays: 0, criticalDays: 0}, kube-apiserver/front-proxy-client: {warnDays: 30, criticalDays: 7}}",
			change: lasts(pki+"/front-proxy-client", 360*day, 5*day), want: expiring},
		{name: "another fact of the role", change: usage, policy: "requirements:\n  replace:\n  - {role: kube-scheduler/client, fact: commonName, values: [\"system:kube-schedular\"], source: ours}\n",
			want: []string{"critical usage/extended-key-usage /etc/kubernetes/scheduler.conf", "info identity/organization-extra /etc/kubernetes/scheduler.conf"}},
		{name: "the same fact of another role", change: usage, policy: "requirements:\n  replace:\n  - {role: kube-controller-manager/client, fact: commonName, values: [\"system:kube-controller-manager\"], source: ours}\n",
			want: []string{"critical identity/common-name /etc/kubernetes/scheduler.conf", "critical usage/extended-key-usage /etc/kubernetes/scheduler.conf", "info identity/organization-extra /etc/kubernetes/scheduler.conf"}},
		{name: "the first waiver of two", change: lasts(pki+"/front-proxy-client", 360*day, 5*day),
			policy: "waivers:\n" + fmt.Sprintf(waiver, "/etc/kubernetes/pki/*", "first") + fmt.Sprintf(waiver, "/etc/kubernetes/pki/front-proxy-client.crt", "second"),
			want:   []string{expiring[0] + " waived"}},
		{name: "a waiver of a folder above", change: lasts(pki+"/front-proxy-client", 360*day, 5*day), policy: "waivers:\n" + fmt.Sprintf(waiver, "/etc/kubernetes/*", "r"),
			want: append(expiring, "info policy/waiver-unused certaudit.yaml")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := fixtures.ControlPlane(fixtures.Options{})
			if tt.change != nil {
				tt.change(c)
			}
			r := auditNode(t, c.Node, audit.Options{Policy: policy(t, tt.policy)})
			if diff := cmp.Diff(tt.want, verdicts(r)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			for _, f := range r.Findings {
				if f.Waiver != nil && f.Waiver.Reason != "first" {
					t.Errorf("waived for %q", f.Waiver.Reason)
				}
			}
		})
	}
}

// A check that is switched off says so.
func TestOutcomeOfOff(t *testing.T) {
	r := auditNode(t, scenario(t, "bad-validity-expired"), audit.Options{Policy: policy(t, "checks: {validity/expired: off}")})
	for _, o := range r.Outcomes {
		want := audit.Outcome{Check: "validity/expired", Node: "cp-1", State: audit.NotApplicable, Reason: "switched off by certaudit.yaml"}
		if o.Check == want.Check && o != want {
			t.Errorf("%+v, want %+v", o, want)
		}
	}
}

// Each finding of a baseline excuses one of its kind, and none about the policy.
func TestBaselineCounts(t *testing.T) {
	stray := func(days ...string) fixtures.Node {
		c := fixtures.ControlPlane(fixtures.Options{})
		for _, day := range days {
			put(kubeletPKI+"/other-2026-11-"+day+"-12-00-00.pem", "")(c)
		}
		return c.Node
	}
	const finding = "info files/unreferenced /var/lib/kubelet/pki/other-2026-11-"
	unused := policy(t, "waivers:\n- {check: validity/expired, path: /a, node: '*', reason: r, until: 2027-01-31}\n")
	baseline := audit.NewBaseline(auditNode(t, stray("01"), audit.Options{Policy: unused}))
	for _, f := range baseline.Findings {
		if f.Check == "policy/waiver-unused" {
			t.Errorf("%s is in the baseline", f.Check)
		}
	}
	want := []string{finding + "02-12-00-00.pem known", finding + "03-12-00-00.pem"}
	r := auditNode(t, stray("02", "03"), audit.Options{Baseline: &baseline})
	if diff := cmp.Diff(want, verdicts(r)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if got := r.Summary.Known; got != 2 { // the other is the kubelet's own certificate
		t.Errorf("%d are known, want 2", got)
	}
}
