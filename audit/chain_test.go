package audit_test

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"slices"
	"testing"

	"certaudit/fixtures"
)

// craft issues a certificate that no [fixtures.Spec] describes. The key is that
// of keyFile; the certificate is signed by the pair at signer, or by its own key
// if that is "".
func craft(c *fixtures.Cluster, keyFile, signer string, template x509.Certificate) []byte {
	key := readKey(c, keyFile)
	parent, by := &template, key
	if signer != "" {
		block, _ := pem.Decode(c.Node[signer+".crt"].Data)
		parent, by = must(x509.ParseCertificate(block.Bytes)), readKey(c, signer+".key")
	}
	if template.SerialNumber == nil {
		template.SerialNumber = big.NewInt(4711)
	}
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = fixtures.Now.Add(-30*day), fixtures.Now.Add(335*day)
	}
	der := must(x509.CreateCertificate(nil, &template, parent, key.Public(), by))
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func readKey(c *fixtures.Cluster, file string) crypto.Signer {
	block, _ := pem.Decode(c.Node[file].Data)
	return must(x509.ParseECPrivateKey(block.Bytes))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// aCA is what the cluster's CA says of itself.
func aCA(change func(*x509.Certificate)) x509.Certificate {
	template := x509.Certificate{Subject: pkix.Name{CommonName: "kubernetes"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: fixtures.Now.Add(-31 * day), NotAfter: fixtures.Now.Add(3000 * day)}
	change(&template)
	return template
}

// clusterCA replaces ca.crt by another certificate of the same key.
func clusterCA(change func(*x509.Certificate)) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) {
		c.Node[pki+"/ca.crt"] = fixtures.File{Data: craft(c, pki+"/ca.key", "", aCA(change)), Mode: 0o644}
	}
}

// noKeyID takes the key identifier from a CA. CreateCertificate gives one to
// whatever says IsCA, so the constraint is written by hand.
func noKeyID(x *x509.Certificate) {
	x.IsCA, x.BasicConstraintsValid = false, false
	x.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 19}, Critical: true, Value: []byte{0x30, 3, 1, 1, 0xff}}}
}

// sub puts a CA below the cluster's, which signs for the API server.
func sub(s fixtures.Spec) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) {
		s.CommonName, s.Signer = "sub", fixtures.CA
		c.NewCA("sub", s)
		c.Reissue(pki+"/apiserver", func(s *fixtures.Spec) { s.Signer = "sub" })
	}
}

func behindLeaf(ca string) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) { c.Node.Append(pki+"/apiserver.crt", c.CertificatePEM(ca)) }
}

