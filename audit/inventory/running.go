package inventory

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"certaudit/parsers"
)

// Proc is what the processes of a node show of its components.
type Proc struct {
	// Running are the processes of components, by PID.
	Running []Running `json:"running"`
	// PassedOver are processes of components that are not judged.
	PassedOver []PassedOver `json:"passedOver,omitempty"`
	// Programs are those of distributions that run, sorted: one may run its components
	// within its own process.
	Programs []string `json:"programs,omitempty"`
	// NotRun are components that a distribution may start on such a node and that no
	// process runs.
	NotRun []string `json:"notRun,omitempty"`
}

// Running is a process of a component.
type Running struct {
	Process
	// Unread: what it was started with could not be read.
	Unread bool `json:"unread,omitempty"`
	// Unplaced: this user may not see its network, and so not whether it is the node's.
	Unplaced bool `json:"unplaced,omitempty"`
	// File is what starts it, as far as the node's files say; zero for none.
	File parsers.Origin `json:"file,omitzero"`
	// Guessed: File is a distribution's own, and which flags that gives is not known to
	// the last, so that there is nothing to compare.
	Guessed bool `json:"guessed,omitempty"`
	// Runs are the flags and variables as the process has them, Filed as File says them.
	Runs  []parsers.Flag `json:"runs,omitempty"`
	Filed []parsers.Flag `json:"filed,omitempty"`
}

// PassedOver is a process that is called as a component and is none of the node's.
type PassedOver struct {
	Process
	Reason string `json:"reason"`
}

// Place is where the command line of the process stands.
func (p Process) Place() parsers.Origin { return parsers.Origin{Path: procFile(p.PID, "cmdline")} }

func procFile(pid int, name string) string { return "/proc/" + strconv.Itoa(pid) + "/" + name }

// IsProcess reports whether a path is that of a process, as the origin of a component is
// which no file of the node starts.
func IsProcess(name string) bool { return strings.HasPrefix(name, "/proc/") }

// Bounds of what is read of processes: so many of components, and of each so much of its
// arguments and variables. The kernel takes no more than 6 MiB of both (execve(2)).
const (
	maxRunning     = 64
	maxCommandLine = 1 << 20
	maxMountTable  = 4 << 20
	maxProcLink    = 4096
)

// running is a process of a component, and how it sees the node.
type running struct {
	Running
	how started
	// placed: the API server has placed it, as its pod's UID tells.
	placed  bool
	claimed bool
}

// procReader reads files of the proc file system, by paths relative to the root.
type procReader interface {
	proc(rel string, most int) ([]byte, error)
	procLink(rel string) (string, error)
}

// proc returns the beginning of a file of the proc file system, one byte more than most
// where it is longer. Nothing there has a size.
func (r *root) proc(rel string, most int) ([]byte, error) {
	h, err := r.fs.open(filepath.FromSlash(rel))
	if err != nil {
		return nil, err
	}
	defer h.Close()
	return io.ReadAll(io.LimitReader(h, int64(most)+1))
}

func (r *root) procLink(rel string) (string, error) { return r.fs.Readlink(filepath.FromSlash(rel)) }

// isEnded reports whether an error says that a process is there no more: it ended, or it
// is dead and waits for its parent (proc(5)).
func isEnded(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) || errors.Is(err, syscall.ENOTDIR)
}

// ErrNoProcesses is returned where processes were asked for and the root shows none.
var ErrNoProcesses = errors.New("--from-processes needs the proc file system of a running node, and there is none here; leave it out for a tree that was copied, or give --root the node's own root with its /proc")

// table is what is read of the processes of a node.
type table struct {
	procReader
	boot time.Time
	// network is the network's name space of the node, host its table of mounts.
	network string
	host    []parsers.MountPoint
	// programs are those of distributions, with the variables that stand for settings of
	// theirs, and settings those of the ones that run.
	programs map[string][]string
	settings map[string][]parsers.EnvVar
	found    []*running
	Proc
	problems []InputProblem
	denied   int
	more     bool
}

