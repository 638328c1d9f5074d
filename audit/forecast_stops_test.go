package audit

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// docs/forecast.md has the rules, in their order.
func TestStopsAreDocumented(t *testing.T) {
	const name = "../docs/forecast.md"
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	want.WriteString("| client | server | what stops | source |\n|---|---|---|---|\n")
	for _, r := range stopRules {
		fmt.Fprintf(&want, "| %s | %s | %s | %s |\n", r.client, r.server, r.what, r.source)
	}
	_, rest, _ := strings.Cut(string(text), "<!-- stops -->\n")
	got, _, _ := strings.Cut(rest, "<!-- /stops -->\n")
	if diff := cmp.Diff(want.String(), got); diff != "" {
		t.Errorf("%s (-code +page):\n%s", name, diff)
	}
}

// Each rule holds for a connection of its words: none before it takes them.
func TestStopRules(t *testing.T) {
	word := func(w string) string {
		if w == "" {
			return "something"
		}
		return strings.ReplaceAll(w, "*", "x")
	}
	for i, r := range stopRules {
		l := edge{}
		l.Client, l.Server = word(r.client), word(r.server)
		if got := breakOf(l, "why"); got.Rank != i || got.Stops != r.what || !strings.HasPrefix(got.Source, "https://") {
			t.Errorf("%s -> %s: rule %d, want %d", l.Client, l.Server, got.Rank, i)
		}
	}
}
