package audit_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"certaudit/audit/inventory"

	"certaudit/audit"
	"certaudit/fixtures"

	gocmp "github.com/google/go-cmp/cmp"
)

// withoutKeys are the scenarios of nodes that wait for their certificates, and whose files
// with keys are gone.
var withoutKeys = map[string]bool{"bad-files-dangling-link-eks-al2": true, "bad-files-dangling-link-eks": true,
	"bad-kubelet-serving-unapproved-eks": true, "bad-kubelet-serving-unapproved-gke": true}

// keepsSecrets fails a test if an inventory or a result says anything of the
// private keys of a node.
func keepsSecrets(t *testing.T, secrets []secret, inv *inventory.Inventory, r audit.Result) {
	t.Helper()
	if len(secrets) == 0 {
		t.Error("there is no secret to keep")
	}
	for what, text := range map[string]string{
		"the snapshot": string(snapshotOf(t, inv)), "the inventory": fmt.Sprintf("%+v", inv), "its fields": fmt.Sprintf("%+v %#v", *inv, *inv),
		"the result": string(marshal(t, r)),
	} {
		for _, s := range secrets {
			if strings.Contains(text, s.text) {
				t.Errorf("%s holds the private key of %s as %s", what, s.path, s.form)
			}
		}
	}
}

// A key that somebody pasted where none belongs is a secret all the same.
func TestMisplacedKeys(t *testing.T) {
	c := fixtures.ControlPlane(fixtures.Options{})
	c.WriteKey("/key", "misplaced")
	key := string(c.Node["/key"].Data)
	misplaced := secrets(fixtures.Node{"/key": c.Node["/key"]})
	oneLine := strings.ReplaceAll(key, "\n", `\n`)
	folded := strings.ReplaceAll(strings.TrimSpace(key), "\n", "\n        ")
	const apiserver = manifests + "/kube-apiserver.yaml"
	for _, p := range []struct {
		name   string
		change func(*fixtures.Cluster)
	}{
		{"annotation", replace(apiserver, "  annotations:\n", "  annotations:\n    note: \""+oneLine+"\"\n")},
		{"annotation of kubeadm", replace(apiserver, "advertise-address.endpoint: 192.0.2.11:6443", "advertise-address.endpoint: \""+oneLine+"\"")},
		{"path of a flag", replace(apiserver, "    - --tls-private-key-file="+pki+"/apiserver.key", "    - \"--tls-private-key-file="+oneLine+"\"")},
		{"flag of several paths", replace(apiserver, "    - --allow-privileged=true", "    - \"--tls-sni-cert-key="+oneLine+"\"")},
		{"unknown flag", replace(apiserver, "    - --allow-privileged=true", "    - \"--note="+oneLine+"\"")},
		{"block of a flag", replace(apiserver, "    - --allow-privileged=true", "    - |\n        --note="+folded)},
		{"image", replace(apiserver, "    image: registry.k8s.io/kube-apiserver:v1.34.4", "    image: \""+oneLine+"\"")},
		{"variable of etcd", replace(manifests+"/etcd.yaml", "    - etcd\n", "    - etcd\n    env:\n    - name: ETCD_KEY_FILE\n      value: \""+oneLine+"\"\n    args:\n")},
		{"path of a kubeconfig", replace(etc+"/kubelet.conf", "client-key: "+kubeletPKI+"/kubelet-client-current.pem", "client-key: \""+oneLine+"\"")},
		{"server of a kubeconfig", replace(etc+"/kubelet.conf", "server: https://192.0.2.11:6443", "server: \""+oneLine+"\"")},
		{"data of a kubeconfig", replace(etc+"/kubelet.conf", "client-key: "+kubeletPKI+"/kubelet-client-current.pem", "client-key-data: \""+oneLine+"\"")},
		{"name in a kubeconfig", func(c *fixtures.Cluster) {
			c.Node.Append(etc+"/scheduler.conf", []byte("- name: \""+oneLine+"\"\n  user: {}\n"))
		}},
		{"setting of the kubelet", replace(kubeletConfig, "clusterDomain: cluster.local", "clusterDomain: \""+oneLine+"\"")},
		{"path of the kubelet", replace(kubeletConfig, "clusterDomain: cluster.local", "tlsPrivateKeyFile: \""+oneLine+"\"")},
		{"flags of the kubelet", replace("/var/lib/kubelet/kubeadm-flags.env", "ARGS=\"", "ARGS=\"--note='"+key+"' ")},
		{"document that is none", put(manifests+"/key.yaml", key)},
		{"key of a mapping", put(manifests+"/key.yaml", "kind: Pod\n\""+oneLine+"\": 1\n\""+oneLine+"\": 2\n")},
		{"hostname", put("/etc/hostname", key)},
	} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			c := fixtures.ControlPlane(fixtures.Options{})
			p.change(c)
			dir := t.TempDir()
			if err := c.Node.Write(dir); err != nil {
				t.Fatal(err)
			}
			inv, r := auditFolder(t, dir)
			keepsSecrets(t, misplaced, inv, r)
		})
	}
}

