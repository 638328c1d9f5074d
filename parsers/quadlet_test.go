package parsers

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestQuadlet(t *testing.T) {
	u := Quadlet(ParseUnit("/etc/containers/systemd/etcd.container", []byte(`[Unit]
Description=etcd
[Container]
Image=example.org/etcd:3.6
Volume=/srv/my pki:/pki:ro
Mount=type=bind,source=/a"b,target=/c
Environment=ETCD_NAME=a
EnvironmentFile=/etc/etcd.env
Exec=old
Exec=etcd --cert-file=/pki/a.crt "--key-file=/pki/a.key"
`))).As("etcd.service", "host")
	words, problems := u.StartWords(u.Environment())
	var got []string
	for _, w := range words {
		got = append(got, w.Value)
	}
	want := []string{"podman", "run", "--env=ETCD_NAME", "--volume=/srv/my pki:/pki:ro", `--mount=type=bind,source=/a"b,target=/c`, "--env-file=/etc/etcd.env", "example.org/etcd:3.6", "etcd", "--cert-file=/pki/a.crt", "--key-file=/pki/a.key"}
	if diff := cmp.Diff(want, got); diff != "" || len(problems) > 0 {
		t.Errorf("words (-want +got):\n%s problems %v", diff, problems)
	}
	if want := (Origin{Path: "/etc/containers/systemd/etcd.container", Line: 10, Field: "ExecStart"}); words[7].Origin != want {
		t.Errorf("origin %+v, want %+v", words[7].Origin, want)
	}
	if env := u.Environment(); len(env) != 1 || env[0].Name != "ETCD_NAME" || env[0].Value.Value != "a" {
		t.Errorf("variables %+v", env)
	}
	plain := ParseUnit("/etc/systemd/system/etcd.service", []byte("[Service]\nExecStart=/usr/bin/etcd\n"))
	if diff := cmp.Diff(plain, Quadlet(plain)); diff != "" {
		t.Errorf("a unit without a container changed (-want +got):\n%s", diff)
	}
}

// Specifiers of folders and hosts, and what takes variables away.
func TestUnitOfAHost(t *testing.T) {
	u := ParseUnit("/etc/systemd/system/a.service", []byte("[Service]\nEnvironment=A=%E/x B=%H C=%l D=1 E=2 F=%S%C%L%t%T%V%h\nUnsetEnvironment=D E=3\nSetCredential=x:y\n")).As("a.service", "cp-1.example.org")
	var got []string
	for _, e := range u.WithoutUnset(u.Environment()) {
		got = append(got, e.Name+"="+e.Value.Value)
	}
	want := []string{"CREDENTIALS_DIRECTORY=/run/credentials/a.service", "A=/etc/x", "B=cp-1.example.org", "C=cp-1", "E=2", "F=/var/lib/var/cache/var/log/run/tmp/var/tmp/root"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
