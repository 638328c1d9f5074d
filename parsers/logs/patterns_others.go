package logs

import (
	"regexp"
	"slices"
	"strings"
)

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
	{"invalid CA certificate", KindNotACA, Refuses, "", nil}, {"key usage does not include certificate signing", KindNotACA, Refuses, "", nil},
	{"certificate revoked", KindRevoked, Refuses, "", nil},
	{"Hostname mismatch, certificate is not valid for ", KindNameMismatch, Refuses, Client, name}, {"hostname mismatch", KindNameMismatch, Refuses, Client, nil}, {"Hostname mismatch", KindNameMismatch, Refuses, Client, nil},
	{"IP address mismatch, certificate is not valid for ", KindNameMismatch, Refuses, Client, name}, {"IP address mismatch", KindNameMismatch, Refuses, Client, nil},
	{"CA signature digest algorithm too weak", KindWeakSignature, Refuses, "", nil},
	{"EE certificate key too weak", KindWeakKey, Refuses, "", nil}, {"CA certificate key too weak", KindWeakKey, Refuses, "", nil},
	{"path length constraint exceeded", KindChainInvalid, Refuses, "", nil}, {"permitted subtree violation", KindChainInvalid, Refuses, "", nil}, {"excluded subtree violation", KindChainInvalid, Refuses, "", nil},
	{"unhandled critical extension", KindChainInvalid, Refuses, "", nil}, {"unable to get certificate CRL", KindChainInvalid, Refuses, "", nil}, {"CRL has expired", KindChainInvalid, Refuses, "", nil},
	{"Missing Authority Key Identifier", KindChainInvalid, Refuses, "", nil}, {"Basic Constraints of CA cert not marked critical", KindChainInvalid, Refuses, "", nil}, {"CA cert does not include key usage extension", KindChainInvalid, Refuses, "", nil},
}

// verifications are the words before a result of OpenSSL's verification, whose number may
// stand between: of curl (lib/vtls/openssl.c), Python (Modules/_ssl.c), Ruby, s_client and
// s_server (apps/lib/s_cb.c), nginx, Apache httpd (ssl_engine_kernel.c), stunnel and Envoy.
var verifications = family{
	writer: "openssl",
	gates: []string{"verify error:num=", "SSL certificate verify error: (", "Verify return code: ", "SSL certificate problem: ", "SSL certificate OpenSSL verify result: ", "certificate verify failed: ", "Verification error: ", "depth lookup:",
		"Certificate Verification: Error (", "CERT: Pre-verification error: ", "certificate verification error at depth "},
	skip:    "0123456789:() ",
	phrases: verified,
}

// ofNode are the words before them in what Node and Bun write, which others write before anything.
var ofNode = family{
	writer:  "node",
	gates:   []string{"Error: ", "reason: "},
	phrases: slices.DeleteFunc(slices.Clone(verified), func(p phrase) bool { return !strings.Contains(p.text, "ertificate") }),
}

// ofCurl are curl's own words (lib/vtls/openssl.c, hostcheck.c), and at the end those of curl with
// GnuTLS, as of git (lib/vtls/gtls.c).
var ofCurl = family{
	writer: "curl",
	phrases: []phrase{
		{"SSL: no alternative certificate subject name matches target ", KindNameMismatch, Refuses, Client, nameAfter("'")},
		{"does not match target host name ", KindNameMismatch, Refuses, Client, name},
		{"does not match target hostname ", KindNameMismatch, Refuses, Client, name},
		{"Private key does not match the certificate public key", KindKeyMismatch, Own, "", nil},
		{"SSL certificate verification failed", KindBadCertificate, Unclear, Client, nil}, // so does an alert that the client's has expired
		{"unable to set private key file", KindKeyMismatch, Own, "", fileReason},
		{"could not load PEM client certificate", KindMalformed, Own, "", fileReason},
		{"' provided to --cacert does not exist", KindFileMissing, Own, "", from("The file '")},
		{"error setting certificate verify locations", KindFileUnreadable, Own, "", nil},
		{"error setting certificate file", KindFileUnreadable, Own, "", nil},
		{"error adding trust anchors from file", KindFileUnreadable, Own, "", nil},
		{"server certificate verification failed", KindBadCertificate, Refuses, Client, nil},
		{"error reading X.509 key or certificate file", KindMalformed, Own, "", nil},
	},
}

