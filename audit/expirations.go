package audit

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"certaudit/audit/inventory"
	"certaudit/parsers"
)

// expirations returns the rows of kubeadm certs check-expiration, in its order;
// none on a node without kubeadm's control plane. The error is the one that
// kubeadm ends with instead.
func expirations(n *nodeAudit) ([]Expiration, error) {
	if !n.controlPlane() {
		return nil, nil
	}
	external := n.externalEtcd()
	var rows, cas []Expiration
	for _, k := range kubeadmCertificates() {
		if k.Etcd && external || n.facts.version.Value != "" && !(Interval{Since: k.Since}).holds(n.facts.version.Value) {
			continue
		}
		if k.IsCA() {
			cas = append(cas, Expiration{Name: k.Name, IsCA: true})
		} else {
			rows = append(rows, Expiration{Name: k.Name, Authority: n.shownAuthority(k)})
		}
	}
	rows = append(rows, cas...)
	for i := range rows {
		if err := n.expiration(&rows[i]); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// kubeadmCertificates are the files that kubeadm certs check-expiration lists, in
// its order.
var kubeadmCertificates = sync.OnceValue(func() []inventory.KubeadmFile {
	files := slices.DeleteFunc(inventory.KubeadmFiles(), func(k inventory.KubeadmFile) bool { return k.Name == "" })
	slices.SortFunc(files, func(a, b inventory.KubeadmFile) int { return cmp.Compare(a.Name, b.Name) })
	return files
})

// controlPlane reports whether kubeadm's control plane lives on the node.
func (n *node) controlPlane() bool {
	if n.facts.profile != ProfileKubeadm {
		return false
	}
	if _, ok := n.inv.Component("kube-apiserver"); ok {
		return true
	}
	return slices.ContainsFunc(kubeadmCertificates(), func(k inventory.KubeadmFile) bool {
		return !k.IsCA() && n.inv.Files[n.inv.KubeadmPath(k)].Exists()
	})
}

// externalEtcd reports whether kubeadm manages no etcd on the node: its
// configuration says so or, where that is not in view, the etcd in its folder of
// static pods is not there, or has no certificate of kubeadm's.
func (n *node) externalEtcd() bool {
	for _, o := range n.inv.Objects {
		if o.Etcd != "" {
			return o.Etcd == inventory.EtcdExternal
		}
	}
	etcd, runs := n.inv.Component("etcd")
	if !runs {
		return !n.inv.Files[n.certPath("etcd/server.crt")].Exists()
	}
	return !n.isStatic(etcd) || !strings.HasPrefix(etcd.Setting("cert-file").Value, path.Dir(n.certPath("etcd/server.crt"))+"/")
}

// etcdLikeOthers are the versions in which kubeadm names the CA of kubeconfigs,
// and asks whether that of etcd is managed elsewhere (kubernetes/kubernetes#106891
// and its cherry-picks).
var etcdLikeOthers = []Interval{{Since: "1.20.14", Until: "1.21"}, {Since: "1.21.8", Until: "1.22"}, {Since: "1.22.5", Until: "1.23"}, {Since: "1.23.1"}}

// inVersions reports whether the node's version is one of some; the newest is
// taken for one that is not known.
func (n *node) inVersions(ranges []Interval) bool {
	v := n.facts.version.Value
	return v == "" || slices.ContainsFunc(ranges, func(iv Interval) bool { return iv.holds(v) })
}

// shownAuthority is the CA that kubeadm prints for a file.
func (n *node) shownAuthority(k inventory.KubeadmFile) string {
	if k.Holds == inventory.HoldsKubeconfig && !n.inVersions(etcdLikeOthers) {
		return ""
	}
	return k.Authority
}

// expiration fills in a row as kubeadm does: what is not there is missing, and
// what is there and cannot be read ends the command.
func (n *nodeAudit) expiration(row *Expiration) error {
	k, _ := kubeadmFileNamed(row.Name)
	name := n.inv.KubeadmPath(k)
	if n.absent(name) {
		*row = Expiration{Name: row.Name, IsCA: row.IsCA, Missing: true}
		return nil
	}
	ca, signed := k.SignedBy()
	if !signed {
		ca = k
	}
	external, err := n.externallyManaged(ca)
	if err != nil {
		return err
	}
	c, err := n.kubeadmCertificate(k)
	if err != nil {
		return err
	}
	row.NotAfter, row.ExternallyManaged = c.NotAfter.UTC(), external
	return nil
}

func kubeadmFileNamed(name string) (inventory.KubeadmFile, bool) {
	all := kubeadmCertificates()
	i := slices.IndexFunc(all, func(k inventory.KubeadmFile) bool { return k.Name == name })
	if i < 0 {
		return inventory.KubeadmFile{}, false
	}
	return all[i], true
}

// absent reports whether kubeadm prints !MISSING! for a file: nothing lies there,
// or a folder. What this program may not look at is not absent.
func (n *node) absent(name string) bool {
	switch f := n.inv.Files[name]; f.State {
	case inventory.Unreadable, inventory.Readable, inventory.TooLarge:
		return false
	case inventory.NotRegular:
		return f.Mode.IsDir()
	}
	return true
}

// certificateFile returns the certificates of a file as client-go's
// util/cert.CertsFromFile does, with its errors.
func (n *node) certificateFile(name string) ([]parsers.Certificate, error) {
	if err := n.openError(name); err != nil {
		return nil, err
	}
	certs, err := pemCertificates(n.inv.Materials[name])
	if err != nil {
		return nil, fmt.Errorf("error reading %s: %w", name, err)
	}
	return certs, nil
}

// openError is why a program could not read a file, nil if this one could.
func (n *node) openError(name string) error {
	switch f := n.inv.Files[name]; f.State {
	case inventory.Readable:
		return nil
	case inventory.Missing, inventory.DanglingLink, "":
		return fmt.Errorf("open %s: no such file or directory", name)
	case inventory.Unreadable:
		if f.Denied() {
			return fmt.Errorf("open %s: permission denied", name)
		}
		return fmt.Errorf("%s %s", name, f.Reason)
	default:
		return fmt.Errorf("%s %s", name, f.Reason)
	}
}

// pemCertificates are those that client-go's util/cert.ParseCertsPEM returns: one
// that cannot be parsed spoils all.
func pemCertificates(m parsers.Material) ([]parsers.Certificate, error) {
	for _, p := range m.Problems {
		if p.Kind == parsers.KindCertificate {
			return nil, errors.New(p.Detail)
		}
	}
	if len(m.Certificates) == 0 || m.Certificates[0].Origin.Line == 0 {
		return nil, errors.New("data does not contain any valid RSA or ECDSA certificates")
	}
	return m.Certificates, nil
}

// kubeadmCertificate is the certificate that kubeadm looks at: the first of a
// file, or of what a kubeconfig embeds for its current user.
//
// Source: kubernetes cmd/kubeadm/app/phases/certs/renewal/readwriter.go.
func (n *node) kubeadmCertificate(k inventory.KubeadmFile) (parsers.Certificate, error) {
	name := n.inv.KubeadmPath(k)
	if k.Holds == inventory.HoldsKubeconfig {
		return n.embeddedCertificate(name)
	}
	certs, err := n.certificateFile(name)
	if err != nil {
		return parsers.Certificate{}, fmt.Errorf("failed to load existing certificate %s: %w", strings.TrimSuffix(k.Path, ".crt"), err)
	}
	return certs[0], nil
}

func (n *node) embeddedCertificate(name string) (parsers.Certificate, error) {
	fail := func(format string, args ...any) (parsers.Certificate, error) {
		return parsers.Certificate{}, fmt.Errorf(format, args...)
	}
	if err := n.openError(name); err != nil {
		return fail("failed to load kubeConfig file %s: %w", name, err)
	}
	for _, p := range n.inv.Problems {
		if p.Origin.Path == name && p.Lost && p.Kind != parsers.KindEmpty {
			return fail("failed to load kubeConfig file %s: %s", name, p.Detail)
		}
	}
	k := n.inv.Kubeconfigs[name]
	i := slices.IndexFunc(k.Contexts, func(c parsers.KubeContext) bool { return c.Name == k.CurrentContext.Value })
	if i < 0 {
		return fail("invalid kubeConfig file %s: missing context %s", name, k.CurrentContext.Value)
	}
	c := k.Contexts[i]
	cluster, ok := k.Cluster(c.Cluster)
	switch {
	case !ok:
		return fail("invalid kubeConfig file %s: missing cluster %s", name, c.Cluster)
	case cluster.CAData.IsZero():
		return fail("kubeConfig file %s does not have an embedded server certificate", name)
	}
	user, ok := k.User(c.User)
	switch {
	case !ok:
		return fail("invalid kubeConfig file %s: missing authInfo %s", name, c.User)
	case user.CertificateData.IsZero():
		return fail("kubeConfig file %s does not have an embedded client certificate", name)
	}
	certs, err := pemCertificatesIn(user.CertificateData)
	if err != nil {
		return fail("kubeConfig file %s does not contain a valid client certificate: %w", name, err)
	}
	return certs[0], nil
}

// pemCertificatesIn is [pemCertificates] for a field, whose material has the line
// of the field.
func pemCertificatesIn(e parsers.Embedded) ([]parsers.Certificate, error) {
	for _, p := range e.Material.Problems {
		if p.Kind == parsers.KindSyntax {
			return nil, errors.New(p.Detail)
		}
	}
	return pemCertificates(e.Material)
}

// externalCAs list what kubeadm verifies where the key of a CA is not on the node.
//
// Source: kubernetes cmd/kubeadm/app/phases/certs/certs.go UsingExternalCA,
// UsingExternalFrontProxyCA, UsingExternalEtcdCA.
var externalCAs = map[string]struct {
	words  string
	leaves []struct{ name, words string }
}{
	"ca":             {"CA", []struct{ name, words string }{{"apiserver", "API server"}, {"apiserver-kubelet-client", "API server kubelet client"}}},
	"front-proxy-ca": {"front-proxy CA", []struct{ name, words string }{{"front-proxy-client", "front-proxy client"}}},
	"etcd/ca": {"etcd CA", []struct{ name, words string }{{"apiserver-etcd-client", "apiserver etcd client"}, {"etcd/server", "etcd server"},
		{"etcd/peer", "etcd peer"}, {"etcd/healthcheck-client", "etcd health-check client"}}},
}

// externallyManaged reports whether a CA is there without its key. What it signed
// must then be sound.
func (n *nodeAudit) externallyManaged(ca inventory.KubeadmFile) (bool, error) {
	stem := strings.TrimSuffix(ca.Path, ".crt")
	if ca.Etcd && !n.inVersions(etcdLikeOthers) {
		return false, nil
	}
	known := externalCAs[stem]
	fail := func(format string, args ...any) (bool, error) {
		return false, fmt.Errorf("%s external CA condition for %s certificate authority: %w", "Error checking", stem, fmt.Errorf(format, args...))
	}
	certs, err := n.certificateFile(n.certPath(ca.Path))
	switch {
	case err != nil:
		return fail("failure loading certificate for %s: couldn't load the certificate file %s: %w", known.words, n.certPath(ca.Path), err)
	case !certs[0].IsCA:
		return fail("certificate %s is not a CA", known.words)
	case !n.absentKey(n.certPath(ca.Pair)):
		return false, nil
	}
	for _, leaf := range known.leaves {
		if err := n.externalLeaf(leaf.name, leaf.words, certs[0]); err != nil {
			return fail("%w", err)
		}
	}
	return true, nil
}

// absentKey reports whether the key of a CA is not on the node. A folder is there.
func (n *node) absentKey(name string) bool {
	return n.absent(name) && n.inv.Files[name].State != inventory.NotRegular
}

// externalLeaf is what kubeadm finds wrong with a pair that an external CA signed.
func (n *nodeAudit) externalLeaf(stem, words string, ca parsers.Certificate) error {
	key := n.certPath(stem + ".key")
	if err := n.openError(key); err != nil {
		return fmt.Errorf("failure loading key for %s: couldn't load the private key file %s: %w", stem, key, err)
	}
	keys := n.inv.Materials[key].Keys
	i := slices.IndexFunc(keys, func(k parsers.Key) bool { return k.Private && k.Origin.Line > 0 })
	switch {
	case i < 0 && isLeftOut(n.inv.Materials[key]):
		return fmt.Errorf("failure loading key for %s: %s was left out of the copy", stem, key)
	case i < 0:
		return fmt.Errorf("failure loading key for %s: couldn't load the private key file %s: error reading private key file %s: data does not contain a valid RSA or ECDSA private key", stem, key, key)
	case keys[i].Algorithm == "Ed25519":
		return fmt.Errorf("failure loading key for %s: the private key file %s is neither in RSA nor ECDSA format", stem, key)
	}
	name := n.certPath(stem + ".crt")
	certs, err := n.certificateFile(name)
	if err != nil {
		return fmt.Errorf("failure loading certificate for %s: couldn't load the certificate file %s: %w", words, name, err)
	}
	var between []*x509.Certificate
	for _, c := range certs[1:] {
		between = append(between, c.Certificate)
	}
	err = n.build(certs[0].Certificate, between, []*x509.Certificate{ca.Certificate}, x509.VerifyOptions{CurrentTime: n.now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return fmt.Errorf("certificate %s is not signed by corresponding CA: %w", words, err)
	}
	return nil
}
