package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"

	"certaudit/audit/inventory"
)

// journalProgram prints what systemd has of the units' output.
const journalProgram = "journalctl"

// journalTime is how long journalctl may take.
const journalTime = maxAudit

// knownUnits are those in which components and what runs their containers are started:
// by packages, by distributions, and by hand.
var knownUnits = []string{
	"kubelet", "containerd", "crio", "docker", "cri-docker", "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy",
	"k3s", "k3s-agent", "rke2-server", "rke2-agent", "k0scontroller", "k0sworker",
	"snap.microk8s.daemon-kubelite", "snap.microk8s.daemon-containerd", "snap.microk8s.daemon-k8s-dqlite", "snap.microk8s.daemon-cluster-agent", "snap.microk8s.daemon-apiserver-proxy",
}

// unitName is what systemd takes for the name of a service (systemd.unit(5)); a name with
// anything else in it would be a pattern.
var unitName = regexp.MustCompile(`^[A-Za-z0-9:_.\\@-]+\.service$`)

// unitsOf are the units of which the journal is read: knownUnits, and those that start
// the components of a node.
func unitsOf(inv *inventory.Inventory) []string {
	var units []string
	for _, name := range knownUnits {
		units = append(units, name+".service")
	}
	for _, c := range inv.Components {
		if unitName.MatchString(c.Unit) && !slices.Contains(units, c.Unit) {
			units = append(units, c.Unit)
		}
	}
	return units
}

// journalFolders are where the journal lies (systemd-journald.service(8)).
var journalFolders = []string{"/var/log/journal", "/run/log/journal"}

// journals are the journal of a node: of the machine itself for its own root, else the
// files below the root.
func (p *program) journals(s *logSources, t *inventory.Tree, root string, units []string) []logSource {
	args := []string{"--no-pager", "--quiet", "--output=export"}
	if !s.since.IsZero() {
		args = append(args, fmt.Sprintf("--since=@%d", s.since.Unix()))
	}
	if s.follow {
		args = append(args, "--follow", "--no-tail")
	}
	for _, u := range units {
		args = append(args, "--unit="+u)
	}
	own := root == hostRoot
	var folders []string
	for _, dir := range journalFolders {
		if _, isDir := t.Look(dir); isDir {
			folders = append(folders, dir)
		}
	}
	program, err := exec.LookPath(journalProgram)
	switch {
	case err != nil && (own || len(folders) > 0):
		s.note("the journal was not read: there is no %s on this machine", journalProgram)
	case err != nil:
	case own && len(folders) > 0:
		return []logSource{p.journal(s, journalProgram, program, args)}
	default:
		var out []logSource
		for _, dir := range folders {
			if host, err := t.Host(dir); err == nil {
				out = append(out, p.journal(s, s.shown(dir), program, append([]string{"--directory=" + host}, args...)))
			}
		}
		return out
	}
	return nil
}

// journal is what a run of journalctl prints.
func (p *program) journal(s *logSources, name, program string, args []string) logSource {
	return logSource{name: name, open: func() (io.ReadCloser, error) { return p.openJournal(program, args, s.follow) }}
}

// journalRun is a run of journalctl whose failure is the error at its end.
type journalRun struct {
	io.Reader
	cmd        *exec.Cmd
	complaints *tail
	stop       context.CancelFunc
	ctx        context.Context
	// end is the error at its end; nil before that.
	end error
}

func (p *program) openJournal(program string, args []string, follow bool) (io.ReadCloser, error) {
	ctx, stop := context.WithCancel(context.Background())
	if !follow {
		ctx, stop = context.WithTimeout(ctx, journalTime)
	}
	r := &journalRun{cmd: exec.CommandContext(ctx, program, args...), complaints: &tail{}, stop: stop, ctx: ctx}
	r.cmd.Env = append(os.Environ(), "LC_ALL=C", "SYSTEMD_COLORS=0", "SYSTEMD_LOG_LEVEL=err")
	r.cmd.Stderr = r.complaints
	r.cmd.WaitDelay = endsWithin
	out, err := r.cmd.StdoutPipe()
	if err == nil {
		err = r.cmd.Start()
	}
	if err != nil {
		stop()
		return nil, fmt.Errorf("%s cannot be started: %w", journalProgram, err)
	}
	r.Reader = &interruptible{Reader: out, interrupted: p.interrupted}
	return r, nil
}

func (r *journalRun) Read(b []byte) (int, error) {
	if r.end != nil {
		return 0, r.end
	}
	n, err := r.Reader.Read(b)
	if errors.Is(err, io.EOF) {
		r.end = err
		ended := r.cmd.Wait()
		switch {
		case errors.Is(r.ctx.Err(), context.DeadlineExceeded):
			r.end = fmt.Errorf("%s took longer than %s; a later --since takes less", journalProgram, journalTime)
		case ended != nil:
			r.end = fmt.Errorf("%s failed: %s", journalProgram, strings.TrimSpace(ended.Error()+" "+r.complaints.String()))
		}
		return n, r.end
	}
	return n, err
}

// Close ends the run.
func (r *journalRun) Close() error {
	r.stop()
	if r.end == nil {
		r.end = io.EOF
		_ = r.cmd.Wait() // it was ended
	}
	return nil
}
