package logs

import (
	"regexp"
	"strings"
)

// memberAt is how an etcd says where a member of its cluster is: in JSON, and before 3.6
// in text also. Sources: etcd etcdserver/api/membership cluster.go, rafthttp transport.go.
var memberAt = regexp.MustCompile(`"[a-z-]*peer-id":"([0-9a-f]{1,16})","[a-z-]*peer-urls":\["([^"]+)"|added (?:member|peer) ([0-9a-f]{1,16}) \[([^] ]+)`)

// noteMember keeps the URL that a line gives for the id of a member of etcd, by which later
// lines name it.
func (r *Reader) noteMember(text string) {
	if !strings.Contains(text, "peer-urls") && !strings.Contains(text, " added member ") || len(r.members) >= maxGroups {
		return
	}
	m := memberAt.FindStringSubmatch(unescaped(text[:min(len(text), maxLooked)]))
	if m == nil {
		return
	}
	if url := origin(m[2] + m[4]); url != "" {
		r.members[m[1]+m[3]] = url
	}
}
