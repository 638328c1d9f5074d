package parsers

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// Bounds of a configuration file. The largest honest ones, kubeconfigs with
// hundreds of clusters, stay far below them.
const (
	maxDocumentBytes = 4 << 20
	// maxSeparators bounds how many nodes the YAML parser can be made to
	// allocate: each needs one of the separators.
	maxSeparators = 200_000
	// maxNodes bounds a document with every alias replaced by what it stands
	// for, and with it the time of any look-up.
	maxNodes = 500_000
	// maxDepth bounds how deep a document is nested.
	maxDepth = 64
	// maxKeyBytesShown bounds what a field repeats of a key.
	maxKeyBytesShown = 128
)

// separators are the marks of which each node of a document needs one: the line
// breaks of YAML 1.1, which the parser follows, among them.
var separators = []string{"\n", ",", ":", "[", "{", "\u0085", "\u2028", "\u2029"}

// Document is one YAML or JSON document of a file.
type Document struct {
	path string
	node *yaml.Node
}

// ParseDocuments reads the documents of a YAML or JSON file. One that is
// malformed is a problem and leaves the others as they are; a key given twice
// in a mapping is a problem beside the document, in which the last one counts.
// An empty file is a problem of [KindEmpty]. Data is not changed.
func ParseDocuments(path string, data []byte) ([]Document, []Problem) {
	file := Origin{Path: path}
	if len(data) > maxDocumentBytes {
		return nil, []Problem{{file, KindLimit, fmt.Sprintf("is larger than %d MiB", maxDocumentBytes>>20)}}
	}
	data = lineFeeds(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")))
	if problem, bad := refusedText(file, data); bad {
		return nil, []Problem{problem}
	}
	var docs []Document
	var problems []Problem
	for _, p := range pieces(data) {
		found, wrong := p.documents(path)
		docs = append(docs, found...)
		for _, problem := range wrong {
			problems = addProblem(problems, problem)
		}
	}
	if len(docs) == 0 && len(problems) == 0 {
		problems = []Problem{{file, KindEmpty, "is empty"}}
	}
	return docs, problems
}

// refusedText says why a text is not handed to the YAML parser.
func refusedText(at Origin, data []byte) (Problem, bool) {
	switch {
	case bytes.IndexByte(data, 0) >= 0:
		return Problem{at, KindSyntax, "is not text: it holds NUL bytes"}, true
	case countAll(data, separators) > maxSeparators:
		return Problem{at, KindLimit, fmt.Sprintf("has more than %d fields", maxSeparators)}, true
	}
	return Problem{}, false
}

// documents parses a piece. A document that is refused is a problem, as is a key
// that is given twice.
func (p piece) documents(path string) (docs []Document, problems []Problem) {
	roots, err := p.parse()
	for _, root := range roots {
		d := Document{path: path, node: root}
		if problem, bad := d.refusal(); bad {
			problems = addProblem(problems, problem)
			continue
		}
		for _, problem := range d.duplicates() {
			problems = addProblem(problems, problem)
		}
		docs = append(docs, d)
	}
	if err != nil {
		problems = addProblem(problems, p.problem(path, err))
	}
	return docs, problems
}

// lineFeeds makes every line break a line feed, as YAML itself does of those in
// a scalar (YAML 1.2.2, 5.4).
func lineFeeds(data []byte) []byte {
	if bytes.IndexByte(data, '\r') < 0 {
		return data
	}
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	return bytes.ReplaceAll(data, []byte("\r"), []byte("\n"))
}

func countAll(data []byte, marks []string) int {
	n := 0
	for _, m := range marks {
		n += bytes.Count(data, []byte(m))
	}
	return n
}

// piece is the text of one document and the number of lines in front of it.
type piece struct {
	text   []byte
	before int
}

// pieces cuts a file in front of its document markers, which are always at the
// start of a line (YAML 1.2.2, 9.1.2). A parser alone would stop at the first
// bad document. The directives and comments in front of a "---" belong to it.
func pieces(data []byte) []piece {
	var out []piece
	start, before, content := 0, 0, false
	at, line := 0, 0
	for l := range bytes.Lines(data) {
		switch {
		case isMarker(l, "---"):
			if content {
				out = append(out, piece{data[start:at], before})
				start, before = at, line
			}
			content = true
		case isMarker(l, "..."):
			out = append(out, piece{data[start:at], before})
			start, before, content = at+3, line, !isPrefix(l[3:])
		case !content:
			content = !isPrefix(l)
		}
		at += len(l)
		line++
	}
	return append(out, piece{data[start:], before})
}

func isMarker(line []byte, marker string) bool {
	rest, ok := bytes.CutPrefix(line, []byte(marker))
	return ok && (len(rest) == 0 || bytes.IndexByte([]byte(" \t\n"), rest[0]) >= 0)
}

// isPrefix reports whether a line is a directive, a comment or blank.
func isPrefix(line []byte) bool {
	text := bytes.TrimSpace(line)
	return len(text) == 0 || text[0] == '#' || line[0] == '%'
}

// parse returns the roots of a piece, with the lines of the file: one, or none
// where there is nothing. An error leaves what stands in front of it.
func (p piece) parse() ([]*yaml.Node, error) {
	if root := p.parseJSON(); root != nil {
		return []*yaml.Node{root}, nil
	}
	roots, err := decode(p.text)
	for _, root := range roots {
		p.shift(root)
	}
	return roots, err
}

// parseJSON returns the root of a piece that is JSON, which is YAML too but for
// its escapes, and many times as fast to read; nil for any other.
func (p piece) parseJSON() *yaml.Node {
	body := bytes.TrimPrefix(p.text, []byte("---"))
	if !bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) || !utf8.Valid(body) || !json.Valid(body) {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	return (&jsonReader{decoder: d, text: body, line: p.before + 1}).value()
}

// jsonReader makes nodes of valid JSON, whose depth encoding/json has bounded.
type jsonReader struct {
	decoder *json.Decoder
	text    []byte
	// line is that of the offset seen.
	line, seen int
}

func (r *jsonReader) value() *yaml.Node {
	token, err := r.decoder.Token()
	if err != nil {
		return nil // the JSON is valid, so there is a token
	}
	// A token ends on the line that it begins on: JSON breaks no string.
	end := int(r.decoder.InputOffset())
	r.line += bytes.Count(r.text[r.seen:end], []byte("\n"))
	r.seen = end
	n := &yaml.Node{Line: r.line, Kind: yaml.ScalarNode}
	switch t := token.(type) {
	case json.Delim:
		n.Kind, n.Tag = yaml.MappingNode, "!!map"
		if t == '[' {
			n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
		}
		for r.decoder.More() {
			n.Content = append(n.Content, r.value())
		}
		_, _ = r.decoder.Token() // the end of it
	case string:
		n.Tag, n.Value, n.Style = "!!str", t, yaml.DoubleQuotedStyle
	case json.Number:
		n.Tag, n.Value = "!!float", t.String()
	case bool:
		n.Tag, n.Value = "!!bool", strconv.FormatBool(t)
	default:
		n.Tag, n.Value = "!!null", "null"
	}
	return n
}

// lines counts the lines of a piece, of which there is at least one.
func (p piece) lines() int {
	return max(1, p.lineAt(len(bytes.TrimSuffix(p.text, []byte("\n")))))
}

// lineAt returns the line of an offset, counted from 1 in the piece.
func (p piece) lineAt(offset int) int {
	return bytes.Count(p.text[:offset], []byte("\n")) + 1
}

// decode reads documents up to the first bad one, without those that are null.
func decode(text []byte) (roots []*yaml.Node, err error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var doc yaml.Node
		err := decoder.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return roots, nil
		}
		if err != nil {
			return roots, err
		}
		if len(doc.Content) > 0 && doc.Content[0].Tag != "!!null" {
			roots = append(roots, doc.Content[0])
		}
	}
}

