package cmd

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"certaudit/audit"
	"certaudit/audit/inventory"
	"certaudit/report"
)

func (p *program) diffCommand() *cobra.Command {
	var f diffFlags
	names := diffFormatNames()
	c := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Say what changed between two audits, and whether something got worse",
		Long: `Compare two results that certaudit audit -o json wrote: certificates that were renewed,
replaced, that are new and gone, connections that are judged otherwise, findings that are
fixed and new. - is the standard input. Flags are not compared: results do not hold them.

Exit codes: 1 something got worse: a connection broke, or there is a new finding at or
above --fail-on; else 3 if one of the two could not see what the other saw; else 0.`,
		Example: `  sudo certaudit audit -o json=before.json
  sudo certaudit audit -o json | certaudit diff before.json -
  certaudit diff --fail-on critical -o markdown monday.json tuesday.json`,
		Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error { return p.diff(f, args[0], args[1]) },
	}
	flags := c.Flags()
	flags.StringVar(&f.failOn, "fail-on", string(audit.Warning), "exit with 1 for new findings of this `SEVERITY` or worse, and for connections that broke: "+strings.Join(failOnValues, ", "))
	flags.StringVarP(&f.format, "output", "o", names[0], "`FORMAT`: "+strings.Join(names, ", "))
	flags.BoolVar(&f.noColor, "no-color", false, "no colours, as with the environment variable NO_COLOR")
	complete(c, "fail-on", failOnValues)
	complete(c, "output", names)
	return c
}

type diffFlags struct {
	failOn, format string
	noColor        bool
}

func diffFormatNames() []string {
	var names []string
	for _, form := range report.DiffFormats() {
		names = append(names, form.Name)
	}
	return names
}

func (p *program) diff(f diffFlags, oldName, newName string) error {
	formats := report.DiffFormats()
	i := slices.IndexFunc(formats, func(form report.DiffFormat) bool { return form.Name == f.format })
	switch {
	case i < 0:
		return fmt.Errorf("unknown format %q; a difference is written as %s", f.format, strings.Join(diffFormatNames(), ", "))
	case !slices.Contains(failOnValues, f.failOn):
		return fmt.Errorf("unknown severity %q; --fail-on takes %s", f.failOn, strings.Join(failOnValues, ", "))
	case oldName == stdinName && newName == stdinName:
		return errors.New("the standard input can be read once only; give one -")
	}
	before, err := p.diffSide(oldName)
	if err != nil {
		return err
	}
	after, err := p.diffSide(newName)
	if err != nil {
		return err
	}
	d := audit.Diff(before.result, after.result)
	if before.inventories != nil && after.inventories != nil {
		d.Settings = audit.DiffSettings(before.inventories, after.inventories)
	}
	b := bufio.NewWriter(p.stdout)
	if err := errors.Join(formats[i].Write(b, d, terminal(p.stdout, f.noColor)), b.Flush()); err != nil {
		return exit{exitIncomplete, err.Error()}
	}
	switch {
	case f.failOn != never && d.Worse(audit.Severity(f.failOn)):
		return exit{code: exitFindings}
	case len(d.Unseen) > 0:
		return exit{code: exitIncomplete}
	}
	return nil
}

// diffSide is one of the two that are compared.
type diffSide struct {
	result audit.Result
	// inventories are those that were judged; nil for a result that was read, which does
	// not hold them.
	inventories []*inventory.Inventory
}

// diffSide reads what an argument of diff names.
func (p *program) diffSide(name string) (diffSide, error) {
	if name == stdinName {
		return parseSide("the standard input", p.stdin)
	}
	switch info, err := os.Stat(name); {
	case err != nil:
		return diffSide{}, fmt.Errorf("cannot read %w", ofFile(name, err))
	case info.IsDir():
		return diffSide{}, fmt.Errorf("%q is a folder; expected a file that certaudit audit -o json wrote", name)
	case !info.Mode().IsRegular():
		return diffSide{}, fmt.Errorf("%q is no regular file; give - and the standard input for a pipe", name)
	}
	h, err := openRegular(name)
	if err != nil {
		return diffSide{}, fmt.Errorf("cannot read %w", ofFile(name, err))
	}
	defer h.Close()
	return parseSide(fmt.Sprintf("%q", name), h)
}

// parseSide reads a result.
func parseSide(shown string, r io.Reader) (diffSide, error) {
	result, err := audit.ParseResult(bufio.NewReader(r))
	if err != nil {
		return diffSide{}, fmt.Errorf("%s %w", shown, err)
	}
	return diffSide{result: result}, nil
}
