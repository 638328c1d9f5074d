package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"certaudit/audit"
)

// real reads the output of a real kubeadm back into the result that has to
// give it again.
func real(t *testing.T, file string) audit.Result {
	t.Helper()
	var info expirationInfo
	if err := json.Unmarshal(read(t, file), &info); err != nil {
		t.Fatal(err)
	}
	r := audit.Result{Nodes: []audit.Node{{Name: "cp-1"}}}
	add := func(list []kubeadmExpiration, isCA bool) {
		for _, k := range list {
			e := audit.Expiration{Name: k.Name, Authority: k.CAName, ExternallyManaged: k.ExternallyManaged, Missing: k.Missing, IsCA: isCA}
			if k.ExpirationDate != nil {
				e.NotAfter = *k.ExpirationDate
				r.At = k.ExpirationDate.Add(-time.Duration(k.ResidualTime) * time.Second)
			}
			r.Nodes[0].Expirations = append(r.Nodes[0].Expirations, e)
		}
	}
	add(info.Certificates, false)
	add(info.CertificateAuthorities, true)
	return r
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The files are what kubeadm of the version in their name printed.
func TestKubeadmBytes(t *testing.T) {
	for _, name := range []string{"kubeadm-1.34.4", "kubeadm-1.37.2", "kubeadm-1.37.2-missing"} {
		r := real(t, name+".json")
		if diff := cmp.Diff(string(read(t, name+".txt")), render(t, "kubeadm", r, Options{Width: 40, Color: true})); diff != "" {
			t.Errorf("%s.txt (-kubeadm +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(string(read(t, name+".json")), render(t, "kubeadm-json", r, Options{Width: 40, Color: true})); diff != "" {
			t.Errorf("%s.json (-kubeadm +got):\n%s", name, diff)
		}
	}
}

// An expired certificate, an external CA, a CA that is gone, and no etcd on
// the node.
func TestKubeadmUnusual(t *testing.T) {
	at := time.Date(2026, 11, 23, 6, 14, 0, 500, time.UTC)
	r := audit.Result{At: at, Nodes: []audit.Node{{Expirations: []audit.Expiration{
		{Name: "admin.conf", Authority: "ca", NotAfter: at.Add(-36 * time.Hour)},
		{Name: "apiserver", Authority: "ca", NotAfter: at.Add(90 * time.Minute).In(time.FixedZone("CET", 3600)), ExternallyManaged: true},
		{Name: "front-proxy-client", Authority: "front-proxy-ca", Missing: true},
		{Name: "ca", IsCA: true, NotAfter: at.Add(400 * 24 * time.Hour), ExternallyManaged: true},
		{Name: "front-proxy-ca", IsCA: true, Missing: true},
	}}}}
	wantText := "" +
		"CERTIFICATE                    EXPIRES                  RESIDUAL TIME   CERTIFICATE AUTHORITY   EXTERNALLY MANAGED\n" +
		"admin.conf                     Nov 21, 2026 18:14 UTC   <invalid>       ca                      no      \n" +
		"apiserver                      Nov 23, 2026 07:44 UTC   1h              ca                      yes     \n" +
		"!MISSING! front-proxy-client                                                                    \n" +
		"\n" +
		"CERTIFICATE AUTHORITY      EXPIRES                  RESIDUAL TIME   EXTERNALLY MANAGED\n" +
		"ca                         Dec 28, 2027 06:14 UTC   1y              yes     \n" +
		"!MISSING! front-proxy-ca                                            \n"
	if diff := cmp.Diff(wantText, render(t, "kubeadm", r, Options{})); diff != "" {
		t.Errorf("kubeadm (-want +got):\n%s", diff)
	}
	wantJSON := `{
    "kind": "CertificateExpirationInfo",
    "apiVersion": "output.kubeadm.k8s.io/v1alpha3",
    "certificates": [
        {
            "name": "admin.conf",
            "expirationDate": "2026-11-21T18:14:00Z",
            "residualTime": -129600,
            "externallyManaged": false,
            "caName": "ca",
            "missing": false
        },
        {
            "name": "apiserver",
            "expirationDate": "2026-11-23T07:44:00Z",
            "residualTime": 5400,
            "externallyManaged": true,
            "caName": "ca",
            "missing": false
        },
        {
            "name": "front-proxy-client",
            "expirationDate": null,
            "residualTime": 0,
            "externallyManaged": false,
            "missing": true
        }
    ],
    "certificateAuthorities": [
        {
            "name": "ca",
            "expirationDate": "2027-12-28T06:14:00Z",
            "residualTime": 34560000,
            "externallyManaged": true,
            "missing": false
        },
        {
            "name": "front-proxy-ca",
            "expirationDate": null,
            "residualTime": 0,
            "externallyManaged": false,
            "missing": true
        }
    ]
}
`
	if diff := cmp.Diff(wantJSON, render(t, "kubeadm-json", r, Options{})); diff != "" {
		t.Errorf("kubeadm-json (-want +got):\n%s", diff)
	}
}

func TestKubeadmErrors(t *testing.T) {
	row := []audit.Expiration{{Name: "apiserver"}}
	for _, tt := range []struct {
		nodes []audit.Node
		want  string
	}{
		{nil, "no kubeadm control plane found; the kubeadm format shows the certificates that kubeadm manages there"},
		{[]audit.Node{{Name: "worker"}}, "no kubeadm control plane found; the kubeadm format shows the certificates that kubeadm manages there"},
		{[]audit.Node{{Expirations: row}, {Expirations: row}}, "the kubeadm format shows one node; the result has 2"},
	} {
		for _, write := range []func(*bytes.Buffer, audit.Result) error{
			func(b *bytes.Buffer, r audit.Result) error { return writeKubeadm(b, r, Options{}) },
			func(b *bytes.Buffer, r audit.Result) error { return writeKubeadmJSON(b, r, Options{}) },
		} {
			var b bytes.Buffer
			if err := write(&b, audit.Result{Nodes: tt.nodes}); fmt.Sprint(err) != tt.want || b.Len() > 0 {
				t.Errorf("%v: got %v and %q, want %s", tt.nodes, err, b.String(), tt.want)
			}
		}
	}
}

func TestKubeadmDuration(t *testing.T) {
	const day = 24 * time.Hour
	for _, tt := range []struct {
		d    time.Duration
		want string
	}{
		{-2 * time.Second, "<invalid>"},
		{-time.Second, "0s"},
		{0, "0s"},
		{59 * time.Second, "59s"},
		{time.Minute, "1m"},
		{time.Hour - 1, "59m"},
		{time.Hour, "1h"},
		{day - 1, "23h"},
		{day, "1d"},
		{365*day - 1, "364d"},
		{365 * day, "1y"},
		{3650*day - 1, "9y"},
	} {
		if got := kubeadmDuration(tt.d); got != tt.want {
			t.Errorf("kubeadmDuration(%v) = %q, want %q", tt.d, got, tt.want)
		}
	}
}
