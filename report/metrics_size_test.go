package report

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"certaudit/audit"
	"certaudit/fixtures"
)

// ofNode is the result of a sound node, as a server has it, with certificates added in
// further files until there are so many.
func ofNode(t testing.TB, node fixtures.Node, certificates int) (audit.Result, Health) {
	t.Helper()
	r := auditOf(t, node)
	for i := range certificates - len(r.Certificates) {
		more := r.Certificates[i]
		more.Path = "/etc/kubernetes/more" + more.Path
		r.Certificates = append(r.Certificates, more)
	}
	return r, Health{Ended: r.At, Duration: 12 * time.Millisecond, Server: &ServerHealth{Audits: 7, Watching: true}}
}

// scrapeSize counts the series and bytes of a scrape.
func scrapeSize(t testing.TB, r audit.Result, h Health) (series, text, compressed int) {
	t.Helper()
	families := Metrics(r, h)
	for _, f := range families {
		series += len(f.Metric)
	}
	var plain, packed bytes.Buffer
	if err := WriteMetrics(&plain, families); err != nil {
		t.Fatal(err)
	}
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(plain.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return series, plain.Len(), packed.Len()
}

// sizes are the nodes whose size docs/metrics.md states.
func sizes() []struct {
	name         string
	node         fixtures.Node
	certificates int
} {
	worker, plane := fixtures.Worker(fixtures.Options{}).Node, fixtures.ControlPlane(fixtures.Options{}).Node
	return []struct {
		name         string
		node         fixtures.Node
		certificates int
	}{{"worker, as kubeadm makes it", worker, 0}, {"worker, 25 certificates", worker, 25},
		{"control plane, as kubeadm makes it", plane, 0}, {"control plane, 25 certificates", plane, 25}}
}

// The page states what a node costs, and a node with 25 certificates costs no more than
// 90 series, whatever it is.
func TestSeriesPerNode(t *testing.T) {
	page, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sizes() {
		r, h := ofNode(t, s.node, s.certificates)
		series, _, _ := scrapeSize(t, r, h)
		if series > 90 {
			t.Errorf("%s: %d series, want 90 at most", s.name, series)
		}
		if row := fmt.Sprintf("| %s | %d | %d |", s.name, len(r.Certificates), series); !strings.Contains(string(page), row) {
			t.Errorf("docs/metrics.md has no row %s", row)
		}
	}
}

// What is wrong adds a series for each finding and each broken connection, and nothing
// that is right has a zero of its own.
func TestZerosOnlyWhereAQueryNeedsThem(t *testing.T) {
	r, h := ofNode(t, fixtures.Worker(fixtures.Options{}).Node, 0)
	var got []string
	for line := range strings.Lines(exposition(t, Metrics(r, h))) {
		if strings.HasSuffix(line, " 0\n") {
			got = append(got, strings.TrimSuffix(line, "\n"))
		}
	}
	want := []string{
		`certaudit_findings{severity="critical"} 0`, `certaudit_findings{severity="warning"} 0`,
		`certaudit_references_missing{node="worker-1"} 0`,
		`certaudit_audits_total{outcome="failure"} 0`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func BenchmarkScrape(b *testing.B) {
	for _, s := range sizes() {
		b.Run(s.name, func(b *testing.B) {
			r, h := ofNode(b, s.node, s.certificates)
			for b.Loop() {
				_ = Metrics(r, h)
			}
			series, text, compressed := scrapeSize(b, r, h)
			b.ReportMetric(float64(series), "series/node")
			b.ReportMetric(float64(text), "bytes/scrape")
			b.ReportMetric(float64(compressed), "gzip/scrape")
		})
	}
}

// The page states what nodes cost a Prometheus that scrapes each once a minute, from what
// the larger of two nodes with 25 certificates is measured to be.
func TestScalePage(t *testing.T) {
	page, err := os.ReadFile("../docs/scale.md")
	if err != nil {
		t.Fatal(err)
	}
	series, packed := 0, 0
	for _, s := range sizes() {
		r, h := ofNode(t, s.node, s.certificates)
		n, _, compressed := scrapeSize(t, r, h)
		series, packed = max(series, n), max(packed, compressed)
	}
	const bytesPerSample, scrapesPerDay = 2, 24 * 60
	for _, nodes := range []int{100, 1_000, 5_000, 20_000, 100_000} {
		row := fmt.Sprintf("| %d | %d | %.0f | %.1f | %.1f |", nodes, nodes*series, float64(nodes*series)/60,
			float64(nodes)*float64(packed)/60/1e6, float64(nodes*series)*bytesPerSample*scrapesPerDay/1e9)
		if !strings.Contains(string(page), row) {
			t.Errorf("docs/scale.md has no row %s", row)
		}
	}
}
