package inventory

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"certaudit/parsers"
)

// installed is a layout as a node has it.
type installed struct {
	layout Layout
	// mode is that of the program; unit is the service that starts it, and unitPath its
	// file, "" where none was seen.
	mode, unit, unitPath string
	// wanted: systemd starts it with the node.
	wanted bool
	// data is the folder of its files.
	data string
	// given are the flags of its command line, env its variables, docs its configuration.
	given parsers.Command
	env   []parsers.EnvVar
	docs  []parsers.Document
}

// distribution returns the layout of the node: the one that a service starts, else
// the one that a path shows; false for none. units are those of systemd, wants those
// that a target wants.
func (g *gatherer) distribution(users []Layout, units []serviceUnit, wants map[string]bool) (installed, bool) {
	layouts, other := withOwn(users), g.hasKubelet()
	if d, ok := g.startedDistribution(layouts, units, wants); ok && (d.wanted || !other) {
		return d, true
	}
	if d, ok := g.initDistribution(layouts); ok {
		return d, true
	}
	starts := g.kubeletStarts()
	for _, l := range layouts {
		if len(l.Components) > 0 && other {
			continue // left over beside a kubelet of the node's own
		}
		d := installed{layout: l}
		g.configure(&d)
		d.mode = g.shownMode(d)
		if d.mode == "" && slices.ContainsFunc(l.Kubelet, func(word string) bool { return strings.Contains(starts, "\n"+word) }) {
			d.mode = l.Modes[len(l.Modes)-1].Name
		}
		if d.mode != "" {
			return d, true
		}
	}
	return installed{}, false
}

// shownMode is the first mode that a path shows, or may show where another of the
// layout's is seen; "" for none. A folder that this user may not look into shows nothing:
// every layout may have its files there.
func (g *gatherer) shownMode(d installed) string {
	mode, seen := "", false
	for _, m := range d.layout.Modes {
		if m.Unless != "" && g.there(d.path(m.Unless)) {
			continue
		}
		shown, certain := g.shows(d, m)
		if shown && mode == "" {
			mode = m.Name
		}
		seen = seen || certain
	}
	if !seen {
		return ""
	}
	return mode
}

// maxPlugins bounds the plugins of one kubeconfig that are looked at.
const maxPlugins = 8

// pluginCommand matches the plugin of a kubeconfig's user.
var pluginCommand = regexp.MustCompile(`(?m)^\s*"?command"?:\s*"?([^\s",]+)`)

// kubeletStarts are the words that start the kubelet as a service, the paths of the files
// with its variables, and the plugins of its kubeconfigs behind "exec:", each behind a
// line's end; "" for none.
func (g *gatherer) kubeletStarts() string {
	unit, ok := g.unit("kubelet.service", Kubelet)
	if !ok || g.there(kubeletFlagsFile) { // kubeadm has written what it starts with
		return ""
	}
	var b strings.Builder
	words, _ := unit.StartWords(g.variables(unit))
	for _, w := range words {
		_, value, isFlag := strings.Cut(w.Value, "=")
		if b.WriteString("\n" + w.Value); isFlag {
			b.WriteString("\n" + value)
		}
	}
	for _, file := range unit.EnvironmentFiles() {
		b.WriteString("\n" + file.Path.Value)
	}
	commands, _ := grammar.ParseCommand(words, nil)
	for _, c := range commands {
		for _, flag := range []string{"kubeconfig", "bootstrap-kubeconfig"} {
			if _, data := g.root.read(c.Flag(flag).Value); namesClusters(data) {
				for _, m := range pluginCommand.FindAllSubmatch(data[:min(len(data), 1<<16)], maxPlugins) {
					b.WriteString("\nexec:" + path.Base(string(m[1])))
				}
			}
		}
	}
	return b.String()
}

