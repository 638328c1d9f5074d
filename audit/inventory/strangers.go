package inventory

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"certaudit/parsers"
)

// stranger is a program that is none of the components, or what a component is
// given beside the flags that are known. Whatever it names that is a certificate, a
// key or a kubeconfig is referred to, and judged by what it is.
type stranger struct {
	// name is that of the pod, the container, the unit or the component, and origin
	// what starts it.
	name     string
	origin   parsers.Origin
	commands []parsers.Command
	env      []parsers.EnvVar
	view     view
	// volumes are the hostPaths that it mounts.
	volumes []parsers.Volume
	// lenient: it may do without what it names.
	lenient bool
	// beside: it is a component, whose variables may be meant for other programs.
	beside bool
}

// besides returns what a component is given beside the flags that are known.
func besides(name string, cmd parsers.Command, env []parsers.EnvVar, v view) stranger {
	p, _ := ProgramNamed(name)
	s := stranger{name: name, view: v, lenient: true, beside: true}
	for _, f := range cmd.Flags {
		if _, known := p.Flag(f.Name); !known {
			s.commands = append(s.commands, parsers.Command{Flags: []parsers.Flag{f}})
		}
	}
	for _, e := range env {
		if p.Environment == "" || !strings.HasPrefix(e.Name, p.Environment) {
			s.env = append(s.env, e)
		}
	}
	return s
}

// volumes are the hostPaths that a container mounts.
func (m mounts) volumes() []parsers.Volume {
	return slices.DeleteFunc(slices.Clone(m.pod.Volumes), func(v parsers.Volume) bool {
		return v.HostPath.Value == "" || !slices.ContainsFunc(m.container.Mounts, func(at parsers.Mount) bool { return at.Volume == v.Name })
	})
}

// Bounds of what is looked at for programs that are not known: the paths of one
// node, the names in a folder that is descended into, and how deep that goes.
const (
	maxLooked   = 2000
	maxInFolder = 200
	maxDepth    = 3
	// maxTrustStore is how many CAs a file may hold that is somebody's own: a host's
	// bundle of public roots has more than a hundred.
	maxTrustStore = 16
)

// strangers follows what the programs name that are none of the components.
func (g *gatherer) strangers() {
	known := map[string]Reference{}
	for _, r := range g.inv.References {
		if _, twice := known[r.Path]; r.Path != "" && !r.Unmounted && !twice {
			known[r.Path] = r
		}
	}
	for _, s := range g.others {
		f := follower{gatherer: g, stranger: s, known: known, seen: map[string]bool{}, first: len(g.inv.References)}
		f.all()
		f.pair()
	}
}

// follower follows one stranger.
type follower struct {
	*gatherer
	stranger
	// known are the references of the components, by path.
	known map[string]Reference
	seen  map[string]bool
	// first is the index of the first reference of the stranger.
	first int
}

// pointer is a word that may lead to a file, and how it stands there.
type pointer struct {
	// name is what it stands in: an argument, a variable or a volume.
	name   string
	origin parsers.Origin
	// needed: the program does not run without it.
	needed bool
	// mounted: it lies where the program may read it, and may not.
	mounted bool
}

func (f *follower) all() {
	for _, cmd := range f.commands {
		needed := !f.lenient && !cmd.Scripted
		for _, flag := range cmd.Flags {
			f.words(flag.Value, pointer{name: "argument", origin: flag.Origin, needed: needed && !isOutput(flag.Name)})
		}
		for _, arg := range cmd.Args {
			f.words(arg.Value, pointer{name: "argument", origin: arg.Origin, needed: needed})
		}
	}
	for _, e := range f.env {
		if strings.HasPrefix(e.Value.Value, "-") {
			continue // arguments, which stand in the command as well
		}
		origin := e.Value.Origin
		origin.Field = e.Name
		f.words(e.Value.Value, pointer{name: "environment", origin: origin, mounted: f.beside})
	}
	for _, v := range f.volumes {
		f.volume(v)
	}
	for _, cmd := range f.commands {
		if parent, ok := stores[cmd.Program]; ok {
			f.store(parent)
		}
	}
}

