package main

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"certaudit/audit"
	"certaudit/cmd"
)

// static holds a program to need no library and no loader.
func static(t *testing.T, program string) {
	t.Helper()
	f, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("the program has a segment %s", p.Type)
		}
	}
}

// testRelease is a release of this tree of which nothing is built.
func testRelease(t *testing.T) *release {
	t.Helper()
	r, err := newRelease("../..", given{"1.2.3", testRevision, testSeconds, testMaintainer})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Every command has a page that the formatters take without a word, and that says what
// --help says.
func TestManuals(t *testing.T) {
	pages := must(testRelease(t).manuals())
	byName := map[string]file{}
	for _, p := range pages {
		byName[filepath.Base(p.path)] = p
	}
	for _, c := range cmd.Commands().Commands() {
		if c.Name() != "help" && byName["certaudit-"+c.Name()+".1"].data == nil {
			t.Errorf("certaudit %s has no page", c.Name())
		}
	}
	groff, mandoc := tool(t, "groff"), tool(t, "mandoc")
	said := map[string][]string{
		"certaudit.1":         {"NAME certaudit - Audit the certificates of a Kubernetes node SYNOPSIS certaudit [command] ", " csr Judge certificate signing requests "},
		"certaudit.yaml.5":    {"NAME certaudit.yaml - policy, waivers and baseline of certaudit ", " thresholds: leaf: {warnDays: 45, criticalDays: 14} ", " Baseline A gate can be set up "},
		"certaudit-checks.7":  {"validity/expired; severity: critical; says: a certificate is past its notAfter", " validity/expired critical: a certificate is past its notAfter. ", "Remedy: "},
		"certaudit-metrics.7": {" certaudit_build_info Always 1; ", "Labels: version, revision, date, goversion"},
	}
	blanks := regexp.MustCompile(`\s+`)
	for name, p := range byName {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, p.data, 0o644); err != nil {
			t.Fatal(err)
		}
		var stdout, stderr bytes.Buffer
		c := exec.Command(groff, "-man", "-t", "-ww", "-Kutf8", "-Tutf8", "-P-c", "-P-b", "-P-u", "-rHY=0", path)
		c.Stdout, c.Stderr = &stdout, &stderr
		if err := c.Run(); err != nil || stderr.Len() > 0 {
			t.Errorf("groff %s: %v\n%s", name, err, stderr.Bytes())
		}
		if out := output(t, exec.Command(mandoc, "-T", "lint", "-W", "warning", path)); out != "" {
			t.Errorf("mandoc:\n%s", out)
		}
		if !strings.Contains(string(p.data), " 2026-11-25 \"certaudit 1.2.3\"") {
			t.Errorf("%s has another date or version", name)
		}
		shown := blanks.ReplaceAllString(stdout.String(), " ")
		for _, want := range said[name] {
			if !strings.Contains(shown, want) {
				t.Errorf("%s does not say %q:\n%s", name, want, shown)
			}
		}
		if name == "certaudit-audit.1" {
			c, _, _ := cmd.Commands().Find([]string{"audit"})
			for _, text := range append(strings.Split(c.Long, "\n\n"), strings.Split(c.Example, "\n")...) {
				if want := strings.TrimSpace(blanks.ReplaceAllString(text, " ")); !strings.Contains(shown, want) {
					t.Errorf("the page of audit does not say %q", want)
				}
			}
		}
	}
}

// The shells load what is written for them.
func TestCompletions(t *testing.T) {
	dir := t.TempDir()
	for _, f := range must(completions()) {
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(f.path)), f.data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, shell := range []struct{ name, script, want string }{
		{"bash", "source ./certaudit.bash; complete -p certaudit", "complete -o default -F __start_certaudit certaudit\n"},
		{"zsh", "fpath=($PWD $fpath); autoload -Uz compinit && compinit -u -D; whence -w _certaudit; print $_comps[certaudit]", "_certaudit: function\n_certaudit\n"},
		{"fish", "source ./certaudit.fish; functions -q __certaudit_perform_completion; and echo loaded", "loaded\n"},
	} {
		t.Run(shell.name, func(t *testing.T) {
			c := exec.Command(tool(t, shell.name), map[string][]string{"bash": {"--norc", "-c"}, "zsh": {"-f", "-c"}, "fish": {"--no-config", "-c"}}[shell.name]...)
			c.Args = append(c.Args, shell.script)
			c.Dir, c.Env = dir, append(os.Environ(), "HOME="+dir)
			if got := output(t, c); got != shell.want {
				t.Errorf("%s prints\n%swant\n%s", shell.name, got, shell.want)
			}
		})
	}
}

