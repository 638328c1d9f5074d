package inventory

import (
	"certaudit/parsers"
	"fmt"
	"io"
	"path"
	"strings"
)

// RequestInventory is everything known of some certificate signing requests.
type RequestInventory struct {
	// Input holds the files that were read and what was wrong with them.
	Input    *Inventory
	Requests []parsers.Request
	// Nodes are the Node objects that were given beside the requests.
	Nodes []parsers.NodeObject
	// Authorities are the CAs that issued certificates are held against; empty
	// for those of the controller-manager.
	Authorities []parsers.Certificate
}

// maxRequestBytes bounds what is read of one file or stream of requests.
const maxRequestBytes = 64 << 20

// stdinName is the argument, and the path in the result, of the standard input.
const stdinName = "-"

// GatherRequests reads certificate signing requests from files, from folders
// with all below them, and, for the path "-", from stdin. Of a folder, files
// that hold no request are passed over; a file that somebody named must hold
// one. here is the working folder, as of [GatherPaths]. A path that does not
// exist is an error.
func GatherRequests(here string, paths []string, stdin io.Reader) (*RequestInventory, error) {
	r, err := openRoot(volumeRoot(here))
	if err != nil {
		return nil, err
	}
	defer r.close()
	in := &RequestInventory{}
	s := &requestScanner{newScanner(newGatherer(r), slashed(here)), in}
	s.each, s.fetches, in.Input = s.file, false, s.inv
	for _, name := range paths {
		if name == stdinName {
			s.stream(stdin)
		} else if err := s.scanNamed(name, false); err != nil {
			return nil, err
		}
	}
	return in, nil
}

// GatherSigning reads what is needed of a node to judge requests: the name of
// the node, and its kube-controller-manager with the files that it signs with.
// It is nil where the node has no kube-controller-manager.
func GatherSigning(dir string) (*Inventory, error) {
	r, err := openRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot open the root folder %q: %s", dir, bareError(err))
	}
	defer r.close()
	g := newGatherer(r)
	g.components(nil)
	if _, ok := g.inv.Component(ControllerManager); !ok {
		return nil, nil
	}
	return g.inv, nil
}

// requestScanner looks for requests.
type requestScanner struct {
	*scanner
	in *RequestInventory
}

// file looks for requests in a file.
func (s *requestScanner) file(name string, _ mark, named bool) {
	f, data := s.root.readUpTo(name, maxRequestBytes)
	defer clear(data)
	f.Path = s.shown(name)
	if f.State != Readable {
		if named || f.State == Unreadable {
			s.lose(name, KindUnreadable, f.Reason)
		}
		return
	}
	if named || isRequest(name, data) {
		s.inv.Files[f.Path] = f
		s.add(f.Path, data, named)
	}
}

// isRequest reports whether a file of a folder looks as if it held a request.
func isRequest(name string, data []byte) bool {
	text := string(data)
	return path.Ext(name) == ".csr" || strings.Contains(text, "CertificateSigningRequest") || strings.Contains(text, "CERTIFICATE REQUEST-----") ||
		IsObject(data) && strings.Contains(text, "kind: Node")
}

func (s *requestScanner) stream(stdin io.Reader) {
	data, err := io.ReadAll(io.LimitReader(stdin, maxRequestBytes+1))
	defer clear(data)
	switch {
	case err != nil:
		s.lose(stdinName, KindUnreadable, "the standard input cannot be read: "+err.Error())
	case len(data) > maxRequestBytes:
		s.lose(stdinName, KindUnreadable, fmt.Sprintf("the standard input is larger than %d MiB", maxRequestBytes>>20))
	default:
		s.inv.Files[stdinName] = File{Path: stdinName, State: Readable, Size: int64(len(data))}
		s.add(stdinName, data, true)
	}
}

func (s *requestScanner) add(name string, data []byte, named bool) {
	l := parsers.ParseRequests(name, data)
	s.lost("", l.Problems...)
	if named && len(l.Requests)+len(l.Nodes)+len(l.Problems) == 0 {
		s.noted("", parsers.Problem{Origin: parsers.Origin{Path: name}, Kind: parsers.KindUnsupported,
			Detail: fmt.Sprintf("holds no certificate signing request among its %d objects", l.Others)})
	}
	s.passed += len(l.Requests) + len(l.Nodes)
	s.in.Requests = append(s.in.Requests, l.Requests...)
	s.in.Nodes = append(s.in.Nodes, l.Nodes...)
}
