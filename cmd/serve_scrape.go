package cmd

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"weak"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// exposition says in which form a client takes the metrics.
type exposition struct {
	format expfmt.Format
	gzip   bool
}

// metrics serves those of the last state. An answer is made for one client at a time and
// held by all that ask for the same, and nothing is held while it is sent: clients that read
// slowly keep nobody else from a scrape, and take no memory of their own.
func (s *server) metrics() http.Handler {
	var one sync.Mutex
	z, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed) // a level that exists
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e := exposition{expfmt.NegotiateAccept(r.Header, expfmt.DefaultOpenMetricsAcceptedFormats()...), acceptsGzip(r.Header)}
		one.Lock()
		body, err := s.state.Load().scrape(e, r.Header, z)
		one.Unlock()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		h := w.Header()
		h.Set("Content-Type", string(e.format))
		h.Set("Vary", "Accept, Accept-Encoding")
		if e.gzip {
			h.Set("Content-Encoding", "gzip")
		}
		h.Set("Content-Length", strconv.Itoa(len(*body)))
		_, _ = w.Write(*body) // the client may have gone
		runtime.KeepAlive(body)
	})
}

// scrape is what a scrape of the state gives: the one that others are sent, if there is one.
// Only one may be made at a time, for the header that asks for it, and by z where it is
// compressed.
func (s *state) scrape(e exposition, asks http.Header, z *gzip.Writer) (*[]byte, error) {
	if body := s.answers[e].Value(); body != nil {
		return body, nil
	}
	var text bytes.Buffer
	answer := &kept{Writer: &text, header: http.Header{}, status: http.StatusOK}
	if e.gzip {
		z.Reset(&text)
		defer z.Reset(io.Discard) // which would hold the text
		answer.Writer = z
	}
	families := prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { return s.families(), nil })
	promhttp.HandlerFor(families, promhttp.HandlerOpts{EnableOpenMetrics: true, DisableCompression: true}).
		ServeHTTP(answer, &http.Request{Method: http.MethodGet, URL: &url.URL{}, Header: http.Header{"Accept": asks.Values("Accept")}})
	if answer.status != http.StatusOK {
		return nil, fmt.Errorf("the metrics could not be written: %d", answer.status)
	}
	if e.gzip {
		if err := z.Close(); err != nil {
			return nil, err
		}
	}
	body := text.Bytes()
	if s.answers == nil {
		s.answers = map[exposition]weak.Pointer[[]byte]{}
	}
	s.answers[e] = weak.Make(&body)
	return &body, nil
}

// kept is an answer that is not sent.
type kept struct {
	io.Writer
	header http.Header
	status int
}

func (r *kept) Header() http.Header    { return r.header }
func (r *kept) WriteHeader(status int) { r.status = status }

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
