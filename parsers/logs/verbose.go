package logs

import (
	"bytes"
	"strconv"
	"time"
)

// verbose is where a source stands in what journalctl -o verbose writes: of an entry a line
// with its time and its cursor, then one for each field, indented. All lines of a value
// but the first are indented as far as it (systemd src/shared/logs-show.c, output_verbose).
type verbose struct {
	on     bool
	fields fields
	// number is the line where the message begins.
	number int64
	// indent is how far the value of the last field is indented, and message says that it
	// is the message.
	indent  int
	message bool
}

// fieldIndent is in front of the name of a field.
const fieldIndent = "    "

// verbosely reads a line of journalctl -o verbose, and reports whether it was one.
func (s *SourceReader) verbosely(b []byte) bool {
	v := &s.verbose
	if at, ok := entryTime(b); ok {
		s.endVerbose()
		v.on, v.fields.realtime = true, at
	} else if !v.on {
		return false
	} else if key, value, ok := cutField(b); ok {
		v.field(key, value, s.source.Lines)
	} else if v.indent > 0 && len(b) >= v.indent && len(bytes.TrimLeft(b[:v.indent], " ")) == 0 {
		if v.message && len(v.fields.message) < maxLine {
			v.fields.message = append(append(v.fields.message, '\n'), b[v.indent:]...)
		}
	} else {
		s.endVerbose()
		return false
	}
	s.timed, s.looked = time.Time{}, s.source.Lines // its times are no others'
	return true
}

// entryTime is the time in the first line of an entry, in microseconds as text, out of its
// cursor: that of the line itself is in a zone that has a name alone.
func entryTime(b []byte) ([]byte, bool) {
	if len(b) < 40 || b[3] != ' ' || b[len(b)-1] != ']' || b[4] < '0' || b[4] > '9' {
		return nil, false
	}
	_, cursor, ok := bytes.Cut(b, []byte(" [s="))
	_, at, found := bytes.Cut(cursor, []byte(";t="))
	at, _, _ = bytes.Cut(at, []byte(";"))
	n, err := strconv.ParseUint(string(at), 16, 63)
	if !ok || !found || err != nil {
		return nil, false
	}
	return strconv.AppendUint(nil, n, 10), true
}

// cutField cuts an indented line into the name of a field and its value.
func cutField(b []byte) (key, value []byte, ok bool) {
	if b, ok = bytes.CutPrefix(b, []byte(fieldIndent)); !ok {
		return nil, nil, false
	}
	key, value, ok = bytes.Cut(b, []byte("="))
	return key, value, ok && isField(key)
}

// field takes a field in that begins on a line, as far as it is of interest.
func (v *verbose) field(key, value []byte, line int64) {
	place := v.fields.place(key)
	v.indent, v.message = len(fieldIndent)+len(key)+1, place == &v.fields.message
	if place != nil && len(*place) == 0 {
		*place = bytes.Clone(value)
	}
	if v.message {
		v.number = line
	}
}

// endVerbose has the entry judged whose fields were read.
func (s *SourceReader) endVerbose() {
	v := s.verbose
	s.verbose = verbose{}
	if v.fields.message != nil {
		s.at = v.number
		l := v.fields.entryLayer(journalVerbose)
		l.rest = v.fields.message
		s.layer(l, forTriggers().in(l.rest), l.rest, nil)
	}
}
