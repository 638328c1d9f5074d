package logs

import (
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"
)

// maxValid bounds the names of a certificate that are kept.
const maxValid = 100

// word returns what stands at the beginning of a text up to the end of a name or an
// address.
func word(text string) string {
	if i := strings.IndexAny(text, "\"' \t,;)]}>\\\n‘’“”"); i >= 0 {
		text = text[:i]
	}
	text = strings.TrimRight(text, ".:")
	// An address whose end was cut off is none.
	last := text[strings.LastIndexByte(text, '.')+1:]
	if _, err := netip.ParseAddr(text); err != nil && strings.Trim(last, "0123456789") == "" {
		return ""
	}
	return bounded(text)
}

// moments are the forms of times in messages: those of Go, of Java and of OpenSSL.
var moments = []string{"2006-01-02 15:04:05 -0700 MST", "Mon Jan _2 15:04:05 MST 2006", "Jan _2 15:04:05 2006 MST"}

// moment reads the time at the beginning of a text; zero for none.
func moment(text string) time.Time {
	if i := strings.IndexAny(text, " \",;)]}"); i > 0 {
		if t, err := time.Parse(time.RFC3339, text[:i]); err == nil {
			return t.UTC()
		}
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.UTC()
	}
	for _, layout := range moments {
		if len(text) >= len(layout) {
			if t, err := time.Parse(layout, text[:len(layout)]); err == nil {
				return t.UTC()
			}
		}
	}
	return time.Time{}
}

// validity reads ": current time T is after T", as crypto/x509 writes it. Up to Go 1.13
// the message has no times, and does not say which of the two it is.
func validity(e *Event, m *match) bool {
	_, rest, _ := strings.Cut(m.rest()[:min(len(m.rest()), 200)], "current time ")
	now, bound, after := strings.Cut(rest, " is after ")
	if !after {
		var is bool
		if now, bound, is = strings.Cut(rest, " is before "); is {
			e.Kind = KindNotYetValid
		}
	}
	if t := moment(bound); !t.IsZero() && len(now) < 40 {
		e.Clock, e.Bound = moment(now), t
	}
	return true
}

// bound reads the time that follows.
func bound(e *Event, m *match) bool {
	e.Bound = moment(strings.TrimLeft(m.rest(), ": ="))
	return true
}

// period reads the end behind "T, NotAfter: T".
func period(e *Event, m *match) bool {
	_, end, _ := strings.Cut(m.rest(), "NotAfter: ")
	e.Bound = moment(end)
	return true
}

// lapsed reads the file and the time of " in FILE is expired: T", or ": T".
func lapsed(e *Event, m *match) bool {
	_, when, is := strings.Cut(m.rest(), "is expired: ")
	e.Bound = moment(when)
	return is
}

// candidate reads the CA that looked like the issuer, and why it is not: that may be
// another failure than an unknown authority. Of several that judged a certificate, as an API
// server does it with the CA of its front proxy and with that of its clients, it is the other
// failure that counts.
func candidate(e *Event, m *match) bool {
	rest := m.rest()
	if _, other, ok := strings.Cut(rest, " failed: x509: "); ok && !strings.HasPrefix(other, "certificate signed by unknown authority") {
		return false
	}
	if !strings.HasPrefix(rest, " (possibly because of ") {
		return true
	}
	hint, name, _ := strings.Cut(rest, "while trying to verify candidate authority certificate ")
	e.Candidate = Printable(strings.TrimSuffix(strings.TrimPrefix(before(name, `")`), `"`), `"`))
	switch {
	case strings.Contains(hint, "insecure algorithm"):
		e.Kind = KindWeakSignature
	case strings.Contains(hint, "keys are insecure"):
		e.Kind = KindWeakKey
	case strings.Contains(hint, "not authorized to sign"), strings.Contains(hint, "parent certificate cannot sign"):
		e.Kind = KindNotACA
	default:
		if i := strings.Index(hint, expiredText); i >= 0 {
			e.Kind = KindExpired
			return validity(e, &match{hint, i, i + len(expiredText)})
		}
	}
	return true
}

