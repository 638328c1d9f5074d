package inventory

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"

	"certaudit/parsers"
)

// unitFolders are searched for units in this order; the first wins
// (systemd.unit(5), "Unit File Load Path"). What generators have made at the last boot
// lies in some of them.
var unitFolders = []string{
	"/etc/systemd/system.control", "/run/systemd/system.control", "/run/systemd/transient", "/run/systemd/generator.early",
	"/etc/systemd/system", "/etc/systemd/system.attached", "/run/systemd/system", "/run/systemd/system.attached",
	"/run/systemd/generator", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system",
	"/run/systemd/generator.late",
}

// handFolders are those of unitFolders that an administrator writes to.
var handFolders = []string{"/etc/systemd/system", "/run/systemd/system"}

// inUnitFolder returns the names in a folder of units or drop-ins, sorted. Each
// folder of units is read once: most of what systemd looks for is not there.
func (g *gatherer) inUnitFolder(dir, component string) []string {
	if names, known := g.unitNames[dir]; known {
		return names
	}
	names, err := g.root.list(dir)
	if err != nil {
		g.lost(component, parsers.Problem{Origin: parsers.Origin{Path: dir}, Kind: KindUnreadable, Detail: unlisted(err)})
	}
	if slices.Contains(unitFolders, dir) || slices.Contains(quadletFolders, dir) {
		g.unitNames[dir] = names
	}
	return names
}

