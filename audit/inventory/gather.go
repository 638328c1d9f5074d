package inventory

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"certaudit/parsers"
)

const (
	// DefaultCertificatesDir is where kubeadm keeps its certificates.
	DefaultCertificatesDir = "/etc/kubernetes/pki"
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
	return gatherNode(r, Clock{}, more)
}

func rootError(dir string, err error) error {
	return fmt.Errorf("cannot open the root folder %q: %s; give --root the folder that holds the node's etc and var", dir, bareError(err))
}

// gatherNode gathers the node of a root; c says how, its times apart.
func gatherNode(r *root, c Clock, more []string) (*Inventory, error) {
	g := newGatherer(r)
	if c.known != nil {
		g.certificates = c.known
	}
	if c.Processes {
		if err := g.readProcesses(withOwn(c.Layouts)); err != nil {
			return nil, err
		}
	}
	g.components(c.Layouts)
	g.kubeadm()
	g.etcdData()
	g.strangers()
	g.homes()
	newScanner(g, "").scanAll(more)
	g.hostRoots()
	g.hosts()
	g.folders()
	g.newestRotated()
	g.processes()
	g.cutOff()
	g.inv.conceal()
	return g.inv, nil
}

// cutOff takes back that something is missing where the archive of the node may have
// held it.
func (g *gatherer) cutOff() {
	if g.root.cut == "" {
		return
	}
	g.inv.MissingFolders = nil
	named := map[string]bool{}
	for _, ref := range g.inv.References {
		named[ref.Path] = true
	}
	g.inv.unseen("cannot be read: "+g.root.cut, func(f File) bool { return named[f.Path] })
}

// unseen takes files that are missing for such as could not be looked at, for a reason.
func (inv *Inventory) unseen(reason string, which func(File) bool) {
	for name, f := range inv.Files {
		if (f.State == Missing || f.State == DanglingLink) && which(f) {
			f.State, f.Reason = Unreadable, reason
			inv.Files[name] = f
		}
	}
}

// components adds what runs on the node: what a distribution starts, the kubelet, its
// static pods, and services.
func (g *gatherer) components(users []Layout) {
	g.hostname()
	wants := g.wantsFolders()
	units := g.serviceUnits(wants)
	d, made := g.distribution(users, units, wants)
	if made {
		g.start(d)
		units = slices.DeleteFunc(units, func(s serviceUnit) bool { return s.name == d.unit || slices.Contains(d.layout.Services, s.name) })
	}
	if _, runs := g.inv.Component(Kubelet); !runs {
		g.kubelet(units, wants)
	}
	g.staticPods()
	g.services(units, wants)
	g.initComponents()
	g.unfiled()
	if made {
		g.distributionFiles(d)
	}
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
	// effort is what may still be spent on the passwords of key stores.
	effort parsers.Effort
	// others are the programs that are none of the components, in the order in
	// which they were seen, and looked how many paths of theirs were looked at.
	others []stranger
	looked int
	// certificates are those that were decoded, for this inventory or others.
	certificates *pool
	// unitNames holds the names in the folders of units that were read.
	unitNames map[string][]string
	// kubeletStray are the fields of the kubelet's configuration that it does not have.
	kubeletStray []parsers.Flag
	// running are the processes of components, by PID; nil where they were not asked for.
	running []*running
	// programs are settings of distributions by the variables of their processes, by program.
	programs map[string][]parsers.EnvVar
}

// maxNodeBytes bounds what is read of one node. An honest one has less than one
// mebibyte, and a host's bundle of public roots for each flag that names it.
const maxNodeBytes = 16 << 20

func newGatherer(r *root) *gatherer {
	g := &gatherer{root: r, followed: map[string]bool{}, unitNames: map[string][]string{}, inv: New(), certificates: newPool(), effort: parsers.Effort{Iterations: storeIterations}}
	if r != nil {
		g.effort.Passwords = r.passwords
	}
	return g
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

// KindDuplicate marks a second static pod or unit that starts a component.
const KindDuplicate parsers.Kind = "duplicate"

// KindComponent marks a component, or what should be one, that was not read.
const KindComponent parsers.Kind = "component"

// passOver records a component, or what should be one, that is not understood.
func (g *gatherer) passOver(component string, at parsers.Origin, format string, args ...any) {
	g.lost(component, parsers.Problem{Origin: at, Kind: KindComponent, Detail: fmt.Sprintf(format, args...)})
}

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
	if f, isDir := g.root.stat(g.inv.ManifestDir); f.Exists() && !isDir { // it may be one file
		g.manifest(g.inv.ManifestDir)
		return
	}
	names, err := g.root.list(g.inv.ManifestDir)
	if err != nil {
		g.lost("kubelet", parsers.Problem{Origin: parsers.Origin{Path: g.inv.ManifestDir}, Kind: KindUnreadable, Detail: unlisted(err)})
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(rank(a), rank(b)) })
	for _, name := range names {
		if !hidden(name) {
			g.manifest(path.Join(g.inv.ManifestDir, name))
		}
	}
}

