package inventory

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// logTree writes files and links below a folder; a text that begins with -> is a link.
func logTree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, isLink := strings.CutPrefix(text, "-> "); isLink {
			err = os.Symlink(target, name)
		} else {
			err = os.WriteFile(name, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Files of a tree are read with all links inside it, each folder once.
func TestTreeFiles(t *testing.T) {
	outside := logTree(t, map[string]string{"secret.log": "outside"})
	dir := logTree(t, map[string]string{
		"var/log/pods/a/etcd/0.log":                "-> /var/lib/docker/containers/3f/3f-json.log",
		"var/log/pods/a/etcd/1.log":                "own",
		"var/log/pods/b/gone.log":                  "-> /var/lib/docker/gone.log",
		"var/log/pods/b/loop.log":                  "-> loop.log",
		"var/log/pods/b/out.log":                   "-> " + outside + "/secret.log",
		"var/log/pods/b/up.log":                    "-> ../../../../../../../../../../../../.." + outside + "/secret.log",
		"var/log/pods/c":                           "-> /var/log/pods/a",
		"var/lib/docker/containers/3f/3f-json.log": "docker",
	})
	tree, err := OpenTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	files, more := tree.Files("/var/log/pods", 100)
	got := map[string]string{}
	for _, f := range files {
		text := ""
		if h, err := tree.Open(f.Path); err == nil {
			data, _ := io.ReadAll(h)
			text = string(data)
			h.Close()
		} else {
			text = "cannot: " + err.Error()
		}
		got[f.Path] = string(f.State) + ", " + text
	}
	want := map[string]string{
		"/var/log/pods/a/etcd/0.log": "readable, docker",
		"/var/log/pods/a/etcd/1.log": "readable, own",
		"/var/log/pods/b/gone.log":   `dangling-link, cannot: is a link to "/var/lib/docker/gone.log", which does not exist`,
		"/var/log/pods/b/loop.log":   "link-loop, cannot: is a link that leads back to itself",
		"/var/log/pods/b/out.log":    `dangling-link, cannot: is a link to "` + outside + `/secret.log", which does not exist`,
		"/var/log/pods/b/up.log":     `dangling-link, cannot: is a link to "../../../../../../../../../../../../..` + outside + `/secret.log", which does not exist`,
	}
	if diff := cmp.Diff(want, got); diff != "" || more {
		t.Errorf("(-want +got), more: %v\n%s", more, diff)
	}
	if files, more = tree.Files("/var/log/pods", 2); len(files) != 2 || !more {
		t.Errorf("%d files, more: %v", len(files), more)
	}
	if files, more = tree.Files("/nowhere", 2); files != nil || more {
		t.Errorf("%v, more: %v", files, more)
	}
	if diff := cmp.Diff([]string{"/var/log/pods/a/etcd/0.log", "/var/log/pods/a/etcd/1.log"}, tree.Fitting("/var/log/pods/a/*/*.log")); diff != "" {
		t.Error(diff)
	}
	if got := tree.Fitting("/var/log/pods"); got != nil {
		t.Errorf("no pattern fits %q", got)
	}
	if host, err := tree.Host("/var/log/pods/c"); err != nil || !strings.HasSuffix(host, "/var/log/pods/a") {
		t.Errorf("%q, %v", host, err)
	}
}

// A stream that holds nodes is known by its beginning, and can still be read as a whole.
func TestHoldsNodes(t *testing.T) {
	var snapshot, packed bytes.Buffer
	if err := WriteSnapshot(&snapshot, "test", New()); err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(snapshot.Bytes())
	z.Close()
	log := "2026-11-23 {\"schema\": \"certaudit-inventory/v1\"}\n"
	for name, c := range map[string]struct {
		text           string
		nodes, archive bool
	}{
		"a snapshot":      {snapshot.String(), true, false},
		"one compressed":  {packed.String(), true, false},
		"a log":           {log, false, false},
		"JSON lines":      {`{"log":"x\n","stream":"stderr"}`, false, false},
		"nothing":         {"", false, false},
		"damaged gzip":    {"\x1f\x8b\x08\x00", false, false},
		"zstd":            {"\x28\xb5\x2f\xfd\x00", false, false},
		"another archive": {string(make([]byte, 257)) + "ustar" + string(make([]byte, 1000)), false, true},
	} {
		nodes, archive, whole := HoldsNodes(strings.NewReader(c.text))
		data, err := io.ReadAll(whole)
		if nodes != c.nodes || archive != c.archive || err != nil || string(data) != c.text {
			t.Errorf("%s: nodes %v, archive %v, %d of %d bytes, %v", name, nodes, archive, len(data), len(c.text), err)
		}
	}
}
