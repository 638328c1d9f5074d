package logs

import (
	"slices"
	"strings"
)

// families are the wordings, in the order in which they are tried: what the other end
// said first, then what the writer found, the more exact before the less.
var families = []family{
	alerts, otherAlerts, goX509, macOS, goTLS, verifications, ofNode, otherClients, openSSL, mixups, deprecated,
	requests, installers, ownFiles, tokens, etcdPeers, interrupted, refusals,
}

// alerts are those that the other end sent.
var alerts = family{
	gates:   []string{"remote error: tls: ", "sslv3 alert ", "tlsv1 alert ", "tlsv13 alert ", "ssl/tls alert ", "tlsv1 ", "SSLV3_ALERT_", "TLSV1_ALERT_", "TLSV13_ALERT_", "Received fatal alert: ", "received fatal alert: "},
	phrases: alertPhrases(),
}

// alertNames are the names of alerts (RFC 8446, section 6.2) as Go (crypto/tls alert.go)
// and OpenSSL (ssl/ssl_err.c) write them; Java has underscores in those of the RFC, rustls
// words in capitals, and BoringSSL capitals alone. One that begins as another does stands before it.
var alertNames = []struct {
	kind  Kind
	side  Side
	names []string
}{
	{KindRevoked, "", []string{"revoked certificate", "certificate revoked", "bad certificate status response"}},
	{KindBadCertificate, "", []string{"bad certificate", "certificate unknown", "access denied"}},
	{KindUnknownAuthority, "", []string{"unknown certificate authority", "unknown ca"}},
	{KindBadCertificate, "", []string{"unknown certificate"}},
	{KindExpired, "", []string{"expired certificate", "certificate expired"}},
	{KindUnsupportedCertificate, "", []string{"unsupported certificate"}},
	{KindCertificateRequired, Client, []string{"certificate required"}},
	{KindHandshakeFailure, "", []string{"handshake failure", "insufficient security", "illegal parameter", "error decrypting message", "decrypt error",
		"error decoding message", "decode error", "unexpected message", "bad record MAC", "bad record mac", "record overflow", "missing extension", "unsupported extension", "no renegotiation"}},
	{KindProtocolMismatch, "", []string{"protocol version", "inappropriate fallback", "no application protocol"}},
	{KindInternalError, "", []string{"internal error"}},
	{KindUnrecognizedName, Client, []string{"unrecognized name"}},
	{KindHandshakeEnded, "", []string{"user canceled", "user cancelled", "close notify"}},
}

func alertPhrases() []phrase {
	var phrases []phrase
	seen := map[string]bool{}
	for _, row := range alertNames {
		for _, name := range row.names {
			capitals := ""
			for _, word := range strings.Fields(name) {
				capitals += strings.ToUpper(word[:1]) + word[1:]
			}
			for _, spelling := range []string{name, strings.ReplaceAll(name, " ", "_"), strings.ToUpper(strings.ReplaceAll(name, " ", "_")), capitals} {
				if !seen[spelling] {
					phrases = append(phrases, phrase{spelling, row.kind, Refused, row.side, nil})
				}
				seen[spelling] = true
			}
		}
	}
	return phrases
}

// otherAlerts are those of Go that have no row, such as those for QUIC and for ECH.
var otherAlerts = family{
	gates:   []string{"remote error: tls: "},
	phrases: []phrase{{"", KindHandshakeFailure, Refused, "", nil}},
}

