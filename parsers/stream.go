package parsers

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Objects are the documents that one piece of a stream holds: a Kubernetes
// object, an element of a list of them, or a document of YAML.
type Objects struct {
	// Text is the piece, and valid only until the next one is read.
	Text      []byte
	Documents []Document
	Problems  []Problem
}

// ReadObjects reads Kubernetes objects in JSON or YAML from a stream of any
// length: one object, several, an array of them, or a list as kubectl get prints
// it. each is called for every object in turn, and for every element of a list
// as if it stood alone; lines are those of the stream. No more than one object is
// held at a time, and of one that is larger than what [ParseDocuments] reads
// only a problem is reported. The error is that of the reader.
func ReadObjects(path string, r io.Reader, each func(Objects)) error {
	s := &splitter{path: path, r: bufio.NewReaderSize(r, 64<<10), each: each, line: 1}
	start, err := s.start()
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return err
	case start == '{' || start == '[':
		err = s.json()
	default:
		err = s.yaml()
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	s.emit()
	if !s.any {
		each(Objects{Problems: []Problem{{Origin{Path: path}, KindEmpty, "is empty"}}})
	}
	return nil
}

// splitter cuts a stream in front of every object.
type splitter struct {
	path string
	r    *bufio.Reader
	each func(Objects)
	// line is the one that is read, from 1.
	line int
	// text is the piece so far, begun on the line first.
	text  []byte
	first int
	// large says that the piece has become too large, and is not kept.
	large bool
	// any says that there was something.
	any bool
}

// start returns the first byte that is neither blank nor part of a byte order
// mark, which is all that is consumed.
func (s *splitter) start() (byte, error) {
	if mark, _ := s.r.Peek(3); string(mark) == "\xef\xbb\xbf" {
		_, _ = s.r.Discard(3)
	}
	for {
		b, err := s.r.ReadByte()
		if err != nil {
			return 0, err
		}
		switch b {
		case '\n':
			s.line++
		case ' ', '\t', '\r':
		default:
			return b, s.r.UnreadByte()
		}
	}
}

// add appends to the piece.
func (s *splitter) add(b ...byte) {
	switch {
	case s.large:
	case len(s.text)+len(b) > maxDocumentBytes:
		s.large = true
		s.text = s.text[:0]
	default:
		if len(s.text) == 0 {
			s.first = s.line
		}
		s.text = append(s.text, b...)
	}
}

// emit hands on the piece, if there is anything in it, and begins the next one.
func (s *splitter) emit() { s.handOn(true) }

// handOn is emit; of an envelope, the part of a list that is around its elements,
// only what is wrong with it is of interest.
func (s *splitter) handOn(documents bool) {
	defer s.drop()
	if s.large {
		s.fail(s.first, KindLimit, fmt.Sprintf("an object of more than %d MiB; it was not read", maxDocumentBytes>>20))
		return
	}
	text := lineFeeds(s.text)
	if isBlank(text) {
		return
	}
	s.any = true
	if problem, bad := refusedText(Origin{Path: s.path, Line: s.first}, text); bad {
		s.each(Objects{Text: text, Problems: []Problem{problem}})
		return
	}
	docs, problems := piece{text, s.first - 1}.documents(s.path)
	if !documents {
		docs = nil
	}
	if len(docs)+len(problems) > 0 {
		s.each(Objects{text, docs, problems})
	}
}

// drop begins the next piece.
func (s *splitter) drop() { s.text, s.large = s.text[:0], false }

// fail tells of a piece that could not be read.
func (s *splitter) fail(line int, kind Kind, detail string) {
	s.any = true
	s.each(Objects{Problems: []Problem{{Origin{Path: s.path, Line: line}, kind, detail}}})
}

// isBlank reports whether a text has nothing but comments, directives and
// markers of documents.
func isBlank(text []byte) bool {
	for line := range bytes.Lines(text) {
		if isMarker(line, "---") {
			line = append([]byte(" "), line[3:]...)
		}
		if !isPrefix(line) {
			return false
		}
	}
	return true
}

// nowhere is a depth that nothing has.
const nowhere = -1

// json cuts JSON: the values one after the other and, of an array at the top or
// under the key "items" of an object at the top, the elements. A string ends with
// its line, whether it is closed or not, so that a damaged one spoils no more
// than it must. It returns the reader's error, [io.EOF] at the end.
func (s *splitter) json() error {
	j := jsonState{list: nowhere}
	for {
		if j.inString && !j.escaped {
			s.plain(&j)
		}
		b, err := s.r.ReadByte()
		if err != nil {
			if j.depth > 0 && errors.Is(err, io.EOF) {
				s.fail(s.begun(), KindSyntax, "ends in the middle of an object: the input is cut off")
				s.drop()
			}
			return err
		}
		switch cut := j.next(b); {
		case cut == cutHere:
			s.emit()
		case cut == dropAll:
			s.drop()
			s.any = true // a list may have no elements
		case j.around || len(s.text) == 0 && !s.large && isSpace(b):
		default:
			s.add(b)
			if cut == cutBehind {
				s.emit()
			}
		}
		if b == '\n' {
			s.line++
		}
	}
}

