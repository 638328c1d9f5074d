//go:build linux

package cmd

import (
	"bufio"
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
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"certaudit/fixtures"
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
// floor: reading, decoding, parsing and one signature of each.
func BenchmarkServe(b *testing.B) {
	dir := manyCertificates(b)
	b.Chdir(dir)
	defer debug.SetGCPercent(debug.SetGCPercent(gcPercent)) // as the server has it
	time.Sleep(200 * time.Millisecond)                      // younger files are not trusted to stay
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
}

// BenchmarkResident states the memory of the program itself, built as make build
// does, while it serves: at rest and the most that it ever had, after scrapes of
// every form and audits that find nothing changed.
func BenchmarkResident(b *testing.B) {
	program := filepath.Join(b.TempDir(), "certaudit")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "./certaudit")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	for _, c := range []struct {
		count int
		where func(*testing.B) []string
	}{
		{25, nodeOf25},
		{many, func(b *testing.B) []string { return []string{manyCertificates(b)} }},
	} {
		b.Run(strconv.Itoa(c.count), func(b *testing.B) {
			where := c.where(b)
			for b.Loop() {
				rest, most := serveProgram(b, program, c.count, where)
				b.ReportMetric(rest, "MiB-resident")
				b.ReportMetric(most, "MiB-most")
			}
		})
	}
}

// nodeOf25 writes a control-plane node with 25 certificates, nine of them in a
// folder that its policy names, and returns the arguments to serve it with.
func nodeOf25(b *testing.B) []string {
	b.Helper()
	dir := b.TempDir()
	cluster := fixtures.ControlPlane(fixtures.Options{Now: time.Now()})
	for i := range 25 - 16 {
		cluster.Issue(fmt.Sprintf("/srv/certs/web-%d", i), fixtures.Spec{CommonName: fmt.Sprintf("web-%d", i)})
	}
	fatal(b, cluster.Node.Write(dir))
	policy := filepath.Join(dir, "policy.yaml")
	fatal(b, os.WriteFile(policy, []byte("paths: [/srv/certs]\n"), 0o644))
	return []string{"--root", dir, "--config", policy}
}

// serveProgram runs the program as a server and returns how much memory it has
// resident at rest and how much it had at most, in MiB.
func serveProgram(b *testing.B, program string, certificates int, where []string) (rest, most float64) {
	b.Helper()
	c := exec.Command(program, append([]string{"serve", "--interval", "1s", "--web.listen-address", "127.0.0.1:0"}, where...)...)
	log, err := c.StderrPipe()
	fatal(b, err)
	fatal(b, c.Start())
	defer func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	}()
	lines := bufio.NewScanner(log)
	next := func(part string) string {
		for lines.Scan() {
			if _, after, ok := strings.Cut(lines.Text(), part); ok {
				return strings.Fields(after + " ")[0]
			}
		}
		b.Fatalf("the log ends without %q", part)
		return ""
	}
	url := "http://" + next("msg=listening address=") + "/metrics"
	if n := next("certificates="); n != strconv.Itoa(certificates) {
		b.Fatalf("%s certificates, want %d", n, certificates)
	}
	for range 5 {
		for _, form := range []string{"text/plain", "application/openmetrics-text; version=1.0.0"} {
			req, err := http.NewRequest(http.MethodGet, url, nil)
			fatal(b, err)
			req.Header.Set("Accept", form) // and, by itself, gzip
			resp, err := http.DefaultClient.Do(req)
			fatal(b, err)
			_, err = io.Copy(io.Discard, resp.Body)
			fatal(b, err)
			resp.Body.Close()
		}
		next("msg=audit why=interval")
	}
	time.Sleep(200 * time.Millisecond) // what the audit leaves is given back after it is logged
	status := fmt.Sprintf("/proc/%d/status", c.Process.Pid)
	return memory(b, status, "VmRSS:"), memory(b, status, "VmHWM:")
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

// memory is a line of a process's status, in MiB.
func memory(b *testing.B, status, line string) float64 {
	b.Helper()
	text, err := os.ReadFile(status)
	fatal(b, err)
	_, after, _ := strings.Cut(string(text), line)
	kib, err := strconv.ParseFloat(strings.Fields(after)[0], 64)
	fatal(b, err)
	return kib / 1024
}
