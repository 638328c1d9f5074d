package parsers

import (
	"encoding/base64"
	"fmt"
	"path"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

// documentAt is what a test sees of a document: its line, and the scalars that
// its keys hold.
type documentAt struct {
	Line  int
	Texts []Text
}

// doc is a document of pod.yaml.
func doc(line int, texts ...Text) documentAt { return documentAt{line, texts} }

// textAt is a scalar of pod.yaml.
func textAt(line int, field, value string) Text {
	return Text{Value: value, Origin: Origin{Path: "pod.yaml", Line: line, Field: field}}
}

func notYAML(line int, message string) Problem {
	return problemAt(line, "", KindSyntax, "is neither YAML nor JSON: "+message)
}

const (
	misindented = "; line %d is not indented as the line above; YAML wants spaces"
	notRendered = "; it looks like a template that was not rendered"
	noText      = "is no text, as it should be"
	noTruth     = "is no true or false without quotes, as it should be"
	noList      = "is no list, as it should be"
	noMapping   = "is no mapping, as it should be"
	endless     = "an alias stands inside of what it stands for"
	tooLarge    = "has more than 500000 fields when its aliases are followed"
	tooNested   = "is nested more than 64 deep"
)

func twice(line int, field string, first int) Problem {
	return problemAt(line, field, KindSyntax, fmt.Sprintf("is given twice; the first is on line %d, the last one counts", first))
}

// parse parses a text as pod.yaml and returns its only document, which has no
// problem.
func parse(t *testing.T, text string) Document {
	t.Helper()
	docs, problems := ParseDocuments("pod.yaml", []byte(text))
	if len(docs) != 1 || len(problems) != 0 {
		t.Fatalf("%d documents, problems %+v", len(docs), problems)
	}
	return docs[0]
}

func TestParseDocuments(t *testing.T) {
	one := func(texts ...Text) []documentAt { return []documentAt{doc(1, texts...)} }
	a := func(line int) documentAt { return doc(line, textAt(line, "a", "1")) }
	b := func(line int) documentAt { return doc(line, textAt(line, "b", "2")) }
	c := func(line int) documentAt { return doc(line, textAt(line, "c", "3")) }
	empty := []Problem{problemAt(0, "", KindEmpty, "is empty")}
	tests := []struct {
		name     string
		text     string
		want     []documentAt
		problems []Problem
	}{
		{"YAML", "a: 1\nb:\n- x\nc: 'y'\n", one(textAt(1, "a", "1"), textAt(4, "c", "y")), nil},
		{"JSON", `{"a": 1, "b": ["x"], "c": "y\u0041\/"}`, one(textAt(1, "a", "1"), textAt(1, "c", "yA/")), nil},
		{"JSON escapes", "{\"a\": \"\\ud83d\\uDE00\\\\/\\\\ud83d\",\n\"b\": \"https:\\/\\/x\\n\"}", one(textAt(1, "a", "\U0001f600\\/\\ud83d"), textAt(2, "b", "https://x\n")), nil},
		{"JSON escapes behind a marker", "a: 1\n--- {\"b\": \"\\/2\"}", []documentAt{a(1), doc(2, textAt(2, "b", "/2"))}, nil},
		{"JSON on lines", "{\n  \"a\": 1,\n  \"c\":\"y\"\n}\n", one(textAt(2, "a", "1"), textAt(3, "c", "y")), nil},
		{"JSON indented by tabs", "{\n\t\"a\": 1,\n\t\"c\":\t\"y\"\n}\n", one(textAt(2, "a", "1"), textAt(3, "c", "y")), nil},
		{"JSON with tabs behind a marker", "a: 1\n---\n{\n\t\"c\": \"3\"\n}\n",
			[]documentAt{a(1), doc(3, textAt(4, "c", "3"))}, nil},
		{"a tab in a JSON string", "{\"a\": \"x\ty\"}", one(textAt(1, "a", "x\ty")), nil},
		{"bad JSON with tabs", "{\n\t\"a\" 1\n}\n", nil, []Problem{notYAML(2, "did not find expected ',' or '}'")}},
		{"JSON after JSON", "{\"a\": 1}\n{\"b\": 2}\n", []documentAt{a(1)}, []Problem{notYAML(2, "did not find expected <document start>")}},

		{"empty", "", nil, empty},
		{"blanks", " \n\n \n", nil, empty},
		{"comments", "# one\n\n  # two", nil, empty},
		{"markers", "---\n---\n...\n# c\n---", nil, empty},
		{"null", "---\nnull\n--- ~\n", nil, empty},
		{"BOM alone", "\ufeff", nil, empty},
		{"a scalar", "hello\n", one(), nil},
		{"a list", "- a: 1\n", one(), nil},
		{"NUL bytes", "a: 1\n\x00", nil, []Problem{problemAt(0, "", KindSyntax, "is not text: it holds NUL bytes")}},
		{"UTF-16", "\xff\xfea\x00:\x00", nil, []Problem{problemAt(0, "", KindSyntax, "is not text: it holds NUL bytes")}},

		{"what stands behind an end", "a: 1\n... ]\n---\nc: 3\n", []documentAt{a(1), c(4)}, []Problem{notYAML(2, "did not find expected node content")}},
		{"BOM", "\ufeffa: 1\n", []documentAt{a(1)}, nil},
		{"BOM and JSON escapes", "\ufeff{\"b\": \"\\/2\"}", one(textAt(1, "b", "/2")), nil},
		{"CRLF", "a: 1\r\n---\r\nb: 2\r\n...\r\nc: 3\r\n", []documentAt{a(1), b(3), c(5)}, nil},
		{"CR", "a: 1\r---\rb: 2", []documentAt{a(1), b(3)}, nil},
		{"a bad line of CRLF", "a: 1\r\n\r\nb: @\r\n", nil, []Problem{notYAML(3, "found character that cannot start any token")}},
		{"breaks of YAML 1.1", "a: 1\u2028---\u0085b: 2\n", []documentAt{a(1), b(1)}, nil},

		{"documents", "# c\na: 1\n---\n# c\n\nb: 2\n--- # c\nc: 3", []documentAt{a(2), b(6), c(8)}, nil},
		{"content on the marker's line", "--- {a: 1}\n--- &x {b: 2}\n---\t{c: 3}\n--- |\n  text\n",
			[]documentAt{a(1), b(2), c(3), doc(4)}, nil},
		{"a mapping on the marker's line", "--- a: 1\n---\nb: 2\n", []documentAt{b(3)},
			[]Problem{notYAML(1, "mapping values are not allowed in this context")}},
		{"end markers", "a: 1\n...\n---\nb: 2\n... # c\n...\nc: 3\n", []documentAt{a(1), b(4), c(7)}, nil},
		{"no markers", "a: 1\nb: |\n  ---\n  ...\nc: x---\n", one(textAt(1, "a", "1"), textAt(2, "b", "---\n...\n"), textAt(5, "c", "x---")), nil},
		{"dashes that are no marker", "----\n", one(), nil},
		{"directives", "%YAML 1.1\n# c\n---\na: 1\n---\nb: 2\n...\n%TAG !e! tag:e,2000:\n---\nc: !e!x 3\n", []documentAt{a(4), b(6), c(10)}, nil},
		{"PEM", "-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n", one(), nil},

		{"a bad document between good ones", "a: 1\n---\n\nb: [\n---\nc: 3\n", []documentAt{a(1), c(6)},
			[]Problem{notYAML(4, "did not find expected node content")}},
		{"a tab between good ones", "a: 1\n---\nb:\n\t- x\n---\nc: 3\n", []documentAt{a(1), c(6)},
			[]Problem{notYAML(4, "found character that cannot start any token; line 4 begins with a tab; YAML wants spaces")}},
		{"an open quote between good ones", "a: 1\n---\nb: '\n---\nc: 3\n", []documentAt{a(1), c(5)},
			[]Problem{notYAML(3, "found unexpected end of stream")}},
		{"Latin-1 between good ones", "a: 1\n---\nb: 2\n# \xfc\n---\nc: 3\n", []documentAt{a(1), c(6)},
			[]Problem{notYAML(4, "invalid leading UTF-8 octet")}},
		{"a bad document first", "a: b: c\n---\nc: 3\n", []documentAt{c(3)},
			[]Problem{notYAML(1, "mapping values are not allowed in this context")}},
		{"two bad documents", "a: @\n---\nb: 2\n---\n\n- a\nb\n", []documentAt{b(3)},
			[]Problem{notYAML(1, "found character that cannot start any token"), notYAML(7, "could not find expected ':'"+fmt.Sprintf(misindented, 7))}},
		{"a lost indentation", "# c\n\na: 1\nb:\n  c: 1\n d: 2\n", nil, []Problem{notYAML(6, "did not find expected key"+fmt.Sprintf(misindented, 6))}},
		{"a lost indentation, first line", "a: 1\nb:\n  c: 1\n d: 2\n", nil, []Problem{notYAML(4, "did not find expected key"+fmt.Sprintf(misindented, 4))}},
		{"an open flow list", "\na:\n- [x,\n", nil, []Problem{notYAML(3, "did not find expected node content")}},
		{"a list in a mapping", "a: 1\n- b\n", nil, []Problem{notYAML(2, "did not find expected key")}},
		{"text behind the document", "a: 1\n...\n  - b\n c: d\n---\nc: 3\n", []documentAt{a(1), doc(3), c(6)},
			[]Problem{notYAML(4, "did not find expected <document start>"+fmt.Sprintf(misindented, 4))}},
		{"control character", "a: 1\nb: \x01\n", nil, []Problem{notYAML(2, "control characters are not allowed")}},
		{"an anchor that is not there", "a: 1\nb: *c\n", nil, []Problem{notYAML(2, "unknown anchor 'c' referenced")}},
		{"an anchor of another document", "a: &x 1\n---\nb: *x\n", []documentAt{a(1)}, []Problem{notYAML(3, "unknown anchor 'x' referenced")}},
		{"an unknown tag", "a: 1\nb: !x!y z\n", nil, []Problem{notYAML(2, "found undefined tag handle")}},

		{"template", "a: 1\n---\nb: 1\n{{ if .X }}\n---\nc: 3\n", []documentAt{a(1), c(6)},
			[]Problem{notYAML(4, "could not find expected ':'"+notRendered)}},
		{"template of values", "a: x-{{ .X }}\nb: \"{{ .Y }}\"\n", one(textAt(1, "a", "x-{{ .X }}"), textAt(2, "b", "{{ .Y }}")), nil},

		{"duplicate keys", "a: 0\nb: 2\na: 1\n", one(textAt(1, "a", "0"), textAt(2, "b", "2"), textAt(3, "a", "1")), []Problem{twice(3, "a", 1)}},
		{"duplicate keys below", "a: 1\n---\nx:\n- y.z: 1\n  'y.z': 2\n  k: {l: 1, l: 2, l: 3}\n", []documentAt{a(1), doc(3)},
			[]Problem{twice(5, `x[0]["y.z"]`, 4), twice(6, "x[0].k.l", 6), twice(6, "x[0].k.l", 6)}},
		{"no duplicate keys", "<<: {a: 1}\n<<: {b: 2}\n? {c: 1}\n: 1\n? {c: 2}\n: 2\n", one(textAt(4, `[""]`, "1"), textAt(6, `[""]`, "2")), nil},

		{"alias to itself", "a: 1\n---\nb: &x\n  c: *x\n---\nc: 3\n", []documentAt{a(1), c(6)}, []Problem{problemAt(4, "", KindSyntax, endless)}},
		{"alias into a document before", "a: &x {b: 1}\u2028---\u2028b: 2\nc: *x\n", []documentAt{doc(1), doc(2, textAt(2, "b", "2"))}, nil},
		{"merge of itself", "a: &x\n  <<: *x\n", nil, []Problem{problemAt(2, "", KindSyntax, endless)}},
		{"aliases of each other", "a: &x [&y [*x]]\nb: *y\n", nil, []Problem{problemAt(1, "", KindSyntax, endless)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			data := []byte(tt.text)
			docs, problems := ParseDocuments("pod.yaml", data)
			var got []documentAt
			for _, d := range docs {
				got = append(got, documentAt{d.Line(), d.Find("*")})
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("documents (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.problems, problems); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if string(data) != tt.text {
				t.Error("the input was changed")
			}
		})
	}
}

// bomb makes n levels of which each repeats the one before nine times, and
// merges the last.
func bomb(n int, repeat string) string {
	var b strings.Builder
	b.WriteString("l0: &l0 {x: 1}\n")
	for i := range n {
		fmt.Fprintf(&b, "l%d: &l%d "+repeat+"\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*l%d, ", i), 9), ", "))
	}
	fmt.Fprintf(&b, "<<: *l%d\n", n)
	return b.String()
}

