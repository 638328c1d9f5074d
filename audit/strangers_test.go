package audit_test

import (
	"fmt"
	"strings"
	"testing"

	"certaudit/audit"
	"certaudit/fixtures"
)

// pod is the manifest of a static pod: what its container starts, its variables
// and its hostPaths, "path" or "path:path in the container".
func pod(name string, command []string, env map[string]string, paths ...string) string {
	var text, mounts, volumes strings.Builder
	fmt.Fprintf(&text, "apiVersion: v1\nkind: Pod\nmetadata:\n  name: %s\nspec:\n  containers:\n  - name: %s\n    image: example.com/%s:v1\n    command:\n", name, name, name)
	for _, word := range command {
		fmt.Fprintf(&text, "    - %q\n", word)
	}
	for n, v := range env {
		fmt.Fprintf(&text, "    env:\n    - name: %s\n      value: %q\n", n, v)
	}
	for i, p := range paths {
		host, inside, ok := strings.Cut(p, ":")
		if !ok {
			inside = host
		}
		fmt.Fprintf(&mounts, "    - {name: v%d, mountPath: %s}\n", i, inside)
		fmt.Fprintf(&volumes, "  - {name: v%d, hostPath: {path: %s}}\n", i, host)
	}
	if len(paths) > 0 {
		text.WriteString("    volumeMounts:\n" + mounts.String() + "  volumes:\n" + volumes.String())
	}
	return text.String()
}

// stranger puts a certificate that ended yesterday, its key and another key below
// /opt/x, and a static pod beside the components.
func stranger(command []string, env map[string]string, paths ...string) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) {
		ended("/opt/x/x")(c)
		c.WriteKey("/opt/x/y.key", "y")
		put(manifests+"/stranger.yaml", pod("stranger", command, env, paths...))(c)
	}
}

// ended issues a certificate that ended yesterday.
func ended(base string) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) {
		c.Issue(base, fixtures.Spec{CommonName: "x", NotBefore: fixtures.Now.Add(-30 * day), NotAfter: fixtures.Now.Add(-day)})
	}
}

