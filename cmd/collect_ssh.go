package cmd

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"certaudit/audit/inventory"
)

// collectScript runs on a host, by the login shell of the user there.
//
//go:embed collect.sh
var collectScript string

// watchScript comes before each of the others: it ends them where nobody waits any more.
//
//go:embed collect_watch.sh
var watchScript string

// copyScript makes an archive of a host, by cutScript.
//
//go:embed collect_tar.sh
var copyScript string

//go:embed collect_cut.awk
var cutScript string

// copiedFolders are those of a node that are copied where no program is to run there: of
// kubeadm, of nodes made by hand, and of distributions; with what tells their names.
var copiedFolders = slices.Concat(
	[]string{"/etc/hostname", "/etc/hosts", "/etc/os-release", "/usr/lib/os-release"},
	[]string{"/etc/kubernetes", "/var/lib/kubelet", "/var/lib/etcd"}, // kubeadm, OpenShift
	[]string{"/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system", "/etc/containers/systemd", "/etc/init.d", "/etc/conf.d", "/etc/runlevels", "/etc/default", "/etc/sysconfig"},
	[]string{"/etc/etcd", "/etc/etcd.env", "/etc/ssl/etcd", "/etc/ssl/kubernetes", "/srv/kubernetes", "/var/lib/kubernetes", "/var/lib/kube-proxy", "/etc/cni/net.d"}, // made by hand, Kubespray, kOps
	[]string{"/etc/rancher", "/var/lib/rancher"},
	[]string{"/etc/k0s", "/var/lib/k0s/pki", "/var/lib/minikube", "/etc/eks", "/home/kubernetes", "/root/.kube/config"},
	[]string{"/var/snap/microk8s/current/args", "/var/snap/microk8s/current/certs", "/var/snap/microk8s/current/credentials", "/var/snap/microk8s/current/var/lock"},
	inventory.HostRootFiles(),
)

// watched is a script that ends by itself a moment after the time is over that its answer
// is waited for.
func watched(script string, timeout time.Duration) string {
	return fmt.Sprintf("limit=%d\n%s%s", int(timeout.Seconds())+2, watchScript, script)
}

// copyCommand runs copyScript as root.
func copyCommand(timeout time.Duration) string {
	script := "sh -c " + quoted(watched(strings.Replace(copyScript, "@cut.awk@", cutScript, 1), timeout)) + " sh"
	for _, folder := range copiedFolders {
		script += " " + quoted(folder)
	}
	return `if [ "$(id -u)" = 0 ]; then exec ` + script + "; else exec sudo -n -- " + script + "; fi </dev/null"
}

const (
	// maxAnswer bounds what a host sends, in bytes: a snapshot has at most as many.
	maxAnswer = 64 << 20
	// maxGreeting bounds what profiles of a shell print before the answer.
	maxGreeting = 64 << 10
	// maxComplaint bounds what is kept of the error stream.
	maxComplaint = 64 << 10
	// endsWithin is how long ssh may take to end once it was told to, or once what it has
	// sent is read: with ControlPersist a process of its own keeps the streams open.
	endsWithin = 2 * time.Second
)

// mark begins the lines of a script that are no part of its output.
const mark = "certaudit-collect "

// collector reads hosts by the system's ssh.
type collector struct {
	// ssh is the program, and options are those before the host.
	ssh     string
	options []string
	timeout time.Duration
	// script is what runs on the hosts, and read what their answers are read with.
	script string
	read   func(answer []byte) (*inventory.Inventory, error)
	// programs are the paths of this program for other systems, by "linux/arm64".
	programs map[string]string
	now      func() time.Time
}

// sshOptions are those of every connection: nothing is asked for, since nobody could
// answer for many hosts at once; what a configuration adds for people who log in would
// be in the way (ssh_config(5)).
var sshOptions = []string{"-T", "-o", "BatchMode=yes", "-o", "ClearAllForwardings=yes", "-o", "RemoteCommand=none", "-o", "ForwardX11=no"}

