package inventory

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"certaudit/parsers"
)

// started is how a component is started, by a file or as a process has it.
type started struct {
	command parsers.Command
	env     []parsers.EnvVar
	view    view
	// pid is that of the process; 0 for a file.
	pid int
	// guessed: the flags are those that a distribution is thought to give.
	guessed bool
	// unreadEnv: the process may have variables that were not read.
	unreadEnv bool
}

// asRun returns how a component runs that a file starts, if a process of it is seen: with
// the process's flags and variables, which have their origin in the file where that says
// the same. at is what starts it; zero where no file says how, so that there is nothing to
// compare. Where processes were not asked for, or none is seen, it returns what the file
// says.
func (g *gatherer) asRun(name string, at parsers.Origin, file started) started {
	p := g.processFor(name, given(name, file.command, file.env))
	if p == nil {
		return file
	}
	p.claimed, p.File, p.Guessed = true, at, file.guessed
	if p.Unread {
		return file
	}
	if at == (parsers.Origin{}) {
		file.command.Flags, file.env = nil, nil
	}
	run := p.how
	if run.unreadEnv {
		run.env = ofProgram(name, file.env)
		p.Runs = given(name, run.command, run.env)
	}
	if at != (parsers.Origin{}) && !file.guessed {
		p.Filed = given(name, file.command, file.env)
		for _, d := range Differing(name, p.Runs, p.Filed) {
			g.namedBy(Component{Name: name, Settings: d.Filed}, file.view)
		}
	}
	run.command.Flags = withOrigins(name, run.command.Flags, file.command.Flags)
	run.env = append(beside(name, file.env), envWithOrigins(run.env, file.env)...)
	run.view = g.viewOf(run.view, file.view)
	return run
}

// startedComponent is a component that a file starts, as it runs, with its flags as
// settings; see [gatherer.asRun].
func (g *gatherer) startedComponent(c Component, file started) (Component, started) {
	at := c.Origin
	if c.Assumed {
		at = parsers.Origin{}
	}
	run := g.asRun(c.Name, at, file)
	c.PID, c.Settings = run.pid, run.command.Flags
	if run.pid == 0 {
		return c, run
	}
	c.Assumed = false
	if at == (parsers.Origin{}) {
		c.Origin = Process{PID: run.pid}.Place()
	}
	return c, run
}

// allRun reports whether all of some components are judged by their processes.
func allRun(components []Component) bool {
	return len(components) > 0 && !slices.ContainsFunc(components, func(c Component) bool { return c.PID == 0 })
}

// isElsewhere reports whether a component that a distribution may start on such a node
// does not run, while others do, and takes that down.
func (g *gatherer) isElsewhere(name string) bool {
	if len(g.running) == 0 || len(g.inv.Proc.Programs) > 0 || slices.ContainsFunc(g.running, func(p *running) bool { return p.Component == name }) {
		return false
	}
	g.inv.Proc.NotRun = append(g.inv.Proc.NotRun, name)
	return true
}

// processFor returns the process of a component that a file starts which is most like
// what the file says, one that the API server has placed last; nil for none.
func (g *gatherer) processFor(name string, filed []parsers.Flag) *running {
	var best *running
	least := 0
	for _, p := range g.running {
		if p.Component != name || p.claimed {
			continue
		}
		other := 1
		if !p.Unread {
			other = 2 * len(Differing(name, p.Runs, filed))
		}
		if p.placed || p.Unplaced {
			other += 1000
		}
		if best == nil || other < least {
			best, least = p, other
		}
	}
	return best
}

// viewOf is the view of a process that a file starts.
func (g *gatherer) viewOf(v, filed view) view {
	p := v.(processView)
	if p.sameMounts() {
		return serviceView{dir: p.dir}
	}
	p.filed, p.root = filed, g.root
	return p
}

// withOrigins returns the flags of a process, those that a file gives alike as the file
// has them. A value that the file takes from elsewhere is the process's.
func withOrigins(name string, runs, filed []parsers.Flag) []parsers.Flag {
	p, _ := ProgramNamed(name)
	out, taken := slices.Clone(runs), make([]bool, len(filed))
	for i, f := range out {
		row, _ := p.Flag(f.Name)
		for j, o := range filed {
			if taken[j] || o.Name != f.Name || !alike(row, f.Value, o.Value) && !IsOpen(o.Value) {
				continue
			}
			taken[j], out[i] = true, o
			if IsOpen(o.Value) {
				out[i].Value = f.Value
			}
			break
		}
	}
	return out
}

// envWithOrigins is withOrigins for variables.
func envWithOrigins(runs, filed []parsers.EnvVar) []parsers.EnvVar {
	out := slices.Clone(runs)
	for i, e := range out {
		for _, o := range filed {
			if o.Name == e.Name && o.Value.Value == e.Value.Value {
				out[i] = o
			}
		}
	}
	return out
}