// startedDistribution returns the layout whose program a service of systemd starts,
// one that systemd starts with the node before others.
func (g *gatherer) startedDistribution(layouts []Layout, units []serviceUnit, wants map[string]bool) (best installed, found bool) {
	for _, s := range units {
		for _, l := range layouts {
			shows := slices.Contains(l.Services, s.name)
			if !shows && (l.Program == "" || !strings.Contains(s.name, l.Program)) {
				continue
			}
			unit, ok := g.unit(s.name, l.Name, s.aliases...)
			d := installed{layout: l, mode: l.Modes[0].Name, unit: s.name, unitPath: unit.Path, wanted: s.wantedBy(wants)}
			env := g.variables(unit)
			words, _ := unit.StartWords(env)
			started := ok && d.startedBy(words, env)
			if ok && (started || shows) && (!found || d.wanted && !best.wanted) {
				g.configure(&d)
				if !started {
					d.mode = cmp.Or(g.shownMode(d), l.Modes[len(l.Modes)-1].Name)
				}
				best, found = d, true
			}
		}
	}
	return best, found
}

// startedBy reports whether words start the program of the layout in one of its
// modes, and takes them.
func (d *installed) startedBy(words []parsers.Text, env []parsers.EnvVar) bool {
	commands, _ := grammar.ParseCommand(words, nil)
	for _, c := range commands {
		for _, m := range d.layout.Modes {
			if c.Program == d.layout.Program && slices.ContainsFunc(c.Args, func(a parsers.Text) bool { return a.Value == m.Name }) {
				d.mode, d.given, d.env = m.Name, c, env
				return true
			}
		}
	}
	return false
}

// configure reads the configuration, and takes the folder of the files.
func (g *gatherer) configure(d *installed) {
	d.env = append(slices.Clone(d.env), g.programs[d.layout.Program]...) // of what runs, if that is known
	files := d.layout.Config
	if named := d.value("config"); named != "" {
		files = []string{named}
	}
	for _, name := range files {
		data, ok := g.config(name, d.layout.Name)
		if !ok {
			continue
		}
		d.docs, _ = g.documents(name, d.layout.Name, data)
		break
	}
	if len(files) > 0 {
		d.docs = append(d.docs, g.configDropIns(files[0]+".d", d.layout.Name)...)
	}
	d.data = path.Clean("/" + cmp.Or(d.value("data-dir"), d.layout.Data))
}

// configDropIns are the documents of a folder, in the order of their names.
func (g *gatherer) configDropIns(dir, component string) []parsers.Document {
	names, err := g.root.list(dir)
	if err != nil {
		g.lost(component, parsers.Problem{Origin: parsers.Origin{Path: dir}, Kind: KindUnreadable, Detail: unlisted(err)})
	}
	var docs []parsers.Document
	for _, n := range names {
		if ext := path.Ext(n); ext != ".yaml" && ext != ".yml" {
			continue
		}
		if data, ok := g.config(path.Join(dir, n), component); ok {
			more, _ := g.documents(path.Join(dir, n), component, data)
			docs = append(docs, more...)
		}
	}
	return docs
}

// value is that of a setting: several are joined by commas.
func (d *installed) value(name string) string {
	var words []string
	for _, t := range d.texts(name) {
		words = append(words, t.Value)
	}
	return strings.Join(words, ",")
}

// texts are the values of a setting: those of the command line, else of the
// configuration, else of the variables, else the default.
func (d *installed) texts(name string) []parsers.Text {
	s := LayoutSetting{Name: name}
	if i := slices.IndexFunc(d.layout.Settings, func(of LayoutSetting) bool { return of.Name == name }); i >= 0 {
		s = d.layout.Settings[i]
	}
	if given := append(d.given.FlagAll(s.Name), d.given.FlagAll(cmp.Or(s.Short, s.Name+" "))...); len(given) > 0 {
		return given
	}
	if set := d.configured(cmp.Or(s.Field, s.Name)); len(set) > 0 {
		return set
	}
	variable := d.layout.variable(s)
	for _, e := range slices.Backward(d.env) {
		if e.Name == variable && variable != "" && e.Value.Value != "" {
			return []parsers.Text{e.Value}
		}
	}
	if s.Default != "" {
		return []parsers.Text{{Value: s.Default}}
	}
	return nil
}

