package inventory

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"certaudit/parsers"
)

// contents is what a stream holds of nodes.
type contents int

const (
	noNodes contents = iota
	tarArchive
	someSnapshots
)

// setSuffixes are those of files that are looked into for nodes where folders are
// searched, beside JSON.
var setSuffixes = []string{".tar", ".tgz", ".tbz2", ".gz", ".bz2", ".xz", ".txz", ".zst"}

// compressions are those of which the beginning is known; without an open, one has to be
// undone by hand.
var compressions = []struct {
	name, magic, by string
	open            func(io.Reader) (io.Reader, error)
}{
	{"gzip", "\x1f\x8b", "", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
	{"bzip2", "BZh", "", func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }},
	{"xz", "\xfd7zXZ\x00", "xz -dc", nil},
	{"zstd", "\x28\xb5\x2f\xfd", "zstd -dc", nil},
}

// peekBytes is how much of a stream tells what it is: a tar header is as long.
const peekBytes = 512

// recognised returns what a stream holds, and the stream itself, decompressed. Nothing
// is read of one that holds no nodes and is not compressed.
func recognised(b *bufio.Reader) (contents, io.Reader, error) {
	start, _ := b.Peek(peekBytes) // what cannot be read is read again
	for _, c := range compressions {
		if !bytes.HasPrefix(start, []byte(c.magic)) {
			continue
		}
		if c.open == nil {
			return noNodes, nil, fmt.Errorf("is compressed with %s; give %s FILE | certaudit audit -", c.name, c.by)
		}
		r, err := c.open(b)
		if err != nil {
			return noNodes, nil, fmt.Errorf("cannot be decompressed: %w", err)
		}
		inner := bufio.NewReader(r)
		start, err = inner.Peek(peekBytes)
		if len(start) == 0 && err != nil && !errors.Is(err, io.EOF) {
			return noNodes, nil, fmt.Errorf("cannot be decompressed: %w", err)
		}
		return contentsOf(start), inner, nil
	}
	return contentsOf(start), b, nil
}

func contentsOf(start []byte) contents {
	switch {
	case IsSnapshot(start):
		return someSnapshots
	case len(start) == peekBytes && bytes.HasPrefix(start[257:], []byte("ustar")): // POSIX.1-2024 pax, ustar Header Block
		return tarArchive
	}
	return noNodes
}

// setFile reads a file as snapshots or an archive of nodes, and reports whether it is
// one, or might be and cannot be read.
func (s *scanner) setFile(name string, named bool) bool {
	h, err := s.root.open(name)
	if err != nil {
		return false // whoever reads it next says why
	}
	defer h.Close()
	if info, err := h.Stat(); err != nil || !info.Mode().IsRegular() {
		return false
	}
	return s.set(name, bufio.NewReaderSize(h, peekBytes), named)
}

// set is setFile for a stream.
func (s *scanner) set(name string, b *bufio.Reader, named bool) bool {
	what, r, err := recognised(b)
	switch {
	case err != nil:
		s.lose(name, KindUnreadable, err.Error())
	case what == someSnapshots:
		s.snapshots(name, newSnapshotReader(r, s.certificates))
	case what == tarArchive && s.archive != "":
		s.lose(name, parsers.KindUnsupported, "is an archive within an archive, and was not read")
	case what == tarArchive:
		s.archived(name, r)
	case r != b && named:
		s.lose(name, parsers.KindUnsupported, "is compressed, and holds neither an archive of files nor snapshots of nodes")
	default:
		return r != b // another compressed file that lies in a folder
	}
	return true
}

// snapshots adds the nodes of snapshots that follow one another.
func (s *scanner) snapshots(name string, reader *SnapshotReader) {
	broken := false
	for n := 1; !broken && !s.isLate(name); n++ {
		text, err := reader.next()
		if errors.Is(err, io.EOF) {
			return
		}
		end := err != nil
		s.later(len(text), func() func() {
			var inv *Inventory
			if !end {
				inv, err = decodeSnapshot(text, s.certificates)
			}
			return func() {
				if !broken {
					broken = !s.snapshot(name, n, inv, err)
				}
			}
		})
		if end {
			return
		}
	}
}

// snapshot adds the node of the nth snapshot of a file, and reports whether those behind
// it can be added too.
func (s *scanner) snapshot(name string, n int, inv *Inventory, err error) bool {
	switch {
	case err != nil && n > 1:
		s.note(name, KindUnreadable, fmt.Sprintf("is not read from its snapshot %d on, which %s", n, err))
	case err != nil:
		s.note(name, KindUnreadable, err.Error())
	case !s.isFull(name):
		if inv.Folder == "" { // else it is the host that it was collected from
			inv.Folder = s.shown(name)
		}
		s.nodes = append(s.nodes, inv)
		s.tell(s.reached())
		return true
	}
	return false
}

