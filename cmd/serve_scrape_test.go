package cmd

import (
	"compress/gzip"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"certaudit/fixtures"
)

// scraped is a server that has audited a sound node, and what it serves.
func scraped(t *testing.T) http.Handler {
	t.Helper()
	f := serveNode(controlPlane(t))
	f.interval = time.Hour
	s := newServer(f, nil, slog.New(discard), func() time.Time { return fixtures.Now })
	s.audit(&watching{open: noWatcher}, "start")
	return s.handler()
}

// scrape is a request for the metrics.
func scrape(header ...string) *http.Request {
	q := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	for i := 0; i < len(header); i += 2 {
		q.Header.Set(header[i], header[i+1])
	}
	return q
}

// TestScrapeForms asks in every form: all are of the same text.
func TestScrapeForms(t *testing.T) {
	h := scraped(t)
	ask := func(header ...string) (encoding, kind, text string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, scrape(header...))
		var body io.Reader = w.Body
		if encoding = w.Header().Get("Content-Encoding"); encoding == "gzip" {
			z, err := gzip.NewReader(w.Body)
			ok(t, err)
			body = z
		}
		data, err := io.ReadAll(body)
		ok(t, err)
		if vary := w.Header().Get("Vary"); vary != "Accept, Accept-Encoding" {
			t.Errorf("%q: Vary is %q", header, vary)
		}
		kind, _, _ = strings.Cut(w.Header().Get("Content-Type"), ";")
		return encoding, kind, string(data)
	}
	_, _, plain := ask()
	if !strings.HasPrefix(plain, "# HELP certaudit_") || !strings.Contains(plain, apiserver) {
		t.Fatalf("%.200q", plain)
	}
	got := map[string]string{}
	for _, accept := range []string{"", "gzip", "GZIP;q=0.5", "deflate, gzip;q=1.0", "gzip;q=0", "gzip; q=0.000", "br, zstd", "*"} {
		encoding, _, text := ask("Accept-Encoding", accept)
		if got[accept] = encoding; text != plain {
			t.Errorf("%q gives another text", accept)
		}
	}
	want := map[string]string{"": "", "gzip": "gzip", "GZIP;q=0.5": "gzip", "deflate, gzip;q=1.0": "gzip", "gzip;q=0": "", "gzip; q=0.000": "", "br, zstd": "", "*": ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, encoding := range []string{"", "gzip"} {
		_, kind, text := ask("Accept-Encoding", encoding, "Accept", "application/openmetrics-text; version=1.0.0")
		if kind != "application/openmetrics-text" || !strings.HasSuffix(text, "# EOF\n") {
			t.Errorf("OpenMetrics as %q: %s that ends with %.20q", encoding, kind, text[len(text)-20:])
		}
	}
}

// unread is a client that reads nothing until it may.
type unread struct {
	*httptest.ResponseRecorder
	begun, end chan bool
	at         *byte
}

func (u *unread) Write(data []byte) (int, error) {
	u.at = &data[0]
	close(u.begun)
	<-u.end
	return u.ResponseRecorder.Write(data)
}

// TestScrapesShareTheirAnswer has clients that do not read: others are answered, and all
// with the same bytes.
func TestScrapesShareTheirAnswer(t *testing.T) {
	h := scraped(t)
	end := make(chan bool)
	var slow []*unread
	done := make(chan bool)
	for range 20 {
		u := &unread{httptest.NewRecorder(), make(chan bool), end, nil}
		slow = append(slow, u)
		go func() {
			h.ServeHTTP(u, scrape("Accept-Encoding", "gzip"))
			done <- true
		}()
		<-u.begun
		if u.at != slow[0].at {
			t.Error("a client has an answer of its own")
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, scrape())
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), apiserver) {
		t.Errorf("another client gets %d", w.Code)
	}
	close(end)
	for range slow {
		<-done
	}
	for _, u := range slow {
		if u.Code != http.StatusOK {
			t.Errorf("one that reads late gets %d", u.Code)
		}
	}
}
