package audit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// LogEntry are the events of one cause, at least one, the worst first. Those that the cause
// may explain, and does not for certain, are the last: their Tie is [TieOpen] or
// [TieElsewhere], and they have no Causes.
type LogEntry []LogEvent

// Entries are the events by what explains them, [LogEvent.Cause]; the others are an entry
// each. The worst comes first.
func (l Logs) Entries() []LogEntry {
	var out []LogEntry
	at := map[string]int{}
	for _, e := range l.Events {
		i, known := at[e.Cause]
		if !known || e.Cause == "" {
			i = len(out)
			at[e.Cause] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], e)
	}
	for _, entry := range out {
		slices.SortStableFunc(entry, func(a, b LogEvent) int { return cmp.Compare(min(len(b.Causes), 1), min(len(a.Causes), 1)) })
	}
	return out
}

// Sum is the entry as one event: how bad, how often, and between which times. All else is
// that of its first.
func (entry LogEntry) Sum() LogEvent {
	all := entry[0]
	for _, e := range entry[1:] {
		if e.Severity.Rank() > all.Severity.Rank() {
			all.Severity = e.Severity
		}
		all.Count += e.Count
		if all.First.IsZero() || !e.First.IsZero() && e.First.Before(all.First) {
			all.First = e.First
		}
		all.Last = latest(all.Last, e.Last)
	}
	return all
}

// id names a cause in a report: the check, where it is, and on which node.
func (c LogCause) id() string {
	where := c.Path
	if c.Line != 0 {
		where = fmt.Sprintf("%s:%d", c.Path, c.Line)
	}
	return strings.TrimSpace(c.Check + " " + where + on(c.Node))
}
