package main

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb" // registers the format
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm" // registers the format
)

// packaging are the files that packages have beside the texts of a release.
//
//go:embed files
var packaging embed.FS

// A format is one of packages.
type format struct {
	name string
	// zsh is the folder of completions.
	zsh string
	// folders are the package's own beside that of the policy, so that they go when nothing
	// is left in them. dpkg sees to that by itself.
	folders []string
	// legal are files by the place that they have in such packages.
	legal func(*release, texts) ([]file, error)
	// scripts are those of the maintainer, by their names in files.
	scripts nfpm.Scripts
	// arch are the names of architectures where they are not those of Go.
	arch map[string]string
	// file is the name of a package for an architecture.
	file func(r *release, arch string) string
}

// formats are those of packages. Names of architectures are those of Debian and of Fedora;
// GOARM=7 is armhf and armv7hl.
var formats = []format{
	{
		name: "deb", zsh: "/usr/share/zsh/vendor-completions/", legal: debianLegal,
		scripts: nfpm.Scripts{PostInstall: "deb-postinst", PreRemove: "deb-prerm", PostRemove: "deb-postrm"},
		arch:    map[string]string{"arm": "armhf"},
		file: func(r *release, arch string) string {
			return fmt.Sprintf("%s_%s_%s.deb", name, strings.Replace(r.version, "-", "~", 1), arch)
		},
	},
	{
		name: "rpm", zsh: "/usr/share/zsh/site-functions/", legal: rpmLegal,
		scripts: nfpm.Scripts{PostInstall: "rpm-post", PreRemove: "rpm-preun", PostRemove: "rpm-postun"},
		arch:    map[string]string{"amd64": "x86_64", "arm64": "aarch64", "arm": "armv7hl"},
		folders: []string{"/usr/share/doc/" + name, "/usr/share/licenses/" + name},
		file: func(r *release, arch string) string {
			return fmt.Sprintf("%s-%s-1.%s.rpm", name, strings.Replace(r.version, "-", "~", 1), arch)
		},
	},
}

// policyFile is the configuration that upgrades keep as it was changed.
const policyFile = "/etc/certaudit/certaudit.yaml"

// packages writes those of a program.
func (r *release) packages(p program, t texts, work string) error {
	for _, f := range formats {
		if err := r.pack(f, p, t, filepath.Join(work, p.os+"-"+p.arch, f.name)); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return nil
}

// pack writes a package. nfpm reads files, so they are written into work before.
func (r *release) pack(f format, p program, t texts, work string) error {
	installed, err := r.installed(f, p, t)
	if err != nil {
		return err
	}
	info := &nfpm.Info{
		Name: name, Arch: p.arch, Platform: "linux", Version: r.version, Section: "admin", Priority: "optional",
		Maintainer: r.maintainer, Description: summary + "\n" + description, Homepage: r.repository, License: license,
		DisableGlobbing: true, MTime: r.date,
	}
	arch := p.arch
	if own := f.arch[p.arch]; own != "" {
		arch = own
	}
	info.Deb.Arch, info.RPM.Arch = arch, arch
	info.RPM.Summary, info.RPM.Group, info.RPM.BuildHost = summary, "System Environment/Daemons", "localhost"
	if f.name == "rpm" {
		info.Release, info.Description = "1", description
	}
	for i, file := range installed {
		source := filepath.Join(work, fmt.Sprint(i))
		if err := stage(source, file.data); err != nil {
			return err
		}
		kind := files.TypeFile
		if file.path == policyFile {
			kind = files.TypeConfigNoReplace
		}
		info.Contents = append(info.Contents, &files.Content{Source: source, Destination: file.path, Type: kind,
			FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: file.mode, MTime: r.date}})
	}
	for _, dir := range append([]string{path.Dir(policyFile)}, f.folders...) {
		info.Contents = append(info.Contents, &files.Content{Destination: dir, Type: files.TypeDir,
			FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: 0o755, MTime: r.date}})
	}
	if info.Scripts, err = scripts(f.scripts, work); err != nil {
		return err
	}
	packager, err := nfpm.Get(f.name)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := packager.Package(nfpm.WithDefaults(info), &b); err != nil {
		return err
	}
	return r.write(f.file(r, arch), b.Bytes())
}

