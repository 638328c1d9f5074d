package audit

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"certaudit/audit/inventory"
	"certaudit/parsers"
)

// versionSpan holds the versions that a component may be of, both ends included; the
// zero one where nothing is known.
type versionSpan struct{ low, high string }

func (s versionSpan) known() bool { return s.low != "" }

// text is the version as a reader writes it.
func (s versionSpan) text() string {
	high := strings.TrimPrefix(s.high, "v")
	if s.low == s.high {
		return high
	}
	return strings.TrimPrefix(s.low, "v") + " to " + high
}

// skew is how many minor versions a kubelet or a proxy may be behind the API server;
// before 1.28 it was one less (https://kubernetes.io/releases/version-skew-policy/).
const skew = 3

// versionsOf returns what is known of a component's version: its own image tells,
// else that of the control plane beside it. etcd's versions are its own.
func (n *node) versionsOf(c inventory.Component) versionSpan {
	own, beside := imageVersion(c.Image.Value), n.facts.version.Value
	switch {
	case c.Name == inventory.Etcd || own != "" && !n.facts.stated:
		return versionSpan{own, own}
	case beside != "" && !n.facts.stated && (c.Name == inventory.Kubelet || c.Name == inventory.Proxy):
		return versionSpan{olderBy(beside, skew), beside}
	}
	return versionSpan{beside, beside}
}

// platformSuffix is what mirrors append to the tags of unaltered images.
var platformSuffix = regexp.MustCompile(`^-(?:\d+|amd64|arm64|arm|ppc64le|s390x)$`)

// isVendorBuild reports whether somebody has built a component of Kubernetes
// themselves, and may have given it flags of their own.
func isVendorBuild(c inventory.Component) bool {
	suffix := prerelease.ReplaceAllString(imageSuffix(c.Image.Value), "")
	return c.Name != inventory.Etcd && suffix != "" && !platformSuffix.MatchString(suffix) || isConfiguredElsewhere(c)
}

// openShiftConfig is the flag with which OpenShift's builds name a file that says more
// than flags do (openshift/kubernetes cmd/kube-apiserver/app/options).
const openShiftConfig = "openshift-config"

func isConfiguredElsewhere(c inventory.Component) bool { return !c.Setting(openShiftConfig).IsZero() }

// isWhole reports whether every flag that a component is started with was read, so
// that one which is not there is absent; else it says why not.
func isWhole(inv *inventory.Inventory, c inventory.Component) (bool, string) {
	if isConfiguredElsewhere(c) {
		return false, fmt.Sprintf("--%s of %s names a file that says more than flags do", openShiftConfig, c.Name)
	}
	if c.Assumed && c.Name != inventory.Kubelet { // input/unsupported tells of a kubelet
		return false, fmt.Sprintf("what %s is started with was not read", c.Name)
	}
	p, _ := inventory.ProgramNamed(c.Name)
	for _, ref := range inv.References {
		configures := ref.Name == "config" && c.Name == inventory.Kubelet || ref.Name == inventory.EnvironmentFile || p.ConfigAlone && ref.Name == p.ConfigFlag
		if ref.Component == c.Name && configures && inv.Files[ref.Path].State != inventory.Readable {
			return false, fmt.Sprintf("%s, which configures %s, was not read", ref.Path, c.Name)
		}
	}
	if len(c.Settings) == 0 {
		return false, fmt.Sprintf("no flag of %s was read", c.Name)
	}
	for _, problem := range inv.Problems {
		if problem.Component == c.Name && hidesFlags(c, problem) {
			return false, fmt.Sprintf("the settings of %s were not read as a whole (%s)", c.Name, where(problem.Origin))
		}
	}
	return true, ""
}

// hidesFlags reports whether a component may have flags that were not read because of
// a problem: with its configuration file, or with its command line, but for one with
// the value of a flag.
func hidesFlags(c inventory.Component, problem inventory.InputProblem) bool {
	at := problem.Origin
	for _, name := range []string{"config", "config-dir", "config-file"} {
		if file := c.Setting(name); file.Value != "" && (strings.HasPrefix(at.Path, path.Clean("/"+file.Value)) || at == file.Origin) {
			return problem.Lost || problem.Kind == inventory.KindUnreadable
		}
	}
	if strings.HasPrefix(at.Field, "-") {
		return problem.Kind == inventory.KindUnreadable
	}
	kinds := []parsers.Kind{parsers.KindUnsupported, parsers.KindLimit, inventory.KindUnreadable}
	return slices.Contains(kinds, problem.Kind) && (at.Path == c.Origin.Path ||
		slices.ContainsFunc(c.Settings, func(f parsers.Flag) bool { return f.Origin.Path == at.Path }))
}

