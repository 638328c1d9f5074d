package audit

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"certaudit/audit/inventory"
	"certaudit/parsers"
	"certaudit/parsers/logs"
)

// LogTies are the nodes beside some logs, with what events are tied to. They are of use as
// long as the nodes are judged as they were, to one goroutine.
type LogTies struct {
	result  Result
	options Options
	// judged: there are nodes.
	judged bool
	nodes  []*nodeAudit
	// looks are other looks at one of nodes: copies of it.
	looks []*nodeAudit
	home  map[*nodeAudit]*clusterAudit
	// suspects are what the ends of connections present to each other, all of them, those
	// of the ends on a node, those that anybody may be the client of, and those by the
	// host that is called.
	suspects []*suspect
	of       map[*nodeAudit][]*suspect
	anybody  []*suspect
	at       map[string][]*suspect
	// findings are the indexes of those of each node, and of the clusters under "".
	findings map[string][]int
	// certs are the certificates of the result by their SHA-256.
	certs map[string]*x509.Certificate
	// serials are the SHA-256 of certificates by their serial number, decimal.
	serials map[string][]string
	// uses are what programs use in place of what their files name.
	uses []Finding
	// writers are the nodes of the lines that were asked for, by their hosts and components.
	writers map[logs.Line]writer
	// lines are the events with who wrote them, and ends the times of the last lines of the
	// sources.
	lines []told
	ends  map[string]time.Time
}

// suspect is what one end of a connection presents to the other.
type suspect struct {
	Connection
	// client and server are the nodes of the ends; nil where that is not known, or not in
	// view.
	client, server *nodeAudit
	verification
	// byClient: the client presents it, and the server verifies it.
	byClient bool
	// dialled is where the address stands; host, in the form in which it can be compared,
	// and port are those of the address.
	dialled    parsers.Origin
	host, port string
	// caller and called are the programs of the two ends.
	caller, called string
}

// NewLogTies returns the ties to the nodes of a result and what was remembered of its run:
// those beside the logs. r has no nodes, and after is nil, where there are none.
func NewLogTies(r Result, after *Memory, o Options) *LogTies {
	t := &LogTies{result: r, options: o, judged: after != nil, home: map[*nodeAudit]*clusterAudit{}, findings: map[string][]int{}, certs: map[string]*x509.Certificate{}, serials: map[string][]string{},
		of: map[*nodeAudit][]*suspect{}, at: map[string][]*suspect{}, writers: map[logs.Line]writer{}}
	if after == nil {
		return t
	}
	var audits []*nodeAudit
	for _, known := range after.nodes {
		audits = append(audits, newNodeAudit(known.node, o, after.signed))
	}
	var clusters []*clusterAudit
	if len(audits) > 1 {
		clusters = clustersOf(audits)
	}
	for _, c := range clusters {
		c.members = distinct(c.audits)
		c.indexHosts()
		c.resolve()
		t.join(c)
		for _, n := range c.audits {
			if !slices.Contains(c.members, n) {
				t.joinLook(n)
			}
		}
	}
	for _, n := range audits {
		if t.home[n] == nil {
			t.join(alone(n))
		}
	}
	for _, c := range r.Certificates {
		if _, known := t.certs[c.SHA256]; !known && c.X509 != nil {
			serial := c.X509.SerialNumber.String()
			t.serials[serial] = append(t.serials[serial], c.SHA256)
		}
		t.certs[c.SHA256] = c.X509
	}
	for i, f := range r.Findings {
		t.findings[f.Node] = append(t.findings[f.Node], i)
		if f.Cluster != "" && f.Node != "" {
			t.findings[""] = append(t.findings[""], i)
		}
	}
	return t
}

// alone is a node as a cluster of its own.
func alone(n *nodeAudit) *clusterAudit {
	c := &clusterAudit{members: []*nodeAudit{n}}
	c.indexHosts()
	return c
}

// join adds the nodes of a cluster, and what their ends present.
func (t *LogTies) join(c *clusterAudit) {
	for _, n := range c.members {
		t.home[n] = c
	}
	t.nodes = append(t.nodes, c.members...)
	for _, s := range c.suspects() {
		t.suspects = append(t.suspects, s)
		t.at[s.host] = append(t.at[s.host], s)
		if s.client == nil && s.Server != inventory.Kubelet {
			t.anybody = append(t.anybody, s)
			continue
		}
		t.of[s.client] = append(t.of[s.client], s)
		if s.server != s.client {
			t.of[s.server] = append(t.of[s.server], s)
		}
	}
}

