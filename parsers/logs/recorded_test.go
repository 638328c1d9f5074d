package logs

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestRecorded holds lines against what they must say. recorded.txt and the files of the
// folder recorded have lines that programs wrote for a fault that was made, without what
// carried them, and known.txt lines in the wording of their sources. Each has its program,
// the line, and what it says.
func TestRecorded(t *testing.T) {
	for _, name := range append(recordedFiles(t), filepath.Join("testdata", "known.txt")) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
		for i, line := range lines {
			switch {
			case strings.HasPrefix(line, "= "):
				continue
			case strings.HasPrefix(line, "# "):
				out.WriteString(line + "\n")
				continue
			case i == 0 || !strings.HasPrefix(lines[i-1], "# "):
				t.Fatalf("%s:%d: no program is named", name, i+1)
			}
			e, uses, suspect := eventOf(Line{Text: line})
			if suspect {
				t.Errorf("%s:%d: not understood: %s", name, i+1, line)
			}
			out.WriteString(line + "\n= ")
			encoder := json.NewEncoder(&out)
			encoder.SetEscapeHTML(false)
			if err := encoder.Encode(understoodOf(e, uses)); err != nil {
				t.Fatal(err)
			}
		}
		if *update {
			if err := os.WriteFile(name, out.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if diff := cmp.Diff(string(data), out.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// understood is an event, or files in use, without what is empty.
type understood struct {
	Kind      Kind              `json:"kind,omitempty"`
	Direction Direction         `json:"direction,omitempty"`
	Side      Side              `json:"side,omitempty"`
	Peer      string            `json:"peer,omitempty"`
	Name      string            `json:"name,omitempty"`
	Valid     []string          `json:"valid,omitempty"`
	Clock     string            `json:"clock,omitempty"`
	Bound     string            `json:"bound,omitempty"`
	Candidate string            `json:"candidate,omitempty"`
	Serial    string            `json:"serial,omitempty"`
	Paths     []string          `json:"paths,omitempty"`
	Message   string            `json:"message,omitempty"`
	Component string            `json:"component,omitempty"`
	Uses      map[string]string `json:"uses,omitempty"`
}

func understoodOf(e *Event, uses []Use) understood {
	var r understood
	if e != nil {
		r = understood{Kind: e.Kind, Direction: e.Direction, Side: e.Side, Peer: e.Peer, Name: e.Name, Valid: e.Valid, Candidate: e.Candidate, Serial: e.Serial, Paths: e.Paths, Message: e.Message, Component: e.At.Component}
		if !e.Clock.IsZero() {
			r.Clock = e.Clock.Format("2006-01-02T15:04:05Z07:00")
		}
		if !e.Bound.IsZero() {
			r.Bound = e.Bound.Format("2006-01-02T15:04:05Z07:00")
		}
	}
	for _, u := range uses {
		if r.Uses == nil {
			r.Uses = map[string]string{}
		}
		if before := r.Uses[u.Setting]; before != "" {
			u.Path = before + " " + u.Path
		}
		r.Uses[u.Setting], r.Component = u.Path, u.At.Component
	}
	return r
}

// What looks like TLS and is not understood is a suspicion.
func TestSuspicions(t *testing.T) {
	for _, text := range []string{
		"Get \"https://10.0.0.1\": x509: something new",
		"Post failed: tls: something new went wrong",
		"http: TLS handshake error from 10.0.0.1:1: acme/autocert: host not configured",
		"error:0A000172:SSL routines::something new failed",
		"could not verify: the certificate of the server is invalid",
		"javax.net.ssl.SSLHandshakeException: something failed",
	} {
		if e, uses, suspect := eventOf(Line{Text: text}); e != nil || uses != nil || !suspect {
			t.Errorf("%s: %+v, %v, suspect %v", text, e, uses, suspect)
		}
		if !triggered(text) {
			t.Errorf("%s has no trigger", text)
		}
	}
}
