package logs

// triggers are words of which each line has one that can be an event, tell of files in
// use, or look like TLS. They are compared as they are. They are short and few, so that
// lines without one are passed over at little cost.
var triggers = []string{
	"x509", "X509", "tls: ", "tls-info", "tlsv1", "TLS", "SSL", "sslv3", "ssl/tls", "ssl_error", "ertificate", "CERT", "ertPathValidator", "ertification path", "LEAF_SIGNATURE", "Algorithm constraints", "locally verify the issuer", "altnames", "subject alternative", "requested host name", "No name matching ",
	"HTTPS", "PEM", "RSA or ECDSA", "asn1: ", "rsa: ", "-bit keys", "rivate key", "No Private Key", "handshake", "ServerHandshake", "PKIX", "fatal alert", "’ is ", "’ has ", "’ doesn't ",
	"ile or directory", "The system cannot find the ", "ermission denied", "s a directory", "KeyFile", "cert has non empty", "valid client cert", "CA bundle", "serving cert", "rotate certs",
	"bearer token", "cryptographic primitive", "oken has ", "oken is not valid yet", "Common Name", "depth lookup", "Unauthorized", " is forbidden: ", "bad status from ", "provide credentials", "username/password combination", "must be logged in", "trust anchors", "public keys ", "JWS signature", "corresponding CA", "CA cert", "trusted CA ", "RSA nor ECDSA",
	"cluster ID mismatch", "rejected connection", "rejected stream", "rejected the stream", "peer-urls", " added member ", "bootstrap kubeconfig", "unable to parse bytes",
	"csr-controller::", "for csr", "signing csr", "signing request", "subject access review", "signer has expired", "SignerValidationFailure", "malformed HTTP response", "bogus greeting",
	"verify error:num=", "Verification error: ", "Verify return code: ", "routines", "system library",
	"eceived alert [", "received corrupt message", "t match", "does not exist or is empty", "open the ca-file", "insecure algorithm", "KeyUsage extension", "verify cert failed: ", "missing key ", "provided to --cacert", "Invalid path: ",
	"FLAG: --", "Running: ", "Running kube", "ETCD_", "request-header::", "client-ca-bundle::", "cert::", "cert-files::", "cert/key pair",
}