// readProcesses finds the processes of components with what they were started with.
func (g *gatherer) readProcesses(layouts []Layout) error {
	t, err := readTable(g.root, layouts)
	if err != nil {
		return err
	}
	g.inv.Proc, g.running, g.programs = &t.Proc, t.found, t.settings
	g.inv.Problems = append(g.inv.Problems, t.problems...)
	return nil
}

// readTable reads the proc file system of a root.
func readTable(r *root, layouts []Layout) (*table, error) {
	names, err := r.list("/proc")
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	if len(pids) == 0 && err == nil {
		return nil, ErrNoProcesses
	}
	slices.Sort(pids)
	t := newTable(r, layouts)
	if err != nil {
		t.lost("", "/proc", KindUnreadable, "%s", unlisted(err))
	}
	for _, pid := range pids {
		t.look(pid)
	}
	t.summarize(pids)
	return t, nil
}

func newTable(r procReader, layouts []Layout) *table {
	t := &table{procReader: r, programs: map[string][]string{kubelite: nil}, settings: map[string][]parsers.EnvVar{}}
	for _, l := range layouts {
		if l.Program != "" {
			t.programs[l.Program] = l.variables()
		}
	}
	stat, _ := r.proc("proc/stat", maxMountTable)
	t.boot = bootTime(string(stat))
	t.network, _ = r.procLink("proc/1/ns/net")
	mounts, err := r.proc("proc/1/mountinfo", maxMountTable)
	if err == nil {
		t.host, _ = parsers.ParseMountInfo("/proc/1/mountinfo", mounts[:min(len(mounts), maxMountTable)])
	}
	return t
}

// kubelite is the one program of MicroK8s (canonical/microk8s snap/snapcraft.yaml).
const kubelite = "kubelite"

// lost records what of a process could not be read.
func (t *table) lost(component string, at string, kind parsers.Kind, format string, args ...any) {
	t.problems = append(t.problems, InputProblem{Component: component, Lost: true,
		Problem: parsers.Problem{Origin: parsers.Origin{Path: at}, Kind: kind, Detail: fmt.Sprintf(format, args...)}})
}

// unread records a file of a component's process that the kernel did not show.
func (t *table) unread(component string, pid int, file string, err error) {
	t.lost(component, procFile(pid, file), KindUnreadable, "%s", unreadable(err))
}

// look takes a process if it is one of a component. Twice, since a PID may be given to
// another process between two looks.
func (t *table) look(pid int) {
	for range 2 {
		if t.read(pid) {
			return
		}
	}
}

// read takes a process, and reports false if it was not the same at the end.
func (t *table) read(pid int) (same bool) {
	head, err := t.proc(procFile(pid, "cmdline")[1:], maxSmall)
	switch {
	case err != nil && isEnded(err):
		return true
	case err != nil:
		t.refused(pid, err)
		return true
	}
	words := commandWords(head)
	name, program := componentOfProcess(words), ""
	if len(words) > 0 { // k3s writes one word over its arguments: "k3s server" (k3s-io/k3s pkg/cli/server)
		program = baseName(strings.Fields(words[0] + " ?")[0])
	}
	if _, starts := t.programs[program]; name == "" && !starts && len(words) > 0 {
		return true
	}
	before, ok := t.status(pid)
	if !ok || len(words) == 0 && componentOf(before.comm) == "" {
		return true // a thread of the kernel's, or dead (proc_pid_cmdline(5))
	}
	p := &running{Running: Running{Process: Process{Component: name, PID: pid, Started: before.started}}}
	problems := len(t.problems)
	reason, ended := t.fill(p, before.comm)
	if after, ok := t.status(pid); !ok || ended || after != before {
		t.problems = t.problems[:problems]
		return !ok || ended
	}
	t.take(p, program, reason)
	return true
}

