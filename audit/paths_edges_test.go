package audit_test

import (
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"certaudit/audit"
	"certaudit/audit/inventory"
	"certaudit/fixtures"
)

// The modes of keys are judged where they tell who can read them, keys are found by their
// names, and a link to a folder is followed for somebody who named it.
func TestPathEdges(t *testing.T) {
	c := fixtures.ControlPlane(fixtures.Options{})
	for _, name := range []string{"a", "b", "c"} {
		c.Issue("/x/"+name, fixtures.Spec{CommonName: name, DNSNames: []string{name + ".example.org"}})
	}
	file := func(of string, mode os.FileMode) fixtures.File {
		return fixtures.File{Data: c.Node[of].Data, Mode: mode}
	}
	const adminConf = "/etc/kubernetes/admin.conf"
	kubeconfig := func(user string) fixtures.File {
		return fixtures.File{Mode: 0o644, Data: []byte("apiVersion: v1\nkind: Config\nclusters: []\ncontexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: " + user + "}]\n")}
	}
	secret := fmt.Appendf(nil, "apiVersion: v1\nkind: Secret\ntype: kubernetes.io/tls\nmetadata: {name: web, namespace: prod}\nstringData: {ca.crt: %q, tls.crt: %q, tls.key: %q}\n", c.Node["/etc/kubernetes/pki/ca.crt"].Data, c.Node["/x/a.crt"].Data, c.Node["/x/a.key"].Data)
	node := fixtures.Node{
		"/open/a.crt": file("/x/a.crt", 0o666), "/open/a.key": file("/x/a.key", 0o666),
		"/names/a.pem": file("/x/a.crt", 0o644), "/names/a-key.pem": file("/x/b.key", 0o600),
		"/names/b.cert.pem": file("/x/b.crt", 0o644), "/names/b_key.pem": file("/x/c.key", 0o600),
		"/names/c.pem": file("/x/c.crt", 0o644), "/names/d.pem": file("/x/a.key", 0o600),
		"/group/a.crt": file("/x/a.crt", 0o664), "/group/a.key": file("/x/a.key", 0o640),
		"/git/.git/HEAD": {Data: []byte("ref: refs/heads/main\n"), Mode: 0o644}, "/git/keys/a.key": file("/x/a.key", 0o644), "/git/keys/a.crt": file("/x/a.crt", 0o644),
		"/closed/keys/a.key": file("/x/a.key", 0o644), "/closed/keys/a.crt": file("/x/a.crt", 0o644),
		"/alone/a.crt": file("/x/a.crt", 0o644), "/alone/a.key": file("/x/b.key", 0o600),
		"/archive/cert1.pem": file("/x/a.crt", 0o644), "/archive/privkey1.pem": file("/x/a.key", 0o600),
		"/archive/cert2.pem": file("/x/b.crt", 0o644), "/archive/privkey2.pem": file("/x/b.key", 0o600),
		"/kube/conf": file(adminConf, 0o644), "/kube/own.conf": file(adminConf, 0o600), "/kube/group.conf": file(adminConf, 0o640),
		"/kube/open.key": file("/x/a.key", 0o644), "/kube/shut/shut.key": file("/x/b.key", 0o644), "/kube/named.conf": kubeconfig("{client-certificate: a.crt, client-key: open.key}"),
		"/kube/a.crt": file("/x/a.crt", 0o644), "/kube/b.crt": file("/x/b.crt", 0o644), "/kube/shut.conf": kubeconfig("{client-certificate: b.crt, client-key: shut/shut.key}"),
		"/users/token.conf": kubeconfig("{token: secret}"), "/users/none.conf": kubeconfig("{}"), "/users/plugin.conf": kubeconfig("{exec: {command: aws}}"),
		"/git/keys/admin.conf": file(adminConf, 0o644), "/-k/-c": file(adminConf, 0o644),
		"/secrets/web.yaml": {Data: secret, Mode: 0o644},
		"/names/link":       {Link: "../open"}, "/links/a.crt": file("/x/a.crt", 0o644), "/links/self.crt": {Link: "self.crt"}, "/links/gone.crt": {Link: "gone"}, "/empty/a.txt": {Data: []byte("x"), Mode: 0o644},
	}
	dir := t.TempDir()
	do(t, node.Write(dir))
	do(t, os.Chmod(filepath.Join(dir, "closed", "keys"), 0o700))
	do(t, os.Chmod(filepath.Join(dir, "kube", "shut"), 0o700))
	const toAll = ": has the mode 0644; expected 0640 or less, for whoever reads it can act in its name"
	for _, tt := range []struct {
		name, path string
		want       []string
	}{
		{name: "open to all", path: "open", want: []string{
			"warning files/permissions open/a.key: has the mode 0666; expected 0640 or less, for whoever reads it can act in its name",
		}},
		{name: "a key that its group reads", path: "group"},
		{name: "a work tree of git", path: "git/keys"},
		{name: "a folder that others may not enter, below the one that is named", path: "closed"},
		{name: "that folder", path: "closed/keys", want: []string{
			"warning files/permissions closed/keys/a.key: has the mode 0644; expected 0640 or less, for whoever reads it can act in its name",
		}},
		{name: "keys of other names", path: "names", want: []string{
			"critical keys/mismatch names/b.cert.pem: the private key of names/b_key.pem, the file that goes by its name, is not that of this certificate; its own is in names/a-key.pem, which goes by the name of another certificate and is not its key: keys were exchanged",
			"info keys/mismatch names/a.pem: the private key of names/a-key.pem, the file that goes by its name, is not that of this certificate; its own is in names/d.pem",
		}},
		{name: "a key that is not in view", path: "alone", want: []string{
			"critical keys/mismatch alone/a.crt: the private key of alone/a.key is not that of this certificate; expected a pair",
		}},
		{name: "as certbot calls them", path: "archive"},
		{name: "a link to a folder", path: "names/link", want: []string{
			"warning files/permissions names/link/a.key: has the mode 0666; expected 0640 or less, for whoever reads it can act in its name",
		}},
		{name: "kubeconfigs, and the keys that they name", path: "kube", want: []string{
			"warning files/permissions kube/conf kubeconfig users" + toAll,
			"warning files/permissions kube/open.key kubeconfig users[0].user.client-key" + toAll,
		}},
		{name: "a key in a folder that others may not enter", path: "kube/shut.conf"},
		{name: "a key beside a kubeconfig that names it", path: "kube/named.conf", want: []string{
			"warning files/permissions kube/open.key kubeconfig users[0].user.client-key" + toAll,
		}},
		{name: "kubeconfigs without certificates", path: "users", want: []string{
			"warning files/permissions users/plugin.conf kubeconfig users" + toAll,
			"warning files/permissions users/token.conf kubeconfig users" + toAll,
		}},
		{name: "a Secret", path: "secrets"},
		{name: "a name that looks like a flag", path: "-k", want: []string{
			"warning files/permissions " + filepath.ToSlash(dir) + "/-k/-c kubeconfig users" + toAll,
		}},
		{name: "links that lead nowhere", path: "links", want: []string{
			`info input/unreadable links/gone.crt: is a link to "gone", which does not exist; what it holds was not judged`,
			"info input/unreadable links/self.crt: is a link that leads back to itself; what it holds was not judged",
			"incomplete input/unreadable: 2 files and folders could not be read",
		}},
		{name: "a file of something else", path: "empty/a.txt", want: []string{"info input/unsupported empty/a.txt: holds nothing that is judged, although it was named"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, inv, err := inventory.GatherPaths(dir, []string{filepath.FromSlash(tt.path)}, nil, nil)
			do(t, err)
			r := audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now})
			compare(t, tt.want, told(r))
			if found := len(r.Certificates); (found == 0) != slices.Contains([]string{"empty/a.txt", "users"}, tt.path) {
				t.Errorf("%d certificates", found)
			}
		})
	}
}

