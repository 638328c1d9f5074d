package inventory

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"

	"certaudit/parsers"
)

// Progress is how far reading paths is.
type Progress struct {
	// Files are the files that were read, and Nodes the nodes that were found so far.
	Files, Nodes int
	// Held are those files that hold certificates or keys and belong to no node.
	Held int
	// Listed counts what lies in the folders that were looked into so far, Files among it.
	Listed int
}

// Expected is how far it will be if what was not read yet is like what was.
func (p Progress) Expected() Progress {
	if p.Files == 0 || p.Nodes > p.Files || p.Listed <= p.Files {
		return p
	}
	like := func(n int) int { return n * p.Listed / p.Files }
	return Progress{Files: p.Listed, Nodes: like(p.Nodes), Held: like(p.Held), Listed: p.Listed}
}

// reached is how far reading paths is.
func (s *scanner) reached() Progress {
	return Progress{Files: s.files, Nodes: len(s.nodes), Held: len(s.inv.Materials), Listed: s.listed}
}

// tell tells of the progress.
func (s *scanner) tell(p Progress) {
	if s.progress != nil {
		s.progress(p)
	}
}

// maxScanned bounds how many files below the given paths are looked at.
const maxScanned = 200_000

// GatherPaths reads files, and folders with all below them, that need not
// belong to a node: certificates, keys, kubeconfigs and Kubernetes objects,
// recognised by content. here is the working folder, an absolute path of the
// host: relative paths start there, and what lies below it is shown relative to
// it. progress, unless nil, is called for each file. A path that does not exist is
// an error, since somebody wrote it by hand.
//
// A folder that holds a node's etc/kubernetes or var/lib/kubelet is read as
// [Gather] does, with more as there, and becomes one of the nodes, in the order in
// which they were found. files are all others; nil where there are nodes and nothing
// else.
func GatherPaths(here string, paths, more []string, progress func(Progress)) (nodes []*Inventory, files *Inventory, err error) {
	return Clock{}.GatherPaths(here, paths, more, progress)
}

// volumeRoot is the root folder of the volume that a path of the host lies on.
func volumeRoot(here string) string {
	return filepath.VolumeName(here) + string(filepath.Separator)
}

// slashed is a path of the host as one of a node: without volume, with slashes.
func slashed(name string) string {
	return filepath.ToSlash(strings.TrimPrefix(name, filepath.VolumeName(name)))
}

// scanNames looks at the paths that somebody named, and completes the inventory. If
// lenient, a path that does not exist is a problem of the inventory.
func (s *scanner) scanNames(paths []string, lenient bool) error {
	for _, name := range paths {
		if err := s.scanNamed(name, lenient); err != nil {
			return err
		}
	}
	s.pair()
	s.inv.conceal()
	return nil
}

// scanner looks at everything below some paths.
type scanner struct {
	*gatherer
	ahead
	here     string
	files    int
	listed   int
	progress func(Progress)
	// each is what is done with a file; named says that somebody named it.
	each func(name string, now mark, named bool)
	// fetches: files are read before their turn, of which now is the one that each looks at;
	// nil for one that is read in its turn. held are the bytes of those whose turn will come,
	// within counts them in folders within folders, and inner is the folder whose turn it is;
	// nil for one that is listed in its turn.
	fetches bool
	now     *fetched
	held    atomic.Int64
	within  atomic.Int64
	inner   *fetched
	// node reads a node from a folder of the host; nil where trees of nodes are
	// folders like others. nodes are what it read.
	node  func(dir string) (*Inventory, error)
	nodes []*Inventory
	// looked are the files that a node named already.
	looked map[string]bool
	// named says that somebody named the file that is read, and top is the path that was
	// named last.
	named bool
	top   string
	// telling remembers what tellsModes found.
	telling map[string]bool
	// exclude are those of [Clock].
	exclude []string
	// sets: snapshots of nodes and archives are read as the nodes and files in them, and
	// gather reads a node from a root in an archive.
	sets   bool
	gather func(*root) (*Inventory, error)
	// archive is the one whose files are read, as a reader knows it; "" for none.
	archive string
	// passed counts what gives nothing anew and is not for nothing: files that were read
	// before, or not at all, and reports of this program.
	passed int
}

