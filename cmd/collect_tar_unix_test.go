//go:build unix

package cmd_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"certaudit/audit"
	"certaudit/audit/inventory"
	program "certaudit/cmd"
	"certaudit/fixtures"
)

// copied is what certaudit collect --tar sends of a node that lies below a folder.
func copied(t *testing.T, dir string) []byte {
	t.Helper()
	tmp := t.TempDir()
	bin := t.TempDir()
	do(t, os.WriteFile(filepath.Join(bin, "id"), []byte("#!/bin/sh\necho 0\n"), 0o755))
	c := exec.Command("sh", "-c", program.CopyCommand(time.Minute))
	c.Env = append(os.Environ(), "CERTAUDIT_COLLECT_ROOT="+dir, "TMPDIR="+tmp, "PATH="+bin+":"+os.Getenv("PATH"))
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil || errs.Len() > 0 {
		t.Fatalf("%v: %s", err, errs.String())
	}
	if left, _ := os.ReadDir(tmp); len(left) > 0 {
		t.Errorf("%s is left", left[0].Name())
	}
	_, archive, ok := bytes.Cut(out.Bytes(), []byte("certaudit-collect output\n"))
	if !ok {
		t.Fatalf("there is no mark in %q", out.Bytes()[:min(200, out.Len())])
	}
	return archive
}

// leaks are the private keys of a node as they could stand in a stream: what stands where.
// The public half of a key stands in certificates as well.
func leaks(n fixtures.Node) map[string]string {
	found := map[string]string{}
	key := func(name string, data []byte) {
		for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
			private := privateHalf(block)
			at := bytes.Index(block.Bytes, private)
			if len(private) < 32 || at < 0 {
				continue
			}
			found[string(private[:32])] = name + " in DER"
			text := string(pem.EncodeToMemory(block))
			first := strings.Index(text, "\n") + 1
			body := text[first:]
			for i := (at + 2) / 3 * 4; i+20 <= (at+len(private))/3*4; i += 20 { // lines have 64 and a break
				if from := i + i/64; !strings.Contains(body[from:from+20], "\n") {
					found[body[from:from+20]] = name + " in PEM"
				}
			}
			from, to := (at+2)/3*4, (at+len(private))/3*4
			text = base64.StdEncoding.EncodeToString([]byte(text))
			for i := (first + from + from/64 + 2) / 3 * 4; i+20 <= (first+to+to/64)/3*4; i += 20 {
				found[text[i:i+20]] = name + " in a field"
			}
		}
	}
	for name, f := range n {
		key(name, f.Data)
		for _, m := range regexp.MustCompile(`client-key-data: (\S+)`).FindAllSubmatch(f.Data, -1) {
			if data, err := base64.StdEncoding.DecodeString(string(m[1])); err == nil {
				key(name, data)
			}
		}
		switch path.Ext(name) {
		case ".p12", ".jks", ".pfx":
			if half := len(f.Data) / 2; half >= 32 {
				found[string(f.Data[half:half+32])] = name
			}
		}
	}
	return found
}

// privateHalf is what must not be known of a private key; nil for anything else.
func privateHalf(block *pem.Block) []byte {
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		if key, err = x509.ParseECPrivateKey(block.Bytes); err != nil {
			key, _ = x509.ParsePKCS1PrivateKey(block.Bytes)
		}
	}
	switch key := key.(type) {
	case ed25519.PrivateKey:
		return key.Seed()
	case *ecdsa.PrivateKey:
		raw, _ := key.Bytes()
		return raw
	case *rsa.PrivateKey:
		if key != nil {
			return key.D.Bytes()
		}
	}
	return nil
}

func keepsKeys(t *testing.T, n fixtures.Node, stream []byte) {
	t.Helper()
	secrets := leaks(n)
	for secret, what := range secrets {
		if bytes.Contains(stream, []byte(secret)) {
			t.Errorf("the key of %s is sent", what)
		}
	}
}

