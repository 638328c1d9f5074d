package audit

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"certaudit/audit/inventory"
	"certaudit/parsers"
	"certaudit/parsers/logs"
)

// causeOf is a finding as the cause of an event.
func (t *LogTies) causeOf(f Finding, connection string) LogCause {
	c := LogCause{Node: f.Node, Connection: connection, Check: f.Check, Severity: f.Severity, Path: f.Path, Line: f.Line, Field: f.Field,
		SHA256: f.SHA256, Message: f.Message, Step: t.stepFor(f)}
	if c.Step == 0 {
		c.Remedy = f.Remedy
	}
	return c
}

// staleChecks are those that say of a process that it goes on with what was there before.
var staleChecks = []string{"served/differs", "served/stale", checkDiffers}

// stepFor is the number, from 1, of the step of the plan that fixes a finding, or of the first
// that prepares it; 0 for none.
func (t *LogTies) stepFor(f Finding) int {
	first := 0
	for i, s := range t.result.Plan {
		if s.Node != f.Node || !slices.Contains(s.Findings, f.Label()) {
			continue
		}
		if s.Fixes() {
			return i + 1
		}
		if first == 0 {
			first = i + 1
		}
	}
	return first
}

// findingsAt are the findings of some nodes and those of clusters, in their order. All
// of the result where no node is given.
func (t *LogTies) findingsAt(nodes ...*nodeAudit) []Finding {
	nodes = slices.DeleteFunc(nodes, func(n *nodeAudit) bool { return n == nil })
	if len(nodes) == 0 {
		return t.result.Findings
	}
	indexes := slices.Clone(t.findings[""])
	for _, n := range nodes {
		indexes = append(indexes, t.findings[n.name]...)
	}
	slices.Sort(indexes)
	var out []Finding
	for _, i := range slices.Compact(indexes) {
		out = append(out, t.result.Findings[i])
	}
	return out
}

// isAbout reports whether a finding, or what follows from it, is one that a function selects.
func (f Finding) isAbout(is func(Finding) bool) bool {
	return is(f) || slices.ContainsFunc(f.Causes, func(c Consequence) bool {
		return is(Finding{Check: c.Check, Severity: c.Severity, Node: f.Node, Component: c.Component, Path: c.Path, Line: c.Line, Field: c.Field, SHA256: c.SHA256})
	})
}

// causesOf are the findings because of which a verification is broken: those that the
// audit takes for it, else those by which it reports the connection.
func (t *LogTies) causesOf(s *suspect) []LogCause {
	var direct, reported, noted []LogCause
	for _, f := range t.findingsAt(s.client, s.server) {
		cause := t.causeOf(f, s.Label())
		breaks := slices.Contains(f.Breaks, s.Label())
		family := CheckFamily(f.Check)
		switch {
		case f.isAbout(s.explainedBy):
			direct = append(direct, cause)
		case breaks && (family == "connections" || family == "cluster") && (f.Path == s.at.Path || f.Path == s.dialled.Path || family == "cluster"):
			reported = append(reported, cause)
		case breaks:
			noted = append(noted, cause)
		}
	}
	switch {
	case direct != nil:
		return direct
	case reported != nil:
		return reported
	}
	return noted
}

// kindChecks are the checks whose findings are what a line tells of, where no connection
// shows it.
var kindChecks = map[logs.Kind][]string{
	logs.KindExpired:              {"validity/expired"},
	logs.KindNotYetValid:          {"validity/not-yet-valid"},
	logs.KindWeakKey:              {"keys/weak"},
	logs.KindKeyMismatch:          {"keys/mismatch", "chain/signing-bundle"},
	logs.KindMalformed:            {"files/malformed", "input/undecodable", "keys/mismatch"},
	logs.KindFileMissing:          {"files/missing", "files/dangling-link", "kubelet/serving-unapproved", "kubelet/link"},
	logs.KindFileUnreadable:       {"files/permissions", "input/unreadable"},
	logs.KindBootstrap:            {"validity/expired", "validity/not-yet-valid", "files/missing", "files/dangling-link", "files/malformed", "kubelet/link", "kubelet/embedded-client"},
	logs.KindRotation:             {"validity/expired", "validity/rotation-overdue", "kubelet/embedded-client", "kubelet/link", "files/missing"},
	logs.KindRequestApproval:      {"kubelet/serving-unapproved"},
	logs.KindRequestSigning:       {"chain/signing-bundle", "keys/mismatch", "files/missing", "validity/expired"},
	logs.KindNoServingCertificate: {"kubelet/serving-unapproved", "files/missing"},
	logs.KindTokenUnverified:      {"keys/service-account", "cluster/service-account-differs"},
	logs.KindTokenRefused:         {"keys/service-account", "cluster/service-account-differs"},
}

