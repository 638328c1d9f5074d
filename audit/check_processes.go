package audit

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"certaudit/audit/inventory"
	"certaudit/parsers"
)

// maxDiffering is how many flags of one process are listed.
const maxDiffering = 8

// checkProcessDiffers reports once for each process, which one restart brings up to date.
func checkProcessDiffers(p *pass) {
	for _, r := range p.running() {
		if !isComparable(r) {
			continue
		}
		p.examine()
		differing := p.differing(r)
		if len(differing) == 0 {
			continue
		}
		p.report(finding{component: r.Component, at: placeOfDifference(r, differing[0]),
			message: fmt.Sprintf("%s%s does not run with what this says: it runs %s.%s What runs was judged; with its next start it takes what stands here, which an audit without --from-processes judges",
				processWords(r.Process), r.Component, differencesWords(differing, "the file"), p.changedSince(r)),
			remedy: p.takeUp(r, placeOfDifference(r, differing[0]).Path)})
	}
}

// checkDiffers is the ID of the check of what runs otherwise than a file says.
const checkDiffers = "processes/differs"

// isComparable reports whether a file says to the last what a process should run with.
func isComparable(r inventory.Running) bool {
	return !r.Unread && !r.Guessed && r.File != (parsers.Origin{})
}

// differing is what a process runs otherwise than the file says that starts it.
func (n *node) differing(r inventory.Running) []inventory.Difference {
	if !isComparable(r) {
		return nil
	}
	return slices.DeleteFunc(inventory.Differing(r.Component, r.Runs, r.Filed), func(d inventory.Difference) bool { return n.isSetElsewhere(r, d) || n.isOfImage(r, d) })
}

// isOfImage reports whether a variable of a static pod's process, which its manifest does
// not have, may be one of its image.
func (n *node) isOfImage(r inventory.Running, d inventory.Difference) bool {
	return len(d.Filed) == 0 && n.isManifest(r.File.Path) && !slices.ContainsFunc(d.Runs, isOnCommandLine)
}

// unsettledComponents are those that run otherwise than their files say.
func (n *node) unsettledComponents() []string {
	var names []string
	for _, r := range n.running() {
		if len(n.differing(r)) > 0 {
			names = append(names, r.Component)
		}
	}
	return names
}

// running are the processes of the node's components; none where they were not asked for.
func (n *node) running() []inventory.Running {
	if n.inv.Proc == nil {
		return nil
	}
	return n.inv.Proc.Running
}

// processWords names a process in front of its component.
func processWords(r inventory.Process) string { return fmt.Sprintf("process %d of ", r.PID) }

// isSetElsewhere reports whether a flag that one side lacks says the same as the field of
// the kubelet's configuration that stands for it.
func (n *node) isSetElsewhere(r inventory.Running, d inventory.Difference) bool {
	c, ok := n.inv.Component(r.Component)
	if !ok || c.PID != r.PID || len(d.Runs) > 0 && len(d.Filed) > 0 {
		return false
	}
	given := append(slices.Clone(d.Runs), d.Filed...)
	return slices.ContainsFunc(c.Settings, func(f parsers.Flag) bool {
		return f.Name == d.Flag && !isOnCommandLine(f) && len(inventory.Differing(c.Name, []parsers.Flag{f}, given)) == 0
	})
}

// notTakenUp reports whether a component runs without a flag that the file has which
// starts it, and returns the place of its command line: there is nothing to set there.
func (n *node) notTakenUp(c inventory.Component, flag string) (parsers.Origin, bool) {
	for _, r := range n.running() {
		if c.PID != 0 && r.PID == c.PID && slices.ContainsFunc(r.Filed, func(f parsers.Flag) bool { return f.Name == flag && f.Value != "" }) {
			return parsers.Origin{Path: r.Place().Path, Field: "--" + flag}, true
		}
	}
	return parsers.Origin{}, false
}

// placeOfDifference is where a file says otherwise, or would say.
func placeOfDifference(r inventory.Running, d inventory.Difference) parsers.Origin {
	if len(d.Filed) > 0 {
		return d.Filed[len(d.Filed)-1].Origin
	}
	return parsers.Origin{Path: r.File.Path, Line: r.File.Line, Field: "--" + d.Flag}
}

// differencesWords says in what a process differs from a file or another process, which
// is called there.
func differencesWords(differing []inventory.Difference, there string) string {
	first, more := bounded(differing, maxDiffering)
	var parts []string
	for _, d := range first {
		parts = append(parts, differenceWords(d, there))
	}
	if more > 0 {
		parts = append(parts, plural(more, "more flag"))
	}
	return strings.Join(parts, "; ")
}

