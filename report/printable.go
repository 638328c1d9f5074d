package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
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

// printableLines is printable for a text whose line feeds are meant.
func printableLines(s string) []string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = printable(line)
	}
	return lines
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
