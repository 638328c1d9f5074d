package logs

import "bytes"

// carrier is what carries the lines of programs.
type carrier uint8

const (
	plain carrier = iota
	syslogLine
	journalLine
	journalJSON
	journalExport
	journalVerbose
	criLine
	jsonFile
	kubectlLine
	timestamps
	prefixed
	table
	carriers
)

// carrierNames are what [Source.Format] has of them.
var carrierNames = [carriers]string{
	plain:          "text",
	syslogLine:     "syslog",
	journalLine:    "journal",
	journalJSON:    "journal-json",
	journalExport:  "journal-export",
	journalVerbose: "journal-verbose",
	criLine:        "cri",
	jsonFile:       "json-file",
	kubectlLine:    "kubectl",
	timestamps:     "timestamps",
	prefixed:       "prefixed",
	table:          "table",
}

// splits reports whether a carrier cuts long lines, and says so.
func (c carrier) splits() bool {
	return c == criLine || c == jsonFile || c == journalJSON || c == journalExport || c == journalVerbose
}

// layer is what a carrier says of the line in it.
type layer struct {
	carrier carrier
	// rest is what is carried. Of a plain line it is the line.
	rest []byte
	stamp
	host []byte
	// who is the name of the writer; weak says that it counts only if it is that of a
	// program that is known.
	who  []byte
	weak bool
	// stream is the one of the container that the line is of, and more says that the line
	// goes on in the next one of that stream.
	stream stream
	more   bool
	// encoding says what must be done to rest before it can be read.
	encoding encoding
}

type stream uint8

const (
	stdout stream = iota
	stderr
	streams
)

type encoding uint8

const (
	asIs encoding = iota
	jsonString
	jsonNumbers
)

// peel takes the outermost layer off a line.
func peel(b []byte) layer {
	if len(b) > 0 && (b[0] <= ' ' || b[0] == 0xef) {
		// Indented, coloured, a record of RFC 7464, a hole in a file, a byte order mark.
		b = colourless(bytes.TrimPrefix(bytes.TrimLeft(b, " \t\x1e\x00"), []byte("\ufeff")))
	}
	if len(b) < 3 {
		return layer{rest: b}
	}
	var l layer
	ok := false
	switch c := b[0]; {
	case c == '{':
		return jsonLayer(b)
	case c >= '0' && c <= '9':
		l, ok = datedLayer(b)
	case c >= 'A' && c <= 'Z':
		l, ok = namedDateLayer(b)
	case c == '<':
		l, ok = syslogLayer(b)
	case c == '[':
		l, ok = bracketLayer(b)
	case c == 0xe2, c == '|':
		l, ok = tableLayer(b)
	case c == 'd' && bytes.HasPrefix(b, []byte("data: {")): // journalctl -o json-sse
		return jsonLayer(b[len("data: "):])
	default:
		l, ok = wordLayer(b)
	}
	if !ok {
		return layer{rest: b, stamp: ownTime(b)}
	}
	return l
}

// colourless returns text without the sequences that colour a terminal, of ECMA-48.
// Text without any is returned as it is.
func colourless(text []byte) []byte {
	if bytes.IndexByte(text, 0x1b) < 0 {
		return text
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] != 0x1b || i+1 == len(text) || text[i+1] != '[' {
			out = append(out, text[i])
			continue
		}
		n := i + 2
		for n < len(text) && (text[n] >= '0' && text[n] <= '9' || text[n] == ';' || text[n] == '?') {
			n++
		}
		if n == len(text) || text[n] < '@' || text[n] > '~' {
			out = append(out, text[i])
			continue
		}
		i = n
	}
	return out
}

// cutWord cuts a word off b, and the spaces behind it.
func cutWord(b []byte) (w, rest []byte) {
	i := bytes.IndexByte(b, ' ')
	if i < 0 {
		return b, nil
	}
	return b[:i], bytes.TrimLeft(b[i:], " ")
}

// identifier cuts "kubelet[20520]: " or "etcd: " off b.
func identifier(b []byte) (who []byte, pid bool, rest []byte, ok bool) {
	n := 0
	for n < len(b) && n < 128 && nameByte[b[n]] {
		n++
	}
	who, rest = b[:n], b[n:]
	if n > 0 && len(rest) > 0 && rest[0] == '[' {
		end := bytes.IndexByte(rest[:min(len(rest), 24)], ']')
		if end < 0 {
			return nil, false, nil, false
		}
		rest, pid = rest[end+1:], true
	}
	if n == 0 || len(rest) == 0 || rest[0] != ':' || len(rest) > 1 && rest[1] != ' ' {
		return nil, false, nil, false
	}
	rest = rest[1:]
	if len(rest) > 0 {
		rest = rest[1:]
	}
	return who, pid, rest, true
}

// nameByte are the bytes of names of programs, units, containers and pods.
var nameByte = func() (set [256]bool) {
	for _, b := range []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./@\\()~+") {
		set[b] = true
	}
	return set
}()

