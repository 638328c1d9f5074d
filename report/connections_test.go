package report

import (
	"bytes"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"certaudit/audit"
)

// connected is a node with one connection of each verdict.
func connected() audit.Result {
	r := nothing()
	r.Nodes = []audit.Node{{Name: "cp-1", KubernetesVersion: "v1.34.4", Profile: "kubeadm"}}
	r.Connections = []audit.Connection{
		{Node: "cp-1", Client: "kube-scheduler", Server: "kube-apiserver", Address: "https://192.0.2.11:6443", ServerTrust: "ok", ClientTrust: "ok",
			Identity: "system:kube-scheduler", Status: "ok"},
		{Node: "cp-1", Client: "kubelet", Server: "kube-apiserver", Address: "https://192.0.2.11:6443", ServerTrust: "broken", ClientTrust: "ok",
			Identity: "system:node:cp-1 (system:nodes)", Status: "broken", Reason: "the server's certificate: x509: certificate signed by unknown authority"},
		{Node: "cp-1", Client: "pods", Server: "kube-apiserver", Address: "https://10.96.0.1", ServerTrust: "broken", ClientTrust: "-",
			Status: "broken", Reason: "the server's certificate: x509: certificate signed by unknown authority"},
		{Node: "cp-1", Client: "kube-apiserver", Server: "etcd", Address: "https://127.0.0.1:2379", ServerTrust: "unknown", ClientTrust: "ok",
			Identity: "kube-apiserver-etcd-client", Status: "unknown", Reason: "the client verifies with the host's root certificates"},
		{Node: "cp-1", Client: "kube-apiserver", Server: "kubelet", Address: "https://cp-1:10250", ServerTrust: "unverified", ClientTrust: "ok",
			Identity: "kube-apiserver-kubelet-client", Status: "unverified", Reason: "--kubelet-certificate-authority is not set: the API server does not verify kubelets"},
		{Node: "cp-1", Client: "service account tokens of kube-apiserver", Server: "kube-apiserver", ServerTrust: "-", ClientTrust: "ok", Status: "ok"},
	}
	return r
}

// tangled has two nodes, and everything that could break out of a label.
func tangled() audit.Result {
	r := connected()
	r.Nodes = append(r.Nodes, audit.Node{Name: `cp-2"]; end`})
	r.Connections = append(r.Connections, audit.Connection{
		Node: `cp-2"]; end`, Client: "kubectl (/root/.kube/config, context a|b \"c\"] --> n0 %% \x1b[31m\n  click n0 call x())", Server: `kube-apiserver \N \" &lt;b&gt; <script>alert(1)</script> #35; 日本語 ` + "\u202e`**bold**`",
		Address: "https://\"];\\", ServerTrust: "broken", ClientTrust: "unverified", Identity: "a\x00b\u2028c (|, \\)", Status: "broken",
		Reason: "1. \"x509\": }; digraph { n0 [label=<b>] \\l\\\\ |\"| -->\r\n" + strings.Repeat("long ", 60),
	})
	return r
}

func connectionResults() map[string]audit.Result {
	return map[string]audit.Result{"connected": connected(), "tangled": tangled(), "nothing": nothing()}
}

func TestConnectionGoldens(t *testing.T) {
	for name, r := range connectionResults() {
		for _, width := range []int{80, 200} {
			file := fmt.Sprintf("%s-connections-%d.txt", name, width)
			t.Run(file, func(t *testing.T) { golden(t, file, renderConnections(t, "table", r, Options{Width: width})) })
		}
	}
	t.Run("color", func(t *testing.T) {
		golden(t, "connected-connections-0-color.txt", renderConnections(t, "table", connected(), Options{Color: true}))
	})
}

func renderConnections(t *testing.T, name string, r audit.Result, o Options) string {
	t.Helper()
	return renderFrom(t, LookupConnections, name, r, o)
}

