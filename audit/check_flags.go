package audit

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"

	"certaudit/audit/inventory"
	"certaudit/parsers"
)

func checkUnknownFlag(p *pass) {
	p.examined += p.flags.examined
	for _, f := range p.flags.faults {
		p.report(finding{severity: f.severity, component: f.component.Name, at: f.flag.Origin, message: f.message, remedy: p.replaceFlag(f)})
	}
	if p.flags.more {
		p.lost = true
		p.unjudged("more than %d flags are not as they should be; the rest were not judged", maxFlagFaults)
	}
}

// settingName is what a variable or key of etcd's is called that stands for the flag
// which is meant.
func settingName(f flagFault) string {
	program, _ := inventory.ProgramNamed(f.component.Name)
	if _, field := nearestField(program, f.flag.Name); field != "" {
		return field
	}
	if strings.HasPrefix(f.flag.Origin.Field, program.Environment) {
		return program.Environment + strings.ToUpper(strings.ReplaceAll(f.instead, "-", "_"))
	}
	for _, section := range program.ConfigSections {
		if key, found := strings.CutPrefix(f.instead, section.Prefix); found && section.Prefix != "" {
			return key
		}
	}
	return f.instead
}

// replaceFlag says how to correct a flag, a variable or a key.
func (n *node) replaceFlag(f flagFault) remedy {
	written := f.flag.Written()
	at := where(f.flag.Origin)
	switch {
	case isVendorBuild(f.component):
		return remedy{fmt.Sprintf("# see what %s --help says of it", f.component.Name)}
	case f.instead == "" && !isOnCommandLine(f.flag):
		return n.applyFlags(f.component, fmt.Sprintf("# take it out of %s, or the flag out of the command line", at))
	case f.instead == "":
		return n.applyFlags(f.component, fmt.Sprintf("# take %s out of %s", clip(written), at))
	case !isOnCommandLine(f.flag):
		return n.applyFlags(f.component, fmt.Sprintf("# in %s call it %s", at, settingName(f)))
	}
	return n.applyFlags(f.component, fmt.Sprintf("# in %s write --%s=%s in place of %s", at, f.instead, clip(f.flag.Value), clip(written)))
}

// applyFlags adds to advice on the flags of a component what brings them into force. It
// is a comment as well: a component that still runs with other flags must not be
// restarted before they are corrected. The kubelet starts a static pod again by itself
// once its manifest is changed.
func (n *node) applyFlags(c inventory.Component, advice string) remedy {
	if c.Unit == "" && c.Name != inventory.Kubelet {
		return remedy{advice}
	}
	if !quotable(unitName(c, c.Name)) {
		return remedy{advice}
	}
	return remedy{advice, "# then: " + reload(c) + restartCommand(c, c.Name)}
}

// setFlag says how to set a flag that is not set, to a file of the node that fits if
// there is one.
func (n *node) setFlag(u unsetFlag) remedy {
	c, _ := n.inv.Component(u.component)
	p, _ := inventory.ProgramNamed(u.component)
	row, _ := p.Flag(u.flag)
	value := "…"
	if files := n.fittingFiles(u); len(files) > 0 {
		value = files[0]
	}
	if row.Field != "" && u.at.Field == row.Field {
		return n.applyFlags(c, fmt.Sprintf("# in %s set %s: %s", where(u.at), row.Field, value))
	}
	return n.applyFlags(c, fmt.Sprintf("# in %s set --%s=%s", where(u.at), u.flag, value))
}

// fittingFiles are the files of the node that hold what a flag is to name, each once.
func (n *node) fittingFiles(u unsetFlag) []string {
	p, _ := inventory.ProgramNamed(u.component)
	row, _ := p.Flag(u.flag)
	var out []string
	for _, ref := range n.inv.References {
		if row.Holds != "" && ref.Holds == row.Holds && ref.Role == row.Role && ref.Path != "" && n.inv.Files[ref.Path].State == inventory.Readable {
			out = union(out, []string{ref.Path})
		}
	}
	return out
}

