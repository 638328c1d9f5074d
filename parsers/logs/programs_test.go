package logs

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"certaudit/fixtures"
	"certaudit/fixtures/loopback"
)

// run is what a program writes, which must come to its end.
func run(t *testing.T, dir string, words ...string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("starts programs")
	}
	if _, err := exec.LookPath(words[0]); err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, words[0], words[1:]...)
	c.Dir, c.Env = dir, append(os.Environ(), "LC_ALL=C.UTF-8", "no_proxy=*")
	out, err := c.CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("%q: %v", words, err)
	}
	return string(out)
}

// saysOnce holds the first event of an output against what it must say.
func saysOnce(t *testing.T, output string, want facts) {
	t.Helper()
	for line := range strings.SplitSeq(output, "\n") {
		if e, _, _ := eventOf(Line{Text: line}); e != nil {
			if diff := cmp.Diff(&want, factsOf(e)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", line, diff)
			}
			return
		}
	}
	t.Errorf("no event in:\n%s", output)
}

// written writes the files of a cluster and returns the folder of those below /tls.
func written(t *testing.T, c *fixtures.Cluster) string {
	t.Helper()
	dir := t.TempDir()
	if err := c.Node.Write(dir); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "tls")
}

// clientsOf call a server of Go by its address, and trust ca.crt alone.
var clientsOf = map[string]func(t *testing.T, dir, address string) string{
	"curl": func(t *testing.T, dir, address string) string {
		return run(t, dir, "curl", "-sS", "--cacert", "ca.crt", "https://"+address+"/")
	},
	"s_client": func(t *testing.T, dir, address string) string {
		return run(t, dir, "openssl", "s_client", "-connect", address, "-CAfile", "ca.crt", "-verify_return_error", "-verify_ip", "127.0.0.1")
	},
	"python3": func(t *testing.T, dir, address string) string {
		return run(t, dir, "python3", "-c", "import ssl, urllib.request as u; u.urlopen('https://"+address+"/', context=ssl.create_default_context(cafile='ca.crt'))")
	},
	"node": func(t *testing.T, dir, address string) string {
		return run(t, dir, "node", "-e", "require('https').get('https://"+address+"/', {ca: require('fs').readFileSync('ca.crt')})")
	},
}

// Other clients than Go's say what is wrong with a server's certificate.
func TestHandshakesOfOtherClients(t *testing.T) {
	for _, f := range []struct {
		name   string
		change func(*fixtures.Spec)
		kind   Kind
		// named are the clients that say by which name they called.
		named []string
	}{
		{"expired", over, KindExpired, nil},
		{"not yet valid", early, KindNotYetValid, nil},
		{"another CA", func(s *fixtures.Spec) { s.Signer = fixtures.EtcdCA }, KindUnknownAuthority, nil},
		{"another address", func(s *fixtures.Spec) { s.IPs = []string{"192.0.2.11"} }, KindNameMismatch, []string{"curl", "python3", "node"}},
		{"for clients only", func(s *fixtures.Spec) { s.Usages = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }, KindKeyUsage, nil},
	} {
		c := pki()
		c.WriteCA(fixtures.CA, "/tls/ca")
		certificate, key := files(t, c, "/tls/server", serving(f.change))
		dir := written(t, c)
		for client, call := range clientsOf {
			t.Run(f.name+"/"+client, func(t *testing.T) {
				address, _ := listens(t, &tls.Config{Certificates: loaded(t, certificate, key)})
				want := facts{Kind: f.kind, Direction: Refuses}
				if slices.Contains(f.named, client) {
					want.Name = "127.0.0.1"
				}
				if client == "curl" || f.kind == KindNameMismatch {
					want.Side = Client
				}
				if client == "node" && f.kind == KindNameMismatch {
					want.Valid = []string{"192.0.2.11"}
				}
				saysOnce(t, call(t, dir, address), want)
			})
		}
	}
}

// Each alert that a server sends is understood as OpenSSL and curl write it.
func TestAlertsToOpenSSL(t *testing.T) {
	for number, kind := range alertKinds {
		address := sendsAlert(t, number)
		want := facts{Kind: kind, Direction: Refused}
		if kind == KindCertificateRequired || kind == KindUnrecognizedName {
			want.Side = Client
		}
		saysOnce(t, run(t, "", "openssl", "s_client", "-connect", address), want)
		want.Side = Client
		if number == 45 { // curl says of it that verification failed, as of the server's certificate
			want = facts{Kind: KindBadCertificate, Side: Client}
		}
		saysOnce(t, run(t, "", "curl", "-sSk", "https://"+address), want)
	}
}

