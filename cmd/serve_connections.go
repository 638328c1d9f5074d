package cmd

import (
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"sync"
)

// connections bounds those of a listener. Where there are too many, one gives way to the
// one that comes: of the address that has most, so that no address shuts out another, the
// oldest that waits for a request, and where none of them does the oldest. An
// answer takes no time, so that one that lasts is one that nobody reads.
type connections struct {
	net.Listener
	most int
	// begin is called before the first is accepted.
	begin func()

	once sync.Once
	mu   sync.Mutex
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

// Accept returns the next connection, for which there is always room.
func (l *connections) Accept() (net.Conn, error) {
	l.once.Do(l.begin)
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &connection{Conn: conn, of: l, address: addressOf(conn.RemoteAddr().String()), waits: true}
	l.admit(c)
	return c, nil
}

// admit takes a connection in, and makes room for it.
func (l *connections) admit(c *connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.open) >= l.most {
		victim := l.victim()
		victim.Conn.Close() // the server notices
		l.remove(victim)
	}
	l.open = append(l.open, c)
}

// victim is the connection that gives way; there is one.
func (l *connections) victim() *connection {
	most := map[string]int{}
	for _, c := range l.open {
		most[c.address]++
	}
	victim := l.open[0]
	for _, c := range l.open[1:] {
		if more := most[c.address] - most[victim.address]; more > 0 || more == 0 && c.waits && !victim.waits {
			victim = c
		}
	}
	return victim
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
