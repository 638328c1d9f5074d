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
		Use:   "connections",
		Short: "Show who talks to whom, and whether they would accept each other",
		Long: `Resolve every connection that the node's configuration defines: what each end
presents, what the other verifies it with, and whether the handshake succeeds.

Verdicts: ok; broken; unverified (the configuration turns verification off);
unknown (the other end is not in view). Exit code 1 if one is broken.`,
		Example: `  sudo certaudit connections
  certaudit connections --root /backup/cp-1 -o mermaid`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return p.connections(f) },
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
