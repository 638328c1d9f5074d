package audit

import (
	"bytes"
	"certaudit/audit/inventory"
	"crypto/x509"
	"fmt"
	"iter"
	"path"
	"regexp"
	"slices"
	"sync"
	"time"

	"certaudit/parsers"
)

const (
	// clockSkew is by how much the clocks of machines differ that nobody looks after.
	clockSkew = 10 * time.Minute
	// rotationShare is the part of its life after which a rotating kubelet has
	// replaced its certificate (client-go util/certificate: between 70 % and 90 %).
	rotationShare = 0.9
)

func checkExpired(p *pass) {
	for _, path := range p.foreign {
		p.unjudged("%s speaks of other clusters as well, which were not judged", path)
	}
	kept := sync.OnceValue(p.keptFiles)
	for e := range p.everyPlace() {
		p.examine()
		if !e.expired(p.now) {
			continue
		}
		f := finding{severity: p.softenDates(e, Critical), remedy: p.renewAt(e),
			message: fmt.Sprintf("expired on %s, %s ago; it must be renewed", instant(e.cert.NotAfter), roughly(p.now.Sub(e.cert.NotAfter)))}
		if f.severity == Info && e.role.name == inventory.RoleKubeletSelf {
			f.message = fmt.Sprintf("expired on %s, %s ago; nothing here verifies what the kubelet made for itself", instant(e.cert.NotAfter), roughly(p.now.Sub(e.cert.NotAfter)))
			f.remedy = remedy{"# nothing fails because of it; the kubelet makes another pair at its start where there is none", command("rm -f -- %s %s", e.place.Path, p.keyPath(e)), p.restartKubelet()}
		}
		if p.superseded(e) {
			f.severity = Info
			f.message = fmt.Sprintf("expired on %s; a valid CA stands beside it and nothing needs this one", instant(e.cert.NotAfter))
			f.remedy = remedy{"# remove the certificate from " + e.place.Path}
		}
		if why := kept().why(e); why != "" {
			f.severity, f.remedy = Info, remedy{"# leave it to whoever keeps the folder"}
			f.message = fmt.Sprintf("expired on %s; %s", instant(e.cert.NotAfter), why)
		}
		p.reportEntry(e, f)
	}
}

// keptFiles are what programs keep of certificates that nothing shows any more.
type keptFiles struct {
	n *nodeAudit
	// stores are the folders with the CAs that OpenSSL finds by the hashes of their names.
	stores map[string]bool
	// versions are the certificates of files that are kept beside those that took their place, by
	// their folder and what the names of all versions have in common.
	versions map[[2]string][]*entry
}

var (
	// hashed is how OpenSSL looks for a CA in a folder (openssl-rehash(1)).
	hashed = regexp.MustCompile(`^[0-9a-f]{8}\.[0-9]+$`)
	// versioned are the names of which all versions stay: certbot's archive (certbot storage.py),
	// and what the kubelet rotates (client-go util/certificate FileStore).
	versioned = regexp.MustCompile(`^((?:cert|chain|fullchain)[0-9]+|kubelet-(?:client|server)-[0-9-]+)\.pem$`)
	digits    = regexp.MustCompile(`[0-9]+`)
)

func (p *pass) keptFiles() keptFiles {
	k := keptFiles{p.nodeAudit, map[string]bool{}, map[[2]string][]*entry{}}
	for name := range p.inv.Files {
		if hashed.MatchString(path.Base(name)) {
			k.stores[path.Dir(name)] = true
		}
	}
	for e := range p.decoded((*entry).isFile) {
		if of, ok := k.version(e); ok {
			k.versions[of] = append(k.versions[of], e)
		}
	}
	return k
}

// isFile reports whether nothing names the file of an entry.
func (e *entry) isFile() bool {
	return e.component == inventory.ComponentFile && e.place.Field == ""
}