// ofFiles are the findings about the files that a line names, or, of a line that names
// none and is about its writer's own, about those of the writer.
func (t *LogTies) ofFiles(w told) []LogCause {
	if w.foreign || w.node == nil && len(w.Paths) == 0 {
		return nil
	}
	checks, paths := w.checks(), w.files()
	if w.node != nil {
		paths = w.node.ledTo(w.program, paths)
	}
	if len(paths) > 0 {
		return t.causesIn(w.node, func(f Finding) bool {
			return slices.Contains(checks, f.Check) && slices.ContainsFunc(paths, func(p string) bool { return p == f.Path || strings.HasPrefix(p, f.Path+"/") })
		})
	}
	worth := func(f Finding) bool { return slices.Contains(checks, f.Check) && f.Severity != Info }
	own := t.causesIn(w.node, func(f Finding) bool {
		return worth(f) && (f.Component == w.program || w.program == "" || w.isByKubeadm(f) || w.Direction != logs.Own && w.Kind != logs.KindRotation)
	})
	if own == nil {
		own = t.causesIn(w.node, func(f Finding) bool { return worth(f) && w.node.reads(w.program, f.Path) })
	}
	return own
}

// isByKubeadm reports whether kubeadm wrote a line that may be about a finding: it looks at
// all that it made, and says "certificate apiserver" of apiserver.crt (kubernetes
// cmd/kubeadm/app/phases/certs/certs.go).
func (w told) isByKubeadm(f Finding) bool {
	_, rest, named := strings.Cut(w.Message, "certificate ")
	name, what, _ := strings.Cut(rest, " ")
	named = named && strings.Contains(what, "not signed by ")
	return w.At.Component == kubeadm && (!named || strings.HasSuffix(f.Path, "/"+name+".crt"))
}

// checks are those whose findings a line tells of. What a program says of its own files
// it has verified as a connection would be.
func (w told) checks() []string {
	checks := kindChecks[w.Kind]
	if w.Direction != logs.Own || checks != nil {
		return checks
	}
	for _, why := range kindFaults[w.Kind] {
		checks = slices.Concat(checks, explains[why], ofConnections[why])
	}
	return checks
}

// ofConnections are the findings about connections that are broken by a fault.
var ofConnections = map[fault][]string{faultUntrusted: {"connections/server-untrusted", "connections/client-untrusted"}}

// causesIn are the findings of a node that are about what a function selects.
func (t *LogTies) causesIn(n *nodeAudit, is func(Finding) bool) []LogCause {
	var out []LogCause
	for _, f := range t.findingsAt(n) {
		if f.isAbout(is) {
			out = append(out, t.causeOf(f, ""))
		}
	}
	return out
}

// reads reports whether a component of the node is configured with a file.
func (n *nodeAudit) reads(component, path string) bool {
	return slices.ContainsFunc(n.inv.References, func(ref inventory.Reference) bool {
		return ref.Component == component && ref.Place().Path == path
	})
}

