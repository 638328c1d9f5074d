package parsers

import (
	"bytes"
	"crypto/aes"
	"crypto/des"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"hash"
	"slices"
	"unicode/utf16"
)

// The errors of [pkcs12Certificates] beside those of a form that is not
// understood.
var (
	errPassword = errors.New("the password does not open it")
	errEffort   = errors.New("it wants too many iterations")
)

// Object identifiers of PKCS#12 (RFC 7292, appendix D), PKCS#7 (RFC 2315) and
// PKCS#5 (RFC 8018, appendix C).
var (
	oidData          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidEncryptedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 6}
	oidCertBag       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 3}
	oidX509          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 22, 1}
	oidPBES2         = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
)

type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue `asn1:"explicit,tag:0,optional"`
}

type safeBag struct {
	ID         asn1.ObjectIdentifier
	Value      asn1.RawValue `asn1:"explicit,tag:0"`
	Attributes asn1.RawValue `asn1:"set,optional"`
}

// pkcs12Certificates returns the certificates of a PKCS#12 file in DER. Its keys
// stay encrypted, and its MAC is not computed: that the certificates can be
// decrypted says enough of the password. The certificates that crypto/x509
// refuses are left out. [ParseKeystore] has a library do this: one that decrypts keys
// too, and works as long as a file wants, which is for a file that somebody asked
// about, not for what lies in the way of an audit.
//
// Source: RFC 7292, sections 4 and 5.
func pkcs12Certificates(data []byte, password string, effort *Effort) ([]*x509.Certificate, error) {
	var pfx struct {
		Version int
		Safe    contentInfo
		MAC     asn1.RawValue `asn1:"optional"`
	}
	if _, err := asn1.Unmarshal(data, &pfx); err != nil {
		return nil, err
	}
	var inner []byte
	if _, err := asn1.Unmarshal(pfx.Safe.Content.Bytes, &inner); err != nil || !pfx.Safe.Type.Equal(oidData) {
		return nil, errors.New("a password alone does not open it")
	}
	var contents []contentInfo
	if _, err := asn1.Unmarshal(inner, &contents); err != nil {
		return nil, err
	}
	var out []*x509.Certificate
	for _, c := range contents {
		bags, err := safeContents(c, password, effort)
		if err != nil {
			return nil, err
		}
		out = append(out, bagCertificates(bags)...)
	}
	return out, nil
}

// safeContents returns the bags of one part of the file, decrypted where it is
// encrypted.
func safeContents(c contentInfo, password string, effort *Effort) ([]safeBag, error) {
	var bags []safeBag
	switch {
	case c.Type.Equal(oidData):
		var plain []byte
		if _, err := asn1.Unmarshal(c.Content.Bytes, &plain); err != nil {
			return nil, err
		}
		_, err := asn1.Unmarshal(plain, &bags)
		return bags, err
	case c.Type.Equal(oidEncryptedData):
		var e struct {
			Version int
			Content struct {
				Type      asn1.ObjectIdentifier
				Algorithm pkix.AlgorithmIdentifier
				Bytes     []byte `asn1:"tag:0,optional"`
			}
		}
		if _, err := asn1.Unmarshal(c.Content.Bytes, &e); err != nil {
			return nil, err
		}
		return decryptedBags(e.Content.Algorithm, e.Content.Bytes, password, effort)
	}
	return nil, fmt.Errorf("content of the type %v", c.Type)
}

// decryptedBags decrypts bags. The empty password may be that of no characters,
// or of none and the end mark: programs differ (RFC 7292, appendix B.1).
func decryptedBags(algorithm pkix.AlgorithmIdentifier, encrypted []byte, password string, effort *Effort) ([]safeBag, error) {
	words := [][]byte{bmpString(password)}
	if password == "" && !algorithm.Algorithm.Equal(oidPBES2) {
		words = append(words, nil)
	}
	for _, word := range words {
		c, err := cipherOf(algorithm, word, password, effort)
		if err != nil {
			return nil, err
		}
		var bags []safeBag
		if plain, ok := c.decrypt(encrypted); ok {
			if _, err := asn1.Unmarshal(plain, &bags); err == nil {
				return bags, nil
			}
		}
	}
	return nil, errPassword
}

