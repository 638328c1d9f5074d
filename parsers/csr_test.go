package parsers_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"certaudit/fixtures"
	"certaudit/parsers"
)

// Who has seen an object, and who is said to have asked.
func TestRequestor(t *testing.T) {
	for _, tt := range []struct {
		text   string
		stored bool
		fields string
	}{
		{"spec: {signerName: a/b}", false, ""},
		{"metadata: {creationTimestamp: null}\nspec: {username: a, groups: [b], uid: c, extra: {d: [e]}}\nstatus: {}", false, "spec.username spec.uid spec.groups spec.extra"},
		{"metadata: {creationTimestamp: \"2026-11-23T06:34:09Z\"}\nspec: {username: a}", true, "spec.username"},
		{"metadata: {uid: a}", true, ""},
		{"metadata: {resourceVersion: \"1\"}", true, ""},
		{"status: {conditions: [{type: Denied}]}", true, ""},
		{"status: {certificate: LS0t}", true, ""},
	} {
		r := parsers.ParseRequests("-", []byte("kind: CertificateSigningRequest\n"+tt.text)).Requests[0]
		var fields []string
		for _, at := range r.Requestor {
			fields = append(fields, at.Field)
		}
		if got := strings.Join(fields, " "); r.Stored != tt.stored || got != tt.fields {
			t.Errorf("%s: stored %v, requestor in %q, want %v, %q", tt.text, r.Stored, got, tt.stored, tt.fields)
		}
	}
}

// told is a request in one line, and below it what is wrong with it.
func told(r parsers.Request) []string {
	subject, certificates := "-", ""
	if r.PKCS10 != nil {
		subject = r.PKCS10.Subject.String()
	}
	for _, c := range r.Certificate.Material.Certificates {
		certificates += " issued " + c.Subject.String()
	}
	var usages, conditions []string
	for _, u := range r.Usages {
		usages = append(usages, u.Value)
	}
	for _, c := range r.Conditions {
		conditions = append(conditions, c.Type+" "+c.Reason+" "+c.At.Format(time.TimeOnly))
	}
	out := []string{fmt.Sprintf("%d %s | %s | %s | %s | %s | %s%s", r.Origin.Line, r.Name.Value, r.SignerName.Value, r.Username.Value,
		subject, strings.Join(usages, ","), strings.Join(conditions, ","), certificates)}
	if r.Fault != "" {
		out = append(out, fmt.Sprintf("  %d %s: %s", r.Content.Line, r.Content.Field, r.Fault))
	}
	for _, p := range r.Problems {
		out = append(out, fmt.Sprintf("  %d %s: %s", p.Origin.Line, p.Origin.Field, p.Detail))
	}
	return out
}

func toldAll(l parsers.RequestList) []string {
	var out []string
	for _, r := range l.Requests {
		out = append(out, told(r)...)
	}
	for _, n := range l.Nodes {
		out = append(out, fmt.Sprintf("node %s %v", n.Name, n.Addresses))
	}
	if l.Others > 0 {
		out = append(out, fmt.Sprintf("%d others", l.Others))
	}
	for _, p := range l.Problems {
		out = append(out, fmt.Sprintf("problem %d: %s %s", p.Origin.Line, p.Kind, p.Detail))
	}
	return out
}

