package logs

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
)

const unknownAuthority = "x509: certificate signed by unknown authority"

// digestOf reads one log.
func digestOf(o Options, name string, text []byte) Digest {
	o.Now = now
	r := NewReader(o)
	r.Read(name, bytes.NewReader(text))
	return r.Digest()
}

// told is a digest in short: a line for each group, line that is not understood, count and
// problem.
func told(d Digest) []string {
	var out []string
	span := func(first, last time.Time) string {
		if first.IsZero() {
			return "-"
		}
		return first.Format("01-02T15:04:05") + ".." + last.Format("01-02T15:04:05")
	}
	for _, g := range d.Groups {
		out = append(out, fmt.Sprintf("event %d× %s:%d %s %s %s %s", g.Count, g.At.Source, g.At.Number, g.At.Host, g.At.Component, span(g.First, g.Last), g.Kind))
	}
	for _, u := range d.Unknown {
		out = append(out, fmt.Sprintf("unknown %d× %s:%d %s %s %s", u.Count, u.Source, u.Number, u.Component, span(u.First, u.Last), u.Text))
	}
	for _, c := range d.Components {
		out = append(out, fmt.Sprintf("lines of %q: %d, %d, %d", c.Component, c.Lines, c.Events, c.Unknown))
	}
	for _, s := range d.Sources {
		out = append(out, fmt.Sprintf("%s: %s, %d lines", s.Name, s.Format, s.Lines))
		for _, p := range s.Problems {
			out = append(out, s.Name+" "+p)
		}
	}
	if d.Unlisted+d.Ungrouped > 0 {
		out = append(out, fmt.Sprintf("%d unlisted, %d ungrouped", d.Unlisted, d.Ungrouped))
	}
	return out
}

func tells(t *testing.T, d Digest, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, told(d)); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}

func TestSplitLines(t *testing.T) {
	for _, test := range []struct {
		name, source string
		lines        []string
		want         []string
	}{
		{"CRI, two streams", pods, []string{
			"2026-09-20T16:30:37Z stderr P E0920 16:30:36.852849 11 a.go:1] x509: certificate sig",
			"2026-09-20T16:30:38Z stdout P {}",
			"2026-09-20T16:30:39Z stderr P ned by unknown",
			"2026-09-20T16:30:40Z stdout F {}",
			"2026-09-20T16:30:41Z stderr F  authority",
			"2026-09-20T16:30:42Z stderr F a line",
		}, []string{
			"event 1× " + pods + ":1  kube-apiserver 09-20T16:30:37..09-20T16:30:37 unknown-authority",
			`lines of "kube-apiserver": 3, 1, 0`,
			pods + ": cri, 6 lines",
		}},
		{"CRI without an end", pods, []string{
			"2026-09-20T16:30:37Z stderr P x509: certificate sig",
			"2026-09-20T16:30:39Z stderr P ned by unknown authority",
		}, []string{
			"event 1× " + pods + ":1  kube-apiserver 09-20T16:30:37..09-20T16:30:37 unknown-authority",
			`lines of "kube-apiserver": 1, 1, 0`,
			pods + ": cri, 2 lines",
		}},
		{"json-file", "-", []string{
			`{"log":"{\"level\":\"warn\",\"caller\":\"embed/a.go:1\",\"error\":\"x509: certificate","stream":"stderr","time":"2026-09-20T16:30:37Z"}`,
			`{"log":" signed by unknown authority\"}\n","stream":"stderr","time":"2026-09-20T16:30:38Z"}`,
			`{"log":"a line\n","stream":"stderr","time":"2026-09-20T16:30:38Z"}`,
		}, []string{
			"event 1× -:1  etcd 09-20T16:30:37..09-20T16:30:37 unknown-authority",
			`lines of "": 1, 0, 0`,
			`lines of "etcd": 1, 1, 0`,
			"-: json-file, 3 lines",
		}},
		{"json-file without line feeds", "-", []string{
			`{"log":"E0920 16:30:36.852849 11 a.go:1] x509: certificate signed by unknown authority","stream":"stderr","time":"2026-09-20T16:30:37Z"}`,
			`{"log":"E0920 16:30:37.852849 11 a.go:1] x509: certificate signed by unknown authority","stream":"stderr","time":"2026-09-20T16:30:38Z"}`,
		}, []string{
			"event 2× -:1   09-20T16:30:37..09-20T16:30:38 unknown-authority",
			`lines of "": 2, 2, 0`,
			"-: json-file, 2 lines",
		}},
		{"the journal", "-", []string{
			`{"__REALTIME_TIMESTAMP":"1789921837000000","SYSLOG_IDENTIFIER":"kubelet","_LINE_BREAK":"line-max","MESSAGE":"x509: certificate signed"}`,
			`{"__REALTIME_TIMESTAMP":"1789921837000001","SYSLOG_IDENTIFIER":"kubelet","MESSAGE":" by unknown authority"}`,
		}, []string{
			"event 1× -:1  kubelet 09-20T16:30:37..09-20T16:30:37 unknown-authority",
			`lines of "kubelet": 1, 1, 0`,
			"-: journal-json, 2 lines",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			tells(t, digestOf(Options{}, test.source, []byte(strings.Join(test.lines, "\n")+"\n")), test.want...)
		})
	}
}

