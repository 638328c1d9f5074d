// Package logs turns the logs of components into facts: which lines speak of a TLS
// failure, who wrote them, who refused whom and what for, and which files a program said
// it uses.
//
// Everything here is pure, as in package parsers: no file system and no clock. A log is
// read as a stream, its lines are hostile, and what is kept is bounded by the number of
// different events and not by that of lines.
package logs

import "time"

// Line is one line of a log, out of what carried it.
type Line struct {
	// Source is the name of the file, or - for the standard input.
	Source string
	// Node is the node that the source was told to be of; "" for none.
	Node string
	// Number counts the lines of the source from 1; it is that of the first where the
	// line was split into several.
	Number int64
	// Time is when it was written, UTC; zero where nothing says so. Of several that stand
	// in a line, what carries it around what the program wrote, the outermost with a zone
	// counts, or else the outermost with a year, or else the outermost. One without a zone,
	// or with a name that several zones have, is taken as UTC, and one without a year as
	// the last such before [Options.Now] and a day. A line without any has that of the
	// nearest line before it in its source, up to 64 lines back.
	Time time.Time
	// Host is the machine that it is from; "" where nothing says so.
	Host string
	// Component is who wrote it, under the name that the inventory has for it, or else
	// that of the program: "kube-apiserver", "curl"; "" where nothing says so. The name of
	// a container's log says it for sure; else the name in front of the line does, of the
	// journal, of syslog or of kubectl logs --prefix, where it is that of a program that is
	// known, then that of the file, then any name in front, and at last the text itself.
	Component string
	// Text is what the program wrote, without what carried it: klog's header and the JSON
	// of zap are still there. It is valid UTF-8, without NUL and the colours of terminals,
	// and may have line feeds where the journal has them.
	Text string
}

// Use is a file that a program said it uses.
type Use struct {
	// At is the line that says so, without its text.
	At Line
	// Setting is the flag of the component that names such a file, without dashes,
	// "trusted-ca-file".
	Setting string
	Path    string
}

// Options say how logs are read.
type Options struct {
	// Now is when the logs are read: a time without a year is the last such one before
	// it. It must be set.
	Now time.Time
	// Since is the first instant of which lines are judged; zero for all. Older ones are
	// only counted, in [Count.Lines]; those without a time are judged.
	Since time.Time
	// Raw is how many lines of each group are kept as they were written.
	Raw int
	// HostOf says from the name of a log on which machine it was written, for lines that do
	// not; nil, and "", for nothing that says so.
	HostOf func(source string) string
}

// Digest is what some logs say.
type Digest struct {
	// Groups are the events, those alike as one, in the order of their first lines.
	Groups []Group
	// Uses are the files that the programs use, of each program and setting the last by time.
	Uses []Use
	// Components count the lines by who wrote them, in the order of their names.
	Components []Count
	// Unknown are lines that look like TLS and are not understood, the most frequent first;
	// ten at most.
	Unknown []Unknown
	// Unlisted counts the lines that look like TLS, are not understood and stand in
	// no row of Unknown.
	Unlisted int64
	// Ungrouped counts the events, and the files in use, that found no place: there are
	// no more than 2,000 of Groups and of Uses.
	Ungrouped int64
	// Sources are in the order in which they were begun.
	Sources []Source
}

// Group is what several lines say alike: of one node, host and component, with one kind,
// direction, peer, certificate and message, but for numbers.
type Group struct {
	// Event is what the first line that was read of them says; Peer is without the port
	// that a client has by chance.
	Event
	// First and Last are the times between which they were written; zero where no
	// line has one.
	First, Last time.Time
	Count       int64
	// Raw are lines as they were written, with what carries them, the first ones.
	Raw []string
}

// Count is how many lines a component wrote.
type Count struct {
	// Component is "" for lines of which nothing says who wrote them, and of components
	// beyond the first thousand.
	Component string
	// Lines are those that the component wrote: one that came in parts, and one of the
	// journal with all its fields, is one.
	Lines int64
	// Events are the lines that are understood as a TLS failure, and Unknown those
	// that look like one and are not understood.
	Events, Unknown int64
}

// Unknown is a line that looks like TLS and is not understood, with those that differ
// from it by numbers and addresses only.
type Unknown struct {
	// Line is the first.
	Line
	First, Last time.Time
	Count       int64
}

// Source is one file, or stream, that was read.
type Source struct {
	Name string
	// Format names what most of its lines are carried by, such as "cri" or "journal-json";
	// "text" for nothing.
	Format string
	// Lines are those of the text, and Bytes its size; both unpacked.
	Lines, Bytes int64
	// Last is the time of the last line that has one; zero for none.
	Last time.Time
	// Problems say what could not be read of it.
	Problems []string
}
