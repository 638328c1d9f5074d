package inventory

import (
	"path"
	"regexp"
	"slices"

	"certaudit/parsers"
)

// leavesFirst puts the leaf first in the chains of a Secret that begin with a CA,
// and takes them for what they are. [parsers.Certificate.Index] still tells the
// order of the field.
func leavesFirst(o Object, refs []Reference) {
	for i := range refs {
		ref := &refs[i]
		key := FieldKey(ref.Origin.Field)
		if ref.Embedded == nil || ref.Holds != HoldsBundle || slices.Contains(bundleKeys, key) {
			continue
		}
		isPair := func(other Reference) bool { return other.Pair == ref.Pair }
		leaf := leafBehindCA(ref.Embedded.Certificates, keysOf(refs, isPair), o.Type == typeTLS && key == "tls.crt")
		if leaf == 0 && !trustName.MatchString(key) {
			leaf = leafBehindCA(ref.Embedded.Certificates, keysOf(refs, func(other Reference) bool { return !leads(refs, other) }), false)
		}
		if leaf > 0 {
			ref.Embedded.Certificates = leafFirst(ref.Embedded.Certificates, leaf)
			ref.Holds, ref.Role = HoldsCertificate, RoleFileLeaf
		}
	}
}

// trustName matches the names of fields that may hold what others are verified with.
var trustName = regexp.MustCompile(`(?i)\bca\b|trust|root|bundle`)

// keysOf are the private keys of some references.
func keysOf(refs []Reference, of func(Reference) bool) []parsers.Key {
	var keys []parsers.Key
	for _, ref := range refs {
		if ref.Embedded != nil && of(ref) {
			keys = append(keys, ref.Embedded.Keys...)
		}
	}
	return keys
}

// leads reports whether a field begins with the certificate that a key belongs to.
func leads(refs []Reference, key Reference) bool {
	return slices.ContainsFunc(refs, func(ref Reference) bool {
		return ref.Embedded != nil && len(ref.Embedded.Certificates) > 0 && slices.ContainsFunc(key.Embedded.Keys, func(k parsers.Key) bool {
			return k.PublicKeySHA256 == ref.Embedded.Certificates[0].PublicKeySHA256()
		})
	})
}

// leafBehindCA returns the index of the leaf of a chain that begins with a CA: the
// certificate that one of the keys belongs to or, where none is to be seen and the
// certificates are known to be a chain, the only one that is no CA. It is 0 for any
// other certificates: what others are verified with may hold a server's own.
func leafBehindCA(certs []parsers.Certificate, keys []parsers.Key, isChain bool) int {
	if len(certs) < 2 || !certs[0].IsCA {
		return 0
	}
	var leaves []int
	for i, c := range certs {
		if c.IsCA {
			continue
		}
		leaves = append(leaves, i)
		if slices.ContainsFunc(keys, func(k parsers.Key) bool { return k.Private && k.PublicKeySHA256 == c.PublicKeySHA256() }) {
			return i
		}
	}
	if isChain && len(keys) == 0 && len(leaves) == 1 {
		return leaves[0]
	}
	return 0
}

// leafFirst is a new list of the same certificates.
func leafFirst(certs []parsers.Certificate, leaf int) []parsers.Certificate {
	out := append(make([]parsers.Certificate, 0, len(certs)), certs[leaf])
	return append(append(out, certs[:leaf]...), certs[leaf+1:]...)
}

// filesLeafFirst is [leavesFirst] for the files that lie beside their keys.
func (s *scanner) filesLeafFirst() {
	keys := map[string][]parsers.Key{}
	for _, ref := range s.inv.References {
		if ref.Component == ComponentFile && ref.Holds == HoldsPrivateKey && ref.Path != "" {
			keys[stem(ref.Path)] = append(keys[stem(ref.Path)], s.inv.Materials[ref.Path].Keys...)
		}
	}
	for i := range s.inv.References {
		ref := &s.inv.References[i]
		m, known := s.inv.Materials[ref.Path]
		if !known || ref.Component != ComponentFile || ref.Holds != HoldsBundle || slices.Contains(bundleKeys, path.Base(ref.Path)) {
			continue
		}
		if leaf := leafBehindCA(m.Certificates, keys[stem(ref.Path)], false); leaf > 0 {
			m.Certificates = leafFirst(m.Certificates, leaf)
			s.inv.Materials[ref.Path] = m
			ref.Holds, ref.Role = HoldsCertificate, RoleFileLeaf
		}
	}
}
