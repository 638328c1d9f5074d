package logs

import (
	"bytes"
	"slices"
	"sync"
)

// scanner finds the lines of a block that have one of some words, by one pass over an
// automaton of all of them (Aho and Corasick, "Efficient string matching", 1975).
type scanner struct {
	// class numbers the bytes that the words have; 0 is every other byte.
	class [256]uint32
	// next is the state behind a state and a class, at their sum: states are replicated in
	// steps of the number of classes. In it, hit is set where a word ends.
	next []uint32
}

const (
	hit = 1 << 31
	// lanes is how many parts of a block are gone through side by side: one step of the
	// automaton waits for the one before it, those of another part do not.
	lanes = 4
)

// forTriggers is the scanner for all that must be looked at closely.
var forTriggers = sync.OnceValue(func() *scanner { return newScanner(slices.Concat(formatTriggers, triggers)) })

// formatTriggers are what makes a line of interest whatever it says: a byte that no text
// has, and a message that the journal writes as numbers because it is no UTF-8.
var formatTriggers = []string{"\x00", `"MESSAGE":[`, `"MESSAGE" : [`}

// newScanner builds the automaton. The words have no line feed, so that none is behind a
// state but the first.
func newScanner(words []string) *scanner {
	s := &scanner{}
	classes := uint32(1)
	for _, w := range words {
		for _, b := range []byte(w) {
			if s.class[b] == 0 {
				s.class[b] = classes
				classes++
			}
		}
	}
	t := trie{classes: int(classes), children: [][]int{make([]int, classes)}, ends: []bool{false}}
	for _, w := range words {
		t.add(w, &s.class)
	}
	s.next = t.automaton()
	return s
}

// trie holds words by their prefixes; a child 0 is none.
type trie struct {
	classes  int
	children [][]int
	ends     []bool
}

func (t *trie) add(word string, class *[256]uint32) {
	at := 0
	for _, b := range []byte(word) {
		c := class[b]
		if t.children[at][c] == 0 {
			t.children[at][c] = len(t.children)
			t.children = append(t.children, make([]int, t.classes))
			t.ends = append(t.ends, false)
		}
		at = t.children[at][c]
	}
	t.ends[at] = true
}

// automaton gives every state a way on for every class, by way of the longest suffix that
// is a prefix of a word too.
func (t *trie) automaton() []uint32 {
	suffix := make([]int, len(t.children))
	var queue []int
	for _, child := range t.children[0] {
		if child != 0 {
			queue = append(queue, child)
		}
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		t.ends[at] = t.ends[at] || t.ends[suffix[at]]
		for c, child := range t.children[at] {
			if child == 0 {
				t.children[at][c] = t.children[suffix[at]][c]
				continue
			}
			suffix[child] = t.children[suffix[at]][c]
			queue = append(queue, child)
		}
	}
	var out []uint32
	for _, children := range t.children {
		for _, child := range children {
			state := uint32(child * t.classes)
			if t.ends[child] {
				state |= hit
			}
			out = append(out, state)
		}
	}
	return out
}

// marks appends to found where words end in text, in order and of each line the first at
// least.
func (s *scanner) marks(found []int, text []byte) []int {
	if len(text) < 1<<10 {
		return s.lane(found, text, 0)
	}
	var part [lanes][]byte
	from := 0
	for i := range part {
		to := len(text)
		if i < lanes-1 {
			to = max(from, len(text)*(i+1)/lanes)
			if n := bytes.IndexByte(text[to:], '\n'); n >= 0 {
				to += n + 1
			} else {
				to = len(text)
			}
		}
		part[i] = text[from:to]
		from = to
	}
	return s.sideBySide(found, text, part)
}

// sideBySide goes through all parts at once as far as the shortest is, and then through
// what is left of each.
func (s *scanner) sideBySide(found []int, text []byte, part [lanes][]byte) []int {
	n := min(len(part[0]), len(part[1]), len(part[2]), len(part[3]))
	p0, p1, p2, p3 := part[0][:n], part[1][:n], part[2][:n], part[3][:n]
	next, class := s.next, &s.class
	var in [lanes][]int
	var s0, s1, s2, s3 uint32
	for i := range n {
		s0 = next[s0&^hit+class[p0[i]]]
		s1 = next[s1&^hit+class[p1[i]]]
		s2 = next[s2&^hit+class[p2[i]]]
		s3 = next[s3&^hit+class[p3[i]]]
		if (s0|s1|s2|s3)&hit != 0 {
			for l, state := range [lanes]uint32{s0, s1, s2, s3} {
				if state&hit != 0 {
					in[l] = append(in[l], i)
				}
			}
		}
	}
	from := 0
	for l, state := range [lanes]uint32{s0, s1, s2, s3} {
		for _, i := range in[l] {
			found = append(found, from+i)
		}
		found = s.run(found, text[from+n:from+len(part[l])], from+n, state)
		from += len(part[l])
	}
	return found
}

func (s *scanner) lane(found []int, text []byte, at int) []int { return s.run(found, text, at, 0) }

// run goes through text, which begins at an offset, from a state.
func (s *scanner) run(found []int, text []byte, at int, state uint32) []int {
	for i, b := range text {
		state = s.next[state&^hit+s.class[b]]
		if state&hit != 0 {
			found = append(found, at+i)
		}
	}
	return found
}

// in reports whether text has one of the words.
func (s *scanner) in(text []byte) bool {
	var state uint32
	for _, b := range text {
		if state = s.next[state&^hit+s.class[b]]; state&hit != 0 {
			return true
		}
	}
	return false
}
