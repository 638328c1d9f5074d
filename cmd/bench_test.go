package cmd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
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
	status := filepath.Join(dir, "status")
	var processor time.Duration
	var resident int64
	for b.Loop() {
		c := exec.Command(program, "audit", "--root", filepath.Join(dir, "node"), "--at", fixtures.KubeadmTime.Format(time.RFC3339))
		c.Env = append(os.Environ(), statusFile+"="+status)
		if out, err := c.CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		processor += c.ProcessState.UserTime() + c.ProcessState.SystemTime()
		resident = max(resident, highWater(b, status))
	}
	b.ReportMetric(float64(processor.Microseconds())/1000/float64(b.N), "cpu-ms/op")
	b.ReportMetric(float64(resident)/1024, "resident-MiB")
}

var highWaterLine = regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`)

// highWater reads the most memory that a process had resident, in KiB; 0 where
// the kernel does not tell. What wait4(2) tells begins with this process's own.
func highWater(b *testing.B, status string) int64 {
	b.Helper()
	text, err := os.ReadFile(status)
	if err != nil {
		b.Fatal(err)
	}
	m := highWaterLine.FindSubmatch(text)
	if m == nil {
		return 0
	}
	n, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return n
}
