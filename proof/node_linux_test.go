//go:build !race

package proof

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"certaudit/audit"
	"certaudit/audit/inventory"
	"certaudit/fixtures"
	"certaudit/report"
)

// at is the time for which everything is judged. A real kubeadm and a real openssl
// go by the machine's clock, so what they issue begins now; the scenarios are moved
// there with [fixtures.Now]. It is a little later than now, so that what is issued
// during the test has begun, and a whole hour, so that two runs of an hour say the
// same. Nothing of a scenario is decided by less than half a day.
var at = latest(fixtures.Now, time.Now().UTC().Truncate(time.Hour).Add(2*time.Hour))

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// trial is one tree and what became of it.
type trial struct {
	proofCase
	t       *testing.T
	dir     string
	machine machine
	before  state
	// files are those of the tree as they were written.
	files map[string]file
	// touched is what the tree looked like at the last look.
	touched string
	// manifests are when they were last changed.
	manifests map[string]time.Time
	worse     []string
	// later is how much later than [at] it is.
	later time.Duration
}

// state is what must not get worse.
type state struct {
	result    audit.Result
	inventory *inventory.Inventory
	// critical are the critical findings; broken are the connections, and working the
	// ends of those that are not.
	critical, broken, working map[string]bool
	manifests                 []string
	// ready says whether the API server would be: see [ready].
	ready error
	// keys are the private keys anywhere below the tree.
	keys map[string]bool
}

// at is the time for which the tree is judged.
func (tr *trial) at() time.Time { return at.Add(tr.later) }

func (tr *trial) tree() string { return filepath.Join(tr.dir, "node") }

