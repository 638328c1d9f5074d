//go:build unix

package cmd_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"certaudit/fixtures"
)

// recipe is the first block of a language behind words of docs/collect.md.
func recipe(t *testing.T, words, language string) string {
	t.Helper()
	page, err := os.ReadFile("../docs/collect.md")
	do(t, err)
	_, rest, ok1 := strings.Cut(string(page), "\n**"+words)
	_, rest, ok2 := strings.Cut(rest, "\n```"+language+"\n")
	block, _, ok3 := strings.Cut(rest, "```\n")
	if !ok1 || !ok2 || !ok3 {
		t.Fatalf("docs/collect.md has no block of %s behind %q", language, words)
	}
	return block
}

// kitchen is where recipes are run: a folder, programs that stand before those of the
// machine, certaudit among them, and where two nodes as they are today lie.
type kitchen struct {
	dir, bin             string
	controlPlane, worker string
}

func newKitchen(t *testing.T) kitchen {
	t.Helper()
	k := kitchen{dir: t.TempDir(), bin: filepath.Dir(programFile(t)), controlPlane: t.TempDir(), worker: t.TempDir()}
	nodes := fixtures.Joined(fixtures.Options{Now: time.Now()}, 1, 1)
	do(t, nodes[0].Node.Write(k.controlPlane))
	do(t, nodes[1].Node.Write(k.worker))
	return k
}

// script writes a program into a folder.
func script(t *testing.T, dir, name, text string) {
	t.Helper()
	do(t, os.MkdirAll(dir, 0o755))
	do(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755))
}

// reading is what a script has to do to be a certaudit that takes a folder for its node.
func (k kitchen) reading(root string) string {
	return fmt.Sprintf(`exec %s/certaudit "$@" --root %s`, k.bin, root)
}

// cook types the commands of a block, and returns what they say. Nothing is complained
// of, and the last of them ends well.
func (k kitchen) cook(t *testing.T, commands string) string {
	t.Helper()
	typed := regexp.MustCompile(`(?m)^[$>] `).ReplaceAllString(commands, "")
	c := exec.CommandContext(t.Context(), "bash", "-o", "pipefail", "-c", typed)
	c.Dir, c.Env = k.dir, append(os.Environ(), "PATH="+k.bin+":"+os.Getenv("PATH"), "HOME="+t.TempDir())
	c.Stdin = strings.NewReader("what nobody reads\n")
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil || errs.Len() > 0 {
		t.Fatalf("%v: %s%s", err, errs.String(), out.String())
	}
	return out.String()
}

// changing matches what differs from day to day and from run to run in a report's end.
var changing = regexp.MustCompile(`[0-9a-f]{8};|\d{4}-\d\d-\d\d|\(\d+ days\)|CA key [0-9a-f]{8}`)

// bothJudged is how the report of the two nodes ends, without what changes.
const bothJudged = `cluster lb.example.com, …: 1 control plane, 1 worker; 2 info
NODE      KIND           KUBERNETES  CERTIFICATES  FINDINGS  NEXT EXPIRY
cp-1      control plane  v1.34.4     16            1 info    …
worker-1  worker         -           3             1 info    …

19 certificates on 2 nodes: 2 info; next expiry … …; complete
`

func endsAs(t *testing.T, want, said string) {
	t.Helper()
	_, nodes, _ := strings.Cut(said, "\nNodes\n\n")
	if diff := cmp.Diff(want, changing.ReplaceAllString(nodes, "…")); diff != "" {
		t.Errorf("the report ends otherwise (-want +got):\n%s", diff)
	}
}

func TestRecipeOfPods(t *testing.T) {
	t.Parallel()
	k := newKitchen(t)
	script(t, k.bin, "kubectl", fmt.Sprintf(`case "$*" in
'-n certaudit get pods -l app.kubernetes.io/name=certaudit -o name') printf 'pod/certaudit-%%s\n' 4xk2p 9qz7w; exit;;
'-n certaudit exec pod/certaudit-4xk2p -c certaudit -- /certaudit snapshot --root=/host') root=%s;;
'-n certaudit exec pod/certaudit-9qz7w -c certaudit -- /certaudit snapshot --root=/host') root=%s;;
*) echo "unexpected: $*" >&2; exit 1;;
esac
! read -r line || echo "was handed $line" >&2
exec certaudit snapshot --root=$root`, k.controlPlane, k.worker))
	endsAs(t, bothJudged, k.cook(t, recipe(t, "The pods of", "console")))
}

