package cmd

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// many is how many certificates the benchmarks of the server have.
const many = 10_000

// manyCertificates writes a CA and what it signed, one to a file.
func manyCertificates(b *testing.B) (dir string) {
	b.Helper()
	dir = b.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	fatal(b, err)
	now := time.Now()
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(9, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	sign := func(c *x509.Certificate, public any) {
		der, err := x509.CreateCertificate(rand.Reader, c, ca, public, key)
		fatal(b, err)
		name := filepath.Join(dir, fmt.Sprintf("%05d.crt", c.SerialNumber))
		fatal(b, os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644))
		if c.IsCA {
			ca, err = x509.ParseCertificate(der)
			fatal(b, err)
		}
	}
	sign(ca, key.Public())
	for i := 2; i <= many; i++ {
		own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		fatal(b, err)
		name := fmt.Sprintf("svc-%05d.example.com", i)
		sign(&x509.Certificate{SerialNumber: big.NewInt(int64(i)), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
			NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, own.Public())
	}
	return dir
}

func fatal(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkServe states what the server takes for 10,000 certificates beside the
// floor: reading, decoding, parsing and one signature of each. A scrape's bytes
// and the resident memory are metrics of their own.
func BenchmarkServe(b *testing.B) {
	dir := manyCertificates(b)
	b.Chdir(dir)
	time.Sleep(200 * time.Millisecond) // younger files are not trusted to stay
	quietly := slog.New(slog.NewTextHandler(io.Discard, nil))
	start := func() *server {
		return newServer(serveFlags{auditFlags: auditFlags{paths: []string{"."}}, interval: time.Hour}, nil, quietly, time.Now)
	}
	b.Run("floor", func(b *testing.B) {
		worked(b, func() {
			var ca *x509.Certificate
			entries, err := os.ReadDir(".")
			fatal(b, err)
			for _, e := range entries {
				data, err := os.ReadFile(e.Name())
				fatal(b, err)
				block, _ := pem.Decode(data)
				c, err := x509.ParseCertificate(block.Bytes)
				fatal(b, err)
				if ca == nil {
					ca = c
				}
				fatal(b, c.CheckSignatureFrom(ca))
			}
		})
	})
	b.Run("first", func(b *testing.B) {
		worked(b, func() {
			s := start()
			s.audit(&watching{open: noWatcher}, "start")
			if n := s.result.Summary.Certificates; n != many {
				b.Fatalf("%d certificates", n)
			}
		})
	})
	s := start()
	w := &watching{open: newWatcher}
	defer w.close()
	s.audit(w, "start")
	b.Run("unchanged", func(b *testing.B) {
		before := s.cache.Reads()
		worked(b, func() { s.audit(w, "interval") })
		if n := s.cache.Reads() - before; n > 0 {
			b.Fatalf("%d files were read again", n)
		}
	})
	b.Run("look", func(b *testing.B) {
		for b.Loop() {
			if s.cache.Changed() {
				b.Fatal("something changed")
			}
		}
	})
	b.Run("scrape", func(b *testing.B) {
		h, size := s.handler(), 0
		for b.Loop() {
			r := httptest.NewRecorder()
			h.ServeHTTP(r, httptest.NewRequest(http.MethodGet, "/metrics", nil))
			size = r.Body.Len()
		}
		b.ReportMetric(float64(size), "bytes/scrape")
	})
	b.Run("memory", func(b *testing.B) {
		for b.Loop() {
			debug.FreeOSMemory()
		}
		b.ReportMetric(resident(b), "MiB-resident")
		runtime.KeepAlive(s)
	})
}

// worked measures the processor time of each round, which tells more than the
// clock on a machine that is busy with other things.
func worked(b *testing.B, round func()) {
	b.Helper()
	before := processor(b)
	for b.Loop() {
		round()
	}
	b.ReportMetric(float64((processor(b)-before).Milliseconds())/float64(b.N), "cpu-ms/op")
}

func processor(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	fatal(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// resident is the resident memory of this process in MiB.
func resident(b *testing.B) float64 {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	fatal(b, err)
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	kib, err := strconv.ParseFloat(strings.Fields(after)[0], 64)
	fatal(b, err)
	return kib / 1024
}
