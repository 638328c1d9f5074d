//go:build !race

package audit_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"certaudit/audit/inventory"
	"certaudit/fixtures"
)

// lookedAt are nodes that differ in where an inventory looks.
var lookedAt = map[string]func(*testing.T) fixtures.Node{
	"kubeadm control plane": func(*testing.T) fixtures.Node { return fixtures.ControlPlane(fixtures.Options{}).Node },
	"kubeadm worker":        func(*testing.T) fixtures.Node { return fixtures.Worker(fixtures.Options{}).Node },
	"made by hand":          func(*testing.T) fixtures.Node { return fixtures.Native(fixtures.Options{}).Node },
	"k3s server":            func(*testing.T) fixtures.Node { return fixtures.K3sServer(fixtures.Options{}).Node },
	"RKE2 server":           func(*testing.T) fixtures.Node { return fixtures.RKE2Server(fixtures.Options{}).Node },
	"k0s controller":        func(*testing.T) fixtures.Node { return fixtures.K0sController(fixtures.Options{}).Node },
	"MicroK8s":              func(*testing.T) fixtures.Node { return fixtures.MicroK8s(fixtures.Options{}).Node },
	"OpenRC":                func(t *testing.T) fixtures.Node { return scenarioNode(t, "ok-units-openrc") },
	"drop-ins":              func(t *testing.T) fixtures.Node { return scenarioNode(t, "ok-units-split") },
	"quadlet":               func(t *testing.T) fixtures.Node { return scenarioNode(t, "ok-units-quadlet") },
}

// Whatever an inventory looks at, and found or did not find, is noticed when it
// changes: what is remembered of the run before never hides a file or folder that came,
// went, became another or leads elsewhere.
func TestEveryLookIsRemembered(t *testing.T) {
	for name, node := range lookedAt {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && name != "kubeadm control plane" {
				t.Skip("takes seconds")
			}
			t.Parallel()
			n := node(t)
			l := looks{T: t, dir: t.TempDir(), away: filepath.Join(t.TempDir(), "away")}
			if err := n.Write(l.dir); err != nil {
				t.Fatal(err)
			}
			whole, folders := l.fresh(), map[string]bool{}
			for _, path := range n.Paths() {
				for dir := filepath.Dir(path); dir != "/"; dir = filepath.Dir(dir) {
					folders[dir] = true
				}
				if l.cameBack(path, whole) {
					l.became(path, n[path])
				}
			}
			for dir := range folders {
				l.cameBack(dir, whole)
			}
		})
	}
}

// looks is a node whose files come and go.
type looks struct {
	*testing.T
	dir, away string
}

// fresh is what a run finds that knows of none before.
func (l looks) fresh() []byte {
	inv, err := inventory.Gather(l.dir)
	if err != nil {
		l.Fatal(err)
	}
	return marshal(l.T, inv)
}

func (l looks) cache() *inventory.Cache {
	// By this clock no file was changed a moment ago.
	c := inventory.NewCache(func() time.Time { return time.Now().Add(time.Hour) }, "/")
	if _, err := c.Gather(l.dir); err != nil {
		l.Fatal(err)
	}
	return c
}

func (l looks) ok(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

// cameBack takes a file or folder away and puts it back; false where nothing looks at
// it.
func (l looks) cameBack(path string, whole []byte) bool {
	host, cache := filepath.Join(l.dir, path), l.cache()
	l.ok(os.Rename(host, l.away))
	if bytes.Equal(l.fresh(), whole) {
		l.ok(os.Rename(l.away, host))
		return false
	}
	if !cache.Changed() {
		l.Errorf("%s: there, then absent: not noticed", path)
	}
	cache = l.cache()
	l.ok(os.Rename(l.away, host))
	l.noticed(cache, path+": absent, then there")
	return true
}

// became makes another file of one, or leads a link elsewhere, and back.
func (l looks) became(path string, f fixtures.File) {
	host, cache := filepath.Join(l.dir, path), l.cache()
	l.ok(os.Rename(host, l.away))
	if f.Link != "" {
		l.ok(os.Symlink("/etc/hostname", host))
	} else {
		l.ok(os.WriteFile(host, append([]byte("\n"), f.Data...), f.Mode))
	}
	if !cache.Changed() {
		l.Errorf("%s: another: not noticed", path)
	}
	cache = l.cache()
	l.ok(os.Remove(host))
	l.ok(os.Rename(l.away, host))
	l.noticed(cache, path+": another, then as before")
}

// noticed fails unless a run with what is known of the one before finds what one finds
// that knows nothing.
func (l looks) noticed(cache *inventory.Cache, what string) {
	l.Helper()
	if !cache.Changed() {
		l.Errorf("%s: not noticed", what)
	}
	inv, err := cache.Gather(l.dir)
	l.ok(err)
	if !bytes.Equal(marshal(l.T, inv), l.fresh()) {
		l.Errorf("%s: what is remembered differs from what is there", what)
	}
}
