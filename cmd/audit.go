package cmd

import (
	"certaudit/audit/inventory"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"certaudit/audit"
	"certaudit/fixtures"
	"certaudit/parsers"
	"certaudit/report"
)

// auditFlags are the flags that every command which audits takes.
type auditFlags struct {
	roots     []string
	processes bool
	probe     string
	at        string
	// within is how far ahead the audit looks.
	within    string
	outputs   []string
	failOn    string
	noColor   bool
	overrides audit.Overrides
	config    policyFile
	baseline  string
	// writeBaseline is the file that the findings are written to as a baseline.
	writeBaseline string
	// paths are audited instead of a node or, with node, beside it.
	paths []string
	node  bool
	// exclude are patterns of what is passed over below paths.
	exclude []string
	// compat are the other exporters whose metrics are asked for.
	compat []string
	// logs are the logs that are held against the audit; [logsHere] for those of the node.
	logs []string
	// filter selects what is shown; quiet and verbose are how much is said of it.
	filter         audit.Filter
	quiet, verbose bool
	// passwordFiles hold the passwords of key stores.
	passwordFiles []string
}

// registerView adds the flags that say what of a result is shown. None of them changes
// the exit code.
func (f *auditFlags) registerView(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar((*string)(&f.filter.Severity), "severity", "", "show only findings of this `SEVERITY` or worse: "+strings.Join(failOnValues[:3], ", "))
	flags.StringSliceVar(&f.filter.Checks, "check", nil, "show only findings of this `CHECK`, of a family or of a pattern such as 'validity/*'; may be repeated")
	flags.StringSliceVar(&f.filter.Components, "component", nil, "show only what belongs to this `COMPONENT`, such as etcd; may be repeated")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "print the last line of a table, the verdict, and nothing else")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "add to a table the sources of findings, whole remedies, the steps of the plan, and what was not judged")
	complete(c, "severity", failOnValues[:3])
	complete(c, "check", audit.CheckIDs())
}

// registerPasswords adds the flag of the passwords of key stores.
func (f *auditFlags) registerPasswords(c *cobra.Command) {
	c.Flags().StringArrayVar(&f.passwordFiles, "keystore-password-file", nil, "open key stores, PKCS#12 and JKS, with the password in this `FILE`; may be repeated; one that none of them opens is a finding")
}

// passwords reads the passwords of key stores from files that open opens.
func (f *auditFlags) passwords(open func(string) (*os.File, error)) ([]string, error) {
	var out []string
	for _, name := range f.passwordFiles {
		word, err := passwordOf(name, open)
		if err != nil {
			return nil, err
		}
		out = append(out, word)
	}
	return out, nil
}

// The values of --metrics-compat.
const (
	compatX509   = "x509"
	compatX509V4 = "x509-v4"
)

// registerCompat adds the flag of the metrics of other exporters.
func (f *auditFlags) registerCompat(c *cobra.Command) {
	c.Flags().StringSliceVar(&f.compat, "metrics-compat", nil, "write the metrics of another `EXPORTER` too: "+compatX509+" for those of x509-certificate-exporter with the labels of its version 3, "+compatX509V4+" with those of version 4")
	complete(c, "metrics-compat", []string{compatX509, compatX509V4})
}

// compatible says how the metrics of x509-certificate-exporter are to be made; nil for
// not at all.
func (f *auditFlags) compatible() (*report.X509, error) {
	var x *report.X509
	for _, name := range f.compat {
		if name != compatX509 && name != compatX509V4 {
			return nil, fmt.Errorf("%s; --metrics-compat takes %s or %s", parsers.Unknown("value", name, []string{compatX509, compatX509V4}), compatX509, compatX509V4)
		}
		if x != nil {
			return nil, fmt.Errorf("--metrics-compat takes one of %s and %s: they have the same names", compatX509, compatX509V4)
		}
		x = &report.X509{V4: name == compatX509V4}
	}
	if x == nil {
		return nil, nil
	}
	for _, p := range f.paths {
		if p != stdinName {
			if abs, err := filepath.Abs(p); err == nil {
				p = abs
			}
			x.Paths = append(x.Paths, filepath.ToSlash(p))
		}
	}
	return x, nil
}

const never = "never"

