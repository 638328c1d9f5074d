package audit

import (
	"certaudit/audit/inventory"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// row is one sound row of a table, for the others to differ from.
const row = `{role: etcd/serving, fact: usage, values: [server auth], source: "RFC 5280"}`

func TestParseRequirementsRefuses(t *testing.T) {
	table := func(rows string) string { return "covers: {since: \"1.20\", until: \"1.38\"}\nrows:\n- " + rows + "\n" }
	change := func(old, new string) string { return table(strings.Replace(row, old, new, 1)) }
	for _, c := range []struct{ name, in, want string }{
		{"sound", table(row), ""},
		{"nothing", "", "covers: since \"\" or until \"\" is no version"},
		{"no covers", "rows:\n- " + row + "\n", `covers: since "" or until "" is no version`},
		{"bad covers", "covers: {since: \"1.20\", until: newest}\nrows:\n- " + row + "\n", `covers: since "1.20" or until "newest" is no version`},
		{"unknown role", change("etcd/serving", "etcd/server"), `row 1: unknown role "etcd/server" (did you mean "etcd/serving"?)`},
		{"no role", change("role: etcd/serving, ", ""), `row 1: unknown role ""`},
		{"unknown fact", change("usage", "usages"), `row 1: unknown fact "usages" (did you mean "usage"?)`},
		{"no values", change("[server auth]", "[]"), `row 1: usage of etcd/serving has no values`},
		{"no source", change(`"RFC 5280"`, `""`), `row 1: usage of etcd/serving has no source`},
		{"unknown severity", change("source", "severity: fatal, source"), `row 1: unknown severity "fatal"`},
		{"bad since", change("source", "since: newest, source"), `row 1: since "newest" or until "" is no version`},
		{"bad until", change("source", "until: x, source"), `row 1: since "" or until "x" is no version`},
		{"no versions between", change("source", `since: "1.30", until: "1.30", source`), `row 1: no version lies between since "1.30" and until "1.30"`},
		{"unknown profile", change("source", "profiles: [kubeadmin], source"), `row 1: unknown profile "kubeadmin" (did you mean "kubeadm"?)`},
		{"unknown placeholder", change("[server auth]", `["{nodename}"]`), `row 1: unknown placeholder in "{nodename}"`},
		{"unclosed placeholder", change("[server auth]", `["{nodeName"]`), `row 1: unknown placeholder in "{nodeName"`},
		{"empty placeholder", change("[server auth]", `["{}"]`), `row 1: unknown placeholder in "{}"`},
		{"two placeholders", change("[server auth]", `["{nodeName}.{clusterDomain}"]`), `row 1: unknown placeholder in "{nodeName}.{clusterDomain}"`},
		{"unknown issuer", change("usage, values: [server auth]", `issuer, values: ["etcd --trusted-ca"]`),
			`row 1: unknown issuer "etcd --trusted-ca"; it is a flag of a component or a file of kubeadm's, and the nearest is "etcd --trusted-ca-file"`},
		{"issuer without dashes", change("usage, values: [server auth]", `issuer, values: ["etcd --trusted-ca-file", "etcd peer-trusted-ca-file"]`),
			`row 1: unknown issuer "etcd peer-trusted-ca-file"; it is a flag of a component or a file of kubeadm's, and the nearest is "etcd --peer-trusted-ca-file"`},
		{"issuer that names a key", change("usage, values: [server auth]", `issuer, values: ["kubeadm etcd/ca.key"]`),
			`row 1: unknown issuer "kubeadm etcd/ca.key"; it is a flag of a component or a file of kubeadm's, and the nearest is "kubeadm etcd/ca.crt"`},
		{"issuers", change("usage, values: [server auth]", `issuer, values: ["kube-controller-manager --cluster-signing-cert-file", "kubeadm etcd/ca.crt", "etcd --cert-file"]`), ""},
		{"unknown key", change("source", "sources: [x], source"), `requirements.yaml: line 3: unknown key "sources" (did you mean "source"?); known are role, fact, values, since, until, versions, severity, profiles, source`},
		{"unknown key of the table", "cover: {}\n", `requirements.yaml: line 1: unknown key "cover" (did you mean "covers"?); known are covers, rows`},
		{"two faults", table(strings.Replace(row, "etcd/serving", "x", 1) + "\n- " + row + "\n- " + strings.Replace(row, "usage", "y", 1)),
			"row 1: unknown role \"x\"\nrow 3: unknown fact \"y\""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			if _, err := parseRequirements([]byte(c.in)); err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// A role without a row is only sound where nothing but the dates and the key
// can be wrong with it.
func TestRolesOfTheTable(t *testing.T) {
	used := map[string]bool{}
	for _, r := range DefaultRequirements().Rows {
		used[r.Role] = true
	}
	var unused []string
	for _, r := range roles {
		if !used[r.name] {
			unused = append(unused, r.name)
		}
	}
	want := []string{inventory.RoleKubeletSelf, inventory.RoleOutbound, inventory.RoleTokenVerifier, inventory.RoleFileCA, inventory.RoleFileLeaf, inventory.RoleMountedCA, inventory.RoleMountedLeaf, inventory.RoleIntermediate, inventory.RoleOtherCA, inventory.RoleUserCA}
	if diff := cmp.Diff(want, unused); diff != "" {
		t.Errorf("roles without a requirement (-want +got):\n%s", diff)
	}
}

// The rows that hold for all versions hold for each; what changes is listed.
func TestSelectByMinor(t *testing.T) {
	const (
		masters   = "kube-apiserver/kubelet-client organization system:masters"
		allowed   = "kube-apiserver/kubelet-client organizationAllowed system:masters"
		etcd      = "kube-apiserver/etcd-client organizationAllowed system:masters"
		health    = "etcd/healthcheck-client organizationAllowed system:masters"
		admin     = "admin/client organization system:masters"
		adminToo  = "admin/client organizationAllowed system:masters"
		admins    = "kube-apiserver/kubelet-client organization kubeadm:cluster-admins,system:masters"
		legacy    = "kube-apiserver/kubelet-client organizationLegacy system:masters"
		etcdOld   = "kube-apiserver/etcd-client organizationLegacy system:masters"
		healthOld = "etcd/healthcheck-client organizationLegacy system:masters"
		adminNew  = "admin/client organization kubeadm:cluster-admins,system:masters"
		adminIs   = "admin/client organizationAllowed kubeadm:cluster-admins"
		adminOld  = "admin/client organizationLegacy system:masters"
		super     = "super-admin/client organization system:masters"
	)
	old := []string{masters, allowed, etcd, health, admin, adminToo}
	bound := []string{admins, legacy, etcdOld, healthOld, adminNew, adminIs, adminOld, super}
	unbound := bound[1:]
	cases := map[string][]string{
		"": {}, "1.0": old, "v1.19.16": old, "garbage": {},
		"1.29": bound, "v1.29.0-rc.1": bound, "v1.28.99": old,
		"v1.33.11": bound, "v1.33.12": unbound, "1.34": bound, "v1.34.7": bound, "v1.34.8": unbound,
		"1.35": bound, "v1.35.4": bound, "v1.35.5": unbound, "1.36": bound, "v1.36.0": bound, "v1.36.1": unbound,
		"1.37": unbound, "1.38": unbound, "v2.0.0": unbound,
	}
	for minor := 20; minor <= 28; minor++ {
		cases[fmt.Sprintf("1.%d", minor)] = old
	}
	for minor := 29; minor <= 33; minor++ {
		cases[fmt.Sprintf("v1.%d.0", minor)] = bound
	}
	table := DefaultRequirements()
	for version, want := range cases {
		t.Run("version "+version, func(t *testing.T) {
			bounded, always := []string{}, 0
			for _, r := range table.Select(ProfileKubeadm, version) {
				if r.always() {
					always++
					continue
				}
				bounded = append(bounded, fmt.Sprintf("%s %s %s", r.Role, r.Fact, strings.Join(r.Values, ",")))
			}
			if diff := cmp.Diff(want, bounded); diff != "" {
				t.Errorf("rows that depend on the version (-want +got):\n%s", diff)
			}
			every := 0
			for _, r := range table.Rows {
				if r.always() && r.forProfile(ProfileKubeadm) {
					every++
				}
			}
			if always != every {
				t.Errorf("%d rows that hold for all versions, want %d", always, every)
			}
		})
	}
}

func TestSelectByProfile(t *testing.T) {
	sources := func(profile string) []string {
		var out []string
		for _, r := range DefaultRequirements().Select(profile, "1.34") {
			if r.Role == inventory.RoleEtcdServing && r.Fact == FactCommonName || r.Role == inventory.RoleKubernetesCA {
				out = append(out, r.Role+" "+strings.Join(r.Values, ","))
			}
		}
		return out
	}
	want := map[string][]string{
		ProfileKubeadm: {"kubernetes/ca kubernetes", "etcd/serving {nodeName}"},
		ProfileDocs:    {"kubernetes/ca kubernetes-ca", "etcd/serving kube-etcd"},
		ProfileGeneric: nil,
		"unknown":      nil,
	}
	for profile, rows := range want {
		if diff := cmp.Diff(rows, sources(profile)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", profile, diff)
		}
	}
}

// A version that the table does not cover is said with the one that is taken for it.
func TestOutside(t *testing.T) {
	before, after := "no Kubernetes version before 1.20 is known; %s is judged by the requirements of 1.20", "no Kubernetes version after 1.37 is known; %s is judged by the requirements of 1.37"
	for version, text := range map[string]string{"": "", "latest": "", "1.20": "", "v1.20.0": "", "v1.37.9": "",
		"1.2": before, "v1.19.16": before, "v1.38.0-alpha.1": after, "1.38": after, "v1.99.0": after} {
		want := strings.Replace(text, "%s", version, 1)
		if got := DefaultRequirements().Outside(version); got != want {
			t.Errorf("%q: %q, want %q", version, got, want)
		}
	}
}

// A version that is too old for a table is judged by the first one of it, and one
// that is too new by the rows that have no end.
func TestSelectOutside(t *testing.T) {
	row := func(value string, iv Interval) Requirement {
		return Requirement{Role: inventory.RoleAdmin, Fact: FactCommonName, Values: []string{value}, Interval: iv, Source: "a test"}
	}
	table := &Requirements{Covers: Interval{Since: "1.20", Until: "1.22"}, Rows: []Requirement{
		row("first", Interval{Since: "1.20", Until: "1.21"}), row("last", Interval{Since: "1.21"}), row("both", Interval{})}}
	for version, want := range map[string]string{"": "both", "1.19": "first both", "1.20": "first both", "1.21": "last both", "1.22": "last both", "1.99": "last both"} {
		var got []string
		for _, r := range table.Select(ProfileKubeadm, version) {
			got = append(got, r.Values...)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q, want %s", version, got, want)
		}
	}
}
