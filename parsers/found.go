package parsers

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
)

// Found is what a file or field holds that no component is known to read, or a
// part of it.
type Found struct {
	// Part tells the part from the others: `the entry "web"`, "line 12"; "" where
	// there is only one.
	Part string
	// Trust says that the certificates are those of a list, such as a trust store:
	// none of them need have anything to do with another.
	Trust bool
	// Locked is the kind of key store, [StorePKCS12] or [StoreJKS], that none of the
	// passwords of the [Effort] opens; "" for anything else, and where it has none.
	Locked string
	Material
}

// The kinds of key store.
const (
	StorePKCS12 = "pkcs12"
	StoreJKS    = "jks"
)

// Effort is how much work may still go into passwords, in iterations of a hash:
// a key store itself says how hard its password is worked on. The nil Effort
// allows none.
type Effort struct {
	Iterations int
	// Passwords are tried before those that everybody knows.
	Passwords []string
}

// passwords are those to be tried, and whether somebody gave any.
func (e *Effort) passwords() (all []string, given bool) {
	if e == nil {
		return wellKnownPasswords, false
	}
	return slices.Concat(e.Passwords, wellKnownPasswords), len(e.Passwords) > 0
}

// take spends some iterations, and reports false where there are not enough left.
func (e *Effort) take(iterations int) bool {
	if e == nil || iterations < 0 || iterations > min(e.Iterations, maxStoreIterations) {
		return false
	}
	e.Iterations -= iterations
	return true
}

// maxStoreIterations bounds the iterations for one set of certificates. keytool
// takes 10,000 of them, OpenSSL 2048, browsers up to 600,000.
const maxStoreIterations = 1_000_000

// ParseFound reads what [ParseMaterial] does and, beyond that, what Go and
// Kubernetes do not read: the certificates of key stores that need no password
// or have one that everybody knows, of PKCS#7, of the PEM labels that only
// OpenSSL takes, and of PEM that was encoded in base64 once more. The first
// Found is the file itself, the others are parts of it. Of private keys in key
// stores nothing is looked at. What an at means is as for [ParseMaterial].
func ParseFound(at Origin, data []byte, effort *Effort) []Found {
	if text := bytes.TrimSpace(data); bytes.HasPrefix(text, []byte(base64OfPEM)) {
		if inner, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(text)), "")); err == nil {
			defer clear(inner)
			return foundInBase64(at, inner)
		}
	}
	switch {
	case isJKS(data), bytes.HasPrefix(data, []byte(jceksMagic)):
		return foundInJKS(at, data, effort)
	case isPKCS12(data):
		return foundInPKCS12(at, data, effort)
	}
	file := Found{Material: ParseMaterial(at, data).withoutListProblems()}
	if len(file.Problems) == 0 {
		return []Found{file} // what Go does not read is one
	}
	parts := foreignParts(at, data)
	for i := range file.Problems {
		if p := &file.Problems[i]; slices.ContainsFunc(parts, func(f Found) bool { return f.Certificates[0].Origin == p.Origin }) && p.Kind == KindUnsupported {
			p.Detail += "; its certificates were judged"
		}
	}
	return append([]Found{file}, parts...)
}

// foundInBase64 reads PEM that stood in base64. Its lines are not those of the file.
func foundInBase64(at Origin, inner []byte) []Found {
	m := ParseMaterial(at.on(1), inner)
	m.problem(at, KindUnsupported, "is base64 of a PEM file: it was decoded once more, and judged")
	return []Found{{Material: m}}
}

// foreignParts are the certificates in PEM blocks and DER that Go does not read.
func foreignParts(at Origin, data []byte) []Found {
	var parts []Found
	add := func(part string, here Origin, certificates []*x509.Certificate) {
		parts = append(parts, certificateParts(part, here, certificates)...)
	}
	blocks := 0
	for c := range candidates(data) {
		if blocks++; blocks > maxBlocks || c.size() > maxBlockBytes {
			return parts
		}
		if label := c.label(); !slices.Contains(foreignCertificates, label) && !isPKCS7(label) {
			continue
		}
		block := c.decode()
		if block == nil {
			continue
		}
		here, line := at.on(c.line), fmt.Sprintf("line %d", c.line)
		switch {
		case slices.Contains(foreignCertificates, block.Type):
			// What OpenSSL says of its trust stands behind the certificate.
			var first asn1.RawValue
			if _, err := asn1.Unmarshal(block.Bytes, &first); err == nil {
				if certificate, err := x509.ParseCertificate(first.FullBytes); err == nil {
					add(line, here, []*x509.Certificate{certificate})
				}
			}
		case isPKCS7(block.Type):
			add(line, here, signedDataCertificates(block.Bytes))
		}
	}
	if blocks == 0 && len(data) <= maxBlockBytes {
		add("", at, signedDataCertificates(data))
	}
	return parts
}

