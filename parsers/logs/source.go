package logs

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"
)

const (
	// maxLine is how much of a line is read; what is behind it is skipped.
	maxLine = 1 << 20
	// maxLayers is how many carriers may be around each other.
	maxLayers = 8
	// dockerPart is the size of the parts into which Docker cuts lines (moby
	// daemon/logger/copier.go).
	dockerPart = 16 << 10
	// maxProblems is how many problems of reading a source are kept.
	maxProblems = 10
	// maxBack is how many lines back the time of a line without one may stand.
	maxBack = 64
)

// SourceReader reads one log piece by piece, as a file that is followed grows. It is an
// [io.WriteCloser]; what is written to it is text, not compressed, in pieces cut anywhere:
// the same bytes in other pieces say the same.
type SourceReader struct {
	r      *Reader
	source Source
	// node is the one that the log is of; "" for none.
	node string
	// component is that of the name, and sure says that it is a container's, whose lines
	// are of nobody else.
	component string
	sure      bool
	// host is the machine that the name says; "" for none.
	host    string
	decoder decoder
	export  export
	verbose verbose
	// rest is the beginning of a line.
	rest []byte
	// inLine says that the last byte that was read was none of a line, and no line feed.
	inLine bool
	// at is the number of the line that is looked at.
	at int64
	// part are lines of which more is to come, by stream.
	part [streams]part
	// carried counts the lines by their outermost carrier.
	carried [carriers]int64
	// timed is the last time that was found, timedAt its line, and looked the last line
	// that was looked at for one.
	timed           time.Time
	timedAt, looked int64
	// cuts and binaries count lines, and firstCut and firstBinary are the first of them.
	cuts, firstCut, binaries, firstBinary int64
	// who and tally are those of the last line.
	who   []byte
	weak  bool
	tally *Count
	// indented is who wrote what is indented.
	indented struct{ host, who []byte }
	// marks and scratch are kept for their memory.
	marks   []int
	scratch [maxLayers][]byte
}

// part is the beginning of a line that comes in parts.
type part struct {
	text []byte
	// line is the whole one without its text, as far as its first part tells it.
	line  Line
	tally *Count
	open  bool
	// last is the size of the last part.
	last int
}

// Source begins to read a log. name is that of its file, which may say who wrote it; - is
// the standard input. Several may be read at the same time, by one goroutine.
func (r *Reader) Source(name string) *SourceReader { return r.SourceOf("", name) }

// SourceOf is Source for a log of a node, whose lines have its name in [Line.Node].
func (r *Reader) SourceOf(node, name string) *SourceReader {
	s := &SourceReader{r: r, source: Source{Name: name}, node: node}
	s.component, s.sure = componentOfPath(name)
	if r.options.HostOf != nil {
		s.host = r.options.HostOf(name)
	}
	r.sources = append(r.sources, s)
	return s
}

// Write reads the next piece. The last line counts once its line feed is there, or the
// source is closed. The error is always nil.
func (s *SourceReader) Write(p []byte) (int, error) {
	s.source.Bytes += int64(len(p))
	s.text(s.decoder.decode(p))
	return len(p), nil
}

// Fail notes why no more, or not all, could be read: each reason once, and ten at most.
func (s *SourceReader) Fail(err error) {
	if p := &s.source.Problems; len(*p) < maxProblems && !slices.Contains(*p, err.Error()) {
		*p = append(*p, err.Error())
	}
}

// Close reads what has no line feed or no end. The error is always nil.
func (s *SourceReader) Close() error {
	s.text(s.decoder.end())
	if len(s.rest) == 0 {
		s.leaveExport()
	}
	if len(s.rest) > 0 {
		s.restLine(nil)
	}
	s.leaveExport()
	s.endVerbose()
	if s.inLine {
		s.source.Lines++
		s.inLine = false
	}
	for i := range s.part {
		s.endPart(&s.part[i])
		s.part[i] = part{}
	}
	s.rest, s.marks, s.scratch = nil, nil, [maxLayers][]byte{}
	return nil
}

