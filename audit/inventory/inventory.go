// Package inventory reads what is there: what the components of a node are
// configured with, the files that this names, Kubernetes objects, and what
// servers present. It judges nothing.
//
// It is the only place that reads a node's files. Paths are the node's own, no
// link leads out of its root, and of a private key nothing is kept but the
// SHA-256 of its public half.
package inventory

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"certaudit/parsers"
)

// Inventory is everything known of one node: what its components are
// configured with, the files that this names, and the public material in them.
// It can be kept as JSON and judged elsewhere; it never holds a private key,
// only the SHA-256 of its public half.
type Inventory struct {
	// Folder is that of the tree which was found at or below a path, as a reader
	// knows it; "" for a node that was named as one.
	Folder string `json:"folder,omitempty"`
	// TakenAt is when a snapshot of the node was taken, in UTC; zero for a node that was
	// read now.
	TakenAt time.Time `json:"takenAt,omitzero"`
	// Hostname is the node's own name for itself; the zero Text if unknown.
	Hostname parsers.Text `json:"hostname,omitzero"`
	// Hosts are the lines of /etc/hosts for the names that the rest speaks of.
	Hosts []parsers.HostEntry `json:"hosts,omitempty"`
	// BootID is that of the kernel whose proc file system lies in the root; empty in
	// a tree that was copied.
	BootID     string      `json:"bootID,omitempty"`
	Components []Component `json:"components"`
	References []Reference `json:"references"`
	// Files holds every path that was looked at.
	Files map[string]File `json:"files"`
	// Materials holds the certificates and keys of the files that have any.
	Materials map[string]parsers.Material `json:"materials"`
	// Kubeconfigs by path.
	Kubeconfigs map[string]parsers.Kubeconfig `json:"kubeconfigs"`
	// Folders lists the names in the folders that hold certificates.
	Folders map[string][]string `json:"folders"`
	// MissingFolders are those in which references lie and that do not exist, the
	// uppermost ones only, sorted.
	MissingFolders []string `json:"missingFolders,omitempty"`
	// CertificatesDir is where kubeadm keeps its certificates on this node.
	CertificatesDir string `json:"certificatesDir"`
	// ManifestDir is the kubelet's folder of static pods.
	ManifestDir string `json:"manifestDir"`
	// Named are paths that something names although it is not followed: a copy of a
	// manifest, a container that does not see the path.
	Named []string `json:"named,omitempty"`
	// Packed are the archives and streams among the input: what is shown below their names
	// is no file that a command could name.
	Packed []string `json:"packed,omitempty"`
	// Shared are folders that a program can read of which it is not known what it reads.
	Shared []string `json:"shared,omitempty"`
	// EtcdData is where an etcd has kept its data; "" where none has.
	EtcdData string `json:"etcdData,omitempty"`
	// Kubeadm tells where it shows that kubeadm made the node; zero if it does not.
	Kubeadm parsers.Origin `json:"kubeadm,omitzero"`
	// Distribution is the one that made the node; nil where none was recognised.
	Distribution *Distribution `json:"distribution,omitempty"`
	// HostRoots are the SHA-256 of those CAs of the node that are among the host's
	// root certificates, where something verifies with these.
	HostRoots []string `json:"hostRoots,omitempty"`
	// Processes are the components that run, where that can be seen.
	Processes []Process `json:"processes,omitempty"`
	// Proc is what the processes were started with; nil where that was not asked for.
	Proc *Proc `json:"proc,omitempty"`
	// Objects are those of the Kubernetes objects among the input that say more
	// than their certificates do.
	Objects []Object `json:"objects,omitempty"`
	// Nodes are the Node objects among the input, in its order.
	Nodes []parsers.NodeObject `json:"nodes,omitempty"`
	// Encryption is the configuration by which the API server encrypts what it stores; nil
	// where it is given none.
	Encryption *Encryption `json:"encryption,omitempty"`
	// Served is what [Probe] found; nil if it was not asked.
	Served   []Served       `json:"served,omitempty"`
	Problems []InputProblem `json:"problems"`
}

// ControlPlane returns the first of some nodes that has an API server, if all of
// them belong to one cluster, as far as the keys of the CAs tell that their files
// name as the cluster's; nil otherwise.
func ControlPlane(nodes []*Inventory) *Inventory {
	var first *Inventory
	cluster := ""
	for _, inv := range nodes {
		if _, ok := inv.Component(APIServer); ok && first == nil {
			first = inv
		}
		for _, ref := range inv.References {
			certs := inv.Material(ref).Certificates
			if ref.Role != RoleKubernetesCA || ref.Holds != HoldsBundle || len(certs) == 0 {
				continue
			}
			key := certs[0].PublicKeySHA256()
			if cluster != "" && cluster != key {
				return nil
			}
			cluster = key
		}
	}
	return first
}

// IsNode reports whether the inventory is that of a node, and not of files that belong to
// none.
func (inv *Inventory) IsNode() bool { return inv.CertificatesDir != "" }

// IsPacked reports whether what is shown at a path lies in an archive or a stream.
func (inv *Inventory) IsPacked(name string) bool {
	return slices.ContainsFunc(inv.Packed, func(packed string) bool { return name == packed || strings.HasPrefix(name, packed+"/") })
}

// New returns the inventory of nothing.
func New() *Inventory {
	return &Inventory{Files: map[string]File{}, Materials: map[string]parsers.Material{},
		Kubeconfigs: map[string]parsers.Kubeconfig{}, Folders: map[string][]string{}}
}

