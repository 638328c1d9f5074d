package inventory

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// archiveBounds bound what an archive takes.
type archiveBounds struct {
	// entries: a whole host has a third of a million.
	entries int
	// kept are the mebibytes that are kept in memory of what files hold. Those of a node that
	// matter have less than one.
	kept int
	// unpacked are the mebibytes that an archive holds, unpacked.
	unpacked int64
}

var honestArchive = archiveBounds{entries: 500_000, kept: 256, unpacked: 8 << 10}

// archive is a tar archive in memory: all names, and what small files hold. It is a file
// system whose links lead nowhere else; nothing of it is written to a disk.
type archive struct {
	// entries are by their clean path, "/etc/hostname".
	entries map[string]*archived
	// cut says why there may have been more, so that nothing is called missing for not being
	// there; "" for a whole archive.
	cut string
	// faults are what was wrong with single entries.
	faults []string
	most   archiveBounds
}

// archived is one entry.
type archived struct {
	name     string
	size     int64
	mode     fs.FileMode
	modified time.Time
	uid, gid uint32
	// link is what a symbolic link says.
	link string
	data []byte
	// lost says why data is not there; "" where it is.
	lost string
	// names are those in a folder.
	names []string
}

func (e *archived) Name() string       { return e.name }
func (e *archived) Size() int64        { return e.size }
func (e *archived) Mode() fs.FileMode  { return e.mode }
func (e *archived) ModTime() time.Time { return e.modified }
func (e *archived) IsDir() bool        { return e.mode.IsDir() }
func (e *archived) Sys() any           { return nil }

// readArchive reads a tar archive. It fails where the first entry is none; of one that is
// damaged later, what came before is there.
func readArchive(stream io.Reader, late func() bool, most archiveBounds) (*archive, error) {
	a := &archive{entries: map[string]*archived{}, most: most}
	bounded := &io.LimitedReader{R: stream, N: most.unpacked << 20}
	watched := &watchedEnd{r: bounded}
	t := tar.NewReader(watched)
	kept, out := 0, []string{}
	for first := true; ; first = false {
		h, err := t.Next()
		if first && err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if a.cut = a.end(err, bounded.N, late); err != nil || a.cut != "" {
			break
		}
		switch {
		case h.Typeflag == tar.TypeXGlobalHeader:
		case leadsOut(h.Name):
			out = append(out, h.Name)
		default:
			n, err := a.add(h, t, most.kept<<20-kept)
			if kept += n; err != nil {
				a.cut = damagedArchive + err.Error()
			}
		}
	}
	if a.cut == "" {
		a.behind(watched, late)
	}
	if len(out) > 0 {
		a.faults = append(a.faults, fmt.Sprintf("%d names lead out of the archive and were passed over, the first is %q", len(out), out[0]))
	}
	a.fill()
	return a, nil
}

// damagedArchive begins what is said of one that cannot be read to its end.
const damagedArchive = "the archive is damaged or cut off: "

// watchedEnd is a stream that says whether its end was met.
type watchedEnd struct {
	r   io.Reader
	met bool
}

func (w *watchedEnd) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	w.met = w.met || n == 0 && errors.Is(err, io.EOF)
	return n, err
}

// behind looks at what follows the last entry. An archive ends with two blocks of zeros
// (POSIX.1-2024 pax, ustar Interchange Format), for want of which package tar takes one
// that is cut off between two entries for whole. Padding may follow, and what shows that
// a compressed stream is damaged; another archive is not read.
func (a *archive) behind(r *watchedEnd, late func() bool) {
	if r.met {
		a.cut = damagedArchive + "its end is not there"
		return
	}
	for block := make([]byte, 32<<10); late == nil || !late(); {
		n, err := r.Read(block)
		switch {
		case len(bytes.Trim(block[:n], "\x00")) > 0:
			a.faults = append(a.faults, "something follows the end of the archive, and was not read; give each archive as a file of its own")
			return
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			a.cut = damagedArchive + err.Error()
			return
		}
	}
}

// end says why an archive is not read further although it may go on; "" where it goes
// on, or is whole.
func (a *archive) end(err error, left int64, late func() bool) string {
	switch {
	case left <= 0:
		return fmt.Sprintf("the archive holds more than %d MiB, and the rest was not read", a.most.unpacked)
	case err != nil && !errors.Is(err, io.EOF):
		return damagedArchive + err.Error()
	case err == nil && len(a.entries) >= a.most.entries:
		return fmt.Sprintf("the archive holds more than %d files, and the rest was not read", a.most.entries)
	case err == nil && late != nil && late():
		return "the archive was not read to its end: the audit had to end"
	}
	return ""
}

