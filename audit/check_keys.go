package audit

import (
	"certaudit/audit/inventory"
	"crypto/x509"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"certaudit/parsers"
)

func checkKeyMismatch(p *pass) {
	keys := sync.OnceValue(p.namedKeys)
	for e := range p.decoded((*entry).isFirst) {
		for _, ref := range e.refs {
			key, path, ok := p.privateKey(*ref)
			if !ok || ref.Holds == inventory.HoldsSigner || p.isSigningPair(ref.Path, path) {
				continue
			}
			p.examine()
			if key.PublicKeySHA256 == e.cert.PublicKeySHA256() && e.cert.Index > 0 && e.object == "" {
				p.reportEntry(e, finding{severity: e.role.soften(Critical), message: behindIssuers(e.cert.Index, len(e.all)), remedy: remedy{chainOrder}})
				break
			}
			if key.PublicKeySHA256 == e.cert.PublicKeySHA256() || e.role.isCA() && holdsKey(e.chain(), key) {
				continue
			}
			f := finding{severity: e.role.soften(Critical), remedy: p.renew(e.role),
				message: fmt.Sprintf("the private key of %s is not that of this certificate; expected a pair", p.keyPlace(*ref, path))}
			if e.role.isCA() {
				f = p.foreignAuthorityKey(e, p.keyPlace(*ref, path))
			}
			if isPairedByName(*ref) && len(keys().places[e.cert.PublicKeySHA256()]) > 0 {
				f = p.keyElsewhere(e, path, keys())
			}
			p.reportEntry(e, f)
			break
		}
	}
	p.kubeadmAuthorityKeys()
}

// isPairedByName reports whether nothing but its name says which key belongs to a certificate.
func isPairedByName(ref inventory.Reference) bool {
	return ref.Component == inventory.ComponentFile && ref.Embedded == nil
}

// namedKeys are the private keys in view: places are their files by the SHA-256 of the public
// half, and astray are the files that go by the name of a certificate and are not its key.
type namedKeys struct {
	places map[string][]string
	astray map[string]bool
}

func (p *pass) namedKeys() namedKeys {
	found := namedKeys{map[string][]string{}, map[string]bool{}}
	for _, ref := range p.inv.References {
		if !holdsPrivate(ref) || ref.Path == "" {
			continue
		}
		for _, k := range p.inv.Material(ref).Keys {
			if k.Private {
				found.places[k.PublicKeySHA256] = append(found.places[k.PublicKeySHA256], ref.Path)
			}
		}
	}
	for e := range p.decoded((*entry).isFirst) {
		for _, ref := range e.refs {
			if key, file, ok := p.privateKey(*ref); ok && key.PublicKeySHA256 != e.cert.PublicKeySHA256() {
				found.astray[file] = true
			}
		}
	}
	return found
}

// keyElsewhere says of a certificate, whose key lies in other files than the one that goes by
// its name, where these are. Whoever shows it may well name one of them. Where each of them
// goes by the name of another certificate, and is not that one's, keys were exchanged.
func (p *pass) keyElsewhere(e *entry, named string, keys namedKeys) finding {
	own := slices.Compact(slices.Sorted(slices.Values(keys.places[e.cert.PublicKeySHA256()])))
	message := fmt.Sprintf("the private key of %s, the file that goes by its name, is not that of this certificate; its own is in %s", named, strings.Join(clipAll(own), ", "))
	if slices.ContainsFunc(own, func(file string) bool { return !keys.astray[file] }) {
		return finding{severity: Info, message: message, remedy: remedy{"# have what shows this certificate name its own key"}}
	}
	return finding{severity: e.role.soften(Critical), message: message + ", which goes by the name of another certificate and is not its key: keys were exchanged",
		remedy: remedy{exchangedKeys}}
}

// exchangedKeys is what to do about keys that were exchanged.
const exchangedKeys = "# give each certificate the key that is its own, and keep a copy of each key"

// foreignAuthorityKey says that the key of a CA is not its own: crypto/x509 refuses to
// sign with the pair (CreateCertificate).
func (p *pass) foreignAuthorityKey(e *entry, key string) finding {
	user := "kubeadm"
	if e.object != "" {
		user = "its owner"
	}
	return finding{severity: Warning, remedy: p.reissue(e), message: fmt.Sprintf("the private key of %s is not that of this CA; %s can issue nothing with the pair", key, user)}
}

// kubeadmAuthorities are the keys of kubeadm's CAs.
var kubeadmAuthorities = sync.OnceValue(func() []inventory.KubeadmFile {
	return slices.DeleteFunc(inventory.KubeadmFiles(), func(k inventory.KubeadmFile) bool { return k.Holds != inventory.HoldsSignerKey })
})