func bagCertificates(bags []safeBag) []*x509.Certificate {
	var out []*x509.Certificate
	for _, bag := range bags {
		var c struct {
			ID   asn1.ObjectIdentifier
			Data []byte `asn1:"explicit,tag:0"`
		}
		if !bag.ID.Equal(oidCertBag) {
			continue
		}
		if _, err := asn1.Unmarshal(bag.Value.Bytes, &c); err != nil || !c.ID.Equal(oidX509) {
			continue
		}
		if certificate, err := x509.ParseCertificate(bytes.Clone(c.Data)); err == nil {
			out = append(out, certificate)
		}
	}
	return out
}

// bmpString is a password as PKCS#12 has it: UTF-16, big endian, with an end mark.
func bmpString(s string) []byte {
	var out []byte
	for _, unit := range utf16.Encode([]rune(s)) {
		out = append(out, byte(unit>>8), byte(unit))
	}
	return append(out, 0, 0)
}

// blockDecrypter is the half of [cipher.Block] that is needed here.
type blockDecrypter interface {
	BlockSize() int
	Decrypt(dst, src []byte)
}

// chained is a cipher in the CBC mode with its initialisation vector.
type chained struct {
	block  blockDecrypter
	vector []byte
}

// decrypt decrypts a text and takes its padding off; false where there is none,
// as with the wrong key.
func (c chained) decrypt(encrypted []byte) ([]byte, bool) {
	size := c.block.BlockSize()
	if len(encrypted) == 0 || len(encrypted)%size != 0 || len(c.vector) != size {
		return nil, false
	}
	plain, before := make([]byte, len(encrypted)), c.vector
	for at := 0; at < len(encrypted); at += size {
		c.block.Decrypt(plain[at:], encrypted[at:at+size])
		subtle.XORBytes(plain[at:at+size], plain[at:at+size], before)
		before = encrypted[at : at+size]
	}
	padding := int(plain[len(plain)-1])
	if padding == 0 || padding > size {
		return nil, false
	}
	return plain[:len(plain)-padding], true
}

// cipherOf makes the cipher of an algorithm with the key of a password, which
// word is as PKCS#12 writes it.
func cipherOf(algorithm pkix.AlgorithmIdentifier, word []byte, password string, effort *Effort) (chained, error) {
	if algorithm.Algorithm.Equal(oidPBES2) {
		return pbes2(algorithm.Parameters.FullBytes, password, effort)
	}
	for _, s := range pkcs12Schemes {
		if algorithm.Algorithm.Equal(s.id) {
			return s.cipher(algorithm.Parameters.FullBytes, word, effort)
		}
	}
	return chained{}, fmt.Errorf("encryption %v", algorithm.Algorithm)
}

// pkcs12Scheme is an encryption of PKCS#12's own (RFC 7292, appendix C).
type pkcs12Scheme struct {
	id   asn1.ObjectIdentifier
	key  int
	make func(key []byte) (blockDecrypter, error)
}

var pkcs12Schemes = []pkcs12Scheme{
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 1, 3}, 24, newTripleDES},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 1, 5}, 16, newRC2},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 1, 6}, 5, newRC2},
}

func newTripleDES(key []byte) (blockDecrypter, error) { return des.NewTripleDESCipher(key) }

func newAES(key []byte) (blockDecrypter, error) { return aes.NewCipher(key) }

func (s pkcs12Scheme) cipher(parameters, word []byte, effort *Effort) (chained, error) {
	var p struct {
		Salt       []byte
		Iterations int
	}
	if _, err := asn1.Unmarshal(parameters, &p); err != nil {
		return chained{}, err
	}
	blocks := 1 + (s.key+sha1.Size-1)/sha1.Size
	if p.Iterations < 1 || p.Iterations > maxStoreIterations || !effort.take(p.Iterations*blocks) {
		return chained{}, errEffort
	}
	block, err := s.make(pkcs12Key(p.Salt, word, p.Iterations, 1, s.key))
	if err != nil {
		return chained{}, err
	}
	return chained{block, pkcs12Key(p.Salt, word, p.Iterations, 2, block.BlockSize())}, nil
}

