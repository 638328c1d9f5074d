package audit

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"certaudit/fixtures"
)

// schemaFiles are the published schemas: of what the program writes, which may have more
// fields in later versions, and of the policy, which has those fields and no others.
var schemaFiles = []struct {
	name, title, tag string
	of               reflect.Type
}{
	{"result", "what certaudit audit and certaudit csr write with -o json", "json", reflect.TypeFor[Result]()},
	{"forecast", "what certaudit forecast writes with -o json", "json", reflect.TypeFor[Forecast]()},
	{"diff", "what certaudit diff writes with -o json", "json", reflect.TypeFor[Difference]()},
	{"logs", "what certaudit logs writes with -o json", "json", reflect.TypeFor[Logs]()},
	{"inspection", "what certaudit inspect writes with -o json", "json", reflect.TypeFor[Inspection]()},
	{"baseline", "what certaudit audit writes with --write-baseline", "json", reflect.TypeFor[Baseline]()},
	{"policy", "the policy that --config names", "yaml", reflect.TypeFor[Policy]()},
}

// words are the values that a type, or a field of one ("Type.field"), can have.
func schemaWords() map[string][]string {
	verdicts := []string{VerdictOK, VerdictBroken, VerdictUnverified, VerdictUnknown, VerdictNone}
	return map[string][]string{
		"audit.Severity":         {string(Info), string(Warning), string(Critical)},
		"audit.State":            {string(Done), string(NotApplicable), string(Incomplete)},
		"audit.Fact":             asStrings(facts),
		"Certificate.absent":     {AbsentMissing, AbsentUnreadable, AbsentMalformed},
		"Connection.serverTrust": verdicts,
		"Connection.clientTrust": verdicts,
		"Connection.status":      {VerdictOK, VerdictBroken, VerdictUnverified, VerdictUnknown},
		"Requirement.role":       roleNames(),
		"Policy.profile":         Profiles(),
		"Requirement.severity":   {string(Info), string(Warning), string(Critical)},
	}
}

// schemaKeys are the keys that a mapping, "Type.field", can have.
func schemaKeys() map[string][]string {
	return map[string][]string{
		"Policy.thresholds": append([]string{ThresholdLeaf, ThresholdCA}, roleNames()...),
		"Policy.checks":     CheckIDs(),
	}
}

func asStrings[S ~string](list []S) []string {
	var out []string
	for _, s := range list {
		out = append(out, string(s))
	}
	return out
}

// schemaMaker makes a schema of a type of Go: of its names in a tag, and its comments.
type schemaMaker struct {
	tag      string
	closed   bool
	comments map[string]string
	defs     map[string]any
	types    map[string]reflect.Type
}

// comments are what is said of the types and fields of the packages in some folders, by
// "package.Type" and "package.Type.Field", with the values of constants for their names.
func comments(t *testing.T, folders ...string) map[string]string {
	t.Helper()
	said, values := map[string]string{}, map[string]string{}
	for _, folder := range folders {
		names, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range file.Decls {
				if group, ok := d.(*ast.GenDecl); ok {
					for _, spec := range group.Specs {
						commentsOf(file.Name.Name, group, spec, said, values)
					}
				}
			}
		}
	}
	for key, text := range said {
		said[key] = plain(text, values)
	}
	return said
}

// commentsOf adds what is said of a type and its fields, and the value of a constant.
func commentsOf(pkg string, group *ast.GenDecl, spec ast.Spec, said, values map[string]string) {
	switch s := spec.(type) {
	case *ast.ValueSpec:
		for i, name := range s.Names {
			if i < len(s.Values) {
				if lit, ok := s.Values[i].(*ast.BasicLit); ok && lit.Kind == token.STRING {
					values[name.Name] = lit.Value
				}
			}
		}
	case *ast.TypeSpec:
		said[pkg+"."+s.Name.Name] = cmp.Or(s.Doc.Text(), group.Doc.Text())
		fields, ok := s.Type.(*ast.StructType)
		if !ok {
			return
		}
		for _, f := range fields.Fields.List {
			for _, name := range f.Names {
				said[pkg+"."+s.Name.Name+"."+name.Name] = f.Doc.Text()
			}
		}
	}
}

