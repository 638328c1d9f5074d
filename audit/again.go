package audit

import (
	"slices"
	"strings"
)

// Again are the words of certaudit audit by which an audit is repeated. The zero value is
// for the audit of a node without flags.
type Again struct {
	// Flags say how everything is judged.
	Flags []AgainFlag
	// Paths are what was audited in place of a node or, if Beside, with the node that the
	// program runs on; "-" is the standard input, which nobody can read again.
	Paths  []string
	Beside bool
}

// AgainFlag is a flag, without its dashes, and its value; HasValue is false for one that
// takes none.
type AgainFlag struct {
	Name, Value string
	HasValue    bool
}

// node is the command for a node: on it, whatever copy of it was audited.
func (a Again) node() string {
	if paths := a.paths(); a.Beside && paths != "" {
		return a.command() + " --root=/" + paths
	}
	return a.command()
}

// files is the command for files that belong to no node; "" if none can be read again.
func (a Again) files() string {
	if paths := a.paths(); paths != "" {
		return a.command() + paths
	}
	return ""
}

func (a Again) command() string {
	out := []string{"certaudit", "audit"}
	for _, f := range a.Flags {
		word := "--" + f.Name
		if f.HasValue {
			word += "=" + shellWord(f.Value)
		}
		out = append(out, word)
	}
	return strings.Join(out, " ")
}

// paths are the words for those that can be read again, behind what ends the flags; "" for
// none.
func (a Again) paths() string {
	paths := slices.DeleteFunc(slices.Clone(a.Paths), func(name string) bool { return name == "-" || !quotable(name) })
	if len(paths) == 0 {
		return ""
	}
	return " -- " + words(paths...)
}
