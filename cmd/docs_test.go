package cmd_test

import (
	"bytes"
	"certaudit/audit/inventory"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"certaudit/audit"
	program "certaudit/cmd"
	"certaudit/fixtures"
	"certaudit/parsers/logs"
	"certaudit/report"
)

var update = flag.Bool("update", false, "rewrite the pages and golden files")

const generated = "<!-- Made from the code by \"make docs\"; a test keeps it true. -->\n\n"

// page compares a page of the documentation with what the code says, and with
// -update writes it.
func page(t *testing.T, name, want string) {
	t.Helper()
	if !strings.HasSuffix(t.Name(), "Page") {
		t.Fatalf("%s makes a page: make docs runs the tests named ...Page", t.Name())
	}
	name = filepath.Join("..", name)
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("%s does not say what the code does; run make docs (-code +page):\n%s", name, diff)
	}
}

func TestChecksPage(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Checks\n\n" + generated)
	b.WriteString("The severity is the usual one; a finding may differ where its consequence does.\n*critical*: something has stopped, or somebody has rights they must not have; *warning*: it will or may;\n*info*: worth knowing. `certaudit checks ID` prints one of these.\n\n| check | severity | says |\n|---|---|---|\n")
	for _, c := range audit.Checks() {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s |\n", c.ID, strings.ReplaceAll(c.ID, "/", ""), c.Severity, c.Summary)
	}
	for _, c := range audit.Checks() {
		fmt.Fprintf(&b, "\n## %s\n\n%s: %s.\n\n%s\n\n- Example: %s\n- Remedy: %s\n- Source: %s\n", c.ID, c.Severity, c.Summary, c.Why, c.Example, c.Remedy, c.Source)
	}
	page(t, "docs/checks.md", b.String())
}

func TestLogsPage(t *testing.T) {
	var b strings.Builder
	b.WriteString("# TLS failures in logs\n\n" + generated)
	b.WriteString("What `certaudit logs` understands. One entry a kind: the lines as programs write them, without their time and their\ncarrier, what they mean, who writes them, and where to look. Lines that look like TLS and are none of these are listed by the\ncommand as not understood.\n\n")
	b.WriteString("Behind each line stands who refused whom: the writer *refuses* what the other end presented; it *is refused* by the other\nend; it cannot use its *own* files; or the line does not say. Where the line says it, also which end the writer is.\nThe severity is the usual one: an event that a finding explains may have that of the finding.\n\n| kind | severity | what happened |\n|---|---|---|\n")
	for _, k := range logs.Kinds() {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s |\n", k.Kind, k.Kind, k.Severity, k.Title)
	}
	directions := map[logs.Direction]string{logs.Refuses: "refuses", logs.Refused: "is refused", logs.Own: "cannot use its own files", logs.Unclear: "does not say who ended it"}
	sides := map[logs.Side]string{logs.Client: ", as the client", logs.Server: ", as the server", logs.UnknownSide: ""}
	for _, k := range logs.Kinds() {
		fmt.Fprintf(&b, "\n## %s\n\n%s: %s.\n\n%s\n\n- Written by: %s\n- Look at: %s\n- Source: %s\n", k.Kind, k.Severity, k.Title, k.Meaning, k.SeenBy, k.Look, strings.Join(k.Sources, "; "))
		for _, x := range k.Examples {
			fmt.Fprintf(&b, "\nFrom %s, which %s%s:\n\n```text\n%s\n```\n", x.Program, directions[x.Direction], sides[x.Side], x.Text)
		}
	}
	page(t, "docs/logs.md", b.String())
}

func TestRequirementsPage(t *testing.T) {
	table := audit.DefaultRequirements()
	var b strings.Builder
	b.WriteString("# Requirements\n\n" + generated)
	fmt.Fprintf(&b, "What each certificate must be, for Kubernetes %s up to but not including %s. Words in braces stand for facts of the\naudited node. `organizationAllowed` may be there as well; `organizationLegacy` may be there and is worth a word. An `issuer`\nis the CA in the file of a component's flag, or in one of kubeadm's files: the first of them that the node has.\n`certaudit requirements --kubernetes-version 1.34` prints the rows of one version, with `-o json`, `csv` or `markdown` for programs and pages;\na version that is not among them is judged by the nearest, which the error stream says.\n`certaudit requirements --layout docs` prints the two tables of the documentation's page, filled from the rows of the profile docs: what the certificates are called, who signs\nthem, their organizations, kinds and hosts; and where they and their keys lie, and which flags name them.\nWhere nothing says otherwise, the domain is cluster.local, and the service range 10.0.0.0/24, the default of kube-apiserver.\n", table.Covers.Since, table.Covers.Until)
	role := ""
	for _, r := range table.Rows {
		if r.Role != role {
			role = r.Role
			fmt.Fprintf(&b, "\n## %s\n\n| fact | values | versions | profiles | severity | source |\n|---|---|---|---|---|---|\n", role)
		}
		profiles := strings.Join(r.Profiles, ", ")
		if profiles == "" {
			profiles = "all"
		}
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s | %s | %s |\n", r.Fact, strings.Join(r.Values, "`, `"), r.Versions(), profiles, r.Severity, r.Source)
	}
	page(t, "docs/requirements.md", b.String())
}

