package audit

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"certaudit/parsers"
)

// maxScanned bounds how many files below the given paths are looked at.
const maxScanned = 200_000

// GatherPaths reads files, and folders with all below them, that need not
// belong to a node: certificates, keys, kubeconfigs and Kubernetes objects,
// recognised by content. Paths below the working folder are shown relative to
// it. progress, unless nil, is called with the number of files read so far. A
// path that does not exist is an error, since somebody wrote it by hand.
func GatherPaths(paths []string, progress func(files int)) (*Inventory, error) {
	r, err := openRoot("/")
	if err != nil {
		return nil, err
	}
	defer r.close()
	here, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	s := &scanner{gatherer: newGatherer(r), here: here, progress: progress}
	for _, name := range paths {
		abs, err := filepath.Abs(name)
		if err != nil {
			return nil, err
		}
		if f, _ := r.stat(abs); !f.exists() {
			return nil, fmt.Errorf("%q %s", name, f.Reason)
		}
		s.scan(filepath.ToSlash(abs), true)
	}
	s.pair()
	return s.inv, nil
}

// scanner looks at everything below some paths.
type scanner struct {
	*gatherer
	here     string
	files    int
	progress func(int)
}

// scanAll looks at paths of a node that no component names.
func (s *scanner) scanAll(paths []string) {
	for _, name := range paths {
		name = path.Clean("/" + name)
		if f, _ := s.root.stat(name); !f.exists() {
			s.lost("", parsers.Problem{Origin: parsers.Origin{Path: name}, Kind: kindUnreadable, Detail: f.Reason + ", and the policy names it"})
			continue
		}
		s.scan(name, true)
	}
	s.pair()
}

// shown is the path for a reader.
func (s *scanner) shown(name string) string {
	if s.here == "" {
		return name
	}
	if rel, ok := strings.CutPrefix(name, strings.TrimSuffix(s.here, "/")+"/"); ok {
		return rel
	}
	return name
}

// scan looks at a file, or at all that lies in a folder. Links to folders are
// not followed unless somebody named them, so that nothing is seen twice or
// without end.
func (s *scanner) scan(name string, named bool) {
	f, isDir := s.root.stat(name)
	switch {
	case s.files >= maxScanned:
		if s.once("", "limit") {
			s.lost("", parsers.Problem{Origin: parsers.Origin{Path: s.shown(name)}, Kind: parsers.KindLimit, Detail: fmt.Sprintf("is one file more than the %d that are looked at", maxScanned)})
		}
	case isDir && (f.Link == "" || named):
		s.folder(name)
	case isDir:
	default:
		s.file(name)
	}
}

func (s *scanner) folder(dir string) {
	names, err := s.root.list(dir)
	if err != nil {
		s.lost("", parsers.Problem{Origin: parsers.Origin{Path: s.shown(dir)}, Kind: kindUnreadable, Detail: "cannot be listed: " + bareError(err)})
	}
	for _, n := range names {
		if n != ".git" {
			s.scan(path.Join(dir, n), false)
		}
	}
}

func (s *scanner) file(name string) {
	s.files++
	if s.progress != nil {
		s.progress(s.files)
	}
	f, data := s.root.read(name)
	f.Path = s.shown(name)
	if s.here != "" {
		f.Mode &^= os.ModePerm // a repository does not keep modes
	}
	switch {
	case f.State == Readable && isMaterial(name, data):
		s.inv.Files[f.Path] = f
		s.material(f.Path, data)
	case f.State == Readable && isObject(data):
		s.inv.Files[f.Path] = f
		s.objects(f.Path, data)
	case f.State == Unreadable, f.State != Readable && slices.Contains(materialSuffixes, path.Ext(name)):
		s.lost("", parsers.Problem{Origin: parsers.Origin{Path: f.Path}, Kind: kindUnreadable, Detail: f.Reason})
	}
	clear(data)
}

// isMaterial reports whether a file holds certificates or keys: it is called so,
// or begins like openssl's output.
func isMaterial(name string, data []byte) bool {
	if slices.Contains(materialSuffixes, path.Ext(name)) {
		return true
	}
	start := bytes.TrimSpace(data[:min(len(data), 4096)])
	for _, prefix := range []string{"-----BEGIN ", "Certificate:\n", "Bag Attributes"} {
		if bytes.HasPrefix(start, []byte(prefix)) {
			return true
		}
	}
	return false
}

// isObject reports whether a file looks like a Kubernetes object, a kubeconfig
// among them.
func isObject(data []byte) bool {
	start := data[:min(len(data), 1<<16)]
	return bytes.Contains(start, []byte("apiVersion")) && bytes.Contains(start, []byte("kind"))
}

// material adds the certificates and keys of one file.
func (s *scanner) material(name string, data []byte) {
	m := parsers.ParseMaterial(parsers.Origin{Path: name}, data)
	s.inv.Materials[name] = m
	s.inv.References = append(s.inv.References, fileReferences(componentFile, m, Reference{Path: name})...)
}

