package audit_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"certaudit/audit"
	"certaudit/audit/inventory"
	"certaudit/fixtures"
	"certaudit/parsers/logs"
)

// recordedAt is when what programs wrote of the faults is judged.
var recordedAt = time.Date(2026, 11, 26, 22, 0, 0, 0, time.UTC)

// recordedFault is a fault that real programs ran with: on a node, by the files and flags
// that it has. testdata/recorded/NAME.txt has their versions and what is wrong, what they
// wrote, each distinct line once, and what is to be said of it.
type recordedFault struct {
	name   string
	change func(c *fixtures.Cluster)
	// members is how many there are of etcd, each on a node; the second has the fault.
	members int
}

var recordedFaults = []recordedFault{
	{"peer-expired", expiredFile(pki + "/etcd/peer"), 3},
}

// What is said of recorded logs names the fault that was made, and blames nothing else.
func TestRecordedLogs(t *testing.T) {
	for _, f := range recordedFaults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			var nodes []fixtures.Node
			o := fixtures.Options{Version: "v1.37.2"}
			all := []*fixtures.Cluster{fixtures.ControlPlane(o)}
			if f.members > 0 {
				all = fixtures.Joined(o, f.members, 0)
			}
			f.change(all[len(all)/2])
			for _, c := range all {
				nodes = append(nodes, c.Node)
			}
			name := filepath.Join("testdata", "recorded", f.name+".txt")
			text, files := recording(t, name)
			golden(t, name, []byte(text+saidOf(t, nodes, files)))
		})
	}
}

const saidMark = "-- said --\n"

// recording reads a file of testdata/recorded: all of it up to what is said, and the logs
// by their names.
func recording(t *testing.T, name string) (text string, files map[string]string) {
	t.Helper()
	text, _, _ = strings.Cut(string(must(os.ReadFile(name))), saidMark)
	files = map[string]string{}
	for part := range strings.SplitSeq("\n"+text, "\n-- ") {
		if log, lines, ok := strings.Cut(part, " --\n"); ok {
			files[log] = lines + "\n"
		}
	}
	return text + saidMark, files
}

// saidOf is what is said of logs of some nodes, for people to read.
func saidOf(t *testing.T, nodes []fixtures.Node, files map[string]string) string {
	t.Helper()
	var inventories []*inventory.Inventory
	for _, n := range nodes {
		dir := t.TempDir()
		do(t, n.Write(dir))
		inventories = append(inventories, must(inventory.Gather(dir)))
	}
	o := audit.Options{At: recordedAt}
	r, after := audit.Rerun(nil, inventories, o)
	ties := audit.NewLogTies(r, after, o)
	reader := logs.NewReader(logs.Options{Now: recordedAt, HostOf: ties.HostOf})
	for _, name := range sortedNames(files) {
		reader.Read(name, strings.NewReader(files[name]))
	}
	l := ties.Explain(reader.Digest())
	var b strings.Builder
	for _, f := range l.Findings {
		fmt.Fprintf(&b, "%s %s %s: %s\n", f.Severity, f.Check, f.Path, f.Message)
	}
	for _, e := range l.Events {
		fmt.Fprintf(&b, "%s %s: %s %s %s: %s\n", e.Severity, e.Kind, strings.TrimSpace(e.Node+" "+e.Component), e.Direction, strings.TrimSpace(e.PeerNode+" "+e.Peer+" "+e.Address), e.Tie)
		for _, c := range e.Causes {
			fmt.Fprintf(&b, "  %s %s on %s; %s\n", c.Check, c.Path, c.Node, stepWords(r, c))
		}
		if e.Tie != audit.TieCause {
			fmt.Fprintf(&b, "  %s\n  %s\n", e.Meaning, e.Next)
		}
	}
	for _, u := range l.Unknown {
		fmt.Fprintf(&b, "not understood: %s\n", u.Text)
	}
	return b.String()
}

// stepWords are the title of the step that fixes a cause, or what to do where there is none.
func stepWords(r audit.Result, c audit.LogCause) string {
	if c.Step == 0 {
		return c.Remedy
	}
	return r.Plan[c.Step-1].Title
}

// endedFile has the certificate of a file end before the logs were written.
func expiredFile(base string) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) { c.Reissue(base, endedBefore) }
}