// The order of the inventories decides nothing but the order of the rows.
func TestRunOfSeveral(t *testing.T) {
	var inventories []*inventory.Inventory
	for _, n := range []fixtures.Node{fixtures.ControlPlane(fixtures.Options{}).Node, fixtures.Worker(fixtures.Options{}).Node} {
		dir := t.TempDir()
		if err := n.Write(dir); err != nil {
			t.Fatal(err)
		}
		inv, _ := auditFolder(t, dir)
		inventories = append(inventories, inv)
	}
	r := audit.Run(inventories, audit.Options{At: fixtures.Now})
	var got []string
	for _, n := range r.Nodes {
		got = append(got, n.Name)
	}
	for _, f := range r.Findings {
		got = append(got, f.Node+" "+f.Check)
	}
	want := []string{"cp-1", "worker-1", "cp-1 kubelet/serving-self-signed", "worker-1 kubelet/serving-self-signed"}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func snapshotOf(t testing.TB, inv *inventory.Inventory) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := inventory.WriteSnapshot(&b, "certaudit test", inv); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// readSnapshot reads the only snapshot in data.
func readSnapshot(t testing.TB, data []byte) *inventory.Inventory {
	t.Helper()
	r := inventory.NewSnapshotReader(bytes.NewReader(data))
	inv, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); err != io.EOF {
		t.Fatalf("more than one snapshot: %v", err)
	}
	return inv
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// secret is one way in which a private key could leak.
type secret struct{ path, form, text string }

var keyData = regexp.MustCompile(`client-key-data: (\S+)`)

// secrets lists the private keys of a node in the forms in which Go prints
// bytes and in which PEM and JSON write them.
func secrets(n fixtures.Node) []secret {
	var out []secret
	add := func(path string, data []byte) {
		for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
			if !strings.Contains(block.Type, "PRIVATE KEY") {
				continue
			}
			private := scalar(block)
			if private == nil {
				continue
			}
			decimals := strings.Trim(fmt.Sprint(private), "[]")
			lines := strings.Split(strings.TrimSpace(string(pem.EncodeToMemory(block))), "\n")
			out = append(out,
				secret{path, "PEM", lines[1]},
				secret{path, "bytes", decimals},
				secret{path, "hexadecimal", hex.EncodeToString(private)},
				secret{path, "base64", base64.StdEncoding.EncodeToString(private)},
				secret{path, "base64 of the DER", base64.StdEncoding.EncodeToString(block.Bytes)[:60]},
				secret{path, "base64 of the PEM", base64.StdEncoding.EncodeToString(pem.EncodeToMemory(block))[60:120]},
			)
		}
	}
	for path, f := range n {
		add(path, f.Data)
		for _, m := range keyData.FindAllSubmatch(f.Data, -1) {
			if data, err := base64.StdEncoding.DecodeString(string(m[1])); err == nil {
				add(path, data)
			}
		}
	}
	return out
}

// scalar is what must not be known of a private key.
func scalar(block *pem.Block) []byte {
	if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return ecdsaBytes(key)
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key.D.Bytes()
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil
	}
	switch key := key.(type) {
	case ed25519.PrivateKey:
		return key.Seed()
	case *ecdsa.PrivateKey:
		return ecdsaBytes(key)
	case *rsa.PrivateKey:
		return key.D.Bytes()
	}
	return nil
}

func ecdsaBytes(key *ecdsa.PrivateKey) []byte {
	raw, err := key.Bytes()
	if err != nil {
		return nil
	}
	return raw
}

// No run of bytes of a private key is in a snapshot, in whatever form and wherever it
// begins: of each key of a healthy node of each kind all that is secret is looked for, as
// bytes, in hexadecimal and in base64.
func TestSnapshotHoldsNoKey(t *testing.T) {
	for _, node := range []fixtures.Node{fixtures.ControlPlane(fixtures.Options{}).Node, fixtures.ControlPlane(fixtures.Options{KeyAlgorithm: fixtures.RSA2048}).Node,
		fixtures.ControlPlane(fixtures.Options{KeyAlgorithm: fixtures.Ed25519}).Node, fixtures.K3sServer(fixtures.Options{}).Node, fixtures.K0sController(fixtures.Options{}).Node} {
		dir := t.TempDir()
		do(t, node.Write(dir))
		inv, _ := auditFolder(t, dir)
		text := string(snapshotOf(t, inv))
		keys := privateBytes(node)
		if len(keys) < 2 {
			t.Errorf("%d keys are there", len(keys))
		}
		if !holdsBytes(base64.StdEncoding.EncodeToString(append([]byte("x"), keys[0]...)), keys[0]) || !holdsBytes("."+hex.EncodeToString(keys[0][4:]), keys[0]) {
			t.Fatal("a key is not found where it is")
		}
		for _, key := range keys {
			if holdsBytes(text, key) {
				t.Errorf("a run of bytes of a key is in the snapshot")
			}
		}
	}
}