// Equal certificates are one in memory, whatever files hold them, and their rows share
// what they have in common.
func TestEqualCertificatesAreShared(t *testing.T) {
	data := fixtures.ControlPlane(fixtures.Options{}).Node["/etc/kubernetes/pki/apiserver.crt"].Data
	dir := t.TempDir()
	for _, name := range []string{"a.crt", "b.crt"} {
		do(t, os.WriteFile(dir+"/"+name, data, 0o644))
	}
	_, inv, err := inventory.GatherPaths(dir, []string{dir}, nil, nil)
	do(t, err)
	if inv.Materials["a.crt"].Certificates[0].Certificate != inv.Materials["b.crt"].Certificates[0].Certificate {
		t.Error("the certificate of two files is in memory twice")
	}
	rows := audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now}).Certificates
	if len(rows) != 2 || &rows[0].DNSNames[0] != &rows[1].DNSNames[0] {
		t.Errorf("%d rows, and their names are in memory twice", len(rows))
	}
}

// A server's certificate without any name is said to be refused, where nothing but its
// usages or the name that kubeadm gives to such a file says that it is a server's.
func TestNamelessServers(t *testing.T) {
	server, client := x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth
	for _, tt := range []struct {
		file string
		spec fixtures.Spec
		want string
	}{
		{file: "web", spec: fixtures.Spec{Usages: []x509.ExtKeyUsage{server}}, want: "warning"},
		{file: "apiserver", spec: fixtures.Spec{Usages: []x509.ExtKeyUsage{server, client}}, want: "critical"},
		{file: "etcd/peer", spec: fixtures.Spec{}, want: "critical"},
		{file: "web", spec: fixtures.Spec{Usages: []x509.ExtKeyUsage{server}, DNSNames: []string{"web"}}},
		{file: "web", spec: fixtures.Spec{Usages: []x509.ExtKeyUsage{server}, IPs: []string{"192.0.2.1"}}},
		{file: "admin", spec: fixtures.Spec{Usages: []x509.ExtKeyUsage{server, client}}}, // as cfssl's profiles of guides make them
		{file: "admin", spec: fixtures.Spec{Usages: []x509.ExtKeyUsage{client}}},
		{file: "apiserver", spec: fixtures.Spec{Usages: []x509.ExtKeyUsage{client}}},
		{file: "web", spec: fixtures.Spec{}},
	} {
		c := fixtures.ControlPlane(fixtures.Options{})
		tt.spec.CommonName = "some"
		c.Issue("/x/some", tt.spec)
		dir := t.TempDir()
		do(t, fixtures.Node{"/" + tt.file + ".crt": {Data: c.Node["/x/some.crt"].Data, Mode: 0o644}}.Write(dir))
		_, inv, err := inventory.GatherPaths(dir, []string{"."}, nil, nil)
		do(t, err)
		var want []string
		if tt.want != "" {
			want = []string{tt.want + " identity/san-missing " + tt.file + ".crt: has no alternative names, so that no host matches it: Go programs look at no common name since Go 1.15"}
		}
		compare(t, want, told(audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now})))
	}
}