// newScanner returns a scanner for certificates, keys and objects. Paths below
// here, unless that is "", are shown relative to it.
func newScanner(g *gatherer, here string) *scanner {
	s := &scanner{gatherer: g, here: here, fetches: true, telling: map[string]bool{}}
	s.each = s.file
	return s
}

// scanNamed looks at a path, or at all paths that fit a pattern, that somebody named.
// One that does not exist is an error, or, if lenient, a reference to what is missing.
func (s *scanner) scanNamed(name string, lenient bool) error {
	defer s.addAll()
	abs := absolute(s.here, name)
	s.top = abs
	clear(s.telling)
	f, _ := s.root.stat(abs)
	if f.State == Missing && isPattern(abs) {
		paths := s.fitting(abs)
		s.want(abs, paths...)
		switch {
		case len(paths) > 0:
		case lenient:
			s.lose(abs, KindUnreadable, "is a pattern that nothing fits")
		default:
			return fmt.Errorf("nothing fits the pattern %q", name)
		}
		return nil
	}
	switch {
	case f.Exists():
		s.want(abs, abs)
	case lenient:
		f.Path = s.shown(abs)
		s.inv.Files[f.Path] = f
		s.inv.refer(Reference{Component: ComponentFile, Origin: parsers.Origin{Path: f.Path}, Holds: HoldsCertificate, Role: RoleFileLeaf, Path: f.Path})
	default:
		return fmt.Errorf("%q %s", name, f.Reason)
	}
	return nil
}

// isPattern reports whether a path is a pattern of path.Match.
func isPattern(name string) bool { return strings.ContainsAny(name, "*?[") }

// fitting returns the paths that fit a pattern, sorted, without those of which a part
// begins with a dot where the pattern's does not.
func (s *scanner) fitting(pattern string) []string {
	paths := []string{"/"}
	for part := range strings.SplitSeq(strings.TrimPrefix(pattern, "/"), "/") {
		var next []string
		for _, dir := range paths {
			if !isPattern(part) {
				if name := path.Join(dir, part); s.there(name) {
					next = append(next, name)
				}
				continue
			}
			names, err := s.root.listUpTo(dir, maxScanned)
			if err != nil {
				s.lose(dir, KindUnreadable, unlisted(err))
			}
			for _, n := range names {
				if fits, _ := path.Match(part, n); fits && (!hidden(n) || hidden(part)) && len(next) < maxScanned {
					next = append(next, path.Join(dir, n))
				}
			}
		}
		paths = next
	}
	return paths
}

// excluded reports whether a file or folder is to be passed over.
func (s *scanner) excluded(name string) bool {
	return slices.ContainsFunc(s.exclude, func(pattern string) bool {
		whole, _ := path.Match(pattern, name)
		base, _ := path.Match(pattern, path.Base(name))
		return whole || base
	})
}

// scanAll looks at paths of a node that no component names.
func (s *scanner) scanAll(paths []string) {
	for _, name := range paths {
		name = path.Clean("/" + name)
		if f, _ := s.root.stat(name); !f.Exists() {
			s.lose(name, KindUnreadable, f.Reason+", and the policy names it")
			continue
		}
		s.want(name, name)
	}
	s.addAll()
	s.pair()
}

// want looks at the paths that somebody's words stand for, and notes these if nothing
// comes of it.
func (s *scanner) want(words string, paths ...string) {
	before := s.yield()
	for _, name := range paths {
		s.scan(name, true)
	}
	if len(paths) > 0 && s.yield() == before {
		s.nothing(words, "")
	}
}

// yield counts what came of all that was looked at.
func (s *scanner) yield() int {
	s.addAll()
	return s.passed + len(s.nodes) + len(s.inv.Materials) + s.inv.holds()
}

// KindNothing marks what somebody named and nothing comes of.
const KindNothing parsers.Kind = "nothing"

