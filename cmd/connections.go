package cmd

import (
	"slices"

	"github.com/spf13/cobra"

	"certaudit/audit"
	"certaudit/report"
)

func (p *program) connectionsCommand() *cobra.Command {
	var f auditFlags
	c := &cobra.Command{
		Use:   "connections [PATH...]",
		Short: "Show who talks to whom, and whether they would accept each other",
		Long: `Resolve every connection that the node's configuration defines: what each end
presents, what the other verifies it with, and whether the handshake succeeds.
PATHs are the nodes that certaudit audit takes them for.

Verdicts: ok; broken; unverified (the configuration turns verification off);
unknown (the other end is not in view). Exit code 1 if one is broken.`,
		Example: `  sudo certaudit connections
  certaudit connections --root /backup/cp-1 -o mermaid
  certaudit connections snapshots/`,
		RunE: func(c *cobra.Command, args []string) error {
			if err := f.take(c, args); err != nil {
				return err
			}
			return p.connections(f)
		},
	}
	f.register(c, report.ConnectionFormats())
	return c
}

func (p *program) connections(f auditFlags) error {
	r, err := p.examine(f, report.LookupConnections)
	if err != nil {
		return err
	}
	broken := slices.ContainsFunc(r.Connections, func(c audit.Connection) bool { return c.Status == audit.VerdictBroken })
	switch {
	case broken && f.failOn != never:
		return exit{code: exitFindings}
	case len(r.Connections) == 0 || r.Incomplete():
		return exit{code: exitIncomplete}
	}
	return nil
}
