package inventory

import (
	"certaudit/parsers"
	"net/netip"
	"slices"
	"strings"
)

// SNIReference returns the certificate of --tls-sni-cert-key that the API
// server picks for a host: the first that is registered for the name, then for
// its wildcard; then, unless the default certificate holds the name, one that
// does (crypto/tls Config.getCertificate). Nobody sends the name of a server
// whose address is dialled (RFC 6066, 3).
func (inv *Inventory) SNIReference(host string) (Reference, bool) {
	host = strings.TrimRight(strings.ToLower(host), ".")
	if _, err := netip.ParseAddr(host); err == nil || host == "" {
		return Reference{}, false
	}
	_, parent, _ := strings.Cut(host, ".")
	pairs := inv.SNIPairs()
	for _, name := range []string{host, strings.TrimSuffix("*."+parent, ".")} {
		for _, pair := range pairs {
			if slices.Contains(pair.names, name) {
				return pair.Ref, true
			}
		}
	}
	if standard, ok := inv.ReferenceOf("kube-apiserver", "tls-cert-file"); ok && inv.isFor(standard, host) {
		return Reference{}, false
	}
	i := slices.IndexFunc(pairs, func(p sniPair) bool { return inv.isFor(p.Ref, host) })
	if i < 0 {
		return Reference{}, false
	}
	return pairs[i].Ref, true
}

// MayServeApart reports whether the API server may show another certificate than its
// default one, which lacks the name, to those who call it by a host: what one of them is
// for stands in it alone, and it cannot be read.
func (inv *Inventory) MayServeApart(host string) bool {
	standard, ok := inv.ReferenceOf(APIServer, "tls-cert-file")
	if _, err := netip.ParseAddr(host); err == nil || !ok || inv.isFor(standard, host) {
		return false
	}
	return slices.ContainsFunc(inv.SNIPairs(), func(p sniPair) bool { return p.names == nil })
}

// isFor reports whether the first certificate of a reference holds a name.
func (inv *Inventory) isFor(ref Reference, host string) bool {
	certs := inv.Material(ref).Certificates
	return len(certs) > 0 && certs[0].VerifyHostname(host) == nil
}

// sniPair is a certificate of --tls-sni-cert-key and the names that it is
// registered for.
type sniPair struct {
	Ref   Reference
	names []string
}

// maxSNIPairs bounds the pairs of --tls-sni-cert-key that are looked at.
const maxSNIPairs = 64

// SNIPairs returns the pairs of --tls-sni-cert-key in the order in which they
// are registered: those whose names the flag gives come first; those of the
// others are in the certificate, whose addresses do not count (k8s.io/apiserver
// pkg/server/dynamiccertificates/named_certificates.go).
func (inv *Inventory) SNIPairs() []sniPair {
	given := map[parsers.Origin]string{}
	for _, t := range (parsers.Command{Flags: inv.apiServerSettings()}).FlagAll(sniFlag) {
		_, given[t.Origin], _ = strings.Cut(t.Value, ":")
	}
	var named, others []sniPair
	for _, ref := range inv.References {
		if !isServedApart(ref) || ref.Holds != HoldsCertificate || len(named)+len(others) == maxSNIPairs {
			continue
		}
		certs := inv.Material(ref).Certificates
		if names := parsers.List(given[ref.Origin]); len(names) > 0 {
			named = append(named, sniPair{ref, names})
		} else if len(certs) > 0 {
			others = append(others, sniPair{ref, append([]string{certs[0].Subject.CommonName}, certs[0].DNSNames...)})
		} else {
			others = append(others, sniPair{ref, nil})
		}
	}
	return append(named, others...)
}

// sniNames are the names that the pair of a reference is registered for.
func (inv *Inventory) sniNames(ref Reference) []string {
	for _, pair := range inv.SNIPairs() {
		if pair.Ref.Origin == ref.Origin {
			return pair.names
		}
	}
	return nil
}

// isServedApart reports whether a reference is to a certificate that the API server shows
// beside its default one: a flag says so, or the layout of the distribution, which has it
// so at all times (openshift/cluster-kube-apiserver-operator
// pkg/operator/configobservation/apiserver/observe_apiserver.go).
func isServedApart(ref Reference) bool {
	return ref.Role == RoleAPIServerSNI && (ref.Component == APIServer && ref.Name == sniFlag || ref.Component != APIServer && ref.Embedded == nil)
}

func (inv *Inventory) apiServerSettings() []parsers.Flag {
	c, _ := inv.Component("kube-apiserver")
	return c.Settings
}
