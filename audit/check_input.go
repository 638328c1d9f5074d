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

// unread is a file or folder of which nothing is known.
type unread struct {
	component string
	at        parsers.Origin
	reason    string
	denied    bool
	// notCopied: the tree that is audited has some of the node alone.
	notCopied bool
	// store is the kind of key store that no password opens.
	store string
}

func checkUnreadable(p *pass) {
	p.reportUnreached()
	p.reportLeftOut()
	var denied []unread
	all := p.unreadable()
	for _, u := range all {
		p.lost = true
		if u.denied {
			denied = append(denied, u)
			continue
		}
		if u.store != "" {
			p.report(finding{severity: Warning, component: u.component, at: u.at, message: u.reason + "; expected one of them to open it", obstacle: u.store,
				remedy: remedy{"# put its password into a file of its own, and give that with --keystore-password-file"}})
			continue
		}
		f := finding{severity: p.unreadSeverity(u.at.Path), component: u.component, at: u.at, message: u.reason + "; what it holds was not judged",
			remedy: remedy{command("ls -ld %s", u.at.Path)}, obstacle: p.obstacle(u.at.Path)}
		if u.notCopied {
			f.remedy = remedy{"# copy " + u.at.Path + " and the units with it, or run certaudit on the node"}
		}
		p.report(f)
	}
	if len(denied) > 0 {
		p.reportDenied(denied)
	}
	switch len(all) {
	case 0:
	case 1:
		p.unjudged("1 file or folder could not be read")
	default:
		p.unjudged("%d files and folders could not be read", len(all))
	}
}

// reportUnreached says that a whole host was not read: whoever reads a clean report must
// not take it for looked at.
func (p *pass) reportUnreached() {
	for _, problem := range p.inv.Problems {
		if problem.Kind != inventory.KindUnreached {
			continue
		}
		p.examine()
		p.lost = true
		p.unjudged("the host was not read")
		p.report(finding{severity: Warning, message: problem.Detail + "; nothing of it was judged", obstacle: ObstacleRead, remedy: remedy{"# see why, and collect it again"}})
	}
}

// reportLeftOut says once which keys were cut out of the copy that is audited. As with
// those that this user may not read, the audit is incomplete without them.
func (p *pass) reportLeftOut() {
	places := map[string]bool{}
	for name, m := range p.inv.Materials {
		if isLeftOut(m) {
			places[name] = true
		}
	}
	for _, ref := range p.inv.References {
		if ref.Embedded != nil && isLeftOut(*ref.Embedded) {
			places[ref.Origin.Path] = true
		}
	}
	all := sortedKeys(places)
	if len(all) == 0 {
		return
	}
	p.lost = true
	p.examined += len(all)
	p.unjudged("private keys were left out of the copy")
	first, more := bounded(all, maxDenied)
	list := strings.Join(first, ", ")
	if more > 0 {
		list = fmt.Sprintf("%s and %d more", list, more)
	}
	p.report(finding{at: parsers.Origin{Path: all[0]}, obstacle: ObstacleRead, remedy: remedy{"# run certaudit on the node to have them judged too: certaudit collect without --tar"},
		message: fmt.Sprintf("the private keys of %s were left out of the copy: %s; whether they belong to their certificates was not judged", plural(len(all), "file"), list)})
}

// obstacle is what keeps a file from being read that this user may read.
func (n *node) obstacle(name string) string {
	if n.inv.Files[name].State == inventory.DanglingLink {
		return ObstacleLink
	}
	return ObstacleRead
}

// unreadable lists what could not be read, each once, by path.
func (p *pass) unreadable() []unread {
	var out []unread
	seen := map[string]bool{}
	add := func(u unread) {
		if !seen[u.at.Path] {
			seen[u.at.Path] = true
			out = append(out, u)
		}
	}
	for _, g := range p.named() {
		p.examine()
		switch g.file.State {
		case inventory.NotRegular, inventory.TooLarge:
			seen[g.path] = true // files/malformed tells
		case inventory.Unreadable:
			add(unread{component: g.component(), at: g.at(), reason: g.file.Reason, denied: g.file.Denied()})
		}
	}
	for _, problem := range p.inv.Problems {
		if problem.Kind == inventory.KindUnreadable {
			p.examine()
			add(unread{problem.Component, problem.Origin, problem.Detail, problem.Denied(), problem.NotCopied(), problem.Store})
		}
	}
	slices.SortStableFunc(out, func(a, b unread) int { return cmp.Compare(a.at.Path, b.at.Path) })
	return out
}

// maxDenied is how many files are named that this user may not read.
const maxDenied = 3

// reportDenied says once what want of rights kept from being judged: the place of
// the finding is the first of all.
func (p *pass) reportDenied(denied []unread) {
	f := finding{at: parsers.Origin{Path: denied[0].at.Path}, remedy: remedy{"# run the audit as root"}, obstacle: ObstacleDenied}
	if len(denied) == 1 {
		f.component, f.at = denied[0].component, denied[0].at
		f.message = fmt.Sprintf("%s; what it holds was not judged, and the audit is incomplete: run it as root", denied[0].reason)
	} else {
		first, more := bounded(denied, maxDenied)
		var names []string
		for _, u := range first {
			names = append(names, u.at.Path)
		}
		list := strings.Join(names, ", ")
		if more > 0 {
			list = fmt.Sprintf("%s and %d more", list, more)
		}
		f.message = fmt.Sprintf("%d files and folders may not be read by this user: %s; what they hold was not judged, and the audit is incomplete: run it as root", len(denied), list)
	}
	p.report(f)
}

