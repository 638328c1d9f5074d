package cmd

import (
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"sync"
)

// connections bounds those of a listener. Where there are too many, one that waits for
// a request gives way to the one that comes: the oldest of the address that has most, so
// that no address shuts out another. Where all are being answered, the new one is closed.
type connections struct {
	net.Listener
	most int

	mu sync.Mutex
	// open are in the order in which they came, or were idle last.
	open []*connection
}

// connection is one of a listener's.
type connection struct {
	net.Conn
	of      *connections
	address string
	// waits: no request of it is being answered.
	waits bool
}

// Accept returns the next connection that there is room for.
func (l *connections) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		address, _, err := net.SplitHostPort(conn.RemoteAddr().String())
		if err != nil {
			address = conn.RemoteAddr().String()
		}
		c := &connection{Conn: conn, of: l, address: address, waits: true}
		if l.admit(c) {
			return c, nil
		}
		conn.Close()
	}
}

// admit makes room for a connection; false where there is none.
func (l *connections) admit(c *connection) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.open) >= l.most {
		i := l.victim()
		if i < 0 {
			return false
		}
		l.open[i].Conn.Close() // the server takes it out
		l.remove(l.open[i])
	}
	l.open = append(l.open, c)
	return true
}

// victim is the place of the oldest waiting connection of the address that has most
// of them, -1 for none.
func (l *connections) victim() int {
	waiting := map[string]int{}
	for _, c := range l.open {
		if c.waits {
			waiting[c.address]++
		}
	}
	best := -1
	for i, c := range l.open {
		if c.waits && (best < 0 || waiting[c.address] > waiting[l.open[best].address]) {
			best = i
		}
	}
	return best
}

// remove takes a connection out; false where it was out already.
func (l *connections) remove(c *connection) bool {
	i := slices.Index(l.open, c)
	if i < 0 {
		return false
	}
	l.open = slices.Delete(l.open, i, i+1)
	return true
}

// Close closes the connection and makes room for another.
func (c *connection) Close() error {
	c.of.mu.Lock()
	c.of.remove(c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}

// connState follows what the server does with a connection; see [http.Server].
func connState(conn net.Conn, state http.ConnState) {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	c, ok := conn.(*connection)
	if !ok {
		return
	}
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	switch state {
	case http.StateActive:
		c.waits = false
	case http.StateIdle:
		c.waits = true
		if c.of.remove(c) {
			c.of.open = append(c.of.open, c)
		}
	}
}
