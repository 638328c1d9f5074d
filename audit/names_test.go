package audit

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"certaudit/audit/inventory"
)

// A misspelt flag is one that nothing on any node has, and so a check that never
// finds anything. Every name that stands in the code is held against the table.

// naming says where the arguments of a call name a component and its flags.
type naming struct {
	// component is the index of the argument; of is the component where it is none.
	component int
	of        string
	flags     []int
}

const noArgument = -1

// namings are the functions that take names. One that takes the name of a flag alone
// may mean that of any component.
var namings = map[string]naming{
	"Component":        {component: 0},
	"restartComponent": {component: 0},
	"ProgramNamed":     {component: 0},
	"ReferenceOf":      {component: 0, flags: []int{1}},
	"inEffect":         {component: 0, flags: []int{1}},
	"etcdEdge":         {component: 0, flags: []int{2, 3}},
	"etcdDemands":      {component: noArgument, of: inventory.Etcd, flags: []int{0, 1}},
	"speaksTLS":        {component: noArgument, of: inventory.Etcd, flags: []int{0}},
	"certPath":         {component: noArgument, of: kubeadmComponent, flags: []int{0}},
	"Flag":             {component: noArgument, flags: []int{0}},
	"FlagAll":          {component: noArgument, flags: []int{0}},
	"InEffect":         {component: noArgument, flags: []int{0}},
	"All":              {component: noArgument, flags: []int{0}},
	// Functions within others.
	"rotates.on":             {component: noArgument, of: inventory.Kubelet, flags: []int{0}},
	"verifyingKeys.selected": {component: noArgument, of: inventory.APIServer, flags: []int{0}},
}

// lists are variables of flags of a component.
var lists = map[string]string{
	"clientNames":   inventory.Etcd,
	"peerNames":     inventory.Etcd,
	"durationFlags": inventory.ControllerManager,
}

// mixed are lists of words of which some happen to be names of flags.
var mixed = []string{"bundleKeys", "commonSwitches"}

// kubeadmComponent stands for the component of kubeadm's files.
const kubeadmComponent = "kubeadm"

// others are what references are called beside flags: a setting of systemd, a field
// of configurations, what programs are asked for beside their work, and what a
// user's kubeconfig is known by.
var others = map[string][]string{"": {"EnvironmentFile", "clientConnection.kubeconfig", "version", "help", "h"}, "kubectl": {"~/.kube/config"}}

// inTable reports whether a component has a flag or file of a name, any of them for
// the component "".
func inTable(component, name string) bool {
	for _, p := range inventory.Programs() {
		if _, ok := p.Flag(name); ok && (component == "" || component == p.Name) {
			return true
		}
	}
	isFile := slices.ContainsFunc(inventory.KubeadmFiles(), func(k inventory.KubeadmFile) bool { return k.Path == name })
	return isFile && (component == "" || component == kubeadmComponent) || slices.Contains(others[component], name)
}

func isComponent(name string) bool {
	return inventory.IsProgram(name) || slices.Contains([]string{kubeadmComponent, "kubectl", inventory.ComponentFile}, name)
}

// namesIn looks for names in one file.
type namesIn struct {
	t    *testing.T
	file string
	// constants of both packages, by name.
	constants map[string]string
	// function is the one that is read, and list the variable.
	function, list string
	seen           int
}

// text is the value of a literal or a constant.
func (n *namesIn) text(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, err == nil && e.Kind == token.STRING
	case *ast.Ident:
		s, ok := n.constants[e.Name]
		return s, ok
	case *ast.SelectorExpr:
		if x, ok := e.X.(*ast.Ident); ok && x.Name == "inventory" {
			return n.text(e.Sel)
		}
	}
	return "", false
}

func (n *namesIn) fail(format string, args ...any) {
	n.t.Helper()
	where := n.function
	if where == "" {
		where = n.list
	}
	n.t.Errorf("%s, %s: "+format, append([]any{n.file, where}, args...)...)
}

func (n *namesIn) known(component, name string) {
	n.t.Helper()
	n.seen++
	if !inTable(component, name) {
		n.fail("%q is no flag of %q that the table has, and no file of kubeadm's", name, component)
	}
}

func (n *namesIn) component(name string) {
	n.t.Helper()
	n.seen++
	if !isComponent(name) {
		n.fail("%q is no component of the table", name)
	}
}

