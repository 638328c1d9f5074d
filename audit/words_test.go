package audit

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDurations(t *testing.T) {
	for _, c := range []struct {
		d                       time.Duration
		roughly, exactly, hours string
	}{
		{0, "0 minutes", "0 days", "0h"},
		{90 * time.Second, "1 minute", "90 seconds", "0h"},
		{time.Minute, "1 minute", "1 minute", "0h"},
		{2*time.Hour - 1, "119 minutes", "1h59m59.999999999s", "1h"},
		{2 * time.Hour, "2 hours", "2 hours", "2h"},
		{24 * time.Hour, "24 hours", "1 day", "24h"},
		{48*time.Hour - 1, "47 hours", "47h59m59.999999999s", "47h"},
		{48 * time.Hour, "2 days", "2 days", "48h"},
		{365*24*time.Hour + 30*time.Minute, "365 days", "525630 minutes", "8760h"},
	} {
		got := []string{roughly(c.d), exactly(c.d), inHours(c.d)}
		if diff := cmp.Diff([]string{c.roughly, c.exactly, c.hours}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.d, diff)
		}
	}
}

func TestClipAll(t *testing.T) {
	long := strings.Repeat("ä", 70)
	for _, c := range []struct{ in, want []string }{
		{nil, nil},
		{[]string{"a", long}, []string{"a", long[:128] + "…"}},
		{strings.Split("abcdefgh", ""), strings.Split("abcdefgh", "")},
		{strings.Split("abcdefghij", ""), append(strings.Split("abcdefgh", ""), "2 more")},
	} {
		if diff := cmp.Diff(c.want, clipAll(c.in)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", c.in, diff)
		}
	}
}
