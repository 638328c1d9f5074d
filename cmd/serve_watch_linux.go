package cmd

import "github.com/fsnotify/fsnotify"

// newWatcher is the kernel's inotify(7).
func newWatcher() (watcher, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	n := &notifier{w, make(chan struct{}, 1)}
	go n.forward()
	return n, nil
}

type notifier struct {
	*fsnotify.Watcher
	changed chan struct{}
}

func (n *notifier) Changes() <-chan struct{} { return n.changed }

// forward folds events into one pending value, so that however many there are
// nobody is waited for. It ends when the watcher is closed.
func (n *notifier) forward() {
	for {
		select {
		case _, ok := <-n.Events:
			if !ok {
				return
			}
		case _, ok := <-n.Errors: // the kernel's queue overflowed
			if !ok {
				return
			}
		}
		select {
		case n.changed <- struct{}{}:
		default:
		}
	}
}