// shownOf are the findings of an inventory, but for those that say what is not in a copy.
func shownOf(inv *inventory.Inventory) (list []string) {
	for _, f := range audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now}).Findings {
		isLeftOut := strings.Contains(f.Message, "were left out of the copy")
		isOutside := strings.HasPrefix(f.Message, "lies outside of the folders that were copied;")
		isStrayKey := f.Check == "files/unreferenced" && strings.HasSuffix(f.Path, ".key")
		if !isLeftOut && !isOutside && !isStrayKey {
			list = append(list, string(f.Severity)+" "+f.Check+" "+f.Path+" "+f.Message)
		}
	}
	return list
}

// inShort are the scenarios that are copied in a short run.
var inShort = regexp.MustCompile(`^ok-(1\.34|foreign-files|kubespray|k3s|eks|openshift|public-name|native-worker)$`)

// inFull are those that are copied in any other: the healthy ones, and those in which
// something is wrong with the files of keys.
var inFull = regexp.MustCompile(`^(ok|bad-files-malformed|bad-keys)-`)

// taken matches when a snapshot was taken.
var taken = regexp.MustCompile(`"takenAt":"[^"]*"`)

// everyCopy: one of so many is copied, besides those of a short run. All of them take minutes.
const everyCopy = 3

// A healthy node is healthy as a copy without keys, and no key of any node is sent.
func TestCopies(t *testing.T) {
	for i, s := range fixtures.Scenarios() {
		switch {
		case inShort.MatchString(s.Name):
		case testing.Short() || i%everyCopy != 0 || !inFull.MatchString(s.Name):
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			node := s.Node()
			do(t, node.Write(dir))
			whole, err := inventory.Gather(dir)
			do(t, err)
			archive := copied(t, dir)
			keepsKeys(t, node, archive)
			inv, err := inventory.Clock{}.GatherCopy(bytes.NewReader(archive), program.CopiedFolders)
			do(t, err)
			if diff := cmp.Diff(shownOf(whole), shownOf(inv)); diff != "" && strings.HasPrefix(s.Name, "ok-") {
				t.Errorf("(-node +copy):\n%s", diff)
			}
		})
	}
}