// stores are the folders in which programs keep certificates below folders called
// pki, although no argument of theirs says so. Source: kubernetes/kops
// docs/advisories/etcd-manager-certificate-expiration.md.
var stores = map[string]string{"etcd-manager": "/mnt"}

// store looks through the folders called pki in those of a folder.
func (f *follower) store(parent string) {
	names, _ := f.root.list(parent)
	for _, n := range names {
		dir := path.Join(parent, n, "pki")
		tokens, _ := f.root.list(dir) // a cluster that was restored has another, and leaves the folder of the old one
		f.within(dir, pointer{name: "store", origin: f.origin, mounted: len(tokens) > 1}, 0)
	}
}

// outputWords are those of the flags that name what a program writes.
var outputWords = regexp.MustCompile(`(^|-)(o|out|output|write|dest|destination|log|logs|socket|pid|pidfile|dir)(-|$)`)

func isOutput(flag string) bool { return outputWords.MatchString(flag) }

// words follows every path in a value: "/a.crt,/a.key", "name=/a.crt".
func (f *follower) words(value string, p pointer) {
	pieces := strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(",;= \t\n\"'", r) })
	_, service := f.view.(serviceView)
	for _, piece := range pieces {
		piece = strings.TrimPrefix(strings.TrimPrefix(piece, "file://"), "@")
		if !path.IsAbs(piece) && !(service && slices.Contains(materialSuffixes, path.Ext(piece))) {
			continue
		}
		host, visible := f.view.host(piece)
		of := p
		if !visible { // its author may have meant the node's, or a file of the image
			host, of.needed, of.mounted = path.Clean("/"+piece), false, true
		}
		f.point(host, path.Clean("/"+piece), of)
	}
}

// volume follows what a container mounts. Where there is nothing, the container
// does not start as it should, unless the kubelet makes it (k8s.io/api core/v1
// HostPathType).
func (f *follower) volume(v parsers.Volume) {
	host := path.Clean("/" + v.HostPath.Value)
	file, isDir := f.root.stat(host)
	p := pointer{name: "volume", origin: v.HostPath.Origin, needed: v.HostPathType == "" || v.HostPathType == "File"}
	if !isDir || !file.Exists() {
		f.point(host, host, p)
		return
	}
	f.inv.Shared = append(f.inv.Shared, host)
	if f.ownFolder(host) {
		p.mounted = true
		f.within(host, p, 0)
	}
}

// point looks at what a path leads to, and refers to it if that is, or should be,
// a certificate, a key or a kubeconfig. inside is the path as the program knows it.
func (f *follower) point(host, inside string, p pointer) {
	if f.seen[host] || transient.MatchString(host) || !f.mayLook(host) {
		return
	}
	f.seen[host] = true
	ref := Reference{Component: f.name, Name: p.name, Origin: p.origin, Path: host, Optional: !p.needed, Guessed: true}
	if known, ok := f.known[host]; ok {
		f.alsoBy(known, ref)
		return
	}
	file, isDir := f.root.stat(host)
	switch {
	case isDir && file.Exists():
		if certificateFolder.MatchString(p.origin.Field) && f.ownFolder(host) {
			p.mounted = true
			f.within(host, p, 0)
		}
	case !file.Exists() || file.State == LinkLoop || file.State == Unreadable:
		if f.meant(host, p) && (p.needed || file.Exists()) {
			f.inv.Files[host] = file
			ref.Holds, ref.Role = holdingByName(host, p.origin.Field), RoleFileLeaf
			f.refer(ref)
		}
	default:
		f.open(ref, inside, p)
	}
}

// mayLook counts a path that is looked at; where there are too many, that is a
// problem of the inventory.
func (f *follower) mayLook(name string) bool {
	if f.looked < maxLooked {
		f.looked++
		return true
	}
	if f.once("", "strangers") {
		f.lost(f.name, parsers.Problem{Origin: parsers.Origin{Path: name}, Kind: parsers.KindLimit, Detail: fmt.Sprintf("is one path more than the %d that are looked at for programs that are not known", maxLooked)})
	}
	return false
}

