package cmd

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"certaudit/audit"
	"certaudit/audit/inventory"
	"certaudit/parsers/logs"
	"certaudit/report"
)

// logsFlags are the flags of certaudit logs.
type logsFlags struct {
	auditFlags
	format, since   string
	follow, verbose bool
}

func (p *program) logsCommand() *cobra.Command {
	var f logsFlags
	names := formatNames(report.LogsFormats())
	c := &cobra.Command{
		Use:   "logs [FILE|FOLDER|SNAPSHOT...|-]",
		Short: "Explain the TLS failures in logs of components, and tie them to certificates",
		Long: `Read logs of components and say which TLS handshakes failed, who refused whom and why,
the worst first; held against a node, which certificate is the reason, and which step of
its plan fixes it.

Without a FILE, read the logs of the node that the program runs on: those of its pods
below /var/log/pods, those of its components in /var/log, and, where there is journalctl,
the units that start its components, of the last hour or --since. With --root and no
FILE, read the same of the node below a folder, whatever their age, and its journal; of
several nodes where --root is repeated, each held against its own.

With FILEs, read these, and folders with all logs below them, whatever carries their
lines: CRI, Docker's JSON, the journal as text or JSON, syslog, klog, JSON; - is the
standard input. A FILE may be a pattern in quotes. Snapshots of nodes among them, as
certaudit snapshot writes them, or --root are the nodes to hold them against.

Lines that look like TLS and are not understood are counted, and the most frequent are
shown. With -v the lines themselves are shown, too.

With -f, go on with what is written to the logs: what fails for the first time is one
line, and what goes on failing one line now and then; an interrupt ends with the report.

Exit codes: 1 something failed at or above --fail-on; else 3 if something could not be
read, or nothing was there to be read; else 0.`,
		Example: `  sudo certaudit logs
  sudo certaudit logs --since 2d -o markdown
  kubectl logs -n kube-system etcd-cp-1 | certaudit logs -
  journalctl -u kubelet --since -1h | sudo certaudit logs --root / -
  crictl logs 3f1c 2>&1 | certaudit logs cp-1.json.gz -
  docker logs kube-apiserver 2>&1 | certaudit logs -
  journalctl -f -u kubelet | sudo certaudit logs --root / -f -
  certaudit logs --root /backup/cp-1
  certaudit logs --root /backup/cp-1 --root /backup/cp-2
  certaudit logs '/var/log/pods/kube-system_*/*/*.log' snapshots/`,
		RunE: func(c *cobra.Command, args []string) error {
			f.node = c.Flags().Changed("root") || len(args) == 0
			return p.logs(f, args)
		},
	}
	flags := c.Flags()
	f.registerRoots(c)
	flags.StringVar(&f.since, "since", "", "leave out lines written before this `TIME`: 1h, 90m or 7d ago, RFC 3339 or a date; all for none (default: 1h of the node that the program runs on, else all)")
	flags.BoolVarP(&f.follow, "follow", "f", false, "go on with what is written to the logs, until an interrupt")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "show all that failed, with lines as they were written")
	flags.StringVar(&f.at, "at", "", "judge the nodes as of this `TIME`, RFC 3339 or a date (default now)")
	f.config.register(c, p.places, "judge the nodes by the policy in this `FILE`")
	flags.StringVar(&f.failOn, "fail-on", string(audit.Warning), "exit with 1 for failures of this `SEVERITY` or worse: "+strings.Join(failOnValues, ", "))
	flags.BoolVar(&f.noColor, "no-color", false, "no colours, as with the environment variable NO_COLOR")
	flags.StringVarP(&f.format, "output", "o", names[0], "`FORMAT`: "+strings.Join(names, ", "))
	complete(c, "output", names)
	complete(c, "fail-on", failOnValues)
	return c
}

// maxRaw is how many lines of a group are shown as they were written.
const maxRaw = 3

