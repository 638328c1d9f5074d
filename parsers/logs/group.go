package logs

import (
	"bytes"
	"cmp"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"certaudit/parsers"
)

const (
	// maxGroups is how many groups, and how many files in use, are kept.
	maxGroups = 2000
	// maxUnknown is how many different lines that are not understood are counted one by one.
	maxUnknown = 1000
	// maxUnknownShown is how many of them are shown.
	maxUnknownShown = 10
	// maxComponents is how many names of components are counted one by one.
	maxComponents = 1000
	// maxRaw is how much of a line is kept as it stands, in bytes.
	maxRaw = 4096
	// maxText is how much of a line that is not understood is kept, in bytes.
	maxText = 1024
	// firstEphemeral is the first port that Linux gives to clients by itself
	// (ip_local_port_range).
	firstEphemeral = 32768
)

// take takes a line in that may tell something; raw is how it stands in the log, and c
// counts what its writer wrote.
func (r *Reader) take(l Line, raw []byte, c *Count) {
	if !l.Time.IsZero() && l.Time.Before(r.options.Since) {
		return
	}
	r.noteMember(l.Text)
	e, uses, suspect := eventOf(l)
	for _, u := range uses {
		r.use(u)
	}
	switch {
	case e != nil:
		c.Events++
		r.group(e, l.Time, raw)
	case suspect:
		c.Unknown++
		r.notUnderstood(l)
	}
}

// group counts an event among those alike.
func (r *Reader) group(e *Event, at time.Time, raw []byte) {
	e.Peer = cmp.Or(r.members[e.Peer], peerOf(e))
	key := strings.Join(append([]string{
		e.At.Node, e.At.Host, e.At.Component, string(e.Kind), string(e.Direction), peerHost(e.Peer), e.Name, e.Candidate,
		e.Bound.String(), e.Serial, normal(e.Message),
	}, e.Valid...), "\x00")
	i, known := r.groups[key]
	if !known {
		if len(r.digest.Groups) >= maxGroups {
			r.digest.Ungrouped++
			return
		}
		i = len(r.digest.Groups)
		r.groups[key] = i
		r.digest.Groups = append(r.digest.Groups, Group{Event: *e})
	}
	g := &r.digest.Groups[i]
	g.Count++
	widen(&g.First, &g.Last, at)
	if len(g.Raw) < r.options.Raw {
		g.Raw = append(g.Raw, shown(string(raw), maxRaw))
	}
}

// widen has the span from first to last hold a time; a time of zero is none.
func widen(first, last *time.Time, at time.Time) {
	if at.IsZero() {
		return
	}
	if first.IsZero() || at.Before(*first) {
		*first = at
	}
	if at.After(*last) {
		*last = at
	}
}

// use keeps the last file that a program said it uses for a setting.
func (r *Reader) use(u Use) {
	key := strings.Join([]string{u.At.Node, u.At.Host, u.At.Component, u.Setting}, "\x00")
	i, known := r.uses[key]
	switch {
	case !known && len(r.digest.Uses) >= maxGroups:
		r.digest.Ungrouped++
	case !known:
		r.uses[key] = len(r.digest.Uses)
		r.digest.Uses = append(r.digest.Uses, u)
	case !u.At.Time.Before(r.digest.Uses[i].At.Time):
		r.digest.Uses[i] = u
	}
}

// notUnderstood counts a line among those that differ from it by numbers only.
func (r *Reader) notUnderstood(l Line) {
	r.digest.Unlisted++
	key := l.Component + "\x00" + normal(l.Text)
	u := r.unknown[key]
	if u == nil {
		if len(r.unknown) >= maxUnknown {
			return
		}
		at := l.Time
		l.Text = shown(l.Text, maxText)
		u = &Unknown{Line: l, First: at, Last: at}
		r.unknown[key] = u
		r.unknownOrder = append(r.unknownOrder, u)
	}
	u.Count++
	widen(&u.First, &u.Last, l.Time)
}

