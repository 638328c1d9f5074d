package audit_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"certaudit/fixtures"
)

// What API servers make of people who log in, and for whom tokens are, is compared as it
// holds: a default that is written is none that differs.
func TestSettingsOfTokensDiffer(t *testing.T) {
	const (
		oidc   = "--oidc-issuer-url=https://id.example.com --oidc-client-id=kubernetes"
		others = " on cp-1 and cp-2: "
		same   = "; expected the same on every API server"
		user   = "the same person is another user to each"
		group  = "the same person is in other groups for each"
		logIn  = "people who log in are let in by one and refused by the other"
		issuer = "https://kubernetes.default.svc.cluster.local"
	)
	for _, tt := range []struct {
		about string
		// all are the flags of cp-1 and cp-2, and one those of cp-3.
		all, one string
		want     []string
	}{
		{about: "nothing", all: oidc, one: oidc},
		{about: "defaults that are written", all: oidc, one: oidc + " --oidc-username-claim=sub --oidc-username-prefix=https://id.example.com# --oidc-signing-algs=RS256 --api-audiences=" + issuer},
		{about: "defaults of an address", all: oidc + " --oidc-username-claim=email", one: oidc + " --oidc-username-claim=email --oidc-username-prefix=-"},
		{about: "another order", all: oidc + " --oidc-signing-algs=RS256,ES256 --oidc-required-claim=a=b --oidc-required-claim=c=d", one: oidc + " --oidc-signing-algs=ES256,RS256 --oidc-required-claim=c=d --oidc-required-claim=a=b"},
		{about: "nobody logs in", one: "--oidc-username-claim=email --oidc-groups-claim=groups"},
		{about: "one has people", one: oidc + " --oidc-username-claim=email", want: []string{"--oidc-issuer-url is https://id.example.com on cp-3 and not set" + others + logIn}},
		{about: "another claim", all: oidc + " --oidc-username-prefix=p-", one: oidc + " --oidc-username-prefix=p- --oidc-username-claim=email", want: []string{"--oidc-username-claim is email on cp-3 and sub" + others + user}},
		{about: "another claim, and with it another prefix", all: oidc, one: oidc + " --oidc-username-claim=email", want: []string{"--oidc-username-claim is email on cp-3 and sub" + others + user}},
		{about: "no prefix", all: oidc, one: oidc + " --oidc-username-prefix=-", want: []string{"--oidc-username-prefix is - on cp-3 and https://id.example.com#" + others + user}},
		{about: "groups", all: oidc, one: oidc + " --oidc-groups-claim=groups --oidc-groups-prefix=g-", want: []string{"--oidc-groups-claim is groups on cp-3 and not set" + others + group}},
		{about: "a prefix of groups", all: oidc + " --oidc-groups-claim=groups", one: oidc + " --oidc-groups-claim=groups --oidc-groups-prefix=g-", want: []string{"--oidc-groups-prefix is g- on cp-3 and not set" + others + group}},
		{about: "a claim that one alone demands", all: oidc + " --oidc-required-claim=a=b", one: oidc + " --oidc-required-claim=a=b --oidc-required-claim=c=d", want: []string{"--oidc-required-claim is a=b,c=d on cp-3 and a=b" + others + logIn}},
		{about: "algorithms", all: oidc, one: oidc + " --oidc-signing-algs=ES256", want: []string{"--oidc-signing-algs is ES256 on cp-3 and RS256" + others + logIn}},
		{about: "an audience", one: "--api-audiences=vault," + issuer, want: []string{"--api-audiences is " + issuer + ",vault on cp-3 and " + issuer + others + "a token that is made for one is refused by the other"}},
	} {
		t.Run(tt.about, func(t *testing.T) {
			var nodes []fixtures.Node
			for i, c := range fixtures.Joined(fixtures.Options{}, 3, 0) {
				flags := tt.all
				if i == 2 {
					flags = tt.one
				}
				for flag := range strings.FieldsSeq(flags) {
					c.Node.Replace("/etc/kubernetes/manifests/kube-apiserver.yaml", "    - --allow-privileged=true\n", "    - --allow-privileged=true\n    - "+flag+"\n")
				}
				nodes = append(nodes, c.Node)
			}
			var want, got []string
			for _, words := range tt.want {
				want = append(want, "warning cluster/settings-differ cp-3: "+words+same)
			}
			for _, f := range auditNodes(t, nodes...).Findings {
				if f.Check != "kubelet/serving-self-signed" {
					got = append(got, string(f.Severity)+" "+f.Check+" "+f.Node+": "+f.Message)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
