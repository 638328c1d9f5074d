package audit_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"certaudit/audit"
)

// filtered has findings, certificates and connections of two components, and a CA that
// both use.
func filtered() audit.Result {
	row := func(component string, usedBy ...string) audit.Certificate {
		return audit.Certificate{Component: component, UsedBy: usedBy}
	}
	return audit.Result{
		Certificates: []audit.Certificate{row("etcd", "etcd --trusted-ca-file", "kube-apiserver --etcd-cafile"), row("etcd", "etcd --cert-file"), row("kube-apiserver", "kube-apiserver --tls-cert-file")},
		Findings: []audit.Finding{
			{Check: "validity/expired", Severity: audit.Critical, Component: "kube-apiserver", Rows: []int{2}},
			{Check: "validity/expiring", Severity: audit.Warning, Component: "etcd", Rows: []int{0, 1}},
			{Check: "keys/weak", Severity: audit.Info, Component: "etcd", Rows: []int{1}},
		},
		Connections: []audit.Connection{{Client: "kube-apiserver", Server: "etcd"}, {Client: "etcd gateway", Server: "etcd"}, {Client: "kubelet", Server: "kube-apiserver"}},
		Outcomes:    []audit.Outcome{{Check: "validity/expired"}, {Check: "keys/weak"}},
		Plan:        []audit.Step{{Title: "renew"}},
		Summary:     audit.Summary{Critical: 1, Warning: 1, Info: 1},
	}
}

// A filter hides what it does not select, counts it, and changes nothing else.
func TestOnly(t *testing.T) {
	for _, tt := range []struct {
		filter audit.Filter
		want   string
	}{
		{audit.Filter{Severity: audit.Warning}, "[validity/expired[2] validity/expiring[0 1]] 3 rows, 3 connections, 2 outcomes, hidden 1 and 0"},
		{audit.Filter{Severity: audit.Info}, "[validity/expired[2] validity/expiring[0 1] keys/weak[1]] 3 rows, 3 connections, 2 outcomes, hidden 0 and 0"},
		{audit.Filter{Checks: []string{"validity"}}, "[validity/expired[2] validity/expiring[0 1]] 3 rows, 3 connections, 1 outcomes, hidden 1 and 0"},
		{audit.Filter{Checks: []string{"*/expir?d", "keys/weak"}}, "[validity/expired[2] keys/weak[1]] 3 rows, 3 connections, 2 outcomes, hidden 1 and 0"},
		{audit.Filter{Components: []string{"kube-apiserver"}}, "[validity/expired[1]] 2 rows, 2 connections, 2 outcomes, hidden 2 and 1"},
		{audit.Filter{Components: []string{"etcd"}, Severity: audit.Warning}, "[validity/expiring[0 1]] 2 rows, 2 connections, 2 outcomes, hidden 2 and 1"},
		{audit.Filter{Components: []string{"etc"}}, "[] 0 rows, 0 connections, 2 outcomes, hidden 3 and 3"},
	} {
		whole := filtered()
		got := whole.Only(tt.filter)
		var findings []string
		for _, f := range got.Findings {
			findings = append(findings, fmt.Sprint(f.Check, f.Rows))
		}
		text := fmt.Sprintf("%v %d rows, %d connections, %d outcomes, hidden %d and %d", findings, len(got.Certificates), len(got.Connections), len(got.Outcomes), got.Shown.HiddenFindings, got.Shown.HiddenCertificates)
		if text != tt.want {
			t.Errorf("%+v: %s, want %s", tt.filter, text, tt.want)
		}
		if diff := cmp.Diff(filtered(), whole); diff != "" {
			t.Errorf("%+v changed the whole (-was +is):\n%s", tt.filter, diff)
		}
		if diff := cmp.Diff(whole, *got.Shown.Whole); diff != "" || !cmp.Equal(got.Summary, whole.Summary) || !cmp.Equal(got.Plan, whole.Plan) {
			t.Errorf("%+v lost something of the whole:\n%s", tt.filter, diff)
		}
	}
	if got := filtered().Only(audit.Filter{}); got.Shown != nil {
		t.Errorf("an empty filter says that it hides %+v", got.Shown)
	}
}

func TestFilterValidate(t *testing.T) {
	for _, f := range []audit.Filter{{}, {Severity: audit.Info}, {Checks: []string{"validity", "keys/*", "chain/untrusted", "csr/[a-d]*"}}, {Components: []string{"anything"}}} {
		if err := f.Validate(); err != nil {
			t.Errorf("%+v: %v", f, err)
		}
	}
	for want, f := range map[string]audit.Filter{
		`unknown severity "fatal"; --severity takes info, warning or critical`:                                   {Severity: "fatal"},
		`no check is called "chain/untrustd"; the nearest is "chain/untrusted", and certaudit checks lists them`: {Checks: []string{"validity", "chain/untrustd"}},
		`no check is called "valid"; the nearest is "validity", and certaudit checks lists them`:                 {Checks: []string{"valid"}},
		`"a[" of --check is no pattern: expected one such as validity/*`:                                         {Checks: []string{"a["}},
		`--component is empty; expected one such as etcd`:                                                        {Components: []string{""}},
	} {
		if err := f.Validate(); err == nil || err.Error() != want {
			t.Errorf("%+v: %v, want %s", f, err, want)
		}
	}
}
