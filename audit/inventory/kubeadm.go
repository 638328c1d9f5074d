package inventory

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"certaudit/parsers"
)

// kubeadm adds the files of kubeadm's that no component names: every
// kubeconfig, the CA keys, and, where the manifests are gone, the rest.
func (g *gatherer) kubeadm() {
	g.inv.CertificatesDir = g.certificatesDir()
	named := map[string]bool{}
	for _, r := range g.inv.References {
		named[r.Path] = true
	}
	for _, k := range kubeadmFiles {
		name := g.inv.KubeadmPath(k)
		f, _ := g.root.stat(name) // a link to nothing is there, and broken
		if named[name] || g.inv.isLeftOver(k, named) || f.State == Missing && !(k.Required && g.inv.runsEtcd()) {
			continue
		}
		g.known(k, name)
	}
}

// certificatesDir is the folder in which most of the files that components name are
// called as kubeadm calls them.
func (g *gatherer) certificatesDir() string {
	named, seen := map[string]int{}, map[string]bool{}
	for _, r := range g.inv.References {
		if dir, ok := kubeadmDir(r.Path); ok && IsProgram(r.Component) && !seen[r.Path] {
			named[dir]++
			seen[r.Path] = true
		}
	}
	most := DefaultCertificatesDir
	for _, dir := range slices.Sorted(maps.Keys(named)) {
		if named[dir] > named[most] {
			most = dir
		}
	}
	return most
}

// etcdDataDir is kubeadm's, and the default of most (cmd/kubeadm/app/apis/kubeadm/v1beta4).
const etcdDataDir = "/var/lib/etcd"

// etcdData notes where an etcd has kept data.
func (g *gatherer) etcdData() {
	if g.exists(path.Join(etcdDataDir, "member")) {
		g.inv.EtcdData = etcdDataDir
	}
}

// kubeadmDir is the folder that a file is in whose path in it is that of one of
// kubeadm's; of several the outer one, for etcd/ca.crt is not the cluster's ca.crt.
func kubeadmDir(name string) (dir string, ok bool) {
	for _, k := range kubeadmFiles {
		if d, is := strings.CutSuffix(name, "/"+k.Path); is && k.Holds != HoldsKubeconfig && (!ok || len(d) < len(dir)) {
			dir, ok = d, true
		}
	}
	return cmp.Or(dir, "/"), ok
}

// KubeadmEtcd reports whether kubeadm runs etcd on the node: its manifest is among
// those of kubeadm's, or, where it cannot be seen, the API server calls an etcd on
// the node all the same.
func (inv *Inventory) KubeadmEtcd() bool {
	if inv.Kubeadm == (parsers.Origin{}) {
		return false
	}
	if c, ok := inv.Component(Etcd); ok {
		return path.Dir(c.Origin.Path) == inv.ManifestDir
	}
	servers := inv.EtcdServers()
	return len(servers) == 0 || slices.ContainsFunc(servers, func(u parsers.Text) bool { return inv.IsLoopback(parsers.HostOf(u.Value)) })
}

// isLeftOver reports whether a file that no component names is not kubeadm's
// although it is called so: it lies beside an API server that somebody set up by
// hand, or is for etcd, and kubeadm runs none. Kubeconfigs are there for people, and
// the key of a CA that is named is not left over.
func (inv *Inventory) isLeftOver(k KubeadmFile, named map[string]bool) bool {
	_, runs := inv.Component(APIServer)
	byHand := runs && inv.Kubeadm == (parsers.Origin{})
	other := k.Etcd && inv.Kubeadm != (parsers.Origin{}) && !inv.KubeadmEtcd()
	if !byHand && !other || k.Holds == HoldsKubeconfig {
		return false
	}
	return k.Holds != HoldsSignerKey || !named[path.Join(inv.CertificatesDir, k.Pair)]
}

// runsEtcd reports whether an etcd of kubeadm's runs on the node.
func (inv *Inventory) runsEtcd() bool {
	_, runs := inv.Component(Etcd)
	return runs && inv.KubeadmEtcd()
}

func (g *gatherer) known(k KubeadmFile, name string) {
	ref := Reference{Component: "kubeadm", Name: k.Path, Holds: k.Holds, Role: k.Role, Path: name, Optional: !k.Required}
	if k.Pair != "" {
		ref.Pair = "kubeadm/" + min(k.Path, k.Pair)
	}
	if g.refer(ref) {
		g.load(ref, ref.Path, nodeView{})
	}
}

