package report

import "certaudit/audit"

// htmlLogs is what the page shows of logs.
type htmlLogs struct {
	Summary string
	Events  []htmlEvent
	// More counts the events that are left out.
	More  int
	Lists []htmlList
}

// htmlEvent is an event in words.
type htmlEvent struct {
	Level                                              level
	Kind, Ends, On, Times, Message, Meaning, Fix, Next string
	Causes, Commands                                   []string
}

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
	for i, e := range l.Events {
		if i == firstRows {
			view.More = len(l.Events) - i
			break
		}
		on := e.Node
		if !several {
			on = ""
		}
		view.Events = append(view.Events, htmlEvent{Level: severityLevel(e.Severity), Kind: e.Kind, Ends: brief(eventEnds(e)), On: on, Times: eventTimes(e),
			Message: brief(e.Message), Meaning: eventMeaning(e, Options{}), Fix: eventFix(e, plan), Next: eventNext(e, Options{Verbose: true}), Causes: briefList(eventCauses(e)), Commands: eventCommands(e, Options{Verbose: true})})
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
