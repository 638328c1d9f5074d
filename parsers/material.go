package parsers

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// maxBlocks is how many PEM blocks of one input are read: the largest
	// bundles of public roots hold a few hundred.
	maxBlocks = 5000
	// maxBlockBytes is the longest PEM block, and the longest DER file, that is read.
	maxBlockBytes = 1 << 20
	// maxKeyBytes is the longest DER of a key that is decoded. The checks of an
	// RSA key take time quadratic in its length, and 9262 bytes hold 16384 bits.
	maxKeyBytes = 16 << 10
)

// Material is what a file or field holds of certificates and keys, each list in
// the order of the input.
type Material struct {
	Certificates []Certificate `json:"certificates,omitempty"`
	Keys         []Key         `json:"keys,omitempty"`
	Problems     []Problem     `json:"problems,omitempty"`
	// RevocationLists are those of certificates; each that nobody asked for is a problem
	// as well.
	RevocationLists []RevocationList `json:"revocationLists,omitempty"`
}

// Certificate is a certificate that crypto/x509 accepts, and where it stands.
// The embedded pointer is never nil in what [ParseMaterial] returns.
type Certificate struct {
	Origin Origin `json:"origin"`
	// Index counts the certificates of the input from 0.
	Index             int `json:"index"`
	*x509.Certificate `json:"-"`
	// Sum is what SHA256 returns, which every check asks for; "" if it was not computed yet.
	Sum string `json:"sha256"`
}

// NewCertificate returns a certificate with the place it stands at and its index
// there, from 0. c is changed, as by [ShareIDs].
func NewCertificate(at Origin, index int, c *x509.Certificate) Certificate {
	ShareIDs(c)
	return CertificateOf(at, index, c, Fingerprint(c))
}

// ShareIDs makes the identifiers of extensions and of attributes of names one in memory for
// all certificates: they are a tenth of what crypto/x509 keeps of one. c is changed, and
// is not to be in use yet.
func ShareIDs(c *x509.Certificate) {
	for i := range c.Extensions {
		c.Extensions[i].Id = sharedID(c.Extensions[i].Id)
	}
	for _, names := range [][]pkix.AttributeTypeAndValue{c.Subject.Names, c.Issuer.Names} {
		for i := range names {
			names[i].Type = sharedID(names[i].Type)
		}
	}
}

// The arcs of attributes and of extensions (RFC 5280, appendix A).
const (
	arcAttribute = 4
	arcExtension = 29
)

// sharedIDs are the first identifiers of each arc.
var sharedIDs = func() map[int][]asn1.ObjectIdentifier {
	out := map[int][]asn1.ObjectIdentifier{}
	for _, arc := range []int{arcAttribute, arcExtension} {
		for n := range 64 {
			out[arc] = append(out[arc], asn1.ObjectIdentifier{2, 5, arc, n})
		}
	}
	return out
}()

// sharedID is the one identifier in memory that is equal to a given one, if there is one.
func sharedID(id asn1.ObjectIdentifier) asn1.ObjectIdentifier {
	if len(id) == 4 && id[0] == 2 && id[1] == 5 && id[3] >= 0 {
		if known := sharedIDs[id[2]]; id[3] < len(known) {
			return known[id[3]]
		}
	}
	return id
}

// CertificateOf is [NewCertificate] for a certificate whose fingerprint is known.
func CertificateOf(at Origin, index int, c *x509.Certificate, sum string) Certificate {
	return Certificate{Origin: at, Index: index, Certificate: c, Sum: sum}
}

// MarshalJSON gives the origin, the index and the fingerprint: the certificate itself is
// kept beside, once for all places in which it stands. In what is decoded the embedded
// pointer is nil: whoever knows the certificate of that SHA256 has to put it in.
func (c Certificate) MarshalJSON() ([]byte, error) {
	type plain Certificate
	c.Sum = c.SHA256()
	return json.Marshal(plain(c))
}

// SHA256 returns the fingerprint of the certificate: the SHA-256 of its DER in
// lower-case hexadecimal.
func (c Certificate) SHA256() string {
	if c.Sum == "" && c.Certificate != nil {
		return Fingerprint(c.Certificate)
	}
	return c.Sum
}

// PublicKeySHA256 returns the SHA-256 of the certificate's SubjectPublicKeyInfo
// (RFC 5280, section 4.1.2.7) in lower-case hexadecimal. It equals the
// PublicKeySHA256 of the [Key] that belongs to the certificate.
func (c Certificate) PublicKeySHA256() string { return PublicKeySum(c.RawSubjectPublicKeyInfo) }

