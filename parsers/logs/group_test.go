package logs

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestGroups(t *testing.T) {
	base := Event{At: Line{Host: "cp1", Component: "etcd"}, Kind: KindExpired, Direction: Refuses, Side: Server, Peer: "10.0.0.7:40001", Name: "a", Valid: []string{"b"},
		Bound: utc(9, 20, 0, 0, 0, 0), Clock: utc(9, 21, 0, 0, 0, 0), Candidate: "ca", Message: "expired at 12:00"}
	change := func(f func(*Event)) Event {
		e := base
		f(&e)
		return e
	}
	for _, test := range []struct {
		name   string
		events []Event
		want   []string
	}{
		{"alike", []Event{base, base, change(func(e *Event) {
			e.Peer, e.Message, e.Clock, e.At.Number, e.Paths = "10.0.0.7:40002", "expired at 13:15", utc(9, 22, 0, 0, 0, 0), 7, []string{"/a"}
		})}, []string{"3 10.0.0.7"}},
		{"another host", []Event{base, change(func(e *Event) { e.At.Host = "cp2" })}, []string{"1 10.0.0.7", "1 10.0.0.7"}},
		{"another component", []Event{base, change(func(e *Event) { e.At.Component = "kubelet" })}, []string{"1 10.0.0.7", "1 10.0.0.7"}},
		{"another kind", []Event{base, change(func(e *Event) { e.Kind = KindUnknownAuthority })}, []string{"1 10.0.0.7", "1 10.0.0.7"}},
		{"another direction", []Event{base, change(func(e *Event) { e.Direction = Refused })}, []string{"1 10.0.0.7", "1 10.0.0.7"}},
		{"another name", []Event{base, change(func(e *Event) { e.Name = "b" })}, []string{"1 10.0.0.7", "1 10.0.0.7"}},
		{"other names", []Event{base, change(func(e *Event) { e.Valid = []string{"b", "c"} })}, []string{"1 10.0.0.7", "1 10.0.0.7"}},
		{"another end", []Event{base, change(func(e *Event) { e.Bound = utc(9, 20, 0, 0, 1, 0) })}, []string{"1 10.0.0.7", "1 10.0.0.7"}},
		{"another candidate", []Event{base, change(func(e *Event) { e.Candidate = "" })}, []string{"1 10.0.0.7", "1 10.0.0.7"}},
		{"another message", []Event{base, change(func(e *Event) { e.Message = "not yet valid" })}, []string{"1 10.0.0.7", "1 10.0.0.7"}},
		{"another peer", []Event{base, change(func(e *Event) { e.Peer = "10.0.0.8:40001" })}, []string{"1 10.0.0.7", "1 10.0.0.8"}},
		{"a peer in IPv6", []Event{change(func(e *Event) { e.Peer = "[::1]:40001" })}, []string{"1 [::1]"}},
		{"a client that was given a low port", []Event{change(func(e *Event) { e.Peer = "10.0.0.7:31833" })}, []string{"1 10.0.0.7"}},
		{"servers", []Event{change(func(e *Event) { e.Side, e.Peer = Client, "10.0.0.7:40001" }), change(func(e *Event) { e.Side, e.Peer = Client, "10.0.0.7:40002" })},
			[]string{"1 10.0.0.7:40001", "1 10.0.0.7:40002"}},
		{"ends of which nothing says what they are", []Event{
			change(func(e *Event) { e.Side, e.Peer = UnknownSide, "10.0.0.7:2379" }), change(func(e *Event) { e.Side, e.Peer = UnknownSide, "10.0.0.7:32768" }),
		}, []string{"1 10.0.0.7:2379", "1 10.0.0.7"}},
		{"URLs of one server", []Event{
			change(func(e *Event) { e.Side, e.Peer = Client, "https://10.0.0.7:6443/api?resourceVersion=1" }),
			change(func(e *Event) { e.Side, e.Peer = Client, "https://10.0.0.7:6443/apis" }),
		}, []string{"2 https://10.0.0.7:6443/api?resourceVersion=1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := NewReader(Options{Now: now})
			for _, e := range test.events {
				r.group(&e, time.Time{}, nil)
			}
			var got []string
			for _, g := range r.Digest().Groups {
				got = append(got, fmt.Sprintf("%d %s", g.Count, g.Peer))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("want -, got +\n%s", diff)
			}
		})
	}
}

