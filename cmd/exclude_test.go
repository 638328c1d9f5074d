package cmd

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A pattern that would pass over nothing, whatever there is, is refused.
func TestExcludeRefusesPatterns(t *testing.T) {
	dir := t.TempDir()
	ok(t, os.Mkdir(filepath.Join(dir, "old"), 0o755))
	for pattern, want := range map[string]string{
		"[": "is no pattern of names", "": "is no pattern of names", "old/a.crt": "is neither a name nor a whole path", "old/": "is neither a name nor a whole path",
		"./old": "is neither a name nor a whole path", "old": "", "*.bak": "", filepath.ToSlash(dir) + "/old/*.crt": "",
	} {
		for _, command := range []string{"audit", "forecast"} {
			var out, log bytes.Buffer
			code := Main([]string{command, dir, "--exclude", pattern}, nil, &out, &log)
			if refused := code == exitUsage; refused != (want != "") || !strings.Contains(log.String(), want) {
				t.Errorf("%s --exclude %q ends with %d and says %q; want %q", command, pattern, code, log.String(), want)
			}
		}
		f := servePaths(dir)
		f.interval, f.exclude = minInterval, []string{pattern}
		if err := f.validate(); (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("serve --exclude %q: %v; want %q", pattern, err, want)
		}
	}
}
