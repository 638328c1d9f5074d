package audit

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"certaudit/audit/inventory"
	"certaudit/parsers"
	"certaudit/parsers/logs"
)

// noise are the kinds that scans, health checks and clients that go away make.
var noise = map[logs.Kind]bool{logs.KindHandshakeEnded: true, logs.KindHandshakeTimeout: true, logs.KindHTTPToTLS: true, logs.KindProtocolMismatch: true}

// recent is how long before the last line of its log one still counts as of now.
const recent = 10 * time.Minute

// explain ties an event to the nodes.
func (t *LogTies) explain(w told, o Options) LogEvent {
	g := w.Group
	e := LogEvent{Kind: string(g.Kind), Component: g.At.Component, Address: g.Peer, Direction: string(g.Direction), Side: string(g.Side),
		First: g.First, Last: g.Last, Count: g.Count, Source: g.At.Source, Line: g.At.Number, Message: g.Message, Raw: g.Raw}
	if w.node != nil && (inventory.IsProgram(e.Component) || w.program == "") {
		e.Node = w.node.name
	}
	guilty, others := t.narrowed(w, e)
	others = t.clientsTold(w, others)
	vague := w.isVague() || w.isOfAnyServer()
	if !vague {
		w.namePeer(&e, guilty, others)
	}
	line := lineWords(w, e)
	if w.isPassedOn() {
		line = "The kubelet does not accept the credentials of kube-apiserver, which passes that on."
	}
	if w.isClockWrong() {
		e.Tie, e.Meaning, e.Next = tieOfClock(len(t.nodes)), sentences(line, clockWords(w, false, o.At), "The cause is the clock of the machine that judged it, and no certificate."), "Set the clock of that machine (timedatectl, chronyc tracking)."
		e.Severity = t.severity(w, e)
		return e
	}
	e.Causes = t.causes(w, guilty)
	switch {
	case len(e.Causes) > 0 && vague:
		e.explainVague(line)
	case len(e.Causes) > 0:
		clock := clockWords(w, false, o.At)
		e.Tie, e.Meaning, e.Next = TieCause, sentences(line, causeWords(e.Causes), clock), causeNext(e.Causes[0])
		if clock != "" {
			e.Next = sentences("Compare the clocks of both ends with the right time first.", e.Next)
		}
		for i := range e.Causes {
			if e.Causes[i].Connection == "" && len(guilty) > 0 {
				e.Causes[i].Connection = guilty[0].Label()
			}
		}
	default:
		t.explainSound(w, &e, others, line, o)
	}
	if len(e.Causes) > 0 {
		e.Cause = e.Causes[0].id()
	}
	e.Severity = t.severity(w, e)
	return e
}

// isVague reports whether a line says neither which server it is about, nor anything of
// its certificate, and its writer calls any server.
func (w told) isVague() bool {
	anybody := w.At.Component == "" || w.program != "" && w.program != people && !inventory.IsProgram(w.At.Component)
	return anybody && w.Side != logs.Server && w.Direction == logs.Refuses && w.called.host == "" && w.Bound.IsZero() && len(w.Valid) == 0
}

// explainVague says what may be the cause of a line that does not say what it is about.
func (e *LogEvent) explainVague(line string) {
	may := strings.Replace(causeWords(e.Causes[:1]), "The cause is ", "It may be about ", 1)
	e.Tie, e.Meaning, e.Next = TieOpen, sentences(line, "The line does not say which server was called.", may), sentences("See which server was called. If it is that one:", causeNext(e.Causes[0]))
	e.Cause, e.Causes = e.Causes[0].id(), nil
}

// tieOfClock is the tie of an event that a clock explains: no node shows that.
func tieOfClock(nodes int) Tie {
	if nodes == 0 {
		return TieNone
	}
	return TieOpen
}

// narrowed are the matches of a line, by what the other end tells of it, if it does and
// that fits.
func (t *LogTies) narrowed(w told, e LogEvent) (guilty, others []match) {
	e.Peer = w.called.component
	if other, ok := t.otherEnd(w, e); ok {
		n := w
		n.Kind, n.Bound, n.Name, n.Valid = other.Kind, other.Bound, other.Name, other.Valid
		if guilty, others = t.matches(n); len(guilty) > 0 {
			return guilty, others
		}
	}
	return t.matches(w)
}

