package inventory

import (
	"slices"
	"time"

	"certaudit/parsers"
)

// KindUnreached marks a host of which nothing could be read.
const KindUnreached parsers.Kind = "unreached"

// IsUnreached reports whether nothing of the host could be read.
func (inv *Inventory) IsUnreached() bool {
	return slices.ContainsFunc(inv.Problems, func(p InputProblem) bool { return p.Kind == KindUnreached })
}

// Unreached returns the inventory of a host that should have been read, at a time in
// UTC, and of which nothing is known; reason says why, in lower case. It stands in a set
// of snapshots for the one that is not there.
func Unreached(host string, at time.Time, reason string) *Inventory {
	inv := New()
	inv.Folder, inv.TakenAt = host, at
	inv.Problems = []InputProblem{{Lost: true, Problem: parsers.Problem{Kind: KindUnreached, Detail: reason}}}
	return inv
}