// neededFlag is a flag without which a component does not do its work.
type neededFlag struct {
	component, flag string
	// or are flags of which one may stand in its place.
	or []string
	// versions are those that need it.
	versions Interval
	// when reports whether it is needed; nil for always.
	when func(*node, inventory.Component) bool
	// without is what follows from its absence, and mild the severity of that where
	// the version does not need it; "" for none.
	without string
	mild    Severity
	source  string
}

// The defaults of what has one stand in the table of components; what the absence of
// any other flag means for those who verify each other is judged with their
// connections. No kube-controller-manager is reported for having nothing to sign with:
// so it is where the CA is kept elsewhere.
var neededFlags = []neededFlag{
	{component: inventory.APIServer, flag: "etcd-servers", without: "it does not start", source: "k8s.io/apiserver pkg/server/options/etcd.go"},
	{component: inventory.APIServer, flag: "service-account-issuer", versions: Interval{Since: "1.20"}, without: "it does not start",
		source: "kubernetes pkg/kubeapiserver/options/authentication.go"},
	{component: inventory.APIServer, flag: tokenSignerFlag, or: []string{"service-account-signing-endpoint"}, versions: Interval{Since: "1.20"},
		without: "it does not start", source: "kubernetes pkg/controlplane/apiserver/options/validation.go"},
	{component: inventory.ControllerManager, flag: "kubeconfig", or: []string{"master"}, without: noKubeconfig, source: sourceClientConfig},
	{component: inventory.Scheduler, flag: "kubeconfig", or: []string{"master"}, when: lacksConnection, without: noKubeconfig, source: sourceClientConfig},
	{component: inventory.Proxy, flag: "kubeconfig", or: []string{"master"}, when: lacksConnection, without: noKubeconfig, source: sourceClientConfig},
	{component: inventory.ControllerManager, flag: "service-account-private-key-file", versions: Interval{Until: "1.21"}, when: admitsAccounts,
		without: "no pod starts that needs a service account, whose token nobody makes", mild: Info, source: "kubernetes cmd/kube-controller-manager/app/serviceaccount_controller.go"},
	{component: inventory.Kubelet, flag: "client-ca-file", when: refusesAPIServer,
		without: "the API server is anonymous to it and refused: kubectl logs and exec fail", source: "kubernetes cmd/kubelet/app/auth.go"},
	{component: inventory.Kubelet, flag: "pod-manifest-path", when: hasManifests, without: "it runs none of the static pods whose manifests are on the node", source: "kubernetes cmd/kubelet/app/options/options.go"},
	{component: inventory.Etcd, flag: "advertise-client-urls", when: setsListener, without: "it does not start beside --listen-client-urls", source: "etcd server/embed/config.go ErrUnsetAdvertiseClientURLsFlag"},
	{component: inventory.Etcd, flag: "listen-peer-urls", when: hasPeers, without: "it listens to its peers at localhost alone", source: "etcd server/embed/config.go DefaultListenPeerURLs"},
	{component: inventory.Etcd, flag: "cert-file", when: servesTLS("listen-client-urls", "auto-tls"), without: "it does not start", source: "etcd server/embed/etcd.go"},
	{component: inventory.Etcd, flag: "peer-cert-file", when: servesTLS("listen-peer-urls", "peer-auto-tls"), without: "it does not start", source: "etcd client/pkg/transport/listener_tls.go"},
}

const (
	noKubeconfig       = "it does not start, for it finds no way to the API server"
	sourceClientConfig = "k8s.io/client-go tools/clientcmd BuildConfigFromFlags"
)

// lacksConnection reports whether the configuration of a scheduler or proxy, which is
// there, has no kubeconfig either; one that was not read may have.
func lacksConnection(n *node, c inventory.Component) bool {
	for _, ref := range n.inv.References {
		if ref.Component != c.Name {
			continue
		}
		if ref.Name == "clientConnection.kubeconfig" || ref.Name == "config" && n.inv.Files[ref.Path].State != inventory.Readable {
			return false
		}
	}
	return true
}

// admitsAccounts reports whether the API server of the node gives pods their service
// accounts, as it does unless the admission plugin is left out.
func admitsAccounts(n *node, _ inventory.Component) bool {
	c, ok := n.inv.Component(inventory.APIServer)
	const plugin = "ServiceAccount"
	listed := c.Setting("admission-control")
	return ok && !strings.Contains(c.Setting("disable-admission-plugins").Value, plugin) && (listed.IsZero() || strings.Contains(listed.Value, plugin))
}