func stage(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}

// scripts writes the scripts of the maintainer into work, and returns their places there.
func scripts(s nfpm.Scripts, work string) (nfpm.Scripts, error) {
	for _, script := range []*string{&s.PostInstall, &s.PreRemove, &s.PostRemove} {
		data, err := packaging.ReadFile("files/" + *script)
		if err != nil {
			return s, err
		}
		*script = filepath.Join(work, *script)
		if err := stage(*script, data); err != nil {
			return s, err
		}
	}
	return s, nil
}

// installed are the files of a package, at the places where they will lie.
func (r *release) installed(f format, p program, t texts) ([]file, error) {
	sysusers, err := packaging.ReadFile("files/sysusers.conf")
	if err != nil {
		return nil, err
	}
	out := []file{
		{"/usr/bin/" + name, 0o755, p.data},
		{policyFile, 0o644, t.policy},
		{"/usr/lib/sysusers.d/" + name + ".conf", 0o644, sysusers},
	}
	for _, u := range t.units {
		// The units are for whoever installs by hand; packages have no say in /usr/local.
		text := bytes.ReplaceAll(u.data, []byte("/usr/local/bin/"), []byte("/usr/bin/"))
		out = append(out, file{"/usr/lib/systemd/system/" + path.Base(u.path), 0o644, text})
	}
	for _, m := range t.manuals {
		data, err := compressed(m.data)
		if err != nil {
			return nil, err
		}
		out = append(out, file{"/usr/share/" + m.path + ".gz", 0o644, data})
	}
	places := []string{"/usr/share/bash-completion/completions/" + name, f.zsh + "_" + name, "/usr/share/fish/vendor_completions.d/" + name + ".fish"}
	for i, c := range t.completions {
		out = append(out, file{places[i], 0o644, c.data})
	}
	legal, err := f.legal(r, t)
	return append(out, legal...), err
}

// topFile is one of the files of the tree's top.
func (t texts) topFile(name string) []byte {
	return t.top[slices.IndexFunc(t.top, func(f file) bool { return f.path == name })].data
}

// debianLegal are the files that Debian's policy demands (12.5 and 12.7), and lintian's
// exceptions with their reasons.
func debianLegal(r *release, t texts) ([]file, error) {
	head, err := packaging.ReadFile("files/copyright")
	if err != nil {
		return nil, err
	}
	overrides, err := packaging.ReadFile("files/lintian-overrides")
	if err != nil {
		return nil, err
	}
	changes, err := compressed(t.topFile("CHANGELOG.md"))
	if err != nil {
		return nil, err
	}
	entry := fmt.Sprintf("%s (%s) unstable; urgency=medium\n\n  * Release %s; see changelog.gz.\n\n -- %s  %s\n",
		name, strings.Replace(r.version, "-", "~", 1), r.version, r.maintainer, r.date.Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	notices, err := compressed(t.notices)
	if err != nil {
		return nil, err
	}
	own, err := compressed([]byte(entry))
	doc := "/usr/share/doc/" + name + "/"
	head = bytes.ReplaceAll(head, []byte("REPOSITORY"), []byte(r.repository))
	return []file{
		{doc + "copyright", 0o644, head},
		{doc + "LICENSE-THIRD-PARTY.gz", 0o644, notices},
		{doc + "changelog.gz", 0o644, changes},
		{doc + "changelog.Debian.gz", 0o644, own},
		{"/usr/share/lintian/overrides/" + name, 0o644, overrides},
	}, err
}

// rpmLegal are licences and changes where Fedora has them.
func rpmLegal(_ *release, t texts) ([]file, error) {
	return []file{
		{"/usr/share/licenses/" + name + "/LICENSE", fs.FileMode(0o644), t.topFile("LICENSE")},
		{"/usr/share/licenses/" + name + "/LICENSE-THIRD-PARTY", 0o644, t.notices},
		{"/usr/share/doc/" + name + "/CHANGELOG.md", 0o644, t.topFile("CHANGELOG.md")},
	}, nil
}
