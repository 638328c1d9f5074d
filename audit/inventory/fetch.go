package inventory

import (
	"path"
	"runtime"
	"sync"
	"sync/atomic"

	"certaudit/parsers"
)

const (
	// fetchAtOnce is how many files of a folder are read before the first of them is added.
	fetchAtOnce = 64
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

// batch are files of a folder that are read before their turn.
type batch struct {
	files []fetched
	room  [fetchAtOnce]fetched
}

// mayFetch reports whether files are read before their turn: not those of an archive, which
// are in memory, and not where most are known from the run before.
func (s *scanner) mayFetch() bool {
	_, host := s.root.fs.(hostVolume)
	return s.fetches && host && s.root.cache == nil
}

// fetch begins to read the first of the names in a folder, on all processors, and returns the
// rest of the names. What cannot be read so is looked at in its turn.
func (s *scanner) fetch(b *batch, dir string, names []string) (rest []string) {
	n := min(len(names), fetchAtOnce)
	b.files = b.room[:n]
	for i, name := range names[:n] {
		f := &b.files[i]
		f.file, f.ok, f.parts, f.panicked = File{Path: path.Join(dir, name)}, false, nil, nil
	}
	if n == 0 || !s.mayFetch() {
		return names[n:]
	}
	in, err := s.root.folderAt(dir)
	if err != nil {
		return names[n:]
	}
	for i := range b.files {
		b.files[i].done.Add(1)
	}
	var next, left atomic.Int64
	workers := min(n, runtime.GOMAXPROCS(0))
	left.Store(int64(workers))
	for range workers {
		go func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				s.fetchOne(&b.room[i], in)
			}
			if left.Add(-1) == 0 {
				in.fs.Close()
			}
		}()
	}
	return names[n:]
}

// fetchOne reads a file of an open folder. It shares nothing with others but the count of
// bytes and the certificates that were decoded.
func (s *scanner) fetchOne(f *fetched, in *folder) {
	defer f.done.Done()
	defer func() { f.panicked = recover() }() // it is the caller's, who may bear it
	name, base := f.file.Path, nameIn(f.file.Path)
	if s.sets && mayHoldNodes(base, false) {
		return
	}
	if info, err := in.fs.Lstat(base); err != nil || !info.Mode().IsRegular() || info.Size() > maxFetched {
		return
	}
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
	f.data, err = readAll(h, f.data[:0], info.Size(), maxFetched)
	if err != nil || len(f.data) > maxFetched {
		s.held.Add(-info.Size())
		clear(f.data)
		return
	}
	f.ok, f.seen, f.file = true, s.root.markOf(info, ""), f.file.described(info)
	f.file.State, f.file.Resolved = Readable, in.leadTo(name, base)
	if isMaterial(name, f.data) && parsers.IsPEM(f.data) && !IsSnapshot(f.data) {
		f.parts = s.decoded(s.shown(name), f.data, nil)
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
