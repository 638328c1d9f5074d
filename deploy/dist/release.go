package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// name is that of the program and of the packages.
const name = "certaudit"

// summary is what the packages say of themselves in one line.
const summary = "audit the certificates of Kubernetes nodes"

// description is what the packages say of themselves below the summary.
const description = `certaudit finds every certificate that the components of a Kubernetes node are
configured with, holds each against the requirements of the node's Kubernetes
version, and says what is not as it should be and how to fix it. It prints
reports, is a gate for pipelines, and serves metrics for Prometheus.`

// license is the SPDX identifier of the program's licence.
const license = "Apache-2.0"

// A release is what is built, and of what.
type release struct {
	// root is the tree, out the folder to write into; both absolute.
	root, out string
	// version is a semantic version without a v, revision the commit, with "-dirty" behind
	// it where files had changed.
	version, revision string
	// date is when the commit was made, in UTC: the time of everything that has one.
	date time.Time
	// maintainer is who answers for the packages, "Name <address>".
	maintainer string
	// repository and url are the addresses of the project and of the files of this release.
	repository, url string
}

// A target is a system that is built for.
type target struct{ os, arch string }

func (t target) String() string { return t.os + "/" + t.arch }

// ending is that of a program's name.
func (t target) ending() string {
	if t.os == "windows" {
		return ".exe"
	}
	return ""
}

// targets are all that are built for.
var targets = []target{
	{"linux", "amd64"}, {"linux", "arm64"}, {"linux", "arm"}, {"linux", "riscv64"},
	{"darwin", "amd64"}, {"darwin", "arm64"}, {"windows", "amd64"}, {"windows", "arm64"},
}

// targetsNamed are those of a list; all for "".
func targetsNamed(list string) ([]target, error) {
	if list == "" {
		return targets, nil
	}
	var out []target
	for word := range strings.SplitSeq(list, ",") {
		i := slices.IndexFunc(targets, func(t target) bool { return t.String() == word })
		if i < 0 {
			return nil, fmt.Errorf("unknown system %q; there are %v", word, targets)
		}
		out = append(out, targets[i])
	}
	return out, nil
}

// given is what somebody says of a release; "" for what git is asked for.
type given struct{ version, revision, seconds, maintainer string }

// newRelease asks git for what is not given.
func newRelease(root string, g given) (*release, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	address, err := os.ReadFile(filepath.Join(root, "deploy", "repository"))
	if err != nil {
		return nil, err
	}
	r := &release{root: root, repository: strings.TrimSpace(string(address)), revision: g.revision, maintainer: g.maintainer}
	if g.seconds == "" {
		if g.seconds, err = r.git("log", "-1", "--format=%ct"); err != nil {
			return nil, err
		}
	}
	n, err := strconv.ParseInt(g.seconds, 10, 64)
	if err != nil || n < 0 {
		return nil, fmt.Errorf("%q is no date in seconds since 1970", g.seconds)
	}
	r.date = time.Unix(n, 0).UTC()
	if r.revision == "" {
		if r.revision, err = r.commit(); err != nil {
			return nil, err
		}
	}
	if r.maintainer == "" {
		if r.maintainer, err = r.git("log", "-1", "--format=%an <%ae>"); err != nil {
			return nil, err
		}
	}
	if !named.MatchString(r.maintainer) {
		return nil, fmt.Errorf("%q is no maintainer; give MAINTAINER as in 'Jane Doe <jane@example.org>'", r.maintainer)
	}
	if r.version = strings.TrimPrefix(g.version, "v"); r.version == "" {
		r.version = r.described()
	}
	if !semantic.MatchString(r.version) {
		return nil, fmt.Errorf("%q is no semantic version; give one as in 1.2.3", r.version)
	}
	return r, nil
}

