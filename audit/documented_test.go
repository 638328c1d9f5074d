package audit_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"certaudit/audit"
	"certaudit/audit/inventory"
	"certaudit/fixtures"
)

// The first table, as the page had it in the versions before 1.29, and what changed then.
//
// Source: website setup/best-practices/certificates; kubernetes/website#42942, #43870.
func TestDocumentedCertificates(t *testing.T) {
	table := func(version string) []string {
		var rows []string
		for _, c := range audit.DefaultRequirements().Documented(audit.ProfileDocs, version).Certificates {
			slices.Sort(c.Hosts)
			rows = append(rows, fmt.Sprintf("%s | %s | %s | %s | %s", c.DefaultCN, c.ParentCA, strings.Join(c.Organizations, ", "), strings.Join(c.Kind, ", "), strings.Join(c.Hosts, " ")))
		}
		return rows
	}
	want := []string{
		"kube-etcd | etcd-ca |  | server, client | 127.0.0.1 <Host_IP> <hostname> localhost",
		"kube-etcd-peer | etcd-ca |  | server, client | 127.0.0.1 <Host_IP> <hostname> localhost",
		"kube-etcd-healthcheck-client | etcd-ca |  | client | ",
		"kube-apiserver-etcd-client | etcd-ca | system:masters | client | ",
		"kube-apiserver | kubernetes-ca |  | server | <Host_IP> <advertise_IP> <every other host that kubeconfigs call> <hostname> <service_IP> kubernetes kubernetes.default kubernetes.default.svc kubernetes.default.svc.cluster kubernetes.default.svc.cluster.local",
		"kube-apiserver-kubelet-client | kubernetes-ca | system:masters | client | ",
		"front-proxy-client | kubernetes-front-proxy-ca |  | client | ",
	}
	if diff := cmp.Diff(want, table("1.28")); diff != "" {
		t.Errorf("1.28 (-want +got):\n%s", diff)
	}
	want[3] = "kube-apiserver-etcd-client | etcd-ca |  | client | "
	want[5] = "kube-apiserver-kubelet-client | kubernetes-ca | system:masters or kubeadm:cluster-admins | client | "
	if diff := cmp.Diff(want, table("1.34")); diff != "" {
		t.Errorf("1.34 (-want +got):\n%s", diff)
	}
	want[3] = "kube-apiserver-etcd-client | etcd-ca | system:masters (before 1.29) | client | "
	want[5] = "kube-apiserver-kubelet-client | kubernetes-ca | system:masters (before 1.29), system:masters or kubeadm:cluster-admins (1.29 and later) | client | "
	if diff := cmp.Diff(want, table("")); diff != "" {
		t.Errorf("all versions (-want +got):\n%s", diff)
	}
}

// The second table names flags that there are, for what they hold; etcdctl is no component.
func TestDocumentedPaths(t *testing.T) {
	holds := map[string]map[string]bool{}
	for _, p := range inventory.Programs() {
		holds[p.Name] = map[string]bool{}
		for _, f := range p.Flags {
			holds[p.Name]["--"+f.Name] = f.Holds == inventory.HoldsPrivateKey || f.Holds == inventory.HoldsSignerKey
		}
	}
	rows := audit.DefaultRequirements().Documented(audit.ProfileDocs, "1.34").Paths
	if len(rows) != 14 {
		t.Errorf("%d rows, want 14", len(rows))
	}
	for _, row := range rows {
		if row.DefaultCN == "" || !strings.HasSuffix(row.CertPath, ".crt") || len(row.CertArgument) == 0 || (row.KeyArgument != "" && row.KeyPath != strings.TrimSuffix(row.CertPath, ".crt")+".key") {
			t.Errorf("%+v", row)
		}
		if row.Command == "etcdctl" {
			continue
		}
		for _, flag := range row.CertArgument {
			if key, known := holds[row.Command][flag]; !known || key {
				t.Errorf("%s %s is no flag of a certificate", row.Command, flag)
			}
		}
		if key, known := holds[row.Command][row.KeyArgument]; row.KeyArgument != "" && (!known || !key) {
			t.Errorf("%s %s is no flag of a key", row.Command, row.KeyArgument)
		}
	}
}

// The profile of the documentation demands the organizations of its tables, by version,
// and is content with those that it names.
func TestDocumentedOrganizations(t *testing.T) {
	const kubelet, etcd, admin = "/etc/kubernetes/pki/apiserver-kubelet-client", "/etc/kubernetes/pki/apiserver-etcd-client", "/etc/kubernetes/admin.conf"
	for _, tt := range []struct {
		version, base string
		organizations []string
		want          audit.Severity
	}{
		{"1.20", kubelet, nil, audit.Critical},
		{"1.28", kubelet, nil, audit.Critical},
		{"1.28", kubelet, []string{"system:masters"}, ""},
		{"1.29", kubelet, nil, audit.Warning},
		{"1.37", kubelet, nil, audit.Warning},
		{"1.37", kubelet, []string{"kubeadm:cluster-admins"}, ""},
		{"1.37", kubelet, []string{"system:masters"}, ""},
		{"1.28", etcd, nil, audit.Info},
		{"1.28", etcd, []string{"system:masters"}, ""},
		{"1.29", etcd, nil, ""},
		{"1.28", admin, nil, audit.Critical},
		{"1.34", admin, nil, audit.Critical},
		{"1.34", admin, []string{"kubeadm:cluster-admins"}, ""},
	} {
		c := fixtures.ControlPlane(fixtures.Options{})
		c.Reissue(tt.base, func(s *fixtures.Spec) { s.Organizations = tt.organizations })
		r := auditNode(t, c.Node, audit.Options{Overrides: audit.Overrides{Profile: audit.ProfileDocs, KubernetesVersion: tt.version}})
		got := audit.Severity("")
		for _, f := range r.Findings {
			if f.Check == "identity/organization-missing" && strings.HasPrefix(f.Path, tt.base) {
				got = f.Severity
			}
		}
		if got != tt.want {
			t.Errorf("%s with %v in %s: %q, want %q", tt.base, tt.organizations, tt.version, got, tt.want)
		}
	}
}
