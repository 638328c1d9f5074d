package inventory

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"certaudit/parsers"
)

// probeTimeout bounds one endpoint, from the look-up of its name to the end of
// the handshake.
const probeTimeout = 3 * time.Second

// maxEndpoints bounds what a hostile configuration can make this program dial.
const maxEndpoints = 64

// Served is what one endpoint answered.
type Served struct {
	Endpoint
	// Certificates are those that the endpoint sent, leaf first.
	Certificates []parsers.Certificate `json:"certificates,omitempty"`
	// Error says why there are none, in words.
	Error string `json:"error,omitempty"`
	// Undialled says that the endpoint was left out.
	Undialled bool `json:"undialled,omitempty"`
}

// Endpoint is a place where a component of the node listens with TLS.
type Endpoint struct {
	Component string `json:"component"`
	// Address is host:port.
	Address string `json:"address"`
	// ServerName is the name sent along (RFC 6066, 3); empty for none.
	ServerName string `json:"serverName,omitempty"`
	// Reference names the flag of the certificate that should be served; empty
	// where the component generates one.
	Reference string `json:"reference,omitempty"`
	// Path is the file of that certificate.
	Path string `json:"path,omitempty"`
	// OnNode says that the address means the node itself, whichever that is: it is on
	// the loopback, or stands for all. One that the API server gives out is for others.
	OnNode bool `json:"onNode,omitempty"`
}

// Where is the address, and the name that was asked for.
func (e Endpoint) Where() string {
	if e.ServerName == "" {
		return e.Address
	}
	return fmt.Sprintf("%s (%s)", e.Address, e.ServerName)
}

// Probe connects to those of the endpoints that the inventory's configuration
// names for which dials is true, all at once, and records in it what each serves. It
// sends a handshake and nothing beyond, shows no certificate of its own, and
// verifies nothing. It returns when all have answered or timed out, at the latest
// when ctx ends.
func Probe(ctx context.Context, inv *Inventory, dials func(Endpoint) bool) {
	endpoints := inv.Endpoints()
	inv.Served = make([]Served, len(endpoints))
	var all sync.WaitGroup
	for i, e := range endpoints {
		if dials(e) {
			all.Go(func() { inv.Served[i] = probe(ctx, e) })
		} else {
			inv.Served[i] = Served{Endpoint: e, Undialled: true}
		}
	}
	all.Wait()
}

func probe(ctx context.Context, e Endpoint) Served {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	s := Served{Endpoint: e}
	state, err := Handshake(ctx, e.Address, e.ServerName)
	s.Certificates = PeerCertificates(e.Address, state)
	if err != nil && len(s.Certificates) == 0 {
		s.Error = Unreachable(err, probeTimeout)
	}
	return s
}

// Handshake returns what a server shows of itself, and verifies nothing of it. A
// server that demands a client certificate ends the handshake with an error
// after it has shown its own, so that both may be returned.
func Handshake(ctx context.Context, address, serverName string) (state tls.ConnectionState, err error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return state, err
	}
	defer conn.Close()
	client := tls.Client(conn, &tls.Config{
		ServerName:         serverName,
		InsecureSkipVerify: true, // the certificate is what is asked for, whatever it is
		MinVersion:         tls.VersionTLS10,
		VerifyConnection: func(shown tls.ConnectionState) error {
			state = shown
			return nil
		},
	})
	err = client.HandshakeContext(ctx)
	return state, err
}

// PeerCertificates are those that a server at an address showed, leaf first. crypto/tls gives
// equal ones of several connections as one (its certCache), so that nothing in them is changed.
func PeerCertificates(address string, state tls.ConnectionState) []parsers.Certificate {
	var out []parsers.Certificate
	for i, c := range state.PeerCertificates {
		out = append(out, parsers.CertificateOf(parsers.Origin{Path: address}, i, c, parsers.Fingerprint(c)))
	}
	return out
}

