package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
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
		"apiserver                      Nov 23, 2026 07:44 UTC   90m             ca                      yes     \n" +
		"!MISSING! front-proxy-client                                                                    \n" +
		"\n" +
		"CERTIFICATE AUTHORITY      EXPIRES                  RESIDUAL TIME   EXTERNALLY MANAGED\n" +
		"ca                         Dec 28, 2027 06:14 UTC   400d            yes     \n" +
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
	for _, tt := range []struct {
		nodes []audit.Node
		want  string
	}{
		{nil, "no kubeadm control plane found; the kubeadm format shows the certificates that kubeadm manages there"},
		{[]audit.Node{{Name: "worker"}}, "no kubeadm control plane found; the kubeadm format shows the certificates that kubeadm manages there"},
		{[]audit.Node{{ExpirationError: "failed to load"}}, "kubeadm certs check-expiration ends with the error: failed to load"},
		{[]audit.Node{{Name: "a", ExpirationError: "one"}, {Name: "b", ExpirationError: "two"}, {Name: "worker"}}, "kubeadm certs check-expiration ends with the error: one"},
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

// Of several nodes each control plane has its tables under its name, whatever kubeadm
// says on another.
func TestKubeadmNodes(t *testing.T) {
	r := fine()
	r.Nodes = append(r.Nodes, audit.Node{Name: "worker"}, audit.Node{Name: "cp-2", ExpirationError: "no file"}, r.Nodes[0])
	r.Nodes[3].Name = "cp-3"
	one := render(t, "kubeadm", fine(), Options{})
	want := "cp-1:\n\n" + one + "\ncp-2:\n\nkubeadm certs check-expiration ends with the error: no file\n\ncp-3:\n\n" + one
	if diff := cmp.Diff(want, render(t, "kubeadm", r, Options{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	type document struct {
		Node, Error  string
		Certificates []struct{ Name string }
	}
	var got []document
	if err := json.Unmarshal([]byte(render(t, "kubeadm-json", r, Options{})), &got); err != nil {
		t.Fatal(err)
	}
	rows := []struct{ Name string }{{"apiserver"}, {"etcd-server"}}
	wantJSON := []document{{"cp-1", "", rows}, {"cp-2", "kubeadm certs check-expiration ends with the error: no file", []struct{ Name string }{}}, {"cp-3", "", rows}}
	if diff := cmp.Diff(wantJSON, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestKubeadmDuration has what ShortHumanDuration and HumanDuration of
// k8s.io/apimachinery v0.37.2 return for a number of seconds.
func TestKubeadmDuration(t *testing.T) {
	for _, tt := range []struct {
		seconds     int64
		short, long string
	}{
		{-2, "<invalid>", "<invalid>"},
		{-1, "0s", "0s"},
		{0, "0s", "0s"},
		{59, "59s", "59s"},
		{60, "1m", "60s"},
		{119, "1m", "119s"},
		{120, "2m", "2m"},
		{599, "9m", "9m59s"},
		{600, "10m", "10m"},
		{3599, "59m", "59m"},
		{3600, "1h", "60m"},
		{10740, "2h", "179m"},
		{10800, "3h", "3h"},
		{11100, "3h", "3h5m"},
		{28799, "7h", "7h59m"},
		{28800, "8h", "8h"},
		{86399, "23h", "23h"},
		{86400, "1d", "24h"},
		{172740, "1d", "47h"},
		{172800, "2d", "2d"},
		{184020, "2d", "2d3h"},
		{687600, "7d", "7d23h"},
		{691200, "8d", "8d"},
		{31532400, "364d", "364d"},
		{31536000, "1y", "365d"},
		{34560000, "1y", "400d"},
		{63071999, "1y", "729d"},
		{63072000, "2y", "2y"},
		{63158400, "2y", "2y1d"},
		{103248000, "3y", "3y100d"},
		{252287999, "7y", "7y364d"},
		{252288000, "8y", "8y"},
		{315359700, "9y", "9y"},
	} {
		d := time.Duration(tt.seconds) * time.Second
		if got := shortHumanDuration(d); got != tt.short {
			t.Errorf("shortHumanDuration(%v) = %q, want %q", d, got, tt.short)
		}
		if got := humanDuration(d); got != tt.long {
			t.Errorf("humanDuration(%v) = %q, want %q", d, got, tt.long)
		}
	}
}

// TestKubeadmDurationOfVersion: the node's version decides, and the newest for one
// that is not known.
func TestKubeadmDurationOfVersion(t *testing.T) {
	at := time.Date(2026, 11, 23, 6, 14, 0, 0, time.UTC)
	for short, want := range map[bool]string{true: "3d", false: "3d1h"} {
		r := audit.Result{At: at, Nodes: []audit.Node{{ShortResidual: short, Expirations: []audit.Expiration{{Name: "apiserver", Authority: "ca", NotAfter: at.Add(73 * time.Hour)}}}}}
		got := render(t, "kubeadm", r, Options{})
		if !strings.Contains(got, "Nov 26, 2026 07:14 UTC   "+want+" ") {
			t.Errorf("ShortResidual %v: want %s in\n%s", short, want, got)
		}
	}
}
