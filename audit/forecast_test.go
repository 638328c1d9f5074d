package audit_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"certaudit/audit"
	"certaudit/audit/inventory"
	"certaudit/fixtures"
)

// forecastOf is the forecast for nodes, from a time on.
func forecastOf(t *testing.T, at, until time.Time, nodes ...fixtures.Node) audit.Forecast {
	t.Helper()
	var inventories []*inventory.Inventory
	for _, n := range nodes {
		inventories = append(inventories, gathered(t, n))
	}
	o := audit.Options{At: at}
	r, after := audit.Rerun(nil, inventories, o)
	return audit.ForecastOf(r, after, o, until)
}

// gathered is the inventory of a node.
func gathered(t *testing.T, n fixtures.Node) *inventory.Inventory {
	t.Helper()
	return audit.Gathered(t, n)[0]
}

// Each forecast is compared as a whole, with the places of certificates instead of their
// fingerprints.
func TestForecast(t *testing.T) {
	now, years := fixtures.Now, func(n int) time.Time { return fixtures.Now.AddDate(n, 0, 0) }
	for _, tt := range []struct {
		name      string
		scenario  string
		at, until time.Time
	}{
		{"good", "ok-1.34", now, time.Time{}},
		{"good-90d", "ok-1.34", now, now.AddDate(0, 0, 90)},
		{"two-years-ahead", "ok-1.34", years(2), years(4)},
		{"expired", "bad-validity-expired", now, years(2)},
		{"untrusted", "bad-chain-untrusted", now, years(2)},
		{"worker", "ok-worker", now, time.Time{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := forecastOf(t, tt.at, tt.until, scenarioNode(t, tt.scenario))
			golden(t, filepath.Join("testdata", "forecast", tt.name+".json"), forecastText(t, f))
		})
	}
}

func forecastText(t *testing.T, f audit.Forecast) []byte {
	t.Helper()
	data, err := json.MarshalIndent(f, "", "  ")
	do(t, err)
	text := string(data)
	for _, e := range f.Ends {
		text = strings.ReplaceAll(text, e.SHA256, "of "+e.Places[0].Path)
	}
	return []byte(text + "\n")
}

// rotates reports whether what is renewed by itself may be what a connection is broken
// for, in an audit of a time at which it was not.
func rotates(f audit.Forecast, label string, at time.Time) bool {
	return slices.ContainsFunc(f.Ends, func(e audit.End) bool {
		return e.RenewedBy == audit.RenewedByItself && e.NotAfter.Before(at) && (e.Rotation == nil || strings.Contains(label, ": kubelet") || strings.Contains(label, "-> kubelet "))
	})
}

// broken are the nodes, labels and addresses of the connections that are broken.
func broken(r audit.Result) map[string]bool {
	out := map[string]bool{}
	for _, c := range r.Connections {
		if c.Status == audit.VerdictBroken {
			out[c.Node+": "+c.Label()+" "+c.Address] = true
		}
	}
	return out
}

