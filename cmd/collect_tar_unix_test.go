//go:build unix

package cmd_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"certaudit/audit"
	"certaudit/audit/inventory"
	program "certaudit/cmd"
	"certaudit/fixtures"
)

// copied is what certaudit collect --tar sends of a node that lies below a folder.
func copied(t *testing.T, dir string) []byte {
	t.Helper()
	tmp := t.TempDir()
	bin := t.TempDir()
	do(t, os.WriteFile(filepath.Join(bin, "id"), []byte("#!/bin/sh\necho 0\n"), 0o755))
	c := exec.Command("sh", "-c", program.CopyCommand())
	c.Env = append(os.Environ(), "CERTAUDIT_COLLECT_ROOT="+dir, "TMPDIR="+tmp, "PATH="+bin+":"+os.Getenv("PATH"))
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil || errs.Len() > 0 {
		t.Fatalf("%v: %s", err, errs.String())
	}
	if left, _ := os.ReadDir(tmp); len(left) > 0 {
		t.Errorf("%s is left", left[0].Name())
	}
	_, archive, ok := bytes.Cut(out.Bytes(), []byte("certaudit-collect output\n"))
	if !ok {
		t.Fatalf("there is no mark in %q", out.Bytes()[:min(200, out.Len())])
	}
	return archive
}

// A copy without keys is judged as the node is, but for what takes a private key.
func TestCopies(t *testing.T) {
	for _, s := range fixtures.Scenarios() {
		if testing.Short() && s.Name[:3] != "ok-" {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			do(t, s.Node().Write(dir))
			whole, err := inventory.Gather(dir)
			do(t, err)
			archive := copied(t, dir)
			inv, err := inventory.Clock{}.GatherCopy(bytes.NewReader(archive), program.CopiedFolders)
			do(t, err)
			shown := func(inv *inventory.Inventory) (list []string) {
				for _, f := range audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now}).Findings {
					if strings.Contains(f.Message, "were left out of the copy") || strings.HasPrefix(f.Message, "lies outside of the folders that were copied;") {
						continue
					}
					list = append(list, string(f.Severity)+" "+f.Check+" "+f.Path+" "+f.Message)
				}
				return list
			}
			if diff := cmp.Diff(shown(whole), shown(inv)); diff != "" {
				t.Errorf("(-node +copy):\n%s", diff)
			}
		})
	}
}
