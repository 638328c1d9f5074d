package parsers

import "strings"

// containerRun are the settings of a quadlet's container that are options of podman run
// (podman-systemd.unit(5)). The others say nothing of files, flags or variables.
var containerRun = []struct{ setting, option string }{
	{"Volume", "--volume="}, {"Mount", "--mount="}, {"EnvironmentFile", "--env-file="}, {"Entrypoint", "--entrypoint="}, {"PodmanArgs", ""}, {"Image", ""}, {"Exec", ""},
}

// Quadlet returns the service that podman's generator makes of a file "etcd.container"
// at the next boot, "etcd.service" (podman-systemd.unit(5)): ExecStart= is podman run,
// and passes on the variables. Of a unit without a container it
// returns the unit itself. The unit is not changed.
func Quadlet(u Unit) Unit {
	image := u.Values("Container", "Image")
	if len(image) == 0 {
		return u
	}
	out := Unit{Path: u.Path, Problems: u.Problems}
	for _, s := range u.Settings {
		if s.Section == "Container" && s.Name == "Environment" {
			s.Section = "Service"
		}
		out.Settings = append(out.Settings, s)
	}
	command, origin := "podman run", image[len(image)-1].Origin
	for _, e := range out.Environment() {
		command += " --env=" + e.Name
	}
	for _, c := range containerRun {
		values := u.Values("Container", c.setting)
		if c.setting == "Exec" && len(values) > 0 {
			values = values[len(values)-1:]
			origin = values[0].Origin
		}
		for _, v := range values {
			word := v.Value
			if c.option != "" {
				word = c.option + quoteWord(word)
			}
			command += " " + word
		}
	}
	origin.Field = "ExecStart"
	out.Settings = append(out.Settings, Setting{Section: "Service", Name: "ExecStart", Value: Text{Value: command, Origin: origin}})
	return out
}

// quoteWord makes one word of a value for systemd.syntax(7).
func quoteWord(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
