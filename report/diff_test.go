package report

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"certaudit/audit"
)

// changed is an awkward difference: each change once, two nodes, hostile names.
func changed() audit.Difference {
	yes, no := true, false
	cert := func(name string, days int) *audit.Certificate {
		return &audit.Certificate{Node: "cp-1", Role: "kube-apiserver/serving", Path: "/pki/apiserver.crt", CommonName: name, NotAfter: now.AddDate(0, 0, days)}
	}
	finding := func(check string, s audit.Severity, path, message string) audit.Finding {
		return audit.Finding{Check: check, Severity: s, Node: "cp-1", Component: "kube-apiserver", Path: path, Message: message}
	}
	waived := finding("files/permissions", audit.Warning, "/pki/a.key", "may be read by others")
	waived.Waiver = &audit.WaivedBy{Reason: "known", Until: "2027-01-31"}
	return audit.Difference{Schema: audit.DiffSchema, Old: audit.DiffSide{At: now, Nodes: 2, Findings: 4}, New: audit.DiffSide{At: now.AddDate(0, 0, -1), Nodes: 2, Findings: 5},
		Nodes: []audit.NodeChange{{Change: audit.ChangeGone, Node: "cp-2", Old: "v1.34.4, kubeadm"}, {Change: audit.ChangeNew, Node: "cp-3\u202e", New: "v1.35.0, kubeadm"},
			{Change: audit.ChangeVersion, Node: "cp-1", Old: "v1.34.4, kubeadm", New: "v1.35.0, kubeadm"}},
		Certificates: []audit.CertificateChange{
			{Change: audit.ChangeRenewed, Node: "cp-1", Role: "r", Path: "/pki/apiserver.crt", SameKey: &yes, Old: cert("kube-apiserver", 10), New: cert("kube-apiserver", 365)},
			{Change: audit.ChangeReplaced, Node: "cp-1", Role: "r", Path: "/pki/ca.crt", SameKey: &no, Old: cert("a", 10), New: cert("b", 365),
				Fields: []audit.FieldChange{{Field: "common name", Old: []string{"a"}, New: []string{"b"}}, {Field: "alternative names", Old: []string{}, New: []string{"x\x1b[31m", strings.Repeat("n", 90), "y"}}}},
			{Change: audit.ChangeRenewed, Node: "cp-1", Role: "r", Path: "/etc/admin.conf", Field: "users[0].user.client-certificate-data", Old: cert("a", 10), New: cert("a", 365)},
			{Change: audit.ChangeNew, Node: "cp-3\u202e", Role: "r", Path: "/pki/new.crt", New: cert("", 365)},
			{Change: audit.ChangeGone, Node: "cp-2", Role: "r", Path: "/pki/old.crt", Old: cert("old", -3)},
		},
		Connections: []audit.ConnectionChange{
			{Change: audit.ChangeVerdict, Node: "cp-1", Client: "kube-scheduler", Server: "kube-apiserver", Address: "https://a", Old: audit.VerdictBroken, New: audit.VerdictOK},
			{Change: audit.ChangeVerdict, Node: "cp-1", Client: "kubelet", Server: "kube-apiserver", Address: "https://a", Old: audit.VerdictOK, New: audit.VerdictBroken, Reason: "expired"},
			{Change: audit.ChangeVerdict, Node: "cp-1", Client: "admin", Server: "kube-apiserver", Address: "https://a", Old: audit.VerdictOK, New: audit.VerdictBroken, Reason: "expired"},
			{Change: audit.ChangeGone, Node: "cp-2", Client: "kubelet", Server: "kube-apiserver", Old: audit.VerdictOK},
			{Change: audit.ChangeNew, Node: "cp-3\u202e", Client: "kubelet", Server: "kube-apiserver", New: audit.VerdictUnknown, Reason: "the server is not in view"},
		},
		Findings: []audit.FindingChange{
			{Change: audit.ChangeWorse, Was: audit.Warning, Finding: finding("validity/expiring", audit.Critical, "/pki/a.crt", "expires on 2026-11-25, in 2 days; renew it before")},
			{Change: audit.ChangeNew, Finding: finding("validity/expired", audit.Critical, "/pki/b.crt", "expired on 2026-11-20 12:00 UTC, 3 days ago; it must be renewed")},
			{Change: audit.ChangeNew, Finding: waived},
			{Change: audit.ChangeUnseen, Finding: finding("keys/mismatch", audit.Critical, "/pki/c.crt", "is no pair")},
			{Change: audit.ChangeMilder, Was: audit.Critical, Finding: finding("validity/expiring", audit.Warning, "/pki/d.crt", "expires")},
			{Change: audit.ChangeFixed, Finding: finding("chain/untrusted", audit.Critical, "/pki/e|`.crt", "is of another CA")},
		},
		Settings: []audit.SettingChange{{Node: "cp-1", Component: "kube-apiserver", Name: "client-ca-file", Old: "/a", New: "/b"}, {Node: "cp-1", Component: "etcd", Old: "", New: "runs"}, {Node: "cp-1", Component: "etcd", Name: "auto-tls", Old: "true"}},
		Unseen:   []audit.Gap{{Node: "cp-2", Reason: "NEW does not have the node"}},
		Neither:  []audit.Gap{{Node: "cp-1", Reason: "both: no rights (keys/mismatch)"}},
	}
}