// ofWget are wget's (src/openssl.c, src/gnutls.c). With GnuTLS it says of whatever is wrong
// that it is not trusted, and the reason in the next line.
var ofWget = family{
	writer: "wget",
	phrases: []phrase{
		{"Unable to locally verify the issuer's authority", KindUnknownAuthority, Refuses, Client, nil},
		{"Self-signed certificate encountered", KindUnknownAuthority, Refuses, Client, nil},
		{"The certificate has expired", KindExpired, Refuses, Client, nil},
		{"The certificate has not yet been activated", KindNotYetValid, Refuses, Client, nil},
		{"Issued certificate has expired", KindExpired, Refuses, Client, nil},
		{"no certificate subject alternative name matches", KindNameMismatch, Refuses, Client, nil}, // the name is in the next line
		{"requested host name ", KindNameMismatch, Refuses, Client, func(e *Event, m *match) bool { return from("certificate common name")(e, m) && name(e, m) }},
		{"’ is not trusted", KindBadCertificate, Refuses, Client, from("The certificate of ‘")},
		{"’ doesn't have a known issuer", KindUnknownAuthority, Refuses, Client, from("The certificate of ‘")},
		{"’ has expired", KindExpired, Refuses, Client, from("The certificate of ‘")},
		{"’ is not yet activated", KindNotYetValid, Refuses, Client, from("The certificate of ‘")},
		{"’ was signed using an insecure algorithm", KindWeakSignature, Refuses, Client, from("The certificate of ‘")},
		{"The certificate's owner does not match hostname ", KindNameMismatch, Refuses, Client, name},
	},
}

// gnuTLSVerdicts are what apt, gnutls-cli and others write of GnuTLS's verification
// (lib/cert-session.c); the last is for further reasons.
var gnuTLSVerdicts = family{
	writer: "gnutls",
	gates:  []string{"The certificate is NOT trusted. "},
	phrases: []phrase{
		{"The certificate issuer is unknown", KindUnknownAuthority, Refuses, "", nil},
		{"The certificate chain uses expired certificate", KindExpired, Refuses, "", nil},
		{"The certificate chain uses not yet valid certificate", KindNotYetValid, Refuses, "", nil},
		{"The certificate chain uses insecure algorithm", KindWeakSignature, Refuses, "", nil},
		{"The certificate chain does not match the intended purpose", KindKeyUsage, Refuses, "", nil},
		{"The certificate chain violates the signer's constraints", KindChainInvalid, Refuses, "", nil},
		{"The name in the certificate does not match the expected", KindNameMismatch, Refuses, "", nil},
		{"", KindBadCertificate, Refuses, "", nil},
	},
}

// gnuTLSErrors are its errors (lib/errors.c) behind the words of those that pass them on: wget,
// git, apt, gnutls-cli and gnutls-serv.
var gnuTLSErrors = family{
	writer: "gnutls",
	gates:  []string{"GnuTLS: ", "gnutls_handshake() failed: ", "Could not handshake: ", "Error in handshake: ", "*** Fatal error: "},
	phrases: []phrase{
		{"An unexpected TLS packet was received", KindTLSToHTTP, Refuses, "", bySide},
		{"The TLS connection was non-properly terminated", KindHandshakeEnded, Unclear, "", nil},
		{"Certificate is required", KindCertificateRequired, Refuses, Server, nil},
		{"No certificate was found", KindCertificateRequired, Refuses, Server, nil},
		{"Error in the certificate", KindBadCertificate, Refuses, "", nil},
	},
}

