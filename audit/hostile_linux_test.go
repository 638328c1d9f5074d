package audit_test

import (
	"bytes"
	"certaudit/audit"
	"certaudit/fixtures"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// What lies where the API server's certificate should: each is told once, and
// nothing is waited for.
func TestFileInPlace(t *testing.T) {
	const name = pki + "/apiserver.crt"
	place := func(dir string) string { return filepath.Join(dir, name) }
	aside := func(dir string) error { return os.Rename(place(dir), filepath.Join(dir, pki, "elsewhere")) }
	for _, c := range []struct {
		name string
		make func(dir string) error
		want []string
	}{
		{name: "relative link", make: func(dir string) error {
			return errors.Join(aside(dir), os.Symlink("elsewhere", place(dir)))
		}},
		{name: "absolute link", make: func(dir string) error {
			return errors.Join(aside(dir), os.Symlink(pki+"/elsewhere", place(dir)))
		}},
		{name: "link that climbs too far", make: func(dir string) error {
			return errors.Join(aside(dir), os.Symlink("../../../../../../.."+pki+"/elsewhere", place(dir)))
		}},
		{name: "link through a linked folder", make: func(dir string) error {
			return errors.Join(os.Rename(filepath.Join(dir, pki), filepath.Join(dir, "/srv")), os.Symlink("/srv", filepath.Join(dir, pki)))
		}},
		{name: "link out of the root", make: func(dir string) error {
			return errors.Join(os.Remove(place(dir)), os.Symlink(strings.Repeat("../", 20)+"proc/self/environ", place(dir)))
		}, want: []string{
			`critical files/dangling-link /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: is a link to "../../../../../../../../../../../../../../../../../../../../proc/self/environ", which does not exist; it is named by kube-apiserver --tls-cert-file (/etc/kubernetes/manifests/kube-apiserver.yaml:40)`,
		}},
		{name: "dangling link", make: func(dir string) error {
			return errors.Join(os.Remove(place(dir)), os.Symlink("nowhere.crt", place(dir)))
		}, want: []string{
			`critical files/dangling-link /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: is a link to "nowhere.crt", which does not exist; it is named by kube-apiserver --tls-cert-file (/etc/kubernetes/manifests/kube-apiserver.yaml:40)`,
		}},
		{name: "link to itself", make: func(dir string) error {
			return errors.Join(os.Remove(place(dir)), os.Symlink("apiserver.crt", place(dir)))
		}, want: []string{
			"critical files/dangling-link /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: is a link that leads back to itself; it is named by kube-apiserver --tls-cert-file (/etc/kubernetes/manifests/kube-apiserver.yaml:40)",
		}},
		{name: "FIFO", make: func(dir string) error {
			return errors.Join(os.Remove(place(dir)), syscall.Mkfifo(place(dir), 0o644))
		}, want: []string{
			"critical files/malformed /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: is a FIFO, not a regular file; expected a certificate for kube-apiserver --tls-cert-file (/etc/kubernetes/manifests/kube-apiserver.yaml:40)",
		}},
		{name: "socket", make: func(dir string) error {
			return errors.Join(os.Remove(place(dir)), syscall.Mknod(place(dir), syscall.S_IFSOCK|0o644, 0))
		}, want: []string{
			"critical files/malformed /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: is a socket, not a regular file; expected a certificate for kube-apiserver --tls-cert-file (/etc/kubernetes/manifests/kube-apiserver.yaml:40)",
		}},
		{name: "folder", make: func(dir string) error {
			return errors.Join(os.Remove(place(dir)), os.Mkdir(place(dir), 0o755))
		}, want: []string{
			"critical files/malformed /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: is a folder, not a regular file; expected a certificate for kube-apiserver --tls-cert-file (/etc/kubernetes/manifests/kube-apiserver.yaml:40)",
		}},
		{name: "empty", make: func(dir string) error { return os.Truncate(place(dir), 0) }, want: []string{
			"critical files/malformed /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: holds nothing",
		}},
		{name: "truncated", make: func(dir string) error { return os.Truncate(place(dir), 200) }, want: []string{
			`critical files/malformed /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: "CERTIFICATE" block: no END line`,
		}},
		{name: "no certificate", make: func(dir string) error { return os.WriteFile(place(dir), []byte("not found\n"), 0o644) }, want: []string{
			"critical files/malformed /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: holds neither PEM nor DER",
		}},
		{name: "NUL bytes", make: func(dir string) error { return os.WriteFile(place(dir), make([]byte, 1000), 0o644) }, want: []string{
			"critical files/malformed /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: holds neither PEM nor DER",
		}},
		{name: "5 MiB", make: func(dir string) error { return os.WriteFile(place(dir), bytes.Repeat([]byte("x"), 5<<20), 0o644) }, want: []string{
			"critical files/malformed /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: is larger than 4 MiB; expected a certificate for kube-apiserver --tls-cert-file (/etc/kubernetes/manifests/kube-apiserver.yaml:40)",
		}},
		{name: "sparse", make: func(dir string) error { return os.Truncate(place(dir), 8<<30) }, want: []string{
			"critical files/malformed /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: is larger than 4 MiB; expected a certificate for kube-apiserver --tls-cert-file (/etc/kubernetes/manifests/kube-apiserver.yaml:40)",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := fixtures.ControlPlane(fixtures.Options{}).Node.Write(dir); err != nil {
				t.Fatal(err)
			}
			if err := c.make(dir); err != nil {
				t.Fatal(err)
			}
			_, r := auditFolder(t, dir)
			compare(t, c.want, told(r))
		})
	}
}

// TestNotRoot: a user who may read nothing but the certificates gets one finding
// that says so, no missing file, and kubeadm's error in place of its table.
func TestNotRoot(t *testing.T) {
	c := fixtures.ControlPlane(fixtures.Options{})
	for _, name := range c.Node.Paths() {
		if f := c.Node[name]; f.Link == "" && !strings.HasSuffix(name, ".crt") {
			c.Node.Chmod(name, 0)
		}
	}
	var r audit.Result
	if err := fixtures.WithoutCapabilities(func() { r = auditNode(t, c.Node, audit.Options{}) }); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range r.Findings {
		switch f.Check {
		case "input/unreadable":
			n++
			want := "26 files and folders may not be read by this user: /etc/kubernetes/admin.conf, /etc/kubernetes/controller-manager.conf, /etc/kubernetes/kubelet.conf and 23 more; " +
				"what they hold was not judged, and the audit is incomplete: run it as root"
			if f.Message != want || f.Severity != audit.Info || f.Remedy != "# run the audit as root" {
				t.Errorf("got %+v, want the message %q", f, want)
			}
		case "files/missing", "files/malformed", "keys/mismatch":
			t.Errorf("what may not be read is reported: %+v", f)
		}
	}
	if n != 1 || !r.Summary.Incomplete {
		t.Errorf("%d findings, incomplete %v; want one, and an audit that is incomplete", n, r.Summary.Incomplete)
	}
	if node := r.Nodes[0]; node.ExpirationError != "failed to load kubeConfig file /etc/kubernetes/admin.conf: open /etc/kubernetes/admin.conf: permission denied" || node.Expirations != nil {
		t.Errorf("got the rows %v and the error %q", node.Expirations, node.ExpirationError)
	}
}

// TestClosedFolders: what lies in a folder that this user may not look into shows no
// distribution, though each may have its files there; what lies beside it does.
func TestClosedFolders(t *testing.T) {
	for _, tt := range []struct {
		name, closed string
		make         func(c *fixtures.Cluster)
		want         string
	}{
		{"kubelet", "/var/lib/kubelet", nil, ""},
		{"kubeadm", "/etc/kubernetes", nil, ""},
		{"all but what shows k3s", "/var/lib/rancher/k3s/server", func(c *fixtures.Cluster) {
			c.Node = fixtures.Node{"/var/lib/rancher/k3s/agent/client-ca.crt": c.Node[pki+"/ca.crt"], "/var/lib/rancher/k3s/server/tls/server-ca.crt": c.Node[pki+"/ca.crt"]}
		}, "k3s server"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := fixtures.ControlPlane(fixtures.Options{})
			if tt.make != nil {
				tt.make(c)
			}
			dir := t.TempDir()
			do(t, c.Node.Write(dir))
			do(t, os.Chmod(filepath.Join(dir, tt.closed), 0))
			t.Cleanup(func() { do(t, os.Chmod(filepath.Join(dir, tt.closed), 0o755)) })
			var r audit.Result
			do(t, fixtures.WithoutCapabilities(func() { _, r = auditFolder(t, dir) }))
			got := ""
			if d := r.Nodes[0].Distribution; d != nil {
				got = d.Name + " " + d.Mode
			}
			if got != tt.want || !r.Summary.Incomplete {
				t.Errorf("got %q, incomplete %v; want %q, and an audit that is incomplete", got, r.Summary.Incomplete, tt.want)
			}
		})
	}
}

func TestUnreadable(t *testing.T) {
	c := fixtures.ControlPlane(fixtures.Options{})
	c.Node.Chmod(pki+"/apiserver.key", 0)
	c.Node.Chmod(manifests+"/etcd.yaml", 0)
	var r audit.Result
	if err := fixtures.WithoutCapabilities(func() { r = auditNode(t, c.Node, audit.Options{}) }); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, line := range told(r) {
		if strings.Contains(line, "unreadable") {
			got = append(got, line)
		}
	}
	want := []string{
		"info input/unreadable /etc/kubernetes/manifests/etcd.yaml: 2 files and folders may not be read by this user: /etc/kubernetes/manifests/etcd.yaml, /etc/kubernetes/pki/apiserver.key; " +
			"what they hold was not judged, and the audit is incomplete: run it as root",
		"incomplete input/unreadable: 2 files and folders could not be read",
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