// joinLook adds another look at a node: only what is known to be of it is held against it.
func (t *LogTies) joinLook(n *nodeAudit) {
	c := alone(n)
	t.home[n], t.looks, t.of[n] = c, append(t.looks, n), c.suspects()
}

// suspects are what the ends of the connections of a cluster present.
func (c *clusterAudit) suspects() []*suspect {
	var out []*suspect
	add := func(s suspect) {
		if s.verdict == "" || s.verdict == VerdictNone {
			return
		}
		s.host, s.port = parsers.CanonicalHost(parsers.HostOf(s.Address)), parsers.PortOf(s.Address)
		if s.port == "" && strings.HasPrefix(s.Address, "https://") {
			s.port = "443"
		}
		s.caller, s.called = callerOf(s.Client), componentOf(s.Server)
		out = append(out, &s)
	}
	for _, n := range c.members {
		for i := range n.edges {
			e := &n.edges[i]
			client, server := c.endsOf(n, e)
			add(suspect{Connection: e.Connection, client: client, server: server, verification: e.serverSide, dialled: e.dialled})
			for _, h := range []verification{e.clientSide, e.authorization} {
				add(suspect{Connection: e.Connection, client: client, server: server, verification: h, byClient: true, dialled: e.dialled})
			}
		}
	}
	for _, f := range c.refused {
		add(suspect{Connection: f.connection, client: f.client, server: f.server, verification: f.verification, byClient: f.byClient, dialled: f.dialled})
	}
	return out
}

// suspectsOf are those that a line may be about, those of the nodes first.
func (t *LogTies) suspectsOf(w told) []*suspect {
	if w.node == nil {
		return t.suspects
	}
	var nodes []*nodeAudit
	for _, n := range []*nodeAudit{w.node, w.called.node, w.caller.node} {
		if n != nil && !slices.Contains(nodes, n) {
			nodes = append(nodes, n)
		}
	}
	var all []*suspect
	seen := map[*suspect]bool{}
	for _, n := range nodes {
		for _, s := range t.of[n] {
			if !seen[s] {
				seen[s] = true
				all = append(all, s)
			}
		}
	}
	return append(all, t.anybody...)
}

// endsOf are the nodes of the two ends of a connection of a node's.
func (c *clusterAudit) endsOf(n *nodeAudit, e *edge) (client, server *nodeAudit) {
	_, runs := n.inv.Component(componentOf(e.Server))
	switch {
	case e.Server == inventory.Kubelet: // of this node, called by every API server
		if _, ok := n.inv.Component(inventory.APIServer); ok {
			client = n
		}
		return client, n
	case e.Client == "etcd peers", e.Client == "pods", isIssued(e.Client):
		return nil, n
	}
	server, _ = c.nodeAt(n.inv, hostDialled(e))
	if server == nil && runs && e.far.component == "" && !strings.HasPrefix(e.Server, "etcd peer ") && (len(c.servers) < 2 || n.inv.IsOwn(hostDialled(e))) {
		server = n // and not whatever stands before several API servers
	}
	return n, server
}

// isIssued reports whether a client is whoever shows what was signed: a certificate or a
// token.
func isIssued(client string) bool {
	return strings.HasPrefix(client, "certificates signed by ") || isTokens(client)
}

func isTokens(client string) bool { return strings.HasPrefix(client, "service account tokens of ") }

// people stands for the programs of people, who call the API server with kubeconfigs
// of their own.
const people = "kubectl"

// callers are the programs behind the clients of connections that are not called as these.
var callers = map[string]string{"admin": people, "super-admin": people, etcdHealthCheck: "etcdctl",
	"etcd peers": inventory.Etcd, "etcd gateway": inventory.Etcd}

func callerOf(client string) string {
	if program, ok := callers[client]; ok {
		return program
	}
	return componentOf(client)
}

