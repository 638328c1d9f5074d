package cmd

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// scrapeTimeout is that of Prometheus by default, in which even the slowest scrape of a
// soak has an answer; on a machine with nothing else to do they take far less.
const scrapeTimeout = 10 * time.Second

// soak is a server under work.
type soak struct {
	*running
	ctx context.Context
	all sync.WaitGroup

	mu sync.Mutex
	// took are the times of the scrapes, failures those that gave nothing whole.
	took     []time.Duration
	failures int
	// refused and hostile count what was done to the server.
	refused, hostile atomic.Int64
}

// each repeats f until the end, in n clients.
func (s *soak) each(n int, every time.Duration, f func(i int)) {
	for range n {
		s.all.Go(func() {
			for i := 0; s.ctx.Err() == nil; i++ {
				f(i)
				select {
				case <-s.ctx.Done():
				case <-time.After(every):
				}
			}
		})
	}
}

// TestServeSoak scrapes, changes files and reloads all at once, while hostile clients do
// their worst, under the race detector where the tests run with it: every scrape is whole,
// and nothing grows. CERTAUDIT_SOAK is how long, "10m".
func TestServeSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("takes four seconds")
	}
	long, err := time.ParseDuration(os.Getenv("CERTAUDIT_SOAK"))
	if err != nil {
		long = 3 * time.Second
	}
	dir := controlPlane(t)
	f := serveNode(dir)
	f.webConfig = filepath.Join(t.TempDir(), "web.yaml")
	ok(t, os.WriteFile(f.webConfig, []byte("basic_auth_users: {prometheus: "+Hashed+"}\n"), 0o644))
	s := &soak{running: startServer(t, f, newWatcher, func(s *server) { s.look = 100 * time.Millisecond })}
	s.user, s.secret = "prometheus", Password
	s.until("certaudit_audit_success 1")
	before := grown()
	ctx, cancel := context.WithTimeout(context.Background(), long)
	defer cancel()
	s.ctx = ctx
	idle := []func(){http.DefaultClient.CloseIdleConnections}
	for _, keep := range []bool{true, false} {
		client := &http.Client{Timeout: scrapeTimeout, Transport: &http.Transport{DisableKeepAlives: !keep}}
		idle = append(idle, client.CloseIdleConnections)
		s.each(2, 10*time.Millisecond, func(int) { s.scrape(client) })
	}
	s.each(1, 500*time.Millisecond, func(int) { s.get("/") })
	s.change(dir)
	s.attack()
	s.all.Wait()
	s.until("!certaudit_certificate_missing{", "certaudit_audit_success 1", `certaudit_audits_total{outcome="failure"} 0`)
	if n := len(s.took); s.failures > 0 || n == 0 {
		t.Errorf("%d of %d scrapes fail", s.failures, n)
	}
	slices.Sort(s.took)
	t.Logf("%d scrapes, of which one in a hundred takes more than %v and the slowest %v; %d hostile clients, %d of them refused",
		len(s.took), s.took[len(s.took)*99/100], s.took[len(s.took)-1], s.hostile.Load(), s.refused.Load())
	for _, closed := range idle {
		closed()
	}
	s.settles(before)
}

// scrape holds one against what a scrape is: a whole audit, in time.
func (s *soak) scrape(client *http.Client) {
	begun := time.Now()
	err := func() error {
		req, err := http.NewRequest(http.MethodGet, s.url+"/metrics", nil)
		if err != nil {
			return err
		}
		req.SetBasicAuth(s.user, s.secret)
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		// Every certificate is there, missing or malformed.
		there := strings.Count(string(body), apiserver+`"} 1.`) + strings.Count(string(body), `certaudit_certificate_missing{node="cp-1",component="kube-apiserver",role="kube-apiserver/serving"`) +
			strings.Count(string(body), `path="`+apiserver+`",check="files/malformed"`)
		if err == nil && (resp.StatusCode != http.StatusOK || there < 1) {
			err = fmt.Errorf("%s, and half an audit:\n%s", resp.Status, ownOf(string(body)))
		}
		return err
	}()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.took = append(s.took, time.Since(begun))
	if err != nil {
		if s.failures++; s.failures < 5 {
			s.Errorf("after %v: %v", time.Since(begun), err)
		}
	}
}

