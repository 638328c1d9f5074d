package main

import (
	"bufio"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"archive/tar"
	"errors"
	"io"

	"certaudit/fixtures"
)

// asRoot skips a test that has to change the root folder.
func asRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can change the root folder")
	}
}

// A chroot is a folder that commands run in as their root.
type chroot struct {
	*testing.T
	dir string
}

// command is one that runs in the folder, with nothing of the surroundings.
func (c chroot) command(args ...string) *exec.Cmd {
	return &exec.Cmd{Path: args[0], Args: args, Dir: "/", Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"},
		SysProcAttr: &syscall.SysProcAttr{Chroot: c.dir}}
}

// run returns what a command prints; it must not fail.
func (c chroot) run(args ...string) string {
	c.Helper()
	return output(c.T, c.command(args...))
}

func (c chroot) write(path, text string, mode fs.FileMode) {
	c.Helper()
	name := filepath.Join(c.dir, path)
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), mode)); err != nil {
		c.Fatal(err)
	}
}

func (c chroot) read(path string) string {
	c.Helper()
	data, err := os.ReadFile(filepath.Join(c.dir, path))
	if err != nil {
		c.Fatal(err)
	}
	return string(data)
}

func (c chroot) exists(path string) bool {
	_, err := os.Lstat(filepath.Join(c.dir, path))
	return err == nil
}

// bring copies a program of the machine with the libraries that it needs.
func (c chroot) bring(name string) {
	c.Helper()
	path := tool(c.T, name)
	files := []string{path}
	libraries, _ := exec.Command("ldd", path).Output() // fails for scripts and for static programs
	for _, m := range regexp.MustCompile(`(?m)(/\S+) \(0x`).FindAllStringSubmatch(string(libraries), -1) {
		files = append(files, m[1])
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			c.Fatal(err)
		}
		c.write(f, string(data), 0o755)
	}
}

// systemctl notes what it is told, and acts for nobody.
const systemctl = "#!/bin/sh\necho \"${0##*/} $*\" >>/systemctl.log\n"

