package logs

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// phrase is a wording that tells of a failure.
type phrase struct {
	// text is what stands in the line, behind the gate of its family.
	text      string
	kind      Kind
	direction Direction
	// side is the writer's; "" for what the rest of the line says.
	side Side
	// fill adds what the wording says to e, may move the begin of m to that of the message,
	// and reports whether it is such a failure at all; nil for nothing to add.
	fill func(e *Event, m *match) bool
}

// match is where a phrase stands.
type match struct {
	// text is the line without escapes.
	text string
	// start is where the gate begins, and end where the phrase ends.
	start, end int
}

// rest is what follows the phrase.
func (m match) rest() string { return m.text[m.end:] }

// family is the phrases that follow one of some words.
type family struct {
	// gates are those words; none for phrases that stand for themselves.
	gates []string
	// skip are characters that may stand between a gate and a phrase.
	skip string
	// with are further words, of which the line must have one; none for any line.
	with    []string
	phrases []phrase
	// writer is the program or library that alone has these wordings, where the line does not
	// say who wrote it; "" for those of Go, as which the components of Kubernetes and others write.
	writer string
}

// maxTries bounds the places of one gate that are looked at in a line.
const maxTries = 4

// find returns the first phrase of the family that the line has.
func (f family) find(l Line, text string) (*Event, match) {
	if f.with != nil && !containsAny(text, f.with) {
		return nil, match{}
	}
	for _, gate := range f.gates {
		from := 0
		for range maxTries {
			i := strings.Index(text[from:], gate)
			if i < 0 {
				break
			}
			start := from + i
			from = start + len(gate)
			if f.skip != "" {
				from = len(text) - len(strings.TrimLeft(text[from:], f.skip))
			}
			for _, p := range f.phrases {
				if strings.HasPrefix(text[from:], p.text) {
					if e, m := p.event(l, match{text, start, from + len(p.text)}); e != nil {
						return e, m
					}
				}
			}
		}
	}
	if f.gates != nil {
		return nil, match{}
	}
	for _, p := range f.phrases {
		if i := strings.Index(text, p.text); i >= 0 {
			if e, m := p.event(l, match{text, i, i + len(p.text)}); e != nil {
				return e, m
			}
		}
	}
	return nil, match{}
}

// event returns what the phrase says in a line; nil for nothing.
func (p phrase) event(l Line, m match) (*Event, match) {
	e := &Event{At: l, Kind: p.kind, Direction: p.direction, Side: p.side}
	e.At.Text = ""
	side, peer := endsOf(m)
	if e.Side == UnknownSide && e.Direction != Own {
		e.Side = side
	}
	if e.Direction != Own {
		e.Peer = peer
	}
	if p.fill != nil && !p.fill(e, &m) {
		return nil, m
	}
	if begin := ofInstaller(m); begin >= 0 {
		e.Direction, e.Side, e.Peer, m.start = Own, UnknownSide, "", begin
	}
	return e, m
}

// ofInstaller is where a failure begins that kubeadm found in its own files, which it passes on
// in the words of crypto/x509: "certificate NAME not signed by CA certificate ca: x509: ...";
// -1 for none.
func ofInstaller(m match) int {
	text := m.text[:m.start]
	for _, check := range []string{"not signed by CA certificate ", "not signed by corresponding CA: "} {
		if i := strings.LastIndex(text, check); i >= 0 {
			return strings.LastIndex(text[:i], "certificate ")
		}
	}
	return -1
}

// maxLooked is how much of a line is looked at, in bytes.
const maxLooked = 64 << 10

// eventOf is what a line tells of TLS: an event, files in use, or neither, and then
// whether it looks as if it did. A line without a word of [triggers] tells nothing.
func eventOf(l Line) (e *Event, uses []Use, suspect bool) {
	text := unescaped(withoutClients(l.Text[:min(len(l.Text), maxLooked)]))
	if uses := usesOf(l, text); len(uses) > 0 {
		return nil, uses, false
	}
	for _, f := range families {
		if e, m := f.find(l, text); e != nil {
			e.At.Component = cmp.Or(l.Component, f.writer)
			e.Message = message(m)
			e.Paths = certificatePaths(text)
			e.Serial, e.KeyID = refusedCertificate(text)
			return e, nil, false
		}
	}
	return nil, nil, looksLikeTLS(text)
}