// ofProgram are the variables that stand for flags of a component, beside those that do not.
func ofProgram(name string, env []parsers.EnvVar) []parsers.EnvVar {
	return slices.DeleteFunc(slices.Clone(env), func(e parsers.EnvVar) bool { return !isOfProgram(name, e) })
}

func beside(name string, env []parsers.EnvVar) []parsers.EnvVar {
	return slices.DeleteFunc(slices.Clone(env), func(e parsers.EnvVar) bool { return isOfProgram(name, e) })
}

func isOfProgram(name string, e parsers.EnvVar) bool {
	p, _ := ProgramNamed(name)
	return p.Environment != "" && strings.HasPrefix(e.Name, p.Environment)
}

// known returns the problems of a file's command line without those of values that only
// its start makes known, where a process shows them.
func (s started) known(problems []parsers.Problem) []parsers.Problem {
	if s.pid == 0 {
		return problems
	}
	return slices.DeleteFunc(slices.Clone(problems), func(p parsers.Problem) bool { return p.Kind == parsers.KindUnsupported })
}

// runs reports whether a process of a component is seen that no file has claimed yet.
func (g *gatherer) runs(name string) bool {
	return slices.ContainsFunc(g.running, func(p *running) bool {
		return p.Component == name && !p.claimed && !p.Unread && !p.placed
	})
}

// runningKubelet adds a kubelet that runs and that no file starts.
func (g *gatherer) runningKubelet() bool {
	if !g.runs(Kubelet) {
		return false
	}
	run := g.asRun(Kubelet, parsers.Origin{}, started{view: nodeView{}})
	g.kubeletComponent(Component{Name: Kubelet, Origin: Process{PID: run.pid}.Place(), PID: run.pid}, run.command)
	g.others = append(g.others, besides(Kubelet, run.command, nil, nodeView{}))
	g.seenApart(run)
	return true
}

// unfiled adds the components that run and that no file starts. Of a second process that
// cannot run beside the first nothing is followed.
func (g *gatherer) unfiled() {
	for _, p := range g.running {
		switch {
		case p.claimed:
			continue
		case p.placed:
			g.inv.Proc.PassedOver = append(g.inv.Proc.PassedOver, PassedOver{p.Process, "the API server has placed its pod, whose settings are objects of the cluster"})
			continue
		case p.Unread:
			p.claimed = true
			continue
		}
		p.claimed = true
		v := g.viewOf(p.how.view, nil)
		c := g.configured(Component{Name: p.Component, Origin: p.Place(), Settings: p.how.command.Flags, PID: p.PID}, p.how.env, v)
		if first, twice := g.inv.Component(c.Name); twice && (c.Name == Kubelet || !runBeside(first, c)) {
			g.namedBy(c, v)
			continue
		}
		g.component(c, v)
		g.others = append(g.others, besides(c.Name, p.how.command, p.how.env, v))
	}
	if g.inv.Proc == nil {
		return
	}
	g.inv.Proc.Running = []Running{}
	for _, p := range g.running {
		if !p.placed || p.File != (parsers.Origin{}) {
			g.inv.Proc.Running = append(g.inv.Proc.Running, p.Running)
		}
	}
}

// seenApart records the paths of a kubelet's that it sees at another place than the node:
// its files are looked for by the node's paths.
func (g *gatherer) seenApart(run started) {
	v, apart := run.view.(processView)
	if !apart {
		return
	}
	for _, name := range []string{"config", "config-dir", "kubeconfig", "cert-dir", "pod-manifest-path"} {
		f := run.command.Flag(name)
		if f.Value == "" {
			continue
		}
		if host, ok := v.host(f.Value); !ok || host != path.Clean(f.Value) {
			g.lost(Kubelet, parsers.Problem{Origin: f.Origin, Kind: parsers.KindUnsupported,
				Detail: fmt.Sprintf("process %d sees %q at another place than the node, or the node does not see it; what lies there on the node was judged", run.pid, f.Value)})
		}
	}
}

// Difference is a flag that a process has otherwise than the file that starts it. A value
// is nil where it is not given.
type Difference struct {
	Flag        string
	Runs, Filed []parsers.Flag
}

// unordered are flags of which the values mean the same in any order: they are lists of
// servers, names or keys, or Go chooses among them by itself (crypto/tls CipherSuites).
var unordered = []string{"etcd-servers", "etcd-servers-overrides", "listen-client-urls", "listen-peer-urls", "advertise-client-urls",
	"initial-advertise-peer-urls", "initial-cluster", "listen-metrics-urls", "listen-client-http-urls", "requestheader-allowed-names",
	"disable-admission-plugins", "service-account-key-file", "tls-cipher-suites", "cipher-suites", "client-cert-allowed-hostname",
	"peer-cert-allowed-cn", "peer-cert-allowed-hostname"}