// unsetFlag is a flag that is not set and should be; the zero one is none.
type unsetFlag struct {
	component, flag string
	// at is where it would stand.
	at parsers.Origin
}

// unset returns a flag of a component that is not set; the zero one where it is, where
// the component is not on the node, or where its settings were not read as a whole.
func (n *node) unset(component, flag string) unsetFlag {
	c, ok := n.inv.Component(component)
	if !ok || n.inv.Setting(component, flag).Value != "" {
		return unsetFlag{}
	}
	if whole, _ := isWhole(n.inv, c); !whole {
		return unsetFlag{}
	}
	if at, differs := n.notTakenUp(c, flag); differs {
		return unsetFlag{component, flag, at}
	}
	return unsetFlag{component, flag, placeOfFlag(c, flag)}
}

// placeOfFlag is where a flag of a component stands, or would stand: it may be there
// without a value, and a kubelet has it in its configuration.
func placeOfFlag(c inventory.Component, flag string) parsers.Origin {
	p, _ := inventory.ProgramNamed(c.Name)
	row, _ := p.Flag(flag)
	file := c.Setting("config").Value
	switch at := c.Setting(flag).Origin; {
	case at != (parsers.Origin{}):
		return at
	case row.Field != "" && file != "":
		return parsers.Origin{Path: path.Clean("/" + file), Field: row.Field}
	}
	at := parsers.Origin{Path: c.Origin.Path, Line: c.Origin.Line}
	if i := slices.IndexFunc(c.Settings, func(f parsers.Flag) bool { return f.Origin.Path != "" && f.Origin.Line > 0 }); i >= 0 {
		at = c.Settings[i].Origin
	}
	at.Field = "--" + flag
	return at
}

// name is what the flag is called where it would stand.
func (u unsetFlag) name() string { return cmp.Or(u.at.Field, "--"+u.flag) }

// isOn reports whether a switch is set to one of the words for true that package
// strconv knows, as flags take them.
func isOn(setting parsers.Text) bool {
	on, _ := strconv.ParseBool(setting.Value)
	return on
}

// flagFault is what is wrong with a flag that stands on a command line, or with a
// variable or key of etcd's.
type flagFault struct {
	component inventory.Component
	flag      parsers.Flag
	severity  Severity
	message   string
	// instead is the flag to write in its place; "" to leave it out.
	instead string
}

// isOnCommandLine reports whether a setting is a flag of the command line; else it is
// from a configuration file or, for etcd, a variable.
func isOnCommandLine(f parsers.Flag) bool { return strings.HasPrefix(f.Origin.Field, "-") }

// flagFaults are what is wrong with the flags of a node's components, each flag once,
// in their order.
type flagFaults struct {
	faults []flagFault
	// examined counts the flags that concern certificates; more says that there are
	// more than maxFlagFaults faults.
	examined int
	more     bool
}

// maxFlagFaults bounds the faults that are looked into. An upgrade over many versions
// leaves a dozen.
const maxFlagFaults = 100

// isFull reports whether no more faults are looked into, and remembers it.
func (out *flagFaults) isFull() bool {
	out.more = out.more || len(out.faults) == maxFlagFaults
	return out.more
}

func (n *node) flagFaults() flagFaults {
	var out flagFaults
	for _, c := range n.inv.Components {
		n.judgeFlags(c, &out)
	}
	return out
}

