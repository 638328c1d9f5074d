// Package certaudit_test holds the walls that ARCHITECTURE.md describes, and what
// the documents beside it say of the tree.
package certaudit_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode"
)

// module is what the import paths of this repository begin with.
const module = "certaudit/"

// rooms are the packages with what each may import of the others: those to its
// left, "parsers <- audit/inventory <- audit <- report <- cmd", and no more than
// it needs.
var rooms = map[string][]string{
	"parsers":           {},
	"parsers/logs":      {"parsers"},
	"fixtures":          {},
	"fixtures/loopback": {}, // for tests alone
	"audit/inventory":   {"parsers"},
	"audit":             {"parsers", "parsers/logs", "audit/inventory"},
	"report":            {"parsers", "audit"},
	"cmd":               {"parsers", "parsers/logs", "audit/inventory", "audit", "report", "fixtures"},
	"cmd/certaudit":     {"cmd"},
	"proof":             {}, // tests alone
}

// guests are the modules of others with the files and packages that see them.
var guests = map[string][]string{
	"github.com/coreos/go-systemd/v22":        {"cmd/serve.go"},
	"github.com/cyphar/filepath-securejoin":   {"audit/inventory/root.go"},
	"github.com/fsnotify/fsnotify":            {"cmd/serve_watch_linux.go"},
	"github.com/go-json-experiment/json":      {"audit/inventory/snapshot.go"},
	"github.com/olekukonko/tablewriter":       {"report/table.go"},
	"github.com/pavlo-v-chernykh/keystore-go": {"parsers/keystore_formats.go"},
	"github.com/prometheus/client_golang":     {"cmd/serve_scrape.go"},
	"github.com/prometheus/client_model":      {"report/metrics.go", "report/metrics_family.go", "report/metrics_x509.go", "cmd/serve_scrape.go", "cmd/serve_state.go"},
	"github.com/prometheus/common":            {"report/metrics.go", "cmd/serve_scrape.go"},
	"github.com/prometheus/exporter-toolkit":  {"cmd/serve.go"},
	"github.com/spf13/cobra":                  {"cmd"},
	"github.com/spf13/pflag":                  {"cmd/plugin.go", "cmd/usage.go"},
	"golang.org/x/mod":                        {"audit/version.go", "audit/requirements.go"},
	"golang.org/x/sys":                        {"fixtures/capabilities_linux.go"},
	"golang.org/x/term":                       {"cmd"},
	"gopkg.in/yaml.v3":                        {"parsers", "audit", "audit/inventory/layout.go", "report/yaml.go"},
	"mvdan.cc/sh":                             {"parsers/command.go"},
	"software.sslmate.com/src/go-pkcs12":      {"parsers/keystore_formats.go"},
}

// doors are names of the standard library that reach outside, with the files and
// packages in which they may stand.
var doors = []struct {
	name   *regexp.Regexp
	places []string
	why    string
}{
	{regexp.MustCompile(`^time\.(Now|Since|Until)$`), []string{"cmd"}, "the time is an argument"},
	{regexp.MustCompile(`^os\.(Getwd|Getenv|LookupEnv|Environ|ExpandEnv|Hostname|UserHomeDir|Executable|TempDir)$`), []string{"cmd"}, "the surroundings are arguments"},
	{regexp.MustCompile(`^os\.(Exit|Args|Stdin|Stdout|Stderr)$`), []string{"cmd/certaudit"}, "main has them"},
	{regexp.MustCompile(`^fmt\.(Print|Printf|Println|Scan|Scanf|Scanln)$`), nil, "a writer is an argument"},
	{regexp.MustCompile(`^log(/slog)?\.`), []string{"cmd"}, "only the server logs"},
	{regexp.MustCompile(`^(math/rand|math/rand/v2|crypto/rand)\.`), nil, "the same input gives the same bytes"},
	{regexp.MustCompile(`^(os/exec|plugin|unsafe|C)\.|^os\.StartProcess$|^syscall\.(Exec|ForkExec|StartProcess|Syscall.*)$`), []string{"cmd/collect.go", "cmd/collect_ssh.go", "cmd/logs_journal.go"}, "nothing is run but ssh, by collect, and journalctl, by logs"},
	{regexp.MustCompile(`^os\.(Create|CreateTemp|OpenFile|WriteFile|Rename|Remove|RemoveAll|Mkdir|MkdirAll|MkdirTemp|Symlink|Link|Chmod|Chown|Lchown|Chtimes|Truncate|Chdir|Setenv|Unsetenv|CopyFS)$`),
		[]string{"cmd/output.go", "cmd/audit.go", "fixtures/node.go"}, "only reports, baselines and the demonstration are written"},
	{regexp.MustCompile(`^os\.(Open|OpenRoot|OpenInRoot|ReadFile|ReadDir|DirFS|NewFile|Pipe)$`),
		[]string{"audit/inventory/root.go", "cmd/audit.go", "cmd/inspect.go", "cmd/collect_ssh.go", "cmd/logs_sources.go"}, "a node's files are read below its root"},
	{regexp.MustCompile(`^net\.(Dial.*|Lookup.*|Resolve.*|Resolver|DefaultResolver)$|^crypto/tls\.(Client|Config|Dial.*)$`),
		[]string{"audit/inventory/probe.go"}, "only --probe and inspect HOST:PORT dial"},
	{regexp.MustCompile(`^net\.(Listen.*|File.*)$`), []string{"cmd/serve.go", "cmd/serve_connections.go", "fixtures/loopback"}, "only serve listens, and servers of tests"},
	{regexp.MustCompile(`^net/http\.(Get|Head|Post|PostForm|Client|DefaultClient|Transport|DefaultTransport|NewRequest.*)$`), nil, "no server is asked"},
}

