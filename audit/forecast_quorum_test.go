package audit_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"certaudit/fixtures"
)

// Where all members of etcd are in view, it is decided whether a majority of them is left.
func TestForecastOfQuorum(t *testing.T) {
	const (
		lost      = "of the 3 members in view no 2 reach each other then: if these are all, etcd loses its quorum, and nothing in the cluster can be changed"
		lostLater = "unless what ends before is renewed, " + lost
		goOn      = "of the 3 members in view 2 still reach each other, and go on"
		open      = "where that leaves no majority, nothing in the cluster can be changed"
	)
	for _, tt := range []struct {
		about string
		// ends are the days at which peers' certificates end, from cp-1 on, and hours the
		// hours of that day; zero for none.
		ends, hours [3]int
		change      func(c []*fixtures.Cluster)
		// left takes a node out of view.
		left string
		want []string
	}{
		{about: "all are renewed"},
		{about: "one ends", ends: [3]int{0, 0, 20}, want: []string{"cp-3: " + goOn}},
		{about: "two end on one day", ends: [3]int{20, 0, 20}, hours: [3]int{2, 0, 5}, want: []string{"cp-1: " + lost, "cp-3: " + lost}},
		{about: "two end on two days", ends: [3]int{20, 30}, want: []string{"cp-1: " + goOn, "cp-2: " + lostLater}},
		{about: "all end on three days", ends: [3]int{40, 30, 20}, want: []string{"cp-3: " + goOn, "cp-2: " + lostLater, "cp-1: " + lostLater}},
		{about: "one is not in view", ends: [3]int{20, 0, 20}, left: "cp-2", want: []string{"cp-1: " + open, "cp-3: " + open}},
		{about: "one has no name of its own", ends: [3]int{20, 0, 20}, want: []string{"cp-1: " + open, "cp-3: " + open},
			change: func(c []*fixtures.Cluster) {
				c[1].Node.Replace("/etc/kubernetes/manifests/etcd.yaml", "--name=cp-2", "--name=cp-1")
			}},
	} {
		t.Run(tt.about, func(t *testing.T) {
			c := fixtures.Joined(fixtures.Options{}, 3, 0)
			if tt.change != nil {
				tt.change(c)
			}
			var nodes []fixtures.Node
			for i, n := range c {
				if tt.ends[i] > 0 {
					n.Reissue("/etc/kubernetes/pki/etcd/peer", func(s *fixtures.Spec) {
						s.NotAfter = fixtures.Now.AddDate(0, 0, tt.ends[i]).Add(time.Duration(tt.hours[i]) * time.Hour)
					})
				}
				if n.Options.NodeName != tt.left {
					nodes = append(nodes, n.Node)
				}
			}
			var got []string
			for _, e := range forecastOf(t, fixtures.Now, fixtures.Now.AddDate(0, 0, 90), nodes...).Ends {
				for _, b := range e.Breaks {
					if first, words, ok := strings.Cut(b.Stops, "; "); ok && strings.Contains(first, "of etcd cannot reach") {
						if line := e.Node + ": " + words; !slices.Contains(got, line) {
							got = append(got, line)
						}
					}
				}
			}
			if diff := gocmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
