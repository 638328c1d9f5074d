package logs

import (
	"net"
	"strings"
)

// frame is a wording that says which part the writer has in a handshake.
type frame struct {
	text string
	side Side
	// peer returns the other end from what follows the wording; nil for none there.
	peer func(rest string) string
}

// servers are wordings of who was called. Sources: net/http server.go; etcd
// embed/config.go (3.3), embed/config_logging.go (3.5, 3.6); k8s.io/apiserver
// pkg/endpoints/filters/authentication.go; grpc-go server.go; golang.org/x/net/http2
// server.go; nginx ngx_event_openssl.c, ngx_http_request.c; redis src/tls.c; stunnel.
var servers = []frame{
	{"TLS handshake error from ", Server, func(rest string) string { return before(rest, ": ") }},
	{`rejected connection from "`, Server, quoted},
	{"rejected connection", Server, func(rest string) string { return field(rest, `"remote-addr":"`) }},
	{"Unable to authenticate the request", Server, nil},
	{"Failed to authenticate request from ", Server, func(rest string) string { return before(rest, ": ") }}, // k3s
	{"failed to complete security handshake from \"", Server, quoted},
	{`ServerHandshake("`, Server, quoted},
	{"error reading preface from client ", Server, func(rest string) string { return before(rest, ": ") }},
	{"while SSL handshaking to upstream", Client, func(rest string) string { return origin(field(rest, `upstream: "`)) }},
	{"while SSL handshaking, client: ", Server, func(rest string) string { return before(rest, ",") }},
	{"while reading client request headers, client: ", Server, func(rest string) string { return before(rest, ",") }},
	{"Error accepting a client connection", Server, nil}, {"SSL_accept", Server, nil},
	{"process_client_certificate", Server, nil}, {"tls_post_process_client_hello", Server, nil}, {"tls_early_post_process_client_hello", Server, nil},
}

// clients are wordings of who called, of which those with an address count where they
// are nearest before the failure. Sources: net/url Error, net.OpError; grpc-go
// clientconn.go and resolver_conn_wrapper.go, credentials; etcd rafthttp/probing_status.go, stream.go;
// urllib3 connectionpool.py.
var clients = []frame{
	{"https://", Client, func(rest string) string { return hostOf("https://", rest) }},
	{`{Addr: "`, Client, quoted},
	{"failed to connect to {", Client, func(rest string) string { return before(rest, " ") }},
	{"dial tcp ", Client, func(rest string) string { return before(rest, ": ") }},
	{"Failed to dial ", Client, func(rest string) string { return before(rest, ": ") }},
	{"endpoints://", Client, target}, {"endpoint://", Client, target},
	{"health check for peer ", Client, func(rest string) string { return before(rest, " ") }},
	{"failed to dial ", Client, func(rest string) string { return before(rest, " on stream") }},
	{"HTTPSConnectionPool(host='", Client, pooled},
}

// calls are further wordings of who called, anywhere in the line.
var calls = []frame{
	{"prober detected unhealthy status", Client, func(rest string) string { return field(rest, `"remote-peer-id":"`) }},
	{`invalid certificate detected connecting to "`, Client, quoted},
	{"peer became inactive", Client, func(rest string) string { return field(rest, `"peer-id":"`) }},
	{"upstream_reset_before_response_started", Client, func(rest string) string { return field(rest, `"upstream_host":"`) }},
	{"upstream connect error", Client, nil},
	{"remote address:", UnknownSide, func(rest string) string { return before(rest, ",") }}, // Envoy
	{"in connection to ", Client, func(rest string) string { return before(strings.TrimSpace(rest), " ") }},
	{"Unable to connect to the server", Client, nil}, {"authentication handshake failed", Client, nil}, {"error reading server preface", Client, nil},
	{"failed to verify certificate", Client, nil}, {"curl: (", Client, nil}, {"process_server_certificate", Client, nil}, {"urlopen error", Client, nil}, {"SSL_connect", Client, nil}, {"createTransport failed", Client, nil},
}

// endsOf says which part the writer has in the handshake, and who is at the other end.
func endsOf(m match) (Side, string) {
	for _, f := range servers {
		if i := strings.Index(m.text, f.text); i >= 0 {
			return f.side, f.at(m.text, i)
		}
	}
	side, peer, nearest := UnknownSide, "", -1
	for _, f := range clients {
		if i := strings.LastIndex(m.text[:m.start], f.text); i > nearest {
			if p := f.at(m.text, i); p != "" {
				side, peer, nearest = f.side, p, i
			}
		}
	}
	for _, f := range calls {
		if peer != "" {
			break
		}
		if i := strings.Index(m.text, f.text); i >= 0 {
			side, peer = f.side, f.at(m.text, i)
		}
	}
	return side, peer
}

func (f frame) at(text string, i int) string {
	if f.peer == nil {
		return ""
	}
	return bounded(f.peer(text[i+len(f.text):]))
}

// maxWord bounds the names and addresses that are taken from a line: a DNS name has at
// most 253 characters (RFC 1035, section 2.3.4), and a URL has a scheme and a port.
const maxWord = 300

// bounded is a word of a line, or "" if it is too long, has characters that no name,
// address or origin has, or looks like a JSON Web Token.
func bounded(word string) string {
	if len(word) > maxWord || strings.Contains(word, "eyJ") {
		return ""
	}
	for i := range len(word) {
		if c := word[i]; c <= ' ' || c > '~' || strings.IndexByte(`"\\<>=+;|^`+"`", c) >= 0 {
			return ""
		}
	}
	return word
}

// before returns what stands before the end, or all of a text without it.
func before(text, end string) string {
	head, _, _ := strings.Cut(text, end)
	return strings.TrimRight(head, `",:;`)
}

func quoted(rest string) string { return before(rest, `"`) }

// field returns the value of a field of JSON, or of what looks like it.
func field(text, name string) string { return quoted(field2(text, name)) }

func field2(text, name string) string {
	_, rest, _ := strings.Cut(text, name)
	return rest
}

// origin is a URL without its path.
func origin(url string) string {
	if scheme, rest, ok := strings.Cut(url, "://"); ok {
		return hostOf(scheme+"://", rest)
	}
	return ""
}

// hostOf is the origin whose host stands at the beginning of rest. Passwords before it
// are dropped.
func hostOf(scheme, rest string) string {
	v6 := 0
	if strings.HasPrefix(rest, "[") { // an address of IPv6
		v6 = strings.IndexByte(rest, ']') + 1
	}
	if i := strings.IndexAny(rest[v6:], "/?#\"' \t,]})>\\"); i >= 0 {
		rest = rest[:v6+i]
	}
	rest = strings.TrimRight(rest[strings.LastIndex(rest, "@")+1:], ":.;")
	if rest == "" {
		return ""
	}
	return scheme + rest
}

// pooled is the server of urllib3's HTTPSConnectionPool(host='HOST', port=PORT).
func pooled(rest string) string {
	host, rest, _ := strings.Cut(rest, "', port=")
	port, _, ok := strings.Cut(rest, ")")
	if !ok {
		return ""
	}
	return "https://" + net.JoinHostPort(host, port)
}

// target is the address of a target of grpc-go, endpoints://id/host:port.
func target(rest string) string {
	_, address, _ := strings.Cut(before(rest, `"`), "/")
	return before(address, ",")
}
