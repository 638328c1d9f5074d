package report

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"certaudit/audit"
)

// foretold is an awkward forecast: something is over, two nodes are alike and one is not,
// names are hostile, and something was not judged.
func foretold() audit.Forecast {
	end := func(node, role, path, sum string, days int, last, by string, breaks ...audit.Break) audit.End {
		return audit.End{Node: node, Role: role, CommonName: role, Issuer: "kubernetes", SHA256: sum, Places: []audit.EndPlace{{Path: path, Line: 1}},
			NotAfter: now.AddDate(0, 0, days), LastDay: last, RenewedBy: by, Breaks: append([]audit.Break{}, breaks...)}
	}
	etcd := audit.Break{Client: "kube-apiserver", Server: "etcd", Address: "https://127.0.0.1:2379", Reason: "expired", Stops: "nothing is read or written", Source: "https://example.com/a", Rank: 0}
	scheduler := audit.Break{Client: "kube-scheduler", Server: "kube-apiserver", Reason: "expired", Stops: "new pods stay Pending", Source: "https://example.com/b", Rank: 5}
	odd := audit.Break{Client: "kubectl (/root/\x1b[31m.kube, context a|b)", Server: "kube-apiserver", Reason: "expired", Stops: "somebody cannot log in", Source: "https://example.com/c", Rank: 9}
	few, many := scheduler, scheduler
	few.Nodes, few.Rank = []string{"worker-1", "worker-2\u202e"}, 6
	many.Client, many.Nodes = "kubelet", []string{"worker-1", "worker-2\u202e", "worker-3", "worker-4"}
	f := audit.Forecast{Schema: audit.ForecastSchema, At: now, Until: now.AddDate(1, 0, 0), Nodes: []string{"cp-1", "cp-2", "cp-3\u202e"},
		Ends: []audit.End{
			end("cp-3\u202e", "user/client", "/root/\x1b[31m.kube", "e1", -3, "", audit.RenewedByIssuer, odd),
			end("cp-1", "kube-apiserver/etcd-client", "/pki/etcd.crt", "a1", 40, "2027-01-01", audit.RenewedByKubeadm, etcd),
			end("cp-1", "kube-scheduler/client", "/etc/scheduler.conf", "a2", 40, "2027-01-01", audit.RenewedByKubeadm, scheduler),
			end("cp-2", "kube-apiserver/etcd-client", "/pki/etcd.crt", "b1", 40, "2027-01-01", audit.RenewedByKubeadm, etcd),
			end("cp-2", "kube-scheduler/client", "/etc/scheduler.conf", "b2", 40, "2027-01-01", audit.RenewedByKubeadm, scheduler),
			end("cp-3\u202e", "kube-scheduler/client", "/etc/scheduler.conf", "c1", 40, "2027-01-01", audit.RenewedByIssuer, scheduler),
			end("cp-1", "kubelet/serving-self-signed", "/kubelet.crt", "a3", 50, "", audit.RenewedByNobody),
			end("cp-1", "kubelet/client", "/kubelet-client-current.pem", "a4", 60, "", audit.RenewedByItself),
			end("cp-1", "openshift", "/operator.pem", "a5", 70, "", audit.RenewedByItself),
			end("cp-1", "kubernetes/ca", "/pki/ca.crt", "a6", 300, "2027-09-18", audit.RenewedByRotation, many, scheduler, few),
		},
		Renewals: []audit.Renewal{
			{Node: "cp-1", RenewedBy: audit.RenewedByKubeadm, LastDay: "2027-01-01", NotAfter: now.AddDate(0, 0, 40), Certificates: []string{"a1", "a2"}},
			{Node: "cp-2", RenewedBy: audit.RenewedByKubeadm, LastDay: "2027-01-01", NotAfter: now.AddDate(0, 0, 40), Certificates: []string{"b1", "b2"}},
			{Node: "cp-3\u202e", RenewedBy: audit.RenewedByIssuer, LastDay: "2027-01-01", NotAfter: now.AddDate(0, 0, 40), Certificates: []string{"c1"}},
			{Node: "cp-1", RenewedBy: audit.RenewedByRotation, LastDay: "2027-09-18", NotAfter: now.AddDate(0, 0, 300), Certificates: []string{"a6"}},
		},
		Broken: []audit.Connection{{Node: "cp-2", Client: "kubelet", Server: "kube-apiserver", Status: audit.VerdictBroken}, {Node: "cp-2", Client: "kubelet", Server: "kube-apiserver", Address: "b", Status: audit.VerdictBroken}},
		Absent: []audit.AbsentFile{{Node: "cp-3\u202e", Path: "/etc/\x1b[31mkubelet.conf", Reason: "does not exist"}},
		Gaps:   []audit.Gap{{Node: "cp-2", Reason: "/etc/kubernetes/pki may not be read"}},
	}
	f.Ends[0].Places = append(f.Ends[0].Places, audit.EndPlace{Path: "/other"})
	f.Ends[7].Rotation = &audit.Rotation{From: now.AddDate(0, 0, 20), Until: now.AddDate(0, 0, 50)}
	return f
}

