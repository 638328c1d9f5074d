package report

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	ics "github.com/arran4/golang-ical"
	"github.com/google/go-cmp/cmp"

	"certaudit/audit"
)

// event is what a calendar program knows of an event.
type event struct {
	UID, Summary, Description, Trigger, Action, AlarmText string
	Stamp, Start                                          time.Time
}

// validICS: lines as RFC 5545 wants them, and one event for each certificate
// of a node, with its alarm.
func validICS(t *testing.T, r audit.Result, out string) {
	t.Helper()
	if strings.Count(out, "\n") != strings.Count(out, "\r\n") || strings.Count(out, "\r") != strings.Count(out, "\r\n") || !strings.HasSuffix(out, "\r\n") {
		t.Error("a line ends in something else than CRLF")
	}
	for line := range strings.SplitSeq(out, "\r\n") {
		if len(line) > 75 || !utf8.ValidString(line) {
			t.Errorf("%d octets: %q", len(line), line)
		}
	}
	got := readICS(t, out)
	var want []event
	seen := map[[2]string]bool{}
	for _, c := range r.Certificates {
		if key := [2]string{c.Node, c.SHA256}; c.SHA256 != "" && !seen[key] {
			seen[key] = true
			want = append(want, wantEvent(r, c))
		}
	}
	uids := map[string]bool{}
	for i := range got {
		if got[i].UID == "" || uids[got[i].UID] {
			t.Errorf("the UID %q stands twice", got[i].UID)
		}
		uids[got[i].UID] = true
		got[i].UID = ""
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func readICS(t *testing.T, out string) []event {
	t.Helper()
	calendar, err := ics.ParseCalendar(strings.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	var events []event
	for _, e := range calendar.Events() {
		start, err := e.GetStartAt()
		if err != nil {
			t.Fatal(err)
		}
		stamp, err := e.GetDtStampTime()
		if err != nil {
			t.Fatal(err)
		}
		alarm := e.Alarms()[0]
		events = append(events, event{
			UID: e.Id(), Stamp: stamp, Start: start,
			Summary:     e.GetProperty(ics.ComponentPropertySummary).Value,
			Description: e.GetProperty(ics.ComponentPropertyDescription).Value,
			Trigger:     alarm.GetProperty(ics.ComponentPropertyTrigger).Value,
			Action:      alarm.GetProperty(ics.ComponentPropertyAction).Value,
			AlarmText:   alarm.GetProperty(ics.ComponentPropertyDescription).Value,
		})
	}
	return events
}

// wantEvent is the event of a certificate of a node, without its UID.
func wantEvent(r audit.Result, c audit.Certificate) event {
	e := event{Trigger: "-P30D", Action: "DISPLAY", Stamp: r.At.Truncate(time.Second), Start: c.NotAfter.Truncate(time.Second)}
	if c.Type == "CA" {
		e.Trigger = "-P180D"
	}
	var roles, files []string
	for _, other := range r.Certificates {
		if other.Node == c.Node && other.SHA256 == c.SHA256 {
			roles = append(roles, other.Role)
			file := other.Path + " " + other.Field
			if other.Path == "" || other.Field == "" {
				file = other.Path + other.Field
			}
			files = append(files, "File: "+file)
		}
	}
	slices.Sort(roles)
	slices.Sort(files)
	e.Summary = "Certificate expires: " + strings.Join(slices.Compact(roles), ", ")
	if c.Node != "" {
		e.Summary += " on " + c.Node
	}
	e.Summary = brief(e.Summary)
	e.AlarmText = e.Summary
	lines := append([]string{"Subject: " + c.CommonName, "Issuer: " + c.Issuer, "Serial: " + c.Serial, "SHA-256: " + c.SHA256}, slices.Compact(files)...)
	for i := range lines {
		lines[i] = brief(lines[i])
	}
	e.Description = strings.Join(lines, "\n")
	return e
}

// A certificate in several roles and places is one event; on another node it
// is another. A CA by its usages has the alarm of a CA.
func TestICSRoles(t *testing.T) {
	r := nothing()
	c := audit.Certificate{Node: "cp-1", Role: "etcd/serving", Type: "Server", Path: "/b", SHA256: "01", NotAfter: now}
	peer, copied, signer := c, c, c
	peer.Role, peer.Path, peer.Field = "etcd/peer", "/a", "f"
	copied.Node = "cp-2"
	signer.SHA256, signer.Usages = "02", []string{"cert sign"}
	missing := audit.Certificate{Node: "cp-1", Role: "admin/client"}
	r.Certificates = []audit.Certificate{c, peer, c, copied, signer, missing}
	type row struct{ Summary, Files, Trigger string }
	var got []row
	first := readICS(t, render(t, "ics", r, Options{}))
	for _, e := range first {
		_, files, _ := strings.Cut(e.Description, "\nFile: ")
		got = append(got, row{e.Summary, files, e.Trigger})
	}
	want := []row{
		{"Certificate expires: etcd/peer, etcd/serving on cp-1", "/a f\nFile: /b", "-P30D"},
		{"Certificate expires: etcd/serving on cp-2", "/b", "-P30D"},
		{"Certificate expires: etcd/serving on cp-1", "/b", "-P180D"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	f := &audit.Forecast{Ends: []audit.End{{Node: "cp-1", SHA256: "01", RenewedBy: audit.RenewedByItself}, {Node: "cp-2", SHA256: "01", RenewedBy: audit.RenewedByIssuer}}}
	rest := readICS(t, render(t, "ics", r, Options{Forecast: f}))
	if diff := cmp.Diff([]event{first[1], first[2]}, rest); diff != "" {
		t.Errorf("beside what renews itself (-want +got):\n%s", diff)
	}
	r.At = now.AddDate(0, 1, 0)
	for i, e := range readICS(t, render(t, "ics", r, Options{})) {
		if e.UID != first[i].UID || e.Stamp.Equal(first[i].Stamp) {
			t.Errorf("a month later event %d is %s of %v", i, e.UID, e.Stamp)
		}
	}
}

func TestFold(t *testing.T) {
	for in, want := range map[string]string{
		"":                             "\r\n",
		strings.Repeat("x", 75):        strings.Repeat("x", 75) + "\r\n",
		strings.Repeat("x", 76):        strings.Repeat("x", 75) + "\r\n x\r\n",
		strings.Repeat("x", 74) + "é":  strings.Repeat("x", 74) + "\r\n é\r\n",
		strings.Repeat("x", 73) + "é":  strings.Repeat("x", 73) + "é\r\n",
		strings.Repeat("x", 150) + "y": strings.Repeat("x", 75) + "\r\n " + strings.Repeat("x", 74) + "\r\n xy\r\n",
	} {
		if got := fold(in); got != want {
			t.Errorf("fold(%q) = %q, want %q", in, got, want)
		}
	}
}
