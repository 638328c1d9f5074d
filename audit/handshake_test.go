package audit_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"certaudit/audit"
	"certaudit/fixtures"
)

// Words for the tables of connections.
const (
	accepted   = audit.VerdictOK
	refused    = audit.VerdictBroken
	unverified = audit.VerdictUnverified
)

// dialogue is a client and a server of one node, as the programs themselves
// would set them up from the node's files. It shares no code with the audit.
type dialogue struct {
	// address is the URL that the client dials.
	address string
	// identify returns the pair that the server shows to a caller; an error
	// means that the server does not start with it.
	identify func() (*tls.Config, error)
	// admit returns what the server verifies clients with.
	admit func() (*tls.Config, error)
	// trust returns what the client verifies the server with.
	trust func() (*tls.Config, error)
	// present returns what the client shows; nil for nothing.
	present func() (*tls.Certificate, error)
}

// flagsOf reads the flags of a static pod of kubeadm's, which stand on a line each.
func flagsOf(n fixtures.Node, component string) map[string][]string {
	flags := map[string][]string{}
	for line := range strings.Lines(string(n[manifests+"/"+component+".yaml"].Data)) {
		word, isFlag := strings.CutPrefix(strings.TrimSpace(line), "- --")
		name, value, _ := strings.Cut(word, "=")
		if isFlag {
			flags[name] = append(flags[name], value)
		}
	}
	return flags
}

// flagOf returns the flag that counts: the last.
func flagOf(n fixtures.Node, component, name string) string {
	values := flagsOf(n, component)[name]
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

// rawKubeconfig is as much of a kubeconfig as client-go makes a connection of.
type rawKubeconfig struct {
	Clusters []struct {
		Cluster struct {
			Server     string `yaml:"server"`
			ServerName string `yaml:"tls-server-name"`
			Insecure   bool   `yaml:"insecure-skip-tls-verify"`
			CA         string `yaml:"certificate-authority-data"`
		} `yaml:"cluster"`
	} `yaml:"clusters"`
	Users []struct {
		User struct {
			Certificate string `yaml:"client-certificate-data"`
			Key         string `yaml:"client-key-data"`
		} `yaml:"user"`
	} `yaml:"users"`
}

func decoded(s string) []byte { return must(base64.StdEncoding.DecodeString(s)) }

// toAPIServer is the dialogue of a component with the API server, set up as
// k8s.io/client-go/transport and k8s.io/apiserver do.
func toAPIServer(n fixtures.Node, kubeconfig string) dialogue {
	var k rawKubeconfig
	if err := yaml.Unmarshal(n[kubeconfig].Data, &k); err != nil {
		panic(err)
	}
	cluster, user := k.Clusters[0].Cluster, k.Users[0].User
	return dialogue{
		address:  cluster.Server,
		identify: func() (*tls.Config, error) { return apiServerPairs(n) },
		admit: func() (*tls.Config, error) {
			// Without a CA it takes nobody's certificate, and answers "Unauthorized".
			file := flagOf(n, "kube-apiserver", "client-ca-file")
			if file == "" {
				return &tls.Config{ClientCAs: x509.NewCertPool(), ClientAuth: tls.RequireAndVerifyClientCert}, nil
			}
			return demanding(n, file)
		},
		trust: func() (*tls.Config, error) {
			config := &tls.Config{ServerName: cluster.ServerName, InsecureSkipVerify: cluster.Insecure}
			if cluster.CA == "" {
				return config, nil
			}
			if cluster.Insecure {
				return nil, errors.New("specifying a root certificates file with the insecure flag is not allowed")
			}
			config.RootCAs = x509.NewCertPool()
			if !config.RootCAs.AppendCertsFromPEM(decoded(cluster.CA)) {
				return nil, errors.New("unable to load root certificates")
			}
			return config, nil
		},
		present: func() (*tls.Certificate, error) {
			if user.Certificate == "" {
				return nil, nil
			}
			pair, err := tls.X509KeyPair(decoded(user.Certificate), decoded(user.Key))
			return &pair, err
		},
	}
}

// toEtcd is the dialogue of the API server with etcd, set up as etcd
// client/pkg/transport does on both ends.
func toEtcd(n fixtures.Node) dialogue {
	file := func(name string) []byte { return n[flagOf(n, "kube-apiserver", name)].Data }
	return dialogue{
		address: flagOf(n, "kube-apiserver", "etcd-servers"),
		identify: func() (*tls.Config, error) {
			return pairOf(n, flagOf(n, "etcd", "cert-file"), flagOf(n, "etcd", "key-file"))
		},
		admit: func() (*tls.Config, error) { return demanding(n, flagOf(n, "etcd", "trusted-ca-file")) },
		trust: func() (*tls.Config, error) {
			pool, err := strictPool(file("etcd-cafile"))
			return &tls.Config{RootCAs: pool}, err
		},
		present: func() (*tls.Certificate, error) {
			if flagOf(n, "kube-apiserver", "etcd-certfile") == "" {
				return nil, nil
			}
			pair, err := tls.X509KeyPair(file("etcd-certfile"), file("etcd-keyfile"))
			return &pair, err
		},
	}
}

// toKubelet is the dialogue of the API server with the kubelet beside it, set up as
// kubernetes pkg/kubelet/client and cmd/kubelet/app do. Where nothing else is given
// the API server calls the address, which no file need say.
func toKubelet(n fixtures.Node) dialogue {
	const config = "/var/lib/kubelet/config.yaml"
	var k struct {
		Certificate    string `yaml:"tlsCertFile"`
		Key            string `yaml:"tlsPrivateKeyFile"`
		Authentication struct {
			X509 struct {
				CA string `yaml:"clientCAFile"`
			} `yaml:"x509"`
		} `yaml:"authentication"`
	}
	if err := yaml.Unmarshal(n[config].Data, &k); err != nil {
		panic(err)
	}
	file := func(name string) []byte { return n[flagOf(n, "kube-apiserver", name)].Data }
	host := "192.0.2.11"
	if kinds := flagOf(n, "kube-apiserver", "kubelet-preferred-address-types"); strings.HasPrefix(kinds, "Hostname") {
		host = strings.TrimSpace(string(n["/etc/hostname"].Data))
	}
	return dialogue{
		address: "https://" + net.JoinHostPort(host, "10250"),
		identify: func() (*tls.Config, error) {
			return pairOf(n, cmp.Or(k.Certificate, kubeletPKI+"/kubelet.crt"), cmp.Or(k.Key, kubeletPKI+"/kubelet.key"))
		},
		admit: func() (*tls.Config, error) { return demanding(n, k.Authentication.X509.CA) },
		trust: func() (*tls.Config, error) {
			if flagOf(n, "kube-apiserver", "kubelet-certificate-authority") == "" {
				return &tls.Config{InsecureSkipVerify: true}, nil
			}
			pool, err := strictPool(file("kubelet-certificate-authority"))
			return &tls.Config{RootCAs: pool}, err
		},
		present: func() (*tls.Certificate, error) {
			pair, err := tls.X509KeyPair(file("kubelet-client-certificate"), file("kubelet-client-key"))
			return &pair, err
		},
	}
}

func pairOf(n fixtures.Node, cert, key string) (*tls.Config, error) {
	pair, err := tls.X509KeyPair(n[cert].Data, n[key].Data)
	return &tls.Config{Certificates: []tls.Certificate{pair}}, err
}

// strictPool reads a bundle as k8s.io/client-go/util/cert and etcd do: one bad
// certificate spoils it.
func strictPool(data []byte) (*x509.CertPool, error) {
	pool, found := x509.NewCertPool(), false
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		pool.AddCert(cert)
		found = true
	}
	if !found {
		return nil, errors.New("data does not contain any valid certificates")
	}
	return pool, nil
}

