package inventory

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A file that was changed within the grain of the file system's clock may be
// changed again and look the same: until the look is older than that, it is read
// once more. It does not count as a change.
func TestCacheDistrustsTheYoung(t *testing.T) {
	for _, c := range []struct {
		name string
		// after is the time of the look, counted from the file's last change.
		after time.Duration
		reads int
	}{
		{"at once", 0, 1},
		{"99 ms later", 99 * time.Millisecond, 1},
		{"100 ms later", 100 * time.Millisecond, 0},
		{"99 ms before, by a clock that is behind", -99 * time.Millisecond, 1},
		{"an hour before, by a clock that is behind", -time.Hour, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			name := filepath.Join(dir, "a.pem")
			if err := os.WriteFile(name, []byte("no certificate"), 0o600); err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			now := info.ModTime().Add(c.after)
			cache := NewCache(func() time.Time { return now }, dir)
			// reads runs once more and returns how many files that took.
			reads := func() int {
				t.Helper()
				before := cache.Reads()
				if _, _, err := cache.GatherPaths([]string{name}, nil); err != nil {
					t.Fatal(err)
				}
				return cache.Reads() - before
			}
			if got := reads(); got != 1 {
				t.Fatalf("the first run reads %d files", got)
			}
			if cache.Changed() {
				t.Error("something has changed")
			}
			now = info.ModTime().Add(24 * time.Hour)
			if got := reads(); got != c.reads {
				t.Errorf("the second run reads %d files, want %d", got, c.reads)
			}
			if got := reads(); got != 0 {
				t.Errorf("the third run reads %d files", got)
			}
		})
	}
}

// A file that was looked at too early is read again as well when another one is
// the reason for the run.
func TestCacheKeepsNothingYoung(t *testing.T) {
	dir := t.TempDir()
	write := func(name string) time.Time {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte("no certificate"), 0o600); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		return info.ModTime()
	}
	now := write("a.pem")
	cache := NewCache(func() time.Time { return now }, dir)
	reads := func() int {
		t.Helper()
		before := cache.Reads()
		if _, _, err := cache.GatherPaths([]string{dir}, nil); err != nil {
			t.Fatal(err)
		}
		return cache.Reads() - before
	}
	if got := reads(); got != 1 {
		t.Errorf("the first run reads %d files", got)
	}
	now = write("b.pem").Add(time.Hour)
	if got := reads(); got != 2 {
		t.Errorf("with a second file, %d files are read; the first one was young", got)
	}
	now = write("c.pem").Add(time.Hour)
	if got := reads(); got != 1 {
		t.Errorf("with a third file, %d files are read", got)
	}
}