// add keeps an entry, and at most so many bytes of what it holds; it returns how many
// these are. The last entry of a name is the one that counts.
func (a *archive) add(h *tar.Header, r io.Reader, most int) (kept int, err error) {
	info := h.FileInfo()
	name := path.Clean("/" + h.Name)
	e := &archived{name: path.Base(name), size: info.Size(), mode: info.Mode(), modified: h.ModTime,
		uid: uint32(h.Uid), gid: uint32(h.Gid), link: h.Linkname}
	switch {
	case h.Typeflag == tar.TypeLink:
		e = a.linked(h, e)
	case !e.mode.IsRegular() || e.size == 0:
	case e.size > MaxFileBytes:
		e.lost = "is too large to be kept of an archive"
	case e.size > int64(most):
		e.lost = fmt.Sprintf("was not kept: the files before it in the archive hold %d MiB", a.most.kept)
	default:
		e.data = make([]byte, e.size)
		if _, err = io.ReadFull(r, e.data); err != nil {
			e.data, e.lost = nil, "is where the archive is damaged or cut off"
		}
	}
	a.entries[name] = e
	return len(e.data), err
}

// leadsOut reports whether a name of an archive is not of something in it, so that tar
// refuses to unpack it too.
func leadsOut(name string) bool { return slices.Contains(strings.Split(name, "/"), "..") }

// linked is the entry that a hard link is another name of.
func (a *archive) linked(h *tar.Header, e *archived) *archived {
	target, ok := a.entries[path.Clean("/"+h.Linkname)]
	if !ok || target.mode.IsDir() || leadsOut(h.Linkname) {
		e.lost, e.link = fmt.Sprintf("is the same file as %q, which the archive does not hold before it", h.Linkname), ""
		return e
	}
	same := *target
	same.name = e.name
	return &same
}

// fill adds the folders that entries lie in, and lists the names in each folder.
func (a *archive) fill() {
	for _, name := range append(slices.Collect(maps.Keys(a.entries)), "/x") {
		for dir := path.Dir(name); a.entries[dir] == nil; dir = path.Dir(dir) {
			a.entries[dir] = &archived{name: path.Base(dir), mode: fs.ModeDir | 0o755}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.entries)) {
		if dir := a.entries[path.Dir(name)]; name != "/" {
			dir.names = append(dir.names, path.Base(name))
		}
	}
}

// root is a folder of the archive as the root of what is read.
func (a *archive) root(dir string) *root {
	return &root{dir: filepath.FromSlash(dir), fs: archiveFolder{a, dir}, links: a}
}

// at returns the entry of a path.
func (a *archive) at(name string) (*archived, error) {
	name = path.Clean("/" + filepath.ToSlash(name))
	if e, ok := a.entries[name]; ok {
		return e, nil
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// Lstat describes what lies at a path.
func (a *archive) Lstat(name string) (fs.FileInfo, error) {
	e, err := a.at(name)
	if err != nil {
		return nil, err
	}
	return e, nil
}

// Readlink returns what a symbolic link says.
func (a *archive) Readlink(name string) (string, error) {
	e, err := a.at(name)
	if err == nil && e.mode&fs.ModeSymlink == 0 {
		err = &fs.PathError{Op: "readlink", Path: name, Err: syscall.EINVAL}
	}
	if err != nil {
		return "", err
	}
	return e.link, nil
}

// archiveFolder is a folder of an archive. The links on the way to a name were followed
// before one comes here.
type archiveFolder struct {
	*archive
	dir string
}

func (f archiveFolder) Lstat(name string) (fs.FileInfo, error) {
	return f.archive.Lstat(path.Join(f.dir, filepath.ToSlash(name)))
}

func (f archiveFolder) Stat(name string) (fs.FileInfo, error) { return f.Lstat(name) }

func (f archiveFolder) Readlink(name string) (string, error) {
	return f.archive.Readlink(path.Join(f.dir, filepath.ToSlash(name)))
}

func (f archiveFolder) below(name string) (volume, error) {
	dir := path.Join(f.dir, filepath.ToSlash(name))
	e, err := f.at(dir)
	switch {
	case err != nil:
		return nil, err
	case !e.IsDir():
		return nil, &fs.PathError{Op: "open", Path: dir, Err: syscall.ENOTDIR}
	}
	return archiveFolder{f.archive, dir}, nil
}

func (f archiveFolder) open(name string) (handle, error) {
	e, err := f.at(path.Join(f.dir, filepath.ToSlash(name)))
	switch {
	case err != nil:
		return nil, err
	case e.lost != "" && e.size <= MaxFileBytes:
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New(e.lost)}
	}
	return &archiveHandle{archived: e}, nil
}

func (f archiveFolder) Close() error { return nil }

// archiveHandle reads an entry.
type archiveHandle struct {
	*archived
	read int
}

func (h *archiveHandle) Stat() (fs.FileInfo, error) { return h.archived, nil }
func (h *archiveHandle) Close() error               { return nil }

func (h *archiveHandle) Read(p []byte) (int, error) {
	switch {
	case h.lost != "" && h.read == 0:
		return 0, errors.New(h.lost)
	case h.read >= len(h.data):
		return 0, io.EOF
	}
	n := copy(p, h.data[h.read:])
	h.read += n
	return n, nil
}

// Readdirnames returns the names in a folder, at most n.
func (h *archiveHandle) Readdirnames(n int) ([]string, error) {
	if !h.IsDir() {
		return nil, syscall.ENOTDIR
	}
	return slices.Clone(h.names[:min(n, len(h.names))]), nil
}