// isPKCS7 reports whether blocks of a label hold PKCS#7, or CMS as it is called today.
func isPKCS7(label string) bool {
	return strings.HasPrefix(foreignWhat(label), "PKCS#7") || label == "CMS"
}

// certificateParts makes each leaf a part, since nothing says which certificates
// make a chain, and all CAs one.
func certificateParts(name string, at Origin, certificates []*x509.Certificate) []Found {
	var parts []Found
	authorities := Found{Part: strings.TrimSpace(name + " (CAs)"), Trust: true}
	leaves := 0
	for _, c := range certificates {
		if c.IsCA {
			authorities.addCertificate(at, c)
			continue
		}
		leaves++
		part := Found{Part: strings.TrimSpace(fmt.Sprintf("%s (certificate %d)", name, leaves))}
		part.addCertificate(at, c)
		parts = append(parts, part)
	}
	if len(authorities.Certificates) > 0 {
		parts = append(parts, authorities)
	}
	return parts
}

// signedDataCertificates returns the certificates of a PKCS#7 file in DER; those
// that crypto/x509 refuses are left out.
//
// Source: RFC 5652, sections 3 and 5.1.
func signedDataCertificates(der []byte) []*x509.Certificate {
	var outer struct {
		Type    asn1.ObjectIdentifier
		Content struct {
			Version      int
			Digests      asn1.RawValue
			Encapsulated asn1.RawValue
			Certificates asn1.RawValue   `asn1:"optional,tag:0"`
			Rest         []asn1.RawValue `asn1:"optional,omitempty"`
		} `asn1:"explicit,tag:0"`
	}
	if !bytes.HasPrefix(derContents(der), oidSignedData) {
		return nil
	}
	_, _ = asn1.Unmarshal(der, &outer) // what was read before an error counts
	var out []*x509.Certificate
	for rest := outer.Content.Certificates.Bytes; len(rest) > 0; {
		var one asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &one); err != nil {
			break
		}
		if certificate, err := x509.ParseCertificate(bytes.Clone(one.FullBytes)); err == nil {
			out = append(out, certificate)
		}
	}
	return out
}

// foundInJKS reads the certificates of a Java key store: only its keys are
// encrypted. The passwords are good for its digest alone.
func foundInJKS(at Origin, data []byte, effort *Effort) []Found {
	file := Found{}
	parts := []Found{}
	trusted := Found{Part: "trusted certificates", Trust: true}
	whole := walkJKS(data, func(alias string, key bool, chain [][]byte) {
		into := &trusted
		if key {
			parts = append(parts, Found{Part: fmt.Sprintf("the entry %q", Clip(alias, maxShown))})
			into = &parts[len(parts)-1]
		}
		for _, der := range chain {
			if certificate, err := x509.ParseCertificate(bytes.Clone(der)); err == nil {
				into.addCertificate(at, certificate)
			} else {
				into.problem(at, KindCertificate, "%v", err)
			}
		}
	})
	if len(trusted.Certificates)+len(trusted.Problems) > 0 {
		parts = append(parts, trusted)
	}
	what := foreignBeginning(data)
	passwords, given := effort.passwords()
	switch {
	case whole && given && !slices.ContainsFunc(passwords, func(p string) bool { return opensJKS(data, p) }):
		file.Locked = StoreJKS
		file.problem(at, KindEncrypted, "is %s: none of the passwords that were given is its own, so that nobody knows whether it was changed; its certificates were judged", what)
	case whole:
		file.problem(at, KindUnsupported, "is %s: its certificates were judged, its keys were not, for these need a password", what)
	case bytes.HasPrefix(data, []byte(jceksMagic)):
		file.problem(at, KindUnsupported, "is %s: its certificates were judged up to an entry that is none", what)
	default:
		file.problem(at, KindBlock, "is a damaged Java key store: its lengths lead past its end")
	}
	return append([]Found{file}, parts...)
}

// wellKnownPasswords are tried on key stores: the empty one, and the one that
// keytool's documentation and Java's own trust store have.
var wellKnownPasswords = []string{"", "changeit"}