// configured are the values of a field: those of the last document that has it, with
// what later ones add by a "+" behind its name (docs.k3s.io/installation/configuration).
// Of a field ".*" a value is "key=value".
func (d *installed) configured(field string) []parsers.Text {
	var out []parsers.Text
	of := func(doc parsers.Document, field string) []parsers.Text {
		found := doc.Find(field)
		if strings.HasSuffix(field, ".*") {
			for i := range found {
				found[i].Value = strings.TrimPrefix(found[i].Origin.Field, strings.TrimSuffix(field, "*")) + "=" + found[i].Value
			}
			return found
		}
		if len(found) == 0 {
			found = doc.Find(field + "[]")
		}
		return slices.DeleteFunc(found, func(t parsers.Text) bool { return t.Value == "" })
	}
	for _, doc := range d.docs {
		if found := of(doc, field); len(found) > 0 {
			out = found
		}
		out = append(out, of(doc, field+"+")...)
	}
	return out
}

// isOn reports whether one of some settings is on, or has a value.
func (d *installed) isOn(names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		if len(d.given.FlagAll(name)) > 0 && d.value(name) == "" {
			return true // a switch
		}
		v := d.value(name)
		return v != "" && v != "false"
	})
}

// there reports whether something lies at a path, or may: the next run looks at it
// again.
func (g *gatherer) there(name string) bool {
	f, _ := g.root.stat(name)
	return f.State != Missing
}

// shows reports whether a path shows a mode, or may, and whether that is certain.
func (g *gatherer) shows(d installed, m LayoutMode) (shown, certain bool) {
	names := []string{d.path(m.Folder)}
	if strings.Contains(m.Folder, "*") {
		names = g.matching(names[0])
	}
	for _, name := range names {
		if m.Holds != "" {
			file, data := g.root.read(name)
			certain = certain || file.State == Readable && bytes.Contains(data, []byte(m.Holds))
			clear(data)
			continue
		}
		f, _ := g.root.stat(name)
		shown = shown || f.State != Missing
		certain = certain || f.State != Missing && f.State != Unreadable
	}
	return shown || certain, certain
}

// matching are the paths of a folder that a path with one * in its name matches.
func (g *gatherer) matching(pattern string) []string {
	var out []string
	names, _ := g.root.list(path.Dir(pattern)) // what may not be listed shows nothing
	for _, n := range names {
		if ok, err := path.Match(path.Base(pattern), n); ok && err == nil {
			out = append(out, path.Join(path.Dir(pattern), n))
		}
	}
	return out
}

// path is the node's path of one of the layout's.
func (d *installed) path(name string) string {
	name, _ = d.replace(name)
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	return path.Join(d.data, name)
}

// replace puts in what stands for something; ok is false where one of it has no value.
func (d *installed) replace(text string) (replaced string, ok bool) {
	ok = true
	replaced = placeholders.ReplaceAllStringFunc(text, func(p string) string {
		v := ""
		switch name := p[1 : len(p)-1]; name {
		case "data":
			v = d.data
		case "unit":
			v = strings.TrimSuffix(d.unit, ".service")
		default:
			v = d.value(name)
		}
		ok = ok && v != ""
		return v
	})
	return replaced, ok
}

// isIn reports whether the distribution runs in one of some modes; none are all.
func (d *installed) isIn(modes []string) bool {
	return len(modes) == 0 || slices.Contains(modes, d.mode)
}

// holds reports whether a condition does.
func (g *gatherer) holds(d installed, c LayoutCondition) bool {
	when, ok := d.replace(c.When)
	if c.When != "" && (!ok || !g.there(d.path(when))) {
		return false
	}
	return (c.Unless == "" || !g.there(d.path(c.Unless))) && !d.isOn(c.Off)
}

