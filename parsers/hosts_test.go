package parsers

import (
	"net/netip"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParseHosts(t *testing.T) {
	const file = "# made by hand\n" +
		"127.0.0.1\tlocalhost\n" +
		"\r\n" +
		"192.0.2.11  CP-1.Example.ORG. cp-1 # the node\r\n" +
		"::ffff:192.0.2.12 cp-2\n" +
		"fe80::1%eth0 link\n" +
		"192.0.2.300 nowhere\n" +
		"cp-3 192.0.2.13\n" +
		"192.0.2.14\n" +
		"0.0.0.0 ads.example.com\n" +
		"192.0.2.100 cp-1"
	got := ParseHosts("/etc/hosts", []byte(file), func(name string) bool { return name != "ads.example.com" })
	entry := func(name, address string, line int) HostEntry {
		return HostEntry{name, netip.MustParseAddr(address), Origin{Path: "/etc/hosts", Line: line}}
	}
	want := []HostEntry{entry("localhost", "127.0.0.1", 2), entry("cp-1.example.org", "192.0.2.11", 4), entry("cp-1", "192.0.2.11", 4),
		entry("cp-2", "192.0.2.12", 5), entry("link", "fe80::1", 6), entry("cp-1", "192.0.2.100", 11)}
	if diff := gocmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

func TestParseHostsIsBounded(t *testing.T) {
	anything := func(string) bool { return true }
	if got := ParseHosts("/etc/hosts", []byte(strings.Repeat("192.0.2.1 a b\n", maxAddresses)), anything); len(got) != maxAddresses {
		t.Errorf("%d entries; expected %d", len(got), maxAddresses)
	}
}

func TestCanonicalHost(t *testing.T) {
	for host, want := range map[string]string{
		"": "", "API.Example.org.": "api.example.org", "2001:DB8:0:0::11": "2001:db8::11", "::ffff:192.0.2.1": "192.0.2.1", "fe80::1%2": "fe80::1", "192.0.2.01": "192.0.2.01",
	} {
		if got := CanonicalHost(host); got != want {
			t.Errorf("CanonicalHost(%q) = %q; expected %q", host, got, want)
		}
	}
}

func FuzzParseHosts(f *testing.F) {
	f.Add("127.0.0.1 localhost # \n::1 a b")
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Count(text, "\n") + 1
		for _, e := range ParseHosts("/etc/hosts", []byte(text), func(string) bool { return true }) {
			if e.Origin.Line < 1 || e.Origin.Line > lines || e.Name == "" || e.Name != CanonicalHost(e.Name) || !e.Address.IsValid() || e.Address.Zone() != "" {
				t.Errorf("entry %+v of %q", e, text)
			}
		}
	})
}
