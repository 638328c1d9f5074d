package certaudit_test

import (
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents are those that speak of the tree itself.
var documents = []string{"ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

var (
	code     = regexp.MustCompile("`([^`\n]+)`")
	testName = regexp.MustCompile(`^(Test|Fuzz)[A-Z]\w*$`)
	// fileName is a path with a folder or with an ending of the tree's files.
	fileName = regexp.MustCompile(`^[\w.-]+(/[\w.*-]+)*(/|\.(go|md|yaml|sum|txtar))$|^(audit|cmd|deploy|docs|fixtures|parsers|report|\.ci)/[\w./*-]+$`)
	target   = regexp.MustCompile(`^make ([a-z]+)$`)
)

// Every file, test and target of make that the documents name is there.
func TestDocumentsNameWhatIsThere(t *testing.T) {
	makefile := read(t, "Makefile")
	tests := map[string]bool{}
	for _, s := range sources(t, true) {
		for _, d := range s.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				tests[f.Name.Name] = true
			}
		}
	}
	seen := 0
	for _, document := range documents {
		for _, m := range code.FindAllStringSubmatch(read(t, document), -1) {
			word := m[1]
			switch {
			case testName.MatchString(word):
				seen++
				if !tests[word] {
					t.Errorf("%s names the test %s, which does not exist", document, word)
				}
			case target.MatchString(word):
				seen++
				if !strings.Contains(makefile, "\n"+target.FindStringSubmatch(word)[1]+":") {
					t.Errorf("%s names %q, which the Makefile lacks", document, word)
				}
			case fileName.MatchString(word):
				seen++
				if found, _ := filepath.Glob(word); len(found) == 0 && !strings.Contains(word, "NAME") {
					t.Errorf("%s names the file %s, which does not exist", document, word)
				}
			}
		}
	}
	if seen < 100 {
		t.Errorf("only %d names were seen", seen)
	}
}

func pages(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob("docs/*.md")
	if err != nil || len(found) == 0 {
		t.Fatalf("%d pages: %v", len(found), err)
	}
	return found
}

// Who reads the README finds every page.
func TestPagesAreLinked(t *testing.T) {
	readme := read(t, "README.md")
	for _, page := range append(pages(t), documents...) {
		if !strings.Contains(readme, "]("+filepath.ToSlash(page)+")") {
			t.Errorf("README.md has no link to %s", page)
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// Links within the repository lead to a file, and to a heading of it.
func TestLinksLeadSomewhere(t *testing.T) {
	for _, page := range slices.Concat(pages(t), documents, []string{"README.md", "CHANGELOG.md"}) {
		for _, m := range link.FindAllStringSubmatch(read(t, page), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			name, heading, _ := strings.Cut(m[1], "#")
			if name = filepath.Join(filepath.Dir(page), name); strings.HasPrefix(m[1], "#") {
				name = page
			}
			if _, err := os.Stat(name); err != nil {
				t.Errorf("%s: the link %s leads nowhere", page, m[1])
			} else if heading != "" && !slices.Contains(headings(read(t, name)), heading) {
				t.Errorf("%s: %s has no heading %q", page, name, heading)
			}
		}
	}
}

var noAnchor = regexp.MustCompile(`[^\p{L}\p{N} _-]`)

// headings are the anchors of a page as GitHub makes them.
func headings(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		if title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "#") {
			out = append(out, strings.ReplaceAll(noAnchor.ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), ""), " ", "-"))
		}
	}
	return out
}