func (n *namesIn) visit(node ast.Node) bool {
	switch node := node.(type) {
	case *ast.FuncDecl:
		n.function = node.Name.Name
	case *ast.ValueSpec:
		n.declaration(node)
	case *ast.CallExpr:
		n.call(node)
	case *ast.BinaryExpr:
		n.comparison(node)
	case *ast.IndexExpr:
		if of, ok := node.X.(*ast.SelectorExpr); ok && of.Sel.Name == "Settings" {
			if name, ok := n.text(node.Index); ok {
				n.known("", name)
			}
		}
	case *ast.CompositeLit:
		n.literal(node)
	case *ast.BasicLit:
		n.selector(node)
	}
	return true
}

// declaration holds the words of a list against the table.
func (n *namesIn) declaration(spec *ast.ValueSpec) {
	if n.function != "" {
		return
	}
	for i, name := range spec.Names {
		n.list = name.Name
		component, isList := lists[name.Name]
		if !isList || i >= len(spec.Values) {
			continue
		}
		ast.Inspect(spec.Values[i], func(node ast.Node) bool {
			if word, ok := node.(*ast.BasicLit); ok {
				if s, ok := n.text(word); ok {
					n.known(component, s)
				}
			}
			return true
		})
	}
}

// call holds the arguments of a call against the table.
func (n *namesIn) call(c *ast.CallExpr) {
	callee := ""
	switch f := c.Fun.(type) {
	case *ast.Ident:
		callee = f.Name
	case *ast.SelectorExpr:
		callee = f.Sel.Name
	}
	where, ok := namings[n.function+"."+callee]
	if !ok {
		where, ok = namings[callee]
	}
	switch {
	case callee == "Setting" && len(c.Args) == 2:
		where = naming{component: 0, flags: []int{1}}
	case callee == "Setting" && len(c.Args) == 1:
		where = naming{component: noArgument, flags: []int{0}}
	case !ok || len(c.Args) == 0:
		return
	}
	component := where.of
	if where.component != noArgument {
		named, isLiteral := n.text(c.Args[where.component])
		if isLiteral {
			n.component(named)
		}
		component = named
	}
	for _, i := range where.flags {
		if name, isLiteral := n.text(c.Args[i]); isLiteral {
			n.known(component, name)
		}
	}
}

// comparison holds what components, and the names of references and flags, are
// compared with against the table.
func (n *namesIn) comparison(b *ast.BinaryExpr) {
	word, isLiteral := n.text(b.Y)
	if !isLiteral || word == "" || b.Op != token.EQL && b.Op != token.NEQ {
		return
	}
	switch x := types.ExprString(b.X); {
	case componentTerm.MatchString(x):
		n.component(word)
	case nameTerm.MatchString(x):
		n.known("", word)
	}
}

// What the variables are called of which a component or name is compared.
var (
	componentTerm = regexp.MustCompile(`^component$|\.(Component|Program)$|^[cp]\.Name$`)
	nameTerm      = regexp.MustCompile(`^(ref|r|other|f|g\.first\(\))\.Name$`)
)

// literal holds references that are written out, and lists of words of which one is
// a name, against the table.
func (n *namesIn) literal(c *ast.CompositeLit) {
	fields := map[string]string{}
	var words []string
	for _, e := range c.Elts {
		if pair, ok := e.(*ast.KeyValueExpr); ok {
			if key, ok := pair.Key.(*ast.Ident); ok {
				fields[key.Name], _ = n.text(pair.Value)
			}
		} else if word, ok := n.text(e); ok {
			words = append(words, word)
		}
	}
	switch kind := types.ExprString(c.Type); {
	case kind == "Reference" || kind == "inventory.Reference":
		if fields["Name"] != "" {
			n.known(fields["Component"], fields["Name"])
		}
	case kind == "[]string" && slices.ContainsFunc(words, isNameOrComponent) && !slices.Contains(mixed, n.list):
		for _, word := range words {
			n.seen++
			if !isNameOrComponent(word) && !isSelector(word) {
				n.fail("%q stands among names of components and flags, and is none", word)
			}
		}
	}
}

func isNameOrComponent(word string) bool { return inventory.IsProgram(word) || inTable("", word) }

var (
	flagSelector = regexp.MustCompile(`^([a-z-]+) --(\S+)$`)
	fileSelector = regexp.MustCompile(`^kubeadm (\S+\.(?:crt|key|pub|conf))$`)
)