// refusesAPIServer reports whether a kubelet that has an API server refuses everybody
// who is anonymous, or may do so.
func refusesAPIServer(n *node, c inventory.Component) bool {
	whole, _ := isWhole(n.inv, c)
	return c.Setting("kubeconfig").Value != "" && (!whole || n.anonymousKubelet().verdict == VerdictBroken)
}

// hasManifests reports whether there are manifests of components where static pods are
// looked for.
func hasManifests(n *node, _ inventory.Component) bool {
	return slices.ContainsFunc(n.inv.Components, n.isStatic)
}

// setsListener reports whether flags or variables say where etcd listens.
func setsListener(_ *node, c inventory.Component) bool {
	return c.Setting("listen-client-urls").Value != "" && len(c.Overruled) == 0 && c.Setting("config-file").Value == ""
}

// hasPeers reports whether etcd is one of several members.
func hasPeers(n *node, _ inventory.Component) bool { return len(n.inv.EtcdMembers()) > 1 }

// servesTLS returns whether one of the URLs of etcd is of https, and etcd does not make
// a certificate for it.
func servesTLS(urls, auto string) func(*node, inventory.Component) bool {
	return func(_ *node, c inventory.Component) bool {
		return strings.Contains(c.Setting(urls).Value, "https://") && !isOn(c.Setting(auto))
	}
}

// etcdListener is a flag by which etcd listens, and the flags of the certificates that it
// has there.
type etcdListener struct{ urls, reached, pair, key, demand, ca string }

var etcdListeners = []etcdListener{
	{"listen-client-urls", "can read and change all that the cluster stores", "cert-file", "key-file", "client-cert-auth", "trusted-ca-file"},
	{"listen-peer-urls", "can speak as a member of etcd", "peer-cert-file", "peer-key-file", "peer-client-cert-auth", "peer-trusted-ca-file"},
}

// checkPlainHTTP reports where etcd listens without TLS to others than its own node, unless
// members or API servers call it there with TLS, which is the same fault.
func checkPlainHTTP(p *pass) {
	c, _ := p.inv.Component(inventory.Etcd)
	for _, l := range etcdListeners {
		setting := c.Setting(l.urls)
		if setting.Value == "" {
			continue
		}
		p.examine()
		open := slices.DeleteFunc(parsers.List(setting.Value), func(u string) bool { return !isPlain(u) || p.isOwnLoopback(parsers.HostOf(u)) })
		broken := slices.ContainsFunc(p.edges, func(e edge) bool {
			return e.Client != etcdHealthCheck && e.serverSide.fault == faultAbsent && e.serverSide.at == setting.Origin
		})
		if len(open) == 0 || broken {
			continue
		}
		message := fmt.Sprintf("etcd listens without TLS at %s: whoever reaches it %s; expected https://", strings.Join(open, " and "), l.reached)
		if c.Setting(l.pair).Value != "" {
			message += fmt.Sprintf("; --%s is ignored there", l.pair)
		}
		p.report(finding{component: c.Name, at: setting.Origin, message: message,
			remedy: p.applyFlags(c, fmt.Sprintf("# in %s set --%s to https://, with --%s, --%s, --%s and --%s; before that change what calls it, and the address of a member with etcdctl member update",
				where(setting.Origin), l.urls, l.pair, l.key, l.demand, l.ca))})
	}
}

// isOwnLoopback reports whether a server that listens at a host is reached from its own node
// alone.
func (n *node) isOwnLoopback(host string) bool {
	addresses, _ := n.inv.Resolve(host)
	return len(addresses) > 0 && !slices.ContainsFunc(addresses, func(a netip.Addr) bool { return !a.IsLoopback() })
}

func checkMissingFlag(p *pass) {
	for _, row := range neededFlags {
		p.judgeNeeded(row)
	}
	for _, c := range p.inv.Components {
		p.judgePairs(c)
	}
	for _, e := range p.edges {
		for _, h := range []verification{e.serverSide, e.clientSide} {
			p.reportUnset(e, h)
		}
	}
}

