package inventory

import (
	"cmp"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"certaudit/parsers"
)

// view translates the paths of a component to the node's.
type view interface {
	// host returns the node's path, and false where the component would find
	// nothing of the node there.
	host(name string) (string, bool)
	// foreign returns where something is mounted that brings the path to the component
	// and cannot be seen from the node, and what is said of it; "" for none.
	foreign(name string) (mount, why string)
}

// nodeView is that of a component which runs on the node itself.
type nodeView struct{}

func (nodeView) host(name string) (string, bool) { return path.Clean("/" + name), true }

func (nodeView) foreign(string) (mount, why string) { return "", "" }

// mounts is the view from inside a container.
type mounts struct {
	pod       parsers.Pod
	container parsers.Container
}

func (m mounts) host(name string) (string, bool) { return m.pod.HostPath(m.container, name) }

func (m mounts) foreign(name string) (mount, why string) {
	for _, mount := range m.container.Mounts {
		if name == mount.MountPath || strings.HasPrefix(name, strings.TrimSuffix(mount.MountPath, "/")+"/") {
			return mount.MountPath, "comes from a volume that is no hostPath and"
		}
	}
	return "", ""
}

// component adds a component and everything that it names. Of a second one that
// cannot run beside the first nothing is followed: what it names is not in use.
func (g *gatherer) component(c Component, v view) {
	first, twice := g.inv.Component(c.Name)
	if twice && !runBeside(first, c) {
		detail := "starts %s, as %s does; the kubelet reads every file of this folder, and which of the two it runs is chance"
		if c.Unit != "" {
			detail = "starts %s, as %s does; one of the two fails to start"
		}
		g.noted(c.Name, parsers.Problem{Origin: c.Origin, Kind: KindDuplicate, Detail: fmt.Sprintf(detail, c.Name, first.Origin.Path)})
		g.namedBy(c, v)
		return
	}
	process := c.Name // tells the pairs of two processes of a component apart
	if twice {
		process += " of " + c.Origin.Path
	}
	g.inv.Components = append(g.inv.Components, c)
	if len(c.Settings)+len(c.Overruled) == 0 && !c.Assumed && (c.Name != Etcd || g.isUnclear(c)) { // etcd has a default for all that it needs
		g.passOver(c.Name, c.Origin, "starts %s without a flag that was read, and it needs some; what it is configured with was not judged", c.Name)
	}
	p, _ := ProgramNamed(c.Name)
	for _, f := range p.Flags {
		if f.Holds == "" {
			continue
		}
		for i, value := range effective(c, f) {
			if f.Name == sniFlag {
				g.sniPair(c.Name, f.Role, value, fmt.Sprintf("%s/%s/%d", process, sniFlag, i), v)
				continue
			}
			g.follow(c.Name, use{f.Name, f.Holds, f.Role}, value, pairKey(process, f, i), v)
		}
	}
	if p.KeptPair != "" {
		g.keptServing(c, p, process, v)
	}
	if !twice {
		g.encryption(c, v)
	}
}

// isUnclear reports whether something on the command line of a component was not
// understood.
func (g *gatherer) isUnclear(c Component) bool {
	return slices.ContainsFunc(g.inv.Problems, func(p InputProblem) bool {
		return p.Component == c.Name && p.Origin.Path == c.Origin.Path && p.Kind == parsers.KindUnsupported
	})
}

// keptServing adds the pair that a component serves where no flag names one: it
// keeps what it has made in --cert-dir, and takes what lies there
// (k8s.io/apiserver pkg/server/options/serving.go MaybeDefaultWithSelfSignedCerts).
func (g *gatherer) keptServing(c Component, p Program, process string, v view) {
	dir := c.InEffect("cert-dir")
	if c.Setting("tls-cert-file").Value != "" || c.Setting("tls-private-key-file").Value != "" || dir == "" {
		return
	}
	cert, seen := v.host(path.Join(dir, p.KeptPair+".crt"))
	key, _ := v.host(path.Join(dir, p.KeptPair+".key"))
	if !seen || !g.exists(cert) || !g.exists(key) {
		return
	}
	served, _ := p.Flag("tls-cert-file")
	ref := Reference{Component: c.Name, Name: "cert-dir", Origin: c.Setting("cert-dir").Origin, Role: served.Role, Pair: process + "/cert-dir"}
	ref.Path, ref.Holds = cert, HoldsCertificate
	g.optional(ref)
	ref.Path, ref.Holds = key, HoldsPrivateKey
	g.optional(ref)
}