// kubeadmAuthorityKeys judges the keys of kubeadm's CAs that no component names, beside
// certificates that some do.
func (p *pass) kubeadmAuthorityKeys() {
	for _, k := range kubeadmAuthorities() {
		cert, file := p.certPath(k.Pair), p.certPath(k.Path)
		ref, named := p.inv.ReferenceTo(file, inventory.HoldsSignerKey)
		i := slices.IndexFunc(p.entries, func(e *entry) bool { return e.place.Path == cert && e.cert != nil && e.role.isCA() })
		if !named || i < 0 || p.isSigningPair(cert, file) {
			continue
		}
		e := p.entries[i]
		isPaired := func(r *inventory.Reference) bool { return r.Pair != "" && r.Pair == ref.Pair }
		for _, key := range p.inv.Material(ref).Keys {
			if !key.Private || slices.ContainsFunc(e.refs, isPaired) {
				continue
			}
			p.examine()
			if key.PublicKeySHA256 != e.cert.PublicKeySHA256() && !holdsKey(e.chain(), key) {
				p.reportEntry(e, p.foreignAuthorityKey(e, file))
			}
		}
	}
}

// behindIssuers says that a leaf is not the first certificate of its chain.
func behindIssuers(index, all int) string {
	return fmt.Sprintf("the leaf, to which the key belongs, is certificate %d of %d; expected it first, then each issuer behind what it signed: a server holds its key against the first one and does not start", index+1, all)
}

// chainOrder is what to do about a chain in the wrong order.
const chainOrder = "# put the leaf first, then the certificate of each issuer behind what it signed; the root need not be there"

// isSigningPair reports whether the controller-manager signs with a pair:
// chain/signing-bundle judges it.
func (n *node) isSigningPair(cert, key string) bool {
	if cert == "" {
		return false
	}
	for _, ref := range n.inv.References {
		if ref.Holds == inventory.HoldsSigner && ref.Path == cert {
			_, path, ok := n.privateKey(ref)
			return ok && path == key
		}
	}
	return false
}

func holdsKey(certs []*x509.Certificate, key parsers.Key) bool {
	return slices.ContainsFunc(certs, func(c *x509.Certificate) bool {
		return parsers.Certificate{Certificate: c}.PublicKeySHA256() == key.PublicKeySHA256
	})
}

// keyPlace is where the other half of a pair stands: a file, or a field.
func (n *node) keyPlace(ref inventory.Reference, path string) string {
	if ref.Embedded == nil {
		return path
	}
	for _, other := range n.privates[ref.Pair] {
		return other.Label()
	}
	return path
}

func checkWeakKey(p *pass) {
	for e := range p.decoded(anyEntry) {
		p.examine()
		if severity := weakness(keyAlgorithm(e.cert.Certificate)); severity != "" {
			p.reportEntry(e, finding{severity: e.role.soften(severity), message: weakWords(keyAlgorithm(e.cert.Certificate)), remedy: p.renew(e.role)})
		}
	}
	certified := sync.OnceValue(p.certifiedKeys)
	for _, ref := range p.inv.References {
		if ref.Holds != inventory.HoldsTokenKey && ref.Holds != inventory.HoldsTokenVerifier {
			continue
		}
		for _, k := range p.inv.Material(ref).Keys {
			seen := certified()
			if seen[k.PublicKeySHA256] {
				continue
			}
			seen[k.PublicKeySHA256] = true
			p.examine()
			if severity := weakness(k.Algorithm); severity != "" {
				p.report(finding{severity: severity, component: ref.Component, at: parsers.Origin{Path: ref.Path, Line: k.Origin.Line, Field: ref.Label()},
					message: weakWords(k.Algorithm), remedy: remedy{"# make a new pair, add its public half to the verifying keys first: https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/"}})
			}
		}
	}
}

// certifiedKeys are the hashes of the keys that the certificates hold.
func (n *node) certifiedKeys() map[string]bool {
	keys := map[string]bool{}
	for e := range n.decoded(anyEntry) {
		keys[e.cert.PublicKeySHA256()] = true
	}
	return keys
}

// weakness is what a key's size is worth: below 1024 bits Go refuses to work
// with an RSA key at all (crypto/rsa); NIST SP 800-131A allows none below 2048,
// nor curves below 224 bits.
func weakness(algorithm string) Severity {
	kind, size, _ := strings.Cut(algorithm, "-")
	bits, err := strconv.Atoi(strings.TrimPrefix(size, "P"))
	switch {
	case err != nil:
		return ""
	case kind == "RSA" && bits < 1024:
		return Critical
	case kind == "RSA" && bits < 2048:
		return Warning
	}
	return ""
}

func weakWords(algorithm string) string {
	return fmt.Sprintf("the key is %s; expected RSA of 2048 bits or more, ECDSA or Ed25519", algorithm)
}

func checkWeakSignature(p *pass) {
	for e := range p.decoded(anyEntry) {
		if e.role.name == inventory.RoleTokenVerifier || isRoot(e) {
			continue // nobody verifies the signature
		}
		p.examine()
		if weakSignatures[e.cert.SignatureAlgorithm] {
			p.reportEntry(e, finding{severity: e.role.soften(Critical), remedy: p.renew(e.role),
				message: fmt.Sprintf("is signed with %s, which Go programs refuse; expected SHA-256 or better", e.cert.SignatureAlgorithm)})
		}
	}
}

// isRoot reports whether an entry is trusted as it stands.
func isRoot(e *entry) bool {
	return e.role.isCA() && string(e.cert.RawSubject) == string(e.cert.RawIssuer)
}

