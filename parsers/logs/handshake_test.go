package logs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"certaudit/fixtures"
)

const (
	day      = 24 * time.Hour
	patience = 20 * time.Second
)

// today is the clock of the handshakes: programs other than Go have that of the machine.
var today = time.Now().UTC().Truncate(time.Second)

// pki is a cluster whose CA signs what the handshakes need. Files are below /tls.
func pki() *fixtures.Cluster { return fixtures.ControlPlane(fixtures.Options{Now: today}) }

func serving(change ...func(*fixtures.Spec)) fixtures.Spec {
	s := fixtures.Spec{CommonName: "kube-apiserver", IPs: []string{"127.0.0.1"}, DNSNames: []string{"localhost", "kubernetes"}, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	for _, c := range change {
		c(&s)
	}
	return s
}

func calling(change ...func(*fixtures.Spec)) fixtures.Spec {
	s := fixtures.Spec{CommonName: "kubernetes-admin", Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	for _, c := range change {
		c(&s)
	}
	return s
}

var (
	endedAt  = today.Add(-6 * day)
	beginsAt = today.Add(9 * day)
)

func over(s *fixtures.Spec)  { s.NotBefore, s.NotAfter = today.Add(-20*day), endedAt }
func early(s *fixtures.Spec) { s.NotBefore = beginsAt }

// files issues a certificate and returns its pair.
func files(t *testing.T, c *fixtures.Cluster, base string, s fixtures.Spec) (certificate, key []byte) {
	t.Helper()
	c.Issue(base, s)
	return c.Node[base+".crt"].Data, c.Node[base+".key"].Data
}

func loaded(t *testing.T, certificate, key []byte) []tls.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	return []tls.Certificate{pair}
}

func pool(c *fixtures.Cluster, ca string) *x509.CertPool {
	p := x509.NewCertPool()
	p.AppendCertsFromPEM(c.CertificatePEM(ca))
	return p
}

// logged passes on what is written to it line by line.
type logged chan string

func (l logged) Write(p []byte) (int, error) {
	for line := range strings.SplitSeq(strings.TrimSpace(string(p)), "\n") {
		l <- line
	}
	return len(p), nil
}

// listens serves HTTP over TLS until the test ends, and returns its address and what it
// writes to its log.
func listens(t *testing.T, config *tls.Config) (address string, said logged) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	said = make(logged, 100)
	s := &http.Server{TLSConfig: config, ErrorLog: log.New(said, "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })}
	go s.ServeTLS(l, "", "")
	t.Cleanup(func() { s.Close() })
	return l.Addr().String(), said
}

// next is the next line of a log.
func next(t *testing.T, said logged) string {
	t.Helper()
	select {
	case line := <-said:
		return line
	case <-time.After(patience):
		t.Fatal("nothing was written to the log")
	}
	return ""
}

// ask asks a server once, and returns the error.
func ask(url string, config *tls.Config) error {
	transport := &http.Transport{TLSClientConfig: config, TLSHandshakeTimeout: patience}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport, Timeout: patience}).Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		return errors.New(string(body))
	}
	return err
}

// facts are what an event says, without its line and message.
type facts struct {
	Kind         Kind
	Direction    Direction
	Side         Side
	Peer         string
	Name         string
	Valid        []string
	Clock, Bound time.Time
	Candidate    string
}

func factsOf(e *Event) *facts {
	if e == nil {
		return nil
	}
	return &facts{e.Kind, e.Direction, e.Side, e.Peer, e.Name, e.Valid, e.Clock, e.Bound, e.Candidate}
}

// forms are the ways in which programs write an error: as it is, in klog's pairs, and in JSON.
func forms(t *testing.T, text string) []string {
	t.Helper()
	encoded, err := json.Marshal(map[string]string{"level": "warn", "msg": "it failed", "error": text})
	if err != nil {
		t.Fatal(err)
	}
	return []string{"it failed: " + text, `"It failed" err=` + strconv.Quote(text) + ` node="a"`, string(encoded)}
}

// expect holds a line in all its forms against what it must say; nil for nothing.
func expect(t *testing.T, text string, want *facts) {
	t.Helper()
	for _, line := range forms(t, text) {
		if want == nil {
			tellsNothing(t, line)
			continue
		}
		e, _, _ := eventOf(Line{Component: "test", Text: line})
		got := factsOf(e)
		if got != nil && want.Clock.IsZero() {
			got.Clock = time.Time{}
		} else if got != nil && got.Clock.Sub(want.Clock).Abs() < time.Hour {
			got.Clock = want.Clock
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", line, diff)
		}
		if e != nil && !strings.Contains(unescaped(line), e.Message) {
			t.Errorf("%s: the message %q is no part of it", line, e.Message)
		}
	}
}

