package cmd

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"certaudit/audit/inventory"
	"certaudit/report"
)

func (p *program) snapshotCommand() *cobra.Command {
	var f auditFlags
	var file string
	c := &cobra.Command{
		Use:   "snapshot",
		Short: "Write what is known of this node, to be audited elsewhere",
		Long: `Read the node as certaudit audit does, and write what was read as JSON: the
certificates, and how the components are configured with them. Of a private key
there is nothing but the SHA-256 of its public half; passwords and tokens are left
out. certaudit audit FILE... audits snapshots as it would audit the nodes, at any
time, and several as one cluster.`,
		Example: `  sudo certaudit snapshot -o cp-1.json.gz
  ssh cp-1 sudo certaudit snapshot | certaudit audit -
  certaudit audit snapshots/`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error { return p.snapshot(f, file) },
	}
	flags := c.Flags()
	f.registerRoot(c, "read the node whose file system lies below `DIR`; links are followed inside it")
	f.registerProcesses(c)
	f.config.register(c, p.places, "read the policy from this `FILE`: more paths, and layouts of distributions")
	flags.StringVarP(&file, "output", "o", "", "write to this `FILE`, compressed if it ends in .gz (default: the standard output)")
	return c
}

func (p *program) snapshot(f auditFlags, file string) error {
	f.node, f.failOn = true, never
	o, stop, err := p.begin(f)
	if err != nil {
		return err
	}
	defer stop()
	inventories, err := p.gather(f, o)
	if err != nil {
		return err
	}
	p.tellPolicy(o.Policy.File())
	inv := inventories[0]
	inv.TakenAt = takenAt(o.At)
	if err := p.saveSnapshots(file, func(w io.Writer) error { return writeSnapshot(w, inv) }); err != nil {
		return unwritten("the snapshot", file, err)
	}
	if len(inv.References)+len(inv.Problems) == 0 {
		return exit{exitIncomplete, noNode(f.roots)}
	}
	return nil
}

// takenAt is what a snapshot says of the time at which it was taken.
func takenAt(now time.Time) time.Time { return now.UTC().Truncate(time.Second) }

// saveSnapshots writes one snapshot or several to a file, compressed by its name, or to
// the standard output for "".
func (p *program) saveSnapshots(file string, write func(io.Writer) error) error {
	if file == "" {
		return write(p.stdout)
	}
	return replaceFile(file, 0o600, func(w io.Writer) error {
		if !strings.HasSuffix(file, ".gz") {
			return write(w)
		}
		z := gzip.NewWriter(w)
		return errors.Join(write(z), z.Close())
	})
}

func writeSnapshot(w io.Writer, inv *inventory.Inventory) error {
	b := bufio.NewWriter(w)
	if err := inventory.WriteSnapshot(b, "certaudit "+report.Version(), inv); err != nil {
		return err
	}
	return b.Flush()
}