// causes are what explains an event, the worst first; nil for nothing.
func (t *LogTies) causes(w told, guilty []match) []LogCause {
	if w.foreign && w.called.node == nil {
		return t.ofObjects(w)
	}
	var out []LogCause
	if w.program == "" { // a component's log is called after it, and what people run writes anywhere
		slices.SortStableFunc(guilty, func(a, b match) int { return cmp.Compare(peopleFirst(a), peopleFirst(b)) })
	}
	for _, m := range guilty {
		out = append(out, t.causesOf(m.suspect)...)
	}
	for _, find := range []func(told) []LogCause{t.ofSerial, t.ofObjects, t.ofOwn, t.ofUnusable, t.ofSigner, t.ofKubelet, t.ofServer, t.ofBound} {
		if len(out) == 0 {
			out = find(w)
		}
	}
	return distinctCauses(out)
}

func peopleFirst(m match) int {
	if m.caller == people {
		return 0
	}
	return 1
}

// ofOwn are the findings about files of the writer's own, of a line that is about such.
func (t *LogTies) ofOwn(w told) []LogCause {
	if !w.isOfWriter() {
		return nil
	}
	return t.ofFiles(w)
}

// namePeer fills in who is at the other end: what its address tells, else the client
// of the only connections that fit.
func (w told) namePeer(e *LogEvent, guilty, others []match) {
	r := w.called
	if w.Side == logs.Server {
		r = w.caller
	}
	e.Peer = cmp.Or(r.component, serviceOf(r.host), serviceOf(w.Name))
	if r.node != nil {
		e.PeerNode = r.node.name
	}
	fitting := guilty
	if len(fitting) == 0 {
		fitting = others
	}
	var names []string
	for _, m := range fitting {
		name := m.Client
		if w.Side != logs.Server {
			if name = m.called; !inventory.IsProgram(name) {
				name = m.Server
			}
		}
		names = union(names, []string{name})
	}
	var running []string
	for _, name := range names {
		if program := callerOf(name); inventory.IsProgram(program) {
			running = union(running, []string{program})
		}
	}
	if len(running) > 0 {
		names = running
	}
	if e.Peer == "" && len(names) == 1 && w.Direction != logs.Own && (len(guilty) > 0 || fitting[0].fit > fitUnknown || w.Side == logs.Client) {
		e.Peer = names[0]
	}
}

// severity is what an event is worth: what explains it says that, else whether something
// that matters is refused at the end of its log.
func (t *LogTies) severity(w told, e LogEvent) Severity {
	base := Severity(infoOf(w.Kind).Severity)
	ongoing := w.Last.IsZero() || t.ends[w.At.Source].Sub(w.Last) <= recent
	switch {
	case noise[w.Kind] && e.Tie != TieCause:
		return Info
	case e.Tie == TieCause && (e.Causes[0].Severity != Info || !ongoing || base == Info):
		return e.Causes[0].Severity
	case e.Tie == TieCause:
		return Warning
	case e.Tie == TieOver, !ongoing:
		return Info
	case e.Tie == TieRestart:
		return Critical
	case base == Info:
		return Info
	case e.Tie == TieNone && inventory.IsProgram(w.At.Component) && (w.Direction == logs.Own || inventory.IsProgram(e.Peer) || w.Side == logs.Client):
		return Critical
	}
	return Warning
}

