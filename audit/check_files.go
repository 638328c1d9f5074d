package audit

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"certaudit/audit/inventory"
	"certaudit/parsers"
)

// group is a file with everything that names it, so that one fault of it is one
// finding.
type group struct {
	path string
	refs []*inventory.Reference
	file inventory.File
	// unseen is the component whose container does not see the path; "" for a file
	// of the node.
	unseen string
}

// groupsOf returns the files that references lead to, in the order in which they
// are first named; a path that a container does not see is a group of its own,
// whatever others find there.
func groupsOf(inv *inventory.Inventory) []group {
	type place struct{ path, unseen string }
	out := make([]group, 0, len(inv.Files))
	at := make(map[place]int, len(inv.Files))
	for r := range inv.References {
		ref := &inv.References[r]
		if ref.Path == "" {
			continue
		}
		where := place{path: ref.Path}
		if ref.Unmounted {
			where.unseen = ref.Component
		}
		i, known := at[where]
		if !known {
			i = len(out)
			at[where] = i
			out = append(out, group{path: ref.Path, unseen: where.unseen})
			if where.unseen == "" {
				out[i].file = inv.Files[ref.Path]
			}
		}
		out[i].refs = append(out[i].refs, ref)
	}
	return out
}

func (g group) first() inventory.Reference { return *g.refs[0] }

// required reports whether something needs the file.
func (g group) required() bool {
	return slices.ContainsFunc(g.refs, func(r *inventory.Reference) bool { return !r.Optional })
}

// unclaimed reports whether no component is known to read the file as Go does.
func (g group) unclaimed() bool {
	return !slices.ContainsFunc(g.refs, func(r *inventory.Reference) bool { return !r.Unclaimed })
}

// byStrangers reports whether nothing names the file whose meaning is known.
func (g group) byStrangers() bool {
	return !slices.ContainsFunc(g.refs, func(r *inventory.Reference) bool { return !r.Guessed })
}

// isConfiguration reports whether the file is a kubeconfig or a document that says how a
// component works. Of a file of variables systemd passes over what it does not understand.
func (g group) isConfiguration() bool {
	r := g.first()
	return r.Holds == inventory.HoldsKubeconfig || r.Holds == inventory.HoldsConfig && r.Name != inventory.EnvironmentFile
}

// role is that of the first reference which has one.
func (g group) role() *role {
	for _, r := range g.refs {
		if r.Role != "" {
			return roleNamed(r.Role)
		}
	}
	return &noRole
}