// text reads lines, and keeps what is behind the last of them.
func (s *SourceReader) text(p []byte) {
	for len(p) > 0 {
		switch end := bytes.LastIndexByte(p, '\n'); {
		case s.export.bytes:
			p = p[s.swallow(p):]
		case len(s.rest) > 0 || end < 0:
			n := bytes.IndexByte(p, '\n')
			if n < 0 {
				s.keep(p)
				return
			}
			s.restLine(p[:n])
			p = p[n+1:]
		default:
			p = p[s.block(p[:end+1]):]
		}
	}
}

// keep keeps the beginning of a line.
func (s *SourceReader) keep(p []byte) {
	s.rest = append(s.rest, p[:min(len(p), maxLine+1-len(s.rest))]...)
}

// restLine reads the line of which the beginning was kept and p is the end.
func (s *SourceReader) restLine(p []byte) {
	s.keep(p)
	b := s.rest
	s.rest = s.rest[:0]
	s.line(b, forTriggers().in(b[:min(len(b), maxLine)]), nil)
	s.lookFrom(b, s.source.Lines)
}

// block reads whole lines, each with its line feed, and returns how much of them it read:
// all but the rest of a line that stands behind a value of bytes.
func (s *SourceReader) block(b []byte) int {
	s.marks = forTriggers().marks(s.marks[:0], b)
	marks := s.marks
	for at := 0; at < len(b); {
		end := bytes.IndexByte(b[at:], '\n')
		if end < 0 { // what is behind a value of bytes
			return at
		}
		end += at
		for len(marks) > 0 && marks[0] < at {
			marks = marks[1:]
		}
		s.line(b[at:end], len(marks) > 0 && marks[0] < end, b[:at])
		at = end + 1
		if s.export.bytes {
			at += s.swallow(b[at:])
		}
		if len(s.rest) > 0 { // what was taken for the length of a value
			end = bytes.IndexByte(b[at:], '\n')
			if end < 0 {
				return at
			}
			s.restLine(b[at : at+end])
			at += end + 1
		}
	}
	s.lookFrom(b, s.source.Lines)
	return len(b)
}

// line reads a line without its line feed. marked says that it must be looked at closely,
// and before are the lines in front of it that are at hand.
func (s *SourceReader) line(b []byte, marked bool, before []byte) {
	s.source.Lines++
	s.inLine = false
	if len(b) > maxLine {
		b = b[:maxLine]
		count(&s.cuts, &s.firstCut, s.source.Lines)
	}
	if s.exported(b) || s.verbosely(b) {
		return
	}
	s.at = s.source.Lines
	s.layer(peel(b), marked, b, before)
}

// layer reads a line of which the outermost layer is l. raw is the line as it stands.
func (s *SourceReader) layer(l layer, marked bool, raw, before []byte) {
	s.carried[l.carrier]++
	if l.carrier == plain {
		s.place(&l, raw)
	} else {
		s.indented.host, s.indented.who = append(s.indented.host[:0], l.host...), append(s.indented.who[:0], l.who...)
	}
	switch {
	case s.continues(l), l.more:
		s.addPart(l)
	case marked:
		s.close(l, raw, before)
	default:
		s.tallyOf(l).Lines++
	}
}

// minIndent is how far journalctl indents all lines of a message but the first, at least:
// behind the time, the host and the program.
const minIndent = 16

// place says of a line that nothing carries who wrote it by what stands before it: a line
// of the journal that goes on, or a heading.
func (s *SourceReader) place(l *layer, raw []byte) {
	switch indent := len(raw) - len(l.rest); {
	case indent >= minIndent && raw[0] == ' ' && len(s.indented.who) > 0:
		l.host, l.who = s.indented.host, s.indented.who
		return
	case bytes.HasPrefix(l.rest, []byte("==")) && !s.sure:
		if c, ok := heading(l.rest); ok {
			s.component, s.tally = c, nil
		}
	}
	s.indented.who = s.indented.who[:0]
}

// continues reports whether a line is the last part of one. Docker does not say that a part
// is one but by the line feed that it lacks, and others forget it: what is short and is
// followed by a line with a time of its own was whole.
func (s *SourceReader) continues(l layer) bool {
	p := &s.part[l.stream]
	if !p.open || !l.carrier.splits() {
		return false
	}
	if l.carrier == jsonFile && p.last < dockerPart && s.begins(l) {
		s.endPart(p)
		return false
	}
	return true
}

