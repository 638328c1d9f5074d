package cmd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"certaudit/fixtures"
)

// BenchmarkProcess audits one real control-plane node as its user does: the whole
// process, from its start to its end. It states wall-clock time, processor time
// and the most memory that was resident.
func BenchmarkProcess(b *testing.B) {
	dir := b.TempDir()
	versions := fixtures.KubeadmVersions()
	if err := fixtures.Kubeadm(versions[len(versions)-1]).Write(filepath.Join(dir, "node")); err != nil {
		b.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	program := filepath.Join(dir, "certaudit") // TestMain runs the program under this name
	if err := os.Symlink(self, program); err != nil {
		b.Fatal(err)
	}
	var processor time.Duration
	var resident int64
	for b.Loop() {
		c := exec.Command(program, "audit", "--root", filepath.Join(dir, "node"), "--at", fixtures.KubeadmTime.Format(time.RFC3339))
		if out, err := c.CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		processor += c.ProcessState.UserTime() + c.ProcessState.SystemTime()
		if usage, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
			resident = max(resident, usage.Maxrss)
		}
	}
	b.ReportMetric(float64(processor.Microseconds())/1000/float64(b.N), "cpu-ms/op")
	b.ReportMetric(float64(resident)/1024, "resident-MiB")
}
