package inventory

import (
	"cmp"
	"iter"
	"path"
	"slices"
	"strings"

	"certaudit/parsers"
)

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
		root, inside = "of the container", words[1+operands(words[1:]):]
		for option, value := range options(words) {
			switch option {
			case "-D", "--directory":
				root = value.Value
			case "--bind", "--bind-ro":
				source, target, _ := strings.Cut(value.Value, ":")
				target, _, _ = strings.Cut(cmp.Or(target, source), ":")
				m.mount(source, target, value.Origin)
			}
		}
	}
	if root == "" || path.Clean(root) == "/" {
		return nil, m, false
	}
	m.mount(root, "/", words[0].Origin)
	return inside, m, true
}

// containerOf returns the words that "docker run" starts and what of the node its
// volumes bring into the container (docs.docker.com/reference/cli/docker/container/run;
// podman, nerdctl and ctr take the same). ok is false for any other command.
func containerOf(words []parsers.Text) (inside []parsers.Text, m mounts, ok bool) {
	run := runOf(words)
	if run == 0 {
		return nil, m, false
	}
	entry := parsers.Text{}
	for option, value := range options(words[run:]) {
		switch option {
		case "-v", "--volume":
			source, rest, _ := strings.Cut(value.Value, ":")
			target, _, _ := strings.Cut(rest, ":")
			m.mount(source, target, value.Origin)
		case "--mount":
			fields := mountFields(value.Value)
			m.mount(cmp.Or(fields["source"], fields["src"]), cmp.Or(fields["target"], fields["destination"], fields["dst"]), value.Origin)
		case "--entrypoint":
			entry = value
		}
	}
	image := run + operands(words[run:])
	if image == len(words) {
		return nil, m, true
	}
	inside = words[image+1:]
	if path.Base(words[0].Value) == "ctr" && len(inside) > 0 {
		inside = inside[1:] // the name of the container
	}
	if name := componentOfImage(words[image].Value); entry.IsZero() && name != "" && (len(inside) == 0 || strings.HasPrefix(inside[0].Value, "-")) {
		entry = parsers.Text{Value: name, Origin: words[image].Origin} // the program that the image starts
	}
	if !entry.IsZero() {
		inside = append([]parsers.Text{entry}, inside...)
	}
	return inside, m, true
}

// runSwitches are the options of "run" and of systemd-nspawn that take no value.
var runSwitches = []string{"-d", "--detach", "-i", "--interactive", "-t", "--tty", "-P", "--publish-all", "-q", "--quiet", "--rm", "--init", "--privileged",
	"--read-only", "--replace", "--no-healthcheck", "--no-hosts", "--oom-kill-disable", "--sig-proxy", "--tls-verify", "--rmi",
	"--net-host", "--null-io", "--no-pivot", "--seccomp", "--cni", "--allow-new-privs", "--rootfs",
	"-b", "--boot", "-x", "--ephemeral", "-n", "--network-veth", "-U", "-a", "--as-pid2", "--keep-unit", "--private-network", "--pipe"}

// operands returns the index of the first word that is neither an option nor its value.
func operands(words []parsers.Text) int {
	for i := 0; i < len(words); i++ {
		w := words[i].Value
		switch {
		case !strings.HasPrefix(w, "-") || w == "-":
			return i
		case w == "--":
			return i + 1
		case strings.Contains(w, "=") || slices.Contains(runSwitches, w) || switchesTogether(w):
		default:
			i++
		}
	}
	return len(words)
}

// switchesTogether reports whether a word is several switches of one letter, "-it".
func switchesTogether(w string) bool {
	return len(w) > 2 && w[1] != '-' && strings.Trim(w[1:], "ditPqn") == ""
}

// runOf returns how many words of a command line there are before the options of
// "docker run", 0 for any other command.
func runOf(words []parsers.Text) int {
	if len(words) < 2 || !slices.Contains([]string{"docker", "podman", "nerdctl", "ctr"}, path.Base(words[0].Value)) {
		return 0
	}
	return 1 + slices.IndexFunc(words, func(w parsers.Text) bool { return w.Value == "run" })
}

// options yields the words that may be options, each with its value: what stands behind
// "=", else the next word. Where one takes none, that word is not its value.
func options(words []parsers.Text) iter.Seq2[string, parsers.Text] {
	return func(yield func(string, parsers.Text) bool) {
		for i, w := range words {
			option, value, joined := strings.Cut(w.Value, "=")
			if !joined && i+1 < len(words) {
				value = words[i+1].Value
			}
			if strings.HasPrefix(option, "-") && !yield(option, parsers.Text{Value: value, Origin: w.Origin}) {
				return
			}
		}
	}
}

