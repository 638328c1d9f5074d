package cmd

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"certaudit/fixtures"
)

// Node objects beside nodes, from the standard input and from a file, beside trees and
// beside snapshots, reach what is judged between the nodes.
func TestNodeObjectsBesideNodes(t *testing.T) {
	all := fixtures.ClusterScenarios()
	s := all[slices.IndexFunc(all, func(s fixtures.ClusterScenario) bool { return s.Name == "bad-cluster-version-skew-kubelet" })]
	trees, snapshots := t.TempDir(), t.TempDir()
	now := func() time.Time { return fixtures.Now }
	for i, n := range s.Nodes() {
		dir := filepath.Join(trees, fmt.Sprint(i))
		ok(t, n.Write(dir))
		var text bytes.Buffer
		ok(t, (&program{stdout: &text, now: now}).snapshot(auditFlags{roots: []string{dir}}, ""))
		ok(t, os.WriteFile(filepath.Join(snapshots, fmt.Sprint(i)+".json"), text.Bytes(), 0o600))
	}
	file := filepath.Join(t.TempDir(), "nodes.json")
	ok(t, os.WriteFile(file, []byte(s.NodeObjects()), 0o600))
	for _, paths := range [][]string{{trees, stdinName}, {snapshots, stdinName}, {trees, file}, {snapshots, file}} {
		p := &program{stdin: strings.NewReader(s.NodeObjects()), stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}, now: now}
		r, err := p.result(auditFlags{paths: paths, failOn: never})
		ok(t, err)
		var found []string
		for _, f := range r.Findings {
			if f.Check == "cluster/version-skew" {
				found = append(found, filepath.Base(f.Path)+" "+f.Message)
			}
		}
		want := filepath.Base(paths[1]) + " 1 kubelet of Node objects: worker-2 (v1.35.0); the API server of cp-1 is v1.34.4: a kubelet must not be newer than any API server that it may reach"
		if !slices.Equal(found, []string{want}) {
			t.Errorf("%q: found %q; want %q", paths, found, want)
		}
	}
}