// plain moves past what is buffered of a string up to a byte that means something.
func (s *splitter) plain(j *jsonState) {
	text, _ := s.r.Peek(s.r.Buffered()) // it is there
	for _, b := range []byte("\"\\\n") {
		if i := bytes.IndexByte(text, b); i >= 0 {
			text = text[:i]
		}
	}
	for _, b := range text[:min(len(text), len("items")+1)] {
		j.string(b)
	}
	if !j.around {
		s.add(text...)
	}
	_, _ = s.r.Discard(len(text))
}

// begun is the line on which the piece begins.
func (s *splitter) begun() int {
	if len(s.text) == 0 && !s.large {
		return s.line
	}
	return s.first
}

func isSpace(b byte) bool { return b == ' ' || b == '\t' || b == '\r' || b == '\n' }

// jsonState is where in a JSON text a byte stands.
type jsonState struct {
	depth int
	// list is the depth of the elements that are cut out, or nowhere.
	list int
	// around says that the byte belongs to the object around a list.
	around            bool
	inString, escaped bool
	// last is the start of the last string, key that of the key at depth 1.
	last, key []byte
}

// cut says what is to be done with a byte.
type cut int

const (
	keep cut = iota
	// cutHere: the piece ends in front of the byte, which belongs to none.
	cutHere
	// cutBehind: the byte is the last of the piece.
	cutBehind
	// dropAll: the piece and the byte belong to the object around a list.
	dropAll
)

// next moves past a byte.
func (j *jsonState) next(b byte) cut {
	if j.inString {
		j.string(b)
		return keep
	}
	switch b {
	case '"':
		j.inString, j.escaped, j.last = true, false, j.last[:0]
	case ':':
		if j.depth == 1 {
			j.key = append(j.key[:0], j.last...)
		}
	case '{', '[':
		j.depth++
		if b == '[' && j.list == nowhere && (j.depth == 1 || j.depth == 2 && string(j.key) == "items") {
			j.list, j.around = j.depth, false
			return dropAll
		}
	case '}', ']':
		return j.close()
	case ',':
		if j.depth == 1 {
			j.key = j.key[:0]
		}
		if j.depth == j.list {
			return cutHere
		}
	case '\n':
		if j.depth == 0 {
			return cutBehind // a marker of YAML, or what should not be there
		}
	}
	return keep
}

// close moves past the end of an object or array.
func (j *jsonState) close() cut {
	if j.depth == 0 {
		return keep // one too many
	}
	ended := j.depth == j.list
	if j.depth--; j.depth == 0 {
		around := j.around
		j.around, j.list, j.key = false, nowhere, j.key[:0]
		switch {
		case ended:
			return cutHere
		case around:
			return dropAll
		}
		return cutBehind
	}
	if ended {
		j.list, j.around = nowhere, true
		return cutHere
	}
	return keep
}

// string moves past a byte of a string, and remembers no more of it than the one
// key that matters has.
func (j *jsonState) string(b byte) {
	switch {
	case b == '\n', b == '"' && !j.escaped:
		j.inString = false
		return
	case len(j.last) <= len("items"):
		j.last = append(j.last, b)
	}
	j.escaped = b == '\\' && !j.escaped
}

// yaml cuts YAML in front of the markers of documents and of the elements of a
// list "items" at the top. It returns the reader's error, [io.EOF] at the end.
func (s *splitter) yaml() error {
	content, items, indent := false, false, nowhere
	whole := true // the line that is read began in this chunk
	for {
		line, err := s.r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			err = nil
		}
		begins := whole
		whole = bytes.HasSuffix(line, []byte("\n"))
		if begins && len(line) > 0 {
			trimmed := bytes.TrimRight(line, "\r\n")
			switch dash := len(trimmed) - len(bytes.TrimLeft(trimmed, " ")); {
			case isMarker(trimmed, "---"):
				if content {
					s.emit()
				}
				content, items, indent = true, false, nowhere
			case isMarker(trimmed, "..."):
				s.emit()
				content, items, indent = false, false, nowhere
				line = bytes.TrimPrefix(line, []byte("..."))
			case items && isMarker(trimmed[dash:], "-") && (indent == nowhere || dash == indent):
				s.handOn(indent != nowhere)
				indent = dash
				line = bytes.Clone(line)
				line[dash] = ' '
			case items && indent != nowhere && dash <= indent && !isPrefix(append([]byte(" "), trimmed...)):
				s.emit()
				items, indent = false, nowhere
			case string(bytes.TrimRight(trimmed, " ")) == "items:":
				content, items = true, true
			case !content:
				content = !isPrefix(append(bytes.Clone(trimmed), '\n'))
			}
		}
		s.add(line...)
		if whole {
			s.line++
		}
		if err != nil {
			return err
		}
	}
}

// Elements returns the objects of a list such as kubectl get prints, or the
// document itself where it is none. Fields are those of the element.
func (d Document) Elements() []Document {
	if !strings.HasSuffix(d.Kind(), "List") {
		return []Document{d}
	}
	var out []Document
	for _, it := range d.At("items[]") {
		out = append(out, Document{path: d.path, node: resolved(it.node)})
	}
	return out
}