// pkcs12Key derives a key (purpose 1) or an initialisation vector (2) with SHA-1.
//
// Source: RFC 7292, appendix B.2.
func pkcs12Key(salt, word []byte, iterations int, purpose byte, size int) []byte {
	input := append(filled(salt), filled(word)...)
	var out []byte
	for len(out) < size {
		sum := sha1.Sum(append(bytes.Repeat([]byte{purpose}, sha1.BlockSize), input...))
		for range iterations - 1 {
			sum = sha1.Sum(sum[:])
		}
		out = append(out, sum[:]...)
		addend := bytes.Repeat(sum[:], 4)[:sha1.BlockSize]
		for at := 0; at < len(input); at += sha1.BlockSize {
			carry := 1
			for i := sha1.BlockSize - 1; i >= 0; i-- {
				carry += int(input[at+i]) + int(addend[i])
				input[at+i] = byte(carry)
				carry >>= 8
			}
		}
	}
	return out[:size]
}

// filled repeats a text up to a multiple of the hash's block.
func filled(text []byte) []byte {
	if len(text) == 0 {
		return nil
	}
	size := (len(text) + sha1.BlockSize - 1) / sha1.BlockSize * sha1.BlockSize
	return bytes.Repeat(text, size/len(text)+1)[:size]
}

// pbkdf2Hashes are the hashes of PBKDF2's HMAC by the last number of their
// identifier below 1.2.840.113549.2.
var pbkdf2Hashes = map[int]func() hash.Hash{7: sha1.New, 9: sha256.New, 10: sha512.New384, 11: sha512.New}

// pbes2Cipher is an encryption of PBES2.
type pbes2Cipher struct {
	id   asn1.ObjectIdentifier
	key  int
	make func(key []byte) (blockDecrypter, error)
}

var pbes2Ciphers = []pbes2Cipher{
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 2}, 16, newAES},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 22}, 24, newAES},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}, 32, newAES},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 3, 7}, 24, newTripleDES},
}

// pbes2 makes the cipher of PBES2 with PBKDF2.
//
// Source: RFC 8018, sections 5.2 and 6.2, appendix A.
func pbes2(parameters []byte, password string, effort *Effort) (chained, error) {
	var p struct{ Derivation, Encryption pkix.AlgorithmIdentifier }
	if _, err := asn1.Unmarshal(parameters, &p); err != nil {
		return chained{}, err
	}
	i := slices.IndexFunc(pbes2Ciphers, func(c pbes2Cipher) bool { return p.Encryption.Algorithm.Equal(c.id) })
	if i < 0 {
		return chained{}, fmt.Errorf("encryption %v", p.Encryption.Algorithm)
	}
	c := pbes2Ciphers[i]
	key, err := pbkdf2Key(p.Derivation, password, c.key, effort)
	if err != nil {
		return chained{}, err
	}
	block, err := c.make(key)
	if err != nil {
		return chained{}, err
	}
	var vector []byte
	_, err = asn1.Unmarshal(p.Encryption.Parameters.FullBytes, &vector)
	return chained{block, vector}, err
}

func pbkdf2Key(derivation pkix.AlgorithmIdentifier, password string, size int, effort *Effort) ([]byte, error) {
	var p struct {
		Salt       []byte
		Iterations int
		Size       int                      `asn1:"optional"`
		Hash       pkix.AlgorithmIdentifier `asn1:"optional"`
	}
	if _, err := asn1.Unmarshal(derivation.Parameters.FullBytes, &p); err != nil || !derivation.Algorithm.Equal(oidPBKDF2) {
		return nil, fmt.Errorf("derivation %v", derivation.Algorithm)
	}
	number := 7 // HMAC with SHA-1 is the default
	if id := p.Hash.Algorithm; len(id) > 0 {
		number = id[len(id)-1]
	}
	h, known := pbkdf2Hashes[number]
	if !known {
		return nil, fmt.Errorf("hash %v", p.Hash.Algorithm)
	}
	blocks := (size + h().Size() - 1) / h().Size()
	if p.Iterations < 1 || p.Iterations > maxStoreIterations || !effort.take(2*p.Iterations*blocks) {
		return nil, errEffort
	}
	return pbkdf2.Key(h, password, p.Salt, p.Iterations, size)
}