// demanding admits the clients of a CA alone, or everybody where there is no CA.
func demanding(n fixtures.Node, file string) (*tls.Config, error) {
	if file == "" {
		return &tls.Config{}, nil
	}
	pool, err := strictPool(n[file].Data)
	return &tls.Config{ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}, err
}

// apiServerPairs is what the API server shows: k8s.io/apiserver
// pkg/server/dynamiccertificates, tlsconfig.go and named_certificates.go.
func apiServerPairs(n fixtures.Node) (*tls.Config, error) {
	config := &tls.Config{}
	if cert := flagOf(n, "kube-apiserver", "tls-cert-file"); cert != "" {
		pair, err := pairOf(n, cert, flagOf(n, "kube-apiserver", "tls-private-key-file"))
		if err != nil {
			return nil, err
		}
		config = pair
	} else {
		config.Certificates = []tls.Certificate{throwAway()}
	}
	extracted, explicit := map[string]*tls.Certificate{}, map[string]*tls.Certificate{}
	for _, value := range slices.Backward(flagsOf(n, "kube-apiserver")["tls-sni-cert-key"]) {
		files, names, _ := strings.Cut(value, ":")
		cert, key, _ := strings.Cut(files, ",")
		pair, err := tls.X509KeyPair(n[cert].Data, n[key].Data)
		if err != nil {
			return nil, err
		}
		if names != "" {
			for name := range strings.SplitSeq(names, ",") {
				explicit[name] = &pair
			}
			continue
		}
		for _, name := range append(pair.Leaf.DNSNames, pair.Leaf.Subject.CommonName) {
			extracted[name] = &pair
		}
	}
	maps.Copy(extracted, explicit)
	if len(extracted) == 0 {
		return config, nil
	}
	//lint:ignore SA1019 the API server sets it, and its precedence is what is tested
	config.NameToCertificate = extracted
	for _, pair := range extracted {
		config.Certificates = append(config.Certificates, *pair)
	}
	return config, nil
}

// throwAway is a pair that the API server makes up, and that stands in where
// nobody looks at the server's.
func throwAway() tls.Certificate {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "made up"},
		NotBefore: fixtures.Now.Add(-day), NotAfter: fixtures.Now.Add(day), DNSNames: []string{"localhost"}}
	der := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// serverVerdict has the client verify the server, which asks for nothing.
func (d dialogue) serverVerdict(t *testing.T) error {
	server, err := d.identify()
	if err != nil {
		return err
	}
	client, err := d.trust()
	if err != nil {
		return err
	}
	atClient, atServer := talk(t, d.address, client, server)
	return cmp.Or(atClient, atServer)
}

// clientVerdict has the server verify the client, which does not look at it.
func (d dialogue) clientVerdict(t *testing.T) error {
	server, err := d.admit()
	if err != nil {
		return err
	}
	client, err := d.presenting(&tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return err
	}
	server.Certificates = []tls.Certificate{throwAway()}
	atClient, atServer := talk(t, d.address, client, server)
	return cmp.Or(atServer, atClient)
}

// whole is the handshake as it takes place: the server's first error is that of
// the client's certificate, and the client's that of the server's.
func (d dialogue) whole(t *testing.T) (atClient, atServer error) {
	server, err := d.identify()
	if err != nil {
		return nil, err
	}
	admitting, err := d.admit()
	if err != nil {
		return nil, err
	}
	server.ClientCAs, server.ClientAuth = admitting.ClientCAs, admitting.ClientAuth
	trusting, err := d.trust()
	if err != nil {
		return err, nil
	}
	client, err := d.presenting(trusting)
	if err != nil {
		return err, nil
	}
	return talk(t, d.address, client, server)
}

// presenting adds the client's pair. client-go and etcd present it whatever the
// server says of the CAs that it knows.
func (d dialogue) presenting(config *tls.Config) (*tls.Config, error) {
	pair, err := d.present()
	if err != nil || pair == nil {
		return config, err
	}
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return pair, nil }
	return config, nil
}

// patience bounds what could otherwise hang. No verdict depends on it.
const patience = time.Minute

// talk has an HTTP client fetch a page from a server on loopback, wherever the
// address leads to, and returns what each end made of it.
func talk(t *testing.T, address string, client, server *tls.Config) (atClient, atServer error) {
	t.Helper()
	now := func() time.Time { return fixtures.Now }
	client.Time, server.Time = now, now
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	served := make(chan error, 1)
	go func() { served <- answer(listener, server) }()
	transport := &http.Transport{TLSClientConfig: client, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", listener.Addr().String())
	}}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport, Timeout: patience}).Get(address)
	if err == nil {
		response.Body.Close()
	}
	listener.Close() // a client that never dialled leaves the server waiting
	return err, <-served
}

// answer serves one request on one connection.
func answer(l net.Listener, config *tls.Config) error {
	raw, err := l.Accept()
	if err != nil {
		return err
	}
	defer raw.Close()
	if err := raw.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	conn := tls.Server(raw, config)
	if err := conn.Handshake(); err != nil {
		return err
	}
	if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
		return err
	}
	_, err = io.WriteString(conn, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
	return err
}

// handshake is a control plane with something done to it, and what becomes of
// one connection.
type handshake struct {
	name    string
	options fixtures.Options
	change  func(*fixtures.Cluster)
	// server says whether the client accepts the server, client the reverse.
	server, client string
}

// compareHandshakes holds the verdicts of an audit against real handshakes.
func compareHandshakes(t *testing.T, from, to string, dialogueOf func(fixtures.Node) dialogue, rows []handshake) {
	if testing.Short() {
		t.Skip("makes a handshake for every configuration")
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c := fixtures.ControlPlane(row.options)
			if row.change != nil {
				row.change(c)
			}
			got := connection(t, auditNode(t, c.Node, audit.Options{}), from, to)
			if got.ServerTrust != row.server || got.ClientTrust != row.client {
				t.Errorf("the audit says %s/%s (%s); expected %s/%s", got.ServerTrust, got.ClientTrust, got.Reason, row.server, row.client)
			}
			d := dialogueOf(c.Node)
			if got.Address != d.address {
				t.Errorf("the audit says that %s is dialled; it is %s", got.Address, d.address)
			}
			agree(t, "the server", got.ServerTrust, got.Reason, d.serverVerdict(t))
			agree(t, "the client", got.ClientTrust, got.Reason, d.clientVerdict(t))
			atClient, atServer := d.whole(t)
			whole(t, row, atClient, atServer)
		})
	}
}

