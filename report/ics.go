package report

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"certaudit/audit"
)

// Days before the end at which the alarm of a certificate goes off. A CA takes
// months to replace.
const (
	alarmDays   = 30
	alarmDaysCA = 180
)

// writeICS writes an iCalendar with one event for each certificate of a node,
// at the time it ends. What renews itself by then, as the forecast of o says, is nobody's
// appointment.
//
// Source: RFC 5545.
func writeICS(w io.Writer, r audit.Result, o Options) error {
	var events []string
	for _, e := range calendarEvents(r, renewed(o.Forecast)) {
		events = append(events, e.lines(r.At)...)
	}
	return writeCalendar(w, events)
}

// writeCalendar writes a calendar with the lines of its events.
func writeCalendar(w io.Writer, events []string) error {
	var b strings.Builder
	for _, line := range slices.Concat([]string{"BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//certaudit//certaudit//EN", "CALSCALE:GREGORIAN"}, events, []string{"END:VCALENDAR"}) {
		b.WriteString(fold(line))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeForecastICS writes an iCalendar with one event for each renewal of a node, on the
// last day on which it still prevents what breaks.
func writeForecastICS(w io.Writer, f audit.Forecast, _ Options) error {
	ends := map[[2]string]audit.End{}
	for _, e := range f.Ends {
		ends[[2]string{e.Node, e.SHA256}] = e
	}
	var events []string
	for _, r := range f.Renewals {
		events = append(events, renewalEvent(r, ends).lines(f.At)...)
	}
	return writeCalendar(w, events)
}

// renewalEvent is the last day of a renewal, which is a whole day (section 3.6.1).
func renewalEvent(r audit.Renewal, ends map[[2]string]audit.End) icsEvent {
	var stops, places []string
	var breaks []audit.Break
	for _, sum := range r.Certificates {
		e := ends[[2]string{r.Node, sum}]
		breaks = append(breaks, e.Breaks...)
		places = append(places, "Ends "+minute(e.NotAfter)+": "+placesOf(e))
	}
	slices.SortStableFunc(breaks, func(a, b audit.Break) int { return cmp.Compare(a.Rank, b.Rank) })
	for _, b := range breaks {
		if line := "Else: " + b.Stops; !slices.Contains(stops, line) {
			stops = append(stops, line)
		}
	}
	summary := fmt.Sprintf("Last day to renew %s", plural(len(r.Certificates), "certificate"))
	if r.Node != "" {
		summary += " of " + r.Node
	}
	e := icsEvent{start: "DTSTART;VALUE=DATE:" + strings.ReplaceAll(r.LastDay, "-", ""), summary: summary, alarm: alarmDays,
		description: slices.Concat([]string{"By: " + renewers[r.RenewedBy]}, stops, places)}
	if r.RenewedBy == audit.RenewedByRotation {
		e.alarm = alarmDaysCA
	}
	sum := sha256.Sum256([]byte(strings.Join(append([]string{"renew", r.Node}, r.Certificates...), "\x00")))
	e.uid = fmt.Sprintf("%x@certaudit", sum[:16])
	return e
}

// calendarEvent is one certificate of a node in all its roles and places.
type calendarEvent struct {
	// first is the certificate in its first role.
	first  audit.Certificate
	roles  []string
	places []string
	isCA   bool
}

// renewed are the certificates of nodes that renew themselves; nil for no forecast.
func renewed(f *audit.Forecast) map[[2]string]bool {
	if f == nil {
		return nil
	}
	out := map[[2]string]bool{}
	for _, e := range f.Ends {
		if e.RenewedBy == audit.RenewedByItself {
			out[[2]string{e.Node, e.SHA256}] = true
		}
	}
	return out
}

// calendarEvents are in the order of the certificates, without those to be left out.
func calendarEvents(r audit.Result, without map[[2]string]bool) []*calendarEvent {
	var events []*calendarEvent
	byCertificate := map[[2]string]*calendarEvent{}
	for _, c := range r.Certificates {
		if c.SHA256 == "" || c.NotAfter.IsZero() || without[[2]string{c.Node, c.SHA256}] {
			continue
		}
		e := byCertificate[[2]string{c.Node, c.SHA256}]
		if e == nil {
			e = &calendarEvent{first: c}
			byCertificate[[2]string{c.Node, c.SHA256}] = e
			events = append(events, e)
		}
		e.roles = append(e.roles, c.Role)
		e.places = append(e.places, strings.Join(nonEmpty(c.Path, c.Field), " "))
		e.isCA = e.isCA || c.Type == "CA" || slices.Contains(c.Usages, "cert sign")
	}
	for _, e := range events {
		e.roles, e.places = distinct(e.roles), distinct(e.places)
	}
	return events
}

func (e *calendarEvent) lines(at time.Time) []string {
	days := alarmDays
	if e.isCA {
		days = alarmDaysCA
	}
	summary := "Certificate expires: " + strings.Join(e.roles, ", ")
	if e.first.Node != "" {
		summary += " on " + e.first.Node
	}
	description := []string{"Subject: " + e.first.CommonName, "Issuer: " + e.first.Issuer, "Serial: " + e.first.Serial, "SHA-256: " + e.first.SHA256}
	for _, place := range e.places {
		description = append(description, "File: "+place)
	}
	return icsEvent{uid: e.uid(), start: "DTSTART:" + icsTime(e.first.NotAfter), summary: summary, description: description, alarm: days}.lines(at)
}

// icsEvent is an event of a calendar.
type icsEvent struct {
	uid string
	// start is the whole line, since it may be a day or an instant.
	start       string
	summary     string
	description []string
	// alarm is how many days before it goes off.
	alarm int
}

func (e icsEvent) lines(at time.Time) []string {
	return []string{
		"BEGIN:VEVENT",
		"UID:" + e.uid,
		"DTSTAMP:" + icsTime(at),
		e.start,
		"SUMMARY:" + icsText(e.summary),
		"DESCRIPTION:" + icsText(e.description...),
		"TRANSP:TRANSPARENT",
		"BEGIN:VALARM",
		"ACTION:DISPLAY",
		fmt.Sprintf("TRIGGER:-P%dD", e.alarm),
		"DESCRIPTION:" + icsText(e.summary),
		"END:VALARM",
		"END:VEVENT",
	}
}

// uid is the same in every calendar that has this certificate of this node, so
// that an import replaces the event.
func (e *calendarEvent) uid() string {
	sum := sha256.Sum256([]byte(e.first.SHA256 + "\x00" + e.first.Node))
	return fmt.Sprintf("%x@certaudit", sum[:16])
}

func icsTime(t time.Time) string { return t.UTC().Format("20060102T150405Z") }

var icsEscapes = strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`)

// icsText is a value of type TEXT with these lines (section 3.3.11).
func icsText(lines ...string) string {
	escaped := make([]string, len(lines))
	for i, line := range lines {
		escaped[i] = icsEscapes.Replace(brief(line))
	}
	return strings.Join(escaped, `\n`)
}

// lineOctets is the most that a line may have before its CRLF (section 3.1).
const lineOctets = 75

// fold ends a line with CRLF and breaks it where it is too long, never inside
// a character.
func fold(line string) string {
	var b strings.Builder
	used := 0
	for _, r := range line {
		size := utf8.RuneLen(r)
		if used+size > lineOctets {
			b.WriteString("\r\n ")
			used = 1
		}
		b.WriteRune(r)
		used += size
	}
	return b.String() + "\r\n"
}
