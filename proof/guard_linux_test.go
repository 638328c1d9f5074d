//go:build !race

package proof

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"certaudit/audit/inventory"
	"certaudit/fixtures"

	gocmp "github.com/google/go-cmp/cmp"
)

// TestGuard runs the plan of a node where it does not belong: on another control plane of the
// cluster, and on the node itself once something has changed. Nothing is touched, and what
// differs is said.
func TestGuard(t *testing.T) {
	if testing.Short() {
		t.Skip("runs plans in machines")
	}
	if os.Getuid() != 0 {
		skip(t, "only root can make namespaces")
	}
	kubeadm := kubeadmProgram(t, kubeadmVersion)
	fixtures.Now, fixtures.Version = at, kubeadmVersion
	expired := func(change func(*fixtures.Cluster)) func() fixtures.Node {
		return func() fixtures.Node {
			c := fixtures.ControlPlane(fixtures.Options{})
			end(c, -3, leaves(c)...)
			change(c)
			return c.Node
		}
	}
	mistyped := func(change func(*fixtures.Cluster)) func() fixtures.Node {
		return func() fixtures.Node {
			c := fixtures.ControlPlane(fixtures.Options{})
			c.Node.Replace(conf+"/manifests/kube-apiserver.yaml", "--tls-cert-file=", "--tls-cert-fle=")
			change(c)
			return c.Node
		}
	}
	unchanged := func(*fixtures.Cluster) {}
	for _, tc := range []struct {
		name     string
		node     func(change func(*fixtures.Cluster)) func() fixtures.Node
		change   func(*fixtures.Cluster)
		differs  []string
		contains bool
	}{
		{"the node", expired, unchanged, nil, false},
		{"another control plane", expired, func(c *fixtures.Cluster) { end(c, -4, append(leaves(c), kubeletClient)...) },
			[]string{conf + "/admin.conf embeds another certificate, or none, as client-certificate-data", anotherIn("apiserver.crt"), anotherIn("etcd/peer.crt")}, true},
		{"one certificate was issued since", expired, func(c *fixtures.Cluster) { end(c, 300, conf+"/pki/etcd/peer") }, []string{anotherIn("etcd/peer.crt")}, false},
		{"a kubeconfig was issued since", expired, func(c *fixtures.Cluster) { end(c, 300, conf+"/scheduler.conf") },
			[]string{conf + "/scheduler.conf embeds another certificate, or none, as client-certificate-data"}, false},
		{"a file is gone since", expired, func(c *fixtures.Cluster) { c.Node.Remove(conf + "/pki/etcd/peer.crt") }, []string{anotherIn("etcd/peer.crt")}, false},
		{"a flag was corrected since", mistyped, func(c *fixtures.Cluster) {
			c.Node.Replace(conf+"/manifests/kube-apiserver.yaml", "--tls-cert-fle=", "--tls-cert-file=")
		}, []string{conf + "/manifests/kube-apiserver.yaml has another size, or is gone"}, false},
		{"a flag of the node", mistyped, unchanged, nil, false},
		{"a flag of another control plane", mistyped, func(c *fixtures.Cluster) { end(c, 300, append(leaves(c), kubeletClient)...) }, []string{anotherIn("apiserver.crt")}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			audited := newTrial(t, proofCase{node: tc.node(unchanged), setting: usual}, kubeadm)
			there := newTrial(t, proofCase{node: tc.node(tc.change), setting: usual}, kubeadm)
			script := audited.script(audited.before)
			output, code := there.run(script, nil)
			if len(tc.differs) == 0 {
				if open := there.look().open(); code != 0 || len(open) > 0 {
					t.Errorf("ended with %d, and %q is open:\n%s", code, open, output)
				}
				there.runsOnce(script)
				return
			}
			differs := differences(output)
			if tc.contains {
				differs = slices.DeleteFunc(differs, func(line string) bool { return !slices.Contains(tc.differs, line) })
			}
			if diff := gocmp.Diff(tc.differs, differs); diff != "" || code != 1 || fingerprint(there.tree()) != there.touched {
				t.Errorf("ended with %d, tree changed: %v (-want +got what differs):\n%s\n%s", code, fingerprint(there.tree()) != there.touched, diff, output)
			}
			if !strings.Contains(output, "certaudit: nothing was done, for this is not cp-1 as it was audited:\n") || !strings.Contains(output, "certaudit: this machine calls itself cp-1. If the plan is for another") {
				t.Errorf("it does not say what to do:\n%s", output)
			}
		})
	}
}

// anotherIn is what is said of a file of kubeadm's that holds another certificate.
func anotherIn(name string) string {
	return inventory.DefaultCertificatesDir + "/" + name + " holds another certificate, or none, on line 1"
}

// differences are the lines that a plan which does not fit prints.
func differences(output string) []string {
	_, rest, _ := strings.Cut(output, " as it was audited:\n")
	lines, _, _ := strings.Cut(rest, "\ncertaudit: ")
	out := strings.Split(lines, "\n")
	for i, line := range out {
		out[i] = strings.TrimSpace(line)
	}
	return out
}

// runsOnce runs a script that has done its work: it stops, touches nothing, and leaves no
// note of having begun.
func (tr *trial) runsOnce(script []byte) {
	before := fingerprint(tr.tree())
	output, code := tr.run(script, nil)
	if code != 1 || before != fingerprint(tr.tree()) || !strings.Contains(output, "be it by this plan") {
		tr.t.Errorf("run once more it ended with %d, tree changed: %v:\n%s", code, before != fingerprint(tr.tree()), output)
	}
	if exists(filepath.Join(tr.tree(), conf, "certaudit-unfinished")) {
		tr.t.Error("it is noted as unfinished")
	}
}
