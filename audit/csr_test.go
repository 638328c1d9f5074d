package audit_test

import (
	"bytes"
	"certaudit/audit/inventory"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"certaudit/audit"
	"certaudit/fixtures"
	"certaudit/parsers"
)

// requestObject describes a CertificateSigningRequest object as an API server
// keeps it: by default jane asks for herself, ten minutes before fixtures.Now.
type requestObject struct {
	version, name, signer, user string
	groups, usages              []string
	seconds, created            string
	// manifest leaves out what the API server adds; byHand puts in the requestor all
	// the same, and generated has the API server make the name.
	manifest, byHand, generated bool
	spec                        fixtures.RequestSpec
	// request replaces what is made of spec.
	request string
	status  string
}

const justNow = "2026-11-23T11:50:00Z"

func (o requestObject) yaml() string {
	or := func(s *string, value string) {
		if *s == "" {
			*s = value
		}
	}
	or(&o.version, "certificates.k8s.io/v1")
	or(&o.name, "jane")
	or(&o.signer, "kubernetes.io/kube-apiserver-client")
	or(&o.spec.CommonName, "jane")
	or(&o.user, o.spec.CommonName)
	or(&o.created, justNow)
	or(&o.request, encoded(fixtures.Request(o.spec)))
	if o.usages == nil {
		o.usages = []string{"client auth"}
	}
	text := fmt.Sprintf("---\napiVersion: %s\nkind: CertificateSigningRequest\nmetadata:\n  name: %q\n", o.version, o.name)
	if o.generated {
		text = strings.Replace(text, "  name: ", "  generateName: ", 1)
	}
	if !o.manifest {
		text += fmt.Sprintf("  creationTimestamp: %q\n", o.created)
	}
	text += fmt.Sprintf("spec:\n  request: %q\n", o.request)
	if o.signer != "-" {
		text += fmt.Sprintf("  signerName: %q\n", o.signer)
	}
	if len(o.usages) > 0 {
		text += fmt.Sprintf("  usages: [%s]\n", strings.Join(o.usages, ", "))
	}
	if o.seconds != "" {
		text += "  expirationSeconds: " + o.seconds + "\n"
	}
	if !o.manifest || o.byHand {
		text += fmt.Sprintf("  username: %q\n  groups: [%s]\n", o.user, strings.Join(append(o.groups, `"system:authenticated"`), ", "))
	}
	if o.status != "" {
		text += "status: {" + o.status + "}\n"
	}
	return text
}

func encoded(data []byte) string { return base64.StdEncoding.EncodeToString(data) }

// allClient are the usages that fixtures.Spec gives to a client.
var allClient = []string{"digital signature", "key encipherment", "client auth"}

const (
	approved = `conditions: [{type: Approved, status: "True", reason: KubectlApprove, lastUpdateTime: "2026-11-23T11:51:00Z"}]`
	worker   = "system:node:worker-1"
)

// kubeletRequest is a request of worker-1 for itself.
func kubeletRequest(o requestObject) requestObject {
	o.name = "csr-worker-1"
	o.signer = "kubernetes.io/kube-apiserver-client-kubelet"
	if o.spec.CommonName == "" {
		o.spec.CommonName = worker
	}
	if o.spec.Organizations == nil {
		o.spec.Organizations = []string{"system:nodes"}
	}
	if o.user == "" {
		o.user = worker
	}
	if o.groups == nil {
		o.groups = []string{`"system:nodes"`}
	}
	if o.usages == nil {
		o.usages = []string{"digital signature", "client auth"}
	}
	return o
}

// servingRequest is a serving request of worker-1 for itself.
func servingRequest(o requestObject) requestObject {
	if o.usages == nil {
		o.usages = []string{"digital signature", "server auth"}
	}
	if o.spec.DNSNames == nil && o.spec.IPs == nil {
		o.spec.DNSNames, o.spec.IPs = []string{"worker-1"}, []string{"192.0.2.21"}
	}
	o = kubeletRequest(o)
	o.signer = "kubernetes.io/kubelet-serving"
	return o
}

const workerNode = "---\napiVersion: v1\nkind: Node\nmetadata: {name: worker-1}\nstatus: {addresses: [{type: InternalIP, address: 192.0.2.21}, {type: Hostname, address: worker-1}]}\n"

