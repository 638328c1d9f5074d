package report

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"

	"certaudit/audit"
)

// x509View is a result as x509-certificate-exporter sees files: certificates and errors
// at places, each of which belongs to a source.
type x509View struct {
	items  []x509Item
	errors []x509Problem
	// from is the source of each place, those of revocation lists among them.
	from map[x509Location]x509From
	// bundles are how many places each source has.
	bundles map[x509From]int
}

// x509From is a source: what the exporter was asked to look at.
type x509From struct{ kind, name string }

// The kinds of source.
const (
	fromFile       = "file"
	fromKubeconfig = "kubeconfig"
)

// nodeSource is the name of the sources of a node.
const nodeSource = "node"

// x509Location is a file, or an entry of one.
type x509Location struct {
	node, path string
	// embedded is the kind of an entry of a kubeconfig, and entry its name. entry alone is
	// the field of another file.
	embedded, entry string
}

// kind is that of the source of a place.
func (at x509Location) kind() string {
	if at.embedded != "" {
		return fromKubeconfig
	}
	return fromFile
}

// x509Item is a certificate at a place.
type x509Item struct {
	x509Location
	certificate *audit.Certificate
}

// x509Problem is a place without what it should hold.
type x509Problem struct {
	x509Location
	reason string
	// store is the kind of key store that no password opens; "" for none.
	store string
}

// Reasons of errors, as version 4 has them.
const (
	reasonMissing = "not_found"
	reasonLink    = "broken_symlink"
	reasonDenied  = "permission_denied"
	reasonRead    = "read_failed"
	reasonNone    = "no_certificate_found"
)

// view sorts a result into places and sources.
func (x X509) view(r audit.Result, host Host) *x509View {
	v := &x509View{from: map[x509Location]x509From{}, bundles: map[x509From]int{}}
	known := map[x509Location]bool{}
	type one struct {
		at     x509Location
		index  int
		sha256 string
	}
	seen := map[one]bool{} // a certificate in several roles is one
	for i := range r.Certificates {
		c := &r.Certificates[i]
		for _, at := range locations(c, host) {
			switch {
			case c.SHA256 != "" && !seen[one{at, c.Index, c.SHA256}]:
				seen[one{at, c.Index, c.SHA256}] = true
				v.items = append(v.items, x509Item{x509Location: at, certificate: c})
			case c.SHA256 == "" && !known[at]:
				v.errors = append(v.errors, x509Problem{x509Location: at, reason: reasonOf(c, at)})
			}
			known[at] = true
		}
	}
	for _, l := range r.RevocationLists {
		known[x509Location{node: l.Node, path: host.path(l.Path)}] = true
	}
	for _, f := range r.Findings {
		reason, isError := obstacleReasons[f.Obstacle]
		if at := (x509Location{node: f.Node, path: host.path(f.Path)}); isError && !known[at] {
			known[at] = true
			v.errors = append(v.errors, x509Problem{x509Location: at, reason: reason, store: obstacleStores[f.Obstacle]})
		}
	}
	x.assign(v, known)
	return v
}

// locations are the places of a row: the entries of kubeconfigs that hold it, or whose
// file is none but theirs, else the file.
func locations(c *audit.Certificate, host Host) []x509Location {
	if len(c.Kubeconfigs) == 0 || c.Field == "" && c.Component != kubeconfigComponent {
		field := c.Field
		if c.Component == fileComponent {
			field = "" // a part of the file
		}
		return []x509Location{{node: c.Node, path: host.path(c.Path), entry: field}}
	}
	var out []x509Location
	for _, k := range c.Kubeconfigs {
		out = append(out, x509Location{c.Node, host.path(k.Path), k.Kind, k.Name})
	}
	return out
}

// kubeconfigComponent is the component of what only a kubeconfig among files names.
const kubeconfigComponent = "kubeconfig"

// reasonOf says why a row has no certificate.
func reasonOf(c *audit.Certificate, at x509Location) string {
	switch {
	case c.Absent == audit.AbsentMalformed:
		return reasonNone
	case at.embedded != "":
		return reasonRead
	case c.Absent == audit.AbsentUnreadable:
		return reasonDenied
	case c.Dangling:
		return reasonLink
	}
	return reasonMissing
}

