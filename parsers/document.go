package parsers

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Bounds of a configuration file. The largest honest ones, kubeconfigs with
// hundreds of clusters, stay far below both.
const (
	maxDocumentBytes = 4 << 20
	// maxSeparators bounds how many nodes the YAML parser can be made to
	// allocate: each needs one of the characters that are counted.
	maxSeparators = 200_000
	// maxDepth bounds how deep fields are followed, aliases included.
	maxDepth = 64
	// maxVisits bounds what one look-up visits, so that aliases of aliases
	// cannot multiply.
	maxVisits = 100_000
)

// Document is one YAML or JSON document of a file.
type Document struct {
	path string
	node *yaml.Node
}

// ParseDocuments reads the documents of a YAML or JSON file. One that is
// malformed is a problem and leaves the others as they are; a key given twice
// in a mapping is a problem beside the document, in which the last one counts.
// An empty file is a problem of [KindEmpty].
func ParseDocuments(path string, data []byte) ([]Document, []Problem) {
	file := Origin{Path: path}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	switch {
	case len(data) > maxDocumentBytes:
		return nil, []Problem{{file, KindLimit, fmt.Sprintf("is larger than %d MiB", maxDocumentBytes>>20)}}
	case countAny(data, "\n,:[{") > maxSeparators:
		return nil, []Problem{{file, KindLimit, fmt.Sprintf("has more than %d fields", maxSeparators)}}
	case bytes.IndexByte(data, 0) >= 0:
		return nil, []Problem{{file, KindSyntax, "is not text: it holds NUL bytes"}}
	}
	var docs []Document
	var problems []Problem
	for _, p := range pieces(data) {
		node, err := parsePiece(p)
		if err != nil {
			problems = append(problems, syntaxProblem(path, p, err))
			continue
		}
		if node == nil {
			continue
		}
		d := Document{path: path, node: node}
		problems = append(problems, d.duplicates()...)
		docs = append(docs, d)
	}
	if len(docs) == 0 && len(problems) == 0 {
		problems = append(problems, Problem{file, KindEmpty, "is empty"})
	}
	return docs, problems
}

func countAny(data []byte, chars string) int {
	n := 0
	for _, c := range []byte(chars) {
		n += bytes.Count(data, []byte{c})
	}
	return n
}

// piece is the text of one document and the number of lines in front of it.
type piece struct {
	text   []byte
	before int
}

// pieces cuts a file at its document markers, which are always at the start of
// a line (YAML 1.2, 9.1.2). A parser alone would stop at the first bad document.
func pieces(data []byte) []piece {
	var out []piece
	current := piece{}
	line, start, at := 0, 0, 0
	for l := range bytes.Lines(data) {
		if isMarker(l) {
			current.text = data[start:at]
			out = append(out, current)
			// what follows "--- " on the line belongs to the next document
			start, current = at+3, piece{before: line}
		}
		at += len(l)
		line++
	}
	current.text = data[min(start, len(data)):]
	return append(out, current)
}

func isMarker(line []byte) bool {
	if !bytes.HasPrefix(line, []byte("---")) && !bytes.HasPrefix(line, []byte("...")) {
		return false
	}
	return len(line) == 3 || strings.ContainsRune(" \t\r\n", rune(line[3]))
}

// parsePiece returns the root of a document, with the lines of the file, or nil
// where there is none.
func parsePiece(p piece) (*yaml.Node, error) {
	node, err := decode(p.text)
	if err != nil && bytes.HasPrefix(bytes.TrimSpace(p.text), []byte("{")) {
		// JSON may be indented by tabs, YAML may not.
		if again, second := decode(bytes.ReplaceAll(p.text, []byte("\t"), []byte(" "))); second == nil {
			node, err = again, nil
		}
	}
	if err != nil || node == nil {
		return nil, err
	}
	shift(node, p.before, 0)
	return node, nil
}

func decode(text []byte) (*yaml.Node, error) {
	var doc yaml.Node
	err := yaml.NewDecoder(bytes.NewReader(text)).Decode(&doc)
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" {
		return nil, nil
	}
	return doc.Content[0], nil
}

