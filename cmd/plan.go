package cmd

import (
	"bufio"
	"strings"

	"github.com/spf13/cobra"

	"certaudit/report"
)

func (p *program) planCommand() *cobra.Command {
	var f auditFlags
	var format string
	names := formatNames(report.PlanFormats())
	c := &cobra.Command{
		Use:   "plan [PATH...]",
		Short: "Print the steps that fix what an audit finds, in order, each once",
		Long: `Audit the node and print what fixes it: look, keep copies, make everything new
aside, check it, put it in place, restart what does not notice by itself, wait,
audit again. Nothing is carried out. PATHs are the nodes that certaudit audit takes
them for, and each step is to be run on its node. As a script (-o sh) it stops at the first
command that fails; stopped anywhere, the node works as before.`,
		Example: `  sudo certaudit plan
  sudo certaudit plan -o sh > fix.sh && less fix.sh && sudo sh fix.sh`,
		RunE: func(c *cobra.Command, args []string) error {
			if err := f.take(c, args); err != nil {
				return err
			}
			return p.plan(f, format)
		},
	}
	flags := c.Flags()
	f.registerRoots(c)
	f.registerProcesses(c)
	flags.StringVar(&f.at, "at", "", "audit as of this `TIME`, RFC 3339 or a date (default now)")
	flags.StringVar(&f.within, "within", "", "plan for what ends within this `TIME` of the audit as well, such as 90d or 36h")
	f.config.register(c, p.places, "read the policy from this `FILE`; what it waives is not planned for")
	flags.StringVar(&f.overrides.KubernetesVersion, "kubernetes-version", "", "judge by the requirements of this `VERSION` (default: from the image tags)")
	flags.StringVarP(&format, "output", "o", names[0], "`FORMAT`: "+strings.Join(names, ", "))
	complete(c, "output", names)
	return c
}

// plan audits a node and prints its plan.
func (p *program) plan(f auditFlags, format string) error {
	f.failOn = never
	form, err := formatNamed(report.PlanFormats(), format, "a plan")
	if err != nil {
		return err
	}
	r, err := p.result(f)
	if err != nil {
		return err
	}
	if form.Name != "text" {
		p.tellPolicy(r.Policy)
	}
	b := bufio.NewWriter(p.stdout)
	return wrote("the plan", b, form.Write(b, r, report.Options{}))
}
