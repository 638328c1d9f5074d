package audit

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"certaudit/audit/inventory"
	"certaudit/parsers"
)

// edit gives a flag or field of a file another value.
type edit struct {
	// line is that on which it stands, or on which what it is part of begins.
	line int
	// name is the flag's or field's, and rename the one that it gets; "" for the same.
	name, rename string
	// value is the new value as it stands in double quotes in a command.
	value string
	// beside is a flag that is set to the value beside name, which is left as it is; drop
	// takes name out with its value. Both are for command lines. alone says that each
	// flag has a line of its own.
	beside      string
	drop, alone bool
	// bare renames a flag whose value stands elsewhere, or nowhere.
	bare bool
}

// fileEdits are what is changed in one file, and for which findings.
type fileEdits struct {
	file  string
	of    work
	edits []edit
}

// pattern matches the name and the value, in YAML, JSON, an environment file or a
// command line, for sed between bars in double quotes. Its group is what stands
// between the two.
func (e edit) pattern() string {
	return strings.ReplaceAll(e.name, ".", "[.]") + `\([\"']*[:= ][\"' ]*\)[^\"', ]*`
}

// command changes the first place at or behind the line, in what it reads.
func (e edit) command() string {
	flag := "--" + e.name + `=[^\"' ]*`
	pattern, script := e.pattern(), fmt.Sprintf(`s||%s\\1%s|`, cmp.Or(e.rename, e.name), e.value)
	switch {
	case e.bare:
		pattern, script = `\(--*\)`+strings.ReplaceAll(e.name, ".", "[.]")+`\([^A-Za-z0-9._-].*\)*\$`, fmt.Sprintf(`s||\\1%s\\2|`, e.rename)
	case e.beside != "" && e.alone:
		pattern, script = `^\(.*\)`+flag+`\(.*\)\$`, fmt.Sprintf(`s||&\n\\1--%s=%s\\2|`, e.beside, e.value)
	case e.beside != "":
		pattern, script = flag, fmt.Sprintf(`s||& --%s=%s|`, e.beside, e.value)
	case e.drop && e.alone:
		pattern, script = `^ *- *[\"']*--`+e.name+`\(=[^\"' ]*\)*[\"']* *\$`, "d"
	case e.drop:
		pattern, script = " *"+flag, "s|||"
	}
	return fmt.Sprintf(`sed -e "%d,\$ {" -e "\\|%s| {" -e "%s" -e ":a" -e n -e ba -e "}" -e "}"`, e.line, pattern, script)
}

// edit notes changes of a file.
func (p *planner) edit(file string, of work, edits ...edit) {
	p.needs("sed")
	p.changes(file)
	i := slices.IndexFunc(p.edited, func(f fileEdits) bool { return f.file == file })
	if i < 0 {
		i = len(p.edited)
		p.edited = append(p.edited, fileEdits{file: file})
	}
	f := &p.edited[i]
	f.of.findings = union(f.of.findings, of.findings)
	for _, e := range edits {
		if !slices.Contains(f.edits, e) {
			f.edits = append(f.edits, e)
		}
	}
}

// editFile adds the steps that make the changes of a file in a copy, and put the copy
// in place if each made a difference. The last come first, since some add lines.
func (p *planner) editFile(f fileEdits) {
	file, of, edits := f.file, f.of, f.edits
	slices.SortStableFunc(edits, func(a, b edit) int { return cmp.Compare(b.line, a.line) })
	s := p.stageFor(path.Dir(file), of)
	made := s.path(path.Base(file))
	commands := []string{"cp -p -- " + words(file, made)}
	for i, e := range edits {
		before := s.path(fmt.Sprintf("%s.%d", path.Base(file), i))
		s.leave(before)
		commands = append(commands, "cat "+words(made)+" > "+words(before), e.command()+" "+words(before)+" > "+words(made))
	}
	p.add(PhaseMake, of, "change a copy of "+file, commands...)
	var different []string
	for i := range edits {
		after := made
		if i+1 < len(edits) {
			after = s.path(fmt.Sprintf("%s.%d", path.Base(file), i+1))
		}
		different = append(different, fmt.Sprintf(`[ "$(cat %s)" != "$(cat %s)" ]`, words(s.path(fmt.Sprintf("%s.%d", path.Base(file), i))), words(after)))
	}
	p.add(PhaseCheck, of, "see that the copy of "+file+" is changed", different...)
	p.add(PhasePlace, of, "put the changed "+file+" in place", "mv -f -- "+words(made, file))
}

