package audit

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"certaudit/audit/inventory"
)

// comparison holds something public about a file as it was audited against what lies there
// now: a call of a function of the shell that notes in G what differs.
type comparison string

// calls reports whether a comparison is made by a function.
func (c comparison) calls(function string) bool { return strings.HasPrefix(string(c), function+" ") }

// comparing are the functions that comparisons call, behind those that these call. Of
// a file that holds a certificate its SHA-256 is compared, of any other the size: digests of
// files with secrets are nobody's business.
var comparing = []struct{ name, definition string }{
	{"differs", `differs() { G="$G
  $1 $2"; }`},
	{"digest", `digest() { sed -n '/-----BEGIN/,/-----END/{/-----END/q;/-----BEGIN/!p;}' | tr -dc 'A-Za-z0-9+/=' | base64 -d 2> /dev/null | sha256sum | cut -c1-64; }`},
	{"absent", `absent() { [ ! -e "$1" ] || differs "$1" "is there"; }`},
	{"sized", `sized() { [ "$(cat -- "$1" 2> /dev/null | wc -c)" -eq "$2" ] || differs "$1" "has another size, or is gone"; }`},
	{"holds", `holds() { [ "$(sed -n "$2,\$p" "$1" 2> /dev/null | digest)" = "$3" ] || differs "$1" "holds another certificate, or none, on line $2"; }`},
	{"embeds", `embeds() { [ "$(sed -n "$2,\$p" "$1" 2> /dev/null | sed -e "1s/.*$3[\"']*: *[\"']*//" -e '1!{/:/,$d;}' -e 's/[^A-Za-z0-9+/=|> -].*//' | tr -dc 'A-Za-z0-9+/=' | base64 -d 2> /dev/null | digest)" = "$4" ] || differs "$1" "embeds another certificate, or none, as $3"; }`},
}

// guardTools are the programs that the functions of comparisons need and not every plan does.
var guardTools = []string{"base64", "sha256sum"}

// guard adds the look at the files that the steps touch: on another machine, and on this one
// once it has changed, a plan must end before anything is done. A plan that was
// stopped goes on: U holds what it began with.
func (p *planner) guard(all work) {
	found := p.comparisons()
	if len(found) == 0 {
		return
	}
	commands := []string{}
	for _, k := range comparing {
		if k.name == "differs" || k.name == "digest" || slices.ContainsFunc(found, func(c comparison) bool { return c.calls(k.name) }) {
			commands = append(commands, k.definition)
		}
	}
	sum := sha256.New()
	for _, c := range found {
		_, _ = fmt.Fprintln(sum, c)
	}
	commands = append(commands, "G= P="+hex.EncodeToString(sum.Sum(nil)[:8])+" U="+p.copiesDir()+"/certaudit-unfinished")
	for _, c := range found {
		commands = append(commands, string(c))
	}
	title, name := "see that this is the node, as it was audited", p.name
	if !p.inv.IsNode() {
		title, name = "see that the files are as they were audited", "the machine"
	}
	if !quotable(name) {
		name = "the node"
	}
	commands = append(commands, `[ -z "$G" ] || grep -qsx "$P" "$U" || { printf 'certaudit: nothing was done, for this is not %s as it was audited:%s\ncertaudit: this machine calls itself %s. If the plan is for another, run it there. If this one has changed since, be it by this plan, have the plan made again, from a new snapshot where it was made from one.\n' `+
		words(name)+` "$G" "$(uname -n)" >&2; false; }`)
	p.add(PhaseLook, all, title, commands...)
	last := len(p.steps) - 1
	p.steps = slices.Insert(p.steps[:last:last], 1, p.steps[last]) // behind the look that one can read what it looks at
}

// comparisons are those of the files that the steps touch, and of a certificate that tells the node
// from others, if none of these does.
func (p *planner) comparisons() []comparison {
	files := p.touched()
	if name := p.tellingFile(files); name != "" {
		files = append(files, name)
	}
	var out []comparison
	for _, name := range files {
		out = append(out, p.comparisonsOf(name)...)
	}
	return out
}

// touched are the files that are changed, and those that were looked at and are named in a
// command, such as what signs; sorted.
func (p *planner) touched() []string {
	files := slices.Clone(p.changed)
	for _, s := range p.steps {
		for _, c := range s.Commands {
			for _, word := range strings.FieldsFunc(c, func(r rune) bool { return strings.ContainsRune(" \n\"'<>()", r) }) {
				if _, ok := p.inv.Files[word]; ok {
					files = append(files, word)
				}
			}
		}
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// tellingFile is a file with a certificate that is the node's alone, as far as its names tell;
// one that the kubelet renews by itself where there is no other. It is "" where some files
// hold one already, or none is known.
func (p *planner) tellingFile(files []string) string {
	var stays, rotates string
	for e := range p.decoded((*entry).isLeaf) {
		switch name := e.place.Path; {
		case !ownLeaves[e.role.name] || !p.isNamedBy(e) || len(p.comparisonsOf(name)) == 0:
		case slices.Contains(files, name):
			return ""
		case e.role.name == inventory.RoleKubeletClient, e.role.name == inventory.RoleKubeletServing:
			rotates = cmp.Or(rotates, name)
		default:
			stays = cmp.Or(stays, name)
		}
	}
	return cmp.Or(stays, rotates)
}

// comparisonsOf are what is compared of a file; nil for what was not looked at or not read.
func (p *planner) comparisonsOf(name string) []comparison {
	f, certs := p.inv.Files[name], p.inv.Materials[name].Certificates
	switch {
	case !quotable(name):
	case f.State == inventory.Missing || f.State == inventory.DanglingLink:
		return []comparison{comparison("absent " + words(name))}
	case f.State != inventory.Readable:
	case len(certs) == 0 && len(p.inv.Materials[name].Keys) > 0: // its certificate speaks for it
	case len(certs) > 0 && certs[0].Origin.Line > 0:
		return []comparison{comparison(fmt.Sprintf("holds %s %d %s", words(name), certs[0].Origin.Line, certs[0].SHA256()))}
	default:
		if embedded := p.embeddedComparisons(name); embedded != nil {
			return embedded
		}
		return []comparison{comparison(fmt.Sprintf("sized %s %d", words(name), f.Size))}
	}
	return nil
}

// embeddedComparisons are those of the certificates in the fields of a kubeconfig; nil where it
// embeds none, or where what stands on a line cannot be told apart.
func (p *planner) embeddedComparisons(name string) (out []comparison) {
	if _, ok := p.inv.Kubeconfigs[name]; !ok || p.crowded(name) {
		return nil
	}
	for _, ref := range p.inv.References {
		field := lastKey(ref.Origin.Field)
		if ref.Origin.Path != name || ref.Embedded == nil || len(ref.Embedded.Certificates) == 0 || ref.Origin.Line == 0 || !strings.HasSuffix(field, "-data") {
			continue
		}
		c := comparison(fmt.Sprintf("embeds %s %d %s %s", words(name), ref.Origin.Line, field, ref.Embedded.Certificates[0].SHA256()))
		if !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

// copiesDir is where copies of what is changed are kept: files that belong to no node may be
// those of somebody who is not root.
func (p *planner) copiesDir() string {
	if p.inv.IsNode() {
		return "/etc/kubernetes"
	}
	return `"$HOME"`
}