// kindFaults are what a verification can be broken by where a line tells of a kind. An
// alert tells little more than that the other end has refused (RFC 8446, 6.2; crypto/tls).
var kindFaults = map[logs.Kind][]fault{
	logs.KindUnknownAuthority:       {faultUntrusted},
	logs.KindExpired:                {faultTime},
	logs.KindNotYetValid:            {faultTime},
	logs.KindNameMismatch:           {faultName},
	logs.KindNoNames:                {faultName},
	logs.KindKeyUsage:               {faultUsage},
	logs.KindNotACA:                 {faultUntrusted},
	logs.KindChainInvalid:           {faultUntrusted, faultUsage},
	logs.KindWeakSignature:          {faultUntrusted},
	logs.KindWeakKey:                {faultKey},
	logs.KindBadCertificate:         {faultTime, faultUntrusted, faultName, faultUsage, faultKey, faultIdentity},
	logs.KindUnsupportedCertificate: {faultUsage, faultKey},
	logs.KindClientIdentity:         {faultIdentity, faultName},
	logs.KindCertificateRequired:    {faultAbsent},
	logs.KindHandshakeFailure:       {faultAbsent, faultKey},
	logs.KindInternalError:          {faultAbsent},
	logs.KindNoServingCertificate:   {faultAbsent},
	logs.KindUnrecognizedName:       {faultName, faultAbsent},
	logs.KindHTTPToTLS:              {faultAbsent},
	logs.KindTLSToHTTP:              {faultAbsent},
	logs.KindBootstrap:              {faultTime, faultUntrusted, faultAbsent, faultName},
	logs.KindRotation:               {faultTime, faultUntrusted, faultAbsent, faultIdentity},
	logs.KindRequestSigning:         {faultAbsent, faultUntrusted, faultTime},
	logs.KindUnauthorized:           {faultTime, faultUntrusted, faultUsage, faultIdentity, faultAbsent},
	logs.KindTokenUnverified:        {faultUntrusted, faultAbsent},
	logs.KindTokenRefused:           {faultUntrusted, faultAbsent},
	logs.KindEtcdPeers:              {faultTime, faultUntrusted, faultName, faultUsage, faultIdentity, faultAbsent},
}

// told is an event with who wrote it.
type told struct {
	logs.Group
	node *nodeAudit
	// foreign: it was written on a machine that is not in view.
	foreign bool
	// program is who wrote it, those of people as one; "" where that may be any component,
	// as in the log of a distribution's program that runs several.
	program string
	// called is the other end of a client's line, and caller that of a server's.
	called, caller remote
	// serials are the certificates in view with the serial number that the line gives, by
	// their SHA-256; nil for none.
	serials map[string]bool
}

func (t *LogTies) told(g logs.Group) told {
	w := told{Group: g, program: programOf(g.At.Component)}
	w.node, w.foreign = t.writerOf(g.At)
	if g.Side != logs.Server {
		w.called = t.remoteOf(w.node, cmp.Or(g.Peer, parsers.Bracketed(g.Name)), true)
	}
	if w.isPassedOn() {
		w.program, w.called.component = inventory.APIServer, inventory.Kubelet
	}
	if w.foreign { // whose own addresses and names are not those of the nodes in view
		w.called.node = t.nodeAt(nil, w.called.host)
	}
	if g.Side != logs.Client {
		w.caller = t.remoteOf(w.node, g.Peer, false)
	}
	w.serials = t.numbered(g.Serial, g.KeyID)
	return w
}

// numbered are the certificates with a serial number, which is one alone for each CA (RFC
// 5280, 4.1.2.2), by their SHA-256; keyID is that of the key that signed them, "" for any.
func (t *LogTies) numbered(serial, keyID string) map[string]bool {
	var out map[string]bool
	for _, sum := range t.serials[serial] {
		if id := colons(t.certs[sum].AuthorityKeyId); keyID != "" && id != "" && id != keyID {
			continue
		}
		if out == nil {
			out = map[string]bool{}
		}
		out[sum] = true
	}
	return out
}

// colons are bytes as the API server writes them.
func colons(b []byte) string {
	return strings.ReplaceAll(strings.ToUpper(fmt.Sprintf("% x", b)), " ", ":")
}