// homes follows the copies of admin.conf in the users' homes, and links to it. What
// is not there, or may not be read, is nobody's fault.
func (g *gatherer) homes() {
	homes := []string{"/root"}
	names, _ := g.root.list("/home")
	for _, n := range names {
		homes = append(homes, path.Join("/home", n))
	}
	_, users := g.root.read("/etc/passwd")
	for _, home := range homesOf(users) {
		if !slices.Contains(homes, home) {
			homes = append(homes, home)
		}
	}
	for _, home := range homes {
		name := path.Join(home, ".kube/config")
		f, data := g.root.read(name)
		empty := len(bytes.TrimSpace(data)) == 0 // for kubectl, as if it were not there
		clear(data)
		if f.State == Readable && empty || f.State != Readable && !(f.State == DanglingLink && isKubeadmConf(home, f.Link)) {
			continue
		}
		g.optional(Reference{Component: "kubectl", Name: "~/.kube/config", Holds: HoldsKubeconfig, Role: RoleUser, Path: name})
	}
	for _, home := range homes {
		g.looseKubeconfigs(home)
	}
}

// maxHomes bounds the homes that are taken from the users of a host.
const maxHomes = 1000

// homesOf are the homes of those users of /etc/passwd who can log in, in its order
// (passwd(5)).
func homesOf(passwd []byte) []string {
	var homes []string
	for line := range strings.Lines(string(passwd)) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) != 7 || !path.IsAbs(fields[5]) || slices.Contains([]string{"nologin", "false", "sync", "halt", "shutdown"}, path.Base(fields[6])) {
			continue
		}
		if home := path.Clean(fields[5]); home != "/" && len(homes) < maxHomes {
			homes = append(homes, home)
		}
	}
	return homes
}

// maxLoose bounds the kubeconfigs in one home that are read.
const maxLoose = 20

// looseKubeconfigs adds what lies in a home as the guides to make a cluster by hand
// leave it: admin.kubeconfig (kelseyhightower/kubernetes-the-hard-way docs/10,
// mmumshad/kubernetes-the-hard-way docs/05). One that is none is nobody's concern.
func (g *gatherer) looseKubeconfigs(home string) {
	names, _ := g.root.list(home)
	found := 0
	for _, n := range names {
		if path.Ext(n) != ".kubeconfig" {
			continue
		}
		name := path.Join(home, n)
		if found == maxLoose {
			g.lost("kubectl", parsers.Problem{Origin: parsers.Origin{Path: name}, Kind: parsers.KindLimit, Detail: fmt.Sprintf("is kubeconfig %d in a home; it and the rest there were not read", maxLoose+1)})
			return
		}
		if f, data := g.root.read(name); f.State == Readable && namesClusters(data) {
			clear(data)
			found++
			g.optional(Reference{Component: "kubectl", Name: "~/" + n, Holds: HoldsKubeconfig, Role: RoleUser, Path: name})
		}
	}
}

// isKubeadmConf reports whether a link in a user's folder leads to a kubeconfig of
// kubeadm's, which is part of every tree. Others may just not have been copied.
func isKubeadmConf(home, link string) bool {
	if !path.IsAbs(link) {
		link = path.Join(home, ".kube", link)
	}
	return path.Dir(path.Clean(link)) == DefaultKubeconfigDir
}

// materialSuffixes are those of files that are worth a word when nobody names
// them.
var materialSuffixes = []string{".crt", ".pem", ".key", ".cer", ".der", ".pub", ".p12", ".pfx", ".jks"}

// systemFolders hold the distribution's own certificates, which nobody on this
// node is expected to name one by one.
var systemFolders = []string{"/etc/ssl", "/etc/pki", "/usr/share", "/usr/local/share", "/etc/ca-certificates"}