// explainSound says what an event means that nothing that is wrong explains.
func (t *LogTies) explainSound(w told, e *LogEvent, others []match, line string, o Options) {
	info := infoOf(w.Kind)
	if len(t.nodes) == 0 {
		e.Meaning, e.Next = sentences(line, info.Meaning, clockWords(w, false, o.At)), t.lookNext(w, *e, info)
		return
	}
	if w.foreign {
		t.explainUnseen(w, e, nil, line, info)
		return
	}
	if noise[w.Kind] || w.Kind == logs.KindTLSToHTTP {
		e.Tie, e.Meaning, e.Next = TieOpen, sentences(line, info.Meaning), t.lookNext(w, *e, info)
		return
	}
	if w.isOfWriter() {
		t.explainOwn(w, e, line, o)
		return
	}
	sound, unseen, broken := sorted(others)
	if len(sound) == 0 && len(broken) == 0 {
		sound = t.soundServer(w, o)
	}
	switch {
	case w.isOfAnyServer():
		e.Tie, e.Peer = TieElsewhere, ""
		e.Meaning, e.Next = sentences(line, "The line does not say which server was called, and nothing that is wrong in view explains it."), t.lookNext(w, *e, info)
	case w.Side == logs.Server && len(others) > 0 && others[0].fit == fitUnknown:
		t.explainStranger(w, e, line, info)
	case len(broken) > 0:
		causes := t.causesOf(broken[0].suspect)
		e.Tie = TieOpen
		e.Meaning = sentences(line, fmt.Sprintf("What is wrong with %s now is another thing: %s.", broken[0].Label(), broken[0].reason))
		e.Next = "Fix that first, then see whether such lines still come."
		if len(causes) > 0 {
			e.Next = causeNext(causes[0]) + " Then see whether such lines still come."
		}
	case len(sound) > 0 && w.isOfPeople() && (w.Direction != logs.Refuses || slices.Contains(kindFaults[w.Kind], faultUntrusted) || w.program != people && w.called.host == ""):
		t.explainPeople(w, e, sound[0], line, info)
	case len(sound) > 0 && w.At.Component != "":
		t.explainStale(w, e, sound, line, o)
	default:
		t.explainUnseen(w, e, unseen, line, info)
	}
}

// sorted parts what a line may tell of by its verdict.
func sorted(others []match) (sound, unseen, broken []match) {
	for _, m := range others {
		switch m.verdict {
		case VerdictOK, VerdictUnverified:
			sound = append(sound, m)
		case VerdictUnknown:
			unseen = append(unseen, m)
		default:
			broken = append(broken, m)
		}
	}
	return sound, unseen, broken
}

// explainStranger says that a line of a server's is about a client that is not known.
func (t *LogTies) explainStranger(w told, e *LogEvent, line string, info logs.KindInfo) {
	e.Tie, e.Peer = TieElsewhere, ""
	why := "the line does not say which client it is"
	if w.caller.host != "" {
		why = fmt.Sprintf("the client at %s is not in view", clip(w.caller.host))
	}
	if w.Direction == logs.Refuses {
		why += ", and none that is shows what the line tells of"
	} else {
		why += ", and so not what it verifies with; nothing is wrong with what it is shown"
	}
	why = cmp.Or(t.serialWords(w), why)
	e.Meaning, e.Next = sentences(line, sentence(why)), t.lookNext(w, *e, info)
}

// serialWords say where the certificate is of which a line gives the serial number; "" for
// a line that gives none.
func (t *LogTies) serialWords(w told) string {
	var places []string
	for _, c := range t.result.Certificates {
		if w.serials[c.SHA256] {
			places = union(places, []string{c.Path + on(c.Node)})
		}
	}
	switch {
	case places != nil:
		return fmt.Sprintf("the certificate with serial number %s is in %s, and nothing that the line tells of is wrong with it", w.Serial, joinOr(places))
	case w.Serial != "":
		return fmt.Sprintf("no certificate in view has serial number %s: the client is elsewhere, or goes on with one that was replaced", w.Serial)
	}
	return ""
}

func on(node string) string {
	if node == "" {
		return ""
	}
	return " on " + node
}

// explainUnseen says that an end that matters is not in view.
func (t *LogTies) explainUnseen(w told, e *LogEvent, unseen []match, line string, info logs.KindInfo) {
	e.Tie = TieElsewhere
	why := "who wrote it is not among the nodes beside the logs"
	switch {
	case w.Serial != "":
		why = t.serialWords(w)
	case len(unseen) > 0 && unseen[0].reason != "":
		why = unseen[0].reason
	case e.Node != "" && e.PeerNode == "":
		why = "the other end is not in view"
	case e.Node != "":
		why = "what the two ends show and verify with is not in what they are configured with"
	}
	e.Meaning, e.Next = sentences(line, sentence("nothing in view explains it: "+why)), t.lookNext(w, *e, info)
}

