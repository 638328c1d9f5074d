package logs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Each wording, and the words before it, are in a line that a real program wrote: one of those
// that are recorded.
func TestWordingsAreWritten(t *testing.T) {
	written := map[string]bool{}
	for _, name := range recordedFiles(t) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			if !strings.HasPrefix(line, "# ") && !strings.HasPrefix(line, "= ") {
				for _, wording := range wordingsOf(strings.TrimSuffix(line, "\n")) {
					written[wording] = true
				}
			}
		}
	}
	phrasesOf(func(_ family, gate string, p phrase) {
		for _, wording := range []string{gate, p.text} {
			if wording != "" && !written[wording] {
				t.Errorf("no program wrote %q: record a line that has it in testdata/recorded", wording)
				written[wording] = true // it is said once
			}
		}
	})
}

// recordedFiles are those with lines that real programs wrote.
func recordedFiles(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", "recorded", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	return append(names, filepath.Join("testdata", "recorded.txt"))
}

// wordingsOf are the phrase that a line is understood by and the gate before it.
func wordingsOf(line string) []string {
	l := Line{Text: line}
	text := unescaped(withoutClients(line))
	for _, f := range families {
		e, m := f.find(l, text)
		if e == nil {
			continue
		}
		gates := f.gates
		if gates == nil {
			gates = []string{""}
		}
		for _, gate := range gates {
			for _, p := range f.phrases {
				alone := family{skip: f.skip, with: f.with, phrases: []phrase{p}}
				if gate != "" {
					alone.gates = []string{gate}
				}
				if same, at := alone.find(l, text); same != nil && at == m && cmp.Equal(e, same) {
					return []string{gate, p.text}
				}
			}
		}
	}
	return nil
}
