package cmd

import (
	"bufio"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"certaudit/audit"
	"certaudit/parsers"
	"certaudit/report"
)

// requirementFlags are the flags of requirements.
type requirementFlags struct {
	audit.Overrides
	layout, format string
}

// The values of --layout.
const (
	layoutFacts = "facts"
	layoutDocs  = "docs"
)

func (p *program) requirementsCommand() *cobra.Command {
	var f requirementFlags
	c := &cobra.Command{
		Use:   "requirements",
		Short: "Print what each certificate must be",
		Long: `Print the rows of the requirement table that hold for a Kubernetes version and a
profile. Words in braces stand for facts of the audited node.

With --layout docs, print the two tables of the page "PKI certificates and
requirements" of the documentation of Kubernetes, filled from the same rows: those
of the profile docs, or with --profile kubeadm of what kubeadm makes.`,
		Example: `  certaudit requirements --kubernetes-version 1.28 --profile kubeadm
  certaudit requirements --layout docs
  certaudit requirements --layout docs --kubernetes-version 1.28 -o markdown`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if f.layout == layoutDocs && !c.Flags().Changed("profile") {
				f.Profile = audit.ProfileDocs
			}
			return p.requirements(f)
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.KubernetesVersion, "kubernetes-version", "", "`VERSION` of Kubernetes (default: all)")
	flags.StringVar(&f.Profile, "profile", audit.ProfileKubeadm, "`PROFILE`: "+strings.Join(audit.Profiles(), ", "))
	flags.StringVar(&f.layout, "layout", layoutFacts, "`LAYOUT`: "+layoutFacts+" for a row of each fact, "+layoutDocs+" for the two tables of the documentation")
	flags.StringVarP(&f.format, "output", "o", "table", "`FORMAT`: "+strings.Join(formatNames(report.RequirementFormats()), ", "))
	complete(c, "profile", audit.Profiles())
	complete(c, "layout", []string{layoutFacts, layoutDocs})
	complete(c, "output", formatNames(report.RequirementFormats()))
	return c
}

// tellVersion says on the error stream by which version is judged where the one that was
// asked for is not known.
func (p *program) tellVersion(o audit.Overrides) {
	if outside := audit.DefaultRequirements().Outside(o.KubernetesVersion); outside != "" {
		fmt.Fprintln(p.stderr, "certaudit: "+report.Message(outside))
	}
}

func (p *program) requirements(f requirementFlags) error {
	if err := f.Validate(); err != nil {
		return err
	}
	p.tellVersion(f.Overrides)
	table := audit.DefaultRequirements()
	switch {
	case f.layout == layoutDocs && f.Profile != audit.ProfileDocs && f.Profile != audit.ProfileKubeadm:
		return fmt.Errorf("--layout %s takes the profile %s or %s: %s does not say what certificates are called", layoutDocs, audit.ProfileDocs, audit.ProfileKubeadm, f.Profile)
	case f.layout == layoutDocs:
		return printRequirements(p, report.DocumentedFormats(), f.format, table.Documented(f.Profile, f.KubernetesVersion))
	case f.layout != layoutFacts:
		return fmt.Errorf("%s; --layout takes %s or %s", parsers.Unknown("layout", f.layout, []string{layoutFacts, layoutDocs}), layoutFacts, layoutDocs)
	}
	return printRequirements(p, report.RequirementFormats(), f.format, table.For(f.Profile, f.KubernetesVersion))
}

// printRequirements writes requirements in one of their formats to the standard output.
func printRequirements[T any](p *program, formats []report.FormatOf[T], format string, it T) error {
	form, err := formatNamed(formats, format, "a table of requirements")
	if err != nil {
		return err
	}
	b := bufio.NewWriter(p.stdout)
	return wrote("the requirements", b, form.Write(b, it, terminal(p.stdout, false)))
}

func (p *program) checksCommand() *cobra.Command {
	var format string
	names := formatNames(report.ChecksFormats())
	c := &cobra.Command{
		Use:   "checks [ID|FAMILY]",
		Short: "List the checks, those of a family, or explain one",
		Example: `  certaudit checks validity
  certaudit checks identity/san-missing`,
		Args:              arguments(0, 1),
		ValidArgsFunction: cobra.FixedCompletions(checkNames(), cobra.ShellCompDirectiveNoFileComp),
		RunE:              func(_ *cobra.Command, args []string) error { return p.checks(args, format) },
	}
	c.Flags().StringVarP(&format, "output", "o", names[0], "`FORMAT`: "+strings.Join(names, ", "))
	complete(c, "output", names)
	return c
}

// checkNames are what certaudit checks takes: the families, and the IDs.
func checkNames() []string { return append(audit.CheckFamilies(), audit.CheckIDs()...) }

func (p *program) checks(args []string, format string) error {
	form, err := formatNamed(report.ChecksFormats(), format, "a list of checks")
	if err != nil {
		return err
	}
	checks := audit.Checks()
	if len(args) > 0 {
		checks = slices.DeleteFunc(checks, func(c audit.Check) bool { return c.ID != args[0] && audit.CheckFamily(c.ID) != args[0] })
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
