package parsers

import (
	"fmt"
	"strings"
	"testing"
	"testing/quick"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// argv makes words of one manifest, one on each line, starting with line 1.
func argv(words ...string) []Text {
	var texts []Text
	for i, w := range words {
		texts = append(texts, Text{Value: w, Origin: Origin{Path: "pod.yaml", Line: i + 1}})
	}
	return texts
}

func env(pairs ...string) []EnvVar {
	var vars []EnvVar
	for _, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		vars = append(vars, EnvVar{Name: name, Value: Text{Value: value}})
	}
	return vars
}

// flag is a flag of the manifest that argv makes.
func flag(line int, name, value string) Flag {
	return Flag{Name: name, Value: value, Origin: Origin{Path: "pod.yaml", Line: line, Field: "--" + name}}
}

// apart is a flag whose value is the next word.
func apart(line int, name, value string) Flag {
	f := flag(line, name, value)
	f.Apart = true
	return f
}

func problemAt(line int, field string, kind Kind, detail string) Problem {
	return Problem{Origin: Origin{Path: "pod.yaml", Line: line, Field: field}, Kind: kind, Detail: detail}
}

// testGrammar knows the wrappers and switches that occur in these tests.
var testGrammar = Grammar{
	Wrappers: map[string]Wrapper{
		"exec":            {Valued: []string{"-a"}},
		"env":             {Valued: []string{"-u", "--unset", "-C", "--chdir"}, Assignments: true},
		"nice":            {Valued: []string{"-n", "--adjustment"}},
		"chroot":          {Operands: 1},
		"flock":           {Valued: []string{"-w", "--wait", "--timeout", "-E", "--conflict-exit-code"}, Operands: 1},
		"nsenter":         {Valued: []string{"-t", "--target", "-S", "--setuid", "-G", "--setgid"}},
		"ionice":          {Valued: []string{"-c", "--class", "-n", "--classdata"}},
		"dumb-init":       {Valued: []string{"-r", "--rewrite"}},
		"tini":            {Valued: []string{"-p", "-e"}},
		"kube-log-runner": {Valued: []string{"-log-file", "--log-file", "-log-file-size", "--log-file-size", "-flush-interval", "--flush-interval"}},
		"go-runner":       {Valued: []string{"-log-file", "--log-file", "-log-file-size", "--log-file-size", "-flush-interval", "--flush-interval"}},
		"hyperkube":       {},
	},
	Programs: map[string]map[string]bool{
		"kube-apiserver": {"tls-cert-file": true, "etcd-servers": true}, "etcd": {"cert-file": true}, "kubelet": {"kubeconfig": true},
	},
	Mentions: map[string]bool{"kubectl": true, "systemctl": true, "grep": true},
	Switches: map[string]bool{"peer-client-cert-auth": true, "client-cert-auth": true, "allow-privileged": true, "logtostderr": true,
		"leader-elect": true, "help": true, "rotate-certificates": true, "alsologtostderr": true, "profiling": true},
}