// change removes, damages and restores a file, and reloads.
func (s *soak) change(dir string) {
	data, err := os.ReadFile(dir + apiserver)
	ok(s.T, err)
	s.Cleanup(func() { _ = os.WriteFile(dir+apiserver, data, 0o644) })
	s.all.Go(func() {
		<-s.ctx.Done()
		time.Sleep(100 * time.Millisecond) // the last of the changes
		_ = os.WriteFile(dir+apiserver, data, 0o644)
	})
	s.each(1, 50*time.Millisecond, func(i int) {
		switch i % 4 {
		case 0:
			_ = os.Remove(dir + apiserver)
		case 1:
			_ = os.WriteFile(dir+apiserver, data[:i%len(data)], 0o644)
		default:
			_ = os.WriteFile(dir+apiserver, data, 0o644)
		}
	})
	s.each(1, 130*time.Millisecond, func(int) {
		select {
		case s.reload <- syscall.SIGHUP:
		default:
		}
	})
}

// attack has hostile clients at work, from another address than the scrapes: connections
// that idle, headers that come slowly, answers that nobody reads, wrong passwords, garbage,
// and now and then 2,000 clients at once.
func (s *soak) attack() {
	const asks = "GET /metrics HTTP/1.1\r\nHost: x\r\n"
	wrong := func() string {
		return asks + "Authorization: Basic " + fmt.Sprintf("%x", time.Now().UnixNano()) + "Og==\r\n\r\n"
	}
	s.each(60, 0, func(int) { s.hold(3*time.Second, asks+"\r\n") })
	s.each(60, 0, func(int) { s.hold(3*time.Second, slices.Collect(strings.SplitSeq(asks, ""))...) })
	s.each(20, 0, func(int) { s.hold(3*time.Second, strings.Repeat(asks+"\r\n", 500)) })
	s.each(20, 100*time.Millisecond, func(int) { s.hold(time.Second, wrong()) })
	s.each(5, 20*time.Millisecond, func(int) {
		garbage := make([]byte, 4096)
		rand.Read(garbage)
		s.hold(100*time.Millisecond, string(garbage))
	})
	s.each(1, 2*time.Second, func(int) {
		var crowd sync.WaitGroup
		for range 2000 {
			crowd.Go(func() { s.hold(500*time.Millisecond, wrong()) })
		}
		crowd.Wait()
	})
}

// hold connects, sends the parts over as long a time, and goes when it has ended or when
// the server has had enough.
func (s *soak) hold(long time.Duration, parts ...string) {
	d := net.Dialer{Timeout: long}
	if runtime.GOOS == "linux" { // where all of 127.0.0.0/8 is loopback
		d.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}
	}
	s.hostile.Add(1)
	c, err := d.DialContext(s.ctx, "tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.refused.Add(1)
		return
	}
	defer c.Close()
	end := time.Now().Add(long)
	_ = c.SetDeadline(end)
	for _, part := range parts {
		if _, err := io.WriteString(c, part); err != nil {
			s.refused.Add(1)
			return
		}
		time.Sleep(long / time.Duration(2*len(parts)))
	}
	_, err = io.CopyN(io.Discard, c, 1<<20)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		s.refused.Add(1)
	}
}

// growth is what a leak would make grow.
type growth struct{ routines, files int }

func grown() growth {
	files, _ := os.ReadDir("/proc/self/fd") // none where there is no /proc
	return growth{runtime.NumGoroutine(), len(files)}
}

// settles waits until the server, and the clients in its process, have given back what
// they had.
func (s *soak) settles(before growth) {
	s.Helper()
	var after growth
	for end := time.Now().Add(patient); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		after = grown()
		if after.routines <= before.routines && after.files <= before.files {
			status, _ := os.ReadFile("/proc/self/status")
			memory := ""
			for line := range strings.Lines(string(status)) {
				if strings.HasPrefix(line, "VmRSS") || strings.HasPrefix(line, "VmHWM") {
					memory += " " + strings.Join(strings.Fields(line), " ")
				}
			}
			s.Logf("%d goroutines and %d files before, %d and %d after;%s with the clients", before.routines, before.files, after.routines, after.files, memory)
			return
		}
	}
	stacks := make([]byte, 1<<20)
	s.Errorf("%d goroutines and %d files before, %d and %d after\n%s", before.routines, before.files, after.routines, after.files, stacks[:runtime.Stack(stacks, true)])
}
