package audit_test

import (
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"certaudit/audit"
	"certaudit/audit/inventory"
	"certaudit/fixtures"
	"certaudit/parsers"
)

// ago is a time before [fixtures.Now] as an API server writes it.
func ago(d time.Duration) string { return fixtures.Now.Add(-d).Format(time.RFC3339) }

// approvedAt are the conditions of a request that was approved some time ago.
func approvedAt(d time.Duration) string {
	return fmt.Sprintf(`conditions: [{type: Approved, status: "True", lastUpdateTime: %q}]`, ago(d))
}

// What a request, or what was issued for it, may just be.
func TestRequestEdges(t *testing.T) {
	const own = "example.com/own"
	client := fixtures.Spec{CommonName: "jane", KeyName: "jane", Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, NotBefore: fixtures.Now, NotAfter: fixtures.Now.Add(time.Hour)}
	issued := func(o requestObject, change func(*fixtures.Spec)) string {
		s := client
		change(&s)
		o.spec.CommonName, o.spec.KeyName, o.status = "jane", "jane", approved+", "+issue(s)
		if o.usages == nil {
			o.usages = allClient
		}
		return o.yaml()
	}
	// through has a CA issue that the cluster's CA signed.
	through := func(whole bool) string {
		issuingCluster.NewCA("sub", fixtures.Spec{CommonName: "sub", Signer: fixtures.CA})
		s := client
		s.Signer = "sub"
		issuingCluster.Issue("/issued", s)
		chain := issuingCluster.Node["/issued.crt"].Data
		if whole {
			chain = append(chain[:len(chain):len(chain)], issuingCluster.CertificatePEM("sub")...)
		}
		o := requestObject{usages: allClient, status: approved + ", certificate: " + encoded(chain)}
		o.spec.KeyName = "jane"
		return o.yaml()
	}
	same := func(*fixtures.Spec) {}
	year := fmt.Sprint(365 * 24 * 3600)
	for _, tt := range []struct {
		name, text string
		ca         bool
		want       []string
	}{
		{name: "v1beta1 of an API server", text: requestObject{version: "certificates.k8s.io/v1beta1", signer: "-", usages: []string{}}.yaml(), want: []string{
			"info csr/refused jane: has the API version certificates.k8s.io/v1beta1, which no cluster serves since Kubernetes 1.22; certificates.k8s.io/v1 demands signerName and usages",
		}},
		{name: "name of 253 letters", text: requestObject{manifest: true, name: strings.Repeat("a", 253)}.yaml()},
		{name: "name of 254 letters", text: requestObject{manifest: true, name: strings.Repeat("a", 254)}.yaml(), want: []string{
			"critical csr/refused " + strings.Repeat("a", 254) + `: has the name "` + strings.Repeat("a", 128) + `…"; expected lower-case letters, digits, dashes and dots, at most 253`,
		}},
		{name: "signer of two slashes", text: requestObject{manifest: true, signer: "example.com/a/b"}.yaml(), want: []string{
			`critical csr/refused jane: has the signerName "example.com/a/b"; expected DOMAIN/PATH`,
		}},
		{name: "signer of the legacy kind for servers", text: requestObject{signer: "kubernetes.io/legacy-unknown", usages: []string{"server auth", "cert sign"}}.yaml()},

		{name: "bare, of everything", text: string(fixtures.Request(fixtures.RequestSpec{CommonName: "jane", Organizations: []string{"system:masters"}})), want: []string{
			`critical csr/privileged CERTIFICATE REQUEST: asks for the group "system:masters", which may do everything and of which no RBAC rule can take it back; the API server refuses it for kubernetes.io/kube-apiserver-client`,
		}},
		{name: "bare, of a node", text: string(fixtures.Request(fixtures.RequestSpec{CommonName: worker, Organizations: []string{"system:nodes"}}))},
		{name: "a kubelet as the scheduler", text: kubeletRequest(requestObject{user: "system:kube-scheduler", spec: fixtures.RequestSpec{CommonName: "system:kube-scheduler"}}).yaml(), want: []string{
			`critical csr/privileged csr-worker-1: asks for the user "system:kube-scheduler"; names in system: belong to Kubernetes`,
			`critical csr/subject csr-worker-1: has the common name "system:kube-scheduler"; expected system:node:NAME`,
		}},
		{name: "a kubelet without a name", text: kubeletRequest(requestObject{user: "system:node:", spec: fixtures.RequestSpec{CommonName: "system:node:"}}).yaml(), want: []string{
			`critical csr/subject csr-worker-1: has the common name "system:node:"; expected system:node:NAME`,
		}},

		{name: "for somebody else, of another signer", text: requestObject{signer: own, user: "john"}.yaml()},
		{name: "for somebody else, of another signer, by a node", text: requestObject{signer: own, user: worker}.yaml(), want: []string{
			`critical csr/requestor jane: "system:node:worker-1" asks for a certificate of "jane"; a node asks for itself alone`,
		}},
		{name: "for a node, by a user", text: kubeletRequest(requestObject{user: "john", groups: []string{"developers"}}).yaml(), want: []string{
			`warning csr/requestor csr-worker-1: "john" asks for a certificate of "system:node:worker-1"; expected the node itself, or a bootstrapper of it`,
		}},
		{name: "for somebody else, by an administrator of old", text: requestObject{user: "kubernetes-admin", groups: []string{`"system:masters"`}}.yaml(), want: []string{
			`info csr/requestor jane: "kubernetes-admin" asks for a certificate of "jane", as an administrator may; expected the user itself`,
		}},
		{name: "for itself, by a node that gives no name out", text: servingRequest(requestObject{}).yaml() + strings.Replace(workerNode, ", {type: Hostname, address: worker-1}", "", 1)},

		{name: "an address that the Node writes as one of IPv6", text: servingRequest(requestObject{}).yaml() + strings.Replace(workerNode, "192.0.2.21", "\"::ffff:192.0.2.21\"", 1)},
		{name: "a kubelet's client with a URI", text: kubeletRequest(requestObject{spec: fixtures.RequestSpec{URIs: []string{"spiffe://worker-1"}}}).yaml(), want: []string{
			`critical csr/names csr-worker-1: has alternative names ("spiffe://worker-1"); expected none`,
		}},

		{name: "for 600 seconds", text: requestObject{seconds: "600"}.yaml()},
		{name: "for 599 seconds", text: requestObject{seconds: "599"}.yaml(), want: []string{
			"warning csr/lifetime jane: asks for 599 seconds; the API server takes no less than 600 seconds",
		}},
		{name: "for a year", text: requestObject{seconds: year}.yaml()},
		{name: "for a year and a second", text: requestObject{seconds: year[:len(year)-1] + "1"}.yaml(), want: []string{
			"warning csr/lifetime jane: asks for 31536001 seconds; expected at most 365 days",
		}},
		{name: "pending for an hour", text: requestObject{created: ago(time.Hour)}.yaml()},
		{name: "pending for more than an hour", text: requestObject{created: ago(time.Hour + time.Second)}.yaml(), want: []string{
			"warning csr/pending jane: waits for 60 minutes, since 2026-11-23 10:59 UTC; somebody has to approve it",
		}},
		{name: "pending for a day", text: requestObject{created: ago(24 * time.Hour)}.yaml(), want: []string{
			"warning csr/pending jane: waits for 24 hours, since 2026-11-22 12:00 UTC; somebody has to approve it",
		}},
		{name: "pending for more than a day", text: requestObject{created: ago(24*time.Hour + time.Second)}.yaml(), want: []string{
			"warning csr/pending jane: waits for 24 hours, since 2026-11-22 11:59 UTC; somebody has to approve it; pending requests are removed after 24 hours, so nothing cleans up",
		}},
		{name: "approved less than five minutes ago", text: requestObject{status: approvedAt(5*time.Minute - time.Second)}.yaml()},
		{name: "approved five minutes ago", text: requestObject{status: approvedAt(5 * time.Minute)}.yaml(), want: []string{
			"warning csr/not-issued jane: was approved on 2026-11-23 11:55 UTC and has no certificate; kube-controller-manager does not sign: it does not run, its --controllers leave the signer out, or it has no signing key",
		}},
		{name: "approved at some time, made a moment ago", text: requestObject{created: ago(time.Minute), status: `conditions: [{type: Approved, status: "True"}]`}.yaml()},
		{name: "approved at some time, made an hour ago", text: requestObject{created: ago(time.Hour), status: `conditions: [{type: Approved, status: "True"}]`}.yaml(), want: []string{
			"warning csr/not-issued jane: was approved on 2026-11-23 11:00 UTC and has no certificate; kube-controller-manager does not sign: it does not run, its --controllers leave the signer out, or it has no signing key",
		}},
		{name: "failed days ago, and nobody approved it", text: requestObject{created: ago(72 * time.Hour), status: `conditions: [{type: Failed, status: "True", reason: No}]`}.yaml(), want: []string{
			"warning csr/failed jane: the signer refused it: No",
		}},

		{name: "issued with another subject by another signer", text: issued(requestObject{signer: own}, func(s *fixtures.Spec) { s.CommonName = "john" }), want: []string{
			`warning csr/issued-other jane: the certificate has the common name "john"; asked for: "jane"`,
		}},
		{name: "issued with its names once", text: issued(requestObject{spec: fixtures.RequestSpec{DNSNames: []string{"a", "a", "b"}}}, func(s *fixtures.Spec) { s.DNSNames = []string{"b", "a"} })},
		{name: "issued for ten minutes more", text: issued(requestObject{seconds: "3600"}, func(s *fixtures.Spec) { s.NotAfter = fixtures.Now.Add(70 * time.Minute) })},
		{name: "issued for more than ten minutes more", text: issued(requestObject{seconds: "3600"}, func(s *fixtures.Spec) { s.NotAfter = fixtures.Now.Add(70*time.Minute + time.Second) }), want: []string{
			"warning csr/issued-terms jane: the certificate lasts 70 minutes; asked for: 60 minutes",
		}},
		{name: "issued for the shortest time there is", text: issued(requestObject{seconds: "60"}, func(s *fixtures.Spec) { s.NotAfter = fixtures.Now.Add(20 * time.Minute) }), want: []string{
			"warning csr/lifetime jane: asks for 1 minute; the API server takes no less than 600 seconds",
		}},
		{name: "issued for e-mail", text: issued(requestObject{signer: own, usages: []string{"signing", "key encipherment", "s/mime"}}, func(s *fixtures.Spec) { s.Usages = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection} })},
		{name: "issued by a CA between that came along", ca: true, text: through(true)},
		{name: "issued by a CA between that did not", ca: true, text: through(false), want: []string{
			`critical csr/issued-by jane: the certificate was issued by "sub" and not signed by the CA of --ca`,
		}},
		{name: "issued", ca: true, text: issued(requestObject{}, same)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := gatherText(t, tt.text)
			if tt.ca {
				in.Authorities = parsers.ParseMaterial(parsers.Origin{}, issuingCluster.CertificatePEM(fixtures.CA)).Certificates
			}
			compare(t, tt.want, statements(audit.RunRequests(in, nil, audit.Options{At: fixtures.Now})))
		})
	}
}

