package audit

import (
	"bufio"
	"cmp"
	"fmt"
	"os"
	"strings"
	"testing"

	"certaudit/audit/inventory"
	"certaudit/parsers"
)

// realFlag is a line of testdata/flags.txt.
type realFlag struct {
	component, name string
	versions        Interval
}

func realFlags(t *testing.T) []realFlag {
	t.Helper()
	f, err := os.Open("testdata/flags.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	bound := func(s string) string { return strings.Trim(s, "-") }
	var out []realFlag
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) == 4 {
			out = append(out, realFlag{fields[0], fields[1], Interval{Since: bound(fields[2]), Until: bound(fields[3])}})
		}
	}
	if len(out) < 700 {
		t.Fatalf("testdata/flags.txt has %d flags", len(out))
	}
	return out
}

// No flag that a component has or had is taken for one that it does not know.
func TestRealFlagsAreKnown(t *testing.T) {
	for _, real := range realFlags(t) {
		p, _ := inventory.ProgramNamed(real.component)
		if concernsCertificates(p, parsers.Flag{Name: real.name, Value: "10"}) {
			near, _ := nearestFlag(p, real.name, func(inventory.Flag) bool { return true })
			t.Errorf("%s --%s is not in the table; nearest is --%s", real.component, real.name, near.Name)
		}
	}
}

// The table says of each flag when it came and left as the sources do; what they do
// not have left before them.
func TestVersionsOfFlags(t *testing.T) {
	real := map[string]Interval{}
	for _, f := range realFlags(t) {
		real[f.component+" "+f.name] = f.versions
	}
	for _, p := range inventory.Programs() {
		for _, f := range p.Flags {
			got := Interval{Since: f.Since, Until: f.Until}
			want, has := real[p.Name+" "+f.Name]
			switch {
			case has && got != want:
				t.Errorf("%s --%s: %s, the sources say %s", p.Name, f.Name, got.words(), want.words())
			case f.Name == openShiftConfig: // a flag of OpenShift's builds alone
			case !has && (f.Until == "" || !got.endsBefore(canonicalVersion(p.Since))):
				t.Errorf("%s --%s is in none of the sources", p.Name, f.Name)
			}
			if _, exists := real[p.Name+" "+f.Instead]; f.Instead != "" && !exists {
				t.Errorf("%s --%s: there is no --%s", p.Name, f.Name, f.Instead)
			}
		}
	}
}

// What is proposed for a flag that does not exist; "" where it is not judged, "?" where
// nothing is near.
func TestNearestFlag(t *testing.T) {
	for _, c := range []struct{ component, name, value, want string }{
		{"kube-apiserver", "etcd-ca-file", "", "etcd-cafile"},
		{"kube-apiserver", "etcd-cert-file", "", "etcd-certfile"},
		{"kube-apiserver", "client-cafile", "", "client-ca-file"},
		{"kube-apiserver", "clent-ca-file", "", "client-ca-file"},
		{"kube-apiserver", "client-ac-file", "", "client-ca-file"},
		{"kube-apiserver", "Client-CA-File", "", "client-ca-file"},
		{"kube-apiserver", "requestheader-client-cafile", "", "requestheader-client-ca-file"},
		{"kube-apiserver", "kubelet-ca-file", "", "kubelet-certificate-authority"},
		{"kube-apiserver", "kubelet-certfile", "", "kubelet-client-certificate"},
		{"kube-apiserver", "kubelet-client-cert", "", "kubelet-client-certificate"},
		{"kube-apiserver", "kubelet-keyfile", "", "kubelet-client-key"},
		{"kube-apiserver", "tls-certfile", "", "tls-cert-file"},
		{"kube-apiserver", "tlscertfile", "", "tls-cert-file"},
		{"kube-apiserver", "tls-key-file", "", "tls-private-key-file"},
		{"kube-apiserver", "service-account-keyfile", "", "service-account-key-file"},
		{"kube-apiserver", "service-account-signing-key", "", "service-account-signing-key-file"},
		{"kube-apiserver", "proxy-client-cert", "", "proxy-client-cert-file"},
		{"kube-apiserver", "etcd-server", "https://127.0.0.1:2379", "etcd-servers"},
		{"kube-apiserver", "service-cluster-ip-ranges", "10.96.0.0/12", "service-cluster-ip-range"},
		{"kube-apiserver", "frobnicate", "/etc/kubernetes/pki/ca.crt", "?"},
		{"kube-apiserver", "openshift-config", "/etc/kubernetes/config.yaml", ""},
		{"kube-apiserver", "profile", "true", ""},
		{"kube-apiserver", "audit-log-maxage", "10", ""},
		{"kube-controller-manager", "root-cafile", "", "root-ca-file"},
		{"kube-controller-manager", "cluster-signing-certfile", "", "cluster-signing-cert-file"},
		{"kube-controller-manager", "cluster-singing-key-file", "", "cluster-signing-key-file"},
		{"kube-controller-manager", "service-account-private-key", "", "service-account-private-key-file"},
		{"kube-controller-manager", "kubeconfg", "/etc/kubernetes/controller-manager.conf", "kubeconfig"},
		{"kube-scheduler", "kube-config", "/etc/kubernetes/scheduler.conf", "kubeconfig"},
		{"kubelet", "client-ca", "", "client-ca-file"},
		{"kubelet", "tls-cert", "", "tls-cert-file"},
		{"kubelet", "bootstrap-kube-config", "", "bootstrap-kubeconfig"},
		{"etcd", "trusted-cafile", "", "trusted-ca-file"},
		{"etcd", "peer-trusted-ca", "", "peer-trusted-ca-file"},
		{"etcd", "cert", "/etc/etcd/server.crt", "cert-file"},
		{"etcd", "experimental-initial-corrupt-check", "true", ""},
	} {
		p, _ := inventory.ProgramNamed(c.component)
		got := ""
		if concernsCertificates(p, parsers.Flag{Name: c.name, Value: c.value}) {
			near, _ := nearestFlag(p, c.name, func(f inventory.Flag) bool { return f.Until == "" })
			got = cmp.Or(near.Name, "?")
		}
		if got != c.want {
			t.Errorf("%s --%s: %q, expected %q", c.component, c.name, got, c.want)
		}
	}
}

