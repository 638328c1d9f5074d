package parsers_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"bytes"

	"certaudit/parsers"

	"github.com/google/go-cmp/cmp"
	"github.com/pavlo-v-chernykh/keystore-go/v4"
	"software.sslmate.com/src/go-pkcs12"
)

// stores returns a PKCS#12 store, a trust store and a Java key store with the
// password "secret", and the key in PKCS#8.
func stores(t testing.TB) (p12, trust, jks, pkcs8 []byte) {
	t.Helper()
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "web"}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<31, 0)}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	if p12, err = pkcs12.Modern.Encode(key, cert, []*x509.Certificate{cert}, "secret"); err != nil {
		t.Fatal(err)
	}
	if trust, err = pkcs12.Modern.EncodeTrustStore([]*x509.Certificate{cert}, "secret"); err != nil {
		t.Fatal(err)
	}
	if pkcs8, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
		t.Fatal(err)
	}
	store := keystore.New(keystore.WithOrderedAliases())
	chain := []keystore.Certificate{{Type: "X509", Content: der}}
	for alias, password := range map[string]string{"a": "secret", "b": "other"} {
		if err := store.SetPrivateKeyEntry(alias, keystore.PrivateKeyEntry{CreationTime: time.Unix(0, 0), PrivateKey: pkcs8, CertificateChain: chain}, []byte(password)); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.SetTrustedCertificateEntry("c", keystore.TrustedCertificateEntry{CreationTime: time.Unix(0, 0), Certificate: chain[0]}); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := store.Store(&b, []byte("secret")); err != nil {
		t.Fatal(err)
	}
	return p12, trust, b.Bytes(), pkcs8
}

func TestParseKeystore(t *testing.T) {
	p12, trust, jks, pkcs8 := stores(t)
	at := parsers.Origin{Path: "store"}
	endless := append(bytes.Clone(jks[:12]), 0, 0, 0, 1, 0, 1, 'a', 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff)
	for _, tt := range []struct {
		name, password string
		data           []byte
		want           []string
	}{
		{"PKCS#12", "secret", p12, []string{"certificate  web", "certificate  web", "key  ECDSA-P256 true"}},
		{"PKCS#12, wrong password", "x", p12, []string{"encrypted : is PKCS#12, and the password does not open it"}},
		{"trust store", "secret", trust, []string{"certificate  web"}},
		{"cut off", "secret", p12[:100], []string{"unsupported : is PKCS#12 that is not understood: pkcs12: error reading P12 data: asn1: syntax error: data truncated"}},
		{"JKS", "secret", jks, []string{"certificate a web", "certificate b web", "certificate c web", "key a ECDSA-P256 true", "encrypted b: the key has another password than the store"}},
		{"JKS, wrong password", "x", jks, []string{"encrypted : is a Java key store, and the password does not open it, or it is damaged"}},
		{"JKS, cut off", "secret", jks[:len(jks)/2], []string{"syntax : is a damaged Java key store: its lengths lead past its end"}},
		{"JKS of endless lengths", "secret", endless, []string{"syntax : is a damaged Java key store: its lengths lead past its end"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if !parsers.IsKeystore(tt.data) {
				t.Error("is not taken for a key store")
			}
			m := parsers.ParseKeystore(at, tt.data, tt.password)
			var got []string
			for _, c := range m.Certificates {
				got = append(got, fmt.Sprintf("certificate %s %s", c.Origin.Field, c.Subject.CommonName))
			}
			for _, k := range m.Keys {
				got = append(got, fmt.Sprintf("key %s %s %v", k.Origin.Field, k.Algorithm, k.Private))
			}
			for _, p := range m.Problems {
				got = append(got, fmt.Sprintf("%s %s: %s", p.Kind, p.Origin.Field, p.Detail))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if len(m.Keys) > 0 && m.Keys[0].PublicKeySHA256 != m.Certificates[0].PublicKeySHA256() {
				t.Error("the key does not belong to the certificate")
			}
			if strings.Contains(fmt.Sprintf("%+v", m), fmt.Sprint(pkcs8[60:70])) {
				t.Error("the key is kept")
			}
		})
	}
}

func FuzzParseKeystore(f *testing.F) {
	p12, trust, jks, _ := stores(f)
	for _, data := range [][]byte{p12, trust, jks} {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		// An iteration count is what the store says; it is bounded by time elsewhere.
		if !parsers.IsKeystore(data) || data[0] == 0x30 {
			t.Skip()
		}
		if m := parsers.ParseKeystore(parsers.Origin{Path: "x"}, data, "secret"); len(m.Certificates)+len(m.Keys)+len(m.Problems) == 0 && len(data) > 40 {
			t.Error("nothing is said of the store")
		}
	})
}
