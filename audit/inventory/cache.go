package inventory

import (
	"cmp"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"time"

	"certaudit/parsers"
)

// Cache is what is known of the files of a node, or of some paths, for the next
// time that the same are read: a file that has not changed is not read again, and
// a certificate that was there is not forgotten because its file is gone. It is
// for one goroutine at a time.
type Cache struct {
	// Wait, unless it is nil, is that of [Clock]: it is for a second look at what was
	// changed a moment ago.
	Wait func(time.Duration)
	// Layouts, Exclude, Processes and Passwords are those of [Clock].
	Passwords []string
	Layouts   []Layout
	Exclude   []string
	Processes bool
	// now is the clock, and here the folder that relative paths start from.
	now  func() time.Time
	here string
	// dir is the host's path of the root that was looked at last.
	dir string
	// seen holds what lay at each path that the last run looked at, and inv
	// what it found; nil before the first.
	seen map[string]mark
	inv  *Inventory
	// gone are the references that were recalled to it, and vanished says since when the
	// files are gone that lay in a folder.
	gone     []Reference
	vanished map[string]time.Time
	// failed says that a run ended without an inventory since, and distrusted that the
	// next run takes nothing for unchanged.
	failed, distrusted bool
	reads              int
	// trees are the caches of the nodes that lie below the paths, by their folder,
	// and beside says that there are other files.
	trees  map[string]*Cache
	beside bool
}

// NewCache returns a cache of nothing. now is the clock that files are dated by,
// and here the working folder, an absolute path of the host.
func NewCache(now func() time.Time, here string) *Cache { return &Cache{now: now, here: here} }

// mark tells whether what lies at a path is what lay there before.
type mark struct {
	inode, device uint64
	size          int64
	// modified and changed are in nanoseconds since 1970.
	modified, changed int64
	mode              fs.FileMode
	uid, gid          uint32
	// young says that the last change was a moment before the look.
	young bool
	// link is the target of a link, and failure says why there is no more to say.
	link, failure string
}

// youngAge is the age up to which a change may have had a successor within one
// tick of the file system's clock, so that the mark of both is the same.
const youngAge = 100 * time.Millisecond

func (r *root) markOf(info fs.FileInfo, link string) mark {
	m := mark{size: info.Size(), modified: info.ModTime().UnixNano(), mode: info.Mode(), link: link}
	m.ofSystem(info)
	m.young = r.now != nil && r.now().Sub(time.Unix(0, m.changed)).Abs() < youngAge
	return m
}

// same reports whether nothing changed between two looks.
func (m mark) same(later mark) bool { return !m.young && m.alike(later) }

// alike is same for who may miss a change that came within a moment of
// the one before.
func (m mark) alike(later mark) bool {
	later.young = m.young
	return m == later
}

// Reads returns how many files have been read so far.
func (c *Cache) Reads() int {
	reads := c.reads
	for _, tree := range c.trees {
		reads += tree.Reads()
	}
	return reads
}

// Gather is [Gather] with what is remembered of the runs before.
func (c *Cache) Gather(dir string, more ...string) (*Inventory, error) {
	return c.run(dir, func(r *root) (*Inventory, error) {
		return gatherNode(r, Clock{Layouts: c.Layouts, Processes: c.Processes}, more)
	})
}

// GatherPaths is [GatherPaths] with what is remembered of the runs before. A
// path that does not exist is a problem of the inventory, not an error: it may
// come back.
func (c *Cache) GatherPaths(paths, more []string) (nodes []*Inventory, files *Inventory, err error) {
	files, err = c.run(volumeRoot(c.here), func(r *root) (*Inventory, error) {
		before := c.trees
		c.trees = map[string]*Cache{}
		s := newScanner(newGatherer(r), slashed(c.here))
		s.exclude = c.Exclude
		s.node = func(dir string) (*Inventory, error) {
			c.trees[dir] = cmp.Or(before[dir], NewCache(c.now, c.here))
			c.trees[dir].Wait, c.trees[dir].Layouts, c.trees[dir].Passwords = c.Wait, c.Layouts, c.Passwords
			return c.trees[dir].Gather(dir, more...)
		}
		if err := s.scanNames(paths, true); err != nil {
			return nil, err
		}
		c.beside = s.rest() != nil
		return s.inv, nil
	})
	if err != nil {
		return nil, nil, err
	}
	for _, dir := range slices.Sorted(maps.Keys(c.trees)) {
		inv, err := c.trees[dir].Gather(dir, more...)
		if err != nil {
			return nil, nil, err
		}
		inv.Folder = (&scanner{here: slashed(c.here)}).shown(slashed(dir))
		if inv.showsNode() {
			nodes = append(nodes, inv)
		}
	}
	if len(nodes) > 0 && !c.beside {
		return nodes, nil, nil
	}
	return nodes, files, nil
}

