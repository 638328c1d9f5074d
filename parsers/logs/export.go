package logs

import (
	"bytes"
	"encoding/binary"
	"time"
)

// export is where a source stands in the journal's export format: an entry is a line
// FIELD=value for each field, and ends with an empty line. What is no text is a line with
// the name of the field, its length in 8 bytes, the value and a line feed.
// https://systemd.io/JOURNAL_EXPORT_FORMATS/
type export struct {
	on     bool
	fields fields
	// memory is what the values of the fields are kept in.
	memory []byte
	// number is the line where the message begins.
	number int64
	// bytes says that a value of bytes is read: first its length, of which have are
	// there, then left bytes of it, then a line feed.
	bytes  bool
	name   []byte
	value  []byte
	length [8]byte
	have   int
	left   uint64
	// begin is the line with the name of the field.
	begin int64
}

// maxField is the size of the largest value that is believed; the journal takes no field of
// more than 768 MiB.
const maxField = 1 << 30

// exported reads a line of the export format, and reports whether it was one.
func (s *SourceReader) exported(b []byte) bool {
	e := &s.export
	if !e.on {
		if !bytes.HasPrefix(b, []byte("__CURSOR=")) && !bytes.HasPrefix(b, []byte("__REALTIME_TIMESTAMP=")) {
			return false
		}
		e.on = true
	}
	s.timed, s.looked = time.Time{}, s.source.Lines // its times are no others'
	if len(b) == 0 {
		s.endEntry()
		return true
	}
	key, value, text := bytes.Cut(b, []byte("="))
	if !isField(key) {
		s.endEntry()
		e.on = false
		return false
	}
	if text {
		s.field(key, value, s.source.Lines)
		return true
	}
	e.bytes, e.have, e.name, e.begin = true, 0, bytes.Clone(key), s.source.Lines
	return true
}

// isField reports whether a name is one of a field of the journal.
func isField(name []byte) bool {
	for _, c := range name {
		if c != '_' && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return len(name) > 0 && len(name) <= 64
}

// field takes a field in that begins on a line, as far as it is of interest.
func (s *SourceReader) field(key, value []byte, line int64) {
	e := &s.export
	place := e.fields.place(key)
	if place == nil {
		return
	}
	if place == &e.fields.message {
		e.number = line
	}
	value = value[:min(len(value), max(2*maxLine-len(e.memory), 0))]
	from := len(e.memory)
	e.memory = append(e.memory, value...)
	*place = e.memory[from:len(e.memory):len(e.memory)]
}

// endEntry has the entry judged whose fields were read.
func (s *SourceReader) endEntry() {
	e := &s.export
	if e.fields.message != nil {
		s.at = e.number
		l := e.fields.entryLayer(journalExport)
		l.rest = e.fields.message
		s.layer(l, forTriggers().in(l.rest), l.rest, nil)
	}
	e.fields, e.memory = fields{}, e.memory[:0]
}

// swallow reads of a value of bytes what p has of it, and returns how much that is.
func (s *SourceReader) swallow(p []byte) int {
	e := &s.export
	n := 0
	for e.bytes && n < len(p) {
		if e.have < len(e.length) {
			e.length[e.have] = p[n]
			n++
			if e.have++; e.have == len(e.length) && !s.beginValue() {
				return n
			}
			continue
		}
		from := n
		if e.left > 0 {
			n += int(min(e.left, uint64(len(p)-n)))
			e.left -= uint64(n - from)
			e.value = append(e.value, p[from:min(n, from+maxLine-len(e.value))]...)
		} else {
			s.endValue()
			if p[n] != '\n' { // what is here is a line
				return n
			}
			n++
		}
		s.source.Lines += int64(bytes.Count(p[from:n], []byte("\n")))
		s.inLine = p[n-1] != '\n'
		s.looked = s.source.Lines
	}
	return n
}

// beginValue reads how long a value is, and reports whether there can be one. If there
// cannot, what was taken for the length is text.
func (s *SourceReader) beginValue() bool {
	e := &s.export
	e.left, e.value = binary.LittleEndian.Uint64(e.length[:]), e.value[:0]
	if e.left > maxField {
		s.leaveExport()
		return false
	}
	s.source.Lines += int64(bytes.Count(e.length[:], []byte("\n")))
	s.inLine = e.length[7] != '\n'
	return true
}

// endValue takes in the value of bytes, as far as it was read.
func (s *SourceReader) endValue() {
	e := &s.export
	e.bytes = false
	s.field(e.name, e.value, e.begin)
}

// leaveExport reads on as text, beginning with what was taken for a length.
func (s *SourceReader) leaveExport() {
	e := &s.export
	if e.bytes && e.have == len(e.length) && e.left <= maxField {
		s.endValue()
	}
	s.endEntry()
	var head []byte
	if e.bytes {
		head = bytes.Clone(e.length[:e.have])
	}
	*e = export{}
	s.text(head)
}
