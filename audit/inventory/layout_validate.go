package inventory

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"certaudit/parsers"
)

// placeholders match what stands for something in a text of a layout.
var placeholders = regexp.MustCompile(`\{([a-z0-9-]+)\}`)

// layoutHoldings are those that a file of a layout may have.
var layoutHoldings = []Holding{HoldsCertificate, HoldsBundle, HoldsKubeconfig, HoldsTokenKey, HoldsTokenVerifier, HoldsSecret}

// Validate returns an error for a layout that means nothing or contradicts itself, and
// the part of it at fault, ".files[2].path"; "" for the whole.
func (l Layout) Validate() (part string, err error) {
	switch {
	case l.Name == "":
		return "", fmt.Errorf("the layout has no name")
	case !path.IsAbs(l.Data):
		return ".data", fmt.Errorf("%q is no absolute path; data is the folder in which the distribution keeps its files", l.Data)
	case len(l.Modes) == 0:
		return "", fmt.Errorf("the layout has no modes: nothing shows it")
	}
	if err := isFileMode(l.FileMode); err != nil {
		return ".file-mode", err
	}
	for _, validate := range []func() (string, error){l.validateModes, l.validateSettings, l.validateComponents, l.validateFiles, l.validateRemedies, l.validateTexts} {
		if part, err := validate(); err != nil {
			return part, err
		}
	}
	return "", nil
}

func (l Layout) validateModes() (part string, err error) {
	for i, m := range l.Modes {
		if m.Name == "" || m.Folder == "" {
			return fmt.Sprintf(".modes[%d]", i), fmt.Errorf("a mode has no name or no folder")
		}
	}
	return "", nil
}

// fieldPattern matches the fields of a configuration that a setting may name: as of
// [parsers.Document.Find].
var fieldPattern = regexp.MustCompile(`^[^.\[\]]+(\[\])?(\.[^.\[\]]+(\[\])?)*$`)

func (l Layout) validateSettings() (part string, err error) {
	for i, s := range l.Settings {
		at := fmt.Sprintf(".settings[%d]", i)
		switch {
		case s.Name == "":
			return at, fmt.Errorf("a setting has no name")
		case s.Field != "" && !fieldPattern.MatchString(s.Field):
			return at + ".field", fmt.Errorf("%q is no field; it is written like network.addresses[]", s.Field)
		}
	}
	return "", nil
}

func (l Layout) validateComponents() (part string, err error) {
	for i, c := range l.Components {
		at := fmt.Sprintf(".components[%d]", i)
		if !IsProgram(c.Name) {
			return at + ".name", fmt.Errorf("%s; it is one of %s", parsers.Unknown("component", c.Name, programNames()), strings.Join(programNames(), ", "))
		}
		if err := l.areModes(c.Modes); err != nil {
			return at + ".modes", err
		}
		if part, err := l.validateArguments(c.Name, c.Arguments, c.Off); err != nil {
			return at + part, err
		}
		for j, also := range c.Also {
			if part, err := l.validateArguments(c.Name, also.Arguments, also.Off); err != nil {
				return fmt.Sprintf("%s.also[%d]%s", at, j, part), err
			}
		}
	}
	return "", nil
}

// certificateFlag matches the names of flags that are about certificates.
var certificateFlag = regexp.MustCompile(`cert|key|-ca|cafile|tls|kubeconfig`)

// validateArguments judges what a component is started with, and the settings with which
// it is not.
func (l Layout) validateArguments(component string, arguments, off []string) (part string, err error) {
	p, _ := ProgramNamed(component)
	for i, argument := range arguments {
		name, isFlag := strings.CutPrefix(argument, "--")
		name, _, _ = strings.Cut(name, "=")
		switch {
		case !isFlag || name == "":
			return fmt.Sprintf(".arguments[%d]", i), fmt.Errorf("%q is no flag; it is written like --name=value", argument)
		case !p.Knows(name) && certificateFlag.MatchString(name) && !placeholders.MatchString(name):
			return fmt.Sprintf(".arguments[%d]", i), fmt.Errorf("%s has no flag --%s", component, name)
		}
	}
	for i, name := range off {
		if !l.hasSetting(name) {
			return fmt.Sprintf(".off[%d]", i), fmt.Errorf("%q is no setting of the layout", name)
		}
	}
	return "", nil
}

