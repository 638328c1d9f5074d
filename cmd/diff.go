package cmd

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"certaudit/audit"
	"certaudit/audit/inventory"
	"certaudit/report"
)

func (p *program) diffCommand() *cobra.Command {
	var f diffFlags
	names := formatNames(report.DiffFormats())
	c := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Say what changed between two audits, and whether something got worse",
		Long: `Compare two results that certaudit audit -o json wrote, or two of what it audits:
snapshots, folders and archives of them, trees of nodes. Say which certificates were
renewed, replaced, are new and gone, which connections are judged otherwise, which
findings are fixed and new, and which flags changed; results do not hold flags. - is the
standard input.

Exit codes: 1 something got worse: a connection broke, or there is a new finding at or
above --fail-on; else 3 if one of the two could not see what the other saw; else 0.`,
		Example: `  sudo certaudit audit -o json=before.json
  sudo certaudit audit -o json | certaudit diff before.json -
  certaudit diff monday/ tuesday/
  certaudit diff --fail-on critical -o markdown cp-1.json.gz cp-1-new.json.gz`,
		Args: arguments(2, 2),
		RunE: func(_ *cobra.Command, args []string) error { return p.diff(f, args[0], args[1]) },
	}
	flags := c.Flags()
	flags.StringVar(&f.failOn, "fail-on", string(audit.Warning), "exit with 1 for new findings of this `SEVERITY` or worse, and for connections that broke: "+strings.Join(failOnValues, ", "))
	flags.StringVarP(&f.format, "output", "o", names[0], "`FORMAT`: "+strings.Join(names, ", "))
	flags.StringVar(&f.at, "at", "", "audit snapshots and trees as of this `TIME`, RFC 3339 or a date (default: when the snapshots were taken, else now)")
	f.config.register(c, p.places, "audit snapshots and trees by the policy in this `FILE`")
	flags.BoolVar(&f.noColor, "no-color", false, "no colours, as with the environment variable NO_COLOR")
	complete(c, "fail-on", failOnValues)
	complete(c, "output", names)
	return c
}

type diffFlags struct {
	failOn, format, at string
	config             policyFile
	noColor            bool
}

func (p *program) diff(f diffFlags, oldName, newName string) error {
	form, err := formatNamed(report.DiffFormats(), f.format, "a difference")
	switch {
	case err != nil:
		return err
	case !slices.Contains(failOnValues, f.failOn):
		return unknownSeverity(f.failOn)
	case oldName == stdinName && newName == stdinName:
		return errors.New("the standard input can be read once only; give one -")
	}
	before, err := p.diffSide(f, oldName)
	if err != nil {
		return err
	}
	after, err := p.diffSide(f, newName)
	if err != nil {
		return err
	}
	d := audit.Diff(before.result, after.result)
	if before.inventories != nil && after.inventories != nil {
		d.Settings = audit.DiffSettings(before.inventories, after.inventories)
	}
	b := bufio.NewWriter(p.stdout)
	if err := wrote("the difference", b, form.Write(b, d, terminal(p.stdout, f.noColor))); err != nil {
		return err
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

// diffSide reads the result that an argument of diff names, or audits the nodes that it
// holds.
func (p *program) diffSide(f diffFlags, name string) (diffSide, error) {
	if name == stdinName {
		b := bufio.NewReader(p.stdin)
		p.stdin = b
		if isResult(b) {
			return parseSide("the standard input", b)
		}
		return p.auditSide(f, name)
	}
	switch info, err := os.Stat(name); {
	case err != nil:
		return diffSide{}, fmt.Errorf("cannot read %w", ofFile(name, err))
	case info.IsDir():
		return p.auditSide(f, name)
	case !info.Mode().IsRegular():
		return diffSide{}, fmt.Errorf("%q is no regular file; give - and the standard input for a pipe", name)
	}
	h, err := openRegular(name)
	if err != nil {
		return diffSide{}, fmt.Errorf("cannot read %w", ofFile(name, err))
	}
	defer h.Close()
	if b := bufio.NewReader(h); isResult(b) {
		return parseSide(fmt.Sprintf("%q", name), b)
	}
	return p.auditSide(f, name)
}

// isResult reports whether what follows begins as JSON does that is no snapshot.
func isResult(b *bufio.Reader) bool {
	start, _ := b.Peek(512) // what cannot be read is read again
	text := bytes.TrimLeft(start, " \t\r\n")
	return bytes.HasPrefix(text, []byte("{")) && !inventory.IsSnapshot(start)
}

// parseSide reads a result.
func parseSide(shown string, r io.Reader) (diffSide, error) {
	result, err := audit.ParseResult(r)
	if err != nil {
		return diffSide{}, fmt.Errorf("%s %w", shown, err)
	}
	return diffSide{result: result}, nil
}

// auditSide audits the nodes of a PATH, unless --at says otherwise for the time at which
// their snapshots were taken: what ended since did not get worse by what was done.
func (p *program) auditSide(f diffFlags, name string) (diffSide, error) {
	flags := auditFlags{paths: []string{name}, at: f.at, config: f.config, failOn: never}
	o, stop, err := p.begin(flags)
	if err != nil {
		return diffSide{}, err
	}
	defer stop()
	inventories, err := p.gather(flags, o)
	if err != nil {
		return diffSide{}, err
	}
	nameWithin(name, inventories)
	if f.at == "" {
		o.At = latest(inventories, o.At)
	}
	r := audit.Run(inventories, o)
	if r.IsEmpty() {
		return diffSide{}, fmt.Errorf("%q holds neither a result of certaudit audit -o json nor a node", name)
	}
	return diffSide{r, inventories}, nil
}

// nameWithin has nodes that share a name told apart by where they lie within a side: what
// that is called itself is another on the other side.
func nameWithin(side string, inventories []*inventory.Inventory) {
	within := []string{side}
	if abs, err := filepath.Abs(side); err == nil && side != stdinName {
		within = []string{filepath.ToSlash(abs), filepath.ToSlash(strings.TrimPrefix(abs, workingFolder()+string(filepath.Separator)))}
	}
	for _, inv := range inventories {
		for _, dir := range within {
			inv.Folder = strings.TrimPrefix(inv.Folder, dir+"/")
		}
	}
}

// latest is when the last of some snapshots was taken; now where one is none, or says that
// it was taken later: the clock of that node is wrong.
func latest(inventories []*inventory.Inventory, now time.Time) time.Time {
	var last time.Time
	for _, inv := range inventories {
		switch {
		case inv.TakenAt.IsZero(), inv.TakenAt.After(now):
			return now
		case inv.TakenAt.After(last):
			last = inv.TakenAt
		}
	}
	return last
}
