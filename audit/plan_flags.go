package audit

import (
	"path"
	"slices"
	"strings"

	"certaudit/audit/inventory"
	"certaudit/parsers"
)

// flagWork writes what a component should be started with, where there is one way to
// write it: the flag that was meant, or the file that fits.
func (p *planner) flagWork(f Finding, ask work) work {
	if f.Severity != Critical {
		return ask // it may be meant
	}
	for _, fault := range p.flags.faults {
		if fault.flag.Origin == f.origin() {
			return p.renameWork(fault, ask)
		}
	}
	return p.setWork(f, ask)
}

// renameWork gives a setting that a component does not know the name of the one that
// was meant.
func (p *planner) renameWork(fault flagFault, ask work) work {
	flag, c := fault.flag, fault.component
	e := edit{line: flag.Origin.Line, name: strings.TrimLeft(flag.Written(), "-"), rename: fault.instead, value: flag.Value}
	switch {
	case !isOnCommandLine(flag):
		e.name, e.rename = lastKey(flag.Origin.Field), lastKey(settingName(fault))
		if isStray(fault) && parentOf(flag.Name) != parentOf(settingName(fault)) {
			return ask // another name will not do where it stands
		}
	case fault.instead == "":
		return p.dropWork(fault, ask)
	case !strings.HasPrefix(flag.Written(), "--"):
		e.rename = "-" + fault.instead // the one dash stays
	}
	if e.bare = isOnCommandLine(flag) && !isJoined(flag); e.bare {
		e.value = "none"
	}
	already := fault.instead != flag.Name && p.inv.Setting(c.Name, fault.instead).Value != ""
	if fault.instead == "" || already || isVendorBuild(c) || !p.isWritten(e, flag.Origin.Path) {
		return ask
	}
	return p.editFlags(c, flag.Origin.Path, ask, e)
}

// isStray reports whether a fault is of a field of a component's own configuration.
func isStray(fault flagFault) bool {
	return slices.ContainsFunc(fault.component.StrayFields, func(f parsers.Flag) bool { return f.Origin == fault.flag.Origin })
}

// parentOf is what stands before the last key of a field.
func parentOf(field string) string { return strings.TrimSuffix(field, lastKey(field)) }

// dropWork takes a flag out that a component had once: it does not start with it.
func (p *planner) dropWork(fault flagFault, ask work) work {
	flag, c := fault.flag, fault.component
	program, _ := inventory.ProgramNamed(c.Name)
	_, removed := program.Flag(flag.Name)
	e := edit{line: flag.Origin.Line, name: strings.TrimLeft(flag.Written(), "-"), drop: true, alone: p.isManifest(flag.Origin.Path)}
	written := e
	written.value = "none"
	if !removed || flag.Apart || !e.alone && !isJoined(flag) || isVendorBuild(c) || !p.isWritten(written, flag.Origin.Path) {
		return ask
	}
	return p.editFlags(c, flag.Origin.Path, ask, e)
}

// setWork sets a flag that is not set to the one file of the node that fits, and with
// it the other half of a pair.
func (p *planner) setWork(f Finding, ask work) work {
	u := p.unset(f.Component, strings.TrimPrefix(f.Field, "--"))
	c, _ := p.inv.Component(f.Component)
	if u.flag == "" || u.at != f.origin() || path.Ext(u.at.Path) == ".json" || isVendorBuild(c) {
		return ask
	}
	first, ok := p.beside(c, u)
	if !ok {
		return ask
	}
	edits := []edit{first}
	program, _ := inventory.ProgramNamed(c.Name)
	for _, row := range program.Flags {
		own, _ := program.Flag(u.flag)
		half := p.unset(c.Name, row.Name)
		if half.flag == "" || row.Pair != u.flag && own.Pair != row.Name {
			continue
		}
		other, ok := p.beside(c, half)
		if !ok {
			return ask
		}
		edits = append(edits, other)
	}
	return p.editFlags(c, u.at.Path, ask, edits...)
}

// beside is the edit that sets a flag beside another one that stands in the same file;
// ok is false where it cannot be written, or more than one file fits.
func (p *planner) beside(c inventory.Component, u unsetFlag) (e edit, ok bool) {
	files := p.fittingFiles(u)
	if len(files) != 1 {
		return e, false
	}
	i := slices.IndexFunc(c.Settings, func(s parsers.Flag) bool {
		return isJoined(s) && s.Origin.Path == u.at.Path && s.Origin.Line > 0 && s.Written() == "--"+s.Name
	})
	if i < 0 {
		return e, false
	}
	anchor := c.Settings[i]
	e = edit{line: anchor.Origin.Line, name: anchor.Name, beside: u.flag, value: files[0], alone: p.isManifest(u.at.Path)}
	shared := slices.ContainsFunc(c.Settings, func(s parsers.Flag) bool {
		return s.Name != anchor.Name && s.Origin.Path == anchor.Origin.Path && s.Origin.Line == anchor.Origin.Line
	})
	return e, p.isWritten(e, u.at.Path) && (!e.alone || !shared && p.mounts(c, files[0]))
}