// Key says that there is a key and which one. It holds the key's public half
// as a hash only, and nothing of the private half.
type Key struct {
	Origin  Origin `json:"origin"`
	Private bool   `json:"private"`
	// Algorithm is as of [KeyAlgorithm].
	Algorithm string `json:"algorithm"`
	// PublicKeySHA256 is the SHA-256 of the public key as a
	// SubjectPublicKeyInfo, in lower-case hexadecimal.
	PublicKeySHA256 string `json:"publicKeySHA256"`
}

// KeyAlgorithm names the algorithm and size of a public key as crypto/x509
// returns it: "RSA-2048", "ECDSA-P256", "Ed25519". It returns "" for a key of
// any other type, and for nil.
func KeyAlgorithm(pub any) string {
	switch pub := pub.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA-%d", pub.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA-" + strings.ReplaceAll(pub.Curve.Params().Name, "-", "")
	case ed25519.PublicKey:
		return "Ed25519"
	default:
		return ""
	}
}

// ParseMaterial reads the certificates and keys of data: PEM blocks with any
// text around them or, where there is no block, DER. What Go and Kubernetes
// would silently pass over becomes a Problem.
//
// An at without a line is a file: whatever stands in a PEM block has the line
// of its BEGIN for its origin. An at with a line is the field that holds all of
// data, and is the origin of everything in it. Data is not changed.
func ParseMaterial(at Origin, data []byte) Material {
	var m Material
	blocks, mentions := 0, 0
	joined := false // the block before ends where this one begins
	for c := range candidates(data) {
		here := at.on(c.line)
		if blocks++; blocks > maxBlocks {
			m.problem(here, KindLimit, "more than %d PEM blocks; the rest is not read", maxBlocks)
			break
		}
		if c.size() > maxBlockBytes {
			m.problem(here, KindLimit, "PEM block of more than %d bytes; it and the rest are not read", maxBlockBytes)
			break
		}
		block := c.decode()
		switch {
		case block != nil:
			m.addBlock(here, block)
		case c.isMention():
			mentions++
		case joined && bytes.HasSuffix(c.before, pemDashes):
			// What is said of the one before is said of both.
		case slices.Contains(claimed, c.label()):
			m.problem(here, KindBlock, "%s", c.damage())
		default:
			m.problem(here, KindUnsupported, "%s", c.damage())
		}
		joined = block == nil && bytes.Contains(c.text, pemEnd)
	}
	odd := oddBegins(data)
	for _, b := range odd {
		if slices.Contains(claimed, b.label) {
			m.problem(at.on(b.line), KindBlock, "%q block: %s", b.label, b.detail)
		} else {
			m.problem(at.on(b.line), KindUnsupported, "%q block: %s", b.label, foreignWhat(b.label))
		}
	}
	switch {
	case len(odd) > 0 && at.Line == 0:
		slices.SortStableFunc(m.Problems, func(a, b Problem) int { return cmp.Compare(a.Origin.Line, b.Origin.Line) })
	case blocks == mentions && len(odd) == 0:
		m.addBare(at, data)
	}
	return m
}

// on is the origin of something on a line of the file, or of the field, that at is.
func (at Origin) on(line int) Origin {
	if at.Line == 0 {
		at.Line = line
	}
	return at
}

func (m *Material) problem(at Origin, kind Kind, format string, args ...any) {
	m.Problems = append(m.Problems, Problem{at, kind, fmt.Sprintf(format, args...)})
}

// The marks of RFC 7468, section 2.
var (
	pemBegin  = []byte("-----BEGIN ")
	pemEnd    = []byte("-----END ")
	pemDashes = []byte("-----")
)

// candidate is what may be a PEM block.
type candidate struct {
	// line is the line of BEGIN, from 1.
	line int
	// before is what stands in front of BEGIN on its line.
	before []byte
	// text is BEGIN and all that follows up to the next BEGIN. If that one is
	// not at the start of its line, its mark belongs to the text: it spoils the
	// END line when two files were joined without a line break.
	text []byte
}

