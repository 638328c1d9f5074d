package cmd

import (
	"bytes"
	"certaudit/audit/inventory"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"certaudit/audit"
	"certaudit/fixtures"
)

// buffer is a log that several goroutines may use.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// running is a server at work.
type running struct {
	*testing.T
	server *server
	url    string
	log    *buffer
	reload chan os.Signal
	stop   context.CancelFunc
	ended  chan error
	// user and secret are sent with each request, unless empty.
	user, secret string
}

// startServer starts a server on loopback. prepare may change it before.
func startServer(t *testing.T, f serveFlags, watch func() (watcher, error), prepare func(*server)) *running {
	t.Helper()
	if f.interval == 0 {
		f.interval = time.Hour
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	policy, err := f.servedPolicy()
	if err != nil {
		t.Fatal(err)
	}
	r := &running{T: t, log: &buffer{}, reload: make(chan os.Signal, 1), ended: make(chan error, 1), url: "http://" + l.Addr().String()}
	now := func() time.Time { return fixtures.Now }
	r.server = newServer(f, policy, slog.New(slog.NewTextHandler(r.log, nil)), now)
	if prepare != nil {
		prepare(r.server)
	}
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	audited := make(chan struct{})
	go func() {
		r.server.run(ctx, watch, r.reload)
		close(audited)
	}()
	go func() { r.ended <- r.server.listen(ctx, []net.Listener{l}) }()
	t.Cleanup(func() {
		stop()
		<-audited
	})
	return r
}

func (r *running) get(path string, header ...string) (int, string) {
	r.Helper()
	req, err := http.NewRequest(http.MethodGet, r.url+path, nil)
	if err != nil {
		r.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	if r.user != "" {
		req.SetBasicAuth(r.user, r.secret)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		r.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// patient is how long the tests wait for what must come.
const patient = 60 * time.Second

// until waits for a line of the metrics, or with a "!" before it for its absence.
func (r *running) until(lines ...string) {
	r.Helper()
	var body string
	for end := time.Now().Add(patient); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		_, body = r.get("/metrics")
		body = comment.ReplaceAllString(body, "")
		if !slices.ContainsFunc(lines, func(line string) bool {
			absent, negated := strings.CutPrefix(line, "!")
			return strings.Contains(body, absent) == negated
		}) {
			return
		}
	}
	r.Fatalf("the metrics never say %q; they say\n%s\nand the log\n%s", lines, ownOf(body), r.log)
}

// logs waits for a text in the log.
func (r *running) logs(text string) {
	r.Helper()
	for end := time.Now().Add(patient); !strings.Contains(r.log.String(), text); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			r.Fatalf("the log never says %q; it says\n%s", text, r.log.String())
		}
	}
}

// comment is a line of help or type.
var comment = regexp.MustCompile(`(?m)^#.*\n`)

func ownOf(body string) string {
	var b strings.Builder
	for line := range strings.Lines(body) {
		if strings.HasPrefix(line, "certaudit_") && !strings.HasSuffix(line, "} 0\n") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// controlPlane writes a sound node.
func controlPlane(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := fixtures.ControlPlane(fixtures.Options{}).Node.Write(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func serveNode(dir string) serveFlags {
	var f serveFlags
	f.roots = []string{dir}
	return f
}

func servePaths(paths ...string) serveFlags {
	var f serveFlags
	f.roots, f.paths = []string{"/"}, paths
	return f
}

const apiserver = "/etc/kubernetes/pki/apiserver.crt"

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestServeFollowsTheFiles replaces, corrupts, removes and restores a
// certificate, and a folder, under a running server.
func TestServeFollowsTheFiles(t *testing.T) {
	dir := controlPlane(t)
	r := startServer(t, serveNode(dir), newWatcher, nil)
	const series = `path="/etc/kubernetes/pki/apiserver.crt"} `
	r.until(`certaudit_certificate_not_after_timestamp_seconds{node="cp-1",component="kube-apiserver",role="kube-apiserver/serving",`+series, "certaudit_watching 1", "certaudit_audit_success 1", "!certaudit_certificate_missing{")
	data, err := os.ReadFile(dir + apiserver)
	ok(t, err)
	missing := `certaudit_certificate_missing{node="cp-1",component="kube-apiserver",role="kube-apiserver/serving",` + series + "1"

	ok(t, os.WriteFile(dir+apiserver, data[:len(data)/2], 0o644))
	r.until("!certaudit_certificate_missing{", "!certaudit_certificate_not_after_timestamp_seconds{node=\"cp-1\",component=\"kube-apiserver\",role=\"kube-apiserver/serving\",", `check="files/malformed",severity="critical"} 1`)
	ok(t, os.WriteFile(dir+".new", data, 0o644))
	ok(t, os.Rename(dir+".new", dir+apiserver))
	r.until("!certaudit_certificate_missing{", "!}certaudit_findings{check=\"files/malformed\",severity=\"critical\"} 1")
	ok(t, os.Remove(dir+apiserver))
	r.until(missing, "certaudit_references_missing{node=\"cp-1\"} 1")

	pki := dir + "/etc/kubernetes/pki"
	ok(t, os.Rename(pki, dir+"/elsewhere"))
	r.until(`certaudit_certificate_missing{node="cp-1",component="etcd",role="etcd/serving",path="/etc/kubernetes/pki/etcd/server.crt"} 1`)
	ok(t, os.WriteFile(dir+"/elsewhere/apiserver.crt", data, 0o644))
	ok(t, os.Rename(dir+"/elsewhere", pki))
	r.until("!certaudit_certificate_missing{")
	ok(t, os.Remove(dir+apiserver)) // in the folder that returned
	r.until(missing)
}

// TestServeSeesSwappedLinks swaps links as the kubelet does in volumes and for
// its own certificate.
func TestServeSeesSwappedLinks(t *testing.T) {
	dir := t.TempDir()
	node := fixtures.ControlPlane(fixtures.Options{}).Node
	for _, v := range []string{"1", "2"} {
		ok(t, os.Mkdir(filepath.Join(dir, v), 0o755))
	}
	ok(t, os.WriteFile(dir+"/1/tls.crt", node[apiserver].Data, 0o644))
	ok(t, os.WriteFile(dir+"/2/tls.crt", node["/etc/kubernetes/pki/ca.crt"].Data, 0o644))
	ok(t, os.Symlink("1", dir+"/data"))
	ok(t, os.Symlink("data/tls.crt", dir+"/tls.crt"))
	r := startServer(t, servePaths(dir+"/tls.crt"), newWatcher, nil)
	r.until(`subject="CN=kube-apiserver"`)
	ok(t, os.Symlink("2", dir+"/tmp"))
	ok(t, os.Rename(dir+"/tmp", dir+"/data"))
	r.until(`subject="CN=kubernetes"`, `!subject="CN=kube-apiserver"`)
}

// TestServeNamesFilesOfItsHost serves relative PATHs and a pattern: metrics have whole
// paths and the host's name, whatever the working folder.
func TestServeNamesFilesOfItsHost(t *testing.T) {
	dir := t.TempDir()
	node := fixtures.ControlPlane(fixtures.Options{}).Node
	ok(t, os.Mkdir(dir+"/certs", 0o755))
	for name, from := range map[string]string{"a.crt": apiserver, "b.crt": "/etc/kubernetes/pki/ca.crt", "old.crt": "/etc/kubernetes/pki/front-proxy-ca.crt"} {
		ok(t, os.WriteFile(dir+"/certs/"+name, node[from].Data, 0o644))
	}
	t.Chdir(dir)
	f := servePaths("certs/[a]*.crt", "certs", "certs/gone.crt")
	f.nodeName, f.exclude, f.compat = "edge-7", []string{"old.*"}, []string{compatX509}
	r := startServer(t, f, newWatcher, nil)
	identity := func(role, name string) string {
		return `{node="edge-7",component="file",role="file/` + role + `",path="` + dir + `/certs/` + name + `"} `
	}
	r.until("certaudit_certificate_not_after_timestamp_seconds"+identity("certificate", "a.crt"), "certaudit_certificate_not_after_timestamp_seconds"+identity("ca", "b.crt"),
		"certaudit_certificate_missing"+identity("certificate", "gone.crt")+"1", `filepath="`+dir+`/certs/a.crt"`, `certaudit_references_missing{node="edge-7"} 1`,
		"!old.crt", `!path="certs`)
}

// TestServeReadsAllNowAndThen lets time pass without a change: now and then everything
// is read again.
func TestServeReadsAllNowAndThen(t *testing.T) {
	f := serveNode(controlPlane(t))
	f.interval = time.Millisecond
	reads := make(chan int, 1000)
	startServer(t, f, newWatcher, func(s *server) {
		gather := s.gather
		s.gather = func(c *inventory.Cache, p *audit.Policy) ([]*inventory.Inventory, error) {
			before := c.Reads()
			inventories, err := gather(c, p)
			select {
			case reads <- c.Reads() - before:
			default:
			}
			return inventories, err
		}
	})
	first, again := <-reads, 0
	if first == 0 {
		t.Error("the first audit reads nothing")
	}
	for range 2 * readAll {
		if <-reads == first {
			again++
		}
	}
	if again < 2 || again > readAll {
		t.Errorf("of %d audits at an interval %d read all", 2*readAll, again)
	}
}

// TestServeChangesWithTheClock lets a certificate end: what is found changes then, though
// no file does and the interval is an hour.
func TestServeChangesWithTheClock(t *testing.T) {
	dir := controlPlane(t)
	inv, err := inventory.Gather(dir)
	ok(t, err)
	ends, begun := inv.Materials[apiserver].Certificates[0].NotAfter, time.Now()
	r := startServer(t, serveNode(dir), blindWatcher, func(s *server) {
		s.now = func() time.Time { return ends.Add(time.Since(begun) - 2*time.Second) }
	})
	const expired = `role="kube-apiserver/serving",path="/etc/kubernetes/pki/apiserver.crt",check="validity/expired",severity="critical"} 1`
	r.until("!"+expired, `check="validity/expiring",severity="critical"`)
	r.until(expired)
}

// TestServeKeepsTheLastResult fails in the ways in which an audit can.
func TestServeKeepsTheLastResult(t *testing.T) {
	dir := controlPlane(t)
	fail := make(chan any, 1)
	r := startServer(t, serveNode(dir), newWatcher, func(s *server) {
		gather := s.gather
		s.gather = func(c *inventory.Cache, p *audit.Policy) ([]*inventory.Inventory, error) {
			select {
			case cause := <-fail:
				if err, isError := cause.(error); isError {
					return nil, err
				}
				panic(cause)
			default:
				return gather(c, p)
			}
		}
	})
	r.until(`certaudit_audits_total{outcome="success"} 1`)
	for i, cause := range []any{errors.New("no such luck"), "a bug"} {
		fail <- cause
		r.reload <- syscall.SIGHUP
		r.until(fmt.Sprintf(`certaudit_audits_total{outcome="failure"} %d`, i+1), "certaudit_audit_success 0", "apiserver.crt", "certaudit_audit_complete 1")
		if code, body := r.get("/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(body, fmt.Sprint(cause)) {
			t.Errorf("/readyz gives %d while the last result is served, and says %q", code, body)
		}
		if code, _ := r.get("/"); code != http.StatusOK {
			t.Errorf("the page gives %d while the last result is served", code)
		}
		r.reload <- syscall.SIGHUP
		r.until("certaudit_audit_success 1")
		if code, _ := r.get("/readyz"); code != http.StatusOK {
			t.Errorf("/readyz gives %d after an audit", code)
		}
	}
	for _, want := range []string{"no such luck", "the audit panicked: a bug", "is=failed"} {
		if !strings.Contains(r.log.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, r.log)
		}
	}
}

// TestServeWithoutAResult asks while the first audit is under way.
func TestServeWithoutAResult(t *testing.T) {
	wait := make(chan struct{})
	r := startServer(t, serveNode(controlPlane(t)), newWatcher, func(s *server) {
		gather := s.gather
		s.gather = func(c *inventory.Cache, p *audit.Policy) ([]*inventory.Inventory, error) {
			<-wait
			return gather(c, p)
		}
	})
	want := map[string]int{"/": 503, "/metrics": 200, "/healthz": 200, "/-/healthy": 200, "/readyz": 503, "/-/ready": 503, "/nothing": 404}
	for path, code := range want {
		if got, body := r.get(path); got != code {
			t.Errorf("%s gives %d, want %d: %s", path, got, code, body)
		}
	}
	r.until("certaudit_audit_success 0", "certaudit_audit_complete 0", "certaudit_audit_last_success_timestamp_seconds 0")
	close(wait)
	r.until("certaudit_audit_success 1")
	for path := range want {
		if got, _ := r.get(path); path != "/nothing" && got != http.StatusOK {
			t.Errorf("%s gives %d", path, got)
		}
	}
	if _, page := r.get("/"); !strings.Contains(page, "apiserver.crt") || !strings.Contains(page, "<html") {
		t.Error("the page is not the report")
	}
	if _, body := r.get("/metrics", "Accept", "application/openmetrics-text; version=1.0.0"); !strings.HasSuffix(body, "# EOF\n") {
		t.Error("no OpenMetrics")
	}
	resp, err := http.Post(r.url+"/metrics", "text/plain", strings.NewReader("x"))
	ok(t, err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST gives %d", resp.StatusCode)
	}
}

// TestServeBearsClockJumps sets the clock forth and back: each audit judges for
// the time that the clock shows then, and changes are noticed at any time.
func TestServeBearsClockJumps(t *testing.T) {
	dir := controlPlane(t)
	f := serveNode(dir)
	f.interval = 20 * time.Millisecond
	var clock atomic.Pointer[time.Time]
	set := func(years int) {
		at := fixtures.Now.AddDate(years, 0, 0)
		clock.Store(&at)
	}
	set(0)
	r := startServer(t, f, newWatcher, func(s *server) { s.now = func() time.Time { return *clock.Load() } })
	expired, early := `certaudit_findings{check="validity/expired",severity="critical"} `, `certaudit_findings{check="validity/not-yet-valid",severity="critical"} `
	at := func(years int) string {
		return fmt.Sprintf("certaudit_audit_last_success_timestamp_seconds %g", float64(fixtures.Now.AddDate(years, 0, 0).Unix()))
	}
	r.until("!"+expired, "!"+early, at(0))
	set(2)
	r.until(expired, "!"+early, at(2))
	set(-2)
	r.until("!"+expired, early, at(-2))
	ok(t, os.Remove(dir+apiserver))
	r.until("certaudit_certificate_missing{")
	set(0)
	r.until("!"+expired, "!"+early, at(0), "certaudit_audit_success 1", "certaudit_watching 1", `certaudit_audits_total{outcome="failure"} 0`)
}

// blind is a watcher that the kernel refuses everything.
type blind struct{ changes chan struct{} }

func (blind) Add(string) error           { return syscall.ENOSPC }
func (blind) Remove(string) error        { return nil }
func (b blind) Changes() <-chan struct{} { return b.changes }
func (blind) Close() error               { return nil }
func noWatcher() (watcher, error)        { return nil, syscall.EMFILE }
func blindWatcher() (watcher, error)     { return blind{}, nil }

// TestServeWithoutNotification has no inotify: the server says so and finds
// changes when it looks.
func TestServeWithoutNotification(t *testing.T) {
	for name, watch := range map[string]func() (watcher, error){"no instance": noWatcher, "no watch": blindWatcher} {
		t.Run(name, func(t *testing.T) {
			dir := controlPlane(t)
			r := startServer(t, serveNode(dir), watch, func(s *server) { s.look = 50 * time.Millisecond })
			r.until("certaudit_watching 0", "apiserver.crt", "!certaudit_certificate_missing{")
			ok(t, os.Remove(dir+apiserver))
			r.until("certaudit_certificate_missing{")
		})
	}
}

// TestServeBearsAStorm changes files as fast as it can, and counts the audits.
func TestServeBearsAStorm(t *testing.T) {
	if testing.Short() {
		t.Skip("takes three seconds of a storm")
	}
	dir := controlPlane(t)
	r := startServer(t, serveNode(dir), newWatcher, nil)
	r.until("certaudit_audit_success 1")
	start, changes := time.Now(), 0
	for time.Since(start) < 3*time.Second {
		name := dir + "/etc/kubernetes/pki/storm.crt"
		ok(t, os.WriteFile(name, fmt.Appendf(nil, "%d", changes), 0o644))
		ok(t, os.Rename(name, dir+"/etc/kubernetes/pki/storm2.crt"))
		changes += 2
	}
	ok(t, os.Remove(dir+apiserver))
	r.until("certaudit_certificate_missing{")
	if audits := strings.Count(r.log.String(), "msg=audit "); audits*20 > changes {
		t.Errorf("%d changes made %d audits", changes, audits)
	}
}

// TestServeReloadsThePolicy breaks the policy and fixes it.
func TestServeReloadsThePolicy(t *testing.T) {
	config := filepath.Join(t.TempDir(), "policy.yaml")
	ok(t, os.WriteFile(config, []byte("checks: {validity/expiring: 'off'}\n"), 0o644))
	f := serveNode(controlPlane(t))
	f.config = policyFile{name: config, given: true}
	r := startServer(t, f, newWatcher, nil)
	expiring := `certaudit_findings{check="validity/expiring",severity="warning"} `
	r.until("!" + expiring)
	reload := func(policy string) {
		ok(t, os.WriteFile(config, []byte(policy), 0o644))
		r.reload <- syscall.SIGHUP
	}
	reload("thresholds: {leaf: {warnDays: 9999, warnShare: 1}}\n")
	r.until(expiring, "certaudit_config_last_reload_successful 1")
	reload("nonsense: true\n")
	r.until(expiring, "certaudit_config_last_reload_successful 0")
	if !strings.Contains(r.log.String(), "unknown key") {
		t.Errorf("the log does not say why:\n%s", r.log)
	}
	reload("")
	r.until("!"+expiring, "certaudit_config_last_reload_successful 1")
}

// TestServeForgetsOnReload gives up a vanished file that nothing names.
func TestServeForgetsOnReload(t *testing.T) {
	dir := t.TempDir()
	ok(t, os.WriteFile(dir+"/a.crt", fixtures.ControlPlane(fixtures.Options{}).Node[apiserver].Data, 0o644))
	r := startServer(t, servePaths(dir), newWatcher, nil)
	r.until("a.crt", "!certaudit_certificate_missing{")
	ok(t, os.Remove(dir+"/a.crt"))
	r.until("certaudit_certificate_missing{")
	r.reload <- syscall.SIGHUP
	r.until("!certaudit_certificate_missing{", "!a.crt")
}

// TestServeEndsInTime ends while a scrape is on its way and a slow client says
// nothing.
func TestServeEndsInTime(t *testing.T) {
	r := startServer(t, serveNode(controlPlane(t)), newWatcher, nil)
	r.until("certaudit_audit_success 1")
	address := strings.TrimPrefix(r.url, "http://")
	for range 20 { // slowloris
		c, err := net.Dial("tcp", address)
		ok(t, err)
		defer c.Close()
		_, err = io.WriteString(c, "GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: ")
		ok(t, err)
	}
	scraped := make(chan error, 1)
	begun := make(chan struct{})
	go func() {
		resp, err := http.Get(r.url + "/metrics")
		close(begun)
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		scraped <- err
	}()
	<-begun
	r.stop()
	ok(t, <-r.ended) // though the slow ones never finish
	ok(t, <-scraped)
	if _, err := net.Dial("tcp", address); err == nil {
		t.Error("it still listens")
	}
}

// TestServeRefusesHostileClients sends what no scraper does.
func TestServeRefusesHostileClients(t *testing.T) {
	r := startServer(t, serveNode(controlPlane(t)), newWatcher, nil)
	r.until("certaudit_audit_success 1")
	for name, request := range map[string]string{
		"headers without end": "GET / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 100) + "\r\n",
		"no HTTP":             strings.Repeat("\x16\x03\x01", 1000) + "\r\n\r\n",
		"path":                "GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
	} {
		c, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
		ok(t, err)
		ok(t, c.SetDeadline(time.Now().Add(patient)))
		_, _ = io.WriteString(c, request) // the server may close before the end
		answer, _ := io.ReadAll(c)
		c.Close()
		if len(answer) > 4096 || strings.HasPrefix(string(answer), "HTTP/1.1 200") {
			t.Errorf("%s: %d bytes: %.100q", name, len(answer), answer)
		}
	}
	r.until("certaudit_audit_success 1")
}

// TestServeMakesRoom keeps as many connections open as there may be, idle ones, such that
// never end their headers and such that read no answer, of one address: others are
// answered, and keep theirs.
func TestServeMakesRoom(t *testing.T) {
	r := startServer(t, serveNode(controlPlane(t)), newWatcher, nil)
	connect := func(from, request string) net.Conn {
		t.Helper()
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		c, err := d.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
		if err != nil {
			t.Skip("this machine's loopback has one address: ", err)
		}
		t.Cleanup(func() { c.Close() })
		_, err = io.WriteString(c, request)
		ok(t, err)
		return c
	}
	const whole, half = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "GET /healthz HTTP/1.1\r\nHost"
	answered := func(c net.Conn) error {
		ok(t, c.SetReadDeadline(time.Now().Add(patient)))
		var answer []byte
		for part := make([]byte, 512); !bytes.HasSuffix(answer, []byte("\r\n\r\nok\n")); {
			n, err := c.Read(part)
			if err != nil {
				return err
			}
			answer = append(answer, part[:n]...)
		}
		return nil
	}
	kept := connect("127.0.0.3", whole)
	ok(t, answered(kept))
	first := connect("127.0.0.2", whole)
	ok(t, answered(first))
	for range maxConnections + maxConnections/4 {
		ok(t, answered(connect("127.0.0.2", whole)))
	}
	_, err := io.ReadAll(first)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the oldest of the address that has most is still open")
	}
	for range 2 * maxConnections {
		connect("127.0.0.2", half)
	}
	ok(t, answered(connect("127.0.0.4", whole)))
	for range maxConnections + maxConnections/4 { // the answers are more than the kernel takes
		deaf := connect("127.0.0.2", "")
		ok(t, deaf.(*net.TCPConn).SetReadBuffer(4096))
		ok(t, deaf.SetWriteDeadline(time.Now().Add(20*time.Millisecond)))
		_, _ = io.WriteString(deaf, strings.Repeat("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 2000))
	}
	for range 3 {
		begun := time.Now()
		if code, body := r.get("/metrics"); code != http.StatusOK || !strings.Contains(body, apiserver) {
			t.Errorf("a scrape gives %d", code)
		}
		if took := time.Since(begun); took > patient {
			t.Errorf("a scrape takes %v", took)
		}
	}
	_, err = io.WriteString(kept, whole)
	ok(t, err)
	if err := answered(kept); err != nil {
		t.Errorf("the connection of another address: %v", err)
	}
}

// TestServeTellsOfItsWebConfiguration breaks it while the server runs, and mends it.
func TestServeTellsOfItsWebConfiguration(t *testing.T) {
	f := serveNode(controlPlane(t))
	f.webConfig = filepath.Join(t.TempDir(), "web.yaml")
	ok(t, os.WriteFile(f.webConfig, []byte("{}\n"), 0o644))
	r := startServer(t, f, newWatcher, func(s *server) { s.look = time.Millisecond })
	ok(t, os.WriteFile(f.webConfig, []byte("nonsense: true\n"), 0o644))
	r.logs("nobody is answered")
	ok(t, os.WriteFile(f.webConfig, []byte("{}\n"), 0o644))
	r.logs("the web configuration can be used again")
	if n := strings.Count(r.log.String(), "nobody is answered"); n > 2 { // the file is empty for a moment
		t.Errorf("told %d times", n)
	}
}

// TestServeTellsOfItsWebConfigurationOnReload tells at SIGHUP, whenever the files are
// looked at next.
func TestServeTellsOfItsWebConfigurationOnReload(t *testing.T) {
	f := serveNode(controlPlane(t))
	f.webConfig = filepath.Join(t.TempDir(), "web.yaml")
	ok(t, os.WriteFile(f.webConfig, []byte("{}\n"), 0o644))
	r := startServer(t, f, newWatcher, func(s *server) { s.look = time.Hour })
	ok(t, os.WriteFile(f.webConfig, []byte("nonsense: true\n"), 0o644))
	r.reload <- syscall.SIGHUP
	r.logs("nobody is answered")
}

func TestServeRefusesItsFlags(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "web.yaml")
	ok(t, os.WriteFile(bad, []byte("nonsense: true\n"), 0o644))
	for _, args := range [][]string{
		{"--interval", "1ms"}, {"--metrics-compat", "y509"}, {"--web.config.file", bad}, {"--config", bad},
		{"--kubernetes-version", "new"}, {"--profile", "none"}, {"--root", "/", "somewhere"}, {"--node", "a"}, {"--exclude", "*.bak"}, {"--web.listen-address", "nowhere:::1"}, {"--web.systemd-socket"}, {"--web.snapshot"}, {"--web.snapshot", "--web.config.file", bad},
	} {
		var out, log bytes.Buffer
		if code := Main(append([]string{"serve"}, args...), nil, &out, &log); code != exitUsage && code != exitIncomplete || log.Len() == 0 {
			t.Errorf("serve %q ends with %d and says %q", args, code, log.String())
		}
	}
}