// lookNext says what to look at of which the line alone is known: at what the other end
// wrote of it, where that is among the logs, or else at what the kind asks for.
func (t *LogTies) lookNext(w told, e LogEvent, info logs.KindInfo) string {
	if other, ok := t.otherEnd(w, e); ok {
		return otherEndWords(other)
	}
	next := ""
	if info.Look != "" {
		next = sentence("Look at " + strings.ToLower(info.Look[:1]) + info.Look[1:])
	}
	if host, port := parsers.HostOf(w.Peer), parsers.PortOf(w.Peer); host != "" && host != w.Peer && w.Side == logs.Client && w.Direction == logs.Refuses {
		next = sentences(next, fmt.Sprintf("certaudit inspect %s shows what is presented there.", parsers.Bracketed(clip(host))+":"+cmp.Or(port, "443")))
	}
	return cmp.Or(next, "Look at the files of both ends: certaudit audit on their nodes.")
}

// otherEndWords say what the other end of a line tells.
func otherEndWords(other logs.Group) string {
	return sentences(fmt.Sprintf("The other end tells why, in %s:%d: %s.", clip(other.At.Source), other.At.Number, infoOf(other.Kind).Title), sentence(detailWords(other.Event)))
}

// otherEnd returns the event by which the other end of a line tells why it refused the
// writer, if it wrote one at the same time.
func (t *LogTies) otherEnd(w told, e LogEvent) (logs.Group, bool) {
	i := t.otherLine(w, e)
	if i < 0 {
		return logs.Group{}, false
	}
	return t.lines[i].Group, true
}

// otherLine is the index of the line of [LogTies.otherEnd]; -1 for none.
func (t *LogTies) otherLine(w told, e LogEvent) int {
	if w.Direction != logs.Refused || w.Kind != logs.KindBadCertificate && w.Kind != logs.KindUnauthorized && w.Kind != logs.KindUnsupportedCertificate {
		return -1
	}
	return slices.IndexFunc(t.lines, func(g told) bool {
		if g.Direction != logs.Refuses || g.Side == w.Side || w.isApart(g) && (w.isLoopback() || isLoopback(w.called.host)) || !w.isBeside(g) {
			return false
		}
		peer := e.Peer
		if w.Kind == logs.KindUnauthorized {
			peer = inventory.APIServer
		}
		if w.Side == logs.Server {
			called := usualPorts[parsers.PortOf(g.Peer)]
			return called != "" && called == w.At.Component && (peer == "" || g.At.Component == peer)
		}
		return peer != "" && g.At.Component == peer
	})
}

// isBeside reports whether other lines were written at the same time.
func (w told) isBeside(o told) bool {
	return !o.First.IsZero() && !o.Last.Add(recent).Before(w.First) && !w.Last.Add(recent).Before(o.First)
}

// isApart reports whether other lines were written on another host.
func (w told) isApart(o told) bool {
	if o.At.Node != "" && w.At.Node != "" {
		return o.At.Node != w.At.Node
	}
	return o.At.Host != w.At.Host && o.At.Host != "" && w.At.Host != ""
}

// soundServer is what the server at the address of a line presents, if what the line says
// is not true of it: as of a client that is not in view.
func (t *LogTies) soundServer(w told, o Options) []match {
	if w.called.component == "" {
		return nil
	}
	for _, p := range t.served(w) {
		x := p.chain[0]
		ended := o.At.Before(x.NotBefore) || o.At.After(x.NotAfter)
		switch faults := kindFaults[w.Kind]; {
		case slices.Contains(faults, faultTime) && !w.Bound.IsZero() && !w.isBoundOf(x) && !ended:
		case slices.Contains(faults, faultName) && w.Name != "" && x.VerifyHostname(hostInBrackets(w.Name)) == nil:
		default:
			continue
		}
		s := suspect{server: p.node, verification: verification{verdict: VerdictOK, presented: x, offered: p.at}}
		s.Client, s.Server, s.Address = cmp.Or(w.At.Component, "the client"), p.component, w.Peer
		return []match{{suspect: &s, fit: fitUnknown}}
	}
	return nil
}

