package inventory

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"certaudit/parsers"
)

// kubeadmFiles adds the files of kubeadm's that no component names: every
// kubeconfig, the CA keys, and, where the manifests are gone, the rest.
func (g *gatherer) kubeadmFiles() {
	g.inv.CertificatesDir = g.certificatesDir()
	named := map[string]bool{}
	for _, r := range g.inv.References {
		named[r.Path] = true
	}
	for _, k := range knownFiles {
		name := g.knownPath(k)
		if named[name] || !g.exists(name) && !(k.required && g.kubeadmEtcd()) {
			continue
		}
		g.known(k, name)
	}
}

// certificatesDir is where the API server's CA lies, if that is called as
// kubeadm calls it.
func (g *gatherer) certificatesDir() string {
	for _, flag := range []string{"client-ca-file", "tls-cert-file"} {
		for _, r := range g.inv.References {
			base := path.Base(r.Path)
			if r.Component == "kube-apiserver" && r.Name == flag && (base == "ca.crt" || base == "apiserver.crt") {
				return path.Dir(r.Path)
			}
		}
	}
	return defaultCertificatesDir
}

func (g *gatherer) knownPath(k knownFile) string {
	if k.holds == HoldsKubeconfig {
		return path.Join(DefaultKubeconfigDir, k.path)
	}
	return path.Join(g.inv.CertificatesDir, k.path)
}

// kubeadmEtcd reports whether an etcd of kubeadm's runs on the node.
func (g *gatherer) kubeadmEtcd() bool {
	c, ok := g.inv.Component("etcd")
	return ok && path.Dir(c.Origin.Path) == g.inv.ManifestDir && g.inv.Kubeadm != (parsers.Origin{})
}

func (g *gatherer) known(k knownFile, name string) {
	ref := Reference{Component: "kubeadm", Name: k.path, Holds: k.holds, Role: k.role, Path: name, Optional: !k.required}
	if k.pair != "" {
		ref.Pair = "kubeadm/" + min(k.path, k.pair)
	}
	if g.refer(ref) {
		g.load(ref, ref.Path, nodeView{})
	}
}

// distributions are those that start the components from one program of theirs,
// with the folders in which they keep certificates. Sources: k3s-io/k3s
// pkg/daemons/control/deps/deps.go and its mirror in rancher/rke2, k0sproject/k0s
// pkg/constant, the MicroK8s documentation.
var distributions = []struct{ name, folder string }{
	{"k3s", "/var/lib/rancher/k3s/server/tls"}, {"k3s", "/var/lib/rancher/k3s/agent"},
	{"RKE2", "/var/lib/rancher/rke2/server/tls"}, {"RKE2", "/var/lib/rancher/rke2/agent"},
	{"k0s", "/var/lib/k0s/pki"}, {"MicroK8s", "/var/snap/microk8s/current/certs"},
}

// distributions tells of the certificates of distributions whose configuration
// is not followed. On a node with a kubelet of its own they are left-overs.
func (g *gatherer) distributions() {
	if _, ok := g.inv.Component("kubelet"); ok {
		return
	}
	for _, d := range distributions {
		if f, _ := g.root.stat(d.folder); f.Exists() {
			g.lost("", parsers.Problem{Origin: parsers.Origin{Path: d.folder}, Kind: parsers.KindUnsupported,
				Detail: fmt.Sprintf("holds certificates of %s, whose configuration is not followed here; give the folder to certaudit audit as a PATH", d.name)})
		}
	}
}

// homes follows the copies of admin.conf in the users' homes. What is not
// there, or may not be read, is nobody's fault.
func (g *gatherer) homes() {
	homes := []string{"/root"}
	names, _ := g.root.list("/home")
	for _, n := range names {
		homes = append(homes, path.Join("/home", n))
	}
	for _, home := range homes {
		name := path.Join(home, ".kube/config")
		if f, _ := g.root.read(name); f.State != Readable {
			continue
		}
		g.optional(Reference{Component: "kubectl", Name: "~/.kube/config", Holds: HoldsKubeconfig, Role: RoleUser, Path: name})
	}
}

// materialSuffixes are those of files that are worth a word when nobody names
// them.
var materialSuffixes = []string{".crt", ".pem", ".key", ".cer", ".der", ".pub", ".p12", ".pfx", ".jks"}

// systemFolders hold the distribution's own certificates, which nobody on this
// node is expected to name one by one.
var systemFolders = []string{"/etc/ssl", "/etc/pki", "/usr/share", "/usr/local/share", "/etc/ca-certificates"}