// isAnother reports whether the serial number of a line is not that of a certificate.
func (w told) isAnother(x *x509.Certificate) bool {
	return w.Serial != "" && (x == nil || x.SerialNumber.String() != w.Serial)
}

// isPassedOn reports whether a line has what a kubelet said of the API server, which passed
// it on to whoever asked for a log (kubernetes pkg/registry/core/pod/rest).
func (w told) isPassedOn() bool {
	return w.Kind == logs.KindUnauthorized && w.program != inventory.APIServer && strings.Contains(w.Message, "( pods/log ")
}

// ofPeople are programs that call the API server with the kubeconfigs of people.
var ofPeople = []string{"helm", kubeadm, "k9s"}

const kubeadm = "kubeadm"

// programOf is who wrote the lines of a component, as [told.program] has it.
func programOf(component string) string {
	switch {
	case slices.Contains(ofPeople, component):
		return people
	case slices.Contains(programNames(), component):
		return ""
	}
	return component
}

// byHand are programs that people run with CA files and kubeconfigs of their own choice.
var byHand = []string{people, "curl", "wget", "openssl", "etcdctl", "etcdutl"}

// libraries have words of their own in the lines of programs that these do not name. No
// component of Kubernetes is built with one, nor is what extends its API server.
var libraries = []string{"gnutls", "java", "node", "openssl", "rustls"}

// isOfLibrary reports whether all that is known of the writer is a library that it is built with.
func (w told) isOfLibrary() bool { return slices.Contains(libraries, w.program) }

// noAPI are programs that extend no API server, as are those that are built with a library
// of [libraries].
var noAPI = []string{"caddy", "haproxy", "httpd", "nginx"}

// mayServeAPI reports whether a server wrote the line that may extend the API server:
// any that is no component of its own.
func (w told) mayServeAPI() bool {
	return w.Side == logs.Server && w.program != "" && !inventory.IsProgram(w.program) && !w.isOfLibrary() && !slices.Contains(noAPI, w.program)
}

// isOfPeople reports whether a client that people run wrote the line, or one of which the
// log says nothing: it holds nothing that a restart changes, or nobody knows what.
func (w told) isOfPeople() bool {
	return w.Side != logs.Server && w.Direction != logs.Own && (w.At.Component == "" || slices.Contains(byHand, w.program) || w.isOfLibrary())
}

// isOfAnyServer reports whether a client that is no component does not say which server it
// called: any may be at an address within its machine.
func (w told) isOfAnyServer() bool {
	if w.Side == logs.Server || w.program == "" || w.program == people || inventory.IsProgram(w.program) {
		return false
	}
	return w.isOfLibrary() && w.called.host == "" || w.called.port == "" && isLoopback(w.called.host)
}

// How well an address leads to an end.
const (
	fitUnknown = 1 // nothing speaks against it
	fitNode    = 4 // it is the node's
	fitAddress = 5 // it is the one that is configured
	// fitDetail is for a date or names that are those of the certificate.
	fitDetail = 16
)

// eitherEnd are the kinds that say nothing of what was presented: one end speaks no TLS, or
// a server has nothing to show.
var eitherEnd = map[logs.Kind]bool{logs.KindHTTPToTLS: true, logs.KindTLSToHTTP: true, logs.KindHandshakeFailure: true, logs.KindInternalError: true}

// fits says how well what an end presents may be what a line tells of; 0 for not at all.
func (w told) fits(s *suspect) int {
	if w.Direction == logs.Own {
		return 0
	}
	either := w.Direction == logs.Unclear || eitherEnd[w.Kind]
	best := 0
	if w.Side != logs.Server && (either || s.byClient == (w.Direction == logs.Refused)) {
		best = w.fitsCalled(s)
	}
	if w.Side != logs.Client && (either || s.byClient == (w.Direction == logs.Refuses)) {
		best = max(best, w.fitsCaller(s))
	}
	return best
}