// failOnValues are what --fail-on takes.
var failOnValues = []string{string(audit.Info), string(audit.Warning), string(audit.Critical), never}

// unknownSeverity is the error for a value that --fail-on does not take.
func unknownSeverity(s string) error {
	return fmt.Errorf("%s; --fail-on takes %s", parsers.Unknown("severity", s, failOnValues), strings.Join(failOnValues, ", "))
}

func (f *auditFlags) register(c *cobra.Command, formats []report.Format) {
	flags := c.Flags()
	f.registerRoots(c)
	f.registerProcesses(c)
	flags.StringVar(&f.probe, "probe", "", "connect to the endpoints that the configuration names, and judge by what they serve; `WHERE` is here (if not given), which leaves out what a copied node means by addresses that are not this machine's, or anywhere")
	flags.Lookup("probe").NoOptDefVal = probeHere
	complete(c, "probe", []string{probeHere, probeAnywhere})
	flags.StringVar(&f.overrides.KubernetesVersion, "kubernetes-version", "", "judge by the requirements of this `VERSION` (default: from the image tags)")
	flags.StringVar(&f.overrides.Profile, "profile", "", "judge by the requirements of this `PROFILE` (default: from what is found): "+strings.Join(audit.Profiles(), ", "))
	complete(c, "profile", audit.Profiles())
	f.registerReport(c, formats)
}

// hostRoot is the root of the machine that the program runs on.
const hostRoot = "/"

// registerRoots adds the flag of commands that read nodes.
func (f *auditFlags) registerRoots(c *cobra.Command) {
	c.Flags().StringArrayVar(&f.roots, "root", []string{hostRoot}, "audit the node whose file system lies below `DIR`; links are followed inside it; may be repeated")
}

// registerRoot adds the flag of commands that read one node; usage says what for.
func (f *auditFlags) registerRoot(c *cobra.Command, usage string) {
	f.roots = []string{hostRoot}
	c.Flags().StringVar(&f.roots[0], "root", hostRoot, usage)
}

// registerProcesses adds the flag of commands that read a node.
func (f *auditFlags) registerProcesses(c *cobra.Command) {
	c.Flags().BoolVar(&f.processes, "from-processes", false, "judge what components run with, by the command lines of their processes in /proc, and compare it with the files that start them")
}

// registerReport adds the flags that say when, where to and how strictly.
func (f *auditFlags) registerReport(c *cobra.Command, formats []report.Format) {
	flags := c.Flags()
	flags.StringVar(&f.at, "at", "", "audit as of this `TIME`, RFC 3339 or a date (default now)")
	f.registerOutput(c, formats)
	flags.StringVar(&f.failOn, "fail-on", string(audit.Warning), "exit with 1 for findings of this `SEVERITY` or worse: "+strings.Join(failOnValues, ", "))
	complete(c, "fail-on", failOnValues)
}

// registerOutput adds the flags that say where to.
func (f *auditFlags) registerOutput(c *cobra.Command, formats []report.Format) {
	flags := c.Flags()
	flags.StringArrayVarP(&f.outputs, "output", "o", []string{"table"}, "`FORMAT[=FILE]`, may be repeated: "+strings.Join(formatNames(formats), ", "))
	flags.BoolVar(&f.noColor, "no-color", false, "no colours, as with the environment variable NO_COLOR")
	complete(c, "output", formatNames(formats))
}

// complete lets the shell propose the values of a flag.
func complete(c *cobra.Command, flag string, values []string) {
	err := c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	if err != nil {
		panic(err) // the flag is not there: a mistake in this package
	}
}

// registerGate adds the flags of what makes a gate of an audit.
func (f *auditFlags) registerGate(c *cobra.Command, places policyPlaces) {
	flags := c.Flags()
	f.config.register(c, places, policyUsage)
	flags.StringVar(&f.baseline, "baseline", "", "only findings that are not in this `FILE` fail the gate")
	flags.StringVar(&f.writeBaseline, "write-baseline", "", "write the findings to `FILE` as a baseline, and do not fail for them")
}

// registerExclude adds the flag of what is passed over below a PATH.
func (f *auditFlags) registerExclude(c *cobra.Command) {
	c.Flags().StringArrayVar(&f.exclude, "exclude", nil, "pass over what is called like this `PATTERN`, or lies at such a whole path, below a PATH; may be repeated")
}