// judgeNeeded judges whether a component lacks a flag that it needs.
func (p *pass) judgeNeeded(row neededFlag) {
	c, ok := p.inv.Component(row.component)
	if !ok || row.when != nil && !row.when(p.node, c) {
		return
	}
	if whole, reason := isWhole(p.inv, c); !whole {
		p.unjudged("%s, so what is not set there was not judged", reason)
		return
	}
	p.examine()
	u := p.unset(row.component, row.flag)
	if u.flag == "" || slices.ContainsFunc(row.or, func(name string) bool { return c.Setting(name).Value != "" }) {
		return
	}
	f := finding{component: c.Name, at: u.at, reference: row.source, remedy: p.setFlag(u),
		message: fmt.Sprintf("%s of %s is not set: %s", u.name(), c.Name, row.without)}
	versions := p.versionsOf(c)
	switch needs := row.versions; {
	case p.isGenerated(c):
		f.severity = Info
		f.message += fmt.Sprintf("; %s writes %s at each start, so that this may be a part of it", p.inv.Distribution.Name, c.Origin.Path)
	case needs == Interval{} || versions.known() && needs.holds(versions.low):
	case !versions.known():
		f.severity = Info
		f.message = fmt.Sprintf("%s of %s is not set: %s %s", u.name(), c.Name, needs.phrase(), row.without)
	case row.mild != "":
		f.severity = row.mild
		f.message = fmt.Sprintf("%s of %s is not set: Secrets of the type kubernetes.io/service-account-token are not filled", u.name(), c.Name)
	default:
		return
	}
	p.report(f)
}

// isGenerated reports whether a distribution writes what starts a component.
func (n *node) isGenerated(c inventory.Component) bool {
	d := n.inv.Distribution
	return d != nil && d.Data != "" && strings.HasPrefix(c.Origin.Path, d.Data+"/")
}

// judgePairs judges the flags of a component that name pairs, of which it needs both
// halves.
func (p *pass) judgePairs(c inventory.Component) {
	program, _ := inventory.ProgramNamed(c.Name)
	for _, row := range program.Flags {
		if row.Pair == "" || c.Setting(row.Name).Value == "" {
			continue
		}
		p.examine()
		u := p.unset(c.Name, row.Pair)
		if u.flag == "" || slices.ContainsFunc(p.findings, func(f Finding) bool { return f.origin() == u.at }) {
			continue
		}
		f := finding{component: c.Name, at: u.at, remedy: p.setFlag(u), message: fmt.Sprintf("--%s is set, and %s is not: %s does not start", row.Name, u.name(), c.Name)}
		if severity, ignored := ignoredHalves[row.Name]; ignored {
			f.message = fmt.Sprintf("--%s is set, and %s is not: %s shows no certificate", row.Name, u.name(), c.Name)
			f.severity = severity
		}
		p.report(f)
	}
}

// reportUnset reports the flag without which a connection is broken, once for all
// connections.
func (p *pass) reportUnset(e edge, h verification) {
	u := h.unset
	if h.verdict != VerdictBroken || u.flag == "" || u.flag == tokenVerifierFlag {
		return // keys/service-account reports that one
	}
	severity := e.role.soften(Critical)
	for i := range p.findings {
		if f := &p.findings[i]; f.origin() == u.at {
			if severity.Rank() > f.Severity.Rank() {
				f.Severity = severity
			}
			return
		}
	}
	p.examine()
	p.report(finding{severity: severity, component: u.component, at: u.at, message: h.reason, remedy: p.setFlag(u)})
}

func (f Finding) origin() parsers.Origin {
	return parsers.Origin{Path: f.Path, Line: f.Line, Field: f.Field}
}

