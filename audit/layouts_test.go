package audit_test

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"certaudit/audit"
	"certaudit/audit/inventory"
	"certaudit/fixtures"
)

// A distribution is left over beside a kubelet of the node's own, and where nothing
// starts it, only what lies there is judged.
func TestDistributions(t *testing.T) {
	const tls = "/var/lib/rancher/k3s/server/tls"
	k3s := fixtures.Node{tls + "/server-ca.crt": {Data: []byte("x"), Mode: 0o644}}
	want := []string{
		"critical files/malformed " + tls + "/server-ca.crt kube-apiserver --kubelet-certificate-authority: holds neither PEM nor DER",
		"info input/unsupported /var/lib/rancher/k3s: holds files of k3s, and nothing here says how it is started; what lies there was judged, as if it were started without settings",
	}
	got := slices.DeleteFunc(told(auditNode(t, k3s, audit.Options{})), func(s string) bool { return !strings.HasPrefix(s, "critical ") && !strings.HasPrefix(s, "info ") })
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("k3s (-want +got):\n%s", diff)
	}
	worker := fixtures.Worker(fixtures.Options{}).Node
	sound := told(auditNode(t, worker, audit.Options{}))
	worker[tls+"/server-ca.crt"] = k3s[tls+"/server-ca.crt"]
	if diff := gocmp.Diff(sound, told(auditNode(t, worker, audit.Options{}))); diff != "" {
		t.Errorf("a worker that was once k3s (-without +with):\n%s", diff)
	}
}

// described are what nodes are made by.
func described(r audit.Result) []string {
	out := []string{}
	for _, n := range r.Nodes {
		if d := n.Distribution; d != nil {
			out = append(out, fmt.Sprintf("%s %s %s %s", d.Name, d.Mode, d.Data, d.Unit))
		}
	}
	return out
}

