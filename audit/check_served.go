package audit

import (
	"certaudit/audit/inventory"
	"cmp"
	"fmt"
	"slices"
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

func reloadWords(component string) string {
	p, _ := inventory.ProgramNamed(component)
	return cmp.Or(p.Reload, "It reads the file at its start.")
}

func checkServedUnreachable(p *pass) {
	for _, s := range p.inv.Served {
		if s.Undialled {
			p.unjudged("%s was not asked at %s, which means the node that was copied or is not an address of this machine: --probe=anywhere asks from here", s.Component, s.Where())
			continue
		}
		p.examine()
		if s.Error != "" {
			p.report(finding{component: s.Component, at: parsers.Origin{Path: s.Path, Field: s.Component + " at " + s.Where()},
				message: fmt.Sprintf("%s was not reached at %s: %s; what it serves was not compared", s.Component, s.Where(), s.Error),
				remedy:  remedy{"# is it running? crictl ps -a --name " + s.Component}})
		}
	}
}

// checkServedStale reports once for each process, whose restart fixes all.
func checkServedStale(p *pass) {
	stale := map[string][]inventory.Reference{}
	for _, ref := range p.inv.References {
		once, known := p.readsOnce(ref)
		switch {
		case !once && known || !p.isStale(ref):
		case !known:
			p.unjudged("the version of %s is not known, and with it whether %s is read again", ref.Component, ref.Path)
		case !slices.ContainsFunc(stale[ref.Component], func(r inventory.Reference) bool { return r.Path == ref.Path }):
			stale[ref.Component] = append(stale[ref.Component], ref)
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

// readsOnce reports whether the component reads the file of a reference at its
// start only. Of a kubeconfig that names files instead of holding a certificate,
// those are read again. known is false where that depends on its version, which is not
// known.
func (n *node) readsOnce(ref inventory.Reference) (once, known bool) {
	program, _ := inventory.ProgramNamed(ref.Component)
	f, ok := program.Flag(ref.Name)
	if !ok || !f.ReadOnce {
		return false, true
	}
	if rereads := (Interval{Since: f.Rereads}); f.Rereads != "" {
		c, _ := n.inv.Component(ref.Component)
		versions := n.versionsOf(c)
		once = versions.known() && rereads.startsAfter(versions.high)
		return once, once || versions.known() && !rereads.startsAfter(versions.low)
	}
	if ref.Holds != inventory.HoldsKubeconfig {
		return true, true
	}
	_, user, ok := n.inv.Kubeconfigs[ref.Path].Current()
	return ok && !user.CertificateData.IsZero(), true
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
