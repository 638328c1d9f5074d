package cmd_test

import (
	"bytes"
	"strings"
	"testing"

	"certaudit/cmd"
)

// Wrong usage is told in plain words, with what may be meant and where the help is.
func TestUsage(t *testing.T) {
	for line, want := range map[string]string{
		"serve --interval abc":          "\"abc\" is nothing that --interval takes: expected a number with its unit, such as 90s, 10m or 2h\nRun \"certaudit serve --help\" for the flags.\n",
		"collect --parallel x":          "\"x\" is nothing that --parallel takes: expected a whole number\nRun \"certaudit collect --help\" for the flags.\n",
		"audit --no-color=maybe":        "\"maybe\" is nothing that --no-color takes: expected true or false\nRun \"certaudit audit --help\" for the flags.\n",
		"audit --root":                  "flag needs an argument: --root\nRun \"certaudit audit --help\" for the flags.\n",
		"audit -x":                      "unknown shorthand flag: 'x' in -x\nRun \"certaudit audit --help\" for the flags.\n",
		"audit --fail-on crit":          "unknown severity \"crit\" (did you mean \"critical\"?); --fail-on takes info, warning, critical, never\nRun \"certaudit audit --help\" for the flags.\n",
		"audit --probe=hear":            "unknown value \"hear\" (did you mean \"here\"?); --probe takes here or anywhere, as --probe=anywhere\nRun \"certaudit audit --help\" for the flags.\n",
		"checks validty":                "unknown check \"validty\" (did you mean \"validity\"?); \"certaudit checks\" lists them\nRun \"certaudit checks --help\" for the flags.\n",
		"checks validity/expird":        "unknown check \"validity/expird\" (did you mean \"validity/expired\"?); \"certaudit checks\" lists them\nRun \"certaudit checks --help\" for the flags.\n",
		"checks -o jsn":                 "unknown format \"jsn\" (did you mean \"json\"?); a list of checks is written as table, json\nRun \"certaudit checks --help\" for the flags.\n",
		"requirements --profle kubeadm": "unknown flag \"--profle\" (did you mean \"--profile\"?)\nRun \"certaudit requirements --help\" for the flags.\n",
		"requirements --profile kubadm": "unknown profile \"kubadm\" (did you mean \"kubeadm\"?); profiles are kubeadm, docs, generic, k3s, k0s, microk8s\nRun \"certaudit requirements --help\" for the flags.\n",
		"version now":                   "\"now\": certaudit version takes no arguments\nRun \"certaudit version --help\" for the flags.\n",
		"inspect":                       "an argument is missing; the usage is certaudit inspect FILE|HOST:PORT|- ... [flags]\nRun \"certaudit inspect --help\" for the flags.\n",
		"diff a":                        "the second argument is missing; the usage is certaudit diff OLD NEW [flags]\nRun \"certaudit diff --help\" for the flags.\n",
		"checks a b":                    "\"b\" is one argument too many; the usage is certaudit checks [ID|FAMILY] [flags]\nRun \"certaudit checks --help\" for the flags.\n",
		"help audti":                    "unknown command \"audti\" (did you mean \"audit\"?); \"certaudit --help\" lists them\nRun \"certaudit help --help\" for the flags.\n",
		"forcast":                       "unknown command \"forcast\" for \"certaudit\" (did you mean \"forecast\"?)\nRun \"certaudit --help\" for the commands and flags.\n",
		"zzz":                           "unknown command \"zzz\" for \"certaudit\"\nRun \"certaudit --help\" for the commands and flags.\n",
	} {
		var stdout, stderr bytes.Buffer
		code := cmd.Main(strings.Fields(line), strings.NewReader(""), &stdout, &stderr)
		if code != 2 || stdout.Len() > 0 || stderr.String() != "certaudit: "+want {
			t.Errorf("%s: exit code %d, output %q, error stream %q, want 2, nothing and %q", line, code, stdout.String(), stderr.String(), "certaudit: "+want)
		}
	}
}

// help prints the same as --help.
func TestHelp(t *testing.T) {
	said := func(line string) string {
		var stdout, stderr bytes.Buffer
		if code := cmd.Main(strings.Fields(line), strings.NewReader(""), &stdout, &stderr); code != 0 || stderr.Len() > 0 {
			t.Errorf("%s: exit code %d, error stream %q", line, code, stderr.String())
		}
		return stdout.String()
	}
	for _, line := range []string{"", "audit"} {
		if got, want := said("help "+line), said(line+" --help"); got != want || got == "" {
			t.Errorf("help %s prints\n%s\nwant\n%s", line, got, want)
		}
	}
}

// No flag is said to take what only Go calls so.
func TestFlagsHaveWords(t *testing.T) {
	var stdout, stderr bytes.Buffer
	for _, name := range []string{"audit", "checks", "collect", "connections", "csr", "demo", "diff", "forecast", "inspect", "logs", "plan", "requirements", "serve", "snapshot", "version"} {
		if code := cmd.Main([]string{name, "--help"}, strings.NewReader(""), &stdout, &stderr); code != 0 {
			t.Fatalf("%s: %s", name, stderr.String())
		}
	}
	for line := range strings.Lines(stdout.String()) {
		words := strings.Fields(line)
		for _, goType := range []string{"string", "strings", "stringArray", "int", "duration", "uint", "float64"} {
			if len(words) > 2 && strings.HasPrefix(words[0], "-") && (words[1] == goType || words[2] == goType && strings.HasPrefix(words[1], "--")) {
				t.Errorf("a flag takes a %s: %s", goType, line)
			}
		}
	}
}
