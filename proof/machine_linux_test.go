//go:build !race

package proof

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A machine is where a script runs: a mount, a host-name, a network and a process
// namespace, in which the folders of a tree lie beside this machine's programs.
// What a script writes below the tree is seen outside at once; the mounts are not.
type machine struct {
	// Tree is the node's file system, and Root an empty folder for the machine's.
	Tree, Root string
	// Self is this test's program, which is all the stand-ins; Kubeadm the real one.
	Self, Kubeadm string
	// Script is the file to run, with Shell and its arguments before it.
	Script string
	Shell  []string
	Env    []string
	// Host is the machine's name. Addresses are one for each network card, with the
	// length of the prefix; the default route leads out of the first.
	Host      string
	Addresses []string
	Gateway   string
	// At is the time for which the stand-ins judge, RFC 3339.
	At string
}

// Names under which this test's program is started.
const enterName = "certaudit-proof-enter"

// Paths in a machine.
const (
	toolDir    = "/proof/bin"
	scriptFile = "/proof/plan.sh"
	stepFile   = "/proof/step.sh"
	procDir    = "/proof/proc"
)

// TestMain lets this test's program be the first process of a machine, and what
// stands in there for programs that need a cluster.
func TestMain(m *testing.M) {
	name := filepath.Base(os.Args[0])
	if name == enterName {
		fmt.Fprintln(os.Stderr, "machine:", enter())
		os.Exit(125)
	}
	if standIn, ok := standIns[name]; ok {
		os.Exit(standIn(os.Args[1:]))
	}
	// Machines wait for the kernel more than they compute.
	must(0, flag.Set("test.parallel", fmt.Sprint(4*runtime.NumCPU())))
	os.Exit(m.Run())
}

// stepping makes bash ask before each command, and wait for the answer: being
// stopped there is what the tree shows while it waits. Commands in pipelines and in
// substitutions belong to the one around them.
const stepping = `set -T
trap '[ "$BASHPID" != "$$" ] || { printf . >&3; read -r -n 1 -u 4 _; }' DEBUG
. ` + scriptFile + "\n"

// run runs the script. Where look is not nil the shell must be bash, and look is
// called before each command while the machine stands still. It returns what the
// script printed and its exit code.
func (m machine) run(t *testing.T, look func()) (output string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "/proc/self/exe")
	c.Args = []string{enterName}
	c.Env = append(os.Environ(), "MACHINE="+string(must(json.Marshal(m))))
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWNET | unix.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	asked := make(chan struct{})
	close(asked)
	if look != nil {
		asks, askEnd := must2(os.Pipe())
		answerEnd, answers := must2(os.Pipe())
		c.ExtraFiles = []*os.File{askEnd, answerEnd}
		asked = make(chan struct{})
		go func() {
			defer close(asked)
			answer(asks, answers, look)
		}()
		defer func() { _, _ = askEnd.Close(), answerEnd.Close() }()
	}
	if err := c.Start(); err != nil {
		t.Fatalf("cannot start a machine: %v", err)
	}
	for _, f := range c.ExtraFiles {
		_ = f.Close()
	}
	_ = c.Wait()
	<-asked
	if ctx.Err() != nil {
		t.Errorf("the script did not end:\n%s", out.String())
	}
	return out.String(), c.ProcessState.ExitCode()
}

// answer calls look for each byte of asks, then lets the other side go on.
func answer(asks io.ReadCloser, answers io.WriteCloser, look func()) {
	defer asks.Close()
	defer answers.Close()
	for b := make([]byte, 1); ; {
		if _, err := asks.Read(b); err != nil {
			return
		}
		look()
		if _, err := answers.Write(b); err != nil {
			return
		}
	}
}

// enter makes the machine out of the namespaces that this process was started in,
// and runs the script. It returns only where something fails.
func enter() error {
	var m machine
	if err := json.Unmarshal([]byte(os.Getenv("MACHINE")), &m); err != nil {
		return err
	}
	for _, step := range []func(machine) error{mountAll, network} {
		if err := step(m); err != nil {
			return err
		}
	}
	if err := unix.Chroot(m.Root); err != nil {
		return err
	}
	if err := os.Chdir("/root"); err != nil {
		return err
	}
	env := append([]string{"PATH=" + toolDir + ":/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "AT=" + m.At}, m.Env...)
	return unix.Exec(m.Shell[0], m.Shell, env)
}

// systemFolders are those of this machine that programs need, and devices the
// devices.
var (
	systemFolders = []string{"usr", "bin", "sbin", "lib", "lib64"}
	devices       = []string{"null", "zero", "random", "urandom"}
)

func mountAll(m machine) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", m.Root, "tmpfs", 0, "mode=0755"); err != nil {
		return err
	}
	own, err := os.ReadDir(m.Tree)
	if err != nil {
		return err
	}
	for _, d := range own {
		if d.Name() == "proc" {
			continue // what the node's processes are stands beside those of the machine
		}
		if err := merge("/"+d.Name(), filepath.Join(m.Tree, d.Name()), filepath.Join(m.Root, d.Name()), slices.Contains(systemFolders, d.Name())); err != nil {
			return err
		}
	}
	for _, name := range systemFolders {
		if _, err := os.Lstat(filepath.Join(m.Root, name)); err != nil {
			if err := show("/"+name, filepath.Join(m.Root, name), readOnly); err != nil {
				return err
			}
		}
	}
	return m.mountTools()
}