// Texts that quote objects are no objects, whatever they are called as; what is called as
// objects are, and cannot be decoded, is said to be so.
func TestQuotedObjects(t *testing.T) {
	object := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"
	quoted := "**certaudit**: 1 certificate\n\n```\n" + object + "```\n"
	nothing := func(file string) []string {
		return []string{"info input/unsupported " + file + ": holds nothing that is judged, although it was named"}
	}
	undecodable := func(file, why string) []string {
		return []string{"warning input/undecodable " + file + ": is neither YAML nor JSON: " + why, "incomplete input/undecodable: some input could not be understood"}
	}
	for _, tt := range []struct {
		file, text string
		// found is what is found in any case, and named where the file is named.
		found, named []string
	}{
		{file: "report.md", text: quoted},
		{file: "report.txt", text: quoted},
		{file: "script.sh", text: "kubectl apply -f - <<END\n" + object + "END\n", named: nothing("script.sh")},
		{file: "object.txt", text: object, named: nothing("object.txt")},
		{file: "report.yaml", text: quoted, found: undecodable("report.yaml", "did not find expected alphabetic or numeric character")},
		{file: "config", text: "kind: Config\napiVersion: v1\nusers: [\n", found: undecodable("config", "did not find expected node content")},
	} {
		dir := t.TempDir()
		do(t, os.WriteFile(filepath.Join(dir, tt.file), []byte(tt.text), 0o644))
		do(t, os.WriteFile(filepath.Join(dir, "ca.crt"), fixtures.ControlPlane(fixtures.Options{}).CertificatePEM(fixtures.CA), 0o644))
		for _, run := range []struct{ paths, want []string }{{[]string{"."}, tt.found}, {[]string{"ca.crt", tt.file}, slices.Concat(tt.named, tt.found)}} {
			_, inv, err := inventory.GatherPaths(dir, run.paths, nil, nil)
			do(t, err)
			compare(t, run.want, told(audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now})))
		}
	}
}

