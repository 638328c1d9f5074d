package audit

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"time"

	securejoin "github.com/cyphar/filepath-securejoin"
)

// maxFileBytes bounds what is read of one file. The largest honest input, a
// host's whole CA bundle, is a quarter of a mebibyte.
const maxFileBytes = 4 << 20

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

// exists reports whether something lies at the path, readable or not.
func (f File) exists() bool { return f.State != "" && f.State != Missing && f.State != DanglingLink }

// root is a folder that is treated as the node's "/": no path and no link,
// absolute ones included, leads out of it. securejoin resolves the links and
// os.Root opens what they lead to, so that a link that is swapped between the
// two steps is refused rather than followed.
type root struct {
	dir string
	fs  *os.Root
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
	return &root{dir: abs, fs: r}, nil
}

func (r *root) close() error { return r.fs.Close() }

// resolve follows every link of a node's path and returns the path relative to
// the root, "." for the root itself.
func (r *root) resolve(name string) (string, error) {
	host, err := securejoin.SecureJoin(r.dir, name)
	if err != nil {
		return "", err
	}
	return filepath.Rel(r.dir, host)
}

// read returns what lies at a node's path and, for a regular file of a bearable
// size, its bytes. A FIFO or a device is never waited for.
func (r *root) read(name string) (File, []byte) { return r.readUpTo(name, maxFileBytes) }

// readUpTo is read with a bound of its own, in bytes.
func (r *root) readUpTo(name string, most int64) (File, []byte) {
	f := File{Path: path.Clean("/" + name)}
	f.Link = r.link(f.Path)
	rel, err := r.resolve(f.Path)
	if err != nil {
		return f.failed(err), nil
	}
	f.Resolved = path.Join("/", filepath.ToSlash(rel))
	h, err := r.fs.OpenFile(rel, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return r.unopened(f, rel, err), nil
	}
	defer h.Close()
	info, err := h.Stat()
	if err != nil {
		return f.failed(err), nil
	}
	f = f.described(info)
	if !info.Mode().IsRegular() {
		f.State, f.Reason = NotRegular, "is "+kindOf(info.Mode())+", not a regular file"
		return f, nil
	}
	data, err := io.ReadAll(io.LimitReader(h, most+1))
	if err != nil {
		return f.failed(err), nil
	}
	if int64(len(data)) > most {
		f.State, f.Reason = TooLarge, fmt.Sprintf("is larger than %d MiB", most>>20)
		return f, nil
	}
	f.State = Readable
	return f, data
}

// stat describes what lies at a path without reading it, and says whether it is
// a folder.
func (r *root) stat(name string) (f File, isDir bool) {
	f = File{Path: path.Clean("/" + name)}
	f.Link = r.link(f.Path)
	rel, err := r.resolve(f.Path)
	if err != nil {
		return f.failed(err), false
	}
	info, err := r.fs.Stat(rel)
	if err != nil {
		return f.failed(err), false
	}
	f.State = Readable
	return f.described(info), info.IsDir()
}

// link returns the target of the link that lies at a path, or "".
func (r *root) link(name string) string {
	parent, err := r.resolve(path.Dir(name))
	if err != nil {
		return ""
	}
	target, err := r.fs.Readlink(filepath.Join(parent, path.Base(name)))
	if err != nil {
		return ""
	}
	return filepath.ToSlash(target)
}

// unopened describes a file that could not be opened, with the facts that a
// reader without the right to its bytes may still see.
func (r *root) unopened(f File, rel string, cause error) File {
	if info, err := r.fs.Stat(rel); err == nil {
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
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		f.UID, f.GID = s.Uid, s.Gid
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
	case errors.Is(err, fs.ErrPermission):
		f.State, f.Reason = Unreadable, "may not be read by this user"
	default:
		f.State, f.Reason = Unreadable, "cannot be read: "+bareError(err)
	}
	return f
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
	h, err := r.fs.OpenFile(rel, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return ""
	}
	defer h.Close()
	data, err := io.ReadAll(io.LimitReader(h, maxSmall))
	if err != nil {
		return ""
	}
	return string(data)
}

// list returns the names in a folder, sorted; none and no error where there is
// no such folder. A folder with more than maxDirEntries names is an error.
func (r *root) list(name string) ([]string, error) {
	rel, err := r.resolve(name)
	if err != nil {
		return nil, err
	}
	h, err := r.fs.OpenFile(rel, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer h.Close()
	names, err := h.Readdirnames(maxDirEntries + 1)
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ENOTDIR) {
		err = nil
	}
	if err != nil {
		return nil, err
	}
	if len(names) > maxDirEntries {
		return nil, fmt.Errorf("holds more than %d files", maxDirEntries)
	}
	sort.Strings(names)
	return names, nil
}

// hidden reports whether the kubelet and this program pass over a name.
func hidden(name string) bool { return strings.HasPrefix(name, ".") }