// excludeFault is what is wrong with a pattern of --exclude, which would pass over nothing;
// nil for nothing.
func (f *auditFlags) excludeFault() error {
	for _, pattern := range f.exclude {
		slashes := filepath.ToSlash(pattern)
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
			return fmt.Errorf("%q of --exclude is no pattern of names: expected one such as *.bak", pattern)
		}
		if strings.Contains(slashes, "/") && !path.IsAbs(slashes) && filepath.VolumeName(pattern) == "" {
			return fmt.Errorf("%q of --exclude is neither a name nor a whole path: expected one without a slash, or with one in front", pattern)
		}
	}
	return nil
}

// options checks the flags and returns what they ask for.
func (f *auditFlags) options(now time.Time) (audit.Options, error) {
	if err := f.excludeFault(); err != nil {
		return audit.Options{}, err
	}
	at, err := parseTime(f.at, now)
	if err != nil {
		return audit.Options{}, err
	}
	if !slices.Contains(failOnValues, f.failOn) {
		return audit.Options{}, unknownSeverity(f.failOn)
	}
	if !slices.Contains([]string{"", probeHere, probeAnywhere}, f.probe) {
		return audit.Options{}, fmt.Errorf("%s; --probe takes %s or %s, as --probe=%s", parsers.Unknown("value", f.probe, []string{probeHere, probeAnywhere}), probeHere, probeAnywhere, probeAnywhere)
	}
	o := audit.Options{At: at, Now: now, Overrides: f.overrides}
	if f.within != "" {
		if o.Within, err = parseWithin(f.within); err != nil {
			return o, err
		}
	}
	o.Again = f.again(o.Within)
	if f.quiet && f.verbose {
		return o, errors.New("--quiet and --verbose contradict each other; give one of them")
	}
	if err := cmp.Or(f.overrides.Validate(), f.filter.Validate()); err != nil {
		return o, err
	}
	if o.Policy, err = f.config.read(os.Open); err != nil {
		return o, err
	}
	if o.Policy != nil && o.Profile == "" {
		o.Profile = o.Policy.Profile
	}
	o.Baseline, err = f.knownFindings()
	return o, err
}

// again are the words by which the audit is repeated: the flags that say how things are
// judged, and what was audited. A file that is none, such as what the shell makes for
// <(command), is not there any more by then, and what is issued for a year ends within one.
func (f *auditFlags) again(within time.Duration) audit.Again {
	a := audit.Again{Paths: f.paths, Beside: f.node && slices.Equal(f.roots, []string{hostRoot})}
	add := func(flag, value string) {
		if value != "" {
			a.Flags = append(a.Flags, audit.AgainFlag{Name: flag, Value: value, HasValue: true})
		}
	}
	addFile := func(flag, name string) {
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
			add(flag, name)
		}
	}
	add("kubernetes-version", f.overrides.KubernetesVersion)
	add("profile", f.overrides.Profile)
	if within < year {
		add("within", f.within)
	}
	if f.processes {
		a.Flags = append(a.Flags, audit.AgainFlag{Name: "from-processes"})
	}
	switch name, from := f.config.chosen(); {
	case name == "" && f.config.given:
		a.Flags = append(a.Flags, audit.AgainFlag{Name: "config", HasValue: true})
	case from != audit.PolicyFromDefault:
		addFile("config", name)
	}
	addFile("baseline", f.baseline)
	for _, pattern := range f.exclude {
		add("exclude", pattern)
	}
	for _, name := range f.passwordFiles {
		addFile("keystore-password-file", name)
	}
	return a
}

// year is for how long kubeadm and the commands of a plan issue certificates, but for a day
// that a plan may take.
const year = 364 * 24 * time.Hour

// openRegular opens a regular file, and nothing that would have to be waited for.
func openRegular(name string) (*os.File, error) {
	h, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if info, err := h.Stat(); err != nil || !info.Mode().IsRegular() {
		h.Close()
		return nil, fmt.Errorf("%q: it is no regular file, and is to be read again later", name)
	}
	return h, nil
}

