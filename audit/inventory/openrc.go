package inventory

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"certaudit/parsers"
)

// Where OpenRC keeps the scripts of its services, their settings, and for each run level
// links to those that it starts (openrc-run(8), rc-update(8)).
const (
	initFolder     = "/etc/init.d"
	initSettings   = "/etc/conf.d"
	initRunlevels  = "/etc/runlevels"
	maxInitSources = 8
)

// initService is a service of OpenRC.
type initService struct {
	name, file string
	// sources are the files that its script reads.
	sources  []string
	commands []parsers.Command
	words    []parsers.Text
	problems []parsers.Problem
}

// initService reads a service of OpenRC; false where there is none of the name.
func (g *gatherer) initService(name, component string) (initService, bool) {
	s := initService{name: name, file: path.Join(initFolder, name)}
	script, ok := g.config(s.file, component)
	if !ok || !parsers.IsOpenRC(script) {
		return s, false
	}
	var scripts [][]byte
	if settings, ok := g.config(path.Join(initSettings, name), component); ok {
		s.sources = parsers.SourcedFiles(settings)
		scripts = append(scripts, settings)
	}
	s.sources = append(s.sources, parsers.SourcedFiles(script)...)
	for _, source := range s.sources[:min(len(s.sources), maxInitSources)] {
		if data, ok := g.config(source, component); ok {
			scripts = append(scripts, data)
		}
	}
	s.words, s.commands, s.problems = grammar.ParseOpenRC(name, parsers.Origin{Path: s.file}, append(scripts, script)...)
	if len(s.words) > 0 {
		s.commands, s.problems = grammar.ParseCommand(s.words, nil)
	}
	return s, true
}

// initStarted returns the names of the services that OpenRC starts, sorted.
func (g *gatherer) initStarted() []string {
	levels, _ := g.root.list(initRunlevels) // what may not be listed is said of what starts nothing
	var names []string
	for _, level := range levels {
		started, _ := g.root.list(path.Join(initRunlevels, level))
		names = append(names, started...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// initComponents adds the components that OpenRC starts, other than the kubelet and
// what runs already, whatever the services are called.
func (g *gatherer) initComponents() {
	for _, name := range g.initStarted() {
		claim := componentStartedBy(name)
		s, ok := g.initService(name, cmp.Or(claim, name))
		i := slices.IndexFunc(s.commands, func(c parsers.Command) bool { return componentOfCommand(c) != "" })
		component := claim
		if i >= 0 {
			component = componentOfCommand(s.commands[i])
		}
		if _, runs := g.inv.Component(component); !ok || component == "" || component == Kubelet || runs {
			continue
		}
		if i < 0 {
			g.passOver(claim, parsers.Origin{Path: s.file}, "starts no program that is known to be %s, so its settings were not read", claim)
			continue
		}
		c, run := g.startedComponent(Component{Name: component, Origin: parsers.Origin{Path: s.file}, Unit: name},
			started{command: s.commands[i], view: serviceView{dir: "/"}})
		g.noted(component, run.known(s.problems)...)
		g.component(g.configured(c, run.env, run.view), run.view)
		g.others = append(g.others, besides(component, run.command, run.env, run.view))
	}
}

// initKubelet adds the kubelet that OpenRC starts; false where it starts none. What lies
// in the default folders of one that is not understood is judged.
func (g *gatherer) initKubelet() bool {
	for _, name := range g.initStarted() {
		s, ok := g.initService(name, Kubelet)
		i := slices.IndexFunc(s.commands, func(c parsers.Command) bool { return componentOfCommand(c) == Kubelet })
		switch {
		case i >= 0:
			g.initKubeletOf(s, s.commands[i])
			return true
		case name == Kubelet:
			detail := "starts no program that is known to be the kubelet, so its settings were not read; what lies in its default folders was judged"
			if !ok {
				detail = "is to be started and is no service of OpenRC's that can be read; what lies in the kubelet's default folders was judged"
			}
			g.passOver(Kubelet, parsers.Origin{Path: s.file}, "%s", detail)
			g.assumedKubelet(s.file)
			return true
		}
	}
	return false
}

func (g *gatherer) initKubeletOf(s initService, c parsers.Command) {
	g.noted(Kubelet, s.problems...)
	if slices.Contains(s.sources, kubeletFlagsFile) && g.exists(kubeletFlagsFile) {
		g.inv.Kubeadm = parsers.Origin{Path: kubeletFlagsFile}
	}
	run := g.kubeletComponent(Component{Name: Kubelet, Origin: parsers.Origin{Path: s.file}, Unit: s.name}, c)
	g.others = append(g.others, besides(Kubelet, run, nil, nodeView{}))
}

// initDistribution returns the layout whose program a service of OpenRC starts.
func (g *gatherer) initDistribution(layouts []Layout) (installed, bool) {
	names, _ := g.root.list(initFolder) // what may not be listed is said of the folders that show a layout
	for _, name := range names {
		for _, l := range layouts {
			if l.Program == "" || !strings.HasPrefix(name, l.Program) {
				continue
			}
			s, _ := g.initService(name, l.Name)
			d := installed{layout: l, unit: name, unitPath: s.file, wanted: true}
			if d.startedBy(s.words, nil) {
				g.configure(&d)
				return d, true
			}
		}
	}
	return installed{}, false
}
