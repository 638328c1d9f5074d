package inventory

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"certaudit/parsers"
)

// unitFolders are searched for units in this order; the first wins
// (systemd.unit(5), "Unit File Load Path").
var unitFolders = []string{
	"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system",
	"/usr/lib/systemd/system", "/lib/systemd/system",
}

// services adds the components that systemd starts, other than the kubelet: in
// clusters made by hand all of them. What a package brought and nobody enabled is
// passed over, and so is a left-over beside a static pod.
func (g *gatherer) services() {
	wants := g.wantsFolders()
	for _, name := range g.serviceNames() {
		component := strings.TrimSuffix(name, ".service")
		_, runs := g.inv.Component(componentStartedBy(component))
		if !g.wanted(name, wants) && (runs || !g.handMade(name)) {
			continue
		}
		if unit, found := g.unit(name, component); found {
			g.service(component, unit)
		}
	}
}

// serviceNames are the units that may start a component, sorted.
func (g *gatherer) serviceNames() []string {
	found := map[string]bool{}
	for _, dir := range unitFolders {
		names, err := g.root.list(dir)
		if err != nil {
			g.lost("", parsers.Problem{Origin: parsers.Origin{Path: dir}, Kind: KindUnreadable, Detail: "cannot be listed: " + bareError(err)})
		}
		for _, name := range names {
			if strings.HasSuffix(name, ".service") && name != "kubelet.service" && isUnitName(name) {
				found[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// handMade reports whether an administrator wrote a unit: then it is meant to run,
// whether or not systemd starts it with the node.
func (g *gatherer) handMade(name string) bool {
	return slices.ContainsFunc(unitFolders[:2], func(dir string) bool { return g.exists(path.Join(dir, name)) })
}

// wantsFolders are those with links to the units that a target wants
// (systemctl(1), enable).
func (g *gatherer) wantsFolders() []string {
	own := unitFolders[0]
	names, _ := g.root.list(own) // serviceNames reports an error
	var folders []string
	for _, name := range names {
		if strings.HasSuffix(name, ".wants") || strings.HasSuffix(name, ".requires") {
			folders = append(folders, path.Join(own, name))
		}
	}
	return folders
}

// wanted reports whether systemd starts a unit with the node: a target wants it.
func (g *gatherer) wanted(name string, wants []string) bool {
	return slices.ContainsFunc(wants, func(dir string) bool {
		f, _ := g.root.stat(path.Join(dir, name))
		return f.Exists() || f.Link != ""
	})
}

// service adds what a unit starts, if that is a component.
func (g *gatherer) service(component string, unit parsers.Unit) {
	if componentStartedBy(component) == "" && !startsComponent(unit) {
		return // something about a component, such as its backup
	}
	g.noted(component, summed(unit.Problems)...)
	env := g.environment(unit, component)
	words, unclear := unit.StartWords(env)
	commands, problems := grammar.ParseCommand(words, nil)
	problems = append(unclear, problems...)
	for _, cmd := range commands {
		name := componentOfCommand(cmd)
		if name == "" || name == "kubelet" {
			continue
		}
		c := Component{Name: name, Origin: parsers.Origin{Path: unit.Path}, Settings: cmd.Flags}
		if first, twice := g.inv.Component(name); twice {
			g.noted(name, parsers.Problem{Origin: c.Origin, Kind: KindDuplicate, Detail: fmt.Sprintf("starts %s, as %s does; one of the two fails to start", name, first.Origin.Path)})
			return
		}
		g.noted(name, problems...)
		g.component(c, env, workingFolder(unit))
		return
	}
	if componentStartedBy(component) != "" {
		g.lost(component, parsers.Problem{Origin: parsers.Origin{Path: unit.Path}, Kind: parsers.KindUnsupported,
			Detail: fmt.Sprintf("starts no program that is known to be %s, so its settings were not read", component)})
	}
}

// startsComponent reports whether a unit names the program of a component, which
// may be no variable (systemd.service(5)).
func startsComponent(unit parsers.Unit) bool {
	words, _ := unit.StartWords(nil)
	commands, _ := grammar.ParseCommand(words, nil)
	return slices.ContainsFunc(commands, func(c parsers.Command) bool { return componentOfCommand(c) != "" && c.Program != "kubelet" })
}

// serviceView is that of a component which runs on the node in a folder.
type serviceView struct{ dir string }

func (v serviceView) host(name string) (string, bool) {
	return rooted(parsers.ResolvePath(v.dir+"/", name)), true
}

// workingFolder is where a unit's program looks for relative paths.
func workingFolder(unit parsers.Unit) serviceView {
	dir := "/"
	if values := unit.Values("Service", "WorkingDirectory"); len(values) > 0 {
		dir = strings.TrimPrefix(values[len(values)-1].Value, "-")
	}
	return serviceView{rooted(dir)}
}

// unit reads a unit of a component with its drop-ins. What is wrong in them is for
// the caller to report.
func (g *gatherer) unit(name, component string) (parsers.Unit, bool) {
	var units []parsers.Unit
	for _, dir := range unitFolders {
		if g.root.link(path.Join(dir, name)) == "/dev/null" {
			return parsers.Unit{}, false // masked (systemctl(1))
		}
		if data, ok := g.config(path.Join(dir, name), component); ok {
			units = append(units, parsers.ParseUnit(path.Join(dir, name), data))
			break
		}
	}
	if len(units) == 0 {
		return parsers.Unit{}, false
	}
	for _, file := range g.dropIns(name+".d", component) {
		if data, ok := g.config(file, component); ok {
			units = append(units, parsers.ParseUnit(file, data))
		}
	}
	return parsers.MergeUnits(units...), true
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

// dropIns returns the drop-in files of a unit by name, each from the first
// folder that has it.
func (g *gatherer) dropIns(folder, component string) []string {
	byName := map[string]string{}
	for _, dir := range unitFolders {
		names, err := g.root.list(path.Join(dir, folder))
		if err != nil {
			g.lost(component, parsers.Problem{Origin: parsers.Origin{Path: path.Join(dir, folder)}, Kind: KindUnreadable, Detail: "cannot be listed: " + bareError(err)})
		}
		for _, n := range names {
			if _, shadowed := byName[n]; !shadowed && strings.HasSuffix(n, ".conf") {
				byName[n] = path.Join(dir, folder, n)
			}
		}
	}
	var files []string
	for _, n := range slices.Sorted(maps.Keys(byName)) {
		files = append(files, byName[n])
	}
	return files
}

// EnvironmentFile is the setting of a unit that names files with variables, without
// which systemd does not start it.
const EnvironmentFile = "EnvironmentFile"

// environment returns the variables of a unit: those of its files win over
// those of Environment= (systemd.exec(5)).
func (g *gatherer) environment(unit parsers.Unit, component string) []parsers.EnvVar {
	env := unit.Environment()
	for _, file := range unit.EnvironmentFiles() {
		data, ok := g.config(file.Path.Value, component)
		if !ok {
			if !file.Optional { // systemd does not start the unit without it
				g.refer(Reference{Component: component, Name: EnvironmentFile, Origin: file.Path.Origin, Holds: HoldsConfig, Path: path.Clean("/" + file.Path.Value)})
			}
			continue
		}
		vars, problems := parsers.ParseEnvFile(file.Path.Value, data)
		g.noted(component, problems...)
		env = append(env, vars...)
	}
	return env
}
