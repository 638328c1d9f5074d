package inventory

import (
	"io"
	"io/fs"
	"os"
)

// volume is a file system, or a folder of one: of the host, or of an archive. Names are
// relative to it, and no link leads out.
type volume interface {
	Lstat(name string) (fs.FileInfo, error)
	Stat(name string) (fs.FileInfo, error)
	Readlink(name string) (string, error)
	// open opens a file or folder for reading, and waits for nothing.
	open(name string) (handle, error)
	// below opens a folder.
	below(name string) (volume, error)
	Close() error
}

// handle is an open file or folder.
type handle interface {
	io.ReadCloser
	Stat() (fs.FileInfo, error)
	Readdirnames(n int) ([]string, error)
}

// hostVolume is a folder of this machine.
type hostVolume struct{ *os.Root }

func (v hostVolume) open(name string) (handle, error) {
	h, err := v.OpenFile(name, openFlags, 0)
	if err != nil {
		return nil, err // no handle, rather than one of nothing
	}
	return h, nil
}

func (v hostVolume) below(name string) (volume, error) {
	sub, err := v.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	return hostVolume{sub}, nil
}
