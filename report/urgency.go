package report

import (
	"cmp"
	"slices"
	"time"

	"certaudit/audit"
)

// byUrgency are the indexes of the findings of a result, the most urgent first: those that
// count, the worst, those that break most connections, those whose certificate ends first;
// otherwise in their order.
func byUrgency(r audit.Result) []int {
	order, compare := urgencies(r)
	slices.SortStableFunc(order, compare)
	return order
}

// mostUrgent is the first of [byUrgency]; ok is false where there are no findings.
func mostUrgent(r audit.Result) (f audit.Finding, ok bool) {
	if len(r.Findings) == 0 {
		return f, false
	}
	order, compare := urgencies(r)
	return r.Findings[slices.MinFunc(order, compare)], true
}

// urgencies are the indexes of the findings of a result, and what compares the findings of
// two of them.
func urgencies(r audit.Result) (indexes []int, compare func(a, b int) int) {
	indexes, ends := make([]int, len(r.Findings)), make([]time.Time, len(r.Findings))
	for i, f := range r.Findings {
		indexes[i] = i
		for _, row := range f.Rows {
			if end := r.Certificates[row].NotAfter; !end.IsZero() && (ends[i].IsZero() || end.Before(ends[i])) {
				ends[i] = end
			}
		}
	}
	return indexes, func(a, b int) int {
		x, y := r.Findings[a], r.Findings[b]
		return cmp.Or(-compareBool(x.Counts(), y.Counts()), cmp.Compare(y.Severity.Rank(), x.Severity.Rank()),
			cmp.Compare(len(y.Breaks), len(x.Breaks)), compareBool(ends[a].IsZero(), ends[b].IsZero()), ends[a].Compare(ends[b]))
	}
}

// compareBool puts false before true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// urgent returns a new slice of the findings of a result in the order of their urgency.
func urgent(r audit.Result) []audit.Finding {
	out := make([]audit.Finding, 0, len(r.Findings))
	for _, i := range byUrgency(r) {
		out = append(out, r.Findings[i])
	}
	return out
}