// goX509 are the errors of crypto/x509 (verify.go, x509.go, parser.go).
var goX509 = family{
	gates: []string{"x509: "},
	phrases: []phrase{
		{"certificate signed by unknown authority", KindUnknownAuthority, Refuses, "", candidate},
		{"subject with cn=", KindClientIdentity, Refuses, Server, nil}, // k8s.io/apiserver pkg/authentication/request/x509
		{expiredText, KindExpired, Refuses, "", validity},
		{"certificate is valid for ", KindNameMismatch, Refuses, "", names},
		{"cannot validate certificate for ", KindNoNames, Refuses, "", name},
		{"certificate is not valid for any names, but wanted to match ", KindNoNames, Refuses, "", name},
		{"certificate relies on legacy Common Name field", KindNoNames, Refuses, "", nil},
		{"Common Name is not a valid hostname", KindNoNames, Refuses, "", nil},
		{"certificate has no names", KindNoNames, Refuses, "", nil},
		{"certificate specifies an incompatible key usage", KindKeyUsage, Refuses, "", nil},
		{"a root or intermediate certificate is not authorized for an extended key usage", KindKeyUsage, Refuses, "", nil},
		{"certificate is not authorized to sign other certificates", KindNotACA, Refuses, "", nil},
		{"invalid signature: parent certificate cannot sign", KindNotACA, Refuses, "", nil},
		{"a root or intermediate certificate is not authorized to sign", KindChainInvalid, Refuses, "", nil},
		{"too many intermediates for path length constraint", KindChainInvalid, Refuses, "", nil},
		{"issuer has name constraints", KindChainInvalid, Refuses, "", nil},
		{"issuer name does not match subject", KindChainInvalid, Refuses, "", nil},
		{"unhandled critical extension", KindChainInvalid, Refuses, "", nil},
		{"no valid chains built", KindChainInvalid, Refuses, "", nil},
		{"signature check attempts limit reached", KindChainInvalid, Refuses, "", nil},
		{"failed to load system roots", KindUnknownAuthority, Refuses, "", nil},
		{"cannot verify signature: insecure algorithm", KindWeakSignature, Refuses, "", nil},
		{"cannot verify signature: algorithm unimplemented", KindWeakSignature, Refuses, "", nil},
		{"RSA key missing NULL parameters", KindMalformed, Own, "", fromOther},
		{"malformed ", KindMalformed, Own, "", fromOther}, {"invalid ", KindMalformed, Own, "", fromOther}, {"failed to parse ", KindMalformed, Own, "", fromOther}, {"failed to unmarshal ", KindMalformed, Own, "", fromOther},
		{"cannot parse ", KindMalformed, Own, "", fromOther}, {"trailing data", KindMalformed, Own, "", fromOther}, {"negative serial number", KindMalformed, Own, "", fromOther}, {"serial number ", KindMalformed, Own, "", fromOther},
		{"unsupported ", KindMalformed, Own, "", fromOther}, {"unknown ", KindMalformed, Own, "", fromOther}, {"certificate contains duplicate extension", KindMalformed, Own, "", fromOther}, {"SAN ", KindMalformed, Own, "", fromOther},
		{"inner and outer signature algorithm", KindMalformed, Own, "", fromOther}, {"decryption password incorrect", KindMalformed, Own, "", nil}, {"no DEK-Info header", KindMalformed, Own, "", nil},
		{"RSA ", KindMalformed, Own, "", fromOther}, {"public key contains ", KindMalformed, Own, "", fromOther}, {"private key contains ", KindMalformed, Own, "", nil}, {"Ed25519 ", KindMalformed, Own, "", fromOther},
		{"provided PrivateKey doesn't match", KindKeyMismatch, Own, "", nil},
	},
}

// macOS are what a Go program says there: crypto/x509 passes on the words of
// SecTrustEvaluateWithError, with the name of the certificate between quotes.
var macOS = family{
	phrases: []phrase{
		{"” certificate is not trusted", KindUnknownAuthority, Refuses, "", from("x509: “")},
		{"” certificate is expired", KindExpired, Refuses, "", from("x509: “")},
		{"” certificate name does not match input", KindNameMismatch, Refuses, "", from("x509: “")},
		{"” certificate is not permitted for this usage", KindKeyUsage, Refuses, "", from("x509: “")},
		{"” certificate is not standards compliant", KindChainInvalid, Refuses, "", from("x509: “")},
		{"” certificate is revoked", KindRevoked, Refuses, "", from("x509: “")},
	},
}