// nothing notes that nothing comes of what somebody named. why says what it is; "" for a
// file or folder in which there is nothing to judge.
func (s *scanner) nothing(name, why string) {
	s.inv.Problems = append(s.inv.Problems, nothingIn(s.shown(name), why))
}

func nothingIn(name, why string) InputProblem {
	return InputProblem{Problem: parsers.Problem{Origin: parsers.Origin{Path: name}, Kind: KindNothing, Detail: why}}
}

// shown is the path for a reader. One that would begin with a dash is shown whole, so that
// no command takes it for a flag.
func (s *scanner) shown(name string) string {
	if s.archive != "" {
		return path.Join(s.archive, name)
	}
	if s.here == "" {
		return name
	}
	rest, begins := strings.CutPrefix(name, strings.TrimSuffix(s.here, "/"))
	if rel, below := strings.CutPrefix(rest, "/"); begins && below && !strings.HasPrefix(rel, "-") {
		return rel
	}
	return name
}

// lose records that what lies at a path was not read.
func (s *scanner) lose(name string, kind parsers.Kind, detail string) {
	s.addAll()
	s.note(name, kind, detail)
}

// note is lose for what is added itself.
func (s *scanner) note(name string, kind parsers.Kind, detail string) {
	s.lost("", parsers.Problem{Origin: parsers.Origin{Path: s.shown(name)}, Kind: kind, Detail: detail})
}

// scan looks at a file, or at all that lies in a folder. Links to folders are
// not followed unless somebody named them, so that nothing is seen twice or
// without end.
func (s *scanner) scan(name string, named bool) {
	f, isDir, m := s.root.look(name)
	s.root.note(f.Path, m)
	s.visit(name, f, isDir, m, named)
}

// visit is scan for what was looked at.
func (s *scanner) visit(name string, f File, isDir bool, m mark, named bool) {
	switch {
	case s.isLate(name):
		s.passed++
	case s.files >= maxScanned:
		s.passed++
		if s.once("", "limit") {
			s.lose(name, parsers.KindLimit, fmt.Sprintf("is one file more than the %d that are looked at", maxScanned))
		}
	case isDir && (f.Link == "" || named):
		s.folder(name, f)
	case s.looked[name]:
		s.passed++
	case isDir:
	default:
		if named {
			s.addAll() // it may have been looked at before
		}
		if _, before := s.inv.Files[s.shown(name)]; before {
			s.passed++
		}
		s.files++
		s.tell(s.reached())
		s.each(name, m, named)
	}
}

func (s *scanner) folder(dir string, f File) {
	names, inner, listed := s.turned()
	var err error
	if !listed {
		if names, err = s.root.listUpTo(dir, maxScanned); err != nil {
			s.lose(dir, KindUnreadable, unlisted(err))
		}
	}
	if s.tree(dir, names) {
		s.leaveOut(inner)
		return
	}
	if err == nil {
		s.noteModes(f.Resolved, f.Mode, slices.Contains(names, ".git"))
	}
	names = s.searched(dir, names)
	s.listed += len(names)
	known := 0 // how many of the names are those that were read before
	for known < min(len(inner), len(names)) && inner[known].file.Path == path.Join(dir, names[known]) {
		known++
	}
	s.leaveOut(inner[known:])
	now, next := new(batch), new(batch)
	rest := s.fetch(now, dir, names[known:])
	for i := range inner[:known] {
		s.within.Add(-1)
		s.scanFetched(&inner[i])
	}
	for ; len(now.files) > 0; now, next = next, now {
		rest = s.fetch(next, dir, rest)
		for i := range now.files {
			s.scanFetched(&now.files[i])
		}
	}
}

// searched are the names in a folder that are looked at. The kubelet keeps what a volume
// holds, and held, in folders that begin with two dots, behind links (kubernetes
// pkg/volume/util/atomic_writer.go).
func (s *scanner) searched(dir string, names []string) []string {
	return slices.DeleteFunc(names, func(n string) bool {
		return n == ".git" || strings.HasPrefix(n, "..") || s.excluded(path.Join(dir, n))
	})
}

