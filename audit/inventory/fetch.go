package inventory

import (
	"io/fs"
	"path"
	"runtime"
	"sync"
	"sync/atomic"

	"certaudit/parsers"
)

const (
	// fetchAtOnce is how many files of a folder are read before the first of them is added.
	fetchAtOnce = 32
	// maxFetched bounds the bytes of a file that is read before its turn.
	maxFetched = 128 << 10
)

// fetched is a file that was read, and decoded if it is PEM, before its turn. Once done it
// is there, or what fetching it panicked with.
type fetched struct {
	done sync.WaitGroup
	// ok: it is a plain file that could be read; any other is looked at in its turn.
	ok       bool
	file     File
	seen     mark
	data     []byte
	parts    []parsers.Found
	panicked any
}

// batch are files that are read before their turn.
type batch struct {
	files [fetchAtOnce]fetched
	// names are those of the files, in the order in which they are looked at.
	names []string
}

// mayFetch reports whether files are read before their turn: not those of an archive, which
// are in memory, and not where most are known from the run before.
func (s *scanner) mayFetch() bool {
	_, host := s.root.fs.(hostVolume)
	return s.fetches && host && s.root.cache == nil
}

// fetch begins to read the first of what lies in a folder, on all processors, and returns the
// rest. What cannot be read so is looked at in its turn.
func (s *scanner) fetch(b *batch, dir string, entries []fs.DirEntry) (rest []fs.DirEntry) {
	n := min(len(entries), fetchAtOnce)
	b.names = b.names[:0]
	var plain []*fetched
	for i, e := range entries[:n] {
		f := &b.files[i]
		f.ok, f.parts, f.panicked = false, nil, nil
		f.file = File{Path: path.Join(dir, e.Name())}
		b.names = append(b.names, f.file.Path)
		if e.Type().IsRegular() && !(s.sets && mayHoldNodes(e.Name(), false)) {
			plain = append(plain, f)
		}
	}
	if !s.mayFetch() || len(plain) == 0 {
		return entries[n:]
	}
	in, err := s.root.folderAt(dir)
	if err != nil {
		return entries[n:]
	}
	for _, f := range plain {
		f.done.Add(1)
	}
	var next, left atomic.Int64
	workers := min(len(plain), runtime.GOMAXPROCS(0))
	left.Store(int64(workers))
	for range workers {
		go func() {
			for i := int(next.Add(1)) - 1; i < len(plain); i = int(next.Add(1)) - 1 {
				s.fetchOne(plain[i], in)
			}
			if left.Add(-1) == 0 {
				in.fs.Close()
			}
		}()
	}
	return entries[n:]
}

// fetchOne reads a file of an open folder. It shares nothing with others but the count of
// bytes.
func (s *scanner) fetchOne(f *fetched, in *folder) {
	defer f.done.Done()
	defer func() { f.panicked = recover() }() // it is the caller's, who may bear it
	base := nameIn(f.file.Path)
	h, err := in.fs.open(base)
	if err != nil {
		return
	}
	defer h.Close()
	info, err := h.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxFetched {
		return
	}
	if s.held.Add(info.Size()) > maxAhead {
		s.held.Add(-info.Size())
		return
	}
	f.file, f.seen = f.file.described(info), s.root.markOf(info, "")
	f.file.State, f.file.Resolved = Readable, in.leadTo(f.file.Path, base)
	f.data, err = readAll(h, f.data[:0], info.Size(), maxFetched)
	if err != nil || len(f.data) > maxFetched {
		s.held.Add(-info.Size())
		clear(f.data)
		return
	}
	f.ok = true
	if isMaterial(f.file.Path, f.data) && parsers.IsPEM(f.data) {
		f.parts = parsers.ParseFound(parsers.Origin{Path: s.shown(f.file.Path)}, f.data, nil)
	}
}

// take waits for a file, and reports whether it was read before its turn.
func (s *scanner) take(f *fetched) bool {
	f.done.Wait()
	if f.panicked != nil {
		panic(f.panicked)
	}
	if f.ok {
		s.held.Add(-f.file.Size)
	}
	return f.ok
}
