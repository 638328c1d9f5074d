package cmd

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"certaudit/audit"
	"certaudit/audit/inventory"
	"certaudit/parsers/logs"
	"certaudit/report"
)

const (
	// followEvery is how often files are looked at that are followed.
	followEvery = time.Second
	// retell is how long a failure that goes on is not told of again.
	retell = 10 * time.Second
	// lookAgain is after how many looks at files those that are new are looked for.
	lookAgain = 5
	// followPiece is how much is read at once.
	followPiece = 64 << 10
)

// followTicks is the clock of what is followed; tests have their own.
var followTicks = func() (ticks <-chan time.Time, stop func()) {
	t := time.NewTicker(followEvery)
	return t.C, t.Stop
}

// follow reads logs and what is written to them until an interrupt, or until streams alone
// were followed and have ended. A failure is told of when it appears, and while it goes on
// now and then.
func (p *program) follow(reader *logs.Reader, s *logSources, ties *audit.LogTies, shown report.Options) error {
	f := &follower{program: p, reader: reader, ties: ties, shown: shown, pieces: make(chan piece), done: make(chan struct{}), told: map[string]toldEvent{}}
	defer f.end()
	for _, source := range s.list {
		f.begin(source)
	}
	ticks, stop := followTicks()
	defer stop()
	f.poll()
	if err := f.tell(); err != nil {
		return err
	}
	for n, told := 1, false; f.streams+len(f.files) > 0; {
		select {
		case <-p.interrupted:
			return nil
		case piece := <-f.pieces:
			if f.take(piece); told { // of many pieces in a second the others wait for the tick
				continue
			}
			told = true
		case <-ticks:
			if n++; n%lookAgain == 0 {
				f.look(s)
			}
			f.poll()
			told = false
		}
		if err := f.tell(); err != nil {
			return err
		}
	}
	return nil
}

// look begins to follow the logs that are new in folders.
func (f *follower) look(s *logSources) {
	for _, look := range s.again {
		for _, source := range look() {
			f.begin(source)
		}
	}
}

// follower reads logs that grow.
type follower struct {
	*program
	reader *logs.Reader
	ties   *audit.LogTies
	shown  report.Options
	files  []*followedFile
	// streams are those that have not ended, running those that are read.
	streams int
	running sync.WaitGroup
	pieces  chan piece
	done    chan struct{}
	// told are the events that were told of.
	told map[string]toldEvent
}

// toldEvent is how often an event had happened when it was last told of.
type toldEvent struct {
	count int64
	at    time.Time
}

// piece is what came of a stream; err ends it.
type piece struct {
	of   *logs.SourceReader
	data []byte
	err  error
}

// begin begins to follow a log.
func (f *follower) begin(source logSource) {
	if source.file != nil {
		f.files = append(f.files, &followedFile{logSource: source, into: f.reader.SourceOf(source.node, source.name)})
		return
	}
	into := f.reader.SourceOf(source.node, source.name)
	h, err := source.open()
	if err != nil {
		into.Fail(err)
		return
	}
	f.streams++
	f.running.Add(1)
	go func() {
		defer f.running.Done()
		defer h.Close()
		for {
			b := make([]byte, followPiece)
			n, err := h.Read(b)
			select {
			case f.pieces <- piece{into, b[:n], err}:
			case <-f.done:
				return
			}
			if err != nil {
				return
			}
		}
	}()
}

// take reads a piece of a stream.
func (f *follower) take(p piece) {
	_, _ = p.of.Write(p.data) // it returns no error
	if p.err == nil {
		return
	}
	if !errors.Is(p.err, io.EOF) {
		p.of.Fail(bare(p.err))
	}
	f.streams--
	_ = p.of.Close() // it returns no error
}

// poll reads what was written to files since.
func (f *follower) poll() {
	for _, file := range f.files {
		file.poll(f.reader, f.isInterrupted)
	}
}

// end ends what is still read.
func (f *follower) end() {
	close(f.done)
	if f.isInterrupted() { // then nothing is waited for, and programs that write streams are ended
		f.running.Wait()
	}
	for _, file := range f.files {
		file.close()
	}
}

// tell writes a line of each event that is new, or goes on and was not told of for a while.
func (f *follower) tell() error {
	now := f.now()
	b := bufio.NewWriter(f.stdout)
	for _, e := range f.ties.Explain(f.reader.Digest()).Events {
		key := report.LogEventKey(e)
		before, known := f.told[key]
		if known && (before.count == e.Count || now.Sub(before.at) < retell) {
			continue
		}
		f.told[key] = toldEvent{e.Count, now}
		if err := report.WriteLogEventLine(b, e, e.Count-before.count, f.shown); err != nil {
			return err
		}
	}
	return wrote("what the logs say", b, nil)
}

// followedFile is a file that grows, is emptied, or is replaced by another of its name.
type followedFile struct {
	logSource
	into *logs.SourceReader
	// h is open where there is a file, info what it was when it was opened, and read how
	// far it was read.
	h    inventory.Stream
	info fs.FileInfo
	read int64
	// failed is why it could not be opened, as it was told; "" for a file that was.
	failed string
	// broken: what info was could not be read to its end, and is left alone.
	broken bool
}

// poll reads on to the end of the file, and then what took its place.
func (f *followedFile) poll(reader *logs.Reader, late func() bool) {
	if f.h != nil {
		f.drain(late)
		if f.h == nil || !f.replaced() {
			return
		}
		f.close()
		f.into = reader.SourceOf(f.node, f.name)
	}
	h, err := f.file()
	var info fs.FileInfo
	if err == nil {
		info, err = h.Stat()
	}
	switch {
	case err != nil && f.info == nil && f.failed != err.Error():
		f.failed = err.Error()
		f.into.Fail(err)
	case err == nil && f.broken && os.SameFile(f.info, info):
		_ = h.Close()
	case err == nil:
		f.h, f.info, f.read, f.broken = h, info, 0, false
		f.drain(late)
	}
}

// replaced reports whether another file has taken the name, or this one was emptied.
func (f *followedFile) replaced() bool {
	if info, err := f.h.Stat(); err == nil && info.Size() < f.read {
		return true
	}
	h, err := f.file()
	if err != nil {
		return false // nothing has taken its place yet
	}
	defer h.Close()
	info, err := h.Stat()
	return err == nil && !os.SameFile(f.info, info)
}

// drain reads to the end.
func (f *followedFile) drain(late func() bool) {
	n, err := io.Copy(f.into, &watchedReader{f.h, late, func(int) {}})
	if f.read += n; err != nil {
		f.into.Fail(bare(err))
		_ = f.h.Close()
		f.h, f.broken = nil, true
	}
}

func (f *followedFile) close() {
	if f.h != nil {
		_ = f.h.Close() // it was read only
		_ = f.into.Close()
		f.h = nil
	}
}
