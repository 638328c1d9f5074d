package parsers

import (
	"bytes"
	"fmt"
	"regexp"
	"time"
	"unicode/utf8"
)

// maxShown is how many bytes of a text of the input a problem repeats.
const maxShown = 64

// Head returns as much of the beginning of a text as fits into most bytes without
// half a character at the end.
func Head(text string, most int) string {
	if len(text) <= most {
		return text
	}
	end := most
	for end > max(most-utf8.UTFMax, 0) && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

// Clip returns a text as it is, or, of one that is longer than most bytes, its
// [Head] with "…" behind it.
func Clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return Head(text, most) + "…"
}

// Time is an RFC 3339 time in UTC, as the API server writes it; zero for anything
// else.
func (t Text) Time() time.Time {
	at, err := time.Parse(time.RFC3339, t.Value)
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}

// privateKey is a PEM block with a private key, or what there is of one.
var privateKey = regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\z)`)

// BlankKeys returns data without the PEM private keys in it, and whether there
// were any. The line breaks of a key stay, so that what follows keeps its line.
// Data is not changed; without a key it is what is returned.
func BlankKeys(data []byte) (clean []byte, found bool) {
	if !privateKey.Match(data) {
		return data, false
	}
	return privateKey.ReplaceAllFunc(data, func(key []byte) []byte {
		return bytes.Repeat([]byte("\n"), bytes.Count(key, []byte("\n")))
	}), true
}

// maxProblems bounds how many problems are reported of one thing.
const maxProblems = 100

// addProblem appends a problem; after [maxProblems] of them it says once that
// there are more.
func addProblem(problems []Problem, p Problem) []Problem {
	switch {
	case len(problems) < maxProblems:
		return append(problems, p)
	case len(problems) == maxProblems:
		return append(problems, Problem{Origin{Path: p.Origin.Path}, KindLimit, fmt.Sprintf("has more than %d problems; the others are left out", maxProblems)})
	}
	return problems
}
