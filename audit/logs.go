package audit

import (
	"cmp"
	"slices"
	"time"

	"certaudit/parsers/logs"
)

// LogsSchema names the form of [Logs] in JSON. Fields are added under this name, never
// renamed or removed.
const LogsSchema = "certaudit-logs/v1"

// Logs is what logs say, tied to what is wrong with the nodes beside them.
type Logs struct {
	Schema string    `json:"schema"`
	At     time.Time `json:"at"`
	// Policy is the file of the policy that these were judged by; nil for none.
	Policy *PolicyFile `json:"policy,omitempty"`
	// Nodes are those that the logs were held against; empty for none.
	Nodes []string `json:"nodes"`
	// Events are the worst first, of these what gives a reason before a bare alert.
	Events []LogEvent `json:"events"`
	// Findings are files that a program uses and its configuration does not name.
	Findings []Finding `json:"findings"`
	// Components, Unknown, Unlisted, Ungrouped and Sources are as in [logs.Digest].
	Components []LogCount   `json:"components"`
	Unknown    []LogUnknown `json:"unknown"`
	Unlisted   int64        `json:"unlisted,omitempty"`
	Ungrouped  int64        `json:"ungrouped,omitempty"`
	Sources    []LogSource  `json:"sources"`
	// Incomplete: something could not be read.
	Incomplete bool `json:"incomplete,omitempty"`
	// Notes say what was passed over without being needed, and why.
	Notes []string `json:"notes,omitempty"`
}

// LogEvent is a failure that one or many lines tell.
type LogEvent struct {
	Kind     string   `json:"kind"`
	Severity Severity `json:"severity"`
	// Node is the one whose component wrote the lines; "" where that is not known.
	Node string `json:"node"`
	// Component wrote the lines; "" where nothing says who did.
	Component string `json:"component"`
	// Side is the part that the component has in the handshake: "client", "server" or
	// "" where the line does not say.
	Side string `json:"side"`
	// Peer is the component at the other end, PeerNode the node beside the logs that it
	// is on, and Address where it is, as far as that is known.
	Peer     string `json:"peer"`
	PeerNode string `json:"peerNode,omitempty"`
	Address  string `json:"address"`
	// Direction says who refused whom: "refuses", "refused", "own" or "".
	Direction string    `json:"direction"`
	First     time.Time `json:"first,omitzero"`
	Last      time.Time `json:"last,omitzero"`
	Count     int64     `json:"count"`
	// Source and Line are where the first of the lines stands.
	Source string `json:"source"`
	Line   int64  `json:"line"`
	// Message is the part of the line that tells it, Meaning what it means here, and
	// Next what to look at or to do.
	Message string `json:"message"`
	Meaning string `json:"meaning"`
	Next    string `json:"next"`
	// Commands are what Next says to run, POSIX shell, in their order; nil for nothing.
	Commands []string `json:"commands,omitempty"`
	// Tie says how far the nodes beside the logs explain the event.
	Tie Tie `json:"tie"`
	// Cause names what explains the event, as far as Tie says; it is the same for all events
	// of one cause, as [Logs.Entries] joins them. "" for nothing.
	Cause string `json:"cause,omitempty"`
	// Causes tie the event to the nodes beside the logs, the likeliest first; nil for
	// nothing that explains it.
	Causes []LogCause `json:"causes,omitempty"`
	// Raw are lines as they were written; nil unless asked for.
	Raw []string `json:"raw,omitempty"`
}

// Tie says how far the nodes beside some logs explain an event.
type Tie string

// The ties.
const (
	// TieNone: there are no nodes beside the logs, and the line alone has to do.
	TieNone Tie = ""
	// TieCause: what is wrong there explains the event; its causes name it.
	TieCause Tie = "cause"
	// TieRestart: what is there is right by now, and a process goes on with what was
	// there before.
	TieRestart Tie = "restart"
	// TieOver: what is there is right by now, and the lines are older.
	TieOver Tie = "over"
	// TieElsewhere: an end that matters is not in view.
	TieElsewhere Tie = "elsewhere"
	// TieOpen: nothing in view explains the event for certain.
	TieOpen Tie = "open"
)

