package inventory

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"certaudit/fixtures"

	"github.com/google/go-cmp/cmp"
)

const (
	pki         = "/etc/kubernetes/pki"
	apiManifest = "/etc/kubernetes/manifests/kube-apiserver.yaml"
	cmManifest  = "/etc/kubernetes/manifests/kube-controller-manager.yaml"
	etcManifest = "/etc/kubernetes/manifests/etcd.yaml"
)

// gathered is what there is on a control plane with something changed.
func gathered(t *testing.T, change func(*fixtures.Cluster)) *Inventory {
	t.Helper()
	c := fixtures.ControlPlane(fixtures.Options{})
	change(c)
	dir := t.TempDir()
	if err := c.Node.Write(dir); err != nil {
		t.Fatal(err)
	}
	inv, err := Gather(dir)
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

// sniPairs gives the API server certificates for names. Of each value, "file:names",
// the names may be left out; the certificate holds those of dns.
func sniPairs(c *fixtures.Cluster, dns map[string][]string, values ...string) {
	var flags strings.Builder
	for _, value := range values {
		name, names, given := strings.Cut(value, ":")
		c.Issue(pki+"/"+name, fixtures.Spec{CommonName: name, DNSNames: dns[name], IPs: []string{"192.0.2.50"}})
		fmt.Fprintf(&flags, "    - --tls-sni-cert-key=%s/%s.crt,%s/%s.key", pki, name, pki, name)
		if given {
			flags.WriteString(":" + names)
		}
		flags.WriteString("\n")
	}
	c.Node.Replace(apiManifest, "    - --tls-cert-file", flags.String()+"    - --tls-cert-file")
}

func TestSNIReference(t *testing.T) {
	inv := gathered(t, func(c *fixtures.Cluster) {
		sniPairs(c, map[string][]string{
			"wild":  {"unused"},
			"plain": {"plain.example.org", "*.wild.example.org", "twice.example.org"},
			"named": {"kubernetes", "extra.example.com"},
		}, "wild:*.example.org", "plain", "named:api.example.org,kubernetes.default,twice.example.org")
	})
	for host, want := range map[string]string{
		"api.example.org":    "named",
		"API.Example.org.":   "named",
		"kubernetes.default": "named", // although the API server's own certificate holds it
		"kubernetes":         "",      // its own certificate holds it, and no pair is registered for it
		"extra.example.com":  "named", // nothing is registered for it, and this one holds it
		"plain.example.org":  "plain", // the name itself comes before a wildcard
		"plain":              "plain",
		"a.wild.example.org": "plain",
		"other.example.org":  "wild",
		"twice.example.org":  "named", // names that are given come before those of a certificate
		"a.b.example.org":    "",
		"192.0.2.50":         "",
		"192.0.2.11":         "",
		"::1":                "",
		"":                   "",
		"nobody.example.net": "",
	} {
		ref, ok := inv.SNIReference(host)
		got := strings.TrimSuffix(strings.TrimPrefix(ref.Path, pki+"/"), ".crt")
		if got != want || ok != (want != "") {
			t.Errorf("%q gets %q, want %q", host, got, want)
		}
	}
}

func TestEndpoints(t *testing.T) {
	etcd := []string{"etcd 127.0.0.1:2379 etcd/server.crt", "etcd 192.0.2.11:2379 etcd/server.crt", "etcd 192.0.2.11:2380 etcd/peer.crt"}
	sound := slices.Concat([]string{"kube-apiserver 192.0.2.11:6443 apiserver.crt", "kube-controller-manager 127.0.0.1:10257 ", "kube-scheduler 127.0.0.1:10259 ",
		"kubelet 127.0.0.1:10250 kubelet.crt"}, etcd)
	with := func(i int, more ...string) []string { return slices.Concat(sound[:i], more, sound[i+1:]) }
	replace := func(path, old, new string) func(*fixtures.Cluster) {
		return func(c *fixtures.Cluster) { c.Node.Replace(path, old, new) }
	}
	for _, tt := range []struct {
		name   string
		change func(*fixtures.Cluster)
		want   []string
	}{
		{"as kubeadm makes it", func(*fixtures.Cluster) {}, sound},
		{"switched off", replace(cmManifest, "    - --bind-address=127.0.0.1\n", "    - --secure-port=0\n"), with(1)},
		{"every address", replace(cmManifest, "--bind-address=127.0.0.1", "--bind-address=::"), sound},
		{"one address", replace(cmManifest, "--bind-address=127.0.0.1", "--bind-address=192.0.2.11"), with(1, "kube-controller-manager 192.0.2.11:10257 ")},
		{"API server at one address", replace(apiManifest, "    - --secure-port=6443\n", "    - --secure-port=6443\n    - --bind-address=192.0.2.12\n"), with(0, "kube-apiserver 192.0.2.12:6443 apiserver.crt")},
		{"API server of an unknown address", func(c *fixtures.Cluster) {
			c.Node.Replace(apiManifest, "    - --advertise-address=192.0.2.11\n", "")
			c.Node.Replace(apiManifest, "advertise-address.endpoint: 192.0.2.11:6443", "advertise-address.endpoint: none")
		}, with(0, "kube-apiserver 127.0.0.1:6443 apiserver.crt")},
		{"etcd at every address", replace(etcManifest, "https://127.0.0.1:2379,https://192.0.2.11:2379", "https://0.0.0.0:2379,http://127.0.0.1:4001"),
			slices.Concat(sound[:4], []string{etcd[0], etcd[2]})},
		{"one URL twice", replace(etcManifest, "https://127.0.0.1:2379,https://192.0.2.11:2379", "https://127.0.0.1:2379, https://127.0.0.1:2379"),
			slices.Concat(sound[:4], []string{etcd[0], etcd[2]})},
		{"certificates for names", func(c *fixtures.Cluster) {
			sniPairs(c, map[string][]string{"plain": {"plain.example.org"}}, "wild:*.example.org", "plain", "both:*.example.com,api.example.com")
		}, slices.Concat(sound[:1], []string{"kube-apiserver 192.0.2.11:6443 (plain) plain.crt", "kube-apiserver 192.0.2.11:6443 (api.example.com) both.crt"}, sound[1:])},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, e := range gathered(t, tt.change).Endpoints() {
				got = append(got, fmt.Sprintf("%s %s %s", e.Component, e.Where(), strings.TrimPrefix(strings.TrimPrefix(e.Path, pki+"/"), KubeletCertDir+"/")))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// The name of a program may hold whatever it likes.
func TestStartTime(t *testing.T) {
	boot := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	const rest = " S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 9 0 %d 0 0\n"
	for stat, want := range map[string]time.Time{
		fmt.Sprintf("1 (etcd)"+rest, 100):         boot.Add(time.Second),
		fmt.Sprintf("1 (a) S 2 (b c))"+rest, 250): boot.Add(2500 * time.Millisecond),
		"1 (etcd) S 1 1":                          {},
		"":                                        {},
		"1 (etcd) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 9 0 soon 0\n": {},
	} {
		if got, ok := startTime(stat, boot); got != want || ok == want.IsZero() {
			t.Errorf("%q: %v, %t, want %v", stat, got, ok, want)
		}
	}
}

func TestComponentOf(t *testing.T) {
	for comm, want := range map[string]string{"etcd\n": Etcd, "kube-controller\n": ControllerManager, "kube-controller-manager": "", "kube-apiserver\n": APIServer, "kube-scheduler\n": Scheduler,
		"kubelet\n": Kubelet, "kube-proxy\n": Proxy, "kube-control": "", "etcd2": "", "": ""} {
		if got := componentOf(comm); got != want {
			t.Errorf("%q is %q, want %q", comm, got, want)
		}
	}
}
