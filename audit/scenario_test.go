package audit_test

import (
	"bytes"
	"certaudit/audit/inventory"
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"certaudit/audit"
	"certaudit/fixtures"

	gocmp "github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// auditNode audits a node written below a temporary folder.
func auditNode(t *testing.T, n fixtures.Node, o audit.Options) audit.Result {
	t.Helper()
	r, err := auditBelow(t.TempDir(), n, o)
	do(t, err)
	return r
}

func auditBelow(dir string, n fixtures.Node, o audit.Options) (audit.Result, error) {
	if err := n.Write(dir); err != nil {
		return audit.Result{}, err
	}
	inv, err := inventory.Clock{Processes: n.FromProcesses()}.Gather(dir)
	if err != nil {
		return audit.Result{}, err
	}
	if o.At.IsZero() {
		o.At = fixtures.Now
	}
	return audit.Run([]*inventory.Inventory{inv}, o), nil
}

// results are the results of [resultOf] by the names of the nodes.
var results sync.Map

// resultOf is the result of a scenario or a [configuration], audited once for all tests
// that look at it; none of them changes it.
func resultOf(t *testing.T, name string, node func() fixtures.Node) audit.Result {
	t.Helper()
	once, _ := results.LoadOrStore(name, sync.OnceValues(func() (audit.Result, error) { return auditBelow(t.TempDir(), node(), audit.Options{}) }))
	r, err := once.(func() (audit.Result, error))()
	do(t, err)
	return r
}

// Every scenario is audited at a fixed time. A sound one has no finding at
// warning or above; a faulty one has exactly the findings of its golden file.
func TestScenarios(t *testing.T) {
	for _, s := range fixtures.Scenarios() {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			r := resultOf(t, s.Name, s.Node)
			found := checksOf(r)
			for _, id := range s.Checks {
				if !slices.Contains(found, id) {
					t.Errorf("%s found nothing", id)
				}
			}
			if len(s.Checks) == 0 && r.AtOrAbove(audit.Warning) > 0 {
				t.Errorf("a sound node has findings at warning or above")
			}
			golden(t, filepath.Join("testdata", "scenarios", s.Name+".txt"), []byte(summary(s, r)))
		})
	}
}

// elsewhere are the checks that no node alone can show: they ask servers, or
// judge a policy. Their tests are their own, as are those of requests.
var elsewhere = map[string]bool{"served/differs": true, "served/unreachable": true, "policy/waiver-ended": true, "policy/waiver-unused": true, "validity/revocation-list": true,
	"objects/ca-bundle": true, "objects/service-name": true, "objects/chain": true, "objects/incomplete": true, "objects/key-exposed": true,
	"objects/kubeconfig": true, "objects/rbac": true,
	"cluster/snapshot-age": true, "cluster/not-in-view": true,
	"objects/drift": true, "objects/config": true, "objects/cert-manager": true, "objects/pod-certificate": true}

func TestEveryCheckIsInAScenario(t *testing.T) {
	covered := map[string]bool{}
	for _, s := range fixtures.Scenarios() {
		for _, id := range s.Checks {
			covered[id] = true
		}
	}
	for _, s := range fixtures.ClusterScenarios() {
		for _, id := range s.Checks {
			covered[id] = true
		}
	}
	for _, c := range audit.Checks() {
		if !covered[c.ID] && !elsewhere[c.ID] && !strings.HasPrefix(c.ID, "csr/") {
			t.Errorf("no faulty scenario for %s", c.ID)
		}
	}
}

func checksOf(r audit.Result) []string {
	var ids []string
	for _, f := range r.Findings {
		if !slices.Contains(ids, f.Check) {
			ids = append(ids, f.Check)
		}
	}
	return ids
}

// summary is everything that differs between scenarios, for a reader.
func summary(s fixtures.Scenario, r audit.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", s.Name, s.About)
	for _, n := range r.Nodes {
		fmt.Fprintf(&b, "node %q, %s, %s\n", n.Name, cmp.Or(n.KubernetesVersion, "no version"), n.Profile)
	}
	fmt.Fprintln(&b)
	for _, c := range r.Certificates {
		fmt.Fprintf(&b, "%s | %s | %s %s #%d | %s | %s | %s\n", c.Status, c.Role, c.Path, c.Field, c.Index, c.CommonName, strings.Join(c.Organizations, ","), strings.Join(slices.Concat(c.DNSNames, c.IPAddresses), ","))
	}
	fmt.Fprintln(&b)
	for _, c := range r.Connections {
		fmt.Fprintf(&b, "%s | %s -> %s %s | %s/%s | %s | %s\n", c.Status, c.Client, c.Server, c.Address, c.ServerTrust, c.ClientTrust, c.Identity, c.Reason)
	}
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "\n%s %s, %s\n  %s:%d %s\n  %s\n", f.Severity, f.Check, f.Component, f.Path, f.Line, f.Field, f.Message)
		if len(f.Breaks) > 0 {
			fmt.Fprintf(&b, "  breaks %s\n", strings.Join(f.Breaks, ", "))
		}
		for line := range strings.SplitSeq(f.Remedy, "\n") {
			fmt.Fprintf(&b, "  > %s\n", line)
		}
	}
	fmt.Fprintln(&b)
	for _, o := range r.Outcomes {
		if o.Reason != "" || o.State == audit.Incomplete {
			fmt.Fprintf(&b, "%s %s: %s\n", o.Check, o.State, o.Reason)
		}
	}
	return b.String()
}

// golden compares bytes with a file.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatalf("%v; run the test with -update to make it", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (-want +got):\n%s", name, gocmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")))
	}
}