// take keeps a process.
func (t *table) take(p *running, program, reason string) {
	switch {
	case reason != "":
		if p.Component != "" {
			t.PassedOver = append(t.PassedOver, PassedOver{p.Process, reason})
		}
	case p.Component == "":
		if !slices.Contains(t.Programs, program) {
			t.Programs = append(t.Programs, program)
			t.settings[program], _ = t.environment(p, func(name string) bool { return slices.Contains(t.programs[program], name) })
		}
	case len(t.found) < maxRunning:
		t.found = append(t.found, p)
	case !t.more:
		t.more = true
		t.lost(p.Component, p.Place().Path, parsers.KindLimit, "is one process of a component more than the %d that are looked at; it and the rest were not", maxRunning)
	}
}

// refused counts a process that this user may not look at.
func (t *table) refused(pid int, err error) {
	comm, _ := t.proc(procFile(pid, "comm")[1:], maxSmall)
	if name := componentOf(string(comm)); name != "" || !errors.Is(err, fs.ErrPermission) {
		t.unread(name, pid, "cmdline", err)
		return
	}
	t.denied++
}

// summarize says what was not seen.
func (t *table) summarize(pids []int) {
	slices.Sort(t.Programs)
	if t.denied > 0 {
		t.lost("", "/proc", KindUnreadable, "%s", deniedList)
	}
	if len(pids) > 0 && pids[0] != 1 && t.denied == 0 {
		t.lost("", "/proc/1", KindUnreadable, "is not shown to this user: /proc is mounted with hidepid, or is not the node's")
	}
}

// processStatus is what tells a process from another that has its PID later.
type processStatus struct {
	comm    string
	started time.Time
	ticks   string
}

// status reads /proc/PID/stat; ok is false for a process that ended, be it that its
// parent has not asked for it yet.
func (t *table) status(pid int) (s processStatus, ok bool) {
	data, err := t.proc(procFile(pid, "stat")[1:], maxSmall)
	if err != nil {
		return s, false
	}
	text := string(data)
	open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return s, false
	}
	fields := strings.Fields(text[end+1:])
	if len(fields) == 0 || slices.Contains([]string{"Z", "X", "x"}, fields[0]) {
		return s, false
	}
	s.comm = text[open+1 : end]
	if s.started, ok = startTime(text, t.boot); ok {
		s.ticks = fields[22-3]
	}
	if t.boot.IsZero() {
		s.started = time.Time{}
	}
	return s, true
}

// fill reads what a process was started with and what it sees. reason says why it is
// none of the node's; ended that it is there no more.
func (t *table) fill(p *running, comm string) (reason string, ended bool) {
	network, err := t.link(p, "ns/net")
	p.Unplaced = errors.Is(err, fs.ErrPermission)
	if err == nil && t.network != "" && network != t.network {
		return "it has a network of its own, as a node in a container and a control plane in pods have", false
	}
	if p.Component == "" && componentOf(comm) == "" {
		return "", false // a distribution's program
	}
	if p.Component == "" {
		p.Component, p.Unread = componentOf(comm), true
		t.lost(p.Component, p.Place().Path, parsers.KindUnsupported, "the process is called %s and shows no command line; what it runs with was not judged", p.Component)
		return "", false
	}
	line, err := t.proc(p.Place().Path[1:], maxCommandLine)
	switch {
	case err != nil && isEnded(err):
		return "", true
	case err != nil:
		p.Unread = true
		t.unread(p.Component, p.PID, "cmdline", err)
		return "", false
	case len(line) > maxCommandLine:
		p.Unread = true
		t.lost(p.Component, p.Place().Path, parsers.KindLimit, "the arguments of the process are longer than %d KiB; what it runs with was not judged", maxCommandLine>>10)
		return "", false
	}
	return t.command(p, line)
}