// origin cuts "host kubelet[20520]: " off b, or what there is of it.
func (l *layer) origin(b []byte) (pid, ok bool) {
	if l.who, pid, l.rest, ok = identifier(b); ok {
		return pid, true
	}
	l.host, b = cutWord(b)
	l.who, pid, l.rest, ok = identifier(b)
	return pid, ok
}

// datedLayer is one that begins with a time in digits: of CRI, of journalctl -o short-iso
// or short-unix, of rsyslog, or of kubectl logs --timestamps.
func datedLayer(b []byte) (layer, bool) {
	n, t, zone := isoLength(b)
	if n == 0 {
		return unixLayer(b)
	}
	l := layer{stamp: stamp{b[:n], isoTime}}
	if !t || n >= len(b) || b[n] != ' ' {
		return l, false
	}
	rest := b[n+1:]
	if l.container(rest) {
		return l, true
	}
	if pid, ok := l.origin(rest); ok && (pid && l.host != nil || isProgram(l.who)) {
		l.carrier = journalLine
		return l, true
	}
	if !zone {
		return l, false
	}
	return layer{carrier: timestamps, stamp: l.stamp, rest: rest}, true
}

// container reads "stderr F ", of the format of the container runtime interface
// (kubernetes design proposal "CRI: log management"): P is a part of a line, F the last.
func (l *layer) container(b []byte) bool {
	if len(b) < 8 || b[0] != 's' || b[6] != ' ' {
		return false
	}
	switch string(b[:6]) {
	case "stderr":
		l.stream = stderr
	case "stdout":
		l.stream = stdout
	default:
		return false
	}
	tag, rest, _ := bytes.Cut(b[7:], []byte(" "))
	if len(tag) == 0 || tag[0] != 'F' && tag[0] != 'P' || len(tag) > 1 && tag[1] != ':' {
		return false
	}
	l.carrier, l.more, l.rest = criLine, tag[0] == 'P', rest
	return true
}

// unixLayer is one of journalctl -o short-unix: 1668000000.123456 host kubelet[1]: text.
func unixLayer(b []byte) (layer, bool) {
	n := 0
	for n < len(b) && n < 24 && (b[n] >= '0' && b[n] <= '9' || b[n] == '.') {
		n++
	}
	if n < 10 || n >= len(b) || b[n] != ' ' {
		return layer{}, false
	}
	l := layer{carrier: journalLine, stamp: stamp{b[:n], unixTime}}
	pid, ok := l.origin(b[n+1:])
	return l, ok && pid
}

// namedDateLayer is one that begins with the name of a month or of a day: of journalctl,
// of systemctl status and of syslog.
func namedDateLayer(b []byte) (layer, bool) {
	if len(b) < 16 || b[3] != ' ' {
		return layer{}, false
	}
	if l, ok := monthLayer(b); ok {
		l.carrier = syslogLine
		return l, true
	}
	n, _, _ := isoLength(b[4:])
	if n == 0 || 4+n >= len(b) || b[4+n] != ' ' {
		return layer{}, false
	}
	zone, rest := cutWord(b[5+n:])
	if len(zone) > 6 { // no name of a zone
		zone, rest = nil, b[5+n:]
	}
	l := layer{carrier: journalLine, stamp: stamp{b[4 : 5+n+len(zone)], isoTime}}
	_, ok := l.origin(rest)
	return l, ok
}

// monthLayer is Apr 13 16:29:47 host kubelet[20520]: text.
func monthLayer(b []byte) (layer, bool) {
	if len(b) < 16 || b[3] != ' ' || b[6] != ' ' || b[9] != ':' {
		return layer{}, false
	}
	n := clockLength(b[7:])
	if _, ok := monthOf(b); !ok || n == 0 || 7+n >= len(b) || b[7+n] != ' ' {
		return layer{}, false
	}
	l := layer{stamp: stamp{b[:7+n], monthTime}}
	_, ok := l.origin(b[8+n:])
	return l, ok
}

// syslogLayer is one of RFC 5424 or RFC 3164 as it is sent, with its priority.
func syslogLayer(b []byte) (layer, bool) {
	_, rest, ok := digits(b[1:], 1, 3)
	if !ok || len(rest) < 2 || rest[0] != '>' {
		return layer{}, false
	}
	rest = rest[1:]
	if bytes.HasPrefix(rest, []byte("1 ")) {
		return structuredLayer(rest[2:])
	}
	l, ok := monthLayer(rest)
	if !ok {
		if l, ok = datedLayer(rest); !ok || l.carrier != journalLine {
			return layer{}, false
		}
	}
	l.carrier = syslogLine
	return l, true
}

