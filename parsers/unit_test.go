package parsers

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The unit, its drop-in and the flags as kubeadm and its packages write them.
const (
	kubeletService = `[Unit]
Description=kubelet: The Kubernetes Node Agent

[Service]
ExecStart=/usr/bin/kubelet
Restart=always
`
	kubeadmConf = `# Note: This dropin only works with kubeadm and kubelet v1.11+
[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
# This is a file that "kubeadm init" and "kubeadm join" generates at runtime
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
EnvironmentFile=-/etc/default/kubelet
ExecStart=
ExecStart=/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
`
	kubeadmFlags = `KUBELET_KUBEADM_ARGS="--container-runtime-endpoint=unix:///run/containerd/containerd.sock --pod-infra-container-image=registry.k8s.io/pause:3.10"
`
)

const (
	mainPath   = "/lib/systemd/system/kubelet.service"
	dropInPath = "/etc/systemd/system/kubelet.service.d/10-kubeadm.conf"
	flagsPath  = "/var/lib/kubelet/kubeadm-flags.env"
)

func text(value, path string, line int, field string) Text {
	return Text{Value: value, Origin: Origin{Path: path, Line: line, Field: field}}
}

func TestKubeadmKubelet(t *testing.T) {
	unit := MergeUnits(ParseUnit(mainPath, []byte(kubeletService)), ParseUnit(dropInPath, []byte(kubeadmConf)))
	want := Unit{Path: mainPath, Settings: []Setting{
		{"Unit", "Description", text("kubelet: The Kubernetes Node Agent", mainPath, 2, "Description")},
		{"Service", "ExecStart", text("/usr/bin/kubelet", mainPath, 5, "ExecStart")},
		{"Service", "Restart", text("always", mainPath, 6, "Restart")},
		{"Service", "Environment", text(`"KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"`, dropInPath, 3, "Environment")},
		{"Service", "Environment", text(`"KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"`, dropInPath, 4, "Environment")},
		{"Service", "EnvironmentFile", text("-/var/lib/kubelet/kubeadm-flags.env", dropInPath, 6, "EnvironmentFile")},
		{"Service", "EnvironmentFile", text("-/etc/default/kubelet", dropInPath, 7, "EnvironmentFile")},
		{"Service", "ExecStart", text("", dropInPath, 8, "ExecStart")},
		{"Service", "ExecStart", text("/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS", dropInPath, 9, "ExecStart")},
	}}
	if diff := cmp.Diff(want, unit); diff != "" {
		t.Errorf("unit (-want +got):\n%s", diff)
	}
	wantFiles := []EnvironmentFile{
		{Path: text("/var/lib/kubelet/kubeadm-flags.env", dropInPath, 6, "EnvironmentFile"), Optional: true},
		{Path: text("/etc/default/kubelet", dropInPath, 7, "EnvironmentFile"), Optional: true},
	}
	if diff := cmp.Diff(wantFiles, unit.EnvironmentFiles()); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}

	vars, problems := ParseEnvFile(flagsPath, []byte(kubeadmFlags))
	if problems != nil {
		t.Errorf("problems of the flags: %+v", problems)
	}
	vars = append(unit.Environment(), vars...)
	words, problems := unit.StartWords(vars)
	if problems != nil {
		t.Errorf("problems of ExecStart: %+v", problems)
	}
	wantWords := []Text{
		text("/usr/bin/kubelet", dropInPath, 9, "ExecStart"),
		text("--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf", dropInPath, 3, "KUBELET_KUBECONFIG_ARGS"),
		text("--kubeconfig=/etc/kubernetes/kubelet.conf", dropInPath, 3, "KUBELET_KUBECONFIG_ARGS"),
		text("--config=/var/lib/kubelet/config.yaml", dropInPath, 4, "KUBELET_CONFIG_ARGS"),
		text("--container-runtime-endpoint=unix:///run/containerd/containerd.sock", flagsPath, 1, "KUBELET_KUBEADM_ARGS"),
		text("--pod-infra-container-image=registry.k8s.io/pause:3.10", flagsPath, 1, "KUBELET_KUBEADM_ARGS"),
	}
	if diff := cmp.Diff(wantWords, words); diff != "" {
		t.Errorf("words (-want +got):\n%s", diff)
	}
	commands, problems := testGrammar.ParseCommand(words, vars)
	if problems != nil {
		t.Errorf("problems of the command: %+v", problems)
	}
	wantCommands := []Command{{Program: "kubelet", Flags: []Flag{
		{Name: "bootstrap-kubeconfig", Value: "/etc/kubernetes/bootstrap-kubelet.conf", Origin: Origin{dropInPath, 3, "--bootstrap-kubeconfig"}},
		{Name: "kubeconfig", Value: "/etc/kubernetes/kubelet.conf", Origin: Origin{dropInPath, 3, "--kubeconfig"}},
		{Name: "config", Value: "/var/lib/kubelet/config.yaml", Origin: Origin{dropInPath, 4, "--config"}},
		{Name: "container-runtime-endpoint", Value: "unix:///run/containerd/containerd.sock", Origin: Origin{flagsPath, 1, "--container-runtime-endpoint"}},
		{Name: "pod-infra-container-image", Value: "registry.k8s.io/pause:3.10", Origin: Origin{flagsPath, 1, "--pod-infra-container-image"}},
	}}}
	if diff := cmp.Diff(wantCommands, commands); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
}