// transient matches folders that hold nothing which lasts.
var transient = regexp.MustCompile(`^/(proc|sys|dev|tmp)(/|$)`)

// certificateFolder matches the names of flags that name a folder of certificates.
var certificateFolder = regexp.MustCompile(`(?i)(cert|pki|tls|ssl)`)

// kubeconfigName matches the names of kubeconfigs, and of flags that name one.
var kubeconfigName = regexp.MustCompile(`(?i)kubeconfig|^/etc/kubernetes/[^/]*\.conf$`)

// meant reports whether a path is called as a certificate, a key or a kubeconfig is.
func (f *follower) meant(host string, p pointer) bool {
	return slices.Contains(materialSuffixes, path.Ext(host)) || kubeconfigName.MatchString(host) || kubeconfigName.MatchString(p.origin.Field)
}

// holdingByName guesses what should lie at a path.
func holdingByName(host, field string) Holding {
	switch {
	case kubeconfigName.MatchString(host) || kubeconfigName.MatchString(field):
		return HoldsKubeconfig
	case path.Ext(host) == ".key" || strings.HasSuffix(stemless(host), "key"):
		return HoldsPrivateKey
	}
	return HoldsCertificate
}

// stemless is a path without its extension.
func stemless(name string) string { return strings.TrimSuffix(name, path.Ext(name)) }

// alsoBy adds a reference to a file that a component names.
func (f *follower) alsoBy(known, ref Reference) {
	ref.Optional, ref.Guessed = true, false // what is missing is said of the component
	if known.Holds == HoldsKubeconfig || known.Holds == HoldsConfig {
		ref.Holds, ref.Role = known.Holds, known.Role
		f.refer(ref)
		return
	}
	for _, r := range fileReferences(f.name, f.inv.Materials[ref.Path], ref) {
		r.Name, r.Role, r.Pair = ref.Name, known.Role, known.Pair
		f.refer(r)
	}
}

// open reads a file and refers to it by what it holds; what holds neither a
// certificate nor a key nor a kubeconfig is nobody's concern here.
func (f *follower) open(ref Reference, inside string, p pointer) {
	file, data := f.read(ref.Path)
	defer clear(data)
	switch {
	case file.State == Readable && isMaterial(ref.Path, data):
		meant := bytes.Contains(data, []byte("-----BEGIN ")) || slices.Contains(certificateSuffixes, path.Ext(ref.Path))
		f.hold(ref, parsers.ParseMaterial(parsers.Origin{Path: ref.Path}, data), meant, p)
		return
	case file.State == Readable && namesClusters(data):
		ref.Holds, ref.Role = HoldsKubeconfig, RoleFileLeaf
		if f.refer(ref) {
			f.kubeconfig(ref, inside, f.view)
		}
		return
	case file.State != Readable && f.meant(ref.Path, p):
		ref.Holds, ref.Role = holdingByName(ref.Path, p.origin.Field), RoleFileLeaf
		f.refer(ref)
		return
	}
	delete(f.inv.Files, ref.Path)
	f.inv.Named = append(f.inv.Named, ref.Path)
}

// hold refers to a file of certificates or keys. meant says that it is one even if
// nothing can be read in it.
func (f *follower) hold(ref Reference, m parsers.Material, meant bool, p pointer) {
	damaged := meant && slices.ContainsFunc(m.Problems, func(p parsers.Problem) bool { return p.Kind != parsers.KindUnsupported })
	if len(m.Certificates) > maxTrustStore || len(m.Certificates)+len(m.Keys) == 0 && !damaged {
		delete(f.inv.Files, ref.Path)
		f.inv.Named = append(f.inv.Named, ref.Path)
		return
	}
	f.inv.Materials[ref.Path] = m
	for _, r := range fileReferences(f.name, m, ref) {
		r.Name = ref.Name
		if p.mounted {
			r.Role = map[string]string{RoleFileCA: RoleMountedCA, RoleFileLeaf: RoleMountedLeaf}[r.Role]
		}
		f.refer(r)
	}
}

