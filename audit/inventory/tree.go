package inventory

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
)

// Tree is a folder of this machine, such as a node's root, of which files are read as
// streams: logs, which are too large for an [Inventory]. As there, no path and no link
// leads out of it.
type Tree struct {
	root *root
	// Here is the folder of the tree that relative paths start from.
	Here string
}

// OpenTree opens the folder of a node's root.
func OpenTree(dir string) (*Tree, error) {
	r, err := openRoot(dir)
	if err != nil {
		return nil, rootError(dir, err)
	}
	return &Tree{root: r, Here: "/"}, nil
}

// OpenHost opens the volume of this machine that the folder here lies on, an absolute path.
func OpenHost(here string) (*Tree, error) {
	r, err := openRoot(volumeRoot(here))
	if err != nil {
		return nil, err
	}
	return &Tree{root: r, Here: slashed(here)}, nil
}

// Close closes the tree.
func (t *Tree) Close() error { return t.root.close() }

// Stream is an open file.
type Stream interface {
	io.ReadCloser
	Stat() (fs.FileInfo, error)
}

// Open opens a regular file, and waits for nothing. The error says why there is none, and
// not where.
func (t *Tree) Open(name string) (Stream, error) {
	f, _ := t.Look(name)
	if f.State != Readable {
		return nil, fmt.Errorf("%s", f.Reason)
	}
	h, err := t.root.open(f.Path)
	if err != nil {
		return nil, fmt.Errorf("%s", f.failed(err).Reason)
	}
	return h, nil
}

// Look describes what lies at a path, and says whether it is a folder. What is neither that
// nor a regular file is [NotRegular].
func (t *Tree) Look(name string) (f File, isDir bool) {
	f, isDir = t.root.stat(absolute(t.Here, name))
	if f.State == Readable && !isDir && !f.Mode.IsRegular() {
		f.State, f.Reason = NotRegular, "is "+kindOf(f.Mode)+", not a regular file"
	}
	return f, isDir
}

// Host is the path of this machine that a path of the tree leads to, its links followed
// inside the tree. A program that is given it may still be led out by who changes the
// links meanwhile.
func (t *Tree) Host(name string) (string, error) {
	rel, err := t.root.resolve(absolute(t.Here, name))
	if err != nil {
		return "", err
	}
	return filepath.Join(t.root.dir, rel), nil
}

// Fitting returns the paths that fit a pattern of path.Match, sorted; nil for none, and
// for a path that is no pattern. Names that begin with a dot fit only a part of a pattern
// that does.
func (t *Tree) Fitting(pattern string) []string {
	pattern = absolute(t.Here, pattern)
	if !isPattern(pattern) {
		return nil
	}
	return newScanner(newGatherer(t.root), "").fitting(pattern)
}

// maxTreeDepth bounds how deep folders are searched: no honest path has more parts.
const maxTreeDepth = 64

// Files are those below a folder in the order of their paths, at most so many; more says
// that there are others. Links to files are followed, links to folders are not, so that
// nothing is seen twice or without end. A folder that cannot be listed is among them, in
// the state [Unreadable].
func (t *Tree) Files(dir string, most int) (files []File, more bool) {
	w := treeWalk{tree: t, most: most}
	w.folder(absolute(t.Here, dir), 0)
	return w.files, w.more
}

type treeWalk struct {
	tree  *Tree
	files []File
	most  int
	more  bool
}

func (w *treeWalk) folder(dir string, depth int) {
	names, err := w.tree.root.list(dir)
	if err != nil {
		w.add(File{Path: dir, State: Unreadable, Reason: unlisted(err)})
	}
	for _, name := range names {
		f, isDir := w.tree.Look(rooted(dir + "/" + name))
		switch {
		case w.more:
			return
		case !isDir:
			w.add(f)
		case f.Link == "" && depth == maxTreeDepth:
			w.add(File{Path: f.Path, State: Unreadable, Reason: fmt.Sprintf("lies deeper than the %d folders that are searched", maxTreeDepth)})
		case f.Link == "":
			w.folder(f.Path, depth+1)
		}
	}
}

func (w *treeWalk) add(f File) {
	if w.more = len(w.files) >= w.most; !w.more {
		w.files = append(w.files, f)
	}
}

// HoldsNodes reports whether a stream begins as one does that [Clock.GatherStream] or
// [Clock.GatherPaths] reads nodes from, compressed or not: snapshots, or a tar archive.
// Nothing but its beginning is read. It returns what has to be read in place of r.
func HoldsNodes(r io.Reader) (snapshots, archive bool, whole io.Reader) {
	b := bufio.NewReaderSize(r, 4096)
	_, _ = b.Peek(1) // waits for what comes first, and no longer
	start, _ := b.Peek(b.Buffered())
	what, _, _ := recognised(bufio.NewReader(bytes.NewReader(start))) // what cannot be decompressed holds none
	return what == someSnapshots, what == tarArchive, b
}
