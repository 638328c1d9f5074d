package inventory_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"certaudit/audit/inventory"
	"certaudit/fixtures"
)

const pki = "/etc/kubernetes/pki"

// renewed are two nodes that differ in one pair: before and after it was renewed.
func renewed() (before, after fixtures.Node) {
	c := fixtures.ControlPlane(fixtures.Options{})
	before = c.Node.Clone()
	c.Reissue(pki+"/apiserver", func(s *fixtures.Spec) { s.KeyName = "renewed" })
	return before, c.Node
}

// put writes one file of a node below a folder.
func put(t *testing.T, dir string, n fixtures.Node, name string, at time.Time) {
	t.Helper()
	host := filepath.Join(dir, name)
	if err := os.WriteFile(host, n[name].Data, n[name].Mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(host, at, at); err != nil {
		t.Fatal(err)
	}
}

// isPair reports whether the API server's key belongs to its certificate.
func isPair(inv *inventory.Inventory) bool {
	certs, keys := inv.Materials[pki+"/apiserver.crt"].Certificates, inv.Materials[pki+"/apiserver.key"].Keys
	return len(certs) == 1 && len(keys) == 1 && certs[0].PublicKeySHA256() == keys[0].PublicKeySHA256
}

// TestSecondLook: what a renewal leaves for a moment is looked at again, what lies
// there for longer is not, and what stays is not waited for without end.
func TestSecondLook(t *testing.T) {
	before, after := renewed()
	now := fixtures.Now
	for _, tt := range []struct {
		name string
		// begin changes the node before the first look, end at the given pause.
		begin, end func(t *testing.T, dir string)
		endAt      int
		pauses     int
		pair       bool
	}{
		{"sound", func(*testing.T, string) {}, nil, 0, 0, true},
		{"sound and young", func(t *testing.T, dir string) { put(t, dir, before, pki+"/apiserver.crt", now) }, nil, 0, 0, true},
		{"new key, then new certificate", func(t *testing.T, dir string) { put(t, dir, after, pki+"/apiserver.key", now) },
			func(t *testing.T, dir string) { put(t, dir, after, pki+"/apiserver.crt", now) }, 1, 1, true},
		{"key not filled yet", func(t *testing.T, dir string) {
			put(t, dir, fixtures.Node{pki + "/apiserver.key": {Mode: 0o600}}, pki+"/apiserver.key", now)
		}, func(t *testing.T, dir string) { put(t, dir, before, pki+"/apiserver.key", now) }, 3, 3, true},
		{"another pair for an hour", func(t *testing.T, dir string) { put(t, dir, after, pki+"/apiserver.key", now.Add(-time.Hour)) }, nil, 0, 0, false},
		{"another pair of two seconds", func(t *testing.T, dir string) { put(t, dir, after, pki+"/apiserver.key", now.Add(-2*time.Second)) }, nil, 0, 0, false},
		{"another pair that stays", func(t *testing.T, dir string) { put(t, dir, after, pki+"/apiserver.key", now) }, nil, 0, 4, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := before.Write(dir); err != nil {
				t.Fatal(err)
			}
			tt.begin(t, dir)
			pauses := 0
			clock := inventory.Clock{Now: func() time.Time { return now }, Wait: func(time.Duration) {
				if pauses++; pauses == tt.endAt {
					tt.end(t, dir)
				}
			}}
			inv, err := clock.Gather(dir)
			if err != nil {
				t.Fatal(err)
			}
			if pauses != tt.pauses || isPair(inv) != tt.pair {
				t.Errorf("%d pauses, pair %v; want %d, %v", pauses, isPair(inv), tt.pauses, tt.pair)
			}
		})
	}
}

// TestSecondLookAtMovedLink: the link that the kubelet leads to the files of a
// Secret moves between the certificate and the key. Nothing is young: the files
// were written before.
func TestSecondLookAtMovedLink(t *testing.T) {
	before, after := renewed()
	dir := t.TempDir()
	for name, n := range map[string]fixtures.Node{"..old": before, "..new": after} {
		for _, file := range []string{"apiserver.crt", "apiserver.key"} {
			if err := (fixtures.Node{"/" + name + "/" + file: n[pki+"/"+file]}).Write(dir); err != nil {
				t.Fatal(err)
			}
		}
	}
	links := fixtures.Node{"/..data": {Link: "..old"}, "/tls.crt": {Link: "..data/apiserver.crt"}, "/tls.key": {Link: "..data/apiserver.key"}}
	if err := links.Write(dir); err != nil {
		t.Fatal(err)
	}
	move := func(to string) {
		data := filepath.Join(dir, "..data")
		if err := os.Symlink(to, data+"_tmp"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(data+"_tmp", data); err != nil {
			t.Fatal(err)
		}
	}
	// The first file that is read is the certificate; the clock is asked when both were.
	looks := 0
	clock := inventory.Clock{Now: func() time.Time { return fixtures.Now }, Wait: func(time.Duration) { looks++ }}
	files := 0
	_, inv, err := clock.GatherPaths(dir, []string{"tls.crt", "tls.key"}, nil, func(inventory.Progress) {
		if files++; files == 2 {
			move("..new")
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	certs, keys := inv.Materials["tls.crt"].Certificates, inv.Materials["tls.key"].Keys
	if looks != 1 || len(certs) != 1 || len(keys) != 1 || certs[0].PublicKeySHA256() != keys[0].PublicKeySHA256 {
		t.Errorf("%d pauses; the pair is still mixed", looks)
	}
}

// TestSecondLookAtNewerFile: the kubelet has written a new certificate, and its
// link is about to move there.
func TestSecondLookAtNewerFile(t *testing.T) {
	const link, newer = "/var/lib/kubelet/pki/kubelet-client-current.pem", "/var/lib/kubelet/pki/kubelet-client-2026-11-23-11-59-59.pem"
	n := fixtures.ControlPlane(fixtures.Options{}).Node
	dir := t.TempDir()
	if err := n.Write(dir); err != nil {
		t.Fatal(err)
	}
	old := n[link].Link
	put(t, dir, fixtures.Node{newer: n[old]}, newer, fixtures.Now)
	pauses := 0
	clock := inventory.Clock{Now: func() time.Time { return fixtures.Now }, Wait: func(time.Duration) {
		pauses++
		if err := os.Remove(filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(newer, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}}
	inv, err := clock.Gather(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := inv.Files[link].Link; pauses != 1 || got != newer {
		t.Errorf("%d pauses, the link leads to %s", pauses, got)
	}
	if !slices.Contains(inv.Folders["/var/lib/kubelet/pki"], filepath.Base(old)) {
		t.Error("the old file is gone")
	}
}

// What is not read when the time is up cannot be read, and says why.
func TestLate(t *testing.T) {
	dir := t.TempDir()
	if err := fixtures.ControlPlane(fixtures.Options{}).Node.Write(dir); err != nil {
		t.Fatal(err)
	}
	inv, err := inventory.Clock{Late: func() bool { return true }}.Gather(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(inv.Materials)+len(inv.Kubeconfigs) > 0 {
		t.Errorf("%d files and %d kubeconfigs were read", len(inv.Materials), len(inv.Kubeconfigs))
	}
	unread := 0
	for _, f := range inv.Files {
		if f.State == inventory.Unreadable && f.Reason == "was not read: the audit had to end" {
			unread++
		}
	}
	if unread == 0 {
		t.Error("nothing says so")
	}
}
