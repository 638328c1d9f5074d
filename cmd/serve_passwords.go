package cmd

import (
	"context"
	"net"
	"net/http"
	"sync"
)

// maxVerified is of how many requests of an address passwords are verified at once.
const maxVerified = 2

// turns has the passwords of few requests of an address verified at once. That takes the
// toolkit a twentieth of a second of a processor each, one after the other, and of those
// that are right it knows some only: a client that sends wrong ones would keep all others
// waiting. One that has its answer, or that is refused, is not counted any more.
type turns struct {
	http.Handler

	mu sync.Mutex
	of map[string]*turn
}

// turn is that of an address.
type turn struct {
	taken chan struct{}
	// users are those that have it or wait for it.
	users int
}

// ServeHTTP waits for the request's turn, and refuses it where its client waits no longer.
func (t *turns) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, _, has := r.BasicAuth(); !has {
		t.Handler.ServeHTTP(w, r)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), readTimeout)
	defer cancel()
	leave := t.enter(ctx, addressOf(r.RemoteAddr))
	if leave == nil {
		http.Error(w, "too many requests with passwords come from this address", http.StatusTooManyRequests)
		return
	}
	defer leave()
	t.Handler.ServeHTTP(&decided{w, leave}, r)
}

// enter waits for the turn of an address. What it returns ends it, and may be called
// again; nil where ctx ended before.
func (t *turns) enter(ctx context.Context, address string) func() {
	t.mu.Lock()
	if t.of == nil {
		t.of = map[string]*turn{}
	}
	own := t.of[address]
	if own == nil {
		own = &turn{taken: make(chan struct{}, maxVerified)}
		t.of[address] = own
	}
	own.users++
	t.mu.Unlock()
	forget := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if own.users--; own.users == 0 {
			delete(t.of, address)
		}
	}
	select {
	case own.taken <- struct{}{}:
		return sync.OnceFunc(func() {
			<-own.taken
			forget()
		})
	case <-ctx.Done():
		forget()
		return nil
	}
}

// decided ends the turn of a request when its answer begins.
type decided struct {
	http.ResponseWriter
	leave func()
}

func (d *decided) WriteHeader(status int) {
	d.leave()
	d.ResponseWriter.WriteHeader(status)
}

func (d *decided) Write(data []byte) (int, error) {
	d.leave()
	return d.ResponseWriter.Write(data)
}

// addressOf is the address of a client without its port.
func addressOf(remote string) string {
	if address, _, err := net.SplitHostPort(remote); err == nil {
		return address
	}
	return remote
}