// candidates returns every BEGIN of data with the text that follows it. All of
// them together take time linear in the length of data.
func candidates(data []byte) iter.Seq[candidate] {
	return func(yield func(candidate) bool) {
		line, seen := 1, 0
		begin := bytes.Index(data, pemBegin)
		for begin >= 0 {
			passed := data[seen:begin]
			line += bytes.Count(passed, []byte("\n"))
			c := candidate{line: line, before: passed[bytes.LastIndexByte(passed, '\n')+1:], text: data[begin:]}
			next := bytes.Index(data[begin+len(pemBegin):], pemBegin)
			if next >= 0 {
				next += begin + len(pemBegin)
				end := next
				if data[next-1] != '\n' {
					end += len(pemBegin)
				}
				c.text = data[begin:end]
			}
			if !yield(c) {
				return
			}
			begin, seen = next, begin
		}
	}
}

// size is the length up to END, or of all the text where there is none.
func (c candidate) size() int {
	if end := bytes.Index(c.text, pemEnd); end >= 0 {
		return end
	}
	return len(c.text)
}

// decode returns the block as encoding/pem, and with it Go and Kubernetes, reads
// it: nil if they pass over it.
func (c candidate) decode() *pem.Block {
	if len(c.before) > 0 {
		return nil
	}
	block, _ := pem.Decode(c.text)
	return block
}

// damage says why decode returns nil. It repeats nothing of the input but known
// labels, since a damaged line may well hold a part of a key.
func (c candidate) damage() string {
	opening := firstLine(c.text[len(pemBegin):])
	label := c.label()
	_, rest, closed := bytes.Cut(c.text, pemEnd)
	endLabel, afterEnd, endDashed := bytes.Cut(firstLine(rest), pemDashes)

	why := "the base64 between BEGIN and END cannot be decoded"
	switch {
	case string(c.before) == "\ufeff":
		why = "BEGIN follows a UTF-8 byte order mark instead of starting its line"
	case len(c.before) > 0 && len(bytes.TrimSpace(c.before)) == 0:
		why = "the BEGIN line is indented"
	case len(c.before) > 0 && len(bytes.Trim(c.before, "-")) == 0:
		why = fmt.Sprintf("%d dashes stand before BEGIN instead of five", len(c.before)+len(pemDashes))
	case len(c.before) > 0:
		why = "BEGIN is not at the start of its line"
	case !closed:
		why = "no END line"
	case !bytes.Contains(c.text, []byte("\n-----END ")):
		why = "END is not at the start of its line"
	case !bytes.HasSuffix(opening, pemDashes):
		why = "the BEGIN line does not end in five dashes"
	case label != string(bytes.TrimRight(endLabel, "-")):
		why = "END closes " + describe(string(endLabel))
	case !endDashed:
		why = "the END line does not end in five dashes"
	case bytes.HasPrefix(afterEnd, pemBegin[:len(pemBegin)-1]):
		why = "END is followed by BEGIN without a line break, and neither block is read"
	case len(afterEnd) > 0:
		why = "END is not alone on its line"
	}
	if what := foreignWhat(label); what != "" && !slices.Contains(requestLabels, label) {
		why = what // whether it is damaged, only those know who read it
	}
	return describe(label) + ": " + why
}

// label is what the block says that it is, without the dashes behind it, however
// many these are.
func (c candidate) label() string {
	label, _, _ := bytes.Cut(firstLine(c.text[len(pemBegin):]), []byte("--"))
	return string(bytes.TrimRight(label, " -"))
}

// isMention reports whether a text only speaks of BEGIN, as a comment in front
// of a block may: it stands amid a line, and no END belongs to it.
func (c candidate) isMention() bool {
	return len(bytes.TrimSpace(c.before)) > 0 && string(c.before) != "\ufeff" && !bytes.Contains(c.text, pemEnd)
}

// firstLine returns the first line of text without the blanks at its end.
func firstLine(text []byte) []byte {
	first, _, _ := bytes.Cut(text, []byte("\n"))
	return bytes.TrimRight(first, " \t\r")
}

// describe names a block of a known label, and keeps silent about any other.
func describe(label string) string {
	if slices.Contains(claimed, label) || label == labelECParameters || foreignWhat(label) != "" && len(label) <= maxShown {
		return fmt.Sprintf("%q block", label)
	}
	return "unknown block"
}

// keyForm is an encoding of keys.
type keyForm struct {
	label   string
	private bool
	// public decodes a key and returns its public half.
	public func(der []byte) (any, error)
}

// keyForms are the encodings of keys that are understood. A DER file does not
// say which one it is of: they are tried in this order.
var keyForms = []keyForm{
	{"PRIVATE KEY", true, publicHalf(x509.ParsePKCS8PrivateKey)},
	{"RSA PRIVATE KEY", true, publicHalf(x509.ParsePKCS1PrivateKey)},
	{"EC PRIVATE KEY", true, publicHalf(x509.ParseECPrivateKey)},
	{"PUBLIC KEY", false, publicHalf(x509.ParsePKIXPublicKey)},
	{"RSA PUBLIC KEY", false, publicHalf(x509.ParsePKCS1PublicKey)},
}

