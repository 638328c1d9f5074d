package parsers

import (
	"fmt"
	"strings"
)

// Distance counts the insertions, removals and replacements of a byte that make b of a.
func Distance(a, b string) int {
	row := make([]int, len(b)+1) // of the beginning of a so far, to each beginning of b
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		left := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := left
			if a[i] != b[j] {
				replaced++
			}
			left = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// maxCompared is how many bytes of a word of the input are compared with others.
const maxCompared = 128

// Nearest returns the first of some words that a word is nearest to, by [Distance]; ""
// for no words.
func Nearest(word string, words []string) string {
	best, fewest := "", -1
	for _, w := range words {
		if d := Distance(Head(word, maxCompared), w); fewest < 0 || d < fewest {
			best, fewest = w, d
		}
	}
	return best
}

// Unknown says that a word, of a kind, is none of those which are expected, with the one
// that may be meant: `unknown format "jsn" (did you mean "json"?)`.
func Unknown[S ~string](kind string, word S, words []S) string {
	known := make([]string, len(words))
	for i, w := range words {
		known[i] = string(w)
	}
	return fmt.Sprintf("unknown %s %q%s", kind, Clip(string(word), maxCompared), DidYouMean(string(word), known))
}

// DidYouMean returns a question to be put behind a word that is none of those which are
// expected, ` (did you mean "json"?)`; "" where it is like none of them: neither one with
// a slip for every three letters or fewer, nor the beginning of one.
func DidYouMean(word string, words []string) string {
	meant := strings.ToLower(Head(word, maxCompared))
	near := Nearest(meant, words)
	if near == "" || Distance(meant, strings.ToLower(near)) > (min(len(meant), len(near))+2)/3 {
		near = ""
		for _, w := range words {
			if len(meant) >= 2 && strings.HasPrefix(w, meant) {
				near = w
				break
			}
		}
	}
	if near == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", near)
}
