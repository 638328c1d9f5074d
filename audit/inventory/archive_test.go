package inventory

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"certaudit/fixtures"
)

// packed is an archive of headers and what the files hold.
func packed(t testing.TB, entries ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range entries {
		data := h.PAXRecords["test.data"]
		h.PAXRecords, h.Size = nil, int64(len(data))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// file is a regular file of an archive.
func file(name, data string) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o640, Uid: 7, Gid: 8, PAXRecords: map[string]string{"test.data": data}}
}

// linkTo is a link of an archive.
func linkTo(kind byte, name, target string) tar.Header {
	return tar.Header{Typeflag: kind, Name: name, Linkname: target, Mode: 0o777}
}

func archiveOf(t *testing.T, data []byte) *archive {
	t.Helper()
	a, err := readArchive(bytes.NewReader(data), nil, honestArchive)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// What lies in an archive is read as what lies in a folder is.
func TestArchiveRead(t *testing.T) {
	a := archiveOf(t, packed(t,
		tar.Header{Typeflag: tar.TypeXGlobalHeader, Name: "pax_global_header"},
		file("./etc/file", "text\n"), file("/etc/absolute-name", "a"), file("etc/twice", "first"), file("etc/twice", "second"),
		file("etc/large", strings.Repeat("x", MaxFileBytes+1)), file("../../etc/outside", "x"), file("etc/../../up", "x"),
		linkTo(tar.TypeSymlink, "etc/relative", "file"), linkTo(tar.TypeSymlink, "etc/absolute", "/etc/file"), linkTo(tar.TypeSymlink, "linked", "/etc"),
		linkTo(tar.TypeSymlink, "etc/out", "../../../../../etc/passwd"), linkTo(tar.TypeSymlink, "etc/ping", "pong"), linkTo(tar.TypeSymlink, "etc/pong", "ping"),
		linkTo(tar.TypeLink, "etc/same", "etc/file"), linkTo(tar.TypeLink, "etc/no-file", "etc/shadow"), linkTo(tar.TypeLink, "etc/up", "../etc/file"),
		tar.Header{Typeflag: tar.TypeChar, Name: "etc/device", Mode: 0o600}, tar.Header{Typeflag: tar.TypeFifo, Name: "etc/fifo", Mode: 0o600},
	))
	if want := []string{`2 names lead out of the archive and were passed over, the first is "../../etc/outside"`}; !cmp.Equal(want, a.faults) || a.cut != "" {
		t.Errorf("faults %q, cut %q", a.faults, a.cut)
	}
	for _, c := range []struct {
		name, state, reason, data string
	}{
		{"/etc/file", "readable", "", "text\n"},
		{"/etc/absolute-name", "readable", "", "a"},
		{"/etc/twice", "readable", "", "second"},
		{"/etc/large", "too-large", "is larger than 4 MiB", ""},
		{"/etc/relative", "readable", "", "text\n"},
		{"/etc/absolute", "readable", "", "text\n"},
		{"/linked/file", "readable", "", "text\n"},
		{"/etc/out", "dangling-link", `is a link to "../../../../../etc/passwd", which does not exist`, ""},
		{"/etc/ping", "link-loop", "is a link that leads back to itself", ""},
		{"/etc/same", "readable", "", "text\n"},
		{"/etc/no-file", "unreadable", `cannot be read: is the same file as "etc/shadow", which the archive does not hold before it`, ""},
		{"/etc/up", "unreadable", `cannot be read: is the same file as "../etc/file", which the archive does not hold before it`, ""},
		{"/etc/device", "not-regular", "is a device, not a regular file", ""},
		{"/etc/fifo", "not-regular", "is a FIFO, not a regular file", ""},
		{"/etc", "not-regular", "is a folder, not a regular file", ""},
		{"/etc/file/below", "missing", "does not exist", ""},
		{"/etc/none", "missing", "does not exist", ""},
		{"/up", "missing", "does not exist", ""},
	} {
		f, data := a.root("/").read(c.name)
		if got := [3]string{string(f.State), f.Reason, string(data)}; got != [3]string{c.state, c.reason, c.data} {
			t.Errorf("%s: %q, want %q %q %q", c.name, got, c.state, c.reason, c.data)
		}
	}
	if f, _ := a.root("/").read("/etc/file"); f.Mode != 0o640 || f.UID != 7 || f.GID != 8 {
		t.Errorf("%v %d %d", f.Mode, f.UID, f.GID)
	}
	below, _ := a.root("/etc").read("/file")
	if outside, _ := a.root("/etc").read("/../linked"); below.State != Readable || outside.State != Missing {
		t.Errorf("in a folder of the archive: %v, and beside it: %v", below.State, outside.State)
	}
	names, err := a.root("/").list("/etc")
	if want := "absolute absolute-name device fifo file large no-file out ping pong relative same twice up"; err != nil || strings.Join(names, " ") != want {
		t.Errorf("/etc holds %v, %v", names, err)
	}
	if names, err := a.root("/").list("/etc/file"); len(names) > 0 || err != nil {
		t.Errorf("a file holds %v, %v", names, err)
	}
}

// Of an archive that ends too early what came before can be read.
func TestArchiveCut(t *testing.T) {
	whole := packed(t, file("etc/one", strings.Repeat("1", 2000)), file("etc/two", strings.Repeat("2", 2000)))
	for _, c := range []struct {
		data     []byte
		late     bool
		cut, two string
	}{
		{whole, false, "", "readable"},
		{whole[:512+2048+512+1000], false, "the archive is damaged or cut off: unexpected EOF", "unreadable"},
		{whole[:512+2048+100], false, "the archive is damaged or cut off: unexpected EOF", "missing"},
		{append(bytes.Clone(whole[:512+2048]), bytes.Repeat([]byte("x"), 1024)...), false, "the archive is damaged or cut off: archive/tar: invalid tar header", "missing"},
		{whole[:512+2048], false, "the archive is damaged or cut off: its end is not there", "missing"},
		{whole[:len(whole)-512], false, "the archive is damaged or cut off: its end is not there", "readable"},
		{whole, true, "the archive was not read to its end: the audit had to end", "missing"},
	} {
		looks := 0
		a, err := readArchive(bytes.NewReader(c.data), func() bool { looks++; return c.late && looks > 1 }, honestArchive)
		if err != nil {
			t.Fatal(err)
		}
		one, _ := a.root("/").read("/etc/one")
		two, _ := a.root("/").read("/etc/two")
		if a.cut != c.cut || one.State != Readable || string(two.State) != c.two {
			t.Errorf("cut %q, %v, %v", a.cut, one.State, two)
		}
	}
	if _, err := readArchive(strings.NewReader(strings.Repeat("x", 2000)), nil, honestArchive); err == nil {
		t.Error("no archive at all is read as one")
	}
}

// What follows the end of an archive is not passed over in silence, unless it is padding.
func TestArchiveGoesOn(t *testing.T) {
	one, two := packed(t, file("etc/one", "1")), packed(t, file("etc/two", "2"))
	follows := []string{"something follows the end of the archive, and was not read; give each archive as a file of its own"}
	z := compressed(t, one)
	wrong := bytes.Clone(z)
	wrong[len(wrong)-8] ^= 1 // of the checksum
	for _, c := range []struct {
		name   string
		stream io.Reader
		faults []string
		cut    string
	}{
		{"padding", io.MultiReader(bytes.NewReader(one), &zeros{1 << 20}), nil, ""},
		{"another", io.MultiReader(bytes.NewReader(one), &zeros{9 << 10}, bytes.NewReader(two)), follows, ""},
		{"a text", io.MultiReader(bytes.NewReader(one), strings.NewReader("x")), follows, ""},
		{"compressed", unpacked(t, z), nil, ""},
		{"two compressed", unpacked(t, append(bytes.Clone(z), compressed(t, two)...)), follows, ""},
		{"a wrong checksum", unpacked(t, wrong), nil, "the archive is damaged or cut off: gzip: invalid checksum"},
		{"without its end", unpacked(t, z[:len(z)-8]), nil, "the archive is damaged or cut off: unexpected EOF"},
	} {
		a, err := readArchive(c.stream, nil, honestArchive)
		if err != nil {
			t.Fatal(err)
		}
		if f, _ := a.root("/").read("/etc/one"); !cmp.Equal(c.faults, a.faults) || a.cut != c.cut || f.State != Readable {
			t.Errorf("%s: faults %q, cut %q, %v", c.name, a.faults, a.cut, f.State)
		}
	}
}

func unpacked(t testing.TB, data []byte) io.Reader {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// zeros are so many bytes.
type zeros struct{ left int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left <= 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), z.left))
	clear(p[:n])
	z.left -= int64(n)
	return n, nil
}

