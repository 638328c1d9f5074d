package parsers

import (
	"encoding/base64"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// embeddedAt is what a test sees of an [Embedded]: certificates by their hash.
type embeddedAt struct {
	Origin   Origin
	Material summary
}

// kubeconfigTransform makes [Embedded] comparable.
var kubeconfigTransform = cmp.Transformer("embedded", func(e Embedded) embeddedAt {
	return embeddedAt{e.Origin, summarize(e.Material)}
})

func conf(line int, field string) Origin { return Origin{Path: "/p", Line: line, Field: field} }

func confText(line int, field, value string) Text { return Text{value, conf(line, field)} }

func confProblem(line int, field, detail string) Problem {
	return Problem{conf(line, field), KindSyntax, detail}
}

// brokenData is an embedded field that holds no data.
func brokenData(at Origin, kind Kind, detail string) Embedded {
	return Embedded{at, Material{Problems: []Problem{{at, kind, detail}}}}
}

// parseKubeconfig parses a text as /p and returns the kubeconfig that it is.
func parseKubeconfig(t *testing.T, text string) Kubeconfig {
	t.Helper()
	docs, problems := ParseDocuments("/p", []byte(text))
	if len(docs) != 1 || len(problems) != 0 {
		t.Fatalf("%d documents, problems %+v", len(docs), problems)
	}
	k, ok := docs[0].Kubeconfig()
	if !ok {
		t.Fatal("no kubeconfig")
	}
	return k
}

const kubeconfigText = `apiVersion: v1
kind: Config
current-context: second
preferences: {}
clusters:
- name: embedded
  cluster:
    server: https://192.0.2.1:6443
    certificate-authority-data: CERTIFICATE
    tls-server-name: kubernetes.example
    proxy-url: http://proxy.example:3128
- name: files
  cluster:
    certificate-authority: pki/ca.crt
    certificate-authority-data: ""
    insecure-skip-tls-verify: yes
- name: bare
contexts:
- name: first
  context: {cluster: embedded, user: files, namespace: x}
- name: second
  context:
    cluster: files
    user: embedded
- name: dangling
  context: {cluster: none, user: none}
users:
- name: embedded
  user:
    client-certificate-data: CERTIFICATE
    client-key-data: |
      KEY
- name: files
  user: {client-certificate: /var/lib/kubelet/pki/kubelet-client-current.pem, client-key: ../a.key, token: "", exec: null}
- name: token
  user: {token: secret}
- name: token file
  user: {tokenFile: /token}
- name: password
  user: {username: x, password: y}
- name: exec
  user:
    exec: {command: aws}
- name: provider
  user: {auth-provider: {name: gcp}}
- user: {}
  name: 7
- name: bare
`

// certificateData and keyData are what kubeadm embeds: base64 of PEM.
func certificateData(t testing.TB) string {
	return base64.StdEncoding.EncodeToString([]byte(certificatePEM(t)))
}

func keyData(t testing.TB) string {
	return base64.StdEncoding.EncodeToString(testFile(t, "ed25519.pem"))
}

// material is what a field at an origin holds.
func material(t testing.TB, at Origin, file string) Embedded {
	return Embedded{at, ParseMaterial(at, testFile(t, file))}
}

func TestKubeconfig(t *testing.T) {
	got := parseKubeconfig(t, strings.NewReplacer("CERTIFICATE", certificateData(t), "KEY", keyData(t)).Replace(kubeconfigText))
	user := func(line, index int, name string) KubeUser {
		return KubeUser{Name: name, Origin: conf(line, "users["+string(rune('0'+index))+"].user")}
	}
	with := func(u KubeUser, change func(*KubeUser)) KubeUser {
		change(&u)
		return u
	}
	token := func(u *KubeUser) { u.TokenAuth = true }
	exec := func(u *KubeUser) { u.Exec = true }
	want := Kubeconfig{
		Path:           "/p",
		CurrentContext: confText(3, "current-context", "second"),
		Clusters: []KubeCluster{
			{Name: "embedded", Origin: conf(8, "clusters[0].cluster"),
				Server:        confText(8, "clusters[0].cluster.server", "https://192.0.2.1:6443"),
				CAData:        material(t, conf(9, "clusters[0].cluster.certificate-authority-data"), "certificate.der"),
				TLSServerName: confText(10, "clusters[0].cluster.tls-server-name", "kubernetes.example"),
				ProxyURL:      confText(11, "clusters[0].cluster.proxy-url", "http://proxy.example:3128")},
			{Name: "files", Origin: conf(14, "clusters[1].cluster"),
				CAFile:                confText(14, "clusters[1].cluster.certificate-authority", "pki/ca.crt"),
				InsecureSkipTLSVerify: true},
			{Name: "bare", Origin: conf(17, "clusters[2].cluster")},
		},
		Contexts: []KubeContext{
			{Name: "first", Origin: conf(20, "contexts[0].context"), Cluster: "embedded", User: "files"},
			{Name: "second", Origin: conf(23, "contexts[1].context"), Cluster: "files", User: "embedded"},
			{Name: "dangling", Origin: conf(26, "contexts[2].context"), Cluster: "none", User: "none"},
		},
		Users: []KubeUser{
			with(user(30, 0, "embedded"), func(u *KubeUser) {
				u.CertificateData = material(t, conf(30, "users[0].user.client-certificate-data"), "certificate.der")
				u.KeyData = material(t, conf(31, "users[0].user.client-key-data"), "ed25519.pem")
			}),
			with(user(34, 1, "files"), func(u *KubeUser) {
				u.CertificateFile = confText(34, "users[1].user.client-certificate", "/var/lib/kubelet/pki/kubelet-client-current.pem")
				u.KeyFile = confText(34, "users[1].user.client-key", "../a.key")
			}),
			with(user(36, 2, "token"), token),
			with(user(38, 3, "token file"), token),
			with(user(40, 4, "password"), token),
			with(user(43, 5, "exec"), exec),
			with(user(45, 6, "provider"), exec),
			user(46, 7, "7"),
			user(48, 8, "bare"),
		},
	}
	if diff := cmp.Diff(want, got, kubeconfigTransform); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	cluster, found, ok := got.Current()
	if cluster.Name != "files" || found.Name != "embedded" || !ok {
		t.Errorf("Current gives %q, %q, %v", cluster.Name, found.Name, ok)
	}
}

func TestKubeconfigJSON(t *testing.T) {
	got := parseKubeconfig(t, `{"clusters": [{"name": "a", "cluster": {"insecure-skip-tls-verify": true}}], "users": []}`)
	want := Kubeconfig{Path: "/p", Clusters: []KubeCluster{{Name: "a", Origin: conf(1, "clusters[0].cluster"), InsecureSkipTLSVerify: true}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestIsKubeconfig(t *testing.T) {
	tests := map[string]bool{
		"kind: Config\n":                          true,
		"kind: Config\nclusters: null\n":          true,
		"clusters: []\n":                          true,
		"users: []\n":                             true,
		"kind:\nusers: []\n":                      true,
		"kind: \"\"\nusers: []\n":                 true,
		"contexts: []\ncurrent-context: a\n":      false,
		"clusters: null\nusers: ~\n":              false,
		"kind: Pod\nusers: []\n":                  false,
		"kind: config\nclusters: []\n":            false,
		"kind: ConfigMap\ndata: {clusters: []}\n": false,
		"- kind: Config\n":                        false,
		"Config\n":                                false,
	}
	for text, want := range tests {
		if k, got := parse(t, text).Kubeconfig(); got != want || !want && !cmp.Equal(k, Kubeconfig{}) {
			t.Errorf("%q gives %+v, %v, want %v", text, k, got, want)
		}
	}
}

func TestKubeconfigProblems(t *testing.T) {
	const taken = ` is taken by the entry on line 2, and client-go refuses the file`
	inPath := func(key string) string {
		return `holds the data itself; the field takes the path of a file, and "` + key + `-data" takes the data in base64`
	}
	tests := []struct {
		name     string
		text     string
		clusters []KubeCluster
		users    []KubeUser
		contexts []KubeContext
		problems []Problem
	}{
		{name: "clusters of a mapping", text: "clusters: {a: b}\n", problems: []Problem{confProblem(1, "clusters", noList)}},
		{name: "users of text", text: "users: x\n", problems: []Problem{confProblem(1, "users", noList)}},
		{name: "a user of text", text: "users:\n- x\n- null\n- name: a\n",
			users:    []KubeUser{{Name: "a", Origin: conf(4, "users[2].user")}},
			problems: []Problem{confProblem(2, "users[0]", noMapping), confProblem(3, "users[1]", noMapping)}},
		{name: "the body of a user is text", text: "users:\n- name: a\n  user: x\n", problems: []Problem{confProblem(3, "users[0].user", noMapping)}},
		{name: "the name is a list", text: "users:\n- name: [a]\n  user: {}\n",
			users:    []KubeUser{{Origin: conf(3, "users[0].user")}},
			problems: []Problem{confProblem(2, "users[0].name", noText)}},
		{name: "fields are lists", text: "clusters:\n- name: a\n  cluster:\n    server: [x]\n    certificate-authority: [x]\n    certificate-authority-data: {x: y}\n    insecure-skip-tls-verify: []\n",
			clusters: []KubeCluster{{Name: "a", Origin: conf(4, "clusters[0].cluster")}},
			problems: []Problem{confProblem(4, "clusters[0].cluster.server", noText), confProblem(5, "clusters[0].cluster.certificate-authority", noText),
				confProblem(6, "clusters[0].cluster.certificate-authority-data", noText), confProblem(7, "clusters[0].cluster.insecure-skip-tls-verify", noTruth)}},
		{name: "the current context is a list", text: "kind: Config\ncurrent-context: [a]\n", problems: []Problem{confProblem(2, "current-context", noText)}},
		{name: "duplicate names", text: `clusters:
- {name: a, cluster: {server: first}}
- {name: a, cluster: {server: second}}
- {name: b}
contexts: [{name: c, context: {user: d}}, {name: c, context: {user: e}}]
users: [{name: d}, {name: D}, {name: d}]
`,
			clusters: []KubeCluster{{Name: "a", Origin: conf(2, "clusters[0].cluster"), Server: confText(2, "clusters[0].cluster.server", "first")},
				{Name: "b", Origin: conf(4, "clusters[2].cluster")}},
			contexts: []KubeContext{{Name: "c", Origin: conf(5, "contexts[0].context"), User: "d"}},
			users:    []KubeUser{{Name: "d", Origin: conf(6, "users[0].user")}, {Name: "D", Origin: conf(6, "users[1].user")}},
			problems: []Problem{
				confProblem(3, "clusters[1]", `the name "a"`+taken),
				confProblem(6, "users[2]", `the name "d" is taken by the entry on line 6, and client-go refuses the file`),
				confProblem(5, "contexts[1]", `the name "c" is taken by the entry on line 5, and client-go refuses the file`),
			}},
		{name: "a dash too many", text: "clusters:\n- name: a\n- cluster: {server: x}\nusers:\n- {name: a}\n- {name: b}\n- user: {}\n  name: c\n",
			clusters: []KubeCluster{{Name: "a", Origin: conf(3, "clusters[1].cluster"), Server: confText(3, "clusters[1].cluster.server", "x")}},
			users:    []KubeUser{{Name: "a", Origin: conf(5, "users[0].user")}, {Name: "b", Origin: conf(6, "users[1].user")}, {Name: "c", Origin: conf(7, "users[2].user")}},
			problems: []Problem{confProblem(3, "clusters[1]", `has no name, and the entry before it, "a", has no cluster: there is a dash too many, and client-go takes them for two`)}},
		{name: "data in the place of files", text: `users:
- name: a
  user:
    client-certificate: |
      -----BEGIN CERTIFICATE-----
    client-key: LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0t
clusters:
- name: a
  cluster: {certificate-authority: LS0tLS1CRUdJTiBDRVJU}
`,
			clusters: []KubeCluster{{Name: "a", Origin: conf(9, "clusters[0].cluster")}},
			users:    []KubeUser{{Name: "a", Origin: conf(4, "users[0].user")}},
			problems: []Problem{confProblem(9, "clusters[0].cluster.certificate-authority", inPath("certificate-authority")),
				confProblem(4, "users[0].user.client-certificate", inPath("client-certificate")),
				confProblem(6, "users[0].user.client-key", inPath("client-key"))}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := parseKubeconfig(t, tt.text)
			got.CurrentContext = Text{}
			want := Kubeconfig{Path: "/p", Clusters: tt.clusters, Users: tt.users, Contexts: tt.contexts, Problems: tt.problems}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestEmbedded: what a field of base64 may hold in practice.
func TestEmbedded(t *testing.T) {
	const field = "clusters[0].cluster.certificate-authority-data"
	const placeholder = "is a placeholder; kubectl config view prints the data only with --raw"
	at := conf(4, field)
	sound := material(t, at, "certificate.der")
	data := certificateData(t)
	half := len(data) / 2
	tests := []struct {
		name  string
		value string
		want  Embedded
	}{
		{"base64 of PEM", data, sound},
		{"quoted", `"` + data + `"`, sound},
		{"line breaks", "|\n      " + data[:half] + "\n      " + data[half:], sound},
		{"escaped line breaks", `"` + data[:half] + `\r\n` + data[half:] + `\n"`, sound},
		{"folded", ">\n      " + data[:half] + "\n      " + data[half:],
			brokenData(at, KindSyntax, "is base64 that was wrapped into lines, which YAML joins with blanks; expected all of it on one line")},
		{"base64 of DER", base64.StdEncoding.EncodeToString(testFile(t, "certificate.der")), sound},
		{"base64 of base64", base64.StdEncoding.EncodeToString([]byte(data)),
			brokenData(at, KindSyntax, "is base64 of a PEM file; decode it once more")},
		{"base64 of text", "cHJpdmF0ZSBrZXkgcmVtb3ZlZAo=", brokenData(at, KindSyntax, "holds neither PEM nor DER")},
		{"base64 of a line break", "Cg==", brokenData(at, KindEmpty, "holds nothing")},
		{"base64 without padding", "Cg", brokenData(at, KindSyntax, "is not base64: illegal base64 data at input byte 0")},
		{"base64 for URLs", "_-__", brokenData(at, KindSyntax, "is not base64: illegal base64 data at input byte 0")},
		{"PEM", "|\n      -----BEGIN CERTIFICATE-----\n      MII=", brokenData(at, KindSyntax, "is PEM; the field takes base64 of PEM")},
		{"omitted", "DATA+OMITTED", brokenData(at, KindSyntax, placeholder)},
		{"redacted", "REDACTED", brokenData(at, KindSyntax, placeholder)},
		{"redacted in a block", "|\n      REDACTED", brokenData(at, KindSyntax, placeholder)},
		{"angle brackets", "<base64>", brokenData(at, KindSyntax, "is a placeholder, not base64")},
		{"variable", "$CA_DATA", brokenData(at, KindSyntax, "is a placeholder, not base64")},
		{"template", `"{{ .CAData }}"`, brokenData(at, KindSyntax, "is a placeholder, not base64")},
		{"a path", "/etc/kubernetes/pki/ca.crt", brokenData(at, KindSyntax, "is not base64: illegal base64 data at input byte 22")},
		{"empty", `""`, Embedded{}},
		{"null", "null", Embedded{}},
		{"nothing", "", Embedded{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k := parseKubeconfig(t, "clusters:\n- name: a\n  cluster:\n    certificate-authority-data: "+tt.value+"\n")
			if diff := cmp.Diff(tt.want, k.Clusters[0].CAData, kubeconfigTransform); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			absent := cmp.Equal(tt.want, Embedded{}, kubeconfigTransform)
			if got := k.Clusters[0].CAData.IsZero(); got != absent {
				t.Errorf("IsZero is %v", got)
			}
			if k.Problems != nil {
				t.Errorf("problems %+v", k.Problems)
			}
		})
	}
}

func TestCurrent(t *testing.T) {
	const rest = "clusters: [{name: c}, {name: d}]\nusers: [{name: u}]\n" +
		"contexts: [{name: x, context: {cluster: c, user: u}}, {name: y, context: {cluster: none, user: u}}, {name: z, context: {cluster: d, user: none}}, {name: w}]\n"
	tests := []struct {
		context, cluster, user string
		ok                     bool
	}{
		{"current-context: x\n", "c", "u", true},
		{"current-context: y\n", "", "u", false},
		{"current-context: z\n", "d", "", true},
		{"current-context: w\n", "", "", false},
		{"current-context: X\n", "", "", false},
		{"current-context: \"\"\n", "", "", false},
		{"current-context: null\n", "", "", false},
		{"", "", "", false},
	}
	for _, tt := range tests {
		cluster, user, ok := parseKubeconfig(t, tt.context+rest).Current()
		if cluster.Name != tt.cluster || user.Name != tt.user || ok != tt.ok {
			t.Errorf("%q gives %q, %q, %v, want %q, %q, %v", tt.context, cluster.Name, user.Name, ok, tt.cluster, tt.user, tt.ok)
		}
	}
}

func TestClusterAndUser(t *testing.T) {
	k := parseKubeconfig(t, "clusters: [{name: a}, {name: b}]\nusers: [{name: b}]\n")
	tests := []struct {
		name          string
		cluster, user bool
	}{{"a", true, false}, {"b", true, true}, {"", false, false}}
	for _, tt := range tests {
		cluster, inClusters := k.Cluster(tt.name)
		user, inUsers := k.User(tt.name)
		if inClusters != tt.cluster || inUsers != tt.user || inClusters != (cluster.Origin != Origin{}) || inUsers != (user.Origin != Origin{}) {
			t.Errorf("%q gives %+v, %v and %+v, %v", tt.name, cluster, inClusters, user, inUsers)
		}
	}
}

func TestResolvePath(t *testing.T) {
	tests := []struct{ file, name, want string }{
		{"/etc/kubernetes/a.conf", "/etc/x", "/etc/x"},
		{"/etc/kubernetes/a.conf", "/etc/../x//y/", "/x/y"},
		{"/etc/kubernetes/a.conf", "pki/ca.crt", "/etc/kubernetes/pki/ca.crt"},
		{"/etc/kubernetes/a.conf", "./ca.crt", "/etc/kubernetes/ca.crt"},
		{"/etc/kubernetes/a.conf", "../ca.crt", "/etc/ca.crt"},
		{"/etc/kubernetes/a.conf", "../../../../ca.crt", "/ca.crt"},
		{"/a.conf", "ca.crt", "/ca.crt"},
		{"a.conf", "ca.crt", "ca.crt"},
		{"/etc/kubernetes/a.conf", "", ""},
	}
	for _, tt := range tests {
		if got := ResolvePath(tt.file, tt.name); got != tt.want {
			t.Errorf("ResolvePath(%q, %q) = %q, want %q", tt.file, tt.name, got, tt.want)
		}
	}
}

func kubeconfigCorpusProblems(k Kubeconfig) []Problem {
	problems := k.Problems
	for _, c := range k.Clusters {
		problems = append(problems, c.CAData.Material.Problems...)
	}
	for _, u := range k.Users {
		problems = append(problems, u.CertificateData.Material.Problems...)
		problems = append(problems, u.KeyData.Material.Problems...)
	}
	return problems
}

const (
	notMaterial = "holds neither PEM nor DER"
	keyField    = "users[0].user.client-key-data"
)

// notDocument is the problem of a systemd unit: YAML ends with its first
// section header.
func notDocument(line int) []Problem {
	return []Problem{confProblem(line, "", "is neither YAML nor JSON: did not find expected <document start>")}
}

// brokenKubeconfigs are the problems of the corpus by file. All private keys in
// it are replaced by base64 of text.
var brokenKubeconfigs = map[string][]Problem{
	"ManageIQ__kubeclient__test_config_allinone.kubeconfig":                {confProblem(18, keyField, notMaterial)},
	"SUSE__kucero__pkg_pki_conf_kubelet_tests_1.16-kubelet.conf":           {confProblem(19, keyField, notMaterial)},
	"jungen2023__k3s__etc_rancher_k3s_k3s.yaml":                            {confProblem(19, keyField, notMaterial)},
	"pangsq__kube-config-chain__kubelet.conf":                              {confProblem(12, keyField, notMaterial)},
	"rootsongjc__kubernetes-vagrant-centos-cluster__conf_admin.kubeconfig": {confProblem(20, keyField, notMaterial)},
	// base64 of "CADATA" and the like
	"kubernetes-client__javascript__testdata_kubeconfig-dupe-cluster.yaml.v5": {
		confProblem(4, "clusters[0].cluster.certificate-authority-data", notMaterial)},
	"kubernetes-client__javascript__testdata_tls-server-name-kubeconfig.yaml.v10": {
		confProblem(4, "clusters[0].cluster.certificate-authority-data", notMaterial),
		confProblem(10, "clusters[1].cluster.certificate-authority-data", notMaterial),
		confProblem(27, "users[0].user.client-certificate-data", notMaterial), confProblem(28, keyField, notMaterial)},
	"fabric8io__kubernetes-client__kubernetes-client-api_src_test_resources_test-ec-kubeconfig.v5": {
		confProblem(19, "users[0].user.client-certificate-data", "is PEM; the field takes base64 of PEM")},
	"kubernetes__client-go__loader_test.inline3.yaml": {
		confProblem(10, "clusters[1]", `the name "kubeconfig-cluster" is taken by the entry on line 5, and client-go refuses the file`)},
	// clientCAFile: {K8S_SSL_PATH}/ca.pem
	"fusoya59__fedora-coreos-k8s__config_control-plane_kubelet-config.yaml": {
		confProblem(11, "", "is neither YAML nor JSON: did not find expected key")},
	"kubernetes__kubernetes__invalid_duplicate_field_kubeletcfg.yaml": {
		confProblem(4, "address", "is given twice; the first is on line 3, the last one counts")},

	"calvarado2004__px-libvirt-ubuntu2004__10-kubeadm.conf":                                      notDocument(3),
	"kubernetes-sigs__kind__images_base_files_etc_systemd_system_kubelet.service":                notDocument(4),
	"kubernetes-sigs__kind__images_base_files_etc_systemd_system_kubelet.service.d_11-kind.conf": notDocument(5),
	"openeuler-mirror__kubernetes__kubeadm.conf":                                                 notDocument(2),
	"rosi-achmad__cks-build__10-kubeadm.conf":                                                    notDocument(3),
	"strigazi__kubernetes-rpm__kubeadm.conf":                                                     notDocument(2),
}

func TestKubeconfigCorpus(t *testing.T) {
	files := corpusFiles(t, func(path string) bool {
		return strings.HasPrefix(path, "kubeconfig/") || strings.HasPrefix(path, "kubelet/")
	})
	kubeconfigs := 0
	got := map[string][]Problem{}
	for path, data := range files {
		name := filepath.Base(path)
		docs, problems := ParseDocuments("/p", data)
		if len(docs)+len(problems) == 0 {
			t.Errorf("%s: neither a document nor a problem", path)
		}
		for _, d := range docs {
			k, ok := d.Kubeconfig()
			if !ok {
				continue
			}
			kubeconfigs++
			problems = append(problems, kubeconfigCorpusProblems(k)...)
		}
		if len(problems) > 0 {
			got[name] = problems
		}
	}
	if diff := cmp.Diff(brokenKubeconfigs, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if len(files) != 63 || kubeconfigs != 30 {
		t.Errorf("%d kubeconfigs in %d files, want 30 in 63", kubeconfigs, len(files))
	}
}
