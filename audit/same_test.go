//go:build !race

package audit_test

import (
	"bytes"
	"encoding/json"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"certaudit/audit"
	"certaudit/audit/inventory"
	"certaudit/fixtures"
)

// An inventory as JSON is a snapshot: read again, it is judged as it was. Two
// gatherings of one tree are the same, and nothing of a private key is in them.
func TestSnapshot(t *testing.T) {
	if testing.Short() {
		t.Skip("audits every node twice")
	}
	for _, s := range fixtures.Scenarios() {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			node := s.Node()
			dir := t.TempDir()
			if err := node.Write(dir); err != nil {
				t.Fatal(err)
			}
			inv, first := auditFolder(t, dir)
			again, second := auditFolder(t, dir)
			snapshot := snapshotOf(t, inv)
			if got := snapshotOf(t, again); !bytes.Equal(got, snapshot) {
				t.Errorf("two inventories of one tree differ")
			}
			if diff := gocmp.Diff(first, second); diff != "" {
				t.Errorf("two results of one tree (-first +second):\n%s", diff)
			}
			read := readSnapshot(t, snapshot)
			third := audit.Run([]*inventory.Inventory{read}, audit.Options{At: fixtures.Now})
			if diff := gocmp.Diff(first, third); diff != "" {
				t.Errorf("the result of the snapshot (-gathered +read):\n%s", diff)
			}
			if got := snapshotOf(t, read); !bytes.Equal(got, snapshot) {
				t.Errorf("the snapshot of a snapshot differs")
			}
			if kept := secrets(node); len(kept) > 0 || !withoutKeys[s.Name] {
				keepsSecrets(t, kept, inv, first)
			}
		})
	}
}

// An archive of a node is judged as the node is.
func TestArchive(t *testing.T) {
	if testing.Short() {
		t.Skip("audits every node twice")
	}
	for _, s := range fixtures.Scenarios() {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			node := s.Node()
			if node.FromProcesses() {
				t.Skip("an archive has no processes")
			}
			dir := t.TempDir()
			do(t, node.Write(dir))
			want := resultOf(t, s.Name, s.Node)
			nodes, rest := fromStream(t, tarOf(t, dir, ""))
			if len(nodes) != 1 {
				if len(want.Certificates) > 0 && len(want.Connections) > 0 {
					t.Fatalf("%d nodes, and other files: %v", len(nodes), rest != nil)
				}
				return
			}
			nodes[0].Folder = ""
			got := audit.Run(nodes, audit.Options{At: fixtures.Now})
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("(-folder +archive):\n%s", diff)
			}
		})
	}
}

// Whatever a snapshot says, there is no panic: every value of one is taken out, emptied
// or replaced in turn, and what can be read is judged.
func TestChangedSnapshots(t *testing.T) {
	dir := t.TempDir()
	do(t, fixtures.ControlPlane(fixtures.Options{}).Node.Write(dir))
	inv, _ := auditFolder(t, dir)
	var whole any
	do(t, json.Unmarshal(snapshotOf(t, inv), &whole))
	every, judged := 5, 0
	if testing.Short() {
		every = 41
	}
	i := 0
	changes(whole, func() {
		if i++; i%every != 0 {
			return
		}
		data := marshal(t, whole)
		// json.Marshal sorts the keys, and the schema is to come first.
		data = append([]byte(`{"schema":"`+inventory.SnapshotSchema+`",`), data[1:]...)
		nodes, rest := fromStream(t, data)
		if judged += len(nodes); rest != nil {
			nodes = append(nodes, rest)
		}
		marshal(t, audit.Run(nodes, audit.Options{At: fixtures.Now}))
	})
	if judged*every < i/2 {
		t.Errorf("%d of %d changed snapshots were judged", judged, i/every)
	}
}
