package logs

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
)

const (
	// blockSize is how much of a log is read at once.
	blockSize = 256 << 10
	// maxUnpacked is how much of one compressed log is read.
	maxUnpacked = 64 << 30
)

// Reader reads logs, one after the other or side by side, into one [Digest]. What it keeps
// is bounded by the number of different events and of sources.
type Reader struct {
	options      Options
	digest       Digest
	groups, uses map[string]int
	counts       map[string]*Count
	unknown      map[string]*Unknown
	// unknownOrder has the values of unknown in the order of their first lines.
	unknownOrder []*Unknown
	// members are the URLs of the members of etcd, by their ids.
	members map[string]string
	sources []*SourceReader
	block   []byte
}

// NewReader returns a reader that has read nothing.
func NewReader(o Options) *Reader {
	return &Reader{options: o, groups: map[string]int{}, uses: map[string]int{}, counts: map[string]*Count{}, unknown: map[string]*Unknown{}, members: map[string]string{}}
}

// Read reads a log to its end. name is that of its file, which may say who wrote it. What
// gzip or bzip2 packed is unpacked, whatever its name. What cannot be read is a problem of
// the source; what was read before it counts.
func (r *Reader) Read(name string, in io.Reader) { r.ReadOf("", name, in) }

// ReadOf is Read for a log of a node, whose lines have its name in [Line.Node].
func (r *Reader) ReadOf(node, name string, in io.Reader) {
	s := r.SourceOf(node, name)
	defer s.Close()
	head := bufio.NewReaderSize(in, 4096)
	text, err := unpacked(head)
	if err != nil {
		s.Fail(err)
		return
	}
	if r.block == nil {
		r.block = make([]byte, blockSize)
	}
	limit := &io.LimitedReader{R: text, N: maxUnpacked}
	if text == io.Reader(head) {
		limit.N = 1<<63 - 1
	}
	for {
		n, err := limit.Read(r.block)
		_, _ = s.Write(r.block[:n]) // it returns no error
		switch {
		case limit.N == 0:
			s.Fail(fmt.Errorf("is more than %d GiB unpacked; the rest was not read", int64(maxUnpacked)>>30))
			return
		case errors.Is(err, io.EOF):
			return
		case errors.Is(err, errBehind):
			s.Fail(err)
			return
		case errors.Is(err, io.ErrUnexpectedEOF) && text != io.Reader(head):
			s.Fail(errors.New("the compressed data is cut off; what there is of it was read"))
			return
		case err != nil && text != io.Reader(head):
			s.Fail(fmt.Errorf("the compressed data is damaged: %w; what came before was read", err))
			return
		case err != nil:
			s.Fail(err)
			return
		}
	}
}

// refused are formats that are no text, by what they begin with, and what to do about it.
var refused = []struct{ begin, hint string }{
	{"\x28\xb5\x2f\xfd", "is compressed by zstd: unpack it (zstd -d) and read what comes out"},
	{"\xfd7zXZ\x00", "is compressed by xz: unpack it (xz -d) and read what comes out"},
	{"\x04\x22\x4d\x18", "is compressed by lz4: unpack it (lz4 -d) and read what comes out"},
	{"PK\x03\x04", "is a zip archive: unpack it and read the files in it"},
	{"LPKSHHRH", "is a file of the journal: print it (journalctl --file) and read what comes out"},
	{"\x7fELF", "is a program and no log"},
}

// errBehind is for what follows the members of a file of gzip.
var errBehind = errors.New("something that is not compressed stands behind the compressed data; it was not read")

// gzipMembers reads the members of a file of gzip one after another (RFC 1952, section 2.2).
// Bytes of zero behind the last one, which tapes and blocks of disks leave, are passed over as
// gzip does.
type gzipMembers struct {
	member *gzip.Reader
	in     *bufio.Reader
}

func (g *gzipMembers) Read(p []byte) (int, error) {
	n, err := g.member.Read(p)
	if n > 0 && errors.Is(err, io.EOF) {
		return n, nil // the next call says so again
	}
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	begin, err := g.in.Peek(2)
	for len(begin) > 0 && begin[0] == 0 {
		_, _ = g.in.Discard(1) // it is there
		begin, err = g.in.Peek(2)
	}
	switch {
	case len(begin) == 0:
		return 0, err
	case string(begin) != "\x1f\x8b":
		return 0, errBehind
	}
	if err := g.member.Reset(g.in); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, err
	}
	g.member.Multistream(false)
	return 0, nil
}

// unpacked returns the text of a log.
func unpacked(head *bufio.Reader) (io.Reader, error) {
	begin, err := head.Peek(262)
	if len(begin) == 0 && err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	for _, f := range refused {
		if bytes.HasPrefix(begin, []byte(f.begin)) {
			return nil, errors.New(f.hint)
		}
	}
	switch {
	case bytes.HasPrefix(begin, []byte("\x1f\x8b")):
		z, err := gzip.NewReader(head)
		if err != nil {
			return nil, fmt.Errorf("is compressed by gzip and cannot be unpacked: %w", err)
		}
		z.Multistream(false)
		return &gzipMembers{z, head}, nil
	case len(begin) > 3 && bytes.HasPrefix(begin, []byte("BZh")) && begin[3] >= '1' && begin[3] <= '9':
		return bzip2.NewReader(head), nil
	case len(begin) == 262 && string(begin[257:262]) == "ustar":
		return nil, errors.New("is a tar archive: unpack it and read the files in it")
	}
	return head, nil
}