// v1beta1 took the first signer whose rules a request kept.
func TestSignerOfV1beta1(t *testing.T) {
	node := fixtures.RequestSpec{CommonName: worker, Organizations: []string{"system:nodes"}}
	with := func(change func(*fixtures.RequestSpec)) fixtures.RequestSpec {
		s := node
		change(&s)
		return s
	}
	hosts := with(func(s *fixtures.RequestSpec) { s.DNSNames = []string{"worker-1"} })
	client, server := []string{"digital signature", "key encipherment", "client auth"}, []string{"server auth", "digital signature"}
	for _, tt := range []struct {
		name   string
		spec   fixtures.RequestSpec
		usages []string
		want   string
	}{
		{"a kubelet's client", node, client, "kubernetes.io/kube-apiserver-client-kubelet"},
		{"a kubelet's client without RSA", node, client[2:], "kubernetes.io/legacy-unknown"},
		{"a kubelet's client with names", hosts, client, "kubernetes.io/legacy-unknown"},
		{"a client of no node", with(func(s *fixtures.RequestSpec) { s.CommonName = "jane" }), client, "kubernetes.io/legacy-unknown"},
		{"a kubelet's client of one group more", with(func(s *fixtures.RequestSpec) { s.Organizations = []string{"system:nodes", "x"} }), client, "kubernetes.io/legacy-unknown"},
		{"a kubelet's server", hosts, server, "kubernetes.io/kubelet-serving"},
		{"a kubelet's server without names", node, server, "kubernetes.io/legacy-unknown"},
		{"a kubelet's server that is a client too", hosts, append(server, "client auth"), "kubernetes.io/legacy-unknown"},
		{"no usages", node, []string{}, "kubernetes.io/legacy-unknown"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := requestObject{version: "certificates.k8s.io/v1beta1", signer: "-", spec: tt.spec, usages: tt.usages}.yaml()
			r := audit.RunRequests(gatherText(t, text), nil, audit.Options{At: fixtures.Now})
			if got := r.Requests[0].Signer; got != tt.want {
				t.Errorf("the signer is %q, want %q", got, tt.want)
			}
			if want := []string{"digital signature", "key encipherment"}; len(tt.usages) == 0 && !slices.Equal(r.Requests[0].Usages, want) {
				t.Errorf("the usages are %q, want %q", r.Requests[0].Usages, want)
			}
		})
	}
}