// quiet is the forecast of a node of which nothing ends.
func quiet() audit.Forecast {
	return audit.Forecast{Schema: audit.ForecastSchema, At: now, Nodes: []string{"cp-1"}, Ends: []audit.End{}, Renewals: []audit.Renewal{}, Broken: []audit.Connection{}, Absent: []audit.AbsentFile{}, Gaps: []audit.Gap{}}
}

func renderForecast(t *testing.T, name string, f audit.Forecast, o Options) string {
	t.Helper()
	formats := ForecastFormats()
	i := slices.IndexFunc(formats, func(form FormatOf[audit.Forecast]) bool { return form.Name == name })
	var b bytes.Buffer
	if err := formats[i].Write(&b, f, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestForecastFormats(t *testing.T) {
	for _, form := range ForecastFormats() {
		ending := map[string]string{"table": "txt", "markdown": "md"}[form.Name]
		if ending == "" {
			ending = form.Name
		}
		golden(t, "foretold-forecast."+ending, renderForecast(t, form.Name, foretold(), Options{}))
		golden(t, "quiet-forecast."+ending, renderForecast(t, form.Name, quiet(), Options{}))
	}
}

// No line of text is wider than a hundred columns where no single name is, and nothing
// that a terminal obeys gets through.
func TestForecastIsForReaders(t *testing.T) {
	for _, form := range ForecastFormats() {
		text := renderForecast(t, form.Name, foretold(), Options{})
		for line := range strings.Lines(text) {
			line = strings.TrimRight(line, "\r\n")
			if strings.ContainsFunc(line, unprintable) {
				t.Errorf("%s: %q", form.Name, line)
			}
			if form.Name == "table" && textWidth(line) > forecastWidth {
				t.Errorf("%d columns: %q", textWidth(line), line)
			}
		}
	}
}

func TestForecastJSON(t *testing.T) {
	var got audit.Forecast
	if err := json.Unmarshal([]byte(renderForecast(t, "json", foretold(), Options{})), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(foretold(), got, cmpopts.IgnoreFields(audit.Break{}, "Rank")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The page marks the days of a forecast, and has none of it without one.
func TestHTMLOutages(t *testing.T) {
	without := render(t, "html", fine(), Options{})
	if strings.Contains(without, "outage-") {
		t.Error("a page without a forecast marks outages")
	}
	f := foretold()
	page := render(t, "html", fine(), Options{Forecast: &f})
	for _, want := range []string{`<a tabindex="-1" href="#outage-0" class="critical"><title>2026-11-20, expired 3d ago: renew now: somebody cannot log in</title>`,
		`<a tabindex="-1" href="#outage-1" class="warning"><title>2027-01-02, in 40 days: renew by 2027-01-01: nothing is read or written</title>`,
		`<details id="outage-1" class="outage"><summary><span class="warning word">2027-01-02</span> in 40 days: renew by 2027-01-01, on cp-1, cp-2: nothing is read or written</summary>
<ul><li>nothing is read or written</li><li>new pods stay Pending</li></ul></details>`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for range maxOutages {
		f.Ends = append(f.Ends, f.Ends[1])
		last := &f.Ends[len(f.Ends)-1]
		last.NotAfter = last.NotAfter.AddDate(0, 0, len(f.Ends))
	}
	page = render(t, "html", fine(), Options{Forecast: &f})
	if n := strings.Count(page, "<details id=\"outage-"); n != maxOutages || !strings.Contains(page, "4 more outages: certaudit forecast lists all") {
		t.Errorf("%d of %d outages", n, len(outages(f)))
	}
}
