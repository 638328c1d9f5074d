package audit_test

import (
	"certaudit/audit/inventory"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"certaudit/audit"
	"certaudit/fixtures"
)

// configuration is a node with some of its connections.
type configuration struct {
	name  string
	build func(fixtures.Options) *fixtures.Cluster
	// options and change describe the node.
	options fixtures.Options
	change  func(*fixtures.Cluster)
	// about selects the connections whose "client -> server" holds it; "" is all.
	about string
}

func (c configuration) node() fixtures.Node {
	cluster := c.build(c.options)
	if c.change != nil {
		c.change(cluster)
	}
	return cluster.Node
}

// connectionLines lists the selected connections, then what each finding breaks.
func connectionLines(r audit.Result, about string) string {
	var b strings.Builder
	for _, c := range r.Connections {
		if label := c.Client + " -> " + c.Server; strings.Contains(label, about) {
			fmt.Fprintf(&b, "%s: %s %s/%s", c.Status, strings.TrimSpace(label+" "+c.Address), c.ServerTrust, c.ClientTrust)
			for _, more := range []string{c.Identity, c.Reason} {
				if more != "" {
					fmt.Fprintf(&b, "\n    %s", more)
				}
			}
			b.WriteString("\n")
		}
	}
	for _, f := range r.Findings {
		if len(f.Breaks) > 0 || strings.HasPrefix(f.Check, "connections/") {
			fmt.Fprintf(&b, "%s %s, %s, at %s\n    %s\n", f.Severity, f.Check, f.Component, strings.TrimSpace(fmt.Sprintf("%s:%d %s", f.Path, f.Line, f.Field)), f.Message)
			for _, label := range f.Breaks {
				fmt.Fprintf(&b, "    breaks %s\n", label)
			}
		}
	}
	return b.String()
}