func TestSystemctlStatus(t *testing.T) {
	tells(t, digestOf(Options{}, "-", []byte(`● kubelet.service - kubelet: The Kubernetes Node Agent
     Loaded: loaded (/lib/systemd/system/kubelet.service; enabled; preset: enabled)
    Drop-In: /usr/lib/systemd/system/kubelet.service.d
             └─10-kubeadm.conf
     Active: activating (auto-restart) (Result: exit-code) since Sun 2026-09-20 16:30:37 UTC; 7s ago
   Main PID: 20520 (code=exited, status=1/FAILURE)

Sep 20 16:30:37 cp1 kubelet[20520]: E0920 16:30:36.852849   20520 run.go:74] "command failed" err="x509: certificate signed by unknown authority"
Sep 20 16:30:38 cp1 systemd[1]: kubelet.service: Main process exited, code=exited, status=1/FAILURE
`)),
		"event 1× -:8 cp1 kubelet 09-20T16:30:37..09-20T16:30:37 unknown-authority",
		`lines of "": 7, 0, 0`, `lines of "kubelet": 1, 1, 0`, `lines of "systemd": 1, 0, 0`, "-: text, 9 lines")
}

// following are lines of which some follow a heading, or one that says who wrote them.
var following = strings.Join([]string{
	"Sep 20 16:30:37 cp1 kubelet[7]: two",
	"                                lines: " + unknownAuthority,
	"\t" + unknownAuthority,
	"                                no line before it: " + unknownAuthority,
	"==> kube-apiserver [3f1c2b] <==",
	"E0920 16:30:38.000000 1 a.go:1] " + unknownAuthority,
	"==> /var/log/etcd.log <==",
	"",
	unknownAuthority,
	"==== START logs for container coredns of pod kube-system/coredns-1 ====",
	unknownAuthority,
	"==== END logs for container coredns of pod kube-system/coredns-1 ====",
	"=== " + unknownAuthority,
}, "\n")

// Lines of which nothing says who wrote them are of whom the lines before them say so.
func TestLinesThatFollow(t *testing.T) {
	tells(t, digestOf(Options{}, "-", []byte(following)),
		"event 1× -:2 cp1 kubelet 09-20T16:30:37..09-20T16:30:37 unknown-authority",
		"event 3× -:3   09-20T16:30:37..09-20T16:30:38 unknown-authority",
		"event 1× -:6  kube-apiserver 09-20T16:30:38..09-20T16:30:38 unknown-authority",
		"event 1× -:9  etcd 09-20T16:30:38..09-20T16:30:38 unknown-authority",
		"event 1× -:11  coredns 09-20T16:30:38..09-20T16:30:38 unknown-authority",
		`lines of "": 4, 3, 0`, `lines of "coredns": 2, 1, 0`, `lines of "etcd": 3, 1, 0`, `lines of "kube-apiserver": 2, 1, 0`, `lines of "kubelet": 2, 1, 0`,
		"-: text, 13 lines")
}

