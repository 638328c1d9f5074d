package audit_test

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"certaudit/audit"
	"certaudit/fixtures"
)

const kubeletServer = kubeletPKI + "/kubelet-server-2026-10-24-12-00-00.pem"

// asksForServing has the kubelet ask the cluster for its serving certificate,
// which was issued with some dates.
func asksForServing(before, after time.Duration) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) {
		c.Issue(kubeletServer, fixtures.Spec{CommonName: "system:node:cp-1", Organizations: []string{"system:nodes"}, DNSNames: []string{"cp-1"}, IPs: []string{"192.0.2.11"},
			Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, NotBefore: fixtures.Now.Add(-before), NotAfter: fixtures.Now.Add(after)})
		c.Node[kubeletPKI+"/kubelet-server-current.pem"] = fixtures.File{Link: kubeletServer}
		c.Node.Append(kubeletConfig, []byte("serverTLSBootstrap: true\n"))
		c.Node.Remove(kubeletPKI+"/kubelet.crt", kubeletPKI+"/kubelet.key")
	}
}

func TestKubeletEdges(t *testing.T) {
	rotationOff := replace(kubeletConfig, "rotateCertificates: true", "rotateCertificates: false")
	// embeds puts a client certificate into a kubeconfig of the kubelet.
	embeds := func(path string) func(*fixtures.Cluster) {
		return func(c *fixtures.Cluster) {
			c.Node[path] = c.Node[scheduler]
			c.Embed(path, fixtures.Spec{CommonName: "system:node:cp-1", Organizations: []string{"system:nodes"}, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		}
	}
	const dropIn = "/etc/systemd/system/kubelet.service.d/10-kubeadm.conf"
	run := func(words string) func(*fixtures.Cluster) {
		return replace(dropIn, "ExecStart=/usr/bin/kubelet ", "ExecStart=/usr/bin/"+words+" ")
	}
	testEdges(t, fixtures.ControlPlane, []edge{
		{name: "in a container of docker's", change: run("docker run --rm --net host --privileged -v /etc/kubernetes:/etc/kubernetes -v /var/lib/kubelet:/var/lib/kubelet:shared example.com/hyperkube:v1.34.4 kubelet")},
		{name: "in a container of podman's by its entry point", change: run("podman run --rm --entrypoint /hyperkube example.com/hyperkube:v1.34.4 kubelet")},
		{name: "in a container that has a file elsewhere", change: both(run("nerdctl run -d -v /srv/conf:/etc/kubernetes -v /var/lib/kubelet:/var/lib/kubelet example.com/kubelet:v1.34.4"), func(c *fixtures.Cluster) {
			c.Node["/srv/conf/kubelet.conf"] = c.Node[etc+"/kubelet.conf"]
			c.Node.Remove(etc + "/kubelet.conf")
		})},
		{name: "in a container that was made before", change: run("docker start -a kubelet"), want: []string{
			"warning input/component-unread /etc/systemd/system/kubelet.service.d/10-kubeadm.conf ExecStart: starts no program that is known to be the kubelet, so its settings were not read; what lies in its default folders was judged",
			"incomplete input/component-unread: some input could not be understood"}},
		{name: "embeds its client certificate", change: embeds(etc + "/kubelet.conf"), want: []string{
			"warning kubelet/embedded-client /etc/kubernetes/kubelet.conf users[0].user.client-certificate-data: embeds the client certificate, which the rotation never updates; expected client-certificate: /var/lib/kubelet/pki/kubelet-client-current.pem",
		}},
		{name: "embeds its client certificate, and rotates nothing", change: both(rotationOff, embeds(etc+"/kubelet.conf"))},
		{name: "bootstraps with a certificate", change: embeds(etc + "/bootstrap-kubelet.conf")},

		{name: "served, at 90 %", change: asksForServing(90*day, 10*day)},
		{name: "served, past 90 %", change: asksForServing(90*day+time.Second, 10*day-time.Second), want: []string{
			"warning validity/rotation-overdue /var/lib/kubelet/pki/kubelet-server-current.pem kubelet serverTLSBootstrap: is past 90 % of its life and was not rotated; it expires on 2026-12-03 11:59 UTC, in 9 days",
		}},
		{name: "served, past 90 %, and only the client rotates", change: both(asksForServing(335*day, 30*day), replace(kubeletConfig, "serverTLSBootstrap: true", "tlsCertFile: "+kubeletServer+"\ntlsPrivateKeyFile: "+kubeletServer)), want: []string{
			"info files/unreferenced /var/lib/kubelet/pki/kubelet-server-current.pem: is named by no component; it was not judged",
		}},
		{name: "served, past 90 %, and only the server rotates", change: both(asksForServing(335*day, 30*day), rotationOff, lasts(kubeletClient, 335*day, 30*day)), want: []string{
			"warning validity/rotation-overdue /var/lib/kubelet/pki/kubelet-server-current.pem kubelet serverTLSBootstrap: is past 90 % of its life and was not rotated; it expires on 2026-12-23 12:00 UTC, in 30 days",
		}},
		{name: "the link of the server is a file", change: both(asksForServing(30*day, 335*day), func(c *fixtures.Cluster) { c.Node[kubeletPKI+"/kubelet-server-current.pem"] = c.Node[kubeletServer] }), want: []string{
			"warning kubelet/link /var/lib/kubelet/pki/kubelet-server-current.pem kubelet serverTLSBootstrap: is a file; expected the link that the kubelet's rotation moves to each new certificate",
		}},
		{name: "the server's link leads to an older file", change: both(asksForServing(30*day, 335*day), func(c *fixtures.Cluster) {
			c.Node[kubeletPKI+"/kubelet-server-2026-11-20-12-00-00.pem"] = c.Node[kubeletServer]
		}), want: []string{
			"warning kubelet/link /var/lib/kubelet/pki/kubelet-server-current.pem kubelet serverTLSBootstrap: leads to kubelet-server-2026-10-24-12-00-00.pem; expected the newest, kubelet-server-2026-11-20-12-00-00.pem",
		}},
		{name: "asks, and has a serving certificate by a flag", change: both(served, func(c *fixtures.Cluster) { c.Node.Append(kubeletConfig, []byte("serverTLSBootstrap: true\n")) }), want: []string{
			"info files/unreferenced /var/lib/kubelet/pki/kubelet.crt: is named by no component; it was not judged",
			"info files/unreferenced /var/lib/kubelet/pki/kubelet.key: is named by no component; it was not judged",
		}},
		{name: "does not ask, and serves nothing", change: remove(kubeletPKI+"/kubelet.crt", kubeletPKI+"/kubelet.key")},
	})
}

// The kubelet is what a service starts, whatever that is called; of one that is not
// understood, or not started, its default folders are judged, and that is told.
func TestServicesOfTheKubelet(t *testing.T) {
	const start = "/usr/bin/kubelet --bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf --config=/opt/kubelet.yaml"
	// started replaces what starts the kubelet, whose configuration, elsewhere, names a CA
	// that is not there.
	started := func(changes ...func(*fixtures.Cluster)) func(*fixtures.Cluster) {
		return func(c *fixtures.Cluster) {
			c.Node["/opt/kubelet.yaml"] = c.Node[kubeletConfig]
			c.Node.Replace("/opt/kubelet.yaml", pki+"/ca.crt", "/opt/ca.crt")
			c.Node.Remove("/usr/lib/systemd/system/kubelet.service", "/etc/systemd/system/kubelet.service.d/10-kubeadm.conf")
			for _, change := range changes {
				change(c)
			}
		}
	}
	seen := []string{"critical files/missing /opt/ca.crt kubelet authentication.x509.clientCAFile: does not exist; it is named by kubelet authentication.x509.clientCAFile (/opt/kubelet.yaml:9)"}
	unread := func(at, message string) []string {
		return []string{"warning input/component-unread " + at + ": " + message,
			"not-applicable identity/common-name: the node's name is not known, so the commonName of kubelet/client was not held against it",
			"incomplete input/component-unread: some input could not be understood"}
	}
	const wants = ownUnits + "/multi-user.target.wants/"
	unit := "[Service]\nExecStart=" + start + "\n"
	testEdges(t, fixtures.Worker, []edge{
		{name: "of another name", change: started(put(ownUnits+"/node.service", unit), link(wants+"node.service", ownUnits+"/node.service")), want: seen},
		{name: "of a package's name", change: started(put(packageUnits+"/origin-node.service", unit), link(wants+"origin-node.service", packageUnits+"/origin-node.service")), want: seen},
		{name: "an instance of a template", change: started(put(ownUnits+"/kubelet@.service", unit), link(wants+"kubelet@a.service", ownUnits+"/kubelet@.service")), want: seen},
		{name: "a container of podman's generator", change: started(put("/etc/containers/systemd/node.container", "[Container]\nImage=example.com/kubelet:v1.34.4\nVolume=/opt:/opt\nVolume=/etc/kubernetes:/etc/kubernetes\nExec="+strings.TrimPrefix(start, "/usr/bin/kubelet ")+"\n[Install]\nWantedBy=multi-user.target\n")), want: seen},
		{name: "of OpenRC under another name", change: started(put("/etc/init.d/node", "#!/sbin/openrc-run\ncommand=/usr/bin/kubelet\ncommand_args=\""+strings.TrimPrefix(start, "/usr/bin/kubelet ")+"\"\n"), link("/etc/runlevels/default/node", "/etc/init.d/node")), want: seen},
		{name: "of OpenRC, not understood", change: started(put("/etc/init.d/kubelet", "#!/sbin/openrc-run\nstart() {\n  start-stop-daemon --exec /opt/start\n}\n"), link("/etc/runlevels/default/kubelet", "/etc/init.d/kubelet")),
			want: unread("/etc/init.d/kubelet", "starts no program that is known to be the kubelet, so its settings were not read; what lies in its default folders was judged")},
		{name: "of OpenRC, gone", change: started(link("/etc/runlevels/default/kubelet", "/etc/init.d/kubelet")),
			want: unread("/etc/init.d/kubelet", "is to be started and is no service of OpenRC's that can be read; what lies in the kubelet's default folders was judged")},
		{name: "masked", change: started(link(ownUnits+"/kubelet.service", "/dev/null")),
			want: unread("/etc/systemd/system/kubelet.service", "is masked, so that systemd does not start the kubelet; what lies in its default folders was judged")},
		{name: "with its kubeconfig as a credential that cannot be seen", change: started(put(ownUnits+"/kubelet.service", "[Service]\nLoadCredentialEncrypted=kc:/etc/kubelet.cred\nExecStart=/usr/bin/kubelet --kubeconfig=%d/kc --config="+kubeletConfig+"\n")), want: []string{
			`info input/unsupported /etc/systemd/system/kubelet.service --kubeconfig: "/run/credentials/kubelet.service/kc" comes from a setting of the unit and cannot be seen from the node, nor can anything else below /run/credentials/kubelet.service`,
			"incomplete input/unsupported: some input could not be understood"}},
	})
}

// A certificate that the kubelet made for itself comes with a CA that nobody has
// the key of, and that is not judged.
func TestSelfSignedIsAlone(t *testing.T) {
	r := auditNode(t, fixtures.Worker(fixtures.Options{}).Node, audit.Options{})
	var got []string
	for _, c := range r.Certificates {
		if c.Path == kubeletPKI+"/kubelet.crt" {
			got = append(got, c.Role)
		}
	}
	compare(t, []string{"kubelet/serving-self-signed"}, got)
}

// A kubelet that does not ask for its serving certificate is none that waits for
// an approval.
func TestServingIsNotAskedFor(t *testing.T) {
	asks := func(c *fixtures.Cluster) { c.Node.Append(kubeletConfig, []byte("serverTLSBootstrap: true\n")) }
	for _, tt := range []struct {
		name   string
		change func(*fixtures.Cluster)
		want   audit.State
	}{
		{"as kubeadm sets it up", func(*fixtures.Cluster) {}, audit.NotApplicable},
		{"named by a flag", both(served, asks), audit.NotApplicable},
		{"asked for", asks, audit.Done},
	} {
		c := fixtures.ControlPlane(fixtures.Options{})
		tt.change(c)
		for _, o := range auditNode(t, c.Node, audit.Options{}).Outcomes {
			if o.Check == "kubelet/serving-unapproved" && o.State != tt.want {
				t.Errorf("%s: %s, want %s", tt.name, o.State, tt.want)
			}
		}
	}
}
