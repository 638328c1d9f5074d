package parsers

import (
	"bytes"
	"crypto"
	"crypto/sha1"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"strings"
	"unicode/utf16"

	"github.com/pavlo-v-chernykh/keystore-go/v4"
	"software.sslmate.com/src/go-pkcs12"
)

// ParseKeystore reads the certificates and keys of a key store, PKCS#12 or JKS,
// with its password. All of them have the origin at. A password that does not
// open it is a problem of [KindEncrypted]. It may take as long as the store's
// iteration count says. Data is not changed, and nothing of a private key is kept.
func ParseKeystore(at Origin, data []byte, password string) Material {
	if isJKS(data) {
		return parseJKS(at, data, password)
	}
	return parsePKCS12(at, data, password)
}

func parsePKCS12(at Origin, data []byte, password string) Material {
	var m Material
	key, leaf, chain, err := pkcs12.DecodeChain(data, password)
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword), errors.Is(err, pkcs12.ErrDecryption):
		m.problem(at, KindEncrypted, "is PKCS#12, and the password does not open it")
		return m
	case err != nil: // one without a key is a trust store
		trusted, trustErr := pkcs12.DecodeTrustStore(data, password)
		if trustErr != nil {
			m.problem(at, KindUnsupported, "is PKCS#12 that is not understood: %v", err)
		}
		for _, c := range trusted {
			m.addCertificate(at, c)
		}
		return m
	}
	for _, c := range append([]*x509.Certificate{leaf}, chain...) {
		m.addCertificate(at, c)
	}
	m.addPrivate(at, key)
	return m
}

// addPrivate adds a private key by its public half.
func (m *Material) addPrivate(at Origin, key any) {
	private, ok := key.(interface{ Public() crypto.PublicKey })
	if !ok {
		m.problem(at, KindKey, "key of type %T, which is none of RSA, ECDSA and Ed25519", key)
		return
	}
	m.addKey(at, true, private.Public())
}

func parseJKS(at Origin, data []byte, password string) Material {
	var m Material
	if !wholeJKS(data) {
		m.problem(at, KindSyntax, "is a damaged Java key store: its lengths lead past its end")
		return m
	}
	word := []byte(password)
	defer clear(word)
	store := keystore.New(keystore.WithOrderedAliases(), keystore.WithCaseExactAliases())
	if err := store.Load(bytes.NewReader(data), word); err != nil {
		m.problem(at, KindEncrypted, "is a Java key store, and the password does not open it, or it is damaged")
		return m
	}
	for _, alias := range store.Aliases() {
		here := at
		here.Field = alias
		if store.IsTrustedCertificateEntry(alias) {
			if entry, err := store.GetTrustedCertificateEntry(alias); err == nil {
				m.addDER(here, entry.Certificate.Content)
			}
			continue
		}
		chain, _ := store.GetPrivateKeyEntryCertificateChain(alias)
		for _, c := range chain {
			m.addDER(here, c.Content)
		}
		entry, err := store.GetPrivateKeyEntry(alias, word)
		if err != nil {
			m.problem(here, KindEncrypted, "the key has another password than the store")
			continue
		}
		if len(entry.PrivateKey) > maxKeyBytes {
			m.problem(here, KindLimit, "key of more than %d bytes", maxKeyBytes)
		} else if key, err := x509.ParsePKCS8PrivateKey(entry.PrivateKey); err == nil {
			m.addPrivate(here, key)
		} else {
			m.problem(here, KindKey, "key that cannot be decoded")
		}
		clear(entry.PrivateKey)
	}
	return m
}

// opensJKS reports whether a password is the one that the digest at the end of a store
// was made with (sun.security.provider.JavaKeyStore, getPreKeyedHash).
func opensJKS(data []byte, password string) bool {
	if len(data) < sha1.Size {
		return false
	}
	body, digest := data[:len(data)-sha1.Size], data[len(data)-sha1.Size:]
	h := sha1.New()
	for _, unit := range utf16.Encode([]rune(password)) {
		h.Write([]byte{byte(unit >> 8), byte(unit)})
	}
	h.Write([]byte("Mighty Aphrodite"))
	h.Write(body)
	return bytes.Equal(h.Sum(nil), digest)
}

// wholeJKS reports whether no length in a store leads past its end, so that none
// makes a reader allocate more than there is.
func wholeJKS(data []byte) bool { return walkJKS(data, func(string, bool, [][]byte) {}) }

// walkJKS calls each for the entries of a store in their order: with the
// certificates in DER, and whether a private key stands beside them. It reports
// false where a length leads past the end, or an entry is of another kind.
//
// Source: sun.security.provider.JavaKeyStore.
func walkJKS(data []byte, each func(alias string, key bool, chain [][]byte)) bool {
	ok := true
	take := func(n uint64) []byte {
		if n > uint64(len(data)) {
			ok, n = false, uint64(len(data))
		}
		taken := data[:n]
		data = data[n:]
		return taken
	}
	number := func(size uint64) uint64 {
		var padded [8]byte
		copy(padded[8-size:], take(size))
		return binary.BigEndian.Uint64(padded[:])
	}
	take(4) // magic
	version := number(4)
	certificate := func() []byte {
		if version == 2 {
			take(number(2)) // type
		}
		return take(number(4))
	}
	for entries := number(4); ok && entries > 0; entries-- {
		tag := number(4)
		alias := strings.ToValidUTF8(string(take(number(2))), "\ufffd")
		take(8) // date
		var chain [][]byte
		switch tag {
		case jksKey:
			take(number(4))
			for n := number(4); ok && n > 0; n-- {
				chain = append(chain, certificate())
			}
		case jksTrusted:
			chain = append(chain, certificate())
		default:
			return false
		}
		if ok {
			each(alias, tag == jksKey, chain)
		}
	}
	return ok
}

// The kinds of entry of a Java key store; JCEKS has more.
const (
	jksKey     = 1
	jksTrusted = 2
)
