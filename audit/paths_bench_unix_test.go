//go:build unix

package audit_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"certaudit/audit"
	"certaudit/audit/inventory"
	"certaudit/fixtures"
)

// BenchmarkPaths audits folders of certificates of one CA, a file each, beside the floor on all
// processors: list the folders, read and decode each file, and check each signature once.
// x-floor compares the time by the clock, x-floor-cpu that of the processors, which tells
// more on a machine that others use. CERTAUDIT_PATHS is the number of files.
func BenchmarkPaths(b *testing.B) {
	files, err := strconv.Atoi(os.Getenv("CERTAUDIT_PATHS"))
	if err != nil {
		files = 2000
	}
	dir := b.TempDir()
	ca := writeServers(b, dir, files)
	var floor, ours spent
	var live uint64
	for b.Loop() {
		floor.add(func() { pathsFloor(b, dir, ca) })
		var r audit.Result
		var rest *inventory.Inventory
		ours.add(func() {
			_, rest, err = inventory.GatherPaths("/", []string{dir}, nil, nil)
			do(b, err)
			r = audit.Run([]*inventory.Inventory{rest}, audit.Options{At: fixtures.Now})
		})
		if r.Summary.Certificates != files+1 || len(r.Findings) != 0 || r.Summary.Incomplete {
			b.Fatalf("%d certificates, %d findings, incomplete: %v", r.Summary.Certificates, len(r.Findings), r.Summary.Incomplete)
		}
		live = liveBytes(rest, r)
	}
	b.ReportMetric(ours.clock.Seconds()/floor.clock.Seconds(), "x-floor")
	b.ReportMetric(ours.cpu.Seconds()/floor.cpu.Seconds(), "x-floor-cpu")
	b.ReportMetric(float64(ours.cpu.Microseconds())/float64(files*b.N), "cpu-us/certificate")
	b.ReportMetric(float64(live)/float64(files)/1024, "KiB/certificate")
}

// liveBytes is how much memory is in use while some values are.
func liveBytes(values ...any) uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	runtime.KeepAlive(values)
	return m.HeapAlloc
}

// spent is the time that something took, by the clock and of all processors.
type spent struct{ clock, cpu time.Duration }

func (s *spent) add(work func()) {
	runtime.GC() // what was before is not to be paid for here
	begun, before := time.Now(), processorTime()
	work()
	s.clock, s.cpu = s.clock+time.Since(begun), s.cpu+processorTime()-before
}

// processorTime is what this process has taken so far.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// writeServers writes the certificates of so many servers, 500 in a folder, beside that of
// their CA, which it returns.
func writeServers(b *testing.B, dir string, files int) *x509.Certificate {
	issue := func(serial int, name, file string, signer *x509.Certificate, key *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
		own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		do(b, err)
		t := &x509.Certificate{SerialNumber: big.NewInt(int64(serial)), Subject: pkix.Name{CommonName: name}, BasicConstraintsValid: true,
			NotBefore: fixtures.Now.AddDate(0, -1, 0), NotAfter: fixtures.Now.AddDate(0, 11, 0), KeyUsage: x509.KeyUsageDigitalSignature}
		if signer == nil {
			signer, key = t, own
			t.IsCA, t.KeyUsage, t.NotAfter = true, x509.KeyUsageCertSign, fixtures.Now.AddDate(10, 0, 0)
		} else {
			t.DNSNames, t.ExtKeyUsage = []string{name}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		}
		der, err := x509.CreateCertificate(rand.Reader, t, signer, own.Public(), key)
		do(b, err)
		do(b, os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
		c, err := x509.ParseCertificate(der)
		do(b, err)
		return c, own
	}
	ca, key := issue(1, "servers", "ca.crt", nil, nil)
	for i := range files {
		folder := strconv.Itoa(i / 500)
		do(b, os.MkdirAll(filepath.Join(dir, folder), 0o700))
		name := fmt.Sprintf("app-%d.example.com", i)
		issue(i+2, name, filepath.Join(folder, name+".crt"), ca, key)
	}
	return ca
}

// pathsFloor does what no audit of files can do without.
func pathsFloor(b *testing.B, dir string, ca *x509.Certificate) {
	var names []string
	do(b, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		return err
	}))
	certs := make([]*x509.Certificate, len(names))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(names); i = int(next.Add(1)) - 1 {
				data, err := os.ReadFile(names[i])
				if err != nil {
					b.Error(err)
					return
				}
				certs[i] = decode(b, data)[0]
				if err := certs[i].CheckSignatureFrom(ca); err != nil {
					b.Error(err)
				}
			}
		})
	}
	workers.Wait()
	runtime.KeepAlive(certs)
}
