package audit_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"certaudit/audit"
	"certaudit/audit/inventory"
	"certaudit/fixtures"
)

// reasons are what a check says of what it did not judge.
func reasons(r audit.Result, check string) []string {
	var out []string
	for _, o := range r.Outcomes {
		if o.Check == check && o.Reason != "" {
			out = append(out, strings.Split(o.Reason, "; no")...)
		}
	}
	return out
}

// hook is a webhook, an APIService or a CustomResourceDefinition that calls
// prod/guard; with adds fields beside the service, annotation one to the object.
func hook(kind, with, annotation string) string {
	metadata := `"metadata": {"name": "guard", "annotations": {` + annotation + `}}`
	service := `"service": {"name": "guard", "namespace": "prod"}` + with
	switch kind {
	case "APIService":
		return `{"kind": "APIService", ` + metadata + `, "spec": {` + service + `}}`
	case "CustomResourceDefinition":
		return `{"kind": "CustomResourceDefinition", ` + metadata + `, "spec": {"conversion": {"strategy": "Webhook", "webhook": {"clientConfig": {` + service + `}}}}}`
	}
	return `{"kind": "` + kind + `", ` + metadata + `, "webhooks": [{"name": "guard.example.org", "clientConfig": {` + service + `}}]}`
}

// What the API server verifies with the roots of its system, for want of a
// caBundle.
func TestTargetsWithoutBundle(t *testing.T) {
	m := newMaker()
	cert, key := m.leaf("guard", "web-ca", "guard.prod.svc")
	public, publicKey := m.leaf("hooks", "other-ca", "hooks.example.org")
	m.c.NewCA("own", fixtures.Spec{CommonName: "own", DNSNames: []string{"guard.prod.svc"}})
	m.c.WriteCA("own", "/x/own")
	own, ownKey := string(m.c.Node["/x/own.crt"].Data), string(m.c.Node["/x/own.key"].Data)
	sound := secretObject("guard-tls", tlsType, "tls.crt", cert, "tls.key", key, "ca.crt", m.ca("web-ca"))
	self := secretObject("guard-tls", tlsType, "tls.crt", own, "tls.key", ownKey)
	const service, host = "service prod/guard", `webhook "guard.example.org" (service prod/guard)`
	private := func(what, ca, more string) string {
		return what + ` has no caBundle, so that the API server verifies it with the roots of its system, and the certificate in Secret prod/guard-tls for it is of a private CA, "` + ca + `"` + more + "; expected that CA in the caBundle"
	}
	injected := func(annotation string) string {
		return "; " + annotation + " says that it is to be filled in, so that its injector has not run"
	}
	const unknown = "%s has no caBundle, so that the API server verifies %s with the roots of its system%s; its certificate is not in view, or of a CA that may be among them"
	url := func(u string) string {
		return `{"kind": "MutatingWebhookConfiguration", "metadata": {"name": "guard"}, "webhooks": [{"name": "guard.example.org", "clientConfig": {"url": "` + u + `"}}]}`
	}
	const at = "webhooks[0].clientConfig.service.name"
	for _, tt := range []struct {
		name         string
		objects      []string
		want, unsaid []string
	}{
		{name: "webhook", objects: []string{sound, hook("MutatingWebhookConfiguration", "", "")}, want: []string{
			"critical objects/ca-bundle -:2 MutatingWebhookConfiguration guard " + at + ": " + private(host, "web-ca", "")}},
		{name: "nobody cares", objects: []string{sound, hook("ValidatingWebhookConfiguration", `}, "failurePolicy": "Ignore", "z": {"a": 1`, "")}, want: []string{
			"warning objects/ca-bundle -:2 ValidatingWebhookConfiguration guard " + at + ": " + private(host, "web-ca", "")}},
		{name: "an empty text", objects: []string{sound, strings.Replace(hook("ValidatingWebhookConfiguration", "", ""), `"service"`, `"caBundle": "", "service"`, 1)}, want: []string{
			"critical objects/ca-bundle -:2 ValidatingWebhookConfiguration guard " + at + ": " + private(host, "web-ca", "")}},
		{name: "null", objects: []string{sound, strings.Replace(hook("ValidatingWebhookConfiguration", "", ""), `"service"`, `"caBundle": null, "service"`, 1)}, want: []string{
			"critical objects/ca-bundle -:2 ValidatingWebhookConfiguration guard " + at + ": " + private(host, "web-ca", "")}},
		{name: "API service", objects: []string{sound, hook("APIService", "", "")}, want: []string{
			"critical objects/ca-bundle -:2 APIService guard spec.service.name: " + private(service, "web-ca", "")}},
		{name: "API service that is not verified", objects: []string{sound, `{"kind": "APIService", "metadata": {"name": "guard"}, "spec": {"insecureSkipTLSVerify": true, "service": {"name": "guard", "namespace": "prod"}}}`}},
		{name: "API service of the API server itself", objects: []string{sound, `{"kind": "APIService", "metadata": {"name": "v1.apps"}, "spec": {"service": null, "group": "apps"}}`}},
		{name: "conversion", objects: []string{sound, hook("CustomResourceDefinition", "", "")}, want: []string{
			"critical objects/ca-bundle -:2 CustomResourceDefinition guard spec.conversion.webhook.clientConfig.service.name: " + private(service, "web-ca", "")}},
		{name: "no conversion", objects: []string{sound, `{"kind": "CustomResourceDefinition", "metadata": {"name": "x"}, "spec": {"conversion": {"strategy": "None"}}}`}},
		{name: "signed itself", objects: []string{self, hook("APIService", "", "")}, want: []string{
			"critical objects/ca-bundle -:2 APIService guard spec.service.name: " + private(service, "own", "")}},
		{name: "signed itself, and is the bundle", objects: []string{self, hook("APIService", `, "caBundle": "`+b64(own)+`"`, "")}},
		{name: "cert-manager, from the Secret", objects: []string{sound, hook("APIService", "", `"cert-manager.io/inject-ca-from-secret": "prod/guard-tls"`)}, want: []string{
			"critical objects/ca-bundle -:2 APIService guard spec.service.name: " + private(service, "web-ca", injected("cert-manager.io/inject-ca-from-secret"))}},
		{name: "cert-manager, from the Certificate", objects: []string{sound, hook("APIService", "", `"cert-manager.io/inject-ca-from": "prod/guard"`),
			`{"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"name": "guard", "namespace": "prod"}, "spec": {"secretName": "guard-tls", "dnsNames": ["guard.prod.svc"]}}`}, want: []string{
			"critical objects/ca-bundle -:2 APIService guard spec.service.name: " + private(service, "web-ca", injected("cert-manager.io/inject-ca-from"))}},
		{name: "the Secret is not in view", objects: []string{hook("APIService", "", `"cert-manager.io/inject-ca-from": "prod/guard"`)},
			unsaid: []string{fmt.Sprintf(unknown, service+" of APIService guard", "guard.prod.svc", injected("cert-manager.io/inject-ca-from"))}},
		{name: "a Secret of another namespace", objects: []string{strings.Replace(sound, `"namespace": "prod"`, `"namespace": "dev"`, 1), hook("APIService", "", "")},
			unsaid: []string{fmt.Sprintf(unknown, service+" of APIService guard", "guard.prod.svc", "")}},
		{name: "a URL", objects: []string{secretObject("hooks", tlsType, "tls.crt", public, "tls.key", publicKey, "ca.crt", m.ca("other-ca")), url("https://hooks.example.org/x")},
			unsaid: []string{fmt.Sprintf(unknown, `webhook "guard.example.org" (host hooks.example.org) of MutatingWebhookConfiguration guard`, "hooks.example.org", "")}},
		{name: "a URL with the name of a service", objects: []string{sound, url("https://guard.prod.svc:443/x")}, want: []string{
			"critical objects/ca-bundle -:2 MutatingWebhookConfiguration guard webhooks[0].clientConfig.url: " + private(`webhook "guard.example.org" (host guard.prod.svc)`, "web-ca", "")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := auditObjects(t, "["+strings.Join(tt.objects, ",\n")+"]")
			if diff := cmp.Diff(tt.want, toldObjects(r)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.unsaid, reasons(r, "objects/ca-bundle")); diff != "" {
				t.Errorf("not judged (-want +got):\n%s", diff)
			}
		})
	}
}

