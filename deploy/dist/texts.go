package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"certaudit/cmd"
)

// texts are what a release has beside programs, the same for every system.
type texts struct {
	// top are those of the tree's top.
	top []file
	// manuals are man/man1/certaudit.1 and so on, completions completions/certaudit.bash
	// and so on, units systemd/certaudit.service and so on.
	manuals, completions, units []file
	// policy is a configuration that changes nothing.
	policy []byte
	// notices are the licences of what the program is built of.
	notices []byte
}

// texts makes them of the tree.
func (r *release) texts() (t texts, err error) {
	for _, name := range []string{"LICENSE", "README.md", "CHANGELOG.md"} {
		data, err := r.read(name)
		if err != nil {
			return t, err
		}
		t.top = append(t.top, file{name, 0o644, data})
	}
	units, err := os.ReadDir(filepath.Join(r.root, "deploy", "systemd"))
	if err != nil {
		return t, err
	}
	for _, u := range units {
		data, err := r.read("deploy", "systemd", u.Name())
		if err != nil {
			return t, err
		}
		t.units = append(t.units, file{"systemd/" + u.Name(), 0o644, data})
	}
	if t.completions, err = completions(); err != nil {
		return t, err
	}
	page, err := r.read("docs", "policy.md")
	if err != nil {
		return t, err
	}
	if t.policy, err = inertPolicy(string(page)); err != nil {
		return t, err
	}
	if t.manuals, err = r.manuals(); err != nil {
		return t, err
	}
	t.notices, err = r.notices()
	return t, err
}

// completions are the scripts of the shells.
func completions() ([]file, error) {
	root := cmd.Commands()
	var bash, zsh, fish bytes.Buffer
	err := errors.Join(root.GenBashCompletionV2(&bash, true), root.GenZshCompletion(&zsh), root.GenFishCompletion(&fish, true))
	return []file{
		{"completions/" + name + ".bash", 0o644, bash.Bytes()},
		{"completions/_" + name, 0o644, zsh.Bytes()},
		{"completions/" + name + ".fish", 0o644, fish.Bytes()},
	}, err
}

var example = regexp.MustCompile("(?s)\n```yaml\n(.*?)\n```\n")

// policyHead stands above the settings of a policy that changes nothing.
const policyHead = `# The policy of this machine: what a team has decided about its certificates.
# certaudit reads this file where neither --config nor CERTAUDIT_CONFIG names another,
# and says so. Nothing is decided here until a line loses its "#"; what can be decided
# is explained by certaudit.yaml(5), and an upgrade leaves this file as it was changed.

`

// inertPolicy is the example of the policy's page with nothing in force.
func inertPolicy(page string) ([]byte, error) {
	m := example.FindStringSubmatch(page)
	if m == nil {
		return nil, errors.New("docs/policy.md has no example of a policy")
	}
	var b strings.Builder
	b.WriteString(policyHead)
	for line := range strings.Lines(m[1] + "\n") {
		if line != "\n" && !strings.HasPrefix(line, "#") {
			line = "#" + line
		}
		b.WriteString(line)
	}
	return []byte(b.String()), nil
}

// A module is one of those that the program is built of.
type module struct{ path, version, dir string }

// modules are those of every system, by their paths.
func (r *release) modules() ([]module, error) {
	all := map[string]module{}
	for _, system := range []string{"linux", "darwin", "windows"} {
		c := exec.Command("go", "list", "-deps", "-f", `{{with .Module}}{{if .Version}}{{.Path}}{{"\t"}}{{.Version}}{{"\t"}}{{.Dir}}{{end}}{{end}}`, "./cmd/certaudit")
		c.Dir, c.Stderr = r.root, os.Stderr
		c.Env = append(os.Environ(), "GOOS="+system, "GOARCH=amd64", "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
		out, err := c.Output()
		if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		for line := range strings.Lines(string(out)) {
			if f := strings.Split(strings.TrimSpace(line), "\t"); len(f) == 3 {
				all[f[0]] = module{f[0], f[1], f[2]}
			}
		}
	}
	c := exec.Command("go", "env", "GOROOT", "GOVERSION")
	c.Dir = r.root
	out, err := c.Output()
	f := strings.Fields(string(out))
	if err != nil || len(f) != 2 {
		return nil, fmt.Errorf("go env: %w", err)
	}
	all["Go"] = module{"Go", f[1], f[0]}
	return slices.SortedFunc(maps.Values(all), func(a, b module) int { return strings.Compare(a.path, b.path) }), nil
}

var legal = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([.-].*)?$`)

// notices are the licences of all modules, which they want to go with the program.
func (r *release) notices() ([]byte, error) {
	modules, err := r.modules()
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	b.WriteString("certaudit is built of these modules; their licences follow.\n")
	for _, m := range modules {
		entries, err := os.ReadDir(m.dir)
		if err != nil {
			return nil, err
		}
		found := false
		for _, e := range entries {
			if !legal.MatchString(e.Name()) || e.IsDir() {
				continue
			}
			data, err := os.ReadFile(filepath.Join(m.dir, e.Name()))
			if err != nil {
				return nil, err
			}
			found = true
			fmt.Fprintf(&b, "\n%s\n%s %s: %s\n\n%s\n", strings.Repeat("=", 80), m.path, m.version, e.Name(), bytes.TrimSpace(data))
		}
		if !found {
			return nil, fmt.Errorf("no licence is in the module %s %s", m.path, m.version)
		}
	}
	return []byte(b.String()), nil
}
