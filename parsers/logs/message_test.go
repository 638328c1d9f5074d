package logs

import "testing"

// A message ends where the words of the failure do.
func TestMessagesEnd(t *testing.T) {
	for _, x := range []struct{ text, want string }{
		{"x509: certificate signed by unknown authority curl -u admin:hunter4x", "x509: certificate signed by unknown authority"},
		{`x509: certificate signed by unknown authority (possibly because of "a" while trying to verify candidate authority certificate "b") and more`,
			`x509: certificate signed by unknown authority (possibly because of "a" while trying to verify candidate authority certificate "b")`},
		{"x509: certificate has expired or is not yet valid: current time 2026-11-26T18:00:00Z is after 2026-11-25T18:00:00Z and more",
			"x509: certificate has expired or is not yet valid: current time 2026-11-26T18:00:00Z is after 2026-11-25T18:00:00Z"},
		{"remote error: tls: bad certificate curl -k", "remote error: tls: bad certificate"},
		{"x509: certificate signed by unknown authority, and more", "x509: certificate signed by unknown authority, and more"},
		{"x509: cannot validate certificate for 10.0.0.25 because it doesn't contain any IP SANs", "x509: cannot validate certificate for 10.0.0.25 because it doesn't contain any IP SANs"},
		{"x509: certificate is valid for a, not b", "x509: certificate is valid for a, not b"},
		{"curl: (60) SSL: no alternative certificate subject name matches target ipv4 address '172.17.0.27'", "SSL: no alternative certificate subject name matches target ipv4 address '172.17.0.27'"},
		{"err='x509: certificate signed by unknown authority'", "x509: certificate signed by unknown authority"},
	} {
		if e, _, _ := eventOf(Line{Text: x.text}); e == nil || e.Message != x.want {
			t.Errorf("%s\nsays %+v\nnot %s", x.text, e, x.want)
		}
	}
}