// exported is what journalctl -o export prints of three entries, of which the second has a
// message and a field of bytes.
var exported = "__CURSOR=s=1\n__REALTIME_TIMESTAMP=1789921837000000\n_HOSTNAME=cp1\nSYSLOG_IDENTIFIER=kubelet\nMESSAGE=a line\n\n" +
	"__CURSOR=s=2\n__REALTIME_TIMESTAMP=1789921838000000\n_HOSTNAME=cp1\nSYSLOG_IDENTIFIER=etcd\nX\n\x0a\x00\x00\x00\x00\x00\x00\x00\n\n\n\n\n\n\n\n\n\n\n" +
	"MESSAGE\n\x30\x00\x00\x00\x00\x00\x00\x00\n\x01" + unknownAuthority + "\n\n\n" +
	"__CURSOR=s=3\n__REALTIME_TIMESTAMP=1789921837500000\n_HOSTNAME=cp1\nSYSLOG_IDENTIFIER=kubelet\nMESSAGE=" + unknownAuthority + "\n\n"

func TestJournalExport(t *testing.T) {
	tells(t, digestOf(Options{}, "-", []byte(exported+"a line of text\n"+"2026-09-20T16:30:41Z stderr F "+unknownAuthority)),
		"event 1× -:24 cp1 etcd 09-20T16:30:38..09-20T16:30:38 unknown-authority",
		"event 1× -:33 cp1 kubelet 09-20T16:30:37..09-20T16:30:37 unknown-authority",
		"event 1× -:36   09-20T16:30:41..09-20T16:30:41 unknown-authority",
		`lines of "": 2, 1, 0`, `lines of "etcd": 1, 1, 0`, `lines of "kubelet": 2, 1, 0`,
		"-: journal-export, 36 lines")
	tells(t, digestOf(Options{}, "-", []byte("__CURSOR=s=1\nMESSAGE\n\xff\xff\xff\xff\xff\xff\xff\x7f\nSep 20 16:30:37 cp1 etcd: "+unknownAuthority+"\n")),
		"event 1× -:4 cp1 etcd 09-20T16:30:37..09-20T16:30:37 unknown-authority",
		`lines of "": 1, 0, 0`, `lines of "etcd": 1, 1, 0`,
		"-: syslog, 4 lines")
	tells(t, digestOf(Options{}, "-", []byte("__CURSOR=s=1\nSYSLOG_IDENTIFIER=etcd\nMESSAGE="+unknownAuthority)),
		"event 1× -:3  etcd - unknown-authority", `lines of "etcd": 1, 1, 0`, "-: journal-export, 3 lines")
	tells(t, digestOf(Options{}, "-", []byte("__CURSOR=s=1\nSYSLOG_IDENTIFIER=etcd\nMESSAGE\n\xff\x00\x00\x00\x00\x00\x00\x00"+unknownAuthority)),
		"event 1× -:3  etcd - unknown-authority", `lines of "etcd": 1, 1, 0`, "-: journal-export, 4 lines")
	// A line that looks like the name of a field is followed by text all the same.
	tells(t, digestOf(Options{}, "-", []byte("__CURSOR=s=1\nERROR\nSep 20 16:30:37 cp1 etcd: "+unknownAuthority+"\nA\nx\ny\nE")),
		"event 1× -:3 cp1 etcd 09-20T16:30:37..09-20T16:30:37 unknown-authority",
		`lines of "": 4, 0, 0`, `lines of "etcd": 1, 1, 0`, "-: text, 7 lines")
}

// verbosely is what journalctl -o verbose, of systemd 252, prints of three entries in another
// zone than UTC: the first has a message of two lines, the second one that it takes for bytes.
const verbosely = `Sun 2026-09-20 18:30:37.000000 CEST [s=39e696;i=1;b=0123;m=f4241;t=65beca7452540;x=7263]
    _HOSTNAME=cp1
    SYSLOG_IDENTIFIER=kubelet
    MESSAGE=two lines
            ` + unknownAuthority + `
    _PID=700
Sun 2026-09-20 18:30:38.000000 CEST [s=39e696;i=2;b=0123;m=f4242;t=65beca7546780;x=7263]
    SYSLOG_IDENTIFIER=kubelet
    MESSAGE=[90B blob data]
Sun 2026-09-20 18:30:39.000000 CEST [s=39e696;i=3;b=0123;m=f4243;t=65beca763a9c0;x=7263]
    CODE_FILE=a
              MESSAGE=` + unknownAuthority + `
    SYSLOG_IDENTIFIER=etcd
    MESSAGE=` + unknownAuthority + `
`

