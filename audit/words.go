package audit

import (
	"fmt"
	"strings"
	"time"

	"certaudit/parsers"
)

// instant writes a time to the minute: "2026-11-23 12:00 UTC".
func instant(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// roughly writes a duration in the unit that matters to a reader, rounded down:
// "5 days" from two days on, "30 hours" from two hours on, "90 minutes".
func roughly(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", int(d/(24*time.Hour)))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", int(d/time.Hour))
	}
	return plural(int(d/time.Minute), "minute")
}

// exactly writes a duration in the largest unit that it is a whole number of:
// "365 days", "1 hour".
func exactly(d time.Duration) string {
	for _, u := range []struct {
		of   time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		if d%u.of == 0 {
			return plural(int(d/u.of), u.name)
		}
	}
	return d.String()
}

// inHours writes a duration as a flag takes it, rounded down to hours: "8760h".
func inHours(d time.Duration) string { return fmt.Sprintf("%dh", int(d/time.Hour)) }

// plural counts things of a kind: "1 certificate", "7 certificates".
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// What a message repeats of the input: bytes of a name, and names of a list.
const (
	maxQuoted     = 128
	maxQuotedList = 8
)

// clip cuts a name of the input for a message.
func clip(s string) string { return parsers.Clip(s, maxQuoted) }

// clipAll cuts the names of a list, and the list; the last then says how many
// there are more.
func clipAll(list []string) []string {
	var out []string
	for _, v := range list[:min(len(list), maxQuotedList)] {
		out = append(out, clip(v))
	}
	if len(list) > maxQuotedList {
		out = append(out, fmt.Sprintf("%d more", len(list)-maxQuotedList))
	}
	return out
}

// quoted puts each value into quotes.
func quoted(values []string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = fmt.Sprintf("%q", v)
	}
	return out
}

// listOr writes a list of quoted values, or none for an empty one.
func listOr(values []string, none string) string {
	if len(values) == 0 {
		return none
	}
	return strings.Join(quoted(values), ", ")
}

// joinOr writes a list as "a, b or c".
func joinOr(values []string) string {
	if len(values) < 2 {
		return strings.Join(values, "")
	}
	return strings.Join(values[:len(values)-1], ", ") + " or " + values[len(values)-1]
}