// isJoined reports whether the value of a flag stands behind "=". One that stands alone
// has the value "true", as "--x=true" has it, which is left to people as well.
func isJoined(f parsers.Flag) bool { return !f.Apart && f.Value != "true" }

// isManifest reports whether a file is a manifest of the kubelet's.
func (n *node) isManifest(file string) bool { return path.Dir(file) == n.inv.ManifestDir }

// isWritten reports whether an edit can be written into a file as it stands.
func (p *planner) isWritten(e edit, file string) bool {
	return e.line > 0 && file != "" && quotable(file) && plainValue.MatchString(e.name) && plainValue.MatchString(e.value)
}

// editFlags has a component start with what edits make of a file.
func (p *planner) editFlags(c inventory.Component, file string, ask work, edits ...edit) work {
	return work{key: "flag " + file + " " + edits[0].name + edits[0].beside, ask: ask.ask, steps: func(p *planner, of work) bool {
		p.edit(file, of, edits...)
		p.applied(c.Name, file)
		return true
	}}
}

// applied has a component take up a file of settings. The kubelet itself notices a
// manifest that changes.
func (p *planner) applied(component, file string) {
	if !p.isManifest(file) {
		p.restart(component)
	}
	p.reload = p.reload || inventory.IsUnitFile(file)
}

// mounts reports whether a component sees a file of the node under its path: it sees
// another in the same folder, or in one around it.
func (p *planner) mounts(c inventory.Component, file string) bool {
	return slices.ContainsFunc(p.inv.References, func(r inventory.Reference) bool {
		return r.Component == c.Name && r.Embedded == nil && !r.Unmounted && r.Path != "" && p.inv.Setting(c.Name, r.Name).Value == r.Path &&
			strings.HasPrefix(path.Dir(file)+"/", path.Dir(r.Path)+"/")
	})
}

// mistypedPathWork has a flag name the file that kubeadm keeps for its purpose, where
// what it names is not there.
func (p *planner) mistypedPathWork(f Finding, ask work) work {
	refs := p.refsTo(f.Path)
	if p.facts.profile != ProfileKubeadm || len(refs) == 0 || p.inv.Files[f.Path].State != inventory.Missing && !refs[0].Unmounted {
		return ask
	}
	var all []assignment
	for _, ref := range refs {
		instead := p.kubeadmFileFor(ref)
		if instead == "" || instead == f.Path || ref.Unmounted && path.Dir(instead) != path.Dir(f.Path) || !inventory.IsProgram(ref.Component) || !strings.HasPrefix(ref.Origin.Field, "-") && p.inv.Setting(ref.Component, ref.Name).Origin != ref.Origin {
			return ask
		}
		all = append(all, assignmentOf(*ref, instead))
	}
	return p.assignWork(ask, all...)
}

// kubeadmFileFor is the readable file that kubeadm keeps for what a reference names; ""
// for none.
func (n *node) kubeadmFileFor(ref *inventory.Reference) string {
	for _, k := range inventory.KubeadmFiles() {
		name := n.inv.KubeadmPath(k)
		if k.Role == ref.Role && (ref.Role != "" || n.isTokenKey(k, ref)) && similar(k.Holds, ref.Holds) && n.inv.Files[name].State == inventory.Readable && holds(ref.Holds, n.inv.Materials[name]) {
			return name
		}
	}
	return ""
}

// isTokenKey reports whether one of kubeadm's files is the key for tokens that a
// reference calls for. What signs has to be among what verifies.
func (n *node) isTokenKey(k inventory.KubeadmFile, ref *inventory.Reference) bool {
	switch ref.Holds {
	case inventory.HoldsTokenVerifier:
		return k.Holds == ref.Holds
	case inventory.HoldsTokenKey:
		verifiers := n.references(inventory.APIServer, "service-account-key-file")
		for i, v := range verifiers {
			if n.inv.Files[v.Path].State == inventory.Missing {
				verifiers[i].Path = n.certPath("sa.pub") // as it will be
			}
		}
		return k.Holds == ref.Holds && n.verifies(verifiers, inventory.Reference{Path: n.inv.KubeadmPath(k)})
	}
	return false
}

// similar reports whether what one reference calls for does for another: a private key
// is one whatever it is for, and so is a file of certificates.
func similar(a, b inventory.Holding) bool {
	private := map[inventory.Holding]bool{inventory.HoldsPrivateKey: true, inventory.HoldsSignerKey: true, inventory.HoldsTokenKey: true}
	return private[a] == private[b]
}