// The condition is in the words of kubectl.
func TestConditionWords(t *testing.T) {
	for status, want := range map[string]string{
		"": "Pending",
		`conditions: [{type: Approved, status: "True"}]`:                                 "Approved",
		`conditions: [{type: Approved, status: "False"}]`:                                "Pending",
		`conditions: [{type: Denied, status: "True"}]`:                                   "Denied",
		`conditions: [{type: Approved, status: "True"}, {type: Denied, status: "True"}]`: "Denied",
		`conditions: [{type: Failed, status: "True"}]`:                                   "Pending,Failed",
		`conditions: [{type: Failed, status: "True"}, {type: Approved, status: "True"}]`: "Approved,Failed",
		approved + ", " + issue(fixtures.Spec{CommonName: "jane"}):                       "Approved,Issued",
	} {
		r := audit.RunRequests(gatherText(t, requestObject{status: status}.yaml()), nil, audit.Options{At: fixtures.Now})
		if got := r.Requests[0].Condition; got != want {
			t.Errorf("%s: %q, want %q", status, got, want)
		}
	}
	byName := strings.Replace(requestObject{}.yaml(), "  creationTimestamp: \""+justNow+"\"\n", "", 1)
	if got := audit.RunRequests(gatherText(t, byName), nil, audit.Options{At: fixtures.Now}).Requests[0].Condition; got != "" {
		t.Errorf("with a requestor and no time, as somebody wrote it: %q, want none", got)
	}
	if got := audit.RunRequests(gatherText(t, requestObject{manifest: true}.yaml()), nil, audit.Options{At: fixtures.Now}).Requests[0].Condition; got != "" {
		t.Errorf("of a manifest: %q, want none", got)
	}
}

