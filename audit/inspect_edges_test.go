package audit_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"strings"
	"testing"

	"certaudit/audit"
	"certaudit/fixtures"
)

// Who signed whom, where more than one could have.
func TestInspectRelations(t *testing.T) {
	m := newMaker()
	deep, key := m.leaf("deep", "web-sub", "deep.example.org")
	m.c.NewCA("renewed", fixtures.Spec{CommonName: "web-ca", KeyName: "ca/web-ca", NotAfter: fixtures.Now.Add(5000 * day)})
	// Each of the two has signed the other, as for a rotation.
	m.c.NewCA("left", fixtures.Spec{CommonName: "left"})
	m.c.NewCA("right", fixtures.Spec{CommonName: "right", Signer: "left"})
	m.c.NewCA("right-root", fixtures.Spec{CommonName: "right", KeyName: "ca/right"})
	m.c.NewCA("left-cross", fixtures.Spec{CommonName: "left", KeyName: "ca/left", Signer: "right-root"})
	crossed, _ := m.leaf("crossed", "left", "crossed.example.org")
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"root and its renewal", m.ca("web-ca") + m.ca("renewed"), []string{"0 by -1", "1 by -1", "chain [0] ", "chain [1] "}},
		{"two CAs that signed each other", crossed + m.ca("left-cross") + m.ca("right"), []string{"0 by 1", "1 by 2", "2 by 1", "chain [0 1 2] "}},
		{"CA in another field", secretObject("a", tlsType, "tls.crt", deep, "tls.key", key, "ca.crt", m.ca("web-sub")), []string{"0 by 2", "1 by -1", "2 by -1", "chain [0 2] CN=web-ca"}},
		{"CA in front of its leaf", m.ca("web-sub") + deep, []string{"0 by -1", "1 by 0", "chain [1 0] CN=web-caitem 1 should follow item 2, which it signed"}},
		{"kubeconfig", string(m.c.Node["/etc/kubernetes/scheduler.conf"].Data), []string{"0 by -1", "1 by 0", "2 by -1", "chain [1 0] "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := audit.Inspect("x", []byte(tt.text), noPassword, fixtures.Now)
			var got []string
			for n, item := range i.Items {
				got = append(got, fmt.Sprintf("%d by %d", n, item.IssuedBy))
			}
			for _, c := range i.Chains {
				got = append(got, fmt.Sprintf("chain %v %s%s", c.Items, c.Missing, c.Order))
			}
			compare(t, tt.want, got)
		})
	}
}

// The first and the last moment of a certificate, and the CAs that may follow.
func TestInspectBounds(t *testing.T) {
	m := newMaker()
	m.c.Issue("/x/key", fixtures.Spec{CommonName: "key"})
	inspect := func(change func(*x509.Certificate)) audit.Item {
		template := x509.Certificate{Subject: pkix.Name{CommonName: "ca"}, IsCA: true, BasicConstraintsValid: true, NotBefore: fixtures.Now.Add(-day), NotAfter: fixtures.Now.Add(day)}
		change(&template)
		return audit.Inspect("x", craft(m.c, "/x/key.key", "", template), noPassword, fixtures.Now).Items[0]
	}
	for _, tt := range []struct {
		name   string
		change func(*x509.Certificate)
		want   string
	}{
		{"ends now", func(x *x509.Certificate) { x.NotAfter = fixtures.Now }, "valid 0, any number of CAs"},
		{"ended a second ago", func(x *x509.Certificate) { x.NotAfter = fixtures.Now.Add(-1e9) }, "expired -1, any number of CAs"},
		{"begins now", func(x *x509.Certificate) { x.NotBefore = fixtures.Now }, "valid 1, any number of CAs"},
		{"begins in a second", func(x *x509.Certificate) { x.NotBefore = fixtures.Now.Add(1e9) }, "not yet valid 1, any number of CAs"},
		{"no CA may follow", func(x *x509.Certificate) { x.MaxPathLenZero = true }, "valid 1, 0 CAs"},
		{"one CA may follow", func(x *x509.Certificate) { x.MaxPathLen = 1 }, "valid 1, 1 CAs"},
		{"no CA at all", func(x *x509.Certificate) { x.IsCA = false }, "valid 1, any number of CAs"},
	} {
		item := inspect(tt.change)
		got := fmt.Sprintf("%s %d, any number of CAs", item.Validity, item.DaysLeft)
		if item.MaxPathLen != nil {
			got = fmt.Sprintf("%s %d, %d CAs", item.Validity, item.DaysLeft, *item.MaxPathLen)
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// A role is held against the certificate of its kind, by kubeadm's table unless
// another one is asked for.
func TestExpectEdges(t *testing.T) {
	m := newMaker()
	ca, apiserver := m.ca(fixtures.CA), string(m.c.Node[serving+".crt"].Data)
	frontProxy := string(m.c.Node[pki+"/front-proxy-client.crt"].Data)
	for _, tt := range []struct {
		name, text, role, profile string
		want                      []string
	}{
		{name: "leaf behind its CA", text: ca + apiserver, role: "kube-apiserver/serving"},
		{name: "CA behind a leaf", text: apiserver + ca, role: "kubernetes/ca"},
		{name: "no CA", text: apiserver, role: "kubernetes/ca", want: []string{
			"critical usage/not-a-ca: stands in a CA's place and has no basic constraint CA:TRUE: nothing that it signed is accepted",
			`info identity/common-name: the common name is "kube-apiserver"; expected "kubernetes"`,
		}},
		{name: "another client", text: frontProxy, role: "kube-apiserver/kubelet-client", want: []string{
			`warning identity/common-name: the common name is "front-proxy-client"; expected "kube-apiserver-kubelet-client"`,
			`warning identity/organization-missing: the organizations are none; expected "kubeadm:cluster-admins" or "system:masters" among them`,
		}},
		{name: "another client, made by hand", text: frontProxy, role: "kube-apiserver/kubelet-client", profile: audit.ProfileGeneric, want: []string{
			`the user "front-proxy-client" is in no group that may call kubelets, and the ClusterRoleBindings are not in view of which kubeadm:apiserver-kubelet-client, or another, lets it: kubectl get clusterrolebindings -o json`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := audit.Inspect("x", []byte(tt.text), noPassword, fixtures.Now)
			if err := i.Expect(tt.role, audit.Options{Overrides: audit.Overrides{Profile: tt.profile, KubernetesVersion: "1.34.4"}}); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range i.Findings {
				got = append(got, fmt.Sprintf("%s %s: %s", f.Severity, f.Check, f.Message))
			}
			for _, reason := range i.Unjudged {
				if !strings.Contains(reason, "is not known") {
					got = append(got, reason)
				}
			}
			compare(t, tt.want, got)
		})
	}
}
