package logs

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// members goes through the members of a JSON object in one line, without a tree and
// without memory of its own. It is lenient: a line of a log may be cut off anywhere.
type members struct{ rest []byte }

// object returns the members of the object that text begins with.
func object(text []byte) (members, bool) {
	if len(text) == 0 || text[0] != '{' {
		return members{}, false
	}
	return members{text[1:]}, true
}

// next returns a key as it is written, without quotes, and its value as it is written.
func (m *members) next() (key, value []byte, ok bool) {
	m.rest = bytes.TrimLeft(m.rest, " \t,")
	if len(m.rest) == 0 || m.rest[0] != '"' {
		return nil, nil, false
	}
	key, m.rest = cutString(m.rest)
	m.rest = bytes.TrimLeft(m.rest, " \t")
	if len(m.rest) == 0 || m.rest[0] != ':' {
		return nil, nil, false
	}
	m.rest = bytes.TrimLeft(m.rest[1:], " \t")
	n := valueLength(m.rest)
	value, m.rest = m.rest[:n], m.rest[n:]
	return bytes.Trim(key, `"`), value, len(value) > 0
}

// cutString cuts a string in quotes off text, which begins with one.
func cutString(text []byte) (s, rest []byte) {
	for i := 1; i < len(text); i++ {
		n := bytes.IndexByte(text[i:], '"')
		if n < 0 {
			break
		}
		i += n
		if !escaped(text[1:i]) {
			return text[:i+1], text[i+1:]
		}
	}
	return text, nil
}

// escaped reports whether text ends with an odd number of backslashes, so that what
// follows it is not meant as it stands.
func escaped(text []byte) bool {
	n := len(text)
	for n > 0 && text[n-1] == '\\' {
		n--
	}
	return (len(text)-n)%2 == 1
}

// valueLength is how many bytes the value has that text begins with.
func valueLength(text []byte) int {
	if len(text) == 0 {
		return 0
	}
	switch text[0] {
	case '"':
		s, _ := cutString(text)
		return len(s)
	case '{', '[':
		return nestedLength(text)
	}
	if n := bytes.IndexAny(text, ",}] \t"); n >= 0 {
		return n
	}
	return len(text)
}

// nestedLength is how many bytes the object or array has that text begins with.
func nestedLength(text []byte) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			s, _ := cutString(text[i:])
			i += len(s) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(text)
}

// content is what the quotes of a value are around, as it is written; nil for a value
// that is no string.
func content(value []byte) []byte {
	if len(value) == 0 || value[0] != '"' {
		return nil
	}
	if len(value) > 1 && value[len(value)-1] == '"' && !escaped(value[1:len(value)-1]) {
		return value[1 : len(value)-1]
	}
	return value[1:]
}

// unescape appends to out what the content of a JSON string stands for. What is no
// escape stays as it is.
func unescape(out, s []byte) []byte {
	for {
		i := bytes.IndexByte(s, '\\')
		if i < 0 || i+1 == len(s) {
			return append(out, s...)
		}
		out = append(out, s[:i]...)
		c := s[i+1]
		s = s[i+2:]
		switch c {
		case 'n':
			out = append(out, '\n')
		case 't':
			out = append(out, '\t')
		case 'r':
			out = append(out, '\r')
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case '"', '\\', '/':
			out = append(out, c)
		case 'u':
			r, n := unit(s)
			if n == 0 {
				out = append(out, '\\', 'u')
				continue
			}
			out, s = utf8.AppendRune(out, r), s[n:]
		default:
			out = append(out, '\\', c)
		}
	}
}

// unit reads the digits behind \u, and those of the second half of a pair; n is how many
// bytes they are, 0 for none.
func unit(s []byte) (r rune, n int) {
	first, ok := hex4(s)
	if !ok {
		return 0, 0
	}
	if utf16.IsSurrogate(first) && len(s) >= 10 && s[4] == '\\' && s[5] == 'u' {
		if second, ok := hex4(s[6:]); ok {
			if r := utf16.DecodeRune(first, second); r != utf8.RuneError {
				return r, 10
			}
		}
	}
	return first, 4
}

func hex4(s []byte) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(s[:4]), 16, 16)
	return rune(n), err == nil
}

// numbers appends the bytes that an array of their numbers stands for, as journalctl
// writes what is no UTF-8.
func numbers(out, array []byte) []byte {
	n, digits := 0, false
	for _, b := range array {
		switch {
		case b >= '0' && b <= '9':
			n, digits = min(n*10+int(b-'0'), 1<<16), true
		case digits:
			if n < 256 {
				out = append(out, byte(n))
			}
			n, digits = 0, false
		}
	}
	return out
}
