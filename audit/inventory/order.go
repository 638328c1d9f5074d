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
	isChain := func(ref Reference) bool {
		return ref.Embedded != nil && ref.Holds == HoldsBundle && len(ref.Embedded.Certificates) > 1 && !slices.Contains(bundleKeys, FieldKey(ref.Origin.Field))
	}
	if !slices.ContainsFunc(refs, isChain) {
		return
	}
	paired, single := secretKeys(refs)
	for i := range refs {
		ref := &refs[i]
		if !isChain(*ref) {
			continue
		}
		certs, key := ref.Embedded.Certificates, FieldKey(ref.Origin.Field)
		leaf := leafBehindCA(certs, paired[ref.Pair], o.Type == typeTLS && key == "tls.crt")
		if leaf == 0 && !trustName.MatchString(key) {
			leaf = leafBehindCA(certs, single, false)
		}
		if leaf > 0 {
			ref.Embedded.Certificates = leafFirst(certs, leaf)
			ref.Holds, ref.Role = HoldsCertificate, RoleFileLeaf
		}
	}
}

// trustName matches the names of fields that may hold what others are verified with.
var trustName = regexp.MustCompile(`(?i)\bca\b|trust|root|bundle`)

// keySet are private keys by the SHA-256 of their public halves.
type keySet map[string]bool

// secretKeys are the private keys of a Secret by their pairs, and those of which no
// field begins with the certificate.
func secretKeys(refs []Reference) (paired map[string]keySet, single keySet) {
	paired, single = map[string]keySet{}, keySet{}
	for _, ref := range refs {
		if ref.Embedded == nil {
			continue
		}
		for _, k := range ref.Embedded.Keys {
			if !k.Private {
				continue
			}
			if paired[ref.Pair] == nil {
				paired[ref.Pair] = keySet{}
			}
			paired[ref.Pair][k.PublicKeySHA256], single[k.PublicKeySHA256] = true, true
		}
	}
	for _, ref := range refs {
		if ref.Embedded != nil && len(ref.Embedded.Certificates) > 0 {
			delete(single, ref.Embedded.Certificates[0].PublicKeySHA256())
		}
	}
	return paired, single
}

// leafBehindCA returns the index of the leaf of a chain that begins with a CA: the
// certificate that one of the keys belongs to or, where none is to be seen and the
// certificates are known to be a chain, the only one that is no CA. It is 0 for any
// other certificates: what others are verified with may hold a server's own.
func leafBehindCA(certs []parsers.Certificate, keys keySet, isChain bool) int {
	if len(certs) < 2 || !certs[0].IsCA || len(keys) == 0 && !isChain {
		return 0
	}
	var leaves []int
	for i, c := range certs {
		if c.IsCA {
			continue
		}
		leaves = append(leaves, i)
		if keys[c.PublicKeySHA256()] {
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
	keys := map[string]keySet{}
	for _, ref := range s.inv.References {
		if ref.Component != ComponentFile || ref.Holds != HoldsPrivateKey || ref.Path == "" {
			continue
		}
		for _, k := range s.inv.Materials[ref.Path].Keys {
			if name := stem(ref.Path); k.Private {
				if keys[name] == nil {
					keys[name] = keySet{}
				}
				keys[name][k.PublicKeySHA256] = true
			}
		}
	}
	for i := range s.inv.References {
		ref := &s.inv.References[i]
		if ref.Component != ComponentFile || ref.Holds != HoldsBundle || slices.Contains(bundleKeys, path.Base(ref.Path)) {
			continue
		}
		m := s.inv.Materials[ref.Path] // nothing for what is embedded
		if leaf := leafBehindCA(m.Certificates, keys[stem(ref.Path)], false); leaf > 0 {
			m.Certificates = leafFirst(m.Certificates, leaf)
			s.inv.Materials[ref.Path] = m
			ref.Holds, ref.Role = HoldsCertificate, RoleFileLeaf
		}
	}
}
