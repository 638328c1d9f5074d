package inventory

import (
	"crypto/x509"
	"runtime"
	"sync"
)

// ahead decodes what was read on all processors, and adds what comes of it in the order
// in which it was read.
type ahead struct {
	waiting []*decoding
	bytes   int
}

// decoding is one file or snapshot on its way. add is set once done is closed.
type decoding struct {
	done  chan struct{}
	add   func()
	bytes int
}

// maxAhead bounds the bytes that were read and not added, and aheadPerCore their number.
const (
	maxAhead     = 8 << 20
	aheadPerCore = 16
)

// later decodes so many bytes at some time, by a function that shares nothing with
// others, and adds what comes of it before anything that is read from now on.
func (a *ahead) later(bytes int, decode func() (add func())) {
	d := &decoding{done: make(chan struct{}), bytes: bytes}
	go func() {
		defer close(d.done)
		d.add = decode()
	}()
	a.waiting, a.bytes = append(a.waiting, d), a.bytes+bytes
	for a.bytes > maxAhead || len(a.waiting) > aheadPerCore*runtime.GOMAXPROCS(0) {
		a.addFirst()
	}
}

func (a *ahead) addFirst() {
	first := a.waiting[0]
	a.waiting, a.bytes = a.waiting[1:], a.bytes-first.bytes
	<-first.done
	first.add()
}

// addAll adds all that was read.
func (a *ahead) addAll() {
	for len(a.waiting) > 0 {
		a.addFirst()
	}
}

// pool holds the certificates that were decoded, by their SHA-256, so that equal ones are
// one in memory. It may be used by several goroutines.
type pool struct {
	mu    sync.Mutex
	certs map[string]*x509.Certificate
}

func newPool() *pool { return &pool{certs: map[string]*x509.Certificate{}} }

// known returns the certificate of a SHA-256, or nil.
func (p *pool) known(sum string) *x509.Certificate {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.certs[sum]
}

// shared returns the one certificate of a SHA-256 that all share: the first that came.
func (p *pool) shared(sum string, c *x509.Certificate) *x509.Certificate {
	p.mu.Lock()
	defer p.mu.Unlock()
	if first := p.certs[sum]; first != nil {
		return first
	}
	p.certs[sum] = c
	return c
}
