package audit

import (
	"strings"
	"unicode"
)

// quotable reports whether a text can be a word of a command that is printed: what
// is not printable would not arrive as it was meant.
func quotable(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar })
}

// words are texts of the input's as words of a command.
func words(texts ...string) string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = shellWord(text)
	}
	return strings.Join(quoted, " ")
}

// hereDocument writes lines into a file, in which the shell expands variables.
func hereDocument(file string, lines []string) string {
	return "cat > " + file + " <<END\n" + strings.Join(lines, "\n") + "\nEND"
}
