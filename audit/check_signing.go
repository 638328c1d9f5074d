package audit

import (
	"certaudit/audit/inventory"
	"cmp"
	"fmt"
	"path"
	"strings"
	"time"

	"certaudit/parsers"
)

// signingPairFiles are the files that one signer signs with; the zero one has none.
type signingPairFiles struct {
	cert, key parsers.Text
	// certs are what the certificate file holds; path is where it lies.
	certs []parsers.Certificate
	path  string
	ref   inventory.Reference
}

// signing is the side of kube-controller-manager in the life of a request.
type signing struct {
	component inventory.Component
	// pairs by the name of the signer.
	pairs map[string]signingPairFiles
	// duration is --cluster-signing-duration; 0 where it cannot be read as one.
	duration time.Duration
	// setting is the flag it is from; the zero Text for the default.
	setting parsers.Text
	// approving and signs say whether these controllers run.
	approving, signs bool
}

const (
	signingFlag     = "cluster-signing-"
	defaultDuration = 365 * 24 * time.Hour
)

// durationFlags are the names of the flag: today's, and that of Kubernetes 1.18
// and before.
var durationFlags = []string{"cluster-signing-duration", "experimental-cluster-signing-duration"}

// signingOf returns the signing side of a node; nil where no
// kube-controller-manager runs on it.
func signingOf(inv *inventory.Inventory) *signing {
	c, ok := inv.Component(inventory.ControllerManager)
	if !ok {
		return nil
	}
	s := &signing{component: c, pairs: map[string]signingPairFiles{}, duration: defaultDuration,
		approving: runsController(c, controllers[0]), signs: runsController(c, controllers[1])}
	for _, name := range durationFlags {
		if t := c.Setting(name); s.setting.IsZero() && !t.IsZero() {
			s.setting = t
			s.duration, _ = time.ParseDuration(t.Value) // 0 where it is none
		}
	}
	for _, signer := range Signers() {
		pair := pairOf(inv, c, signer.flag)
		if pair.cert.Value == "" && pair.key.Value == "" {
			pair = pairOf(inv, c, "")
		}
		s.pairs[signer.Name] = pair
	}
	return s
}

// pairOf returns what the flags of a signer name, "" for those of all signers.
func pairOf(inv *inventory.Inventory, c inventory.Component, signer string) signingPairFiles {
	certFlag := signingFlag + signer + "cert-file"
	pair := signingPairFiles{cert: c.Setting(certFlag), key: c.Setting(signingFlag + signer + "key-file")}
	for _, ref := range inv.References {
		if ref.Component == inventory.ControllerManager && ref.Name == certFlag {
			pair.ref, pair.path, pair.certs = ref, ref.Path, inv.Material(ref).Certificates
		}
	}
	return pair
}

// controller is one of those in kube-controller-manager that requests need:
// its name, the one before Kubernetes 1.28, and what is not done without it.
type controller struct {
	name, alias, missing string
	severity             Severity
	// waiting selects the requests that show the lack.
	waiting func(*request) bool
}

var controllers = []controller{
	{"certificatesigningrequest-approving-controller", "csrapproving", "the requests of kubelets for client certificates wait for a hand", Warning,
		func(r *request) bool { return r.pending() && r.signer == signerKubeletClient }},
	{"certificatesigningrequest-signing-controller", "csrsigning", "no approved request gets a certificate", Warning,
		func(r *request) bool {
			return r.builtin && r.has(conditionApproved) && !r.has(conditionFailed) && !r.issued()
		}},
	{"certificatesigningrequest-cleaner-controller", "csrcleaner", "no request is ever removed", Info, (*request).served},
}

// runsController reports whether a controller runs: the first of the values that
// names it decides, else "*" (k8s.io/controller-manager pkg/app IsControllerEnabled).
func runsController(c inventory.Component, which controller) bool {
	setting := c.Setting("controllers")
	if setting.IsZero() {
		return true
	}
	all := false
	for value := range strings.SplitSeq(setting.Value, ",") {
		switch name, off := strings.CutPrefix(strings.TrimSpace(value), "-"); {
		case name == which.name || name == which.alias:
			return !off
		case name == "*":
			all = true
		}
	}
	return all
}