// mergeChain makes n mappings of which each merges the one before.
func mergeChain(n int) string {
	var b strings.Builder
	b.WriteString("m0: &m0 {kind: Pod}\n")
	for i := range n {
		fmt.Fprintf(&b, "m%d: &m%d {<<: *m%d}\n", i+1, i+1, i)
	}
	fmt.Fprintf(&b, "<<: *m%d\n", n)
	return b.String()
}

// TestParseDocumentsLimits: what is beyond a limit is refused, and what is just
// below it is read, and every look-up in it ends.
func TestParseDocumentsLimits(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	limit := func(line int, detail string) []Problem { return []Problem{problemAt(line, "", KindLimit, detail)} }
	tooDeep := func(line int) []Problem { return limit(line, tooNested) }
	hundred := func(problem func(i int) Problem) []Problem {
		var problems []Problem
		for i := range 100 {
			problems = append(problems, problem(i))
		}
		return append(problems, problemAt(0, "", KindLimit, "has more than 100 problems; the others are left out"))
	}
	longField := strings.Repeat("k", 128) + "….a"
	pods := "kind: PodList\nx: &c {env: [" + strings.Repeat("{name: a},", 5000) + "]}\n" +
		"y: &p {spec: {containers: [" + strings.Repeat("*c,", 5000) + "]}}\nitems: [" + strings.Repeat("*p,", 5000) + "]\n"
	tests := []struct {
		name     string
		text     string
		docs     int
		problems []Problem
	}{
		{"bytes", "a: " + strings.Repeat("x", maxDocumentBytes-3), 1, nil},
		{"too many bytes", "a: " + strings.Repeat("x", maxDocumentBytes-2), 0, limit(0, "is larger than 4 MiB")},
		{"separators", strings.Repeat("- a\n", maxSeparators), 1, nil},
		{"too many separators", strings.Repeat("- a\n", maxSeparators+1), 0, limit(0, "has more than 200000 fields")},
		{"too many separators, YAML 1.1", strings.Repeat("- a\u0085- a\u2028- a\u2029", 66_667), 0, limit(0, "has more than 200000 fields")},
		{"too many separators, CR", strings.Repeat("-\r", maxSeparators+1), 0, limit(0, "has more than 200000 fields")},
		{"depth", nested(65), 1, nil},
		{"too deep", nested(66), 0, tooDeep(1)},
		{"too deep, 10 000", "a: 1\n---\n" + nested(9_999) + "\n---\nb: 1\n", 2, tooDeep(3)},
		{"beyond the parser's depth", nested(20_000), 0, []Problem{notYAML(1, "exceeded max depth of 10000")}},
		{"JSON too deep", strings.Repeat(`{"a":`, 9_999) + "1" + strings.Repeat("}", 9_999), 0, tooDeep(1)},
		{"lists too deep", strings.Repeat("- ", 9_999) + "a", 0, tooDeep(1)},
		{"keys too deep", strings.Repeat("? ", 9_999) + "a", 0, tooDeep(1)},
		{"billion laughs", bomb(9, "[%s]"), 0, limit(7, tooLarge)},
		{"fewer laughs", bomb(4, "[%s]"), 1, nil},
		{"a billion merges", bomb(9, "{<<: [%s]}"), 0, limit(7, tooLarge)},
		{"fewer merges", bomb(4, "{<<: [%s]}"), 1, nil},
		{"pods of containers of variables", pods, 0, limit(3, tooLarge)},
		{"merge chain", mergeChain(300), 1, nil},
		{"merge chain too long", mergeChain(10_000), 0, limit(706, tooLarge)},
		{"duplicate keys", strings.Repeat("a: 1\n", 90_000), 1, hundred(func(i int) Problem { return twice(i+2, "a", 1) })},
		{"bad documents", strings.Repeat("a: @\n---\n", 60_000), 0,
			hundred(func(i int) Problem { return notYAML(2*i+1, "found character that cannot start any token") })},
		{"a long key", "? " + strings.Repeat("k", 2<<20) + "\n: [" + strings.Repeat("1,", 190_000) + "]\n", 1, nil},
		{"keys given twice below a long one", "? " + strings.Repeat("k", 1<<20) + "\n: {" + strings.Repeat("a,", 50_000) + "}\n", 1,
			hundred(func(int) Problem { return twice(2, longField, 2) })},
		{"blanks", strings.Repeat(" ", maxDocumentBytes), 0, []Problem{problemAt(0, "", KindEmpty, "is empty")}},
		{"comments", strings.Repeat("#\n", maxSeparators), 0, []Problem{problemAt(0, "", KindEmpty, "is empty")}},
		{"markers", strings.Repeat("---\n", maxSeparators), 0, []Problem{problemAt(0, "", KindEmpty, "is empty")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			docs, problems := ParseDocuments("pod.yaml", []byte(tt.text))
			if len(docs) != tt.docs {
				t.Errorf("%d documents, want %d", len(docs), tt.docs)
			}
			if diff := cmp.Diff(tt.problems, problems); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			for _, d := range docs {
				lookUp(d)
			}
		})
	}
}

