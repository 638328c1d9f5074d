package inventory

import (
	"bytes"
	"fmt"
	"iter"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"certaudit/parsers"
)

// The places where the kubelet keeps things when nothing says otherwise (kubernetes
// cmd/kubelet/app/options, cmd/kubeadm/app/constants).
const (
	kubeletConfig    = "/var/lib/kubelet/config.yaml"
	kubeletFlagsFile = "/var/lib/kubelet/kubeadm-flags.env"
	KubeletCertDir   = "/var/lib/kubelet/pki"
	KubeletConf      = "/etc/kubernetes/kubelet.conf"
	bootstrapConf    = "/etc/kubernetes/bootstrap-kubelet.conf"
)

// kubeadmDropIn stands in for the packages' 10-kubeadm.conf where the unit
// files were not copied with the tree. Source: website,
// setup/production-environment/tools/kubeadm/kubelet-integration.
const kubeadmDropIn = `[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=` + bootstrapConf + ` --kubeconfig=` + KubeletConf + `"
Environment="KUBELET_CONFIG_ARGS=--config=` + kubeletConfig + `"
EnvironmentFile=-` + kubeletFlagsFile + `
EnvironmentFile=-/etc/default/kubelet
EnvironmentFile=-/etc/sysconfig/kubelet
ExecStart=/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
`

// kubelet adds the kubelet, if the node has one.
// units and wants are as of [gatherer.services].
func (g *gatherer) kubelet(units []serviceUnit, wants map[string]bool) {
	unit, found := g.kubeletUnit(units, wants)
	switch {
	case found:
	case g.initKubelet(), g.runningKubelet():
		return
	case g.masked("kubelet.service") != "":
		at := g.masked("kubelet.service")
		g.passOver(Kubelet, parsers.Origin{Path: at}, "is masked, so that systemd does not start the kubelet; what lies in its default folders was judged")
		g.assumedKubelet(at)
		return
	case g.partial():
		return
	case slices.ContainsFunc([]string{kubeletFlagsFile, KubeletConf, bootstrapConf}, g.exists):
		unit = parsers.ParseUnit("", []byte(kubeadmDropIn))
	case g.exists(kubeletConfig):
		unit = parsers.ParseUnit("", []byte("[Service]\nExecStart=kubelet --config="+kubeletConfig+"\n"))
	case slices.ContainsFunc(kubeletFiles, g.exists):
		g.lost("kubelet", parsers.Problem{Origin: parsers.Origin{Path: KubeletCertDir}, Kind: parsers.KindUnsupported,
			Detail: "holds the kubelet's certificates, and nothing here says how the kubelet is started; what lies in its default folders was judged, its configuration was not"})
		g.assumedKubelet("")
		return
	default:
		return
	}
	g.noted("kubelet", summed(unit.Problems)...)
	for _, e := range unit.EnvironmentFiles() {
		if e.Path.Value == kubeletFlagsFile && g.exists(kubeletFlagsFile) {
			g.inv.Kubeadm = parsers.Origin{Path: kubeletFlagsFile}
		}
	}
	words, problems := unit.StartWords(g.environment(unit, "kubelet"))
	g.noted("kubelet", problems...)
	commands, view, problems := g.commandsOf(unit, words)
	g.noted("kubelet", problems...)
	for _, c := range commands {
		if c.Program == "kubelet" {
			c = g.kubeletComponent(Component{Name: Kubelet, Origin: parsers.Origin{Path: unit.Path}, Unit: unit.Name}, g.onNode(c, view))
			g.others = append(g.others, besides(Kubelet, c, unit.Environment(), nodeView{}))
			return
		}
	}
	g.passOver(Kubelet, startOf(unit, words), "starts no program that is known to be the kubelet, so its settings were not read; what lies in its default folders was judged")
	g.assumedKubelet(unit.Path)
}

// kubeletUnit returns the unit that starts the kubelet: kubelet.service, or one of
// another name that systemd starts with the node or an administrator wrote.
func (g *gatherer) kubeletUnit(units []serviceUnit, wants map[string]bool) (parsers.Unit, bool) {
	if unit, found := g.unit("kubelet.service", Kubelet); found {
		return unit, true
	}
	for _, s := range units {
		if !s.wantedBy(wants) && !(isUnitName(s.name) && g.handMade(s.file())) {
			continue
		}
		unit, found := g.unit(s.name, Kubelet, s.aliases...)
		words, _ := unit.StartWords(g.variables(unit))
		commands, _, _ := g.commandsOf(unit, words)
		if found && slices.ContainsFunc(commands, func(c parsers.Command) bool { return componentOfCommand(c) == Kubelet }) {
			return unit, true
		}
	}
	return parsers.Unit{}, false
}

