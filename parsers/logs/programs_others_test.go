package logs

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"certaudit/fixtures"
	"certaudit/fixtures/loopback"
)

// factsIn are what the lines of an output say, each once.
func factsIn(output string) []facts {
	var found []facts
	for line := range strings.SplitSeq(output, "\n") {
		if e, _, _ := eventOf(Line{Text: line}); e != nil {
			if f := *factsOf(e); !slices.ContainsFunc(found, func(g facts) bool { return cmp.Equal(f, g) }) {
				found = append(found, f)
			}
		}
	}
	return found
}

// wrongServers are what is wrong with the certificate of a server that others than Go call.
var wrongServers = []struct {
	name   string
	change func(*fixtures.Spec)
	// wget and java are what these say of it, in all their lines.
	wget, java []facts
}{
	{"expired", over,
		[]facts{{Kind: KindBadCertificate, Direction: Refuses, Side: Client}, {Kind: KindExpired, Direction: Refuses, Side: Client}},
		[]facts{{Kind: KindBadCertificate, Direction: Refuses}, {Kind: KindExpired, Direction: Refuses, Bound: endedAt}}},
	{"not yet valid", early,
		[]facts{{Kind: KindBadCertificate, Direction: Refuses, Side: Client}, {Kind: KindNotYetValid, Direction: Refuses, Side: Client}},
		[]facts{{Kind: KindBadCertificate, Direction: Refuses}, {Kind: KindNotYetValid, Direction: Refuses, Bound: beginsAt}}},
	{"of another CA", func(s *fixtures.Spec) { s.Signer = fixtures.EtcdCA },
		[]facts{{Kind: KindBadCertificate, Direction: Refuses, Side: Client}, {Kind: KindUnknownAuthority, Direction: Refuses, Side: Client}},
		[]facts{{Kind: KindUnknownAuthority, Direction: Refuses}}},
	{"for another address", func(s *fixtures.Spec) { s.IPs = []string{"192.0.2.11"} },
		[]facts{{Kind: KindNameMismatch, Direction: Refuses, Side: Client, Name: "127.0.0.1"}},
		[]facts{{Kind: KindNameMismatch, Direction: Refuses, Side: Client, Name: "127.0.0.1"}}},
	{"without names", func(s *fixtures.Spec) { s.IPs, s.DNSNames = nil, nil },
		[]facts{{Kind: KindNameMismatch, Direction: Refuses, Side: Client, Name: "127.0.0.1"}},
		[]facts{{Kind: KindNoNames, Direction: Refuses, Side: Client}}},
	{"for clients only", func(s *fixtures.Spec) { s.Usages = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} },
		nil, // it does not look at the usage
		[]facts{{Kind: KindKeyUsage, Direction: Refuses, Side: Client}}},
}

// wget says what is wrong with a server's certificate, and the alert that it got.
func TestWget(t *testing.T) {
	call := func(dir, address string) []facts {
		return factsIn(run(t, dir, "wget", "--tries=1", "--output-document=/dev/null", "--ca-certificate=ca.crt", "https://"+address+"/"))
	}
	for _, f := range wrongServers {
		c := pki()
		c.WriteCA(fixtures.CA, "/tls/ca")
		certificate, key := files(t, c, "/tls/server", serving(f.change))
		address, _ := listens(t, &tls.Config{Certificates: loaded(t, certificate, key)})
		if diff := cmp.Diff(f.wget, call(written(t, c), address)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", f.name, diff)
		}
	}
	for number, kind := range alertKinds {
		want := facts{Kind: kind, Direction: Refused}
		switch number {
		case 113: // GnuTLS has no name for it
			continue
		case 112, 116:
			want.Side = Client
		}
		if diff := cmp.Diff([]facts{want}, call("", sendsAlert(t, number))); diff != "" {
			t.Errorf("alert %d (-want +got):\n%s", number, diff)
		}
	}
}

