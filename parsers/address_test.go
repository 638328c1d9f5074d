package parsers_test

import (
	"testing"

	"certaudit/parsers"

	"github.com/google/go-cmp/cmp"
)

// Nobody dials an unspecified address, and only https has certificates.
func TestHostsOf(t *testing.T) {
	for urls, want := range map[string][]string{
		"": nil,
		"https://192.0.2.1:2379, https://[::1]:2379,https://localhost:2379": {"192.0.2.1", "::1", "localhost"},
		"https://127.0.0.1:2379":                        {"127.0.0.1"},
		"https://0.0.0.0:2379,https://[::]:2379":        nil,
		"http://192.0.2.1:2379,https://192.0.2.2:2379":  {"192.0.2.2"},
		"unix://192.0.2.1:2379,192.0.2.2:2379":          nil,
		"https://192.0.2.1:2379,https://192.0.2.1:4001": {"192.0.2.1"},
		"https://:2379,https://%zz,https://":            nil,
	} {
		if diff := cmp.Diff(want, parsers.HostsOf(urls)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", urls, diff)
		}
	}
}

func TestHostOf(t *testing.T) {
	for text, want := range map[string]string{
		"https://api.example.org:6443/path": "api.example.org", "https://api.example.org": "api.example.org", "api.example.org:6443": "api.example.org", "api.example.org": "api.example.org",
		"[2001:db8::1]:6443": "2001:db8::1", " https://192.0.2.1 ": "192.0.2.1", "//192.0.2.1:1": "192.0.2.1", ":6443": "", "": "", "https://%zz": "",
	} {
		if got := parsers.HostOf(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestList(t *testing.T) {
	for values, want := range map[string][]string{"": {}, ",": {}, "a": {"a"}, "a,,b,": {"a", "b"}, "a, b": {"a", " b"}} {
		if diff := cmp.Diff(want, parsers.List(values)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", values, diff)
		}
	}
}
