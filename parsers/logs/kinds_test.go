package logs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// kindNames are the constants of type Kind, by their values.
func kindNames(t *testing.T) map[Kind]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "event.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := map[Kind]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(v.Names[0].Name, "Kind") {
			names[Kind(strings.Trim(v.Values[0].(*ast.BasicLit).Value, `"`))] = v.Names[0].Name
		}
		return true
	})
	return names
}

// Each kind has one row, and each of its examples says what it is there for.
func TestKinds(t *testing.T) {
	names := kindNames(t)
	seen := map[Kind]bool{}
	for _, k := range Kinds() {
		if names[k.Kind] == "" || seen[k.Kind] {
			t.Errorf("the row %s is of no kind, or there twice", k.Kind)
		}
		seen[k.Kind] = true
		for _, text := range []string{k.Title, k.Severity, k.Meaning, k.SeenBy, k.Look} {
			if text == "" || strings.TrimSpace(text) != text {
				t.Errorf("%s: %q is empty or has spaces around it", k.Kind, text)
			}
		}
		if len(k.Sources) == 0 || len(k.Examples) == 0 {
			t.Errorf("%s has no sources or no examples", k.Kind)
		}
		for _, x := range k.Examples {
			e, uses, suspect := eventOf(Line{Text: x.Text})
			if e == nil || e.Kind != k.Kind || e.Direction != x.Direction || e.Side != x.Side || uses != nil || suspect {
				t.Errorf("%s: %s\nsays %+v, expected %q, %q", k.Kind, x.Text, e, x.Direction, x.Side)
			}
		}
	}
	for kind, name := range names {
		if !seen[kind] {
			t.Errorf("%s has no row", name)
		}
	}
}

// phrasesOf are all phrases with the gates that they stand behind.
func phrasesOf(visit func(f family, gate string, p phrase)) {
	for _, f := range families {
		gates := f.gates
		if gates == nil {
			gates = []string{""}
		}
		for _, gate := range gates {
			for _, p := range f.phrases {
				visit(f, gate, p)
			}
		}
	}
}

func triggered(text string) bool {
	for _, trigger := range triggers {
		if strings.Contains(text, trigger) {
			return true
		}
	}
	return false
}

// Whatever is understood, or looks like TLS, has a trigger.
func TestTriggers(t *testing.T) {
	phrasesOf(func(f family, gate string, p phrase) {
		if !triggered(gate+p.text) && (f.with == nil || slices.ContainsFunc(f.with, func(word string) bool { return !triggered(word) })) {
			t.Errorf("%q has no trigger", gate+p.text)
		}
	})
	for _, u := range uses {
		if !triggered(u.text) {
			t.Errorf("%q has no trigger", u.text)
		}
	}
	for _, word := range suspicions {
		if !triggered(word) {
			t.Errorf("%q has no trigger", word)
		}
	}
	for _, trigger := range triggers {
		for _, other := range triggers {
			if trigger != other && strings.Contains(trigger, other) {
				t.Errorf("%q is a trigger, and so is %q in it", trigger, other)
			}
		}
	}
}

// A phrase that another one before it hides is never found.
func TestPhrasesAreReached(t *testing.T) {
	for _, f := range families {
		for i, p := range f.phrases {
			for _, before := range f.phrases[:i] {
				if strings.HasPrefix(p.text, before.text) && before.fill == nil && f.gates != nil {
					t.Errorf("%q is hidden by %q", p.text, before.text)
				}
			}
		}
	}
}

// FuzzEventOf holds what is promised of any line.
func FuzzEventOf(f *testing.F) {
	for _, k := range Kinds() {
		for _, x := range k.Examples {
			f.Add(x.Text)
		}
	}
	f.Add("http: TLS handshake error from : : x509: certificate is valid for , not ")
	f.Fuzz(func(t *testing.T, text string) {
		e, uses, suspect := eventOf(Line{Source: "-", Number: 1, Text: text})
		if e != nil && (suspect || len(uses) > 0) {
			t.Error("more than one of event, use and suspicion")
		}
		if (e != nil || suspect || len(uses) > 0) && !triggered(text) {
			t.Errorf("%q has no trigger", text)
		}
		for _, u := range uses {
			printed(t, u.Path)
			printed(t, u.Setting)
		}
		printed(t, Printable(text))
		if e == nil {
			return
		}
		if e.At.Text != "" || e.At.Number != 1 || e.Message == "" {
			t.Errorf("%+v", e)
		}
		for _, part := range append(append([]string{e.Peer, e.Name, e.Candidate, e.Message}, e.Valid...), e.Paths...) {
			printed(t, part)
		}
		if len(e.Valid) > maxValid || len(e.Paths) > maxPaths {
			t.Errorf("%d names, %d paths", len(e.Valid), len(e.Paths))
		}
	})
}

// Lines that are made to be slow cost no more than others of their length.
func TestHostileLines(t *testing.T) {
	for _, part := range []string{"x509: ", "/ ", "a/b.crt ", `\"`, `"`, "(", "https://", "tls: \"", "certificate error ", "client: ", "Unauthorized ", ": no such file or directory", "Error: ", "FLAG: --a=/b "} {
		text := strings.Repeat(part, 1<<20/len(part))
		begun := time.Now()
		eventOf(Line{Text: text})
		if took := time.Since(begun); took > time.Second {
			t.Errorf("%q, a million bytes long, takes %v", part, took)
		}
	}
	tellsNothing(t, strings.Repeat("x", maxLooked)+" x509: certificate signed by unknown authority")
}

func printed(t *testing.T, text string) {
	t.Helper()
	if len(text) > maxPrinted || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }) {
		t.Errorf("%q is not printable, or too long", text)
	}
}