// ofJava are those of OpenJDK (sun.security.ssl, sun.security.validator, sun.security.util
// HostnameChecker, java.security.cert).
var ofJava = family{
	writer: "java",
	phrases: []phrase{
		{"CertificateExpiredException: NotAfter: ", KindExpired, Refuses, "", bound},
		{"CertificateNotYetValidException: NotBefore: ", KindNotYetValid, Refuses, "", bound},
		{"No subject alternative names matching IP address ", KindNameMismatch, Refuses, Client, name},
		{"No subject alternative DNS name matching ", KindNameMismatch, Refuses, Client, name},
		{"No name matching ", KindNameMismatch, Refuses, Client, func(e *Event, m *match) bool {
			return within("CertificateException", "SSLHandshake")(e, m) && name(e, m)
		}},
		{"No subject alternative names present", KindNoNames, Refuses, Client, nil},
		{"Extended key usage does not permit use for TLS server", KindKeyUsage, Refuses, Client, nil},
		{"Extended key usage does not permit use for TLS client", KindKeyUsage, Refuses, Server, nil},
		{"Algorithm constraints check failed on keysize limits", KindWeakKey, Refuses, "", nil},
		{"Algorithm constraints check failed", KindWeakSignature, Refuses, "", nil},
		{"does not have keyCertSign bit set in KeyUsage extension", KindNotACA, Refuses, "", from("TrustAnchor with subject ")},
		{"PKIX path building failed", KindUnknownAuthority, Refuses, "", nil},
		{"unable to find valid certification path", KindUnknownAuthority, Refuses, "", nil},
		{"Path does not chain with any of the trust anchors", KindUnknownAuthority, Refuses, "", nil},
		{"PKIX path validation failed", KindBadCertificate, Refuses, "", nil}, // the reason is in one of the next lines
		{"CertPathValidatorException: validity check failed", KindBadCertificate, Refuses, "", nil},
		{"Empty client certificate chain", KindCertificateRequired, Refuses, Server, nil},
		{"Unsupported or unrecognized SSL message", KindTLSToHTTP, Refuses, "", bySide},
		{"Remote host terminated the handshake", KindHandshakeEnded, Unclear, "", nil},
		{"Remote host closed connection during handshake", KindHandshakeEnded, Unclear, "", nil},
		{"Received close_notify during handshake", KindHandshakeEnded, Refused, "", nil},
		{" (No such file or directory)", KindFileMissing, Own, "", absent}, {" (Permission denied)", KindFileUnreadable, Own, "", absent}, {" (Is a directory)", KindFileUnreadable, Own, "", absent},
	},
}

// nodeErrors are Node's and Bun's (lib/tls.js, lib/_tls_wrap.js, src/crypto/crypto_common.cc).
var nodeErrors = family{
	writer: "node",
	phrases: []phrase{
		{"Hostname/IP does not match certificate's altnames: ", KindNameMismatch, Refuses, Client, altnames},
		{"CERT_HAS_EXPIRED", KindExpired, Refuses, "", nil},
		{"CERT_NOT_YET_VALID", KindNotYetValid, Refuses, "", nil},
		{"UNABLE_TO_VERIFY_LEAF_SIGNATURE", KindUnknownAuthority, Refuses, "", nil},
		{"UNABLE_TO_GET_ISSUER_CERT", KindUnknownAuthority, Refuses, "", nil},
		{"SELF_SIGNED_CERT_IN_CHAIN", KindUnknownAuthority, Refuses, "", nil},
		{"DEPTH_ZERO_SELF_SIGNED_CERT", KindUnknownAuthority, Refuses, "", nil},
		{"ERR_TLS_CERT_ALTNAME_INVALID", KindNameMismatch, Refuses, Client, nil},
		{"disconnected before secure TLS connection was established", KindHandshakeEnded, Unclear, Client, nil},
		{"ENOENT: no such file or directory, open '", KindFileMissing, Own, "", opened}, {"EACCES: permission denied, open '", KindFileUnreadable, Own, "", opened},
	},
}