// What is kept of an archive is bounded, and so is what is read of it.
func TestArchiveBounds(t *testing.T) {
	var head bytes.Buffer
	w := tar.NewWriter(&head)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "etc/bomb", Size: 10 << 30, Format: tar.FormatGNU}); err != nil {
		t.Fatal(err)
	}
	few := archiveBounds{entries: 3, kept: 2, unpacked: 10}
	a, err := readArchive(io.MultiReader(&head, &zeros{10 << 30}, bytes.NewReader(packed(t, file("etc/after", "x")))), nil, few)
	if err != nil {
		t.Fatal(err)
	}
	bomb, _ := a.root("/").read("/etc/bomb")
	if f, _ := a.root("/").read("/etc/after"); bomb.State != TooLarge || f.State != Missing || a.cut != "the archive holds more than 10 MiB, and the rest was not read" {
		t.Errorf("%v %v %q", bomb.State, f.State, a.cut)
	}

	large := strings.Repeat("x", 1<<20)
	a, err = readArchive(bytes.NewReader(packed(t, file("1", large), file("2", large), file("3", "x"), file("4", "x"))), nil, few)
	if err != nil {
		t.Fatal(err)
	}
	second, _ := a.root("/").read("/2")
	third, _ := a.root("/").read("/3")
	if second.State != Readable || third.Reason != "cannot be read: was not kept: the files before it in the archive hold 2 MiB" || a.cut != "the archive holds more than 3 files, and the rest was not read" {
		t.Errorf("%v %v %q", second.State, third, a.cut)
	}
}