// begins reports whether what a layer carries begins as a line does, with a time.
func (s *SourceReader) begins(l layer) bool {
	return l.encoding == jsonString && peel(s.decoded(l, 0)).form != noTime
}

// count adds a line to n; first is that of the first.
func count(n, first *int64, line int64) {
	if *n++; *n == 1 {
		*first = line
	}
}

// inner is what the innermost layer of a line has, and what the layers around it say.
type inner struct {
	text  []byte
	host  []byte
	who   []byte
	weak  bool
	known bool
	clock
	timed bool
}

// unwrap takes all layers off a line of which the outermost is l.
func (s *SourceReader) unwrap(l layer, withTime bool) inner {
	var in inner
	for depth := 0; ; depth++ {
		in.add(l)
		if withTime && l.stamp.form != noTime {
			if at, ok := l.stamp.read(s.r.options.Now); ok && (!in.timed || !in.clock.better(at)) {
				in.clock, in.timed = at, true
			}
		}
		if l.carrier == plain || depth == maxLayers-1 || len(l.rest) == 0 {
			in.text = l.rest
			return in
		}
		if l.encoding != asIs {
			l.rest = s.decoded(l, depth)
		}
		l = peel(l.rest)
	}
}

// add takes in who wrote the line, and where: the outermost that is a program that is
// known, or else the outermost.
func (in *inner) add(l layer) {
	if in.host == nil {
		in.host = l.host
	}
	if in.known || isWrapper(l.who) {
		return
	}
	if in.known = componentOf(l.who, true) != ""; in.known || in.who == nil {
		in.who, in.weak = l.who, l.weak
	}
}

// decoded is what a layer carries, in plain text.
func (s *SourceReader) decoded(l layer, depth int) []byte {
	buffer := s.scratch[depth][:0]
	if l.encoding == jsonString {
		buffer = unescape(buffer, l.rest)
	} else {
		buffer = numbers(buffer, l.rest)
	}
	s.scratch[depth] = buffer
	return buffer
}

// tallyOf is the count of who wrote a line.
func (s *SourceReader) tallyOf(l layer) *Count {
	if s.sure {
		return s.tallyNamed(nil, false)
	}
	if l.carrier != plain && l.who != nil && isProgram(l.who) {
		return s.tallyNamed(l.who, l.weak)
	}
	return s.writer(s.unwrap(l, false))
}

// writer is the count of who wrote a line: who the file is of if it is of a container's,
// then the program that the carriers name, then the file, then the carriers' name that no
// program is known by, then the text.
func (s *SourceReader) writer(in inner) *Count {
	switch {
	case s.sure, s.component != "" && !in.known:
		return s.tallyNamed(nil, false)
	case in.who != nil:
		if t := s.tallyNamed(in.who, in.weak); t.Component != "" {
			return t
		}
	}
	return s.r.count(writerOf(in.text))
}

// tallyNamed is the count of a name, or of the component of the file for none.
func (s *SourceReader) tallyNamed(who []byte, weak bool) *Count {
	if s.tally != nil && s.weak == weak && bytes.Equal(s.who, who) {
		return s.tally
	}
	name := s.component
	if who != nil {
		name = componentOf(who, weak)
	}
	s.who, s.weak, s.tally = append(s.who[:0], who...), weak, s.r.count(name)
	return s.tally
}

// close looks at a line closely.
func (s *SourceReader) close(l layer, raw, before []byte) {
	line, t := s.lineOf(l, before)
	t.Lines++
	s.r.take(line, raw, t)
}

// lineOf is the line of which the outermost layer is l, and the count of who wrote it.
func (s *SourceReader) lineOf(l layer, before []byte) (Line, *Count) {
	in := s.unwrap(l, true)
	t := s.writer(in)
	s.note(in.text)
	line := Line{Source: s.source.Name, Node: s.node, Number: s.at, Host: cmp.Or(nameOf(in.host), s.host), Component: t.Component, Text: clean(in.text)}
	if in.timed {
		line.Time = in.Time
		s.timed, s.timedAt, s.looked = in.Time, s.at, s.source.Lines
	} else {
		line.Time = s.timeBefore(before)
	}
	return line, t
}

