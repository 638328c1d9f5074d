package audit_test

import (
	"testing"

	"certaudit/fixtures"
)

// notThere is the finding that a flag of a unit names a file which is not there, and lost
// that a variable does.
func notThere(path, at string) []string { return missingCA("--trusted-ca-file", path, at) }

func lost(path, at string) []string { return missingCA("ETCD_TRUSTED_CA_FILE", path, at) }

func missingCA(name, path, at string) []string {
	return []string{"critical files/missing " + path + " etcd " + name + ": does not exist; it is named by etcd " + name + " (" + at + ")"}
}

// Where systemd looks for a unit and its drop-ins, and which of two counts
// (systemd.unit(5)).
func TestUnitMerging(t *testing.T) {
	const (
		start = "[Service]\nEnvironment=ETCD_TRUSTED_CA_FILE=/unit.crt\nExecStart=/usr/bin/etcd\n"
		set   = "[Service]\nEnvironment=ETCD_TRUSTED_CA_FILE="
	)
	etcd := put(ownUnits+"/etcd.service", start)
	named := func(name string) func(*fixtures.Cluster) { return put(ownUnits+"/"+name, start) }
	dropIn := func(file, ca string) func(*fixtures.Cluster) { return put(file, set+ca+"\n") }
	testEdges(t, fixtures.Worker, []edge{
		{name: "drop-ins by their names, wherever they lie", change: both(etcd, dropIn(packageUnits+"/etcd.service.d/20.conf", "/b.crt"), dropIn(ownUnits+"/etcd.service.d/10.conf", "/a.crt")),
			want: lost("/b.crt", packageUnits+"/etcd.service.d/20.conf:2")},
		{name: "drop-ins of one name", change: both(etcd, dropIn(packageUnits+"/etcd.service.d/20.conf", "/b.crt"), dropIn(ownUnits+"/etcd.service.d/20.conf", "/a.crt")),
			want: lost("/a.crt", ownUnits+"/etcd.service.d/20.conf:2")},
		{name: "drop-in that is masked", change: both(etcd, dropIn(packageUnits+"/etcd.service.d/20.conf", "/b.crt"), link(ownUnits+"/etcd.service.d/20.conf", "/dev/null")),
			want: lost("/unit.crt", ownUnits+"/etcd.service:2")},
		{name: "drop-ins of all services", change: both(etcd, dropIn(ownUnits+"/service.d/20.conf", "/b.crt")), want: []string{
			"critical files/missing /b.crt etcd ETCD_TRUSTED_CA_FILE: does not exist; it is named by etcd ETCD_TRUSTED_CA_FILE (/etc/systemd/system/service.d/20.conf:2), kubelet ETCD_TRUSTED_CA_FILE (/etc/systemd/system/service.d/20.conf:2)",
		}},
		{name: "drop-ins of all services before those of its own", change: both(etcd, dropIn(ownUnits+"/service.d/20.conf", "/b.crt"), dropIn(ownUnits+"/etcd.service.d/20.conf", "/a.crt")),
			want: lost("/a.crt", ownUnits+"/etcd.service.d/20.conf:2")},
		{name: "drop-ins of the first part of the name", change: both(named("etcd-main.service"), dropIn(ownUnits+"/etcd-.service.d/20.conf", "/b.crt")), want: lost("/b.crt", ownUnits+"/etcd-.service.d/20.conf:2")},
		{name: "drop-ins of another first part", change: both(named("etcd-main.service"), dropIn(ownUnits+"/etcd.service.d/20.conf", "/b.crt")), want: lost("/unit.crt", ownUnits+"/etcd-main.service:2")},
		{name: "drop-ins of a second name", change: both(etcd, link(ownUnits+"/etcd2.service", ownUnits+"/etcd.service"), dropIn(ownUnits+"/etcd2.service.d/20.conf", "/b.crt")),
			want: lost("/b.crt", ownUnits+"/etcd2.service.d/20.conf:2")},
		{name: "drop-ins of an instance and of its template by their names", change: both(named("etcd@.service"), link(ownUnits+"/multi-user.target.wants/etcd@a.service", ownUnits+"/etcd@.service"),
			dropIn(ownUnits+"/etcd@.service.d/20.conf", "/b.crt"), dropIn(ownUnits+"/etcd@a.service.d/10.conf", "/a.crt")), want: lost("/b.crt", ownUnits+"/etcd@.service.d/20.conf:2")},
		{name: "a generator without what it made", change: put("/etc/systemd/system-generators/etcd-generator", "#!/bin/sh\n"), want: []string{
			"info input/unsupported /etc/systemd/system-generators/etcd-generator: makes services at boot, and /run/systemd/generator, where they would lie, is not in view: audit the node while it runs, or copy that folder as well",
			"incomplete input/unsupported: some input could not be understood"}},
		{name: "a generator of a package", change: put("/usr/lib/systemd/system-generators/systemd-fstab-generator", "#!/bin/sh\n")},
		{name: "a generator that is masked", change: link("/etc/systemd/system-generators/systemd-gpt-auto-generator", "/dev/null")},
		{name: "a generator that made nothing", change: both(put("/etc/systemd/system-generators/etcd-generator", "#!/bin/sh\n"), put("/run/systemd/generator/x.mount", ""))},
		{name: "a unit that a generator made", change: both(put("/run/systemd/generator/etcd.service", start), link("/run/systemd/generator/multi-user.target.wants/etcd.service", "../etcd.service")),
			want: lost("/unit.crt", "/run/systemd/generator/etcd.service:2")},
		{name: "a unit that a generator made after one of a package", change: both(put("/run/systemd/generator.late/etcd.service", start), put(packageUnits+"/etcd.service", "[Service]\nExecStart=/usr/bin/etcd\n"),
			link("/run/systemd/generator.late/multi-user.target.wants/etcd.service", "../etcd.service"))},
		{name: "a unit of a package that is not wanted after all", change: both(put(packageUnits+"/etcd.service", start), link(packageUnits+"/multi-user.target.wants/etcd.service", "../etcd.service"),
			link(ownUnits+"/multi-user.target.wants/etcd.service", "/dev/null"))},
		{name: "a unit of a package that the package wants", change: both(put(packageUnits+"/etcd.service", start), link(packageUnits+"/multi-user.target.wants/etcd.service", "../etcd.service")),
			want: lost("/unit.crt", packageUnits+"/etcd.service:2")},
		{name: "a second start that clears nothing", change: both(put(ownUnits+"/etcd.service", "[Service]\nExecStart=/usr/bin/etcd\n"), put(ownUnits+"/etcd.service.d/override.conf", "[Service]\nExecStart=/usr/bin/etcd --log-level=debug\n")), want: []string{
			"warning input/undecodable /etc/systemd/system/etcd.service.d/override.conf ExecStart: a second ExecStart= beside that of /etc/systemd/system/etcd.service line 2: systemd refuses to start the unit; an empty ExecStart= before it takes the first away",
		}},
		{name: "a second start of what may have several", change: put(ownUnits+"/etcd.service", "[Service]\nType=oneshot\nExecStart=/usr/bin/true\nExecStart=/usr/bin/etcd\n")},
		{name: "files of variables by a pattern", change: both(put(ownUnits+"/etcd.service", "[Service]\nEnvironmentFile=/etc/etcd/*.env\nExecStart=/usr/bin/etcd\n"), put("/etc/etcd/1.env", "ETCD_TRUSTED_CA_FILE=/a.crt\n"), put("/etc/etcd/2.env", "ETCD_TRUSTED_CA_FILE=/b.crt\n")), want: lost("/b.crt", "/etc/etcd/2.env:1")},
		{name: "files of variables by a pattern that none fits", change: put(ownUnits+"/etcd.service", "[Service]\nEnvironmentFile=/etc/etcd/*.env\nExecStart=/usr/bin/etcd\n"), want: []string{
			"critical files/missing /etc/etcd/*.env etcd EnvironmentFile: does not exist; it is named by etcd EnvironmentFile (/etc/systemd/system/etcd.service:2)",
		}},
		{name: "a variable that is taken away", change: put(ownUnits+"/etcd.service", "[Service]\nEnvironment=ETCD_TRUSTED_CA_FILE=/a.crt\nUnsetEnvironment=ETCD_TRUSTED_CA_FILE\nExecStart=/usr/bin/etcd\n")},
		{name: "folders and names of the system", change: put(ownUnits+"/etcd.service", "[Service]\nExecStart=/usr/bin/etcd --trusted-ca-file=%E/etcd/%H/%N.crt\n"), want: notThere("/etc/etcd/worker-1/etcd.crt", ownUnits+"/etcd.service:2")},
		{name: "a credential", change: put(ownUnits+"/etcd.service", "[Service]\nLoadCredential=ca:/srv/ca.crt\nExecStart=/usr/bin/etcd --trusted-ca-file=%d/ca\n"), want: notThere("/srv/ca.crt", ownUnits+"/etcd.service:3")},
		{name: "a credential by its variable", change: put(ownUnits+"/etcd.service", "[Service]\nLoadCredential=ca:/srv/ca.crt\nExecStart=/usr/bin/etcd --trusted-ca-file=${CREDENTIALS_DIRECTORY}/ca\n"), want: notThere("/srv/ca.crt", ownUnits+"/etcd.service:3")},
		{name: "a credential that is encrypted", change: put(ownUnits+"/etcd.service", "[Service]\nLoadCredentialEncrypted=ca:/srv/ca.cred\nExecStart=/usr/bin/etcd --trusted-ca-file=%d/ca\n"), want: []string{
			`info input/unsupported /etc/systemd/system/etcd.service --trusted-ca-file: "/run/credentials/etcd.service/ca" comes from a setting of the unit and cannot be seen from the node, nor can anything else below /run/credentials/etcd.service`,
			"incomplete input/unsupported: some input could not be understood",
		}},
		{name: "a credential in a store", change: both(put(ownUnits+"/etcd.service", "[Service]\nLoadCredential=ca\nExecStart=/usr/bin/etcd --trusted-ca-file=%d/ca\n"), put("/etc/credstore/ca", "nonsense")), want: []string{
			"critical files/malformed /etc/credstore/ca etcd --trusted-ca-file: holds neither PEM nor DER"}},
		{name: "credentials of a folder", change: both(put(ownUnits+"/etcd.service", "[Service]\nLoadCredential=pki:/srv/pki\nExecStart=/usr/bin/etcd --trusted-ca-file=%d/pki_ca.crt\n"), put("/srv/pki/ca.crt", "nonsense")), want: []string{
			"critical files/malformed /srv/pki/ca.crt etcd --trusted-ca-file: holds neither PEM nor DER"}},
		{name: "credentials that are imported", change: both(put(ownUnits+"/etcd.service", "[Service]\nImportCredential=c*\nExecStart=/usr/bin/etcd --trusted-ca-file=${CREDENTIALS_DIRECTORY}/ca\n"), put("/usr/lib/credstore/ca", "nonsense")), want: []string{
			"critical files/malformed /usr/lib/credstore/ca etcd --trusted-ca-file: holds neither PEM nor DER"}},
		{name: "a credential of a socket's", change: put(ownUnits+"/etcd.service", "[Service]\nLoadCredential=ca:/run/vault.sock\nExecStart=/usr/bin/etcd --trusted-ca-file=%d/ca\n"), want: []string{
			`info input/unsupported /etc/systemd/system/etcd.service --trusted-ca-file: "/run/credentials/etcd.service/ca" comes from a setting of the unit and cannot be seen from the node, nor can anything else below /run/credentials/etcd.service`,
			"incomplete input/unsupported: some input could not be understood"}},
		{name: "a root of its own", change: put(ownUnits+"/etcd.service", "[Service]\nRootDirectory=/srv/root\nBindReadOnlyPaths=/srv/pki:/pki\nExecStart=/usr/bin/etcd --trusted-ca-file=/pki/ca.crt --cert-file=/etc/a.crt --key-file=/etc/a.key\n"), want: []string{
			"critical files/missing /srv etcd --cert-file: the folder does not exist; 3 files that are named in it are missing, the first /srv/root/etc/a.crt",
		}},
		{name: "a container of podman's generator", change: put("/etc/containers/systemd/etcd.container", "[Container]\nImage=registry.example.com/etcd:3.6\nVolume=/srv/pki:/pki:ro\nEnvironment=ETCD_NAME=a\nExec=--trusted-ca-file=/pki/ca.crt\n\n[Install]\nWantedBy=multi-user.target\n"),
			want: notThere("/srv/pki/ca.crt", "/etc/containers/systemd/etcd.container:5")},
	})
}
