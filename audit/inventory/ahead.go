package inventory

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"runtime"
	"sync"

	"certaudit/parsers"
)

// ahead decodes what was read on all processors, and adds what comes of it in the order
// in which it was read.
type ahead struct {
	waiting []*decoding
	bytes   int
}

// decoding is one file or snapshot on its way. Once done is closed there is what adds it,
// or what decoding it panicked with.
type decoding struct {
	done     chan struct{}
	add      func()
	panicked any
	bytes    int
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
		defer func() { d.panicked = recover() }() // it is the caller's, who may bear it
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
	if first.panicked != nil {
		panic(first.panicked)
	}
	first.add()
}

// addAll adds all that was read.
func (a *ahead) addAll() {
	for len(a.waiting) > 0 {
		a.addFirst()
	}
}

// pool holds the certificates that were decoded, by their SHA-256, so that equal ones are
// one in memory, and so are the names of equal issuers. It may be used by several
// goroutines.
type pool struct {
	mu      sync.Mutex
	certs   map[string]*x509.Certificate
	issuers map[string]pkix.Name // by their DER
	texts   texts
	rooms   sync.Pool // of *snapshotRoom
}

func newPool() *pool {
	return &pool{certs: map[string]*x509.Certificate{}, issuers: map[string]pkix.Name{}, texts: texts{}, rooms: sync.Pool{New: newSnapshotRoom}}
}

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
	if issuer, known := p.issuers[string(c.RawIssuer)]; known {
		c.Issuer = issuer
	} else {
		p.issuers[string(c.RawIssuer)] = c.Issuer
	}
	p.certs[sum] = c
	return c
}

// texts makes equal texts of inventories one in memory.
type texts map[string]string

func (t texts) one(s *string) {
	if first, ok := t[*s]; ok {
		*s = first
	} else {
		t[*s] = *s
	}
}

func (t texts) origin(at *parsers.Origin) {
	t.one(&at.Path)
	t.one(&at.Field)
}

// compact takes an inventory out of the room that it was decoded into, and makes equal texts
// one: the nodes of a cluster have the same paths and names, each a dozen times.
func (p *pool) compact(inv *Inventory) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.texts
	files := make(map[string]File, len(inv.Files))
	for name, f := range inv.Files {
		t.one(&name)
		t.one(&f.Path)
		t.one(&f.Resolved)
		t.one((*string)(&f.State))
		t.one(&f.Reason)
		files[name] = f
	}
	materials := make(map[string]parsers.Material, len(inv.Materials))
	for name, m := range inv.Materials {
		t.one(&name)
		for i := range m.Certificates {
			t.origin(&m.Certificates[i].Origin)
		}
		for i := range m.Keys {
			t.origin(&m.Keys[i].Origin)
			t.one(&m.Keys[i].Algorithm)
		}
		materials[name] = m
	}
	inv.Files, inv.Materials, inv.References = files, materials, append([]Reference(nil), inv.References...)
	for i := range inv.References {
		r := &inv.References[i]
		for _, s := range []*string{&r.Component, &r.Name, (*string)(&r.Holds), &r.Role, &r.Path, &r.Pair, &r.Object, &r.CopyOf} {
			t.one(s)
		}
		t.origin(&r.Origin)
	}
	for _, c := range inv.Components {
		for i := range c.Settings {
			f := &c.Settings[i]
			t.one(&f.Name)
			t.one(&f.Value)
			t.one(&f.Spelling)
			t.origin(&f.Origin)
		}
	}
}
