package logs

import "bytes"

// fields are the members of a line in JSON that say who wrote what and when, as they are
// written: of journalctl -o json (systemd.journal-fields(7)), of Docker's json-file, of
// the JSON of zap and klog, and of what adds the names of Kubernetes to a line.
type fields struct {
	log, stream                         []byte
	time                                []byte
	message, cursor, realtime, host     []byte
	identifier, unit, command, name     []byte
	lineBreak                           []byte
	caller                              []byte
	kubernetesHost, kubernetesContainer []byte
}

// set takes a member in.
func (f *fields) set(key, value []byte) {
	switch string(key) {
	case "log":
		f.log = value
	case "stream":
		f.stream = content(value)
	case "time", "ts", "timestamp", "@timestamp", "T":
		f.time = value
	case "caller":
		f.caller = content(value)
	case "kubernetes":
		f.kubernetes(value)
	default:
		f.journal(key, value)
	}
}

// kubernetes reads what collectors such as Fluent Bit add to a line.
func (f *fields) kubernetes(value []byte) {
	m, _ := object(value)
	for key, value, ok := m.next(); ok; key, value, ok = m.next() {
		switch string(key) {
		case "container_name":
			f.kubernetesContainer = content(value)
		case "host":
			f.kubernetesHost = content(value)
		}
	}
}

// journal takes a field of the journal in; of one that is there several times, an array,
// the first counts.
func (f *fields) journal(key, value []byte) {
	place := f.place(key)
	switch {
	case place == nil:
		return
	case place == &f.message: // an array of it are bytes
		f.message = value
		return
	case len(value) > 0 && value[0] == '[':
		value = value[1:]
		value = value[:valueLength(value)]
	}
	*place = content(value)
}

// place is where the value of a field of the journal is kept; nil for one that is of no
// interest.
func (f *fields) place(key []byte) *[]byte {
	switch string(key) {
	case "MESSAGE":
		return &f.message
	case "__CURSOR":
		return &f.cursor
	case "__REALTIME_TIMESTAMP":
		return &f.realtime
	case "_HOSTNAME":
		return &f.host
	case "SYSLOG_IDENTIFIER":
		return &f.identifier
	case "_SYSTEMD_UNIT":
		return &f.unit
	case "_COMM":
		return &f.command
	case "CONTAINER_NAME":
		return &f.name
	case "_LINE_BREAK":
		return &f.lineBreak
	}
	return nil
}

// jsonLayer is a line in JSON: Docker's json-file, the journal's, or a program's own, of
// which nothing is taken off.
func jsonLayer(b []byte) layer {
	m, _ := object(b)
	var f fields
	for key, value, ok := m.next(); ok; key, value, ok = m.next() {
		f.set(key, value)
	}
	switch {
	case f.log != nil && f.log[0] == '"':
		return f.containerLayer()
	case f.message != nil && (f.realtime != nil || f.cursor != nil || f.host != nil || f.identifier != nil):
		return f.journalLayer()
	}
	l := layer{rest: b, stamp: f.ownStamp()}
	if isEtcdCaller(f.caller) {
		l.who = []byte(etcd)
	}
	return l
}

// ownStamp is the time that a program wrote: RFC 3339, or seconds since 1970.
func (f *fields) ownStamp() stamp {
	s := content(f.time)
	switch {
	case s == nil && len(f.time) > 0:
		return stamp{f.time, unixTime}
	case s == nil:
		return stamp{}
	}
	return ownTime(s)
}

// containerLayer is a line of Docker's json-file. Without a line feed at its end it goes
// on in the next one of the stream.
func (f *fields) containerLayer() layer {
	l := layer{carrier: jsonFile, rest: content(f.log), encoding: jsonString, who: f.kubernetesContainer, host: f.kubernetesHost, stamp: f.ownStamp()}
	if string(f.stream) == "stderr" {
		l.stream = stderr
	}
	text, whole := bytes.CutSuffix(l.rest, []byte(`\n`))
	switch {
	case whole && !escaped(text):
		l.rest = text
	case f.kubernetesContainer == nil: // collectors take the line feed off
		l.more = true
	}
	return l
}

// journalLayer is an entry of the journal in JSON.
func (f *fields) journalLayer() layer {
	l := f.entryLayer(journalJSON)
	switch f.message[0] {
	case '"':
		l.rest, l.encoding = content(f.message), jsonString
	case '[':
		l.rest, l.encoding = f.message, jsonNumbers
	}
	return l
}

// entryLayer is an entry of the journal without its text. The journal cuts lines of more
// than 48 KiB, and says so.
func (f *fields) entryLayer(c carrier) layer {
	l := layer{carrier: c, host: f.host, stamp: stamp{f.realtime, microTime}, more: string(f.lineBreak) == "line-max"}
	if f.realtime == nil {
		l.stamp = stamp{}
	}
	// Docker names the containers of Kubernetes k8s_container_pod_namespace_uid_attempt.
	if parts := bytes.Split(f.name, []byte("_")); len(parts) == 6 && string(parts[0]) == "k8s" {
		l.who = parts[1]
		return l
	}
	for _, who := range [][]byte{f.identifier, f.unit, f.command} {
		if isProgram(who) {
			l.who = who
			return l
		}
		if l.who == nil && !isWrapper(who) {
			l.who = who
		}
	}
	return l
}