func isSelector(word string) bool {
	return flagSelector.MatchString(word) || fileSelector.MatchString(word)
}

// selector holds "component --flag" and "kubeadm file" against the table.
func (n *namesIn) selector(l *ast.BasicLit) {
	s, _ := n.text(l)
	if m := flagSelector.FindStringSubmatch(s); m != nil {
		n.component(m[1])
		n.known(m[1], m[2])
	}
	if m := fileSelector.FindStringSubmatch(s); m != nil {
		n.known(kubeadmComponent, m[1])
	}
}

// sources parses the files of a package that are no tests.
func sources(t *testing.T, dir string) map[string]*ast.File {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]*ast.File{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.ToSlash(name)] = file
	}
	return files
}

func TestNamesAreKnown(t *testing.T) {
	files := sources(t, ".")
	maps.Copy(files, sources(t, "inventory"))
	constants := map[string]string{}
	for _, file := range files {
		for _, d := range file.Decls {
			collectConstants(constants, d)
		}
	}
	seen := 0
	for _, name := range slices.Sorted(maps.Keys(files)) {
		n := &namesIn{t: t, file: name, constants: constants}
		for _, d := range files[name].Decls {
			n.function, n.list = "", ""
			ast.Inspect(d, n.visit)
		}
		seen += n.seen
	}
	if seen < 200 {
		t.Errorf("only %d names were seen", seen)
	}
}

func collectConstants(constants map[string]string, d ast.Decl) {
	g, ok := d.(*ast.GenDecl)
	if !ok || g.Tok != token.CONST {
		return
	}
	for _, s := range g.Specs {
		spec := s.(*ast.ValueSpec)
		for i, name := range spec.Names {
			if i < len(spec.Values) {
				if l, ok := spec.Values[i].(*ast.BasicLit); ok && l.Kind == token.STRING {
					constants[name.Name], _ = strconv.Unquote(l.Value)
				}
			}
		}
	}
}

// What the rows of the tables name in other rows is there.
func TestTablesNameFlags(t *testing.T) {
	for _, p := range inventory.Programs() {
		for i, f := range p.Flags {
			if slices.ContainsFunc(p.Flags[:i], func(o inventory.Flag) bool { return o.Name == f.Name }) {
				t.Errorf("%s: two rows for --%s", p.Name, f.Name)
			}
			if other, ok := p.Flag(f.Pair); f.Pair != "" && (!ok || other.Pair != f.Name) {
				t.Errorf("%s: --%s is a pair with --%s, which does not say so", p.Name, f.Name, f.Pair)
			}
			if roleByName[f.Role] == nil && f.Role != "" {
				t.Errorf("%s: --%s has the unknown role %q", p.Name, f.Name, f.Role)
			}
			if f.Rereads != "" && canonicalVersion(f.Rereads) == "" {
				t.Errorf("%s: --%s is read again from %q on, which is no version", p.Name, f.Name, f.Rereads)
			}
		}
		for _, c := range append(p.ConfigFields, inventory.ConfigField{Flag: p.ConfigFlag}) {
			if c.Flag != "" && !inTable(p.Name, c.Flag) {
				t.Errorf("%s: the field %q stands for --%s, which has no row", p.Name, c.Field, c.Flag)
			}
		}
		for _, l := range p.Listeners {
			for _, name := range []string{l.Address, l.Port, l.URLs, l.Certificate} {
				if name != "" && !inTable(p.Name, name) {
					t.Errorf("%s: a listener names --%s, which has no row", p.Name, name)
				}
			}
		}
	}
	for _, k := range inventory.KubeadmFiles() {
		if k.Pair != "" && !inTable(kubeadmComponent, k.Pair) {
			t.Errorf("%s is a pair with %s, which has no row", k.Path, k.Pair)
		}
		if _, signed := k.SignedBy(); k.Authority != "" && !signed {
			t.Errorf("%s is signed by %q, which has no row", k.Path, k.Authority)
		}
		if roleByName[k.Role] == nil && k.Role != "" {
			t.Errorf("%s has the unknown role %q", k.Path, k.Role)
		}
	}
	for _, s := range append(Signers(), Signer{}) {
		for _, name := range []string{signingFlag + s.flag + "cert-file", signingFlag + s.flag + "key-file"} {
			if !inTable(inventory.ControllerManager, name) {
				t.Errorf("signer %q: --%s has no row", s.Name, name)
			}
		}
	}
}
