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
	for i := range 2 * fetchAtOnce {
		node[fmt.Sprintf("/053-folder/%03d/privkey.pem", i)] = fixtures.File{Data: []byte("nothing"), Mode: 0o600}
		node[fmt.Sprintf("/053-folder/%03d/cert.pem", i)] = fixtures.File{Data: []byte(c.CertificatePEM(fixtures.CA))}
		node[fmt.Sprintf("/053-folder/%03d/skip/cert.pem", i)] = fixtures.File{Data: []byte(c.CertificatePEM(fixtures.EtcdCA))}
		node[fmt.Sprintf("/054-folder/1/2/3/4/5/%03d.crt", i)] = fixtures.File{Data: []byte(c.CertificatePEM(fixtures.CA))}
		node[fmt.Sprintf("/055-folder/.git/%03d.crt", i)] = fixtures.File{Data: []byte(c.CertificatePEM(fixtures.CA))}
		node[fmt.Sprintf("/056-folder/var/lib/%03d.yaml", i)] = fixtures.File{Data: []byte("a: b\n")}
		node[fmt.Sprintf("/057-folder/%03d-to", i)] = fixtures.File{Link: "../053-folder"}
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
		s.fetches, s.sets, s.exclude = fetches, true, []string{"skip"}
		if err := s.scanNames([]string{dir}, false); err != nil {
			t.Fatal(err)
		}
		if held := s.held.Load(); held != 0 {
			t.Errorf("%d bytes are held at the end", held)
		}
		if n := s.within.Load(); n != 0 {
			t.Errorf("%d files in folders are waited for at the end", n)
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
	go (&fetcher{scanner: s}).fetchOne(f, nil, 0) // no folder is open
	defer func() {
		if recover() == nil {
			t.Error("the caller is given no panic")
		}
	}()
	s.take(f)
}