func (l Layout) validateFiles() (part string, err error) {
	for i, f := range l.Files {
		at := fmt.Sprintf(".files[%d]", i)
		if part, err := f.validate(); err != nil {
			return at + part, err
		}
		if err := l.areModes(f.Modes); err != nil {
			return at + ".modes", err
		}
	}
	for i, c := range l.Configurations {
		if c.Path == "" || !slices.Contains(roleNames, c.Role) {
			return fmt.Sprintf(".configurations[%d]", i), fmt.Errorf("a configuration has no path, or an unknown role %q; it is one of %s", c.Role, strings.Join(roleNames, ", "))
		}
	}
	return "", nil
}

func (f LayoutFile) validate() (part string, err error) {
	switch {
	case f.Path == "":
		return "", fmt.Errorf("a file has no path")
	case slices.Contains(strings.Split(f.Path, "/"), ".."):
		return ".path", fmt.Errorf("%q leads out of its folder", f.Path)
	case slices.Contains(strings.Split(f.Pair, "/"), ".."):
		return ".pair", fmt.Errorf("%q leads out of its folder", f.Pair)
	case !slices.Contains(layoutHoldings, f.Holds):
		return ".holds", fmt.Errorf("unknown holding %q; it is one of %s", f.Holds, joined(layoutHoldings))
	case f.Holds != HoldsTokenKey && f.Holds != HoldsTokenVerifier && !slices.Contains(roleNames, f.Role):
		return ".role", fmt.Errorf("%s; it is one of %s", parsers.Unknown("role", f.Role, roleNames), strings.Join(roleNames, ", "))
	}
	return ".mode", isFileMode(f.Mode)
}

// isFileMode returns an error for what is no mode of a file, "0644"; "" is none that
// matters.
func isFileMode(mode string) error {
	if _, err := strconv.ParseUint(cmp.Or(mode, "0"), 8, 9); err != nil {
		return fmt.Errorf("%q is no mode of a file; it is written like \"0644\"", mode)
	}
	return nil
}

func (l Layout) validateRemedies() (part string, err error) {
	for i, r := range l.Remedies {
		at := fmt.Sprintf(".remedies[%d]", i)
		if err := l.areModes(r.Modes); err != nil {
			return at + ".modes", err
		}
		for _, role := range r.Roles {
			if !slices.Contains(roleNames, role) {
				return at + ".roles", fmt.Errorf("%s; it is one of %s", parsers.Unknown("role", role, roleNames), strings.Join(roleNames, ", "))
			}
		}
		if err := arePatterns(r.Files); err != nil {
			return at + ".files", err
		}
	}
	for i, a := range l.Advice {
		at := fmt.Sprintf(".advice[%d]", i)
		if a.Text == "" {
			return at, fmt.Errorf("an advice has no text")
		}
		if err := arePatterns(a.Files); err != nil {
			return at + ".files", err
		}
	}
	for i, log := range l.Logs {
		for _, name := range log.Components {
			if !IsProgram(name) {
				return fmt.Sprintf(".logs[%d]", i), fmt.Errorf("%s; it is one of %s", parsers.Unknown("component", name, programNames()), strings.Join(programNames(), ", "))
			}
		}
	}
	return "", nil
}

// arePatterns returns an error for what is no pattern of path.Match.
func arePatterns(patterns []string) error {
	for _, pattern := range patterns {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("%q is no pattern of file names: a bracket is open", pattern)
		}
	}
	return nil
}

