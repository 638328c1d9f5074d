package audit

import (
	"strings"
	"testing"
)

func faultyFinding() Finding {
	return Finding{Check: "validity/expired", Severity: Critical, Node: "cp-1", Component: "kubelet",
		Path: "/var/lib/kubelet/pki/kubelet-client-2025-10-24-12-00-00.pem", Line: 1,
		Field: "kubelet users[0].user.client-certificate", SHA256: "aa", Message: "expired on 2026-10-24", Remedy: "renew", Reference: "RFC 5280"}
}

// Baselines of earlier releases hold this value: it changes with
// fingerprintVersion only.
func TestFingerprintValue(t *testing.T) {
	const want = "476341ce4fd9d47885dff443f31b223248c9b324ab0b6939b7cceae6bb9b813a"
	if got := faultyFinding().Fingerprint(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestFingerprintSurvives(t *testing.T) {
	want := faultyFinding().Fingerprint()
	for name, change := range map[string]func(*Finding){
		"renewal":        func(f *Finding) { f.SHA256, f.Message = "bb", "expired on 2027-10-24" },
		"rotation":       func(f *Finding) { f.Path = "/var/lib/kubelet/pki/kubelet-client-2026-10-24-12-00-00.pem" },
		"moved line":     func(f *Finding) { f.Line = 99 },
		"moved element":  func(f *Finding) { f.Field = "kubelet users[12].user.client-certificate" },
		"other severity": func(f *Finding) { f.Severity = Info },
		"other wording":  func(f *Finding) { f.Remedy, f.Reference = "", "" },
	} {
		f := faultyFinding()
		change(&f)
		if got := f.Fingerprint(); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

func TestFingerprintTellsApart(t *testing.T) {
	seen := map[string]string{faultyFinding().Fingerprint(): "itself"}
	for name, change := range map[string]func(*Finding){
		"check":         func(f *Finding) { f.Check = "validity/expiring" },
		"node":          func(f *Finding) { f.Node = "cp-2" },
		"component":     func(f *Finding) { f.Component = "etcd" },
		"path":          func(f *Finding) { f.Path = "/var/lib/kubelet/pki/kubelet-server-2025-10-24-12-00-00.pem" },
		"folder":        func(f *Finding) { f.Path = "/copy" + f.Path },
		"field":         func(f *Finding) { f.Field = "kubelet users[0].user.client-key" },
		"shifted parts": func(f *Finding) { f.Component, f.Path = f.Component+f.Path, "" },
		"nothing":       func(f *Finding) { *f = Finding{} },
	} {
		f := faultyFinding()
		change(&f)
		got := f.Fingerprint()
		if other, twice := seen[got]; twice {
			t.Errorf("%s has the fingerprint of %s", name, other)
		}
		seen[got] = name
	}
}

func FuzzFingerprint(f *testing.F) {
	f.Add("cp-1", "/a/b.pem", "users[0].user")
	f.Add("\xff", strings.Repeat("0000-00-00-00-00-00.pem", 3), "[[0]]")
	f.Fuzz(func(t *testing.T, node, path, field string) {
		finding := Finding{Node: node, Path: path, Field: field}
		renewed := finding
		renewed.SHA256, renewed.Line, renewed.Message = "aa", 7, "m"
		if got, want := renewed.Fingerprint(), finding.Fingerprint(); got != want || len(got) != 64 {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}