// runBeside reports whether two processes of one component can run on a node:
// they are parts of one pod, or listen on ports of their own.
func runBeside(a, b Component) bool {
	if a.Origin == b.Origin {
		return true
	}
	ports, others := a.ports(), b.ports()
	return len(ports) > 0 && len(others) > 0 && !slices.ContainsFunc(ports, func(p string) bool { return slices.Contains(others, p) })
}

// ports are those on which a component serves with TLS, as far as its settings
// and their defaults say.
func (c Component) ports() []string {
	var out []string
	p, _ := ProgramNamed(c.Name)
	for _, l := range p.Listeners {
		for _, u := range parsers.List(c.Setting(l.URLs).Value) {
			if parsed, err := url.Parse(u); err == nil && parsed.Port() != "" {
				out = append(out, parsed.Port())
			}
		}
		f, _ := p.Flag(l.Port)
		if port := cmp.Or(c.Setting(l.Port).Value, f.Default); port != "" {
			out = append(out, port)
		}
	}
	return out
}

// namedBy takes down the paths that a component names which is not followed.
func (g *gatherer) namedBy(c Component, v view) {
	p, _ := ProgramNamed(c.Name)
	for _, f := range p.Flags {
		if f.Holds == "" {
			continue
		}
		for _, value := range effective(c, f) {
			files, _, _ := strings.Cut(value.Value, ":")
			for file := range strings.SplitSeq(files, ",") {
				if host, ok := v.host(file); ok {
					g.inv.Named = append(g.inv.Named, host)
				}
			}
		}
	}
}

// flagsInEffect returns the settings that give a flag its values: all of a flag that
// appends, the last of any other; none that is empty, since an empty value turns the
// flag off.
func flagsInEffect(c Component, row Flag) []parsers.Flag {
	var out []parsers.Flag
	for _, f := range c.Settings {
		if f.Name != row.Name {
			continue
		}
		if !row.Repeats {
			out = nil
		}
		out = append(out, f)
	}
	return slices.DeleteFunc(out, func(f parsers.Flag) bool { return f.Value == "" })
}

// effective returns the values of [flagsInEffect].
func effective(c Component, f Flag) []parsers.Text {
	return parsers.Command{Flags: flagsInEffect(c, f)}.FlagAll(f.Name)
}

func pairKey(process string, f Flag, index int) string {
	if f.Pair == "" {
		return ""
	}
	return fmt.Sprintf("%s/%s+%s/%d", process, min(f.Name, f.Pair), max(f.Name, f.Pair), index)
}

// use is what the file that a flag or field names is for.
type use struct {
	name  string
	holds Holding
	role  string
}

const sniFlag = "tls-sni-cert-key"

// sniPair splits --tls-sni-cert-key: certificate, key and, behind a colon, the
// names it is for (k8s.io/component-base/cli/flag NamedCertKey).
func (g *gatherer) sniPair(component, role string, value parsers.Text, pair string, v view) {
	files, _, _ := strings.Cut(value.Value, ":")
	cert, key, ok := strings.Cut(files, ",")
	if !ok {
		g.noted(component, parsers.Problem{Origin: value.Origin, Kind: parsers.KindSyntax,
			Detail: fmt.Sprintf("%q names no key; it must read certificate,key[:names]", value.Value)})
		return
	}
	g.follow(component, use{sniFlag, HoldsCertificate, role}, parsers.Text{Value: cert, Origin: value.Origin}, pair, v)
	g.follow(component, use{sniFlag, HoldsPrivateKey, role}, parsers.Text{Value: key, Origin: value.Origin}, pair, v)
}

// follow adds one reference and reads what it leads to.
func (g *gatherer) follow(component string, u use, value parsers.Text, pair string, v view) {
	ref := Reference{Component: component, Name: u.name, Origin: value.Origin, Holds: u.holds, Role: u.role, Pair: pair}
	host, mounted := v.host(value.Value)
	if !mounted {
		ref.Path, ref.Unmounted = path.Clean("/"+value.Value), true
		if mount, why := v.foreign(ref.Path); mount != "" {
			ref.Path, ref.Unmounted, ref.Hidden = "", false, true
			g.hidden(component, value, mount, why)
		}
		g.refer(ref)
		return
	}
	ref.Path = host
	if g.refer(ref) {
		g.load(ref, path.Clean("/"+value.Value), v)
	}
}

// hidden records what cannot be seen from the node, once for each volume of a component.
func (g *gatherer) hidden(component string, value parsers.Text, mount, why string) {
	if !g.once(component, "volume "+mount) {
		return
	}
	detail := fmt.Sprintf("%q %s cannot be seen from the node", value.Value, why)
	if mount != value.Value {
		detail += ", nor can anything else below " + mount
	}
	g.lost(component, parsers.Problem{Origin: value.Origin, Kind: parsers.KindUnsupported, Detail: detail})
}