// weakSignatures are refused by crypto/x509 (since Go 1.18 SHA-1 as well).
var weakSignatures = map[x509.SignatureAlgorithm]bool{
	x509.MD2WithRSA: true, x509.MD5WithRSA: true, x509.SHA1WithRSA: true, x509.DSAWithSHA1: true, x509.ECDSAWithSHA1: true,
}

func checkReusedKey(p *pass) {
	first := make(map[string]*entry, len(p.entries))
	reported := map[string]bool{}
	for e := range p.decoded((*entry).isLeaf) {
		p.examine()
		key, sum := string(e.cert.RawSubjectPublicKeyInfo), e.cert.SHA256()
		old, taken := first[key]
		if !taken {
			first[key] = e
			continue
		}
		if old.cert.SHA256() == sum || reported[sum] || e.role.name == inventory.RoleTokenVerifier || old.role.name == e.role.name {
			continue
		}
		reported[sum] = true
		p.reportEntry(e, finding{severity: e.role.soften(Warning), remedy: p.renew(e.role),
			message: fmt.Sprintf("has the same key as %s (%s); who steals one can use both; expected a key of its own", old.place.Path, old.role.name)})
	}
}

func checkServiceAccount(p *pass) {
	verifiers, where := p.verifyingKeys()
	u := p.unset(inventory.APIServer, tokenVerifierFlag)
	if u.flag != "" {
		p.examine()
	}
	if p.verifiesNoTokens() {
		p.report(finding{component: inventory.APIServer, at: u.at, message: noTokenVerifier, remedy: p.setFlag(u)})
		return
	}
	if len(verifiers) == 0 {
		return
	}
	judged := map[string]bool{}
	for _, ref := range p.inv.References {
		if ref.Holds != inventory.HoldsTokenKey || ref.Component == "kubeadm" || judged[ref.Path] {
			continue
		}
		for _, k := range p.inv.Material(ref).Keys {
			if !k.Private {
				continue
			}
			judged[ref.Path] = true
			p.examine()
			if slices.Contains(verifiers, k.PublicKeySHA256) {
				break
			}
			f := finding{component: ref.Component, at: parsers.Origin{Path: ref.Path, Line: k.Origin.Line, Field: ref.Label()},
				message: fmt.Sprintf("signs service account tokens, and its public half is not in %s: the API server refuses every token", strings.Join(where, ", ")),
				remedy:  remedy{"# copy sa.key and sa.pub from a control-plane node where tokens work, or add the public half of this key to those that verify"}}
			if u.flag != "" {
				f.component, f.at, f.remedy = inventory.APIServer, u.at, p.setFlag(u)
				f.message = fmt.Sprintf("--%s is not set, so that the API server verifies service account tokens with %s, its serving key, and refuses what %s signs with %s", tokenVerifierFlag, strings.Join(where, ", "), ref.Component, ref.Path)
			}
			p.report(f)
			break
		}
	}
}

// tokenVerifierFlag names the keys that service account tokens are verified with.
const (
	tokenVerifierFlag = "service-account-key-file"
	tokenSignerFlag   = "service-account-signing-key-file"
	noTokenVerifier   = "--" + tokenVerifierFlag + " is not set beside --" + tokenSignerFlag + ": kube-apiserver does not start, or, before 1.20, verifies no token"
)

// verifiesNoTokens reports whether the API server has nothing to verify service account
// tokens with: it takes its serving key only where it does not sign either, which no
// version since 1.20 does (kubernetes pkg/kubeapiserver/options/authentication.go,
// cmd/kube-apiserver/app/server.go at v1.19 and v1.20.15).
func (n *node) verifiesNoTokens() bool {
	return n.unset(inventory.APIServer, tokenVerifierFlag).flag != "" && n.inv.Setting(inventory.APIServer, tokenSignerFlag).Value != ""
}

// verifyingKeys are the hashes of the keys that the API server verifies service
// account tokens with, and the files they are from. Without a flag that names
// some it may take its serving key.
func (n *node) verifyingKeys() (keys, files []string) {
	add := func(ref inventory.Reference) {
		m := n.inv.Material(ref)
		for _, k := range m.Keys {
			keys = append(keys, k.PublicKeySHA256)
		}
		for _, c := range m.Certificates {
			keys = append(keys, c.PublicKeySHA256())
		}
		files = append(files, ref.Path)
	}
	selected := func(name string) []inventory.Reference {
		var out []inventory.Reference
		for _, ref := range n.inv.References {
			if ref.Component == "kube-apiserver" && ref.Name == name {
				out = append(out, ref)
			}
		}
		return out
	}
	refs := selected(tokenVerifierFlag)
	if server, ok := n.inv.Component(inventory.APIServer); ok && len(refs) == 0 {
		if whole, _ := isWhole(n.inv, server); whole && server.Setting("service-account-signing-endpoint").Value == "" && !n.verifiesNoTokens() {
			refs = selected("tls-private-key-file")
		}
	}
	for _, ref := range refs {
		if ref.Hidden {
			return nil, nil // one of them may be any
		}
		add(ref)
	}
	return keys, files
}
