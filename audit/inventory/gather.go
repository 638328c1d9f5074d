package inventory

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"certaudit/parsers"
)

const (
	defaultCertificatesDir = "/etc/kubernetes/pki"
	// DefaultKubeconfigDir is where kubeadm keeps its kubeconfigs.
	DefaultKubeconfigDir = "/etc/kubernetes"
)

// Gather reads the node whose file system lies below dir, "/" for the one it
// runs on. Every path in the inventory is the node's own, and no link leads out
// of dir. more are paths of the node to be looked at although nothing may name
// them, as [GatherPaths] does. It fails only when dir itself cannot be opened;
// what cannot be read below it is part of the inventory.
func Gather(dir string, more ...string) (*Inventory, error) {
	r, err := openRoot(dir)
	if err != nil {
		return nil, rootError(dir, err)
	}
	defer r.close()
	return gatherNode(r, more), nil
}

func rootError(dir string, err error) error {
	return fmt.Errorf("cannot open the root folder %q: %s; give --root the folder that holds the node's etc and var", dir, bareError(err))
}

func gatherNode(r *root, more []string) *Inventory {
	g := newGatherer(r)
	g.hostname()
	g.kubelet()
	g.staticPods()
	g.services()
	g.distributions()
	g.kubeadm()
	g.homes()
	newScanner(g, "").scanAll(more)
	g.hostRoots()
	g.folders()
	g.processes()
	return g.inv
}

// gatherer collects one inventory.
type gatherer struct {
	root *root
	inv  *Inventory
	// followed holds the configuration files and kubeconfigs that were followed
	// already, by component and path: one may name itself.
	followed map[string]bool
	// bytes counts what was read.
	bytes int
}

// maxNodeBytes bounds what is read of one node. An honest one has less than one
// mebibyte, and a host's bundle of public roots for each flag that names it.
const maxNodeBytes = 16 << 20

func newGatherer(r *root) *gatherer {
	return &gatherer{root: r, followed: map[string]bool{}, inv: New()}
}

// read reads a file and keeps its description.
func (g *gatherer) read(name string) (File, []byte) {
	if g.bytes > maxNodeBytes {
		f := File{Path: path.Clean("/" + name), State: Unreadable, Reason: fmt.Sprintf("was not read: the files before it hold more than %d MiB", maxNodeBytes>>20)}
		g.inv.Files[f.Path] = f
		return f, nil
	}
	f, data := g.root.read(name)
	g.bytes += len(data)
	g.inv.Files[f.Path] = f
	return f, data
}

// config reads a configuration file whose absence is no fault. ok is false if
// there is nothing to parse; unless the file is absent, that is a problem.
func (g *gatherer) config(name, component string) (data []byte, ok bool) {
	f, data := g.read(name)
	switch f.State {
	case Readable:
		return data, true
	case Missing:
		return nil, false
	}
	g.unread(f, component)
	return nil, false
}

// documents parses a configuration file and records what is wrong with it.
// Nothing of a private key that somebody pasted into it is kept.
func (g *gatherer) documents(name, component string, data []byte) ([]parsers.Document, []parsers.Problem) {
	clean, found := parsers.BlankKeys(data)
	docs, problems := parsers.ParseDocuments(name, clean)
	if found {
		problems = append(problems, parsers.Problem{Origin: parsers.Origin{Path: name}, Kind: parsers.KindUnsupported,
			Detail: "a private key stands in the file; it was not read"})
	}
	g.lost(component, problems...)
	return docs, problems
}

// unread records a file that is there and could not be read.
func (g *gatherer) unread(f File, component string) {
	g.lost(component, parsers.Problem{Origin: parsers.Origin{Path: f.Path}, Kind: KindUnreadable, Detail: f.Reason})
}

// KindUnreadable marks what the file system refused, beside the parsers' kinds.
const KindUnreadable parsers.Kind = "unreadable"

