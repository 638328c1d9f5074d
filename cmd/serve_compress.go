package cmd

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"sync"
)

// compressed compresses the answers of a handler for those who accept it, for one
// of them at a time and as fast as it can: a second compressor would take more
// memory than the answer, which the others get as it is.
func compressed(h http.Handler) http.Handler {
	var one sync.Mutex
	z, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed) // a level that exists
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Accept-Encoding")
		if !acceptsGzip(r.Header) || !one.TryLock() {
			h.ServeHTTP(w, r)
			return
		}
		defer one.Unlock()
		z.Reset(w)
		c := &compressing{ResponseWriter: w, z: z}
		h.ServeHTTP(c, r)
		if c.on {
			_ = z.Close() // the client may have gone
		}
	})
}

// acceptsGzip reports whether a client takes gzip (RFC 9110, section 12.5.3).
func acceptsGzip(h http.Header) bool {
	for _, value := range h.Values("Accept-Encoding") {
		for coding := range strings.SplitSeq(value, ",") {
			name, weight, _ := strings.Cut(coding, ";")
			if strings.EqualFold(strings.TrimSpace(name), "gzip") {
				q := strings.TrimRight(strings.ReplaceAll(weight, " ", ""), "0")
				return q != "q=" && q != "q=0."
			}
		}
	}
	return false
}

// compressing compresses the body of a good answer, and leaves any other alone.
type compressing struct {
	http.ResponseWriter
	z         *gzip.Writer
	begun, on bool
}

func (c *compressing) WriteHeader(status int) {
	c.begun, c.on = true, status == http.StatusOK
	if c.on {
		c.Header().Set("Content-Encoding", "gzip")
		c.Header().Del("Content-Length")
	}
	c.ResponseWriter.WriteHeader(status)
}

func (c *compressing) Write(data []byte) (int, error) {
	if !c.begun {
		c.WriteHeader(http.StatusOK)
	}
	if c.on {
		return c.z.Write(data)
	}
	return c.ResponseWriter.Write(data)
}