// count is the count of a component, or that of no component where there are too many.
func (r *Reader) count(component string) *Count {
	c := r.counts[component]
	if c == nil {
		if len(r.counts) >= maxComponents && component != "" {
			return r.count("")
		}
		c = &Count{Component: component}
		r.counts[component] = c
	}
	return c
}

// Digest returns what was read so far, which reading on does not change.
func (r *Reader) Digest() Digest {
	d := r.digest
	d.Groups, d.Uses = slices.Clone(d.Groups), slices.Clone(d.Uses)
	for _, c := range r.counts {
		if c.Lines > 0 {
			d.Components = append(d.Components, *c)
		}
	}
	slices.SortFunc(d.Components, func(a, b Count) int { return strings.Compare(a.Component, b.Component) })
	frequent := slices.Clone(r.unknownOrder)
	slices.SortStableFunc(frequent, func(a, b *Unknown) int { return cmp.Compare(b.Count, a.Count) })
	for _, u := range frequent[:min(len(frequent), maxUnknownShown)] {
		d.Unknown = append(d.Unknown, *u)
		d.Unlisted -= u.Count
	}
	for _, s := range r.sources {
		d.Sources = append(d.Sources, s.told())
	}
	return d
}

// peerOf is the other end of an event, without the port that a client has by chance.
func peerOf(e *Event) string {
	host, port, err := net.SplitHostPort(e.Peer)
	if err != nil || e.Side == Client {
		return e.Peer
	}
	if n, err := strconv.Atoi(port); e.Side == Server || err == nil && n >= firstEphemeral {
		return parsers.Bracketed(host)
	}
	return e.Peer
}

// peerHost is what of a peer tells it from others: of a URL its host and port.
func peerHost(peer string) string {
	if !strings.Contains(peer, "://") {
		return peer
	}
	u, err := url.Parse(peer)
	if err != nil {
		return normal(peer)
	}
	return u.Host
}

// normal is a text in which each number, address, time and identifier is a 0: what has
// digits in it, or is long and of hexadecimal digits only, and what joins such.
func normal(text string) string {
	out := make([]byte, 0, min(len(text), maxText))
	for i := 0; i < len(text) && len(out) < maxText; {
		n := i
		digits, hex := false, true
		for n < len(text) && isAlphanumeric(text[n]) {
			digits = digits || text[n] <= '9'
			hex = hex && (text[n] <= '9' || text[n]|0x20 <= 'f')
			n++
		}
		switch {
		case n == i:
			out = append(out, text[i])
			n++
		case !digits && !(hex && n-i >= 8):
			out = append(out, text[i:n]...)
		default:
			joined := bytes.TrimRight(out, ".:-")
			if len(joined) > 0 && joined[len(joined)-1] == '0' {
				out = joined
			} else {
				out = append(out, '0')
			}
		}
		i = n
	}
	return string(out)
}

func isAlphanumeric(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}

// clean is a text as it is judged: valid UTF-8, without colours, NUL and what is blank at
// its end.
func clean(text []byte) string {
	text = colourless(text)
	if bytes.IndexByte(text, 0) >= 0 {
		text = bytes.ReplaceAll(text, []byte{0}, nil)
	}
	return strings.TrimRight(strings.ToValidUTF8(string(text), "\ufffd"), " \t\r\n")
}

// shown is a text to be shown: no more than some bytes, valid UTF-8, without secrets. One
// that is cut off behind them is still told by what is left of it.
func shown(text string, most int) string {
	head := strings.ToValidUTF8(text[:min(len(text), most+maxPrinted)], "\ufffd")
	return parsers.Clip(withoutSecrets(head), most)
}

// nameOf is a name that a log has, bounded; "" for one that is too long or "-".
func nameOf(b []byte) string {
	if len(b) > maxName || string(b) == "-" {
		return ""
	}
	return printable(b)
}

// printable is a text of the input in valid UTF-8.
func printable(b []byte) string { return strings.ToValidUTF8(string(b), "\ufffd") }
