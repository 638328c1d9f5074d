package report

import (
	"fmt"

	"certaudit/audit"
)

// PolicyFrom returns in words who named a policy, of the From of an [audit.PolicyFile].
func PolicyFrom(from string) string {
	if from == audit.PolicyFromDefault {
		return "found at its default place"
	}
	return "named by " + printable(from)
}

// PolicyLine returns the line that says which policy was taken, and why that one; "" for
// nil.
func PolicyLine(p *audit.PolicyFile) string {
	if p == nil {
		return ""
	}
	return fmt.Sprintf("policy: %s (%s)\n", printable(p.Path), PolicyFrom(p.From))
}