// shift moves the lines of a tree. It does not follow aliases: what they lead
// to is part of the tree already.
func shift(n *yaml.Node, lines, depth int) {
	if lines == 0 || depth > maxDepth {
		return
	}
	n.Line += lines
	for _, c := range n.Content {
		shift(c, lines, depth+1)
	}
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

func syntaxProblem(path string, p piece, err error) Problem {
	message := err.Error()
	at := Origin{Path: path}
	if m := yamlLine.FindStringSubmatch(message); m != nil {
		message = message[len(m[0]):]
		if n, convErr := strconv.Atoi(m[1]); convErr == nil {
			// the parser may count one line past the end
			at.Line = p.before + max(1, min(n, bytes.Count(p.text, []byte("\n"))+1))
		}
	}
	detail := "is neither YAML nor JSON: " + message
	if bytes.Contains(p.text, []byte("{{")) {
		detail += "; it looks like a template that was not rendered"
	}
	return Problem{at, KindSyntax, detail}
}

// duplicates reports the keys that a mapping holds twice.
func (d Document) duplicates() []Problem {
	var problems []Problem
	var walk func(it item, depth int)
	walk = func(it item, depth int) {
		if depth > maxDepth {
			return
		}
		seen := map[string]int{}
		for i, c := range it.node.Content {
			if it.node.Kind != yaml.MappingNode {
				walk(item{d.path, c, fmt.Sprintf("%s[%d]", it.field, i), nil}, depth+1)
				continue
			}
			if i%2 != 0 {
				continue
			}
			child := item{d.path, it.node.Content[i+1], join(it.field, c.Value), nil}
			if line, twice := seen[c.Value]; twice {
				problems = append(problems, Problem{Origin{d.path, c.Line, child.field}, KindSyntax,
					fmt.Sprintf("is given twice; the first is on line %d, the last one counts", line)})
			} else {
				seen[c.Value] = c.Line
			}
			walk(child, depth+1)
		}
	}
	walk(d.item(nil), 0)
	return problems
}

// APIVersion is the document's apiVersion, or "".
func (d Document) APIVersion() string { return d.First("apiVersion").Value }

// Kind is the document's kind, or "".
func (d Document) Kind() string { return d.First("kind").Value }

// Line is where the document begins.
func (d Document) Line() int { return d.node.Line }

// Find returns the scalars that a pattern leads to, in order. A pattern is a
// path of keys with dots between them; "[]" behind a key stands for every
// element of a list, and the key "*" for every key. The Field of an origin is
// the concrete path, "users[0].user.client-key". What is null, or no scalar, is
// left out.
func (d Document) Find(pattern string) []Text {
	var out []Text
	for _, it := range d.At(pattern) {
		if t := it.Text(); !t.IsZero() {
			out = append(out, t)
		}
	}
	return out
}

// First returns the first scalar that a pattern leads to, or the zero Text.
func (d Document) First(pattern string) Text {
	found := d.Find(pattern)
	if len(found) == 0 {
		return Text{}
	}
	return found[0]
}

// At returns what a pattern of [Document.Find] leads to, scalar or not.
func (d Document) At(pattern string) []Item {
	visits := maxVisits
	current := []item{d.item(nil)}
	for step := range strings.SplitSeq(pattern, ".") {
		key, list := strings.CutSuffix(step, "[]")
		var next []item
		for _, it := range current {
			next = append(next, it.step(key, list, &visits)...)
		}
		current = next
	}
	out := make([]Item, len(current))
	for i, it := range current {
		out[i] = Item{it}
	}
	return out
}

// Item is a place in a document.
type Item struct{ item }

// Text returns the scalar that stands there, or the zero Text.
func (i Item) Text() Text { return i.text() }

func (d Document) item(problems *[]Problem) item { return item{d.path, d.node, "", problems} }

// item is a node with its path. Shape errors go to problems, unless it is nil.
type item struct {
	path     string
	node     *yaml.Node
	field    string
	problems *[]Problem
}

func (it item) origin() Origin { return Origin{it.path, it.node.Line, it.field} }

func (it item) problem(kind Kind, detail string) {
	if it.problems != nil {
		*it.problems = append(*it.problems, Problem{it.origin(), kind, detail})
	}
}

// step follows one step of a pattern.
func (it item) step(key string, list bool, visits *int) []item {
	var found []item
	switch {
	case key == "*":
		found = it.children()
	default:
		if c, ok := it.get(key); ok {
			found = []item{c}
		}
	}
	if list {
		var elements []item
		for _, f := range found {
			elements = append(elements, f.elements()...)
		}
		found = elements
	}
	found = found[:min(len(found), max(*visits, 0))]
	*visits -= len(found) + 1
	return found
}

// resolved follows aliases, of which there may be a chain.
func resolved(n *yaml.Node) *yaml.Node {
	for range maxDepth {
		if n.Kind != yaml.AliasNode || n.Alias == nil {
			return n
		}
		n = n.Alias
	}
	return &yaml.Node{}
}

// get returns the value of a key, those that a merge key brings included. null
// is as good as absent.
func (it item) get(key string) (item, bool) {
	v := lookup(it.node, key, 0)
	if v == nil || resolved(v).Tag == "!!null" {
		return item{}, false
	}
	return item{it.path, v, join(it.field, key), it.problems}, true
}

func lookup(n *yaml.Node, key string, depth int) *yaml.Node {
	n = resolved(n)
	if n.Kind != yaml.MappingNode || depth > 8 {
		return nil
	}
	var merges []*yaml.Node
	for i := len(n.Content) - 2; i >= 0; i -= 2 {
		switch k := n.Content[i]; {
		case k.Value == key:
			return n.Content[i+1]
		case k.Tag == "!!merge":
			merges = append(merges, n.Content[i+1])
		}
	}
	for _, m := range merges {
		if v := lookupMerged(m, key, depth+1); v != nil {
			return v
		}
	}
	return nil
}

func lookupMerged(m *yaml.Node, key string, depth int) *yaml.Node {
	m = resolved(m)
	if m.Kind != yaml.SequenceNode {
		return lookup(m, key, depth)
	}
	for _, c := range m.Content[:min(len(m.Content), maxDepth)] {
		if v := lookup(c, key, depth); v != nil {
			return v
		}
	}
	return nil
}

// children returns the values of a mapping in order.
func (it item) children() []item {
	n := resolved(it.node)
	if n.Kind != yaml.MappingNode {
		return nil
	}
	var out []item
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Tag != "!!merge" {
			out = append(out, item{it.path, n.Content[i+1], join(it.field, n.Content[i].Value), it.problems})
		}
	}
	return out
}