var fieldRow = regexp.MustCompile("(?m)^\\| `([A-Za-z0-9]+)` \\|")

// The page lists every field of the JSON in the order in which it is written.
func TestJSONPage(t *testing.T) {
	text, err := os.ReadFile("../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string][]string{}
	for section := range strings.SplitSeq(string(text), "\n## ") {
		name, body, _ := strings.Cut(section, "\n")
		for _, m := range fieldRow.FindAllStringSubmatch(body, -1) {
			sections[name] = append(sections[name], m[1])
		}
	}
	want := map[string][]string{}
	for name, v := range map[string]any{"Result": audit.Result{}, "nodes": audit.Node{}, "certificates": audit.Certificate{},
		"connections": audit.Connection{}, "requests": audit.Request{}, "revocationLists": audit.RevocationList{}, "clusters": audit.Cluster{}, "findings": audit.Finding{}, "plan": audit.Step{}, "outcomes": audit.Outcome{}, "summary": audit.Summary{}, "shown": audit.Shown{}} {
		want[name] = jsonFields(reflect.TypeOf(v))
	}
	if diff := cmp.Diff(want, sections); diff != "" {
		t.Errorf("docs/json.md (-code +page):\n%s", diff)
	}
}

func jsonFields(t reflect.Type) []string {
	var names []string
	for f := range t.Fields() {
		if f.Anonymous {
			names = append(names, jsonFields(f.Type)...)
			continue
		}
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "-" {
			names = append(names, name)
		}
	}
	return names
}

// demoResult audits the demonstration node as "certaudit demo" does.
func demoResult(t *testing.T) audit.Result {
	t.Helper()
	dir := t.TempDir()
	if err := fixtures.Demo().Write(dir); err != nil {
		t.Fatal(err)
	}
	inv, err := inventory.Gather(dir)
	if err != nil {
		t.Fatal(err)
	}
	return audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now})
}

// The page of nodes shows what the audit of a node by its processes finds.
func TestProcessesPage(t *testing.T) {
	dir := t.TempDir()
	for _, s := range fixtures.Scenarios() {
		if s.Name == "bad-processes-differs" {
			if err := s.Node().Write(dir); err != nil {
				t.Fatal(err)
			}
		}
	}
	inv, err := inventory.Clock{Processes: true}.Gather(dir)
	if err != nil {
		t.Fatal(err)
	}
	format, err := report.Lookup("table")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := format.Write(&out, audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now}), report.Options{Width: 160, Verbose: true}); err != nil {
		t.Fatal(err)
	}
	_, findings, _ := strings.Cut(out.String(), "\n\n")
	findings, _, _ = strings.Cut(findings, "\ni INFO ")
	text, err := os.ReadFile(filepath.Join("..", "docs", "nodes.md"))
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := strings.Cut(string(text), "<!-- processes -->\n")
	_, after, ok2 := strings.Cut(rest, "<!-- /processes -->\n")
	if !ok1 || !ok2 || findings == "" {
		t.Fatal("docs/nodes.md has no section of processes, or nothing to show there")
	}
	page(t, "docs/nodes.md", before+"<!-- processes -->\n```console\n"+findings+"\n```\n<!-- /processes -->\n"+after)
}