// goTLS are the errors of crypto/tls that are no errors of crypto/x509, of
// crypto/rsa's bounds of key sizes, and those that etcd makes in its place
// (client/pkg/transport listener_tls.go, listener.go).
var goTLS = family{
	gates: []string{"tls: "},
	phrases: []phrase{
		{"client didn't provide a certificate", KindCertificateRequired, Refuses, Server, nil},
		{"client offered only unsupported versions", KindProtocolMismatch, Refuses, Server, nil},
		{"client offered TLS version older than", KindProtocolMismatch, Refuses, Server, nil},
		{"client offered an unsupported, maximum protocol version", KindProtocolMismatch, Refuses, Server, nil},
		{"client using inappropriate protocol fallback", KindProtocolMismatch, Refuses, Server, nil},
		{"unsupported SSLv2 handshake received", KindProtocolMismatch, Refuses, Server, nil},
		{"client requested unsupported application protocols", KindProtocolMismatch, Refuses, Server, nil},
		{"no cipher suite supported by both client and server", KindProtocolMismatch, Refuses, Server, nil},
		{"no key exchanges supported by both client and server", KindProtocolMismatch, Refuses, Server, nil},
		{"no ECDHE curve supported by both client and server", KindProtocolMismatch, Refuses, Server, nil},
		{"no supported elliptic curves offered", KindProtocolMismatch, Refuses, Server, nil},
		{"peer doesn't support any of the certificate's signature algorithms", KindProtocolMismatch, Refuses, "", nil},
		{"server selected unsupported protocol version", KindProtocolMismatch, Refuses, Client, nil},
		{"server selected unsupported ", KindProtocolMismatch, Refuses, Client, nil},
		{"server chose an unconfigured cipher suite", KindProtocolMismatch, Refuses, Client, nil},
		{"server did not select an ALPN protocol", KindProtocolMismatch, Refuses, Client, nil},
		{"no supported versions satisfy MinVersion and MaxVersion", KindProtocolMismatch, Own, "", nil},
		{"first record does not look like a TLS handshake", KindTLSToHTTP, Refuses, "", bySide},
		{"oversized record received", KindTLSToHTTP, Refuses, "", bySide},
		{"private key does not match public key", KindKeyMismatch, Own, "", nil},
		{"private key type does not match public key type", KindKeyMismatch, Own, "", nil},
		{"invalid signature by the server certificate", KindKeyMismatch, Refuses, Client, nil},
		{"invalid signature by the client certificate", KindKeyMismatch, Refuses, Server, nil},
		{"failed to find ", KindMalformed, Own, "", nil},
		{"found a certificate rather than a key", KindMalformed, Own, "", nil},
		{"found unknown private key type", KindMalformed, Own, "", nil},
		{"failed to parse private key", KindMalformed, Own, "", nil},
		{"unknown public key algorithm", KindMalformed, Own, "", nil},
		{"failed to parse certificate from server", KindMalformed, Refuses, Client, nil},
		{"failed to parse client certificate", KindMalformed, Refuses, Server, nil},
		{"certificate RSA key size too small", KindWeakKey, Own, "", nil},
		{"server sent certificate containing RSA key larger", KindWeakKey, Refuses, Client, nil},
		{"client sent certificate containing RSA key larger", KindWeakKey, Refuses, Server, nil},
		{"server's certificate contains an unsupported type of public key", KindUnsupportedCertificate, Refuses, Client, nil},
		{"client certificate contains an unsupported public key", KindUnsupportedCertificate, Refuses, Server, nil},
		{"unsupported certificate", KindUnsupportedCertificate, Own, "", nil},
		{"no certificates configured", KindNoServingCertificate, Refuses, Server, nil},
		{"neither Certificates, GetCertificate, nor GetConfigForClient set", KindNoServingCertificate, Own, "", nil},
		{"bad record MAC", KindHandshakeFailure, Refuses, "", nil},
		{"received unexpected handshake message", KindHandshakeFailure, Refuses, "", nil},
		{"unexpected message", KindHandshakeFailure, Refuses, "", nil},
		{"received record with version", KindHandshakeFailure, Refuses, "", nil},
		{"handshake message of length", KindHandshakeFailure, Refuses, "", nil},
		{"internal error", KindInternalError, Refuses, "", nil},
		{`"`, KindClientIdentity, Refuses, Server, dnsNames},
	},
}

