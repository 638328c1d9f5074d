package audit

import (
	"certaudit/audit/inventory"
	"fmt"
	"path"

	"certaudit/parsers"
)

func checkUnreadable(p *pass) {
	reported := map[string]bool{}
	unreadable := func(component string, at parsers.Origin, reason string) {
		if reported[at.Path] {
			return
		}
		reported[at.Path] = true
		p.lost = true
		p.report(finding{severity: p.unreadSeverity(at.Path), component: component, at: at, message: reason + "; what it holds was not judged",
			remedy: remedy{command("# run as root if it is a matter of rights; ls -l %s tells what it is", at.Path)}})
	}
	named := map[string]bool{}
	for _, g := range p.groups {
		p.examine()
		switch g.file.State {
		case inventory.NotRegular, inventory.TooLarge:
			named[g.path] = true // files/malformed tells
		case inventory.Unreadable:
			unreadable(g.component(), g.at(), g.file.Reason)
		}
	}
	for _, problem := range p.inv.Problems {
		if problem.Kind == inventory.KindUnreadable && !named[problem.Origin.Path] {
			p.examine()
			unreadable(problem.Component, problem.Origin, problem.Detail)
		}
	}
	if p.lost {
		p.unjudged("some files could not be read")
	}
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
		if !undecodable[problem.Kind] {
			continue
		}
		p.inputProblem(problem, remedy{"# correct the file; a component that reads it does not start, or ignores it"})
	}
	p.examineInputs()
}

func checkUnsupported(p *pass) {
	for _, problem := range p.inv.Problems {
		if problem.Kind == parsers.KindUnsupported {
			p.inputProblem(problem, remedy{"# look at it by hand: this program does not understand it"})
		}
	}
	p.examineInputs()
}

func (p *pass) inputProblem(problem inventory.InputProblem, r remedy) {
	if problem.Lost {
		p.lost = true
		p.unjudged("some input could not be understood")
	}
	p.report(finding{component: problem.Component, at: problem.Origin, message: problem.Detail, remedy: r})
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
			if path.Ext(problem.Origin.Path) == ".service" {
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
	if !p.table.covered(version.Value) {
		p.report(finding{component: "kube-apiserver", at: version.Origin,
			message: fmt.Sprintf("Kubernetes %s is outside of what the requirement table covers, %s up to but not including %s; the nearest version was taken", version.Value, p.table.Covers.Since, p.table.Covers.Until),
			remedy:  remedy{"# look for a newer certaudit, or check what changed in the release notes"}})
	}
}
