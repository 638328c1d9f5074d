package cmd

import (
	"bufio"
	"io"
	"net/http"
	"runtime/debug"
	"sync"

	"certaudit/report"
)

// handler serves the last state. Every answer is of one audit.
func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/metrics", readOnly(s.metrics()))
	mux.Handle("/{$}", readOnly(s.page()))
	if s.flags.snapshot {
		mux.Handle("/snapshot", readOnly(s.snapshot()))
	}
	for _, path := range []string{"/healthz", "/-/healthy"} {
		mux.Handle(path, readOnly(answer(func() error { return nil })))
	}
	for _, path := range []string{"/readyz", "/-/ready"} {
		mux.Handle(path, readOnly(answer(func() error { return s.state.Load().unready })))
	}
	return mux
}

// snapshot serves that of the node as it was at the last audit, to clients that have
// proved who they are: the web configuration may change while the server runs.
func (s *server) snapshot() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.authenticated(r) {
			http.Error(w, "the web configuration asks nobody who they are, and a snapshot is not for everybody", http.StatusForbidden)
			return
		}
		now := s.state.Load()
		if now.node == nil {
			http.Error(w, errNoResult.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		writeSnapshot(w, now.node) // a client that went away needs no answer
	})
}

// authenticated reports whether the client of a request has proved who it is: by a
// certificate that was verified, or by the password that the toolkit has asked for.
func (s *server) authenticated(r *http.Request) bool {
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		return true
	}
	config, err := readWebConfig(s.flags.webConfig)
	return err == nil && config.asksPassword()
}

// readOnly refuses all but GET and HEAD, and reads no body.
func readOnly(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD are answered", http.StatusMethodNotAllowed)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// answer says ok, or what is wrong.
func answer(wrong func() error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := wrong(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, "ok\n")
	})
}

// page serves the report for people, to one client at a time: the page of a
// large result takes memory while it is written.
func (s *server) page() http.Handler {
	var one sync.Mutex
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := s.state.Load()
		if !now.audited {
			http.Error(w, errNoResult.Error(), http.StatusServiceUnavailable)
			return
		}
		format, err := report.Lookup("html")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if !one.TryLock() {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "the page is being written for somebody else", http.StatusServiceUnavailable)
			return
		}
		defer one.Unlock()
		defer debug.FreeOSMemory()
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		b := bufio.NewWriter(w)
		if format.Write(b, now.result, report.Options{Paths: s.flags.paths}) == nil {
			b.Flush()
		}
	})
}