// What a static pod names that is none of the components is judged by what it is;
// what it may do without, writes, or has in its image, is not missed.
func TestStrangers(t *testing.T) {
	agent := func(args ...string) []string { return append([]string{"/agent"}, args...) }
	expired := func(severity, field string) string {
		return severity + " validity/expired /opt/x/x.crt stranger " + field + ": expired on 2026-11-22 12:00 UTC, 24 hours ago; it must be renewed"
	}
	missing := func(path, field string) string {
		return "warning files/missing " + path + " stranger " + field + ": does not exist; it is named by stranger " + field + " (/etc/kubernetes/manifests/stranger.yaml:"
	}
	mismatch := func(field, key string) string {
		return "critical keys/mismatch /opt/x/x.crt stranger " + field + ": the private key of " + key + " is not that of this certificate; expected a pair"
	}
	file := func(path, data string) func(*fixtures.Cluster) { return put(path, data) }
	testEdges(t, fixtures.ControlPlane, []edge{
		{name: "flags", change: stranger(agent("--cert=/opt/x/x.crt", "--key", "/opt/x/x.key"), nil, "/opt/x"), want: []string{expired("critical", "--cert")}},
		{name: "one flag for both", change: stranger(agent("--pair=/opt/x/x.crt,/opt/x/x.key"), nil, "/opt/x"), want: []string{expired("critical", "--pair")}},
		{name: "an argument", change: stranger(agent("file:///opt/x/x.crt"), nil, "/opt/x"), want: []string{expired("critical", "spec.containers[0].command[1]")}},
		{name: "a variable", change: stranger(agent(), map[string]string{"CERT": "/opt/x/x.crt"}, "/opt/x"), want: []string{expired("critical", "CERT")}},
		{name: "a variable in an argument", change: stranger(agent("--cert=$(CERT)"), map[string]string{"CERT": "/opt/x/x.crt"}, "/opt/x"), want: []string{expired("critical", "--cert")}},
		{name: "a mounted file", change: stranger(agent(), nil, "/opt/x/x.crt:/x.crt"), want: []string{expired("critical", "spec.volumes[0].hostPath.path")}},
		{name: "a mounted folder", change: stranger(agent(), nil, "/opt/x"), want: []string{expired("warning", "spec.volumes[0].hostPath.path")}},
		{name: "a path of the node's that no volume brings", change: stranger(agent("--cert=/opt/x/x.crt"), nil), want: []string{expired("warning", "--cert")}},
		{name: "a script", change: stranger([]string{"sh", "-c", "[ -f /opt/x/gone.pem ] && exit; exec /agent --cert=/opt/x/x.crt --ca=/opt/x/gone.pem"}, nil, "/opt/x"), want: []string{expired("critical", "--cert")}},
		{name: "another key, by flags", change: stranger(agent("--server-cert=/opt/x/x.crt", "--server-key=/opt/x/y.key"), nil, "/opt/x/x.crt", "/opt/x/y.key"),
			want: []string{mismatch("--server-cert", "/opt/x/y.key"), expired("critical", "--server-cert")}},
		{name: "another key, by name", change: both(stranger(agent("--a=/opt/x/x.crt", "--b=/opt/x/x.key"), nil, "/opt/x"), func(c *fixtures.Cluster) { c.WriteKey("/opt/x/x.key", "z") }),
			want: []string{mismatch("--a", "/opt/x/x.key"), expired("critical", "--a")}},
		{name: "keys of two purposes", change: stranger(agent("--a-cert=/opt/x/x.crt", "--a-key=/opt/x/x.key", "--b-key=/opt/x/y.key"), nil, "/opt/x"), want: []string{expired("critical", "--a-cert")}},
		{name: "flags of a component that are not known", change: both(ended(pki+"/more"), replace(manifests+"/kube-scheduler.yaml", "    - --leader-elect=true", "    - --leader-elect=true\n    - --more-cert="+pki+"/more.crt")), want: []string{
			"critical flags/unknown /etc/kubernetes/manifests/kube-scheduler.yaml --more-cert: --more-cert is no flag of kube-scheduler, in no release from 1.20 to 1.37: it does not start; the nearest is --cert-dir",
			"warning validity/expired /etc/kubernetes/pki/more.crt kube-scheduler --more-cert: expired on 2026-11-22 12:00 UTC, 24 hours ago; it must be renewed",
			"info files/unreferenced /etc/kubernetes/pki/more.key: is named by no component; it was not judged",
		}},

		{name: "missing files", change: put(manifests+"/stranger.yaml", pod("stranger", agent("--cert=/opt/gone.crt", "--key=/opt/gone.key", "--kubeconfig=/opt/gone"), nil, "/opt")), want: []string{
			missing("/opt/gone", "--kubeconfig") + "13)", missing("/opt/gone.crt", "--cert") + "11); its key /opt/gone.key is missing as well",
		}},
		{name: "a missing volume that the kubelet makes", change: put(manifests+"/stranger.yaml", strings.ReplaceAll(pod("stranger", agent(), nil, "/opt/gone.pem"), "{path: /opt/gone.pem}", "{path: /opt/gone.pem, type: FileOrCreate}"))},
		{name: "what need not be there", change: put(manifests+"/stranger.yaml", pod("stranger", agent("--out-cert=/opt/made.crt", "--log=/opt/log.pem", "--listen=:443", "--url=https://example.com/x.crt", "--config=/opt/c.yaml", "--image-ca=/usr/lib/ca.crt"),
			map[string]string{"CA": "/opt/optional.pem"}, "/opt"))},
		{name: "what is neither a certificate nor a key", change: both(stranger(agent("--a=/opt/x/id.pub", "--b=/opt/x/raw.key", "--c=/opt/x/config.yaml", "--d=/opt/x/crl.pem"), nil, "/opt/x/id.pub", "/opt/x/raw.key", "/opt/x/config.yaml", "/opt/x/crl.pem"),
			both(file("/opt/x/id.pub", "ssh-ed25519 AAAA x"), both(file("/opt/x/raw.key", "\x01\x02"), both(file("/opt/x/config.yaml", "a: b\n"), file("/opt/x/crl.pem", "-----BEGIN X509 CRL-----\nTUlJ\n-----END X509 CRL-----\n")))))},
		{name: "a damaged certificate", change: both(stranger(agent("--cert=/opt/x/x.crt"), nil, "/opt/x/x.crt"), file("/opt/x/x.crt", "-----BEGIN CERTIFICATE-----\nTUlJ\n")), want: []string{
			`critical files/malformed /opt/x/x.crt stranger --cert: "CERTIFICATE" block: no END line`,
		}},
		{name: "a folder that components share", change: both(ended(pki+"/old"), put(manifests+"/stranger.yaml", pod("stranger", agent(), nil, "/etc/kubernetes/pki")))},
		{name: "the whole node", change: stranger(agent(), nil, "/:/rootfs", "/etc", "/var/lib", "/proc", "/run")},
		{name: "the host's trusted roots", change: both(ended("/x"), func(c *fixtures.Cluster) {
			c.NewCA("root", fixtures.Spec{CommonName: "Root", NotBefore: fixtures.Now.Add(-30 * day), NotAfter: fixtures.Now.Add(-day)})
			put("/etc/ssl/certs/roots.pem", strings.Repeat(string(c.CertificatePEM("root")), 17))(c)
			put(manifests+"/stranger.yaml", pod("stranger", agent("--ca=/etc/ssl/certs/roots.pem"), nil, "/etc/ssl/certs"))(c)
		})},
		{name: "one of the host's folder", change: func(c *fixtures.Cluster) {
			ended("/etc/ssl/private/lb")(c)
			put(manifests+"/stranger.yaml", pod("stranger", agent("--cert=/etc/ssl/private/lb.crt"), nil, "/etc/ssl"))(c)
		}, want: []string{"critical validity/expired /etc/ssl/private/lb.crt stranger --cert: expired on 2026-11-22 12:00 UTC, 24 hours ago; it must be renewed"}},
		{name: "what a component's variables name", change: func(c *fixtures.Cluster) {
			ended("/opt/etcdctl")(c)
			c.Node.Replace(manifests+"/etcd.yaml", "    image:", "    env:\n    - name: ETCDCTL_CERT\n      value: /opt/etcdctl.crt\n    image:")
		}, want: []string{"warning validity/expired /opt/etcdctl.crt etcd ETCDCTL_CERT: expired on 2026-11-22 12:00 UTC, 24 hours ago; it must be renewed"}},
		{name: "a link to nothing", change: both(put(manifests+"/stranger.yaml", pod("stranger", agent("--cert=/opt/l.pem"), nil, "/opt")), func(c *fixtures.Cluster) { c.Node["/opt/l.pem"] = fixtures.File{Link: "nowhere.pem"} }), want: []string{
			`warning files/dangling-link /opt/l.pem stranger --cert: is a link to "nowhere.pem", which does not exist; it is named by stranger --cert (/etc/kubernetes/manifests/stranger.yaml:11)`,
		}},
		{name: "a kubeconfig of another cluster", change: func(c *fixtures.Cluster) {
			other := fixtures.ControlPlane(fixtures.Options{Seed: "other", AdvertiseAddress: "198.51.100.1"})
			c.Node["/opt/other.conf"] = other.Node[etc+"/admin.conf"]
			put(manifests+"/stranger.yaml", pod("stranger", agent("--kubeconfig=/opt/other.conf"), nil, "/opt"))(c)
		}},
		{name: "etcd-manager's store", change: both(ended("/mnt/volume-1/pki/x/clients/server"), put(manifests+"/etcd-manager-main.manifest", pod("etcd-manager-main", []string{"/etcd-manager", "--cluster-name=etcd"}, nil, "/:/rootfs"))), want: []string{
			"critical validity/expired /mnt/volume-1/pki/x/clients/server.crt etcd-manager-main store: expired on 2026-11-22 12:00 UTC, 24 hours ago; it must be renewed",
		}},
		{name: "etcd-manager's store with the folder of a cluster that was restored", change: both(ended("/mnt/volume-1/pki/x/clients/server"), func(c *fixtures.Cluster) {
			c.Issue("/mnt/volume-1/pki/y/clients/server", fixtures.Spec{CommonName: "etcd-a", Signer: fixtures.EtcdCA})
		}, put(manifests+"/etcd-manager-main.manifest", pod("etcd-manager-main", []string{"/etcd-manager", "--cluster-name=etcd"}, nil, "/:/rootfs"))), want: []string{
			"warning validity/expired /mnt/volume-1/pki/x/clients/server.crt etcd-manager-main store: expired on 2026-11-22 12:00 UTC, 24 hours ago; it must be renewed",
		}},
	})
}

