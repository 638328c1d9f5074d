package inventory

import (
	"bytes"
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
	"syscall"
	"time"

	securejoin "github.com/cyphar/filepath-securejoin"
)

// MaxFileBytes bounds what is read of one file. The largest honest input, a
// host's whole CA bundle, is a quarter of a mebibyte.
const MaxFileBytes = 4 << 20

// maxDirEntries bounds the listing of one folder; a kubelet that rotates
// hourly for a year leaves 8760 files.
const maxDirEntries = 20000

// FileState says what lies at a path.
type FileState string

// The states of a file. All but [Readable] mean that nothing was read.
const (
	Readable     FileState = "readable"
	Missing      FileState = "missing"
	DanglingLink FileState = "dangling-link"
	LinkLoop     FileState = "link-loop"
	Unreadable   FileState = "unreadable"
	NotRegular   FileState = "not-regular"
	TooLarge     FileState = "too-large"
)

// File is what is known of one path of a node.
type File struct {
	Path  string    `json:"path"`
	State FileState `json:"state"`
	// Reason says why nothing was read, in words.
	Reason string `json:"reason,omitempty"`
	// Link is the target as the link says it, where Path itself is one.
	Link string `json:"link,omitempty"`
	// Resolved is the path that all links lead to, inside the root.
	Resolved string      `json:"resolved,omitempty"`
	Mode     fs.FileMode `json:"mode,omitempty"`
	UID      uint32      `json:"uid,omitempty"`
	GID      uint32      `json:"gid,omitempty"`
	Size     int64       `json:"size,omitempty"`
	ModTime  time.Time   `json:"modTime,omitzero"`
}

// Exists reports whether something lies at the path, readable or not.
func (f File) Exists() bool { return f.State != "" && f.State != Missing && f.State != DanglingLink }

// root is a folder that is treated as the node's "/": no path and no link,
// absolute ones included, leads out of it. securejoin resolves the links and
// os.Root opens what they lead to, so that a link that is swapped between the
// two steps is refused rather than followed.
type root struct {
	// dir is the folder's path on its volume, and links how links are looked at there; nil
	// for the host's.
	dir   string
	fs    volume
	links securejoin.VFS
	// last is the folder that was looked into last; most questions in a row are
	// about one.
	last *folder
	// cache is what is known of the run before, nil for nothing, and seen what
	// this one looks at.
	cache *Cache
	seen  map[string]mark
	// now is the clock of the marks; nil where none are kept.
	now func() time.Time
	// late is as of [Clock].
	late func() bool
	// passwords are as of [Clock].
	passwords []string
	// cut is that of the archive that the root lies in; "" for none.
	cut string
}

// folder is an open folder: its path of the node, and where its links lead.
type folder struct {
	name, resolved string
	fs             volume
}

func openRoot(dir string) (*root, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	abs, err = filepath.EvalSymlinks(abs)
	if err != nil {
		return nil, err
	}
	r, err := os.OpenRoot(abs)
	if err != nil {
		return nil, err
	}
	return &root{dir: abs, fs: hostVolume{r}}, nil
}

func (r *root) close() error {
	r.leave()
	return r.fs.Close()
}

// leave closes the folder that was looked into last.
func (r *root) leave() {
	if r.last != nil {
		r.last.fs.Close()
		r.last = nil
	}
}

// into opens a folder, unless it is the one that was opened last.
func (r *root) into(name string) (*folder, error) {
	if r.last != nil && r.last.name == name {
		return r.last, nil
	}
	r.leave()
	in, err := r.folderAt(name)
	if err != nil {
		return nil, err
	}
	r.last = in
	return in, nil
}

// folderAt opens a folder for whoever closes it.
func (r *root) folderAt(name string) (*folder, error) {
	rel, err := r.resolve(name)
	if err != nil {
		return nil, err
	}
	sub, err := r.fs.below(rel)
	if err != nil {
		return nil, err
	}
	return &folder{name, path.Join("/", filepath.ToSlash(rel)), sub}, nil
}

// isFolder reports whether a folder lies at a path of the host.
func isFolder(host string) bool {
	info, err := os.Stat(host)
	return err == nil && info.IsDir()
}

// resolve follows every link of a node's path and returns the path relative to
// the root, "." for the root itself.
func (r *root) resolve(name string) (string, error) {
	host, err := securejoin.SecureJoinVFS(r.dir, name, r.links)
	if err != nil {
		return "", err
	}
	return filepath.Rel(r.dir, host)
}

