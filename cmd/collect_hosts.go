package cmd

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"certaudit/parsers"
)

const (
	// maxHostsBytes bounds a list of hosts: one of a hundred thousand.
	maxHostsBytes = 8 << 20
	// maxNodesBytes bounds a list of Node objects: five thousand that name fifty images each.
	maxNodesBytes = 256 << 20
	// maxHost bounds the name of a host: a user, and a name of DNS (RFC 1035, section 2.3.4).
	maxHost = 512
)

// hostsOf are the hosts that are named by arguments and in files, in that order, each
// once.
func (p *program) hostsOf(f collectFlags, args []string) ([]string, error) {
	if f.hosts == stdinName && f.nodes == stdinName {
		return nil, errors.New("the standard input can be read once only; give one of --hosts and --nodes a file")
	}
	if f.nodeNames && f.nodes == "" {
		return nil, errors.New("--node-names says how to reach the hosts of --nodes, which is not given")
	}
	all := slices.Clip(args)
	if f.hosts != "" {
		data, err := p.listOf(f.hosts, maxHostsBytes)
		if err != nil {
			return nil, fmt.Errorf("cannot read the hosts %w", err)
		}
		all = append(all, hostLines(data)...)
	}
	if f.nodes != "" {
		data, err := p.listOf(f.nodes, maxNodesBytes)
		if err != nil {
			return nil, fmt.Errorf("cannot read the nodes %w", err)
		}
		nodes, err := nodeHosts(f.nodes, data, f.nodeNames)
		if err != nil {
			return nil, err
		}
		all = append(all, nodes...)
	}
	var hosts []string
	seen := map[string]bool{}
	for _, host := range all {
		if err := validHost(host); err != nil {
			return nil, err
		}
		if !seen[host] {
			seen[host] = true
			hosts = append(hosts, host)
		}
	}
	if len(hosts) == 0 {
		return nil, errors.New("no host is named; give HOSTs, --hosts FILE or --nodes FILE")
	}
	return hosts, nil
}

// listOf reads a file, or the standard input.
func (p *program) listOf(name string, most int64) ([]byte, error) {
	if name == stdinName {
		return readBounded(stdinName, p.stdin, most)
	}
	return readConfig(name, most)
}

// hostLines are the lines of a list of hosts, without comments.
func hostLines(data []byte) []string {
	var hosts []string
	for line := range strings.Lines(string(data)) {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line != "" {
			hosts = append(hosts, line)
		}
	}
	return hosts
}

// refusedInHosts are what OpenSSH refuses in a host's name, since a configuration may
// hand it to a shell (ssh.c valid_hostname, CVE-2023-51385).
const refusedInHosts = "'`\"$\\;&<>|(){}"

// validHost refuses what ssh could take for something else than a host.
func validHost(host string) error {
	_, name, _ := strings.Cut(host, "://")
	for part := range strings.SplitSeq(host+"@"+name, "@") {
		if strings.HasPrefix(part, "-") {
			return fmt.Errorf("the host %q is refused: no name of a host or user begins with a dash", host)
		}
	}
	strange := func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(refusedInHosts, r) }
	switch {
	case host == "" || len(host) > maxHost:
		return fmt.Errorf("a host of %d bytes is refused; a name has 1 to %d", len(host), maxHost)
	case strings.ContainsFunc(host, strange):
		return fmt.Errorf("the host %q is refused: it holds what no name of a host does", host)
	}
	return nil
}

// nodeHosts are the addresses, or the names, of Node objects.
func nodeHosts(path string, data []byte, names bool) ([]string, error) {
	var hosts []string
	var failed error
	// A bytes.Reader does not fail.
	_ = parsers.ReadObjects(path, bytes.NewReader(data), func(o parsers.Objects) {
		for _, p := range o.Problems {
			failed = errors.Join(failed, fmt.Errorf("the nodes of %q cannot be read: line %d: %s", path, p.Origin.Line, p.Detail))
		}
		for _, d := range o.Documents {
			for _, e := range d.Elements() {
				if e.Kind() != "Node" {
					continue
				}
				name := e.First("metadata.name").Value
				host := name
				if !names {
					host = internalIP(e)
				}
				if host == "" {
					failed = errors.Join(failed, fmt.Errorf("the node %q of %q has no InternalIP; --node-names reaches nodes by their names", name, path))
					continue
				}
				hosts = append(hosts, host)
			}
		}
	})
	if len(hosts) == 0 && failed == nil {
		failed = fmt.Errorf("%q holds no Node objects; kubectl get nodes -o json prints them", path)
	}
	return hosts, failed
}

// internalIP is the first InternalIP of a Node's status.addresses; "" for none.
func internalIP(node parsers.Document) string {
	kinds := map[string]string{}
	for _, t := range node.Find("status.addresses[].type") {
		kinds[strings.TrimSuffix(t.Origin.Field, ".type")] = t.Value
	}
	for _, t := range node.Find("status.addresses[].address") {
		if kinds[strings.TrimSuffix(t.Origin.Field, ".address")] == "InternalIP" {
			return t.Value
		}
	}
	return ""
}
