package audit

import (
	"certaudit/audit/inventory"
	"cmp"
	"crypto/x509"
	"fmt"
	"slices"

	"certaudit/parsers"
)

// entry is a certificate in one role, or the place where one should be.
type entry struct {
	role *role
	// component is the role's, or that of the first reference for roles that
	// belong to no component.
	component string
	place     parsers.Origin
	// object is the Kubernetes object that the place belongs to, with its line.
	object string
	// cert is nil where the certificate is missing or cannot be decoded.
	cert *parsers.Certificate
	// index counts the certificates of one place.
	index int
	// all are the certificates of the place, this one among them.
	all   []parsers.Certificate
	refs  []*inventory.Reference
	state inventory.FileState
	// unseen is the component whose container does not see the place; "" for none.
	unseen string
}

// chain returns the other certificates of the place, which are sent along.
func (e *entry) chain() []*x509.Certificate {
	var others []*x509.Certificate
	for i, c := range e.all {
		if i != e.index {
			others = append(others, c.Certificate)
		}
	}
	return others
}

// key identifies an entry: a place has one entry for each role and index.
func (e *entry) key() entryKey {
	return entryKey{e.place.Path, e.place.Field, e.object, e.role.name, e.unseen, e.index}
}

type entryKey struct {
	path, field, object, role, unseen string
	index                             int
}

// isLeaf reports whether the entry is a certificate that is presented.
func (e *entry) isLeaf() bool { return !e.role.isCA() && e.index == 0 }

// entriesOf lists what the table shows: every certificate that something names, in
// each of its roles, sorted; and the copies of CAs in kubeconfigs that another entry
// shows already. The component of one is that of its first reference.
func entriesOf(inv *inventory.Inventory) (shown, copies []*entry) {
	var all []*entry
	byKey := make(map[entryKey]*entry, len(inv.References))
	add := func(e *entry, ref *inventory.Reference) {
		if old, ok := byKey[e.key()]; ok {
			old.refs = append(old.refs, ref)
			return
		}
		e.refs = []*inventory.Reference{ref}
		byKey[e.key()] = e
		all = append(all, e)
	}
	for i := range inv.References {
		ref := &inv.References[i]
		for _, e := range entriesOfReference(inv, *ref) {
			add(e, ref)
		}
	}
	shown, copies = withoutFallbacks(all)
	slices.SortStableFunc(shown, compareEntries)
	slices.SortStableFunc(copies, compareEntries)
	return shown, copies
}

func compareEntries(a, b *entry) int {
	return cmp.Or(cmp.Compare(roleOrder[a.role.name], roleOrder[b.role.name]),
		inventory.CompareOrigins(a.place, b.place), cmp.Compare(a.index, b.index))
}

// entriesOfReference returns the certificates of one reference, or the one that
// is missing.
func entriesOfReference(inv *inventory.Inventory, ref inventory.Reference) []*entry {
	switch ref.Holds {
	case inventory.HoldsCertificate, inventory.HoldsBundle, inventory.HoldsSigner, inventory.HoldsTokenVerifier:
	default:
		return nil
	}
	m := inv.Material(ref)
	if len(m.Certificates) == 0 {
		return missingEntry(inv, ref)
	}
	out := make([]*entry, 0, len(m.Certificates))
	for i := range m.Certificates {
		out = append(out, newEntry(ref, m.Certificates, i))
	}
	if ref.Role == inventory.RoleKubeletSelf {
		out = out[:1] // behind it lies its throw-away CA, whose key is gone
	}
	return out
}

func newEntry(ref inventory.Reference, certs []parsers.Certificate, i int) *entry {
	e := &entry{place: ref.Place(), object: ref.Holder(), cert: &certs[i], index: i, all: certs, state: inventory.Readable}
	e.place.Line = certs[i].Origin.Line
	e.role = roleNamed(roleOf(ref, i))
	e.component = cmp.Or(e.role.component, ref.Component)
	return e
}

// roleOf is the role of the i-th certificate of a reference: behind a leaf
// there are only those that lead to its root.
func roleOf(ref inventory.Reference, i int) string {
	switch {
	case ref.Holds == inventory.HoldsTokenVerifier:
		return inventory.RoleTokenVerifier
	case ref.Holds == inventory.HoldsCertificate && i > 0:
		return inventory.RoleIntermediate
	}
	return ref.Role
}

// missingEntry stands for a certificate that should be there.
func missingEntry(inv *inventory.Inventory, ref inventory.Reference) []*entry {
	if ref.Optional || ref.Hidden || ref.Holds == inventory.HoldsTokenVerifier || ref.Embedded != nil {
		return nil
	}
	f := inv.Files[ref.Path]
	e := &entry{role: roleNamed(ref.Role), place: ref.Place(), state: f.State}
	if ref.Unmounted {
		e.state, e.unseen = inventory.Missing, ref.Component
	}
	e.component = cmp.Or(e.role.component, ref.Component)
	return []*entry{e}
}

// withoutFallbacks separates the certificates of the roles that are shown only
// when nothing else shows them.
func withoutFallbacks(all []*entry) (kept, copies []*entry) {
	if !slices.ContainsFunc(all, func(e *entry) bool { return e.cert != nil && e.role.fallback }) {
		return all, nil
	}
	shown := map[string]bool{}
	for _, e := range all {
		if e.cert != nil && !e.role.fallback {
			shown[e.cert.SHA256()] = true
		}
	}
	for _, e := range all {
		switch {
		case !e.role.fallback || e.cert == nil:
			kept = append(kept, e)
		case shown[e.cert.SHA256()]:
			copies = append(copies, e)
		default:
			shown[e.cert.SHA256()] = true
			kept = append(kept, e)
		}
	}
	return kept, copies
}

// usedBy lists the labels of an entry's references, each once, in order.
func (e *entry) usedBy() []string {
	labels := []string{}
	for _, r := range e.refs {
		if label := r.Label(); label != "" && !slices.Contains(labels, label) {
			labels = append(labels, label)
		}
	}
	return labels
}

// texts writes out a list; none of nothing, never nil.
func texts[T fmt.Stringer](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = v.String()
	}
	return out
}
