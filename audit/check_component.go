package audit

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"

	"certaudit/audit/inventory"
	"certaudit/parsers"
)

// checkComponentUnread reports components that are there, or must be, and were
// not read, so that nothing of theirs was judged.
func checkComponentUnread(p *pass) {
	if p.inv.ManifestDir == "" {
		return // files, and no node
	}
	for range p.inv.Components {
		p.examine()
	}
	for _, problem := range p.inv.Problems {
		if problem.Kind == inventory.KindComponent {
			p.examine()
			p.inputProblem(problem, finding{remedy: remedy{"# correct it if it is misspelt or incomplete; else look at it by hand, since this program does not understand it"}})
		}
	}
	for _, m := range p.missingComponents() {
		p.examine()
		p.lost = true
		p.unjudged("a component of the control plane is not there")
		p.report(finding{component: m.component, at: parsers.Origin{Path: path.Join(p.inv.ManifestDir, m.component+".yaml")},
			message: fmt.Sprintf("nothing on this node starts %s, although there is %s; what it is configured with was not judged", m.component, m.evidence),
			remedy:  remedy{"# restore the manifest or unit of the component from a backup; if the node is no longer of the control plane, put aside what is left of it, keys where only root can read them"}})
	}
	if len(p.inv.Components) == 0 {
		p.lost = true
		p.unjudged("no component of a cluster was recognised: no kubelet, no static pod, no service of systemd, and no files of %s; a layout in the policy describes another (docs/layouts.md)", joinOr(layoutNames()))
	}
}

// missingComponent is a component that must be on a node and that nothing starts.
type missingComponent struct{ component, evidence string }

// missingComponents are those of the control plane that the node shows signs of
// and that nothing starts. A manifest that could not be read may be the one that
// does, and is reported in its place. A folder of files in which nothing starts
// anything is a copy of some of a node's.
func (n *node) missingComponents() []missingComponent {
	return slices.DeleteFunc(n.unstarted(), func(m missingComponent) bool { return mayBeUnread(n.inv, m.component) })
}

// unstarted are those, whatever was not read.
func (n *node) unstarted() []missingComponent {
	var missing []missingComponent
	if n.inv.Folder != "" && len(n.inv.Components) == 0 {
		return nil
	}
	for _, c := range []struct {
		component string
		evidence  func() string
	}{
		{inventory.APIServer, n.apiServerEvidence}, {inventory.ControllerManager, func() string { return n.kubeadmEvidence("controller-manager.conf") }},
		{inventory.Scheduler, func() string { return n.kubeadmEvidence("scheduler.conf") }}, {inventory.Etcd, n.etcdEvidence},
	} {
		if _, there := n.inv.Component(c.component); there {
			continue
		}
		if evidence := c.evidence(); evidence != "" {
			missing = append(missing, missingComponent{c.component, evidence})
		}
	}
	return missing
}

// startedBy is the component that a manifest which cannot be parsed was to start, if
// nothing else does.
func (n *node) startedBy(manifest string) (missingComponent, bool) {
	if path.Dir(manifest) != n.inv.ManifestDir {
		return missingComponent{}, false
	}
	missing := n.unstarted()
	i := slices.IndexFunc(missing, func(m missingComponent) bool { return m.component == manifestStem(manifest) })
	if i < 0 {
		return missingComponent{}, false
	}
	return missing[i], true
}

// manifestStem is what a manifest is called after: the component, in those of kubeadm
// and OpenShift.
func manifestStem(manifest string) string {
	stem, _, _ := strings.Cut(path.Base(manifest), ".")
	return strings.TrimSuffix(stem, "-pod")
}

// isUnread reports whether something goes by the name of a component and was not
// read.
func isUnread(inv *inventory.Inventory, component string) bool {
	return slices.ContainsFunc(inv.Problems, func(p inventory.InputProblem) bool {
		return p.Kind == inventory.KindComponent && p.Component == component
	})
}

// mayBeUnread reports whether something that was not read is called as a
// component is, or is a manifest that is called in no such way.
func mayBeUnread(inv *inventory.Inventory, component string) bool {
	return slices.ContainsFunc(inv.Problems, func(p inventory.InputProblem) bool {
		stem := manifestStem(p.Origin.Path)
		isManifest := path.Dir(p.Origin.Path) == inv.ManifestDir || p.Origin.Path == inv.ManifestDir
		return p.Lost && (p.Component == component || isManifest && (stem == component || !inventory.IsProgram(stem)))
	})
}

// apiServerEvidence says what shows that a node is of the control plane: the API
// server's certificates, the key of the cluster's CA, or what kubeadm runs beside
// it. A node of etcd alone has none of these; the one that the others got their
// certificates from has kept the API server's for etcd
// (https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/setup-ha-etcd-with-kubeadm/).
func (n *node) apiServerEvidence() string {
	for _, file := range []string{n.certPath("apiserver.crt"), n.certPath("ca.key")} {
		if n.inv.Files[file].Exists() {
			return file
		}
	}
	if client := n.certPath("apiserver-kubelet-client.crt"); n.facts.profile == ProfileKubeadm && n.inv.Files[client].Exists() {
		return client
	}
	for _, name := range []string{inventory.ControllerManager, inventory.Scheduler} {
		if c, ok := n.inv.Component(name); ok && n.isStatic(c) && n.facts.profile == ProfileKubeadm {
			return c.Origin.Path
		}
	}
	return ""
}

// kubeadmEvidence is the path of a kubeconfig that kubeadm makes for a component
// of the control plane.
func (n *node) kubeadmEvidence(name string) string {
	file := path.Join(inventory.DefaultKubeconfigDir, name)
	if n.facts.profile != ProfileKubeadm || !n.inv.Files[file].Exists() {
		return ""
	}
	return file
}

// etcdEvidence says what shows that etcd should run on a node: kubeadm's
// certificates for it, or its data. Where the API server calls an etcd elsewhere
// they are left-overs.
func (n *node) etcdEvidence() string {
	if servers := n.inv.EtcdServers(); n.facts.profile != ProfileKubeadm || len(servers) > 0 && !slices.ContainsFunc(servers, func(u parsers.Text) bool { return n.isOwnHost(parsers.HostOf(u.Value)) }) {
		return ""
	}
	server := n.certPath("etcd/server.crt")
	if n.inv.Files[server].Exists() {
		return server
	}
	return n.inv.EtcdData
}

// isOwnHost reports whether a host is the node itself: a loopback address, the
// address that the API server gives out, or the node's name.
func (n *node) isOwnHost(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil && a.IsLoopback() {
		return true
	}
	return host == "localhost" || host != "" && (host == n.inv.AdvertiseAddress() || host == n.ownName())
}

// layoutNames are the distributions that start the components by themselves.
func layoutNames() []string {
	var names []string
	for _, l := range inventory.Layouts() {
		if len(l.Components) > 0 {
			names = append(names, l.Name)
		}
	}
	return names
}
