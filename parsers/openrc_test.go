package parsers

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseOpenRC(t *testing.T) {
	at := Origin{Path: "/etc/init.d/kubelet"}
	for _, tt := range []struct {
		name    string
		scripts []string
		words   []string
		program string
	}{
		{name: "arguments of two files", scripts: []string{
			"command_args=\"--config=/var/lib/kubelet/config.yaml\"\n",
			"KUBELET_KUBEADM_ARGS=\"--node-ip=192.0.2.7 --v=2\"\n",
			"#!/sbin/openrc-run\nsupervisor=supervise-daemon\nif [ -e /x ]; then\n\t. /x;\nfi\ncommand=\"/usr/bin/kubelet\"\ncommand_args=\"${command_args} ${KUBELET_KUBEADM_ARGS} $NEVER_SET\"\n: ${output_log:=/var/log/$RC_SVCNAME.log}\n\ndepend() {\n\tafter net\n}\n"},
			words: []string{"/usr/bin/kubelet", "--config=/var/lib/kubelet/config.yaml", "--node-ip=192.0.2.7", "--v=2"}},
		{name: "words in quotes, and the output", scripts: []string{"#!/sbin/openrc-run\ncommand=/usr/local/bin/k3s\ncommand_args=\"server \\\n    '--data-dir' \\\n\t'/srv/my k3s' \\\n    >>/var/log/k3s.log 2>&1\"\n"},
			words: []string{"/usr/local/bin/k3s", "server", "--data-dir", "/srv/my k3s"}},
		{name: "a function of its own", scripts: []string{"#!/sbin/openrc-run\nstart() {\n  start-stop-daemon --start --exec /usr/bin/kubelet -- --kubeconfig=/k\n}\n"}, program: "kubelet"},
		{name: "nothing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var scripts [][]byte
			for _, s := range tt.scripts {
				scripts = append(scripts, []byte(s))
			}
			words, commands, problems := testGrammar.ParseOpenRC("kubelet", at, scripts...)
			var got []string
			for _, w := range words {
				got = append(got, w.Value)
				if w.Origin != at {
					t.Errorf("origin %+v", w.Origin)
				}
			}
			if diff := cmp.Diff(tt.words, got); diff != "" || len(problems) > 0 {
				t.Errorf("words (-want +got):\n%s problems %+v", diff, problems)
			}
			program := ""
			if len(commands) > 0 {
				program = commands[0].Program
			}
			if program != tt.program {
				t.Errorf("commands %+v, want %q", commands, tt.program)
			}
		})
	}
}

func TestSourcedFiles(t *testing.T) {
	got := SourcedFiles([]byte("#!/sbin/openrc-run\nif [ -e /a ]; then . /a; fi\n  source \"/b\"\n. relative\necho . /c\n"))
	if diff := cmp.Diff([]string{"/a", "/b"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzParseOpenRC(f *testing.F) {
	f.Add([]byte("command_args=\"a 'b\"\n"), []byte("#!/sbin/openrc-run\ncommand=$command_args\ncommand_args=\"${command_args} $command_args\"\n"))
	f.Fuzz(func(t *testing.T, conf, script []byte) {
		SourcedFiles(script)
		IsOpenRC(script)
		words, _, problems := testGrammar.ParseOpenRC("x", Origin{Path: "f"}, conf, script)
		if len(words) > maxWords {
			t.Errorf("%d words", len(words))
		}
		for _, p := range problems {
			if p.Origin.Path != "f" {
				t.Errorf("problem %+v", p)
			}
		}
	})
}
