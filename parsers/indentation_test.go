package parsers

import (
	"fmt"
	"strings"
	"testing"
)

// Of a text that YAML refuses, the line whose indentation is at fault is named;
// of one that fails for another reason, none.
func TestIndentation(t *testing.T) {
	const tab, mixed, off = "begins with a tab; YAML wants spaces", "has a tab in its indentation; YAML wants spaces", "is not indented as the line above; YAML wants spaces"
	for _, tt := range []struct {
		text string
		line int
		why  string
	}{
		{"a: b\n\tc: d\n", 2, tab},
		{"a:\n\tc: d\n", 2, tab},
		{"kind: X\n\nmetadata:\n\tname: x\n", 4, tab},
		{"a:\n  b: c\n  d: e\n\tf: g\n", 4, tab},
		{"a: |\n\tb\n", 2, tab},
		{"a: |\n  b\n\tc\n", 3, tab},
		{"a:\n  b: c\n  \td: e\n", 3, mixed},
		{"a:\n  b: c\n  d: e\n f: g\n", 4, off},
		{"a:\n  b: c\n  d: e\n    f: g\n", 4, off},
		{"a: x\n  b: c\n", 2, off},
		{"a:\n    b: c\n    d: e\n  f: g\n", 4, off},
		{"a:\n  - b: c\n    d: e\n   f: g\n", 4, off},
		{"a:\n  - b: c\n  d: e\n", 3, off},
		{" a: b\nc: d\n", 2, off},
		{"kind: X\nmetadata:\n  name: jane\n spec:\n  request: a\n", 4, off},
		{"spec:\n  usages:\n  - a\n - b\n", 4, off},
		{"spec:\n  request: |\nLS0t\n  usages:\n  - x\n", 3, off},
		{"spec:\n  request: LS0t\nLS0t\n  usages:\n  - x\n", 3, off},
		{"a:\n  b: {c: d,\ne: f}\n g: h\n", 4, off},
		{"a: \"x\n y: z\"\nb:\n  c: d\n e: f\n", 5, off},
		{"a: |\n    b\n  c\nd: e\n", 3, off},
		{"a: |2\n    b\n  c\nd: e: f\n", 0, ""},
		{"a: b: c\n", 0, ""},
		{"[Unit]\nDescription=a: b\nAfter=c\n", 0, ""},
		{"a: 'b\n", 0, ""},
		{"a: {b: c\nd: e\n", 0, ""},
		{"a: *nowhere\n", 0, ""},
		{"a: |\n  b\n   \tc\n  d\ne: {f\n", 0, ""},
	} {
		for _, p := range pieces([]byte(tt.text)) {
			_, err := p.parse()
			if err == nil {
				t.Errorf("%q is sound YAML", tt.text)
				continue
			}
			_, message, _ := strings.Cut(strings.TrimPrefix(err.Error(), "yaml: "), ": ")
			line, why, _ := indentationFault(p.text, message)
			if line != tt.line || why != tt.why {
				t.Errorf("%q: line %d %q, want line %d %q", tt.text, line, why, tt.line, tt.why)
			}
			if got := p.problem("f", err); tt.why != "" && (got.Origin.Line != tt.line || got.Detail[len(got.Detail)-len(tt.why):] != tt.why) {
				t.Errorf("%q: line %d %q", tt.text, got.Origin.Line, got.Detail)
			}
		}
	}
}

// Of what YAML accepts nothing is said.
func TestIndentationOfSoundTexts(t *testing.T) {
	for _, text := range []string{
		"a: b\nc:\n  d: e\n  f:\n  - g\n  - h: i\n    j: k\n  l: m\nn: o\n",
		"- a\n- b: c\n  d: e\n-\n  f: g\n",
		"- - a\n  - b\n- c\n",
		"a:\n- b\n- c:\n  - d\ne: f\n",
		"a: |\n  b: c\n    d\n\n  e\nf: g\n",
		"a: |2\n    b\n  c\nd: e\n",
		"a: >-\n    b\n\n    d\ne: f\n",
		"a: b\n  c\n  d\ne: f\n",
		"a:\n  b\n  c\nd: e\n",
		"a: {b: c,\nd: e,\n\tf: g}\nh: i\n",
		"a: \"b\n\tc: d\n  e\"\nf: g\n",
		"# x\n  # y\na: b\n    # z\nc: d\n",
		"--- # x\na: b\n...\n",
		"a: &x\n  b: c\nd: *x\n",
		"\"a\": b\n'c': d\n",
		"? a\n: b\n",
		"a: http://b\nc: d:e\n",
		"a:   # x\n  b: c\n",
		"a: !!str\n  b\n",
	} {
		if _, err := (piece{text: []byte(text)}).parse(); err != nil {
			t.Errorf("%q is no sound YAML: %v", text, err)
		}
		if line, why, bad := indentationFault([]byte(text), "could not find expected ':'"); bad {
			t.Errorf("%q: %s", text, fmt.Sprint("line ", line, " ", why))
		}
	}
}