// namedBy lists the references with the places they stand in.
func (g group) namedBy() string {
	var out []string
	for _, r := range g.refs {
		s := r.Label()
		if r.Origin.Path != "" {
			s += fmt.Sprintf(" (%s)", where(r.Origin))
		}
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return strings.Join(out, ", ")
}

func where(o parsers.Origin) string {
	if inventory.IsProcess(o.Path) {
		return "what started " + path.Dir(o.Path)
	}
	if o.Line == 0 {
		return o.Path
	}
	return fmt.Sprintf("%s:%d", o.Path, o.Line)
}

func (g group) at() parsers.Origin { return parsers.Origin{Path: g.path, Field: g.first().Label()} }

// component is the one that needs the file.
func (g group) component() string { return g.first().Component }

func checkMissing(p *pass) {
	for _, g := range p.named() {
		if !g.required() {
			continue
		}
		p.examine()
		if g.unseen == "" && g.file.State != inventory.Missing {
			continue
		}
		f := finding{severity: p.absenceSeverity(g), component: g.component(), at: g.at(), remedy: p.restore(g)}
		switch {
		case g.component() == inventory.ComponentKubeconfig:
			f.message = "does not exist; it is named by " + g.namedBy()
			f.remedy = remedy{"# restore the file, or correct the kubeconfig that names it"}
		case g.unseen != "":
			f.message = fmt.Sprintf("no volume brings this path into the container; it is named by %s", g.namedBy())
			f.remedy = mountRemedy(path.Dir(g.path), g.first().Origin.Path)
		case g.vanished():
			f.severity, f.remedy = Info, remedy{}
			f.message = "was here, in a folder that is searched, and is gone; nothing names it, and an hour after that it is forgotten"
		case g.component() == inventory.ComponentFile:
			f.message = "does not exist, and is one of the paths that are audited"
		case p.notJoined(g):
			f.message = "does not exist, for the node has not joined yet: the kubelet makes it with the bootstrap kubeconfig"
		default:
			f.message = "does not exist; it is named by " + g.namedBy()
		}
		p.report(f)
	}
}

// vanished reports whether a file lay in a folder and nothing names it.
func (g group) vanished() bool {
	return !slices.ContainsFunc(g.refs, func(r *inventory.Reference) bool { return !r.Vanished })
}

// mountRemedy says how a container comes to see folders of the node; file is the
// manifest or unit.
func mountRemedy(folders, file string) remedy {
	if inventory.IsUnitFile(file) {
		return remedy{fmt.Sprintf("# add volumes for %s in %s, or correct the flags", folders, file)}
	}
	return remedy{fmt.Sprintf("# add hostPath volumes and volumeMounts for %s to %s, or correct the flags", folders, file)}
}

// absenceSeverity is what it is worth that nothing is got from a file.
func (n *node) absenceSeverity(g group) Severity {
	switch {
	case g.component() == inventory.ComponentKubeconfig:
		return g.asKubeconfig()
	case n.notJoined(g):
		return Warning
	}
	return g.missingSeverity()
}

// missingSeverity is what it is worth that a file is not there: a program that is
// not known may do without.
func (g group) missingSeverity() Severity {
	if g.byStrangers() {
		return Warning
	}
	return g.role().soften(Critical)
}

// asKubeconfig is what a missing file is worth that kubeconfigs alone name: they are
// of no use here, or meant for another machine.
func (g group) asKubeconfig() Severity {
	if slices.ContainsFunc(g.refs, func(r *inventory.Reference) bool { return !r.Elsewhere }) {
		return Warning
	}
	return Info
}

// notJoined reports whether a missing file is the kubelet's kubeconfig while
// there is one to bootstrap with.
func (n *node) notJoined(g group) bool {
	return g.first().Name == "kubeconfig" && g.component() == "kubelet" &&
		slices.ContainsFunc(n.inv.References, func(r inventory.Reference) bool { return r.Name == "bootstrap-kubeconfig" })
}

// restore says what to do about a file that is missing or cannot be used.
func (n *node) restore(g group) remedy {
	switch r := g.role(); {
	case r.name == inventory.RoleFileLeaf || r.name == inventory.RoleFileCA:
		return remedy{"# replace the file, or remove it"}
	case g.byStrangers():
		return remedy{"# restore the file, or correct what names it"}
	}
	return remedy{"# restore the file from a backup or from another control-plane node, or correct what names it"}
}

func checkDanglingLink(p *pass) {
	for _, g := range p.named() {
		if g.file.Link != "" || g.file.State == inventory.LinkLoop {
			p.examine()
		}
		if g.file.State == inventory.DanglingLink || g.file.State == inventory.LinkLoop {
			f := finding{severity: g.missingSeverity(), component: g.component(), at: g.at(),
				message: fmt.Sprintf("%s; it is named by %s", g.file.Reason, g.namedBy()), remedy: p.relink(g)}
			if !g.required() {
				f.severity = Warning // nothing would be amiss if there were no link
			}
			p.report(f)
		}
	}
}

// relink says where a link should lead.
func (n *node) relink(g group) remedy {
	if newest := n.inv.NewestRotated(g.path); newest != "" {
		return remedy{"# point the link at " + newest}
	}
	return n.restore(g)
}

func checkMalformed(p *pass) {
	for _, g := range p.named() {
		if g.file.State == inventory.NotRegular || g.file.State == inventory.TooLarge {
			p.examine()
			f := finding{severity: g.role().soften(Critical), component: g.component(), at: g.at(),
				message: fmt.Sprintf("%s; expected %s for %s", g.file.Reason, holdingWords[g.first().Holds], g.namedBy()), remedy: p.restore(g)}
			if g.file.Mode.IsDir() {
				f.remedy = remedy{"# a container runtime makes a folder where a volume names a file that is not there: correct that volume, then", command("rmdir -- %s", g.path)}
			}
			p.report(f)
			continue
		}
		if m, read := p.inv.Materials[g.path]; read {
			p.examine()
			p.malformed(g, m)
		}
		p.context(g)
	}
	for _, name := range sortedKeys(p.inv.Kubeconfigs) {
		p.personalContext(name)
	}
	for i := range p.inv.References {
		if ref := &p.inv.References[i]; ref.Embedded != nil {
			p.examine()
			p.malformed(group{path: ref.Origin.Path, refs: []*inventory.Reference{ref}}, *ref.Embedded)
		}
	}
}

// chooseUser are the fields of kubeconfigs of which a user is taken by the name of the
// server that is called, and not the current context (k8s.io/apiserver
// pkg/util/webhook/authentication.go; pkg/util/webhook/webhook.go for all others).
var chooseUser = []string{"plugins[].configuration.kubeConfigFile", "kubeConfigFile"}

// context reports a component's kubeconfig whose current context leads nowhere.
func (p *pass) context(g group) {
	k, ok := p.inv.Kubeconfigs[g.path]
	if r := g.role(); !ok || r.name == inventory.RoleUser || r.name == inventory.RoleOutbound && slices.Contains(chooseUser, g.first().Name) || r.name == inventory.RoleFileLeaf {
		return
	}
	p.examine()
	if _, _, ok := k.Current(); ok {
		return
	}
	at := k.CurrentContext.Origin
	if at == (parsers.Origin{}) {
		at = g.at()
	}
	p.report(finding{severity: g.role().soften(Critical), component: g.component(), at: at,
		message: fmt.Sprintf("the current context is %q, and there is no such context with a cluster; %s cannot use the file", k.CurrentContext.Value, g.component()), remedy: p.restore(g)})
}

// personalContext reports a person's kubeconfig, or one that was found among files,
// that has users and no context which says where they are used, or whose current
// context is not there.
func (p *pass) personalContext(name string) {
	k := p.inv.Kubeconfigs[name]
	component := inventory.ComponentKubeconfig
	if ref, ok := p.inv.ReferenceTo(name, inventory.HoldsKubeconfig); ok {
		if ref.Role != inventory.RoleUser {
			return
		}
		component = ref.Component
	}
	f := finding{severity: Info, component: component, at: parsers.Origin{Path: name, Field: "contexts"},
		remedy: remedy{command("kubectl config set-context NAME --kubeconfig=%s --cluster=CLUSTER --user=USER", name), command("kubectl config use-context NAME --kubeconfig=%s", name)}}
	current := k.CurrentContext
	switch {
	case len(k.Users) > 0 && len(k.Contexts) == 0:
		f.message = fmt.Sprintf("has %s and no context: kubectl uses none of them until one says for which cluster", plural(len(k.Users), "user"))
	case current.Value != "" && !slices.ContainsFunc(k.Contexts, func(c parsers.KubeContext) bool { return c.Name == current.Value }) && len(k.Users) > 0:
		f.at, f.remedy = current.Origin, remedy{command("kubectl config get-contexts --kubeconfig=%s", name), command("kubectl config use-context NAME --kubeconfig=%s", name)}
		f.message = fmt.Sprintf("the current context is %q, and there is no such context; kubectl fails unless it is given one", clip(current.Value))
	default:
		return
	}
	p.report(f)
}

// keyInDER reports a private key that lies there as DER: crypto/tls and Kubernetes read
// keys as PEM alone (crypto/tls X509KeyPair, k8s.io/client-go util/keyutil). Of
// certificates the connections tell.
func (p *pass) keyInDER(g group, m parsers.Material) bool {
	if len(m.Keys) != 1 || !m.Keys[0].Private || m.Keys[0].Origin.Line != 0 || g.path != m.Keys[0].Origin.Path || g.unclaimed() || g.byStrangers() {
		return false
	}
	p.report(finding{severity: g.role().soften(Critical), component: g.component(), at: g.at(),
		message: fmt.Sprintf("is a private key in DER; expected it in PEM for %s", g.namedBy()), remedy: remedy{"# write it as PEM: openssl pkey -inform DER"}})
	return true
}

// malformed reports what is wrong in one file or field.
func (p *pass) malformed(g group, m parsers.Material) {
	reported := p.keyInDER(g, m)
	for _, problem := range m.Problems {
		if problem.Kind == parsers.KindLeftOut || inventory.Foreign(problem) && g.unclaimed() {
			reported = true // input/unreadable or input/unsupported tells
			continue
		}
		f := finding{severity: g.role().soften(Critical), component: g.component(), at: problem.Origin, message: problem.Detail, remedy: p.restore(g)}
		if title, _ := mend(problem.Detail); title != "" {
			f.remedy = remedy{"# " + title + " the file"}
		} else if strings.Contains(problem.Detail, wrappedBase64) {
			f.remedy = remedy{"# write the value on one line, as base64 -w 0 prints it"}
		}
		if problem.Kind == parsers.KindCertificate {
			f.message = "holds a certificate that Go, and so every component, refuses: " + problem.Detail
		}
		switch {
		case inventory.Foreign(problem) && g.byStrangers(): // what its program reads is not known
			f.severity = Info
			f.message += "; it was not judged"
			reported = true
		case problem.Kind == parsers.KindUnsupported && len(m.Certificates)+len(m.Keys) > 0:
			f.severity = Info
		case problem.Kind == parsers.KindUnsupported:
			f.message = fmt.Sprintf("%s; expected %s in PEM for %s", problem.Detail, holdingWords[g.first().Holds], g.namedBy())
			reported = true
		case problem.Kind == parsers.KindEncrypted:
			f.remedy = remedy{"# no component asks for a passphrase: decrypt the key with openssl pkey"}
			reported = true
		default:
			reported = true
		}
		if f.at.Field == "" {
			f.at.Field = g.first().Label()
		}
		p.report(f)
	}
	if reported {
		return
	}
	for _, ref := range g.refs {
		if !holds(ref.Holds, m) {
			p.report(finding{severity: g.role().soften(Critical), component: ref.Component, at: parsers.Origin{Path: ref.Place().Path, Line: ref.Place().Line, Field: ref.Label()},
				message: fmt.Sprintf("holds %s; expected %s", contents(m), holdingWords[ref.Holds]), remedy: p.restore(g)})
			return
		}
	}
}

// mends are the sed scripts that mend a file in place, by what is said of it; they
// stand in double quotes.
var mends = []struct{ seen, title, script string }{
	{"byte order mark", "take the byte order mark out of", `s/^$(printf '\357\273\277')//`},
	{"the BEGIN line is indented", "take the indentation out of", `s/^[[:blank:]]*//`},
	{"the dashes before BEGIN are no hyphens", "put hyphens around the blocks of",
		`s/^[^A-Z]*BEGIN \([A-Z0-9 ]*[A-Z0-9]\)[^A-Z0-9]*\$/-----BEGIN \1-----/;s/^[^A-Z]*END \([A-Z0-9 ]*[A-Z0-9]\)[^A-Z0-9]*\$/-----END \1-----/`},
	{"without a line break", "break the line between the blocks of", `s/----------BEGIN /-----\n-----BEGIN /g`},
}

// wrappedBase64 is what parsers say of base64 in several lines.
const wrappedBase64 = "base64 that was wrapped into lines"

// mend returns what mends a file in place, if its damage is one of those.
func mend(detail string) (title, script string) {
	for _, m := range mends {
		if strings.Contains(detail, m.seen) {
			return m.title, m.script
		}
	}
	return "", ""
}

// holdingWords say what a reference should lead to.
var holdingWords = map[inventory.Holding]string{
	inventory.HoldsCertificate: "a certificate", inventory.HoldsBundle: "certificates", inventory.HoldsSigner: "a certificate",
	inventory.HoldsPrivateKey: "a private key", inventory.HoldsSignerKey: "a private key", inventory.HoldsTokenKey: "a private key",
	inventory.HoldsTokenVerifier: "public keys or certificates", inventory.HoldsKubeconfig: "a kubeconfig", inventory.HoldsConfig: "a configuration file",
}

// holds reports whether material has what a reference needs of it.
func holds(h inventory.Holding, m parsers.Material) bool {
	switch h {
	case inventory.HoldsCertificate, inventory.HoldsBundle, inventory.HoldsSigner:
		return len(m.Certificates) > 0
	case inventory.HoldsPrivateKey, inventory.HoldsSignerKey, inventory.HoldsTokenKey:
		return slices.ContainsFunc(m.Keys, func(k parsers.Key) bool { return k.Private })
	case inventory.HoldsTokenVerifier:
		return len(m.Keys)+len(m.Certificates) > 0
	}
	return true
}

func contents(m parsers.Material) string {
	switch {
	case len(m.Certificates) > 0 && len(m.Keys) == 0:
		return "only certificates"
	case len(m.Keys) > 0 && len(m.Certificates) == 0:
		return "only keys"
	}
	return "something else"
}

func checkPermissions(p *pass) {
	for _, g := range p.withModes() {
		if g.file.State != inventory.Readable {
			continue
		}
		p.examine()
		if severity, expected := p.permissions(g); severity != "" {
			message := fmt.Sprintf("has the mode %04o; expected %04o or less, %s", g.file.Mode.Perm(), expected.mode, expected.why)
			fix := remedy{fmt.Sprintf("chmod %04o ", expected.mode) + shellWord(target(g.file))}
			if expected == fileMode {
				fix = remedy{"# a program that reads it as another user must be in its group first", "chmod o= " + shellWord(target(g.file))}
			}
			if d := p.inv.Distribution; p.isGivenMode(g.file) {
				severity, message, fix = Info, message+"; "+d.Name+" gives it that mode", remedy{"# leave it as it is, or ask what " + d.Name + " needs it for"}
			}
			p.report(finding{severity: severity, component: g.component(), at: g.at(), message: message, remedy: fix, reference: expected.source})
		}
	}
}

// withModes are the files of which the mode is judged: those that something names, and the
// kubeconfigs among the paths that are audited.
func (n *nodeAudit) withModes() []group {
	out := slices.Clip(n.named())
	for _, name := range sortedKeys(n.inv.Kubeconfigs) {
		if !slices.ContainsFunc(n.named(), func(g group) bool { return g.path == name }) {
			ref := &inventory.Reference{Component: inventory.ComponentKubeconfig, Origin: parsers.Origin{Path: name, Field: "users"}, Holds: inventory.HoldsKubeconfig, Path: name, Guessed: true}
			out = append(out, group{path: name, refs: []*inventory.Reference{ref}, file: n.inv.Files[name]})
		}
	}
	return out
}

// isGivenMode reports whether a file has the mode that the distribution gives it.
func (n *nodeAudit) isGivenMode(f inventory.File) bool {
	l := n.layout()
	if l == nil {
		return false
	}
	if most, err := strconv.ParseUint(l.FileMode, 8, 32); err == nil && uint32(f.Mode.Perm())&^uint32(most) == 0 && strings.HasPrefix(f.Path, n.inv.Distribution.Data+"/") {
		return true
	}
	return slices.ContainsFunc(l.Files, func(of inventory.LayoutFile) bool {
		return of.Path == f.Path && of.Mode == fmt.Sprintf("%04o", f.Mode.Perm())
	})
}

// target is what chmod has to change.
func target(f inventory.File) string {
	if f.Link != "" {
		return f.Resolved
	}
	return f.Path
}

// permission is the widest mode that a sort of file may have.
type permission struct {
	mode        uint32
	why, source string
}

var (
	secretMode = permission{0o600, "for whoever reads it can act in its name", "CIS Kubernetes Benchmark 1.1.13, 1.1.15, 1.1.17, 1.1.21, 4.1.5"}
	// fileMode is that of a key of which nothing says who uses it.
	fileMode   = permission{0o640, "for whoever reads it can act in its name", "https://www.postgresql.org/docs/current/ssl-tcp.html"}
	publicMode = permission{0o644, "for whoever changes it decides whom the cluster trusts", "CIS Kubernetes Benchmark 1.1.20, 4.1.7"}
)

// permissions returns what is too wide about a file's mode, and "" for nothing.
// A group that may read a secret is a choice that some make; one that may write
// it, or anybody else, is none.
func (n *node) permissions(g group) (Severity, permission) {
	mode := uint32(g.file.Mode.Perm())
	if g.component() == inventory.ComponentFile || g.component() == inventory.ComponentKubeconfig {
		if mode&0o027 != 0 && n.secret(g) {
			return Warning, fileMode
		}
		return "", permission{} // whom a certificate is for is not known
	}
	if !n.secret(g) {
		if mode&0o022 != 0 {
			return Warning, publicMode
		}
		return "", permission{}
	}
	switch {
	case mode&0o027 != 0:
		return Warning, secretMode
	case mode&0o040 != 0:
		return Info, secretMode
	}
	return "", permission{}
}

// secret reports whether a file holds a private key, or is named as one that
// does.
func (n *node) secret(g group) bool {
	if holds(inventory.HoldsPrivateKey, n.inv.Materials[g.path]) {
		return true
	}
	return slices.ContainsFunc(g.refs, func(r *inventory.Reference) bool {
		switch r.Holds {
		case inventory.HoldsPrivateKey, inventory.HoldsSignerKey, inventory.HoldsTokenKey:
			return true
		case inventory.HoldsKubeconfig:
			k, read := n.inv.Kubeconfigs[r.Path]
			others := r.Role == inventory.RoleOutbound || r.Guessed
			if read && r.Role == inventory.RoleKubeletClient && len(k.Users) > 0 && !slices.ContainsFunc(k.Users, func(u parsers.KubeUser) bool {
				return !u.Exec || !u.KeyData.IsZero() || u.KeyFile.Value != "" || u.TokenAuth
			}) {
				return false // a plugin finds what it shows: awslabs/amazon-eks-ami writes it for all to read
			}
			return !others || !read || slices.ContainsFunc(k.Users, func(u parsers.KubeUser) bool { return !u.KeyData.IsZero() || u.TokenAuth || u.Exec })
		}
		return false
	})
}

// maxStray is how many files of one folder are listed one by one.
const maxStray = 20

// strayRemedy never says to remove a file: it may be the only copy of a key, or what
// somebody uses who is not on this node.
var strayRemedy = remedy{"# correct the flag that should name it; if nothing needs it, put it aside where only root can read it"}

// stray reports files that nobody names.
func (p *pass) stray(dir string, names []string) {
	for _, name := range names[:min(len(names), maxStray)] {
		p.report(finding{at: parsers.Origin{Path: name}, message: "is named by no component; it was not judged", remedy: strayRemedy})
	}
	if more := len(names) - maxStray; more > 0 {
		p.report(finding{at: parsers.Origin{Path: dir}, message: fmt.Sprintf("holds %d more files that no component names; they were not judged", more), remedy: strayRemedy})
	}
}

// checkUnreferenced reports what nothing names, which can be said only where
// everything was read that could name it.
func checkUnreferenced(p *pass) {
	if len(p.inv.Folders) == 0 {
		return
	}
	named, hidden := p.namedPaths(), 0
	whole := !slices.ContainsFunc(p.inv.Problems, func(i inventory.InputProblem) bool { return i.Lost })
	for _, dir := range sortedKeys(p.inv.Folders) {
		var old, stray []string
		newest := []string{p.inv.NewestRotated(path.Join(dir, "kubelet-client-current.pem")), p.inv.NewestRotated(path.Join(dir, "kubelet-server-current.pem"))}
		for _, name := range p.inv.Folders[dir] {
			p.examine()
			full := path.Join(dir, name)
			switch {
			case named[full], p.isShared(full), p.isAuthorityKey(full):
			case slices.Contains(newest, full):
				// kubelet/link tells what is wrong with the link
			case inventory.IsRotated(name):
				old = append(old, name)
			default:
				stray = append(stray, full)
			}
		}
		if whole {
			p.stray(dir, stray)
		} else {
			hidden += len(stray)
		}
		if len(old) > 0 {
			p.report(finding{component: "kubelet", at: parsers.Origin{Path: dir},
				message: fmt.Sprintf("holds files that the kubelet has replaced and never removes: %d, the newest %s", len(old), slices.Max(old)),
				remedy:  remedy{"# nothing needs them; keep what kubelet-client-current.pem and kubelet-server-current.pem lead to"}})
		}
	}
	if hidden > 0 {
		p.unjudged("not everything was read that may name files, so the %d that nothing else names were not reported", hidden)
	}
}

// namedPaths are the paths that something names, and those that they lead to.
func (n *node) namedPaths() map[string]bool {
	named := map[string]bool{}
	for _, name := range n.inv.Named {
		named[name] = true
	}
	for _, r := range n.inv.References {
		named[r.Path], named[n.inv.Files[r.Path].Resolved] = true, true
	}
	return named
}

// isShared reports whether a program can read a file of which it is not known
// what it reads.
func (n *node) isShared(name string) bool {
	return slices.ContainsFunc(n.inv.Shared, func(dir string) bool { return strings.HasPrefix(name, strings.TrimSuffix(dir, "/")+"/") })
}

// isAuthorityKey reports whether a file holds, or may hold, the key of a CA that is in
// view, or is called as the key of the CA beside it. Nothing on a node needs to name it.
func (p *pass) isAuthorityKey(name string) bool {
	for _, key := range p.inv.Materials[name].Keys {
		if key.Private && p.authorityKeys[key.PublicKeySHA256] {
			return true
		}
	}
	if isLeftOut(p.inv.Materials[name]) { // whose it is, is not known
		return true
	}
	dir, base := path.Split(name)
	certificate, isKey := keyName(base)
	return isKey && authorityName.MatchString(certificate) && slices.ContainsFunc(p.inv.Folders[path.Clean(dir)], func(n string) bool {
		return n != base && strings.TrimSuffix(n, path.Ext(n)) == certificate
	})
}

// authorityName matches what people call a CA: ca, front-proxy-ca, ca-old.
var authorityName = regexp.MustCompile(`(?i)(^|[^a-z])ca([^a-z]|$)`)

// keyName returns what the file of a key has in common with that of its
// certificate: "ca" of ca.key and of ca-key.pem.
func keyName(base string) (string, bool) {
	for _, suffix := range []string{".key", "-key.pem", "_key.pem", ".key.pem"} {
		if stem, ok := strings.CutSuffix(base, suffix); ok {
			return stem, true
		}
	}
	return "", false
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
