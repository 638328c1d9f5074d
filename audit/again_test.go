package audit_test

import (
	"testing"

	"certaudit/audit"
	"certaudit/fixtures"
)

// A plan ends with the audit that it was made by, on the node whatever copy of it was read.
func TestPlansEndWithTheAudit(t *testing.T) {
	c := fixtures.ControlPlane(fixtures.Options{})
	c.Issue("/etc/kubernetes/pki/front-proxy-client", fixtures.Spec{CommonName: "front-proxy-client", Signer: fixtures.FrontProxyCA, NotAfter: fixtures.Now.Add(-day)})
	for _, tt := range []struct {
		name  string
		again audit.Again
		want  string
	}{
		{"of a node", audit.Again{Beside: true}, "certaudit audit > /dev/null"},
		{"of a copy", audit.Again{Paths: []string{"snapshots"}}, "certaudit audit > /dev/null"},
		{"of a node with objects", audit.Again{Beside: true, Paths: []string{"it's.json", "-", "-k", "x\ny"}}, `certaudit audit --root=/ -- 'it'\''s.json' '-k' > /dev/null`},
		{"of a node with the standard input", audit.Again{Beside: true, Paths: []string{"-"}}, "certaudit audit > /dev/null"},
		{"with flags", audit.Again{Flags: []audit.AgainFlag{{Name: "from-processes"}, {Name: "config", HasValue: true}, {Name: "profile", Value: "a b", HasValue: true}}},
			"certaudit audit --from-processes --config='' --profile='a b' > /dev/null"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			plan := auditNode(t, c.Node, audit.Options{Again: tt.again}).Plan
			if last := plan[len(plan)-1]; last.Phase != audit.PhaseAudit || len(last.Commands) != 1 || last.Commands[0] != tt.want {
				t.Errorf("the plan ends with %q, expected %s", last.Commands, tt.want)
			}
		})
	}
}
