package cmd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"
)

// maxAudit is how long an audit may take: ten times what the largest honest one does.
const maxAudit = 5 * time.Minute

// deadline returns what tells whether an audit that begins now has taken its time.
func deadline(now func() time.Time) func() bool {
	begun := now()
	return func() bool { return now().Sub(begun) > maxAudit }
}

// untilInterrupted returns what tells whether an audit that begins now has to end: it has
// taken its time, or somebody wants to see what is known. Until stop is called a first
// interrupt is such a wish; the second ends the program as usual.
func (p *program) untilInterrupted() (late func() bool, stop func()) {
	interrupts, interrupted, stopped := make(chan os.Signal, 1), make(chan struct{}), make(chan struct{})
	signal.Notify(interrupts, os.Interrupt)
	go func() {
		defer signal.Stop(interrupts)
		select {
		case <-interrupts:
			fmt.Fprintln(p.stderr, "certaudit: interrupted; what was read is judged, and a second interrupt ends at once")
			close(interrupted)
		case <-stopped:
		}
	}()
	p.interrupted = interrupted
	p.stdin = &interruptible{Reader: p.stdin, interrupted: interrupted}
	tooLong := deadline(p.now)
	return func() bool { return p.isInterrupted() || tooLong() }, func() { close(stopped) }
}

// isInterrupted reports whether somebody wants to see what is known.
func (p *program) isInterrupted() bool {
	select {
	case <-p.interrupted:
		return true
	default:
		return false
	}
}

// interruptible is a reader that ends with an error once it is interrupted, whoever may
// still be waited for.
type interruptible struct {
	io.Reader
	interrupted <-chan struct{}
	// own is what is read into: a reader that is still waited for when nobody waits any more
	// writes to no memory of the caller's.
	own []byte
}

func (r *interruptible) Read(p []byte) (int, error) {
	type outcome struct {
		n   int
		err error
	}
	done := make(chan outcome, 1)
	if len(r.own) < len(p) {
		r.own = make([]byte, len(p))
	}
	go func() {
		n, err := r.Reader.Read(r.own[:len(p)])
		done <- outcome{n, err}
	}()
	select {
	case <-r.interrupted:
		return 0, errors.New("interrupted")
	case o := <-done:
		return copy(p, r.own[:o.n]), o.err
	}
}