// privateBytes are the private parts of a node's keys, each once.
func privateBytes(n fixtures.Node) [][]byte {
	var out [][]byte
	add := func(data []byte) {
		for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
			if private := scalar(block); strings.Contains(block.Type, "PRIVATE KEY") && private != nil && !slices.ContainsFunc(out, func(k []byte) bool { return bytes.Equal(k, private) }) {
				out = append(out, private)
			}
		}
	}
	for _, name := range n.Paths() {
		add(n[name].Data)
		for _, m := range keyData.FindAllSubmatch(n[name].Data, -1) {
			if data, err := base64.StdEncoding.DecodeString(string(m[1])); err == nil {
				add(data)
			}
		}
	}
	return out
}

// holdsBytes reports whether a text holds twelve bytes of a secret in a row.
func holdsBytes(text string, secret []byte) bool {
	const run = 12
	for i := 0; i+run <= len(secret); i++ {
		part := secret[i : i+run]
		forms := []string{string(part), hex.EncodeToString(part), strings.ToUpper(hex.EncodeToString(part))}
		if i%3 == 0 { // what is encoded may begin one or two bytes before
			for shift := range 3 {
				padded := append(make([]byte, shift), part...)
				encoded := base64.RawStdEncoding.EncodeToString(padded)
				forms = append(forms, encoded[(shift*8+5)/6:len(encoded)-1])
			}
		}
		if slices.ContainsFunc(forms, func(form string) bool { return strings.Contains(text, form) }) {
			return true
		}
	}
	return false
}

// Passwords and tokens are no keys, and are kept just as little.
func TestPasswordsAreNotKept(t *testing.T) {
	c := fixtures.ControlPlane(fixtures.Options{})
	const pod = manifests + "/kube-apiserver.yaml"
	c.Node.Replace(pod, "    image:", "    env:\n    - name: HTTPS_PROXY\n      value: http://u:hidden-1@proxy\n    image:")
	c.Node.Replace(pod, "    - --allow-privileged=true", "    - --etcd-password=hidden-2\n    - --allow-privileged=true\n    - --token=hidden-3\n    - --audit-webhook=https://u:hidden-4@192.0.2.1")
	c.Node.Replace(pod, "--etcd-servers=https://127.0.0.1:2379", "--etcd-servers=https://root:hidden-5@127.0.0.1:2379")
	c.Node.Replace(etc+"/kubelet.conf", "    server: https://", "    proxy-url: http://u:hidden-6@proxy\n    server: https://")
	c.Node.Replace(etc+"/kubelet.conf", "  user:\n", "  user:\n    token: hidden-7\n")
	k3s := fixtures.K3sServer(fixtures.Options{})
	k3s.Node["/etc/rancher/k3s/config.yaml"] = fixtures.File{Mode: 0o600, Data: []byte("token: hidden-8\ndatastore-endpoint: mysql://u:hidden-9@tcp(db)/k\nkube-apiserver-arg:\n- token=hidden-0\n")}
	for _, node := range []fixtures.Node{c.Node, k3s.Node} {
		dir := t.TempDir()
		do(t, node.Write(dir))
		inv, r := auditFolder(t, dir)
		if text := string(snapshotOf(t, inv)) + string(marshal(t, r)); strings.Contains(text, "hidden-") {
			at := strings.Index(text, "hidden-")
			t.Errorf("a secret is kept: %s", text[max(0, at-200):at+20])
		}
	}
}

// changes calls do after each change of a value below v, which it then takes back.
func changes(v any, do func()) {
	other := func(old any, put func(any)) {
		values := []any{nil}
		switch old := old.(type) {
		case string:
			values = []any{"", "\x00\x1b[31m", old + "x", strings.ToUpper(old)}
		case float64:
			values = []any{-1, 1 << 40}
		case bool:
			values = []any{!old}
		case []any:
			values = []any{nil, append(append([]any{}, old...), old...)}
		}
		for _, value := range values {
			put(value)
			do()
		}
		put(old)
		changes(old, do)
	}
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			other(v[key], func(value any) { v[key] = value })
		}
	case []any:
		for i := range v {
			other(v[i], func(value any) { v[i] = value })
		}
	}
}
