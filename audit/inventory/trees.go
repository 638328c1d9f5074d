package inventory

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"certaudit/parsers"
)

// treeFolders are those of which a node has one; a host that is none may have the latter
// too, and shows it by what is started there.
var treeFolders = []string{"etc/kubernetes", "var/lib/kubelet", "etc/systemd/system", "usr/lib/systemd/system", initFolder[1:]}

// layoutFolders are those in which distributions keep their files.
var layoutFolders = func() []string {
	var all []string
	for _, l := range ownLayouts {
		if len(l.Components) > 0 && strings.Count(l.Data, "/") > 2 {
			all = append(all, strings.TrimPrefix(l.Data, "/"))
		}
	}
	return all
}()

// maxTrees bounds how many nodes are read from below the given paths.
const maxTrees = 10_000

// tree reads a folder, in which names lie, as a node, if it is one, and reports whether all in it was
// looked at. Where nothing starts a component that is known, a node says little of
// what lies in it: all that it does not name is looked at as any other file.
func (s *scanner) tree(dir string, names []string) bool {
	if s.node == nil || !s.isTree(dir, names) {
		return false
	}
	if len(s.nodes) >= maxTrees {
		s.passed++
		if s.once("", "trees") {
			s.lose(dir, parsers.KindLimit, fmt.Sprintf("is one node more than the %d that are looked at", maxTrees))
		}
		return true
	}
	inv, err := s.node(filepath.Join(s.root.dir, filepath.FromSlash(dir)))
	if err != nil {
		s.lose(dir, KindUnreadable, err.Error())
		return true
	}
	inv.Folder = s.shown(dir)
	if !inv.showsNode() {
		return false
	}
	s.nodes = append(s.nodes, inv)
	if len(inv.Components) > 0 {
		return true
	}
	if s.looked == nil {
		s.looked = map[string]bool{}
	}
	for name, f := range inv.Files {
		s.looked[path.Join(dir, name)], s.looked[path.Join(dir, f.Resolved)] = true, true
	}
	return false
}

func (s *scanner) isTree(dir string, names []string) bool {
	return likeTree(names, func(name string) bool {
		_, isDir := s.root.stat(path.Join(dir, name))
		return isDir
	})
}

// likeTree reports whether one of the folders of which a node has one may lie in a folder by
// the names in that, and is there.
func likeTree(names []string, isThere func(name string) bool) bool {
	return slices.ContainsFunc(slices.Concat(treeFolders, layoutFolders), func(name string) bool {
		first, _, _ := strings.Cut(name, "/")
		return slices.Contains(names, first) && isThere(name)
	})
}

// showsNode reports whether there is anything of a node, and not only a kubeconfig
// in somebody's home.
func (inv *Inventory) showsNode() bool {
	return len(inv.Components) > 0 || slices.ContainsFunc(inv.References, func(r Reference) bool { return r.Role != RoleUser && r.Component != "kubectl" })
}

// rest is what lies beside the nodes; nil for nothing.
func (s *scanner) rest() *Inventory {
	if len(s.nodes) > 0 && s.inv.holds() == 0 {
		return nil
	}
	return s.inv
}

// holds counts what there is beside files: zero where there is nothing to judge or to tell.
func (inv *Inventory) holds() int {
	return len(inv.References) + len(inv.Objects) + len(inv.Problems) + len(inv.Kubeconfigs) + len(inv.Nodes)
}

// IsNothing reports whether there is no more to tell than that nothing comes of what somebody named.
func (inv *Inventory) IsNothing() bool {
	return inv.holds() == len(inv.Problems) && !slices.ContainsFunc(inv.Problems, func(p InputProblem) bool { return p.Kind != KindNothing })
}

// FolderName is what a node is called that has no name: after the folder that it
// was read from, if that is known.
func (inv *Inventory) FolderName() string {
	if inv.Folder == "" {
		return ""
	}
	return strings.Trim(path.Base(inv.Folder), "/")
}
