package audit

import (
	"certaudit/audit/inventory"
	"testing"

	"certaudit/parsers"

	"github.com/google/go-cmp/cmp"
)

func TestEtcdServers(t *testing.T) {
	at := parsers.Origin{Path: "/m.yaml", Line: 7, Field: "--etcd-servers"}
	over := parsers.Origin{Path: "/m.yaml", Line: 8, Field: "--etcd-servers-overrides"}
	inv := &inventory.Inventory{Components: []inventory.Component{{Name: "kube-apiserver", Settings: []parsers.Flag{
		{Name: "etcd-servers", Value: "https://a:2379, https://b:2379,", Origin: at},
		{Name: "etcd-servers-overrides", Value: "/events#https://c:2379;https://a:2379,apps/deployments#https://d:2379", Origin: over},
	}}}}
	want := []parsers.Text{{Value: "https://a:2379", Origin: at}, {Value: "https://b:2379", Origin: at},
		{Value: "https://c:2379", Origin: over}, {Value: "https://d:2379", Origin: over}}
	if diff := cmp.Diff(want, inv.EtcdServers()); diff != "" {
		t.Errorf("servers (-want +got):\n%s", diff)
	}
}