// curl says which of its own files it cannot use.
func TestOwnFilesOfCurl(t *testing.T) {
	c := pki()
	c.WriteCA(fixtures.CA, "/tls/ca")
	certificate, key := files(t, c, "/tls/server", serving())
	files(t, c, "/tls/client", calling())
	files(t, c, "/tls/other", calling())
	dir := written(t, c)
	address, _ := listens(t, &tls.Config{Certificates: loaded(t, certificate, key)})
	for _, f := range []struct {
		words string
		kind  Kind
	}{
		{"--cert client.crt --key other.key", KindKeyMismatch},
		{"--cert gone.crt --key client.key", KindFileMissing},
		{"--cert client.key --key client.crt", KindMalformed},
		{"--cacert gone.crt", KindFileUnreadable},
	} {
		words := append([]string{"curl", "-sS", "https://" + address + "/"}, strings.Fields(f.words)...)
		saysOnce(t, run(t, dir, words...), facts{Kind: f.kind, Direction: Own})
	}
}

// A server of OpenSSL says why it refuses a client, or was refused by it.
func TestServersOfOpenSSL(t *testing.T) {
	for _, f := range []struct {
		name   string
		client func(t *testing.T, c *fixtures.Cluster, config *tls.Config)
		want   facts
	}{
		{"no certificate", func(t *testing.T, c *fixtures.Cluster, config *tls.Config) { config.Certificates = nil }, facts{Kind: KindCertificateRequired, Direction: Refuses, Side: Server}},
		{"expired", func(t *testing.T, c *fixtures.Cluster, config *tls.Config) {
			certificate, key := files(t, c, "/tls/client", calling(over))
			config.Certificates = loaded(t, certificate, key)
		}, facts{Kind: KindExpired, Direction: Refuses}},
		{"refused by the client", func(t *testing.T, c *fixtures.Cluster, config *tls.Config) { config.RootCAs = x509.NewCertPool() }, facts{Kind: KindBadCertificate, Direction: Refused}},
		{"no common version", func(t *testing.T, c *fixtures.Cluster, config *tls.Config) { config.MaxVersion = tls.VersionTLS12 }, facts{Kind: KindProtocolMismatch, Direction: Refuses, Side: Server}},
	} {
		t.Run(f.name, func(t *testing.T) {
			c := pki()
			c.WriteCA(fixtures.CA, "/tls/ca")
			files(t, c, "/tls/server", serving())
			certificate, key := files(t, c, "/tls/client", calling())
			config := &tls.Config{RootCAs: pool(c, fixtures.CA), Certificates: loaded(t, certificate, key)}
			f.client(t, c, config)
			dir := written(t, c)
			said, _ := starts(t, dir, nil, "ACCEPT ", "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", "server.crt", "-key", "server.key", "-CAfile", "ca.crt", "-Verify", "1", "-verify_return_error", "-tls1_3", "-naccept", "1", "-www")
			_, address, _ := strings.Cut(<-said, "ACCEPT ")
			if conn, err := tls.Dial("tcp", address, config); err == nil {
				conn.SetDeadline(time.Now().Add(patience))
				io.Copy(io.Discard, conn)
				conn.Close()
			}
			var all strings.Builder
			for line := range said {
				all.WriteString(line + "\n")
			}
			saysOnce(t, all.String(), f.want)
		})
	}
}

// starts runs a program until the test ends, and returns when it wrote a line with a word:
// that line, and those after it until its end, and those before it.
func starts(t *testing.T, dir string, env []string, ready string, words ...string) (said chan string, before []string) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts programs")
	}
	if _, err := exec.LookPath(words[0]); err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := exec.CommandContext(ctx, words[0], words[1:]...)
	c.Dir, c.Env = dir, append(os.Environ(), env...)
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c.Stdout, c.Stderr = in, in
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	t.Cleanup(func() {
		cancel()
		_ = c.Wait() // it was killed
		out.Close()
	})
	timer := time.AfterFunc(patience, cancel)
	all := make(chan string, 10000)
	go func() {
		defer close(all)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			all <- lines.Text()
		}
	}()
	for line := range all {
		if strings.Contains(line, ready) {
			timer.Stop()
			said = make(chan string, 10000)
			said <- line
			go func() {
				defer close(said)
				for line := range all {
					said <- line
				}
			}()
			return said, before
		}
		before = append(before, line)
	}
	t.Fatalf("%q did not start:\n%s", words, strings.Join(before, "\n"))
	return nil, nil
}

