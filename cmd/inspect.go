package cmd

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"certaudit/audit"
	"certaudit/parsers"
	"certaudit/report"
)

// passwordVariable is the environment variable with the password of a key store.
const passwordVariable = "CERTAUDIT_PASSWORD"

// inspectFlags are the flags of certaudit inspect.
type inspectFlags struct {
	at, output, expect, passwordFile, ca, serverName string
	noColor                                          bool
	overrides                                        audit.Overrides
}

func (p *program) inspectCommand() *cobra.Command {
	var f inspectFlags
	c := &cobra.Command{
		Use:   "inspect FILE|HOST:PORT|- ...",
		Short: "Show everything in files, or what endpoints serve",
		Long: `Show every certificate, request and key in files of any kind: PEM, DER, a bundle,
PKCS#12 and Java key stores, a kubeconfig, Kubernetes objects; or, of HOST:PORT or
an https URL, what is served there. Of each: names, issuer, dates, key, signature,
purposes, fingerprints; then how they make a chain, and which key belongs to which.
Private keys are never printed. Of several files each is shown under its name, or, with
-o json, in a list.

The password of a key store is taken from --password-file, from the environment
variable ` + passwordVariable + `, or asked for on the terminal.

Exit codes: 0; 1 if --expect finds something at warning or above; 2 wrong usage;
3 if nothing was found or part of it cannot be read.`,
		Example: `  certaudit inspect /etc/kubernetes/pki/apiserver.crt
  certaudit inspect api.example.org:6443 --ca ca.crt
  certaudit inspect apiserver.crt --expect kube-apiserver/serving --kubernetes-version 1.34
  kubectl get secret web -o yaml | certaudit inspect -`,
		Args: arguments(1, math.MaxInt),
		RunE: func(_ *cobra.Command, args []string) error { return p.inspect(args, f) },
	}
	flags := c.Flags()
	flags.StringVar(&f.at, "at", "", "count days from this `TIME`, RFC 3339 or a date (default now)")
	flags.StringVarP(&f.output, "output", "o", report.InspectionFormats()[0], "`FORMAT`: "+strings.Join(report.InspectionFormats(), ", "))
	flags.StringVar(&f.expect, "expect", "", "hold the certificate against the requirements of this `ROLE`")
	flags.StringVar(&f.overrides.KubernetesVersion, "kubernetes-version", "", "with --expect, the requirements of this `VERSION` (default: those of all)")
	flags.StringVar(&f.overrides.Profile, "profile", audit.ProfileKubeadm, "with --expect, the requirements of this `PROFILE`: "+strings.Join(audit.Profiles(), ", "))
	flags.StringVar(&f.passwordFile, "password-file", "", "read the password of a key store from this `FILE`")
	flags.StringVar(&f.ca, "ca", "", "verify an endpoint against the certificates of this `FILE` (default: the system's roots)")
	flags.StringVar(&f.serverName, "server-name", "", "ask an endpoint for this `NAME`, and verify it (default: the host)")
	flags.BoolVar(&f.noColor, "no-color", false, "no colours, as with the environment variable NO_COLOR")
	complete(c, "output", report.InspectionFormats())
	complete(c, "expect", roles())
	complete(c, "profile", audit.Profiles())
	return c
}

// roles are those that the requirement table knows, each once.
func roles() []string {
	var out []string
	for _, r := range audit.DefaultRequirements().Rows {
		if len(out) == 0 || out[len(out)-1] != r.Role {
			out = append(out, r.Role)
		}
	}
	return out
}

func (p *program) inspect(args []string, f inspectFlags) error {
	at, err := parseTime(f.at, p.now())
	if err != nil {
		return err
	}
	if err := f.overrides.Validate(); err != nil {
		return err
	}
	p.tellVersion(f.overrides)
	if err := report.WriteInspections(io.Discard, f.output, nil, report.Options{}); err != nil {
		return err
	}
	if slices.Contains(args[slices.Index(args, stdinName)+1:], stdinName) {
		return errors.New("the standard input can be read once only; give one -")
	}
	var all []*audit.Inspection
	for _, arg := range args {
		i, err := p.inspected(arg, f, at)
		if err == nil && f.expect != "" {
			err = i.Expect(f.expect, audit.Options{Overrides: f.overrides})
		}
		var unread exit
		switch {
		case errors.As(err, &unread) && len(args) > 1: // the others are shown
			i = audit.Uninspected(arg, unread.message, at)
		case err != nil:
			return err
		}
		all = append(all, i)
	}
	b := bufio.NewWriter(p.stdout)
	if err := wrote("what was found", b, report.WriteInspections(b, f.output, all, terminal(p.stdout, f.noColor))); err != nil {
		return err
	}
	return verdictOf(all)
}

