package audit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"certaudit/parsers/logs"
)

// infoOf is the row of a kind; one with the kind as its title where there is none.
func infoOf(kind logs.Kind) logs.KindInfo {
	all := logs.Kinds()
	if i := slices.IndexFunc(all, func(k logs.KindInfo) bool { return k.Kind == kind }); i >= 0 {
		return all[i]
	}
	return logs.KindInfo{Kind: kind, Title: strings.ReplaceAll(string(kind), "-", " "), Severity: string(Warning)}
}

// writerWords name who wrote a line.
func writerWords(e LogEvent) string {
	words := cmp.Or(clip(e.Component), "a program that the log does not name")
	if e.Node != "" {
		words += " on " + e.Node
	}
	return words
}

// peerWords name the other end of a line.
func peerWords(e LogEvent) string {
	words := cmp.Or(e.Peer, "the other end")
	if e.Address != "" {
		words += " at " + clip(e.Address)
	}
	if e.PeerNode != "" && e.PeerNode != e.Node {
		words += " on " + e.PeerNode
	}
	return words
}

// whoWords say who refused whom.
func whoWords(e LogEvent) string {
	writer, client := writerWords(e), "a client"
	switch {
	case e.Peer != "":
		client = "its client " + peerWords(e)
	case e.Address != "":
		client = "a client at " + strings.TrimPrefix(peerWords(e), "the other end at ")
	}
	switch {
	case e.Direction == string(logs.Own):
		return writer + " cannot use what it is configured with"
	case e.Direction == string(logs.Refuses) && e.Side == string(logs.Server):
		return writer + " refuses " + client
	case e.Kind == string(logs.KindTLSToHTTP): // there is no certificate
		return writer + " has no connection with " + peerWords(e)
	case e.Direction == string(logs.Refuses):
		return writer + " refuses the certificate of " + peerWords(e)
	case e.Direction == string(logs.Refused) && e.Side == string(logs.Server):
		return client + " refuses the certificate of " + writer
	case e.Direction == string(logs.Refused):
		return peerWords(e) + " refuses what " + writer + " shows"
	case e.Peer+e.Address != "":
		return writer + " has no connection with " + peerWords(e)
	}
	return writer + " has no connection"
}

// detailWords are what a line says of the certificate; "" for nothing.
func detailWords(e logs.Event) string {
	var parts []string
	if !e.Bound.IsZero() {
		verb := "it ended on "
		if e.Kind == logs.KindNotYetValid {
			verb = "it begins on "
		}
		part := verb + instant(e.Bound)
		if !e.Clock.IsZero() {
			part += ", and was judged at " + instant(e.Clock)
		}
		parts = append(parts, part)
	}
	if e.Name != "" && len(e.Valid) > 0 {
		parts = append(parts, fmt.Sprintf("it is for %s, and %s was called", strings.Join(clipAll(e.Valid), ", "), clip(e.Name)))
	} else if e.Name != "" {
		parts = append(parts, clip(e.Name)+" was called, for which it is not")
	}
	if e.Candidate != "" {
		parts = append(parts, fmt.Sprintf(`a CA called "%s", which is trusted there, did not sign it`, clip(e.Candidate)))
	}
	if len(e.Paths) > 0 {
		parts = append(parts, "the line names "+strings.Join(clipAll(e.Paths), ", "))
	}
	return strings.Join(parts, "; ")
}

// lineWords are what the line alone says.
func lineWords(w told, e LogEvent) string {
	words := whoWords(e) + ": " + strings.TrimSuffix(infoOf(w.Kind).Title, ".") + "."
	if first, _, _ := strings.Cut(words, " "); first != e.Component && first != e.Peer {
		words = sentence(words)
	}
	if details := detailWords(w.Event); details != "" {
		words += " " + sentence(details)
	}
	return words
}

// sentence begins a text as one, and ends it.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	text = strings.ToUpper(text[:1]) + text[1:]
	if !strings.HasSuffix(text, ".") {
		text += "."
	}
	return text
}