// What programs keep of certificates that others took the place of is no fault, and neither is
// an old CA of a trust store that signed nothing here. What merely is called alike is.
func TestKeptFiles(t *testing.T) {
	c := fixtures.ControlPlane(fixtures.Options{})
	issue := func(base, name string, days int) fixtures.File {
		c.Issue(base, fixtures.Spec{CommonName: name, DNSNames: []string{name}, NotBefore: fixtures.Now.AddDate(0, 0, days-90), NotAfter: fixtures.Now.AddDate(0, 0, days)})
		return fixtures.File{Data: c.Node[base+".crt"].Data, Mode: 0o644}
	}
	old, valid, other := issue("/x/old", "web", -10), issue("/x/new", "web", 60), issue("/x/other", "other", 60)
	c.NewCA("roots", fixtures.Spec{CommonName: "roots", IsCA: true, NotBefore: fixtures.Now.AddDate(-9, 0, 0), NotAfter: fixtures.Now.AddDate(0, 0, -10)})
	root := fixtures.File{Data: []byte(c.CertificatePEM("roots")), Mode: 0o644}
	for _, tt := range []struct {
		name string
		node fixtures.Node
		want []string
	}{
		{"certbot", fixtures.Node{"/archive/web/cert1.pem": old, "/archive/web/cert2.pem": valid, "/live/web/cert.pem": {Link: "../../archive/web/cert2.pem"}},
			[]string{"info validity/expired archive/web/cert1.pem: expired on 2026-11-13 12:00 UTC; live/web/cert.pem took its place"}},
		{"the kubelet", fixtures.Node{"/kubelet-client-2026-08-15-12-00-00.pem": old, "/kubelet-client-2026-10-24-12-00-00.pem": valid},
			[]string{"info validity/expired kubelet-client-2026-08-15-12-00-00.pem: expired on 2026-11-13 12:00 UTC; kubelet-client-2026-10-24-12-00-00.pem took its place"}},
		{"certbot renewed nothing", fixtures.Node{"/archive/web/cert1.pem": old, "/archive/web/cert2.pem": other},
			[]string{"critical validity/expired archive/web/cert1.pem: expired on 2026-11-13 12:00 UTC, 10 days ago; it must be renewed"}},
		{"servers with numbers", fixtures.Node{"/web-1.crt": old, "/web-2.crt": valid},
			[]string{"critical validity/expired web-1.crt: expired on 2026-11-13 12:00 UTC, 10 days ago; it must be renewed"}},
		{"a trust store", fixtures.Node{"/roots.pem": root, "/0123abcd.0": {Link: "roots.pem"}},
			[]string{"info validity/expired roots.pem: expired on 2026-11-13 12:00 UTC; it is one of the CAs of a trust store, and signed nothing in view"}},
		{"a CA", fixtures.Node{"/roots.pem": root},
			[]string{"critical validity/expired roots.pem: expired on 2026-11-13 12:00 UTC, 10 days ago; it must be renewed"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			do(t, tt.node.Write(dir))
			_, inv, err := inventory.GatherPaths(dir, []string{"."}, nil, nil)
			do(t, err)
			compare(t, tt.want, told(audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now})))
		})
	}
}
