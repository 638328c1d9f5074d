package inventory

import (
	"path"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"certaudit/parsers"
)

const (
	// fetchAtOnce is how many files of a folder are read before the first of them is added.
	fetchAtOnce = 64
	// maxFetched bounds the bytes of a file that is read before its turn.
	maxFetched = 128 << 10
	// maxWithin bounds the files in folders within folders that are read before their turn.
	maxWithin = 4096
	// withinDepth is how many of these folders lie within each other: each is open.
	withinDepth = 3
)

// fetched is a file that was read, and decoded if it is PEM, before its turn. Once done it
// is there, or what fetching it panicked with.
type fetched struct {
	done sync.WaitGroup
	// ok: it is a plain file that could be read; any other is looked at in its turn.
	ok   bool
	file File
	seen mark
	// data is what a file that was not decoded holds.
	data  []byte
	parts []parsers.Found
	// names are those in the folder that it is, sorted, and within the first files of it that
	// are looked at; nil where they are not read before their turn.
	names    []string
	within   []fetched
	panicked any
}

// batch are files of a folder that are read before their turn.
type batch struct{ files []fetched }

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
	if cap(b.files) < n {
		b.files = make([]fetched, n)
	}
	files := b.files[:n]
	b.files = files
	for i, name := range names[:n] {
		f := &files[i]
		f.file, f.ok, f.data = File{Path: path.Join(dir, name)}, false, f.data[:0]
		f.parts, f.names, f.within, f.panicked = nil, nil, nil, nil
	}
	if n == 0 || !s.mayFetch() {
		return names[n:]
	}
	in, err := s.root.folderAt(dir)
	if err != nil {
		return names[n:]
	}
	for i := range files {
		files[i].done.Add(1)
	}
	var next, left atomic.Int64
	workers := min(n, runtime.GOMAXPROCS(0))
	left.Store(int64(workers))
	for range workers {
		go func() {
			r := fetcher{scanner: s}
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				r.fetchOne(&files[i], in, 0)
			}
			if left.Add(-1) == 0 {
				in.fs.Close()
			}
		}()
	}
	return names[n:]
}

// fetcher reads files before their turn. It shares nothing with others of its scanner but
// what is counted and the certificates that were decoded.
type fetcher struct {
	*scanner
	buffer []byte
}

// fetchOne reads a file of an open folder, which lies so many folders deep in that of the batch.
func (r *fetcher) fetchOne(f *fetched, in *folder, depth int) {
	defer f.done.Done()
	defer func() { f.panicked = recover() }() // it is the caller's, who may bear it
	base := nameIn(f.file.Path)
	if r.sets && mayHoldNodes(base, false) {
		return
	}
	switch info, err := in.fs.Lstat(base); {
	case err != nil:
	case info.IsDir() && depth < withinDepth:
		r.fetchWithin(f, in, base, depth+1)
	case info.Mode().IsRegular() && info.Size() <= maxFetched:
		r.fetchFile(f, in, base)
	}
}

func (r *fetcher) fetchFile(f *fetched, in *folder, base string) {
	h, err := in.fs.open(base)
	if err != nil {
		return
	}
	defer h.Close()
	info, err := h.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxFetched {
		return
	}
	data, err := readAll(h, r.buffer[:0], info.Size(), maxFetched)
	r.buffer = data
	defer clear(data)
	if err != nil || len(data) > maxFetched {
		return
	}
	f.seen, f.file = r.root.markOf(info, ""), f.file.described(info)
	f.file.State, f.file.Resolved = Readable, in.leadTo(f.file.Path, base)
	switch {
	case isMaterial(f.file.Path, data) && parsers.IsPEM(data) && !IsSnapshot(data):
		f.parts = r.decoded(r.shown(f.file.Path), data, nil)
	case r.held.Add(int64(len(data))) > maxAhead:
		r.held.Add(-int64(len(data)))
		return
	default:
		f.data = append(f.data[:0], data...)
	}
	f.ok = true
}

// fetchWithin reads the first files of a folder that is no node's.
func (r *fetcher) fetchWithin(f *fetched, in *folder, base string, depth int) {
	if r.within.Load() >= maxWithin {
		return
	}
	sub, err := in.fs.below(base)
	if err != nil {
		return
	}
	defer sub.Close()
	h, err := sub.open(".")
	if err != nil {
		return
	}
	names, err := h.Readdirnames(maxDirEntries + 1)
	h.Close()
	if err != nil || len(names) > maxDirEntries || r.node != nil && likeTree(names, func(string) bool { return true }) {
		return
	}
	slices.Sort(names)
	f.names, names = names, r.searched(f.file.Path, slices.Clone(names))
	n := min(len(names), fetchAtOnce)
	if r.within.Add(int64(n)) > maxWithin {
		r.within.Add(-int64(n))
		return
	}
	f.within = make([]fetched, n)
	for i := range f.within {
		one := &f.within[i]
		one.file.Path = path.Join(f.file.Path, names[i])
		one.done.Add(1)
		r.fetchOne(one, &folder{f.file.Path, in.leadTo(f.file.Path, base), sub}, depth)
	}
}

// take waits for a file, and reports whether it was read before its turn.
func (s *scanner) take(f *fetched) bool {
	f.done.Wait()
	if f.panicked != nil {
		panic(f.panicked)
	}
	if f.ok && f.parts == nil {
		s.held.Add(-int64(len(f.data)))
	}
	return f.ok
}

// turned returns what was read of a folder whose turn it is: the names in it, and the first of
// its files. ok is false for nothing.
func (s *scanner) turned() (names []string, files []fetched, ok bool) {
	f := s.inner
	s.inner = nil
	if f == nil || f.names == nil {
		return nil, nil, false
	}
	names, files = f.names, f.within
	f.names, f.within = nil, nil
	return names, files, true
}

// leaveOut takes files of a folder whose turn does not come.
func (s *scanner) leaveOut(files []fetched) {
	s.within.Add(-int64(len(files)))
	for i := range files {
		if f := &files[i]; f.panicked == nil && s.take(f) {
			clear(f.data)
		}
		s.leaveOut(files[i].within)
	}
}