// fileReferences says what material is by what it holds.
func fileReferences(component string, m parsers.Material, ref Reference) []Reference {
	ref.Component, ref.Role, ref.Name = component, roleFileLeaf, ref.Origin.Field
	var out []Reference
	if len(m.Certificates) > 0 || len(m.Keys) == 0 {
		ref.Holds = HoldsCertificate
		if len(m.Certificates) > 0 && m.Certificates[0].IsCA {
			ref.Holds, ref.Role = HoldsBundle, roleFileCA
		}
		out = append(out, ref)
	}
	if slices.ContainsFunc(m.Keys, func(k parsers.Key) bool { return k.Private }) {
		ref.Holds = HoldsPrivateKey
		out = append(out, ref)
	}
	return out
}

// objects adds what the documents of a file hold. A template that was not
// rendered is no object yet.
func (s *scanner) objects(name string, data []byte) {
	docs, problems := parsers.ParseDocuments(name, data)
	for _, p := range problems {
		if p.Kind == parsers.KindSyntax && bytes.Contains(data, []byte("{{")) {
			p.Kind = parsers.KindUnsupported
			s.noted(componentFile, p)
			continue
		}
		s.lost(componentFile, p)
	}
	for _, d := range docs {
		if k, ok := d.Kubeconfig(); ok {
			s.lost(componentFile, k.Problems...)
			s.inv.Kubeconfigs[name] = k
			s.kubeconfigUsers(name, k)
			continue
		}
		s.embedded(d)
	}
}

// kubeconfigUsers adds what a kubeconfig embeds. Files that it names are looked
// at if they lie below the given paths.
func (s *scanner) kubeconfigUsers(name string, k parsers.Kubeconfig) {
	add := func(holds Holding, role, pair string, e parsers.Embedded) {
		if !e.IsZero() {
			s.inv.References = append(s.inv.References, Reference{Component: "kubeconfig", Name: e.Origin.Field, Origin: e.Origin, Holds: holds, Role: role, Pair: pair, Embedded: &e.Material})
		}
	}
	for _, c := range k.Clusters {
		add(HoldsBundle, roleFileCA, "", c.CAData)
	}
	for _, u := range k.Users {
		pair := name + "/" + u.Name
		add(HoldsCertificate, roleFileLeaf, pair, u.CertificateData)
		add(HoldsPrivateKey, roleFileLeaf, pair, u.KeyData)
	}
}

// embedded adds the PEM that fields of an object hold, as it is or in base64.
func (s *scanner) embedded(d parsers.Document) {
	component := objectName(d)
	for _, t := range d.Scalars() {
		data := pemOf(t.Value)
		if data == nil {
			continue
		}
		m := parsers.ParseMaterial(t.Origin, data)
		clear(data)
		pair := ""
		if prefix, ok := strings.CutSuffix(t.Origin.Field, `["tls.crt"]`); ok {
			pair = t.Origin.Path + prefix + fmt.Sprint(d.Line())
		} else if prefix, ok := strings.CutSuffix(t.Origin.Field, `["tls.key"]`); ok {
			pair = t.Origin.Path + prefix + fmt.Sprint(d.Line())
		}
		s.inv.References = append(s.inv.References, fileReferences(component, m, Reference{Origin: t.Origin, Embedded: &m, Pair: pair})...)
	}
}

// objectName is "Secret kube-system/tls".
func objectName(d parsers.Document) string {
	name := path.Join(d.First("metadata.namespace").Value, d.First("metadata.name").Value)
	return strings.TrimSpace(d.Kind() + " " + name)
}

// pemOf returns the PEM text in a scalar, or nil.
func pemOf(value string) []byte {
	const begin = "-----BEGIN "
	if strings.Contains(value, begin) {
		return []byte(value)
	}
	trimmed := strings.TrimSpace(value)
	if !strings.HasPrefix(trimmed, base64.StdEncoding.EncodeToString([]byte(begin[:9]))) {
		return nil
	}
	data, err := base64.StdEncoding.DecodeString(trimmed)
	if err != nil {
		return nil
	}
	return data
}

// pair joins certificates and keys that lie beside each other under one name.
func (s *scanner) pair() {
	for i := range s.inv.References {
		if ref := &s.inv.References[i]; ref.Component == componentFile && ref.Path != "" && ref.Holds != HoldsBundle {
			ref.Pair = stem(ref.Path)
		}
	}
}

// stem is what the names of a certificate and of its key have in common:
// "tls" of tls.crt and tls.key, "admin" of admin.pem and admin-key.pem.
func stem(name string) string {
	base := strings.TrimSuffix(name, path.Ext(name))
	for _, suffix := range []string{".key", "-key", "_key", ".crt", ".cert", "-cert"} {
		base = strings.TrimSuffix(base, suffix)
	}
	return base
}