// read returns what lies at a node's path and, for a regular file of at most
// [MaxFileBytes], its bytes. A FIFO or a device is never waited for.
func (r *root) read(name string) (File, []byte) { return r.readUpTo(name, MaxFileBytes) }

// readUpTo is read with a bound of its own, in bytes.
func (r *root) readUpTo(name string, most int64) (File, []byte) {
	f, in, base, err := r.find(name)
	if err != nil {
		f = f.failed(err)
		r.note(f.Path, mark{failure: f.Reason, link: f.Link})
		return f, nil
	}
	if r.late != nil && r.late() {
		f.State, f.Reason = Unreadable, "was not read: the audit had to end"
		return f, nil
	}
	h, err := in.open(base)
	if err != nil {
		r.stat(name)
		return unopened(f, in, base, err), nil
	}
	defer h.Close()
	info, err := h.Stat()
	if err != nil {
		return f.failed(err), nil
	}
	f = f.described(info)
	r.note(f.Path, r.markOf(info, f.Link))
	if !info.Mode().IsRegular() {
		f.State, f.Reason = NotRegular, "is "+kindOf(info.Mode())+", not a regular file"
		return f, nil
	}
	if r.cache != nil {
		r.cache.reads++
	}
	var data []byte
	if info.Size() <= most { // a file of the proc file system has none
		if data, err = readAll(h, nil, info.Size(), most); err != nil {
			return f.failed(err), nil
		}
	}
	if max(info.Size(), int64(len(data))) > most {
		f.State, f.Reason = TooLarge, fmt.Sprintf("is larger than %d MiB", most>>20)
		return f, nil
	}
	f.State = Readable
	return f, data
}

// readAll reads a file of about a size, into a buffer where that is large enough, and of
// one that is too large only so much that it shows.
func readAll(h io.Reader, buffer []byte, size, most int64) ([]byte, error) {
	b := bytes.NewBuffer(slices.Grow(buffer, int(min(max(size, 0), most))+bytes.MinRead))
	_, err := b.ReadFrom(io.LimitReader(h, most+1))
	return b.Bytes(), err
}

// find returns the folder that a node's path leads to, the name in it, and what
// the path says of itself. A link is followed by resolving the path as a whole,
// and so is a path whose folder cannot be opened.
func (r *root) find(name string) (f File, in volume, base string, err error) {
	name = rooted(name)
	dir, _ := r.into(path.Dir(name))
	return r.findIn(dir, name)
}

// findIn is find for a clean path whose folder is open; nil for one that cannot be.
func (r *root) findIn(dir *folder, name string) (f File, in volume, base string, err error) {
	f = File{Path: name}
	if dir != nil {
		base = nameIn(f.Path)
		target, err := dir.fs.Readlink(base)
		if errors.Is(err, syscall.EINVAL) || errors.Is(err, fs.ErrNotExist) {
			f.Resolved = dir.leadTo(f.Path, base)
			return f, dir.fs, base, nil
		}
		f.Link = filepath.ToSlash(target)
	}
	rel, err := r.resolve(f.Path)
	if err != nil {
		return f, nil, "", err
	}
	f.Resolved = path.Join("/", filepath.ToSlash(rel))
	return f, r.fs, rel, nil
}

// rooted is the clean path of a node that a name stands for.
func rooted(name string) string {
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	return path.Clean("/" + name)
}

// leadTo is where the links of a folder lead a path in it.
func (f *folder) leadTo(name, base string) string {
	if f.resolved == f.name {
		return name
	}
	return path.Join(f.resolved, base)
}

// nameIn is the name that a clean path has in its folder, "." for the root.
func nameIn(name string) string { return cmp.Or(baseName(name), ".") }

// stat describes what lies at a path without reading it, and says whether it is
// a folder.
func (r *root) stat(name string) (f File, isDir bool) {
	f, isDir, s := r.look(name)
	r.note(f.Path, s)
	return f, isDir
}

// look is stat with the mark.
func (r *root) look(name string) (f File, isDir bool, s mark) {
	f.Path = rooted(name)
	dir, err := r.into(path.Dir(f.Path))
	if err == nil {
		base := nameIn(f.Path)
		if info, err := dir.fs.Lstat(base); err == nil && info.Mode()&fs.ModeSymlink == 0 {
			f.State, f.Resolved = Readable, dir.leadTo(f.Path, base)
			return f.described(info), info.IsDir(), r.markOf(info, "")
		}
	}
	f, in, base, err := r.findIn(dir, f.Path)
	if err == nil {
		var info fs.FileInfo
		if info, err = in.Stat(base); err == nil {
			f.State = Readable
			return f.described(info), info.IsDir(), r.markOf(info, f.Link)
		}
	}
	f = f.failed(err)
	return f, false, mark{failure: f.Reason, link: f.Link}
}