// command parses the command line of a component.
func (t *table) command(p *running, line []byte) (reason string, ended bool) {
	words := commandWords(line)
	if componentOfProcess(words) != p.Component {
		return "", true // it runs another program since, or none
	}
	if baseName(words[0]) == hyperkube {
		words = words[1:]
	}
	texts := []parsers.Text{{Value: p.Component, Origin: p.Place()}}
	for _, w := range words[1:] {
		texts = append(texts, parsers.Text{Value: strings.ReplaceAll(w, "$", "$$"), Origin: p.Place()}) // nothing expands them again
	}
	commands, problems := grammar.ParseCommand(texts, nil)
	for _, problem := range problems {
		t.problems = append(t.problems, InputProblem{Problem: problem, Component: p.Component})
	}
	if len(commands) == 0 {
		p.Unread = true
		return "", false
	}
	if componentOfCommand(commands[0]) == "" {
		return "it was started to do something else than the component does", false
	}
	p.how = started{command: commands[0], pid: p.PID}
	if program, _ := ProgramNamed(p.Component); program.Environment != "" {
		p.how.env, p.how.unreadEnv = t.environment(p, func(name string) bool { return strings.HasPrefix(name, program.Environment) })
	}
	t.see(p)
	p.Runs = given(p.Component, p.how.command, p.how.env)
	return "", false
}

const hyperkube = "hyperkube"

// componentOfProcess returns the component that argv starts, or "": the name is the
// component's own, since shorter ones are those of many programs.
func componentOfProcess(words []string) string {
	switch {
	case len(words) == 0:
		return ""
	case baseName(words[0]) == hyperkube && len(words) > 1:
		return componentStartedBy(words[1])
	case IsProgram(baseName(words[0])):
		return baseName(words[0])
	}
	return ""
}

