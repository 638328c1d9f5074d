package audit

import (
	"cmp"
	"crypto/x509"
	"slices"

	"certaudit/audit/inventory"
	"certaudit/parsers"
)

// Use is one row of the certificate health-check sheet: a certificate, its private key or
// the CA that others are verified by, under the component that uses it.
type Use struct {
	// Certificate is what the row shows; of a key it has the place alone. Component and
	// Type are those of the use.
	Certificate
	// Part says which of the three it is.
	Part Part
	// Of is where the certificate of a key stands; "" for none.
	Of string
	// Key says of a key what comparing it with the certificate gave: [KeyIsPair],
	// [KeyDiffers], or why they were not compared.
	Key string
	// role is that of the certificates which the use belongs to.
	role string
	// pair tells the pairs of a role apart, in their order.
	pair int
}

// Part is what a row of the sheet is about.
type Part string

// The parts, in the order of the sheet.
const (
	PartCertificate Part = "certificate"
	PartKey         Part = "key"
	PartCA          Part = "CA"
)

// What comparing a key with its certificate gave.
const (
	// KeyIsPair: the certificate holds the public half of the key.
	KeyIsPair = "a pair"
	// KeyDiffers: it holds that of another.
	KeyDiffers = "not a pair"
)

// verifiers are the roles of the certificates beside which a component names a CA that it
// verifies others by: those of a server for its clients, and those of a client for the
// server it calls.
var verifiers = map[string]string{
	"kube-apiserver client-ca-file":                        inventory.RoleAPIServerServing,
	"kube-apiserver requestheader-client-ca-file":          inventory.RoleAPIServerServing,
	"kube-apiserver etcd-cafile":                           inventory.RoleAPIServerEtcd,
	"kube-apiserver kubelet-certificate-authority":         inventory.RoleAPIServerKubelet,
	"etcd trusted-ca-file":                                 inventory.RoleEtcdServing,
	"etcd peer-trusted-ca-file":                            inventory.RoleEtcdPeer,
	"kubelet client-ca-file":                               inventory.RoleKubeletSelf, // stands behind RoleKubeletServing
	"kube-controller-manager client-ca-file":               inventory.RoleControllerServe,
	"kube-controller-manager requestheader-client-ca-file": inventory.RoleControllerServe,
	"kube-scheduler client-ca-file":                        inventory.RoleSchedulerServe,
	"kube-scheduler requestheader-client-ca-file":          inventory.RoleSchedulerServe,
}

// uses returns the rows of the sheet: by component and by what it uses certificates for.
func (n *node) uses() []Use {
	var out []Use
	pairs, f := map[string]int{}, n.useFinder()
	for _, ref := range n.inv.References {
		of := f.verifies(ref)
		pair, known := pairs[ref.Pair]
		if !known && ref.Pair != "" {
			pair = len(pairs) + 1
			pairs[ref.Pair] = pair
		}
		for _, u := range f.usesOf(ref) {
			if of != nil {
				u.Part, u.Type, u.role = PartCA, of.kind, of.name
			}
			if u.Part == PartCA {
				u.pair = len(n.inv.References) // behind all pairs
			} else {
				u.pair = pair
			}
			u.Component = userOf(ref, roleNamed(u.role))
			out = append(out, u)
		}
	}
	slices.SortStableFunc(out, func(a, b Use) int {
		return cmp.Or(cmp.Compare(componentOrder(a.Component), componentOrder(b.Component)), cmp.Compare(sheetOrder(a.role), sheetOrder(b.role)),
			cmp.Compare(a.pair, b.pair), cmp.Compare(slices.Index(parts, a.Part), slices.Index(parts, b.Part)))
	})
	return slices.CompactFunc(out, func(a, b Use) bool {
		return a.Part == b.Part && a.role == b.role && a.Component == b.Component && a.Path == b.Path && a.Field == b.Field && a.Index == b.Index
	})
}

var parts = []Part{PartCertificate, PartKey, PartCA}

