package inventory

import (
	"cmp"
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

// serviceView is that of a component which a unit starts: in a folder, and, where
// settings of the unit change that, with a view of the node's files of its own.
type serviceView struct {
	dir string
	own mounts
}

func (v serviceView) host(name string) (string, bool) {
	name = rooted(parsers.ResolvePath(v.dir+"/", name))
	if v.own.foreign(name) == "" {
		return name, true
	}
	return v.own.host(name)
}

func (v serviceView) foreign(name string) string { return v.own.foreign(name) }

// viewOf returns what a unit's program sees of the node (systemd.exec(5), "Paths" and
// "Credentials").
func viewOf(unit parsers.Unit) serviceView {
	v := serviceView{dir: "/"}
	if values := unit.Values("Service", "WorkingDirectory"); len(values) > 0 {
		v.dir = rooted(strings.TrimPrefix(values[len(values)-1].Value, "-"))
	}
	pairs := func(setting string, each func(source, target string, at parsers.Origin)) {
		for _, value := range unit.Values("Service", setting) {
			for word := range strings.FieldsSeq(value.Value) {
				source, rest, _ := strings.Cut(strings.TrimPrefix(word, "-"), ":")
				target, _, _ := strings.Cut(rest, ":")
				each(source, target, value.Origin)
			}
		}
	}
	credential := func(id, file string, at parsers.Origin) {
		v.own.mount(file, parsers.CredentialsFolder+unit.Name+"/"+id, at)
	}
	unseen := func(setting string) func(string, string, parsers.Origin) {
		return func(id, _ string, at parsers.Origin) { credential(id, setting, at) }
	}
	bind := func(source, target string, at parsers.Origin) { v.own.mount(source, cmp.Or(target, source), at) }
	pairs("LoadCredential", credential)
	pairs("LoadCredentialEncrypted", unseen("LoadCredentialEncrypted"))
	pairs("SetCredential", unseen("SetCredential"))
	pairs("SetCredentialEncrypted", unseen("SetCredentialEncrypted"))
	pairs("BindPaths", bind)
	pairs("BindReadOnlyPaths", bind)
	pairs("TemporaryFileSystem", func(target, _ string, at parsers.Origin) { v.own.mount("TemporaryFileSystem", target, at) })
	pairs("RootDirectory", func(dir, _ string, at parsers.Origin) { v.own.mount(dir, "/", at) })
	pairs("RootImage", func(_, _ string, at parsers.Origin) { v.own.mount("RootImage", "/", at) })
	return v
}