// shift moves the lines of a tree, whose depth the parser has bounded. It does
// not follow aliases: what they lead to is part of the tree already. The parser
// breaks lines at U+2028 and its like too, where nobody else does.
func (p piece) shift(root *yaml.Node) {
	last := p.lines()
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		n.Line = p.before + min(n.Line, last)
		for _, c := range n.Content {
			walk(c)
		}
	}
	walk(root)
}

var (
	yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)
	// grammarError matches the messages of yaml.v3 parserc.go, whose lines are
	// counted from 0, while those of scannerc.go are counted from 1.
	grammarError  = regexp.MustCompile(`^did not find expected (?:<|node content|'-' indicator|key|',' or)|^found (?:undefined tag handle|duplicate %|incompatible)`)
	unknownAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced`)
)

// problem tells of an error of the YAML parser.
func (p piece) problem(path string, err error) Problem {
	message := err.Error()
	line := 0
	if m := yamlLine.FindStringSubmatch(message); m != nil {
		message = message[len(m[0]):]
		line, _ = strconv.Atoi(m[1]) // 0 where there is none
	}
	switch anchor := unknownAnchor.FindStringSubmatch(message); {
	case grammarError.MatchString(message):
		line++
	case anchor != nil:
		line = p.lineAt(max(0, bytes.Index(p.text, []byte("*"+anchor[1]))))
	case line == 0:
		line = p.lineAt(max(0, bytes.IndexFunc(p.text, isForeign)))
	}
	if bytes.Contains(p.text, []byte("{{")) {
		message += "; it looks like a template that was not rendered"
	} else {
		line, message = p.withIndentation(line, message)
	}
	detail := "is neither YAML nor JSON: " + message
	return Problem{Origin{Path: path, Line: p.before + min(max(1, line), p.lines())}, KindSyntax, detail}
}

// isForeign reports whether a rune cannot stand in YAML (YAML 1.2.2, 5.1).
func isForeign(r rune) bool {
	return r == utf8.RuneError || unicode.IsControl(r) && !strings.ContainsRune("\t\n\u0085", r)
}

// refusal returns why a document is not looked at: it is nested too deep, or
// its aliases, which may stand for aliases, make it too large or endless.
func (d Document) refusal() (Problem, bool) {
	var found []Problem
	refuse := func(n *yaml.Node, kind Kind, detail string) int {
		found = append(found, Problem{Origin{Path: d.path, Line: n.Line}, kind, detail})
		return 0
	}
	const open = -1
	sizes := map[*yaml.Node]int{} // of the nodes that have an anchor
	var size func(n *yaml.Node, depth int) int
	size = func(n *yaml.Node, depth int) int {
		if n.Kind == yaml.AliasNode {
			switch known := sizes[n.Alias]; known {
			case open:
				return refuse(n, KindSyntax, "an alias stands inside of what it stands for")
			case 0:
				return size(n.Alias, depth)
			default:
				return known
			}
		}
		if depth > maxDepth {
			return refuse(n, KindLimit, fmt.Sprintf("is nested more than %d deep", maxDepth))
		}
		if n.Anchor != "" {
			sizes[n] = open
		}
		sum := 1
		for _, c := range n.Content {
			if sum += size(c, depth+1); len(found) > 0 {
				return 0
			}
			if sum > maxNodes {
				return refuse(c, KindLimit, fmt.Sprintf("has more than %d fields when its aliases are followed", maxNodes))
			}
		}
		if n.Anchor != "" {
			sizes[n] = sum
		}
		return sum
	}
	size(d.node, 0)
	if len(found) == 0 {
		return Problem{}, false
	}
	return found[0], true
}

// duplicates reports the keys that a mapping holds twice.
func (d Document) duplicates() []Problem {
	var problems []Problem
	// A field is put together only where it is reported: keys may be long.
	var walk func(n *yaml.Node, field func() string)
	walk = func(n *yaml.Node, field func() string) {
		if n.Kind == yaml.SequenceNode {
			for i, c := range n.Content {
				walk(c, func() string { return fmt.Sprintf("%s[%d]", field(), i) })
			}
			return
		}
		seen := map[string]int{}
		for key, value := range pairs(n) {
			name := keyName(key)
			child := func() string { return join(field(), name) }
			if line, twice := seen[name]; twice && key.Tag != mergeTag && resolved(key).Kind == yaml.ScalarNode {
				problems = addProblem(problems, Problem{Origin{d.path, key.Line, child()}, KindSyntax,
					fmt.Sprintf("is given twice; the first is on line %d, the last one counts", line)})
			} else {
				seen[name] = key.Line
			}
			walk(value, child)
		}
	}
	walk(d.node, func() string { return "" })
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
	current := []item{d.item(nil)}
	for step := range strings.SplitSeq(pattern, ".") {
		key, list := strings.CutSuffix(step, "[]")
		var next []item
		for _, it := range current {
			next = append(next, it.step(key, list)...)
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

// Truth returns the boolean that stands there as Kubernetes reads it, that is by YAML
// 1.1: true, yes, on or y without quotes. ok is false for anything else
// (sigs.k8s.io/yaml goyaml.v2/resolve.go).
func (i Item) Truth() (value, ok bool) {
	n := resolved(i.node)
	if n.Kind != yaml.ScalarNode || n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle|yaml.TaggedStyle) != 0 {
		return false, false
	}
	switch word := n.Value; word {
	case strings.ToLower(word), strings.ToUpper(word), strings.ToUpper(word[:1]) + strings.ToLower(word[1:]):
		return IsTrue(word), IsTrue(word) || slices.Contains([]string{"false", "no", "off", "n"}, strings.ToLower(word))
	}
	return false, false
}

// Field is the concrete path of the place, "webhooks[0].clientConfig".
func (i Item) Field() string { return i.field }

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
		*it.problems = addProblem(*it.problems, Problem{it.origin(), kind, detail})
	}
}

// step follows one step of a pattern.
func (it item) step(key string, list bool) []item {
	var found []item
	switch {
	case key == "*":
		for _, c := range it.entries() {
			found = append(found, c)
		}
	default:
		if c, ok := it.get(key); ok {
			found = []item{c}
		}
	}
	if !list {
		return found
	}
	var elements []item
	for _, f := range found {
		elements = append(elements, f.elements()...)
	}
	return elements
}

// resolved follows an alias. It never leads to another one.
func resolved(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

const mergeTag = "!!merge"

// pairs returns the keys and values of a mapping in order; nothing of any other
// node.
func pairs(n *yaml.Node) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(*yaml.Node, *yaml.Node) bool) {
		if n.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i], n.Content[i+1]) {
				return
			}
		}
	}
}

// keyName is the text of a key, "" of one that is no scalar.
func keyName(key *yaml.Node) string { return resolved(key).Value }

// get returns the value of a key, those that a merge key brings included. null
// is as good as absent.
func (it item) get(key string) (item, bool) {
	v := lookup(it.node, key)
	if v == nil || resolved(v).Tag == "!!null" {
		return item{}, false
	}
	return item{it.path, v, join(it.field, key), it.problems}, true
}

// lookup returns the value of a key, nil if there is none. Of a key given twice
// the last one counts; a key of the mapping itself wins over a merged one
// (yaml.org/type/merge.html).
func lookup(n *yaml.Node, key string) *yaml.Node {
	var own, merged *yaml.Node
	for k, v := range pairs(resolved(n)) {
		switch {
		case k.Tag == mergeTag:
			if found := lookupMerged(v, key); found != nil {
				merged = found
			}
		case keyName(k) == key:
			own = v
		}
	}
	return cmp.Or(own, merged)
}

// lookupMerged looks in the mapping of a merge key, or in several of which the
// first wins.
func lookupMerged(n *yaml.Node, key string) *yaml.Node {
	n = resolved(n)
	if n.Kind != yaml.SequenceNode {
		return lookup(n, key)
	}
	for _, c := range n.Content {
		if v := lookup(c, key); v != nil {
			return v
		}
	}
	return nil
}

// entries returns the keys of a mapping and their values in order, without what
// a merge key brings.
func (it item) entries() iter.Seq2[string, item] {
	return func(yield func(string, item) bool) {
		for k, v := range pairs(resolved(it.node)) {
			if k.Tag == mergeTag {
				continue
			}
			if !yield(keyName(k), item{it.path, v, join(it.field, keyName(k)), it.problems}) {
				return
			}
		}
	}
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

// isMapping reports whether an item has keys; it is a problem if not.
func (it item) isMapping() bool {
	if resolved(it.node).Kind == yaml.MappingNode {
		return true
	}
	it.problem(KindSyntax, "is no mapping, as it should be")
	return false
}

// The functions below read one key of a mapping. That it holds something else
// is a problem.

func (it item) mapping(key string) (item, bool) {
	c, ok := it.get(key)
	return c, ok && c.isMapping()
}

func (it item) list(key string) []item {
	c, ok := it.get(key)
	if !ok {
		return nil
	}
	return c.elements()
}

func (it item) mappings(key string) []item {
	return slices.DeleteFunc(it.list(key), func(c item) bool { return !c.isMapping() })
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

func (it item) truth(key string) bool {
	c, ok := it.get(key)
	if !ok {
		return false
	}
	on, ok := Item{c}.Truth()
	if !ok {
		c.problem(KindSyntax, "is no true or false without quotes, as it should be")
	}
	return on
}

// IsTrue reports whether a scalar is a YAML 1.1 boolean that is true, which is
// how Kubernetes reads them: "true", "yes", "on", "y", in any case.
func IsTrue(s string) bool {
	return slices.Contains([]string{"true", "yes", "on", "y"}, strings.ToLower(s))
}

// join appends a key to the path of a field. One that could be misread there is
// quoted; of a long one the start is given.
func join(field, key string) string {
	key = Clip(key, maxKeyBytesShown)
	quoted := strconv.Quote(key)
	switch {
	case key == "" || strings.ContainsAny(key, ".[] ") || len(quoted) != len(key)+2:
		return field + "[" + quoted + "]"
	case field == "":
		return key
	}
	return field + "." + key
}

// Scalars returns every scalar of the document in order, with its concrete
// field. What aliases lead to is visited once, where it stands.
func (d Document) Scalars() []Text {
	var out []Text
	var walk func(it item, depth int)
	walk = func(it item, depth int) {
		if depth > maxDepth {
			return
		}
		switch it.node.Kind {
		case yaml.MappingNode:
			for _, c := range it.entries() {
				walk(c, depth+1)
			}
		case yaml.SequenceNode:
			for _, c := range it.elements() {
				walk(c, depth+1)
			}
		case yaml.ScalarNode:
			if t := it.text(); !t.IsZero() {
				out = append(out, t)
			}
		}
	}
	walk(d.item(nil), 0)
	return out
}
