package cmd_test

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
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

// TestServeUnreadable takes away the right to read, and gives it back. The server
// runs as somebody whom rights concern.
func TestServeUnreadable(t *testing.T) {
	dir := soundNode(t)
	c := certaudit(t, "serve", "--root", dir, "--web.listen-address", "127.0.0.1:0")
	if os.Getuid() == 0 {
		asNobody(t, c, dir)
	}
	url := "http://" + started(t, c, 1)[0] + "/metrics"
	const complete, missing = "\ncertaudit_audit_complete 1\n", "\ncertaudit_certificate_missing{"
	says(t, url, complete, "!"+missing)
	must(t, os.Chmod(dir+apiserver, 0))
	says(t, url, "!"+complete, missing)
	must(t, os.Chmod(dir+apiserver, 0o644))
	says(t, url, complete, "!"+missing)
	ended(t, c)
}

// asNobody has the program run as nobody, who owns the tree.
func asNobody(t *testing.T, c *exec.Cmd, tree string) {
	t.Helper()
	const nobody = 65534
	program := filepath.Join(t.TempDir(), "certaudit")
	data, err := os.ReadFile(c.Path)
	must(t, err)
	must(t, os.WriteFile(program, data, 0o755))
	for _, dir := range []string{filepath.Dir(program), filepath.Dir(filepath.Dir(program)), tree} {
		must(t, os.Chmod(dir, 0o755))
	}
	must(t, filepath.WalkDir(tree, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(name, nobody, nobody)
	}))
	c.Path, c.Dir = program, "/"
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
}

// says waits until the metrics hold some text, or with a "!" before it do not.
func says(t *testing.T, url string, texts ...string) {
	t.Helper()
	var body []byte
	for end := time.Now().Add(patient); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		resp, err := http.Get(url)
		must(t, err)
		body, err = io.ReadAll(resp.Body)
		must(t, err)
		must(t, resp.Body.Close())
		if !slices.ContainsFunc(texts, func(text string) bool {
			absent, negated := strings.CutPrefix(text, "!")
			return bytes.Contains(body, []byte(absent)) == negated
		}) {
			return
		}
	}
	t.Fatalf("the metrics never say %q:\n%s", texts, body)
}