// gatherText reads requests as from the standard input.
func gatherText(t *testing.T, text string) *inventory.RequestInventory {
	t.Helper()
	in, err := inventory.GatherRequests(workingFolder(t), []string{"-"}, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// statements are the findings about requests in one line each.
func statements(r audit.Result) []string {
	var out []string
	for _, f := range r.Findings {
		field := strings.TrimPrefix(f.Field, "CertificateSigningRequest ")
		out = append(out, fmt.Sprintf("%s %s %s: %s", f.Severity, f.Check, field, f.Message))
	}
	return out
}

// issuingCluster issues certificates of the cluster that controlPlane makes.
var issuingCluster = fixtures.ControlPlane(fixtures.Options{})

// issue returns status.certificate for a request.
func issue(s fixtures.Spec) string {
	const at = "/issued"
	issuingCluster.Issue(at, s)
	return "certificate: " + encoded(issuingCluster.Node[at+".crt"].Data)
}

// shown collects the checks that the tests named in showing have seen.
var shown, showing = map[string]bool{}, map[string]bool{}

func TestRequests(t *testing.T) {
	showing[t.Name()] = true
	client := fixtures.Spec{CommonName: "jane", KeyName: "jane", Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, NotBefore: fixtures.Now, NotAfter: fixtures.Now.Add(time.Hour)}
	janes := fixtures.RequestSpec{CommonName: "jane", KeyName: "jane"}
	with := func(change func(*fixtures.Spec)) string {
		s := client
		change(&s)
		return approved + ", " + issue(s)
	}
	masters := []string{`"system:masters"`}
	tests := []struct {
		name   string
		object requestObject
		// more stands behind the object.
		more string
		ca   bool
		want []string
	}{
		{name: "sound", object: requestObject{}},
		{name: "a manifest", object: requestObject{manifest: true, seconds: "86400"}},
		{name: "of a kubelet", object: kubeletRequest(requestObject{})},
		{name: "of a kubelet with RSA", object: kubeletRequest(requestObject{usages: []string{"digital signature", "key encipherment", "client auth"}})},
		{name: "of a bootstrapping kubelet", object: kubeletRequest(requestObject{user: "system:bootstrap:abcdef", groups: []string{`"system:bootstrappers"`}})},
		{name: "serving", object: servingRequest(requestObject{}), more: workerNode},
		{name: "issued", object: requestObject{spec: janes, usages: allClient, status: with(func(*fixtures.Spec) {})}, ca: true},

		{name: "placeholder", object: requestObject{request: "${CSR}"}, want: []string{`critical csr/undecodable jane: spec.request is the placeholder "${CSR}"`}},
		{name: "a certificate that is none", object: requestObject{status: approved + ", certificate: aGVsbG8="}, want: []string{
			"warning csr/undecodable jane: status.certificate holds neither PEM nor DER"}},
		{name: "v1beta1", object: requestObject{manifest: true, version: "certificates.k8s.io/v1beta1", signer: "-", usages: []string{}}, want: []string{
			"warning csr/refused jane: has the API version certificates.k8s.io/v1beta1, which no cluster serves since Kubernetes 1.22; certificates.k8s.io/v1 demands signerName and usages"}},
		{name: "a misspelt version", object: requestObject{manifest: true, version: "certificates.k8s.metadatastemio/v1"}, want: []string{
			`critical csr/refused jane: has the API version "certificates.k8s.metadatastemio/v1"; expected certificates.k8s.io/v1`}},
		{name: "a bad name, no signer, no usages", object: requestObject{manifest: true, name: "my_user", signer: "-", usages: []string{}}, want: []string{
			"critical csr/refused my_user: asks for no usages; certificates.k8s.io/v1 demands at least one",
			"critical csr/refused my_user: names no signer; certificates.k8s.io/v1 demands signerName",
			`critical csr/refused my_user: has the name "my_user"; expected lower-case letters, digits, dashes and dots, at most 253`}},
		{name: "usages misspelt and twice", object: requestObject{manifest: true, signer: "example.com/own", usages: []string{"key enciphement", "client auth", "client auth"}}, want: []string{
			`critical csr/refused jane: asks for the usage "client auth" twice`,
			`critical csr/refused jane: asks for the usage "key enciphement", which does not exist`}},
		{name: "no domain", object: requestObject{manifest: true, signer: "own"}, want: []string{`critical csr/refused jane: has the signerName "own"; expected DOMAIN/PATH`}},
		{name: "legacy in v1", object: requestObject{manifest: true, signer: "kubernetes.io/legacy-unknown"}, want: []string{
			"critical csr/refused jane: names the signer kubernetes.io/legacy-unknown, to which no object of certificates.k8s.io/v1 may be sent"}},
		{name: "a generated name", object: requestObject{manifest: true, generated: true}},
		{name: "a requestor by hand", object: requestObject{manifest: true, byHand: true, user: "kubernetes-admin", groups: masters}, want: []string{
			"info csr/requestor jane: sets spec.username, spec.groups, which the API server ignores: it fills in who hands the object in. Groups that the certificate is to have stand in the request itself, as organizations"}},
		{name: "a requestor by hand and no signer", object: requestObject{manifest: true, byHand: true, user: "kubernetes-admin", signer: "-"}, want: []string{
			"critical csr/refused jane: names no signer; certificates.k8s.io/v1 demands signerName",
			"info csr/requestor jane: sets spec.username, spec.groups, which the API server ignores: it fills in who hands the object in. Groups that the certificate is to have stand in the request itself, as organizations"}},
		{name: "no signer, and a time of creation", object: requestObject{signer: "-"}, want: []string{
			"critical csr/refused jane: names no signer; certificates.k8s.io/v1 demands signerName"}},
		{name: "without its time of creation", object: requestObject{manifest: true, byHand: true, user: "john", status: approved}, want: []string{
			"warning csr/not-issued jane: was approved on 2026-11-23 11:51 UTC and has no certificate; kube-controller-manager does not sign: it does not run, its --controllers leave the signer out, or it has no signing key",
			`warning csr/requestor jane: "john" asks for a certificate of "jane"; expected the user itself`}},
		{name: "altered", object: requestObject{request: altered(t)}, want: []string{
			"critical csr/signature jane: the signature was not made with the key of the request (x509: ECDSA verification failure)"}},
		{name: "weak", object: requestObject{spec: fixtures.RequestSpec{KeyAlgorithm: fixtures.RSA1024}}, want: []string{
			"warning csr/weak-key jane: the key is RSA-1024; expected RSA of 2048 bits or more, ECDSA or Ed25519"}},
		{name: "an unknown signer", object: requestObject{signer: "kubernetes.io/kube-apiserver-serving"}, want: []string{
			`warning csr/signer jane: names the signer "kubernetes.io/kube-apiserver-serving"; kube-controller-manager has kubernetes.io/kube-apiserver-client, kubernetes.io/kube-apiserver-client-kubelet, kubernetes.io/kubelet-serving or kubernetes.io/legacy-unknown`}},

		{name: "system:masters", object: requestObject{spec: fixtures.RequestSpec{Organizations: []string{"developers", "system:masters"}}}, want: []string{
			`critical csr/privileged jane: asks for the group "system:masters", which may do everything and of which no RBAC rule can take it back; the API server refuses it for kubernetes.io/kube-apiserver-client`}},
		{name: "system:masters behind many others", object: requestObject{spec: fixtures.RequestSpec{Organizations: append(slices.Repeat([]string{"x"}, 50), "system:masters")}}, want: []string{
			`critical csr/privileged jane: asks for the group "system:masters", which may do everything and of which no RBAC rule can take it back; the API server refuses it for kubernetes.io/kube-apiserver-client`}},
		{name: "groups of Kubernetes", object: requestObject{spec: fixtures.RequestSpec{Organizations: []string{"kubeadm:cluster-admins", "system:nodes", "system:monitoring"}}}, want: []string{
			`critical csr/privileged jane: asks for the group "kubeadm:cluster-admins", which kubeadm binds to cluster-admin`,
			`critical csr/privileged jane: asks for the group "system:monitoring"; groups in system: belong to Kubernetes`,
			`critical csr/privileged jane: asks for the group "system:nodes" of another signer than those of kubelets`}},
		{name: "a name of Kubernetes", object: requestObject{spec: fixtures.RequestSpec{CommonName: "system:kube-scheduler"}}, want: []string{
			`critical csr/privileged jane: asks for the user "system:kube-scheduler"; names in system: belong to Kubernetes`}},
		{name: "a node by the signer of users", object: requestObject{spec: fixtures.RequestSpec{CommonName: worker}}, want: []string{
			`critical csr/privileged jane: asks for the user "system:node:worker-1"; names in system: belong to Kubernetes`}},
		{name: "system:masters of another signer", object: requestObject{signer: "example.com/own", spec: fixtures.RequestSpec{Organizations: []string{"system:masters"}}}, want: []string{
			`warning csr/privileged jane: asks for the group "system:masters", which may do everything and of which no RBAC rule can take it back; the API server refuses it for kubernetes.io/kube-apiserver-client`}},
		{name: "a CA", object: requestObject{spec: fixtures.RequestSpec{IsCA: true}}, want: []string{
			"info csr/privileged jane: asks to become a CA, with which more certificates could be signed"}},
		{name: "a CA of another signer", object: requestObject{signer: "example.com/own", spec: fixtures.RequestSpec{IsCA: true}}, want: []string{
			"warning csr/privileged jane: asks to become a CA, with which more certificates could be signed"}},

		{name: "a group in OU", object: requestObject{spec: fixtures.RequestSpec{Units: []string{"IT", "system:masters"}}}, want: []string{
			`warning csr/organizational-unit jane: asks for OU="system:masters", and groups are read from O alone, which is empty; expected O="system:masters", if the group is to be had`}},
		{name: "a group in OU and in O", object: requestObject{signer: "example.com/own", spec: fixtures.RequestSpec{Organizations: []string{"team:blue"}, Units: []string{"team:blue"}}}},
		{name: "a kubelet's group in OU", object: kubeletRequest(requestObject{spec: fixtures.RequestSpec{Organizations: []string{}, Units: []string{"system:nodes"}}}), want: []string{
			`critical csr/subject csr-worker-1: has the organizations none; expected "system:nodes" alone; "system:nodes" in OU is no group, for groups are read from O alone`}},

		{name: "server auth", object: requestObject{usages: []string{"digital signature", "server auth"}}, want: []string{
			`critical csr/usages jane: lacks "client auth"; asks for "server auth"; kubernetes.io/kube-apiserver-client signs for "client auth", and at most "digital signature", "key encipherment" with it`}},
		{name: "a kubelet without digital signature", object: kubeletRequest(requestObject{usages: []string{"client auth"}}), want: []string{
			`critical csr/usages csr-worker-1: lacks "digital signature"; kubernetes.io/kube-apiserver-client-kubelet signs for "client auth", "digital signature", and at most "key encipherment" with it`}},
		{name: "no common name", object: requestObject{user: "jane", request: encoded(fixtures.Request(fixtures.RequestSpec{Organizations: []string{"x"}}))}, want: []string{
			"critical csr/subject jane: has no common name, from which the API server takes the user: with the certificate one is nobody",
			`warning csr/requestor jane: "jane" asks for a certificate of ""; expected the user itself`}},
		{name: "a kubelet of no node", object: kubeletRequest(requestObject{user: "worker-1", groups: masters, spec: fixtures.RequestSpec{CommonName: "worker-1", Organizations: []string{"system:nodes", "x"}}}), want: []string{
			`critical csr/subject csr-worker-1: has the common name "worker-1"; expected system:node:NAME; has the organizations "x", "system:nodes"; expected "system:nodes" alone`}},
		{name: "a kubelet's client with names", object: kubeletRequest(requestObject{spec: fixtures.RequestSpec{DNSNames: []string{"worker-1"}, URIs: []string{"spiffe://x"}}}), want: []string{
			`critical csr/names csr-worker-1: has alternative names ("worker-1", "spiffe://x"); expected none`}},
		{name: "a kubelet's server without names", object: servingRequest(requestObject{spec: fixtures.RequestSpec{DNSNames: []string{}}}), more: workerNode, want: []string{
			"critical csr/names csr-worker-1: has no DNS name and no IP address; expected at least one"}},
		{name: "a kubelet's server with an email address", object: servingRequest(requestObject{spec: fixtures.RequestSpec{DNSNames: []string{"worker-1"}, Emails: []string{"a@b.example"}}}), more: workerNode, want: []string{
			"critical csr/names csr-worker-1: has email addresses or URIs among its alternative names; expected DNS names and IP addresses only"}},

		{name: "another node", object: kubeletRequest(requestObject{user: "system:node:worker-2"}), want: []string{
			`critical csr/requestor csr-worker-1: "system:node:worker-2" asks for a certificate of "system:node:worker-1"; a node asks for itself alone`}},
		{name: "somebody else", object: requestObject{user: "john"}, want: []string{`warning csr/requestor jane: "john" asks for a certificate of "jane"; expected the user itself`}},
		{name: "an administrator", object: requestObject{user: "kubernetes-admin", groups: []string{`"kubeadm:cluster-admins"`}}, want: []string{
			`info csr/requestor jane: "kubernetes-admin" asks for a certificate of "jane", as an administrator may; expected the user itself`}},
		{name: "a bootstrapper asks to serve", object: servingRequest(requestObject{user: "system:bootstrap:abcdef", groups: []string{`"system:bootstrappers"`}}), more: workerNode, want: []string{
			`warning csr/requestor csr-worker-1: "system:bootstrap:abcdef" asks for a certificate of "system:node:worker-1"; expected the node itself`}},
		{name: "an address of another", object: servingRequest(requestObject{spec: fixtures.RequestSpec{DNSNames: []string{"WORKER-1", "kubernetes.default"}, IPs: []string{"::ffff:192.0.2.21", "192.0.2.1"}}}), more: workerNode, want: []string{
			`critical csr/addresses csr-worker-1: asks for "kubernetes.default", "192.0.2.1", which the Node worker-1 does not have; it has "192.0.2.21", "worker-1"`}},

		{name: "an address of its own without its Node", object: servingRequest(requestObject{spec: fixtures.RequestSpec{DNSNames: []string{"worker-1", "worker-1.example.org"}, IPs: []string{"192.0.2.21"}}})},
		{name: "a name of another without its Node", object: servingRequest(requestObject{spec: fixtures.RequestSpec{DNSNames: []string{"worker-1", "worker-2"}, IPs: []string{"192.0.2.21"}}}), want: []string{
			`warning csr/addresses csr-worker-1: asks for "worker-2", which is not the node's own by its form, or which is another node's too; without the Node worker-1 nobody can tell`}},
		{name: "an address of another whose Node there is", object: servingRequest(requestObject{spec: fixtures.RequestSpec{DNSNames: []string{"worker-1"}, IPs: []string{"192.0.2.22"}}}),
			more: strings.NewReplacer("worker-1", "worker-2", "192.0.2.21", "192.0.2.22").Replace(workerNode), want: []string{
				`warning csr/addresses csr-worker-1: asks for "192.0.2.22", which is not the node's own by its form, or which is another node's too; without the Node worker-1 nobody can tell`}},
		{name: "too short", object: requestObject{seconds: "60"}, want: []string{"warning csr/lifetime jane: asks for 1 minute; the API server takes no less than 600 seconds"}},
		{name: "too long", object: requestObject{seconds: "86400000"}, want: []string{"warning csr/lifetime jane: asks for 1000 days; expected at most 365 days"}},
		{name: "no number", object: requestObject{seconds: "soon"}, want: []string{
			"critical csr/refused jane: spec.expirationSeconds is no number of seconds that fits 32 bits"}},
		{name: "pending", object: requestObject{created: "2026-11-23T09:00:00Z"}, want: []string{
			"warning csr/pending jane: waits for 3 hours, since 2026-11-23 09:00 UTC; somebody has to approve it"}},
		{name: "pending for days", object: requestObject{signer: "example.com/own", created: "2026-11-20T09:00:00Z"}, want: []string{
			"warning csr/pending jane: waits for 3 days, since 2026-11-20 09:00 UTC; whoever runs the signer example.com/own is to approve it; pending requests are removed after 24 hours, so nothing cleans up"}},
		{name: "not issued", object: requestObject{status: approved}, want: []string{
			"warning csr/not-issued jane: was approved on 2026-11-23 11:51 UTC and has no certificate; kube-controller-manager does not sign: it does not run, its --controllers leave the signer out, or it has no signing key"}},
		{name: "not issued by another", object: requestObject{signer: "example.com/own", status: approved}, want: []string{
			`warning csr/not-issued jane: was approved on 2026-11-23 11:51 UTC and has no certificate; the signer "example.com/own" does not run, or does not sign`}},
		{name: "approved a moment ago", object: requestObject{status: strings.ReplaceAll(approved, "11:51", "11:59")}},
		{name: "denied", object: requestObject{status: `conditions: [{type: Denied, status: "True", reason: No, message: not today, lastUpdateTime: "2026-11-23T11:51:00Z"}]`}, want: []string{
			"info csr/denied jane: was denied on 2026-11-23 11:51 UTC: No: not today"}},
		{name: "failed", object: requestObject{status: `conditions: [{type: Approved, status: "True"}, {type: Failed, status: "True", reason: SignerValidationFailure}]`}, want: []string{
			"warning csr/failed jane: the signer refused it: SignerValidationFailure"}},

		{name: "issued without approval", object: requestObject{spec: janes, usages: allClient, status: issue(client)}, ca: true, want: []string{
			"critical csr/unapproved jane: has a certificate, and its conditions do not say that it was approved"}},
		{name: "issued for another key", object: requestObject{spec: janes, usages: allClient, status: with(func(s *fixtures.Spec) { s.KeyName = "john" })}, ca: true, want: []string{
			"critical csr/issued-other jane: the certificate has another key than the request: who asked cannot use it, and somebody else can"}},
		{name: "issued with another subject", object: requestObject{spec: janes, usages: allClient, status: with(func(s *fixtures.Spec) {
			s.CommonName, s.Organizations, s.DNSNames = "john", []string{"system:masters"}, []string{"x"}
		})}, ca: true, want: []string{
			`critical csr/issued-other jane: the certificate has the alternative names "x"; asked for: none`,
			`critical csr/issued-other jane: the certificate has the common name "john"; asked for: "jane"`,
			`critical csr/issued-other jane: the certificate has the organizations "system:masters"; asked for: none`}},
		{name: "issued by another CA", object: requestObject{spec: janes, usages: allClient, status: with(func(s *fixtures.Spec) { s.Signer = fixtures.EtcdCA })}, ca: true, want: []string{
			`critical csr/issued-by jane: the certificate was issued by "etcd-ca" and not signed by the CA of --ca`}},
		{name: "issued with other usages", object: requestObject{spec: janes, usages: allClient, status: with(func(s *fixtures.Spec) { s.Usages = append(s.Usages, x509.ExtKeyUsageServerAuth) })}, ca: true, want: []string{
			`warning csr/issued-terms jane: the certificate has the usages "digital signature", "key encipherment", "server auth", "client auth"; asked for: "digital signature", "key encipherment", "client auth"`}},
		{name: "issued for longer", object: requestObject{spec: janes, usages: allClient, seconds: "3600", status: with(func(s *fixtures.Spec) { s.NotAfter = fixtures.Now.Add(72 * time.Hour) })}, ca: true, want: []string{
			"warning csr/issued-terms jane: the certificate lasts 3 days; asked for: 60 minutes"}},
		{name: "issued as a CA", object: requestObject{spec: janes, usages: allClient, status: with(func(s *fixtures.Spec) { s.IsCA = true })}, ca: true, want: []string{
			"critical csr/issued-terms jane: the certificate is one of a CA: with it more can be signed"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			in := gatherText(t, test.object.yaml()+test.more)
			if test.ca {
				in.Authorities = parsers.ParseMaterial(parsers.Origin{}, issuingCluster.CertificatePEM(fixtures.CA)).Certificates
			}
			r := audit.RunRequests(in, nil, audit.Options{At: fixtures.Now})
			if diff := cmp.Diff(test.want, statements(r)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, f := range r.Findings {
				shown[f.Check] = true
				if f.Remedy == "" || f.Reference == "" || f.Line == 0 {
					t.Errorf("%s lacks a remedy, a reference or a line: %+v", f.Check, f)
				}
			}
		})
	}
}

// altered is a request whose subject was changed after it was signed.
func altered(t *testing.T) string {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(string(fixtures.Request(fixtures.RequestSpec{CommonName: "jame"}))), "\n")
	der, err := base64.StdEncoding.DecodeString(strings.Join(lines[1:len(lines)-1], ""))
	if err != nil {
		t.Fatal(err)
	}
	der = []byte(strings.Replace(string(der), "jame", "jane", 1))
	return encoded([]byte("-----BEGIN CERTIFICATE REQUEST-----\n" + encoded(der) + "\n-----END CERTIFICATE REQUEST-----\n"))
}

// What a real API server and its controller-manager made of requests.
func TestRequestsOfAnAPIServer(t *testing.T) {
	dir := t.TempDir()
	if err := fixtures.Kubeadm("v1.37.2").Write(dir); err != nil {
		t.Fatal(err)
	}
	node, err := inventory.GatherSigning(dir)
	if err != nil || node == nil {
		t.Fatalf("%v, %v", node, err)
	}
	for _, name := range []string{"csr-list.yaml", "csr-list.json"} {
		in := gatherText(t, string(fixtures.RequestFile(name)))
		in.Nodes = gatherText(t, string(fixtures.RequestFile("node.yaml"))).Nodes
		r := audit.RunRequests(in, node, audit.Options{At: fixtures.RequestTime})
		var got []string
		for _, q := range r.Requests {
			got = append(got, fmt.Sprintf("%s | %s | %s %v %v%v | %s %v", q.Name, q.Condition, q.CommonName, q.Organizations, q.DNSNames, q.IPAddresses, q.Verdict, q.Reasons))
		}
		want := []string{
			"jane | Approved,Issued | jane [developers] [][] | sound []",
			"sally | Approved,Failed | sally [] [][] | reject [csr/usages csr/failed]",
			"node02 | Approved,Issued | system:node:node02 [system:nodes] [][] | sound []",
			"node02-serving | Approved,Issued | system:node:node02 [system:nodes] [node02][10.0.0.42] | sound []",
			"custom | Denied | svc.default.svc [] [svc.default.svc][] | sound []",
			"node02-renew | Approved,Issued | system:node:node02 [system:nodes] [][] | sound []",
			"node02-serving-2 | Pending | system:node:node02 [system:nodes] [node02][10.0.0.42] | sound []",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if len(r.Certificates) != 4 || r.Certificates[0].SHA256 != r.Requests[0].SHA256 || r.Certificates[0].Field != "CertificateSigningRequest jane" || r.Certificates[0].Type != "Client" {
			t.Errorf("certificates: %+v", r.Certificates)
		}
		for _, f := range r.Findings {
			shown[f.Check] = true
		}
	}
}

func TestControllerManager(t *testing.T) {
	showing[t.Name()] = true
	const (
		manifest = "/etc/kubernetes/manifests/kube-controller-manager.yaml"
		pair     = "    - --cluster-signing-cert-file=/etc/kubernetes/pki/ca.crt\n    - --cluster-signing-key-file=/etc/kubernetes/pki/ca.key\n"
		list     = "--controllers=*,bootstrapsigner,tokencleaner"
	)
	wait := requestObject{status: approved}.yaml() + kubeletRequest(requestObject{created: "2026-11-23T09:00:00Z"}).yaml()
	tests := []struct {
		name, old, new, text string
		change               func(*fixtures.Cluster)
		policy               string
		want                 []string
	}{
		{name: "sound", text: requestObject{}.yaml()},
		{name: "none of the controllers", old: list, new: "--controllers=*,-csrsigning,-certificatesigningrequest-approving-controller,-csrcleaner", text: wait, want: []string{
			"critical csr/controllers --controllers: --controllers=*,-csrsigning,-certificatesigningrequest-approving-controller,-csrcleaner leaves out csrapproving: the requests of kubelets for client certificates wait for a hand; 1 of the requests here waits for that",
			"critical csr/controllers --controllers: --controllers=*,-csrsigning,-certificatesigningrequest-approving-controller,-csrcleaner leaves out csrsigning: no approved request gets a certificate; 1 of the requests here waits for that",
			"warning csr/not-issued jane: was approved on 2026-11-23 11:51 UTC and has no certificate; the signing controller is switched off by --controllers",
			"warning csr/pending csr-worker-1: waits for 3 hours, since 2026-11-23 09:00 UTC; kube-controller-manager approves it if the requestor may create certificatesigningrequests/nodeclient or /selfnodeclient; its controller is switched off by --controllers",
			"info csr/controllers --controllers: --controllers=*,-csrsigning,-certificatesigningrequest-approving-controller,-csrcleaner leaves out csrcleaner: no request is ever removed; 2 of the requests here wait for that"}},
		{name: "others alone", old: list, new: "--controllers=csrapproving,csrcleaner", text: requestObject{}.yaml(), want: []string{
			"warning csr/controllers --controllers: --controllers=csrapproving,csrcleaner leaves out csrsigning: no approved request gets a certificate"}},
		{name: "an external CA", old: pair, text: wait, want: []string{
			"warning csr/not-issued jane: was approved on 2026-11-23 11:51 UTC and has no certificate; kube-controller-manager has no files to sign with for kubernetes.io/kube-apiserver-client",
			"warning csr/pending csr-worker-1: waits for 3 hours, since 2026-11-23 09:00 UTC; kube-controller-manager approves it if the requestor may create certificatesigningrequests/nodeclient or /selfnodeclient",
			"warning csr/signing-files : has no files to sign with, as where the CA is kept elsewhere; nothing signs the requests to the signers of Kubernetes; 1 of the requests here waits for that"}},
		{name: "an external CA, and nobody waits", old: pair, text: requestObject{}.yaml(), want: []string{
			"info csr/signing-files : has no files to sign with, as where the CA is kept elsewhere; nothing signs the requests to the signers of Kubernetes"}},
		{name: "half a pair", old: pair, new: strings.SplitAfter(pair, "\n")[0], text: requestObject{}.yaml(), want: []string{
			"critical csr/signing-files --cluster-signing-cert-file: of --cluster-signing-cert-file and its -key-file only one is set; kube-controller-manager does not start"}},
		{name: "one signer beside all", old: pair, new: pair + "    - --cluster-signing-kubelet-serving-cert-file=/etc/kubernetes/pki/ca.crt\n    - --cluster-signing-kubelet-serving-key-file=/etc/kubernetes/pki/ca.key\n", text: requestObject{}.yaml(), want: []string{
			"critical csr/signing-files --cluster-signing-kubelet-serving-cert-file: --cluster-signing-kubelet-serving-cert-file is set beside --cluster-signing-cert-file, with which kube-controller-manager does not start; set the one or the other"}},
		{name: "one signer alone, of another CA", old: pair, new: "    - --cluster-signing-kubelet-serving-cert-file=/etc/kubernetes/pki/etcd/ca.crt\n    - --cluster-signing-kubelet-serving-key-file=/etc/kubernetes/pki/etcd/ca.key\n",
			text: servingRequest(requestObject{usages: []string{"digital signature", "key encipherment", "server auth"}, spec: fixtures.RequestSpec{KeyName: "w"}, status: approved + ", " + issue(fixtures.Spec{CommonName: worker, Organizations: []string{"system:nodes"}, DNSNames: []string{"worker-1"}, IPs: []string{"192.0.2.21"}, KeyName: "w", Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})}).yaml(), want: []string{
				`critical csr/issued-by csr-worker-1: the certificate was issued by "kubernetes" and not signed by the CA in /etc/kubernetes/pki/etcd/ca.crt`,
				"info csr/signing-files : has no files to sign with, as where the CA is kept elsewhere; nothing signs the requests to the signers of Kubernetes"}},
		{name: "another key", old: "pki/ca.key", new: "pki/front-proxy-ca.key", text: requestObject{}.yaml(), want: []string{
			"critical csr/signing-files --cluster-signing-cert-file: the key in /etc/kubernetes/pki/front-proxy-ca.key is not that of /etc/kubernetes/pki/ca.crt"}},
		{name: "no file", old: "cert-file=/etc/kubernetes/pki/ca.crt", new: "cert-file=/etc/kubernetes/pki/gone.crt", text: requestObject{}.yaml(), want: []string{
			"critical csr/signing-files --cluster-signing-cert-file: /etc/kubernetes/pki/gone.crt holds no certificate that could be read"}},
		{name: "a leaf", old: pair, new: strings.ReplaceAll(pair, "pki/ca.", "pki/apiserver."), text: requestObject{}.yaml(), want: []string{
			"critical csr/signing-files --cluster-signing-cert-file: /etc/kubernetes/pki/apiserver.crt is no certificate of a CA; nothing that it signs is accepted"}},
		{name: "for ten years", old: list, new: list + "\n    - --cluster-signing-duration=87600h0m0s", text: requestObject{}.yaml(), want: []string{
			"warning csr/signing-duration --cluster-signing-duration: signs for 3650 days; expected at most 365 days; 1 of the requests here asks for no shorter lifetime and stands for that",
			"info csr/signing-files --cluster-signing-cert-file: the CA in /etc/kubernetes/pki/ca.crt ends on 2036-10-21 12:00 UTC; what it signs now is cut to that instead of lasting 3650 days"}},
		{name: "for longer than the policy", text: requestObject{seconds: "864000"}.yaml(), policy: "requests: {lifetimeDays: 7}", want: []string{
			"warning csr/lifetime jane: asks for 10 days; expected at most 7 days",
			"warning csr/signing-duration : signs for 365 days; expected at most 7 days"}},
		{name: "asked for more than is given", old: list, new: list + "\n    - --cluster-signing-duration=24h", text: requestObject{seconds: "864000"}.yaml(), want: []string{
			"info csr/lifetime jane: asks for 10 days; kube-controller-manager cuts it to its --cluster-signing-duration, 1 day"}},
		{name: "no duration", old: list, new: list + "\n    - --cluster-signing-duration=1y", text: requestObject{}.yaml(), want: []string{
			`critical csr/signing-duration --cluster-signing-duration: "1y" is no duration to sign for; kube-controller-manager does not start, or signs nothing`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := fixtures.ControlPlane(fixtures.Options{})
			if test.old != "" {
				c.Node.Replace(manifest, test.old, test.new)
			}
			dir := t.TempDir()
			if err := c.Node.Write(dir); err != nil {
				t.Fatal(err)
			}
			node, err := inventory.GatherSigning(dir)
			if err != nil {
				t.Fatal(err)
			}
			o := audit.Options{At: fixtures.Now}
			if test.policy != "" {
				if o.Policy, err = audit.ParsePolicy("p", []byte(test.policy)); err != nil {
					t.Fatal(err)
				}
			}
			r := audit.RunRequests(gatherText(t, test.text), node, o)
			got := statements(r)
			for i, s := range got {
				got[i] = strings.Replace(s, " kube-controller-manager --", " --", 1)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, f := range r.Findings {
				shown[f.Check] = true
				if f.Remedy == "" || f.Reference == "" {
					t.Errorf("%s lacks a remedy or a reference", f.Check)
				}
			}
		})
	}
}

// Every check of requests has found something in the tests above.
func TestEveryRequestCheckIsShown(t *testing.T) {
	if !showing["TestRequests"] || !showing["TestControllerManager"] {
		t.Skip("TestRequests and TestControllerManager were not run")
	}
	for _, c := range audit.Checks() {
		if strings.HasPrefix(c.ID, "csr/") && !shown[c.ID] {
			t.Errorf("nothing showed %s", c.ID)
		}
	}
}

func TestRequestPolicy(t *testing.T) {
	text := requestObject{user: "john", created: "2026-11-23T09:00:00Z"}.yaml()
	const requestor = `warning csr/requestor jane: "john" asks for a certificate of "jane"; expected the user itself`
	const pending = "warning csr/pending jane: waits for 3 hours, since 2026-11-23 09:00 UTC; somebody has to approve it"
	tests := []struct {
		name, policy, verdict string
		want                  []string
	}{
		{"none", "", "doubtful [csr/pending csr/requestor]", []string{pending, requestor}},
		{"may wait", "requests: {pendingHours: 4}", "doubtful [csr/requestor]", []string{requestor}},
		{"worse", "checks: {csr/requestor: critical, csr/pending: off}", "reject [csr/requestor]", []string{strings.Replace(requestor, "warning", "critical", 1)}},
		{"waived", "waivers:\n- {check: csr/requestor, path: \"-\", node: \"*\", reason: r, until: 2026-12-31}\n- {check: validity/expired, path: \"*\", node: \"*\", reason: r, until: 2026-12-31}",
			"doubtful [csr/pending]", []string{pending, requestor}},
		{"waived for nothing", "checks: {csr/pending: off, csr/requestor: off}\nwaivers:\n- {check: csr/failed, path: \"-\", node: \"*\", reason: r, until: 2026-12-31}",
			"sound []", []string{"info policy/waiver-unused waivers: the waiver of csr/failed for - matches nothing: what it waived is fixed, or it never matched"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			policy, err := audit.ParsePolicy("p", []byte(test.policy))
			if err != nil {
				t.Fatal(err)
			}
			r := audit.RunRequests(gatherText(t, text), nil, audit.Options{At: fixtures.Now, Policy: policy})
			if diff := cmp.Diff(test.want, statements(r)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got := fmt.Sprint(r.Requests[0].Verdict, " ", r.Requests[0].Reasons); got != test.verdict {
				t.Errorf("verdict %s, want %s", got, test.verdict)
			}
		})
	}
	_, err := audit.ParsePolicy("p", []byte("requests: {lifetimeDays: 0}"))
	if want := "p:1: 0 is not between 1 and 36500"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestGatherRequests(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, data string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("a/jane.yaml", requestObject{manifest: true}.yaml())
	write("a/b/jane.csr", string(fixtures.RequestFile("openssl/jane.csr")))
	write("a/b/node.yaml", workerNode)
	write("a/b/secret.yaml", "apiVersion: v1\nkind: Secret\n")
	write("a/b/broken.yaml", "kind: CertificateSigningRequest\n\t x")
	write("a/binary", "\x00\xff\x01")
	write("other.yaml", "apiVersion: v1\nkind: Secret\n")
	t.Chdir(dir)
	in, err := inventory.GatherRequests(workingFolder(t), []string{"a", "other.yaml"}, strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, q := range in.Requests {
		got = append(got, "request "+q.Origin.Path)
	}
	for _, n := range in.Nodes {
		got = append(got, "node "+n.Origin.Path)
	}
	for _, p := range in.Input.Problems {
		got = append(got, fmt.Sprintf("problem %s: %s", p.Origin.Path, p.Detail))
	}
	want := []string{"request a/b/jane.csr", "request a/jane.yaml", "node a/b/node.yaml",
		"problem a/b/broken.yaml: is neither YAML nor JSON: found a tab character that violates indentation; line 2 begins with a tab; YAML wants spaces",
		"problem other.yaml: holds no certificate signing request among its 1 objects"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := inventory.GatherRequests(workingFolder(t), []string{"gone"}, nil); err == nil || !strings.Contains(err.Error(), `"gone" does not exist`) {
		t.Errorf("error %v", err)
	}
}

// Two runs over the same requests give the same result, and each request of a
// file is told apart, whatever it is called.
func TestRequestsAreToldApart(t *testing.T) {
	text := requestObject{request: "<a>"}.yaml() + requestObject{request: "<b>"}.yaml()
	r := audit.RunRequests(gatherText(t, text), nil, audit.Options{At: fixtures.Now})
	want := []string{
		`critical csr/undecodable jane: spec.request is the placeholder "<a>"`,
		`critical csr/undecodable jane #2: spec.request is the placeholder "<b>"`}
	if diff := cmp.Diff(want, statements(r)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(r, audit.RunRequests(gatherText(t, text), nil, audit.Options{At: fixtures.Now})); diff != "" {
		t.Errorf("another run:\n%s", diff)
	}
}

// Whatever comes in, judging it ends, every request gets a verdict, and no
// check fails of itself.
func FuzzRequests(f *testing.F) {
	for _, o := range []requestObject{{}, {manifest: true, seconds: "60"}, kubeletRequest(requestObject{}), servingRequest(requestObject{status: approved})} {
		f.Add([]byte(o.yaml() + workerNode))
	}
	f.Add(fixtures.RequestFile("openssl/admin.csr"))
	f.Fuzz(func(t *testing.T, data []byte) {
		in, err := inventory.GatherRequests(workingFolder(t), []string{"-"}, bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		r := audit.RunRequests(in, nil, audit.Options{At: fixtures.Now})
		for _, q := range r.Requests {
			if (q.Verdict == audit.VerdictSound) != (len(q.Reasons) == 0) {
				t.Errorf("verdict %q with the reasons %q", q.Verdict, q.Reasons)
			}
		}
		for _, o := range r.Outcomes {
			if strings.Contains(o.Reason, "the check failed") {
				t.Errorf("%s: %s", o.Check, o.Reason)
			}
		}
	})
}
