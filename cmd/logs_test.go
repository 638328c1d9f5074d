package cmd_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"certaudit/audit/inventory"
	program "certaudit/cmd"
	"certaudit/fixtures"
)

// The journal is asked for the units that are known and those that start components; no
// name of a unit is an option or a pattern there.
func TestUnitsOfJournal(t *testing.T) {
	inv := inventory.New()
	for _, unit := range []string{"etcd@main.service", "own-apiserver.service", "kubelet.service", "*.service", "-x.service", "--vacuum-size=1.service", "a b.service", "etcd", "", "x\n.service", "[a].service", "/bin/x.service"} {
		inv.Components = append(inv.Components, inventory.Component{Name: "etcd", Unit: unit})
	}
	units := program.UnitsOf(inv)
	if !slices.Contains(units, "containerd.service") {
		t.Errorf("containerd is not among %q", units)
	}
	want := []string{"etcd@main.service", "own-apiserver.service", "-x.service"} // the last as --unit=-x.service
	if got := units[len(units)-3:]; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if sorted := slices.Compact(slices.Sorted(slices.Values(units))); len(sorted) != len(units) {
		t.Errorf("one is there twice: %q", units)
	}
}

func TestParseSince(t *testing.T) {
	now := fixtures.Now
	for text, want := range map[string]time.Time{
		"": {}, "all": {}, "1h": now.Add(-time.Hour), "-1h": now.Add(-time.Hour), "90m": now.Add(-90 * time.Minute), "7d": now.AddDate(0, 0, -7),
		"2026-11-01": time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), "2026-11-01T12:00:00Z": time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC),
	} {
		if got, err := program.ParseSince(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: got %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"yesterday", "0", "0h", "1 hour", "99999999d", "2026-13-01", "--1h"} {
		if got, err := program.ParseSince(text, now); err == nil || !strings.Contains(err.Error(), "--since takes how long ago") {
			t.Errorf("%q: got %s, %v", text, got, err)
		}
	}
}
