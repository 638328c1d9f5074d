package logs

// KindInfo explains a kind of event.
type KindInfo struct {
	Kind Kind
	// Title is what happened, in a few words.
	Title string
	// Severity is what such an event is worth unless more is known of it: "critical",
	// "warning" or "info".
	Severity string
	// Meaning is what the line says and what it does not say, SeenBy who writes it, and
	// Look where to look, the first place first.
	Meaning, SeenBy, Look string
	// Examples are lines as programs wrote them.
	Examples []Example
	// Sources are where the wording comes from.
	Sources []string
}

// Example is a line and what it says of the two ends.
type Example struct {
	// Program wrote it, with its version where that matters.
	Program string
	// Text is what it wrote, without what carried it.
	Text      string
	Direction Direction
	Side      Side
}

// Kinds returns a row for each kind of event, in the order of documentation.
func Kinds() []KindInfo { return kinds }

const (
	critical = "critical"
	warning  = "warning"
	info     = "info"
)

var kinds = []KindInfo{
	{KindUnknownAuthority, "a certificate signed by a CA that is not trusted", critical,
		"One end checked the other's certificate, and none of the CAs that it trusts signed it. Where the line names a candidate, it trusts a CA of that very name with another key: the CA was made again, and one of the two ends still has the old one. An alert (`remote error`, `alert unknown ca`) says the same of the writer's own certificate.",
		"Every client of a server whose certificate another CA signed; servers that verify clients; kubectl with a kubeconfig of an earlier cluster.",
		"The CA that the refusing end reads (`certificate-authority-data`, `--client-ca-file`, `--etcd-cafile`, `--trusted-ca-file`, the `caBundle` of a webhook), and the issuer of the certificate that was presented. Compare the keys, not the names.",
		[]Example{
			{"kubectl 1.37.2", `Unable to connect to the server: tls: failed to verify certificate: x509: certificate signed by unknown authority (possibly because of "crypto/rsa: verification error" while trying to verify candidate authority certificate "kubernetes")`, Refuses, Client},
			{"kube-apiserver", `"Unable to authenticate the request" err="[x509: certificate signed by unknown authority]"`, Refuses, Server},
			{"curl 7.88.1", "curl: (60) SSL certificate problem: unable to get local issuer certificate", Refuses, Client},
			{"kubeadm 1.34", `error execution phase preflight: couldn't validate the identity of the API Server: cluster CA found in cluster-info ConfigMap is invalid: none of the public keys "sha256:181ea3313e3542f5c1791eec3e9b564435946203845b5eac793279df5779eea1" are pinned`, Refuses, Client},
			{"curl 7.88.1", "curl: (35) OpenSSL/3.0.19: error:0A000418:SSL routines::tlsv1 alert unknown ca", Refused, Client},
		}, []string{"Go crypto/x509 UnknownAuthorityError", "OpenSSL X509_verify_cert_error_string", "RFC 8446, section 6.2: unknown_ca"}},
	{KindExpired, "a certificate past its end", critical,
		"A certificate, or a CA on the way to the root, was past its end by the clock of the one that checked it. Where the line has both times, compare them: a clock that is days ahead of other machines makes good certificates look old. `expired certificate` as an alert of a Go server is also what a client hears whose certificate is not valid yet.",
		"Everything that calls a server which was not renewed; servers that verify clients; kubelets whose own certificate ran out.",
		"The end of the certificate that was presented and of its CA, then whether the process that serves it was restarted after the renewal, then the clock.",
		[]Example{
			{"kube-controller-manager 1.37.2", `"Error retrieving lease lock" err="Get \"https://172.17.0.27:6443/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-controller-manager?timeout=5s\": tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-11-26T01:55:01Z is after 2026-11-20T00:00:00Z" lock="kube-system/kube-controller-manager"`, Refuses, Client},
			{"etcd 3.4.23", `embed: rejected connection from "127.0.0.1:49344" (error "tls: failed to verify client certificate: x509: certificate has expired or is not yet valid: current time 2026-11-26T01:54:34Z is after 2026-11-20T00:00:00Z", ServerName "")`, Refuses, Server},
			{"kubelet 1.11", `Part of the existing bootstrap client certificate is expired: 2018-07-06 12:32:00 +0000 UTC`, Own, UnknownSide},
			{"kubelet 1.34", `"The currently active client certificate has expired, but the server is not responsive. A restart may be necessary to retrieve new initial credentials."`, Own, UnknownSide},
			{"a client in Go", `Get "https://127.0.0.1:6443/": remote error: tls: expired certificate`, Refused, Client},
		}, []string{"Go crypto/x509 CertificateInvalidError", "kubernetes pkg/kubelet/certificate/transport.go, bootstrap/bootstrap.go"}},
	{KindNotYetValid, "a certificate before its begin", critical,
		"A certificate begins later than the clock of the one that checked it. Certificates begin when they are signed: either that clock is slow, or that of the machine which signed was fast. Few minutes end by themselves.",
		"Clients and servers on a machine with a wrong clock, most often right after it was started or a certificate was made.",
		"The clocks of both machines (`timedatectl`), then the begin of the certificate.",
		[]Example{
			{"kubectl 1.37.2", `Unable to connect to the server: tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-11-26T01:57:13Z is before 2027-01-01T00:00:00Z`, Refuses, Client},
			{"curl 7.88.1", "curl: (60) SSL certificate problem: certificate is not yet valid", Refuses, Client},
		}, []string{"Go crypto/x509 CertificateInvalidError", "OpenSSL X509_verify_cert_error_string"}},
	{KindNameMismatch, "a certificate that is not valid for the name or address that was called", critical,
		"The certificate is signed as it should be, and is for other names or addresses than the client called. Most lines say which name was called, and those of Go which ones the certificate has.",
		"Clients that call by an address which was added or changed later: a load balancer, a new address of the node, a service of another namespace.",
		"The names in the server's certificate against the address in the client's kubeconfig, flag or webhook. Either add the name and issue again, or call by a name that it has.",
		[]Example{
			{"kubectl 1.37.2", `Unable to connect to the server: tls: failed to verify certificate: x509: certificate is valid for 10.96.0.1, not 172.17.0.27`, Refuses, Client},
			{"curl 7.88.1", "curl: (60) SSL: no alternative certificate subject name matches target host name '172.17.0.27'", Refuses, Client},
			{"Node.js 20", "Error [ERR_TLS_CERT_ALTNAME_INVALID]: Hostname/IP does not match certificate's altnames: IP: 127.0.0.1 is not in the cert's list: 192.0.2.11", Refuses, Client},
		}, []string{"Go crypto/x509 HostnameError", "curl lib/vtls/openssl.c"}},
	{KindNoNames, "a certificate with no names or addresses of the kind that was called", critical,
		"The certificate has no subject alternative names at all, or none that are addresses where an address was called. The common name does not count: Go ignores it since 1.15.",
		"metrics-server and kube-apiserver that call kubelets with certificates of their own making; clients of hand-made certificates.",
		"The server's certificate: issue it with the names and addresses by which it is called. For kubelets, `serverTLSBootstrap: true` and approved requests.",
		[]Example{
			{"metrics-server 0.6", `"Failed to scrape node" err="Get \"https://10.0.0.25:10250/metrics/resource\": x509: cannot validate certificate for 10.0.0.25 because it doesn't contain any IP SANs" node="worker-0"`, Refuses, Client},
			{"a client in Go", `Get "https://master:6443/": tls: failed to verify certificate: x509: certificate relies on legacy Common Name field, use SANs instead`, Refuses, Client},
		}, []string{"Go crypto/x509 HostnameError"}},
	{KindKeyUsage, "a certificate that is not for this use", critical,
		"The certificate, or a CA above it, may be used for other purposes: a server shows one that is for client authentication, or a client one that is for servers.",
		"etcd, whose members are servers and clients of each other with one certificate; hand-made certificates.",
		"The extended key usages of the certificate that was presented: `serverAuth` for servers, `clientAuth` for clients, both for etcd's members.",
		[]Example{
			{"kube-apiserver 1.37.2", `[core] [Channel #3 SubChannel #4] grpc: addrConn.createTransport failed to connect to {Addr: "127.0.0.1:2379", ServerName: "127.0.0.1:2379", }. Err: connection error: desc = "transport: authentication handshake failed: tls: failed to verify certificate: x509: certificate specifies an incompatible key usage"`, Refuses, Client},
			{"etcd 3.5", `{"level":"warn","ts":"2025-06-16T09:22:28.579816Z","caller":"embed/config_logging.go:169","msg":"rejected connection","remote-addr":"[::1]:35480","server-name":"","error":"tls: failed to verify certificate: x509: certificate specifies an incompatible key usage"}`, Refuses, Server},
			{"OpenSSL 3.0.19", "verify error:num=26:unsuitable certificate purpose", Refuses, UnknownSide},
		}, []string{"Go crypto/x509 IncompatibleUsage", "RFC 5280, section 4.2.1.12"}},
	{KindNotACA, "a certificate signed by a certificate that is no CA", critical,
		"The certificate that signed may not sign: it lacks CA:TRUE, or its key usage lacks certificate signing.",
		"Clients and servers that check a hand-made chain.",
		"The CA file that the refusing end reads: the basic constraints and the key usage of what stands there.",
		[]Example{
			{"a client in Go", `Get "https://127.0.0.1:6443/": tls: failed to verify certificate: x509: certificate signed by unknown authority (possibly because of "x509: invalid signature: parent certificate cannot sign this kind of certificate" while trying to verify candidate authority certificate "leaf")`, Refuses, Client},
			{"curl 7.88.1", "curl: (60) SSL certificate problem: invalid CA certificate", Refuses, Client},
		}, []string{"Go crypto/x509 NotAuthorizedToSign, ConstraintSignatureError"}},
	{KindChainInvalid, "a chain that breaks a rule", critical,
		"The chain to the root exists and breaks a rule of RFC 5280: constraints on names or on its length, a critical extension that is not understood, no list of revoked certificates where one must be.",
		"Clients and servers that check certificates of a corporate CA.",
		"The intermediate CAs: their constraints, and whether all of them are in the file that is served.",
		[]Example{
			{"a client in Go", `Get "https://127.0.0.1:6443/": tls: failed to verify certificate: x509: too many intermediates for path length constraint`, Refuses, Client},
			{"a client in Go", `Get "https://127.0.0.1:6443/": tls: failed to verify certificate: x509: unhandled critical extension`, Refuses, Client},
		}, []string{"Go crypto/x509 verify.go", "RFC 5280, section 6"}},
	{KindWeakSignature, "a signature that is no longer accepted", critical,
		"The certificate is signed with SHA-1 or MD5. Go does not accept that since 1.18, OpenSSL 3 by its usual security level.",
		"Programs after an upgrade, with certificates that are many years old.",
		"The signature algorithm of the certificate: issue it again with SHA-256.",
		[]Example{
			{"a client in Go", `Get "https://127.0.0.1:6443/": tls: failed to verify certificate: x509: certificate signed by unknown authority (possibly because of "x509: cannot verify signature: insecure algorithm SHA1-RSA" while trying to verify candidate authority certificate "old")`, Refuses, Client},
			{"OpenSSL 3.0", "4007DB7EFA7F0000:error:0A00018E:SSL routines:SSL_CTX_use_certificate:ca md too weak:../ssl/ssl_rsa.c:221:", Own, UnknownSide},
		}, []string{"Go crypto/x509 InsecureAlgorithmError", "OpenSSL SSL_CTX_set_security_level"}},
	{KindWeakKey, "a key that is too short, or too long", critical,
		"The key of a certificate is shorter than is accepted, or so long that checking it would be an attack.",
		"Programs after an upgrade, with keys of 1024 bits or less.",
		"The length of the key: 2048 bits or more for RSA, and no more than 8192.",
		[]Example{
			{"OpenSSL 3.0", "4007DB7EFA7F0000:error:0A00018F:SSL routines:SSL_CTX_use_certificate:ee key too small:../ssl/ssl_rsa.c:221:", Own, UnknownSide},
			{"a client in Go", `Get "https://127.0.0.1:6443/": tls: server sent certificate containing RSA key larger than 8192 bits`, Refuses, Client},
			{"a server in Go", `http: TLS handshake error from 127.0.0.1:49344: tls: failed to verify certificate: crypto/rsa: 512-bit keys are insecure (see https://go.dev/pkg/crypto/rsa#hdr-Minimum_key_size)`, Refuses, Server},
		}, []string{"Go crypto/tls, crypto/rsa", "OpenSSL ssl/ssl_err.c"}},
	{KindRevoked, "a certificate that was revoked", critical,
		"The certificate stands on a list of revoked ones, or the other end says so.",
		"etcd with `--client-crl-file` or `--peer-crl-file`; servers outside of Kubernetes. Kubernetes itself revokes nothing.",
		"The list that the refusing end reads, and the serial number of the certificate.",
		[]Example{
			{"etcd 3.6", `{"level":"warn","msg":"rejected connection on client endpoint","remote-addr":"10.0.0.5:34328","server-name":"","error":"transport: certificate serial 1234 revoked"}`, Refuses, Server},
			{"curl 7.88.1", "curl: (35) OpenSSL/3.0.19: error:0A000414:SSL routines::sslv3 alert certificate revoked", Refused, Client},
		}, []string{"etcd client/pkg/transport/listener_tls.go", "RFC 8446, section 6.2: certificate_revoked"}},
	{KindBadCertificate, "a certificate refused, and the line does not say why", critical,
		"The reason stands in the log of the end that refused: near this line, where it is the writer. An alert (`remote error`, `alert bad certificate`) is from the other end: in a server's log the client did not accept the server; in a client's log the server did not accept the client's certificate. Go sends it for most reasons. The server of k3s hears it once of each agent that starts, which tries whether its host knows the CA.",
		"etcd and kube-apiserver, of clients that do not accept them; clients of etcd.",
		"The log of the end that refused, at the same time; then the certificate of the other: its end, its CA against the one that the refusing end trusts, its names, its usages.",
		[]Example{
			{"etcd 3.4.23", `embed: rejected connection from "127.0.0.1:49804" (error "remote error: tls: bad certificate", ServerName "")`, Refused, Server},
			{"kube-apiserver 1.37.2", `[core] [Channel #1 SubChannel #3] grpc: addrConn.createTransport failed to connect to {Addr: "127.0.0.1:2379", ServerName: "127.0.0.1:2379", }. Err: connection error: desc = "error reading server preface: remote error: tls: bad certificate"`, Refused, Client},
			{"kube-apiserver", `http: TLS handshake error from 10.244.0.7:39572: remote error: tls: unknown certificate`, Refused, Server},
			{"curl 7.88.1", "curl: (35) OpenSSL/3.0.19: error:0A000412:SSL routines::sslv3 alert bad certificate", Refused, Client},
			{"Envoy", "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure, transport failure reason: TLS error: 268435581:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED", Refuses, Client},
			{"OpenSSL 3.0.19", "4017B975407F0000:error:0A000086:SSL routines:tls_post_process_server_certificate:certificate verify failed:../ssl/statem/statem_clnt.c:1889:", Refuses, Client},
		}, []string{"RFC 8446, section 6.2: bad_certificate, certificate_unknown, access_denied", "Go crypto/tls alert.go"}},
	{KindUnsupportedCertificate, "a certificate of a kind that is not supported", critical,
		"The kind of the key, or the purpose of the certificate, is one that the refusing end does not take. OpenSSL sends this alert for wrong purposes.",
		"Clients of servers that use OpenSSL; old programs with Ed25519 keys.",
		"The extended key usages of the certificate that was refused, then the kind of its key.",
		[]Example{
			{"curl 7.88.1", "curl: (35) OpenSSL/3.0.19: error:0A000413:SSL routines::sslv3 alert unsupported certificate", Refused, Client},
			{"a client in Go", `Get "https://127.0.0.1:6443/": remote error: tls: unsupported certificate`, Refused, Client},
		}, []string{"RFC 8446, section 6.2: unsupported_certificate"}},
	{KindClientIdentity, "a valid certificate of somebody else than expected", critical,
		"An etcd checks of its peers that the certificate names the address they call from, and where it is set up so, that the common name or a host name is an allowed one. The certificate is valid otherwise.",
		"etcd, of its peers: after an address changed, or where traffic between members goes through a gateway; with `--peer-cert-allowed-cn`.",
		"The names of the calling member's peer certificate against the address in the line; `--peer-cert-allowed-cn`, `--peer-cert-allowed-hostname` and `--client-cert-allowed-hostname` of the writer.",
		[]Example{
			{"etcd 3.5", `{"level":"warn","ts":"2024-01-18T10:32:00.798486Z","caller":"embed/config_logging.go:160","msg":"rejected connection","remote-addr":"10.1.1.36:34328","server-name":"","ip-addresses":["10.1.1.35"],"dns-names":["localhost","etcd"],"error":"tls: \"10.1.1.36\" does not match any of DNSNames [\"localhost\" \"etcd\"] (lookup etcd: no such host)"}`, Refuses, Server},
			{"etcd 3.6", `{"level":"warn","msg":"rejected connection on peer endpoint","remote-addr":"10.0.0.5:34328","server-name":"","error":"client certificate authentication failed"}`, Refuses, Server},
		}, []string{"etcd client/pkg/transport/listener_tls.go, listener.go"}},
	{KindCertificateRequired, "a client without a certificate", warning,
		"The server takes nobody without a certificate of a client, and this one presented none: it has none, or none of a CA that the server asked for.",
		"etcd and kubelets, of clients without a certificate such as probes; and those clients.",
		"The client: its kubeconfig or the flags with its certificate and key. A client that is not a component's may well be a scan.",
		[]Example{
			{"a server in Go", `http: TLS handshake error from 127.0.0.1:59842: tls: client didn't provide a certificate`, Refuses, Server},
			{"a client in Go", `Get "https://127.0.0.1:2379/": remote error: tls: certificate required`, Refused, Client},
			{"curl 7.88.1", "curl: (98) OpenSSL/3.0.19: error:0A00045C:SSL routines::tlsv13 alert certificate required", Refused, Client},
		}, []string{"Go crypto/tls", "RFC 8446, section 6.2: certificate_required"}},
	{KindHandshakeFailure, "a handshake that the two ends cannot agree on", warning,
		"One end gave up in the middle: nothing of what it was offered suits it, or what came could not be read or proven. In TLS 1.2 a client without a certificate hears this too. HAProxy says no more than this of whatever fails, a certificate that it does not trust among it. `bad record MAC` in the log of a server in Go or with BoringSSL is most often a client with OpenSSL (curl, Python) that refuses the server's certificate in TLS 1.3: its alert cannot be read.",
		"Clients and servers of very different age; whatever meets a proxy that changes the stream; HAProxy.",
		"The log of the other end at the same time; then versions, cipher suites, and whether the client presents a certificate; for `bad record MAC`, the CA that the client trusts.",
		[]Example{
			{"a client in Go", `Get "https://127.0.0.1:6443/": remote error: tls: handshake failure`, Refused, Client},
			{"a server in Go", `http: TLS handshake error from 127.0.0.1:49344: local error: tls: bad record MAC`, Unclear, Server},
			{"HAProxy 2.6.12", `127.0.0.1:49308 [26/Nov/2026:20:04:21.052] f/1: SSL handshake failure`, Unclear, Server},
		}, []string{"RFC 8446, section 6.2", "Go crypto/tls alert.go", "HAProxy src/session.c"}},
	{KindInternalError, "the other end failed in the handshake", critical,
		"The other end had a fault of its own. Where it is a kubelet, it has no serving certificate: it asked for one, and nobody approved the request.",
		"kube-apiserver and metrics-server that call a kubelet (`kubectl logs`, `kubectl exec`).",
		"`kubectl get csr` for pending requests of kubernetes.io/kubelet-serving; the log of the other end.",
		[]Example{
			{"kube-apiserver", `"Unhandled Error" err="error dialing backend: remote error: tls: internal error"`, Refused, UnknownSide},
			{"metrics-server", `"Failed to scrape node" err="Get \"https://10.0.0.25:10250/metrics/resource\": remote error: tls: internal error" node="worker-0"`, Refused, Client},
		}, []string{"RFC 8446, section 6.2: internal_error", "kubernetes pkg/kubelet/kubelet.go"}},
	{KindNoServingCertificate, "a server without a certificate", critical,
		"The server was called and has no certificate to show. A kubelet with `serverTLSBootstrap` has none until its request is approved.",
		"kubelets; servers whose certificate comes from somewhere else.",
		"`kubectl get csr`: approve what is pending and asked for by the node itself.",
		[]Example{
			{"kubelet 1.37.2", `"http: TLS handshake error from 192.0.2.11:46024: no serving certificate available for the kubelet"`, Refuses, Server},
			{"a server in Go", `http: TLS handshake error from 127.0.0.1:49344: tls: no certificates configured`, Refuses, Server},
		}, []string{"kubernetes pkg/kubelet/kubelet.go", "Go crypto/tls"}},
	{KindUnrecognizedName, "a name that the server does not serve", warning,
		"The server has no certificate for the name that the client called, and none for others.",
		"Clients of ingress controllers and of servers with one certificate a name.",
		"The name in the client's URL, and the names that the server is set up for.",
		[]Example{
			{"curl 7.88.1", "curl: (35) OpenSSL/3.0.19: error:0A000458:SSL routines::tlsv1 unrecognized name", Refused, Client},
			{"a client in Go", `Get "https://127.0.0.1:6443/": remote error: tls: unrecognized name`, Refused, Client},
		}, []string{"RFC 6066, section 3: unrecognized_name"}},
	{KindProtocolMismatch, "no version or cipher suite in common", warning,
		"The two ends speak different versions of TLS, or have no cipher suite, curve or protocol in common. No certificate is at fault.",
		"Servers with `--tls-min-version` or `--tls-cipher-suites`, and old clients; scans that try old versions.",
		"`--tls-min-version` and `--tls-cipher-suites` of the server, and the age of the client.",
		[]Example{
			{"a server in Go", `http: TLS handshake error from 127.0.0.1:49344: tls: client offered only unsupported versions: [303 302 301]`, Refuses, Server},
			{"a server in Go", `http: TLS handshake error from 127.0.0.1:49344: tls: no cipher suite supported by both client and server; client offered: [c02c]`, Refuses, Server},
			{"a client in Go", `Get "https://127.0.0.1:6443/": remote error: tls: protocol version not supported`, Refused, Client},
		}, []string{"Go crypto/tls", "RFC 8446, section 6.2: protocol_version"}},
	{KindHTTPToTLS, "plain HTTP to a port that speaks TLS", warning,
		"A client without TLS called a port with TLS. Nothing is wrong with certificates.",
		"Servers, of probes and scrapers whose URL says http or whose scheme is missing; and those clients.",
		"The client's URL or `scheme`: it is to say https.",
		[]Example{
			{"kube-apiserver", `http: TLS handshake error from 10.244.0.7:39572: client sent an HTTP request to an HTTPS server`, Refuses, Server},
			{"etcd 3.3", `rejected connection from "10.2.93.42:56524" (error "tls: first record does not look like a TLS handshake", ServerName "")`, Refuses, Server},
			{"curl 7.88.1", "Client sent an HTTP request to an HTTPS server.", Refused, Client},
		}, []string{"Go net/http server.go", "Go crypto/tls"}},
	{KindTLSToHTTP, "TLS to a port that speaks plain HTTP", warning,
		"A client with TLS called a port without it. Nothing is wrong with certificates.",
		"Clients whose URL says https: container runtimes that pull from a registry without TLS, webhooks, etcd's clients.",
		"The server's port and its settings for TLS, or the client's URL.",
		[]Example{
			{"containerd 1.7", `level=error msg="PullImage \"registry:5000/pause:3.9\" failed" error="failed to pull and unpack image \"registry:5000/pause:3.9\": failed to resolve reference \"registry:5000/pause:3.9\": failed to do request: Head \"https://registry:5000/v2/pause/manifests/3.9\": http: server gave HTTP response to HTTPS client"`, Refuses, Client},
			{"a client in Go", `dial tcp 127.0.0.1:2379: tls: first record does not look like a TLS handshake`, Refuses, Client},
			{"curl 7.88.1", "curl: (35) error:0A00010B:SSL routines::wrong version number", Refuses, Client},
		}, []string{"Go net/http client.go", "OpenSSL ssl/ssl_err.c"}},
	{KindHandshakeEnded, "the other end went away in the handshake", info,
		"The connection ended before the handshake did, without an alert. Health checks of load balancers and scans of ports do so all the time; a client that does not like a certificate may do so too.",
		"Every server with TLS behind a load balancer; clients of a server that is just ending.",
		"Who has the address in the line. A check of a load balancer may be ignored; from a component, look into its log.",
		[]Example{
			{"kube-apiserver", `http: TLS handshake error from 10.244.0.7:39572: EOF`, Unclear, Server},
			{"etcd 3.3", `rejected connection from "10.2.93.42:56524" (error "EOF", ServerName "")`, Unclear, Server},
			{"curl 7.68", "curl: (35) OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to 127.0.0.1:6443", Unclear, Client},
		}, []string{"Go net/http server.go", "etcd embed/config.go"}},
	{KindHandshakeTimeout, "a handshake that took too long", warning,
		"The other end took the connection and did not answer in time. That is the network, a firewall, or a machine that is too busy, and seldom a certificate.",
		"Clients of an API server that is overloaded or behind a broken network.",
		"The load of the other end, and the network between the two (MTU, firewalls).",
		[]Example{
			{"kubectl", "Unable to connect to the server: net/http: TLS handshake timeout", Unclear, Client},
			{"a server in Go", "http: TLS handshake error from 10.244.0.7:39572: read tcp 10.244.0.3:8443->10.244.0.7:39572: i/o timeout", Unclear, Server},
		}, []string{"Go net/http transport.go"}},
	{KindKeyMismatch, "certificate and key are no pair", critical,
		"The private key is not that of the certificate: one of the two files was replaced without the other. curl says the same of a key that is not there.",
		"Servers and clients when they start, or when they read renewed files again.",
		"Both files, and which of the two is newer; the certificate that belongs to the key, or the other way round.",
		[]Example{
			{"kube-apiserver 1.22", `key failed with : tls: private key does not match public key`, Own, UnknownSide},
			{"curl 7.88.1", "curl: (58) unable to set private key file: 'other.key' type PEM", Own, UnknownSide},
			{"nginx 1.22.1", `[emerg] 29021#29021: SSL_CTX_use_PrivateKey("/etc/tls/other.key") failed (SSL: error:05800074:x509 certificate routines::key values mismatch)`, Own, UnknownSide},
		}, []string{"Go crypto/tls X509KeyPair", "OpenSSL X509_check_private_key"}},
	{KindMalformed, "a file, or what was presented, cannot be parsed", critical,
		"There is no certificate or key where one should be: an empty file, a key in the place of the certificate, DER for PEM, base64 twice, a damaged copy.",
		"Components when they start; controllers that read secrets and `caBundle`.",
		"The file, its first line, and the setting that names it. certaudit inspect FILE says what it holds.",
		[]Example{
			{"kube-apiserver 1.37.2", `"command failed" err="tls: failed to find any PEM data in certificate input"`, Own, UnknownSide},
			{"a client in Go", `tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched`, Own, UnknownSide},
			{"a program in Go", `x509: malformed certificate`, Own, UnknownSide},
			{"kubectl", `error: unable to load root certificates: unable to parse bytes as PEM block`, Own, UnknownSide},
			{"a program in Go before 1.17", `asn1: structure error: tags don't match (16 vs {class:1 tag:2 length:110 isCompound:true})`, Own, UnknownSide},
		}, []string{"Go crypto/tls X509KeyPair, crypto/x509 parser.go", "k8s.io/client-go util/cert"}},
	{KindFileMissing, "a file is not there", critical,
		"A certificate, key or kubeconfig is not where the setting says, as seen from the process: in a container, only what is mounted is there.",
		"Components when they start.",
		"The path in the line on the node, then the volumes of the pod; a link that leads to nothing looks the same.",
		[]Example{
			{"kube-apiserver 1.37.2", `"command failed" err="open /etc/kubernetes/pki/apiserver.key: no such file or directory"`, Own, UnknownSide},
			{"kubelet", `"Failed to run kubelet" err="failed to run Kubelet: invalid configuration: [unable to read client-cert /var/lib/kubelet/pki/kubelet-client-current.pem for default-auth due to open /var/lib/kubelet/pki/kubelet-client-current.pem: no such file or directory, unable to read client-key /var/lib/kubelet/pki/kubelet-client-current.pem for default-auth due to open /var/lib/kubelet/pki/kubelet-client-current.pem: no such file or directory]"`, Own, UnknownSide},
		}, []string{"Go os", "k8s.io/client-go tools/clientcmd"}},
	{KindFileUnreadable, "a file cannot be read", critical,
		"A certificate, key or kubeconfig is there, and the process may not read it, or it is a folder: container runtimes make a folder where a mounted file is missing.",
		"Components that do not run as root, etcd above all.",
		"The owner and mode of the file and of every folder above it, against the user of the process.",
		[]Example{
			{"etcd 3.6.16", `{"level":"fatal","ts":"2026-11-26T20:23:34.414907Z","caller":"etcdmain/etcd.go:183","msg":"discovery failed","error":"open /etc/kubernetes/pki/etcd/peer.key: permission denied"}`, Own, UnknownSide},
			{"a program in Go", `read /etc/kubernetes/pki/ca.crt: is a directory`, Own, UnknownSide},
			{"curl 7.88.1", "curl: (77) error setting certificate file: gone.crt", Own, UnknownSide},
		}, []string{"Go os", "curl lib/vtls/openssl.c"}},
	{KindBootstrap, "the kubelet has no certificate and cannot ask for one", critical,
		"The kubelet's client certificate is missing or past its end, so that it would ask for a new one with its bootstrap kubeconfig, and that is not there. kubeadm deletes it after the node joined: the node was off for longer than its certificate lasted, or the link to the certificate is broken.",
		"kubelets, which then end and are started again for ever.",
		"`/var/lib/kubelet/pki/kubelet-client-current.pem` and its end; `kubeadm token create` and `kubeadm join phase kubelet-start`, or a kubelet.conf made by `kubeadm kubeconfig user` on a control plane.",
		[]Example{
			{"kubelet 1.37.2", `"command failed" err="failed to run Kubelet: unable to load bootstrap kubeconfig: stat /etc/kubernetes/bootstrap-kubelet.conf: no such file or directory"`, Own, UnknownSide},
		}, []string{"kubernetes pkg/kubelet/certificate/bootstrap/bootstrap.go"}},
	{KindRotation, "a certificate is not renewed", critical,
		"A component asked the API server for a new certificate and did not get it: the request was refused, or nobody approved and signed it in time. The old certificate is used until its end.",
		"kubelets, and other components that rotate their certificates.",
		"`kubectl get csr`; the log of kube-controller-manager, whose controllers approve and sign; the reason at the end of the line.",
		[]Example{
			{"kubelet 1.34", `"Unhandled Error" err="Failed while requesting a signed certificate from the control plane: cannot create certificate signing request: Unauthorized" logger="kubernetes.io/kube-apiserver-client-kubelet"`, Refused, Client},
			{"kubelet 1.18", `kubernetes.io/kube-apiserver-client-kubelet: certificate request was not signed: timed out waiting for the condition`, Refused, Client},
			{"kubelet 1.34", `"Unhandled Error" err="Reached backoff limit, still unable to rotate certs: timed out waiting for the condition"`, Unclear, Client},
		}, []string{"k8s.io/client-go util/certificate/certificate_manager.go"}},
	{KindRequestApproval, "a request for a certificate is not approved", warning,
		"The controller knows what the request is for, and its author may not ask for that by itself. Requests of kubelets for serving certificates are never approved by Kubernetes.",
		"kube-controller-manager.",
		"The bindings of the cluster roles system:certificates.k8s.io:certificatesigningrequests:nodeclient and :selfnodeclient; `kubectl certificate approve` for serving certificates.",
		[]Example{
			{"kube-controller-manager 1.9", `Sync node-csr-mmiLx8I failed with : recognized csr "node-csr-mmiLx8I" as [nodeclient] but subject access review was not approved`, Refuses, UnknownSide},
		}, []string{"kubernetes pkg/controller/certificates/approver/sarapprove.go"}},
	{KindRequestSigning, "a request for a certificate is approved and not signed", critical,
		"The controller that signs cannot: its CA is past its end, is no CA, or the request asks for what the signer does not sign.",
		"kube-controller-manager.",
		"`--cluster-signing-cert-file` and `--cluster-signing-key-file`: their end, and that they are a pair.",
		[]Example{
			{"kube-controller-manager 1.37.2", `"Unhandled Error" err="Sync jane failed with : error auto signing csr: the signer has expired: NotAfter=2026-11-20 00:00:00 +0000 UTC" logger="UnhandledError"`, Own, UnknownSide},
			{"kube-controller-manager 1.37.2", `"Unhandled Error" err="Sync jane failed with : error updating signature for csr: certificatesigningrequests.certificates.k8s.io \"jane\" is forbidden: User \"system:serviceaccount:kube-system:certificate-controller\" cannot update resource \"certificatesigningrequests/status\" in API group \"certificates.k8s.io\" at the cluster scope" logger="UnhandledError"`, Own, UnknownSide},
		}, []string{"kubernetes pkg/controller/certificates/signer, authority/policies.go"}},
	{KindUnauthorized, "credentials that are not accepted", critical,
		"The handshake succeeded, and the API server does not know who is calling: the client's certificate is past its end or of another CA, or its token is not accepted. The API server's log has the reason. Where the words name `pods/log`, the kubelet said so of the API server. An agent of k3s: the server does not accept the token that it joins with.",
		"kube-controller-manager, kube-scheduler, kubelets and kubectl with an old kubeconfig; pods with a token of an earlier cluster.",
		"`Unable to authenticate the request` in the log of kube-apiserver at the same time; the certificate in the client's kubeconfig.",
		[]Example{
			{"kube-controller-manager 1.37.2", `"Error retrieving lease lock" err="Unauthorized" lock="kube-system/kube-controller-manager"`, Refused, Client},
			{"kubectl 1.37.2", `error: You must be logged in to the server (the server has asked for the client to provide credentials ( pods/log kube-apiserver-cp-1))`, Refused, Client},
			{"kubectl 1.37.2", `error: You must be logged in to the server (Unauthorized)`, Refused, Client},
		}, []string{"k8s.io/apimachinery pkg/api/errors", "k8s.io/client-go tools/leaderelection"}},
	{KindTokenUnverified, "a token that no key verifies", critical,
		"The signature of a service account's token does not verify with any key of the API server: the key pair was replaced, differs between API servers, or the token is of another cluster.",
		"kube-apiserver.",
		"`--service-account-key-file` of every API server against `--service-account-private-key-file` of kube-controller-manager and `--service-account-signing-key-file`; then restart the pods with old tokens.",
		[]Example{
			{"kube-apiserver 1.37.2", `"Unable to authenticate the request" err="[invalid bearer token, go-jose/go-jose: error in cryptographic primitive]"`, Refuses, Server},
		}, []string{"go-jose shared.go", "kubernetes pkg/serviceaccount/jwt.go"}},
	{KindTokenRefused, "a token that is not accepted", warning,
		"A token is past its end, or its service account, secret or pod is gone. Its signature is not at fault.",
		"kube-apiserver, of pods that were stopped for long or whose service account was made again.",
		"The client that calls (the audit log has it): restart it, so that it gets a new token. For `kubeadm join`: `kubeadm token create --print-join-command`.",
		[]Example{
			{"kube-apiserver 1.37.2", `"Unable to authenticate the request" err="[invalid bearer token, service account token has expired]"`, Refuses, Server},
			{"kube-apiserver 1.25", `"Unable to authenticate the request" err="[invalid bearer token, Token has been invalidated]"`, Refuses, Server},
		}, []string{"kubernetes pkg/serviceaccount/claims.go, legacy.go"}},
	{KindEtcdPeers, "members of different etcd clusters", critical,
		"A member calls another that belongs to another cluster, or that removed it. No certificate is at fault; it often follows a repair for another reason.",
		"etcd.",
		"`--initial-cluster` and the data directories of the members; `etcdctl member list`.",
		[]Example{
			{"etcd 3.5", `{"level":"warn","caller":"rafthttp/http.go:501","msg":"request cluster ID mismatch","local-member-id":"8e9e05c52164694d","local-member-cluster-id":"cdf818194e3a8c32","remote-peer-cluster-id":"7e27652122e8b2ae"}`, Refuses, UnknownSide},
			{"etcd 3.5", `{"level":"warn","caller":"rafthttp/http.go:395","msg":"rejected stream from remote peer because it was removed","remote-peer-id":"8e9e05c52164694d"}`, Refuses, Server},
		}, []string{"etcd etcdserver/api/rafthttp/http.go"}},
}