// version is where all versions of a file lie, which a link may lead to, and what their names
// have in common.
func (k keptFiles) version(e *entry) (of [2]string, ok bool) {
	dir, base := path.Split(k.n.inv.Files[e.place.Path].Resolved)
	return [2]string{dir, digits.ReplaceAllString(base, "")}, versioned.MatchString(base)
}

// why says why nothing shows a certificate, or needs it; "" where something may.
func (k keptFiles) why(e *entry) string {
	if !e.isFile() {
		return ""
	}
	if of, ok := k.version(e); ok {
		for _, other := range k.versions[of] {
			if other.index == e.index && other.cert.NotBefore.After(e.cert.NotBefore) && !other.expired(k.n.now) && bytes.Equal(other.cert.RawSubject, e.cert.RawSubject) {
				return other.place.Path + " took its place"
			}
		}
	}
	if !e.role.isCA() || !k.stores[path.Dir(e.place.Path)] {
		return ""
	}
	for leaf := range k.n.decoded((*entry).isLeaf) {
		if k.n.maybeSigned(e.cert.Certificate, leaf.cert.Certificate) {
			return ""
		}
	}
	return "it is one of the CAs of a trust store, and signed nothing in view"
}

// everyPlace yields every certificate, and the copies of CAs in kubeconfigs that
// stand in no file of a CA any more: each place has to be changed.
func (n *node) everyPlace() iter.Seq[*entry] {
	files := map[string]bool{}
	for e := range n.decoded(func(e *entry) bool { return e.role.isCA() && !e.role.fallback }) {
		files[e.cert.SHA256()] = true
	}
	return func(yield func(*entry) bool) {
		for e := range n.decoded(anyEntry) {
			if !yield(e) {
				return
			}
		}
		for _, e := range n.copies {
			if !files[e.cert.SHA256()] && !yield(e) {
				return
			}
		}
	}
}

// renewAt is renew for the certificate at a place: an old copy of a CA gives way to
// the newer certificate of that CA.
func (n *nodeAudit) renewAt(e *entry) remedy {
	if e.role.fallback {
		for ca := range n.decoded(func(ca *entry) bool { return clusterCAs[ca.role.name] && !ca.expired(n.now) }) {
			if string(ca.cert.RawSubjectPublicKeyInfo) == string(e.cert.RawSubjectPublicKeyInfo) && ca.cert.NotAfter.After(e.cert.NotAfter) {
				return n.trust(e.place, ca.place.Path)
			}
		}
	}
	return n.renew(e.role)
}

// softenDates lowers the severity of dates that are wrong by as much as they matter
// less. The kubelet never renews the certificate that it made for itself, so that
// those of every older cluster are over, and only who verifies kubelets looks.
func (n *node) softenDates(e *entry, s Severity) Severity {
	switch e.role.name {
	case inventory.RoleControllerServe, inventory.RoleSchedulerServe:
		if isKept(e) || s == Info {
			return Info // it was made by its server, and nobody can verify it
		}
		return Warning // nothing of Kubernetes verifies them, and monitoring may
	case inventory.RoleKubeletSelf:
	default:
		return e.role.soften(s)
	}
	if _, verified := kubeletVerifier(n.inv); verified {
		return s
	}
	return Info
}

// isKept reports whether nothing names a certificate and its server has kept it in its
// --cert-dir, where it puts the one that it makes itself.
func isKept(e *entry) bool {
	return !slices.ContainsFunc(e.refs, func(r *inventory.Reference) bool { return r.Name != "cert-dir" })
}

func (e *entry) expired(now time.Time) bool { return now.After(e.cert.NotAfter) }