// elements returns the elements of a list; none, and a problem, where there is
// something else.
func (it item) elements() []item {
	n := resolved(it.node)
	if n.Kind != yaml.SequenceNode {
		it.problem(KindSyntax, "is no list, as it should be")
		return nil
	}
	out := make([]item, len(n.Content))
	for i, c := range n.Content {
		out[i] = item{it.path, c, fmt.Sprintf("%s[%d]", it.field, i), it.problems}
	}
	return out
}

// text returns the scalar at an item; null is the zero Text.
func (it item) text() Text {
	n := resolved(it.node)
	if n.Kind != yaml.ScalarNode {
		it.problem(KindSyntax, "is no text, as it should be")
		return Text{}
	}
	if n.Tag == "!!null" {
		return Text{}
	}
	return Text{n.Value, it.origin()}
}

// list, textOf and texts read a key of a mapping.
func (it item) list(key string) []item {
	c, ok := it.get(key)
	if !ok {
		return nil
	}
	return c.elements()
}

func (it item) textOf(key string) Text {
	c, ok := it.get(key)
	if !ok {
		return Text{}
	}
	return c.text()
}

func (it item) texts(key string) []Text {
	var out []Text
	for _, c := range it.list(key) {
		if t := c.text(); !t.IsZero() {
			out = append(out, t)
		}
	}
	return out
}

func (it item) truth(key string) bool { return isTrue(it.textOf(key).Value) }

// isTrue knows the spellings of YAML 1.1, which Kubernetes reads.
func isTrue(s string) bool {
	return slices.Contains([]string{"true", "yes", "on", "y"}, strings.ToLower(s))
}

// join appends a key to the path of a field; one with dots in it is quoted.
func join(field, key string) string {
	if strings.ContainsAny(key, ".[]") {
		return fmt.Sprintf("%s[%q]", field, key)
	}
	if field == "" {
		return key
	}
	return field + "." + key
}
