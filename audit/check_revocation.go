package audit

import (
	"cmp"
	"fmt"
	"slices"

	"certaudit/parsers"
)

// revocationLists are those of the files of a node, by place.
func (n *node) revocationLists() []RevocationList {
	var out []RevocationList
	for name, m := range n.inv.Materials {
		for _, l := range m.RevocationLists {
			issuer := l.Issuer()
			r := RevocationList{Node: n.name, Path: name, Line: l.Origin.Line, Issuer: issuer.CommonName, Number: l.Number,
				ThisUpdate: l.ThisUpdate, NextUpdate: l.NextUpdate, IssuerName: issuer}
			if r.Issuer == "" {
				r.Issuer = issuer.String()
			}
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b RevocationList) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Number, b.Number), cmp.Compare(a.Issuer, b.Issuer))
	})
	return out
}

func checkRevocationList(p *pass) {
	for _, l := range p.revocationLists() {
		p.examine()
		if l.NextUpdate.IsZero() || !p.now.After(l.NextUpdate) {
			continue
		}
		p.report(finding{at: parsers.Origin{Path: l.Path, Line: l.Line},
			message: fmt.Sprintf("the revocation list of %q was to be followed by a newer one by %s, %s ago; expected that one", clip(l.Issuer), instant(l.NextUpdate), roughly(p.now.Sub(l.NextUpdate))),
			remedy:  remedy{"# fetch the newer list from its issuer, and have whatever reads it load it"}})
	}
}
