//go:build !race

package proof

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"certaudit/audit"
	"certaudit/fixtures"

	gocmp "github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the figures into docs/plan.md")

// TestProof tries every case, and holds the figures against those of docs/plan.md.
func TestProof(t *testing.T) {
	if testing.Short() {
		t.Skip("runs some hundred plans")
	}
	if os.Getuid() != 0 {
		skip(t, "only root can make namespaces")
	}
	programs := map[string]string{}
	for version := range kubeadms {
		programs[version] = kubeadmProgram(t, version)
	}
	fixtures.Now, fixtures.Version = at, kubeadmVersion
	all := cases()
	var figures figures
	t.Run("cases", func(t *testing.T) {
		for _, c := range all {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				figures.add(newTrial(t, c, programs[cmp.Or(c.version, kubeadmVersion)]).prove())
			})
		}
	})
	t.Log("\n" + figures.table(all))
	if figures.tried() == len(all) {
		figures.compare(t, all)
	}
}

// skip skips a test, unless nothing may be left out.
func skip(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CERTAUDIT_PROOF") == "all" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// prove runs the plan and holds it against what it promises.
func (tr *trial) prove() outcome {
	t, o := tr.t, outcome{proofCase: tr.proofCase}
	if len(tr.before.open()) == 0 {
		t.Fatal("nothing is wrong with the node")
	}
	script := tr.script(tr.before)
	tr.readable(script)
	if out, code := tr.run(script, nil, "DRY_RUN=1"); code != 0 || fingerprint(tr.tree()) != tr.touched {
		t.Errorf("a dry run changed something, or ended with %d:\n%s", code, out)
	}
	output, code := tr.run(script, tr.watch)
	after := tr.look()
	if o.unharmed = len(tr.worse) == 0; !o.unharmed {
		t.Errorf("stopped somewhere it is worse: %s", strings.Join(tr.worse, "; "))
	}
	if diff := gocmp.Diff(tr.wantOpen(), after.open()); diff != "" {
		t.Errorf("what is open afterwards (-want +got):\n%s", diff)
	}
	o.fixed = len(after.open()) == 0
	if want := map[bool]int{true: 0, false: 3}[tr.left.open == nil]; code != want {
		t.Errorf("exit code %d, want %d", code, want)
	}
	for _, line := range slices.Concat(after.worseThan(tr.before), tr.strays(), tr.leftBehind()) {
		t.Errorf("afterwards: %s", line)
	}
	o.asked = tr.asked(after)
	tr.twice(script, after)
	o.resumed = tr.resumes()
	tr.goesOn(script)
	if tr.left.owner != nil {
		tr.left.owner(tr)
		tr.mustBeSound("once people have done their part")
	}
	o.alone = tr.oneByOne()
	if t.Failed() {
		t.Logf("findings: %s\nscript:\n%s\noutput:\n%s", strings.Join(tr.before.open(), "; "), script, output)
	}
	return o
}

// asked are the steps that the plan leaves to people.
func (tr *trial) asked(s state) (titles []string) {
	for _, step := range s.result.Plan {
		if step.Manual() {
			titles = append(titles, step.Title)
		}
	}
	return titles
}

// twice runs the plan of the tree as it is now, which must have nothing to do but to
// ask, and the old plan once more, which must do no harm.
func (tr *trial) twice(script []byte, after state) {
	again, code := tr.run(tr.script(after), nil)
	switch {
	case tr.left.open == nil && (code != 0 || !strings.Contains(again, "nothing to do")):
		tr.t.Errorf("the next plan has something to do (exit code %d):\n%s", code, again)
	case tr.left.open != nil && code != 3:
		tr.t.Errorf("the next plan ended with %d:\n%s", code, again)
	}
	before := fingerprint(tr.tree())
	again, code = tr.run(script, nil)
	now := tr.look()
	if lines := now.worseThan(after); len(lines) > 0 || !slices.Equal(now.open(), after.open()) {
		tr.t.Errorf("the old plan, run once more, changed what is open to %q, and %s (exit code %d, tree changed: %v):\n%s",
			now.open(), strings.Join(lines, "; "), code, before != fingerprint(tr.tree()), again)
	}
}

// resumes plans for the node as it was when the plan had begun to put things into
// place, and runs that.
func (tr *trial) resumes() bool {
	return tr.halfDone("resumed", func(half *trial) []byte { return half.script(half.look()) })
}

// goesOn runs the same plan on the node as it was then: it may stop at what it has done already,
// and leaves nothing worse.
func (tr *trial) goesOn(script []byte) {
	tr.halfDone("continued", func(*trial) []byte { return script })
}

// halfDone runs a script on a copy of the node as it was when the plan had begun to put
// things into place. It is true where there was no such moment.
func (tr *trial) halfDone(how string, script func(half *trial) []byte) bool {
	if !exists(filepath.Join(tr.dir, "half")) {
		return true
	}
	half := &trial{proofCase: tr.proofCase, t: tr.t, dir: filepath.Join(tr.dir, how), machine: tr.machine, before: tr.before, files: tr.files}
	half.machine.Tree = half.tree()
	copyTree(tr.t, filepath.Join(tr.dir, "half"), half.dir)
	output, code := half.run(script(half), nil)
	after := half.look()
	lines := slices.Concat(after.worseThan(tr.before), half.strays())
	if (how == "continued" || slices.Equal(after.open(), tr.wantOpen())) && len(lines) == 0 {
		return true
	}
	tr.t.Errorf("stopped and %s: %q is open, %s (exit code %d):\n%s", how, after.open(), strings.Join(lines, "; "), code, output)
	return false
}

// mustBeSound plans and runs until nothing is open, twice at most.
func (tr *trial) mustBeSound(when string) {
	s := tr.look()
	output := ""
	if len(s.open()) > 0 {
		output, _ = tr.run(tr.script(s), nil)
		s = tr.look()
	}
	if len(s.open()) > 0 {
		tr.t.Errorf("%s, %q is open:\n%s", when, s.open(), output)
	}
}

// oneByOne runs the remedy of each finding on a fresh tree, one after the other.
func (tr *trial) oneByOne() bool {
	if n := len(tr.before.open()); n == 1 || slices.Equal(tr.left.open, everything) {
		return true // the remedy is the plan
	}
	one := newTrial(tr.t, tr.proofCase, tr.machine.Kubeadm)
	done := map[string]bool{}
	for {
		s := one.look()
		i := slices.IndexFunc(s.result.Findings, func(f audit.Finding) bool { return planned(f) && !done[f.Label()+f.Field] })
		if i < 0 {
			if slices.Equal(s.open(), tr.wantOpen()) {
				return true
			}
			tr.t.Errorf("after each remedy %q is open", s.open())
			return false
		}
		f := s.result.Findings[i]
		done[f.Label()+f.Field] = true
		if !strings.HasPrefix(f.Remedy, "(") {
			continue // words for people
		}
		if output, code := one.run([]byte(f.Remedy+"\n"), nil); code != 0 {
			tr.t.Errorf("the remedy of %s ended with %d:\n%s\n%s", f.Label(), code, f.Remedy, output)
		}
	}
}

// outcome is what became of a case.
type outcome struct {
	proofCase
	// fixed: nothing is open afterwards; unharmed: nowhere was it worse; resumed and
	// alone: stopped and planned again, or by the remedies one by one, it came to the
	// same.
	fixed, unharmed, resumed, alone bool
	// asked is what the plan leaves to people.
	asked []string
}

// figures are the outcomes.
type figures struct {
	sync.Mutex
	outcomes []outcome
}

func (f *figures) add(o outcome) {
	f.Lock()
	defer f.Unlock()
	f.outcomes = append(f.outcomes, o)
}

func (f *figures) tried() int { return len(f.outcomes) }

// count counts the outcomes of a group, "" for all, that a function selects.
func (f *figures) count(group string, is func(outcome) bool) (n int) {
	for _, o := range f.outcomes {
		if (group == "" || o.group == group) && is(o) {
			n++
		}
	}
	return n
}

// table is what docs/plan.md holds: the figures, and what is left to people.
func (f *figures) table(all []proofCase) string {
	var b strings.Builder
	b.WriteString("| nodes | tried | fixed | left to people | stopped after each command: no worse | stopped, planned again: the same | by the remedies one by one: the same |\n|---|---|---|---|---|---|---|\n")
	groups := []string{"the scenarios"}
	for _, s := range shapes() {
		groups = append(groups, s.name)
	}
	for _, group := range append(groups, "") {
		name := group
		if group == "" {
			name = "all"
		}
		any := func(outcome) bool { return true }
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d | %d |\n", name, f.count(group, any), f.count(group, func(o outcome) bool { return o.fixed }),
			f.count(group, func(o outcome) bool { return len(o.asked) > 0 }), f.count(group, func(o outcome) bool { return o.unharmed }),
			f.count(group, func(o outcome) bool { return o.resumed }), f.count(group, func(o outcome) bool { return o.alone }))
	}
	b.WriteString("\n| what is wrong | why no plan fixes it | what the plan ends with |\n|---|---|---|\n")
	for _, c := range all {
		for _, o := range f.outcomes {
			if o.name == c.name && len(o.asked) > 0 {
				fmt.Fprintf(&b, "| %s | %s | %s |\n", o.title(), o.left.why, strings.ReplaceAll(strings.Join(o.briefly(), "<br>"), "|", `\|`))
			}
		}
	}
	return instant.ReplaceAllString(b.String(), "TIME")
}