func baseName(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// commandWords splits a command line at its NULs, of which the last ends the last word
// (proc_pid_cmdline(5)).
func commandWords(line []byte) []string {
	line = bytes.TrimSuffix(line, []byte{0})
	if len(bytes.TrimRight(line, "\x00")) == 0 {
		return nil
	}
	return strings.Split(string(line), "\x00")
}

// environment returns the variables of a process that are wanted by their names, and
// nothing else of what it was given. unread says that there may be some.
func (t *table) environment(p *running, wanted func(name string) bool) (env []parsers.EnvVar, unread bool) {
	file := procFile(p.PID, "environ")
	data, err := t.proc(file[1:], maxCommandLine)
	defer clear(data)
	switch {
	case err != nil:
		t.unread(p.Component, p.PID, "environ", err)
		return nil, true
	case len(data) > maxCommandLine:
		t.lost(p.Component, file, parsers.KindLimit, "is longer than %d KiB; what it sets was not judged", maxCommandLine>>10)
		return nil, true
	}
	for entry := range bytes.SplitSeq(data, []byte{0}) {
		name, value, ok := bytes.Cut(entry, []byte("="))
		if ok && wanted(string(name)) {
			clean, _ := parsers.BlankKeys(value)
			env = append(env, parsers.EnvVar{Name: string(name), Value: parsers.Text{Value: string(clean), Origin: parsers.Origin{Path: file, Field: string(name)}}})
		}
	}
	return env, false
}

// link reads a link of a process; what may not be read is a problem, what is not there
// is none.
func (t *table) link(p *running, name string) (string, error) {
	target, err := t.procLink(procFile(p.PID, name)[1:])
	if err != nil && !isEnded(err) {
		t.unread(p.Component, p.PID, name, err)
	}
	return target[:min(len(target), maxProcLink)], err
}

// see reads what a process sees of the node.
func (t *table) see(p *running) {
	dir, err := t.link(p, "cwd")
	if err != nil || !path.IsAbs(dir) {
		dir = "/"
	}
	v := processView{pid: p.PID, dir: path.Clean(dir), node: t.host}
	file := procFile(p.PID, "mountinfo")
	data, err := t.proc(file[1:], maxMountTable)
	switch {
	case err == nil && len(data) <= maxMountTable:
		v.own, _ = parsers.ParseMountInfo(file, data)
	case err == nil:
		t.lost(p.Component, file, parsers.KindLimit, "is longer than %d MiB; what the process sees of the node is taken from what starts it", maxMountTable>>20)
	case !isEnded(err):
		t.unread(p.Component, p.PID, "mountinfo", err)
	}
	p.placed = slices.ContainsFunc(v.own, func(m parsers.MountPoint) bool {
		return slices.Contains(podFiles, m.Path) && placedPod.MatchString(m.Root)
	})
	p.how.view = v
}

// Every container of a pod sees these of its pod's folder (kubernetes pkg/kubelet,
// kubelet_pods.go makeHostsMount, container_gc). The UID of a static pod whose manifest
// has none is the hash of the manifest, without dashes (pkg/kubelet/config/common.go
// applyDefaults).
var (
	podFiles  = []string{"/etc/hosts", "/dev/termination-log"}
	placedPod = regexp.MustCompile(`/pods/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/`)
)

// given are the variables and flags that configure a component, the later winning.
func given(component string, cmd parsers.Command, env []parsers.EnvVar) []parsers.Flag {
	p, _ := ProgramNamed(component)
	return append(variablesOf(p, env), cmd.Flags...)
}

// processView is that of a process by its table of mounts. own is nil where that is not
// known; filed, unless it is nil, is the view by the file that starts the process.
type processView struct {
	pid       int
	dir       string
	own, node []parsers.MountPoint
	filed     view
	root      *root
}

// host maps a path by the tables of mounts. Where the process and the file that starts it
// mean one thing by two paths, it is that of the file.
func (v processView) host(name string) (string, bool) {
	inside := rooted(parsers.ResolvePath(v.dir+"/", name))
	cover, _, covered := parsers.CoveringMount(v.own, inside)
	if !covered {
		if v.filed != nil {
			return v.filed.host(name)
		}
		return inside, true
	}
	if v.isImage(cover) {
		return inside, false
	}
	mapped, ok := parsers.HostPath(v.own, v.node, inside)
	if !ok || v.filed == nil || v.root == nil {
		return cmp.Or(mapped, inside), ok
	}
	if filed, seen := v.filed.host(name); seen && v.root.leadsTo(filed, mapped) {
		return filed, true
	}
	return mapped, true
}

// isImage reports whether a mount is the root file system of a container: that of its
// image, which no file of the node configures.
func (v processView) isImage(m parsers.MountPoint) bool {
	top, _, ok := parsers.CoveringMount(v.node, "/")
	return m.Path == "/" && ok && m.Device != top.Device
}

// foreign returns where a file system is mounted of which the node sees nothing, and what
// is said of it.
func (v processView) foreign(name string) (mount, why string) {
	cover, _, _ := parsers.CoveringMount(v.own, name)
	switch {
	case v.isImage(cover):
		return name, fmt.Sprintf("lies in the image of the container that process %d runs in", v.pid)
	case cover.Gone:
		return cover.Path, fmt.Sprintf("was deleted or replaced since process %d began, which sees the old file until it is restarted; that", v.pid)
	}
	return cover.Path, fmt.Sprintf("lies on a file system that process %d sees and the node does not; it", v.pid)
}

// sameMounts reports whether the process sees the node as the node does.
func (v processView) sameMounts() bool {
	own, _, ok := parsers.CoveringMount(v.own, "/")
	node, _, there := parsers.CoveringMount(v.node, "/")
	return ok && there && own.ID == node.ID
}

// leadsTo reports whether the links of two paths lead to one.
func (r *root) leadsTo(a, b string) bool {
	x, err := r.resolve(a)
	y, err2 := r.resolve(b)
	return err == nil && err2 == nil && x == y
}