// start adds the components that a distribution starts, and its files.
func (g *gatherer) start(d installed) {
	elsewhere, _ := d.replace(d.layout.Elsewhere)
	g.inv.Distribution = &Distribution{Name: d.layout.Name, Profile: d.layout.Profile, Mode: d.mode, Data: d.data, Unit: d.unit, Elsewhere: elsewhere}
	for _, s := range d.layout.Settings {
		if s.Unnamed && d.isOn([]string{s.Name}) {
			g.inv.Hostname = parsers.Text{}
		}
	}
	first, before := len(g.inv.References), len(g.inv.Components)
	defer func() {
		if d.unitPath != "" || allRun(g.inv.Components[before:]) {
			return
		}
		// Which of its components run is not known, and so not which files they need.
		g.inv.References = append(g.inv.References[:first], slices.DeleteFunc(g.inv.References[first:], func(r Reference) bool {
			c, _ := g.inv.Component(r.Component)
			return r.Path != "" && c.PID == 0 && g.inv.Files[r.Path].State == Missing && r.Origin.Path == d.data && !g.hasOtherHalf(r)
		})...)
		if d.layout.Unseen != "" {
			unseen, _ := d.replace(d.layout.Unseen)
			g.lost("", parsers.Problem{Origin: parsers.Origin{Path: d.data}, Kind: parsers.KindUnsupported,
				Detail: fmt.Sprintf("holds files of %s; what the components are started with stands in no file: %s", d.layout.Name, unseen)})
		} else if len(d.layout.Settings) > 0 {
			g.lost("", parsers.Problem{Origin: parsers.Origin{Path: d.data}, Kind: parsers.KindUnsupported,
				Detail: fmt.Sprintf("holds files of %s, and nothing here says how it is started; what lies there was judged, as if it were started without settings", d.layout.Name)})
		}
	}()
	for _, c := range d.layout.Components {
		if d.isIn(c.Modes) && g.holds(d, c.LayoutCondition) {
			g.startComponent(d, c)
		}
	}
}

// hasOtherHalf reports whether the other half of a pair is there: neither is of use
// alone, but for a CA, whose key may be kept elsewhere.
func (g *gatherer) hasOtherHalf(r Reference) bool {
	return r.Pair != "" && (r.Holds == HoldsCertificate || r.Holds == HoldsPrivateKey) && slices.ContainsFunc(g.inv.References, func(of Reference) bool {
		return of.Pair == r.Pair && of.Path != r.Path && of.Path != "" && g.there(of.Path)
	})
}

func (g *gatherer) startComponent(d installed, c LayoutComponent) {
	at := parsers.Origin{Path: cmp.Or(d.unitPath, d.data)}
	words := []parsers.Text{{Value: c.Name, Origin: at}}
	add := func(arguments []string) {
		for _, a := range arguments {
			if value, ok := d.replace(a); ok {
				words = append(words, parsers.Text{Value: value, Origin: at})
			}
		}
	}
	add(c.Arguments)
	for _, also := range c.Also {
		if g.holds(d, also.LayoutCondition) {
			add(also.Arguments)
		}
	}
	if c.ArgumentsFile != "" {
		name := d.path(c.ArgumentsFile)
		if !g.there(name) {
			return // the program is not run on this node
		}
		at = parsers.Origin{Path: name}
		words = append(words, g.argumentsFile(d, name, c.Name)...)
	}
	if c.More != "" {
		for _, t := range d.texts(c.More) {
			t.Value = "--" + strings.TrimLeft(t.Value, "-")
			words = append(words, t)
		}
	}
	commands, problems := grammar.ParseCommand(words, nil)
	g.noted(c.Name, problems...)
	if len(commands) == 0 {
		return
	}
	component := Component{Name: c.Name, Origin: at, Assumed: d.unitPath == "" && c.ArgumentsFile == ""}
	if component.Assumed && g.isElsewhere(c.Name) {
		return
	}
	component, run := g.startedComponent(component, started{command: commands[0], view: nodeView{}, guessed: c.ArgumentsFile == ""})
	if c.Name == Kubelet {
		run.command = g.kubeletComponent(component, run.command)
	} else {
		component = g.configured(component, run.env, run.view)
		if component.Overruled != nil { // the distribution writes the file that lacks them
			component.Settings, component.Overruled = append(component.Overruled, component.Settings...), nil
		}
		g.component(component, run.view)
	}
	g.others = append(g.others, besides(c.Name, run.command, nil, run.view))
}

