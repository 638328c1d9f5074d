package parsers

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// The hashes are what `openssl x509 -outform DER` and `openssl pkey -pubout
// -outform DER` print for the files of testdata, through sha256sum.
const (
	certificateHash = "cb539fb5449b01f9b54b1bb60d317bc9496972f6f67421f28e6b8ec59b98bdb5"
	ecHash          = "f300d78e6f4bdd50fc990f983f09dab3e14bf26a844da286e8588ca0fe4760f4"
	ed25519Hash     = "3ade673e3f2cf39e71644bd5c3f7034b939d5dab82f3e7a8a58303b7ea5dfb1b"
	rsa1024Hash     = "b11a424fc9fdc1ae22c191f8df8849959bb0bb579fb4f5e398f6a7e2aac394af"
	rsa512Hash      = "065b846b5a0c9a8858fa4d3f629764cad79bcd5c5b3d417cfe06e1eba180a511"
)

// summary is a Material with its certificates told by their hashes.
type summary struct {
	Certificates []certificateRow
	Keys         []Key
	Problems     []Problem
}

type certificateRow struct {
	Origin          Origin
	Index           int
	SHA256          string
	PublicKeySHA256 string
}

func summarize(m Material) summary {
	s := summary{Keys: m.Keys, Problems: m.Problems}
	for _, c := range m.Certificates {
		s.Certificates = append(s.Certificates, certificateRow{c.Origin, c.Index, c.SHA256(), c.PublicKeySHA256()})
	}
	return s
}

func testFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "material", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func file(line int) Origin { return Origin{Path: "/p", Line: line} }

func oneCertificate(line int) summary {
	return summary{Certificates: []certificateRow{{file(line), 0, certificateHash, ecHash}}}
}

func oneKey(line int, private bool, algorithm, hash string) summary {
	return summary{Keys: []Key{{file(line), private, algorithm, hash}}}
}

func oneProblem(line int, kind Kind, detail string) summary {
	return summary{Problems: []Problem{{file(line), kind, detail}}}
}

func TestParseMaterialFiles(t *testing.T) {
	tests := []struct {
		name string
		want summary
	}{
		{"bag-attributes.pem", summary{
			Certificates: []certificateRow{{file(5), 0, certificateHash, ecHash}},
			Keys:         []Key{{file(19), true, "ECDSA-P256", ecHash}},
		}},
		{"certificate.der", oneCertificate(0)},
		{"ec-key.der", oneKey(0, true, "ECDSA-P256", ecHash)},
		{"ec-public.pem", oneKey(1, false, "ECDSA-P256", ecHash)},
		{"ec-with-parameters.pem", oneKey(4, true, "ECDSA-P256", ecHash)},
		{"ed25519.pem", oneKey(1, true, "Ed25519", ed25519Hash)},
		{"ed448.pem", oneProblem(1, KindUnsupported, `"PRIVATE KEY" block: x509: PKCS#8 wrapping contained private key with unknown algorithm: 1.3.101.113`)},
		{"encrypted-pkcs8.der", oneProblem(0, KindEncrypted, "DER key that only a passphrase opens")},
		{"encrypted-pkcs8.pem", oneProblem(1, KindEncrypted, `"ENCRYPTED PRIVATE KEY" block: only a passphrase opens it`)},
		{"encrypted-sec1.pem", oneProblem(1, KindEncrypted, `"EC PRIVATE KEY" block: only a passphrase opens it`)},
		{"pkcs12.p12", oneProblem(0, KindUnsupported, "is PKCS#12")},
		{"pkcs7.pem", oneProblem(1, KindUnsupported, `"PKCS7" block: PKCS#7`)},
		{"request.pem", oneProblem(1, KindUnsupported, `"CERTIFICATE REQUEST" block: a certificate request`)},
		{"rsa-1024-pkcs1.pem", oneKey(1, true, "RSA-1024", rsa1024Hash)},
		{"rsa-512-pkcs8.pem", oneKey(1, true, "RSA-512", rsa512Hash)},
		{"rsa-public-pkcs1.pem", oneKey(1, false, "RSA-1024", rsa1024Hash)},
		{"trusted.pem", oneProblem(1, KindUnsupported, `"TRUSTED CERTIFICATE" block: Go and Kubernetes read certificates from "CERTIFICATE" blocks only`)},
		{"x25519.pem", oneProblem(1, KindUnsupported, "key of type *ecdh.PublicKey, which is none of RSA, ECDSA and Ed25519")},
		{"x509-text.pem", oneCertificate(36)},
	}
	files, err := os.ReadDir(filepath.Join("testdata", "material"))
	if err != nil {
		t.Fatal(err)
	}
	var present, listed []string
	for _, f := range files {
		present = append(present, f.Name())
	}
	for _, tt := range tests {
		listed = append(listed, tt.name)
	}
	if diff := cmp.Diff(listed, present); diff != "" {
		t.Errorf("the table and testdata differ (-table +testdata):\n%s", diff)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			data := testFile(t, tt.name)
			before := bytes.Clone(data)
			got := summarize(ParseMaterial(Origin{Path: "/p"}, data))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !bytes.Equal(before, data) {
				t.Error("the input was changed")
			}
		})
	}
}