// merge shows a folder of the tree in a place. Where system is set it shows what of
// this machine's folder the tree does not have as well: folders of both are this
// machine's with the tree's on top, which needs few mounts, where there is room for them.
func merge(host, tree, place string, system bool) error {
	if !system {
		return show(tree, place, 0)
	}
	if inner, err := filepath.Glob(tree + "/*/*"); err == nil && !slices.ContainsFunc(inner, func(name string) bool { return !isDir(host + strings.TrimPrefix(name, tree)) }) {
		if err := show(host, place, readOnly); err != nil {
			return err
		}
		for _, name := range inner {
			if err := show(name, place+strings.TrimPrefix(name, tree), 0); err != nil {
				return err
			}
		}
		return nil
	}
	if err := os.MkdirAll(place, 0o755); err != nil {
		return err
	}
	names := map[string]bool{}
	for _, dir := range []string{host, tree} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, d := range entries {
			names[d.Name()] = true
		}
	}
	for name := range names {
		inHost, inTree, to := filepath.Join(host, name), filepath.Join(tree, name), filepath.Join(place, name)
		var err error
		switch h, t := isDir(inHost), isDir(inTree); {
		case h && t && strings.Count(inHost, "/") < 3: // what lies deeper is the tree's alone
			err = merge(inHost, inTree, to, true)
		case t || exists(inTree):
			err = show(inTree, to, 0)
		default:
			err = show(inHost, to, readOnly)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func isDir(name string) bool {
	info, err := os.Lstat(name)
	return err == nil && info.IsDir()
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// readOnly is for what is this machine's own.
const readOnly = unix.MS_BIND | unix.MS_REMOUNT | unix.MS_RDONLY

// show makes a file, folder or link appear in a place, changed as the flags of a
// second mount say; 0 for none.
func show(from, place string, flags uintptr) error {
	info, err := os.Lstat(from)
	if err != nil {
		return nil // this machine has no such folder
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		link, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(link, place)
	case info.IsDir():
		err = os.MkdirAll(place, 0o755)
	default:
		err = os.WriteFile(place, nil, 0o644)
	}
	if err == nil {
		err = unix.Mount(from, place, "", unix.MS_BIND|unix.MS_REC, "")
	}
	if err == nil && flags != 0 {
		err = unix.Mount("", place, "", flags, "")
	}
	return err
}

// mountTools adds what every machine has: processes, devices, room for what is
// temporary, the stand-ins and the script.
func (m machine) mountTools() error {
	at := func(name string) string { return filepath.Join(m.Root, name) }
	for _, dir := range []string{"proc", "dev", "tmp", "run", "root", toolDir} {
		if err := os.MkdirAll(at(dir), 0o755); err != nil {
			return err
		}
	}
	if err := unix.Mount("proc", at("proc"), "proc", 0, ""); err != nil {
		return err
	}
	for _, name := range devices {
		if err := show("/dev/"+name, at("dev/"+name), 0); err != nil {
			return err
		}
	}
	tools := map[string]string{m.Self: "/proof/stand-in", m.Kubeadm: toolDir + "/kubeadm", m.Script: scriptFile}
	if proc := filepath.Join(m.Tree, "proc"); exists(proc) {
		tools[proc] = procDir
	}
	for from, to := range tools {
		if err := show(from, at(to), 0); err != nil {
			return err
		}
	}
	for name := range standIns {
		if err := os.Symlink("/proof/stand-in", at(toolDir+"/"+name)); err != nil {
			return err
		}
	}
	return os.WriteFile(at(stepFile), []byte(stepping), 0o644)
}

// network gives the machine its name, cards, addresses and route.
func network(m machine) error {
	if err := unix.Sethostname([]byte(m.Host)); err != nil {
		return err
	}
	lines := []string{"link set lo up"}
	for i, address := range m.Addresses {
		lines = append(lines, fmt.Sprintf("link add eth%d type veth peer name peer%d", i, i), fmt.Sprintf("link set peer%d up", i),
			fmt.Sprintf("addr add %s dev eth%d", address, i), fmt.Sprintf("link set eth%d up", i))
	}
	if m.Gateway != "" {
		lines = append(lines, "route add default via "+m.Gateway+" dev eth0")
	}
	ip := exec.Command("ip", "-batch", "-")
	ip.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	if out, err := ip.CombinedOutput(); err != nil {
		return fmt.Errorf("ip: %w: %s", err, out)
	}
	return nil
}

// must returns v. An error here is a mistake in the test.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func must2[A, B any](a A, b B, err error) (A, B) {
	if err != nil {
		panic(err)
	}
	return a, b
}