// superseded reports whether a CA of a bundle could be left out: another one of
// the bundle is valid for longer, and no certificate in view was signed by this
// one alone.
func (n *nodeAudit) superseded(e *entry) bool {
	if !e.role.isCA() {
		return false
	}
	var longer []*x509.Certificate
	for _, c := range e.all {
		if c.NotAfter.After(e.cert.NotAfter) && !n.now.After(c.NotAfter) {
			longer = append(longer, c.Certificate)
		}
	}
	if len(longer) == 0 {
		return false
	}
	for leaf := range n.decoded((*entry).isLeaf) {
		if n.maybeSigned(e.cert.Certificate, leaf.cert.Certificate) && !slices.ContainsFunc(longer, func(ca *x509.Certificate) bool { return n.signed(ca, leaf.cert.Certificate) }) {
			return false
		}
	}
	return true
}

func checkExpiring(p *pass) {
	kept := sync.OnceValue(p.keptFiles)
	for e := range p.everyPlace() {
		if e.expired(p.now) || p.rotationOverdue(e) {
			continue
		}
		p.examine()
		severity := p.windowOf(e).severity(e.cert.Certificate, p.now)
		if severity == "" {
			continue
		}
		expires := fmt.Sprintf("expires on %s, in %s; ", instant(e.cert.NotAfter), roughly(e.cert.NotAfter.Sub(p.now)))
		f := finding{severity: p.softenDates(e, severity), remedy: p.renewAt(e), message: expires + "renew it before"}
		if f.severity == Info && e.role.name == inventory.RoleKubeletSelf {
			f.message = expires + "nothing here verifies what the kubelet made for itself"
			f.remedy = remedy{"# nothing fails because of it; the kubelet makes another pair at its start where there is none"}
		}
		if p.superseded(e) {
			f.severity = Info
			f.message += ", or let it go: another CA stands beside it and nothing needs this one"
		}
		if why := kept().why(e); why != "" {
			f.severity, f.remedy = Info, remedy{"# leave it to whoever keeps the folder"}
			f.message = expires + why
		}
		p.reportEntry(e, f)
	}
}

// windowOf is the role's window, or that of any leaf for a kubelet certificate
// that nothing rotates; it is as long as [Options] ask for, unless the kubelet
// renews the certificate before.
func (n *nodeAudit) windowOf(e *entry) window {
	base := e.role.window
	if base == rotatedWindow && !n.rotates(e) {
		base = leafWindow
	}
	w := n.policy.windowFor(e.role, base)
	if !n.rotates(e) {
		w.ahead = n.within
	}
	return w
}

// severity is what the remaining time of a certificate is worth; empty where
// there is enough.
func (w window) severity(c *x509.Certificate, now time.Time) Severity {
	left, lefts := c.NotAfter.Sub(now), w.lefts(c)
	switch {
	case left < lefts[0]:
		return Critical
	case left < lefts[1]:
		return Warning
	}
	return ""
}

// lefts are what is left of a certificate when it becomes critical, and when a warning.
func (w window) lefts(c *x509.Certificate) [2]time.Duration {
	life := c.NotAfter.Sub(c.NotBefore)
	within := func(days int, share float64) time.Duration {
		return min(time.Duration(days)*24*time.Hour, time.Duration(share*float64(life)))
	}
	return [2]time.Duration{within(w.criticalDays, w.criticalShare), max(within(w.warnDays, w.warnShare), w.ahead)}
}

// rotates reports whether the kubelet itself replaces a certificate.
func (n *node) rotates(e *entry) bool {
	on := func(setting string) bool { return n.inv.Setting("kubelet", setting).Value == "true" }
	switch path.Base(e.place.Path) {
	case "kubelet-client-current.pem":
		return e.role.name == inventory.RoleKubeletClient && on("rotate-certificates")
	case "kubelet-server-current.pem":
		return e.role.name == inventory.RoleKubeletServing && on("rotate-server-certificates")
	}
	return false
}

func (n *nodeAudit) rotationOverdue(e *entry) bool {
	if !n.rotates(e) || e.index > 0 || e.expired(n.now) {
		return false
	}
	return n.now.After(rotationDue(e.cert.Certificate))
}

