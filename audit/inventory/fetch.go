package inventory

import (
	"path"
	"runtime"
	"sync/atomic"

	"certaudit/parsers"
)

const (
	// fetchAtOnce is how many files of a folder are read before the first of them is added.
	fetchAtOnce = 32
	// maxFetched bounds the bytes of a file that is read before its turn.
	maxFetched = 128 << 10
)

// fetched is a file that was read, and decoded if it is PEM, before its turn. Once done is
// closed it is there, or what fetching it panicked with.
type fetched struct {
	done chan struct{}
	// ok: it is a plain file that could be read; any other is looked at in its turn.
	ok       bool
	seen     mark
	file     File
	opened   mark
	data     []byte
	parts    []parsers.Found
	panicked any
}

// mayFetch reports whether files are read before their turn: not those of an archive, which
// are in memory, and not where most are known from the run before.
func (s *scanner) mayFetch() bool {
	_, host := s.root.fs.(hostVolume)
	return s.fetches && host && s.root.cache == nil
}

// fetch begins to read some files of a folder, on all processors. Where that cannot be done,
// there is none for a name, which is looked at in its turn.
func (s *scanner) fetch(dir string, names []string) []*fetched {
	all := make([]*fetched, len(names))
	if !s.mayFetch() || len(names) == 0 {
		return all
	}
	in, err := s.root.folderAt(dir)
	if err != nil {
		return all
	}
	for i, n := range names {
		if !s.sets || !mayHoldNodes(n, false) {
			all[i] = &fetched{done: make(chan struct{})}
		}
	}
	var next, left atomic.Int64
	workers := min(len(names), runtime.GOMAXPROCS(0))
	left.Store(int64(workers))
	for range workers {
		go func() {
			for i := int(next.Add(1)) - 1; i < len(all); i = int(next.Add(1)) - 1 {
				if all[i] != nil {
					s.fetchOne(all[i], in, path.Join(dir, names[i]))
				}
			}
			if left.Add(-1) == 0 {
				in.fs.Close()
			}
		}()
	}
	return all
}

// fetchOne reads a file of an open folder. It shares nothing with others but the count of
// bytes.
func (s *scanner) fetchOne(f *fetched, in *folder, name string) {
	defer close(f.done)
	defer func() { f.panicked = recover() }() // it is the caller's, who may bear it
	base := nameIn(name)
	info, err := in.fs.Lstat(base)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxFetched {
		return
	}
	f.seen = s.root.markOf(info, "")
	f.file = File{Path: name, Resolved: in.leadTo(name, base)}
	h, err := in.fs.open(base)
	if err != nil {
		return
	}
	defer h.Close()
	if info, err = h.Stat(); err != nil || !info.Mode().IsRegular() || info.Size() > maxFetched {
		return
	}
	if s.held.Add(info.Size()) > maxAhead {
		s.held.Add(-info.Size())
		return
	}
	f.file, f.opened = f.file.described(info), s.root.markOf(info, "")
	f.file.State = Readable
	f.data, err = readAll(h, info.Size(), maxFetched)
	if err != nil || len(f.data) > maxFetched {
		s.held.Add(-info.Size())
		clear(f.data)
		return
	}
	f.ok = true
	if isMaterial(name, f.data) && parsers.IsPEM(f.data) {
		f.parts = parsers.ParseFound(parsers.Origin{Path: s.shown(name)}, f.data, nil)
	}
}

// take waits for a file, and returns nil for one that is to be looked at in its turn.
func (s *scanner) take(f *fetched) *fetched {
	if f == nil {
		return nil
	}
	<-f.done
	if f.panicked != nil {
		panic(f.panicked)
	}
	if !f.ok {
		return nil
	}
	s.held.Add(-f.file.Size)
	return f
}