// webhook is a kubeconfig for a webhook: more are lines of its cluster, and user
// of its user.
func webhook(server, more, user string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Config
clusters:
- name: hook
  cluster:
    server: %s
%scontexts:
- name: hook
  context:
    cluster: hook
    user: api
current-context: hook
users:
- name: api
  user: {%s}
`, server, more, user)
}

// apiFlag adds flags to the API server.
func apiFlag(flags ...string) func(*fixtures.Cluster) {
	return replace(apiManifest, "    - --secure-port=6443\n", "    - --secure-port=6443\n    - "+strings.Join(flags, "\n    - ")+"\n")
}

// hooked has the API server call a webhook. The CA of the kubeconfig is the
// cluster's, and its client certificate the front proxy's.
func hooked(flag string, kubeconfig string) func(*fixtures.Cluster) {
	return both(apiFlag(flag+"="+pki+"/hook.conf"), put(pki+"/hook.conf", kubeconfig))
}

// nodeIP has the kubelet register an address.
func nodeIP(address string) func(*fixtures.Cluster) {
	return replace("/var/lib/kubelet/kubeadm-flags.env", `KUBELET_KUBEADM_ARGS="`, `KUBELET_KUBEADM_ARGS="--node-ip=`+address+` `)
}

// served gives the kubelet a serving certificate of the cluster's CA.
func served(c *fixtures.Cluster) {
	c.Issue(kubeletPKI+"/serving", fixtures.Spec{CommonName: "system:node:cp-1", Organizations: []string{"system:nodes"}, DNSNames: []string{"cp-1"}, IPs: []string{"192.0.2.11"}})
	c.Node.Append(kubeletConfig, []byte("tlsCertFile: "+kubeletPKI+"/serving.crt\ntlsPrivateKeyFile: "+kubeletPKI+"/serving.key\n"))
}

// strict has the API server verify kubelets.
var strict = apiFlag("--kubelet-certificate-authority=" + pki + "/ca.crt")

// user puts a copy of admin.conf, changed, into root's home.
func user(change func(config string) string) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) {
		f := c.Node[etc+"/admin.conf"]
		f.Data = []byte(change(string(f.Data)))
		c.Node["/root/.kube/config"] = f
	}
}

func unchanged(config string) string { return config }

// staleUser has a user trust a CA that was the cluster's.
func staleUser(c *fixtures.Cluster) {
	namesake(c)
	user(func(config string) string {
		return strings.ReplaceAll(config, encodedPEM(c.CertificatePEM(fixtures.CA)), encodedPEM(c.CertificatePEM("namesake")))
	})(c)
}

// proxy starts kube-proxy as a static pod.
func proxy(flags ...string) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) {
		c.Node[etc+"/proxy.conf"] = c.Node[scheduler]
		c.Node[manifests+"/kube-proxy.yaml"] = fixtures.File{Mode: 0o600, Data: fmt.Appendf(nil, `apiVersion: v1
kind: Pod
metadata:
  name: kube-proxy
spec:
  containers:
  - name: kube-proxy
    command: [kube-proxy, %s]
    volumeMounts:
    - {name: etc, mountPath: /etc/kubernetes}
  volumes:
  - name: etc
    hostPath: {path: /etc/kubernetes}
`, strings.Join(flags, ", "))}
	}
}

// members puts etcd among others, and has the API server call all of them.
func members(scheme string, hosts ...string) func(*fixtures.Cluster) {
	var cluster, servers []string
	for i, host := range hosts {
		cluster = append(cluster, fmt.Sprintf("cp-%d=%s://%s:2380", i+1, scheme, host))
		servers = append(servers, fmt.Sprintf("%s://%s:2379", scheme, host))
	}
	return both(replace(etcdManifest, "--initial-cluster=cp-1=https://192.0.2.11:2380", "--initial-cluster="+strings.Join(cluster, ",")),
		replace(apiManifest, "--etcd-servers=https://127.0.0.1:2379", "--etcd-servers="+strings.Join(servers, ",")))
}

// plain has etcd serve without TLS.
var plain = both(replace(etcdManifest, "=https://", "=http://"), replace(etcdManifest, ",https://", ",http://"))

// configurations are those that the scenarios do not show.
func configurations() []configuration {
	const scratch = manifests + "/kube-controller-manager.yaml"
	cp, worker := fixtures.ControlPlane, fixtures.Worker
	balanced := fixtures.Options{ControlPlaneEndpoint: "lb.example.com:6443"}
	otherEtcdCA := replace(apiManifest, "--etcd-cafile="+pki+"/etcd/ca.crt", "--etcd-cafile="+pki+"/ca.crt")
	secondContext := func(config string) string {
		return strings.Replace(config, "contexts:\n", "contexts:\n- context: {cluster: kubernetes, user: kubernetes-admin}\n  name: again\n", 1)
	}
	return []configuration{
		{"worker", worker, fixtures.Options{}, nil, ""},
		{"worker-balanced", worker, balanced, nil, ""},
		{"worker-expired", worker, fixtures.Options{}, lasts(kubeletClient, 365*day, -day), ""},
		{"worker-for-servers", worker, fixtures.Options{}, usages(kubeletClient, 1), ""},
		{"worker-other-ca", worker, fixtures.Options{}, both(other, signer(kubeletClient, "other")), ""},
		{"worker-rotation-off", worker, fixtures.Options{}, replace(kubeletConfig, "rotateCertificates: true", "rotateCertificates: false"), ""},

		{"balanced", cp, balanced, nil, "kube-apiserver"},
		{"balanced-forgotten", cp, balanced, spec(serving, func(s *fixtures.Spec) { s.DNSNames = without("lb.example.com")(s.DNSNames) }), "kube-apiserver"},

		{"etcd-three-members", cp, fixtures.Options{}, members("https", "192.0.2.11", "192.0.2.12", "192.0.2.13"), "etcd"},
		{"etcd-three-members-stale-ca", cp, fixtures.Options{}, both(members("https", "192.0.2.11", "192.0.2.12"), otherEtcdCA), "etcd"},
		{"etcd-two-addresses-stale-ca", cp, fixtures.Options{}, both(otherEtcdCA, replace(apiManifest, "--etcd-servers=https://127.0.0.1:2379", "--etcd-servers=https://127.0.0.1:2379,https://192.0.2.11:2379")), "-> etcd"},
		{"etcd-external", cp, fixtures.Options{ExternalEtcd: true}, nil, "etcd"},
		{"etcd-external-expired-client", cp, fixtures.Options{ExternalEtcd: true}, lasts(etcdClient, 365*day, -day), "etcd"},
		{"etcd-host-roots", cp, fixtures.Options{}, replace(apiManifest, "    - --etcd-cafile="+pki+"/etcd/ca.crt\n", ""), "kube-apiserver -> etcd"},
		{"etcd-http", cp, fixtures.Options{}, both(members("http", "192.0.2.11", "192.0.2.12"), plain), "etcd"},
		{"etcd-http-dialled", cp, fixtures.Options{}, replace(apiManifest, "--etcd-servers=https:", "--etcd-servers=http:"), "kube-apiserver -> etcd"},
		{"etcd-http-served", cp, fixtures.Options{}, replace(etcdManifest, "--listen-client-urls=https://127.0.0.1", "--listen-client-urls=http://127.0.0.1"), "-> etcd"},
		{"etcd-peer-host-roots", cp, fixtures.Options{}, replace(etcdManifest, "    - --peer-trusted-ca-file="+pki+"/etcd/ca.crt\n", ""), "peers"},
		{"etcd-peer-client", cp, fixtures.Options{}, both(replace(etcdManifest, "    - --peer-key-file", "    - --peer-client-cert-file="+pki+"/etcd/healthcheck-client.crt\n    - --peer-client-key-file="+pki+"/etcd/healthcheck-client.key\n    - --peer-key-file")), "peers"},

		{"kubelet", cp, fixtures.Options{}, nil, "-> kubelet"},
		{"kubelet-verified-self-signed", cp, fixtures.Options{}, both(strict, nodeIP("192.0.2.11")), "-> kubelet"},
		{"kubelet-verified", cp, fixtures.Options{}, both(strict, served, nodeIP("192.0.2.11")), "-> kubelet"},
		{"kubelet-verified-ipv6", cp, fixtures.Options{}, both(strict, served, nodeIP("2001:db8::11,192.0.2.11")), "-> kubelet"},
		{"kubelet-verified-unspecified", cp, fixtures.Options{}, both(strict, served, nodeIP("::")), "-> kubelet"},
		{"kubelet-verified-no-address", cp, fixtures.Options{}, both(strict, served), "-> kubelet"},
		{"kubelet-port", cp, fixtures.Options{}, func(c *fixtures.Cluster) { c.Node.Append(kubeletConfig, []byte("port: 10350\n")) }, "-> kubelet"},
		{"kubelet-other-client-ca", cp, fixtures.Options{}, replace(kubeletConfig, "clientCAFile: "+pki+"/ca.crt", "clientCAFile: "+pki+"/front-proxy-ca.crt"), "-> kubelet"},
		{"kubelet-no-client-ca", cp, fixtures.Options{}, replace(kubeletConfig, "    clientCAFile: "+pki+"/ca.crt\n", "    clientCAFile: \"\"\n"), "-> kubelet"},
		{"kubelet-nobody-calls", cp, fixtures.Options{}, both(replace(apiManifest, "    - --kubelet-client-certificate="+pki+"/apiserver-kubelet-client.crt\n", ""), replace(apiManifest, "    - --kubelet-client-key="+pki+"/apiserver-kubelet-client.key\n", "")), "-> kubelet"},
		{"kubelet-bootstrap", worker, fixtures.Options{}, func(c *fixtures.Cluster) {
			c.Node[etc+"/bootstrap-kubelet.conf"] = fixtures.File{Mode: 0o600, Data: []byte(webhook("https://192.0.2.11:6443", "    certificate-authority: "+pki+"/ca.crt\n", "token: abcdef.0123456789abcdef"))}
		}, "kubelet"},

		{"proxy", cp, fixtures.Options{}, proxy("--kubeconfig=/etc/kubernetes/proxy.conf"), "kube-proxy"},
		{"proxy-configuration", cp, fixtures.Options{}, both(proxy("--config=/etc/kubernetes/proxy.yaml"), put(etc+"/proxy.yaml", "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nclientConnection:\n  kubeconfig: /etc/kubernetes/proxy.conf\n")), "kube-proxy"},

		{"front-proxy-off", cp, fixtures.Options{}, replace(apiManifest, "    - --requestheader-client-ca-file="+pki+"/front-proxy-ca.crt\n", ""), "extension"},
		{"front-proxy-name", cp, fixtures.Options{}, replace(apiManifest, "--requestheader-allowed-names=front-proxy-client", "--requestheader-allowed-names=aggregator"), "extension"},

		{"webhook-authentication", cp, fixtures.Options{}, hooked("--authentication-token-webhook-config-file", webhook("https://hook.example.com", "    certificate-authority: ca.crt\n", "")), "hook"},
		{"webhook-authorization-client", cp, fixtures.Options{}, hooked("--authorization-webhook-config-file", webhook("https://hook.example.com", "    certificate-authority: ca.crt\n", "client-certificate: front-proxy-client.crt, client-key: front-proxy-client.key")), "hook"},
		{"webhook-client-expired", cp, fixtures.Options{}, both(lasts(pki+"/front-proxy-client", 365*day, -day),
			hooked("--authorization-webhook-config-file", webhook("https://hook.example.com", "    certificate-authority: ca.crt\n", "client-certificate: front-proxy-client.crt, client-key: front-proxy-client.key"))), "hook"},
		{"webhook-audit-host-roots", cp, fixtures.Options{}, hooked("--audit-webhook-config-file", webhook("https://hook.example.com", "", "token: abc")), "hook"},
		{"webhook-insecure", cp, fixtures.Options{}, hooked("--audit-webhook-config-file", webhook("https://hook.example.com", "    insecure-skip-tls-verify: true\n", "")), "hook"},
		{"webhook-http", cp, fixtures.Options{}, hooked("--audit-webhook-config-file", webhook("http://127.0.0.1:8080", "", "")), "hook"},
		{"webhook-ca-missing", cp, fixtures.Options{}, hooked("--audit-webhook-config-file", webhook("https://hook.example.com", "    certificate-authority: gone.crt\n", "")), "hook"},
		{"webhook-authorizers", cp, fixtures.Options{}, both(apiFlag("--authorization-config="+pki+"/authz.yaml"), put(pki+"/hook.conf", webhook("https://hook.example.com", "    certificate-authority: ca.crt\n", "")),
			put(pki+"/authz.yaml", "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthorizationConfiguration\nauthorizers:\n- type: Webhook\n  name: hook\n  webhook:\n    connectionInfo: {type: KubeConfigFile, kubeConfigFile: "+pki+"/hook.conf}\n")), "hook"},
		{"oidc", cp, fixtures.Options{}, apiFlag("--oidc-issuer-url=https://issuer.example.com", "--oidc-ca-file="+pki+"/ca.crt"), "OIDC"},
		{"oidc-host-roots", cp, fixtures.Options{}, apiFlag("--oidc-issuer-url=https://issuer.example.com"), "OIDC"},
		{"oidc-ca-missing", cp, fixtures.Options{}, apiFlag("--oidc-issuer-url=https://issuer.example.com", "--oidc-ca-file="+pki+"/gone.crt"), "OIDC"},

		{"user", cp, fixtures.Options{}, user(unchanged), "kubectl"},
		{"user-stale-ca", cp, fixtures.Options{}, staleUser, "kubectl"},
		{"user-stale-ca-two-contexts", cp, fixtures.Options{}, both(staleUser, func(c *fixtures.Cluster) {
			f := c.Node["/root/.kube/config"]
			f.Data = []byte(secondContext(string(f.Data)))
			c.Node["/root/.kube/config"] = f
		}), "kubectl"},
		{"user-stale-client", cp, fixtures.Options{}, both(user(unchanged), func(c *fixtures.Cluster) {
			namesake(c)
			c.Embed("/root/.kube/config", fixtures.Spec{CommonName: "kubernetes-admin", Organizations: []string{"kubeadm:cluster-admins"}, Usages: nil, Signer: "namesake"})
		}), "kubectl"},
		{"user-unknown-name", cp, fixtures.Options{}, user(func(config string) string {
			return strings.ReplaceAll(secondContext(config), "192.0.2.11", "api.example.org")
		}), "kubectl"},
		{"user-token", cp, fixtures.Options{}, user(func(config string) string {
			before, _, _ := strings.Cut(config, "    client-certificate-data:")
			return before + "    token: abc\n"
		}), "kubectl"},
		{"user-placeholder", cp, fixtures.Options{}, user(func(config string) string {
			return regexp.MustCompile(`client-certificate-data: \S+`).ReplaceAllString(config, "client-certificate-data: DATA+OMITTED")
		}), "kubectl"},
		{"user-no-host", cp, fixtures.Options{}, user(func(config string) string {
			return strings.ReplaceAll(config, "https://192.0.2.11:6443", "https://")
		}), "kubectl"},

		{"serving-expired", cp, fixtures.Options{}, lasts(serving, 365*day, -day), "broken by findings"},
		{"serving-key-mismatch", cp, fixtures.Options{}, func(c *fixtures.Cluster) { c.WriteKey(serving+".key", "another") }, "broken by findings"},
		{"serving-other-ca", cp, fixtures.Options{}, both(other, signer(serving, "other")), "broken by findings"},
		{"serving-made-up", cp, fixtures.Options{}, madeUp, "broken by findings"},
		{"client-ca-missing", cp, fixtures.Options{}, apiFlag("--client-ca-file=" + pki + "/gone.crt"), "broken by findings"},
		{"etcd-ca-missing", cp, fixtures.Options{}, remove(pki + "/etcd/ca.crt"), "broken by findings"},
		{"etcd-serving-missing", cp, fixtures.Options{}, remove(etcdServing + ".crt"), "broken by findings"},
		{"etcd-serving-for-servers", cp, fixtures.Options{}, usages(etcdServing, 1), "broken by findings"},
		{"kubernetes-ca-expired", cp, fixtures.Options{}, func(c *fixtures.Cluster) {
			old := c.CertificatePEM(fixtures.CA)
			c.NewCA(fixtures.CA, fixtures.Spec{CommonName: "kubernetes", DNSNames: []string{"kubernetes"}, NotBefore: fixtures.Now.Add(-3650 * day), NotAfter: fixtures.Now.Add(-day)})
			c.WriteCA(fixtures.CA, pki+"/ca")
			for _, name := range []string{"admin", "super-admin", "controller-manager", "scheduler", "kubelet"} {
				c.Node.Replace(etc+"/"+name+".conf", encodedPEM(old), encodedPEM(c.CertificatePEM(fixtures.CA)))
			}
		}, "broken by findings"},
		{"signing-key-mismatch", cp, fixtures.Options{}, func(c *fixtures.Cluster) { c.WriteKey(pki+"/ca.key", "another") }, "signed by"},
		{"signing-missing", cp, fixtures.Options{}, replace(scratch, "signing-cert-file="+pki+"/ca.crt", "signing-cert-file="+pki+"/gone.crt"), "signed by"},
		{"tokens-other-key", cp, fixtures.Options{}, func(c *fixtures.Cluster) { c.WriteKey(pki+"/sa.key", "another") }, "tokens"},
		{"sni-other-ca", cp, fixtures.Options{}, both(sni(pki+"/sni", ":kubernetes.default", public), dials("kubernetes.default")), "kube-scheduler"},
	}
}

func TestConnections(t *testing.T) {
	for _, c := range configurations() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := resultOf(t, c.name, c.node)
			golden(t, filepath.Join("testdata", "connections", c.name+".txt"), []byte(connectionLines(r, c.about)))
		})
	}
}

// everyNode calls a function with each scenario and each configuration, audited,
// at the same time, and waits for all.
func everyNode(t *testing.T, do func(t *testing.T, r audit.Result)) {
	t.Helper()
	if testing.Short() {
		t.Skip("audits every node")
	}
	nodes := map[string]func() fixtures.Node{}
	for _, s := range fixtures.Scenarios() {
		nodes[s.Name] = s.Node
	}
	for _, c := range configurations() {
		nodes[c.name] = c.node
	}
	t.Run("nodes", func(t *testing.T) {
		for name, node := range nodes {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				do(t, resultOf(t, name, node))
			})
		}
	})
}

// Whatever breaks has a cause, and what a finding is said to break is broken. A
// check of connections is silent where another finding names the cause.
func TestEveryBreakHasOneCause(t *testing.T) {
	everyNode(t, func(t *testing.T, r audit.Result) {
		broken := map[string]bool{}
		for _, c := range r.Connections {
			if c.Status == audit.VerdictBroken {
				broken[c.Client+" -> "+c.Server] = true
			}
		}
		causes := map[string][]string{}
		for _, f := range r.Findings {
			for _, label := range f.Breaks {
				if !broken[label] {
					t.Errorf("%s breaks %s, which is not broken", f.Check, label)
				}
				causes[label] = append(causes[label], f.Check)
			}
			if strings.HasPrefix(f.Check, "connections/") && f.Check != "connections/address" && len(f.Breaks) == 0 {
				t.Errorf("%s breaks nothing: %s", f.Check, f.Message)
			}
		}
		for label := range broken {
			if len(causes[label]) == 0 {
				t.Errorf("nothing explains why %s is broken", label)
			}
		}
		for label, checks := range causes {
			own := slices.ContainsFunc(checks, func(id string) bool { return strings.HasPrefix(id, "connections/") })
			if own && slices.ContainsFunc(checks, func(id string) bool { return !strings.HasPrefix(id, "connections/") }) {
				t.Errorf("%s is broken by %q: one cause is told twice", label, checks)
			}
		}
	})
}

// Lists that nobody has are not resolved to their ends.
func TestLongLists(t *testing.T) {
	hosts := []string{"192.0.2.11"}
	for i := range 99 {
		hosts = append(hosts, fmt.Sprintf("198.51.100.%d", i))
	}
	many := func(config string) string {
		var contexts strings.Builder
		for i := range 999 {
			fmt.Fprintf(&contexts, "- {name: c%d, context: {cluster: kubernetes, user: kubernetes-admin}}\n", i)
		}
		return strings.Replace(config, "contexts:\n", "contexts:\n"+contexts.String(), 1)
	}
	c := fixtures.ControlPlane(fixtures.Options{})
	both(members("https", hosts...), user(many))(c)
	r := auditNode(t, c.Node, audit.Options{})
	count := map[string]int{}
	var rest []string
	for _, c := range r.Connections {
		label := inWords(c.Client) + " -> " + inWords(c.Server)
		if strings.HasSuffix(c.Reason, " more were not resolved") {
			rest = append(rest, fmt.Sprintf("%s -> %s: %s, %s", c.Client, c.Server, c.Status, c.Reason))
			continue
		}
		count[label]++
	}
	want := []string{
		"kubectl (/root/.kube/config, other contexts) -> kube-apiserver: unknown, 505 more were not resolved",
		"kube-apiserver -> etcd: unknown, 36 more were not resolved",
		"etcd -> etcd peer of others: unknown, 36 more were not resolved",
	}
	compare(t, want, rest)
	if count["kubectl (FILE, context NAME) -> kube-apiserver"] != 495 || count["kube-apiserver -> etcd"] != 64 || count["etcd -> etcd peer NAME"] != 63 {
		t.Errorf("resolved: %v", count)
	}
}

// A file that this program may not read tells nothing of a connection.
func TestUnreadableIsUnknown(t *testing.T) {
	for _, tt := range []struct{ file, from, to, want string }{
		{serving + ".crt", "kube-scheduler", "kube-apiserver", "unknown/ok"},
		{serving + ".key", "kube-scheduler", "kube-apiserver", "ok/ok"},
		{pki + "/etcd/ca.crt", "kube-apiserver", "etcd", "unknown/unknown"},
		{etcdClient + ".crt", "kube-apiserver", "etcd", "ok/unknown"},
		{pki + "/ca.key", "certificates signed by kube-controller-manager", "kube-apiserver", "-/ok"},
		{pki + "/ca.crt", "certificates signed by kube-controller-manager", "kube-apiserver", "-/unknown"},
	} {
		t.Run(tt.file, func(t *testing.T) {
			inv := gathered(t, fixtures.ControlPlane(fixtures.Options{}).Node)
			f := inv.Files[tt.file]
			f.State, f.Reason = inventory.Unreadable, "may not be read by this user"
			inv.Files[tt.file] = f
			delete(inv.Materials, tt.file)
			c := connection(t, audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now}), tt.from, tt.to)
			if got := c.ServerTrust + "/" + c.ClientTrust; got != tt.want {
				t.Errorf("%s (%s); expected %s", got, c.Reason, tt.want)
			}
		})
	}
}

// documented replaces what differs between clusters in the names of the ends by
// the words of docs/connections.md.
var documented = []struct {
	pattern *regexp.Regexp
	word    string
}{
	{regexp.MustCompile(`^kubectl \(.*\)$`), "kubectl (FILE, context NAME)"},
	{regexp.MustCompile(`^etcd peer .*$`), "etcd peer NAME"},
	{regexp.MustCompile(`^hook\.conf .*$`), "FILE CLUSTER"},
	{regexp.MustCompile(`^konnectivity-server$`), "PROGRAM"},
	{regexp.MustCompile(`^service account tokens of .*$`), "service account tokens of COMPONENT"},
}

func inWords(end string) string {
	for _, d := range documented {
		end = d.pattern.ReplaceAllString(end, d.word)
	}
	return end
}

// docs/connections.md has a row for each pair of ends, and no other.
func TestConnectionsAreDocumented(t *testing.T) {
	seen := map[string]bool{}
	var mutex sync.Mutex
	everyNode(t, func(_ *testing.T, r audit.Result) {
		mutex.Lock()
		defer mutex.Unlock()
		for _, c := range r.Connections {
			seen[fmt.Sprintf("| `%s` | `%s` |", inWords(c.Client), inWords(c.Server))] = true
		}
	})
	page, err := os.ReadFile(filepath.Join("..", "docs", "connections.md"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for line := range strings.Lines(string(page)) {
		if cells := strings.SplitN(line, " | ", 3); len(cells) == 3 && strings.HasPrefix(line, "| `") && strings.HasPrefix(cells[1], "`") {
			rows = append(rows, cells[0]+" | "+cells[1]+" |")
		}
	}
	for row := range seen {
		if !slices.Contains(rows, row) {
			t.Errorf("docs/connections.md lacks the row %s", row)
		}
	}
	for i, row := range rows {
		if !seen[row] || slices.Contains(rows[:i], row) {
			t.Errorf("docs/connections.md has the row %s, which nothing prints or which is there before", row)
		}
	}
	for _, verdict := range []string{audit.VerdictOK, audit.VerdictBroken, audit.VerdictUnverified, audit.VerdictUnknown, audit.VerdictNone} {
		if !strings.Contains(string(page), "\n| `"+verdict+"` | ") {
			t.Errorf("docs/connections.md does not say what %q means", verdict)
		}
	}
}