// fitsCalled is fits where a client wrote the line.
func (w told) fitsCalled(s *suspect) int {
	if w.Kind == logs.KindUnauthorized && s.called == inventory.Etcd {
		return 0 // an answer of the API server's, or of what asks it (RFC 9110, 15.5.2)
	}
	program, caller := w.program, s.caller
	anybody := (caller == "pods" || isTokens(s.Client)) && !inventory.IsProgram(program) && program != people && w.called.host != ""
	signs := isTokens(s.Client) && strings.HasSuffix(s.Client, " "+program) // and shows such tokens itself
	tokens := w.isOfTokens() || w.Kind == logs.KindUnauthorized && (anybody || signs)
	if caller != program && program != "" && !anybody && !signs || isTokens(s.Client) && !tokens || w.isOfTokens() && !isTokens(s.Client) {
		return 0
	}
	if s.client != nil && s.client != w.node && (w.node != nil || w.foreign) {
		return 0
	}
	switch {
	case w.called.host == "":
		return fitUnknown
	case isTokens(s.Client):
		if w.called.component == inventory.APIServer {
			return fitUnknown
		}
		return 0
	case s.isAt(w.called):
		return fitAddress
	case w.Kind == logs.KindUnauthorized && s.Server == "extension API servers" && w.called.component == "":
		return fitUnknown
	case !anybody && w.called.node != nil && w.called.node == s.server && w.called.component == s.called:
		return fitNode
	}
	return 0
}

// isAt reports whether an address is that of the connection.
func (s *suspect) isAt(r remote) bool {
	if s.host == "" || r.port != "" && s.port != r.port {
		return false
	}
	if s.host == r.host {
		return true
	}
	named := !parsers.IsAddress(s.host) || !parsers.IsAddress(r.host)
	return named && s.client != nil && s.client.inv.SameHost(s.host, r.host)
}

// fitsCaller is fits where a server wrote the line.
func (w told) fitsCaller(s *suspect) int {
	program := w.program
	extension := s.Server == "extension API servers" && w.mayServeAPI()
	if s.called != program && program != "" && !extension || isTokens(s.Client) != w.isOfTokens() {
		return 0
	}
	if !extension && s.server != w.node && (w.node != nil || w.foreign) {
		return 0
	}
	if w.Direction == logs.Refused && !s.byClient && s.verdict == VerdictUnverified {
		return 0 // who does not verify refuses nothing
	}
	switch {
	case w.Peer == "" || s.client == nil || extension:
		return fitUnknown
	case w.caller.node == s.client && w.mayCall(s):
		return fitNode
	case w.caller.node == nil && !w.isLoopback():
		return fitUnknown // of somebody who is not in view, unless the details tell
	}
	return 0
}

// mayCall reports whether the client of a connection calls from the address of a line: the
// system gives who calls an address of his own machine that same address. An etcd calls
// itself by each address that it listens at.
func (w told) mayCall(s *suspect) bool {
	if s.client != s.server || s.isOfItself() || s.host == "" || !parsers.IsAddress(w.caller.host) {
		return true
	}
	return w.isLoopback() == s.client.inv.IsLoopback(s.host)
}

// isLoopback reports whether the other end is on the writer's machine.
func (w told) isLoopback() bool { return isLoopback(w.caller.host) }

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// isOfTokens reports whether the line is about the tokens of service accounts.
func (w told) isOfTokens() bool {
	return w.Kind == logs.KindTokenUnverified || w.Kind == logs.KindTokenRefused
}

// match is a suspect that a line may tell of.
type match struct {
	*suspect
	fit int
	// guilty: it is broken by what the line tells.
	guilty bool
}

// matches returns the suspects that a line may tell of: the guilty ones that fit best,
// and of the others those that fit best.
func (t *LogTies) matches(w told) (guilty, others []match) {
	best, rest := 0, 0
	for _, s := range t.suspectsOf(w) {
		fit := w.fits(s)
		if fit == 0 || len(w.serials) > 0 && w.isAnother(s.presented) {
			continue
		}
		m := match{suspect: s, fit: fit}
		var detail bool
		m.guilty, detail = t.isGuilty(w, s)
		if detail {
			m.fit += fitDetail
		}
		if m.guilty && w.isStranger(s) && !detail && !s.isOwnFault() {
			m.guilty = false // whose certificate it is nobody knows
		}
		if m.guilty && w.isAnother(s.presented) && !detail {
			m.guilty = false
		}
		if m.guilty {
			best = max(best, m.fit)
			guilty = append(guilty, m)
		} else {
			rest = max(rest, fit)
			others = append(others, m)
		}
	}
	guilty = slices.DeleteFunc(guilty, func(m match) bool { return m.fit < best || m.fit < rest })
	others = slices.DeleteFunc(others, func(m match) bool { return m.fit < rest })
	if w.Side == logs.Server && !slices.Contains(kindFaults[w.Kind], faultTime) && !slices.ContainsFunc(others, func(m match) bool { return !m.isOfItself() }) {
		return guilty, nil // a program alone with itself shows what it verifies: somebody else calls from its address
	}
	return guilty, others
}

