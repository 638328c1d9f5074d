package cmd_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"certaudit/audit/inventory"
	"certaudit/fixtures"
)

// BenchmarkFleet audits the snapshots of a cluster as its user does, a process from its start
// to its end, beside two floors, processes too, on all processors: to read each snapshot, to
// decode it, and to verify each distinct certificate once. One floor decodes by encoding/json
// and crypto/x509, into the same types; the other by the reader of snapshots. x-floor
// and x-reader-floor compare the times by the clock, x-floor-cpu those of the processors.
// CERTAUDIT_FLEET is the largest number of nodes; making those of 5000 takes minutes.
func BenchmarkFleet(b *testing.B) {
	eachSize(b, "nodes", "CERTAUDIT_FLEET", []int{100, 1000, 5000}, writeFleet, func(b *testing.B, dir string, nodes int) {
		var plain, reader, ours process
		for b.Loop() {
			plain.run(b, floorPlain, dir)
			reader.run(b, floorReader, dir)
			out := ours.run(b, "certaudit", "audit", dir, "--at", fixtures.Now.Format(time.RFC3339), "--fail-on", "critical")
			if want := fmt.Sprintf(" certificates on %d nodes: ", nodes); !strings.Contains(out, want) || !strings.HasSuffix(out, "; complete\n") {
				b.Fatalf("the audit ends with %q", out[max(0, len(out)-200):])
			}
		}
		ours.beside(b, plain)
		b.ReportMetric(ours.clock.Seconds()/reader.clock.Seconds(), "x-reader-floor")
	})
}

// eachSize runs a benchmark over folders of several sizes, up to the one that a variable of the
// environment says: the first alone where that is not set.
func eachSize(b *testing.B, of, variable string, sizes []int, write func(b *testing.B, dir string, size int), run func(b *testing.B, dir string, size int)) {
	most, err := strconv.Atoi(os.Getenv(variable))
	if err != nil {
		most = sizes[0]
	}
	for _, size := range sizes {
		if size > most {
			return
		}
		dir := b.TempDir()
		write(b, dir, size)
		b.Run(fmt.Sprintf("%s=%d", of, size), func(b *testing.B) { run(b, dir, size) })
	}
}

// process is what the runs of a program took: time by the clock and of all processors, and
// the most memory that was resident, in KiB.
type process struct {
	clock, cpu time.Duration
	resident   int64
}

// beside reports what the runs took in terms of their floor, and their memory.
func (p *process) beside(b *testing.B, floor process) {
	b.ReportMetric(p.clock.Seconds()/floor.clock.Seconds(), "x-floor")
	b.ReportMetric(p.cpu.Seconds()/floor.cpu.Seconds(), "x-floor-cpu")
	b.ReportMetric(float64(p.resident)/1024, "resident-MiB")
}

// run runs this program under another name, which TestMain knows, and returns what it prints.
func (p *process) run(b *testing.B, name string, arguments ...string) string {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	program, status := filepath.Join(dir, name), filepath.Join(dir, "status")
	if err := os.Symlink(self, program); err != nil {
		b.Fatal(err)
	}
	c := exec.Command(program, arguments...)
	c.Env = append(os.Environ(), statusFile+"="+status)
	begun := time.Now()
	out, err := c.CombinedOutput()
	p.clock += time.Since(begun)
	if err != nil {
		b.Fatalf("%s: %v\n%s", name, err, out)
	}
	p.cpu += c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	if _, err := os.Stat(status); err == nil {
		p.resident = max(p.resident, highWater(b, status))
	}
	return string(out)
}

// writeFleet writes a snapshot of each node of a cluster.
func writeFleet(b *testing.B, dir string, nodes int) {
	tree := filepath.Join(b.TempDir(), "node")
	planes := max(3, nodes/25)
	for name, node := range fixtures.Fleet(planes, nodes-planes, 15) {
		if err := os.RemoveAll(tree); err != nil {
			b.Fatal(err)
		}
		if err := node.Write(tree); err != nil {
			b.Fatal(err)
		}
		inv, err := inventory.Gather(tree, fixtures.FleetFolder)
		if err != nil {
			b.Fatal(err)
		}
		var text bytes.Buffer
		if err := inventory.WriteSnapshot(&text, "certaudit", inv); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".json"), text.Bytes(), 0o600); err != nil {
			b.Fatal(err)
		}
	}
}

// The floors' names.
const (
	floorPlain  = "floor-plain"
	floorReader = "floor-reader"
)

// fleetFloor does, as a program, what no audit of a folder of snapshots can do without.
func fleetFloor(decode func(text []byte, known *sync.Map) ([]*x509.Certificate, error)) func() {
	return func() {
		files, err := filepath.Glob(filepath.Join(os.Args[1], "*.json"))
		if err != nil || len(files) == 0 {
			panic(fmt.Sprintf("%d files: %v", len(files), err))
		}
		var known, verified sync.Map
		onAllProcessors(len(files), func(i int) {
			text, err := os.ReadFile(files[i])
			if err != nil {
				panic(err)
			}
			certs, err := decode(text, &known)
			if err != nil {
				panic(err)
			}
			verifyOnce(certs, &verified)
		})
	}
}

// onAllProcessors calls a function with each number below n.
func onAllProcessors(n int, do func(i int)) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	workers.Wait()
}

// verifyOnce verifies those certificates of a node that were not verified before, with the
// CAs of the node.
func verifyOnce(certs []*x509.Certificate, verified *sync.Map) {
	cas := map[string]*x509.Certificate{}
	for _, c := range certs {
		if c.IsCA {
			cas[string(c.RawSubject)] = c
		}
	}
	for _, c := range certs {
		if _, was := verified.LoadOrStore(string(c.Raw), true); was {
			continue
		}
		if ca := cas[string(c.RawIssuer)]; ca != nil {
			if err := c.CheckSignatureFrom(ca); err != nil {
				panic(err)
			}
		}
	}
}

// decodePlainly decodes a snapshot by the standard library, and each certificate once.
func decodePlainly(text []byte, known *sync.Map) (certs []*x509.Certificate, err error) {
	var s struct {
		Certificates map[string][]byte    `json:"certificates"`
		Inventory    *inventory.Inventory `json:"inventory"`
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, err
	}
	for sum, der := range s.Certificates {
		c, was := known.Load(sum)
		if !was {
			if c, err = x509.ParseCertificate(der); err != nil {
				return nil, err
			}
			known.Store(sum, c)
		}
		certs = append(certs, c.(*x509.Certificate))
	}
	return certs, nil
}

// decodeByReader decodes a snapshot as the program does.
func decodeByReader(text []byte, _ *sync.Map) (certs []*x509.Certificate, err error) {
	inv, err := inventory.NewSnapshotReader(bytes.NewReader(text)).Next()
	if err != nil {
		return nil, err
	}
	for _, m := range inv.Materials {
		for _, c := range m.Certificates {
			certs = append(certs, c.Certificate)
		}
	}
	return certs, nil
}