func TestConnectionFormats(t *testing.T) {
	var names []string
	for _, f := range ConnectionFormats() {
		names = append(names, f.Name)
	}
	if diff := cmp.Diff([]string{"table", "json", "mermaid", "dot"}, names); diff != "" {
		t.Error(diff)
	}
	_, err := LookupConnections("csv")
	if want := `unknown format "csv"; formats are table, json, mermaid, dot`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// drawing is a graph as a reader of Mermaid or DOT gets it: the labels of the
// nodes, and the arrows between them.
type drawing struct {
	nodes  []string
	arrows []arrow
}

type arrow struct {
	from, to    int
	label, tip  string
	color, dash string
}

var colors = map[string][2]string{"ok": {"#2a7d2a", ""}, "broken": {"#c62828", ""}, "unverified": {"#777777", "dashed"}, "unknown": {"#777777", "dotted"}}

// drawn is the graph that a result is to become.
func drawn(r audit.Result, mermaid bool) drawing {
	var d drawing
	var ends []string
	id := func(node, end string) int {
		if len(r.Nodes) > 1 {
			end = node + ": " + end
		}
		if i := slices.Index(ends, end); i >= 0 {
			return i
		}
		ends, d.nodes = append(ends, end), append(d.nodes, cut(end))
		return len(ends) - 1
	}
	for _, c := range r.Connections {
		a := arrow{from: id(c.Node, c.Client), to: id(c.Node, c.Server), label: c.Status, color: colors[c.Status][0], dash: colors[c.Status][1]}
		switch {
		case mermaid && c.Status == "broken":
			a.label = cut("broken: " + c.Reason)
		case mermaid:
		case c.Reason != "":
			a.tip = cut(c.Reason)
		case c.Address != "":
			a.tip = cut(c.Address)
		default:
			a.tip = c.Status
		}
		d.arrows = append(d.arrows, a)
	}
	return d
}

// cut is what a graph shows of a text that may be long.
func cut(s string) string {
	if s = printable(s); len(s) > 2048 {
		s = strings.ToValidUTF8(s[:2048], "") + "..."
	}
	return s
}

var mermaidLines = []struct {
	form *regexp.Regexp
	read func(d *drawing, m []string)
}{
	{regexp.MustCompile(`^flowchart LR$`), func(*drawing, []string) {}},
	{regexp.MustCompile(`^  n(\d+)\["([^"]*)"\]$`), func(d *drawing, m []string) { d.nodes = append(d.nodes, unescaped(m[2])) }},
	{regexp.MustCompile(`^  n(\d+) -->\|"([^"]*)"\| n(\d+)$`), func(d *drawing, m []string) {
		d.arrows = append(d.arrows, arrow{from: number(m[1]), to: number(m[3]), label: unescaped(m[2])})
	}},
	{regexp.MustCompile(`^  linkStyle (\d+) stroke:(#[0-9a-f]{6})(?:,stroke-width:3px)?(?:,stroke-dasharray:(\d))?$`), func(d *drawing, m []string) {
		a := &d.arrows[number(m[1])]
		a.color, a.dash = m[2], map[string]string{"": "", "4": "dashed", "2": "dotted"}[m[3]]
	}},
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return n
}

var mermaidCode = regexp.MustCompile(`#(\d+);`)

// unescaped reads the codes of a Mermaid label. Beside them there is nothing
// that Mermaid, Markdown or HTML could take for more than text.
func unescaped(label string) string {
	if rest := mermaidCode.ReplaceAllString(label, ""); !regexp.MustCompile(`^[-a-zA-Z0-9 .,:/]*$`).MatchString(rest) {
		return "not escaped: " + label
	}
	return mermaidCode.ReplaceAllStringFunc(label, func(code string) string { return string(rune(number(code[1 : len(code)-1]))) })
}

// readMermaid reads a flowchart of the form that is written here.
func readMermaid(t *testing.T, text string) drawing {
	t.Helper()
	var d drawing
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		known := false
		for _, l := range mermaidLines {
			if m := l.form.FindStringSubmatch(line); m != nil {
				l.read(&d, m)
				known = true
			}
		}
		if !known {
			t.Errorf("not a line of a flowchart: %q", line)
		}
	}
	return d
}

// dotToken matches a token of the DOT language: an identifier or number, a
// quoted string, an arrow, or a sign.
var dotToken = regexp.MustCompile(`^\s*([a-zA-Z_][a-zA-Z0-9_]*|[0-9]+|"(?:[^"\\\n]|\\[^\n])*"|->|[{}\[\];,=])`)

// readDOT reads a graph by the grammar of https://graphviz.org/doc/info/lang.html,
// as far as this package needs it.
func readDOT(t *testing.T, text string) drawing {
	t.Helper()
	var tokens []string
	for strings.TrimSpace(text) != "" {
		m := dotToken.FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("no token of DOT: %.60q", text)
		}
		tokens = append(tokens, m[1])
		text = text[len(m[0]):]
	}
	if len(tokens) < 4 || tokens[0] != "digraph" || tokens[2] != "{" || tokens[len(tokens)-1] != "}" {
		t.Fatalf("not a digraph: %q", tokens)
	}
	var d drawing
	for statement := range splitBy(tokens[3:len(tokens)-1], ";") {
		d.read(t, statement)
	}
	return d
}

// splitBy splits tokens at a sign that ends statements.
func splitBy(tokens []string, end string) func(yield func([]string) bool) {
	return func(yield func([]string) bool) {
		for len(tokens) > 0 {
			i := slices.Index(tokens, end)
			if i < 0 || !yield(tokens[:i]) {
				return
			}
			tokens = tokens[i+1:]
		}
	}
}