// agree compares a verdict on one end with the error of a handshake in which
// that end alone was looked at. Where crypto/x509 gave the reason, the audit
// gives the same.
func agree(t *testing.T, end, verdict, reason string, err error) {
	t.Helper()
	if (verdict == refused) != (err != nil) {
		t.Errorf("the audit says of %s %q (%s); the handshake says %v", end, verdict, reason, err)
	}
	if why := verification(err); why != nil && !strings.Contains(reason, why.Error()) && !strings.Contains(reason, "generates") && !strings.Contains(reason, "is not set") {
		t.Errorf("the audit says of %s %q; the handshake says %q", end, reason, why)
	}
}

// verification returns why one end refused the certificate of the other, and
// nil for any other error.
func verification(err error) error {
	var refusal *tls.CertificateVerificationError
	if !errors.As(err, &refusal) {
		return nil
	}
	return refusal.Err
}

// whole checks who ended the handshake: the client looks first.
func whole(t *testing.T, row handshake, atClient, atServer error) {
	t.Helper()
	if (row.server == refused || row.client == refused) != (atClient != nil || atServer != nil) {
		t.Errorf("the whole handshake gave %v at the client and %v at the server", atClient, atServer)
	}
	if verification(atClient) != nil && row.server != refused {
		t.Errorf("the client refused the server: %v", atClient)
	}
	if verification(atServer) != nil && (row.client != refused || row.server == refused) {
		t.Errorf("the server refused the client: %v", atServer)
	}
}

// connection returns the one connection of a client with a server.
func connection(t *testing.T, r audit.Result, from, to string) audit.Connection {
	t.Helper()
	var found []audit.Connection
	for _, c := range r.Connections {
		if c.Client == from && c.Server == to {
			found = append(found, c)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d connections %s -> %s; expected one", len(found), from, to)
	}
	return found[0]
}

const (
	scheduler    = etc + "/scheduler.conf"
	serving      = pki + "/apiserver"
	apiManifest  = manifests + "/kube-apiserver.yaml"
	etcdManifest = manifests + "/etcd.yaml"
	etcdClient   = pki + "/apiserver-etcd-client"
	etcdServing  = pki + "/etcd/server"
	domain       = "example.org"
)

// spec changes how a certificate is issued.
func spec(base string, change func(*fixtures.Spec)) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) { c.Reissue(base, change) }
}

func usages(base string, usages ...x509.ExtKeyUsage) func(*fixtures.Cluster) {
	return spec(base, func(s *fixtures.Spec) { s.Usages = usages })
}

func signer(base, ca string) func(*fixtures.Cluster) {
	return spec(base, func(s *fixtures.Spec) { s.Signer = ca })
}

// authority makes a CA under a name for [fixtures.Spec.Signer].
func authority(name string, s fixtures.Spec) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) { c.NewCA(name, s) }
}

// namesake has the name of the cluster's CA and another key, other has neither.
var (
	namesake = authority("namesake", fixtures.Spec{CommonName: "kubernetes", NotBefore: fixtures.Now.Add(-day)})
	other    = authority("other", fixtures.Spec{CommonName: "another", NotBefore: fixtures.Now.Add(-day)})
)

func encodedPEM(data []byte) string { return base64.StdEncoding.EncodeToString(data) }

// trusts lets scheduler.conf verify its server with the named CAs.
func trusts(cas ...string) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) {
		c.Node.Replace(scheduler, encodedPEM(c.CertificatePEM(fixtures.CA)), encodedPEM(bundle(c, cas)))
	}
}

// verifies writes the named CAs to a file.
func verifies(file string, cas ...string) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) { c.Node[file] = fixtures.File{Data: bundle(c, cas), Mode: 0o644} }
}

func bundle(c *fixtures.Cluster, cas []string) []byte {
	var data []byte
	for _, ca := range cas {
		data = append(data, c.CertificatePEM(ca)...)
	}
	return data
}

// behind puts the certificate of a CA behind one of a file.
func behind(file, ca string) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) { c.Node.Append(file, c.CertificatePEM(ca)) }
}

// behindClient puts the certificate of a CA behind the one in scheduler.conf.
func behindClient(ca string) func(*fixtures.Cluster) {
	return inClient(func(c *fixtures.Cluster, cert []byte) []byte { return append(cert, c.CertificatePEM(ca)...) })
}

// inClient changes the certificate in scheduler.conf.
func inClient(change func(c *fixtures.Cluster, cert []byte) []byte) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) {
		var k rawKubeconfig
		if err := yaml.Unmarshal(c.Node[scheduler].Data, &k); err != nil {
			panic(err)
		}
		old := k.Users[0].User.Certificate
		c.Node.Replace(scheduler, old, encodedPEM(change(c, decoded(old))))
	}
}

// dials lets scheduler.conf call another host, or any URL.
func dials(server string) func(*fixtures.Cluster) {
	if !strings.Contains(server, "://") {
		server = (&url.URL{Scheme: "https", Host: net.JoinHostPort(server, "6443")}).String()
	}
	return replace(scheduler, "server: https://192.0.2.11:6443", "server: "+server)
}

// serverName sets tls-server-name in scheduler.conf.
func serverName(name string) func(*fixtures.Cluster) {
	return replace(scheduler, "    server:", "    tls-server-name: "+name+"\n    server:")
}

// sni gives the API server one more pair of the other CA, which the client
// trusts, for some names; suffix goes behind the files in the flag.
func sni(base, suffix string, s fixtures.Spec) func(*fixtures.Cluster) {
	s.Signer, s.Usages = "other", []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	return func(c *fixtures.Cluster) {
		other(c)
		c.Issue(base, s)
		c.Node.Replace(apiManifest, "    - --tls-cert-file", "    - --tls-sni-cert-key="+base+".crt,"+base+".key"+suffix+"\n    - --tls-cert-file")
	}
}

// public is a pair for a public name.
var public = fixtures.Spec{CommonName: "public", DNSNames: []string{"api." + domain}}

// onlyOther lets the client trust the other CA alone, and call a host.
func onlyOther(host string) func(*fixtures.Cluster) {
	return both(other, trusts("other"), dials(host))
}

// constrained replaces the cluster's CA by one that may sign for some names only.
func constrained(change func(*x509.Certificate)) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) {
		old := c.CertificatePEM(fixtures.CA)
		clusterCA(change)(c)
		c.Node.Replace(scheduler, encodedPEM(old), encodedPEM(c.Node[pki+"/ca.crt"].Data))
	}
}

// ofKey serves a certificate of a key that fixtures do not make.
func ofKey(key any, public any) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) {
		block, _ := pem.Decode(c.Node[pki+"/ca.crt"].Data)
		template := &x509.Certificate{SerialNumber: big.NewInt(4711), Subject: pkix.Name{CommonName: "kube-apiserver"}, NotBefore: fixtures.Now.Add(-day),
			NotAfter: fixtures.Now.Add(300 * day), IPAddresses: []net.IP{net.ParseIP("192.0.2.11")}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
		der := must(x509.CreateCertificate(rand.Reader, template, must(x509.ParseCertificate(block.Bytes)), public, readKey(c, pki+"/ca.key")))
		c.Node[serving+".crt"] = fixtures.File{Data: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), Mode: 0o644}
		c.Node[serving+".key"] = fixtures.File{Data: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(key))}), Mode: 0o600}
	}
}