func (f *auditFlags) knownFindings() (*audit.Baseline, error) {
	if f.baseline == "" {
		return nil, nil
	}
	data, err := readConfig(f.baseline, maxBaselineBytes)
	if err != nil {
		return nil, fmt.Errorf("cannot read the baseline %w", err)
	}
	b, err := audit.ParseBaseline(data)
	if err != nil {
		return nil, fmt.Errorf("the baseline %q %w", f.baseline, err)
	}
	return b, nil
}

// maxBaselineBytes bounds a baseline: one of a quarter of a million findings.
const maxBaselineBytes = 64 << 20

// readConfig reads a file of at most so many bytes. It may be a pipe, such as
// the shell makes for <(command).
func readConfig(name string, most int64) ([]byte, error) {
	h, err := os.Open(name)
	if err != nil {
		return nil, ofFile(name, err)
	}
	defer h.Close()
	return readBounded(name, h, most)
}

// readBounded reads what a file of a name holds, at most so many bytes.
func readBounded(name string, h io.Reader, most int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(h, most+1))
	if err != nil {
		return nil, ofFile(name, err)
	}
	if int64(len(data)) > most {
		return nil, fmt.Errorf("%q: is larger than %d KiB", name, most>>10)
	}
	return data, nil
}

// parseTime reads a time as --at takes it; a date means its first moment in UTC.
func parseTime(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return now, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time; write it like 2027-01-31 or 2027-01-31T15:04:05Z", s)
}

// verdict turns a result into the command's end.
func (f *auditFlags) verdict(r audit.Result) error {
	switch {
	case f.failOn != never && (r.AtOrAbove(audit.Severity(f.failOn)) > 0 || logsAtOrAbove(r.Logs, audit.Severity(f.failOn))):
		return exit{code: exitFindings}
	case r.Incomplete(), r.Logs != nil && r.Logs.Incomplete:
		return exit{code: exitIncomplete}
	}
	return nil
}

func (p *program) auditCommand() *cobra.Command {
	var f auditFlags
	c := &cobra.Command{
		Use:   "audit [PATH...]",
		Short: "Audit this node, a tree that was copied from one, or any files",
		Long: `Without a PATH, audit the node that the program runs on, or with --root the one
whose files lie below a folder. With PATHs, audit these files, and folders with
all below them, whatever they belong to: certificates, keys, kubeconfigs and
Kubernetes objects, recognised by content; - is the standard input. A folder that
holds the etc or var of a node is audited as that node, and so is each such folder
below it. What certaudit snapshot wrote is audited as the
nodes it was taken of, and a tar archive as the folder it was made of. A PATH may
be a pattern in quotes. With a node beside other PATHs, the objects of its cluster
are held against it.

Several nodes make one report: of each cluster, what shows only between its nodes
is told as well.

With --from-processes, on a node that runs, what counts is what the components run
with, whatever the files say that start them; where the two differ is a finding.`,
		Example: `  sudo certaudit audit
  sudo certaudit audit --from-processes
  certaudit audit --root /backup/cp-1 --at 2027-01-31
  sudo certaudit audit --within 90d
  certaudit audit -o table -o json=audit.json --fail-on critical
  certaudit audit --config certaudit.yaml ./certs ./deploy
  certaudit audit --root /backup/cp-1 --root /backup/cp-2
  certaudit audit snapshots/ 'backup/*.tar.gz'
  ssh cp-1 sudo tar c /etc/kubernetes /var/lib/kubelet | certaudit audit -
  kubectl get nodes -o json | certaudit audit snapshots/ -
  kubectl get secrets,configmaps -A -o json | certaudit audit -
  kubectl get secrets,configmaps -A -o json | sudo certaudit audit --root / -`,
		RunE: func(c *cobra.Command, args []string) error {
			if err := f.take(c, args); err != nil {
				return err
			}
			return p.audit(f)
		},
	}
	f.register(c, report.Formats())
	f.registerView(c)
	c.Flags().StringVar(&f.within, "within", "", "report what ends within this `TIME` of the audit as well, such as 90d or 36h, however early that is; not what the kubelet renews by itself")
	f.registerExclude(c)
	f.registerPasswords(c)
	f.registerCompat(c)
	f.registerGate(c, p.places)
	f.registerLogs(c)
	return c
}

