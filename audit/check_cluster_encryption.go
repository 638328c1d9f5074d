package audit

import (
	"fmt"
	"slices"
	"strings"

	"certaudit/audit/inventory"
	"certaudit/parsers"
)

// encryptionConfig is the flag that names the configuration.
const encryptionConfig = "encryption-provider-config"

// sourceEncryption tells how a key is replaced: it is put second on every API server, then
// first, and goes once everything was written anew.
const sourceEncryption = "https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/#rotating-a-decryption-key"

// encrypting is an API server, and the keys by which it reads and writes some resources,
// the one that writes first.
type encrypting struct {
	node *nodeAudit
	keys []string
}

// encryptionDiffers reports resources that the API servers do not encrypt alike. One without
// a configuration encrypts nothing. It returns the API servers of which is not known how
// they encrypt, and those without a configuration.
func (p *clusterPass) encryptionDiffers(servers []*nodeAudit) (rest []*nodeAudit) {
	var known []*nodeAudit
	var resources []string
	for _, n := range servers {
		c, _ := n.inv.Component(inventory.APIServer)
		switch e := n.inv.Encryption; {
		case e == nil && c.InEffect(encryptionConfig) == "":
			rest, known = append(rest, n), append(known, n)
		case e == nil:
			rest = append(rest, n)
		case e.Fault != "":
			rest = append(rest, n)
			p.unjudged("%s: %s of --encryption-provider-config was not compared with that of the others: it %s", n.name, clip(e.Path), clip(e.Fault))
		case !e.IsBounded():
			rest = append(rest, n)
			p.unjudged("%s: %s of --encryption-provider-config names more than is compared", n.name, clip(e.Path))
		default:
			known = append(known, n)
			for _, entry := range e.Entries {
				resources = append(resources, entry.Resources...)
			}
		}
	}
	if len(resources) == 0 {
		return rest
	}
	p.unjudged("whether keys of one name of --encryption-provider-config are the same is not seen: what they are is secret")
	slices.Sort(resources)
	alike, order := map[string][]string{}, []string{}
	for _, resource := range slices.Compact(resources) {
		var lists []string
		for _, n := range known {
			lists = append(lists, strings.Join(keysFor(n.inv.Encryption, resource), "\x00"))
		}
		if all := strings.Join(lists, "\x01"); len(slices.Compact(lists)) > 1 {
			if alike[all] == nil {
				order = append(order, all)
			}
			alike[all] = append(alike[all], resource)
		}
	}
	for _, all := range order[:min(len(order), maxListed)] {
		var sides []encrypting
		for _, n := range known {
			sides = append(sides, encrypting{n, keysFor(n.inv.Encryption, alike[all][0])})
		}
		p.reportEncryption(alike[all], sides)
	}
	return rest
}

// keysFor are the keys for a resource: those of the first entry that covers it, by name or
// by pattern, else none that encrypts (k8s.io/apiserver
// pkg/server/options/encryptionconfig/config.go).
func keysFor(e *inventory.Encryption, resource string) []string {
	if e == nil {
		return []string{parsers.EncryptionIdentity}
	}
	_, group, _ := strings.Cut(resource, ".")
	for _, entry := range e.Entries {
		if len(entry.Keys) == 0 {
			continue // the API server refuses it
		}
		for _, covered := range entry.Resources {
			if covered == resource || covered == "*.*" || covered == "*."+group {
				return entry.Keys
			}
		}
	}
	return []string{parsers.EncryptionIdentity}
}