// rank puts the manifests that kubeadm writes first and those that look like a
// copy last, so that a copy beside one is taken for the copy.
func rank(name string) int {
	base, ok := strings.CutSuffix(name, ".yaml")
	switch {
	case ok && IsProgram(base):
		return 0
	case slices.Contains(manifestSuffixes, path.Ext(name)) && !copyName.MatchString(name):
		return 1
	}
	return 2
}

// manifestSuffixes are those of manifests as kubeadm, kops and others name them.
var manifestSuffixes = []string{".yaml", ".yml", ".json", ".manifest"}

// copyName matches names that people give to a copy.
var copyName = regexp.MustCompile(`(?i)(^|[^a-z])(old|bak|backup|copy|orig|save|saved|prev|previous|disabled)([^a-z]|$)`)

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
		g.passOver(cmp.Or(componentOfFile(name), "kubelet"), parsers.Origin{Path: name}, "holds no pod, yet the kubelet reads every file of this folder; what it should start was not judged")
	}
}

// componentOfFile returns the component that a manifest or unit is called by, or "".
func componentOfFile(name string) string {
	stem, _, _ := strings.Cut(path.Base(name), ".")
	stem, _, _ = strings.Cut(strings.TrimSuffix(stem, "-pod"), "@")
	if IsProgram(stem) {
		return stem
	}
	return ""
}

func (g *gatherer) pod(pod parsers.Pod) {
	g.lost("kubelet", pod.Problems...)
	for key := range pod.Annotations {
		if strings.HasPrefix(key, "kubeadm.kubernetes.io/") {
			g.inv.Kubeadm = pod.Origin
		}
	}
	claim := claimOf(pod)
	if len(pod.Containers)+len(pod.Problems) == 0 {
		g.passOver(cmp.Or(claim, "kubelet"), pod.Origin, "the pod has no containers, and the kubelet refuses such a pod; what it should start was not judged")
	}
	started := false
	var others []stranger
	for _, c := range pod.Containers {
		of, own := g.container(pod, c)
		others, started = append(others, of...), started || own
	}
	if !started {
		for i := range others {
			others[i].name = cmp.Or(pod.Name, others[i].name)
		}
		if claim != "" && len(pod.Containers) > 0 {
			g.passOver(claim, pod.Origin, "the pod goes by the name of %s and starts %s, no program that is known to be one; what it is configured with was not judged", claim, startedWords(others))
		}
	}
	g.others = append(g.others, others...)
}

// container adds the components that a container starts, and returns what else
// there is in it. own reports whether there is a component.
func (g *gatherer) container(pod parsers.Pod, c parsers.Container) (others []stranger, own bool) {
	v := mounts{pod, c}
	words := slices.Concat(c.Command, c.Args)
	commands, problems := grammar.ParseCommand(words, c.Env)
	if len(words) == 0 {
		commands = []parsers.Command{{}}
	}
	rest := stranger{name: c.Name, origin: pod.Origin, view: v, env: c.Env, volumes: v.volumes()}
	for _, cmd := range commands {
		if cmd.Program == "" && (len(cmd.Flags) > 0 || hasSettings(componentOfImage(c.Image.Value), c.Env)) {
			cmd.Program = componentOfImage(c.Image.Value)
		}
		name := componentOfCommand(cmd)
		if name == "" {
			rest.commands = append(rest.commands, cmd)
			continue
		}
		component, run := g.startedComponent(Component{Name: name, Origin: pod.Origin, Image: c.Image, Annotations: pod.Annotations},
			started{command: cmd, env: c.Env, view: v})
		g.noted(name, run.known(problems)...)
		problems, own = nil, true
		g.component(g.configured(component, run.env, run.view), run.view)
		others = append(others, besides(name, run.command, run.env, run.view))
	}
	if own {
		rest.env, rest.volumes = nil, nil
	}
	return append(others, rest), own
}

// hasSettings reports whether variables say what a component is configured with.
func hasSettings(component string, env []parsers.EnvVar) bool {
	p, _ := ProgramNamed(component)
	return p.Environment != "" && slices.ContainsFunc(env, func(e parsers.EnvVar) bool { return strings.HasPrefix(e.Name, p.Environment) })
}

// claimOf returns the component that a pod says it is, by its file, its own name,
// or that of a container or an image; "" for none.
func claimOf(pod parsers.Pod) string {
	names := []string{componentOfFile(pod.Origin.Path), pod.Name}
	for _, c := range pod.Containers {
		names = append(names, c.Name, componentOfImage(c.Image.Value))
	}
	if i := slices.IndexFunc(names, IsProgram); i >= 0 {
		return names[i]
	}
	return ""
}

// startedWords names the programs of a pod for a reader.
func startedWords(others []stranger) string {
	var names []string
	for _, s := range others {
		for _, cmd := range s.commands {
			if cmd.Program != "" {
				names = append(names, fmt.Sprintf("%q", cmd.Program))
			}
		}
	}
	return cmp.Or(strings.Join(names[:min(len(names), 3)], ", "), "what its image names")
}