// over and early are dates that exclude [fixtures.Now].
func over(s *fixtures.Spec) {
	s.NotBefore, s.NotAfter = fixtures.Now.Add(-365*day), fixtures.Now.Add(-time.Second)
}

func early(s *fixtures.Spec) { s.NotBefore = fixtures.Now.Add(time.Second) }

// notCertificate is a PEM block that is no certificate.
const notCertificate = "-----BEGIN CERTIFICATE-----\nTUlJQg==\n-----END CERTIFICATE-----\n"

func TestHandshakesWithAPIServer(t *testing.T) {
	const clientAuth, serverAuth, anyUsage = x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageAny
	// The new CA of a rotation, and the states of kubernetes.io,
	// tasks/tls/manual-rotation-of-ca-certificates.
	fresh := authority("fresh", fixtures.Spec{CommonName: "kubernetes", NotBefore: fixtures.Now.Add(-day)})
	bundled := both(fresh, verifies(pki+"/ca.crt", "fresh", fixtures.CA), trusts("fresh", fixtures.CA))
	renewed := both(signer(serving, "fresh"), signer(scheduler, "fresh"))
	sub := authority("sub", fixtures.Spec{CommonName: "sub", Signer: fixtures.CA})
	crossed := both(fresh, authority("crossed", fixtures.Spec{CommonName: "kubernetes", KeyName: "ca/fresh", Signer: fixtures.CA}))
	p224 := must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader))
	ended := fixtures.Spec{CommonName: "ended", DNSNames: []string{"api." + domain}, NotBefore: fixtures.Now.Add(-9 * day), NotAfter: fixtures.Now.Add(-day)}
	p521 := must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))
	compareHandshakes(t, "kube-scheduler", "kube-apiserver", func(n fixtures.Node) dialogue { return toAPIServer(n, scheduler) }, []handshake{
		{name: "as kubeadm makes it", server: accepted, client: accepted},
		{name: "Ed25519", options: fixtures.Options{KeyAlgorithm: fixtures.Ed25519}, server: accepted, client: accepted},
		{name: "RSA-2048", options: fixtures.Options{KeyAlgorithm: fixtures.RSA2048}, server: accepted, client: accepted},
		{name: "RSA-1024", change: both(spec(serving, func(s *fixtures.Spec) { s.KeyAlgorithm = fixtures.RSA1024 }), spec(scheduler, func(s *fixtures.Spec) { s.KeyAlgorithm = fixtures.RSA1024 })), server: accepted, client: accepted},
		{name: "ECDSA P-521", change: ofKey(p521, p521.Public()), server: accepted, client: accepted},
		{name: "ECDSA P-224", change: ofKey(p224, p224.Public()), server: refused, client: accepted},

		{name: "server of another CA", change: both(other, signer(serving, "other")), server: refused, client: accepted},
		{name: "server of a CA of the same name", change: both(namesake, signer(serving, "namesake")), server: refused, client: accepted},
		{name: "client of another CA", change: both(other, signer(scheduler, "other")), server: accepted, client: refused},
		{name: "client of a CA of the same name", change: both(namesake, signer(scheduler, "namesake")), server: accepted, client: refused},
		{name: "both of another CA", change: both(other, signer(serving, "other"), signer(scheduler, "other")), server: refused, client: refused},
		{name: "server of the front proxy's CA", change: signer(serving, fixtures.FrontProxyCA), server: refused, client: accepted},
		{name: "stale CA in the kubeconfig", change: both(namesake, trusts("namesake")), server: refused, client: accepted},
		{name: "stale CA in --client-ca-file", change: both(namesake, verifies(pki+"/ca.crt", "namesake")), server: accepted, client: refused},
		{name: "server's own certificate among the roots", change: func(c *fixtures.Cluster) {
			other(c)
			c.Reissue(serving, func(s *fixtures.Spec) { s.Signer = "other" })
			c.Node.Replace(scheduler, encodedPEM(c.CertificatePEM(fixtures.CA)), encodedPEM(c.Node[serving+".crt"].Data))
		}, server: accepted, client: accepted},

		{name: "address missing in the server's certificate", change: addresses(without("192.0.2.11")), server: refused, client: accepted},
		{name: "service name dialled", change: dials("kubernetes.default.svc"), server: accepted, client: accepted},
		{name: "name dialled in capitals", change: dials("Kubernetes.Default"), server: accepted, client: accepted},
		{name: "name dialled with a dot at its end", change: dials("kubernetes.default."), server: accepted, client: accepted},
		{name: "unknown name dialled", change: dials("api." + domain), server: refused, client: accepted},
		{name: "unknown name dialled, tls-server-name known", change: both(dials("api."+domain), serverName("kubernetes")), server: accepted, client: accepted},
		{name: "known address dialled, tls-server-name unknown", change: serverName("api." + domain), server: refused, client: accepted},
		{name: "tls-server-name is an address", change: both(dials("api."+domain), serverName("10.96.0.1")), server: accepted, client: accepted},
		{name: "IPv6", options: fixtures.Options{AdvertiseAddress: "2001:db8::11"}, server: accepted, client: accepted},
		{name: "IPv6 in its long form", options: fixtures.Options{ExtraSANs: []string{"2001:db8::12"}}, change: dials("2001:db8:0:0:0:0:0:12"), server: accepted, client: accepted},
		{name: "IPv6 missing", change: dials("2001:db8::12"), server: refused, client: accepted},
		{name: "wildcard in the certificate", options: fixtures.Options{ExtraSANs: []string{"*." + domain}}, change: dials("api." + domain), server: accepted, client: accepted},
		{name: "wildcard one label short", options: fixtures.Options{ExtraSANs: []string{"*." + domain}}, change: dials("a.api." + domain), server: refused, client: accepted},
		{name: "key usages that do not fit", change: both(spec(serving, func(s *fixtures.Spec) { s.KeyUsage = x509.KeyUsageContentCommitment }), spec(scheduler, func(s *fixtures.Spec) { s.KeyUsage = x509.KeyUsageContentCommitment })), server: accepted, client: accepted},
		{name: "an address that the node had, in its certificate still", options: fixtures.Options{ExtraSANs: []string{"192.0.2.7"}}, change: dials("192.0.2.7"), server: accepted, client: accepted},
		{name: "an address that the node had", change: dials("192.0.2.7"), server: refused, client: accepted},
		{name: "a name of /etc/hosts", options: fixtures.Options{ExtraSANs: []string{"api." + domain}}, change: both(hosts("192.0.2.11 api."+domain), dials("api."+domain)), server: accepted, client: accepted},
		{name: "a name of /etc/hosts that is missing", change: both(hosts("192.0.2.11 api."+domain), dials("api."+domain)), server: refused, client: accepted},
		{name: "the loopback", options: fixtures.Options{ExtraSANs: []string{"127.0.0.1"}}, change: dials("127.0.0.1"), server: accepted, client: accepted},
		{name: "the loopback is missing", change: dials("localhost"), server: refused, client: accepted},
		{name: "common name alone", change: spec(serving, func(s *fixtures.Spec) { s.CommonName, s.DNSNames, s.IPs = "192.0.2.11", nil, nil }), server: refused, client: accepted},
		{name: "common name alone, DNS", change: both(spec(serving, func(s *fixtures.Spec) { s.CommonName, s.DNSNames, s.IPs = "kubernetes", nil, nil }), dials("kubernetes")), server: refused, client: accepted},

		{name: "server for clients only", change: usages(serving, clientAuth), server: refused, client: accepted},
		{name: "server for any use", change: usages(serving, anyUsage), server: accepted, client: accepted},
		{name: "server for no stated use", change: usages(serving), server: accepted, client: accepted},
		{name: "server for code signing", change: usages(serving, x509.ExtKeyUsageCodeSigning), server: refused, client: accepted},
		{name: "client for servers only", change: usages(scheduler, serverAuth), server: accepted, client: refused},
		{name: "client for any use", change: usages(scheduler, anyUsage), server: accepted, client: accepted},
		{name: "client for no stated use", change: usages(scheduler), server: accepted, client: accepted},
		{name: "client without digital signature", change: spec(scheduler, func(s *fixtures.Spec) { s.KeyUsage = x509.KeyUsageKeyEncipherment }), server: accepted, client: accepted},

		{name: "server ended", change: spec(serving, over), server: refused, client: accepted},
		{name: "server not yet valid", change: spec(serving, early), server: refused, client: accepted},
		{name: "server ends at this second", change: lasts(serving, 365*day, 0), server: accepted, client: accepted},
		{name: "client ended", change: spec(scheduler, over), server: accepted, client: refused},
		{name: "client not yet valid", change: spec(scheduler, early), server: accepted, client: refused},
		{name: "CA ended", change: func(c *fixtures.Cluster) {
			c.NewCA("ended", fixtures.Spec{CommonName: "kubernetes", KeyName: "ca/ca", NotBefore: fixtures.Now.Add(-3650 * day), NotAfter: fixtures.Now.Add(-day)})
			trusts("ended")(c)
			verifies(pki+"/ca.crt", "ended")(c)
		}, server: refused, client: refused},
		{name: "CA renewed with its key", change: func(c *fixtures.Cluster) {
			c.NewCA("renewed", fixtures.Spec{CommonName: "kubernetes", KeyName: "ca/ca", NotBefore: fixtures.Now.Add(-day)})
			trusts("renewed")(c)
		}, server: accepted, client: accepted},

		{name: "rotation: old alone", change: fresh, server: accepted, client: accepted},
		{name: "rotation: both, leaves of the old", change: bundled, server: accepted, client: accepted},
		{name: "rotation: both, leaves of the new", change: both(bundled, renewed), server: accepted, client: accepted},
		{name: "rotation: both, the server's leaf of the new", change: both(bundled, signer(serving, "fresh")), server: accepted, client: accepted},
		{name: "rotation: new alone, leaves of the old", change: both(fresh, verifies(pki+"/ca.crt", "fresh"), trusts("fresh")), server: refused, client: refused},
		{name: "rotation: new alone, leaves of the new", change: both(fresh, renewed, verifies(pki+"/ca.crt", "fresh"), trusts("fresh")), server: accepted, client: accepted},
		{name: "rotation: kubeconfig forgotten", change: both(fresh, renewed, verifies(pki+"/ca.crt", "fresh")), server: refused, client: accepted},

		{name: "cross-signed CA sent", change: both(crossed, signer(serving, "fresh"), behind(serving+".crt", "crossed")), server: accepted, client: accepted},
		{name: "cross-signed CA not sent", change: both(crossed, signer(serving, "fresh")), server: refused, client: accepted},
		{name: "cross-signed CA sent by the client", change: both(crossed, signer(scheduler, "fresh"), behindClient("crossed")), server: accepted, client: accepted},
		{name: "intermediate sent by the server", change: both(sub, signer(serving, "sub"), behind(serving+".crt", "sub")), server: accepted, client: accepted},
		{name: "intermediate not sent by the server", change: both(sub, signer(serving, "sub")), server: refused, client: accepted},
		{name: "intermediate sent by the client", change: both(sub, signer(scheduler, "sub"), behindClient("sub")), server: accepted, client: accepted},
		{name: "intermediate not sent by the client", change: both(sub, signer(scheduler, "sub")), server: accepted, client: refused},
		{name: "intermediate in both bundles", change: both(sub, signer(serving, "sub"), signer(scheduler, "sub"), trusts("sub"), verifies(pki+"/ca.crt", "sub")), server: accepted, client: accepted},
		{name: "intermediate before the leaf", change: func(c *fixtures.Cluster) {
			both(sub, signer(serving, "sub"))(c)
			leaf := c.Node[serving+".crt"]
			leaf.Data = slices.Concat(c.CertificatePEM("sub"), leaf.Data)
			c.Node[serving+".crt"] = leaf
		}, server: refused, client: accepted},
		{name: "intermediate for clients only", change: both(authority("sub", fixtures.Spec{CommonName: "sub", Signer: fixtures.CA, Usages: []x509.ExtKeyUsage{clientAuth}}),
			signer(serving, "sub"), behind(serving+".crt", "sub"), signer(scheduler, "sub"), behindClient("sub")), server: refused, client: accepted},
		{name: "intermediate ended", change: both(authority("sub", fixtures.Spec{CommonName: "sub", Signer: fixtures.CA, NotBefore: fixtures.Now.Add(-9 * day), NotAfter: fixtures.Now.Add(-day)}),
			signer(serving, "sub"), behind(serving+".crt", "sub")), server: refused, client: accepted},

		{name: "CA may sign for these names", change: constrained(func(x *x509.Certificate) {
			x.PermittedDNSDomains, x.PermittedIPRanges = []string{"kubernetes", "cp-1", "cluster.local", "svc", "default"}, []*net.IPNet{{IP: net.IP{192, 0, 2, 0}, Mask: net.CIDRMask(24, 32)}, {IP: net.IP{10, 96, 0, 0}, Mask: net.CIDRMask(12, 32)}}
		}), server: accepted, client: accepted},
		{name: "CA may not sign for the address", change: constrained(func(x *x509.Certificate) {
			x.ExcludedIPRanges = []*net.IPNet{{IP: net.IP{192, 0, 2, 0}, Mask: net.CIDRMask(24, 32)}}
		}), server: refused, client: accepted},
		{name: "CA:FALSE", change: constrained(func(x *x509.Certificate) { x.IsCA = false }), server: refused, client: refused},
		{name: "CA without certificate signing", change: constrained(func(x *x509.Certificate) { x.KeyUsage = x509.KeyUsageDigitalSignature }), server: refused, client: refused},
		{name: "server signed with SHA-1", change: spec(serving, func(s *fixtures.Spec) { s.SignatureAlgorithm = x509.ECDSAWithSHA1 }), server: refused, client: accepted},
		{name: "client signed with SHA-1", change: spec(scheduler, func(s *fixtures.Spec) { s.SignatureAlgorithm = x509.ECDSAWithSHA1 }), server: accepted, client: refused},

		{name: "server's key is another", change: func(c *fixtures.Cluster) { c.WriteKey(serving+".key", "another") }, server: refused, client: accepted},
		{name: "server's key is another, and nobody looks", change: both(insecure, func(c *fixtures.Cluster) { c.WriteKey(serving+".key", "another") }), server: refused, client: accepted},
		{name: "server's key is missing", change: remove(serving + ".key"), server: refused, client: accepted},
		{name: "server's certificate is missing", change: remove(serving + ".crt"), server: refused, client: accepted},
		{name: "client's key is another", change: func(c *fixtures.Cluster) {
			key := must(x509.MarshalECPrivateKey(must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))))
			replaceData(c, scheduler, "client-key-data", pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: key}))
		}, server: accepted, client: refused},
		{name: "client without a certificate", change: func(c *fixtures.Cluster) { dropUser(c, scheduler) }, server: accepted, client: refused},
		{name: "API server makes up its certificate", change: madeUp, server: refused, client: accepted},
		{name: "API server makes up its certificate, and nobody looks", change: both(madeUp, insecure), server: unverified, client: accepted},
		{name: "API server accepts no client certificates", change: replace(apiManifest, "    - --client-ca-file="+pki+"/ca.crt\n", ""), server: accepted, client: refused},

		{name: "insecure-skip-tls-verify", change: insecure, server: unverified, client: accepted},
		{name: "insecure-skip-tls-verify, server of another CA", change: both(insecure, other, signer(serving, "other")), server: unverified, client: accepted},
		{name: "insecure-skip-tls-verify, client of another CA", change: both(insecure, other, signer(scheduler, "other")), server: unverified, client: refused},
		{name: "insecure-skip-tls-verify beside a CA", change: replace(scheduler, "    server:", "    insecure-skip-tls-verify: true\n    server:"), server: refused, client: accepted},

		{name: "damaged certificate in the kubeconfig's bundle", change: func(c *fixtures.Cluster) {
			c.Node.Replace(scheduler, encodedPEM(c.CertificatePEM(fixtures.CA)), encodedPEM(append(c.CertificatePEM(fixtures.CA), notCertificate...)))
		}, server: accepted, client: accepted},
		{name: "damaged certificate in --client-ca-file", change: func(c *fixtures.Cluster) { c.Node.Append(pki+"/ca.crt", []byte(notCertificate)) }, server: accepted, client: refused},
		{name: "damaged certificate behind the server's", change: func(c *fixtures.Cluster) { c.Node.Append(serving+".crt", []byte(notCertificate)) }, server: refused, client: accepted},
		{name: "damaged certificate behind the client's", change: inClient(func(_ *fixtures.Cluster, cert []byte) []byte { return append(cert, notCertificate...) }), server: accepted, client: refused},
		{name: "server's certificate in DER", change: inDER(serving + ".crt"), server: refused, client: accepted},
		{name: "--client-ca-file in DER", change: inDER(pki + "/ca.crt"), server: accepted, client: refused},

		{name: "SNI: name from the certificate", change: both(sni(pki+"/sni", "", public), onlyOther("api."+domain)), server: accepted, client: accepted},
		{name: "SNI: name in capitals", change: both(sni(pki+"/sni", "", public), onlyOther("API."+domain)), server: accepted, client: accepted},
		{name: "SNI: name with a dot at its end", change: both(sni(pki+"/sni", "", public), onlyOther("api."+domain+".")), server: accepted, client: accepted},
		{name: "SNI: another name", change: both(sni(pki+"/sni", "", public), onlyOther("kubernetes")), server: refused, client: accepted},
		{name: "SNI: tls-server-name", change: both(sni(pki+"/sni", "", public), onlyOther("192.0.2.11"), serverName("api."+domain)), server: accepted, client: accepted},
		{name: "SNI: explicit name", change: both(sni(pki+"/sni", ":api."+domain, public), onlyOther("api."+domain)), server: accepted, client: accepted},
		{name: "SNI: second of explicit names", change: both(sni(pki+"/sni", ":www."+domain+",api."+domain, public), onlyOther("api."+domain)), server: accepted, client: accepted},
		{name: "SNI: explicit name that the certificate lacks", change: both(sni(pki+"/sni", ":kubernetes", public), onlyOther("kubernetes")), server: refused, client: accepted},
		{name: "SNI: name that is not among the explicit ones, and fits", change: both(sni(pki+"/sni", ":www."+domain, public), onlyOther("api."+domain)), server: accepted, client: accepted},
		{name: "SNI: name that is not among the explicit ones, and fits both", change: both(names(with("api."+domain)), sni(pki+"/sni", ":www."+domain, public), onlyOther("api."+domain)), server: refused, client: accepted},
		{name: "SNI: explicit wildcard", change: both(sni(pki+"/sni", ":*."+domain, public), onlyOther("api."+domain)), server: accepted, client: accepted},
		{name: "SNI: wildcard in the certificate", change: both(sni(pki+"/sni", "", fixtures.Spec{DNSNames: []string{"*." + domain}}), onlyOther("api."+domain)), server: accepted, client: accepted},
		{name: "SNI: wildcard one label short", change: both(sni(pki+"/sni", "", fixtures.Spec{DNSNames: []string{"*." + domain}}), onlyOther("a.api."+domain)), server: refused, client: accepted},
		{name: "SNI: address in the certificate", change: both(sni(pki+"/sni", "", fixtures.Spec{CommonName: "sni", IPs: []string{"192.0.2.11"}}), trusts("other")), server: refused, client: accepted},
		{name: "SNI: address in the certificate, default trusted", change: sni(pki+"/sni", "", fixtures.Spec{CommonName: "sni", IPs: []string{"192.0.2.11"}}), server: accepted, client: accepted},
		{name: "SNI: explicit address", change: both(sni(pki+"/sni", ":192.0.2.11", fixtures.Spec{CommonName: "sni", IPs: []string{"192.0.2.11"}}), trusts("other")), server: refused, client: accepted},
		{name: "SNI: common name", change: both(sni(pki+"/sni", "", fixtures.Spec{CommonName: "api." + domain, DNSNames: []string{"www." + domain}}), onlyOther("api."+domain)), server: refused, client: accepted},
		{name: "SNI: the first pair of two", change: both(sni(pki+"/first", "", public), sni(pki+"/second", "", ended), onlyOther("api."+domain)), server: accepted, client: accepted},
		{name: "SNI: the first pair of two, ended", change: both(sni(pki+"/first", "", ended), sni(pki+"/second", "", public), onlyOther("api."+domain)), server: refused, client: accepted},
		{name: "SNI: an explicit name before one of an earlier certificate", change: both(sni(pki+"/first", "", ended), sni(pki+"/second", ":api."+domain, public), onlyOther("api."+domain)), server: accepted, client: accepted},
		{name: "SNI: a later exact name before an earlier wildcard", change: both(sni(pki+"/first", ":*."+domain, ended), sni(pki+"/second", "", public), onlyOther("api."+domain)), server: accepted, client: accepted},
		{name: "SNI: a pair that is none stops the API server", change: both(sni(pki+"/sni", "", public), func(c *fixtures.Cluster) { c.WriteKey(pki+"/sni.key", "another") }), server: refused, client: accepted},
	})
}