// Of two CAs with one key, the end of the first breaks nothing and is nobody's work; that
// of the second does, although the first was never renewed.
func TestForecastOfTwoCAs(t *testing.T) {
	c := fixtures.ControlPlane(fixtures.Options{})
	const proxyCA = "/etc/kubernetes/pki/front-proxy-ca.crt"
	c.NewCA("old", fixtures.Spec{CommonName: "front-proxy-ca", KeyName: "ca/" + fixtures.FrontProxyCA, NotBefore: fixtures.Now.AddDate(-1, 0, 0), NotAfter: fixtures.Now.AddDate(1, 0, 0)})
	file := c.Node[proxyCA]
	file.Data = slices.Concat(c.CertificatePEM("old"), file.Data)
	c.Node[proxyCA] = file
	var got []string
	for _, e := range forecastOf(t, fixtures.Now, time.Time{}, c.Node).Ends {
		if e.Places[0].Path == proxyCA {
			line := e.NotAfter.Format(time.DateOnly) + " " + e.RenewedBy
			for _, b := range e.Breaks {
				line += ", " + b.Label()
			}
			got = append(got, line)
		}
	}
	want := []string{"2027-11-23 nobody", "2036-10-21 rotation, kube-apiserver -> extension API servers"}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The ends of one day of several nodes are each node's own.
func TestForecastOfSeveralNodes(t *testing.T) {
	f := forecastOf(t, fixtures.Now, fixtures.Now.AddDate(2, 0, 0), fixtures.ControlPlane(fixtures.Options{}).Node, fixtures.Worker(fixtures.Options{}).Node)
	got := map[string]int{}
	for _, e := range f.Ends {
		got[e.Node+" "+e.RenewedBy]++
	}
	want := map[string]int{"cp-1 itself": 1, "cp-1 kubeadm": 11, "cp-1 nobody": 1, "worker-1 itself": 1, "worker-1 nobody": 1}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(f.Renewals) != 1 || f.Renewals[0].Node != "cp-1" || f.Incomplete() {
		t.Errorf("%d renewals, gaps %v", len(f.Renewals), f.Gaps)
	}
}

// Whose work a renewal is depends on who made the node.
func TestForecastRenewedBy(t *testing.T) {
	for name, want := range map[string]map[string]int{
		"ok-k3s-server": {"distribution": 21, "rotation": 5},
		"ok-openshift":  {"itself": 28},
		"ok-native":     {"issuer": 9, "rotation": 2},
	} {
		got := map[string]int{}
		for _, e := range forecastOf(t, fixtures.Now, time.Time{}, scenarioNode(t, name)).Ends {
			got[e.RenewedBy]++
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// The last day is the one before the end, but never before the forecast.
func TestForecastLastDay(t *testing.T) {
	node := scenarioNode(t, "ok-1.34")
	first := forecastOf(t, fixtures.Now, time.Time{}, node).Renewals[0]
	for _, tt := range []struct {
		at   time.Time
		want string
	}{
		{first.NotAfter.AddDate(0, 0, -30), first.NotAfter.AddDate(0, 0, -1).Format(time.DateOnly)},
		{first.NotAfter.Add(-time.Hour), first.NotAfter.Add(-time.Hour).Format(time.DateOnly)},
		{first.NotAfter, first.NotAfter.Format(time.DateOnly)},
	} {
		f := forecastOf(t, tt.at, time.Time{}, node)
		if got := f.Renewals[0].LastDay; got != tt.want {
			t.Errorf("at %s: last day %s, want %s", tt.at, got, tt.want)
		}
	}
	if f := forecastOf(t, first.NotAfter.Add(time.Second), first.NotAfter.AddDate(0, 0, 3), node); len(f.Ends) == 0 || f.Ends[0].LastDay != "" || len(f.Ends[0].Breaks) == 0 {
		t.Errorf("a second after the first end: %+v", f.Ends)
	}
}

// What ends within the time that is asked for is a warning, but not what the kubelet
// renews by itself, and nothing is without that time.
func TestWithin(t *testing.T) {
	node := scenarioNode(t, "ok-1.34")
	inv := gathered(t, node)
	judged := func(within time.Duration) []string {
		var out []string
		for _, f := range audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now, Within: within}).Findings {
			if f.Severity != audit.Info {
				out = append(out, string(f.Severity)+" "+f.Check+" "+f.Path+": "+f.Message)
			}
		}
		return out
	}
	expiring := func(name string) string {
		return "warning validity/expiring /etc/kubernetes/" + name + ": expires on 2027-10-24 12:00 UTC, in 335 days; renew it before"
	}
	all := []string{expiring("admin.conf"), expiring("controller-manager.conf"), expiring("pki/apiserver-etcd-client.crt"), expiring("pki/apiserver-kubelet-client.crt"),
		expiring("pki/apiserver.crt"), expiring("pki/etcd/peer.crt"), expiring("pki/etcd/server.crt"), expiring("pki/front-proxy-client.crt"), expiring("scheduler.conf"), expiring("super-admin.conf")}
	for _, tt := range []struct {
		within time.Duration
		want   []string
	}{
		{0, nil},
		{90 * day, nil},
		{335 * day, nil}, // to the second: that much is left
		{335*day + time.Second, all},
	} {
		if diff := gocmp.Diff(tt.want, judged(tt.within)); diff != "" {
			t.Errorf("within %s (-want +got):\n%s", tt.within, diff)
		}
	}
}

// What ends on one node breaks the connections of others, and is said once for all that
// have one; each node's own stay its own.
func TestForecastOfClusters(t *testing.T) {
	c := fixtures.Joined(fixtures.Options{}, 3, 2)
	c[0].Reissue("/etc/kubernetes/pki/apiserver", func(s *fixtures.Spec) { s.NotAfter = fixtures.Now.AddDate(0, 0, 20) })
	c[1].Reissue("/etc/kubernetes/pki/apiserver-kubelet-client", func(s *fixtures.Spec) { s.NotAfter = fixtures.Now.AddDate(0, 0, 40) })
	c[2].Reissue("/etc/kubernetes/pki/etcd/peer", func(s *fixtures.Spec) { s.NotAfter = fixtures.Now.AddDate(0, 0, 60) })
	var nodes []fixtures.Node
	for _, n := range c {
		nodes = append(nodes, n.Node)
	}
	var got []string
	for _, e := range forecastOf(t, fixtures.Now, fixtures.Now.AddDate(0, 0, 90), nodes...).Ends {
		for _, b := range e.Breaks {
			if len(b.Nodes) > 0 {
				got = append(got, e.Node+" "+e.Places[0].Path+": "+b.Label()+" "+b.Address+" of "+strings.Join(b.Nodes, ", "))
			}
		}
	}
	want := []string{
		"cp-1 /etc/kubernetes/pki/apiserver.crt: kubelet -> kube-apiserver https://lb.example.com:6443 of worker-1, worker-2",
		"cp-1 /etc/kubernetes/pki/apiserver.crt: admin -> kube-apiserver https://lb.example.com:6443 of cp-2, cp-3",
		"cp-1 /etc/kubernetes/pki/apiserver.crt: super-admin -> kube-apiserver https://lb.example.com:6443 of cp-2, cp-3",
		"cp-2 /etc/kubernetes/pki/apiserver-kubelet-client.crt: kube-apiserver -> kubelet  of worker-1, worker-2",
		"cp-3 /etc/kubernetes/pki/etcd/peer.crt: etcd -> etcd peer cp-3 https://192.0.2.13:2380 of cp-1, cp-2",
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The cost grows with the nodes, not with their square. x-audit compares the time with that
// of an audit of the same nodes.
func BenchmarkForecast(b *testing.B) {
	for _, size := range []struct{ planes, workers int }{{3, 75}, {3, 300}, {40, 960}} {
		var inventories []*inventory.Inventory
		dir := b.TempDir()
		for name, node := range fixtures.Fleet(size.planes, size.workers, 15) {
			do(b, node.Write(filepath.Join(dir, name)))
			inv, err := inventory.Gather(filepath.Join(dir, name), fixtures.FleetFolder)
			do(b, err)
			inventories = append(inventories, inv)
		}
		o := audit.Options{At: fixtures.Now}
		b.Run(fmt.Sprintf("planes=%d/workers=%d", size.planes, size.workers), func(b *testing.B) {
			var audited, foreseen time.Duration
			for b.Loop() {
				begun := time.Now()
				r, after := audit.Rerun(nil, inventories, o)
				judged := time.Now()
				f := audit.ForecastOf(r, after, o, time.Time{})
				audited, foreseen = audited+judged.Sub(begun), foreseen+time.Since(judged)
				b.ReportMetric(float64(len(f.Ends)), "ends")
			}
			b.ReportMetric(foreseen.Seconds()/audited.Seconds(), "x-audit")
		})
	}
}

// What is missing is said, and with it that not all was judged; a sound node has nothing
// of it.
func TestForecastOfMissingFiles(t *testing.T) {
	worker, cp := fixtures.Worker(fixtures.Options{}).Node, fixtures.ControlPlane(fixtures.Options{}).Node
	delete(worker, "/etc/kubernetes/kubelet.conf")
	for name := range cp {
		if strings.HasPrefix(name, "/etc/kubernetes/pki/") {
			delete(cp, name)
		}
	}
	malformed := fixtures.Worker(fixtures.Options{}).Node
	malformed["/etc/kubernetes/pki/ca.crt"] = fixtures.File{Mode: 0o644, Data: []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")}
	for _, tt := range []struct {
		name   string
		node   fixtures.Node
		want   []string
		broken int
	}{
		{"sound", fixtures.Worker(fixtures.Options{}).Node, nil, 0},
		{"no kubeconfig", worker, []string{"/etc/kubernetes/kubelet.conf"}, 1},
		{"no pki", cp, []string{"/etc/kubernetes/pki"}, 12},
		{"malformed", malformed, []string{"/etc/kubernetes/pki/ca.crt"}, 0},
	} {
		f := forecastOf(t, fixtures.Now, time.Time{}, tt.node)
		var got []string
		for _, a := range f.Absent {
			got = append(got, a.Path)
			if a.Node == "" || a.Reason == "" {
				t.Errorf("%s: %+v", tt.name, a)
			}
		}
		if diff := gocmp.Diff(tt.want, got); diff != "" || f.Incomplete() != (len(tt.want) > 0) || len(f.Broken) != tt.broken {
			t.Errorf("%s: %d broken, gaps %v (-want +got):\n%s", tt.name, len(f.Broken), f.Gaps, diff)
		}
	}
}
