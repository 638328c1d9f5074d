package cmd

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"certaudit/audit"
	"certaudit/audit/inventory"
	"certaudit/parsers/logs"
)

// maxLogs bounds how many logs are read of all arguments.
const maxLogs = 20_000

// logSource is one log.
type logSource struct {
	// name is what a reader of the report knows it by, and tells who wrote it.
	name string
	// node is the one that it is of; "" where that is to be told by its lines.
	node string
	// size is that of the file, in bytes; 0 where it is not known.
	size int64
	open func() (io.ReadCloser, error)
	// file opens it once more, for a log that is followed by its path; nil for a stream.
	file func() (inventory.Stream, error)
}

// logSources are the logs to be read, and the nodes to hold them against.
type logSources struct {
	list []logSource
	// again are what looks into the folders again for logs that are new there.
	again []func() []logSource
	// taken are the files that were taken, by where links lead.
	taken map[string]bool
	// nodes are what holds nodes; asked says that an argument was to be a log.
	nodes []string
	asked bool
	// since is as of [logs.Options].
	since time.Time
	now   time.Time
	// notes say what was passed over, and why.
	notes []string
	// follow: streams are opened to be followed.
	follow bool
	// host is the machine, and nil where paths are those of a node, whose folder is in front
	// of them where there are several.
	host  *inventory.Tree
	root  string
	trees []*inventory.Tree
	stdin bool
	// all: --since asks for all times.
	all bool
}

func (s *logSources) close() {
	for _, t := range s.trees {
		_ = t.Close() // it was read only
	}
}

func (s *logSources) note(format string, args ...any) {
	s.notes = append(s.notes, fmt.Sprintf(format, args...))
}

// logSources tells the logs among the arguments from the nodes, by content. What somebody
// named by hand and is not there is an error.
func (p *program) logSources(since string, args []string, o audit.Options) (*logSources, error) {
	s := &logSources{now: o.Now, all: since == sinceAll}
	var err error
	if s.since, err = parseSince(since, o.Now); err != nil || len(args) == 0 {
		return s, err
	}
	here := workingFolder()
	if s.host, err = inventory.OpenHost(here); err != nil {
		return nil, err
	}
	s.trees = append(s.trees, s.host)
	for _, name := range args {
		if err := p.logNamed(s, name); err != nil {
			s.close()
			return nil, err
		}
	}
	return s, nil
}

// logNamed takes what an argument names.
func (p *program) logNamed(s *logSources, name string) error {
	if name == stdinName {
		return p.logStdin(s)
	}
	if info, err := os.Stat(name); err == nil && info.Mode()&(fs.ModeNamedPipe|fs.ModeCharDevice) != 0 {
		s.asked, s.list = true, append(s.list, logSource{name: name, open: func() (io.ReadCloser, error) { return p.openPipe(name) }})
		return nil
	}
	f, isDir := s.host.Look(name)
	if f.State == inventory.Missing {
		fitting := s.host.Fitting(name)
		for _, found := range fitting {
			if f, isDir := s.host.Look(found); isDir {
				s.folder(found)
			} else {
				s.file(found, f)
			}
		}
		switch {
		case len(fitting) > 0:
			return nil
		case strings.ContainsAny(name, "*?["):
			return fmt.Errorf("nothing fits the pattern %q", name)
		}
	}
	switch {
	case !f.Exists():
		return fmt.Errorf("%q %s", name, f.Reason)
	case isDir:
		s.folder(name)
	default:
		s.file(name, f)
	}
	return nil
}

// logStdin takes the standard input.
func (p *program) logStdin(s *logSources) error {
	if s.stdin {
		return errors.New("the standard input can be read once only; give one -")
	}
	s.stdin = true
	snapshots, archive, whole := inventory.HoldsNodes(p.stdin)
	if p.stdin = whole; snapshots || archive {
		s.nodes = append(s.nodes, stdinName)
		return nil
	}
	s.asked, s.list = true, append(s.list, logSource{name: stdinName, open: func() (io.ReadCloser, error) { return io.NopCloser(p.stdin), nil }})
	return nil
}

// openPipe opens what has to be waited for, until an interrupt.
func (p *program) openPipe(name string) (io.ReadCloser, error) {
	type outcome struct {
		h   *os.File
		err error
	}
	opened := make(chan outcome, 1)
	go func() { // a FIFO is opened once somebody writes to it
		h, err := os.Open(name)
		opened <- outcome{h, err}
	}()
	select {
	case <-p.interrupted:
		return nil, errors.New("interrupted")
	case o := <-opened:
		if o.err != nil {
			return nil, bare(o.err)
		}
		return struct {
			io.Reader
			io.Closer
		}{&interruptible{Reader: o.h, interrupted: p.interrupted}, o.h}, nil
	}
}

