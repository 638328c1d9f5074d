package inventory

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"certaudit/parsers"
)

// services adds what systemd starts, other than the kubelet: in clusters made by
// hand all components. What a package brought and nobody enabled is passed over,
// and so is a left-over beside a static pod. units are all of the node, wants those
// that a target wants.
func (g *gatherer) services(units []serviceUnit, wants map[string]bool) {
	g.generators()
	for _, s := range units {
		wanted, written := s.wantedBy(wants), g.handMade(s.file())
		first, runs := g.inv.Component(s.claim())
		leftOver := runs && first.Origin.Path != "" && first.Unit == ""
		own := isUnitName(s.name) && (wanted || written && !leftOver)
		if kubelet, _ := g.inv.Component(Kubelet); !own && !(wanted && written) || kubelet.Unit == s.name {
			continue
		}
		if unit, found := g.unit(s.name, s.stem(), s.aliases...); found {
			g.service(s, unit, wanted, written)
		}
	}
}

// service adds what a unit starts: a component, or, if an administrator wrote it
// and systemd starts it with the node, whatever it names.
func (g *gatherer) service(s serviceUnit, unit parsers.Unit, wanted, written bool) {
	own, claim := g.startsComponent(unit), s.claim()
	if !own && claim == "" {
		if wanted && written {
			g.others = append(g.others, g.strangerOf(s, unit))
		}
		return // something about a component, such as its backup
	}
	component := s.stem()
	g.noted(component, summed(unit.Problems)...)
	env := g.environment(unit, component)
	words, unclear := unit.StartWords(env)
	env = g.passedOn(words, env)
	commands, view, problems := g.commandsOf(unit, words)
	problems = append(unclear, problems...)
	for _, cmd := range commands {
		name := componentOfCommand(cmd)
		if name == Kubelet {
			return // see kubeletUnit
		}
		if name == "" {
			continue
		}
		c, run := g.startedComponent(Component{Name: name, Origin: parsers.Origin{Path: unit.Path}, Unit: unit.Name}, started{command: cmd, env: env, view: view})
		g.noted(name, run.known(problems)...)
		c = g.configured(c, run.env, run.view)
		if first, twice := g.inv.Component(name); twice && !wanted && !runBeside(first, c) {
			g.namedBy(c, run.view)
			return // nothing starts it
		}
		g.component(c, run.view)
		g.others = append(g.others, besides(name, run.command, run.env, run.view))
		return
	}
	if claim != "" {
		g.passOver(claim, startOf(unit, words), "starts no program that is known to be %s, so its settings were not read", claim)
		g.others = append(g.others, g.strangerOf(s, unit))
	}
}

// startOf is where it stands what a unit starts.
func startOf(unit parsers.Unit, words []parsers.Text) parsers.Origin {
	if len(words) == 0 {
		return parsers.Origin{Path: unit.Path}
	}
	return words[0].Origin
}

// strangerOf is what a unit starts that is none of the components.
func (g *gatherer) strangerOf(s serviceUnit, unit parsers.Unit) stranger {
	env := g.variables(unit)
	words, _ := unit.StartWords(env)
	env = g.passedOn(words, env)
	commands, view, _ := g.commandsOf(unit, words)
	once := slices.ContainsFunc(unit.Values("Service", "Type"), func(t parsers.Text) bool { return t.Value == "oneshot" })
	apart := len(words) > 0 && containerRunners[path.Base(words[0].Value)]
	out := stranger{name: strings.TrimSuffix(s.name, ".service"), origin: parsers.Origin{Path: unit.Path}, commands: commands, env: env, view: view, lenient: once || apart}
	if m, inContainer := view.(mounts); inContainer {
		out.volumes = m.volumes()
	}
	return out
}

// commandsOf returns the commands that the words of a unit start, and the view that
// they have of the node's files.
func (g *gatherer) commandsOf(unit parsers.Unit, words []parsers.Text) ([]parsers.Command, view, []parsers.Problem) {
	var v view = g.unitView(unit)
	if inside, m, ok := containerOf(words); ok {
		words, v = inside, m
	} else if inside, m, ok := rootOf(words); ok {
		words, v = inside, m
	}
	commands, problems := grammar.ParseCommand(words, nil)
	return commands, v, problems
}

// startsComponent reports whether a unit names the program of a component, which
// may be no variable (systemd.service(5)).
func (g *gatherer) startsComponent(unit parsers.Unit) bool {
	words, _ := unit.StartWords(nil)
	commands, _, _ := g.commandsOf(unit, words)
	return slices.ContainsFunc(commands, func(c parsers.Command) bool {
		name := componentOfCommand(c)
		return name != "" && name != "kubelet"
	})
}

// maxUnitProblems is how many problems of one unit file are listed one by one: more
// of them have one cause, such as backslashes that something has doubled.
const maxUnitProblems = 3

// summed joins many problems of one file to one.
func summed(problems []parsers.Problem) []parsers.Problem {
	var out []parsers.Problem
	for len(problems) > 0 {
		n := 1
		for n < len(problems) && problems[n].Origin.Path == problems[0].Origin.Path {
			n++
		}
		of := problems[:n]
		if n > maxUnitProblems {
			first := of[0]
			first.Detail += fmt.Sprintf("; %d more lines of the file are not understood either", n-1)
			of = []parsers.Problem{first}
		}
		out, problems = append(out, of...), problems[n:]
	}
	return out
}
