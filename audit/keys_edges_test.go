package audit_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"slices"
	"testing"

	"certaudit/audit"
	"certaudit/audit/inventory"
	"certaudit/fixtures"
)

// own makes the key of a name the one of a file.
func own(file, name string) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) { c.WriteKey(file, name) }
}

// weakKey makes the key of a file one of RSA-1024, and of no certificate.
func weakKey(file string) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) {
		c.Issue("/tmp/weak", fixtures.Spec{CommonName: "weak", KeyAlgorithm: fixtures.RSA1024})
		c.Node[file] = c.Node["/tmp/weak.key"]
		c.Node.Remove("/tmp/weak.crt", "/tmp/weak.key")
	}
}

func TestKeyEdges(t *testing.T) {
	const cm = manifests + "/kube-controller-manager.yaml"
	// verifier has tokens verified with a certificate that is there for nothing else.
	verifier := func(change func(*fixtures.Spec)) func(*fixtures.Cluster) {
		return both(func(c *fixtures.Cluster) {
			s := fixtures.Spec{CommonName: "tokens"}
			change(&s)
			c.Issue(pki+"/token", s)
		}, apiFlag("--service-account-key-file="+pki+"/token.crt"))
	}
	// otherTokens leaves kubeadm's own pair unused.
	otherTokens := both(func(c *fixtures.Cluster) {
		c.Issue(pki+"/token", fixtures.Spec{CommonName: "tokens"})
		c.Node.Remove(pki + "/sa.pub")
	}, replace(apiManifest, "key-file="+pki+"/sa.pub", "key-file="+pki+"/token.crt"), replace(apiManifest, "key-file="+pki+"/sa.key", "key-file="+pki+"/token.key"),
		replace(cm, "key-file="+pki+"/sa.key", "key-file="+pki+"/token.key"))
	testEdges(t, fixtures.ControlPlane, []edge{
		{name: "key of the CA behind the leaf", change: both(behind(serving+".crt", fixtures.CA), func(c *fixtures.Cluster) { c.Node[serving+".key"] = c.Node[pki+"/ca.key"] }), want: []string{
			"critical keys/mismatch /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: the private key of /etc/kubernetes/pki/apiserver.key is not that of this certificate; expected a pair",
		}},

		{name: "weak token key in two files", change: both(weakKey(pki+"/sa.key"), replace(apiManifest, "key-file="+pki+"/sa.pub", "key-file="+pki+"/sa.key"), remove(pki+"/sa.pub")), want: []string{
			"warning keys/weak /etc/kubernetes/pki/sa.key kube-apiserver --service-account-key-file: the key is RSA-1024; expected RSA of 2048 bits or more, ECDSA or Ed25519",
		}},
		{name: "weak token key that a certificate holds", change: both(spec(serving, func(s *fixtures.Spec) { s.KeyAlgorithm = fixtures.RSA1024 }),
			replace(apiManifest, "key-file="+pki+"/sa.pub", "key-file="+serving+".crt"), replace(apiManifest, "key-file="+pki+"/sa.key", "key-file="+serving+".key"),
			replace(cm, "key-file="+pki+"/sa.key", "key-file="+serving+".key")), want: []string{
			"warning keys/weak /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: the key is RSA-1024; expected RSA of 2048 bits or more, ECDSA or Ed25519",
		}},
		{name: "token key is a public one", change: func(c *fixtures.Cluster) {
			public := must(x509.MarshalPKIXPublicKey(readKey(c, serving+".key").Public()))
			c.Node[pki+"/sa.key"] = fixtures.File{Mode: 0o600, Data: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})}
		}, want: []string{
			"critical files/malformed /etc/kubernetes/pki/sa.key kube-apiserver --service-account-signing-key-file: holds only keys; expected a private key",
		}},
		{name: "token keys of kubeadm that nothing uses", change: otherTokens},
		{name: "token verifier of SHA-1", change: verifier(func(s *fixtures.Spec) { s.SignatureAlgorithm = x509.ECDSAWithSHA1 }), want: []string{
			"info files/unreferenced /etc/kubernetes/pki/token.key: is named by no component; it was not judged",
		}},
		{name: "token verifier that has ended", change: verifier(over), want: []string{
			"info validity/expired /etc/kubernetes/pki/token.crt kube-apiserver --service-account-key-file: expired on 2026-11-23 11:59 UTC, 0 minutes ago; it must be renewed",
			"info files/unreferenced /etc/kubernetes/pki/token.key: is named by no component; it was not judged",
		}},
		{name: "token verifier that outlives its CA", change: verifier(func(s *fixtures.Spec) { s.NotAfter = fixtures.Now.Add(4000 * day) }), want: []string{
			"info files/unreferenced /etc/kubernetes/pki/token.key: is named by no component; it was not judged",
		}},
		{name: "token verifier with another's key", change: verifier(func(s *fixtures.Spec) { s.KeyName = "cp-1" + serving }), want: []string{
			"info files/unreferenced /etc/kubernetes/pki/token.key: is named by no component; it was not judged",
		}},

		{name: "two of one role with one key", change: both(sni(pki+"/one", "", fixtures.Spec{CommonName: "one", DNSNames: []string{"one." + domain}, KeyName: "shared"}),
			sni(pki+"/two", "", fixtures.Spec{CommonName: "two", DNSNames: []string{"two." + domain}, KeyName: "shared"}))},
		{name: "two of other roles with one key", change: both(spec(serving, func(s *fixtures.Spec) { s.KeyName = "shared" }), spec(etcdClient, func(s *fixtures.Spec) { s.KeyName = "shared" })), want: []string{
			"warning keys/reused /etc/kubernetes/pki/apiserver-etcd-client.crt kube-apiserver --etcd-certfile: has the same key as /etc/kubernetes/pki/apiserver.crt (kube-apiserver/serving); who steals one can use both; expected a key of its own",
		}},
		{name: "one certificate in two places with the key of another", change: both(spec(serving, func(s *fixtures.Spec) { s.KeyName = "shared" }),
			spec(etc+"/admin.conf", func(s *fixtures.Spec) { s.KeyName = "shared" }), user(unchanged)), want: []string{
			"warning keys/reused /etc/kubernetes/admin.conf users[0].user.client-certificate-data: has the same key as /etc/kubernetes/pki/apiserver.crt (kube-apiserver/serving); who steals one can use both; expected a key of its own",
		}},
		{name: "self-signed of SHA-1", change: func(c *fixtures.Cluster) {
			c.Node[serving+".crt"] = fixtures.File{Mode: 0o644, Data: craft(c, serving+".key", "", x509.Certificate{Subject: pkix.Name{CommonName: "kube-apiserver"},
				SignatureAlgorithm: x509.ECDSAWithSHA1, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})}
		}, want: []string{
			`critical chain/wrong-issuer /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: is issued by "kube-apiserver"; expected a signature by "kubernetes" of /etc/kubernetes/pki/ca.crt`,
			`critical identity/san-missing /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: lacks "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local" (the cluster's domain), "cp-1" (the node's name), "192.0.2.11" (the server that a kubeconfig calls), "10.96.0.1" (the first address of the service range); it has no alternative names`,
			"critical keys/weak-signature /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: is signed with ECDSA-SHA1, which Go programs refuse; expected SHA-256 or better",
		}},
	})
}