func (n *node) judgeFlags(c inventory.Component, out *flagFaults) {
	p, _ := inventory.ProgramNamed(c.Name)
	seen := map[string]bool{}
	for _, f := range c.StrayFields {
		fault := flagFault{component: c, flag: f}
		if out.isFull() {
			return
		}
		if judgeField(&fault, p); fault.message != "" {
			out.examined++
			out.faults = append(out.faults, fault)
		}
	}
	for _, fault := range n.shadowedVariables(c) {
		if out.isFull() {
			return
		}
		out.examined++
		out.faults = append(out.faults, fault)
	}
	for _, f := range slices.Concat(c.Settings, c.Overruled) {
		row, known := p.Flag(f.Name)
		if seen[f.Name+f.Spelling] || !known && !concernsCertificates(p, f) {
			continue
		}
		seen[f.Name+f.Spelling] = true
		out.examined++
		if out.isFull() {
			return
		}
		fault := flagFault{component: c, flag: f}
		switch {
		case !isOnCommandLine(f):
			n.judgeVariable(&fault, p, row, known)
		case !known:
			n.judgeUnknown(&fault, p)
		case misspelt(c, f):
			fault.severity, fault.instead = Critical, f.Name
			fault.message = fmt.Sprintf("%s does not take %s, and does not start; expected --%s", c.Name, clip(f.Spelling), f.Name)
		default:
			n.judgeVersion(&fault, row)
		}
		if fault.message != "" {
			out.faults = append(out.faults, fault)
		}
	}
}

// concernsCertificates reports whether a flag that is not in the table seems to be
// one that should be: the table has all of those, and not all others.
func concernsCertificates(p inventory.Program, f parsers.Flag) bool {
	if p.Knows(f.Name) {
		return false
	}
	return looksLikeCertificate(f.Name, f.Value) || slices.ContainsFunc(p.Flags, func(known inventory.Flag) bool { return isSlip(f.Name, known.Name) })
}

// misspelt reports whether a component refuses the way in which a flag of its own is
// written: those of Kubernetes take one dash before single letters only, and etcd
// takes no underscores (github.com/spf13/pflag; package flag).
func misspelt(c inventory.Component, f parsers.Flag) bool {
	if c.Name == inventory.Etcd {
		return strings.Contains(f.Spelling, "_")
	}
	return f.Spelling != "" && !strings.HasPrefix(f.Spelling, "--")
}

// judgeVersion judges a flag that some versions have.
func (n *node) judgeVersion(fault *flagFault, row inventory.Flag) {
	versions, name := n.versionsOf(fault.component), fault.component.Name
	iv := Interval{Since: row.Since, Until: row.Until}
	switch {
	case iv == Interval{} || !versions.known() && row.Until == "":
	case !versions.known():
		fault.severity, fault.instead = Info, row.Instead
		fault.message = fmt.Sprintf("%s has no --%s from %s on: if it is of that version or later, it does not start", name, row.Name, row.Until)
	case iv.endsBefore(versions.low):
		fault.severity, fault.instead = Critical, row.Instead
		fault.message = fmt.Sprintf("%s %s has no --%s, which went with %s: it does not start", name, versions.text(), row.Name, row.Until)
	case iv.startsAfter(versions.high):
		fault.severity = Critical
		fault.message = fmt.Sprintf("%s %s has no --%s, which came with %s: it does not start", name, versions.text(), row.Name, row.Since)
	case iv.endsBefore(versions.high):
		fault.severity, fault.instead = Info, row.Instead
		fault.message = fmt.Sprintf("%s has no --%s from %s on: it may be %s here, and of that version or later it does not start", name, row.Name, row.Until, versions.text())
	case iv.startsAfter(versions.low):
		fault.severity = Info
		fault.message = fmt.Sprintf("%s has no --%s before %s: it may be %s here, and before that version it does not start", name, row.Name, row.Since, versions.text())
	}
	if fault.message != "" && fault.instead != "" {
		fault.message += "; expected --" + fault.instead
	}
	if fault.message != "" && isVendorBuild(fault.component) {
		fault.severity = Info
		fault.message += vendorsOwn
	}
}

const vendorsOwn = "; unless the vendor of this build has given it the flag"

