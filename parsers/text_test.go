package parsers

import (
	"strings"
	"testing"
	"time"
)

func TestClip(t *testing.T) {
	for _, c := range []struct {
		name, text string
		most       int
		want       string
	}{
		{"empty", "", 0, ""},
		{"shorter", "abc", 4, "abc"},
		{"as long", "abcd", 4, "abcd"},
		{"longer", "abcde", 4, "abcd…"},
		{"a character that fits", "abäc", 4, "abä…"},
		{"a character across the end", "abcä", 4, "abc…"},
		{"a long character across the end", "a😀b", 4, "a…"},
		{"nothing fits", "😀", 3, "…"},
		{"no UTF-8", "\xff\xfe\xfd\xfc", 3, "\xff\xfe\xfd…"},
		{"no character begins", strings.Repeat("\x80", 8), 6, strings.Repeat("\x80", 2) + "…"},
		{"no room", "abc", 0, "…"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Clip(c.text, c.most); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestBlankKeys(t *testing.T) {
	const key = "-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----"
	for _, c := range []struct {
		name, text, want string
		found            bool
	}{
		{"nothing", "", "", false},
		{"the words alone", "PRIVATE KEY", "PRIVATE KEY", false},
		{"another block", "-----BEGIN CERTIFICATE-----\nMIIB\n", "-----BEGIN CERTIFICATE-----\nMIIB\n", false},
		{"a key", "a\n" + key + "\nb\n", "a\n\n\n\nb\n", true},
		{"two keys", key + "\nx\n" + key, "\n\n\nx\n\n\n", true},
		{"no end", "a\n-----BEGIN PRIVATE KEY\nMC4C\nb", "a\n\n\n", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := []byte(c.text)
			clean, found := BlankKeys(data)
			if string(clean) != c.want || found != c.found {
				t.Errorf("got %q, %v; want %q, %v", clean, found, c.want, c.found)
			}
			if string(data) != c.text {
				t.Errorf("the data was changed to %q", data)
			}
		})
	}
}

func TestTextTime(t *testing.T) {
	for value, want := range map[string]time.Time{
		"2026-11-23T12:00:00Z":      time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC),
		"2026-11-23T13:00:00+01:00": time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC),
		"2026-11-23":                {},
		"":                          {},
	} {
		if got := (Text{Value: value}).Time(); got != want {
			t.Errorf("%q: got %s, want %s", value, got, want)
		}
	}
}