// verified are the results of OpenSSL's verification (crypto/x509/x509_txt.c), as it and
// those that build on it write them.
var verified = []phrase{
	{"certificate has expired", KindExpired, Refuses, "", nil},
	{"certificate is not yet valid", KindNotYetValid, Refuses, "", nil},
	{"unable to get local issuer certificate", KindUnknownAuthority, Refuses, "", nil},
	{"unable to get issuer certificate", KindUnknownAuthority, Refuses, "", nil},
	{"unable to verify the first certificate", KindUnknownAuthority, Refuses, "", nil},
	{"self signed certificate", KindUnknownAuthority, Refuses, "", nil}, {"self-signed certificate", KindUnknownAuthority, Refuses, "", nil},
	{"certificate signature failure", KindUnknownAuthority, Refuses, "", nil},
	{"unsupported certificate purpose", KindKeyUsage, Refuses, "", nil}, {"unsuitable certificate purpose", KindKeyUsage, Refuses, "", nil},
	{"invalid CA certificate", KindNotACA, Refuses, "", nil},
	{"certificate revoked", KindRevoked, Refuses, "", nil},
	{"Hostname mismatch, certificate is not valid for ", KindNameMismatch, Refuses, "", name}, {"hostname mismatch", KindNameMismatch, Refuses, "", nil}, {"Hostname mismatch", KindNameMismatch, Refuses, "", nil},
	{"IP address mismatch, certificate is not valid for ", KindNameMismatch, Refuses, "", name}, {"IP address mismatch", KindNameMismatch, Refuses, "", nil},
	{"CA signature digest algorithm too weak", KindWeakSignature, Refuses, "", nil},
	{"EE certificate key too weak", KindWeakKey, Refuses, "", nil}, {"CA certificate key too weak", KindWeakKey, Refuses, "", nil},
	{"path length constraint exceeded", KindChainInvalid, Refuses, "", nil}, {"permitted subtree violation", KindChainInvalid, Refuses, "", nil}, {"excluded subtree violation", KindChainInvalid, Refuses, "", nil},
	{"unhandled critical extension", KindChainInvalid, Refuses, "", nil}, {"unable to get certificate CRL", KindChainInvalid, Refuses, "", nil}, {"CRL has expired", KindChainInvalid, Refuses, "", nil},
	{"Missing Authority Key Identifier", KindChainInvalid, Refuses, "", nil}, {"Basic Constraints of CA cert not marked critical", KindChainInvalid, Refuses, "", nil}, {"CA cert does not include key usage extension", KindChainInvalid, Refuses, "", nil},
}

// verifications are the words before a result of OpenSSL's verification, whose number may
// stand between: of curl
// (lib/vtls/openssl.c), Python (Modules/_ssl.c), s_client and s_server (apps/lib/s_cb.c),
// and nginx.
var verifications = family{
	gates:   []string{"verify error:num=", "SSL certificate verify error: (", "Verify return code: ", "SSL certificate problem: ", "certificate verify failed: ", "Verification error: ", "depth lookup:"},
	skip:    "0123456789:( ",
	phrases: verified,
}

// ofNode are the words before them in what Node writes, which others write before anything.
var ofNode = family{
	gates:   []string{"Error: ", "reason: "},
	phrases: slices.DeleteFunc(slices.Clone(verified), func(p phrase) bool { return !strings.Contains(p.text, "ertificate") }),
}