func TestParseUnit(t *testing.T) {
	setting := func(section, name, value string, line int) Setting {
		return Setting{section, name, text(value, "u", line, name)}
	}
	problem := func(line int, detail string) Problem {
		return Problem{Origin: Origin{Path: "u", Line: line}, Kind: KindSyntax, Detail: detail}
	}
	tests := []struct {
		name, data string
		settings   []Setting
		problems   []Problem
	}{
		{name: "nothing"},
		{name: "comments and space",
			data:     "\ufeff# c\n ; c\n\n[A b]\n \t K = v w \t\n=x",
			settings: []Setting{setting("A b", "K", "v w", 5), setting("A b", "", "x", 6)}},
		{name: "continued lines",
			data:     "[S]\nA=1 \\\n# c\\\n  ; c\n  2\\\n\nB=3\\\\\nC=4\\\\\\\n 5\\",
			settings: []Setting{setting("S", "A", "1  2", 2), setting("S", "B", `3\\`, 7), setting("S", "C", `4\\ 5`, 8)}},
		{name: "lines that end in CR LF",
			data:     "[S]\r\nA=1 \\\r\n  2\r\n",
			settings: []Setting{setting("S", "A", "1  2", 2)}},
		{name: "what systemd ignores",
			data:     "A=1\n[root@host ~]# cat x\nA=1\n[]\n[S]\njunk\n--flag=1\nB=\xff\nC=1",
			settings: []Setting{setting("S", "C", "1", 9)},
			problems: []Problem{
				problem(1, "the assignment stands in no section"),
				problem(2, "the section header is not closed at the end of the line"),
				problem(3, "the assignment stands in no section"),
				problem(4, "the section header is not closed at the end of the line"),
				problem(6, `the line has no "="`),
				problem(7, `"--flag" is no setting: the line before does not end in a single backslash`),
				problem(8, "the line is not UTF-8"),
			}},
		{name: "binary", data: "[S]\x00", problems: []Problem{problem(0, "the file is binary: byte 3 is NUL")}},
		{name: "as large as can be", data: strings.Repeat("#", maxUnitBytes)},
		{name: "too large", data: strings.Repeat("#", maxUnitBytes+1), problems: []Problem{
			{Origin: Origin{Path: "u"}, Kind: KindLimit, Detail: fmt.Sprintf("the file has more than %d bytes", maxUnitBytes)}}},
		{name: "a private key",
			data:     "[S]\nA=-----BEGIN RSA PRIVATE KEY-----\nSECRET=\n-----END RSA PRIVATE KEY-----\nB=1\nC=-----BEGIN PRIVATE KEY-----\nSECRET=",
			settings: []Setting{setting("S", "A", "", 2), setting("S", "B", "1", 5), setting("S", "C", "", 6)},
			problems: []Problem{{Origin: Origin{Path: "u"}, Kind: KindUnsupported, Detail: "a private key stands in the file; it was not read"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := Unit{Path: "u", Settings: tt.settings, Problems: tt.problems}
			if diff := cmp.Diff(want, ParseUnit("u", []byte(tt.data))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestManyProblems(t *testing.T) {
	u := ParseUnit("u", []byte(strings.Repeat("x\n", 10*maxProblems)))
	if len(u.Problems) != maxProblems+1 {
		t.Fatalf("%d problems", len(u.Problems))
	}
	want := Problem{Origin: Origin{Path: "u"}, Kind: KindLimit, Detail: "has more than 100 problems; the others are left out"}
	if diff := cmp.Diff(want, u.Problems[maxProblems]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestUnitValues(t *testing.T) {
	u := ParseUnit("u", []byte("[Service]\nA=1\nA=\nA=2\nA=3\nB=1\n[Other]\nA=4\n[Service]\nB=\n"))
	tests := []struct {
		section, name string
		want          []Text
	}{
		{"Service", "A", []Text{text("2", "u", 4, "A"), text("3", "u", 5, "A")}},
		{"Service", "B", nil},
		{"Other", "A", []Text{text("4", "u", 8, "A")}},
		{"Other", "B", nil},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, u.Values(tt.section, tt.name)); diff != "" {
			t.Errorf("Values(%q, %q) (-want +got):\n%s", tt.section, tt.name, diff)
		}
	}
}

func TestMergeUnits(t *testing.T) {
	if diff := cmp.Diff(Unit{}, MergeUnits()); diff != "" {
		t.Errorf("no units (-want +got):\n%s", diff)
	}
	merged := MergeUnits(
		ParseUnit("u", []byte("[Service]\nEnvironment=A=1 B=1\nEnvironmentFile=/a\njunk")),
		ParseUnit("d", []byte("[Service]\nEnvironment=\nEnvironment=A=2\nEnvironmentFile=\nEnvironmentFile=/%%n-%n")))
	if diff := cmp.Diff([]EnvVar{{"A", text("2", "d", 3, "A")}}, merged.Environment()); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]EnvironmentFile{{Path: text("/%n-%n", "d", 5, "EnvironmentFile")}}, merged.EnvironmentFiles()); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	problems := []Problem{{Origin: Origin{Path: "u", Line: 4}, Kind: KindSyntax, Detail: `the line has no "="`}}
	if diff := cmp.Diff(problems, merged.Problems); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestUnitEnvironment(t *testing.T) {
	const noAssignment = "a word is no assignment to a variable; quotes go around the name and the value"
	tests := []struct {
		line    string
		want    []string
		problem string
	}{
		{line: `"VAR1=word1 word2" VAR2=word3 "VAR3=$word 5 6"`, want: []string{"VAR1=word1 word2", "VAR2=word3", "VAR3=$word 5 6"}},
		{line: `ONE='one' "TWO='two two' too" THREE=`, want: []string{"ONE=one", "TWO='two two' too", "THREE="}},
		{line: `A=1  A=%%2 B=%H`, want: []string{"A=1", "A=%2", "B=%H"}},
		{line: `"A=\a\b\f\n\r\t\v\\\"\'\s\x41\101\u00e9\U0001F600"`, want: []string{"A=\a\b\f\n\r\t\v\\\"' AA\u00e9\U0001F600"}},
		{line: `'A=\x41' B=\x4`, want: []string{"A=A"}, problem: `the escape "\\x" is unknown`},
		{line: `A=1 B=\q C=1`, want: []string{"A=1"}, problem: `the escape "\\q" is unknown`},
		{line: `A=\x00`, problem: `the escape "\\x" is unknown`},
		{line: `A=\000`, problem: `the escape "\\0" is unknown`},
		{line: `A=\ud800`, problem: `the escape "\\u" is unknown`},
		{line: `A=\777`, problem: `the escape "\\7" is unknown`},
		{line: `A=1 "B=2`, want: []string{"A=1"}, problem: `the quote '"' is not closed`},
		{line: `A=1 2 B=3`, want: []string{"A=1", "B=3"}, problem: noAssignment},
		{line: `1A=1`, problem: noAssignment},
		{line: `=1`, problem: noAssignment},
		{line: `A-B=1`, problem: noAssignment},
	}
	for _, tt := range tests {
		u := ParseUnit("u", []byte("[Service]\nEnvironment="+tt.line))
		var want []EnvVar
		for _, pair := range tt.want {
			name, value, _ := strings.Cut(pair, "=")
			want = append(want, EnvVar{name, text(value, "u", 2, name)})
		}
		var problems []Problem
		if tt.problem != "" {
			problems = []Problem{{Origin: Origin{"u", 2, "Environment"}, Kind: KindSyntax, Detail: tt.problem}}
		}
		if diff := cmp.Diff(want, u.Environment()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.line, diff)
		}
		if diff := cmp.Diff(problems, u.Problems); diff != "" {
			t.Errorf("problems of %s (-want +got):\n%s", tt.line, diff)
		}
	}
}

func TestStartWords(t *testing.T) {
	vars := env("ONE=one", "TWO=two two", "QUOTED='two two' \\\"too", "EMPTY=", "ONE=1", `TAIL=a\`)
	for i := range vars {
		vars[i].Value.Origin = Origin{Path: "e", Line: i + 1, Field: vars[i].Name}
	}
	// A word is given as "value" or, where it comes from a variable, "value@NAME".
	tests := []struct {
		line    string
		want    []string
		problem string
	}{
		{line: "echo $ONE $TWO ${TWO}", want: []string{"echo", "1@ONE", "two@TWO", "two@TWO", "two two@TWO"}},
		{line: "echo $QUOTED ${QUOTED}", want: []string{"echo", "two two@QUOTED", `"too@QUOTED`, `'two two' \"too@QUOTED`}},
		{line: "echo $EMPTY ${EMPTY} $NONE ${NONE} x${NONE} $", want: []string{"echo", "@EMPTY", "", "x"}},
		{line: "echo a${ONE}b${TWO} ${ONE}${ONE} $ONE-x a$ONE", want: []string{"echo", "a1btwo two", "11", "a$ONE"}},
		{line: "echo $$ONE a$$ $${ONE} ${ONE a${ONE", want: []string{"echo", "$ONE", "a$", "${ONE}", "${ONE", "a${ONE"}},
		{line: `echo "$TWO" '${ONE}'`, want: []string{"echo", "two@TWO", "two@TWO", "1@ONE"}},
		{line: `echo --a='b c' "d e"f \x41 "" %%n %n`, want: []string{"echo", "--a=b c", "d ef", "A", "", "%n", "%n"}},
		{line: `x $TAIL ${TAIL}`, want: []string{"x", "a@TAIL", `a\@TAIL`}},
		{line: ":/x $ONE ${ONE} $$", want: []string{"/x", "$ONE", "${ONE}", "$$"}},
		{line: "-@!!+/x name $ONE", want: []string{"/x", "1@ONE"}},
		{line: "@/x", want: []string{"/x"}},
		{line: "${ONE}/etcd ${ONE}", want: []string{"${ONE}/etcd", "1@ONE"}},
		{line: `one a; ; two "b" \; ";" ;`, want: []string{"two", "b", ";", ";"}},
		{line: "one ; two", want: []string{"two"}},
		{line: "-", want: nil},
		{line: ";", want: nil},
		{line: `sh -c "kubelet --a='b' $ONE >> /x" `, want: []string{"sh", "-c", "kubelet --a='b' $ONE >> /x"}},
		{line: `x \d --a`, want: []string{"x", `\d`, "--a"}, problem: `the escape "\\d" is unknown`},
		{line: `x 'a b`, want: []string{"x", "a b"}, problem: `the quote '\'' is not closed`},
		{line: `x \\ `, want: []string{"x", `\`}},
	}
	for _, tt := range tests {
		u := ParseUnit("u", []byte("[Service]\nExecStart=/first\nExecStart="+tt.line))
		var want []Text
		for _, w := range tt.want {
			value, name, isVariable := strings.Cut(w, "@")
			word := text(value, "u", 3, "ExecStart")
			if isVariable {
				line := map[string]int{"ONE": 5, "TWO": 2, "QUOTED": 3, "EMPTY": 4, "TAIL": 6}[name]
				word = text(value, "e", line, name)
			}
			want = append(want, word)
		}
		var wantProblems []Problem
		if tt.problem != "" {
			wantProblems = []Problem{{Origin: Origin{"u", 3, "ExecStart"}, Kind: KindSyntax, Detail: tt.problem}}
		}
		words, problems := u.StartWords(vars)
		if diff := cmp.Diff(want, words); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.line, diff)
		}
		if diff := cmp.Diff(wantProblems, problems); diff != "" {
			t.Errorf("problems of %s (-want +got):\n%s", tt.line, diff)
		}
	}
	if words, problems := (Unit{}).StartWords(vars); words != nil || problems != nil {
		t.Errorf("no ExecStart gives %v and %v", words, problems)
	}
}

func TestStartWordsLimit(t *testing.T) {
	limit := []Problem{commandLimit(Origin{"u", 2, "ExecStart"})}
	for _, line := range []string{
		"x" + strings.Repeat(" a", maxWords),
		"x" + strings.Repeat(" $WORDS", 2),
		"x" + strings.Repeat(" ${LONG}", 5),
		"x a" + strings.Repeat("${LONG}", 5),
	} {
		u := ParseUnit("u", []byte("[Service]\nExecStart="+line))
		words, problems := u.StartWords(env("WORDS="+strings.Repeat("w ", maxWords-1), "LONG="+strings.Repeat("x", 1<<20)))
		if diff := cmp.Diff(limit, problems); diff != "" {
			t.Errorf("%.20s (-want +got):\n%s", line, diff)
		}
		if len(words) == 0 || len(words) > maxWords {
			t.Errorf("%.20s: %d words", line, len(words))
		}
	}
}

func TestParseEnvFile(t *testing.T) {
	problem := func(line int, detail string) Problem {
		return Problem{Origin: Origin{Path: "e", Line: line}, Kind: KindSyntax, Detail: detail}
	}
	v := func(line int, name, value string) EnvVar { return EnvVar{name, text(value, "e", line, name)} }
	tests := []struct {
		name, data string
		want       []EnvVar
		problems   []Problem
	}{
		{name: "nothing"},
		{name: "comments and lines without an assignment",
			data: "\ufeff# A=1\n ;B=2\n\njunk\n C = 3 \nC=4",
			want: []EnvVar{v(5, "C", "3"), v(6, "C", "4")}},
		{name: "plain values",
			data: "A=a  b \nB=\nC=a=b\nD=a\\ b\\\\\nE=--x=\"a b\" 'c'\nF=a # b\nG=a\\\n  b\nH=$A %%\nI=\\",
			want: []EnvVar{v(1, "A", "a  b"), v(2, "B", ""), v(3, "C", "a=b"), v(4, "D", `a b\`), v(5, "E", `--x="a b" 'c'`),
				v(6, "F", "a # b"), v(7, "G", "a  b"), v(9, "H", "$A %%"), v(10, "I", "")}},
		{name: "an escaped space is kept", data: "A=a\\ \nB=a b\\ \nC= \\\n d", want: []EnvVar{v(1, "A", "a "), v(2, "B", "a b "), v(3, "C", " d")}},
		{name: "quoted values",
			data: "A=\"a b\" \nB='a\\n\"b'\nC=\"\\\"\\`\\$\\\\\\n\"\nD=\"a\\\nb\nc\"\nE='a\nb\\\n'\nF=\"a\" 'b' c \"d\"\n",
			want: []EnvVar{v(1, "A", "a b"), v(2, "B", `a\n"b`), v(3, "C", "\"`$\\\\n"), v(4, "D", "ab\nc"), v(7, "E", "a\nb\\\n"),
				v(10, "F", `abc "d"`)}},
		{name: "CR LF", data: "A=1\r\nB=\"2\r\n3\"\r\nC=4\\\r\n5\r\n", want: []EnvVar{v(1, "A", "1"), v(2, "B", "2\n3"), v(4, "C", "45")}},
		{name: "what systemd ignores",
			data: "export A=1\nB C=1\n1D=1\n=1\nE=\xff\nF=1",
			want: []EnvVar{v(6, "F", "1")},
			problems: []Problem{
				problem(1, `systemd does not remove "export" and ignores the assignment`),
				problem(2, `what stands before the "=" is no name of a variable; systemd ignores the assignment`),
				problem(3, `what stands before the "=" is no name of a variable; systemd ignores the assignment`),
				problem(4, `what stands before the "=" is no name of a variable; systemd ignores the assignment`),
				problem(5, "the value is not UTF-8"),
			}},
		{name: "an open quote takes the rest",
			data: "A=1\nB=\"a\nC=1\\", want: []EnvVar{v(1, "A", "1"), v(2, "B", "a\nC=1")},
			problems: []Problem{problem(2, `the quote '"' is not closed`)}},
		{name: "binary", data: "A=1\x00", problems: []Problem{problem(0, "the file is binary: byte 3 is NUL")}},
		{name: "too large", data: strings.Repeat("#", maxUnitBytes+1), problems: []Problem{
			{Origin: Origin{Path: "e"}, Kind: KindLimit, Detail: fmt.Sprintf("the file has more than %d bytes", maxUnitBytes)}}},
		{name: "a private key",
			data: "A='-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----\n'\nB=1", want: []EnvVar{v(1, "A", "\n\n\n"), v(5, "B", "1")},
			problems: []Problem{{Origin: Origin{Path: "e"}, Kind: KindUnsupported, Detail: "a private key stands in the file; it was not read"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, problems := ParseEnvFile("e", []byte(tt.data))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("variables (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.problems, problems); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

// lineCount is the number of lines of data, of which the last may be empty.
func lineCount(data []byte) int { return strings.Count(string(data), "\n") + 1 }

func checkOrigin(t *testing.T, o Origin, path string, lines int) {
	t.Helper()
	if o.Path != path || o.Line < 1 || o.Line > lines || o.Field == "" {
		t.Errorf("bad origin %+v in %d lines", o, lines)
	}
}

func FuzzParseUnit(f *testing.F) {
	for _, seed := range []string{kubeletService, kubeadmConf, "[Service]\r\nEnvironment=A=\\x41 'B=\\u00e9'\r\nExecStart=-@:x \\\r\n# c\r\n $A ${A} $$ \\; ; y",
		"[Service]\nExecStart=/bin/sh -c 'etcd --a=\"$$A\" ${PATH}'\n[x", "[Service]\nExecStart=x $PATH ${PATH}${PATH}\nExecStart=\nExecStart=y \"$PATH\" \\", "[Container]\nImage=%H\nVolume=\"a\\\nExec=$PATH '%d'\nEnvironment=A=%E"} {
		f.Add([]byte(seed), "a 'b c' \\d")
	}
	f.Fuzz(func(t *testing.T, data []byte, value string) {
		u := ParseUnit("u", data)
		lines := lineCount(data)
		checkProblems(t, u.Problems, lines)
		for _, s := range u.Settings {
			checkOrigin(t, Origin{s.Value.Origin.Path, s.Value.Origin.Line, "x"}, "u", lines)
			if s.Section == "" || strings.ContainsAny(s.Value.Value, "\n\x00") {
				t.Errorf("bad setting %+v", s)
			}
		}
		if len(u.Values("Container", "Image")) > 0 {
			u = Quadlet(u).As("u.service", "host")
		}
		vars := u.WithoutUnset(u.Environment())
		for _, v := range vars {
			checkOrigin(t, v.Value.Origin, "u", lines)
			if !validName(v.Name) || v.Value.Origin.Field != v.Name || strings.Contains(v.Value.Value, "\x00") {
				t.Errorf("bad variable %+v", v)
			}
		}
		outside := EnvVar{Name: "PATH", Value: text(value, "e", 1, "PATH")}
		words, problems := u.StartWords(append(vars, outside))
		checkProblems(t, problems, lines)
		for _, w := range words {
			if w.Origin != outside.Value.Origin {
				checkOrigin(t, w.Origin, "u", lines)
			}
			if strings.Contains(w.Value, "\x00") && !strings.Contains(value, "\x00") {
				t.Errorf("word %+v has a NUL", w)
			}
		}
		if len(words) > maxWords {
			t.Errorf("%d words", len(words))
		}
		u.EnvironmentFiles()
		testGrammar.ParseCommand(words, vars)
	})
}

func FuzzParseEnvFile(f *testing.F) {
	for _, seed := range []string{kubeadmFlags, "A=1\r\nexport B=2\n# c\n C = \"a\\\nb\" 'c' d\\ \nE='x", "A=\\", "=\n\xff=1\nB=\"\\\"\\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		vars, problems := ParseEnvFile("e", data)
		lines := lineCount(data)
		checkProblems(t, problems, lines)
		size := 0
		for _, v := range vars {
			checkOrigin(t, v.Value.Origin, "e", lines)
			if !validName(v.Name) || v.Value.Origin.Field != v.Name || strings.Contains(v.Value.Value, "\x00") {
				t.Errorf("bad variable %+v", v)
			}
			size += len(v.Name) + 1 + len(v.Value.Value)
		}
		if size > len(data) {
			t.Errorf("%d bytes of variables from %d bytes", size, len(data))
		}
	})
}

// corpusFiles returns the files of the corpus that keep says belong to a test.
func corpusFiles(t *testing.T, keep func(path string) bool) map[string][]byte {
	t.Helper()
	root := os.Getenv("CERTAUDIT_CORPUS")
	if root == "" {
		t.Skip("CERTAUDIT_CORPUS names no folder of sample files")
	}
	table, err := os.ReadFile(filepath.Join(root, "PROVENANCE.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for row := range strings.Lines(string(table)) {
		path, _, _ := strings.Cut(row, "\t")
		if !keep(path) {
			continue
		}
		if files[path], err = os.ReadFile(filepath.Join(root, path)); err != nil {
			t.Error(err)
		}
	}
	if len(files) == 0 {
		t.Error("the corpus has no file for this test")
	}
	return files
}

// brokenUnits are the files of the corpus that are no sound units, with the
// first problem that each should have.
var brokenUnits = map[string]string{
	// here-documents whose doubled backslashes and last line were kept
	"adam09066__cluster__etcd.service":                          `the line has no "="`,
	"iponnam__kubernetes_prod__etcd.service":                    `the line has no "="`,
	"iponnam__kubernetes_prod__kube-apiserver.service":          `the line has no "="`,
	"kackey0-1__homemade-raspi__systemd_etcd.service":           `"--config-file" is no setting: the line before does not end in a single backslash`,
	"kackey0-1__homemade-raspi__systemd_kube-apiserver.service": `"--config" is no setting: the line before does not end in a single backslash`,
	// a terminal's prompt was copied with the unit
	"salman-codebird__CKS__kube-apiserver.service": "the section header is not closed at the end of the line",
}

func TestCorpusUnits(t *testing.T) {
	isUnit := func(path string) bool {
		const configuration = "tree/sijong09__k8s/kubeadm.conf" // YAML for "kubeadm init"
		return strings.Contains(path, ".service") || strings.HasSuffix(path, "kubeadm.conf") && path != configuration
	}
	for path, data := range corpusFiles(t, isUnit) {
		u := ParseUnit(path, data)
		words, problems := u.StartWords(u.Environment())
		problems = append(u.Problems, problems...)
		if want := brokenUnits[filepath.Base(path)]; want != "" {
			if len(problems) == 0 || problems[0].Kind != KindSyntax || problems[0].Detail != want {
				t.Errorf("%s: problems %+v, want first %q", path, problems, want)
			}
		} else if len(problems) > 0 {
			t.Errorf("%s: problems %+v", path, problems)
		}
		commands, problems := testGrammar.ParseCommand(words, u.Environment())
		if len(problems) > 0 {
			t.Errorf("%s: problems of the command %+v", path, problems)
		}
		if len(commands) != 1 && !strings.HasSuffix(path, "11-kind.conf") {
			t.Errorf("%s: commands %+v", path, commands)
		}
	}
}

func TestCorpusEnvFiles(t *testing.T) {
	isEnvFile := func(path string) bool {
		return strings.Contains(path, ".env") || strings.HasSuffix(path, "etcd.conf") || strings.HasSuffix(path, "default_kubelet")
	}
	for path, data := range corpusFiles(t, isEnvFile) {
		vars, problems := ParseEnvFile(path, data)
		if len(vars) == 0 || len(problems) > 0 {
			t.Errorf("%s: %d variables, problems %+v", path, len(vars), problems)
		}
	}
}

func TestUnitAs(t *testing.T) {
	u := ParseUnit("/etc/systemd/system/x@.service", []byte("[Service]\nEnvironmentFile=/etc/%p/%i.env\nExecStart=/usr/bin/etcd --name=%i --data-dir=/data/%I --a=%n --b=%N --c=%%i --d=%H --e=%\n"))
	start := func(u Unit) string {
		words, problems := u.StartWords(nil)
		if len(problems) > 0 {
			t.Error(problems)
		}
		var out []string
		for _, w := range words {
			out = append(out, w.Value)
		}
		return strings.Join(out, " ")
	}
	for _, tt := range []struct{ name, want, file string }{
		{"x@main.service", "/usr/bin/etcd --name=main --data-dir=/data/main --a=x@main.service --b=x@main --c=%i --d=%H --e=%", "/etc/x/main.env"},
		{`x@a-b\x2dc.service`, `/usr/bin/etcd --name=a-b\x2dc --data-dir=/data/a/b-c --a=x@a-b\x2dc.service --b=x@a-b\x2dc --c=%i --d=%H --e=%`, `/etc/x/a-b\x2dc.env`},
		{"x@50%.service", "/usr/bin/etcd --name=50% --data-dir=/data/50% --a=x@50%.service --b=x@50% --c=%i --d=%H --e=%", "/etc/x/50%.env"},
		{"x.service", "/usr/bin/etcd --name= --data-dir=/data/ --a=x.service --b=x --c=%i --d=%H --e=%", "/etc/x/.env"},
	} {
		named := u.As(tt.name, "")
		if got := start(named); got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.name, got, tt.want)
		}
		if got := named.EnvironmentFiles()[0].Path.Value; got != tt.file {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.file)
		}
	}
	if got := u.EnvironmentFiles()[0].Path.Value; got != "/etc/%p/%i.env" {
		t.Errorf("the template itself has changed: %s", got)
	}
}