// newTrial writes the tree and audits it.
func newTrial(t *testing.T, c proofCase, kubeadm string) *trial {
	tr := &trial{proofCase: c, t: t, dir: t.TempDir()}
	root := filepath.Join(tr.dir, "root")
	for _, err := range []error{os.Mkdir(root, 0o755), c.node().Write(tr.tree()), furnish(tr.tree()), giveToEtcd(tr.tree())} {
		if err != nil {
			t.Fatal(err)
		}
	}
	inv := must(inventory.Gather(tr.tree()))
	if err := running(tr.tree(), inv.Components, at.Add(-24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	tr.machine = machine{Tree: tr.tree(), Root: root, Self: must(os.Executable()), Kubeadm: kubeadm, Script: filepath.Join(tr.dir, "plan.sh"),
		Host: c.host, Addresses: c.addresses, Gateway: c.gateway, At: at.Format(time.RFC3339)}
	tr.before = tr.look()
	tr.files, tr.touched, tr.manifests = files(tr.tree()), fingerprint(tr.tree()), map[string]time.Time{}
	tr.restartChanged()
	return tr
}

// furnish adds the few files of a node that programs look for and that no scenario
// has.
func furnish(tree string) error {
	for name, text := range map[string]string{"etc/hosts": "127.0.0.1 localhost\n", "etc/resolv.conf": "", "etc/passwd": "root:x:0:0::/root:/bin/sh\n",
		"etc/group": "root:x:0:\n", "etc/ssl/openssl.cnf": "[req]\ndistinguished_name = dn\n[dn]\n", "root/.profile": ""} {
		if err := os.MkdirAll(filepath.Join(tree, filepath.Dir(name)), 0o755); err != nil {
			return err
		}
		if exists(filepath.Join(tree, name)) {
			continue
		}
		if err := os.WriteFile(filepath.Join(tree, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// look audits the tree.
func (tr *trial) look() state {
	inv := must(inventory.Gather(tr.tree()))
	s := state{inventory: inv, result: audit.Run([]*inventory.Inventory{inv}, audit.Options{At: tr.at()}), critical: map[string]bool{}, broken: map[string]bool{}, working: map[string]bool{}, keys: privateKeys(tr.tree())}
	for _, f := range s.result.Findings {
		if f.Severity == audit.Critical {
			s.critical[f.Label()+" "+cmp.Or(f.SHA256, f.Field)] = true
			for _, c := range f.Causes {
				s.critical[c.Check+" "+c.Path+" "+cmp.Or(c.SHA256, c.Field)] = true
			}
		}
	}
	for _, c := range s.result.Connections {
		if ends := c.Client + " -> " + c.Server; c.Status == audit.VerdictBroken {
			s.broken[ends+" "+c.Address] = true
		} else {
			s.working[ends] = true
		}
	}
	if _, ok := inv.Component(inventory.APIServer); ok {
		s.ready = ready(tr.tree(), inv, tr.at())
	}
	names, _ := filepath.Glob(filepath.Join(tr.tree(), inv.ManifestDir, "*"))
	for _, name := range names {
		s.manifests = append(s.manifests, filepath.Base(name))
	}
	return s
}

// open are the findings that a plan is for.
func (s state) open() []string {
	out := []string{}
	for _, f := range s.result.Findings {
		if planned(f) && !slices.Contains(out, f.Label()) {
			out = append(out, f.Label())
		}
	}
	slices.Sort(out)
	return out
}

// worseThan names what is worse than before.
func (s state) worseThan(before state) []string {
	var out []string
	for _, what := range []struct {
		word      string
		now, then map[string]bool
	}{{"", s.critical, before.critical}, {"broken: ", s.broken, before.broken}, {"lost key: ", before.keys, s.keys}} {
		for name := range what.now {
			ends, _, isConnection := strings.Cut(name, " https://")
			if !what.then[name] && (!isConnection || before.working[ends]) { // else there was none
				out = append(out, what.word+name)
			}
		}
	}
	for _, name := range before.manifests {
		if !slices.Contains(s.manifests, name) && !before.superfluous(name) {
			out = append(out, "lost manifest: "+name)
		}
	}
	if s.ready != nil && before.ready == nil {
		out = append(out, "not ready: "+s.ready.Error())
	}
	slices.Sort(out)
	return out
}

// superfluous reports whether a manifest is a second one of its component, which a
// finding is about.
func (s state) superfluous(manifest string) bool {
	return slices.ContainsFunc(s.result.Findings, func(f audit.Finding) bool {
		return f.Check == "input/duplicate-component" && filepath.Base(f.Path) == manifest
	})
}

// watch looks at the tree if it is another than at the last look, and has the
// kubelet start what has another manifest.
func (tr *trial) watch() {
	now := fingerprint(tr.tree())
	if now == tr.touched {
		return
	}
	tr.touched = now
	tr.restartChanged()
	tr.keepHalf()
	for _, line := range tr.look().worseThan(tr.before) {
		if !slices.Contains(tr.worse, line) {
			tr.worse = append(tr.worse, line)
		}
	}
}

// keepHalf copies the tree at the first look that finds a file of it changed.
func (tr *trial) keepHalf() {
	half := filepath.Join(tr.dir, "half")
	if exists(half) {
		return
	}
	now := files(tr.tree())
	for name, was := range tr.files {
		if is, ok := now[name]; !ok || !bytes.Equal(is.data, was.data) {
			must(0, os.Mkdir(half, 0o755))
			copyTree(tr.t, tr.tree(), filepath.Join(half, "node"))
			return
		}
	}
}

// copyTree copies a folder under another name.
func copyTree(t *testing.T, from, to string) {
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Errorf("cp: %s", out)
	}
}

// restartChanged starts what has another manifest than at the last look, as the
// kubelet does.
func (tr *trial) restartChanged() {
	for _, c := range tr.before.inventory.Components {
		name := filepath.Join(tr.tree(), c.Origin.Path)
		info, err := os.Stat(name)
		if err != nil || filepath.Dir(c.Origin.Path) != tr.before.inventory.ManifestDir || tr.manifests[name] == info.ModTime() {
			continue
		}
		if _, known := tr.manifests[name]; known {
			if err := restarted(filepath.Join(tr.tree(), "proc"), c.Name); err != nil {
				tr.t.Error(err)
			}
		}
		tr.manifests[name] = info.ModTime()
	}
}

// fingerprint changes with everything below a folder but the processes.
func fingerprint(dir string) string {
	sum := sha256.New()
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name == filepath.Join(dir, "proc") {
			return fs.SkipDir
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		link, _ := os.Readlink(name)
		if !d.IsDir() {
			fmt.Fprintln(sum, name, info.Mode(), info.Size(), info.ModTime().UnixNano(), link)
		} else {
			fmt.Fprintln(sum, name, info.Mode())
		}
		return nil
	})
	if err != nil {
		panic(err)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// privateKeys are the private keys in the files below a folder, on their own or in
// the fields of kubeconfigs, by the SHA-256 of their bytes.
func privateKeys(dir string) map[string]bool {
	keys := map[string]bool{}
	for _, f := range files(dir) {
		for _, text := range [][]byte{f.data, fieldData(f.data, "client-key-data")} {
			for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
				if strings.HasSuffix(block.Type, "PRIVATE KEY") {
					sum := sha256.Sum256(block.Bytes)
					keys[hex.EncodeToString(sum[:4])] = true
				}
			}
		}
	}
	return keys
}

// file is a regular file.
type file struct {
	data  []byte
	mode  fs.FileMode
	owner uint32
}

// files are the regular files below a folder by their paths on the node, but for the
// processes.
func files(dir string) map[string]file {
	out := map[string]file{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && name == filepath.Join(dir, "proc") {
			return fs.SkipDir
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(name)
		out[strings.TrimPrefix(name, dir)] = file{data, info.Mode(), info.Sys().(*syscall.Stat_t).Uid}
		return err
	})
	if err != nil {
		panic(err)
	}
	return out
}

// etcdUser owns what lies in folders of etcd: it does not run as root everywhere.
const etcdUser = 997

// giveToEtcd gives files in folders called etcd to etcd's user.
func giveToEtcd(tree string) error {
	for name := range files(tree) {
		if filepath.Base(filepath.Dir(name)) != "etcd" {
			continue
		}
		if err := os.Chown(filepath.Join(tree, name), etcdUser, etcdUser); err != nil {
			return err
		}
	}
	return nil
}

// strays names what the plan changed that it had no reason to change.
func (tr *trial) strays() []string {
	var out []string
	now, named := files(tr.tree()), tr.named()
	for name, was := range tr.files {
		is, there := now[name]
		switch {
		case !there && !named[name] && !named[filepath.Dir(name)]:
			out = append(out, "removed: "+name)
		case !there:
		case !bytes.Equal(was.data, is.data) && !named[name]:
			out = append(out, "changed without a reason: "+name)
		case was.owner != is.owner:
			out = append(out, fmt.Sprintf("the owner of %s was %d and is %d", name, was.owner, is.owner))
		case is.mode&^was.mode != 0 && bytes.Contains(is.data, []byte("PRIVATE KEY")):
			out = append(out, fmt.Sprintf("the mode of %s was %s and is %s", name, was.mode, is.mode))
		}
	}
	slices.Sort(out)
	return out
}

// leftBehind are the files that the plan needed only to make others.
func (tr *trial) leftBehind() (out []string) {
	for name := range files(tr.tree()) {
		if strings.Contains(name, "certaudit-new") {
			out = append(out, "left behind: "+name)
		}
	}
	return out
}

// named are the files that findings are about, with what follows from them, the
// other halves of their pairs, and the files that name them or stand for the same.
func (tr *trial) named() map[string]bool {
	out := map[string]bool{}
	for _, f := range tr.before.result.Findings {
		if !planned(f) {
			continue
		}
		out[f.Path] = true
		for _, c := range f.Causes {
			out[c.Path] = true
		}
	}
	for _, ref := range tr.before.inventory.References {
		for _, other := range tr.before.inventory.References {
			if ref.Pair != "" && ref.Pair == other.Pair && out[ref.Path] || ref.Holds == inventory.HoldsTokenKey && other.Holds == inventory.HoldsTokenVerifier && out[ref.Path] {
				out[other.Path] = true
			}
		}
	}
	for _, ref := range tr.before.inventory.References {
		if out[ref.Path] && !strings.HasSuffix(ref.Origin.Path, ".crt") {
			out[ref.Origin.Path] = true
		}
	}
	return out
}

// planned reports whether a plan is for a finding: it is at warning or above, or kubeadm
// renews the certificate with the others.
func planned(f audit.Finding) bool {
	return f.Severity.Rank() >= audit.Warning.Rank() || strings.HasSuffix(f.Path, "/etcd/healthcheck-client.crt")
}

// script is the plan of the tree as it is now.
func (tr *trial) script(s state) []byte {
	var b bytes.Buffer
	for _, form := range report.PlanFormats() {
		if form.Name == "sh" {
			if err := form.Write(&b, s.result, report.Options{}); err != nil {
				tr.t.Fatal(err)
			}
		}
	}
	return b.Bytes()
}

// run has the machine run a script.
func (tr *trial) run(script []byte, look func(), env ...string) (string, int) {
	if err := os.WriteFile(tr.machine.Script, script, 0o644); err != nil {
		tr.t.Fatal(err)
	}
	m := tr.machine
	m.Shell, m.Env = []string{"/bin/sh", scriptFile}, env
	if look != nil {
		m.Shell = []string{"/bin/bash", stepFile}
	}
	return m.run(tr.t, look)
}

// readable has each shell that is here read a script without running it.
func (tr *trial) readable(script []byte) {
	for _, shell := range []string{"dash", "bash", "zsh"} {
		if _, err := exec.LookPath(shell); err != nil {
			continue
		}
		c := exec.Command(shell, "-n")
		c.Stdin = bytes.NewReader(script)
		if out, err := c.CombinedOutput(); err != nil {
			tr.t.Errorf("%s cannot read the plan: %s", shell, out)
		}
	}
}
