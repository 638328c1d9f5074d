package audit_test

import (
	"fmt"
	"strings"
	"testing"

	"certaudit/audit"
	"certaudit/audit/inventory"
	"certaudit/fixtures"
)

// inventoryOf is a control plane with something changed.
func inventoryOf(t *testing.T, change func(*fixtures.Cluster)) *inventory.Inventory {
	t.Helper()
	c := fixtures.ControlPlane(fixtures.Options{})
	change(c)
	return gathered(t, c.Node)
}

// Those who dial a server see what it serves, which need not be what its file holds.
func TestServedConnections(t *testing.T) {
	asIs := func(*fixtures.Cluster) {}
	const apiserver, etcdServer, etcdPeer = pki + "/apiserver", pki + "/etcd/server", pki + "/etcd/peer"
	for _, tt := range []struct {
		name string
		// served is a file; serves is what happened to the one that is served.
		served string
		serves func(*fixtures.Cluster)
		change func(*fixtures.Cluster)
		want   []string
	}{
		{name: "what the file holds", served: apiserver, serves: asIs},
		{name: "another that is as good", served: apiserver, serves: lasts(apiserver, 300*day, 65*day), want: []string{
			"critical served/differs kube-apiserver at 192.0.2.11:6443"}},
		{name: "what was there before, and ran out", served: apiserver, serves: lasts(apiserver, 366*day, -day), want: []string{
			"broken kubelet -> kube-apiserver", "broken kube-controller-manager -> kube-apiserver", "broken kube-scheduler -> kube-apiserver",
			"broken admin -> kube-apiserver", "broken super-admin -> kube-apiserver", "broken pods -> kube-apiserver",
			"critical served/differs kube-apiserver at 192.0.2.11:6443 breaks kubelet -> kube-apiserver, kube-controller-manager -> kube-apiserver, kube-scheduler -> kube-apiserver, admin -> kube-apiserver, super-admin -> kube-apiserver, pods -> kube-apiserver"}},
		{name: "what holds another address", served: apiserver, serves: spec(apiserver, func(s *fixtures.Spec) { s.IPs = []string{"10.96.0.1", "192.0.2.99"} }), want: []string{
			"broken kubelet -> kube-apiserver", "broken kube-controller-manager -> kube-apiserver", "broken kube-scheduler -> kube-apiserver",
			"broken admin -> kube-apiserver", "broken super-admin -> kube-apiserver",
			"critical served/differs kube-apiserver at 192.0.2.11:6443 breaks kubelet -> kube-apiserver, kube-controller-manager -> kube-apiserver, kube-scheduler -> kube-apiserver, admin -> kube-apiserver, super-admin -> kube-apiserver"}},
		{name: "what is good still, and the file is not", served: apiserver, serves: asIs, change: lasts(apiserver, 366*day, -day), want: []string{
			"critical validity/expired kube-apiserver --tls-cert-file", "critical served/differs kube-apiserver at 192.0.2.11:6443"}},
		{name: "etcd's client port", served: etcdServer, serves: spec(etcdServer, func(s *fixtures.Spec) { s.DNSNames, s.IPs = nil, nil }), want: []string{
			"broken kube-apiserver -> etcd", "broken etcd health check -> etcd",
			"critical served/differs etcd at 127.0.0.1:2379 breaks kube-apiserver -> etcd, etcd health check -> etcd", "critical served/differs etcd at 192.0.2.11:2379 breaks kube-apiserver -> etcd, etcd health check -> etcd"}},
		{name: "etcd's peer port", served: etcdPeer, serves: lasts(etcdPeer, 366*day, -day), want: []string{
			"broken etcd peers -> etcd",
			"critical served/differs etcd at 192.0.2.11:2380 breaks etcd peers -> etcd"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			change := tt.change
			if change == nil {
				change = asIs
			}
			inv, before := inventoryOf(t, change), inventoryOf(t, tt.serves)
			for _, e := range inv.Endpoints() {
				if e.Path == tt.served+".crt" {
					inv.Served = append(inv.Served, inventory.Served{Endpoint: e, Certificates: before.Materials[e.Path].Certificates})
				}
			}
			if len(inv.Served) == 0 {
				t.Fatalf("nothing serves %s", tt.served)
			}
			var got []string
			r := audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now})
			for _, c := range r.Connections {
				if c.Status == audit.VerdictBroken {
					got = append(got, fmt.Sprintf("broken %s -> %s", c.Client, c.Server))
				}
			}
			for _, f := range r.Findings {
				if f.Severity == audit.Info {
					continue
				}
				text := fmt.Sprintf("%s %s %s", f.Severity, f.Check, f.Field)
				if len(f.Breaks) > 0 {
					text += " breaks " + strings.Join(f.Breaks, ", ")
				}
				got = append(got, text)
			}
			compare(t, tt.want, got)
		})
	}
}

// What was left out is not passed over.
func TestUndialled(t *testing.T) {
	inv := inventoryOf(t, func(*fixtures.Cluster) {})
	inventory.Probe(t.Context(), inv, func(e inventory.Endpoint) bool { return false })
	r := audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now})
	var got []string
	for _, o := range r.Outcomes {
		if strings.HasPrefix(o.Check, "served/") && o.Reason != "" {
			got = append(got, fmt.Sprintf("%s %s %d: %s", o.Check, o.State, o.Examined, strings.SplitN(o.Reason, ";", 2)[0]))
		}
	}
	compare(t, []string{"served/unreachable not-applicable 0: kube-apiserver was not asked at 192.0.2.11:6443, which means the node that was copied or is not an address of this machine: --probe=anywhere asks from here"}, got)
}
