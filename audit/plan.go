package audit

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"certaudit/audit/inventory"
)

// Step is one thing to do to fix what was found on a node.
type Step struct {
	Node  string `json:"node"`
	Phase Phase  `json:"phase"`
	// Title says in one line what the step does, or, where Commands is empty, what
	// somebody has to do.
	Title string `json:"title"`
	// Commands are POSIX shell. Each is complete; one that fails ends the plan. They
	// share the variables that the steps before them set.
	Commands []string `json:"commands"`
	// Findings are the places of the findings that the step helps to fix, "check path";
	// empty for what belongs to all.
	Findings []string `json:"findings"`
}

// Manual reports whether the step is for somebody to decide or to do.
func (s Step) Manual() bool { return len(s.Commands) == 0 }

// Fixes reports whether the findings of the step end with it: it changes what the node runs
// with, or asks somebody to. The steps before it prepare that.
func (s Step) Fixes() bool {
	return slices.Contains([]Phase{PhasePlace, PhaseRestart, PhaseFollow, PhaseAsk}, s.Phase)
}

// Phase is a part of a plan. Nothing is put into place before all that replaces it
// is made and checked, and nothing is restarted before all is in place.
type Phase string

// The phases, in their order.
const (
	// PhaseLook: what must hold before anything is changed.
	PhaseLook Phase = "look"
	// PhaseBackUp: copies of what will be changed.
	PhaseBackUp Phase = "back-up"
	// PhaseMake: everything new, aside.
	PhaseMake Phase = "make"
	// PhaseCheck: what was made is looked at.
	PhaseCheck Phase = "check"
	// PhasePlace: it takes the place of the old.
	PhasePlace Phase = "place"
	// PhaseRestart: of what does not notice by itself.
	PhaseRestart Phase = "restart"
	// PhaseWait: until what was restarted works.
	PhaseWait Phase = "wait"
	// PhaseFollow: what becomes possible only then.
	PhaseFollow Phase = "follow"
	// PhaseAsk: what the node alone cannot do.
	PhaseAsk Phase = "ask"
	// PhaseAudit: once more.
	PhaseAudit Phase = "audit"
)

var phases = []Phase{PhaseLook, PhaseBackUp, PhaseMake, PhaseCheck, PhasePlace, PhaseRestart, PhaseWait, PhaseFollow, PhaseAsk, PhaseAudit}

// planner collects the steps of a plan.
type planner struct {
	*nodeAudit
	steps []Step
	// changed are the files and folders that will be changed, restarts the components
	// that have to notice, and tools the programs that the commands need.
	changed, restarts, tools []string
	// restarted are the labels of what the restart of a component fixes by itself.
	restarted map[string][]string
	// reload: units of systemd are changed.
	reload bool
	// stages are the folders in which what is new is made.
	stages []*stage
	// edited are the files that are changed in parts, and modes those that get another
	// mode: last, for what takes the place of a file has the mode of the old.
	edited []fileEdits
	modes  []modeChange
	// guarded: the plan begins with a look at whether it is run where it belongs.
	guarded bool
}

func newPlanner(n *nodeAudit) *planner {
	return &planner{nodeAudit: n, restarted: map[string][]string{}}
}

// plan returns the plan for some findings of the node. Where it is one of several for
// the same audit, as remedies are, each changes what the others found: it is not guarded.
func (n *nodeAudit) plan(findings []Finding, guarded bool) []Step {
	p := newPlanner(n)
	p.guarded = guarded
	for _, work := range p.works(findings) {
		if component := p.takesUp(work); component != "" {
			labels := work.findings
			work = settle(component)
			work.findings = labels
		}
		work.add(p)
	}
	for _, f := range findings {
		p.advise(f)
	}
	return p.finish()
}

// takesUp returns a component that a work restarts, or whose manifest it changes, although
// it does not run with what its file says: it would come back with flags under which
// nothing was judged. "" for none.
func (p *planner) takesUp(w work) string {
	if len(p.unsettled) == 0 {
		return ""
	}
	trial := newPlanner(p.nodeAudit)
	w.add(trial)
	for _, name := range p.unsettled {
		c, _ := p.inv.Component(name)
		byKubelet := p.isStatic(c) && slices.Contains(trial.restarts, inventory.Kubelet)
		if byKubelet || slices.Contains(trial.restarts, name) || slices.ContainsFunc(trial.edited, func(e fileEdits) bool { return e.file == c.Origin.Path }) {
			return name
		}
	}
	return ""
}

// settle is what has to be decided before anything restarts a component.
func settle(component string) work {
	return work{key: "settle " + component, ask: fmt.Sprintf("first settle what %s is to run (%s), then have the plan made again: a restart takes up what its file says", component, checkDiffers)}
}

