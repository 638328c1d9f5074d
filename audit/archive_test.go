package audit_test

import (
	"archive/tar"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"certaudit/audit/inventory"
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