// passedOn returns the variables that a unit's program has: those of the unit, or, in a
// container, those that its options pass on.
func (g *gatherer) passedOn(words []parsers.Text, env []parsers.EnvVar) []parsers.EnvVar {
	run := runOf(words)
	switch {
	case run > 0:
		words = words[run:]
	case len(words) > 0 && path.Base(words[0].Value) == "systemd-nspawn":
	default:
		return env
	}
	var passed []parsers.EnvVar
	for option, value := range options(words) {
		switch option {
		case "-e", "--env", "-E", "--setenv":
			name, assigned, has := strings.Cut(value.Value, "=")
			value.Value = assigned
			if !has {
				value = valueOf(env, name)
			}
			passed = append(passed, parsers.EnvVar{Name: name, Value: value})
		case "--env-file":
			if f, data := g.read(value.Value); f.State == Readable {
				passed = append(passed, parsers.ParseContainerEnv(f.Path, data)...)
			}
		}
	}
	return passed
}

// valueOf is the value in effect of a variable.
func valueOf(env []parsers.EnvVar, name string) (value parsers.Text) {
	for _, e := range env {
		if e.Name == name {
			value = e.Value
		}
	}
	return value
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

// serviceView is that of a component which a unit starts: in a folder, and, where
// settings of the unit change that, with a view of the node's files of its own.
type serviceView struct {
	dir string
	own mounts
}

func (v serviceView) host(name string) (string, bool) {
	name = rooted(parsers.ResolvePath(v.dir+"/", name))
	if mount, _ := v.own.foreign(name); mount == "" {
		return name, true
	}
	return v.own.host(name)
}

func (v serviceView) foreign(name string) (mount, why string) {
	mount, _ = v.own.foreign(name)
	return mount, "comes from a setting of the unit and"
}

// unitView returns what a unit's program sees of the node (systemd.exec(5), "Paths" and
// "Credentials").
func (g *gatherer) unitView(unit parsers.Unit) serviceView {
	v := serviceView{dir: "/"}
	if values := unit.Values("Service", "WorkingDirectory"); len(values) > 0 {
		v.dir = rooted(strings.TrimPrefix(values[len(values)-1].Value, "-"))
	}
	bind := func(source, target string, at parsers.Origin) { v.own.mount(source, cmp.Or(target, source), at) }
	pairsOf(unit, "BindPaths", bind)
	pairsOf(unit, "BindReadOnlyPaths", bind)
	pairsOf(unit, "TemporaryFileSystem", func(target, _ string, at parsers.Origin) { v.own.mount("TemporaryFileSystem", target, at) })
	pairsOf(unit, "RootDirectory", func(dir, _ string, at parsers.Origin) { v.own.mount(dir, "/", at) })
	pairsOf(unit, "RootImage", func(_, _ string, at parsers.Origin) { v.own.mount("RootImage", "/", at) })
	if folder, at, has := unit.Credentials(); has {
		v.own.mount("credentials", folder, at) // those that are not found
		g.credentials(unit, func(id, file string, at parsers.Origin) { v.own.mount(file, folder+"/"+id, at) })
	}
	return v
}

// pairsOf calls for each pair "source:target" of a setting that has a list of them.
func pairsOf(unit parsers.Unit, setting string, each func(source, target string, at parsers.Origin)) {
	for _, value := range unit.Values("Service", setting) {
		for word := range strings.FieldsSeq(value.Value) {
			source, rest, _ := strings.Cut(strings.TrimPrefix(word, "-"), ":")
			target, _, _ := strings.Cut(rest, ":")
			each(source, target, value.Origin)
		}
	}
}

// credentialStores are where systemd looks for a credential without a path
// (systemd.exec(5), LoadCredential=); credstore.encrypted holds none that can be read.
var credentialStores = []string{"/etc/credstore", "/run/credstore", "/usr/local/lib/credstore", "/usr/lib/credstore"}

// credentials calls for each credential of a unit that is a file of the node.
func (g *gatherer) credentials(unit parsers.Unit, each func(id, file string, at parsers.Origin)) {
	inStores := func(pattern string, at parsers.Origin) {
		for _, dir := range slices.Backward(credentialStores) { // the first wins
			for _, name := range g.inUnitFolder(dir, "") {
				if fits, _ := path.Match(pattern, name); fits {
					each(name, path.Join(dir, name), at)
				}
			}
		}
	}
	pairsOf(unit, "ImportCredential", func(pattern, _ string, at parsers.Origin) { inStores(pattern, at) })
	pairsOf(unit, "LoadCredential", func(id, source string, at parsers.Origin) {
		f, isDir := g.root.stat(rooted(source))
		switch {
		case !path.IsAbs(source):
			inStores(cmp.Or(source, id), at)
		case isDir:
			for _, name := range g.inUnitFolder(source, "") {
				each(id+"_"+name, path.Join(source, name), at)
			}
		case f.Exists() && !f.Mode.IsRegular(), !f.Exists() && strings.HasPrefix(rooted(source), "/run/"): // a socket, or one of a node that does not run
		default:
			each(id, source, at)
		}
	})
}
