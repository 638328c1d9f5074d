package audit_test

import (
	"os"
	"path/filepath"
	"testing"

	"certaudit/audit"
	"certaudit/audit/inventory"
	"certaudit/fixtures"
)

// Of files in a repository modes say nothing, keys are found by their names, and
// a link to a folder is followed for somebody who named it.
func TestPathEdges(t *testing.T) {
	c := fixtures.ControlPlane(fixtures.Options{})
	for _, name := range []string{"a", "b", "c"} {
		c.Issue("/x/"+name, fixtures.Spec{CommonName: name, DNSNames: []string{name + ".example.org"}})
	}
	file := func(of string, mode os.FileMode) fixtures.File {
		return fixtures.File{Data: c.Node[of].Data, Mode: mode}
	}
	node := fixtures.Node{
		"/open/a.crt": file("/x/a.crt", 0o666), "/open/a.key": file("/x/a.key", 0o666),
		"/names/a.pem": file("/x/a.crt", 0o644), "/names/a-key.pem": file("/x/b.key", 0o600),
		"/names/b.cert.pem": file("/x/b.crt", 0o644), "/names/b_key.pem": file("/x/c.key", 0o600),
		"/names/c.pem": file("/x/c.crt", 0o644), "/names/d.pem": file("/x/a.key", 0o600),
		"/names/link": {Link: "../open"}, "/empty/a.txt": {Data: []byte("x"), Mode: 0o644},
	}
	dir := t.TempDir()
	do(t, node.Write(dir))
	for _, tt := range []struct {
		name, path string
		want       []string
	}{
		{name: "open to all", path: "open"},
		{name: "keys of other names", path: "names", want: []string{
			"critical keys/mismatch names/a.pem: the private key of names/a-key.pem is not that of this certificate; expected a pair",
			"critical keys/mismatch names/b.cert.pem: the private key of names/b_key.pem is not that of this certificate; expected a pair",
		}},
		{name: "a link to a folder", path: "names/link"},
		{name: "a file of something else", path: "empty/a.txt"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, inv, err := inventory.GatherPaths(dir, []string{filepath.FromSlash(tt.path)}, nil, nil)
			do(t, err)
			r := audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now})
			compare(t, tt.want, told(r))
			if found := len(r.Certificates); (found == 0) != (tt.path == "empty/a.txt") {
				t.Errorf("%d certificates", found)
			}
		})
	}
}

// Equal certificates are one in memory, whatever files hold them, and their rows share
// what they have in common.
func TestEqualCertificatesAreShared(t *testing.T) {
	data := fixtures.ControlPlane(fixtures.Options{}).Node["/etc/kubernetes/pki/apiserver.crt"].Data
	dir := t.TempDir()
	for _, name := range []string{"a.crt", "b.crt"} {
		do(t, os.WriteFile(dir+"/"+name, data, 0o644))
	}
	_, inv, err := inventory.GatherPaths(dir, []string{dir}, nil, nil)
	do(t, err)
	if inv.Materials["a.crt"].Certificates[0].Certificate != inv.Materials["b.crt"].Certificates[0].Certificate {
		t.Error("the certificate of two files is in memory twice")
	}
	rows := audit.Run([]*inventory.Inventory{inv}, audit.Options{At: fixtures.Now}).Certificates
	if len(rows) != 2 || &rows[0].DNSNames[0] != &rows[1].DNSNames[0] {
		t.Errorf("%d rows, and their names are in memory twice", len(rows))
	}
}