func (c *Cache) run(dir string, gather func(*root) (*Inventory, error)) (*Inventory, error) {
	whole := !c.failed
	c.failed = true // until the end is reached
	r, err := c.open(dir)
	if err != nil {
		return nil, rootError(dir, err)
	}
	defer r.close()
	r.passwords = c.Passwords
	if c.distrusted {
		whole, c.seen, c.distrusted = false, map[string]mark{}, false
	}
	if whole && c.unchanged(r, mark.same) && (!c.Processes || c.sameProcesses(r)) {
		c.failed = false
		g := newGatherer(r)
		g.processes()
		if !slices.Equal(g.inv.Processes, c.inv.Processes) {
			inv := *c.inv
			inv.Processes = g.inv.Processes
			c.inv = &inv
		}
		return c.inv, nil
	}
	r.cache, r.seen = c, make(map[string]mark, len(c.seen))
	inv, err := r.settled(Clock{Now: c.now, Wait: c.Wait}, slashed(c.here), func() (*Inventory, error) { return gather(r) })
	if err != nil {
		return nil, err
	}
	c.recall(r, inv)
	c.dir, c.inv, c.seen, c.failed = r.dir, inv, r.seen, false
	return inv, nil
}

// sameProcesses reports whether what the components' processes show is what it was.
func (c *Cache) sameProcesses(r *root) bool {
	before := c.inv.Proc
	t, err := readTable(r, withOwn(c.Layouts))
	if err != nil || before == nil {
		return false
	}
	for _, p := range t.found {
		t.Running = append(t.Running, p.Running)
	}
	return slices.Equal(t.all(), before.all()) && slices.Equal(t.Programs, before.Programs)
}

// all are the processes that are called as a component, judged or not, by PID.
func (p Proc) all() []Process {
	var out []Process
	for _, r := range p.Running {
		out = append(out, r.Process)
	}
	for _, o := range p.PassedOver {
		out = append(out, o.Process)
	}
	slices.SortFunc(out, func(a, b Process) int { return cmp.Compare(a.PID, b.PID) })
	return out
}

// open opens a root that marks what it looks at by the cache's clock.
func (c *Cache) open(dir string) (*root, error) {
	r, err := openRoot(dir)
	if err == nil {
		r.now = c.now
	}
	return r, err
}

// Distrust has the next run read everything, whatever seems unchanged. What was there
// is remembered all the same.
func (c *Cache) Distrust() {
	c.distrusted = true
	for _, tree := range c.trees {
		tree.Distrust()
	}
}

// Changed reports whether what the last run looked at has changed since, or
// that run failed.
func (c *Cache) Changed() bool {
	if c.failed || c.inv == nil {
		return true
	}
	for _, tree := range c.trees {
		if tree.Changed() {
			return true
		}
	}
	r, err := c.open(c.dir)
	if err != nil {
		return true
	}
	defer r.close()
	return !c.unchanged(r, mark.alike)
}

// unchanged reports whether everything that the last run looked at is as it was.
func (c *Cache) unchanged(r *root, same func(before, now mark) bool) bool {
	if c.inv == nil || c.dir != r.dir {
		return false
	}
	for _, name := range slices.Sorted(maps.Keys(c.seen)) {
		if _, _, now := r.look(name); !same(c.seen[name], now) {
			return false
		}
	}
	return true
}

// kept returns the material of a file that is as it was in the last run, and
// the file's description. shown is the path it goes by in the inventory.
func (c *Cache) kept(name, shown string, now mark) (File, parsers.Material, bool) {
	if c == nil || c.inv == nil || !c.seen[name].same(now) {
		return File{}, parsers.Material{}, false
	}
	m, ok := c.inv.Materials[shown]
	// What is foreign may have parts, which are not in the material.
	ok = ok && !slices.ContainsFunc(m.Problems, Foreign)
	return c.inv.Files[shown], m, ok
}