// What is not judged is said, and does not count as examined.
func TestUnjudgedRequests(t *testing.T) {
	outcomes := func(text string) map[string]string {
		out := map[string]string{}
		for _, o := range audit.RunRequests(gatherText(t, text), nil, audit.Options{At: fixtures.Now}).Outcomes {
			out[o.Check] = fmt.Sprintf("%s %d %s", o.State, o.Examined, o.Reason)
		}
		return out
	}
	const foreign = "not-applicable 0 the rules of signers that are not part of Kubernetes are not known"
	for _, tt := range []struct {
		name, text, check, want string
	}{
		{"another signer's usages", requestObject{signer: "example.com/own"}.yaml(), "csr/usages", foreign},
		{"another signer's subject", requestObject{signer: "example.com/own"}.yaml(), "csr/subject", foreign},
		{"another signer's names", requestObject{signer: "example.com/own"}.yaml(), "csr/names", foreign},
		{"subject of a client", requestObject{}.yaml(), "csr/subject", "done 1 "},
		{"addresses of a kubelet's client", kubeletRequest(requestObject{}).yaml(), "csr/addresses", "not-applicable 0 "},
		{"addresses without a Node", servingRequest(requestObject{}).yaml(), "csr/addresses", "done 1 the addresses of the node are not known; give its Node object as well: kubectl get csr,nodes -o yaml"},
		{"addresses with a Node", servingRequest(requestObject{}).yaml() + workerNode, "csr/addresses", "done 1 "},
	} {
		if got := outcomes(tt.text)[tt.check]; got != tt.want {
			t.Errorf("%s: %s: %q, want %q", tt.name, tt.check, got, tt.want)
		}
	}
}