// otherClients are what curl, wget, Java, Node and rustls say in words of their own.
// Sources: curl lib/vtls/openssl.c, hostcheck; wget src/openssl.c, src/gnutls.c; OpenJDK
// sun.security; node lib/tls.js; rustls error.rs.
var otherClients = family{
	phrases: []phrase{
		{"SSL: no alternative certificate subject name matches target ", KindNameMismatch, Refuses, Client, nameAfter("'")},
		{"does not match target host name ", KindNameMismatch, Refuses, Client, name},
		{"does not match target hostname ", KindNameMismatch, Refuses, Client, name},
		{"Private key does not match the certificate public key", KindKeyMismatch, Own, "", nil},
		{"SSL certificate verification failed", KindBadCertificate, Unclear, Client, nil}, // so does an alert that the client's has expired
		{"unable to set private key file", KindKeyMismatch, Own, "", fileReason},
		{"could not load PEM client certificate", KindMalformed, Own, "", fileReason},
		{"error setting certificate verify locations", KindFileUnreadable, Own, "", nil},
		{"error setting certificate file", KindFileUnreadable, Own, "", nil},
		{"error adding trust anchors from file", KindMalformed, Own, "", nil},

		{"Unable to locally verify the issuer's authority", KindUnknownAuthority, Refuses, Client, nil},
		{"Self-signed certificate encountered", KindUnknownAuthority, Refuses, Client, nil},
		{"The certificate has expired", KindExpired, Refuses, Client, nil},
		{"The certificate has not yet been activated", KindNotYetValid, Refuses, Client, nil},
		{"Issued certificate has expired", KindExpired, Refuses, Client, nil},
		{"Issued certificate not yet valid", KindNotYetValid, Refuses, Client, nil},
		{"no certificate subject alternative name matches", KindNameMismatch, Refuses, Client, nil}, // the name is in the next line
		{"requested host name ", KindNameMismatch, Refuses, Client, func(e *Event, m *match) bool { return from("certificate common name")(e, m) && name(e, m) }},
		{"’ is not trusted", KindUnknownAuthority, Refuses, Client, from("The certificate of ‘")},
		{"’ doesn't have a known issuer", KindUnknownAuthority, Refuses, Client, from("The certificate of ‘")},
		{"’ has expired", KindExpired, Refuses, Client, from("The certificate of ‘")},
		{"’ is not yet activated", KindNotYetValid, Refuses, Client, from("The certificate of ‘")},
		{"The certificate's owner does not match hostname ", KindNameMismatch, Refuses, Client, name},

		{"CertificateExpiredException: NotAfter: ", KindExpired, Refuses, "", bound},
		{"CertificateNotYetValidException: NotBefore: ", KindNotYetValid, Refuses, "", bound},
		{"No subject alternative names matching IP address ", KindNameMismatch, Refuses, Client, name},
		{"No subject alternative DNS name matching ", KindNameMismatch, Refuses, Client, name},
		{"No name matching ", KindNameMismatch, Refuses, Client, func(e *Event, m *match) bool {
			return within("CertificateException", "SSLHandshake")(e, m) && name(e, m)
		}},
		{"No subject alternative names present", KindNoNames, Refuses, Client, nil},
		{"Extended key usage does not permit use for TLS", KindKeyUsage, Refuses, "", nil},
		{"Algorithm constraints check failed", KindWeakSignature, Refuses, "", nil},
		{"PKIX path building failed", KindUnknownAuthority, Refuses, "", nil},
		{"unable to find valid certification path", KindUnknownAuthority, Refuses, "", nil},
		{"Empty client certificate chain", KindCertificateRequired, Refuses, Server, nil},
		{"Unsupported or unrecognized SSL message", KindTLSToHTTP, Refuses, "", bySide},
		{"Remote host terminated the handshake", KindHandshakeEnded, Unclear, "", nil},
		{"Remote host closed connection during handshake", KindHandshakeEnded, Unclear, "", nil},

		{"Hostname/IP does not match certificate's altnames: ", KindNameMismatch, Refuses, Client, altnames},
		{"CERT_HAS_EXPIRED", KindExpired, Refuses, "", nil},
		{"CERT_NOT_YET_VALID", KindNotYetValid, Refuses, "", nil},
		{"UNABLE_TO_VERIFY_LEAF_SIGNATURE", KindUnknownAuthority, Refuses, "", nil},
		{"UNABLE_TO_GET_ISSUER_CERT", KindUnknownAuthority, Refuses, "", nil},
		{"SELF_SIGNED_CERT_IN_CHAIN", KindUnknownAuthority, Refuses, "", nil},
		{"DEPTH_ZERO_SELF_SIGNED_CERT", KindUnknownAuthority, Refuses, "", nil},
		{"ERR_TLS_CERT_ALTNAME_INVALID", KindNameMismatch, Refuses, Client, nil},

		{"invalid peer certificate: UnknownIssuer", KindUnknownAuthority, Refuses, "", nil},
		{"invalid peer certificate: Expired", KindExpired, Refuses, "", nil},
		{"invalid peer certificate: certificate expired", KindExpired, Refuses, "", nil},
		{"invalid peer certificate: NotValidYet", KindNotYetValid, Refuses, "", nil},
		{"invalid peer certificate: certificate not valid yet", KindNotYetValid, Refuses, "", nil},
		{"invalid peer certificate: NotValidForName", KindNameMismatch, Refuses, "", nil},
		{"invalid peer certificate: certificate not valid for name ", KindNameMismatch, Refuses, "", name},
		{"invalid peer certificate: ", KindBadCertificate, Refuses, "", nil},
	},
}

