package cmd_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"

	"certaudit/fixtures"
)

// secureWeb writes a certificate for loopback, which is its own CA, and the file
// that demands it and a password.
func secureWeb(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	must(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	const own = "tls_server_config: {cert_file: tls.crt, key_file: tls.key"
	for name, data := range map[string][]byte{
		"tls.crt":     pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		"tls.key":     pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
		"web.yaml":    []byte(own + "}\nbasic_auth_users: {prometheus: " + hashed + "}\n"),
		"mutual.yaml": []byte(own + ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: tls.crt}\n"),
	} {
		must(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
}

// certaudit is the program as a process of its own, which has yet to be started.
func certaudit(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	c := exec.CommandContext(t.Context(), self)
	c.Args = append([]string{"certaudit"}, args...)
	return c
}

var listening = regexp.MustCompile(`msg=listening address=(\S+)`)

// started starts a server and returns the addresses that it listens on, when
// there are so many.
func started(t *testing.T, c *exec.Cmd, addresses int) []string {
	t.Helper()
	log, err := c.StderrPipe()
	must(t, err)
	must(t, c.Start())
	t.Cleanup(func() {
		_ = c.Process.Kill() // unless it has ended
		_ = c.Wait()
	})
	var found []string
	lines := bufio.NewScanner(log)
	for len(found) < addresses {
		if !lines.Scan() {
			t.Fatalf("certaudit serve listens on %q only: %v", found, lines.Err())
		}
		if m := listening.FindStringSubmatch(lines.Text()); m != nil {
			found = append(found, m[1])
		}
	}
	go func() { _, _ = io.Copy(io.Discard, log) }()
	return found
}

// answered asks for a page and returns the status, or 0 where there is no answer.
func answered(t *testing.T, client *http.Client, url string) int {
	t.Helper()
	defer client.CloseIdleConnections()
	resp, err := client.Get(url)
	if err != nil {
		return 0
	}
	_, err = io.Copy(io.Discard, resp.Body)
	must(t, err)
	must(t, resp.Body.Close())
	return resp.StatusCode
}

// ended sends SIGTERM and waits for a good end.
func ended(t *testing.T, c *exec.Cmd) {
	t.Helper()
	must(t, c.Process.Signal(syscall.SIGTERM))
	if err := c.Wait(); err != nil {
		t.Errorf("SIGTERM ended the server with %v", err)
	}
}

func soundNode(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	must(t, fixtures.ControlPlane(fixtures.Options{Now: time.Now()}).Node.Write(dir))
	return dir
}

func TestServeListensOnSeveralAddresses(t *testing.T) {
	c := certaudit(t, "serve", "--root", soundNode(t), "--web.listen-address", "127.0.0.1:0", "--web.listen-address", "127.0.0.1:0")
	for _, address := range started(t, c, 2) {
		if code := answered(t, &http.Client{}, "http://"+address+"/healthz"); code != http.StatusOK {
			t.Errorf("%s answers %d", address, code)
		}
	}
	ended(t, c)
}

// TestServeTakesSystemdsSocket passes a socket as systemd does
// (sd_listen_fds(3)): as file 3, with the process's own number in the environment.
func TestServeTakesSystemdsSocket(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("sh is not installed")
	}
	self, err := os.Executable()
	must(t, err)
	program := filepath.Join(t.TempDir(), "certaudit") // TestMain runs the program under this name
	must(t, os.Symlink(self, program))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	file, err := l.(*net.TCPListener).File()
	must(t, err)
	must(t, l.Close())
	defer file.Close()
	c := exec.CommandContext(t.Context(), sh, "-c", `LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" serve --web.systemd-socket --root "$1"`, program, soundNode(t))
	c.ExtraFiles = []*os.File{file}
	address := started(t, c, 1)[0]
	if want := l.Addr().String(); address != want {
		t.Errorf("it listens on %s, and systemd's socket is %s", address, want)
	}
	if code := answered(t, &http.Client{}, "http://"+address+"/healthz"); code != http.StatusOK {
		t.Errorf("it answers %d", code)
	}
	ended(t, c)
}

// TestServeDemandsAClientCertificate is mutual TLS.
func TestServeDemandsAClientCertificate(t *testing.T) {
	work := t.TempDir()
	secureWeb(t, work)
	c := certaudit(t, "serve", "--root", soundNode(t), "--web.listen-address", "127.0.0.1:0", "--web.config.file", filepath.Join(work, "mutual.yaml"))
	address := started(t, c, 1)[0]
	ca, err := os.ReadFile(filepath.Join(work, "tls.crt"))
	must(t, err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	own, err := tls.LoadX509KeyPair(filepath.Join(work, "tls.crt"), filepath.Join(work, "tls.key"))
	must(t, err)
	client := func(certs ...tls.Certificate) *http.Client {
		return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: certs}}}
	}
	if code := answered(t, client(), "https://"+address+"/metrics"); code != 0 {
		t.Errorf("a client without a certificate gets %d", code)
	}
	if code := answered(t, client(own), "https://"+address+"/metrics"); code != http.StatusOK {
		t.Errorf("a client with a certificate gets %d", code)
	}
	ended(t, c)
}
