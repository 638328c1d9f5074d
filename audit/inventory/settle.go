package inventory

import (
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"certaudit/parsers"
)

// Clock tells the time and waits. With it a fault that may be the moment between
// two writes of a renewal is looked at again before it counts: the certificate is
// new and its key not yet, a file is empty that is about to be filled. The zero
// Clock looks at nothing twice.
type Clock struct {
	Now func() time.Time
	// Wait returns after a while. It is called with at most a few seconds in all
	// for one inventory.
	Wait func(time.Duration)
	// Late reports whether reading has to end; nil for one that may take any time.
	// What was not read by then cannot be.
	Late func() bool
	// Exclude are patterns of path.Match for names, or for whole paths of the host, that
	// are passed over where folders are searched.
	Exclude []string
	// Passwords are tried on key stores that no component reads.
	Passwords []string
	// Layouts are a user's own, which come before those of the program.
	Layouts []Layout
	// Processes: what components run with is read from the proc file system, and judged
	// in place of what the files say that start them. It is an error if there is none.
	Processes bool
	// known are the certificates that other inventories share with this one; nil for none.
	known *pool
}

// A file that was changed so lately is looked at again, after a pause, so often
// that it has that age at the last look.
const (
	unsettledAge   = 2 * time.Second
	unsettledPause = 500 * time.Millisecond
	maxLooks       = 1 + int(unsettledAge/unsettledPause)
)

// Gather is [Gather] with a second look at what was changed a moment ago.
func (c Clock) Gather(dir string, more ...string) (*Inventory, error) {
	r, err := openRoot(dir)
	if err != nil {
		return nil, rootError(dir, err)
	}
	defer r.close()
	r.late, r.passwords = c.Late, c.Passwords
	return r.settled(c, "/", func() (*Inventory, error) { return gatherNode(r, c, more) })
}

// GatherPaths is [GatherPaths] with a second look at what was changed a moment ago.
func (c Clock) GatherPaths(here string, paths, more []string, progress func(Progress)) (nodes []*Inventory, files *Inventory, err error) {
	r, err := openRoot(volumeRoot(here))
	if err != nil {
		return nil, nil, err
	}
	defer r.close()
	r.late, r.passwords = c.Late, c.Passwords
	var s *scanner
	c.known = newPool()
	copied := c
	copied.Processes = false
	_, err = r.settled(c, slashed(here), func() (*Inventory, error) {
		s = newScanner(newGatherer(r), slashed(here))
		s.certificates, s.progress, s.exclude, s.sets, s.gather = c.known, progress, c.Exclude, true, c.archivedNode(more)
		s.node = func(dir string) (*Inventory, error) { return copied.Gather(dir, more...) }
		return s.inv, s.scanNames(paths, false)
	})
	if err != nil {
		return nil, nil, err
	}
	return s.nodes, s.rest(), nil
}

// settled gathers until nothing that looks faulty has changed within a moment, or
// often enough. here is the folder that relative paths of the inventory start from.
func (r *root) settled(c Clock, here string, gather func() (*Inventory, error)) (*Inventory, error) {
	for looks := 1; ; looks++ {
		r.seen = make(map[string]mark, len(r.seen))
		inv, err := gather()
		if err != nil || c.Wait == nil || looks >= maxLooks || !r.unsettled(inv, here, c.Now()) {
			return inv, err
		}
		c.Wait(unsettledPause)
	}
}

// unsettled reports whether something that looks faulty was changed a moment ago,
// or since it was looked at: a link on the way to it may have moved.
func (r *root) unsettled(inv *Inventory, here string, now time.Time) bool {
	return slices.ContainsFunc(inv.suspects(), func(name string) bool {
		name = absolute(here, name)
		before, seen := r.seen[name]
		_, _, m := r.look(name)
		return seen && !before.alike(m) || now.Sub(time.Unix(0, m.modified)).Abs() < unsettledAge
	})
}

// suspects are the files that a renewal which is under way would leave as they
// are, each once and sorted: damaged, missing, or of another pair.
func (inv *Inventory) suspects() []string {
	found := map[string]bool{}
	damaged := func(p parsers.Problem) bool { return !Foreign(p) }
	for name, m := range inv.Materials {
		if slices.ContainsFunc(m.Problems, damaged) {
			found[name] = true
		}
	}
	for _, ref := range inv.References {
		if f := inv.Files[ref.Path]; ref.Path != "" && !ref.Optional && (f.State == Missing || f.State == DanglingLink) {
			found[ref.Path] = true
		}
		if ref.Embedded != nil && slices.ContainsFunc(ref.Embedded.Problems, damaged) {
			found[ref.Origin.Path] = true
		}
	}
	for _, p := range inv.Problems {
		if p.Lost && p.Origin.Path != "" && !strings.HasPrefix(p.Origin.Path, "/proc") { // of these files nobody writes one
			found[p.Origin.Path] = true
		}
	}
	for _, name := range slices.Concat(inv.brokenPairs(), inv.olderLinks()) {
		found[name] = true
	}
	return slices.Sorted(maps.Keys(found))
}

// brokenPairs are the files of which certificate and key do not belong together.
func (inv *Inventory) brokenPairs() []string {
	type pair struct {
		files []string
		cert  string
		keys  []string
	}
	pairs := map[string]*pair{} // those that have a key
	for i := range inv.References {
		ref := &inv.References[i]
		if ref.Pair == "" || ref.Path == "" || ref.Holds != HoldsPrivateKey && ref.Holds != HoldsSignerKey {
			continue
		}
		p := pairs[ref.Pair]
		if p == nil {
			p = &pair{}
			pairs[ref.Pair] = p
		}
		for _, k := range inv.Materials[ref.Path].Keys {
			p.keys = append(p.keys, k.PublicKeySHA256)
		}
	}
	for i := range inv.References {
		ref := &inv.References[i]
		p := pairs[ref.Pair]
		if p == nil || ref.Path == "" {
			continue
		}
		switch ref.Holds {
		case HoldsCertificate, HoldsBundle, HoldsSigner:
			if m := inv.Materials[ref.Path]; len(m.Certificates) > 0 {
				p.cert = m.Certificates[0].PublicKeySHA256()
			}
		}
		p.files = append(p.files, ref.Path)
	}
	var out []string
	for _, p := range pairs {
		if p.cert != "" && len(p.keys) > 0 && !slices.Contains(p.keys, p.cert) {
			out = append(out, p.files...)
		}
	}
	return out
}

// olderLinks are the links of the kubelet's rotation beside which there is a newer
// file than the one that they lead to, and that file.
func (inv *Inventory) olderLinks() []string {
	var out []string
	for name, f := range inv.Files {
		prefix, ok := strings.CutSuffix(path.Base(name), "current.pem")
		if !ok || f.Link == "" {
			continue
		}
		for _, other := range inv.Folders[path.Dir(name)] {
			if strings.HasPrefix(other, prefix) && other > path.Base(f.Link) && other != path.Base(name) {
				out = append(out, name, path.Join(path.Dir(name), other))
			}
		}
	}
	return out
}
