package inventory

import (
	"path"
	"slices"
	"strings"

	"certaudit/parsers"
)

// Where a Linux program of Go's looks for root certificates: the first of the files
// that is there, and the folders (crypto/x509 root_linux.go).
var (
	rootFiles = []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
		"/etc/pki/tls/cacert.pem", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/cert.pem"}
	rootFolders = []string{"/etc/ssl/certs", "/etc/pki/tls/certs"}
)

// maxRootBytes bounds what is read of the host's roots: a bundle and its parts have
// half a mebibyte.
const maxRootBytes = 4 << 20

// HostRootFiles are the paths at which a host may keep its root certificates in one file.
func HostRootFiles() []string { return slices.Clone(rootFiles) }

// hostRoots finds out which CAs of the node are among the host's root certificates,
// where something verifies with those.
func (g *gatherer) hostRoots() {
	if !g.inv.usesHostRoots() {
		return
	}
	own := map[string]bool{}
	collect := func(m parsers.Material) {
		for _, c := range m.Certificates {
			own[c.SHA256()] = true
		}
	}
	for _, m := range g.inv.Materials {
		collect(m)
	}
	for _, ref := range g.inv.References {
		collect(g.inv.Material(ref))
	}
	for _, name := range g.rootPaths() {
		f, data := g.root.read(name)
		if f.State != Readable {
			continue
		}
		for _, c := range parsers.ParseMaterial(parsers.Origin{Path: name}, data).Certificates {
			if sum := c.SHA256(); own[sum] && !slices.Contains(g.inv.HostRoots, sum) {
				g.inv.HostRoots = append(g.inv.HostRoots, sum)
			}
		}
		clear(data)
	}
	slices.Sort(g.inv.HostRoots)
}

// rootPaths are the files with the host's root certificates, as many as maxRootBytes
// allow.
func (g *gatherer) rootPaths() []string {
	names := slices.Clone(rootFiles)
	for _, dir := range rootFolders {
		list, _ := g.root.list(dir) // what cannot be listed holds nothing
		for _, n := range list {
			names = append(names, path.Join(dir, n))
		}
	}
	var out []string
	found, size := false, int64(0)
	for i, name := range names {
		f, isDir := g.root.stat(name)
		if isDir || f.State != Readable || found && i < len(rootFiles) || size+f.Size > maxRootBytes {
			continue
		}
		found = found || i < len(rootFiles)
		size += f.Size
		out = append(out, name)
	}
	return out
}

// usesHostRoots reports whether something on the node verifies with the host's root
// certificates.
func (inv *Inventory) usesHostRoots() bool {
	dials := func(component, urls, ca string) bool {
		return strings.Contains(inv.Setting(component, urls).Value, "https://") && inv.Setting(component, ca).Value == ""
	}
	if dials(APIServer, "etcd-servers", "etcd-cafile") || dials(Etcd, "listen-client-urls", "trusted-ca-file") || dials(Etcd, "initial-cluster", "peer-trusted-ca-file") {
		return true
	}
	for _, k := range inv.Kubeconfigs {
		if slices.ContainsFunc(k.Clusters, func(c parsers.KubeCluster) bool {
			return c.CAData.IsZero() && c.CAFile.Value == "" && !c.InsecureSkipTLSVerify && strings.HasPrefix(c.Server.Value, "https://")
		}) {
			return true
		}
	}
	return false
}