// rustls are those of rustls (error.rs).
var rustls = family{
	writer: "rustls",
	phrases: []phrase{
		{"invalid peer certificate: UnknownIssuer", KindUnknownAuthority, Refuses, "", nil},
		{"invalid peer certificate: BadSignature", KindUnknownAuthority, Refuses, "", nil},
		{"invalid peer certificate: certificate expired", KindExpired, Refuses, "", nil},
		{"invalid peer certificate: Expired", KindExpired, Refuses, "", nil},
		{"invalid peer certificate: certificate not valid yet", KindNotYetValid, Refuses, "", nil},
		{"invalid peer certificate: NotValidYet", KindNotYetValid, Refuses, "", nil},
		{"invalid peer certificate: certificate not valid for name ", KindNameMismatch, Refuses, "", name},
		{"invalid peer certificate: NotValidForName", KindNameMismatch, Refuses, "", nil},
		{"invalid peer certificate: certificate does not allow extended key usage", KindKeyUsage, Refuses, "", nil},
		{"invalid peer certificate: UnsupportedSignatureAlgorithm", KindWeakSignature, Refuses, "", nil},
		{"invalid peer certificate: ", KindBadCertificate, Refuses, "", nil},
		{"received corrupt message of type InvalidContentType", KindTLSToHTTP, Refuses, "", bySide},
		{"tls handshake eof", KindHandshakeEnded, Unclear, "", nil},
	},
}

// overOpenSSL are what urllib3 (up to 1.26), PHP and socat, which use OpenSSL, say of names in
// words of their own.
var overOpenSSL = family{
	writer: "openssl",
	phrases: []phrase{
		{"doesn't match either of '", KindNameMismatch, Refuses, Client, hostname},
		{"doesn't match '", KindNameMismatch, Refuses, Client, hostname},
		{"did not match expected name `", KindNameMismatch, Refuses, Client, name},
		{"did not match expected CN=`", KindNameMismatch, Refuses, Client, name},
		{"commonName does not match hostname ", KindNameMismatch, Refuses, Client, name},
	},
}

// ofNginx are nginx's own words (ngx_http_request.c, ngx_http_upstream.c, ngx_event_openssl.c).
var ofNginx = family{
	writer: "nginx",
	phrases: []phrase{
		{"client sent no required SSL certificate", KindCertificateRequired, Refuses, Server, nil},
		{"client sent plain HTTP request to HTTPS port", KindHTTPToTLS, Refuses, Server, nil},
		{"client closed connection while SSL handshaking", KindHandshakeEnded, Unclear, Server, nil},
		{"peer closed connection in SSL handshake", KindHandshakeEnded, Unclear, "", nil},
		{"upstream SSL certificate does not match ", KindNameMismatch, Refuses, Client, name},
		{"cannot load certificate ", KindMalformed, Own, "", fileReason},
		{"SSL_CTX_load_verify_locations(", KindMalformed, Own, "", fileReason},
	},
}

// ofHAProxy are HAProxy's (src/session.c, src/ssl_sock.c, src/ssl_ckch.c).
var ofHAProxy = family{
	writer: "haproxy",
	phrases: []phrase{
		{"SSL client certificate not trusted", KindBadCertificate, Refuses, Server, ofFrontend},
		{"SSL handshake failure", KindHandshakeFailure, Unclear, Server, ofFrontend},
		{"Connection closed during SSL handshake", KindHandshakeEnded, Unclear, Server, ofFrontend},
		{`Layer6 invalid response, info: "Server presented an SSL certificate different from the configured one`, KindNameMismatch, Refuses, Client, nil},
		{`Layer6 invalid response, info: "SSL handshake failure`, KindHandshakeFailure, Unclear, Client, nil},
		{"inconsistencies between private key and certificate loaded ", KindKeyMismatch, Own, "", nil},
		{"unable to load certificate from file ", KindMalformed, Own, "", nil},
		{"No Private Key found in '", KindFileMissing, Own, "", opened},
		{"unable to stat SSL certificate from file ", KindFileMissing, Own, "", fileReason},
		{"Couldn't open the ca-file ", KindMalformed, Own, "", fileReason},
	},
}

// ofHTTPD are those of Apache httpd (modules/ssl).
var ofHTTPD = family{
	writer: "httpd",
	phrases: []phrase{
		{"SSL Proxy: Peer certificate does not match for hostname ", KindNameMismatch, Refuses, Client, name},
		{" do not match", KindKeyMismatch, Own, "", from("Certificate and private key ")},
		{"' does not exist or is empty", KindFileMissing, Own, "", from("SSLC")},
	},
}

