package cmd

// watcher tells of changes in folders; tests replace it.
type watcher interface {
	// Add follows a folder.
	Add(folder string) error
	// Remove follows it no more.
	Remove(folder string) error
	// Changes gets a value when something changed in a folder that is followed,
	// or when what changed may have been lost.
	Changes() <-chan struct{}
	Close() error
}

// watching follows the folders of the last audit, as far as the kernel lets it.
type watching struct {
	open    func() (watcher, error)
	current watcher
	folders map[string]bool
	// grew says that a folder is followed which was not before.
	grew bool
}

// follow changes the set of folders. It reports whether all are followed; those
// that are not are tried again the next time.
func (w *watching) follow(folders []string) bool {
	if w.current == nil {
		current, err := w.open()
		if err != nil {
			return false
		}
		w.current, w.folders = current, map[string]bool{}
	}
	w.grew = false
	wanted, all := map[string]bool{}, true
	for _, f := range folders {
		wanted[f] = true
		// A folder that was replaced is another one under the same name, and the
		// kernel follows the old one: adding it again is what follows the new.
		if err := w.current.Add(f); err != nil {
			all = false
			delete(w.folders, f)
			continue
		}
		w.grew = w.grew || !w.folders[f]
		w.folders[f] = true
	}
	for f := range w.folders {
		if !wanted[f] {
			_ = w.current.Remove(f) // it may be gone
			delete(w.folders, f)
		}
	}
	return all
}

func (w *watching) changes() <-chan struct{} {
	if w.current == nil {
		return nil
	}
	return w.current.Changes()
}

func (w *watching) close() {
	if w.current != nil {
		w.current.Close()
	}
}