// link is a name in a comment that leads to what it names.
var link = regexp.MustCompile(`\[(\w+\.)?(\w+)(\.\w+)?\]`)

// plain is a comment as one line, without the brackets of its links.
func plain(comment string, values map[string]string) string {
	text := link.ReplaceAllStringFunc(comment, func(l string) string {
		return cmp.Or(values[link.FindStringSubmatch(l)[2]], strings.Trim(l, "[]"))
	})
	return strings.Join(strings.Fields(text), " ")
}

func (m *schemaMaker) schema(t reflect.Type) map[string]any {
	if words := schemaWords()[t.String()]; words != nil {
		return map[string]any{"type": "string", "enum": words}
	}
	switch {
	case t == reflect.TypeFor[time.Time]():
		return map[string]any{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[time.Duration]():
		return map[string]any{"type": "integer"}
	case t == reflect.TypeFor[[]byte]():
		return map[string]any{"type": "string", "contentEncoding": "base64"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return m.schema(t.Elem())
	case reflect.Slice, reflect.Array:
		return map[string]any{"type": "array", "items": m.schema(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": m.schema(t.Elem())}
	case reflect.Struct:
		return m.reference(t)
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Float32, reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return map[string]any{"type": "integer"}
	}
	panic(fmt.Sprintf("no schema is made of %s", t))
}

// reference is one to the definition of a type.
func (m *schemaMaker) reference(t reflect.Type) map[string]any {
	if m.types[t.Name()] == nil {
		m.types[t.Name()] = t // before it is made: a type may hold itself
		m.defs[t.Name()] = m.object(t)
	}
	if m.types[t.Name()] != t {
		panic(fmt.Sprintf("%s and %s have one name", t, m.types[t.Name()]))
	}
	return map[string]any{"$ref": "#/$defs/" + t.Name()}
}

func (m *schemaMaker) object(t reflect.Type) map[string]any {
	properties, required := map[string]any{}, []string{}
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get(m.tag), ",")
		if !f.IsExported() || name == "-" || f.Anonymous || name == "" && m.tag == "json" && f.Tag.Get("json") == "-" {
			continue
		}
		name = cmp.Or(name, f.Name)
		s := m.field(t, t.Name()+"."+name, f)
		properties[name] = s
		if m.tag == "json" && !strings.Contains(options, "omit") || requiredFields[t.Name()] {
			required = append(required, name)
		}
	}
	out := map[string]any{"type": "object", "properties": properties}
	if c := m.comments[t.String()]; c != "" {
		out["description"] = c
	}
	if len(required) > 0 {
		slices.Sort(required)
		out["required"] = required
	}
	if m.closed {
		out["additionalProperties"] = false
	}
	return out
}

// requiredFields are the types of the policy of which every field is demanded.
var requiredFields = map[string]bool{"Waiver": true}

func (m *schemaMaker) field(owner reflect.Type, name string, f reflect.StructField) map[string]any {
	s := m.schema(f.Type)
	if words := schemaWords()[name]; words != nil {
		s = map[string]any{"type": "string", "enum": words}
	}
	if keys := schemaKeys()[name]; keys != nil {
		s["propertyNames"] = map[string]any{"enum": keys}
	}
	if name == "Policy.checks" {
		s["additionalProperties"] = map[string]any{"enum": []string{Off, string(Info), string(Warning), string(Critical)}}
	}
	if c := m.comments[owner.String()+"."+f.Name]; c != "" {
		s = maps.Clone(s)
		s["description"] = c
	}
	return s
}

func makeSchema(t *testing.T, i int) []byte {
	t.Helper()
	file := schemaFiles[i]
	m := &schemaMaker{tag: file.tag, closed: file.tag == "yaml", comments: comments(t, ".", "inventory", "../parsers"), defs: map[string]any{}, types: map[string]reflect.Type{}}
	root := m.object(file.of)
	delete(m.defs, file.of.Name())
	root["$schema"], root["$defs"] = "https://json-schema.org/draft/2020-12/schema", m.defs
	root["title"] = file.title
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(root); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The schemas under docs are those of the types.
func TestMadeSchemas(t *testing.T) {
	for i, file := range schemaFiles {
		name, want := filepath.Join("..", "docs", "schema", file.name+".json"), makeSchema(t, i)
		if flag.Lookup("update").Value.String() == "true" {
			if err := os.WriteFile(name, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the types are (%v); write it with make docs", name, err)
		}
	}
}

// compiled is a published schema; closed lets nothing pass that it does not name.
func compiled(t *testing.T, name string, closed bool) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", "schema", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if closed {
		closeObjects(document)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(name+".json", document); err != nil {
		t.Fatal(err)
	}
	return c.MustCompile(name + ".json")
}

// closeObjects forbids the fields that a schema does not name.
func closeObjects(v any) {
	switch v := v.(type) {
	case map[string]any:
		if v["properties"] != nil && v["additionalProperties"] == nil {
			v["additionalProperties"] = false
		}
		for _, of := range v {
			closeObjects(of)
		}
	case []any:
		for _, of := range v {
			closeObjects(of)
		}
	}
}

// asDocument is what a value is written as.
func asDocument(t *testing.T, v any) any {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// What an audit, a forecast and a comparison say is what their schemas promise, and has no
// field that they do not name.
func TestSchemas(t *testing.T) {
	schemas := map[string]*jsonschema.Schema{}
	for _, file := range schemaFiles {
		schemas[file.name] = compiled(t, file.name, true)
	}
	valid := func(of, name string, v any) {
		t.Helper()
		if err := schemas[of].Validate(asDocument(t, v)); err != nil {
			t.Errorf("%s: the %s is none by its schema: %v", name, of, err)
		}
	}
	o := Options{At: fixtures.Now}
	var before Result
	for i, s := range fixtures.Scenarios() {
		if i%5 != 0 { // a fifth of them has every part
			continue
		}
		r, after := Rerun(nil, Gathered(t, s.Node()), o)
		valid("result", s.Name, r)
		valid("forecast", s.Name, ForecastOf(r, after, o, time.Time{}))
		valid("baseline", s.Name, NewBaseline(r))
		valid("diff", s.Name, Diff(before, r))
		before = r
	}
	broken := asDocument(t, before).(map[string]any)
	broken["schema"] = 3
	if err := schemas["result"].Validate(broken); err == nil {
		t.Error("a result whose schema is a number is one by its schema")
	}
}

// A policy is one by its schema where it is read, as far as a schema can tell.
func TestPolicySchema(t *testing.T) {
	schema := compiled(t, "policy", false)
	page, err := os.ReadFile("../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```yaml\n")
	example, _, _ := strings.Cut(rest, "```")
	for text, want := range map[string]bool{
		example:                                true,
		"{}":                                   true,
		"profile: docs":                        true,
		"profile: kubeadmin":                   false,
		"cheks: {}":                            false,
		"checks: {validity/expired: critical}": true,
		"checks: {validity/expird: off}":       false,
		"checks: {validity/expired: high}":     false,
		"thresholds: {leaf: {warnDays: 30}}":   true,
		"thresholds: {leafs: {warnDays: 30}}":  false,
		"thresholds: {leaf: {warnDays: soon}}": false,
		"thresholds: {leaf: {warndays: 30}}":   false,
		"paths: /etc":                          false,
		"waivers: [{check: validity/expired, path: /a, node: \"*\", reason: b, until: \"2027-01-31\"}]": true,
		"waivers: [{check: validity/expired, path: /a, node: \"*\", until: \"2027-01-31\"}]":            false,
		"requirements: {add: [{role: etcd/serving, fact: dnsName, values: [a], source: b}]}":            true,
		"requirements: {add: [{role: etcd/server, fact: dnsName, values: [a], source: b}]}":             false,
	} {
		if _, err := ParsePolicy("policy.yaml", []byte(text)); (err == nil) != want {
			t.Errorf("%s: is read with %v", text, err)
		}
		var v any
		if err := yaml.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(asDocument(t, v)); (err == nil) != want {
			t.Errorf("%s: by the schema %v", text, err)
		}
	}
}