// ofEnvoy are Envoy's (source/common/tls), of whose configuration it does not say whether a key is
// no pair with its certificate or cannot be read, and those of Istio's agent beside it.
var ofEnvoy = family{
	writer: "envoy",
	phrases: []phrase{
		{"verify cert failed: verify SAN list", KindNameMismatch, Refuses, "", nil},
		{"verify cert failed: SAN matcher", KindNameMismatch, Refuses, "", nil},
		{"Failed to load private key from ", KindKeyMismatch, Own, "", fileReason},
		{"Failed to load certificate chain from ", KindMalformed, Own, "", nil},
		{"Invalid path: ", KindFileMissing, Own, "", opened},
		{"invalid PEM encoded certificate", KindMalformed, Own, "", nil},
	},
}

// boringSSL are the reasons of its errors (ssl/ssl.errordata, crypto/*/*.errordata), which Envoy
// and others write as constants.
var boringSSL = family{
	writer: "openssl",
	gates:  []string{"OPENSSL_internal:"},
	phrases: []phrase{
		{"WRONG_VERSION_NUMBER", KindTLSToHTTP, Refuses, "", bySide},
		{"HTTP_REQUEST", KindHTTPToTLS, Refuses, Server, nil},
		{"HTTPS_PROXY_REQUEST", KindHTTPToTLS, Refuses, Server, nil},
		{"CERTIFICATE_VERIFY_FAILED", KindBadCertificate, Refuses, "", nil},
		{"PEER_DID_NOT_RETURN_A_CERTIFICATE", KindCertificateRequired, Refuses, Server, nil},
		{"NO_SHARED_CIPHER", KindProtocolMismatch, Refuses, Server, nil},
		{"NO_SHARED_GROUP", KindProtocolMismatch, Refuses, Server, nil},
		{"CLIENTHELLO_TLSEXT", KindHandshakeFailure, Refuses, "", nil},
		{"BAD_PACKET_LENGTH", KindHandshakeFailure, Unclear, "", nil}, {"DECRYPTION_FAILED_OR_BAD_RECORD_MAC", KindHandshakeFailure, Unclear, "", nil},
		{"KEY_VALUES_MISMATCH", KindKeyMismatch, Own, "", nil}, {"KEY_TYPE_MISMATCH", KindKeyMismatch, Own, "", nil},
		{"NO_START_LINE", KindMalformed, Own, "", nil}, {"BAD_END_LINE", KindMalformed, Own, "", nil}, {"BAD_BASE64_DECODE", KindMalformed, Own, "", nil},
	},
}

// frontend begins what HAProxy logs of a connection that its listener did not take: client,
// time and listener.
var frontend = regexp.MustCompile(`(\S+:[0-9]+) \[[^]]*\] [^ /]+/[^ /]+: $`)

// ofFrontend reads the client that stands before HAProxy's words.
func ofFrontend(e *Event, m *match) bool {
	found := frontend.FindStringSubmatch(m.text[max(0, m.start-maxWord):m.start])
	if found == nil {
		return false
	}
	e.Peer = bounded(found[1])
	return true
}

// because reads the result of the verification where it stands somewhere behind the words, as
// Ruby, and those that use rust-openssl, write it.
func because(e *Event, m *match) bool {
	for _, p := range verified {
		if strings.Contains(m.rest(), p.text) {
			e.Kind = p.kind
			break
		}
	}
	return true
}

// opened is for a file that stands behind the words; one of certificates, keys or credentials.
func opened(_ *Event, m *match) bool {
	p := m.rest()
	if end := strings.IndexAny(p, "', "); end >= 0 {
		p = p[:end]
	}
	return aboutCertificates(p)
}

// ofSystem is for an error of the system that OpenSSL passes on for a file of certificates
// or keys.
func ofSystem(_ *Event, m *match) bool {
	return within("system library")(nil, m) && len(certificatePaths(m.text)) > 0
}