// reportManager reports kube-controller-manager, at a flag.
func (p *pass) reportManager(flag parsers.Text, f finding) {
	f.component = inventory.ControllerManager
	f.at = flag.Origin
	if f.at.Path == "" {
		f.at = p.requests.signing.component.Origin
	}
	f.remedy = append(f.remedy, p.restartComponent(inventory.ControllerManager)...)
	p.report(f)
}

func checkControllers(p *pass) {
	if p.requests.signing == nil {
		return
	}
	c := p.requests.signing.component
	setting := c.Setting("controllers")
	for _, which := range controllers {
		p.examine()
		if runsController(c, which) {
			continue
		}
		waiting := p.waiting(which.waiting)
		severity := which.severity
		if waiting > 0 && severity == Warning {
			severity = Critical
		}
		p.reportManager(setting, finding{severity: severity,
			message: fmt.Sprintf("--controllers=%s leaves out %s: %s%s", clip(setting.Value), which.alias, which.missing, here(waiting, "waits", "wait")),
			remedy:  remedy{fmt.Sprintf("# take -%s out of --controllers in %s", which.alias, c.Origin.Path)}})
	}
}

func (p *nodeAudit) waiting(keep func(*request) bool) int {
	n := 0
	for _, r := range p.requests.list {
		if keep(r) {
			n++
		}
	}
	return n
}

// here counts the requests at hand that show a fault; "" for none.
func here(n int, one, several string) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "; 1 of the requests here " + one + " for that"
	}
	return fmt.Sprintf("; %d of the requests here %s for that", n, several)
}

func checkSigningFiles(p *pass) {
	s := p.requests.signing
	if s == nil {
		return
	}
	common := pairOf(p.inv, s.component, "")
	judged := map[string]bool{}
	for _, signer := range Signers() {
		p.examine()
		own := pairOf(p.inv, s.component, signer.flag)
		pair, flag := own, signer.flag
		if own.cert.Value == "" && own.key.Value == "" {
			pair, flag = common, ""
		} else if common.cert.Value != "" || common.key.Value != "" {
			p.reportManager(own.cert, finding{message: fmt.Sprintf("--%s%scert-file is set beside --%scert-file, with which kube-controller-manager does not start; set the one or the other", signingFlag, signer.flag, signingFlag),
				remedy: remedy{"# take one of the two out of " + s.component.Origin.Path}})
		}
		if judged[flag] {
			continue
		}
		judged[flag] = true
		waiting := p.waiting(func(r *request) bool {
			return controllers[1].waiting(r) && (flag == "" || r.signer == signer.Name)
		})
		p.reportPair(pair, flag, here(waiting, "waits", "wait"))
	}
}

// reportPair reports what is wrong with a pair of signing files.
func (p *pass) reportPair(pair signingPairFiles, flag, waiting string) {
	where := p.requests.signing.component.Origin.Path
	f := finding{remedy: remedy{fmt.Sprintf("# name one CA certificate and its own key with --%s%scert-file and -key-file in %s", signingFlag, flag, where)}}
	at := pair.cert
	switch {
	case pair.cert.Value == "" && pair.key.Value == "":
		f.severity = Info
		f.message = "has no files to sign with, as where the CA is kept elsewhere; nothing signs the requests to the signers of Kubernetes"
		if waiting != "" {
			f.severity = Warning
		}
	case pair.cert.Value == "" || pair.key.Value == "":
		if at.Value == "" {
			at = pair.key
		}
		f.message = fmt.Sprintf("of --%s%scert-file and its -key-file only one is set; kube-controller-manager does not start", signingFlag, flag)
	case pair.ref.Hidden:
		p.unjudged("%s", p.unseen(pair.ref))
	case len(pair.certs) == 0:
		f.message = fmt.Sprintf("%s holds no certificate that could be read", path.Clean(pair.cert.Value))
	case len(pair.certs) > 1:
		f.message = fmt.Sprintf("%s holds %d certificates; kube-controller-manager signs with a file of exactly one", pair.path, len(pair.certs))
	case p.lackingKey(pair.ref) != "":
		at = pair.key
		f.message = p.lackingKey(pair.ref) + "; kube-controller-manager does not start"
	default:
		f = p.pairFault(pair, f)
	}
	if f.message != "" {
		f.message += waiting
		p.reportManager(at, f)
	}
}