// A chain that begins with a CA is one in the wrong order where the key says so;
// what others are verified with may hold a server's own certificate.
func TestChainOrder(t *testing.T) {
	m := newMaker()
	root, sub := m.ca("web-ca"), m.ca("web-sub")
	leaf, key := m.leaf("deep", "web-sub", "deep.prod.svc")
	m.c.WriteCA("web-sub", "/x/web-sub")
	behind := func(at, all int) string {
		return fmt.Sprintf("the leaf, to which the key belongs, is certificate %d of %d; expected it first, then each issuer behind what it signed: a server holds its key against the first one and does not start", at, all)
	}
	const among = "stands among the trusted certificates and has no basic constraint CA:TRUE: only it itself is accepted, nothing that it signed"
	for _, tt := range []struct {
		name, object string
		want         []string
		rows         []string
	}{
		{"root first", secretObject("a", tlsType, "tls.crt", root+sub+leaf, "tls.key", key), []string{
			`critical objects/chain -:1 Secret prod/a data["tls.crt"]: ` + behind(3, 3)}, []string{"Server deep 2", "CA web-ca 0", "CA web-sub 1"}},
		{"intermediate first", secretObject("a", tlsType, "tls.crt", sub+leaf+root, "tls.key", key), []string{
			`critical objects/chain -:1 Secret prod/a data["tls.crt"]: ` + behind(2, 3)}, []string{"Server deep 1", "CA web-sub 0", "CA web-ca 2"}},
		{"under another name", secretObject("a", "Opaque", "server.pem", root+sub+leaf, "server-key.pem", key), []string{
			`critical objects/chain -:1 Secret prod/a data["server.pem"]: ` + behind(3, 3)}, []string{"Server deep 2", "CA web-ca 0", "CA web-sub 1"}},
		{"of a name unlike its key's", secretObject("a", "Opaque", "cert.pem", root+sub+leaf, "key.pem", key), []string{
			`critical objects/chain -:1 Secret prod/a data["cert.pem"]: ` + behind(3, 3)}, []string{"Server deep 2", "CA web-ca 0", "CA web-sub 1"}},
		{"in one field with the key", secretObject("a", "Opaque", "server.pem", root+sub+leaf+key), []string{
			`critical objects/chain -:1 Secret prod/a data["server.pem"]: ` + behind(3, 3)}, []string{"Server deep 2", "CA web-ca 0", "CA web-sub 1"}},
		{"without its key", secretObject("a", tlsType, "tls.crt", root+sub+leaf), []string{
			`critical objects/chain -:1 Secret prod/a data["tls.crt"]: ` + behind(3, 3),
			`warning objects/incomplete -:1 Secret prod/a : is of type kubernetes.io/tls and has nothing under "tls.key"; expected a certificate and its key`},
			[]string{"Server deep 2", "CA web-ca 0", "CA web-sub 1"}},
		{"in order", secretObject("a", tlsType, "tls.crt", leaf+sub+root, "tls.key", key), nil, []string{"Server deep 0", "CA web-sub 1", "CA web-ca 2"}},
		{"what others are verified with", secretObject("a", "Opaque", "ca.crt", root+sub+leaf, "tls.crt", leaf+sub, "tls.key", key), []string{
			`info usage/not-a-ca -:1 Secret prod/a data["ca.crt"]: ` + among}, []string{"CA web-ca 0", "CA web-sub 1", "CA deep 2", "Server deep 0", "CA web-sub 1"}},
		{"what others are verified with, under another name", secretObject("a", "Opaque", "truststore.pem", root+leaf, "cert.pem", leaf+sub, "key.pem", key), []string{
			`info usage/not-a-ca -:1 Secret prod/a data["truststore.pem"]: ` + among}, []string{"CA web-ca 0", "CA deep 1", "Server deep 0", "CA web-sub 1"}},
		{"what others are verified with, in a ConfigMap", configMap("a", "trust", "bundle.pem", root+sub+leaf), []string{
			`info usage/not-a-ca -:1 ConfigMap a/trust data["bundle.pem"]: ` + among}, []string{"CA web-ca 0", "CA web-sub 1", "CA deep 2"}},
		{"a CA with its key", secretObject("a", tlsType, "tls.crt", sub+root, "tls.key", string(m.c.Node["/x/web-sub.key"].Data)), nil, []string{"CA web-sub 0", "CA web-ca 1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := auditObjects(t, tt.object)
			if diff := cmp.Diff(tt.want, toldObjects(r)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			var rows []string
			for _, c := range r.Certificates {
				rows = append(rows, fmt.Sprint(c.Type, " ", c.CommonName, " ", c.Index))
			}
			if diff := cmp.Diff(tt.rows, rows); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
		})
	}
}

// besideNode judges objects beside a node, or beside files where n is nil.
func besideNode(t *testing.T, n fixtures.Node, files map[string]string, objects ...string) audit.Result {
	t.Helper()
	dir := t.TempDir()
	var inv *inventory.Inventory
	var err error
	if n != nil {
		if err = n.Write(dir); err != nil {
			t.Fatal(err)
		}
		inv, err = inventory.Gather(dir)
	} else {
		t.Chdir(dir)
		for name, data := range files {
			if err := os.WriteFile(name, []byte(data), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, inv, err = inventory.GatherPaths(workingFolder(t), slices.Sorted(maps.Keys(files)), nil, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(objects) > 0 {
		more, err := inventory.GatherObjects("-", strings.NewReader(strings.Join(objects, "\n")), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := inv.Join(more); err != nil {
			t.Fatal(err)
		}
	}
	return audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now})
}

// kubeconfigText is a kubeconfig as kubeadm puts it into ConfigMaps; trust is what
// the cluster is verified with.
func kubeconfigText(server, trust string) string {
	return "apiVersion: v1\nkind: Config\nclusters:\n- name: default\n  cluster:\n    server: " + server + "\n    " + trust + "\ncontexts:\n- name: default\n  context: {cluster: default, user: default}\n" +
		"current-context: default\nusers:\n- name: default\n  user: {tokenFile: /var/run/secrets/kubernetes.io/serviceaccount/token}\n"
}

// The kubeconfigs in ConfigMaps are held against the API server that is in view.
func TestObjectKubeconfigs(t *testing.T) {
	m := newMaker()
	m.c.NewCA("foreign", fixtures.Spec{CommonName: "foreign"})
	const own, inPod = "https://192.0.2.11:6443", "certificate-authority: /var/run/secrets/kubernetes.io/serviceaccount/ca.crt"
	data := func(ca string) string { return "certificate-authority-data: " + b64(m.ca(ca)) }
	proxy := func(text string) string { return configMap("kube-system", "kube-proxy", "kubeconfig.conf", text) }
	agent := func(text string) string { return configMap("monitoring", "agent", "config", text) }
	const sans = `"cp-1", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "10.96.0.1", "192.0.2.11"`
	absent := func(what, host, file string) string {
		return "warning objects/kubeconfig -:1 " + what + ": calls the API server at " + host + ", which is not in its certificate in " + file + ": that is for " + sans + "; expected one of these, or the certificate with this one"
	}
	refused := func(severity, what string) string {
		return severity + " objects/kubeconfig -:1 " + what + `: verifies the API server at 192.0.2.11 with "foreign", which did not sign its certificate in /etc/kubernetes/pki/apiserver.crt: that is issued by "kubernetes"`
	}
	const crt = "/etc/kubernetes/pki/apiserver.crt"
	const server, ca = "clusters[0].cluster.server", "clusters[0].cluster.certificate-authority-data"
	const another = "the kubeconfig in ConfigMap monitoring/agent is of another cluster, as far as can be seen"
	for _, tt := range []struct {
		name, object string
		want, unsaid []string
	}{
		{name: "kube-proxy", object: proxy(kubeconfigText(own, inPod))},
		{name: "kube-proxy calls another address", object: proxy(kubeconfigText("https://192.0.2.99:6443", inPod)), want: []string{
			absent(`ConfigMap kube-system/kube-proxy data["kubeconfig.conf"]: `+server, "192.0.2.99", crt)}},
		{name: "kube-proxy calls another address by the right name", object: proxy(kubeconfigText("https://192.0.2.99:6443", "tls-server-name: kubernetes\n    "+inPod))},
		{name: "kube-proxy does not verify", object: proxy(kubeconfigText("https://192.0.2.99:6443", "insecure-skip-tls-verify: true"))},
		{name: "kube-proxy with another CA", object: proxy(kubeconfigText(own, data("foreign"))), want: []string{
			refused("critical", `ConfigMap kube-system/kube-proxy data["kubeconfig.conf"]: `+ca)}},
		{name: "cluster-info calls another name", object: configMap("kube-public", "cluster-info", "kubeconfig", kubeconfigText("https://api.example.org:6443", data(fixtures.CA))), want: []string{
			absent("ConfigMap kube-public/cluster-info data.kubeconfig: "+server, "api.example.org", crt)}},
		{name: "in JSON", object: agent(`{"kind": "Config", "clusters": [{"name": "a", "cluster": {"server": "https://192.0.2.99", "certificate-authority-data": "` + b64(m.ca(fixtures.CA)) + `"}}], "contexts": [], "users": []}`), want: []string{
			absent("ConfigMap monitoring/agent data.config: "+server, "192.0.2.99", crt)}},
		{name: "an agent", object: agent(kubeconfigText("https://kubernetes.default.svc", data(fixtures.CA)))},
		{name: "an agent in a pod", object: agent(kubeconfigText("https://192.0.2.99", inPod)), want: []string{
			absent("ConfigMap monitoring/agent data.config: "+server, "192.0.2.99", crt)}},
		{name: "an agent with another CA", object: agent(kubeconfigText(own, data("foreign"))), want: []string{
			refused("warning", "ConfigMap monitoring/agent data.config: "+ca)}},
		{name: "an agent with the CA of before", object: agent(kubeconfigText(own, data("old"))), want: []string{
			"warning objects/drift -:1 ConfigMap monitoring/agent data.config: " + ca + `: holds a CA called "kubernetes", as the one of /etc/kubernetes/pki/ca.crt is, with another key: it is that of another cluster or of before a rotation`}},
		{name: "of another cluster", object: agent(kubeconfigText("https://192.0.2.99", data("foreign"))), unsaid: []string{another}},
		{name: "of another cluster on the same machine", object: agent(kubeconfigText("https://127.0.0.1:6443", data("foreign"))), unsaid: []string{another}},
		{name: "a CA in a file", object: agent(kubeconfigText("https://192.0.2.99", "certificate-authority: /etc/x/ca.crt")), unsaid: []string{another}},
		{name: "a placeholder", object: proxy(kubeconfigText("https://__HOST__:6443", inPod)), unsaid: []string{"the address in a kubeconfig of ConfigMap kube-system/kube-proxy is none, or a placeholder"}},
		{name: "a text that speaks of one", object: agent("# clusters, contexts, current-context, kind: Config\n\ta: b: c\n"), want: []string{
			"info input/unsupported -:1 ConfigMap monitoring/agent data.config: speaks of a kubeconfig and holds none that can be read: is neither YAML nor JSON: found character that cannot start any token; line 2 begins with a tab; YAML wants spaces"}},
		{name: "a damaged one", object: configMap("kube-system", "kube-proxy", "kubeconfig.conf", kubeconfigText(own, inPod)+"a: b: c\n"), want: []string{
			`warning input/undecodable -:1 ConfigMap kube-system/kube-proxy data["kubeconfig.conf"]: is neither YAML nor JSON: mapping values are not allowed in this context`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := besideNode(t, m.c.Node, nil, tt.object)
			if diff := cmp.Diff(tt.want, toldObjects(r)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.unsaid, reasons(r, "objects/kubeconfig")); diff != "" {
				t.Errorf("not judged (-want +got):\n%s", diff)
			}
		})
	}
	stale := proxy(kubeconfigText("https://192.0.2.99:6443", inPod))
	files := map[string]string{"apiserver.crt": string(m.c.Node[crt].Data), "ca.crt": m.ca(fixtures.CA)}
	want := []string{absent(`ConfigMap kube-system/kube-proxy data["kubeconfig.conf"]: `+server, "192.0.2.99", "apiserver.crt")}
	if diff := cmp.Diff(want, toldObjects(besideNode(t, nil, files, stale))); diff != "" {
		t.Errorf("beside a file (-want +got):\n%s", diff)
	}
	delete(files, "apiserver.crt")
	r := besideNode(t, nil, files, stale)
	unseen := []string{"the API server's certificate is not in view, so that the kubeconfigs in ConfigMaps were not held against it"}
	if diff := cmp.Diff(unseen, append(toldObjects(r), reasons(r, "objects/kubeconfig")...)); diff != "" {
		t.Errorf("without a certificate (-want +got):\n%s", diff)
	}
}

func bindingObject(name, role string, subjects ...string) string {
	var list []string
	for _, s := range subjects {
		kind, name, _ := strings.Cut(s, " ")
		list = append(list, fmt.Sprintf(`{"kind": %q, "name": %q, "apiGroup": "rbac.authorization.k8s.io"}`, kind, name))
	}
	return fmt.Sprintf(`{"kind": "ClusterRoleBinding", "metadata": {"name": %q}, "roleRef": {"kind": "ClusterRole", "name": %q}, "subjects": [%s]}`, name, role, strings.Join(list, ", "))
}

// Certificates without a group that may do what they are for have their rights from
// a ClusterRoleBinding.
func TestBindings(t *testing.T) {
	basic := bindingObject("system:basic-user", "system:basic-user", "Group system:authenticated")
	masters := bindingObject("cluster-admin", "cluster-admin", "Group system:masters")
	admins := bindingObject("kubeadm:cluster-admins", "cluster-admin", "Group kubeadm:cluster-admins")
	kubelet := func(role string, subjects ...string) string {
		return bindingObject("kubeadm:apiserver-kubelet-client", role, subjects...)
	}
	const client, api = "User kube-apiserver-kubelet-client", "system:kubelet-api-admin"
	const fails = "logs, exec and port-forward fail, for the kubelets refuse the API server"
	const none = `critical objects/rbac /etc/kubernetes/pki/apiserver-kubelet-client.crt:1 kube-apiserver kube-apiserver --kubelet-client-certificate: no ClusterRoleBinding gives the user "kube-apiserver-kubelet-client" the ClusterRole system:kubelet-api-admin or cluster-admin: ` + fails + "; expected kubeadm:apiserver-kubelet-client"
	const unbound = `the user "kube-apiserver-kubelet-client" is in no group that may call kubelets, and the ClusterRoleBindings are not in view of which kubeadm:apiserver-kubelet-client, or another, lets it: kubectl get clusterrolebindings -o json`
	for _, tt := range []struct {
		name, version string
		objects       []string
		want          []string
		// identity and rbac are what the two checks did not judge.
		identity, rbac []string
	}{
		{name: "as kubeadm makes them", version: "v1.37.2", objects: []string{basic, masters, admins, kubelet(api, client)}},
		{name: "not given", version: "v1.37.2", identity: []string{unbound}},
		{name: "those of an application", version: "v1.37.2", objects: []string{bindingObject("web", "web", "User web")}, identity: []string{unbound}, rbac: []string{
			"the ClusterRoleBindings in view are not those of the whole cluster: kubectl get clusterrolebindings -o json"}},
		{name: "none for the kubelet client", version: "v1.37.2", objects: []string{basic, masters, admins}, want: []string{none}},
		{name: "for another user", version: "v1.37.2", objects: []string{masters, admins, kubelet(api, "User kube-apiserver")}, want: []string{
			`critical objects/rbac -:3 ClusterRoleBinding kubeadm:apiserver-kubelet-client : gives the ClusterRole system:kubelet-api-admin to "User kube-apiserver", and no other gives system:kubelet-api-admin or cluster-admin to the user "kube-apiserver-kubelet-client": ` + fails}},
		{name: "by another binding", version: "v1.37.2", objects: []string{masters, admins, bindingObject("mine", api, client)}},
		{name: "a role of one's own", version: "v1.37.2", objects: []string{masters, admins, bindingObject("system:kube-apiserver", "system:kube-apiserver-to-kubelet", client)}, rbac: []string{
			`the user "kube-apiserver-kubelet-client" has the ClusterRole system:kube-apiserver-to-kubelet, of which is not known whether it is enough`}},
		{name: "the group of kubeadm", version: "v1.34.4"},
		{name: "the group of kubeadm is bound", version: "v1.34.4", objects: []string{masters, admins}},
		{name: "the group of kubeadm is not bound", version: "v1.34.4", objects: []string{masters}, want: []string{
			strings.Replace(none, "; expected kubeadm:apiserver-kubelet-client", "; kubectl with admin.conf is refused everything; expected kubeadm:cluster-admins", 1)}},
		{name: "system:masters", version: "v1.28.15"},
		{name: "system:masters, and nothing else is bound", version: "v1.28.15", objects: []string{masters}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := besideNode(t, fixtures.ControlPlane(fixtures.Options{Version: tt.version}).Node, nil, tt.objects...)
			if diff := cmp.Diff(tt.want, withoutInfo(toldObjects(r))); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.identity, reasons(r, "identity/organization-missing")); diff != "" {
				t.Errorf("identity/organization-missing (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.rbac, reasons(r, "objects/rbac")); diff != "" {
				t.Errorf("objects/rbac (-want +got):\n%s", diff)
			}
		})
	}
}

func withoutInfo(told []string) []string {
	return slices.DeleteFunc(told, func(s string) bool { return strings.HasPrefix(s, "info ") })
}

// The command that puts a CA into a caBundle is written where all names are names,
// and the Secret holds that CA.
func TestBundlePatch(t *testing.T) {
	m := newMaker()
	cert, key := m.leaf("guard", "web-ca", "guard.prod.svc")
	m.c.NewCA("own", fixtures.Spec{CommonName: "own", DNSNames: []string{"guard.prod.svc"}})
	m.c.WriteCA("own", "/x/own")
	own, ownKey := string(m.c.Node["/x/own.crt"].Data), string(m.c.Node["/x/own.key"].Data)
	sound := secretObject("guard-tls", tlsType, "tls.crt", cert, "tls.key", key, "ca.crt", m.ca("web-ca"))
	const text = "# put the CA that issued the certificate of Secret prod/guard-tls into the caBundle"
	for _, tt := range []struct {
		name    string
		objects []string
		want    string
	}{
		{"webhook", []string{sound, hook("MutatingWebhookConfiguration", "", "")},
			`kubectl patch mutatingwebhookconfiguration guard --type=json -p="[{\"op\":\"test\",\"path\":\"/webhooks/0/name\",\"value\":\"guard.example.org\"},` +
				`{\"op\":\"add\",\"path\":\"/webhooks/0/clientConfig/caBundle\",\"value\":\"$(kubectl -n prod get secret guard-tls -o 'jsonpath={.data.ca\.crt}')\"}]"`},
		{"another CA", []string{sound, webhookObject(m.ca("other-ca"), "")},
			`kubectl patch validatingwebhookconfiguration guard --type=json -p="[{\"op\":\"test\",\"path\":\"/webhooks/0/name\",\"value\":\"guard.example.org\"},` +
				`{\"op\":\"add\",\"path\":\"/webhooks/0/clientConfig/caBundle\",\"value\":\"$(kubectl -n prod get secret guard-tls -o 'jsonpath={.data.ca\.crt}')\"}]"`},
		{"API service, signed itself", []string{secretObject("guard-tls", tlsType, "tls.crt", own, "tls.key", ownKey), hook("APIService", "", "")},
			`kubectl patch apiservice guard --type=json -p="[{\"op\":\"add\",\"path\":\"/spec/caBundle\",\"value\":\"$(kubectl -n prod get secret guard-tls -o 'jsonpath={.data.tls\.crt}')\"}]"`},
		{"the Secret has no CA", []string{secretObject("guard-tls", tlsType, "tls.crt", cert, "tls.key", key), hook("APIService", "", "")}, text},
		{"the Secret has another CA", []string{secretObject("guard-tls", tlsType, "tls.crt", cert, "tls.key", key, "ca.crt", m.ca("other-ca")), hook("APIService", "", "")}, text},
		{"what is no name", []string{sound, strings.ReplaceAll(hook("MutatingWebhookConfiguration", "", ""), "guard.example.org", `guard$(id)`)}, text},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, f := range auditObjects(t, "["+strings.Join(tt.objects, ",\n")+"]").Findings {
				if f.Check == "objects/ca-bundle" {
					got = append(got, f.Remedy)
				}
			}
			if diff := cmp.Diff([]string{tt.want}, got); diff != "" {
				t.Errorf("remedies (-want +got):\n%s", diff)
			}
		})
	}
}

// The command that has kube-proxy call the API server as the node does is written where
// the node's address fits the certificate; else the object is to be edited.
func TestServerEdit(t *testing.T) {
	const inPod = "certificate-authority: /var/run/secrets/kubernetes.io/serviceaccount/ca.crt"
	const restart = "\nkubectl -n kube-system rollout restart daemonset kube-proxy"
	for server, want := range map[string]string{
		"https://198.51.100.9:6443": `kubectl -n kube-system get configmap kube-proxy -o yaml | sed 's|server: https://198\.51\.100\.9:6443$|server: https://192.0.2.11:6443|' | kubectl replace -f -` + restart,
		"https://a.example/$(id)":   "kubectl -n kube-system edit configmap kube-proxy" + restart,
	} {
		r := besideNode(t, fixtures.ControlPlane(fixtures.Options{}).Node, nil, configMap("kube-system", "kube-proxy", "kubeconfig.conf", kubeconfigText(server, inPod)))
		var got []string
		for _, f := range r.Findings {
			if f.Check == "objects/kubeconfig" {
				got = append(got, f.Remedy)
			}
		}
		if diff := cmp.Diff([]string{want}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", server, diff)
		}
	}
}
