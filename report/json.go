package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"

	"certaudit/audit"
)

// writeJSON writes the whole of r.
func writeJSON(w io.Writer, r audit.Result, _ Options) error { return writeJSONValue(w, r) }

// writeJSONValue writes v as indented JSON. What a terminal would obey is
// escaped, and the document still decodes to v (but for invalid UTF-8, which JSON
// cannot hold and encoding/json replaces by U+FFFD).
func writeJSONValue(w io.Writer, v any) error {
	out := bufio.NewWriter(w)
	e := json.NewEncoder(indenter{out})
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	return out.Flush()
}

// indenter takes a compact document as [json.Encoder] writes it, whole, and keeps no copy.
type indenter struct{ out *bufio.Writer }

func (i indenter) Write(document []byte) (int, error) {
	indentJSON(i.out, bytes.TrimSpace(document))
	return len(document), i.out.WriteByte('\n')
}

// indentJSON writes a compact document as [json.Indent] does with two spaces, its strings
// as of [appendEscaped]. It goes through the document once, which a fleet's is large for.
func indentJSON(w *bufio.Writer, document []byte) {
	var escaped []byte
	depth := 0
	line := func() {
		w.WriteByte('\n')
		for range depth {
			w.WriteString("  ")
		}
	}
	for rest := document; len(rest) > 0; {
		c := rest[0]
		size := 1
		switch c {
		case '"':
			size = stringSize(rest)
			escaped = appendEscaped(escaped[:0], rest[:size])
			w.Write(escaped)
		case '{', '[':
			if rest[1] == '}' || rest[1] == ']' {
				size = 2
				w.Write(rest[:size])
				break
			}
			w.WriteByte(c)
			depth++
			line()
		case '}', ']':
			depth--
			line()
			w.WriteByte(c)
		case ',':
			w.WriteByte(c)
			line()
		case ':':
			w.WriteString(": ")
		default:
			w.WriteByte(c)
		}
		rest = rest[size:]
	}
}

// stringSize is the size of the string that a document begins with, with its quotes.
func stringSize(document []byte) int {
	for i := 1; ; i++ {
		switch document[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

// appendEscaped appends a part of a document, in which what encoding/json leaves in strings is
// escaped: DEL, C1 and format characters. In valid JSON they can stand only inside strings,
// where \uXXXX means the same.
func appendEscaped(out, data []byte) []byte {
	for len(data) > 0 {
		plain := bytes.IndexFunc(data, func(r rune) bool { return r >= 0x7f && unprintable(r) })
		if plain < 0 {
			return append(out, data...)
		}
		out = append(out, data[:plain]...)
		r, size := utf8.DecodeRune(data[plain:])
		for _, unit := range utf16.AppendRune(nil, r) {
			out = fmt.Appendf(out, `\u%04x`, unit)
		}
		data = data[plain+size:]
	}
	return out
}
