package parsers

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"time"
)

// RevocationList is what a list of revoked certificates says of itself (RFC 5280,
// section 5.1). What it revokes is not kept.
type RevocationList struct {
	Origin Origin `json:"origin"`
	// RawIssuer is the issuer's name in DER.
	RawIssuer  []byte    `json:"issuer"`
	ThisUpdate time.Time `json:"thisUpdate"`
	// NextUpdate is zero where the list does not say.
	NextUpdate time.Time `json:"nextUpdate,omitzero"`
	// Number is that of the list, in decimal; "" where it has none.
	Number string `json:"number,omitempty"`
}

const labelRevocationList = "X509 CRL"

// Issuer is the name of who signed the list; without attributes where it cannot be
// decoded.
func (l RevocationList) Issuer() pkix.Name {
	var sequence pkix.RDNSequence
	var name pkix.Name
	if _, err := asn1.Unmarshal(l.RawIssuer, &sequence); err == nil {
		name.FillFromRDNSequence(&sequence)
	}
	return name
}

// addRevocationList adds a list, and nothing where der is none.
func (m *Material) addRevocationList(at Origin, der []byte) {
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return
	}
	l := RevocationList{Origin: at, RawIssuer: slices.Clone(list.RawIssuer), ThisUpdate: list.ThisUpdate.UTC()}
	if !list.NextUpdate.IsZero() {
		l.NextUpdate = list.NextUpdate.UTC()
	}
	if list.Number != nil {
		l.Number = list.Number.String()
	}
	m.RevocationLists = append(m.RevocationLists, l)
}

// withoutListProblems returns material without the problems that are revocation lists.
func (m Material) withoutListProblems() Material {
	m.Problems = slices.DeleteFunc(slices.Clone(m.Problems), func(p Problem) bool {
		return p.Kind == KindUnsupported && slices.ContainsFunc(m.RevocationLists, func(l RevocationList) bool { return l.Origin == p.Origin })
	})
	return m
}
