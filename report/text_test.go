package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"certaudit/audit"
	"certaudit/audit/inventory"
)

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"":                        "",
		"kubernetes":              "kubernetes",
		"日本語 é | <&>":             "日本語 é | <&>",
		"a\nb\r\tc":               `a\nb\r\tc`,
		"\x00\x1b[31m\x7f":        `\x00\x1b[31m\x7f`,
		"\u0085\u009b":            `\u0085\u009b`,
		"\u202e\u2066\u200f":      `\u202e\u2066\u200f`,
		"\u061c\u2028\u2029":      `\u061c\u2028\u2029`,
		"\u200b\u200d\ufeff":      `\u200b\u200d\ufeff`,
		"\U000e0041":              `\U000e0041`,
		"\ufffd is fine, \xff no": "\ufffd is fine, \\xff no",
		"cut \xe6\x97":            `cut \xe6\x97`,
	} {
		if got := printable(in); got != want {
			t.Errorf("printable(%+q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("a\x1b[0m\xff\u202e\u0085")
	f.Fuzz(func(t *testing.T, s string) {
		got := printable(s)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, unprintable) {
			t.Errorf("printable(%q) = %q", s, got)
		}
		if printable(got) != got {
			t.Errorf("printable(%q) is not stable", s)
		}
	})
}

// unwritten are the fields that are not in the JSON.
var unwritten = cmp.Options{cmpopts.IgnoreFields(audit.Node{}, "Expirations"), cmpopts.IgnoreFields(audit.Certificate{}, "Worst"), cmpopts.IgnoreFields(audit.Finding{}, "Rows")}

func TestJSONRoundTrip(t *testing.T) {
	for _, want := range []audit.Result{fine(), awkward(), nothing()} {
		text := render(t, "json", want, Options{})
		var got audit.Result
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, unwritten); diff != "" {
			t.Errorf("decoded (-want +got):\n%s", diff)
		}
		if !strings.HasSuffix(text, "}\n") {
			t.Error("no line feed at the end")
		}
	}
}

// Escaping keeps the value of any JSON string.
func FuzzEscapeJSON(f *testing.F) {
	f.Add("\u202e\u007f\u0085\U000e0041\ufffd<&>\\\"")
	f.Fuzz(func(t *testing.T, s string) {
		data, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		escaped := appendEscaped(nil, data)
		var want, got string
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(escaped, &got); err != nil || got != want {
			t.Errorf("%s decodes to %q, %v; want %q", escaped, got, err, want)
		}
		if strings.ContainsFunc(string(escaped), unprintable) {
			t.Errorf("%q", escaped)
		}
	})
}

// A document is indented as encoding/json does it.
func FuzzIndentJSON(f *testing.F) {
	for _, document := range []string{`{}`, `[]`, `null`, `"a\"b\\"`, `{"a":[],"b":{},"c":[1,-2.5e3,true,null,"{[,:]}"],"d":{"e":{"f":[[{}],["\u202e"]]}}}`} {
		f.Add(document)
	}
	f.Fuzz(func(t *testing.T, document string) {
		var compact, want, got bytes.Buffer
		if !utf8.ValidString(document) || json.Compact(&compact, []byte(document)) != nil || compact.Len() == 0 {
			return
		}
		if err := json.Indent(&want, compact.Bytes(), "", "  "); err != nil {
			t.Fatal(err)
		}
		w := bufio.NewWriter(&got)
		indentJSON(w, compact.Bytes())
		w.Flush()
		if diff := cmp.Diff(string(appendEscaped(nil, want.Bytes())), got.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", document, diff)
		}
	})
}

// What is cut ends in a whole character, and what is left is counted to the byte.
func TestClip(t *testing.T) {
	type clipped struct {
		head string
		left int
	}
	for _, tt := range []struct {
		in   string
		most int
		want clipped
	}{
		{"", 0, clipped{"", 0}},
		{"abc", 3, clipped{"abc", 0}},
		{"abcd", 3, clipped{"abc", 1}},
		{"aé", 2, clipped{"a", 2}},
		{"日本", 5, clipped{"日", 3}},
		{"😀😀", 7, clipped{"😀", 4}},
		{"a\xff\xfe", 2, clipped{"a\xff", 1}},
		{"\x80\x80\x80\x80\x80\x80", 5, clipped{"\x80", 5}},
	} {
		head, left := clip(tt.in, tt.most)
		if got := (clipped{head, left}); got != tt.want {
			t.Errorf("clip(%q, %d) = %q, %d, want %q, %d", tt.in, tt.most, head, left, tt.want.head, tt.want.left)
		}
	}
}

func TestBrief(t *testing.T) {
	whole := strings.Repeat("x", maxCell)
	for in, want := range map[string]string{
		"a\n":                  `a\n`,
		whole:                  whole,
		whole + "yz":           whole + "... (2 more bytes, see the json format)",
		"\xff" + whole:         `\xff` + whole[1:] + "... (1 more bytes, see the json format)",
		whole[1:] + "\u00e9\n": whole[1:] + "... (3 more bytes, see the json format)",
	} {
		if got := brief(in); got != want {
			t.Errorf("brief(%.20q) = ...%q, want ...%q", in, got[max(0, len(got)-60):], want[max(0, len(want)-60):])
		}
	}
}

func TestPieces(t *testing.T) {
	for in, want := range map[string]cell{
		"":            nil,
		"one":         {"one"},
		"a, b":        {"a, ", "b"},
		"CN=a,O=b":    {"CN=a,", "O=b"},
		" x  y ":      {" ", "x  ", "y "},
		"one,,  two,": {"one,", ",  ", "two,"},
	} {
		if diff := cmp.Diff(want, pieces(in)); diff != "" {
			t.Errorf("pieces(%q) (-want +got):\n%s", in, diff)
		}
	}
}

func TestWrap(t *testing.T) {
	c := pieces("kubernetes, kubernetes.default, 日本語, x")
	for width, want := range map[int][]string{
		1:  {"kubernetes,", "kubernetes.default,", "日本語,", "x"},
		11: {"kubernetes,", "kubernetes.default,", "日本語, x"},
		31: {"kubernetes, kubernetes.default,", "日本語, x"},
		39: {"kubernetes, kubernetes.default, 日本語,", "x"},
		40: {"kubernetes, kubernetes.default, 日本語,", "x"},
		41: {"kubernetes, kubernetes.default, 日本語, x"},
	} {
		if diff := cmp.Diff(want, c.wrap(width)); diff != "" {
			t.Errorf("wrap(%d) (-want +got):\n%s", width, diff)
		}
	}
	if got := (cell{}).wrap(5); !cmp.Equal(got, []string{"-"}) {
		t.Errorf("an empty cell is %q", got)
	}
}

func TestRemaining(t *testing.T) {
	for d, want := range map[time.Duration]string{
		364*24*time.Hour + time.Hour: "364d",
		24 * time.Hour:               "1d",
		24*time.Hour - 1:             "23h",
		0:                            "0s",
		-1:                           "expired 1s ago",
		-time.Hour:                   "expired 1h ago",
		-3 * 24 * time.Hour:          "expired 3d ago",
	} {
		if got := remaining(now.Add(d), now); got != want {
			t.Errorf("remaining(%v) = %q, want %q", d, got, want)
		}
	}
	if got, want := remaining(time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), now), "2912116d"; got != want {
		t.Errorf("no well-defined expiration: %q, want %q", got, want)
	}
}