func (p *program) logs(f logsFlags, args []string) error {
	form, err := formatNamed(report.LogsFormats(), f.format, "what logs say")
	if err != nil {
		return err
	}
	if f.follow && f.format != report.LogsFormats()[0].Name {
		return fmt.Errorf("-f writes %s, not %s; leave out -f, or -o", report.LogsFormats()[0].Name, f.format)
	}
	o, stop, err := p.begin(f.auditFlags)
	if err != nil {
		return err
	}
	defer stop()
	s, err := p.logSources(f.since, args, o)
	if err != nil {
		return err
	}
	defer s.close()
	s.follow = f.follow
	nodes, err := p.nodesBeside(f.auditFlags, s, o)
	if err != nil {
		return err
	}
	if f.node && !s.asked {
		if err := p.logsOfNodes(f.auditFlags, s, nodes); err != nil {
			return err
		}
	}
	shown, ties := terminal(p.stdout, f.noColor), nodes.ties()
	reader := logs.NewReader(logs.Options{Now: p.now(), Since: s.since, Raw: rawLines(f.verbose), HostOf: ties.HostOf})
	shown.Verbose, shown.Plan = f.verbose, nodes.result.Plan
	if f.follow {
		err = p.follow(reader, s, ties, shown)
	} else {
		p.readLogs(reader, s, p.isInterrupted)
	}
	if err != nil {
		return err
	}
	digest := reader.Digest()
	old := s.allOld(digest.Sources)
	if old {
		s.note("all lines were written before %s", s.since.UTC().Format(time.RFC3339))
	}
	told := ties.Explain(digest)
	told.Notes = s.notes
	b := bufio.NewWriter(p.stdout)
	if err := wrote("what the logs say", b, form.Write(b, told, shown)); err != nil {
		return err
	}
	return logsVerdict(told, s, old, f)
}

// allOld reports whether there are lines in some logs, and none is of the time that counts.
func (s *logSources) allOld(sources []logs.Source) bool {
	read := slices.DeleteFunc(slices.Clone(sources), func(l logs.Source) bool { return l.Lines == 0 })
	counts := func(l logs.Source) bool { return l.Last.IsZero() || !l.Last.Before(s.since) }
	return !s.since.IsZero() && len(read) > 0 && !slices.ContainsFunc(read, counts)
}

func rawLines(verbose bool) int {
	if verbose {
		return maxRaw
	}
	return 0
}

// logsVerdict turns what logs say into the command's end; old says that nothing in them
// counts.
func logsVerdict(l audit.Logs, s *logSources, old bool, f logsFlags) error {
	read := slices.ContainsFunc(l.Components, func(c audit.LogCount) bool { return c.Lines > 0 })
	switch {
	case f.failOn != never && logsAtOrAbove(&l, audit.Severity(f.failOn)):
		return exit{code: exitFindings}
	case len(s.list) == 0:
		return exit{exitIncomplete, s.none(f)}
	case !read, old:
		return exit{exitIncomplete, s.noLines(f)}
	case l.Incomplete:
		return exit{code: exitIncomplete}
	}
	return nil
}

// logsAtOrAbove reports whether logs tell of something of a severity or worse; nil are none.
func logsAtOrAbove(l *audit.Logs, s audit.Severity) bool {
	return l != nil && (slices.ContainsFunc(l.Events, func(e audit.LogEvent) bool { return e.Severity.Rank() >= s.Rank() }) ||
		slices.ContainsFunc(l.Findings, func(f audit.Finding) bool { return f.Severity.Rank() >= s.Rank() }))
}

// judgedNodes are the nodes that logs are held against; the zero value but for options is none.
type judgedNodes struct {
	inventories []*inventory.Inventory
	result      audit.Result
	memory      *audit.Memory
	options     audit.Options
}

// ties are what events of logs are tied to. They are made once, however often logs that
// grow are explained.
func (n judgedNodes) ties() *audit.LogTies { return audit.NewLogTies(n.result, n.memory, n.options) }

// nodesBeside audits the nodes that --root and the snapshots among the arguments name.
func (p *program) nodesBeside(f auditFlags, s *logSources, o audit.Options) (judgedNodes, error) {
	n := judgedNodes{options: o}
	if f.paths = s.nodes; !f.node && len(f.paths) == 0 {
		return n, nil
	}
	var err error
	if n.inventories, err = p.gather(f, o); err != nil {
		return n, err
	}
	n.result, n.memory = audit.Rerun(nil, n.inventories, o)
	switch {
	case n.result.IsEmpty() && f.node:
		s.note("%s", noNode(f.roots))
	case n.result.Incomplete():
		s.note("the audit of the nodes is incomplete, so that it may explain less; certaudit audit says why")
	}
	return n, nil
}

// logsHere is the value of --logs for the logs of the node that is audited.
const logsHere = "node"

// registerLogs adds the flag of logs beside an audit.
func (f *auditFlags) registerLogs(c *cobra.Command) {
	c.Flags().StringArrayVar(&f.logs, "logs", nil, "hold logs against the audit, as certaudit logs does; `WHERE` is a file, a folder, a pattern or -, or node (if not given) for those of the node; may be repeated")
	c.Flags().Lookup("logs").NoOptDefVal = logsHere
}

