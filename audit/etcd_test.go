package audit_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"certaudit/audit"
	"certaudit/fixtures"
	"certaudit/fixtures/loopback"
)

// etcdServer is a real etcd that runs on loopback with the TLS settings of a
// node's manifest.
type etcdServer struct {
	// clients and peers are its two addresses, "127.0.0.1:port".
	clients, peers string
}

// startEtcd runs the etcd of a node until the test ends, and returns when it
// serves. Between the choice of a port and its use another process may take it,
// so that there are three attempts.
func startEtcd(t *testing.T, n fixtures.Node) etcdServer {
	t.Helper()
	if testing.Short() {
		t.Skip("starts etcd")
	}
	program, err := exec.LookPath("etcd")
	if err != nil {
		t.Skip("the program etcd is not installed")
	}
	help, _ := exec.Command(program, "--help").CombinedOutput()
	for name := range flagsOf(n, "etcd") {
		if strings.HasPrefix(name, "client-") && !bytes.Contains(help, []byte("--"+name+" ")) {
			t.Skipf("this version of etcd has no --%s", name)
		}
	}
	var last error
	for range 3 {
		s, err := tryEtcd(t, program, n)
		if err == nil {
			return s
		}
		last = err
	}
	t.Fatal(last)
	return etcdServer{}
}

func tryEtcd(t *testing.T, program string, n fixtures.Node) (etcdServer, error) {
	t.Helper()
	dir := t.TempDir()
	if err := n.Write(dir); err != nil {
		t.Fatal(err)
	}
	s := etcdServer{clients: loopback.FreeAddress(t), peers: loopback.FreeAddress(t)}
	ctx, cancel := context.WithCancel(context.Background())
	process := exec.CommandContext(ctx, program, s.arguments(n, dir)...)
	process.Env = loopback.EtcdEnvironment()
	log, output, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	process.Stdout, process.Stderr = output, output
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	output.Close()
	t.Cleanup(func() {
		cancel()
		_ = process.Wait() // it was killed
		log.Close()
	})
	defer time.AfterFunc(patience, cancel).Stop()
	var said bytes.Buffer
	for lines := bufio.NewScanner(io.TeeReader(log, &said)); lines.Scan(); {
		if strings.Contains(lines.Text(), "ready to serve client requests") {
			go io.Copy(io.Discard, log) // so that etcd never waits for a reader
			return s, nil
		}
	}
	return s, fmt.Errorf("etcd did not start:\n%s", said.String())
}

// arguments are the TLS settings of a node's etcd with paths below dir, and
// addresses on loopback. What else kubeadm sets differs between versions of etcd.
func (s etcdServer) arguments(n fixtures.Node, dir string) []string {
	args := loopback.EtcdArguments(s.clients, s.peers, filepath.Join(dir, "data"))
	for name, values := range flagsOf(n, "etcd") {
		value := values[len(values)-1]
		switch {
		case strings.HasSuffix(name, "-file"):
			args = append(args, "--"+name+"="+filepath.Join(dir, value))
		case strings.Contains(name, "cert"):
			args = append(args, "--"+name+"="+value)
		}
	}
	return args
}

// ask sends one request, wherever the host of the URL leads to, and returns the
// status of the answer.
func ask(address, method, url string, config *tls.Config) (status int, err error) {
	transport := &http.Transport{TLSClientConfig: config, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	}}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequest(method, url, strings.NewReader("{}"))
	if err != nil {
		return 0, err
	}
	response, err := (&http.Client{Transport: transport, Timeout: patience}).Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	return response.StatusCode, nil
}

// request asks for a page of a real server as a client of the dialogue would.
func (d dialogue) request(address, method, path string) error {
	config, err := d.trust()
	if err != nil {
		return err
	}
	if config, err = d.presenting(config); err != nil {
		return err
	}
	status, err := ask(address, method, d.address+path, config)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("status %d", status)
	}
	return err
}

// today are the options of clusters that a real etcd is to accept: it looks at
// the clock.
var today = fixtures.Options{Now: time.Now().UTC().Truncate(time.Second)}

func todays(changes ...func(*fixtures.Cluster)) *fixtures.Cluster {
	c := fixtures.ControlPlane(today)
	both(changes...)(c)
	return c
}