// structuredLayer is TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA MSG of RFC
// 5424, section 6; "-" is for what there is not.
func structuredLayer(b []byte) (layer, bool) {
	var part [5][]byte
	for i := range part {
		var found bool
		if part[i], b, found = bytes.Cut(b, []byte(" ")); !found {
			return layer{}, false
		}
		if string(part[i]) == "-" {
			part[i] = nil
		}
	}
	l := layer{carrier: syslogLine, host: part[1], who: part[2], stamp: stamp{part[0], isoTime}}
	if n, _, _ := isoLength(part[0]); n == 0 {
		l.stamp = stamp{}
	}
	b = structuredData(b)
	l.rest = bytes.TrimPrefix(bytes.TrimPrefix(b, []byte(" ")), []byte("\ufeff"))
	return l, true
}

// structuredData returns what is behind the elements in brackets.
func structuredData(b []byte) []byte {
	if len(b) > 0 && b[0] == '-' {
		return b[1:]
	}
	for len(b) > 0 && b[0] == '[' {
		i := 1
		for inside := false; i < len(b) && (inside || b[i] != ']'); i++ {
			switch b[i] {
			case '\\':
				i++
			case '"':
				inside = !inside
			}
		}
		b = b[min(i+1, len(b)):]
	}
	return b
}

// bracketLayer is one of kubectl logs --prefix, [pod/name/container] text, or of
// journalctl -o short-monotonic, [   12.345678] host kubelet[1]: text.
func bracketLayer(b []byte) (layer, bool) {
	end := bytes.Index(b[:min(len(b), 600)], []byte("] "))
	if end < 0 {
		return layer{}, false
	}
	inside, rest := b[1:end], b[end+2:]
	if pod, ok := bytes.CutPrefix(inside, []byte("pod/")); ok {
		_, container, ok := bytes.Cut(pod, []byte("/"))
		return layer{carrier: kubectlLine, who: container, rest: rest}, ok
	}
	if len(bytes.Trim(inside, " 0123456789.")) > 0 {
		return layer{}, false
	}
	l := layer{carrier: journalLine}
	pid, ok := l.origin(rest)
	return l, ok && pid
}

// tableLayer is a row of a table as terminals draw it; the name in front of a line is
// that of a container.
func tableLayer(b []byte) (layer, bool) {
	for _, border := range []string{"│", "┃", "|"} {
		inside, ok := bytes.CutPrefix(b, []byte(border))
		if !ok {
			continue
		}
		inside = bytes.TrimSuffix(bytes.TrimRight(inside, " \r"), []byte(border))
		return layer{carrier: table, rest: bytes.TrimSpace(inside)}, true
	}
	return layer{}, false
}

// wordLayer is one of docker compose, name | text, or of stern, pod container text, and
// of what shows the name of a container only.
func wordLayer(b []byte) (layer, bool) {
	first, rest := cutWord(b)
	if len(first) == 0 || len(first) > 253 || len(rest) == 0 || !isName(first) {
		return layer{}, false
	}
	if len(rest) > 1 && rest[0] == '|' && rest[1] == ' ' {
		return layer{carrier: prefixed, who: first, weak: true, rest: rest[2:]}, true
	}
	pod, text := first, rest
	for range 2 { // a namespace may stand before the pod
		container, behind := cutWord(text)
		if len(behind) == 0 || !isName(container) {
			break
		}
		if known, of := isProgram(container), bytes.HasPrefix(pod, container); known && of || (known || of) && ownTime(behind).form != noTime {
			return layer{carrier: prefixed, who: container, rest: behind}, true
		}
		pod, text = container, behind
	}
	if isProgram(first) && (isKlog(rest) || rest[0] == '{') {
		return layer{carrier: prefixed, who: first, rest: rest}, true
	}
	return layer{}, false
}

func isName(b []byte) bool {
	for _, c := range b {
		if !nameByte[c] {
			return false
		}
	}
	return true
}

// isKlog reports whether text begins with klog's header, E0920 16:30:36.852849.
func isKlog(b []byte) bool {
	return len(b) > 21 && (b[0] == 'I' || b[0] == 'W' || b[0] == 'E' || b[0] == 'F') &&
		b[5] == ' ' && b[14] == '.' && b[1] <= '1' && b[1] >= '0' && clockLength(b[6:]) > 8
}

// ownTime is the time that a program wrote in front of its text.
func ownTime(b []byte) stamp {
	if isKlog(b) {
		return stamp{b[1:21], klogTime}
	}
	if n, _, _ := isoLength(b); n > 0 {
		return stamp{b[:n], isoTime}
	}
	for _, prefix := range []string{`time="`, "time=", "ts=", "[", "raft", "WARNING: ", "INFO: ", "ERROR: "} {
		after, ok := bytes.CutPrefix(b, []byte(prefix))
		if !ok {
			continue
		}
		if n, _, _ := isoLength(after); n > 0 {
			return stamp{after[:n], isoTime}
		}
		return slashStamp(after)
	}
	return slashStamp(b)
}

// slashStamp is the time of Go's package log.
func slashStamp(b []byte) stamp {
	if len(b) < 19 || b[4] != '/' || b[7] != '/' || b[10] != ' ' || clockLength(b[11:]) == 0 {
		return stamp{}
	}
	return stamp{b[:11+clockLength(b[11:])], slashTime}
}
