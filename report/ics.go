package report

import (
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
// at the time it ends.
//
// Source: RFC 5545.
func writeICS(w io.Writer, r audit.Result, _ Options) error {
	var b strings.Builder
	for _, line := range calendar(r) {
		b.WriteString(fold(line))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func calendar(r audit.Result) []string {
	lines := []string{"BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//certaudit//certaudit//EN", "CALSCALE:GREGORIAN"}
	for _, e := range calendarEvents(r) {
		lines = append(lines, e.lines(r.At)...)
	}
	return append(lines, "END:VCALENDAR")
}

// calendarEvent is one certificate of a node in all its roles and places.
type calendarEvent struct {
	// first is the certificate in its first role.
	first  audit.Certificate
	roles  []string
	places []string
	isCA   bool
}

// calendarEvents are in the order of the certificates.
func calendarEvents(r audit.Result) []*calendarEvent {
	var events []*calendarEvent
	byCertificate := map[[2]string]*calendarEvent{}
	for _, c := range r.Certificates {
		if c.SHA256 == "" || c.NotAfter.IsZero() {
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
	return []string{
		"BEGIN:VEVENT",
		"UID:" + e.uid(),
		"DTSTAMP:" + icsTime(at),
		"DTSTART:" + icsTime(e.first.NotAfter),
		"SUMMARY:" + icsText(summary),
		"DESCRIPTION:" + icsText(description...),
		"TRANSP:TRANSPARENT",
		"BEGIN:VALARM",
		"ACTION:DISPLAY",
		fmt.Sprintf("TRIGGER:-P%dD", days),
		"DESCRIPTION:" + icsText(summary),
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
