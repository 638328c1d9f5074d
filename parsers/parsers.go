// Package parsers turns the bytes of a node's files into facts: certificates,
// keys, flags, kubeconfigs, pods, unit files.
//
// Every function here is pure: no file system, no clock, no network, no policy.
// None of them fails as a whole: what could be understood is returned, and what
// could not is a [Problem] beside it, so that one bad block costs nothing else.
// Input is hostile. No function panics, recurses without a bound or copies a
// private key into what it returns.
package parsers

// Origin says where a fact stands, for a reader who has to go and look at it.
type Origin struct {
	// Path is the file's path on the node, without any --root in front.
	Path string `json:"path,omitempty"`
	// Line counts from 1; 0 says that the fact belongs to no single line.
	Line int `json:"line,omitempty"`
	// Field is the flag ("--tls-cert-file") or the path of the field
	// ("users[0].user.client-certificate-data") that holds the fact.
	Field string `json:"field,omitempty"`
}

// Text is a scalar together with the place it was read from. The zero Text is
// one that was not there.
type Text struct {
	Value  string `json:"value"`
	Origin Origin `json:"origin,omitzero"`
}

// IsZero reports whether the text was absent, which is not the same as empty:
// an empty value that somebody wrote has an origin.
func (t Text) IsZero() bool { return t == Text{} }

// Kind is the closed list of what can be wrong with input.
type Kind string

// The kinds of problem.
const (
	// KindEmpty: the input holds nothing at all.
	KindEmpty Kind = "empty"
	// KindSyntax: the bytes are not of the format they should be.
	KindSyntax Kind = "syntax"
	// KindBlock: a PEM block, or an entry of a key store, is damaged; the others of
	// the file were read.
	KindBlock Kind = "block"
	// KindCertificate: the encoding is sound and crypto/x509 refuses the certificate.
	KindCertificate Kind = "certificate"
	// KindKey: a key that cannot be decoded, or is of an unknown type.
	KindKey Kind = "key"
	// KindEncrypted: a key that only a passphrase opens.
	KindEncrypted Kind = "encrypted"
	// KindLeftOut: a private key stood there and was cut out of the copy that is read.
	KindLeftOut Kind = "left-out"
	// KindUnsupported: well-formed, and of a sort that is not understood here.
	KindUnsupported Kind = "unsupported"
	// KindLimit: larger, deeper or longer than this program is willing to read.
	KindLimit Kind = "limit"
)

// Problem is something that could not be understood. Detail is lower case,
// one line, and never holds key bytes.
type Problem struct {
	Origin Origin `json:"origin"`
	Kind   Kind   `json:"kind"`
	Detail string `json:"detail"`
}