// archived adds the nodes and the other files of an archive.
func (s *scanner) archived(name string, r io.Reader) {
	a, err := readArchive(r, s.root.late, honestArchive)
	if err != nil {
		s.lose(name, KindUnreadable, "cannot be read as an archive: "+err.Error())
		return
	}
	for _, fault := range a.faults {
		s.lose(name, parsers.KindLimit, fault)
	}
	if a.cut != "" {
		s.lose(name, KindUnreadable, a.cut)
	}
	in := newScanner(newGatherer(s.rootOf(a, "/")), "")
	in.certificates, in.progress, in.exclude, in.sets, in.gather = s.certificates, s.progress, s.exclude, true, s.gather
	in.archive, in.files, in.listed, in.nodes = s.shown(name), s.files, s.listed, s.nodes
	in.inv.Packed = []string{in.archive}
	in.node = func(dir string) (*Inventory, error) { return s.gather(s.rootOf(a, slashed(dir))) }
	s.addAll()
	in.scan("/", true)
	in.addAll()
	in.pair()
	s.files, s.listed, s.nodes = in.files, in.listed, in.nodes
	if err := s.inv.Join(in.inv); err != nil {
		s.lose(name, parsers.KindUnsupported, err.Error())
	}
}

// rootOf is a folder of an archive as a root that is read under the conditions of the
// scanner's own.
func (s *scanner) rootOf(a *archive, dir string) *root {
	r := a.root(dir)
	r.cut = a.cut
	if s.root != nil {
		r.late, r.passwords = s.root.late, s.root.passwords
	}
	return r
}

// isLate reports whether the audit has to end, and says so of the first file that is not read.
func (s *scanner) isLate(name string) bool {
	late := s.root != nil && s.root.late != nil && s.root.late()
	if late && s.once("", "late") {
		s.lose(name, KindUnreadable, "was not read to its end: the audit had to end")
	}
	return late
}

// isFull reports whether as many nodes were read as are, and says so once.
func (s *scanner) isFull(name string) bool {
	full := len(s.nodes) >= maxTrees
	if full && s.once("", "trees") {
		s.note(name, parsers.KindLimit, fmt.Sprintf("is one node more than the %d that are looked at", maxTrees))
	}
	return full
}

// mayHoldNodes reports whether a file is looked into for nodes before anything else.
func mayHoldNodes(name string, named bool) bool {
	return named || slices.Contains(setSuffixes, path.Ext(name))
}

// GatherStream reads what the standard input holds: snapshots of nodes, an archive of
// files as [Clock.GatherPaths] reads a folder, or Kubernetes objects, certificates and
// keys as [GatherObjects] does. name is what it is called.
func (c Clock) GatherStream(name string, r io.Reader, more []string, progress func(Progress)) (nodes []*Inventory, files *Inventory, err error) {
	b := bufio.NewReaderSize(r, 4096)
	if start, err := b.Peek(1); len(start) == 0 && err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	s := newScanner(newGatherer(&root{late: c.Late, passwords: c.Passwords}), "")
	c.known = s.certificates
	s.progress, s.exclude, s.sets, s.gather = progress, c.Exclude, true, c.archivedNode(more)
	if !s.set(name, b, true) {
		objects, err := GatherObjects(name, b, func(objects int) { s.tell(Progress{Files: objects}) })
		if err == nil && len(objects.Materials)+objects.holds() == 0 {
			objects.Problems = []InputProblem{nothingIn(name, "")}
		}
		return nil, objects, err
	}
	if s.yield() == 0 {
		s.nothing(name, "")
	}
	s.inv.conceal()
	return s.nodes, s.rest(), nil
}

// archivedNode returns what reads a node from a root in an archive.
func (c Clock) archivedNode(more []string) func(*root) (*Inventory, error) {
	c.Processes = false
	return func(r *root) (*Inventory, error) { return gatherNode(r, c, more) }
}

// GatherCopy reads the node of a tar archive that holds the files of some folders and
// nothing else, so that of what lies elsewhere nothing is known. One that is damaged is an
// error.
func (c Clock) GatherCopy(r io.Reader, folders []string) (*Inventory, error) {
	a, err := readArchive(r, c.Late, honestArchive)
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot be read as an archive: %w", err)
	case a.cut != "":
		return nil, errors.New(a.cut)
	case len(a.faults) > 0:
		return nil, errors.New(a.faults[0])
	}
	from := a.root("/")
	from.late = c.Late
	inv, err := c.archivedNode(nil)(from)
	if err != nil {
		return nil, err
	}
	inv.notCopied(folders)
	return inv, nil
}

// notCopied takes what is missing outside of some folders for what was not copied.
func (inv *Inventory) notCopied(folders []string) {
	outside := func(name string) bool {
		return !slices.ContainsFunc(folders, func(dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") })
	}
	inv.unseen("lies outside of the folders that were copied", func(f File) bool { return outside(f.Path) || f.Resolved != "" && outside(f.Resolved) })
	inv.MissingFolders = slices.DeleteFunc(inv.MissingFolders, outside)
}