// judgeUnknown judges a flag that no version of the table has.
func (n *node) judgeUnknown(fault *flagFault, p inventory.Program) {
	versions := n.versionsOf(fault.component)
	fault.message = fmt.Sprintf("--%s is no flag of %s, in no release from %s to %s", clip(fault.flag.Name), p.Name, p.Since, lastBefore(p.Until))
	covered := Interval{Since: p.Since, Until: p.Until}
	switch {
	case isVendorBuild(fault.component):
		fault.severity = Info
		fault.message += ": it does not start" + vendorsOwn
	case !versions.known():
		fault.severity = Warning
		fault.message += ": unless it is of another release, it does not start"
	case covered.startsAfter(versions.high):
		fault.severity = Info
		fault.message += ": this one is older, and may have it"
	case covered.endsBefore(versions.high) || covered.startsAfter(versions.low):
		fault.severity = Warning
		fault.message += ": unless this one has it, it does not start"
	default:
		fault.severity = Critical
		fault.message += ": it does not start"
	}
	if near, ok := nearestFlag(p, fault.flag.Name, func(f inventory.Flag) bool {
		return f.Until == "" || versions.known() && !(Interval{Until: f.Until}).endsBefore(versions.low)
	}); ok {
		fault.instead = near.Name
		fault.message += "; the nearest is --" + near.Name
	}
}

// refusesShadowed are the versions of etcd that do not start where a variable and a flag
// say the same, be they equal (etcd pkg/flags/flag.go verifyEnv).
var refusesShadowed = Interval{Since: "3.4"}

// shadowedVariables are those of etcd beside which a flag of the same meaning stands.
// With a configuration file neither counts.
func (n *node) shadowedVariables(c inventory.Component) []flagFault {
	if c.Name != inventory.Etcd || len(c.Overruled) > 0 || !c.Setting("config-file").IsZero() {
		return nil
	}
	onLine := map[string]parsers.Flag{}
	for _, f := range c.Settings {
		if isOnCommandLine(f) {
			onLine[f.Name] = f
		}
	}
	versions := n.versionsOf(c)
	fault := flagFault{component: c, severity: Info}
	switch {
	case !versions.known():
	case refusesShadowed.startsAfter(versions.high):
		return nil
	default:
		fault.severity = Critical
	}
	var faults []flagFault
	for _, f := range c.Settings {
		line, shadowed := onLine[f.Name]
		if !shadowed || isOnCommandLine(f) {
			continue
		}
		delete(onLine, f.Name)
		fault.flag = f
		fault.message = fmt.Sprintf("says the same as %s (%s): etcd from %s on does not start with both, be they equal", clip(line.Written()), where(line.Origin), refusesShadowed.Since)
		faults = append(faults, fault)
	}
	return faults
}

// judgeField judges a field of a configuration that the component does not have. It
// matters where another was meant, which is not set otherwise.
func judgeField(fault *flagFault, p inventory.Program) {
	c := fault.component
	flag, field := nearestField(p, fault.flag.Name)
	if flag == "" || !c.Setting(flag).IsZero() {
		return
	}
	fault.instead, fault.severity = flag, Warning
	fault.message = fmt.Sprintf("%s has no such field, and %s ignores it; expected %s", p.ConfigKind, c.Name, field)
	if p.StrictConfig {
		fault.severity = Critical
		fault.message = fmt.Sprintf("%s has no such field, and %s does not start with it; expected %s", p.ConfigKind, c.Name, field)
	}
}

// judgeVariable judges a variable or a key of etcd's configuration, which etcd ignores
// where it knows none of the name. It matters where another was meant, which is
// not set otherwise.
func (n *node) judgeVariable(fault *flagFault, p inventory.Program, row inventory.Flag, known bool) {
	c := fault.component
	if c.Name != inventory.Etcd {
		return
	}
	versions := n.versionsOf(c)
	switch gone := (Interval{Until: row.Until}); {
	case known && row.Until != "" && versions.known() && gone.endsBefore(versions.low):
		fault.instead = row.Instead
	case known:
		return
	default:
		near, ok := nearestFlag(p, fault.flag.Name, func(f inventory.Flag) bool { return f.Until == "" })
		if l, _ := compareFlags(fault.flag.Name, near.Name); !ok || l.words > 0 {
			return // a variable of somebody else's
		}
		fault.instead = near.Name
	}
	if fault.instead == "" || !c.Setting(fault.instead).IsZero() {
		fault.instead = ""
		return
	}
	fault.severity = Warning
	fault.message = fmt.Sprintf("etcd has no setting of this name and ignores it; expected that of --%s", fault.instead)
}
