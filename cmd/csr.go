package cmd

import (
	"certaudit/audit/inventory"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"certaudit/audit"
	"certaudit/parsers"
	"certaudit/report"
)

// requestFlags are the flags of certaudit csr.
type requestFlags struct {
	auditFlags
	// ca is the file of the signing CA.
	ca string
	// rootGiven says that somebody wrote --root, and so expects a
	// kube-controller-manager there.
	rootGiven bool
}

func (p *program) csrCommand() *cobra.Command {
	var f requestFlags
	c := &cobra.Command{
		Use:   "csr [FILE...|-]",
		Short: "Judge certificate signing requests before they are approved, and what was issued",
		Long: `Read CertificateSigningRequest objects as kubectl get csr prints them (YAML or
JSON, single ones, lists, several documents), folders of manifests, and bare
requests in PEM or DER, from files or from the standard input. Say of each who
asks for what, whether its signer would sign it, whether it should be approved,
and whether what was issued is what was asked for.

Node objects among the input tell the addresses that a kubelet's serving request
may have. A kube-controller-manager below --root tells the CA that signs, for how
long, and whether anything signs at all.`,
		Example: `  kubectl get csr,nodes -o yaml | certaudit csr
  certaudit csr jane.yaml --fail-on critical && kubectl apply -f jane.yaml
  kubectl get csr -o json | certaudit csr - --ca /etc/kubernetes/pki/ca.crt -o json
  openssl req -new -key jane.key -subj /CN=jane | certaudit csr`,
		RunE: func(c *cobra.Command, args []string) error {
			f.paths, f.rootGiven = args, c.Flags().Changed("root")
			return p.csr(f)
		},
	}
	flags := c.Flags()
	f.registerRoot(c, "take the kube-controller-manager of the node whose file system lies below `DIR`")
	flags.StringVar(&f.ca, "ca", "", "hold issued certificates against the signing CA in this `FILE` (default: that of the kube-controller-manager)")
	f.registerReport(c, report.RequestFormats())
	f.registerView(c)
	f.registerGate(c, p.places)
	return c
}

func (p *program) csr(f requestFlags) error {
	o, err := f.options(p.now())
	if err != nil {
		return err
	}
	outputs, err := p.openOutputs(f.auditFlags, report.LookupRequests)
	if err != nil {
		return err
	}
	in, err := p.gatherRequests(f)
	if err != nil {
		return err
	}
	node, err := f.signing()
	if err != nil {
		return err
	}
	r := audit.RunRequests(in, node, o)
	if err := outputs.write(r); err != nil {
		return exit{exitIncomplete, err.Error()}
	}
	switch {
	case f.writeBaseline != "":
		return p.saveBaseline(f.writeBaseline, r)
	case r.IsEmpty():
		return exit{exitIncomplete, "no certificate signing requests were found"}
	}
	return f.verdict(r)
}

// gatherRequests reads the files, or the standard input where none is named.
func (p *program) gatherRequests(f requestFlags) (*inventory.RequestInventory, error) {
	paths := f.paths
	if len(paths) == 0 {
		if isTerminal(p.stdin) {
			return nil, errors.New("name a FILE, or pipe something in: kubectl get csr -o yaml | certaudit csr")
		}
		paths = []string{"-"}
	}
	in, err := inventory.GatherRequests(workingFolder(), paths, p.stdin)
	if err != nil || f.ca == "" {
		return in, err
	}
	data, err := readConfig(f.ca, inventory.MaxFileBytes)
	if err != nil {
		return nil, fmt.Errorf("cannot read the CA %w", err)
	}
	in.Authorities = parsers.ParseMaterial(parsers.Origin{Path: f.ca}, data).Certificates
	clear(data)
	if len(in.Authorities) == 0 {
		return nil, fmt.Errorf("%q holds no certificate that --ca could take", f.ca)
	}
	return in, nil
}

func isTerminal(r io.Reader) bool {
	file, ok := r.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// signing reads the kube-controller-manager's side; nil where there is none and
// nobody said that there is one.
func (f requestFlags) signing() (*inventory.Inventory, error) {
	node, err := inventory.GatherSigning(f.roots[0])
	switch {
	case err != nil && f.rootGiven:
		return nil, err
	case err != nil:
		return nil, nil
	case node == nil && f.rootGiven:
		return nil, fmt.Errorf("no kube-controller-manager was found below %q; give --root the folder that holds the etc of a control-plane node", f.roots[0])
	}
	return node, nil
}