// scanFetched is scan for what lies in a folder and may have been read before.
func (s *scanner) scanFetched(f *fetched) {
	if !s.take(f) {
		s.inner = f
		s.scan(f.file.Path, false)
		s.inner = nil
		s.leaveOut(f.within) // of a folder that was not looked into
		return
	}
	s.root.note(f.file.Path, f.seen)
	s.now = f
	s.visit(f.file.Path, f.file, false, f.seen, false)
	s.now = nil
	clear(f.data)
}

// read is that of the root for the file whose turn it is.
func (s *scanner) read(name string) (File, []byte) {
	if s.now == nil {
		return s.root.read(name)
	}
	return s.now.file, s.now.data
}

func (s *scanner) file(name string, now mark, named bool) {
	s.named = named
	if s.sets && mayHoldNodes(name, named) && s.setFile(name, named) {
		return
	}
	if f, m, ok := s.root.cache.kept(name, s.shown(name), now); ok {
		s.inv.Files[f.Path] = f
		s.material(f.Path, m)
		return
	}
	f, data := s.read(name)
	s.dropUntold(&f)
	f.Path = s.shown(name)
	known, ofNode := s.inv.Materials[f.Path]
	switch {
	case !ofNode && s.now != nil && s.now.parts != nil:
		s.inv.Files[f.Path] = f
		s.addAll()
		s.parts(f.Path, s.now.parts)
	case f.State == Readable && IsSnapshot(data):
		if !s.sets {
			s.lose(name, parsers.KindUnsupported, "is a snapshot of a node, which certaudit audit judges")
			break
		}
		s.snapshots(name, snapshotsIn(data, s.certificates)) // which is decoded later, and public
		if s.now != nil {
			s.now.data = nil
		}
		return
	case f.State == Readable && ofNode: // what a component cannot read of it is its fault
		if len(known.Certificates)+len(known.Keys) > 0 {
			s.inv.refer(fileReferences(ComponentFile, known, Reference{Path: f.Path})...)
		}
	case f.State == Readable && isMaterial(name, data) && parsers.IsPEM(data):
		s.inv.Files[f.Path] = f
		s.foundLater(f.Path, data)
		return
	case f.State == Readable && isMaterial(name, data):
		s.addAll()
		s.inv.Files[f.Path] = f
		s.found(f.Path, data)
	case f.State == Readable && (isObjects(name, data) || named && isBareKubeconfig(data)):
		s.addAll()
		s.inv.Files[f.Path] = f
		_ = s.objects(f.Path, bytes.NewReader(data)) // memory can always be read
	case f.State == Readable && len(data) == 0 && (path.Ext(name) == ".json" || slices.Contains(setSuffixes, path.Ext(name))):
		s.inv.Files[f.Path] = f
		s.lose(name, KindUnreadable, "is empty, as what is written of a node that was not reached")
	case f.State == TooLarge && slices.Contains(objectSuffixes, path.Ext(name)):
		if !s.sets || !s.setFile(name, named) {
			s.stream(name, f)
		}
	case f.State == Unreadable, f.State != Readable && slices.Contains(foundSuffixes, path.Ext(name)):
		s.inv.Files[f.Path] = f
		s.lose(name, KindUnreadable, f.Reason)
	default:
		s.useless(name, f, data, named)
	}
	clear(data)
}

// useless counts or notes a file that gives nothing.
func (s *scanner) useless(name string, f File, data []byte, named bool) {
	switch {
	case f.State != Readable && named:
		s.nothing(name, f.Reason)
	case isReport(data):
		s.passed++
	}
}

// dropUntold takes the mode out of a file of which it does not say who can read it, as in an
// archive, which may be one of a work tree of git.
func (s *scanner) dropUntold(f *File) {
	isFile := f.Resolved != "" // and no link that leads nowhere
	if s.archive != "" || s.here != "" && !(isFile && s.tellsModes(path.Dir(f.Resolved))) {
		f.Mode &^= os.ModePerm
	}
}