// What the controller-manager says of the signing, at its edges.
func TestControllerManagerEdges(t *testing.T) {
	const (
		manifest = "/etc/kubernetes/manifests/kube-controller-manager.yaml"
		list     = "    - --controllers=*,bootstrapsigner,tokencleaner\n"
		pair     = "    - --cluster-signing-cert-file=/etc/kubernetes/pki/ca.crt\n    - --cluster-signing-key-file=/etc/kubernetes/pki/ca.key\n"
	)
	controllers := func(values string) func(*fixtures.Cluster) {
		return replace(manifest, list, "    - --controllers="+values+"\n")
	}
	flag := func(name, value string) func(*fixtures.Cluster) {
		return replace(manifest, list, list+"    - --"+name+"="+value+"\n")
	}
	// ends has the cluster's CA end some time after now.
	ends := func(left time.Duration) func(*fixtures.Cluster) {
		return func(c *fixtures.Cluster) {
			c.NewCA(fixtures.CA, fixtures.Spec{CommonName: "kubernetes", NotAfter: fixtures.Now.Add(left)})
			c.WriteCA(fixtures.CA, pki+"/ca")
		}
	}
	asks := requestObject{}.yaml()
	old := kubeletRequest(requestObject{created: ago(2 * time.Hour)}).yaml() + requestObject{created: ago(2 * time.Hour)}.yaml()
	for _, tt := range []struct {
		name, text string
		change     func(*fixtures.Cluster)
		want       []string
	}{
		{name: "no controllers are named", text: asks, change: replace(manifest, list, "")},
		{name: "all but one that does not matter", text: asks, change: controllers("*,-nodeipam")},
		{name: "named by itself", text: asks, change: controllers("csrapproving,csrsigning,csrcleaner")},
		{name: "only the approving one is off", text: old, change: controllers("*,-csrapproving"), want: []string{
			"critical csr/controllers --controllers: --controllers=*,-csrapproving leaves out csrapproving: the requests of kubelets for client certificates wait for a hand; 1 of the requests here waits for that",
			"warning csr/pending csr-worker-1: waits for 2 hours, since 2026-11-23 10:00 UTC; kube-controller-manager approves it if the requestor may create certificatesigningrequests/nodeclient or /selfnodeclient; its controller is switched off by --controllers",
			"warning csr/pending jane: waits for 2 hours, since 2026-11-23 10:00 UTC; somebody has to approve it",
		}},
		{name: "only the signing one is off, and it would sign for long", text: asks, change: both(controllers("*,-csrsigning"), replace(manifest, pair, pair+"    - --cluster-signing-duration=87600h\n")), want: []string{
			"warning csr/controllers --controllers: --controllers=*,-csrsigning leaves out csrsigning: no approved request gets a certificate",
			"info csr/signing-files --cluster-signing-cert-file: the CA in /etc/kubernetes/pki/ca.crt ends on 2036-10-21 12:00 UTC; what it signs now is cut to that instead of lasting 3650 days",
		}},
		{name: "off, and what waits has failed", text: requestObject{status: `conditions: [{type: Approved, status: "True"}, {type: Failed, status: "True"}]`}.yaml(), change: controllers("*,-csrsigning"), want: []string{
			"warning csr/failed jane: the signer refused it",
			"warning csr/controllers --controllers: --controllers=*,-csrsigning leaves out csrsigning: no approved request gets a certificate",
		}},

		{name: "asked for as much as is given", text: requestObject{seconds: "86400"}.yaml(), change: flag("cluster-signing-duration", "24h")},
		{name: "asked another signer for more than is given", text: requestObject{seconds: "864000", signer: "example.com/own"}.yaml(), change: flag("cluster-signing-duration", "24h")},
		{name: "signs for a year", text: asks, change: flag("cluster-signing-duration", "8760h")},
		{name: "signs for an hour more than a year", text: asks, change: flag("cluster-signing-duration", "8761h"), want: []string{
			"warning csr/signing-duration --cluster-signing-duration: signs for 8761 hours; expected at most 365 days; 1 of the requests here asks for no shorter lifetime and stands for that",
		}},
		{name: "signs for ten years by the flag of old", text: asks, change: flag("experimental-cluster-signing-duration", "87600h"), want: []string{
			"warning csr/signing-duration --experimental-cluster-signing-duration: signs for 3650 days; expected at most 365 days; 1 of the requests here asks for no shorter lifetime and stands for that",
			"info csr/signing-files --cluster-signing-cert-file: the CA in /etc/kubernetes/pki/ca.crt ends on 2036-10-21 12:00 UTC; what it signs now is cut to that instead of lasting 3650 days",
		}},
		{name: "signs for ten years, and nobody waits", change: flag("cluster-signing-duration", "87600h"),
			text: requestObject{status: `conditions: [{type: Denied, status: "True"}]`}.yaml() +
				requestObject{name: "issued", spec: fixtures.RequestSpec{KeyName: "jane"}, usages: allClient, status: approved + ", " + issue(fixtures.Spec{CommonName: "jane", KeyName: "jane", Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})}.yaml(), want: []string{
				"warning csr/signing-duration --cluster-signing-duration: signs for 3650 days; expected at most 365 days",
				"info csr/denied jane: was denied",
				"info csr/signing-files --cluster-signing-cert-file: the CA in /etc/kubernetes/pki/ca.crt ends on 2036-10-21 12:00 UTC; what it signs now is cut to that instead of lasting 3650 days",
			}},

		{name: "CA of a year", text: asks, change: ends(365 * day)},
		{name: "CA of less than a year", text: asks, change: ends(365*day - time.Second), want: []string{
			"info csr/signing-files --cluster-signing-cert-file: the CA in /etc/kubernetes/pki/ca.crt ends on 2027-11-23 11:59 UTC; what it signs now is cut to that instead of lasting 365 days",
		}},
		{name: "CA that ends now", text: asks, change: ends(0), want: []string{
			"info csr/signing-files --cluster-signing-cert-file: the CA in /etc/kubernetes/pki/ca.crt ends on 2026-11-23 12:00 UTC; what it signs now is cut to that instead of lasting 365 days",
		}},
		{name: "CA that has ended", text: asks, change: ends(-time.Second), want: []string{
			"critical csr/signing-files --cluster-signing-cert-file: the CA in /etc/kubernetes/pki/ca.crt ended on 2026-11-23 11:59 UTC; kube-controller-manager does not sign with it",
		}},
		{name: "file of two CAs", text: asks, change: func(c *fixtures.Cluster) { c.Node.Append(pki+"/ca.crt", c.CertificatePEM(fixtures.EtcdCA)) }, want: []string{
			"critical csr/signing-files --cluster-signing-cert-file: /etc/kubernetes/pki/ca.crt holds 2 certificates; kube-controller-manager signs with a file of exactly one",
		}},
		{name: "half a pair, and somebody waits", text: requestObject{status: approved}.yaml(), change: replace(manifest, strings.SplitAfter(pair, "\n")[1], ""), want: []string{
			"critical csr/signing-files --cluster-signing-cert-file: of --cluster-signing-cert-file and its -key-file only one is set; kube-controller-manager does not start; 1 of the requests here waits for that",
			"warning csr/not-issued jane: was approved on 2026-11-23 11:51 UTC and has no certificate; kube-controller-manager has no files to sign with for kubernetes.io/kube-apiserver-client",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := fixtures.ControlPlane(fixtures.Options{})
			tt.change(c)
			dir := t.TempDir()
			do(t, c.Node.Write(dir))
			node, err := inventory.GatherSigning(dir)
			do(t, err)
			compare(t, tt.want, statements(audit.RunRequests(gatherText(t, tt.text), node, audit.Options{At: fixtures.Now})))
		})
	}
}