// argumentsFile are the words of a file with one argument a line, in which the
// variables of the layout stand as the shell writes them.
func (g *gatherer) argumentsFile(d installed, name, component string) []parsers.Text {
	data, ok := g.config(name, component)
	if !ok {
		return nil
	}
	var pairs []string
	for _, v := range sortedNames(d.layout.Variables) {
		value, _ := d.replace(d.layout.Variables[v])
		pairs = append(pairs, "${"+v+"}", value, "$"+v, value)
	}
	variables, line := strings.NewReplacer(pairs...), 0
	var words []parsers.Text
	for text := range strings.Lines(string(data)) {
		line++
		text = strings.TrimSpace(text)
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		value := strings.NewReplacer(`"`, "", "'", "").Replace(variables.Replace(text))
		for word := range strings.FieldsSeq(value) {
			words = append(words, parsers.Text{Value: word, Origin: parsers.Origin{Path: name, Line: line}})
		}
	}
	return words
}

// sortedNames are the names of variables, those first that begin like others.
func sortedNames(variables map[string]string) []string {
	var names []string
	for name := range variables {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	return names
}

// distributionFiles adds the files that no component of a distribution names.
func (g *gatherer) distributionFiles(d installed) {
	named := map[string]bool{}
	for _, r := range g.inv.References {
		named[r.Path] = true
	}
	for _, f := range g.matched(d) {
		name := d.path(f.Path)
		half := f.Holds == HoldsCertificate && f.Pair != "" && !named[name] && !g.there(name) && g.there(d.path(f.Pair))
		needed := half || isSetting(f.Path)
		if _, set := d.replace(f.Path); !set || !d.isIn(f.Modes) || named[name] && (f.Pair == "" || f.Unnamed) || !needed && !g.there(name) {
			continue
		}
		if f.Holds == HoldsSecret {
			g.secretFile(d.layout.Name, f, name)
			continue
		}
		ref := Reference{Component: d.layout.Name, Name: f.Path, Holds: f.Holds, Role: f.Role, Path: name}
		if isSetting(f.Path) {
			ref.Name, ref.Origin = d.set(f.Path)
		}
		if f.Pair != "" && (isSetting(f.Pair) || g.there(d.path(f.Pair))) {
			ref.Pair = d.layout.Name + "/" + f.Path
			key := ref
			key.Path, key.Name, key.Holds = d.path(f.Pair), f.Pair, HoldsPrivateKey
			if isSetting(f.Pair) {
				key.Name, key.Origin = d.set(f.Pair)
			}
			if f.Holds == HoldsBundle {
				key.Holds = HoldsSignerKey
			}
			g.referTo(key, !isSetting(f.Pair))
		}
		g.referTo(ref, !needed) // a key is of no use without its certificate
	}
	for _, c := range d.layout.Configurations {
		g.layoutConfiguration(d, c)
	}
}

// referTo adds a reference to a file of the node's.
func (g *gatherer) referTo(ref Reference, optional bool) {
	ref.Optional = optional
	if g.refer(ref) {
		g.load(ref, ref.Path, nodeView{})
	}
}

// set is the name of the setting that a path of a layout is, and where its value stands.
func (d *installed) set(name string) (string, parsers.Origin) {
	setting := strings.Trim(name, "{}")
	for _, t := range d.texts(setting) {
		return setting, t.Origin
	}
	return setting, parsers.Origin{}
}

// isSetting reports whether a path of a layout is what a user sets.
func isSetting(name string) bool { return name != "" && placeholders.ReplaceAllString(name, "") == "" }

// layoutConfiguration adds what a file of a user's names.
func (g *gatherer) layoutConfiguration(d installed, c LayoutConfiguration) {
	name := d.path(c.Path)
	data, ok := g.config(name, d.layout.Name)
	if _, set := d.replace(c.Path); !ok || !set {
		return
	}
	docs, _ := g.documents(name, d.layout.Name, data)
	for _, doc := range docs {
		for _, f := range []struct {
			field string
			holds Holding
			role  string
		}{{c.Certificate, HoldsCertificate, c.Role}, {c.Key, HoldsPrivateKey, c.Role}, {c.Authority, HoldsBundle, RoleOtherCA}} {
			for _, t := range doc.Find(f.field) {
				mapping := t.Origin.Field[:strings.LastIndex(t.Origin.Field, ".")+1]
				ref := Reference{Component: d.layout.Name, Name: path.Base(c.Path), Origin: t.Origin, Holds: f.holds, Role: f.role, Path: path.Clean("/" + t.Value)}
				if f.holds != HoldsBundle {
					ref.Pair = d.layout.Name + "/" + name + "/" + mapping
				}
				if t.Value != "" {
					g.referTo(ref, false)
				}
			}
		}
	}
}

// matched are the files of a distribution, one for each that a pattern matches.
func (g *gatherer) matched(d installed) []LayoutFile {
	var out []LayoutFile
	for _, f := range d.layout.Files {
		if !strings.Contains(path.Base(f.Path), "*") {
			out = append(out, f)
			continue
		}
		names, _ := g.root.list(path.Dir(d.path(f.Path))) // what may not be listed is told of the folder
		var parts []string
		for _, n := range names {
			key, isKey := starOf(path.Base(f.Pair), n)
			part, is := starOf(path.Base(f.Path), n)
			if isKey {
				part = key
			}
			if (is || isKey) && !slices.Contains(parts, part) {
				parts = append(parts, part)
			}
		}
		for _, part := range parts {
			of := f
			of.Path, of.Pair = strings.Replace(f.Path, "*", part, 1), strings.Replace(f.Pair, "*", part, 1)
			out = append(out, of)
		}
	}
	return out
}

// starOf is what stands for the * of a pattern in a name that it matches.
func starOf(pattern, name string) (part string, ok bool) {
	before, after, ok := strings.Cut(pattern, "*")
	if !ok || len(name) < len(before)+len(after) || !strings.HasPrefix(name, before) || !strings.HasSuffix(name, after) {
		return "", false
	}
	return name[len(before) : len(name)-len(after)], true
}

// maxSecretFile bounds a Secret in a file, as etcd bounds an object.
const maxSecretFile = 1 << 20

// secretFile adds the certificate and the key of a Secret that a program keeps in a
// file, which may not say its kind.
func (g *gatherer) secretFile(component string, f LayoutFile, name string) {
	file, data := g.read(name)
	defer clear(data)
	var secret struct {
		Data map[string][]byte `json:"data"`
	}
	if file.State != Readable {
		g.unread(file, component)
		return
	}
	if err := json.Unmarshal(data[:min(len(data), maxSecretFile)], &secret); err != nil {
		g.lost(component, parsers.Problem{Origin: parsers.Origin{Path: name}, Kind: parsers.KindSyntax, Detail: fmt.Sprintf("is no Secret in JSON: %s", err)})
		return
	}
	for _, part := range []struct {
		key   string
		holds Holding
	}{{"tls.crt", HoldsCertificate}, {"tls.key", HoldsPrivateKey}} {
		if len(secret.Data[part.key]) == 0 {
			continue
		}
		at := parsers.Origin{Path: name, Field: "data[" + part.key + "]"}
		m := parsers.ParseMaterial(at, secret.Data[part.key])
		clear(secret.Data[part.key])
		g.refer(Reference{Component: component, Name: f.Path, Origin: at, Holds: part.holds, Role: f.Role, Pair: component + "/" + f.Path, Embedded: &m, Optional: true})
	}
}