// finish frames the steps and puts them in order.
func (p *planner) finish() []Step {
	for _, f := range p.edited {
		p.editFile(f)
	}
	for _, m := range p.modes {
		p.add(PhasePlace, m.of, fmt.Sprintf("set the mode of %s to %04o", m.file, m.mode), fmt.Sprintf("chmod %04o ", m.mode)+words(m.file))
	}
	p.frame()
	p.sortSteps()
	return p.steps
}

// sortSteps puts the steps into the order of their phases.
func (p *planner) sortSteps() {
	slices.SortStableFunc(p.steps, func(a, b Step) int { return cmp.Compare(slices.Index(phases, a.Phase), slices.Index(phases, b.Phase)) })
}

// add adds a step, unless it is there.
func (p *planner) add(phase Phase, of work, title string, commands ...string) {
	if commands == nil {
		commands = []string{}
	}
	if i := slices.IndexFunc(p.steps, func(s Step) bool { return s.Phase == phase && s.Title == title && slices.Equal(s.Commands, commands) }); i >= 0 {
		p.steps[i].Findings = union(p.steps[i].Findings, of.findings)
		return
	}
	p.steps = append(p.steps, Step{Node: p.name, Phase: phase, Title: title, Commands: commands, Findings: slices.Clone(of.findings)})
}

// union adds what a list lacks.
func union(list, more []string) []string {
	for _, v := range more {
		if !slices.Contains(list, v) {
			list = append(list, v)
		}
	}
	return list
}

// needs notes what a step needs and leads to.
func (p *planner) needs(tools ...string)   { p.tools = union(p.tools, tools) }
func (p *planner) changes(files ...string) { p.changed = union(p.changed, files) }
func (p *planner) restart(names ...string) { p.restarts = union(p.restarts, names) }

// frame adds what belongs to every plan that changes something.
func (p *planner) frame() {
	if len(p.changed)+len(p.restarts) == 0 {
		return
	}
	all := work{findings: []string{}}
	if p.guarded {
		p.needs(guardTools...)
	}
	title, look := p.mayChange()
	for _, tool := range p.tools {
		look = append(look, "command -v "+tool+" > /dev/null")
	}
	p.add(PhaseLook, all, title+", with "+strings.Join(union([]string{"sh"}, p.tools), ", ")+" at hand", look...)
	last := len(p.steps) - 1
	p.steps = slices.Insert(p.steps[:last:last], 0, p.steps[last])
	if len(p.changed) > 0 {
		p.backUp(all)
	}
	p.clear(all)
	p.restartAll(all)
	if p.guarded {
		p.guard(all)
	}
	if slices.ContainsFunc(p.steps, Step.Manual) {
		return
	}
	if p.inv.IsNode() {
		p.add(PhaseAudit, all, "audit the node again", p.again.node()+" > /dev/null")
	} else if command := p.again.files(); command != "" {
		p.add(PhaseAudit, all, "audit the files again", command+" > /dev/null")
	}
}

// mayChange are the words and the commands for who can change the files: root, or, of files
// that belong to no node, whoever owns them, with their group, and may write into their folders.
func (p *planner) mayChange() (title string, look []string) {
	const root = `[ "$(id -u)" = 0 ]`
	if p.inv.IsNode() || slices.Contains(p.changed, requestDir) {
		return "be root", []string{root}
	}
	for _, name := range p.changed {
		look = append(look, fmt.Sprintf("%s || { [ -w %s ] && { [ ! -e %s ] || { [ -O %s ] && [ -G %s ]; }; }; }", root, words(path.Dir(name)), words(name), words(name), words(name)))
	}
	return "be root or the owner of the files", look
}

// stage is a folder in which what is new is made: beside what it replaces, so that
// it can be moved in one file system.
type stage struct {
	dir string
	// folders lie in it; left are the files that are not put into place.
	folders, left []string
}

// stageFor returns the stage for the files of a folder, with other folders in it,
// and adds the step that makes it. What a plan that was stopped has left there may
// be the only copy of a key: it is put with the copies.
func (p *planner) stageFor(dir string, of work, folders ...string) *stage {
	if dir == p.inv.ManifestDir {
		dir = path.Dir(dir) // the kubelet runs what lies in the folder
	}
	dir = path.Join(dir, ".certaudit-new")
	i := slices.IndexFunc(p.stages, func(s *stage) bool { return s.dir == dir })
	if i < 0 {
		i = len(p.stages)
		p.stages = append(p.stages, &stage{dir: dir})
	}
	s := p.stages[i]
	s.folders = union(s.folders, folders)
	p.add(PhaseMake, of, "make "+dir+" for what is new",
		fmt.Sprintf(`[ ! -e %s ] || mv -- %s "$B"/unfinished-%s`, words(dir), words(dir), words(flat(dir))), p.mkdir(dir))
	for _, folder := range folders {
		p.add(PhaseMake, of, "make "+s.path(folder), "mkdir -m 0700 -- "+words(s.path(folder)))
	}
	return s
}

