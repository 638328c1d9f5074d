package report

import "certaudit/audit"

// htmlLogs is what the page shows of logs.
type htmlLogs struct {
	Summary string
	Entries []htmlEntry
	// More counts the events that are left out.
	More  int
	Lists []htmlList
}

// htmlEntry is what failed for one reason, in words.
type htmlEntry struct {
	Level              level
	Causes             []string
	Meaning, Fix, Next string
	Commands           []string
	Sayings            []htmlSaying
}

// htmlSaying is what one program says of it.
type htmlSaying struct{ Kind, Ends, On, Times, Message string }

// htmlList is a list under a title.
type htmlList struct {
	Title string
	Lines []string
}

// newHTMLLogs returns the view of logs; nil where none were read.
func newHTMLLogs(l *audit.Logs, plan []audit.Step, several bool) *htmlLogs {
	if l == nil {
		return nil
	}
	view := &htmlLogs{Summary: logsSummary(*l)}
	for i, entry := range l.Entries() {
		if i == firstRows {
			view.More += len(entry)
			continue
		}
		view.Entries = append(view.Entries, newHTMLEntry(entry, plan, several))
	}
	var findings []string
	for _, f := range l.Findings {
		findings = append(findings, causeText(audit.LogCause{Node: f.Node, Check: f.Check, Path: f.Path, Line: f.Line, Message: f.Message}, ""))
	}
	for _, list := range []htmlList{
		{"Files that programs use", findings},
		{"Looks like TLS, and is not understood", unknownLines(*l, Options{Width: maxCell})},
		{"Not read", unreadLogs(*l)},
		{"Notes", l.Notes},
	} {
		if len(list.Lines) > 0 {
			list.Lines = briefList(list.Lines)
			view.Lists = append(view.Lists, list)
		}
	}
	return view
}

func newHTMLEntry(entry audit.LogEntry, plan []audit.Step, several bool) htmlEntry {
	e, all := entry[0], Options{Verbose: true}
	view := htmlEntry{Level: severityLevel(entry.Sum().Severity), Causes: briefList(eventCauses(e)), Meaning: eventMeaning(e, Options{}), Fix: eventFix(e, plan), Next: eventNext(e, all), Commands: eventCommands(e, all)}
	for _, e := range entry {
		s := htmlSaying{Kind: e.Kind, Ends: brief(perhaps(e, eventEnds(e))), Times: eventTimes(e), Message: brief(e.Message)}
		if several {
			s.On = e.Node
		}
		view.Sayings = append(view.Sayings, s)
	}
	return view
}