// publicHalf makes parse return the public half of a private key, and a public
// key as it is.
func publicHalf[K any](parse func([]byte) (K, error)) func([]byte) (any, error) {
	return func(der []byte) (any, error) {
		key, err := parse(der)
		if err != nil {
			return nil, err
		}
		if private, ok := any(key).(interface{ Public() crypto.PublicKey }); ok {
			return private.Public(), nil
		}
		return key, nil
	}
}

const (
	labelCertificate  = "CERTIFICATE"
	labelECParameters = "EC PARAMETERS"
	labelEncryptedKey = "ENCRYPTED PRIVATE KEY"
)

// leftOut is what a block of PEM holds in place of a private key, in a copy of a node out
// of which keys were cut.
const leftOut = "left out"

// foreignCertificates are the labels under which OpenSSL reads certificates too
// (PEM_read_bio_X509_AUX(3)), and crypto/x509 does not.
var foreignCertificates = []string{"TRUSTED CERTIFICATE", "X509 CERTIFICATE"}

func labelsOf(forms []keyForm) []string {
	var labels []string
	for _, form := range forms {
		labels = append(labels, form.label)
	}
	return labels
}

// addBlock adds what a sound PEM block holds.
func (m *Material) addBlock(at Origin, block *pem.Block) {
	if block.Type == labelCertificate {
		m.addCertificateBlock(at, block)
		return
	}
	defer clear(block.Bytes)
	i := slices.IndexFunc(keyForms, func(f keyForm) bool { return f.label == block.Type })
	switch {
	case block.Type == labelECParameters:
		// OpenSSL writes the curve in front of the key, which names it again.
	case block.Type == labelEncryptedKey,
		i >= 0 && strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"): // RFC 1421, section 4.6.1.1
		m.problem(at, KindEncrypted, "%q block: only a passphrase opens it", block.Type)
	case i >= 0 && keyForms[i].private && string(block.Bytes) == leftOut:
		m.problem(at, KindLeftOut, "the private key was left out of the copy")
	case i >= 0:
		m.addKeyBlock(at, keyForms[i], block.Bytes)
	case slices.Contains(foreignCertificates, block.Type):
		m.problem(at, KindUnsupported, "%q block: Go and Kubernetes read certificates from %q blocks only", block.Type, labelCertificate)
	default:
		if block.Type == labelRevocationList {
			m.addRevocationList(at, block.Bytes)
		}
		what := cmp.Or(foreignWhat(block.Type), "neither a certificate nor a key that is understood")
		m.problem(at, KindUnsupported, "%q block: %s", Clip(block.Type, maxShown), what)
	}
}

func (m *Material) addCertificateBlock(at Origin, block *pem.Block) {
	if len(block.Headers) > 0 {
		m.problem(at, KindBlock, "%q block: x509.CertPool passes over a certificate with PEM headers", labelCertificate)
		return
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		m.problem(at, KindCertificate, "%v", err)
		return
	}
	m.addCertificate(at, certificate)
}

func (m *Material) addCertificate(at Origin, certificate *x509.Certificate) {
	m.Certificates = append(m.Certificates, NewCertificate(at, len(m.Certificates), certificate))
}

func (m *Material) addKeyBlock(at Origin, form keyForm, der []byte) {
	if len(der) > maxKeyBytes {
		m.problem(at, KindLimit, "%q block: key of more than %d bytes", form.label, maxKeyBytes)
		return
	}
	pub, err := form.public(der)
	switch {
	case err != nil && unknownAlgorithm(err):
		m.problem(at, KindUnsupported, "%q block: %v", form.label, err)
		return
	case err != nil:
		m.problem(at, KindKey, "%q block: %v", form.label, err)
		return
	}
	m.addKey(at, form.private, pub)
}

// addKey adds the key of which pub is the public half.
func (m *Material) addKey(at Origin, private bool, pub any) {
	algorithm := KeyAlgorithm(pub)
	der, err := x509.MarshalPKIXPublicKey(pub)
	if algorithm == "" || err != nil {
		m.problem(at, KindUnsupported, "key of type %T, which is none of RSA, ECDSA and Ed25519", pub)
		return
	}
	m.Keys = append(m.Keys, Key{at, private, algorithm, PublicKeySum(der)})
}

