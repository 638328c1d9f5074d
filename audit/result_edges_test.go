package audit_test

import (
	"crypto/x509"
	"fmt"
	"strings"
	"testing"
	"time"

	"certaudit/audit"
	"certaudit/audit/inventory"
	"certaudit/fixtures"
)

// The next expiry is the first that is still to come.
func TestNextExpiry(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*fixtures.Cluster)
		want   time.Time
	}{
		{"nothing ends before the kubelet's own certificate", func(*fixtures.Cluster) {}, fixtures.Now.Add(335*day - time.Hour)},
		{"one ends in a second", lasts(serving, 365*day, time.Second), fixtures.Now.Add(time.Second)},
		{"one ends now", lasts(serving, 365*day, 0), fixtures.Now.Add(335*day - time.Hour)},
		{"one has ended", lasts(serving, 365*day, -day), fixtures.Now.Add(335*day - time.Hour)},
	} {
		c := fixtures.ControlPlane(fixtures.Options{})
		tt.change(c)
		if got := auditNode(t, c.Node, audit.Options{}).Summary.NextExpiry; !got.Equal(tt.want) {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// A certificate that nothing names is what it says it is for.
func TestTypeByUsage(t *testing.T) {
	const client, server = x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth
	for want, usages := range map[string][][]x509.ExtKeyUsage{
		"Server": {{server}, {server, x509.ExtKeyUsageCodeSigning}}, "Client": {{client}},
		"Server, Client": {{server, client}, nil, {x509.ExtKeyUsageCodeSigning}},
	} {
		for _, u := range usages {
			c := fixtures.ControlPlane(fixtures.Options{})
			c.Issue("/x", fixtures.Spec{CommonName: "x", Usages: u})
			if got := auditObjects(t, string(c.Node["/x.crt"].Data)).Certificates[0].Type; got != want {
				t.Errorf("%v: %q, want %q", u, got, want)
			}
		}
	}
}

// Checks of what is not there have no outcome, or one that says so.
func TestOutcomesOfNothing(t *testing.T) {
	off := fixtures.ControlPlane(fixtures.Options{})
	off.Node.Replace(kubeletConfig, "rotateCertificates: true", "rotateCertificates: false")
	for _, o := range auditNode(t, off.Node, audit.Options{}).Outcomes {
		if strings.HasPrefix(o.Check, "objects/") {
			t.Errorf("%s has an outcome, and there are no objects", o.Check)
		}
		if o.Check == "validity/rotation-overdue" && o.State != audit.NotApplicable {
			t.Errorf("%s is %s, and nothing rotates", o.Check, o.State)
		}
	}
	if r := audit.RunRequests(gatherText(t, requestObject{}.yaml()), nil, audit.Options{At: fixtures.Now}); r.Incomplete() {
		t.Error("an audit of requests is incomplete without certificates")
	}
	if r := audit.Run([]*inventory.Inventory{inventory.New()}, audit.Options{At: fixtures.Now}); !r.Incomplete() {
		t.Error("an audit of nothing is complete")
	}
}

// The rows of kubeadm certs check-expiration.
func TestExpirations(t *testing.T) {
	const (
		own  = "admin.conf apiserver apiserver-etcd-client apiserver-kubelet-client controller-manager.conf etcd-healthcheck-client etcd-peer etcd-server front-proxy-client scheduler.conf super-admin.conf"
		cas  = " ca etcd-ca front-proxy-ca"
		bare = "admin.conf apiserver apiserver-kubelet-client controller-manager.conf front-proxy-client scheduler.conf super-admin.conf"
	)
	for _, tt := range []struct {
		name, want string
		build      func(fixtures.Options) *fixtures.Cluster
		options    fixtures.Options
		change     func(*fixtures.Cluster)
	}{
		{name: "as kubeadm makes it", build: fixtures.ControlPlane, want: own + cas},
		{name: "before super-admin.conf", build: fixtures.ControlPlane, options: fixtures.Options{Version: "v1.28.15"}, want: strings.TrimSuffix(own, " super-admin.conf") + cas},
		{name: "version unknown", build: fixtures.ControlPlane, change: replace(apiManifest, "kube-apiserver:v1.34.4", "kube-apiserver:mine"), want: own + cas},
		{name: "etcd elsewhere", build: fixtures.ControlPlane, options: fixtures.Options{ExternalEtcd: true}, want: bare + " ca front-proxy-ca"},
		{name: "etcd stopped", build: fixtures.ControlPlane, change: remove(etcdManifest), want: own + cas},
		{name: "API server stopped", build: fixtures.ControlPlane, change: remove(apiManifest), want: own + cas},
		{name: "key of the CA elsewhere", build: fixtures.ControlPlane, options: fixtures.Options{ExternalCA: true},
			want: "admin.conf! apiserver! apiserver-etcd-client apiserver-kubelet-client! controller-manager.conf! etcd-healthcheck-client etcd-peer etcd-server front-proxy-client scheduler.conf! super-admin.conf! ca! etcd-ca front-proxy-ca"},
		{name: "CA and its key elsewhere", build: fixtures.ControlPlane, change: remove(pki+"/front-proxy-ca.crt", pki+"/front-proxy-ca.key")},
		{name: "worker", build: fixtures.Worker},
		{name: "made by hand", build: fixtures.Native},
	} {
		c := tt.build(tt.options)
		if tt.change != nil {
			tt.change(c)
		}
		var got []string
		for _, e := range auditNode(t, c.Node, audit.Options{}).Nodes[0].Expirations {
			got = append(got, fmt.Sprint(e.Name, map[bool]string{true: "!"}[e.ExternallyManaged], map[bool]string{true: "?"}[e.Missing]))
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, strings.Join(got, " "), tt.want)
		}
	}
}