func TestUses(t *testing.T) {
	r := NewReader(Options{Now: now})
	use := func(host string, hour int, setting, path string) Use {
		return Use{At: Line{Host: host, Component: "etcd", Time: utc(9, 20, hour, 0, 0, 0)}, Setting: setting, Path: path}
	}
	for _, u := range []Use{
		use("cp1", 10, "cert-file", "/b"), use("cp1", 9, "cert-file", "/a"), use("cp1", 9, "key-file", "/k"),
		use("cp2", 9, "cert-file", "/c"), use("cp2", 11, "cert-file", "/d"), use("cp2", 11, "cert-file", "/e"),
	} {
		r.use(u)
	}
	want := []Use{use("cp1", 10, "cert-file", "/b"), use("cp1", 9, "key-file", "/k"), use("cp2", 11, "cert-file", "/e")}
	if diff := cmp.Diff(want, r.Digest().Uses); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	for i := range 2 * maxGroups {
		r.use(use(fmt.Sprint("x", i), 9, "cert-file", "/a"))
	}
	if d := r.Digest(); len(d.Uses) != maxGroups || d.Ungrouped != maxGroups+3 {
		t.Errorf("%d uses, %d have no place", len(d.Uses), d.Ungrouped)
	}
}

func TestUnknown(t *testing.T) {
	r := NewReader(Options{Now: now})
	for i := range maxUnknownShown + 2 {
		for n := range 1 + i%3 {
			r.notUnderstood(Line{Number: int64(n), Time: utc(9, 20, n, 0, 0, 0), Text: strings.Repeat("y", 1+i) + fmt.Sprintf(" %d ", n) + strings.Repeat("é", maxText)})
		}
	}
	d := r.Digest()
	var counts []int64
	for _, u := range d.Unknown {
		counts = append(counts, u.Count)
		if len(u.Text) > maxText+len("…") || u.Number != 0 || u.Last.Sub(u.First) != time.Duration(u.Count-1)*time.Hour {
			t.Errorf("%v", u)
		}
	}
	if want := []int64{3, 3, 3, 3, 2, 2, 2, 2, 1, 1}; !slices.Equal(want, counts) || d.Unlisted != 2 {
		t.Errorf("want %d, got %d; %d are not listed", want, counts, d.Unlisted)
	}
}

func TestNamesAreBounded(t *testing.T) {
	long := []byte(strings.Repeat("x", maxName+1))
	if got := componentOf(long, false) + componentOf([]byte("0123456789ab"), false) + componentOf([]byte("sh"), false) + componentOf([]byte("my-shop"), true) + nameOf(long) + nameOf([]byte("-")); got != "" {
		t.Errorf("a name is %q", got)
	}
	for name, want := range map[string]string{"/usr/bin/etcd": "etcd", "etcd@main.service": "etcd", "my-shop": "my-shop", "etcd1.local": "etcd", "kube-apiserver": "kube-apiserver", "etcd-backup": "etcd-backup", "etcd-": "etcd-"} {
		if got := componentOf([]byte(name), false); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestScanner(t *testing.T) {
	words := []string{"abcd", "bc", "cab", "xyz", "bcx"}
	s := newScanner(words)
	for i := range 6561 {
		text := ""
		for n := i; len(text) < 8; n /= 3 {
			text += string("abc"[n%3])
		}
		text += "dxyz"[i%4:]
		want := slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
		if got := s.in([]byte(text)); got != want {
			t.Fatalf("%s: %t, want %t", text, got, want)
		}
		if got := len(s.marks(nil, []byte(text))) > 0; got != want {
			t.Fatalf("%s has marks: %t, want %t", text, got, want)
		}
	}
	// In a text that is gone through in parts, each place is found.
	text := []byte(strings.Repeat("a line\n", 500) + "xyz\n" + strings.Repeat("b xyz c\n", 300) + "no end")
	var want []int
	for i := range text {
		if strings.HasSuffix(string(text[:i+1]), "xyz") {
			want = append(want, i)
		}
	}
	if diff := cmp.Diff(want, s.marks(nil, text)); diff != "" {
		t.Error(diff)
	}
}
