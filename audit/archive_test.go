package audit_test

import (
	"archive/tar"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"certaudit/audit"
	"certaudit/audit/inventory"
	"certaudit/fixtures"
)

// tarOf is a folder as tar packs it, below a name; "" for none.
func tarOf(t testing.TB, dir, below string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	do(t, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		do(t, err)
		info, err := d.Info()
		do(t, err)
		link := ""
		if info.Mode()&fs.ModeSymlink != 0 {
			link, err = os.Readlink(name)
			do(t, err)
		}
		h, err := tar.FileInfoHeader(info, link)
		do(t, err)
		h.Name = "./" + filepath.ToSlash(filepath.Join(below, strings.TrimPrefix(name, dir)))
		h.Format = tar.FormatPAX // with times to the nanosecond
		do(t, w.WriteHeader(h))
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(name)
			do(t, err)
			_, err = w.Write(data)
			do(t, err)
		}
		return nil
	}))
	do(t, w.Close())
	return b.Bytes()
}

// fromStream are the nodes and the rest of what the standard input holds.
func fromStream(t testing.TB, data []byte) (nodes []*inventory.Inventory, rest *inventory.Inventory) {
	t.Helper()
	nodes, rest, err := inventory.Clock{}.GatherStream("-", bytes.NewReader(data), nil, nil)
	do(t, err)
	return nodes, rest
}

// An archive of a node is judged as the node is.
func TestArchive(t *testing.T) {
	if testing.Short() {
		t.Skip("audits every node twice")
	}
	for _, s := range fixtures.Scenarios() {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			node := s.Node()
			if node.FromProcesses() {
				t.Skip("an archive has no processes")
			}
			dir := t.TempDir()
			do(t, node.Write(dir))
			want := resultOf(t, s.Name, s.Node)
			nodes, rest := fromStream(t, tarOf(t, dir, ""))
			if len(nodes) != 1 {
				if len(want.Certificates) > 0 && len(want.Connections) > 0 {
					t.Fatalf("%d nodes, and other files: %v", len(nodes), rest != nil)
				}
				return
			}
			nodes[0].Folder = ""
			got := audit.Run(nodes, audit.Options{At: fixtures.Now})
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-folder +archive):\n%s", diff)
			}
		})
	}
}