// unreadSeverity is a warning for what may start a component of the control plane:
// whoever reads a clean report must not take it for looked at. "" for all else.
func (n *node) unreadSeverity(name string) Severity {
	if dir := n.inv.ManifestDir; dir != "" && (name == dir || path.Dir(name) == dir) {
		return Warning
	}
	return ""
}

// undecodable are the kinds of problem that mean bytes were not of the format
// they should be.
var undecodable = map[parsers.Kind]bool{parsers.KindSyntax: true, parsers.KindEmpty: true, parsers.KindLimit: true,
	parsers.KindBlock: true, parsers.KindCertificate: true, parsers.KindKey: true, parsers.KindEncrypted: true}

func checkUndecodable(p *pass) {
	for _, problem := range p.inv.Problems {
		if undecodable[problem.Kind] {
			p.inputProblem(problem, p.undecoded(problem))
		}
	}
	p.examineInputs()
}

// undecoded is what follows from a file that is not of its format. A file that a
// component is started with is worth what its absence is: client-go takes an empty
// kubeconfig for none (k8s.io/client-go tools/clientcmd Load, ErrEmptyConfig), and every
// other loader refuses what it cannot parse.
func (p *pass) undecoded(problem inventory.InputProblem) finding {
	if !spoilsFile(problem) {
		return finding{remedy: correctFile}
	}
	if m, ok := p.startedBy(problem.Origin.Path); ok {
		return finding{severity: Critical, component: m.component, remedy: remedy{"# correct the file: the kubelet starts nothing from it"},
			message: fmt.Sprintf("%s; nothing else on this node starts %s, although there is %s", problem.Detail, m.component, m.evidence)}
	}
	for _, g := range p.named() {
		_, read := p.inv.Kubeconfigs[g.path]
		if g.path != problem.Origin.Path || !g.required() || !g.isConfiguration() || read {
			continue
		}
		return finding{severity: p.absenceSeverity(g), remedy: p.restore(g),
			message: fmt.Sprintf("%s; expected %s for %s", problem.Detail, holdingWords[g.first().Holds], g.namedBy())}
	}
	return finding{remedy: correctFile}
}

// spoilsFile reports whether a problem is that of a whole file for whatever reads it: no
// limit of this program, and no part of the file.
func spoilsFile(p inventory.InputProblem) bool {
	return (p.Kind == parsers.KindSyntax || p.Kind == parsers.KindEmpty) && p.Origin.Field == ""
}

// correctFile is the remedy for what nobody is known to start with.
var correctFile = remedy{"# correct the file; what reads it fails, or goes on without it"}

func checkUnsupported(p *pass) {
	for _, problem := range p.inv.Problems {
		if problem.Kind == parsers.KindUnsupported {
			p.inputProblem(problem, finding{remedy: remedy{"# look at it by hand: this program does not understand it"}})
		}
	}
	p.reportNothing()
	p.examineInputs()
}

// maxNothing is how many paths of which nothing comes are named.
const maxNothing = 5

// reportNothing says once of which paths that somebody named nothing comes. The audit is
// complete without them, for a shell names all that lies in a folder.
func (p *pass) reportNothing() {
	var all []inventory.InputProblem
	for _, problem := range p.inv.Problems {
		if problem.Kind == inventory.KindNothing && !slices.Contains(all, problem) {
			all = append(all, problem)
		}
	}
	if len(all) == 0 {
		return
	}
	f := finding{at: all[0].Origin, obstacle: ObstacleNothing, remedy: remedy{"# see whether it is the path that was meant"},
		message: cmp.Or(all[0].Detail, "holds nothing that is judged") + ", although it was named"}
	if len(all) > 1 {
		first, more := bounded(all, maxNothing)
		var names []string
		for _, problem := range first {
			names = append(names, problem.Origin.Path)
		}
		list := strings.Join(names, ", ")
		if more > 0 {
			list = fmt.Sprintf("%s and %d more", list, more)
		}
		f.message = fmt.Sprintf("%d paths that were named hold nothing that is judged: %s", len(all), list)
	}
	p.report(f)
}

// inputProblem reports a problem: its place and its words, unless the finding has others.
func (p *pass) inputProblem(problem inventory.InputProblem, f finding) {
	if problem.Lost {
		p.lost = true
		p.unjudged("some input could not be understood")
	}
	f.component, f.at, f.message = cmp.Or(f.component, problem.Component), problem.Origin, cmp.Or(f.message, problem.Detail)
	p.report(f)
}

// examineInputs counts the files that were read.
func (p *pass) examineInputs() {
	for _, f := range p.inv.Files {
		if f.State == inventory.Readable {
			p.examine()
		}
	}
}

func checkDuplicateComponent(p *pass) {
	for range p.inv.Components {
		p.examine()
	}
	for _, problem := range p.inv.Problems {
		if problem.Kind == inventory.KindDuplicate {
			f := finding{severity: Critical, component: problem.Component, at: problem.Origin, message: problem.Detail + "; what only this one names was not judged",
				remedy: remedy{"# move it out of the folder if it is the one that is not wanted; the kubelet runs every file there"}}
			if inventory.IsUnitFile(problem.Origin.Path) {
				f.severity, f.remedy = Warning, remedy{"# disable the unit if it is the one that is not wanted"}
			}
			p.report(f)
		}
	}
}

func checkUnknownVersion(p *pass) {
	version := p.facts.version
	if version.Value == "" {
		if _, ok := p.inv.Component("kube-apiserver"); ok {
			p.unjudged("no image tag tells the Kubernetes version; say it with --kubernetes-version")
		}
		return
	}
	p.examine()
	if outside := p.table.Outside(version.Value); outside != "" {
		p.report(finding{component: "kube-apiserver", at: version.Origin, message: outside,
			remedy: remedy{"# look for a newer certaudit, or check what changed in the release notes"}})
	}
}