// semantic is a version as https://semver.org has it.
var semantic = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$`)

// named is a maintainer as packages have one: a name and an address (Debian Policy 5.6.2).
var named = regexp.MustCompile(`^[^\pC<>]+ <[^\pC\s<>@]+@[^\pC\s<>@]+>$`)

// git returns what git prints of the tree.
func (r *release) git(args ...string) (string, error) {
	var stderr bytes.Buffer
	c := exec.Command("git", args...)
	c.Dir, c.Stderr = r.root, &stderr
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s; outside of a repository, give VERSION, REVISION, SOURCE_DATE_EPOCH and MAINTAINER", args[0], err, bytes.TrimSpace(stderr.Bytes()))
	}
	return strings.TrimSpace(string(out)), nil
}

// commit is that of the tree.
func (r *release) commit() (string, error) {
	hash, err := r.git("rev-parse", "HEAD")
	if err != nil {
		return "", err
	}
	changes, err := r.git("status", "--porcelain")
	if err == nil && changes != "" {
		hash += "-dirty"
	}
	return hash, err
}

// described is the version of a tree that nobody has given one: that of the last tag
// before the commit, with what came since, else one before all releases.
func (r *release) described() string {
	changed := ""
	if strings.HasSuffix(r.revision, "-dirty") {
		changed = ".dirty"
	}
	tagged := regexp.MustCompile(`^v(.*)-(\d+)-(g[0-9a-f]+)$`)
	if text, err := r.git("describe", "--tags", "--long", "--match=v[0-9]*"); err == nil {
		if m := tagged.FindStringSubmatch(text); m != nil && semantic.MatchString(m[1]) {
			if m[2] == "0" && changed == "" {
				return m[1]
			}
			return m[1] + "+" + m[2] + "." + m[3] + changed
		}
	}
	return fmt.Sprintf("0.0.0-dev.%s.g%.12s%s", r.date.Format("20060102150405"), r.revision, changed)
}

// sums is the name of the file with the checksums, and what an earlier build is known by.
const sums = "SHA256SUMS"

// emptyFolder makes a folder empty that an earlier build has filled, and refuses one that
// holds anything else.
func emptyFolder(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if len(entries) > 0 && !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == sums }) {
		return "", fmt.Errorf("%q is not empty and holds no %s of an earlier build; remove it, or give another folder", dir, sums)
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return "", err
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	// Without a checksum until all is there, but known as a build's.
	return dir, os.WriteFile(filepath.Join(dir, sums), nil, 0o644)
}

// read returns a file of the tree.
func (r *release) read(path ...string) ([]byte, error) {
	return os.ReadFile(filepath.Join(r.root, filepath.Join(path...)))
}

// write writes a file of the release.
func (r *release) write(file string, data []byte) error {
	file = filepath.Join(r.out, filepath.FromSlash(file))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o644)
}

// A program is the binary of a target, and what it is made of.
type program struct {
	target
	data []byte
	// file is where it lies while the release is built.
	file string
}

// build makes everything.
func (r *release) build(chosen []target, stdout io.Writer) error {
	work, err := os.MkdirTemp("", "certaudit-dist-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	texts, err := r.texts()
	if err != nil {
		return err
	}
	var linux []program
	archives := map[target]archive{}
	for _, t := range chosen {
		p, err := r.compile(t, work)
		if err != nil {
			return err
		}
		if archives[t], err = r.archive(p, texts); err != nil {
			return fmt.Errorf("the archive for %s: %w", t, err)
		}
		if err := r.bill(p); err != nil {
			return fmt.Errorf("the bill of materials for %s: %w", t, err)
		}
		if t.os == "linux" {
			linux = append(linux, p)
			if err := r.packages(p, texts, work); err != nil {
				return fmt.Errorf("the packages for %s: %w", t, err)
			}
		}
		fmt.Fprintf(stdout, "%s\n", t)
	}
	if err := r.image(linux); err != nil {
		return fmt.Errorf("the image: %w", err)
	}
	if err := r.krew(archives); err != nil {
		return err
	}
	if err := r.homebrew(archives); err != nil {
		return err
	}
	return r.checksums()
}

// compile builds the program for a target. Nothing of the surroundings gets in but the
// release of Go.
func (r *release) compile(t target, work string) (program, error) {
	p := program{target: t, file: filepath.Join(work, t.os+"-"+t.arch, name+t.ending())}
	set := fmt.Sprintf("-s -w -buildid= -X certaudit/report.version=%s -X certaudit/report.revision=%s -X certaudit/report.date=%s", r.version, r.revision, r.date.Format(time.RFC3339))
	c := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags="+set, "-o", p.file, "./cmd/certaudit")
	c.Dir = r.root
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+t.os, "GOARCH="+t.arch,
		"GOAMD64=v1", "GOARM64=v8.0", "GOARM=7", "GORISCV64=rva20u64", "GOFLAGS=", "GOWORK=off", "GOEXPERIMENT=", "GOFIPS140=off")
	if out, err := c.CombinedOutput(); err != nil {
		return p, fmt.Errorf("go build for %s: %w\n%s", t, err, out)
	}
	var err error
	p.data, err = os.ReadFile(p.file)
	return p, err
}
