package parsers

import (
	"strings"
	"testing"
)

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "abd", 1}, {"ab", "abc", 1}, {"abc", "bc", 1},
		{"kitten", "sitting", 3}, {"flaw", "lawn", 2}, {"ab", "ba", 2},
	} {
		if got := Distance(c.a, c.b); got != c.want {
			t.Errorf("%q and %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestNearest(t *testing.T) {
	words := []string{"etcd --cert-file", "etcd --key-file", "kubelet --config"}
	for word, want := range map[string]string{"etcd --certfile": words[0], "kubeletconfig": words[2], "": words[1], strings.Repeat("x", 1<<20): words[0]} {
		if got := Nearest(word, words); got != want {
			t.Errorf("%.20q: %q, want %q", word, got, want)
		}
	}
	if got := Nearest("a", nil); got != "" {
		t.Errorf("of no words %q", got)
	}
}

func TestDidYouMean(t *testing.T) {
	words := []string{"json", "yaml", "junit", "critical", "validity/expired", "csv"}
	for word, want := range map[string]string{
		"jsn":                    ` (did you mean "json"?)`,
		"JSON":                   ` (did you mean "json"?)`,
		"yml":                    ` (did you mean "yaml"?)`,
		"crit":                   ` (did you mean "critical"?)`,
		"validity/expire":        ` (did you mean "validity/expired"?)`,
		"validity":               ` (did you mean "validity/expired"?)`,
		"csw":                    ` (did you mean "csv"?)`,
		"jsno":                   ` (did you mean "json"?)`,
		"prometheus":             "",
		"x":                      "",
		"":                       "",
		"j":                      "",
		strings.Repeat("x", 100): "",
	} {
		if got := DidYouMean(word, words); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}
