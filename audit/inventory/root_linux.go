package inventory

import (
	"io/fs"
	"os"
	"syscall"
)

// openFlags open a file for reading; a FIFO without a writer is not waited for.
const openFlags = os.O_RDONLY | syscall.O_NONBLOCK

// ownerOf returns the user and the group that a file belongs to.
func ownerOf(info fs.FileInfo) (uid, gid uint32) {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Uid, s.Gid
	}
	return 0, 0
}

// ofSystem fills in what tells a file from another that took its place.
func (m *mark) ofSystem(info fs.FileInfo) {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		m.inode, m.device, m.uid, m.gid = s.Ino, uint64(s.Dev), s.Uid, s.Gid
		m.changed = s.Ctim.Nano()
	}
}