func tellsNothing(t *testing.T, line string) {
	t.Helper()
	if e, uses, suspect := eventOf(Line{Text: line}); e != nil || uses != nil || suspect {
		t.Errorf("%s: %+v, %v, suspect %v; expected nothing", line, e, uses, suspect)
	}
}

// faults are handshakes that fail. A function changes what the two ends have; what the
// server and the client write is expected to say this, nil for nothing that the end says.
var faults = []struct {
	name           string
	change         func(t *testing.T, c *fixtures.Cluster, server, client *tls.Config)
	server, client *facts
}{
	{"another CA of the same name", func(t *testing.T, c *fixtures.Cluster, server, client *tls.Config) {
		c.NewCA("other", fixtures.Spec{CommonName: "kubernetes", NotBefore: today.Add(-day), SubjectKeyID: []byte("other")})
		client.RootCAs = pool(c, "other")
	}, &facts{Kind: KindBadCertificate, Direction: Refused, Side: Server}, &facts{Kind: KindUnknownAuthority, Direction: Refuses, Side: Client, Candidate: "kubernetes"}},
	{"another CA", func(t *testing.T, c *fixtures.Cluster, server, client *tls.Config) {
		client.RootCAs = pool(c, fixtures.EtcdCA)
	}, &facts{Kind: KindBadCertificate, Direction: Refused, Side: Server}, &facts{Kind: KindUnknownAuthority, Direction: Refuses, Side: Client}},
	{"expired", serves(over), &facts{Kind: KindBadCertificate, Direction: Refused, Side: Server}, &facts{Kind: KindExpired, Direction: Refuses, Side: Client, Clock: today, Bound: endedAt}},
	{"not yet valid", serves(early), &facts{Kind: KindBadCertificate, Direction: Refused, Side: Server}, &facts{Kind: KindNotYetValid, Direction: Refuses, Side: Client, Clock: today, Bound: beginsAt}},
	{"another address", serves(func(s *fixtures.Spec) { s.IPs = []string{"10.96.0.1", "192.0.2.11"} }), &facts{Kind: KindBadCertificate, Direction: Refused, Side: Server},
		&facts{Kind: KindNameMismatch, Direction: Refuses, Side: Client, Name: "127.0.0.1", Valid: []string{"10.96.0.1", "192.0.2.11"}}},
	{"another name", func(t *testing.T, c *fixtures.Cluster, server, client *tls.Config) { client.ServerName = "master" },
		&facts{Kind: KindBadCertificate, Direction: Refused, Side: Server}, &facts{Kind: KindNameMismatch, Direction: Refuses, Side: Client, Name: "master", Valid: []string{"localhost", "kubernetes"}}},
	{"no addresses", serves(func(s *fixtures.Spec) { s.IPs = nil }), &facts{Kind: KindBadCertificate, Direction: Refused, Side: Server}, &facts{Kind: KindNoNames, Direction: Refuses, Side: Client, Name: "127.0.0.1"}},
	{"a common name alone", func(t *testing.T, c *fixtures.Cluster, server, client *tls.Config) {
		serves(func(s *fixtures.Spec) { s.CommonName, s.IPs, s.DNSNames = "master", nil, nil })(t, c, server, client)
		client.ServerName = "master"
	}, &facts{Kind: KindBadCertificate, Direction: Refused, Side: Server}, &facts{Kind: KindNoNames, Direction: Refuses, Side: Client}},
	{"no names", func(t *testing.T, c *fixtures.Cluster, server, client *tls.Config) {
		serves(func(s *fixtures.Spec) { s.DNSNames = nil })(t, c, server, client)
		client.ServerName = "master"
	}, &facts{Kind: KindBadCertificate, Direction: Refused, Side: Server}, &facts{Kind: KindNoNames, Direction: Refuses, Side: Client, Name: "master"}},
	{"for clients only", serves(func(s *fixtures.Spec) { s.Usages = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), &facts{Kind: KindBadCertificate, Direction: Refused, Side: Server},
		&facts{Kind: KindKeyUsage, Direction: Refuses, Side: Client}},
	{"signed with SHA-1", func(t *testing.T, c *fixtures.Cluster, server, client *tls.Config) {
		c.NewCA("rsa", fixtures.Spec{CommonName: "old", KeyAlgorithm: fixtures.RSA2048, NotBefore: today.Add(-day)})
		serves(func(s *fixtures.Spec) { s.Signer, s.SignatureAlgorithm = "rsa", x509.SHA1WithRSA })(t, c, server, client)
		client.RootCAs = pool(c, "rsa")
	}, &facts{Kind: KindBadCertificate, Direction: Refused, Side: Server}, &facts{Kind: KindWeakSignature, Direction: Refuses, Side: Client, Candidate: "old"}},
	{"signed by no CA", func(t *testing.T, c *fixtures.Cluster, server, client *tls.Config) {
		c.NewCA("leaf", fixtures.Spec{CommonName: "leaf", NotBefore: today.Add(-day), KeyUsage: x509.KeyUsageDigitalSignature})
		serves(func(s *fixtures.Spec) { s.Signer = "leaf" })(t, c, server, client)
		client.RootCAs = pool(c, "leaf")
	}, &facts{Kind: KindBadCertificate, Direction: Refused, Side: Server}, &facts{Kind: KindNotACA, Direction: Refuses, Side: Client, Candidate: "leaf"}},
	{"signed by an expired CA", func(t *testing.T, c *fixtures.Cluster, server, client *tls.Config) {
		c.NewCA("ended", fixtures.Spec{CommonName: "ended", NotBefore: today.Add(-20 * day), NotAfter: endedAt})
		serves(func(s *fixtures.Spec) { s.Signer = "ended" })(t, c, server, client)
		client.RootCAs = pool(c, "ended")
	}, &facts{Kind: KindBadCertificate, Direction: Refused, Side: Server}, &facts{Kind: KindExpired, Direction: Refuses, Side: Client, Clock: today, Bound: endedAt}},

	{"an expired client", presents(over), &facts{Kind: KindExpired, Direction: Refuses, Side: Server, Clock: today, Bound: endedAt}, &facts{Kind: KindExpired, Direction: Refused, Side: Client}},
	{"a client that is not yet valid", presents(early), &facts{Kind: KindNotYetValid, Direction: Refuses, Side: Server, Clock: today, Bound: beginsAt}, &facts{Kind: KindExpired, Direction: Refused, Side: Client}}, // Go has one alert for both
	{"a client of another CA", presents(func(s *fixtures.Spec) { s.Signer = fixtures.EtcdCA }), &facts{Kind: KindUnknownAuthority, Direction: Refuses, Side: Server}, &facts{Kind: KindUnknownAuthority, Direction: Refused, Side: Client}},
	{"a client for servers only", presents(func(s *fixtures.Spec) { s.Usages = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), &facts{Kind: KindKeyUsage, Direction: Refuses, Side: Server},
		&facts{Kind: KindBadCertificate, Direction: Refused, Side: Client}},
	{"a client without a certificate", func(t *testing.T, c *fixtures.Cluster, server, client *tls.Config) { client.Certificates = nil },
		&facts{Kind: KindCertificateRequired, Direction: Refuses, Side: Server}, &facts{Kind: KindCertificateRequired, Direction: Refused, Side: Client}},
	{"a client without a certificate, TLS 1.2", func(t *testing.T, c *fixtures.Cluster, server, client *tls.Config) {
		client.Certificates, client.MaxVersion = nil, tls.VersionTLS12
	}, &facts{Kind: KindCertificateRequired, Direction: Refuses, Side: Server}, &facts{Kind: KindHandshakeFailure, Direction: Refused, Side: Client}},

	{"an old client", func(t *testing.T, c *fixtures.Cluster, server, client *tls.Config) {
		server.MinVersion, client.MaxVersion = tls.VersionTLS13, tls.VersionTLS12
	}, &facts{Kind: KindProtocolMismatch, Direction: Refuses, Side: Server}, &facts{Kind: KindProtocolMismatch, Direction: Refused, Side: Client}},
	{"an old server", func(t *testing.T, c *fixtures.Cluster, server, client *tls.Config) {
		server.MaxVersion, client.MinVersion = tls.VersionTLS12, tls.VersionTLS13
	}, &facts{Kind: KindProtocolMismatch, Direction: Refuses, Side: Server}, &facts{Kind: KindProtocolMismatch, Direction: Refused, Side: Client}},
	{"no common cipher suite", func(t *testing.T, c *fixtures.Cluster, server, client *tls.Config) {
		server.MaxVersion, client.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
		server.CipherSuites, client.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}
	}, &facts{Kind: KindProtocolMismatch, Direction: Refuses, Side: Server}, &facts{Kind: KindHandshakeFailure, Direction: Refused, Side: Client}},
	{"a kubelet that waits for its certificate", func(t *testing.T, c *fixtures.Cluster, server, client *tls.Config) {
		server.Certificates, server.GetCertificate = nil, func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			// kubernetes pkg/kubelet/kubelet.go.
			return nil, errors.New("no serving certificate available for the kubelet")
		}
	}, &facts{Kind: KindNoServingCertificate, Direction: Refuses, Side: Server}, &facts{Kind: KindInternalError, Direction: Refused, Side: Client}},
	{"a server without a certificate", func(t *testing.T, c *fixtures.Cluster, server, client *tls.Config) {
		server.Certificates, server.GetConfigForClient = nil, func(*tls.ClientHelloInfo) (*tls.Config, error) { return &tls.Config{}, nil }
	}, &facts{Kind: KindNoServingCertificate, Direction: Refuses, Side: Server}, &facts{Kind: KindUnrecognizedName, Direction: Refused, Side: Client}},
}