func checkServiceRanges(p *pass) {
	own := p.inv.Setting(inventory.APIServer, "service-cluster-ip-range")
	if _, valid := serviceRanges(own.Value); !valid && own.Value != "" && !strings.Contains(own.Value, "$") {
		p.examine()
		p.report(finding{severity: Critical, component: inventory.APIServer, at: own.Origin,
			message: fmt.Sprintf("%q is no range of addresses: kube-apiserver does not start; expected one like 10.96.0.0/12", clip(own.Value)),
			remedy:  remedy{"# in " + where(own.Origin) + " set --service-cluster-ip-range to the range that the cluster was made with"}})
		return
	}
	manager, ok := p.inv.Component(inventory.ControllerManager)
	setting := manager.Setting("service-cluster-ip-range")
	server := apiServerRange(p.inv)
	if _, hasServer := p.inv.Component(inventory.APIServer); !ok || !hasServer || setting.Value == "" {
		return
	}
	theirs, known := serviceRanges(server)
	if !known {
		p.unjudged("the service range of kube-apiserver is not known")
		return
	}
	p.examine()
	ours, valid := serviceRanges(setting.Value)
	if valid && slices.Equal(ours, theirs) {
		return
	}
	f := finding{component: inventory.ControllerManager, at: setting.Origin,
		message: fmt.Sprintf("the service range is %s, and that of kube-apiserver is %s%s; expected the same in both", clip(setting.Value), clip(server), p.byDefault()),
		remedy:  p.applyFlags(manager, fmt.Sprintf("# in %s write --service-cluster-ip-range=%s, or correct that of kube-apiserver", where(setting.Origin), clip(server)))}
	p.report(f)
}

// byDefault says of the API server's service range that it is the default, if it is.
func (n *node) byDefault() string {
	if n.unset(inventory.APIServer, "service-cluster-ip-range").flag == "" {
		return ""
	}
	return ", the default, since --service-cluster-ip-range is not set there"
}

// mistypedFlags explains a flag that is not set, and a file that nothing names, by a
// flag that does not exist and is meant to be the one and names the other.
func (n *nodeAudit) mistypedFlags(findings []Finding) []cause {
	var out []cause
	for _, fault := range n.flags.faults {
		i := slices.IndexFunc(findings, func(f Finding) bool { return f.Check == "flags/unknown" && f.origin() == fault.flag.Origin })
		if i < 0 {
			continue
		}
		u, file := n.unset(fault.component.Name, fault.instead), path.Clean("/"+fault.flag.Value)
		explained := func(f Finding) bool {
			return u.flag != "" && f.origin() == u.at || f.Check == "files/unreferenced" && f.Path == file
		}
		if follows := selected(findings, explained); len(follows) > 0 {
			m := cause{findings[i], explained}
			m.Severity = severest(append(follows, findings[i]))
			out = append(out, m)
		}
	}
	return out
}

// wrongRanges explains the service address that the API server's certificate lacks, and
// that kube-controller-manager has another range, by the API server's range: the
// certificate holds the first address of the other.
func (n *nodeAudit) wrongRanges(findings []Finding) []cause {
	manager, _ := n.inv.Component(inventory.ControllerManager)
	ranges, known := serviceRanges(manager.Setting("service-cluster-ip-range").Value)
	lacks := n.facts.values["serviceIP"]
	if !known || len(lacks) == 0 {
		return nil
	}
	first := ranges[0].Addr().Next().String()
	for e := range n.decoded(func(e *entry) bool { return e.role.name == inventory.RoleAPIServerServing && e.index == 0 }) {
		about := func(f Finding) bool {
			return f.Check == "identity/san-missing" && f.SHA256 == e.cert.SHA256() && f.Path == e.place.Path || f.Check == "flags/service-range"
		}
		follows := selected(findings, about)
		if first == lacks[0] || e.cert.VerifyHostname(first) != nil || !slices.Equal(n.missingHosts(e), lacks) || len(follows) < 2 {
			continue
		}
		server, _ := n.inv.Component(inventory.APIServer)
		at := placeOfFlag(server, "service-cluster-ip-range")
		return []cause{{n.finding("identity/san-missing", finding{severity: severest(follows), component: inventory.APIServer, at: at,
			message: fmt.Sprintf("the service range is %s%s, and the API server's certificate in %s lacks its first address, %s; it holds %s, the first of %s, which kube-controller-manager has in --service-cluster-ip-range; expected one range in all",
				clip(apiServerRange(n.inv)), n.byDefault(), e.place.Path, lacks[0], first, clip(manager.Setting("service-cluster-ip-range").Value)),
			remedy: n.applyFlags(server, fmt.Sprintf("# in %s set --service-cluster-ip-range=%s, unless services have addresses of the other range", where(at), clip(manager.Setting("service-cluster-ip-range").Value)))}), about}}
	}
	return nil
}