// A real etcd says which files it uses, and whom it refuses and by whom it is refused.
func TestEtcd(t *testing.T) {
	for _, form := range []string{"zap", "capnslog"} {
		for _, f := range []struct {
			name           string
			server, client func(*fixtures.Spec)
			want           facts
		}{
			{"an expired client", nil, over, facts{Kind: KindExpired, Direction: Refuses, Side: Server, Clock: today, Bound: endedAt}},
			{"a client of another CA", nil, func(s *fixtures.Spec) { s.Signer = fixtures.EtcdCA }, facts{Kind: KindUnknownAuthority, Direction: Refuses, Side: Server}},
			{"a client for servers only", nil, func(s *fixtures.Spec) { s.Usages = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }, facts{Kind: KindKeyUsage, Direction: Refuses, Side: Server}},
			{"an expired server", over, nil, facts{Kind: KindBadCertificate, Direction: Refused, Side: Server}},
			{"a server with other names", func(s *fixtures.Spec) { s.IPs = nil }, nil, facts{Kind: KindBadCertificate, Direction: Refused, Side: Server}},
		} {
			t.Run(form+"/"+f.name, func(t *testing.T) { etcdSays(t, form, f.server, f.client, f.want) })
		}
	}
}

func etcdSays(t *testing.T, form string, server, client func(*fixtures.Spec), want facts) {
	c := pki()
	c.WriteCA(fixtures.CA, "/tls/ca")
	both := func(s *fixtures.Spec) { s.Usages = append(s.Usages, x509.ExtKeyUsageClientAuth) }
	files(t, c, "/tls/peer", serving(both))
	change := func(changes ...func(*fixtures.Spec)) []func(*fixtures.Spec) {
		return slices.DeleteFunc(changes, func(f func(*fixtures.Spec)) bool { return f == nil })
	}
	files(t, c, "/tls/server", serving(change(both, server)...))
	certificate, key := files(t, c, "/tls/client", calling(change(client)...))
	pair := loaded(t, certificate, key)[0]
	dir := written(t, c)
	clients, peers := loopback.FreeAddress(t), loopback.FreeAddress(t)
	words := append([]string{"etcd"}, loopback.EtcdArguments(clients, peers, t.TempDir())...)
	words = append(words, "--client-cert-auth", "--cert-file="+dir+"/server.crt", "--key-file="+dir+"/server.key", "--trusted-ca-file="+dir+"/ca.crt",
		"--peer-client-cert-auth", "--peer-cert-file="+dir+"/peer.crt", "--peer-key-file="+dir+"/peer.key", "--peer-trusted-ca-file="+dir+"/ca.crt")
	version, _ := exec.Command("etcd", "--version").CombinedOutput()
	switch old := bytes.Contains(version, []byte("etcd Version: 3.4")); {
	case !old && form == "capnslog":
		t.Skip("this version of etcd has no such log")
	case old:
		words = append(words, "--logger="+form)
	}
	said, before := starts(t, dir, loopback.EtcdEnvironment(), "serving client", words...)
	got := map[string]string{}
	for _, line := range before {
		_, found, _ := eventOf(Line{Text: line})
		for _, u := range found {
			got[u.Setting] = u.Path
		}
	}
	wantUses := map[string]string{"cert-file": dir + "/server.crt", "key-file": dir + "/server.key", "trusted-ca-file": dir + "/ca.crt",
		"peer-cert-file": dir + "/peer.crt", "peer-key-file": dir + "/peer.key", "peer-trusted-ca-file": dir + "/ca.crt"}
	if diff := cmp.Diff(wantUses, got); diff != "" {
		t.Errorf("files in use (-want +got):\n%s\n%s", diff, strings.Join(before, "\n"))
	}
	if err := ask("https://"+clients+"/version", &tls.Config{RootCAs: pool(c, fixtures.CA), GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }}); err == nil {
		t.Fatal("the handshake did not fail")
	}
	for {
		select {
		case line := <-said:
			e, _, suspect := eventOf(Line{Text: line})
			if suspect {
				t.Errorf("not understood: %s", line)
			}
			if e == nil || e.Kind != want.Kind || e.Direction != want.Direction {
				continue // an etcd also calls itself, and is refused for its own sake
			}
			have := factsOf(e)
			if !strings.HasPrefix(have.Peer, "127.0.0.1:") || have.Clock.Sub(want.Clock).Abs() > time.Hour {
				t.Errorf("%s: %+v", line, have)
			}
			have.Peer, have.Clock = "", want.Clock
			if diff := cmp.Diff(&want, have); diff != "" {
				t.Errorf("%s (-want +got):\n%s", line, diff)
			}
			return
		case <-time.After(patience):
			t.Fatal("etcd said nothing")
		}
	}
}
