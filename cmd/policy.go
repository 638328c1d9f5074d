package cmd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"certaudit/audit"
	"certaudit/report"
)

// policyVariable is the environment variable that names a policy.
const policyVariable = "CERTAUDIT_CONFIG"

// fromFlag is who named the policy where the flag did.
const fromFlag = "--config"

// policyUsage is the usage of --config where all of the policy counts.
const policyUsage = "read the policy from this `FILE`: thresholds, severities, waivers, more requirements"

// policyPlaces are where the policy is that no flag names. The zero value has none.
type policyPlaces struct {
	// environment looks a variable up; nil for none.
	environment func(string) (string, bool)
	// file is read if it is there; "" for none.
	file string
}

// machine has the places of the machine that the program runs on; tests have others. On
// Windows a folder below the root of a drive can be made by every user, and so no file is
// taken from there unasked.
var machine = func() policyPlaces {
	p := policyPlaces{environment: os.LookupEnv}
	if runtime.GOOS != "windows" {
		p.file = "/etc/certaudit/certaudit.yaml"
	}
	return p
}()

// policyFile is the value of --config, and where the policy is without it.
type policyFile struct {
	name   string
	given  bool
	places policyPlaces
}

// String returns the file that the flag names.
func (f *policyFile) String() string { return f.name }

// Set takes the value of the flag; "" is for no policy.
func (f *policyFile) Set(name string) error {
	f.name, f.given = name, true
	return nil
}

// Type is what the flag's value is called where its usage does not say so.
func (f *policyFile) Type() string { return "string" }

// register adds the flag; usage says what the policy is for.
func (f *policyFile) register(c *cobra.Command, places policyPlaces, usage string) {
	f.places = places
	c.Flags().Var(f, "config", usage+" (default: that of "+policyVariable+", else /etc/certaudit/certaudit.yaml if it is there; --config= for none)")
}

// chosen is the file to read, and who named it: the flag, else the variable, else the
// default place; "" for none. What is there and cannot be looked at is chosen: the error
// is that of reading it.
func (f *policyFile) chosen() (name, from string) {
	if f.given {
		return f.name, fromFlag
	}
	if f.places.environment != nil {
		if name, ok := f.places.environment(policyVariable); ok {
			return name, policyVariable
		}
	}
	if f.places.file == "" {
		return "", ""
	}
	if _, err := os.Lstat(f.places.file); errors.Is(err, fs.ErrNotExist) {
		return "", ""
	}
	return f.places.file, audit.PolicyFromDefault
}

// read reads the policy from a file that open opens; nil for none.
func (f *policyFile) read(open func(string) (*os.File, error)) (*audit.Policy, error) {
	name, from := f.chosen()
	if name == "" {
		return nil, nil
	}
	policy, err := readPolicy(name, open)
	if err != nil {
		return nil, fmt.Errorf("%w\nit is the policy %s; --config= audits without one", err, report.PolicyFrom(from))
	}
	policy.From = from
	return policy, nil
}

func readPolicy(name string, open func(string) (*os.File, error)) (*audit.Policy, error) {
	h, err := open(name)
	if err != nil {
		return nil, fmt.Errorf("cannot read the policy %w", ofFile(name, err))
	}
	defer h.Close()
	data, err := readBounded(name, h, audit.MaxPolicyBytes)
	if err != nil {
		return nil, fmt.Errorf("cannot read the policy %w", err)
	}
	policy, err := audit.ParsePolicy(name, data)
	if err != nil {
		return nil, fmt.Errorf("the policy cannot be used: %w", err)
	}
	return policy, nil
}

// tellPolicy says on the error stream by which policy was audited: for an output that has
// no place for it. The program's name is not before it, as it is before an error: whoever
// looks for that, such as collect on another machine, finds it behind.
func (p *program) tellPolicy(policy *audit.PolicyFile) {
	if policy != nil {
		fmt.Fprint(p.stderr, report.PolicyLine(policy))
	}
}
