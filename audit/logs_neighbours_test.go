package audit_test

import (
	"crypto/x509"
	"path/filepath"
	"testing"
	"time"

	"certaudit/fixtures"
)

// neighboursAt is when what programs beside Kubernetes wrote is judged.
var neighboursAt = time.Date(2026, 11, 27, 2, 0, 0, 0, time.UTC)

// neighbourFaults are those that programs beside Kubernetes tell of: balancers before an API
// server, backups and probes of etcd, a Prometheus, and clients in other languages. Where it
// was the certificates alone that mattered, openssl s_server served those of the API server
// and of the kubelet. Some have no fault on the node: the caller is at fault.
var neighbourFaults = []recordedFault{
	{"etcd-server-weak-key", issued(pki+"/etcd/server", func(s *fixtures.Spec) { s.KeyAlgorithm = fixtures.RSA1024 })},
	{"etcd-server-sha1", issued(pki+"/etcd/server", func(s *fixtures.Spec) { s.SignatureAlgorithm = x509.ECDSAWithSHA1 })},
	{"etcd-server-no-names", issued(pki+"/etcd/server", func(s *fixtures.Spec) { s.IPs, s.DNSNames = nil, nil })},
	{"etcd-server-early", issued(pki+"/etcd/server", func(s *fixtures.Spec) {
		s.NotBefore, s.NotAfter = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 12, 1, 0, 0, 0, 0, time.UTC)
	})},
	{"etcd-server-chain-incomplete", func(c *fixtures.Cluster) {
		c.NewCA("sub", fixtures.Spec{CommonName: "etcd-sub-ca", Signer: fixtures.EtcdCA})
		c.Reissue(pki+"/etcd/server", func(s *fixtures.Spec) { s.Signer = "sub" })
	}},
	{"etcd-probe-expired", issued(pki+"/etcd/healthcheck-client", endedBefore)},
	{"etcd-backup-ca", together()},
	{"etcd-backup-no-certificate", together()},
	{"etcd-old-client", together()},
	{"etcd-scan", together()},
	{"scrape-etcd-client", together()},
	{"scrape-kubelet", together()},
	{"balancer-apiserver-expired", issued(pki+"/apiserver", endedBefore)},
	{"balancer-apiserver-other-ca", byAnotherCA(pki+"/apiserver", "kubernetes")},
	{"balancer-apiserver-name", together()},
	{"balancer-files", together()},
}

// What is said of the logs of neighbours names the fault that was made, and blames nothing
// else.
func TestNeighboursLogs(t *testing.T) {
	for _, f := range neighbourFaults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			c := fixtures.ControlPlane(fixtures.Options{Version: "v1.37.2"})
			f.change(c)
			name := filepath.Join("testdata", "recorded", f.name+".txt")
			text, files := recording(t, name)
			golden(t, name, []byte(text+saidOf(t, []fixtures.Node{c.Node}, files, neighboursAt)))
		})
	}
}