// The policy of packages decides nothing, and can decide what the page of policies shows.
func TestInertPolicy(t *testing.T) {
	text := must(inertPolicy(string(must(os.ReadFile("../../docs/policy.md")))))
	p, err := audit.ParsePolicy(policyFile, text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(audit.Policy{Path: policyFile}, *p); diff != "" {
		t.Errorf("the policy decides something:\n%s", diff)
	}
	setting := regexp.MustCompile(`(?m)^#(  |- |[a-z]+:)`)
	p, err = audit.ParsePolicy(policyFile, setting.ReplaceAll(text, []byte("$1")))
	if err != nil {
		t.Fatal(err)
	}
	if p.Profile != "kubeadm" || len(p.Thresholds) != 3 || len(p.Checks) != 2 || len(p.Paths) != 1 || len(p.Waivers) != 1 || len(p.Requirements.Add) != 1 {
		t.Errorf("with all its settings the policy is %+v", p)
	}
}

// The bill of materials names the program, its revision, Go, and each module that the
// program says it is built of.
func TestBillOfMaterials(t *testing.T) {
	dir := built(t)
	folder := "certaudit_1.2.3_linux_" + host.arch
	program := untarred(t, filepath.Join(dir, folder+".tar.gz"))[folder+"/certaudit"].data
	info, err := buildinfo.Read(bytes.NewReader(program))
	if err != nil {
		t.Fatal(err)
	}
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(bytes.NewReader(must(os.ReadFile(filepath.Join(dir, folder+".cdx.json")))), cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	main := bom.Metadata.Component
	if bom.BOMFormat != "CycloneDX" || bom.SpecVersion < cdx.SpecVersion1_6 || bom.Version != 1 || bom.Metadata.Timestamp != "2026-11-25T12:00:00Z" ||
		!regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(bom.SerialNumber) {
		t.Errorf("the bill is %+v", bom)
	}
	if main.Name != name || main.Version != "1.2.3" || main.Type != cdx.ComponentTypeApplication || (*main.Hashes)[0].Value != sum(program) ||
		(*main.Licenses)[0].License.ID != "Apache-2.0" || (*main.Properties)[0].Value != testRevision || main.PackageURL != "pkg:golang/certaudit@v1.2.3?goos=linux&goarch="+host.arch {
		t.Errorf("the program is %+v", main)
	}
	want, got := []string{"pkg:golang/std@" + strings.TrimPrefix(info.GoVersion, "go")}, []string{}
	for _, m := range info.Deps {
		want = append(want, "pkg:golang/"+m.Path+"@"+m.Version)
	}
	refs := []string{main.BOMRef}
	for _, c := range *bom.Components {
		got, refs = append(got, c.PackageURL), append(refs, c.BOMRef)
		if c.Name == "" || c.Version == "" || c.Type != cdx.ComponentTypeLibrary {
			t.Errorf("a component is %+v", c)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || len(want) < 10 {
		t.Errorf("modules (-of the program +of the bill):\n%s", diff)
	}
	for _, d := range *bom.Dependencies {
		if !slices.Contains(refs, d.Ref) {
			t.Errorf("%s is no component", d.Ref)
		}
	}
	if diff := cmp.Diff(refs[1:], *(*bom.Dependencies)[0].Dependencies); diff != "" {
		t.Errorf("the program's modules:\n%s", diff)
	}
}

// The licences of all modules go with the program.
func TestNotices(t *testing.T) {
	r := testRelease(t)
	text := string(must(r.notices()))
	for _, m := range must(r.modules()) {
		if !strings.Contains(text, "\n"+m.path+" "+m.version+": ") {
			t.Errorf("%s has no licence", m.path)
		}
	}
	if !strings.Contains(text, "\nGo go1.") || !strings.Contains(text, "The Go Authors") {
		t.Error("Go has no licence")
	}
}

// krew and Homebrew are told of the archives by the sums that these have, and find in them
// what they install.
func TestManagers(t *testing.T) {
	dir := built(t)
	folder := "certaudit_1.2.3_linux_" + host.arch
	archived := filepath.Join(dir, folder+".tar.gz")
	files, hash := untarred(t, archived), sum(must(os.ReadFile(archived)))
	var p plugin
	d := yaml.NewDecoder(bytes.NewReader(must(os.ReadFile(filepath.Join(dir, "krew", "certaudit.yaml")))))
	d.KnownFields(true)
	if err := d.Decode(&p); err != nil {
		t.Fatal(err)
	}
	want := pluginPlatform{URI: testURL + "/" + folder + ".tar.gz", SHA256: hash, Bin: "certaudit", Files: []pluginFile{{folder + "/certaudit", "."}, {folder + "/LICENSE", "."}}}
	want.Selector.MatchLabels = map[string]string{"os": "linux", "arch": host.arch}
	if diff := cmp.Diff([]pluginPlatform{want}, p.Spec.Platforms); diff != "" || p.Metadata.Name != "certaudit" || p.Spec.Version != "v1.2.3" || p.Spec.ShortDescription == "" {
		t.Errorf("the manifest: %+v\n%s", p, diff)
	}
	for _, f := range p.Spec.Platforms[0].Files {
		if files[f.From].data == nil {
			t.Errorf("krew would not find %s", f.From)
		}
	}
	formula := filepath.Join(dir, "homebrew", "certaudit.rb")
	text := string(must(os.ReadFile(formula)))
	if !strings.Contains(text, "url \""+want.URI+"\"\n      sha256 \""+hash+"\"") {
		t.Errorf("the formula does not name the archive:\n%s", text)
	}
	for _, m := range regexp.MustCompile(`"((?:man|completions)/[^"*]+)`).FindAllStringSubmatch(text, -1) {
		if !slices.ContainsFunc(slices.Collect(keys(files)), func(name string) bool { return strings.HasPrefix(name, folder+"/"+m[1]) }) {
			t.Errorf("Homebrew would not find %s", m[1])
		}
	}
	output(t, exec.Command(tool(t, "ruby"), "-c", formula))
}

func keys(m map[string]entry) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}