// base64Of is the value of a field that holds a file.
func base64Of(file string) string { return "$(openssl base64 -A -in " + words(file) + ")" }

// crowded reports whether two clusters or users of a kubeconfig stand on one line, as
// in JSON without line breaks: which of them would be changed cannot be told.
func (p *planner) crowded(kubeconfig string) bool {
	k, clusters, users := p.inv.Kubeconfigs[kubeconfig], map[int]bool{}, map[int]bool{}
	for _, c := range k.Clusters {
		clusters[c.Origin.Line] = true
	}
	for _, u := range k.Users {
		users[u.Origin.Line] = true
	}
	return len(clusters) < len(k.Clusters) || len(users) < len(k.Users)
}

// assignment gives a flag or field of a component another value.
type assignment struct {
	component string
	at        parsers.Origin
	// flag is what the setting is called whatever it is called where it stands; old is
	// its value, for a file the path on the node.
	flag, old, value string
}

func assignmentOf(ref inventory.Reference, value string) assignment {
	return assignment{ref.Component, ref.Origin, ref.Name, ref.Path, value}
}

// plainValue matches what is written into a flag or field as it stands.
var plainValue = regexp.MustCompile(`^[A-Za-z0-9/_][A-Za-z0-9/_.:@%+-]*$`)

// assignWork makes assignments. In a pod a path counts only if it is the same inside
// and outside, and lies where the component has others.
func (p *planner) assignWork(ask work, all ...assignment) work {
	for _, a := range all {
		if a.at.Path == "" || a.at.Line == 0 || !plainValue.MatchString(a.name()) || !plainValue.MatchString(a.value) || !quotable(a.at.Path) || !p.sees(a) {
			return ask
		}
	}
	if len(all) == 0 {
		return ask
	}
	return work{key: fmt.Sprintf("assign %s %s", all[0].at.Path, all[0].at.Field), ask: ask.ask, steps: func(p *planner, of work) bool {
		files := []string{}
		for _, a := range all {
			files = union(files, []string{a.at.Path})
		}
		for _, file := range files {
			var edits []edit
			for _, a := range all {
				if a.at.Path == file {
					edits = append(edits, edit{line: a.at.Line, name: a.name(), value: a.value})
				}
				if a.at.Path == file {
					p.applied(a.component, file)
				}
			}
			p.edit(file, of, edits...)
		}
		return true
	}}
}

// name is what the setting is called where it stands: a flag without its dashes, the
// last part of a field.
func (a assignment) name() string { return lastKey(strings.TrimLeft(a.at.Field, "-")) }

// lastKey is the last part of a field, "clientCAFile" of
// "authentication.x509.clientCAFile".
func lastKey(field string) string { return field[strings.LastIndexByte(field, '.')+1:] }

// sees reports whether a component sees the new value of an assignment as it stands.
func (p *planner) sees(a assignment) bool {
	c, _ := p.inv.Component(a.component)
	if !p.isStatic(c) || !strings.HasPrefix(a.value, "/") {
		return true
	}
	return p.inv.Setting(a.component, a.flag).Value == a.old && slices.ContainsFunc(p.inv.References, func(r inventory.Reference) bool {
		return r.Component == a.component && r.Embedded == nil && !r.Unmounted && p.inv.Setting(r.Component, r.Name).Value == r.Path && (r.Path == a.value || r.Holds != inventory.HoldsKubeconfig && strings.HasPrefix(path.Dir(a.value)+"/", path.Dir(r.Path)+"/"))
	})
}