func serves(change func(*fixtures.Spec)) func(*testing.T, *fixtures.Cluster, *tls.Config, *tls.Config) {
	return func(t *testing.T, c *fixtures.Cluster, server, _ *tls.Config) {
		certificate, key := files(t, c, "/tls/server", serving(change))
		server.Certificates = loaded(t, certificate, key)
	}
}

func presents(change func(*fixtures.Spec)) func(*testing.T, *fixtures.Cluster, *tls.Config, *tls.Config) {
	return func(t *testing.T, c *fixtures.Cluster, _, client *tls.Config) {
		certificate, key := files(t, c, "/tls/client", calling(change))
		pair := loaded(t, certificate, key)[0]
		client.Certificates, client.GetClientCertificate = nil, func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
}

// Go's own servers and clients say of each fault what it is, who refuses whom, and what for.
func TestHandshakesOfGo(t *testing.T) {
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			c := pki()
			certificate, key := files(t, c, "/tls/server", serving())
			server := &tls.Config{Certificates: loaded(t, certificate, key), ClientCAs: pool(c, fixtures.CA), ClientAuth: tls.RequireAndVerifyClientCert}
			certificate, key = files(t, c, "/tls/client", calling())
			client := &tls.Config{Certificates: loaded(t, certificate, key), RootCAs: pool(c, fixtures.CA)}
			f.change(t, c, server, client)
			address, said := listens(t, server)
			err := ask("https://"+address+"/api?timeout=32s", client)
			if err == nil {
				t.Fatal("the handshake did not fail")
			}
			want := *f.client
			want.Peer = "https://" + address
			expect(t, err.Error(), &want)
			line := next(t, said)
			e, _, _ := eventOf(Line{Text: line})
			if e == nil || !strings.HasPrefix(e.Peer, "127.0.0.1:") || !strings.Contains(line, e.Peer+": ") {
				t.Fatalf("%s: %+v", line, e)
			}
			want = *f.server
			want.Peer = e.Peer
			expect(t, line, &want)
		})
	}
}