const expiredText = "certificate has expired or is not yet valid"

// names reads "A, B, not HOST", or "N names, but none matched HOST".
func names(e *Event, m *match) bool {
	rest := m.rest()
	if _, host, ok := strings.Cut(rest, "but none matched "); ok {
		e.Name = word(host)
		return true
	}
	valid, host, ok := strings.Cut(rest, ", not ")
	if !ok {
		return true
	}
	e.Name = word(host)
	for name := range strings.SplitSeq(valid, ", ") {
		if len(e.Valid) == maxValid {
			break
		}
		if name = bounded(name); name != "" {
			e.Valid = append(e.Valid, name)
		}
	}
	return true
}

// name reads the name that follows.
func name(e *Event, m *match) bool {
	e.Name = word(strings.TrimLeft(m.rest(), "'\"`‘“ "))
	return true
}

// nameAfter reads the name behind a word that follows somewhere.
func nameAfter(text string) func(*Event, *match) bool {
	return func(e *Event, m *match) bool {
		if _, rest, ok := strings.Cut(m.rest(), text); ok {
			e.Name = word(strings.TrimLeft(rest, "'\"`‘“ "))
		}
		return true
	}
}

// altnames reads what Node says: "Host: NAME. is not in the cert's altnames: DNS:A, IP Address:B".
func altnames(e *Event, m *match) bool {
	host, valid, _ := strings.Cut(m.rest(), " is not in the cert's ")
	_, host, _ = strings.Cut(host, ": ")
	e.Name = word(host)
	_, valid, _ = strings.Cut(valid, ": ")
	for name := range strings.SplitSeq(before(valid, `"`), ", ") {
		name = strings.TrimPrefix(strings.TrimPrefix(name, "DNS:"), "IP Address:")
		if name = word(name); name != "" && len(e.Valid) < maxValid {
			e.Valid = append(e.Valid, name)
		}
	}
	return true
}

// dnsNames reads what an etcd says of a peer whose certificate does not name the address
// it calls from: "ADDRESS" does not match any of DNSNames ["A" "B"].
func dnsNames(e *Event, m *match) bool {
	address, rest, ok := strings.Cut(m.rest(), `" does not match any of DNSNames [`)
	if !ok {
		return false
	}
	e.Name = word(address)
	list, _, _ := strings.Cut(rest, "]")
	for name := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == '"' || r == ' ' || r == ',' }) {
		if name = bounded(name); name != "" && len(e.Valid) < maxValid {
			e.Valid = append(e.Valid, name)
		}
	}
	return true
}

// bySide is for what the two ends see alike of one that speaks no TLS: the server sees an
// HTTP client, and the client an HTTP server.
func bySide(e *Event, m *match) bool {
	if e.Kind = KindTLSToHTTP; e.Side == Server {
		e.Kind = KindHTTPToTLS
	}
	return true
}

// record is for an HTTP client that reads a TLS alert: content type 21.
func record(_ *Event, m *match) bool { return ofTLS(m.rest(), "x15") }

// hello is for an HTTP server that reads a TLS handshake: content type 22. gRPC says whose it is.
// The message ends with it, for what follows is random.
func hello(_ *Event, m *match) bool {
	if !ofTLS(strings.TrimPrefix(m.rest(), "from client: "), "x16") {
		return false
	}
	const version = "x03"
	m.text = m.text[:m.end+strings.Index(m.rest(), version)+len(version)]
	return true
}