// explainOwn says what a line means about files that are in order by now.
func (t *LogTies) explainOwn(w told, e *LogEvent, line string, o Options) {
	info := infoOf(w.Kind)
	files := w.files()
	if w.node == nil || len(files) == 0 {
		e.Tie = TieElsewhere
		if w.node != nil && inventory.IsProgram(w.At.Component) {
			e.Tie = TieOpen
		}
		e.Meaning, e.Next = sentences(line, "Nothing that is wrong in view explains it.", info.Meaning), t.lookNext(w, *e, info)
		return
	}
	var changed time.Time
	for _, p := range files {
		f, known := w.node.inv.Files[p]
		if !known || f.State != inventory.Readable {
			e.Tie = TieElsewhere
			e.Meaning, e.Next = sentences(line, fmt.Sprintf("%s is not among the files that were read on %s: it may be a path within a container.", clip(p), w.node.name)), t.lookNext(w, *e, info)
			return
		}
		changed = latest(changed, latest(f.ModTime, w.node.started(w.At.Component)))
	}
	e.Meaning = sentences(line, sentence(strings.Join(clipAll(files), ", ")+" is there by now, and nothing is wrong with it"))
	e.stale(w, changed)
	switch {
	case e.Tie == TieOver:
		e.Next = "Nothing, unless such lines still come."
		return
	case w.Kind == logs.KindFileUnreadable: // by whoever runs the process, which no file says for sure
		e.Tie, e.Next = TieOpen, t.lookNext(w, *e, info)
		e.Meaning = sentences(line, fmt.Sprintf("%s is there, with the mode %04o.", clip(w.Paths[0]), w.node.inv.Files[w.Paths[0]].Mode.Perm()))
		return
	case !w.node.runs(w.At.Component):
		e.Tie, e.Next = TieOpen, t.lookNext(w, *e, info) // nobody knows what may go on with what was there before
		return
	}
	t.restart(e, w.node, []string{w.At.Component})
}

// stale decides whether lines are older than what lies there now, or a process is.
func (e *LogEvent) stale(w told, changed time.Time) {
	e.Tie = TieRestart
	if !w.Last.IsZero() && w.Last.Before(changed) {
		e.Tie = TieOver
		e.Meaning += fmt.Sprintf(" It was so until %s, when the last such line was written; on %s what it is about was written, or its process began.", instant(w.Last), instant(changed))
	}
}

// explainStale says what a line means about a connection that is in order by now.
func (t *LogTies) explainStale(w told, e *LogEvent, sound []match, line string, o Options) {
	m := sound[0]
	presents, verifies := ends(m.suspect)
	if w.Side == logs.Server && strings.Contains(w.Message, "bad record MAC") { // OpenSSL's alert in TLS 1.3, which Go cannot read
		e.Tie, e.Meaning = TieOpen, sentences(line, "The alerts of Kubernetes and etcd can be read: this client is most likely one with OpenSSL (curl, Python), which refuses the certificate.")
		e.Next = "Look at the CA file that this client trusts, and at the name or address that it calls."
		return
	}
	if other, ok := t.otherEnd(w, *e); ok { // which gives the reason of what the writer was told without one
		line = sentences(line, otherEndWords(other))
		w.Kind, w.Bound, w.Clock, w.Direction = other.Kind, other.Bound, other.Clock, other.Direction
	}
	presenting, verifying := partiesOf(sound)
	switch clients := clientsOf(w, sound); {
	case len(clients) > 1:
		line = sentences(line, fmt.Sprintf("The client may be %s.", joinOr(clients)))
	case len(clients) == 1 && w.program == inventory.Etcd && slices.Contains(bareAlerts, w.Kind):
		line = sentences(line, "Another program with a client of etcd (etcdctl, a backup) may be it too.")
	}
	about := fmt.Sprintf("By the files as they are now, %s verifies what %s shows", verifies.name, presents.name)
	if m.verdict == VerdictUnverified {
		about = fmt.Sprintf("By the files as they are now, nothing is verified there (%s)", m.reason)
	}
	if x := m.presented; x != nil && m.offered.Path != "" {
		about += fmt.Sprintf(": the certificate in %s%s, valid until %s", m.offered.Path, onNode(presents.node), instant(x.NotAfter))
	}
	clock := clockWords(w, w.isBoundOf(m.presented), o.At)
	e.Meaning = sentences(line, about+".", clock)
	if f, ok := t.staleFinding(presents, verifies); ok {
		e.Tie, e.Causes = TieRestart, []LogCause{t.causeOf(f, m.Label())}
		e.Meaning, e.Next = sentences(e.Meaning, causeWords(e.Causes)), causeNext(e.Causes[0])
		if f.Check != checkDiffers { // what is to run is to be decided before anything takes it up
			e.Next = ""
			t.restart(e, t.nodeNamed(f.Node), []string{f.Component})
		}
		return
	} else if w.isBoundOf(m.presented) {
		e.Tie, e.Next = TieOver, "Compare the clocks of both ends with the right time."
		return
	} else {
		e.stale(w, t.changed(m.suspect, presents, verifies))
	}
	if e.Tie == TieOver {
		e.Next = fmt.Sprintf("Nothing, unless such lines still come: then a process goes on with what was there before, and %s is to be restarted.", joinOr(programsOf(t.holders(w, presenting, verifying))))
		return
	}
	holders := t.holders(w, presenting, verifying)
	if slices.Contains(bareAlerts, w.Kind) && len(holders) > 1 { // none of which the line tells from the others
		e.Tie, e.Next = TieOpen, t.lookNext(w, *e, infoOf(w.Kind))
		if clients := clientsOf(w, sound); len(clients) > 0 {
			e.Next = fmt.Sprintf("The client's log tells why, at the same time: read that of %s beside this one.", joinOr(clients))
		}
		return
	}
	t.restartHolders(e, holders)
}