// unescaped is a text without the backslashes before quotes that klog and JSON write, at
// whatever depth, and with the three characters that Go's JSON writes as numbers.
func unescaped(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	var b strings.Builder
	b.Grow(len(text))
	for {
		i := strings.IndexByte(text, '\\')
		if i < 0 {
			b.WriteString(text)
			return b.String()
		}
		b.WriteString(text[:i])
		text = text[i:]
		after := strings.TrimLeft(text, `\`)
		switch {
		case strings.HasPrefix(after, `"`):
			text = after
		case strings.HasPrefix(after, "u003c"):
			b.WriteByte('<')
			text = after[5:]
		case strings.HasPrefix(after, "u003e"):
			b.WriteByte('>')
			text = after[5:]
		case strings.HasPrefix(after, "u0026"):
			b.WriteByte('&')
			text = after[5:]
		default:
			b.WriteByte('\\')
			text = after
		}
	}
}

// leads are what stands before a phrase and belongs to the message.
var leads = []string{"tls: failed to verify certificate: ", "tls: failed to verify client certificate: ", "tls: failed to verify client's certificate: ",
	"tls: failed to parse certificate from server: ", "tls: failed to parse client certificate: "}

// message is the part of the line that tells it: from the phrase to the end of the value
// it stands in.
func message(m match) string {
	start := m.start
	for _, lead := range leads {
		if strings.HasSuffix(m.text[:start], lead) {
			start -= len(lead)
			break
		}
	}
	for start > 0 && letter(m.text[start]) && letter(m.text[start-1]) {
		start--
	}
	end := m.end + valueEnd(m.text[m.end:min(len(m.text), m.end+4*maxPrinted)], m.text[start:m.end])
	for _, tail := range tails {
		if i := strings.Index(m.text[m.end:end], tail); i >= 0 {
			end = m.end + i
		}
	}
	for _, place := range places {
		if strings.HasPrefix(m.rest(), place) {
			end = m.end
		}
	}
	if n := ownEnd(m.text[start:m.end], m.text[m.end:end]); n >= 0 {
		end = m.end + n
	}
	said := strings.TrimRight(m.text[start:end], " \t\r\n,;:>'│")
	switch rest := m.text[start+len(said):]; {
	case strings.Count(said, "'")%2 == 1 && strings.HasPrefix(rest, "'"):
		said += "'"
	case strings.Count(said, "<") > strings.Count(said, ">") && strings.HasPrefix(rest, ">"):
		said += ">"
	}
	return Printable(said)
}

// details are what stands behind some failures and belongs to them: the CA that looked like the
// issuer, and the times (crypto/x509 verify.go).
var details = regexp.MustCompile(`^(?: \(possibly because of "[^"]*"(?: while trying to verify candidate authority certificate "[^"]*")?\))?(?:: current time [^ "]+ is (?:after|before) [^ ",]+)?`)

// whole are failures, as they end, of which all is said but for the details.
var whole = func() []string {
	texts := []string{"x509: certificate signed by unknown authority", "x509: " + expiredText, "x509: certificate specifies an incompatible key usage", "x509: certificate is not authorized to sign other certificates"}
	for _, p := range macOS.phrases {
		texts = append(texts, p.text)
	}
	return texts
}()

// ownEnd is how much of rest belongs to a failure that is said whole; -1 where another
// failure was said, or where what follows its details is set off from them.
func ownEnd(said, rest string) int {
	if !slices.ContainsFunc(whole, func(w string) bool { return strings.HasSuffix(said, w) }) && !strings.HasPrefix(said, "remote error: tls: ") {
		return -1
	}
	n := len(details.FindString(rest))
	if len(rest) > n+1 && rest[n] == ' ' && rest[n+1] != '(' && rest[n+1] != '[' {
		return n
	}
	return -1
}

// tails are what etcd, nginx, CoreDNS, Envoy and CRI-O write behind an error.
var tails = []string{" (prober ", " while SSL handshaking", ` logger="`, ":TLS_error_end", "; artifact err: "}

// places begin where in its own source OpenSSL found it, which is no part of the message.
var places = []string{":../", ":ssl/", ":crypto/"}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// valueEnd is where a quoted or bracketed value ends in rest, which follows before: at the
// first quote, bracket or comma before a field that was not opened since.
func valueEnd(rest, before string) int {
	open, quoted := strings.Count(before, "(")-strings.Count(before, ")"), strings.Count(before, `"`)%2 == 1
	last := byte(' ')
	if before != "" {
		last = before[len(before)-1]
	}
	for i := range len(rest) {
		c := rest[i]
		switch c {
		case '"':
			switch {
			case quoted:
				quoted = false
			case strings.IndexByte(` ([{=`, last) >= 0:
				quoted = true
			default:
				return i
			}
		case '(', '[', '{':
			open++
		case ')', ']', '}':
			if open--; open < 0 {
				return i
			}
		}
		last = c
	}
	return len(rest)
}