// LogCause is what is wrong with the nodes beside the logs and explains an event.
type LogCause struct {
	Node string `json:"node"`
	// Connection is the one that fails, as [Connection.Label] has it; "" for none.
	Connection string `json:"connection,omitempty"`
	// Check, Severity, Path, Line, Field, SHA256 and Message are those of the finding, and
	// Remedy is where no step of the plan fixes it. Check is "" where the audit has none:
	// nothing that is configured shows what the line tells.
	Check    string   `json:"check"`
	Severity Severity `json:"severity"`
	Path     string   `json:"path"`
	Line     int      `json:"line,omitempty"`
	Field    string   `json:"field,omitempty"`
	SHA256   string   `json:"sha256,omitempty"`
	Message  string   `json:"message"`
	Remedy   string   `json:"remedy,omitempty"`
	// Step is the number, from 1, of the step of the plan that fixes it; 0 for none.
	Step int `json:"step,omitempty"`
}

// LogCount is how many lines a component wrote.
type LogCount struct {
	Component string `json:"component"`
	Lines     int64  `json:"lines"`
	Events    int64  `json:"events"`
	Unknown   int64  `json:"unknown"`
}

// LogUnknown is a line that looks like TLS and is not understood.
type LogUnknown struct {
	Component string    `json:"component"`
	Source    string    `json:"source"`
	Line      int64     `json:"line"`
	First     time.Time `json:"first,omitzero"`
	Last      time.Time `json:"last,omitzero"`
	Count     int64     `json:"count"`
	Text      string    `json:"text"`
}

// LogSource is one file, or stream, that was read.
type LogSource struct {
	Name     string   `json:"name"`
	Format   string   `json:"format"`
	Lines    int64    `json:"lines"`
	Bytes    int64    `json:"bytes"`
	Problems []string `json:"problems,omitempty"`
}

// Explain ties what logs say to the nodes.
func (t *LogTies) Explain(d logs.Digest) Logs {
	out := Logs{Schema: LogsSchema, At: t.options.At.UTC(), Policy: t.result.Policy, Nodes: []string{}, Events: []LogEvent{}, Findings: []Finding{}, Components: []LogCount{}, Unknown: []LogUnknown{}, Sources: []LogSource{}}
	for _, n := range t.result.Nodes {
		out.Nodes = append(out.Nodes, n.Name)
	}
	t.take(d)
	out.Findings = append(out.Findings, t.uses...)
	for _, w := range t.lines {
		out.Events = append(out.Events, t.explain(w, t.options))
	}
	for i, w := range t.lines { // what the other end tells may be why
		if other := t.otherLine(w, out.Events[i]); other >= 0 && out.Events[i].Cause == "" {
			out.Events[i].Cause = out.Events[other].Cause
		}
	}
	slices.SortStableFunc(out.Events, compareLogEvents)
	for _, c := range d.Components {
		out.Components = append(out.Components, LogCount(c))
	}
	for _, u := range d.Unknown {
		out.Unknown = append(out.Unknown, LogUnknown{u.Component, u.Source, u.Number, u.First, u.Last, u.Count, u.Text})
	}
	for _, s := range d.Sources {
		out.Sources = append(out.Sources, LogSource{s.Name, s.Format, s.Lines, s.Bytes, s.Problems})
		out.Incomplete = out.Incomplete || len(s.Problems) > 0
	}
	out.Unlisted, out.Ungrouped = d.Unlisted, d.Ungrouped
	out.Incomplete = out.Incomplete || t.judged && t.result.Incomplete()
	return out
}

// take notes what logs say, in place of what others said before.
func (t *LogTies) take(d logs.Digest) {
	t.lines, t.ends = make([]told, len(d.Groups)), make(map[string]time.Time, len(d.Sources))
	for i, g := range d.Groups {
		t.lines[i] = t.told(g)
	}
	for _, s := range d.Sources {
		t.ends[s.Name] = s.Last
	}
	t.uses = t.otherFiles(d.Uses)
}

// bareAlerts are the kinds by which an end says no more than that the other one refused it.
var bareAlerts = []logs.Kind{logs.KindBadCertificate, logs.KindUnsupportedCertificate, logs.KindHandshakeFailure, logs.KindInternalError, logs.KindUnauthorized}

// compareLogEvents puts the worst first, then what gives a reason, then what was told most
// often, then the latest.
func compareLogEvents(a, b LogEvent) int {
	bare := func(e LogEvent) int {
		if slices.Contains(bareAlerts, logs.Kind(e.Kind)) {
			return 1
		}
		return 0
	}
	return cmp.Or(-cmp.Compare(a.Severity.Rank(), b.Severity.Rank()), cmp.Compare(bare(a), bare(b)), -cmp.Compare(a.Count, b.Count), -a.Last.Compare(b.Last),
		cmp.Compare(a.Source, b.Source), cmp.Compare(a.Line, b.Line))
}