// A pair that the controller-manager signs with is judged once, also where it was
// given by hand.
func TestSigningPairGivenByHand(t *testing.T) {
	c := fixtures.ControlPlane(fixtures.Options{})
	c.WriteKey(pki+"/ca.key", "another")
	dir := t.TempDir()
	do(t, c.Node.Write(dir))
	inv, err := inventory.Gather(dir, pki+"/ca.crt", pki+"/ca.key")
	do(t, err)
	compare(t, []string{"critical chain/signing-bundle /etc/kubernetes/pki/ca.crt kube-controller-manager --cluster-signing-cert-file: the key in /etc/kubernetes/pki/ca.key is not that of this certificate; kube-controller-manager cannot sign with the pair"},
		told(audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now})))
}

// The key beside a CA that no component names is that of one of its certificates.
func TestKeyOfCA(t *testing.T) {
	const base = pki + "/front-proxy-ca"
	for _, tt := range []struct {
		name   string
		change func(*fixtures.Cluster)
		want   []string
	}{
		{name: "another key", change: own(base+".key", "another"), want: []string{
			"warning keys/mismatch /etc/kubernetes/pki/front-proxy-ca.crt: the private key of /etc/kubernetes/pki/front-proxy-ca.key is not that of this CA; kubeadm can issue nothing with the pair",
		}},
		{name: "the second CA's key", change: both(authority("old", fixtures.Spec{CommonName: "old"}), verifies(base+".crt", "old", fixtures.FrontProxyCA))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := fixtures.ControlPlane(fixtures.Options{})
			c.Node.Remove(apiManifest, manifests+"/kube-controller-manager.yaml")
			tt.change(c)
			var got []string
			for _, f := range auditNode(t, c.Node, audit.Options{}).Findings {
				if f.Check == "keys/mismatch" {
					got = append(got, fmt.Sprintf("%s %s %s: %s", f.Severity, f.Check, f.Path, f.Message))
				}
			}
			compare(t, tt.want, got)
		})
	}
}

// The algorithms that Go refuses, of every kind of key.
func TestWeakSignatures(t *testing.T) {
	for _, tt := range []struct {
		key       fixtures.KeyAlgorithm
		signature x509.SignatureAlgorithm
		weak      bool
	}{
		{fixtures.RSA2048, x509.SHA1WithRSA, true}, {fixtures.RSA2048, x509.SHA256WithRSA, false},
		{fixtures.ECDSAP256, x509.ECDSAWithSHA1, true}, {fixtures.ECDSAP256, x509.ECDSAWithSHA256, false},
		{fixtures.Ed25519, x509.PureEd25519, false},
	} {
		c := fixtures.ControlPlane(fixtures.Options{KeyAlgorithm: tt.key})
		c.Reissue(serving, func(s *fixtures.Spec) { s.SignatureAlgorithm = tt.signature })
		want := "critical keys/weak-signature " + serving + ".crt"
		if got := verdicts(auditNode(t, c.Node, audit.Options{})); slices.Contains(got, want) != tt.weak {
			t.Errorf("%s: %q", tt.signature, got)
		}
	}
}