// The README shows what the demonstration prints on a terminal of 100 columns, in forty
// lines at most.
func TestReadmePage(t *testing.T) {
	var out bytes.Buffer
	shown := demoResult(t).Only(audit.Filter{Severity: audit.Warning})
	if err := report.Formats()[0].Write(&out, shown, report.Options{Width: 100}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	sample := "$ certaudit demo --severity warning\n" + out.String()
	if n := strings.Count(sample, "\n"); n > 40 {
		t.Errorf("the sample has %d lines", n)
	}
	page(t, "README.md", between(t, string(text), "demo", "```console\n"+sample+"```\n"))
}

// commandOf matches a command that a reader of the README types.
var commandOf = regexp.MustCompile(`(?m)^\$ (.*)$`)

// Every command of the README is run: those of make are targets, those of certaudit are
// in a script that says which line runs which.
func TestReadmeCommands(t *testing.T) {
	read := func(name string) string {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	readme, script, makefile := read("../README.md"), read("testdata/script/readme.txtar"), read("../Makefile")
	var want, got []string
	for _, m := range commandOf.FindAllStringSubmatch(readme, -1) {
		if target, ok := strings.CutPrefix(m[1], "make "); !ok {
			want = append(want, m[1])
		} else if !strings.Contains(makefile, "\n"+target+": ") && !strings.Contains(makefile, "\n"+target+":\n") {
			t.Errorf("README.md says make %s, and there is no such target", target)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^# README: (.*)$`).FindAllStringSubmatch(script, -1) {
		got = append(got, m[1])
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(slices.Compact(want), got); diff != "" {
		t.Errorf("commands (-README +testdata/script/readme.txtar):\n%s", diff)
	}
}

// Every check that the README or a page of docs names is one there is.
func TestPagesNameRealChecks(t *testing.T) {
	ids := map[string]bool{}
	families := map[string]bool{}
	for _, c := range audit.Checks() {
		ids[c.ID] = true
		family, _, _ := strings.Cut(c.ID, "/")
		families[family] = true
	}
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`([a-z]+)/([a-z-]+)`")
	for _, name := range append(slices.Clone(pages), "../README.md", "../CHANGELOG.md") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			if id := m[1] + "/" + m[2]; families[m[1]] && !ids[id] && !isRole(id) {
				t.Errorf("%s names the check %s, which does not exist", name, id)
			}
		}
	}
}

func isRole(id string) bool {
	return slices.ContainsFunc(audit.DefaultRequirements().Rows, func(r audit.Requirement) bool { return r.Role == id })
}

var commandLine = regexp.MustCompile(`(?m)^(?:\$ |    - |sudo |        sh ')?(?:sudo )?(?:bin/)?certaudit ([^#\n';]*)`)

// Every command line that a page shows has the flags and arguments that the
// program takes.
func TestPagesShowRealCommands(t *testing.T) {
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, name := range append(pages, "../README.md") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, block := range strings.Split(string(text), "```") {
			if i%2 == 0 {
				continue // outside of a code block
			}
			for _, m := range commandLine.FindAllStringSubmatch(block, -1) {
				seen++
				var stdout, stderr bytes.Buffer
				args := append(strings.Fields(m[1]), "--help")
				if code := program.Main(args, strings.NewReader(""), &stdout, &stderr); code != 0 {
					t.Errorf("%s: certaudit %s\n%s", name, m[1], stderr.String())
				}
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d command lines were found", seen)
	}
}

// The pipeline definitions are YAML, and name inputs that exist.
func TestPipelineDefinitions(t *testing.T) {
	var action struct {
		Inputs map[string]any
		Runs   struct {
			Using string
			Steps []struct {
				Env map[string]string
				Run string
			}
		}
	}
	parseYAML(t, "../action.yml", &action)
	if action.Runs.Using != "composite" {
		t.Errorf("the action runs %q", action.Runs.Using)
	}
	used := regexp.MustCompile(`inputs\.([a-z-]+)`)
	named := map[string]bool{}
	for _, step := range action.Runs.Steps {
		if strings.Contains(step.Run, "${{") {
			t.Errorf("an input is pasted into a script: %s", step.Run)
		}
		for _, v := range step.Env {
			for _, m := range used.FindAllStringSubmatch(v, -1) {
				named[m[1]] = true
			}
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(action.Inputs)), slices.Sorted(maps.Keys(named))); diff != "" {
		t.Errorf("inputs (-declared +used):\n%s", diff)
	}
	var hooks []struct{ ID, Entry, Language string }
	parseYAML(t, "../.pre-commit-hooks.yaml", &hooks)
	if len(hooks) != 1 || hooks[0].Entry != "certaudit audit" || hooks[0].Language != "golang" {
		t.Errorf("hooks: %+v", hooks)
	}
}

func parseYAML(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}