// What a real API server printed, in both formats.
func TestParseRequestsOfAnAPIServer(t *testing.T) {
	want := []string{
		"jane | kubernetes.io/kube-apiserver-client | kubernetes-super-admin | CN=jane,O=developers | client auth | Approved KubectlApprove 06:34:10 issued CN=jane,O=developers",
		"sally | kubernetes.io/kube-apiserver-client | kubernetes-super-admin | CN=sally | digital signature,key encipherment,server auth | Approved KubectlApprove 06:34:10,Failed SignerValidationFailure 06:34:10",
		"node02 | kubernetes.io/kube-apiserver-client-kubelet | kubernetes-super-admin | CN=system:node:node02,O=system:nodes | digital signature,key encipherment,client auth | Approved AutoApproved 06:34:09 issued CN=system:node:node02,O=system:nodes",
		"node02-serving | kubernetes.io/kubelet-serving | kubernetes-super-admin | CN=system:node:node02,O=system:nodes | digital signature,key encipherment,server auth | Approved KubectlApprove 06:34:10 issued CN=system:node:node02,O=system:nodes",
		"custom | example.com/internal | kubernetes-super-admin | CN=svc.default.svc | server auth | Denied KubectlDeny 06:34:11",
		"node02-renew | kubernetes.io/kube-apiserver-client-kubelet | system:node:node02 | CN=system:node:node02,O=system:nodes | digital signature,client auth | Approved AutoApproved 06:34:47 issued CN=system:node:node02,O=system:nodes",
		"node02-serving-2 | kubernetes.io/kubelet-serving | system:node:node02 | CN=system:node:node02,O=system:nodes | digital signature,server auth | ",
	}
	for name, lines := range map[string][]int{"csr-list.yaml": {3, 35, 74, 107, 140, 170, 199}, "csr-list.json": {4, 48, 101, 146, 191, 233, 274}} {
		var got []string
		for i, line := range toldAll(parsers.ParseRequests(name, fixtures.RequestFile(name))) {
			number, rest, _ := strings.Cut(line, " ")
			if i < len(lines) && number != fmt.Sprint(lines[i]) {
				t.Errorf("%s: request %d is on line %s, want %d", name, i, number, lines[i])
			}
			got = append(got, rest)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	got := toldAll(parsers.ParseRequests("node.yaml", fixtures.RequestFile("node.yaml")))
	if diff := cmp.Diff([]string{"node node02 [10.0.0.42 node02]"}, got); diff != "" {
		t.Errorf("node (-want +got):\n%s", diff)
	}
}

func TestParseRequests(t *testing.T) {
	jane := string(fixtures.Request(fixtures.RequestSpec{CommonName: "jane"}))
	once := base64.StdEncoding.EncodeToString([]byte(jane))
	der := strings.Join(strings.Split(strings.TrimSpace(jane), "\n")[1:len(strings.Split(strings.TrimSpace(jane), "\n"))-1], "")
	old := strings.ReplaceAll(jane, "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	key := "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n-----END RSA PRIVATE KEY-----\n"
	object := func(request string) string {
		return "apiVersion: certificates.k8s.io/v1\nkind: CertificateSigningRequest\nmetadata: {name: jane}\nspec:\n  request: " + request + "\n"
	}
	const plain = "1 jane |  |  | CN=jane |  | "
	const lost = "1 jane |  |  | - |  | "
	fault := func(s string) string { return "  5 spec.request: " + s }
	tests := []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", []string{"problem 0: empty is empty"}},
		{"an object", object(once), []string{plain}},
		{"fields of spec and metadata at the top level", strings.ReplaceAll(strings.Replace(object(once)+"  usages: [client auth]\n", "{name: jane}", "\nname: jane", 1), "\n  ", "\n"), []string{
			"1 jane |  |  | CN=jane | client auth | ",
			"  4 name: stands outside of metadata, where nobody looks for it: the indentation is lost; expected metadata.name",
			"  6 request: stands outside of spec, where nobody looks for it (usages as well): the indentation is lost; expected spec.request"}},
		{"spec inside of metadata", strings.Replace(strings.ReplaceAll(object(once), "\nspec:\n", "\n  spec:\n  "), "{name: jane}", "\n  name: jane", 1), []string{plain,
			"  6 metadata.spec.request: stands outside of spec, where nobody looks for it: the indentation is lost; expected spec.request"}},
		{"fields of spec inside of metadata", strings.Replace(strings.Replace(object(once), "\nspec:\n", "\n", 1), "{name: jane}", "\n  name: jane", 1), []string{plain,
			"  5 metadata.request: stands outside of spec, where nobody looks for it: the indentation is lost; expected spec.request"}},
		{"line breaks in the base64", object("|\n    " + once[:76] + "\n    " + once[76:]), []string{plain}},
		{"blanks in the base64", object(once[:76] + "\n    " + once[76:]), []string{plain, fault("has blanks inside of the base64, as YAML makes of its lines; encode with base64 -w0")}},
		{"PEM as it is", object("|\n    " + strings.ReplaceAll(jane, "\n", "\n    ")), []string{plain, fault("holds PEM as it is, and the field takes base64 of it")}},
		{"base64 of base64", object(encode(once)), []string{plain, fault("is base64 of a base64; encode it once")}},
		{"base64 of base64 of nothing good", object(encode(encode(key))), []string{lost, fault("is base64 of a base64; encode it once")}},
		{"DER", object(der), []string{plain, fault("is base64 of DER, and the API server takes base64 of PEM")}},
		{"the old label", object(encode(old)), []string{plain, fault(`has the PEM label "NEW CERTIFICATE REQUEST"; the API server takes only "CERTIFICATE REQUEST"`)}},
		{"a placeholder", object("<base64>"), []string{lost, fault(`is the placeholder "<base64>"`)}},
		{"a variable", object("${CSR}"), []string{lost, fault(`is the placeholder "${CSR}"`)}},
		{"a command", object("$(cat jane.csr | base64 -w0)"), []string{lost, fault(`is the placeholder "$(cat jane.csr | base64 -w0)"`)}},
		{"a long placeholder", object("<" + strings.Repeat("x", 200) + ">"), []string{lost, fault(`is the placeholder "<` + strings.Repeat("x", 63) + `…"`)}},
		{"omitted", object("DATA+OMITTED"), []string{lost, fault(`is the placeholder "DATA+OMITTED"`)}},
		{"absent", "apiVersion: certificates.k8s.io/v1\nkind: CertificateSigningRequest\nmetadata: {name: jane}\n", []string{lost, "  1 : is empty"}},
		{"empty", object(`""`), []string{lost, fault("is empty")}},
		{"no base64", object("a-b"), []string{lost, fault("is no base64")}},
		{"base64 of text", object(encode("hello")), []string{lost, fault("is base64 of 5 bytes that are no PEM")}},
		{"a certificate", object(encode(string(fixtures.RequestFile("openssl/jane.crt")))), []string{lost, fault(`holds no request: "CERTIFICATE" block`)}},
		{"a private key", object(encode(key)), []string{lost, fault(parsers.FaultPrivateKey)}},
		{"a private key in DER, cut off", object("MIIG5AIBAAKCAYEA68XHZefycJ1QOEtL"), []string{lost, fault("is base64 of 24 bytes that are no PEM")}},
		{"a private key in DER, cut off in the base64", object("MIIG5AIBAAKCAYEA68XHZefycJ1QOEt"), []string{lost, fault(parsers.FaultPrivateKey)}},
		{"a private key, shortened by hand", object(encode(key)[:60] + "..."), []string{lost, fault(parsers.FaultPrivateKey)}},
		{"a request, shortened by hand", object(once[:60] + "..."), []string{lost, fault(`is the placeholder "` + once[:60] + `..."`)}},
		{"a damaged block", object(encode(strings.Replace(jane, "-----END", "----END", 1))), []string{lost, fault(`"CERTIFICATE REQUEST" block: no END line`)}},
		{"a megabyte", object(strings.Repeat("QUJD", 1<<18)), []string{lost, fault("is longer than 64 KiB")}},
		{"fields of a wrong shape", "kind: CertificateSigningRequest\nmetadata: [x]\nspec:\n  request: " + once + "\n  groups: authenticated\n  usages: {a: b}\n  expirationSeconds: soon\nstatus: gone\n", []string{
			"1  |  |  | CN=jane |  | ",
			"  2 metadata: is no mapping, as it should be",
			"  5 spec.groups: is no list, as it should be",
			"  6 spec.usages: is no list, as it should be",
			"  8 status: is no mapping, as it should be",
			"  7 spec.expirationSeconds: is no number of seconds that fits 32 bits"}},
		{"conditions", object(once) + "status:\n  conditions:\n  - {type: Denied, status: \"False\"}\n  - {type: Approved}\n  - {type: Failed, status: \"True\", lastTransitionTime: \"2026-11-23T06:34:10Z\"}\n",
			[]string{"1 jane |  |  | CN=jane |  | Approved  00:00:00,Failed  06:34:10"}},
		{"several documents, one bad", object(once) + "---\n\t- x\n---\n" + object("<base64>") + "---\nkind: ConfigMap\n", []string{
			plain, "9 jane |  |  | - |  | ", `  13 spec.request: is the placeholder "<base64>"`, "1 others",
			"problem 7: syntax is neither YAML nor JSON: found character that cannot start any token; line 7 begins with a tab; YAML wants spaces"}},
		{"a list as the API itself gives it", `{"kind":"CertificateSigningRequestList","items":[{"metadata":{"name":"jane"},"spec":{"request":"` + once + `"}}]}`, []string{plain}},
		{"JSON that breaks off", `{"items":[{"kind":"CertificateSigningRequest","metadata":{"name":"jane"},"spec":{"request":"` + once + `"}},` + "\n" + `{"kind":"Certifi`, []string{
			plain, "problem 2: syntax ends in the middle of an object: the input is cut off"}},
		{"bare", jane, []string{"1  |  |  | CN=jane |  | "}},
		{"bare, two of them, and a certificate", "text\n" + jane + string(fixtures.RequestFile("openssl/jane.crt")) + old, []string{
			"2  |  |  | CN=jane |  | ", "26  |  |  | CN=jane |  | ", "1 others"}},
		{"bare in DER", decoded(t, der), []string{"0  |  |  | CN=jane |  | "}},
		{"bare and damaged", strings.Replace(jane, "-----END", "----END", 1), []string{"1  |  |  | - |  | ", `  1 : "CERTIFICATE REQUEST" block: no END line`}},
		{"binary", "\x00\x01\x02\xff", []string{"problem 1: syntax is not text: it holds NUL bytes"}},
		{"an anchor that explodes", "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f]\n---\n" + object(once), []string{
			"9 jane |  |  | CN=jane |  | ", "problem 6: limit has more than 500000 fields when its aliases are followed"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, toldAll(parsers.ParseRequests("f", []byte(test.text)))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func decoded(t *testing.T, text string) string {
	t.Helper()
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// A thousand documents, each with a fault of its own, are a thousand requests.
func TestParseManyRequests(t *testing.T) {
	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, "---\nkind: CertificateSigningRequest\nmetadata: {name: csr-%d}\nspec: {request: \"<%d>\"}\n", i, i)
	}
	l := parsers.ParseRequests("f", []byte(b.String()))
	if len(l.Requests) != 1000 || len(l.Problems) != 0 {
		t.Fatalf("%d requests, problems %v", len(l.Requests), l.Problems)
	}
	if got, want := told(l.Requests[999]), []string{"3998 csr-999 |  |  | - |  | ", `  4000 spec.request: is the placeholder "<999>"`}; cmp.Diff(want, got) != "" {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The requests that people keep in public repositories.
func TestParseRequestsOfTheField(t *testing.T) {
	dir := os.Getenv("CERTAUDIT_CORPUS")
	if dir == "" {
		t.Skip("CERTAUDIT_CORPUS is not set")
	}
	files, err := filepath.Glob(filepath.Join(dir, "csr", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	requests, decoded := 0, 0
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		l := parsers.ParseRequests(name, data)
		if len(l.Requests)+len(l.Problems) == 0 {
			t.Errorf("%s: neither a request nor a problem", name)
		}
		for _, r := range l.Requests {
			requests++
			if r.PKCS10 != nil {
				decoded++
			} else if r.Fault == "" {
				t.Errorf("%s: %s is not decoded and nothing says why", name, r.Name.Value)
			}
		}
	}
	if requests < 30 || decoded < 20 {
		t.Errorf("%d requests, %d decoded", requests, decoded)
	}
}

// Whatever comes in, a request is decoded or has a fault, and nothing of the
// input stands in a fault but a short placeholder.
func FuzzParseRequests(f *testing.F) {
	for _, name := range []string{"node.yaml", "openssl/jane.csr", "openssl/new.csr"} {
		f.Add(fixtures.RequestFile(name))
	}
	request := base64.StdEncoding.EncodeToString(fixtures.Request(fixtures.RequestSpec{CommonName: "jane"}))
	f.Add([]byte("kind: CertificateSigningRequest\nspec: {request: " + request + ", usages: [client auth]}\nstatus: {conditions: [{type: Approved}], certificate: " + request + "}\n"))
	f.Add([]byte(`{"kind":"CertificateSigningRequestList","items":[{"spec":{"request":"` + request + `"}}]}`))
	f.Add([]byte("kind: CertificateSigningRequest\nspec: {request: ${CSR}}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, r := range parsers.ParseRequests("f", data).Requests {
			if r.PKCS10 == nil && r.Fault == "" {
				t.Errorf("%q is neither decoded nor at fault", r.Name.Value)
			}
			if len(r.Fault) > 1000 {
				t.Errorf("a fault of %d bytes", len(r.Fault))
			}
		}
	})
}