// Of every home the kubeconfigs are copied, without their keys, and nothing else.
func TestCopiesOfHomes(t *testing.T) {
	c := fixtures.ControlPlane(fixtures.Options{})
	other := fixtures.ControlPlane(fixtures.Options{KeyAlgorithm: fixtures.RSAEach})
	admin, key := c.Node["/etc/kubernetes/admin.conf"], c.Node["/etc/kubernetes/pki/apiserver.key"]
	for name, f := range map[string]fixtures.File{
		"/home/ann/.kube/config":         admin,
		"/home/ann/.kube/cache":          {Data: []byte("token: not-for-others\n"), Mode: 0o600},
		"/home/ann/.ssh/id":              key,
		"/home/bob/.kube/config":         other.Node["/etc/kubernetes/admin.conf"],
		"/home/bob smith/.kube/config":   {Link: "/etc/kubernetes/admin.conf"},
		"/home/ci/deploy.kubeconfig":     {Data: append(slices.Clone(admin.Data), "# token: not-for-others\n"...), Mode: 0o600},
		"/home/eve/notes":                {Data: []byte("not-for-others"), Mode: 0o644},
		"/root/second.kubeconfig":        admin,
		"/srv/people/dan d/.kube/config": admin,
		"/srv/robot/.kube/config":        {Data: []byte("token: not-for-others\n"), Mode: 0o600},
		"/etc/passwd": {Data: []byte("root:hash-not-for-others:0:0:Not for others:/root:/bin/bash\nann:x:1000:1000::/home/ann:/bin/sh\n" +
			"dan:x:1001:1001:Dan,not-for-others:/srv/people/dan d:/bin/bash\nrobot:x:999:999::/srv/robot:/usr/sbin/nologin\nnobody:x:1:1::/:/bin/sh\nhalf:x\n"), Mode: 0o644},
	} {
		c.Node[name] = f
	}
	dir := t.TempDir()
	do(t, c.Node.Write(dir))
	whole, err := inventory.Gather(dir)
	do(t, err)
	archive := copied(t, dir)
	keepsKeys(t, c.Node, archive)
	if bytes.Contains(archive, []byte("not-for-others")) {
		t.Error("something else of a home is sent")
	}
	inv, err := inventory.Clock{}.GatherCopy(bytes.NewReader(archive), program.CopiedFolders)
	do(t, err)
	inHomes := func(inv *inventory.Inventory) (names []string) {
		for _, ref := range inv.References {
			if ref.Component == "kubectl" && ref.Holds == inventory.HoldsKubeconfig {
				names = append(names, ref.Path)
			}
		}
		return names
	}
	want := []string{"/home/ann/.kube/config", "/home/bob/.kube/config", "/home/bob smith/.kube/config", "/srv/people/dan d/.kube/config", "/root/second.kubeconfig", "/home/ci/deploy.kubeconfig"}
	if diff := cmp.Diff(want, inHomes(inv)); diff != "" {
		t.Errorf("kubeconfigs of homes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(inHomes(whole), inHomes(inv)); diff != "" {
		t.Errorf("(-node +copy):\n%s", diff)
	}
	if diff := cmp.Diff(shownOf(whole), shownOf(inv)); diff != "" {
		t.Errorf("(-node +copy):\n%s", diff)
	}
}

// Files that hold nothing but secrets are not copied, whatever the letters of their names.
func TestCopiesLeaveFilesOut(t *testing.T) {
	c := fixtures.ControlPlane(fixtures.Options{})
	const secret = "abc123secret"
	for name, text := range map[string]string{
		"TOKEN": secret, "PassWd": secret, "API.Secret": secret, "credentials": secret, ".netrc": secret,
		"s.yaml":    "apiVersion: v1\nkind: Secret\nstringData:\n  user: " + secret + "\n",
		"list.json": `{"kind": "SecretList", "items": [{"data": {"user": "` + secret + `"}}]}`,
		"kept.yaml": "kind: SecretProviderClass\nsaid: kept-text\n",
	} {
		c.Node["/etc/kubernetes/"+name] = fixtures.File{Data: []byte(text), Mode: 0o600}
	}
	dir := t.TempDir()
	do(t, c.Node.Write(dir))
	archive := copied(t, dir)
	if bytes.Contains(archive, []byte(secret)) || !bytes.Contains(archive, []byte("kept-text")) {
		t.Error("a secret was copied, or what is none was not")
	}
}

// What is not copied is not missing, and what is missing is.
func TestCopiesLack(t *testing.T) {
	c := fixtures.ControlPlane(fixtures.Options{})
	delete(c.Node, "/etc/kubernetes/pki/apiserver.key")
	c.Node.Replace("/etc/kubernetes/manifests/kube-apiserver.yaml", "--tls-cert-file=/etc/kubernetes/pki/apiserver.crt", "--tls-cert-file=/srv/own/apiserver.crt")
	c.Node.Replace("/etc/kubernetes/manifests/kube-apiserver.yaml", "    - mountPath: /etc/kubernetes/pki\n", "    - mountPath: /srv/own\n      name: own\n    - mountPath: /etc/kubernetes/pki\n")
	c.Node.Replace("/etc/kubernetes/manifests/kube-apiserver.yaml", "  volumes:\n", "  volumes:\n  - hostPath: {path: /srv/own}\n    name: own\n")
	dir := t.TempDir()
	do(t, c.Node.Write(dir))
	inv, err := inventory.Clock{}.GatherCopy(bytes.NewReader(copied(t, dir)), program.CopiedFolders)
	do(t, err)
	var got []string
	r := audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now})
	for _, f := range r.Findings {
		if f.Check == "input/unreadable" || strings.HasPrefix(f.Check, "files/") || f.Severity == audit.Critical {
			got = append(got, string(f.Severity)+" "+f.Check+" "+f.Path+": "+f.Message)
		}
	}
	want := []string{
		"critical files/missing /etc/kubernetes/pki/apiserver.key: does not exist; it is named by kube-apiserver --tls-private-key-file (/etc/kubernetes/manifests/kube-apiserver.yaml:41)",
		"info input/unreadable /etc/kubernetes/admin.conf: the private keys of 16 files were left out of the copy: /etc/kubernetes/admin.conf, /etc/kubernetes/controller-manager.conf, /etc/kubernetes/pki/apiserver-etcd-client.key and 13 more; whether they belong to their certificates was not judged",
		"info input/unreadable /srv/own/apiserver.crt: lies outside of the folders that were copied; what it holds was not judged",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !r.Incomplete() {
		t.Error("the audit is complete")
	}
}