// lookUp uses every function of a document.
func lookUp(d Document) (Kubeconfig, []Pod) {
	for _, pattern := range []string{"*", "*[]", "*.*[].*", "kind", "nothing"} {
		d.Find(pattern)
		d.At(pattern)
	}
	k, _ := d.Kubeconfig()
	return k, d.Pods()
}

func TestMergeChainIsFollowed(t *testing.T) {
	d := parse(t, mergeChain(300))
	if diff := cmp.Diff(textAt(302, "kind", "Pod"), Text{d.Kind(), Origin{"pod.yaml", d.Line() + 301, "kind"}}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

var findText = `apiVersion: v1
kind: Pod
data:
  tls.crt: one
  "a[0]": two
  "": three
  "quo\"te": four
  "two words": five
list: [a, null, {b: c}, 'null', "", [d]]
none: null
tilde: ~
blank:
number: "0123"
yes: yes
block: |
  line
  line
folded: >-
  one
  two
base: &base
  name: base
  port: 1
  only: base
other: &other {port: 2, more: other}
merged:
  <<: [*base, *other]
  name: own
  only: null
users:
- &u
  user: {client-key: /a}
- user: {client-key: 7}
- *u
- name: x
nested: [[a, b], [c]]
long: {? ` + longKey + ` : deep}
last: 1
last: 2
`

var longKey = strings.Repeat("ä", 65)

func TestFind(t *testing.T) {
	docs, _ := ParseDocuments("pod.yaml", []byte(findText))
	if len(docs) != 1 {
		t.Fatalf("%d documents", len(docs))
	}
	tests := []struct {
		pattern string
		want    []Text
	}{
		{"kind", []Text{textAt(2, "kind", "Pod")}},
		{"data.*", []Text{textAt(4, `data["tls.crt"]`, "one"), textAt(5, `data["a[0]"]`, "two"), textAt(6, `data[""]`, "three"),
			textAt(7, `data["quo\"te"]`, "four"), textAt(8, `data["two words"]`, "five")}},
		{"data", nil},
		{"data[]", nil},
		{"data.tls.crt", nil},
		{"kind.x", nil},
		{"absent", nil},
		{"absent.x[]", nil},
		{"", nil},
		{"list[]", []Text{textAt(9, "list[0]", "a"), textAt(9, "list[3]", "null"), textAt(9, "list[4]", "")}},
		{"list[].b", []Text{textAt(9, "list[2].b", "c")}},
		{"none", nil},
		{"tilde", nil},
		{"blank", nil},
		{"number", []Text{textAt(13, "number", "0123")}},
		{"yes", []Text{textAt(14, "yes", "yes")}},
		{"block", []Text{textAt(15, "block", "line\nline\n")}},
		{"folded", []Text{textAt(18, "folded", "one two")}},
		{"merged.name", []Text{textAt(28, "merged.name", "own")}},
		{"merged.port", []Text{textAt(23, "merged.port", "1")}},
		{"merged.more", []Text{textAt(25, "merged.more", "other")}},
		{"merged.only", nil},
		{"merged.*", []Text{textAt(28, "merged.name", "own")}},
		{"users[].user.client-key", []Text{textAt(32, "users[0].user.client-key", "/a"), textAt(33, "users[1].user.client-key", "7"),
			textAt(32, "users[2].user.client-key", "/a")}},
		{"users[].*", []Text{textAt(35, "users[3].name", "x")}},
		{"*[].user.client-key", []Text{textAt(32, "users[0].user.client-key", "/a"), textAt(33, "users[1].user.client-key", "7"),
			textAt(32, "users[2].user.client-key", "/a")}},
		{"nested[]", nil},
		{"long.*", []Text{textAt(37, "long."+strings.Repeat("ä", 64)+"…", "deep")}},
		{"last", []Text{textAt(39, "last", "2")}},
	}
	for _, tt := range tests {
		t.Run(tt.pattern, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, docs[0].Find(tt.pattern)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			first := Text{}
			if len(tt.want) > 0 {
				first = tt.want[0]
			}
			if diff := cmp.Diff(first, docs[0].First(tt.pattern)); diff != "" {
				t.Errorf("First (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAt: At returns mappings and lists too, in the place of which Text gives
// nothing.
func TestAt(t *testing.T) {
	docs, _ := ParseDocuments("pod.yaml", []byte(findText))
	tests := []struct {
		pattern string
		want    []Text
	}{
		{"data", []Text{{}}},
		{"list[]", []Text{textAt(9, "list[0]", "a"), {}, {}, textAt(9, "list[3]", "null"), textAt(9, "list[4]", ""), {}}},
		{"none", nil},
		{"users[]", []Text{{}, {}, {}, {}}},
		{"users", []Text{{}}},
	}
	for _, tt := range tests {
		var got []Text
		for _, it := range docs[0].At(tt.pattern) {
			got = append(got, it.Text())
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("At(%q) (-want +got):\n%s", tt.pattern, diff)
		}
	}
}

func TestDocumentKind(t *testing.T) {
	tests := []struct{ text, apiVersion, kind string }{
		{"apiVersion: v1\nkind: Pod\n", "v1", "Pod"},
		{"apiVersion: 1\nkind: [Pod]\n", "1", ""},
		{"kind: null\n", "", ""},
		{"- kind: Pod\n", "", ""},
		{"Pod", "", ""},
	}
	for _, tt := range tests {
		d := parse(t, tt.text)
		if d.APIVersion() != tt.apiVersion || d.Kind() != tt.kind {
			t.Errorf("%q: %q, %q, want %q, %q", tt.text, d.APIVersion(), d.Kind(), tt.apiVersion, tt.kind)
		}
	}
}

// keyMarks are the starts of the forms of a private key in a text: its PEM,
// and the base64 of that.
var keyMarks = []string{"-----BEGIN ", "LS0tLS1CRUdJTi"}

// keyIsElsewhere reports whether a scalar holds a private key, or part of one,
// and is none of the fields in which it may be taken for material.
func keyIsElsewhere(n *yaml.Node, secrets map[string]bool) bool {
	expected := map[string]bool{"client-key": true, "client-key-data": true, "client-certificate": true,
		"client-certificate-data": true, "certificate-authority": true, "certificate-authority-data": true}
	var walk func(n *yaml.Node, key string) bool
	walk = func(n *yaml.Node, key string) bool {
		if n.Kind == yaml.ScalarNode && hasSecret(n.Value, secrets) {
			// what begins in the middle of a key is no key to anybody
			return !expected[key] || !strings.HasSuffix(key, "-data") && !startsAny(n.Value, keyMarks)
		}
		for i, c := range n.Content {
			below := ""
			if n.Kind == yaml.MappingNode && i%2 == 1 {
				below = n.Content[i-1].Value
			}
			if walk(c, below) {
				return true
			}
		}
		return n.Anchor != ""
	}
	return walk(n, "")
}

func startsAny(text string, marks []string) bool {
	for _, m := range marks {
		if strings.HasPrefix(text, m) {
			return true
		}
	}
	return false
}

func hasSecret(text string, secrets map[string]bool) bool {
	for i := range len(text) - 23 {
		if secrets[text[i:i+24]] {
			return true
		}
	}
	return false
}

// embeddedSecrets adds the base64 of each key file to the secrets: that is how
// a kubeconfig holds it.
func embeddedSecrets(t testing.TB) map[string]bool {
	found := secrets(t)
	for _, name := range keyFiles {
		text := base64.StdEncoding.EncodeToString(testFile(t, name))
		// the first and the last line are the same for all keys
		for i := 48; i+24 <= len(text)-48; i++ {
			found[text[i:i+24]] = true
		}
	}
	return found
}

// keyKubeconfigs are kubeconfigs with private keys in sound and in wrong places.
func keyKubeconfigs(t testing.TB) []string {
	var texts []string
	for _, name := range keyFiles {
		data := testFile(t, name)
		b64 := base64.StdEncoding.EncodeToString(data)
		indented := "|\n      " + strings.ReplaceAll(strings.TrimSpace(string(data)), "\n", "\n      ")
		values := []string{b64, `"` + b64 + `"`, b64[:len(b64)/2] + "\n      " + b64[len(b64)/2:], "|\n      " + b64, b64 + "*", b64[:len(b64)/3] + "=="}
		if path.Ext(name) == ".pem" {
			values = append(values, indented)
		}
		for _, value := range values {
			for _, field := range []string{"client-key-data", "client-certificate-data", "client-key"} {
				if field == "client-key" && path.Ext(name) != ".pem" {
					continue
				}
				texts = append(texts, "apiVersion: v1\nkind: Config\nusers:\n- name: a\n  user:\n    "+field+": "+value+"\n- name: a\n  user: {}\n")
			}
		}
	}
	return texts
}

func TestKubeconfigKeepsSecrets(t *testing.T) {
	secrets := embeddedSecrets(t)
	for _, text := range keyKubeconfigs(t) {
		docs, problems := ParseDocuments("/p", []byte(text))
		if len(docs) != 1 || len(problems) > 0 {
			t.Fatalf("%d documents, problems %+v of %s", len(docs), problems, text)
		}
		if !hasSecret(text, secrets) {
			t.Fatalf("no test of a key: %s", text)
		}
		k, ok := docs[0].Kubeconfig()
		if !ok {
			t.Fatalf("no kubeconfig: %s", text)
		}
		if shown := fmt.Sprintf("%+v", k); hasSecret(shown, secrets) {
			t.Errorf("a private key shows in %s", shown)
		}
	}
}

func FuzzParseDocuments(f *testing.F) {
	for _, seed := range []string{
		findText, podText, kubeconfigText, mergeChain(5), bomb(3, "[%s]"), bomb(3, "{<<: [%s]}"),
		"a: 1\n---\nb: [\n--- {c: 3}\n...\n%YAML 1.1\n---\n- d\n",
		"\ufeff{\r\n\t\"a\": \"\\u0041\",\r\n\t\"b\": [1, {\"c\": null}]\r\n}\r\n",
		"a: 1\u2028---\u0085b: 2\u2029# c\n# \xfc\n", "a: &x\n  <<: *x\n", "a: {{ .X }}\nb: \x01\n# tail\n\n\n# tail\n",
		"? {a: b}\n: c\n? [d]\n: &e !!str >-\n  f\n *e : g\n",
		"kind: List\nitems:\n- kind: Pod\n  spec: &s {containers: [{command: [a, {b: c}], env: [{name: x, value: y}]}], volumes: x}\n- kind: Pod\n  spec: *s\n",
	} {
		f.Add([]byte(seed))
	}
	for _, seed := range keyKubeconfigs(f)[:8] {
		f.Add([]byte(seed))
	}
	secrets := embeddedSecrets(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		before := string(data)
		docs, problems := ParseDocuments("/p", data)
		if string(data) != before {
			t.Fatal("the input was changed")
		}
		if len(docs)+len(problems) == 0 {
			t.Fatal("nothing was found and nothing said")
		}
		lines := strings.Count(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.TrimSuffix(before, "\n")), "\n") + 1
		check := func(problems []Problem) {
			t.Helper()
			checkProblems(t, problems, lines)
			for _, p := range problems {
				if p.Origin.Path != "/p" || p.Origin.Line < 0 || !utf8.ValidString(p.Detail) || !utf8.ValidString(p.Origin.Field) {
					t.Errorf("bad problem %+v", p)
				}
			}
			if len(problems) > maxProblems+1 {
				t.Errorf("%d problems", len(problems))
			}
		}
		check(problems)
		previous := 0
		for _, d := range docs {
			if d.Line() < max(1, previous) || d.Line() > lines {
				t.Errorf("document on line %d after %d in %d lines", d.Line(), previous, lines)
			}
			previous = d.Line()
			for _, text := range d.Find("*") {
				if text.Origin.Line < 1 || text.Origin.Line > lines || text.Origin.Field == "" {
					t.Errorf("text %+v stands nowhere", text)
				}
			}
			k, pods := lookUp(d)
			for _, p := range pods {
				check(p.Problems)
				for _, c := range p.Containers {
					if host, ok := p.HostPath(c, "/etc/kubernetes/pki/ca.crt"); ok && !path.IsAbs(host) {
						t.Errorf("path %q is not absolute", host)
					}
				}
			}
			check(k.Problems)
			k.Current()
			if shown := fmt.Sprintf("%+v", k); hasSecret(shown, secrets) && !keyIsElsewhere(d.node, secrets) {
				t.Errorf("a private key shows in %s", shown)
			}
		}
	})
}
