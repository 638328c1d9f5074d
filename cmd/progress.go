package cmd

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/term"

	"certaudit/audit/inventory"
)

// progressAfter is how long a run may take in silence.
const progressAfter = time.Second

// progress returns a function to be called for each file, which tells of the run
// on a terminal once it has taken a second, and one that wipes the line away. On
// anything but a terminal both do nothing.
func (p *program) progress() (tick func(inventory.Progress), end func()) {
	show, end := p.progressLine()
	if show == nil {
		return nil, end
	}
	return func(p inventory.Progress) { show("%d files read", p.Files) }, end
}

// progressLine returns a function that shows how far a run is, and one that wipes the
// line away, as of progress; show is nil on anything but a terminal.
func (p *program) progressLine() (show func(format string, args ...any), end func()) {
	f, ok := p.stderr.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil, func() {}
	}
	start, shown := p.now(), time.Time{}
	show = func(format string, args ...any) {
		now := p.now()
		if now.Sub(start) < progressAfter || now.Sub(shown) < progressAfter/10 {
			return
		}
		shown = now
		fmt.Fprintf(f, "\r\x1b[K"+format, args...)
	}
	return show, func() {
		if !shown.IsZero() {
			fmt.Fprint(f, "\r\x1b[K")
		}
	}
}