// folders lists the folders that hold referenced certificates and keys, and
// kubeadm's and the kubelet's own.
func (g *gatherer) folders() {
	dirs := map[string]bool{g.inv.CertificatesDir: true, path.Join(g.inv.CertificatesDir, "etcd"): true}
	for _, r := range g.inv.References {
		if r.Path != "" && r.Holds != HoldsKubeconfig && r.Holds != HoldsConfig && !r.Unmounted {
			dirs[path.Dir(r.Path)] = true
		}
	}
	for dir := range dirs {
		if !isSystem(dir) {
			g.folder(dir)
		}
	}
}

func isSystem(dir string) bool {
	return slices.ContainsFunc(systemFolders, func(s string) bool { return dir == s || strings.HasPrefix(dir, s+"/") })
}

func (g *gatherer) folder(dir string) {
	names, err := g.root.list(dir)
	if err != nil {
		g.lost("", parsers.Problem{Origin: parsers.Origin{Path: dir}, Kind: KindUnreadable, Detail: "cannot be listed: " + bareError(err)})
		return
	}
	kept := []string{}
	for _, n := range names {
		if slices.Contains(materialSuffixes, path.Ext(n)) {
			kept = append(kept, n)
		}
	}
	if len(kept) > 0 {
		g.inv.Folders[dir] = kept
	}
}

// knownFile is a file of kubeadm's that no component has to name. path is
// below the certificates folder, or below /etc/kubernetes for a kubeconfig.
type knownFile struct {
	path  string
	holds Holding
	role  string
	pair  string
	// required: its absence is worth a finding while etcd runs on the node.
	required bool
}

// knownFiles of kubeadm. Source: kubernetes
// cmd/kubeadm/app/phases/certs/certlist.go, cmd/kubeadm/app/constants/constants.go.
var knownFiles = []knownFile{
	{"ca.crt", HoldsBundle, RoleKubernetesCA, "ca.key", false},
	{"ca.key", HoldsSignerKey, RoleKubernetesCA, "ca.crt", false},
	{"front-proxy-ca.crt", HoldsBundle, RoleFrontProxyCA, "front-proxy-ca.key", false},
	{"front-proxy-ca.key", HoldsSignerKey, RoleFrontProxyCA, "front-proxy-ca.crt", false},
	{"etcd/ca.crt", HoldsBundle, RoleEtcdCA, "etcd/ca.key", false},
	{"etcd/ca.key", HoldsSignerKey, RoleEtcdCA, "etcd/ca.crt", false},
	{"apiserver.crt", HoldsCertificate, RoleAPIServerServing, "apiserver.key", false},
	{"apiserver.key", HoldsPrivateKey, RoleAPIServerServing, "apiserver.crt", false},
	{"apiserver-kubelet-client.crt", HoldsCertificate, RoleAPIServerKubelet, "apiserver-kubelet-client.key", false},
	{"apiserver-kubelet-client.key", HoldsPrivateKey, RoleAPIServerKubelet, "apiserver-kubelet-client.crt", false},
	{"apiserver-etcd-client.crt", HoldsCertificate, RoleAPIServerEtcd, "apiserver-etcd-client.key", false},
	{"apiserver-etcd-client.key", HoldsPrivateKey, RoleAPIServerEtcd, "apiserver-etcd-client.crt", false},
	{"front-proxy-client.crt", HoldsCertificate, RoleFrontProxyClient, "front-proxy-client.key", false},
	{"front-proxy-client.key", HoldsPrivateKey, RoleFrontProxyClient, "front-proxy-client.crt", false},
	{"etcd/server.crt", HoldsCertificate, RoleEtcdServing, "etcd/server.key", false},
	{"etcd/server.key", HoldsPrivateKey, RoleEtcdServing, "etcd/server.crt", false},
	{"etcd/peer.crt", HoldsCertificate, RoleEtcdPeer, "etcd/peer.key", false},
	{"etcd/peer.key", HoldsPrivateKey, RoleEtcdPeer, "etcd/peer.crt", false},
	{"etcd/healthcheck-client.crt", HoldsCertificate, RoleEtcdHealthcheck, "etcd/healthcheck-client.key", true},
	{"etcd/healthcheck-client.key", HoldsPrivateKey, RoleEtcdHealthcheck, "etcd/healthcheck-client.crt", true},
	{"sa.key", HoldsTokenKey, "", "", false},
	{"sa.pub", HoldsTokenVerifier, "", "", false},
	{"admin.conf", HoldsKubeconfig, RoleAdmin, "", false},
	{"super-admin.conf", HoldsKubeconfig, RoleSuperAdmin, "", false},
	{"controller-manager.conf", HoldsKubeconfig, RoleControllerClient, "", false},
	{"scheduler.conf", HoldsKubeconfig, RoleSchedulerClient, "", false},
}
