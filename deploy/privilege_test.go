package deploy_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"certaudit/cmd"
	"certaudit/fixtures"
)

// asProgram makes the test binary be certaudit, so that other users can run it.
const asProgram = "CERTAUDIT_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Setenv("CERTAUDIT_CONFIG", "") // not the policy of the machine that the test runs on
		os.Exit(cmd.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// The rights that the pod and the units are given are enough, and what is said
// of lesser ones is true. 0 is an audit of everything, 3 one that is incomplete.
func TestRightsThatReadingNeeds(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can give up root's rights")
	}
	setpriv := tool(t, "setpriv")
	const etcd = 65533
	nothing := []string{"--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"}
	capability := []string{"--no-new-privs", "--bounding-set=-all,+dac_read_search", "--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"}
	podRights := []string{"--no-new-privs", "--bounding-set=-all,+dac_read_search", "--inh-caps=-all"}
	nobody := []string{"--reuid=65534", "--regid=65534", "--clear-groups"}
	for _, c := range []struct {
		name   string
		rights []string
		owner  int
		want   int
	}{
		{"the pod: uid 0 and CAP_DAC_READ_SEARCH", podRights, 0, 0},
		{"the pod, where etcd's keys are etcd's", podRights, etcd, 0},
		{"the pod without the capability", nothing, 0, 0},
		{"the pod without it, where etcd's keys are etcd's", nothing, etcd, 3},
		{"the units: another user and CAP_DAC_READ_SEARCH", append(capability, nobody...), 0, 0},
		{"the units, where etcd's keys are etcd's", append(capability, nobody...), etcd, 0},
		{"nobody", append(nothing, nobody...), 0, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for _, d := range []string{dir, filepath.Dir(dir)} {
				if err := os.Chmod(d, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			tree, program := filepath.Join(dir, "node"), filepath.Join(dir, "certaudit")
			if err := fixtures.ControlPlane(fixtures.Options{}).Node.Write(tree); err != nil {
				t.Fatal(err)
			}
			chown(t, filepath.Join(tree, "etc/kubernetes/pki/etcd"), c.owner)
			if err := os.WriteFile(program, readFile(t, os.Args[0]), 0o755); err != nil {
				t.Fatal(err)
			}
			args := append(append([]string{}, c.rights...), program, "audit", "--root="+tree, "--at=2026-11-23", "--fail-on=never")
			run := exec.Command(setpriv, args...)
			run.Env = []string{asProgram + "=1"}
			run.Dir = "/"
			out, err := run.CombinedOutput()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if got := run.ProcessState.ExitCode(); got != c.want {
				t.Errorf("exit code %d, want %d\n%s", got, c.want, out)
			}
		})
	}
}

func chown(t *testing.T, dir string, owner int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(name, owner, owner)
	})
	if err != nil {
		t.Fatal(err)
	}
}