// openSSL are the reasons of its errors (ssl/ssl_err.c, crypto/*/*_err.c); they count where
// the line names its routines, or a program that passes its words on.
var openSSL = family{
	with: []string{"SSL routines", "SSL: ", "[SSL", "SSL_", "X509_check_private_key", "x509 certificate routines", "PEM routines", "PEM_read_bio", "routines:"},
	phrases: []phrase{
		{"peer did not return a certificate", KindCertificateRequired, Refuses, Server, nil},
		{"no shared cipher", KindProtocolMismatch, Refuses, Server, nil},
		{"unsupported protocol", KindProtocolMismatch, Refuses, "", nil},
		{"no protocols available", KindProtocolMismatch, Own, "", nil},
		{"unsafe legacy renegotiation disabled", KindProtocolMismatch, Refuses, Client, nil},
		{"no suitable signature algorithm", KindProtocolMismatch, Refuses, "", nil},
		{"version too low", KindProtocolMismatch, Refuses, "", nil},
		{"OPENSSL_internal:WRONG_VERSION_NUMBER", KindTLSToHTTP, Refuses, "", nil},
		{"OPENSSL_internal:HTTP_REQUEST", KindHTTPToTLS, Refuses, Server, nil},
		{"OPENSSL_internal:CERTIFICATE_VERIFY_FAILED", KindBadCertificate, Refuses, "", nil},
		{"OPENSSL_internal:PEER_DID_NOT_RETURN_A_CERTIFICATE", KindCertificateRequired, Refuses, Server, nil},
		{"wrong version number", KindTLSToHTTP, Refuses, Client, nil},
		{"packet length too long", KindTLSToHTTP, Refuses, Client, nil},
		{"http request", KindHTTPToTLS, Refuses, Server, nil},
		{"https proxy request", KindHTTPToTLS, Refuses, Server, nil},
		{"key values mismatch", KindKeyMismatch, Own, "", nil},
		{"key type mismatch", KindKeyMismatch, Own, "", nil},
		{"no start line", KindMalformed, Own, "", nil},
		{"bad end line", KindMalformed, Own, "", nil},
		{"bad base64 decode", KindMalformed, Own, "", nil},
		{"ca md too weak", KindWeakSignature, Own, "", nil},
		{"ee key too small", KindWeakKey, Own, "", nil},
		{"ca key too small", KindWeakKey, Own, "", nil},
		{"dh key too small", KindWeakKey, Refuses, Client, nil},
		{"certificate verify failed", KindBadCertificate, Refuses, "", nil},
		{"unexpected eof while reading", KindHandshakeEnded, Unclear, "", nil},
		{"SSL_ERROR_SYSCALL", KindHandshakeEnded, Unclear, "", nil},
		{"UNEXPECTED_EOF_WHILE_READING", KindHandshakeEnded, Unclear, "", nil},
	},
}

// mixups are one end that speaks TLS, and another that does not. Sources: net/http
// server.go, client.go; golang.org/x/net/http2.
var mixups = family{
	phrases: []phrase{
		{"client sent an HTTP request to an HTTPS server", KindHTTPToTLS, Refuses, Server, nil},
		{"Client sent an HTTP request to an HTTPS server", KindHTTPToTLS, Refused, Client, nil},
		{"server gave HTTP response to HTTPS client", KindTLSToHTTP, Refuses, Client, nil},
		{"malformed HTTP response ", KindHTTPToTLS, Refused, Client, record},
		{"bogus greeting ", KindTLSToHTTP, Refuses, Server, hello},
	},
}

// deprecated are what an API server says of webhooks and extension servers whose
// certificates Go refuses. Source: k8s.io/apiserver pkg/util/x509metrics.
var deprecated = family{
	gates: []string{"invalid certificate detected connecting to "},
	with:  []string{"invalid-cert.kubernetes.io"},
	phrases: []phrase{
		{`"`, KindNoNames, Refuses, Client, within("missing-san.")},
		{`"`, KindWeakSignature, Refuses, Client, within("insecure-sha1.")},
	},
}

// installers are what kubeadm and k3s say of a cluster's CA and of files. Sources: kubernetes
// cmd/kubeadm/app/discovery/token, util/pubkeypin, util/pkiutil, phases/certs, phases/kubeconfig; k3s
// pkg/clientaccess/token.go.
var installers = family{
	phrases: []phrase{
		{"none of the public keys ", KindUnknownAuthority, Refuses, Client, within(" are pinned")},
		{"token CA hash does not match the Cluster CA certificate hash", KindUnknownAuthority, Refuses, Client, nil},
		{"could not find a JWS signature in the cluster-info ConfigMap for token ID ", KindTokenRefused, Refused, Client, nil},
		{"failed to verify JWS signature of received cluster info object", KindTokenRefused, Refuses, Client, nil},
		{"not signed by corresponding CA", KindUnknownAuthority, Own, "", from("certificate ")},
		{"not signed by CA certificate ", KindUnknownAuthority, Own, "", from("certificate ")},
		{"does not contain a trusted CA in its current context", KindUnknownAuthority, Own, "", from("a kubeconfig file ")},
		{"has got the wrong CA cert", KindUnknownAuthority, Own, "", from("a kubeconfig file ")},
		{"the certificate has expired: NotBefore: ", KindExpired, Own, "", period},
		{"the certificate is not valid yet: NotBefore: ", KindNotYetValid, Own, "", bound},
		{"is neither in RSA nor ECDSA format", KindMalformed, Own, "", nil},
		{"contains an invalid CA cert", KindMalformed, Own, "", nil},
	},
}

