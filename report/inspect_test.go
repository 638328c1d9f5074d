package report_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"
	"unicode"

	"certaudit/audit"
	"certaudit/parsers"
	"certaudit/report"

	"github.com/google/go-cmp/cmp"
)

// inspection has everything that an inspection may show.
func inspection() *audit.Inspection {
	one := 1
	return &audit.Inspection{Source: "x", Expected: "etcd/serving", Unjudged: []string{"the node's name is not known"},
		Items: []audit.Item{
			{Kind: audit.ItemCertificate, Origin: parsers.Origin{Path: "x", Line: 3, Field: "data.a"}, Holder: "Secret b/c", Subject: "CN=\x1b[31mred", Issuer: "CN=ca",
				DNSNames: []string{"a", "b"}, NotBefore: time.Unix(0, 0).UTC(), NotAfter: time.Unix(86400, 0).UTC(), DaysLeft: -3, Validity: "expired",
				Serial: "abc", KeyAlgorithm: "Ed25519", PublicKeySHA256: "00", SignatureAlgorithm: "Ed25519", SHA256: "01ff", SHA1: "02", IssuedBy: 1, PrivateKey: 2},
			{Kind: audit.ItemCertificate, Origin: parsers.Origin{Path: "x"}, Subject: "CN=ca", Issuer: "CN=root", Validity: "not yet valid", KeyAlgorithm: "Ed25519", IsCA: true, MaxPathLen: &one, IssuedBy: -1, PrivateKey: -1},
			{Kind: audit.ItemPrivateKey, Origin: parsers.Origin{Path: "x"}, KeyAlgorithm: "Ed25519", PublicKeySHA256: "00", IssuedBy: -1, PrivateKey: -1},
			{Kind: audit.ItemRequest, Origin: parsers.Origin{Path: "x"}, Subject: "CN=r", KeyAlgorithm: "RSA-2048", PublicKeySHA256: "09", SignatureAlgorithm: "SHA256-RSA", IssuedBy: -1, PrivateKey: -1},
		},
		Chains:   []audit.Chain{{Items: []int{0, 1}, Missing: "CN=root", Order: "item 2 should follow item 1, which it signed"}},
		Problems: []parsers.Problem{{Origin: parsers.Origin{Path: "x", Line: 9}, Kind: parsers.KindBlock, Detail: "no END line"}},
		Findings: []audit.Finding{{Check: "validity/expired", Severity: audit.Critical, Message: "expired"}},
		Session:  &audit.Session{Address: "h:1", ServerName: "h", Protocol: "TLS 1.3", Cipher: "C", NameError: "x509: no", Roots: "ca.crt"},
	}
}

// A name that a terminal would obey is escaped, and every part has its line.
func TestWriteInspections(t *testing.T) {
	want := `endpoint h:1
  protocol   TLS 1.3
  cipher     C
  host name  x509: no
  chain      verifies against ca.crt

1  certificate  x:3 (Secret b/c data.a)
  subject     CN=\x1b[31mred
  DNS names   a, b
  issuer      CN=ca (item 2)
  valid       1970-01-01 00:00:00 UTC to 1970-01-02 00:00:00 UTC, expired, 2 days ago
  key         Ed25519, its private key is item 3
  signature   Ed25519
  CA          no
  serial      0A:BC
  SHA-256     01:FF
  SHA-1       02
  public key  SHA-256 00

2  certificate  x
  subject     CN=ca
  issuer      CN=root (not here)
  valid       0001-01-01 00:00:00 UTC to 0001-01-01 00:00:00 UTC, not yet valid
  key         Ed25519
  CA          yes, with at most 1 CAs below one another
  public key  SHA-256 

3  private key  x
  key         Ed25519, belongs to item 1
  public key  SHA-256 00

4  certificate request  x
  subject     CN=r
  key         RSA-2048
  signature   SHA256-RSA, NOT made with its own key
  public key  SHA-256 09

chain  1 -> 2 -> missing: CN=root
       out of order: item 2 should follow item 1, which it signed
expected  etcd/serving: CRITICAL validity/expired: expired
unjudged  the node's name is not known
problem  x:9: no END line
`
	i := inspection()
	var b strings.Builder
	if err := report.WriteInspections(&b, "text", []*audit.Inspection{i}, report.Options{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := report.WriteInspections(&b, "yaml", []*audit.Inspection{i}, report.Options{}); err == nil || err.Error() != `unknown format "yaml"; formats are text, json` {
		t.Errorf("an unknown format: %v", err)
	}
}

// Every format prints nothing that a terminal would obey but the colours that are
// asked for, the same each time, and a full disk is not a success.
func TestInspectionFormats(t *testing.T) {
	for _, format := range report.InspectionFormats() {
		for _, i := range []*audit.Inspection{inspection(), {}} {
			write := func(o report.Options) string {
				var b strings.Builder
				if err := report.WriteInspections(&b, format, []*audit.Inspection{i}, o); err != nil {
					t.Fatalf("%s: %v", format, err)
				}
				return b.String()
			}
			out := write(report.Options{})
			if strings.ContainsFunc(out, func(r rune) bool { return r != '\n' && unicode.IsControl(r) }) {
				t.Errorf("%s prints control characters: %q", format, out)
			}
			plain := strings.NewReplacer("\x1b[31m", "", "\x1b[33m", "", "\x1b[0m", "").Replace(write(report.Options{Color: true}))
			if diff := cmp.Diff(out, plain); diff != "" {
				t.Errorf("%s (-plain +coloured):\n%s", format, diff)
			}
			if err := report.WriteInspections(full{}, format, []*audit.Inspection{i}, report.Options{}); !errors.Is(err, io.ErrShortWrite) {
				t.Errorf("%s: %v", format, err)
			}
		}
	}
}

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }
