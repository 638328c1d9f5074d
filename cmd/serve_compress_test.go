package cmd

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// asked asks a handler and returns the status, the encoding and the body as a
// client sees it.
func asked(t *testing.T, h http.Handler, path, accept string) string {
	t.Helper()
	q := httptest.NewRequest(http.MethodGet, path, nil)
	if accept != "" {
		q.Header.Set("Accept-Encoding", accept)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, q)
	var body io.Reader = w.Body
	if w.Header().Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(w.Body)
		ok(t, err)
		body = z
	}
	text, err := io.ReadAll(body)
	ok(t, err)
	return strings.Join([]string{http.StatusText(w.Code), w.Header().Get("Content-Encoding"), w.Header().Get("Vary"), string(text)}, "|")
}

func TestCompressed(t *testing.T) {
	h := compressed(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/busy":
			http.Error(w, "busy", http.StatusServiceUnavailable)
		case "/twice":
			io.WriteString(w, "one ")
			io.WriteString(w, "two")
		}
	}))
	got := map[string]string{}
	for _, accept := range []string{"", "gzip", "GZIP;q=0.5", "deflate, gzip;q=1.0", "gzip;q=0", "gzip; q=0.000", "br, zstd", "*"} {
		got[accept] = asked(t, h, "/twice", accept)
	}
	const plain, small = "OK||Accept-Encoding|one two", "OK|gzip|Accept-Encoding|one two"
	want := map[string]string{"": plain, "gzip": small, "GZIP;q=0.5": small, "deflate, gzip;q=1.0": small, "gzip;q=0": plain, "gzip; q=0.000": plain, "br, zstd": plain, "*": plain}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for path, want := range map[string]string{"/busy": "Service Unavailable||Accept-Encoding|busy\n", "/nothing": "OK||Accept-Encoding|"} {
		if got := asked(t, h, path, "gzip"); got != want {
			t.Errorf("%s gives %q, want %q", path, got, want)
		}
	}
}

// TestCompressedOneAtATime has a slow client hold the compressor: the next one
// gets the text as it is.
func TestCompressedOneAtATime(t *testing.T) {
	begun, end := make(chan bool), make(chan bool)
	h := compressed(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "text")
		if r.URL.Path == "/slow" {
			close(begun)
			<-end
		}
	}))
	slow := make(chan string)
	go func() { slow <- asked(t, h, "/slow", "gzip") }()
	<-begun
	if got, want := asked(t, h, "/", "gzip"), "OK||Accept-Encoding|text"; got != want {
		t.Errorf("while another is answered: %q, want %q", got, want)
	}
	close(end)
	if got, want := <-slow, "OK|gzip|Accept-Encoding|text"; got != want {
		t.Errorf("the slow one: %q, want %q", got, want)
	}
	if got, want := asked(t, h, "/", "gzip"), "OK|gzip|Accept-Encoding|text"; got != want {
		t.Errorf("after it: %q, want %q", got, want)
	}
}
