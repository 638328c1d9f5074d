package audit_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"path"
	"regexp"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"certaudit/audit"
	"certaudit/fixtures"
)

// embeddedData matches what a kubeconfig or a Secret embeds.
var embeddedData = regexp.MustCompile(`(?:certificate-data|certificate-authority-data|tls\.crt)"?:\s*"?([A-Za-z0-9+/=]{64,})`)

// certificatesIn are the digests of all certificates that the files of a node hold, each
// once, with a file that holds it.
func certificatesIn(n fixtures.Node) map[string]string {
	out := map[string]string{}
	add := func(name string, data []byte) {
		for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
			if sum := sha256.Sum256(block.Bytes); block.Type == "CERTIFICATE" {
				out[hex.EncodeToString(sum[:])] = name
			}
		}
	}
	for _, name := range n.Paths() {
		data := n[name].Data
		add(name, data)
		for _, m := range embeddedData.FindAllSubmatch(data, -1) {
			if decoded, err := base64.StdEncoding.DecodeString(string(m[1])); err == nil {
				add(name, decoded)
			}
		}
	}
	return out
}

// unused reports whether nothing uses what a scenario has in a file.
func unused(scenario, name string) bool {
	base := path.Base(name)
	switch scenario {
	case "ok-k3s-own-serving": // the administrator's are served
		return base == "serving-kubelet.crt" || base == "serving-kube-apiserver.crt"
	case "ok-microk8s-worker": // it had a control plane before it joined
		return !slices.Contains([]string{"ca.remote.crt", "kubelet.crt", "kubelet.config", "proxy.crt", "proxy.config"}, base)
	}
	return false
}

// Every certificate that lies on a node of a distribution is in the report, and the
// report has no other.
func TestDistributionsAreFound(t *testing.T) {
	for _, s := range fixtures.Distributions() {
		if len(s.Checks) > 0 {
			continue
		}
		node := s.Node()
		want, missing := certificatesIn(node), []string{}
		for _, c := range auditNode(t, node, audit.Options{}).Certificates {
			delete(want, c.SHA256)
		}
		for _, name := range want {
			if unused(s.Name, name) {
				continue
			}
			if name != "/var/lib/kubelet/pki/kubelet.crt" { // a kubelet throws the CA with which it signs for itself away
				missing = append(missing, name)
			}
		}
		slices.Sort(missing)
		if diff := gocmp.Diff([]string{}, missing); diff != "" {
			t.Errorf("%s (-want +missing):\n%s", s.Name, diff)
		}
	}
}
