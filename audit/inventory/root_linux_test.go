package inventory

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"certaudit/fixtures"
)

// plant makes a folder with one of everything that can lie at a path.
func plant(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	outside := t.TempDir()
	steps := []error{
		os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600),
		os.MkdirAll(filepath.Join(dir, "etc/folder"), 0o755),
		os.WriteFile(filepath.Join(dir, "etc/file"), []byte("text\n"), 0o640),
		os.Chmod(filepath.Join(dir, "etc/file"), 0o640),
		os.WriteFile(filepath.Join(dir, "etc/empty"), nil, 0o644),
		os.WriteFile(filepath.Join(dir, "etc/limit"), make([]byte, MaxFileBytes), 0o644),
		os.WriteFile(filepath.Join(dir, "etc/large"), make([]byte, MaxFileBytes+1), 0o644),
		os.WriteFile(filepath.Join(dir, "etc/sparse"), nil, 0o644),
		os.Truncate(filepath.Join(dir, "etc/sparse"), 8<<30),
		os.Symlink("file", filepath.Join(dir, "etc/relative")),
		os.Symlink("/etc/file", filepath.Join(dir, "etc/absolute")),
		os.Symlink("absolute", filepath.Join(dir, "etc/chain")),
		os.Symlink("/etc", filepath.Join(dir, "linked")),
		os.Symlink("nowhere", filepath.Join(dir, "etc/dangling")),
		os.Symlink("self", filepath.Join(dir, "etc/self")),
		os.Symlink("pong", filepath.Join(dir, "etc/ping")),
		os.Symlink("ping", filepath.Join(dir, "etc/pong")),
		os.Symlink("../../../../../../../../../../.."+outside+"/secret", filepath.Join(dir, "etc/up")),
		os.Symlink(outside+"/secret", filepath.Join(dir, "etc/out")),
		os.Symlink("../../../../../../../../../../../etc/file", filepath.Join(dir, "etc/up-and-in")),
		syscall.Mkfifo(filepath.Join(dir, "etc/fifo"), 0o644),
	}
	for _, err := range steps {
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestRead(t *testing.T) {
	dir := plant(t)
	// The address of a socket may be 108 bytes long, so it is made from within.
	t.Chdir(filepath.Join(dir, "etc"))
	l, err := net.Listen("unix", "socket")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r, err := openRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()

	for _, c := range []struct {
		want File
		data string
	}{
		{File{Path: "/etc/file", State: Readable, Resolved: "/etc/file", Mode: 0o640, Size: 5}, "text\n"},
		{File{Path: "/etc/empty", State: Readable, Resolved: "/etc/empty", Mode: 0o644}, ""},
		{File{Path: "/etc/limit", State: Readable, Resolved: "/etc/limit", Mode: 0o644, Size: 4 << 20}, strings.Repeat("\x00", 4<<20)},
		{File{Path: "/etc/large", State: TooLarge, Reason: "is larger than 4 MiB", Resolved: "/etc/large", Mode: 0o644, Size: 4<<20 + 1}, ""},
		{File{Path: "/etc/sparse", State: TooLarge, Reason: "is larger than 4 MiB", Resolved: "/etc/sparse", Mode: 0o644, Size: 8 << 30}, ""},
		{File{Path: "/etc/folder", State: NotRegular, Reason: "is a folder, not a regular file", Resolved: "/etc/folder", Mode: os.ModeDir | 0o755}, ""},
		{File{Path: "/etc/fifo", State: NotRegular, Reason: "is a FIFO, not a regular file", Resolved: "/etc/fifo", Mode: os.ModeNamedPipe | 0o644}, ""},
		{File{Path: "/etc/socket", State: NotRegular, Reason: "is a socket, not a regular file", Resolved: "/etc/socket", Mode: os.ModeSocket | 0o755}, ""},
		{File{Path: "/", State: NotRegular, Reason: "is a folder, not a regular file", Resolved: "/", Mode: os.ModeDir | 0o755}, ""},
		{File{Path: "/etc/nowhere", State: Missing, Reason: "does not exist", Resolved: "/etc/nowhere"}, ""},
		{File{Path: "/etc/file/below", State: Missing, Reason: "does not exist", Resolved: "/etc/file/below"}, ""},
		{File{Path: "/etc/relative", State: Readable, Link: "file", Resolved: "/etc/file", Mode: 0o640, Size: 5}, "text\n"},
		{File{Path: "/etc/absolute", State: Readable, Link: "/etc/file", Resolved: "/etc/file", Mode: 0o640, Size: 5}, "text\n"},
		{File{Path: "/etc/chain", State: Readable, Link: "absolute", Resolved: "/etc/file", Mode: 0o640, Size: 5}, "text\n"},
		{File{Path: "/linked/file", State: Readable, Resolved: "/etc/file", Mode: 0o640, Size: 5}, "text\n"},
		{File{Path: "/etc/up-and-in", State: Readable, Link: "../../../../../../../../../../../etc/file", Resolved: "/etc/file", Mode: 0o640, Size: 5}, "text\n"},
		{File{Path: "/etc/dangling", State: DanglingLink, Reason: `is a link to "nowhere", which does not exist`, Link: "nowhere", Resolved: "/etc/nowhere"}, ""},
		{File{Path: "/etc/" + strings.Repeat("a", 256), State: Unreadable, Reason: "cannot be read: file name too long"}, ""},
		{File{Path: "/etc/self", State: LinkLoop, Reason: "is a link that leads back to itself", Link: "self"}, ""},
		{File{Path: "/etc/ping", State: LinkLoop, Reason: "is a link that leads back to itself", Link: "pong"}, ""},
	} {
		t.Run(c.want.Path, func(t *testing.T) {
			got, data := r.read(c.want.Path)
			if diff := cmp.Diff(c.want, got, cmpopts.IgnoreFields(File{}, "UID", "GID", "ModTime"), folderMode); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if string(data) != c.data {
				t.Errorf("%d bytes, want %d", len(data), len(c.data))
			}
		})
	}
}

// folderMode passes over what the umask and the size of a folder's own entry do.
var folderMode = cmp.FilterValues(func(a, b File) bool { return !a.Mode.IsRegular() && !b.Mode.IsRegular() },
	cmp.Comparer(func(a, b File) bool {
		return a.Path == b.Path && a.State == b.State && a.Reason == b.Reason && a.Resolved == b.Resolved && a.Mode.Type() == b.Mode.Type()
	}))

// What a link names outside of the root is looked for inside of it.
func TestReadStaysInside(t *testing.T) {
	dir := plant(t)
	r, err := openRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	for _, name := range []string{"/etc/up", "/etc/out", "../../../../../../../../../../etc/out", "/etc/../../out"} {
		f, data := r.read(name)
		if f.State == Readable || len(data) > 0 {
			t.Errorf("%s: %s, %d bytes; want nothing", name, f.State, len(data))
		}
	}
}

func TestReadUnreadable(t *testing.T) {
	dir := plant(t)
	if err := os.Chmod(filepath.Join(dir, "etc/file"), 0); err != nil {
		t.Fatal(err)
	}
	r, err := openRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	var got File
	var data []byte
	if err := fixtures.WithoutCapabilities(func() { got, data = r.read("/etc/file") }); err != nil {
		t.Fatal(err)
	}
	want := File{Path: "/etc/file", State: Unreadable, Reason: "may not be read by this user", Resolved: "/etc/file", Size: 5}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(File{}, "UID", "GID", "ModTime")); diff != "" || data != nil {
		t.Errorf("%d bytes (-want +got):\n%s", len(data), diff)
	}
}