// ofTLS reports whether a quoted text, at whatever depth, begins with a record of TLS of a
// content type: version 3 follows it (RFC 8446, section 5.1).
func ofTLS(quoted, content string) bool {
	begin := strings.ReplaceAll(quoted[:min(len(quoted), 40)], `\`, "")
	return strings.HasPrefix(strings.TrimLeft(begin, `"`), content+"x03")
}

// within is for wordings that count only together with one of some others.
func within(others ...string) func(*Event, *match) bool {
	return func(_ *Event, m *match) bool {
		return slices.ContainsFunc(others, func(other string) bool { return strings.Contains(m.text, other) })
	}
}

// from is for wordings whose beginning stands before what they say it of.
func from(begin string) func(*Event, *match) bool {
	return func(_ *Event, m *match) bool {
		i := strings.LastIndex(m.text[:m.start], begin)
		m.start = max(i, 0)
		return i >= 0
	}
}

// ended is for what follows the words of a handshake that ends without a word of TLS: the
// message is the reason alone, and not the address before it, whose port differs each time.
func ended(e *Event, m *match) bool {
	if head, _, ok := strings.Cut(m.rest(), ": "); ok && e.Peer != "" && strings.HasPrefix(head, e.Peer) {
		m.end += len(head) + len(": ")
	}
	m.start = m.end
	for _, r := range endings {
		if i := strings.Index(m.rest(), r.text); i == 0 || i > 0 && r.inside {
			e.Kind = r.kind
			if r.inside {
				m.end += i
				m.start = m.end
			}
			return true
		}
	}
	return false
}

// rejected is for a connection that an etcd rejected: the reason is its error.
func rejected(e *Event, m *match) bool {
	for _, begin := range []string{`(error "`, `"error":"`} {
		if i := strings.Index(m.rest(), begin); i >= 0 {
			m.end += i + len(begin)
			return ended(e, m)
		}
	}
	return false
}

// endings are the errors of package net and io that end a handshake, and those that stand
// behind the addresses of the connection.
var endings = []struct {
	text   string
	inside bool
	kind   Kind
}{
	{"EOF", false, KindHandshakeEnded}, {"unexpected EOF", true, KindHandshakeEnded}, {"connection reset by peer", true, KindHandshakeEnded},
	{"broken pipe", true, KindHandshakeEnded}, {"forcibly closed", true, KindHandshakeEnded}, {"use of closed network connection", true, KindHandshakeEnded},
	{"i/o timeout", true, KindHandshakeTimeout}, {"deadline exceeded", true, KindHandshakeTimeout},
}

// absent is for a file that is not there or cannot be read: one of certificates, keys or
// credentials, as its name has it. The message begins with what was done with it.
func absent(_ *Event, m *match) bool {
	text := strings.TrimSuffix(m.text[:m.start], `"`)
	start := strings.LastIndexAny(text, " \t=('\"[") + 1
	if !aboutCertificates(strings.Trim(text[start:], "'\"`:,")) {
		return false
	}
	m.start = start
	text = strings.TrimSuffix(text[:start], `"`)
	for _, verb := range []string{"open ", "stat ", "lstat ", "read "} {
		if strings.HasSuffix(text, verb) {
			m.start = len(text) - len(verb)
		}
	}
	return true
}

// refusedCertificate are the serial number of a certificate that the API server refused, and
// the key of its issuer; "" for none (k8s.io/apiserver pkg/authentication/request/x509,
// certificateIdentifier).
func refusedCertificate(text string) (serial, keyID string) {
	_, rest, ok := strings.Cut(text, "verifying certificate SN=")
	if !ok {
		return "", ""
	}
	serial, rest, _ = strings.Cut(rest, ",")
	if serial == "" || strings.Trim(serial, "0123456789") != "" || len(serial) > maxSerial {
		return "", ""
	}
	_, keyID, _ = strings.Cut(rest, " AKID=")
	return serial, before(keyID, " ")
}

// maxSerial is how many digits a serial number of 20 bytes has (RFC 5280, 4.1.2.2).
const maxSerial = 49

// certificateEndings are those of files with certificates, keys or credentials.
var certificateEndings = []string{".crt", ".key", ".pem", ".cer", ".cert", ".pub", ".p12", ".pfx", ".jks", ".csr", ".crl", ".der", "kubeconfig", ".kubeconfig"}

// foreignPaths are in paths of keys that are not for TLS: of SSH, which ssh-keygen(1) names
// so wherever they are, and of packages.
var foreignPaths = []string{"/.ssh/", "/ssh/", "/ssh_host_", "/id_rsa", "/id_dsa", "/id_ecdsa", "/id_ed25519", "/rpm-gpg/"}

// slashes are for the separators of Windows, twice where they are quoted.
var slashes = strings.NewReplacer(`\\`, "/", `\`, "/")

// aboutCertificates reports whether a path looks like one of a certificate, a key or a
// kubeconfig.
func aboutCertificates(p string) bool {
	p = slashes.Replace(p)
	if !strings.Contains(p, "/") || containsAny(p, foreignPaths) {
		return false
	}
	base := path.Base(p)
	for _, ending := range certificateEndings {
		if strings.HasSuffix(base, ending) {
			return true
		}
	}
	switch path.Ext(base) {
	case ".conf":
		return strings.Contains(p, "/etc/kubernetes/") || strings.HasSuffix(base, "kubelet.conf")
	case "":
		return strings.Contains(p, "/pki/") || strings.HasSuffix(p, "/.kube/config")
	}
	return false
}

// maxPaths bounds the files of one line.
const maxPaths = 8

// certificatePaths returns the files of certificates, keys or credentials that a line names,
// each once, in their order.
func certificatePaths(text string) []string {
	var found []string
	for from := 0; from < len(text) && len(found) < maxPaths; {
		i := strings.IndexByte(text[from:], '/')
		if i < 0 {
			break
		}
		start, second := from+i, i == 0 && from > 0 && text[from-1] == '~'
		end := len(text)
		if n := strings.IndexAny(text[start:], " \t\r\n\"',;()[]{}<>`\\|="); n >= 0 {
			end = start + n
		}
		for _, between := range []string{":", "~/"} { // Istio's agent writes CERTIFICATE~KEY
			if i := strings.Index(text[start:end], between); i >= 0 {
				end = start + i
			}
		}
		from = end + 1
		if start > 0 && !second && strings.IndexByte(" \t\"'=([{,:", text[start-1]) < 0 || strings.HasPrefix(text[start:], "//") {
			continue
		}
		if p := strings.TrimRight(text[start:end], "."); len(p) <= 4096 && aboutCertificates(p) {
			if p = Printable(p); !slices.Contains(found, p) {
				found = append(found, p)
			}
		}
	}
	return found
}