// signatures are the beginnings of files that should be PEM, with what is said of
// them.
var signatures = []struct{ magic, detail string }{
	{"\xff\xfe", "is UTF-16 text; convert to UTF-8"},
	{"\xfe\xff", "is UTF-16 text; convert to UTF-8"},
	{base64OfPEM, "is base64 of a PEM file; decode it once more"},
}

// base64OfPEM is how the base64 of a PEM file begins.
const base64OfPEM = "LS0tLS1CRUdJTi"

// addBare adds what an input without any PEM block holds.
func (m *Material) addBare(at Origin, data []byte) {
	text := bytes.TrimSpace(data)
	if len(text) == 0 {
		m.problem(at, KindEmpty, "holds nothing")
		return
	}
	for _, s := range signatures {
		if bytes.HasPrefix(text, []byte(s.magic)) {
			m.problem(at, KindSyntax, "%s", s.detail)
			return
		}
	}
	if what := foreignBeginning(text); what != "" {
		m.problem(at, KindUnsupported, "is %s", what)
		return
	}
	switch {
	case !IsDER(data):
		m.problem(at, KindSyntax, "holds neither PEM nor DER")
	case len(data) > maxBlockBytes:
		m.problem(at, KindLimit, "DER of more than %d bytes", maxBlockBytes)
	default:
		m.addDER(at, data)
	}
}

// IsDER reports whether data begins as certificates, requests and keys do in DER:
// with a sequence.
func IsDER(data []byte) bool { return len(data) > 0 && data[0] == 0x30 }

// IsPEM reports whether there is what may be a PEM block in data that is not DER or a key
// store.
func IsPEM(data []byte) bool {
	return bytes.Contains(data, pemBegin) && !IsDER(data) && !isJKS(data) && !bytes.HasPrefix(data, []byte(jceksMagic))
}

// addDER adds the certificates or the key of a DER file. What is neither is
// judged by its first element: a number opens the private keys and PKCS#12
// (RFC 7292, section 4), a sequence the certificates.
func (m *Material) addDER(at Origin, der []byte) {
	// A certificate shares its bytes with what it was parsed from, which the
	// caller may clear.
	certificates, err := x509.ParseCertificates(bytes.Clone(der))
	for _, certificate := range certificates {
		m.addCertificate(at, certificate)
	}
	if err == nil {
		return
	}
	if len(der) <= maxKeyBytes {
		for _, form := range keyForms {
			if pub, err := form.public(der); err == nil {
				m.addKey(at, form.private, pub)
				return
			}
		}
	}
	m.addRevocationList(at, der)
	first, what := derContents(der), foreignDER(der)
	switch {
	case isEncryptedKey(der):
		m.problem(at, KindEncrypted, "DER key that only a passphrase opens")
	case what != "":
		m.problem(at, KindUnsupported, "is %s", what)
	case utf8.Valid(der): // text that begins with "0"
		m.problem(at, KindSyntax, "holds neither PEM nor DER")
	case bytes.HasPrefix(first, []byte{asn1.TagInteger}) && len(der) > maxKeyBytes:
		m.problem(at, KindLimit, "DER key of more than %d bytes", maxKeyBytes)
	case bytes.HasPrefix(first, []byte{asn1.TagInteger}):
		m.problem(at, KindKey, "DER key that cannot be decoded")
	default:
		m.problem(at, KindCertificate, "%v", err)
	}
}

// derContents returns what follows the tag and length of der. The length is not
// looked at: Java writes PKCS#12 in BER without one.
func derContents(der []byte) []byte {
	header := 2
	if len(der) > 1 && der[1] >= 0x80 {
		header += int(der[1] & 0x7f)
	}
	return der[min(header, len(der)):]
}

// isEncryptedKey reports whether der is an EncryptedPrivateKeyInfo (RFC 5958, section 3).
func isEncryptedKey(der []byte) bool {
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}
	rest, err := asn1.Unmarshal(der, &info)
	return err == nil && len(rest) == 0
}

// Fingerprint returns what [Certificate.SHA256] does, for a certificate that
// stands nowhere.
func Fingerprint(c *x509.Certificate) string { return sha256Hex(c.Raw) }

// PublicKeySum is the SHA-256 of a SubjectPublicKeyInfo in DER, lower-case
// hexadecimal, as [Key.PublicKeySHA256] has it.
func PublicKeySum(der []byte) string { return sha256Hex(der) }

func sha256Hex(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}