// explainPeople says that a program which people run may have used other files than those
// in view, with which nothing is wrong by now.
func (t *LogTies) explainPeople(w told, e *LogEvent, m match, line string, info logs.KindInfo) {
	e.Tie = TieOpen
	presents, verifies := ends(m.suspect)
	sound := "Nothing that is wrong in view explains it."
	if m.caller == people {
		sound = fmt.Sprintf("By the files as they are now, %s verifies what %s shows.", verifies.name, presents.name)
	}
	e.Meaning = sentences(line, sound,
		"Whoever wrote the line may have used another kubeconfig or CA file than those in view ($KUBECONFIG, ~/.kube/config, a flag).")
	if w.Direction != logs.Refuses {
		e.Next = "Compare the client certificate, or the token, of the kubeconfig that was used with those in view: certaudit inspect FILE shows it."
		return
	}
	e.Next = t.lookNext(w, *e, info)
	if ca := t.signerOf(m.presented, presents.node); ca != "" {
		e.Next = fmt.Sprintf("Compare the certificate-authority-data of the kubeconfig, or the CA file, that was used with %s%s.", ca, onNode(presents.node))
	}
}

// signerOf is the file of the CA that signed a certificate, of those of a node, a file of
// its own rather than one that holds it in a field; "" for none.
func (t *LogTies) signerOf(x *x509.Certificate, n *nodeAudit) string {
	if x == nil || n == nil {
		return ""
	}
	found := ""
	for _, c := range t.result.Certificates {
		if c.Node != n.name || c.X509 == nil || !c.X509.IsCA || found != "" && c.Field != "" {
			continue
		}
		if made, _ := n.verified(c.X509, x); !made {
			continue
		}
		if found = c.Path; c.Field == "" {
			return found
		}
	}
	return found
}

// party is one end of a connection.
type party struct {
	node *nodeAudit
	// name is as the connection has it, or says which kubeconfig people use, component the program that runs there, "" for
	// one that nobody restarts, and at what it shows or verifies with.
	name, component string
	at              parsers.Origin
}

// ends are who presents something and who verifies it.
func ends(s *suspect) (presents, verifies party) {
	client, server := party{node: s.client, name: s.Client}, party{node: s.server, name: s.Server}
	for _, p := range []*party{&client, &server} {
		if c := callerOf(p.name); inventory.IsProgram(c) {
			p.component = c
		}
	}
	if callerOf(client.name) == people && s.dialled.Path != "" {
		client.name = "the kubeconfig " + s.dialled.Path
	}
	presents, verifies = server, client
	if s.byClient {
		presents, verifies = client, server
	}
	presents.at, verifies.at = s.offered, s.trusted
	return presents, verifies
}

func onNode(n *nodeAudit) string {
	if n == nil {
		return ""
	}
	return on(n.name)
}