// maxReferences bounds the references of one node. A kubeadm node has about a
// hundred; a kubeconfig of hundreds of clusters adds three for each.
const maxReferences = 5000

// refer adds a reference, and reports false where there are too many.
func (g *gatherer) refer(ref Reference) bool {
	if len(g.inv.References) < maxReferences {
		g.inv.References = append(g.inv.References, ref)
		return true
	}
	if g.once("", "references") {
		g.lost(ref.Component, parsers.Problem{Origin: ref.Origin, Kind: parsers.KindLimit,
			Detail: fmt.Sprintf("is reference %d of the node; it and the rest were not followed", maxReferences+1)})
	}
	return false
}

// load reads the file of a reference by what it holds. inside is the path under
// which the component knows it: what the file names is relative to that.
func (g *gatherer) load(ref Reference, inside string, v view) {
	switch ref.Holds {
	case HoldsKubeconfig:
		g.kubeconfig(ref, inside, v)
	case HoldsConfig:
		g.configFile(ref, inside, v)
	default:
		g.material(ref.Path)
	}
}

// material reads a file of certificates or keys once.
func (g *gatherer) material(name string) {
	if _, seen := g.inv.Files[name]; seen {
		return
	}
	f, data := g.read(name)
	if f.State == Readable {
		g.inv.Materials[name] = g.shared(parsers.ParseMaterial(parsers.Origin{Path: name}, data))
		clear(data)
	}
}

// shared makes equal certificates one in memory: a CA stands in thousands of
// objects.
func (g *gatherer) shared(m parsers.Material) parsers.Material {
	for i, c := range m.Certificates {
		m.Certificates[i].Certificate = g.certificates.shared(c.SHA256(), c.Certificate)
	}
	return m
}

// once reports whether a file is followed for the first time for a component.
func (g *gatherer) once(component, name string) bool {
	key := component + " " + name
	if g.followed[key] {
		return false
	}
	g.followed[key] = true
	return true
}

// configFile follows a configuration file to the files that it names in turn.
func (g *gatherer) configFile(ref Reference, inside string, v view) {
	if !g.once(ref.Component, ref.Path) {
		return
	}
	data, ok := g.config(ref.Path, ref.Component)
	if !ok {
		return
	}
	docs, _ := g.documents(ref.Path, ref.Component, data)
	p, _ := ProgramNamed(ref.Component)
	for _, d := range docs {
		g.strayFields(ref.Component, strayFields(p, d))
		for _, f := range p.Fields {
			if f.Kind == d.Kind() || f.Kind == "" {
				g.fields(ref, inside, f, d, v)
			}
		}
	}
}

// strayFields adds to the last component of a name the fields that it does not have.
func (g *gatherer) strayFields(component string, fields []parsers.Flag) {
	for i, c := range slices.Backward(g.inv.Components) {
		if c.Name == component {
			g.inv.Components[i].StrayFields = append(c.StrayFields, fields...)
			return
		}
	}
}

// Of the fields of configurations those that may be meant for one that concerns
// certificates are called so; those that are, and are of no concern here, are others
// (kubernetes, k8s.io/kubelet config/v1beta1).
var (
	certificateField = regexp.MustCompile(`(?i)cert|ca_?file|tls|key|kube_?config`)
	otherFields      = []string{"tlsCipherSuites[]", "tlsMinVersion", "tlsCurvePreferences[]"}
	elementIndex     = regexp.MustCompile(`\[\d+\]`)
)

// maxStrayFields bounds those of one document.
const maxStrayFields = 50

// strayFields returns the scalars of a component's own configuration that concern
// certificates by their names and that stand in none of its fields.
func strayFields(p Program, d parsers.Document) []parsers.Flag {
	if p.ConfigKind == "" || d.Kind() != p.ConfigKind {
		return nil
	}
	var out []parsers.Flag
	for _, t := range d.Scalars() {
		pattern := elementIndex.ReplaceAllString(t.Origin.Field, "[]")
		last := pattern[strings.LastIndexByte(pattern, '.')+1:]
		isKnown := slices.Contains(otherFields, pattern) || slices.ContainsFunc(p.Flags, func(f Flag) bool { return f.Field == pattern }) ||
			slices.ContainsFunc(p.Fields, func(f Field) bool { return f.Field == pattern })
		if !isKnown && certificateField.MatchString(last) && len(out) < maxStrayFields {
			out = append(out, parsers.Flag{Name: pattern, Value: t.Value, Origin: t.Origin})
		}
	}
	return out
}

