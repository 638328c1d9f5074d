// Package cmd is the command line: flags to options, one call into audit, one
// call into report, an exit code.
package cmd

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"certaudit/audit"
	"certaudit/audit/inventory"
	"certaudit/report"
)

// The exit codes of the program.
const (
	exitOK = 0
	// exitFindings: something at or above --fail-on was found.
	exitFindings = 1
	// exitUsage: the arguments or the configuration are wrong; nothing was audited.
	exitUsage = 2
	// exitIncomplete: something could not be read or written, or there was
	// nothing to examine.
	exitIncomplete = 3
)

// exit ends a command with a code; message, if any, goes to the error stream.
type exit struct {
	code    int
	message string
}

func (e exit) Error() string { return e.message }

// program holds what the commands share with the outside.
type program struct {
	// plugin: it was started by kubectl.
	plugin         bool
	stdin          io.Reader
	stdout, stderr io.Writer
	now            func() time.Time
	// interrupted is closed by the first interrupt of a command that ends with what is
	// known; nil before there is such a command.
	interrupted <-chan struct{}
	// places are where the policy is that no flag names.
	places policyPlaces
}

// pause waits before a second look at files; tests do not.
var pause = time.Sleep

// clock is for a second look at what was changed a moment ago, with what an audit's
// options say of reading.
func (p *program) clock(o audit.Options) inventory.Clock {
	c := inventory.Clock{Now: p.now, Wait: pause, Late: o.Late}
	if o.Policy != nil {
		c.Layouts = o.Policy.Layouts
	}
	return c
}

// Main runs the program with its arguments (without the program's name) and
// returns the exit code: 0 for success, 1 for findings at or above --fail-on,
// 2 for wrong usage, 3 for an audit that is incomplete.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return Run(programName, args, stdin, stdout, stderr)
}

// programName is what the program calls itself.
const programName = "certaudit"

// Run is [Main] under the name, or the path, that the program was started by. As
// kubectl-certaudit it is a plugin of kubectl, and calls itself "kubectl certaudit"
// (https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/).
func Run(name string, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	signal.Ignore(syscall.SIGPIPE) // a reader that went away is an error to be reported, not a silent end
	name = strings.TrimSuffix(filepath.Base(name), ".exe")
	p := &program{plugin: name == "kubectl-"+programName, stdin: stdin, stdout: stdout, stderr: stderr, now: time.Now, places: machine}
	return p.run(args)
}

// run is [Run] for what it shares with the outside.
func (p *program) run(args []string) int {
	root, help := p.root(), &checkedWriter{Writer: p.stdout}
	root.SetArgs(args)
	root.SetIn(p.stdin)
	root.SetOut(help)
	root.SetErr(p.stderr)
	c, err := root.ExecuteC()
	if help.err != nil {
		err = unwritten("the help", "", help.err)
	}
	return p.code(c, err)
}

// checkedWriter keeps the first error of a writer: cobra passes over those of help texts and
// completions.
type checkedWriter struct {
	io.Writer
	err error
}

func (w *checkedWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	w.err = cmp.Or(w.err, err)
	return n, err
}

// Commands returns the commands with their texts and flags, for pages made of them. They
// are not for running.
func Commands() *cobra.Command {
	c := (&program{}).root()
	c.InitDefaultHelpCmd()
	c.InitDefaultCompletionCmd()
	return c
}

// code is the exit code of a command that ended with err, and says what is wrong.
func (p *program) code(c *cobra.Command, err error) int {
	var e exit
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &e):
		if e.message != "" {
			fmt.Fprintf(p.stderr, "certaudit: %s\n", p.called(report.Message(e.message)))
		}
		return e.code
	}
	fmt.Fprintf(p.stderr, "certaudit: %s\n%s\n", p.called(report.Message(suggested(err.Error()))), helpOf(c))
	return exitUsage
}

func (p *program) root() *cobra.Command {
	c := &cobra.Command{
		Use:   programName,
		Short: "Audit the certificates of a Kubernetes node",
		Long: `certaudit finds every certificate that the components of a Kubernetes node are
configured with, holds each against the requirement table of the node's
Kubernetes version, and says what is not as it should be and how to fix it.

Exit codes: 0 nothing found at or above --fail-on; 1 findings; 2 wrong usage;
3 the audit is incomplete (something could not be read, or nothing was found).

Environment: CERTAUDIT_CONFIG names the policy where --config does not; NO_COLOR, if it
is set, turns colours off. Where neither names a policy, it is that of
/etc/certaudit/certaudit.yaml, if it is there.`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	c.SetFlagErrorFunc(flagError)
	c.SetHelpCommand(helpCommand())
	c.Version = report.Version()
	c.SetVersionTemplate("certaudit {{.Version}}\n")
	c.AddCommand(p.auditCommand(), p.csrCommand(), p.inspectCommand(), p.connectionsCommand(), p.planCommand(), p.forecastCommand(), p.diffCommand(), p.logsCommand(), p.serveCommand(), p.snapshotCommand(), p.collectCommand(), p.requirementsCommand(), p.checksCommand(), p.demoCommand(), p.versionCommand())
	if p.plugin {
		p.rename(c)
	}
	return c
}
