//go:build !race

package proof

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"certaudit/audit/inventory"
	"certaudit/fixtures"
)

// distribution is one that starts the components, with what the machine has in place
// of it: where a real one issues its certificates again, those of the sound node are
// put there, of the same CAs.
type distribution struct {
	unit string
	// shown is a path that tells it from another with the same unit; "" for any.
	shown string
	build func(fixtures.Options) *fixtures.Cluster
	// begins is what the paths of the files begin with that it issues at its start.
	begins string
	// rotates: only if its command was run before, while it was stopped.
	rotates bool
}

var distributions = []distribution{
	{"k3s", "/srv/k3s", fixtures.K3sDataDir, "/srv/k3s/", true},
	{"k3s", "/var/lib/rancher/k3s/server/tls/root-ca.pem", fixtures.K3sCustomCA, "/var/lib/rancher/k3s/", true},
	{"k3s", "", fixtures.K3sServer, "/var/lib/rancher/k3s/", true},
	{"k3s-agent", "", fixtures.K3sAgent, "/var/lib/rancher/k3s/agent/", true},
	{"rke2-server", "", fixtures.RKE2Server, "/var/lib/rancher/rke2/", true},
	{"rke2-agent", "", fixtures.RKE2Agent, "/var/lib/rancher/rke2/agent/", true},
	{"k0scontroller", "", fixtures.K0sController, "/var/lib/k0s/pki/", false},
}

// stopped and rotated lie in the proc file system while a unit is stopped, and once
// its certificates are to be issued again.
func stopped(unit string) string { return filepath.Join(procDir, unit+"-stopped") }
func rotated(unit string) string { return filepath.Join(procDir, unit+"-rotated") }

// service does what systemctl does to the unit of a distribution; ok is false for
// another unit.
func service(verb, unit string) (err error, ok bool) {
	i := slices.IndexFunc(distributions, func(d distribution) bool { return d.unit == unit && (d.shown == "" || exists(d.shown)) })
	if i < 0 {
		return nil, false
	}
	d := distributions[i]
	switch verb {
	case "stop":
		return os.WriteFile(stopped(unit), nil, 0o644), true
	case "start", "restart":
		if !d.rotates || exists(rotated(unit)) {
			if err := issue(d.build, d.begins); err != nil {
				return err, true
			}
		}
		for _, c := range inventory.Programs() {
			if err := restarted(procDir, c.Name); err != nil {
				return err, true
			}
		}
		return errors.Join(os.RemoveAll(rotated(unit)), os.RemoveAll(stopped(unit))), true
	}
	return fmt.Errorf("systemctl: %q is not known here", verb), true
}

// issue puts the files of a sound node into place whose paths begin with some text.
func issue(build func(fixtures.Options) *fixtures.Cluster, begins string) error {
	at, err := time.Parse(time.RFC3339, os.Getenv("AT"))
	if err != nil {
		return err
	}
	fixtures.Now, fixtures.Version = at, kubeadmVersion
	for name, f := range build(fixtures.Options{}).Node {
		if f.Link != "" || !strings.HasPrefix(name, begins) {
			continue
		}
		before := time.Now().Add(-time.Second) // whatever starts now has read them
		if err := errors.Join(os.WriteFile(name, f.Data, f.Mode), os.Chtimes(name, before, before)); err != nil {
			return err
		}
	}
	return nil
}

// certificateRotate is "k3s certificate rotate", and RKE2's.
func certificateRotate(args []string) int {
	if len(args) != 4 || args[0] != "certificate" || args[1] != "rotate" || args[2] != "--data-dir" || !exists(args[3]) {
		return failed(fmt.Errorf("certificate rotate: %q is not known here", args))
	}
	for _, d := range distributions {
		if d.rotates && exists(stopped(d.unit)) {
			return failed(os.WriteFile(rotated(d.unit), nil, 0o644))
		}
	}
	return failed(errors.New("certificate rotate: the service runs"))
}

// refreshCerts is "microk8s refresh-certs --cert server.crt".
func refreshCerts(args []string) int {
	if !slices.Equal(args, []string{"refresh-certs", "--cert", "server.crt"}) {
		return failed(fmt.Errorf("microk8s: %q is not known here", args))
	}
	return failed(issue(fixtures.MicroK8s, "/var/snap/microk8s/current/certs/server."))
}
