package audit_test

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"math/big"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"certaudit/audit"
	"certaudit/audit/inventory"
	"certaudit/fixtures"

	gocmp "github.com/google/go-cmp/cmp"
)

// auditFolder gathers a folder and judges it at [fixtures.Now].
func auditFolder(t testing.TB, dir string) (*inventory.Inventory, audit.Result) {
	t.Helper()
	inv, err := inventory.Gather(dir)
	if err != nil {
		t.Fatal(err)
	}
	return inv, audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now})
}

func TestReferenceEdges(t *testing.T) {
	const apiserver, cm = manifests + "/kube-apiserver.yaml", manifests + "/kube-controller-manager.yaml"
	const schedulerKubeconfig = "kube-scheduler --kubeconfig (/etc/kubernetes/manifests/kube-scheduler.yaml:16), " +
		"kube-scheduler --authentication-kubeconfig (/etc/kubernetes/manifests/kube-scheduler.yaml:13), kube-scheduler --authorization-kubeconfig (/etc/kubernetes/manifests/kube-scheduler.yaml:14)"
	const bootstrap = "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts:\n- {name: a, context: {cluster: a, user: a}}\n" +
		"clusters:\n- {name: a, cluster: {server: 'https://192.0.2.11:6443', certificate-authority: /etc/kubernetes/pki/ca.crt}}\nusers:\n- {name: a, user: {token: abcdef.0123456789abcdef}}\n"
	// moved brings the certificates into the pod under another path.
	moved := func(mount string) func(*fixtures.Cluster) {
		return func(c *fixtures.Cluster) {
			c.Node.Replace(apiserver, "="+pki+"/", "=/certs/")
			c.Node.Replace(apiserver, "    - mountPath: "+pki+"\n", mount)
		}
	}
	// relative lets the controller-manager's kubeconfig name its pair.
	relative := func(c *fixtures.Cluster) {
		c.Issue(etc+"/cm", fixtures.Spec{CommonName: "system:kube-controller-manager", Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		f := c.Node[etc+"/controller-manager.conf"]
		f.Data = regexp.MustCompile(`client-(certificate|key)-data: .*`).ReplaceAllFunc(f.Data, func(m []byte) []byte {
			if bytes.Contains(m, []byte("key")) {
				return []byte("client-key: cm.key")
			}
			return []byte("client-certificate: ./x/../cm.crt")
		})
		c.Node[etc+"/controller-manager.conf"] = f
	}
	mountCM := func(hostFolder string) func(*fixtures.Cluster) {
		return both(replace(cm, "    - mountPath: "+etc+"/controller-manager.conf\n", "    - mountPath: "+etc+"\n"),
			replace(cm, "      path: "+etc+"/controller-manager.conf\n      type: FileOrCreate\n", "      path: "+hostFolder+"\n"))
	}
	testEdges(t, fixtures.ControlPlane, []edge{
		{name: "path that no volume brings", change: replace(apiserver, "tls-cert-file="+pki, "tls-cert-file=/opt"), want: []string{
			"critical files/missing /opt/apiserver.crt kube-apiserver --tls-cert-file: no volume brings this path into the container; it is named by kube-apiserver --tls-cert-file (/etc/kubernetes/manifests/kube-apiserver.yaml:40)",
		}},
		{name: "path of an emptyDir", change: both(replace(apiserver, "tls-cert-file="+pki, "tls-cert-file=/scratch"),
			replace(apiserver, "    volumeMounts:\n", "    volumeMounts:\n    - mountPath: /scratch\n      name: scratch\n"),
			replace(apiserver, "  volumes:\n", "  volumes:\n  - emptyDir: {}\n    name: scratch\n")), want: []string{
			`info input/unsupported /etc/kubernetes/manifests/kube-apiserver.yaml --tls-cert-file: "/scratch/apiserver.crt" comes from a volume that is no hostPath and cannot be seen from the node, nor can anything else below /scratch`,
			"incomplete input/unsupported: some input could not be understood",
		}},
		{name: "another path in the container", change: moved("    - mountPath: /certs\n")},
		{name: "subPath", change: both(moved("    - mountPath: /certs\n      subPath: pki\n"),
			replace(apiserver, "      path: "+pki+"\n", "      path: "+etc+"\n"))},
		{name: "relative paths of a kubeconfig", change: both(relative, mountCM(etc))},
		{name: "relative paths of a kubeconfig in a container that does not have them", change: relative, want: []string{
			"critical files/missing /etc/kubernetes/cm.crt kube-controller-manager users[0].user.client-certificate: no volume brings this path into the container; it is named by kube-controller-manager users[0].user.client-certificate (/etc/kubernetes/controller-manager.conf:17); its key /etc/kubernetes/cm.key is missing as well",
		}},
		{name: "relative paths of a kubeconfig, another path in the container", change: both(relative, mountCM("/srv/cm"), func(c *fixtures.Cluster) {
			for _, name := range []string{"controller-manager.conf", "cm.crt", "cm.key"} {
				c.Node["/srv/cm/"+name] = c.Node[etc+"/"+name]
			}
			c.Node.Remove(etc+"/controller-manager.conf", etc+"/cm.crt", etc+"/cm.key")
		})},
		{name: "custom certificates folder", options: fixtures.Options{CertificatesDir: "/opt/k8s/certs"}},
		{name: "kubeconfig with a second user", change: replace(etc+"/scheduler.conf", "users:\n", "users:\n- name: nobody\n  user:\n    token: abc\n")},
		{name: "kubeconfig with a second user of a certificate", change: func(c *fixtures.Cluster) {
			admin := string(c.Node[etc+"/admin.conf"].Data)
			_, users, _ := strings.Cut(admin, "users:\n")
			c.Node.Append(etc+"/scheduler.conf", []byte(users))
		}},
		{name: "kubeconfig without its context", change: replace(etc+"/scheduler.conf", "current-context: ", "current-context: no-"), want: []string{
			`critical files/malformed /etc/kubernetes/scheduler.conf current-context: the current context is "no-system:kube-scheduler@kubernetes", and there is no such context with a cluster; kube-scheduler cannot use the file`,
		}},
		{name: "kubeconfig that is a Pod", change: replace(etc+"/scheduler.conf", "kind: Config", "kind: Pod"), want: []string{
			"critical input/undecodable /etc/kubernetes/scheduler.conf: is not a kubeconfig: it has neither clusters nor users; expected a kubeconfig for " + schedulerKubeconfig,
			"incomplete input/undecodable: some input could not be understood",
		}},
		{name: "kubeconfig is empty", change: put(etc+"/scheduler.conf", ""), want: []string{
			"critical input/undecodable /etc/kubernetes/scheduler.conf: is empty; expected a kubeconfig for " + schedulerKubeconfig,
			"warning files/permissions /etc/kubernetes/scheduler.conf kube-scheduler --kubeconfig: has the mode 0644; expected 0600 or less, for whoever reads it can act in its name",
			"incomplete input/undecodable: some input could not be understood",
		}},
		{name: "kubeconfig is empty with which the kubelet is started", change: emptied(etc + "/kubelet.conf"), want: []string{
			"critical input/undecodable /etc/kubernetes/kubelet.conf: is empty; expected a kubeconfig for kubelet --kubeconfig (/etc/systemd/system/kubelet.service.d/10-kubeadm.conf:3)",
			"incomplete input/undecodable: some input could not be understood",
		}},
		{name: "kubeconfig is empty that the kubelet makes with that to bootstrap with", change: both(emptied(etc+"/kubelet.conf"), func(c *fixtures.Cluster) {
			c.Node[etc+"/bootstrap-kubelet.conf"] = fixtures.File{Mode: 0o600, Data: []byte(bootstrap)}
		}), want: []string{
			"warning input/undecodable /etc/kubernetes/kubelet.conf: is empty; expected a kubeconfig for kubelet --kubeconfig (/etc/systemd/system/kubelet.service.d/10-kubeadm.conf:3)",
			"incomplete input/undecodable: some input could not be understood",
		}},
		{name: "kubeconfig is empty that nothing is started with", change: emptied(etc + "/admin.conf"), want: []string{
			"warning input/undecodable /etc/kubernetes/admin.conf: is empty",
			"incomplete input/undecodable: some input could not be understood",
		}},
		{name: "kubeconfig of a person is empty", change: put("/root/.kube/config", " \n")},
		{name: "kubelet's configuration is empty", change: emptied(kubeletConfig), want: []string{
			"critical input/undecodable /var/lib/kubelet/config.yaml: is empty; expected a configuration file for kubelet --config (/etc/systemd/system/kubelet.service.d/10-kubeadm.conf:4)",
			"done flags/missing: the settings of kubelet were not read as a whole (/var/lib/kubelet/config.yaml), so what is not set there was not judged",
			"incomplete input/undecodable: some input could not be understood",
		}},
		{name: "variable that systemd passes over", change: both(replace("/etc/systemd/system/kubelet.service.d/10-kubeadm.conf", "EnvironmentFile=-/var/lib/", "EnvironmentFile=/var/lib/"),
			put("/var/lib/kubelet/kubeadm-flags.env", "export A=b\n")), want: []string{
			"warning input/undecodable /var/lib/kubelet/kubeadm-flags.env: systemd does not remove \"export\" and ignores the assignment",
		}},
		{name: "manifest of the scheduler is empty", change: emptied(manifests + "/kube-scheduler.yaml"), want: []string{
			"critical input/undecodable /etc/kubernetes/manifests/kube-scheduler.yaml: is empty; nothing else on this node starts kube-scheduler, although there is /etc/kubernetes/scheduler.conf",
			"incomplete input/undecodable: some input could not be understood",
		}},
		{name: "manifest of the scheduler is empty beside another", change: both(copied(manifests+"/kube-scheduler.yaml", manifests+"/scheduler.yaml"), emptied(manifests+"/kube-scheduler.yaml")), want: []string{
			"warning input/undecodable /etc/kubernetes/manifests/kube-scheduler.yaml: is empty",
			"incomplete input/undecodable: some input could not be understood",
		}},
		{name: "manifest of a stranger is empty", change: put(manifests+"/haproxy.yaml", ""), want: []string{
			"warning input/undecodable /etc/kubernetes/manifests/haproxy.yaml: is empty",
			"incomplete input/undecodable: some input could not be understood",
		}},
		{name: "copy in a home", change: func(c *fixtures.Cluster) { c.Node["/home/jane/.kube/config"] = c.Node[etc+"/admin.conf"] }},
		{name: "stale copy in a home", change: func(c *fixtures.Cluster) {
			c.Reissue(etc+"/admin.conf", func(s *fixtures.Spec) {
				s.NotBefore, s.NotAfter = fixtures.Now.Add(-400*day), fixtures.Now.Add(-35*day)
				s.KeyName, s.Serial = "stale", big.NewInt(1)
			})
			c.Node["/root/.kube/config"] = c.Node[etc+"/admin.conf"]
			c.Reissue(etc+"/admin.conf", func(s *fixtures.Spec) {
				*s = fixtures.Spec{CommonName: s.CommonName, Organizations: s.Organizations, Usages: s.Usages}
			})
		}, want: []string{
			"warning validity/expired /root/.kube/config users[0].user.client-certificate-data: expired on 2026-10-19 12:00 UTC, 35 days ago; it must be renewed",
		}},
		{name: "another cluster's in a home", change: func(c *fixtures.Cluster) {
			other := fixtures.ControlPlane(fixtures.Options{Seed: "other", AdvertiseAddress: "198.51.100.1"})
			other.Reissue(etc+"/admin.conf", func(s *fixtures.Spec) {
				s.NotBefore, s.NotAfter = fixtures.Now.Add(-400*day), fixtures.Now.Add(-35*day)
			})
			c.Node["/root/.kube/config"] = other.Node[etc+"/admin.conf"]
		}, want: []string{
			"done validity/expired: /root/.kube/config speaks of other clusters as well, which were not judged",
		}},
		{name: "both clusters' in a home", change: func(c *fixtures.Cluster) {
			other := fixtures.ControlPlane(fixtures.Options{Seed: "other", AdvertiseAddress: "198.51.100.1"})
			other.Reissue(etc+"/admin.conf", func(s *fixtures.Spec) {
				s.NotBefore, s.NotAfter = fixtures.Now.Add(-400*day), fixtures.Now.Add(-35*day)
			})
			c.Node["/root/.kube/config"] = fixtures.File{Mode: 0o600, Data: merged(c.Node[etc+"/admin.conf"].Data, other.Node[etc+"/admin.conf"].Data)}
		}, want: []string{
			"done validity/expired: /root/.kube/config speaks of other clusters as well, which were not judged",
		}},
		{name: "bomb in the manifest folder", change: put(manifests+"/bomb.yaml", bomb), want: []string{
			"warning input/undecodable /etc/kubernetes/manifests/bomb.yaml: has more than 500000 fields when its aliases are followed",
			"incomplete input/undecodable: some input could not be understood",
		}},
		{name: "bomb in the kubelet's configuration", change: put(kubeletConfig, bomb), want: []string{
			"warning input/undecodable /var/lib/kubelet/config.yaml: has more than 500000 fields when its aliases are followed",
			"done flags/missing: the settings of kubelet were not read as a whole (/var/lib/kubelet/config.yaml:8), so what is not set there was not judged",
			"incomplete input/undecodable: some input could not be understood",
		}},
		{name: "configuration that names itself", change: both(replace(apiserver, "    - --allow-privileged=true\n", "    - --allow-privileged=true\n    - --admission-control-config-file="+pki+"/admission.yaml\n"),
			put(pki+"/admission.yaml", "kind: AdmissionConfiguration\nplugins:\n- name: a\n  path: admission.yaml\n- name: b\n  path: ../pki/admission.yaml\n"))},
		{name: "manifest of nothing but a template", change: put(manifests+"/haproxy.yaml", "kind: {{ .Kind }}\n"), want: []string{
			"warning input/component-unread /etc/kubernetes/manifests/haproxy.yaml: holds no pod, yet the kubelet reads every file of this folder; what it should start was not judged",
			"incomplete input/component-unread: some input could not be understood",
		}},
		{name: "manifest folder holds a folder and hidden files", change: both(put(manifests+"/.swp", "{{"), put(manifests+"/old/kube-apiserver.yaml", "{{"))},
	})
}

// A kubelet that rotates every hour leaves a file each time.
func TestManyFiles(t *testing.T) {
	var names []string
	for i := range 20_000 {
		names = append(names, fixtures.Now.Add(time.Duration(i)*time.Hour).Format("kubelet-client-2006-01-02-15-04-05.pem"))
	}
	inv := &inventory.Inventory{Folders: map[string][]string{kubeletPKI: names}}
	r := audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now})
	want := []string{"info files/unreferenced /var/lib/kubelet/pki: holds files that the kubelet has replaced and never removes: 19999, the newest kubelet-client-2029-03-05-18-00-00.pem"}
	if diff := gocmp.Diff(want, told(r)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A folder whose thousands of certificates have all expired is judged, and its plan made,
// in a time that does not grow with the cube of their number.
func TestManyExpired(t *testing.T) {
	const many = 3000
	c := fixtures.ControlPlane(fixtures.Options{})
	c.Reissue(pki+"/apiserver", func(s *fixtures.Spec) {
		s.NotBefore, s.NotAfter = fixtures.Now.Add(-400*day), fixtures.Now.Add(-35*day)
	})
	dir := t.TempDir()
	for i := range many {
		if err := os.WriteFile(fmt.Sprintf("%s/%d.crt", dir, i), c.Node[pki+"/apiserver.crt"].Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	begun := time.Now()
	_, inv, err := inventory.GatherPaths(dir, []string{"."}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now})
	if took := time.Since(begun); took > 15*time.Second {
		t.Errorf("the audit takes %v", took)
	}
	if r.Summary.Certificates != many || r.Summary.Critical != many {
		t.Errorf("%d certificates, %d critical findings; want %d of each", r.Summary.Certificates, r.Summary.Critical, many)
	}
}

// A configuration that names thousands of files is followed so far and no further.
func TestManyReferences(t *testing.T) {
	const apiserver = manifests + "/kube-apiserver.yaml"
	c := fixtures.ControlPlane(fixtures.Options{})
	c.Node.Replace(apiserver, "    - --allow-privileged=true\n", "    - --egress-selector-config-file="+pki+"/egress.yaml\n")
	put(pki+"/egress.yaml", "kind: EgressSelectorConfiguration\negressSelections:\n"+
		strings.Repeat("- connection: {transport: {tcp: {tlsConfig: {caBundle: ca.crt}}}}\n", 10_000))(c)
	got := told(auditNode(t, c.Node, audit.Options{}))
	want := []string{
		"warning input/undecodable /etc/kubernetes/pki/egress.yaml egressSelections[4972].connection.transport.tcp.tlsConfig.caBundle: is reference 5001 of the node; it and the rest were not followed",
		"done files/unreferenced: not everything was read that may name files, so the 2 that nothing else names were not reported",
		"incomplete input/undecodable: some input could not be understood",
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What is read of a node is bounded, however many large files it names.
func TestManyBytes(t *testing.T) {
	c := fixtures.ControlPlane(fixtures.Options{})
	large := "# " + strings.Repeat("x", 3<<20) + "\n"
	for i := range 7 {
		put(fmt.Sprintf("%s/large-%d.yaml", manifests, i), large)(c)
	}
	want := []string{
		"warning input/undecodable /etc/kubernetes/manifests/large-0.yaml: is empty",
		"warning input/undecodable /etc/kubernetes/manifests/large-1.yaml: is empty",
		"warning input/undecodable /etc/kubernetes/manifests/large-2.yaml: is empty",
		"warning input/undecodable /etc/kubernetes/manifests/large-3.yaml: is empty",
		"warning input/undecodable /etc/kubernetes/manifests/large-4.yaml: is empty",
		"warning input/undecodable /etc/kubernetes/manifests/large-5.yaml: is empty",
		"warning input/unreadable /etc/kubernetes/manifests/large-6.yaml: was not read: the files before it hold more than 16 MiB; what it holds was not judged",
		"info input/unreadable /etc/hosts: was not read: the files before it hold more than 16 MiB; what it holds was not judged",
		"info input/unreadable /etc/kubernetes/admin.conf kubeadm admin.conf: was not read: the files before it hold more than 16 MiB; what it holds was not judged",
		"info input/unreadable /etc/kubernetes/pki/etcd/ca.key kubeadm etcd/ca.key: was not read: the files before it hold more than 16 MiB; what it holds was not judged",
		"info input/unreadable /etc/kubernetes/pki/etcd/healthcheck-client.crt kubeadm etcd/healthcheck-client.crt: was not read: the files before it hold more than 16 MiB; what it holds was not judged",
		"info input/unreadable /etc/kubernetes/pki/etcd/healthcheck-client.key kubeadm etcd/healthcheck-client.key: was not read: the files before it hold more than 16 MiB; what it holds was not judged",
		"info input/unreadable /etc/kubernetes/pki/front-proxy-ca.key kubeadm front-proxy-ca.key: was not read: the files before it hold more than 16 MiB; what it holds was not judged",
		"info input/unreadable /etc/kubernetes/super-admin.conf kubeadm super-admin.conf: was not read: the files before it hold more than 16 MiB; what it holds was not judged",
		"incomplete input/unreadable: 8 files and folders could not be read",
		"incomplete input/undecodable: some input could not be understood",
	}
	if diff := gocmp.Diff(want, told(auditNode(t, c.Node, audit.Options{}))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// merged is a kubeconfig of two, whose names it tells apart.
func merged(a, b []byte) []byte {
	rename := func(data []byte) string {
		return strings.NewReplacer("name: kubernetes", "name: other", "cluster: kubernetes", "cluster: other", "user: kubernetes-admin", "user: other").Replace(string(data))
	}
	section := func(data, from, to string) string {
		_, rest, _ := strings.Cut(data, from)
		part, _, _ := strings.Cut(rest, to)
		return part
	}
	first, second := string(a), rename(b)
	var out strings.Builder
	for _, s := range []struct{ from, to string }{{"clusters:\n", "contexts:\n"}, {"contexts:\n", "current-context:"}, {"users:\n", "\x00"}} {
		out.WriteString(s.from + section(first, s.from, s.to) + section(second, s.from, s.to))
	}
	return []byte("apiVersion: v1\nkind: Config\ncurrent-context: kubernetes-admin@kubernetes\n" + out.String())
}

// bomb is a document whose aliases stand for 10^12 values.
var bomb = func() string {
	var b strings.Builder
	b.WriteString("kind: Pod\nv0: &v0 x\n")
	for i := 1; i <= 12; i++ {
		fmt.Fprintf(&b, "v%d: &v%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*v%d, ", i-1), 10), ", "))
	}
	b.WriteString("spec: {containers: *v12, volumes: *v12}\nmetadata: {annotations: *v12}\n")
	return b.String()
}()

// compare fails a test for lines that are not the wanted ones.
func compare(t *testing.T, want, got []string) {
	t.Helper()
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A unit that nothing starts is a left-over beside a static pod, and one that
// starts something else is none of a component.
func TestLeftOverUnit(t *testing.T) {
	node := fixtures.ControlPlane(fixtures.Options{}).Node
	sound := told(auditNode(t, node, audit.Options{}))
	node["/etc/systemd/system/etcd.service"] = fixtures.File{Data: []byte("[Service]\nEnvironmentFile=/nowhere.env\nExecStart=/usr/bin/etcd --cert-file=/nowhere.crt\nnonsense\n"), Mode: 0o644}
	node["/etc/systemd/system/etcd-backup.service"] = fixtures.File{Data: []byte("[Service]\nEnvironmentFile=/nowhere.env\nExecStart=/opt/backup.sh etcd\nnonsense\n"), Mode: 0o644}
	if diff := gocmp.Diff(sound, told(auditNode(t, node, audit.Options{}))); diff != "" {
		t.Errorf("(-without +with):\n%s", diff)
	}
}
