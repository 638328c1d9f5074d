package audit_test

import (
	"bytes"
	"certaudit/audit/inventory"
	"os"
	"path/filepath"
	"testing"

	"certaudit/audit"
	"certaudit/fixtures"
)

// FuzzGather replaces one file of a node. Whatever it holds, gathering and
// judging end without a panic, twice the same, as a snapshot the same, and every
// line that a finding names exists.
func FuzzGather(f *testing.F) {
	node := fixtures.ControlPlane(fixtures.Options{}).Node
	node["/root/.kube/config"] = node[etc+"/admin.conf"]
	dir := f.TempDir()
	if err := node.Write(dir); err != nil {
		f.Fatal(err)
	}
	paths := node.Paths()
	for i, path := range paths {
		f.Add(uint(i), node[path].Data)
		f.Add(uint(i), node[path].Data[:len(node[path].Data)/2])
	}
	f.Add(uint(0), []byte(bomb))
	f.Fuzz(func(t *testing.T, i uint, data []byte) {
		path := paths[i%uint(len(paths))]
		name := filepath.Join(dir, path)
		if node[path].Link != "" {
			t.Skip("a link has no bytes")
		}
		write(t, name, data)
		defer write(t, name, node[path].Data)

		inv, r := auditFolder(t, dir)
		again, second := auditFolder(t, dir)
		snapshot := marshal(t, r)
		if !bytes.Equal(marshal(t, second), snapshot) {
			t.Errorf("%s: two results differ", path)
		}
		// A file that was written anew has another date; nothing else may differ.
		if !bytes.Equal(snapshotOf(t, inv), snapshotOf(t, again)) {
			t.Errorf("%s: two inventories differ", path)
		}
		read := readSnapshot(t, snapshotOf(t, inv))
		if got := marshal(t, audit.Run([]*inventory.Inventory{read}, audit.Options{At: fixtures.Now})); !bytes.Equal(got, snapshot) {
			t.Errorf("%s: the result of the snapshot differs:\n%s\n%s", path, got, snapshot)
		}
		for _, finding := range r.Findings {
			if finding.Path != path || finding.Line == 0 {
				continue
			}
			if lines := bytes.Count(data, []byte("\n")) + 1; finding.Line < 0 || finding.Line > lines {
				t.Errorf("%s %s names line %d of %d of %s", finding.Check, finding.Message, finding.Line, lines, path)
			}
		}
	})
}

func write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// FuzzStream reads what anybody may pass off as a snapshot or an archive: it is judged
// without a panic, twice alike, and a snapshot of what was read is one again.
func FuzzStream(f *testing.F) {
	dir := f.TempDir()
	do(f, fixtures.ControlPlane(fixtures.Options{}).Node.Write(dir))
	packed := tarOf(f, dir, "cp-1")
	nodes, _ := fromStream(f, packed)
	whole := snapshotOf(f, nodes[0])
	f.Add(packed)
	f.Add(whole)
	f.Add(append(bytes.Clone(whole), whole[:5000]...))
	for _, change := range [][2]string{{`"index":0`, `"index":-9`}, {`"line":1`, `"line":-1`}, {`"role":"`, `"role":"x`}, {`"holds":"certificate"`, `"holds":"kubeconfig"`},
		{`"state":"readable"`, `"state":"x"`}, {`"settings":[`, `"settings":null,"x":[`}, {`"keys":[`, `"x":[`}, {`"contexts":`, `"x":`}, {`"embedded":{`, `"embedded":null,"x":{`}, {`"component":"`, `"component":"kube-`}} {
		f.Add(bytes.ReplaceAll(whole, []byte(change[0]), []byte(change[1])))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		nodes, rest := fromStream(t, data)
		if rest != nil {
			nodes = append(nodes, rest)
		}
		first := marshal(t, audit.Run(nodes, audit.Options{At: fixtures.Now}))
		if second := marshal(t, audit.Run(nodes, audit.Options{At: fixtures.Now})); !bytes.Equal(first, second) {
			t.Errorf("two results differ")
		}
		for _, inv := range nodes {
			again := readSnapshot(t, snapshotOf(t, inv))
			if !bytes.Equal(snapshotOf(t, again), snapshotOf(t, inv)) {
				t.Errorf("the snapshot of a snapshot differs")
			}
		}
	})
}
