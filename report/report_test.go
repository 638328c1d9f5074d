package report

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"certaudit/audit"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// now is the time of every audit in these tests.
var now = time.Date(2026, 11, 23, 6, 14, 6, 0, time.UTC)

// fine is what most users see: one node, one certificate about to expire.
func fine() audit.Result {
	return audit.Result{
		Schema: audit.Schema,
		At:     now,
		Nodes: []audit.Node{{Name: "cp-1", KubernetesVersion: "v1.37.2", Profile: "kubeadm", Expirations: []audit.Expiration{
			{Name: "apiserver", Authority: "ca", NotAfter: now.Add(5 * time.Hour)},
			{Name: "etcd-server", Missing: true},
			{Name: "etcd-ca", IsCA: true, NotAfter: now.AddDate(10, 0, 0), ExternallyManaged: true},
		}}},
		Certificates: []audit.Certificate{{
			Node: "cp-1", Component: "etcd", Type: "CA", Role: "etcd-ca",
			Path: "/etc/kubernetes/pki/etcd/ca.crt", CommonName: "etcd-ca", Organizations: []string{},
			DNSNames: []string{"etcd-ca"}, IPAddresses: []string{}, Issuer: "etcd-ca",
			Serial: "5d1c", SHA256: "01", KeyAlgorithm: "RSA 2048", Usages: []string{"cert sign"},
			UsedBy:    []string{"etcd --trusted-ca-file", "etcd --peer-trusted-ca-file", "kube-apiserver --etcd-cafile"},
			NotBefore: now.AddDate(0, 0, -1), NotAfter: now.AddDate(10, 0, 0), Status: "ok",
		}, {
			Node: "cp-1", Component: "kube-apiserver", Type: "Server", Role: "kube-apiserver/serving",
			Path: "/etc/kubernetes/pki/apiserver.crt", CommonName: "kube-apiserver", Organizations: []string{},
			DNSNames:    []string{"cp-1", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"},
			IPAddresses: []string{"10.96.0.1", "192.168.0.10"}, Issuer: "kubernetes",
			Serial: "2a", SHA256: "02", KeyAlgorithm: "RSA 2048", Usages: []string{"server auth"},
			UsedBy:    []string{"kube-apiserver --tls-cert-file"},
			NotBefore: now.AddDate(-1, 0, 1), NotAfter: now.Add(5 * time.Hour), Status: "validity/expiring", Worst: audit.Warning,
		}, {
			Node: "cp-1", Component: "kube-controller-manager", Type: "Client (kube-apiserver)", Role: "kube-controller-manager/client",
			Path: "/etc/kubernetes/controller-manager.conf", Field: "users[0].user.client-certificate-data",
			CommonName: "system:kube-controller-manager", Organizations: []string{}, DNSNames: []string{}, IPAddresses: []string{},
			Issuer: "kubernetes", Serial: "2b", SHA256: "03", KeyAlgorithm: "RSA 2048", Usages: []string{"client auth"},
			UsedBy:    []string{"kube-controller-manager --kubeconfig"},
			NotBefore: now.AddDate(0, 0, -1), NotAfter: now.AddDate(1, 0, 0).Add(-time.Hour), Status: "ok",
		}},
		Connections: []audit.Connection{},
		Findings: []audit.Finding{{
			Check: "validity/expiring", Severity: audit.Warning, Node: "cp-1", Component: "kube-apiserver",
			Path: "/etc/kubernetes/pki/apiserver.crt", Line: 1, Field: "kube-apiserver --tls-cert-file", SHA256: "02",
			Message:   "the certificate ends on 2026-11-23 11:14 UTC, in 5 hours; it was to be renewed when 90 days were left, on 2026-08-25",
			Remedy:    "kubeadm certs renew apiserver\n# then restart the static pod:\ncrictl pods --name kube-apiserver-cp-1 -q | xargs crictl stopp",
			Reference: "https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-certs/", Rows: []int{1},
		}},
		Outcomes: []audit.Outcome{
			{Check: "identity/san-missing", Node: "cp-1", State: audit.Done, Examined: 4},
			{Check: "validity/expired", Node: "cp-1", State: audit.Done, Examined: 3},
		},
		Summary: audit.Summary{Certificates: 3, Warning: 1, NextExpiry: now.Add(5 * time.Hour)},
	}
}

// awkward has two nodes, everything that breaks a table and everything that a
// terminal would obey.
func awkward() audit.Result {
	r := fine()
	r.Nodes = append(r.Nodes, audit.Node{Name: "cp-2", Profile: "kubeadm"})
	r.Certificates = append(r.Certificates, audit.Certificate{
		Node: "cp-2", Component: "kube-apiserver", Type: "Client (etcd)", Role: "kube-apiserver/etcd-client",
		Path: "/etc/kubernetes/pki/apiserver-etcd-client.crt", Absent: audit.AbsentMissing, Organizations: []string{}, DNSNames: []string{}, IPAddresses: []string{},
		Usages: []string{}, UsedBy: []string{"kube-apiserver --etcd-certfile"}, Status: "files/missing", Worst: audit.Critical,
	}, audit.Certificate{
		Node: "cp-2", Component: "kubelet", Type: "Client (kube-apiserver)", Role: "kubelet/client", Index: 1,
		Path: "/var/lib/kubelet/pki/kubelet client|current.pem", CommonName: "system:node:日本語-ノード",
		Organizations: []string{"system:nodes", "|pipe|", "\u202etxt.exe\u2066"}, DNSNames: []string{"a\x1b[31mred\x1b[0m", "\u200bzero", "nul\x00", "tab\tand\nline"},
		IPAddresses: []string{"fe80::1"}, Issuer: "CN=kubernetes,O=<Ünïcode> & Söhne,OU=\u0085\u009bnext\u2028line", Serial: "ff", SHA256: "04",
		KeyAlgorithm: "ECDSA P-256", Usages: []string{"client auth", "1.2.3.4"}, UsedBy: []string{},
		NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(0, 0, -3), Status: "validity/expired", Worst: audit.Critical,
	}, audit.Certificate{
		Node: "cp-2", Component: "front-proxy", Type: "CA", Role: "front-proxy-ca", Path: "/pki/" + strings.Repeat("long/", 12) + "ca.crt",
		CommonName: "\u00e9\U000e0041\ufffd", Organizations: []string{strings.Repeat("o", 70)},
		DNSNames: []string{}, IPAddresses: []string{}, Issuer: " two  blanks ", Serial: "0", SHA256: "05", KeyAlgorithm: "Ed25519",
		Usages: []string{"cert sign"}, UsedBy: []string{},
		NotBefore: now, NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), Status: "ok",
	})
	r.Findings = append([]audit.Finding{{
		Check: "files/unreferenced", Severity: audit.Info, Node: "cp-2", Path: "/etc/kubernetes/pki/old.crt",
		Message: "nobody names this file", Remedy: "", Reference: "",
	}}, r.Findings...)
	r.Findings = append(r.Findings, audit.Finding{
		Check: "files/missing", Severity: audit.Critical, Node: "cp-2", Component: "kube-apiserver",
		Path: "/etc/kubernetes/manifests/kube-apiserver.yaml", Line: 23, Field: "--etcd-certfile",
		Message: "no file /etc/kubernetes/pki/apiserver-etcd-client.crt; expected the client certificate for etcd",
		Remedy:  "kubeadm init phase certs apiserver-etcd-client", Reference: "https://kubernetes.io/docs/setup/best-practices/certificates/",
	}, audit.Finding{
		Check: "validity/expired", Severity: audit.Critical, Node: "cp-2", Component: "kubelet",
		Path: "/var/lib/kubelet/pki/kubelet client|current.pem", SHA256: "04",
		Message: "\x1b]0;owned\x07 " + strings.Repeat("word ", 30) + strings.Repeat("x", 90), Remedy: "echo \u202e\necho two\n", Reference: "RFC 5280", Rows: []int{4},
	}, audit.Finding{Check: "cluster/ca-differs", Severity: audit.Critical, Message: "two CAs"})
	r.Outcomes = []audit.Outcome{
		{Check: "cluster/ca-differs", State: audit.Incomplete, Reason: "the front-proxy CA of cp-2 cannot be read"},
		{Check: "connections/server-name", Node: "cp-1", State: audit.Done, Reason: "the service range is not known"},
		{Check: "connections/server-name", Node: "cp-2", State: audit.Done, Reason: "the service range is not known"},
		{Check: "identity/san-missing", Node: "cp-1", State: audit.Done, Reason: "the service range is not known"},
		{Check: "identity/san-missing", Node: "cp-2", State: audit.Done, Reason: "the service range is not known"},
		{Check: "keys/mismatch", Node: "cp-2", State: audit.Incomplete, Reason: "open /etc/kubernetes/pki/apiserver.key: permission denied\x1b[2J"},
		{Check: "keys/weak", Node: "cp-2", State: audit.Incomplete},
		{Check: "validity/expired", Node: "cp-2", State: audit.NotApplicable},
	}
	r.Summary = audit.Summary{Certificates: 6, Critical: 3, Warning: 1, Info: 1, NextExpiry: now.AddDate(0, 0, 1).Add(time.Hour)}
	return r
}

