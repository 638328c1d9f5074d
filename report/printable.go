package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"certaudit/parsers"
)

// printable returns s with everything escaped that a terminal would obey or a
// reader could not see: control characters, bidirectional controls, line
// separators, zero-width characters and invalid UTF-8. Escapes are Go's own:
// \n, \x1b, \u202e. Names in certificates and files are whatever somebody
// wrote there, so every text format passes them through here.
func printable(s string) string {
	if utf8.ValidString(s) && !strings.ContainsFunc(s, unprintable) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		b.WriteString(escape(r, s[:size]))
		s = s[size:]
	}
	return b.String()
}

// printableLines returns the lines of s, each with everything else escaped: for
// a text that has line feeds by right.
func printableLines(s string) []string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = printable(line)
	}
	return lines
}

// Message is a text in printable form that may have several lines, for who writes
// it to a terminal.
func Message(s string) string { return strings.Join(printableLines(s), "\n") }

// maxCell bounds a text in bytes. Every row of a table is padded to the widest, so
// one certificate with a million names would otherwise be paid for by all. It is
// Linux's PATH_MAX, so that no path is ever cut.
const maxCell = 4096

// brief returns s in printable form. Of a text longer than maxCell the rest is
// counted.
func brief(s string) string {
	head, left := clip(s, maxCell)
	if left == 0 {
		return printable(s)
	}
	return printable(head) + fmt.Sprintf("... (%d more bytes, see the json format)", left)
}

// briefList returns values in printable form, up to maxCell bytes of them; the
// last then says how many there are more.
func briefList(values []string) []string {
	out, size := make([]string, 0, len(values)), 0
	for i, v := range values {
		if size += len(v); size > maxCell && i > 0 {
			return append(out, fmt.Sprintf("... (%d more, see the json format)", len(values)-i))
		}
		out = append(out, brief(v))
	}
	return out
}

// clip returns as much of s as fits into most bytes without ending inside a
// character, and how many bytes are left.
func clip(s string, most int) (head string, left int) {
	head = parsers.Head(s, most)
	return head, len(s) - len(head)
}

var shortEscapes = map[rune]string{'\n': `\n`, '\r': `\r`, '\t': `\t`}

// escape returns the visible form of r, which was decoded from raw.
func escape(r rune, raw string) string {
	switch {
	case r == utf8.RuneError && len(raw) == 1:
		return fmt.Sprintf(`\x%02x`, raw[0])
	case !unprintable(r):
		return raw
	case shortEscapes[r] != "":
		return shortEscapes[r]
	case r < utf8.RuneSelf:
		return fmt.Sprintf(`\x%02x`, r)
	case r <= 0xffff:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}

// unprintable reports whether r is a control character (C0, DEL, C1), a format
// character (bidirectional controls, zero-width characters, tags) or a line or
// paragraph separator: Unicode's categories Cc, Cf, Zl and Zp.
func unprintable(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}