// take takes the PATHs of a command.
func (f *auditFlags) take(c *cobra.Command, args []string) error {
	f.paths, f.node = args, len(args) == 0 || c.Flags().Changed("root")
	switch {
	case slices.Contains(f.paths, ""), slices.Contains(f.roots, ""):
		return errors.New("a PATH or --root is empty, as of a variable that is not set; give . for the folder one stands in")
	case f.probe != "" && !f.node:
		return errors.New("--probe needs a node: give --root beside the PATHs")
	case f.processes && !f.node:
		return errors.New("--from-processes needs a node: give --root beside the PATHs")
	case len(f.roots) > 1 && (f.probe != "" || f.processes):
		return errors.New("--probe and --from-processes are for one node; give --root once")
	}
	return nil
}

// begin checks the flags and returns what they ask for, of an audit that begins now. Once
// it has ended, stop is to be called.
func (p *program) begin(f auditFlags) (o audit.Options, stop func(), err error) {
	garbage.putOff()
	if o, err = f.options(p.now()); err != nil {
		return o, nil, err
	}
	p.tellVersion(f.overrides)
	o.Late, stop = p.untilInterrupted()
	return o, stop, nil
}

// result audits a node, and writes nothing.
func (p *program) result(f auditFlags) (audit.Result, error) {
	o, stop, err := p.begin(f)
	if err != nil {
		return audit.Result{}, err
	}
	defer stop()
	inventories, err := p.gather(f, o)
	if err != nil {
		return audit.Result{}, err
	}
	return audit.Run(inventories, o), nil
}

// examine audits a node and writes the reports.
func (p *program) examine(f auditFlags, lookup func(string) (report.Format, error)) (audit.Result, error) {
	o, stop, err := p.begin(f)
	if err != nil {
		return audit.Result{}, err
	}
	defer stop()
	outputs, err := p.openOutputs(f, lookup)
	if err != nil {
		return audit.Result{}, err
	}
	if outputs.options.Compat, err = f.compatible(); err != nil {
		return audit.Result{}, err
	}
	if !f.node {
		outputs.options.Paths = f.paths
	}
	o.Uses = outputs.has(report.SheetFormat)
	outputs.options.Sheet = o.Uses
	inventories, err := p.gather(f, o)
	if err != nil {
		return audit.Result{}, err
	}
	if f.probe != "" {
		p.ask(f, inventories[0]) // the node's: auditCommand saw to that
	}
	r, after := audit.Rerun(nil, inventories, o)
	if r.Logs, err = p.logsBeside(f, judgedNodes{inventories, r, after, o}); err != nil {
		return audit.Result{}, err
	}
	if outputs.has("html") || outputs.has("ics") {
		told := audit.ForecastOf(r, after, o, time.Time{})
		outputs.options.Forecast = &told
	}
	if err := f.filter.ValidateFor(r); err != nil {
		return audit.Result{}, err
	}
	if err := outputs.write(r); err != nil {
		return audit.Result{}, exit{exitIncomplete, err.Error()}
	}
	for _, line := range outputs.unsaid(r) {
		fmt.Fprintf(p.stderr, "certaudit: %s\n", line)
	}
	return r, nil
}

// gather reads the node, the paths that were given instead, or both: the nodes first,
// then what belongs to none. With a single node, or with those of one cluster, the
// rest is judged together.
func (p *program) gather(f auditFlags, o audit.Options) ([]*inventory.Inventory, error) {
	passwords, err := f.passwords(os.Open)
	if err != nil {
		return nil, err
	}
	var nodes []*inventory.Inventory
	var more []string
	if o.Policy != nil {
		more = o.Policy.Paths
	}
	if f.node || len(f.paths) == 0 {
		clock := p.clock(o)
		clock.Processes, clock.Passwords = f.processes, passwords
		for _, root := range f.roots {
			inv, err := clock.Gather(root, more...)
			if err != nil {
				return nil, err
			}
			if len(f.roots) > 1 {
				inv.Folder = filepath.ToSlash(filepath.Clean(root))
			}
			nodes = append(nodes, inv)
		}
	}
	clock := p.clock(o)
	clock.Exclude, clock.Passwords = f.exclude, passwords
	trees, rest, err := p.gatherPaths(f.paths, more, clock)
	nodes = append(nodes, trees...)
	switch {
	case err != nil || rest == nil:
		return nodes, err
	case len(nodes) == 1:
		return nodes, nodes[0].Join(rest)
	}
	if server := inventory.ControlPlane(nodes); server != nil {
		return nodes, server.Join(rest)
	}
	if len(nodes) > 0 && rest.IsNothing() {
		return nodes, nodes[0].Join(rest)
	}
	return append(nodes, rest), nil
}