// client is what the API server has for its connection with etcd, and what
// becomes of it.
type client struct {
	name           string
	change         func(*fixtures.Cluster)
	server, client string
	status         string
}

func TestRealEtcd(t *testing.T) {
	const clientAuth, serverAuth = x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth
	recent := fixtures.Spec{CommonName: "etcd-ca", NotBefore: today.Now.Add(-day)}
	namesake, sub := authority("namesake", recent), authority("sub", fixtures.Spec{CommonName: "sub", Signer: fixtures.EtcdCA})
	flag := func(line string) func(*fixtures.Cluster) {
		return replace(etcdManifest, "    - --client-cert-auth=true", "    - --client-cert-auth=true\n    - "+line)
	}
	without := func(lines ...string) func(*fixtures.Cluster) {
		return func(c *fixtures.Cluster) {
			for _, line := range lines {
				c.Node.Replace(etcdManifest, "    - "+line+"\n", "")
			}
		}
	}
	anonymous := both(replace(apiManifest, "    - --etcd-certfile="+etcdClient+".crt\n", ""), replace(apiManifest, "    - --etcd-keyfile="+etcdClient+".key\n", ""))
	named := spec(etcdClient, func(s *fixtures.Spec) { s.DNSNames = []string{"api.example.org"} })
	good := client{name: "as kubeadm makes it", server: accepted, client: accepted, status: accepted}

	for _, setup := range []struct {
		name    string
		change  func(*fixtures.Cluster)
		clients []client
	}{
		{"as kubeadm makes it", both(), []client{
			good,
			{"of another CA", signer(etcdClient, fixtures.CA), accepted, refused, refused},
			{"of a CA of the same name", both(namesake, signer(etcdClient, "namesake")), accepted, refused, refused},
			{"for servers only", usages(etcdClient, serverAuth), accepted, refused, refused},
			{"for both", usages(etcdClient, serverAuth, clientAuth), accepted, accepted, accepted},
			{"for any use", usages(etcdClient, x509.ExtKeyUsageAny), accepted, accepted, accepted},
			{"for no stated use", usages(etcdClient), accepted, accepted, accepted},
			{"ended", spec(etcdClient, func(s *fixtures.Spec) {
				s.NotBefore, s.NotAfter = today.Now.Add(-9*day), today.Now.Add(-time.Minute)
			}), accepted, refused, refused},
			{"not yet valid", spec(etcdClient, func(s *fixtures.Spec) { s.NotBefore = today.Now.Add(day) }), accepted, refused, refused},
			{"without a certificate", anonymous, accepted, refused, refused},
			{"key of another", func(c *fixtures.Cluster) { c.WriteKey(etcdClient+".key", "another") }, accepted, refused, refused},
			{"intermediate sent", both(sub, signer(etcdClient, "sub"), behind(etcdClient+".crt", "sub")), accepted, accepted, accepted},
			{"intermediate not sent", both(sub, signer(etcdClient, "sub")), accepted, refused, refused},
			{"Ed25519", spec(etcdClient, func(s *fixtures.Spec) { s.KeyAlgorithm = fixtures.Ed25519 }), accepted, accepted, accepted},
			{"RSA-2048", spec(etcdClient, func(s *fixtures.Spec) { s.KeyAlgorithm = fixtures.RSA2048 }), accepted, accepted, accepted},
			{"signed with SHA-1", spec(etcdClient, func(s *fixtures.Spec) { s.SignatureAlgorithm = x509.ECDSAWithSHA1 }), accepted, refused, refused},
			{"that trusts another CA", replace(apiManifest, "--etcd-cafile="+pki+"/etcd/ca.crt", "--etcd-cafile="+pki+"/ca.crt"), refused, accepted, refused},
			{"that dials the advertised address", replace(apiManifest, "--etcd-servers=https://127.0.0.1", "--etcd-servers=https://192.0.2.11"), accepted, accepted, accepted},
		}},
		{"serving certificate without the dialled address", spec(etcdServing, func(s *fixtures.Spec) { s.IPs = []string{"192.0.2.11"} }), []client{
			{"by address", nil, refused, accepted, refused},
			{"by name", replace(apiManifest, "--etcd-servers=https://127.0.0.1", "--etcd-servers=https://localhost"), accepted, accepted, accepted},
		}},
		{"serving certificate of the cluster's CA", signer(etcdServing, fixtures.CA), []client{
			{"as kubeadm makes it", nil, refused, accepted, refused},
		}},
		{"serving certificate ended", spec(etcdServing, func(s *fixtures.Spec) {
			s.NotBefore, s.NotAfter = today.Now.Add(-9*day), today.Now.Add(-time.Minute)
		}), []client{
			{"as kubeadm makes it", nil, refused, accepted, refused},
		}},
		{"both CAs trusted", both(namesake, behind(pki+"/etcd/ca.crt", "namesake")), []client{
			good,
			{"of the new CA", signer(etcdClient, "namesake"), accepted, accepted, accepted},
		}},
		{"--client-cert-allowed-hostname", flag("--client-cert-allowed-hostname=api.example.org"), []client{
			{"without the name", nil, accepted, accepted, refused},
			{"with the name", named, accepted, accepted, accepted},
			{"with the common name alone", spec(etcdClient, func(s *fixtures.Spec) { s.CommonName = "api.example.org" }), accepted, accepted, refused},
		}},
		{"a CA and no --client-cert-auth", without("--client-cert-auth=true"), []client{
			good,
			{"without a certificate", anonymous, accepted, refused, refused},
		}},
		{"no CA and no --client-cert-auth", without("--client-cert-auth=true", "--trusted-ca-file="+pki+"/etcd/ca.crt"), []client{
			{"of another CA", signer(etcdClient, fixtures.CA), accepted, unverified, unverified},
			{"without a certificate", anonymous, accepted, unverified, unverified},
		}},
		// The roots of this host are not those of the node; neither has etcd's CA.
		{"no CA with --client-cert-auth", without("--trusted-ca-file=" + pki + "/etcd/ca.crt"), []client{
			{"as kubeadm makes it", nil, accepted, refused, refused},
			{"for servers only", usages(etcdClient, serverAuth), accepted, refused, refused},
			{"without a certificate", anonymous, accepted, audit.VerdictUnknown, audit.VerdictUnknown},
		}},
	} {
		t.Run(setup.name, func(t *testing.T) {
			t.Parallel()
			s := startEtcd(t, todays(setup.change).Node)
			for _, row := range setup.clients {
				t.Run(row.name, func(t *testing.T) {
					c := todays(setup.change)
					if row.change != nil {
						row.change(c)
					}
					got := connection(t, auditNode(t, c.Node, audit.Options{At: today.Now}), "kube-apiserver", "etcd")
					if got.ServerTrust != row.server || got.ClientTrust != row.client || got.Status != row.status {
						t.Errorf("the audit says %s/%s, %s (%s); expected %s/%s, %s", got.ServerTrust, got.ClientTrust, got.Status, got.Reason, row.server, row.client, row.status)
					}
					err := toEtcd(c.Node).request(s.clients, http.MethodGet, "/health")
					if failed := got.Status == refused || got.Status == audit.VerdictUnknown; failed != (err != nil) {
						t.Errorf("the audit says %q (%s); etcd says %v", got.Status, got.Reason, err)
					}
					if why := verification(err); (why != nil) != (row.server == refused) {
						t.Errorf("the audit says %q of the server; the client says %v", row.server, err)
					}
				})
			}
		})
	}
}