// One end speaks no TLS, or none at all.
func TestNoHandshakes(t *testing.T) {
	c := pki()
	certificate, key := files(t, c, "/tls/server", serving())
	address, said := listens(t, &tls.Config{Certificates: loaded(t, certificate, key)})

	err := ask("http://"+address, nil)
	if err == nil {
		t.Fatal("no error")
	}
	expect(t, `Get "http://`+address+`": `+err.Error(), &facts{Kind: KindHTTPToTLS, Direction: Refused, Side: Client})
	expectServer(t, next(t, said), facts{Kind: KindHTTPToTLS, Direction: Refuses, Side: Server})

	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	expectServer(t, next(t, said), facts{Kind: KindHandshakeEnded, Side: Server})
	if conn, err = net.Dial("tcp", address); err != nil {
		t.Fatal(err)
	}
	io.WriteString(conn, "SSH-2.0-OpenSSH_9.2\r\n")
	expectServer(t, next(t, said), facts{Kind: KindHTTPToTLS, Direction: Refuses, Side: Server})
	conn.Close()

	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.NotFoundHandler()}
	go s.Serve(plain)
	t.Cleanup(func() { s.Close() })
	plainURL := "https://" + plain.Addr().String()
	expect(t, ask(plainURL, nil).Error(), &facts{Kind: KindTLSToHTTP, Direction: Refuses, Side: Client, Peer: plainURL})
	_, err = tls.Dial("tcp", plain.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	expect(t, "dial tcp "+plain.Addr().String()+": "+err.Error(), &facts{Kind: KindTLSToHTTP, Direction: Refuses, Side: Client, Peer: plain.Addr().String()})

	refused := plainURL[:strings.LastIndex(plainURL, ":")] + ":1"
	tellsNothing(t, ask(refused, nil).Error())
}