// changed is the last time at which something of what two ends show and verify with was
// written, or their processes began; zero where nothing says so.
func (t *LogTies) changed(s *suspect, presents, verifies party) time.Time {
	var last time.Time
	for _, p := range []party{presents, verifies} {
		if p.node != nil {
			last = latest(last, latest(p.node.inv.Files[p.at.Path].ModTime, p.node.started(p.component)))
		}
	}
	if s.presented != nil && last.IsZero() {
		last = s.presented.NotBefore
	}
	return last
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// staleFinding is one by which the audit, or a line, says that a process of one of two
// ends goes on with what was there before.
func (t *LogTies) staleFinding(parties ...party) (Finding, bool) {
	for _, p := range parties {
		if p.node == nil || p.component == "" {
			continue
		}
		for _, f := range slices.Concat(t.uses, t.findingsAt(p.node)) {
			if f.Node == p.node.name && f.Component == p.component && slices.Contains(staleChecks, f.Check) {
				return f, true
			}
		}
	}
	return Finding{}, false
}

// holders are the ends whose process may go on with what was there before: of a date, a
// name or a usage it is who shows the certificate, else the one whose files were written
// last, and both where that is not known.
func (t *LogTies) holders(w told, presenting, verifying []party) []party {
	if w.Direction == logs.Refuses && !slices.Contains(kindFaults[w.Kind], faultUntrusted) && len(presenting) > 0 {
		return presenting
	}
	both := slices.Concat(presenting, verifying)
	if len(presenting) == 0 || len(verifying) == 0 {
		return both
	}
	if stale := slices.DeleteFunc(slices.Clone(both), party.rereads); len(stale) > 0 {
		return stale
	}
	return both
}

// partiesOf are the ends of connections that a line may tell of, which present something
// and which verify it, by whether they are of the first's kind: only programs that run.
func partiesOf(all []match) (presenting, verifying []party) {
	for _, m := range all {
		if m.byClient != all[0].byClient || m.server != all[0].server || m.called != all[0].called {
			continue
		}
		presents, verifies := ends(m.suspect)
		if presents.component != "" && !slices.ContainsFunc(presenting, presents.isSame) {
			presenting = append(presenting, presents)
		}
		if verifies.component != "" && !slices.ContainsFunc(verifying, verifies.isSame) {
			verifying = append(verifying, verifies)
		}
	}
	return presenting, verifying
}

func (p party) isSame(o party) bool { return p.node == o.node && p.component == o.component }

// clientsOf name the programs that may be the client of a server's line.
func clientsOf(w told, all []match) []string {
	var names []string
	for _, m := range all {
		switch program := callerOf(m.Client); {
		case w.Side != logs.Server || !inventory.IsProgram(program) || m.called != all[0].called || m.server != all[0].server:
		case program == w.At.Component:
			names = union(names, []string{program + " itself"})
		default:
			names = union(names, []string{program})
		}
	}
	return names
}

// clientsTold are the matches of a server's line, without the clients that the log of
// another end rules out: a line of the same certificate says whose it is, and one of a
// client that refused, or was refused, at the same time that it is the one.
func (t *LogTies) clientsTold(w told, all []match) []match {
	if w.Side != logs.Server {
		return all
	}
	var owner, refused string
	if other, ok := t.otherEnd(w, LogEvent{}); ok {
		refused = other.At.Component
	}
	for _, g := range t.lines {
		if w.Direction != logs.Refuses || g.Side != logs.Client || w.isApart(g) || !w.isBeside(g) {
			continue
		}
		switch called := g.called.component; {
		case g.Direction == logs.Refuses && g.Kind == w.Kind && !w.Bound.IsZero() && g.Bound.Equal(w.Bound):
			owner = called
		case g.Direction == logs.Refused && called == w.At.Component:
			refused = g.At.Component
		}
	}
	for _, name := range []string{owner, refused} {
		told := slices.DeleteFunc(slices.Clone(all), func(m match) bool { return callerOf(m.Client) != name })
		if name != "" && len(told) > 0 {
			return told
		}
	}
	return all
}

// rereads reports whether the program at an end takes up by itself what is written to
// the file of the connection.
func (p party) rereads() bool {
	if p.node == nil {
		return false
	}
	for _, ref := range p.node.inv.References {
		if ref.Component == p.component && (ref.Place().Path == p.at.Path || ref.Path == p.at.Path) {
			once, known := p.node.readsOnce(ref)
			return known && !once
		}
	}
	return false
}

// nodeNamed is the node of a name in the result; nil for none.
func (t *LogTies) nodeNamed(name string) *nodeAudit {
	for _, n := range slices.Concat(t.nodes, t.looks) {
		if n.name == name {
			return n
		}
	}
	return nil
}

func programsOf(parties []party) []string {
	var names []string
	for _, p := range parties {
		known := slices.ContainsFunc(parties, func(o party) bool { return o.component == p.component && o.node != nil })
		if p.node != nil || !known {
			names = union(names, []string{p.component + onNode(p.node)})
		}
	}
	if names == nil {
		return []string{"what goes on with it"}
	}
	return names
}

// restartHolders says to restart those that may go on with what was there before.
func (t *LogTies) restartHolders(e *LogEvent, holders []party) {
	e.Cause = "restart " + strings.Join(programsOf(holders), ", ")
	e.Meaning = sentences(e.Meaning, fmt.Sprintf("So the line is older than that, or a process goes on with what was there before: %s.", joinOr(programsOf(holders))))
	byNode := map[*nodeAudit][]string{}
	var order []*nodeAudit
	for _, p := range holders {
		if p.node == nil || p.component == "" {
			continue
		}
		if byNode[p.node] == nil {
			order = append(order, p.node)
		}
		byNode[p.node] = union(byNode[p.node], []string{p.component})
	}
	if len(order) == 0 {
		e.Next = "Have whoever shows or verifies it read its files again."
		return
	}
	for _, n := range order {
		t.restart(e, n, byNode[n])
	}
}

// restart says to restart components of a node: none of which something that is wrong
// now would keep from coming back, and nothing that does not run there.
func (t *LogTies) restart(e *LogEvent, n *nodeAudit, components []string) {
	components = slices.DeleteFunc(slices.Clone(components), func(name string) bool { return !n.runs(name) })
	if len(components) == 0 {
		e.Next = sentences(e.Next, "If such lines still come: have whatever uses it read its files again.")
		return
	}
	for _, name := range components {
		if f, ok := t.hindrance(n, name); ok {
			e.Next = sentences(e.Next, fmt.Sprintf("Do not restart %s on %s before %s at %s is fixed: it might not come back.", name, n.name, f.Check, where(f.origin())))
			return
		}
	}
	p := &planner{nodeAudit: n}
	p.restart(components...)
	p.restartAll(work{findings: []string{}})
	p.sortSteps()
	var titles []string
	for _, s := range p.steps {
		if s.Phase == PhaseRestart || s.Phase == PhaseAsk {
			titles = append(titles, s.Title)
		}
		e.Commands = append(e.Commands, s.Commands...)
	}
	if titles == nil {
		titles = []string{"restart " + strings.Join(components, " and ")}
	}
	when := "If such lines still come, on"
	if len(e.Causes) > 0 {
		when = "On"
	}
	e.Next = sentences(e.Next, fmt.Sprintf("%s %s: %s.", when, n.name, strings.Join(titles, "; ")))
}

// runs reports whether a component is one of the node's.
func (n *nodeAudit) runs(component string) bool {
	_, ok := n.inv.Component(component)
	return ok && component != ""
}

// hindrance is a finding that may keep a component of a node from coming back after a
// restart: a critical one about it, about what it reads, or because of which it reaches
// something no more; and whatever says that it would take up something else.
func (t *LogTies) hindrance(n *nodeAudit, component string) (Finding, bool) {
	for _, f := range t.uses {
		if f.Node == n.name && f.Component == component {
			return f, true
		}
	}
	reads := map[string]bool{}
	if c, ok := n.inv.Component(component); ok {
		reads[c.Origin.Path] = true
	}
	for _, ref := range n.inv.References {
		if ref.Component == component {
			reads[ref.Place().Path], reads[ref.Origin.Path] = true, true
		}
	}
	for _, f := range t.findingsAt(n) {
		reaches := !slices.ContainsFunc(f.Breaks, func(label string) bool { return strings.HasPrefix(label, component+" -> ") })
		if f.Severity == Critical && !reaches || f.Severity == Critical && f.Node == n.name && f.isAbout(func(f Finding) bool { return f.Component == component || reads[f.Path] }) {
			return f, true
		}
	}
	return Finding{}, false
}