// rotationDue is when the kubelet should have rotated a certificate.
func rotationDue(c *x509.Certificate) time.Time {
	return c.NotBefore.Add(time.Duration(rotationShare * float64(c.NotAfter.Sub(c.NotBefore))))
}

func checkRotationOverdue(p *pass) {
	for e := range p.decoded(p.rotates) {
		p.examine()
		if !p.rotationOverdue(e) {
			continue
		}
		severity := p.windowOf(e).severity(e.cert.Certificate, p.now)
		if severity != Critical {
			severity = Warning
		}
		p.reportEntry(e, finding{severity: severity, message: fmt.Sprintf(
			"is past 90 %% of its life and was not rotated; it expires on %s, in %s", instant(e.cert.NotAfter), roughly(e.cert.NotAfter.Sub(p.now))),
			remedy: remedy{
				"# the kubelet's log says why the renewal does not come through: " + p.logOf(inventory.Kubelet) + " | grep -i certificate",
				"# and so does kubectl get csr: one that is pending has to be approved; where there is none, look at kube-controller-manager",
			}})
	}
}

func checkNotYetValid(p *pass) {
	for e := range p.decoded(anyEntry) {
		p.examine()
		left := e.cert.NotBefore.Sub(p.now)
		if left <= 0 {
			continue
		}
		f := finding{severity: p.softenDates(e, Critical),
			message: fmt.Sprintf("is not valid before %s, in %s", instant(e.cert.NotBefore), roughly(left)),
			remedy:  append(remedy{"# see whether this node's clock is right (timedatectl); if it is, the issuer's was not:"}, p.renew(e.role)...)}
		if left <= clockSkew {
			f.severity = p.softenDates(e, Warning)
			f.message = fmt.Sprintf("is not valid before %s, in %s, and is refused until then: this node's clock is behind, or that of the issuer was ahead", instant(e.cert.NotBefore), roughly(left+time.Minute-1))
			f.remedy = remedy{"# see whether this node's clock is right (timedatectl); if it is, wait"}
		}
		p.reportEntry(e, f)
	}
}

// outliveGrace is how much longer than its CA a certificate may last: those of
// one guide are made with the same -days on one day or the next.
const outliveGrace = 7 * 24 * time.Hour

func checkOutlivesIssuer(p *pass) {
	cas := p.authoritiesByName()
	for e := range p.decoded((*entry).isLeaf) {
		if e.role.name == inventory.RoleKubeletSelf || e.role.name == inventory.RoleTokenVerifier {
			continue
		}
		var last parsers.Certificate
		for _, ca := range cas[string(e.cert.RawIssuer)] {
			if p.signed(ca.Certificate, e.cert.Certificate) && (last.Certificate == nil || ca.NotAfter.After(last.NotAfter)) {
				last = ca
			}
		}
		if last.Certificate == nil || p.now.After(last.NotAfter) {
			continue
		}
		p.examine()
		if e.cert.NotAfter.Sub(last.NotAfter) > outliveGrace {
			p.reportEntry(e, finding{severity: e.role.soften(Warning),
				message: fmt.Sprintf("ends on %s, after its CA %q (%s), which ends on %s: from then on it verifies no more",
					instant(e.cert.NotAfter), last.Subject.CommonName, last.Origin.Path, instant(last.NotAfter)),
				remedy: remedy{"# replace the CA first: https://kubernetes.io/docs/tasks/tls/manual-rotation-of-ca-certificates/"}})
		}
	}
}

// authorities are the distinct certificates of the node that stand in a CA's
// place, in the order of the table.
func (n *node) authorities() []parsers.Certificate {
	var out []parsers.Certificate
	seen := map[string]bool{}
	for e := range n.decoded(func(e *entry) bool { return e.role.isCA() }) {
		if sum := e.cert.SHA256(); !seen[sum] {
			seen[sum] = true
			out = append(out, *e.cert)
		}
	}
	return out
}