// Component is one program that runs on the node.
type Component struct {
	Name string `json:"name"`
	// Origin is the manifest or unit that starts it, or the command line of a process
	// that no file starts; see [IsProcess].
	Origin parsers.Origin `json:"origin"`
	// Unit is the service that starts it: of systemd "etcd@main.service", of OpenRC
	// "etcd"; "" for none.
	Unit string `json:"unit,omitempty"`
	// PID is that of the process whose settings these are; 0 for those of a file.
	PID int `json:"pid,omitempty"`
	// Image is the container's image; the zero Text outside a pod.
	Image parsers.Text `json:"image,omitzero"`
	// Settings are the flags in effect and the fields of a configuration file
	// under the name of the flag that says the same. The last of a name wins.
	Settings []parsers.Flag `json:"settings"`
	// Overruled are the flags of the command line that count for nothing, since a
	// configuration file takes the place of all.
	Overruled []parsers.Flag `json:"overruled,omitempty"`
	// StrayFields are those of its configuration files that seem to concern
	// certificates and that it does not have, by their paths.
	StrayFields []parsers.Flag `json:"strayFields,omitempty"`
	// Annotations of the pod.
	Annotations map[string]string `json:"annotations,omitempty"`
	// Assumed says that what it is configured with could not be read, so that
	// nothing but its default folders is known.
	Assumed bool `json:"assumed,omitempty"`
}

// Setting returns the value in effect, or the zero Text.
func (c Component) Setting(name string) parsers.Text {
	return parsers.Command{Flags: c.Settings}.Flag(name)
}

// Reference is one flag or field that names certificate material, or embeds it.
type Reference struct {
	Component string         `json:"component"`
	Name      string         `json:"name"`
	Origin    parsers.Origin `json:"origin"`
	Holds     Holding        `json:"holds"`
	Role      string         `json:"role,omitempty"`
	// Path is the file's path on the node; empty for what is embedded.
	Path string `json:"path,omitempty"`
	// Embedded is the material that the field itself holds.
	Embedded *parsers.Material `json:"embedded,omitempty"`
	// Pair is equal for the two halves of a certificate and its key, else empty.
	Pair string `json:"pair,omitempty"`
	// Object is the Kubernetes object that the field belongs to, "Secret prod/web";
	// empty for none.
	Object string `json:"object,omitempty"`
	// CopyOf is the role of the node's CA that this is a copy of; empty for none.
	CopyOf string `json:"copyOf,omitempty"`
	// Optional: the file may be absent without anything being wrong.
	Optional bool `json:"optional,omitempty"`
	// Elsewhere: the file may be one of another machine, on which the file that names
	// it is used.
	Elsewhere bool `json:"elsewhere,omitempty"`
	// Unmounted: the path lies in a container that no volume brings it into.
	Unmounted bool `json:"unmounted,omitempty"`
	// Hidden: a volume that is not of the node brings it into a container, so that it
	// cannot be seen from here. Path is then empty.
	Hidden bool `json:"hidden,omitempty"`
	// Unclaimed: no component is known to read it, so that what Go and Kubernetes
	// cannot read there is no fault.
	Unclaimed bool `json:"unclaimed,omitempty"`
	// Vanished: the file lay in a folder that was searched, nobody names it, and it is
	// gone.
	Vanished bool `json:"vanished,omitempty"`
	// Guessed: the program, or what it needs the file for, is not known, and what
	// the reference says is taken from what the file holds.
	Guessed bool `json:"guessed,omitempty"`
}

// refer adds references. There may be one for each of many files: their room doubles, where
// append lets that of a long list grow by a quarter.
func (inv *Inventory) refer(refs ...Reference) {
	if have := len(inv.References); have+len(refs) > cap(inv.References) {
		inv.References = slices.Grow(inv.References, max(have, len(refs)))
	}
	inv.References = append(inv.References, refs...)
}

// ComponentFile stands for the component of a file that nothing names.
const ComponentFile = "file"

// Label is how the reference is shown: "kube-apiserver --tls-cert-file"; "" for
// a file that nothing names.
func (r Reference) Label() string {
	if r.Component == ComponentFile {
		return r.Origin.Field
	}
	if r.Origin.Field == "" {
		return r.Component + " " + r.Name
	}
	return r.Component + " " + r.Origin.Field
}

// Holder identifies the object that a reference stands in; "" for none.
func (r Reference) Holder() string {
	if r.Object == "" {
		return ""
	}
	if i := strings.LastIndexByte(r.Pair, ' '); i >= 0 {
		return r.Pair[:i]
	}
	return r.Object
}

// InputProblem is something that could not be read or understood while the
// inventory was made.
type InputProblem struct {
	parsers.Problem
	Component string `json:"component,omitempty"`
	// Lost says that part of the node went unread because of it.
	Lost bool `json:"lost,omitempty"`
	// Store is the kind of key store ([parsers.StorePKCS12]) that no password opens; ""
	// for any other problem.
	Store string `json:"store,omitempty"`
}

// Place is where the material of a reference lies.
func (r Reference) Place() parsers.Origin {
	if r.Embedded != nil {
		return r.Origin
	}
	return parsers.Origin{Path: r.Path}
}

// CompareOrigins orders origins by path, line and field.
func CompareOrigins(a, b parsers.Origin) int {
	return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Field, b.Field))
}
