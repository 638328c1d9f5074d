package logs

import (
	"encoding/base64"
	"strings"
	"testing"

	"certaudit/fixtures"
)

func TestPrintable(t *testing.T) {
	c := fixtures.ControlPlane(fixtures.Options{})
	key := string(c.Node["/etc/kubernetes/pki/apiserver.key"].Data)
	body := strings.Split(key, "\n")[1]
	jwt := "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJpc3MiOiJrdWJlcm5ldGVzIn0.c2lnbmF0dXJlLW9mLWl0"
	for _, x := range []struct{ text, want string }{
		{"", ""},
		{"no token: https://10.0.0.1:6443/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-controller-manager?timeout=5s", "no token: https://10.0.0.1:6443/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-controller-manager?timeout=5s"},
		{"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
		{"/var/lib/kubelet/pods/0a0a0a0a-1111-2222-3333-444444444444/volumes/kubernetes.io~projected/kube-api-access/ca.crt", "/var/lib/kubelet/pods/0a0a0a0a-1111-2222-3333-444444444444/volumes/kubernetes.io~projected/kube-api-access/ca.crt"},
		{"AKID=70:2A:CE:E2:AD:0E:F7:9D:C8:2A:74:CB:B9:35:83:38:09:11:FD:FF failed", "AKID=70:2A:CE:E2:AD:0E:F7:9D:C8:2A:74:CB:B9:35:83:38:09:11:FD:FF failed"},
		{"the token has expired, a secret was not found", "the token has expired, a secret was not found"},
		{"invalid bearer token, square/go-jose: error in cryptographic primitive", "invalid bearer token, square/go-jose: error in cryptographic primitive"},

		{key, "-----BEGIN EC PRIVATE KEY-----xxxxx\\n"},
		{key[:90], "-----BEGIN EC PRIVATE KEY-----xxxxx"},
		{body, "xxxxx"},
		{"client-key-data: " + base64.StdEncoding.EncodeToString([]byte(key)), "client-key-data: xxxxx"},
		{`{"client-key-data":"c2hvcnQ="}`, `{"client-key-data":"xxxxx"}`},
		{"Authorization: Bearer " + jwt, "Authorization: Bearer xxxxx"},
		{`Authorization: Basic YWRtaW46aHVudGVyMg==`, "Authorization: Basic xxxxx"},
		{`"Authorization":["Bearer abcdefgh12345678"]`, `"Authorization":["Bearer xxxxx"]`},
		{"it was " + jwt + ", which", "it was xxxxx, which"},
		{"kubeadm join 10.0.0.1:6443 --token abcdef.0123456789abcdef --discovery-token-ca-cert-hash sha256:9f86d081884c7d65", "kubeadm join 10.0.0.1:6443 --token xxxxx --discovery-token-ca-cert-hash sha256:9f86d081884c7d65"},
		{"--token=K10abc::server:def --v=2", "--token=xxxxx --v=2"},
		{"token: 0123abcd", "token: xxxxx"},
		{`{"password": "hunter2","user":"a"}`, `{"password": "xxxxx","user":"a"}`},
		{"postgres://k3s:hunter2@10.0.0.9:5432/k3s", "postgres://k3s:xxxxx@10.0.0.9:5432/k3s"},

		{"a\x1b[31mb\tc\u202ed\x00e", `a\x1b[31mb\tc\u202ed\x00e`},
		{"a\xffb", `a\xffb`},
		{strings.Repeat("ab ", 400), strings.Repeat("ab ", 170)[:509] + "…"},
		{strings.Repeat("ä ", 400), strings.Repeat("ä ", 169) + "ä" + "…"},
	} {
		if got := Printable(x.text); got != x.want {
			t.Errorf("%q\n is %q\nnot %q", x.text, got, x.want)
		}
	}
}

// No event and no use shows a secret, wherever in a line it stands.
func TestNothingShowsSecrets(t *testing.T) {
	const secret = "abcdef.0123456789abcdef"
	for _, k := range Kinds() {
		for _, x := range k.Examples {
			for i := range len(x.Text) {
				e, uses, _ := eventOf(Line{Text: x.Text[:i] + " token=" + secret + " " + x.Text[i:]})
				for _, u := range uses {
					if strings.Contains(u.Path, "0123456789abcdef") {
						t.Errorf("%s shows a token", u.Path)
					}
				}
				if e == nil {
					continue
				}
				for _, part := range append(append([]string{e.Message, e.Peer, e.Name, e.Candidate}, e.Valid...), e.Paths...) {
					if strings.Contains(part, "0123456789abcdef") {
						t.Errorf("%q at %d of %s", part, i, x.Text)
					}
				}
			}
		}
	}
}
