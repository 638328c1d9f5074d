package parsers_test

import (
	"testing"

	"certaudit/parsers"

	gocmp "github.com/google/go-cmp/cmp"
)

// hostMounts are those of a node with a disk of its own for etcd, a name space of the
// network, a file system in memory and the root of a container.
const hostMounts = `22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 8:17 / /var/lib/etcd rw shared:2 - xfs /dev/sdb1 rw
24 22 0:25 / /run rw,nosuid - tmpfs tmpfs rw
25 24 0:4 net:[4026532281] /run/netns/cni-1 rw - nsfs nsfs rw
26 22 8:33 /srv/a\040b /mnt/a\040b rw - ext4 /dev/sdc1 rw
27 24 0:60 / /run/containerd/rootfs rw - overlay overlay rw
`

const podMounts = `500 400 0:60 / / rw - overlay overlay rw
501 500 8:1 /etc/kubernetes/pki /etc/kubernetes/pki ro - ext4 /dev/sda1 rw
502 500 8:17 / /data rw - xfs /dev/sdb1 rw
503 500 8:1 /var/lib/etcd /old rw - ext4 /dev/sda1 rw
504 500 8:1 /etc/ca.crt//deleted /etc/ca.crt ro - ext4 /dev/sda1 rw
505 500 0:25 /secrets /run/secrets ro - tmpfs tmpfs rw
506 500 0:99 / /private rw - tmpfs tmpfs rw
507 500 8:1 /etc/first /twice ro - ext4 /dev/sda1 rw
508 500 8:1 /etc/second /twice ro - ext4 /dev/sda1 rw
509 500 8:33 /srv/a\040b/c\134d /spaced ro - ext4 /dev/sda1 rw
`

func TestHostPath(t *testing.T) {
	host, problems := parsers.ParseMountInfo("/proc/1/mountinfo", []byte(hostMounts))
	own, more := parsers.ParseMountInfo("/proc/7/mountinfo", []byte(podMounts))
	if len(problems)+len(more) > 0 {
		t.Fatalf("problems: %v %v", problems, more)
	}
	for _, tt := range []struct{ name, inside, want string }{
		{"a folder of the node", "/etc/kubernetes/pki/ca.crt", "/etc/kubernetes/pki/ca.crt"},
		{"the folder itself", "/etc/kubernetes/pki", "/etc/kubernetes/pki"},
		{"another disk, elsewhere", "/data/member/wal", "/var/lib/etcd/member/wal"},
		{"what another disk hides on the node", "/old/x", ""},
		{"a file that was replaced", "/etc/ca.crt", ""},
		{"memory that the node shares", "/run/secrets/a.crt", "/run/secrets/a.crt"},
		{"memory of its own", "/private/a.crt", ""},
		{"the later of two", "/twice/a", "/etc/second/a"},
		{"signs that the kernel escapes", "/spaced/x", `/mnt/a b/c\d/x`},
		{"a name that only begins alike", "/etc/kubernetes/pki2/ca.crt", "/run/containerd/rootfs/etc/kubernetes/pki2/ca.crt"},
		{"not clean", "/etc/kubernetes/pki/../pki//ca.crt", "/etc/kubernetes/pki/ca.crt"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := parsers.HostPath(own, host, tt.inside)
			if got != tt.want || ok != (tt.want != "") {
				t.Errorf("got %q, %v; want %q", got, ok, tt.want)
			}
		})
	}
	if _, ok := parsers.HostPath(nil, host, "/etc"); ok {
		t.Error("a process without mounts sees something")
	}
}

func TestParseMountInfoProblems(t *testing.T) {
	got, problems := parsers.ParseMountInfo("/proc/7/mountinfo", []byte("\n1 0 8:1 / / rw - ext4 x rw\nno table\nx 0 8:1 / /a rw\n2 0 8:1 / a rw\n3 1 8:1 / /b rw - ext4 x rw"))
	want := []parsers.MountPoint{{ID: 1, Device: "8:1", Root: "/", Path: "/"}, {ID: 3, Device: "8:1", Root: "/", Path: "/b"}}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("mounts (-want +got):\n%s", diff)
	}
	var lines []int
	for _, p := range problems {
		lines = append(lines, p.Origin.Line)
	}
	if diff := gocmp.Diff([]int{3, 4, 5}, lines); diff != "" {
		t.Errorf("lines of problems (-want +got):\n%s", diff)
	}
}

func FuzzHostPath(f *testing.F) {
	f.Add(podMounts, hostMounts, "/etc/kubernetes/pki/ca.crt")
	f.Fuzz(func(t *testing.T, own, host, name string) {
		a, _ := parsers.ParseMountInfo("a", []byte(own))
		b, _ := parsers.ParseMountInfo("b", []byte(host))
		if got, ok := parsers.HostPath(a, b, name); ok && got[0] != '/' {
			t.Errorf("%q is no absolute path", got)
		}
	})
}