// sentences joins those that are not empty.
func sentences(texts ...string) string {
	return strings.Join(slices.DeleteFunc(texts, func(s string) bool { return s == "" }), " ")
}

// How far clocks, and the times of lines, may lie apart before they are doubted. Lines
// are often in the local time of their host, which no zone is further from UTC than.
const (
	furthestZone = 15 * time.Hour
	freshlyMade  = 24 * time.Hour
)

// beforeKubernetes is when there were no lines of Kubernetes yet: machines without a clock
// of their own begin in 1970 or at the build of their system.
var beforeKubernetes = time.Date(2014, 6, 1, 0, 0, 0, 0, time.UTC)

// isClockWrong reports whether a certificate was judged by a clock that lies more than a day
// from the time of the line, or that no machine has any more. The year of many lines is
// not written in them, and so does not count.
func (w told) isClockWrong() bool {
	at := w.Group.At.Time
	switch {
	case w.Clock.IsZero():
		return false
	case w.Clock.Before(beforeKubernetes):
		return true
	case at.IsZero():
		return false
	}
	for _, years := range []int{-1, 0, 1} {
		if w.Clock.Sub(at.AddDate(w.Clock.Year()-at.Year()+years, 0, 0)).Abs() <= freshlyMade {
			return false
		}
	}
	return true
}

// clockWords say why the clock that a certificate was judged by is doubtful; "" where it
// is not. valid says that the certificate is valid at the time of the audit.
func clockWords(w told, valid bool, now time.Time) string {
	if w.Clock.IsZero() {
		return ""
	}
	early := w.Kind == logs.KindNotYetValid
	switch at := w.Group.At.Time; {
	case w.Clock.Before(beforeKubernetes):
		return fmt.Sprintf("The clock of who judged it is wrong: it was at %s.", instant(w.Clock))
	case !at.IsZero() && w.Clock.Sub(at).Abs() > furthestZone:
		return fmt.Sprintf("The clock of who judged it is doubtful: it was at %s, and the line is of %s.", instant(w.Clock), instant(at))
	case early && w.Bound.Sub(w.Clock) < freshlyMade && w.Bound.After(w.Clock):
		return "The certificate begins so shortly after the clock of who judged it that one of the clocks is doubtful: that one is behind, or that of who made the certificate was ahead (timedatectl on both)."
	case valid && !early && w.Bound.After(now):
		return fmt.Sprintf("The clock of who judged it is doubtful: it was at %s, and at %s the certificate had not ended.", instant(w.Clock), instant(now))
	}
	return ""
}

// causeWords say what explains an event.
func causeWords(causes []LogCause) string {
	c := causes[0]
	at := c.Path
	if c.Line != 0 {
		at = fmt.Sprintf("%s:%d", c.Path, c.Line)
	}
	if c.Node != "" {
		at += " on " + c.Node
	}
	words := "the cause is "
	if len(causes) > 1 {
		words = "the likeliest cause is "
	}
	words += strings.TrimSpace(at)
	if c.Check != "" {
		words += " (" + c.Check + ")"
	}
	words += ": " + c.Message
	if more := len(causes) - 1; more > 0 {
		words += fmt.Sprintf("; %s may be as well", plural(more, "other finding"))
	}
	return sentence(words)
}

// causeNext says what to do about the first cause.
func causeNext(c LogCause) string {
	what := cmp.Or(c.Check, "what is missing")
	if c.Check != "" && c.Path != "" {
		what += " at " + c.Path
	}
	switch {
	case c.Step > 0 && c.Node != "":
		return fmt.Sprintf("Fix %s: step %d of the plan, on %s.", what, c.Step, c.Node)
	case c.Step > 0:
		return fmt.Sprintf("Fix %s: step %d of the plan.", what, c.Step)
	case c.Remedy != "" && strings.HasPrefix(c.Remedy, "#"):
		return sentence(fmt.Sprintf("Fix %s: %s", what, prose(c.Remedy)))
	case c.Check == "":
		return "Call it by a name that its certificate has, or have the certificate issued with this one."
	}
	return fmt.Sprintf("Fix %s.", what)
}