var errStopped = errors.New("it was stopped")

// collect returns the snapshot of a host. The error is one line and says why there is
// none.
func (c *collector) collect(stop context.Context, host string) (*inventory.Inventory, error) {
	ctx, cancel := context.WithTimeout(stop, c.timeout)
	defer cancel()
	if stop.Err() != nil {
		return nil, errStopped
	}
	s, err := c.start(ctx, host)
	if err != nil {
		return nil, err
	}
	answer, err := c.converse(s)
	if err != nil {
		cancel()
	}
	ended := s.Wait()
	switch {
	case stop.Err() != nil:
		return nil, errStopped
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, fmt.Errorf("it took longer than %s; --timeout gives it more", c.timeout)
	case err != nil:
		return nil, err
	case ended != nil && !errors.Is(ended, exec.ErrWaitDelay):
		return nil, complaint(ended, s.complaints.String())
	}
	return c.read(answer)
}

// session is a run of ssh.
type session struct {
	*exec.Cmd
	in         io.WriteCloser
	out        *bufio.Reader
	complaints *tail
}

// start runs the script on a host. No shell of this machine sees any of it; the login
// shell of the host sees the script as one word.
func (c *collector) start(ctx context.Context, host string) (*session, error) {
	args := append(append([]string{}, c.options...), "--", host, "exec sh -c "+quoted(c.script))
	s := &session{Cmd: exec.CommandContext(ctx, c.ssh, args...), complaints: &tail{}}
	s.Cancel = func() error {
		if err := s.Process.Signal(syscall.SIGTERM); err != nil { // Windows has none
			return s.Process.Kill()
		}
		return nil
	}
	s.WaitDelay = endsWithin
	s.Stderr = s.complaints
	var err error
	if s.in, err = s.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := s.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.out = bufio.NewReader(io.LimitReader(out, maxAnswer+maxGreeting+1))
	if err := s.Start(); err != nil {
		return nil, fmt.Errorf("ssh cannot be run: %w", err)
	}
	return s, nil
}

// quoted is a text as one word of a shell (POSIX.1-2024 XCU, section 2.2.2).
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// converse gives a host what it asks for, and returns what it answers. There is no error
// where the connection ends early: then ssh tells why.
func (c *collector) converse(s *session) ([]byte, error) {
	defer s.in.Close()
	for greeting := maxGreeting; ; {
		line, err := s.out.ReadSlice('\n')
		if greeting -= len(line); errors.Is(err, bufio.ErrBufferFull) && greeting > 0 {
			continue
		}
		words, marked := strings.CutPrefix(strings.TrimSpace(string(line)), mark)
		switch {
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return nil, nil // complaint or onlySnapshot tells
		case greeting <= 0:
			return nil, errors.New("it answers with something else than a snapshot")
		case !marked:
		case words == "output":
			answer, _ := io.ReadAll(s.out)
			if len(answer) > maxAnswer {
				return nil, fmt.Errorf("its answer is larger than %d MiB", maxAnswer>>20)
			}
			return answer, nil
		default:
			if err := c.feed(s.in, words); err != nil {
				return nil, err
			}
		}
	}
}