func TestParseCommand(t *testing.T) {
	one := func(program string, flags ...Flag) []Command { return []Command{{Program: program, Flags: flags}} }
	spelled := func(spelling string, f Flag) Flag {
		f.Spelling = spelling
		return f
	}
	apiserver := one("kube-apiserver", flag(9, "v", "2"))
	at := func(line int) []Command { return one("kube-apiserver", flag(line, "v", "2")) }
	tests := []struct {
		name     string
		words    []Text
		env      []EnvVar
		want     []Command
		problems []Problem
	}{
		{name: "no words"},
		{name: "kubeadm etcd",
			words: argv("etcd", "--cert-file=/etc/kubernetes/pki/etcd/server.crt", "--client-cert-auth=true",
				"--initial-cluster=cp=https://192.0.2.1:2380", "--snapshot-count=10000"),
			want: one("etcd", flag(2, "cert-file", "/etc/kubernetes/pki/etcd/server.crt"), flag(3, "client-cert-auth", "true"),
				flag(4, "initial-cluster", "cp=https://192.0.2.1:2380"), flag(5, "snapshot-count", "10000"))},
		{name: "words of their own, one dash, booleans",
			words: argv("/usr/local/bin/etcd", "-name", "cp", "--peer-client-cert-auth", "--client-cert-auth", "false",
				"--data-dir", "/var/lib/etcd", "--unknown"),
			want: one("etcd", spelled("-name", apart(2, "name", "cp")), flag(4, "peer-client-cert-auth", "true"),
				flag(5, "client-cert-auth", "true"), apart(7, "data-dir", "/var/lib/etcd"), flag(9, "unknown", "true"))},
		{name: "an unknown flag before a flag is boolean",
			words: argv("kubelet", "--mystery", "--v=2", "--other", "-"),
			want:  one("kubelet", flag(2, "mystery", "true"), flag(3, "v", "2"), flag(4, "other", "true"))},
		{name: "underscores in names only",
			words: argv("kube-apiserver", "--tls_cert_file=/a_b", "-etcd_servers", "x_y"),
			want:  one("kube-apiserver", spelled("--tls_cert_file", flag(2, "tls-cert-file", "/a_b")), spelled("-etcd_servers", apart(3, "etcd-servers", "x_y")))},
		{name: "empty values", words: argv("kubelet", "--node-labels=", "--cloud-provider", ""),
			want: one("kubelet", flag(2, "node-labels", ""), apart(3, "cloud-provider", ""))},
		{name: "no flags", words: argv("kubelet", "---x=1", "-_", "-", "--=2", "run"), want: one("kubelet")},
		{name: "after the end of flags", words: argv("kubelet", "--v=2", "--", "--v=3"), want: one("kubelet", flag(2, "v", "2"))},
		{name: "args for an entry point", words: argv("--v=2", "-x"), want: one("", flag(1, "v", "2"), flag(2, "x", "true"))},
		{name: "k3s", words: argv("/usr/local/bin/k3s", "server", "--tls-san", "k3s.example", "--cluster-init"),
			want: one("k3s", apart(3, "tls-san", "k3s.example"), flag(5, "cluster-init", "true"))},
		{name: "hyperkube", words: argv("/hyperkube", "/kube-proxy", "--v=2"), want: one("kube-proxy", flag(3, "v", "2"))},
		{name: "hyperkube, short name", words: argv("hyperkube", "apiserver", "--v=2"), want: one("apiserver", flag(3, "v", "2"))},
		{name: "hyperkube alone", words: argv("hyperkube", "--help")},

		{name: "quotes that no shell removed",
			words: argv("kube-apiserver", `--tls-cert-file="/a b"`, "--cloud-provider", `''`, `--odd="x`, `--one="`, `--json={"a":"b"}`),
			want: one("kube-apiserver", flag(2, "tls-cert-file", "/a b"), apart(3, "cloud-provider", ""),
				flag(5, "odd", `"x`), flag(6, "one", `"`), flag(7, "json", `{"a":"b"}`)),
			problems: []Problem{
				problemAt(2, "--tls-cert-file", KindSyntax, `the quotes are part of the value "\"/a b\"": no shell removes them`),
				problemAt(3, "--cloud-provider", KindSyntax, `the quotes are part of the value "''": no shell removes them`),
			}},
		{name: "references",
			words: argv("etcd", "--a=$(A)/$(B)", "--b=$$(A)", "--c=$(NONE)", "--d=$A", "--e=$(A", "$(F)"),
			env:   env("A=old", "A=new", "B=b", "F=--f=1"),
			want: one("etcd", flag(2, "a", "new/b"), flag(3, "b", "$(A)"), flag(4, "c", "$(NONE)"), flag(5, "d", "$A"),
				flag(6, "e", "$(A"), flag(7, "f", "1"))},

		{name: "exec", words: argv("exec", "-a", "x", "kube-apiserver", "--v=2"), want: at(5)},
		{name: "env", words: argv("/usr/bin/env", "-u", "HOME", "-i", "A=b", "C=d", "kube-apiserver", "--v=2"), want: at(8)},
		{name: "nice", words: argv("nice", "-n", "-18", "kube-apiserver", "--v=2"), want: at(5)},
		{name: "nice takes no assignments", words: argv("nice", "A=b", "kube-apiserver", "--v=2"), want: one("A=b", flag(4, "v", "2"))},
		{name: "nice, old form, in ionice", words: argv("ionice", "-c2", "-n", "0", "nice", "-5", "kube-apiserver", "--v=2"), want: at(8)},
		{name: "chroot", words: argv("chroot", "--userspec=0", "/host", "kube-apiserver", "--v=2"), want: at(5)},
		{name: "chroot, end of options", words: argv("chroot", "--", "/host", "kube-apiserver", "--v=2"), want: at(5)},
		{name: "nsenter", words: argv("nsenter", "-t", "1", "--mount=/proc/1/ns/mnt", "--", "kube-apiserver", "--v=2"), want: at(7)},
		{name: "dumb-init", words: argv("/usr/bin/dumb-init", "-r", "15:3", "--", "kube-apiserver", "--v=2"), want: at(6)},
		{name: "tini", words: argv("/sbin/tini", "-s", "--", "kube-apiserver", "--v=2"), want: at(5)},
		{name: "flock", words: argv("/usr/bin/flock", "--exclusive", "-w", "5", "/run/lock", "kube-apiserver", "--v=2"), want: at(7)},
		{name: "go-runner", words: argv("/go-runner", "--log-file=/var/log/x", "--also-stdout=true", "-log-file-size", "5",
			"--redirect-stderr", "/usr/local/bin/kube-apiserver", "--v=2"), want: at(8)},
		{name: "kube-log-runner", words: argv("kube-log-runner", "-log-file", "/x", "kube-apiserver", "--v=2"), want: at(5)},
		{name: "a wrapper alone", words: argv("exec", "nice", "-n", "5")},
		{name: "a wrapper that lacks words", words: argv("nice", "-n")},
		{name: "chroot of nothing", words: argv("chroot", "/host")},

		{name: "a script", words: argv("/bin/sh", "-ec", "exec /usr/bin/kube-apiserver --v=2 \\\n  >>/log 2>&1"), want: at(3)},
		{name: "options of the shell", words: argv("bash", "--norc", "-euo", "pipefail", "+x", "-c", "--", "", "kube-apiserver --v=2")},
		{name: "options of the shell, then the script", words: argv("bash", "--norc", "-euo", "pipefail", "-c", "-x", "--", "", "x")},
		{name: "more options after -c", words: argv("env", "-i", "A=1", "bash", "-c", "-e", "-o", "pipefail", "kube-apiserver --v=2", "name"), want: apiserver},
		{name: "a shell without a script", words: argv("bash", "/run.sh", "--v=2"), want: one("bash", flag(3, "v", "2"))},
		{name: "parameters of a script", words: argv("sh", "-c", `exec etcd --a=1 "$@" --z`, "sh", "--b=x y", "--c", "d"),
			want: []Command{{Program: "etcd", Scripted: true, Flags: []Flag{flag(3, "a", "1"), flag(5, "b", "x y"), apart(6, "c", "d"), flag(3, "z", "true")}}}},
		{name: "parameters without quotes", words: argv("sh", "-ec", `etcd $@`, "sh", "--b=x"), want: []Command{{Program: "etcd", Scripted: true, Flags: []Flag{flag(5, "b", "x")}}}},
		{name: "no parameters", words: argv("sh", "-c", `etcd "$@"`, "sh"), want: []Command{{Program: "etcd", Scripted: true}}},
		{name: "parameters and their name left out", words: argv("sh", "-c", `etcd "$@"`), want: []Command{{Program: "etcd", Scripted: true}}},
		{name: "parameters within a word", words: argv("sh", "-c", `etcd --a="x$@"`, "sh", "b"), want: []Command{{Program: "etcd", Scripted: true, Flags: []Flag{flag(3, "a", "x$@")}}},
			problems: []Problem{problemAt(3, "--a", KindUnsupported, `the value of "$@" is not known before the shell runs`)}},
		{name: "a shell alone", words: argv("sh", "-c"), want: one("sh", flag(2, "c", "true"))},
		{name: "several commands",
			words: argv("sh", "-c", "mkfifo /p; (tee -a /log < /p & ) ; A=1 exec nice -n 5 /usr/bin/etcd --name 'a b' > /p 2>&1"),
			want: []Command{{Program: "mkfifo"}, {Program: "tee", Flags: []Flag{apart(3, "a", "/log")}},
				{Program: "etcd", Flags: []Flag{apart(3, "name", "a b")}}}},
		{name: "quotes of the shell",
			words: argv("sh", "-c", `etcd --a="x y"'z' --b=\"q\" --c="a\$b\c\"" --d=a\ b --e="" --f ''`),
			want: one("etcd", flag(3, "a", "x yz"), flag(3, "b", "q"), flag(3, "c", `a$b\c"`), flag(3, "d", "a b"),
				flag(3, "e", ""), apart(3, "f", "")),
			problems: []Problem{problemAt(3, "--b", KindSyntax, `the quotes are part of the value "\"q\"": no shell removes them`)}},
		{name: "lines continued by the shell",
			words: argv("sh", "-c", "etcd --a=b\\\nc --b=\"d\\\ne\" \\\r\n --c=f"),
			want:  one("etcd", flag(3, "a", "bc"), flag(3, "b", "de"), flag(3, "c", "f"))},
		{name: "variables",
			words: argv("sh", "-c", `export DIR=/pki OPTS=" --b=$X  --c" Y; EMPTY=; etcd --a=$DIR/${X}.crt $OPTS $EMPTY --d="$EMPTY" "$OPTS"`),
			env:   env("X=x"),
			want:  one("etcd", flag(3, "a", "/pki/x.crt"), flag(3, "b", "x"), flag(3, "c", "true"), flag(3, "d", ""))},
		{name: "a split value sticks to its neighbours",
			words: argv("sh", "-c", `etcd --a=$X--e`), env: env("X=1 --b=2  --c=3"),
			want: one("etcd", flag(3, "a", "1"), flag(3, "b", "2"), flag(3, "c", "3--e"))},
		{name: "variables whose value the script decides",
			words: argv("sh", "-c", `if x; then A=1; fi; B+=1; C=$(cmd --k=v); for D in 1; do :; done; etcd --a=$A --b=$B --c=$C --d=${D} --e=$E --f="${F:-f}" $A`),
			env:   env("A=0", "B=0", "C=0", "D=0"),
			want: []Command{{Program: "x"}, {Program: "cmd", Flags: []Flag{flag(3, "k", "v")}}, {Program: ":"},
				{Program: "etcd", Flags: []Flag{flag(3, "a", "$A"), flag(3, "b", "$B"), flag(3, "c", "$C"), flag(3, "d", "${D}"),
					flag(3, "e", "$E"), flag(3, "f", "${F:-f}")}}},
			problems: []Problem{
				problemAt(3, "--a", KindUnsupported, `the value of "$A" is not known before the shell runs`),
				problemAt(3, "--b", KindUnsupported, `the value of "$B" is not known before the shell runs`),
				problemAt(3, "--c", KindUnsupported, `the value of "$C" is not known before the shell runs`),
				problemAt(3, "--d", KindUnsupported, `the value of "${D}" is not known before the shell runs`),
				problemAt(3, "--e", KindUnsupported, `the value of "$E" is not known before the shell runs`),
				problemAt(3, "--f", KindUnsupported, `the value of "${F:-f}" is not known before the shell runs`),
				problemAt(3, "", KindUnsupported, `the value of "$A" is not known before the shell runs`),
			}},
		{name: "unknown programs matter, unknown words of echo do not",
			words: argv("sh", "-c", `echo $A "$B"; $BIN/etcd --v=2; ${DIR}/$BIN; sh -c "$SCRIPT"; x --y=$'\n'`),
			want: []Command{{Program: "echo"}, {Program: "etcd", Flags: []Flag{flag(3, "v", "2")}}, {Program: "$BIN"},
				{Program: "x", Flags: []Flag{flag(3, "y", `\n`)}}},
			problems: []Problem{
				problemAt(3, "", KindUnsupported, `the value of "$BIN" is not known before the shell runs`),
				problemAt(3, "", KindUnsupported, `the value of "$SCRIPT" is not known before the shell runs`),
				problemAt(3, "--y", KindUnsupported, `the value of "\\n" is not known before the shell runs`),
			}},
		{name: "a shell in a shell",
			words: argv("sh", "-c", `A=1; bash -ec "etcd --a=\$A --b=$A"`),
			want:  one("etcd", flag(3, "a", "1"), flag(3, "b", "1"))},
		{name: "a script that is none",
			words:    argv("sh", "-c", "etcd --a=1 $("),
			problems: []Problem{problemAt(3, "", KindSyntax, "the shell script cannot be parsed: 1:12: reached EOF without matching `$(` with `)`")}},
		{name: "a private key",
			words:    argv("x", "--key=-----BEGIN EC PRIVATE KEY-----\nSECRET\n-----END EC PRIVATE KEY-----"),
			want:     one("x", flag(2, "key", "\n\n")),
			problems: []Problem{problemAt(2, "", KindUnsupported, "a private key stands in a command line; it was not read")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, problems := testGrammar.ParseCommand(tt.words, tt.env)
			if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreFields(Command{}, "Args", "Scripted")); diff != "" {
				t.Errorf("commands (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.problems, problems); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

// What is behind a program that nobody knows, and what is only spoken of.
func TestParseCommandLooksThroughWrappers(t *testing.T) {
	started := func(words ...string) string {
		commands, problems := testGrammar.ParseCommand(argv(words...), nil)
		if len(problems) > 0 {
			t.Errorf("%q: %v", words, problems)
		}
		var out []string
		for _, c := range commands {
			text := c.Program
			for _, f := range c.Flags {
				text += " " + f.Name + "=" + f.Value
			}
			for _, a := range c.Args {
				text += " [" + a.Value + "]"
			}
			if c.Scripted {
				text += " (script)"
			}
			out = append(out, text)
		}
		return strings.Join(out, "; ")
	}
	for _, tt := range []struct{ line, want string }{
		{"watch-it --x=/y -- kube-apiserver --v=2", "kube-apiserver v=2"},
		{"watch-it --x=/y -- hyperkube kube-apiserver --v=2", "kube-apiserver v=2"},
		{"watch-it -- /usr/bin/nice -n 5 etcd", "etcd"},
		{"watch-it -- sh -c kube-apiserver", "kube-apiserver (script)"},
		{"/usr/bin/keep /usr/bin/kubelet --config=/x --kubeconfig=/y", "kubelet config=/x kubeconfig=/y"},
		{"keep -f 50 kube-apiserver --tls-cert-file /x", "kube-apiserver tls-cert-file=/x"},
		{"keep --reuid etcd --regid etcd etcd --cert-file=/x", "etcd cert-file=/x"},
		{"su -s /bin/sh -c kube-apiserver etcd", "kube-apiserver (script)"},
		{"--log-file=/x -- kube-apiserver --v=2", "kube-apiserver v=2"},

		{"etcdctl --name etcd --cert-file=/x", "etcdctl name=etcd cert-file=/x"},
		{"keep --service-name etcd --cert-file=/x", "keep service-name=etcd cert-file=/x"},
		{"keep -u etcd --cert-file=/x", "keep u=etcd cert-file=/x"},
		{"backup /etc/etcd --cert-file=/x", "backup cert-file=/x [/etc/etcd]"},
		{"keep /var/lib/x/bin/etcd --cert-file=/x", "etcd cert-file=/x"},
		{"kubectl logs kube-apiserver --tls-cert-file=/x", "kubectl tls-cert-file=/x [logs] [kube-apiserver]"},
		{"kubectl exec etcd-0 -- etcd --cert-file=/x", "kubectl [exec] [etcd-0]"},
		{"nice grep -r kube-apiserver --tls-cert-file=/x", "grep r=kube-apiserver tls-cert-file=/x"},
		{"keep restart etcd", "keep [restart] [etcd]"},
		{"keep restart etcd --force", "keep force=true [restart] [etcd]"},
		{"keep restart kube-apiserver etcd --cert-file=/x", "etcd cert-file=/x"},
		{"keep -- run etcd", "keep"},
		{"etdc --data-dir=/var/lib/etcd --cert-file=/x", "etdc data-dir=/var/lib/etcd cert-file=/x"},
		{"keep X=/usr/bin/etcd --cert-file=/x", "keep cert-file=/x [X=/usr/bin/etcd]"},
		{"keep --log=/bin/grep etcd --cert-file=/x", "etcd cert-file=/x"},
		{"dlv exec /usr/bin/etcd --headless -- --cert-file=/x", "etcd cert-file=/x"},
		{"dlv exec /usr/bin/etcd -- --cert-file=/x", "etcd cert-file=/x"},
		{"keep --image=etcd --cert-file=/x", "keep image=etcd cert-file=/x"},
		{"su -c run-it etcd", "su c=run-it [etcd]"},
	} {
		if got := started(strings.Fields(tt.line)...); got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.line, got, tt.want)
		}
	}
	if got, want := started("su", "etcd", "-c", "exec etcd --cert-file=/x | tee /y"), "etcd cert-file=/x (script); tee [/y] (script)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	many := strings.Fields(strings.Repeat("etcd -x ", maxWords/2-1))
	if got := started(append([]string{"keep"}, many...)...); !strings.HasPrefix(got, "keep ") {
		t.Errorf("got %.60s", got)
	}
}

func TestParseCommandLimits(t *testing.T) {
	tooLong := fmt.Sprintf("the command line has more than %d words or %d bytes", maxWords, maxCommandBytes)
	tooDeep := "the shell script is nested too deeply"
	script := func(s string) []Text { return argv("sh", "-c", s) }
	tests := []struct {
		name     string
		words    []Text
		env      []EnvVar
		commands int
		problem  Problem
	}{
		{"words", argv(make([]string, maxWords+1)...), nil, 0, problemAt(maxWords+1, "", KindLimit, tooLong)},
		{"bytes", argv("x", strings.Repeat("x", maxCommandBytes)), nil, 0, problemAt(2, "", KindLimit, tooLong)},
		{"references", argv("x", strings.Repeat("$(A)", 5)), env("A=" + strings.Repeat("x", 1<<20)), 0,
			problemAt(2, "", KindLimit, tooLong)},
		{"script", script(strings.Repeat("x", maxScriptBytes+1)), nil, 0,
			problemAt(3, "", KindLimit, fmt.Sprintf("the shell script has more than %d bytes", maxScriptBytes))},
		{"commands of a script", script(strings.Repeat("a;", maxWords+1)), nil, maxWords, problemAt(3, "", KindLimit, tooLong)},
		{"doubled variables", script("A=x;" + strings.Repeat("A=$A$A;", 100)), nil, 0, problemAt(3, "", KindLimit, tooLong)},
		{"parentheses", script(strings.Repeat("(", maxScriptOpeners+1)), nil, 0, problemAt(3, "", KindLimit, tooDeep)},
		{"keywords", script(strings.Repeat("if ", maxScriptOpeners+1)), nil, 0, problemAt(3, "", KindLimit, tooDeep)},
		{"shells", script(`A='sh -c "$A"'; sh -c "$A"`), nil, 0, problemAt(3, "", KindLimit, tooDeep)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			commands, problems := testGrammar.ParseCommand(tt.words, tt.env)
			if len(commands) != tt.commands {
				t.Errorf("%d commands, want %d", len(commands), tt.commands)
			}
			if diff := cmp.Diff([]Problem{tt.problem}, problems); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

// The deepest scripts that are still parsed must not exhaust stack or time.
func TestParseCommandDeepest(t *testing.T) {
	for _, around := range [][2]string{{"(", ")"}, {"$(", ")"}, {"{ ", ";}"}, {"if x; then ", "; fi"}, {"[[ ! ", "x ]]"},
		{"\"$(", ")\""}, {"${a:-", "}"}, {"$((", "))"}, {"((", "))"}, {"a[", "]"}, {"f()", ""}, {"! ", ""}, {"x <(", ")"}} {
		n := maxScriptOpeners / max(1, scriptOpeners(around[0]))
		testGrammar.ParseCommand(argv("sh", "-c", strings.Repeat(around[0], n)+"x"+strings.Repeat(around[1], n)), nil)
	}
	script := strings.Repeat("$(", maxScriptOpeners) + "x" + strings.Repeat(")", maxScriptOpeners)
	commands, problems := testGrammar.ParseCommand(argv("sh", "-c", script), nil)
	if len(commands) == 0 || len(problems) == 0 {
		t.Errorf("a nested script gives %d commands and %d problems", len(commands), len(problems))
	}
}

func TestCommandFlag(t *testing.T) {
	c := Command{Program: "etcd", Flags: []Flag{flag(1, "a", "1"), flag(2, "b", ""), flag(3, "a", "2")}}
	text := func(line int, name, value string) Text {
		return Text{Value: value, Origin: Origin{Path: "pod.yaml", Line: line, Field: "--" + name}}
	}
	tests := []struct {
		name string
		last Text
		all  []Text
	}{
		{"a", text(3, "a", "2"), []Text{text(1, "a", "1"), text(3, "a", "2")}},
		{"b", text(2, "b", ""), []Text{text(2, "b", "")}},
		{"c", Text{}, nil},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.last, c.Flag(tt.name)); diff != "" {
			t.Errorf("Flag(%q) (-want +got):\n%s", tt.name, diff)
		}
		if diff := cmp.Diff(tt.all, c.FlagAll(tt.name)); diff != "" {
			t.Errorf("FlagAll(%q) (-want +got):\n%s", tt.name, diff)
		}
	}
}

// A value in single quotes reaches the program unchanged, whatever it holds.
func TestShellQuotingRoundTrip(t *testing.T) {
	property := func(b []byte) bool {
		value := strings.ToValidUTF8(strings.NewReplacer("\x00", "", "\r", "", "$", "", `"`, "", "'", "").Replace(string(b)), "")
		commands, _ := testGrammar.ParseCommand(argv("sh", "-c", "x --v='"+value+"'"), nil)
		return len(commands) == 1 && commands[0].Flag("v").Value == value
	}
	if err := quick.Check(property, nil); err != nil {
		t.Error(err)
	}
}

// Words come one on each line of the fuzzer's text.
func FuzzParseCommand(f *testing.F) {
	for _, seed := range []string{
		"etcd\n--client-cert-auth\n--name\ncp",
		"/go-runner\n--log-file=/x\nkube-apiserver\n--tls_cert_file=\"/a b\"",
		"sh\n-ec\nA=1; exec nice -n 5 etcd --a=$A --b=\"${B:-c}\" $(x) $A | tee",
		"sh\n-c\nif x; then export Y=$X; fi; sh -c 'etcd $X'; for i in a; do f() { x; }; done",
		"hyperkube\napiserver\n--v=$(X)$$(X)",
		"env\nA=b\nflock\n-w\n5\n/l\nchroot\n--\n/x\ny",
	} {
		f.Add(seed, "X", "a --b='c d'")
	}
	f.Fuzz(func(t *testing.T, text, name, value string) {
		words := argv(strings.Split(text, "\n")...)
		commands, problems := testGrammar.ParseCommand(words, []EnvVar{{Name: name, Value: Text{Value: value}}})
		nul := strings.Contains(text+value, "\x00")
		for _, c := range commands {
			if strings.Contains(c.Program, "/") {
				t.Errorf("program %q has a path", c.Program)
			}
			for _, f := range c.Flags {
				if f.Origin.Path != "pod.yaml" || f.Origin.Line < 1 || f.Origin.Line > len(words) {
					t.Errorf("flag %+v stands nowhere", f)
				}
				if f.Name == "" || f.Origin.Field != "--"+f.Name || strings.ContainsAny(f.Name, "_=") || f.Name[0] == '-' {
					t.Errorf("flag %+v has a bad name", f)
				}
				if strings.Contains(f.Value, "\x00") && !nul {
					t.Errorf("flag %+v has a NUL", f)
				}
			}
		}
		checkProblems(t, problems, len(words))
	})
}

// checkProblems fails where a problem is not one line or stands on no line of the input.
func checkProblems(t *testing.T, problems []Problem, lines int) {
	t.Helper()
	for _, p := range problems {
		if p.Kind == "" || p.Detail == "" || strings.ContainsAny(p.Detail, "\n\x00") || p.Origin.Line > lines {
			t.Errorf("bad problem %+v in %d lines", p, lines)
		}
	}
}
