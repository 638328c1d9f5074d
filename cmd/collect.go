package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"certaudit/audit/inventory"
	"certaudit/report"
)

// collectFlags are the flags of certaudit collect.
type collectFlags struct {
	hosts, nodes string
	nodeNames    bool
	file         string
	parallel     int
	timeout      time.Duration
	config       string
	options      []string
	binaries     []string
	tar          bool
}

// defaultParallel is how many hosts are read at once: an sshd that all connections jump
// over begins to refuse some where more than ten have not logged in yet (sshd_config(5),
// MaxStartups).
const defaultParallel = 8

func (p *program) collectCommand() *cobra.Command {
	var f collectFlags
	c := &cobra.Command{
		Use:   "collect [HOST...]",
		Short: "Take snapshots of many nodes by ssh",
		Long: `Run certaudit snapshot on each HOST by the system's own ssh, with its configuration,
and write the snapshots as one set, which certaudit audit reads. Who is not root on
the host uses sudo -n. Where certaudit is not installed, this program is sent through
the same connection into a temporary folder and removed afterwards. With --tar, no
program is sent or run, and the folders of the node come as an archive out of which
private keys, tokens and passwords were cut before. No private key ever leaves a host.

A host that fails is part of the set, and the audit says so of it. Exit codes: 0 all
hosts were read; 3 some were not.`,
		Example: `  certaudit collect cp-1 cp-2 admin@192.0.2.21 | certaudit audit -
  certaudit collect --hosts hosts.txt -o nodes.json.gz
  kubectl get nodes -o json | certaudit collect --nodes - --ssh-option User=admin -o nodes.json.gz
  certaudit collect --ssh-option ProxyJump=bastion --binary linux/arm64=certaudit-arm64 cp-1`,
		RunE: func(_ *cobra.Command, args []string) error { return p.collect(f, args) },
	}
	flags := c.Flags()
	flags.StringVar(&f.hosts, "hosts", "", "read more hosts from this `FILE`, one on a line, # begins a comment; - is the standard input")
	flags.StringVar(&f.nodes, "nodes", "", "read more hosts from this `FILE` of Node objects, as kubectl get nodes -o json prints them: by their InternalIP; - is the standard input")
	flags.BoolVar(&f.nodeNames, "node-names", false, "reach the hosts of --nodes by their names instead")
	flags.StringVarP(&f.file, "output", "o", "", "write to this `FILE`, compressed if it ends in .gz (default: the standard output)")
	flags.IntVar(&f.parallel, "parallel", defaultParallel, "read this `NUMBER` of hosts at once")
	flags.DurationVar(&f.timeout, "timeout", time.Minute, "give up on a host after this `TIME`")
	flags.StringVarP(&f.config, "ssh-config", "F", "", "have ssh read this `FILE` instead of its own configuration")
	flags.StringArrayVar(&f.options, "ssh-option", nil, "give ssh this `OPTION=VALUE` of ssh_config; may be repeated")
	flags.StringArrayVar(&f.binaries, "binary", nil, "send this program to hosts of a system, as `OS/ARCH=FILE`, such as linux/arm64=certaudit-arm64; may be repeated")
	flags.BoolVar(&f.tar, "tar", false, "run no program on the hosts: copy the folders of a node with sh, awk and tar, without private keys, which are then not judged")
	return c
}

func (p *program) collect(f collectFlags, args []string) error {
	hosts, err := p.hostsOf(f, args)
	if err != nil {
		return err
	}
	c, err := f.collector(p.now)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // who does not want to wait for the end can say so again
	failed := 0
	err = p.saveSnapshots(f.file, func(w io.Writer) error {
		failed, err = p.collectAll(ctx, c, hosts, f.parallel, w)
		return err
	})
	switch {
	case err != nil:
		return unwritten("the snapshots", f.file, err)
	case failed > 0:
		return exit{code: exitIncomplete}
	}
	return nil
}

// collector returns what the flags ask for.
func (f collectFlags) collector(now func() time.Time) (*collector, error) {
	if f.parallel < 1 {
		return nil, fmt.Errorf("--parallel takes a number from 1 on, not %d", f.parallel)
	}
	if f.timeout <= 0 {
		return nil, fmt.Errorf("--timeout takes a time such as 60s, not %s", f.timeout)
	}
	c := &collector{options: slices.Clip(sshOptions), timeout: f.timeout, now: now, script: watched(collectScript, f.timeout), read: onlySnapshot, programs: map[string]string{}}
	if f.tar {
		c.script, c.read = copyCommand(f.timeout), c.onlyCopy
	}
	if own, err := os.Executable(); err == nil {
		c.programs[thisSystem] = own
	}
	for _, b := range f.binaries {
		system, file, ok := strings.Cut(b, "=")
		if os, arch, both := strings.Cut(system, "/"); !ok || !both || os == "" || arch == "" || file == "" {
			return nil, fmt.Errorf("--binary takes OS/ARCH=FILE, such as linux/arm64=certaudit-arm64, not %q", b)
		}
		c.programs[system] = file
	}
	if f.config != "" {
		c.options = append(c.options, "-F", f.config)
	}
	for _, o := range f.options {
		c.options = append(c.options, "-o", o)
	}
	var err error
	if c.ssh, err = exec.LookPath("ssh"); err != nil {
		return nil, exit{exitIncomplete, "there is no ssh on this machine; install the client of OpenSSH"}
	}
	return c, nil
}

// collectAll writes the snapshots of hosts in their order, each as soon as those before
// it are there, and returns how many hosts failed. Once ctx is done, those that are not
// there yet fail at once.
func (p *program) collectAll(ctx context.Context, c *collector, hosts []string, parallel int, w io.Writer) (failed int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	next, ended := make(chan int, len(hosts)), make(chan collected, len(hosts))
	for i := range hosts {
		next <- i
	}
	close(next)
	for range min(parallel, len(hosts)) {
		go func() {
			for i := range next {
				ended <- c.line(ctx, i, hosts[i])
			}
		}()
	}
	show, wipe := p.progressLine()
	defer wipe()
	done, written := make([][]byte, len(hosts)), 0
	for n := range hosts {
		r := <-ended
		if done[r.index] = r.snapshot; r.failure != nil {
			failed++
			wipe()
			fmt.Fprintf(p.stderr, "certaudit: %s\n", report.Message(fmt.Sprintf("%s: %s", hosts[r.index], r.failure)))
		}
		for ; written < len(hosts) && done[written] != nil; written++ {
			if _, err := w.Write(done[written]); err != nil {
				return failed, err
			}
			done[written] = nil
		}
		if show != nil {
			show("%d of %d hosts, %d failed", n+1, len(hosts), failed)
		}
	}
	return failed, nil
}

// collected is what came of a host: the line of a snapshot, which says so of one that
// failed.
type collected struct {
	index    int
	snapshot []byte
	failure  error
}

// line collects a host.
func (c *collector) line(ctx context.Context, index int, host string) collected {
	inv, failure := c.collect(ctx, host)
	if failure != nil {
		inv = inventory.Unreached(host, takenAt(c.now()), fmt.Sprintf("the host %q was not read: %s", host, failure))
	}
	inv.Folder = host
	var b bytes.Buffer
	failure = errors.Join(failure, writeSnapshot(&b, inv))
	return collected{index, b.Bytes(), failure}
}
