package report

import (
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
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(escapeJSON(b.Bytes()))
	return err
}

// escapeJSON escapes what encoding/json leaves in strings: DEL, C1 and format
// characters. In valid JSON they can stand only inside strings, where \uXXXX
// means the same.
func escapeJSON(data []byte) []byte {
	out := make([]byte, 0, len(data))
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		if r >= 0x7f && unprintable(r) {
			for _, unit := range utf16.AppendRune(nil, r) {
				out = fmt.Appendf(out, `\u%04x`, unit)
			}
		} else {
			out = append(out, data[:size]...)
		}
		data = data[size:]
	}
	return out
}