// note tells of what is no text.
func (s *SourceReader) note(text []byte) {
	if bytes.IndexByte(text, 0) >= 0 {
		count(&s.binaries, &s.firstBinary, s.at)
	}
}

// timeBefore is the time of the nearest line before this one that has one.
func (s *SourceReader) timeBefore(before []byte) time.Time {
	s.lookFrom(before, s.source.Lines-1)
	if s.timed.IsZero() || s.at-s.timedAt > maxBack {
		return time.Time{}
	}
	return s.timed
}

// lookFrom remembers the last time among lines that were not looked at, of which the last
// has a number.
func (s *SourceReader) lookFrom(lines []byte, last int64) {
	lines = bytes.TrimSuffix(lines, []byte("\n"))
	for number := last; number > max(s.looked, last-maxBack) && len(lines) > 0; number-- {
		from := bytes.LastIndexByte(lines, '\n') + 1
		line := lines[from:]
		if in := s.unwrap(peel(line[:min(len(line), maxLine)]), true); in.timed {
			s.timed, s.timedAt = in.Time, number
			break
		}
		lines = lines[:max(from-1, 0)]
	}
	s.looked = max(s.looked, last)
}

// addPart takes in a line that is part of another.
func (s *SourceReader) addPart(l layer) {
	p := &s.part[l.stream]
	if !p.open {
		first := l
		first.rest = nil
		in := s.unwrap(first, true)
		*p = part{text: p.text[:0], open: true, tally: s.writer(in)}
		p.line = Line{Source: s.source.Name, Node: s.node, Number: s.at, Host: nameOf(in.host), Component: p.tally.Component}
		if in.timed {
			p.line.Time = in.Time
		}
	}
	text := l.rest
	if l.encoding != asIs {
		text = s.decoded(l, 0)
	}
	if len(p.text)+len(text) > maxLine {
		count(&s.cuts, &s.firstCut, p.line.Number)
		text = text[:maxLine-len(p.text)]
	}
	p.text, p.last = append(p.text, text...), len(text)
	if !l.more {
		s.endPart(p)
	}
}

// endPart has the line judged that came in parts.
func (s *SourceReader) endPart(p *part) {
	if !p.open {
		return
	}
	p.open = false
	in := s.unwrap(peel(p.text), true)
	if p.line.Time.IsZero() && in.timed {
		p.line.Time = in.Time
	}
	if p.line.Host == "" {
		p.line.Host = cmp.Or(nameOf(in.host), s.host)
	}
	if p.tally.Component == "" {
		p.tally = s.writer(in)
		p.line.Component = p.tally.Component
	}
	p.tally.Lines++
	if forTriggers().in(p.text) {
		s.note(in.text)
		p.line.Text = clean(in.text)
		s.r.take(p.line, p.text, p.tally)
	}
}

// told is the source as it is read so far.
func (s *SourceReader) told() Source {
	out := s.source
	most := plain
	for c, n := range s.carried {
		if n > 0 && n >= s.carried[most] {
			most = carrier(c)
		}
	}
	out.Format, out.Last = carrierNames[most], s.timed
	out.Problems = slices.Clone(out.Problems)
	if s.cuts > 0 {
		out.Problems = append(out.Problems, fmt.Sprintf("%s longer than %d MiB; only the beginning was read", lines(s.cuts, s.firstCut, "is", "are"), maxLine>>20))
	}
	if s.binaries > 0 {
		out.Problems = append(out.Problems, lines(s.binaries, s.firstBinary, "has", "have")+" NUL bytes: binary data; the text between them was read")
	}
	return out
}

// lines is the subject of a sentence about n lines of which one is the first, with the verb
// for one or for many.
func lines(n, first int64, one, many string) string {
	if n == 1 {
		return fmt.Sprintf("line %d %s", first, one)
	}
	return fmt.Sprintf("line %d and %d more %s", first, n-1, many)
}