// logsBeside reads the logs that --logs names, and ties them to an audit; nil for none.
func (p *program) logsBeside(f auditFlags, nodes judgedNodes) (*audit.Logs, error) {
	if len(f.logs) == 0 {
		return nil, nil
	}
	names := slices.DeleteFunc(slices.Clone(f.logs), func(name string) bool { return name == logsHere })
	switch {
	case len(names) < len(f.logs) && !f.node:
		return nil, errors.New("--logs reads the logs of a node: give --root beside the PATHs, or --logs=FILE")
	case slices.Contains(names, stdinName) && slices.Contains(f.paths, stdinName):
		return nil, errors.New("the standard input can be read once only; give one -")
	}
	s, err := p.logSources("", names, nodes.options)
	if err != nil {
		return nil, err
	}
	defer s.close()
	if len(s.nodes) > 0 {
		return nil, fmt.Errorf("%q holds nodes and not logs; give it as a PATH", s.nodes[0])
	}
	if len(names) < len(f.logs) {
		if err := p.logsOfNodes(f, s, nodes); err != nil {
			return nil, err
		}
	}
	ties := nodes.ties()
	reader := logs.NewReader(logs.Options{Now: p.now(), Since: s.since, HostOf: ties.HostOf})
	p.readLogs(reader, s, nodes.options.Late)
	told := ties.Explain(reader.Digest())
	told.Notes = s.notes
	return &told, nil
}

// readLogs reads logs to their ends, or until it is late.
func (p *program) readLogs(reader *logs.Reader, s *logSources, late func() bool) {
	show, end := p.progressLine()
	defer end()
	var read, total int64
	for _, source := range s.list {
		total += source.size
	}
	counted := func(n int) {
		switch read += int64(n); {
		case show == nil:
		case total > 0 && read <= total:
			show("%d of %d MiB read, %d%%", read>>20, total>>20, 100*read/total)
		default: // a stream, or a file that grows
			show("%d MiB read", read>>20)
		}
	}
	for _, source := range s.list {
		h, err := source.open()
		if err != nil {
			reader.ReadOf(source.node, source.name, failingReader{err})
			continue
		}
		reader.ReadOf(source.node, source.name, &watchedReader{h, late, counted})
		_ = h.Close() // whatever was read was read
	}
}

// failingReader is the log that cannot be read.
type failingReader struct{ error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.error }

// watchedReader is a log that ends with an error once it is late, and counts its bytes.
type watchedReader struct {
	io.Reader
	late    func() bool
	counted func(bytes int)
}

func (r *watchedReader) Read(b []byte) (int, error) {
	if r.late() {
		return 0, errors.New("was not read to its end: interrupted")
	}
	n, err := r.Reader.Read(b)
	r.counted(n)
	return n, bare(err)
}

// hourAgo is what --since is for the node that the program runs on.
const hourAgo = time.Hour

// sinceAll is the value of --since that leaves out nothing.
const sinceAll = "all"

// parseSince reads a time in the past: how long ago it is, or itself; zero for all times.
func parseSince(s string, now time.Time) (time.Time, error) {
	if s == "" || s == sinceAll {
		return time.Time{}, nil
	}
	if ago, err := parseWithin(strings.TrimPrefix(s, "-")); err == nil {
		return now.Add(-ago), nil
	}
	t, err := parseTime(s, now)
	if err != nil {
		return t, fmt.Errorf("--since takes how long ago, such as 1h, 90m or 7d, or a time such as 2027-01-31 or 2027-01-31T15:04:05Z, or %s, not %q", sinceAll, s)
	}
	return t, nil
}

// none says that there are no logs.
func (s *logSources) none(f logsFlags) string {
	where := "among the arguments"
	if f.node && !s.asked {
		where = fmt.Sprintf("below %q", strings.Join(f.roots, ", "))
	}
	return fmt.Sprintf("there are no logs %s%s; name files or folders of logs, or give - and the standard input", where, s.after())
}

// noLines says that there is nothing in the logs.
func (s *logSources) noLines(f logsFlags) string {
	message := "there are no lines in the logs" + s.after()
	if f.node && !s.asked {
		message += "; is it a node, and may this user read its journal and its logs?"
	}
	return message
}

// after says what was left out for its age; "" for nothing.
func (s *logSources) after() string {
	if s.since.IsZero() {
		return ""
	}
	return fmt.Sprintf(" since %s; --since %s reads all", s.since.UTC().Format(time.RFC3339), sinceAll)
}
