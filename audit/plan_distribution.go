package audit

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"certaudit/audit/inventory"
)

// layout is that of the distribution which made the node; nil where none was
// recognised, or its layout is not known here.
func (n *nodeAudit) layout() *inventory.Layout {
	d := n.inv.Distribution
	if d == nil {
		return nil
	}
	layouts := inventory.Layouts()
	if n.policy != nil {
		layouts = append(slices.Clone(n.policy.Layouts), layouts...)
	}
	i := slices.IndexFunc(layouts, func(l inventory.Layout) bool { return l.Name == d.Name })
	if i < 0 {
		return nil
	}
	return &layouts[i]
}

// logOf is a command that prints the log of a component.
func (n *nodeAudit) logOf(component string) string {
	if l := n.layout(); l != nil {
		for _, log := range l.Logs {
			if text := n.filled(log.Command, ""); text != "" && (len(log.Components) == 0 || slices.Contains(log.Components, component)) {
				return text
			}
		}
	}
	c, _ := n.inv.Component(component)
	switch {
	case component != inventory.Kubelet && c.Unit == "":
		return "crictl logs $(crictl ps -a -q --name " + component + " | head -n 1)"
	case isOpenRC(c.Unit):
		return "tail -n 200 /var/log/" + words(c.Unit) + "/" + words(c.Unit) + ".log"
	}
	return "journalctl -u " + words(unitName(c, component))
}

// distributionWork has the distribution that made the node issue its certificates
// again: commands of others know nothing of its files. ok is false on other nodes,
// and for what any administrator fixes.
func (p *planner) distributionWork(f Finding, ask work) (w work, ok bool) {
	l := p.layout()
	if l == nil || !issuesCertificates(*l) || f.Check == "files/permissions" {
		return work{}, false
	}
	c, _ := p.inv.Component(f.Component)
	if restart := p.filled("systemctl restart {unit}", ""); slices.Contains([]string{"served/stale", "served/differs"}, f.Check) && path.Base(c.Origin.Path) == p.inv.Distribution.Unit && restart != "" {
		return work{key: "restart " + p.inv.Distribution.Unit, steps: func(p *planner, of work) bool {
			p.needs(firstWord(restart))
			p.add(PhaseRestart, of, "restart "+p.inv.Distribution.Unit, restart)
			return true
		}}, true
	}
	r := p.roleOf(f, p.entryOf(f))
	issues := slices.Contains(renewedBy, f.Check) || slices.Contains(reissuedBy, f.Check) || slices.Contains(requested, f.Check)
	switch _, isKubeconfig := p.inv.Kubeconfigs[f.Path]; {
	case !issues, r.name == inventory.RoleUser, r == &noRole && !isKubeconfig:
		return ask, true
	case r.isCA():
		ask.ask = p.filled(l.Authority, ask.ask)
		return ask, true
	}
	for _, remedy := range l.Remedies {
		if p.applies(remedy, f.Path, r.name) {
			return p.remedyWork(*l, remedy, f, ask), true
		}
	}
	if !slices.Contains(requested, f.Check) {
		ask.ask = p.filled(l.Others, ask.ask)
	}
	return ask, true
}

// requested are the checks of what a kubelet has asked for in vain.
var requested = []string{"kubelet/serving-unapproved", "validity/rotation-overdue"}

// issuesCertificates reports whether a layout says what issues certificates again; of
// one that does not, kubeadm does it.
func issuesCertificates(l inventory.Layout) bool {
	return len(l.Remedies) > 0 || l.Authority != "" || l.Others != ""
}

// pairOf is a file with those that hold the other half of a pair with it.
func (n *node) pairOf(name string) []string {
	out := []string{name}
	for _, ref := range n.inv.References {
		if ref.Path != name || ref.Pair == "" {
			continue
		}
		for _, other := range n.inv.References {
			if other.Pair == ref.Pair && other.Path != "" && quotable(other.Path) {
				out = union(out, []string{other.Path})
			}
		}
	}
	return out
}

