package audit

import "time"

// nextChange returns the first instant after that of the audit at which the same
// files may be judged otherwise: a certificate begins, ends, or comes so near to its
// end that it is to be renewed, or a waiver ends. It is zero where there is none.
func (n *nodeAudit) nextChange() time.Time {
	var next time.Time
	consider := func(t time.Time) {
		if t.After(n.now) && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	for e := range n.decoded(anyEntry) {
		c := e.cert
		for _, t := range []time.Time{c.NotBefore.Add(-clockSkew), c.NotBefore, c.NotAfter} {
			consider(t)
		}
		for _, left := range n.windowOf(e).lefts(c.Certificate) {
			consider(c.NotAfter.Add(-left))
		}
		if n.rotates(e) {
			consider(rotationDue(c.Certificate))
		}
	}
	for _, l := range n.revocationLists() {
		consider(l.NextUpdate)
	}
	if n.policy != nil {
		for _, w := range n.policy.Waivers {
			if end, err := w.end(); err == nil && w.Until != "" {
				consider(end.Add(-time.Nanosecond))
			}
		}
	}
	return next
}