// certificatePEM is the certificate of testdata as one block of 11 lines.
func certificatePEM(t testing.TB) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: testFile(t, "certificate.der")}))
}

// TestParseMaterialDamaged puts a damaged block in front of a sound one: the
// damaged one is a problem, and the sound one is read where it stands.
// A key that was cut out of a copy is no damaged one.
func TestParseMaterialLeftOut(t *testing.T) {
	var got []Problem
	for _, label := range []string{"PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "PUBLIC KEY", "CERTIFICATE"} {
		m := ParseMaterial(Origin{Path: "/p"}, []byte("-----BEGIN "+label+"-----\nbGVmdCBvdXQ=\n-----END "+label+"-----\n"))
		if len(m.Keys)+len(m.Certificates) > 0 || len(m.Problems) != 1 {
			t.Fatalf("%s: %+v", label, m)
		}
		got = append(got, m.Problems[0])
	}
	const detail = "the private key was left out of the copy"
	want := []Problem{{file(1), KindLeftOut, detail}, {file(1), KindLeftOut, detail}, {file(1), KindLeftOut, detail}, {file(1), KindKey, got[3].Detail}, {file(1), KindCertificate, got[4].Detail}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseMaterialDamaged(t *testing.T) {
	sound := certificatePEM(t)
	edit := func(old, new string) string { return strings.Replace(sound, old, new, 1) }
	const begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
	tests := []struct {
		name   string
		text   string
		line   int // of the sound block
		kind   Kind
		detail string
	}{
		{"byte order mark", "\ufeff" + sound, 12, KindBlock, `"CERTIFICATE" block: BEGIN follows a UTF-8 byte order mark instead of starting its line`},
		{"indented BEGIN", "  " + sound, 12, KindBlock, `"CERTIFICATE" block: the BEGIN line is indented`},
		{"tab before BEGIN", "\t" + sound, 12, KindBlock, `"CERTIFICATE" block: the BEGIN line is indented`},
		{"text before BEGIN", "ca: " + sound, 12, KindBlock, `"CERTIFICATE" block: BEGIN is not at the start of its line`},
		{"six dashes before BEGIN", "-" + sound, 12, KindBlock, `"CERTIFICATE" block: 6 dashes stand before BEGIN instead of five`},
		{"four dashes before BEGIN", sound[1:], 12, KindBlock, `"CERTIFICATE" block: 4 dashes stand before BEGIN instead of five`},
		{"dashes of a word processor", strings.ReplaceAll(sound, "-----", "\u2014\u2014-"), 12, KindBlock, `"CERTIFICATE" block: the dashes before BEGIN are no hyphens (U+2014)`},
		{"blanks beside the dashes", strings.ReplaceAll(sound, begin, "----- BEGIN CERTIFICATE -----"), 12, KindBlock, `"CERTIFICATE" block: BEGIN stands between other dashes than five hyphens on each side`},
		{"no END", edit(end+"\n", ""), 11, KindBlock, `"CERTIFICATE" block: no END line`},
		{"indented END", edit(end, "  "+end), 12, KindBlock, `"CERTIFICATE" block: END is not at the start of its line`},
		{"on one line", strings.ReplaceAll(sound, "\n", "") + "\n", 2, KindBlock, `"CERTIFICATE" block: END is not at the start of its line`},
		{"line breaks of old Macs", strings.ReplaceAll(sound, "\n", "\r") + "\n", 2, KindBlock, `"CERTIFICATE" block: END is not at the start of its line`},
		{"line break escaped", edit(begin+"\n", begin+`\n`), 11, KindBlock, `"CERTIFICATE" block: the BEGIN line does not end in five dashes`},
		{"BEGIN of four dashes", edit("CERTIFICATE-----", "CERTIFICATE----"), 12, KindBlock, `"CERTIFICATE" block: the BEGIN line does not end in five dashes`},
		{"BEGIN without dashes", edit("CERTIFICATE-----", "CERTIFICATE"), 12, KindBlock, `"CERTIFICATE" block: the BEGIN line does not end in five dashes`},
		{"END of another", edit(end, "-----END TRUSTED CERTIFICATE-----"), 12, KindBlock, `"CERTIFICATE" block: END closes "TRUSTED CERTIFICATE" block`},
		{"END of no known label", edit(end, "-----END CERTIFICAT-----"), 12, KindBlock, `"CERTIFICATE" block: END closes unknown block`},
		{"END of four dashes", edit(end, "-----END CERTIFICATE----"), 12, KindBlock, `"CERTIFICATE" block: the END line does not end in five dashes`},
		{"END without dashes", edit(end, "-----END CERTIFICATE"), 12, KindBlock, `"CERTIFICATE" block: the END line does not end in five dashes`},
		{"END of six dashes", edit(end, end+"-"), 12, KindBlock, `"CERTIFICATE" block: END is not alone on its line`},
		{"text after END", edit(end, end+" # ca"), 12, KindBlock, `"CERTIFICATE" block: END is not alone on its line`},
		{"not base64", edit("MIIB", "MII*"), 12, KindBlock, `"CERTIFICATE" block: the base64 between BEGIN and END cannot be decoded`},
		{"quoted mail", strings.ReplaceAll(sound, "\nM", "\n> M"), 12, KindBlock, `"CERTIFICATE" block: the base64 between BEGIN and END cannot be decoded`},
		{"headers alone", begin + "\nA: B\n" + end + "\n", 4, KindBlock, `"CERTIFICATE" block: the base64 between BEGIN and END cannot be decoded`},
		{"headers", edit(begin+"\n", begin+"\nComment: web\n\n"), 14, KindBlock, `"CERTIFICATE" block: x509.CertPool passes over a certificate with PEM headers`},
		{"label with a colon", "-----BEGIN A:B-----\n-----END A:B-----\n", 3, KindUnsupported, `unknown block: the base64 between BEGIN and END cannot be decoded`},
		{"cut certificate", begin + "\nMIIB\n" + end + "\n", 4, KindCertificate, "x509: malformed certificate"},
		{"empty certificate", begin + "\n" + end + "\n", 3, KindCertificate, "x509: malformed certificate"},
		{"X509 CERTIFICATE", strings.ReplaceAll(sound, "CERTIFICATE", "X509 CERTIFICATE"), 12, KindUnsupported, `"X509 CERTIFICATE" block: Go and Kubernetes read certificates from "CERTIFICATE" blocks only`},
		{"cut key", "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n", 4, KindKey, `"PUBLIC KEY" block: asn1: syntax error: truncated tag or length`},
		{"crl", "-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n", 4, KindUnsupported, `"X509 CRL" block: a revocation list`},
		{"openssh", "-----BEGIN OPENSSH PRIVATE KEY-----\nMIIB\n-----END OPENSSH PRIVATE KEY-----\n", 4, KindUnsupported, `"OPENSSH PRIVATE KEY" block: a private key of OpenSSH`},
		{"OpenPGP", "-----BEGIN PGP PUBLIC KEY BLOCK-----\nComment: x\n\nmDME\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n", 7, KindUnsupported, `"PGP PUBLIC KEY BLOCK" block: OpenPGP`},
		{"OpenVPN", "-----BEGIN OpenVPN Static key V1-----\n6acef03f62675b4b1bbd03e53b187727:\n-----END OpenVPN Static key V1-----\n", 4, KindUnsupported, `"OpenVPN Static key V1" block: a key of OpenVPN`},
		{"SSH2", "---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----\n", 4, KindUnsupported, `"SSH2 PUBLIC KEY" block: a key of SSH (RFC 4716)`},
		{"Diffie-Hellman", "-----BEGIN DH PARAMETERS-----\nMAYCAQsCAQI=\n-----END DH PARAMETERS-----\n", 4, KindUnsupported, `"DH PARAMETERS" block: Diffie-Hellman parameters`},
		{"long label", "-----BEGIN " + strings.Repeat("L", 65) + "-----\nMIIB\n-----END " + strings.Repeat("L", 65) + "-----\n", 4, KindUnsupported, `"` + strings.Repeat("L", 64) + `…" block: neither a certificate nor a key that is understood`},
		{"label of control characters", "-----BEGIN \x1b\r\xff-----\nMIIB\n-----END \x1b\r\xff-----\n", 4, KindUnsupported, `"\x1b\r\xff" block: neither a certificate nor a key that is understood`},
		{"key of another form", "-----BEGIN EC PRIVATE KEY-----\n" + pemBody(testFile(t, "ed25519.pem")) + "-----END EC PRIVATE KEY-----\n", 4, KindKey, `"EC PRIVATE KEY" block: x509: failed to parse private key (use ParsePKCS8PrivateKey instead for this key format)`},
		{"oversized key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: make([]byte, maxKeyBytes+1)})), 345, KindLimit, `"PRIVATE KEY" block: key of more than 16384 bytes`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := oneCertificate(tt.line)
			want.Problems = []Problem{{file(1), tt.kind, tt.detail}}
			got := summarize(ParseMaterial(Origin{Path: "/p"}, []byte(tt.text+sound)))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func pemBody(block []byte) string {
	_, body, _ := bytes.Cut(block, []byte("\n"))
	body, _, _ = bytes.Cut(body, pemEnd)
	return string(body)
}

func TestParseMaterialSurroundings(t *testing.T) {
	block := certificatePEM(t)
	joined := strings.TrimSuffix(block, "\n")
	tests := []struct {
		name string
		text string
		want summary
	}{
		{"a comment that speaks of blocks", "# -----BEGIN CERTIFICATE----- opens a block\n" + block, oneCertificate(2)},
		{"text around", "ca of the cluster\n\n" + block + "the end", oneCertificate(3)},
		{"CRLF", strings.ReplaceAll(block, "\n", "\r\n"), oneCertificate(1)},
		{"no last line break", joined, oneCertificate(1)},
		{"blanks at the ends of lines", strings.ReplaceAll(block, "\n", " \t\n"), oneCertificate(1)},
		{"two", block + block, summary{Certificates: []certificateRow{{file(1), 0, certificateHash, ecHash}, {file(12), 1, certificateHash, ecHash}}}},
		{"an END too many", "-----END CERTIFICATE-----\n" + block, oneCertificate(2)},
		{"refused ones are not counted", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n" + block, summary{
			Certificates: []certificateRow{{file(3), 0, certificateHash, ecHash}},
			Problems:     []Problem{{file(1), KindCertificate, "x509: malformed certificate"}},
		}},
		{"three joined", joined + joined + joined, oneProblem(1, KindBlock, `"CERTIFICATE" block: END is followed by BEGIN without a line break, and neither block is read`)},
		{"joined without a line break", joined + joined, summary{Problems: []Problem{
			{file(1), KindBlock, `"CERTIFICATE" block: END is followed by BEGIN without a line break, and neither block is read`},
		}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := summarize(ParseMaterial(Origin{Path: "/p"}, []byte(tt.text)))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseMaterialBare(t *testing.T) {
	utf16 := func(bom string, high, low string) string {
		return bom + strings.Join(strings.Split(high+low, ""), "\x00")
	}
	der := string(testFile(t, "certificate.der"))
	key := string(testFile(t, "ec-key.der"))
	two := oneCertificate(0)
	two.Certificates = append(two.Certificates, certificateRow{file(0), 1, certificateHash, ecHash})
	tests := []struct {
		name string
		data string
		want summary
	}{
		{"nothing", "", oneProblem(0, KindEmpty, "holds nothing")},
		{"white space", " \r\n\t\n", oneProblem(0, KindEmpty, "holds nothing")},
		{"text", "hello", oneProblem(0, KindSyntax, "holds neither PEM nor DER")},
		{"text that begins like DER", "0123", oneProblem(0, KindSyntax, "holds neither PEM nor DER")},
		{"a single 0", "0", oneProblem(0, KindSyntax, "holds neither PEM nor DER")},
		{"UTF-16, little endian", utf16("\xff\xfe", "-----BEGIN ", "CERTIFICATE"), oneProblem(0, KindSyntax, "is UTF-16 text; convert to UTF-8")},
		{"UTF-16, big endian", utf16("\xfe\xff\x00", "-----BEGIN ", "CERTIFICATE"), oneProblem(0, KindSyntax, "is UTF-16 text; convert to UTF-8")},
		{"JKS", "\xfe\xed\xfe\xed\x00\x00\x00\x02", oneProblem(0, KindUnsupported, "is a Java key store (JKS)")},
		{"PKCS#12 of Java", "\x30\x80\x02\x01\x03\x30\x80", oneProblem(0, KindUnsupported, "is PKCS#12")},
		{"base64 of PEM", "\n" + base64.StdEncoding.EncodeToString([]byte(certificatePEM(t))), oneProblem(0, KindSyntax, "is base64 of a PEM file; decode it once more")},
		{"OpenSSH", "ssh-ed25519 AAAAC3 jane@example.org\n", oneProblem(0, KindUnsupported, "is a public key of OpenSSH")},
		{"PuTTY", "PuTTY-User-Key-File-3: ssh-ed25519\n", oneProblem(0, KindUnsupported, "is a key of PuTTY")},
		{"JCEKS", "\xce\xce\xce\xce\x00\x00\x00\x02", oneProblem(0, KindUnsupported, "is a Java key store (JCEKS)")},
		{"request in DER", derOf(t, "request.pem"), oneProblem(0, KindUnsupported, "is a certificate request")},
		{"PKCS#7 in DER", derOf(t, "pkcs7.pem"), oneProblem(0, KindUnsupported, "is PKCS#7")},
		{"Ed448 in DER", derOf(t, "ed448.pem"), oneProblem(0, KindUnsupported, "is a key of an algorithm that Go does not know")},
		{"revocation list of version 1", "\x30\x19\x30\x12\x30\x00\x30\x00\x17\x0c261123120000\x30\x00\x03\x01\x00", oneProblem(0, KindUnsupported, "is a revocation list")},
		{"Diffie-Hellman in DER", "\x30\x06\x02\x01\x0b\x02\x01\x00", oneProblem(0, KindUnsupported, "is the parameters of a key, or a key of DSA")},
		{"answer of OCSP", "\x30\x03\x0a\x01\x06", oneProblem(0, KindUnsupported, "is DER that is neither a certificate nor a key")},
		{"two certificates", der + der, two},
		{"cut certificate", der[:len(der)-1], oneProblem(0, KindCertificate, "x509: malformed certificate")},
		{"cut key", key[:len(key)-1], oneProblem(0, KindKey, "DER key that cannot be decoded")},
		{"oversized key", "\x30\x82\x40\x00\x02\x01\x00" + strings.Repeat("\xff", 0x4000-3), oneProblem(0, KindLimit, "DER key of more than 16384 bytes")},
		{"oversized DER", "0" + strings.Repeat("\xff", maxBlockBytes), oneProblem(0, KindLimit, "DER of more than 1048576 bytes")},
		{"header that promises more", "\x30\xff", oneProblem(0, KindCertificate, "x509: malformed certificate")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := summarize(ParseMaterial(Origin{Path: "/p"}, []byte(tt.data)))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// derOf is what the first block of a file of testdata holds.
func derOf(t testing.TB, name string) string {
	block, _ := pem.Decode(testFile(t, name))
	return string(block.Bytes)
}

func TestParseMaterialOfField(t *testing.T) {
	at := Origin{Path: "/etc/kubernetes/admin.conf", Line: 7, Field: "users[0].user.client-key-data"}
	text := "bundle\n" + certificatePEM(t) + string(testFile(t, "ed25519.pem")) + "-----BEGIN X-----\n"
	got := summarize(ParseMaterial(at, []byte(text)))
	want := summary{
		Certificates: []certificateRow{{at, 0, certificateHash, ecHash}},
		Keys:         []Key{{at, true, "Ed25519", ed25519Hash}},
		Problems:     []Problem{{at, KindUnsupported, "unknown block: no END line"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseMaterialLimits(t *testing.T) {
	const parameters = "-----BEGIN EC PARAMETERS-----\n-----END EC PARAMETERS-----\n"
	const begin = "-----BEGIN EC PARAMETERS-----\n"
	long := begin + strings.Repeat("\n", maxBlockBytes)
	tests := []struct {
		name string
		text string
		want summary
	}{
		{"as many blocks as are read", strings.Repeat(parameters, 5000), summary{}},
		{"one more", strings.Repeat(parameters, 5001) + "-----BEGIN X", oneProblem(10001, KindLimit, "more than 5000 PEM blocks; the rest is not read")},
		{"long text between blocks", parameters + strings.Repeat("\n", maxBlockBytes) + parameters, summary{}},
		{"long block", parameters + long + "-----END EC PARAMETERS-----\n-----BEGIN X", oneProblem(3, KindLimit, "PEM block of more than 1048576 bytes; it and the rest are not read")},
		{"longest block", begin + strings.Repeat("\n", maxBlockBytes-len(begin)) + "-----END EC PARAMETERS-----\n", summary{}},
		{"one byte longer", begin + strings.Repeat("\n", maxBlockBytes-len(begin)+1) + "-----END EC PARAMETERS-----\n", oneProblem(1, KindLimit, "PEM block of more than 1048576 bytes; it and the rest are not read")},
		{"long block without END", parameters + long, oneProblem(3, KindLimit, "PEM block of more than 1048576 bytes; it and the rest are not read")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := summarize(ParseMaterial(Origin{Path: "/p"}, []byte(tt.text)))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A key is decoded up to a length, so that none takes too long.
func TestLongestKey(t *testing.T) {
	for length, want := range map[int]Kind{maxKeyBytes: KindKey, maxKeyBytes + 1: KindLimit} {
		data := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: make([]byte, length)})
		if got := ParseMaterial(Origin{Path: "/p"}, data).Problems; len(got) != 1 || got[0].Kind != want {
			t.Errorf("%d bytes: %v, want a problem of the kind %q", length, got, want)
		}
	}
}

func generateECDSA(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestKeyAlgorithm(t *testing.T) {
	ed, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	x, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		pub  any
		want string
	}{
		{&rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 2047), E: 3}, "RSA-2048"},
		{&rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 511), E: 3}, "RSA-512"},
		{generateECDSA(t, elliptic.P224()).Public(), "ECDSA-P224"},
		{generateECDSA(t, elliptic.P256()).Public(), "ECDSA-P256"},
		{generateECDSA(t, elliptic.P384()).Public(), "ECDSA-P384"},
		{generateECDSA(t, elliptic.P521()).Public(), "ECDSA-P521"},
		{ed, "Ed25519"},
		{x.Public(), ""},
		{nil, ""},
	}
	for _, tt := range tests {
		if got := KeyAlgorithm(tt.pub); got != tt.want {
			t.Errorf("KeyAlgorithm(%T) = %q, want %q", tt.pub, got, tt.want)
		}
	}
}

// TestKeyBelongsToCertificate writes each key in every encoding it has and
// expects the hash that its certificate gives.
func TestKeyBelongsToCertificate(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p256, p384 := generateECDSA(t, elliptic.P256()), generateECDSA(t, elliptic.P384())
	sec1 := func(key *ecdsa.PrivateKey) []byte {
		der, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	tests := []struct {
		algorithm string
		key       crypto.Signer
		special   []pem.Block // encodings besides PKCS#8 and PKIX
		private   []bool      // of special
	}{
		{"RSA-2048", rsaKey, []pem.Block{
			{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey)},
			{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey)},
		}, []bool{true, false}},
		{"ECDSA-P256", p256, []pem.Block{{Type: "EC PRIVATE KEY", Bytes: sec1(p256)}}, []bool{true}},
		{"ECDSA-P384", p384, []pem.Block{{Type: "EC PRIVATE KEY", Bytes: sec1(p384)}}, []bool{true}},
		{"Ed25519", edKey, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.algorithm, func(t *testing.T) {
			template := &x509.Certificate{SerialNumber: big.NewInt(1)}
			certificate, err := x509.CreateCertificate(rand.Reader, template, template, tt.key.Public(), tt.key)
			if err != nil {
				t.Fatal(err)
			}
			pkcs8, err := x509.MarshalPKCS8PrivateKey(tt.key)
			if err != nil {
				t.Fatal(err)
			}
			pkix, err := x509.MarshalPKIXPublicKey(tt.key.Public())
			if err != nil {
				t.Fatal(err)
			}
			blocks := append([]pem.Block{{Type: "PRIVATE KEY", Bytes: pkcs8}, {Type: "PUBLIC KEY", Bytes: pkix}}, tt.special...)
			private := append([]bool{true, false}, tt.private...)

			parsed := ParseMaterial(Origin{Path: "/p"}, certificate)
			if len(parsed.Certificates) != 1 {
				t.Fatalf("got %+v, want one certificate", parsed)
			}
			for i, block := range blocks {
				want := Material{Keys: []Key{{Private: private[i], Algorithm: tt.algorithm, PublicKeySHA256: parsed.Certificates[0].PublicKeySHA256()}}}
				// A DER key bears no line, and the same bytes as PEM stand on line 1.
				if diff := cmp.Diff(want, ParseMaterial(Origin{}, block.Bytes)); diff != "" {
					t.Errorf("%s in DER (-want +got):\n%s", block.Type, diff)
				}
				want.Keys[0].Origin.Line = 1
				if diff := cmp.Diff(want, ParseMaterial(Origin{}, pem.EncodeToMemory(&block))); diff != "" {
					t.Errorf("%s in PEM (-want +got):\n%s", block.Type, diff)
				}
			}
		})
	}
}

func TestMaterialJSON(t *testing.T) {
	der := testFile(t, "certificate.der")
	text := certificatePEM(t) + string(testFile(t, "ed25519.pem")) + "-----BEGIN X-----"
	m := ParseMaterial(Origin{Path: "/p", Field: "--ca"}, []byte(text))
	got, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"certificates":[{"origin":{"path":"/p","line":1,"field":"--ca"},"index":0,"sha256":"` + fmt.Sprintf("%x", sha256.Sum256(der)) + `"}],` +
		`"keys":[{"origin":{"path":"/p","line":12,"field":"--ca"},"private":true,"algorithm":"Ed25519","publicKeySHA256":"` + ed25519Hash + `"}],` +
		`"problems":[{"origin":{"path":"/p","line":15,"field":"--ca"},"kind":"unsupported","detail":"unknown block: no END line"}]}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var back Material
	if err := json.Unmarshal(got, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(m, withCertificates(back, m)) {
		t.Errorf("got %+v after the round trip, want %+v", back, m)
	}
}

// withCertificates is what was read of a material, with the certificates themselves put in.
func withCertificates(read, of Material) Material {
	for i := range min(len(read.Certificates), len(of.Certificates)) {
		read.Certificates[i].Certificate = of.Certificates[i].Certificate
	}
	return read
}

// keyFiles are the files of testdata that hold a private key in the clear.
var keyFiles = []string{
	"bag-attributes.pem", "ec-key.der", "ec-with-parameters.pem", "ed25519.pem", "ed448.pem",
	"rsa-1024-pkcs1.pem", "rsa-512-pkcs8.pem", "x25519.pem",
}

// damagedKeys returns the private keys of testdata, whole, and spoiled in each
// way that moves key bytes to where a label, a header or a message may be
// expected.
func damagedKeys(t testing.TB) [][]byte {
	var all [][]byte
	for _, name := range keyFiles {
		data := testFile(t, name)
		all = append(all, data, data[:len(data)/2], []byte(base64.StdEncoding.EncodeToString(data)))
		text := string(data)
		for _, edit := range [][2]string{
			{"\n", ""},
			{"\n", "\r"},
			{"\n", `\n`},
			{"KEY-----\n", "KEY-----"},
			{"KEY-----\n", "KEY"},
			{"KEY-----\n", ""},
			{"BEGIN ", "BEGIN RSA "},
			{"\n-----END", "-----END"},
			{"-----END", "-----END "},
			{"PRIVATE KEY", "CERTIFICATE"},
			{"PRIVATE KEY", "PUBLIC KEY"},
			{"PRIVATE KEY-----\n", "PRIVATE KEY-----\nA: "},
			{"EC PRIVATE", "RSA PRIVATE"},
			{"RSA PRIVATE", "EC PRIVATE"},
			{"-----BEGIN PRIVATE KEY", "-----BEGIN CERTIFICATE"},
			{"\nM", "\n-----BEGIN M"},
			{"\nM", "\n-----END M"},
			{"-----", "----"},
			{"A", "*"},
		} {
			all = append(all, []byte(strings.ReplaceAll(text, edit[0], edit[1])))
		}
	}
	return all
}

// secrets returns each run of 24 characters of the base64 and of the
// hexadecimal of the private keys of testdata.
func secrets(t testing.TB) map[string]bool {
	found := map[string]bool{}
	for _, name := range keyFiles {
		data := testFile(t, name)
		var ders [][]byte
		for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
			if strings.HasSuffix(block.Type, "PRIVATE KEY") {
				ders = append(ders, block.Bytes)
			}
		}
		if len(ders) == 0 { // the file is DER itself
			ders = append(ders, data)
		}
		for _, der := range ders {
			for _, text := range []string{base64.StdEncoding.EncodeToString(der), hex.EncodeToString(der)} {
				for i := range len(text) - 23 {
					found[text[i:i+24]] = true
				}
			}
		}
	}
	return found
}

// checkNoSecret fails if a secret can be read in any form of m. Certificates
// are left out: they hold the public half of a key, and so does its encoding.
func checkNoSecret(t *testing.T, secrets map[string]bool, m Material) {
	t.Helper()
	m.Certificates = nil
	form, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	// Without quotes, spaces and escapes nothing can hide in the middle of a run.
	text := strings.NewReplacer(" ", "", `\`, "", `"`, "").Replace(fmt.Sprintf("%+v %#v %s", m, m, form))
	for i := range len(text) - 23 {
		if secrets[text[i:i+24]] {
			t.Fatalf("a private key shows in %s", text)
		}
	}
}

func TestParseMaterialKeepsSecrets(t *testing.T) {
	secrets := secrets(t)
	for _, data := range damagedKeys(t) {
		checkNoSecret(t, secrets, ParseMaterial(Origin{Path: "/p"}, data))
	}
}

// TestPrivateKeyIsCleared: no decoded key stays behind for the garbage collector.
func TestPrivateKeyIsCleared(t *testing.T) {
	for _, name := range []string{"ed25519.pem", "ed448.pem", "encrypted-pkcs8.pem", "rsa-512-pkcs8.pem", "request.pem"} {
		block, _ := pem.Decode(testFile(t, name))
		new(Material).addBlock(Origin{}, block)
		if want := make([]byte, len(block.Bytes)); !bytes.Equal(block.Bytes, want) {
			t.Errorf("the bytes of %s are still there", name)
		}
	}
}

func FuzzParseMaterial(f *testing.F) {
	files, err := os.ReadDir(filepath.Join("testdata", "material"))
	if err != nil {
		f.Fatal(err)
	}
	seeds := map[string]bool{}
	add := func(data []byte) {
		seeds[string(data)] = true
		f.Add(data)
	}
	for _, file := range files {
		add(testFile(f, file.Name()))
	}
	for _, data := range damagedKeys(f) {
		add(data)
	}
	block := certificatePEM(f)
	add([]byte(block + "text " + block))
	add([]byte(strings.TrimSuffix(block, "\n") + block))
	add([]byte("\ufeff" + strings.ReplaceAll(block, "\n", "\r\n")))
	add([]byte("-----BEGIN A-----\n-----BEGIN -----END \n-----END A-----\n"))
	secrets := secrets(f)
	kinds := []Kind{KindEmpty, KindSyntax, KindBlock, KindCertificate, KindKey, KindEncrypted, KindUnsupported, KindLimit}

	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		m := ParseMaterial(Origin{Path: "/p"}, data)
		if !bytes.Equal(before, data) {
			t.Fatal("the input was changed")
		}
		if len(m.Certificates)+len(m.Keys)+len(m.Problems) == 0 && !bytes.Contains(data, []byte("EC PARAMETERS")) {
			t.Fatal("nothing was found and nothing said")
		}

		lines := bytes.Split(data, []byte("\n"))
		isPEM := len(oddBegins(data)) > 0
		for c := range candidates(data) {
			isPEM = isPEM || !c.isMention()
		}
		checkOrigin := func(at Origin) {
			if !isPEM && at != (Origin{Path: "/p"}) {
				t.Fatalf("origin %+v in an input without a block", at)
			}
			if isPEM && (at != Origin{Path: "/p", Line: at.Line} || at.Line < 1 || at.Line > len(lines) || !bytes.Contains(lines[at.Line-1], []byte("BEGIN "))) {
				t.Fatalf("origin %+v has no BEGIN", at)
			}
		}
		for i, c := range m.Certificates {
			checkOrigin(c.Origin)
			again, err := x509.ParseCertificate(c.Raw)
			if err != nil || c.Index != i || !bytes.Equal(again.Raw, c.Raw) {
				t.Fatalf("certificate %d does not parse again: %v", i, err)
			}
		}
		for _, k := range m.Keys {
			checkOrigin(k.Origin)
			if k.Algorithm == "" || len(k.PublicKeySHA256) != 64 {
				t.Fatalf("incomplete key %+v", k)
			}
		}
		for _, p := range m.Problems {
			checkOrigin(p.Origin)
			if !slices.Contains(kinds, p.Kind) || p.Detail == "" || !utf8.ValidString(p.Detail) || strings.ContainsAny(p.Detail, "\r\n") {
				t.Fatalf("bad problem %+v", p)
			}
		}
		if isPEM {
			checkAgainstPool(t, data, m)
		}
		if seeds[string(data)] {
			checkNoSecret(t, secrets, m)
		}

		form, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		var back Material
		if err := json.Unmarshal(form, &back); err != nil || !reflect.DeepEqual(m, withCertificates(back, m)) {
			t.Fatalf("the JSON round trip gives %+v, %v, want %+v", back, err, m)
		}

		at := Origin{Path: "/p", Line: 3, Field: "f"}
		embedded := ParseMaterial(at, data)
		if diff := cmp.Diff(moved(m, at), moved(embedded, at)); diff != "" {
			t.Fatalf("file and field differ (-file +field):\n%s", diff)
		}
	})
}

// moved returns the summary of m with every origin replaced by at.
func moved(m Material, at Origin) summary {
	s := summarize(m)
	for i := range s.Certificates {
		s.Certificates[i].Origin = at
	}
	for i := range s.Keys {
		s.Keys[i].Origin = at
	}
	for i := range s.Problems {
		s.Problems[i].Origin = at
	}
	return s
}

// checkAgainstPool compares m with what [x509.CertPool.AppendCertsFromPEM] reads
// of data: the same certificates or, beside a problem, more of them.
func checkAgainstPool(t *testing.T, data []byte, m Material) {
	t.Helper()
	var pool, own []string
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" || len(block.Headers) != 0 {
			continue
		}
		if c, err := x509.ParseCertificate(block.Bytes); err == nil {
			pool = append(pool, string(c.Raw))
		}
	}
	for _, c := range m.Certificates {
		own = append(own, string(c.Raw))
	}
	if slices.ContainsFunc(m.Problems, func(p Problem) bool { return p.Kind == KindLimit }) {
		return
	}
	if len(m.Problems) == 0 && !slices.Equal(pool, own) {
		t.Fatalf("no problem, and %d certificates where a pool reads %d", len(own), len(pool))
	}
	rest := own
	for i, c := range pool {
		at := slices.Index(rest, c)
		if at < 0 {
			t.Fatalf("certificate %d of the pool is missing", i)
		}
		rest = rest[at+1:]
	}
}

// BenchmarkParseMaterialHostile: the bytes per second of each input do not fall
// as it grows.
func BenchmarkParseMaterialHostile(b *testing.B) {
	inputs := []struct{ name, head, repeated string }{
		{"begins", "", "-----BEGIN X-----\n"},
		{"begins on one line", "", "-----BEGIN X"},
		{"ends", "-----BEGIN X-----\n", "-----END Y-----\n"},
		{"ends on one line", "-----BEGIN X-----\n", "-----END "},
		{"headers", "-----BEGIN X-----\n", "a:\n"},
		{"text", "-----BEGIN X-----\n-----END X-----\n", "text\n"},
		{"text on one line", "-----BEGIN X-----\n-----END X-----\n", "-----BEGIN"},
		{"sequences", "", "\x30\x84\x00\x00"},
	}
	for _, input := range inputs {
		for _, size := range []int{8 << 10, 32 << 10, 128 << 10, 512 << 10} {
			data := []byte(input.head + strings.Repeat(input.repeated, size/len(input.repeated)))
			b.Run(fmt.Sprintf("%s/%dKiB", input.name, size>>10), func(b *testing.B) {
				b.SetBytes(int64(len(data)))
				for b.Loop() {
					ParseMaterial(Origin{Path: "/p"}, data)
				}
			})
		}
	}
}

// TestParseMaterialCorpus reads the certificate files of a corpus, whose list
// names each by its path in the first column.
func TestParseMaterialCorpus(t *testing.T) {
	root := os.Getenv("CERTAUDIT_CORPUS")
	if root == "" {
		t.Skip("CERTAUDIT_CORPUS is not set")
	}
	list, err := os.ReadFile(filepath.Join(root, "PROVENANCE.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for row := range strings.Lines(string(list)) {
		name, _, _ := strings.Cut(row, "\t")
		if !strings.HasPrefix(name, "certs/") && filepath.Ext(name) != ".crt" && filepath.Ext(name) != ".pem" {
			continue
		}
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Error(err)
			continue
		}
		read++
		m := ParseMaterial(Origin{Path: name}, data)
		if len(m.Certificates)+len(m.Problems) == 0 {
			t.Errorf("%s: neither a certificate nor a problem", name)
		}
		if bytes.Contains(data, pemBegin) {
			checkAgainstPool(t, data, m)
		}
	}
	if read == 0 {
		t.Error("the list names no certificate")
	}
}