// hostname reads the name before the wording: "hostname 'A' doesn't match either of 'B', 'C'".
func hostname(e *Event, m *match) bool {
	if !from("hostname ")(e, m) {
		return false
	}
	rest := m.text[m.start+len("hostname "):]
	e.Name = word(strings.TrimLeft(rest, `'"`))
	valid, _, _ := strings.Cut(m.rest(), ")")
	for name := range strings.SplitSeq(valid, ", ") {
		if name = word(strings.Trim(name, `'"`)); name != "" && len(e.Valid) < maxValid {
			e.Valid = append(e.Valid, name)
		}
	}
	return true
}

// openSSL are the reasons of its errors (ssl/ssl_err.c, crypto/*/*_err.c); they count where
// the line names its routines, or a program that passes its words on.
var openSSL = family{
	writer: "openssl",
	with:   []string{"SSL routines", "SSL: ", "[SSL", "[X509", "SSL_", "X509_check_private_key", "x509 certificate routines", "PEM routines", "PEM_read_bio", "routines:", "TLS/SSL connection", "system library"},
	phrases: []phrase{
		{"peer did not return a certificate", KindCertificateRequired, Refuses, Server, nil},
		{"no shared cipher", KindProtocolMismatch, Refuses, Server, nil},
		{"unsupported protocol", KindProtocolMismatch, Refuses, "", nil},
		{"no protocols available", KindProtocolMismatch, Own, "", nil},
		{"unsafe legacy renegotiation disabled", KindProtocolMismatch, Refuses, Client, nil},
		{"no suitable signature algorithm", KindProtocolMismatch, Refuses, "", nil},
		{"wrong version number", KindTLSToHTTP, Refuses, "", bySide},
		{"packet length too long", KindTLSToHTTP, Refuses, "", bySide},
		{"http request", KindHTTPToTLS, Refuses, Server, nil},
		{"https proxy request", KindHTTPToTLS, Refuses, Server, nil},
		{"key values mismatch", KindKeyMismatch, Own, "", nil},
		{"no start line", KindMalformed, Own, "", nil},
		{"bad end line", KindMalformed, Own, "", nil},
		{"bad base64 decode", KindMalformed, Own, "", nil},
		{"no certificate or crl found", KindMalformed, Own, "", nil},
		{"PEM lib", KindMalformed, Own, "", nil}, {"ASN1 lib", KindMalformed, Own, "", nil},
		{"ca md too weak", KindWeakSignature, Own, "", nil},
		{"ee key too small", KindWeakKey, Own, "", nil},
		{"ca key too small", KindWeakKey, Own, "", nil},
		{"dh key too small", KindWeakKey, Refuses, Client, nil},
		{"certificate verify failed", KindBadCertificate, Refuses, "", because},
		{"No such file or directory", KindFileMissing, Own, "", ofSystem}, {"Permission denied", KindFileUnreadable, Own, "", ofSystem},
		{"unexpected eof while reading", KindHandshakeEnded, Unclear, "", nil},
		{"SSL_ERROR_SYSCALL", KindHandshakeEnded, Unclear, "", nil},
		{"UNEXPECTED_EOF_WHILE_READING", KindHandshakeEnded, Unclear, "", nil},
		{"TLS/SSL connection has been closed (EOF)", KindHandshakeEnded, Unclear, "", nil},
	},
}

// fileReason is why a client of OpenSSL did not load a file.
func fileReason(e *Event, m *match) bool {
	switch {
	case within("o such file")(e, m):
		e.Kind = KindFileMissing
	case within("ermission denied")(e, m):
		e.Kind = KindFileUnreadable
	case within("key values mismatch", "KEY_VALUES_MISMATCH")(e, m):
		e.Kind = KindKeyMismatch
	case within("PEM routines:OPENSSL_internal:")(e, m):
		e.Kind = KindMalformed
	case within("key too small")(e, m):
		e.Kind = KindWeakKey
	case within("md too weak")(e, m):
		e.Kind = KindWeakSignature
	}
	return true
}
