package cmd_test

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
	"strings"
	"testing"
	"time"

	"certaudit/fixtures"
)

// BenchmarkPaths audits folders of certificates of one CA, a file each, as its user does, a
// process from its start to its end, beside a floor, a process too, on all processors: list
// the folders, read and decode each file, and check each signature once. x-floor compares the
// time by the clock, x-floor-cpu that of the processors, which tells more on a machine that
// others use; x-floor-table is x-floor with the table of all of them, which -q leaves out.
// CERTAUDIT_PATHS is the largest number of files; making 100,000 takes a minute.
func BenchmarkPaths(b *testing.B) { benchmarkPaths(b, 500) }

// BenchmarkSmallFolders is BenchmarkPaths for folders of four certificates each, as ACME
// clients keep them.
func BenchmarkSmallFolders(b *testing.B) { benchmarkPaths(b, 4) }

func benchmarkPaths(b *testing.B, inFolder int) {
	write := func(b *testing.B, dir string, files int) { writeServers(b, dir, files, inFolder) }
	eachSize(b, "files", "CERTAUDIT_PATHS", []int{2000, 20_000, 100_000}, write, func(b *testing.B, dir string, files int) {
		var floor, ours, table process
		for b.Loop() {
			floor.run(b, floorPaths, dir)
			audit := []string{"audit", dir, "--at", fixtures.Now.Format(time.RFC3339)}
			want := fmt.Sprintf("%d certificates: no findings; next expiry 2027-10-23 (334 days); complete\n", files+1)
			if out := ours.run(b, "certaudit", append(audit, "-q")...); out != want {
				b.Fatalf("the audit says %q", out[max(0, len(out)-200):])
			}
			if out := table.run(b, "certaudit", audit...); !strings.HasSuffix(out, want) {
				b.Fatalf("the table ends with %q", out[max(0, len(out)-200):])
			}
		}
		ours.beside(b, floor)
		b.ReportMetric(table.clock.Seconds()/floor.clock.Seconds(), "x-floor-table")
		b.ReportMetric(float64(floor.resident)/1024, "floor-resident-MiB")
	})
}

// writeServers writes the certificates of so many servers, some in each folder, beside that of
// their CA.
func writeServers(b *testing.B, dir string, files, inFolder int) {
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
		folder := strconv.Itoa(i / inFolder)
		do(b, os.MkdirAll(filepath.Join(dir, folder), 0o700))
		name := fmt.Sprintf("app-%d.example.com", i)
		issue(i+2, name, filepath.Join(folder, name+".crt"), ca, key)
	}
}

// do stops a test at an error of what it prepares.
func do(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// floorPaths is the floor's name.
const floorPaths = "floor-paths"

// pathsFloor does, as a program, what no audit of files can do without.
func pathsFloor() {
	var names []string
	if err := filepath.WalkDir(os.Args[1], func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		return err
	}); err != nil {
		panic(err)
	}
	decode := func(name string) *x509.Certificate {
		data, err := os.ReadFile(name)
		if err != nil {
			panic(err)
		}
		block, _ := pem.Decode(data)
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			panic(err)
		}
		return c
	}
	ca := decode(filepath.Join(os.Args[1], "ca.crt"))
	certs := make([]*x509.Certificate, len(names))
	onAllProcessors(len(names), func(i int) {
		certs[i] = decode(names[i])
		if err := certs[i].CheckSignatureFrom(ca); err != nil {
			panic(err)
		}
	})
	runtime.KeepAlive(certs)
	noteStatus()
}
