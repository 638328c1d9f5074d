package logs

import (
	"strings"
	"testing"
)

// Each form of a secret is concealed, and what merely looks like one stays.
func TestSecrets(t *testing.T) {
	const hex64 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	for _, x := range []struct{ text, want string }{
		{"--password hunter --v=2", "--password xxxxx --v=2"},
		{"kubectl --token SECRETVALUE get", "kubectl --token xxxxx get"},
		{`kubectl --token "two words" get`, `kubectl --token "xxxxx" get`},
		{"--certificate-key " + hex64 + " --control-plane", "--certificate-key xxxxx --control-plane"},
		{"certificateKey: " + hex64, "certificateKey: xxxxx"},
		{`["kubectl","--token","SECRETVALUE","get"]`, `["kubectl","--token","xxxxx","get"]`},
		{"curl -u admin:pw https://a/", "curl -u admin:xxxxx https://a/"},
		{"curl -uadmin:pw", "curl -uadmin:xxxxx"},
		{"curl --user admin:pw", "curl --user admin:xxxxx"},
		{`curl --user="admin:pw"`, `curl --user="admin:xxxxx"`},
		{`{\"password\":\"SECRET\",\"a\":1}`, `{\"password\":\"xxxxx\",\"a\":1}`},
		{`{\"password\":\"a\\\"b c\",\"a\":1}`, `{\"password\":\"xxxxx\",\"a\":1}`},
		{`\\\"token\\\":\\\"SECRET\\\"}`, `\\\"token\\\":\\\"xxxxx\\\"}`},
		{`{"password":"two words, and more","user":"a"}`, `{"password":"xxxxx","user":"a"}`},
		{`token: "SECRET"`, `token: "xxxxx"`}, {"token: 'SECRET'", "token: 'xxxxx'"},
		{"password: SECRET", "password: xxxxx"}, {"pwd: x", "pwd: xxxxx"}, {"the password is x", "the password is xxxxx"},
		{"AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI", "AWS_SECRET_ACCESS_KEY=xxxxx"},
		{"aws_access_key_id=AKIAIOSFODNN7EXAMPLE", "aws_access_key_id=xxxxx"},
		{"FOO_TOKEN_X=abc", "FOO_TOKEN_X=xxxxx"}, {"client_secret=abc&b=c", "client_secret=xxxxx&b=c"}, {"DB_PWD=abc", "DB_PWD=xxxxx"},
		{`a?token\u003dabc`, `a?token\u003dxxxxx`},
		{`{"name":"DB_PASSWORD","value":"hunter"}`, `{"name":"DB_PASSWORD","value":"xxxxx"}`}, {"EnvVar{Name:TOKEN,Value:abc,ValueFrom:nil,}", "EnvVar{Name:TOKEN,Value:xxxxx,ValueFrom:nil,}"},
		{"- name: API_TOKEN\n  value: \"abc\"", `- name: API_TOKEN\n  value: "xxxxx"`},
		{`curl -H "X-Api-Key: abcd1234" -k`, `curl -H "X-Api-Key: xxxxx" -k`},
		{"https://TOKEN@host/", "https://xxxxx@host/"}, {"https://a:b@host/", "https://a:xxxxx@host/"},
		{"https://a:b@c@host/", "https://a:xxxxx@host/"}, {"https://0123456789abcdef0123:x-oauth-basic@host/", "https://xxxxx@host/"},
		{"k3s:pw@tcp(10.0.0.1:3306)/k3s", "k3s:xxxxx@tcp(10.0.0.1:3306)/k3s"},
		{"https://s3/a?X-Amz-Credential=AK%2F20260101&X-Amz-Signature=0123abcd&X-Amz-Security-Token=abcd&X-Amz-Date=20260101", "https://s3/a?X-Amz-Credential=xxxxx&X-Amz-Signature=xxxxx&X-Amz-Security-Token=xxxxx&X-Amz-Date=20260101"},
		{"https://a/b?sv=2020&sig=abc%2Fdef&se=1", "https://a/b?sv=2020&sig=xxxxx&se=1"},
		{`https://a/b?sv=2020\u0026sig=abc%2Fdef`, `https://a/b?sv=2020\u0026sig=xxxxx`},
		{"/cb?code=0123456789abcdef&access_token=a", "/cb?code=xxxxx&access_token=xxxxx"},
		{"it is ghp_0123456789abcdef0123, or gho_0123456789abcdef0123", "it is xxxxx, or xxxxx"},
		{"github_pat_11ABCDEFG_0123456789 glpat-0123456789abcdefghij xoxb-0123456789-abc AKIAIOSFODNN7EXAMPLE", "xxxxx xxxxx xxxxx xxxxx"},
		{"x eyJhbGciOiJub25lIn0.eyJhIjoxfQ. y", "x xxxxx y"},
		{"Cookie: a=b; c=d", "Cookie: xxxxx"}, {`"Set-Cookie":["sid=abc; Path=/"]`, `"Set-Cookie":["xxxxx"]`}, {`\"cookie\":\"a=b\"`, `\"cookie\":\"xxxxx\"`},
		{"-H 'Authorization: Token 0123456789'", "-H 'Authorization: Token xxxxx'"},
		{`\"Authorization\":\"Bearer abcdefgh1234\"`, `\"Authorization\":\"Bearer xxxxx\"`},
		{"Authorization: AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=0123", "Authorization: AWS4-HMAC-SHA256 xxxxx"},
	} {
		if got := Printable(x.text); got != x.want {
			t.Errorf("%q\n is %q\nnot %q", x.text, got, x.want)
		}
	}
	for _, text := range []string{
		"unknown flag: --token", "the --token flag is required", "--token must be set", "--password-file /etc/a", "--token-auth-file=/etc/tokens.csv",
		"--discovery-token-ca-cert-hash sha256:" + hex64, "--token-ttl 24h0m0s", "--enable-bootstrap-token-auth=true", "ssl_certificate_key /etc/nginx/a.key;",
		"certificate-key /etc/a.key", "docker run --user 1000:1000", "chown -u root", "password: incorrect", "the password is wrong", "x509: decryption password incorrect",
		`secretName: a-b1`, `{"secretName":"a-b1"}`, "PWD=/root", "max_tokens=512", "object \"kube-system\"/\"bootstrap-token-a\": not registered",
		`failed to list *v1.Secret: Get "https://10.0.0.1:6443/api/v1/secrets": EOF`, `secrets "a" is forbidden`, "ssh://git@github.com/a", "root@10.0.0.1",
		"Basic Constraints of CA cert not marked critical", "basic authentication failed", "rpc error: code = Unavailable", "code=404", "signature: invalid",
		"xoxo", "the cookie: none", "invalid bearer token", `err="invalid token:" foo="bar"`, "token: EOF", "token=", "secret value: none", `token=""`, "tokenExpirationSeconds: 3600",
		"image gcr.io/a/b@sha256:" + hex64, "https://10.0.0.1:6443/a@b",
	} {
		if got := Printable(text); got != text {
			t.Errorf("%q\n is %q", text, got)
		}
	}
	// What follows in the value of a line is concealed as it stands in the log, too.
	if got := shown(`{"log":"{\"token\":\"SECRET`+strings.Repeat("s", 9)+`\"}\n"}`, maxRaw); strings.Contains(got, "SECRET") {
		t.Error(got)
	}
}
