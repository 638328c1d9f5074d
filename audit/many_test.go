//go:build !race

package audit_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"certaudit/audit"
	"certaudit/audit/inventory"
	"certaudit/fixtures"
)

// Where every one of thousands of certificates could have signed every other,
// the audit ends and says what it left out.
func TestManyAuthorities(t *testing.T) {
	if testing.Short() {
		t.Skip("issues 3000 certificates")
	}
	c := fixtures.ControlPlane(fixtures.Options{})
	key := must(ecdsa.ParseRawPrivateKey(elliptic.P384(), bytes.Repeat([]byte{7}, 48))) // ten times the work of P-256
	c.Node[pki+"/ca.key"] = fixtures.File{Data: pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: must(x509.MarshalECPrivateKey(key))}), Mode: 0o600}
	c.Node[pki+"/ca.crt"] = fixtures.File{Data: craft(c, pki+"/ca.key", "", aCA(noKeyID)), Mode: 0o644}
	var bundle []byte
	for i := range 3000 {
		ca := aCA(func(x *x509.Certificate) {
			noKeyID(x)
			x.SerialNumber = big.NewInt(int64(i + 1))
			x.NotAfter = fixtures.Now.Add(-time.Duration(i+1) * time.Minute)
		})
		bundle = append(bundle, craft(c, pki+"/ca.key", pki+"/ca", ca)...)
	}
	c.Node[pki+"/ca.crt"] = fixtures.File{Data: bundle, Mode: 0o644}
	r := auditNode(t, c.Node, audit.Options{})
	counts := map[string]int{}
	for _, f := range r.Findings {
		counts[string(f.Severity)+" "+f.Check]++
	}
	// Those that are untrusted are refused by crypto/x509 itself, for its own limit.
	want := map[string]int{"critical chain/signing-bundle": 1, "critical chain/untrusted": 2, "critical validity/expired": 3000, "info chain/rotation": 1, "info kubelet/serving-self-signed": 1}
	if diff := gocmp.Diff(want, counts); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	var incomplete []string
	for _, o := range r.Outcomes {
		if o.State == audit.Incomplete {
			incomplete = append(incomplete, o.Check+": "+o.Reason)
		}
	}
	if diff := gocmp.Diff([]string{
		"validity/outlives-issuer: more signatures would have to be verified than time is spent on",
		"chain/untrusted: more signatures would have to be verified than time is spent on",
		"chain/duplicate-serial: more signatures would have to be verified than time is spent on",
		"chain/rotation: more signatures would have to be verified than time is spent on",
	}, incomplete); diff != "" {
		t.Errorf("incomplete (-want +got):\n%s", diff)
	}
}

// A hundred thousand Secrets, most of them of other kinds, are read without being
// kept: what is held grows with the certificates alone.
func TestManySecrets(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	const n, every = 100_000, 20
	leaf, key := manyLeaves(t)
	blob := b64(strings.Repeat("release", 700))
	l := &secretList{t: t, n: n, object: func(i int) []byte {
		if i%every == 0 {
			return fmt.Appendf(nil, `{"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": "n%d", "name": "tls"}, "type": "kubernetes.io/tls", "data": {"tls.crt": "%s", "tls.key": "%s"}}`, i, b64(leaf(i)), b64(key))
		}
		return fmt.Appendf(nil, `{"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": "n%d", "name": "release"}, "type": "helm.sh/release.v1", "data": {"release": "%s"}}`, i, blob)
	}}
	before := heap()
	peak := before
	inv, err := inventory.GatherObjects("-", l, func(objects int) {
		if objects%10_000 == 0 {
			peak = max(peak, heap())
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	const bound = n / every * 16 << 10
	t.Logf("%d bytes are held for each certificate", (peak-before)/(n/every))
	if held := peak - before; held > bound {
		t.Errorf("%d MiB are held for %d certificates, want at most %d", held>>20, n/every, bound>>20)
	}
	r := audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now})
	for _, o := range r.Outcomes {
		if o.State == audit.Incomplete {
			t.Errorf("%s: %s", o.Check, o.Reason)
		}
	}
	if r.Summary.Certificates != n/every || r.Summary.Critical != 0 {
		t.Errorf("summary %+v", r.Summary)
	}
}
