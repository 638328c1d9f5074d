package cmd

import (
	"bufio"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"certaudit/audit"
	"certaudit/parsers"
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
		Args:    noArguments,
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
	b := bufio.NewWriter(p.stdout)
	w := tabwriter.NewWriter(b, 0, 8, 3, ' ', 0)
	fmt.Fprintln(w, "ROLE\tFACT\tVALUES\tVERSIONS\tSEVERITY\tSOURCE")
	for _, r := range audit.DefaultRequirements().For(o.Profile, o.KubernetesVersion) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Role, r.Fact, strings.Join(r.Values, ", "), r.Versions(), r.Severity, r.Source)
	}
	return wrote("the requirements", b, w.Flush())
}

func (p *program) checksCommand() *cobra.Command {
	var format string
	names := formatNames(report.ChecksFormats())
	c := &cobra.Command{
		Use:   "checks [ID|FAMILY]",
		Short: "List the checks, those of a family, or explain one",
		Example: `  certaudit checks validity
  certaudit checks identity/san-missing`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: cobra.FixedCompletions(checkNames(), cobra.ShellCompDirectiveNoFileComp),
		RunE:              func(_ *cobra.Command, args []string) error { return p.checks(args, format) },
	}
	c.Flags().StringVarP(&format, "output", "o", names[0], "`FORMAT`: "+strings.Join(names, ", "))
	complete(c, "output", names)
	return c
}

// checkNames are what certaudit checks takes: the families, and the IDs.
func checkNames() []string {
	var families []string
	for _, id := range audit.CheckIDs() {
		if family := familyOf(id); !slices.Contains(families, family) {
			families = append(families, family)
		}
	}
	return append(families, audit.CheckIDs()...)
}

// familyOf is what stands in front of the slash in the ID of a check.
func familyOf(id string) string {
	family, _, _ := strings.Cut(id, "/")
	return family
}

func (p *program) checks(args []string, format string) error {
	form, err := formatNamed(report.ChecksFormats(), format, "a list of checks")
	if err != nil {
		return err
	}
	checks := audit.Checks()
	if len(args) > 0 {
		checks = slices.DeleteFunc(checks, func(c audit.Check) bool { return c.ID != args[0] && familyOf(c.ID) != args[0] })
		if len(checks) == 0 {
			return fmt.Errorf("%s; \"certaudit checks\" lists them", parsers.Unknown("check", args[0], checkNames()))
		}
	}
	b := bufio.NewWriter(p.stdout)
	return wrote("the checks", b, form.Write(b, checks, report.Options{}))
}

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of the program and of the requirement table",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			table := audit.DefaultRequirements()
			b := bufio.NewWriter(p.stdout)
			_, err := fmt.Fprintf(b, "certaudit %s\n%s%s %s/%s\nrequirements for Kubernetes %s up to but not including %s\n",
				report.Version(), builtFrom(), runtime.Version(), runtime.GOOS, runtime.GOARCH, table.Covers.Since, table.Covers.Until)
			return wrote("the version", b, err)
		},
	}
}

// builtFrom is the line that says which commit the program was built from; "" where the
// build does not know.
func builtFrom() string {
	switch revision, date := report.Revision(), report.Date(); {
	case revision == "":
		return ""
	case date == "":
		return "revision " + revision + "\n"
	default:
		return "revision " + revision + " of " + date + "\n"
	}
}