// folders lists the folders that hold certificates and keys which a component
// names, and kubeadm's and the kubelet's own.
func (g *gatherer) folders() {
	dirs := map[string]bool{g.inv.CertificatesDir: true, path.Join(g.inv.CertificatesDir, "etcd"): true}
	for _, r := range g.inv.References {
		if r.Path != "" && r.Holds != HoldsKubeconfig && r.Holds != HoldsConfig && !r.Unmounted && !r.Guessed {
			dirs[path.Dir(r.Path)] = true
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(dirs)) {
		if !isSystem(dir) {
			g.folder(dir)
		}
	}
	slices.Sort(g.inv.MissingFolders)
}

func isSystem(dir string) bool {
	return slices.ContainsFunc(systemFolders, func(s string) bool { return dir == s || strings.HasPrefix(dir, s+"/") })
}

func (g *gatherer) folder(dir string) {
	names, err := g.root.list(dir)
	if err != nil {
		g.lost("", parsers.Problem{Origin: parsers.Origin{Path: dir}, Kind: KindUnreadable, Detail: unlisted(err)})
		return
	}
	if f, _ := g.root.stat(dir); f.State == Missing {
		g.missingFolder(dir)
	}
	kept := []string{}
	for _, n := range names {
		if slices.Contains(materialSuffixes, path.Ext(n)) {
			kept = append(kept, n)
		}
	}
	if len(kept) > 0 {
		g.inv.Folders[dir] = kept
		g.keys(dir, kept)
	}
}

// maxStrayKeys bounds the files of one folder that are read although nothing
// names them.
const maxStrayKeys = 50

// keys reads those files of a folder that nothing names and that may be keys:
// which certificate a key belongs to is told by the key, not by its name.
func (g *gatherer) keys(dir string, names []string) {
	for _, n := range names[:min(len(names), maxStrayKeys)] {
		if path.Ext(n) == ".key" || strings.HasSuffix(stemless(n), "key") {
			g.material(path.Join(dir, n))
		}
	}
}

// missingFolder adds the uppermost folder that is missing above a path.
func (g *gatherer) missingFolder(dir string) {
	for parent := path.Dir(dir); parent != "/"; parent = path.Dir(parent) {
		if f, _ := g.root.stat(parent); f.State != Missing {
			break
		}
		dir = parent
	}
	if !slices.Contains(g.inv.MissingFolders, dir) {
		g.inv.MissingFolders = append(g.inv.MissingFolders, dir)
	}
}

// KubeadmFile is a file that kubeadm makes.
type KubeadmFile struct {
	// Path is below the certificates folder, or, for a kubeconfig, below
	// [DefaultKubeconfigDir].
	Path  string
	Holds Holding
	Role  string
	// Pair is the path of the other half of a pair.
	Pair string
	// Name is what kubeadm certs check-expiration calls it; "" for what it does not
	// list. Names of certificates that a CA signs are those of kubeadm certs renew.
	Name string
	// Authority is the Name of the CA that signs it; "" for none.
	Authority string
	// Phase of kubeadm init that makes it.
	Phase string
	// Etcd: kubeadm makes and lists it only where it runs etcd on the node.
	Etcd bool
	// Required: its absence is worth a finding while etcd runs on the node.
	Required bool
	// Since is the first version that makes it; "" for all.
	Since string
}

// IsCA reports whether the file holds a CA of kubeadm's.
func (k KubeadmFile) IsCA() bool { return k.Holds == HoldsBundle }

// kubeadmFiles are all of them. Sources: kubernetes
// cmd/kubeadm/app/phases/certs/certlist.go, renewal/manager.go,
// cmd/kubeadm/app/constants/constants.go, cmd/kubeadm/app/cmd/phases/init.
var kubeadmFiles = slices.Concat(
	kubeadmPair("ca", KubeadmFile{Holds: HoldsBundle, Role: RoleKubernetesCA, Name: "ca", Phase: "certs ca"}),
	kubeadmPair("front-proxy-ca", KubeadmFile{Holds: HoldsBundle, Role: RoleFrontProxyCA, Name: "front-proxy-ca", Phase: "certs front-proxy-ca"}),
	kubeadmPair("etcd/ca", KubeadmFile{Holds: HoldsBundle, Role: RoleEtcdCA, Name: "etcd-ca", Phase: "certs etcd-ca", Etcd: true}),
	kubeadmPair("apiserver", KubeadmFile{Holds: HoldsCertificate, Role: RoleAPIServerServing, Name: "apiserver", Authority: "ca", Phase: "certs apiserver"}),
	kubeadmPair("apiserver-kubelet-client", KubeadmFile{Holds: HoldsCertificate, Role: RoleAPIServerKubelet, Name: "apiserver-kubelet-client", Authority: "ca", Phase: "certs apiserver-kubelet-client"}),
	kubeadmPair("apiserver-etcd-client", KubeadmFile{Holds: HoldsCertificate, Role: RoleAPIServerEtcd, Name: "apiserver-etcd-client", Authority: "etcd-ca", Phase: "certs apiserver-etcd-client", Etcd: true}),
	kubeadmPair("front-proxy-client", KubeadmFile{Holds: HoldsCertificate, Role: RoleFrontProxyClient, Name: "front-proxy-client", Authority: "front-proxy-ca", Phase: "certs front-proxy-client"}),
	kubeadmPair("etcd/server", KubeadmFile{Holds: HoldsCertificate, Role: RoleEtcdServing, Name: "etcd-server", Authority: "etcd-ca", Phase: "certs etcd-server", Etcd: true}),
	kubeadmPair("etcd/peer", KubeadmFile{Holds: HoldsCertificate, Role: RoleEtcdPeer, Name: "etcd-peer", Authority: "etcd-ca", Phase: "certs etcd-peer", Etcd: true}),
	kubeadmPair("etcd/healthcheck-client", KubeadmFile{Holds: HoldsCertificate, Role: RoleEtcdHealthcheck, Name: "etcd-healthcheck-client", Authority: "etcd-ca", Phase: "certs etcd-healthcheck-client", Etcd: true, Required: true}),
	[]KubeadmFile{
		{Path: "sa.key", Holds: HoldsTokenKey, Phase: "certs sa"},
		{Path: "sa.pub", Holds: HoldsTokenVerifier, Phase: "certs sa"},
		{Path: "admin.conf", Holds: HoldsKubeconfig, Role: RoleAdmin, Name: "admin.conf", Authority: "ca", Phase: "kubeconfig admin"},
		{Path: "super-admin.conf", Holds: HoldsKubeconfig, Role: RoleSuperAdmin, Name: "super-admin.conf", Authority: "ca", Phase: "kubeconfig super-admin", Since: "1.29"},
		{Path: "controller-manager.conf", Holds: HoldsKubeconfig, Role: RoleControllerClient, Name: "controller-manager.conf", Authority: "ca", Phase: "kubeconfig controller-manager"},
		{Path: "scheduler.conf", Holds: HoldsKubeconfig, Role: RoleSchedulerClient, Name: "scheduler.conf", Authority: "ca", Phase: "kubeconfig scheduler"},
	})

// kubeadmPair are the rows of a certificate and of its key.
func kubeadmPair(stem string, cert KubeadmFile) []KubeadmFile {
	cert.Path, cert.Pair = stem+".crt", stem+".key"
	key := KubeadmFile{Path: cert.Pair, Pair: cert.Path, Holds: HoldsPrivateKey, Role: cert.Role, Phase: cert.Phase, Etcd: cert.Etcd, Required: cert.Required}
	if cert.IsCA() {
		key.Holds = HoldsSignerKey
	}
	return []KubeadmFile{cert, key}
}

// KubeadmFiles returns the files that kubeadm makes. The slice is the caller's own.
func KubeadmFiles() []KubeadmFile { return slices.Clone(kubeadmFiles) }

// KubeadmFileOf returns kubeadm's file with the certificate of a role; false for a
// role of which kubeadm makes none.
func KubeadmFileOf(role string) (KubeadmFile, bool) {
	return kubeadmFile(func(k KubeadmFile) bool { return k.Role == role && k.Name != "" })
}

// SignedBy returns the CA that signs a file; false for none.
func (k KubeadmFile) SignedBy() (KubeadmFile, bool) {
	return kubeadmFile(func(ca KubeadmFile) bool { return ca.IsCA() && ca.Name == k.Authority })
}

func kubeadmFile(is func(KubeadmFile) bool) (KubeadmFile, bool) {
	i := slices.IndexFunc(kubeadmFiles, is)
	if i < 0 {
		return KubeadmFile{}, false
	}
	return kubeadmFiles[i], true
}

// KubeadmPath is where a file of kubeadm's lies on the node.
func (inv *Inventory) KubeadmPath(k KubeadmFile) string {
	if k.Holds == HoldsKubeconfig {
		return path.Join(DefaultKubeconfigDir, k.Path)
	}
	return path.Join(inv.CertificatesDir, k.Path)
}