// Differing returns what two sets of flags of a component, of which the later win, say
// otherwise of what concerns certificates, by the order of the component's table. What is
// only written otherwise is none: another order, a default, an empty value, another word
// for true. Nor is a value that a file takes from where it cannot be seen.
func Differing(component string, runs, filed []parsers.Flag) []Difference {
	p, _ := ProgramNamed(component)
	var out []Difference
	a, b := Component{Settings: runs}, Component{Settings: filed}
	alone := p.ConfigAlone && a.Setting(p.ConfigFlag).Value != "" && b.Setting(p.ConfigFlag).Value != ""
	for _, row := range p.Flags {
		if alone && row.Name != p.ConfigFlag {
			continue // they do not count
		}
		x, y := flagsInEffect(a, row), flagsInEffect(b, row)
		if !slices.ContainsFunc(y, func(f parsers.Flag) bool { return IsOpen(f.Value) }) && !alike(withDefault(component, row), inOne(x), inOne(y)) {
			out = append(out, Difference{Flag: row.Name, Runs: x, Filed: y})
		}
	}
	return out
}

// withDefault is a row with what the flag means where it is not given.
func withDefault(component string, row Flag) Flag {
	row.Default = cmp.Or(row.Default, writtenDefaults[component][row.Name])
	return row
}

func inOne(flags []parsers.Flag) string {
	var values []string
	for _, f := range flags {
		values = append(values, f.Value)
	}
	return strings.Join(values, ",")
}

// IsOpen reports whether a value of a file holds what is known only when it is started: a
// variable, as "$(HOST_IP)" and "${HOST}".
func IsOpen(value string) bool { return strings.Contains(value, "$") }

// alike reports whether two values of a flag mean the same; "" is one that is not given.
func alike(row Flag, a, b string) bool { return meaning(row, a) == meaning(row, b) }

// meaning is a value without what may be written otherwise.
func meaning(row Flag, value string) string {
	value = strings.TrimSpace(value)
	if value == "" {
		value = row.Default
	}
	switch {
	case row.Switch && value == "":
		return "false"
	case row.Switch:
		return truth(value)
	case slices.Contains(unordered, row.Name):
		parts := parsers.List(value)
		for i, part := range parts {
			parts[i] = cleaned(row, part)
		}
		slices.Sort(parts)
		return strings.Join(slices.Compact(parts), ",")
	}
	return cleaned(row, value)
}

// truth is the value of a switch as the components read it (package strconv).
func truth(value string) string {
	if on, err := strconv.ParseBool(value); err == nil {
		return strconv.FormatBool(on)
	}
	return value
}

// cleaned is a path without what does not matter, and any other value as it is.
func cleaned(row Flag, value string) string {
	if row.Holds != "" && path.IsAbs(value) && row.Name != sniFlag {
		return path.Clean(value)
	}
	if d, err := time.ParseDuration(value); err == nil {
		return d.String()
	}
	return value
}

// writtenDefaults are what flags mean that are not given, beside [Flag.Default], which
// says of those that matter here what is in effect. Sources: as of the table of components;
// k8s.io/apiserver pkg/server/options/authentication.go NewDelegatingAuthenticationOptions.
var writtenDefaults = map[string]map[string]string{
	APIServer: {
		"service-account-lookup": "true", "service-account-extend-token-expiration": "true", "kubelet-https": "true",
		"kubelet-port": "10250", "kubelet-timeout": "5s", "authentication-token-webhook-cache-ttl": "2m",
		"authentication-token-webhook-version": "v1beta1", "authorization-mode": "AlwaysAllow", "etcd-prefix": "/registry",
		"service-account-max-token-expiration": "0s", "oidc-client-id": "",
	},
	ControllerManager: {
		"requestheader-username-headers": "x-remote-user", "requestheader-group-headers": "x-remote-group",
		"requestheader-extra-headers-prefix": "x-remote-extra-", "authentication-token-webhook-cache-ttl": "10s",
		"authorization-always-allow-paths": "/healthz,/readyz,/livez", "controllers": "*", "cluster-signing-duration": "8760h",
		"concurrent-serviceaccount-token-syncs": "5", "legacy-service-account-token-clean-up-period": "8760h",
	},
	Scheduler: {
		"requestheader-username-headers": "x-remote-user", "requestheader-group-headers": "x-remote-group",
		"requestheader-extra-headers-prefix": "x-remote-extra-", "authentication-token-webhook-cache-ttl": "10s",
		"authorization-always-allow-paths": "/healthz,/readyz,/livez", "authentication-tolerate-lookup-failure": "true",
	},
	Etcd: {
		"name": "default", "listen-peer-urls": "http://localhost:2380", "advertise-client-urls": "http://localhost:2379",
		"initial-advertise-peer-urls": "http://localhost:2380", "initial-cluster": "default=http://localhost:2380",
		"self-signed-cert-validity": "1", "auth-token": "simple", "auth-token-ttl": "300", "tls-min-version": "TLS1.2",
	},
}