// isOfItself reports whether a program calls itself, as the gateway of an etcd does.
func (s *suspect) isOfItself() bool {
	return s.client != nil && s.client == s.server && s.caller == s.called
}

// isStranger reports whether a server's line is about a client that is not in view.
func (w told) isStranger(s *suspect) bool {
	return w.Side != logs.Client && w.Peer != "" && w.caller.node == nil && !w.isLoopback() && s.client != nil
}

// isOwnFault reports whether a server shows what any client refuses.
func (s *suspect) isOwnFault() bool { return !s.byClient && s.presents }

// isGuilty reports whether a verification is broken by what a line tells, and whether a
// detail of the line is the certificate's.
func (t *LogTies) isGuilty(w told, s *suspect) (guilty, detail bool) {
	why := s.fault
	if why == faultAbsent && !s.presents && len(s.paths) > 0 {
		why = faultUntrusted // there is no CA to verify with
	}
	if why == faultUntrusted && !s.byClient && w.Name != "" && s.presented != nil && slices.Contains(kindFaults[w.Kind], faultName) {
		return nameDetail(w.Event, s.presented) // crypto/x509 looks at the name before the CA
	}
	if s.verdict != VerdictBroken || !slices.Contains(kindFaults[w.Kind], why) && !slices.Contains(kindFaults[w.Kind], s.fault) {
		return false, false
	}
	if !w.Bound.IsZero() && s.fault == faultTime {
		bound := w.isBound(s)
		return bound, bound
	}
	if s.fault == faultTime && s.presented != nil && w.isBefore(s.presented.NotAfter) && !w.isBefore(s.presented.NotBefore) {
		return false, false // it was valid then
	}
	if s.fault != faultName || s.presented == nil {
		return true, false
	}
	return nameDetail(w.Event, s.presented)
}

// isBefore reports whether the last line was written before a time, in whatever zone.
func (w told) isBefore(at time.Time) bool {
	return !w.Last.IsZero() && w.Last.Add(furthestZone).Before(at)
}

// nameDetail reports whether a certificate is refused for the name of a line, and whether
// the names that the line gives are its own.
func nameDetail(e logs.Event, x *x509.Certificate) (refused, detail bool) {
	if e.Name != "" && x.VerifyHostname(hostInBrackets(e.Name)) == nil {
		return false, false
	}
	if len(e.Valid) == 0 {
		return true, false
	}
	own := append(slices.Clone(x.DNSNames), texts(x.IPAddresses)...)
	foreign := slices.ContainsFunc(e.Valid, func(name string) bool { return !slices.Contains(own, name) })
	return true, !foreign
}

// hostInBrackets is a host as [x509.Certificate.VerifyHostname] takes it for an address.
func hostInBrackets(host string) string {
	if parsers.IsAddress(host) {
		return "[" + host + "]"
	}
	return host
}

// isBound reports whether a certificate of those that were judged begins or ends at the
// time of a line, as its kind has it.
func (w told) isBound(s *suspect) bool {
	if w.isBoundOf(s.presented) {
		return true
	}
	return slices.ContainsFunc(s.certificates[:], func(list []*x509.Certificate) bool { return slices.ContainsFunc(list, w.isBoundOf) })
}

// isBoundOf reports whether a certificate begins or ends at the time of a line, to the
// second: it ends at that of one past its end, and begins at that of one before its begin.
func (w told) isBoundOf(x *x509.Certificate) bool {
	if x == nil || w.Bound.IsZero() {
		return false
	}
	ends, begins := x.NotAfter.Equal(w.Bound), x.NotBefore.Equal(w.Bound)
	switch w.Kind {
	case logs.KindExpired:
		return ends
	case logs.KindNotYetValid:
		return begins
	}
	return ends || begins
}
