package logs

import "time"

// Kind says what failed.
type Kind string

// The kinds of event; [Kinds] explains them.
const (
	KindUnknownAuthority       Kind = "unknown-authority"
	KindExpired                Kind = "expired"
	KindNotYetValid            Kind = "not-yet-valid"
	KindNameMismatch           Kind = "name-mismatch"
	KindNoNames                Kind = "no-names"
	KindKeyUsage               Kind = "key-usage"
	KindNotACA                 Kind = "not-a-ca"
	KindChainInvalid           Kind = "chain-invalid"
	KindWeakSignature          Kind = "weak-signature"
	KindWeakKey                Kind = "weak-key"
	KindRevoked                Kind = "revoked"
	KindBadCertificate         Kind = "bad-certificate"
	KindUnsupportedCertificate Kind = "unsupported-certificate"
	KindClientIdentity         Kind = "client-identity"
	KindCertificateRequired    Kind = "certificate-required"
	KindHandshakeFailure       Kind = "handshake-failure"
	KindInternalError          Kind = "internal-error"
	KindNoServingCertificate   Kind = "no-serving-certificate"
	KindUnrecognizedName       Kind = "unrecognized-name"
	KindProtocolMismatch       Kind = "protocol-mismatch"
	KindHTTPToTLS              Kind = "http-to-tls"
	KindTLSToHTTP              Kind = "tls-to-http"
	KindHandshakeEnded         Kind = "handshake-ended"
	KindHandshakeTimeout       Kind = "handshake-timeout"
	KindKeyMismatch            Kind = "key-mismatch"
	KindMalformed              Kind = "malformed"
	KindFileMissing            Kind = "file-missing"
	KindFileUnreadable         Kind = "file-unreadable"
	KindBootstrap              Kind = "bootstrap"
	KindRotation               Kind = "rotation"
	KindRequestApproval        Kind = "request-approval"
	KindRequestSigning         Kind = "request-signing"
	KindUnauthorized           Kind = "unauthorized"
	KindTokenUnverified        Kind = "token-unverified"
	KindTokenRefused           Kind = "token-refused"
	KindEtcdPeers              Kind = "etcd-peers"
)

// Direction says who refused whom.
type Direction string

// The directions.
const (
	// Refuses: the writer refused what the other end presented.
	Refuses Direction = "refuses"
	// Refused: the other end refused what the writer presented, or ended the handshake.
	Refused Direction = "refused"
	// Own: the writer cannot use its own files.
	Own Direction = "own"
	// Unclear: the line does not say.
	Unclear Direction = ""
)

// Side is the part that the writer has in the handshake.
type Side string

// The sides.
const (
	Client      Side = "client"
	Server      Side = "server"
	UnknownSide Side = ""
)

// Event is a TLS failure that a line tells.
type Event struct {
	// At is the line, without its text.
	At        Line
	Kind      Kind
	Direction Direction
	Side      Side
	// Peer is the other end as the line has it: a URL without its path, host:port, or the
	// id of a member of etcd; "" for none. The port of a client is one of many.
	Peer string
	// Name is the host or address that the certificate was to be valid for, and Valid
	// what it is valid for instead; "" and nil where the line does not say.
	Name  string
	Valid []string
	// Clock is the time at which the certificate was judged, and Bound the end or
	// begin of its validity; zero where the line does not say.
	Clock, Bound time.Time
	// Candidate is the name of the CA that looked like the issuer and did not sign.
	Candidate string
	// Serial is the number of the certificate that was refused, in decimal; "" where the
	// line does not say.
	Serial string
	// Paths are the files that the line names.
	Paths []string
	// Message is the part of the text that tells it, printable and bounded.
	Message string
}