// What the loop over pods calls them, and where they have the node, is what the manifests say.
func TestRecipeOfPodsIsOfTheManifests(t *testing.T) {
	t.Parallel()
	loop := recipe(t, "The pods of", "console")
	for file, lines := range map[string]map[string]string{
		"kustomization.yaml": {"\nnamespace: certaudit\n": " -n certaudit ", "\n    app.kubernetes.io/name: certaudit\n": " -l app.kubernetes.io/name=certaudit "},
		"daemonset.yaml":     {"\n      - name: certaudit\n        image:": " -c certaudit ", "\n        - --root=/host\n": " --root=/host "},
	} {
		data, err := os.ReadFile("../deploy/kubernetes/base/" + file)
		do(t, err)
		for says, typed := range lines {
			if !strings.Contains(string(data), says) || !strings.Contains(loop, typed) {
				t.Errorf("%s says %q, and the loop %q", file, says, typed)
			}
		}
	}
}

func TestRecipeOfAnsible(t *testing.T) {
	if testing.Short() {
		t.Skip("Ansible takes seconds")
	}
	t.Parallel()
	if _, err := exec.LookPath("ansible-playbook"); err != nil {
		t.Skip("needs ansible-core")
	}
	python, err := exec.LookPath("python3")
	do(t, err)
	k := newKitchen(t)
	do(t, os.WriteFile(filepath.Join(k.dir, "collect.yaml"), []byte(recipe(t, "Ansible.", "yaml")), 0o600))
	var hosts, temporary []string
	for name, does := range map[string]string{"cp-1": k.reading(k.controlPlane), "worker-1": k.reading(k.worker), "broken": "exit 3"} {
		bin, tmp := t.TempDir(), t.TempDir()
		script(t, bin, "certaudit", does)
		script(t, bin, "python3", fmt.Sprintf(`PATH=%s:$PATH TMPDIR=%s exec %s "$@"`, bin, tmp, python))
		hosts = append(hosts, fmt.Sprintf("%s ansible_connection=local ansible_become=false ansible_python_interpreter=%s/python3\n", name, bin))
		temporary = append(temporary, tmp)
	}
	do(t, os.WriteFile(filepath.Join(k.dir, "hosts"), []byte(strings.Join(hosts, "")), 0o600))
	said := k.cook(t, recipe(t, "Ansible.", "console"))
	endsAs(t, bothJudged, said)
	if !regexp.MustCompile(`(?m)^broken +: ok=2 +changed=0 +unreachable=0 +failed=1 `).MatchString(said) {
		t.Errorf("nothing tells of the host that fails:\n%s", said)
	}
	if diff := cmp.Diff([]string{"cp-1.json.gz", "worker-1.json.gz"}, namesIn(t, filepath.Join(k.dir, "snapshots"))); diff != "" {
		t.Errorf("snapshots (-want +got):\n%s", diff)
	}
	for _, dir := range temporary {
		if left := namesIn(t, dir); len(left) > 0 {
			t.Errorf("%q is left on a host", left)
		}
	}
}

// namesIn are the names of what a folder holds.
func namesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	do(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// hosts adds hosts by the names of the two nodes, where who logs in may use sudo, and has
// the ssh of a kitchen reach them.
func (k kitchen) hosts(t *testing.T) {
	t.Helper()
	l := newLab(t)
	tar, err := exec.LookPath("tar")
	do(t, err)
	for name, root := range map[string]string{"cp-1": k.controlPlane, "worker-1": k.worker} {
		h := l.host(name)
		h.script(t, "certaudit", k.reading(root))
		h.script(t, "sudo", `[ "$1" = -n ] && shift && exec "$@"`)
		h.script(t, "tar", fmt.Sprintf(`for name; do shift; set -- "$@" "${name#/}"; done; cd %s && exec %s "$@"`, root, tar))
		do(t, os.MkdirAll(filepath.Join(root, "usr/lib/systemd/system"), 0o755))
	}
	ssh, err := exec.LookPath("ssh")
	do(t, err)
	script(t, k.bin, "ssh", fmt.Sprintf(`exec %s -F %s "$@"`, ssh, l.clientConfig()))
}

func TestRecipeOfLoop(t *testing.T) {
	k := newKitchen(t)
	k.hosts(t)
	do(t, os.WriteFile(filepath.Join(k.dir, "hosts.txt"), []byte("cp-1\nworker-1\n"), 0o600))
	endsAs(t, bothJudged, k.cook(t, recipe(t, "A loop.", "console")))
}

func TestRecipeOfTar(t *testing.T) {
	k := newKitchen(t)
	k.hosts(t)
	said := strings.Split(strings.TrimSpace(k.cook(t, recipe(t, "tar over ssh", "console"))), "\n")
	got := changing.ReplaceAllString(said[len(said)-1], "…")
	if want := "16 certificates: 1 info; next expiry … …; complete"; got != want {
		t.Errorf("the report ends otherwise: got %q, want %q", got, want)
	}
}