// file takes a file that somebody named.
func (s *logSources) file(name string, f inventory.File) {
	source := s.sourceOf(s.host, s.shown(name), f)
	if !s.first(f) {
		return
	}
	switch snapshots, archive := holdsNodes(s.host, f); {
	case snapshots:
		s.nodes = append(s.nodes, name)
		return
	case archive:
		source = failedSource(source.name, "is an archive; unpack it, and give the folder for its logs, or --root and the folder for the node in it")
	}
	s.asked, s.list = true, append(s.list, source)
}

// has reports whether a file was taken, whatever links lead to it.
func (s *logSources) has(f inventory.File) bool { return s.taken[cmp.Or(f.Resolved, f.Path)] }

// first takes a file, and reports whether it was not taken before.
func (s *logSources) first(f inventory.File) bool {
	if s.has(f) {
		return false
	}
	if s.taken == nil {
		s.taken = map[string]bool{}
	}
	s.taken[cmp.Or(f.Resolved, f.Path)] = true
	return true
}

// failedSource is a log that cannot be read.
func failedSource(name, reason string) logSource {
	return logSource{name: name, open: func() (io.ReadCloser, error) { return nil, errors.New(reason) }}
}

// holdsNodes is [inventory.HoldsNodes] for a file; what cannot be read holds none, and
// whoever reads it next says why.
func holdsNodes(t *inventory.Tree, f inventory.File) (snapshots, archive bool) {
	h, err := t.Open(f.Path)
	if err != nil {
		return false, false
	}
	defer h.Close()
	snapshots, archive, _ = inventory.HoldsNodes(h)
	return snapshots, archive
}

// folder takes the logs and the snapshots below a folder that somebody named.
func (s *logSources) folder(dir string) {
	for _, name := range []string{"etc/kubernetes", "var/lib/kubelet"} {
		if _, isDir := s.host.Look(path.Join(filepath.ToSlash(dir), name)); isDir {
			s.note("%s: holds a node; --root %s reads the logs of the node alone, and holds them against it", s.shown(dir), dir)
			break
		}
	}
	found, below := s.below(dir)
	if below.passed > 0 {
		s.note("%s: files that are no logs by their names or kinds: %d", s.shown(dir), below.passed)
	}
	if below.logs+below.nodes == 0 && len(found) == 0 {
		s.note("%s: holds no logs", s.shown(dir))
	}
	s.asked = s.asked || below.nodes == 0
	s.list = append(s.list, found...)
	s.again = append(s.again, func() []logSource {
		found, _ := s.below(dir)
		return found
	})
}

// belowFolder counts what lies below a folder.
type belowFolder struct{ logs, nodes, passed int }

// below are the logs below a folder that were not taken yet; snapshots are taken on the way.
func (s *logSources) below(dir string) (found []logSource, n belowFolder) {
	files, more := s.host.Files(dir, maxLogs)
	var fresh []inventory.File
	for _, f := range files {
		if s.has(f) {
			n.logs++
			continue
		}
		switch snapshots, archive := holdsNodes(s.host, f); {
		case f.State == inventory.Unreadable:
			fresh = append(fresh, f)
		case snapshots:
			n.nodes++
			if s.first(f) {
				s.nodes = append(s.nodes, f.Path)
			}
		case f.State != inventory.Readable || archive || !logs.Candidate(f.Path):
			n.passed++
		default:
			n.logs++
			fresh = append(fresh, f)
		}
	}
	return s.sources(s.host, dir, fresh, more), n
}

// sources are the logs of a tree among files that were not taken yet; more says that there
// are others in the folder.
func (s *logSources) sources(t *inventory.Tree, dir string, files []inventory.File, more bool) []logSource {
	var out []logSource
	byName := map[string]inventory.File{}
	var names []string
	for _, f := range files {
		switch {
		case !s.first(f):
		case f.State != inventory.Readable:
			out = append(out, failedSource(s.shown(f.Path), f.Reason))
		case s.since.IsZero() || !f.ModTime.Before(s.since): // else nothing in it counts
			names = append(names, f.Path)
			byName[f.Path] = f
		}
	}
	for _, name := range logs.Order(names) {
		out = append(out, s.sourceOf(t, s.shown(name), byName[name]))
	}
	if more && s.first(inventory.File{Path: dir}) {
		out = append(out, failedSource(s.shown(dir), fmt.Sprintf("holds more than the %d files that are read; give a folder below it, or a pattern in quotes", maxLogs)))
	}
	return out
}