// unchanged is the difference of nothing.
func unchanged() audit.Difference {
	return audit.Difference{Schema: audit.DiffSchema, Old: audit.DiffSide{At: now, Nodes: 1, Findings: 1}, New: audit.DiffSide{At: now, Nodes: 1, Findings: 1}, Nodes: []audit.NodeChange{},
		Certificates: []audit.CertificateChange{}, Connections: []audit.ConnectionChange{}, Findings: []audit.FindingChange{}, Unseen: []audit.Gap{}, Neither: []audit.Gap{}}
}

func renderDiff(t *testing.T, name string, d audit.Difference) string {
	t.Helper()
	formats := DiffFormats()
	i := slices.IndexFunc(formats, func(form FormatOf[audit.Difference]) bool { return form.Name == name })
	var b bytes.Buffer
	if err := formats[i].Write(&b, d, Options{}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestDiffFormats(t *testing.T) {
	for _, form := range DiffFormats() {
		ending := map[string]string{"text": "txt", "markdown": "md", "json": "json"}[form.Name]
		golden(t, "changed-diff."+ending, renderDiff(t, form.Name, changed()))
		golden(t, "unchanged-diff."+ending, renderDiff(t, form.Name, unchanged()))
		for line := range strings.Lines(renderDiff(t, form.Name, changed())) {
			if line = strings.TrimSuffix(line, "\n"); strings.ContainsFunc(line, unprintable) || form.Name == "text" && textWidth(line) > 105 {
				t.Errorf("%s: %d columns: %q", form.Name, textWidth(line), line)
			}
		}
	}
	var got audit.Difference
	if err := json.Unmarshal([]byte(renderDiff(t, "json", changed())), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(changed(), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// That NEW is the older one is said where the times that are shown differ.
func TestDiffOfTimes(t *testing.T) {
	at := now.Truncate(time.Minute)
	for later, want := range map[time.Duration]bool{0: false, 30 * time.Second: false, time.Minute: true} {
		d := audit.Difference{Old: audit.DiffSide{At: at.Add(later)}, New: audit.DiffSide{At: at}}
		if got := strings.Contains(diffSummary(d), "was judged for a time before"); got != want {
			t.Errorf("%s before: %v, want %v", later, got, want)
		}
	}
}

// A section of many lines counts the rest.
func TestDiffIsBounded(t *testing.T) {
	d := unchanged()
	for range maxDiffLines + 7 {
		d.Findings = append(d.Findings, changed().Findings[1])
	}
	for name, want := range map[string]string{"text": "\n  7 more, see the json format\n", "markdown": "\n- 7 more\n"} {
		if text := renderDiff(t, name, d); !strings.Contains(text, want) || strings.Count(text, "/pki/b.crt") != maxDiffLines {
			t.Errorf("%s: %d lines", name, strings.Count(text, "/pki/b.crt"))
		}
	}
}