func differenceWords(d inventory.Difference, there string) string {
	at := ""
	if len(d.Filed) > 0 && !inventory.IsProcess(d.Filed[0].Origin.Path) {
		at = " (" + where(d.Filed[0].Origin) + ")"
	}
	switch {
	case len(d.Filed) == 0:
		return fmt.Sprintf("with %s, which %s does not have", givenWords(d.Runs), there)
	case len(d.Runs) == 0:
		return fmt.Sprintf("without %s, which %s has%s", givenWords(d.Filed), there, at)
	}
	return fmt.Sprintf("with %s, where %s has %s%s", givenWords(d.Runs), there, givenWords(d.Filed), at)
}

// givenWords are flags as a command line has them.
func givenWords(flags []parsers.Flag) string {
	var words []string
	for _, f := range flags {
		name := f.Written()
		if !isOnCommandLine(f) {
			name = cmp.Or(f.Origin.Field, f.Name)
		}
		words = append(words, name+"="+clip(f.Value))
	}
	first, more := bounded(words, maxDiffering)
	if more > 0 {
		first = append(slices.Clone(first), fmt.Sprintf("and %d more", more))
	}
	return strings.Join(first, " ")
}

// changedSince says that the file which starts a process was written after that began.
func (n *node) changedSince(r inventory.Running) string {
	file := n.inv.Files[r.File.Path]
	if r.Started.IsZero() || !file.ModTime.After(r.Started) {
		return ""
	}
	return fmt.Sprintf(" The file was written on %s, after the process began on %s.", instant(file.ModTime), instant(r.Started))
}

// takeUp says how a process is brought to run what its file says; file is the one that
// says otherwise, which may be one of variables. Which of the two is right is not known,
// so that all is a comment.
func (n *node) takeUp(r inventory.Running, file string) remedy {
	advice := fmt.Sprintf("# decide which of the two is right; if it is what runs, correct %s", file)
	c := n.judgedAs(r)
	switch {
	case n.isManifest(r.File.Path):
		aside := path.Join("/etc/kubernetes", path.Base(r.File.Path))
		return remedy{advice, "# if it is the file: see that the kubelet runs (systemctl status kubelet) and does not refuse it (journalctl -u kubelet)",
			command("# then have the kubelet read it again: mv -n %s %s, wait until crictl ps --name %s lists nothing, mv -n %s %s", r.File.Path, aside, r.Component, aside, r.File.Path)}
	case c.Unit != "" && quotable(c.Unit) || r.Component == inventory.Kubelet:
		return remedy{advice, "# if it is the file, have it taken up: " + reload(c) + restartCommand(c, r.Component)}
	}
	return remedy{advice, "# if it is the file, restart what starts " + r.Component}
}

// judgedAs is the component as which a process is judged; the zero Component for one
// that is not.
func (n *node) judgedAs(r inventory.Running) inventory.Component {
	i := slices.IndexFunc(n.inv.Components, func(c inventory.Component) bool { return c.PID == r.PID && c.Name == r.Component })
	if i < 0 {
		return inventory.Component{}
	}
	return n.inv.Components[i]
}

// checkProcessMissing reports components that a file starts and no process runs. Where no
// process of any component is seen, the processes are not those of the node.
func checkProcessMissing(p *pass) {
	proc := p.inv.Proc
	if proc == nil {
		return
	}
	for _, name := range proc.NotRun {
		p.unjudged("%s does not run here, and no file of the node says whether it should", name)
	}
	for _, reason := range passedOverWords(proc.PassedOver) {
		p.unjudged("%s", reason)
	}
	if len(proc.Running)+len(proc.Programs) == 0 {
		p.lost = true
		p.unjudged("no process of %s is seen in /proc, nor one of %s; the files were judged. In a container without the node's processes (hostPID) none can be seen", joinOr(componentNames()), joinOr(programNames()))
		return
	}
	var embedded []string
	for _, c := range p.inv.Components {
		if p.isEmbedded(c) {
			embedded = append(embedded, c.Name)
		} else {
			p.judgeRuns(c)
		}
	}
	if len(embedded) > 0 {
		p.unjudged("what %s run with cannot be seen (%s runs them within its own process, or hides their arguments): what the files say was judged", strings.Join(embedded, ", "), cmp.Or(joinOr(proc.Programs), "what starts them"))
	}
}

// passedOverWords names the processes that were passed over, once for each reason.
func passedOverWords(passed []inventory.PassedOver) []string {
	var reasons, out []string
	of := map[string][]string{}
	for _, o := range passed {
		if of[o.Reason] == nil {
			reasons = append(reasons, o.Reason)
		}
		of[o.Reason] = append(of[o.Reason], fmt.Sprintf("%s %d", o.Component, o.PID))
	}
	for _, reason := range reasons {
		out = append(out, fmt.Sprintf("not judged, since %s: %s", reason, strings.Join(clipAll(of[reason]), ", ")))
	}
	return out
}