// etcd's gateway for JSON calls etcd as a client.
func TestRealEtcdGateway(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*fixtures.Cluster)
		want   string
	}{
		{"as kubeadm makes it", both(), unverified},
		{"serving certificate for servers only", usages(etcdServing, x509.ExtKeyUsageServerAuth), refused},
		{"serving certificate of the cluster's CA", signer(etcdServing, fixtures.CA), refused},
		{"--client-cert-file", both(usages(etcdServing, x509.ExtKeyUsageServerAuth),
			replace(etcdManifest, "    - --cert-file", "    - --client-cert-file="+pki+"/etcd/healthcheck-client.crt\n    - --client-key-file="+pki+"/etcd/healthcheck-client.key\n    - --cert-file")), unverified},
		{"--client-cert-allowed-hostname", both(replace(etcdManifest, "    - --client-cert-auth=true", "    - --client-cert-auth=true\n    - --client-cert-allowed-hostname=cp-1"),
			spec(etcdClient, func(s *fixtures.Spec) { s.DNSNames = []string{"cp-1"} })), refused},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := todays(tt.change)
			got := connection(t, auditNode(t, c.Node, audit.Options{At: today.Now}), "etcd gateway", "etcd")
			if got.Status != tt.want {
				t.Errorf("the audit says %q (%s); expected %q", got.Status, got.Reason, tt.want)
			}
			s := startEtcd(t, c.Node)
			d := toEtcd(c.Node)
			d.trust = func() (*tls.Config, error) { return &tls.Config{InsecureSkipVerify: true}, nil }
			err := d.request(s.clients, http.MethodPost, "/v3/maintenance/status")
			if (err != nil) != (tt.want == refused) {
				t.Errorf("the audit says %q (%s); etcd says %v", got.Status, got.Reason, err)
			}
		})
	}
}