// insecure lets the scheduler look at nothing.
func insecure(c *fixtures.Cluster) {
	c.Node.Replace(scheduler, "certificate-authority-data: "+encodedPEM(c.CertificatePEM(fixtures.CA)), "insecure-skip-tls-verify: true")
}

// madeUp takes the serving pair from the API server.
func madeUp(c *fixtures.Cluster) {
	c.Node.Replace(apiManifest, "    - --tls-cert-file="+serving+".crt\n", "")
	c.Node.Replace(apiManifest, "    - --tls-private-key-file="+serving+".key\n", "")
}

// inDER turns a file of one certificate from PEM into DER.
func inDER(file string) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) {
		block, _ := pem.Decode(c.Node[file].Data)
		c.Node[file] = fixtures.File{Data: block.Bytes, Mode: 0o644}
	}
}

// replaceData puts other data into a field of a kubeconfig.
func replaceData(c *fixtures.Cluster, file, field string, data []byte) {
	f := c.Node[file]
	var lines [][]byte
	for line := range bytes.Lines(f.Data) {
		if bytes.HasPrefix(bytes.TrimSpace(line), []byte(field+":")) {
			line = fmt.Appendf(nil, "    %s: %s\n", field, encodedPEM(data))
		}
		lines = append(lines, line)
	}
	f.Data = bytes.Join(lines, nil)
	c.Node[file] = f
}