func compressed(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// snapshotNamed is a snapshot of a node of a name.
func snapshotNamed(t testing.TB, name string) []byte {
	t.Helper()
	dir := t.TempDir()
	if err := fixtures.Worker(fixtures.Options{NodeName: name}).Node.Write(dir); err != nil {
		t.Fatal(err)
	}
	inv, err := Gather(dir)
	if err != nil {
		t.Fatal(err)
	}
	inv.TakenAt = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	var b bytes.Buffer
	if err := WriteSnapshot(&b, "certaudit v1", inv); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What the standard input may hold, whole and damaged: the nodes by their host names, and
// what is said.
func TestGatherStream(t *testing.T) {
	one, two := snapshotNamed(t, "one"), snapshotNamed(t, "two")
	later := bytes.Replace(one, []byte(SnapshotSchema), []byte("certaudit-inventory/v2"), 1)
	const lost = "-: "
	for _, c := range []struct {
		about       string
		data        []byte
		nodes, said []string
	}{
		{"nothing", nil, nil, []string{lost + "is empty"}},
		{"a snapshot", one, []string{"one"}, nil},
		{"two", append(bytes.Clone(one), two...), []string{"one", "two"}, nil},
		{"two, compressed each", append(compressed(t, one), compressed(t, two)...), []string{"one", "two"}, nil},
		{"with spaces", append([]byte(" \n\t"), one...), []string{"one"}, nil},
		{"cut off", append(bytes.Clone(one), two[:len(two)/2]...), []string{"one"}, []string{lost + "is not read from its snapshot 2 on, which is cut off in the middle of a snapshot"}},
		{"cut off in the compressed", compressed(t, one)[:900], nil, []string{lost + "is cut off in the middle of a snapshot"}},
		{"of a later program", later, nil, []string{lost + `has the schema "certaudit-inventory/v2", and this program reads certaudit-inventory/v1; take the version that wrote it, "certaudit v1", or a later one`}},
		{"something behind it", append(bytes.Clone(one), `{"kind":"Secret"}`...), []string{"one"}, []string{lost + `is not read from its snapshot 2 on, which is no snapshot: its schema is ""`}},
		{"no inventory", []byte(`{"schema":"certaudit-inventory/v1"}`), nil, []string{lost + "is a snapshot without an inventory"}},
		{"a certificate too few", []byte(`{"schema":"certaudit-inventory/v1","certificates":{},"inventory":{"materials":{"/a":{"certificates":[{"origin":{"path":"/a"},"sha256":"00"}]}}}}`), nil,
			[]string{lost + `is a snapshot that lacks the certificate "00"`}},
		{"references without end", []byte(`{"schema":"certaudit-inventory/v1","inventory":{"references":[` + strings.Repeat(`{"component":"etcd"},`, 5000) + `{"component":"etcd"}]}}`), nil,
			[]string{lost + "is a snapshot of components that name more than 5000 files, which is no node's"}},
		{"xz", []byte("\xfd7zXZ\x00..."), nil, []string{lost + "is compressed with xz; give xz -dc FILE | certaudit audit -"}},
		{"zstd", []byte("\x28\xb5\x2f\xfd..."), nil, []string{lost + "is compressed with zstd; give zstd -dc FILE | certaudit audit -"}},
		{"gzip of nothing known", compressed(t, []byte("text")), nil, []string{lost + "is compressed, and holds neither an archive of files nor snapshots of nodes"}},
		{"damaged gzip", compressed(t, one)[:12], nil, []string{lost + "cannot be decompressed: unexpected EOF"}},
		{"an archive of snapshots", packed(t, file("a/one.json", string(one)), file("a/two.json.gz", string(compressed(t, two)))), []string{"one", "two"}, nil},
		{"an archive in an archive", packed(t, file("inner.tar", string(packed(t, file("etc/hostname", "x"))))), nil, []string{"-/inner.tar: is an archive within an archive, and was not read"}},
		{"names that lead out", packed(t, file("../x", "x"), file("one.json", string(one))), []string{"one"}, []string{lost + `1 names lead out of the archive and were passed over, the first is "../x"`}},
	} {
		t.Run(c.about, func(t *testing.T) {
			nodes, rest, err := Clock{}.GatherStream("-", bytes.NewReader(c.data), nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			var names, said []string
			for _, inv := range nodes {
				names = append(names, inv.Hostname.Value)
			}
			if rest != nil {
				for _, p := range rest.Problems {
					said = append(said, p.Origin.Path+": "+p.Detail)
					if !p.Lost {
						t.Errorf("%v is not counted as lost", p)
					}
				}
			}
			if diff := cmp.Diff([][]string{c.nodes, c.said}, [][]string{names, said}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// An empty file that is called like a snapshot or an archive is told, whoever names it: a
// command on another machine that failed leaves one.
func TestEmptySets(t *testing.T) {
	dir := t.TempDir()
	files := map[string][]byte{"folder/one.json": nil, "folder/two.json.gz": nil, "folder/notes.txt": nil, "named.json": nil, "named.tar": nil, "folder/three.json": snapshotNamed(t, "three")}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	nodes, rest, err := Clock{}.GatherPaths(dir, []string{"folder", "named.json", "named.tar"}, nil, nil)
	if err != nil || len(nodes) != 1 || rest == nil {
		t.Fatalf("got %d nodes, %v, %v; want one and what was not read", len(nodes), rest, err)
	}
	var said []string
	for _, p := range rest.Problems {
		said = append(said, fmt.Sprintf("%s %s %t", p.Origin.Path, p.Detail, p.Lost))
	}
	const empty = " is empty, as what is written of a node that was not reached true"
	want := []string{"folder/one.json" + empty, "folder/two.json.gz" + empty, "named.json" + empty, "named.tar" + empty}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