// shown is a path for a reader, relative as far as paths below the working folder are.
func (s *logSources) shown(name string) string {
	name = path.Clean(filepath.ToSlash(name))
	if s.host == nil {
		return path.Join(s.root, name) // of a node
	}
	return strings.TrimPrefix(name, strings.TrimSuffix(s.host.Here, "/")+"/")
}

// sourceOf is the log in a file of a tree.
func (s *logSources) sourceOf(t *inventory.Tree, shown string, f inventory.File) logSource {
	if f.State != inventory.Readable {
		return failedSource(shown, f.Reason)
	}
	return logSource{name: shown, size: f.Size,
		open: func() (io.ReadCloser, error) { return t.Open(f.Path) },
		file: func() (inventory.Stream, error) { return t.Open(f.Path) }}
}

// logsOfNodes takes the logs of the nodes below --root, each under its name and, where there
// are several, with its folder in front.
func (p *program) logsOfNodes(f auditFlags, s *logSources, nodes judgedNodes) error {
	if slices.Equal(f.roots, []string{hostRoot}) && s.since.IsZero() && !s.all {
		s.since = s.now.Add(-hourAgo)
	}
	for i, root := range f.roots {
		own := &logSources{since: s.since, follow: s.follow}
		node := ""
		if len(f.roots) > 1 {
			own.root, node = filepath.ToSlash(filepath.Clean(root)), nodes.result.Nodes[i].Name
		}
		if err := p.logsOfNode(own, root, node, nodes.inventories[i]); err != nil {
			return err
		}
		s.trees, s.list, s.again, s.notes = append(s.trees, own.trees...), append(s.list, own.list...), append(s.again, own.again...), append(s.notes, own.notes...)
	}
	return nil
}

// logsOfNode takes the logs of a node: of its pods, of its components, and of its journal.
func (p *program) logsOfNode(s *logSources, root, node string, inv *inventory.Inventory) error {
	t, err := inventory.OpenTree(root)
	if err != nil {
		return err
	}
	s.trees = append(s.trees, t)
	dangling := 0
	look := func() []logSource {
		files, more := t.Files(podLogs, maxLogs)
		dangling = 0
		files = slices.DeleteFunc(files, func(f inventory.File) bool {
			if f.State == inventory.DanglingLink {
				dangling++
			}
			return f.State == inventory.DanglingLink || f.State == inventory.NotRegular || f.State == inventory.Readable && !logs.Candidate(f.Path)
		})
		return ofNode(node, s.sources(t, podLogs, append(files, componentLogs(t)...), more))
	}
	s.list = append(s.list, look()...)
	s.again = append(s.again, look)
	if dangling > 0 {
		s.note("%s: links to logs that are not there: %d", s.shown(podLogs), dangling)
	}
	s.list = append(s.list, ofNode(node, p.journals(s, t, root, unitsOf(inv)))...)
	return nil
}

// ofNode are logs of a node.
func ofNode(node string, all []logSource) []logSource {
	for i := range all {
		all[i].node = node
	}
	return all
}

// podLogs is where the kubelet has the logs of pods (kubernetes pkg/kubelet/kuberuntime,
// podLogsDirectory).
const podLogs = "/var/log/pods"

// logPlaces are the files to which components write without a journal, as patterns.
var logPlaces = []string{
	"/var/log/kube*.log", "/var/log/etcd*.log", "/var/log/containerd*.log", "/var/log/cri*.log", "/var/log/docker*.log",
	"/var/log/cloud-controller-manager*.log", "/var/log/konnectivity*.log", // kube-up of Kubernetes, GKE
	"/var/log/k3s*.log", "/var/lib/rancher/k3s/agent/containerd/containerd.log", // https://docs.k3s.io/faq
	"/var/log/rke2*.log", "/var/lib/rancher/rke2/agent/containerd/containerd.log", "/var/lib/rancher/rke2/agent/logs/kubelet.log", // https://docs.rke2.io/reference/logging
	"/var/log/k0s*.log", "/var/log/kubernetes/*.log",
}

// componentLogs are the files at logPlaces.
func componentLogs(t *inventory.Tree) []inventory.File {
	var out []inventory.File
	for _, place := range logPlaces {
		names := t.Fitting(place)
		if !strings.Contains(place, "*") {
			names = []string{place}
		}
		for _, name := range names {
			if f, isDir := t.Look(name); f.Exists() && !isDir {
				out = append(out, f)
			}
		}
	}
	return out
}