// KindDuplicate marks a second static pod or unit that starts one component.
const KindDuplicate parsers.Kind = "duplicate"

func (g *gatherer) lost(component string, problems ...parsers.Problem) {
	for _, p := range problems {
		g.inv.Problems = append(g.inv.Problems, InputProblem{Problem: p, Component: component, Lost: true})
	}
}

func (g *gatherer) noted(component string, problems ...parsers.Problem) {
	for _, p := range problems {
		g.inv.Problems = append(g.inv.Problems, InputProblem{Problem: p, Component: component})
	}
}

// hostname reads the name the kernel goes by, or, in a tree that was copied
// from a node, the one it boots with.
func (g *gatherer) hostname() {
	for _, name := range []string{"/proc/sys/kernel/hostname", "/etc/hostname"} {
		f, data := g.root.read(name)
		if host := strings.ToLower(firstWord(data)); f.State == Readable && host != "" {
			g.inv.Hostname = parsers.Text{Value: host, Origin: parsers.Origin{Path: name, Line: 1}}
			return
		}
	}
}

func firstWord(data []byte) string {
	for line := range strings.Lines(string(data[:min(len(data), 1024)])) {
		if fields := strings.Fields(line); len(fields) > 0 && !strings.HasPrefix(fields[0], "#") {
			return fields[0]
		}
	}
	return ""
}

// staticPods reads the kubelet's manifest folder. The kubelet runs every file
// of it whose name does not start with a dot, whatever its extension
// (kubernetes pkg/kubelet/config/file.go).
func (g *gatherer) staticPods() {
	dir := g.inv.inEffect("kubelet", "pod-manifest-path")
	g.inv.ManifestDir = path.Clean("/" + dir)
	names, err := g.root.list(g.inv.ManifestDir)
	if err != nil {
		g.lost("kubelet", parsers.Problem{Origin: parsers.Origin{Path: g.inv.ManifestDir}, Kind: KindUnreadable, Detail: "cannot be listed: " + bareError(err)})
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(rank(a), rank(b)) })
	for _, name := range names {
		if !hidden(name) {
			g.manifest(path.Join(g.inv.ManifestDir, name))
		}
	}
}

// rank puts the manifests that kubeadm writes first, so that a copy beside one
// is taken for the copy.
func rank(name string) int {
	if base, ok := strings.CutSuffix(name, ".yaml"); ok && IsProgram(base) {
		return 0
	}
	return 1
}

func (g *gatherer) manifest(name string) {
	f, data := g.read(name)
	if f.State == NotRegular && f.Mode.IsDir() {
		return // the kubelet does not descend
	}
	if f.State != Readable {
		g.unread(f, "kubelet")
		return
	}
	docs, problems := g.documents(name, "kubelet", data)
	found := false
	for _, d := range docs {
		for _, pod := range d.Pods() {
			found = true
			g.pod(pod)
		}
	}
	if !found && len(problems) == 0 {
		g.noted("kubelet", parsers.Problem{Origin: parsers.Origin{Path: name}, Kind: parsers.KindUnsupported, Detail: "holds no pod, yet the kubelet reads every file of this folder"})
	}
}

func (g *gatherer) pod(pod parsers.Pod) {
	g.lost("kubelet", pod.Problems...)
	for key := range pod.Annotations {
		if strings.HasPrefix(key, "kubeadm.kubernetes.io/") {
			g.inv.Kubeadm = pod.Origin
		}
	}
	for _, c := range pod.Containers {
		commands, problems := grammar.ParseCommand(slices.Concat(c.Command, c.Args), c.Env)
		for _, cmd := range commands {
			if name := componentOfCommand(cmd); name != "" {
				g.noted(name, problems...)
				g.component(Component{Name: name, Origin: pod.Origin, Image: c.Image, Settings: cmd.Flags, Annotations: pod.Annotations}, c.Env, mounts{pod, c})
				problems = nil
			}
		}
	}
}
