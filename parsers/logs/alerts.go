package logs

import "strings"

// alert is one of TLS (RFC 8446, section 6.2; RFC 6066; RFC 7627), which the other end sent.
type alert struct {
	kind Kind
	side Side
	// name is that of the RFC, golang what Go writes (crypto/tls alert.go), gnuTLS what GnuTLS
	// writes (lib/alert.c), and number its number there; "" for those that one does not know.
	name, golang, gnuTLS, number string
}

// alerts are in the order in which they are tried: one whose name begins as that of another
// does stands before it.
var alerts = []alert{
	{KindRevoked, "", "bad_certificate_status_response", "bad certificate status response", "", ""},
	{KindBadCertificate, "", "bad_certificate", "bad certificate", "Certificate is bad", "42"},
	{KindUnsupportedCertificate, "", "unsupported_certificate", "unsupported certificate", "Certificate is not supported", "43"},
	{KindRevoked, "", "certificate_revoked", "revoked certificate", "Certificate was revoked", "44"},
	{KindExpired, "", "certificate_expired", "expired certificate", "Certificate is expired", "45"},
	{KindUnknownAuthority, "", "unknown_ca", "unknown certificate authority", "CA is unknown", "48"},
	{KindBadCertificate, "", "certificate_unknown", "unknown certificate", "Unknown certificate", "46"},
	{KindBadCertificate, "", "access_denied", "access denied", "Access was denied", "49"},
	{KindCertificateRequired, Client, "certificate_required", "certificate required", "Certificate is required", "116"},
	{KindHandshakeFailure, "", "handshake_failure", "handshake failure", "Handshake failed", "40"},
	{KindHandshakeFailure, "", "insufficient_security", "insufficient security", "Insufficient security", "71"},
	{KindHandshakeFailure, "", "illegal_parameter", "illegal parameter", "Illegal parameter", "47"},
	{KindHandshakeFailure, "", "decrypt_error", "error decrypting message", "Decrypt error", "51"},
	{KindHandshakeFailure, "", "decode_error", "error decoding message", "Decode error", "50"},
	{KindHandshakeFailure, "", "unexpected_message", "unexpected message", "Unexpected message", "10"},
	{KindHandshakeFailure, "", "bad_record_mac", "bad record MAC", "Bad record MAC", "20"},
	{KindHandshakeFailure, "", "record_overflow", "record overflow", "Record overflow", "22"},
	{KindHandshakeFailure, "", "missing_extension", "missing extension", "An extension was expected but was not seen", "109"},
	{KindHandshakeFailure, "", "unsupported_extension", "unsupported extension", "An unsupported extension was sent", "110"},
	{KindHandshakeFailure, "", "no_renegotiation", "no renegotiation", "No renegotiation is allowed", "100"},
	{KindProtocolMismatch, "", "protocol_version", "protocol version", "Error in protocol version", "70"},
	{KindProtocolMismatch, "", "inappropriate_fallback", "inappropriate fallback", "Inappropriate fallback", "86"},
	{KindProtocolMismatch, "", "no_application_protocol", "no application protocol", "No supported application protocol could be negotiated", "120"},
	{KindInternalError, "", "internal_error", "internal error", "Internal error", "80"},
	{KindUnrecognizedName, Client, "unrecognized_name", "unrecognized name", "The server name sent was not recognized", "112"},
	{KindHandshakeEnded, "", "user_canceled", "user canceled", "User canceled", "90"},
	{KindHandshakeEnded, "", "close_notify", "", "Close notify", "0"},
}

// alertsIn are the alerts in the spelling of one writer, behind its gates; one that it
// does not spell is left out.
func alertsIn(writer string, spelling func(alert) string, gates ...string) family {
	f := family{gates: gates, writer: writer}
	for _, a := range alerts {
		if text := spelling(a); text != "" {
			f.phrases = append(f.phrases, phrase{text, a.kind, Refused, a.side, nil})
		}
	}
	return f
}

// goAlerts are Go's. Those without a row are such as for QUIC and for ECH.
var goAlerts = func() family {
	f := alertsIn("", func(a alert) string { return a.golang }, "remote error: tls: ")
	f.phrases = append(f.phrases, phrase{"", KindHandshakeFailure, Refused, "", nil})
	return f
}()

// openSSLAlerts and openSSLReasons are OpenSSL's (ssl/ssl_err.c) and BoringSSL's: in words,
// and as the constants that Python, Node and BoringSSL write of them.
var (
	openSSLAlerts  = alertsIn("openssl", openSSLName, "sslv3 alert ", "tlsv1 alert ", "tlsv13 alert ", "ssl/tls alert ", "tlsv1 ")
	openSSLReasons = alertsIn("openssl", func(a alert) string { return strings.ToUpper(strings.ReplaceAll(openSSLName(a), " ", "_")) },
		"SSLV3_ALERT_", "TLSV1_ALERT_", "TLSV13_ALERT_", "TLSV1_")
)

func openSSLName(a alert) string {
	switch a.name {
	case "close_notify": // it has no words for it
		return ""
	case "user_canceled":
		return "user cancelled"
	}
	return strings.ReplaceAll(a.name, "_", " ")
}

// javaAlerts are those of sun.security.ssl (Alert.java); of the last two it says something else.
var javaAlerts = alertsIn("java", func(a alert) string {
	if a.kind == KindHandshakeEnded {
		return ""
	}
	return a.name
}, "Received fatal alert: ")

// rustlsAlerts are those of rustls (enums.rs).
var rustlsAlerts = alertsIn("rustls", func(a alert) string {
	switch a.name {
	case "unknown_ca":
		return "UnknownCA"
	case "unrecognized_name":
		return "UnrecognisedName"
	}
	name := ""
	for word := range strings.SplitSeq(a.name, "_") {
		name += strings.ToUpper(word[:1]) + word[1:]
	}
	return name
}, "received fatal alert: ")

// gnuTLSAlerts and gnuTLSNames are those of GnuTLS: as wget and gnutls-cli write them, with
// their numbers, and as git and others that use curl with GnuTLS do.
var (
	gnuTLSAlerts = alertsIn("gnutls", func(a alert) string {
		if a.number == "" {
			return ""
		}
		return a.number + "]: "
	}, "received alert [", "Received alert [")
	gnuTLSNames = alertsIn("gnutls", func(a alert) string { return a.gnuTLS }, "gnutls_handshake() failed: ")
)