// userOf is the component that a row stands under: a file that kubeadm alone knows is that
// of the role.
func userOf(ref inventory.Reference, r *role) string {
	if ref.Component == inventory.ComponentFile || ref.Component == componentKubeadm || r.component != "" && !r.isCA() {
		return cmp.Or(r.component, ref.Component)
	}
	return ref.Component
}

// componentKubeadm stands for the component of the files that kubeadm alone knows.
const componentKubeadm = "kubeadm"

// componentOrder is that of the first role of a component which presents a certificate;
// components that have none come last.
func componentOrder(component string) int {
	i := slices.IndexFunc(roles, func(r role) bool { return r.component == component && !r.isCA() })
	if i < 0 {
		return len(roles)
	}
	return i
}

// tokenKeys stands for the role of keys that belong to no certificate: those of service
// accounts, which come last.
const tokenKeys = "tokens"

// sheetOrder is the order of a role in the sheet, in which the API server calls the kubelet
// before etcd.
func sheetOrder(role string) int {
	switch role {
	case tokenKeys:
		return 2 * len(roles)
	case inventory.RoleAPIServerEtcd:
		return 2*roleOrder[inventory.RoleAPIServerKubelet] + 1
	}
	return 2 * roleOrder[role]
}

// useFinder is a node with what its references have to do with each other.
type useFinder struct {
	*node
	// certificates are the references to the certificates of pairs.
	certificates map[string]inventory.Reference
	// users are the roles of the certificates in kubeconfigs, by component and path.
	users map[[2]string]string
	known map[*x509.Certificate]Certificate
}

func (n *node) useFinder() *useFinder {
	f := &useFinder{node: n, certificates: map[string]inventory.Reference{}, users: map[[2]string]string{}, known: map[*x509.Certificate]Certificate{}}
	for _, ref := range n.inv.References {
		if ref.Pair != "" && !holdsPrivate(ref) {
			f.certificates[ref.Pair] = ref
		}
		if ref.Holds == inventory.HoldsCertificate {
			f.users[[2]string{ref.Component, ref.Origin.Path}] = ref.Role
		}
	}
	return f
}

// verifies is the role of the certificates beside which a reference names a CA; nil where
// it is for something else.
func (f *useFinder) verifies(ref inventory.Reference) *role {
	if ref.Holds != inventory.HoldsBundle {
		return nil
	}
	if name, ok := verifiers[ref.Component+" "+ref.Name]; ok {
		return roleNamed(name)
	}
	if _, ok := f.inv.Kubeconfigs[ref.Origin.Path]; !ok {
		return nil
	}
	return roleNamed(cmp.Or(f.users[[2]string{ref.Component, ref.Origin.Path}], inventory.RoleUser))
}

// usesOf are the certificates, or the key, that a reference leads to.
func (f *useFinder) usesOf(ref inventory.Reference) []Use {
	if holdsPrivate(ref) {
		return f.keyUse(ref)
	}
	if ref.Holds == inventory.HoldsTokenKey || ref.Holds == inventory.HoldsTokenVerifier {
		return f.tokenUse(ref)
	}
	if file := f.inv.Files[ref.Path]; ref.Holds == inventory.HoldsKubeconfig && file.State == inventory.Unreadable {
		r := roleNamed(ref.Role)
		row := Certificate{Node: f.name, Type: r.kind, Role: r.name, Path: ref.Path, UsedBy: []string{ref.Label()}, Absent: absence(file)}
		return []Use{{Certificate: row, Part: PartCertificate, role: r.name}}
	}
	var out []Use
	for _, e := range entriesOfReference(f.inv, ref) {
		u := Use{Certificate: e.row(f.name, f.known), Part: PartCertificate, role: e.role.name}
		if u.UsedBy = []string{}; ref.Label() != "" {
			u.UsedBy = append(u.UsedBy, ref.Label())
		}
		if e.cert == nil {
			u.Absent = absence(f.inv.Files[e.place.Path])
		}
		if e.index > 0 && ref.Holds == inventory.HoldsCertificate {
			u.Part, u.role = PartCA, ref.Role
		}
		out = append(out, u)
	}
	return out
}

