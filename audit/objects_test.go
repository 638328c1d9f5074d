package audit_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"certaudit/audit/inventory"

	"certaudit/audit"
	"certaudit/fixtures"

	"github.com/google/go-cmp/cmp"
)

// auditObjects judges objects alone.
func auditObjects(t *testing.T, text string) audit.Result {
	t.Helper()
	inv, err := inventory.GatherObjects("-", strings.NewReader(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now})
}

// told writes findings with all that a reader needs to find the place.
func toldObjects(r audit.Result) []string {
	var out []string
	for _, f := range r.Findings {
		if f.Check != "kubelet/serving-self-signed" {
			out = append(out, fmt.Sprintf("%s %s %s:%d %s %s: %s", f.Severity, f.Check, f.Path, f.Line, f.Component, f.Field, f.Message))
		}
	}
	return out
}

// maker makes certificates for objects.
type maker struct{ c *fixtures.Cluster }

func newMaker() maker {
	c := fixtures.ControlPlane(fixtures.Options{Version: "v1.34.4"})
	c.NewCA("web-ca", fixtures.Spec{CommonName: "web-ca"})
	c.NewCA("other-ca", fixtures.Spec{CommonName: "other-ca"})
	c.NewCA("web-sub", fixtures.Spec{CommonName: "web-sub", Signer: "web-ca"})
	c.NewCA("old", fixtures.Spec{CommonName: "kubernetes"})
	return maker{c}
}