// areModes returns an error for what is no mode of the layout.
func (l Layout) areModes(names []string) error {
	for _, name := range names {
		if !slices.ContainsFunc(l.Modes, func(of LayoutMode) bool { return of.Name == name }) {
			return fmt.Errorf("%q is no mode of the layout", name)
		}
	}
	return nil
}

func (l Layout) hasSetting(name string) bool {
	return slices.ContainsFunc(l.Settings, func(s LayoutSetting) bool { return s.Name == name })
}

// validateTexts judges what stands in braces.
func (l Layout) validateTexts() (part string, err error) {
	for _, t := range l.texts() {
		if name, ok := unknownIn(t.text, l.hasSetting); !ok {
			return t.part, fmt.Errorf("%q: %q is no setting of the layout", t.text, name)
		}
	}
	for _, t := range l.told() {
		if name, ok := unknownIn(t.text, func(string) bool { return false }); !ok {
			return t.part, fmt.Errorf("%q: {%s} does not stand for anything here; {data} and {unit} do", t.text, name)
		}
	}
	return "", nil
}

// unknownIn returns the first word in braces that stands for nothing; ok is true
// where there is none.
func unknownIn(text string, known func(string) bool) (name string, ok bool) {
	for _, m := range placeholders.FindAllStringSubmatch(text, -1) {
		if m[1] != "data" && m[1] != "unit" && !known(m[1]) {
			return m[1], false
		}
	}
	return "", true
}

// layoutText is a text of a layout, and the part that it is.
type layoutText struct{ part, text string }

// listed are the texts of a list.
func listed(part string, texts []string) []layoutText {
	var out []layoutText
	for i, text := range texts {
		out = append(out, layoutText{fmt.Sprintf("%s[%d]", part, i), text})
	}
	return out
}

// texts are those in which settings may stand.
func (l Layout) texts() []layoutText {
	var out []layoutText
	for _, name := range slices.Sorted(maps.Keys(l.Variables)) {
		out = append(out, layoutText{".variables." + name, l.Variables[name]})
	}
	for i, c := range l.Components {
		at := fmt.Sprintf(".components[%d]", i)
		out = append(append(out, listed(at+".arguments", c.Arguments)...), layoutText{at + ".when", c.When}, layoutText{at + ".unless", c.Unless}, layoutText{at + ".arguments-file", c.ArgumentsFile})
		for j, also := range c.Also {
			at := fmt.Sprintf("%s.also[%d]", at, j)
			out = append(append(out, listed(at+".arguments", also.Arguments)...), layoutText{at + ".when", also.When}, layoutText{at + ".unless", also.Unless})
		}
	}
	for i, f := range l.Files {
		at := fmt.Sprintf(".files[%d]", i)
		out = append(out, layoutText{at + ".path", f.Path}, layoutText{at + ".pair", f.Pair})
	}
	for i, c := range l.Configurations {
		out = append(out, layoutText{fmt.Sprintf(".configurations[%d].path", i), c.Path})
	}
	return out
}

// told are the texts that a plan or a finding tells.
func (l Layout) told() []layoutText {
	out := []layoutText{{".authority", l.Authority}, {".names", l.Names}, {".others", l.Others}, {".unseen", l.Unseen}, {".elsewhere", l.Elsewhere}}
	for i, a := range l.Advice {
		out = append(out, layoutText{fmt.Sprintf(".advice[%d].text", i), a.Text})
	}
	for i, log := range l.Logs {
		out = append(out, layoutText{fmt.Sprintf(".logs[%d].command", i), log.Command})
	}
	for i, r := range l.Remedies {
		at := fmt.Sprintf(".remedies[%d]", i)
		out = append(append(out, layoutText{at + ".title", r.Title}), listed(at+".commands", r.Commands)...)
	}
	return out
}

func programNames() []string {
	var names []string
	for _, p := range programs {
		names = append(names, p.Name)
	}
	return names
}

func joined[S ~string](list []S) string {
	words := make([]string, len(list))
	for i, s := range list {
		words[i] = string(s)
	}
	return strings.Join(words, ", ")
}
