package logs

import (
	"slices"
	"testing"

	"certaudit/audit/inventory"
)

// Each flag that names a file of certificates, keys or credentials is read of a line of
// flags, and what is read of other lines are flags of the component that writes them.
func TestSettings(t *testing.T) {
	files := []inventory.Holding{inventory.HoldsBundle, inventory.HoldsSigner, inventory.HoldsSignerKey, inventory.HoldsCertificate, inventory.HoldsPrivateKey, inventory.HoldsKubeconfig, inventory.HoldsTokenKey, inventory.HoldsTokenVerifier}
	for _, p := range inventory.Programs() {
		for _, f := range p.Flags {
			_, uses, _ := eventOf(Line{Component: p.Name, Text: "FLAG: --" + f.Name + `="/etc/x"`})
			if is := len(uses) == 1 && uses[0].Setting == f.Name && uses[0].Path == "/etc/x"; !is && slices.Contains(files, f.Holds) {
				t.Errorf("%s --%s: %v", p.Name, f.Name, uses)
			}
		}
	}
	for component, lines := range map[string][]string{
		inventory.APIServer: {`"Starting controller" name="client-ca-bundle::/a"`, `"Starting controller" name="request-header::/a"`, `"Starting controller" name="serving-cert::/a::/b"`, `"Starting controller" name="aggregator-proxy-cert::/a::/b"`,
			`"Starting controller" name="sni-serving-cert::/a::/b"`},
		inventory.ControllerManager: {`"Starting controller" name="csr-controller::/a::/b"`, `"Starting controller" name="client-ca-bundle::/a"`, `"Starting controller" name="request-header::/a"`, `"Starting controller" name="serving-cert::/a::/b"`},
		inventory.Scheduler:         {`"Starting controller" name="client-ca-bundle::/a"`, `"Starting controller" name="request-header::/a"`},
		inventory.Kubelet:           {`"Starting controller" name="client-ca-bundle::/a"`, `"Starting controller" name="kubelet-server-cert-files::/a::/b"`, `Loading cert/key pair from "/a/b.pem".`},
		inventory.Etcd: {"ClientTLS: cert = /a, key = /b, ca = /c, trusted-ca = /d, client-cert-auth = true, crl-file = /e", "peerTLS: cert = /a, key = /b, ca = /c, trusted-ca = /d, client-cert-auth = true, crl-file = /e",
			`{"msg":"starting with peer TLS","tls-info":"cert = /a, key = /b, client-cert=/f, client-key=/g, trusted-ca = /d, client-cert-auth = true, crl-file = /e"}`,
			`{"msg":"starting with client TLS","tls-info":"cert = /a, key = /b, client-cert=/f, client-key=/g, trusted-ca = /d, client-cert-auth = true, crl-file = /e"}`},
	} {
		p, _ := inventory.ProgramNamed(component)
		for _, line := range lines {
			_, uses, _ := eventOf(Line{Component: component, Text: line})
			if len(uses) == 0 {
				t.Errorf("%s: no use", line)
			}
			for _, u := range uses {
				if !slices.ContainsFunc(p.Flags, func(f inventory.Flag) bool { return f.Name == u.Setting }) {
					t.Errorf("%s: %s has no --%s", line, component, u.Setting)
				}
			}
		}
	}
}