// link returns the target of the link that lies at a path, or "".
func (r *root) link(name string) string {
	f, _ := r.stat(name)
	return f.Link
}

// unopened describes a file that could not be opened, with the facts that a
// reader without the right to its bytes may still see.
func unopened(f File, in volume, base string, cause error) File {
	if info, err := in.Stat(base); err == nil {
		f = f.described(info)
		if !info.Mode().IsRegular() {
			f.State, f.Reason = NotRegular, "is "+kindOf(info.Mode())+", not a regular file"
			return f
		}
	}
	return f.failed(cause)
}

func (f File) described(info fs.FileInfo) File {
	f.Mode, f.Size, f.ModTime = info.Mode(), info.Size(), info.ModTime().UTC()
	if e, ok := info.(*archived); ok {
		f.UID, f.GID = e.uid, e.gid
	} else {
		f.UID, f.GID = ownerOf(info)
	}
	return f
}

func (f File) failed(err error) File {
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
		f.State, f.Reason = Missing, "does not exist"
		if f.Link != "" {
			f.State, f.Reason = DanglingLink, fmt.Sprintf("is a link to %q, which does not exist", f.Link)
		}
	case errors.Is(err, syscall.ELOOP):
		f.State, f.Reason = LinkLoop, "is a link that leads back to itself"
	default:
		f.State, f.Reason = Unreadable, unreadable(err)
	}
	return f
}

// What is said of a file and of a folder that this user has no right to.
const (
	deniedRead = "may not be read by this user"
	deniedList = "may not be listed by this user"
)

// Denied reports whether it was for want of rights that nothing was read.
func (f File) Denied() bool { return f.State == Unreadable && f.Reason == deniedRead }

// Denied reports whether it is for want of rights that there is a problem.
func (p InputProblem) Denied() bool {
	return p.Kind == KindUnreadable && (p.Detail == deniedRead || p.Detail == deniedList)
}

// unreadable says why what a file holds is not known.
func unreadable(err error) string {
	if errors.Is(err, fs.ErrPermission) {
		return deniedRead
	}
	return "cannot be read: " + bareError(err)
}

// unlisted says why the names in a folder are not known.
func unlisted(err error) string {
	if errors.Is(err, fs.ErrPermission) {
		return deniedList
	}
	return "cannot be listed: " + bareError(err)
}

// bareError drops the operation and the path, which on a tree copied from a
// node would be this machine's and not the node's.
func bareError(err error) string {
	var perr *fs.PathError
	if errors.As(err, &perr) {
		return perr.Err.Error()
	}
	return err.Error()
}

func kindOf(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a folder"
	case m&fs.ModeNamedPipe != 0:
		return "a FIFO"
	case m&fs.ModeSocket != 0:
		return "a socket"
	case m&fs.ModeDevice != 0:
		return "a device"
	}
	return "special"
}

// maxSmall bounds a file of the proc file system that is read by small.
const maxSmall = 4096

// small returns the beginning of a file whose path, relative to the root, holds
// no links; "" where it cannot be read.
func (r *root) small(rel string) string {
	data, err := r.proc(rel, maxSmall)
	if err != nil {
		return ""
	}
	return string(data[:min(len(data), maxSmall)])
}

// list returns the names in a folder, sorted; none and no error where there is
// no such folder. A folder with more than maxDirEntries names is an error.
func (r *root) list(name string) ([]string, error) { return r.listUpTo(name, maxDirEntries) }

// listUpTo is list with a bound of its own.
func (r *root) listUpTo(name string, most int) ([]string, error) {
	if f, _ := r.stat(name); f.State == Missing {
		return nil, nil
	}
	_, in, base, err := r.find(name)
	if err != nil {
		return nil, err
	}
	h, err := in.open(base)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer h.Close()
	names, err := h.Readdirnames(most + 1)
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ENOTDIR) {
		err = nil
	}
	if err != nil {
		return nil, err
	}
	if len(names) > most {
		return nil, fmt.Errorf("holds more than %d files", most)
	}
	slices.Sort(names)
	return names, nil
}

// hidden reports whether the kubelet and this program pass over a name.
func hidden(name string) bool { return strings.HasPrefix(name, ".") }