func TestChainEdges(t *testing.T) {
	const sha1 = x509.ECDSAWithSHA1
	// Its own key is a second one for the name and the key identifier of the CA.
	impostor := func(c *fixtures.Cluster) []byte {
		c.WriteKey("/tmp/impostor.key", "impostor")
		block, _ := pem.Decode(c.Node[pki+"/ca.crt"].Data)
		id := must(x509.ParseCertificate(block.Bytes)).SubjectKeyId
		ca := craft(c, "/tmp/impostor.key", "", aCA(func(x *x509.Certificate) { x.SubjectKeyId = id }))
		c.Node.Remove("/tmp/impostor.key")
		return ca
	}
	newCA := func(c *fixtures.Cluster) {
		c.NewCA("new", fixtures.Spec{CommonName: "kubernetes-new"})
		c.NewCA("cross", fixtures.Spec{CommonName: "kubernetes-new", KeyName: "ca/new", Signer: fixtures.CA})
		c.Reissue(pki+"/apiserver", func(s *fixtures.Spec) { s.Signer = "new" })
	}
	testEdges(t, fixtures.ControlPlane, []edge{
		{name: "intermediate behind the leaf", change: both(sub(fixtures.Spec{}), behindLeaf("sub"))},
		{name: "intermediate and root behind the leaf", change: both(sub(fixtures.Spec{}), behindLeaf("sub"), behindLeaf(fixtures.CA))},
		{name: "intermediate is not sent", change: sub(fixtures.Spec{}), want: []string{
			`critical chain/wrong-issuer /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: is issued by "sub"; expected a signature by "kubernetes" of /etc/kubernetes/pki/ca.crt`,
		}},
		{name: "intermediate in front of the leaf", change: both(sub(fixtures.Spec{}), func(c *fixtures.Cluster) {
			leaf := c.Node[pki+"/apiserver.crt"]
			leaf.Data = append(c.CertificatePEM("sub"), leaf.Data...)
			c.Node[pki+"/apiserver.crt"] = leaf
		}), want: []string{
			`critical identity/san-missing /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: lacks "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local" (the cluster's domain), "cp-1" (the node's name), "192.0.2.11" (the server that a kubeconfig calls), "10.96.0.1" (the first address of the service range); it has no alternative names`,
			"critical keys/mismatch /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: the private key of /etc/kubernetes/pki/apiserver.key is not that of this certificate; expected a pair",
			"critical usage/not-a-ca /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: stands in a CA's place and has no basic constraint CA:TRUE: nothing that it signed is accepted",
			`info identity/common-name /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: the common name is "sub"; expected "kube-apiserver"`,
		}},
		{name: "intermediate has expired", change: both(sub(fixtures.Spec{NotAfter: fixtures.Now.Add(-day)}), behindLeaf("sub")), want: []string{
			"critical validity/expired /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: expired on 2026-11-22 12:00 UTC, 24 hours ago; it must be renewed",
		}},
		{name: "intermediate of SHA-1", change: both(sub(fixtures.Spec{SignatureAlgorithm: sha1}), behindLeaf("sub")), want: []string{
			"critical keys/weak-signature /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: is signed with ECDSA-SHA1, which Go programs refuse; expected SHA-256 or better",
		}},
		{name: "cross-signed, sent along", change: both(newCA, behindLeaf("cross"))},
		{name: "cross-signed, not sent", change: newCA, want: []string{
			`critical chain/wrong-issuer /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: is issued by "kubernetes-new"; expected a signature by "kubernetes" of /etc/kubernetes/pki/ca.crt`,
		}},
		{name: "another CA, called alike in other bytes", change: func(c *fixtures.Cluster) {
			c.NewCA("new", fixtures.Spec{CommonName: "kubernetes", Organizations: []string{"another"}})
			c.Reissue(pki+"/apiserver", func(s *fixtures.Spec) { s.Signer = "new" })
		}, want: []string{
			`critical chain/wrong-issuer /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: is issued by another CA that is called "kubernetes"; expected a signature by "kubernetes" of /etc/kubernetes/pki/ca.crt`,
		}},
		{name: "root of SHA-1", change: clusterCA(func(x *x509.Certificate) { x.SignatureAlgorithm = sha1 })},
		{name: "leaf of SHA-1", change: func(c *fixtures.Cluster) {
			c.Reissue(pki+"/apiserver-etcd-client", func(s *fixtures.Spec) { s.SignatureAlgorithm = sha1 })
		}, want: []string{
			"critical keys/weak-signature /etc/kubernetes/pki/apiserver-etcd-client.crt kube-apiserver --etcd-certfile: is signed with ECDSA-SHA1, which Go programs refuse; expected SHA-256 or better",
		}},
		{name: "CA without key identifier", change: clusterCA(noKeyID)},
		{name: "neither has key identifiers", change: both(clusterCA(noKeyID), func(c *fixtures.Cluster) {
			c.Node[pki+"/apiserver-kubelet-client.crt"] = fixtures.File{Mode: 0o644, Data: craft(c, pki+"/apiserver-kubelet-client.key", pki+"/ca", x509.Certificate{
				Subject:     pkix.Name{CommonName: "kube-apiserver-kubelet-client", Organization: []string{"kubeadm:cluster-admins"}},
				ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})}
		})},
		{name: "CA of the same name and key identifier, another key", change: func(c *fixtures.Cluster) {
			c.Node[pki+"/ca.crt"] = fixtures.File{Data: impostor(c), Mode: 0o644}
		}, want: []string{
			`critical chain/ca-replaced /etc/kubernetes/pki/ca.crt: signed none of the 7 certificates that it should have signed, nor is it what 5 kubeconfigs here verify with; expected the CA that "kubernetes" issued them with`,
		}},
		{name: "CA beside one of the same name and key identifier", change: func(c *fixtures.Cluster) {
			ca := c.Node[pki+"/ca.crt"]
			c.Node[pki+"/ca.crt"] = fixtures.File{Data: append(impostor(c), ca.Data...), Mode: 0o644}
		}, want: []string{
			"critical chain/signing-bundle /etc/kubernetes/pki/ca.crt kube-controller-manager --cluster-signing-cert-file: holds 2 certificates; kube-controller-manager signs with a file of exactly one and does not start the signer with any other",
			`info chain/rotation /etc/kubernetes/pki/ca.crt kubelet authentication.x509.clientCAFile: the bundle holds 2 CAs, as during a rotation: "kubernetes" (serial 1267) until 2035-02-09 signed nothing in view; "kubernetes" (serial 6c7f1fa539a665bf) until 2036-10-21 signed kube-apiserver/serving, kube-apiserver/kubelet-client, kube-controller-manager/client, kube-scheduler/client, admin/client, super-admin/client, kubelet/client`,
		}},
		{name: "name constraints allow the names", change: clusterCA(func(x *x509.Certificate) {
			x.PermittedDNSDomainsCritical, x.ExcludedDNSDomains = true, []string{"example.com"}
		})},
		{name: "name constraints are violated", change: clusterCA(func(x *x509.Certificate) {
			x.PermittedDNSDomainsCritical, x.PermittedDNSDomains = true, []string{"example.com"}
		}), want: []string{
			`critical chain/untrusted /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: names "kubernetes" as its issuer, but does not verify: x509: a root or intermediate certificate is not authorized to sign for this name: DNS name "cp-1" is not permitted by any constraint (signed by "kubernetes" of /etc/kubernetes/kubelet.conf); expected a signature by "kubernetes" of /etc/kubernetes/pki/ca.crt`,
		}},
		{name: "name constraints are violated and the leaf has expired", change: both(lasts(pki+"/apiserver", 20*day, -day), clusterCA(func(x *x509.Certificate) {
			x.PermittedDNSDomainsCritical, x.PermittedDNSDomains = true, []string{"example.com"}
		})), want: []string{
			`critical chain/untrusted /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: names "kubernetes" as its issuer, but does not verify: x509: a root or intermediate certificate is not authorized to sign for this name: DNS name "cp-1" is not permitted by any constraint (signed by "kubernetes" of /etc/kubernetes/kubelet.conf); expected a signature by "kubernetes" of /etc/kubernetes/pki/ca.crt`,
			"critical validity/expired /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: expired on 2026-11-22 12:00 UTC, 24 hours ago; it must be renewed",
		}},
		{name: "path length is too short", change: both(clusterCA(func(x *x509.Certificate) { x.MaxPathLenZero = true }), sub(fixtures.Spec{}), behindLeaf("sub")), want: []string{
			`critical chain/untrusted /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: names "sub" as its issuer, but does not verify: x509: too many intermediates for path length constraint (signed by "sub" of /etc/kubernetes/pki/apiserver.crt); expected a signature by "kubernetes" of /etc/kubernetes/pki/ca.crt`,
		}},
		{name: "leaf and CA were never valid together", change: lasts(pki+"/apiserver", 300*day, -200*day), want: []string{
			"critical validity/expired /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: expired on 2026-05-07 12:00 UTC, 200 days ago; it must be renewed",
		}},
		{name: "two serials of different CAs", change: func(c *fixtures.Cluster) {
			for _, name := range []string{"/apiserver", "/front-proxy-client", "/apiserver-etcd-client"} {
				c.Reissue(pki+name, func(s *fixtures.Spec) { s.Serial = big.NewInt(1) })
			}
		}},
		{name: "one certificate in two places", change: func(c *fixtures.Cluster) {
			c.Node["/root/.kube/config"] = c.Node[etc+"/admin.conf"]
		}},
	})
}