func expectServer(t *testing.T, line string, want facts) {
	t.Helper()
	_, peer, _ := strings.Cut(line, "TLS handshake error from ")
	want.Peer, _, _ = strings.Cut(peer, ": ")
	expect(t, line, &want)
}

// sendsAlert listens, answers each handshake with an alert, and returns its address.
func sendsAlert(t *testing.T, number byte) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			var hello [5]byte
			if _, err := io.ReadFull(conn, hello[:]); err == nil {
				io.CopyN(io.Discard, conn, int64(hello[3])<<8|int64(hello[4]))
				conn.Write([]byte{21, 3, 3, 0, 2, 2, number})
			}
			conn.Close()
		}
	}()
	return l.Addr().String()
}

// alertKinds are the alerts of RFC 8446, section 6.2, by number.
var alertKinds = map[byte]Kind{
	10: KindHandshakeFailure, 20: KindHandshakeFailure, 22: KindHandshakeFailure, 40: KindHandshakeFailure, 42: KindBadCertificate, 43: KindUnsupportedCertificate, 44: KindRevoked,
	45: KindExpired, 46: KindBadCertificate, 47: KindHandshakeFailure, 48: KindUnknownAuthority, 49: KindBadCertificate, 50: KindHandshakeFailure, 51: KindHandshakeFailure,
	70: KindProtocolMismatch, 71: KindHandshakeFailure, 80: KindInternalError, 86: KindProtocolMismatch, 109: KindHandshakeFailure,
	110: KindHandshakeFailure, 112: KindUnrecognizedName, 113: KindRevoked, 116: KindCertificateRequired, 120: KindProtocolMismatch,
}

// Each alert that a server sends is understood as Go's clients write it.
func TestAlertsToGo(t *testing.T) {
	for number, kind := range alertKinds {
		address := sendsAlert(t, number)
		err := ask("https://"+address, &tls.Config{InsecureSkipVerify: true})
		if err == nil {
			t.Fatal("no error")
		}
		expect(t, err.Error(), &facts{Kind: kind, Direction: Refused, Side: Client, Peer: "https://" + address})
	}
}

// Go's errors of files that a server or a client cannot use.
func TestOwnFilesOfGo(t *testing.T) {
	c := pki()
	certificate, key := files(t, c, "/tls/server", serving())
	_, other := files(t, c, "/tls/client", calling())
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	crt, k := write("server.crt", certificate), write("server.key", key)
	broken := bytes.Replace(certificate, []byte("MII"), []byte("MIA"), 1)
	if err := os.Mkdir(filepath.Join(dir, "ca.crt"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, f := range []struct {
		crt, key string
		kind     Kind
		paths    []string
	}{
		{crt, write("other.key", other), KindKeyMismatch, nil},
		{crt, filepath.Join(dir, "gone.key"), KindFileMissing, []string{filepath.Join(dir, "gone.key")}},
		{filepath.Join(dir, "ca.crt"), k, KindFileUnreadable, []string{filepath.Join(dir, "ca.crt")}},
		{write("empty.crt", nil), k, KindMalformed, nil},
		{k, crt, KindMalformed, nil}, {crt, crt, KindMalformed, nil},
		{crt, write("empty.key", []byte("nothing\n")), KindMalformed, nil},
		{write("broken.crt", broken), k, KindMalformed, nil},
	} {
		_, err := tls.LoadX509KeyPair(f.crt, f.key)
		if err == nil {
			t.Fatalf("%s and %s were loaded", f.crt, f.key)
		}
		for _, line := range forms(t, err.Error()) {
			e, _, _ := eventOf(Line{Text: line})
			if e == nil || e.Kind != f.kind || e.Direction != Own || e.Side != UnknownSide || e.Peer != "" || cmp.Diff(f.paths, e.Paths) != "" {
				t.Errorf("%s: %+v, expected %s, own, %v", line, e, f.kind, f.paths)
			}
		}
	}
	_, err := x509.ParseCertificate([]byte("no certificate"))
	expect(t, err.Error(), &facts{Kind: KindMalformed, Direction: Own})
}