// hasUnitFile reports whether a folder of units has a name.
func (g *gatherer) hasUnitFile(dir, name string) bool {
	_, found := slices.BinarySearch(g.inUnitFolder(dir, ""), name)
	return found
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
// taken for the kubelet that it is, too.
func (s serviceUnit) claim() string {
	parts := strings.Split(s.stem(), ".")
	if len(parts) != 3 || parts[0] != "snap" {
		return componentStartedBy(s.stem())
	}
	daemon := strings.TrimPrefix(parts[2], "daemon-")
	if daemon == kubelite {
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
		for _, name := range g.inUnitFolder(dir, "") {
			if _, shadowed := at[name]; !shadowed && strings.HasSuffix(name, ".service") {
				at[name] = path.Join(dir, name)
			}
		}
	}
	for _, dir := range quadletFolders {
		for _, file := range g.inUnitFolder(dir, "") {
			stem, isQuadlet := strings.CutSuffix(file, quadletEnding)
			if name := stem + ".service"; isQuadlet && at[name] == "" {
				at[name] = path.Join(dir, file)
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
	return slices.ContainsFunc(handFolders, func(dir string) bool { return g.hasUnitFile(dir, file) }) || g.quadlet(file) != ""
}

// wantsFolders returns the names of the units that a target or another unit wants by a
// link (systemctl(1), enable; systemd.unit(5), WantedBy=). A link to /dev/null in a
// folder that comes first takes one back.
func (g *gatherer) wantsFolders() map[string]bool {
	wanted, seen := map[string]bool{}, map[string]bool{}
	for _, dir := range unitFolders {
		for _, folder := range g.inUnitFolder(dir, "") {
			if !slices.Contains(wantsEndings, path.Ext(folder)) {
				continue
			}
			for _, name := range g.inUnitFolder(path.Join(dir, folder), "") {
				if link := path.Join(folder, name); !seen[link] {
					seen[link] = true
					wanted[name] = wanted[name] || g.root.link(path.Join(dir, link)) != "/dev/null"
				}
			}
		}
	}
	for _, dir := range quadletFolders {
		for _, file := range g.inUnitFolder(dir, "") {
			if _, data := g.root.read(path.Join(dir, file)); len(parsers.ParseUnit(file, data).Values("Install", "WantedBy")) > 0 {
				wanted[strings.TrimSuffix(file, quadletEnding)+".service"] = true
			}
		}
	}
	return wanted
}

// wantsEndings are those of the folders whose links start units with a unit.
var wantsEndings = []string{".wants", ".requires", ".upholds"}

// unit reads a unit of a component with its drop-ins, for an instance of a template
// the template. aliases are its other names. What is wrong in them is for the caller to
// report.
func (g *gatherer) unit(name, component string, aliases ...string) (parsers.Unit, bool) {
	names := []string{name}
	if file := (serviceUnit{name: name}).file(); file != name {
		names = append(names, file)
	}
	main, found := g.unitFile(names, component)
	if !found {
		return parsers.Unit{}, false
	}
	units := []parsers.Unit{main}
	for _, file := range g.dropIns(append([]string{name}, aliases...), component) {
		if data, ok := g.config(file, component); ok {
			units = append(units, parsers.ParseUnit(file, data))
		}
	}
	return parsers.MergeUnits(units...).As(name, g.inv.Hostname.Value), true
}

// unitFile reads the first file of a unit that goes by one of its names; none
// where it is masked (systemctl(1)).
func (g *gatherer) unitFile(names []string, component string) (parsers.Unit, bool) {
	for _, name := range names {
		for _, dir := range unitFolders {
			if !g.hasUnitFile(dir, name) {
				continue
			}
			file := path.Join(dir, name)
			if g.root.link(file) == "/dev/null" {
				return parsers.Unit{}, false
			}
			if data, ok := g.config(file, component); ok {
				return parsers.ParseUnit(file, data), true
			}
		}
		if file := g.quadlet(name); file != "" {
			if data, ok := g.config(file, component); ok {
				return parsers.Quadlet(parsers.ParseUnit(file, data)), true
			}
		}
	}
	return parsers.Unit{}, false
}

// IsUnitFile reports whether a path is that of a service of systemd, of what a generator
// makes one of, or of a drop-in.
func IsUnitFile(name string) bool {
	ending := path.Ext(strings.TrimSuffix(path.Dir(name), ".d"))
	if path.Ext(name) != ".conf" || !strings.HasSuffix(path.Dir(name), ".d") {
		ending = path.Ext(name)
	}
	return ending == ".service" || ending == quadletEnding
}

// generatorFolders are where an administrator puts programs that make units at boot, and
// generatorOutput where that lies until the next (systemd.generator(7)).
var (
	generatorFolders = []string{"/run/systemd/system-generators", "/etc/systemd/system-generators", "/usr/local/lib/systemd/system-generators"}
	generatorOutput  = []string{"/run/systemd/generator.early", "/run/systemd/generator", "/run/systemd/generator.late"}
)

// generators records the programs of an administrator's that make units, where the
// units are not in view: which ones cannot be told without running them.
func (g *gatherer) generators() {
	if slices.ContainsFunc(generatorOutput, g.there) {
		return
	}
	for _, dir := range generatorFolders {
		for _, name := range g.inUnitFolder(dir, "") {
			if file := path.Join(dir, name); g.root.link(file) != "/dev/null" {
				g.lost("", parsers.Problem{Origin: parsers.Origin{Path: file}, Kind: parsers.KindUnsupported,
					Detail: "makes services at boot, and /run/systemd/generator, where they would lie, is not in view: audit the node while it runs, or copy that folder as well"})
			}
		}
	}
}

// quadletFolders hold the files of which podman's generator makes services at boot, the
// first to count first (podman-systemd.unit(5)).
var quadletFolders = []string{"/run/containers/systemd", "/etc/containers/systemd", "/usr/share/containers/systemd"}

const quadletEnding = ".container"

// quadlet returns the path of the file of which a service is made, "" for none.
func (g *gatherer) quadlet(service string) string {
	file := strings.TrimSuffix(service, ".service") + quadletEnding
	for _, dir := range quadletFolders {
		if slices.Contains(g.inUnitFolder(dir, ""), file) {
			return path.Join(dir, file)
		}
	}
	return ""
}

// masked returns the link to /dev/null that keeps systemd from starting a unit, "" for
// none (systemctl(1), mask).
func (g *gatherer) masked(name string) string {
	for _, dir := range unitFolders {
		if file := path.Join(dir, name); g.hasUnitFile(dir, name) {
			if g.root.link(file) == "/dev/null" {
				return file
			}
			return ""
		}
	}
	return ""
}

// dropIns returns the drop-in files of a unit in the order of their names, in which
// systemd reads them, wherever they lie. Of two of one name the first counts, and a link
// to /dev/null is none (systemd.unit(5); systemd src/shared/dropin.c).
func (g *gatherer) dropIns(names []string, component string) []string {
	byName := map[string]string{}
	for _, folder := range g.dropInFolders(names) {
		for _, n := range g.inUnitFolder(folder, component) {
			if _, shadowed := byName[n]; !shadowed && strings.HasSuffix(n, ".conf") {
				byName[n] = path.Join(folder, n)
			}
		}
	}
	var files []string
	for _, n := range slices.Sorted(maps.Keys(byName)) {
		if g.root.link(byName[n]) != "/dev/null" {
			files = append(files, byName[n])
		}
	}
	return files
}

// dropInFolders returns the folders with drop-ins of a unit, the first to count first:
// those of its names, then the one of all services.
func (g *gatherer) dropInFolders(names []string) []string {
	var folders []string
	add := func(dir, folder string) {
		if g.hasUnitFile(dir, folder) {
			folders = append(folders, path.Join(dir, folder))
		}
	}
	for _, name := range names {
		for _, dir := range unitFolders {
			for _, n := range dropInNames(name) {
				add(dir, n+".d")
			}
		}
	}
	for _, dir := range unitFolders {
		add(dir, "service.d")
	}
	return folders
}

// dropInNames are the names whose drop-ins a service takes: of "a-b@i.service" its own,
// "a-b@.service", "a-@.service" and "a-@i.service".
func dropInNames(name string) []string {
	stem := strings.TrimSuffix(name, ".service")
	prefix, instance, isInstance := strings.Cut(stem, "@")
	names := []string{name}
	if isInstance && instance != "" {
		names = append(names, dropInNames(prefix+"@.service")...)
	}
	if dash := strings.LastIndexByte(strings.TrimSuffix(prefix, "-"), '-'); dash > 0 {
		names = append(names, dropInNames(prefix[:dash+1]+stem[len(prefix):]+".service")...)
	}
	return names
}

// EnvironmentFile is the setting of a unit that names files with variables, without
// which systemd does not start it.
const EnvironmentFile = "EnvironmentFile"

// osRelease is there on every system that systemd runs (os-release(5)): a tree that was
// copied without it says nothing of the node.
const osRelease = "/etc/os-release"

// environment returns the variables of a unit: those of its files win over
// those of Environment=, and some may be taken away (systemd.exec(5)).
func (g *gatherer) environment(unit parsers.Unit, component string) []parsers.EnvVar {
	env := unit.Environment()
	for _, file := range unit.EnvironmentFiles() {
		names := g.expand(file.Path.Value)
		for _, name := range names {
			data, ok := g.config(name, component)
			if !ok {
				continue
			}
			vars, problems := parsers.ParseEnvFile(name, data)
			g.noted(component, problems...)
			env = append(env, vars...)
		}
		if !file.Optional && file.Path.Value != osRelease && !slices.ContainsFunc(names, g.exists) { // systemd does not start the unit without it
			g.refer(Reference{Component: component, Name: EnvironmentFile, Origin: file.Path.Origin, Holds: HoldsConfig, Path: path.Clean("/" + file.Path.Value)})
		}
	}
	return unit.WithoutUnset(env)
}

// variables are those of a unit of which nothing is reported: a file with some that is
// not there is systemd's concern.
func (g *gatherer) variables(unit parsers.Unit) []parsers.EnvVar {
	env := unit.Environment()
	for _, file := range unit.EnvironmentFiles() {
		for _, name := range g.expand(file.Path.Value) {
			if f, data := g.root.read(name); f.State == Readable {
				vars, _ := parsers.ParseEnvFile(name, data)
				env = append(env, vars...)
			}
		}
	}
	return unit.WithoutUnset(env)
}

// expand returns the files that a pattern of a unit stands for, sorted, or the name
// itself where it is none or nothing fits (systemd.exec(5), EnvironmentFile=; glob(7)). The folder may
// hold no pattern.
func (g *gatherer) expand(pattern string) []string {
	if !isPattern(pattern) {
		return []string{pattern}
	}
	dir, base := path.Split(path.Clean("/" + pattern))
	var files []string
	for _, name := range g.inUnitFolder(dir, "") {
		if fits, _ := path.Match(base, name); fits && !hidden(name) {
			files = append(files, path.Join(dir, name))
		}
	}
	if len(files) == 0 {
		return []string{pattern}
	}
	return files
}
