package inventory

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"certaudit/fixtures"
)

// Files that are read before their turn are found as those that are read in it: plain ones
// and links, inside of the folder and out of it, damaged and large ones, snapshots, and
// what lies in folders between them.
func TestFetch(t *testing.T) {
	dir := t.TempDir()
	c := fixtures.ControlPlane(fixtures.Options{})
	node := fixtures.Node{}
	for i := range 3*fetchAtOnce + 1 {
		cert, key := c.CertificatePEM(fixtures.CA), []byte("nothing")
		if i%7 == 0 {
			cert = append([]byte("-----BEGIN CERTIFICATE-----\ndamaged\n-----END CERTIFICATE-----\n"), cert...)
		}
		node[fmt.Sprintf("/%03d.crt", i)] = fixtures.File{Data: []byte(cert)}
		node[fmt.Sprintf("/%03d.key", i)] = fixtures.File{Data: key}
		if i%10 == 0 {
			node[fmt.Sprintf("/%03d-folder/tls.crt", i)] = fixtures.File{Data: []byte(c.CertificatePEM(fixtures.EtcdCA))}
			node[fmt.Sprintf("/%03d-in.crt", i)] = fixtures.File{Link: fmt.Sprintf("%03d.crt", i)}
			node[fmt.Sprintf("/%03d-out.crt", i)] = fixtures.File{Link: "/nowhere"}
		}
	}
	node["/050-large.crt"] = fixtures.File{Data: bytes.Repeat([]byte("x"), maxFetched+1)}
	node["/051-too-large.crt"] = fixtures.File{Data: bytes.Repeat([]byte("x"), MaxFileBytes+1)}
	if err := node.Write(dir); err != nil {
		t.Fatal(err)
	}
	tree := t.TempDir()
	if err := c.Node.Write(tree); err != nil {
		t.Fatal(err)
	}
	inv, err := Gather(tree)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	for range 2 {
		if err := WriteSnapshot(&text, "certaudit", inv); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "052.json"), text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	scanned := func(fetches bool) (*Inventory, []*Inventory, map[string]mark, int) {
		r, err := openRoot("/")
		if err != nil {
			t.Fatal(err)
		}
		defer r.close()
		r.seen = map[string]mark{}
		s := newScanner(newGatherer(r), "/")
		s.fetches, s.sets = fetches, true
		if err := s.scanNames([]string{dir}, false); err != nil {
			t.Fatal(err)
		}
		if held := s.held.Load(); held != 0 {
			t.Errorf("%d bytes are held at the end", held)
		}
		return s.inv, s.nodes, r.seen, s.files
	}
	want, wantNodes, wantSeen, wantFiles := scanned(false)
	got, gotNodes, gotSeen, gotFiles := scanned(true)
	if len(want.Materials) < 3*fetchAtOnce || len(wantNodes) != 2 || len(want.Problems) == 0 {
		t.Fatalf("%d files with certificates, %d nodes, %d problems", len(want.Materials), len(wantNodes), len(want.Problems))
	}
	if !reflect.DeepEqual(got, want) || !reflect.DeepEqual(gotNodes, wantNodes) || !reflect.DeepEqual(gotSeen, wantSeen) || gotFiles != wantFiles {
		t.Errorf("what is read before its turn is found otherwise: %d and %d files", gotFiles, wantFiles)
	}
}

// A panic of reading a file before its turn is the caller's.
func TestFetchPanics(t *testing.T) {
	s := newScanner(newGatherer(nil), "")
	f := &fetched{file: File{Path: "/damaged.crt"}}
	f.done.Add(1)
	go s.fetchOne(f, nil) // no folder is open
	defer func() {
		if recover() == nil {
			t.Error("the caller is given no panic")
		}
	}()
	s.take(f)
}

// After the first of many files in folders of one size it is known how many there are.
func TestExpectedFiles(t *testing.T) {
	const folders, each = 4, 25
	dir, node := t.TempDir(), fixtures.Node{}
	ca := fixtures.ControlPlane(fixtures.Options{}).CertificatePEM(fixtures.CA)
	for i := range folders * each {
		node[fmt.Sprintf("/%d/%02d.crt", i%folders, i)] = fixtures.File{Data: ca}
	}
	if err := node.Write(dir); err != nil {
		t.Fatal(err)
	}
	var got []Progress
	if _, _, err := GatherPaths("/", []string{dir}, nil, func(p Progress) { got = append(got, p.Expected()) }); err != nil {
		t.Fatal(err)
	}
	want := Progress{Files: folders * each, Held: folders * each, Done: 1}
	if len(got) != folders*each {
		t.Errorf("told %d times of %d files", len(got), folders*each)
	}
	for i, p := range got[1:] {
		if p.Files = want.Files; p != want { // the one that is read counts already
			t.Errorf("after %d files %+v is expected, want %+v", i+1, p, want)
		}
	}
}