// So does Java.
func TestJava(t *testing.T) {
	c := pki()
	c.WriteCA(fixtures.CA, "/tls/ca")
	source, err := filepath.Abs(filepath.Join("testdata", "java", "Calls.java"))
	if err != nil {
		t.Fatal(err)
	}
	words, want := []string{"java", source, "ca.crt"}, map[string][]facts{}
	expects := func(address string, facts ...facts) {
		words, want[address] = append(words, "https://"+address), facts
	}
	for i, f := range wrongServers {
		certificate, key := files(t, c, fmt.Sprintf("/tls/server%d", i), serving(f.change))
		address, _ := listens(t, &tls.Config{Certificates: loaded(t, certificate, key)})
		expects(address, f.java...)
	}
	for number, kind := range alertKinds {
		f := facts{Kind: kind, Direction: Refused}
		if number == 112 || number == 116 {
			f.Side = Client
		}
		expects(sendsAlert(t, number), f)
	}
	got := map[string][]facts{}
	for part := range strings.SplitSeq(run(t, written(t, c), words...), "--- https://") {
		if address, output, ok := strings.Cut(part, "\n"); ok {
			got[address] = factsIn(output)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// clientFault is what is wrong with a client.
type clientFault struct {
	name   string
	change func(t *testing.T, c *fixtures.Cluster, config *tls.Config)
	// nginx and haproxy are what these say of it.
	nginx, haproxy facts
}

// clientFaults are clients that a server which wants certificates refuses, or that refuse it.
var clientFaults = []clientFault{
	{"none", func(_ *testing.T, _ *fixtures.Cluster, config *tls.Config) { config.Certificates = nil },
		facts{Kind: KindCertificateRequired, Direction: Refuses, Side: Server}, facts{Kind: KindHandshakeFailure, Side: Server}},
	{"expired", presented(over), facts{Kind: KindExpired, Direction: Refuses, Side: Server}, facts{Kind: KindBadCertificate, Direction: Refuses, Side: Server}},
	{"not yet valid", presented(early), facts{Kind: KindNotYetValid, Direction: Refuses, Side: Server}, facts{Kind: KindBadCertificate, Direction: Refuses, Side: Server}},
	{"of another CA", presented(func(s *fixtures.Spec) { s.Signer = fixtures.EtcdCA }), facts{Kind: KindUnknownAuthority, Direction: Refuses, Side: Server}, facts{Kind: KindBadCertificate, Direction: Refuses, Side: Server}},
	{"for servers only", presented(func(s *fixtures.Spec) { s.Usages = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), facts{Kind: KindKeyUsage, Direction: Refuses, Side: Server}, facts{Kind: KindBadCertificate, Direction: Refuses, Side: Server}},
	{"one that refuses", func(_ *testing.T, _ *fixtures.Cluster, config *tls.Config) { config.RootCAs = x509.NewCertPool() },
		facts{Kind: KindBadCertificate, Direction: Refused, Side: Server}, facts{Kind: KindHandshakeFailure, Side: Server}},
}

func presented(change func(*fixtures.Spec)) func(*testing.T, *fixtures.Cluster, *tls.Config) {
	return func(t *testing.T, c *fixtures.Cluster, config *tls.Config) {
		certificate, key := files(t, c, "/tls/client", calling(change))
		pair := loaded(t, certificate, key)[0]
		config.Certificates, config.GetClientCertificate = nil, func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
}

// refusesClients lets a client of Go with each fault call a server, and holds what that says
// against what it must say.
func refusesClients(t *testing.T, c *fixtures.Cluster, address string, said chan string, must func(clientFault) facts) {
	t.Helper()
	for _, f := range clientFaults {
		refusedBy(t, c, address, f.change)
		want := must(f)
		want.Peer = "127.0.0.1"
		if diff := cmp.Diff(want, nextFacts(t, said)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", f.name, diff)
		}
	}
}

// refusedBy lets a client of Go with a fault call an address.
func refusedBy(t *testing.T, c *fixtures.Cluster, address string, change func(t *testing.T, c *fixtures.Cluster, config *tls.Config)) {
	t.Helper()
	certificate, key := files(t, c, "/tls/client", calling())
	config := &tls.Config{RootCAs: pool(c, fixtures.CA), Certificates: loaded(t, certificate, key)}
	change(t, c, config)
	if conn, err := tls.Dial("tcp", address, config); err == nil {
		conn.SetDeadline(time.Now().Add(patience))
		io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n")
		io.Copy(io.Discard, conn)
		conn.Close()
	}
}

// nextFacts are what the next line says that says something, without the port of a client.
func nextFacts(t *testing.T, said chan string) facts {
	t.Helper()
	for {
		select {
		case line, ok := <-said:
			if e, _, suspect := eventOf(Line{Text: line}); e != nil || suspect || !ok {
				if e == nil {
					t.Fatalf("not understood: %s", line)
				}
				f := *factsOf(e)
				f.Peer = strings.TrimPrefix(f.Peer, "https://")
				if host, _, err := net.SplitHostPort(f.Peer); err == nil && f.Side == Server {
					f.Peer = host
				}
				return f
			}
		case <-time.After(patience):
			t.Fatal("nothing was said")
		}
	}
}

// startsNginx runs an nginx with a server block until the test ends.
func startsNginx(t *testing.T, dir, server string) chan string {
	t.Helper()
	var temporary strings.Builder
	for _, name := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&temporary, "%s_temp_path %s/%s; ", name, dir, name)
	}
	config := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf("daemon off; master_process off; pid %s/nginx.pid; error_log stderr info;\nevents {}\nhttp { access_log off; %s\nserver { %s } }\n", dir, temporary.String(), server)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	said, _ := starts(t, dir, nil, "event method", "/usr/sbin/nginx", "-e", "stderr", "-c", config)
	return said
}

// nginx says whom it refuses as a server, and whom it cannot use.
func TestNginx(t *testing.T) {
	c := pki()
	c.WriteCA(fixtures.CA, "/tls/ca")
	files(t, c, "/tls/server", serving())
	dir, address := written(t, c), loopback.FreeAddress(t)
	said := startsNginx(t, dir, fmt.Sprintf("listen %s ssl; ssl_certificate %s/server.crt; ssl_certificate_key %s/server.key; ssl_client_certificate %s/ca.crt; ssl_verify_client on;", address, dir, dir, dir))
	refusesClients(t, c, address, said, func(f clientFault) facts { return f.nginx })
	ask("http://"+address, nil)
	if diff := cmp.Diff(facts{Kind: KindHTTPToTLS, Direction: Refuses, Side: Server, Peer: "127.0.0.1"}, nextFacts(t, said)); diff != "" {
		t.Errorf("plain HTTP (-want +got):\n%s", diff)
	}
	for _, f := range []struct {
		server string
		kind   Kind
	}{
		{"ssl_certificate gone.crt; ssl_certificate_key server.key;", KindFileMissing},
		{"ssl_certificate server.key; ssl_certificate_key server.key;", KindMalformed},
		{"ssl_certificate server.crt; ssl_certificate_key ca.key;", KindKeyMismatch},
	} {
		config := filepath.Join(dir, "nginx.conf")
		if err := os.WriteFile(config, []byte("events {} http { server { listen "+address+" ssl; "+f.server+" } }"), 0o600); err != nil {
			t.Fatal(err)
		}
		saysOnce(t, run(t, dir, "/usr/sbin/nginx", "-e", "stderr", "-t", "-c", config), facts{Kind: f.kind, Direction: Own})
	}
}

// nginx says as a client what is wrong with a server.
func TestNginxUpstream(t *testing.T) {
	for _, f := range []struct {
		name   string
		change func(*fixtures.Spec)
		want   facts
	}{
		{"expired", over, facts{Kind: KindExpired}},
		{"not yet valid", early, facts{Kind: KindNotYetValid}},
		{"of another CA", func(s *fixtures.Spec) { s.Signer = fixtures.EtcdCA }, facts{Kind: KindUnknownAuthority}},
		{"for another name", func(s *fixtures.Spec) { s.DNSNames = []string{"master"} }, facts{Kind: KindNameMismatch, Name: "kubernetes"}},
		{"for clients only", func(s *fixtures.Spec) { s.Usages = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }, facts{Kind: KindKeyUsage}},
	} {
		c := pki()
		c.WriteCA(fixtures.CA, "/tls/ca")
		certificate, key := files(t, c, "/tls/server", serving(f.change))
		upstream, _ := listens(t, &tls.Config{Certificates: loaded(t, certificate, key)})
		dir, address := written(t, c), loopback.FreeAddress(t)
		said := startsNginx(t, dir, fmt.Sprintf("listen %s; location / { proxy_pass https://%s; proxy_ssl_verify on; proxy_ssl_trusted_certificate %s/ca.crt; proxy_ssl_name kubernetes; }", address, upstream, dir))
		ask("http://"+address, nil)
		want := f.want
		want.Direction, want.Side, want.Peer = Refuses, Client, upstream
		if diff := cmp.Diff(want, nextFacts(t, said)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", f.name, diff)
		}
	}
}

// HAProxy says little: whom it does not trust, and that a handshake failed.
func TestHAProxy(t *testing.T) {
	c := pki()
	c.WriteCA(fixtures.CA, "/tls/ca")
	certificate, key := files(t, c, "/tls/server", serving())
	dir, address := written(t, c), loopback.FreeAddress(t)
	upstream, _ := listens(t, &tls.Config{Certificates: loaded(t, certificate, key)})
	config := filepath.Join(dir, "haproxy.cfg")
	text := fmt.Sprintf("global\n log stdout format raw local0\ndefaults\n log global\n option httplog\n mode http\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n"+
		"frontend f\n bind %s ssl crt all.pem ca-file ca.crt verify required\n default_backend b\n"+
		"backend b\n option httpchk\n server s %s ssl verify required ca-file ca.crt verifyhost master check inter 100ms fall 1\n", address, upstream)
	for name, data := range map[string][]byte{"haproxy.cfg": []byte(text), "all.pem": slices.Concat(certificate, key)} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// It has checked its server when it listens.
	said, before := starts(t, dir, nil, "backend b has no server", "/usr/sbin/haproxy", "-db", "-f", config)
	if diff := cmp.Diff([]facts{{Kind: KindNameMismatch, Direction: Refuses, Side: Client}}, factsIn(strings.Join(before, "\n"))); diff != "" {
		t.Errorf("its server (-want +got):\n%s", diff)
	}
	refusesClients(t, c, address, said, func(f clientFault) facts { return f.haproxy })
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if diff := cmp.Diff(facts{Kind: KindHandshakeEnded, Side: Server, Peer: "127.0.0.1"}, nextFacts(t, said)); diff != "" {
		t.Errorf("nothing (-want +got):\n%s", diff)
	}
	for _, f := range []struct {
		file string
		kind Kind
	}{{"gone.pem", KindFileMissing}, {"server.key", KindMalformed}} {
		if err := os.WriteFile(config, []byte("defaults\n mode http\nfrontend f\n bind "+address+" ssl crt "+f.file+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		saysOnce(t, run(t, dir, "/usr/sbin/haproxy", "-c", "-f", config), facts{Kind: f.kind, Direction: Own})
	}
}