// ofUnusable are the findings because of which a program has nothing to present, or to
// verify with, where it says no more than that something cannot be parsed.
func (t *LogTies) ofUnusable(w told) []LogCause {
	if w.Kind != logs.KindMalformed || w.Direction != logs.Own || w.node == nil {
		return nil
	}
	var out []LogCause
	for _, s := range t.of[w.node] {
		shows := s.byClient && s.caller == w.program && s.client == w.node || !s.byClient && s.called == w.program && s.server == w.node
		if shows && s.verdict == VerdictBroken && s.fault == faultAbsent && s.presents {
			out = append(out, t.causesOf(s)...)
		}
	}
	return out
}

// files are those that a line is about: those that it names; of a kubelet that has to ask
// for its first certificate, those in which it should have one, since the bootstrap kubeconfig
// that it names is gone once a node has joined.
func (w told) files() []string {
	if w.Kind != logs.KindBootstrap || w.node == nil {
		return w.Paths
	}
	if ref, ok := w.node.inv.ReferenceOf(inventory.Kubelet, "kubeconfig"); ok && ref.Path != "" {
		return w.node.ledTo(inventory.Kubelet, []string{ref.Path})
	}
	return w.Paths
}

// ofSigner are the findings because of which nobody signs what a kubelet asks for.
func (t *LogTies) ofSigner(w told) []LogCause {
	if w.Kind != logs.KindRotation || w.node == nil || !strings.Contains(w.Message, "not signed") {
		return nil
	}
	var out []LogCause
	for _, n := range t.home[w.node].members {
		for _, f := range t.findingsAt(n) {
			if f.Severity == Critical && f.isAbout(func(f Finding) bool {
				return f.Component == inventory.ControllerManager && slices.Contains(kindChecks[logs.KindRequestSigning], f.Check)
			}) {
				out = append(out, t.causeOf(f, ""))
			}
		}
	}
	return out
}

// ofKubelet are the findings because of which the kubelet that a line calls has no
// certificate to show.
func (t *LogTies) ofKubelet(w told) []LogCause {
	if w.called.component != inventory.Kubelet || w.called.node == nil || w.Kind != logs.KindInternalError && w.Kind != logs.KindHandshakeFailure {
		return nil
	}
	var out []LogCause
	for _, f := range t.findingsAt(w.called.node) {
		if f.Node == w.called.node.name && f.isAbout(func(f Finding) bool { return f.Check == "kubelet/serving-unapproved" }) {
			out = append(out, t.causeOf(f, inventory.APIServer+" -> "+inventory.Kubelet))
		}
	}
	return out
}

// ledTo are some files with those that they name, as a component reads them; "" for any.
func (n *nodeAudit) ledTo(component string, paths []string) []string {
	all := slices.Clone(paths)
	for _, ref := range n.inv.References {
		if ref.Path != "" && (ref.Component == component || component == "") && slices.Contains(paths, ref.Origin.Path) {
			all = union(all, []string{ref.Path})
		}
	}
	return all
}

// isOfWriter reports whether a line is about files of its writer's own.
func (w told) isOfWriter() bool {
	switch w.Kind {
	case logs.KindTokenUnverified, logs.KindTokenRefused:
		return w.Side != logs.Client
	case logs.KindRequestApproval, logs.KindRequestSigning, logs.KindNoServingCertificate, logs.KindBootstrap, logs.KindRotation:
		return true
	}
	return w.Direction == logs.Own
}

// served are the places of what a line may tell of that a server presents, whoever it is
// that refuses it: at the address of the line, or, where it has none, on the writer's node.
func (t *LogTies) served(w told) []presented {
	nodes, components, host := []*nodeAudit{w.called.node}, []string{w.called.component}, w.called.host
	switch {
	case w.Side == logs.Server && w.Direction == logs.Refused:
		nodes, components = []*nodeAudit{w.node}, []string{w.At.Component}
	case w.Side == logs.Server || w.Direction != logs.Refuses:
		return nil
	case w.called.host == "" && !inventory.IsProgram(w.At.Component):
		nodes = []*nodeAudit{w.node}
	case w.called.node == nil && w.called.component == inventory.APIServer: // what stands before all of them
		nodes = t.running(inventory.APIServer)
	}
	switch {
	case components[0] != "":
	case w.program == people:
		components = []string{inventory.APIServer}
	default:
		components = []string{inventory.APIServer, inventory.Etcd, inventory.Kubelet, inventory.ControllerManager, inventory.Scheduler}
	}
	var out []presented
	for _, n := range nodes {
		for _, component := range components {
			if n == nil {
				continue
			}
			if _, runs := n.inv.Component(component); !runs {
				continue
			}
			if c := n.serves(component, host, w.called.port); len(c.chain) > 0 {
				out = append(out, presented{n, component, c})
			}
		}
	}
	return out
}