// leaf returns a serving certificate and its key.
func (m maker) leaf(name, signer string, dns ...string) (cert, key string) {
	m.c.Issue("/x/"+name, fixtures.Spec{CommonName: name, Signer: signer, DNSNames: dns, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	return string(m.c.Node["/x/"+name+".crt"].Data), string(m.c.Node["/x/"+name+".key"].Data)
}

func (m maker) ca(name string) string { return string(m.c.CertificatePEM(name)) }

func b64(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// secret is a Secret in one line of JSON; fields are key and value in turn.
func secretObject(name, kind string, fields ...string) string {
	var data []string
	for i := 0; i < len(fields); i += 2 {
		data = append(data, fmt.Sprintf("%q: %q", fields[i], b64(fields[i+1])))
	}
	return fmt.Sprintf(`{"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": "prod", "name": %q}, "type": %q, "data": {%s}}`, name, kind, strings.Join(data, ", "))
}

const tlsType = "kubernetes.io/tls"

func webhookObject(bundle, extra string) string {
	return fmt.Sprintf(`{"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": "guard"},
"webhooks": [{"name": "guard.example.org", "clientConfig": {"caBundle": %q, "service": {"name": "guard", "namespace": "prod"}}%s}]}`, b64(bundle), extra)
}

func configMap(namespace, name, key, value string) string {
	return fmt.Sprintf(`{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": %q, "name": %q}, "data": {%q: %q}}`, namespace, name, key, value)
}

func TestObjects(t *testing.T) {
	m := newMaker()
	cert, key := m.leaf("guard", "web-ca", "guard.prod.svc")
	m.c.Issue("/x/guard-client", fixtures.Spec{CommonName: "guard-client", Signer: "web-ca", DNSNames: []string{"guard.prod.svc"}, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	client, clientKey := string(m.c.Node["/x/guard-client.crt"].Data), string(m.c.Node["/x/guard-client.key"].Data)
	wrongName, wrongKey := m.leaf("guard-old", "web-ca", "guard.dev.svc")
	deep, deepKey := m.leaf("deep", "web-sub", "deep.prod.svc")
	webCA, otherCA, webSub, k8s, old := m.ca("web-ca"), m.ca("other-ca"), m.ca("web-sub"), m.ca(fixtures.CA), m.ca("old")
	sound := secretObject("guard-tls", tlsType, "tls.crt", cert, "tls.key", key, "ca.crt", webCA)
	for _, tt := range []struct {
		name    string
		objects []string
		want    []string
	}{
		{"sound", []string{sound, webhookObject(webCA, "")}, nil},
		{"key of another certificate", []string{secretObject("a", tlsType, "tls.crt", cert, "tls.key", deepKey, "ca.crt", webCA)},
			[]string{`critical keys/mismatch -:1 Secret prod/a data["tls.crt"]: the private key of Secret prod/a data["tls.key"] is not that of this certificate; expected a pair`}},
		{"keys of other names", []string{secretObject("a", "Opaque", "server.crt", cert, "server.key", deepKey, "ca.crt", webCA)},
			[]string{`critical keys/mismatch -:1 Secret prod/a data["server.crt"]: the private key of Secret prod/a data["server.key"] is not that of this certificate; expected a pair`}},
		{"bundle of another CA", []string{sound, webhookObject(otherCA, "")},
			[]string{`critical objects/ca-bundle -:3 ValidatingWebhookConfiguration guard webhooks[0].clientConfig.caBundle: the caBundle of webhook "guard.example.org" (service prod/guard) holds "other-ca", which does not verify the certificate in Secret prod/guard-tls for guard.prod.svc: it is issued by "web-ca"; expected its CA`}},
		{"bundle of another CA, and nobody cares", []string{sound, webhookObject(otherCA, `, "failurePolicy": "Ignore"`)},
			[]string{`warning objects/ca-bundle -:3 ValidatingWebhookConfiguration guard webhooks[0].clientConfig.caBundle: the caBundle of webhook "guard.example.org" (service prod/guard) holds "other-ca", which does not verify the certificate in Secret prod/guard-tls for guard.prod.svc: it is issued by "web-ca"; expected its CA`}},
		{"API service", []string{sound, fmt.Sprintf(`{"kind": "APIService", "metadata": {"name": "v1.example.org"}, "spec": {"caBundle": %q, "service": {"name": "guard", "namespace": "prod"}}}`, b64(otherCA))},
			[]string{`critical objects/ca-bundle -:2 APIService v1.example.org spec.caBundle: the caBundle of service prod/guard holds "other-ca", which does not verify the certificate in Secret prod/guard-tls for guard.prod.svc: it is issued by "web-ca"; expected its CA`}},
		{"API service that is not verified", []string{sound, fmt.Sprintf(`{"kind": "APIService", "metadata": {"name": "v1.example.org"}, "spec": {"insecureSkipTLSVerify": true, "caBundle": %q, "service": {"name": "guard", "namespace": "prod"}}}`, b64(otherCA))}, nil},
		{"conversion", []string{sound, fmt.Sprintf(`{"kind": "CustomResourceDefinition", "metadata": {"name": "widgets.example.org"}, "spec": {"conversion": {"webhook": {"clientConfig": {"caBundle": %q, "service": {"name": "guard", "namespace": "prod"}}}}}}`, b64(otherCA))},
			[]string{`critical objects/ca-bundle -:2 CustomResourceDefinition widgets.example.org spec.conversion.webhook.clientConfig.caBundle: the caBundle of service prod/guard holds "other-ca", which does not verify the certificate in Secret prod/guard-tls for guard.prod.svc: it is issued by "web-ca"; expected its CA`}},
		{"certificate for another namespace", []string{secretObject("guard-tls", tlsType, "tls.crt", wrongName, "tls.key", wrongKey, "ca.crt", webCA), webhookObject(webCA, "")},
			[]string{`warning objects/service-name -:1 Secret prod/guard-tls data["tls.crt"]: the certificate for the webhook "guard.example.org" (service prod/guard) of ValidatingWebhookConfiguration guard is valid for "guard.dev.svc"; expected "guard.prod.svc", as the API server calls the service`}},
		{"certificate for another namespace, as cert-manager says", []string{secretObject("serving", tlsType, "tls.crt", wrongName, "tls.key", wrongKey, "ca.crt", webCA),
			strings.Replace(webhookObject(webCA, ""), `"name": "guard"}`, `"name": "guard", "annotations": {"cert-manager.io/inject-ca-from-secret": "prod/serving"}}`, 1)},
			[]string{`critical objects/service-name -:1 Secret prod/serving data["tls.crt"]: the certificate for the webhook "guard.example.org" (service prod/guard) of ValidatingWebhookConfiguration guard is valid for "guard.dev.svc"; expected "guard.prod.svc", as the API server calls the service`}},
		{"a client's certificate", []string{secretObject("guard-tls", tlsType, "tls.crt", client, "tls.key", clientKey, "ca.crt", webCA), webhookObject(webCA, "")},
			[]string{`critical usage/extended-key-usage -:1 Secret prod/guard-tls data["tls.crt"]: the extended key usages are "client auth", and the certificate is that of the webhook "guard.example.org" (service prod/guard) of ValidatingWebhookConfiguration guard; expected "server auth" among them`}},
		{"a client's certificate, and nobody cares", []string{secretObject("guard-tls", tlsType, "tls.crt", client, "tls.key", clientKey, "ca.crt", webCA), webhookObject(webCA, `, "failurePolicy": "Ignore"`)},
			[]string{`warning usage/extended-key-usage -:1 Secret prod/guard-tls data["tls.crt"]: the extended key usages are "client auth", and the certificate is that of the webhook "guard.example.org" (service prod/guard) of ValidatingWebhookConfiguration guard; expected "server auth" among them`}},
		{"a client's certificate beside the server's", []string{secretObject("guard-client", tlsType, "tls.crt", client, "tls.key", clientKey, "ca.crt", webCA), sound, webhookObject(webCA, "")}, nil},
		{"a client's certificate of another service", []string{secretObject("guard-tls", tlsType, "tls.crt", client, "tls.key", clientKey, "ca.crt", webCA), strings.ReplaceAll(webhookObject(webCA, ""), `"guard", "namespace"`, `"other", "namespace"`)}, nil},
		{"whole chain", []string{secretObject("a", tlsType, "tls.crt", deep+webSub, "tls.key", deepKey, "ca.crt", webCA)}, nil},
		{"intermediate in ca.crt alone", []string{secretObject("a", tlsType, "tls.crt", deep, "tls.key", deepKey, "ca.crt", webSub+webCA)},
			[]string{`warning objects/chain -:1 Secret prod/a data["tls.crt"]: the intermediate "web-sub" stands in ca.crt alone, so that the server does not send it; expected it in tls.crt`}},
		{"intermediate elsewhere", []string{secretObject("a", tlsType, "tls.crt", deep, "tls.key", deepKey), configMap("prod", "trust", "ca.crt", webSub)},
			[]string{`warning objects/chain -:1 Secret prod/a data["tls.crt"]: the intermediate "web-sub" signed it and is not in tls.crt, so that the server does not send it; it stands in -`}},
		{"issuer nowhere", []string{secretObject("a", tlsType, "tls.crt", cert, "tls.key", key)},
			[]string{`info objects/chain -:1 Secret prod/a data["tls.crt"]: is issued by "web-ca", which is neither in tls.crt nor in ca.crt nor anywhere in view; whoever verifies it must have that certificate`}},
		{"chain out of order", []string{secretObject("a", tlsType, "tls.crt", deep+webCA+webSub, "tls.key", deepKey)},
			[]string{`warning objects/chain -:1 Secret prod/a data["tls.crt"]: certificate 2 of 3, "web-ca", did not sign the one in front of it, which "web-sub" issued; expected each to be followed by its issuer`}},
		{"ca.crt of another CA", []string{secretObject("a", tlsType, "tls.crt", cert, "tls.key", key, "ca.crt", otherCA)},
			[]string{`warning objects/chain -:1 Secret prod/a data["tls.crt"]: ca.crt holds "other-ca", which did not sign the certificate that "web-ca" issued; expected its CA`}},
		{"placeholder", []string{secretObject("a", tlsType)}, []string{
			`warning objects/incomplete -:1 Secret prod/a : is of type kubernetes.io/tls and has nothing under "tls.crt"; expected a certificate and its key`,
			`warning objects/incomplete -:1 Secret prod/a : is of type kubernetes.io/tls and has nothing under "tls.key"; expected a certificate and its key`}},
		{"key in a ConfigMap", []string{configMap("prod", "files", "server.key", key)},
			[]string{`critical objects/key-exposed -:1 ConfigMap prod/files data["server.key"]: a private key stands in a ConfigMap, which many may read and nothing encrypts; expected a Secret`}},
		{"copies that are equal", []string{configMap("a", "kube-root-ca.crt", "ca.crt", k8s), configMap("b", "kube-root-ca.crt", "ca.crt", k8s)}, nil},
		{"copy that differs", []string{configMap("a", "kube-root-ca.crt", "ca.crt", k8s), configMap("b", "kube-root-ca.crt", "ca.crt", k8s+old)},
			[]string{fmt.Sprintf("info objects/drift -:2 ConfigMap b/kube-root-ca.crt data[\"ca.crt\"]: holds \"kubernetes\" (serial %s), which is no longer in -:1", serialOf(t, old))}},
		{"no base64", []string{`{"kind": "Secret", "metadata": {"name": "a", "namespace": "prod"}, "data": {"tls.crt": "<base64>"}}`},
			[]string{`warning input/undecodable -:1 Secret prod/a data["tls.crt"]: is not base64: illegal base64 data at input byte 0`}},
		{"empty caBundle", []string{webhookObject("\n", "")},
			[]string{`critical files/malformed -:2 ValidatingWebhookConfiguration guard webhooks[0].clientConfig.caBundle: holds nothing`}},
		{"kubelet-config", []string{configMap("kube-system", "kubelet-config", "kubelet", "kind: KubeletConfiguration\nrotateCertificates: false\n")}, []string{
			"warning objects/config -:1 ConfigMap kube-system/kubelet-config : names no authentication.x509.clientCAFile: the kubelets that join accept no client certificate, and the API server has no other credential for them",
			"warning objects/config -:1 ConfigMap kube-system/kubelet-config data.kubelet: rotateCertificates: switches the rotation of client certificates off for every node that joins: each drops out after a year; expected rotateCertificates: true"}},
		{"cert-manager", []string{sound, `{"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"name": "guard", "namespace": "prod"},
"spec": {"secretName": "guard-tls", "commonName": "guard", "dnsNames": ["guard.prod.svc", "guard.prod"], "ipAddresses": ["192.0.2.1"]},
"status": {"renewalTime": "2026-11-20T12:00:00Z", "conditions": [{"type": "Ready", "status": "False", "reason": "Failed", "message": "no issuer"}]}}`}, []string{
			`warning objects/cert-manager -:1 Certificate prod/guard data["tls.crt"]: asks for "guard.prod", "192.0.2.1", and the certificate in Secret prod/guard-tls is without`,
			"warning objects/cert-manager -:2 Certificate prod/guard : should have been renewed on 2026-11-20 12:00 UTC, 3 days ago",
			"warning objects/cert-manager -:4 Certificate prod/guard status.conditions[0].type: is not ready (Failed): no issuer"}},
		{"pod certificate", []string{fmt.Sprintf(`{"apiVersion": "certificates.k8s.io/v1beta1", "kind": "PodCertificateRequest", "metadata": {"name": "p", "namespace": "prod"},
"spec": {"maxExpirationSeconds": 86400, "pkixPublicKey": "AAAA"}, "status": {"certificateChain": %q, "conditions": [{"type": "Failed", "status": "True", "reason": "Down", "message": "no signer"}]}}`, cert)}, []string{
			"critical objects/pod-certificate -:2 PodCertificateRequest prod/p status.certificateChain: the certificate was issued for another key than the request's; the pod cannot use it",
			"warning objects/pod-certificate -:2 PodCertificateRequest prod/p status.certificateChain: the certificate is valid for 365 days; the request allows 86400 seconds",
			"warning objects/pod-certificate -:2 PodCertificateRequest prod/p status.conditions[0].type: was failed (Down): no signer"}},
		{"trust bundle", []string{fmt.Sprintf(`{"kind": "ClusterTrustBundle", "metadata": {"name": "example.org:web:1"}, "spec": {"signerName": "example.org/web", "trustBundle": %q}}`, webCA)}, nil},
		{"trust bundle of the cluster", []string{configMap("a", "kube-root-ca.crt", "ca.crt", k8s), fmt.Sprintf(`{"kind": "ClusterTrustBundle", "metadata": {"name": "kubernetes.io:kube-apiserver-serving:1"}, "spec": {"trustBundle": %q}}`, webCA)},
			[]string{fmt.Sprintf("critical objects/drift -:2 ClusterTrustBundle kubernetes.io:kube-apiserver-serving:1 spec.trustBundle: holds \"web-ca\" (serial %s) and not the CA of -:1, \"kubernetes\" (serial %s): who verifies with this copy refuses what that CA signed", serialOf(t, webCA), serialOf(t, k8s))}},
		{"request", []string{`{"kind": "CertificateSigningRequest", "metadata": {"name": "jane"}, "spec": {"request": "` + b64("-----BEGIN CERTIFICATE REQUEST-----") + `"}}`},
			[]string{"info input/unsupported -:1 CertificateSigningRequest jane : is a request for a certificate; certaudit csr judges it"}},
		{"one bad object among others", []string{sound, `{"kind": "Secret" "data": {}}`, webhookObject(otherCA, `, "failurePolicy": "Ignore"`)}, []string{
			`warning input/undecodable -:2 file : is neither YAML nor JSON: did not find expected ',' or '}'`,
			`warning objects/ca-bundle -:4 ValidatingWebhookConfiguration guard webhooks[0].clientConfig.caBundle: the caBundle of webhook "guard.example.org" (service prod/guard) holds "other-ca", which does not verify the certificate in Secret prod/guard-tls for guard.prod.svc: it is issued by "web-ca"; expected its CA`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, toldObjects(auditObjects(t, "["+strings.Join(tt.objects, ",\n")+"]"))); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func serialOf(t *testing.T, text string) string {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c.SerialNumber.Text(16)
}

// The copies of the CA are held against the node's own, and what kubeadm keeps in
// the cluster against its certificates.
func TestObjectsBesideANode(t *testing.T) {
	m := newMaker()
	k8s, front, old := m.ca(fixtures.CA), m.ca(fixtures.FrontProxyCA), m.ca("old")
	dir := t.TempDir()
	if err := m.c.Node.Write(dir); err != nil {
		t.Fatal(err)
	}
	authentication := fmt.Sprintf(`{"kind": "ConfigMap", "metadata": {"namespace": "kube-system", "name": "extension-apiserver-authentication"}, "data": {"client-ca-file": %q, "requestheader-client-ca-file": %q}}`, k8s, front)
	clusterInfo := func(ca string) string {
		return configMap("kube-public", "cluster-info", "kubeconfig", "apiVersion: v1\nkind: Config\nclusters:\n- name: \"\"\n  cluster: {server: \"https://192.0.2.11:6443\", certificate-authority-data: "+b64(ca)+"}\n")
	}
	lost := fmt.Sprintf(`holds "kubernetes" (serial %s) and not the CA of /etc/kubernetes/pki/ca.crt, "kubernetes" (serial %s): who verifies with this copy refuses what that CA signed`, serialOf(t, old), serialOf(t, k8s))
	for _, tt := range []struct {
		name    string
		objects []string
		want    []string
	}{
		{"all as on the node", []string{authentication, clusterInfo(k8s), configMap("a", "kube-root-ca.crt", "ca.crt", k8s)}, nil},
		{"another CA", []string{clusterInfo(old), configMap("a", "kube-root-ca.crt", "ca.crt", old)}, []string{
			"critical objects/drift -:1 ConfigMap kube-public/cluster-info data.kubeconfig: clusters[0].cluster.certificate-authority-data: " + lost,
			`critical objects/drift -:2 ConfigMap a/kube-root-ca.crt data["ca.crt"]: ` + lost}},
		{"webhook with an old CA of the cluster", []string{webhookObject(old, "")}, []string{
			`warning objects/drift -:2 ValidatingWebhookConfiguration guard webhooks[0].clientConfig.caBundle: holds a CA called "kubernetes", as the one of /etc/kubernetes/pki/ca.crt is, with another key: it is that of another cluster or of before a rotation`}},
		{"a name that kubeadm asks for", []string{configMap("kube-system", "kubeadm-config", "ClusterConfiguration", "kind: ClusterConfiguration\ncontrolPlaneEndpoint: lb.example.org:6443\napiServer: {certSANs: [lb.example.org, 192.0.2.11, 192.0.2.99]}\n")}, []string{
			`warning objects/config -:1 ConfigMap kube-system/kubeadm-config : asks for "lb.example.org", "192.0.2.99" in the API server's certificate, and /etc/kubernetes/pki/apiserver.crt is without`}},
		{"kubelet-config with a boolean in quotes", []string{configMap("kube-system", "kubelet-config", "kubelet", "kind: KubeletConfiguration\nauthentication: {x509: {clientCAFile: "+pki+"/ca.crt}}\nrotateCertificates: \"true\"\nserverTLSBootstrap: yes\n")}, []string{
			`warning objects/config -:1 ConfigMap kube-system/kubelet-config data.kubelet: rotateCertificates: is "true", and the kubelet expects true or false without quotes: those that join do not start`}},
		{"another client CA for the kubelets", []string{configMap("kube-system", "kubelet-config", "kubelet", "kind: KubeletConfiguration\nauthentication: {x509: {clientCAFile: /etc/ca.crt}}\n")}, []string{
			"warning objects/config -:1 ConfigMap kube-system/kubelet-config data.kubelet: authentication.x509.clientCAFile: names /etc/ca.crt as clientCAFile; the kubelet of this node takes /etc/kubernetes/pki/ca.crt"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inv, err := inventory.Gather(dir)
			if err != nil {
				t.Fatal(err)
			}
			more, err := inventory.GatherObjects("-", strings.NewReader(strings.Join(tt.objects, "\n")), nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := inv.Join(more); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, toldObjects(audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now}))); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestJoinRefusesOneFileTwice(t *testing.T) {
	read := func() *inventory.Inventory {
		inv, err := inventory.GatherObjects("-", strings.NewReader("kind: Secret\n"), nil)
		if err != nil {
			t.Fatal(err)
		}
		return inv
	}
	err := read().Join(read())
	if want := `"-" is a file of the node and one of the given paths too; give the path relative to another folder`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// What a real API server printed is sound, and every certificate of it is found.
func TestRealObjects(t *testing.T) {
	webhooks := append(append(fixtures.Objects("webhooks.yaml"), "\n---\n"...), fixtures.Objects("secrets.yaml")...)
	for _, tt := range []struct {
		name string
		text []byte
		want []string
	}{
		{"configmaps.json", fixtures.Objects("configmaps.json"), []string{
			"ConfigMap default/kube-root-ca.crt kubernetes", "ConfigMap kube-system/extension-apiserver-authentication front-proxy-ca"}},
		{"webhooks and secrets", webhooks, []string{
			"ValidatingWebhookConfiguration policy webhook-ca", "APIService v1beta1.metrics.example.com webhook-ca",
			"Secret default/policy-tls policy.default.svc", "Secret default/policy-tls webhook-ca"}},
	} {
		r := auditObjects(t, string(tt.text))
		var got []string
		for _, c := range r.Certificates {
			got = append(got, c.Component+" "+c.CommonName)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: certificates (-want +got):\n%s", tt.name, diff)
		}
		if diff := cmp.Diff([]string(nil), toldObjects(r)); diff != "" {
			t.Errorf("%s: findings (-want +got):\n%s", tt.name, diff)
		}
	}
}

// PEM on the standard input is as good as objects.
func TestGatherObjectsMaterial(t *testing.T) {
	m := newMaker()
	r := auditObjects(t, m.ca("web-ca"))
	if len(r.Certificates) != 1 || r.Certificates[0].CommonName != "web-ca" || len(r.Findings) != 0 {
		t.Errorf("certificates %+v, findings %v", r.Certificates, toldObjects(r))
	}
	broken := errors.New("broken pipe")
	for _, text := range []string{"", "-----BEGIN ", "[{"} {
		if _, err := inventory.GatherObjects("-", io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)), nil); !errors.Is(err, broken) {
			t.Errorf("%q: error %v, want %v", text, err, broken)
		}
	}
}

// No byte of a private key is in what is gathered.
func TestObjectsKeepNoKey(t *testing.T) {
	m := newMaker()
	cert, key := m.leaf("guard", "web-ca", "guard.prod.svc")
	inv, err := inventory.GatherObjects("-", strings.NewReader(secretObject("a", tlsType, "tls.crt", cert, "tls.key", key)+configMap("a", "b", "c", key)), nil)
	if err != nil {
		t.Fatal(err)
	}
	body := strings.Split(key, "\n")[1]
	if shown := fmt.Sprintf("%+v", *inv); strings.Contains(shown, body) || strings.Contains(shown, b64(key)[40:80]) {
		t.Error("the inventory holds the key")
	}
}

func FuzzGatherObjects(f *testing.F) {
	m := newMaker()
	cert, key := m.leaf("guard", "web-ca", "guard.prod.svc")
	f.Add([]byte(secretObject("a", tlsType, "tls.crt", cert, "tls.key", key)))
	f.Add([]byte(webhookObject(cert, "")))
	f.Add([]byte(configMap("kube-system", "kubeadm-config", "ClusterConfiguration", "apiServer: {certSANs: [a]}")))
	f.Add([]byte(configMap("kube-public", "cluster-info", "kubeconfig", "clusters: [{name: a, cluster: {certificate-authority-data: AAAA}}]")))
	f.Fuzz(func(t *testing.T, data []byte) {
		inv, err := inventory.GatherObjects("-", bytes.NewReader(data), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now}).Outcomes {
			if strings.Contains(o.Reason, "the check failed") {
				t.Errorf("%s: %s", o.Check, o.Reason)
			}
		}
	})
}

// secretList is a List of n Secrets as kubectl prints it, made while it is read.
type secretList struct {
	t       testing.TB
	n, next int
	pending []byte
	object  func(i int) []byte
}

func (l *secretList) Read(p []byte) (int, error) {
	for len(l.pending) == 0 {
		switch {
		case l.next == 0:
			l.pending = []byte("{\n    \"apiVersion\": \"v1\",\n    \"items\": [\n")
		case l.next <= l.n:
			l.pending = l.object(l.next - 1)
			if l.next < l.n {
				l.pending = append(l.pending, ",\n"...)
			}
		case l.next == l.n+1:
			l.pending = []byte("\n    ],\n    \"kind\": \"List\",\n    \"metadata\": {\"resourceVersion\": \"\"}\n}\n")
		default:
			return 0, io.EOF
		}
		l.next++
	}
	n := copy(p, l.pending)
	l.pending = l.pending[n:]
	return n, nil
}

// heap is what is in use after a collection.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// manyLeaves returns certificates, a different one for each number, of one key.
func manyLeaves(t testing.TB) (leaf func(i int) string, keyPEM string) {
	t.Helper()
	secretKey := bytes.Repeat([]byte{7}, 32)
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), secretKey)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return func(i int) string {
		template := &x509.Certificate{SerialNumber: big.NewInt(int64(i + 1)), Subject: pkix.Name{CommonName: fmt.Sprint("web-", i)}, DNSNames: []string{fmt.Sprintf("web-%d.example.org", i)},
			NotBefore: fixtures.Now.Add(-time.Hour), NotAfter: fixtures.Now.Add(90 * 24 * time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
		cert, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))
	}, string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
}

// A file of objects may be larger than any other file.
func TestLargeListFile(t *testing.T) {
	m := newMaker()
	var text strings.Builder
	text.WriteString("apiVersion: v1\nitems:\n")
	for i := range 1000 {
		fmt.Fprintf(&text, "- apiVersion: v1\n  kind: Secret\n  metadata: {name: n%d}\n  data: {blob: %s}\n", i, b64(strings.Repeat("x", 5000)))
	}
	fmt.Fprintf(&text, "- %s\nkind: List\n", configMap("a", "trust", "ca.crt", m.ca("web-ca")))
	name := filepath.Join(t.TempDir(), "all.yaml")
	if err := os.WriteFile(name, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	_, inv, err := inventory.GatherPaths(workingFolder(t), []string{name}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now})
	if len(r.Certificates) != 1 || r.Certificates[0].Component != "ConfigMap a/trust" || r.Certificates[0].Line != 4003 || r.Incomplete() {
		t.Errorf("certificates %+v", r.Certificates)
	}
}