func TestList(t *testing.T) {
	dir := plant(t)
	r, err := openRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	for _, c := range []struct {
		name  string
		first string
		n     int
		err   string
	}{
		{"/linked/", "absolute", 17, ""},
		{"/etc/folder", "", 0, ""},
		{"/etc/file", "", 0, ""},
		{"/etc/file/below", "", 0, ""},
		{"/etc/fifo", "", 0, ""},
		{"/etc/dangling", "", 0, ""},
		{"/nowhere", "", 0, ""},
		{"/etc/self", "", 0, "too many levels of symbolic links"},
	} {
		names, err := r.list(c.name)
		first, text := "", ""
		if len(names) > 0 {
			first = names[0]
		}
		if err != nil {
			text = bareError(err)
		}
		if first != c.first || len(names) != c.n || text != c.err {
			t.Errorf("%s: %d names from %q, error %q; want %d from %q, %q", c.name, len(names), first, text, c.n, c.first, c.err)
		}
	}
}

func TestListOfMany(t *testing.T) {
	dir := plant(t)
	add := func(i int) {
		t.Helper()
		// Hard links are the cheapest files.
		if err := os.Link(filepath.Join(dir, "etc/empty"), filepath.Join(dir, "etc/folder", fmt.Sprintf("%05d", i))); err != nil {
			t.Fatal(err)
		}
	}
	r, err := openRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	for i := range maxDirEntries {
		add(i)
	}
	names, err := r.list("/etc/folder")
	if err != nil || len(names) != maxDirEntries || names[0] != "00000" {
		t.Errorf("%d names, %v; want %d", len(names), err, maxDirEntries)
	}
	add(maxDirEntries)
	names, err = r.list("/etc/folder")
	if err == nil || err.Error() != "holds more than 20000 files" || names != nil {
		t.Errorf("%d names, %v; want an error", len(names), err)
	}
}

func TestOpenRoot(t *testing.T) {
	dir := plant(t)
	for _, c := range []struct{ dir, want string }{
		{dir + "/nowhere", `cannot open the root folder "` + dir + `/nowhere": no such file or directory; give --root the folder that holds the node's etc and var`},
		{dir + "/etc/file", `cannot open the root folder "` + dir + `/etc/file": not a directory; give --root the folder that holds the node's etc and var`},
	} {
		_, err := Gather(c.dir)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.dir, err, c.want)
		}
	}
}