// most is how many lines a function has, from its first to the brace at its end.
const most = 60

// long are the functions that have more, each with the reason.
var long = map[string]string{}

// source is a file of Go.
type source struct {
	path string
	test bool
	*ast.File
	set *token.FileSet
}

func (s source) pkg() string { return path.Dir(s.path) }

// in reports whether the file is one of some places, or in one of them.
func (s source) in(places []string) bool {
	return slices.Contains(places, s.path) || slices.Contains(places, s.pkg())
}

func (s source) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", s.path, s.set.Position(n.Pos()).Line)
}

// tree is every file of Go of this module.
var tree = sync.OnceValues(func() ([]source, error) {
	var out []source
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && exists(filepath.Join(name, "go.mod")):
			return fs.SkipDir
		case entry.IsDir() && (name == "bin" || entry.Name() == "testdata" || name != "." && strings.HasPrefix(entry.Name(), ".")):
			return fs.SkipDir
		case filepath.Ext(name) != ".go":
			return nil
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		out = append(out, source{filepath.ToSlash(name), strings.HasSuffix(name, "_test.go"), file, set})
		return nil
	})
	return out, err
})

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// sources are the files of the tree: tests, or those that are none.
func sources(t *testing.T, tests bool) []source {
	t.Helper()
	all, err := tree()
	if err != nil {
		t.Fatal(err)
	}
	out := slices.DeleteFunc(slices.Clone(all), func(s source) bool { return s.test != tests })
	if len(out) < 50 {
		t.Fatalf("only %d files were found", len(out))
	}
	return out
}

// imported is a path that a file imports, by the name it has there.
func (s source) imported() map[string]string {
	out := map[string]string{}
	for _, i := range s.Imports {
		p, _ := strconv.Unquote(i.Path.Value)
		name := path.Base(p)
		if i.Name != nil {
			name = i.Name.Name
		}
		out[name] = p
	}
	return out
}

func TestImportsPointOneWay(t *testing.T) {
	for _, s := range sources(t, false) {
		may, known := rooms[s.pkg()]
		if !known {
			t.Errorf("%s: the package has no place among the rooms", s.path)
		}
		for name, p := range s.imported() {
			inner, own := strings.CutPrefix(p, module)
			switch {
			case own && !slices.Contains(may, inner):
				t.Errorf("%s imports %s", s.path, inner)
			case inner == "fixtures" && s.path != "cmd/audit.go":
				t.Errorf("%s imports fixtures, which are for tests and for the demonstration", s.path)
			case name == "_" && p != "embed":
				t.Errorf("%s imports %s for what it does at the start", s.path, p)
			}
		}
	}
}