// tellsModes reports whether the modes of files in a folder say who can read them: neither in
// a work tree of git, which keeps no modes, nor below a folder that others
// may not enter, unless the path that somebody named is it or lies in it.
func (s *scanner) tellsModes(dir string) bool {
	if tells, known := s.telling[dir]; known {
		return tells
	}
	git, _, _ := s.root.look(path.Join(dir, ".git"))
	f, _, _ := s.root.look(dir)
	return s.noteModes(dir, f.Mode, git.Exists())
}

// noteModes is tellsModes for a folder with a mode, and is remembered: whoever lists a folder
// knows what tells it. git says that a work tree begins there.
func (s *scanner) noteModes(dir string, mode fs.FileMode, git bool) bool {
	tells, known := s.telling[dir]
	if !known {
		tells = runtime.GOOS != "windows" && !git && (mode&0o001 != 0 || strings.HasPrefix(s.top+"/", strings.TrimSuffix(dir, "/")+"/")) &&
			(dir == "/" || s.tellsModes(path.Dir(dir)))
		s.telling[dir] = tells
	}
	return tells
}

// objectSuffixes are those of files of objects, which may be of any length.
var objectSuffixes = []string{".json", ".yaml", ".yml"}

// stream reads a file that is too large to be read at once.
func (s *scanner) stream(name string, f File) {
	h, err := s.root.open(name)
	if err == nil {
		f.State, f.Reason = Readable, ""
		s.inv.Files[f.Path] = f
		err = errors.Join(s.objects(f.Path, h), h.Close())
	}
	if err != nil {
		s.lose(name, KindUnreadable, "cannot be read: "+bareError(err))
	}
}

// open opens a regular file for a reader of streams.
func (r *root) open(name string) (handle, error) {
	r.stat(name)
	rel, err := r.resolve(name)
	if err != nil {
		return nil, err
	}
	return r.fs.open(rel)
}

// foundSuffixes are those of files that are looked into where folders are
// searched: certificates and keys, and what lies beside them.
var foundSuffixes = slices.Concat(materialSuffixes, []string{".csr", ".crl", ".p7b", ".p7c", ".pkcs12", ".keystore", ".truststore"})

// certificateSuffixes are those of materialSuffixes that promise certificates in
// PEM or DER. Anything may be called a key.
var certificateSuffixes = []string{".crt", ".pem", ".cer", ".der"}

// isMaterial reports whether a file holds certificates or keys: it is called so,
// or begins like openssl's output or a key store.
func isMaterial(name string, data []byte) bool {
	if slices.Contains(foundSuffixes, path.Ext(name)) || parsers.IsKeystore(data) {
		return true
	}
	start := bytes.TrimSpace(data[:min(len(data), 4096)])
	for _, prefix := range []string{"-----BEGIN ", "Certificate:\n", "Bag Attributes"} {
		if bytes.HasPrefix(start, []byte(prefix)) {
			return true
		}
	}
	return false
}

// IsObject reports whether a file looks like a Kubernetes object, a kubeconfig
// among them.
func IsObject(data []byte) bool {
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("<")) {
		return false // markup, such as a report's
	}
	return bytes.Contains(data, []byte("apiVersion")) && bytes.Contains(data, []byte("kind")) // kubectl puts the kind behind the data
}

// quotingSuffixes are those of texts that may quote objects and are none: manuals, reports
// such as those of this program, logs, and source.
var quotingSuffixes = []string{".md", ".markdown", ".txt", ".rst", ".adoc", ".csv", ".log", ".ics", ".prom", ".go", ".py", ".rb", ".rs", ".js", ".ts", ".java",
	".sh", ".bash", ".tf", ".tmpl", ".tpl", ".j2", ".patch", ".diff"}

// reportMarks stand at the beginning of reports of this program.
var reportMarks = []string{`"schema": "certaudit`, "schema: certaudit", `"name": "certaudit"`, `<testsuites name="certaudit"`, "**certaudit**: ", "PRODID:-//certaudit//", "# HELP certaudit_", "<title>Certificate"}

// isReport reports whether a file is a report of this program in a format that shows it.
func isReport(data []byte) bool {
	start := data[:min(len(data), 1024)]
	return slices.ContainsFunc(reportMarks, func(mark string) bool { return bytes.Contains(start, []byte(mark)) })
}