// dropUser takes the credentials from a kubeconfig.
func dropUser(c *fixtures.Cluster, file string) {
	f := c.Node[file]
	at := bytes.Index(f.Data, []byte("    client-certificate-data:"))
	f.Data = append(f.Data[:at:at], "    username: \"\"\n"...)
	c.Node[file] = f
}

func TestHandshakesWithEtcd(t *testing.T) {
	const clientAuth, serverAuth = x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth
	namesake := authority("namesake", fixtures.Spec{CommonName: "etcd-ca", NotBefore: fixtures.Now.Add(-day)})
	sub := authority("sub", fixtures.Spec{CommonName: "sub", Signer: fixtures.EtcdCA})
	flag := func(name, old, new string) func(*fixtures.Cluster) {
		return replace(apiManifest, "--"+name+"="+old, "--"+name+"="+new)
	}
	dialled := func(address string) func(*fixtures.Cluster) {
		return both(flag("etcd-servers", "https://127.0.0.1:2379", address),
			replace(etcdManifest, "--listen-client-urls=", "--listen-client-urls="+address+","))
	}
	anonymous := both(replace(apiManifest, "    - --etcd-certfile="+etcdClient+".crt\n", ""), replace(apiManifest, "    - --etcd-keyfile="+etcdClient+".key\n", ""))
	open := both(replace(etcdManifest, "    - --client-cert-auth=true\n", ""), replace(etcdManifest, "    - --trusted-ca-file="+pki+"/etcd/ca.crt\n", ""))
	compareHandshakes(t, "kube-apiserver", "etcd", toEtcd, []handshake{
		{name: "as kubeadm makes it", server: accepted, client: accepted},
		{name: "Ed25519", options: fixtures.Options{KeyAlgorithm: fixtures.Ed25519}, server: accepted, client: accepted},
		{name: "server of a CA of the same name", change: both(namesake, signer(etcdServing, "namesake")), server: refused, client: accepted},
		{name: "server of the cluster's CA", change: signer(etcdServing, fixtures.CA), server: refused, client: accepted},
		{name: "client of the cluster's CA", change: signer(etcdClient, fixtures.CA), server: accepted, client: refused},
		{name: "client of a CA of the same name", change: both(namesake, signer(etcdClient, "namesake")), server: accepted, client: refused},
		{name: "--etcd-cafile is the cluster's CA", change: flag("etcd-cafile", pki+"/etcd/ca.crt", pki+"/ca.crt"), server: refused, client: accepted},
		{name: "address missing", change: spec(etcdServing, func(s *fixtures.Spec) { s.IPs = without("127.0.0.1")(s.IPs) }), server: refused, client: accepted},
		{name: "localhost", change: dialled("https://localhost:2379"), server: accepted, client: accepted},
		{name: "IPv6", change: dialled("https://[::1]:2379"), server: accepted, client: accepted},
		{name: "advertised address", change: flag("etcd-servers", "https://127.0.0.1:2379", "https://192.0.2.11:2379"), server: accepted, client: accepted},
		{name: "unknown name", change: dialled("https://etcd.example.org:2379"), server: refused, client: accepted},
		{name: "server for clients only", change: usages(etcdServing, clientAuth), server: refused, client: accepted},
		{name: "server for servers only", change: usages(etcdServing, serverAuth), server: accepted, client: accepted},
		{name: "client for servers only", change: usages(etcdClient, serverAuth), server: accepted, client: refused},
		{name: "server ended", change: spec(etcdServing, over), server: refused, client: accepted},
		{name: "client not yet valid", change: spec(etcdClient, early), server: accepted, client: refused},
		{name: "intermediates not sent", change: both(sub, signer(etcdServing, "sub"), signer(etcdClient, "sub")), server: refused, client: refused},
		{name: "intermediates sent", change: both(sub, signer(etcdServing, "sub"), behind(etcdServing+".crt", "sub"), signer(etcdClient, "sub"), behind(etcdClient+".crt", "sub")), server: accepted, client: accepted},
		{name: "intermediate in the bundle", change: both(sub, signer(etcdServing, "sub"), signer(etcdClient, "sub"), behind(pki+"/etcd/ca.crt", "sub")), server: accepted, client: accepted},
		{name: "both CAs in the bundle", change: both(namesake, signer(etcdClient, "namesake"), behind(pki+"/etcd/ca.crt", "namesake")), server: accepted, client: accepted},
		{name: "no alternative name", change: nameless(etcdServing), server: refused, client: accepted},
		{name: "the common name is the host", change: both(nameless(etcdServing), spec(etcdServing, func(s *fixtures.Spec) { s.CommonName = "127.0.0.1" })), server: refused, client: accepted},
		{name: "a name of /etc/hosts", change: both(hosts("192.0.2.11 etcd-1"), flag("etcd-servers", "https://127.0.0.1:2379", "https://etcd-1:2379"),
			spec(etcdServing, func(s *fixtures.Spec) { s.DNSNames = append(s.DNSNames, "etcd-1") })), server: accepted, client: accepted},
		{name: "a name of /etc/hosts that is missing", change: both(hosts("192.0.2.11 etcd-1"), flag("etcd-servers", "https://127.0.0.1:2379", "https://etcd-1:2379")), server: refused, client: accepted},
		{name: "another address of the loopback", change: dialled("https://127.0.0.2:2379"), server: refused, client: accepted},
		{name: "key usages that do not fit", change: both(spec(etcdServing, func(s *fixtures.Spec) { s.KeyUsage = x509.KeyUsageContentCommitment }), spec(etcdClient, func(s *fixtures.Spec) { s.KeyUsage = x509.KeyUsageKeyEncipherment })), server: accepted, client: accepted},
		{name: "groups in OU", change: spec(etcdClient, func(s *fixtures.Spec) { s.Units = []string{"system:masters"} }), server: accepted, client: accepted},
		{name: "server's key is another", change: func(c *fixtures.Cluster) { c.WriteKey(etcdServing+".key", "another") }, server: refused, client: accepted},
		{name: "client's key is another", change: func(c *fixtures.Cluster) { c.WriteKey(etcdClient+".key", "another") }, server: accepted, client: refused},
		{name: "client's certificate is missing", change: remove(etcdClient + ".crt"), server: accepted, client: refused},
		{name: "client without a certificate", change: anonymous, server: accepted, client: refused},
		{name: "nothing demanded of clients", change: both(open, anonymous), server: accepted, client: unverified},
		{name: "nothing demanded, and the client's key is another", change: both(open, func(c *fixtures.Cluster) { c.WriteKey(etcdClient+".key", "another") }), server: accepted, client: refused},
		{name: "damaged certificate in the bundle", change: func(c *fixtures.Cluster) { c.Node.Append(pki+"/etcd/ca.crt", []byte(notCertificate)) }, server: refused, client: refused},
		{name: "damaged certificate in --etcd-cafile alone", change: func(c *fixtures.Cluster) {
			c.Node.Replace(apiManifest, "--etcd-cafile="+pki+"/etcd/ca.crt", "--etcd-cafile="+pki+"/etcd-ca.crt")
			c.Node[pki+"/etcd-ca.crt"] = fixtures.File{Data: append(c.CertificatePEM(fixtures.EtcdCA), notCertificate...), Mode: 0o644}
		}, server: refused, client: accepted},
		{name: "bundle is missing", change: remove(pki + "/etcd/ca.crt"), server: refused, client: refused},
	})
}

