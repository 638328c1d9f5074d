package inventory

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"certaudit/parsers"

	gocmp "github.com/google/go-cmp/cmp"
)

// fakeProc is a proc file system of which a file may be refused, and change between two
// looks.
type fakeProc struct {
	files map[string]string
	fails map[string]error
	// then are what files hold from the second look on.
	then  map[string]string
	looks map[string]int
}

func (f *fakeProc) proc(rel string, most int) ([]byte, error) {
	f.looks[rel]++
	if err := f.fails[rel]; err != nil {
		return nil, &fs.PathError{Op: "openat", Path: rel, Err: err}
	}
	text, ok := f.files[rel]
	if later, changed := f.then[rel]; changed && f.looks[rel] > 1 {
		text = later
	}
	if !ok || text == "gone" {
		return nil, &fs.PathError{Op: "openat", Path: rel, Err: syscall.ENOENT}
	}
	return []byte(text[:min(len(text), most+1)]), nil
}

func (f *fakeProc) procLink(rel string) (string, error) {
	text, err := f.proc(rel, maxProcLink)
	return string(text), err
}

// oneProcess is a proc file system with the first process, and one with PID 7.
func oneProcess(comm, state string, argv ...string) *fakeProc {
	return &fakeProc{looks: map[string]int{}, fails: map[string]error{}, then: map[string]string{}, files: map[string]string{
		"proc/stat": "btime 1700000000\n", "proc/1/ns/net": "net:[1]", "proc/1/mountinfo": "1 0 8:1 / / rw - ext4 x rw\n",
		"proc/7/stat": statLine(7, comm, state, 100), "proc/7/comm": comm + "\n", "proc/7/cmdline": strings.Join(argv, "\x00") + "\x00",
		"proc/7/ns/net": "net:[1]", "proc/7/cwd": "/srv", "proc/7/environ": "HOME=/root\x00ETCD_NAME=e\x00SECRET=s3cr3t\x00", "proc/7/mountinfo": "1 0 8:1 / / rw - ext4 x rw\n",
	}}
}

func statLine(pid int, comm, state string, ticks int) string {
	return fmt.Sprintf("%d (%s) %s 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 9 0 %d 0 0\n", pid, comm, state, ticks)
}

// seen is what a look at process 7 gives, for a reader.
func seen(f *fakeProc) []string {
	t := newTable(f, []Layout{{Program: "k3s"}})
	t.look(7)
	t.summarize([]int{1, 7})
	var out []string
	for _, p := range t.found {
		line := fmt.Sprintf("runs %s %d", p.Component, p.Started.Unix())
		if p.Unread {
			line += " unread"
		}
		if p.Unplaced {
			line += " unplaced"
		}
		for _, f := range p.Runs {
			line += fmt.Sprintf(" %s=%s@%s", f.Name, f.Value, f.Origin.Path)
		}
		out = append(out, line)
	}
	for _, o := range t.PassedOver {
		out = append(out, fmt.Sprintf("passed over %s: %s", o.Component, o.Reason))
	}
	for _, name := range t.Programs {
		out = append(out, "program "+name)
	}
	for _, p := range t.problems {
		out = append(out, fmt.Sprintf("%s %s %s: %s (lost %v)", p.Component, p.Kind, p.Origin.Path, p.Detail, p.Lost))
	}
	return out
}

