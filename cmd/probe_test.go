package cmd_test

import (
	"bytes"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"certaudit/cmd"
	"certaudit/fixtures"
)

const (
	manifests = "/etc/kubernetes/manifests/"
	bootID    = "/proc/sys/kernel/random/boot_id"
)

// alone leaves one component of a control plane.
func alone(component string) fixtures.Node {
	n := fixtures.ControlPlane(fixtures.Options{}).Node
	for _, other := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"} {
		if other != component {
			n.Remove(manifests + other + ".yaml")
		}
	}
	n.Remove("/usr/lib/systemd/system/kubelet.service", "/var/lib/kubelet/kubeadm-flags.env", "/var/lib/kubelet/config.yaml", "/etc/kubernetes/kubelet.conf")
	return n
}

// The addresses of a node that was copied are another machine's, and its loopback is
// dialled at this one only where that is asked for.
func TestProbeOfCopies(t *testing.T) {
	scheduler := func(port string) fixtures.Node {
		n := alone("kube-scheduler")
		n.Replace(manifests+"kube-scheduler.yaml", "    - --kubeconfig=", "    - --secure-port="+port+"\n    - --kubeconfig=")
		return n
	}
	apiServer := func(address string) func(port string) fixtures.Node {
		return func(port string) fixtures.Node {
			n := alone("kube-apiserver")
			n.Replace(manifests+"kube-apiserver.yaml", "--advertise-address=192.0.2.11", "--advertise-address="+address)
			n.Replace(manifests+"kube-apiserver.yaml", "--secure-port=6443", "--secure-port="+port)
			return n
		}
	}
	const left = "certaudit: not asked, for they are the node's own or not this machine's: ADDRESS; --probe=anywhere asks them from here\n"
	const asked = `certaudit: --probe asks from this machine what the node of "ROOT" serves: `
	for _, tt := range []struct {
		name   string
		node   func(port string) fixtures.Node
		args   []string
		dialed bool
		stderr string
	}{
		{name: "not at all", node: scheduler},
		{name: "the loopback", node: scheduler, args: []string{"--probe"}, stderr: asked + "nothing\n" + left},
		{name: "the loopback, said", node: scheduler, args: []string{"--probe=here"}, stderr: asked + "nothing\n" + left},
		{name: "the loopback, from anywhere", node: scheduler, args: []string{"--probe=anywhere"}, dialed: true, stderr: asked + "ADDRESS\n"},
		{name: "an address of this machine that is given out", node: apiServer("127.0.0.1"), args: []string{"--probe"}, dialed: true, stderr: asked + "ADDRESS\n"},
		{name: "an address of another machine", node: apiServer("192.0.2.11"), args: []string{"--probe"}, stderr: asked + "nothing\n" + strings.Replace(left, "ADDRESS", "192.0.2.11:PORT", 1)},
		{name: "the root of this machine", node: func(port string) fixtures.Node {
			n := scheduler(port)
			id, err := os.ReadFile(bootID)
			if err != nil {
				t.Skipf("this machine does not say which one it is: %v", err)
			}
			n[bootID] = fixtures.File{Data: id, Mode: 0o444}
			return n
		}, args: []string{"--probe"}, dialed: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			var dials atomic.Int32
			done := make(chan struct{})
			go func() {
				defer close(done)
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					dials.Add(1)
					conn.Close()
				}
			}()
			_, port, _ := net.SplitHostPort(l.Addr().String())
			root := t.TempDir()
			if err := tt.node(port).Write(root); err != nil {
				t.Fatal(err)
			}
			var stdout, stderr bytes.Buffer
			cmd.Main(append([]string{"audit", "--verbose", "--root", root, "--at", fixtures.Now.Format("2006-01-02")}, tt.args...), strings.NewReader(""), &stdout, &stderr)
			l.Close()
			<-done
			if got := dials.Load() > 0; got != tt.dialed {
				t.Errorf("dialled: %v, want %v", got, tt.dialed)
			}
			want := strings.NewReplacer("ROOT", root, "ADDRESS", "127.0.0.1:"+port, "PORT", port).Replace(tt.stderr)
			if got := stderr.String(); got != want {
				t.Errorf("standard error:\n%s\nwant:\n%s", got, want)
			}
			if told := strings.Contains(stdout.String(), "--probe=anywhere asks from here"); told != strings.Contains(tt.stderr, "not asked") {
				t.Errorf("standard output:\n%s", stdout.String())
			}
		})
	}
}