// suspicions are words that speak of TLS; beside one of [troubles] the line looks like a
// failure.
var suspicions = []string{"tls: ", "TLS handshake", "SSL routines", "SSLError", "SSLHandshakeException", "SSL_ERROR", "ssl_error", "ertificate verif", "CertificateError", "CertPathValidatorException", "PKIX"}

// troubles are words that speak of a failure.
var troubles = []string{"rror", "fail", "Fail", "nvalid", "xpired", "nable to", "annot", "efus", "eject", "ismatch", "ot match", "denied", "bad ", "not trusted"}

// unreachable are the errors of who did not come as far as a handshake.
var unreachable = []string{"connection refused", "no route to host", "network is unreachable", "no such host", "host is down"}

// harmless are names that have the word, of the API, of packages, classes and features, what is
// said of certificates that nobody uses, and what k3s says of a CA that no token vouches for.
var harmless = []string{"certificates.k8s.io", "certificatesigningrequest", "CertificateSigningRequest", "certificaterequest", "CertificateRequest", "associated certificate is expired",
	"ca-certificates", "security.cert.Certificate ", "Certificate Error Assistant", "certificate is not trusted by the host CA bundle"}

// looksLikeTLS reports whether a line that is not understood looks like a TLS failure.
func looksLikeTLS(text string) bool {
	if strings.Contains(text, "x509: ") {
		return true
	}
	// The source that Python shows of an exception: what it says follows.
	if containsAny(text, unreachable) || strings.HasPrefix(strings.TrimLeft(text, " "), "raise ") {
		return false
	}
	has := func(word string) bool { return strings.Contains(text, word) }
	if slices.ContainsFunc(suspicions, has) {
		return slices.ContainsFunc(troubles, has)
	}
	i := strings.Index(text, "ertificate")
	if i < 0 {
		return false
	}
	// A failure that is said of a certificate stands near it.
	text = text[max(0, i-60):min(len(text), i+80)]
	for _, name := range harmless {
		text = strings.ReplaceAll(text, name, "")
	}
	return strings.Contains(text, "ertificate") && slices.ContainsFunc(troubles, has)
}
