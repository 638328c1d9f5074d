package audit

import (
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// hostile are names that somebody may give to a file or an object.
var hostile = []struct{ name, word string }{
	{"/etc/kubernetes/pki/apiserver.crt", "/etc/kubernetes/pki/apiserver.crt"},
	{"kubelet-client-2026-10-24.pem", "kubelet-client-2026-10-24.pem"},
	{"-rf", "'-rf'"},
	{"", "''"},
	{"~root", "'~root'"},
	{"a b", "'a b'"},
	{"x;reboot", "'x;reboot'"},
	{"$(reboot)", "'$(reboot)'"},
	{"`reboot`", "'`reboot`'"},
	{"it's", `'it'\''s'`},
	{"#comment", "'#comment'"},
	{"é", "'é'"},
}

// A name is one word of a command, to bash as well.
func TestShellWord(t *testing.T) {
	bash, err := exec.LookPath("bash")
	for _, c := range hostile {
		if got := shellWord(c.name); got != c.word {
			t.Errorf("%q becomes %s, want %s", c.name, got, c.word)
		}
		if err != nil {
			continue
		}
		run := exec.Command(bash, "-c", "printf '<%s>' "+shellWord(c.name))
		run.Env = []string{"LC_ALL=C.UTF-8"}
		out, err := run.Output()
		if want := "<" + c.name + ">"; err != nil || string(out) != want {
			t.Errorf("bash takes %s for %q (%v), want %q", shellWord(c.name), out, err, want)
		}
	}
}

// A name that would not arrive as it is gets no command, and none ends a comment.
func TestRemedyLines(t *testing.T) {
	for _, name := range []string{"", "a\nreboot", "a\r\nreboot", "a'\"\x1b[2J", "\u202egnp.exe", "\xff"} {
		if got, want := command("mv %s %s", name, "b"), "# no command can be written: a name holds what cannot be printed"; got != want {
			t.Errorf("%q gives %q, want %q", name, got, want)
		}
	}
	got := remedy{"# look at a\nreboot", command("mv %s %s", "a b", "c")}.text()
	if diff := cmp.Diff("# look at a\\nreboot\nmv 'a b' c", got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