// ownFiles are what a program says of its own files, and of what it cannot do for them.
// Sources: os; k8s.io/client-go util/cert, util/keyutil; k8s.io/apiserver
// dynamiccertificates; kubernetes pkg/kubelet/certificate; etcd client/pkg/transport.
var ownFiles = family{
	phrases: []phrase{
		{"unable to load bootstrap kubeconfig", KindBootstrap, Own, "", nil},
		{"currently active client certificate has expired", KindExpired, Own, "", nil},
		{"No valid client certificate is found", KindExpired, Own, "", nil},
		{"o valid client cert was found", KindExpired, Own, "", nil},
		{"art of the existing bootstrap client certificate", KindExpired, Own, "", lapsed},
		{"certificate serial ", KindRevoked, Refuses, Server, within(" revoked")},
		{"client certificate authentication failed", KindClientIdentity, Refuses, Server, nil},
		{"cert has non empty Common Name", KindClientIdentity, Own, "", nil},
		{"KeyFile and CertFile must both be present", KindFileMissing, Own, "", nil},
		{"no serving certificate available for the kubelet", KindNoServingCertificate, Refuses, Server, nil},
		{"missing content for CA bundle ", KindMalformed, Own, "", nil},
		{"missing content for serving cert ", KindMalformed, Own, "", nil},
		{"not loading an empty serving certificate", KindMalformed, Own, "", nil},
		{"expected 1 certificate, found ", KindMalformed, Own, "", nil},
		{"data does not contain any valid RSA or ECDSA ", KindMalformed, Own, "", nil},
		{"unable to parse bytes as PEM block", KindMalformed, Own, "", nil},
		{"asn1: structure error", KindMalformed, Own, "", nil}, {"asn1: syntax error", KindMalformed, Own, "", nil},
		{"private key does not match", KindKeyMismatch, Own, "", nil},
		{"-bit keys are insecure", KindWeakKey, Refuses, "", within("rsa: ")},
		{"rsa: keys smaller than ", KindWeakKey, Refuses, "", nil},
		{"cannot load certificate ", KindMalformed, Own, "", fileReason}, // nginx, ngx_event_openssl.c
		{" for reading, No such file or directory", KindFileMissing, Own, "", absent},
		{": no such file or directory", KindFileMissing, Own, "", absent}, {": No such file or directory", KindFileMissing, Own, "", absent},
		{": The system cannot find the file specified", KindFileMissing, Own, "", absent},
		{": permission denied", KindFileUnreadable, Own, "", absent}, {": Permission denied", KindFileUnreadable, Own, "", absent}, {": is a directory", KindFileUnreadable, Own, "", absent},
	},
}

// requests are those for certificates. Sources: k8s.io/client-go util/certificate;
// kubernetes pkg/controller/certificates.
var requests = family{
	phrases: []phrase{
		{"subject access review was not approved", KindRequestApproval, Refuses, UnknownSide, nil},
		{"error updating approval for csr", KindRequestApproval, Own, "", nil},
		{"the signer has expired: NotAfter=", KindRequestSigning, Own, "", bound},
		{"refusing to sign a certificate that expired in the past: NotAfter=", KindRequestSigning, Own, "", bound},
		{"error auto signing csr", KindRequestSigning, Own, "", nil},
		{"error updating signature for csr", KindRequestSigning, Own, "", nil},
		{"unable to parse csr ", KindRequestSigning, Own, "", nil},
		{"unable to verify certificate request signature", KindRequestSigning, Own, "", nil},
		{"SignerValidationFailure", KindRequestSigning, Own, "", nil},
		{"ailed while requesting a signed certificate from the ", KindRotation, Refused, Client, reached},
		{"ertificate request was not signed", KindRotation, Refused, Client, nil},
		{"still unable to rotate certs", KindRotation, Unclear, Client, nil},
		{"cannot create certificate signing request", KindRotation, Refused, Client, reached},
		{"nable to store the new cert/key pair", KindRotation, Own, "", nil},
		{"nable to set the cert/key pair to the bootstrap certificate", KindRotation, Own, "", nil},
		{"nable to load a client to request certificates", KindRotation, Own, "", nil},
	},
}