// What is wrong shows in a copy as well, and of keys it says once that they are not there.
func TestCollectCopies(t *testing.T) {
	l := newLab(t)
	for name, scenario := range map[string]string{"a": "bad-validity-expired", "b": "bad-files-permissions"} {
		do(t, os.Rename(l.tree(scenario), filepath.Join(l.host(name).tmp, "..", "root")))
	}
	// What ssh hands over is recorded.
	bin, record := t.TempDir(), filepath.Join(t.TempDir(), "record")
	ssh, err := exec.LookPath("ssh")
	do(t, err)
	do(t, os.WriteFile(filepath.Join(bin, "ssh"), []byte("#!/bin/sh\n"+ssh+` "$@" | tee "`+record+`.$$"`+"\n"), 0o755))
	c := exec.Command(l.certaudit, "collect", "-F", l.clientConfig(), "--tar", "a", "b")
	c.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		t.Fatalf("%v: %s", err, errs.String())
	}
	set := out.String()
	records, err := filepath.Glob(record + ".*")
	do(t, err)
	if len(records) != 2 {
		t.Fatalf("%d streams were recorded", len(records))
	}
	for _, s := range fixtures.Scenarios() {
		if s.Name != "bad-validity-expired" && s.Name != "bad-files-permissions" {
			continue
		}
		node := s.Node()
		if len(leaks(node)) < 50 {
			t.Errorf("only %d secrets are there to be kept", len(leaks(node)))
		}
		keepsKeys(t, node, []byte(set))
		for _, name := range records {
			stream, err := os.ReadFile(name)
			do(t, err)
			keepsKeys(t, node, stream)
		}
	}
	// Of two looks at one node the later counts; here both are of one second, and the first does.
	code, findings := audited(t, taken.ReplaceAllString(set, taken.FindString(set)))
	want := []string{"cp-1 (a) validity/expired", "cp-1 (b) cluster/same-node", "cp-1 (b) files/permissions",
		"cp-1 (a) input/unreadable", "cp-1 (a) kubelet/serving-self-signed", "cp-1 (b) input/unreadable", "cp-1 (b) kubelet/serving-self-signed"}
	if diff := cmp.Diff(want, findings); diff != "" || code != 1 {
		t.Errorf("the audit ended with %d (-want +got):\n%s", code, diff)
	}
	for _, h := range l.hosts {
		h.leaves(t)
	}
}