// Without its key kube-controller-manager signs nothing, whatever the reason is.
func TestSigningKeyLacking(t *testing.T) {
	const flag, end = "critical csr/signing-files --cluster-signing-key-file: ", "; kube-controller-manager does not start; 1 of the requests here waits for that"
	waiting := requestObject{status: approved}.yaml()
	for _, tt := range []struct {
		name   string
		change func(*fixtures.Cluster)
		want   []string
	}{
		{"it is there", func(*fixtures.Cluster) {}, nil},
		{"it is gone", remove(pki + "/ca.key"), []string{flag + "/etc/kubernetes/pki/ca.key, the key of /etc/kubernetes/pki/ca.crt, does not exist" + end}},
		{"it is none", put(pki+"/ca.key", "x"), []string{flag + "/etc/kubernetes/pki/ca.key holds no private key that could be read, and is to be the key of /etc/kubernetes/pki/ca.crt" + end}},
		{"the container does not see it", replace(manifests+"/kube-controller-manager.yaml", "key-file="+pki+"/ca.key", "key-file=/opt/ca.key"), []string{flag + "no volume brings /opt/ca.key, the key of /etc/kubernetes/pki/ca.crt, into the container" + end}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := fixtures.ControlPlane(fixtures.Options{})
			tt.change(c)
			dir := t.TempDir()
			do(t, c.Node.Write(dir))
			node, err := inventory.GatherSigning(dir)
			do(t, err)
			var found []string
			for _, s := range statements(audit.RunRequests(gatherText(t, waiting), node, audit.Options{At: fixtures.Now})) {
				if strings.Contains(s, "csr/signing-files") {
					found = append(found, s)
				}
			}
			compare(t, tt.want, found)
		})
	}
}