// obstacleReasons are the reasons of findings about files that give no certificate.
var obstacleReasons = map[string]string{audit.ObstacleLink: reasonLink, audit.ObstacleDenied: reasonDenied, audit.ObstacleRead: reasonRead,
	audit.ObstaclePKCS12: "bad_passphrase", audit.ObstacleJKS: "bad_passphrase"}

// obstacleStores are the kinds of key store that no password opens.
var obstacleStores = map[string]string{audit.ObstaclePKCS12: "pkcs12", audit.ObstacleJKS: "jks"}

// assign gives each place its source. The sources are those of each PATH, and of what
// was found.
func (x X509) assign(v *x509View, known map[x509Location]bool) {
	missing := map[string]bool{}
	for _, e := range v.errors {
		missing[e.path] = missing[e.path] || e.reason == reasonMissing
	}
	files, dirs, kubeconfigs := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for at := range known {
		files[at.path] = !missing[at.path]
		kubeconfigs[at.path] = kubeconfigs[at.path] || at.embedded != ""
		for dir := path.Dir(at.path); !dirs[dir]; dir = path.Dir(dir) {
			dirs[dir] = true
		}
	}
	named := map[string]x509From{}
	for _, p := range x.Paths {
		switch {
		case kubeconfigs[p]:
			named[p] = x509From{fromKubeconfig, kubeconfigSource}
		case !files[p] && isFolder(p, dirs):
			named[p] = x509From{fromFile, folderSource(p)}
		default:
			named[p] = x509From{fromFile, filesSource}
		}
		v.bundles[named[p]] = 0
	}
	for at := range known {
		v.from[at] = sourceOf(at, named)
		v.bundles[v.from[at]]++
	}
	if len(v.bundles) == 0 {
		v.bundles[x509From{fromFile, nodeSource}] = 0
	}
}

// The names that version 4 gives to sources of its command line (internal/config,
// ApplyCLI).
const (
	filesSource      = "cli-files"
	kubeconfigSource = "cli-kubeconf"
)

// folderSource is the name of the source of a folder.
func folderSource(dir string) string {
	name := strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, dir), "-")
	return "cli-dir-" + cmp.Or(name, "anon")
}

// isFolder reports whether a PATH that is no file is a folder: something was found in
// it, or, of one that is missing, its name looks like it.
func isFolder(p string, dirs map[string]bool) bool {
	return !strings.ContainsAny(p, "*?[") && (dirs[p] || path.Ext(p) == "")
}

// sourceOf is the source of a place: that of the PATH that it lies at or below.
func sourceOf(at x509Location, named map[string]x509From) x509From {
	switch {
	case at.node != "" || len(named) == 0:
		return x509From{at.kind(), nodeSource}
	case at.kind() == fromKubeconfig:
		return x509From{fromKubeconfig, kubeconfigSource}
	}
	for p := at.path; ; p = path.Dir(p) {
		if s, ok := named[p]; ok && s.kind == fromFile {
			return s
		}
		if p == path.Dir(p) {
			return x509From{fromFile, filesSource}
		}
	}
}

// sources are all sources, sorted.
func (v *x509View) sources() []x509From {
	return slices.SortedFunc(maps.Keys(v.bundles), func(a, b x509From) int { return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.name, b.name)) })
}

// kinds are those of the sources, each once.
func (v *x509View) kinds() []string {
	var out []string
	for _, s := range v.sources() {
		out = append(out, s.kind)
	}
	return slices.Compact(out)
}

// counts are the errors by their counters.
func (v *x509View) counts() map[X509Error]int {
	counts := map[X509Error]int{}
	for _, e := range v.errors {
		s := v.from[e.x509Location]
		counts[X509Error{s.kind, s.name, e.reason}]++
		if e.store != "" {
			counts[X509Error{s.kind, s.name, e.store}]++
		}
	}
	return counts
}
