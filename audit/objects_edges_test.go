package audit_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"strings"
	"testing"
	"time"

	"certaudit/audit"
	"certaudit/audit/inventory"
	"certaudit/fixtures"
)

// certificateObject is a Certificate of cert-manager's for the Secret guard-tls.
func certificateObject(spec, renewal, ready string) string {
	return fmt.Sprintf(`{"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"name": "guard", "namespace": "prod"}, "spec": {"secretName": "guard-tls"%s},
"status": {"renewalTime": %q, "conditions": [{"type": "Ready", "status": %q, "reason": "R", "message": "m"}, {"type": "Issuing", "status": "False", "reason": "R", "message": "m"}]}}`, spec, renewal, ready)
}

// podCertificate is a PodCertificateRequest of a day.
func podCertificate(cert, key, failed string) string {
	return fmt.Sprintf(`{"apiVersion": "certificates.k8s.io/v1beta1", "kind": "PodCertificateRequest", "metadata": {"name": "p", "namespace": "prod"},
"spec": {"maxExpirationSeconds": 86400, "pkixPublicKey": %q}, "status": {"certificateChain": %q, "conditions": [{"type": "Failed", "status": %q, "reason": "R", "message": "m"}]}}`, key, cert, failed)
}

func TestObjectEdges(t *testing.T) {
	m := newMaker()
	cert, key := m.leaf("guard", "web-ca", "guard.prod.svc")
	wrongName, wrongKey := m.leaf("guard-old", "web-ca", "guard.dev.svc")
	deep, deepKey := m.leaf("deep", "web-sub", "deep.prod.svc")
	namesake, namesakeKey := m.leaf("web-ca", "web-ca", "web.prod.svc")
	m.c.Issue("/x/ended", fixtures.Spec{CommonName: "ended", Signer: "web-ca", NotAfter: fixtures.Now.Add(-day)})
	ended := string(m.c.Node["/x/ended.crt"].Data)
	webCA, webSub := m.ca("web-ca"), m.ca("web-sub")
	m.c.Node["/x/self.crt"] = fixtures.File{Data: craft(m.c, "/x/guard.key", "", x509.Certificate{Subject: pkix.Name{CommonName: "guard"}, DNSNames: []string{"guard.prod.svc"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}), Mode: 0o644}
	self := string(m.c.Node["/x/self.crt"].Data)
	sound := secretObject("guard-tls", tlsType, "tls.crt", cert, "tls.key", key, "ca.crt", webCA)
	// lives has the certificate of a pod last some time.
	lives := func(life time.Duration) string {
		m.c.Issue("/x/pod", fixtures.Spec{CommonName: "pod", Signer: "web-ca", NotBefore: fixtures.Now, NotAfter: fixtures.Now.Add(life)})
		return string(m.c.Node["/x/pod.crt"].Data)
	}
	later := fixtures.Now.Add(day).Format(time.RFC3339)
	for _, tt := range []struct {
		name    string
		objects []string
		want    []string
	}{
		{name: "certificate for another namespace in a Secret of another name", objects: []string{secretObject("web-tls", tlsType, "tls.crt", wrongName, "tls.key", wrongKey, "ca.crt", webCA), webhookObject(webCA, "")}},
		{name: "certificate for another namespace, and nobody cares", objects: []string{secretObject("guard-tls", tlsType, "tls.crt", wrongName, "tls.key", wrongKey, "ca.crt", webCA),
			strings.Replace(webhookObject(webCA, `, "failurePolicy": "Ignore"`), `"name": "guard"}`, `"name": "guard", "annotations": {"cert-manager.io/inject-ca-from-secret": "prod/guard-tls"}}`, 1)}, want: []string{
			`warning objects/service-name -:1 Secret prod/guard-tls data["tls.crt"]: the certificate for the webhook "guard.example.org" (service prod/guard) of ValidatingWebhookConfiguration guard is valid for "guard.dev.svc"; expected "guard.prod.svc", as the API server calls the service`,
		}},
		{name: "chain with its root", objects: []string{secretObject("a", tlsType, "tls.crt", deep+webSub+webCA, "tls.key", deepKey)}},
		{name: "self-signed", objects: []string{secretObject("a", tlsType, "tls.crt", self, "tls.key", key)}},
		{name: "of the name of its CA", objects: []string{secretObject("a", tlsType, "tls.crt", namesake, "tls.key", namesakeKey)}, want: []string{
			`info objects/chain -:1 Secret prod/a data["tls.crt"]: is issued by "web-ca", which is neither in tls.crt nor in ca.crt nor anywhere in view; whoever verifies it must have that certificate`,
		}},
		{name: "of nobody's, in a Secret of no type", objects: []string{secretObject("a", "Opaque", "server.crt", cert, "server.key", key)}, want: []string{
			`info objects/chain -:1 Secret prod/a data["server.crt"]: is issued by "web-ca", which is neither in tls.crt nor in ca.crt nor anywhere in view; whoever verifies it must have that certificate`,
		}},
		{name: "data that is neither base64 nor called a certificate", objects: []string{`{"kind": "Secret", "metadata": {"name": "a", "namespace": "prod"}, "data": {"note": "<text>"}}`}},
		{name: "certificate as bytes of a ConfigMap", objects: []string{fmt.Sprintf(`{"kind": "ConfigMap", "metadata": {"name": "a", "namespace": "prod"}, "binaryData": {"web.crt": %q}}`, b64(ended))}, want: []string{
			`critical validity/expired -:1 ConfigMap prod/a binaryData["web.crt"]: expired on 2026-11-22 12:00 UTC, 24 hours ago; it must be renewed`,
		}},
		{name: "key in an annotation, as kubectl apply leaves it", objects: []string{fmt.Sprintf(`{"kind": "ConfigMap", "metadata": {"name": "a", "namespace": "prod", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": %q}}, "data": {"a": "b"}}`, key)}},
		{name: "certificate and key under one name of a ConfigMap", objects: []string{configMap("prod", "files", "server.pem", self+key)}, want: []string{
			`critical objects/key-exposed -:1 ConfigMap prod/files data["server.pem"]: a private key stands in a ConfigMap, which many may read and nothing encrypts; expected a Secret`,
		}},
		{name: "public certificate in a ConfigMap", objects: []string{configMap("prod", "files", "server.crt", self)}},

		{name: "kubelet-config that says nothing of rotation", objects: []string{configMap("kube-system", "kubelet-config", "kubelet", "kind: KubeletConfiguration\nauthentication: {x509: {clientCAFile: /etc/ca.crt}}\n")}},
		{name: "kubelet-config of another namespace", objects: []string{configMap("prod", "kubelet-config", "kubelet", "kind: KubeletConfiguration\nrotateCertificates: false\n")}},

		{name: "cert-manager, sound", objects: []string{sound, certificateObject(`, "dnsNames": ["GUARD.prod.svc"]`, later, "True")}},
		{name: "cert-manager, a common name", objects: []string{sound, certificateObject(`, "commonName": "Guard"`, later, "True")}, want: []string{
			`warning objects/cert-manager -:1 Certificate prod/guard data["tls.crt"]: asks for the common name "Guard", and that of the certificate in Secret prod/guard-tls is "guard"`,
		}},
		{name: "cert-manager, a day after the renewal", objects: []string{sound, certificateObject("", fixtures.Now.Add(-day).Format(time.RFC3339), "True")}},
		{name: "cert-manager, more than a day after the renewal", objects: []string{sound, certificateObject("", fixtures.Now.Add(-day-time.Second).Format(time.RFC3339), "True")}, want: []string{
			"warning objects/cert-manager -:2 Certificate prod/guard : should have been renewed on 2026-11-22 11:59 UTC, 24 hours ago",
		}},
		{name: "cert-manager, not known whether it is ready", objects: []string{sound, certificateObject("", later, "Unknown")}},

		{name: "pod certificate of a day and ten minutes", objects: []string{podCertificate(lives(day+10*time.Minute), "", "False")}},
		{name: "pod certificate of more", objects: []string{podCertificate(lives(day+10*time.Minute+time.Second), "", "False")}, want: []string{
			"warning objects/pod-certificate -:2 PodCertificateRequest prod/p status.certificateChain: the certificate is valid for 24 hours; the request allows 86400 seconds",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			compare(t, tt.want, toldObjects(auditObjects(t, "["+strings.Join(tt.objects, ",\n")+"]")))
		})
	}
}

// A bundle with the cluster's CA and the one before it is a rotation, and one
// that lacks the cluster's is stale.
func TestBundlesBesideANode(t *testing.T) {
	m := newMaker()
	k8s, old := m.ca(fixtures.CA), m.ca("old")
	dir := t.TempDir()
	do(t, m.c.Node.Write(dir))
	for _, tt := range []struct {
		name, bundle string
		want         []string
	}{
		{name: "the old and the new", bundle: old + k8s},
		{name: "the new", bundle: k8s},
		{name: "another name", bundle: m.ca("web-ca")},
		{name: "the old and another name", bundle: m.ca("web-ca") + old, want: []string{
			`warning objects/drift -:2 ValidatingWebhookConfiguration guard webhooks[0].clientConfig.caBundle: holds a CA called "kubernetes", as the one of /etc/kubernetes/pki/ca.crt is, with another key: it is that of another cluster or of before a rotation`,
		}},
	} {
		inv, err := inventory.Gather(dir)
		do(t, err)
		more, err := inventory.GatherObjects("-", strings.NewReader(webhookObject(tt.bundle, "")), nil)
		do(t, err)
		do(t, inv.Join(more))
		t.Run(tt.name, func(t *testing.T) {
			compare(t, tt.want, toldObjects(audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now})))
		})
	}
}