// presented is what a component presents.
type presented struct {
	node      *nodeAudit
	component string
	credentials
}

// ofServer are the findings about what a server presents, whoever refuses it.
func (t *LogTies) ofServer(w told) []LogCause {
	var out, unfound []LogCause
	named := w.Name != "" && slices.Contains(kindFaults[w.Kind], faultName)
	for _, p := range t.served(w) {
		if refused, _ := nameDetail(w.Event, p.chain[0]); named && !refused {
			continue
		}
		if !w.Bound.IsZero() && !slices.ContainsFunc(p.chain, w.isBoundOf) {
			continue
		}
		for _, f := range t.findingsAt(p.node) {
			if f.isAbout(func(f Finding) bool { return slices.Contains(p.paths, f.Path) && w.explainedBy(f, p.component) }) {
				out = append(out, t.causeOf(f, ""))
			}
		}
		if named && w.called.component != "" {
			unfound = append(unfound, LogCause{Node: p.node.name, Severity: Warning, Path: p.at.Path, Field: p.at.Field, SHA256: parsers.Fingerprint(p.chain[0]),
				Message: fmt.Sprintf("the certificate is for %s; expected %q, as it is called there", listOr(append(slices.Clone(p.chain[0].DNSNames), texts(p.chain[0].IPAddresses)...), "no name"), clip(w.Name))})
		}
	}
	if out == nil {
		return unfound
	}
	return out
}

// selfMade are the checks that tell of what a kubelet makes for itself: nobody can verify
// it, and it has the name of the node alone.
var selfMade = []string{"kubelet/serving-self-signed", "kubelet/serving-unapproved"}

// explainedBy reports whether a finding about the certificate of a component says what a
// line tells.
func (w told) explainedBy(f Finding, component string) bool {
	if faults := kindFaults[w.Kind]; slices.Contains(selfMade, f.Check) {
		meant := w.called.component == inventory.Kubelet || w.At.Component == inventory.Kubelet || w.called.host != "" && w.called.port == ""
		return meant && component == inventory.Kubelet && (slices.Contains(faults, faultName) || slices.Contains(faults, faultUntrusted))
	}
	if checks := kindChecks[w.Kind]; w.Kind == logs.KindExpired || w.Kind == logs.KindNotYetValid || w.Kind == logs.KindWeakKey {
		return slices.Contains(checks, f.Check)
	}
	return slices.ContainsFunc(kindFaults[w.Kind], func(why fault) bool { return slices.Contains(explains[why], f.Check) })
}

// serves is what a component of the node presents to those who dial a host and port.
func (n *nodeAudit) serves(component, host, port string) credentials {
	switch component {
	case inventory.APIServer:
		return n.apiServer(n.ownHost(host))
	case inventory.Kubelet:
		return n.kubeletServer()
	case inventory.Etcd:
		if slices.ContainsFunc(n.inv.Endpoints(), func(e inventory.Endpoint) bool {
			return e.Reference == "peer-cert-file" && parsers.PortOf(e.Address) == port
		}) {
			return n.peerServing(host)
		}
		return n.etcdServing(host)
	}
	ref, ok := n.inv.ReferenceOf(component, "tls-cert-file")
	if !ok {
		return credentials{unseen: true}
	}
	return n.presentedBy(ref, ok)
}

// ownHost is a host if the API server of the node answers to it by what its files say,
// else the address that it gives out.
func (n *nodeAudit) ownHost(host string) string {
	if elsewhere(n.inv, n.facts.profile, host) == "" {
		return host
	}
	return n.inv.AdvertiseAddress()
}