// isObjects is IsObject for a file: one that is called as what may quote objects holds some
// if all of it is YAML or JSON.
func isObjects(name string, data []byte) bool {
	if !IsObject(data) || !slices.Contains(quotingSuffixes, path.Ext(name)) {
		return IsObject(data)
	}
	_, problems := parsers.ParseDocuments(name, data)
	return len(problems) == 0
}

// storeIterations is how much work goes into the passwords of key stores in one
// inventory: a few seconds.
const storeIterations = 10_000_000

// found adds what one file holds.
func (s *scanner) found(name string, data []byte) {
	s.parts(name, s.decoded(name, data, &s.effort))
}

// foundLater is found for a file that no password opens. Nothing is left of its bytes.
func (s *scanner) foundLater(name string, data []byte) {
	s.later(len(data), func() func() {
		parts := s.decoded(name, data, nil)
		clear(data)
		return func() { s.parts(name, parts) }
	})
}

// decoded is what one file holds, the file itself first. Without an effort, which passwords
// take, it may be called by several goroutines.
func (s *scanner) decoded(name string, data []byte, effort *parsers.Effort) []parsers.Found {
	parts := parsers.ParseFound(parsers.Origin{Path: name}, data, effort)
	parts[0].Material = s.shared(parts[0].Material)
	return parts
}

// parts adds what was decoded of one file.
func (s *scanner) parts(name string, parts []parsers.Found) {
	at := parsers.Origin{Path: name}
	if !s.locked(ComponentFile, parts[0]) {
		s.material(name, promised(parts[0].Material, name))
	}
	for _, part := range parts[1:] {
		s.part(ComponentFile, "", at, part)
	}
}

// locked notes a key store that none of the passwords opens, and reports whether this
// is one.
func (s *scanner) locked(component string, store parsers.Found) bool {
	if store.Locked == "" {
		return false
	}
	for _, p := range store.Problems {
		p.Kind = KindUnreadable
		s.inv.Problems = append(s.inv.Problems, InputProblem{Problem: p, Component: component, Lost: true, Store: store.Locked})
	}
	return true
}

// promised makes no fault of what is neither PEM nor DER where the name does not
// promise certificates.
func promised(m parsers.Material, name string) parsers.Material {
	if !slices.Contains(certificateSuffixes, path.Ext(name)) {
		m.Problems = slices.Clone(m.Problems)
		for i := range m.Problems {
			if m.Problems[i].Kind == parsers.KindSyntax {
				m.Problems[i].Kind = parsers.KindUnsupported
			}
		}
	}
	return m
}

// material adds the certificates and keys of one file.
func (s *scanner) material(name string, m parsers.Material) {
	s.inv.Materials[name] = m
	if s.foreign(ComponentFile, parsers.Origin{Path: name}, m) {
		s.inv.refer(fileReferences(ComponentFile, m, Reference{Path: name})...)
	}
}

// part adds a part of a file or of a field, which belongs to the object of that
// name, if to any.
func (s *scanner) part(component, object string, at parsers.Origin, part parsers.Found) {
	m := s.shared(part.Material)
	at.Field = strings.TrimPrefix(at.Field+": "+part.Part, ": ")
	if !s.foreign(component, at, m) {
		return
	}
	refs := fileReferences(component, m, Reference{Origin: at, Embedded: &m, Object: object})
	for i := range refs {
		if part.Trust {
			refs[i].Holds, refs[i].Role = HoldsBundle, RoleOtherCA
		}
	}
	s.inv.refer(refs...)
}

