package audit_test

import (
	"certaudit/audit/inventory"
	"cmp"
	"context"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"certaudit/audit"
	"certaudit/fixtures"

	gocmp "github.com/google/go-cmp/cmp"
)

// probed audits a control plane of which only the controller manager is there, and
// listens at an address.
func probed(t *testing.T, ctx context.Context, address string, change func(fixtures.Node)) []audit.Finding {
	t.Helper()
	c := fixtures.ControlPlane(fixtures.Options{})
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	const manager = "/etc/kubernetes/manifests/kube-controller-manager.yaml"
	const pair = "/etc/kubernetes/pki/manager-serving"
	c.Issue(pair, fixtures.Spec{CommonName: "scheduler", DNSNames: []string{"localhost"}})
	c.Node.Replace(manager, "--bind-address=127.0.0.1", "--bind-address="+host)
	c.Node.Replace(manager, "    - --kubeconfig=", "    - --secure-port="+port+"\n    - --tls-cert-file="+pair+".crt\n    - --tls-private-key-file="+pair+".key\n    - --kubeconfig=")
	for _, name := range []string{"kube-apiserver", "kube-scheduler", "etcd"} {
		c.Node.Remove("/etc/kubernetes/manifests/" + name + ".yaml")
	}
	c.Node.Remove("/usr/lib/systemd/system/kubelet.service", "/var/lib/kubelet/kubeadm-flags.env", "/var/lib/kubelet/config.yaml", "/etc/kubernetes/kubelet.conf")
	if change != nil {
		change(c.Node)
	}
	inv := gathered(t, c.Node)
	inventory.Probe(ctx, inv, func(inventory.Endpoint) bool { return true })
	var found []audit.Finding
	for _, f := range audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now}).Findings {
		if strings.HasPrefix(f.Check, "served/") {
			found = append(found, f)
		}
	}
	return found
}

// serve answers connections until the test ends.
func serve(t *testing.T, handle func(net.Conn)) string {
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
			go func() {
				defer conn.Close()
				handle(conn)
			}()
		}
	}()
	return l.Addr().String()
}

// servePair serves the certificate of a node's file.
func servePair(t *testing.T, n fixtures.Node, base string, config *tls.Config) string {
	t.Helper()
	pair, err := tls.X509KeyPair(n[base+".crt"].Data, n[base+".key"].Data)
	if err != nil {
		t.Fatal(err)
	}
	config.Certificates = []tls.Certificate{pair}
	return serve(t, func(conn net.Conn) { _ = tls.Server(conn, config).Handshake() })
}

func TestProbe(t *testing.T) {
	other := fixtures.ControlPlane(fixtures.Options{})
	const pair = "/etc/kubernetes/pki/manager-serving"
	other.Issue(pair, fixtures.Spec{CommonName: "scheduler", DNSNames: []string{"localhost"}})
	same := other.Node.Clone()
	other.Issue("/old", fixtures.Spec{CommonName: "old", DNSNames: []string{"localhost"}, NotAfter: fixtures.Now.Add(-time.Hour)})

	for _, tt := range []struct {
		name    string
		address string
		want    []string
	}{
		{"the file's certificate", servePair(t, same, pair, &tls.Config{}), nil},
		{"client certificates demanded", servePair(t, same, pair, &tls.Config{ClientAuth: tls.RequireAnyClientCert}), nil},
		{"client certificates demanded, TLS 1.2", servePair(t, same, pair, &tls.Config{ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12}), nil},
		{"another certificate", servePair(t, other.Node, "/old", &tls.Config{}), []string{"critical served/differs kube-controller-manager serves another certificate than this one"}},
		{"no TLS", serve(t, func(c net.Conn) { io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") }), []string{"info served/unreachable kube-controller-manager was not reached at ADDRESS: it speaks no TLS; what it serves was not compared"}},
		{"closed at once", serve(t, func(c net.Conn) {}), []string{"info served/unreachable kube-controller-manager was not reached at ADDRESS: the handshake failed: "}},
		{"endless garbage", serve(t, func(c net.Conn) {
			junk := make([]byte, 1<<16)
			for {
				if _, err := c.Write(junk); err != nil {
					return
				}
			}
		}), []string{"info served/unreachable kube-controller-manager was not reached at ADDRESS: it speaks no TLS; what it serves was not compared"}},
		{"unresolvable", "certaudit.invalid:10259", []string{"info served/unreachable kube-controller-manager was not reached at ADDRESS: the name \"certaudit.invalid\" cannot be resolved"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			var got []string
			for _, f := range probed(t, ctx, tt.address, nil) {
				text := string(f.Severity) + " " + f.Check + " " + strings.ReplaceAll(f.Message, tt.address, "ADDRESS")
				for _, w := range tt.want {
					text = cmp.Or(map[bool]string{true: w}[strings.HasPrefix(text, w)], text)
				}
				got = append(got, text)
			}
			if diff := gocmp.Diff(tt.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// A server that never answers is given up when the context ends.
func TestProbeHangs(t *testing.T) {
	done := make(chan struct{})
	address := serve(t, func(net.Conn) { <-done })
	defer close(done)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	found := probed(t, ctx, address, nil)
	if len(found) != 1 || !strings.Contains(found[0].Message, "did not answer within") {
		t.Errorf("findings: %v", found)
	}
}

func TestProcessesAreFound(t *testing.T) {
	for _, s := range fixtures.Scenarios() {
		if s.Name != "ok-running" {
			continue
		}
		inv := gathered(t, s.Node())
		want := []inventory.Process{{Component: "kube-controller-manager", PID: 4711, Started: fixtures.Now.Add(-24 * time.Hour)}}
		if diff := gocmp.Diff(want, inv.Processes); diff != "" {
			t.Errorf("processes (-want +got):\n%s", diff)
		}
		return
	}
	t.Fatal("no scenario with a running component")
}
