package report

import (
	"fmt"
	"time"
)

// minute is t in UTC to the minute, empty for the zero time.
func minute(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04 MST")
}

// day is the date of t in UTC, empty for the zero time.
func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}

// rfc3339 is t in UTC, empty for the zero time.
func rfc3339(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// isPast reports whether a certificate has ended: it is valid through the very
// second of its notAfter. It is false for the zero time.
func isPast(notAfter, at time.Time) bool { return !notAfter.IsZero() && at.After(notAfter) }

// remaining is the time from at to notAfter: "364d", "5h", "expired 3d ago".
func remaining(notAfter, at time.Time) string {
	left := secondsBetween(at, notAfter)
	if at.After(notAfter) {
		return "expired " + span(-left) + " ago"
	}
	return span(left)
}

// remainingDays is remaining in a sentence: "39 days", and "5h" on the last day.
func remainingDays(notAfter, at time.Time) string {
	if days := secondsBetween(at, notAfter) / secondsPerDay; days > 0 {
		return plural(int(days), "day")
	}
	return remaining(notAfter, at)
}

// age is the time since created, as kubectl rounds it down; empty for the zero
// time, and "0s" for one that is still to come.
func age(created, at time.Time) string {
	if created.IsZero() {
		return ""
	}
	return span(max(0, secondsBetween(created, at)))
}

// lifetime is what was asked for; empty where it is left to the signer.
func lifetime(seconds int64) string {
	if seconds == 0 {
		return ""
	}
	return span(seconds)
}

const secondsPerDay = 24 * 60 * 60

// secondsBetween counts from one time to another. A [time.Duration] would end at
// 292 years, before 9999-12-31.
func secondsBetween(from, to time.Time) int64 { return to.Unix() - from.Unix() }

// span is a number of seconds, at least 0, in the largest unit up to days that
// fits, rounded down: "364d", "5h".
func span(seconds int64) string {
	if seconds >= secondsPerDay {
		return fmt.Sprintf("%dd", seconds/secondsPerDay)
	}
	return shortHumanDuration(time.Duration(seconds) * time.Second)
}

// plural counts things: "1 day", "2 days".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