// debian is a root with what dpkg and the scripts of packages need, and no package.
func debian(t *testing.T) chroot {
	t.Helper()
	c := chroot{t, t.TempDir()}
	for _, name := range []string{"bin", "sbin", "lib", "lib64"} {
		if to, err := os.Readlink("/" + name); err == nil { // since /usr was merged
			if err := errors.Join(os.MkdirAll(filepath.Join(c.dir, to), 0o755), os.Symlink(to, filepath.Join(c.dir, name))); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, name := range []string{"sh", "dpkg", "dpkg-deb", "dpkg-query", "dpkg-split", "tar", "rm", "diff", "cat", "ldconfig", "start-stop-daemon", "getent", "userdel", "groupdel", "systemd-sysusers"} {
		c.bring(name)
	}
	for _, dir := range []string{"usr/bin", "var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers", "var/log", "tmp", "dev", "run", "root"} {
		if err := os.MkdirAll(filepath.Join(c.dir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for path, text := range map[string]string{
		"var/lib/dpkg/status": "", "var/lib/dpkg/available": "", "dev/null": "",
		"etc/passwd": "root:x:0:0:root:/root:/bin/sh\n", "etc/group": "root:x:0:\n", "etc/shadow": "root:*:20000::::::\n", "etc/gshadow": "root:*::\n",
		"etc/nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\n", "etc/login.defs": "USERGROUPS_ENAB yes\n",
	} {
		c.write(path, text, 0o644)
	}
	c.write("usr/bin/systemctl", systemctl, 0o755)
	c.write("usr/bin/deb-systemd-invoke", systemctl, 0o755)
	return c
}

// listing is what lies in a root, but for the records of dpkg and of the test.
func (c chroot) listing() []string {
	c.Helper()
	var out []string
	err := filepath.WalkDir(c.dir, func(path string, entry fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(c.dir, path)
		switch {
		case err != nil:
			return err
		case rel == "var/lib/dpkg" || rel == "var/log" || rel == "run" || rel == "node":
			return fs.SkipDir
		case !strings.HasSuffix(rel, ".deb") && rel != "systemctl.log" && !strings.HasPrefix(rel, "etc/.") && !regexp.MustCompile(`^etc/g?(shadow|passwd|group)-$|^etc/gshadow-$`).MatchString(rel):
			out = append(out, rel)
		}
		return nil
	})
	if err != nil {
		c.Fatal(err)
	}
	return out
}

// told is what systemctl was told since the last time.
func (c chroot) told() []string {
	c.Helper()
	if !c.exists("systemctl.log") {
		return nil
	}
	out := strings.Split(strings.TrimSpace(c.read("systemctl.log")), "\n")
	if err := os.Remove(filepath.Join(c.dir, "systemctl.log")); err != nil {
		c.Fatal(err)
	}
	return out
}

// packageOf puts the package of a release into the root, and returns its path there.
func (c chroot) packageOf(release string) string {
	c.Helper()
	found, err := filepath.Glob(filepath.Join(release, "*.deb"))
	if err != nil || len(found) != 1 {
		c.Fatalf("packages: %q, %v", found, err)
	}
	data, err := os.ReadFile(found[0])
	if err != nil {
		c.Fatal(err)
	}
	c.write(filepath.Base(found[0]), string(data), 0o644)
	return "/" + filepath.Base(found[0])
}

// A package is installed in a clean root, audits and serves by the policy that it brings,
// is upgraded with a policy that was changed, is removed, and leaves nothing when purged.
func TestPackageLife(t *testing.T) {
	old := built(t)
	asRoot(t)
	tree := copied(t)
	page := filepath.Join(tree, "docs", "policy.md")
	if err := os.WriteFile(page, []byte(strings.Replace(string(must(os.ReadFile(page))), "warnDays: 45", "warnDays: 46", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	next, err := released(tree, "1.2.4", host.String())
	if err != nil {
		t.Fatal(err)
	}
	c := debian(t)
	before, passwd, group := c.listing(), c.read("etc/passwd"), c.read("etc/group")

	c.run("/usr/bin/dpkg", "--install", c.packageOf(old))
	if told := c.told(); told != nil {
		t.Errorf("where systemd does not run, systemctl was told %q", told)
	}
	if got := c.run("/usr/bin/certaudit", "version"); !strings.HasPrefix(got, "certaudit 1.2.3\n") {
		t.Errorf("installed is %s", got)
	}
	if !regexp.MustCompile(`(?m)^certaudit:x:\d+:\d+:certaudit exporter:/:/usr/sbin/nologin$`).MatchString(c.read("etc/passwd")) {
		t.Errorf("there is no user:\n%s", c.read("etc/passwd"))
	}
	for _, path := range []string{"usr/lib/systemd/system/certaudit.service", "usr/lib/systemd/system/certaudit-textfile.service"} {
		if text := c.read(path); !strings.Contains(text, "ExecStart=/usr/bin/certaudit ") || strings.Contains(text, "/usr/local") {
			t.Errorf("%s starts another program:\n%s", path, text)
		}
	}
	c.audits()
	c.serves()

	changed := c.read(policyFile) + "checks: {kubelet/serving-self-signed: warning}\n"
	c.write(policyFile, changed, 0o644)
	if err := os.MkdirAll(filepath.Join(c.dir, "run/systemd/system"), 0o755); err != nil {
		t.Fatal(err)
	}
	c.run("/usr/bin/dpkg", "--force-confdef", "--install", c.packageOf(next))
	if got := c.run("/usr/bin/certaudit", "version"); !strings.HasPrefix(got, "certaudit 1.2.4\n") {
		t.Errorf("after the upgrade there is %s", got)
	}
	if got := c.read(policyFile); got != changed {
		t.Errorf("the upgrade changed the policy:\n%s", cmp.Diff(changed, got))
	}
	if !strings.Contains(c.read(policyFile+".dpkg-dist"), "warnDays: 46") {
		t.Error("the new policy is not beside the changed one")
	}
	if diff := cmp.Diff([]string{"systemctl --system daemon-reload", "systemctl --system daemon-reload", "deb-systemd-invoke try-restart certaudit.service"}, c.told()); diff != "" {
		t.Errorf("systemctl at an upgrade:\n%s", diff)
	}

	c.run("/usr/bin/dpkg", "--remove", "certaudit")
	if diff := cmp.Diff([]string{"deb-systemd-invoke stop certaudit.service certaudit-textfile.timer certaudit-textfile.service",
		"systemctl --quiet disable certaudit.service certaudit-textfile.timer", "systemctl --system daemon-reload"}, c.told()); diff != "" {
		t.Errorf("systemctl at the removal:\n%s", diff)
	}
	if c.exists("usr/bin/certaudit") || !c.exists(policyFile) {
		t.Errorf("removed: the program is there %t, the policy %t", c.exists("usr/bin/certaudit"), c.exists(policyFile))
	}
	c.run("/usr/bin/dpkg", "--purge", "certaudit")
	if diff := cmp.Diff(before, c.listing()); diff != "" {
		t.Errorf("purged (-before +after):\n%s", diff)
	}
	if got := c.read("etc/passwd"); got != passwd {
		t.Errorf("the users are\n%s", got)
	}
	if got := c.read("etc/group"); got != group {
		t.Errorf("the groups are\n%s", got)
	}
}

// A user of somebody else who has the name stays.
func TestPurgeLeavesUsersOfOthers(t *testing.T) {
	old := built(t)
	asRoot(t)
	c := debian(t)
	c.write("etc/passwd", c.read("etc/passwd")+"certaudit:x:1000:1000:Cert Auditor:/home/certaudit:/bin/sh\n", 0o644)
	c.write("etc/group", c.read("etc/group")+"certaudit:x:1000:\n", 0o644)
	c.run("/usr/bin/dpkg", "--install", c.packageOf(old))
	c.run("/usr/bin/dpkg", "--purge", "certaudit")
	if !strings.Contains(c.read("etc/passwd"), "Cert Auditor") || !strings.Contains(c.read("etc/group"), "certaudit:x:1000:") {
		t.Errorf("the user is gone:\n%s", c.read("etc/passwd"))
	}
}

// node puts a sound node of today below a folder of the root.
func (c chroot) node(folder string) {
	c.Helper()
	if err := fixtures.ControlPlane(fixtures.Options{Now: time.Now()}).Node.Write(filepath.Join(c.dir, folder)); err != nil {
		c.Fatal(err)
	}
}

// audits audits a sound node by the policy of the package.
func (c chroot) audits() {
	c.Helper()
	c.node("node")
	got := c.run("/usr/bin/certaudit", "audit", "--root", "/node")
	if !strings.HasPrefix(got, "policy: "+policyFile+" (found at its default place)\n") || !strings.Contains(got, "16 certificates: 1 info;") {
		c.Errorf("the audit says\n%s", got)
	}
}

// serves starts the exporter as its unit does, and asks it.
func (c chroot) serves() {
	c.Helper()
	start := regexp.MustCompile(`(?m)^ExecStart=(.*)$`).FindStringSubmatch(c.read("usr/lib/systemd/system/certaudit.service"))
	s := c.command(append(strings.Fields(start[1]), "--root=/node", "--web.listen-address=127.0.0.1:0")...)
	log, err := s.StderrPipe()
	if err != nil {
		c.Fatal(err)
	}
	if err := s.Start(); err != nil {
		c.Fatal(err)
	}
	defer func() {
		_ = s.Process.Signal(syscall.SIGTERM)
		if err := s.Wait(); err != nil {
			c.Errorf("the exporter ends with %v", err)
		}
	}()
	said := ""
	for lines := bufio.NewScanner(log); !(strings.Contains(said, "msg=listening") && strings.Contains(said, "msg=audit")) && lines.Scan(); {
		said += lines.Text() + "\n"
	}
	if !strings.Contains(said, "msg=policy path="+policyFile+" from=default") {
		c.Errorf("the log does not tell of the policy:\n%s", said)
	}
	address := regexp.MustCompile(`msg=listening address=(\S+)`).FindStringSubmatch(said)
	if address == nil {
		c.Fatalf("nothing listens:\n%s", said)
	}
	resp, err := http.Get("http://" + address[1] + "/metrics")
	if err != nil {
		c.Fatal(err)
	}
	defer resp.Body.Close()
	body := string(must(io.ReadAll(resp.Body)))
	for _, want := range []string{`certaudit_build_info{version="1.2.3",revision="` + testRevision + `",date="2026-11-25T12:00:00Z",`, "certaudit_certificate_not_after_timestamp_seconds{"} {
		if !strings.Contains(body, want) {
			c.Errorf("no %s among the metrics", want)
		}
	}
}

// What rpm reads of the package: its files, which of them is a configuration that stays,
// what it needs, and its scripts.
func TestRPM(t *testing.T) {
	rpm := tool(t, "rpm")
	found, _ := filepath.Glob(filepath.Join(built(t), "*.rpm"))
	if len(found) != 1 {
		t.Fatalf("packages: %q", found)
	}
	query := func(args ...string) string {
		t.Helper()
		return output(t, exec.Command(rpm, append([]string{"-qp", "--nosignature", "--dbpath", t.TempDir()}, append(args, found[0])...)...))
	}
	want := fmt.Sprintf("certaudit|1.2.3|1|%s|Apache-2.0|%s|localhost|%s", map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[host.arch], testSeconds, summary)
	if got := query("--queryformat", "%{NAME}|%{VERSION}|%{RELEASE}|%{ARCH}|%{LICENSE}|%{BUILDTIME}|%{BUILDHOST}|%{SUMMARY}"); got != want {
		t.Errorf("the package is %s, want %s", got, want)
	}
	if got := query("--queryformat", "[%{FILENAMES} %{FILEFLAGS:fflags} %{FILEMODES:perms} %{FILEUSERNAME}:%{FILEGROUPNAME}\n]"); !strings.Contains(got, policyFile+" cn -rw-r--r-- root:root\n") ||
		strings.Count(got, " cn ") != 1 || !strings.Contains(got, "/usr/bin/certaudit  -rwxr-xr-x root:root\n") {
		t.Errorf("the files are\n%s", got)
	}
	files := query("--list")
	for _, f := range []string{"/etc/certaudit", policyFile, "/usr/lib/systemd/system/certaudit.service", "/usr/lib/systemd/system/certaudit-textfile.timer", "/usr/lib/sysusers.d/certaudit.conf",
		"/usr/share/doc/certaudit", "/usr/share/licenses/certaudit", "/usr/share/man/man1/certaudit.1.gz", "/usr/share/man/man5/certaudit.yaml.5.gz", "/usr/share/zsh/site-functions/_certaudit", "/usr/share/licenses/certaudit/LICENSE"} {
		if !strings.Contains("\n"+files, "\n"+f+"\n") {
			t.Errorf("%s is not in the package", f)
		}
	}
	for line := range strings.Lines(query("--requires")) {
		if !strings.HasPrefix(line, "rpmlib(") && !strings.HasPrefix(line, "/bin/sh") && !strings.HasPrefix(line, "config(certaudit)") {
			t.Errorf("the package needs %s", line)
		}
	}
	if got := query("--scripts"); !strings.Contains(got, "systemd-sysusers certaudit.conf") || !strings.Contains(got, "try-restart certaudit.service") || strings.Contains(got, "enable --now") {
		t.Errorf("the scripts are\n%s", got)
	}
}

// lintian finds no error in the package but what is excepted in it.
func TestLintian(t *testing.T) {
	c := exec.Command(tool(t, "lintian"), "--no-cfg", "--allow-root", "--fail-on=error", must(filepath.Glob(filepath.Join(built(t), "*.deb")))[0])
	c.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "HOME="+t.TempDir())
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("lintian: %v\n%s", err, out)
	}
}

// The image holds the program alone; its entrypoint says the version, and audits and
// serves what is mounted.
func TestImage(t *testing.T) {
	dir := filepath.Join(built(t), imageFolder)
	image := imageIn(t, dir)
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{"linux", host.arch, "0:0", []string{"/certaudit"}, []string{"serve", "--root=/host"}, testDate, "1.2.3", testRevision},
		[]any{config.OS, config.Architecture, config.Config.User, config.Config.Entrypoint, config.Config.Cmd, config.Created.UTC(),
			config.Config.Labels["org.opencontainers.image.version"], config.Config.Labels["org.opencontainers.image.revision"]}); diff != "" {
		t.Errorf("the configuration:\n%s", diff)
	}
	asRoot(t)
	c := chroot{t, t.TempDir()}
	names := []string{}
	layers := mutate.Extract(image)
	defer layers.Close()
	for r := tar.NewReader(layers); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
		c.write(h.Name, string(must(io.ReadAll(r))), h.FileInfo().Mode().Perm())
	}
	if diff := cmp.Diff([]string{"certaudit"}, names); diff != "" {
		t.Fatalf("the files of the image:\n%s", diff)
	}
	if got := c.run(append(config.Config.Entrypoint, "version")...); !strings.HasPrefix(got, "certaudit 1.2.3\n") {
		t.Errorf("the image is of %s", got)
	}
	c.node("host")
	if got := c.run(append(config.Config.Entrypoint, "audit", config.Config.Cmd[1])...); !strings.Contains(got, "16 certificates: 1 info;") || strings.Contains(got, "policy:") {
		t.Errorf("the audit says\n%s", got)
	}
}

// imageIn is the image for this system in a layout.
func imageIn(t *testing.T, dir string) v1.Image {
	t.Helper()
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(manifest.Manifests) != 1 || manifest.Manifests[0].Annotations["org.opencontainers.image.ref.name"] != "1.2.3" {
		t.Fatalf("the layout has %+v", manifest.Manifests)
	}
	if index, err = index.ImageIndex(manifest.Manifests[0].Digest); err != nil {
		t.Fatal(err)
	}
	if manifest, err = index.IndexManifest(); err != nil {
		t.Fatal(err)
	}
	for _, m := range manifest.Manifests {
		if m.Platform.OS == host.os && m.Platform.Architecture == host.arch {
			return must(index.Image(m.Digest))
		}
	}
	t.Fatalf("no image for %s", host)
	return nil
}
