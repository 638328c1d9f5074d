package logs

import "strings"

// families are the wordings, in the order in which they are tried: what the other end
// said first, then what the writer found, the more exact before the less.
var families = []family{
	goAlerts, openSSLAlerts, openSSLReasons, javaAlerts, rustlsAlerts, gnuTLSAlerts, gnuTLSNames,
	goX509, macOS, goTLS, verifications, ofNode, ofCurl, ofWget, gnuTLSVerdicts, gnuTLSErrors, ofJava, nodeErrors, rustls, overOpenSSL, ofNginx, ofHAProxy, ofHTTPD, ofEnvoy, boringSSL, openSSL, mixups, deprecated,
	requests, installers, ownFiles, tokens, etcdPeers, interrupted, refusals,
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
		{"certificate specifies an incompatible key usage", KindKeyUsage, Refuses, "", nil},
		{"certificate is not authorized to sign other certificates", KindNotACA, Refuses, "", nil},
		{"invalid signature: parent certificate cannot sign", KindNotACA, Refuses, "", nil},
		{"a root or intermediate certificate is not authorized to sign", KindChainInvalid, Refuses, "", nil},
		{"too many intermediates for path length constraint", KindChainInvalid, Refuses, "", nil},
		{"unhandled critical extension", KindChainInvalid, Refuses, "", nil},
		{"no valid chains built", KindChainInvalid, Refuses, "", nil},
		{"signature check attempts limit reached", KindChainInvalid, Refuses, "", nil},
		{"failed to load system roots", KindUnknownAuthority, Refuses, "", nil},
		{"cannot verify signature: insecure algorithm", KindWeakSignature, Refuses, "", nil},
		{"cannot verify signature: algorithm unimplemented", KindWeakSignature, Refuses, "", nil},
		{"RSA key missing NULL parameters", KindMalformed, Own, "", fromOther},
		{"malformed ", KindMalformed, Own, "", fromOther}, {"invalid ", KindMalformed, Own, "", fromOther}, {"failed to parse ", KindMalformed, Own, "", fromOther},
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
		{"client offered an unsupported, maximum protocol version", KindProtocolMismatch, Refuses, Server, nil},
		{"client using inappropriate protocol fallback", KindProtocolMismatch, Refuses, Server, nil},
		{"unsupported SSLv2 handshake received", KindProtocolMismatch, Refuses, Server, nil},
		{"client requested unsupported application protocols", KindProtocolMismatch, Refuses, Server, nil},
		{"no cipher suite supported by both client and server", KindProtocolMismatch, Refuses, Server, nil},
		{"no key exchanges supported by both client and server", KindProtocolMismatch, Refuses, Server, nil},
		{"no ECDHE curve supported by both client and server", KindProtocolMismatch, Refuses, Server, nil},
		{"peer doesn't support any of the certificate's signature algorithms", KindProtocolMismatch, Refuses, "", nil},
		{"server selected unsupported protocol version", KindProtocolMismatch, Refuses, Client, nil},
		{"server selected unsupported ", KindProtocolMismatch, Refuses, Client, nil},
		{"server chose an unconfigured cipher suite", KindProtocolMismatch, Refuses, Client, nil},
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
		{"bad record MAC", KindHandshakeFailure, Unclear, "", nil},
		{"received unexpected handshake message", KindHandshakeFailure, Refuses, "", nil},
		{"unexpected message", KindHandshakeFailure, Refuses, "", nil},
		{"received record with version", KindHandshakeFailure, Refuses, "", nil},
		{"handshake message of length", KindHandshakeFailure, Refuses, "", nil},
		{"internal error", KindInternalError, Refuses, "", nil},
		{`"`, KindClientIdentity, Refuses, Server, dnsNames},
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
		{"is neither in RSA nor ECDSA format", KindMalformed, Own, "", from("the private key file ")},
		{"contains an invalid CA cert", KindMalformed, Own, "", from("the kubeconfig file ")},
	},
}

// ownFiles are what a program says of its own files, and of what it cannot do for them.
// Sources: os; k8s.io/client-go util/cert, util/keyutil; k8s.io/apiserver
// dynamiccertificates; kubernetes pkg/kubelet/certificate; etcd client/pkg/transport;
// containers/image pkg/tlsclientconfig (CRI-O, Podman, Skopeo).
var ownFiles = family{
	phrases: []phrase{
		{"unable to load bootstrap kubeconfig", KindBootstrap, Own, "", nil},
		{"currently active client certificate has expired", KindExpired, Own, "", nil},
		{"No valid client certificate is found", KindExpired, Own, "", nil},
		{"art of the existing bootstrap client certificate", KindExpired, Own, "", lapsed},
		{"certificate serial ", KindRevoked, Refuses, Server, within(" revoked")},
		{"client certificate authentication failed", KindClientIdentity, Refuses, Server, nil},
		{"cert has non empty Common Name", KindClientIdentity, Own, "", nil},
		{"KeyFile and CertFile must both be present", KindFileMissing, Own, "", nil},
		{"missing key ", KindFileMissing, Own, "", within(" for client certificate ")}, {"missing client certificate ", KindFileMissing, Own, "", within(" for key ")},
		{"no serving certificate available for the kubelet", KindNoServingCertificate, Refuses, Server, nil},
		{"missing content for CA bundle ", KindMalformed, Own, "", nil},
		{"missing content for serving cert ", KindMalformed, Own, "", nil},
		{"data does not contain any valid RSA or ECDSA ", KindMalformed, Own, "", nil},
		{"unable to parse bytes as PEM block", KindMalformed, Own, "", nil},
		{"asn1: structure error", KindMalformed, Own, "", nil}, {"asn1: syntax error", KindMalformed, Own, "", nil},
		{"-bit keys are insecure", KindWeakKey, Refuses, "", within("rsa: ")},
		{" for reading, No such file or directory", KindFileMissing, Own, "", absent},
		{": no such file or directory", KindFileMissing, Own, "", absent}, {": No such file or directory", KindFileMissing, Own, "", absent},
		{": The system cannot find the file specified", KindFileMissing, Own, "", absent}, {": The system cannot find the path specified", KindFileMissing, Own, "", absent},
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
		{": expected 1 certificate, found ", KindRequestSigning, Own, "", from("error reading CA cert file ")},
		{"error updating signature for csr", KindRequestSigning, Own, "", nil},
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
// pkg/kubelet; k3s pkg/agent/config, pkg/server/auth.go.
var refusals = family{
	phrases: []phrase{
		{"the server has asked for the client to provide credentials", KindUnauthorized, Refused, Client, nil},
		{"You must be logged in to the server", KindUnauthorized, Refused, Client, nil},
		{"Unauthorized", KindUnauthorized, Refused, Client, within("rror retrieving lease lock", "rror retrieving resource lock", "ailed to list", "ailed to watch", "egister node",
			"pdating node", "pdate node", "ensure lease", "ensure node lease", "rror getting node", "Failed to contact API server", "CSINode", "failed to retrieve configuration from server")},
		{"invalid username/password combination", KindUnauthorized, Refuses, Server, within("Failed to authenticate request from ")},
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
