package report

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	gocmp "github.com/google/go-cmp/cmp"

	"certaudit/audit"
)

// roster is the formats of a command, with results for it to show.
type roster struct {
	formats []Format
	results map[string]audit.Result
}

// rosters are those of every command. Whatever format is in one of them is in the
// tests that go through them.
func rosters() map[string]roster {
	return map[string]roster{
		"audit":       {Formats(), map[string]audit.Result{"fine": fine(), "awkward": awkward(), "crowded": crowded(), "nothing": nothing()}},
		"connections": {ConnectionFormats(), map[string]audit.Result{"connected": connected(), "tangled": tangled(), "nothing": nothing()}},
		"csr":         {RequestFormats(), map[string]audit.Result{"asked": asked()}},
	}
}

// everyFormat calls test for each format of each command with each result of that
// command.
func everyFormat(t *testing.T, test func(t *testing.T, command string, f Format, name string, r audit.Result)) {
	for command, roster := range rosters() {
		for _, f := range roster.formats {
			for name, r := range roster.results {
				t.Run(command+"/"+f.Name+"/"+name, func(t *testing.T) { test(t, command, f, name, r) })
			}
		}
	}
}

// written is what a format makes of a result: its output, or the error where it
// cannot show the result, and then nothing else.
func written(t *testing.T, f Format, r audit.Result, o Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := f.Write(&b, r, o); err != nil {
		if b.Len() > 0 {
			t.Errorf("%s fails and writes %q", f.Name, b.String())
		}
		return failurePrefix + err.Error()
	}
	return b.String()
}

const failurePrefix = "error: "

func failed(out string) bool { return strings.HasPrefix(out, failurePrefix) }

// validators read the output of a format back with a reader that is not the
// writer's, and hold it against the result it was made from.
var validators = map[string]func(t *testing.T, r audit.Result, out string){
	"yaml":       validYAML,
	"csv":        validCSV,
	"markdown":   validMarkdown,
	"sarif":      validSARIF,
	"junit":      validJUnit,
	"github":     validGitHub,
	"gitlab":     validGitLab,
	"ics":        validICS,
	"prometheus": func(t *testing.T, _ audit.Result, out string) { checkText(t, out) },
}

// forPeople are the formats that use the width and the colours of a terminal.
var forPeople = []string{"table", "wide", SheetFormat}

// The output of every format is text that is safe to print, the same each time,
// what a reader of the format expects, and that of its golden file.
func TestEveryFormat(t *testing.T) {
	everyFormat(t, func(t *testing.T, command string, f Format, name string, r audit.Result) {
		out := written(t, f, r, Options{})
		checkPrintable(t, out)
		for range 5 {
			if diff := gocmp.Diff(out, written(t, f, r, Options{})); diff != "" {
				t.Fatalf("written twice (-first +second):\n%s", diff)
			}
		}
		if !slices.Contains(forPeople, f.Name) {
			if diff := gocmp.Diff(out, written(t, f, r, Options{Width: 20, Color: true})); diff != "" {
				t.Errorf("it depends on the terminal (-none +some):\n%s", diff)
			}
		}
		if valid := validators[f.Name]; valid != nil && len(r.Requests) == 0 {
			valid(t, r, out)
		}
		if !slices.Contains(elsewhere, f.Name) && !failed(out) {
			golden(t, goldenFile(command, f.Name, name), rules.ReplaceAllString(out, `"rules": []`))
		}
	})
}

// A result without anything in it, not even empty lists, breaks nothing.
func TestZeroResult(t *testing.T) {
	for _, roster := range rosters() {
		for _, f := range roster.formats {
			checkPrintable(t, written(t, f, audit.Result{}, Options{}))
		}
	}
}

// checkPrintable: no byte of it reaches a terminal as anything but text.
func checkPrintable(t *testing.T, out string) {
	t.Helper()
	if !utf8.ValidString(out) {
		t.Error("the output is not UTF-8")
	}
	for line := range strings.SplitSeq(strings.ReplaceAll(out, "\r\n", "\n"), "\n") {
		if got := printable(line); got != line {
			t.Errorf("the line %q", line)
		}
	}
}

// extensions of the golden files, where they are not the name of the format.
var extensions = map[string]string{
	"markdown": "md", "junit": "junit.xml", "github": "github.txt", "gitlab": "gitlab.json",
}

// elsewhere are the formats that have no golden file here: most of a page is style
// and script, and metrics are held against one together with those of a server.
var elsewhere = []string{"html", "prometheus"}

// goldenFile names the file that holds what a format makes of a result.
func goldenFile(command, format, result string) string {
	switch {
	case command == "connections" && format == "table":
		return result + "-connections-0.txt"
	case slices.Contains(forPeople, format):
		return result + "-" + format + "-0.txt"
	}
	return result + "." + cmp.Or(extensions[format], format)
}

