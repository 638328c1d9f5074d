package cmd

import (
	"bufio"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"certaudit/audit"
	"certaudit/parsers"
	"certaudit/report"
)

func (p *program) planCommand() *cobra.Command {
	var f auditFlags
	var format, node string
	names := formatNames(report.PlanFormats())
	c := &cobra.Command{
		Use:   "plan [PATH...]",
		Short: "Print the steps that fix what an audit finds, in order, each once",
		Long: `Audit the node and print what fixes it: look, keep copies, make everything new
aside, check it, put it in place, restart what does not notice by itself, wait,
audit again. Nothing is carried out. PATHs are the nodes that certaudit audit takes
them for, and each step is to be run on its node. As a script (-o sh), which is for one
node, it stops at the first command that fails; stopped anywhere, the node works as before.

Exit code 3 if nothing was found to be done and not everything could be judged; else 0.`,
		Example: `  sudo certaudit plan
  sudo certaudit plan -o sh > fix.sh && less fix.sh && sudo sh fix.sh
  certaudit plan --node cp-1 -o sh snapshots/ > fix-cp-1.sh`,
		RunE: func(c *cobra.Command, args []string) error {
			if err := f.take(c, args); err != nil {
				return err
			}
			return p.plan(f, format, node)
		},
	}
	flags := c.Flags()
	f.registerRoots(c)
	f.registerProcesses(c)
	flags.StringVar(&f.at, "at", "", "audit as of this `TIME`, RFC 3339 or a date (default now)")
	flags.StringVar(&f.within, "within", "", "plan for what ends within this `TIME` of the audit as well, such as 90d or 36h")
	f.config.register(c, p.places, "read the policy from this `FILE`; what it waives is not planned for")
	flags.StringVar(&f.overrides.KubernetesVersion, "kubernetes-version", "", "judge by the requirements of this `VERSION` (default: from the image tags)")
	flags.StringVar(&node, "node", "", "print the steps of this `NODE` alone, as the audit names it; what other nodes have to do with it is considered all the same")
	flags.StringVarP(&format, "output", "o", names[0], "`FORMAT`: "+strings.Join(names, ", "))
	complete(c, "output", names)
	return c
}

// plan audits nodes and prints their plan, or the part of it that is for one of them.
func (p *program) plan(f auditFlags, format, node string) error {
	f.failOn = never
	form, err := formatNamed(report.PlanFormats(), format, "a plan")
	if err != nil {
		return err
	}
	r, err := p.result(f)
	if err != nil {
		return err
	}
	if r.Plan, err = stepsOf(r, node, form.Name == "sh"); err != nil {
		return err
	}
	if form.Name != "text" {
		p.tellPolicy(r.Policy)
	}
	b := bufio.NewWriter(p.stdout)
	if err := wrote("the plan", b, form.Write(b, r, report.Options{})); err != nil || !r.Summary.Incomplete {
		return err
	}
	if form.Name == "sh" || form.Name == "json" { // the others say it themselves
		fmt.Fprintf(p.stderr, "certaudit: %s\n", report.PlanIncomplete)
	}
	if len(r.Plan) == 0 {
		return exit{code: exitIncomplete}
	}
	return nil
}

// stepsOf returns the steps of a plan that are for a node; for "" all of them, unless they
// are to be a script and for several machines.
func stepsOf(r audit.Result, node string, script bool) ([]audit.Step, error) {
	if node != "" {
		return stepsOn(r, node)
	}
	on := []string{}
	for _, s := range r.Plan {
		if !slices.Contains(on, s.Node) {
			on = append(on, s.Node)
		}
	}
	switch {
	case !script || len(on) < 2:
		return r.Plan, nil
	case slices.Contains(on, ""):
		return nil, errors.New("a script runs on one machine, and there are steps for nodes and for files that belong to none; plan for the two apart")
	}
	return nil, fmt.Errorf("a script runs on one node, and there are steps for %d; give --node=%q, and then each of the others in the order of the plan", len(on), on[0])
}

// stepsOn returns the steps that are for a node, none where nothing is to be done on it.
func stepsOn(r audit.Result, node string) ([]audit.Step, error) {
	names := make([]string, len(r.Nodes))
	for i, n := range r.Nodes {
		names[i] = n.Name
	}
	if !slices.Contains(names, node) {
		return nil, errors.New(parsers.Unknown("node", node, names))
	}
	return slices.DeleteFunc(slices.Clone(r.Plan), func(s audit.Step) bool { return s.Node != node }), nil
}