// Unreachable says in words why there was no handshake within a time.
func Unreachable(err error, timeout time.Duration) string {
	var dns *net.DNSError
	var record tls.RecordHeaderError
	var netErr net.Error
	switch {
	case errors.As(err, &dns):
		return fmt.Sprintf("the name %q cannot be resolved", dns.Name)
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there"
	case errors.As(err, &record):
		return "it speaks no TLS"
	case errors.Is(err, context.DeadlineExceeded) || errors.As(err, &netErr) && netErr.Timeout():
		return fmt.Sprintf("it did not answer within %s", timeout)
	}
	return "the handshake failed: " + err.Error()
}

// Endpoints lists where the node's components listen with TLS, each once, in the
// order of the components.
func (inv *Inventory) Endpoints() []Endpoint {
	var out []Endpoint
	add := func(e Endpoint) {
		if !slices.Contains(out, e) && len(out) < maxEndpoints {
			out = append(out, e)
		}
	}
	for _, p := range programs {
		if c, ok := inv.Component(p.Name); !ok || c.Assumed { // where it listens is not known
			continue
		}
		for _, l := range p.Listeners {
			for _, e := range inv.listensAt(p.Name, l) {
				e = inv.presents(e)
				add(e)
				for _, sni := range inv.sniEndpoints(e) {
					add(sni)
				}
			}
		}
	}
	return out
}

// listensAt are the addresses at which a listener of a component can be reached;
// none where it is switched off.
func (inv *Inventory) listensAt(component string, l Listener) []Endpoint {
	if l.URLs != "" {
		var out []Endpoint
		for u := range strings.SplitSeq(inv.Setting(component, l.URLs).Value, ",") {
			if address, ok := strings.CutPrefix(strings.TrimSpace(u), "https://"); ok {
				out = append(out, inv.dialable(component, l, strings.TrimSuffix(address, "/")))
			}
		}
		return out
	}
	port := inv.inEffect(component, l.Port)
	if port == "0" {
		return nil
	}
	host := inv.inEffect(component, l.Address)
	everywhere := host == ""
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		everywhere = true
	}
	if advertised := inv.AdvertiseAddress(); everywhere && component == APIServer && advertised != "" {
		return []Endpoint{{Component: component, Address: net.JoinHostPort(advertised, port), Reference: l.Certificate}}
	}
	return []Endpoint{inv.dialable(component, l, net.JoinHostPort(host, port))}
}

// dialable is the endpoint of a listener at host:port, with an unspecified address
// replaced by one that can be dialled.
func (inv *Inventory) dialable(component string, l Listener, address string) Endpoint {
	e := Endpoint{Component: component, Address: address, Reference: l.Certificate}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return e
	}
	e.OnNode = host == "" || inv.IsLoopback(host)
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() || host == "" {
		e.Address = net.JoinHostPort("127.0.0.1", port)
	}
	return e
}

// presents fills in the file that an endpoint should serve.
func (inv *Inventory) presents(e Endpoint) Endpoint {
	for _, ref := range inv.References {
		if ref.Component != e.Component || ref.Holds != HoldsCertificate {
			continue
		}
		if e.Reference != "" && ref.Name == e.Reference || e.Component == "kubelet" && (ref.Role == RoleKubeletServing || ref.Role == RoleKubeletSelf) {
			e.Reference, e.Path = ref.Name, ref.Path
			return e
		}
	}
	e.Reference = ""
	return e
}

// sniEndpoints are the same endpoint asked for each certificate of
// --tls-sni-cert-key by one of its names.
func (inv *Inventory) sniEndpoints(e Endpoint) []Endpoint {
	var out []Endpoint
	for _, ref := range inv.References {
		if ref.Component != e.Component || ref.Name != "tls-sni-cert-key" || ref.Holds != HoldsCertificate {
			continue
		}
		for _, name := range inv.sniNames(ref) {
			if picked, ok := inv.SNIReference(name); ok && picked.Path == ref.Path && net.ParseIP(name) == nil && !strings.Contains(name, "*") {
				sni := e
				sni.ServerName, sni.Reference, sni.Path = name, ref.Name, ref.Path
				out = append(out, sni)
				break
			}
		}
	}
	return out
}
