package inventory

import (
	"bytes"
	"fmt"
	"path"
	"strings"

	"certaudit/parsers"
)

// ComponentKubeconfig stands for the component of a kubeconfig that was found among
// other files.
const ComponentKubeconfig = "kubeconfig"

// inPods are the folders that a pod alone has (kubernetes
// plugin/pkg/admission/serviceaccount).
var inPods = []string{"/var/run/secrets/", "/run/secrets/"}

// maxNamedFiles bounds the files of one kubeconfig that are read; an honest one of
// hundreds of clusters names three for each.
const maxNamedFiles = 2000

// named is a file that a kubeconfig names.
type named struct {
	file  parsers.Text
	holds Holding
	role  string
	pair  string
}

// kubeconfigFiles follows a kubeconfig to the files that it names, relative to its
// own folder (client-go tools/clientcmd ResolveLocalPaths). Data wins over a file.
func (s *scanner) kubeconfigFiles(name string, k parsers.Kubeconfig) {
	var files []named
	add := func(f named, data parsers.Embedded) {
		if f.file.Value != "" && data.IsZero() {
			files = append(files, f)
		}
	}
	for _, c := range k.Clusters {
		add(named{c.CAFile, HoldsBundle, RoleFileCA, ""}, c.CAData)
	}
	for _, u := range k.Users {
		pair := fmt.Sprintf("%s %s %s", ComponentKubeconfig, name, u.Name)
		add(named{u.CertificateFile, HoldsCertificate, RoleFileLeaf, pair}, u.CertificateData)
		add(named{u.KeyFile, HoldsPrivateKey, RoleFileLeaf, pair}, u.KeyData)
	}
	for i, f := range files {
		switch {
		case s.root == nil:
			s.lost(ComponentKubeconfig, parsers.Problem{Origin: f.file.Origin, Kind: parsers.KindUnsupported,
				Detail: fmt.Sprintf("names a file, as %d fields do, which was not read; certaudit audit follows them from the path of the kubeconfig", len(files))})
			return
		case i >= maxNamedFiles:
			s.lost(ComponentKubeconfig, parsers.Problem{Origin: f.file.Origin, Kind: parsers.KindLimit,
				Detail: fmt.Sprintf("is file %d that the kubeconfig names; it and the rest were not read", maxNamedFiles+1)})
			return
		}
		s.namedFile(name, f)
	}
}

// namedFile adds a reference of a kubeconfig, and reads the file once.
func (s *scanner) namedFile(kubeconfig string, f named) {
	if isInPod(f.file.Value) {
		s.noted(ComponentKubeconfig, parsers.Problem{Origin: f.file.Origin, Kind: parsers.KindUnsupported,
			Detail: fmt.Sprintf("%q lies in the pod that reads the kubeconfig; it was not judged", f.file.Value)})
		return
	}
	abs := parsers.ResolvePath(absolute(s.here, kubeconfig), f.file.Value)
	shown := s.shown(abs)
	if _, known := s.inv.Files[shown]; !known {
		file, data := s.root.read(abs)
		file.Path = shown
		s.dropUntold(&file)
		s.inv.Files[shown] = file
		if file.State == Readable {
			s.inv.Materials[shown] = s.shared(parsers.ParseMaterial(parsers.Origin{Path: shown}, data))
		}
		clear(data)
	}
	s.inv.refer(Reference{Component: ComponentKubeconfig, Name: f.file.Origin.Field, Origin: f.file.Origin,
		Holds: f.holds, Role: f.role, Pair: f.pair, Path: shown, Elsewhere: path.IsAbs(f.file.Value) && !s.named})
}

func isInPod(name string) bool {
	for _, dir := range inPods {
		if strings.HasPrefix(path.Clean(name), dir) {
			return true
		}
	}
	return false
}

// isBareKubeconfig reports whether a text looks like a kubeconfig that does not say
// so: kind and apiVersion may be left out (client-go tools/clientcmd/api/latest).
func isBareKubeconfig(data []byte) bool {
	has := func(word string) bool { return bytes.Contains(data, []byte(word)) }
	return (has("clusters") || has("users")) && (has("certificate-authority") || has("client-certificate"))
}