// pairFault says what is wrong with the one certificate of a pair; nothing in
// the message of the finding for a sound one.
func (p *pass) pairFault(pair signingPairFiles, f finding) finding {
	ca := pair.certs[0]
	f.sha256 = ca.SHA256()
	key, file, known := p.privateKey(pair.ref)
	end, lasts := ca.NotAfter, p.requests.signing.duration
	switch {
	case known && key.PublicKeySHA256 != ca.PublicKeySHA256():
		f.message = fmt.Sprintf("the key in %s is not that of %s", file, pair.path)
	case !maySign(ca.Certificate):
		f.message = fmt.Sprintf("%s is no certificate of a CA; nothing that it signs is accepted", pair.path)
	case p.now.After(end):
		f.message = fmt.Sprintf("the CA in %s ended on %s; kube-controller-manager does not sign with it", pair.path, instant(end))
	case lasts > 0 && p.now.Add(lasts).After(end):
		f.severity = Info
		f.message = fmt.Sprintf("the CA in %s ends on %s; what it signs now is cut to that instead of lasting %s", pair.path, instant(end), exactly(lasts))
	case !known:
		p.unjudged("the key of %s could not be read, so that it was not compared", pair.path)
	}
	return f
}

// lackingKey says why there is no key to sign with; "" where there is one, or one that
// may not be read here.
func (n *node) lackingKey(cert inventory.Reference) string {
	for _, ref := range n.inv.References {
		file := n.inv.Files[ref.Path]
		switch {
		case ref.Holds != inventory.HoldsSignerKey || ref.Pair != cert.Pair || n.unseen(ref) != "" && !ref.Unmounted:
		case ref.Unmounted:
			return fmt.Sprintf("no volume brings %s, the key of %s, into the container", ref.Path, cert.Path)
		case file.State != inventory.Readable:
			return fmt.Sprintf("%s, the key of %s, %s", ref.Path, cert.Path, cmp.Or(file.Reason, "does not exist"))
		case !holds(inventory.HoldsSignerKey, n.inv.Material(ref)):
			return fmt.Sprintf("%s holds no private key that could be read, and is to be the key of %s", ref.Path, cert.Path)
		}
	}
	return ""
}

func checkSigningDuration(p *pass) {
	s := p.requests.signing
	if s == nil || !s.signs {
		return
	}
	p.examine()
	wanted := p.policy.wantedLifetime()
	undecided := p.waiting(func(r *request) bool {
		return r.builtin && r.ExpirationSeconds.IsZero() && !r.issued() && !r.has(conditionDenied)
	})
	advice := remedy{fmt.Sprintf("# set --%s=%s in %s", durationFlags[0], inHours(wanted), s.component.Origin.Path)}
	switch {
	case !s.setting.IsZero() && s.duration <= 0:
		p.reportManager(s.setting, finding{severity: Critical, remedy: advice,
			message: fmt.Sprintf("%q is no duration to sign for; kube-controller-manager does not start, or signs nothing", clip(s.setting.Value))})
	case s.duration > wanted:
		p.reportManager(s.setting, finding{remedy: advice,
			message: fmt.Sprintf("signs for %s; expected at most %s%s", exactly(s.duration), exactly(wanted), here(undecided, "asks for no shorter lifetime and stands", "ask for no shorter lifetime and stand"))})
	}
}
