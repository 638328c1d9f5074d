package report

import (
	"encoding/csv"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"certaudit/audit"
)

// asked is the audit of some requests, with everything that breaks a table.
func asked() audit.Result {
	r := nothing()
	r.Requests = []audit.Request{{
		Name: "jane", Path: "csr.yaml", Line: 3, Field: "CertificateSigningRequest jane", Created: now.Add(-90e9),
		Signer: "kubernetes.io/kube-apiserver-client", Username: "jane", Groups: []string{"developers", "system:authenticated"},
		Condition: "Approved,Issued", CommonName: "jane", Organizations: []string{"developers"}, DNSNames: []string{}, IPAddresses: []string{}, OtherNames: []string{},
		KeyAlgorithm: "RSA-2048", Usages: []string{"client auth"}, ExpirationSeconds: 86400, SHA256: "01", NotAfter: now.AddDate(0, 0, 1),
		Verdict: audit.VerdictSound, Reasons: []string{},
	}, {
		Name: "csr-worker-1", Path: "csr.yaml", Line: 35, Field: "CertificateSigningRequest csr-worker-1", Created: now.Add(3600e9),
		Signer: "kubernetes.io/kubelet-serving", Username: "system:node:worker-1", Groups: []string{"system:nodes"}, Condition: "Pending",
		CommonName: "system:node:worker-1", Organizations: []string{"system:nodes"}, DNSNames: []string{"worker-1", "kubernetes"}, IPAddresses: []string{"192.0.2.21"},
		OtherNames: []string{"a@b.example"}, KeyAlgorithm: "ECDSA-P256", Usages: []string{"digital signature", "server auth"},
		Verdict: audit.VerdictReject, Reasons: []string{"csr/addresses", "csr/names"},
	}, {
		Path: "-", Line: 1, Field: "CERTIFICATE REQUEST", Groups: []string{}, CommonName: "=\u202etxt|`\x1b[31m\n", Organizations: []string{"<b>"},
		DNSNames: []string{}, IPAddresses: []string{}, OtherNames: []string{}, KeyAlgorithm: "RSA-1024", Usages: []string{},
		Verdict: audit.VerdictDoubtful, Reasons: []string{"csr/weak-key"},
	}}
	r.Certificates = []audit.Certificate{{
		Component: "CertificateSigningRequest", Type: "Client", Role: "file/certificate", Path: "csr.yaml", Line: 30, Field: "CertificateSigningRequest jane",
		CommonName: "jane", Organizations: []string{"developers"}, DNSNames: []string{}, IPAddresses: []string{}, Issuer: "kubernetes", Serial: "2a", SHA256: "01",
		KeyAlgorithm: "RSA-2048", NotBefore: now, NotAfter: now.AddDate(0, 0, 1), Usages: []string{"client auth"}, UsedBy: []string{}, Status: "ok",
	}}
	r.Findings = []audit.Finding{{
		Check: "csr/addresses", Severity: audit.Critical, Path: "csr.yaml", Line: 40, Field: "CertificateSigningRequest csr-worker-1",
		Message: `asks for "kubernetes", which the Node worker-1 does not have; it has "worker-1"`, Remedy: "kubectl certificate deny csr-worker-1", Reference: "somewhere",
	}}
	r.Outcomes = []audit.Outcome{{Check: "csr/addresses", State: audit.Done, Examined: 1}}
	r.Summary = audit.Summary{Certificates: 1, Requests: 3, Critical: 1, NextExpiry: now.AddDate(0, 0, 1)}
	return r
}

func TestRequestGolden(t *testing.T) {
	for _, format := range []string{"table", "wide"} {
		for _, width := range []int{80, 200} {
			name := fmt.Sprintf("asked-%s-%d.txt", format, width)
			t.Run(name, func(t *testing.T) { golden(t, name, render(t, format, asked(), Options{Width: width})) })
		}
	}
}

// A row of the CSV has every field of the JSON, and nothing that a spreadsheet
// would run.
func TestRequestCSV(t *testing.T) {
	records, err := csv.NewReader(strings.NewReader(render(t, "csv", asked(), Options{}))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(jsonNames(reflect.TypeFor[audit.Request]()), records[0]); diff != "" {
		t.Errorf("columns (-json +csv):\n%s", diff)
	}
	for _, record := range records[1:] {
		for _, cell := range record {
			if runs(cell) {
				t.Errorf("a spreadsheet runs the cell %q", cell)
			}
		}
	}
}

// The verdict is coloured, and nothing else changes with it.
func TestRequestColors(t *testing.T) {
	out := render(t, "table", asked(), Options{Color: true})
	for verdict, color := range map[string]string{"sound": green, "reject: csr/addresses, csr/names": red, "doubtful: csr/weak-key": yellow} {
		if !strings.Contains(out, color+verdict+reset) {
			t.Errorf("no coloured %q in\n%s", verdict, out)
		}
	}
	plain := strings.NewReplacer(red, "", green, "", yellow, "", reset, "").Replace(out)
	if diff := cmp.Diff(render(t, "table", asked(), Options{}), plain); diff != "" {
		t.Errorf("(-plain +coloured):\n%s", diff)
	}
}

func TestRequestFormats(t *testing.T) {
	var names []string
	for _, f := range RequestFormats() {
		names = append(names, f.Name)
		if got, err := LookupRequests(f.Name); err != nil || got.Name != f.Name {
			t.Errorf("LookupRequests(%q) = %q, %v", f.Name, got.Name, err)
		}
	}
	if got, want := strings.Join(names, " "), "table wide lines json yaml csv markdown sarif junit github gitlab html ics"; got != want {
		t.Errorf("formats %s, want %s", got, want)
	}
	if _, err := LookupRequests("kubeadm"); err == nil {
		t.Error("kubeadm is a format of requests")
	}
}
