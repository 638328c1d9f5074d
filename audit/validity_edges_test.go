package audit_test

import (
	"testing"
	"time"

	"certaudit/fixtures"
)

// Dates of two certificates that belong together.
func TestValidityOfTwo(t *testing.T) {
	const base = pki + "/front-proxy-ca"
	year := 365 * day
	// beside puts CAs into the front proxy's bundle behind the one that signs.
	beside := func(specs ...fixtures.Spec) func(*fixtures.Cluster) {
		return func(c *fixtures.Cluster) {
			for i, s := range specs {
				name := string(rune('a' + i))
				s.NotBefore = fixtures.Now.Add(-10 * year)
				if s.CommonName == "" {
					s.CommonName = "front-proxy-ca"
				}
				c.NewCA(name, s)
				c.Node.Append(base+".crt", c.CertificatePEM(name))
			}
		}
	}
	at := func(left time.Duration) time.Time { return fixtures.Now.Add(left) }
	ownKey := "ca/" + fixtures.FrontProxyCA
	client := func(left time.Duration) func(*fixtures.Cluster) {
		return spec(pki+"/front-proxy-client", func(s *fixtures.Spec) { s.NotAfter = at(left) })
	}
	testEdges(t, fixtures.ControlPlane, []edge{
		{name: "ends with its CA", change: client(3620 * day)},
		{name: "ends seven days after its CA", change: client(3627 * day)},
		{name: "ends more than seven days after its CA", change: client(3627*day + time.Second), want: []string{
			`warning validity/outlives-issuer /etc/kubernetes/pki/front-proxy-client.crt kube-apiserver --proxy-client-cert-file: ends on 2036-10-28 12:00 UTC, after its CA "front-proxy-ca" (/etc/kubernetes/pki/front-proxy-ca.crt), which ends on 2036-10-21 12:00 UTC: from then on it verifies no more`,
		}},
		{name: "ends after one of two CAs of one key", change: both(client(4000*day), beside(fixtures.Spec{KeyName: ownKey, NotAfter: at(5000 * day)})), want: []string{
			`info chain/rotation /etc/kubernetes/pki/front-proxy-ca.crt kube-apiserver --requestheader-client-ca-file: the bundle holds 2 CAs, as during a rotation: "front-proxy-ca" (serial 62b4f8b7617918a4) until 2036-10-21 signed kube-apiserver/front-proxy-client; "front-proxy-ca" (serial 66872af8ff29b038) until 2040-08-01 signed kube-apiserver/front-proxy-client`,
		}},
		{name: "ends after both CAs of one key", change: both(client(6000*day), beside(fixtures.Spec{KeyName: ownKey, NotAfter: at(5000 * day)})), want: []string{
			`warning validity/outlives-issuer /etc/kubernetes/pki/front-proxy-client.crt kube-apiserver --proxy-client-cert-file: ends on 2043-04-28 12:00 UTC, after its CA "front-proxy-ca" (/etc/kubernetes/pki/front-proxy-ca.crt), which ends on 2040-08-01 12:00 UTC: from then on it verifies no more`,
			`info chain/rotation /etc/kubernetes/pki/front-proxy-ca.crt kube-apiserver --requestheader-client-ca-file: the bundle holds 2 CAs, as during a rotation: "front-proxy-ca" (serial 62b4f8b7617918a4) until 2036-10-21 signed kube-apiserver/front-proxy-client; "front-proxy-ca" (serial 66872af8ff29b038) until 2040-08-01 signed kube-apiserver/front-proxy-client`,
		}},
		{name: "ends after a CA that has ended", change: both(frontProxyCAEnds(-day), client(year)), want: []string{
			"critical validity/expired /etc/kubernetes/pki/front-proxy-ca.crt kube-apiserver --requestheader-client-ca-file: expired on 2026-11-22 12:00 UTC, 24 hours ago; it must be renewed; 1 certificate here that it signed would not verify even if renewed",
		}},

		{name: "expired CA beside its renewal with the same key", change: beside(fixtures.Spec{KeyName: ownKey, NotAfter: at(-day)}), want: []string{
			`info chain/rotation /etc/kubernetes/pki/front-proxy-ca.crt kube-apiserver --requestheader-client-ca-file: the bundle holds 2 CAs, as during a rotation: "front-proxy-ca" (serial 62b4f8b7617918a4) until 2036-10-21 signed kube-apiserver/front-proxy-client; "front-proxy-ca" (serial 66872af8ff29b038) until 2026-11-22 signed kube-apiserver/front-proxy-client`,
			"info validity/expired /etc/kubernetes/pki/front-proxy-ca.crt kube-apiserver --requestheader-client-ca-file: expired on 2026-11-22 12:00 UTC; a valid CA stands beside it and nothing needs this one",
		}},
		{name: "two expired CAs and nothing valid", change: both(frontProxyCAEnds(-day), beside(fixtures.Spec{CommonName: "older", NotAfter: at(-2 * day)})), want: []string{
			"critical validity/expired /etc/kubernetes/pki/front-proxy-ca.crt kube-apiserver --requestheader-client-ca-file: expired on 2026-11-22 12:00 UTC, 24 hours ago; it must be renewed; 1 certificate here that it signed would not verify even if renewed",
			"critical validity/expired /etc/kubernetes/pki/front-proxy-ca.crt kube-apiserver --requestheader-client-ca-file: expired on 2026-11-21 12:00 UTC, 2 days ago; it must be renewed",
			`info chain/rotation /etc/kubernetes/pki/front-proxy-ca.crt kube-apiserver --requestheader-client-ca-file: the bundle holds 2 CAs, as during a rotation: "front-proxy-ca" (serial 62b4f8b7617918a4) until 2026-11-22 signed kube-apiserver/front-proxy-client; "older" (serial 66872af8ff29b038) until 2026-11-21 signed nothing in view`,
		}},
		{name: "CA that ends soon and that nothing needs", change: beside(fixtures.Spec{CommonName: "other", NotAfter: at(10 * day)}), want: []string{
			`info chain/rotation /etc/kubernetes/pki/front-proxy-ca.crt kube-apiserver --requestheader-client-ca-file: the bundle holds 2 CAs, as during a rotation: "front-proxy-ca" (serial 62b4f8b7617918a4) until 2036-10-21 signed kube-apiserver/front-proxy-client; "other" (serial 66872af8ff29b038) until 2026-12-03 signed nothing in view`,
			"info validity/expiring /etc/kubernetes/pki/front-proxy-ca.crt kube-apiserver --requestheader-client-ca-file: expires on 2026-12-03 12:00 UTC, in 10 days; renew it before, or let it go: another CA stands beside it and nothing needs this one",
		}},
		{name: "CA that ends soon beside one that ends sooner", change: both(frontProxyCAEnds(10*day), beside(fixtures.Spec{CommonName: "other", NotAfter: at(5 * day)})), want: []string{
			"critical validity/expiring /etc/kubernetes/pki/front-proxy-ca.crt kube-apiserver --requestheader-client-ca-file: expires on 2026-12-03 12:00 UTC, in 10 days; renew it before",
			"warning validity/expiring /etc/kubernetes/pki/front-proxy-client.crt kube-apiserver --proxy-client-cert-file: expires on 2026-12-03 12:00 UTC, in 10 days; renew it before",
			`info chain/rotation /etc/kubernetes/pki/front-proxy-ca.crt kube-apiserver --requestheader-client-ca-file: the bundle holds 2 CAs, as during a rotation: "front-proxy-ca" (serial 62b4f8b7617918a4) until 2026-12-03 signed kube-apiserver/front-proxy-client; "other" (serial 66872af8ff29b038) until 2026-11-28 signed nothing in view`,
			"info validity/expiring /etc/kubernetes/pki/front-proxy-ca.crt kube-apiserver --requestheader-client-ca-file: expires on 2026-11-28 12:00 UTC, in 5 days; renew it before, or let it go: another CA stands beside it and nothing needs this one",
		}},
	})
}