func TestFlagWords(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"etcd-cafile", "etcd ca"}, {"kubelet-certificate-authority", "kubelet ca"}, {"ca-cert", "ca"}, {"cacert", "ca"}, {"tls_crt", "tls cert"},
		{"cert-dir", "cert dir"}, {"keyfile", "key"}, {"profile", "profile"}, {"monkey", "monkey"}, {"", ""}, {"-", ""}, {"cafilepath", "ca"},
	} {
		if got := strings.Join(flagWords(c.name), " "); got != c.want {
			t.Errorf("%q: %q, expected %q", c.name, got, c.want)
		}
	}
}

// What is known of the version of a component, by its own image or what runs beside it.
func TestVersionsOfComponents(t *testing.T) {
	image := func(s string) inventory.Component {
		return inventory.Component{Image: parsers.Text{Value: s}}
	}
	named := func(name string, c inventory.Component) inventory.Component {
		c.Name = name
		return c
	}
	for _, c := range []struct {
		component inventory.Component
		beside    string
		stated    bool
		want      versionSpan
	}{
		{named("kube-apiserver", image("registry.k8s.io/kube-apiserver:v1.34.4")), "v1.33.1", false, versionSpan{"v1.34.4", "v1.34.4"}},
		{named("kube-apiserver", image("registry.k8s.io/kube-apiserver:v1.34.4")), "v1.33.0", true, versionSpan{"v1.33.0", "v1.33.0"}},
		{named("kube-scheduler", image("")), "v1.33.1", false, versionSpan{"v1.33.1", "v1.33.1"}},
		{named("kubelet", image("")), "v1.34.4", false, versionSpan{"v1.31.0", "v1.34.4"}},
		{named("kubelet", image("")), "v1.34.0", true, versionSpan{"v1.34.0", "v1.34.0"}},
		{named("kube-proxy", image("registry.k8s.io/kube-proxy:v1.33.0")), "v1.34.4", false, versionSpan{"v1.33.0", "v1.33.0"}},
		{named("kube-proxy", image("registry.k8s.io/kube-proxy@sha256:00")), "v1.34.4", false, versionSpan{"v1.31.0", "v1.34.4"}},
		{named("kubelet", image("")), "v1.2.0", false, versionSpan{"v1.0.0", "v1.2.0"}},
		{named("kubelet", image("")), "", false, versionSpan{}},
		{named("etcd", image("registry.k8s.io/etcd:3.6.5-0")), "v1.34.4", true, versionSpan{"v3.6.5", "v3.6.5"}},
		{named("etcd", image("")), "v1.34.4", true, versionSpan{}},
	} {
		n := &node{facts: nodeFacts{version: parsers.Text{Value: c.beside}, stated: c.stated}}
		if got := n.versionsOf(c.component); got != c.want {
			t.Errorf("%s %q beside %q: %v, expected %v", c.component.Name, c.component.Image.Value, c.beside, got, c.want)
		}
	}
}

func TestVendorBuilds(t *testing.T) {
	for tag, want := range map[string]bool{"v1.34.4": false, "v1.35.0-rc.1": false, "v1.34.4-arm64": false, "v1.29.3-eks-ab12": true, "v1.21.5-gke.1302": true,
		"v1.27.1-rke2r1-build20230425": true, "latest": false, "v1.34.4+k3s1": true} {
		c := inventory.Component{Name: "kube-apiserver", Image: parsers.Text{Value: fmt.Sprintf("registry.example.com:5000/kube-apiserver:%s", tag)}}
		if got := isVendorBuild(c); got != want {
			t.Errorf("%s: %t", tag, got)
		}
	}
}