func TestModulesStayInTheirPlaces(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range sources(t, false) {
		for _, p := range s.imported() {
			if host, _, _ := strings.Cut(p, "/"); !strings.Contains(host, ".") {
				continue
			}
			known := false
			for guest, places := range guests {
				if p == guest || strings.HasPrefix(p, guest+"/") {
					known, seen[guest] = true, true
					if !s.in(places) {
						t.Errorf("%s imports %s, which only %s may", s.path, p, strings.Join(places, ", "))
					}
				}
			}
			if !known {
				t.Errorf("%s imports %s, which is not among the guests", s.path, p)
			}
		}
	}
	for guest := range guests {
		if !seen[guest] {
			t.Errorf("nothing imports %s: take it off the list", guest)
		}
	}
}

func TestDoorsStayShut(t *testing.T) {
	used := make([]bool, len(doors))
	for _, s := range sources(t, false) {
		imported := s.imported()
		ast.Inspect(s.File, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				x, ok := n.X.(*ast.Ident)
				if !ok || imported[x.Name] == "" {
					return true
				}
				name := imported[x.Name] + "." + n.Sel.Name
				for i, d := range doors {
					if d.name.MatchString(name) {
						used[i] = true
						if !s.in(d.places) {
							t.Errorf("%s: %s: %s", s.at(n), name, d.why)
						}
					}
				}
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.Ident); ok && (f.Name == "print" || f.Name == "println") {
					t.Errorf("%s: %s", s.at(n), f.Name)
				}
			}
			return true
		})
	}
	for i, d := range doors {
		if !used[i] && d.places != nil {
			t.Errorf("nothing is called %s: take the places off the list", d.name)
		}
	}
}

// Goroutines are started where make test has the race detector, and by a helper of tests
// that waits for its only one.
func TestGoroutinesAreWatched(t *testing.T) {
	started := map[string]bool{}
	for _, s := range sources(t, false) {
		ast.Inspect(s.File, func(n ast.Node) bool {
			if !startsGoroutine(n) {
				return true
			}
			started[s.path] = true
			if !strings.HasPrefix(s.path, "audit/") && !strings.HasPrefix(s.path, "cmd/") && s.path != "fixtures/capabilities_linux.go" {
				t.Errorf("%s: starts a goroutine, and make test does not look for races there", s.at(n))
			}
			return true
		})
	}
	for _, file := range []string{"audit/run.go", "audit/inventory/ahead.go", "cmd/serve.go"} { // by WaitGroup.Go and by go
		if !started[file] {
			t.Errorf("%s starts no goroutine", file)
		}
	}
}

// startsGoroutine knows "go" and the method Go of a sync.WaitGroup.
func startsGoroutine(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.GoStmt:
		return true
	case *ast.CallExpr:
		method, ok := n.Fun.(*ast.SelectorExpr)
		return ok && method.Sel.Name == "Go"
	}
	return false
}

// What the race detector leaves out in the packages that it watches runs without it.
func TestAllRunWithoutDetector(t *testing.T) {
	_, names, _ := strings.Cut(read(t, "Makefile"), "\nALONE := ")
	names, _, _ = strings.Cut(names, "\n")
	var left []string
	for _, s := range sources(t, true) {
		if watched := strings.HasPrefix(s.path, "audit/") || strings.HasPrefix(s.path, "cmd/"); !watched || len(s.Comments) == 0 || s.Comments[0].List[0].Text != "//go:build !race" {
			continue
		}
		for _, d := range s.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				if left = append(left, f.Name.Name); s.pkg() != "audit" {
					t.Errorf("%s: make test looks for it in audit", s.at(f))
				}
			}
		}
	}
	slices.Sort(left)
	if got := strings.Join(left, "|"); got != names {
		t.Errorf("without the race detector run %s, want %s: ALONE in the Makefile", names, got)
	}
}

// altering are the methods of os.Root and os.File that change something.
var altering = regexp.MustCompile(`^(Create|Mkdir|MkdirAll|Remove|RemoveAll|Rename|Symlink|Link|Chmod|Chown|Lchown|Chtimes|Truncate|WriteFile|WriteAt)$`)

