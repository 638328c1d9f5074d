package inventory

import (
	"fmt"
	"strings"
	"testing"

	"certaudit/fixtures"
	"certaudit/parsers"

	"github.com/google/go-cmp/cmp"
)

// hostsOf is a control plane with some lines in /etc/hosts.
func hostsOf(t *testing.T, lines ...string) *Inventory {
	t.Helper()
	return gathered(t, func(c *fixtures.Cluster) {
		c.Node["/etc/hosts"] = fixtures.File{Data: []byte(strings.Join(lines, "\n") + "\n"), Mode: 0o644}
		c.Node.Replace(apiManifest, "--etcd-servers=https://127.0.0.1:2379", "--etcd-servers=https://Etcd.Example.com.:2379,https://[fe80::1%eth0]:2379")
		c.Node.Replace("/etc/kubernetes/admin.conf", "https://192.0.2.11:6443", "https://api.example.com:6443")
	})
}

// Of /etc/hosts the lines are kept that concern the node.
func TestHosts(t *testing.T) {
	inv := hostsOf(t, "127.0.0.1 localhost", "127.0.1.1 cp-1.example.com cp-1", "0.0.0.0 ads.example.com", "192.0.2.11 etcd.example.com. # here", "not-an-address api.example.com",
		"2001:db8::7 API.example.com", "192.0.2.7 api.example.com")
	var got []string
	for _, e := range inv.Hosts {
		got = append(got, fmt.Sprintf("%s %s %s:%d", e.Name, e.Address, e.Origin.Path, e.Origin.Line))
	}
	want := []string{"cp-1 127.0.1.1 /etc/hosts:2", "etcd.example.com 192.0.2.11 /etc/hosts:4", "api.example.com 2001:db8::7 /etc/hosts:6", "api.example.com 192.0.2.7 /etc/hosts:7"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	if f := inv.Files["/etc/hosts"]; f.State != Readable {
		t.Errorf("/etc/hosts is %v", f)
	}
	if inv := gathered(t, func(*fixtures.Cluster) {}); len(inv.Hosts) != 0 {
		t.Errorf("kept %v of no file", inv.Hosts)
	}
}

func TestResolve(t *testing.T) {
	inv := hostsOf(t, "192.0.2.12 localhost", "192.0.2.11 etcd.example.com", "127.0.1.1 cp-1", "::1 cp-1", "192.0.2.7 api.example.com", "2001:db8::7 api.example.com")
	for host, want := range map[string]string{
		"192.0.2.1":         "192.0.2.1 ",
		"::ffff:192.0.2.1":  "192.0.2.1 ",
		"fe80::1%eth0":      "fe80::1 ",
		"ETCD.example.com.": "192.0.2.11 2",
		"cp-1":              "127.0.1.1 ::1 3",
		"api.example.com":   "192.0.2.7 2001:db8::7 5",
		"localhost":         "127.0.0.1 ::1 ", // no setting holds it
		"a.localhost":       "127.0.0.1 ::1 ",
		"other.example.com": "",
		"":                  "",
	} {
		addresses, at := inv.Resolve(host)
		var got string
		for _, a := range addresses {
			got += a.String() + " "
		}
		if at != (parsers.Origin{}) {
			got += fmt.Sprint(at.Line)
		}
		if got != want {
			t.Errorf("%q is %q, want %q", host, got, want)
		}
	}
}

func TestOwnHosts(t *testing.T) {
	inv := hostsOf(t, "127.0.1.1 cp-1", "192.0.2.11 etcd.example.com", "192.0.2.7 api.example.com")
	const loopback, own, other = "loopback", "own", "other"
	for host, want := range map[string]string{
		"127.0.0.1":         loopback,
		"127.1.2.3":         loopback,
		"::1":               loopback,
		"::ffff:127.0.0.1":  loopback,
		"0.0.0.0":           loopback,
		"localhost":         loopback,
		"cp-1":              loopback,
		"192.0.2.11":        own,
		"::ffff:192.0.2.11": own,
		"Etcd.Example.com.": own,
		"192.0.2.7":         other,
		"api.example.com":   other,
		"cp-2":              other,
		"":                  other,
	} {
		got := other
		switch {
		case inv.IsLoopback(host):
			got = loopback
		case inv.IsOwn(host):
			got = own
		}
		if got != want {
			t.Errorf("%q is %s, want %s", host, got, want)
		}
		if inv.IsLoopback(host) && !inv.IsOwn(host) {
			t.Errorf("%q is on the loopback and not the node's", host)
		}
	}
	for _, pair := range [][3]string{
		{"192.0.2.7", "api.example.com", "same"}, {"api.example.com.", "API.example.com", "same"}, {"2001:db8::1", "2001:DB8:0::1", "same"},
		{"cp-2", "CP-2", "same"}, {"cp-2", "cp-3", "other"}, {"192.0.2.7", "cp-2", "other"}, {"", "", "other"}, {"127.0.0.1", "::1", "other"}, {"localhost", "::1", "same"},
	} {
		if got := map[bool]string{true: "same", false: "other"}[inv.SameHost(pair[0], pair[1])]; got != pair[2] {
			t.Errorf("%q and %q: %s", pair[0], pair[1], got)
		}
	}
}

// Which addresses mean the node itself, wherever its files lie.
func TestEndpointsOnNode(t *testing.T) {
	inv := gathered(t, func(c *fixtures.Cluster) {
		c.Node.Replace(etcManifest, "https://127.0.0.1:2379,https://192.0.2.11:2379", "https://0.0.0.0:2379,https://localhost:2382,https://192.0.2.11:2381")
	})
	var got []string
	for _, e := range inv.Endpoints() {
		got = append(got, fmt.Sprintf("%s %s %v", e.Component, e.Address, e.OnNode))
	}
	want := []string{
		"kube-apiserver 192.0.2.11:6443 false", // it listens everywhere, and gives out this one
		"kube-controller-manager 127.0.0.1:10257 true", "kube-scheduler 127.0.0.1:10259 true", "kubelet 127.0.0.1:10250 true",
		"etcd 127.0.0.1:2379 true", "etcd localhost:2382 true", "etcd 192.0.2.11:2381 false", "etcd 192.0.2.11:2380 false",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("endpoints (-want +got):\n%s", diff)
	}
}

func TestBootID(t *testing.T) {
	const id = "0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0"
	for text, want := range map[string]string{id + "\n": id, "": "", "none\n": "", id + "0\n": ""} {
		inv := gathered(t, func(c *fixtures.Cluster) {
			c.Node["/proc/sys/kernel/random/boot_id"] = fixtures.File{Data: []byte(text), Mode: 0o444}
		})
		if inv.BootID != want {
			t.Errorf("%q: %q, want %q", text, inv.BootID, want)
		}
		if inv.RunsHere() {
			t.Errorf("%q is this machine's", text)
		}
	}
}