// ownNames reports whether all names and addresses that a certificate lacks are those
// that a distribution gives it by itself.
func (n *node) ownNames(e *entry) bool {
	own := slices.Concat([]string{"localhost", "127.0.0.1", "::1", "kubernetes", n.ownName(), n.inv.AdvertiseAddress()}, n.facts.values["serviceIP"])
	return !slices.ContainsFunc(n.missingHosts(e), func(host string) bool {
		return !slices.Contains(own, host) && !strings.HasPrefix(host, "kubernetes.default")
	})
}

// applies reports whether a remedy is for a file with a certificate of a role.
func (n *node) applies(remedy inventory.LayoutRemedy, name, role string) bool {
	if len(remedy.Modes) > 0 && !slices.Contains(remedy.Modes, n.inv.Distribution.Mode) {
		return false
	}
	return (len(remedy.Roles) == 0 || slices.Contains(remedy.Roles, role)) && n.concerns(remedy.Files, name)
}

// advise adds to a plan what the tools of the distribution do about a finding: where
// the plan has no commands for it, as what is left to do.
func (p *planner) advise(f Finding) {
	l := p.layout()
	if l == nil || !p.planned(f) {
		return
	}
	for _, a := range l.Advice {
		of := len(a.Checks) == 0 || slices.ContainsFunc(a.Checks, func(pattern string) bool {
			matched, err := path.Match(pattern, f.Check)
			return err == nil && matched
		})
		text := p.filled(a.Text, "")
		if !of || text == "" || !p.concerns(a.Files, f.Path) {
			continue
		}
		w := work{findings: []string{f.Label()}}
		if slices.ContainsFunc(p.steps, func(s Step) bool { return !s.Manual() && slices.Contains(s.Findings, f.Label()) }) {
			p.add(PhaseLook, w, "know what "+l.Name+" does about it", "# "+text) // nothing that is left to do
		} else {
			p.add(PhaseAsk, w, text)
		}
	}
}

// concerns reports whether patterns of a layout are for a file.
func (n *node) concerns(files []string, name string) bool {
	return len(files) == 0 || slices.ContainsFunc(files, func(pattern string) bool {
		if !path.IsAbs(pattern) {
			pattern = path.Join(n.inv.Distribution.Data, pattern)
		}
		matched, err := path.Match(pattern, name)
		return err == nil && matched
	})
}

// filled is a text of a layout with the node's own in it, else another text.
func (n *node) filled(text, otherwise string) string {
	d := n.inv.Distribution
	if text == "" || !quotable(d.Data) || !quotable(d.Unit) && strings.Contains(text, "{unit}") {
		return otherwise
	}
	if isOpenRC(d.Unit) {
		text = unitCommands.ReplaceAllString(text, "rc-service {unit} $1")
	}
	return strings.NewReplacer("{data}", words(d.Data), "{unit}", words(strings.TrimSuffix(d.Unit, ".service"))).Replace(text)
}

func firstWord(command string) string {
	word, _, _ := strings.Cut(command, " ")
	return word
}

// unitCommands match how a layout starts and stops its service with systemd.
var unitCommands = regexp.MustCompile(`systemctl (start|stop|restart) \{unit\}`)

// remedyWork does what a layout says to a finding. All that one remedy fixes is one
// work.
func (p *planner) remedyWork(l inventory.Layout, remedy inventory.LayoutRemedy, f Finding, ask work) work {
	if len(remedy.Commands) == 0 {
		ask.ask = p.filled(remedy.Title, ask.ask)
		return ask
	}
	var commands, programs []string
	for _, c := range remedy.Commands {
		filled := p.filled(c, "")
		if filled == "" || p.inv.Distribution.Unit == "" && strings.Contains(c, "{unit}") {
			ask.ask = remedy.Title
			return ask
		}
		commands = append(commands, filled)
		programs = union(programs, []string{firstWord(filled)})
	}
	return work{key: "distribution " + remedy.Title, steps: func(p *planner, of work) bool {
		p.needs(programs...)
		p.changes(p.pairOf(f.Path)...) // the distribution copies what else it changes
		p.add(PhasePlace, of, remedy.Title, commands...)
		if e := p.entryOf(f); e != nil && f.Check == "identity/san-missing" && l.Names != "" && !p.ownNames(e) {
			p.add(PhaseAsk, of, p.filled(l.Names, ""))
		}
		return true
	}}
}
