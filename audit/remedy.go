package audit

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"strings"

	"certaudit/audit/inventory"
	"certaudit/parsers"
)

// remedy is what a check says to do about a finding: prose behind a #, or commands
// that change nothing on the node. What fixes a node is planned from all findings
// together; see [Step].
type remedy []string

// text is a remedy with one command or comment to a line, whatever names of files
// and objects stand in it.
func (r remedy) text() string {
	lines := make([]string, len(r))
	for i, line := range r {
		lines[i] = shownBreaks.Replace(line)
	}
	return strings.Join(lines, "\n")
}

var shownBreaks = strings.NewReplacer("\n", `\n`, "\r", `\r`)

// plainWord matches what every shell takes as it stands.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9/._][A-Za-z0-9/._:@%+=,-]*$`)

// shellWord is a text of the input's as one word of a command, in quotes that sh,
// dash, bash and zsh read alike: whoever named a file or an object must not have
// written a part of the command.
func shellWord(text string) string {
	if plainWord.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// command writes a command with texts of the input's as its words; as a comment
// where one of them would not arrive as it was meant.
func command(format string, texts ...string) string {
	words := make([]any, len(texts))
	for i, text := range texts {
		if !quotable(text) {
			return "# no command can be written: a name holds what cannot be printed"
		}
		words[i] = shellWord(text)
	}
	return fmt.Sprintf(format, words...)
}

// renew says that a certificate needs other dates, another key or another signature.
func (n *node) renew(r *role) remedy {
	if r.isCA() {
		return remedy{"# replace the CA: " + sourceRotateCA}
	}
	return remedy{"# have its CA issue it again, with the same subject, names and usages"}
}

// reissue says that a certificate needs another subject, names or usages.
func (n *node) reissue(e *entry) remedy { return n.reissueAt(e.role, nil) }

func (n *node) reissueAt(r *role, before remedy) remedy {
	if r.isCA() {
		return append(before, "# restore the CA from a backup or another control-plane node; a new one would break every certificate it signed")
	}
	return append(before, "# have its CA issue it with what is expected")
}

// trust says what should be verified with, in place of what stands at a place.
func (n *node) trust(at parsers.Origin, ca string) remedy {
	if ref, ok := n.inv.ReferenceTo(at.Path, inventory.HoldsBundle); ok && ref.Origin.Path != "" {
		return remedy{fmt.Sprintf("# in %s name %s in place of %s", where(ref.Origin), ca, at.Path)}
	}
	return remedy{fmt.Sprintf("# put what %s holds into %s", ca, where(at))}
}

// restartComponent says that a component has to notice.
func (n *node) restartComponent(name string) remedy { return remedy{"# restart " + name} }

// isOpenRC reports whether a service, as [inventory.Component] names it, is one of OpenRC;
// else it is one of systemd, or none.
func isOpenRC(unit string) bool { return unit != "" && !strings.HasSuffix(unit, ".service") }

// restartCommand restarts the service of a component (systemctl(1), rc-service(8)). One
// that is not known is taken for systemd's, called as the component.
func restartCommand(c inventory.Component, name string) string {
	return serviceCommand(c, name, "restart")
}

// serviceCommand does something to the service of a component, as restartCommand does.
func serviceCommand(c inventory.Component, name, verb string) string {
	if isOpenRC(c.Unit) {
		return "rc-service " + words(c.Unit) + " " + verb
	}
	return "systemctl " + verb + " " + words(unitName(c, name))
}

func (n *node) restartKubelet() string {
	c, _ := n.inv.Component(inventory.Kubelet)
	return restartCommand(c, inventory.Kubelet)
}

// reload has systemd read its units again before what comes next.
func reload(c inventory.Component) string {
	if isOpenRC(c.Unit) {
		return ""
	}
	return "systemctl daemon-reload && "
}

// unitName is what systemctl calls a component.
func unitName(c inventory.Component, name string) string {
	return cmp.Or(strings.TrimSuffix(c.Unit, ".service"), name)
}

func (n *node) certPath(name string) string { return path.Join(n.inv.CertificatesDir, name) }

// keyPath is where the key of an entry lies, or "".
func (n *node) keyPath(e *entry) string {
	for _, ref := range e.refs {
		for _, other := range n.privates[ref.Pair] {
			if other.Holds == inventory.HoldsPrivateKey {
				return other.Path
			}
		}
	}
	return ""
}