// An archive that is damaged, or no archive, is no node.
func TestCollectDamagedCopies(t *testing.T) {
	l := newLab(t)
	for name, text := range map[string]string{"cut": "printf 'etc/hostname%1000s' x", "other": "yes | head -n 4000", "no": "exit 7"} {
		l.host(name).script(t, "tar", text)
	}
	l.host("empty")
	_, set, _ := l.collect("--tar", "cut", "other", "no", "empty")
	want := []string{`cut: the host "cut" was not read: its answer cannot be read as an archive: archive/tar: invalid tar header`,
		`other: the host "other" was not read: its answer cannot be read as an archive: archive/tar: invalid tar header`,
		`no: the host "no" was not read: ssh ended without a word: exit status 7`,
		`empty: the host "empty" was not read: no certificates were found; is it a Kubernetes node?`}
	if diff := cmp.Diff(want, shownSet(t, set)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What is cut out of a text, by each awk that is here.
func TestCut(t *testing.T) {
	c := fixtures.ControlPlane(fixtures.Options{})
	key := string(c.Node["/etc/kubernetes/pki/apiserver.key"].Data)
	certificate := string(c.Node["/etc/kubernetes/pki/apiserver.crt"].Data)
	_, lines, _ := strings.Cut(strings.TrimSpace(key), "\n")
	blank := strings.Repeat("\n", strings.Count(lines, "\n")-1)
	label, _, _ := strings.Cut(key, "\n")
	stub := label + "\nbGVmdCBvdXQ=\n" + strings.Replace(label, "BEGIN", "END", 1) + "\n"
	base64Of := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	field := base64Of("-----BEGIN PRIVATE KEY-----\nbGVmdCBvdXQ=\n-----END PRIVATE KEY-----\n")
	oneLine := func(text string) string { return strings.ReplaceAll(text, "\n", `\n`) }
	bare := strings.Join(strings.Split(strings.TrimSpace(key), "\n")[1:strings.Count(key, "\n")-1], "\n") + "\n"
	for _, p := range []struct{ name, text, want string }{
		{"certificate", certificate, certificate},
		{"key", key, stub + blank},
		{"both", certificate + key + certificate, certificate + stub + blank + certificate},
		{"indented", "  " + strings.ReplaceAll(strings.TrimSpace(key), "\n", "\n  ") + "\n", "  " + strings.ReplaceAll(strings.TrimSpace(stub), "\n", "\n  ") + "\n" + blank},
		{"in JSON", `{"k":"` + oneLine(key) + `","c":"` + oneLine(certificate) + `"}` + "\n", `{"k":"` + oneLine(strings.TrimSpace(stub)) + `\n","c":"` + oneLine(certificate) + `"}` + "\n"},
		{"called a certificate", strings.ReplaceAll(strings.ReplaceAll(key, "EC PRIVATE KEY", "CERTIFICATE"), "RSA PRIVATE KEY", "CERTIFICATE"),
			"-----BEGIN CERTIFICATE-----\nbGVmdCBvdXQ=\n-----END CERTIFICATE-----\n" + blank},
		{"without its end", label + "\n" + bare + "a: b\n", label + "\nbGVmdCBvdXQ=\n"},
		{"without its marks", bare, strings.Repeat("xxxxx\n", strings.Count(bare, "\n"))},
		{"encrypted", "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n" + bare + "-----END RSA PRIVATE KEY-----\n",
			"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nbGVmdCBvdXQ=\n-----END RSA PRIVATE KEY-----\n" + strings.Repeat("\n", strings.Count(bare, "\n")-1)},
		{"kubeconfig", "users:\n- user:\n    client-certificate-data: " + base64Of(certificate) + "\n    client-key-data: " + base64Of(key) + "\n    token: abc.def\n",
			"users:\n- user:\n    client-certificate-data: " + base64Of(certificate) + "\n    client-key-data: " + field + "\n    token: xxxxx\n"},
		{"kubeconfig in JSON", `{"user":{"client-key-data":"` + base64Of(key) + `","token":"a","password":"b c","x":1}}` + "\n",
			`{"user":{"client-key-data":"` + field + `","token":"xxxxx","password":"xxxxx","x":1}}` + "\n"},
		{"values", "password: a b # c\ntoken: 'x y'\nTOKEN=abc\ntoken: /path\ntoken: true\nsecret: {a: b}\ntokenFile: /t\nsecret:\n  secretName: x\n",
			"password: xxxxx\ntoken: 'xxxxx'\nTOKEN=xxxxx\ntoken: /path\ntoken: true\nsecret: {a: b}\ntokenFile: /t\nsecret:\n  secretName: x\n"},
		{"block", "token: |\n  abc\n  def: g\nx: y\ntoken:\n  abc\nx: y\n", "token: |\n  xxxxx\n  xxxxx\nx: y\ntoken:\n  xxxxx\nx: y\n"},
		{"flags", "a --token abc --x=y\n- --token\n- abc\n\t'--token' \\\n\t'abc' \\\n\t'--x'\n--etcd-password=abc\n--token-auth-file=/t\n",
			"a --token xxxxx --x=y\n- --token\n- xxxxx\n\t'--token' \\\n\t'xxxxx' \\\n\t'--x'\n--etcd-password=xxxxx\n--token-auth-file=/t\n"},
		{"names", "Secret: abc\naadClientSecret=abc\nPGPASS=abc\npassPhrase: abc\n  auth: abc\nAWS_SECRET_ACCESS_KEY=abc\netcd-s3-secret-key: abc\ncertificateKey: abc\nETCDCTL_USER=root:abc\n" +
			"secretName: abc\nclient-key: abc\nkeyFile: abc\nclient-cert-auth: abc\n--service-account-signing-key-file=abc\n--tls-private-key-file abc\n",
			"Secret: xxxxx\naadClientSecret=xxxxx\nPGPASS=xxxxx\npassPhrase: xxxxx\n  auth: xxxxx\nAWS_SECRET_ACCESS_KEY=xxxxx\netcd-s3-secret-key: xxxxx\ncertificateKey: xxxxx\nETCDCTL_USER=xxxxx\n" +
				"secretName: abc\nclient-key: abc\nkeyFile: abc\nclient-cert-auth: abc\n--service-account-signing-key-file=abc\n--tls-private-key-file abc\n"},
		{"variables", "- name: DB_PASSWORD\n  value: abc\n- name: \"TOKEN\"\n  value: \"a b\"\n- name: SECRET\n  value: |\n    abc\n- name: ETCD_KEY_FILE\n  value: abc\n- name: TOKEN\n  value: /t\n- name: TOKEN\n  valueFrom: abc\n",
			"- name: DB_PASSWORD\n  value: xxxxx\n- name: \"TOKEN\"\n  value: \"xxxxx\"\n- name: SECRET\n  value: |\n    xxxxx\n- name: ETCD_KEY_FILE\n  value: abc\n- name: TOKEN\n  value: /t\n- name: TOKEN\n  valueFrom: abc\n"},
		{"variables in JSON", `[{"name":"TOKEN","value":"abc"},{name: TOKEN, value: abc},{\"name\":\"TOKEN\",\"value\":\"abc\"}]` + "\n\"name\": \"TOKEN\",\n\"value\": \"abc\"\n",
			`[{"name":"TOKEN","value":"xxxxx"},{name: TOKEN, value: xxxxx},{\"name\":\"TOKEN\",\"value\":xxxxx}]` + "\n\"name\": \"TOKEN\",\n\"value\": \"xxxxx\"\n"},
		{"URL", "--etcd-servers=https://root:abc@192.0.2.1:2379\n", "--etcd-servers=https://xxxxx@192.0.2.1:2379\n"},
		{"path", "--tls-cert-file=/var/lib/rancher/rke2/server/tls/etcd/server/client.crt\n", "--tls-cert-file=/var/lib/rancher/rke2/server/tls/etcd/server/client.crt\n"},
	} {
		for _, awk := range [][]string{{"mawk"}, {"gawk", "--posix"}, {"busybox", "awk"}, {"original-awk"}} {
			if _, err := exec.LookPath(awk[0]); err != nil {
				continue
			}
			t.Run(awk[0]+"/"+p.name, func(t *testing.T) {
				t.Parallel()
				c := exec.Command(awk[0], append(slices.Clone(awk[1:]), "-f", "collect_cut.awk")...)
				c.Env = append(os.Environ(), "LC_ALL=C")
				c.Stdin = strings.NewReader(p.text)
				got, err := c.CombinedOutput()
				do(t, err)
				if diff := cmp.Diff(p.want, string(got)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		}
	}
}