// The names by which kubelets are called, the usages of keys that Go does not look
// at, and signers that are none.
func TestHandshakesWithKubelet(t *testing.T) {
	serving := kubeletPKI + "/serving"
	usage := func(base string, u x509.KeyUsage) func(*fixtures.Cluster) {
		return spec(base, func(s *fixtures.Spec) { s.KeyUsage = u })
	}
	called := both(strict, nodeIP("192.0.2.11"))
	byName := both(strict, preferred("Hostname,InternalIP"))
	compareHandshakes(t, "kube-apiserver", "kubelet", toKubelet, []handshake{
		{name: "as kubeadm makes it", change: nodeIP("192.0.2.11"), server: unverified, client: accepted},
		{name: "verified", change: both(called, kubeletServes([]string{"cp-1"}, []string{"192.0.2.11"})), server: accepted, client: accepted},
		{name: "verified, by the name's address in /etc/hosts", change: both(strict, hosts("192.0.2.11 cp-1"), kubeletServes(nil, []string{"192.0.2.11"})), server: accepted, client: accepted},
		{name: "verified, the name's address in /etc/hosts is missing", change: both(strict, hosts("192.0.2.11 cp-1"), kubeletServes([]string{"cp-1"}, []string{"192.0.2.12"})), server: refused, client: accepted},
		{name: "no alternative name", change: both(called, kubeletServes(nil, nil)), server: refused, client: accepted},
		{name: "the common name is the node's", change: both(byName, kubeletServes(nil, nil), spec(serving, func(s *fixtures.Spec) { s.CommonName = "cp-1" })), server: refused, client: accepted},
		{name: "names alone, called by its address", change: both(called, kubeletServes([]string{"cp-1"}, nil)), server: refused, client: accepted},
		{name: "names alone, called by its name", change: both(byName, kubeletServes([]string{"cp-1"}, nil)), server: accepted, client: accepted},
		{name: "addresses alone, called by its name", change: both(byName, kubeletServes(nil, []string{"192.0.2.11"})), server: refused, client: accepted},
		{name: "made by the kubelet itself", change: called, server: refused, client: accepted},
		{name: "made by the kubelet itself, and over", change: both(called, spec(kubeletPKI+"/kubelet", over)), server: refused, client: accepted},
		{name: "made by the kubelet itself, and over, not verified", change: both(nodeIP("192.0.2.11"), spec(kubeletPKI+"/kubelet", over)), server: unverified, client: accepted},
		{name: "the server's key may not sign", change: both(called, kubeletServes([]string{"cp-1"}, []string{"192.0.2.11"}), usage(serving, x509.KeyUsageContentCommitment)), server: accepted, client: accepted},
		{name: "the client's key may not sign", change: both(called, kubeletServes([]string{"cp-1"}, []string{"192.0.2.11"}), usage(pki+"/apiserver-kubelet-client", x509.KeyUsageKeyEncipherment)), server: accepted, client: accepted},
		{name: "the kubelet trusts another CA", change: both(nodeIP("192.0.2.11"), other, verifies("/var/lib/kubelet/other.crt", "other"),
			replace(kubeletConfig, "clientCAFile: "+pki+"/ca.crt", "clientCAFile: /var/lib/kubelet/other.crt")), server: unverified, client: refused},
		{name: "the CA says CA:FALSE", change: both(called, kubeletServes([]string{"cp-1"}, []string{"192.0.2.11"}), clusterCA(func(x *x509.Certificate) { x.IsCA = false })), server: refused, client: refused},
	})
}