// feed gives the program for a system to a host that asks with the words of uname -sm.
func (c *collector) feed(in io.WriteCloser, words string) error {
	asked, ok := strings.CutPrefix(words, "program ")
	if !ok {
		return fmt.Errorf("it asks for %q, which is not known", words)
	}
	system := systemOf(asked)
	name := c.programs[system]
	if name == "" {
		return fmt.Errorf("certaudit is not installed there, and of this program there is none at hand for %q; give --binary %s=FILE, or --tar to send none", asked, system)
	}
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("the program for %s cannot be read: %w", system, ofFile(name, err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return fmt.Errorf("the program for %s, %q, is no regular file", system, name)
	}
	if _, err = fmt.Fprintln(in, info.Size()); err == nil {
		_, err = io.Copy(in, f)
	}
	_ = errors.Join(err, in.Close()) // where the connection is broken, ssh tells why
	return nil
}

// machines are the architectures of Go by what uname -m says of a machine.
var machines = map[string]string{"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64", "armv6l": "arm", "armv7l": "arm",
	"i386": "386", "i686": "386", "ppc64le": "ppc64le", "s390x": "s390x", "riscv64": "riscv64"}

// systemOf is a system as Go names it, "linux/amd64", of what uname -sm prints. One that
// is not known is named as it was printed.
func systemOf(uname string) string {
	system, machine, _ := strings.Cut(uname, " ")
	if known := machines[machine]; known != "" {
		machine = known
	}
	return strings.ToLower(system) + "/" + machine
}

// thisSystem is the one that this program is made for.
const thisSystem = runtime.GOOS + "/" + runtime.GOARCH

// onlySnapshot reads the answer of a host, which must be one snapshot and nothing else.
func onlySnapshot(answer []byte) (*inventory.Inventory, error) {
	r := inventory.NewSnapshotReader(bytes.NewReader(answer))
	inv, err := r.Next()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("it answers with nothing")
	}
	if err != nil {
		return nil, fmt.Errorf("its answer %w", err)
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		return nil, errors.New("its answer goes on behind the snapshot")
	}
	return inv, nil
}

// onlyCopy reads the answer of a host, which must be an archive of a node.
func (c *collector) onlyCopy(answer []byte) (*inventory.Inventory, error) {
	if len(answer) == 0 {
		return nil, errors.New("it answers with nothing")
	}
	inv, err := inventory.Clock{}.GatherCopy(bytes.NewReader(answer), copiedFolders)
	if err != nil {
		return nil, fmt.Errorf("its answer %w", err)
	}
	if len(inv.References)+len(inv.Problems) == 0 {
		return nil, errors.New("no certificates were found; is it a Kubernetes node?")
	}
	inv.TakenAt = c.now().UTC().Truncate(time.Second)
	return inv, nil
}

// hints say what to do about what ssh and sudo say.
var hints = []struct{ said, hint string }{
	{"Permission denied (", "none of your keys lets this user in, and passwords are not asked for: ssh-add the key, or give --ssh-option User=NAME or IdentityFile=FILE"},
	{"Host key verification failed", "log in once by hand to see and keep its key; if that has changed, find out why first"},
	{"sudo: a password is required", "let this user run it without one (NOPASSWD in sudoers), or log in as root"},
	{"sudo: not found", "log in as root"},
	{"sudo: command not found", "log in as root"},
	{"is not allowed to", "allow it in sudoers, or log in as root"},
}

// complaint says why ssh ended with an error, by what stands in its error stream.
func complaint(ended error, said string) error {
	last := ""
	for line := range strings.Lines(said) {
		if line = strings.TrimSpace(line); line != "" {
			last = line
		}
		if strings.HasPrefix(line, "certaudit: ") || strings.HasPrefix(line, "sudo: ") {
			break
		}
	}
	if last == "" {
		return fmt.Errorf("ssh ended without a word: %w", ended)
	}
	for _, h := range hints {
		if strings.Contains(said, h.said) {
			return fmt.Errorf("%s; %s", last, h.hint)
		}
	}
	return errors.New(last)
}

// tail keeps the end of what is written to it. It embeds no buffer: io.Copy would give
// all to the ReadFrom of one.
type tail struct{ kept bytes.Buffer }

func (t *tail) Write(p []byte) (int, error) {
	n := len(p)
	p = p[max(0, n-maxComplaint):]
	if over := t.kept.Len() + len(p) - maxComplaint; over > 0 {
		t.kept.Next(over)
	}
	_, _ = t.kept.Write(p)
	return n, nil
}

func (t *tail) String() string { return t.kept.String() }