func TestSigningAndKeyEdges(t *testing.T) {
	const cm, apiserver = manifests + "/kube-controller-manager.yaml", manifests + "/kube-apiserver.yaml"
	signWith := func(cert, key string) func(*fixtures.Cluster) {
		return both(replace(cm, "signing-cert-file="+pki+"/ca.crt", "signing-cert-file="+cert), replace(cm, "signing-key-file="+pki+"/ca.key", "signing-key-file="+key))
	}
	keys := func(file string, names ...string) func(*fixtures.Cluster) {
		return func(c *fixtures.Cluster) {
			own := c.Node[file].Data
			var all []byte
			for _, name := range names {
				if name == "own" {
					all = append(all, own...)
					continue
				}
				c.WriteKey("/tmp/key", name)
				all = append(all, c.Node["/tmp/key"].Data...)
				c.Node.Remove("/tmp/key")
			}
			c.Node[file] = fixtures.File{Data: all, Mode: 0o600}
		}
	}
	// The API server also takes a private key to verify with.
	secondVerifier := both(replace(apiserver, "    - --service-account-key-file="+pki+"/sa.pub\n",
		"    - --service-account-key-file="+pki+"/sa-old.key\n    - --service-account-key-file="+pki+"/sa.pub\n"),
		func(c *fixtures.Cluster) { c.WriteKey(pki+"/sa-old.key", "old sa") })
	algorithm := func(a fixtures.KeyAlgorithm) func(*fixtures.Cluster) {
		return func(c *fixtures.Cluster) {
			c.Reissue(pki+"/apiserver", func(s *fixtures.Spec) { s.KeyAlgorithm = a })
		}
	}
	testEdges(t, fixtures.ControlPlane, []edge{
		{name: "signing pair of its own", change: both(func(c *fixtures.Cluster) { c.WriteCA(fixtures.CA, pki+"/signer") }, signWith(pki+"/signer.crt", pki+"/signer.key"))},
		{name: "signing key of another CA", change: signWith(pki+"/ca.crt", pki+"/front-proxy-ca.key"), want: []string{
			"critical chain/signing-bundle /etc/kubernetes/pki/ca.crt kube-controller-manager --cluster-signing-cert-file: the key in /etc/kubernetes/pki/front-proxy-ca.key is not that of this certificate; kube-controller-manager cannot sign with the pair",
		}},
		{name: "signing key is missing", change: signWith(pki+"/ca.crt", pki+"/nowhere.key"), want: []string{
			"critical files/missing /etc/kubernetes/pki/nowhere.key kube-controller-manager --cluster-signing-key-file: does not exist; it is named by kube-controller-manager --cluster-signing-key-file (/etc/kubernetes/manifests/kube-controller-manager.yaml:21)",
		}},
		{name: "signing certificate is a key", change: signWith(pki+"/ca.key", pki+"/ca.key"), want: []string{
			"critical files/malformed /etc/kubernetes/pki/ca.key kube-controller-manager --cluster-signing-cert-file: holds only keys; expected a certificate",
		}},
		{name: "signers apart", change: replace(cm, "    - --cluster-signing-cert-file="+pki+"/ca.crt\n    - --cluster-signing-key-file="+pki+"/ca.key\n",
			"    - --cluster-signing-kubelet-client-cert-file="+pki+"/ca.crt\n    - --cluster-signing-kubelet-client-key-file="+pki+"/front-proxy-ca.key\n"), want: []string{
			"critical chain/signing-bundle /etc/kubernetes/pki/ca.crt kube-controller-manager --cluster-signing-kubelet-client-cert-file: the key in /etc/kubernetes/pki/front-proxy-ca.key is not that of this certificate; kube-controller-manager cannot sign with the pair",
		}},
		{name: "RSA", change: algorithm(fixtures.RSA2048)},
		{name: "Ed25519", change: algorithm(fixtures.Ed25519)},
		{name: "RSA certificate, ECDSA key", change: both(algorithm(fixtures.RSA2048), func(c *fixtures.Cluster) { c.WriteKey(pki+"/apiserver.key", "another") }), want: []string{
			"critical keys/mismatch /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: the private key of /etc/kubernetes/pki/apiserver.key is not that of this certificate; expected a pair",
		}},
		{name: "key is encrypted", change: put(pki+"/apiserver.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAAwAA==\n-----END ENCRYPTED PRIVATE KEY-----\n"), want: []string{
			`critical files/malformed /etc/kubernetes/pki/apiserver.key kube-apiserver --tls-private-key-file: "ENCRYPTED PRIVATE KEY" block: only a passphrase opens it`,
			"warning files/permissions /etc/kubernetes/pki/apiserver.key kube-apiserver --tls-private-key-file: has the mode 0644; expected 0600 or less, for whoever reads it can act in its name",
		}},
		{name: "key is encrypted as of old", change: put(pki+"/apiserver.key", "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00000000000000000000000000000000\n\nMAAwAA==\n-----END RSA PRIVATE KEY-----\n"), want: []string{
			`critical files/malformed /etc/kubernetes/pki/apiserver.key kube-apiserver --tls-private-key-file: "RSA PRIVATE KEY" block: only a passphrase opens it`,
			"warning files/permissions /etc/kubernetes/pki/apiserver.key kube-apiserver --tls-private-key-file: has the mode 0644; expected 0600 or less, for whoever reads it can act in its name",
		}},
		{name: "key file with a second key", change: keys(pki+"/apiserver.key", "own", "another")},
		{name: "key file with another key first", change: keys(pki+"/apiserver.key", "another", "own"), want: []string{
			"critical keys/mismatch /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: the private key of /etc/kubernetes/pki/apiserver.key is not that of this certificate; expected a pair",
		}},
		{name: "key file with a certificate", change: func(c *fixtures.Cluster) { c.Node[pki+"/apiserver.key"] = c.Node[pki+"/apiserver.crt"] }, want: []string{
			"critical files/malformed /etc/kubernetes/pki/apiserver.key kube-apiserver --tls-private-key-file: holds only certificates; expected a private key",
			"warning files/permissions /etc/kubernetes/pki/apiserver.key kube-apiserver --tls-private-key-file: has the mode 0644; expected 0600 or less, for whoever reads it can act in its name",
		}},
		{name: "certificate file with the key first", change: func(c *fixtures.Cluster) {
			c.Node[pki+"/apiserver.crt"] = fixtures.File{Mode: 0o600, Data: slices.Concat(c.Node[pki+"/apiserver.key"].Data, c.Node[pki+"/apiserver.crt"].Data)}
		}},
		{name: "certificate file with the key, for all to read", change: func(c *fixtures.Cluster) {
			c.Node.Append(pki+"/apiserver.crt", c.Node[pki+"/apiserver.key"].Data)
		}, want: []string{
			"warning files/permissions /etc/kubernetes/pki/apiserver.crt kube-apiserver --tls-cert-file: has the mode 0644; expected 0600 or less, for whoever reads it can act in its name",
		}},
		{name: "second verifying key", change: secondVerifier},
		{name: "tokens are signed with the old key", change: both(secondVerifier, keys(pki+"/sa.key", "old sa"))},
		{name: "tokens are signed with a third key", change: both(secondVerifier, keys(pki+"/sa.key", "third sa")), want: []string{
			"critical keys/service-account /etc/kubernetes/pki/sa.key kube-apiserver --service-account-signing-key-file: signs service account tokens, and its public half is not in /etc/kubernetes/pki/sa-old.key, /etc/kubernetes/pki/sa.pub: the API server refuses every token",
		}},
		{name: "verifying keys in one file", change: func(c *fixtures.Cluster) {
			c.WriteKey("/tmp/key", "old sa")
			c.Node.Append(pki+"/sa.pub", c.Node["/tmp/key"].Data)
			c.Node.Remove("/tmp/key")
		}},
		{name: "verified with a certificate", change: both(replace(apiserver, "key-file="+pki+"/sa.pub", "key-file="+pki+"/apiserver.crt"),
			replace(apiserver, "key-file="+pki+"/sa.key", "key-file="+pki+"/apiserver.key"),
			replace(cm, "key-file="+pki+"/sa.key", "key-file="+pki+"/apiserver.key"))},
		{name: "no verifying key is named", change: replace(apiserver, "    - --service-account-key-file="+pki+"/sa.pub\n", ""), want: []string{
			"critical keys/service-account /etc/kubernetes/manifests/kube-apiserver.yaml --service-account-key-file: --service-account-key-file is not set beside --service-account-signing-key-file: kube-apiserver does not start, or, before 1.20, verifies no token",
		}},
	})
}