// toPeer is the dialogue of a member of etcd with another that has the same
// files.
func toPeer(n fixtures.Node) dialogue {
	pair := func() (*tls.Config, error) {
		return pairOf(n, flagOf(n, "etcd", "peer-cert-file"), flagOf(n, "etcd", "peer-key-file"))
	}
	return dialogue{
		address: flagOf(n, "etcd", "initial-advertise-peer-urls"),
		trust: func() (*tls.Config, error) {
			pool, err := strictPool(n[flagOf(n, "etcd", "peer-trusted-ca-file")].Data)
			return &tls.Config{RootCAs: pool}, err
		},
		present: func() (*tls.Certificate, error) {
			config, err := pair()
			return &config.Certificates[0], err
		},
	}
}

func TestRealEtcdPeers(t *testing.T) {
	const peer = pki + "/etcd/peer"
	flag := func(line string) func(*fixtures.Cluster) {
		return replace(etcdManifest, "    - --peer-client-cert-auth=true", "    - --peer-client-cert-auth=true\n    - "+line)
	}
	for _, tt := range []struct {
		name                   string
		change                 func(*fixtures.Cluster)
		server, client, status string
	}{
		{"as kubeadm makes it", both(), accepted, accepted, accepted},
		{"of the cluster's CA", signer(peer, fixtures.CA), refused, refused, refused},
		{"for servers only", usages(peer, x509.ExtKeyUsageServerAuth), accepted, refused, refused},
		{"for clients only", usages(peer, x509.ExtKeyUsageClientAuth), refused, accepted, refused},
		{"without the address", spec(peer, func(s *fixtures.Spec) { s.IPs = []string{"127.0.0.1"} }), refused, accepted, refused},
		{"--peer-cert-allowed-cn", flag("--peer-cert-allowed-cn=cp-1"), accepted, accepted, accepted},
		{"--peer-cert-allowed-cn of others", flag("--peer-cert-allowed-cn=cp-2"), accepted, accepted, refused},
		{"--peer-cert-allowed-hostname", flag("--peer-cert-allowed-hostname=cp-1"), accepted, accepted, accepted},
		{"--peer-cert-allowed-hostname of others", flag("--peer-cert-allowed-hostname=cp-2"), accepted, accepted, refused},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := todays(tt.change)
			got := connection(t, auditNode(t, c.Node, audit.Options{At: today.Now}), "etcd peers", "etcd")
			if got.ServerTrust != tt.server || got.ClientTrust != tt.client || got.Status != tt.status {
				t.Errorf("the audit says %s/%s, %s (%s); expected %s/%s, %s", got.ServerTrust, got.ClientTrust, got.Status, got.Reason, tt.server, tt.client, tt.status)
			}
			err := toPeer(c.Node).request(startEtcd(t, c.Node).peers, http.MethodGet, "/members")
			if (err != nil) != (got.Status == refused) {
				t.Errorf("the audit says %q (%s); etcd says %v", got.Status, got.Reason, err)
			}
			if why := verification(err); (why != nil) != (tt.server == refused) {
				t.Errorf("the audit says %q of the server; the client says %v", tt.server, err)
			}
		})
	}
}
