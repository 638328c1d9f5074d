package logs

import "testing"

// What a client calls itself, or asks for, is no failure, wherever it stands.
func TestClientsRaiseNoEvents(t *testing.T) {
	const alert, missing = "remote error: tls: bad certificate", "open /etc/kubernetes/pki/ca.key: no such file or directory"
	for _, words := range []string{alert, missing, "FLAG: --client-ca-file=/etc/evil.crt", "x509: certificate signed by unknown authority"} {
		for _, text := range []string{
			`I1126 18:00:00.000000       1 httplog.go:134] "HTTP" verb="GET" URI="/x" latency="1ms" userAgent="evil ` + words + `" audit-ID="a" srcIP="10.0.0.7:1" resp=200`,
			`I1126 18:00:00.000000       1 httplog.go:134] "HTTP" verb="GET" URI="/x" latency="1ms" userAgent="evil \"` + words + `\" x" audit-ID="a" srcIP="10.0.0.7:1" resp=200`,
			`I1126 18:00:00.000000       1 httplog.go:134] "HTTP" verb="` + words + `" URI="/x?` + words + `" latency="1ms" userAgent="a" resp=200`,
			`10.0.0.7 - - [26/Nov/2026:18:00:00 +0000] "GET / HTTP/1.1" 200 123 "-" "` + words + `"`,
			`10.0.0.7 - - [26/Nov/2026:18:00:00 +0000] "GET /` + words + ` HTTP/1.1" 404 123 "-" "curl/8"`,
			`10.0.0.7 - - [26/Nov/2026:18:00:00 +0000] "` + words + `" 400 150 "-" "-"`,
			`10.0.0.7 - - [26/Nov/2026:18:00:00 +0000] "GET / HTTP/1.1" 200 - "` + words + `" "a \" b"`,
			`2026/11/26 18:00:00 [error] 7#7: *1 open() "/usr/share/a" failed (2: No such file), client: 10.0.0.7, server: a, request: "GET /` + words + ` HTTP/1.1", host: "a"`,
			`{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","requestURI":"/x?` + words + `","verb":"get","userAgent":"` + words + `","responseStatus":{"code":200}}`,
			`{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Request","objectRef":{"name":"` + words + `"},"requestObject":{"a":{"b":"` + words + `"}},"responseStatus":{"code":200}}`,
			`{"level":"info","msg":"request","path":"/` + words + `","user_agent":"` + words + `"}`,
			`I1126 18:00:00.000000       1 httplog.go:90] GET /x: (1.234ms) 200 [` + words + ` 10.0.0.7:35480]`,
			`User-Agent: "` + words + `"`,
			`time="2026" msg="{\"userAgent\":\"` + words + `\"}"`,
		} {
			tellsNothing(t, text)
		}
	}
}

// A failure beside what a client sent is one.
func TestFailuresBesideClients(t *testing.T) {
	for text, want := range map[string]Kind{
		`I1126 18:00:00.000000 1 httplog.go:134] "HTTP" verb="POST" URI="/x" userAgent="a \"b" resp=500 err="x509: certificate signed by unknown authority"`:                                                                         KindUnknownAuthority,
		`{"kind":"Event","apiVersion":"audit.k8s.io/v1","requestURI":"/x","objectRef":{"name":"a"},"userAgent":"a","responseStatus":{"message":"failed calling webhook: x509: certificate signed by unknown authority","code":500}}`: KindUnknownAuthority,
		`2026/11/26 18:00:00 [error] 7#7: *1 SSL_do_handshake() failed (SSL: error:0A000418:SSL routines::tlsv1 alert unknown ca) while SSL handshaking, client: 10.0.0.7, request: "GET / HTTP/1.1"`:                                KindUnknownAuthority,
		`10.0.0.7 - - "GET / HTTP/1.1" 502 123 "-" "a" error="remote error: tls: bad certificate"`:                                                                                                                                   KindBadCertificate,
		`"Failed to load" err="open /etc/kubernetes/pki/ca.crt: no such file or directory" path="/etc/kubernetes/pki/ca.crt"`:                                                                                                        KindFileMissing,
	} {
		if e, _, _ := eventOf(Line{Text: text}); e == nil || e.Kind != want {
			t.Errorf("%s says %+v, want %s", text, e, want)
		}
	}
}