// crowded is awkward with what a result can have beside: findings that are ignored,
// several about one certificate in several roles, and connections.
func crowded() audit.Result {
	r := awkward()
	r.Connections = tangled().Connections
	peer := r.Certificates[4]
	peer.Role, peer.Field, peer.Index = "kubelet/serving", "data[tls|crt]", 0
	r.Certificates = append(r.Certificates, peer)
	expired := &r.Findings[3]
	expired.Rows, expired.Breaks = []int{4, 6}, []string{"kubelet -> kube-apiserver", "a|b -> \u202ec"}
	waived, known, info := *expired, *expired, *expired
	waived.Check, waived.Severity, waived.Waiver = "keys/weak", audit.Warning, &audit.WaivedBy{Reason: "`CHG`|4711\u202e", Until: "2026-12-31"}
	known.Check, known.Known = "keys/mismatch", true
	info.Check, info.Severity = "kubelet/serving-self-signed", audit.Info
	r.Findings = append(r.Findings, waived, known, info)
	r.Outcomes = append(r.Outcomes, audit.Outcome{Check: "keys/weak", Node: "cp-1", State: audit.Done, Examined: 7})
	r.Summary = audit.Summary{Certificates: 7, Critical: 3, Warning: 1, Info: 2, Waived: 1, Known: 1, NextExpiry: r.Summary.NextExpiry}
	return r
}

