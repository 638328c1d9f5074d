//go:build !linux

package cmd

import "errors"

// newWatcher refuses: how folders are followed relies on inotify(7), where adding
// a folder again follows the one that has replaced it. The files are looked at
// every lookEvery instead, as on Linux where the kernel refuses.
func newWatcher() (watcher, error) { return nil, errors.ErrUnsupported }
