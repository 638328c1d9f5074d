package audit

import "testing"

func TestCanonicalVersion(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"1.29", "v1.29.0"},
		{"v1.29", "v1.29.0"},
		{"v1.29.3", "v1.29.3"},
		{" v1.29.3\n", "v1.29.3"},
		{"v1.29.3-eks-ab12", "v1.29.3"},
		{"v1.29.3-gke.1234", "v1.29.3"},
		{"v1.29.3+k3s1", "v1.29.3"},
		{"v1.29.3_vmware.1", "v1.29.3"},
		{"v1.29.3.2", ""},
		{"v1.30.0-rc.1", "v1.30.0-rc.1"},
		{"v1.30.0-alpha.0", "v1.30.0-alpha.0"},
		{"v1.30.0-beta.2+abcdef", "v1.30.0-beta.2"},
		{"v1.30.0-rc.1.17+abcdef", "v1.30.0-rc.1"},
		{"v1.30.0-rc.1.eks", "v1.30.0-rc.1"},
		{"v1.30.0-rc.", "v1.30.0-rc"},
		{"v1.30.0-rc", "v1.30.0-rc"},
		{"v1.30.0-alphabet", "v1.30.0"},
		{"", ""},
		{"1", ""},
		{"v1", ""},
		{"latest", ""},
		{"1.x", ""},
		{"1.34garbage", ""},
		{"1.34.4garbage", ""},
		{"v1.029.0", ""},
		{"v1.99999.0", ""},
		{"vv1.29.0", ""},
		{"-1.29", ""},
		{"1.29\n1.30", ""},
	} {
		if got := canonicalVersion(c.in); got != c.want {
			t.Errorf("canonicalVersion(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

func TestImageVersion(t *testing.T) {
	const digest = "@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	for _, c := range []struct{ in, want string }{
		{"registry.k8s.io/kube-apiserver:v1.34.4", "v1.34.4"},
		{"registry.k8s.io/kube-apiserver:v1.34.4" + digest, "v1.34.4"},
		{"registry.k8s.io/kube-apiserver" + digest, ""},
		{"registry.example.com:5000/kube-apiserver:v1.34.4", "v1.34.4"},
		{"registry.example.com:5000/kube-apiserver", ""},
		{"registry.example.com:5000/kube-apiserver" + digest, ""},
		{"[fd00::1]:5000/k8s/kube-apiserver:v1.34.4-eks-1", "v1.34.4"},
		{"kube-apiserver:v1.34.4", "v1.34.4"},
		{"kube-apiserver:1.34", "v1.34.0"},
		{"kube-apiserver:latest", ""},
		{"kube-apiserver", ""},
		{"kube-apiserver:", ""},
		{"", ""},
		{"/", ""},
		{"@", ""},
	} {
		if got := imageVersion(c.in); got != c.want {
			t.Errorf("imageVersion(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

func TestIntervalHolds(t *testing.T) {
	for _, c := range []struct {
		interval Interval
		version  string
		want     bool
	}{
		{Interval{}, "v1.20.0", true},
		{Interval{Since: "1.29"}, "v1.28.99", false},
		{Interval{Since: "1.29"}, "v1.29.0", true},
		{Interval{Until: "1.29"}, "v1.28.99", true},
		{Interval{Until: "1.29"}, "v1.29.0", false},
		// What the release brings is in its candidates already.
		{Interval{Since: "1.29"}, "v1.29.0-rc.1", true},
		{Interval{Until: "1.29"}, "v1.29.0-alpha.0", false},
		{Interval{"1.34", "1.34.8"}, "v1.33.12", false},
		{Interval{"1.34", "1.34.8"}, "v1.34.7", true},
		{Interval{"1.34", "1.34.8"}, "v1.34.8", false},
	} {
		if got := c.interval.holds(c.version); got != c.want {
			t.Errorf("%+v holds %s: %v, want %v", c.interval, c.version, got, c.want)
		}
	}
}

func TestOverridesValidate(t *testing.T) {
	for _, c := range []struct {
		in   Overrides
		want string
	}{
		{Overrides{}, ""},
		{Overrides{KubernetesVersion: "1.34", Profile: "docs"}, ""},
		{Overrides{KubernetesVersion: "v1.34.4-eks-1", Profile: "generic"}, ""},
		{Overrides{KubernetesVersion: "newest"}, `"newest" is no Kubernetes version; write it like 1.34 or v1.34.4`},
		{Overrides{KubernetesVersion: "1.34x"}, `"1.34x" is no Kubernetes version; write it like 1.34 or v1.34.4`},
		{Overrides{Profile: "kubespray"}, `unknown profile "kubespray"; profiles are kubeadm, docs, generic, k3s, k0s, microk8s`},
	} {
		got := ""
		if err := c.in.Validate(); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%+v: %q, want %q", c.in, got, c.want)
		}
	}
}
