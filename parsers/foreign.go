package parsers

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// foreignBlocks say what stands in PEM and armour that is neither a certificate
// nor a key for TLS, by its label. A label that ends in "*" stands for all that
// begin so.
//
// Sources: RFC 7468; OpenSSL include/openssl/pem.h.in; RFC 9580, section 6.2
// (OpenPGP armour); RFC 4716 (SSH2); the formats' own programs.
var foreignBlocks = []struct{ label, what string }{
	{"CERTIFICATE REQUEST", "a certificate request"},
	{"NEW CERTIFICATE REQUEST", "a certificate request"},
	{"X509 CRL", "a revocation list"},
	{"DH PARAMETERS", "Diffie-Hellman parameters"},
	{"X9.42 DH PARAMETERS", "Diffie-Hellman parameters"},
	{"DSA PARAMETERS", "DSA parameters"},
	{"PARAMETERS", "parameters of a key"},
	{"DSA PRIVATE KEY", "a DSA key, which TLS no longer knows"},
	{"PKCS7", "PKCS#7"},
	{"PKCS #7 SIGNED DATA", "PKCS#7"},
	{"CMS", "CMS (PKCS#7)"},
	{"ATTRIBUTE CERTIFICATE", "an attribute certificate"},
	{"SSL SESSION PARAMETERS", "a TLS session"},
	{"OPENSSH PRIVATE KEY", "a private key of OpenSSH"},
	{"SSH2 *", "a key of SSH (RFC 4716)"},
	{"PGP *", "OpenPGP"},
	{"OpenVPN *", "a key of OpenVPN"},
	{"ENCRYPTED COSIGN PRIVATE KEY", "a key of cosign"},
	{"ENCRYPTED SIGSTORE PRIVATE KEY", "a key of cosign"},
	{"AGE ENCRYPTED FILE", "a file that age encrypted"},
	{"TSS2 *", "a key that a TPM keeps"},
}

// foreignWhat says what a label of [foreignBlocks] stands for; "" for any other.
func foreignWhat(label string) string {
	for _, f := range foreignBlocks {
		prefix, all := strings.CutSuffix(f.label, "*")
		if label == f.label || all && strings.HasPrefix(label, prefix) {
			return f.what
		}
	}
	return ""
}

// claimed are the labels of what certificates and keys stand in. A block that
// has one of them and cannot be decoded is damaged; of any other nobody knows
// how it should be.
var claimed = slices.Concat([]string{labelCertificate, labelEncryptedKey}, foreignCertificates, labelsOf(keyForms))

// beginnings tell what a file without PEM is by its first bytes. Those of text
// are of the first line.
//
// Sources: RFC 4253, section 6.6, and openssh PROTOCOL.certkeys; the magic
// numbers of sun.security.provider.JavaKeyStore, com.sun.crypto.provider.JceKeyStore,
// gzip (RFC 1952) and ZIP.
var beginnings = []struct{ magic, what string }{
	{jksMagic, "a Java key store (JKS)"},
	{jceksMagic, "a Java key store (JCEKS)"},
	{"ssh-", "a public key of OpenSSH"},
	{"ecdsa-sha2-", "a public key of OpenSSH"},
	{"sk-ssh-", "a public key of OpenSSH"},
	{"sk-ecdsa-", "a public key of OpenSSH"},
	{"PuTTY-User-Key-File-", "a key of PuTTY"},
	{"AGE-SECRET-KEY-", "a key of age"},
	{"untrusted comment:", "a key of minisign or signify"},
	{"PK\x03\x04", "a ZIP archive"},
	{"\x1f\x8b", "compressed by gzip"},
}

// jceksMagic begins a key store of com.sun.crypto.provider.JceKeyStore.
const jceksMagic = "\xce\xce\xce\xce"

// foreignBeginning says what a file is by [beginnings], "" for none of them.
func foreignBeginning(data []byte) string {
	for _, b := range beginnings {
		if bytes.HasPrefix(data, []byte(b.magic)) {
			return b.what
		}
	}
	return ""
}

// foreignDER says what a DER file is that holds neither certificates nor keys
// that are understood, "" where it is damaged or may be one of these all the
// same.
func foreignDER(der []byte) string {
	var whole asn1.RawValue
	rest, err := asn1.Unmarshal(der, &whole)
	switch {
	case isPKCS12(der): // Java writes it in BER, which has no length
		return "PKCS#12"
	case err != nil || len(rest) > 0:
		return ""
	case parses(x509.ParseCertificateRequest, der):
		return "a certificate request"
	case isRevocationList(whole):
		return "a revocation list"
	case isNumbers(whole):
		return "the parameters of a key, or a key of DSA"
	case bytes.HasPrefix(derContents(der), oidSignedData):
		return "PKCS#7"
	case isUnknownKey(der):
		return "a key of an algorithm that Go does not know"
	case len(whole.Bytes) > 0 && !IsDER(whole.Bytes) && whole.Bytes[0] != asn1.TagInteger:
		return "DER that is neither a certificate nor a key"
	}
	return ""
}

