package inventory

import (
	"cmp"
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

// services adds what systemd starts, other than the kubelet: in clusters made by
// hand all components. What a package brought and nobody enabled is passed over,
// and so is a left-over beside a static pod. units are all of the node, wants those
// that a target wants.
func (g *gatherer) services(units []serviceUnit, wants map[string]bool) {
	for _, s := range units {
		wanted, written := s.wantedBy(wants), g.handMade(s.file())
		first, runs := g.inv.Component(s.claim())
		leftOver := runs && first.Origin.Path != "" && path.Ext(first.Origin.Path) != ".service"
		own := isUnitName(s.name) && (wanted || written && !leftOver)
		if !own && !(wanted && written) {
			continue
		}
		if unit, found := g.unit(s.name, s.stem()); found {
			g.service(s, unit, wanted, written)
		}
	}
}

// serviceUnit is a unit by the name that it runs under, "etcd.service" or, of a
// template, "etcd@events.service", with the other names that lead to it.
type serviceUnit struct {
	name    string
	aliases []string
}

// stem is the name without the suffix and, of a template, without the instance.
func (s serviceUnit) stem() string {
	stem, _, _ := strings.Cut(strings.TrimSuffix(s.name, ".service"), "@")
	return stem
}

// claim is the component that a unit is called by, "" for none: "etcd.service", or what
// snapd calls a daemon, "snap.kubelet.daemon.service". The one program of MicroK8s is
// taken for the kubelet that it is, too (canonical/microk8s snap/snapcraft.yaml).
func (s serviceUnit) claim() string {
	parts := strings.Split(s.stem(), ".")
	if len(parts) != 3 || parts[0] != "snap" {
		return componentStartedBy(s.stem())
	}
	daemon := strings.TrimPrefix(parts[2], "daemon-")
	if daemon == "kubelite" {
		return Kubelet
	}
	return cmp.Or(componentStartedBy(parts[1]), componentStartedBy(daemon))
}

// file is the name of the unit's file: the template of an instance.
func (s serviceUnit) file() string {
	prefix, instance, isInstance := strings.Cut(s.name, "@")
	if !isInstance || instance == ".service" {
		return s.name
	}
	return prefix + "@.service"
}

func (s serviceUnit) rank() int {
	if s.claim() != "" {
		return 0
	}
	return 1
}

// wantedBy reports whether systemd starts a unit with the node: a target wants it
// by one of its names, or the timer, socket or path that starts it.
func (s serviceUnit) wantedBy(wants map[string]bool) bool {
	return slices.ContainsFunc(append([]string{s.name}, s.aliases...), func(name string) bool {
		stem := strings.TrimSuffix(name, ".service")
		return wants[name] || wants[stem+".timer"] || wants[stem+".socket"] || wants[stem+".path"]
	})
}

// serviceUnits are the services but the kubelet's: those that are called as a
// component first, so that another unit of it is taken for the second; each once,
// whatever links lead to it, and in place of a template its instances.
func (g *gatherer) serviceUnits(wants map[string]bool) []serviceUnit {
	names, aliases := g.serviceNames()
	var units []serviceUnit
	for _, name := range names {
		prefix, isTemplate := strings.CutSuffix(name, "@.service")
		if !isTemplate {
			units = append(units, serviceUnit{name, aliases[name]})
			continue
		}
		instances := slices.DeleteFunc(append(slices.Collect(maps.Keys(wants)), aliases[name]...), func(n string) bool {
			return !strings.HasPrefix(n, prefix+"@") || !strings.HasSuffix(n, ".service") || n == name
		})
		slices.Sort(instances)
		for _, instance := range slices.Compact(instances) {
			units = append(units, serviceUnit{name: instance})
		}
	}
	slices.SortStableFunc(units, func(a, b serviceUnit) int { return cmp.Compare(a.rank(), b.rank()) })
	return units
}

// serviceNames are the names of services in the folders of units, sorted, and the
// other names of each that are links to it (systemd.unit(5), Alias=).
func (g *gatherer) serviceNames() (names []string, aliases map[string][]string) {
	at := map[string]string{} // where the first folder that has a name has it
	for _, dir := range unitFolders {
		listed, err := g.root.list(dir)
		if err != nil {
			g.lost("", parsers.Problem{Origin: parsers.Origin{Path: dir}, Kind: KindUnreadable, Detail: unlisted(err)})
		}
		for _, name := range listed {
			if _, shadowed := at[name]; !shadowed && strings.HasSuffix(name, ".service") {
				at[name] = path.Join(dir, name)
			}
		}
	}
	aliases = map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(at)) {
		target := name
		if g.root.link(at[name]) != "" {
			f, _ := g.root.stat(at[name])
			target = path.Base(f.Resolved)
		}
		switch _, isUnit := at[target]; {
		case name == "kubelet.service" || target == "kubelet.service":
		case isUnit && target != name:
			aliases[target] = append(aliases[target], name)
		default:
			names = append(names, name)
		}
	}
	return names, aliases
}