// An API server that is not in view has its certificate of the CA of ca.crt: what
// kubelet.conf trusts accepts it or not, whoever made the two.
func TestHandshakesOfWorkers(t *testing.T) {
	if testing.Short() {
		t.Skip("makes a handshake for every configuration")
	}
	fresh := authority("fresh", fixtures.Spec{CommonName: "kubernetes", NotBefore: fixtures.Now.Add(-day)})
	renewed := authority("renewed", fixtures.Spec{CommonName: "kubernetes", KeyName: "ca/" + fixtures.CA, NotBefore: fixtures.Now.Add(-day)})
	for _, row := range []struct {
		name string
		// make makes CAs; own is that of ca.crt, and trusted those of kubelet.conf.
		make    func(*fixtures.Cluster)
		own     string
		trusted []string
		want    string
	}{
		{"as kubeadm makes it", fresh, fixtures.CA, []string{fixtures.CA}, audit.VerdictUnknown},
		{"the old CA", fresh, "fresh", []string{fixtures.CA}, refused},
		{"the old CA and the new one", fresh, "fresh", []string{fixtures.CA, "fresh"}, audit.VerdictUnknown},
		{"the CA before it was renewed with its key", renewed, "renewed", []string{fixtures.CA}, audit.VerdictUnknown},
		{"another CA", other, fixtures.CA, []string{"other"}, refused},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c := fixtures.Worker(fixtures.Options{})
			row.make(c)
			old := c.CertificatePEM(fixtures.CA)
			c.Node[pki+"/ca.crt"] = fixtures.File{Mode: 0o644, Data: c.CertificatePEM(row.own)}
			c.Reissue(kubeletClient, func(s *fixtures.Spec) { s.Signer = row.own })
			c.Node.Replace(etc+"/kubelet.conf", encodedPEM(old), encodedPEM(bundle(c, row.trusted)))
			got := connection(t, auditNode(t, c.Node, audit.Options{}), "kubelet", "kube-apiserver")
			if got.ServerTrust != row.want {
				t.Errorf("the audit says %s (%s); expected %s", got.ServerTrust, got.Reason, row.want)
			}
			c.Issue("/server", fixtures.Spec{CommonName: "kube-apiserver", IPs: []string{"192.0.2.11"}, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, Signer: row.own})
			server := must(pairOf(c.Node, "/server.crt", "/server.key"))
			client := &tls.Config{RootCAs: must(strictPool(bundle(c, row.trusted)))}
			if err, _ := talk(t, got.Address, client, server); (err != nil) != (row.want == refused) {
				t.Errorf("the audit says %s; the handshake says %v", got.ServerTrust, err)
			}
		})
	}
}