// What reads a node opens its files for reading and calls nothing that writes.
func TestNodesAreOnlyRead(t *testing.T) {
	opened := 0
	for _, s := range sources(t, false) {
		if s.pkg() != "audit/inventory" {
			continue
		}
		ast.Inspect(s.File, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			switch {
			case altering.MatchString(method.Sel.Name):
				t.Errorf("%s calls %s", s.at(n), method.Sel.Name)
			case method.Sel.Name == "OpenFile":
				opened++
				if flags, ok := call.Args[1].(*ast.Ident); !ok || flags.Name != "openFlags" {
					t.Errorf("%s opens a file with other flags than openFlags", s.at(n))
				}
			}
			return true
		})
		for _, d := range s.Decls {
			openFlags(t, s, d)
		}
	}
	if opened == 0 {
		t.Error("no file is opened")
	}
}

// openFlags holds the constant of that name to flags for reading.
func openFlags(t *testing.T, s source, d ast.Decl) {
	g, ok := d.(*ast.GenDecl)
	if !ok || g.Tok != token.CONST {
		return
	}
	for _, spec := range g.Specs {
		v := spec.(*ast.ValueSpec)
		if v.Names[0].Name != "openFlags" {
			continue
		}
		ast.Inspect(v.Values[0], func(n ast.Node) bool {
			if f, ok := n.(*ast.SelectorExpr); ok && f.Sel.Name != "O_RDONLY" && f.Sel.Name != "O_NONBLOCK" {
				t.Errorf("%s: openFlags has %s", s.at(n), f.Sel.Name)
			}
			return true
		})
	}
}

func TestFunctionsAreShort(t *testing.T) {
	met := map[string]bool{}
	for _, s := range sources(t, false) {
		for _, d := range s.Decls {
			name := ""
			if f, ok := d.(*ast.FuncDecl); ok {
				name = f.Name.Name
				if name == "init" {
					t.Errorf("%s: nothing happens before main", s.at(f))
				}
			}
			ast.Inspect(d, func(n ast.Node) bool {
				switch n.(type) {
				case *ast.FuncDecl, *ast.FuncLit:
					if lines := s.set.Position(n.End()).Line - s.set.Position(n.Pos()).Line + 1; lines > most {
						met[s.path+" "+name] = true
						if long[s.path+" "+name] == "" {
							t.Errorf("%s: %s has %d lines, more than %d", s.at(n), name, lines, most)
						}
					}
				}
				return true
			})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(long)) {
		if !met[name] {
			t.Errorf("%s is short enough: take it off the list", name)
		}
	}
}

// Every exported name says what it is, and no comment speaks of what stands
// elsewhere: one that begins with a name begins with that of what is below it.
func TestCommentsSayWhatIsBelow(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t, false) {
		documented[s.pkg()] = documented[s.pkg()] || s.Doc != nil
		for _, d := range s.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				exported := d.Name.IsExported() && (d.Recv == nil || ast.IsExported(receiver(d)))
				comment(t, s, d.Name, exported, d.Doc)
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					switch spec := spec.(type) {
					case *ast.TypeSpec:
						comment(t, s, spec.Name, spec.Name.IsExported(), spec.Doc, d.Doc)
					case *ast.ValueSpec:
						for _, name := range spec.Names {
							comment(t, s, name, name.IsExported(), spec.Doc, d.Doc)
						}
					}
				}
			}
		}
	}
	for room := range rooms {
		if !documented[room] {
			t.Errorf("the package %s has no comment", room)
		}
	}
}

// receiver is the type of a method.
func receiver(d *ast.FuncDecl) string {
	e := d.Recv.List[0].Type
	for {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

// comment holds the comments of a name, its own and that of its group, to the name.
func comment(t *testing.T, s source, name *ast.Ident, exported bool, docs ...*ast.CommentGroup) {
	t.Helper()
	fits := false
	for _, doc := range docs {
		words := strings.Fields(doc.Text())
		if len(words) == 0 {
			continue
		}
		first := strings.TrimRight(words[0], ":,.")
		fits = fits || first == name.Name || slices.Contains([]string{"A", "An", "The"}, first)
		if first != name.Name && unicode.IsLower([]rune(first)[0]) && doc == docs[0] {
			t.Errorf("%s: the comment of %s begins with %q", s.at(name), name.Name, first)
		}
	}
	if exported && !fits {
		t.Errorf("%s: %s has no comment that begins with its name, or with an article", s.at(name), name.Name)
	}
}