// A file of a folder that only speaks of requests is passed over, one that
// somebody named is not.
func TestFilesWithoutRequests(t *testing.T) {
	dir := t.TempDir()
	do(t, os.Mkdir(filepath.Join(dir, "docs"), 0o755))
	do(t, os.WriteFile(filepath.Join(dir, "docs", "howto.yaml"), []byte("apiVersion: v1\nkind: ConfigMap\ndata: {a: CertificateSigningRequest}\n"), 0o644))
	for path, want := range map[string]parsers.Kind{"docs": inventory.KindNothing, "docs/howto.yaml": parsers.KindUnsupported} {
		in, err := inventory.GatherRequests(dir, []string{path}, nil)
		do(t, err)
		if got := in.Input.Problems; len(got) != 1 || got[0].Kind != want {
			t.Errorf("%s: the problems are %v, want one that is %s", path, got, want)
		}
	}
}

// The CA that somebody gives by hand is in the place of the controller-manager's.
func TestCAByHand(t *testing.T) {
	dir := t.TempDir()
	do(t, fixtures.ControlPlane(fixtures.Options{}).Node.Write(dir))
	node, err := inventory.GatherSigning(dir)
	do(t, err)
	o := requestObject{usages: allClient, status: approved + ", " + issue(fixtures.Spec{CommonName: "jane", KeyName: "jane", Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})}
	o.spec.KeyName = "jane"
	in := gatherText(t, o.yaml())
	compare(t, nil, statements(audit.RunRequests(in, node, audit.Options{At: fixtures.Now})))
	in.Authorities = parsers.ParseMaterial(parsers.Origin{}, issuingCluster.CertificatePEM(fixtures.EtcdCA)).Certificates
	compare(t, []string{`critical csr/issued-by jane: the certificate was issued by "kubernetes" and not signed by the CA of --ca`},
		statements(audit.RunRequests(in, node, audit.Options{At: fixtures.Now})))
}