func TestJournalVerbose(t *testing.T) {
	tells(t, digestOf(Options{}, "-", []byte(verbosely+"-- Boot 0123 --\n2026-09-20T16:30:41Z stderr F "+unknownAuthority)),
		"event 1× -:4 cp1 kubelet 09-20T16:30:37..09-20T16:30:37 unknown-authority",
		"event 1× -:14  etcd 09-20T16:30:39..09-20T16:30:39 unknown-authority",
		"event 1× -:16   09-20T16:30:41..09-20T16:30:41 unknown-authority",
		`lines of "": 2, 1, 0`, `lines of "etcd": 1, 1, 0`, `lines of "kubelet": 2, 1, 0`,
		"-: journal-verbose, 16 lines")
}

func TestWhatIsNoText(t *testing.T) {
	line := "Sep 20 16:30:37 cp1 etcd: " + unknownAuthority + "\n"
	event := "event 1× -:%d cp1 etcd 09-20T16:30:37..09-20T16:30:37 unknown-authority"
	long := strings.Repeat("x", maxLine)
	for _, test := range []struct {
		name, text string
		want       []string
	}{
		{"binary", "\x00\x01\x02\n\x7f\x00\x00\n" + line, []string{
			fmt.Sprintf(event, 3), `lines of "": 2, 0, 0`, `lines of "etcd": 1, 1, 0`, "-: text, 3 lines",
			"- line 2 has NUL bytes: binary data; the text between them was read"}},
		{"a long line", long + "x" + unknownAuthority + "\n" + line, []string{
			fmt.Sprintf(event, 2), `lines of "": 1, 0, 0`, `lines of "etcd": 1, 1, 0`, "-: syslog, 2 lines",
			"- line 1 is longer than 1 MiB; only the beginning was read"}},
		{"long lines of which the beginning tells", strings.Repeat(unknownAuthority+long+"\n", 2) + line, []string{
			"event 2× -:1   - unknown-authority", fmt.Sprintf(event, 3), `lines of "": 2, 2, 0`, `lines of "etcd": 1, 1, 0`, "-: text, 3 lines",
			"- line 1 and 1 more are longer than 1 MiB; only the beginning was read"}},
		{"UTF-16", "\xff\xfe" + wide(line+"\U0001f600 "+unknownAuthority), []string{
			fmt.Sprintf(event, 1), "event 1× -:2   09-20T16:30:37..09-20T16:30:37 unknown-authority", `lines of "": 1, 1, 0`, `lines of "etcd": 1, 1, 0`, "-: syslog, 2 lines"}},
		{"a byte order mark", "\ufeff" + line, []string{fmt.Sprintf(event, 1), `lines of "etcd": 1, 1, 0`, "-: syslog, 1 lines"}},
		{"nothing", "", []string{"-: text, 0 lines"}},
		{"no line feed", "x", []string{`lines of "": 1, 0, 0`, "-: text, 1 lines"}},
		{"zstd", "\x28\xb5\x2f\xfd...", []string{"-: text, 0 lines", "- is compressed by zstd: unpack it (zstd -d) and read what comes out"}},
		{"a journal", "LPKSHHRH....", []string{"-: text, 0 lines", "- is a file of the journal: print it (journalctl --file) and read what comes out"}},
	} {
		t.Run(test.name, func(t *testing.T) { tells(t, digestOf(Options{}, "-", []byte(test.text)), test.want...) })
	}
}

// wide is a text in UTF-16, little end first.
func wide(text string) string {
	var out []byte
	for _, u := range utf16.Encode([]rune(text)) {
		out = append(out, byte(u), byte(u>>8))
	}
	return string(out)
}

