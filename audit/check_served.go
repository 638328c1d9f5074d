package audit

import (
	"certaudit/audit/inventory"
	"cmp"
	"fmt"
	"strings"
	"time"

	"certaudit/parsers"
)

func checkServedDiffers(p *pass) {
	for _, s := range p.inv.Served {
		if s.Path == "" || len(s.Certificates) == 0 {
			continue
		}
		disk := p.inv.Materials[s.Path].Certificates
		if len(disk) == 0 {
			continue // files/missing or files/malformed
		}
		p.examine()
		served := s.Certificates[0]
		if served.SHA256() == disk[0].SHA256() {
			continue
		}
		p.report(finding{component: s.Component, at: parsers.Origin{Path: s.Path, Line: disk[0].Origin.Line, Field: s.Component + " at " + s.Where()}, sha256: disk[0].SHA256(),
			message: fmt.Sprintf("%s serves another certificate than this one: serial %s, %q, until %s; expected serial %s, until %s. %s",
				s.Component, served.SerialNumber.Text(16), served.Subject.CommonName, instant(served.NotAfter), disk[0].SerialNumber.Text(16), instant(disk[0].NotAfter), reloadWords(s.Component)),
			remedy: p.restartComponent(s.Component)})
	}
}

// reloads says how a component takes up a new serving certificate. Sources:
// kubernetes#84200, #124574; etcd client/pkg/transport reads the pair at every
// handshake.
var reloads = map[string]string{
	"kube-apiserver":          "It reads the file again every minute: if it still does not, it sees another file, or another process listens there.",
	"kube-controller-manager": "It reads the file again every minute: if it still does not, it sees another file, or another process listens there.",
	"kube-scheduler":          "It reads the file again every minute: if it still does not, it sees another file, or another process listens there.",
	"etcd":                    "It reads the file at every handshake: it sees another file, or another process listens there.",
	"kubelet":                 "It reads the file at its start; only from 1.31 on it takes up a new one by itself.",
}

func reloadWords(component string) string {
	return cmp.Or(reloads[component], "It reads the file at its start.")
}

func checkServedUnreachable(p *pass) {
	for _, s := range p.inv.Served {
		p.examine()
		if s.Error != "" {
			p.report(finding{component: s.Component, at: parsers.Origin{Path: s.Path, Field: s.Component + " at " + s.Where()},
				message: fmt.Sprintf("%s was not reached at %s: %s; what it serves was not compared", s.Component, s.Where(), s.Error),
				remedy:  remedy{"# is it running? crictl ps -a --name " + s.Component}})
		}
	}
}

// readOnce are the files that a component reads at its start only; until is the
// first version that reads them again. Source: the facts of each component's
// options; kubernetes#79083, #84200, #124574; etcd client/pkg/transport.
var readOnce = []struct{ component, name, until string }{
	{"kube-apiserver", "service-account-key-file", ""},
	{"kube-apiserver", "service-account-signing-key-file", ""},
	{"kube-apiserver", "etcd-cafile", ""},
	{"kube-controller-manager", "kubeconfig", ""},
	{"kube-controller-manager", "service-account-private-key-file", ""},
	{"kube-scheduler", "kubeconfig", ""},
	{"kubelet", "tls-cert-file", "1.31"},
	{"etcd", "trusted-ca-file", ""},
	{"etcd", "peer-trusted-ca-file", ""},
}

// checkServedStale reports once for each process, whose restart mends all.
func checkServedStale(p *pass) {
	stale := map[string][]inventory.Reference{}
	for _, row := range readOnce {
		for _, ref := range p.inv.References {
			if ref.Component == row.component && ref.Name == row.name && p.readsOnce(ref, row.until) && p.isStale(ref) {
				stale[row.component] = append(stale[row.component], ref)
			}
		}
	}
	for _, component := range sortedKeys(stale) {
		first, paths := stale[component][0], []string{}
		for _, ref := range stale[component] {
			paths = append(paths, fmt.Sprintf("%s (%s)", ref.Path, instant(p.inv.Files[ref.Path].ModTime)))
		}
		p.report(finding{component: component, at: parsers.Origin{Path: first.Path, Field: first.Label()},
			message: fmt.Sprintf("%s started on %s and reads some files at its start only; it still uses what was there before these were written: %s",
				component, instant(p.started(component)), strings.Join(paths, ", ")),
			remedy: p.restartComponent(component)})
	}
}

// readsOnce leaves out the versions that read the file again, and the
// kubeconfigs that name files instead of holding a certificate.
func (n *node) readsOnce(ref inventory.Reference, until string) bool {
	if until != "" && n.facts.version.Value != "" && !(interval{until: until}).holds(n.facts.version.Value) {
		return false
	}
	if ref.Holds != inventory.HoldsKubeconfig {
		return true
	}
	_, user, ok := n.inv.Kubeconfigs[ref.Path].Current()
	return ok && !user.CertificateData.IsZero()
}

// isStale reports whether a file was written after the process that reads it
// once had started.
func (p *pass) isStale(ref inventory.Reference) bool {
	started, file := p.started(ref.Component), p.inv.Files[ref.Path]
	if started.IsZero() || file.State != inventory.Readable {
		return false
	}
	p.examine()
	return file.ModTime.After(started)
}

// started is when the newest process of a component began; zero if none runs.
func (n *node) started(component string) time.Time {
	var newest time.Time
	for _, process := range n.inv.Processes {
		if process.Component == component && process.Started.After(newest) {
			newest = process.Started
		}
	}
	return newest
}