// verdictOf is the exit code of what was inspected, as an error.
func verdictOf(all []*audit.Inspection) error {
	lost := false
	for _, i := range all {
		if (audit.Result{Findings: i.Findings}).AtOrAbove(audit.Warning) > 0 {
			return exit{code: exitFindings}
		}
		lost = lost || len(i.Problems) > 0 || len(i.Items) == 0
	}
	if lost {
		return exit{code: exitIncomplete}
	}
	return nil
}

// inspected looks at a file, at the standard input or, where there is no such
// file, at an endpoint.
func (p *program) inspected(arg string, f inspectFlags, at time.Time) (*audit.Inspection, error) {
	_, missing := os.Stat(arg)
	address, isAddress := audit.EndpointAddress(arg)
	if isAddress && missing != nil {
		return p.inspectEndpoint(address, f, at)
	}
	if f.ca != "" || f.serverName != "" {
		return nil, fmt.Errorf("--ca and --server-name are for an endpoint, and %q is a file", arg)
	}
	data, err := p.readInspected(arg)
	if err != nil {
		return nil, exit{exitIncomplete, err.Error()}
	}
	defer clear(data)
	return audit.Inspect(arg, data, func() (string, error) { return p.password(f.passwordFile) }, at), nil
}

func (p *program) inspectEndpoint(address string, f inspectFlags, at time.Time) (*audit.Inspection, error) {
	var roots []*x509.Certificate
	name := "the system's roots"
	if f.ca != "" {
		data, err := readConfig(f.ca, audit.MaxInspected)
		if err != nil {
			return nil, fmt.Errorf("cannot read the CA %w", err)
		}
		for _, c := range parsers.ParseMaterial(parsers.Origin{Path: f.ca}, data).Certificates {
			roots = append(roots, c.Certificate)
		}
		if name = f.ca; len(roots) == 0 {
			return nil, fmt.Errorf("%q holds no certificate", f.ca)
		}
	}
	return audit.InspectEndpoint(context.Background(), address, f.serverName, roots, name, at), nil
}

func (p *program) readInspected(arg string) ([]byte, error) {
	r := p.stdin
	if arg != stdinName {
		info, err := os.Stat(arg)
		if err != nil {
			return nil, fmt.Errorf("cannot read %w", ofFile(arg, err))
		}
		if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%q is not a regular file; give the files one by one, or use certaudit audit", arg)
		}
		h, err := os.Open(arg)
		if err != nil {
			return nil, fmt.Errorf("cannot read %w", ofFile(arg, err))
		}
		defer h.Close()
		r = h
	}
	data, err := io.ReadAll(io.LimitReader(r, audit.MaxInspected+1))
	if err == nil && len(data) > audit.MaxInspected {
		err = fmt.Errorf("%q is larger than %d MiB; of Kubernetes objects, certaudit audit reads lists of any length", arg, audit.MaxInspected>>20)
	}
	return data, err
}

// maxPasswordBytes bounds a password file.
const maxPasswordBytes = 4096

// passwordOf returns the password in a file that open opens, without the line break at its end.
func passwordOf(file string, open func(string) (*os.File, error)) (string, error) {
	h, err := open(file)
	if err != nil {
		return "", fmt.Errorf("cannot read the password %w", ofFile(file, err))
	}
	defer h.Close()
	data, err := io.ReadAll(io.LimitReader(h, maxPasswordBytes))
	return string(bytes.TrimRight(data, "\r\n")), err
}

// password returns the password of a key store: from a file, without the line
// break at its end, from the environment, or from the terminal.
func (p *program) password(file string) (string, error) {
	if file != "" {
		return passwordOf(file, os.Open)
	}
	if word, ok := os.LookupEnv(passwordVariable); ok {
		return word, nil
	}
	in, ok := p.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return "", errors.New("is a key store: give its password with --password-file or " + passwordVariable)
	}
	fmt.Fprint(p.stderr, "Password: ")
	word, err := term.ReadPassword(int(in.Fd()))
	fmt.Fprintln(p.stderr)
	return string(word), err
}