func TestSummaryLine(t *testing.T) {
	for _, tt := range []struct {
		summary audit.Summary
		want    string
	}{
		{audit.Summary{}, "no certificates found; complete\n"},
		{audit.Summary{Critical: 1}, "no certificates found: 1 critical; complete\n"},
		{audit.Summary{Certificates: 1, NextExpiry: now.Add(25 * time.Hour)}, "1 certificate: no findings; next expiry 2026-11-24 (1 day); complete\n"},
		{audit.Summary{Certificates: 25, Critical: 2, Warning: 1, Info: 3, NextExpiry: now.AddDate(0, 0, 39)},
			"25 certificates: 2 critical, 1 warning, 3 info; next expiry 2027-01-01 (39 days); complete\n"},
		{audit.Summary{Certificates: 1, NextExpiry: now.Add(5 * time.Hour)}, "1 certificate: no findings; next expiry 2026-11-23 (5h); complete\n"},
		{audit.Summary{Certificates: 2, Info: 10}, "2 certificates: 10 info; complete\n"},
		{audit.Summary{Certificates: 1, Incomplete: true}, "1 certificate: no findings; the audit is incomplete\n"},
	} {
		if got := summaryLine(audit.Result{At: now, Summary: tt.summary}); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

// The level of a status is that of the row, whatever is found elsewhere; what a
// word of another version means is not known.
func TestLevels(t *testing.T) {
	certificate := func(status string, worst audit.Severity) level {
		return certificateLevel(audit.Certificate{Status: status, Worst: worst})
	}
	got := []level{
		certificate("ok", ""), certificate("keys/weak", audit.Critical), certificate("keys/weak", audit.Warning), certificate("keys/weak", ""), certificate("keys/weak", "fatal"),
		severityLevel(audit.Info), severityLevel(audit.Warning), severityLevel(audit.Critical), severityLevel(""), severityLevel("fatal"),
		requestLevel(audit.VerdictSound), requestLevel(audit.VerdictDoubtful), requestLevel(audit.VerdictReject), requestLevel("odd"),
		connectionLevel(audit.VerdictOK), connectionLevel(audit.VerdictUnverified), connectionLevel(audit.VerdictBroken), connectionLevel(audit.VerdictUnknown), connectionLevel(audit.VerdictNone), connectionLevel("odd"),
	}
	want := []level{
		"ok", "critical", "warning", "unknown", "unknown",
		"info", "warning", "critical", "unknown", "unknown",
		"ok", "warning", "critical", "unknown",
		"ok", "unknown", "critical", "unknown", "unknown", "unknown",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPaint(t *testing.T) {
	var got []string
	for _, l := range []level{levelOK, levelUnknown, level(audit.Info), level(audit.Warning), level(audit.Critical)} {
		got = append(got, Options{Color: true}.paint(l, "x"), Options{}.paint(l, "x"))
	}
	want := []string{green + "x" + reset, "x", "x", "x", "x", "x", yellow + "x" + reset, "x", red + "x" + reset, "x"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The head of a report names who made a node, and what of the cluster is elsewhere.
func TestDistributions(t *testing.T) {
	nodes := []audit.Node{
		{Name: "n1", Distribution: &inventory.Distribution{Name: "k3s", Mode: "server", Data: "/var/lib/rancher/k3s", Unit: "k3s.service"}},
		{Name: "n2"},
		{Name: "n3", Distribution: &inventory.Distribution{Name: "Gardener", Mode: "node", Data: "/var/lib/gardener-node-agent", Elsewhere: "the control plane: look there"}},
	}
	want := "n1, a node of k3s (server), files in /var/lib/rancher/k3s, k3s.service\nn3, a node of Gardener (node), files in /var/lib/gardener-node-agent\nnot on this node: the control plane: look there\n"
	if got := distributions(nodes); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
