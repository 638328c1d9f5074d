package cmd

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"certaudit/audit"
	"certaudit/report"
)

func (p *program) requirementsCommand() *cobra.Command {
	var o audit.Overrides
	c := &cobra.Command{
		Use:   "requirements",
		Short: "Print what each certificate must be",
		Long: `Print the rows of the requirement table that hold for a Kubernetes version and a
profile. Words in braces stand for facts of the audited node.`,
		Example: "  certaudit requirements --kubernetes-version 1.28 --profile kubeadm",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return p.requirements(o) },
	}
	c.Flags().StringVar(&o.KubernetesVersion, "kubernetes-version", "", "`VERSION` of Kubernetes (default: all)")
	c.Flags().StringVar(&o.Profile, "profile", audit.ProfileKubeadm, "`PROFILE`: "+strings.Join(audit.Profiles(), ", "))
	complete(c, "profile", audit.Profiles())
	return c
}

func (p *program) requirements(o audit.Overrides) error {
	if err := o.Validate(); err != nil {
		return err
	}
	w := tabwriter.NewWriter(p.stdout, 0, 8, 3, ' ', 0)
	fmt.Fprintln(w, "ROLE\tFACT\tVALUES\tVERSIONS\tSEVERITY\tSOURCE")
	for _, r := range audit.DefaultRequirements().For(o.Profile, o.KubernetesVersion) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Role, r.Fact, strings.Join(r.Values, ", "), r.Versions(), r.Severity, r.Source)
	}
	return w.Flush()
}

func (p *program) checksCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "checks [ID]",
		Short:             "List the checks, or explain one",
		Example:           "  certaudit checks identity/san-missing",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: cobra.FixedCompletions(audit.CheckIDs(), cobra.ShellCompDirectiveNoFileComp),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return p.listChecks()
			}
			return p.explainCheck(args[0])
		},
	}
}

func (p *program) listChecks() error {
	w := tabwriter.NewWriter(p.stdout, 0, 8, 3, ' ', 0)
	fmt.Fprintln(w, "CHECK\tSEVERITY\tSAYS")
	for _, c := range audit.Checks() {
		fmt.Fprintf(w, "%s\t%s\t%s\n", c.ID, c.Severity, c.Summary)
	}
	return w.Flush()
}

func (p *program) explainCheck(id string) error {
	checks := audit.Checks()
	i := slices.IndexFunc(checks, func(c audit.Check) bool { return c.ID == id })
	if i < 0 {
		return fmt.Errorf("unknown check %q; \"certaudit checks\" lists them", id)
	}
	c := checks[i]
	_, err := fmt.Fprintf(p.stdout, `%s (%s)
%s.

Why:      %s
Example:  %s
Remedy:   %s
Source:   %s
`, c.ID, c.Severity, c.Summary, c.Why, c.Example, c.Remedy, c.Source)
	return err
}

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of the program and of the requirement table",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			table := audit.DefaultRequirements()
			_, err := fmt.Fprintf(p.stdout, "certaudit %s\n%s %s/%s\nrequirements for Kubernetes %s up to but not including %s\n",
				report.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH, table.Covers.Since, table.Covers.Until)
			return err
		},
	}
}