const units = "/etc/systemd/system"

// service writes a unit and, if it is enabled, the link that says so.
func service(name, text string, enabled bool) func(*fixtures.Cluster) {
	return func(c *fixtures.Cluster) {
		c.Node[units+"/"+name] = fixtures.File{Data: []byte(text), Mode: 0o644}
		if enabled {
			c.Node[units+"/multi-user.target.wants/"+name] = fixtures.File{Link: units + "/" + name}
		}
	}
}

// A service that an administrator wrote and enabled is judged by what it names.
func TestStrangeUnits(t *testing.T) {
	with := func(changes ...func(*fixtures.Cluster)) func(*fixtures.Cluster) {
		return func(c *fixtures.Cluster) {
			ended("/opt/x/x")(c)
			for _, change := range changes {
				change(c)
			}
		}
	}
	expired := func(field string) []string {
		return []string{"critical validity/expired /opt/x/x.crt " + field + ": expired on 2026-11-22 12:00 UTC, 24 hours ago; it must be renewed"}
	}
	const names = "[Service]\nExecStart=/usr/bin/a --cert=/opt/x/x.crt --key=/opt/x/x.key\n"
	testEdges(t, fixtures.ControlPlane, []edge{
		{name: "enabled", change: with(service("a.service", names, true)), want: expired("a --cert")},
		{name: "not enabled", change: with(service("a.service", names, false))},
		{name: "of a package", change: with(func(c *fixtures.Cluster) {
			c.Node["/usr/lib/systemd/system/a.service"] = fixtures.File{Data: []byte(names), Mode: 0o644}
			c.Node[units+"/multi-user.target.wants/a.service"] = fixtures.File{Link: "/usr/lib/systemd/system/a.service"}
		})},
		{name: "masked", change: with(func(c *fixtures.Cluster) {
			c.Node[units+"/a.service"] = fixtures.File{Link: "/dev/null"}
			c.Node[units+"/multi-user.target.wants/a.service"] = fixtures.File{Link: units + "/a.service"}
		})},
		{name: "relative to its folder", change: with(service("a.service", "[Service]\nWorkingDirectory=/opt/x\nExecStart=/usr/bin/a --cert=x.crt\n", true)), want: expired("a --cert")},
		{name: "its file of variables", change: with(put("/etc/a.env", "CERT=/opt/x/x.crt\n"), service("a.service", "[Service]\nEnvironmentFile=/etc/a.env\nEnvironmentFile=/etc/gone.env\nExecStart=/usr/bin/a\n", true)), want: expired("a CERT")},
		{name: "its drop-in", change: with(service("a.service", "[Service]\nExecStart=/usr/bin/a\n", true), put(units+"/a.service.d/x.conf", "[Service]\nExecStart=\nExecStart=/usr/bin/a --cert=/opt/x/x.crt\n")), want: expired("a --cert")},
		{name: "started by a timer", change: with(service("a.service", "[Service]\nType=oneshot\nExecStart=/usr/bin/a --cert=/opt/x/x.crt --made=/opt/x/made.pem\n", false), func(c *fixtures.Cluster) {
			c.Node[units+"/timers.target.wants/a.timer"] = fixtures.File{Link: units + "/a.timer"}
		}), want: expired("a --cert")},
		{name: "an instance", change: with(service("a@.service", "[Service]\nExecStart=/usr/bin/a --cert=/opt/x/%i.crt\n", false), func(c *fixtures.Cluster) {
			c.Node[units+"/multi-user.target.wants/a@x.service"] = fixtures.File{Link: units + "/a@.service"}
		}), want: expired("a@x --cert")},
		{name: "a container", change: with(service("a.service", "[Service]\nExecStart=/usr/bin/docker run --rm -v /opt/x:/certs:ro example.com/a:v1 --cert=/certs/x.crt --ca=/certs/gone.pem\n", true)), want: expired("a --cert")},
		{name: "missing", change: service("a.service", names, true), want: []string{
			"warning files/missing /opt/x/x.crt a --cert: does not exist; it is named by a --cert (/etc/systemd/system/a.service:2); its key /opt/x/x.key is missing as well",
		}},
		{name: "broken", change: service("a.service", "[Service\nExecStart\n", true)},
	})
}

