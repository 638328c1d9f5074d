package parsers

import (
	"path"
	"strings"
)

// Pod is what matters here of a v1 Pod.
type Pod struct {
	Origin      Origin
	Name        string
	Namespace   string
	Annotations map[string]string
	HostNetwork bool
	// Containers holds the containers in their order, without the init
	// containers.
	Containers []Container
	Volumes    []Volume
	// Problems are fields that hold something else than they should.
	Problems []Problem
}

// Container is one container of a [Pod].
type Container struct {
	Origin  Origin
	Name    string
	Image   Text
	Command []Text
	Args    []Text
	// Env holds the variables whose value stands in the pod itself.
	Env    []EnvVar
	Mounts []Mount
}

// Mount brings a [Volume] into a container.
type Mount struct {
	Origin    Origin
	Volume    string
	MountPath string
	SubPath   string
	ReadOnly  bool
}

// Volume is one volume of a [Pod]. HostPath is the zero Text for one that is no
// hostPath; HostPathType says what has to lie there, "File", or "" for no check.
type Volume struct {
	Origin       Origin
	Name         string
	HostPath     Text
	HostPathType string
}

// Pods returns the pods of a document: itself, or the items of a PodList or
// List; none where it is of another kind.
func (d Document) Pods() []Pod {
	switch d.Kind() {
	case "Pod":
		return []Pod{podOf(d.item(nil))}
	case "PodList", "List":
		var pods []Pod
		for _, it := range d.item(nil).mappings("items") {
			if kind := it.textOf("kind").Value; kind == "Pod" || d.Kind() == "PodList" {
				pods = append(pods, podOf(it))
			}
		}
		return pods
	}
	return nil
}

func podOf(it item) Pod {
	p := Pod{Origin: it.origin(), Annotations: map[string]string{}}
	it.problems = &p.Problems
	if meta, ok := it.mapping("metadata"); ok {
		p.Name, p.Namespace = meta.textOf("name").Value, meta.textOf("namespace").Value
		if annotations, ok := meta.mapping("annotations"); ok {
			for key, a := range annotations.entries() {
				p.Annotations[key] = a.text().Value
			}
		}
	}
	spec, ok := it.get("spec")
	if !ok {
		it.problem(KindSyntax, "the pod has no spec")
		return p
	}
	if !spec.isMapping() {
		return p
	}
	p.HostNetwork = spec.truth("hostNetwork")
	for _, c := range spec.mappings("containers") {
		p.Containers = append(p.Containers, containerOf(c))
	}
	for _, v := range spec.mappings("volumes") {
		p.Volumes = append(p.Volumes, volumeOf(v))
	}
	return p
}

func containerOf(it item) Container {
	c := Container{Origin: it.origin(), Name: it.textOf("name").Value, Image: it.textOf("image"),
		Command: it.texts("command"), Args: it.texts("args")}
	for _, e := range it.mappings("env") {
		if v := e.textOf("value"); !v.IsZero() {
			c.Env = append(c.Env, EnvVar{Name: e.textOf("name").Value, Value: v})
		}
	}
	for _, m := range it.mappings("volumeMounts") {
		c.Mounts = append(c.Mounts, Mount{Origin: m.origin(), Volume: m.textOf("name").Value,
			MountPath: m.textOf("mountPath").Value, SubPath: m.textOf("subPath").Value, ReadOnly: m.truth("readOnly")})
	}
	return c
}

func volumeOf(it item) Volume {
	v := Volume{Origin: it.origin(), Name: it.textOf("name").Value}
	if host, ok := it.mapping("hostPath"); ok {
		v.HostPath, v.HostPathType = host.textOf("path"), host.textOf("type").Value
	}
	return v
}

// HostPath translates a path inside a container to the node's. The mount whose
// path is longest wins, as in a mount table. It returns false where no hostPath
// volume brings the path into the container.
func (p Pod) HostPath(c Container, name string) (string, bool) {
	name = path.Clean("/" + name)
	var best Mount
	var rest string
	longest := 0
	for _, m := range c.Mounts {
		dir := path.Clean("/" + m.MountPath)
		if below, ok := below(name, dir); ok && m.MountPath != "" && len(dir) >= longest {
			best, rest, longest = m, below, len(dir)
		}
	}
	for _, v := range p.Volumes {
		if v.Name == best.Volume && v.HostPath.Value != "" {
			return path.Join("/", v.HostPath.Value, best.SubPath, rest), true
		}
	}
	return "", false
}

// below returns what is left of a path below a folder, both of them clean.
func below(name, dir string) (string, bool) {
	dir = strings.TrimSuffix(dir, "/")
	if name == dir {
		return "", true
	}
	return strings.CutPrefix(name, dir+"/")
}