// reportEncryption reports resources for which not all API servers have the same keys in
// the same order: critical where one cannot read what another writes.
func (p *clusterPass) reportEncryption(resources []string, sides []encrypting) {
	what := strings.Join(clipAll(resources), ", ")
	for _, writer := range sides {
		blind := slices.DeleteFunc(slices.Clone(sides), func(s encrypting) bool { return slices.Contains(s.keys, writer.keys[0]) })
		if len(blind) == 0 {
			continue
		}
		p.reportEncrypting(blind[0].node, finding{severity: Critical,
			message: fmt.Sprintf("%s writes %s with %q, which %s %s not have: what one writes the other cannot read%s; %s. Expected what one writes with on every API server",
				writer.node.shown(), what, clip(writer.keys[0]), namesOfNodes(nodesOfSides(blind)), have(len(nodesOfSides(blind)), "does", "do"), amongThem(resources), sideWords(sides)),
			remedy: remedy{"# add that provider and key, behind the first one, to the configuration of the others, and restart kube-apiserver there, one node at a time; take no key out of any", "# " + sourceEncryption}})
		return
	}
	if isKeyRotation(sides) {
		p.reportEncrypting(sides[0].node, finding{severity: Info,
			message: fmt.Sprintf("the keys for %s are being changed, and each API server reads what the others write: %s. Next: the same keys in the same order on every API server, and no key is taken out before everything was written with the new one",
				what, sideWords(sides)),
			remedy: remedy{"# a new key stands second on every API server before it stands first on any", "# " + sourceEncryption}})
		return
	}
	p.reportEncrypting(sides[0].node, finding{severity: Warning,
		message: fmt.Sprintf("the API servers have other keys for %s, or the same in another order: %s. Each reads what the others write now, and may not read what was written before; expected the same on every API server", what, sideWords(sides)),
		remedy:  remedy{"# bring the configurations into one order, one node at a time; take no key out that anything was written with", "# " + sourceEncryption}})
}

// amongThem says that the resources hold private keys.
func amongThem(resources []string) string {
	if slices.ContainsFunc(resources, func(r string) bool { return r == "secrets" || r == "*." || r == "*.*" }) {
		return ", the keys of TLS Secrets among them"
	}
	return ""
}

func (p *clusterPass) reportEncrypting(n *nodeAudit, f finding) {
	c, _ := n.inv.Component(inventory.APIServer)
	f.component, f.at, f.reference = inventory.APIServer, c.Origin, sourceEncryption
	if n.inv.Encryption != nil {
		f.at = n.inv.Encryption.Origin
	}
	p.report(n, f)
}

// isKeyRotation reports whether lists differ by one step of a rotation: a key that does
// not write is on some only, or one was put from behind to the front.
func isKeyRotation(sides []encrypting) bool {
	for i, a := range sides {
		for _, b := range sides[i+1:] {
			if slices.Equal(a.keys, b.keys) || isWithin(a.keys, b.keys) || isWithin(b.keys, a.keys) || isMoved(a.keys, b.keys) || isMoved(b.keys, a.keys) {
				continue
			}
			return false
		}
	}
	return true
}

// isWithin reports whether a list is another one without some keys, in the same order.
func isWithin(few, many []string) bool {
	left := slices.DeleteFunc(slices.Clone(many), func(key string) bool { return !slices.Contains(few, key) })
	return slices.Equal(left, few)
}

// isMoved reports whether a list becomes another one as one of its keys comes first.
func isMoved(from, to []string) bool {
	rest := slices.DeleteFunc(slices.Clone(from), func(key string) bool { return key == to[0] })
	return len(rest) == len(from)-1 && slices.Equal(rest, to[1:])
}

func nodesOfSides(sides []encrypting) []*nodeAudit {
	var nodes []*nodeAudit
	for _, s := range sides {
		nodes = append(nodes, s.node)
	}
	return nodes
}

// sideWords say which keys each of the API servers has.
func sideWords(sides []encrypting) string {
	byKeys, order := map[string][]*nodeAudit{}, []string{}
	for _, s := range sides {
		keys := strings.Join(quoted(clipAll(s.keys)), ", ")
		if byKeys[keys] == nil {
			order = append(order, keys)
		}
		byKeys[keys] = append(byKeys[keys], s.node)
	}
	var words []string
	for _, keys := range order {
		words = append(words, fmt.Sprintf("%s %s %s", namesOfNodes(byKeys[keys]), have(len(byKeys[keys]), "has", "have"), keys))
	}
	return strings.Join(words[:min(len(words), maxQuotedList)], "; ")
}