// etcd as a unit goes by many names; two of it are reported only where one of them
// cannot run.
func TestEtcdUnits(t *testing.T) {
	const unit = "/usr/lib/systemd/system/etcd.service"
	packaged := func(c *fixtures.Cluster) {
		c.Node[unit] = c.Node[units+"/etcd.service"]
		c.Node.Remove(units + "/etcd.service")
		c.Node[units+"/multi-user.target.wants/etcd.service"] = fixtures.File{Link: unit}
	}
	link := func(name, target string) func(*fixtures.Cluster) {
		return func(c *fixtures.Cluster) { c.Node[name] = fixtures.File{Link: target} }
	}
	started := func(words string) func(*fixtures.Cluster) {
		return func(c *fixtures.Cluster) {
			c.Node.Replace(units+"/etcd.service", "ExecStart=/usr/local/bin/etcd", "ExecStart="+words)
			c.Node.Replace("/etc/etcd/etcd.env", "=etcd.", "=/etc/etcd/etcd.")
			c.Node.Replace("/etc/etcd/etcd.env", "=ca.crt", "=/etc/etcd/ca.crt")
		}
	}
	docker := func(volumes, program string) func(*fixtures.Cluster) {
		return started("/usr/bin/docker run --rm --name etcd --env-file /etc/etcd/etcd.env " + volumes + " " + program)
	}
	// nspawn passes the variables of etcd on.
	nspawn := func(options string) func(*fixtures.Cluster) {
		return func(c *fixtures.Cluster) {
			started("/usr/bin/systemd-nspawn " + options)(c)
			c.Node.Replace(units+"/etcd.service", "systemd-nspawn", "systemd-nspawn -E ETCD_CERT_FILE -E ETCD_KEY_FILE -E ETCD_TRUSTED_CA_FILE -E ETCD_LISTEN_CLIENT_URLS -E ETCD_ADVERTISE_CLIENT_URLS --setenv=ETCD_CLIENT_CERT_AUTH=true")
		}
	}
	// moved puts the files of etcd below another root.
	moved := func(c *fixtures.Cluster) {
		for _, name := range []string{"etcd.crt", "etcd.key", "ca.crt"} {
			c.Node["/opt/root/etc/etcd/"+name] = c.Node["/etc/etcd/"+name]
			c.Node.Remove("/etc/etcd/" + name)
		}
		c.Node.Replace(units+"/kube-apiserver.service", "/etc/etcd/ca.crt", "/opt/root/etc/etcd/ca.crt")
	}
	sound := []string{
		"done identity/organization-extra: the Kubernetes version is not known, so the organizations of kube-apiserver/kubelet-client were not judged",
		"not-applicable input/unknown-version: no image tag tells the Kubernetes version; say it with --kubernetes-version",
	}
	testEdges(t, fixtures.Native, []edge{
		{name: "an alias", change: both(packaged, link(units+"/etcd2.service", unit)), want: sound},
		{name: "an alias that a target wants as well", change: both(packaged, both(link(units+"/etcd2.service", unit), link(units+"/kube.target.wants/etcd2.service", unit))), want: sound},
		{name: "an alias in a folder that is a link", change: both(packaged, both(link("/lib", "usr/lib"), link(units+"/etcd2.service", "/lib/systemd/system/etcd.service"))), want: sound},
		{name: "an alias that is enabled, and the unit is not", change: both(packaged, func(c *fixtures.Cluster) {
			c.Node.Remove(units + "/multi-user.target.wants/etcd.service")
			c.Node[units+"/etcd2.service"] = fixtures.File{Link: unit}
			c.Node[units+"/multi-user.target.wants/etcd2.service"] = fixtures.File{Link: unit}
		}), want: sound},
		{name: "a linked unit", change: func(c *fixtures.Cluster) {
			c.Node["/opt/etcd/etcd-3.service"] = c.Node[units+"/etcd.service"]
			c.Node[units+"/etcd.service"] = fixtures.File{Link: "/opt/etcd/etcd-3.service"}
		}, want: sound},
		{name: "a copy that nobody enabled", change: func(c *fixtures.Cluster) { c.Node[units+"/etcd-old.service"] = c.Node[units+"/etcd.service"] }, want: sound},
		{name: "a copy that is enabled", change: func(c *fixtures.Cluster) {
			c.Node[units+"/etcd-old.service"] = c.Node[units+"/etcd.service"]
			c.Node[units+"/multi-user.target.wants/etcd-old.service"] = fixtures.File{Link: units + "/etcd-old.service"}
		}, want: append([]string{"warning input/duplicate-component /etc/systemd/system/etcd-old.service: starts etcd, as /etc/systemd/system/etcd.service does; one of the two fails to start; what only this one names was not judged"}, sound...)},
		{name: "a template that nobody instantiates", change: service("etcd@.service", "[Service]\nExecStart=/usr/bin/etcd --cert-file=/gone/%i.crt\n", false), want: sound},
		{name: "docker run", change: docker("--net=host -v /etc/etcd:/etc/etcd:ro", "example.com/etcd:v3 etcd"), want: sound},
		{name: "docker run of what the image starts", change: docker("--mount type=bind,source=/etc/etcd,target=/etc/etcd", "example.com/etcd:v3"), want: sound},
		{name: "ctr run", change: started("/usr/bin/ctr -n k8s.io run --env-file /etc/etcd/etcd.env --rm --net-host --mount type=bind,src=/etc/etcd,dst=/etc/etcd,options=rbind:ro example.com/etcd:v3 etcd /usr/local/bin/etcd"), want: sound},
		{name: "another root", change: both(started("/usr/sbin/chroot --userspec=etcd /opt/root /usr/bin/etcd"), moved), want: sound},
		{name: "the node's own root", change: started("/usr/sbin/chroot / /usr/bin/etcd"), want: sound},
		{name: "another root that lacks the files", change: started("/usr/sbin/chroot /opt/root /usr/bin/etcd"), want: append([]string{
			"critical files/missing /opt etcd ETCD_CERT_FILE: the folder does not exist; 3 files that are named in it are missing, the first /opt/root/etc/etcd/etcd.crt",
			"info files/unreferenced /etc/etcd/etcd.crt: is named by no component; it was not judged", "info files/unreferenced /etc/etcd/etcd.key: is named by no component; it was not judged"}, sound...)},
		{name: "a container of systemd's", change: both(nspawn("-D /opt/root --network-veth=no /usr/bin/etcd"), moved), want: sound},
		{name: "a container of systemd's with a folder of the node's", change: nspawn("--directory=/opt/root --bind-ro=/etc/etcd /usr/bin/etcd"), want: sound},
		{name: "a machine of systemd's", change: nspawn("-M etcd /usr/bin/etcd"), want: []string{
			`info input/unsupported /etc/etcd/etcd.env ETCD_CERT_FILE: "/etc/etcd/etcd.crt" comes from a volume that is no hostPath and cannot be seen from the node, nor can anything else below /`,
			sound[0],
			"done files/unreferenced: not everything was read that may name files, so the 2 that nothing else names were not reported",
			"done flags/missing: the settings of etcd were not read as a whole (/etc/etcd/etcd.env:8), so what is not set there was not judged",
			"incomplete input/unsupported: some input could not be understood", sound[1]}},
		{name: "a container without the unit's variables", change: started("/usr/bin/podman run -it --name etcd --sdnotify conmon -v /etc/etcd:/etc/etcd -e ETCD_NAME example.com/coreos/etcd:v3 /usr/local/bin/etcd --cert-file /etc/etcd/gone.crt --key-file /etc/etcd/etcd.key --name a"), want: append([]string{
			"critical flags/missing /etc/etcd/etcd.env --listen-client-urls: --listen-client-urls is not set: etcd speaks HTTP there, and the client TLS",
			"critical files/missing /etc/etcd/gone.crt etcd --cert-file: does not exist; it is named by etcd --cert-file (/etc/systemd/system/etcd.service:8)",
			"info files/unreferenced /etc/etcd/etcd.crt: is named by no component; it was not judged",
			"info flags/unknown /etc/etcd/etcd.env ETCD_NAME: says the same as --name (/etc/systemd/system/etcd.service:8): etcd from 3.4 on does not start with both, be they equal"}, sound...)},
	})
}