// judgeRuns judges whether a component runs.
func (p *pass) judgeRuns(c inventory.Component) {
	static := p.isStatic(c)
	if kubelet, _ := p.inv.Component(inventory.Kubelet); static && !p.isSeen(kubelet) {
		p.unjudged("no process of the kubelet is seen, which would run %s", c.Name)
		return
	}
	if p.examine(); p.isSeen(c) {
		return
	}
	f := finding{component: c.Name, at: c.Origin, message: fmt.Sprintf("no process of %s is seen; expected the one that this starts. What stands here was judged", c.Name)}
	switch {
	case static:
		f.remedy = remedy{command("crictl ps -a --name %s", c.Name), "# its last log tells why it ended; if there is none, that of the kubelet does: " + p.logOf(inventory.Kubelet)}
	default:
		f.remedy = remedy{serviceCommand(c, c.Name, "status"), p.logOf(c.Name)}
	}
	p.report(f)
}

// isStatic reports whether a component is a static pod of the kubelet's folder.
func (n *node) isStatic(c inventory.Component) bool {
	return n.isManifest(c.Origin.Path)
}

// isSeen reports whether a process of a component is seen, read or not.
func (n *node) isSeen(c inventory.Component) bool {
	return c.PID != 0 || slices.ContainsFunc(n.running(), func(r inventory.Running) bool {
		return r.Component == c.Name && (r.File == c.Origin || c.Name == inventory.Kubelet)
	})
}

// isEmbedded reports whether no process is seen of a component that a distribution starts
// which may run it within its own process.
func (n *node) isEmbedded(c inventory.Component) bool {
	embedded := n.inv.Distribution != nil && len(n.inv.Proc.Programs) > 0
	unit := c.Unit != "" || c.Name == inventory.Kubelet
	return !n.isSeen(c) && !n.isStatic(c) && (embedded || !unit)
}

func componentNames() []string {
	var names []string
	for _, p := range inventory.Programs() {
		names = append(names, p.Name)
	}
	return names
}

// programNames are those of distributions that run components.
func programNames() []string {
	var names []string
	for _, l := range inventory.Layouts() {
		if l.Program != "" {
			names = append(names, l.Program)
		}
	}
	return names
}

// checkProcessUnfiled reports components that run and that no file starts, on a node where
// files start others.
func checkProcessUnfiled(p *pass) {
	if !slices.ContainsFunc(p.running(), func(r inventory.Running) bool { return r.File != (parsers.Origin{}) }) {
		return
	}
	for _, r := range p.running() {
		p.examine()
		switch {
		case r.File != (parsers.Origin{}) || !p.isJudged(r):
			continue
		case p.mayBeFiled(r):
			p.unjudged("what may start %s was not read, or whose its process is", r.Component)
			continue
		}
		p.report(finding{component: r.Component, at: r.Place(),
			message: fmt.Sprintf("%s%s runs, and no file of the node starts it; expected a manifest or a unit. What runs was judged; whether it comes back after a restart of the node is not known", processWords(r.Process), r.Component),
			remedy:  remedy{command("ps -o pid,ppid,lstart,cmd -p %s", fmt.Sprint(r.PID)), "# its parent tells what has started it"}})
	}
}

// mayBeFiled reports whether something that was not read may start a process, or the
// process may not be the node's.
func (p *pass) mayBeFiled(r inventory.Running) bool {
	files := *p.inv
	files.Problems = slices.DeleteFunc(slices.Clone(files.Problems), func(problem inventory.InputProblem) bool { return inventory.IsProcess(problem.Origin.Path) })
	return r.Unplaced || mayBeUnread(&files, r.Component)
}

// isJudged reports whether a process is one by which a component was judged.
func (p *pass) isJudged(r inventory.Running) bool {
	return r.Unread || p.judgedAs(r).Name != ""
}

// checkProcessTwice reports processes of a component beside the one that is judged.
func checkProcessTwice(p *pass) {
	for _, r := range p.running() {
		p.examine()
		if p.isJudged(r) {
			continue
		}
		i := slices.IndexFunc(p.running(), func(o inventory.Running) bool { return o.Component == r.Component && p.isJudged(o) })
		if i < 0 {
			continue
		}
		judged := p.running()[i]
		if r.Unplaced || judged.Unplaced {
			p.unjudged("of which node process %d of %s is, beside process %d, is not shown to this user", r.PID, r.Component, judged.PID)
			continue
		}
		differing := inventory.Differing(r.Component, r.Runs, judged.Runs)
		if len(differing) == 0 {
			continue // one of them is about to start another program (execve(2))
		}
		p.report(finding{component: r.Component, at: r.Place(),
			message: fmt.Sprintf("%s%s runs beside process %d, %s. What only this one names was not judged; expected one process, or ports of their own",
				processWords(r.Process), r.Component, judged.PID, differencesWords(differing, fmt.Sprintf("process %d", judged.PID))),
			remedy: remedy{command("ps -o pid,ppid,lstart,cmd -p %s,%s", fmt.Sprint(r.PID), fmt.Sprint(judged.PID)), "# one of the two is left over, or both are to be on ports of their own"}})
	}
}