// namesClusters reports whether a file looks like a kubeconfig, be its material in
// it or beside it.
func namesClusters(data []byte) bool {
	start := data[:min(len(data), 1<<16)]
	return !slices.ContainsFunc(kubeconfigKeys, func(key *regexp.Regexp) bool { return !key.Match(start) })
}

// kubeconfigKeys match the lists of a kubeconfig, in YAML or JSON.
var kubeconfigKeys = []*regexp.Regexp{
	regexp.MustCompile(`(?m)(^|[{,]\s*)"?clusters"?:`), regexp.MustCompile(`(?m)(^|[{,]\s*)"?users"?:`), regexp.MustCompile(`(?m)(^|[{,]\s*)"?contexts"?:`),
}

// ownFolder reports whether a folder is a program's own, so that it may be looked
// through: neither one that all of a node share, nor one in which something lies
// that a component names.
func (f *follower) ownFolder(dir string) bool {
	if strings.Count(dir, "/") < 2 || isSystem(dir) || sharedFolder.MatchString(dir) {
		return false
	}
	for name := range f.known {
		if strings.HasPrefix(name, dir+"/") {
			return false
		}
	}
	return true
}

// sharedFolder matches the folders of which many programs have a part, and those
// of which the parts are other pods' (hier(7); kubernetes pkg/kubelet/config).
var sharedFolder = regexp.MustCompile(`^/(proc|sys|dev|run|tmp|usr|boot|bin|sbin|lib|lib64)(/|$)|^/(etc|var)/(lib|log|run|cache|spool|opt|kubernetes|systemd)$|^/var/(run|log|lib/(kubelet|etcd|docker|containerd|containers|cni))(/|$)`)

// within looks through a folder that is the program's own.
func (f *follower) within(dir string, p pointer, depth int) {
	p.needed = false
	names, _ := f.root.list(dir) // what may not be listed is not named by anybody either
	for _, n := range names {
		name := path.Join(dir, n)
		if hidden(n) {
			continue
		}
		if slices.Contains(materialSuffixes, path.Ext(n)) {
			f.point(name, name, p)
			continue
		}
		if len(names) > maxInFolder || depth == maxDepth {
			continue // a folder of data
		}
		if file, isDir := f.root.stat(name); isDir && file.Link == "" && f.mayLook(name) {
			f.within(name, p, depth+1)
		}
	}
}

// pairWords are the words of a flag's name that tell the halves of a pair apart.
var pairWords = regexp.MustCompile(`(?i)(private|certificate|cert|crt|key|pem|file|path|[-_.])+`)

// pair joins the certificates and keys of a stranger: those that stand in flags of
// one name but for "cert" and "key", and those that lie beside each other under one.
func (f *follower) pair() {
	refs := f.inv.References[f.first:]
	byFlag := func(r Reference) string { return r.Name + " " + pairWords.ReplaceAllString(r.Origin.Field, "-") }
	byPath := func(r Reference) string { return stem(r.Path) }
	for _, key := range []func(Reference) string{byFlag, byPath} {
		certs, keys := map[string][]int{}, map[string][]int{}
		for i, r := range refs {
			switch {
			case r.Pair != "" || !r.Guessed || r.Path == "":
			case r.Holds == HoldsCertificate:
				certs[key(r)] = append(certs[key(r)], i)
			case r.Holds == HoldsPrivateKey:
				keys[key(r)] = append(keys[key(r)], i)
			}
		}
		for k, c := range certs {
			if len(c) == 1 && len(keys[k]) == 1 {
				pair := fmt.Sprintf("%s %s %d", f.name, k, f.first)
				refs[c[0]].Pair, refs[keys[k][0]].Pair = pair, pair
			}
		}
	}
}