// mkdir is the command that makes a stage; the folder around it too, if nothing says
// that it is there.
func (p *planner) mkdir(dir string) string {
	for name, f := range p.inv.Files {
		if f.Exists() && strings.HasPrefix(name, path.Dir(dir)+"/") {
			return "mkdir -m 0700 -- " + words(dir)
		}
	}
	return "mkdir -p -m 0700 -- " + words(dir)
}

// path is that of a file of the stage.
func (s *stage) path(name string) string { return path.Join(s.dir, name) }

// put is the command that moves a certificate and its key from stages into place: one,
// so that nothing stops between the two.
func put(cert, certPath, key, keyPath string) string {
	if path.Dir(certPath) == path.Dir(keyPath) {
		return "mv -f -- " + words(cert, key, path.Dir(certPath)+"/")
	}
	return `sh -c 'mv -f -- "$1" "$2" && mv -f -- "$3" "$4"' sh ` + words(key, keyPath, cert, certPath)
}

// putFile is the command that moves a file from a stage into place; a folder that is
// there instead goes to the copies.
func (p *planner) putFile(made, place string) string {
	if p.inv.Files[place].Mode.IsDir() {
		return fmt.Sprintf(`sh -c 'mv -- "$1" "$2" && mv -f -- "$3" "$1"' sh %s "$B"/folder-%s %s`, words(place), words(flat(place)), words(made))
	}
	return "mv -f -- " + words(made, place)
}

// leave notes files that are needed only to make others, or that were copied into
// others: they are removed with the stage.
func (s *stage) leave(files ...string) { s.left = union(s.left, files) }

// clear adds the step that removes the stages, once all is in place.
func (p *planner) clear(all work) {
	var commands []string
	for _, s := range p.stages {
		if len(s.left) > 0 {
			commands = append(commands, "rm -f -- "+words(s.left...))
		}
		dirs := []string{}
		for _, folder := range s.folders {
			dirs = append(dirs, s.path(folder))
		}
		commands = append(commands, fmt.Sprintf(`rmdir -- %s 2> /dev/null || mv -- %s "$B"/left-%s`, words(append(dirs, s.dir)...), words(s.dir), words(flat(s.dir))))
	}
	if commands != nil {
		p.add(PhasePlace, all, "remove the folders in which it was made", commands...)
	}
}

// flat is a path as one name.
func flat(name string) string { return strings.ReplaceAll(strings.Trim(name, "/"), "/", "_") }

// backUp adds the copies of what will be changed, in a dated folder beside.
func (p *planner) backUp(all work) {
	commands := []string{"mkdir -p " + p.copiesDir(), "B=" + p.copiesDir() + "/certaudit-$(TZ=UTC0 date +%Y%m%dT%H%M%SZ)",
		`while [ -e "$B" ]; do B=${B}_; done`, `mkdir -m 0700 "$B"`} // copies of another plan may be all that is left of a key
	for _, name := range p.copied() {
		commands = append(commands, fmt.Sprintf(`[ ! -e %s ] || cp -a -- %s "$B"/%s`, words(name), words(name), words(flat(name))))
	}
	p.add(PhaseBackUp, all, "keep copies of what will be changed", commands...)
}

// copied are the files to be copied before they are changed; the folder of the
// certificates as a whole where several of its files are.
func (p *planner) copied() []string {
	inside := func(name string) bool { return strings.HasPrefix(name, p.inv.CertificatesDir+"/") }
	several := 0
	for _, name := range p.changed {
		if inside(name) {
			several++
		}
	}
	if several < 3 {
		return p.changed
	}
	return append(slices.DeleteFunc(slices.Clone(p.changed), inside), p.inv.CertificatesDir)
}

// remedyOf is the remedy of a finding: its own plan, or what its check advises where
// the plan is to do that by hand.
func remedyOf(plan []Step, advice string) string {
	if len(plan) == 1 && plan[0].Manual() && plan[0].Title == prose(advice) {
		return advice
	}
	return asRemedy(plan)
}

// asRemedy writes steps as one block to be pasted: in a shell of its own, which ends
// at the first command that fails. It does not audit again, for what else there is to
// fix would be a failure.
func asRemedy(steps []Step) string {
	var commands, asked []string
	for _, s := range steps {
		if s.Phase == PhaseAudit {
			continue
		}
		commands = append(commands, s.Commands...)
		if s.Manual() {
			asked = append(asked, "# "+s.Title)
		}
	}
	if len(commands) > 0 {
		commands = append(append([]string{"(", "set -eu", "umask 077"}, commands...), ")")
	}
	return strings.Join(append(commands, asked...), "\n")
}