// briefly is what the plan leaves to people, without the command that is to be run
// elsewhere.
func (o outcome) briefly() []string {
	var out []string
	for _, title := range o.asked {
		short, _, _ := strings.Cut(title, ", as by: ")
		out = append(out, short)
	}
	return out
}

// instant matches what differs from run to run.
var instant = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d UTC`)

// title is the case in words.
func (c proofCase) title() string {
	if c.group == "the scenarios" {
		return c.about
	}
	return c.group + ": " + c.about
}

const (
	page       = "../docs/plan.md"
	pageStart  = "<!-- proof -->\n"
	pageFinish = "<!-- /proof -->"
)

// compare holds the figures against the page.
func (f *figures) compare(t *testing.T, all []proofCase) {
	data := must(os.ReadFile(page))
	before, rest, ok := bytes.Cut(data, []byte(pageStart))
	written, after, ok2 := bytes.Cut(rest, []byte(pageFinish))
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the figures", page)
	}
	if *update {
		if err := os.WriteFile(page, slices.Concat(before, []byte(pageStart+f.table(all)+pageFinish), after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := gocmp.Diff(strings.Split(string(written), "\n"), strings.Split(f.table(all), "\n")); diff != "" {
		t.Errorf("%s is not what was found; make proof writes it (-page +found):\n%s", page, diff)
	}
}

// kubeadmProgram is the real kubeadm of a version: built once, then kept in the
// user's cache. Its module is one of its own, so that certaudit's own modules stay few.
func kubeadmProgram(t *testing.T, release string) string {
	t.Helper()
	dir := filepath.Join(must(os.UserCacheDir()), "certaudit")
	program := filepath.Join(dir, "kubeadm-"+release)
	if exists(program) {
		return program
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	version := strings.Split(strings.TrimPrefix(release, "v"), ".")
	flags := "-s -w"
	for name, value := range map[string]string{"gitVersion": release, "gitMajor": version[0], "gitMinor": version[1]} {
		flags += " -X k8s.io/component-base/version." + name + "=" + value
	}
	t.Logf("building %s, which takes some minutes", program)
	build := exec.Command("go", "build", "-trimpath", "-ldflags", flags, "-o", program+".new", ".")
	build.Dir = kubeadms[release]
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		skip(t, fmt.Sprintf("kubeadm cannot be built, which needs the network the first time: %v\n%s", err, out))
	}
	if err := os.Rename(program+".new", program); err != nil {
		t.Fatal(err)
	}
	return program
}

// kubeadmVersion is the version of the nodes whose shape names none.
const kubeadmVersion = "v1.37.2"

// kubeadms are the folders of the modules, by the versions that they name: one for each
// form of kubeadm's configuration.
var kubeadms = map[string]string{kubeadmVersion: "kubeadm", "v1.29.15": "kubeadm-1.29"}