// nothing is the audit of a folder without certificates.
func nothing() audit.Result {
	return audit.Result{
		Schema: audit.Schema, At: now, Nodes: []audit.Node{}, Certificates: []audit.Certificate{},
		Connections: []audit.Connection{}, Findings: []audit.Finding{}, Outcomes: []audit.Outcome{},
	}
}

func render(t *testing.T, name string, r audit.Result, o Options) string {
	t.Helper()
	return renderFrom(t, Lookup, name, r, o)
}

// renderFrom is render with the formats of another command.
func renderFrom(t *testing.T, lookup func(string) (Format, error), name string, r audit.Result, o Options) string {
	t.Helper()
	f, err := lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := f.Write(&b, r, o); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return b.String()
}

// golden compares got with a file under testdata, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestGolden(t *testing.T) {
	results := []struct {
		name   string
		result audit.Result
	}{{"fine", fine()}, {"awkward", awkward()}, {"nothing", nothing()}}
	for _, r := range results {
		for _, format := range []string{"table", "wide"} {
			for _, width := range []int{80, 200} {
				name := fmt.Sprintf("%s-%s-%d.txt", r.name, format, width)
				t.Run(name, func(t *testing.T) {
					golden(t, name, render(t, format, r.result, Options{Width: width}))
				})
			}
		}
	}
	t.Run("color", func(t *testing.T) {
		golden(t, "awkward-table-0-color.txt", render(t, "table", awkward(), Options{Color: true}))
	})
}

