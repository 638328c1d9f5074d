package audit_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"certaudit/fixtures"
)

// typed is a Secret of one namespace with fields, key and value in turn, as kubectl
// get -o json prints it.
func typed(namespace, name, kind string, fields ...string) string {
	o := map[string]any{"apiVersion": "v1", "kind": "Secret", "type": kind,
		"metadata": map[string]any{"namespace": namespace, "name": name, "resourceVersion": "7", "uid": namespace + name}}
	data := map[string]string{}
	for i := 0; i < len(fields); i += 2 {
		data[fields[i]] = b64(fields[i+1])
	}
	o["data"] = data
	return string(must(json.Marshal(o)))
}

// What kubectl get secrets,configmaps -A -o json prints of sound clusters: objects
// in the form in which widely used operators write them (istio, Strimzi, ECK,
// cert-manager, sealed-secrets, Cluster API, Helm).
func healthyDump(m maker) []string {
	leaf := func(name, signer string, dns ...string) (string, string) { return m.leaf(name, signer, dns...) }
	pair := func(ca string) (string, string) {
		m.c.WriteCA(ca, "/x/ca-"+ca)
		return string(m.c.Node["/x/ca-"+ca+".crt"].Data), string(m.c.Node["/x/ca-"+ca+".key"].Data)
	}
	m.c.NewCA("istio", fixtures.Spec{CommonName: "istio-ca"})
	m.c.NewCA("kafka", fixtures.Spec{CommonName: "cluster-ca v0"})
	m.c.NewCA("kafka-new", fixtures.Spec{CommonName: "cluster-ca v1"})
	m.c.NewCA("es", fixtures.Spec{CommonName: "es-http"})
	m.c.NewCA("public-root", fixtures.Spec{CommonName: "Public Root X1"})
	m.c.NewCA("public", fixtures.Spec{CommonName: "Public R3", Signer: "public-root"})
	m.c.NewCA("workload", fixtures.Spec{CommonName: "kubernetes", KeyName: "workload"})
	cluster := m.ca(fixtures.CA)
	istio, istioKey := pair("istio")
	kafka, kafkaKey := pair("kafka")
	issuer, issuerKey := pair("web-ca")
	workload, workloadKey := pair("workload")
	broker, brokerKey := leaf("broker", "kafka", "kafka-0.kafka.svc")
	es, esKey := leaf("es", "es", "es.elastic.svc")
	www, wwwKey := leaf("www", "public", "www.example.org")
	web, webKey := leaf("web", "web-ca", "web.prod.svc")
	m.c.Issue("/x/admin", fixtures.Spec{CommonName: "kubernetes-admin", Organizations: []string{"system:masters"}, Signer: "workload"})
	kubeconfig := "apiVersion: v1\nkind: Config\nclusters:\n- {name: w, cluster: {server: \"https://203.0.113.7:6443\", certificate-authority-data: " + b64(workload) + "}}\n" +
		"contexts:\n- {name: w, context: {cluster: w, user: w}}\ncurrent-context: w\nusers:\n- {name: w, user: {client-certificate-data: " + b64(string(m.c.Node["/x/admin.crt"].Data)) + ", client-key-data: " + b64(string(m.c.Node["/x/admin.key"].Data)) + "}}\n"
	objects := []string{
		configMap("default", "kube-root-ca.crt", "ca.crt", cluster), configMap("prod", "kube-root-ca.crt", "ca.crt", cluster),
		configMap("kube-public", "cluster-info", "kubeconfig", "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: "+b64(cluster)+"\n    server: https://192.0.2.11:6443\n  name: \"\"\ncontexts: null\ncurrent-context: \"\"\nkind: Config\npreferences: {}\nusers: null\n"),
		configMap("kube-system", "kube-proxy", "kubeconfig.conf", kubeconfigText("https://192.0.2.11:6443", "certificate-authority: /var/run/secrets/kubernetes.io/serviceaccount/ca.crt")),
		configMap("prod", "notes", "README.md", "clusters, contexts, users and the current-context of a Config:\n\n    kubectl config view\n"),
		configMap("prod", "envoy", "envoy.yaml", "static_resources:\n  clusters:\n  - name: a\n    connect_timeout: 1s\n"),
		configMap("prod", "app", "ca", "/etc/ssl/ca.crt"),
		typed("default", "default-token-x7", "kubernetes.io/service-account-token", "ca.crt", cluster, "namespace", "default", "token", "ey.ey.x"),
		typed("istio-system", "istio-ca-secret", "istio.io/ca-root", "ca-cert.pem", istio, "ca-key.pem", istioKey, "cert-chain.pem", "", "key.pem", "", "root-cert.pem", ""),
		configMap("prod", "istio-ca-root-cert", "root-cert.pem", istio),
		typed("kafka", "kafka-cluster-ca-cert", "Opaque", "ca.crt", m.ca("kafka-new"), "ca-2026-01-01T00-00-00Z.crt", kafka, "ca.password", "x"),
		typed("kafka", "kafka-cluster-ca", "Opaque", "ca.key", kafkaKey),
		typed("kafka", "kafka-brokers", "Opaque", "kafka-0.crt", broker, "kafka-0.key", brokerKey),
		typed("elastic", "es-http-certs-internal", "Opaque", "ca.crt", m.ca("es"), "tls.crt", es+m.ca("es"), "tls.key", esKey),
		typed("prod", "www", tlsType, "tls.crt", www+m.ca("public"), "tls.key", wwwKey),
		typed("prod", "web", tlsType, "ca.crt", issuer, "tls.crt", web, "tls.key", webKey),
		typed("cert-manager", "ca-issuer", tlsType, "ca.crt", issuer, "tls.crt", issuer, "tls.key", issuerKey),
		typed("capi", "w-ca", "cluster.x-k8s.io/secret", "tls.crt", workload, "tls.key", workloadKey),
		typed("capi", "w-kubeconfig", "cluster.x-k8s.io/secret", "value", kubeconfig),
		typed("prod", "sh.helm.release.v1.web.v1", "helm.sh/release.v1", "release", strings.Repeat("H4sI", 1000)),
		typed("prod", "regcred", "kubernetes.io/dockerconfigjson", ".dockerconfigjson", `{"auths": {}}`),
		typed("kube-system", "bootstrap-token-e76jie", "bootstrap.kubernetes.io/token", "token-id", "e76jie"),
		typed("prod", "basic", "kubernetes.io/basic-auth", "username", "u", "password", "p"),
		typed("prod", "random", "Opaque", "seed", "\x30\x82\x01\x00\xff\xfe"),
	}
	return append(objects, strings.Split(strings.TrimSuffix(strings.Repeat(objects[0]+"\n", 50), "\n"), "\n")...)
}

// The dump of a sound cluster fails no gate, nor is anything of it left unread.
func TestHealthyDump(t *testing.T) {
	m := newMaker()
	list := fmt.Sprintf(`{"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": [%s]}`, strings.Join(healthyDump(m), ",\n"))
	r := auditObjects(t, list)
	if loud := withoutInfo(toldObjects(r)); len(loud) > 0 {
		t.Errorf("findings: %q", loud)
	}
	if r.Incomplete() {
		t.Errorf("incomplete: %+v", r.Outcomes)
	}
	if r.Summary.Certificates < 15 {
		t.Errorf("%d certificates", r.Summary.Certificates)
	}
	beside := besideNode(t, m.c.Node, nil, list)
	if loud := withoutInfo(toldObjects(beside)); len(loud) > 0 {
		t.Errorf("findings beside the node: %q", loud)
	}
}
