package deploy_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const inhibitFile = "prometheus/alertmanager-inhibit.yaml"

type inhibitRules struct {
	Rules []struct {
		Source []string `yaml:"source_matchers"`
		Target []string `yaml:"target_matchers"`
		Equal  []string `yaml:"equal"`
	} `yaml:"inhibit_rules"`
}

var alertMatcher = regexp.MustCompile(`^alertname(=~?)"([^"]+)"$`)

// matched are the alerts that matchers select. Only those by name are expected.
func matched(t *testing.T, matchers, names []string) []string {
	t.Helper()
	if len(matchers) != 1 {
		t.Fatalf("matchers %q, want one by alertname", matchers)
	}
	m := alertMatcher.FindStringSubmatch(matchers[0])
	if m == nil {
		t.Fatalf("matcher %q, want one by alertname", matchers[0])
	}
	name := regexp.MustCompile("^(?:" + m[2] + ")$")
	out := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !name.MatchString(n) })
	if parts := strings.Count(m[2], "|") + 1; len(out) != parts {
		t.Errorf("%s matches %q, want %d alerts", matchers[0], out, parts)
	}
	return out
}

// Inhibition is by what an alert is about, never by its severity, never across
// clusters, and never of all of its sources.
func TestInhibitRules(t *testing.T) {
	var file inhibitRules
	readYAML(t, inhibitFile, &file)
	names := alertNames(t)
	if len(file.Rules) == 0 {
		t.Fatal("there are no rules")
	}
	for _, r := range file.Rules {
		source, target := matched(t, r.Source, names), matched(t, r.Target, names)
		for _, name := range source {
			if slices.Contains(target, name) {
				t.Errorf("%s inhibits itself", name)
			}
		}
		if !slices.Contains(r.Equal, "cluster") || slices.Contains(r.Equal, "severity") {
			t.Errorf("%q inhibits %q where %q are equal", r.Source, r.Target, r.Equal)
		}
	}
}

// Alertmanager takes the rules as they are, within a configuration.
func TestInhibitRulesAreValid(t *testing.T) {
	amtool := tool(t, "amtool")
	name := filepath.Join(t.TempDir(), "alertmanager.yml")
	text := "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n" + string(readFile(t, inhibitFile))
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := string(run(t, amtool, "check-config", name)); !strings.Contains(out, " - 4 inhibit rules") {
		t.Errorf("amtool check-config:\n%s", out)
	}
}
