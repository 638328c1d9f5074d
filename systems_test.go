package certaudit_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// All packages and their tests are sound Go for every system that releases are made for, by
// go/types. It reads what they import as well, of which nothing is compiled: that takes
// seconds for what takes minutes.
func TestSoundForEverySystem(t *testing.T) {
	if testing.Short() {
		t.Skip("reads all that is imported, for each system")
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, system := range []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64", "windows/arm64"} {
		t.Run(system, func(t *testing.T) {
			goos, goarch, _ := strings.Cut(system, "/")
			loaded, err := packages.Load(&packages.Config{
				Mode: packages.NeedName | packages.NeedCompiledGoFiles | packages.NeedImports | packages.NeedDeps |
					packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesSizes,
				Env:   append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0"),
				Tests: true,
				ParseFile: func(set *token.FileSet, name string, text []byte) (*ast.File, error) {
					file, err := parser.ParseFile(set, name, text, parser.SkipObjectResolution)
					if file != nil && !strings.HasPrefix(name, here+string(filepath.Separator)) {
						dropBodies(file)
					}
					return file, err
				},
			}, "./...")
			if err != nil {
				t.Fatal(err)
			}
			sound := 0
			for _, p := range loaded {
				if strings.HasSuffix(p.ID, ".test") {
					continue // the program that go makes of tests
				}
				for _, e := range p.Errors {
					t.Error(e)
				}
				sound++
			}
			if sound < 20 {
				t.Errorf("only %d packages were found", sound)
			}
		})
	}
}

// dropBodies leaves of functions what their callers see.
func dropBodies(file *ast.File) {
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			f.Body = nil
		}
	}
}