// onNode returns a command with the paths of its flags as the node has them: a kubelet
// in a container mounts what it reads, and what it reads names other files as the
// container has them, which are the node's own in every layout that is known. A path in
// the image stays as it is; a flag with one that cannot be seen is left out, and told.
func (g *gatherer) onNode(c parsers.Command, v view) parsers.Command {
	var flags []parsers.Flag
	for _, f := range c.Flags {
		if !path.IsAbs(f.Value) {
			flags = append(flags, f)
			continue
		}
		host, seen := v.host(f.Value)
		if mount, why := v.foreign(path.Clean(f.Value)); !seen && mount != "" {
			g.hidden(Kubelet, parsers.Text{Value: f.Value, Origin: f.Origin}, mount, why)
			continue
		}
		if seen && host != path.Clean(f.Value) {
			f.Value = host
		}
		flags = append(flags, f)
	}
	c.Flags = flags
	return c
}

// hasKubelet reports whether there is a kubelet that is nobody's part.
func (g *gatherer) hasKubelet() bool {
	for _, dir := range unitFolders {
		if name := path.Join(dir, "kubelet.service"); g.there(name) {
			return g.root.link(name) != "/dev/null"
		}
	}
	return slices.ContainsFunc([]string{kubeletFlagsFile, KubeletConf, bootstrapConf}, g.there) || slices.Contains(g.initStarted(), Kubelet)
}

// kubeletFiles are those that a kubelet keeps in its default folder.
var kubeletFiles = []string{
	path.Join(KubeletCertDir, "kubelet-client-current.pem"), path.Join(KubeletCertDir, serverCurrent), path.Join(KubeletCertDir, "kubelet.crt"),
}

// serverCurrent is the link to the serving certificate that the cluster has signed.
const serverCurrent = "kubelet-server-current.pem"

// assumedKubelet adds a kubelet of which it is not known how it is started, with
// what lies where it would by default. unit is the path of what starts it, or "".
func (g *gatherer) assumedKubelet(unit string) {
	cmd := parsers.Command{Program: Kubelet}
	assume := func(flag, value string) { cmd.Flags = append(cmd.Flags, parsers.Flag{Name: flag, Value: value}) }
	if g.exists(kubeletConfig) {
		assume("config", kubeletConfig)
	}
	for _, name := range []string{KubeletConf, path.Join(kubeletDir, "kubeconfig")} {
		if _, data := g.root.read(name); namesClusters(data) {
			assume("kubeconfig", name)
			break
		}
	}
	if g.exists(path.Join(KubeletCertDir, serverCurrent)) {
		assume("rotate-server-certificates", "true")
	}
	g.kubeletComponent(Component{Name: Kubelet, Origin: parsers.Origin{Path: unit}, Assumed: true}, cmd)
}

// kubeletDir is there on every node that a kubelet ever ran on.
const kubeletDir = "/var/lib/kubelet"

// notCopied is what is said of the kubelet's folder where a tree has some of the node alone.
const notCopied = "does not exist, and neither do the kubelet's units: they were not copied with the tree"

// NotCopied reports whether it is for want of files in a copied tree that there is a problem.
func (p InputProblem) NotCopied() bool { return p.Kind == KindUnreadable && p.Detail == notCopied }

// partial reports whether the kubelet's own folder was left out when a tree was
// copied, which says nothing of the node.
func (g *gatherer) partial() bool {
	if g.exists(kubeletDir) || !g.exists(KubeletConf) {
		return false
	}
	g.lost("kubelet", parsers.Problem{Origin: parsers.Origin{Path: kubeletDir}, Kind: KindUnreadable,
		Detail: notCopied})
	k, _ := g.parseKubeconfig(Reference{Component: Kubelet, Path: KubeletConf})
	if _, user, ok := k.Current(); ok && !user.CertificateData.IsZero() {
		g.assumedKubelet("") // its certificate is here all the same
	}
	return true
}

// exists reports whether something lies at a path, or may: what lies in a folder
// that this user may not look into is not missing.
func (g *gatherer) exists(name string) bool {
	f, _ := g.root.stat(name)
	return f.Exists()
}

// kubeletComponent adds the kubelet with its settings: those of the
// configuration file, then of its drop-ins, then its flags, the later winning
// (website, tasks/administer-cluster/kubelet-config-file). It returns the command that
// counts: the one of its process, where that is known.
func (g *gatherer) kubeletComponent(c Component, cmd parsers.Command) parsers.Command {
	if c.PID == 0 {
		var run started
		c, run = g.startedComponent(c, started{command: cmd, view: nodeView{}})
		cmd = run.command
		g.seenApart(run)
	}
	c.Settings = append(g.kubeletConfiguration(cmd), cmd.Flags...)
	c.StrayFields = g.kubeletStray
	g.component(c, nodeView{})
	g.bootstrap(c)
	g.kubeletClient(c)
	g.kubeletServing(c)
	return cmd
}

