package cmd

import (
	"bytes"
	"net/http"
	"testing"
)

// What is served at /snapshot is what the command writes, where it is switched on.
func TestServeSnapshot(t *testing.T) {
	dir := controlPlane(t)
	f := serveNode(dir)
	f.snapshot = true
	r := startServer(t, f, newWatcher, nil)
	r.until("certaudit_audit_success 1")
	code, body := r.get("/snapshot")
	var want bytes.Buffer
	p := &program{stdout: &want, now: r.server.now}
	ok(t, p.snapshot(auditFlags{roots: []string{dir}}, ""))
	if code != http.StatusOK || body != want.String() {
		t.Errorf("%d with %d bytes; the command writes %d", code, len(body), want.Len())
	}

	r = startServer(t, serveNode(dir), newWatcher, nil)
	if code, _ := r.get("/snapshot"); code != http.StatusNotFound {
		t.Errorf("without the flag: %d", code)
	}
}