func packed(t *testing.T, texts ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	for _, text := range texts {
		z := gzip.NewWriter(&out)
		if _, err := io.WriteString(z, text); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

func TestCompressed(t *testing.T) {
	line := "Sep 20 16:30:37 cp1 etcd: " + unknownAuthority + "\n"
	whole := packed(t, line, strings.Repeat(line, 2))
	tells(t, digestOf(Options{}, "etcd.log.2.gz", whole),
		"event 3× etcd.log.2.gz:1 cp1 etcd 09-20T16:30:37..09-20T16:30:37 unknown-authority",
		`lines of "etcd": 3, 3, 0`, "etcd.log.2.gz: syslog, 3 lines")
	tells(t, digestOf(Options{}, "-", whole[:len(whole)-9]),
		"event 3× -:1 cp1 etcd 09-20T16:30:37..09-20T16:30:37 unknown-authority",
		`lines of "etcd": 3, 3, 0`, "-: syslog, 3 lines",
		"- the compressed data is cut off; what there is of it was read")
	tells(t, digestOf(Options{}, "-", append(slices.Clone(whole), "rubbish rubbish"...)),
		"event 3× -:1 cp1 etcd 09-20T16:30:37..09-20T16:30:37 unknown-authority",
		`lines of "etcd": 3, 3, 0`, "-: syslog, 3 lines",
		"- something that is not compressed stands behind the compressed data; it was not read")
	tells(t, digestOf(Options{}, "-", append(slices.Clone(whole), "x\n"...)),
		"event 3× -:1 cp1 etcd 09-20T16:30:37..09-20T16:30:37 unknown-authority",
		`lines of "etcd": 3, 3, 0`, "-: syslog, 3 lines",
		"- something that is not compressed stands behind the compressed data; it was not read")
	tells(t, digestOf(Options{}, "-", append(slices.Clone(whole), 0, 0, 0)),
		"event 3× -:1 cp1 etcd 09-20T16:30:37..09-20T16:30:37 unknown-authority",
		`lines of "etcd": 3, 3, 0`, "-: syslog, 3 lines")
	bz, err := hex.DecodeString("425a6839314159265359e00c94db00000ddb80001040007bb008003fe9dee0200054632611936841841ed42287a6a311faa3d464341ea6953ea9b662127bb1022090ab040a14d6712a35c5ab8e5334bc939b599e3d066b2804920f57c56a6248605dc914e142438032536c")
	if err != nil {
		t.Fatal(err)
	}
	tells(t, digestOf(Options{}, "-", bz),
		"event 1× -:1 cp1 etcd 09-20T16:30:37..09-20T16:30:37 unknown-authority",
		`lines of "etcd": 1, 1, 0`, "-: syslog, 1 lines")
	tells(t, digestOf(Options{}, "-", []byte("\x1f\x8b\x08")),
		"-: text, 0 lines",
		"- is compressed by gzip and cannot be unpacked: unexpected EOF")
}

func TestReadFails(t *testing.T) {
	r := NewReader(Options{Now: now})
	r.Read("a.log", io.MultiReader(strings.NewReader(unknownAuthority), iotest.ErrReader(errors.New("the disk is gone"))))
	r.Read("b.log", iotest.ErrReader(errors.New("it is a folder")))
	s := r.Source("c.log")
	for i := range 100 {
		s.Fail(fmt.Errorf("number %d", 9+i/8))
	}
	tells(t, r.Digest(), "event 1× a.log:1   - unknown-authority", `lines of "": 1, 1, 0`,
		"a.log: text, 1 lines", "a.log the disk is gone", "b.log: text, 0 lines", "b.log it is a folder",
		"c.log: text, 0 lines", "c.log number 9", "c.log number 10", "c.log number 11", "c.log number 12", "c.log number 13",
		"c.log number 14", "c.log number 15", "c.log number 16", "c.log number 17", "c.log number 18")
}

func TestSince(t *testing.T) {
	text := strings.Join([]string{
		unknownAuthority, // nothing says when
		"E0920 16:30:36.000000 1 a.go:1] " + unknownAuthority,
		unknownAuthority, // of the line before it
		"E0920 16:30:38.000000 1 a.go:1] " + unknownAuthority,
		"I0920 16:30:39.000000 1 a.go:1] a line",
		"a line",
		unknownAuthority, // of the last line with a time
		"E0920 16:30:35.000000 1 a.go:1] a clock that jumped: " + unknownAuthority,
		"E0920 16:30:37.000000 1 a.go:1] " + unknownAuthority,
		"E0920 16:30:36.999999 1 a.go:1] " + unknownAuthority,
		"I0920 16:30:36.999999 1 a.go:1] a line",
		strings.Repeat("a line\n", maxBack-1) + unknownAuthority,
		unknownAuthority, // too far behind
	}, "\n")
	tells(t, digestOf(Options{}, "-", []byte(text)), "event 10× -:1   09-20T16:30:35..09-20T16:30:39 unknown-authority",
		`lines of "": 76, 10, 0`, "-: text, 76 lines")
	tells(t, digestOf(Options{Since: utc(9, 20, 16, 30, 37, 0)}, "-", []byte(text)), "event 5× -:1   09-20T16:30:37..09-20T16:30:39 unknown-authority",
		`lines of "": 76, 5, 0`, "-: text, 76 lines")
}

// mixture is a log of lines of all carriers.
func mixture() []byte {
	var out bytes.Buffer
	for i := range 3 {
		for _, l := range carriedLines {
			out.WriteString(strings.ReplaceAll(l.text, "x509: no", unknownAuthority) + "\n")
			if i == 1 {
				out.WriteString(unknownAuthority + "\n")
			}
		}
		out.WriteString(exported + following + "\n")
	}
	out.WriteString(strings.Repeat("x", maxLine) + "\n" + strings.Repeat("y", maxLine+1) + "\n")
	out.WriteString("2026-09-20T16:30:37Z stderr P x509: certificate sig\n2026-09-20T16:30:37Z stderr F ned by unknown authority")
	return out.Bytes()
}

// However a log is cut into pieces, it says the same.
func TestPiecesSayTheSame(t *testing.T) {
	for _, text := range [][]byte{mixture(), []byte("\xff\xfe" + wide(following+"\U0001f600"+unknownAuthority))} {
		piecesSayTheSame(t, text)
	}
}

func piecesSayTheSame(t *testing.T, text []byte) {
	t.Helper()
	want := digestOf(Options{Raw: 3}, "-", text)
	if len(want.Groups) < 5 {
		t.Fatalf("%d groups only", len(want.Groups))
	}
	for _, sizes := range [][]int{{1}, {7, 1, 100}, {4096}, {65536, 3}, {1 << 21}} {
		r := NewReader(Options{Now: now, Raw: 3})
		s := r.Source("-")
		rest := text
		for i := 0; len(rest) > 0; i++ {
			n := min(sizes[i%len(sizes)], len(rest))
			if _, err := s.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
			if i == 100 {
				r.Digest()
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, r.Digest()); diff != "" {
			t.Errorf("pieces of %d bytes: want -, got +\n%s", sizes, diff)
		}
	}
}

// A digest does not change while its reader goes on.
func TestDigestIsACopy(t *testing.T) {
	r := NewReader(Options{Now: now, Raw: 5})
	s := r.Source("etcd.log")
	line := []byte("E0920 16:30:36.000000 1 a.go:1] " + unknownAuthority + "\n")
	s.Write(line)
	d := r.Digest()
	before := told(d)
	s.Write(line)
	s.Write([]byte("x"))
	if diff := cmp.Diff(before, told(d)); diff != "" || len(d.Groups[0].Raw) != 1 {
		t.Error(diff, d.Groups)
	}
	tells(t, r.Digest(), "event 2× etcd.log:1  etcd 09-20T16:30:36..09-20T16:30:36 unknown-authority",
		`lines of "etcd": 2, 2, 0`, "etcd.log: text, 2 lines")
	s.Close()
	tells(t, r.Digest(), "event 2× etcd.log:1  etcd 09-20T16:30:36..09-20T16:30:36 unknown-authority",
		`lines of "etcd": 3, 2, 0`, "etcd.log: text, 3 lines")
}

// generated is a log of lines that are made as they are read.
type generated struct {
	line  func(i int) string
	lines int
	i     int
	rest  []byte
}

func (g *generated) Read(p []byte) (int, error) {
	if len(g.rest) == 0 {
		if g.i == g.lines {
			return 0, io.EOF
		}
		for ; len(g.rest) < len(p) && g.i < g.lines; g.i++ {
			g.rest = append(append(g.rest, g.line(g.i)...), '\n')
		}
	}
	n := copy(p, g.rest)
	g.rest = g.rest[n:]
	return n, nil
}

// A storm of lines is one group, and what is kept does not grow with it.
func TestStorm(t *testing.T) {
	var before, after runtime.MemStats
	r := NewReader(Options{Now: now, Raw: 2})
	storm := &generated{lines: 200_000, line: func(i int) string {
		return fmt.Sprintf("E0920 16:%02d:36.%06d %d a.go:1] http: TLS handshake error from 10.0.0.7:%d: request %x: %s", i%60, i, i, 32768+i%28000, i*7919, unknownAuthority)
	}}
	r.Read("etcd.log", io.LimitReader(storm, 1<<20))
	runtime.GC()
	runtime.ReadMemStats(&before)
	r.Read("etcd.log.1", storm)
	runtime.GC()
	runtime.ReadMemStats(&after)
	d := r.Digest()
	if len(d.Groups) != 1 || d.Groups[0].Count < 200_000-1 || d.Groups[0].Count > 200_000 || len(d.Groups[0].Raw) != 2 || d.Ungrouped != 0 {
		t.Errorf("%d groups, %d ungrouped: %v", len(d.Groups), d.Ungrouped, told(d)[:2])
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
		t.Errorf("%d bytes more are kept", grown)
	}
}

// Lines that all differ are counted, and bounded is what is kept of them.
func TestBounds(t *testing.T) {
	letters := func(i int) string {
		return strings.Map(func(r rune) rune { return 'g' + r - '0' }, fmt.Sprintf("%06d", i))
	}
	r := NewReader(Options{Now: now, Raw: 1})
	const n = 5000
	r.Read("-", &generated{lines: n, line: func(i int) string {
		return fmt.Sprintf("Sep 20 16:30:37 host%s %s[%d]: %s", letters(i), letters(i), i, unknownAuthority)
	}})
	r.Read("-", &generated{lines: n, line: func(i int) string { return "x509: error of " + letters(i) }})
	d := r.Digest()
	var lines, events, unknown int64
	for _, c := range d.Components {
		lines, events, unknown = lines+c.Lines, events+c.Events, unknown+c.Unknown
	}
	got := []int64{int64(len(d.Groups)), d.Ungrouped, int64(len(d.Unknown)), d.Unlisted, int64(len(d.Components)), lines, events, unknown}
	if want := []int64{maxGroups, n - maxGroups, maxUnknownShown, n - maxUnknownShown, maxComponents + 1, 2 * n, n, n}; !slices.Equal(want, got) {
		t.Errorf("want %d, got %d", want, got)
	}
}

func TestNormal(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{`Get "https://10.0.0.7:6443/api?resourceVersion=12": x509`, `Get "https://0/api?resourceVersion=0": 0`},
		{"from [fe80::1%eth0]:35480 at 2026-09-20T16:30:37.5Z", "from [0%0]:0 at 0"},
		{"uid 0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9 of deadbeefcafe", "uid 0 of 0"},
		{"a face, a cafe: -- 5", "a face, a cafe: -- 0"},
		{"", ""},
	} {
		if got := normal(test.text); got != test.want {
			t.Errorf("%q is %q, want %q", test.text, got, test.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(mixture()[:8000], uint16(7))
	f.Add([]byte("__CURSOR=\n0000000\n00000000"), uint16(1))
	f.Add([]byte("__CURSOR=\nA\n\x03\x00\x00\x00\x00\x00\x00\x00\nE0920 16:30:36.852849 11 a.go:1] x\nx509\n"), uint16(1))
	f.Add([]byte(exported), uint16(1))
	f.Add([]byte(verbosely), uint16(1))
	f.Add([]byte(following), uint16(1))
	f.Add([]byte("\xff\xfe"+wide("x509: certificate signed by unknown authority\n")), uint16(3))
	for _, l := range carriedLines {
		f.Add([]byte(l.text+"\n"), uint16(5))
	}
	f.Fuzz(func(t *testing.T, text []byte, size uint16) {
		whole, pieces := NewReader(Options{Now: now, Raw: 1}), NewReader(Options{Now: now, Raw: 1})
		s := whole.Source("-")
		s.Write(text)
		s.Close()
		d := whole.Digest()
		if !bytes.HasPrefix(text, []byte("\xff\xfe")) && !bytes.HasPrefix(text, []byte("\xfe\xff")) {
			text := bytes.TrimPrefix(text, []byte("\ufeff"))
			want := int64(bytes.Count(text, []byte("\n")))
			if len(text) > 0 && text[len(text)-1] != '\n' {
				want++
			}
			if got := d.Sources[0].Lines; got != want {
				t.Errorf("%d lines, want %d", got, want)
			}
		}
		if got := d.Sources[0].Bytes; got != int64(len(text)) {
			t.Errorf("%d bytes, want %d", got, len(text))
		}
		s = pieces.Source("-")
		for rest := text; len(rest) > 0; {
			n := min(int(size)+1, len(rest))
			s.Write(rest[:n])
			rest = rest[n:]
		}
		s.Close()
		if diff := cmp.Diff(d, pieces.Digest()); diff != "" {
			t.Errorf("pieces of %d: whole -, pieces +\n%s", size+1, diff)
		}
	})
}