// rules of SARIF are the same in every log; they have a test of their own.
var rules = regexp.MustCompile(`(?s)"rules": \[\n.*?\n {10}\]`)

// A full disk is not a success.
func TestWriteErrors(t *testing.T) {
	everyFormat(t, func(t *testing.T, _ string, f Format, _ string, r audit.Result) {
		if out := written(t, f, r, Options{}); failed(out) || out == "" {
			return
		}
		if err := f.Write(failing{}, r, Options{}); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("got %v", err)
		}
	})
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

// Nothing that a format says depends on what stands before or behind it: a result
// in another order gives the same words.
func TestOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	everyFormat(t, func(t *testing.T, _ string, f Format, _ string, r audit.Result) {
		want := words(written(t, f, r, Options{}))
		for range 5 {
			if diff := gocmp.Diff(want, words(written(t, f, shuffled(random, r), Options{}))); diff != "" {
				t.Fatalf("words in order and shuffled (-want +got):\n%s", diff)
			}
		}
	})
}

// shuffled is r with its lists in another order.
func shuffled(random *rand.Rand, r audit.Result) audit.Result {
	to := random.Perm(len(r.Certificates))
	certificates := make([]audit.Certificate, len(to))
	for i, c := range r.Certificates {
		certificates[to[i]] = c
	}
	findings := slices.Clone(r.Findings)
	for i, f := range findings {
		findings[i].Rows = nil
		for _, row := range f.Rows {
			findings[i].Rows = append(findings[i].Rows, to[row])
		}
		slices.Sort(findings[i].Rows)
	}
	r.Certificates, r.Findings = certificates, mixed(random, findings)
	r.Nodes, r.Connections, r.Requests, r.Outcomes = mixed(random, r.Nodes), mixed(random, r.Connections), mixed(random, r.Requests), mixed(random, r.Outcomes)
	return r
}

