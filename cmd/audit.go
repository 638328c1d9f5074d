package cmd

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"certaudit/audit"
	"certaudit/fixtures"
)

// auditFlags are the flags that every command which audits takes.
type auditFlags struct {
	at        string
	outputs   []string
	failOn    string
	noColor   bool
	overrides audit.Overrides
}

const never = "never"

// failOnValues are what --fail-on takes.
var failOnValues = []string{string(audit.Info), string(audit.Warning), string(audit.Critical), never}

func (f *auditFlags) register(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.at, "at", "", "audit as of this `TIME`, RFC 3339 or a date (default now)")
	flags.StringArrayVarP(&f.outputs, "output", "o", []string{"table"}, "`FORMAT[=FILE]`, may be repeated: "+strings.Join(formatNames(), ", "))
	flags.StringVar(&f.failOn, "fail-on", string(audit.Warning), "exit with 1 for findings of this `SEVERITY` or worse: "+strings.Join(failOnValues, ", "))
	flags.StringVar(&f.overrides.KubernetesVersion, "kubernetes-version", "", "judge by the requirements of this `VERSION` (default: from the image tags)")
	flags.StringVar(&f.overrides.Profile, "profile", "", "judge by the requirements of this `PROFILE` (default: from what is found): "+strings.Join(audit.Profiles(), ", "))
	flags.BoolVar(&f.noColor, "no-color", false, "no colours, as with the environment variable NO_COLOR")
	complete(c, "fail-on", failOnValues)
	complete(c, "profile", audit.Profiles())
	complete(c, "output", formatNames())
}

// complete lets the shell propose the values of a flag.
func complete(c *cobra.Command, flag string, values []string) {
	err := c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	if err != nil {
		panic(err) // the flag is not there: a mistake in this package
	}
}

// options checks the flags and returns what they ask for.
func (f *auditFlags) options(now time.Time) (audit.Options, error) {
	at, err := parseTime(f.at, now)
	if err != nil {
		return audit.Options{}, err
	}
	if !slices.Contains(failOnValues, f.failOn) {
		return audit.Options{}, fmt.Errorf("unknown severity %q; --fail-on takes %s", f.failOn, strings.Join(failOnValues, ", "))
	}
	return audit.Options{At: at, Overrides: f.overrides}, f.overrides.Validate()
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
	case f.failOn != never && r.AtOrAbove(audit.Severity(f.failOn)) > 0:
		return exit{code: exitFindings}
	case r.Incomplete():
		return exit{code: exitIncomplete}
	}
	return nil
}

func (p *program) auditCommand() *cobra.Command {
	var f auditFlags
	var root string
	c := &cobra.Command{
		Use:   "audit",
		Short: "Audit this node, or a tree that was copied from one",
		Example: `  sudo certaudit audit
  certaudit audit --root /backup/cp-1 --at 2027-01-31
  certaudit audit -o table -o json=audit.json --fail-on critical`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return p.audit(root, f)
		},
	}
	f.register(c)
	c.Flags().StringVar(&root, "root", "/", "audit the node whose file system lies below `DIR`; links are followed inside it")
	return c
}

func (p *program) audit(root string, f auditFlags) error {
	o, err := f.options(p.now())
	if err != nil {
		return err
	}
	outputs, err := p.openOutputs(f.outputs, f.noColor)
	if err != nil {
		return err
	}
	inv, err := audit.Gather(root)
	if err != nil {
		return err
	}
	r := audit.Run([]*audit.Inventory{inv}, o)
	if err := outputs.write(r); err != nil {
		return exit{exitIncomplete, err.Error()}
	}
	if len(r.Certificates)+len(r.Findings) == 0 {
		return exit{exitIncomplete, fmt.Sprintf("no certificates were found below %q; is it a Kubernetes node, or a copy of one with its etc and var?", filepath.Clean(root))}
	}
	return f.verdict(r)
}

func (p *program) demoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Make a small faulty cluster in a temporary folder and audit it",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return p.demo() },
	}
}

// demo audits the demonstration node. Its findings are its purpose, so they do
// not make the command fail.
func (p *program) demo() error {
	dir, err := os.MkdirTemp("", "certaudit-demo-")
	if err != nil {
		return exit{exitIncomplete, err.Error()}
	}
	defer os.RemoveAll(dir)
	if err := fixtures.Demo().Write(dir); err != nil {
		return exit{exitIncomplete, err.Error()}
	}
	fmt.Fprintf(p.stdout, "certaudit audit --root %s --at %s\n\n", dir, fixtures.Now.Format(time.RFC3339))
	err = p.audit(dir, auditFlags{at: fixtures.Now.Format(time.RFC3339), outputs: []string{"table"}, failOn: never})
	if e, ok := err.(exit); ok && e.code == exitIncomplete && e.message == "" {
		return nil
	}
	return err
}