func (g *gatherer) fields(ref Reference, inside string, f Field, d parsers.Document, v view) {
	for i, value := range d.Find(f.Field) {
		switch {
		case value.Value == "":
		case strings.Contains(value.Value, "-----BEGIN"):
			m := parsers.ParseMaterial(value.Origin, []byte(value.Value))
			g.refer(Reference{Component: ref.Component, Name: f.Field,
				Origin: value.Origin, Holds: f.Holds, Role: f.Role, Embedded: &m})
		default:
			value.Value = parsers.ResolvePath(inside, value.Value)
			g.follow(ref.Component, use{f.Field, f.Holds, f.Role}, value, fieldPair(ref, f, i), v)
		}
	}
}

func fieldPair(ref Reference, f Field, index int) string {
	if f.Pair == "" {
		return ""
	}
	parent := f.Field[:strings.LastIndex(f.Field, ".")+1]
	return fmt.Sprintf("%s/%s/%s/%d", ref.Component, ref.Path, parent, index)
}

// kubeconfig follows a kubeconfig to the credentials and CAs that it names or
// embeds.
func (g *gatherer) kubeconfig(ref Reference, inside string, v view) {
	k, ok := g.parseKubeconfig(ref)
	if !ok || !g.once(ref.Component, ref.Path) {
		return
	}
	clusters, users := inUse(k, ref.Role)
	authority := RoleOtherCA
	if ref.Role == RoleUser {
		authority = RoleUserCA
	}
	for _, c := range clusters {
		g.credential(ref, inside, v, credential{"clusters.certificate-authority", HoldsBundle, authority, "", c.CAFile, c.CAData})
	}
	for _, u := range users {
		pair := ref.Component + "/" + ref.Path + "/" + u.Name
		g.credential(ref, inside, v, credential{"users.client-certificate", HoldsCertificate, ref.Role, pair, u.CertificateFile, u.CertificateData})
		g.credential(ref, inside, v, credential{"users.client-key", HoldsPrivateKey, ref.Role, pair, u.KeyFile, u.KeyData})
	}
}

// inUse returns the entries of a kubeconfig that its reader takes: a component
// those of the current context, if there is one; people switch contexts, and
// webhooks choose a user by the name of the server (k8s.io/apiserver
// pkg/util/webhook/authentication.go).
func inUse(k parsers.Kubeconfig, role string) ([]parsers.KubeCluster, []parsers.KubeUser) {
	cluster, user, ok := k.Current()
	if !ok || role == RoleUser || role == RoleOutbound {
		return k.Clusters, k.Users
	}
	return []parsers.KubeCluster{cluster}, []parsers.KubeUser{user}
}

func (g *gatherer) parseKubeconfig(ref Reference) (parsers.Kubeconfig, bool) {
	if k, seen := g.inv.Kubeconfigs[ref.Path]; seen {
		return k, true
	}
	if !g.once("", ref.Path) {
		return parsers.Kubeconfig{}, false
	}
	f, data := g.read(ref.Path)
	if f.State != Readable {
		if f.Exists() {
			g.unread(f, ref.Component)
		}
		return parsers.Kubeconfig{}, false
	}
	docs, problems := g.documents(ref.Path, ref.Component, data)
	clear(data)
	for _, d := range docs {
		if k, ok := d.Kubeconfig(); ok {
			g.lost(ref.Component, k.Problems...)
			g.inv.Kubeconfigs[ref.Path] = k
			return k, true
		}
	}
	if len(problems) == 0 {
		kind := parsers.KindSyntax // client-go takes it for one that is empty
		if ref.Guessed {
			kind = parsers.KindUnsupported
		}
		g.lost(ref.Component, parsers.Problem{Origin: parsers.Origin{Path: ref.Path}, Kind: kind, Detail: "is not a kubeconfig: it has neither clusters nor users"})
	}
	return parsers.Kubeconfig{}, false
}

// credential is a certificate, key or CA of a kubeconfig: data wins over a
// file (client-go rest.TLSConfigFor).
type credential struct {
	name  string
	holds Holding
	role  string
	pair  string
	file  parsers.Text
	data  parsers.Embedded
}

func (g *gatherer) credential(from Reference, inside string, v view, c credential) {
	u := use{c.name, c.holds, c.role}
	switch {
	case !c.data.IsZero():
		g.refer(Reference{Component: from.Component, Name: c.name,
			Origin: c.data.Origin, Holds: c.holds, Role: c.role, Pair: c.pair, Embedded: &c.data.Material, Guessed: from.Guessed})
	case c.file.Value != "":
		c.file.Value = parsers.ResolvePath(inside, c.file.Value)
		first := len(g.inv.References)
		g.follow(from.Component, u, c.file, c.pair, v)
		for i := range g.inv.References[first:] {
			g.inv.References[first+i].Guessed = from.Guessed
		}
	}
}