func mixed[T any](random *rand.Rand, list []T) []T {
	list = slices.Clone(list)
	random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

var word = regexp.MustCompile(`\pL{2,}`)

// words counts those of a text. Numbers are left out: some are indexes.
func words(text string) map[string]int {
	out := map[string]int{}
	for _, w := range word.FindAllString(text, -1) {
		out[w]++
	}
	return out
}

// hostileStrings are what somebody may put into a certificate, a manifest or a
// file name.
func hostileStrings() []string {
	return []string{
		"", " ", "  two  blanks  ", "\t", "\r\n", "a\nb", "a\r\nb\rc", "\x00", "\x1b[31mred\x1b[0m", "\x7f\u0085\u009b", "\u2028\u2029",
		"\u202e\u2066\u200f\u061c", "\u200b\u200d\ufeff", "\U000e0041", "\ufffd\ufffe\uffff", "\xff\xfe", "cut \xe6\x97", "\xed\xa0\x80",
		"日本語 é 😀", strings.Repeat("é,", 3000), strings.Repeat("x", 10000), strings.Repeat("`", 100),
		"|", `\`, `\|`, `\\|`, `a\`, "`", "``", "a`b``c", "`|`", "| a | b |", "|---|", "# h", "- item", "> quote", "1. one", "***", "---", "```", "~~~", "    code",
		"<b>bold</b>", "<!-- comment -->", "</details>", "</details></code></summary><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "&lt;b&gt; &amp; &#60;",
		"[click](https://evil.example)", "![x](https://evil.example/x.png)", "[x]: https://evil.example", "https://evil.example", "www.evil.example", "<https://evil.example>", "a@evil.example",
		"@everyone", "#1", "org/repo#1", "!1", "~label", ":key:", "**bold**", "_it_", "~~gone~~", "- [ ] task", "$x^2$", "{0} {{1}}", "[a](1)",
		`=HYPERLINK("https://evil.example","click")`, "+1+1", "-1+1", "@SUM(1)", "\t=1", "\r=1", " =1", "\u00a0=1", "\u3000=1", "＝1", "＋1", "－1", "＠1", "﹦1", "−1",
		"a; =1", "a;b,c\\d", `"quoted"`, `""`, `'`, "'=1", "a,b",
		"::error::x", "a::b", "##[error]x", "a,b=c:d", "100%", "%0A", "%25", "%3A",
		"]]>", "<![CDATA[x]]>", "&#xA;", "&quot;", "BEGIN:VEVENT", "END:VCALENDAR", "a;b:c",
		"yes", "no", "null", "~", "true", "0x1f", "1e3", "12:30", "0o7", "<<", "=", "2026-11-23", "2026-11-23T06:14:06Z", "- a", "a: b", "a #b", "? a", "%TAG", "&anchor", "*alias", "!!int 1", "{a: b}", "[a]", "|\n a", ">-",
		"\n", "\n\n", " a\n  b\n", "\na", "a\n", "a\n\n", "  a\nb", "a\n\tb", "a\n b ", "---\na", "...\na", "# a\nb",
		"../../etc/passwd", "/", "//", "/a//b", "a:b/c", "C:\\x", "/a b?c#d%20e", "users[0].user",
	}
}

// hostile puts s into every place of a result that holds what was found.
func hostile(s string) audit.Result {
	certificate := audit.Certificate{
		Node: s, Component: s, Type: s, Role: s, Path: s, Line: 3, Field: s, CommonName: s, Organizations: []string{s, s}, DNSNames: []string{s}, IPAddresses: []string{s},
		Issuer: s, Serial: s, SHA256: "aa", KeyAlgorithm: s, Usages: []string{s}, UsedBy: []string{s}, Status: s,
		NotBefore: now, NotAfter: now.Add(time.Hour),
	}
	other := certificate
	other.Node, other.SHA256, other.Index = "cp-2", s, 1
	finding := audit.Finding{Check: s, Severity: audit.Critical, Node: s, Component: s, Path: s, Line: 3, Field: s, SHA256: s, Message: s, Remedy: s, Reference: s}
	mild := finding
	mild.Severity, mild.Check = audit.Info, "keys/weak"
	waived, known := finding, finding
	waived.Check, waived.Waiver = "keys/reused", &audit.WaivedBy{Reason: s, Until: s}
	known.Check, known.Known = "keys/reused", true
	return audit.Result{
		Schema: audit.Schema, At: now,
		Nodes:        []audit.Node{{Name: s, KubernetesVersion: s, Profile: s}, {Name: "cp-2"}},
		Certificates: []audit.Certificate{certificate, other},
		Connections:  []audit.Connection{},
		Findings:     []audit.Finding{finding, finding, mild, waived, known},
		Outcomes: []audit.Outcome{
			{Check: s, Node: s, State: audit.Incomplete, Reason: s},
			{Check: "keys/weak", Node: s, State: audit.Done, Reason: s},
			{Check: s, Node: "cp-2", State: audit.Incomplete, Reason: s},
			{Check: "keys/weak", Node: "cp-2", State: audit.NotApplicable},
		},
		Summary: audit.Summary{Certificates: 2, Critical: 2, Info: 1, NextExpiry: now.Add(time.Hour)},
	}
}

// Whatever was found, every format says it: as a reader of the format gets it
// back, or escaped as text. And no byte of it reaches a terminal as anything
// but text.
func TestHostile(t *testing.T) {
	if testing.Short() {
		t.Skip("FuzzFormats has the same texts")
	}
	for _, s := range hostileStrings() {
		t.Run(fmt.Sprintf("%.20q", s), func(t *testing.T) { checkHostile(t, s) })
	}
}

func FuzzFormats(f *testing.F) {
	for _, s := range hostileStrings() {
		f.Add(s)
	}
	f.Fuzz(checkHostile)
}

func checkHostile(t *testing.T, s string) {
	t.Helper()
	r := hostile(s)
	for _, f := range Formats() {
		out := written(t, f, r, Options{})
		if valid := validators[f.Name]; valid != nil {
			valid(t, r, out)
		}
		checkPrintable(t, out)
	}
}

// A finding keeps its fingerprint when the certificate is renewed and lines
// move; two findings never share one.
func TestFingerprintsOfFormats(t *testing.T) {
	before := awkward()
	before.Findings = append(before.Findings, before.Findings...)
	after := awkward()
	after.Findings = append(after.Findings, after.Findings...)
	after.At = after.At.AddDate(1, 0, 0)
	for i := range after.Findings {
		f := &after.Findings[i]
		f.Line, f.SHA256, f.Message = f.Line+7, strings.Repeat("f", 64), "ends on 2027-11-23"
	}
	for format, read := range map[string]func(*testing.T, string) []string{"sarif": sarifFingerprints, "gitlab": gitlabFingerprints} {
		was, is := read(t, render(t, format, before, Options{})), read(t, render(t, format, after, Options{}))
		if diff := gocmp.Diff(was, is); diff != "" {
			t.Errorf("%s (-before +after):\n%s", format, diff)
		}
		if n := len(slices.Compact(slices.Sorted(slices.Values(is)))); n != len(before.Findings) {
			t.Errorf("%s has %d fingerprints for %d findings", format, n, len(before.Findings))
		}
	}
	f := before.Findings[0].Fingerprint()
	want := []string{f, f + ":2"}
	if diff := gocmp.Diff(want, fingerprints([]audit.Finding{before.Findings[0], before.Findings[0]})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRelative(t *testing.T) {
	for in, want := range map[string]string{
		"":                   ".",
		"/":                  ".",
		"/etc/kubernetes":    "etc/kubernetes",
		"//etc":              "etc",
		"etc/kubernetes/pki": "etc/kubernetes/pki",
	} {
		if got := relative(in); got != want {
			t.Errorf("relative(%q) = %q, want %q", in, got, want)
		}
	}
}

// Files of several nodes lie in a folder of the node, whatever it is called.
func TestLocator(t *testing.T) {
	r := audit.Result{Nodes: []audit.Node{{Name: "cp-1"}}}
	f := audit.Finding{Node: "cp-1", Path: "/etc/a"}
	if got := locator(r)(f); got != "etc/a" {
		t.Errorf("of one node: %q", got)
	}
	r.Nodes = append(r.Nodes, audit.Node{Name: "cp-2"})
	for want, f := range map[string]audit.Finding{
		"cp-1/etc/a": f, "cp-1/": {Node: "cp-1"}, ".": {}, "certs/a": {Path: "certs/a"},
		"_/etc/a": {Node: "..", Path: "/etc/a"}, ".._.._x/a": {Node: "../../x", Path: "//a"},
	} {
		if got := locator(r)(f); got != want {
			t.Errorf("of several: %q, want %q", got, want)
		}
	}
}

func TestStatement(t *testing.T) {
	for _, tt := range []struct {
		finding audit.Finding
		nodes   bool
		want    string
	}{
		{audit.Finding{Node: "cp-1", Path: "/a", Message: "is wrong"}, false, "/a: is wrong"},
		{audit.Finding{Node: "cp-1", Path: "/a", Message: "is wrong"}, true, "cp-1:/a: is wrong"},
		{audit.Finding{Node: "cp-1", Message: "is wrong"}, true, "cp-1: is wrong"},
		{audit.Finding{Path: "/a", Message: "is wrong"}, true, "/a: is wrong"},
		{audit.Finding{Message: "two\nlines"}, true, `two\nlines`},
		{audit.Finding{Path: "/a"}, false, "/a"},
		{audit.Finding{Path: "/a", Message: "is wrong", Known: true}, false, "/a: is wrong (known from the baseline)"},
		{audit.Finding{Path: "/a", Message: "is wrong", Waiver: &audit.WaivedBy{Reason: "moves", Until: "2027-01-31"}}, false, "/a: is wrong (waived until 2027-01-31: moves)"},
	} {
		if got := statement(tt.finding, tt.nodes); got != tt.want {
			t.Errorf("statement(%+v, %v) = %q, want %q", tt.finding, tt.nodes, got, tt.want)
		}
	}
}

// The cost of every format grows with its input, not with its square.
func TestHugeResult(t *testing.T) {
	if testing.Short() {
		t.Skip("writes megabytes in every format")
	}
	r := fine()
	for i := range 10000 {
		r.Findings = append(r.Findings, r.Findings[0])
		r.Outcomes = append(r.Outcomes, audit.Outcome{Check: fmt.Sprint("c", i), Node: "cp-1", State: audit.Incomplete})
	}
	r.Certificates[0].DNSNames = []string{strings.Repeat("`|<é,\n", 1<<18)}
	r.Findings[0].Message = strings.Repeat("`|<é,\n", 1<<18)
	r.Findings[0].Remedy = strings.Repeat("`|<é,\n", 1<<18)
	for _, f := range Formats() {
		if out := written(t, f, r, Options{}); len(out) > 1<<26 {
			t.Errorf("%s has %d bytes", f.Name, len(out))
		}
	}
}

var examples = regexp.MustCompile("(?s)\n```([a-z]+)\n(.*?)```\n")

// The page names every format, and the examples in it are lines that the
// formats write.
func TestFormatsPage(t *testing.T) {
	page, err := os.ReadFile("../docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range Formats() {
		if !strings.Contains(string(page), "`"+f.Name+"`") {
			t.Errorf("docs/formats.md says nothing of %s", f.Name)
		}
		if !strings.Contains(string(page), "](#"+f.Name+")") {
			continue // it has a page of its own, or none
		}
		_, section, ok := strings.Cut(string(page), "\n## "+f.Name+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		blocks := examples.FindAllStringSubmatch(section, -1)
		if !ok || len(blocks) == 0 {
			t.Errorf("docs/formats.md has no example of %s", f.Name)
			continue
		}
		out := written(t, f, fine(), Options{})
		// The last is of the output, those before it of the use.
		for line := range strings.Lines(blocks[len(blocks)-1][2]) {
			if !strings.Contains(out, strings.TrimSpace(line)) {
				t.Errorf("%s does not write %q", f.Name, line)
			}
		}
	}
}