func (g *gatherer) kubeletConfiguration(cmd parsers.Command) []parsers.Flag {
	var settings []parsers.Flag
	if file := cmd.Flag("config"); file.Value != "" {
		g.refer(Reference{Component: "kubelet", Name: "config", Origin: file.Origin,
			Holds: HoldsConfig, Path: path.Clean("/" + file.Value)})
		settings = g.kubeletFile(file.Value, settings)
	}
	if dir := cmd.Flag("config-dir").Value; dir != "" {
		settings = g.kubeletDropIns(dir, 0, settings)
	}
	return settings
}

// maxDropInDepth bounds how deep the folder of drop-ins is followed.
const maxDropInDepth = 8

// kubeletDropIns appends what the files of a folder set, and of those in it, in
// the order of their names (kubernetes cmd/kubelet/app/server.go,
// mergeKubeletConfigurations).
func (g *gatherer) kubeletDropIns(dir string, depth int, settings []parsers.Flag) []parsers.Flag {
	names, err := g.root.list(dir)
	if err != nil {
		g.lost("kubelet", parsers.Problem{Origin: parsers.Origin{Path: dir}, Kind: KindUnreadable, Detail: unlisted(err)})
	}
	for _, n := range names {
		name := path.Join(dir, n)
		if f, isDir := g.root.stat(name); isDir {
			if f.Link == "" && depth < maxDropInDepth {
				settings = g.kubeletDropIns(name, depth+1, settings)
			}
		} else if strings.HasSuffix(n, ".conf") {
			settings = g.kubeletFile(name, settings)
		}
	}
	return settings
}

// kubeletFile appends what one configuration file or drop-in sets.
func (g *gatherer) kubeletFile(name string, settings []parsers.Flag) []parsers.Flag {
	data, ok := g.config(name, "kubelet")
	if !ok {
		return settings
	}
	docs, _ := g.documents(name, "kubelet", data)
	if len(docs) > 0 && docs[0].Kind() != "KubeletConfiguration" {
		g.passOver(Kubelet, parsers.Origin{Path: name, Line: docs[0].Line(), Field: "kind"}, "kind is %q; the kubelet expects KubeletConfiguration", docs[0].Kind())
		return settings
	}
	p, _ := ProgramNamed(Kubelet)
	for _, d := range docs {
		g.kubeletStray = append(g.kubeletStray, strayFields(p, d)...)
		for f, t := range configured(Kubelet, d) {
			t.Value = resolveIfPath(name, f.Name, t.Value)
			if f.Switch && !IsBoolean(t.Value) {
				g.noted(Kubelet, parsers.Problem{Origin: t.Origin, Kind: parsers.KindSyntax,
					Detail: fmt.Sprintf("is %s, and the kubelet expects true or false without quotes: it does not start", t.Value)})
				continue
			}
			settings = append(settings, parsers.Flag{Name: f.Name, Value: t.Value, Origin: t.Origin})
		}
	}
	return settings
}

// configured yields the flags that a component's own configuration stands for,
// with the values of their fields. A switch is "true" or "false", or, if it is no
// boolean, what stands there in quotes.
func configured(component string, d parsers.Document) iter.Seq2[Flag, parsers.Text] {
	p, _ := ProgramNamed(component)
	return func(yield func(Flag, parsers.Text) bool) {
		for _, f := range p.Flags {
			if f.Field == "" {
				continue
			}
			t := d.First(f.Field)
			if f.Switch && !t.IsZero() {
				on, ok := d.At(f.Field)[0].Truth()
				if t.Value = strconv.Quote(parsers.Clip(t.Value, maxSwitchShown)); ok {
					t.Value = strconv.FormatBool(on)
				}
			}
			if !t.IsZero() && !yield(f, t) {
				return
			}
		}
	}
}

// maxSwitchShown bounds what is repeated of a switch that is no boolean.
const maxSwitchShown = 40

// IsBoolean reports whether the value of a switch, as an [Object] and a [Component]
// have it, is one.
func IsBoolean(value string) bool { return value == "true" || value == "false" }

// resolveIfPath makes a relative path of a KubeletConfiguration absolute
// against the file's folder (kubernetes pkg/kubelet/kubeletconfig/configfiles).
func resolveIfPath(file, flag, value string) string {
	if value == "" || !strings.HasSuffix(flag, "-file") && !strings.HasSuffix(flag, "-path") {
		return value
	}
	return parsers.ResolvePath(file, value)
}

// CertDir is the folder in which the kubelet keeps its certificates.
func (c Component) CertDir() string {
	if dir := c.Setting("cert-dir").Value; dir != "" {
		return path.Clean("/" + dir)
	}
	return KubeletCertDir
}