// keyUse is the row of a private key; nil for one that need not be there and is not.
func (f *useFinder) keyUse(ref inventory.Reference) []Use {
	r, place := roleNamed(ref.Role), ref.Place()
	if ref.Optional && f.inv.Files[ref.Path].State == inventory.Missing {
		return nil
	}
	u := Use{Certificate: Certificate{Node: f.name, Type: r.kind, Role: r.name, Path: place.Path, Line: place.Line, Field: place.Field, UsedBy: []string{ref.Label()}}, Part: PartKey, role: r.name}
	var certs []parsers.Certificate
	var out []Use
	if other, ok := f.certificates[ref.Pair]; ok && ref.Pair != "" {
		u.Of, certs = other.Place().Path, f.inv.Material(other).Certificates
		if made := entriesOfReference(f.inv, other); u.Type == typeByUsage && len(made) > 0 {
			u.Type = made[0].kind()
		}
	} else if ref.Component == componentKubeadm && r.isCA() {
		u.Of = f.certPath(r.kubeadm().Path)
		certs = f.inv.Materials[u.Of].Certificates
		for i := range certs {
			e := newEntry(inventory.Reference{Component: ref.Component, Name: r.kubeadm().Path, Holds: inventory.HoldsBundle, Role: r.name, Path: u.Of}, certs, i)
			out = append(out, Use{Certificate: e.row(f.name, f.known), Part: PartCertificate, role: r.name})
		}
	}
	u.Key = f.compared(ref, certs)
	if u.Of == "" && f.unseen(ref) == "" {
		u.Of, u.Key = f.owner(ref)
	}
	return append(out, u)
}

// owner is where the certificate of a key stands that nothing names, and what comparing it
// gave; "" where none is of this key, and why.
func (f *useFinder) owner(ref inventory.Reference) (of, compared string) {
	keys := f.inv.Material(ref).Keys
	for e := range f.decoded(anyEntry) {
		if slices.ContainsFunc(keys, func(k parsers.Key) bool { return k.Private && k.PublicKeySHA256 == e.cert.PublicKeySHA256() }) {
			return e.place.Path, KeyIsPair
		}
	}
	return "", "it is that of no certificate here"
}

// tokenUse is the row of a key for the tokens of service accounts.
func (f *useFinder) tokenUse(ref inventory.Reference) []Use {
	place := ref.Place()
	u := Use{Certificate: Certificate{Node: f.name, Type: "Service account", Path: place.Path, Line: place.Line, Field: place.Field, UsedBy: []string{ref.Label()}}, Part: PartKey, Key: "it signs the tokens of service accounts", role: tokenKeys}
	if ref.Holds == inventory.HoldsTokenVerifier {
		u.Key = "tokens of service accounts are verified with it"
	}
	if f.inv.Files[ref.Path].State == inventory.Missing {
		u.Key += "; it is missing"
	} else if why := f.unseen(ref); why != "" {
		u.Key += "; " + why
	}
	return []Use{u}
}

// compared says what comparing a private key with the first of the certificates beside it
// gives, or why there is nothing to compare.
func (n *node) compared(ref inventory.Reference, certs []parsers.Certificate) string {
	if why := n.unseen(ref); why != "" {
		return why
	}
	keys := slices.DeleteFunc(slices.Clone(n.inv.Material(ref).Keys), func(k parsers.Key) bool { return !k.Private })
	switch {
	case len(keys) == 0:
		return n.missingReason(ref, "no private key is there")
	case len(certs) == 0:
		return "there is no certificate to compare it with"
	case slices.ContainsFunc(keys, func(k parsers.Key) bool { return k.PublicKeySHA256 == certs[0].PublicKeySHA256() }):
		return KeyIsPair
	}
	return KeyDiffers
}