func TestDistributionIsNamed(t *testing.T) {
	named := func(path string) fixtures.Node {
		n := fixtures.ControlPlane(fixtures.Options{}).Node
		n[path] = fixtures.File{Data: []byte("x"), Mode: 0o644}
		return n
	}
	for name, tt := range map[string]struct {
		node fixtures.Node
		want string
	}{
		"k3s":        {fixtures.K3sServer(fixtures.Options{}).Node, "[k3s server /var/lib/rancher/k3s k3s.service]"},
		"k3s agent":  {fixtures.K3sAgent(fixtures.Options{}).Node, "[k3s agent /var/lib/rancher/k3s k3s-agent.service]"},
		"RKE2":       {fixtures.RKE2Server(fixtures.Options{}).Node, "[RKE2 server /var/lib/rancher/rke2 rke2-server.service]"},
		"k0s":        {fixtures.K0sController(fixtures.Options{}).Node, "[k0s controller /var/lib/k0s k0scontroller.service]"},
		"k0s worker": {fixtures.K0sWorker(fixtures.Options{}).Node, "[k0s worker /var/lib/k0s k0sworker.service]"},
		"MicroK8s":   {fixtures.MicroK8s(fixtures.Options{}).Node, "[MicroK8s node /var/snap/microk8s/current snap.microk8s.daemon-kubelite.service]"},
		"kubeadm":    {fixtures.ControlPlane(fixtures.Options{}).Node, "[]"},
		"minikube":   {named("/var/lib/minikube/certs/x"), "[minikube node /var/lib/minikube ]"},
		"kind":       {named("/kind/version"), "[kind node /kind ]"},
		"OpenShift":  {named("/etc/kubernetes/static-pod-resources/x"), "[OpenShift node /etc/kubernetes/static-pod-resources ]"},
		"kops":       {named("/opt/kops/bin/nodeup"), "[kops node /srv/kubernetes ]"},
		"kubeadm with a file of its configuration": {named("/etc/kubernetes/kubeadm-config.yaml"), "[]"},
		"by hand": {fixtures.Native(fixtures.Options{}).Node, "[]"},
	} {
		if got := fmt.Sprint(described(auditNode(t, tt.node, audit.Options{}))); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

// layoutExample is the policy of docs/layouts.md.
func layoutExample(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../docs/layouts.md")
	do(t, err)
	_, rest, _ := strings.Cut(string(page), "```yaml\n")
	example, _, _ := strings.Cut(rest, "```")
	return example
}

// The layout of the page is followed, in its settings, conditions and remedies.
func TestLayoutOfOnesOwn(t *testing.T) {
	policy, err := audit.ParsePolicy("policy.yaml", []byte(layoutExample(t)))
	do(t, err)
	c := fixtures.ControlPlane(fixtures.Options{NodeName: "acme-1"})
	const dir = "/srv/acme"
	c.WriteCA(fixtures.CA, dir+"/pki/ca")
	c.Issue(dir+"/pki/apiserver", fixtures.Spec{CommonName: "acme", DNSNames: []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"},
		IPs: []string{"10.99.0.1", "192.0.2.11"}, NotAfter: fixtures.Now.AddDate(0, 0, -3), NotBefore: fixtures.Now.AddDate(-1, 0, 0)})
	node := fixtures.Node{"/etc/hostname": {Data: []byte("acme-1\n"), Mode: 0o644}}
	for _, name := range []string{"/pki/ca.crt", "/pki/ca.key", "/pki/apiserver.crt", "/pki/apiserver.key"} {
		node[dir+name] = c.Node[dir+name]
	}
	node[dir+"/pki/sa.key"] = c.Node["/etc/kubernetes/pki/sa.key"]
	node["/etc/acme/acme.yaml"] = fixtures.File{Data: []byte("network: {serviceRange: 10.1.0.0/16}\n"), Mode: 0o644}
	node["/etc/acme/acme.yaml.d/range.yaml"] = fixtures.File{Data: []byte("network: {serviceRange: 10.99.0.0/16}\n"), Mode: 0o644}
	node["/etc/systemd/system/acmed.service"] = fixtures.File{Data: []byte("[Service]\nExecStart=/usr/bin/acmed master --data-dir /srv/acme\n"), Mode: 0o644}
	root := t.TempDir()
	do(t, node.Write(root))
	inv, err := inventory.Clock{Layouts: policy.Layouts}.Gather(root)
	do(t, err)
	r := audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now, Policy: policy})
	if got, want := fmt.Sprint(described(r)), "[Acme master /srv/acme acmed.service]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	var got []string
	for _, f := range r.Findings {
		if f.Severity != audit.Info {
			got = append(got, f.Label())
		}
	}
	if diff := gocmp.Diff([]string{"validity/expired /srv/acme/pki/apiserver.crt"}, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	var commands []string
	for _, s := range r.Plan {
		if s.Phase == audit.PhasePlace {
			commands = append(commands, s.Commands...)
		}
	}
	if diff := gocmp.Diff([]string{"acmed certs renew --dir /srv/acme/pki", "systemctl restart acmed"}, commands); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
	const advice = "# acmed renews what ends within a month each time it starts"
	if !slices.ContainsFunc(r.Plan, func(s audit.Step) bool {
		return s.Phase == audit.PhaseLook && slices.Equal(s.Commands, []string{advice})
	}) {
		t.Errorf("the plan does not say %q", advice)
	}
	if got := r.Nodes[0].Distribution.Elsewhere; got != "the databases are on hosts of their own: acmectl databases" {
		t.Errorf("elsewhere: %q", got)
	}
}

// The folder of a distribution stands quoted in commands, whatever it is called.
func TestLayoutCommandsAreQuoted(t *testing.T) {
	c := fixtures.K3sServer(fixtures.Options{})
	c.Reissue("/var/lib/rancher/k3s/server/tls/serving-kube-apiserver", func(s *fixtures.Spec) { s.NotAfter = fixtures.Now.AddDate(0, 0, -1) })
	node := fixtures.Node{}
	for name, f := range c.Node {
		f.Data = []byte(strings.ReplaceAll(string(f.Data), "/var/lib/rancher/k3s", "/data/$(x) k3s"))
		node[strings.Replace(name, "/var/lib/rancher/k3s", "/data/$(x) k3s", 1)] = f
	}
	node["/etc/rancher/k3s/config.yaml"] = fixtures.File{Data: []byte("data-dir: /data/$(x) k3s\n"), Mode: 0o644}
	r := auditNode(t, node, audit.Options{})
	i := slices.IndexFunc(r.Plan, func(s audit.Step) bool { return s.Phase == audit.PhasePlace })
	if i < 0 || r.Plan[i].Commands[1] != "k3s certificate rotate --data-dir '/data/$(x) k3s' || { systemctl start k3s; false; }" {
		t.Errorf("plan %v", r.Plan)
	}
}

func TestLayoutErrors(t *testing.T) {
	for _, tt := range []struct{ name, old, new, want string }{
		{"no data", "data: /var/lib/acme ", "data: acme ", `policy.yaml:4: "acme" is no absolute path; data is the folder in which the distribution keeps its files`},
		{"unknown component", "name: kube-apiserver", "name: apiserver", `policy.yaml:14: unknown component "apiserver"; it is one of kube-apiserver, kube-controller-manager, kube-scheduler, kube-proxy, kubelet, etcd`},
		{"unknown mode", "modes: [master]", "modes: [server]", `policy.yaml:15: "server" is no mode of the layout`},
		{"unknown setting", "off: [external-etcd]", "off: [kine]", `policy.yaml:26: "kine" is no setting of the layout`},
		{"unknown role", "role: admin/client", "role: admin", `policy.yaml:32: unknown role "admin"`},
		{"unknown holding", "holds: kubeconfig", "holds: conf", `policy.yaml:32: unknown holding "conf"; it is one of certificate, bundle, kubeconfig, token-key, token-verifier, secret`},
		{"unknown placeholder", "{services}", "{service}", `policy.yaml:17: "--service-cluster-ip-range={service}": "service" is no setting of the layout`},
		{"empty advice", `text: "acmed renews what ends within a month each time it starts"`, `text: ""`, `policy.yaml:39: an advice has no text`},
		{"setting in a command", "--dir {data}/pki", "--dir {services}", `policy.yaml:37: "acmed certs renew --dir {services}": {services} does not stand for anything here; {data} and {unit} do`},
		{"no flag", "--client-ca-file={data}/pki/ca.crt\n", "client-ca-file={data}/pki/ca.crt\n", `policy.yaml:18: "client-ca-file={data}/pki/ca.crt" is no flag; it is written like --name=value`},
		{"unknown flag", "--tls-cert-file=", "--tls-certfile=", `policy.yaml:19: kube-apiserver has no flag --tls-certfile`},
		{"broken pattern", "files: [pki/*]", "files: [\"pki/[\"]", `policy.yaml:36: "pki/[" is no pattern of file names: a bracket is open`},
		{"path out of its folder", "path: admin.conf", "path: ../admin.conf", `policy.yaml:32: "../admin.conf" leads out of its folder`},
		{"unknown field", "field: network.serviceRange", "field: network..serviceRange", `policy.yaml:11: "network..serviceRange" is no field; it is written like network.addresses[]`},
		{"mode of a file", "data: /var/lib/acme ", "file-mode: rw\n  data: /var/lib/acme ", `policy.yaml:4: "rw" is no mode of a file; it is written like "0644"`},
		{"pattern of no check", `checks: ["validity/*"]`, `checks: ["valdity/*"]`, `policy.yaml:39: "valdity/*" is the pattern of no check; "certaudit checks" lists them`},
		{"unknown profile", "program: acmed", "profile: acme", `policy.yaml:3: unknown profile "acme"`},
		{"unknown key", "program: acmed", "programme: acmed", `policy.yaml: line 3: unknown key "programme" (did you mean "program"?); known are name, profile`},
	} {
		example := layoutExample(t)
		if !strings.Contains(example, tt.old) {
			t.Fatalf("%s: %q is not in the page", tt.name, tt.old)
		}
		_, err := audit.ParsePolicy("policy.yaml", []byte(strings.Replace(example, tt.old, tt.new, 1)))
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
}

// The page has a row for each layout of the program, with what shows it.
func TestLayoutsPage(t *testing.T) {
	page, err := os.ReadFile("../docs/layouts.md")
	do(t, err)
	for _, l := range inventory.Layouts() {
		_, rest, found := strings.Cut(string(page), "\n| "+l.Name+" |")
		row, _, _ := strings.Cut(rest, "\n")
		if !found {
			t.Errorf("docs/layouts.md has no row of %s", l.Name)
		}
		for _, word := range append([]string{l.Program, l.Data}, l.Services[:min(len(l.Services), 1)]...) {
			if !strings.Contains(row, strings.TrimSuffix(word, "/config.json")) && word != "" {
				t.Errorf("docs/layouts.md: the row of %s lacks %q", l.Name, word)
			}
		}
	}
}

// A distribution writes the manifests of its static pods at each start: what is not in
// one is no mistake of anybody's.
func TestGeneratedManifest(t *testing.T) {
	const manifest = "/var/lib/rancher/rke2/agent/pod-manifests/kube-apiserver.yaml"
	const unknown = "done identity/san-missing: the API server's advertised address is not known, so the ipAddress of kube-apiserver/serving was not held against it; how the API server calls the kubelet is not known, so the dnsName of kubelet/serving was not held against it"
	testEdges(t, fixtures.RKE2Server, []edge{
		{name: "whole", want: []string{unknown}},
		{name: "a part", change: replace(manifest, "    - --service-account-issuer=https://kubernetes.default.svc.cluster.local\n", ""), want: []string{
			"info flags/missing " + manifest + " --service-account-issuer: --service-account-issuer of kube-apiserver is not set: it does not start; RKE2 writes " + manifest + " at each start, so that this may be a part of it", unknown}},
	})
}

// Where a log is looked for goes by what starts the kubelet.
func TestLogsOfDistributions(t *testing.T) {
	overdue := func(c *fixtures.Cluster) fixtures.Node {
		for _, name := range c.Node.Paths() {
			if inventory.IsRotated(path.Base(name)) && strings.Contains(name, "client") {
				c.Reissue(name, func(s *fixtures.Spec) { s.NotBefore, s.NotAfter = fixtures.Now.Add(-360*day), fixtures.Now.Add(5*day) })
			}
		}
		return c.Node
	}
	for name, tt := range map[string]struct {
		node fixtures.Node
		want string
	}{
		"Talos": {overdue(fixtures.TalosWorker(fixtures.Options{})), "talosctl logs kubelet | grep -i certificate"},
	} {
		r := auditNode(t, tt.node, audit.Options{})
		i := slices.IndexFunc(r.Findings, func(f audit.Finding) bool { return f.Check == "validity/rotation-overdue" })
		if i < 0 || !strings.Contains(r.Findings[i].Remedy, tt.want) {
			t.Errorf("%s: no finding says %q: %v", name, tt.want, r.Findings)
		}
	}
}