// ofBound are the findings about certificates that begin or end at the time that a line
// gives, and are shown to such a client or server.
func (t *LogTies) ofBound(w told) []LogCause {
	nodes := []*nodeAudit{w.node, w.caller.node}
	shown := func(c Certificate) bool { return c.Type == "Client ("+w.At.Component+")" }
	switch {
	case w.Bound.IsZero(), w.foreign, w.Direction != logs.Refuses, w.called.component != "":
		return nil
	case w.Side != logs.Server:
		nodes = []*nodeAudit{w.node, w.called.node}
		if serviceOf(w.called.host) != "" {
			nodes = nil // a Secret is on no node
		}
		shown = func(c Certificate) bool {
			return strings.HasPrefix(c.Type, typeServer) && w.mayShow(c.X509) && (w.program != people || c.Component == inventory.APIServer)
		}
	}
	var out []LogCause
	for _, f := range t.findingsAt(nodes...) {
		if f.Check != "validity/expired" && f.Check != "validity/not-yet-valid" {
			continue
		}
		if slices.ContainsFunc(f.Rows, func(i int) bool {
			c := t.result.Certificates[i]
			return shown(c) && w.isBoundOf(c.X509)
		}) {
			out = append(out, t.causeOf(f, ""))
		}
	}
	return out
}

// ofSerial are the findings about the certificate with the serial number that a line gives,
// wherever it is.
func (t *LogTies) ofSerial(w told) []LogCause {
	var out []LogCause
	for _, f := range t.findingsAt() {
		if len(w.serials) > 0 && w.explainedBy(f, "") && slices.ContainsFunc(f.Rows, func(i int) bool { return w.serials[t.result.Certificates[i].SHA256] }) {
			out = append(out, t.causeOf(f, ""))
		}
	}
	return out
}

// mayShow reports whether what a line calls, if it says that, may be a server with a
// certificate: it is on a node in view, or it is one of the names of the certificate.
func (w told) mayShow(x *x509.Certificate) bool {
	return w.called.host == "" || w.called.node != nil || x != nil && x.VerifyHostname(hostInBrackets(w.called.host)) == nil
}

// objectChecks are those that tell of a service which the API server cannot verify.
var objectChecks = map[fault][]string{faultUntrusted: {"objects/ca-bundle", "objects/drift", "objects/chain"}, faultName: {"objects/service-name"}}

// ofObjects are the findings about the webhook or service that a line's address means.
func (t *LogTies) ofObjects(w told) []LogCause {
	host := w.called.host
	var out []LogCause
	for _, n := range t.nodes {
		for _, o := range n.inv.Objects {
			for _, target := range o.Targets {
				if host == "" || !slices.Contains([]string{host, parsers.CanonicalHost(w.Name)}, parsers.CanonicalHost(target.DNSName())) {
					continue
				}
				for _, f := range t.findingsAt(n) {
					fits := slices.ContainsFunc(kindFaults[w.Kind], func(why fault) bool { return slices.Contains(objectChecks[why], f.Check) })
					if fits && (f.Component == o.Label() && f.Path == target.Origin.Path && (f.Field == target.Bundle.Field || f.Field == target.Origin.Field) || strings.Contains(f.Message, targetWords(target)+" of "+o.Label())) {
						out = append(out, t.causeOf(f, inventory.APIServer+" -> "+target.DNSName()))
					}
				}
			}
		}
	}
	return distinctCauses(out)
}

// distinctCauses are causes, each once, the worst first.
func distinctCauses(causes []LogCause) []LogCause {
	var out []LogCause
	for _, c := range causes {
		same := func(o LogCause) bool {
			c.Connection, o.Connection = "", ""
			return c == o
		}
		if !slices.ContainsFunc(out, same) {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b LogCause) int { return -cmp.Compare(a.Severity.Rank(), b.Severity.Rank()) })
	return out
}