// handMade reports whether an administrator wrote a unit: then it is meant to run,
// whether or not systemd starts it with the node.
func (g *gatherer) handMade(file string) bool {
	return slices.ContainsFunc(unitFolders[:2], func(dir string) bool { return g.exists(path.Join(dir, file)) })
}

// wantsFolders returns the names of the units that a target wants (systemctl(1),
// enable).
func (g *gatherer) wantsFolders() map[string]bool {
	own := unitFolders[0]
	folders, _ := g.root.list(own) // serviceNames reports an error
	wanted := map[string]bool{}
	for _, folder := range folders {
		if !strings.HasSuffix(folder, ".wants") && !strings.HasSuffix(folder, ".requires") {
			continue
		}
		names, _ := g.root.list(path.Join(own, folder))
		for _, name := range names {
			wanted[name] = true
		}
	}
	return wanted
}

// service adds what a unit starts: a component, or, if an administrator wrote it
// and systemd starts it with the node, whatever it names.
func (g *gatherer) service(s serviceUnit, unit parsers.Unit, wanted, written bool) {
	own, claim := startsComponent(unit), s.claim()
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
	commands, view, problems := commandsOf(unit, words)
	problems = append(unclear, problems...)
	for _, cmd := range commands {
		name := componentOfCommand(cmd)
		if name == "" || name == "kubelet" {
			continue
		}
		g.noted(name, problems...)
		c := g.configured(Component{Name: name, Origin: parsers.Origin{Path: unit.Path}, Settings: cmd.Flags}, env, view)
		if first, twice := g.inv.Component(name); twice && !wanted && !runBeside(first, c) {
			g.namedBy(c, view)
			return // nothing starts it
		}
		g.component(c, view)
		g.others = append(g.others, besides(name, cmd, env, view))
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

// strangerOf is what a unit starts that is none of the components. A file with
// variables that is not there is systemd's concern.
func (g *gatherer) strangerOf(s serviceUnit, unit parsers.Unit) stranger {
	env := unit.Environment()
	for _, file := range unit.EnvironmentFiles() {
		if f, data := g.root.read(file.Path.Value); f.State == Readable {
			vars, _ := parsers.ParseEnvFile(file.Path.Value, data)
			env = append(env, vars...)
		}
	}
	words, _ := unit.StartWords(env)
	commands, view, _ := commandsOf(unit, words)
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
func commandsOf(unit parsers.Unit, words []parsers.Text) ([]parsers.Command, view, []parsers.Problem) {
	var v view = workingFolder(unit)
	if inside, m, ok := containerOf(words); ok {
		words, v = inside, m
	} else if inside, m, ok := rootOf(words); ok {
		words, v = inside, m
	}
	commands, problems := grammar.ParseCommand(words, nil)
	return commands, v, problems
}

// containerRunners are programs whose arguments name files of another file system.
var containerRunners = map[string]bool{"docker": true, "podman": true, "nerdctl": true, "ctr": true, "rkt": true, "systemd-nspawn": true, "chroot": true, "runc": true, "crun": true}

// rootOf returns the words behind a program that starts another one in a folder as its
// root, and what of the node that one sees: chroot(1), systemd-nspawn(1). ok is false
// for any other command, and where the folder is the node's own root.
func rootOf(words []parsers.Text) (inside []parsers.Text, m mounts, ok bool) {
	if len(words) < 2 {
		return nil, m, false
	}
	program, root := path.Base(words[0].Value), ""
	switch program {
	case "chroot":
		i := 1 + slices.IndexFunc(words[1:], func(w parsers.Text) bool { return !strings.HasPrefix(w.Value, "-") })
		root, inside = words[i].Value, words[i+1:]
	case "systemd-nspawn":
		root, inside = "of the container", words[1:]
		for i, w := range words {
			option, value, joined := strings.Cut(w.Value, "=")
			if !joined && i+1 < len(words) {
				value = words[i+1].Value
			}
			switch option {
			case "-D", "--directory":
				root = value
			case "--bind", "--bind-ro":
				source, target, _ := strings.Cut(value, ":")
				target, _, _ = strings.Cut(cmp.Or(target, source), ":")
				m.mount(source, target, w.Origin)
			}
		}
	}
	if root == "" || path.Clean(root) == "/" {
		return nil, m, false
	}
	m.mount(root, "/", words[0].Origin)
	return inside, m, true
}

// containerOf returns the words behind "docker run" and what of the node its
// volumes bring into the container (docs.docker.com/reference/cli/docker/container/run;
// podman, nerdctl and ctr take the same). ok is false for any other command.
func containerOf(words []parsers.Text) (inside []parsers.Text, m mounts, ok bool) {
	if len(words) < 2 || !slices.Contains([]string{"docker", "podman", "nerdctl", "ctr"}, path.Base(words[0].Value)) {
		return nil, m, false
	}
	run := slices.IndexFunc(words, func(w parsers.Text) bool { return w.Value == "run" })
	if run < 0 {
		return nil, m, false
	}
	for i, w := range words[run+1:] {
		option, value, joined := strings.Cut(w.Value, "=")
		if !joined && run+2+i < len(words) {
			value = words[run+2+i].Value
		}
		switch option {
		case "-v", "--volume":
			source, rest, _ := strings.Cut(value, ":")
			target, _, _ := strings.Cut(rest, ":")
			m.mount(source, target, w.Origin)
		case "--mount":
			fields := mountFields(value)
			m.mount(cmp.Or(fields["source"], fields["src"]), cmp.Or(fields["target"], fields["destination"], fields["dst"]), w.Origin)
		}
		if name := componentOfImage(w.Value); name != "" && strings.ContainsAny(w.Value, ":/@") {
			w.Value = name // the program that the image starts, if it is given flags
		}
		inside = append(inside, w)
	}
	return inside, m, true
}

// mountFields are those of an option --mount: "type=bind,source=/a,target=/b".
func mountFields(value string) map[string]string {
	fields := map[string]string{}
	for field := range strings.SplitSeq(value, ",") {
		name, v, _ := strings.Cut(field, "=")
		fields[name] = v
	}
	return fields
}

// mount adds a volume: a path of the node's, or a name of the container runner's.
func (m *mounts) mount(source, target string, at parsers.Origin) {
	name := source + ":" + target
	v := parsers.Volume{Name: name, Origin: at}
	if path.IsAbs(source) {
		v.HostPath = parsers.Text{Value: source, Origin: at}
	}
	m.pod.Volumes = append(m.pod.Volumes, v)
	m.container.Mounts = append(m.container.Mounts, parsers.Mount{Volume: name, MountPath: target})
}

// startsComponent reports whether a unit names the program of a component, which
// may be no variable (systemd.service(5)).
func startsComponent(unit parsers.Unit) bool {
	words, _ := unit.StartWords(nil)
	commands, _, _ := commandsOf(unit, words)
	return slices.ContainsFunc(commands, func(c parsers.Command) bool {
		name := componentOfCommand(c)
		return name != "" && name != "kubelet"
	})
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

// unit reads a unit of a component with its drop-ins, for an instance of a
// template the template. What is wrong in them is for the caller to report.
func (g *gatherer) unit(name, component string) (parsers.Unit, bool) {
	names := []string{name}
	if file := (serviceUnit{name: name}).file(); file != name {
		names = append(names, file)
	}
	main, found := g.unitFile(names, component)
	if !found {
		return parsers.Unit{}, false
	}
	units := []parsers.Unit{main}
	for _, n := range slices.Backward(names) { // the instance's come last, and win
		for _, file := range g.dropIns(n+".d", component) {
			if data, ok := g.config(file, component); ok {
				units = append(units, parsers.ParseUnit(file, data))
			}
		}
	}
	return parsers.MergeUnits(units...).As(name), true
}

// unitFile reads the first file of a unit that goes by one of its names; none
// where it is masked (systemctl(1)).
func (g *gatherer) unitFile(names []string, component string) (parsers.Unit, bool) {
	for _, name := range names {
		for _, dir := range unitFolders {
			file := path.Join(dir, name)
			if g.root.link(file) == "/dev/null" {
				return parsers.Unit{}, false
			}
			if data, ok := g.config(file, component); ok {
				return parsers.ParseUnit(file, data), true
			}
		}
	}
	return parsers.Unit{}, false
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
			g.lost(component, parsers.Problem{Origin: parsers.Origin{Path: path.Join(dir, folder)}, Kind: KindUnreadable, Detail: unlisted(err)})
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