// gatherPaths reads the paths, the standard input among them. rest is nil where there
// are none, or nothing but nodes.
func (p *program) gatherPaths(paths, more []string, clock inventory.Clock) (nodes []*inventory.Inventory, rest *inventory.Inventory, err error) {
	var files []string
	for i, name := range paths {
		if name != stdinName {
			files = append(files, name)
		} else if slices.Index(paths, name) < i {
			return nil, nil, errors.New("the standard input can be read once only; give one -")
		}
	}
	show, end := p.progress()
	defer end()
	tick := func(read inventory.Progress) {
		garbage.allow(read)
		if show != nil {
			show(read)
		}
	}
	if len(files) > 0 {
		if nodes, rest, err = clock.GatherPaths(workingFolder(), files, more, tick); err != nil {
			return nil, nil, err
		}
	}
	if len(files) == len(paths) {
		return nodes, rest, nil
	}
	streamed, objects, err := clock.GatherStream(stdinName, p.stdin, more, tick)
	if err != nil {
		return nil, nil, exit{exitIncomplete, fmt.Sprintf("cannot read the standard input: %s", err)}
	}
	nodes = append(nodes, streamed...)
	if rest == nil || objects == nil {
		return nodes, cmp.Or(rest, objects), nil
	}
	return nodes, rest, rest.Join(objects)
}

// workingFolder is the folder that relative paths start from; the root where the
// system knows none, so that only absolute ones are found.
func workingFolder() string {
	here, err := os.Getwd()
	if err != nil {
		return string(filepath.Separator)
	}
	return here
}

// stdinName stands for the standard input among paths.
const stdinName = "-"

func (p *program) audit(f auditFlags) error {
	r, err := p.examine(f, report.Lookup)
	if err != nil {
		return err
	}
	if f.writeBaseline != "" {
		return p.saveBaseline(f.writeBaseline, r)
	}
	if r.IsEmpty() {
		message := noNode(f.roots)
		if !f.node && len(f.paths) > 0 {
			message = fmt.Sprintf("no certificates were found in %s", strings.Join(f.paths, ", "))
		}
		return exit{exitIncomplete, message}
	}
	return f.verdict(r)
}

// noNode says that there is nothing of a node below some folders.
func noNode(roots []string) string {
	return fmt.Sprintf("no certificates were found below %q; is it a Kubernetes node, or a copy of one with its etc and var? Of a distribution that is not known the policy can hold a layout: docs/layouts.md", strings.Join(roots, ", "))
}

// saveBaseline writes the baseline of a result. What is on it does not fail the
// run that writes it.
func (p *program) saveBaseline(name string, r audit.Result) error {
	err := replaceFile(name, reportMode, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(audit.NewBaseline(r))
	})
	if err != nil {
		return exit{exitIncomplete, fmt.Sprintf("cannot write the baseline %s", ofFile(name, err))}
	}
	if r.Incomplete() {
		return exit{code: exitIncomplete}
	}
	return nil
}

func (p *program) demoCommand() *cobra.Command {
	f := auditFlags{failOn: never}
	c := &cobra.Command{
		Use:   "demo",
		Short: "Make a small faulty cluster in a temporary folder and audit it",
		Args:  noArguments,
		RunE:  func(*cobra.Command, []string) error { return p.demo(f) },
	}
	f.registerOutput(c, report.Formats())
	f.registerView(c)
	return c
}

// demo audits the demonstration node. Its findings are its purpose, so they do
// not make the command fail.
func (p *program) demo(f auditFlags) error {
	dir, err := os.MkdirTemp("", "certaudit-demo-")
	if err != nil {
		return exit{exitIncomplete, err.Error()}
	}
	defer os.RemoveAll(dir)
	if err := fixtures.Demo().Write(dir); err != nil {
		return exit{exitIncomplete, err.Error()}
	}
	f.roots, f.at = []string{dir}, fixtures.Now.Format(time.RFC3339)
	err = p.audit(f)
	if e, ok := err.(exit); ok && e.code == exitIncomplete && e.message == "" {
		return nil
	}
	return err
}