func TestLookAtProcess(t *testing.T) {
	const cmdline, environ = "proc/7/cmdline", "proc/7/environ"
	deny := func(f *fakeProc, names ...string) *fakeProc {
		for _, name := range names {
			f.fails[name] = syscall.EACCES
		}
		return f
	}
	with := func(f *fakeProc, name, text string) *fakeProc { f.files[name] = text; return f }
	later := func(f *fakeProc, name, text string) *fakeProc { f.then[name] = text; return f }
	for _, tt := range []struct {
		name string
		proc *fakeProc
		want []string
	}{
		{"a component", oneProcess("kubelet", "S", "/usr/bin/kubelet", "--kubeconfig", "a.conf", "--v=4"),
			[]string{"runs kubelet 1700000001 kubeconfig=a.conf@/proc/7/cmdline v=4@/proc/7/cmdline"}},
		{"variables of the component alone", oneProcess("etcd", "S", "etcd", "--name=f"),
			[]string{"runs etcd 1700000001 name=e@/proc/7/environ name=f@/proc/7/cmdline"}},
		{"nothing is expanded again", oneProcess("kubelet", "S", "kubelet", "--kubeconfig=$$(HOME)$(HOME)"),
			[]string{"runs kubelet 1700000001 kubeconfig=$$(HOME)$(HOME)@/proc/7/cmdline"}},
		{"one word with all components", oneProcess("hyperkube", "S", "/hyperkube", "apiserver", "--client-ca-file=/ca"),
			[]string{"runs kube-apiserver 1700000001 client-ca-file=/ca@/proc/7/cmdline"}},
		{"control characters", oneProcess("kubelet", "S", "kubelet", "--kubeconfig=\x1b[31m\n"),
			[]string{"runs kubelet 1700000001 kubeconfig=\x1b[31m\n@/proc/7/cmdline"}},
		{"a name in parentheses", oneProcess("kube) S (let", "S", "kubelet", "--v=1"), []string{"runs kubelet 1700000001 v=1@/proc/7/cmdline"}},
		{"k3s by its title", oneProcess("k3s-server", "S", "/usr/local/bin/k3s server", "", ""), []string{"program k3s"}},
		{"k3s by its arguments", oneProcess("k3s", "S", "k3s", "agent"), []string{"program k3s"}},

		{"another program", oneProcess("sleep", "S", "sleep", "9"), nil},
		{"a shell with a script of such a name", oneProcess("kube-apiserver-", "S", "/bin/bash", "/x/kube-apiserver-backup"), nil},
		{"a short name that others have", oneProcess("proxy", "S", "/usr/bin/proxy", "--kubeconfig=/x"), nil},
		{"a thread of the kernel's", with(oneProcess("kthreadd", "S"), cmdline, ""), nil},
		{"dead", with(oneProcess("kubelet", "Z"), cmdline, ""), nil},
		{"dead, and still with its words", oneProcess("kubelet", "Z", "kubelet", "--v=1"), nil},
		{"ended before", with(oneProcess("kubelet", "S", "kubelet"), cmdline, "gone"), nil},
		{"ended between", later(oneProcess("kubelet", "S", "kubelet", "--v=1"), cmdline, "gone"), nil},
		{"nothing is left of it", later(oneProcess("kubelet", "S", "kubelet", "--v=1"), cmdline, ""), nil},
		{"another program since", later(oneProcess("kubelet", "S", "kubelet", "--v=1"), cmdline, "sleep\x009\x00"), nil},
		{"NULs alone", with(oneProcess("sh", "S"), cmdline, "\x00\x00\x00"), nil},
		{"ended at the end", later(oneProcess("kubelet", "S", "kubelet", "--v=1"), "proc/7/stat", "gone"), nil},
		{"the PID is another's by then", later(later(oneProcess("kubelet", "S", "kubelet", "--v=1"), "proc/7/stat", statLine(7, "sleep", "S", 200)), cmdline, "sleep\x009\x00"), nil},
		{"the PID is that of another kubelet", later(later(oneProcess("kubelet", "S", "kubelet", "--v=1"), "proc/7/stat", statLine(7, "kubelet", "S", 200)), cmdline, "kubelet\x00--v=2\x00"),
			[]string{"runs kubelet 1700000002 v=2@/proc/7/cmdline"}},
		{"a network of its own", with(oneProcess("kubelet", "S", "kubelet", "--v=1"), "proc/7/ns/net", "net:[2]"),
			[]string{"passed over kubelet: it has a network of its own, as a node in a container and a control plane in pods have"}},
		{"something else", oneProcess("etcd", "S", "etcd", "grpc-proxy", "start"), []string{"passed over etcd: it was started to do something else than the component does"}},

		{"no words", with(oneProcess("kubelet", "S"), cmdline, ""),
			[]string{"runs kubelet 1700000001 unread", "kubelet unsupported /proc/7/cmdline: the process is called kubelet and shows no command line; what it runs with was not judged (lost true)"}},
		{"too many words", with(oneProcess("kubelet", "S"), cmdline, "kubelet\x00"+strings.Repeat("--v=1\x00", 1<<18)),
			[]string{"runs kubelet 1700000001 unread", "kubelet limit /proc/7/cmdline: the arguments of the process are longer than 1024 KiB; what it runs with was not judged (lost true)"}},
		{"words that may not be read", deny(oneProcess("kubelet", "S", "kubelet"), cmdline), []string{"kubelet unreadable /proc/7/cmdline: may not be read by this user (lost true)"}},
		{"hidepid", deny(oneProcess("kubelet", "S", "kubelet"), cmdline, "proc/7/comm"), []string{" unreadable /proc: may not be listed by this user (lost true)"}},
		{"another user's", deny(oneProcess("etcd", "S", "etcd", "--v=1"), environ, "proc/7/cwd", "proc/7/ns/net"), []string{"runs etcd 1700000001 unplaced v=1@/proc/7/cmdline",
			"etcd unreadable /proc/7/ns/net: may not be read by this user (lost true)", "etcd unreadable /proc/7/environ: may not be read by this user (lost true)", "etcd unreadable /proc/7/cwd: may not be read by this user (lost true)"}},
		{"a key among the words", oneProcess("kubelet", "S", "kubelet", "--x=-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"),
			[]string{"runs kubelet 1700000001 x=" + blanked + "@/proc/7/cmdline", "kubelet unsupported /proc/7/cmdline: a private key stands in a command line; it was not read (lost false)"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := gocmp.Diff(tt.want, seen(tt.proc)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// blanked is what is left of a private key.
var blanked = func() string {
	clean, _ := parsers.BlankKeys([]byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"))
	return string(clean)
}()

func TestManyProcesses(t *testing.T) {
	f := oneProcess("kubelet", "S", "kubelet", "--v=1")
	table := newTable(f, nil)
	for range maxRunning + 5 {
		table.look(7)
	}
	if len(table.found) != maxRunning || len(table.problems) != 1 || table.problems[0].Kind != parsers.KindLimit {
		t.Errorf("%d processes and the problems %v; want %d and one", len(table.found), table.problems, maxRunning)
	}
}

func TestProcessesOfNoNode(t *testing.T) {
	r, err := openRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	if _, err := readTable(r, nil); !errors.Is(err, ErrNoProcesses) {
		t.Errorf("got %v, want %v", err, ErrNoProcesses)
	}
}

// The processes of this machine are read, whatever they are.
func TestProcessesOfThisMachine(t *testing.T) {
	r, err := openRoot("/")
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	if _, err := readTable(r, ownLayouts); err != nil && !errors.Is(err, ErrNoProcesses) {
		t.Error(err)
	}
}

func TestDiffering(t *testing.T) {
	flags := func(words string) []parsers.Flag {
		var out []parsers.Flag
		for _, w := range strings.Fields(words) {
			name, value, _ := strings.Cut(w, "=")
			out = append(out, parsers.Flag{Name: name, Value: value})
		}
		return out
	}
	for _, tt := range []struct{ name, component, runs, filed, want string }{
		{"the same", APIServer, "client-ca-file=/a tls-cert-file=/b", "tls-cert-file=/b client-ca-file=/a", ""},
		{"another file", APIServer, "client-ca-file=/a", "client-ca-file=/b", "client-ca-file"},
		{"the last counts", APIServer, "client-ca-file=/a client-ca-file=/b", "client-ca-file=/b", ""},
		{"in the order of the table", APIServer, "etcd-cafile=/a client-ca-file=/a", "", "client-ca-file etcd-cafile"},
		{"a path that is not clean", APIServer, "client-ca-file=/a//b/../c", "client-ca-file=/a/c", ""},
		{"an empty value", APIServer, "client-ca-file=", "", ""},
		{"a default", APIServer, "secure-port=6443 anonymous-auth=true kubelet-timeout=5s", "", ""},
		{"no default", APIServer, "secure-port=443 anonymous-auth=false", "", "secure-port anonymous-auth"},
		{"words for true", Etcd, "client-cert-auth=1 peer-client-cert-auth=True", "client-cert-auth=true peer-client-cert-auth=t", ""},
		{"off is not given", Etcd, "client-cert-auth=false", "", ""},
		{"on is given", Etcd, "client-cert-auth=true", "", "client-cert-auth"},
		{"durations", APIServer, "kubelet-timeout=120s", "kubelet-timeout=2m0s", ""},
		{"servers in another order", APIServer, "etcd-servers=https://a:1,https://b:1", "etcd-servers=https://b:1,https://a:1", ""},
		{"other servers", APIServer, "etcd-servers=https://a:1", "etcd-servers=https://a:1,https://b:1", "etcd-servers"},
		{"an order that means something", APIServer, "authorization-mode=Node,RBAC", "authorization-mode=RBAC,Node", "authorization-mode"},
		{"ranges in another order", APIServer, "service-cluster-ip-range=10.0.0.0/16,fd00::/108", "service-cluster-ip-range=fd00::/108,10.0.0.0/16", "service-cluster-ip-range"},
		{"keys that are given several times", APIServer, "service-account-key-file=/a service-account-key-file=/b", "service-account-key-file=/b service-account-key-file=/a", ""},
		{"what does not concern certificates", APIServer, "v=4 profiling=false", "", ""},
		{"a variable of the file's", APIServer, "advertise-address=192.0.2.1", "advertise-address=$(HOST_IP)", ""},
		{"flags beside a file that counts alone", Etcd, "config-file=/c cert-file=/a", "config-file=/c cert-file=/b", ""},
		{"another file that counts alone", Etcd, "config-file=/c cert-file=/a", "config-file=/d cert-file=/b", "config-file"},
		{"the same flag of another component", Scheduler, "authentication-tolerate-lookup-failure=true", "", ""},
		{"off by default elsewhere", ControllerManager, "authentication-tolerate-lookup-failure=true", "", "authentication-tolerate-lookup-failure"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, sides := range [][2]string{{tt.runs, tt.filed}, {tt.filed, tt.runs}} {
				var got []string
				for _, d := range Differing(tt.component, flags(sides[0]), flags(sides[1])) {
					got = append(got, d.Flag)
				}
				if strings.Contains(tt.filed, "$") && sides[0] == tt.filed {
					continue // a process has no variables
				}
				if strings.Join(got, " ") != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			}
		})
	}
}

// What a process of a container sees, by its table of mounts and that of the node.
func TestProcessView(t *testing.T) {
	dir := t.TempDir()
	for _, folder := range []string{"/data/pki", "/etc"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/data/pki", filepath.Join(dir, "etc/pki")); err != nil { // the manifest's path; the kernel knows the other
		t.Fatal(err)
	}
	r, err := openRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	table := func(text string) []parsers.MountPoint {
		m, problems := parsers.ParseMountInfo("", []byte(text))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		return m
	}
	node := table("1 0 8:1 / / rw\n2 1 0:9 / /run/rootfs rw\n3 1 0:5 / /run/keys rw")
	own := table("10 0 0:9 / / rw\n11 10 8:1 /data/pki /pki rw\n12 10 8:1 /etc/a.crt//deleted /a.crt rw\n13 10 0:77 / /memory rw\n14 10 0:5 /x /keys rw")
	filed := mounts{parsers.Pod{Volumes: []parsers.Volume{{Name: "p", HostPath: parsers.Text{Value: "/etc/pki"}}}},
		parsers.Container{Mounts: []parsers.Mount{{Volume: "p", MountPath: "/pki"}}}}
	for _, tt := range []struct {
		name, path, want, foreign string
		view                      processView
	}{
		{"as the file calls it", "/pki/ca.crt", "/etc/pki/ca.crt", "", processView{dir: "/", own: own, node: node, filed: filed, root: r}},
		{"without a file", "/pki/ca.crt", "/data/pki/ca.crt", "", processView{dir: "/", own: own, node: node}},
		{"from the working folder", "ca.crt", "/data/pki/ca.crt", "", processView{dir: "/pki", own: own, node: node}},
		{"memory of the node's", "/keys/k.key", "/run/keys/x/k.key", "", processView{dir: "/", own: own, node: node}},
		{"the image", "/etc/ssl/ca.crt", "", "/etc/ssl/ca.crt lies in the image of the container that process 7 runs in", processView{pid: 7, dir: "/", own: own, node: node}},
		{"memory of its own", "/memory/k.key", "", "/memory lies on a file system that process 7 sees and the node does not; it", processView{pid: 7, dir: "/", own: own, node: node}},
		{"a file that was replaced", "/a.crt", "", "/a.crt was deleted or replaced since process 7 began, which sees the old file until it is restarted; that", processView{pid: 7, dir: "/", own: own, node: node}},
		{"no table", "/pki/ca.crt", "/etc/pki/ca.crt", "", processView{dir: "/", node: node, filed: filed, root: r}},
		{"no table and no file", "/pki/ca.crt", "/pki/ca.crt", "", processView{dir: "/", node: node}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := tt.view.host(tt.path)
			if ok != (tt.want != "") || ok && got != tt.want {
				t.Errorf("got %q, %v; want %q", got, ok, tt.want)
			}
			if tt.foreign != "" {
				mount, why := tt.view.foreign(tt.path)
				if got := mount + " " + why; got != tt.foreign {
					t.Errorf("got %q, want %q", got, tt.foreign)
				}
			}
		})
	}
}

// A flag that a file gives alike is the file's, whatever it is called there.
func TestWithOrigins(t *testing.T) {
	at := func(line int, name, value string) parsers.Flag {
		return parsers.Flag{Name: name, Value: value, Origin: parsers.Origin{Path: "/m.yaml", Line: line, Field: "--" + name}}
	}
	run := func(name, value string) parsers.Flag {
		return parsers.Flag{Name: name, Value: value, Origin: parsers.Origin{Path: "/proc/7/cmdline", Field: "--" + name}}
	}
	got := withOrigins(APIServer,
		[]parsers.Flag{run("client-ca-file", "/a//b"), run("service-account-key-file", "/2"), run("service-account-key-file", "/1"), run("advertise-address", "192.0.2.1"), run("tls-cert-file", "/new"), run("v", "4")},
		[]parsers.Flag{at(1, "client-ca-file", "/a/b"), at(2, "service-account-key-file", "/1"), at(3, "service-account-key-file", "/2"), at(4, "advertise-address", "$(HOST_IP)"), at(5, "tls-cert-file", "/old")})
	want := []parsers.Flag{at(1, "client-ca-file", "/a/b"), at(3, "service-account-key-file", "/2"), at(2, "service-account-key-file", "/1"), at(4, "advertise-address", "192.0.2.1"), run("tls-cert-file", "/new"), run("v", "4")}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Whatever a process shows: nothing panics, and no variable that is not wanted is kept.
func FuzzProcess(f *testing.F) {
	p := oneProcess("etcd", "S", "etcd", "--cert-file", "a.crt")
	f.Add(p.files["proc/7/cmdline"], p.files["proc/7/stat"], p.files["proc/7/mountinfo"], p.files["proc/7/environ"], "/srv")
	f.Add("hyperkube\x00", "7 (hyperkube) S", "", "ETCD_=\x00=\x00", "relative")
	f.Fuzz(func(t *testing.T, cmdline, stat, mountinfo, environ, cwd string) {
		p := oneProcess("etcd", "S", "etcd")
		for name, text := range map[string]string{"cmdline": cmdline, "stat": stat, "mountinfo": mountinfo, "environ": environ, "cwd": cwd} {
			p.files["proc/7/"+name] = text
		}
		table := newTable(p, ownLayouts)
		table.look(7)
		for _, r := range table.found {
			for _, e := range r.how.env {
				if !strings.HasPrefix(e.Name, "ETCD_") {
					t.Errorf("%q is kept", e.Name)
				}
			}
			if r.how.view != nil {
				r.how.view.host("a.crt")
			}
		}
	})
}