func (d *drawing) read(t *testing.T, statement []string) {
	t.Helper()
	attributes := map[string]string{}
	if i := slices.Index(statement, "["); i >= 0 {
		for j := i + 1; j+2 < len(statement); j += 4 {
			if statement[j+1] != "=" {
				t.Errorf("no attribute: %q", statement)
				return
			}
			attributes[statement[j]] = dotString(statement[j+2])
		}
		statement = statement[:i]
	}
	switch {
	case len(statement) == 3 && statement[1] == "->":
		d.arrows = append(d.arrows, arrow{from: number(statement[0][1:]), to: number(statement[2][1:]), label: attributes["label"], tip: attributes["tooltip"],
			color: attributes["color"], dash: attributes["style"]})
	case len(statement) == 1 && statement[0] == fmt.Sprintf("n%d", len(d.nodes)):
		d.nodes = append(d.nodes, attributes["label"])
	case len(statement) == 1 && (statement[0] == "node" || statement[0] == "edge"), slices.Equal(statement, []string{"rankdir", "=", "LR"}):
	default:
		t.Errorf("no statement that is written here: %q", statement)
	}
}

// dotString is what Graphviz shows for a token: escapes and entities are read.
func dotString(token string) string {
	s, quoted := strings.CutPrefix(token, `"`)
	if !quoted {
		return token
	}
	s = strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(strings.TrimSuffix(s, `"`))
	return strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">", "&quot;", `"`).Replace(s)
}

func checkDrawings(t *testing.T, r audit.Result) {
	t.Helper()
	options := cmp.AllowUnexported(drawing{}, arrow{})
	if diff := cmp.Diff(drawn(r, true), readMermaid(t, render(t, "mermaid", r, Options{})), options); diff != "" {
		t.Errorf("mermaid (-result +read):\n%s", diff)
	}
	if diff := cmp.Diff(drawn(r, false), readDOT(t, render(t, "dot", r, Options{})), options); diff != "" {
		t.Errorf("dot (-result +read):\n%s", diff)
	}
}

// entangle puts s into every place of a connection that holds what was found.
func entangle(s string) audit.Result {
	r := connected()
	r.Nodes = []audit.Node{{Name: s}, {Name: "cp-2"}}
	r.Connections = append(r.Connections, audit.Connection{Node: s, Client: s, Server: s, Address: s, ServerTrust: "ok", ClientTrust: "broken", Identity: s, Status: "broken", Reason: s},
		audit.Connection{Node: "cp-2", Client: s, Server: "kubelet", Address: s, ServerTrust: "unknown", ClientTrust: "-", Identity: s, Status: "unknown", Reason: s})
	return r
}

// A reader of the graphs gets back what was found, whatever it is, and no byte
// of it reaches a terminal as anything but text.
func TestDrawings(t *testing.T) {
	for name, r := range connectionResults() {
		t.Run(name, func(t *testing.T) { checkDrawings(t, r) })
	}
	for _, s := range hostileStrings() {
		t.Run(fmt.Sprintf("%.20q", s), func(t *testing.T) { checkEntangled(t, s) })
	}
}

func FuzzDrawings(f *testing.F) {
	for _, s := range hostileStrings() {
		f.Add(s)
	}
	f.Fuzz(checkEntangled)
}

func checkEntangled(t *testing.T, s string) {
	t.Helper()
	r := entangle(s)
	checkDrawings(t, r)
	for _, f := range ConnectionFormats() {
		checkPrintable(t, written(t, f, r, Options{Width: 80}))
	}
}

// plainLine matches a node or an edge of the plain output of Graphviz.
var plainLine = regexp.MustCompile(`(?m)^(node|edge) `)

// Graphviz itself reads the graphs.
func TestGraphviz(t *testing.T) {
	if testing.Short() {
		t.Skip("starts dot 150 times")
	}
	program, err := exec.LookPath("dot")
	if err != nil {
		t.Skip("the program dot is not installed")
	}
	results := connectionResults()
	for _, s := range append(hostileStrings(), strings.Repeat("&", 1<<15), strings.Repeat(`"`, 1<<15)) {
		results[fmt.Sprintf("%.20q", s)] = entangle(s)
	}
	for name, r := range results {
		t.Run(name, func(t *testing.T) {
			want := drawn(r, false)
			command := exec.Command(program, "-Tplain")
			command.Stdin = strings.NewReader(render(t, "dot", r, Options{}))
			var stderr bytes.Buffer
			command.Stderr = &stderr
			out, err := command.Output()
			if err != nil || stderr.Len() > 0 {
				t.Fatalf("%v\n%s", err, stderr.String())
			}
			if got := len(plainLine.FindAll(out, -1)); got != len(want.nodes)+len(want.arrows) {
				t.Errorf("Graphviz reads %d nodes and edges of %d", got, len(want.nodes)+len(want.arrows))
			}
		})
	}
}
