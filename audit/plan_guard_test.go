package audit

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"certaudit/audit/inventory"
	"certaudit/fixtures"

	gocmp "github.com/google/go-cmp/cmp"
)

// In whatever form a file holds or embeds certificates, what is compared is true as long as
// it stays as it was audited, and not once it is another.
func TestComparisons(t *testing.T) {
	const adminConf = "/etc/kubernetes/admin.conf"
	shells := slices.DeleteFunc([]string{"sh", "bash", "dash", "zsh"}, func(shell string) bool {
		_, err := exec.LookPath(shell)
		return err != nil
	})
	if len(shells) == 0 {
		t.Skip("there is no shell")
	}
	here, other := fixtures.ControlPlane(fixtures.Options{}), fixtures.ControlPlane(fixtures.Options{Seed: "another"})
	file := func(name string) func(*fixtures.Cluster) string {
		return func(c *fixtures.Cluster) string { return string(c.Node[name].Data) }
	}
	data := regexp.MustCompile(`(?m)^( *)([a-z-]+-data): *(\S+)$`)
	conf := func(as string) func(*fixtures.Cluster) string {
		return func(c *fixtures.Cluster) string { return data.ReplaceAllString(file(adminConf)(c), as) }
	}
	halves := func(as string) func(*fixtures.Cluster) string {
		return func(c *fixtures.Cluster) string {
			return regexp.MustCompile(`(?m)^( *)([a-z-]+-data): *(\S{64})(\S+)$`).ReplaceAllString(file(adminConf)(c), as)
		}
	}
	leaf, embedded := file("/etc/kubernetes/pki/apiserver.crt"), []string{"embeds", "embeds"}
	for _, tc := range []struct {
		name string
		text func(*fixtures.Cluster) string
		want []string
	}{
		{"a certificate", leaf, []string{"holds"}},
		{"behind its key", func(c *fixtures.Cluster) string { return file("/etc/kubernetes/pki/apiserver.key")(c) + leaf(c) }, []string{"holds"}},
		{"behind a text", func(c *fixtures.Cluster) string { return "Certificate:\n    Data:\n" + leaf(c) }, []string{"holds"}},
		{"lines that end with CR LF", func(c *fixtures.Cluster) string { return strings.ReplaceAll(leaf(c), "\n", "\r\n") }, []string{"holds"}},
		{"two", func(c *fixtures.Cluster) string { return leaf(c) + file("/etc/kubernetes/pki/ca.crt")(c) }, []string{"holds"}},
		{"a kubeconfig", file(adminConf), embedded},
		{"quoted", conf(`${1}${2}: "${3}"`), embedded},
		{"quoted, the name too", conf(`${1}"${2}": '${3}'`), embedded},
		{"with a comment", conf(`${1}${2}: ${3} # mine`), embedded},
		{"on the next line", conf("${1}${2}:\n${1}  ${3}"), embedded},
		{"as a block", halves("${1}${2}: |\n${1}  ${3}\n${1}  ${4}"), embedded},
		{"CR LF in a kubeconfig", func(c *fixtures.Cluster) string { return strings.ReplaceAll(file(adminConf)(c), "\n", "\r\n") }, embedded},
		{"JSON on one line", func(c *fixtures.Cluster) string {
			fields := map[string]string{}
			for _, m := range data.FindAllStringSubmatch(file(adminConf)(c), -1) {
				fields[m[2]] = m[3]
			}
			return `{"kind":"Config","apiVersion":"v1","current-context":"c","contexts":[{"name":"c","context":{"cluster":"k","user":"u"}}],"clusters":[{"name":"k","cluster":{"server":"https://192.0.2.11:6443","certificate-authority-data":"` + fields["certificate-authority-data"] +
				`"}}],"users":[{"name":"u","user":{"client-certificate-data":"` + fields["client-certificate-data"] + `","client-key-data":"` + fields["client-key-data"] + `"}}]}`
		}, embedded},
		{"a key", file("/etc/kubernetes/pki/apiserver.key"), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			name := filepath.Join(dir, "the file")
			write := func(text string) {
				if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write(tc.text(here))
			_, inv, err := inventory.GatherPaths(dir, []string{"the file"}, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			o := Options{At: fixtures.Now}
			found := newPlanner(newNodeAudit(newNode(inv, o), o, nil)).comparisonsOf("the file")
			var got []string
			script := "set -eu\n"
			for _, f := range comparing {
				script += f.definition + "\n"
			}
			script += "G=\n"
			for _, c := range found {
				function, _, _ := strings.Cut(string(c), " ")
				got, script = append(got, function), script+string(c)+"\n"
			}
			if diff := gocmp.Diff(tc.want, got); diff != "" {
				t.Fatalf("compared (-want +got):\n%s", diff)
			}
			script += `printf '%s' "$G"` + "\n"
			for _, shell := range shells {
				run := func() string {
					c := exec.Command(shell)
					c.Dir, c.Stdin = dir, strings.NewReader(script)
					out, err := c.CombinedOutput()
					if err != nil {
						t.Fatalf("%s: %v\n%s", shell, err, out)
					}
					return string(out)
				}
				write(tc.text(here))
				if got := run(); got != "" {
					t.Errorf("%s finds a difference where there is none:%s\n%s", shell, got, script)
				}
				write(tc.text(other))
				if got := strings.Count(run(), "\n  the file "); got != len(tc.want) {
					t.Errorf("%s finds %d differences, want %d", shell, got, len(tc.want))
				}
				if err := os.Remove(name); err != nil {
					t.Fatal(err)
				}
				if got := strings.Count(run(), "\n  the file "); got != len(tc.want) {
					t.Errorf("%s finds %d differences where the file is gone, want %d", shell, got, len(tc.want))
				}
			}
		})
	}
}