// tokens are those that an API server refuses. Sources: kubernetes pkg/serviceaccount;
// go-jose shared.go; k8s.io/apiserver pkg/authentication/request/bearertoken.
var tokens = family{
	phrases: []phrase{
		{"error in cryptographic primitive", KindTokenUnverified, Refuses, Server, within("jose: ")},
		{"oken has been invalidated", KindTokenRefused, Refuses, Server, within("service account", "authenticate the request", "bearer token")},
		{"ervice account token has expired", KindTokenRefused, Refuses, Server, nil},
		{"ervice account token is not valid yet", KindTokenRefused, Refuses, Server, nil},
		{"invalid bearer token", KindTokenRefused, Refuses, Server, nil},
	},
}

// etcdPeers are members of different clusters. Source: etcd etcdserver/api/rafthttp
// http.go, stream.go, util.go.
var etcdPeers = family{
	phrases: []phrase{
		{"cluster ID mismatch", KindEtcdPeers, Refuses, "", nil},
		{"rejected stream from remote peer", KindEtcdPeers, Refuses, Server, nil},
		{"rejected the stream from peer", KindEtcdPeers, Refuses, Server, nil},
	},
}

// interrupted are handshakes that end without a word of TLS.
var interrupted = family{
	phrases: []phrase{
		{"TLS handshake error from ", KindHandshakeEnded, Unclear, Server, ended},
		{"rejected connection", KindHandshakeEnded, Unclear, Server, rejected},
		{`failed to complete security handshake from "`, KindHandshakeEnded, Unclear, Server, ended},
		{`ServerHandshake("`, KindHandshakeEnded, Unclear, Server, ended},
		{"TLS handshake timeout", KindHandshakeTimeout, Unclear, Client, nil},
		{"authentication handshake failed: ", KindHandshakeEnded, Unclear, Client, ended},
	},
}

// refusals are answers of an API server to credentials that it does not take. They count
// where a component asks for what it must have to work. Sources: k8s.io/kube-aggregator
// pkg/controllers/status; k8s.io/apimachinery pkg/api/errors; k8s.io/client-go tools/cache, tools/leaderelection; kubernetes
// pkg/kubelet.
var refusals = family{
	phrases: []phrase{
		{"the server has asked for the client to provide credentials", KindUnauthorized, Refused, Client, nil},
		{"You must be logged in to the server", KindUnauthorized, Refused, Client, nil},
		{"Unauthorized", KindUnauthorized, Refused, Client, within("rror retrieving lease lock", "rror retrieving resource lock", "ailed to list", "ailed to watch", "egister node",
			"pdating node", "pdate node", "ensure lease", "ensure node lease", "rror getting node", "Failed to contact API server", "CSINode")},
		{"bad status from ", KindUnauthorized, Refused, Client, notKnown},
		{" is forbidden: ", KindClientIdentity, Refused, Client, somebody},
	},
}

// notKnown is for the status by which the API server of an extension says that it does not
// know who is calling.
func notKnown(_ *Event, m *match) bool { return strings.HasPrefix(field2(m.rest(), ": "), "401") }

// somebody is for components that may not do what each of them must be allowed to do: the
// certificate is somebody else's. A cluster that is just made has no roles yet, of which its
// scheduler and its controllers tell the same of themselves.
func somebody(e *Event, m *match) bool {
	return within("rror retrieving lease lock", "rror retrieving resource lock", "egister node", "ensure lease")(e, m) &&
		!within(`User "system:kube-scheduler"`, `User "system:kube-controller-manager"`)(e, m)
}

// fromOther is for certificates that do not parse: that of the other end, where the line
// says so.
func fromOther(e *Event, m *match) bool {
	side, peer := endsOf(*m)
	if side == Server || peer != "" || within("failed to parse certificate from server", "failed to verify", "failed to parse client certificate")(e, m) {
		e.Direction, e.Side, e.Peer = Refuses, side, peer
	}
	return true
}

// reached is for requests that come as far as the API server: one that does not run yet is no
// fault of certificates.
func reached(_ *Event, m *match) bool { return !containsAny(m.text, unreachable) }

// fileReason is why a client of OpenSSL did not load a file.
func fileReason(e *Event, m *match) bool {
	switch {
	case within("o such file", "fopen")(e, m):
		e.Kind = KindFileMissing
	case within("ermission denied")(e, m):
		e.Kind = KindFileUnreadable
	case within("key values mismatch")(e, m):
		e.Kind = KindKeyMismatch
	}
	return true
}
