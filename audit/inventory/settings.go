package inventory

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"certaudit/parsers"
)

// configured returns a component, whose settings are the flags of its command line,
// with all that it is configured with: the flags over its environment, and over, or
// in place of, what the file of its ConfigFlag says.
func (g *gatherer) configured(c Component, env []parsers.EnvVar, v view) Component {
	c.Settings, c.Overruled = g.settings(c, env, v)
	return c
}

// settings returns what a component is configured with, and the flags that count for
// nothing since a file takes the place of all.
func (g *gatherer) settings(c Component, env []parsers.EnvVar, v view) (inEffect, overruled []parsers.Flag) {
	p, _ := ProgramNamed(c.Name)
	all := parsers.Command{Flags: append(variablesOf(p, env), c.Settings...)}
	file := all.Flag(p.ConfigFlag)
	if file.Value == "" {
		return all.Flags, nil
	}
	host, seen := v.host(file.Value)
	switch there := seen && g.exists(host); {
	case !there && p.ConfigAlone: // it does not start
		g.follow(c.Name, use{p.ConfigFlag, HoldsConfig, ""}, file, "", v)
		return nil, c.Settings
	case !there:
		return all.Flags, nil
	}
	data, ok := g.config(host, c.Name)
	switch {
	case ok && p.ConfigAlone:
		return g.configFlags(host, data, p), c.Settings
	case ok:
		return append(g.opened(g.configFlags(host, data, p), p, v), all.Flags...), nil
	case p.ConfigAlone:
		g.noted(c.Name, parsers.Problem{Origin: file.Origin, Kind: KindUnreadable, Detail: fmt.Sprintf("%q cannot be read, and %s takes everything from it", host, c.Name)})
		return nil, c.Settings
	}
	return all.Flags, nil
}

// variablesOf are the variables that stand for flags of a program, as flags.
func variablesOf(p Program, env []parsers.EnvVar) []parsers.Flag {
	var vars []parsers.Flag
	for _, e := range env {
		if name, ok := strings.CutPrefix(e.Name, p.Environment); ok && p.Environment != "" {
			vars = append(vars, parsers.Flag{Name: strings.ToLower(strings.ReplaceAll(name, "_", "-")), Value: e.Value.Value, Origin: e.Value.Origin})
		}
	}
	return vars
}

// configFlags returns the flags that a configuration file stands for.
func (g *gatherer) configFlags(file string, data []byte, p Program) []parsers.Flag {
	docs, _ := g.documents(file, p.Name, data)
	var flags []parsers.Flag
	for _, d := range docs {
		for _, s := range p.ConfigSections {
			for _, t := range append(d.Find(s.Section+"*"), d.Find(s.Section+"*[]")...) {
				key := t.Origin.Field[strings.LastIndex(t.Origin.Field, ".")+1:]
				key, _, _ = strings.Cut(key, "[")
				flags = append(flags, parsers.Flag{Name: s.Prefix + key, Value: t.Value, Origin: t.Origin})
			}
		}
		flags = append(configFields(d, p, parsers.Command{Flags: flags}), flags...)
	}
	return flags
}

// opened puts the files of a folder in place of it where a flag that repeats names one:
// OpenShift keeps the keys of tokens so (openshift/cluster-kube-apiserver-operator
// bindata/assets/config/config-overrides.yaml, serviceAccountPublicKeyFiles).
func (g *gatherer) opened(flags []parsers.Flag, p Program, v view) []parsers.Flag {
	var out []parsers.Flag
	for _, f := range flags {
		row, _ := p.Flag(f.Name)
		host, seen := v.host(f.Value)
		var names []string
		if seen && row.Repeats && row.Holds != "" {
			if _, isDir := g.root.stat(host); isDir {
				names, _ = g.root.list(host) // what may not be listed stays the folder, which is told
			}
		}
		names = slices.DeleteFunc(names, hidden)
		if len(names) == 0 {
			out = append(out, f)
		}
		for _, n := range names {
			out = append(out, parsers.Flag{Name: f.Name, Value: path.Join(f.Value, n), Origin: f.Origin})
		}
	}
	return out
}

// configFields returns the flags that fields of a configuration file stand for and
// that are not given. A list is one flag with commas, unless the flag repeats.
func configFields(d parsers.Document, p Program, given parsers.Command) []parsers.Flag {
	var flags []parsers.Flag
	for _, f := range p.ConfigFields {
		row, _ := p.Flag(f.Flag)
		for i, t := range d.Find(f.Field) {
			switch {
			case len(given.FlagAll(f.Flag)) > 0 || t.Value == "":
			case i > 0 && !row.Repeats:
				flags[len(flags)-1].Value += "," + t.Value
			default:
				flags = append(flags, parsers.Flag{Name: f.Flag, Value: t.Value, Origin: t.Origin})
			}
		}
	}
	if p.ConfigPairs == "" || len(given.FlagAll(sniFlag)) > 0 {
		return flags
	}
	return append(flags, namedCertificates(d, p.ConfigPairs)...)
}

// namedCertificates returns a list of certificates for names as --tls-sni-cert-key
// says it.
func namedCertificates(d parsers.Document, list string) []parsers.Flag {
	fields := map[string][]string{}
	for _, field := range []string{".keyFile", ".names[]"} {
		for _, t := range d.Find(list + "[]" + field) {
			of, _, _ := strings.Cut(strings.TrimPrefix(t.Origin.Field, list), ".")
			fields[of+field] = append(fields[of+field], t.Value)
		}
	}
	var flags []parsers.Flag
	for _, t := range d.Find(list + "[].certFile") {
		of, _, _ := strings.Cut(strings.TrimPrefix(t.Origin.Field, list), ".")
		value := t.Value + "," + strings.Join(fields[of+".keyFile"], "")
		if names := fields[of+".names[]"]; len(names) > 0 {
			value += ":" + strings.Join(names, ",")
		}
		flags = append(flags, parsers.Flag{Name: sniFlag, Value: value, Origin: t.Origin})
	}
	return flags
}
