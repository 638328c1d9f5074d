package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"certaudit/fixtures"
)

// What a release of the tests is made of.
const (
	testRevision   = "0123456789abcdef0123456789abcdef01234567"
	testSeconds    = "1795608000"
	testURL        = "https://downloads.invalid/v1.2.3"
	testMaintainer = "Jane Doe <jane@certaudit.invalid>"
)

// testDate is testSeconds.
var testDate = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// host is the system that the tests run on, as a target.
var host = target{"linux", runtime.GOARCH}

// buildOnce builds a release of this tree for this system, for all tests.
var buildOnce = sync.OnceValues(func() (string, error) { return released("../..", "1.2.3", host.String()) })

func TestMain(m *testing.M) {
	code := m.Run()
	for _, dir := range temporary {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// temporary are the folders that are removed in the end.
var temporary []string

// released builds a release of a tree into a folder of its own.
func released(root, version, systems string) (string, error) {
	dir, err := os.MkdirTemp("", "certaudit-dist-test-")
	if err != nil {
		return "", err
	}
	temporary = append(temporary, dir)
	return dir, run([]string{"-root", root, "-out", dir, "-version", version, "-revision", testRevision, "-date", testSeconds, "-maintainer", testMaintainer, "-url", testURL, "-targets", systems}, io.Discard, io.Discard)
}

// built is the folder of a release for this system.
func built(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("builds a release")
	}
	if !slices.Contains(targets, host) {
		t.Skipf("releases are not built for %s", host)
	}
	dir, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// tool is a program that a test needs; those for root may lie where no PATH of a user leads.
func tool(t *testing.T, name string) string {
	t.Helper()
	for _, try := range []string{name, "/usr/sbin/" + name, "/sbin/" + name} {
		if path, err := exec.LookPath(try); err == nil {
			return path
		}
	}
	t.Skipf("%s is not installed", name)
	return ""
}

// output is what a command prints; it must not fail.
func output(t *testing.T, c *exec.Cmd) string {
	t.Helper()
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v\n%s", c.Args, err, out)
	}
	return string(out)
}

// copied is a copy of the tree, without what no release is made of.
func copied(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel := must(filepath.Rel("../..", path))
		switch {
		case entry.IsDir() && (rel == ".git" || rel == "bin" || rel == "proof" || entry.Name() == "testdata"), rel == ".git":
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(dir, rel), 0o755)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, rel), data, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// The same tree, version and Go give the same bytes in another folder, by a builder that
// was built there. Of the two systems one has packages and an image and words of 32 bits,
// the other has zip.
func TestBuildsAreTheSame(t *testing.T) {
	if testing.Short() {
		t.Skip("builds releases")
	}
	const systems = "linux/arm,windows/amd64"
	here, err := released("../..", "1.2.3", systems)
	if err != nil {
		t.Fatal(err)
	}
	tree, there := copied(t), t.TempDir()
	c := exec.Command("go", "run", "-trimpath", ".", "-out", there, "-version", "1.2.3", "-revision", testRevision, "-date", testSeconds, "-maintainer", testMaintainer, "-url", testURL, "-targets", systems)
	c.Dir = filepath.Join(tree, "deploy", "dist")
	output(t, c)
	a, b := must(under(here)), must(under(there))
	if len(a) < 15 {
		t.Errorf("only %d files were built", len(a))
	}
	paths := func(files []file) (out []string) {
		for _, f := range files {
			out = append(out, f.path)
		}
		return out
	}
	if diff := cmp.Diff(paths(a), paths(b)); diff != "" {
		t.Fatalf("files (-here +there):\n%s", diff)
	}
	for i := range a {
		if !bytes.Equal(a[i].data, b[i].data) {
			t.Errorf("%s differs", a[i].path)
		}
		if bytes.Contains(b[i].data, []byte(tree)) {
			t.Errorf("%s names the folder that it was built in", b[i].path)
		}
	}
}

// entry is what an archive says of a file.
type entry struct {
	mode fs.FileMode
	data []byte
}

// untarred are the files of a compressed tar archive. All are root's, and of the
// release's time.
func untarred(t *testing.T, name string) map[string]entry {
	t.Helper()
	h, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	z, err := gzip.NewReader(h)
	if err != nil {
		t.Fatal(err)
	}
	if z.Name != "" || !z.ModTime.IsZero() {
		t.Errorf("%s: gzip names %q, %s", name, z.Name, z.ModTime)
	}
	out := map[string]entry{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "root" || !h.ModTime.Equal(testDate) {
			t.Errorf("%s: %s is of %d:%d (%s) and %s", name, h.Name, h.Uid, h.Gid, h.Uname, h.ModTime)
		}
		out[h.Name] = entry{h.FileInfo().Mode().Perm(), must(io.ReadAll(r))}
	}
}

// An archive holds the program and what belongs to it, in one folder; the program needs
// nothing beside, and knows its version, revision and date.
func TestArchive(t *testing.T) {
	dir := built(t)
	folder := "certaudit_1.2.3_linux_" + host.arch
	files := untarred(t, filepath.Join(dir, folder+".tar.gz"))
	for name, mode := range map[string]fs.FileMode{"certaudit": 0o755, "LICENSE": 0o644, "LICENSE-THIRD-PARTY": 0o644, "README.md": 0o644, "CHANGELOG.md": 0o644,
		"man/man1/certaudit.1": 0o644, "man/man1/certaudit-audit.1": 0o644, "man/man5/certaudit.yaml.5": 0o644, "completions/certaudit.bash": 0o644,
		"completions/_certaudit": 0o644, "completions/certaudit.fish": 0o644, "systemd/certaudit.service": 0o644, "certaudit.yaml": 0o644} {
		e, ok := files[folder+"/"+name]
		if !ok || e.mode != mode || len(e.data) == 0 {
			t.Errorf("%s: there %t, mode %o, %d bytes", name, ok, e.mode, len(e.data))
		}
	}
	for name := range files {
		if !strings.HasPrefix(name, folder+"/") {
			t.Errorf("%s lies outside of the folder", name)
		}
	}
	program := filepath.Join(t.TempDir(), "certaudit")
	if err := os.WriteFile(program, files[folder+"/certaudit"].data, 0o755); err != nil {
		t.Fatal(err)
	}
	static(t, program)
	want := "certaudit 1.2.3\nrevision " + testRevision + " of 2026-11-25T12:00:00Z\n" + runtime.Version() + " " + host.String() + "\n"
	if got := output(t, exec.Command(program, "version")); !strings.HasPrefix(got, want) {
		t.Errorf("version says\n%swant\n%s", got, want)
	}
	node := t.TempDir()
	if err := fixtures.Demo().Write(node); err != nil {
		t.Fatal(err)
	}
	metrics := output(t, exec.Command(program, "audit", "--config=", "--root", node, "-o", "prometheus", "--fail-on", "never"))
	if want := `certaudit_build_info{version="1.2.3",revision="` + testRevision + `",date="2026-11-25T12:00:00Z",goversion="` + runtime.Version() + `"} 1`; !strings.Contains(metrics, want) {
		t.Errorf("no %s in\n%s", want, metrics)
	}
}

// Windows gets a zip with the same texts.
func TestZip(t *testing.T) {
	data := must(zipped([]file{{"b/x", 0o755, []byte("x")}, {"a", 0o644, []byte("a")}}, testDate))
	r := must(zip.NewReader(bytes.NewReader(data), int64(len(data))))
	got := []string{}
	for _, f := range r.File {
		got = append(got, f.Name+" "+f.Mode().String()+" "+f.Modified.UTC().Format(time.RFC3339))
	}
	if diff := cmp.Diff([]string{"a -rw-r--r-- 2026-11-25T12:00:00Z", "b/x -rwxr-xr-x 2026-11-25T12:00:00Z"}, got); diff != "" {
		t.Error(diff)
	}
}

// The checksums are those of all files but the image's folder.
func TestChecksums(t *testing.T) {
	dir := built(t)
	listed := map[string]string{}
	for line := range strings.Lines(string(must(os.ReadFile(filepath.Join(dir, sums))))) {
		hash, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		listed[name] = hash
	}
	there := map[string]string{}
	for _, f := range must(under(dir)) {
		if f.path != sums && !strings.HasPrefix(f.path, imageFolder+"/") {
			there[f.path] = sum(f.data)
		}
	}
	if diff := cmp.Diff(there, listed); diff != "" || len(there) < 7 {
		t.Errorf("%d files (-there +listed):\n%s", len(there), diff)
	}
	c := exec.Command(tool(t, "sha256sum"), "--check", "--strict", "--quiet", sums)
	c.Dir = dir
	output(t, c)
}

// A version is that of the tag, with what came since, or one before all releases; what was
// changed shows.
func TestVersions(t *testing.T) {
	dir := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		c := exec.Command(tool(t, "git"), append([]string{"-c", "user.name=a", "-c", "user.email=a@b.invalid", "-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false"}, args...)...)
		c.Dir = dir
		c.Env = append(os.Environ(), "GIT_COMMITTER_DATE="+testSeconds+" +0100", "GIT_CONFIG_GLOBAL=/dev/null")
		output(t, c)
	}
	says := func(want string) {
		t.Helper()
		r, err := newRelease(dir, given{})
		if err != nil {
			t.Fatal(err)
		}
		if r.maintainer != "a <a@b.invalid>" {
			t.Errorf("the maintainer is %q", r.maintainer)
		}
		if got := strings.ReplaceAll(r.version, r.revision[:7], "HASH"); !strings.HasPrefix(got, want) || !r.date.Equal(testDate) {
			t.Errorf("version %s of %s, want %s", got, r.date, want)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "deploy"), 0o755); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "deploy", "repository")
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("https://a.invalid/b\n")
	if _, err := newRelease(dir, given{}); err == nil || !strings.Contains(err.Error(), "outside of a repository, give VERSION, REVISION, SOURCE_DATE_EPOCH and MAINTAINER") {
		t.Errorf("outside of a repository: %v", err)
	}
	git("init", "-q")
	git("add", ".")
	git("commit", "-qm", "one")
	says("0.0.0-dev.20261125120000.gHASH")
	git("tag", "v1.2.3")
	says("1.2.3")
	put("https://a.invalid/c\n")
	says("1.2.3+0.gHASH.dirty")
	git("commit", "-qam", "two")
	says("1.2.3+1.gHASH")
	for _, version := range []string{"1.2", "v1.2.3; rm", "1.2.3-a b", "01.2.3"} {
		if _, err := newRelease(dir, given{version, testRevision, testSeconds, testMaintainer}); err == nil {
			t.Errorf("the version %q is taken", version)
		}
	}
}

// The maintainer is who is given, else the author of the commit.
func TestMaintainer(t *testing.T) {
	r, err := newRelease("../..", given{"1.2.3", testRevision, testSeconds, testMaintainer})
	if err != nil || r.maintainer != testMaintainer {
		t.Errorf("%v, want %s (%v)", r, testMaintainer, err)
	}
	for _, who := range []string{"Jane Doe", "<jane@example.org>", "Jane Doe <jane>", "Jane <j@example.org>\nX: y", "Jane <j@example.org> <k@example.org>", "Jane <j @example.org>"} {
		if _, err := newRelease("../..", given{"1.2.3", testRevision, testSeconds, who}); err == nil {
			t.Errorf("%q is taken for a maintainer", who)
		}
	}
}

// A folder with something else in it is not emptied.
func TestOutIsNobodyElses(t *testing.T) {
	dir := t.TempDir()
	mine := filepath.Join(dir, "mine")
	if err := os.WriteFile(mine, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := emptyFolder(dir); err == nil {
		t.Error("a folder of somebody else is taken")
	}
	if _, err := os.Stat(mine); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, sums), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := emptyFolder(dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(mine); err == nil {
		t.Error("what an earlier build left is still there")
	}
}
