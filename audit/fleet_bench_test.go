package audit_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"certaudit/audit"
	"certaudit/audit/inventory"
	"certaudit/fixtures"
	"certaudit/parsers"
)

// BenchmarkFleet audits the snapshots of a cluster beside two floors, on all processors. Both
// read each snapshot and verify each certificate once. The one decodes by the reader of
// snapshots, with all certificates; the other by encoding/json, into the same type, and
// each distinct certificate by crypto/x509. CERTAUDIT_FLEET is the largest number of
// nodes; making those of 5000 takes minutes.
func BenchmarkFleet(b *testing.B) {
	most, err := strconv.Atoi(os.Getenv("CERTAUDIT_FLEET"))
	if err != nil {
		most = 100
	}
	for _, nodes := range []int{100, 1000, 5000} {
		if nodes > most {
			return
		}
		f := newFleet(b, nodes)
		b.Run(fmt.Sprintf("nodes=%d", nodes), func(b *testing.B) {
			var floor, plain, ours time.Duration
			var live uint64
			for b.Loop() {
				begun := time.Now()
				f.floor(b, func(text []byte, _ string) error {
					_, err := inventory.NewSnapshotReader(bytes.NewReader(text)).Next()
					return err
				})
				floor += time.Since(begun)
				begun = time.Now()
				f.floor(b, f.decodePlainly)
				plain += time.Since(begun)
				begun = time.Now()
				inventories, _, err := inventory.GatherPaths("/", []string{f.dir}, nil, nil)
				do(b, err)
				r := audit.Run(inventories, audit.Options{At: fixtures.Now})
				ours += time.Since(begun)
				if r.Summary.Certificates != f.rows || len(r.Nodes) != nodes {
					b.Fatalf("%d nodes with %d certificates", len(r.Nodes), r.Summary.Certificates)
				}
				live = liveBytes(inventories, r)
			}
			b.ReportMetric(ours.Seconds()/floor.Seconds(), "x-floor")
			b.ReportMetric(ours.Seconds()/plain.Seconds(), "x-plain-floor")
			b.ReportMetric(float64(live)/float64(nodes)/1024, "KiB/node")
			b.ReportMetric(float64(f.rows), "certificates")
		})
	}
}

// liveBytes is how much memory is in use while some values are.
func liveBytes(values ...any) uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	runtime.KeepAlive(values)
	return m.HeapAlloc
}

// fleet is a folder of snapshots, and what is in them.
type fleet struct {
	dir string
	// certs are the certificates by file, each distinct one once.
	certs map[string][]*x509.Certificate
	ca    map[string]*x509.Certificate
	rows  int
}

func newFleet(b *testing.B, nodes int) *fleet {
	f := &fleet{dir: b.TempDir(), certs: map[string][]*x509.Certificate{}, ca: map[string]*x509.Certificate{}}
	seen := map[string]bool{}
	tree := filepath.Join(b.TempDir(), "node")
	for name, node := range fixtures.Fleet(max(3, nodes/25), nodes-max(3, nodes/25), 15) {
		do(b, os.RemoveAll(tree))
		do(b, node.Write(tree))
		inv, err := inventory.Gather(tree, fixtures.FleetFolder)
		do(b, err)
		var text bytes.Buffer
		do(b, inventory.WriteSnapshot(&text, "certaudit", inv))
		file := filepath.Join(f.dir, name+".json")
		do(b, os.WriteFile(file, text.Bytes(), 0o600))
		for _, c := range audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now}).Certificates {
			f.rows++
			if seen[c.SHA256] {
				continue
			}
			seen[c.SHA256] = true
			if c.X509.IsCA {
				f.ca[string(c.X509.RawSubject)] = c.X509
			}
			f.certs[file] = append(f.certs[file], c.X509)
		}
	}
	return f
}

// decodePlainly decodes a snapshot by the standard library, and of its certificates those
// that no other file has been given to.
func (f *fleet) decodePlainly(text []byte, file string) error {
	var s struct {
		Certificates map[string][]byte    `json:"certificates"`
		Inventory    *inventory.Inventory `json:"inventory"`
	}
	err := json.Unmarshal(text, &s)
	for _, c := range f.certs[file] {
		_, wrong := x509.ParseCertificate(s.Certificates[parsers.Fingerprint(c)])
		err = errors.Join(err, wrong)
	}
	return err
}

// floor reads each file, has it decoded, and verifies its certificates.
func (f *fleet) floor(b *testing.B, decode func(text []byte, file string) error) {
	files := make([]string, 0, len(f.certs))
	for file := range f.certs {
		files = append(files, file)
	}
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(files); i = int(next.Add(1)) - 1 {
				text, err := os.ReadFile(files[i])
				if err != nil {
					b.Error(err)
				}
				if err := decode(text, files[i]); err != nil {
					b.Error(err)
				}
				for _, c := range f.certs[files[i]] {
					if ca := f.ca[string(c.RawIssuer)]; ca != nil {
						if err := c.CheckSignatureFrom(ca); err != nil {
							b.Error(err)
						}
					}
				}
			}
		})
	}
	workers.Wait()
}

// BenchmarkPaths audits folders of certificates beside the floor: read and decode each, one
// after the other. CERTAUDIT_PATHS is their number.
func BenchmarkPaths(b *testing.B) {
	files, err := strconv.Atoi(os.Getenv("CERTAUDIT_PATHS"))
	if err != nil {
		files = 2000
	}
	dir, c := b.TempDir(), fixtures.ControlPlane(fixtures.Options{})
	for i := range files {
		name := fmt.Sprintf("app-%d.example.com", i)
		base := fmt.Sprintf("/app-%d", i)
		c.Issue(base, fixtures.Spec{CommonName: name, DNSNames: []string{name}, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, KeyName: "app"})
		folder := filepath.Join(dir, fmt.Sprint(i/500))
		do(b, os.MkdirAll(folder, 0o700))
		do(b, os.WriteFile(filepath.Join(folder, name+".crt"), c.Node[base+".crt"].Data, 0o600))
	}
	var floor, ours time.Duration
	var live uint64
	for b.Loop() {
		begun := time.Now()
		var certs []*x509.Certificate
		do(b, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(name)
			do(b, err)
			block, _ := pem.Decode(data)
			cert, err := x509.ParseCertificate(block.Bytes)
			certs = append(certs, cert)
			return err
		}))
		floor += time.Since(begun)
		runtime.KeepAlive(certs)
		begun = time.Now()
		_, rest, err := inventory.GatherPaths("/", []string{dir}, nil, nil)
		do(b, err)
		r := audit.Run([]*inventory.Inventory{rest}, audit.Options{At: fixtures.Now})
		ours += time.Since(begun)
		if r.Summary.Certificates != files {
			b.Fatalf("%d certificates", r.Summary.Certificates)
		}
		certs = nil
		live = liveBytes(rest, r)
	}
	b.ReportMetric(ours.Seconds()/floor.Seconds(), "x-floor")
	b.ReportMetric(float64(live)/float64(files)/1024, "KiB/certificate")
}
