package audit

import (
	"bytes"
	"slices"

	"certaudit/parsers"
)

// ownOnly returns an inventory without what a person's kubeconfig says of other
// clusters, and the paths of those that do.
func ownOnly(inv *Inventory) (*Inventory, []string) {
	own := map[parsers.Origin]bool{}
	var foreign []string
	for _, ref := range inv.References {
		k, ok := inv.Kubeconfigs[ref.Path]
		if !ok || ref.Role != roleUser || ref.Holds != HoldsKubeconfig {
			continue
		}
		for _, c := range k.Contexts {
			cluster, ok := k.Cluster(c.Cluster)
			if !ok || !isOwnCluster(inv, cluster) {
				if !slices.Contains(foreign, ref.Path) {
					foreign = append(foreign, ref.Path)
				}
				continue
			}
			user, _ := k.User(c.User)
			for _, at := range []parsers.Origin{cluster.CAFile.Origin, cluster.CAData.Origin,
				user.CertificateFile.Origin, user.CertificateData.Origin, user.KeyFile.Origin, user.KeyData.Origin} {
				own[at] = true
			}
		}
	}
	other := func(r Reference) bool {
		return r.Component == "kubectl" && r.Holds != HoldsKubeconfig && !own[r.Origin]
	}
	if !slices.ContainsFunc(inv.References, other) {
		return inv, foreign
	}
	kept := *inv
	kept.References = slices.DeleteFunc(slices.Clone(inv.References), other)
	return &kept, foreign
}

// isOwnCluster reports whether a kubeconfig's cluster is the one that the node
// is part of: it trusts the same CA, or calls the same server, as the node's own
// files do. Where the node has none of these, every cluster may be its own.
func isOwnCluster(inv *Inventory, c parsers.KubeCluster) bool {
	var cas []parsers.Certificate
	hosts := []string{advertiseAddress(inv)}
	for _, ref := range inv.References {
		if ref.Component == "kubectl" {
			continue
		}
		if ref.Role == roleKubernetesCA {
			cas = append(cas, inv.material(ref).Certificates...)
		}
		if k, ok := inv.Kubeconfigs[ref.Path]; ok && ref.Role != roleOutbound {
			if own, _, ok := k.Current(); ok {
				hosts = append(hosts, hostOf(own.Server.Value))
			}
		}
	}
	if len(cas) == 0 {
		return true
	}
	if host := hostOf(c.Server.Value); host != "" && slices.Contains(hosts, host) {
		return true
	}
	for _, ref := range inv.References {
		if at := ref.Origin; at != c.CAFile.Origin && at != c.CAData.Origin || at == (parsers.Origin{}) {
			continue
		}
		for _, cert := range inv.material(ref).Certificates {
			if slices.ContainsFunc(cas, func(ca parsers.Certificate) bool {
				return bytes.Equal(ca.RawSubjectPublicKeyInfo, cert.RawSubjectPublicKeyInfo)
			}) {
				return true
			}
		}
	}
	return false
}
