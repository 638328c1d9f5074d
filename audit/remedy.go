package audit

import (
	"certaudit/audit/inventory"
	"certaudit/parsers"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// remedy is what to do: commands, one to a line, comments behind a #.
type remedy []string

// text is a remedy with one command or comment to a line, whatever names of files
// and objects stand in it.
func (r remedy) text() string {
	lines := make([]string, len(r))
	for i, line := range r {
		lines[i] = strings.NewReplacer("\n", `\n`, "\r", `\r`).Replace(line)
	}
	return strings.Join(lines, "\n")
}

// plainWord matches what a shell takes as it stands.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9/._][A-Za-z0-9/._:@%+=,-]*$`)

// shellWord is a text of the input's as one word of a command in bash: whoever
// named a file or an object must not have written a part of the command.
func shellWord(text string) string {
	switch {
	case plainWord.MatchString(text):
		return text
	case strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }):
		quoted := strconv.QuoteToASCII(text)
		return "$'" + strings.ReplaceAll(strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`), "'", `\'`) + "'"
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// command writes a command with texts of the input's as its words.
func command(format string, texts ...string) string {
	words := make([]any, len(texts))
	for i, text := range texts {
		words[i] = shellWord(text)
	}
	return fmt.Sprintf(format, words...)
}

// renew returns the commands that give a certificate new dates and a new key
// and leave its subject, names and usages as they are (kubeadm certs renew
// copies them from the old one).
func (n *node) renew(r *role) remedy {
	switch {
	case r.name == inventory.RoleKubeletClient:
		return n.rejoin()
	case r.isCA():
		return remedy{"# replace the CA: https://kubernetes.io/docs/tasks/tls/manual-rotation-of-ca-certificates/"}
	case n.facts.profile != ProfileKubeadm || r.kubeadm().Authority == "":
		return append(remedy{"# have its CA issue the certificate again, with the same subject, names and usages"}, n.restart(r)...)
	case n.externalCA(r):
		return append(remedy{"# the CA's key is not on this node: make a request and have the CA's owner sign it",
			"kubeadm certs generate-csr"}, n.restart(r)...)
	}
	return append(remedy{"kubeadm certs renew " + r.kubeadm().Name}, n.restart(r)...)
}

// reissue returns the commands that issue a certificate again from the cluster's
// configuration: for one whose subject, names or usages are wrong, since a
// renewal would copy them.
func (n *node) reissue(e *entry) remedy {
	var aside remedy
	for _, name := range []string{e.place.Path, n.keyPath(e)} {
		if name != "" && !slices.Contains(aside, move(name)) {
			aside = append(aside, move(name))
		}
	}
	return n.reissueAt(e.role, aside)
}

func move(name string) string { return command("mv %s %s", name, name+".old") }

// reissueAt returns the commands that make the certificate of a role. kubeadm
// keeps what it finds, so the old files are put aside first.
func (n *node) reissueAt(r *role, aside remedy) remedy {
	switch {
	case r.name == inventory.RoleKubeletClient:
		return n.rejoin()
	case n.facts.profile != ProfileKubeadm || r.kubeadm().Phase == "":
		return append(remedy{"# have its CA issue the certificate with what is expected"}, n.restart(r)...)
	case r.isCA():
		return remedy{"# restore the CA from a backup or another control-plane node; a new one would break every certificate it signed"}
	case n.externalCA(r):
		return append(remedy{"# the CA's key is not on this node: have the CA's owner issue the certificate with what is expected"}, n.restart(r)...)
	}
	return slices.Concat(aside, remedy{
		"kubectl -n kube-system get cm kubeadm-config -o jsonpath='{.data.ClusterConfiguration}' > kubeadm-config.yaml",
		"kubeadm init phase " + r.kubeadm().Phase + " --config kubeadm-config.yaml"}, n.restart(r))
}

// rejoin returns the commands that give a kubelet a new client certificate.
// Source: website setup/production-environment/tools/kubeadm/troubleshooting-kubeadm,
// "Kubelet client certificate rotation fails".
func (n *node) rejoin() remedy {
	name := n.name
	if name == "" {
		name = "NODE"
	}
	return remedy{
		"# on a control-plane node that has the CA's key:",
		command("kubeadm kubeconfig user --org system:nodes --client-name %s > kubelet.conf", "system:node:"+name),
		"# bring it to this node as " + inventory.KubeletConf + ", remove " + path.Join(inventory.KubeletCertDir, "kubelet-client*") + ", then:",
		"systemctl restart kubelet",
	}
}

// trust returns the command that has what stands at a place, the CA of a
// kubeconfig or what a flag names, verify with the CA of a file.
func (n *node) trust(at parsers.Origin, ca string) remedy {
	for _, c := range n.inv.Kubeconfigs[at.Path].Clusters {
		if c.CAData.Origin == at || c.CAFile.Origin == at {
			return remedy{command("kubectl config set-cluster %s --kubeconfig=%s --embed-certs --certificate-authority=%s", c.Name, at.Path, ca)}
		}
	}
	if ref, ok := n.inv.ReferenceTo(at.Path, inventory.HoldsBundle); ok && ref.Origin.Path != "" {
		return remedy{fmt.Sprintf("# in %s name %s in place of %s", where(ref.Origin), ca, at.Path)}
	}
	return remedy{fmt.Sprintf("# put what %s holds into %s", ca, where(at))}
}

// restart returns what makes the running processes take up a new file.
func (n *node) restart(r *role) remedy {
	var out remedy
	for _, name := range r.restart {
		out = append(out, n.restartComponent(name)...)
	}
	if r.name == inventory.RoleAdmin {
		out = append(out, "# and copy it again to where it is used: cp "+inventory.DefaultKubeconfigDir+"/admin.conf ~/.kube/config")
	}
	return out
}

func (n *node) restartComponent(name string) remedy {
	c, ok := n.inv.Component(name)
	if name == "kube-proxy" && path.Ext(c.Origin.Path) != ".service" {
		return remedy{"# then restart kube-proxy"}
	}
	if !ok || name == "kubelet" {
		return remedy{"systemctl restart " + name}
	}
	if path.Dir(c.Origin.Path) != n.inv.ManifestDir {
		return remedy{command("systemctl restart %s", unitName(c, name))}
	}
	file := c.Origin.Path
	return remedy{command("mv %s /tmp/ && sleep 20 && mv %s %s  # restarts %s", file, "/tmp/"+path.Base(file), n.inv.ManifestDir+"/", name)}
}

// unitName is what systemctl calls a component.
func unitName(c inventory.Component, name string) string {
	if service, ok := strings.CutSuffix(path.Base(c.Origin.Path), ".service"); ok {
		return service
	}
	return name
}

// externalCA reports whether the key of the CA that signs a role is kept
// somewhere else.
func (n *node) externalCA(r *role) bool {
	ca, ok := r.kubeadm().SignedBy()
	return ok && !n.inv.Files[n.certPath(ca.Pair)].Exists()
}

func (n *node) certPath(name string) string { return path.Join(n.inv.CertificatesDir, name) }

// keyPath is where the key of an entry lies, or "".
func (n *node) keyPath(e *entry) string {
	for _, ref := range e.refs {
		for _, other := range n.inv.References {
			if ref.Pair != "" && other.Pair == ref.Pair && other.Holds == inventory.HoldsPrivateKey {
				return other.Path
			}
		}
	}
	return ""
}