func parses[T any](parse func([]byte) (T, error), der []byte) bool {
	_, err := parse(der)
	return err == nil
}

// elements returns those of a sequence, at most as many as anything here looks at.
func elements(sequence asn1.RawValue) []asn1.RawValue {
	var out []asn1.RawValue
	for rest := sequence.Bytes; len(rest) > 0 && sequence.IsCompound && len(out) < 10; {
		var one asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &one); err != nil {
			return nil
		}
		out = append(out, one)
	}
	return out
}

// isRevocationList tells a CRL from a certificate, which is built alike: a time
// follows the issuer's name where a certificate has two (RFC 5280, section 5.1).
// x509.ParseRevocationList takes those of version 2 alone.
func isRevocationList(whole asn1.RawValue) bool {
	parts := elements(whole)
	if len(parts) != 3 {
		return false
	}
	inner := elements(parts[0])
	if len(inner) > 0 && inner[0].Tag == asn1.TagInteger {
		inner = inner[1:] // the version
	}
	return len(inner) > 2 && (inner[2].Tag == asn1.TagUTCTime || inner[2].Tag == asn1.TagGeneralizedTime)
}

// isNumbers reports whether a sequence holds two to six numbers and nothing else,
// as the parameters of Diffie-Hellman (PKCS#3) and of DSA do, and OpenSSL's DSA keys.
func isNumbers(whole asn1.RawValue) bool {
	parts := elements(whole)
	return len(parts) >= 2 && len(parts) <= 6 && !slices.ContainsFunc(parts, func(p asn1.RawValue) bool { return p.Class != asn1.ClassUniversal || p.Tag != asn1.TagInteger })
}

// oidSignedData is the type of a PKCS#7 file with certificates, 1.2.840.113549.1.7.2
// in DER (RFC 5652, section 5.1).
var oidSignedData = []byte{asn1.TagOID, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2}

// isUnknownKey reports whether der is a sound PrivateKeyInfo, SubjectPublicKeyInfo
// or ECPrivateKey of an algorithm or a curve that crypto/x509 does not know: it
// says so, and of what is damaged it says something else.
func isUnknownKey(der []byte) bool {
	for _, form := range keyForms {
		if _, err := form.public(der); err != nil && unknownAlgorithm(err) {
			return true
		}
	}
	return false
}

func unknownAlgorithm(err error) bool {
	return strings.Contains(err.Error(), "unknown") || strings.Contains(err.Error(), "unsupported")
}

// dashes are what word processors and web pages make of hyphens.
const dashes = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"

// oddBegin is a line that opens a block as a reader sees it, and not as
// encoding/pem does.
type oddBegin struct {
	line   int
	label  string
	detail string
}

// oddBegins returns the lines of data that are BEGIN lines but for their dashes.
// What encoding/pem takes for BEGIN, at whatever place in the line, is none.
func oddBegins(data []byte) []oddBegin {
	var out []oddBegin
	word := []byte("BEGIN ")
	if !bytes.Contains(data, word) {
		return nil
	}
	line := 0
	for text := range bytes.Lines(data) {
		line++
		if len(text) < maxBeginLine && bytes.Contains(text, word) && !bytes.Contains(text, pemBegin) {
			if b, odd := oddBeginOf(strings.TrimSpace(string(text))); odd && len(out) < maxProblems {
				b.line = line
				out = append(out, b)
			}
		}
	}
	return out
}

// maxBeginLine bounds a BEGIN line; the longest known one has 52 bytes.
const maxBeginLine = 200

func oddBeginOf(text string) (oddBegin, bool) {
	isDash := func(r rune) bool { return strings.ContainsRune(dashes, r) }
	inner := strings.TrimLeftFunc(text, isDash)
	before := text[:len(text)-len(inner)]
	label, ok := strings.CutPrefix(strings.TrimSpace(inner), "BEGIN ")
	bare := strings.TrimRightFunc(label, isDash)
	label, after := strings.TrimSpace(bare), label[len(bare):]
	if !ok || before == "" || after == "" || foreignWhat(label) == "" && !slices.Contains(claimed, label) {
		return oddBegin{}, false
	}
	b := oddBegin{label: label, detail: "BEGIN stands between other dashes than five hyphens on each side"}
	switch n := utf8.RuneCountInString(before); {
	case strings.ContainsFunc(before, func(r rune) bool { return r > unicode.MaxASCII }):
		b.detail = fmt.Sprintf("the dashes before BEGIN are no hyphens (%U)", firstRune(before))
	case n != len(pemDashes):
		b.detail = fmt.Sprintf("%d dashes stand before BEGIN instead of five", n)
	}
	return b, true
}

func firstRune(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}