// foreign notes what of some material is not for Go and Kubernetes to read, the same
// once, and reports whether there is anything else.
func (s *scanner) foreign(component string, at parsers.Origin, m parsers.Material) bool {
	rest := len(m.Certificates) + len(m.Keys)
	times := map[string]int{}
	for _, p := range m.Problems {
		if times[p.Detail]++; !Foreign(p) {
			rest++
		}
	}
	for _, p := range m.Problems {
		n := times[p.Detail]
		if !Foreign(p) || n == 0 {
			continue
		}
		times[p.Detail] = 0
		p.Kind = parsers.KindUnsupported
		if p.Origin.Field == "" {
			p.Origin.Field = at.Field
		}
		switch {
		case strings.HasSuffix(p.Detail, "a certificate request"):
			p.Detail += "; certaudit csr judges it"
		case !strings.Contains(p.Detail, "judge"):
			p.Detail += "; it was not judged"
		}
		if n > 1 {
			p.Detail += fmt.Sprintf(" (%d times)", n)
		}
		s.noted(component, p)
	}
	if rest+len(m.Problems)+len(m.RevocationLists) == 0 {
		s.noted(component, parsers.Problem{Origin: at, Kind: parsers.KindUnsupported, Detail: "holds the parameters of a key alone; they were not judged"})
	}
	return rest > 0
}

// Foreign reports whether a problem is that of something sound which Go and
// Kubernetes do not read, or not without a passphrase.
func Foreign(p parsers.Problem) bool {
	return p.Kind == parsers.KindUnsupported || p.Kind == parsers.KindEncrypted
}

// fileReferences says what material is by what it holds.
func fileReferences(component string, m parsers.Material, ref Reference) []Reference {
	ref.Component, ref.Role, ref.Name, ref.Unclaimed = component, RoleFileLeaf, ref.Origin.Field, true
	var out []Reference
	if len(m.Certificates) > 0 || len(m.Keys) == 0 {
		ref.Holds = HoldsCertificate
		if len(m.Certificates) > 0 && m.Certificates[0].IsCA {
			ref.Holds, ref.Role = HoldsBundle, RoleFileCA
		}
		out = append(out, ref)
	}
	if slices.ContainsFunc(m.Keys, func(k parsers.Key) bool { return k.Private }) {
		ref.Holds = HoldsPrivateKey
		out = append(out, ref)
	}
	return out
}

// pair joins certificates and keys that lie beside each other under one name.
func (s *scanner) pair() {
	s.countOnce()
	s.filesLeafFirst()
	for i := range s.inv.References {
		if ref := &s.inv.References[i]; ref.Component == ComponentFile && ref.Path != "" && ref.Holds != HoldsBundle {
			ref.Pair = stem(ref.Path)
		}
	}
}

// countOnce drops the files that go by another name as well. The name that stays is
// that of a link which promises a certificate, since what it leads to is replaced; else
// the file's own.
func (s *scanner) countOnce() {
	first := make(map[string]string, len(s.inv.References)) // the first name of a file, by what it leads to
	names := map[string][]string{}                          // all names of those that have several
	for i := range s.inv.References {
		ref := &s.inv.References[i]
		f := s.inv.Files[ref.Path]
		if ref.Component != ComponentFile || f.Resolved == "" {
			continue
		}
		one, known := first[f.Resolved]
		if !known {
			first[f.Resolved] = ref.Path
		} else if all := names[f.Resolved]; ref.Path != one && !slices.Contains(all, ref.Path) {
			if all == nil {
				all = []string{one}
			}
			names[f.Resolved] = append(all, ref.Path)
		}
	}
	rank := func(name string) int {
		switch isLink := s.inv.Files[name].Link != ""; {
		case isLink && slices.Contains(foundSuffixes, path.Ext(name)):
			return 0
		case isLink:
			return 2
		}
		return 1
	}
	dropped := map[string]bool{}
	for _, same := range names {
		slices.SortFunc(same, func(a, b string) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b)) })
		for _, name := range same[1:] {
			dropped[name] = true
		}
	}
	if len(dropped) > 0 {
		s.inv.References = slices.DeleteFunc(s.inv.References, func(ref Reference) bool { return ref.Component == ComponentFile && dropped[ref.Path] })
	}
}

// stem is what the names of a certificate and of its key have in common:
// "tls" of tls.crt and tls.key, "admin" of admin.pem and admin-key.pem.
func stem(name string) string {
	base := strings.TrimSuffix(name, path.Ext(name))
	for _, suffix := range []string{".key", "-key", "_key", ".crt", ".cert", "-cert"} {
		base = strings.TrimSuffix(base, suffix)
	}
	return base
}