// foundInPKCS12 reads the certificates of PKCS#12 that a well-known password opens.
func foundInPKCS12(at Origin, data []byte, effort *Effort) []Found {
	file := Found{}
	passwords, given := effort.passwords()
	for _, password := range passwords {
		certificates, err := pkcs12Certificates(data, password, effort)
		switch {
		case err == nil:
			file.problem(at, KindUnsupported, "is PKCS#12 that %s opens: its certificates were judged, its key was not", whose(password))
			return append([]Found{file}, certificateParts("", at, certificates)...)
		case err == errEffort:
			file.problem(at, KindUnsupported, "is PKCS#12 that wants more work than is spent on it here; certaudit inspect opens it with its password")
			return []Found{file}
		case err != errPassword:
			file.problem(at, KindUnsupported, "is PKCS#12 of a form that is not understood: %v", err)
			return []Found{file}
		}
	}
	if given {
		file.Locked = StorePKCS12
		file.problem(at, KindEncrypted, "is PKCS#12 that none of the passwords which were given opens")
		return []Found{file}
	}
	file.problem(at, KindUnsupported, "is PKCS#12 that needs a password; certaudit inspect asks for it")
	return []Found{file}
}

func whose(password string) string {
	if slices.Contains(wellKnownPasswords, password) {
		return "a well-known password"
	}
	return "a password that was given"
}

// ParseText reads the PEM in a text that is not itself PEM: a configuration, a
// script, a page of documentation. A block may be indented, stand behind the
// marks of a comment, or on one line with its line breaks escaped, as in JSON:
// whoever reads the text takes that away before anything reads the block.
// Blocks that only white space divides make one Found, since they may be a
// chain. What cannot be read all the same is a problem of [KindUnsupported]: the
// text may be an example.
func ParseText(at Origin, data []byte) []Found {
	var out []Found
	var run []byte
	part, blocks, joined := "", 0, false
	flush := func() {
		if len(run) > 0 {
			out = append(out, Found{Part: part, Material: ParseMaterial(at.on(1), run)})
			clear(run)
		}
		run = nil
	}
	for c := range candidates(data) {
		if blocks++; blocks > maxBlocks || c.size() > maxBlockBytes {
			flush()
			return append(out, unreadText(at, c, KindLimit, "the PEM blocks from here on are not read: there are too many, or they are too long"))
		}
		block := c.restored()
		if block == nil {
			flush()
			if !c.isMention() {
				out = append(out, unreadText(at, c, KindUnsupported, c.damage()+"; the text may be an example"))
			}
			joined = false
			continue
		}
		if !joined || len(run) == 0 {
			flush()
			part = fmt.Sprintf("line %d", c.line)
		}
		run = append(run, pem.EncodeToMemory(block)...)
		clear(block.Bytes)
		joined = c.endsInSpace()
	}
	flush()
	for i := range out {
		for j, p := range out[i].Problems {
			if p.Kind != KindLimit {
				out[i].Problems[j].Kind = KindUnsupported
			}
		}
	}
	return out
}

func unreadText(at Origin, c candidate, kind Kind, detail string) Found {
	f := Found{Part: fmt.Sprintf("line %d", c.line)}
	f.problem(at.on(c.line), kind, "%s", detail)
	return f
}

// escapedBreaks are how JSON, and shells, write the line breaks of a text on one line.
var escapedBreaks = strings.NewReplacer(`\r`, "\n", `\n`, "\n", "\r", "\n")

// restored decodes a block after what may stand around each of its lines was
// taken away; nil where that gives none. A block with headers is left as it is.
func (c candidate) restored() *pem.Block {
	if block := c.decode(); block != nil {
		return block
	}
	end := bytes.Index(c.text, pemEnd)
	label := c.label()
	opening := len(pemBegin) + len(label) + len(pemDashes)
	if end < opening || !bytes.HasPrefix(c.text[end+len(pemEnd):], []byte(label+"-----")) || !slices.Contains(claimed, label) {
		return nil
	}
	prefix := strings.TrimSpace(string(c.before))
	var body strings.Builder
	for line := range strings.SplitSeq(escapedBreaks.Replace(string(c.text[opening:end])), "\n") {
		line = strings.TrimPrefix(strings.TrimSpace(line), prefix)
		body.WriteString(strings.Join(strings.Fields(strings.Trim(line, " \t\"',\\#>|*")), ""))
	}
	der, err := base64.StdEncoding.DecodeString(body.String())
	if err != nil || len(der) == 0 {
		clear(der)
		return nil
	}
	return &pem.Block{Type: label, Bytes: der}
}

// endsInSpace reports whether nothing but white space stands between the block
// and the next one.
func (c candidate) endsInSpace() bool {
	_, rest, _ := bytes.Cut(c.text, pemEnd)
	_, rest, _ = bytes.Cut(rest, pemDashes)
	rest = bytes.TrimSuffix(rest, pemBegin)
	return strings.TrimSpace(escapedBreaks.Replace(string(rest))) == ""
}