// bootstrap follows the bootstrap kubeconfig, which is there only until the
// node has joined.
func (g *gatherer) bootstrap(c Component) {
	value := c.Setting("bootstrap-kubeconfig")
	if value.Value == "" || !g.exists(value.Value) {
		return
	}
	g.optional(Reference{Component: c.Name, Name: "bootstrap-kubeconfig", Origin: value.Origin,
		Holds: HoldsKubeconfig, Role: RoleKubeletClient, Path: path.Clean("/" + value.Value)})
}

// optional adds a reference to a file that may be absent.
func (g *gatherer) optional(ref Reference) {
	ref.Optional = true
	if g.refer(ref) {
		g.load(ref, ref.Path, nodeView{})
	}
}

// kubeletClient adds the rotated client certificate of a kubelet whose
// kubeconfig does not name it: the kubelet uses it all the same
// (cmd/kubelet/app/server.go, buildKubeletClientConfig).
func (g *gatherer) kubeletClient(c Component) {
	current := path.Join(c.CertDir(), "kubelet-client-current.pem")
	named := slices.ContainsFunc(g.inv.References, func(r Reference) bool { return r.Path == current })
	if named || !g.exists(current) {
		return
	}
	g.pairFile(current, Reference{Component: c.Name, Name: "cert-dir", Origin: c.Setting("cert-dir").Origin, Role: RoleKubeletClient})
}

// rotated matches what the kubelet's rotation makes and leaves behind (client-go
// util/certificate/certificate_store.go).
var rotated = regexp.MustCompile(`^kubelet-(client|server)-\d{4}(-\d{2}){5}\.pem$`)

// IsRotated reports whether a name without a folder is that of a file which the
// kubelet's rotation made.
func IsRotated(name string) bool { return rotated.MatchString(name) }

// NewestRotated is the path of the newest file that a link of the kubelet's rotation,
// ".../kubelet-client-current.pem", may lead to; "" for none.
func (inv *Inventory) NewestRotated(link string) string {
	dir, base := path.Split(link)
	prefix, newest := strings.TrimSuffix(base, "current.pem"), ""
	for _, name := range inv.Folders[path.Clean(dir)] {
		if IsRotated(name) && strings.HasPrefix(name, prefix) {
			newest = max(newest, name)
		}
	}
	if newest == "" {
		return ""
	}
	return path.Join(dir, newest)
}

// newestRotated reads what links of the kubelet's rotation should lead to and do not.
func (g *gatherer) newestRotated() {
	for _, name := range slices.Sorted(maps.Keys(g.inv.Files)) {
		if newest := g.inv.NewestRotated(name); newest != "" && strings.HasSuffix(name, "-current.pem") && path.Base(g.inv.Files[name].Link) != path.Base(newest) {
			g.material(newest)
		}
	}
}

// kubeletCA matches the names of the throw-away CAs with which kubelets sign for
// themselves (client-go util/cert).
var kubeletCA = regexp.MustCompile(`-ca@\d+$`)

// madeByKubelet reports whether a certificate is one that a kubelet signed for itself,
// and not one of a CA of the cluster's in the place of it. What cannot be read is.
func (g *gatherer) madeByKubelet(name string) bool {
	certs := g.inv.Materials[name].Certificates
	if len(certs) == 0 {
		return true
	}
	c := certs[0]
	return kubeletCA.MatchString(c.Issuer.CommonName) || bytes.Equal(c.RawIssuer, c.RawSubject)
}

// pairFile adds a file that holds both a certificate and its key.
func (g *gatherer) pairFile(name string, ref Reference) {
	ref.Path, ref.Pair = name, "kubelet/"+name
	ref.Holds = HoldsCertificate
	g.optional(ref)
	ref.Holds = HoldsPrivateKey
	g.optional(ref)
}

// kubeletServing adds the serving certificate where no flag names it: the one
// that was asked for through the Certificates API, or the self-signed default.
func (g *gatherer) kubeletServing(c Component) {
	if c.Setting("tls-cert-file").Value != "" {
		return
	}
	dir, bootstrap := c.CertDir(), c.Setting("rotate-server-certificates")
	if bootstrap.Value == "true" {
		g.pairFile(path.Join(dir, serverCurrent), Reference{Component: c.Name, Name: "rotate-server-certificates", Origin: bootstrap.Origin, Role: RoleKubeletServing})
		return
	}
	ref := Reference{Component: c.Name, Name: "cert-dir", Origin: c.Setting("cert-dir").Origin, Role: RoleKubeletSelf, Pair: "kubelet/self"}
	ref.Path, ref.Holds = path.Join(dir, "kubelet.crt"), HoldsCertificate
	if g.there(ref.Path) {
		if g.material(ref.Path); !g.madeByKubelet(ref.Path) {
			ref.Role = RoleKubeletServing
		}
	}
	g.optional(ref)
	ref.Path, ref.Holds = path.Join(dir, "kubelet.key"), HoldsPrivateKey
	g.optional(ref)
}