// Of a copy of a manifest nothing is said but that it is there, whatever it is called.
func TestCopiesOfManifests(t *testing.T) {
	for _, name := range []string{"kube-apiserver.yaml.bak-20261201", "kube-apiserver.bak", "old-kube-apiserver.yaml", "kube-apiserver.yaml~", "a.yaml", "kube-apiserver.json.orig"} {
		t.Run(name, func(t *testing.T) {
			c := fixtures.ControlPlane(fixtures.Options{})
			c.Node[manifests+"/"+name] = c.Node[manifests+"/kube-apiserver.yaml"]
			c.Node.Replace(manifests+"/"+name, pki+"/apiserver.", pki+"/old-apiserver.")
			c.Issue(pki+"/old-apiserver", fixtures.Spec{CommonName: "kube-apiserver", NotBefore: fixtures.Now.Add(-30 * day), NotAfter: fixtures.Now.Add(-day)})
			compare(t, []string{
				"critical input/duplicate-component /etc/kubernetes/manifests/" + name + ": starts kube-apiserver, as /etc/kubernetes/manifests/kube-apiserver.yaml does; the kubelet reads every file of this folder, and which of the two it runs is chance; what only this one names was not judged",
			}, told(auditNode(t, c.Node, audit.Options{})))
		})
	}
	t.Run("under names of one's own", func(t *testing.T) {
		c := fixtures.ControlPlane(fixtures.Options{})
		c.Node[manifests+"/control.yaml"] = c.Node[manifests+"/kube-apiserver.yaml"]
		c.Node[manifests+"/backup-control.yaml"] = c.Node[manifests+"/kube-apiserver.yaml"]
		c.Node.Remove(manifests + "/kube-apiserver.yaml")
		compare(t, []string{
			"critical input/duplicate-component /etc/kubernetes/manifests/backup-control.yaml: starts kube-apiserver, as /etc/kubernetes/manifests/control.yaml does; the kubelet reads every file of this folder, and which of the two it runs is chance; what only this one names was not judged",
		}, told(auditNode(t, c.Node, audit.Options{})))
	})
}
