//go:build !race

package audit

import (
	"fmt"
	"hash/fnv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"certaudit/fixtures"
)

// What a forecast judges again at an end is all that the end changes: it says the same where
// every connection is judged again at each.
func TestForesightLeavesNothingOut(t *testing.T) {
	every := 3 // all of them take minutes
	if testing.Short() {
		every = 12
	}
	cases := map[string]func() []fixtures.Node{"mixed": mixedEnds}
	for i, s := range fixtures.Scenarios() {
		if i%every == 0 {
			cases[s.Name] = func() []fixtures.Node { return []fixtures.Node{s.Node()} }
		}
	}
	for i, s := range fixtures.ClusterScenarios() {
		if i%every == 0 {
			cases["cluster-"+s.Name] = s.Nodes
		}
	}
	for name, nodes := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := Options{At: fixtures.Now}
			_, after := Rerun(nil, Gathered(t, nodes()...), o)
			some, all := foresights(foreseeable(after, o), o), foresights(foreseeable(after, o), o)
			for i, s := range all {
				s.lookEverywhere()
				if diff := cmp.Diff(s.ends(time.Time{}), some[i].ends(time.Time{})); diff != "" {
					t.Errorf("(-all judged again +those that look):\n%s", diff)
				}
			}
		})
	}
}

// lookEverywhere has every connection look at every certificate.
func (s *foresight) lookEverywhere() {
	var everywhere []seat
	for _, n := range s.members {
		for i := range n.whole {
			everywhere = append(everywhere, seat{n, i, true})
		}
	}
	for _, e := range s.endings() {
		s.looked(e.cert())
	}
	for _, l := range s.looks {
		l.at = everywhere
	}
}

// mixedEnds are the nodes of a cluster whose certificates end, and some of which begin, on
// days of their own.
func mixedEnds() []fixtures.Node {
	var nodes []fixtures.Node
	for _, c := range fixtures.Joined(fixtures.Options{}, 3, 3) {
		for name := range c.Node {
			pair, ok := strings.CutSuffix(name, ".crt")
			if !ok || strings.HasSuffix(pair, "ca") {
				continue
			}
			h := fnv.New32a()
			fmt.Fprint(h, c.Options.NodeName, name)
			days := int(h.Sum32() % 500)
			c.Reissue(pair, func(s *fixtures.Spec) {
				s.NotAfter = fixtures.Now.AddDate(0, 0, days-50)
				if days%4 == 0 {
					s.NotBefore = fixtures.Now.AddDate(0, 0, days/5)
				}
			})
		}
		nodes = append(nodes, c.Node)
	}
	return nodes
}