// Colour is for the eye only: without its codes the output is the plain one,
// column for column.
func TestColorKeepsAlignment(t *testing.T) {
	plain := strings.NewReplacer(red, "", green, "", yellow, "", reset, "")
	for _, format := range []string{"table", "wide"} {
		for _, width := range []int{0, 80, 200, 300} {
			colored := render(t, format, awkward(), Options{Width: width, Color: true})
			want := render(t, format, awkward(), Options{Width: width})
			if diff := cmp.Diff(want, plain.Replace(colored)); diff != "" {
				t.Errorf("%s at %d (-plain +colored):\n%s", format, width, diff)
			}
			if colored == want {
				t.Errorf("%s at %d has no colour", format, width)
			}
		}
	}
}

// Whatever the formats and widths, no byte of input reaches the terminal as
// anything but text.
func TestNothingUnprintable(t *testing.T) {
	r := awkward()
	r.Certificates[4].CommonName = "invalid\xff\xfe"
	for _, f := range Formats() {
		for _, width := range []int{0, 1, 80, 200} {
			t.Run(fmt.Sprint(f.Name, width), func(t *testing.T) { checkPrintable(t, written(t, f, r, Options{Width: width})) })
		}
	}
}

// Piped, one use is one line, as it is on a terminal that is too narrow for the wide
// table; a table that was not asked to be wide is a table, and no line of it is wider than
// the terminal.
func TestWidth(t *testing.T) {
	r := fine()
	uses := 0
	for _, c := range r.Certificates {
		uses += len(c.UsedBy)
	}
	for _, width := range []int{0, 80} {
		table, _, _ := strings.Cut(render(t, "wide", r, Options{Width: width}), "\n\n")
		if got := strings.Count(table, "\n"); got != uses {
			t.Errorf("at %d %d lines below the header for %d uses", width, got, uses)
		}
	}
	for _, r := range []audit.Result{fine(), awkward()} {
		for width := 72; width < 400; width += 7 {
			table, _, _ := strings.Cut(render(t, "table", r, Options{Width: width}), "\n\n")
			if !strings.Contains(table, "STATUS\n") {
				t.Fatalf("at %d there is no table:\n%s", width, table)
			}
			for _, line := range strings.Split(table, "\n") {
				if textWidth(line) > width {
					t.Fatalf("at %d, %d columns: %s", width, textWidth(line), line)
				}
			}
		}
	}
}

// One hostile certificate does not widen the rows of the others without end.
func TestHugeNames(t *testing.T) {
	r := fine()
	for range 200 {
		r.Certificates = append(r.Certificates, r.Certificates[0])
	}
	r.Certificates[0].DNSNames = []string{strings.Repeat("é,", 1<<20)}
	out := render(t, "table", r, Options{})
	if len(out) > len(r.Certificates)*(maxCell+1000) {
		t.Errorf("%d bytes for %d certificates", len(out), len(r.Certificates))
	}
	if want := "... (3141633 more bytes, see the json format)"; !strings.Contains(out, want) {
		t.Errorf("no %q in the table", want)
	}
}

// The cost of a text grows with its length, not with its square.
func TestHugeMessage(t *testing.T) {
	if testing.Short() {
		t.Skip("writes megabytes")
	}
	r := fine()
	r.Findings[0].Message = strings.Repeat("a, ", 1<<20)
	for _, width := range []int{0, 1, 80, 1 << 30} {
		if got := strings.Count(render(t, "table", r, Options{Width: width}), "a,"); got < 1<<20 {
			t.Errorf("at %d only %d pieces are left", width, got)
		}
	}
}

func TestLookup(t *testing.T) {
	for _, f := range Formats() {
		got, err := Lookup(f.Name)
		if err != nil || got.Name != f.Name || got.Summary == "" {
			t.Errorf("Lookup(%q) = %q, %q, %v", f.Name, got.Name, got.Summary, err)
		}
	}
	_, err := Lookup("tabel")
	if want := `unknown format "tabel" (did you mean "table"?); formats are table, wide, sheet, lines, json, `; !strings.HasPrefix(fmt.Sprint(err), want) {
		t.Errorf("got %v, want %s...", err, want)
	}
}