// heldBy identifies what a certificate is to whom, and where.
type heldBy struct{ component, role, path string }

func (r Reference) heldBy() heldBy { return heldBy{r.Component, r.Role, r.Place().Path} }

// toldFor is how long it is told that a file is gone which merely lay in a folder.
const toldFor = time.Hour

// recall adds to an inventory the certificates that were in the last one and
// whose files are gone, as references to nothing. What may be absent is not
// recalled, nor what lies where it lay and is named no more.
func (c *Cache) recall(r *root, inv *Inventory) {
	if c.inv == nil {
		return
	}
	named, given := map[heldBy]bool{}, map[string]bool{}
	for _, ref := range inv.References {
		given[ref.Path] = true
		if ref.Holds != HoldsKubeconfig && ref.Holds != HoldsConfig {
			named[ref.heldBy()] = true
		}
	}
	optional := map[string]bool{}
	for _, ref := range c.inv.References {
		optional[ref.Path] = optional[ref.Path] || ref.Optional
	}
	held := slices.Clone(c.gone)
	for _, ref := range c.inv.References {
		fallback := ref.Embedded != nil && (ref.Role == RoleOtherCA || ref.Role == RoleUserCA) // the CA of a kubeconfig
		if len(c.inv.Material(ref).Certificates) > 0 && !optional[ref.Place().Path] && !fallback {
			held = append(held, ref)
		}
	}
	c.gone = nil
	vanished := map[string]time.Time{}
	defer func() { c.vanished = vanished }()
	for _, ref := range held {
		at := ref.heldBy()
		if named[at] || ref.Component == ComponentFile && given[at.path] {
			continue
		}
		f, _ := r.stat(absolute(slashed(c.here), at.path))
		if f.Exists() {
			continue
		}
		named[at] = true
		if ref.Component == ComponentFile {
			since, known := c.vanished[at.path]
			if !known {
				since = c.now()
			}
			if c.now().Sub(since) > toldFor {
				continue
			}
			vanished[at.path], ref.Vanished = since, true
		}
		f.Path = at.path
		inv.Files[at.path] = f
		ref.Path, ref.Embedded, ref.Pair = at.path, nil, ""
		c.gone = append(c.gone, ref)
	}
	slices.SortFunc(c.gone, func(a, b Reference) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Component, b.Component), cmp.Compare(a.Role, b.Role))
	})
	inv.References = append(inv.References, c.gone...)
}

// absolute is the node's path of one that may start from a folder, as those that
// [GatherPaths] shows.
func absolute(here, name string) string {
	name = slashed(name)
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	return path.Join(here, name)
}

// note takes down what lay at a path when it was looked at.
func (r *root) note(name string, m mark) {
	if r.seen != nil {
		r.seen[name] = m
	}
}

// Folders returns the folders, by the host's paths and sorted, in which a
// change can alter what the last run found: those of every path that was looked
// at, and those above them.
func (c *Cache) Folders() []string {
	dirs := map[string]bool{}
	for name, m := range c.seen {
		if name == "/proc" || path.Dir(name) == "/proc" {
			continue // nothing there is ever notified
		}
		if m.mode.IsDir() {
			addFolders(dirs, name)
		}
		addFolders(dirs, path.Dir(name))
		if m.link != "" {
			target := m.link
			if !path.IsAbs(target) {
				target = path.Join(path.Dir(name), target)
			}
			addFolders(dirs, path.Dir(path.Clean(target)))
		}
	}
	var out []string
	for dir := range dirs {
		if host := filepath.Join(c.dir, filepath.FromSlash(dir)); isFolder(host) {
			out = append(out, host)
		}
	}
	for _, tree := range c.trees {
		out = append(out, tree.Folders()...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// addFolders adds a folder and those above it, in any of which a link may be
// swapped, or a folder vanish and return.
func addFolders(dirs map[string]bool, dir string) {
	for !dirs[dir] {
		dirs[dir] = true
		dir = path.Dir(dir)
	}
}
